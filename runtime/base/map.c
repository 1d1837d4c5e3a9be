/* map.c - entries in an array, and an open-addressing index of entry numbers beside it (linear probing, at most half
 * full).
 *
 * Nothing is ever removed, so an empty place ends a search. index[k] is an entry's number plus one, 0 when empty;
 * index_size is a power of two.
 */
#include "base/map.h"

#include <stdint.h>
#include <string.h>

#include "base/alloc.h"

static uint64_t hash_of(const char *key)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
    for (; *key; key++) h = (h ^ (unsigned char)*key) * 0x100000001b3u;
    return h ^ (h >> 32);
}

/* The index place of key, or the empty place where it belongs. */
static size_t place_of(const struct weir_map *m, const char *key)
{
    size_t mask = m->index_size - 1, at = (size_t)hash_of(key) & mask;
    while (m->index[at] && strcmp(m->entries[m->index[at] - 1].key, key) != 0) at = (at + 1) & mask;
    return at;
}

static const struct weir_map_entry *entry_of(const struct weir_map *m, const char *key)
{
    if (m->n == 0) return NULL;
    unsigned number = m->index[place_of(m, key)];
    return number ? &m->entries[number - 1] : NULL;
}

static void grow_index(struct weir_map *m)
{
    size_t size = m->index_size ? m->index_size * 2 : 16;
    weir_free(m->index);
    m->index = weir_alloc_array(size, sizeof *m->index);
    m->index_size = size;
    for (size_t i = 0; i < m->n; i++) m->index[place_of(m, m->entries[i].key)] = (unsigned)i + 1;
}

void weir_map_put(struct weir_map *m, const char *key, void *value)
{
    if ((m->n + 1) * 2 > m->index_size) grow_index(m);
    size_t at = place_of(m, key);
    if (m->index[at]) {
        m->entries[m->index[at] - 1].value = value;
        return;
    }
    WEIR_GROW(m->entries, m->capacity, m->n + 1);
    m->entries[m->n] = (struct weir_map_entry){.key = weir_strdup(key), .value = value};
    m->index[at] = (unsigned)++m->n;
}

void *weir_map_find(const struct weir_map *m, const char *key)
{
    const struct weir_map_entry *e = entry_of(m, key);
    return e ? e->value : NULL;
}

bool weir_map_has(const struct weir_map *m, const char *key)
{
    return entry_of(m, key) != NULL;
}

void weir_map_finish(struct weir_map *m)
{
    for (size_t i = 0; i < m->n; i++) weir_free(m->entries[i].key);
    weir_free(m->entries);
    weir_free(m->index);
    *m = (struct weir_map){0};
}
