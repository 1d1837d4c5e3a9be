/* bench/keys.h - keys for the benchmarks of state, shared by the plugin and the hand-written loops. */
#ifndef WEIR_BENCH_KEYS_H
#define WEIR_BENCH_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#define BENCH_KEY_BITS 20

/* The key of row i among 2^20: uniform; or hot, with a density of one over the rank, in steps of a power of two (Zipf's law
 * with exponent 1), the hot ones spread over all keys. */
static inline int64_t bench_key_at(int64_t i, bool hot)
{
    uint64_t x = (uint64_t)i * 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    x ^= x >> 31;
    if (!hot) return (int64_t)(x >> (64 - BENCH_KEY_BITS));
    uint64_t step = UINT64_C(1) << (x >> 32) % BENCH_KEY_BITS, rank = step + (x & (step - 1));
    return (int64_t)(rank * 0x9e3779b1u & ((UINT64_C(1) << BENCH_KEY_BITS) - 1));
}

/* What one row adds to its key's state. */
struct bench_total {
    int64_t n;
    double sum;
};
static inline double bench_total_add(struct bench_total *t, int64_t i)
{
    t->n++;
    t->sum += (double)(i & 1023);
    return t->sum;
}

#endif
