/* Components that measure, for the tests of weir.metrics/1. */
#include <weir/udf.h>

/* Passes rows on: counts them, says what the last one was, and how the values are distributed. */
typedef struct measured {
    weir_counter *rows, *again;
    weir_gauge *last;
    weir_histogram *values;
} measured;
static weir_status measured_open(measured *me, weir_ctx *cx)
{
    weir_status s = weir_add_counter(cx, &me->rows, "seen", "rows", "rows that were seen");
    if (s == WEIR_OK) s = weir_add_counter(cx, &me->again, "seen", "rows", "the same one");
    if (s == WEIR_OK) s = weir_add_gauge(cx, &me->last, "last", NULL, NULL);
    return s == WEIR_OK ? weir_add_histogram(cx, &me->values, "values", "ms", "how large n is") : s;
}
static weir_status measured_row(measured *me, weir_ctx *cx, weir_row in)
{
    int64_t n = weir_i64(in, 0);
    weir_count_up(n % 2 ? me->rows : me->again, 1);
    weir_gauge_set(me->last, (double)n);
    weir_gauge_add(me->last, 0.5);
    weir_observe(me->values, (uint64_t)n);
    return weir_emit(cx, 0, weir_time(in));
}
static void measured_close(measured *me, weir_ctx *cx)
{
    (void)cx;
    weir_gauge_add(me->last, 1); /* metrics outlive the last row */
}
WEIR_RICH_PROCESS(measured, .id = "measured", .doc = "measures what passes", .in = "n:i64", .out = "*");

/* The same as a sink, for hosts that run sinks alone. */
typedef measured measured_sink;
static weir_status measured_write(void *self, weir_ctx *cx, const weir_batch *b, int64_t *row)
{
    measured *me = self;
    (void)cx;
    for (; *row < b->length; ++*row) {
        int64_t n = weir_i64((weir_row){b, *row}, 0);
        weir_count_up(n % 2 ? me->rows : me->again, 1);
        weir_gauge_set(me->last, (double)n);
        weir_gauge_add(me->last, 0.5);
        weir_observe(me->values, (uint64_t)n);
    }
    return WEIR_OK;
}
static const weir_sink measured_sink_vtable = {
    .struct_size = sizeof(weir_sink), .open = measured_open_, .write = measured_write};
WEIR_COMPONENT(measured_sink, WEIR_SINK, measured_sink_vtable, .id = "measured_sink", .doc = "measures what arrives",
               .in = "n:i64");

/* Asks for a counter of a name that its job says, and then for a gauge of that name. */
typedef struct misnamed {
    const char *name;
    weir_counter *counter;
    weir_gauge *gauge;
} misnamed;
static weir_status misnamed_open(void *self, weir_ctx *cx)
{
    misnamed *me = self;
    weir_status s = weir_add_counter(cx, &me->counter, me->name, NULL, NULL);
    return s == WEIR_OK ? weir_add_gauge(cx, &me->gauge, me->name, NULL, NULL) : s;
}
static const weir_sink misnamed_vtable = {.struct_size = sizeof(weir_sink), .open = misnamed_open, .write = measured_write};
static const weir_option misnamed_options[] = {WEIR_OPTION(misnamed, name, .doc = "of the metric")};
WEIR_COMPONENT(misnamed, WEIR_SINK, misnamed_vtable, .id = "misnamed", .doc = "names metrics badly", .in = "n:i64",
               WEIR_OPTIONS(misnamed_options));

WEIR_PLUGIN("test.toy_measured", "1.0.0", &measured_component, &measured_sink_component, &misnamed_component);
