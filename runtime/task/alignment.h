/* task/alignment.h - barriers of a checkpoint that come through several channels, brought together.
 *
 * Floor 7. Subtask's thread; a state machine over the gate, which it blocks and unblocks. Rules: docs/semantics.md,
 * "Checkpoints". The first barrier blocks its channel, others go on; once every channel has delivered the barrier or has
 * ended, all are unblocked and the barrier goes on, so that no record is ahead of it that came behind it. A barrier of a
 * later checkpoint abandons the one under way.
 */
#ifndef WEIR_TASK_ALIGNMENT_H
#define WEIR_TASK_ALIGNMENT_H

#include "channel/gate.h"

struct weir_alignment {
    int64_t under_way; /* checkpoint; 0: none */
    int64_t last;      /* the newest that was under way */
    bool *delivered;   /* by channel */
};

void weir_alignment_finish(struct weir_alignment *); /* zeroed is fine */
void weir_alignment_barrier(struct weir_alignment *, struct weir_gate *, uint32_t channel, int64_t checkpoint);
/* To be asked after each element: the checkpoint whose barrier goes on now, before that element; 0: none. */
int64_t weir_alignment_complete(struct weir_alignment *, struct weir_gate *);

#endif
