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
 *
 * A key group numbers its keys while levels are built from the latest back, and goes on where the back grows. What belongs
 * to a key is found by its number in arrays, the level's and the back's, which are swept. Building anew numbers anew, so
 * keys that are no more are forgotten. A level has room for the keys that were numbered when it was built.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "window/window_internal.h"

#define FIRST_KEYS 16
#define DIGIT_BITS 8 /* of the sort by arrival */
#define DIGITS     (1u << DIGIT_BITS)
#define FEW_KEYS   16
#define LINE       64

void weir__merged_init(struct weir__merged *m, struct weir__window *w)
{
    m->window = w;
    m->state = weir_heap_state_create(&w->aggregates.layout, 1, w->first_group, w->last_group);
    m->groups = weir_alloc_array(w->last_group - w->first_group + 1, sizeof *m->groups);
    m->stride = (w->aggregates.layout.size + 7) / 8 * 8;
    m->split = m->until = INT64_MIN;
    m->sum = weir_alloc(m->stride);
}

/* ---- accumulators by number -------------------------------------------------------------------------------------- */

static void *value_at(const struct weir__merged *m, const struct weir__merged_part *part, uint32_t number)
{
    return part->values + number * m->stride;
}

static uint64_t arrival_at(const struct weir__merged *m, const struct weir__merged_part *part, uint32_t number)
{
    return number < part->n ? *weir_aggregates_arrival(&m->window->aggregates, value_at(m, part, number)) : 0;
}

static bool resize(struct weir__merged *m, struct weir__merged_part *part, uint32_t capacity)
{
    char *values = weir_try_realloc(part->values, capacity * m->stride);
    if (!values) return false;
    part->values = values;
    part->capacity = capacity;
    return true;
}

/* Room for the first n numbers. */
static weir_status reserve(struct weir__merged *m, struct weir__merged_part *part, uint32_t n)
{
    if (n <= part->n) return WEIR_OK;
    uint32_t capacity = part->capacity + part->capacity / 4;
    if (capacity < n) capacity = n < FIRST_KEYS ? FIRST_KEYS : n;
    if (n > part->capacity && !resize(m, part, capacity)) return weir__window_no_memory(m->window);
    memset(part->values + part->n * m->stride, 0, (n - part->n) * m->stride);
    part->n = n;
    return WEIR_OK;
}

/* Keeps the memory for about as many. */
static void empty_part(struct weir__merged *m, struct weir__merged_part *part)
{
    struct weir_aggregates *a = &m->window->aggregates;
    for (uint32_t i = 0; a->has_texts && i < part->n; i++) weir_aggregates_clear(a, m->state, value_at(m, part, i));
    if (part->n < part->capacity / 4) {
        weir_free(part->values);
        *part = (struct weir__merged_part){0};
    }
    part->n = 0;
}

static void free_part(struct weir__merged *m, struct weir__merged_part *part)
{
    empty_part(m, part);
    weir_free(part->values);
    *part = (struct weir__merged_part){0};
}

/* ---- what changes from window to window -------------------------------------------------------------------------- */

static size_t count_groups(const struct weir__merged *m)
{
    return m->window->last_group - m->window->first_group + 1;
}

static void drop_level(struct weir__merged *m)
{
    m->n_levels--;
    for (size_t g = 0; g < count_groups(m); g++) {
        if (m->groups[g].n_fronts > m->n_levels) empty_part(m, &m->groups[g].fronts[m->n_levels]);
    }
}

/* Keeps memory. */
static void empty(struct weir__merged *m)
{
    while (m->n_levels > 0) drop_level(m);
    for (size_t g = 0; g < count_groups(m); g++) {
        empty_part(m, &m->groups[g].back);
        weir__key_numbers_empty(&m->groups[g].keys);
    }
    m->split = m->until = INT64_MIN;
}

void weir__merged_forget(struct weir__merged *m)
{
    empty(m);
    for (size_t g = 0; g < count_groups(m); g++) {
        struct weir__merged_group *group = &m->groups[g];
        for (size_t l = 0; l < group->n_fronts; l++) free_part(m, &group->fronts[l]);
        free_part(m, &group->back);
        weir_free(group->fronts);
        weir__key_numbers_finish(&group->keys);
        *group = (struct weir__merged_group){0};
    }
}

void weir__merged_finish(struct weir__merged *m)
{
    if (!m->state) return;
    weir__merged_forget(m);
    weir_aggregates_clear(&m->window->aggregates, m->state, m->sum);
    m->state->ops->destroy(m->state);
    weir_free(m->groups);
    weir_free(m->levels);
    weir_free(m->due);
    weir_free(m->sorted);
    weir_free(m->sum);
}

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
    while (m->n_levels > 0 && m->levels[m->n_levels - 1] < start) drop_level(m);
    m->builds = m->n_levels == 0 || m->levels[m->n_levels - 1] != slices[0].start;
    if (m->builds) {
        empty(m);
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

/* The number of a key, with room for it. */
static weir_status number_of(struct weir__merged *m, struct weir__merged_group *group, struct weir__merged_part *part,
                             const struct weir_key_ref *key, uint32_t *number)
{
    *number = weir__key_number(&group->keys, key);
    return *number == WEIR__NO_NUMBER ? weir__window_no_memory(m->window) : reserve(m, part, *number + 1);
}

static struct weir__merged_group *group_of(const struct weir__merged *m, uint32_t group)
{
    return &m->groups[group - m->window->first_group];
}

/* All keys that the group has in a slice. */
static weir_status merge_slice(struct weir__merged *m, uint32_t group, struct weir__merged_part *part, int64_t slice)
{
    struct weir_state_set *from = m->window->aggregates.state;
    struct weir_key_ref key;
    weir_cursor cursor = {0};
    weir_status s = WEIR_OK;
    void *value;
    uint32_t number;
    while (s == WEIR_OK && from->ops->next_key(from, 0, group, slice, &cursor, &key, &value)) {
        s = number_of(m, group_of(m, group), part, &key, &number);
        if (s == WEIR_OK) s = merge_value(m, value_at(m, part, number), value);
    }
    return s;
}

/* Into an empty one. */
static weir_status copy_part(struct weir__merged *m, struct weir__merged_part *to, const struct weir__merged_part *from)
{
    weir_status s = WEIR_OK;
    if (m->window->aggregates.has_texts) {
        s = reserve(m, to, from->n);
        for (uint32_t i = 0; s == WEIR_OK && i < from->n; i++) {
            if (arrival_at(m, from, i)) s = merge_value(m, value_at(m, to, i), value_at(m, from, i));
        }
        return s;
    }
    if (to->capacity < from->n && !resize(m, to, from->n)) return weir__window_no_memory(m->window);
    if (from->n > 0) memcpy(to->values, from->values, from->n * m->stride);
    to->n = from->n;
    return WEIR_OK;
}

/* Room for every level; what there is stays for those of the same place. */
static weir_status reserve_fronts(struct weir__merged *m, struct weir__merged_group *g)
{
    while (g->n_fronts > m->n_levels) free_part(m, &g->fronts[--g->n_fronts]);
    if (g->n_fronts == m->n_levels) return WEIR_OK;
    struct weir__merged_part *fronts = weir_try_realloc(g->fronts, m->n_levels * sizeof *fronts);
    if (!fronts) return weir__window_no_memory(m->window);
    memset(fronts + g->n_fronts, 0, (m->n_levels - g->n_fronts) * sizeof *fronts);
    g->fronts = fronts;
    g->n_fronts = m->n_levels;
    return WEIR_OK;
}

/* The levels of one group, from the latest back, each from the level behind it and its own slices. */
static weir_status build_levels(struct weir__merged *m, uint32_t group)
{
    struct weir__merged_group *g = group_of(m, group);
    weir_status s = reserve_fronts(m, g);
    size_t end = m->n_slices;
    for (size_t l = 0; s == WEIR_OK && l < m->n_levels; l++) {
        if (l > 0) s = copy_part(m, &g->fronts[l], &g->fronts[l - 1]);
        for (; s == WEIR_OK && end > 0 && m->slices[end - 1].start >= m->levels[l]; end--)
            s = merge_slice(m, group, &g->fronts[l], m->slices[end - 1].start);
    }
    return s;
}

/* Into the cache, one line after the other: keys ask for them in no order. */
static void fetch(const void *p, size_t n)
{
    for (size_t at = 0; at < n; at += LINE) __builtin_prefetch((const char *)p + at);
}

static weir_status grow_back(struct weir__merged *m, uint32_t group)
{
    const struct weir__merged_group *g = group_of(m, group);
    weir_status s = WEIR_OK;
    if (m->n_slices > 0) {
        fetch(g->keys.slots, g->keys.n_slots * sizeof *g->keys.slots);
        fetch(g->keys.ends, g->keys.n * sizeof *g->keys.ends);
        fetch(g->keys.bytes, g->keys.n > 0 ? g->keys.ends[g->keys.n - 1] : 0);
        fetch(g->back.values, g->back.n * m->stride);
    }
    for (size_t i = 0; s == WEIR_OK && i < m->n_slices; i++)
        s = merge_slice(m, group, &group_of(m, group)->back, m->slices[i].start);
    return s;
}

/* ---- rows that come behind --------------------------------------------------------------------------------------- */

static struct weir__merged_part *part_of(const struct weir__merged *m, uint32_t group, size_t level)
{
    struct weir__merged_group *g = group_of(m, group);
    return level == WEIR__BACK ? &g->back : &g->fronts[level];
}

/* First the numbers of all rows, and then the values, which lie where they are from then on. */
weir_status weir__merged_edit(struct weir__merged *m, struct weir_rows *rows, int64_t row, size_t level, uint64_t first)
{
    struct weir__window *w = m->window;
    int64_t from = row < 0 ? 0 : row, n = row < 0 ? rows->view.length : 1;
    struct weir_key_ref key;
    weir_status s = WEIR_OK;
    for (int64_t i = 0; s == WEIR_OK && i < n; i++) {
        uint32_t group = rows->keys.key_group[from + i], number = 0;
        s = weir__window_key_of(w, rows, from + i, &key);
        if (s == WEIR_OK) s = number_of(m, group_of(m, group), part_of(m, group, level), &key, &number);
        w->values[i] = (void *)(uintptr_t)number;
    }
    if (s != WEIR_OK) return s;
    memset(w->created, 0, (size_t)(n + 7) / 8);
    for (int64_t i = 0; i < n; i++) {
        uint32_t number = (uint32_t)(uintptr_t)w->values[i];
        w->values[i] = value_at(m, part_of(m, rows->keys.key_group[from + i], level), number);
        uint64_t *arrival = weir_aggregates_arrival(&w->aggregates, w->values[i]);
        if (*arrival > 0) continue;
        *arrival = first + (uint64_t)i;
        w->created[i >> 3] |= (uint8_t)(1u << (i & 7));
    }
    return WEIR_OK;
}

/* ---- the keys of a group ----------------------------------------------------------------------------------------- */

static weir_status reserve_due(struct weir__merged *m, size_t n)
{
    if (n <= m->due_capacity) return WEIR_OK;
    if (!WEIR_TRY_RESIZE(m->due, n) || !WEIR_TRY_RESIZE(m->sorted, n)) return weir__window_no_memory(m->window);
    m->due_capacity = n;
    return WEIR_OK;
}

static int by_arrival(const void *a, const void *b)
{
    uint64_t x = ((const struct weir__due_key *)a)->arrival, y = ((const struct weir__due_key *)b)->arrival;
    return (x > y) - (x < y);
}

/* By one digit of how far they came behind the first. */
static void sort_digit(struct weir__merged *m, uint64_t first, uint32_t shift)
{
    size_t ends[DIGITS] = {0}, at = 0;
    for (size_t i = 0; i < m->n_due; i++) ends[(m->due[i].arrival - first) >> shift & (DIGITS - 1)]++;
    for (size_t d = 0; d < DIGITS; d++) {
        size_t n = ends[d];
        ends[d] = at;
        at += n;
    }
    for (size_t i = 0; i < m->n_due; i++) m->sorted[ends[(m->due[i].arrival - first) >> shift & (DIGITS - 1)]++] = m->due[i];
    struct weir__due_key *sorted = m->sorted;
    m->sorted = m->due;
    m->due = sorted;
}

static void sort_due(struct weir__merged *m, uint64_t first, uint64_t last)
{
    size_t i = 1;
    while (i < m->n_due && m->due[i].arrival > m->due[i - 1].arrival) i++;
    if (i >= m->n_due) return;
    if (m->n_due <= FEW_KEYS) {
        qsort(m->due, m->n_due, sizeof *m->due, by_arrival);
        return;
    }
    for (uint32_t shift = 0; shift < 64 && (last - first) >> shift > 0; shift += DIGIT_BITS) sort_digit(m, first, shift);
}

static weir_status collect_due(struct weir__merged *m, uint32_t group)
{
    const struct weir__merged_group *g = group_of(m, group);
    const struct weir__merged_part *front = &g->fronts[m->n_levels - 1], *back = &g->back;
    uint32_t n = front->n > back->n ? front->n : back->n;
    uint64_t least = UINT64_MAX, most = 0;
    m->at = g;
    m->n_due = 0;
    weir_status s = reserve_due(m, n);
    for (uint32_t i = 0; s == WEIR_OK && i < n; i++) {
        uint64_t a = arrival_at(m, front, i) - 1, b = arrival_at(m, back, i) - 1, arrival = (a < b ? a : b) + 1;
        if (arrival == 0) continue; /* in neither */
        if (arrival < least) least = arrival;
        if (arrival > most) most = arrival;
        m->due[m->n_due++] = (struct weir__due_key){arrival, i};
    }
    if (s == WEIR_OK) sort_due(m, least, most);
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
    const struct weir__merged_part *front = &m->at->fronts[m->n_levels - 1], *back = &m->at->back;
    bool in_front = arrival_at(m, front, due->number) > 0, in_back = arrival_at(m, back, due->number) > 0;
    *value = value_at(m, in_front ? front : back, due->number);
    if (!in_front || !in_back) return WEIR_OK;
    weir_aggregates_clear(a, m->state, m->sum);
    weir_status s = weir_aggregates_copy(a, m->state, m->sum, *value);
    if (s != WEIR_OK) return weir__window_no_memory(m->window);
    *value = m->sum;
    return weir_aggregates_merge(a, m->sum, value_at(m, back, due->number));
}
