/* bench/plugins/timers.c - bench_timer: a timer for each row, and a row for each timer. */
#include <weir/udf.h>

#include "../work.h"

typedef struct bench_timer {
    char unused;
} bench_timer;
static weir_status bench_timer_row(bench_timer *me, weir_ctx *cx, weir_row in)
{
    (void)me;
    return weir_set_timer(cx, WEIR_EVENT_TIME, 0, bench_timer_at(weir_time(in), weir_i64(in, 0)));
}
static weir_status bench_timer_timer(bench_timer *me, weir_ctx *cx, const weir_timer *t)
{
    (void)me;
    weir_put_i64(cx, 0, 0, t->at);
    return weir_emit(cx, 0, t->at);
}
WEIR_KEYED(bench_timer, .id = "bench_timer", .doc = "A timer for each row, a row for each timer", .in = "key:i64",
           .out = "@key, due:i64");
WEIR_PLUGIN("weir.bench.timers", "0.1.0", &bench_timer_component);
