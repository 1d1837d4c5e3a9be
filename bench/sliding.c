/* sliding.c - sums of integers over a sliding window of 60 slides, by key.
 *
 * In the loop keys get a number; a ring of slices holds a total and a count per number; the running window gains the newest
 * slice and loses the oldest.
 */
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "job.h"
#include "table.h"

#define SLIDES 60

static int64_t slide_of(const struct weir_bench_run *run) /* rows, and ms */
{
    return run->bench->keys == 1000 ? 100 * BENCH_BLOCK : 1000 * BENCH_BLOCK;
}

static void build(struct weir_job *job, const struct weir_bench_run *run)
{
    weir_bench_source(job, run, true);
    struct weir_node *n = weir_bench_node(job, "sums", "rows");
    weir_node_set(n, "key_by", "key");
    weir_bench_set(n, "window.sliding.size", slide_of(run) * SLIDES, "ms");
    weir_bench_set(n, "window.sliding.slide", slide_of(run), "ms");
    weir_node_set(n, "aggregate.total", "sum(key)");
    weir_bench_sink(job, run, "sums", "total");
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

struct total {
    int64_t sum, rows;
};
struct slices {
    struct bench_table numbers;
    size_t keys, n;
    int64_t *key_of;
    struct total *slices, *window;
};
static void slices_init(struct slices *s, size_t keys)
{
    *s = (struct slices){.keys = keys};
    bench_table_init(&s->numbers, (int64_t)keys);
    s->key_of = calloc(keys, sizeof *s->key_of);
    s->slices = bench_pages(keys * SLIDES * sizeof *s->slices);
    s->window = calloc(keys, sizeof *s->window);
    if (!s->key_of || !s->window) weir_bench_die("loop", "no memory");
}
static void slices_finish(struct slices *s)
{
    bench_table_finish(&s->numbers);
    free(s->key_of);
    munmap(s->slices, s->keys * SLIDES * sizeof *s->slices);
    free(s->window);
}

static void add_block(struct slices *s, struct total *slice, const int64_t *key, int64_t n)
{
    size_t number[BENCH_BLOCK], known = s->n;
    bench_table_numbers(&s->numbers, key, n, &s->n, number);
    if (known < s->keys)
        for (int64_t i = 0; i < n; i++) s->key_of[number[i]] = key[i];
    for (int64_t i = 0; i < n; i++) {
        slice[number[i]].sum += key[i];
        slice[number[i]].rows++;
    }
}
/* Slice number `at` is full: the window that ends with it. */
static void slide(struct slices *s, int64_t at, struct bench_sum *sum)
{
    const struct total *newest = s->slices + (size_t)(at % SLIDES) * s->keys;
    struct total *oldest = s->slices + (size_t)((at + 1) % SLIDES) * s->keys;
    for (size_t i = 0; i < s->n; i++) {
        struct total *w = &s->window[i];
        w->sum += newest[i].sum;
        w->rows += newest[i].rows;
        if (w->rows > 0) bench_sum_add(sum, s->key_of[i], (double)w->sum);
        w->sum -= oldest[i].sum;
        w->rows -= oldest[i].rows;
    }
    memset(oldest, 0, s->keys * sizeof *oldest); /* the next slide's */
}

static void loop(const struct weir_bench_run *run, struct bench_sum *sum)
{
    static _Alignas(64) int64_t key[BENCH_BLOCK];
    struct slices s;
    int64_t at = 0, per_slide = slide_of(run);
    slices_init(&s, (size_t)run->bench->keys);
    for (int64_t from = 0; from < run->rows; from += BENCH_BLOCK) {
        int64_t n = run->rows - from < BENCH_BLOCK ? run->rows - from : BENCH_BLOCK;
        if (from > 0 && from % per_slide == 0) slide(&s, at++, sum);
        for (int64_t i = 0; i < n; i++) key[i] = bench_row_at(from + i, run->bench->keys).key;
        add_block(&s, s.slices + (size_t)(at % SLIDES) * s.keys, key, n);
    }
    for (int64_t end = at + SLIDES; at < end; at++) slide(&s, at, sum);
    slices_finish(&s);
}

// clang-format off
const struct weir_bench weir_bench_sliding[] = {
    {.name = "sliding_1e3", .title = "sliding window of 60 slides, 1e3 keys", .rows = 40000000, .keys = 1000,
     .flags = WEIR_BENCH_GATED, .job = build, .loop = loop},
    {.name = "sliding_1e5", .title = "sliding window of 60 slides, 1e5 keys", .rows = 100000000, .keys = 100000,
     .target = 0.6,
     .job = build, .loop = loop},
    {.name = NULL}};
