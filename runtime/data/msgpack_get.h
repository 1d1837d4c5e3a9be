/* data/msgpack_get.h - msgpack read where it lies, for those who know what is there: rows and state.
 *
 * Any form that a msgpack writer may choose is taken, as long as the value fits. False: it is not that, or not whole; then
 * the reader may be anywhere. Texts are borrowed. Format: https://github.com/msgpack/msgpack/blob/master/spec.md.
 */
#ifndef WEIR_DATA_MSGPACK_GET_H
#define WEIR_DATA_MSGPACK_GET_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <weir/data.h>

/* Is p[0..n) one whole msgpack value and nothing else, nested at most 64 deep: what a cell of type any holds? */
bool weir_is_msgpack(const uint8_t *p, size_t n);
/* Bytes of the first msgpack value there; 0: none is whole. Unpacking what this has passed allocates no more than is
 * there. */
size_t weir_msgpack_size(const uint8_t *p, size_t n);

struct weir_msgpack { /* what is left to be read */
    const uint8_t *p, *end;
};
bool weir_msgpack_skip(struct weir_msgpack *); /* of any kind, nested at most 64 deep */

static inline bool weir_msgpack_has(const struct weir_msgpack *in, uint64_t n)
{
    return (uint64_t)(in->end - in->p) >= n;
}

static inline bool weir_msgpack_get_be(struct weir_msgpack *in, int bytes, uint64_t *v)
{
    uint64_t big_endian = 0;
    if (!weir_msgpack_has(in, (uint64_t)bytes)) return false;
    memcpy((uint8_t *)&big_endian + 8 - bytes, in->p, (size_t)bytes);
    *v = __builtin_bswap64(big_endian);
    in->p += bytes;
    return true;
}

static inline bool weir_msgpack_get_tag(struct weir_msgpack *in, uint8_t *tag)
{
    if (!weir_msgpack_has(in, 1)) return false;
    *tag = *in->p++;
    return true;
}

/* False also for what an int64 cannot hold. */
static inline bool weir_msgpack_get_integer(struct weir_msgpack *in, uint8_t tag, int64_t *v)
{
    uint64_t u;
    if (tag < 0x80 || tag >= 0xe0) {
        *v = (int8_t)tag;
        return true;
    }
    if (tag >= 0xcc && tag <= 0xcf) {
        if (!weir_msgpack_get_be(in, 1 << (tag - 0xcc), &u) || u > INT64_MAX) return false;
        *v = (int64_t)u;
        return true;
    }
    if (tag < 0xd0 || tag > 0xd3 || !weir_msgpack_get_be(in, 1 << (tag - 0xd0), &u)) return false;
    int unused = 64 - (8 << (tag - 0xd0));
    *v = (int64_t)(u << unused) >> unused; /* sign extension */
    return true;
}

static inline bool weir_msgpack_get_length(struct weir_msgpack *in, int bytes, weir_str *value)
{
    uint64_t n;
    if (!weir_msgpack_get_be(in, bytes, &n) || !weir_msgpack_has(in, n)) return false;
    *value = (weir_str){(const char *)in->p, (size_t)n};
    in->p += n;
    return true;
}

static inline bool weir_msgpack_get_string(struct weir_msgpack *in, uint8_t tag, weir_str *value)
{
    if ((tag & 0xe0) == 0xa0) {
        if (!weir_msgpack_has(in, tag & 0x1f)) return false;
        *value = (weir_str){(const char *)in->p, tag & 0x1f};
        in->p += value->n;
        return true;
    }
    return tag >= 0xd9 && tag <= 0xdb && weir_msgpack_get_length(in, 1 << (tag - 0xd9), value);
}

static inline bool weir_msgpack_get_bytes(struct weir_msgpack *in, uint8_t tag, weir_str *value)
{
    return tag >= 0xc4 && tag <= 0xc6 && weir_msgpack_get_length(in, 1 << (tag - 0xc4), value);
}

static inline bool weir_msgpack_get_array_head(struct weir_msgpack *in, uint64_t *n)
{
    uint8_t tag;
    if (!weir_msgpack_get_tag(in, &tag)) return false;
    *n = tag & 0x0f;
    return (tag & 0xf0) == 0x90 || ((tag == 0xdc || tag == 0xdd) && weir_msgpack_get_be(in, tag == 0xdc ? 2 : 4, n));
}

#endif
