/* merged_slices.c - the slices of the window that fires, merged, so that the next window costs little: two stacks.
 *
 * Subtask's thread. Windows that follow each other lose slices at the front and win slices at the back. Slices before
 * `split` are merged from there backwards: the level with start L holds all slices in [L, split). Slices in [split, until)
 * are merged into one, the back. So a window is one level and the back; a slice that leaves takes its level along, and one
 * that comes is merged into the back. When no level is left, the window's slices become levels anew and the back is empty: a
 * slice is merged three times in all, however many windows share it, and nothing is ever subtracted (Tangwongsan et al.,
 * "Low-latency sliding-window aggregation in worst-case constant time", 2017, section 3).
 *
 * Slices stay what state is made of. All this is made from them and may be forgotten at any time. Key groups go one by one,
 * since the keys of a group fire together. A key's order of arrival is the least of its slices', a merge like others.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "window/window_internal.h"

void weir__merged_init(struct weir__merged *m, struct weir__window *w)
{
    m->window = w;
    m->layouts[WEIR__FRONT] = m->layouts[WEIR__BACK] = w->aggregates.layout;
    m->state = weir_heap_state_create(m->layouts, 2, w->first_group, w->last_group);
    m->split = m->until = INT64_MIN;
    m->sum = weir_alloc(w->aggregates.layout.size);
}

void weir__merged_forget(struct weir__merged *m)
{
    while (m->n_levels > 0) m->state->ops->drop_namespace(m->state, WEIR__FRONT, m->levels[--m->n_levels]);
    m->state->ops->drop_namespace(m->state, WEIR__BACK, 0);
    m->split = m->until = INT64_MIN;
}

void weir__merged_finish(struct weir__merged *m)
{
    if (!m->state) return;
    weir_aggregates_clear(&m->window->aggregates, m->state, m->sum);
    m->state->ops->destroy(m->state);
    weir_free(m->levels);
    weir_free(m->due);
    weir_free(m->sum);
}

/* ---- what changes from window to window -------------------------------------------------------------------------- */

/* A level for each slice that some window may begin with, from the latest back. */
static void plan_levels(struct weir__merged *m, const struct weir__slice *slices, size_t n)
{
    for (size_t i = n; i-- > 0;) {
        if (i > 0 && slices[i].latest <= slices[i - 1].start) continue;
        WEIR_GROW(m->levels, m->levels_capacity, m->n_levels + 1);
        m->levels[m->n_levels++] = slices[i].start;
    }
}

void weir__merged_begin(struct weir__merged *m, const struct weir__slice *slices, size_t n, int64_t start, int64_t end)
{
    while (m->n_levels > 0 && m->levels[m->n_levels - 1] < start)
        m->state->ops->drop_namespace(m->state, WEIR__FRONT, m->levels[--m->n_levels]);
    m->builds = m->n_levels == 0 || m->levels[m->n_levels - 1] != slices[0].start;
    if (m->builds) {
        weir__merged_forget(m);
        plan_levels(m, slices, n);
        m->split = end;
    } else {
        while (n > 0 && slices[0].start < m->until) slices++, n--;
    }
    m->slices = slices;
    m->n_slices = n;
    m->until = end;
}

/* ---- merging ----------------------------------------------------------------------------------------------------- */

static weir_status merge_value(struct weir__merged *m, void *value, void *from)
{
    struct weir_aggregates *a = &m->window->aggregates;
    uint64_t *arrival = weir_aggregates_arrival(a, value), other = *weir_aggregates_arrival(a, from);
    if (*arrival == 0) {
        weir_status s = weir_aggregates_copy(a, m->state, value, from);
        return s == WEIR_OK ? WEIR_OK : weir__window_no_memory(m->window);
    }
    if (other < *arrival) *arrival = other;
    return weir_aggregates_merge(a, value, from);
}

/* All keys of the group in one namespace into another. */
static weir_status merge_into(struct weir__merged *m, uint32_t state, int64_t ns, uint32_t group,
                              struct weir_state_set *from, int64_t from_ns)
{
    struct weir_key_ref key;
    weir_cursor cursor = {0};
    weir_status s = WEIR_OK;
    void *part;
    while (s == WEIR_OK && from->ops->next_key(from, 0, group, from_ns, &cursor, &key, &part)) {
        void *value = m->state->ops->value_edit(m->state, state, &key, ns);
        s = value ? merge_value(m, value, part) : weir__window_no_memory(m->window);
    }
    return s;
}

/* The levels of one group, from the latest back, each from its slices and the level behind it. */
static weir_status build_levels(struct weir__merged *m, uint32_t group)
{
    weir_status s = WEIR_OK;
    size_t end = m->n_slices;
    for (size_t l = 0; l < m->n_levels; l++) {
        size_t first = end;
        while (first > 0 && m->slices[first - 1].start >= m->levels[l]) first--;
        for (size_t i = first; s == WEIR_OK && i < end; i++)
            s = merge_into(m, WEIR__FRONT, m->levels[l], group, m->window->aggregates.state, m->slices[i].start);
        if (s == WEIR_OK && l > 0) s = merge_into(m, WEIR__FRONT, m->levels[l], group, m->state, m->levels[l - 1]);
        if (s != WEIR_OK) return s;
        end = first;
    }
    return WEIR_OK;
}

static weir_status grow_back(struct weir__merged *m, uint32_t group)
{
    weir_status s = WEIR_OK;
    for (size_t i = 0; s == WEIR_OK && i < m->n_slices; i++)
        s = merge_into(m, WEIR__BACK, 0, group, m->window->aggregates.state, m->slices[i].start);
    return s;
}

/* ---- the keys of a group ----------------------------------------------------------------------------------------- */

static weir_status add_due(struct weir__merged *m, const struct weir_key_ref *key, void *front, void *back)
{
    const struct weir_aggregates *a = &m->window->aggregates;
    if (m->n_due == m->due_capacity) {
        size_t capacity = m->due_capacity ? m->due_capacity * 2 : 64;
        struct weir__due_key *due = weir_try_realloc(m->due, capacity * sizeof *due);
        if (!due) return weir__window_no_memory(m->window);
        m->due = due;
        m->due_capacity = capacity;
    }
    uint64_t first = front ? *weir_aggregates_arrival(a, front) : UINT64_MAX;
    uint64_t second = back ? *weir_aggregates_arrival(a, back) : UINT64_MAX;
    m->due[m->n_due++] = (struct weir__due_key){.arrival = first < second ? first : second,
                                                .front = front,
                                                .back = back,
                                                .key = key->p,
                                                .key_size = (uint32_t)key->n};
    return WEIR_OK;
}

static int by_arrival(const void *a, const void *b)
{
    uint64_t x = ((const struct weir__due_key *)a)->arrival, y = ((const struct weir__due_key *)b)->arrival;
    return (x > y) - (x < y);
}

/* Rows that came in order of time leave the keys in order. */
static void sort_due(struct weir__merged *m)
{
    for (size_t i = 1; i < m->n_due; i++) {
        if (m->due[i].arrival > m->due[i - 1].arrival) continue;
        qsort(m->due, m->n_due, sizeof *m->due, by_arrival);
        return;
    }
}

static weir_status collect_due(struct weir__merged *m, uint32_t group)
{
    const struct weir_state_ops *ops = m->state->ops;
    int64_t level = m->levels[m->n_levels - 1];
    bool has_back = m->until > m->split;
    struct weir_key_ref key;
    weir_cursor cursor = {0};
    weir_status s = WEIR_OK;
    void *value;
    m->n_due = 0;
    while (s == WEIR_OK && ops->next_key(m->state, WEIR__FRONT, group, level, &cursor, &key, &value))
        s = add_due(m, &key, value, has_back ? (void *)(uintptr_t)ops->value_get(m->state, WEIR__BACK, &key, 0) : NULL);
    cursor = (weir_cursor){0};
    while (s == WEIR_OK && has_back && ops->next_key(m->state, WEIR__BACK, group, 0, &cursor, &key, &value)) {
        if (!ops->value_get(m->state, WEIR__FRONT, &key, level)) s = add_due(m, &key, NULL, value);
    }
    if (s == WEIR_OK) sort_due(m);
    return s;
}

weir_status weir__merged_group(struct weir__merged *m, uint32_t group)
{
    weir_status s = m->builds ? build_levels(m, group) : grow_back(m, group);
    return s == WEIR_OK ? collect_due(m, group) : s;
}

weir_status weir__merged_value(struct weir__merged *m, const struct weir__due_key *due, const void **value)
{
    struct weir_aggregates *a = &m->window->aggregates;
    *value = due->front ? due->front : due->back;
    if (!due->front || !due->back) return WEIR_OK;
    weir_aggregates_clear(a, m->state, m->sum);
    weir_status s = weir_aggregates_copy(a, m->state, m->sum, due->front);
    if (s != WEIR_OK) return weir__window_no_memory(m->window);
    *value = m->sum;
    return weir_aggregates_merge(a, m->sum, due->back);
}
