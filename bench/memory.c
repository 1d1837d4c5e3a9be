/* memory.c - rows that lie in memory before the clock starts: more than caches hold. */
#include "memory.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define N_ROWS ((int64_t)4 << 20)

static struct bench_memory *new_memory(void)
{
    struct bench_memory *m = calloc(1, sizeof *m);
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

/* Ranks by the method of Gray et al., "Quickly generating billion-record synthetic databases" (1994), as in YCSB. */
struct zipf {
    double keys, theta, alpha, zeta, eta;
};
static void zipf_init(struct zipf *z, int64_t keys)
{
    z->keys = (double)keys;
    z->theta = 0.99;
    z->alpha = 1 / (1 - z->theta);
    z->zeta = 0;
    for (int64_t k = 1; k <= keys; k++) z->zeta += pow((double)k, -z->theta);
    z->eta = (1 - pow(2 / z->keys, 1 - z->theta)) / (1 - (1 + pow(0.5, z->theta)) / z->zeta);
}
static int64_t zipf_rank(const struct zipf *z, double uniform)
{
    if (uniform * z->zeta < 1) return 0;
    if (uniform * z->zeta < 1 + pow(0.5, z->theta)) return 1;
    int64_t rank = (int64_t)(z->keys * pow(z->eta * uniform - z->eta + 1, z->alpha));
    return rank < (int64_t)z->keys ? rank : (int64_t)z->keys - 1;
}

void weir_bench_remember_zipf(struct weir_bench_run *run)
{
    struct bench_memory *m = new_memory();
    struct zipf zipf;
    zipf_init(&zipf, run->bench->keys);
    for (int64_t i = 0; i < m->n; i++) {
        uint32_t rank = (uint32_t)zipf_rank(&zipf, bench_mix((uint32_t)i) * 0x1p-32);
        m->key[i] = (int64_t)((uint64_t)bench_mix(rank) * (uint64_t)run->bench->keys >> 32); /* anywhere */
        m->value[i] = bench_row_at(i, 1).value;
    }
    run->prepared = m;
}

/* Keys that are numbers become texts. */
static void name_keys(struct bench_memory *m)
{
    int64_t at = 0;
    m->text = malloc((size_t)m->n * BENCH_MOST_TEXT + BENCH_MOST_TEXT);
    if (!m->text) weir_bench_die("rows", "no memory");
    for (int64_t i = 0; i < m->n; i++) {
        int n = snprintf(m->text + at, BENCH_MOST_TEXT, "/page/%" PRId64, 10 + m->key[i]);
        m->key[i] = bench_text_ref(at, n);
        at += n;
    }
}
void weir_bench_remember_texts(struct weir_bench_run *run)
{
    weir_bench_remember_rows(run);
    name_keys(run->prepared);
}
void weir_bench_remember_zipf_texts(struct weir_bench_run *run)
{
    weir_bench_remember_zipf(run);
    name_keys(run->prepared);
}

void weir_bench_forget_rows(struct weir_bench_run *run)
{
    struct bench_memory *m = run->prepared;
    free(m->key);
    free(m->value);
    free(m->text);
    free(m);
    run->prepared = NULL;
}
