/* rows.c - headers of batches, and the ways to make new rows of old ones without copying: slice, select, project.
 * rows_gather.c copies.
 *
 * A header is one buffer: struct weir_rows, its columns, its list of owned buffers. Sharing retains the source as a whole,
 * also the buffers that a projection no longer points into: batches live briefly, and one reference costs less than one for
 * each of them.
 */
#include "data/rows.h"

#include <string.h>

#include "data/bits_internal.h"
#include "data/rows_internal.h"

struct weir_rows *weir_rows_create(struct weir_pool *pool, uint32_t n_columns, uint32_t n_owned)
{
    size_t columns_at = (sizeof(struct weir_rows) + 7) & ~(size_t)7;
    size_t owned_at = columns_at + n_columns * sizeof(weir_column), size = owned_at + n_owned * sizeof(struct weir_buffer *);
    struct weir_buffer *header = weir__buffer_take(pool, size);
    if (!header) return NULL;
    memset(header->bytes, 0, owned_at);
    struct weir_rows *rows = (struct weir_rows *)(void *)header->bytes;
    atomic_init(&rows->refs, 1);
    rows->header = header;
    rows->columns = (weir_column *)(void *)(header->bytes + columns_at);
    rows->owned = (struct weir_buffer **)(void *)(header->bytes + owned_at);
    rows->view.struct_size = sizeof rows->view;
    rows->view.n_columns = n_columns;
    rows->view.columns = rows->columns;
    return rows;
}

void weir_rows_own(struct weir_rows *rows, struct weir_buffer *buffer)
{
    WEIR_ASSERT((uint8_t *)(rows->owned + rows->n_owned + 1) <= rows->header->bytes + rows->header->capacity);
    rows->owned[rows->n_owned++] = buffer;
    rows->bytes += buffer->capacity;
}

void weir_rows_keep(struct weir_rows *rows, struct weir_rows *of)
{
    if (of->n_owned == 0 && of->kept[0] && !of->kept[1]) of = of->kept[0]; /* it has nothing of its own */
    if (rows->kept[0] == of || rows->kept[1] == of) return;
    WEIR_ASSERT(!rows->kept[1]);
    rows->kept[rows->kept[0] != NULL] = weir_rows_retain(of);
    rows->bytes += of->bytes;
}

struct weir_rows *weir_rows_retain(struct weir_rows *rows)
{
    atomic_fetch_add_explicit(&rows->refs, 1, memory_order_relaxed);
    return rows;
}

void weir_rows_release(struct weir_rows *rows)
{
    if (!rows) return;
    if (atomic_load_explicit(&rows->refs, memory_order_acquire) != 1 && /* a sole reference is ours: see pool.c */
        atomic_fetch_sub_explicit(&rows->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (uint32_t i = 0; i < rows->n_owned; i++) weir_buffer_release(rows->owned[i]);
    weir_buffer_release(rows->keys.buffer);
    weir_rows_release(rows->kept[0]);
    weir_rows_release(rows->kept[1]);
    weir_buffer_release(rows->header); /* last: rows lives in it */
}

struct weir_rows *weir__rows_share(struct weir_pool *pool, struct weir_rows *from, uint32_t n_columns, uint32_t spare)
{
    struct weir_rows *rows = weir_rows_create(pool, n_columns, spare);
    if (!rows) return NULL;
    weir_rows_keep(rows, from);
    rows->view = from->view;
    rows->view.n_columns = n_columns;
    rows->view.columns = rows->columns;
    rows->keys = from->keys;
    if (rows->keys.buffer) weir_buffer_retain(rows->keys.buffer);
    rows->split = from->split;
    return rows;
}

/* The same column, beginning at row `from`. */
static weir_column column_from(const weir_column *column, int64_t from, int64_t n)
{
    weir_column c = *column;
    uint32_t size = weir_type_size((weir_type)c.type);
    c.bit_offset += from;
    if (c.offsets)
        c.offsets += from;
    else if (size)
        c.data = (const uint8_t *)c.data + from * size;
    if (c.validity && weir__bits_all(c.validity, c.bit_offset, n)) c.validity = NULL;
    return c;
}

struct weir_rows *weir_rows_slice(struct weir_pool *pool, struct weir_rows *rows, int64_t from, int64_t n)
{
    bool whole = from == 0 && n == rows->view.length;
    WEIR_ASSERT(from >= 0 && n >= 0 && from <= rows->view.length - n);
    WEIR_ASSERT(whole || (!rows->view.selection && !rows->view.null_rows)); /* they have no bit offset */
    struct weir_rows *slice = weir__rows_share(pool, rows, rows->view.n_columns, 0);
    if (!slice) return NULL;
    for (uint32_t c = 0; c < rows->view.n_columns; c++) slice->columns[c] = column_from(&rows->columns[c], from, n);
    slice->view.length = n;
    if (!slice->view.selection) slice->view.selected = n;
    if (slice->view.time) slice->view.time += from;
    if (slice->keys.hash) slice->keys.hash += from;
    if (slice->keys.key_group) slice->keys.key_group += from;
    return slice;
}

struct weir_rows *weir_rows_select(struct weir_pool *pool, struct weir_rows *rows, struct weir_buffer *bits,
                                   int64_t selected)
{
    struct weir_rows *some = weir__rows_share(pool, rows, rows->view.n_columns, 1);
    if (!some) {
        weir_buffer_release(bits);
        return NULL;
    }
    memcpy(some->columns, rows->columns, rows->view.n_columns * sizeof *some->columns);
    weir_rows_own(some, bits);
    some->view.selection = bits->bytes;
    some->view.selected = selected;
    return some;
}

struct weir_rows *weir_rows_derive(struct weir_pool *pool, struct weir_rows *rows, uint32_t n_columns, uint32_t n_owned)
{
    return weir__rows_share(pool, rows, n_columns, n_owned);
}

struct weir_rows *weir_rows_project(struct weir_pool *pool, struct weir_rows *rows, const uint32_t *picks, uint32_t n)
{
    struct weir_rows *projected = weir__rows_share(pool, rows, n, 0);
    if (!projected) return NULL;
    for (uint32_t c = 0; c < n; c++) {
        WEIR_ASSERT(picks[c] < rows->view.n_columns);
        projected->columns[c] = rows->columns[picks[c]];
    }
    return projected;
}
