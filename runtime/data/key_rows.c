/* key_rows.c - hash and key group of every row of a batch, column by column, in runs short enough for the first-level
 * cache.
 *
 * Keys of one field have loops of their own; the rest encodes each row's key and hashes the bytes. Rows that a selection
 * hides are hashed like the others, which costs less than asking; but a null in one is no error.
 */
#include "data/key.h"

#include <string.h>
#include <weir/cpu.h>

#include "data/bits_internal.h"
#include "data/key_internal.h"
#include "data/rows_internal.h"

#define RUN 256 /* rows */

/* The first visible row of column c that is null; length when there is none. */
static int64_t first_null(const weir_batch *batch, const weir_column *c)
{
    for (int64_t at = 0; c->validity && at < batch->length; at += 64) {
        int64_t n = batch->length - at < 64 ? batch->length - at : 64;
        uint64_t every = n == 64 ? UINT64_MAX : ((uint64_t)1 << n) - 1;
        uint64_t nulls = ~weir__bits_load(c->validity, c->bit_offset + at, n) & every;
        if (batch->selection) nulls &= weir__bits_load(batch->selection, at, n);
        if (nulls) return at + __builtin_ctzll(nulls);
    }
    return batch->length;
}

static bool has_null(const weir_batch *batch, const uint32_t *fields, uint32_t n_fields, int64_t *bad_row,
                     uint32_t *bad_field)
{
    int64_t first = batch->length;
    for (uint32_t i = 0; i < n_fields; i++) {
        int64_t row = first_null(batch, &batch->columns[fields[i]]);
        if (row >= first) continue;
        first = row;
        *bad_row = row;
        *bad_field = i;
    }
    return first < batch->length;
}

/* ---- Java's hashes ----------------------------------------------------------------------------------------------- */

/* Rows from .. from + n - 1 of one field. */
static void hash_field(const weir_column *c, int64_t from, int64_t n, int32_t *to)
{
    switch ((weir_type)c->type) {
    case WEIR_BOOL:
        for (int64_t i = 0; i < n; i++) to[i] = weir_java_hash_bool(weir_bit(c->data, c->bit_offset + from + i));
        return;
    case WEIR_I32: memcpy(to, (const int32_t *)c->data + from, (size_t)n * sizeof *to); return;
    case WEIR_F32:
        for (int64_t i = 0; i < n; i++) to[i] = (int32_t)weir__f32_bits(((const float *)c->data)[from + i]);
        return;
    case WEIR_I64:
    case WEIR_TIMESTAMP:
        for (int64_t i = 0; i < n; i++) to[i] = weir__java_fold(((const uint64_t *)c->data)[from + i]);
        return;
    case WEIR_F64:
        for (int64_t i = 0; i < n; i++) to[i] = weir__java_fold(weir__f64_bits(((const double *)c->data)[from + i]));
        return;
    case WEIR_STRING: weir__java_hash_texts(c, from, n, to); return;
    default: WEIR_ASSERT(!"bytes and any cannot be keys");
    }
}

/* One field hashes as itself, several as Flink's TupleN. */
static void java_hashes(const weir_batch *batch, const uint32_t *fields, uint32_t n_fields, int64_t from, int64_t n,
                        int32_t *to)
{
    int32_t more[RUN];
    hash_field(&batch->columns[fields[0]], from, n, to);
    for (uint32_t f = 1; f < n_fields; f++) {
        hash_field(&batch->columns[fields[f]], from, n, more);
        for (int64_t i = 0; i < n; i++) to[i] = (int32_t)((uint32_t)to[i] * 31 + (uint32_t)more[i]);
    }
}

WEIR_FOR_SEVERAL_CPUS
static void key_groups_masked(const int32_t *restrict hashes, int64_t n, uint32_t mask, uint16_t *restrict to)
{
    for (int64_t i = 0; i < n; i++) to[i] = (uint16_t)((uint32_t)weir__murmur(hashes[i]) & mask);
}

static void key_groups(const int32_t *hashes, int64_t n, uint32_t max_parallelism, uint16_t *to)
{
    if ((max_parallelism & (max_parallelism - 1)) == 0) {
        key_groups_masked(hashes, n, max_parallelism - 1, to);
    } else {
        for (int64_t i = 0; i < n; i++) to[i] = (uint16_t)((uint32_t)weir__murmur(hashes[i]) % max_parallelism);
    }
}

/* ---- hashes for state tables ------------------------------------------------------------------------------------- */

static weir_status hash_encoded(const weir_batch *batch, const uint32_t *fields, uint32_t n_fields, uint64_t *to)
{
    struct weir_key_bytes key = {0};
    weir_status s = WEIR_OK;
    for (int64_t i = 0; i < batch->length; i++) {
        key.n = 0;
        s = weir_key_encode(&key, batch, fields, n_fields, i);
        if (s == WEIR_E_DATA) s = WEIR_OK; /* hidden by the selection, since has_null looked at the others */
        if (s != WEIR_OK) break;
        to[i] = weir_key_hash64(key.p, key.n);
    }
    weir_key_bytes_finish(&key);
    return s;
}

WEIR_FOR_SEVERAL_CPUS
static void hash_numbers(const uint64_t *restrict v, int64_t n, uint64_t *restrict to)
{
    for (int64_t i = 0; i < n; i++) to[i] = weir__mix64(v[i]);
}

WEIR_FOR_SEVERAL_CPUS
static void hash_narrow_numbers(const uint32_t *restrict v, int64_t n, uint64_t *restrict to)
{
    for (int64_t i = 0; i < n; i++) to[i] = weir__mix64(v[i]);
}

static weir_status hashes64(const weir_batch *batch, const uint32_t *fields, uint32_t n_fields, uint64_t *to)
{
    const weir_column *c = &batch->columns[fields[0]];
    int64_t n = batch->length;
    switch (n_fields == 1 ? c->type : 0) {
    case WEIR_I64:
    case WEIR_TIMESTAMP: hash_numbers(c->data, n, to); return WEIR_OK;
    case WEIR_F64:
        for (int64_t i = 0; i < n; i++) to[i] = weir__mix64(weir__f64_bits(((const double *)c->data)[i]));
        return WEIR_OK;
    case WEIR_I32: hash_narrow_numbers(c->data, n, to); return WEIR_OK;
    case WEIR_STRING: weir__hash_texts(c, n, to); return WEIR_OK;
    default: return hash_encoded(batch, fields, n_fields, to);
    }
}

weir_status weir_key_rows(struct weir_pool *pool, struct weir_rows *rows, const uint32_t *fields, uint32_t n_fields,
                          uint32_t max_parallelism, int64_t *bad_row, uint32_t *bad_field)
{
    const weir_batch *batch = &rows->view;
    WEIR_ASSERT(n_fields > 0 && max_parallelism > 0 && max_parallelism <= WEIR_MAX_PARALLELISM);
    if (has_null(batch, fields, n_fields, bad_row, bad_field)) return WEIR_E_DATA;
    size_t hash_bytes = (size_t)batch->length * sizeof(uint64_t);
    struct weir_buffer *buffer = weir__buffer_take(pool, hash_bytes + (size_t)batch->length * sizeof(uint16_t));
    if (!buffer) return WEIR_E_MEMORY;
    uint64_t *hash = (uint64_t *)(void *)buffer->bytes;
    uint16_t *group = (uint16_t *)(void *)(buffer->bytes + hash_bytes);
    weir_status s = hashes64(batch, fields, n_fields, hash);
    for (int64_t from = 0; s == WEIR_OK && from < batch->length; from += RUN) {
        int32_t java[RUN];
        int64_t n = batch->length - from < RUN ? batch->length - from : RUN;
        java_hashes(batch, fields, n_fields, from, n, java);
        key_groups(java, n, max_parallelism, group + from);
    }
    if (s != WEIR_OK) {
        weir_buffer_release(buffer);
        return s;
    }
    weir_buffer_release(rows->keys.buffer);
    rows->keys = (struct weir_row_keys){.hash = hash, .key_group = group, .buffer = buffer};
    return WEIR_OK;
}
