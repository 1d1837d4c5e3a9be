/* window_internal.h - the keyed event-time window operator: a shell, and two ways to keep what windows hold.
 *
 *   window_op.c       the shell: rows in runs, late rows, results
 *   periodic.c        which windows they are: what the assigner says
 *   whole_windows.c   each window has accumulators of its own; a row is added to every window that holds it
 *   sliced_windows.c  overlapping windows share slices; a row is added to one slice (docs/design/005-slices.md)
 *   merged_slices.c   the slices of the window that fires, merged so that sliding on costs little
 *   key_numbers.c     the numbers by which merged_slices.c keeps keys
 *   window_cut.c      cut and restored: what had fired before the cut
 *
 * Both ways give the same results in the same order, whatever the input and wherever batches were cut.
 */
#ifndef WEIR_WINDOW_WINDOW_INTERNAL_H
#define WEIR_WINDOW_WINDOW_INTERNAL_H

#include "operator/ahead.h"
#include "window/aggregates.h"
#include "window/time_windows.h"

struct weir__window;
struct weir__window_way {
    /* All windows of the run are still to fire, or gone. *accepted: some window takes it. */
    weir_status (*add_run)(struct weir__window *, struct weir_rows *run, const struct weir_window_run *, bool *accepted);
    /* The row is accepted by some window, of which some have fired: called once, before add_row. NULL: nothing to do. */
    weir_status (*take_row)(struct weir__window *, struct weir_rows *, int64_t row, const struct weir_window_run *);
    /* A window that is not gone; when it has fired before, it fires again for the key of the row. */
    weir_status (*add_row)(struct weir__window *, struct weir_rows *, int64_t row, int64_t start);
    /* What the rows from .. until - 1, which fall into these windows, are going to be added to. */
    void (*want)(struct weir__window *, const struct weir_window_run *, int64_t from, int64_t until);
    /* Fires what is due; MORE when a batch of results has left, and goes on at the next call. */
    weir_status (*fire)(struct weir__window *, int64_t watermark);
    void (*drop)(struct weir__window *, int64_t watermark); /* what is past its cleanup time */
    bool (*waits)(const struct weir__window *);             /* some window that holds something is still to fire */
    /* What a window holds for a key for which it holds something; valid until the next call. For windows that fire key by
     * key. */
    weir_status (*value)(struct weir__window *, const struct weir_key_ref *, int64_t start, const void **value);
    void (*restored)(struct weir__window *); /* w->state is: makes what is derived from it */
    void (*finish)(struct weir__window *);
};

/* w->state: what the windows of rows hold, by start of window or of slice; and, with slices, the windows that come back
 * (sliced_windows.c). */
enum { WEIR__CONTENT, WEIR__COME_BACK };

struct weir__window { /* first member of both ways */
    struct weir_op op;
    const struct weir__window_way *way;
    const struct weir_stream_node *node;
    const struct weir_window_config *config;
    struct weir_time_windows times;
    struct weir_aggregates aggregates;
    struct weir_state_layout layouts[2]; /* the aggregates' under other names */
    struct weir_state_set *state;
    struct weir_op_ahead ahead;
    struct weir_schema *key;
    struct weir_builder keys; /* the key columns of results, in step with aggregates.results */
    uint32_t first_group, last_group;

    /* Of an operator that was restored, until the watermark has come as far as before (window_cut.c): by key group, the
     * watermark of the cut, INT64_MIN for none. NULL: as if there had been none. */
    int64_t *cut_at, latest_cut; /* INT64_MIN: none */
    struct weir_timers *timers;  /* windows that fire again, for a key */

    struct weir_key_bytes key_bytes; /* scratch */
    void **values;                   /* scratch, by row of a run */
    uint8_t *created;
    size_t scratch_rows;

    struct weir_time_range range; /* of the rows that are left of the batch at hand */

    /* Where row-by-row handling stopped for want of room. */
    uint32_t window_at; /* windows of the current row that are done */
    bool row_accepted;
};

static inline struct weir__window *weir__window_of(struct weir_op *op)
{
    return (struct weir__window *)(void *)op;
}
static inline bool weir__window_is_gone(const struct weir__window *w, int64_t start)
{
    return weir_window_cleanup_time(&w->times, start) <= w->op.watermark;
}
static inline bool weir__window_has_fired(const struct weir__window *w, int64_t start)
{
    return weir_window_max_time(&w->times, start) <= w->op.watermark;
}

/* Before the cut. The window may get rows again as long as the watermark is not back: it fires for their keys. */
static inline bool weir__window_had_fired(const struct weir__window *w, int64_t start, uint32_t group)
{
    return w->cut_at && weir_window_max_time(&w->times, start) <= w->cut_at[group - w->first_group];
}
/* Before the cut. When it gets rows again, they are all it holds. */
static inline bool weir__window_was_gone(const struct weir__window *w, int64_t start, uint32_t group)
{
    return w->cut_at && weir_window_cleanup_time(&w->times, start) <= w->cut_at[group - w->first_group];
}

/* Asks an instance of the node's assigner which windows it assigns. [coordinator] */
WEIR_CHECKED weir_status weir__ask_periodic(const struct weir_stream_node *, const struct weir_op_env *,
                                            struct weir_registry *, const char *where, struct weir_time_windows *,
                                            struct weir_error *);

/* The operator of these windows. sliced: windows share slices, which what the aggregates declare must allow. */
struct weir_op *weir__window_op_create(const struct weir_stream_node *, const struct weir_time_windows *,
                                       const struct weir_op_env *, struct weir_registry *, const char *where, bool sliced,
                                       struct weir_error *);
bool weir__window_can_slice(const struct weir_stream_node *, const struct weir_time_windows *);
struct weir__window *weir__whole_windows_create(void);
struct weir__window *weir__sliced_windows_create(void);
/* After aggregates are made. */
void weir__sliced_windows_init(struct weir__window *);

weir_status weir__window_no_memory(struct weir__window *);
/* The key of a row, in memory of w. */
WEIR_CHECKED weir_status weir__window_key_of(struct weir__window *, struct weir_rows *, int64_t row, struct weir_key_ref *);
/* The entries of the keys of rows (picks NULL: the first n) into w->values and w->created, which have the room. */
WEIR_CHECKED weir_status weir__window_edit(struct weir__window *, struct weir_state_set *, uint32_t state,
                                           struct weir_rows *, const uint32_t *picks, int64_t n, int64_t ns);
/* The key of a row, or of state, into w->keys; its result goes beside it. Results leave when they fill a batch. */
WEIR_CHECKED weir_status weir__window_copy_key(struct weir__window *, struct weir_rows *, int64_t row);
WEIR_CHECKED weir_status weir__window_add_result(struct weir__window *, const void *value, int64_t start);
WEIR_CHECKED weir_status weir__window_emit_results(struct weir__window *);

/* ---- window_cut.c ------------------------------------------------------------------------------------------------ */

weir_status weir__window_snapshot(struct weir_op *, int64_t checkpoint, struct weir_snapshot *);
weir_status weir__window_restore(struct weir_op *, const struct weir_snapshot *, uint32_t n);
struct weir_state_set *weir__window_exchange_state(struct weir_op *, struct weir_state_set *to);
/* The window had fired before the cut, and a row came: for the row's key it fires again when the watermark is back. */
WEIR_CHECKED weir_status weir__window_fire_later(struct weir__window *, struct weir_rows *, int64_t row, int64_t start);
WEIR_CHECKED weir_status weir__window_fire_again(struct weir__window *, int64_t watermark);
void weir__window_forget_cut(struct weir__window *);

/* ---- merged slices ----------------------------------------------------------------------------------------------- */

/* [start, ...) up to the next time at which some window starts or ends; earliest, latest: starts of windows that hold it. */
struct weir__slice {
    int64_t start, earliest, latest;
};

/* Keys of one key group, by number. */
struct weir__number_slot {
    uint32_t tag, next; /* tag: low half of the key's hash; next: its number + 1, or 0: the slot is free */
};
struct weir__key_numbers { /* zeroed: none */
    struct weir__number_slot *slots;
    uint32_t n_slots, n;
    uint32_t *ends; /* of the keys' bytes, by number */
    uint8_t *bytes;
    size_t capacity;
};
#define WEIR__NO_NUMBER UINT32_MAX
/* Of a key, which gets the next one when it has none yet. WEIR__NO_NUMBER: no memory. */
uint32_t weir__key_number(struct weir__key_numbers *, const struct weir_key_ref *);
void weir__key_numbers_empty(struct weir__key_numbers *); /* keeps memory for about as many */
void weir__key_numbers_finish(struct weir__key_numbers *);
static inline weir_str weir__numbered_key(const struct weir__key_numbers *k, uint32_t number)
{
    uint32_t from = number > 0 ? k->ends[number - 1] : 0;
    return (weir_str){(const char *)k->bytes + from, k->ends[number] - from};
}

struct weir__merged_part { /* accumulators of a key group, by number of the key; arrival 0: there is none */
    char *values;
    uint32_t n, capacity;
};
struct weir__merged_group {
    struct weir__key_numbers keys;
    struct weir__merged_part back, *fronts; /* fronts: by level; those that have left keep their memory for the next ones */
    size_t n_fronts;                        /* >= n_levels where it was built */
};

struct weir__due_key { /* of one key group, when a window fires */
    uint64_t arrival;
    uint32_t number;
};

#define WEIR__BACK SIZE_MAX /* in the place of a level */

/* Two stacks: see merged_slices.c. */
struct weir__merged {
    struct weir__window *window;
    struct weir_state_set *state; /* of no entries: the texts of what is merged belong to it */
    struct weir__merged_group *groups;
    size_t stride;   /* of an accumulator and the next one */
    int64_t *levels; /* by start, descending: the last one is the earliest */
    size_t n_levels, levels_capacity;
    int64_t split; /* slices before it are in levels, from it on in the back */
    int64_t until; /* slices from here on are not merged yet */

    const struct weir__slice *slices; /* of the window being fired: to build levels from, or to add to the back */
    size_t n_slices;
    bool builds;

    const struct weir__merged_group *at; /* whose keys are due */
    struct weir__due_key *due, *sorted;  /* sorted: scratch of the same capacity */
    size_t n_due, due_capacity;
    char *sum; /* an accumulator, to merge two into */
};

void weir__merged_init(struct weir__merged *, struct weir__window *); /* after w->aggregates is made */
void weir__merged_finish(struct weir__merged *);
void weir__merged_forget(struct weir__merged *); /* all of it; it is made again when it is needed */
/* The next window, all of whose slices are these, in order; windows come in order of start. To be followed by one call of
 * group for each key group. */
void weir__merged_begin(struct weir__merged *, const struct weir__slice *, size_t n, int64_t start, int64_t end);
/* The group's keys into `due`, in order of arrival. */
WEIR_CHECKED weir_status weir__merged_group(struct weir__merged *, uint32_t group);
/* Of rows of slices that are merged already (row: one of them; -1: all), the accumulators in a level or in the back, into
 * w->values and w->created, which have the room. Row i of them is number first + i in order of arrival. */
WEIR_CHECKED weir_status weir__merged_edit(struct weir__merged *, struct weir_rows *, int64_t row, size_t level,
                                           uint64_t first);
/* The accumulator of a due key; valid until the next one is asked for. */
WEIR_CHECKED weir_status weir__merged_value(struct weir__merged *, const struct weir__due_key *, const void **value);

#endif
