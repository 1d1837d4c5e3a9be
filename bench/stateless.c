/* stateless.c - map and filter: scaled = value * 1.25 + 3, kept below a bound, written in four ways; from rows made by their
 * number and from rows in memory.
 *
 * The loop goes over blocks that stay in the first cache, column by column, so that the compiler makes vectors of it; the
 * filter needs no copy, since what it drops is masked out of the sum.
 */
#include "bench.h"
#include "job.h"
#include "memory.h"

/* ---- the jobs ---------------------------------------------------------------------------------------------------- */

struct steps { /* of a node each: step, value; NULL: none */
    const char *map, *map_with, *filter, *filter_with, *again, *again_with, *result;
};

static void build(struct weir_job *job, const struct weir_bench_run *run)
{
    const struct steps *s = run->bench->shape;
    const char *last = "kept";
    weir_bench_source(job, run, false);
    weir_node_set(weir_bench_node(job, "scaled", "rows"), s->map, s->map_with);
    weir_node_set(weir_bench_node(job, "kept", "scaled"), s->filter, s->filter_with);
    if (s->again) weir_node_set(weir_bench_node(job, last = "again", "kept"), s->again, s->again_with);
    weir_bench_sink(job, run, last, s->result);
}

static const struct steps batch = {"map", "bench_scale_batch", "filter", "bench_keep_batch", NULL, NULL, "scaled"};
static const struct steps rows = {"map", "bench_scale_rows", "filter", "bench_keep_rows", NULL, NULL, "scaled"};
static const struct steps expression = {"set.scaled", "value * 1.25 + 3.0", "filter", "scaled < 963.0", NULL, NULL,
                                        "scaled"};
static const struct steps chain_batch = {"map", "bench_scale_batch", "filter", "bench_keep_batch",
                                         "map", "bench_again_batch", "again"};
static const struct steps chain_rows = {"map", "bench_scale_rows", "filter", "bench_keep_rows",
                                        "map", "bench_again_rows", "again"};
static const struct steps chain_expression = {"set.scaled", "value * 1.25 + 3.0",  "filter", "scaled < 963.0",
                                              "set.again",  "scaled * 1.25 + 3.0", "again"};

static void build_built_in(struct weir_job *job, const struct weir_bench_run *run)
{
    weir_bench_source(job, run, false);
    weir_node_set(weir_bench_node(job, "scaled", "rows"), "set.scaled", "value * 1.25 + 3.0");
    struct weir_node *kept = weir_bench_node(job, "kept", "scaled");
    weir_node_set(kept, "filter.compare.field", "scaled");
    weir_node_set(kept, "filter.compare.op", "lt");
    weir_node_set(kept, "filter.compare.value", "963.0");
    weir_bench_sink(job, run, "kept", "scaled");
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

/* The two as one step: what remains of `value`, and whether it is kept. */
static void map_and_filter(const double *value, int64_t n, double *scaled, uint64_t *mask)
{
    for (int64_t i = 0; i < n; i++) {
        scaled[i] = bench_scale(value[i]);
        mask[i] = -(uint64_t)bench_keeps(scaled[i]);
    }
}
static void sum_kept(const int64_t *key, const double *result, const uint64_t *mask, int64_t n, struct bench_sum *sum)
{
    uint64_t hash = 0, dropped = 0;
    for (int64_t i = 0; i < n; i++) {
        hash += bench_hash(key[i], result[i]) & mask[i];
        dropped += mask[i] + 1;
    }
    sum->hash += hash;
    sum->rows += (uint64_t)n - dropped;
}
static void loop(const struct weir_bench_run *run, struct bench_sum *sum)
{
    static struct bench_block block;
    static _Alignas(64) double scaled[BENCH_BLOCK];
    static _Alignas(64) uint64_t mask[BENCH_BLOCK];
    const struct steps *s = run->bench->shape;
    for (int64_t from = 0; from < run->rows; from += BENCH_BLOCK) {
        bench_next_rows(run, from, BENCH_BLOCK, &block);
        map_and_filter(block.value, block.n, scaled, mask);
        if (s && s->again)
            for (int64_t i = 0; i < block.n; i++) scaled[i] = bench_scale(scaled[i]);
        sum_kept(block.key, scaled, mask, block.n, sum);
    }
}

#define BOTH   .job = build, .loop = loop
#define MEMORY .prepare = weir_bench_remember_rows, .finish = weir_bench_forget_rows, .job = build, .loop = loop
#define MANY   ((int64_t)200000000)
#define FEW    ((int64_t)100000000)

// clang-format off
const struct weir_bench weir_bench_stateless[] = {
    {.name = "map_filter_batch", .title = "map + filter, plugin by the batch", .rows = MANY, .shape = &batch, .target = 0.5,
     .flags = WEIR_BENCH_GATED, BOTH},
    {.name = "map_filter_rows", .title = "map + filter, plugin row by row", .rows = FEW, .shape = &rows, .target = 0.2,
     .flags = WEIR_BENCH_GATED, BOTH},
    {.name = "map_filter_expression", .title = "map + filter, expressions", .rows = MANY, .shape = &expression,
     .target = 0.5,
     .flags = WEIR_BENCH_GATED, BOTH},
    {.name = "map_filter_built_in", .title = "map + filter, expression and `compare`", .rows = MANY, .target = 0.5,
     .job = build_built_in, .loop = loop},
    {.name = "map_filter_map_batch", .title = "map + filter + map, plugin by the batch", .rows = MANY,
     .shape = &chain_batch, BOTH},
    {.name = "map_filter_map_rows", .title = "map + filter + map, plugin row by row", .rows = FEW,
     .shape = &chain_rows, BOTH},
    {.name = "map_filter_map_expression", .title = "map + filter + map, expressions", .rows = MANY,
     .shape = &chain_expression,
     BOTH},
    {.name = "memory_batch", .title = "map + filter, plugin by the batch, from memory", .rows = MANY,
     .shape = &batch, MEMORY},
    {.name = "memory_rows", .title = "map + filter, plugin row by row, from memory", .rows = FEW, .shape = &rows, MEMORY},
    {.name = "memory_expression", .title = "map + filter, expressions, from memory", .rows = MANY,
     .shape = &expression, MEMORY},
    {.name = NULL}};
