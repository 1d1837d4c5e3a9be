/* rows_gather.c - new rows of chosen old ones, copied: column by column. Rows that follow each other are found in the
 * choice, and their variable-length values copied together. */
#include "data/rows.h"

#include <string.h>

#include "data/bits_internal.h"
#include "data/gather.h"
#include "data/rows_internal.h"

static void gather_bits(uint8_t *to, const uint8_t *from, int64_t bit_offset, const uint32_t *origin, int64_t n)
{
    for (int64_t i = 0; i < n; i += 8) {
        int64_t left = n - i < 8 ? n - i : 8;
        unsigned byte = 0;
        for (int64_t k = 0; k < left; k++) byte |= (unsigned)weir_bit(from, bit_offset + origin[i + k]) << k;
        to[i >> 3] = (uint8_t)byte;
    }
}

/* Takes a buffer that `into` owns. NULL: no memory. */
static uint8_t *own_bytes(struct weir_pool *pool, struct weir_rows *into, size_t n)
{
    struct weir_buffer *b = weir__buffer_take(pool, n);
    if (!b) return NULL;
    weir_rows_own(into, b);
    return b->bytes;
}

/* The validity of the chosen rows; NULL through *validity when none of them is null. */
static weir_status gather_validity(struct weir_pool *pool, struct weir_rows *into, const weir_column *source,
                                   const uint32_t *origin, int64_t n, const uint8_t **validity)
{
    *validity = NULL;
    if (!source->validity) return WEIR_OK;
    struct weir_buffer *b = weir__buffer_take(pool, (size_t)(n + 7) / 8);
    if (!b) return WEIR_E_MEMORY;
    gather_bits(b->bytes, source->validity, source->bit_offset, origin, n);
    if (weir__bits_all(b->bytes, 0, n)) {
        weir_buffer_release(b);
        return WEIR_OK;
    }
    weir_rows_own(into, b);
    *validity = b->bytes;
    return WEIR_OK;
}

/* Fills offsets[0..n]; returns the bytes of all values, -1 when they are more than int32 offsets can hold. */
static int64_t gather_offsets(int32_t *to, const int32_t *from, const uint32_t *origin, int64_t n)
{
    int64_t at = 0;
    for (int64_t i = 0; i < n; i++) {
        to[i] = (int32_t)at;
        at += from[origin[i] + 1] - from[origin[i]];
        if (at > INT32_MAX) return -1;
    }
    to[n] = (int32_t)at;
    return at;
}

static void gather_values(uint8_t *to, const weir_column *source, const uint32_t *origin, int64_t n)
{
    const uint8_t *data = source->data;
    for (int64_t i = 0; i < n;) {
        int64_t first = i;
        while (++i < n && origin[i] == origin[i - 1] + 1) {
        }
        int32_t from = source->offsets[origin[first]];
        size_t bytes = (size_t)(source->offsets[origin[i - 1] + 1] - from);
        if (bytes) memcpy(to, data + from, bytes);
        to += bytes;
    }
}

static weir_status gather_variable(struct weir_pool *pool, struct weir_rows *into, weir_column *column,
                                   const weir_column *source, const uint32_t *origin, int64_t n)
{
    int32_t *offsets = (int32_t *)(void *)own_bytes(pool, into, (size_t)(n + 1) * sizeof(int32_t));
    int64_t bytes = offsets ? gather_offsets(offsets, source->offsets, origin, n) : -1;
    uint8_t *data = bytes >= 0 ? own_bytes(pool, into, (size_t)bytes) : NULL;
    if (!data) return WEIR_E_MEMORY;
    gather_values(data, source, origin, n);
    column->offsets = offsets;
    column->data = data;
    return WEIR_OK;
}

static weir_status gather_fixed(struct weir_pool *pool, struct weir_rows *into, weir_column *column,
                                const weir_column *source, const uint32_t *origin, int64_t n)
{
    uint32_t size = weir_type_size((weir_type)source->type);
    uint8_t *data = own_bytes(pool, into, size ? (size_t)n * size : (size_t)(n + 7) / 8);
    if (!data) return WEIR_E_MEMORY;
    if (size == 8)
        weir_gather_8((uint64_t *)(void *)data, source->data, origin, n);
    else if (size == 4)
        weir_gather_4((uint32_t *)(void *)data, source->data, origin, n);
    else
        gather_bits(data, source->data, source->bit_offset, origin, n);
    column->data = data;
    return WEIR_OK;
}

weir_status weir_rows_gather_column(struct weir_pool *pool, struct weir_rows *into, uint32_t c, const weir_column *source,
                                    const uint32_t *origin, int64_t n)
{
    weir_column column = {.type = source->type};
    weir_status s = gather_validity(pool, into, source, origin, n, &column.validity);
    if (s == WEIR_OK) s = (source->offsets ? gather_variable : gather_fixed)(pool, into, &column, source, origin, n);
    if (s == WEIR_OK) into->columns[c] = column;
    return s;
}

static weir_status gather_time(struct weir_pool *pool, struct weir_rows *into, const struct weir_rows *from,
                               const uint32_t *origin, int64_t n)
{
    if (!from->view.time) return WEIR_OK;
    uint8_t *time = own_bytes(pool, into, (size_t)n * sizeof(int64_t));
    if (!time) return WEIR_E_MEMORY;
    weir_gather_8((uint64_t *)time, (const uint64_t *)from->view.time, origin, n);
    into->view.time = (const int64_t *)(const void *)time;
    return WEIR_OK;
}

static weir_status gather_keys(struct weir_pool *pool, struct weir_rows *into, const struct weir_rows *from,
                               const uint32_t *origin, int64_t n)
{
    if (!from->keys.hash) return WEIR_OK;
    size_t hashes = (size_t)n * sizeof(uint64_t);
    struct weir_buffer *b = weir__buffer_take(pool, hashes + (size_t)n * sizeof(uint16_t));
    if (!b) return WEIR_E_MEMORY;
    weir_gather_8((uint64_t *)(void *)b->bytes, from->keys.hash, origin, n);
    weir_gather_2((uint16_t *)(void *)(b->bytes + hashes), from->keys.key_group, origin, n);
    into->keys = (struct weir_row_keys){.hash = (const uint64_t *)(const void *)b->bytes,
                                        .key_group = (const uint16_t *)(const void *)(b->bytes + hashes),
                                        .buffer = b};
    return WEIR_OK;
}

struct weir_rows *weir_rows_gather(struct weir_pool *pool, struct weir_rows *rows, const uint32_t *origin, int64_t n)
{
    uint32_t n_columns = rows->view.n_columns;
    struct weir_rows *into = weir_rows_create(pool, n_columns, 3 * n_columns + 1);
    if (!into) return NULL;
    into->view.length = into->view.selected = n;
    into->split = rows->split;
    weir_status s = gather_time(pool, into, rows, origin, n);
    if (s == WEIR_OK) s = gather_keys(pool, into, rows, origin, n);
    for (uint32_t c = 0; s == WEIR_OK && c < n_columns; c++) {
        s = weir_rows_gather_column(pool, into, c, &rows->columns[c], origin, n);
    }
    if (s == WEIR_OK) return into;
    weir_rows_release(into);
    return NULL;
}

struct weir_rows *weir_rows_compact(struct weir_pool *pool, struct weir_rows *rows)
{
    if (!rows->view.selection) return weir_rows_retain(rows);
    if (rows->view.selected == rows->view.length) {
        struct weir_rows *all = weir__rows_share(pool, rows, rows->view.n_columns, 0);
        if (!all) return NULL;
        memcpy(all->columns, rows->columns, rows->view.n_columns * sizeof *all->columns);
        all->view.selection = NULL;
        return all;
    }
    size_t room = (size_t)rows->view.selected + WEIR_INDEXES_MORE;
    struct weir_buffer *indexes = weir__buffer_take(pool, room * sizeof(uint32_t));
    if (!indexes) return NULL;
    uint32_t *origin = (uint32_t *)(void *)indexes->bytes;
    WEIR_ASSERT(weir__bits_count(rows->view.selection, 0, rows->view.length) == rows->view.selected);
    int64_t n = weir_bits_indexes(rows->view.selection, rows->view.length, origin);
    struct weir_rows *chosen = weir_rows_gather(pool, rows, origin, n);
    weir_buffer_release(indexes);
    return chosen;
}
