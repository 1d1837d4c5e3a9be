/* dump_order.c - values as bytes that sort as they do. Any one thread.
 *
 * A tag, then: a number in eight bytes, the highest first, its sign turned; a float as IEEE 754 orders it; a text with each
 * zero byte followed by 0xff, and an end that is less than anything that could go on; an array with an end below every tag.
 */
#include "checkpoint/dump_internal.h"

#include <string.h>

enum { END = 0, NIL, NO, YES, INTEGER, LARGE_INTEGER, FLOAT, TEXT, BYTES, ARRAY, MAP, OTHER };

static bool add_tag(struct weir_key_bytes *to, uint8_t tag)
{
    return weir_key_bytes_add(to, &tag, 1);
}

bool weir__order_number(struct weir_key_bytes *to, uint64_t v)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(v >> (56 - 8 * i));
    return weir_key_bytes_add(to, bytes, sizeof bytes);
}

bool weir__order_text(struct weir_key_bytes *to, const void *bytes, size_t n)
{
    static const uint8_t zero[2] = {0, 0xff}, end[2] = {0, 0};
    const uint8_t *p = bytes;
    bool added = true;
    while (n > 0 && added) {
        const uint8_t *at = memchr(p, 0, n);
        size_t plain = at ? (size_t)(at - p) : n;
        added = weir_key_bytes_add(to, p, plain) && (!at || weir_key_bytes_add(to, zero, sizeof zero));
        plain += at != NULL;
        p += plain;
        n -= plain;
    }
    return added && weir_key_bytes_add(to, end, sizeof end);
}

static bool order_float(struct weir_key_bytes *to, double v)
{
    uint64_t bits, sign = (uint64_t)1 << 63;
    memcpy(&bits, &v, sizeof bits);
    return add_tag(to, FLOAT) && weir__order_number(to, bits & sign ? ~bits : bits | sign);
}

static bool order_array(struct weir_key_bytes *to, const msgpack_object_array *array)
{
    bool added = add_tag(to, ARRAY);
    for (uint32_t i = 0; added && i < array->size; i++) added = weir__order_value(to, &array->ptr[i]);
    return added && add_tag(to, END);
}

static bool order_map(struct weir_key_bytes *to, const msgpack_object_map *map)
{
    bool added = add_tag(to, MAP);
    for (uint32_t i = 0; added && i < map->size; i++)
        added = weir__order_value(to, &map->ptr[i].key) && weir__order_value(to, &map->ptr[i].val);
    return added && add_tag(to, END);
}

bool weir__order_value(struct weir_key_bytes *to, const msgpack_object *o)
{
    uint64_t sign = (uint64_t)1 << 63;
    switch (o->type) {
    case MSGPACK_OBJECT_NIL: return add_tag(to, NIL);
    case MSGPACK_OBJECT_BOOLEAN: return add_tag(to, o->via.boolean ? YES : NO);
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return add_tag(to, o->via.u64 >= sign ? LARGE_INTEGER : INTEGER) && weir__order_number(to, o->via.u64 ^ sign);
    case MSGPACK_OBJECT_NEGATIVE_INTEGER: return add_tag(to, INTEGER) && weir__order_number(to, (uint64_t)o->via.i64 ^ sign);
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64: return order_float(to, o->via.f64);
    case MSGPACK_OBJECT_STR: return add_tag(to, TEXT) && weir__order_text(to, o->via.str.ptr, o->via.str.size);
    case MSGPACK_OBJECT_BIN: return add_tag(to, BYTES) && weir__order_text(to, o->via.bin.ptr, o->via.bin.size);
    case MSGPACK_OBJECT_ARRAY: return order_array(to, &o->via.array);
    case MSGPACK_OBJECT_MAP: return order_map(to, &o->via.map);
    case MSGPACK_OBJECT_EXT: break;
    }
    return add_tag(to, OTHER);
}
