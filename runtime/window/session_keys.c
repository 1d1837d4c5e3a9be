/* session_keys.c - the sessions of a key where they are made of aggregates alone: a session is a value with its accumulators
 * and its bounds. Subtask's thread.
 *
 * The newest session is the key's entry in namespace 0, which nearly every row goes to: one look-up for a row, and nothing
 * to search. The others, which wait for the watermark, are in a ring of namespaces, 1 + slot, in order of time; the newest
 * one's value says where the ring begins and how many it holds. So the earliest session and those near the newest are at
 * hand, and a key needs no more namespaces than it once had sessions.
 *
 * Invariants: (1) sessions of a key neither overlap nor touch, and all are before the newest; (2) a key without sessions has
 * no entries; (3) every key with sessions has an alarm, at the end of its earliest session or before.
 */
#include <string.h>

#include "base/alloc.h"
#include "window/general_internal.h"

#define FIRST_ROOM 4
#define MOST_AHEAD 8 /* older sessions of a key that are read ahead for a row */

static int64_t slot_ns(const struct weir__session *newest, int32_t i)
{
    return 1 + ((newest->first + i) & (newest->room - 1));
}

/* The i-th of the others; NULL: no memory. */
static void *other_at(struct weir__general *g, const struct weir__session *newest, int32_t i)
{
    return g->state->ops->value_edit(g->state, g->aggregates.at, &g->key, slot_ns(newest, i));
}

static void clear(struct weir__general *g, int64_t ns)
{
    g->state->ops->clear(g->state, g->aggregates.at, &g->key, ns);
}

weir_status weir__session_set_alarm(struct weir__general *g, int64_t end)
{
    const weir_window window = {INT64_MIN, end};
    bool ok = weir__alarms_set(&g->sessions.alarms, &g->key, weir_window_last(&window));
    return ok ? WEIR_OK : weir__no_window_memory(g);
}

/* ---- moving ------------------------------------------------------------------------------------------------------ */

/* The content, with what its texts own; `to` is empty, and `from` is afterwards. */
static void move_content(struct weir__general *g, void *to, void *from)
{
    memcpy(to, from, g->aggregates.beside);
    memset(from, 0, g->aggregates.beside);
}

static void move_session(struct weir__general *g, void *to, void *from)
{
    struct weir__session *s = weir__session_of(g, from), *into = weir__session_of(g, to);
    move_content(g, to, from);
    into->start = s->start;
    into->end = s->end;
}

/* Slots that had wrapped go on behind the old ones. */
static weir_status grow_ring(struct weir__general *g, struct weir__session *newest)
{
    int32_t old = newest->room, wrapped = newest->first + newest->others - old;
    if (newest->room > INT32_MAX / 4) return weir__no_window_memory(g);
    newest->room = old ? old * 2 : FIRST_ROOM;
    for (int32_t slot = 0; old > 0 && slot < wrapped; slot++) {
        void *from = g->state->ops->value_edit(g->state, g->aggregates.at, &g->key, 1 + slot);
        void *to = g->state->ops->value_edit(g->state, g->aggregates.at, &g->key, 1 + slot + old);
        if (!from || !to) return weir__no_window_memory(g);
        move_session(g, to, from);
        clear(g, 1 + slot);
    }
    return WEIR_OK;
}

/* Room for one more of the others, behind them. */
static weir_status add_other(struct weir__general *g, struct weir__session *newest)
{
    weir_status s = newest->others == newest->room ? grow_ring(g, newest) : WEIR_OK;
    if (s == WEIR_OK) newest->others++;
    return s;
}

static void drop_others(struct weir__general *g, struct weir__session *newest, int32_t left)
{
    while (newest->others > left) clear(g, slot_ns(newest, --newest->others));
    if (left == 0) newest->first = newest->room = 0;
}

weir_status weir__session_displace(struct weir__general *g, void *value)
{
    struct weir__session *newest = weir__session_of(g, value);
    weir_status s = add_other(g, newest);
    if (s != WEIR_OK) return s;
    void *to = other_at(g, newest, newest->others - 1);
    if (!to) return weir__no_window_memory(g);
    move_session(g, to, value);
    return WEIR_OK;
}

/* ---- a row that does not simply go to the newest one ------------------------------------------------------------- */

struct place { /* of a window among the n sessions of the key */
    void *newest;
    struct weir__session *session; /* of it */
    int32_t n;
    int32_t from, until; /* those that it overlaps or touches; equal: none, and it belongs there */
};

static void *session_at(struct weir__general *g, const struct place *p, int32_t i)
{
    return i == p->session->others ? p->newest : other_at(g, p->session, i);
}

static weir_status find_place(struct weir__general *g, const weir_window *window, struct place *p)
{
    p->n = p->session->start == p->session->end ? 0 : p->session->others + 1;
    p->until = p->n;
    for (p->from = p->n; p->from > 0; p->from--) {
        void *value = session_at(g, p, p->from - 1);
        if (!value) return weir__no_window_memory(g);
        const struct weir__session *s = weir__session_of(g, value);
        if (s->end < window->start) break;
        if (s->start > window->end) p->until = p->from - 1;
    }
    return WEIR_OK;
}

static weir_status insert(struct weir__general *g, const struct place *p, const weir_window *window, void **value)
{
    weir_status s = WEIR_OK;
    *value = p->newest;
    if (p->n > 0 && p->from == p->n) {
        s = weir__session_displace(g, p->newest);
    } else if (p->n > 0) {
        s = add_other(g, p->session);
        *value = NULL;
        for (int32_t i = p->session->others - 1; s == WEIR_OK && i >= p->from; i--) {
            void *from = i > p->from ? other_at(g, p->session, i - 1) : NULL;
            *value = other_at(g, p->session, i);
            if (!*value || (i > p->from && !from)) return weir__no_window_memory(g);
            if (from) move_session(g, *value, from);
        }
    }
    if (s != WEIR_OK) return s;
    struct weir__session *session = weir__session_of(g, *value);
    session->start = window->start;
    session->end = window->end;
    return p->from == 0 ? weir__session_set_alarm(g, window->end) : WEIR_OK;
}

/* The merged one becomes the newest, whose own content it has. */
static void replace_newest(struct weir__general *g, const struct place *p, void *merged)
{
    struct weir__session ring = *p->session;
    weir_aggregates_clear(&g->aggregates, g->state, p->newest);
    *p->session = ring;
    move_session(g, p->newest, merged);
    drop_others(g, p->session, p->from);
}

/* Others behind the merged one move up. */
static weir_status close_gap(struct weir__general *g, const struct place *p)
{
    int32_t gap = p->until - p->from - 1, others = p->session->others;
    for (int32_t i = p->from + 1; i + gap < others; i++) {
        void *to = other_at(g, p->session, i), *from = other_at(g, p->session, i + gap);
        if (!to || !from) return weir__no_window_memory(g);
        struct weir__session bounds = *weir__session_of(g, from);
        weir_aggregates_clear(&g->aggregates, g->state, to);
        move_content(g, to, from);
        weir__session_of(g, to)->start = bounds.start;
        weir__session_of(g, to)->end = bounds.end;
    }
    drop_others(g, p->session, others - gap);
    return WEIR_OK;
}

/* Content stays with the first one, and that of the others is merged into it, as they come. */
static weir_status merge(struct weir__general *g, const struct place *p, const weir_window *window, void **value)
{
    void *merged = session_at(g, p, p->from);
    if (!merged) return weir__no_window_memory(g);
    struct weir__session *into = weir__session_of(g, merged);
    for (int32_t i = p->from + 1; i < p->until; i++) {
        void *other = session_at(g, p, i);
        if (!other) return weir__no_window_memory(g);
        weir_status s = weir_aggregates_merge(&g->aggregates, merged, other);
        if (s != WEIR_OK) return s;
        into->end = weir__session_of(g, other)->end;
    }
    if (window->start < into->start) into->start = window->start;
    if (window->end > into->end) into->end = window->end;
    *value = merged;
    if (p->until == p->from + 1) return WEIR_OK;
    if (p->until < p->n) return close_gap(g, p);
    replace_newest(g, p, merged);
    *value = p->newest;
    return WEIR_OK;
}

weir_status weir__session_take(struct weir__general *g, const weir_window *window, bool late, void **value, bool *created)
{
    const struct weir_state_ops *ops = g->state->ops;
    *value = NULL;
    if (late && !ops->value_get(g->state, g->aggregates.at, &g->key, 0)) return WEIR_OK;
    struct place p = {.newest = ops->value_edit(g->state, g->aggregates.at, &g->key, 0)};
    if (!p.newest) return weir__no_window_memory(g);
    p.session = weir__session_of(g, p.newest);
    weir_status s = find_place(g, window, &p);
    if (s != WEIR_OK) return s;
    *created = p.from == p.until;
    if (!*created) return merge(g, &p, window, value);
    return late ? WEIR_OK : insert(g, &p, window, value);
}

/* ---- the earliest ------------------------------------------------------------------------------------------------ */

weir_status weir__session_earliest(struct weir__general *g, void **newest, void **earliest)
{
    *earliest = NULL;
    *newest = g->state->ops->value_edit(g->state, g->aggregates.at, &g->key, 0);
    if (!*newest) return weir__no_window_memory(g);
    const struct weir__session *s = weir__session_of(g, *newest);
    if (s->start == s->end) return WEIR_OK;
    *earliest = s->others > 0 ? other_at(g, s, 0) : *newest;
    return *earliest ? WEIR_OK : weir__no_window_memory(g);
}

void weir__session_drop_earliest(struct weir__general *g, void *newest)
{
    struct weir__session *s = weir__session_of(g, newest);
    if (s->others == 0) {
        clear(g, 0);
        return;
    }
    clear(g, slot_ns(s, 0));
    s->first = (s->first + 1) & (s->room - 1);
    if (--s->others == 0) s->first = s->room = 0;
}

/* ---- what is going to be asked for, when the newest one is at hand ------------------------------------------------ */

static void want_other(struct weir__general *g, const struct weir__session *newest, int32_t i, int64_t row)
{
    weir_op_ahead_want(&g->ahead, g->aggregates.at, slot_ns(newest, i), row, row + 1);
}

static const struct weir__session *newest_at_hand(const struct weir__general *g)
{
    const void *value = g->state->ops->value_get(g->state, g->aggregates.at, &g->key, 0);
    const struct weir__session *s = value ? weir__session_of(g, (void *)(uintptr_t)value) : NULL;
    return s && s->start < s->end ? s : NULL;
}

void weir__session_want(struct weir__general *g, int64_t time, int64_t row)
{
    const struct weir__session *found = newest_at_hand(g);
    if (!found) return;
    struct weir__session newest = *found;
    if (newest.room == 0) newest.room = FIRST_ROOM;
    if (time > newest.end && newest.others < newest.room) want_other(g, &newest, newest.others, row);
    for (int32_t i = newest.others; time < newest.start && i > 0 && newest.others - i < MOST_AHEAD; i--)
        want_other(g, &newest, i - 1, row);
}

void weir__session_want_earliest(struct weir__general *g, int64_t key)
{
    const struct weir__session *newest = newest_at_hand(g);
    for (int32_t i = 0; newest && i < newest->others && i < 2; i++) want_other(g, newest, i, key);
    g->state->ops->settle(g->state);
}
