/* bench/plugins/state.c - bench_running_sum: a row's value and all those of its key before it. */
#include <weir/udf.h>

typedef struct bench_running_sum {
    char unused;
} bench_running_sum;
typedef struct total {
    double sum;
} total;
static const weir_field members[] = {WEIR_MEMBER(total, sum)};
static const weir_state states[] = {WEIR_VALUE_STATE("total", total, members)};
enum { TOTAL };

static weir_status bench_running_sum_row(bench_running_sum *me, weir_ctx *cx, weir_row in)
{
    total *t = weir_edit(cx, TOTAL);
    (void)me;
    if (!t) return WEIR_E_MEMORY;
    t->sum += weir_f64(in, 0);
    weir_put_f64(cx, 0, 0, t->sum);
    return WEIR_OK;
}
WEIR_KEYED_MAP(bench_running_sum, .id = "bench_running_sum", .doc = "Adds the sum of the key's values so far",
               .in = "value:f64", .out = "*, so_far:f64", WEIR_STATES(states));
WEIR_PLUGIN("weir.bench.state", "0.1.0", &bench_running_sum_component);
