/* any.c - msgpack: fields of the type `any`, written by one map and read by the next; and whole rows packed by the host, as
 * components do whose state holds records.
 *
 * The loop writes and reads the same bytes with the same functions (msgpack.h), a block at a time; rows it packs by
 * functions for this very schema.
 */
#include "bench.h"
#include "job.h"
#include "memory.h"
#include "msgpack.h"

static void build_any(struct weir_job *job, const struct weir_bench_run *run)
{
    weir_bench_source(job, run, false);
    weir_node_set(weir_bench_node(job, "packed", "rows"), "map", "bench_pack_any");
    weir_node_set(weir_bench_node(job, "unpacked", "packed"), "map", "bench_unpack_any");
    weir_bench_sink(job, run, "unpacked", "scaled");
}
static void loop_any(const struct weir_bench_run *run, struct bench_sum *sum)
{
    static struct bench_block block;
    static uint8_t bytes[BENCH_BLOCK * BENCH_PAIR_MOST];
    for (int64_t from = 0; from < run->rows; from += BENCH_BLOCK) {
        uint8_t *end = bytes;
        const uint8_t *p = bytes;
        bench_next_rows(run, from, BENCH_BLOCK, &block);
        for (int64_t i = 0; i < block.n; i++) end = bench_put_pair(end, block.key[i], block.value[i]);
        for (int64_t i = 0; i < block.n; i++) {
            int64_t key;
            double value;
            p = bench_get_pair(p, &key, &value);
            bench_sum_add(sum, block.key[i], bench_scale(value) + (double)key);
        }
        if (p != end) weir_bench_die("loop", "it did not read what it wrote");
    }
}

static void build_pack(struct weir_job *job, const struct weir_bench_run *run)
{
    weir_bench_source(job, run, false);
    weir_node_set(weir_bench_node(job, "packed", "rows"), "map", "bench_pack_row");
    weir_bench_sink(job, run, "packed", "bytes");
}
static void loop_pack(const struct weir_bench_run *run, struct bench_sum *sum)
{
    static struct bench_block block;
    uint8_t bytes[64];
    for (int64_t from = 0; from < run->rows; from += BENCH_BLOCK) {
        bench_next_rows(run, from, BENCH_BLOCK, &block);
        for (int64_t i = 0; i < block.n; i++) {
            const uint8_t *end = bench_put_row(bytes, block.key[i], from + i, block.value[i]);
            bench_sum_add(sum, block.key[i], (double)bench_bytes_hash(bytes, (size_t)(end - bytes)));
        }
    }
}

// clang-format off
const struct weir_bench weir_bench_any[] = {
    {.name = "any_field", .title = "an `any` field written and read (msgpack)", .rows = 20000000, .job = build_any,
     .loop = loop_any},
    {.name = "pack_row", .title = "rows packed by the host (msgpack)", .rows = 10000000, .job = build_pack,
     .loop = loop_pack},
    {.name = NULL}};
