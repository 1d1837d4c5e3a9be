/* task/alignment.h - barriers of checkpoints that come through several channels, brought together.
 *
 * Floor 7. Subtask's thread; a state machine over the gate, whose channels it blocks and unblocks. Rules:
 * docs/semantics.md, "Checkpoints".
 *
 * Exactly once: the first barrier blocks its channel, others go on; once every channel has delivered the barrier or has
 * ended, all are unblocked and the barrier goes on, so that no record is ahead of it that came behind it. At least once:
 * no channel is blocked, and several checkpoints may be under way.
 *
 * A channel delivers barriers in order of their numbers, but may leave some out. One that delivers a later barrier first
 * will never deliver the earlier one, which is given up then.
 */
#ifndef WEIR_TASK_ALIGNMENT_H
#define WEIR_TASK_ALIGNMENT_H

#include "channel/gate.h"

struct weir_alignment_wait {
    int64_t checkpoint;
    bool *delivered; /* by channel */
};
struct weir_alignment {
    bool at_least_once;
    struct weir_alignment_wait *waits; /* oldest first */
    uint32_t n, capacity;
    int64_t newest; /* that ever was under way */
};

void weir_alignment_finish(struct weir_alignment *); /* zeroed is fine */
void weir_alignment_barrier(struct weir_alignment *, struct weir_gate *, uint32_t channel, int64_t checkpoint);
/* To be asked before and after each element: the checkpoint whose barrier goes on now, before that element; 0: none. */
int64_t weir_alignment_complete(struct weir_alignment *, struct weir_gate *);

#endif
