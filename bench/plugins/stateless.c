/* bench/plugins/stateless.c - the map and the filter, by the batch and row by row. */
#include <weir/udf.h>

#include "../work.h"

/* ---- map and filter, by the batch -------------------------------------------------------------------------------- */

typedef struct {
    char unused;
} scale_batch;
static weir_status scale_batch_process(void *self, weir_ctx *cx, uint32_t port, const weir_batch *b, int64_t *row)
{
    (void)self;
    (void)port;
    const double *restrict value = b->columns[0].data;
    double *restrict scaled = cx->out[0]->columns[0].data;
    for (int64_t i = 0; i < b->length; i++) scaled[i] = bench_scale(value[i]);
    cx->out[0]->length = *row = b->length;
    return WEIR_OK;
}
static const weir_operator scale_batch_vtable = {.struct_size = sizeof(weir_operator), .process = scale_batch_process};
WEIR_COMPONENT(scale_batch, WEIR_OPERATOR, scale_batch_vtable, .id = "bench_scale_batch", .doc = "The map, by the batch",
               .in = "value:f64", .out = "*, scaled:f64", .flags = WEIR_ONE_TO_ONE);

typedef struct {
    char unused;
} again_batch;
WEIR_COMPONENT(again_batch, WEIR_OPERATOR, scale_batch_vtable, .id = "bench_again_batch",
               .doc = "The map of what was scaled", .in = "scaled:f64", .out = "*, again:f64", .flags = WEIR_ONE_TO_ONE);

#define RUN 256 /* rows */

typedef struct {
    char unused;
} keep_batch;
static weir_status keep_batch_filter(void *self, weir_ctx *cx, const weir_batch *b, uint8_t *keep)
{
    (void)self;
    (void)cx;
    const double *scaled = b->columns[0].data;
    uint8_t kept[RUN];
    for (int64_t from = 0; from < b->length; from += RUN) {
        int64_t n = b->length - from < RUN ? b->length - from : RUN;
        for (int64_t i = 0; i < n; i++) kept[i] = bench_keeps(scaled[from + i]);
        weir_bits_from_bytes(keep + from / 8, kept, n);
    }
    return WEIR_OK;
}
static const weir_operator keep_batch_vtable = {.struct_size = sizeof(weir_operator), .filter = keep_batch_filter};
WEIR_COMPONENT(keep_batch, WEIR_OPERATOR, keep_batch_vtable, .id = "bench_keep_batch", .doc = "The filter, by the batch",
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
} again_rows;
static weir_status again_rows_row(again_rows *me, weir_ctx *cx, weir_row in)
{
    (void)me;
    weir_put_f64(cx, 0, 0, bench_scale(weir_f64(in, 0)));
    return WEIR_OK;
}
WEIR_MAP(again_rows, .id = "bench_again_rows", .doc = "The map of what was scaled", .in = "scaled:f64",
         .out = "*, again:f64");

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

WEIR_PLUGIN("weir.bench.stateless", "0.1.0", &scale_batch_component, &again_batch_component, &keep_batch_component,
            &scale_rows_component, &again_rows_component, &keep_rows_component);
