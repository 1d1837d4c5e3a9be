/* bench/plugins/bench.c - the components of the benchmarks, through the plugin ABI like anyone's: a generator, a map and a
 * filter in both styles, and a sink that hashes its rows so that results can be compared whatever their order.
 */
#include <inttypes.h>
#include <stdio.h>
#include <weir/udf.h>

#include "../work.h"

/* ---- source: rows rows of {key, at, value} ----------------------------------------------------------------------- */

typedef struct {
    int64_t rows, keys, next;
    weir_split split;
} bench_rows;
static const weir_option bench_rows_options[] = {
    WEIR_OPTION(bench_rows, rows, .def = "1000000", .min = "0", .doc = "How many rows"),
    WEIR_OPTION(bench_rows, keys, .def = "1000", .min = "1", .doc = "How many different keys"),
};
static weir_status bench_rows_discover(void *self, weir_ctx *cx, weir_add_split *add, void *to)
{
    (void)self;
    (void)cx;
    const weir_split one = {.struct_size = sizeof one, .id = 0, .description = {"all", 3}};
    return add(to, &one);
}
static weir_status bench_rows_add_split(void *self, weir_ctx *cx, const weir_split *s, const void *position, size_t n)
{
    (void)self;
    (void)position;
    (void)n;
    return cx->host->split_begin(cx, s->id);
}
static weir_progress bench_rows_poll(void *self, weir_ctx *cx, int64_t max)
{
    bench_rows *me = self;
    weir_out *o = cx->out[0];
    int64_t left = me->rows - me->next, n = o->capacity - o->length;
    if (n > max) n = max;
    if (n > left) n = left;
    int64_t *key = o->columns[0].data, *at = o->columns[1].data;
    double *value = o->columns[2].data;
    for (int64_t i = 0; i < n; i++) {
        struct bench_row row = bench_row_at(me->next + i, me->keys);
        key[i] = row.key;
        at[i] = row.at;
        value[i] = row.value;
        o->time[i] = row.at;
    }
    o->length = n;
    me->next += n;
    if (n > 0 && cx->host->flush(cx, 0) != WEIR_OK) return WEIR_FAILED;
    if (me->next < me->rows) return WEIR_MADE;
    return cx->host->split_done(cx, 0) == WEIR_OK ? WEIR_DONE : WEIR_FAILED;
}
static const weir_source bench_rows_vtable = {.struct_size = sizeof(weir_source),
                                              .discover = bench_rows_discover,
                                              .add_split = bench_rows_add_split,
                                              .poll = bench_rows_poll};
WEIR_COMPONENT(bench_rows, WEIR_SOURCE, bench_rows_vtable, .id = "bench_rows", .doc = "Rows made from their number",
               .out = "key:i64, at:timestamp, value:f64", WEIR_OPTIONS(bench_rows_options));

/* ---- the map as plain C functions, for `call:` ------------------------------------------------------------------- */

#define EXPORTED __attribute__((visibility("default")))
EXPORTED double bench_scale_function(double value);
EXPORTED double bench_scale_mixed(double value, int64_t key);

double bench_scale_function(double value)
{
    return bench_scale(value);
}
double bench_scale_mixed(double value, int64_t key) /* of no common signature */
{
    (void)key;
    return bench_scale(value);
}

/* ---- map and filter, by the batch -------------------------------------------------------------------------------- */

typedef struct {
    char unused;
} bench_batch;
static weir_status scale_batch(void *self, weir_ctx *cx, uint32_t port, const weir_batch *b, int64_t *row)
{
    (void)self;
    (void)port;
    const double *value = b->columns[0].data;
    double *scaled = cx->out[0]->columns[0].data;
    for (int64_t i = 0; i < b->length; i++) scaled[i] = bench_scale(value[i]);
    cx->out[0]->length = *row = b->length;
    return WEIR_OK;
}
static const weir_operator scale_batch_vtable = {.struct_size = sizeof(weir_operator), .process = scale_batch};
WEIR_COMPONENT(bench_batch, WEIR_OPERATOR, scale_batch_vtable, .id = "bench_scale_batch", .doc = "The map, by the batch",
               .in = "value:f64", .out = "*, scaled:f64", .flags = WEIR_ONE_TO_ONE);

typedef struct {
    char unused;
} bench_keep;
static weir_status keep_batch(void *self, weir_ctx *cx, const weir_batch *b, uint8_t *keep)
{
    (void)self;
    (void)cx;
    const double *scaled = b->columns[0].data;
    for (int64_t i = 0; i < b->length; i += 8) {
        uint8_t bits = 0;
        int64_t n = b->length - i < 8 ? b->length - i : 8;
        for (int64_t j = 0; j < n; j++) bits |= (uint8_t)((uint8_t)(bench_keeps(scaled[i + j])) << j);
        keep[i >> 3] = bits;
    }
    return WEIR_OK;
}
static const weir_operator keep_batch_vtable = {.struct_size = sizeof(weir_operator), .filter = keep_batch};
WEIR_COMPONENT(bench_keep, WEIR_OPERATOR, keep_batch_vtable, .id = "bench_keep_batch", .doc = "The filter, by the batch",
               .in = "scaled:f64", .out = "*", .flags = WEIR_ACCEPTS_SELECTION);

/* ---- map and filter, row by row ---------------------------------------------------------------------------------- */

typedef struct {
    char unused;
} scale_rows;
static weir_status scale_rows_row(scale_rows *me, weir_ctx *cx, weir_row in)
{
    (void)me;
    weir_put_f64(cx, 0, 0, bench_scale(weir_f64(in, 0)));
    return WEIR_OK;
}
WEIR_MAP(scale_rows, .id = "bench_scale_rows", .doc = "The map, row by row", .in = "value:f64", .out = "*, scaled:f64");

typedef struct {
    char unused;
} keep_rows;
static bool keep_rows_keep(keep_rows *me, weir_ctx *cx, weir_row in)
{
    (void)me;
    (void)cx;
    return bench_keeps(weir_f64(in, 0));
}
WEIR_FILTER(keep_rows, .id = "bench_keep_rows", .doc = "The filter, row by row", .in = "scaled:f64");

/* ---- sink: count and hash of {key, number} ----------------------------------------------------------------------- */

typedef struct {
    const char *path;
    struct bench_sum sum;
} bench_hash;
static const weir_option bench_hash_options[] = {
    WEIR_OPTION(bench_hash, path, .doc = "Where count and hash are written at the end"),
};
static weir_status bench_hash_write(void *self, weir_ctx *cx, const weir_batch *b, int64_t *row)
{
    bench_hash *me = self;
    (void)cx;
    const int64_t *key = b->columns[0].data;
    const int64_t *integer = b->columns[1].data;
    const double *value = b->columns[1].data;
    bool is_integer = b->columns[1].type == WEIR_I64;
    for (int64_t i = *row; i < b->length; i++) {
        if (b->selection && !weir_bit(b->selection, i)) continue;
        bench_sum_add(&me->sum, key[i], is_integer ? (double)integer[i] : value[i]);
    }
    *row = b->length;
    return WEIR_OK;
}
static weir_status bench_hash_finish(void *self, weir_ctx *cx)
{
    bench_hash *me = self;
    const weir_io *io = weir_io_of(cx);
    weir_io_error error;
    weir_file *file;
    char text[64];
    int n = snprintf(text, sizeof text, "%" PRIu64 " %" PRIu64 "\n", me->sum.rows, me->sum.hash);
    if (io->open(cx, me->path, WEIR_FILE_CREATE, &file, &error) != WEIR_OK)
        return weir_fail(cx, error.status, "%s", error.message);
    weir_status s = io->write(cx, file, text, (size_t)n, &error);
    io->close(cx, file, NULL);
    return s == WEIR_OK ? s : weir_fail(cx, error.status, "%s", error.message);
}
static const weir_sink bench_hash_vtable = {
    .struct_size = sizeof(weir_sink), .write = bench_hash_write, .finish = bench_hash_finish};
WEIR_COMPONENT(bench_hash, WEIR_SINK, bench_hash_vtable, .id = "bench_hash", .doc = "Counts and hashes rows",
               .in = "key:i64, value:number", .flags = WEIR_ACCEPTS_SELECTION, WEIR_OPTIONS(bench_hash_options));

WEIR_PLUGIN("weir.bench", "0.1.0", &bench_rows_component, &bench_batch_component, &bench_keep_component,
            &scale_rows_component, &keep_rows_component, &bench_hash_component);
