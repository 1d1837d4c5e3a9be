/* Functions of joins, for the tests of the runtime. */
#include <weir/udf.h>

/* ---- settled: a join function ------------------------------------------------------------------------------------ *
 *
 * A pair becomes its sum, `copies` times; a pair whose values differ goes to the side as well. */

typedef struct settled {
    int64_t copies;
    bool misbehave;
    int64_t opened;
} settled;

static weir_status settled_open(void *self, weir_ctx *cx)
{
    settled *me = self;
    (void)cx;
    me->opened = 1;
    return WEIR_OK;
}
static weir_status settled_join(void *self, weir_ctx *cx, weir_row first, weir_row second, int64_t time)
{
    const settled *me = self;
    weir_status s = WEIR_OK;
    if (!me->opened || weir_i64(weir_key(cx), 0) != weir_i64(first, 0)) return WEIR_E_PLUGIN;
    if (me->misbehave) return weir_fail(cx, WEIR_E_DATA, "no pair is good enough");
    for (int64_t i = 0; s == WEIR_OK && i < me->copies; i++) {
        weir_put_i64(cx, 0, 0, weir_i64(first, 1) + weir_i64(second, 0));
        s = weir_emit(cx, 0, time);
    }
    if (s != WEIR_OK || weir_i64(first, 1) == weir_i64(second, 0)) return s;
    weir_put_i64(cx, 1, 0, weir_i64(second, 0) - weir_i64(first, 1));
    return weir_emit(cx, 1, weir_time(first));
}
static const weir_join_function settled_vtable = {
    .struct_size = sizeof(weir_join_function), .open = settled_open, .join = settled_join};
static const weir_option settled_options[] = {WEIR_OPTION(settled, copies, .def = "1", .doc = "of each sum"),
                                              WEIR_OPTION(settled, misbehave, .def = "false", .doc = "fails")};
WEIR_COMPONENT(settled, WEIR_JOIN_FUNCTION, settled_vtable, .id = "settled", .doc = "the sum of a pair",
               .in = "orders(k:i64, a:i64), payments(b:i64)", .out = "@key, sum:i64", .sides = "differ(by:i64)",
               WEIR_OPTIONS(settled_options));

/* ---- weighed: a cogroup function --------------------------------------------------------------------------------- *
 *
 * How many rows the two sides have and what they add up to; `copies` of it. */

typedef struct weighed {
    int64_t copies;
    int64_t at; /* where it goes on */
} weighed;

static int64_t sum_of(const weir_batch *rows, uint32_t column)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < rows->length; i++) sum += weir_i64((weir_row){rows, i}, column);
    return sum;
}
static weir_status weighed_process(weighed *me, weir_ctx *cx, const weir_window *window, const weir_batch *first,
                                   const weir_batch *second)
{
    for (; me->at < me->copies; me->at++) {
        if (weir_full(cx)) return WEIR_MORE;
        weir_put_i64(cx, 0, 0, first->length);
        weir_put_i64(cx, 0, 1, second->length);
        weir_put_i64(cx, 0, 2, sum_of(first, 1) - sum_of(second, 0));
        weir_status s = weir_emit(cx, 0, weir_window_last(window));
        if (s != WEIR_OK) return s;
    }
    me->at = 0;
    return WEIR_OK;
}
static const weir_option weighed_options[] = {WEIR_OPTION(weighed, copies, .def = "1", .doc = "of each result")};
WEIR_COGROUP(weighed, .id = "weighed", .doc = "what the rows of two sides come to",
             .in = "orders(k:i64, a:i64), payments(b:i64)", .out = "@key, orders:i64, payments:i64, rest:i64",
             WEIR_OPTIONS(weighed_options));

WEIR_PLUGIN("toys.joins", "1.0.0", &settled_component, &weighed_component);
