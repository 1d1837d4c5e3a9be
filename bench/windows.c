/* windows.c - windows that follow the rows of a key: sessions, and so many rows; and the most of each window.
 *
 * The loops number the keys and keep what is open in an array by number; rows come in the order of their time, so a session
 * is over when the key's next row lies too far behind, or at the end.
 */
#include "bench.h"
#include "job.h"
#include "memory.h"
#include "table.h"

#define GAP_MS      100000
#define COUNT       20
#define WINDOW_ROWS ((int64_t)1 << 20)
#define TOP         10

static struct weir_node *by_key(struct weir_job *job, const struct weir_bench_run *run)
{
    weir_bench_source(job, run, true);
    struct weir_node *n = weir_bench_node(job, "sums", "rows");
    weir_node_set(n, "key_by", "key");
    weir_node_set(n, "aggregate.total", "sum(value)");
    return n;
}

/* ---- sessions, and so many rows ---------------------------------------------------------------------------------- */

static void build_session(struct weir_job *job, const struct weir_bench_run *run)
{
    weir_bench_set(by_key(job, run), "window.session.gap", GAP_MS, "ms");
    weir_bench_sink(job, run, "sums", "total");
}
static void build_count(struct weir_job *job, const struct weir_bench_run *run)
{
    weir_bench_set(by_key(job, run), "window.count.size", COUNT, "");
    weir_bench_sink(job, run, "sums", "total");
}

struct open_window { /* of a key */
    int64_t key, last, n;
    double sum;
};
static void end_window(struct open_window *w, struct bench_sum *sum)
{
    bench_sum_add(sum, w->key, w->sum);
    w->sum = 0;
    w->n = 0;
}
static void loop_open(const struct weir_bench_run *run, struct bench_sum *sum, int64_t gap, int64_t count)
{
    static struct bench_block block;
    size_t number[BENCH_BLOCK], n = 0, size = (size_t)run->bench->keys * sizeof(struct open_window);
    struct bench_table numbers;
    struct open_window *open = bench_pages(size);
    bench_table_init(&numbers, run->bench->keys);
    for (int64_t from = 0; from < run->rows; from += BENCH_BLOCK) {
        bench_next_rows(run, from, BENCH_BLOCK, &block);
        bench_table_numbers(&numbers, block.key, block.n, &n, number);
        for (int64_t i = 0; i < block.n; i++) {
            struct open_window *w = &open[number[i]];
            if (w->n > 0 && from + i - w->last > gap) end_window(w, sum);
            w->key = block.key[i];
            w->last = from + i;
            w->sum += block.value[i];
            if (++w->n == count) end_window(w, sum);
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (open[i].n > 0 && count == INT64_MAX) end_window(&open[i], sum);
    }
    bench_table_finish(&numbers);
    munmap(open, size);
}
static void loop_session(const struct weir_bench_run *run, struct bench_sum *sum)
{
    loop_open(run, sum, GAP_MS, INT64_MAX);
}
static void loop_count(const struct weir_bench_run *run, struct bench_sum *sum)
{
    loop_open(run, sum, INT64_MAX, COUNT);
}

/* ---- the most of each window ------------------------------------------------------------------------------------- */

static void build_top(struct weir_job *job, const struct weir_bench_run *run)
{
    struct weir_node *sums = by_key(job, run);
    weir_bench_set(sums, "window.tumbling.size", WINDOW_ROWS, "ms");
    weir_node_set(sums, "aggregate.until", "window_end");
    struct weir_node *top = weir_bench_node(job, "top", "sums");
    weir_node_set(top, "key_by", "until");
    weir_bench_set(top, "process.bench_top.n", TOP, "");
    weir_bench_sink(job, run, "top", "total");
}

/* Whether a stands before b: more first, then by key. */
static bool before(struct bench_slot a, struct bench_slot b)
{
    return a.sum != b.sum ? a.sum > b.sum : a.key < b.key;
}
static void emit_top(struct bench_table *t, struct bench_sum *sum)
{
    struct bench_slot top[TOP + 1];
    int n = 0;
    for (uint64_t i = 0; i <= t->mask; i++) {
        struct bench_slot s = t->slots[i];
        t->slots[i] = (struct bench_slot){BENCH_NO_KEY, 0};
        if (s.key == BENCH_NO_KEY || (n == TOP && !before(s, top[TOP - 1]))) continue;
        int at = n < TOP ? n++ : TOP - 1;
        for (; at > 0 && before(s, top[at - 1]); at--) top[at] = top[at - 1];
        top[at] = s;
    }
    for (int i = 0; i < n; i++) bench_sum_add(sum, top[i].key, top[i].sum);
}
static void loop_top(const struct weir_bench_run *run, struct bench_sum *sum)
{
    static struct bench_block block;
    struct bench_table table;
    bench_table_init(&table, run->bench->keys);
    for (int64_t from = 0; from < run->rows; from += BENCH_BLOCK) {
        if (from > 0 && from % WINDOW_ROWS == 0) emit_top(&table, sum);
        bench_next_rows(run, from, BENCH_BLOCK, &block);
        bench_table_add(&table, block.key, block.value, block.n);
    }
    emit_top(&table, sum);
    bench_table_finish(&table);
}

// clang-format off
const struct weir_bench weir_bench_windows[] = {
    {.name = "session", .title = "session window sum, 1e5 keys", .rows = 2000000, .keys = 100000, .job = build_session,
     .loop = loop_session},
    {.name = "count_window", .title = "window of 20 rows, 1e5 keys", .rows = 4000000, .keys = 100000, .job = build_count,
     .loop = loop_count},
    {.name = "top_n", .title = "top 10 of each tumbling window's sums, 1e4 keys", .rows = 20000000, .keys = 10000,
     .job = build_top, .loop = loop_top},
    {.name = NULL}};
