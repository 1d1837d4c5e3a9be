/* job/watchdog.h - a call into a component that does not return ends the process, which names the component.
 *
 * Floor 8. A thread of its own while the job runs, which wakes four times within the limit and compares what the workers'
 * records (base/running.h) say with what they said before. Calls cost nothing for it, and no clock is read for them; so a
 * call is found after the limit, and at most a quarter of it later. A call that gets on with its batch, record by record,
 * is not stuck; neither is a worker of a component that blocks, nor one that waits for standard output or the network
 * through the host. Rules: docs/semantics.md, "Failing and going on".
 *
 * A thread cannot be ended from outside, so the process is: the stuck thread gets SIGABRT, whose handler, where there is
 * one, finds what it ran and its stack. Should it not take that, the whole process is aborted.
 */
#ifndef WEIR_JOB_WATCHDOG_H
#define WEIR_JOB_WATCHDOG_H

#include "task/worker.h"

struct weir_watchdog;

/* The workers outlive it. NULL, with limit_ms 0: nobody watches. */
WEIR_CHECKED weir_status weir_watchdog_start(const struct weir_platform *, struct weir_worker *const *, uint32_t n,
                                             int64_t limit_ms, struct weir_watchdog **, struct weir_error *);
void weir_watchdog_stop(struct weir_watchdog *); /* ends and joins its thread, and frees; NULL is fine */

/* ---- for its tests ------------------------------------------------------------------------------------------------ */

struct weir_watched { /* of one worker, as last seen; zeroed at first */
    uint64_t calls;
    uint32_t row;
    bool inside;
    int64_t since_ns;
};
/* Looks at the workers at now_ns: the index of the first one that is stuck; -1: none is. */
int64_t weir__watchdog_look(struct weir_watched *, struct weir_worker *const *, uint32_t n, int64_t limit_ms,
                            int64_t now_ns);

#endif
