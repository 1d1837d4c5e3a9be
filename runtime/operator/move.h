/* operator/move.h - the keyed state of one operator on its way to another backend, while the job runs.
 *
 * Floor 5. The coordinator opens the store that it goes to and hangs the move on the operator (op->move) before it triggers
 * the move's barrier. The subtask's thread copies at that barrier, a step at a time, with nothing of the operator's in
 * between, and then lets the operator go on with the copy; what it had is the move's from then on, for the coordinator to
 * close.
 *
 *   ORDERED --the barrier has reached the operator--> COPYING --all is there----> MOVED
 *      |                                                +--it cannot be copied--> STAYED, with the error
 *      +--[coordinator] too late, or the operator is over----------------------> WITHDRAWN
 *
 * Invariants: (1) until MOVED the operator's own state is whole, and is its state; (2) in MOVED, STAYED and WITHDRAWN the
 * subtask's thread knows nothing of the move any more, but for its address in the last.
 */
#ifndef WEIR_OPERATOR_MOVE_H
#define WEIR_OPERATOR_MOVE_H

#include "operator/backend.h"
#include "state/copy.h"

enum weir_op_move_state { WEIR_MOVE_ORDERED = 0, WEIR_MOVE_COPYING, WEIR_MOVE_MOVED, WEIR_MOVE_STAYED, WEIR_MOVE_WITHDRAWN };

struct weir_op_move {
    int64_t barrier;                /* written before it is hung on the operator */
    _Atomic uint32_t state;         /* enum weir_op_move_state */
    struct weir_op_backend backend; /* that it goes to; MOVED: that it was in */
    struct weir_state_set *set;     /* the copy; MOVED: what was copied; NULL: none yet */
    struct weir_state_copy copy;
    int64_t begun_ns, ended_ns, copied_ns; /* monotonic: the operator's pause; of that, in steps of the copy */
    struct weir_error error;               /* STAYED */
};

/* [coordinator] Opens the store; config NULL or without a backend: the heap, with nothing to open. */
WEIR_CHECKED weir_status weir_op_move_open(struct weir_op_move *, const struct weir_op *, const struct weir_state_config *,
                                           struct weir_error *);
/* [coordinator] Before the barrier is triggered. */
void weir_op_move_order(struct weir_op_move *, struct weir_op *, int64_t barrier);
/* [coordinator] True: it is withdrawn, or was before. False: the operator has begun with it. */
bool weir_op_move_withdraw(struct weir_op_move *);
/* [coordinator] Removes the copy that came to nothing, or what was copied, and closes its store. Not while COPYING. */
void weir_op_move_finish(struct weir_op_move *, const struct weir_platform *);

/* [task] At a barrier, when the operator has nothing left to do: MORE until its state is where it is to be, or has to stay.
 * Fails as the operator's own state does. */
WEIR_CHECKED weir_status weir_op_move_at(struct weir_op *, int64_t barrier);

#endif
