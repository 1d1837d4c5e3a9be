/* session_op.c - the general window operator's short way for sessions: windows that merge, fire when the watermark reaches
 * their end (WEIR_END_OF_WINDOW) and go then, since there is no lateness, and are made of aggregates that merge. Subtask's
 * thread.
 *
 *   rows:       the newest session of every row's key is looked up, for all rows at once. A row that it takes extends it;
 *               a row that begins a new one puts it aside (session_keys.c); then the aggregates take the rows, at once too.
 *               A row that is late, or goes to an older session, or makes two into one is handled alone, in its turn.
 *   watermark:  keys whose alarm rings: the earliest session fires, if it has not grown since; then the alarm is set for the
 *               next end.
 *
 * Aggregates are told of rows in the order of the rows, and a session is put aside only when all of its rows have been told.
 * So nothing depends on where batches were cut. What is kept can be read by the long way and the other way round
 * (session_restore.c).
 */
#include <string.h>

#include "base/alloc.h"
#include "window/general_internal.h"
#include "window/time_windows.h"

static const weir_field members[] = {
    {.name = "start", .type = WEIR_I64, .offset = offsetof(struct weir__session, start), .size = sizeof(int64_t)},
    {.name = "end", .type = WEIR_I64, .offset = offsetof(struct weir__session, end), .size = sizeof(int64_t)},
    {.name = "first", .type = WEIR_I32, .offset = offsetof(struct weir__session, first), .size = sizeof(int32_t)},
    {.name = "others", .type = WEIR_I32, .offset = offsetof(struct weir__session, others), .size = sizeof(int32_t)},
    {.name = "room", .type = WEIR_I32, .offset = offsetof(struct weir__session, room), .size = sizeof(int32_t)}};
const struct weir_aggregates_beside weir__session_beside = {members, WEIR_LEN(members), sizeof(struct weir__session)};

static struct weir__general *general_of(struct weir_op *op)
{
    return (struct weir__general *)(void *)op;
}

bool weir__sessions_fit(const struct weir__general *g)
{
    const struct weir_window_config *c = g->config;
    return g->merging && g->event_time && g->node->n_key_fields > 0 && !g->crosses && !g->keeps_rows && !c->function &&
           !c->reducer && c->lateness_ms == 0 && c->trigger->info->flags & WEIR_END_OF_WINDOW;
}

void weir__sessions_finish(struct weir__general *g)
{
    struct weir__sessions *ss = &g->sessions;
    weir__alarms_finish(&ss->alarms);
    weir_free(ss->windows);
    weir_free(ss->values);
    weir_free(ss->created);
}

/* ---- the windows of rows ----------------------------------------------------------------------------------------- */

static weir_status reserve(struct weir__general *g, size_t n)
{
    struct weir__sessions *ss = &g->sessions;
    if (n <= ss->capacity) return WEIR_OK;
    if (!WEIR_TRY_RESIZE(ss->windows, n) || !WEIR_TRY_RESIZE(ss->values, n) || !WEIR_TRY_RESIZE(ss->created, (n + 7) / 8))
        return weir__no_window_memory(g);
    ss->capacity = n;
    return WEIR_OK;
}

static bool is_in_time(int64_t time)
{
    return time >= -WEIR_WINDOW_MOST_MS && time <= WEIR_WINDOW_MOST_MS;
}

/* The rows from `from` on that have one window each, which is not late: up to *until, their windows from windows[0] on. */
static weir_status assign_rows(struct weir__general *g, const weir_batch *b, int64_t from, int64_t *until)
{
    struct weir_instance *in = g->assigner;
    weir_window *window = g->sessions.windows;
    int64_t i = from;
    for (; i < b->length; i++, window++) {
        uint32_t n = 0;
        if (!is_in_time(b->time[i])) break;
        in->cx.row = (uint32_t)i;
        weir_status s = g->assign->assign(in->part.self, &in->cx, (weir_row){&in->view, i}, window, 1, &n);
        if (s == WEIR_OK) s = g->op.error.status;
        if (s < 0) return weir_instance_failed(in, s, "assign");
        if (n != 1 || window->start >= window->end || weir_window_last(window) <= g->op.watermark) break;
    }
    *until = i;
    return WEIR_OK;
}

/* ---- rows, many at a time ---------------------------------------------------------------------------------------- */

/* Why a run of rows ends. */
enum cut { AT_THE_END, AGAIN, ALONE };

static void begin_session(struct weir__sessions *ss, struct weir__session *s, int64_t row)
{
    s->start = ss->windows[row].start;
    s->end = ss->windows[row].end;
    s->run = ss->run;
    ss->created[row >> 3] |= (uint8_t)(1u << (row & 7));
}

/* A first session of the key, or a newer one than its newest. */
static weir_status begin_newer(struct weir__general *g, const struct weir_rows *rows, int64_t row, bool first)
{
    struct weir__sessions *ss = &g->sessions;
    struct weir__session *session = weir__session_of(g, ss->values[row]);
    weir_status s = weir__general_use_row_key(g, rows, row);
    if (s == WEIR_OK)
        s = first ? weir__session_set_alarm(g, ss->windows[row].end) : weir__session_displace(g, ss->values[row]);
    if (s == WEIR_OK) begin_session(ss, session, row);
    return s;
}

/* Puts rows into sessions, from *at on, up to the first that cannot be: *at. */
static weir_status place_rows(struct weir__general *g, const struct weir_rows *rows, int64_t *at, enum cut *cut)
{
    struct weir__sessions *ss = &g->sessions;
    int64_t from = *at, n = rows->view.length, i = from;
    weir_status s = WEIR_OK;
    ss->run++;
    *cut = AT_THE_END;
    for (; s == WEIR_OK && i < n; i++) {
        const weir_window *w = &ss->windows[i];
        struct weir__session *newest = weir__session_of(g, ss->values[i]);
        if (newest->start == newest->end) {
            s = begin_newer(g, rows, i, true);
        } else if (w->start > newest->end) {
            *cut = newest->run == ss->run && i > from ? AGAIN : *cut;
            if (*cut == AGAIN) break;
            s = begin_newer(g, rows, i, false);
        } else if (w->start >= newest->start || (w->end >= newest->start && newest->others == 0)) {
            if (w->start < newest->start) newest->start = w->start;
            if (w->end > newest->end) newest->end = w->end;
            newest->run = ss->run;
        } else {
            *cut = ALONE;
            break;
        }
    }
    *at = i;
    return s;
}

static weir_status add_alone(struct weir__general *g, const struct weir_rows *rows, int64_t row, const weir_window *window,
                             bool late, bool *taken)
{
    void *value;
    bool created = false;
    weir_status s = weir__general_use_row_key(g, rows, row);
    if (s == WEIR_OK) s = weir__session_take(g, window, late, &value, &created);
    if (s != WEIR_OK || !value) return s;
    *taken = true;
    return weir_aggregates_add_row(&g->aggregates, value, created, row);
}

static weir_status look_up(struct weir__general *g, const struct weir_rows *rows)
{
    struct weir__sessions *ss = &g->sessions;
    int64_t n = rows->view.length;
    weir_status s = g->state->ops->value_edit_rows(g->state, g->aggregates.at, rows, g->node->key_fields,
                                                   g->node->n_key_fields, NULL, n, 0, ss->values, NULL);
    memset(ss->created, 0, (size_t)(n + 7) / 8);
    return s == WEIR_OK ? s : weir__no_window_memory(g);
}

/* All rows of the segment; the aggregates have begun with it. */
static weir_status add_segment(struct weir__general *g, struct weir_rows *rows)
{
    const struct weir__sessions *ss = &g->sessions;
    int64_t n = rows->view.length;
    weir_status s = look_up(g, rows);
    bool taken;
    for (int64_t at = 0; s == WEIR_OK && at < n;) {
        enum cut cut;
        int64_t from = at;
        s = place_rows(g, rows, &at, &cut);
        if (s == WEIR_OK) s = weir_aggregates_add_run(&g->aggregates, ss->values, ss->created, from, at, n);
        if (s != WEIR_OK || cut != ALONE) continue;
        s = add_alone(g, rows, at, &ss->windows[at], false, &taken);
        at++;
    }
    return s;
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

/* Rows *row .. until - 1, whose windows are at hand. */
static weir_status handle_segment(struct weir__general *g, struct weir_rows *rows, int64_t *row, int64_t until)
{
    int64_t n = until - *row;
    bool whole = n == rows->view.length;
    struct weir_rows *segment = whole ? weir_rows_retain(rows) : weir_rows_slice(g->op.env->pool, rows, *row, n);
    if (!segment) return weir__no_window_memory(g);
    weir_status s = weir_aggregates_begin(&g->aggregates, segment);
    if (s == WEIR_OK) s = add_segment(g, segment);
    weir_status ended = weir_aggregates_end(&g->aggregates);
    weir_rows_release(segment);
    if (s != WEIR_OK || ended != WEIR_OK) return s != WEIR_OK ? s : ended;
    weir_count(&g->op.counters.accepted, (uint64_t)n);
    *row += n;
    return WEIR_OK;
}

/* A row that may be late, or has not one window. */
static weir_status handle_alone(struct weir__general *g, struct weir_rows *rows, int64_t *row)
{
    bool taken = false;
    weir_status s = is_in_time(rows->view.time[*row]) ? weir__general_assign(g, *row)
                                                      : weir__general_refuse_time(g, rows->view.time[*row]);
    if (s == WEIR_OK) s = weir_aggregates_begin(&g->aggregates, rows);
    if (s != WEIR_OK) return s;
    for (uint32_t i = 0; s == WEIR_OK && i < g->turn.n_windows; i++)
        s = add_alone(g, rows, *row, &g->windows[i], weir__general_is_late(g, &g->windows[i]), &taken);
    weir_status ended = weir_aggregates_end(&g->aggregates);
    if (s == WEIR_OK) s = ended;
    if (s == WEIR_OK && !taken) s = weir__general_drop_late(g, rows, *row);
    weir_count(&g->op.counters.accepted, taken);
    ++*row;
    return s;
}

static weir_status session_rows(struct weir_op *op, uint32_t input, struct weir_rows *rows, int64_t *row)
{
    struct weir__general *g = general_of(op);
    int64_t until = 0;
    g->side = input;
    weir_status s = weir__general_begin_rows(g, rows);
    if (s == WEIR_OK) s = reserve(g, (size_t)rows->view.length);
    if (s != WEIR_OK) return s;
    rows = g->triggers[0]->rows; /* with their keys */
    while (s == WEIR_OK && *row < rows->view.length && op->outbox.n == 0) {
        s = assign_rows(g, &rows->view, *row, &until);
        if (s == WEIR_OK && until > *row)
            s = handle_segment(g, rows, row, until);
        else if (s == WEIR_OK)
            s = handle_alone(g, rows, row);
    }
    if (s != WEIR_OK) return s;
    bool done = *row == rows->view.length;
    s = weir__general_end_rows(g);
    if (s != WEIR_OK) return s;
    return done ? WEIR_OK : WEIR_MORE;
}

/* ---- watermark --------------------------------------------------------------------------------------------------- */

static weir_status ring(struct weir__general *g, const struct weir_due_timer *due)
{
    void *newest, *earliest;
    g->key = due->key;
    weir_status s = weir__session_earliest(g, &newest, &earliest);
    if (s != WEIR_OK) return s;
    if (!earliest) { /* nothing is kept of the key */
        g->state->ops->clear(g->state, g->aggregates.at, &g->key, 0);
        return WEIR_OK;
    }
    const struct weir__session *session = weir__session_of(g, earliest);
    const weir_window window = {session->start, session->end};
    if (weir_window_last(&window) > due->at) return weir__session_set_alarm(g, window.end);
    weir_count(&g->op.counters.timers_fired, 1);
    s = weir__pane_give(g, &window, earliest);
    if (s != WEIR_OK) return s;
    bool is_last = earliest == newest;
    weir__session_drop_earliest(g, newest);
    if (is_last) return WEIR_OK;
    s = weir__session_earliest(g, &newest, &earliest);
    return s == WEIR_OK ? weir__session_set_alarm(g, weir__session_of(g, earliest)->end) : s;
}

static void fetch(void *arg, const struct weir_key_ref *keys, size_t n)
{
    const struct weir__general *g = arg;
    uint32_t states[WEIR__ALARMS_AHEAD];
    for (size_t i = 0; i < n; i++) states[i] = g->aggregates.at;
    g->state->ops->fetch_keys(g->state, states, keys, (uint32_t)n);
}

/* Before it rings, and again when the newest session of the key is at hand. */
static void want_key(void *arg, const struct weir_key_ref *key)
{
    struct weir__general *g = arg;
    int64_t i = weir_op_ahead_key(&g->ahead, key);
    if (i < 0) return;
    g->key = *key;
    if (g->ahead.again)
        weir__session_want_earliest(g, i);
    else
        weir_op_ahead_want(&g->ahead, g->aggregates.at, 0, i, i + 1);
}

static bool tell_alarms(struct weir__general *g, void *watermark)
{
    return weir__alarms_look_ahead(&g->sessions.alarms, *(const int64_t *)watermark, WEIR_OP_AHEAD, want_key, g);
}

static weir_status on_watermark(struct weir_op *op, int64_t watermark)
{
    struct weir__general *g = general_of(op);
    g->sessions.alarms.expect = g->state->ops->fetch_keys ? fetch : NULL;
    g->sessions.alarms.arg = g;
    struct weir_due_timer due;
    weir_status s = WEIR_OK;
    bool more = true;
    for (int i = 0; s == WEIR_OK && i < WEIR__FIRE_STEP && op->outbox.n == 0; i++) {
        s = weir__general_read_due(g, tell_alarms, &watermark);
        if (s == WEIR_OK && !weir__alarms_next(&g->sessions.alarms, watermark, &due, &more)) s = weir__no_window_memory(g);
        if (s != WEIR_OK) break;
        weir_op_ahead_took(&g->ahead, more);
        if (!more) break;
        s = ring(g, &due);
        g->state->ops->settle(g->state);
    }
    if (s >= 0) s = weir__pane_emit(g);
    weir_status ended = weir_aggregates_end(&g->aggregates);
    if (s != WEIR_OK || ended != WEIR_OK) return s != WEIR_OK ? s : ended;
    return more ? WEIR_MORE : WEIR_OK;
}

static bool waits(const struct weir_op *op)
{
    return weir__alarms_waiting(&((const struct weir__general *)(const void *)op)->sessions.alarms);
}

const struct weir_op_class weir__session_class = {.name = "window",
                                                  .open = weir__general_open,
                                                  .prepare = weir__general_prepare,
                                                  .rows = session_rows,
                                                  .watermark = on_watermark,
                                                  .snapshot = weir__general_snapshot,
                                                  .restore = weir__general_restore,
                                                  .exchange_state = weir__general_exchange_state,
                                                  .waits = waits,
                                                  .close = weir__general_close,
                                                  .destroy = weir__general_destroy};
