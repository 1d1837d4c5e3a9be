/* bench/measure.h - what a benchmark's job and loop took, and saying it. */
#ifndef WEIR_BENCH_MEASURE_H
#define WEIR_BENCH_MEASURE_H

#include <stdio.h>

#include "bench.h"

#define WEIR_BENCH_MOST_REPEATS 25

struct weir_bench_spent {
    double wall, cpu; /* seconds; cpu of all threads */
    long peak_kb;     /* of the whole process, what was prepared included */
};
struct weir_bench_figures { /* medians of pairs of runs */
    struct weir_bench_spent job, loop;
    double ratio;      /* loop / job: of cpu, or of wall */
    double best_ratio; /* of the least CPU times of both: what other load adds is not in them */
};

/* A pair that is not counted, then `repeats` of them, job and loop in turn; the sums of both must agree each time. */
void weir_bench_measure(const struct weir_bench_run *, int repeats, struct weir_bench_figures *);

/* A line of text, or of JSON. */
void weir_bench_print(const struct weir_bench_run *, const struct weir_bench_figures *);
/* The line of JSON about machine, date and commit ($WEIR_COMMIT). */
void weir_bench_print_machine(void);

#endif
