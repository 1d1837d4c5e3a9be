/* run.c - evaluates a program over a batch: loads fields, runs the instructions, lays the result out as a column or a
 * bitmap.
 *
 * Memory. Registers have room for `capacity` rows and are kept from batch to batch; constants are laid out when the room is
 * made. Texts that kernels make go into chunks, which are filled anew with every batch. Everything is from the pool.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "expr/compile_internal.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define CHUNK_BYTES ((size_t)64 << 10)
#define LEAST_ROWS  64

uint32_t weir__vector_size(weir_type type)
{
    return type == WEIR_BOOL ? 1 : weir_type_is_variable(type) ? (uint32_t)sizeof(weir_str) : weir_type_size(type);
}

static struct weir_buffer *take(struct weir_expr_run *run, size_t size)
{
    struct weir_buffer *b = run->pool ? weir_pool_take(run->pool, size) : weir_buffer_create(size);
    if (!b) run->no_memory = true;
    return b;
}

struct weir_expr_run *weir_expr_run_create(const struct weir_expr *program, struct weir_pool *pool)
{
    struct weir_expr_run *run = weir_alloc(sizeof *run);
    run->program = program;
    run->pool = pool;
    run->registers = weir_alloc_array(program->n_registers, sizeof *run->registers);
    run->values = weir_alloc_array(program->n_registers, sizeof *run->values);
    run->valid = weir_alloc_array(program->n_registers, sizeof *run->valid);
    return run;
}

static void release(struct weir_buffer **buffer)
{
    weir_buffer_release(*buffer);
    *buffer = NULL;
}

void weir_expr_run_destroy(struct weir_expr_run *run)
{
    if (!run) return;
    for (size_t i = 0; i < run->program->n_registers; i++) {
        weir_buffer_release(run->values[i]);
        weir_buffer_release(run->valid[i]);
    }
    for (size_t i = 0; i < run->n_chunks; i++) weir_buffer_release(run->chunks[i]);
    weir_buffer_release(run->failed_buffer);
    weir_buffer_release(run->errors_buffer);
    weir__match_destroy(run->match);
    weir_free(run->chunks);
    weir_free(run->registers);
    weir_free(run->values);
    weir_free(run->valid);
    weir_free(run);
}

/* ---- bits and bytes -------------------------------------------------------------------------------------------------- */

/* n bits from bit `at` on as n bytes, 0 or 1; `to` has room for a multiple of eight. */
static void unpack(uint8_t *to, const uint8_t *bits, int64_t at, int64_t n)
{
    const uint8_t *p = bits + (at >> 3);
    int shift = (int)(at & 7);
    for (int64_t i = 0; i < n; i += 8, p++) {
        unsigned b = *p >> shift;
        if (shift && i + 8 - shift < n) b |= (unsigned)p[1] << (8 - shift);
        uint64_t spread = ((uint64_t)(b & 255) * 0x0101010101010101u & 0x8040201008040201u) + 0x7f7f7f7f7f7f7f7fu;
        spread = spread >> 7 & 0x0101010101010101u;
        memcpy(to + i, &spread, 8);
    }
}

/* n bytes, 0 or 1, as bits; reads and writes up to the next multiple of 16 rows, the bits beyond n are what is there. */
static void pack(uint8_t *bits, const uint8_t *from, int64_t n)
{
    for (int64_t i = 0; i < n; i += 16) {
#if defined(__SSE2__)
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(from + i));
        uint16_t sixteen = (uint16_t)_mm_movemask_epi8(_mm_slli_epi16(bytes, 7));
        memcpy(bits + (i >> 3), &sixteen, sizeof sixteen);
#else
        for (int64_t k = 0; k < 16; k += 8) {
            uint64_t eight;
            memcpy(&eight, from + i + k, 8);
            bits[(i + k) >> 3] = (uint8_t)((eight & 0x0101010101010101u) * 0x0102040810204080u >> 56);
        }
#endif
    }
}

static size_t bitmap_size(int64_t n)
{
    return ((size_t)n + 63) / 64 * 8 + 8;
}

/* ---- room ------------------------------------------------------------------------------------------------------------ */

static void fill(void *to, const struct weir__value *v, uint32_t size, int64_t n)
{
    uint8_t *p = to;
    for (int64_t i = 0; i < n; i++) memcpy(p + i * size, &v->as, size);
}

/* A field's fixed-width values are read in place; everything else needs memory. */
static bool needs_values(const struct weir__register *r)
{
    return r->kind != WEIR__OF_FIELD || r->type == WEIR_BOOL || weir_type_is_variable(r->type);
}

static bool make_room(struct weir_expr_run *run, int64_t n)
{
    int64_t rows = run->capacity ? run->capacity : LEAST_ROWS;
    if (run->capacity && n <= run->capacity) return true;
    while (rows < n) rows *= 2;
    run->capacity = 0;
    for (size_t i = 0; i < run->program->n_registers; i++) {
        const struct weir__register *r = &run->program->registers[i];
        uint32_t size = weir__vector_size(r->type);
        release(&run->values[i]);
        release(&run->valid[i]);
        if (needs_values(r) && !(run->values[i] = take(run, (size_t)rows * size))) return false;
        if (!(run->valid[i] = take(run, (size_t)rows))) return false;
        if (r->kind != WEIR__CONSTANT) continue;
        fill(run->values[i]->bytes, &r->value, size, rows);
        if (r->value.is_null) memset(run->valid[i]->bytes, 0, (size_t)rows);
        run->registers[i] = (struct weir__vector){
            .values = run->values[i]->bytes, .valid = r->value.is_null ? run->valid[i]->bytes : NULL, .fixed = true};
    }
    release(&run->failed_buffer);
    if (!(run->failed_buffer = take(run, (size_t)rows))) return false;
    run->capacity = rows;
    return true;
}

char *weir__text_room(struct weir__step *k, size_t n)
{
    struct weir_expr_run *run = k->run;
    while (run->chunk < run->n_chunks && run->chunks[run->chunk]->capacity - run->chunk_used < n) {
        run->chunk++;
        run->chunk_used = 0;
    }
    if (run->chunk == run->n_chunks) {
        WEIR_GROW(run->chunks, run->chunks_capacity, run->n_chunks + 1);
        struct weir_buffer *chunk = take(run, n > CHUNK_BYTES ? n : CHUNK_BYTES);
        if (!chunk) return NULL;
        run->chunks[run->n_chunks++] = chunk;
        run->chunk_used = 0;
    }
    char *at = (char *)run->chunks[run->chunk]->bytes + run->chunk_used;
    run->chunk_used += n;
    return at;
}

void weir__text_unused(struct weir__step *k, size_t unused)
{
    k->run->chunk_used -= unused;
}

/* ---- errors ---------------------------------------------------------------------------------------------------------- */

static struct weir_expr_error *new_error(struct weir_expr_run *run)
{
    size_t size = sizeof(struct weir_expr_error), have = run->errors_buffer ? run->errors_buffer->capacity / size : 0;
    if (run->n_errors == have) {
        struct weir_buffer *more = take(run, (have ? 2 * have : 16) * size);
        if (!more) return NULL;
        if (have) memcpy(more->bytes, run->errors_buffer->bytes, have * size);
        weir_buffer_release(run->errors_buffer);
        run->errors_buffer = more;
    }
    return (struct weir_expr_error *)(void *)run->errors_buffer->bytes + run->n_errors++;
}

void weir__fail(struct weir__step *k, int64_t row, const char *format, ...)
{
    struct weir_expr_run *run = k->run;
    if (k->code->forgiving) {
        weir__make_null(k, row);
        return;
    }
    if (!run->failed) run->failed = memset(run->failed_buffer->bytes, 0, (size_t)run->n);
    if (run->failed[row]) return;
    run->failed[row] = 1;
    struct weir_expr_error *error = new_error(run);
    if (!error) return;
    va_list args;
    va_start(args, format);
    vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    error->row = row;
    error->offset = k->code->offset;
    error->length = k->code->length;
}

static int by_row(const void *a, const void *b)
{
    int64_t x = ((const struct weir_expr_error *)a)->row, y = ((const struct weir_expr_error *)b)->row;
    return (x > y) - (x < y);
}

const struct weir_expr_error *weir_expr_errors(const struct weir_expr_run *run, size_t *n)
{
    *n = run->n_errors;
    return run->n_errors ? (const struct weir_expr_error *)(const void *)run->errors_buffer->bytes : NULL;
}

/* ---- running --------------------------------------------------------------------------------------------------------- */

static void load_texts(weir_str *to, const weir_column *from, int64_t n)
{
    const char *data = from->data;
    for (int64_t i = 0; i < n; i++) {
        to[i].p = data + from->offsets[i];
        to[i].n = (size_t)(from->offsets[i + 1] - from->offsets[i]);
    }
}

static void load_field(struct weir_expr_run *run, size_t i, const weir_column *from)
{
    struct weir__vector *v = &run->registers[i];
    uint8_t *room = run->values[i] ? run->values[i]->bytes : NULL;
    v->values = room ? room : from->data;
    if (from->type == WEIR_BOOL)
        unpack(room, from->data, from->bit_offset, run->n);
    else if (from->offsets)
        load_texts((weir_str *)(void *)room, from, run->n);
    v->valid = from->validity ? run->valid[i]->bytes : NULL;
    if (from->validity) unpack(run->valid[i]->bytes, from->validity, from->bit_offset, run->n);
}

static void load(struct weir_expr_run *run, const weir_batch *batch)
{
    const struct weir_expr *p = run->program;
    run->registers[0] = (struct weir__vector){0};
    if (batch->selection) {
        unpack(run->values[0]->bytes, batch->selection, 0, run->n);
        run->registers[0].values = run->values[0]->bytes;
    }
    for (size_t i = 1; i < p->n_registers; i++) {
        if (p->registers[i].kind == WEIR__OF_FIELD) load_field(run, i, &batch->columns[p->registers[i].field]);
    }
}

/* Null where any argument is. */
static void join_valid(struct weir__step *k)
{
    for (uint32_t i = 0; i < k->code->n_args; i++) {
        const uint8_t *valid = weir__arg(k, i)->valid;
        if (!valid) continue;
        if (!k->valid) {
            k->valid = memcpy(k->valid_room, valid, (size_t)k->n);
            continue;
        }
        for (int64_t r = 0; r < k->n; r++) k->valid[r] &= valid[r];
    }
}

static void execute(struct weir_expr_run *run, const struct weir__instruction *code)
{
    struct weir__step k = {.run = run, .code = code, .n = run->n};
    k.out = run->result && code->to == run->program->result ? run->result : run->values[code->to]->bytes;
    k.valid_room = run->valid[code->to]->bytes;
    k.mask = run->registers[code->mask].values;
    if (code->strict) join_valid(&k);
    code->run(&k);
    run->registers[code->to] = (struct weir__vector){.values = k.out, .valid = k.valid};
}

const struct weir__vector *weir__run(struct weir_expr_run *run, const weir_batch *batch)
{
    const struct weir_expr *p = run->program;
    run->n = batch->length;
    run->chunk = run->chunk_used = 0;
    run->failed = NULL;
    run->n_errors = 0;
    run->no_memory = false;
    if (!make_room(run, run->n)) return NULL;
    load(run, batch);
    for (size_t i = 0; i < p->n_code && !run->no_memory; i++) execute(run, &p->code[i]);
    if (run->no_memory) return NULL;
    if (run->n_errors > 1) qsort(run->errors_buffer->bytes, run->n_errors, sizeof(struct weir_expr_error), by_row);
    return &run->registers[p->result];
}

/* ---- results --------------------------------------------------------------------------------------------------------- */

/* Which rows of the result are present: the vector's, but for those that failed. NULL: all. What rows are that the selection
 * hides does not matter. In the spare memory of register 0, whose values are the mask. */
static const uint8_t *present(struct weir_expr_run *run, const struct weir__vector *v)
{
    uint8_t *to = run->valid[0]->bytes;
    if (!run->failed) return v->valid;
    for (int64_t i = 0; i < run->n; i++) to[i] = (uint8_t)((!v->valid || v->valid[i]) & !run->failed[i]);
    return to;
}

static void give(struct weir_rows *into, struct weir_buffer *buffer)
{
    if (buffer) weir_rows_own(into, buffer);
}

/* What texts of rows that are hidden or null are, nobody knows: those are empty. */
static size_t text_bytes(const struct weir_expr_run *run, const weir_str *from, const uint8_t *valid, int64_t i)
{
    const uint8_t *mask = run->registers[0].values;
    return (!valid || valid[i]) && (!mask || mask[i]) ? from[i].n : 0;
}

static bool lay_out_texts(struct weir_expr_run *run, const weir_str *from, const uint8_t *valid, struct weir_buffer **data,
                          struct weir_buffer **offsets)
{
    size_t total = 0;
    for (int64_t i = 0; i < run->n; i++) total += text_bytes(run, from, valid, i);
    if (total > INT32_MAX || !(*offsets = take(run, ((size_t)run->n + 1) * sizeof(int32_t)))) return false;
    if (!(*data = take(run, total + 1))) return false;
    int32_t *at = (int32_t *)(void *)(*offsets)->bytes;
    uint8_t *to = (*data)->bytes;
    at[0] = 0;
    for (int64_t i = 0; i < run->n; i++) {
        size_t n = text_bytes(run, from, valid, i);
        if (n) memcpy(to + at[i], from[i].p, n);
        at[i + 1] = at[i] + (int32_t)n;
    }
    return true;
}

/* A buffer that the last instruction writes numbers to, so that they need not be copied. */
static bool take_numbers(struct weir_expr_run *run, struct weir_buffer **data, int64_t n)
{
    const struct weir_expr *p = run->program;
    if (p->type == WEIR_BOOL || weir_type_is_variable(p->type)) return true;
    *data = take(run, (size_t)n * weir_type_size(p->type) + 1);
    if (*data && p->registers[p->result].kind == WEIR__MADE) run->result = (*data)->bytes;
    return *data != NULL;
}

static bool lay_out(struct weir_expr_run *run, const struct weir__vector *v, const uint8_t *valid, struct weir_buffer **data,
                    struct weir_buffer **offsets)
{
    weir_type type = run->program->type;
    if (weir_type_is_variable(type)) return lay_out_texts(run, v->values, valid, data, offsets);
    if (type == WEIR_BOOL) {
        if (!(*data = take(run, bitmap_size(run->n)))) return false;
        pack((*data)->bytes, v->values, run->n);
    } else if (!run->result && run->n) {
        memcpy((*data)->bytes, v->values, (size_t)run->n * weir_type_size(type));
    }
    return true;
}

weir_status weir_expr_column(struct weir_expr_run *run, const weir_batch *batch, struct weir_rows *into, uint32_t c)
{
    struct weir_buffer *data = NULL, *offsets = NULL, *validity = NULL;
    const uint8_t *valid = NULL;
    run->result = NULL;
    bool ok = take_numbers(run, &data, batch->length);
    const struct weir__vector *v = ok ? weir__run(run, batch) : NULL;
    if (v) valid = present(run, v);
    ok = v && lay_out(run, v, valid, &data, &offsets);
    if (ok && valid) ok = (validity = take(run, bitmap_size(run->n))) != NULL;
    run->result = NULL;
    if (!ok) {
        weir_buffer_release(data);
        weir_buffer_release(offsets);
        return WEIR_E_MEMORY;
    }
    if (valid) pack(validity->bytes, valid, run->n);
    into->columns[c] = (weir_column){.type = run->program->type,
                                     .data = data->bytes,
                                     .validity = validity ? validity->bytes : NULL,
                                     .offsets = offsets ? (const int32_t *)(const void *)offsets->bytes : NULL};
    give(into, data);
    give(into, offsets);
    give(into, validity);
    return run->n_errors ? WEIR_E_DATA : WEIR_OK;
}

/* The bytes that are set in all of them, in `to`; each may be NULL. */
WEIR_FOR_SEVERAL_CPUS
static void set_in_all(uint8_t *restrict to, const uint8_t *restrict a, const uint8_t *restrict b, const uint8_t *restrict c,
                       int64_t n)
{
    if (b && c)
        for (int64_t i = 0; i < n; i++) to[i] = a[i] & b[i] & c[i];
    else
        for (int64_t i = 0; i < n; i++) to[i] = a[i] & (b ? b : c)[i];
}

weir_status weir_expr_select(struct weir_expr_run *run, const weir_batch *batch, struct weir_buffer **selection,
                             int64_t *selected)
{
    run->result = NULL;
    const struct weir__vector *v = weir__run(run, batch);
    if (!v || !(*selection = take(run, bitmap_size(run->n)))) return WEIR_E_MEMORY;
    const uint8_t *mask = run->registers[0].values, *set = v->values, *valid = v->valid;
    uint8_t *to = run->valid[0]->bytes, *bits = (*selection)->bytes;
    if (run->failed) valid = present(run, v); /* is `to` */
    if (valid == to)
        for (int64_t i = 0; i < run->n; i++) to[i] &= (uint8_t)(set[i] & (!mask || mask[i]));
    else if (valid || mask)
        set_in_all(to, set, valid, mask, run->n);
    size_t whole = (size_t)run->n / 8;
    pack(bits, valid || mask ? to : set, run->n);
    if (run->n % 8) bits[whole] &= (uint8_t)((1u << run->n % 8) - 1);
    whole += run->n % 8 > 0;
    memset(bits + whole, 0, bitmap_size(run->n) - whole);
    *selected = weir_bits_count(bits, run->n);
    return run->n_errors ? WEIR_E_DATA : WEIR_OK;
}
