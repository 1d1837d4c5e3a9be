/* joins.c - rows of two streams that are near each other in time, and rows looked up in a small table that is a stream too.
 *
 * The loop of the interval join links each row to the one of its key before it, and walks back until rows are too old.
 */
#include <stdlib.h>

#include "bench.h"
#include "job.h"
#include "memory.h"
#include "table.h"

/* ---- interval join ----------------------------------------------------------------------------------------------- */

#define INTERVAL_MS 100000 /* as many rows of each stream; of a key about one */

static void build_interval(struct weir_job *job, const struct weir_bench_run *run)
{
    weir_bench_source(job, run, true);
    struct weir_node *more = weir_bench_node(job, "more", NULL);
    weir_bench_set(more, "source.bench_rows.rows", run->rows, "");
    weir_bench_set(more, "source.bench_rows.keys", run->bench->keys, "");
    weir_node_set(more, "time.field", "at");
    weir_node_set(more, "time.monotonous", "true");
    weir_node_set(more, "time.interval", "5ms");
    struct weir_node *pairs = weir_bench_node(job, "pairs", NULL);
    weir_node_set(pairs, "from.a", "rows");
    weir_node_set(pairs, "from.b", "more");
    weir_node_set(pairs, "key_by", "key");
    weir_bench_set(pairs, "join.interval.from", 0, "ms");
    weir_bench_set(pairs, "join.interval.to", INTERVAL_MS, "ms");
    weir_node_set(pairs, "select.key", "a.key");
    weir_node_set(pairs, "select.total", "a.value * 1024.0 + b.value");
    weir_bench_sink(job, run, "pairs", "total");
}

/* Both streams have the same rows, so row j of the second meets rows i of the first with j - INTERVAL_MS <= i <= j. */
static void loop_interval(const struct weir_bench_run *run, struct bench_sum *sum)
{
    enum { RING = 1 << 17 };
    static struct bench_block block;
    static int64_t before[RING]; /* of row % RING: the row of its key before it; -1: none */
    static double value[RING];
    size_t size = (size_t)run->bench->keys * sizeof(int64_t);
    int64_t *last = bench_pages(size);
    for (int64_t key = 0; key < run->bench->keys; key++) last[key] = -1;
    for (int64_t from = 0; from < run->rows; from += BENCH_BLOCK) {
        bench_next_rows(run, from, BENCH_BLOCK, &block);
        for (int64_t n = 0; n < block.n; n++) {
            int64_t j = from + n, key = block.key[n];
            before[j % RING] = last[key];
            value[j % RING] = block.value[n];
            last[key] = j;
            for (int64_t i = j; i >= 0 && i >= j - INTERVAL_MS; i = before[i % RING])
                bench_sum_add(sum, key, value[i % RING] * 1024.0 + block.value[n]);
        }
    }
    munmap(last, size);
}

/* ---- broadcast lookup -------------------------------------------------------------------------------------------- */

static void build_lookup(struct weir_job *job, const struct weir_bench_run *run)
{
    weir_bench_source(job, run, false);
    struct weir_node *rules = weir_bench_node(job, "rules", NULL);
    weir_node_set(rules, "source.sequence.field", "key");
    weir_bench_set(rules, "source.sequence.from", 0, "");
    weir_bench_set(rules, "source.sequence.to", run->bench->keys - 1, "");
    struct weir_node *n = weir_bench_node(job, "looked_up", NULL);
    weir_node_set(n, "from.rows", "rows");
    weir_node_set(n, "from.rules", "rules");
    weir_node_set(n, "process", "bench_lookup");
    weir_bench_sink(job, run, "looked_up", "value");
}

static void loop_lookup(const struct weir_bench_run *run, struct bench_sum *sum)
{
    static struct bench_block block;
    struct bench_table rules;
    bench_table_init(&rules, run->bench->keys);
    for (int64_t key = 0; key < run->bench->keys; key++)
        bench_table_at(&rules, bench_table_place(&rules, key), key)->sum = bench_rule(key);
    for (int64_t from = 0; from < run->rows; from += BENCH_BLOCK) {
        bench_next_rows(run, from, BENCH_BLOCK, &block);
        for (int64_t i = 0; i < block.n; i++) {
            int64_t key = block.key[i];
            double rule = bench_table_at(&rules, bench_table_place(&rules, key), key)->sum;
            bench_sum_add(sum, key, block.value[i] * rule);
        }
    }
    bench_table_finish(&rules);
}

// clang-format off
const struct weir_bench weir_bench_joins[] = {
    {.name = "interval_join", .title = "interval join, two rows a pair, 1e5 keys (rows of each)", .rows = 1000000,
     .keys = 100000, .job = build_interval, .loop = loop_interval},
    {.name = "broadcast_lookup", .title = "lookup in a broadcast state of 1000 rules", .rows = 20000000, .keys = 1000,
     .job = build_lookup, .loop = loop_lookup},
    {.name = NULL}};
