/* time/watermark.h - combining watermarks: the valve of an input gate, and the minimum over the splits of a source.
 *
 * Floor 3. Pure state machines: no clock, no thread. Rules: docs/semantics.md, "Event time"; they follow Flink after
 * FLINK-40475, with one deliberate difference: a finished channel leaves the minimum, and INT64_MAX is emitted only when all
 * channels have finished. A watermark INT64_MAX finishes its channel as far as event time goes, also when it was idle.
 */
#ifndef WEIR_TIME_WATERMARK_H
#define WEIR_TIME_WATERMARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a step of the valve emits, in this order: a status change to active, a watermark, a status change to idle. */
struct weir_valve_output {
    bool active; /* emit ACTIVE */
    bool has_watermark;
    int64_t watermark;
    bool idle; /* emit IDLE, after the watermark */
};

struct weir_valve_channel {
    int64_t watermark;            /* INT64_MIN at first */
    bool idle, aligned, finished; /* aligned: counts in the minimum; never when idle or finished */
};

struct weir_valve {
    struct weir_valve_channel *channels; /* public for `explain`; written by the functions below only */
    uint32_t n;
    int64_t last; /* emitted; INT64_MIN at first */
    bool idle;    /* emitted status */
};

void weir_valve_init(struct weir_valve *, uint32_t n_channels);
void weir_valve_finish(struct weir_valve *);
struct weir_valve_output weir_valve_watermark(struct weir_valve *, uint32_t channel, int64_t watermark);
struct weir_valve_output weir_valve_status(struct weir_valve *, uint32_t channel, bool idle);
struct weir_valve_output weir_valve_end(struct weir_valve *, uint32_t channel); /* the channel has finished */
bool weir_valve_finished(const struct weir_valve *); /* all channels have; INT64_MAX has been emitted */

/* The minimum over the parts (splits of a source, inputs of an operator) that are not idle; all idle: the maximum. Parts
 * come and go: one that has ended is removed, not set to INT64_MAX. A stream that said it is idle says "active" only when
 * one of the calls below returns true: a watermark that does not grow marks its part active but wakes nobody. */
struct weir_minimum_part {
    uint64_t id;
    int64_t watermark;
    bool idle;
};
struct weir_minimum {
    struct weir_minimum_part *parts; /* sorted by id */
    size_t n, capacity;
    int64_t last; /* combined; only grows */
    bool idle;    /* all parts are idle */
};
void weir_minimum_init(struct weir_minimum *);
void weir_minimum_finish(struct weir_minimum *);
void weir_minimum_add(struct weir_minimum *, uint64_t id); /* watermark INT64_MIN, active; nothing if it is there */
/* Each returns true when the combined watermark grew (minimum.last is the new one). A watermark marks its part active. With
 * no part left, watermark and idle stay as they were. */
bool weir_minimum_set(struct weir_minimum *, uint64_t id, int64_t watermark);
bool weir_minimum_idle(struct weir_minimum *, uint64_t id, bool idle);
bool weir_minimum_remove(struct weir_minimum *, uint64_t id);

/* Idleness by A4: probed only at periodic emissions; the first probe without a new event starts the clock, a later one with
 * elapsed > timeout says idle. Time spent back-pressured does not count. */
struct weir_idleness {
    int64_t timeout_ms; /* 0: never idle */
    uint64_t events, seen;
    int64_t since_ms, paused_ms; /* since INT64_MIN: clock not started */
};
void weir_idleness_init(struct weir_idleness *, int64_t timeout_ms);
void weir_idleness_event(struct weir_idleness *); /* one or more rows came */
/* True: idle. backpressured_ms: the total time so far. */
bool weir_idleness_probe(struct weir_idleness *, int64_t now_ms, int64_t backpressured_ms);

#endif
