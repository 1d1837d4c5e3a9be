/* run_internal.h - what a deployed job owns; between deploy.c, run.c and status.c. */
#ifndef WEIR_JOB_RUN_INTERNAL_H
#define WEIR_JOB_RUN_INTERNAL_H

#include "channel/ring.h"
#include "job/run.h"
#include "job/watchdog.h"
#include "operator/backend.h"
#include "operator/custom_partition.h"

/* One operator of one subtask, with the environment that it keeps pointing to. */
struct weir_run_op {
    struct weir_op_env env;
    struct weir_op_backend backend;
    struct weir_op *op;
    uint32_t node, subtask; /* stream node; index of the subtask */
};

struct weir_run {
    const struct weir_platform *platform;
    struct weir_registry *registry;
    const struct weir_stream_graph *graph;
    struct weir_job_graph *job_graph;
    struct weir_execution_graph *plan;
    uint32_t attempt;
    const struct weir_saved *restore; /* during deployment; NULL: from the start */
    const struct weir_state_choice *states;
    size_t n_states;
    bool drop_state; /* that no node takes; else it is an error */
    uint64_t seed;

    char **where;                /* by stream node */
    struct weir_worker *workers; /* slots first, then one per blocking subtask */
    struct weir_worker **worker_list;
    struct weir_pool **pools; /* by worker */
    uint32_t n_workers;
    struct weir_subtask *subtasks; /* as in plan->subtasks */
    uint32_t *worker_of;           /* by subtask */
    struct weir_ring **rings;      /* by channel of the plan */
    struct weir_run_op *ops;
    struct weir_metric_registry *metrics;
    uint32_t n_ops;
    struct weir_op_told *told;                 /* by stream node */
    struct weir_custom_partition **partitions; /* of CUSTOM edges, by sender subtask */
    uint32_t n_partitions, partitions_capacity;
    struct weir_channel_wake *wakes; /* by channel: who is woken on push and on pop */

    _Atomic uint32_t state, stop, cancel;
    _Atomic uint32_t live;   /* workers whose thread has not ended */
    _Atomic uint32_t failed; /* 0 none, 1 being written, 2 written */
    struct weir_error failure;
    struct weir_watchdog *watchdog;       /* NULL: nobody watches */
    struct weir_checkpoints *checkpoints; /* NULL: it was not deployed as far as that */
    struct weir_parker waiter;
    int64_t started_ns, ended_ns;
    int64_t deployed_ms; /* wall clock */
};

struct weir_channel_wake {
    struct weir_worker *sender, *receiver; /* NULL: the same worker, which is awake */
};

/* One operator of the node, not open yet; where and env outlive it. NULL: error says why. */
struct weir_op *weir__op_create(struct weir_registry *, const struct weir_stream_node *, const struct weir_op_env *,
                                const char *where, struct weir_error *);

/* The wake-up calls that gates and writers are given; arg is a weir_channel_wake, or an array of pointers to them by sender
 * channel. */
void weir__wake_sender(void *arg);

/* A patience's `told` (task/subtask.h): says once of a node what holds its windows, unless what they wait for is on its
 * way. */
bool weir__job_waits(void *run, struct weir_subtask *, uint32_t member, int64_t now_ms);

void weir__run_stop(struct weir_run *, enum weir_stop);
void weir__job_failed(void *run, struct weir_subtask *);
void weir__run_fail(struct weir_run *, const struct weir_error *); /* any thread: the first failure counts */
void weir__worker_ended(void *run);

#endif
