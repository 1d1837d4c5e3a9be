/* sliced_windows.c - overlapping windows of mergeable aggregates: rows are added to slices, windows are merged from them.
 *
 * Subtask's thread. A slice lies between two neighbouring times at which some window starts or ends (Krishnamurthy et al.,
 * "On-the-fly sharing for streamed aggregation", 2006), so a window is a whole number of slices. The accumulator of (key,
 * slice) is the value of state 0 under namespace = the slice's start, with the number of the row that came first, by which
 * the keys of a window are put in the order in which whole windows have them. A slice is kept from its first row until its
 * latest window is gone.
 *
 * Slices cannot tell what came before a cut from what came after it. So a window that was gone before the cut and gets rows
 * again, as it may until the watermark is back (window_cut.c), has accumulators of its own: state 1, by start.
 *
 * Invariants: (1) slices are sorted by start, and each holds something; (2) windows from next_start on have not fired, those
 * before it that hold something have, or fire key by key; (3) a row that comes behind what is merged already is added there
 * too. All of it but the accumulators is made again from restored namespaces and the watermark at the cut.
 */
#include <string.h>

#include "base/alloc.h"
#include "window/window_internal.h"

/* Times lie within 2^61 of the epoch, either way: no window ends before the first of these, nor after the second. */
#define FIRST_END (-WEIR_WINDOW_MOST_MS - 1)
#define LAST_END  (2 * WEIR_WINDOW_MOST_MS)

struct sliced {
    struct weir__window w;
    struct weir__slice *slices;
    size_t n, capacity;
    struct weir__merged merged;
    uint64_t arrivals;  /* rows so far */
    int64_t next_start; /* of the first window that may still have to fire */
    /* Where firing stopped. */
    bool is_firing, has_group;
    int64_t firing; /* start */
    uint32_t group;
    size_t at; /* in merged.due */
};

static struct sliced *sliced_of(struct weir__window *w)
{
    return (struct sliced *)(void *)w;
}

/* ---- the list of slices ------------------------------------------------------------------------------------------ */

/* Index of the first slice at or after a time. */
static size_t slice_from(const struct sliced *f, int64_t start)
{
    size_t low = 0, high = f->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (f->slices[middle].start < start)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* New slices are mostly the latest. */
static void keep_slice(struct sliced *f, const struct weir_window_run *windows)
{
    if (f->n > 0 && f->slices[f->n - 1].start == windows->from) return;
    size_t at = f->n > 0 && f->slices[f->n - 1].start > windows->from ? slice_from(f, windows->from) : f->n;
    if (at < f->n && f->slices[at].start == windows->from) return;
    WEIR_GROW(f->slices, f->capacity, f->n + 1);
    memmove(&f->slices[at + 1], &f->slices[at], (f->n - at) * sizeof *f->slices);
    f->slices[at] = (struct weir__slice){windows->from, windows->last, windows->first};
    f->n++;
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

/* What a row, or with `row` -1 all rows of a batch, add to is in w->values and w->created; it belongs to `set`. */
static weir_status add(struct sliced *f, struct weir_state_set *set, int64_t row)
{
    struct weir__window *w = &f->w;
    weir_aggregates_use(&w->aggregates, set);
    if (row < 0) return weir_aggregates_add(&w->aggregates, w->values, w->created);
    return weir_aggregates_add_row(&w->aggregates, w->values[0], weir_bit(w->created, 0), row);
}

/* Into one namespace. */
static weir_status add_to(struct sliced *f, uint32_t state, struct weir_rows *rows, int64_t row, int64_t ns)
{
    struct weir__window *w = &f->w;
    uint32_t pick = (uint32_t)row;
    int64_t n = row < 0 ? rows->view.length : 1;
    weir_status s = weir__window_edit(w, w->state, state, rows, row < 0 ? NULL : &pick, n, ns);
    if (s != WEIR_OK) return s;
    for (int64_t first = 0; first < n; first += 8) {
        for (uint32_t bits = w->created[first >> 3]; bits; bits &= bits - 1) {
            int64_t i = first + __builtin_ctz(bits);
            *weir_aggregates_arrival(&w->aggregates, w->values[i]) = f->arrivals + 1 + (uint64_t)i;
        }
    }
    return add(f, w->state, row);
}

static weir_status add_to_merged(struct sliced *f, struct weir_rows *rows, int64_t row, size_t level)
{
    weir_status s = weir__merged_edit(&f->merged, rows, row, level, f->arrivals + 1);
    return s == WEIR_OK ? add(f, f->merged.state, row) : s;
}

/* Into the slice, and into what it has been merged into already. */
static weir_status add_to_slice(struct sliced *f, struct weir_rows *rows, int64_t row, const struct weir_window_run *windows)
{
    struct weir_state_set *state = f->w.aggregates.state;
    struct weir__merged *m = &f->merged;
    keep_slice(f, windows);
    weir_status s = add_to(f, WEIR__CONTENT, rows, row, windows->from);
    for (size_t i = 0; s == WEIR_OK && windows->from < m->split && i < m->n_levels; i++) {
        if (m->levels[i] <= windows->from) s = add_to_merged(f, rows, row, i);
    }
    if (s == WEIR_OK && windows->from >= m->split && windows->from < m->until) s = add_to_merged(f, rows, row, WEIR__BACK);
    weir_aggregates_use(&f->w.aggregates, state);
    f->arrivals += row < 0 ? (uint64_t)rows->view.length : 1;
    state->ops->settle(state);
    return s;
}

static weir_status add_run(struct weir__window *w, struct weir_rows *run, const struct weir_window_run *windows,
                           bool *accepted)
{
    *accepted = windows->n > 0 && !weir__window_is_gone(w, windows->first);
    return *accepted ? add_to_slice(sliced_of(w), run, -1, windows) : WEIR_OK;
}

static weir_status take_row(struct weir__window *w, struct weir_rows *rows, int64_t row,
                            const struct weir_window_run *windows)
{
    if (weir__window_was_gone(w, windows->first, rows->keys.key_group[row])) return WEIR_OK; /* and so were all others */
    return add_to_slice(sliced_of(w), rows, row, windows);
}

static void want(struct weir__window *w, const struct weir_window_run *windows, int64_t from, int64_t until)
{
    if (windows->n > 0 && !weir__window_is_gone(w, windows->first))
        weir_op_ahead_want(&w->ahead, WEIR__CONTENT, windows->from, from, until);
}

/* What the slices of one window hold for one key, into merged.sum. */
static weir_status merge_key(struct sliced *f, const struct weir_key_ref *key, int64_t start)
{
    struct weir_aggregates *a = &f->w.aggregates;
    weir_status s = WEIR_OK;
    bool first = true;
    weir_aggregates_clear(a, f->merged.state, f->merged.sum);
    for (size_t i = slice_from(f, start); s == WEIR_OK && i < f->n; i++) {
        if (f->slices[i].start - start >= f->w.times.size_ms) break;
        const void *part = a->state->ops->value_get(a->state, 0, key, f->slices[i].start);
        if (!part) continue;
        s = first ? weir_aggregates_copy(a, f->merged.state, f->merged.sum, part)
                  : weir_aggregates_merge(a, f->merged.sum, part);
        first = false;
    }
    return s;
}

static weir_status value_of(struct weir__window *w, const struct weir_key_ref *key, int64_t start, const void **value)
{
    struct sliced *f = sliced_of(w);
    if (weir__window_was_gone(w, start, key->group)) {
        *value = w->state->ops->value_get(w->state, WEIR__COME_BACK, key, start);
        return *value ? WEIR_OK : weir_op_fail(&w->op, WEIR_E_BUG, "a window fires that holds nothing");
    }
    weir_aggregates_use(&w->aggregates, f->merged.state);
    weir_status s = merge_key(f, key, start);
    weir_aggregates_use(&w->aggregates, w->state);
    *value = f->merged.sum;
    return s;
}

/* A late row within the allowed lateness: the window's slices are merged for its key alone. */
static weir_status add_row(struct weir__window *w, struct weir_rows *rows, int64_t row, int64_t start)
{
    struct weir_key_ref key;
    const void *value;
    weir_status s = WEIR_OK;
    if (weir__window_was_gone(w, start, rows->keys.key_group[row]))
        s = add_to(sliced_of(w), WEIR__COME_BACK, rows, row, start);
    if (s != WEIR_OK || !weir__window_has_fired(w, start)) return s;
    s = weir__window_key_of(w, rows, row, &key);
    if (s == WEIR_OK) s = value_of(w, &key, start, &value);
    if (s == WEIR_OK) s = weir__window_copy_key(w, rows, row);
    return s == WEIR_OK ? weir__window_add_result(w, value, start) : s;
}

/* ---- watermark --------------------------------------------------------------------------------------------------- */

/* The start of the first window that ends behind a watermark. */
static int64_t start_behind(const struct weir_time_windows *c, int64_t watermark)
{
    if (watermark < FIRST_END) watermark = FIRST_END;
    if (watermark > LAST_END) watermark = LAST_END;
    return weir_window_start(watermark + 1 - c->size_ms, c->offset_ms, c->slide_ms) + c->slide_ms;
}

/* The first window that has not fired and holds a slice. */
static bool next_window(struct sliced *f, int64_t watermark)
{
    for (size_t i = 0; i < f->n; i++) {
        const struct weir__slice *slice = &f->slices[i];
        if (slice->latest < f->next_start) continue;
        f->firing = slice->earliest > f->next_start ? slice->earliest : f->next_start;
        return weir_window_max_time(&f->w.times, f->firing) <= watermark;
    }
    return false;
}

static void begin_window(struct sliced *f)
{
    int64_t end = f->firing + f->w.times.size_ms;
    size_t from = slice_from(f, f->firing), to = slice_from(f, end);
    weir__merged_begin(&f->merged, f->slices + from, to - from, f->firing, end);
    f->is_firing = true;
    f->group = f->w.first_group;
    f->has_group = false;
}

static weir_status fire_key(struct sliced *f, const struct weir__due_key *due)
{
    struct weir__window *w = &f->w;
    const void *value;
    weir_str key = weir__numbered_key(&f->merged.at->keys, due->number);
    if (weir_key_decode((const uint8_t *)key.p, key.n, &w->keys) != WEIR_OK) return weir__window_no_memory(w);
    weir_status s = weir__merged_value(&f->merged, due, &value);
    return s == WEIR_OK ? weir__window_add_result(w, value, f->firing) : s;
}

/* Goes on where it stopped; MORE when a batch of results has left. */
static weir_status fire_window(struct sliced *f)
{
    for (; f->group <= f->w.last_group; f->group++, f->has_group = false) {
        weir_status s = f->has_group ? WEIR_OK : weir__merged_group(&f->merged, f->group);
        if (s != WEIR_OK) return s;
        if (!f->has_group) f->at = weir__window_had_fired(&f->w, f->firing, f->group) ? f->merged.n_due : 0;
        f->has_group = true;
        while (f->at < f->merged.n_due) {
            s = fire_key(f, &f->merged.due[f->at++]);
            if (s != WEIR_OK) return s;
            if (f->w.op.outbox.n > 0) return WEIR_MORE;
        }
    }
    return weir__window_emit_results(&f->w);
}

static weir_status fire_due(struct sliced *f, int64_t watermark)
{
    while (f->is_firing || next_window(f, watermark)) {
        if (f->w.op.outbox.n > 0) return WEIR_MORE;
        if (!f->is_firing) begin_window(f);
        weir_status s = fire_window(f);
        if (s != WEIR_OK) return s;
        f->is_firing = false;
        f->next_start = f->firing + f->w.times.slide_ms;
    }
    int64_t behind = start_behind(&f->w.times, watermark);
    if (behind > f->next_start) f->next_start = behind;
    return WEIR_OK;
}

static weir_status fire(struct weir__window *w, int64_t watermark)
{
    struct sliced *f = sliced_of(w);
    weir_aggregates_use(&w->aggregates, f->merged.state);
    weir_status s = fire_due(f, watermark);
    weir_aggregates_use(&w->aggregates, w->aggregates.state);
    return s;
}

static void drop_come_back(struct weir__window *w, int64_t watermark)
{
    const struct weir_state_ops *ops = w->state->ops;
    int64_t start = 0;
    for (uint32_t group = w->first_group; group <= w->last_group; group++) {
        while (ops->next_namespace(w->state, WEIR__COME_BACK, group, true, 0, &start) &&
               weir_window_cleanup_time(&w->times, start) <= watermark)
            ops->drop_namespace(w->state, WEIR__COME_BACK, start);
    }
}

static void drop(struct weir__window *w, int64_t watermark)
{
    struct sliced *f = sliced_of(w);
    if (w->cut_at) drop_come_back(w, watermark);
    size_t n = 0;
    for (; n < f->n && weir_window_cleanup_time(&w->times, f->slices[n].latest) <= watermark; n++)
        w->aggregates.state->ops->drop_namespace(w->aggregates.state, 0, f->slices[n].start);
    f->n -= n;
    if (n > 0) memmove(f->slices, f->slices + n, f->n * sizeof *f->slices);
    if (f->n == 0) weir__merged_forget(&f->merged);
}

/* The latest window fires last. */
static bool waits(const struct weir__window *w)
{
    const struct sliced *f = (const struct sliced *)(const void *)w;
    if (f->n == 0 || weir__window_has_fired(w, f->slices[f->n - 1].latest)) return false;
    return weir_window_max_time(&w->times, f->slices[f->n - 1].latest) > w->latest_cut;
}

/* ---- after a cut ------------------------------------------------------------------------------------------------- */

static void restore_slice(struct sliced *f, uint32_t group, int64_t start)
{
    const struct weir_window_run windows = weir_windows_of(&f->w.times, start);
    struct weir_key_ref key;
    weir_cursor cursor = {0};
    void *value;
    keep_slice(f, &windows);
    while (f->w.state->ops->next_key(f->w.state, WEIR__CONTENT, group, start, &cursor, &key, &value)) {
        uint64_t arrival = *weir_aggregates_arrival(&f->w.aggregates, value);
        if (arrival > f->arrivals) f->arrivals = arrival;
    }
}

/* Arrivals are compared within a key group, whose keys all come from one subtask. */
static void restored(struct weir__window *w)
{
    const struct weir_state_ops *ops = w->state->ops;
    struct sliced *f = sliced_of(w);
    int64_t start = 0, first = INT64_MAX;
    for (uint32_t group = w->first_group; group <= w->last_group; group++) {
        for (bool more = ops->next_namespace(w->state, WEIR__CONTENT, group, true, 0, &start); more;
             more = ops->next_namespace(w->state, WEIR__CONTENT, group, false, start, &start))
            restore_slice(f, group, start);
        if (w->cut_at && w->cut_at[group - w->first_group] < first) first = w->cut_at[group - w->first_group];
    }
    if (w->cut_at) f->next_start = start_behind(&w->times, first);
}

static void finish(struct weir__window *w)
{
    struct sliced *f = sliced_of(w);
    weir__merged_finish(&f->merged);
    weir_free(f->slices);
}

static const struct weir__window_way sliced_windows = {.add_run = add_run,
                                                       .take_row = take_row,
                                                       .add_row = add_row,
                                                       .want = want,
                                                       .fire = fire,
                                                       .drop = drop,
                                                       .waits = waits,
                                                       .value = value_of,
                                                       .restored = restored,
                                                       .finish = finish};

struct weir__window *weir__sliced_windows_create(void)
{
    struct sliced *f = weir_alloc(sizeof *f);
    f->w.way = &sliced_windows;
    f->next_start = INT64_MIN;
    return &f->w;
}

void weir__sliced_windows_init(struct weir__window *w)
{
    weir__merged_init(&sliced_of(w)->merged, w);
}
