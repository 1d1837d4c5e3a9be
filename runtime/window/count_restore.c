/* count_restore.c - windows of so many rows that were saved by the other way: the one window of a key in flight, with an id
 * and a count of its trigger's, becomes the key's entry, or that becomes a window. Once, after a restore. Subtask's thread.
 *
 * Only windows of the short way are in namespace 0 of the accumulators, and only the long way has windows in flight. Keys
 * are gone through in the namespace that nothing is added to or taken from meanwhile; what is left there goes at the end.
 */
#include <string.h>

#include "base/alloc.h"
#include "window/general_internal.h"

static const weir_window all = {INT64_MIN, INT64_MAX};

/* The content under `from`, which goes, becomes that under `to`. *into: NULL, when there is none. */
static weir_status move_content(struct weir__general *g, int64_t from, int64_t to, void **into)
{
    const struct weir_state_ops *ops = g->state->ops;
    const void *content = ops->value_get(g->state, g->aggregates.at, &g->key, from);
    *into = NULL;
    if (!content) return WEIR_OK;
    uint8_t *copy = weir_alloc_array(g->aggregates.layout.size, 1);
    weir_status s = weir_aggregates_copy(&g->aggregates, g->state, copy, content);
    if (s == WEIR_OK && from != 0) ops->clear(g->state, g->aggregates.at, &g->key, from);
    if (s == WEIR_OK) *into = ops->value_edit(g->state, g->aggregates.at, &g->key, to);
    if (s == WEIR_OK) s = *into ? weir_aggregates_copy(&g->aggregates, g->state, *into, copy) : WEIR_E_MEMORY;
    weir_aggregates_clear(&g->aggregates, g->state, copy);
    weir_free(copy);
    return s == WEIR_OK ? s : weir__no_window_memory(g);
}

/* ---- windows in flight become entries ---------------------------------------------------------------------------- */

static weir_status to_entry(struct weir__general *g, void *none)
{
    const struct weir_state_ops *ops = g->state->ops;
    struct weir__flight flight;
    void *value = NULL;
    (void)none;
    if (!weir__flight_find(g, &all, &flight)) return WEIR_OK;
    const int64_t *counted = ops->value_get(g->state, g->counts.state, &g->key, flight.id);
    int64_t rows = counted ? *counted : 0;
    weir_status s = move_content(g, flight.content, 0, &value);
    bool begun = value;
    if (s == WEIR_OK && !value && rows > 0) value = ops->value_edit(g->state, g->aggregates.at, &g->key, 0);
    if (s == WEIR_OK && !value && rows > 0) s = weir__no_window_memory(g);
    if (s == WEIR_OK && value) *weir__count_of(g, value) = (struct weir__count){.rows = rows, .begun = begun};
    ops->settle(g->state);
    return s;
}

/* There was no timer that such windows have a use for. */
static weir_status drop_timers(struct weir__general *g)
{
    struct weir_due_timer due;
    weir_status s = WEIR_OK;
    for (int clock = 0; s == WEIR_OK && clock < 2; clock++) {
        while ((s = weir_timers_pop(g->timers, clock ? WEIR_PROCESSING_TIME : WEIR_EVENT_TIME, INT64_MAX, &due)) ==
               WEIR_MORE)
            continue;
    }
    return s == WEIR_OK ? s : weir__no_window_memory(g);
}

/* Content of other windows, which an earlier node had. */
static void forget_others(struct weir__general *g)
{
    const struct weir_state_ops *ops = g->state->ops;
    uint32_t at = g->aggregates.at;
    int64_t ns = 0;
    for (uint32_t group = g->state->first_group; group <= g->state->last_group; group++) {
        for (bool more = ops->next_namespace(g->state, at, group, true, 0, &ns); more;
             more = ops->next_namespace(g->state, at, group, false, ns, &ns)) {
            if (ns != 0) ops->drop_namespace(g->state, at, ns);
        }
    }
}

static weir_status to_entries(struct weir__general *g)
{
    weir_status s = drop_timers(g);
    if (s == WEIR_OK) s = weir__general_each_key(g, WEIR__FLIGHTS, to_entry);
    if (s != WEIR_OK) return s;
    for (uint32_t i = 0; i < WEIR__TRIGGER_STATES + g->n_trigger_states; i++) weir__general_forget_state(g, i);
    forget_others(g);
    return WEIR_OK;
}

/* ---- entries become windows in flight ---------------------------------------------------------------------------- */

static weir_status to_flight(struct weir__general *g, void *value)
{
    struct weir__count count = *weir__count_of(g, value);
    struct weir__flight flight;
    void *content = NULL;
    if (!count.begun && count.rows == 0) return WEIR_OK;
    weir_status s = weir__flight_add(g, &all, 0, &flight);
    if (s == WEIR_OK && count.begun) s = move_content(g, 0, flight.content, &content);
    if (s == WEIR_OK && content) *weir__count_of(g, content) = (struct weir__count){0};
    int64_t *counted = NULL;
    if (s == WEIR_OK && g->counts.every > 0 && count.rows > 0) {
        counted = g->state->ops->value_edit(g->state, g->counts.state, &g->key, flight.id);
        if (!counted) s = weir__no_window_memory(g);
    }
    if (counted) *counted = count.rows;
    g->state->ops->settle(g->state);
    return s;
}

weir_status weir__counts_restored(struct weir__general *g)
{
    if (g->counts.short_way) return g->state->ops->entries(g->state, WEIR__FLIGHTS) > 0 ? to_entries(g) : WEIR_OK;
    weir_status s = weir__general_each_key(g, g->aggregates.at, to_flight);
    if (s == WEIR_OK) g->state->ops->drop_namespace(g->state, g->aggregates.at, 0);
    return s;
}
