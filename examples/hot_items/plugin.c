/* top_items - the n most viewed items of each window. As examples/top_n, but it keeps no more than n items of a window: the
 * list is always in order, a new item takes its place in it, and what falls off the end is forgotten. */
#include <weir/udf.h>

typedef struct top_items {
    int64_t n;
} top_items;
typedef struct item {
    int64_t id, views;
} item;
static const weir_field members[] = {WEIR_MEMBER(item, id), WEIR_MEMBER(item, views)};
static const weir_state states[] = {WEIR_LIST_STATE("best", item, members)};
enum { BEST }; /* the state */

static bool before(const item *a, const item *b)
{
    return a->views != b->views ? a->views > b->views : a->id < b->id;
}

static weir_status top_items_row(top_items *me, weir_ctx *cx, weir_row in)
{
    const item fresh = {.id = weir_i64(in, 0), .views = weir_i64(in, 1)};
    size_t n = weir_list_size(cx, BEST), at = 0;
    item *best = weir_scratch(cx, (n + 1) * sizeof *best);
    if (!best) return weir_fail(cx, WEIR_E_MEMORY, "no memory for %zu items", n + 1);
    for (size_t i = 0; i < n; i++) {
        const item *kept = weir_list_at(cx, BEST, i);
        at += before(kept, &fresh);
        best[i + !before(kept, &fresh)] = *kept;
    }
    best[at] = fresh;
    weir_status s = weir_list_update(cx, BEST, best, n < (size_t)me->n ? n + 1 : n);
    return s == WEIR_OK ? weir_set_timer(cx, WEIR_EVENT_TIME, 0, weir_i64(weir_key(cx), 0)) : s;
}

static weir_status top_items_timer(top_items *me, weir_ctx *cx, const weir_timer *t)
{
    (void)me;
    for (size_t i = 0; i < weir_list_size(cx, BEST); i++) {
        const item *kept = weir_list_at(cx, BEST, i);
        weir_put_i64(cx, 0, 0, (int64_t)i + 1);
        weir_put_i64(cx, 0, 1, kept->id);
        weir_put_i64(cx, 0, 2, kept->views);
        weir_status s = weir_emit(cx, 0, t->at);
        if (s != WEIR_OK) return s;
    }
    return weir_clear(cx, BEST);
}

static const weir_option options[] = {WEIR_OPTION(top_items, n, .def = "3", .min = "1", .max = "1000", .doc = "how many")};
WEIR_KEYED(top_items, .id = "top_items", .doc = "the n most viewed items of each window", .in = "item:i64, views:i64",
           .out = "@key, rank:i64, item:i64, views:i64", WEIR_OPTIONS(options), WEIR_STATES(states));
WEIR_PLUGIN("example.hot_items", "1.0.0", &top_items_component);
