/* cli/supervisor.h - `weir run` is two processes: a supervisor, and a child that holds the runtime.
 *
 * The child dies with the supervisor. It has a process group of its own, so that Ctrl-C reaches the supervisor alone, which
 * passes it on once. Both map a page of memory, in which the child leaves word: where the job's home is, and, when a signal
 * kills it, what the crashing thread was running, with a backtrace; before that, how the job starts again (struct
 * weir_recovery). When the child dies, the supervisor says so, and starts another one as the restart strategy has it, or
 * writes down in the home what became of the job. A child that ends by itself has judged its failures itself.
 *
 * While it runs, the child sends messages too (cli/inbox.h), so that what is to outlive it does: the lock of the job's home,
 * which the next child is given; connections of those who wait until the job has ended; and with `weir upgrade` the job that
 * is to take its place. That job is on trial until its first checkpoint is complete: if it ends before, the old one goes on
 * from the savepoint that it was suspended with (docs/design/008-upgrades.md).
 *
 *   RUNS --suspended, another is to follow--> TRIAL --settled, or the job finished---> RUNS (the other)
 *                                               |--ended in order, by somebody-------> the supervisor ends
 *                                               +--failed, died, does not start------> BACK --runs--> RUNS (the old one)
 *
 * The home knows of that too (cli/trial.h), should all processes go at once. The child that goes on after that finds out
 * which job it is to be, and where it is not the one that was named, asks for a child that is: INSTEAD, then BACK.
 */
#ifndef WEIR_CLI_SUPERVISOR_H
#define WEIR_CLI_SUPERVISOR_H

#include <jansson.h>
#include <stdbool.h>

#include "embed/weir.h"

/* Supervisor: starts this program again as a child with the same arguments, waits, and returns the exit code. */
int weir_supervise(int argc, char **argv);

/* Child: is this process one? Then the signals are set up: crash handlers, and the counter below. */
bool weir_supervised_child(void);
/* Before the job is started: it goes on where a process that died has left it, if there was one. */
weir_status weir_supervised_recover(struct weir_job *, struct weir_error_text *);
bool weir_supervised_again(void);             /* there was one */
void weir_supervised_tell(struct weir_job *); /* its recovery: before it starts, and when it is to start again by itself */
void weir_supervised_over(int code);          /* the job has ended; what becomes of this process does not matter to it */
void weir_supervised_end(void);               /* what the child exits with from now on is the job's end */
void weir_supervised_in(const char *home);    /* where the job's record is (cli/home.h); NULL: nowhere */
/* The lock of a home that a child before this one held, this process's from now on; -1: there is none. */
int weir_supervised_lock(const char *home);
void weir_supervised_hold(int lock);       /* of the home: another child is to have it; the descriptor stays the caller's */
void weir_supervised_keep(int connection); /* stays open until the job has ended; likewise */
void weir_supervised_runs(bool does);      /* the job has started, or failed and is to start again in this process */
void weir_supervised_beat(void);           /* the main thread gets on: called a few times a second while the job runs */
/* Another job is to take the place of this one, which is suspended: see cli/inbox.h. False: nobody heard it. */
bool weir_supervised_replace(json_t *upgrade, int connection);
bool weir_supervised_is_replaced(void); /* that was heard */
bool weir_supervised_on_trial(void);
/* Another one is to be started in the place of this job, which was not: see cli/inbox.h. False: nobody heard it. */
bool weir_supervised_instead(json_t *other);
/* This child is the successor in an upgrade, or what an upgrade that nobody saw the end of came to. */
bool weir_supervised_succeeds(void);
void weir_supervised_settled(const char *checkpoint); /* the trial is over */
const char *weir_supervised_text(void);               /* the file to read the manifest's text from; NULL: itself */
/* Held while threads are started, so that they never take an interrupt and the main thread does. */
void weir_hold_interrupts(bool held);
/* "restarting in 10s from checkpoint 41, attempt 2 of 3", on standard error. */
void weir_say_restart(const struct weir_restart_info *);
int weir_interrupts(void);   /* how often the child was asked to stop: SIGINT, SIGTERM */
int weir_terminations(void); /* of those: SIGTERM */
int weir_questions(void);    /* how often it was asked where event time stands: SIGUSR1 */

#endif
