/* base/map.h - a small hash map from strings to pointers, iterated in insertion order. For control objects. */
#ifndef WEIR_BASE_MAP_H
#define WEIR_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>

struct weir_map_entry {
    char *key; /* owned */
    void *value;
};
struct weir_map { /* zeroed is empty */
    struct weir_map_entry *entries; /* 0 .. n-1, in insertion order */
    size_t n, capacity;
    unsigned *index;
    size_t index_size;
};
void weir_map_put(struct weir_map *m, const char *key, void *value); /* replaces */
void *weir_map_find(const struct weir_map *m, const char *key);      /* NULL when absent */
bool weir_map_has(const struct weir_map *m, const char *key);
void weir_map_finish(struct weir_map *m); /* values are the caller's */

#endif
