/* bench/memory.h - rows that lie in memory before the clock starts. */
#ifndef WEIR_BENCH_MEMORY_H
#define WEIR_BENCH_MEMORY_H

#include "bench.h"

/* `prepare`: run->prepared is a struct bench_memory with 4 Mi of the rows that bench_row_at makes. */
void weir_bench_remember_rows(struct weir_bench_run *);
/* The same with keys of which some come often: the k-th of them in proportion to 1 / k^0.99. */
void weir_bench_remember_zipf(struct weir_bench_run *);
/* `finish` */
void weir_bench_forget_rows(struct weir_bench_run *);

#endif
