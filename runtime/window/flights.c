/* flights.c - the windows of a key that are in flight, in keyed state; and which of them merge (semantics A5.6). Subtask's
 * thread.
 *
 * Invariants: (1) of merging windows no two of a key overlap or touch. So a new window's cover with all that touch it
 * touches no other, and one pass finds the whole merge set. (2) Of the ids 1 .. highest of a key `live` are those of windows
 * and of content; the others are in a list that starts at `free`. Without windows a key has none of these entries.
 */
#include <stdlib.h>
#include <weir/udf.h>

#include "base/alloc.h"
#include "window/general_internal.h"

#define MOST_AHEAD 8 /* windows of a key that are read ahead for a row */

struct window_key {
    int64_t start, end;
};
struct ids {
    int64_t id, content;
};
struct by_id {
    int64_t start, end, content;
};
struct key_ids {
    int64_t highest, free, live;
};
struct free_id { /* under its own number; 0: the last one */
    int64_t next;
};
static const weir_field window_members[] = {WEIR_MEMBER(struct window_key, start), WEIR_MEMBER(struct window_key, end)};
static const weir_field ids_members[] = {WEIR_MEMBER(struct ids, id), WEIR_MEMBER(struct ids, content)};
static const weir_field by_id_members[] = {WEIR_MEMBER(struct by_id, start), WEIR_MEMBER(struct by_id, end),
                                           WEIR_MEMBER(struct by_id, content)};
static const weir_field key_ids_members[] = {WEIR_MEMBER(struct key_ids, highest), WEIR_MEMBER(struct key_ids, free),
                                             WEIR_MEMBER(struct key_ids, live)};
static const weir_field free_id_members[] = {WEIR_MEMBER(struct free_id, next)};
static const weir_field row_members[] = {WEIR_MEMBER(struct weir__kept_row, time),
                                         WEIR_MEMBER_OF(struct weir__kept_row, row, WEIR_BYTES)};
static const weir_state states[WEIR__TRIGGER_STATES] = {
    [WEIR__FLIGHTS] = WEIR_MAP_STATE("windows", struct window_key, window_members, struct ids, ids_members),
    [WEIR__FLIGHT_OF_ID] = WEIR_VALUE_STATE("window_of_id", struct by_id, by_id_members),
    [WEIR__IDS] = WEIR_VALUE_STATE("ids", struct key_ids, key_ids_members),
    [WEIR__FREE_ID] = WEIR_VALUE_STATE("free_ids", struct free_id, free_id_members),
    [WEIR__ROWS] = WEIR_LIST_STATE("rows", struct weir__kept_row, row_members)};

weir_status weir__flights_layouts(struct weir_state_layout own[WEIR__TRIGGER_STATES], struct weir_error *error)
{
    weir_status s = WEIR_OK;
    for (int i = 0; s == WEIR_OK && i < WEIR__TRIGGER_STATES; i++) s = weir_state_layout_init(&own[i], &states[i], error);
    return s;
}

bool weir__flight_find(struct weir__general *g, const weir_window *window, struct weir__flight *flight)
{
    const struct window_key key = {window->start, window->end};
    const struct ids *ids = g->state->ops->map_get(g->state, WEIR__FLIGHTS, &g->key, 0, &key);
    if (ids) *flight = (struct weir__flight){*window, ids->id, ids->content};
    return ids != NULL;
}

bool weir__flight_by_id(struct weir__general *g, int64_t id, struct weir__flight *flight)
{
    const struct by_id *found = g->state->ops->value_get(g->state, WEIR__FLIGHT_OF_ID, &g->key, id);
    if (found) *flight = (struct weir__flight){{found->start, found->end}, id, found->content};
    return found != NULL;
}

/* ---- ids --------------------------------------------------------------------------------------------------------- */

/* 0: no memory. */
static int64_t take_id(struct weir__general *g)
{
    const struct weir_state_ops *ops = g->state->ops;
    struct key_ids *ids = ops->value_edit(g->state, WEIR__IDS, &g->key, 0);
    if (!ids) return 0;
    ids->live++;
    int64_t id = ids->free;
    if (!id) return ++ids->highest;
    ids->free = ((const struct free_id *)ops->value_get(g->state, WEIR__FREE_ID, &g->key, id))->next;
    ops->clear(g->state, WEIR__FREE_ID, &g->key, id);
    return id;
}

/* Without memory the number is not used again until the key has no window. */
static void release_id(struct weir__general *g, int64_t id)
{
    const struct weir_state_ops *ops = g->state->ops;
    struct key_ids *ids = ops->value_edit(g->state, WEIR__IDS, &g->key, 0);
    struct free_id *unused = --ids->live > 0 ? ops->value_edit(g->state, WEIR__FREE_ID, &g->key, id) : NULL;
    if (unused) {
        unused->next = ids->free;
        ids->free = id;
    }
    if (ids->live > 0) return;
    for (int64_t next = ids->free; next;) {
        int64_t this = next;
        next = ((const struct free_id *)ops->value_get(g->state, WEIR__FREE_ID, &g->key, this))->next;
        ops->clear(g->state, WEIR__FREE_ID, &g->key, this);
    }
    ops->clear(g->state, WEIR__IDS, &g->key, 0);
}

/* ---- windows ----------------------------------------------------------------------------------------------------- */

weir_status weir__flight_add(struct weir__general *g, const weir_window *window, int64_t content,
                             struct weir__flight *flight)
{
    const struct window_key key = {window->start, window->end};
    int64_t id = take_id(g);
    if (!id) return weir__no_window_memory(g);
    *flight = (struct weir__flight){*window, id, content ? content : id};
    struct by_id *by_id = g->state->ops->value_edit(g->state, WEIR__FLIGHT_OF_ID, &g->key, id);
    if (!by_id) return weir__no_window_memory(g);
    *by_id = (struct by_id){window->start, window->end, flight->content};
    struct ids *ids = g->state->ops->map_edit(g->state, WEIR__FLIGHTS, &g->key, 0, &key);
    if (!ids) return weir__no_window_memory(g);
    *ids = (struct ids){id, flight->content};
    return WEIR_OK;
}

void weir__flight_remove(struct weir__general *g, const struct weir__flight *flight, bool keep_content)
{
    const struct window_key key = {flight->window.start, flight->window.end};
    g->state->ops->map_remove(g->state, WEIR__FLIGHTS, &g->key, 0, &key);
    g->state->ops->clear(g->state, WEIR__FLIGHT_OF_ID, &g->key, flight->id);
    if (!keep_content) release_id(g, flight->content);
    if (flight->id != flight->content) release_id(g, flight->id);
}

static int by_start(const void *a, const void *b)
{
    int64_t x = ((const struct weir__flight *)a)->window.start, y = ((const struct weir__flight *)b)->window.start;
    return (x > y) - (x < y);
}

void weir__flights_touching(struct weir__general *g, const weir_window *window, struct weir__flight **found, size_t *n,
                            weir_window *cover)
{
    weir_cursor cursor = {0};
    const void *key, *value;
    size_t capacity = 0;
    *found = NULL;
    *n = 0;
    *cover = *window;
    while (g->state->ops->map_next(g->state, WEIR__FLIGHTS, &g->key, 0, &cursor, &key, &value)) {
        const struct window_key *other = key;
        const struct ids *ids = value;
        if (other->start > window->end || other->end < window->start) continue;
        WEIR_GROW(*found, capacity, *n + 1);
        (*found)[(*n)++] = (struct weir__flight){{other->start, other->end}, ids->id, ids->content};
        if (other->start < cover->start) cover->start = other->start;
        if (other->end > cover->end) cover->end = other->end;
    }
    if (*n > 1) qsort(*found, *n, sizeof **found, by_start);
}

/* ---- what is going to be asked for, when the windows are at hand --------------------------------------------------- */

/* With its content, and what its trigger keeps. */
static void want_window(struct weir__general *g, const struct ids *ids, int64_t row)
{
    weir_op_ahead_want(&g->ahead, WEIR_EVERY_STATE, ids->id, row, row + 1);
    if (ids->content != ids->id) weir_op_ahead_want(&g->ahead, WEIR_EVERY_STATE, ids->content, row, row + 1);
}

void weir__flights_want(struct weir__general *g, int64_t time, int64_t row)
{
    const struct weir_state_ops *ops = g->state->ops;
    weir_cursor cursor = {0};
    const void *key, *value;
    int n = 0;
    while (n < MOST_AHEAD && ops->map_next(g->state, WEIR__FLIGHTS, &g->key, 0, &cursor, &key, &value)) {
        const struct window_key *window = key;
        bool may_take = !g->event_time || (window->end >= time && (g->merging || window->start <= time));
        if (may_take) want_window(g, value, row);
        n += may_take;
    }
    const struct key_ids *ids = ops->value_get(g->state, WEIR__IDS, &g->key, 0);
    int64_t next = !ids ? 1 : ids->free ? ids->free : ids->highest + 1;
    weir_op_ahead_want(&g->ahead, WEIR_EVERY_STATE, next, row, row + 1);
}
