/* job/saving.h - the ticket of a savepoint, a checkpoint or a change of backend that somebody asked for.
 *
 * Floor 8. Made by weir_run_savepoint and its like (run.h), answered by the coordinator of the checkpoints, looked at by any
 * thread; one waiter at a time. Both hold a reference, so that neither outlives it.
 */
#ifndef WEIR_JOB_SAVING_H
#define WEIR_JOB_SAVING_H

#include "base/platform.h"

/* What the job does once the savepoint is complete. */
enum weir_saving_then {
    WEIR_THEN_GO_ON = 0,
    WEIR_THEN_SUSPEND, /* nothing is read behind the savepoint; the job stops there; windows and timers stay in it */
    WEIR_THEN_DRAIN    /* event time ends first, as at the end of input, so that windows and timers fire; then it stops */
};

struct weir_saving;
struct weir_swap; /* job/swap.h */

bool weir_saving_wait(struct weir_saving *, int64_t timeout_ms); /* true: it is answered; < 0: no limit */
/* Once it is answered. path: its directory, valid as long as the reference; NULL unless WEIR_OK, and for a change of
 * backend. */
weir_status weir_saving_result(const struct weir_saving *, const char **path, struct weir_error *);
int64_t
weir_saving_number(const struct weir_saving *); /* of the checkpoint or savepoint, once it is answered with WEIR_OK */
void weir_saving_release(struct weir_saving *); /* NULL is fine */

/* ---- for the coordinator ----------------------------------------------------------------------------------------- */

struct weir_saving {
    const struct weir_platform *platform;
    struct weir_saving *next; /* in the coordinator's inbox, or among others who wait for the same checkpoint */
    enum weir_saving_then then;
    char *directory;        /* that the savepoint goes into; owned; NULL: a checkpoint, or */
    struct weir_swap *swap; /* a change of backend; owned; NULL: none */
    char *path;             /* its own; NULL until it is complete */
    int64_t number;
    struct weir_error error;
    _Atomic uint32_t references, answered;
    struct weir_parker waiter;
};
struct weir_saving *weir__saving_create(const struct weir_platform *, const char *directory, enum weir_saving_then);
void weir__saving_retain(struct weir_saving *);
/* Takes the path; error NULL: all is well. Gives up the coordinator's reference. Once it was answered early, that counts. */
void weir__saving_answer(struct weir_saving *, int64_t number, char *path, const struct weir_error *error);
/* It fails, and the coordinator has yet to hear of it; not while the coordinator may answer it. */
void weir__saving_answer_early(struct weir_saving *, const struct weir_error *);
/* As weir__saving_answer, for a list of them, each with a copy of the path. */
void weir__saving_answer_all(struct weir_saving *, int64_t number, const char *path, const struct weir_error *error);
const char *weir__saving_fails_as(const struct weir_saving *); /* what a message about it begins with */
void weir__saving_refuse(struct weir_saving *, const char *why);
void weir__saving_refuse_all(struct weir_saving *, const char *why);

/* Those that were asked for and that nobody has begun yet. Any thread adds and takes. Zeroed is empty. */
struct weir_savings {
    _Atomic(struct weir_saving *) newest;
};
bool weir__savings_add(struct weir_savings *, struct weir_saving *);       /* false: it is closed */
struct weir_saving *weir__savings_take(struct weir_savings *, bool close); /* all, in the order they were asked for */

#endif
