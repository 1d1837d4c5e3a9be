/* session_restore.c - sessions that were saved by the other way: windows in flight with ids and timers become sessions in
 * the keys' entries, or those become windows. And the alarms of sessions, which are not saved. Once, after a restore.
 * Subtask's thread.
 *
 * Only sessions are in namespace 0 of the accumulators, and only the long way has windows in flight. Keys are gone through
 * in the namespace that nothing is added to or taken from meanwhile; what is left there goes at the end.
 */
#include <string.h>

#include "base/alloc.h"
#include "window/general_internal.h"

/* ---- windows in flight become sessions --------------------------------------------------------------------------- */

static void *scratch_at(const struct weir__general *g, uint8_t *scratch, size_t i)
{
    return scratch + i * g->aggregates.layout.size;
}

/* The content of a window whose end has a timer gets the bounds. One that has fired has none: it was kept for late rows
 * alone, and now there are none. */
static weir_status bound(struct weir__general *g, const struct weir_due_timer *due)
{
    const struct weir_state_ops *ops = g->state->ops;
    struct weir__flight flight;
    g->key = due->key;
    if (!weir__flight_by_id(g, (int64_t)due->ns, &flight) || due->at != weir_window_last(&flight.window)) return WEIR_OK;
    if (!ops->value_get(g->state, g->aggregates.at, &g->key, flight.content)) return WEIR_OK;
    void *value = ops->value_edit(g->state, g->aggregates.at, &g->key, flight.content);
    if (!value) return weir__no_window_memory(g);
    *weir__session_of(g, value) = (struct weir__session){.start = flight.window.start, .end = flight.window.end};
    ops->settle(g->state);
    return WEIR_OK;
}

/* There are no timers any more. */
static weir_status bound_all(struct weir__general *g, weir_clock clock)
{
    struct weir_due_timer due;
    weir_status s;
    while ((s = weir_timers_pop(g->timers, clock, INT64_MAX, &due)) == WEIR_MORE) {
        weir_status done = clock == WEIR_EVENT_TIME ? bound(g, &due) : WEIR_OK;
        if (done != WEIR_OK) return done;
    }
    return s == WEIR_OK ? s : weir__no_window_memory(g);
}

/* Takes the contents out of state, since sessions go where they were. */
static weir_status take_out(struct weir__general *g, const struct weir__flight *flights, size_t n, uint8_t *scratch)
{
    for (size_t i = 0; i < n; i++) {
        const void *value = g->state->ops->value_get(g->state, g->aggregates.at, &g->key, flights[i].content);
        if (value && weir_aggregates_copy(&g->aggregates, g->state, scratch_at(g, scratch, i), value) != WEIR_OK)
            return weir__no_window_memory(g);
        g->state->ops->clear(g->state, g->aggregates.at, &g->key, flights[i].content);
    }
    return WEIR_OK;
}

static weir_status put_sessions(struct weir__general *g, size_t n, uint8_t *scratch)
{
    for (size_t i = 0; i < n; i++) {
        void *copy = scratch_at(g, scratch, i), *value;
        const struct weir__session *session = weir__session_of(g, copy);
        const weir_window window = {session->start, session->end};
        bool created;
        if (window.start == window.end) continue;
        weir_status s = weir__session_take(g, &window, false, &value, &created);
        if (s != WEIR_OK) return s;
        struct weir__session now = *weir__session_of(g, value);
        if (weir_aggregates_copy(&g->aggregates, g->state, value, copy) != WEIR_OK) return weir__no_window_memory(g);
        *weir__session_of(g, value) = now;
    }
    return WEIR_OK;
}

static weir_status flights_to_sessions(struct weir__general *g, void *none)
{
    static const weir_window all = {INT64_MIN, INT64_MAX};
    struct weir__flight *flights;
    weir_window cover;
    size_t n;
    (void)none;
    weir__flights_touching(g, &all, &flights, &n, &cover);
    uint8_t *scratch = weir_try_alloc(n * g->aggregates.layout.size + 1);
    weir_status s = scratch ? take_out(g, flights, n, scratch) : weir__no_window_memory(g);
    if (s == WEIR_OK) s = put_sessions(g, n, scratch);
    for (size_t i = 0; scratch && i < n; i++) weir_aggregates_clear(&g->aggregates, g->state, scratch_at(g, scratch, i));
    weir_free(scratch);
    weir_free(flights);
    g->state->ops->settle(g->state);
    return s;
}

static weir_status to_sessions(struct weir__general *g)
{
    weir_status s = bound_all(g, WEIR_EVENT_TIME);
    if (s == WEIR_OK) s = bound_all(g, WEIR_PROCESSING_TIME);
    if (s == WEIR_OK) s = weir__general_each_key(g, WEIR__FLIGHTS, flights_to_sessions);
    if (s != WEIR_OK) return s;
    for (uint32_t i = 0; i < WEIR__TRIGGER_STATES + g->n_trigger_states; i++) weir__general_forget_state(g, i);
    return WEIR_OK;
}

/* ---- sessions become windows in flight --------------------------------------------------------------------------- */

static weir_status set_timers(struct weir__general *g, const struct weir__flight *flight)
{
    int64_t last = weir_window_last(&flight->window), cleanup = weir__general_cleanup_time(g, &flight->window);
    weir_clock clock = g->event_time ? WEIR_EVENT_TIME : WEIR_PROCESSING_TIME;
    weir_status s = weir_timers_set(g->timers, clock, &g->key, (uint64_t)flight->id, last);
    if (s == WEIR_OK && cleanup < INT64_MAX) s = weir_timers_set(g->timers, clock, &g->key, (uint64_t)flight->id, cleanup);
    return s == WEIR_OK ? s : weir__no_window_memory(g);
}

static weir_status to_flight(struct weir__general *g, const void *copy)
{
    const struct weir__session *session = weir__session_of(g, (void *)(uintptr_t)copy);
    const weir_window window = {session->start, session->end};
    struct weir__flight flight;
    weir_status s = weir__flight_add(g, &window, 0, &flight);
    if (s == WEIR_OK) s = set_timers(g, &flight);
    if (s != WEIR_OK) return s;
    void *value = g->state->ops->value_edit(g->state, g->aggregates.at, &g->key, flight.content);
    if (!value || weir_aggregates_copy(&g->aggregates, g->state, value, copy) != WEIR_OK) return weir__no_window_memory(g);
    *weir__session_of(g, value) = (struct weir__session){0};
    return WEIR_OK;
}

static weir_status sessions_to_flights(struct weir__general *g, void *newest)
{
    struct weir__session session = *weir__session_of(g, newest);
    uint32_t size = g->aggregates.layout.size;
    int32_t n = session.others + 1;
    uint8_t *scratch = weir_try_alloc((size_t)n * size + 1);
    weir_status s = scratch ? WEIR_OK : weir__no_window_memory(g);
    for (int32_t i = 0; s == WEIR_OK && i < n; i++) {
        int64_t ns = i < session.others ? 1 + ((session.first + i) & (session.room - 1)) : 0;
        const void *value = g->state->ops->value_get(g->state, g->aggregates.at, &g->key, ns);
        if (!value || weir_aggregates_copy(&g->aggregates, g->state, scratch_at(g, scratch, (size_t)i), value) != WEIR_OK)
            s = weir__no_window_memory(g);
        if (ns > 0) g->state->ops->clear(g->state, g->aggregates.at, &g->key, ns);
    }
    for (int32_t i = 0; s == WEIR_OK && i < n; i++) s = to_flight(g, scratch_at(g, scratch, (size_t)i));
    for (int32_t i = 0; scratch && i < n; i++)
        weir_aggregates_clear(&g->aggregates, g->state, scratch_at(g, scratch, (size_t)i));
    weir_free(scratch);
    g->state->ops->settle(g->state);
    return s;
}

static weir_status to_flights(struct weir__general *g)
{
    weir_status s = weir__general_each_key(g, g->aggregates.at, sessions_to_flights);
    if (s == WEIR_OK) g->state->ops->drop_namespace(g->state, g->aggregates.at, 0);
    return s;
}

/* ---- alarms ------------------------------------------------------------------------------------------------------ */

static weir_status set_alarm(struct weir__general *g, void *newest)
{
    const struct weir__session *s = weir__session_of(g, newest);
    const void *earliest = newest;
    if (s->others > 0)
        earliest = g->state->ops->value_get(g->state, g->aggregates.at, &g->key, 1 + (s->first & (s->room - 1)));
    if (!earliest) return weir__no_window_memory(g);
    return weir__session_set_alarm(g, weir__session_of(g, (void *)(uintptr_t)earliest)->end);
}

weir_status weir__sessions_restored(struct weir__general *g)
{
    if (!g->sessions.short_way) return to_flights(g);
    if (g->state->ops->entries(g->state, WEIR__FLIGHTS) > 0) return to_sessions(g);
    return weir__general_each_key(g, g->aggregates.at, set_alarm);
}
