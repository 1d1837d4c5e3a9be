/* bench/plugins/exchange.c - what stands behind an exchange and does as little as can be: a filter of keyed rows that keeps
 * them all, and a co-map that scales the rows of its second input.
 */
#include <weir/udf.h>

#include "../work.h"

typedef struct keep_all {
    char unused;
} keep_all;
static weir_status keep_all_filter(void *self, weir_ctx *cx, const weir_batch *b, uint8_t *keep)
{
    (void)self;
    (void)cx;
    memset(keep, 0xff, (size_t)(b->length + 7) / 8);
    return WEIR_OK;
}
static const weir_operator keep_all_vtable = {.struct_size = sizeof(weir_operator), .filter = keep_all_filter};
WEIR_COMPONENT(keep_all, WEIR_OPERATOR, keep_all_vtable, .id = "bench_keep_all", .doc = "Keeps all rows, by key",
               .in = "key:i64", .out = "*", .flags = WEIR_NEEDS_KEY | WEIR_ACCEPTS_SELECTION);

typedef struct either {
    char unused;
} either;
static weir_status either_put(weir_ctx *cx, weir_row in, double value)
{
    weir_put_i64(cx, 0, 0, weir_i64(in, 0));
    weir_put_f64(cx, 0, 1, value);
    return WEIR_OK;
}
static weir_status either_first(either *me, weir_ctx *cx, weir_row in)
{
    (void)me;
    return either_put(cx, in, weir_f64(in, 1));
}
static weir_status either_second(either *me, weir_ctx *cx, weir_row in)
{
    (void)me;
    return either_put(cx, in, bench_scale(weir_f64(in, 1)));
}
WEIR_CO_MAP(either, .id = "bench_either", .doc = "Rows of both inputs, those of the second scaled",
            .in = "first(key:i64, value:f64), second(key:i64, value:f64)", .out = "key:i64, value:f64");
WEIR_PLUGIN("weir.bench.exchange", "0.1.0", &keep_all_component, &either_component);
