/* run.c - starting, stopping, failing, waiting for and undoing a deployed job. The state diagram is in run.h. */
#include "job/run.h"

#include "base/alloc.h"
#include "base/log.h"
#include "job/checkpoints.h"
#include "job/run_internal.h"

static void wake_all(struct weir_run *run)
{
    for (uint32_t i = 0; i < run->n_workers; i++) weir_worker_wake(&run->workers[i]);
    for (uint32_t i = 0; i < run->n_ops; i++) {
        if (run->ops[i].op->class->interrupt) run->ops[i].op->class->interrupt(run->ops[i].op);
    }
}

/* ---- failure: the first one counts ------------------------------------------------------------------------------- */

void weir__run_fail(struct weir_run *run, const struct weir_error *error)
{
    uint32_t none = 0;
    if (atomic_compare_exchange_strong(&run->failed, &none, 1)) {
        run->failure = *error;
        atomic_store_explicit(&run->failed, 2, memory_order_release);
    }
    weir_run_cancel(run);
}

void weir__job_failed(void *arg, struct weir_subtask *t)
{
    weir_log(WEIR_DEBUG, "job", "subtask %u of vertex %u failed: %s", t->index, t->vertex, t->error.text);
    weir__run_fail(arg, &t->error);
}

const struct weir_error *weir_run_failure(const struct weir_run *run)
{
    return atomic_load_explicit(&run->failed, memory_order_acquire) == 2 ? &run->failure : NULL;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static enum weir_run_state final_state(const struct weir_run *run)
{
    if (weir_run_failure(run)) return WEIR_RUN_FAILED;
    for (uint32_t i = 0; i < run->plan->n_subtasks; i++) {
        if (run->subtasks[i].state != WEIR_SUBTASK_DONE) return WEIR_RUN_CANCELLED;
    }
    return atomic_load(&run->stop) ? WEIR_RUN_STOPPED : WEIR_RUN_FINISHED;
}

void weir_run_set_over(struct weir_run *run)
{
    run->ended_ns = run->platform->monotonic_ns(run->platform->self);
    atomic_store_explicit(&run->state, final_state(run), memory_order_release);
}

void weir__worker_ended(void *arg)
{
    struct weir_run *run = arg;
    if (atomic_fetch_sub(&run->live, 1) > 1) return;
    weir_run_set_over(run);
    weir_checkpoints_wake(run->checkpoints);
    run->platform->unpark(run->platform->self, &run->waiter);
}

bool weir_run_wait(struct weir_run *run, int64_t timeout_ms)
{
    const struct weir_platform *p = run->platform;
    int64_t until = timeout_ms < 0 ? INT64_MAX : p->monotonic_ns(p->self) + timeout_ms * 1000000;
    while (weir_run_state(run) <= WEIR_RUN_RUNNING) {
        if (until != INT64_MAX && p->monotonic_ns(p->self) >= until) return false;
        p->park(p->self, &run->waiter, until);
    }
    return true;
}

/* ---- control ----------------------------------------------------------------------------------------------------- */

weir_status weir_run_start(struct weir_run *run, struct weir_error *error)
{
    const struct weir_platform *p = run->platform;
    run->started_ns = p->monotonic_ns(p->self);
    atomic_store(&run->state, WEIR_RUN_RUNNING);
    atomic_store(&run->live, run->n_workers);
    weir_status coordinated = weir_checkpoints_start(run->checkpoints, error);
    if (coordinated != WEIR_OK) {
        weir_error_prefix(error, "cannot start the thread of the checkpoints: ");
        weir__run_fail(run, error);
        for (uint32_t i = 0; i < run->n_workers; i++) weir__worker_ended(run);
        return coordinated;
    }
    for (uint32_t i = 0; i < run->n_workers; i++) {
        struct weir_worker *w = &run->workers[i];
        weir_status s = p->start_thread(p->self, w->name, weir_worker_run, w, &w->thread, error);
        if (s == WEIR_OK) continue;
        weir_error_prefix(error, "cannot start the thread of %s (%u of %u): ", w->name, i + 1, run->n_workers);
        weir__run_fail(run, error);
        for (uint32_t j = i; j < run->n_workers; j++) weir__worker_ended(run); /* those that never ran have ended too */
        return s;
    }
    weir_status watched =
        weir_watchdog_start(p, run->worker_list, run->n_workers, run->graph->watchdog_ms, &run->watchdog, error);
    if (watched != WEIR_OK) weir__run_fail(run, error);
    return watched;
}

void weir__run_stop(struct weir_run *run, enum weir_stop how)
{
    atomic_store(&run->stop, how);
    wake_all(run);
}

void weir_run_stop(struct weir_run *run)
{
    weir__run_stop(run, WEIR_STOP_NOW);
}

weir_status weir_run_savepoint(struct weir_run *run, const char *directory, enum weir_saving_then then,
                               struct weir_saving **to, struct weir_error *error)
{
    return weir_checkpoints_savepoint(run->checkpoints, directory, then, to, error);
}

weir_status weir_run_checkpoint(struct weir_run *run, struct weir_saving **to, struct weir_error *error)
{
    return weir_checkpoints_checkpoint(run->checkpoints, to, error);
}

weir_status weir_run_swap_state(struct weir_run *run, const char *node, const struct weir_state_config *config,
                                struct weir_saving **to, struct weir_error *error)
{
    return weir_checkpoints_swap(run->checkpoints, node, config, to, error);
}

void weir_run_give_up(struct weir_run *run)
{
    weir_checkpoints_give_up(run->checkpoints);
}

void weir_run_cancel(struct weir_run *run)
{
    atomic_store(&run->cancel, 1);
    wake_all(run);
}

enum weir_run_state weir_run_state(const struct weir_run *run)
{
    return (enum weir_run_state)atomic_load_explicit(&run->state, memory_order_acquire);
}

const char *weir_run_state_name(enum weir_run_state state)
{
    static const char *const names[] = {"deployed", "running", "finished", "stopped", "cancelled", "failed"};
    return names[state];
}

uint32_t weir_run_workers(struct weir_run *run, struct weir_worker ***workers)
{
    *workers = run->worker_list;
    return run->n_workers;
}

int64_t weir_run_last_checkpoint(const struct weir_run *run)
{
    return weir_checkpoints_last(run->checkpoints);
}

int64_t weir_run_step_checkpoints(struct weir_run *run)
{
    return weir_checkpoints_step(run->checkpoints);
}

int64_t weir_run_step_watch(struct weir_run *run)
{
    return weir__storage_watch_step(weir_checkpoints_watch(run->checkpoints));
}

bool weir_run_storage_call(struct weir_run *run, char **what, int64_t *for_ms, bool *told)
{
    struct weir_storage_call call;
    if (!run->checkpoints || !weir__storage_watch_look(weir_checkpoints_watch(run->checkpoints), &call, told)) return false;
    *what = weir_strdup(call.what);
    *for_ms = call.took_ns / 1000000;
    return true;
}

/* ---- undoing ----------------------------------------------------------------------------------------------------- */

static void destroy_subtask(struct weir_subtask *t)
{
    for (uint32_t i = 0; i < t->chain.n_writers; i++) weir_writer_destroy(t->chain.writers[i]);
    for (uint32_t i = 0; i < t->n_wakes; i++) weir_free(t->wakes[i]);
    for (uint32_t i = 0; i < t->chain.n_members; i++) weir_free(t->chain.members[i].targets);
    weir_free(t->chain.writers);
    weir_free(t->chain.members);
    weir_free(t->wakes);
    weir_gate_finish(&t->gate);
    weir_inputs_finish(&t->inputs);
    weir_alignment_finish(&t->alignment);
}

static void join_workers(struct weir_run *run)
{
    if (weir_run_state(run) == WEIR_RUN_RUNNING) {
        weir_run_cancel(run);
        weir_run_wait(run, -1);
    }
    weir_watchdog_stop(run->watchdog);
    for (uint32_t i = 0; i < run->n_workers; i++) {
        if (run->workers[i].thread) run->platform->join_thread(run->platform->self, run->workers[i].thread);
    }
}

void weir_run_destroy(struct weir_run *run)
{
    if (!run) return;
    join_workers(run);
    weir_checkpoints_destroy(run->checkpoints);
    for (uint32_t i = 0; i < run->n_workers; i++) weir_pool_adopt(run->pools[i]); /* its worker is gone */
    uint32_t n_subtasks = run->subtasks ? run->plan->n_subtasks : 0, n_rings = run->rings ? run->plan->n_channels : 0;
    for (uint32_t i = 0; i < n_subtasks; i++) destroy_subtask(&run->subtasks[i]);
    for (uint32_t i = 0; i < run->n_ops; i++) {
        run->ops[i].op->class->destroy(run->ops[i].op);
        weir_op_backend_finish(&run->ops[i].backend, run->platform);
    }
    for (uint32_t i = 0; i < run->n_partitions; i++) weir_custom_partition_destroy(run->partitions[i]);
    weir_metric_registry_destroy(run->metrics);
    for (uint32_t i = 0; i < n_rings; i++) {
        if (run->rings[i]) weir_ring_finish(run->rings[i]);
        weir_free(run->rings[i]);
    }
    for (uint32_t i = 0; i < run->n_workers; i++) {
        weir_free(run->workers[i].subtasks);
        weir_pool_close(run->pools[i]);
    }
    for (uint32_t i = 0; run->where && i < run->graph->n_nodes; i++) weir_free(run->where[i]);
    weir_execution_graph_destroy(run->plan);
    weir_job_graph_destroy(run->job_graph);
    void *arrays[] = {run->where, run->workers, run->worker_list, run->pools,      run->subtasks, run->worker_of,
                      run->rings, run->wakes,   run->ops,         run->partitions, run->told};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) weir_free(arrays[i]);
    weir_free(run);
}
