/* heap.c - keyed state in memory: the set, its groups and namespaces, and values.
 *
 * Floor 3. One thread. See heap_internal.h for the structures. Invariants: (1) a group's tables are sorted by namespace; (2)
 * a table without entries is freed, but that of namespace 0, which keyed functions fill and empty all the time: it stays
 * until it is dropped; (3) an entry of a list or map holds at least one item or pair, so that an emptied one counts as
 * absent.
 */
#include "data/key.h"
#include "state/heap_internal.h"

#define LINE 64 /* bytes */

/* ---- namespaces -------------------------------------------------------------------------------------------------- */

/* Index of the namespace, or of the place where it belongs. */
static uint32_t place_of(const struct heap_group *g, int64_t ns)
{
    uint32_t low = 0, high = g->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (g->tables[middle]->ns < ns) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct heap_table *weir__heap_find_table(struct heap_group *g, int64_t ns)
{
    if (g->last && g->last->ns == ns) return g->last;
    uint32_t i = place_of(g, ns);
    if (i == g->n || g->tables[i]->ns != ns) return NULL;
    return g->last = g->tables[i];
}

static inline struct heap_table *table_at_hand(const struct heap_group *g, int64_t ns)
{
    return g->last && g->last->ns == ns ? g->last : NULL;
}

struct heap_table *weir__heap_make_table(struct heap *h, struct heap_group *g, int64_t ns)
{
    struct heap_table *t = weir__heap_find_table(g, ns);
    if (t) return t;
    if (g->n == g->capacity) {
        uint32_t capacity = g->capacity ? g->capacity * 2 : 4;
        struct heap_table **tables =
            weir__heap_resize(h, g->tables, g->capacity * sizeof *tables, capacity * sizeof *tables);
        if (!tables) return NULL;
        g->tables = tables;
        g->capacity = capacity;
    }
    t = weir__heap_alloc(h, sizeof *t);
    if (!t) return NULL;
    t->ns = ns;
    t->expected = g->expected;
    uint32_t i = place_of(g, ns);
    memmove(&g->tables[i + 1], &g->tables[i], (g->n - i) * sizeof *g->tables);
    g->tables[i] = t;
    g->n++;
    return g->last = t;
}

void weir__heap_drop_table(struct heap *h, struct heap_state *s, struct heap_group *g, int64_t ns)
{
    uint32_t i = place_of(g, ns);
    if (i == g->n || g->tables[i]->ns != ns) return;
    g->expected = g->tables[i]->live;
    weir__heap_retire_table(h, s, g->tables[i]);
    g->last = NULL;
    g->n--;
    memmove(&g->tables[i], &g->tables[i + 1], (g->n - i) * sizeof *g->tables);
    if (g->n > 0) return;
    weir__heap_free(h, g->tables, g->capacity * sizeof *g->tables);
    g->tables = NULL;
    g->capacity = 0;
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

static struct heap_group *group_of(const struct heap *h, struct heap_state *s, uint32_t group)
{
    WEIR_ASSERT(group >= h->set.first_group && group <= h->set.last_group);
    return &s->groups[group - h->set.first_group];
}

static struct heap_state *state_of(const struct heap *h, uint32_t state)
{
    WEIR_ASSERT(state < h->set.n_states);
    return &h->states[state];
}

void *weir__heap_get(struct weir_state_set *set, uint32_t state, enum weir_state_shape shape, const struct weir_key_ref *key,
                     int64_t ns)
{
    struct heap *h = weir__heap_of(set);
    struct heap_state *s = state_of(h, state);
    WEIR_ASSERT(weir_layout_shape(s->layout) == shape);
    struct heap_group *g = group_of(h, s, key->group);
    struct heap_table *t = table_at_hand(g, ns);
    if (!t) t = weir__heap_find_table(g, ns);
    struct heap_key *entry = t ? weir__heap_find(h, s, t, key->p, key->n, key->hash) : NULL;
    return entry ? weir__heap_value(entry) : NULL;
}

void *weir__heap_edit(struct weir_state_set *set, uint32_t state, enum weir_state_shape shape,
                      const struct weir_key_ref *key, int64_t ns)
{
    struct heap *h = weir__heap_of(set);
    struct heap_state *s = state_of(h, state);
    WEIR_ASSERT(weir_layout_shape(s->layout) == shape);
    struct heap_group *g = group_of(h, s, key->group);
    struct heap_table *t = table_at_hand(g, ns);
    if (!t) t = weir__heap_make_table(h, g, ns);
    if (!t) return NULL;
    uint32_t place;
    struct heap_key *entry = weir__heap_find_place(h, s, t, key->p, key->n, key->hash, &place);
    if (entry)
        weir__heap_keep(h, t, place);
    else
        entry = weir__heap_insert(h, s, t, key->p, key->n, key->hash);
    return entry ? weir__heap_value(entry) : NULL;
}

void *weir__heap_change(struct weir_state_set *set, uint32_t state, enum weir_state_shape shape,
                        const struct weir_key_ref *key, int64_t ns)
{
    struct heap *h = weir__heap_of(set);
    struct heap_state *s = state_of(h, state);
    WEIR_ASSERT(weir_layout_shape(s->layout) == shape);
    struct heap_table *t = weir__heap_find_table(group_of(h, s, key->group), ns);
    uint32_t place;
    struct heap_key *entry = t ? weir__heap_find_place(h, s, t, key->p, key->n, key->hash, &place) : NULL;
    if (!entry) return NULL;
    weir__heap_keep(h, t, place);
    return weir__heap_value(entry);
}

void weir__heap_free_value(struct heap *h, const struct heap_state *s, void *value)
{
    switch (weir_layout_shape(s->layout)) {
    case WEIR_SHAPE_VALUE: weir__heap_free_texts(h, &s->texts, value); break;
    case WEIR_SHAPE_LIST: weir__heap_free_list(h, s, value); break;
    case WEIR_SHAPE_MAP: weir__heap_free_map(h, s, value); break;
    }
}

void weir__heap_clear(struct weir_state_set *set, uint32_t state, const struct weir_key_ref *key, int64_t ns)
{
    struct heap *h = weir__heap_of(set);
    struct heap_state *s = state_of(h, state);
    struct heap_group *g = group_of(h, s, key->group);
    struct heap_table *t = weir__heap_find_table(g, ns);
    uint32_t place;
    struct heap_key *entry = t ? weir__heap_find_place(h, s, t, key->p, key->n, key->hash, &place) : NULL;
    if (!entry) return;
    weir__heap_keep(h, t, place);
    weir__heap_free_value(h, s, weir__heap_value(entry));
    weir__heap_remove(h, s, t, entry, key->hash);
    if (t->live == 0 && ns != 0) weir__heap_drop_table(h, s, g, ns);
}

static const void *value_get(struct weir_state_set *set, uint32_t state, const struct weir_key_ref *key, int64_t ns)
{
    return weir__heap_get(set, state, WEIR_SHAPE_VALUE, key, ns);
}

static void *value_edit(struct weir_state_set *set, uint32_t state, const struct weir_key_ref *key, int64_t ns)
{
    return weir__heap_edit(set, state, WEIR_SHAPE_VALUE, key, ns);
}

/* ---- enumeration ------------------------------------------------------------------------------------------------- */

static uint32_t next_entries(struct weir_state_set *set, uint32_t state, uint32_t group, int64_t ns, weir_cursor *cursor,
                             struct weir_state_entry *entries, uint32_t most)
{
    struct heap *h = weir__heap_of(set);
    struct heap_state *s = state_of(h, state);
    struct heap_table *t = weir__heap_find_table(group_of(h, s, group), ns);
    bool has_values = weir_layout_shape(s->layout) == WEIR_SHAPE_VALUE;
    uint32_t n = 0;
    while (t && n < most && cursor->at < t->used) {
        struct heap_key *entry = weir__heap_entry(s, t, (uint32_t)cursor->at++);
        if (entry->n == WEIR__HEAP_DEAD) continue;
        entries[n++] = (struct weir_state_entry){
            .key = weir__heap_key_bytes(entry), .n = entry->n, .value = has_values ? weir__heap_value(entry) : NULL};
    }
    return n;
}

static bool next_key(struct weir_state_set *set, uint32_t state, uint32_t group, int64_t ns, weir_cursor *cursor,
                     struct weir_key_ref *key, void **value)
{
    struct weir_state_entry entry;
    if (next_entries(set, state, group, ns, cursor, &entry, 1) == 0) return false;
    *key = (struct weir_key_ref){.p = entry.key, .n = entry.n, .group = group, .hash = weir_key_hash64(entry.key, entry.n)};
    *value = entry.value;
    return true;
}

static bool next_namespace(struct weir_state_set *set, uint32_t state, uint32_t group, bool first, int64_t after,
                           int64_t *ns)
{
    struct heap *h = weir__heap_of(set);
    const struct heap_group *g = group_of(h, state_of(h, state), group);
    uint32_t i = first ? 0 : place_of(g, after);
    if (!first && i < g->n && g->tables[i]->ns == after) i++;
    while (i < g->n && g->tables[i]->live == 0) i++;
    if (i == g->n) return false;
    *ns = g->tables[i]->ns;
    return true;
}

static void drop_namespace(struct weir_state_set *set, uint32_t state, int64_t ns)
{
    struct heap *h = weir__heap_of(set);
    struct heap_state *s = state_of(h, state);
    for (uint32_t g = 0; g <= h->set.last_group - h->set.first_group; g++) weir__heap_drop_table(h, s, &s->groups[g], ns);
}

static size_t memory(const struct weir_state_set *set)
{
    const struct heap *h = (const struct heap *)(const void *)set;
    return h->bytes + h->spare_bytes + h->n_copies * WEIR__HEAP_COPY_BYTES + h->scratch.capacity;
}

static size_t entries(const struct weir_state_set *set, uint32_t state)
{
    return state_of((const struct heap *)(const void *)set, state)->n_entries;
}

/* ---- the set ----------------------------------------------------------------------------------------------------- */

static struct heap_texts texts_of(const weir_field *fields, uint32_t n)
{
    struct heap_texts texts = {.offsets = weir_alloc_array(n ? n : 1, sizeof *texts.offsets)};
    for (uint32_t i = 0; i < n; i++) {
        if (weir_type_is_variable((weir_type)fields[i].type)) texts.offsets[texts.n++] = fields[i].offset;
    }
    return texts;
}

static uint32_t value_size(const struct weir_state_layout *l)
{
    switch (weir_layout_shape(l)) {
    case WEIR_SHAPE_LIST: return sizeof(struct heap_list);
    case WEIR_SHAPE_MAP: return sizeof(struct heap_map);
    case WEIR_SHAPE_VALUE: break;
    }
    return (l->size + 7) / 8 * 8;
}

/* Of entries of seven eighths of a line of the cache, as sums have them, three values in eight would lie in two of them. */
static uint32_t entry_size(const struct heap_state *s, const struct weir_state_layout *l, uint32_t extra)
{
    uint32_t size = (uint32_t)sizeof(struct heap_key) + s->value_size + extra;
    return size == LINE * 7 / 8 && extra == 0 && weir_layout_shape(l) == WEIR_SHAPE_VALUE ? LINE : size;
}

static void init_state(struct heap_state *s, const struct weir_state_layout *l, uint32_t n_groups, uint32_t extra)
{
    s->layout = l;
    s->groups = weir_alloc_array(n_groups, sizeof *s->groups);
    s->value_size = value_size(l);
    s->entry_size = entry_size(s, l, extra);
    WEIR_ASSERT(s->entry_size <= WEIR__HEAP_PAGE_BYTES);
    size_t page = extra > 0 ? WEIR__HEAP_SMALL_PAGE : WEIR__HEAP_PAGE_BYTES;
    while ((size_t)s->entry_size << (s->page_shift + 1) <= page) s->page_shift++;
    s->page_mask = (1u << s->page_shift) - 1;
    s->texts = texts_of(l->fields, l->n_fields);
    s->key_texts = texts_of(l->key_fields, l->n_key_fields);
    if (weir_layout_shape(l) != WEIR_SHAPE_MAP) return;
    weir__heap_measure_pairs(s);
    weir__heap_make_spares(s);
}

/* The values may have been settled: nothing is held back here. */
static void settle(struct weir_state_set *set)
{
    struct heap *h = weir__heap_of(set);
    if (__builtin_expect(h->image != NULL, 0)) weir__heap_thaw(h);
}

static void destroy(struct weir_state_set *set)
{
    struct heap *h = weir__heap_of(set);
    weir__heap_finish_images(h);
    for (uint32_t i = 0; i < h->set.n_states; i++) {
        struct heap_state *s = &h->states[i];
        for (uint32_t g = 0; g <= h->set.last_group - h->set.first_group; g++) {
            while (s->groups[g].n > 0)
                weir__heap_drop_table(h, s, &s->groups[g], s->groups[g].tables[s->groups[g].n - 1]->ns);
        }
        weir__heap_free_indexes(h, s);
        weir__heap_free_chunks(h, s);
        weir__heap_free_spares(s);
        weir_free(s->groups);
        weir_free(s->texts.offsets);
        weir_free(s->key_texts.offsets);
    }
    weir__heap_free_spare_blocks(h);
    weir_key_bytes_finish(&h->scratch);
    weir_free(h->states);
    weir_free(h);
}

static const struct weir_state_ops heap_ops = {
    .name = "heap",
    .destroy = destroy,
    .settle = settle,
    .value_get = value_get,
    .value_edit = value_edit,
    .value_edit_rows = weir__heap_edit_rows,
    .clear = weir__heap_clear,
    .list_add = weir__heap_list_add,
    .list_size = weir__heap_list_size,
    .list_at = weir__heap_list_at,
    .list_update = weir__heap_list_update,
    .map_get = weir__heap_map_get,
    .map_edit = weir__heap_map_edit,
    .map_remove = weir__heap_map_remove,
    .map_size = weir__heap_map_size,
    .map_next = weir__heap_map_next,
    .assign = weir__heap_assign,
    .resize_bytes = weir__heap_resize_bytes,
    .next_key = next_key,
    .next_entries = next_entries,
    .next_namespace = next_namespace,
    .drop_namespace = drop_namespace,
    .walks = true,
    .fetch = weir__heap_fetch,
    .fetch_keys = weir__heap_fetch_keys,
    .get_keys = weir__heap_get_keys,
    .edit_keys = weir__heap_edit_keys,
    .freeze = weir__heap_freeze,
    .memory = memory,
    .entries = entries,
};

struct heap *weir__heap_create(const struct weir_state_layout *layouts, uint32_t n_states, uint32_t first_group,
                               uint32_t last_group, uint32_t extra)
{
    WEIR_ASSERT(first_group <= last_group);
    struct heap *h = weir_alloc(sizeof *h);
    uint32_t n_groups = last_group - first_group + 1;
    h->set = (struct weir_state_set){
        .ops = &heap_ops, .layouts = layouts, .n_states = n_states, .first_group = first_group, .last_group = last_group};
    h->states = weir_alloc_array(n_states ? n_states : 1, sizeof *h->states);
    for (uint32_t i = 0; i < n_states; i++) init_state(&h->states[i], &layouts[i], n_groups, extra);
    h->least_copies = WEIR__HEAP_COPIES;
    h->at_once = WEIR__HEAP_AT_ONCE;
    h->bytes = sizeof *h + n_states * (sizeof *h->states + n_groups * sizeof(struct heap_group));
    return h;
}

struct weir_state_set *weir_heap_state_create(const struct weir_state_layout *layouts, uint32_t n_states,
                                              uint32_t first_group, uint32_t last_group)
{
    return &weir__heap_create(layouts, n_states, first_group, last_group, 0)->set;
}
