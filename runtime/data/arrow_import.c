/* arrow_import.c - batches in through the Arrow C data interface, checked as far as the interface allows.
 *
 * The ArrowArray is moved into a buffer of its own, which the rows own; the buffer's finish calls the producer's release.
 */
#include "data/arrow.h"

#include <string.h>
#include <weir/text.h>

#include "data/bits_internal.h"
#include "data/msgpack_get.h"
#include "data/rows_internal.h"

/* ---- schema ------------------------------------------------------------------------------------------------------ */

/* Looks the key up in Arrow's binary metadata (see arrow.c). */
static bool metadata_says(const char *metadata, const char *key, const char *value)
{
    int32_t pairs, n[2];
    if (!metadata) return false;
    memcpy(&pairs, metadata, sizeof pairs);
    for (const char *p = metadata + sizeof pairs; pairs > 0; pairs--) {
        const char *text[2];
        for (int i = 0; i < 2; i++) {
            memcpy(&n[i], p, sizeof n[i]);
            if (n[i] < 0) return false;
            text[i] = p + sizeof n[i];
            p = text[i] + n[i];
        }
        if ((size_t)n[0] == strlen(key) && !memcmp(text[0], key, (size_t)n[0])) {
            return (size_t)n[1] == strlen(value) && !memcmp(text[1], value, (size_t)n[1]);
        }
    }
    return false;
}

static bool type_of_field(const struct ArrowSchema *field, weir_type *type)
{
    static const struct {
        const char *format;
        weir_type type;
    } known[] = {{"b", WEIR_BOOL}, {"i", WEIR_I32}, {"l", WEIR_I64},    {"f", WEIR_F32},
                 {"g", WEIR_F64},  {"u", WEIR_STRING}, {"z", WEIR_BYTES}};
    *type = WEIR_TIMESTAMP;
    if (strncmp(field->format, "tsm:", 4) == 0) return true;
    for (size_t i = 0; i < WEIR_LEN(known); i++) {
        if (strcmp(field->format, known[i].format) != 0) continue;
        *type = known[i].type == WEIR_BYTES && metadata_says(field->metadata, "weir.type", "any") ? WEIR_ANY : known[i].type;
        return true;
    }
    return false;
}

static weir_status import_schema(const struct ArrowSchema *from, struct weir_schema **schema, struct weir_error *error)
{
    struct weir_schema_builder fields = {0};
    if (!from->release || !from->format || strcmp(from->format, "+s") != 0) {
        return weir_error_set(error, WEIR_E_DATA, "Arrow schema: expected a struct (format \"+s\"), found \"%s\"",
                              from->release && from->format ? from->format : "a released schema");
    }
    for (int64_t i = 0; i < from->n_children; i++) {
        const struct ArrowSchema *f = from->children[i];
        weir_type type;
        if (!f->dictionary && type_of_field(f, &type)) {
            weir_schema_builder_add(&fields, f->name ? f->name : "", type, f->flags & ARROW_FLAG_NULLABLE);
            continue;
        }
        weir_schema_builder_finish(&fields);
        return weir_error_set(error, WEIR_E_DATA,
                              "Arrow field '%s' has the format \"%s\"%s; weir reads b, i, l, f, g, tsm:, u and z: cast it "
                              "before the import",
                              f->name ? f->name : "", f->format, f->dictionary ? " with a dictionary" : "");
    }
    *schema = weir_schema_build(&fields);
    return WEIR_OK;
}

/* ---- columns ----------------------------------------------------------------------------------------------------- */

struct import {
    const struct ArrowArray *array;
    const struct weir_schema *schema;
    struct weir_error *error;
};

static weir_status wrong(const struct import *in, uint32_t i, const char *format, ...) WEIR_PRINTF(3, 4);
static weir_status wrong(const struct import *in, uint32_t i, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    weir_error_vset(in->error, WEIR_E_DATA, format, args);
    va_end(args);
    weir_error_prefix(in->error, "Arrow field '%s': ", weir_schema_field_at(in->schema, i)->name);
    return WEIR_E_DATA;
}

static weir_status check_head(const struct import *in, uint32_t i, weir_type type, const struct ArrowArray *a)
{
    int64_t expected = weir_type_is_variable(type) ? 3 : 2, rows = in->array->offset + in->array->length;
    if (a->n_buffers != expected) {
        return wrong(in, i, "expected %lld buffers, found %lld", (long long)expected, (long long)a->n_buffers);
    }
    if (a->length < rows || a->offset < 0) {
        return wrong(in, i, "expected at least %lld rows, found %lld from offset %lld", (long long)rows,
                     (long long)a->length, (long long)a->offset);
    }
    for (int64_t k = 1; k < expected && in->array->length > 0; k++) {
        size_t width = type == WEIR_BOOL || k == 2 ? 1 : expected == 3 ? 4 : weir_type_size(type);
        if (!a->buffers[k] && k == 1) return wrong(in, i, "its buffer %lld is missing", (long long)k);
        if ((uintptr_t)a->buffers[k] % width != 0) {
            return wrong(in, i, "its buffer %lld is not aligned to %zu bytes", (long long)k, width);
        }
    }
    return WEIR_OK;
}

static bool is_present(const weir_column *c, int64_t row)
{
    return !c->validity || weir_bit(c->validity, c->bit_offset + row);
}

static weir_status check_values(const struct import *in, uint32_t i, const weir_column *c)
{
    const int32_t *o = c->offsets;
    int64_t n = in->array->length;
    if (o[0] < 0) return wrong(in, i, "its first offset is %d", o[0]);
    for (int64_t row = 0; row < n; row++) {
        if (o[row + 1] < o[row]) {
            return wrong(in, i, "row %lld: its offsets go back from %d to %d", (long long)row, o[row], o[row + 1]);
        }
    }
    if (!c->data && o[n] > o[0]) return wrong(in, i, "its buffer 2 is missing");
    for (int64_t row = 0; row < n; row++) {
        const char *p = c->data ? (const char *)c->data + o[row] : "";
        size_t bytes = (size_t)(o[row + 1] - o[row]);
        if (!is_present(c, row)) continue;
        if (c->type == WEIR_STRING && !weir_is_utf8(p, bytes)) {
            return wrong(in, i, "row %lld is not valid UTF-8", (long long)row);
        }
        if (c->type == WEIR_ANY && !weir_is_msgpack((const uint8_t *)p, bytes)) {
            return wrong(in, i, "row %lld is not one msgpack value", (long long)row);
        }
    }
    return WEIR_OK;
}

/* What an array without rows may leave out, a column still has. */
static const int32_t no_offsets[1];

static weir_status import_column(const struct import *in, uint32_t i, weir_column *c)
{
    const weir_schema_field *f = weir_schema_field_at(in->schema, i);
    const struct ArrowArray *a = in->array->children[i];
    int64_t from = in->array->offset + a->offset, n = in->array->length;
    weir_status s = check_head(in, i, (weir_type)f->type, a);
    if (s != WEIR_OK) return s;
    const uint8_t *data = a->buffers[weir_type_is_variable((weir_type)f->type) ? 2 : 1];
    *c = (weir_column){
        .validity = a->null_count == 0 ? NULL : a->buffers[0], .data = data, .bit_offset = from, .type = f->type};
    if (c->validity && weir__bits_all(c->validity, from, n)) c->validity = NULL;
    if (c->validity && !f->nullable) return wrong(in, i, "it has nulls, although its schema does not say that it may");
    if (!weir_type_is_variable((weir_type)f->type)) {
        if (data) c->data = data + from * weir_type_size((weir_type)f->type);
        return WEIR_OK;
    }
    c->offsets = a->buffers[1] ? (const int32_t *)a->buffers[1] + from : no_offsets;
    return n > 0 ? check_values(in, i, c) : WEIR_OK;
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static weir_status check_struct(const struct import *in)
{
    const struct ArrowArray *a = in->array;
    if (!a->release) return weir_error_set(in->error, WEIR_E_DATA, "Arrow array: it was released already");
    if (a->n_children != weir_schema_count(in->schema)) {
        return weir_error_set(in->error, WEIR_E_DATA, "Arrow array: it has %lld columns, its schema %u",
                              (long long)a->n_children, weir_schema_count(in->schema));
    }
    if (a->length < 0 || a->offset < 0 || a->length > UINT32_MAX || a->offset > INT64_MAX / 2) {
        return weir_error_set(in->error, WEIR_E_DATA, "Arrow array: %lld rows from offset %lld", (long long)a->length,
                              (long long)a->offset);
    }
    if (a->n_buffers > 0 && a->null_count != 0 && a->buffers[0] && !weir__bits_all(a->buffers[0], a->offset, a->length)) {
        return weir_error_set(in->error, WEIR_E_DATA, "Arrow array: a whole row is null; a record cannot be");
    }
    return WEIR_OK;
}

static void finish_array(struct weir_buffer *b)
{
    struct ArrowArray *array = (struct ArrowArray *)(void *)b->bytes;
    array->release(array);
}

static const int64_t *own_no_time(struct weir_rows *rows, int64_t n)
{
    struct weir_buffer *b = weir_buffer_create((size_t)n * sizeof(int64_t));
    if (!b) return NULL;
    int64_t *time = (int64_t *)(void *)b->bytes;
    for (int64_t i = 0; i < n; i++) time[i] = WEIR_NO_TIME;
    weir_rows_own(rows, b);
    return time;
}

static weir_status import_rows(const struct import *in, struct weir_rows **to)
{
    uint32_t n = weir_schema_count(in->schema);
    weir_status s = check_struct(in);
    if (s != WEIR_OK) return s;
    struct weir_rows *rows = weir_rows_create(NULL, n, 2);
    struct weir_buffer *keeper = rows ? weir_buffer_create(sizeof *in->array) : NULL;
    if (keeper && (rows->view.time = own_no_time(rows, in->array->length))) {
        rows->view.length = rows->view.selected = in->array->length;
        for (uint32_t i = 0; s == WEIR_OK && i < n; i++) s = import_column(in, i, &rows->columns[i]);
    } else {
        s = weir_error_set(in->error, WEIR_E_MEMORY, "no memory to import %lld rows from Arrow",
                           (long long)in->array->length);
    }
    if (s != WEIR_OK) {
        weir_buffer_release(keeper);
        weir_rows_release(rows);
        return s;
    }
    memcpy(keeper->bytes, in->array, sizeof *in->array); /* a move, as the specification defines it */
    keeper->finish = finish_array;
    weir_rows_own(rows, keeper);
    *to = rows;
    return WEIR_OK;
}

weir_status weir_arrow_import(struct ArrowSchema *from, struct ArrowArray *array, struct weir_schema **schema,
                              struct weir_rows **rows, struct weir_error *error)
{
    *schema = NULL;
    *rows = NULL;
    weir_status s = import_schema(from, schema, error);
    if (s == WEIR_OK) s = import_rows(&(struct import){array, *schema, error}, rows);
    if (s == WEIR_OK) array->release = NULL; /* moved */
    else if (array->release) array->release(array);
    if (from->release) from->release(from);
    if (s != WEIR_OK) {
        weir_schema_release(*schema);
        *schema = NULL;
    }
    return s;
}
