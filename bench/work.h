/* bench/work.h - the work itself, shared by the plugins and the hand-written loops, so that both do the same. */
#ifndef WEIR_BENCH_WORK_H
#define WEIR_BENCH_WORK_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* ---- rows -------------------------------------------------------------------------------------------------------- */

struct bench_row {
    int64_t key, at;
    double value;
};

static inline uint32_t
bench_mix(uint32_t x) /* MurmurHash3's finaliser: 32-bit multiplications, which all CPUs do side by side */
{
    x ^= x >> 16;
    x *= 0x85ebca6bu;
    x ^= x >> 13;
    x *= 0xc2b2ae35u;
    return x ^ x >> 16;
}

/* Row i: a key in [0, keys) that looks random, times that grow by 1 ms per row, a value of 10 bits (so that sums are exact
 * in any order). */
static inline struct bench_row bench_row_at(int64_t i, int64_t keys)
{
    uint32_t x = bench_mix((uint32_t)i);
    struct bench_row row = {(int64_t)((uint64_t)x * (uint32_t)keys >> 32), i, (double)(int32_t)(x * 0x9e3779b9u >> 22)};
    return row;
}

/* Rows are dealt to the parallel instances of a source by blocks: block b to instance b % instances. */
#define BENCH_BLOCK 1024

/* Rows that lie in memory, by columns; row i of a longer stream is row i % n, with the time i. The job's source gets the
 * address of this as an option. */
struct bench_memory {
    int64_t n; /* a multiple of BENCH_BLOCK */
    int64_t *key;
    double *value;
};

/* ---- map and filter ---------------------------------------------------------------------------------------------- */

static inline double bench_scale(double value)
{
    return value * 1.25 + 3.0;
}
static inline bool bench_keeps(double scaled) /* three rows of four */
{
    return scaled < 963.0;
}

/* ---- timers and rules -------------------------------------------------------------------------------------------- */

/* When the timer of row i is due: between 2^20 and 2^21 ms after it, and for rows of the same key as far after each. */
static inline int64_t bench_timer_at(int64_t i, int64_t key)
{
    return i + (1 << 20) + (bench_mix((uint32_t)key) >> 12);
}

/* What the rule of a key says. */
static inline double bench_rule(int64_t key)
{
    return (double)(key % 7 + 1);
}

/* ---- what came out ----------------------------------------------------------------------------------------------- */

/* Order-insensitive: a sum over rows of a product in which each bit of key and value counts. Cheap, as it is part of both
 * sides: one multiplication of 32 bits by 32. */
struct bench_sum {
    uint64_t rows, hash;
};
static inline uint64_t bench_hash(int64_t key, double value)
{
    uint64_t k = (uint64_t)key, v;
    memcpy(&v, &value, sizeof v);
    return (uint64_t)((uint32_t)(k ^ k >> 32) ^ 0x9e3779b9u) * ((uint32_t)(v ^ v >> 32) ^ 0x85ebca6bu);
}
static inline void bench_sum_add(struct bench_sum *s, int64_t key, double value)
{
    s->hash += bench_hash(key, value);
    s->rows++;
}

#endif
