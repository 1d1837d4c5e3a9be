/* general_op.c - the window operator for everything that the fast path (window_op.c) does not do: any assigner, trigger,
 * evictor and window function, merging windows, processing time, windows over all rows, joins of two inputs (semantics A5.2
 * to A5.7). Subtask's thread.
 *
 *   row:     for each window of the row that is not late: into the window (or into the one it merges into), ask the trigger,
 *            fire, purge, set the cleanup timer. A row that no window took and that is late goes to the side output.
 *   timer:   ask the trigger, fire, purge; at the cleanup time the window goes.
 *
 * A row is handled to its end; when the outbox holds something afterwards, the rest of the batch waits. Timers fire in
 * steps, as those of plugin_op.c. A function that says WEIR_MORE stops the row or the timer where it is (g->turn): the next
 * call goes on with the function, and then with what is left of the row or the timer.
 */
#include <string.h>

#include "base/alloc.h"
#include "window/general_internal.h"
#include "window/time_windows.h"
#include "window/window_op.h"

static struct weir__general *general_of(struct weir_op *op)
{
    return (struct weir__general *)(void *)op;
}

/* ---- the life of a window ---------------------------------------------------------------------------------------- */

static int64_t later(int64_t time, int64_t by)
{
    int64_t sum;
    return __builtin_add_overflow(time, by, &sum) ? INT64_MAX : sum;
}

/* TRAP (c): lateness is of event time alone. */
int64_t weir__general_cleanup_time(const struct weir__general *g, const weir_window *window)
{
    int64_t last = weir_window_last(window);
    return g->event_time ? later(last, g->config->lateness_ms) : last;
}

static weir_clock cleanup_clock(const struct weir__general *g)
{
    return g->event_time ? WEIR_EVENT_TIME : WEIR_PROCESSING_TIME;
}

bool weir__general_is_late(const struct weir__general *g, const weir_window *window)
{
    return g->event_time && weir__general_cleanup_time(g, window) <= g->op.watermark;
}

static weir_status set_cleanup(struct weir__general *g, const struct weir__flight *flight)
{
    int64_t at = weir__general_cleanup_time(g, &flight->window);
    if (at == INT64_MAX) return WEIR_OK;
    weir_status s = weir_timers_set(g->timers, cleanup_clock(g), &g->key, (uint64_t)flight->id, at);
    return s == WEIR_OK ? s : weir__no_window_memory(g);
}

/* Fires and purges g->turn as its trigger said. TRAP: a purge takes the content alone; trigger state, timers and the states
 * of the window stay. */
static weir_status act(struct weir__general *g, bool again)
{
    struct weir__turn *t = &g->turn;
    weir_status s = WEIR_OK;
    if (again)
        s = weir__pane_go_on(g, &t->flight);
    else if (t->firing & WEIR_FIRE)
        s = weir__pane_fire(g, &t->flight);
    t->waiting = s == WEIR_MORE;
    if (s == WEIR_OK && (t->firing & WEIR_PURGE)) weir__pane_clear(g, t->flight.content);
    return s;
}

static weir_status call_clear(struct weir__general *g, const struct weir__flight *flight)
{
    struct weir_instance *in = g->function;
    weir_status s = weir_instance_use_key(in, &g->key);
    in->ns = flight->id;
    if (s == WEIR_OK && g->process->clear) s = g->process->clear(in->part.self, &in->cx, &flight->window);
    if (s < 0) weir_instance_failed(in, s, "clear");
    weir_status ended = weir_instance_end_holding(in, false);
    for (uint32_t i = g->function_base; i < g->n_layouts; i++) {
        if (g->layouts[i].flags & WEIR_PER_WINDOW) g->state->ops->clear(g->state, i, &g->key, flight->id);
    }
    return s < 0 ? s : ended;
}

static weir_status end_window(struct weir__general *g, const struct weir__flight *flight)
{
    weir__pane_clear(g, flight->content);
    weir_status s = weir__trigger_clear(g, flight);
    if (s == WEIR_OK && g->function) s = call_clear(g, flight);
    weir__flight_remove(g, flight, false);
    return s;
}

/* ---- windows that merge ------------------------------------------------------------------------------------------ */

/* The merge set becomes one window; its content is under the first member's. */
static weir_status merge(struct weir__general *g, const weir_window *cover, const struct weir__flight *old, size_t n,
                         struct weir__flight *flight)
{
    if (weir__general_is_late(g, cover))
        return weir_op_fail(&g->op, WEIR_E_BUG, "windows merged into [%lld, %lld), which the watermark has passed",
                            (long long)cover->start, (long long)cover->end);
    weir_status s = weir__flight_add(g, cover, old[0].content, flight);
    if (s == WEIR_OK) s = weir__trigger_merge(g, flight, old, n);
    for (size_t i = 0; s == WEIR_OK && i < n; i++) {
        s = weir__trigger_clear(g, &old[i]);
        weir_status dropped = weir_timers_drop(g->timers, cleanup_clock(g), &g->key, (uint64_t)old[i].id,
                                               weir__general_cleanup_time(g, &old[i].window));
        if (dropped != WEIR_OK && s == WEIR_OK) s = weir__no_window_memory(g);
        if (s == WEIR_OK && i > 0) s = weir__pane_merge(g, flight->content, old[i].content);
        weir__flight_remove(g, &old[i], i == 0);
    }
    return s;
}

static bool same(const weir_window *a, const weir_window *b)
{
    return a->start == b->start && a->end == b->end;
}

/* The window in flight that takes the row; *late: none does. TRAP of A5.6: a window that is in flight already, or inside one
 * that is, is never added again, which would orphan the rows under it. */
static weir_status merging_flight(struct weir__general *g, const weir_window *window, struct weir__flight *flight,
                                  bool *late)
{
    struct weir__flight *old;
    weir_window cover;
    size_t n;
    weir_status s = WEIR_OK;
    weir__flights_touching(g, window, &old, &n, &cover);
    *late = n == 0 && weir__general_is_late(g, window);
    if (n == 1 && same(&old[0].window, &cover))
        *flight = old[0];
    else if (n > 0)
        s = merge(g, &cover, old, n, flight);
    else if (!*late)
        s = weir__flight_add(g, window, 0, flight);
    weir_free(old);
    return s;
}

static weir_status plain_flight(struct weir__general *g, const weir_window *window, struct weir__flight *flight, bool *late)
{
    *late = weir__general_is_late(g, window);
    if (*late || weir__flight_find(g, window, flight)) return WEIR_OK;
    return weir__flight_add(g, window, 0, flight);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static weir_status add_to_window(struct weir__general *g, struct weir_rows *rows, int64_t row, const weir_window *window)
{
    struct weir__flight *flight = &g->turn.flight;
    bool late = false;
    weir_status s = g->merging ? merging_flight(g, window, flight, &late) : plain_flight(g, window, flight, &late);
    if (s != WEIR_OK || late) return s;
    g->turn.accepted = true;
    s = weir__pane_add(g, flight->content, rows, row);
    if (s == WEIR_OK) s = weir__trigger_on_row(g, flight, row, &g->turn.firing);
    if (s == WEIR_OK) s = act(g, false);
    return s == WEIR_OK ? set_cleanup(g, flight) : s;
}

weir_status weir__general_drop_late(struct weir__general *g, struct weir_rows *rows, int64_t row)
{
    if (!g->event_time || later(rows->view.time[row], g->config->lateness_ms) > g->op.watermark) return WEIR_OK;
    weir__count_late(&g->op, g->config, rows->view.time[row], 1);
    if (!g->config->late_output) return WEIR_OK;
    struct weir_rows *late = weir_rows_slice(g->op.env->pool, rows, row, 1);
    uint32_t port = g->crosses ? g->node->n_outputs - 2 + g->side : g->node->n_outputs - 1;
    return late ? weir_op_emit(&g->op, port, late) : weir__no_window_memory(g);
}

weir_status weir__general_assign(struct weir__general *g, int64_t row)
{
    struct weir_instance *in = g->assigner;
    uint32_t *n = &g->turn.n_windows;
    in->cx.row = (uint32_t)row;
    for (int tries = 0; tries < 2; tries++) {
        *n = 0;
        weir_status s =
            g->assign->assign(in->part.self, &in->cx, (weir_row){&in->view, row}, g->windows, g->windows_capacity, n);
        if (s == WEIR_OK) s = g->op.error.status;
        if (s < 0) return weir_instance_failed(in, s, "assign");
        if (*n <= g->windows_capacity) break;
        weir_window *windows = weir_try_realloc(g->windows, *n * sizeof *windows);
        if (!windows) return weir__no_window_memory(g);
        g->windows = windows;
        g->windows_capacity = *n;
    }
    for (uint32_t i = 0; i < *n; i++) {
        if (g->windows[i].start >= g->windows[i].end)
            return weir_instance_failed(in,
                                        weir_op_fail(&g->op, WEIR_E_PLUGIN,
                                                     "assign gave the window [%lld, %lld); a window ends after its start",
                                                     (long long)g->windows[i].start, (long long)g->windows[i].end),
                                        "assign");
    }
    return WEIR_OK;
}

weir_status weir__general_refuse_time(struct weir__general *g, int64_t time)
{
    if (time == WEIR_NO_TIME)
        return weir_op_fail(&g->op, WEIR_E_DATA,
                            "a record without an event time came to an event-time window; give its source, or a node before "
                            "the window, a `time:` step");
    return weir_op_fail(&g->op, WEIR_E_DATA,
                        "the event time %lld ms of a record is more than 73 million years from the epoch; is the field in "
                        "milliseconds?",
                        (long long)time);
}

static weir_status handle_row(struct weir__general *g, struct weir_rows *rows, int64_t row)
{
    struct weir__turn *t = &g->turn;
    int64_t time = rows->view.time[row];
    if (g->event_time && (time < -WEIR_WINDOW_MOST_MS || time > WEIR_WINDOW_MOST_MS))
        return weir__general_refuse_time(g, time);
    for (uint32_t i = 0; i < g->n_triggers; i++) g->triggers[i]->cx.row = (uint32_t)row;
    weir_status s = weir__triggers_use_row_key(g, row);
    if (s == WEIR_OK && t->waiting) {
        s = act(g, true);
        if (s == WEIR_OK) s = set_cleanup(g, &t->flight);
        if (s == WEIR_OK) t->i++;
    } else if (s == WEIR_OK) {
        t->i = 0;
        t->accepted = false;
        s = weir__general_assign(g, row);
    }
    while (s == WEIR_OK && t->i < t->n_windows) {
        s = add_to_window(g, rows, row, &g->windows[t->i]);
        if (s == WEIR_OK) t->i++;
    }
    if (s != WEIR_OK) return s;
    if (!t->accepted) return weir__general_drop_late(g, rows, row);
    weir_count(&g->op.counters.accepted, 1);
    return WEIR_OK;
}

weir_status weir__general_use_row_key(struct weir__general *g, const struct weir_rows *rows, int64_t row)
{
    struct weir_key_bytes *b = &g->packed;
    b->n = 0;
    weir_status s = weir_key_encode(b, &rows->view, g->node->key_fields, g->node->n_key_fields, row);
    if (s != WEIR_OK) return weir__no_window_memory(g);
    g->key = (struct weir_key_ref){
        .p = b->p, .n = (uint32_t)b->n, .group = rows->keys.key_group[row], .hash = rows->keys.hash[row]};
    return WEIR_OK;
}

static void settle(struct weir__general *g)
{
    g->state->ops->settle(g->state);
}

weir_status weir__general_begin_rows(struct weir__general *g, struct weir_rows *rows)
{
    weir_status s = weir__triggers_begin(g, rows);
    return s == WEIR_OK ? weir_instance_begin(g->assigner, rows) : s;
}

static weir_status begin_rows(struct weir__general *g, struct weir_rows *rows)
{
    weir_status s = weir__general_begin_rows(g, rows);
    if (s == WEIR_OK && !g->keeps_rows) s = weir_aggregates_begin(&g->aggregates, rows);
    if (s == WEIR_OK && g->reduction.instance && !g->evictor) s = weir_instance_begin(g->reduction.instance, rows);
    return s;
}

weir_status weir__general_end_rows(struct weir__general *g)
{
    weir_status s = weir_instance_end(g->assigner, true), ended = weir__triggers_end(g, true);
    return s == WEIR_OK ? ended : s;
}

static weir_status end_rows(struct weir__general *g)
{
    weir_status s = g->keeps_rows ? WEIR_OK : weir_aggregates_end(&g->aggregates);
    weir_status ended = g->reduction.instance && !g->evictor ? weir_instance_end(g->reduction.instance, true) : WEIR_OK;
    if (s == WEIR_OK) s = ended;
    ended = weir__general_end_rows(g);
    return s == WEIR_OK ? ended : s;
}

static weir_status window_rows(struct weir_op *op, uint32_t input, struct weir_rows *rows, int64_t *row)
{
    struct weir__general *g = general_of(op);
    g->side = input;
    weir_status s = begin_rows(g, rows);
    while (s == WEIR_OK && *row < rows->view.length && op->outbox.n == 0) {
        s = handle_row(g, rows, *row);
        settle(g);
        if (s == WEIR_OK) ++*row;
    }
    if (s >= 0) s = weir__pane_emit(g);
    if (s < 0) return s;
    s = end_rows(g);
    if (s < 0) return s;
    return *row == rows->view.length ? WEIR_OK : WEIR_MORE;
}

/* ---- timers ------------------------------------------------------------------------------------------------------ */

/* What comes after the firing of a timer. One behind the cleanup time is of a job that had more lateness, before a restore:
 * a timer at the cleanup time itself would have the trigger fire again. */
static weir_status end_timer(struct weir__general *g)
{
    const struct weir__turn *t = &g->turn;
    if (t->clock == cleanup_clock(g) && t->at >= weir__general_cleanup_time(g, &t->flight.window))
        return end_window(g, &t->flight);
    return set_cleanup(g, &t->flight); /* a trigger may have dropped a timer of its own at the same time */
}

static weir_status fire_timer(struct weir__general *g, weir_clock clock, const struct weir_due_timer *due)
{
    struct weir__turn *t = &g->turn;
    weir_timer timer = {.struct_size = sizeof timer, .clock = clock, .at = due->at, .ns = due->ns};
    weir_status s = weir__triggers_use_key(g, &due->key);
    if (s != WEIR_OK) return s;
    if (!weir__flight_by_id(g, (int64_t)due->ns, &t->flight)) return WEIR_OK; /* the window is gone */
    t->clock = clock;
    t->at = due->at;
    s = weir__trigger_on_timer(g, &t->flight, &timer, &t->firing);
    if (s == WEIR_OK) s = act(g, false);
    return s == WEIR_OK ? end_timer(g) : s;
}

/* The key is the function's: its call has not ended. */
static weir_status go_on_with_timer(struct weir__general *g)
{
    weir_status s = weir__triggers_use_key(g, g->crosses ? &g->crossing.key : &g->function->key);
    if (s == WEIR_OK) s = act(g, true);
    if (s == WEIR_OK) s = end_timer(g);
    settle(g);
    return s;
}

struct until {
    weir_clock clock;
    int64_t at;
};

/* Before it rings, and again when the window itself is at hand. */
static void want_timer(void *arg, const struct weir_due_timer *due)
{
    struct weir__general *g = arg;
    struct weir__flight flight = {.content = (int64_t)due->ns};
    int64_t i = weir_op_ahead_key(&g->ahead, &due->key);
    if (i < 0) return;
    g->key = due->key;
    if (g->ahead.again && weir__flight_by_id(g, (int64_t)due->ns, &flight) && flight.content != flight.id)
        weir_op_ahead_want(&g->ahead, WEIR_EVERY_STATE, flight.content, i, i + 1);
    if (g->ahead.again) settle(g);
    if (g->ahead.again) return;
    weir_op_ahead_want(&g->ahead, WEIR_EVERY_STATE, 0, i, i + 1);
    weir_op_ahead_want(&g->ahead, WEIR_EVERY_STATE, (int64_t)due->ns, i, i + 1);
}

static bool tell_timers(struct weir__general *g, void *arg)
{
    const struct until *until = arg;
    return weir_timers_look_ahead(g->timers, until->clock, until->at, WEIR_OP_AHEAD, want_timer, g) == WEIR_OK;
}

static weir_status fire(struct weir__general *g, weir_clock clock, int64_t until)
{
    struct weir_due_timer due;
    struct until what = {clock, until};
    weir_status s = g->turn.waiting ? go_on_with_timer(g) : WEIR_OK;
    weir_status more = WEIR_MORE;
    for (int i = 0; s == WEIR_OK && i < WEIR__FIRE_STEP && g->op.outbox.n == 0; i++) {
        more = weir__general_read_due(g, tell_timers, &what);
        if (more == WEIR_MORE) break;
        if (more == WEIR_OK) more = weir_timers_pop(g->timers, clock, until, &due);
        weir_op_ahead_took(&g->ahead, more == WEIR_MORE);
        if (more < 0) s = weir__no_window_memory(g);
        if (more != WEIR_MORE) break;
        weir_count(&g->op.counters.timers_fired, 1);
        s = fire_timer(g, clock, &due);
        settle(g);
    }
    if (s >= 0) s = weir__pane_emit(g);
    weir_status ended = weir__triggers_end(g, true);
    if (s != WEIR_OK || ended != WEIR_OK) return s != WEIR_OK ? s : ended;
    return more;
}

static weir_status on_watermark(struct weir_op *op, int64_t watermark)
{
    return fire(general_of(op), WEIR_EVENT_TIME, watermark);
}

/* A5.1: a timer of processing time fires from the millisecond after its own on. */
static weir_status on_processing_time(struct weir_op *op, int64_t now_ms)
{
    return fire(general_of(op), WEIR_PROCESSING_TIME, now_ms - 1);
}

static bool waits(const struct weir_op *op)
{
    return weir_timers_any(((const struct weir__general *)(const void *)op)->timers, WEIR_EVENT_TIME);
}

/* ---- opening and closing ----------------------------------------------------------------------------------------- */

#define OPEN(g, in, vt, opened)                                                         \
    do {                                                                                \
        if (!(in)) break;                                                               \
        (g)->opened = true;                                                             \
        weir_status s_ = (vt)->open ? (vt)->open((in)->part.self, &(in)->cx) : WEIR_OK; \
        if (s_ < 0) return weir_instance_failed((in), s_, "open");                      \
        s_ = weir_instance_end((in), false);                                            \
        if (s_ < 0) return s_;                                                          \
    } while (0)
#define CLOSE(g, in, vt, opened)                                                 \
    do {                                                                         \
        if ((g)->opened && (vt)->close) (vt)->close((in)->part.self, &(in)->cx); \
        (g)->opened = false;                                                     \
    } while (0)

weir_status weir__general_open(struct weir_op *op)
{
    struct weir__general *g = general_of(op);
    OPEN(g, g->assigner, g->assign, assigner_opened);
    OPEN(g, g->triggers[0], g->trigger, trigger_opened);
    OPEN(g, g->evictor, g->evict, evictor_opened);
    OPEN(g, g->reduction.instance, g->reduction.vtable, reduction.opened);
    OPEN(g, g->function, g->process, function_opened);
    if (g->crosses) return weir__crossing_open(g);
    return g->aggregates_made ? weir_aggregates_open(&g->aggregates) : WEIR_OK;
}

void weir__general_close(struct weir_op *op)
{
    struct weir__general *g = general_of(op);
    weir_op_ahead_end(&g->ahead, g->state);
    CLOSE(g, g->assigner, g->assign, assigner_opened);
    CLOSE(g, g->triggers[0], g->trigger, trigger_opened);
    CLOSE(g, g->evictor, g->evict, evictor_opened);
    CLOSE(g, g->reduction.instance, g->reduction.vtable, reduction.opened);
    CLOSE(g, g->function, g->process, function_opened);
    if (g->crosses) weir__crossing_close(g);
    if (g->aggregates_made) weir_aggregates_close(&g->aggregates);
}

void weir__general_destroy(struct weir_op *op)
{
    struct weir__general *g = general_of(op);
    weir_instance_destroy(g->assigner);
    weir_instance_destroy(g->evictor);
    weir_instance_destroy(g->function);
    weir__reduction_finish(g);
    weir__crossing_finish(g);
    weir__triggers_destroy(g);
    weir_rows_release(g->kept);
    weir_rows_release(g->given);
    weir__sessions_finish(g);
    weir__counts_finish(g);
    weir__general_state_finish(g);
    weir_free(g->function_keys);
    if (g->aggregates_made) weir_aggregates_finish(&g->aggregates);
    for (int i = 0; i < WEIR__TRIGGER_STATES; i++) weir_state_layout_finish(&g->own[i]);
    weir_timers_destroy(g->timers);
    weir_builder_finish(&g->keys);
    weir_builder_finish(&g->pane);
    weir_free(g->windows);
    weir_key_bytes_finish(&g->packed);
    weir_op_ahead_finish(&g->ahead);
    weir_outbox_finish(&op->outbox);
    weir_free(g);
}

static const struct weir_op_class general_class = {.name = "window",
                                                   .open = weir__general_open,
                                                   .prepare = weir__general_prepare,
                                                   .rows = window_rows,
                                                   .watermark = on_watermark,
                                                   .processing_time = on_processing_time,
                                                   .snapshot = weir__general_snapshot,
                                                   .restore = weir__general_restore,
                                                   .exchange_state = weir__general_exchange_state,
                                                   .waits = waits,
                                                   .close = weir__general_close,
                                                   .destroy = weir__general_destroy};

/* ---- making ------------------------------------------------------------------------------------------------------ */

/* An assigner or an evictor: it sees all fields, or none, as where there are two kinds of rows. */
static weir_status make_part(struct weir__general *g, struct weir_registry *registry, const struct weir_part_spec *spec,
                             struct weir_instance **instance, struct weir_error *error)
{
    uint32_t n_args = spec->info->in && !g->crosses ? weir_schema_count(g->node->in) : 0;
    uint32_t *args = weir_alloc_array(n_args + 1, sizeof *args);
    for (uint32_t i = 0; i < n_args; i++) args[i] = i;
    struct weir_instance_options o = {
        .op = &g->op, .registry = registry, .part = spec, .in = g->node->in, .args = args, .n_args = n_args};
    weir_status s = weir_instance_create(&o, instance, error);
    weir_free(args);
    return s;
}

/* The key's fields where the function reads them: first among aggregated fields, else where they are. */
static weir_status make_function(struct weir__general *g, struct weir_registry *registry, struct weir_error *error)
{
    const struct weir_stream_node *node = g->node;
    bool aggregated = g->config->aggregated != NULL;
    uint32_t n_outputs = node->n_outputs - g->config->late_output;
    struct weir_schema **outputs = weir_alloc_array(n_outputs + 1, sizeof *outputs);
    for (uint32_t i = 0; i < n_outputs; i++) outputs[i] = node->outputs[i].schema;
    struct weir_instance_options o = {.op = &g->op,
                                      .registry = registry,
                                      .part = g->config->function,
                                      .in = aggregated ? g->config->aggregated : node->in,
                                      .args = g->config->function_args,
                                      .n_args = g->config->n_function_args,
                                      .outputs = outputs,
                                      .n_outputs = n_outputs,
                                      .key_fields = aggregated ? g->function_keys : node->key_fields,
                                      .n_key_fields = node->n_key_fields,
                                      .state = g->state,
                                      .state_base = g->function_base};
    weir_status s = weir_instance_create(&o, &g->function, error);
    weir_free(outputs);
    if (s == WEIR_OK) g->process = g->function->part.vtable;
    return s;
}

static weir_status make_aggregates(struct weir__general *g, struct weir_registry *registry, struct weir_error *error)
{
    if (g->config->n_aggregates == 0) return WEIR_OK;
    g->aggregates_made = true;
    if (g->counts.laid_out)
        return weir_aggregates_init_beside(&g->aggregates, g->node, &g->op, registry, &weir__count_beside, error);
    if (!g->merging) return weir_aggregates_init(&g->aggregates, g->node, &g->op, registry, error);
    return weir_aggregates_init_beside(&g->aggregates, g->node, &g->op, registry, &weir__session_beside, error);
}

static weir_status make_parts(struct weir__general *g, struct weir_registry *registry, struct weir_error *error)
{
    const struct weir_window_config *c = g->config;
    weir_status s = make_part(g, registry, c->assigner, &g->assigner, error);
    if (s == WEIR_OK) g->assign = g->assigner->part.vtable;
    if (s == WEIR_OK) s = weir__triggers_create(g, registry, error);
    if (s == WEIR_OK && c->evictor) s = make_part(g, registry, c->evictor, &g->evictor, error);
    if (s == WEIR_OK && c->evictor) g->evict = g->evictor->part.vtable;
    if (s == WEIR_OK) s = weir__counts_ask(g, error);
    if (s == WEIR_OK) s = make_aggregates(g, registry, error);
    if (s == WEIR_OK && c->reducer) s = weir__reduction_init(g, registry, error);
    if (s == WEIR_OK) s = weir__general_lay_out(g, error);
    if (s == WEIR_OK && c->function) s = make_function(g, registry, error);
    if (s == WEIR_OK) weir__general_set_owners(g);
    if (s == WEIR_OK && g->crosses) s = weir__crossing_init(g, registry, error);
    if (s != WEIR_OK) return s;
    bool cannot_merge = g->merging && !weir_aggregates_can_merge(&g->aggregates);
    g->keeps_rows = !g->aggregates_made || g->evictor || cannot_merge;
    return weir__pane_init(g, error);
}

struct weir_op *weir__general_window_op_create(const struct weir_stream_node *node, const struct weir_op_env *env,
                                               struct weir_registry *registry, const char *where, struct weir_error *error)
{
    struct weir__general *g = weir_alloc(sizeof *g);
    uint32_t first, last, flags = node->window.assigner->info->flags;
    weir_op_init(&g->op, &general_class, env, where);
    g->node = node;
    g->config = &node->window;
    g->crosses = node->second;
    g->event_time = flags & WEIR_EVENT_WINDOWS;
    g->merging = flags & WEIR_MERGING;
    g->function_keys = weir_alloc_array(node->n_key_fields + 1, sizeof *g->function_keys);
    for (uint32_t i = 0; i < node->n_key_fields; i++) g->function_keys[i] = i;
    weir_key_group_range(env->subtask, env->parallelism, env->max_parallelism, &first, &last);
    g->timers = weir_timers_create(first, last);
    weir__alarms_init(&g->sessions.alarms);
    weir_status s = weir__flights_layouts(g->own, error);
    if (s == WEIR_OK) s = make_parts(g, registry, error);
    g->sessions.short_way = s == WEIR_OK && weir__sessions_fit(g);
    if (g->sessions.short_way) g->op.class = &weir__session_class;
    if (g->counts.short_way) g->op.class = &weir__count_class;
    if (s == WEIR_OK) return &g->op;
    weir__general_destroy(&g->op);
    return NULL;
}
