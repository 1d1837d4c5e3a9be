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
    char *text; /* keys are texts: `key` says where they are in it; NULL: keys are the numbers */
};

/* ---- keys that are texts ----------------------------------------------------------------------------------------- */

/* At least 8 bytes and at most 16, one behind the other: 16 can be read from each of them on. */
#define BENCH_LEAST_TEXT 8
#define BENCH_MOST_TEXT  16

static inline int64_t bench_text_ref(int64_t offset, int64_t length)
{
    return offset << 8 | length;
}
static inline const char *bench_text_at(const struct bench_memory *m, int64_t ref)
{
    return m->text + (ref >> 8);
}
static inline uint32_t bench_text_length(int64_t ref)
{
    return (uint32_t)(ref & 0xFF);
}
/* Of such a text; its lower half is as good as its upper. */
static inline uint64_t bench_text_hash(const char *p, uint32_t n)
{
    uint64_t first, last;
    memcpy(&first, p, 8);
    memcpy(&last, p + n - 8, 8);
    uint64_t h = ((first ^ n) * 0x9e3779b97f4a7c15u ^ last) * 0xc2b2ae3d27d4eb4fu;
    return h ^ h >> 32;
}

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
