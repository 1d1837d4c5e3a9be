/* keyed_host.h - a host for aggregates and keyed operators, stepped by hand: heap state, one input batch, one output.
 *
 * Records are arrays of cells, so that tests can compute what they expect from the same values that they put in. */
#ifndef WEIR_TEST_KEYED_HOST_H
#define WEIR_TEST_KEYED_HOST_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/plugin.h>

#include "base/text.h"
#include "data/builder.h"
#include "data/key.h"
#include "data/row_codec.h"
#include "data/schema.h"
#include "harness/suite.h"
#include "state/state.h"

/* A value of any type: i for bool, integers and times, f for floats, text for the rest. */
struct cell {
    bool null;
    int64_t i;
    double f;
    char text[16];
};

struct keyed_host {
    weir_ctx cx;
    weir_host services;
    weir_out *outs[1];
    struct weir_schema *in, *out;
    struct weir_builder builder;
    struct weir_state_layout layout;
    struct weir_state_set *state;
    struct weir_rows *rows; /* the input batch */
    struct weir_key_bytes key, packed;
    struct weir_text failure;
    struct weir_rows *taken[1024]; /* output so far */
    size_t n_taken;
};

static inline struct keyed_host *keyed_host_of(weir_ctx *cx)
{
    return cx->host_data;
}

/* ---- schemas, batches, cells ------------------------------------------------------------------------------------- */

struct column_spec {
    const char *name;
    weir_type type;
    bool nullable;
};
static inline struct weir_schema *schema_of(const struct column_spec *columns, size_t n)
{
    struct weir_schema_builder b = {0};
    for (size_t i = 0; i < n; i++) weir_schema_builder_add(&b, columns[i].name, columns[i].type, columns[i].nullable);
    return weir_schema_build(&b);
}

static inline void put_cell(weir_ctx *cx, uint32_t c, const struct cell *v)
{
    weir_str text = {v->text, strlen(v->text)};
    if (v->null) {
        weir_put_null(cx, 0, c);
        return;
    }
    switch (cx->out[0]->columns[c].type) {
    case WEIR_BOOL: weir_put_bool(cx, 0, c, v->i != 0); break;
    case WEIR_I32: weir_put_i32(cx, 0, c, (int32_t)v->i); break;
    case WEIR_I64:
    case WEIR_TIMESTAMP: weir_put_i64(cx, 0, c, v->i); break;
    case WEIR_F32: weir_put_f32(cx, 0, c, (float)v->f); break;
    case WEIR_F64: weir_put_f64(cx, 0, c, v->f); break;
    default: CU_ASSERT_EQUAL(weir_put_text(cx, 0, c, text), WEIR_OK); break;
    }
}

static inline struct cell cell_at(weir_row row, uint32_t c)
{
    struct cell v = {.null = weir_null(row, c)};
    weir_str text;
    if (v.null) return v;
    switch (row.batch->columns[c].type) {
    case WEIR_BOOL: v.i = weir_bool(row, c); break;
    case WEIR_I32: v.i = weir_i32(row, c); break;
    case WEIR_I64:
    case WEIR_TIMESTAMP: v.i = weir_i64(row, c); break;
    case WEIR_F32: v.f = (double)weir_f32(row, c); break;
    case WEIR_F64: v.f = weir_f64(row, c); break;
    default:
        text = weir_text(row, c);
        CU_ASSERT_TRUE_FATAL(text.n < sizeof v.text);
        memcpy(v.text, text.p, text.n);
    }
    return v;
}

static inline bool same_cells(const struct cell *a, const struct cell *b)
{
    if (a->null || b->null) return a->null && b->null;
    return a->i == b->i && memcmp(&a->f, &b->f, sizeof a->f) == 0 && strcmp(a->text, b->text) == 0;
}

static inline weir_status grow_bytes(weir_ctx *cx, uint32_t port, uint32_t column, size_t more)
{
    (void)port;
    return weir_builder_reserve_bytes(&keyed_host_of(cx)->builder, column, more);
}

/* n rows of the schema from n * fields cells; times NULL: i * 10. */
static inline struct weir_rows *rows_of(struct weir_schema *schema, const struct cell *cells, int64_t n)
{
    struct keyed_host writer = {.cx = {.host = &writer.services, .out = writer.outs, .host_data = &writer},
                                .services = {.reserve_bytes = grow_bytes},
                                .outs = {&writer.builder.out}};
    uint32_t n_fields = weir_schema_count(schema);
    struct weir_error e = {0};
    int32_t forgotten;
    CU_ASSERT_EQUAL_FATAL(weir_builder_init(&writer.builder, NULL, schema, NULL, 0, n + 1, true, false, &e), WEIR_OK);
    for (int64_t i = 0; i < n; i++) {
        for (uint32_t c = 0; c < n_fields; c++) put_cell(&writer.cx, c, &cells[i * n_fields + c]);
        (void)!weir_emit(&writer.cx, 0, i * 10);
    }
    struct weir_rows *rows = weir_builder_take(&writer.builder, 0, NULL, &forgotten);
    CU_ASSERT_PTR_NOT_NULL_FATAL(rows);
    weir_builder_finish(&writer.builder);
    return rows;
}

/* ---- services ---------------------------------------------------------------------------------------------------- */

static inline weir_status svc_fail(weir_ctx *cx, weir_status status, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    weir_text_add(&keyed_host_of(cx)->failure, "%s", message);
    return status;
}
static inline weir_status take_rows(weir_ctx *cx, uint32_t port)
{
    struct keyed_host *h = keyed_host_of(cx);
    int32_t forgotten = -1;
    (void)port;
    if (h->builder.out.length == 0) return WEIR_OK;
    struct weir_rows *rows = weir_builder_take(&h->builder, 0, NULL, &forgotten);
    CU_ASSERT_EQUAL(forgotten, -1);
    CU_ASSERT_TRUE_FATAL(rows && h->n_taken < WEIR_LEN(h->taken));
    h->taken[h->n_taken++] = rows;
    return WEIR_OK;
}
static inline struct weir_key_ref key_ref(struct keyed_host *h)
{
    return (struct weir_key_ref){
        .p = h->key.p, .n = (uint32_t)h->key.n, .group = 0, .hash = weir_key_hash64(h->key.p, h->key.n)};
}
static inline weir_status svc_use_key(weir_ctx *cx, int64_t row) /* the key is field 0 */
{
    struct keyed_host *h = keyed_host_of(cx);
    const uint32_t field = 0;
    h->key.n = 0;
    return weir_key_encode(&h->key, &h->rows->view, &field, 1, row);
}
static inline void *svc_value_edit(weir_ctx *cx, uint32_t state)
{
    struct keyed_host *h = keyed_host_of(cx);
    struct weir_key_ref key = key_ref(h);
    return h->state->ops->value_edit(h->state, state, &key, 0);
}
static inline weir_status svc_assign(weir_ctx *cx, uint32_t state, weir_str *member, weir_str bytes)
{
    struct keyed_host *h = keyed_host_of(cx);
    return h->state->ops->assign(h->state, state, member, bytes);
}
static inline void *svc_resize_bytes(weir_ctx *cx, uint32_t state, weir_str *member, size_t size)
{
    struct keyed_host *h = keyed_host_of(cx);
    return h->state->ops->resize_bytes(h->state, state, member, size);
}
static inline weir_status svc_pack_row(weir_ctx *cx, weir_row row, weir_str *packed)
{
    struct keyed_host *h = keyed_host_of(cx);
    h->packed.n = 0;
    weir_status s = weir_row_pack(&h->packed, row.batch, row.i);
    *packed = (weir_str){(const char *)h->packed.p, h->packed.n};
    return s;
}
static inline weir_status svc_unpack_row(weir_ctx *cx, uint32_t port, weir_str packed)
{
    struct weir_error e = {0};
    (void)port;
    return weir_row_unpack((const uint8_t *)packed.p, packed.n, &keyed_host_of(cx)->builder, &e);
}
static inline const weir_schema_view *svc_input_schema(weir_ctx *cx, uint32_t port)
{
    (void)port;
    return weir_schema_view_of(keyed_host_of(cx)->in);
}

/* ---- the host ---------------------------------------------------------------------------------------------------- */

/* Takes the schemas; `out` is what the component writes. */
static inline struct keyed_host *keyed_host_create(const weir_component *component, struct weir_schema *in,
                                                   struct weir_schema *out)
{
    struct keyed_host *h = calloc(1, sizeof *h);
    struct weir_error e = {0};
    h->cx = (weir_ctx){.host = &h->services, .out = h->outs, .host_data = h};
    h->services = (weir_host){.struct_size = sizeof(weir_host),
                              .fail = svc_fail,
                              .flush = take_rows,
                              .reserve_bytes = grow_bytes,
                              .use_key = svc_use_key,
                              .value_edit = svc_value_edit,
                              .assign = svc_assign,
                              .resize_bytes = svc_resize_bytes,
                              .pack_row = svc_pack_row,
                              .unpack_row = svc_unpack_row,
                              .input_schema = svc_input_schema};
    h->in = in;
    h->out = out;
    h->outs[0] = &h->builder.out;
    CU_ASSERT_EQUAL_FATAL(weir_builder_init(&h->builder, NULL, out, NULL, 0, 16, true, false, &e), WEIR_OK);
    CU_ASSERT_EQUAL_FATAL(weir_state_layout_init(&h->layout, component->states, &e), WEIR_OK);
    h->state = weir_heap_state_create(&h->layout, 1, 0, 0);
    return h;
}

/* The output so far, cells row by row; the caller frees. */
static inline struct cell *keyed_host_cells(struct keyed_host *h, int64_t *n, int64_t *times)
{
    uint32_t n_fields = weir_schema_count(h->out);
    struct cell *cells = NULL;
    *n = 0;
    take_rows(&h->cx, 0);
    for (size_t k = 0; k < h->n_taken; k++) {
        const weir_batch *b = &h->taken[k]->view;
        cells = realloc(cells, (size_t)(*n + b->length) * n_fields * sizeof *cells);
        for (int64_t i = 0; i < b->length; i++, ++*n) {
            for (uint32_t c = 0; c < n_fields; c++) cells[*n * n_fields + c] = cell_at((weir_row){b, i}, c);
            if (times) times[*n] = b->time ? b->time[i] : -1;
        }
        weir_rows_release(h->taken[k]);
    }
    h->n_taken = 0;
    return cells;
}

static inline void keyed_host_destroy(struct keyed_host *h)
{
    for (size_t k = 0; k < h->n_taken; k++) weir_rows_release(h->taken[k]);
    weir_rows_release(h->rows);
    weir_builder_finish(&h->builder);
    h->state->ops->destroy(h->state);
    weir_state_layout_finish(&h->layout);
    weir_key_bytes_finish(&h->key);
    weir_key_bytes_finish(&h->packed);
    weir_text_finish(&h->failure);
    weir_schema_release(h->in);
    weir_schema_release(h->out);
    free(h);
}

/* ---- random values ----------------------------------------------------------------------------------------------- */

static inline uint32_t next_random(uint64_t *state) /* xorshift64* */
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)(*state * UINT64_C(0x2545F4914F6CDD1D) >> 32);
}

/* From few values, so that ties and repetitions are common; floats add up exactly. */
static inline struct cell random_cell(uint64_t *seed, weir_type type, bool nullable)
{
    static const double odd[] = {0.0, -0.0, NAN, INFINITY};
    struct cell v = {.null = nullable && next_random(seed) % 4 == 0};
    int64_t small = (int64_t)(next_random(seed) % 21) - 10;
    if (v.null) return v;
    switch (type) {
    case WEIR_BOOL: v.i = small & 1; break;
    case WEIR_F32:
    case WEIR_F64: v.f = next_random(seed) % 8 == 0 ? odd[next_random(seed) % 4] : (double)small / 4; break;
    case WEIR_STRING:
    case WEIR_BYTES:
    case WEIR_ANY: memcpy(v.text, "bbbaaaccc", (size_t)(small + 10) % 10); break;
    default: v.i = small; break;
    }
    return v;
}

/* Java's Double.compare for floats, bytes for texts: the slow and obvious way. */
static inline int compare_cells(const struct cell *a, const struct cell *b, weir_type type)
{
    if (type >= WEIR_STRING) return strcmp(a->text, b->text);
    if (type != WEIR_F32 && type != WEIR_F64) return a->i < b->i ? -1 : a->i > b->i;
    if (isnan(a->f) || isnan(b->f)) return (isnan(a->f) ? 1 : 0) - (isnan(b->f) ? 1 : 0);
    if (a->f < b->f) return -1;
    if (a->f > b->f) return 1;
    return (signbit(b->f) ? 1 : 0) - (signbit(a->f) ? 1 : 0);
}

#endif
