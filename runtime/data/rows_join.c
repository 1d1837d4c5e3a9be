/* rows_join.c - several batches of one stream as one, copied: column by column, a run of memory of each batch. */
#include <string.h>

#include "data/bits_internal.h"
#include "data/rows.h"
#include "data/rows_internal.h"
#include "data/unread.h"

struct join {
    struct weir_pool *pool;
    struct weir_rows *const *parts;
    uint32_t n_parts;
    int64_t n; /* rows */
    struct weir_rows *into;
};

static uint8_t *own_bytes(struct join *j, size_t n)
{
    struct weir_buffer *b = weir__buffer_take(j->pool, n);
    if (!b) return NULL;
    weir_rows_own(j->into, b);
    return b->bytes;
}

/* Bits as columns have them, or all set where a batch has none. */
static bool join_validity(struct join *j, uint32_t c, weir_column *to)
{
    bool nulls = false;
    for (uint32_t p = 0; p < j->n_parts; p++) nulls |= j->parts[p]->columns[c].validity != NULL;
    if (!nulls) return true;
    uint8_t *bits = own_bytes(j, (size_t)(j->n + 7) / 8);
    if (!bits) return false;
    memset(bits, 0xff, (size_t)(j->n + 7) / 8);
    for (uint32_t p = 0, at = 0; p < j->n_parts; at += (uint32_t)j->parts[p++]->view.length) {
        const weir_column *from = &j->parts[p]->columns[c];
        if (from->validity) weir__bits_copy(bits, at, from->validity, from->bit_offset, j->parts[p]->view.length);
    }
    to->validity = bits;
    return true;
}

static bool join_bools(struct join *j, uint32_t c, weir_column *to)
{
    uint8_t *bits = own_bytes(j, (size_t)(j->n + 7) / 8);
    if (!bits) return false;
    for (uint32_t p = 0, at = 0; p < j->n_parts; at += (uint32_t)j->parts[p++]->view.length) {
        const weir_column *from = &j->parts[p]->columns[c];
        weir__bits_copy(bits, at, from->data, from->bit_offset, j->parts[p]->view.length);
    }
    to->data = bits;
    return true;
}

static bool join_fixed(struct join *j, uint32_t c, size_t size, weir_column *to)
{
    uint8_t *at = own_bytes(j, (size_t)j->n * size);
    to->data = at;
    for (uint32_t p = 0; at && p < j->n_parts; p++) {
        size_t bytes = (size_t)j->parts[p]->view.length * size;
        if (bytes) memcpy(at, j->parts[p]->columns[c].data, bytes);
        at += bytes;
    }
    return at != NULL;
}

static bool join_variable(struct join *j, uint32_t c, weir_column *to)
{
    size_t total = 0;
    for (uint32_t p = 0; p < j->n_parts; p++) {
        const int32_t *offsets = j->parts[p]->columns[c].offsets;
        total += (size_t)(offsets[j->parts[p]->view.length] - offsets[0]);
    }
    if (total > INT32_MAX) return false;
    int32_t *offsets = (int32_t *)(void *)own_bytes(j, (size_t)(j->n + 1) * sizeof *offsets), at = 0;
    uint8_t *data = offsets ? own_bytes(j, total) : NULL;
    if (!data) return false;
    to->offsets = offsets;
    to->data = data;
    for (uint32_t p = 0; p < j->n_parts; p++) {
        const weir_column *from = &j->parts[p]->columns[c];
        int64_t n = j->parts[p]->view.length;
        int32_t first = from->offsets[0], bytes = from->offsets[n] - first;
        for (int64_t i = 0; i < n; i++) *offsets++ = from->offsets[i] - first + at;
        if (bytes) memcpy(data + at, (const uint8_t *)from->data + first, (size_t)bytes);
        at += bytes;
    }
    *offsets = at;
    return true;
}

static bool is_unread(const struct join *j, uint32_t c)
{
    for (uint32_t p = 0; p < j->n_parts; p++) {
        if (!weir_column_is_unread(&j->parts[p]->columns[c])) return false;
    }
    return j->n <= WEIR_UNREAD_ROWS;
}

static bool join_column(struct join *j, uint32_t c)
{
    if (is_unread(j, c)) {
        j->into->columns[c] = j->parts[0]->columns[c];
        return true;
    }
    weir_column to = {.type = j->parts[0]->columns[c].type};
    uint32_t size = weir_type_size((weir_type)to.type);
    bool ok = join_validity(j, c, &to);
    if (ok && weir_type_is_variable((weir_type)to.type))
        ok = join_variable(j, c, &to);
    else if (ok)
        ok = size ? join_fixed(j, c, size, &to) : join_bools(j, c, &to);
    j->into->columns[c] = to;
    return ok;
}

static bool join_time(struct join *j)
{
    if (!j->parts[0]->view.time) return true;
    int64_t *at = (int64_t *)(void *)own_bytes(j, (size_t)j->n * sizeof *at);
    j->into->view.time = at;
    for (uint32_t p = 0; at && p < j->n_parts; p++) {
        size_t n = (size_t)j->parts[p]->view.length;
        if (n) memcpy(at, j->parts[p]->view.time, n * sizeof *at);
        at += n;
    }
    return at != NULL;
}

static bool join_keys(struct join *j)
{
    if (!j->parts[0]->keys.hash) return true;
    struct weir_buffer *b = weir__buffer_take(j->pool, (size_t)j->n * (sizeof(uint64_t) + sizeof(uint16_t)));
    if (!b) return false;
    uint64_t *hash = (uint64_t *)(void *)b->bytes;
    uint16_t *group = (uint16_t *)(void *)(hash + j->n);
    j->into->keys = (struct weir_row_keys){.hash = hash, .key_group = group, .buffer = b};
    for (uint32_t p = 0; p < j->n_parts; p++) {
        size_t n = (size_t)j->parts[p]->view.length;
        if (n == 0) continue;
        memcpy(hash, j->parts[p]->keys.hash, n * sizeof *hash);
        memcpy(group, j->parts[p]->keys.key_group, n * sizeof *group);
        hash += n;
        group += n;
    }
    return true;
}

struct weir_rows *weir_rows_join(struct weir_pool *pool, struct weir_rows *const *parts, uint32_t n)
{
    uint32_t n_columns = parts[0]->view.n_columns;
    struct join j = {.pool = pool, .parts = parts, .n_parts = n};
    for (uint32_t p = 0; p < n; p++) {
        WEIR_ASSERT(!parts[p]->view.selection && !parts[p]->view.null_rows && parts[p]->view.n_columns == n_columns);
        j.n += parts[p]->view.length;
    }
    if (!(j.into = weir_rows_create(pool, n_columns, 3 * n_columns + 1))) return NULL;
    j.into->view.length = j.into->view.selected = j.n;
    j.into->split = parts[0]->split;
    bool ok = join_time(&j) && join_keys(&j);
    for (uint32_t c = 0; ok && c < n_columns; c++) ok = join_column(&j, c);
    if (ok) return j.into;
    weir_rows_release(j.into);
    return NULL;
}
