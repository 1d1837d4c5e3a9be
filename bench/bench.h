/* bench/bench.h - one benchmark: a job through libweir, and the hand-written loop for the same work in the same process. */
#ifndef WEIR_BENCH_BENCH_H
#define WEIR_BENCH_BENCH_H

#include <stdint.h>

#include "embed/weir.h"
#include "work.h"

struct bench {
    const char *name, *title;
    int64_t rows; /* of the default size */
    /* adds nodes; the sink writes `result` */
    void (*build)(struct weir_job *, int64_t rows, const char *result, const char *input);
    void (*limit)(int64_t rows, struct bench_sum *, const char *input);
    void (*prepare)(int64_t rows, const char *input); /* makes the input file; NULL: none */
};
extern const struct bench benches[]; /* ends with a NULL name */

#endif
