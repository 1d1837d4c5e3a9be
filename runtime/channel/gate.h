/* channel/gate.h - the input of a subtask: its channels, polled fairly, and the valves that combine their watermarks.
 *
 * Floor 3. Consumer's thread. A gate yields one element at a time: rows (with the operator input they are for), or a mark of
 * the whole input: a watermark, an idle mark or the end that the valve let through. All channels of one operator input share
 * one valve; a union is several channels of one input. The inputs of a two-input operator are combined above (weir_minimum).
 *
 * Fairness: channels are polled round robin, one element each, from a cursor that the scheduler may set (the seeded
 * scheduler of the tests does). A channel can be blocked (barrier alignment will): it is skipped until unblocked.
 *
 * Small batches that wait in a channel one behind the other, with no mark between them, come out as one: a receiver that is
 * slower than batches arrive would be busy with batches otherwise, not with rows.
 *
 * The end: a channel that is complete (END with WEIR_END_OF_INPUT) leaves its valve's minimum; once all channels of an input
 * have ended, the input's END follows its INT64_MAX watermark. A channel that was stopped (WEIR_END_STOPPED) keeps holding
 * the minimum: event time does not end by stopping, so such an input ends without INT64_MAX, and its END says
 * WEIR_END_STOPPED.
 */
#ifndef WEIR_CHANNEL_GATE_H
#define WEIR_CHANNEL_GATE_H

#include "channel/ring.h"
#include "time/published.h"
#include "time/watermark.h"

struct weir_gate_channel {
    struct weir_ring *ring; /* owned by the job */
    uint32_t input;         /* of the head operator */
    uint32_t valve_channel; /* within the input's valve */
    bool blocked, ended;
    /* Called after a pop, so that a producer that found the ring full is stepped again. May be NULL. */
    void (*popped)(void *arg);
    void *popped_arg;
};
struct weir_gate_input {
    struct weir_valve valve;
    uint32_t n_open;   /* channels that have not ended */
    int64_t end_value; /* of the END to come: WEIR_END_STOPPED once one channel was stopped */
};
struct weir_gate_element {
    /* Rows: the caller owns the reference. Marks: WATERMARK, IDLE or END of that input; a BARRIER as it came. */
    struct weir_element element;
    uint32_t input;
    uint32_t channel; /* which channel rows and barriers came from; of other marks, whose element let them through */
};
struct weir_gate {
    struct weir_gate_channel *channels;
    uint32_t n_channels, cursor;           /* cursor: the channel that is polled first */
    struct weir_published_time *published; /* by channel: what each has said, for any thread */
    int64_t now_ms;                        /* wall clock, set by the owner before next(): when channels were heard */
    struct weir_pool *pool;                /* for small batches that are put together; NULL: they are left as they are */
    uint32_t batch_rows;                   /* how large one may become by that */
    struct weir_gate_input *inputs;
    uint32_t n_inputs;
    /* Marks that one step of a valve produced and that next() has not given out yet. */
    struct weir_gate_element pending[4];
    uint32_t n_pending;
};

/* channels: copied (ring, input, popped); valve_channel is assigned here. Every input has a channel. */
void weir_gate_init(struct weir_gate *, const struct weir_gate_channel *channels, uint32_t n_channels, uint32_t n_inputs);
void weir_gate_finish(struct weir_gate *); /* zeroed is fine */
/* Before the first next(): nothing but the end will ever come through this channel (its source has no split to read), so it
 * takes no part in the watermark minimum, whenever its end arrives. Must not be said of all channels of an input. */
void weir_gate_expect_nothing(struct weir_gate *, uint32_t channel);
/* False: no unblocked channel holds anything. Marks that change nothing for the whole input are taken and not given out. */
bool weir_gate_next(struct weir_gate *, struct weir_gate_element *);
bool weir_gate_is_empty(struct weir_gate *);    /* next() would find nothing */
bool weir_gate_ended(const struct weir_gate *); /* all channels have ended, and next() has given out every END */

#endif
