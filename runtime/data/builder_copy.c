/* builder_copy.c - filling a builder from other rows: one cell, or whole rows column by column. One thread. */
#include "data/builder.h"

#include <string.h>

#include "data/bits_internal.h"
#include "data/gather.h"

weir_status weir_builder_copy_cell(struct weir_builder *b, uint32_t i, const weir_column *from, int64_t row)
{
    weir_out_column *to = &b->columns[i];
    int64_t at = b->out.length;
    WEIR_ASSERT(i < b->n_written && to->type == from->type);
    bool null = from->validity && !weir_bit(from->validity, from->bit_offset + row);
    if (null && !to->validity) return WEIR_E_DATA;
    if (to->validity) weir__bits_put(to->validity, at, !null);
    uint32_t size = weir_type_size((weir_type)to->type);
    if (to->offsets) {
        size_t bytes = null ? 0 : (size_t)(from->offsets[row + 1] - from->offsets[row]);
        weir_status s = weir_builder_reserve_bytes(b, i, bytes);
        if (s != WEIR_OK) return s;
        if (bytes) memcpy((uint8_t *)to->data + to->offsets[at], (const uint8_t *)from->data + from->offsets[row], bytes);
        to->offsets[at + 1] = to->offsets[at] + (int32_t)bytes;
    } else if (size) {
        memcpy((uint8_t *)to->data + at * size, (const uint8_t *)from->data + row * size, size);
    } else {
        weir__bits_put(to->data, at, weir_bit(from->data, from->bit_offset + row));
    }
    return WEIR_OK;
}

static void append_4(uint32_t *restrict to, const uint32_t *restrict from, const uint32_t *restrict picks, int64_t n)
{
    if (picks)
        weir_gather_4(to, from, picks, n);
    else
        memcpy(to, from, (size_t)n * sizeof *to);
}

static void append_8(uint64_t *restrict to, const uint64_t *restrict from, const uint32_t *restrict picks, int64_t n)
{
    if (picks)
        weir_gather_8(to, from, picks, n);
    else
        memcpy(to, from, (size_t)n * sizeof *to);
}

static int64_t picked(const uint32_t *picks, int64_t k)
{
    return picks ? picks[k] : k;
}

static void append_bits(uint8_t *to, int64_t at, const uint8_t *from, int64_t bit_offset, const uint32_t *picks, int64_t n)
{
    if (!picks) {
        weir__bits_copy(to, at, from, bit_offset, n);
        return;
    }
    for (int64_t k = 0; k < n; k++) weir__bits_put(to, at + k, weir_bit(from, bit_offset + picks[k]));
}

static int64_t value_bytes(const weir_column *from, const uint32_t *picks, int64_t n)
{
    int64_t bytes = 0;
    if (!picks) return n ? from->offsets[n] - from->offsets[0] : 0;
    for (int64_t k = 0; k < n; k++) bytes += from->offsets[picks[k] + 1] - from->offsets[picks[k]];
    return bytes;
}

static void append_variable(struct weir_builder *b, uint32_t i, const weir_column *from, const uint32_t *picks, int64_t n)
{
    weir_out_column *to = &b->columns[i];
    int32_t *offsets = to->offsets + b->out.length;
    uint8_t *data = to->data;
    if (!picks && n > 0) { /* one run of bytes */
        int32_t shift = offsets[0] - from->offsets[0];
        memcpy(data + offsets[0], (const uint8_t *)from->data + from->offsets[0], (size_t)value_bytes(from, NULL, n));
        for (int64_t k = 1; k <= n; k++) offsets[k] = from->offsets[k] + shift;
        return;
    }
    for (int64_t k = 0; k < n; k++) {
        uint32_t row = picks[k];
        size_t bytes = (size_t)(from->offsets[row + 1] - from->offsets[row]);
        if (bytes) memcpy(data + offsets[k], (const uint8_t *)from->data + from->offsets[row], bytes);
        offsets[k + 1] = offsets[k] + (int32_t)bytes;
    }
}

/* There is room for the rows and for their bytes. */
static void append_column(struct weir_builder *b, uint32_t i, const weir_column *from, const uint32_t *picks, int64_t n)
{
    weir_out_column *to = &b->columns[i];
    int64_t at = b->out.length;
    uint32_t size = weir_type_size((weir_type)to->type);
    WEIR_ASSERT(to->type == from->type && (to->validity || !from->validity));
    if (from->validity) append_bits(to->validity, at, from->validity, from->bit_offset, picks, n);
    if (to->offsets)
        append_variable(b, i, from, picks, n);
    else if (size == 8)
        append_8((uint64_t *)to->data + at, from->data, picks, n);
    else if (size == 4)
        append_4((uint32_t *)to->data + at, from->data, picks, n);
    else
        append_bits(to->data, at, from->data, from->bit_offset, picks, n);
}

int64_t weir_builder_append(struct weir_builder *b, const weir_batch *batch, const uint32_t *picks, int64_t n)
{
    int64_t room = b->out.capacity - b->out.length, at = b->out.length;
    WEIR_ASSERT(weir_schema_count(b->schema) == batch->n_columns);
    if (n > room) n = room;
    for (uint32_t i = 0; i < b->n_written; i++) { /* what can fail, first */
        const weir_column *from = &batch->columns[b->written[i]];
        if (from->offsets && weir_builder_reserve_bytes(b, i, (size_t)value_bytes(from, picks, n)) != WEIR_OK) return -1;
    }
    for (uint32_t i = 0; i < b->n_written; i++) append_column(b, i, &batch->columns[b->written[i]], picks, n);
    if (b->out.time) append_8((uint64_t *)b->out.time + at, (const uint64_t *)batch->time, picks, n);
    for (int64_t k = 0; b->out.origin && k < n; k++) b->out.origin[at + k] = (uint32_t)picked(picks, k);
    b->out.length += n;
    return n;
}
