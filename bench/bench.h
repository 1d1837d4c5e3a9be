/* bench/bench.h - one benchmark: a job through libweir, and the hand-written loop for the same work in the same process.
 *
 * To add one, write an entry in the table of its topic, bench/<topic>.c, beside the two functions that it names:
 *
 *   static void build_sums(struct weir_job *job, const struct weir_bench_run *run) ... adds nodes; the sink is bench_hash
 *   static void loop_sums(const struct weir_bench_run *run, struct bench_sum *sum) ... the same work, the best C there is
 *
 *   const struct weir_bench weir_bench_keyed[] = {
 *       {.name = "window_1e3", .title = "key_by + tumbling window sum, 1e3 keys", .rows = 20000000, .keys = 1000,
 *        .job = build_sums, .loop = loop_sums},
 *       {.name = NULL}};
 *
 * To add a topic, write its file and its name in WEIR_BENCH_TOPICS below; CMake takes every .c of this folder. Components
 * that a topic needs go into bench/plugins/<topic>.c, which becomes the plugin weir_bench_<topic>.so.
 * What others measure (the percentiles of a latency, the time to start) has `measure` instead of job and loop.
 *
 * Both sides make their rows by work.h, or read them from the same memory (memory.h), and add what comes out to a sum that
 * does not depend on the order. The run fails when the sums differ.
 */
#ifndef WEIR_BENCH_BENCH_H
#define WEIR_BENCH_BENCH_H

#include <stdint.h>

#include "embed/weir.h"
#include "work.h"

#define WEIR_BENCH_TOPICS(TOPIC) \
    TOPIC(stateless)             \
    TOPIC(calls)                 \
    TOPIC(keyed)                 \
    TOPIC(sliding)               \
    TOPIC(windows)               \
    TOPIC(exchange)              \
    TOPIC(timers)                \
    TOPIC(joins)                 \
    TOPIC(state)                 \
    TOPIC(any)                   \
    TOPIC(csv)                   \
    TOPIC(parsing)               \
    TOPIC(latency)               \
    TOPIC(leveldb)

struct weir_bench;

/* A benchmark at the size that was asked for. */
struct weir_bench_run {
    const struct weir_bench *bench;
    struct weir_runtime *runtime;
    int64_t rows;
    bool is_short, is_long, is_json;
    const char *folder; /* empty and its own, removed afterwards with all that is in it */
    const char *result; /* path in it that the sink's instances write to, with .0, .1 ... behind it */
    const char *input;  /* path in it that `prepare` may write */
    void *prepared;     /* what `prepare` made; `finish` frees it */
};

/* The gate of CI watches the ratio; for work of one thread only. */
#define WEIR_BENCH_GATED (1u << 0)
/* Keys are texts, which `prepare` left in memory. */
#define WEIR_BENCH_TEXTS (1u << 1)

struct weir_bench {
    const char *name, *title; /* name NULL: the end of a table */
    int64_t rows;             /* --short: a twentieth, --long: four times as many */
    int64_t keys;             /* how many different ones; this, `shape` and `slots` mean what job and loop make of them */
    const void *shape;
    uint32_t slots; /* the job's parallelism; 0: 1 */
    bool
        by_wall; /* the ratio is of wall time, for loops of two threads; else of CPU time, which other load hardly changes */
    uint32_t flags; /* WEIR_BENCH_... */
    double target;  /* the ratio that we want at least; 0: none is set */
    /* Before the first run; may be NULL. */
    void (*prepare)(struct weir_bench_run *);
    void (*finish)(struct weir_bench_run *);

    void (*job)(struct weir_job *, const struct weir_bench_run *);
    void (*loop)(const struct weir_bench_run *, struct bench_sum *);

    /* Instead of both: measures by itself, and says what came of it with weir_bench_say. */
    void (*measure)(const struct weir_bench_run *);
};

/* One figure of `measure`, beside what the limit needs for it (0: there is none); the ratio is limit / weir. */
void weir_bench_say(const struct weir_bench_run *, const char *figure, const char *unit, double weir, double limit);

/* Ends the program with a message. */
_Noreturn void weir_bench_die(const char *what, const char *why);

#endif
