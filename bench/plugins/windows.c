/* bench/plugins/windows.c - bench_top: the n largest sums of each window, as the guide's top_n does it: by the window's end,
 * a list of what comes, ranked when its timer fires.
 */
#include <stdlib.h>
#include <weir/udf.h>

typedef struct bench_top {
    int64_t n;
} bench_top;
typedef struct item {
    int64_t key;
    double total;
} item;
static const weir_field members[] = {WEIR_MEMBER(item, key), WEIR_MEMBER(item, total)};
static const weir_state states[] = {WEIR_LIST_STATE("items", item, members)};
enum { ITEMS };

static weir_status bench_top_row(bench_top *me, weir_ctx *cx, weir_row in)
{
    item it = {weir_i64(in, 0), weir_f64(in, 1)};
    (void)me;
    weir_status s = weir_list_add(cx, ITEMS, &it);
    return s == WEIR_OK ? weir_set_timer(cx, WEIR_EVENT_TIME, 0, weir_i64(weir_key(cx), 0)) : s;
}
static int in_order(const void *a, const void *b)
{
    const item *x = a, *y = b;
    if (x->total != y->total) return x->total < y->total ? 1 : -1;
    return (x->key > y->key) - (x->key < y->key);
}
static weir_status bench_top_timer(bench_top *me, weir_ctx *cx, const weir_timer *t)
{
    size_t n = weir_list_size(cx, ITEMS);
    item *items = weir_scratch(cx, n * sizeof *items);
    if (!items) return weir_fail(cx, WEIR_E_MEMORY, "no memory to rank %zu sums", n);
    for (size_t i = 0; i < n; i++) items[i] = *(const item *)weir_list_at(cx, ITEMS, i);
    qsort(items, n, sizeof *items, in_order);
    for (size_t i = 0; i < n && i < (size_t)me->n; i++) {
        weir_put_i64(cx, 0, 0, items[i].key);
        weir_put_f64(cx, 0, 1, items[i].total);
        weir_status s = weir_emit(cx, 0, t->at);
        if (s != WEIR_OK) return s;
    }
    return weir_clear(cx, ITEMS);
}
static const weir_option options[] = {WEIR_OPTION(bench_top, n, .def = "10", .min = "1", .doc = "How many")};
WEIR_KEYED(bench_top, .id = "bench_top", .doc = "The n largest sums of each window", .in = "key:i64, total:f64",
           .out = "@key, key:i64, total:f64", WEIR_OPTIONS(options), WEIR_STATES(states));
WEIR_PLUGIN("weir.bench.windows", "0.1.0", &bench_top_component);
