/* job/checkpoints.h - the coordinator of a deployed job's checkpoints and savepoints.
 *
 * Floor 8. A thread of its own while the job runs, which waits, and writes files; the tests' scheduler steps it by hand
 * instead. Rules: docs/semantics.md, "Checkpoints".
 *
 * An attempt is a checkpoint or a savepoint that is under way; they share one count, and several may be under way:
 *
 *   --every, min_pause after the last end, less than max_concurrent under way--> TRIGGERED: sources inject its barrier
 *   --a checkpoint is asked for, less than max_concurrent under way------------> TRIGGERED
 *   --a savepoint is asked for: at once---------------------------------------> TRIGGERED
 *   TRIGGERED --all subtasks cut, or over--> written, synced, read back --> COMPLETE; of a checkpoint: older ones under
 *                                                                way are dropped, subtasks are told `committed`, old
 *                                                                ones go
 *   TRIGGERED --timeout, a cut declined, a file cannot be written, or read back--> ABANDONED; checkpoints beyond
 *                                                                `tolerable` in a row fail the job; a savepoint is
 *                                                                answered with the error
 *
 *   --state is to go to another backend, none does so yet, its stores can be opened----> TRIGGERED, cuts nothing (swap.h);
 *                                                                                        no checkpoint until it is answered
 *
 * What a subtask cuts at the barrier is mostly a note of what there is (state/image.h); the coordinator reads and writes it
 * from then on, about a MB at a step, before anything else is triggered: the sooner it is read, the less is copied. So an
 * attempt is begun in its storage when the first of it is to be read, and published once everything is there.
 *
 * The timeout is for what the storage does as well: a thread of its own sees that a call does not return (storage_watch.h).
 *
 * Subtasks hand their cuts over without a lock. One that is over hands over a last cut, which stands for it in every later
 * attempt, and waits (COMMITTING, task/subtask.h). Once all are over, a last checkpoint is made of those at once.
 *
 * Suspend: behind the savepoint's barrier sources hold and members rest. COMPLETE: `committed` first, then the sources
 * stop, and nothing is left to be done. ABANDONED: everything goes on. Drain: the sources end, and the last checkpoint is
 * the savepoint; without it the job fails, since it cannot go back.
 *
 * After FINISHED, and a drain, the job's checkpoints are removed as the run is destroyed, those of earlier lives too: there
 * is nothing to go on from. After a stop, a cancel or a failure they stay, unless the configuration says otherwise.
 */
#ifndef WEIR_JOB_CHECKPOINTS_H
#define WEIR_JOB_CHECKPOINTS_H

#include "job/run.h"
#include "job/storage_watch.h"
#include "job/storages.h"

struct weir_checkpoints;

/* config->directory NULL: the job takes no checkpoints, but savepoints can be asked for. A directory that holds
 * checkpoints is refused, unless the run goes on from one or is to start afresh: nobody is to lose them by mistake. */
WEIR_CHECKED weir_status weir_checkpoints_create(struct weir_run *, const struct weir_checkpoint_config *,
                                                 const struct weir_deploy_options *, struct weir_checkpoints **to,
                                                 struct weir_error *);
void weir_checkpoints_destroy(struct weir_checkpoints *); /* ends and joins its thread; NULL is fine */

WEIR_CHECKED weir_status weir_checkpoints_start(struct weir_checkpoints *, struct weir_error *);
/* What is to be done now; returns when to call again, in ns of the monotonic clock. */
int64_t weir_checkpoints_step(struct weir_checkpoints *);
/* Over its storages, for any thread to look at, and for tests to step by hand. */
struct weir_storage_watch *weir_checkpoints_watch(struct weir_checkpoints *);
void weir_checkpoints_wake(struct weir_checkpoints *);          /* any thread; NULL is fine */
int64_t weir_checkpoints_last(const struct weir_checkpoints *); /* any thread: newest complete one; 0: none */
/* See weir_run_savepoint. */
WEIR_CHECKED weir_status weir_checkpoints_savepoint(struct weir_checkpoints *, const char *directory, enum weir_saving_then,
                                                    struct weir_saving **, struct weir_error *);
/* See weir_run_checkpoint. */
WEIR_CHECKED weir_status weir_checkpoints_checkpoint(struct weir_checkpoints *, struct weir_saving **, struct weir_error *);
/* See weir_run_swap_state. */
WEIR_CHECKED weir_status weir_checkpoints_swap(struct weir_checkpoints *, const char *node, const struct weir_state_config *,
                                               struct weir_saving **, struct weir_error *);
/* See weir_run_give_up. */
void weir_checkpoints_give_up(struct weir_checkpoints *);

/* Makes the directory, and keeps other jobs and other runs of this one away from it until it is let go: whoever runs a job
 * holds it from before he looks what there is to go on from. *held NULL: the platform knows no others. */
WEIR_CHECKED weir_status weir_checkpoints_hold(const struct weir_platform *, const char *directory, const char *job,
                                               struct weir_platform_file **held, struct weir_error *);
void weir_checkpoints_let_go(const struct weir_platform *, const char *directory, struct weir_platform_file *held);

/* What --resume goes on from: the newest complete checkpoint of a job that takes some, or the savepoint that it was
 * suspended with since, which its directory tells of (*own false: it is not the job's). The caller frees; NULL with WEIR_OK:
 * there is none. */
WEIR_CHECKED weir_status weir_checkpoints_newest(const struct weir_platform *, struct weir_storage *, const char *directory,
                                                 char **path, int64_t *checkpoint, bool *own, struct weir_error *);

/* For a message only: the newest one of the job that is whole and before the damaged one. Nothing goes on from it unless
 * somebody names it, since sinks may have committed what came after. NULL: there is none. The caller frees. */
char *weir_checkpoints_before(struct weir_storage *, const char *damaged);
/* For a message where no component may be called: of a job whose checkpoints are folders. 0: there is none. */
int64_t weir_checkpoints_newest_folder(const struct weir_platform *, const char *directory);

#endif
