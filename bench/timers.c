/* timers.c - a million timers and more: each row sets one of event time, up to two million ms ahead, which gives a row when
 * it fires. Some 1.5 million are set at any time.
 *
 * The loop has a wheel with a place for each ms, in which timers are linked: times are whole and no timer lies further ahead
 * than the wheel is large.
 */
#include <stdlib.h>

#include "bench.h"
#include "job.h"
#include "memory.h"
#include "table.h"

static void build(struct weir_job *job, const struct weir_bench_run *run)
{
    weir_bench_source(job, run, true);
    struct weir_node *n = weir_bench_node(job, "fired", "rows");
    weir_node_set(n, "key_by", "key");
    weir_node_set(n, "process", "bench_timer");
    weir_bench_sink(job, run, "fired", "due");
}

#define WHEEL ((int64_t)1 << 22) /* a block of rows further than a timer may lie ahead, and a power of two */

static void loop(const struct weir_bench_run *run, struct bench_sum *sum)
{
    static struct bench_block block;
    int32_t *first = bench_pages((size_t)WHEEL * sizeof *first); /* 1 + place in the wheel's arrays; 0: none */
    int32_t *next = bench_pages((size_t)WHEEL * sizeof *next);
    int64_t *key = bench_pages((size_t)WHEEL * sizeof *key), now = 0; /* a row has the place row % WHEEL, until it fires */
    for (int64_t from = 0; from < run->rows; from += BENCH_BLOCK) {
        bench_next_rows(run, from, BENCH_BLOCK, &block);
        for (int64_t i = 0; i < block.n; i++) {
            int32_t *bucket = &first[bench_timer_at(from + i, block.key[i]) % WHEEL], place = (int32_t)((from + i) % WHEEL);
            key[place] = block.key[i];
            next[place] = *bucket;
            *bucket = place + 1;
        }
        int64_t end = from + block.n < run->rows ? from + block.n : from + block.n + WHEEL;
        for (; now < end; now++) {
            for (int32_t at = first[now % WHEEL]; at; at = next[at - 1]) bench_sum_add(sum, key[at - 1], (double)now);
            first[now % WHEEL] = 0;
        }
    }
    munmap(first, (size_t)WHEEL * sizeof *first);
    munmap(next, (size_t)WHEEL * sizeof *next);
    munmap(key, (size_t)WHEEL * sizeof *key);
}

// clang-format off
const struct weir_bench weir_bench_timers[] = {
    {.name = "timers", .title = "a timer set and fired per row, 1.5 M pending, 1e6 keys", .rows = 3000000, .keys = 1000000,
     .job = build, .loop = loop},
    {.name = NULL}};
