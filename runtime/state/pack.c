/* pack.c - see pack.h. Room for the longest form is asked for once for numbers that follow each other, and for each text. */
#include "state/pack.h"

#include <string.h>

#include "base/error.h"
#include "data/msgpack_put.h"

#define MOST WEIR_MSGPACK_MOST

static bool took(struct weir_key_bytes *to, const uint8_t *end)
{
    to->n = (size_t)(end - to->p);
    return true;
}

bool weir__pack_array(struct weir_key_bytes *to, uint64_t n)
{
    uint8_t *p = weir_key_bytes_room(to, MOST);
    return p && took(to, weir_msgpack_put_array_head(p, n));
}

bool weir__pack_integer(struct weir_key_bytes *to, int64_t v)
{
    uint8_t *p = weir_key_bytes_room(to, MOST);
    return p && took(to, weir_msgpack_put_integer(p, v));
}

bool weir__pack_nil(struct weir_key_bytes *to)
{
    uint8_t *p = weir_key_bytes_room(to, MOST);
    return p && took(to, weir_msgpack_put_nil(p));
}

/* The text, in a place that has room for its head; then there is room for n_behind numbers. NULL: no memory. */
static uint8_t *put_text(struct weir_key_bytes *to, uint8_t *p, bool is_string, const void *text, size_t n, size_t n_behind)
{
    p = is_string ? weir_msgpack_put_string_head(p, n) : weir_msgpack_put_bytes_head(p, n);
    to->n = (size_t)(p - to->p);
    if (n > SIZE_MAX / 4 || !(p = weir_key_bytes_room(to, n + n_behind * MOST))) return NULL;
    if (n > 0) memcpy(p, text, n);
    return p + n;
}

/* ---- structs ----------------------------------------------------------------------------------------------------- */

bool weir__pack_struct(struct weir_key_bytes *to, const weir_field *fields, uint32_t n, const void *value)
{
    uint8_t *p = weir_key_bytes_room(to, (n + (size_t)1) * MOST);
    if (p) p = weir_msgpack_put_array_head(p, n);
    for (uint32_t i = 0; p && i < n; i++) {
        const void *m = (const uint8_t *)value + fields[i].offset;
        const weir_str *text = m;
        switch ((weir_type)fields[i].type) {
        case WEIR_BOOL: p = weir_msgpack_put_bool(p, *(const bool *)m); break;
        case WEIR_I32: p = weir_msgpack_put_integer(p, *(const int32_t *)m); break;
        case WEIR_I64:
        case WEIR_TIMESTAMP: p = weir_msgpack_put_integer(p, *(const int64_t *)m); break;
        case WEIR_F32: p = weir_msgpack_put_f32(p, *(const float *)m); break;
        case WEIR_F64: p = weir_msgpack_put_f64(p, *(const double *)m); break;
        case WEIR_STRING: p = put_text(to, p, true, text->p, text->n, n - i - 1); break;
        case WEIR_BYTES:
        case WEIR_ANY: p = put_text(to, p, false, text->p, text->n, n - i - 1); break;
        }
    }
    return p && took(to, p);
}

bool weir__pack_pair(struct weir_key_bytes *to, const struct weir_state_layout *l, const void *key, const void *value)
{
    return weir__pack_array(to, 2) && weir__pack_struct(to, l->key_fields, l->n_key_fields, key) &&
           weir__pack_struct(to, l->fields, l->n_fields, value);
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

static uint8_t *put_namespace_head(uint8_t *p, uint32_t group, int64_t state, int64_t ns)
{
    p = weir_msgpack_put_array_head(p, 5);
    p = weir_msgpack_put_natural(p, group);
    p = weir_msgpack_put_integer(p, state);
    return weir_msgpack_put_integer(p, ns);
}

bool weir__pack_namespace_head(struct weir_key_bytes *to, uint32_t group, int64_t state, int64_t ns)
{
    uint8_t *p = weir_key_bytes_room(to, 4 * MOST);
    return p && took(to, put_namespace_head(p, group, state, ns));
}

/* A field of key bytes (data/key.h) as a typed value; *key moves behind it. */
static uint8_t *put_key_field(struct weir_key_bytes *to, uint8_t *p, weir_type type, const uint8_t **key, size_t n_behind)
{
    const uint8_t *from = *key;
    union {
        int32_t i32;
        int64_t i64;
        float f32;
        double f64;
        uint32_t n;
    } v = {0};
    *key += type == WEIR_BOOL ? 1 : weir_type_size(type);
    switch (type) {
    case WEIR_BOOL: return weir_msgpack_put_bool(p, *from);
    case WEIR_I32: memcpy(&v, from, 4); return weir_msgpack_put_integer(p, v.i32);
    case WEIR_I64:
    case WEIR_TIMESTAMP: memcpy(&v, from, 8); return weir_msgpack_put_integer(p, v.i64);
    case WEIR_F32: memcpy(&v, from, 4); return weir_msgpack_put_f32(p, v.f32);
    case WEIR_F64: memcpy(&v, from, 8); return weir_msgpack_put_f64(p, v.f64);
    case WEIR_STRING:
        memcpy(&v, from, 4);
        *key = from + 4 + v.n;
        return put_text(to, p, true, from + 4, v.n, n_behind);
    case WEIR_BYTES:
    case WEIR_ANY: break;
    }
    WEIR_ASSERT(!"no type of a key");
    return NULL;
}

bool weir__pack_entry_head(struct weir_key_bytes *to, const struct weir_schema *schema, int64_t state, int64_t ns,
                           const struct weir_key_ref *ref)
{
    uint32_t n = schema ? weir_schema_count(schema) : 0;
    const uint8_t *key = ref->p;
    uint8_t *p = weir_key_bytes_room(to, (n + (size_t)5) * MOST);
    if (p) p = weir_msgpack_put_array_head(put_namespace_head(p, ref->group, state, ns), n);
    for (uint32_t i = 0; p && i < n; i++)
        p = put_key_field(to, p, (weir_type)weir_schema_field_at(schema, i)->type, &key, n - i - 1);
    WEIR_ASSERT(!p || key == ref->p + ref->n);
    return p && took(to, p);
}
