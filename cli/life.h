/* cli/life.h - a run in its job's home: the lock, the record of what becomes of it, its log and its socket.
 *
 * Main thread of the job's process. Where there is no usable home the job runs all the same, and `weir list` does not know
 * it; a warning says so.
 */
#ifndef WEIR_CLI_LIFE_H
#define WEIR_CLI_LIFE_H

#include "base/error.h"
#include "cli/job_args.h"

struct weir_life; /* NULL where there is no home: fine for all calls */

/* Before the job starts. WEIR_E_CONFIG: a job of this name is running. manifest: the path that was named. */
WEIR_CHECKED weir_status weir_life_begin(struct weir_job *, const char *manifest, struct weir_life **, struct weir_error *);
/* Once the job has started: from now on others can ask it. */
void weir_life_open(struct weir_life *, struct weir_job *, const struct weir_job_args *);
const char *weir_life_path(const struct weir_life *); /* the job's folder; NULL: none */
/* Before the job is started: what an upgrade that nobody saw the end of comes to. True: another job is started in its
 * place; this one is to be ended with weir_life_give_way. */
bool weir_life_is_another(struct weir_life *, struct weir_job *, const struct weir_job_args *);
void weir_life_give_way(struct weir_life *);
/* Before the job is started: says which plugin files are others than those that what it goes on from was made with; state
 * begins where somebody moved it to while the job ran. A job that begins again begins without all that. */
void weir_life_go_on(struct weir_life *, struct weir_job *, bool goes_on);
/* Once it was: writes down which plugin files it runs with. */
void weir_life_note_plugins(struct weir_life *, struct weir_runtime *);
/* After the job ended, before it is destroyed: nobody can ask it any more. The directory of the savepoint that somebody
 * ended it with from outside, or NULL; valid until weir_life_end. */
const char *weir_life_close(struct weir_life *);
/* Writes what became of it; reason and savepoint may be NULL. Frees. */
void weir_life_end(struct weir_life *, const char *state, const char *reason, const char *savepoint);

#endif
