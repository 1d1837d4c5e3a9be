/* weir/window.h - windows: which rows belong together, when they fire, which of them count, what is made of them.
 *
 * A window is [start, end) in ms; its last instant is end - 1. Windows of event time end with the watermark, windows of
 * processing time with the clock, and a window whose end is INT64_MAX never ends. For each row the host asks the assigner
 * for its windows, adds the row to each of them that is not late, and asks the trigger what to do; a window that fires
 * hands its rows (or what they were aggregated to) on. When a window is over the host forgets it.
 *
 * Assigners, triggers and evictors declare .in as "*" when they look at rows (all fields of the stream, in its order;
 * options of type WEIR_OPT_FIELD are indexes into it), and leave it out when they do not. In a join, which has two kinds of
 * rows, they see the times of rows and no fields.
 */
#ifndef WEIR_WINDOW_H
#define WEIR_WINDOW_H

#include <weir/host.h>

typedef struct weir_window { /* FROZEN: arrays of it cross the border */
    int64_t start, end;
} weir_window;

static inline int64_t weir_window_last(const weir_window *w)
{
    return w->end == INT64_MAX ? INT64_MAX : w->end - 1;
}

/* Flags of the component: WEIR_EVENT_WINDOWS, WEIR_CLOCK_WINDOWS, WEIR_MERGING, WEIR_PERIODIC, WEIR_ONE_WINDOW. The trigger
 * that a job does not name is event_time, processing_time or never, by the first two.
 *
 * WEIR_PERIODIC is what makes tumbling and sliding windows fast, and any assigner whose windows depend on nothing but the
 * event time may declare it. Where such windows have a key and a trigger with WEIR_END_OF_WINDOW, and nothing but aggregates
 * is made of them, the host computes the windows of a row itself, and knows which ones share rows: then it calls `periodic`
 * alone. Elsewhere (other triggers, evictors, functions, windows over all rows) it calls the others.
 *
 * With WEIR_ONE_WINDOW the host need not ask, and does not where the trigger counts (see `every` below). */
typedef struct weir_window_assigner {
    uint32_t struct_size, flags;
    weir_status (*open)(void *self, weir_ctx *); /* [task] may be NULL */
    /* [task] The windows of the row: writes those that fit into `capacity` and sets *n to how many there are; it is called
     * again with more room when they did not fit. */
    weir_status (*assign)(void *self, weir_ctx *, weir_row, weir_window *windows, uint32_t capacity, uint32_t *n);
    void (*close)(void *self, weir_ctx *); /* [task] last call, also when open failed; may be NULL */
    /* [coordinator] WEIR_PERIODIC alone, and needed with it. Called once, on an instance whose options are set and that
     * is never opened. In ms: the windows of a row at time t are exactly [s, s + size), for every integer k with
     * s = offset + k * slide and s <= t < s + size. They may overlap, or leave gaps. size and slide are more than 0, and
     * -slide < offset < slide. Options that do not go together are refused here as well as in open. MUST agree with
     * `assign`: the host believes both and compares neither. */
    weir_status (*periodic)(void *self, weir_ctx *, int64_t *size, int64_t *slide, int64_t *offset);
} weir_window_assigner;

typedef enum weir_firing {
    WEIR_CONTINUE = 0,
    WEIR_FIRE = 1,  /* the window's content goes on; it stays */
    WEIR_PURGE = 2, /* the window's content is forgotten; the trigger's state and timers stay */
    WEIR_FIRE_AND_PURGE = 3
} weir_firing;

/* States are of kind WEIR_VALUE and belong to the key and window at hand, and so do the timers: the namespace given to
 * weir_set_timer and weir_drop_timer does not matter. A trigger inside another (an option that accepts WEIR_TRIGGER) is
 * called by its owner, with the context in its weir_part; what is said to be the host's business below remains so for it.
 * *firing is WEIR_CONTINUE at each call.
 *
 * With WEIR_END_OF_WINDOW a trigger promises to do what event_time does, and no more: WEIR_FIRE when the watermark reaches
 * the last instant of the window, WEIR_FIRE at each row that comes to the window later, WEIR_CONTINUE else. The host may
 * then do so without calling the trigger (see WEIR_PERIODIC above), and does where windows merge. */
typedef struct weir_trigger {
    uint32_t struct_size, flags;
    weir_status (*open)(void *self, weir_ctx *); /* [task] may be NULL */
    weir_status (*on_row)(void *self, weir_ctx *, const weir_window *, weir_row, weir_firing *firing); /* [task] */
    /* [task] A timer of the window: its own, or the host's, at the end of the window. */
    weir_status (*on_timer)(void *self, weir_ctx *, const weir_window *, const weir_timer *, weir_firing *firing);
    /* [task] WEIR_MERGEABLE alone. Windows became one: `other` is the value of state `state` in one that goes, to be merged
     * into `value`, which is the new window's (zeroed at first). Called by the host, once per window and state. */
    weir_status (*merge_value)(void *self, weir_ctx *, uint32_t state, void *value, const void *other);
    /* [task] Afterwards: sets the timers of the new window. May be NULL. */
    weir_status (*on_merge)(void *self, weir_ctx *, const weir_window *);
    /* [task] The window goes: MUST drop the timers that the trigger set and that have not fired. The host clears the
     * states; a trigger that has one inside it start over does so itself, with weir_clear. May be NULL. */
    weir_status (*clear)(void *self, weir_ctx *, const weir_window *);
    void (*close)(void *self, weir_ctx *); /* [task] last call, also when open failed; may be NULL */
    /* [task] May be NULL, or give *rows = 0: it makes no promise. Asked once, before open, when the options are set.
     * *rows > 0 promises that the trigger counts the rows of a window, and no more: *firing (WEIR_FIRE or
     * WEIR_FIRE_AND_PURGE) at the row that is the *rows-th since it last was, or since the first; WEIR_CONTINUE else; no
     * timers. And that all it keeps, with the triggers inside it, is one state of one i64: the rows since then, without an
     * entry where there are none. The host may then count in its place, and does where all rows of a key have one window
     * (WEIR_ONE_WINDOW) of which nothing but aggregates is made; that state is then the host's, in savepoints too. Whoever
     * has a trigger inside it asks that one: WEIR_HAS(weir_trigger, vtable, every). */
    weir_status (*every)(void *self, weir_ctx *, int64_t *rows, weir_firing *firing);
} weir_trigger;

/* Called when a window fires, with its rows in order of arrival: sets bit i of `drop` (all clear at first) for each row that
 * the window is to forget. One of the two may be NULL. */
typedef struct weir_evictor {
    uint32_t struct_size, flags;
    weir_status (*open)(void *self, weir_ctx *); /* [task] may be NULL */
    weir_status (*before)(void *self, weir_ctx *, const weir_window *, const weir_batch *, uint8_t *drop); /* [task] */
    weir_status (*after)(void *self, weir_ctx *, const weir_window *, const weir_batch *, uint8_t *drop);  /* [task] */
    void (*close)(void *self, weir_ctx *); /* [task] last call, also when open failed; may be NULL */
} weir_evictor;

/* Inputs and outputs, side outputs too, as an operator's. A state is the key's, across its windows, or, with
 * WEIR_PER_WINDOW, of the key and the window at hand: a purge leaves it alone, and it ends with the window. Functions set no
 * timers. */
typedef struct weir_window_function {
    uint32_t struct_size, flags;
    weir_status (*open)(void *self, weir_ctx *); /* [task] may be NULL */
    /* [task] The window fires: all its rows in order of arrival, or, where the node aggregates or reduces, the one row of
     * that. Emits any number of rows, at weir_window_last(window) as a rule. WEIR_MORE, as a loop does when weir_full(cx):
     * call again with the same window and rows once there is room, with nothing in between; where it goes on is for the
     * instance to remember. */
    weir_status (*process)(void *self, weir_ctx *, const weir_window *, const weir_batch *);
    /* [task] The window goes, after its last firing if there was one. The host then clears the states of the window; what
     * the window left behind elsewhere is for this call. May emit a few rows. May be NULL. */
    weir_status (*clear)(void *self, weir_ctx *, const weir_window *);
    void (*close)(void *self, weir_ctx *); /* [task] last call, also when open failed; may be NULL */
} weir_window_function;

static_assert(sizeof(weir_window) == 16, "weir_window is frozen");
static_assert(sizeof(weir_firing) == 4, "enums of the ABI are four bytes wide");

#endif
