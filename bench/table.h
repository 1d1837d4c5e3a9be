/* bench/table.h - the hash table of the hand-written loops: linear probing in a power of two, at most half full, 16 bytes a
 * slot, so that a probe touches one cache line; blocks of rows at a time, hashed first and fetched ahead.
 */
#ifndef WEIR_BENCH_TABLE_H
#define WEIR_BENCH_TABLE_H

#include <stdlib.h>
#include <sys/mman.h>

#include "bench.h"

#define BENCH_NO_KEY INT64_MIN

struct bench_slot {
    int64_t key;
    double sum;
};
struct bench_table {
    struct bench_slot *slots;
    uint64_t mask;
    int shift; /* the hash's upper bits are the place */
};

/* Zeroed memory in huge pages where there are any. */
static inline void *bench_pages(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) weir_bench_die("loop", "no memory");
    madvise(p, size, MADV_HUGEPAGE);
    return p;
}

static inline void bench_table_init(struct bench_table *t, int64_t keys)
{
    uint64_t size = 16;
    t->shift = 60;
    for (; size < (uint64_t)keys * 2; size *= 2) t->shift--;
    t->mask = size - 1;
    t->slots = bench_pages(size * sizeof *t->slots);
    for (uint64_t i = 0; i < size; i++) t->slots[i].key = BENCH_NO_KEY;
}
static inline void bench_table_finish(struct bench_table *t)
{
    munmap(t->slots, (t->mask + 1) * sizeof *t->slots);
}

static inline uint64_t bench_table_place(const struct bench_table *t, int64_t key)
{
    return (uint64_t)key * 0x9e3779b97f4a7c15u >> t->shift;
}
/* The slot of the key from `place` on; a new one has the sum 0. */
static inline struct bench_slot *bench_table_at(struct bench_table *t, uint64_t place, int64_t key)
{
    for (;; place = (place + 1) & t->mask) {
        struct bench_slot *s = &t->slots[place];
        if (s->key == key) return s;
        if (s->key != BENCH_NO_KEY) continue;
        s->key = key;
        return s;
    }
}

/* For tables that number keys: from 0 on, in the order in which they come; *n: how many there are. */
static inline size_t bench_table_number(struct bench_table *t, uint64_t place, int64_t key, size_t *n)
{
    struct bench_slot *s = bench_table_at(t, place, key);
    if (s->sum == 0) s->sum = (double)++*n;
    return (size_t)s->sum - 1;
}
/* The numbers of at most BENCH_BLOCK rows, fetched ahead. */
static inline void bench_table_numbers(struct bench_table *t, const int64_t *key, int64_t n, size_t *known, size_t *number)
{
    for (int64_t i = 0; i < n; i++) number[i] = bench_table_place(t, key[i]);
    for (int64_t i = 0; i < n; i++) __builtin_prefetch(&t->slots[number[i]]);
    for (int64_t i = 0; i < n; i++) number[i] = bench_table_number(t, number[i], key[i], known);
}

/* Adds the values of at most BENCH_BLOCK rows. */
static inline void bench_table_add(struct bench_table *t, const int64_t *key, const double *value, int64_t n)
{
    enum { AHEAD = 16 };
    uint64_t place[BENCH_BLOCK + AHEAD];
    for (int64_t i = 0; i < n; i++) place[i] = bench_table_place(t, key[i]);
    for (int64_t i = n; i < n + AHEAD; i++) place[i] = 0;
    if (t->mask < 1 << 14) { /* in the second cache anyway */
        for (int64_t i = 0; i < n; i++) bench_table_at(t, place[i], key[i])->sum += value[i];
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        __builtin_prefetch(&t->slots[place[i + AHEAD]], 1);
        bench_table_at(t, place[i], key[i])->sum += value[i];
    }
}

/* Gives every key to the sum, and empties the table. */
static inline void bench_table_emit(struct bench_table *t, struct bench_sum *sum)
{
    for (uint64_t i = 0; i <= t->mask; i++) {
        struct bench_slot *s = &t->slots[i];
        if (s->key == BENCH_NO_KEY) continue;
        bench_sum_add(sum, s->key, s->sum);
        *s = (struct bench_slot){BENCH_NO_KEY, 0};
    }
}

#endif
