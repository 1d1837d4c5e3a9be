/* bench/job.h - the nodes that the benchmarks' jobs have in common. */
#ifndef WEIR_BENCH_JOB_H
#define WEIR_BENCH_JOB_H

#include "bench.h"

/* A node after `from`; NULL: one without input. */
struct weir_node *weir_bench_node(struct weir_job *, const char *id, const char *from);
/* Sets a key to a number, with a unit behind it: weir_bench_set(n, "window.tumbling.size", 1000, "ms"). */
void weir_bench_set(struct weir_node *, const char *path, int64_t number, const char *unit);

/* Node `rows`: source bench_rows with the run's rows and its benchmark's keys; from memory where run->prepared is a struct
 * bench_memory. `timed`: its `at` is the event time, with watermarks every 5 ms. */
struct weir_node *weir_bench_source(struct weir_job *, const struct weir_bench_run *, bool timed);
/* Node `hash`: the sink, of the fields `key` and `value`; as many instances as the job has slots. */
struct weir_node *weir_bench_sink(struct weir_job *, const struct weir_bench_run *, const char *from, const char *value);

#endif
