/* data/msgpack_put.h - msgpack written to a place that has room, for those who know what they write: rows and state.
 *
 * Each gives the place behind what it wrote. Integers and lengths get their shortest form, as msgpack-c gives them. Format:
 * https://github.com/msgpack/msgpack/blob/master/spec.md.
 */
#ifndef WEIR_DATA_MSGPACK_PUT_H
#define WEIR_DATA_MSGPACK_PUT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define WEIR_MSGPACK_MOST 9 /* bytes of the longest number, and more than those of the head of a text or an array */

static inline uint8_t *weir_msgpack_put_byte(uint8_t *to, uint64_t v)
{
    *to = (uint8_t)v;
    return to + 1;
}

static inline uint8_t *weir_msgpack_put_tagged(uint8_t *to, uint8_t tag, uint64_t v, int bytes)
{
    uint64_t big_endian = __builtin_bswap64(v << (64 - 8 * bytes));
    *to = tag;
    memcpy(to + 1, &big_endian, (size_t)bytes);
    return to + 1 + bytes;
}

static inline uint8_t *weir_msgpack_put_nil(uint8_t *to)
{
    return weir_msgpack_put_byte(to, 0xc0);
}

static inline uint8_t *weir_msgpack_put_bool(uint8_t *to, bool v)
{
    return weir_msgpack_put_byte(to, v ? 0xc3 : 0xc2);
}

static inline uint8_t *weir_msgpack_put_natural(uint8_t *to, uint64_t v)
{
    if (v < 128) return weir_msgpack_put_byte(to, v);
    if (v <= UINT8_MAX) return weir_msgpack_put_tagged(to, 0xcc, v, 1);
    if (v <= UINT16_MAX) return weir_msgpack_put_tagged(to, 0xcd, v, 2);
    return v <= UINT32_MAX ? weir_msgpack_put_tagged(to, 0xce, v, 4) : weir_msgpack_put_tagged(to, 0xcf, v, 8);
}

static inline uint8_t *weir_msgpack_put_integer(uint8_t *to, int64_t v)
{
    uint64_t u = (uint64_t)v;
    if (v >= 0) return weir_msgpack_put_natural(to, u);
    if (v >= -32) return weir_msgpack_put_byte(to, u);
    if (v >= INT8_MIN) return weir_msgpack_put_tagged(to, 0xd0, u, 1);
    if (v >= INT16_MIN) return weir_msgpack_put_tagged(to, 0xd1, u, 2);
    return v >= INT32_MIN ? weir_msgpack_put_tagged(to, 0xd2, u, 4) : weir_msgpack_put_tagged(to, 0xd3, u, 8);
}

static inline uint8_t *weir_msgpack_put_f32(uint8_t *to, float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return weir_msgpack_put_tagged(to, 0xca, bits, 4);
}

static inline uint8_t *weir_msgpack_put_f64(uint8_t *to, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return weir_msgpack_put_tagged(to, 0xcb, bits, 8);
}

static inline uint8_t *weir_msgpack_put_string_head(uint8_t *to, uint64_t n)
{
    if (n < 32) return weir_msgpack_put_byte(to, 0xa0 | n);
    if (n <= UINT8_MAX) return weir_msgpack_put_tagged(to, 0xd9, n, 1);
    return n <= UINT16_MAX ? weir_msgpack_put_tagged(to, 0xda, n, 2) : weir_msgpack_put_tagged(to, 0xdb, n, 4);
}

static inline uint8_t *weir_msgpack_put_bytes_head(uint8_t *to, uint64_t n)
{
    if (n <= UINT8_MAX) return weir_msgpack_put_tagged(to, 0xc4, n, 1);
    return n <= UINT16_MAX ? weir_msgpack_put_tagged(to, 0xc5, n, 2) : weir_msgpack_put_tagged(to, 0xc6, n, 4);
}

static inline uint8_t *weir_msgpack_put_array_head(uint8_t *to, uint64_t n)
{
    if (n < 16) return weir_msgpack_put_byte(to, 0x90 | n);
    return n <= UINT16_MAX ? weir_msgpack_put_tagged(to, 0xdc, n, 2) : weir_msgpack_put_tagged(to, 0xdd, n, 4);
}

#endif
