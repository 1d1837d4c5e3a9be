/* job/attempt.h - checkpoints and savepoints that are under way: their cuts, and writing them.
 *
 * Floor 8. Coordinator's thread, but for weir__cuts_hand_over.
 */
#ifndef WEIR_JOB_ATTEMPT_H
#define WEIR_JOB_ATTEMPT_H

#include "checkpoint/saved.h"
#include "job/run_internal.h"

struct weir_attempt {
    int64_t number, triggered_ns;
    int64_t base;                  /* it may be built on this checkpoint and newer ones, so they stay; INT64_MAX: on none */
    struct weir_saving *savepoint; /* that it answers; NULL: a checkpoint, or */
    struct weir_swap *swap;        /* no state is cut, but some moved; NULL: it is not */
    struct weir_saving *asked;   /* a checkpoint that somebody asked for: who waits for it; answered before it is removed */
    struct weir_snapshot **cuts; /* by subtask: parts by member of its chain */
    struct weir_error *declined; /* by some subtask; NULL: by none */
    struct weir_attempt_writing *writing; /* NULL: nothing of it is written */
    bool overtaken;                       /* it is not written any more, since a newer one is whole */
};

struct weir_cut_note { /* of one subtask, from its thread to the coordinator's */
    struct weir_cut_note *next;
    uint32_t subtask;
    struct weir_subtask_cut cut;
};

/* Everything that subtasks have cut and that is not on disk yet. */
struct weir_cuts {
    const struct weir_run *run;
    _Atomic(struct weir_cut_note *) inbox; /* newest first */
    struct weir_attempt *attempts;         /* oldest first */
    size_t n, capacity;
    struct weir_chain_cut *last; /* by subtask that is over */
    bool *over;                  /* by subtask */
    uint32_t n_over;             /* subtasks that handed over their last cut, */
    uint32_t n_lost;             /* or are over without one */
    bool lost_base;              /* the attempt that was written last failed, maybe for what it was built on */
    int64_t newest_last;         /* greatest number of a last cut: a checkpoint that holds all of them is not older */
};

void weir__cuts_init(struct weir_cuts *, const struct weir_run *);
void weir__cuts_finish(struct weir_cuts *);
void weir__cuts_hand_over(struct weir_cuts *, const struct weir_subtask *, struct weir_subtask_cut); /* [task] */
void weir__cuts_read(struct weir_cuts *); /* the inbox into the attempts */
bool weir__cuts_all_over(const struct weir_cuts *);

struct weir_attempt *weir__attempt_add(struct weir_cuts *, int64_t number, int64_t now_ns);
/* Before its barrier is sent: it may be cut as what changed since the newest complete checkpoint. */
void weir__attempt_allow_changes(struct weir_attempt *, struct weir_chain_cuts *);
int64_t weir__cuts_oldest_base(const struct weir_cuts *); /* checkpoints from here on are needed; INT64_MAX: none is */
void weir__attempt_remove(struct weir_cuts *, size_t at);
bool weir__attempt_is_cut(const struct weir_cuts *, const struct weir_attempt *);     /* by all subtasks */
bool weir__attempt_has_passed(const struct weir_cuts *, const struct weir_attempt *); /* the same, or they are over */
bool weir__attempt_is_pending(const struct weir_cuts *, const struct weir_attempt *); /* something of it is to be read */
/* Of a subtask's chain, by member; NULL: it has not cut. */
struct weir_snapshot *weir__attempt_parts(const struct weir_cuts *, const struct weir_attempt *, uint32_t subtask);
void weir__cuts_read_all(struct weir_cuts *); /* what is pending, into memory */

/* Writes on (attempt_write.c), about a MB of what was cut, to a storage to which nothing else is written. MORE: there is
 * more to come; OK: every subtask had cut (is_cut), and it is published and read back (checkpoint/saved.h): what does not
 * fit is removed again. *path: its address, the caller frees. In time, or it fails: whoever waits may have been told. */
struct weir_storage_watch; /* storage_watch.h */
WEIR_CHECKED weir_status weir__attempt_write_in_time(struct weir_cuts *, struct weir_attempt *, struct weir_storage *,
                                                     bool is_cut, struct weir_storage_watch *, int64_t until_ns, char **path,
                                                     struct weir_error *);
void weir__attempt_stop(struct weir_attempt *);                          /* what was written of it goes */
struct weir_storage *weir__attempt_storage(const struct weir_attempt *); /* it is written to; NULL: to none yet */

#endif
