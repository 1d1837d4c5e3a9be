/* data/bits_internal.h - LSB-first bitmaps that start at any bit, in words of 64. Reads touch only the bytes that hold
 * bits asked for. Byte order: little-endian machines, as Arrow's layout is read in place. */
#ifndef WEIR_DATA_BITS_INTERNAL_H
#define WEIR_DATA_BITS_INTERNAL_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "columns are read in place");

/* Bits at .. at + n - 1, n in 1 .. 64; the bits above them are zero. */
static inline uint64_t weir__bits_load(const uint8_t *bits, int64_t at, int64_t n)
{
    const uint8_t *p = bits + (at >> 3);
    int shift = (int)(at & 7);
    size_t bytes = (size_t)(shift + n + 7) >> 3;
    uint64_t v = 0;
    if (bytes >= 8) memcpy(&v, p, 8);
    else memcpy(&v, p, bytes);
    v >>= shift;
    if (bytes == 9) v |= (uint64_t)p[8] << (64 - shift);
    return n == 64 ? v : v & (((uint64_t)1 << n) - 1);
}

static inline void weir__bits_put(uint8_t *bits, int64_t i, bool v)
{
    uint8_t bit = (uint8_t)(1u << (i & 7));
    bits[i >> 3] = (uint8_t)(v ? bits[i >> 3] | bit : bits[i >> 3] & ~bit);
}

static inline bool weir__bits_all(const uint8_t *bits, int64_t at, int64_t n)
{
    for (; n >= 64; n -= 64, at += 64) {
        if (weir__bits_load(bits, at, 64) != UINT64_MAX) return false;
    }
    return n <= 0 || weir__bits_load(bits, at, n) == (((uint64_t)1 << n) - 1);
}

static inline int64_t weir__bits_count(const uint8_t *bits, int64_t at, int64_t n)
{
    int64_t count = 0;
    for (; n >= 64; n -= 64, at += 64) count += __builtin_popcountll(weir__bits_load(bits, at, 64));
    return n > 0 ? count + __builtin_popcountll(weir__bits_load(bits, at, n)) : count;
}

/* to[to_at ..] = from[from_at ..], n bits; bits of `to` outside them stay. */
static inline void weir__bits_copy(uint8_t *to, int64_t to_at, const uint8_t *from, int64_t from_at, int64_t n)
{
    for (; n > 0 && (to_at & 7); n--) weir__bits_put(to, to_at++, from[from_at >> 3] >> (from_at & 7) & 1), from_at++;
    for (; n >= 64; n -= 64, to_at += 64, from_at += 64) {
        uint64_t v = weir__bits_load(from, from_at, 64);
        memcpy(to + (to_at >> 3), &v, 8);
    }
    for (; n > 0; n--) weir__bits_put(to, to_at++, from[from_at >> 3] >> (from_at & 7) & 1), from_at++;
}

#endif
