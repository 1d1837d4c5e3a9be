/* task/worker.h - a slot: one thread that steps its subtasks in turn, and sleeps when none of them can do anything.
 *
 * Floor 7. Sleeping: the worker sets `sleeping`, steps every subtask once more, and parks only if still nothing was done.
 * Whoever gives it work (a producer that pushed, a consumer that made room, wake() of a component, stop, cancel) calls
 * weir_worker_wake, which makes a system call only when the flag is set. Both sides touch the flag by a
 * read-modify-write: either the waker's comes first, and the worker that sets the flag afterwards sees what was pushed
 * before it; or it comes second, and finds the flag set. No wake-up is lost.
 *
 * Before it parks it looks at its parker for up to 50 us, where there is a core for each worker: what arrives in that time
 * is taken up at once, and costs whoever brought it no system call. Where looking was in vain it is left out, the next time
 * once, then 3, 7 ... 63 times: work comes less often, or from a thread that waits for this core.
 *
 * A component that blocks has a worker of its own with that one subtask.
 */
#ifndef WEIR_TASK_WORKER_H
#define WEIR_TASK_WORKER_H

#include "base/running.h"
#include "task/subtask.h"

struct weir_worker {
    const struct weir_platform *platform;
    struct weir_thread *thread;
    char name[24];
    struct weir_subtask **subtasks;
    uint32_t n_subtasks;
    bool blocking;                  /* its component waits inside its own calls */
    const _Atomic uint32_t *cancel; /* of the job: not zero = leave at once */
    struct weir_running running;    /* what its thread runs, for others to see */
    struct weir_parker parker;
    _Atomic uint32_t sleeping;       /* written by the worker */
    bool looks;                      /* there is a core for each worker */
    uint32_t most_looks, vain, skip; /* own thread: about 50 us; how often it is left out after the next failure, and now */
    /* Called on the worker's thread when a subtask failed, once per subtask. */
    void (*failed)(void *arg, struct weir_subtask *);
    void *failed_arg;
    /* Called on the worker's thread just before it ends. May be NULL. */
    void (*ended)(void *arg);
    void *ended_arg;
};

void weir_worker_run(void *worker);          /* the thread's function */
void weir_worker_wake(struct weir_worker *); /* any thread */
/* Steps every subtask that is not done once, in the order given by `order` (NULL: as they are). MADE if any made progress,
 * DONE if all are done. */
weir_progress weir_worker_round(struct weir_worker *, int64_t now_ms, const uint32_t *order);

#endif
