/* base/random.h - a small seeded generator (splitmix64), the same on every machine. */
#ifndef WEIR_BASE_RANDOM_H
#define WEIR_BASE_RANDOM_H

#include <stdint.h>

struct weir_random {
    uint64_t state;
};
static inline uint64_t weir_random_next(struct weir_random *r)
{
    uint64_t z = (r->state += 0x9e3779b97f4a7c15u); /* Steele, Lea, Flood 2014 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
/* Uniform in [0, n); n > 0. Lemire 2019, without the rejection step: the bias is below n / 2^64. */
static inline uint64_t weir_random_below(struct weir_random *r, uint64_t n)
{
    return (uint64_t)(((unsigned __int128)weir_random_next(r) * n) >> 64);
}

#endif
