/* bench/work.h - the work itself, shared by the plugins and the hand-written loops, so that both do the same. */
#ifndef WEIR_BENCH_WORK_H
#define WEIR_BENCH_WORK_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct bench_row {
    int64_t key, at;
    double value;
};

/* Row i: a key in [0, keys) that looks random, times that grow by 1 ms per row, a value of 10 bits (so that sums are exact
 * in any order). */
static inline struct bench_row bench_row_at(int64_t i, int64_t keys)
{
    uint64_t x = (uint64_t)i * 0x9e3779b97f4a7c15u;
    uint64_t high = x >> 32;
    struct bench_row row = {(int64_t)((high * (uint64_t)keys) >> 32), i, (double)(x >> 22 & 1023)};
    return row;
}

static inline double bench_scale(double value)
{
    return value * 1.25 + 3.0;
}
static inline bool bench_keeps(double scaled) /* three rows of four */
{
    return scaled < 963.0;
}

/* Order-insensitive: a sum of mixed rows. */
struct bench_sum {
    uint64_t rows, hash;
};
static inline void bench_sum_add(struct bench_sum *s, int64_t key, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint64_t x = ((uint64_t)key * 0xff51afd7ed558ccdu) ^ bits;
    x ^= x >> 32;
    s->hash += x * 0xc4ceb9fe1a85ec53u;
    s->rows++;
}

#endif
