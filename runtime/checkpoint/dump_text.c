/* dump_text.c - the lines of a dump: JSON objects, or rows of CSV. Any one thread.
 *
 * Numbers have all their digits: integers as they are, floats the fewest digits that read back the same. What JSON has no
 * literal for is spelt out: timestamps are texts of UTC, "NaN", "Infinity" and "-Infinity" texts, bytes (and texts that are
 * not UTF-8) {"base64": "..."}; a null is null. In CSV timestamps and base64 stand alone, null is nothing, and a text that
 * is empty is "".
 */
#include <math.h>
#include <string.h>
#include <weir/text.h>

#include "base/alloc.h"
#include "checkpoint/dump_internal.h"

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static void add(struct weir_text *t, const char *text)
{
    weir_text_add_bytes(t, text, strlen(text));
}

static void add_base64(struct weir_text *t, const char *p, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)(uint8_t)p[i] << 16;
        if (i + 1 < n) v |= (uint32_t)(uint8_t)p[i + 1] << 8;
        if (i + 2 < n) v |= (uint8_t)p[i + 2];
        char four[4] = {digits[v >> 18], digits[v >> 12 & 63], i + 1 < n ? digits[v >> 6 & 63] : '=',
                        i + 2 < n ? digits[v & 63] : '='};
        weir_text_add_bytes(t, four, sizeof four);
    }
}

static void add_bytes(struct weir_text *t, const char *p, size_t n)
{
    add(t, "{\"base64\":\"");
    add_base64(t, p, n);
    add(t, "\"}");
}

/* A zero byte would end weir_text_add_json's text. */
static void add_string(struct weir_text *t, const char *p, size_t n)
{
    if (!weir_is_utf8(p, n)) {
        add_bytes(t, p, n);
        return;
    }
    add(t, "\"");
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c == '"' || c == '\\')
            weir_text_add(t, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            weir_text_add(t, "\\u%04x", c);
        else
            weir_text_add_bytes(t, p + i, 1);
    }
    add(t, "\"");
}

static void add_name(struct weir_text *t, const char *name)
{
    add_string(t, name, strlen(name));
    add(t, ":");
}

static void add_float(struct weir_text *t, double v, bool single)
{
    char text[WEIR_TEXT_MAX];
    if (isnan(v) || isinf(v))
        add(t, isnan(v) ? "\"NaN\"" : v < 0 ? "\"-Infinity\"" : "\"Infinity\"");
    else
        weir_text_add_bytes(t, text, single ? weir_text_from_f32(text, (float)v) : weir_text_from_f64(text, v));
}

static void add_time(struct weir_text *t, int64_t ms)
{
    char text[WEIR_TEXT_MAX];
    weir_text_add_bytes(t, text, weir_text_from_time(text, ms));
}

static void add_any(struct weir_text *, const msgpack_object *);

static void add_list(struct weir_text *t, const msgpack_object_array *list)
{
    add(t, "[");
    for (uint32_t i = 0; i < list->size; i++) {
        if (i) add(t, ",");
        add_any(t, &list->ptr[i]);
    }
    add(t, "]");
}

static bool is_container(const msgpack_object *o)
{
    return o->type == MSGPACK_OBJECT_ARRAY || o->type == MSGPACK_OBJECT_MAP;
}

/* A text as it is; what else stands as a key in JSON is the text of its value. */
static void add_key(struct weir_text *t, const msgpack_object *key)
{
    struct weir_text value = {0};
    add_any(&value, key);
    if (key->type == MSGPACK_OBJECT_STR)
        add(t, weir_text_get(&value));
    else
        add_string(t, weir_text_get(&value), value.n);
    weir_text_finish(&value);
}

/* A list of pairs where a key is a list or a map: as a text of a text of a text it would double with every level. */
static void add_map(struct weir_text *t, const msgpack_object_map *map)
{
    bool pairs = false;
    for (uint32_t i = 0; i < map->size; i++) pairs |= is_container(&map->ptr[i].key);
    add(t, pairs ? "[" : "{");
    for (uint32_t i = 0; i < map->size; i++) {
        if (i) add(t, ",");
        if (pairs) add(t, "[");
        if (pairs)
            add_any(t, &map->ptr[i].key);
        else
            add_key(t, &map->ptr[i].key);
        add(t, pairs ? "," : ":");
        add_any(t, &map->ptr[i].val);
        if (pairs) add(t, "]");
    }
    add(t, pairs ? "]" : "}");
}

static void add_any(struct weir_text *t, const msgpack_object *o)
{
    switch (o->type) {
    case MSGPACK_OBJECT_NIL: add(t, "null"); return;
    case MSGPACK_OBJECT_BOOLEAN: add(t, o->via.boolean ? "true" : "false"); return;
    case MSGPACK_OBJECT_POSITIVE_INTEGER: weir_text_add(t, "%llu", (unsigned long long)o->via.u64); return;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER: weir_text_add(t, "%lld", (long long)o->via.i64); return;
    case MSGPACK_OBJECT_FLOAT32: add_float(t, o->via.f64, true); return;
    case MSGPACK_OBJECT_FLOAT64: add_float(t, o->via.f64, false); return;
    case MSGPACK_OBJECT_STR: add_string(t, o->via.str.ptr, o->via.str.size); return;
    case MSGPACK_OBJECT_BIN: add_bytes(t, o->via.bin.ptr, o->via.bin.size); return;
    case MSGPACK_OBJECT_EXT: add_bytes(t, o->via.ext.ptr, o->via.ext.size); return;
    case MSGPACK_OBJECT_ARRAY: add_list(t, &o->via.array); return;
    case MSGPACK_OBJECT_MAP: add_map(t, &o->via.map); return;
    }
}

/* ---- typed values ------------------------------------------------------------------------------------------------ */

static bool is_integer(const msgpack_object *o, int64_t *v)
{
    *v = o->via.i64;
    return o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER ||
           (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER && o->via.u64 <= INT64_MAX);
}

static bool fits(weir_type type, const msgpack_object *o)
{
    int64_t whole;
    switch (type) {
    case WEIR_BOOL: return o->type == MSGPACK_OBJECT_BOOLEAN;
    case WEIR_I32:
    case WEIR_I64:
    case WEIR_TIMESTAMP: return is_integer(o, &whole);
    case WEIR_F32:
    case WEIR_F64: return o->type == MSGPACK_OBJECT_FLOAT32 || o->type == MSGPACK_OBJECT_FLOAT64;
    case WEIR_STRING: return o->type == MSGPACK_OBJECT_STR;
    case WEIR_BYTES: return o->type == MSGPACK_OBJECT_BIN;
    case WEIR_ANY: return true;
    }
    return false;
}

static bool add_typed(struct weir_text *t, weir_type type, const msgpack_object *o)
{
    if (o->type == MSGPACK_OBJECT_NIL) return add(t, "null"), true;
    if (!fits(type, o)) return false;
    if (type == WEIR_TIMESTAMP) {
        add(t, "\"");
        add_time(t, o->via.i64);
        add(t, "\"");
    } else if (type == WEIR_F32) {
        add_float(t, o->via.f64, true);
    } else {
        add_any(t, o);
    }
    return true;
}

static bool add_struct(struct weir_text *t, const struct weir_saved_fields *fields, const msgpack_object *o)
{
    bool fine = o->type == MSGPACK_OBJECT_ARRAY && o->via.array.size == fields->n;
    add(t, "{");
    for (uint32_t i = 0; fine && i < fields->n; i++) {
        if (fields->all[i].hidden) continue;
        if (i) add(t, ",");
        add_name(t, fields->all[i].name);
        fine = add_typed(t, fields->all[i].type, &o->via.array.ptr[i]);
    }
    add(t, "}");
    return fine;
}

static bool add_pair(struct weir_text *t, const struct weir_saved_state_info *state, const msgpack_object *o)
{
    if (o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size != 2) return false;
    add(t, "{\"key\":");
    bool fine = add_struct(t, &state->key, &o->via.array.ptr[0]);
    add(t, ",\"value\":");
    fine = fine && add_struct(t, &state->value, &o->via.array.ptr[1]);
    add(t, "}");
    return fine;
}

static bool has_shape(const struct weir__dump_state *s, enum weir_state_shape shape)
{
    return s->state && s->state->shape == shape;
}

/* What a state has under one key: a struct, or a list of structs or of a map's entries. */
static bool add_value(struct weir_text *t, const struct weir__dump_state *s, const msgpack_object *o)
{
    if (has_shape(s, WEIR_SHAPE_VALUE)) return add_struct(t, &s->state->value, o);
    bool fine = o->type == MSGPACK_OBJECT_ARRAY;
    add(t, "[");
    for (uint32_t i = 0; fine && i < o->via.array.size; i++) {
        const msgpack_object *item = &o->via.array.ptr[i];
        if (i) add(t, ",");
        fine = has_shape(s, WEIR_SHAPE_LIST) ? add_struct(t, &s->state->value, item) : add_pair(t, s->state, item);
    }
    add(t, "]");
    return fine;
}

static bool is_raw(const struct weir__dump_state *s)
{
    return !s->state || strcmp(s->state->kind, weir_state_kind_name(WEIR_RAW)) == 0;
}

/* Splits of a source have names for what is in them, states of a component types; all other items are as they are. */
static bool add_item(struct weir_text *t, const struct weir__dump_state *s, const msgpack_object *o)
{
    static const char *const names[] = {"id", "description", "done", "position"};
    if (!is_raw(s)) return s->state->shape == WEIR_SHAPE_MAP ? add_pair(t, s->state, o) : add_struct(t, &s->state->value, o);
    if (s->state || strcmp(s->name, WEIR_SPLITS_LIST) != 0 || o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size != 4) {
        add_any(t, o);
        return true;
    }
    for (uint32_t i = 0; i < 4; i++) {
        add(t, i ? "," : "{");
        add_name(t, names[i]);
        add_any(t, &o->via.array.ptr[i]);
    }
    add(t, "}");
    return true;
}

/* ---- lines of JSON ----------------------------------------------------------------------------------------------- */

static void begin_line(struct weir_text *t, const struct weir__dump_state *s)
{
    add(t, "{\"node\":");
    add_string(t, s->node, strlen(s->node));
    add(t, ",\"state\":");
    add_string(t, s->name, strlen(s->name));
}

static void add_types(struct weir_text *t, const char *name, const struct weir_saved_fields *fields)
{
    weir_text_add(t, ",\"%s\":{", name);
    for (size_t i = 0; i < fields->n; i++) {
        if (fields->all[i].hidden) continue;
        if (i) add(t, ",");
        add_name(t, fields->all[i].name);
        weir_text_add(t, "\"%s\"", weir_type_name(fields->all[i].type));
    }
    add(t, "}");
}

static void json_header(struct weir_text *t, const struct weir__dump_state *s)
{
    begin_line(t, s);
    if (s->class == WEIR__DUMP_LIST) {
        weir_text_add(t, ",\"schema\":{\"kind\":\"%s\",\"deal\":\"%s\"", s->state ? s->state->kind : "items",
                      weir_deal_name(s->deal));
        if (!is_raw(s) && s->state->key.n > 0) add_types(t, "map_key", &s->state->key);
        if (!is_raw(s)) add_types(t, "value", &s->state->value);
        add(t, "}}\n");
        return;
    }
    weir_text_add(t, ",\"schema\":{\"kind\":\"%s\"", s->state ? s->state->kind : "timer");
    add_types(t, "key", s->key);
    if (s->state && s->state->key.n > 0) add_types(t, "map_key", &s->state->key);
    if (s->state)
        add_types(t, "value", &s->state->value);
    else
        add(t, ",\"value\":\"timestamp\"");
    add(t, "}}\n");
}

static bool json_entry(struct weir_text *t, const struct weir__dump_state *s, const msgpack_object *entry)
{
    const msgpack_object *at = entry->via.array.ptr;
    add(t, ",\"key\":");
    bool fine = add_struct(t, s->key, &at[3]);
    weir_text_add(t, ",\"namespace\":%lld,\"value\":", (long long)at[2].via.i64);
    return fine && (s->state ? add_value(t, s, &at[4]) : add_typed(t, WEIR_TIMESTAMP, &at[4]));
}

/* ---- rows of CSV ------------------------------------------------------------------------------------------------- */

/* A cell that is empty or has something in it that ends cells stands in quotes. */
static void add_cell(struct weir_text *t, const char *p, size_t n)
{
    bool plain = n > 0 && p[0] != ' ' && p[n - 1] != ' ';
    for (size_t i = 0; plain && i < n; i++) plain = p[i] != '"' && p[i] != ',' && p[i] != '\n' && p[i] != '\r';
    if (plain) {
        weir_text_add_bytes(t, p, n);
        return;
    }
    add(t, "\"");
    for (size_t i = 0; i < n; i++) weir_text_add_bytes(t, p[i] == '"' ? "\"\"" : p + i, p[i] == '"' ? 2 : 1);
    add(t, "\"");
}

static void add_text_cell(struct weir_text *t, const char *prefix, const char *text)
{
    char *both = weir_format("%s%s", prefix, text);
    add_cell(t, both, strlen(both));
    weir_free(both);
}

static bool add_typed_cell(struct weir_text *t, weir_type type, const msgpack_object *o)
{
    if (o->type == MSGPACK_OBJECT_NIL) return true;
    if (!fits(type, o)) return false;
    if (type == WEIR_TIMESTAMP)
        add_time(t, o->via.i64);
    else if (type == WEIR_STRING)
        add_cell(t, o->via.str.ptr, o->via.str.size);
    else if (type == WEIR_BYTES)
        o->via.bin.size ? add_base64(t, o->via.bin.ptr, o->via.bin.size) : add(t, "\"\"");
    else if ((type == WEIR_F64 || type == WEIR_F32) && (isnan(o->via.f64) || isinf(o->via.f64)))
        add(t, isnan(o->via.f64) ? "NaN" : o->via.f64 < 0 ? "-Infinity" : "Infinity");
    else
        return add_typed(t, type, o);
    return true;
}

static bool add_cells(struct weir_text *t, const struct weir_saved_fields *fields, const msgpack_object *o)
{
    bool fine = o->type == MSGPACK_OBJECT_ARRAY && o->via.array.size == fields->n;
    for (uint32_t i = 0; fine && i < fields->n; i++) {
        if (fields->all[i].hidden) continue;
        add(t, ",");
        fine = add_typed_cell(t, fields->all[i].type, &o->via.array.ptr[i]);
    }
    return fine;
}

static void csv_header(struct weir_text *t, const struct weir__dump_state *s)
{
    add(t, "node,state");
    if (s->class == WEIR__DUMP_LIST) {
        add(t, ",item\n");
        return;
    }
    for (size_t i = 0; i < s->key->n; i++) {
        add(t, ",");
        add_text_cell(t, "key.", s->key->all[i].name);
    }
    add(t, ",namespace");
    if (!has_shape(s, WEIR_SHAPE_VALUE)) add(t, s->state ? ",value" : ",time");
    for (size_t i = 0; has_shape(s, WEIR_SHAPE_VALUE) && i < s->state->value.n; i++) {
        if (s->state->value.all[i].hidden) continue;
        add(t, ",");
        add_text_cell(t, "value.", s->state->value.all[i].name);
    }
    add(t, "\n");
}

static bool csv_entry(struct weir_text *t, const struct weir__dump_state *s, const msgpack_object *entry)
{
    const msgpack_object *at = entry->via.array.ptr;
    bool fine = add_cells(t, s->key, &at[3]);
    weir_text_add(t, ",%lld", (long long)at[2].via.i64);
    if (fine && has_shape(s, WEIR_SHAPE_VALUE)) return add_cells(t, &s->state->value, &at[4]);
    add(t, ",");
    if (!s->state) return fine && add_typed_cell(t, WEIR_TIMESTAMP, &at[4]);
    struct weir_text json = {0};
    fine = fine && add_value(&json, s, &at[4]);
    add_cell(t, weir_text_get(&json), json.n);
    weir_text_finish(&json);
    return fine;
}

static bool csv_item(struct weir_text *t, const struct weir__dump_state *s, const msgpack_object *o)
{
    struct weir_text json = {0};
    bool fine = add_item(&json, s, o);
    add(t, ",");
    add_cell(t, weir_text_get(&json), json.n);
    weir_text_finish(&json);
    return fine;
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

void weir__dump_header(struct weir_text *t, const struct weir__dump_state *s, bool csv)
{
    if (csv)
        csv_header(t, s);
    else
        json_header(t, s);
}

bool weir__dump_line(struct weir_text *t, const struct weir__dump_state *s, const msgpack_object *o, bool csv)
{
    bool fine = true;
    if (csv) {
        add_text_cell(t, "", s->node);
        add(t, ",");
        add_text_cell(t, "", s->name);
    } else {
        begin_line(t, s);
    }
    if (s->class != WEIR__DUMP_LIST) {
        fine = csv ? csv_entry(t, s, o) : json_entry(t, s, o);
    } else if (csv) {
        fine = csv_item(t, s, o);
    } else {
        add(t, ",\"item\":");
        fine = add_item(t, s, o);
    }
    add(t, csv ? "\n" : "}\n");
    return fine;
}
