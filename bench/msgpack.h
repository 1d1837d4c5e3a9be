/* bench/msgpack.h - msgpack of known shapes: what the plugin and the loops of bench/any.c share. */
#ifndef WEIR_BENCH_MSGPACK_H
#define WEIR_BENCH_MSGPACK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint8_t *bench_put_uint(uint8_t *p, uint64_t x) /* the shortest form, as msgpack writers choose it */
{
    if (x < 128) {
        *p = (uint8_t)x;
        return p + 1;
    }
    if (x <= UINT8_MAX) {
        p[0] = 0xcc;
        p[1] = (uint8_t)x;
        return p + 2;
    }
    if (x <= UINT16_MAX) {
        uint16_t big = __builtin_bswap16((uint16_t)x);
        *p = 0xcd;
        memcpy(p + 1, &big, sizeof big);
        return p + 3;
    }
    if (x <= UINT32_MAX) {
        uint32_t big = __builtin_bswap32((uint32_t)x);
        *p = 0xce;
        memcpy(p + 1, &big, sizeof big);
        return p + 5;
    }
    uint64_t big = __builtin_bswap64(x);
    *p = 0xcf;
    memcpy(p + 1, &big, sizeof big);
    return p + 9;
}
static inline uint8_t *bench_put_double(uint8_t *p, double value)
{
    uint64_t x;
    memcpy(&x, &value, sizeof x);
    x = __builtin_bswap64(x);
    *p = 0xcb;
    memcpy(p + 1, &x, sizeof x);
    return p + 9;
}
static inline const uint8_t *bench_get_uint(const uint8_t *p, uint64_t *x)
{
    uint16_t two;
    uint32_t four;
    switch (*p) {
    case 0xcc: *x = p[1]; return p + 2;
    case 0xcd:
        memcpy(&two, p + 1, sizeof two);
        *x = __builtin_bswap16(two);
        return p + 3;
    case 0xce:
        memcpy(&four, p + 1, sizeof four);
        *x = __builtin_bswap32(four);
        return p + 5;
    case 0xcf:
        memcpy(x, p + 1, sizeof *x);
        *x = __builtin_bswap64(*x);
        return p + 9;
    default: *x = *p; return p + 1;
    }
}
static inline const uint8_t *bench_get_double(const uint8_t *p, double *value)
{
    uint64_t x;
    memcpy(&x, p + 1, sizeof x);
    x = __builtin_bswap64(x);
    memcpy(value, &x, sizeof x);
    return p + 9;
}

/* [key, value] */
#define BENCH_PAIR_MOST 19
static inline uint8_t *bench_put_pair(uint8_t *p, int64_t key, double value)
{
    *p = 0x92;
    return bench_put_double(bench_put_uint(p + 1, (uint64_t)key), value);
}
static inline const uint8_t *bench_get_pair(const uint8_t *p, int64_t *key, double *value)
{
    uint64_t x;
    p = bench_get_uint(p + 1, &x);
    *key = (int64_t)x;
    return bench_get_double(p, value);
}

/* A row of the benchmarks, as docs/formats/row.md says. */
static inline uint8_t *bench_put_row(uint8_t *p, int64_t key, int64_t at, double value)
{
    *p = 0x93;
    return bench_put_double(bench_put_uint(bench_put_uint(p + 1, (uint64_t)key), (uint64_t)at), value);
}

/* Of short bytes: 20 bits, so that doubles hold it. */
static inline uint64_t bench_bytes_hash(const uint8_t *bytes, size_t n)
{
    uint64_t hash = n, word = 0;
    for (; n >= 8; n -= 8, bytes += 8) {
        memcpy(&word, bytes, 8);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    }
    for (word = 0; n > 0; n--) word = word << 8 | *bytes++;
    return ((hash ^ word) * 0x9e3779b97f4a7c15u) >> 44;
}

#endif
