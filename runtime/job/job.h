/* job/job.h - a stream graph deployed and run in this process.
 *
 * Floor 8. The coordinator's thread deploys, starts, waits and destroys; stop, cancel and status are for any thread.
 *
 *   DEPLOYED --start--> RUNNING --all subtasks done--> FINISHED
 *                          |--stop, then all done----> STOPPED
 *                          |--cancel-----------------> CANCELLED
 *                          +--a subtask fails--------> FAILED
 */
#ifndef WEIR_JOB_JOB_H
#define WEIR_JOB_JOB_H

#include "graph/execution_graph.h"
#include "loader/registry.h"
#include "task/worker.h"

enum weir_job_state { WEIR_JOB_DEPLOYED = 0, WEIR_JOB_RUNNING, WEIR_JOB_FINISHED, WEIR_JOB_STOPPED, WEIR_JOB_CANCELLED, WEIR_JOB_FAILED };

struct weir_job_run; /* a deployed job */

struct weir_deploy_options {
    const struct weir_platform *platform;
    struct weir_registry *registry;        /* outlives the run */
    const struct weir_stream_graph *graph; /* outlives the run */
    uint32_t attempt;
};
/* Opens the plugins, finds the splits, makes operators, channels, slots. No thread is started. */
WEIR_CHECKED weir_status weir_job_deploy(const struct weir_deploy_options *, struct weir_job_run **, struct weir_error *);
WEIR_CHECKED weir_status weir_job_start(struct weir_job_run *, struct weir_error *); /* one thread per slot and blocking subtask */
void weir_job_stop(struct weir_job_run *);   /* sources stop, what is in flight arrives, sinks finish */
void weir_job_cancel(struct weir_job_run *); /* at once; sinks do not finish */
/* Until the job is over, or timeout_ms (< 0: no limit) has passed: false then. One waiter at a time. */
bool weir_job_wait(struct weir_job_run *, int64_t timeout_ms);
enum weir_job_state weir_job_state(const struct weir_job_run *);
const struct weir_error *weir_job_failure(const struct weir_job_run *); /* NULL unless FAILED */
void weir_job_destroy(struct weir_job_run *); /* cancels and joins first if need be; NULL is fine */

/* ---- looking at it: any thread, at any time ------------------------------------------------------------------------------ */

struct weir_node_status {
    const char *id, *title;
    enum weir_node_kind kind;
    uint32_t parallelism, vertex;
    uint64_t rows_in, rows_out, late, accepted, rejected, bytes, timers_fired;
    int64_t watermark;              /* the smallest of its subtasks; INT64_MIN: none yet */
    double busy, backpressured;     /* share of its vertex's time since the start, 0 .. 1 */
};
struct weir_job_status {
    enum weir_job_state state;
    int64_t elapsed_ms;
    uint64_t rows_read, rows_written, rows_rejected, rows_late; /* sources; sinks; sources; windows */
    struct weir_node_status *nodes;
    uint32_t n_nodes;
};
void weir_job_status_take(struct weir_job_run *, struct weir_job_status *); /* weir_job_status_finish when done */
void weir_job_status_finish(struct weir_job_status *);

/* ---- for the seeded scheduler of the tests -------------------------------------------------------------------------------- */

uint32_t weir_job_workers(struct weir_job_run *, struct weir_worker ***); /* deployed, not started */
void weir_job_set_over(struct weir_job_run *);                            /* all workers were stepped to their end by hand */

const char *weir_job_state_name(enum weir_job_state);

#endif
