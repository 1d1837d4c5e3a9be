/* top_n - the n most viewed pages of each window. Reads what a window counted, keyed by the window's end. Every count goes
 * into a list; a timer at the window's end, which fires when no count of it can follow, ranks it and emits its head. */
#include <stdlib.h>
#include <weir/udf.h>

typedef struct top_n {
    int64_t n;
} top_n;
typedef struct page {
    weir_str path;
    int64_t views;
} page;
static const weir_field members[] = {WEIR_MEMBER(page, path), WEIR_MEMBER(page, views)};
static const weir_state states[] = {WEIR_LIST_STATE("pages", page, members)};
enum { PAGES }; /* the state */

static weir_status top_n_row(top_n *me, weir_ctx *cx, weir_row in)
{
    page p = {.path = weir_text(in, 0), .views = weir_i64(in, 1)};
    (void)me;
    weir_status s = weir_list_add(cx, PAGES, &p);
    return s == WEIR_OK ? weir_set_timer(cx, WEIR_EVENT_TIME, 0, weir_i64(weir_key(cx), 0)) : s;
}

/* More views first, then by path, byte by byte. */
static int in_order(const void *a, const void *b)
{
    const page *x = a, *y = b;
    if (x->views != y->views) return x->views < y->views ? 1 : -1;
    size_t n = x->path.n < y->path.n ? x->path.n : y->path.n;
    int order = n ? memcmp(x->path.p, y->path.p, n) : 0;
    return order ? order : (x->path.n > y->path.n) - (x->path.n < y->path.n);
}

static weir_status top_n_timer(top_n *me, weir_ctx *cx, const weir_timer *t)
{
    size_t n = weir_list_size(cx, PAGES);
    page *pages = weir_scratch(cx, n * sizeof *pages);
    if (!pages) return weir_fail(cx, WEIR_E_MEMORY, "no memory to rank %zu pages", n);
    for (size_t i = 0; i < n; i++) pages[i] = *(const page *)weir_list_at(cx, PAGES, i);
    qsort(pages, n, sizeof *pages, in_order);
    for (size_t i = 0; i < n && i < (size_t)me->n; i++) {
        weir_put_i64(cx, 0, 0, (int64_t)i + 1);
        weir_status s = weir_put_text(cx, 0, 1, pages[i].path);
        weir_put_i64(cx, 0, 2, pages[i].views);
        if (s == WEIR_OK) s = weir_emit(cx, 0, t->at);
        if (s != WEIR_OK) return s;
    }
    return weir_clear(cx, PAGES);
}

static const weir_option options[] = {WEIR_OPTION(top_n, n, .def = "3", .min = "1", .max = "1000", .doc = "how many")};
WEIR_KEYED(top_n, .id = "top_n", .doc = "the n most viewed pages of each window", .in = "path:string, views:i64",
           .out = "@key, rank:i64, path:string, views:i64", WEIR_OPTIONS(options), WEIR_STATES(states));
WEIR_PLUGIN("example.top_n", "1.0.0", &top_n_component);
