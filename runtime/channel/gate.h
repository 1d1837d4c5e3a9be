/* channel/gate.h - the input of a subtask: its channels, polled fairly, and the valve that combines their watermarks.
 *
 * Floor 3. Consumer's thread. A gate yields one element at a time: rows (with the operator input they are for), or a mark of the whole input:
 * a watermark, an idle mark or the end that the valve let through. All channels of one subtask share one valve per operator input; a union is
 * several channels of one input. The inputs of a two-input operator are combined above (weir_minimum).
 *
 * Fairness: channels are polled round robin from a cursor that the scheduler may set (the seeded scheduler of the tests does).
 * A channel can be blocked (barrier alignment will): it is skipped until unblocked.
 */
#ifndef WEIR_CHANNEL_GATE_H
#define WEIR_CHANNEL_GATE_H

#include "channel/ring.h"
#include "time/watermark.h"

struct weir_gate_channel {
    struct weir_ring *ring;  /* owned by the job */
    uint32_t input;          /* of the head operator */
    uint32_t valve_channel;  /* within the input's valve */
    bool blocked, ended;
    /* Called after a pop, so that a producer that found the ring full is stepped again. May be NULL. */
    void (*popped)(void *arg);
    void *popped_arg;
};
struct weir_gate {
    struct weir_gate_channel *channels;
    uint32_t n_channels, cursor;
    struct weir_valve *valves; /* by input */
    uint32_t n_inputs;
    /* Marks that one valve step produced and that next() has not given out yet. */
    struct weir_element pending[4];
    uint32_t pending_input[4], n_pending;
};
struct weir_gate_element {
    struct weir_element element; /* rows: the caller owns the reference; marks: WATERMARK, IDLE or END of that input */
    uint32_t input;
    uint32_t channel; /* rows: which channel they came from */
};

/* channels: taken as they are (ring, input, popped); valve_channel is assigned here. */
void weir_gate_init(struct weir_gate *, const struct weir_gate_channel *channels, uint32_t n_channels, uint32_t n_inputs);
void weir_gate_finish(struct weir_gate *);
/* False: nothing now. At most one ring element is taken per call. An input's END comes after its last watermark (INT64_MAX). */
bool weir_gate_next(struct weir_gate *, struct weir_gate_element *);
bool weir_gate_is_empty(struct weir_gate *); /* no element waits in any unblocked channel */
bool weir_gate_ended(const struct weir_gate *); /* all channels have ended */

#endif
