/* heap_fetch.c - what the next rows of a batch are going to ask for is brought into the cache.
 *
 * One thread. A component looks up one key at a time, so that the misses of its rows would follow one another; here those
 * of many rows are under way together: first the slots where the searches for some keys begin, and when they are there,
 * the entries that they name. Nothing is compared and nothing promised: a key that is not in its first slot costs what it
 * did. Rows are taken a few at a time, as a whole batch would not stay in the first cache, nor its pages in that of
 * addresses. Who asks for the values of many keys gets them together.
 */
#include "state/heap_internal.h"

#define CACHED 262144 /* bytes of a set that stay in the cache by themselves */
#define LINE   64

static inline const struct heap_table *table_of(const struct heap *h, struct heap_state *s, uint32_t key_group)
{
    uint32_t group = key_group - h->set.first_group;
    if (group > h->set.last_group - h->set.first_group) return NULL;
    struct heap_group *g = &s->groups[group];
    const struct heap_table *t = g->last && g->last->ns == 0 ? g->last : weir__heap_find_table(g, 0);
    return t && t->n_slots ? t : NULL;
}

static inline void fetch_slot(const struct heap *h, struct heap_state *s, uint32_t group, uint64_t hash)
{
    const struct heap_table *t = table_of(h, s, group);
    if (t) __builtin_prefetch(&t->slots[(uint32_t)hash & (t->n_slots - 1)]);
}

static inline void fetch_entry(const struct heap *h, struct heap_state *s, uint32_t group, uint64_t hash)
{
    const struct heap_table *t = table_of(h, s, group);
    if (!t) return;
    uint32_t tag = (uint32_t)hash, mask = t->n_slots - 1, at = tag & mask;
    while (t->slots[at].place && t->slots[at].tag != tag) at = (at + 1) & mask;
    if (!t->slots[at].place) return;
    const char *entry = (const char *)weir__heap_at(s, t, t->slots[at].place - 1);
    __builtin_prefetch(entry, 1);
    if (((uintptr_t)entry & (LINE - 1)) + s->entry_size > LINE) __builtin_prefetch(entry + LINE, 1);
}

static inline int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

bool weir__heap_fetch(struct weir_state_set *set, const struct weir_rows *rows, int64_t row)
{
    const struct heap *h = weir__heap_of(set);
    const struct weir_row_keys *keys = &rows->keys;
    int64_t n = rows->view.length, next = least(row + WEIR_STATE_FETCH, n), after = least(row + 2 * WEIR_STATE_FETCH, n);
    if (h->bytes < CACHED) return false;
    for (uint32_t i = 0; i < set->n_states; i++) {
        struct heap_state *s = &h->states[i];
        if (s->n_entries == 0) continue;
        for (int64_t r = row == 0 ? 0 : next; r < after; r++) fetch_slot(h, s, keys->key_group[r], keys->hash[r]);
        for (int64_t r = row; r < next; r++) fetch_entry(h, s, keys->key_group[r], keys->hash[r]);
    }
    return true;
}

bool weir__heap_fetch_keys(struct weir_state_set *set, const uint32_t *states, const struct weir_key_ref *keys, uint32_t n)
{
    const struct heap *h = weir__heap_of(set);
    if (h->bytes < CACHED) return false;
    for (uint32_t i = 0; i < n; i++) fetch_slot(h, &h->states[states[i]], keys[i].group, keys[i].hash);
    for (uint32_t i = 0; i < n; i++) fetch_entry(h, &h->states[states[i]], keys[i].group, keys[i].hash);
    return true;
}

void weir__heap_get_keys(struct weir_state_set *set, const uint32_t *states, const struct weir_key_ref *keys, uint32_t n,
                         const void **values)
{
    (void)weir__heap_fetch_keys(set, states, keys, n);
    for (uint32_t i = 0; i < n; i++) values[i] = weir__heap_get(set, states[i], WEIR_SHAPE_VALUE, &keys[i], 0);
}

/* Entries do not move while others come. */
weir_status weir__heap_edit_keys(struct weir_state_set *set, const uint32_t *states, const struct weir_key_ref *keys,
                                 uint32_t n, void **values)
{
    (void)weir__heap_fetch_keys(set, states, keys, n);
    for (uint32_t i = 0; i < n; i++) {
        values[i] = weir__heap_edit(set, states[i], WEIR_SHAPE_VALUE, &keys[i], 0);
        if (!values[i]) return WEIR_E_MEMORY;
    }
    return WEIR_OK;
}
