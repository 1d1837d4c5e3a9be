/* heap_fetch.c - what the next rows of a batch are going to ask for is brought into the cache.
 *
 * One thread. A component looks up one key at a time, so that the misses of its rows would follow one another; here those
 * of many rows are under way together: first the slots where the searches for some keys begin, and when they are there,
 * the entries that they name. Nothing is compared and nothing promised: a key that is not in its first slot costs what it
 * did. Rows are taken a few at a time, as a whole batch would not stay in the first cache, nor its pages in that of
 * addresses.
 */
#include "state/heap_internal.h"

#define CACHED 262144 /* bytes of a set that stay in the cache by themselves */
#define LINE   64

struct coming {
    const struct heap *heap;
    struct heap_state *state;
    const struct weir_rows *rows;
};

static inline const struct heap_table *table_of(const struct coming *c, int64_t row)
{
    uint32_t group = c->rows->keys.key_group[row] - c->heap->set.first_group;
    if (group > c->heap->set.last_group - c->heap->set.first_group) return NULL;
    struct heap_group *g = &c->state->groups[group];
    const struct heap_table *t = g->last && g->last->ns == 0 ? g->last : weir__heap_find_table(g, 0);
    return t && t->n_slots ? t : NULL;
}

static void fetch_slots(const struct coming *c, int64_t from, int64_t to)
{
    for (int64_t row = from; row < to; row++) {
        const struct heap_table *t = table_of(c, row);
        if (t) __builtin_prefetch(&t->slots[(uint32_t)c->rows->keys.hash[row] & (t->n_slots - 1)]);
    }
}

static void fetch_entries(const struct coming *c, int64_t from, int64_t to)
{
    for (int64_t row = from; row < to; row++) {
        const struct heap_table *t = table_of(c, row);
        if (!t) continue;
        uint32_t tag = (uint32_t)c->rows->keys.hash[row], mask = t->n_slots - 1, at = tag & mask;
        while (t->slots[at].place && t->slots[at].tag != tag) at = (at + 1) & mask;
        if (!t->slots[at].place) continue;
        const char *entry = (const char *)weir__heap_at(c->state, t, t->slots[at].place - 1);
        __builtin_prefetch(entry, 1);
        if (((uintptr_t)entry & (LINE - 1)) + c->state->entry_size > LINE) __builtin_prefetch(entry + LINE, 1);
    }
}

static inline int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void weir__heap_fetch(struct weir_state_set *set, const struct weir_rows *rows, int64_t row)
{
    const struct heap *h = weir__heap_of(set);
    int64_t n = rows->view.length, next = least(row + WEIR_STATE_FETCH, n), after = least(row + 2 * WEIR_STATE_FETCH, n);
    if (h->bytes < CACHED) return;
    for (uint32_t i = 0; i < set->n_states; i++) {
        const struct coming c = {h, &h->states[i], rows};
        if (c.state->n_entries == 0) continue;
        fetch_slots(&c, row == 0 ? 0 : next, after);
        fetch_entries(&c, row, next);
    }
}
