/* data/key_internal.h - the inner steps of hashing, inlined into the loops of key_rows.c; and growing key bytes. */
#ifndef WEIR_DATA_KEY_INTERNAL_H
#define WEIR_DATA_KEY_INTERNAL_H

#include <string.h>

#include "data/key.h"

/* The bits of a value, every NaN as Java's canonical one. */
static inline uint32_t weir__f32_bits(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return v != v ? 0x7fc00000u : bits;
}
static inline uint64_t weir__f64_bits(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return v != v ? 0x7ff8000000000000u : bits;
}

static inline int32_t weir__java_fold(uint64_t v)
{
    return (int32_t)(uint32_t)(v ^ v >> 32);
}

static inline uint32_t weir__rotate_left(uint32_t v, int n)
{
    return v << n | v >> (32 - n);
}

/* Never negative. */
static inline int32_t weir__murmur(int32_t hash)
{
    uint32_t c = (uint32_t)hash * 0xcc9e2d51u;
    c = weir__rotate_left(c, 15) * 0x1b873593u;
    c = weir__rotate_left(c, 13) * 5 + 0xe6546b64u;
    c ^= 4;
    c = (c ^ c >> 16) * 0x85ebca6bu;
    c = (c ^ c >> 13) * 0xc2b2ae35u;
    c ^= c >> 16;
    int32_t s = (int32_t)c;
    return s >= 0 ? s : s != INT32_MIN ? -s : 0;
}

/* weir_key_hash64 of four and of eight bytes. */
static inline uint64_t weir__mix64(uint64_t v)
{
    v += 0x9e3779b97f4a7c15u;
    v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9u;
    v = (v ^ v >> 27) * 0x94d049bb133111ebu;
    return v ^ v >> 31;
}

/* Of a column of strings (key_texts.c): Java's hashes of rows from .. from + n - 1; weir_key_hash64 of rows 0 .. n - 1. */
void weir__java_hash_texts(const weir_column *, int64_t from, int64_t n, int32_t *to);
void weir__hash_texts(const weir_column *, int64_t n, uint64_t *to);

#endif
