/* heap_approach.c - entries that will be asked for one by one: their cache misses overlap. One thread. */
#include "state/heap_internal.h"

#define CHUNK 64

static struct heap_table *table_of(struct heap *h, uint32_t state, uint32_t group, int64_t ns)
{
    struct heap_table *t = weir__heap_find_table(&h->states[state].groups[group - h->set.first_group], ns);
    return t && t->n_slots > 0 ? t : NULL;
}

/* Slots first, then what the first one with the key's tag leads to. */
static void approach(struct heap *h, uint32_t state, const struct weir_key_ref *keys, size_t n, int64_t ns)
{
    struct heap_table *tables[CHUNK];
    for (size_t i = 0; i < n; i++) {
        tables[i] = table_of(h, state, keys[i].group, ns);
        if (tables[i]) __builtin_prefetch(&tables[i]->slots[(uint32_t)keys[i].hash & (tables[i]->n_slots - 1)]);
    }
    for (size_t i = 0; i < n; i++) {
        const struct heap_table *t = tables[i];
        uint32_t tag = (uint32_t)keys[i].hash, mask = t ? t->n_slots - 1 : 0, at = tag & mask;
        if (!t) continue;
        while (t->slots[at].place && t->slots[at].tag != tag) at = (at + 1) & mask;
        if (t->slots[at].place) __builtin_prefetch(weir__heap_at(&h->states[state], t, t->slots[at].place - 1), 1);
    }
}

void weir__heap_approach(struct weir_state_set *set, uint32_t state, const struct weir_key_ref *keys, size_t n, int64_t ns)
{
    for (size_t first = 0; first < n; first += CHUNK)
        approach(weir__heap_of(set), state, keys + first, n - first < CHUNK ? n - first : CHUNK, ns);
}
