/* task/inputs.h - one operator with several inputs: what their marks amount to.
 *
 * Floor 7. Subtask's thread; a pure state machine. Each input's gate has combined its channels already (channel/gate.h);
 * here the inputs are combined into the one watermark, idle status and end that the head of a chain sees. Rows go through
 * as they are. Rules: docs/semantics.md, "Event time": the minimum over the inputs that are not idle; all idle: the maximum.
 * An input whose event time has ended (INT64_MAX) leaves the minimum; INT64_MAX is passed on when it has ended on all of
 * them. A stopped input never ends event time. END is passed on once every input has ended.
 */
#ifndef WEIR_TASK_INPUTS_H
#define WEIR_TASK_INPUTS_H

#include "channel/gate.h"

struct weir_inputs {
    struct weir_minimum minimum;
    uint32_t n_open;              /* inputs that have not ended */
    int64_t end_value;            /* of the END to come */
    bool idle;                    /* what was passed on last */
    uint32_t over;                /* bit i: event time has ended on input i */
    struct weir_element ready[2]; /* what next() gives out: at most a watermark and a status */
    uint32_t n_ready;
};

void weir_inputs_init(struct weir_inputs *, uint32_t n_inputs); /* at most 32 */
void weir_inputs_finish(struct weir_inputs *);                  /* zeroed is fine */
/* Takes a mark (not a barrier) of one input; everything it amounts to is then given out by next. */
void weir_inputs_mark(struct weir_inputs *, uint32_t input, const struct weir_element *mark);
bool weir_inputs_next(struct weir_inputs *, struct weir_element *);

#endif
