/* task/chain.h - operators that run in one subtask, records passed by call.
 *
 * Floor 7. Subtask's thread. A chain is a tree of members; member 0 is its head. Each member holds at most one element at a
 * time and an outbox of what it emitted; elements leave the outbox one by one, to chained members or to channel writers. The
 * deepest member with work runs first, so at most one batch is in flight per hop and nothing recurses. A member whose outbox
 * is not empty is not called: that is backpressure.
 *
 *   member:  EMPTY --take--> HOLDING --run: OK--> EMPTY
 *                              ^ |
 *                              +-+ run: MORE (the same element again, once the outbox is empty)
 *
 * Invariants: (1) elements reach a target in the order they were emitted on that port; (2) a mark is passed on after
 * everything that its handling emitted; (3) nothing is called after END but close.
 */
#ifndef WEIR_TASK_CHAIN_H
#define WEIR_TASK_CHAIN_H

#include "channel/writer.h"
#include "operator/op.h"

struct weir_chain_target {
    uint32_t port;
    struct weir_writer *writer; /* NULL: a member */
    uint32_t member, input;
};

struct weir_chain_member {
    struct weir_op *op;
    uint32_t node; /* stream node index, for metrics */
    struct weir_chain_target *targets;
    uint32_t n_targets, next_target; /* next_target: of the outbox's first element */
    struct weir_element current;     /* kind NONE: holds nothing */
    uint32_t input;
    int64_t row;                 /* next row of current, if rows */
    bool opened, ended, written; /* written: a sink that wants flush() */
    int64_t written_ms;          /* since when */
    bool stalled;                /* said MORE without progress: a sink that has no room */
    bool waiting;                /* the same, but it will be woken */
    bool preparing, prepared;    /* current's rows, or what fires, wait for what they need (class->prepare); rows have it */
    bool firing;                 /* what was due said MORE: it goes on as of firing_ms before anything else comes */
    int64_t firing_ms;
    bool gave_way;    /* it has fired, and more is due already: after what else there is to do */
    bool moving;      /* at a barrier, its keyed state goes to another backend (operator/move.h) */
    int64_t cut;      /* the newest checkpoint it was cut for */
    bool waits;       /* its windows waited for event time when they were last looked at (subtask.h) */
    int64_t waits_ms; /* since when */
};

/* A checkpoint that is being cut: a snapshot per member, taken as the barrier reaches it. */
struct weir_chain_cut {
    int64_t checkpoint;
    struct weir_snapshot *parts; /* by member; NULL: the cut was declined */
    uint32_t n;                  /* members that the barrier has passed */
    struct weir_error *declined; /* why a member could not be cut; NULL: all could */
};

/* Of the coordinator: which checkpoints may be cut as what changed (struct weir_cut_order). A checkpoint whose number
 * was written over by a newer one's is cut whole. */
#define WEIR_CUTS_ALLOWED 16
struct weir_chain_cuts {
    _Atomic int64_t allowed[WEIR_CUTS_ALLOWED]; /* n in place n modulo: checkpoint n may be; published with its barrier */
    _Atomic int64_t base;                       /* the newest one that is complete, and may be built on; 0: none */
    uint32_t most;                              /* between one whole cut and the next */
};

struct weir_chain {
    struct weir_chain_member *members;
    uint32_t n_members;
    struct weir_writer **writers;
    uint32_t n_writers;
    struct weir_pool *pool;
    struct weir_chain_cut *cuts; /* oldest first */
    uint32_t n_cuts, cuts_capacity;
    /* Of the job: members that were cut for this checkpoint are at rest, so that nothing of theirs comes behind its barrier
     * before it is decided whether the job ends there; 0: none. NULL: none ever. */
    const _Atomic int64_t *hold;
    const struct weir_chain_cuts *changes; /* NULL: every cut is whole */
    const _Atomic int64_t *uncut; /* of the job: no checkpoint's barrier, so nothing is cut; NULL: there are no such ones */
    struct weir_error *error;     /* of the subtask; set when a call returns WEIR_FAILED */
};

WEIR_CHECKED weir_status weir_chain_open(struct weir_chain *);
void weir_chain_close(struct weir_chain *); /* the opened ones, last first */

bool weir_chain_wants_input(const struct weir_chain *); /* member 0 holds nothing and its outbox is empty */
/* Hands an element to member 0, which wants input. Takes the reference. */
void weir_chain_take(struct weir_chain *, struct weir_element, uint32_t input);
/* One pass from the deepest member to the head, with some returns to members that were given something: delivers, runs,
 * fires what is due. NONE: nothing could be done. */
weir_progress weir_chain_pass(struct weir_chain *, int64_t now_ms);
int64_t weir_chain_next_due_ms(const struct weir_chain *); /* of members that could fire now; INT64_MAX: nothing is due */
bool weir_chain_is_blocked(const struct weir_chain *);     /* some output waits for room */
bool weir_chain_is_ended(const struct weir_chain *);       /* all members ended, everything is delivered */
/* A step of what is left to do of the cuts, in any order with what else the members do. NONE: nothing is. */
WEIR_CHECKED weir_progress weir_chain_write_cut(struct weir_chain *);
/* The oldest cut, once its barrier has passed all members and nothing of it is left to do; false: there is none. The caller
 * owns its parts and its error. */
bool weir_chain_take_cut(struct weir_chain *, struct weir_chain_cut *);
void weir_chain_drop_cut(const struct weir_chain *, struct weir_chain_cut *);
/* Cuts every member as it is once all have ended: for that checkpoint, and for all later ones. */
WEIR_CHECKED weir_status weir_chain_cut_last(struct weir_chain *, int64_t checkpoint);
WEIR_CHECKED weir_status weir_chain_committed(struct weir_chain *, int64_t checkpoint);
bool weir_chain_is_stalled(const struct weir_chain *);   /* a sink has no room: try again soon */
bool weir_chain_is_preparing(const struct weir_chain *); /* it waits for what it needs, and will be woken */
/* Input pauses: growing batches go on, sinks flush. */
WEIR_CHECKED weir_status weir_chain_flush(struct weir_chain *);
/* Input goes on, perhaps for ever: sinks that were written to WEIR_FLUSH_MS ago flush, so that what a busy job found can be
 * seen. */
#define WEIR_FLUSH_MS 50
WEIR_CHECKED weir_status weir_chain_flush_due(struct weir_chain *, int64_t now_ms);

#endif
