/* job/swap.h - keyed state on its way to another backend, in all subtasks of a node or of the job.
 *
 * Floor 8. Coordinator's thread, but for what others read once it is answered. One at a time is under way in a run. Its
 * barrier cuts nothing. It is answered when every subtask has moved its state, or failed to, or is over; one that has not
 * begun within checkpoint.timeout keeps its state where it is. The barrier then still goes through.
 */
#ifndef WEIR_JOB_SWAP_H
#define WEIR_JOB_SWAP_H

#include "job/run_internal.h"
#include "operator/move.h"

struct weir_swap {
    char *node; /* NULL: all that keep keyed state */
    const struct weir_state_config *config;
    const struct weir_run *run;
    struct weir_op_move **moves; /* by operator of the run; NULL: it stays where it is; none before it has begun */
    uint32_t n_moves;
    bool answered;
    /* Once it is answered: one for each move, in order of nodes and subtasks. */
    struct weir_moved *moved;
    uint32_t n_moved;
};
struct weir_swap *weir__swap_create(const struct weir_run *, const char *node, const struct weir_state_config *);
void weir__swap_close(struct weir_swap *); /* when no subtask has to do with it any more, and nobody reads older cuts */
void weir__swap_close_stores(struct weir_swap *); /* once it is answered: those that nobody uses or reads any more */
void weir__swap_destroy(struct weir_swap *);      /* it is closed, or was not opened; NULL is fine */

/* Finds the operators, and opens their stores. On failure nothing has changed. */
WEIR_CHECKED weir_status weir__swap_open(struct weir_swap *, struct weir_error *);
void weir__swap_order(struct weir_swap *, int64_t barrier);
void weir__swap_withdraw(struct weir_swap *);          /* what has not begun */
bool weir__swap_is_copying(const struct weir_swap *);  /* in some subtask, at this moment */
int64_t weir__swap_ended_ns(const struct weir_swap *); /* when the last subtask that is done was; 0: none */
bool weir__swap_is_decided(const struct weir_swap *);
/* Once it is: notes what came of it, and closes the stores that nobody uses any more. What the heap held, and a store that
 * is read for an older cut, is kept until weir__swap_close. Fails where some subtask did. */
WEIR_CHECKED weir_status weir__swap_end(struct weir_swap *, bool late, int64_t timeout_ms, struct weir_error *);

#endif
