/* builder.c - the memory behind weir_out: fresh buffers in, filled rows out. One thread.
 *
 * What is of fixed size lies in one buffer, since a buffer costs more than its bytes: it is taken, counted and given back.
 *
 * Invariants: (1) every written column has room for `capacity` rows; (2) offsets[0] is 0 and those beyond the last put
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
#define LINE              64

static size_t bitmap_bytes(int64_t rows)
{
    return (size_t)(rows + 7) / 8;
}

static weir_type type_of(const struct weir_builder *b, uint32_t i)
{
    return (weir_type)b->columns[i].type;
}

static bool is_fixed(const struct weir_builder *b, uint32_t i)
{
    return !weir_type_is_variable(type_of(b, i)) && type_of(b, i) != WEIR_BOOL;
}

/* ---- what is of fixed size --------------------------------------------------------------------------------------- */

/* A line lies between two, so that the same rows of several are in different sets of the cache. */
static size_t room(size_t bytes)
{
    return (bytes + LINE - 1) / LINE * LINE + LINE;
}

/* Where the columns lie, and times behind them, when there is room for `rows` rows. */
static void lay_out(struct weir_builder *b, int64_t rows)
{
    size_t at = 0;
    for (uint32_t i = 0; i < b->n_written; i++) {
        b->fixed_at[i] = at;
        if (is_fixed(b, i)) at += room((size_t)rows * weir_type_size(type_of(b, i)));
    }
    b->fixed_at[b->n_written] = at;
    b->fixed_bytes = at + (b->wants_time ? room((size_t)rows * sizeof(int64_t)) : 0);
}

/* NULL with true: there is nothing of fixed size. */
static bool fresh_fixed(const struct weir_builder *b, struct weir_buffer **to)
{
    *to = b->fixed_bytes > 0 ? weir__buffer_take(b->pool, b->fixed_bytes) : NULL;
    return *to || b->fixed_bytes == 0;
}

/* Shows what lies in `fixed` to the component, with the first `used` rows of what it was shown before. */
static void expose_fixed(struct weir_builder *b, struct weir_buffer *fixed, int64_t used)
{
    b->fixed = fixed;
    for (uint32_t i = 0; fixed && i < b->n_written; i++) {
        uint8_t *data = fixed->bytes + b->fixed_at[i];
        if (!is_fixed(b, i)) continue;
        if (used > 0) memcpy(data, b->columns[i].data, (size_t)used * weir_type_size(type_of(b, i)));
        b->columns[i].data = data;
    }
    if (!b->wants_time) return;
    int64_t *time = (int64_t *)(void *)(fixed->bytes + b->fixed_at[b->n_written]);
    if (used > 0) memcpy(time, b->out.time, (size_t)used * sizeof *time);
    b->out.time = time;
}

/* ---- buffers ----------------------------------------------------------------------------------------------------- */

static void preset_offsets(int32_t *offsets, int64_t from, int64_t capacity)
{
    memset(offsets + from, 0xff, (size_t)(capacity + 1 - from) * sizeof *offsets);
    if (from == 0) offsets[0] = 0;
}

/* A buffer for the values of column i, which is variable, or bits, preset as invariant 3 says. */
static struct weir_buffer *fresh_data(const struct weir_builder *b, uint32_t i, int64_t rows, size_t bytes)
{
    bool is_bits = type_of(b, i) == WEIR_BOOL;
    struct weir_buffer *data = weir__buffer_take(b->pool, is_bits ? bitmap_bytes(rows) : bytes);
    if (data && is_bits) memset(data->bytes, 0, data->capacity);
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
    if (b->data[i]) c->data = b->data[i]->bytes;
    c->validity = b->validity[i] ? b->validity[i]->bytes : NULL;
    c->offsets = b->offsets[i] ? (int32_t *)(void *)b->offsets[i]->bytes : NULL;
    if (c->offsets) c->bytes_capacity = (int64_t)(b->data[i]->capacity < INT32_MAX ? b->data[i]->capacity : INT32_MAX);
}

static void expose_origin(struct weir_builder *b)
{
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
    struct weir_buffer *fixed;
    bool fine = true;
    for (uint32_t i = 0; fine && i < b->n_written; i++) {
        const weir_schema_field *f = weir_schema_field_at(b->schema, b->written[i]);
        b->columns[i].type = f->type;
        b->columns[i].bytes_capacity = weir_type_is_variable((weir_type)f->type) ? capacity * LEAST_VALUE_BYTES : 0;
        fine = is_fixed(b, i) || (b->data[i] = fresh_data(b, i, capacity, (size_t)b->columns[i].bytes_capacity)) != NULL;
        if (fine && f->nullable) fine = (b->validity[i] = fresh_validity(b, capacity)) != NULL;
        if (fine && weir_type_is_variable((weir_type)f->type)) fine = (b->offsets[i] = fresh_offsets(b, capacity)) != NULL;
        if (fine) expose(b, i);
    }
    if (fine) lay_out(b, capacity);
    if (fine) fine = fresh_fixed(b, &fixed);
    if (fine) expose_fixed(b, fixed, 0);
    if (fine && b->wants_origin) {
        fine = (b->origin = weir__buffer_take(b->pool, (size_t)capacity * sizeof(uint32_t))) != NULL;
    }
    expose_origin(b);
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
    b->fixed_at = weir_alloc_array(n_written + 1, sizeof *b->fixed_at);
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
    weir_buffer_release(b->fixed);
    weir_buffer_release(b->origin);
    weir_free(b->data);
    weir_free(b->columns);
    weir_free(b->fixed_at);
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
    size_t bits = bitmap_bytes(old);
    bool fine = enlarge(b, &b->validity[i], bits, bitmap_bytes(rows)) &&
                enlarge(b, &b->offsets[i], (size_t)(old + 1) * sizeof(int32_t), (size_t)(rows + 1) * sizeof(int32_t));
    if (fine && type_of(b, i) == WEIR_BOOL) fine = enlarge(b, &b->data[i], bits, bitmap_bytes(rows));
    if (!fine) return false;
    if (b->validity[i]) memset(b->validity[i]->bytes + bits, 0xff, b->validity[i]->capacity - bits);
    if (b->offsets[i]) preset_offsets((int32_t *)(void *)b->offsets[i]->bytes, old + 1, rows);
    if (type_of(b, i) == WEIR_BOOL) memset(b->data[i]->bytes + bits, 0, b->data[i]->capacity - bits);
    return true;
}

static bool enlarge_fixed(struct weir_builder *b, int64_t rows)
{
    struct weir_buffer *old = b->fixed, *larger;
    lay_out(b, rows);
    bool fine = fresh_fixed(b, &larger);
    if (fine) expose_fixed(b, larger, b->out.capacity);
    if (fine)
        weir_buffer_release(old);
    else
        lay_out(b, b->out.capacity);
    return fine;
}

weir_status weir_builder_reserve_rows(struct weir_builder *b, int64_t rows)
{
    size_t old = (size_t)b->out.capacity;
    if (rows <= b->out.capacity) return WEIR_OK;
    WEIR_ASSERT(rows < INT32_MAX);
    bool fine = enlarge(b, &b->origin, old * sizeof(uint32_t), (size_t)rows * sizeof(uint32_t));
    for (uint32_t i = 0; fine && i < b->n_written; i++) fine = enlarge_column(b, i, rows);
    for (uint32_t i = 0; i < b->n_written; i++) expose(b, i); /* after a failure too: some may have moved */
    expose_origin(b);
    if (!fine || !enlarge_fixed(b, rows)) return WEIR_E_MEMORY;
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

/* Fills spare with buffers for those that go with the rows: [0, n) data, then validity, then offsets, then `fixed`. */
static bool take_spare(struct weir_builder *b)
{
    uint32_t n = b->n_written;
    int64_t capacity = b->out.capacity;
    for (uint32_t i = 0; i < n; i++) {
        size_t bytes = b->offsets[i] ? next_value_bytes(b, i) : 0;
        if (b->data[i] && !(b->spare[i] = fresh_data(b, i, capacity, bytes))) return false;
        if (has_nulls(b, i) && !(b->spare[n + i] = fresh_validity(b, capacity))) return false;
        if (b->offsets[i] && !(b->spare[2 * n + i] = fresh_offsets(b, capacity))) return false;
    }
    return fresh_fixed(b, &b->spare[3 * n]);
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
    c->data = b->columns[i].data;
    if (b->data[i]) (void)hand_over(rows, &b->data[i], &b->spare[i]);
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
    rows->view.time = b->out.time;
    if (b->fixed) (void)hand_over(rows, &b->fixed, &b->spare[3 * b->n_written]);
    expose_fixed(b, b->fixed, 0);
    if (origin) *origin = b->out.origin;
    rows->view.length = rows->view.selected = b->out.length;
    b->out.length = 0;
    return rows;
}
