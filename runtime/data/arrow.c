/* arrow.c - batches out through the Arrow C data interface (https://arrow.apache.org/docs/format/CDataInterface.html).
 *
 * The specification lets a consumer move a child out of its parent and release it on its own, so every child holds its own
 * reference to the rows and its own name. The structs of children belong to the parent's private data.
 */
#include "data/arrow.h"

#include <string.h>

#include "base/alloc.h"
#include "data/bits_internal.h"
#include "data/rows_internal.h"

static const char *const formats[] = {
    [WEIR_BOOL] = "b",           [WEIR_I32] = "i",    [WEIR_I64] = "l",   [WEIR_F32] = "f", [WEIR_F64] = "g",
    [WEIR_TIMESTAMP] = "tsm:UTC", [WEIR_STRING] = "u", [WEIR_BYTES] = "z", [WEIR_ANY] = "z",
};

/* int32 number of pairs, then int32 length and bytes of each key and value, in the machine's byte order. */
static const char any_metadata[] = "\1\0\0\0" "\x09\0\0\0" "weir.type" "\3\0\0\0" "any";

/* ---- schema ------------------------------------------------------------------------------------------------------ */

struct schema_parts { /* private_data of the parent */
    struct ArrowSchema *structs, **pointers;
};

static void release_field(struct ArrowSchema *field)
{
    weir_free(field->private_data); /* the name */
    field->release = NULL;
}

static void release_schema(struct ArrowSchema *schema)
{
    struct schema_parts *parts = schema->private_data;
    for (int64_t i = 0; i < schema->n_children; i++) {
        if (schema->children[i]->release) schema->children[i]->release(schema->children[i]);
    }
    weir_free(parts->structs);
    weir_free(parts->pointers);
    weir_free(parts);
    schema->release = NULL;
}

weir_status weir_arrow_export_schema(const struct weir_schema *schema, struct ArrowSchema *to, struct weir_error *error)
{
    uint32_t n = weir_schema_count(schema);
    struct schema_parts *parts = weir_alloc(sizeof *parts);
    (void)error; /* control objects only: nothing can fail */
    parts->structs = weir_alloc_array(n, sizeof *parts->structs);
    parts->pointers = weir_alloc_array(n, sizeof(struct ArrowSchema *));
    for (uint32_t i = 0; i < n; i++) {
        const weir_schema_field *f = weir_schema_field_at(schema, i);
        char *name = weir_strdup(f->name);
        parts->structs[i] = (struct ArrowSchema){.format = formats[f->type],
                                                 .name = name,
                                                 .metadata = f->type == WEIR_ANY ? any_metadata : NULL,
                                                 .flags = f->nullable ? ARROW_FLAG_NULLABLE : 0,
                                                 .release = release_field,
                                                 .private_data = name};
        parts->pointers[i] = &parts->structs[i];
    }
    *to = (struct ArrowSchema){.format = "+s",
                               .name = "",
                               .n_children = n,
                               .children = parts->pointers,
                               .release = release_schema,
                               .private_data = parts};
    return WEIR_OK;
}

/* ---- arrays ------------------------------------------------------------------------------------------------------ */

struct array_parts { /* private_data of the parent and of each child */
    struct weir_rows *rows;
    struct weir_buffer *bits[2]; /* copies of validity and of bool data, where they began inside a byte */
    const void *buffers[3];
    struct ArrowArray *structs, **pointers; /* parent */
};

static void release_array(struct ArrowArray *array)
{
    struct array_parts *parts = array->private_data;
    for (int64_t i = 0; i < array->n_children; i++) {
        if (array->children[i]->release) array->children[i]->release(array->children[i]);
    }
    weir_buffer_release(parts->bits[0]);
    weir_buffer_release(parts->bits[1]);
    weir_rows_release(parts->rows);
    weir_free(parts->structs);
    weir_free(parts->pointers);
    weir_free(parts);
    array->release = NULL;
}

/* The bitmap from its bit at `at` on, as a pointer to a first byte. NULL: no memory. */
static const uint8_t *whole_bytes(const uint8_t *bits, int64_t at, int64_t n, struct weir_buffer **copy)
{
    if ((at & 7) == 0) return bits + (at >> 3);
    *copy = weir_buffer_create((size_t)(n + 7) / 8);
    if (!*copy) return NULL;
    memset((*copy)->bytes, 0, (*copy)->capacity);
    weir__bits_copy((*copy)->bytes, 0, bits, at, n);
    return (*copy)->bytes;
}

/* Sets the array up so that releasing it is right whatever happens after. */
static struct array_parts *begin_array(struct ArrowArray *array, struct weir_rows *rows, int64_t n_buffers)
{
    struct array_parts *parts = weir_alloc(sizeof *parts);
    parts->rows = weir_rows_retain(rows);
    *array = (struct ArrowArray){.length = rows->view.length,
                                 .n_buffers = n_buffers,
                                 .buffers = parts->buffers,
                                 .release = release_array,
                                 .private_data = parts};
    return parts;
}

static weir_status export_column(struct weir_rows *rows, const weir_column *c, struct ArrowArray *array)
{
    struct array_parts *parts = begin_array(array, rows, c->offsets ? 3 : 2);
    int64_t n = rows->view.length;
    if (c->validity) {
        parts->buffers[0] = whole_bytes(c->validity, c->bit_offset, n, &parts->bits[0]);
        if (!parts->buffers[0]) return WEIR_E_MEMORY;
        array->null_count = n - weir__bits_count(c->validity, c->bit_offset, n);
    }
    if (c->offsets) {
        parts->buffers[1] = c->offsets;
        parts->buffers[2] = c->data;
    } else {
        parts->buffers[1] = c->type == WEIR_BOOL ? whole_bytes(c->data, c->bit_offset, n, &parts->bits[1]) : c->data;
        if (!parts->buffers[1]) return WEIR_E_MEMORY;
    }
    return WEIR_OK;
}

static weir_status export_rows(struct weir_rows *rows, struct ArrowArray *array, struct weir_error *error)
{
    uint32_t n = rows->view.n_columns;
    struct array_parts *parts = begin_array(array, rows, 1);
    parts->structs = weir_alloc_array(n, sizeof *parts->structs);
    parts->pointers = weir_alloc_array(n, sizeof(struct ArrowArray *));
    array->children = parts->pointers;
    for (uint32_t i = 0; i < n; i++) {
        parts->pointers[i] = &parts->structs[i];
        array->n_children = i + 1;
        if (export_column(rows, &rows->columns[i], &parts->structs[i]) == WEIR_OK) continue;
        array->release(array);
        return weir_error_set(error, WEIR_E_MEMORY, "no memory to export %lld rows to Arrow", (long long)rows->view.length);
    }
    return WEIR_OK;
}

weir_status weir_arrow_export(struct weir_rows *rows, const struct weir_schema *schema, struct ArrowArray *array,
                              struct weir_error *error)
{
    WEIR_ASSERT(weir_schema_count(schema) == rows->view.n_columns);
    *array = (struct ArrowArray){0};
    struct weir_rows *compact = weir_rows_compact(NULL, rows);
    if (!compact) {
        return weir_error_set(error, WEIR_E_MEMORY, "no memory to export %lld rows to Arrow",
                              (long long)rows->view.selected);
    }
    weir_status s = export_rows(compact, array, error);
    weir_rows_release(compact);
    return s;
}

/* The numbers of the batch's rows that exist. */
static void list_rows(const weir_batch *batch, uint32_t *origin)
{
    if (batch->selection) weir_bits_indexes(batch->selection, batch->length, origin);
    else for (int64_t i = 0; i < batch->length; i++) origin[i] = (uint32_t)i;
}

weir_status weir_arrow_export_copy(const weir_batch *batch, struct ArrowArray *array, struct weir_error *error)
{
    int64_t n = batch->selection ? batch->selected : batch->length;
    uint32_t *origin = weir_try_alloc(((size_t)n + WEIR_INDEXES_MORE) * sizeof *origin);
    struct weir_rows *copy = weir_rows_create(NULL, batch->n_columns, 3 * batch->n_columns);
    weir_status s = origin && copy ? WEIR_OK : WEIR_E_MEMORY;
    *array = (struct ArrowArray){0};
    if (s == WEIR_OK) {
        list_rows(batch, origin);
        copy->view.length = copy->view.selected = n;
    }
    for (uint32_t c = 0; s == WEIR_OK && c < batch->n_columns; c++) {
        s = weir_rows_gather_column(NULL, copy, c, &batch->columns[c], origin, n);
    }
    if (s == WEIR_OK) s = export_rows(copy, array, error);
    else weir_error_set(error, s, "no memory to copy %lld rows for Arrow", (long long)n);
    weir_rows_release(copy);
    weir_free(origin);
    return s;
}
