/* job/restart.h - whether and when a job that failed starts again: the restart strategies, stepped by hand.
 *
 * Floor 8. Pure: time and randomness are given. Plain data, so that a supervisor can keep it while the process that counted
 * before is gone; times are of the monotonic clock, which processes share until the machine starts anew. Rules:
 * docs/semantics.md, "Failing and going on".
 *
 *   none           the first failure is the last one
 *   fixed_delay    `attempts` restarts, each `delay` after its failure
 *   failure_rate   until more than `failures` failures lie within `interval`; each restart `delay` after its failure
 *   exponential    delays from `initial` on, `multiplier` times longer each, up to `max`, from the start again after
 *                  `reset_after` without a failure; each is moved by up to `jitter` of itself, at random, within those
 *                  bounds. Failures before the restart is due count as one.
 */
#ifndef WEIR_JOB_RESTART_H
#define WEIR_JOB_RESTART_H

#include "graph/stream_graph.h"

struct weir_restart {
    struct weir_restart_config config;
    uint32_t attempts;                                /* restarts so far; EXPONENTIAL: since its delay was reset */
    uint32_t n_times;                                 /* FAILURE_RATE: of times_ms */
    int64_t times_ms[WEIR_RESTART_MOST_FAILURES + 1]; /* of the last failures, oldest first */
    int64_t next_ms;                                  /* when the last restart is, or was, due; INT64_MIN: there was none */
};

/* As config stands for in the job: without checkpoints nothing restarts unless the manifest says so. */
void weir_restart_init(struct weir_restart *, const struct weir_restart_config *);
/* The job failed at now_ms. True: it is to start again at *at_ms. False: it has failed for good. */
bool weir_restart_failed(struct weir_restart *, int64_t now_ms, uint64_t random, int64_t *at_ms);
/* How many restarts there may be in all; 0: no limit is known. */
uint32_t weir_restart_most(const struct weir_restart *);
/* Why it has failed for good, in words: "restart: none". */
void weir_restart_why(const struct weir_restart *, char *words, size_t size);

#endif
