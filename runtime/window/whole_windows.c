/* whole_windows.c - windows that share nothing: every window has accumulators of its own.
 *
 * Subtask's thread. The accumulator of (key, window) is the value of state 0 under namespace = the window's start. A window
 * is kept in the set of open windows from its first row to its cleanup; the set is made again from restored namespaces. This
 * way is for windows that do not overlap, and for aggregates that depend on the order of rows.
 */
#include "base/alloc.h"
#include "window/window_internal.h"

#define AT_ONCE 64 /* keys that fire */

struct whole {
    struct weir__window w;
    struct weir_open_windows open;
    /* Where firing stopped. */
    bool is_firing;
    size_t firing; /* index in open */
    uint32_t group;
    weir_cursor cursor;
};

static struct whole *whole_of(struct weir__window *w)
{
    return (struct whole *)(void *)w;
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static weir_status add_run_to_window(struct weir__window *w, struct weir_rows *run, int64_t start)
{
    struct weir_state_set *state = w->aggregates.state;
    weir_open_windows_at(&whole_of(w)->open, start);
    weir_status s = weir__window_edit(w, state, 0, run, NULL, run->view.length, start);
    if (s != WEIR_OK) return s;
    s = weir_aggregates_add(&w->aggregates, w->values, w->created);
    state->ops->settle(state);
    return s;
}

static weir_status add_run(struct weir__window *w, struct weir_rows *run, const struct weir_window_run *windows,
                           bool *accepted)
{
    weir_status s = WEIR_OK;
    for (uint32_t i = 0; s == WEIR_OK && i < windows->n; i++) {
        int64_t start = windows->first - (int64_t)i * w->times.slide_ms;
        if (weir__window_is_gone(w, start)) break; /* and so are all earlier ones */
        *accepted = true;
        s = add_run_to_window(w, run, start);
    }
    return s;
}

static weir_status add_row(struct weir__window *w, struct weir_rows *rows, int64_t row, int64_t start)
{
    struct weir_state_set *state = w->aggregates.state;
    uint32_t pick = (uint32_t)row;
    weir_open_windows_at(&whole_of(w)->open, start)->fired |= weir__window_has_fired(w, start);
    weir_status s = weir__window_edit(w, state, 0, rows, &pick, 1, start);
    if (s != WEIR_OK) return s;
    s = weir_aggregates_add_row(&w->aggregates, w->values[0], weir_bit(w->created, 0), row);
    if (s == WEIR_OK && weir__window_has_fired(w, start)) {
        s = weir__window_copy_key(w, rows, row);
        if (s == WEIR_OK) s = weir__window_add_result(w, w->values[0], start);
    }
    state->ops->settle(state);
    return s;
}

static void want(struct weir__window *w, const struct weir_window_run *windows, int64_t from, int64_t until)
{
    for (uint32_t i = 0; i < windows->n; i++) {
        int64_t start = windows->first - (int64_t)i * w->times.slide_ms;
        if (!weir__window_is_gone(w, start)) weir_op_ahead_want(&w->ahead, WEIR__CONTENT, start, from, until);
    }
}

/* ---- watermark --------------------------------------------------------------------------------------------------- */

/* As many keys as there is room for in a batch of results. */
static uint32_t next_keys(struct whole *f, int64_t start, struct weir_state_entry *entries)
{
    const weir_out *results = &f->w.aggregates.results.out;
    int64_t room = results->capacity - results->length;
    uint32_t most = room < AT_ONCE ? (uint32_t)room : AT_ONCE;
    return weir_state_next_entries(f->w.aggregates.state, 0, f->group, start, &f->cursor, entries, most);
}

static weir_status fire_keys(struct weir__window *w, const struct weir_state_entry *entries, uint32_t n, int64_t start)
{
    weir_status s = WEIR_OK;
    for (uint32_t i = 0; s == WEIR_OK && i < n; i++) {
        if (weir_key_decode(entries[i].key, entries[i].n, &w->keys) != WEIR_OK) return weir__window_no_memory(w);
        s = weir__window_add_result(w, entries[i].value, start);
    }
    return s;
}

/* Fires the keys of one window from where it stopped; MORE when a batch of results has left. */
static weir_status fire_window(struct whole *f, int64_t start)
{
    struct weir__window *w = &f->w;
    struct weir_state_entry entries[AT_ONCE];
    for (; f->group <= w->last_group; f->group++, f->cursor = (weir_cursor){0}) {
        if (weir__window_had_fired(w, start, f->group)) continue; /* for keys that got rows since: fired again */
        for (uint32_t n; (n = next_keys(f, start, entries)) > 0;) {
            weir_status s = fire_keys(w, entries, n, start);
            if (s != WEIR_OK) return s;
            if (w->op.outbox.n > 0) return WEIR_MORE;
        }
    }
    return weir__window_emit_results(w);
}

static weir_status fire(struct weir__window *w, int64_t watermark)
{
    struct whole *f = whole_of(w);
    if (!f->is_firing) {
        f->is_firing = true;
        f->firing = 0;
        f->group = w->first_group;
        f->cursor = (weir_cursor){0};
    }
    for (; f->firing < f->open.n; f->firing++, f->group = w->first_group, f->cursor = (weir_cursor){0}) {
        struct weir_open_window *window = &f->open.windows[f->firing];
        if (weir_window_max_time(&w->times, window->start) > watermark) break;
        if (window->fired) continue;
        if (w->op.outbox.n > 0) return WEIR_MORE;
        weir_status s = fire_window(f, window->start);
        if (s != WEIR_OK) return s;
        window->fired = true;
    }
    f->is_firing = false;
    return WEIR_OK;
}

static void drop(struct weir__window *w, int64_t watermark)
{
    struct whole *f = whole_of(w);
    while (f->open.n > 0 && weir_window_cleanup_time(&w->times, f->open.windows[0].start) <= watermark) {
        w->aggregates.state->ops->drop_namespace(w->aggregates.state, 0, f->open.windows[0].start);
        weir_open_windows_remove_first(&f->open);
    }
}

/* The latest window fires last. */
static bool waits(const struct weir__window *w)
{
    const struct weir_open_windows *open = &((const struct whole *)(const void *)w)->open;
    if (open->n == 0 || weir__window_has_fired(w, open->windows[open->n - 1].start)) return false;
    return weir_window_max_time(&w->times, open->windows[open->n - 1].start) > w->latest_cut;
}

static weir_status value_of(struct weir__window *w, const struct weir_key_ref *key, int64_t start, const void **value)
{
    *value = w->state->ops->value_get(w->state, WEIR__CONTENT, key, start);
    return *value ? WEIR_OK : weir_op_fail(&w->op, WEIR_E_BUG, "a window fires that holds nothing");
}

static void restored(struct weir__window *w)
{
    struct weir_open_windows *open = &whole_of(w)->open;
    const struct weir_state_ops *ops = w->state->ops;
    int64_t start = 0;
    for (uint32_t group = w->first_group; group <= w->last_group; group++) {
        for (bool more = ops->next_namespace(w->state, WEIR__CONTENT, group, true, 0, &start); more;
             more = ops->next_namespace(w->state, WEIR__CONTENT, group, false, start, &start))
            weir_open_windows_at(open, start);
    }
}

static void finish(struct weir__window *w)
{
    weir_open_windows_finish(&whole_of(w)->open);
}

static const struct weir__window_way whole_windows = {.add_run = add_run,
                                                      .add_row = add_row,
                                                      .want = want,
                                                      .fire = fire,
                                                      .drop = drop,
                                                      .waits = waits,
                                                      .value = value_of,
                                                      .restored = restored,
                                                      .finish = finish};

struct weir__window *weir__whole_windows_create(void)
{
    struct whole *f = weir_alloc(sizeof *f);
    f->w.way = &whole_windows;
    return &f->w;
}
