/* memory.c - rows that lie in memory before the clock starts: more than caches hold. */
#include "memory.h"

#include <stdlib.h>

#define N_ROWS ((int64_t)4 << 20)

static struct bench_memory *new_memory(void)
{
    struct bench_memory *m = malloc(sizeof *m);
    if (!m) weir_bench_die("rows", "no memory");
    m->n = N_ROWS;
    m->key = malloc((size_t)N_ROWS * sizeof *m->key);
    m->value = malloc((size_t)N_ROWS * sizeof *m->value);
    if (!m->key || !m->value) weir_bench_die("rows", "no memory");
    return m;
}

void weir_bench_remember_rows(struct weir_bench_run *run)
{
    struct bench_memory *m = new_memory();
    for (int64_t i = 0; i < m->n; i++) {
        struct bench_row row = bench_row_at(i, run->bench->keys ? run->bench->keys : 1000);
        m->key[i] = row.key;
        m->value[i] = row.value;
    }
    run->prepared = m;
}

void weir_bench_forget_rows(struct weir_bench_run *run)
{
    struct bench_memory *m = run->prepared;
    free(m->key);
    free(m->value);
    free(m);
    run->prepared = NULL;
}
