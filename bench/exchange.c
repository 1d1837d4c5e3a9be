/* exchange.c - rows from one thread to another, dealt to several, and put together from two.
 *
 * Dealing appends each row to the batch of its target, which is read when it is full; the loop has one thread for all
 * targets, and the ratio is of CPU time, so that the job pays for what its threads cost.
 */
#include <stdlib.h>

#include "bench.h"
#include "job.h"
#include "memory.h"
#include "ring.h"
#include "table.h"

static void add_rows(const int64_t *key, const double *value, int64_t n, struct bench_sum *sum)
{
    uint64_t hash = 0;
    for (int64_t i = 0; i < n; i++) hash += bench_hash(key[i], value[i]);
    sum->hash += hash;
    sum->rows += (uint64_t)n;
}

/* ---- from one thread to another ---------------------------------------------------------------------------------- */

static void build_hand_off(struct weir_job *job, const struct weir_bench_run *run)
{
    weir_node_set(weir_bench_source(job, run, false), "slot_group", "first");
    weir_node_set(weir_bench_sink(job, run, "rows", "value"), "slot_group", "second");
}

struct hand_off {
    const struct weir_bench_run *run;
    struct bench_ring ring;
};
static void *produce(void *arg)
{
    struct hand_off *h = arg;
    uint32_t idle = 0;
    for (int64_t from = 0; from < h->run->rows;) {
        struct bench_batch *b = bench_ring_room(&h->ring);
        if (!b) {
            bench_idle(&idle);
            continue;
        }
        idle = 0;
        b->n = h->run->rows - from < BENCH_BLOCK ? h->run->rows - from : BENCH_BLOCK;
        for (int64_t i = 0; i < b->n; i++) {
            struct bench_row row = bench_row_at(from + i, 1000);
            b->key[i] = row.key;
            b->value[i] = row.value;
        }
        from += b->n;
        bench_ring_push(&h->ring);
    }
    return NULL;
}
static void loop_hand_off(const struct weir_bench_run *run, struct bench_sum *sum)
{
    struct hand_off *h = bench_pages(sizeof *h);
    pthread_t producer;
    uint32_t idle = 0;
    h->run = run;
    if (pthread_create(&producer, NULL, produce, h) != 0) weir_bench_die("loop", "no thread");
    while (sum->rows < (uint64_t)run->rows) {
        struct bench_batch *b = bench_ring_front(&h->ring);
        if (!b) {
            bench_idle(&idle);
            continue;
        }
        idle = 0;
        add_rows(b->key, b->value, b->n, sum);
        bench_ring_pop(&h->ring);
    }
    pthread_join(producer, NULL);
    munmap(h, sizeof *h);
}

/* ---- dealt to several -------------------------------------------------------------------------------------------- */

static void build_keyed(struct weir_job *job, const struct weir_bench_run *run)
{
    weir_bench_set(weir_bench_source(job, run, false), "parallelism", 1, "");
    struct weir_node *n = weir_bench_node(job, "kept", "rows");
    weir_node_set(n, "key_by", "key");
    weir_node_set(n, "filter", "bench_keep_all");
    weir_bench_sink(job, run, "kept", "value");
}
static void build_rebalance(struct weir_job *job, const struct weir_bench_run *run)
{
    weir_bench_set(weir_bench_source(job, run, false), "parallelism", 1, "");
    struct weir_node *n = weir_bench_sink(job, run, NULL, "value");
    weir_node_set(n, "from.input", "rows");
    weir_node_set(n, "from.partition", "rebalance");
}

static void loop_deal(const struct weir_bench_run *run, struct bench_sum *sum)
{
    static struct bench_block block;
    uint32_t n = run->bench->slots;
    bool by_key = run->bench->job == build_keyed;
    struct bench_batch *targets = bench_pages(n * sizeof *targets);
    uint32_t turn = 0;
    for (int64_t from = 0; from < run->rows; from += BENCH_BLOCK) {
        bench_next_rows(run, from, BENCH_BLOCK, &block);
        for (int64_t i = 0; i < block.n; i++) {
            uint32_t hash = (uint32_t)((uint64_t)block.key[i] * 0x9e3779b97f4a7c15u >> 32);
            uint32_t next = turn + 1 == n ? 0 : turn + 1;
            struct bench_batch *b = &targets[by_key ? (uint32_t)((uint64_t)hash * n >> 32) : turn];
            turn = next;
            b->key[b->n] = block.key[i];
            b->value[b->n] = block.value[i];
            if (++b->n < BENCH_BLOCK) continue;
            add_rows(b->key, b->value, b->n, sum);
            b->n = 0;
        }
    }
    for (uint32_t i = 0; i < n; i++) add_rows(targets[i].key, targets[i].value, targets[i].n, sum);
    munmap(targets, n * sizeof *targets);
}

/* ---- put together from two --------------------------------------------------------------------------------------- */

static void add_second(struct weir_job *job, const struct weir_bench_run *run)
{
    struct weir_node *n = weir_bench_node(job, "more", NULL);
    weir_bench_set(n, "source.bench_rows.rows", run->rows, "");
    weir_bench_set(n, "source.bench_rows.keys", 1000, "");
}
static void build_union(struct weir_job *job, const struct weir_bench_run *run)
{
    weir_bench_source(job, run, false);
    add_second(job, run);
    struct weir_node *n = weir_bench_sink(job, run, NULL, "value");
    weir_node_append(n, "from", "rows");
    weir_node_append(n, "from", "more");
}
static void build_connect(struct weir_job *job, const struct weir_bench_run *run)
{
    weir_bench_source(job, run, false);
    add_second(job, run);
    struct weir_node *n = weir_bench_node(job, "both", NULL);
    weir_node_set(n, "from.first", "rows");
    weir_node_set(n, "from.second", "more");
    weir_node_set(n, "map", "bench_either");
    weir_bench_sink(job, run, "both", "value");
}
static void loop_two(const struct weir_bench_run *run, struct bench_sum *sum)
{
    static struct bench_block first, second;
    bool connected = run->bench->job == build_connect;
    for (int64_t from = 0; from < run->rows; from += BENCH_BLOCK) {
        bench_next_rows(run, from, BENCH_BLOCK, &first);
        bench_next_rows(run, from, BENCH_BLOCK, &second);
        for (int64_t i = 0; connected && i < second.n; i++) second.made_value[i] = bench_scale(second.made_value[i]);
        add_rows(first.key, first.value, first.n, sum);
        add_rows(second.key, second.value, second.n, sum);
    }
}

#define DEALT ((int64_t)40000000)

// clang-format off
const struct weir_bench weir_bench_exchange[] = {
    {.name = "hand_off", .title = "from one thread to another", .rows = 200000000, .by_wall = true, .target = 0.8,
     .job = build_hand_off, .loop = loop_hand_off},
    {.name = "key_by_2", .title = "dealt to 2 by key", .rows = DEALT, .slots = 2, .job = build_keyed, .loop = loop_deal},
    {.name = "key_by_8", .title = "dealt to 8 by key", .rows = DEALT, .slots = 8, .job = build_keyed, .loop = loop_deal},
    {.name = "key_by_32", .title = "dealt to 32 by key", .rows = DEALT, .slots = 32, .job = build_keyed, .loop = loop_deal},
    {.name = "rebalance_2", .title = "dealt to 2 in turn", .rows = DEALT, .slots = 2, .job = build_rebalance,
     .loop = loop_deal},
    {.name = "rebalance_8", .title = "dealt to 8 in turn", .rows = DEALT, .slots = 8, .job = build_rebalance,
     .loop = loop_deal},
    {.name = "rebalance_32", .title = "dealt to 32 in turn", .rows = DEALT, .slots = 32, .job = build_rebalance,
     .loop = loop_deal},
    {.name = "union", .title = "two streams as one (rows of each)", .rows = 50000000, .job = build_union, .loop = loop_two},
    {.name = "connect", .title = "two streams into a co-map (rows of each)", .rows = 20000000, .job = build_connect,
     .loop = loop_two},
    {.name = NULL}};
