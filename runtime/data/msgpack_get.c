/* msgpack_get.c - see msgpack_get.h: passing over values of any kind. */
#include "data/msgpack_get.h"

#define MOST_DEPTH 64 /* containers in containers */

static bool skip(struct weir_msgpack *in, uint64_t n)
{
    if (!weir_msgpack_has(in, n)) return false;
    in->p += n;
    return true;
}

static bool skip_value(struct weir_msgpack *in, int depth);

static bool skip_values(struct weir_msgpack *in, uint64_t n, int depth)
{
    if (depth == 0) return false;
    for (; n > 0; n--) {
        if (!skip_value(in, depth - 1)) return false;
    }
    return true;
}

static bool skip_value(struct weir_msgpack *in, int depth)
{
    uint8_t tag;
    uint64_t n;
    weir_str text;
    if (!weir_msgpack_get_tag(in, &tag)) return false;
    if (tag < 0x80 || tag >= 0xe0 || tag == 0xc0 || tag == 0xc2 || tag == 0xc3) return true;
    if (tag < 0x90) return skip_values(in, 2 * (uint64_t)(tag & 0x0f), depth);
    if (tag < 0xa0) return skip_values(in, tag & 0x0f, depth);
    if (tag < 0xc0 || (tag >= 0xd9 && tag <= 0xdb)) return weir_msgpack_get_string(in, tag, &text);
    if (tag >= 0xc4 && tag <= 0xc6) return weir_msgpack_get_bytes(in, tag, &text);
    if (tag >= 0xc7 && tag <= 0xc9) /* ext: a type byte more */
        return weir_msgpack_get_be(in, 1 << (tag - 0xc7), &n) && skip(in, n + 1);
    if (tag == 0xca || tag == 0xcb) return skip(in, tag == 0xca ? 4 : 8);
    if (tag >= 0xcc && tag <= 0xcf) return skip(in, (uint64_t)1 << (tag - 0xcc));
    if (tag >= 0xd0 && tag <= 0xd3) return skip(in, (uint64_t)1 << (tag - 0xd0));
    if (tag >= 0xd4 && tag <= 0xd8) return skip(in, ((uint64_t)1 << (tag - 0xd4)) + 1); /* fixext */
    if (tag == 0xdc || tag == 0xdd) return weir_msgpack_get_be(in, tag == 0xdc ? 2 : 4, &n) && skip_values(in, n, depth);
    if (tag == 0xde || tag == 0xdf) return weir_msgpack_get_be(in, tag == 0xde ? 2 : 4, &n) && skip_values(in, 2 * n, depth);
    return false; /* 0xc1 is never used */
}

bool weir_msgpack_skip(struct weir_msgpack *in)
{
    return skip_value(in, MOST_DEPTH);
}

bool weir_is_msgpack(const uint8_t *p, size_t n)
{
    struct weir_msgpack in = {p, p + n};
    return weir_msgpack_skip(&in) && in.p == in.end;
}

size_t weir_msgpack_size(const uint8_t *p, size_t n)
{
    struct weir_msgpack in = {p, p + n};
    return weir_msgpack_skip(&in) ? (size_t)(in.p - p) : 0;
}
