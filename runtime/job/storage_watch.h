/* job/storage_watch.h - sees that the storage of checkpoints does not return, and says so.
 *
 * Floor 8. The coordinator of the checkpoints calls storages itself and waits with them, so a thread of its own looks at the
 * call that is under way. One that is still there when the time of its checkpoint is over (checkpoint.timeout), or after as
 * long by itself, is told: in the log, to whoever waits for the checkpoint or savepoint, and to whoever asks for another
 * one while it lasts. Nothing is interrupted, the job goes on, and no checkpoint is begun, since the coordinator waits; when
 * the call returns, that is told too, and the checkpoint is abandoned. A job that is over has to wait for it as well.
 */
#ifndef WEIR_JOB_STORAGE_WATCH_H
#define WEIR_JOB_STORAGE_WATCH_H

#include "checkpoint/storage_call.h"
#include "job/attempt.h"
#include "job/saving.h"

struct weir_storage_watch {
    struct weir_storage_calls calls;
    const char *job;
    /* With a message for those who have asked for something that was not begun; [watch]. */
    void (*refuse)(void *, const char *why);
    void (*let_go)(void *); /* a suspend comes to nothing: sources go on; [watch] */
    void *arg;
    /* Behind the lock of the calls: */
    const struct weir_attempt *writing; /* NULL: none */
    bool given_up;                      /* it was answered */
    bool over;                          /* the job is */
    _Atomic uint32_t stop;
    struct weir_parker parker;
    struct weir_thread *thread; /* NULL: stepped by hand, or not at all */
};

void weir__storage_watch_init(struct weir_storage_watch *, const struct weir_run *, int64_t timeout_ms,
                              void (*refuse)(void *, const char *), void (*let_go)(void *), void *arg);
WEIR_CHECKED weir_status weir__storage_watch_start(struct weir_storage_watch *, struct weir_error *);
void weir__storage_watch_stop(struct weir_storage_watch *);
/* Looks; returns when to look again, in ns of the monotonic clock. */
int64_t weir__storage_watch_step(struct weir_storage_watch *);

/* The coordinator's. */
void weir__storage_watch_open(struct weir_storage_watch *, const struct weir_attempt *, int64_t until_ns);
/* False: its time was over before, and whoever waited may have been told. */
bool weir__storage_watch_close(struct weir_storage_watch *);
void weir__storage_watch_end(struct weir_storage_watch *); /* the job is over: it has to wait for what is under way */

/* Any thread. WEIR_E_IO: a call does not return, in words. */
WEIR_CHECKED weir_status weir__storage_watch_check(struct weir_storage_watch *, struct weir_error *);
/* The call that is under way; false: none is. */
bool weir__storage_watch_look(struct weir_storage_watch *, struct weir_storage_call *, bool *told);

#endif
