/* state.c - keyed state on the heap: each row reads its key's sum, adds to it, writes it back and gives it out.
 *
 * The loop does the same in one table.
 */
#include "bench.h"
#include "job.h"
#include "memory.h"
#include "table.h"

static void build(struct weir_job *job, const struct weir_bench_run *run)
{
    weir_bench_source(job, run, false);
    struct weir_node *n = weir_bench_node(job, "sums", "rows");
    weir_node_set(n, "key_by", "key");
    weir_node_set(n, "map", "bench_running_sum");
    weir_bench_sink(job, run, "sums", "so_far");
}

static void loop(const struct weir_bench_run *run, struct bench_sum *sum)
{
    static struct bench_block block;
    uint64_t place[BENCH_BLOCK];
    struct bench_table table;
    bench_table_init(&table, run->bench->keys);
    for (int64_t from = 0; from < run->rows; from += BENCH_BLOCK) {
        bench_next_rows(run, from, BENCH_BLOCK, &block);
        for (int64_t i = 0; i < block.n; i++) place[i] = bench_table_place(&table, block.key[i]);
        for (int64_t i = 0; i < block.n; i++) __builtin_prefetch(&table.slots[place[i]], 1);
        for (int64_t i = 0; i < block.n; i++) {
            struct bench_slot *s = bench_table_at(&table, place[i], block.key[i]);
            s->sum += block.value[i];
            bench_sum_add(sum, s->key, s->sum);
        }
    }
    bench_table_finish(&table);
}

#define BOTH .job = build, .loop = loop
#define ZIPF .prepare = weir_bench_remember_zipf, .finish = weir_bench_forget_rows

// clang-format off
const struct weir_bench weir_bench_state[] = {
    {.name = "heap_1e3", .title = "running sum in heap state, 1e3 keys", .rows = 20000000, .keys = 1000, BOTH},
    {.name = "heap_1e6", .title = "running sum in heap state, 1e6 keys", .rows = 10000000, .keys = 1000000, BOTH},
    {.name = "heap_zipf_1e6", .title = "running sum in heap state, 1e6 Zipf keys", .rows = 10000000, .keys = 1000000, ZIPF,
     BOTH},
    {.name = NULL}};
