/* general_internal.h - the pieces of the general window operator (semantics A5.2 to A5.6).
 *
 *   general_op.c   rows, timers, lateness: who is called when
 *   flights.c      the windows of a key that are in flight, and how they merge
 *   pane.c         the content of a window: rows or accumulators; firing
 *   reduction.c    the content that is one row: what a reducer made of the others
 *   crossing.c     windows over two inputs: joins and groups
 *   matching.c     outer joins whose pairs must meet a condition
 *   triggers.c     the trigger with those inside it
 *   general_ahead.c  what of them is read from a store before it is asked for
 *   general_state.c  the states of all of them in one set; cut and restored
 *
 * and short ways for windows that are made of aggregates alone, whole batches at a time:
 *
 *   session_op.c       sessions that fire at their end: one entry of a key for the session at hand (session_keys.c), alarms
 *                      instead of timers
 *   session_restore.c  from what the long way saved, and back
 *   count_op.c         one window for all rows of a key, and a trigger that counts them
 *   count_restore.c    from what the long way saved, and back
 *
 * All of it is keyed state, so that snapshots need nothing special. Per key, under namespace 0: a map from each window in
 * flight to its id and to the id that its content is kept under. An id is a positive number that is free again when its
 * window goes, and the namespace of the window's trigger state and timers, so the state tables are as many as a key has
 * windows at once, not as many as there ever were. Where windows merge, content stays under the id of one of the old windows
 * (A5.6: stateWindow); elsewhere both ids are the same.
 */
#ifndef WEIR_WINDOW_GENERAL_INTERNAL_H
#define WEIR_WINDOW_GENERAL_INTERNAL_H

#include "operator/ahead.h"
#include "operator/record_errors.h"
#include "window/aggregates.h"
#include "window/alarms.h"
#include "window/join_internal.h"

struct weir__flight { /* a window in flight */
    weir_window window;
    int64_t id, content;
};

struct weir__kept_row { /* in the list of a window's rows */
    int64_t time;
    weir_str row; /* packed (data/row_codec.h) */
};

/* States of the operator; those of the triggers follow. */
enum { WEIR__FLIGHTS, WEIR__FLIGHT_OF_ID, WEIR__IDS, WEIR__FREE_ID, WEIR__ROWS, WEIR__TRIGGER_STATES };

/* What a row or a timer is about; it goes on there when the function said WEIR_MORE. */
struct weir__turn {
    bool waiting; /* it said so */
    struct weir__flight flight;
    weir_firing firing;
    uint32_t i, n_windows; /* of a row */
    bool accepted;
    weir_clock clock; /* of a timer */
    int64_t at;
};

struct weir__reduction {
    struct weir_instance *instance; /* NULL: the node does not reduce */
    const weir_reducer *vtable;
    bool opened;
    struct weir_builder so_far, row; /* of one row: read back, and written by the reducer */
    struct weir_builder out;         /* results that leave, where no function sees them */
    weir_column *row_columns, *so_far_columns, *next_columns;
};

/* Outer joins with a condition: matching.c. */
struct weir__matching {
    struct weir_expr *program; /* NULL: there is none */
    struct weir_expr_run *run;
    struct weir_record_errors errors;
    struct weir_stream_node node; /* a copy, whose input is the pair: nothing in it is owned */
    uint8_t *marks[2];            /* a bit for each row of the window that fires: it has a partner */
    size_t capacity[2];           /* of the marks, bytes */
    int side;                     /* -1: pairs; 0, 1: the rows of a side that have no partner */
    int64_t lonely;               /* the next row of it */
};

/* Windows over two inputs: crossing.c. */
struct weir__crossing {
    struct weir__pairs pairs;             /* also holds the cogroup function */
    const weir_cogroup_function *cogroup; /* NULL: a join */
    struct weir_builder panes[2], times;  /* rows of a side, taken out of state; of both, without fields */
    struct weir_rows *rows[2];            /* of the window that fires; NULL outside */
    bool begun;                           /* the firing */
    int64_t at, chunk_done;               /* the next pair: the first of a batch, of which so many have gone */
    uint32_t *origins[2];                 /* of a batch of pairs */
    weir_batch second;                    /* what the function sees of rows[1] */
    struct weir_key_ref key;              /* of the firing */
    struct weir_key_bytes key_bytes;
    struct weir__matching matching;
};

/* A session, beside its accumulators: session_keys.c. */
struct weir__session {
    int64_t start, end;          /* equal: there is none */
    int32_t first, others, room; /* of the newest one of a key: the ring of the others */
    uint32_t run;                /* that last added a row; not kept */
};
struct weir__sessions {
    bool short_way;
    struct weir__alarms alarms;
    weir_window
        *windows; /* scratch, by row of a segment; as are the values that the rows go into, and whether they are new */
    void **values;
    uint8_t *created;
    size_t capacity;
    uint32_t run;
};

/* The one window of a key whose trigger counts, beside its accumulators: count_op.c. */
struct weir__count {
    int64_t rows;   /* since it last fired */
    int32_t begun;  /* it has content */
    uint32_t fires; /* at the end of the run at hand; not kept */
};
struct weir__counts {
    bool laid_out, short_way; /* values have room for it; the trigger counts */
    int64_t every;            /* 0: the trigger does not count */
    bool purges;
    uint32_t state; /* of the set: the trigger's own count */
    void **values;  /* scratch, by row of a batch; as are whether they are new, and the rows at which windows fire */
    uint8_t *created;
    uint32_t *firing;
    size_t capacity;
};

struct weir__general {
    struct weir_op op;
    const struct weir_stream_node *node;
    const struct weir_window_config *config;
    bool event_time, merging;
    bool keeps_rows; /* content is rows: for a function, an evictor, or aggregates that cannot merge where windows do */

    struct weir_instance *assigner, *evictor, *function; /* the last two: NULL for none */
    const weir_window_assigner *assign;
    const weir_evictor *evict;
    const weir_window_function *process;
    struct weir_instance **triggers; /* 0: the outermost */
    uint32_t n_triggers;
    const weir_trigger *trigger; /* of triggers[0] */
    struct weir_aggregates aggregates;
    bool aggregates_made;
    struct weir__reduction reduction;
    bool crosses;  /* two inputs */
    uint32_t side; /* of the rows at hand */
    struct weir__crossing crossing;
    struct weir__sessions sessions;
    struct weir__counts counts;
    bool assigner_opened, trigger_opened, evictor_opened, function_opened;

    struct weir_state_layout own[WEIR__TRIGGER_STATES];
    struct weir_state_owner *owners;   /* by layout: of those that are components' */
    struct weir_state_layout *layouts; /* own, the triggers', the accumulators', the function's: theirs, but for the names */
    uint32_t n_layouts, n_trigger_states, function_base; /* function_base: where the function's begin */
    struct weir_state_set *state;                        /* of `layouts` */
    struct weir_schema *key_schema;
    uint32_t *function_keys; /* fields of `aggregated`: the first ones */
    struct weir_timers *timers;
    struct weir_op_ahead ahead;

    struct weir_key_ref key;  /* current; the bytes are triggers[0]'s */
    struct weir_builder keys; /* the key columns of results, in step with aggregates.results */
    struct weir_builder pane; /* rows of a window, taken out of state */
    struct weir__turn turn;
    struct weir_rows *kept, *given; /* of the window that fires: its rows, and what the function sees; NULL outside */
    weir_window *windows;           /* scratch: of a row */
    uint32_t windows_capacity;
    struct weir_key_bytes packed;
};

static inline weir_status weir__no_window_memory(struct weir__general *g)
{
    return weir_op_fail(&g->op, WEIR_E_MEMORY, "no memory for window state");
}

struct weir_op *weir__general_window_op_create(const struct weir_stream_node *, const struct weir_op_env *,
                                               struct weir_registry *, const char *where, struct weir_error *);

/* ---- general_op.c: for the short ways ---------------------------------------------------------------------------- */

#define WEIR__FIRE_STEP 1024 /* timers per call, so that other subtasks of the slot get their turn */

WEIR_CHECKED weir_status weir__general_begin_rows(struct weir__general *, struct weir_rows *); /* but for the aggregates */
WEIR_CHECKED weir_status weir__general_end_rows(struct weir__general *);
/* The windows of the row: g->turn.n_windows of g->windows. */
WEIR_CHECKED weir_status weir__general_assign(struct weir__general *, int64_t row);
WEIR_CHECKED weir_status weir__general_refuse_time(struct weir__general *, int64_t time);
WEIR_CHECKED weir_status weir__general_drop_late(struct weir__general *, struct weir_rows *, int64_t row); /* if it is */
/* The key of the row, encoded into g->packed. */
WEIR_CHECKED weir_status weir__general_use_row_key(struct weir__general *, const struct weir_rows *, int64_t row);
bool weir__general_is_late(const struct weir__general *, const weir_window *);
int64_t weir__general_cleanup_time(const struct weir__general *, const weir_window *);
weir_status weir__general_open(struct weir_op *);
void weir__general_close(struct weir_op *);
void weir__general_destroy(struct weir_op *);

/* ---- general_state.c: after a restore ------------------------------------------------------------------------------ */

/* Calls fn for every key that has an entry of the state in namespace 0, as the current one. */
WEIR_CHECKED weir_status weir__general_each_key(struct weir__general *, uint32_t state,
                                                weir_status (*fn)(struct weir__general *, void *value));
void weir__general_forget_state(struct weir__general *, uint32_t state);

/* ---- count_op.c -------------------------------------------------------------------------------------------------- */

extern const struct weir_aggregates_beside weir__count_beside;
extern const struct weir_op_class weir__count_class;
/* What the trigger promises, and whether the short way does what the node says; before the aggregates are made. */
WEIR_CHECKED weir_status weir__counts_ask(struct weir__general *, struct weir_error *);
void weir__counts_finish(struct weir__general *);
static inline struct weir__count *weir__count_of(const struct weir__general *g, void *value)
{
    return (struct weir__count *)(void *)((char *)value + g->aggregates.beside);
}

/* ---- count_restore.c --------------------------------------------------------------------------------------------- */

/* What was restored, as the way of the node needs it. */
WEIR_CHECKED weir_status weir__counts_restored(struct weir__general *);

/* ---- session_op.c ------------------------------------------------------------------------------------------------ */

extern const struct weir_aggregates_beside weir__session_beside; /* of merging windows, whichever way they go */
extern const struct weir_op_class weir__session_class;
bool weir__sessions_fit(const struct weir__general *); /* the short way does what the node says */
void weir__sessions_finish(struct weir__general *);

/* ---- general_ahead.c --------------------------------------------------------------------------------------------- */

WEIR_CHECKED weir_status weir__general_prepare(struct weir_op *, uint32_t input, const struct weir_rows *);
/* What is due is told, with what is wanted of it: once, and again when that has come (ahead.again). False: no memory. */
typedef bool weir__general_due(struct weir__general *, void *arg);
WEIR_CHECKED weir_status weir__general_read_due(struct weir__general *, weir__general_due *, void *arg);

/* ---- session_keys.c: the sessions of the current key ------------------------------------------------------------- */

static inline struct weir__session *weir__session_of(const struct weir__general *g, void *value)
{
    return (struct weir__session *)(void *)((char *)value + g->aggregates.beside);
}
WEIR_CHECKED weir_status weir__session_set_alarm(struct weir__general *, int64_t end);
/* The newest session, which has content, becomes one of the others; its place is empty afterwards. */
WEIR_CHECKED weir_status weir__session_displace(struct weir__general *, void *newest);
/* The session that takes the row of the window, made, moved or merged; *created: it has no content yet. late: NULL, if there
 * is none that takes it. */
WEIR_CHECKED weir_status weir__session_take(struct weir__general *, const weir_window *, bool late, void **value,
                                            bool *created);
/* The one that ends first; NULL: there is none (then *value is the empty newest one), or no memory. */
WEIR_CHECKED weir_status weir__session_earliest(struct weir__general *, void **newest, void **earliest);
/* The earliest one goes. */
void weir__session_drop_earliest(struct weir__general *, void *newest);
/* Says which of the others a row of this time may ask for; and those that ring next. */
void weir__session_want(struct weir__general *, int64_t time, int64_t row);
void weir__session_want_earliest(struct weir__general *, int64_t key);

/* ---- session_restore.c ------------------------------------------------------------------------------------------- */

/* What was restored, as the way of the node needs it. */
WEIR_CHECKED weir_status weir__sessions_restored(struct weir__general *);

/* ---- late.c ---------------------------------------------------------------------------------------------------------- */

/* The record at `time` was late. Counts n such records, and says so of the first one of the node. */
void weir__count_late(struct weir_op *, const struct weir_window_config *, int64_t time, uint64_t n);
/* The same of an interval join; output: where late records of this input go, NULL when they are dropped. */
void weir__count_late_join(struct weir_op *, const char *output, int64_t time, uint64_t n);

/* ---- flights.c: of the current key ------------------------------------------------------------------------------------ */

void weir__general_set_owners(struct weir__general *);
WEIR_CHECKED weir_status weir__flights_layouts(struct weir_state_layout own[WEIR__TRIGGER_STATES], struct weir_error *);
bool weir__flight_find(struct weir__general *, const weir_window *, struct weir__flight *);
bool weir__flight_by_id(struct weir__general *, int64_t id, struct weir__flight *);
/* Adds the window, with its content under `content` (0: under its own id). */
WEIR_CHECKED weir_status weir__flight_add(struct weir__general *, const weir_window *, int64_t content,
                                          struct weir__flight *);
/* keep_content: another window has it. */
void weir__flight_remove(struct weir__general *, const struct weir__flight *, bool keep_content);
/* The windows in flight that overlap or touch the window, in order of start; the caller frees *found. cover: all of them
 * with the window. */
void weir__flights_touching(struct weir__general *, const weir_window *, struct weir__flight **found, size_t *n,
                            weir_window *cover);
/* Says which of them, and of what is kept under their ids, a row of this time may ask for. */
void weir__flights_want(struct weir__general *, int64_t time, int64_t row);

/* ---- pane.c: content under an id of the current key ------------------------------------------------------------------- */

WEIR_CHECKED weir_status weir__pane_init(struct weir__general *, struct weir_error *);
WEIR_CHECKED weir_status weir__pane_add(struct weir__general *, int64_t content, struct weir_rows *, int64_t row);
bool weir__pane_is_empty(struct weir__general *, int64_t content);
void weir__pane_clear(struct weir__general *, int64_t content);
WEIR_CHECKED weir_status weir__pane_merge(struct weir__general *, int64_t into, int64_t from);
/* WEIR_MORE: the function has more to emit; weir__pane_go_on when the outbox is empty. */
WEIR_CHECKED weir_status weir__pane_fire(struct weir__general *, const struct weir__flight *);
WEIR_CHECKED weir_status weir__pane_go_on(struct weir__general *, const struct weir__flight *);
WEIR_CHECKED weir_status weir__pane_emit(struct weir__general *); /* results so far go to the outbox */
/* One row of key and results: out, or what the function is given. */
WEIR_CHECKED weir_status weir__pane_give(struct weir__general *, const weir_window *, const void *value);

WEIR_CHECKED weir_status weir__pane_keep(struct weir__general *, int64_t content, const weir_batch *, int64_t row);
/* Kept rows, from and to state; `to` has room for them. */
WEIR_CHECKED weir_status weir__pane_unpack(struct weir__general *, const struct weir__kept_row *, struct weir_builder *to,
                                           int64_t time);

/* ---- reduction.c ------------------------------------------------------------------------------------------------------ */

WEIR_CHECKED weir_status weir__reduction_init(struct weir__general *, struct weir_registry *, struct weir_error *);
void weir__reduction_finish(struct weir__general *);
/* The row becomes the content, or is reduced into it. */
WEIR_CHECKED weir_status weir__reduction_add(struct weir__general *, int64_t content, const weir_batch *, int64_t row);
WEIR_CHECKED weir_status weir__reduction_merge(struct weir__general *, int64_t into, int64_t from);
/* All rows into one, for a firing. *one is the caller's. */
WEIR_CHECKED weir_status weir__reduction_fold(struct weir__general *, struct weir_rows *, struct weir_rows **one);
WEIR_CHECKED weir_status weir__reduction_send(struct weir__general *, struct weir_rows *one, int64_t time);
WEIR_CHECKED weir_status weir__reduction_emit(struct weir__general *);

/* ---- crossing.c ------------------------------------------------------------------------------------------------------- */

WEIR_CHECKED weir_status weir__crossing_init(struct weir__general *, struct weir_registry *, struct weir_error *);
WEIR_CHECKED weir_status weir__crossing_open(struct weir__general *);
void weir__crossing_close(struct weir__general *);
void weir__crossing_finish(struct weir__general *);
/* The row with its side, into g->packed. */
WEIR_CHECKED weir_status weir__crossing_pack(struct weir__general *, const weir_batch *, int64_t row);
WEIR_CHECKED weir_status weir__crossing_times(struct weir__general *, int64_t content, struct weir_rows **);
/* The rows of both sides, for weir__crossing_run; WEIR_MORE: call it again when the outbox is empty. */
WEIR_CHECKED weir_status weir__crossing_take(struct weir__general *, int64_t content);
WEIR_CHECKED weir_status weir__crossing_run(struct weir__general *, const struct weir__flight *);

/* ---- matching.c ------------------------------------------------------------------------------------------------------- */

WEIR_CHECKED weir_status weir__matching_init(struct weir__general *, struct weir_error *);
void weir__matching_finish(struct weir__general *);
/* Of the rows that weir__crossing_take has taken; run: WEIR_MORE as weir__crossing_run. */
WEIR_CHECKED weir_status weir__matching_begin(struct weir__general *);
WEIR_CHECKED weir_status weir__matching_run(struct weir__general *, const struct weir__flight *);

/* ---- general_state.c -------------------------------------------------------------------------------------------------- */

/* When triggers and aggregates are made, and before the function is. */
WEIR_CHECKED weir_status weir__general_lay_out(struct weir__general *, struct weir_error *);
void weir__general_state_finish(struct weir__general *); /* before the aggregates are finished */
weir_status weir__general_snapshot(struct weir_op *, int64_t checkpoint, struct weir_snapshot *);
struct weir_state_set *weir__general_exchange_state(struct weir_op *, struct weir_state_set *to);
weir_status weir__general_restore(struct weir_op *, const struct weir_snapshot *, uint32_t n);

/* ---- triggers.c ------------------------------------------------------------------------------------------------------- */

WEIR_CHECKED weir_status weir__triggers_create(struct weir__general *, struct weir_registry *, struct weir_error *);
void weir__triggers_destroy(struct weir__general *);
WEIR_CHECKED weir_status weir__triggers_begin(struct weir__general *, struct weir_rows *); /* of g->side */
WEIR_CHECKED weir_status weir__triggers_end(struct weir__general *, bool done);
WEIR_CHECKED weir_status weir__triggers_use_row_key(struct weir__general *, int64_t row);
WEIR_CHECKED weir_status weir__triggers_use_key(struct weir__general *, const struct weir_key_ref *);
WEIR_CHECKED weir_status weir__trigger_on_row(struct weir__general *, const struct weir__flight *, int64_t row,
                                              weir_firing *);
WEIR_CHECKED weir_status weir__trigger_on_timer(struct weir__general *, const struct weir__flight *, const weir_timer *,
                                                weir_firing *);
/* Trigger state of the old windows into the new one's; then the new one's timers. */
WEIR_CHECKED weir_status weir__trigger_merge(struct weir__general *, const struct weir__flight *into,
                                             const struct weir__flight *from, size_t n);
WEIR_CHECKED weir_status weir__trigger_clear(struct weir__general *, const struct weir__flight *);

#endif
