/* window_op.c - keyed periodic event-time windows (tumbling, sliding, and what else declares itself so) with aggregates,
 * lateness and a late side output (semantics A5.2, A5.5): what is the same however windows keep their content.
 *
 * Subtask's thread. The event-time trigger needs no timer per key, since all keys of a window fire at the same watermark.
 *
 *   row:        skip windows whose cleanup time the watermark has passed; add to the others; a window that has fired already
 *               (the row is late, but within the allowed lateness) fires again at once for this row's key, with everything
 *               accumulated. Accepted by no window and late: late side output, and counted.
 *   watermark:  windows whose max time it has reached fire in order of start; what is past its cleanup time is dropped.
 *
 * Rows are handled in runs that fall into the same windows, so that state is looked up and aggregated for many rows at once;
 * rows of runs that touch a fired window go one by one, since each emits. Firing stops after a batch of results and goes on
 * at the next call. Keys fire in the order of key group, then first row.
 */
#include "window/window_op.h"

#include <string.h>

#include "base/alloc.h"
#include "operator/backend.h"
#include "window/general_internal.h"
#include "window/window_internal.h"

weir_status weir__window_no_memory(struct weir__window *w)
{
    return weir_op_fail(&w->op, WEIR_E_MEMORY, "no memory for window state");
}

/* ---- results ----------------------------------------------------------------------------------------------------- */

/* Key columns and result columns, built side by side, become the rows of the stream. */
weir_status weir__window_emit_results(struct weir__window *w)
{
    int32_t forgotten;
    struct weir_builder *results = &w->aggregates.results;
    if (results->out.length == 0) return WEIR_OK;
    struct weir_rows *keys = weir_builder_take(&w->keys, 0, NULL, &forgotten);
    struct weir_rows *rows = keys ? weir_builder_take(results, 0, NULL, &forgotten) : NULL;
    if (!rows) {
        weir_rows_release(keys);
        return weir__window_no_memory(w);
    }
    for (uint32_t i = 0; i < w->node->n_key_fields; i++) rows->columns[i] = keys->columns[i];
    weir_rows_keep(rows, keys);
    weir_rows_release(keys);
    if (forgotten >= 0) {
        weir_rows_release(rows);
        return weir_op_fail(&w->op, WEIR_E_PLUGIN, "aggregate '%s' did not write its result",
                            w->config->aggregates[forgotten].name);
    }
    return weir_op_emit(&w->op, 0, rows);
}

weir_status weir__window_add_result(struct weir__window *w, const void *value, int64_t start)
{
    weir_status s = weir_aggregates_result(&w->aggregates, value, start, start + w->times.size_ms,
                                           weir_window_max_time(&w->times, start));
    if (s == WEIR_OK && w->aggregates.results.out.length == w->aggregates.results.out.capacity)
        s = weir__window_emit_results(w);
    return s;
}

/* ---- rows: a run that falls into the same windows ---------------------------------------------------------------- */

static weir_status reserve_scratch(struct weir__window *w, size_t rows)
{
    if (rows <= w->scratch_rows) return WEIR_OK;
    if (!WEIR_TRY_RESIZE(w->values, rows) || !WEIR_TRY_RESIZE(w->created, (rows + 7) / 8)) return weir__window_no_memory(w);
    w->scratch_rows = rows;
    return WEIR_OK;
}

weir_status weir__window_edit(struct weir__window *w, struct weir_state_set *set, uint32_t state, struct weir_rows *rows,
                              const uint32_t *picks, int64_t n, int64_t ns)
{
    memset(w->created, 0, (size_t)(n + 7) / 8);
    weir_status s = set->ops->value_edit_rows(set, state, rows, w->node->key_fields, w->node->n_key_fields, picks, n, ns,
                                              w->values, w->created);
    return s == WEIR_OK ? WEIR_OK : weir__window_no_memory(w);
}

/* Rows that no window takes are late, or lie between windows. The late ones leave as one selection of the run. */
static weir_status drop_late(struct weir__window *w, struct weir_rows *run, struct weir_buffer *bits)
{
    int64_t late = 0, first = 0;
    memset(bits->bytes, 0, (size_t)(run->view.length + 7) / 8);
    for (int64_t i = 0; i < run->view.length; i++) {
        int64_t last;
        if (__builtin_add_overflow(run->view.time[i], w->times.lateness_ms, &last)) last = INT64_MAX;
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
    return rows ? weir_op_emit(&w->op, 1, rows) : weir__window_no_memory(w);
}

static weir_status refuse_rows(struct weir__window *w, struct weir_rows *run)
{
    struct weir_buffer *bits = weir_pool_take(w->op.env->pool, (size_t)(run->view.length + 63) / 64 * 8);
    return bits ? drop_late(w, run, bits) : weir__window_no_memory(w);
}

/* All windows of the run are still to fire, or gone. */
static weir_status add_run(struct weir__window *w, struct weir_rows *run, const struct weir_window_run *windows)
{
    bool accepted = false;
    weir_status s = reserve_scratch(w, (size_t)run->view.length);
    if (s == WEIR_OK) s = weir_aggregates_begin(&w->aggregates, run);
    if (s == WEIR_OK) s = w->way->add_run(w, run, windows, &accepted);
    weir_status ended = weir_aggregates_end(&w->aggregates);
    if (s != WEIR_OK || ended != WEIR_OK) return s != WEIR_OK ? s : ended;
    if (!accepted) return refuse_rows(w, run);
    weir_count(&w->op.counters.accepted, (uint64_t)run->view.length);
    return WEIR_OK;
}

/* ---- rows that touch a window that has fired --------------------------------------------------------------------- */

weir_status weir__window_copy_key(struct weir__window *w, struct weir_rows *rows, int64_t row)
{
    for (uint32_t k = 0; k < w->node->n_key_fields; k++) {
        if (weir_builder_copy_cell(&w->keys, k, &rows->columns[w->node->key_fields[k]], row) != WEIR_OK)
            return weir__window_no_memory(w);
    }
    w->keys.out.time[w->keys.out.length++] = WEIR_NO_TIME;
    return WEIR_OK;
}

weir_status weir__window_key_of(struct weir__window *w, struct weir_rows *rows, int64_t row, struct weir_key_ref *key)
{
    w->key_bytes.n = 0;
    weir_status s = weir_key_encode(&w->key_bytes, &rows->view, w->node->key_fields, w->node->n_key_fields, row);
    if (s != WEIR_OK) return weir__window_no_memory(w);
    *key = (struct weir_key_ref){.p = w->key_bytes.p,
                                 .n = (uint32_t)w->key_bytes.n,
                                 .group = rows->keys.key_group[row],
                                 .hash = rows->keys.hash[row]};
    return WEIR_OK;
}

/* The windows of one row that are left to do; stops when results fill a batch. */
static weir_status add_row(struct weir__window *w, struct weir_rows *rows, int64_t row,
                           const struct weir_window_run *windows)
{
    weir_status s = WEIR_OK;
    for (; s == WEIR_OK && w->window_at < windows->n && w->op.outbox.n == 0; w->window_at++) {
        int64_t start = windows->first - (int64_t)w->window_at * w->times.slide_ms;
        if (weir__window_is_gone(w, start)) continue;
        if (!w->row_accepted && w->way->take_row) s = w->way->take_row(w, rows, row, windows);
        w->row_accepted = true;
        if (s == WEIR_OK) s = w->way->add_row(w, rows, row, start);
        bool again = !weir__window_has_fired(w, start) && weir__window_had_fired(w, start, rows->keys.key_group[row]);
        if (s == WEIR_OK && again) s = weir__window_fire_later(w, rows, row, start);
    }
    if (s != WEIR_OK || w->window_at < windows->n) return s == WEIR_OK ? WEIR_MORE : s;
    weir_count(&w->op.counters.accepted, w->row_accepted);
    w->window_at = 0;
    w->row_accepted = false;
    return WEIR_OK;
}

/* ---- rows: the batch --------------------------------------------------------------------------------------------- */

/* The rows from `from` on that fall into the same windows as row `from`: mostly all of them. range: of all that are left. */
static int64_t run_length(const struct weir__window *w, const weir_batch *b, int64_t from,
                          const struct weir_time_range *range, struct weir_window_run *windows)
{
    *windows = weir_windows_of(&w->times, b->time[from]);
    if (range->least >= windows->from && range->greatest < windows->until) return b->length - from;
    int64_t until = from + 1;
    while (until < b->length && b->time[until] >= windows->from && b->time[until] < windows->until) until++;
    return until - from;
}

static weir_status refuse_time(struct weir__window *w, int64_t time)
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

static weir_status check_times(struct weir__window *w, const weir_batch *b, int64_t from)
{
    w->range = weir_time_range_of(b->time + from, b->length - from);
    if (w->range.least < -WEIR_WINDOW_MOST_MS) return refuse_time(w, w->range.least);
    return w->range.greatest > WEIR_WINDOW_MOST_MS ? refuse_time(w, w->range.greatest) : WEIR_OK;
}

/* Some window of the run has fired, now or before a cut, and still takes late rows: each of them re-fires, row by row. */
static bool touches_fired(const struct weir__window *w, const struct weir_window_run *windows)
{
    int64_t fired = w->latest_cut > w->op.watermark ? w->latest_cut : w->op.watermark;
    if (windows->n == 0 || weir_window_max_time(&w->times, windows->last) > fired) return false;
    for (uint32_t i = 0; i < windows->n; i++) {
        int64_t start = windows->first - (int64_t)i * w->times.slide_ms;
        if (weir_window_max_time(&w->times, start) <= fired && !weir__window_is_gone(w, start)) return true;
    }
    return false;
}

static weir_status handle_run(struct weir__window *w, struct weir_rows *rows, int64_t *row)
{
    struct weir_window_run windows;
    int64_t n = run_length(w, &rows->view, *row, &w->range, &windows);
    bool whole = *row == 0 && n == rows->view.length;
    struct weir_rows *run = whole ? weir_rows_retain(rows) : weir_rows_slice(w->op.env->pool, rows, *row, n);
    if (!run) return weir__window_no_memory(w);
    weir_status s = add_run(w, run, &windows);
    weir_rows_release(run);
    if (s == WEIR_OK) *row += n;
    return s;
}

static weir_status handle_late_row(struct weir__window *w, struct weir_rows *rows, int64_t *row)
{
    struct weir_window_run windows = weir_windows_of(&w->times, rows->view.time[*row]);
    weir_status s = reserve_scratch(w, 1);
    if (s == WEIR_OK) s = weir_aggregates_begin(&w->aggregates, rows);
    if (s == WEIR_OK) s = add_row(w, rows, *row, &windows);
    weir_status ended = weir_aggregates_end(&w->aggregates);
    if (s == WEIR_OK) ++*row;
    return s < 0 || ended == WEIR_OK ? s : ended;
}

static weir_status window_rows(struct weir_op *op, uint32_t input, struct weir_rows *rows, int64_t *row)
{
    struct weir__window *w = weir__window_of(op);
    weir_status s = *row < rows->view.length ? check_times(w, &rows->view, *row) : WEIR_OK;
    (void)input;
    while (s == WEIR_OK && *row < rows->view.length && op->outbox.n == 0) {
        struct weir_window_run windows = weir_windows_of(&w->times, rows->view.time[*row]);
        s = touches_fired(w, &windows) ? handle_late_row(w, rows, row) : handle_run(w, rows, row);
    }
    if (s < 0) return s;
    weir_status emitted = weir__window_emit_results(w);
    if (emitted != WEIR_OK) return emitted;
    return *row == rows->view.length ? WEIR_OK : WEIR_MORE;
}

/* Rows whose time will be refused are of no window. */
static weir_status prepare_rows(struct weir_op *op, uint32_t input, const struct weir_rows *rows)
{
    struct weir__window *w = weir__window_of(op);
    const weir_batch *b = &rows->view;
    (void)input;
    if (weir_op_reads_ahead(&w->ahead, w->state)) {
        const struct weir_time_range range = weir_time_range_of(b->time, b->length);
        bool are_in_time = range.least >= -WEIR_WINDOW_MOST_MS && range.greatest <= WEIR_WINDOW_MOST_MS;
        for (int64_t row = 0, n; are_in_time && row < b->length; row += n) {
            struct weir_window_run windows;
            n = run_length(w, b, row, &range, &windows);
            w->way->want(w, &windows, row, row + n);
        }
    }
    return weir_op_ahead_rows(&w->ahead, op, w->state, w->node->key_fields, w->node->n_key_fields, rows);
}

/* ---- watermark --------------------------------------------------------------------------------------------------- */

static weir_status on_watermark(struct weir_op *op, int64_t watermark)
{
    struct weir__window *w = weir__window_of(op);
    weir_status s = w->cut_at ? weir__window_fire_again(w, watermark) : WEIR_OK;
    if (s == WEIR_OK) s = w->way->fire(w, watermark);
    weir_status ended = weir_aggregates_end(&w->aggregates);
    if (s >= 0 && ended < 0) s = ended;
    if (s == WEIR_OK) w->way->drop(w, watermark);
    if (s == WEIR_OK && w->cut_at && watermark >= w->latest_cut) weir__window_forget_cut(w);
    return s;
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

static weir_status open_op(struct weir_op *op)
{
    return weir_aggregates_open(&weir__window_of(op)->aggregates);
}

static bool waits(const struct weir_op *op)
{
    const struct weir__window *w = (const struct weir__window *)(const void *)op;
    return (w->timers && weir_timers_any(w->timers, WEIR_EVENT_TIME)) || w->way->waits(w);
}

static void close_op(struct weir_op *op)
{
    struct weir__window *w = weir__window_of(op);
    weir_op_ahead_end(&w->ahead, w->state);
    weir_aggregates_close(&w->aggregates);
}

static void destroy_op(struct weir_op *op)
{
    struct weir__window *w = weir__window_of(op);
    w->way->finish(w);
    if (w->state) w->state->ops->destroy(w->state);
    weir__window_forget_cut(w);
    weir_aggregates_finish(&w->aggregates);
    weir_builder_finish(&w->keys);
    weir_schema_release(w->key);
    weir_key_bytes_finish(&w->key_bytes);
    weir_op_ahead_finish(&w->ahead);
    weir_free(w->values);
    weir_free(w->created);
    weir_outbox_finish(&op->outbox);
    weir_free(w);
}

static const struct weir_op_class window_class = {.name = "window",
                                                  .open = open_op,
                                                  .prepare = prepare_rows,
                                                  .rows = window_rows,
                                                  .watermark = on_watermark,
                                                  .snapshot = weir__window_snapshot,
                                                  .restore = weir__window_restore,
                                                  .exchange_state = weir__window_exchange_state,
                                                  .waits = waits,
                                                  .close = close_op,
                                                  .destroy = destroy_op};

static weir_status make_keys(struct weir__window *w, struct weir_error *error)
{
    uint32_t n = w->node->n_key_fields;
    uint32_t *written = weir_alloc_array(n, sizeof *written);
    struct weir_schema_builder fields = {0};
    for (uint32_t i = 0; i < n; i++) {
        const weir_schema_field *f = weir_schema_field_at(w->node->in, w->node->key_fields[i]);
        weir_schema_builder_add(&fields, f->name, (weir_type)f->type, false);
        written[i] = i;
    }
    w->key = weir_schema_build(&fields);
    weir_status s = weir_builder_init(&w->keys, w->op.env->pool, w->node->outputs[0].schema, written, n,
                                      w->op.env->batch_rows, true, false, error);
    weir_free(written);
    return s;
}

static weir_status make_state(struct weir__window *w, bool sliced, struct weir_error *error)
{
    static char slices[] = "slices", windows[] = "windows";
    w->layouts[WEIR__CONTENT] = w->layouts[WEIR__COME_BACK] = w->aggregates.layout;
    w->layouts[WEIR__CONTENT].name = sliced ? slices : windows;
    w->layouts[WEIR__COME_BACK].name = windows;
    weir_status s =
        weir_op_state_create(w->op.env, w->layouts, sliced ? 2 : 1, w->first_group, w->last_group, &w->state, error);
    if (s == WEIR_OK) weir_aggregates_keep_in(&w->aggregates, w->state, WEIR__CONTENT);
    return s;
}

/* Windows that do not overlap have nothing to share. */
bool weir__window_can_slice(const struct weir_stream_node *node, const struct weir_time_windows *times)
{
    return times->slide_ms < times->size_ms && weir_aggregates_are_mergeable(node);
}

struct weir_op *weir__window_op_create(const struct weir_stream_node *node, const struct weir_time_windows *times,
                                       const struct weir_op_env *env, struct weir_registry *registry, const char *where,
                                       bool sliced, struct weir_error *error)
{
    struct weir__window *w = sliced ? weir__sliced_windows_create() : weir__whole_windows_create();
    weir_op_init(&w->op, &window_class, env, where);
    w->node = node;
    w->config = &node->window;
    w->times = *times;
    w->latest_cut = INT64_MIN;
    weir_key_group_range(env->subtask, env->parallelism, env->max_parallelism, &w->first_group, &w->last_group);
    weir_status s = make_keys(w, error);
    if (s == WEIR_OK && sliced) s = weir_aggregates_init_sliced(&w->aggregates, node, &w->op, registry, error);
    if (s == WEIR_OK && !sliced) s = weir_aggregates_init(&w->aggregates, node, &w->op, registry, error);
    if (s == WEIR_OK) s = make_state(w, sliced, error);
    if (s == WEIR_OK && sliced) weir__sliced_windows_init(w);
    if (s == WEIR_OK) return &w->op;
    destroy_op(&w->op);
    return NULL;
}

struct weir_op *weir_window_op_create(const struct weir_stream_node *node, const struct weir_op_env *env,
                                      struct weir_registry *registry, const char *where, struct weir_error *error)
{
    struct weir_time_windows times;
    if (!node->window.periodic) return weir__general_window_op_create(node, env, registry, where, error);
    if (weir__ask_periodic(node, env, registry, where, &times, error) != WEIR_OK) return NULL;
    return weir__window_op_create(node, &times, env, registry, where, weir__window_can_slice(node, &times), error);
}
