/* heap_rows.c - the values of a whole batch of rows: the hot path of keyed windows.
 *
 * One thread. Rows are taken in chunks, so that the cache misses of different rows overlap. Most rows of a chunk are found
 * in the index of the namespace (heap_index.c).
 *
 * The rest is looked up in the tables, in three passes: (1) the key bytes and the table of every row, its slot
 * prefetched; (2) the first slot whose tag agrees, its entry prefetched; (3) the keys compared, and new ones inserted. What
 * pass 2 found stays right while pass 3 inserts, since entries do not move.
 *
 * Keys of one fixed-size column are read from the column; one string is encoded here, any other key by weir_key_encode.
 */
#include "data/key.h"
#include "state/heap_internal.h"

#define CHUNK 64 /* as many as there are bits in what weir__heap_recall gives */
#define LINE  64

struct lane { /* one row of a chunk */
    struct heap_table *table;
    struct heap_key *found; /* an entry that may be the key's, or NULL */
    uint32_t place;         /* of it */
    const uint8_t *key;
    uint64_t hash;
    uint64_t number; /* what key points to, when it is a number */
    uint32_t n;
};
struct chunk {
    struct heap *heap;
    struct heap_state *state;
    const struct weir_rows *rows;
    const uint32_t *fields;
    uint32_t n_fields;
    uint32_t n;
    uint32_t row[CHUNK];
    int64_t at[CHUNK];      /* in values and created */
    uint32_t places[CHUNK]; /* in the index: where the search for a row ended */
    struct lane lanes[CHUNK];
};

/* ---- keys -------------------------------------------------------------------------------------------------------- */

/* The same bytes as weir_key_encode makes, the machine being little-endian. */
static void number_keys(struct chunk *c, const weir_column *column)
{
    uint32_t size = weir_type_size((weir_type)column->type);
    for (uint32_t i = 0; i < c->n; i++) {
        struct lane *lane = &c->lanes[i];
        if (size == 8) {
            lane->number = ((const uint64_t *)column->data)[c->row[i]];
        } else {
            lane->number = ((const uint32_t *)column->data)[c->row[i]];
        }
        lane->key = (const uint8_t *)&lane->number;
        lane->n = size;
    }
}

static weir_status string_keys(struct chunk *c, const weir_column *column)
{
    struct weir_key_bytes *b = &c->heap->scratch;
    size_t total = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        c->lanes[i].n = 4 + (uint32_t)(column->offsets[c->row[i] + 1] - column->offsets[c->row[i]]);
        total += c->lanes[i].n;
    }
    b->n = 0;
    uint8_t *p = weir_key_bytes_room(b, total);
    if (!p) return WEIR_E_MEMORY;
    for (uint32_t i = 0; i < c->n; i++) {
        uint32_t bytes = c->lanes[i].n - 4;
        memcpy(p, &bytes, 4);
        if (bytes > 0) memcpy(p + 4, (const char *)column->data + column->offsets[c->row[i]], bytes);
        c->lanes[i].key = p;
        p += c->lanes[i].n;
    }
    return WEIR_OK;
}

static weir_status encoded_keys(struct chunk *c)
{
    struct weir_key_bytes *b = &c->heap->scratch;
    b->n = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        size_t before = b->n;
        weir_status s = weir_key_encode(b, &c->rows->view, c->fields, c->n_fields, c->row[i]);
        if (s != WEIR_OK) return s;
        c->lanes[i].n = (uint32_t)(b->n - before);
    }
    const uint8_t *p = b->p;
    for (uint32_t i = 0; i < c->n; p += c->lanes[i++].n) c->lanes[i].key = p;
    return WEIR_OK;
}

static weir_status make_keys(struct chunk *c)
{
    const weir_column *column = &c->rows->view.columns[c->fields[0]];
    if (c->n_fields > 1) return encoded_keys(c);
    switch ((weir_type)column->type) {
    case WEIR_I32:
    case WEIR_I64:
    case WEIR_TIMESTAMP: number_keys(c, column); return WEIR_OK;
    case WEIR_STRING: return string_keys(c, column);
    default: return encoded_keys(c);
    }
}

/* ---- the three passes -------------------------------------------------------------------------------------------- */

/* makes: where there is none yet; else it is NULL. */
static weir_status find_tables(struct chunk *c, int64_t ns, bool makes)
{
    const struct weir_row_keys *keys = &c->rows->keys;
    uint32_t first = c->heap->set.first_group, n_groups = c->heap->set.last_group - first + 1;
    for (uint32_t i = 0; i < c->n; i++) {
        struct lane *lane = &c->lanes[i];
        uint32_t group = keys->key_group[c->row[i]] - first;
        WEIR_ASSERT(group < n_groups);
        struct heap_group *g = &c->state->groups[group];
        lane->table = g->last && g->last->ns == ns ? g->last
                      : makes                      ? weir__heap_make_table(c->heap, g, ns)
                                                   : weir__heap_find_table(g, ns);
        if (makes && !lane->table) return WEIR_E_MEMORY;
        lane->found = NULL;
        lane->hash = keys->hash[c->row[i]];
        if (lane->table && lane->table->n_slots)
            __builtin_prefetch(&lane->table->slots[(uint32_t)lane->hash & (lane->table->n_slots - 1)]);
    }
    return WEIR_OK;
}

/* Looks at two slots without a branch between them: where a search ends is a coin toss that no predictor learns. */
static void find_candidates(struct chunk *c)
{
    for (uint32_t i = 0; i < c->n; i++) {
        struct lane *lane = &c->lanes[i];
        const struct heap_table *t = lane->table;
        if (!t || t->n_slots == 0) continue;
        uint32_t tag = (uint32_t)lane->hash, mask = t->n_slots - 1;
        for (uint32_t at = tag & mask; t->slots[at].place; at = (at + 1) & mask) {
            if (t->slots[at].tag != tag) continue;
            lane->place = t->slots[at].place - 1;
            lane->found = weir__heap_at(c->state, t, lane->place);
            __builtin_prefetch(lane->found);
            break;
        }
    }
}

/* To be changed: kept first, where an image is read. NULL: no memory. */
static struct heap_key *edit_entry(struct chunk *c, uint32_t i, uint8_t *created)
{
    struct lane *lane = &c->lanes[i];
    struct heap_key *entry = lane->found;
    if (!entry || !weir__heap_key_is(entry, lane->key, lane->n))
        entry = weir__heap_find_place(c->heap, c->state, lane->table, lane->key, lane->n, lane->hash, &lane->place);
    if (entry) {
        weir__heap_keep(c->heap, lane->table, lane->place);
        return entry;
    }
    if (created) created[c->at[i] >> 3] |= (uint8_t)(1u << (c->at[i] & 7));
    return weir__heap_insert(c->heap, c->state, lane->table, lane->key, lane->n, lane->hash);
}

/* The rows of the chunk in the tables. */
static weir_status look_up(struct chunk *c, int64_t ns, void **values, uint8_t *created)
{
    weir_status s = make_keys(c);
    if (s == WEIR_OK) s = find_tables(c, ns, true);
    if (s == WEIR_OK) find_candidates(c);
    for (uint32_t i = 0; s == WEIR_OK && i < c->n; i++) {
        struct heap_key *entry = edit_entry(c, i, created);
        if (!entry) return WEIR_E_MEMORY;
        values[c->at[i]] = weir__heap_value(entry);
    }
    return s;
}

/* ---- the batch --------------------------------------------------------------------------------------------------- */

static enum heap_key_kind kind_of(const struct chunk *c)
{
    if (c->n_fields > 1) return WEIR__OTHER_KEYS;
    switch ((weir_type)c->rows->view.columns[c->fields[0]].type) {
    case WEIR_I32: return WEIR__FOUR_BYTES;
    case WEIR_I64:
    case WEIR_TIMESTAMP: return WEIR__EIGHT_BYTES;
    case WEIR_STRING: return WEIR__ONE_STRING;
    default: return WEIR__OTHER_KEYS;
    }
}

/* Row `at` of the batch, or of the picks, is to be looked up. */
static inline void take(struct chunk *c, const uint32_t *picks, int64_t at)
{
    c->at[c->n] = at;
    c->row[c->n++] = picks ? picks[at] : (uint32_t)at;
}

/* What the index knows since before an image was made: it is kept now. */
static void keep_known(struct chunk *c, uint32_t i, void *value)
{
    const struct heap_table *t = c->lanes[i].table;
    if (c->heap->must_keep)
        weir__heap_keep(c->heap, t, weir__heap_place_of(c->state, t, (const struct heap_key *)value - 1));
}

/* What weir__heap_append does for a key that is a number, in a table with a page for it that was never asked for a key.
 * NULL: it is not so. */
static inline struct heap_key *append_number(struct heap_state *s, const struct lane *lane)
{
    struct heap_table *t = lane->table;
    uint32_t place = weir__heap_place(s, t->used);
    if (t->n_slots > 0 || place >> s->page_shift >= t->n_pages) return NULL;
    struct heap_key *entry = weir__heap_at(s, t, place);
    __builtin_prefetch((const char *)entry + 2 * (size_t)s->entry_size, 1); /* of the entry behind it */
    if (s->entry_size == LINE)
        memset(entry, 0, LINE); /* stores and no call */
    else
        memset(entry, 0, s->entry_size);
    entry->n = lane->n;
    memcpy(entry->bytes, &lane->number, sizeof lane->number);
    t->used++;
    t->live++;
    s->n_entries++;
    return entry;
}

/* Of a key that a complete index does not know: there is no such entry. NULL: no memory. */
static inline struct heap_key *append_entry(struct chunk *c, uint32_t i, uint8_t *created)
{
    struct lane *lane = &c->lanes[i];
    struct heap_key *entry = c->state->index.kind != WEIR__ONE_STRING ? append_number(c->state, lane) : NULL;
    if (created) created[c->at[i] >> 3] |= (uint8_t)(1u << (c->at[i] & 7));
    return entry ? entry : weir__heap_append(c->heap, c->state, lane->table, lane->key, lane->n, lane->hash);
}

/* Of a row that was missed. What the index does not know it learns, where it has room. NULL: no memory. */
static inline void *edit_missed_row(struct chunk *c, uint32_t i, const weir_column *column, bool has_room, uint8_t *created)
{
    struct heap_index *x = &c->state->index;
    bool is_complete = x->is_complete;
    struct heap_index_slot *slot = weir__heap_index_slot(c->state, c->rows, column, c->row[i], c->places[i]);
    void *value = (void *)(slot->value & ~WEIR__KEPT);
    if (!value) {
        struct heap_key *entry = is_complete ? append_entry(c, i, created) : edit_entry(c, i, created);
        if (!entry) return NULL;
        value = weir__heap_value(entry);
        x->used += has_room;
        x->is_complete = is_complete && has_room;
    } else if (!(slot->value & WEIR__KEPT)) {
        keep_known(c, i, value);
    } /* else it came twice in the chunk */
    if (has_room) slot->value = (uintptr_t)value | WEIR__KEPT;
    return value;
}

static weir_status edit_missed(struct chunk *c, int64_t ns, void **values, uint8_t *created)
{
    const weir_column *column = &c->rows->view.columns[c->fields[0]];
    const struct heap_index_slot *before = c->state->index.slots;
    bool has_room = weir__heap_make_room(c->heap, c->state, c->n);
    bool has_grown = c->state->index.slots != before;
    weir_status s = make_keys(c);
    if (s == WEIR_OK) s = find_tables(c, ns, true);
    for (uint32_t i = 0; s == WEIR_OK && i < c->n; i++) {
        if (has_grown) c->places[i] = WEIR__NO_PLACE;
        values[c->at[i]] = edit_missed_row(c, i, column, has_room, created);
        if (!values[c->at[i]]) return WEIR_E_MEMORY;
    }
    return s;
}

static weir_status edit_indexed(struct chunk *c, const uint32_t *picks, int64_t first, uint32_t n, int64_t ns, void **values,
                                uint8_t *created)
{
    const weir_column *column = &c->rows->view.columns[c->fields[0]];
    uint32_t places[CHUNK];
    uint64_t missed = weir__heap_recall(c->state, c->heap->must_keep, c->rows, column, picks, first, n, values, places);
    for (c->n = 0; missed; missed &= missed - 1) {
        c->places[c->n] = places[__builtin_ctzll(missed)];
        take(c, picks, first + __builtin_ctzll(missed));
    }
    return c->n > 0 ? edit_missed(c, ns, values, created) : WEIR_OK;
}

weir_status weir__heap_edit_rows(struct weir_state_set *set, uint32_t state, const struct weir_rows *rows,
                                 const uint32_t *fields, uint32_t n_fields, const uint32_t *picks, int64_t n, int64_t ns,
                                 void **values, uint8_t *created)
{
    struct heap *h = weir__heap_of(set);
    WEIR_ASSERT(state < set->n_states && weir_layout_shape(h->states[state].layout) == WEIR_SHAPE_VALUE && n_fields > 0 &&
                rows->keys.hash);
    struct chunk c; /* not cleared: it is large */
    c.heap = h;
    c.state = &h->states[state];
    c.rows = rows;
    c.fields = fields;
    c.n_fields = n_fields;
    enum heap_key_kind kind = kind_of(&c);
    if (h->image) weir__heap_thaw(h);
    bool indexed = kind != WEIR__OTHER_KEYS && weir__heap_use_index(h, c.state, kind, n, ns);
    if (created) memset(created, 0, (size_t)(n + 7) / 8);
    weir_status s = WEIR_OK;
    for (int64_t first = 0; first < n && s == WEIR_OK; first += CHUNK) {
        uint32_t length = n - first < CHUNK ? (uint32_t)(n - first) : CHUNK;
        if (indexed) {
            s = edit_indexed(&c, picks, first, length, ns, values, created);
            continue;
        }
        for (c.n = 0; c.n < length;) take(&c, picks, first + c.n);
        s = look_up(&c, ns, values, created);
    }
    return s;
}

/* ---- what is there ----------------------------------------------------------------------------------------------- */

/* The next rows from `first` on that are selected, a chunk of them. Gives where the rest begins. */
static int64_t next_selected(struct chunk *c, int64_t first, int64_t until)
{
    const weir_batch *view = &c->rows->view;
    for (c->n = 0; first < until && c->n < CHUNK; first++) {
        if (!view->selection || weir_bit(view->selection, first)) c->row[c->n++] = (uint32_t)first;
    }
    return first;
}

weir_status weir__heap_each_row(struct weir_state_set *set, uint32_t state, const struct weir_rows *rows,
                                const uint32_t *fields, uint32_t n_fields, const struct weir_state_wanted *which,
                                weir__heap_tell *tell, void *arg)
{
    struct heap *h = weir__heap_of(set);
    struct chunk c;
    c.heap = h;
    c.state = &h->states[state];
    c.rows = rows;
    c.fields = fields;
    c.n_fields = n_fields;
    weir_status s = WEIR_OK;
    for (int64_t row = which->from; s == WEIR_OK && row < which->until;) {
        row = next_selected(&c, row, which->until);
        s = make_keys(&c);
        if (s == WEIR_OK) s = find_tables(&c, which->ns, false);
        if (s == WEIR_OK) find_candidates(&c);
        for (uint32_t i = 0; s == WEIR_OK && i < c.n; i++) {
            const struct lane *lane = &c.lanes[i];
            struct heap_key *entry = lane->found;
            if (!entry || !weir__heap_key_is(entry, lane->key, lane->n))
                entry = lane->table ? weir__heap_find(c.heap, c.state, lane->table, lane->key, lane->n, lane->hash) : NULL;
            void *value = entry ? weir__heap_value(entry) : NULL;
            if (!tell(arg, rows->keys.key_group[c.row[i]], lane->key, lane->n, value)) s = WEIR_E_MEMORY;
        }
    }
    return s;
}
