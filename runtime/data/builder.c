/* builder.c - the memory behind weir_out: fresh buffers in, filled rows out. One thread.
 *
 * Invariants: (1) every written column has buffers of `capacity` rows; (2) offsets[0] is 0 and those beyond the last put
 * are -1, so that a forgotten put shows; (3) validity bits beyond the last put are ones, bits of a bool column zero; (4)
 * a call that fails changes nothing that was put. `spare` holds the next set of buffers while rows are taken, so that
 * taking is all or nothing.
 */
#include "data/builder.h"

#include <string.h>

#include "base/alloc.h"
#include "data/bits_internal.h"
#include "data/rows_internal.h"

#define LEAST_VALUE_BYTES 16 /* room per row in a variable column that was never filled */

static size_t bitmap_bytes(int64_t rows)
{
    return (size_t)(rows + 7) / 8;
}

static weir_type type_of(const struct weir_builder *b, uint32_t i)
{
    return (weir_type)b->columns[i].type;
}

static size_t data_bytes(const struct weir_builder *b, uint32_t i, int64_t rows)
{
    weir_type type = type_of(b, i);
    if (weir_type_is_variable(type)) return (size_t)b->columns[i].bytes_capacity;
    return type == WEIR_BOOL ? bitmap_bytes(rows) : (size_t)rows * weir_type_size(type);
}

/* ---- buffers ----------------------------------------------------------------------------------------------------- */

static void preset_offsets(int32_t *offsets, int64_t from, int64_t capacity)
{
    memset(offsets + from, 0xff, (size_t)(capacity + 1 - from) * sizeof *offsets);
    if (from == 0) offsets[0] = 0;
}

/* A data buffer for column i, preset as invariant 3 says. */
static struct weir_buffer *fresh_data(const struct weir_builder *b, uint32_t i, size_t bytes)
{
    struct weir_buffer *data = weir__buffer_take(b->pool, bytes);
    if (data && type_of(b, i) == WEIR_BOOL) memset(data->bytes, 0, data->capacity);
    return data;
}

static struct weir_buffer *fresh_validity(const struct weir_builder *b, int64_t rows)
{
    struct weir_buffer *validity = weir__buffer_take(b->pool, bitmap_bytes(rows));
    if (validity) memset(validity->bytes, 0xff, validity->capacity);
    return validity;
}

static struct weir_buffer *fresh_offsets(const struct weir_builder *b, int64_t rows)
{
    struct weir_buffer *offsets = weir__buffer_take(b->pool, (size_t)(rows + 1) * sizeof(int32_t));
    if (offsets) preset_offsets((int32_t *)(void *)offsets->bytes, 0, rows);
    return offsets;
}

/* Shows buffer `data` etc. of column i to the component. */
static void expose(struct weir_builder *b, uint32_t i)
{
    weir_out_column *c = &b->columns[i];
    c->data = b->data[i]->bytes;
    c->validity = b->validity[i] ? b->validity[i]->bytes : NULL;
    c->offsets = b->offsets[i] ? (int32_t *)(void *)b->offsets[i]->bytes : NULL;
    if (c->offsets) c->bytes_capacity = (int64_t)(b->data[i]->capacity < INT32_MAX ? b->data[i]->capacity : INT32_MAX);
}

static void expose_time(struct weir_builder *b)
{
    b->out.time = b->time ? (int64_t *)(void *)b->time->bytes : NULL;
    b->out.origin = b->origin ? (uint32_t *)(void *)b->origin->bytes : NULL;
}

static void release_all(struct weir_buffer **buffers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        weir_buffer_release(buffers[i]);
        buffers[i] = NULL;
    }
}

/* ---- lifecycle --------------------------------------------------------------------------------------------------- */

static bool take_first_buffers(struct weir_builder *b)
{
    int64_t capacity = b->out.capacity;
    bool fine = true;
    for (uint32_t i = 0; fine && i < b->n_written; i++) {
        const weir_schema_field *f = weir_schema_field_at(b->schema, b->written[i]);
        b->columns[i].type = f->type;
        b->columns[i].bytes_capacity = weir_type_is_variable((weir_type)f->type) ? capacity * LEAST_VALUE_BYTES : 0;
        fine = (b->data[i] = fresh_data(b, i, data_bytes(b, i, capacity))) != NULL;
        if (fine && f->nullable) fine = (b->validity[i] = fresh_validity(b, capacity)) != NULL;
        if (fine && weir_type_is_variable((weir_type)f->type)) fine = (b->offsets[i] = fresh_offsets(b, capacity)) != NULL;
        if (fine) expose(b, i);
    }
    if (fine && b->wants_time) fine = (b->time = weir__buffer_take(b->pool, (size_t)capacity * sizeof(int64_t))) != NULL;
    if (fine && b->wants_origin) {
        fine = (b->origin = weir__buffer_take(b->pool, (size_t)capacity * sizeof(uint32_t))) != NULL;
    }
    expose_time(b);
    return fine;
}

weir_status weir_builder_init(struct weir_builder *b, struct weir_pool *pool, struct weir_schema *schema,
                              const uint32_t *written, uint32_t n_written, int64_t capacity, bool wants_time,
                              bool wants_origin, struct weir_error *error)
{
    WEIR_ASSERT(capacity > 0 && capacity < INT32_MAX);
    if (!written) n_written = weir_schema_count(schema);
    *b = (struct weir_builder){.pool = pool,
                               .schema = weir_schema_retain(schema),
                               .n_written = n_written,
                               .wants_time = wants_time,
                               .wants_origin = wants_origin};
    b->written = weir_alloc_array(n_written, sizeof *b->written);
    for (uint32_t i = 0; i < n_written; i++) b->written[i] = written ? written[i] : i;
    b->columns = weir_alloc_array(n_written, sizeof *b->columns);
    b->data = weir_alloc_array(6 * (size_t)n_written + 1, sizeof *b->data);
    b->validity = b->data + n_written;
    b->offsets = b->validity + n_written;
    b->spare = b->offsets + n_written;
    b->out = (weir_out){.struct_size = sizeof b->out, .n_columns = n_written, .capacity = capacity, .columns = b->columns};
    if (take_first_buffers(b)) return WEIR_OK;
    weir_builder_finish(b);
    return weir_error_set(error, WEIR_E_MEMORY, "no memory for output batches of %lld rows", (long long)capacity);
}

void weir_builder_finish(struct weir_builder *b)
{
    if (b->data) release_all(b->data, 3 * (size_t)b->n_written);
    weir_buffer_release(b->time);
    weir_buffer_release(b->origin);
    weir_free(b->data);
    weir_free(b->columns);
    weir_free(b->written);
    weir_schema_release(b->schema);
    *b = (struct weir_builder){0};
}

/* ---- room -------------------------------------------------------------------------------------------------------- */

/* Where the value bytes of column i end: after the rows so far and, when it was put already, the row being written. */
static int64_t used_bytes(const struct weir_builder *b, uint32_t i)
{
    const int32_t *offsets = b->columns[i].offsets;
    int32_t used = offsets[b->out.length] > 0 ? offsets[b->out.length] : 0;
    if (b->out.length < b->out.capacity && offsets[b->out.length + 1] > used) used = offsets[b->out.length + 1];
    return used;
}

weir_status weir_builder_reserve_bytes(struct weir_builder *b, uint32_t i, size_t more)
{
    WEIR_ASSERT(i < b->n_written && b->columns[i].offsets);
    int64_t used = used_bytes(b, i), capacity = b->columns[i].bytes_capacity;
    if ((uint64_t)more <= (uint64_t)(capacity - used)) return WEIR_OK;
    if (more > (size_t)(INT32_MAX - used)) return WEIR_E_MEMORY; /* offsets are 32 bits wide */
    int64_t wanted = used + (int64_t)more;
    if (wanted < 2 * capacity) wanted = 2 * capacity;
    if (wanted > INT32_MAX) wanted = INT32_MAX;
    struct weir_buffer *larger = weir__buffer_take(b->pool, (size_t)wanted);
    if (!larger) return WEIR_E_MEMORY;
    memcpy(larger->bytes, b->data[i]->bytes, (size_t)used);
    weir_buffer_release(b->data[i]);
    b->data[i] = larger;
    expose(b, i);
    return WEIR_OK;
}

/* Replaces *buffer by a larger one with the same first `used` bytes. */
static bool enlarge(struct weir_builder *b, struct weir_buffer **buffer, size_t used, size_t bytes)
{
    if (!*buffer || (*buffer)->capacity >= bytes) return true;
    struct weir_buffer *larger = weir__buffer_take(b->pool, bytes);
    if (!larger) return false;
    memcpy(larger->bytes, (*buffer)->bytes, used);
    weir_buffer_release(*buffer);
    *buffer = larger;
    return true;
}

static bool enlarge_column(struct weir_builder *b, uint32_t i, int64_t rows)
{
    int64_t old = b->out.capacity;
    size_t bits = bitmap_bytes(old), size = weir_type_size(type_of(b, i));
    bool fine = enlarge(b, &b->validity[i], bits, bitmap_bytes(rows)) &&
                enlarge(b, &b->offsets[i], (size_t)(old + 1) * sizeof(int32_t), (size_t)(rows + 1) * sizeof(int32_t));
    if (fine && size) fine = enlarge(b, &b->data[i], (size_t)old * size, (size_t)rows * size);
    if (fine && type_of(b, i) == WEIR_BOOL) fine = enlarge(b, &b->data[i], bits, bitmap_bytes(rows));
    if (!fine) return false;
    if (b->validity[i]) memset(b->validity[i]->bytes + bits, 0xff, b->validity[i]->capacity - bits);
    if (b->offsets[i]) preset_offsets((int32_t *)(void *)b->offsets[i]->bytes, old + 1, rows);
    if (type_of(b, i) == WEIR_BOOL) memset(b->data[i]->bytes + bits, 0, b->data[i]->capacity - bits);
    return true;
}

weir_status weir_builder_reserve_rows(struct weir_builder *b, int64_t rows)
{
    size_t old = (size_t)b->out.capacity;
    if (rows <= b->out.capacity) return WEIR_OK;
    WEIR_ASSERT(rows < INT32_MAX);
    bool fine = enlarge(b, &b->time, old * sizeof(int64_t), (size_t)rows * sizeof(int64_t)) &&
                enlarge(b, &b->origin, old * sizeof(uint32_t), (size_t)rows * sizeof(uint32_t));
    for (uint32_t i = 0; fine && i < b->n_written; i++) fine = enlarge_column(b, i, rows);
    for (uint32_t i = 0; i < b->n_written; i++) expose(b, i); /* after a failure too: some may have moved */
    expose_time(b);
    if (!fine) return WEIR_E_MEMORY;
    b->out.capacity = rows;
    return WEIR_OK;
}

/* ---- taking ------------------------------------------------------------------------------------------------------ */

/* Bytes for the next batch's values: what this batch needed and an eighth more, so that one giant value does not stay for
 * ever. */
static size_t next_value_bytes(const struct weir_builder *b, uint32_t i)
{
    size_t used = (size_t)used_bytes(b, i), least = (size_t)b->out.capacity * LEAST_VALUE_BYTES;
    used += used / 8;
    return used > least ? used : least;
}

/* Which of column i's buffers the rows will not take along: a validity without nulls is used again. */
static bool has_nulls(const struct weir_builder *b, uint32_t i)
{
    return b->validity[i] && !weir__bits_all(b->validity[i]->bytes, 0, b->out.length);
}

/* Fills spare with buffers for those that go with the rows: [0, n) data, then validity, then offsets, then time. */
static bool take_spare(struct weir_builder *b)
{
    uint32_t n = b->n_written;
    int64_t capacity = b->out.capacity;
    for (uint32_t i = 0; i < n; i++) {
        size_t bytes = b->offsets[i] ? next_value_bytes(b, i) : data_bytes(b, i, capacity);
        if (!(b->spare[i] = fresh_data(b, i, bytes))) return false;
        if (has_nulls(b, i) && !(b->spare[n + i] = fresh_validity(b, capacity))) return false;
        if (b->offsets[i] && !(b->spare[2 * n + i] = fresh_offsets(b, capacity))) return false;
    }
    return !b->time || (b->spare[3 * n] = weir__buffer_take(b->pool, (size_t)capacity * sizeof(int64_t))) != NULL;
}

/* Gives *buffer to the rows and puts the spare one in its place; returns its bytes. */
static uint8_t *hand_over(struct weir_rows *rows, struct weir_buffer **buffer, struct weir_buffer **spare)
{
    uint8_t *bytes = (*buffer)->bytes;
    weir_rows_own(rows, *buffer);
    *buffer = *spare;
    *spare = NULL;
    return bytes;
}

/* No offset of a row that ended may be -1, nor before the one ahead of it. */
static bool is_complete(const int32_t *offsets, int64_t n)
{
    int32_t sign = 0;
    for (int64_t i = 0; i < n; i++) sign |= offsets[i + 1] | (int32_t)((uint32_t)offsets[i + 1] - (uint32_t)offsets[i]);
    return sign >= 0;
}

static void hand_over_column(struct weir_builder *b, struct weir_rows *rows, uint32_t i)
{
    uint32_t n = b->n_written;
    weir_column *c = &rows->columns[b->written[i]];
    bool nulls = b->spare[n + i] != NULL;
    c->type = b->columns[i].type;
    c->data = hand_over(rows, &b->data[i], &b->spare[i]);
    if (nulls) c->validity = hand_over(rows, &b->validity[i], &b->spare[n + i]);
    if (b->offsets[i]) c->offsets = (const int32_t *)(const void *)hand_over(rows, &b->offsets[i], &b->spare[2 * n + i]);
    expose(b, i);
}

struct weir_rows *weir_builder_take(struct weir_builder *b, uint32_t extra_owned, const uint32_t **origin,
                                    int32_t *forgotten)
{
    struct weir_rows *rows = weir_rows_create(b->pool, weir_schema_count(b->schema), 3 * b->n_written + 1 + extra_owned);
    if (!rows || !take_spare(b)) {
        release_all(b->spare, 3 * (size_t)b->n_written + 1);
        weir_rows_release(rows);
        return NULL;
    }
    *forgotten = -1;
    for (uint32_t i = 0; i < b->n_written; i++) {
        if (*forgotten < 0 && b->offsets[i] && !is_complete(b->columns[i].offsets, b->out.length)) *forgotten = (int32_t)i;
        hand_over_column(b, rows, i);
    }
    if (b->time) rows->view.time = (const int64_t *)(const void *)hand_over(rows, &b->time, &b->spare[3 * b->n_written]);
    if (origin) *origin = b->out.origin;
    rows->view.length = rows->view.selected = b->out.length;
    b->out.length = 0;
    expose_time(b);
    return rows;
}
