/* job/checkpoints.h - the checkpoint coordinator of a deployed job.
 *
 * Floor 8. A thread of its own while the job runs, which waits, and writes files; the tests' scheduler steps it by hand
 * instead. Rules: docs/semantics.md, "Checkpoints".
 *
 *   IDLE --every, and min_pause after the last one's end--> TRIGGERED: sources see the new number, and inject its barrier
 *   TRIGGERED --all subtasks cut, or over--> written, synced --> COMPLETE: subtasks see the number and are told `committed`
 *   TRIGGERED --timeout, or a file cannot be written--> abandoned; beyond `tolerable` in a row the job fails
 *
 * Subtasks hand their cuts over without a lock. A subtask that is over hands over a last cut, which
 * stands for it in every later checkpoint. After FINISHED the job's checkpoints are removed, those of earlier lives too:
 * there is nothing to go on from.
 */
#ifndef WEIR_JOB_CHECKPOINTS_H
#define WEIR_JOB_CHECKPOINTS_H

#include "job/run.h"

struct weir_checkpoints;

/* NULL config->directory: the job takes none, and *to is NULL. A directory that holds checkpoints is refused, unless the run
 * goes on from one or is to start afresh: nobody is to lose them by mistake. */
WEIR_CHECKED weir_status weir_checkpoints_create(struct weir_run *, const struct weir_checkpoint_config *,
                                                 const struct weir_deploy_options *, struct weir_checkpoints **to,
                                                 struct weir_error *);
void weir_checkpoints_destroy(struct weir_checkpoints *); /* ends and joins its thread; NULL is fine */

WEIR_CHECKED weir_status weir_checkpoints_start(struct weir_checkpoints *, struct weir_error *);
/* What is to be done now; returns when to call again, in ns of the monotonic clock. */
int64_t weir_checkpoints_step(struct weir_checkpoints *);
void weir_checkpoints_wake(struct weir_checkpoints *);          /* any thread; NULL is fine */
int64_t weir_checkpoints_last(const struct weir_checkpoints *); /* any thread: newest complete one; 0: none */

/* The newest complete checkpoint in a directory of them; the caller frees; NULL with WEIR_OK: there is none. */
WEIR_CHECKED weir_status weir_checkpoints_newest(const struct weir_platform *, const char *directory, char **path,
                                                 int64_t *checkpoint, struct weir_error *);

#endif
