/* bits.c - passes over whole bitmaps that are worth a copy for each instruction set. */
#include <weir/cpu.h>

#include "data/bits_internal.h"
#include "data/rows.h"

WEIR_FOR_SEVERAL_CPUS
static int64_t count_bits(const uint8_t *bits, int64_t n)
{
    return weir__bits_count(bits, 0, n);
}

int64_t weir_bits_count(const uint8_t *bits, int64_t n)
{
    return count_bits(bits, n);
}

/* places[byte >> 4][byte & 15]: the numbers of a byte's set bits, lowest first; what is behind them has no meaning. */
#define PLACES(...)                                                                                                    \
    {                                                                                                                  \
        {__VA_ARGS__}, {0, __VA_ARGS__}, {1, __VA_ARGS__}, {0, 1, __VA_ARGS__}, {2, __VA_ARGS__}, {0, 2, __VA_ARGS__}, \
            {1, 2, __VA_ARGS__}, {0, 1, 2, __VA_ARGS__}, {3, __VA_ARGS__}, {0, 3, __VA_ARGS__}, {1, 3, __VA_ARGS__},   \
            {0, 1, 3, __VA_ARGS__}, {2, 3, __VA_ARGS__}, {0, 2, 3, __VA_ARGS__}, {1, 2, 3, __VA_ARGS__},               \
            {0, 1, 2, 3, __VA_ARGS__},                                                                                 \
    }
static const uint8_t places[16][16][8] = {
    PLACES(0),    PLACES(4),       PLACES(5),       PLACES(4, 5),       PLACES(6),    PLACES(4, 6),
    PLACES(5, 6), PLACES(4, 5, 6), PLACES(7),       PLACES(4, 7),       PLACES(5, 7), PLACES(4, 5, 7),
    PLACES(6, 7), PLACES(4, 6, 7), PLACES(5, 6, 7), PLACES(4, 5, 6, 7),
};

/* All eight are written, which needs no branch, and the next byte's go over those that were too many. */
static inline uint32_t *put_indexes(uint32_t *restrict to, uint32_t base, unsigned byte)
{
    uint8_t place[8];
    memcpy(place, places[byte >> 4][byte & 15], sizeof place);
    for (int k = 0; k < 8; k++) to[k] = base + place[k];
    return to + __builtin_popcount(byte);
}

WEIR_FOR_SEVERAL_CPUS
static int64_t list_bits(const uint8_t *bits, int64_t n, uint32_t *to)
{
    uint32_t *at = to;
    for (int64_t i = 0; i + 8 <= n; i += 8) at = put_indexes(at, (uint32_t)i, bits[i >> 3]);
    if (n & 7) at = put_indexes(at, (uint32_t)(n & ~7), bits[n >> 3] & ((1u << (n & 7)) - 1));
    return at - to;
}

int64_t weir_bits_indexes(const uint8_t *bits, int64_t n, uint32_t *to)
{
    return list_bits(bits, n, to);
}
