/* job/run.h - a stream graph deployed and run in this process.
 *
 * Floor 8. The coordinator's thread deploys, starts, waits and destroys; stop, cancel and status are for any thread.
 *
 *   DEPLOYED --start--> RUNNING --all subtasks done--> FINISHED
 *                          |--stop, then all done----> STOPPED
 *                          |--cancel-----------------> CANCELLED
 *                          +--a subtask fails--------> FAILED
 */
#ifndef WEIR_JOB_RUN_H
#define WEIR_JOB_RUN_H

#include "graph/execution_graph.h"
#include "job/saving.h"
#include "loader/registry.h"
#include "metrics/metrics.h"
#include "task/worker.h"

enum weir_run_state {
    WEIR_RUN_DEPLOYED = 0,
    WEIR_RUN_RUNNING,
    WEIR_RUN_FINISHED,
    WEIR_RUN_STOPPED,
    WEIR_RUN_CANCELLED,
    WEIR_RUN_FAILED
};

struct weir_run;   /* a deployed job */
struct weir_saved; /* checkpoint/saved.h */

struct weir_deploy_options {
    const struct weir_platform *platform;
    struct weir_registry *registry;        /* outlives the run */
    const struct weir_stream_graph *graph; /* outlives the run */
    uint32_t attempt;
    const struct weir_saved *restore; /* to go on from; only read; NULL: from the start */
    const char *restored_from;        /* its directory; NULL: nobody knows */
    bool claim; /* that directory is the job's, and goes once newer checkpoints take its place; else it is left alone */
    bool allow_non_restored;                /* state that no node takes is dropped; else it is an error */
    const struct weir_state_choice *states; /* the newest last; the configurations outlive the run */
    size_t n_states;
    bool fresh; /* from the start although the job's directory holds checkpoints, which go as new ones come */
};
/* What came of the keyed state of one subtask that was to go to another backend. */
struct weir_moved {
    const char *node; /* its id, of the graph */
    uint32_t subtask;
    bool has_moved; /* else it is where it was: it could not be copied, or the subtask was over */
    uint64_t entries;
    int64_t pause_ns; /* from the barrier on, until it went on */
    int64_t copy_ns;  /* of that, in steps of the copy; in others the rest of its slot had its turn */
};
/* Of an answered ticket of weir_run_swap_state, valid as long as it; NULL: none was begun. */
const struct weir_moved *weir_saving_moved(const struct weir_saving *, uint32_t *n);

/* What the manifest says of a node's `state:`, unless somebody has said otherwise since. */
struct weir_state_choice {
    char *node; /* its id, or its uid; NULL: all nodes */
    const struct weir_state_config *config;
};
const struct weir_state_config *weir_state_chosen(const struct weir_state_choice *, size_t n,
                                                  const struct weir_stream_node *);
/* Opens the plugins, finds the splits, makes operators, channels, slots. No thread is started. */
WEIR_CHECKED weir_status weir_run_deploy(const struct weir_deploy_options *, struct weir_run **, struct weir_error *);
/* one thread per slot and blocking subtask */
WEIR_CHECKED weir_status weir_run_start(struct weir_run *, struct weir_error *);
void weir_run_stop(struct weir_run *); /* sources stop, what is in flight arrives, sinks finish */
/* A savepoint in a new directory within `directory` (NULL: the configured one). Any thread. The answer comes through the
 * ticket: weir_saving_wait, then weir_saving_result, then weir_saving_release. */
WEIR_CHECKED weir_status weir_run_savepoint(struct weir_run *, const char *directory, enum weir_saving_then,
                                            struct weir_saving **, struct weir_error *);
/* A checkpoint, now: as soon as fewer are under way than may be. A newer one that is complete before it answers it too. Any
 * thread, and answered as a savepoint is. */
WEIR_CHECKED weir_status weir_run_checkpoint(struct weir_run *, struct weir_saving **, struct weir_error *);
/* The keyed state of a node (NULL: of all that keep some) goes to another backend, at a barrier; the others go on. config
 * outlives the run. Any thread, and answered as a savepoint is; then weir_saving_moved says what came of it. */
WEIR_CHECKED weir_status weir_run_swap_state(struct weir_run *, const char *node, const struct weir_state_config *,
                                             struct weir_saving **, struct weir_error *);
/* Nobody will start the job again after it failed: its checkpoints go, if the configuration says so. */
void weir_run_give_up(struct weir_run *);
void weir_run_cancel(struct weir_run *); /* at once; sinks do not finish */
/* Until the job is over, or timeout_ms (< 0: no limit) has passed: false then. One waiter at a time. */
bool weir_run_wait(struct weir_run *, int64_t timeout_ms);
enum weir_run_state weir_run_state(const struct weir_run *);
const struct weir_error *weir_run_failure(const struct weir_run *); /* NULL unless FAILED */
void weir_run_destroy(struct weir_run *);                           /* cancels and joins first if need be; NULL is fine */

/* ---- looking at it: any thread, at any time ---------------------------------------------------------------------- */

struct weir_node_status {
    const char *id, *title;
    enum weir_node_kind kind;
    uint32_t parallelism, vertex;
    uint64_t rows_in, rows_out, late, accepted, rejected, bytes, timers_fired;
    int64_t watermark;          /* the smallest of its subtasks; INT64_MIN: none yet */
    double busy, backpressured; /* share of its vertex's time since the start, 0 .. 1 */
};
struct weir_run_status {
    enum weir_run_state state;
    int64_t elapsed_ms;
    uint64_t rows_read, rows_written, rows_rejected, rows_late; /* sources; sinks; sources; windows */
    struct weir_node_status *nodes;
    uint32_t n_nodes;
};
void weir_run_status_take(struct weir_run *, struct weir_run_status *); /* weir_run_status_finish when done */
void weir_run_status_finish(struct weir_run_status *);

/* What the storage of its checkpoints is asked right now, and for how long it has not returned; false: nothing. told: for so
 * long that it was told (checkpoint.timeout). The caller frees `what`. */
bool weir_run_storage_call(struct weir_run *, char **what, int64_t *for_ms, bool *told);

/* Every metric of every node, added up or by subtask: first those that all operators have (built_in), then the components'.
 * What the value points to is valid as long as the run, its buckets during the call. */
typedef void weir_run_metric_visit(void *arg, const char *node, bool built_in, const struct weir_metric_value *);
void weir_run_metrics(struct weir_run *, bool by_subtask, weir_run_metric_visit *, void *arg);

/* ---- for the seeded scheduler of the tests ----------------------------------------------------------------------- */

uint32_t weir_run_workers(struct weir_run *, struct weir_worker ***); /* deployed, not started */
int64_t weir_run_last_checkpoint(const struct weir_run *);            /* newest complete one; 0: none */
int64_t weir_run_step_checkpoints(struct weir_run *); /* as weir_checkpoints_step; INT64_MAX: none are taken */
int64_t weir_run_step_watch(struct weir_run *);       /* as weir__storage_watch_step */
void weir_run_set_over(struct weir_run *);            /* all workers were stepped to their end by hand */

const char *weir_run_state_name(enum weir_run_state);

#endif
