/* keyed.c - sums of a tumbling window by key: windows of 4 Mi rows, of which each key has few or many.
 *
 * The loop makes a block of rows, hashes it, and adds it to one table, which is emptied at the end of a window.
 */
#include "bench.h"
#include "job.h"
#include "memory.h"
#include "table.h"

#define WINDOW_ROWS ((int64_t)4 << 20) /* as many ms */

static void build(struct weir_job *job, const struct weir_bench_run *run)
{
    weir_bench_source(job, run, true);
    struct weir_node *n = weir_bench_node(job, "sums", "rows");
    weir_node_set(n, "key_by", "key");
    weir_bench_set(n, "window.tumbling.size", WINDOW_ROWS, "ms");
    weir_node_set(n, "aggregate.total", "sum(value)");
    weir_bench_sink(job, run, "sums", "total");
}

static void loop(const struct weir_bench_run *run, struct bench_sum *sum)
{
    static _Alignas(64) int64_t key[BENCH_BLOCK];
    static _Alignas(64) double value[BENCH_BLOCK];
    struct bench_table table;
    bench_table_init(&table, run->bench->keys);
    for (int64_t from = 0; from < run->rows; from += BENCH_BLOCK) {
        int64_t n = run->rows - from < BENCH_BLOCK ? run->rows - from : BENCH_BLOCK;
        if (from > 0 && from % WINDOW_ROWS == 0) bench_table_emit(&table, sum);
        for (int64_t i = 0; i < n; i++) {
            struct bench_row row = bench_row_at(from + i, run->bench->keys);
            key[i] = row.key;
            value[i] = row.value;
        }
        bench_table_add(&table, key, value, n);
    }
    bench_table_emit(&table, sum);
    bench_table_finish(&table);
}

const struct weir_bench weir_bench_keyed[] = {{.name = "window_1e3",
                                               .title = "key_by + tumbling window sum, 1e3 keys",
                                               .rows = 40000000,
                                               .keys = 1000,
                                               .flags = WEIR_BENCH_GATED,
                                               .job = build,
                                               .loop = loop},
                                              {.name = "window_1e5",
                                               .title = "key_by + tumbling window sum, 1e5 keys",
                                               .rows = 40000000,
                                               .keys = 100000,
                                               .job = build,
                                               .loop = loop},
                                              {.name = "window_1e6",
                                               .title = "key_by + tumbling window sum, 1e6 keys",
                                               .rows = 20000000,
                                               .keys = 1000000,
                                               .job = build,
                                               .loop = loop},
                                              {.name = NULL}};
