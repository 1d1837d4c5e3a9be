/* window_op.c - keyed tumbling and sliding event-time windows with aggregates, lateness and a late side output (semantics
 * A5.2, A5.5).
 *
 * Subtask's thread. The accumulator of (key, window) is the value of state 0 under namespace = the window's start. A window
 * is kept in the set of open windows from its first row to its cleanup; the event-time trigger needs no timer per key, since
 * all keys of a window fire at the same watermark.
 *
 *   row:        skip windows whose cleanup time the watermark has passed; add to the others; a window that has fired already
 *   (the row is late, but within the
 *               allowed lateness) fires again at once for this row's key, with everything accumulated. Accepted by no window
 *               and late: late side output, and counted.
 *   watermark:  windows whose max time it has reached fire in order of start; those whose cleanup time it has reached are
 *   dropped.
 *
 * Rows are handled in runs that fall into the same windows, so that state is looked up and aggregated for many rows at once;
 * rows of runs that touch a fired window go one by one, since each emits. Firing stops after a batch of results and goes on
 * at the next call. Keys fire in the order of key group, then first row.
 */
#include "window/window_op.h"

#include <string.h>

#include "base/alloc.h"
#include "window/general_internal.h"
#include "window/time_windows.h"

#define MOST_WINDOWS (1 << 20) /* of one record */

struct window_op {
    struct weir_op op;
    const struct weir_stream_node *node;
    const struct weir_window_config *config;
    struct weir_aggregates aggregates;
    struct weir_builder keys; /* the key columns of results, in step with aggregates.results */
    struct weir_open_windows open;
    uint32_t first_group, last_group;

    void **values; /* scratch, by row of a run */
    uint8_t *created;
    size_t scratch_rows;

    /* Where row-by-row handling or firing stopped for want of room. */
    uint32_t window_at; /* windows of the current row that are done */
    bool row_accepted;
    bool is_firing;
    size_t firing; /* index in open */
    uint32_t group;
    weir_cursor cursor;
};

static struct window_op *window_of(struct weir_op *op)
{
    return (struct window_op *)(void *)op;
}

static weir_status no_memory(struct window_op *w)
{
    return weir_op_fail(&w->op, WEIR_E_MEMORY, "no memory for window state");
}

/* ---- results ----------------------------------------------------------------------------------------------------- */

/* Key columns and result columns, built side by side, become the rows of the stream. */
static weir_status emit_results(struct window_op *w)
{
    int32_t forgotten;
    struct weir_builder *results = &w->aggregates.results;
    if (results->out.length == 0) return WEIR_OK;
    struct weir_rows *keys = weir_builder_take(&w->keys, 0, NULL, &forgotten);
    struct weir_rows *rows = keys ? weir_builder_take(results, keys->n_owned, NULL, &forgotten) : NULL;
    if (!rows) {
        weir_rows_release(keys);
        return no_memory(w);
    }
    for (uint32_t i = 0; i < w->node->n_key_fields; i++) rows->columns[i] = keys->columns[i];
    for (uint32_t i = 0; i < keys->n_owned; i++) weir_rows_own(rows, weir_buffer_retain(keys->owned[i]));
    weir_rows_release(keys);
    if (forgotten >= 0) {
        weir_rows_release(rows);
        return weir_op_fail(&w->op, WEIR_E_PLUGIN, "aggregate '%s' did not write its result",
                            w->config->aggregates[forgotten].name);
    }
    return weir_op_emit(&w->op, 0, rows);
}

static weir_status add_result(struct window_op *w, const void *value, int64_t start)
{
    weir_status s = weir_aggregates_result(&w->aggregates, value, start, start + w->config->size_ms,
                                           weir_window_max_time(w->config, start));
    if (s == WEIR_OK && w->aggregates.results.out.length == w->aggregates.results.out.capacity) s = emit_results(w);
    return s;
}

/* ---- rows: a run that falls into the same windows ---------------------------------------------------------------- */

static weir_status reserve_scratch(struct window_op *w, size_t rows)
{
    if (rows <= w->scratch_rows) return WEIR_OK;
    void **values = weir_try_realloc(w->values, rows * sizeof *values);
    if (values) w->values = values;
    uint8_t *created = weir_try_realloc(w->created, (rows + 7) / 8);
    if (created) w->created = created;
    if (!values || !created) return no_memory(w);
    w->scratch_rows = rows;
    return WEIR_OK;
}

static weir_status add_run_to_window(struct window_op *w, struct weir_rows *run, int64_t start)
{
    struct weir_state_set *state = w->aggregates.state;
    int64_t n = run->view.length;
    weir_open_windows_at(&w->open, start);
    memset(w->created, 0, (size_t)(n + 7) / 8);
    weir_status s = state->ops->value_edit_rows(state, 0, run, w->node->key_fields, w->node->n_key_fields, NULL, n, start,
                                                w->values, w->created);
    if (s != WEIR_OK) return no_memory(w);
    s = weir_aggregates_add(&w->aggregates, w->values, w->created);
    state->ops->settle(state);
    return s;
}

/* Rows that no window takes are late, or lie between windows. The late ones leave as one selection of the run. */
static weir_status drop_late(struct window_op *w, struct weir_rows *run, struct weir_buffer *bits)
{
    int64_t late = 0, first = 0;
    memset(bits->bytes, 0, (size_t)(run->view.length + 7) / 8);
    for (int64_t i = 0; i < run->view.length; i++) {
        int64_t last;
        if (__builtin_add_overflow(run->view.time[i], w->config->lateness_ms, &last)) last = INT64_MAX;
        if (last > w->op.watermark) continue;
        bits->bytes[i >> 3] |= (uint8_t)(1u << (i & 7));
        if (late++ == 0) first = run->view.time[i];
    }
    if (late > 0) weir__count_late(&w->op, w->config, first, (uint64_t)late);
    if (late == 0 || !w->config->late_output) {
        weir_buffer_release(bits);
        return WEIR_OK;
    }
    struct weir_rows *rows = weir_rows_select(w->op.env->pool, run, bits, late);
    return rows ? weir_op_emit(&w->op, 1, rows) : no_memory(w);
}

static weir_status refuse_rows(struct window_op *w, struct weir_rows *run)
{
    struct weir_buffer *bits = weir_pool_take(w->op.env->pool, (size_t)(run->view.length + 63) / 64 * 8);
    return bits ? drop_late(w, run, bits) : no_memory(w);
}

/* All windows of the run are still to fire, or gone. */
static weir_status add_run(struct window_op *w, struct weir_rows *run, const struct weir_window_run *windows)
{
    uint32_t accepted = 0;
    weir_status s = reserve_scratch(w, (size_t)run->view.length);
    if (s == WEIR_OK) s = weir_aggregates_begin(&w->aggregates, run);
    for (uint32_t i = 0; s == WEIR_OK && i < windows->n; i++) {
        int64_t start = windows->first - (int64_t)i * w->config->slide_ms;
        if (weir_window_cleanup_time(w->config, start) <= w->op.watermark) break; /* and so are all earlier ones */
        accepted++;
        s = add_run_to_window(w, run, start);
    }
    weir_status ended = weir_aggregates_end(&w->aggregates);
    if (s != WEIR_OK || ended != WEIR_OK) return s != WEIR_OK ? s : ended;
    if (accepted == 0) return refuse_rows(w, run);
    weir_count(&w->op.counters.accepted, (uint64_t)run->view.length);
    return WEIR_OK;
}

/* ---- rows that touch a window that has fired --------------------------------------------------------------------- */

static weir_status copy_key(struct window_op *w, struct weir_rows *rows, int64_t row)
{
    for (uint32_t k = 0; k < w->node->n_key_fields; k++) {
        if (weir_builder_copy_cell(&w->keys, k, &rows->columns[w->node->key_fields[k]], row) != WEIR_OK) return no_memory(w);
    }
    w->keys.out.time[w->keys.out.length++] = WEIR_NO_TIME;
    return WEIR_OK;
}

/* One row into one window; fires for its key when the window has fired before. */
static weir_status add_row_to_window(struct window_op *w, struct weir_rows *rows, int64_t row, int64_t start)
{
    struct weir_state_set *state = w->aggregates.state;
    uint32_t pick = (uint32_t)row;
    uint8_t created = 0;
    void *value;
    weir_open_windows_at(&w->open, start)->fired |= weir_window_max_time(w->config, start) <= w->op.watermark;
    weir_status s = state->ops->value_edit_rows(state, 0, rows, w->node->key_fields, w->node->n_key_fields, &pick, 1, start,
                                                &value, &created);
    if (s != WEIR_OK) return no_memory(w);
    s = weir_aggregates_add_row(&w->aggregates, value, created & 1, row);
    if (s == WEIR_OK && weir_window_max_time(w->config, start) <= w->op.watermark) {
        s = copy_key(w, rows, row);
        if (s == WEIR_OK) s = add_result(w, value, start);
    }
    state->ops->settle(state);
    return s;
}

/* The windows of one row that are left to do; stops when results fill a batch. */
static weir_status add_row(struct window_op *w, struct weir_rows *rows, int64_t row, const struct weir_window_run *windows)
{
    weir_status s = WEIR_OK;
    for (; s == WEIR_OK && w->window_at < windows->n && w->op.outbox.n == 0; w->window_at++) {
        int64_t start = windows->first - (int64_t)w->window_at * w->config->slide_ms;
        if (weir_window_cleanup_time(w->config, start) <= w->op.watermark) continue;
        w->row_accepted = true;
        s = add_row_to_window(w, rows, row, start);
    }
    if (s != WEIR_OK || w->window_at < windows->n) return s == WEIR_OK ? WEIR_MORE : s;
    weir_count(&w->op.counters.accepted, w->row_accepted);
    w->window_at = 0;
    w->row_accepted = false;
    return WEIR_OK;
}

/* ---- rows: the batch --------------------------------------------------------------------------------------------- */

/* The rows from `from` on that fall into the same windows as row `from`. */
static int64_t run_length(struct window_op *w, const weir_batch *b, int64_t from, struct weir_window_run *windows)
{
    *windows = weir_windows_of(w->config, b->time[from]);
    int64_t until = from + 1;
    while (until < b->length && b->time[until] >= windows->from && b->time[until] < windows->until) until++;
    return until - from;
}

static weir_status refuse_time(struct window_op *w, int64_t time)
{
    if (time == WEIR_NO_TIME) {
        return weir_op_fail(&w->op, WEIR_E_DATA,
                            "a record without an event time came to an event-time window; give its source, or a node before "
                            "the window, a `time:` step");
    }
    return weir_op_fail(&w->op, WEIR_E_DATA,
                        "the event time %lld ms of a record is more than 73 million years from the epoch; is the field in "
                        "milliseconds?",
                        (long long)time);
}

static weir_status check_times(struct window_op *w, const weir_batch *b)
{
    for (int64_t i = 0; i < b->length; i++) {
        if (b->time[i] < -WEIR_WINDOW_MOST_MS || b->time[i] > WEIR_WINDOW_MOST_MS) return refuse_time(w, b->time[i]);
    }
    return WEIR_OK;
}

/* Some window of the run has fired and still takes late rows: each of them re-fires, row by row. */
static bool touches_fired(const struct window_op *w, const struct weir_window_run *windows)
{
    if (windows->n == 0 || weir_window_max_time(w->config, windows->last) > w->op.watermark) return false;
    for (uint32_t i = 0; i < windows->n; i++) {
        int64_t start = windows->first - (int64_t)i * w->config->slide_ms;
        if (weir_window_max_time(w->config, start) <= w->op.watermark &&
            weir_window_cleanup_time(w->config, start) > w->op.watermark)
            return true;
    }
    return false;
}

static weir_status handle_run(struct window_op *w, struct weir_rows *rows, int64_t *row)
{
    struct weir_window_run windows;
    int64_t n = run_length(w, &rows->view, *row, &windows);
    bool whole = *row == 0 && n == rows->view.length;
    struct weir_rows *run = whole ? weir_rows_retain(rows) : weir_rows_slice(w->op.env->pool, rows, *row, n);
    if (!run) return no_memory(w);
    weir_status s = add_run(w, run, &windows);
    weir_rows_release(run);
    if (s == WEIR_OK) *row += n;
    return s;
}

static weir_status handle_late_row(struct window_op *w, struct weir_rows *rows, int64_t *row)
{
    struct weir_window_run windows = weir_windows_of(w->config, rows->view.time[*row]);
    weir_status s = weir_aggregates_begin(&w->aggregates, rows);
    if (s == WEIR_OK) s = add_row(w, rows, *row, &windows);
    weir_status ended = weir_aggregates_end(&w->aggregates);
    if (s == WEIR_OK) ++*row;
    return s < 0 || ended == WEIR_OK ? s : ended;
}

static weir_status window_rows(struct weir_op *op, uint32_t input, struct weir_rows *rows, int64_t *row)
{
    struct window_op *w = window_of(op);
    weir_status s = *row == 0 && w->window_at == 0 ? check_times(w, &rows->view) : WEIR_OK;
    (void)input;
    while (s == WEIR_OK && *row < rows->view.length && op->outbox.n == 0) {
        struct weir_window_run windows = weir_windows_of(w->config, rows->view.time[*row]);
        s = touches_fired(w, &windows) ? handle_late_row(w, rows, row) : handle_run(w, rows, row);
    }
    if (s < 0) return s;
    weir_status emitted = emit_results(w);
    if (emitted != WEIR_OK) return emitted;
    return *row == rows->view.length ? WEIR_OK : WEIR_MORE;
}

/* ---- watermark --------------------------------------------------------------------------------------------------- */

/* Fires the keys of one window from where it stopped; MORE when a batch of results has left. */
static weir_status fire_window(struct window_op *w, int64_t start)
{
    struct weir_state_set *state = w->aggregates.state;
    struct weir_key_ref key;
    void *value;
    weir_status s = WEIR_OK;
    for (; w->group <= w->last_group; w->group++, w->cursor = (weir_cursor){0}) {
        while (state->ops->next_key(state, 0, w->group, start, &w->cursor, &key, &value)) {
            s = weir_key_decode(key.p, key.n, &w->keys);
            if (s != WEIR_OK) return no_memory(w);
            s = add_result(w, value, start);
            if (s != WEIR_OK) return s;
            if (w->op.outbox.n > 0) return WEIR_MORE;
        }
    }
    return emit_results(w);
}

static weir_status fire_due(struct window_op *w, int64_t watermark)
{
    if (!w->is_firing) {
        w->is_firing = true;
        w->firing = 0;
        w->group = w->first_group;
        w->cursor = (weir_cursor){0};
    }
    for (; w->firing < w->open.n; w->firing++, w->group = w->first_group, w->cursor = (weir_cursor){0}) {
        struct weir_open_window *window = &w->open.windows[w->firing];
        if (weir_window_max_time(w->config, window->start) > watermark) break;
        if (window->fired) continue;
        if (w->op.outbox.n > 0) return WEIR_MORE;
        weir_status s = fire_window(w, window->start);
        if (s != WEIR_OK) return s;
        window->fired = true;
    }
    w->is_firing = false;
    return WEIR_OK;
}

static weir_status on_watermark(struct weir_op *op, int64_t watermark)
{
    struct window_op *w = window_of(op);
    weir_status s = fire_due(w, watermark);
    weir_status ended = weir_aggregates_end(&w->aggregates);
    if (s >= 0 && ended < 0) s = ended;
    if (s != WEIR_OK) return s;
    while (w->open.n > 0 && weir_window_cleanup_time(w->config, w->open.windows[0].start) <= watermark) {
        w->aggregates.state->ops->drop_namespace(w->aggregates.state, 0, w->open.windows[0].start);
        weir_open_windows_remove_first(&w->open);
    }
    return WEIR_OK;
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

static weir_status open_op(struct weir_op *op)
{
    return weir_aggregates_open(&window_of(op)->aggregates);
}

static void close_op(struct weir_op *op)
{
    weir_aggregates_close(&window_of(op)->aggregates);
}

static void destroy_op(struct weir_op *op)
{
    struct window_op *w = window_of(op);
    weir_aggregates_finish(&w->aggregates);
    weir_builder_finish(&w->keys);
    weir_open_windows_finish(&w->open);
    weir_free(w->values);
    weir_free(w->created);
    weir_outbox_finish(&op->outbox);
    weir_free(w);
}

static const struct weir_op_class window_class = {.name = "window",
                                                  .open = open_op,
                                                  .rows = window_rows,
                                                  .watermark = on_watermark,
                                                  .close = close_op,
                                                  .destroy = destroy_op};

static weir_status make_keys(struct window_op *w, struct weir_error *error)
{
    uint32_t n = w->node->n_key_fields;
    uint32_t *written = weir_alloc_array(n, sizeof *written);
    for (uint32_t i = 0; i < n; i++) written[i] = i;
    weir_status s = weir_builder_init(&w->keys, w->op.env->pool, w->node->outputs[0].schema, written, n,
                                      w->op.env->batch_rows, true, false, error);
    weir_free(written);
    return s;
}

static weir_status check_config(const struct weir_window_config *c, struct weir_error *error)
{
    int64_t windows = c->size_ms / c->slide_ms;
    if (c->size_ms > WEIR_WINDOW_MOST_MS || c->slide_ms > WEIR_WINDOW_MOST_MS) {
        return weir_error_set(error, WEIR_E_CONFIG, "the size and slide of a window are at most %lldd",
                              (long long)(WEIR_WINDOW_MOST_MS / 86400000));
    }
    if (windows <= MOST_WINDOWS) return WEIR_OK;
    return weir_error_set(error, WEIR_E_CONFIG,
                          "each record would be in %lld windows, and more than %d are not sensible; make the "
                          "slide longer",
                          (long long)windows, MOST_WINDOWS);
}

struct weir_op *weir_window_op_create(const struct weir_stream_node *node, const struct weir_op_env *env,
                                      struct weir_registry *registry, const char *where, struct weir_error *error)
{
    if (node->window.kind == WEIR_WINDOW_GENERAL)
        return weir__general_window_op_create(node, env, registry, where, error);
    struct window_op *w = weir_alloc(sizeof *w);
    weir_op_init(&w->op, &window_class, env, where);
    w->node = node;
    w->config = &node->window;
    weir_key_group_range(env->subtask, env->parallelism, env->max_parallelism, &w->first_group, &w->last_group);
    weir_status s = check_config(w->config, error);
    if (s == WEIR_OK) s = make_keys(w, error);
    if (s == WEIR_OK) s = weir_aggregates_init(&w->aggregates, node, &w->op, registry, error);
    if (s == WEIR_OK) return &w->op;
    destroy_op(&w->op);
    return NULL;
}
