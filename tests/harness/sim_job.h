/* harness/sim_job.h - a manifest compiled and run under the seeded scheduler (sim.h); what it prints is caught.
 *
 * A job may crash on the way: a checkpoint is asked for, in the midst of things, and some time after it is complete the job
 * is destroyed where it stands and deployed again from there. The clock is set back to when the checkpoint was asked for, so
 * that nothing but the crash itself can be seen in what comes out. Before it other things may be asked for, of which nothing
 * may be seen either: checkpoints, and that keyed state goes to another backend. */
#ifndef WEIR_HARNESS_SIM_JOB_H
#define WEIR_HARNESS_SIM_JOB_H

#include "harness/sim.h"
#include "loader/document.h"

#define WEIR_SIM_NAME 16

struct weir_sim_crash {
    int64_t at_ms;                    /* the checkpoint is asked for at this time, */
    uint64_t wait;                    /* so many steps later; a step is a subtask's, or one of the clock */
    uint64_t then;                    /* from when it is complete to the crash, in steps */
    uint32_t parallelism, batch_rows; /* of the next life; 0: as the manifest says */
    char state[WEIR_SIM_NAME];        /* where keyed state lives in it; "": as the manifest says */
};

/* In every life that has it ahead, once what was asked for before has been answered. */
struct weir_sim_ask {
    int64_t at_ms;            /* at this time, */
    uint64_t wait;            /* so many steps later */
    char what[WEIR_SIM_NAME]; /* "checkpoint", or a backend that keyed state goes to */
};

/* Where jobs run, one after the other. */
struct weir_sim_stage {
    struct weir_sim sim; /* first: the platform's self */
    struct weir_registry *registry;
    /* By the job that ran last; "crash MS", the time that it went on from, for each crash; "moved N" behind a life in which
     * so many subtasks took their state elsewhere. */
    struct weir_text printed;

    const struct weir_sim_job *job;
    const struct weir_stream_graph *graph;
    size_t next_ask;
    struct weir_saving *pending;        /* what was asked for last; NULL: it has been answered */
    struct weir_state_config **configs; /* of backends that were asked for */
    size_t n_configs, configs_capacity;
    uint32_t n_moved;
    const struct weir_sim_crash *crash; /* that comes; NULL: none */
    struct weir_saving *asked;          /* for the checkpoint; NULL: not yet */
    int64_t asked_ns, newest;           /* when; the newest complete one */
    bool complete;                      /* it is */
    uint64_t steps, ask_steps;
};
/* directories: of plugins, NULL-terminated. */
WEIR_CHECKED weir_status weir_sim_stage_init(struct weir_sim_stage *, const char *const *directories, struct weir_error *);
void weir_sim_stage_finish(struct weir_sim_stage *);

struct weir_sim_job {
    const char *manifest; /* path */
    uint64_t seed;
    uint32_t parallelism; /* 0: as the manifest says */
    const struct weir_assignment *sets, *overrides;
    size_t n_sets, n_overrides;
    const struct weir_sim_crash
        *crashes; /* in turn; the manifest's `checkpoint.directory` is absolute, and of this job alone */
    size_t n_crashes;
    const struct weir_sim_ask *asks; /* in order of time */
    size_t n_asks;
    const struct weir_sim_clock *clock;         /* NULL: the usual one */
    void (*look)(void *arg, struct weir_run *); /* at the job's end; may be NULL */
    void *look_arg;
};
/* On failure `trouble` says what is wrong with the manifest or the run. */
WEIR_CHECKED weir_status weir_sim_job_run(struct weir_sim_stage *, const struct weir_sim_job *, struct weir_text *trouble);

#endif
