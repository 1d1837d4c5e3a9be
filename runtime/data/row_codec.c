/* row_codec.c - rows as msgpack arrays, written and read by schema: no generic packer or object tree between.
 *
 * Format: https://github.com/msgpack/msgpack/blob/master/spec.md. Writing chooses the shortest form (msgpack_put.h);
 * reading takes any form that a msgpack writer may choose, as long as the value fits the
 * field's type.
 */
#include "data/row_codec.h"

#include <string.h>
#include <weir/text.h>

#include "data/bits_internal.h"
#include "data/key.h"
#include "data/msgpack_get.h"
#include "data/msgpack_put.h"

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static uint8_t *put_value(uint8_t *to, const weir_column *c, int64_t row)
{
    switch ((weir_type)c->type) {
    case WEIR_BOOL: return weir_msgpack_put_bool(to, weir_bit(c->data, c->bit_offset + row));
    case WEIR_I32: return weir_msgpack_put_integer(to, ((const int32_t *)c->data)[row]);
    case WEIR_I64:
    case WEIR_TIMESTAMP: return weir_msgpack_put_integer(to, ((const int64_t *)c->data)[row]);
    case WEIR_F32: return weir_msgpack_put_f32(to, ((const float *)c->data)[row]);
    case WEIR_F64: return weir_msgpack_put_f64(to, ((const double *)c->data)[row]);
    case WEIR_STRING:
    case WEIR_BYTES:
    case WEIR_ANY: break;
    }
    size_t n = (size_t)(c->offsets[row + 1] - c->offsets[row]);
    if (c->type == WEIR_STRING) to = weir_msgpack_put_string_head(to, n);
    if (c->type == WEIR_BYTES) to = weir_msgpack_put_bytes_head(to, n);
    if (n) memcpy(to, (const char *)c->data + c->offsets[row], n);
    return to + n;
}

static bool is_null(const weir_column *c, int64_t row)
{
    return c->validity && !weir_bit(c->validity, c->bit_offset + row);
}

weir_status weir_row_pack(struct weir_key_bytes *key, const weir_batch *batch, int64_t row)
{
    size_t most = 5 + (size_t)batch->n_columns * WEIR_MSGPACK_MOST;
    for (uint32_t i = 0; i < batch->n_columns; i++) {
        const weir_column *c = &batch->columns[i];
        if (c->offsets && !is_null(c, row)) most += (size_t)(c->offsets[row + 1] - c->offsets[row]);
    }
    uint8_t *start = weir_key_bytes_room(key, most), *to = start;
    if (!to) return WEIR_E_MEMORY;
    to = weir_msgpack_put_array_head(to, batch->n_columns);
    for (uint32_t i = 0; i < batch->n_columns; i++) {
        const weir_column *c = &batch->columns[i];
        /* An `any` column may hold no bytes where a component put an empty text: that is no msgpack value, so nil stands
         * for it. */
        bool nothing = c->type == WEIR_ANY && c->offsets[row + 1] == c->offsets[row];
        if (nothing || is_null(c, row))
            to = weir_msgpack_put_nil(to);
        else
            to = put_value(to, c, row);
    }
    key->n += (size_t)(to - start);
    return WEIR_OK;
}

/* ---- one field into the builder ---------------------------------------------------------------------------------- */

static weir_status put_text(struct weir_builder *b, uint32_t i, weir_str value)
{
    weir_out_column *to = &b->columns[i];
    int64_t at = b->out.length;
    weir_status s = weir_builder_reserve_bytes(b, i, value.n);
    if (s != WEIR_OK) return s;
    if (value.n) memcpy((char *)to->data + to->offsets[at], value.p, value.n);
    to->offsets[at + 1] = to->offsets[at] + (int32_t)value.n;
    return WEIR_OK;
}

static weir_status unpack_text(struct weir_builder *b, uint32_t i, struct weir_msgpack *in)
{
    const uint8_t *start = in->p;
    uint8_t tag;
    weir_str value;
    bool fine;
    switch ((weir_type)b->columns[i].type) {
    case WEIR_STRING:
        fine = weir_msgpack_get_tag(in, &tag) && weir_msgpack_get_string(in, tag, &value) && weir_is_utf8(value.p, value.n);
        break;
    case WEIR_BYTES: fine = weir_msgpack_get_tag(in, &tag) && weir_msgpack_get_bytes(in, tag, &value); break;
    default: fine = weir_msgpack_skip(in); value = (weir_str){(const char *)start, (size_t)(in->p - start)};
    }
    return fine ? put_text(b, i, value) : WEIR_E_DATA;
}

static bool unpack_number(weir_out_column *to, int64_t at, struct weir_msgpack *in)
{
    uint8_t tag;
    int64_t v;
    uint64_t bits;
    uint32_t narrow;
    if (!weir_msgpack_get_tag(in, &tag)) return false;
    switch ((weir_type)to->type) {
    case WEIR_BOOL: weir__bits_put(to->data, at, tag == 0xc3); return tag == 0xc2 || tag == 0xc3;
    case WEIR_I32:
        if (!weir_msgpack_get_integer(in, tag, &v) || v < INT32_MIN || v > INT32_MAX) return false;
        ((int32_t *)to->data)[at] = (int32_t)v;
        return true;
    case WEIR_I64:
    case WEIR_TIMESTAMP: return weir_msgpack_get_integer(in, tag, (int64_t *)to->data + at);
    case WEIR_F32:
        if (tag != 0xca || !weir_msgpack_get_be(in, 4, &bits)) return false;
        narrow = (uint32_t)bits;
        memcpy((float *)to->data + at, &narrow, 4);
        return true;
    case WEIR_F64:
        if (tag != 0xcb || !weir_msgpack_get_be(in, 8, &bits)) return false;
        memcpy((double *)to->data + at, &bits, 8);
        return true;
    default: return false;
    }
}

static weir_status unpack_field(struct weir_builder *b, uint32_t i, struct weir_msgpack *in)
{
    weir_out_column *to = &b->columns[i];
    int64_t at = b->out.length;
    bool null = weir_msgpack_has(in, 1) && *in->p == 0xc0;
    if (null && to->validity) {
        in->p++;
        weir__bits_put(to->validity, at, false);
        return to->offsets ? put_text(b, i, (weir_str){0}) : WEIR_OK;
    }
    if (to->validity) weir__bits_put(to->validity, at, true);
    if (to->offsets) return unpack_text(b, i, in);
    return unpack_number(to, at, in) ? WEIR_OK : WEIR_E_DATA;
}

static weir_status not_the_field(const struct weir_builder *b, uint32_t i, const struct weir_msgpack *in, const uint8_t *at,
                                 const uint8_t *packed, struct weir_error *error)
{
    const weir_schema_field *f = weir_schema_field_at(b->schema, b->written[i]);
    char found[24] = "the end";
    if (at < in->end) snprintf(found, sizeof found, "the byte 0x%02x", *at);
    return weir_error_set(error, WEIR_E_DATA, "packed row, byte %zu: expected field '%s' (%s%s), found %s",
                          (size_t)(at - packed), f->name, weir_type_name((weir_type)f->type), f->nullable ? "?" : "", found);
}

weir_status weir_row_unpack(const uint8_t *packed, size_t n, struct weir_builder *b, struct weir_error *error)
{
    struct weir_msgpack in = {packed, packed + n};
    uint64_t fields;
    WEIR_ASSERT(b->out.length < b->out.capacity);
    if (!weir_msgpack_get_array_head(&in, &fields))
        return weir_error_set(error, WEIR_E_DATA, "packed row: it is not a msgpack array");
    if (fields != b->n_written) {
        return weir_error_set(error, WEIR_E_DATA, "packed row: it has %llu fields, the schema %u",
                              (unsigned long long)fields, b->n_written);
    }
    for (uint32_t i = 0; i < b->n_written; i++) {
        const uint8_t *at = in.p;
        weir_status s = unpack_field(b, i, &in);
        if (s == WEIR_E_DATA) return not_the_field(b, i, &in, at, packed, error);
        if (s != WEIR_OK) return weir_error_set(error, s, "no memory for a packed row of %zu bytes", n);
    }
    if (in.p != in.end) {
        return weir_error_set(error, WEIR_E_DATA, "packed row: %zu bytes follow its last field", (size_t)(in.end - in.p));
    }
    return WEIR_OK;
}
