/* bench/memory.h - where loops have their rows from: made by their number, or lying in memory before the clock starts. */
#ifndef WEIR_BENCH_MEMORY_H
#define WEIR_BENCH_MEMORY_H

#include "bench.h"

/* `prepare`: run->prepared is a struct bench_memory with 4 Mi of the rows that bench_row_at makes. */
void weir_bench_remember_rows(struct weir_bench_run *);
/* The same with keys of which some come often: the k-th of them in proportion to 1 / k^0.99. */
void weir_bench_remember_zipf(struct weir_bench_run *);
/* Both with keys that are texts, "/page/" and a number: job and loop read them from memory. */
void weir_bench_remember_texts(struct weir_bench_run *);
void weir_bench_remember_zipf_texts(struct weir_bench_run *);
/* `finish` */
void weir_bench_forget_rows(struct weir_bench_run *);

/* Rows of one block, in the first cache where they are made. */
struct bench_block {
    const int64_t *key;
    const double *value;
    int64_t n;
    _Alignas(64) int64_t made_key[BENCH_BLOCK];
    double made_value[BENCH_BLOCK];
};
/* At most `most` rows from `from` on, which must not go beyond a block. */
static inline void bench_next_rows(const struct weir_bench_run *run, int64_t from, int64_t most, struct bench_block *b)
{
    const struct bench_memory *memory = run->prepared;
    int64_t keys = run->bench->keys ? run->bench->keys : 1000;
    b->n = run->rows - from < most ? run->rows - from : most;
    b->key = memory ? memory->key + from % memory->n : b->made_key;
    b->value = memory ? memory->value + from % memory->n : b->made_value;
    for (int64_t i = 0; !memory && i < b->n; i++) {
        struct bench_row row = bench_row_at(from + i, keys);
        b->made_key[i] = row.key;
        b->made_value[i] = row.value;
    }
}

#endif
