/* heap_rows.c - the values of a whole batch of rows: the hot path of keyed windows.
 *
 * One thread. Rows are taken in chunks, so that the cache misses of different rows overlap. Most rows of a chunk are found
 * in the index of the namespace (struct heap_index), in three passes: a slot prefetched, an entry prefetched, keys compared
 * where they lie in the batch.
 *
 * The rest is looked up in the tables, in three passes again: (1) the key bytes and the table of every row, its slot
 * prefetched; (2) the first slot whose tag agrees, its entry prefetched; (3) the keys compared, and new ones inserted. What
 * pass 2 found stays right while pass 3 inserts, since entries do not move.
 *
 * Keys of one fixed-size column are read from the column; one string is encoded here, any other key by weir_key_encode.
 */
#include "data/key.h"
#include "state/heap_internal.h"

#define CHUNK 64

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
    int64_t at[CHUNK]; /* in values and created */
    struct lane lanes[CHUNK];
};

/* ---- keys
 * ----------------------------------------------------------------------------------------------------------------- */

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

static weir_status reserve(struct weir_key_bytes *b, size_t need)
{
    if (need <= b->capacity) return WEIR_OK;
    size_t capacity = need > b->capacity * 2 ? need : b->capacity * 2;
    uint8_t *p = weir_try_realloc(b->p, capacity);
    if (!p) return WEIR_E_MEMORY;
    b->p = p;
    b->capacity = capacity;
    return WEIR_OK;
}

static weir_status string_keys(struct chunk *c, const weir_column *column)
{
    struct weir_key_bytes *b = &c->heap->scratch;
    size_t total = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        c->lanes[i].n = 4 + (uint32_t)(column->offsets[c->row[i] + 1] - column->offsets[c->row[i]]);
        total += c->lanes[i].n;
    }
    if (reserve(b, total) != WEIR_OK) return WEIR_E_MEMORY;
    uint8_t *p = b->p;
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

/* ---- the three passes
 * ------------------------------------------------------------------------------------------------------ */

static weir_status find_tables(struct chunk *c, int64_t ns)
{
    const struct weir_row_keys *keys = &c->rows->keys;
    uint32_t first = c->heap->set.first_group, n_groups = c->heap->set.last_group - first + 1;
    for (uint32_t i = 0; i < c->n; i++) {
        struct lane *lane = &c->lanes[i];
        uint32_t group = keys->key_group[c->row[i]] - first;
        WEIR_ASSERT(group < n_groups);
        struct heap_group *g = &c->state->groups[group];
        lane->table = g->last && g->last->ns == ns ? g->last : weir__heap_make_table(c->heap, g, ns);
        if (!lane->table) return WEIR_E_MEMORY;
        lane->hash = keys->hash[c->row[i]];
        if (lane->table->n_slots) __builtin_prefetch(&lane->table->slots[(uint32_t)lane->hash & (lane->table->n_slots - 1)]);
    }
    return WEIR_OK;
}

/* Looks at two slots without a branch between them: where a search ends is a coin toss that no predictor learns. */
static void find_candidates(struct chunk *c)
{
    for (uint32_t i = 0; i < c->n; i++) {
        struct lane *lane = &c->lanes[i];
        const struct heap_table *t = lane->table;
        lane->found = NULL;
        if (t->n_slots == 0) continue;
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

static weir_status find_or_insert(struct chunk *c, void **values, uint8_t *created)
{
    for (uint32_t i = 0; i < c->n; i++) {
        struct lane *lane = &c->lanes[i];
        struct heap_key *entry = lane->found;
        if (!entry || !weir__heap_key_is(entry, lane->key, lane->n)) {
            entry = weir__heap_find(c->state, lane->table, lane->key, lane->n, lane->hash);
        }
        if (!entry) {
            entry = weir__heap_insert(c->heap, c->state, lane->table, lane->key, lane->n, lane->hash);
            if (!entry) return WEIR_E_MEMORY;
            if (created) created[c->at[i] >> 3] |= (uint8_t)(1u << (c->at[i] & 7));
        }
        values[c->at[i]] = weir__heap_value(entry);
    }
    return WEIR_OK;
}

/* While an image is read: what is there already is about to be changed. */
static void keep_entries(struct chunk *c)
{
    for (uint32_t i = 0; i < c->n; i++) {
        struct lane *lane = &c->lanes[i];
        if (!lane->found || !weir__heap_key_is(lane->found, lane->key, lane->n))
            lane->found = weir__heap_find_place(c->state, lane->table, lane->key, lane->n, lane->hash, &lane->place);
        if (lane->found) weir__heap_keep(c->heap, lane->table, lane->place);
    }
}

/* The rows of the chunk in the tables. */
static weir_status look_up(struct chunk *c, int64_t ns, void **values, uint8_t *created)
{
    if (c->n == 0) return WEIR_OK;
    weir_status s = make_keys(c);
    if (s == WEIR_OK) s = find_tables(c, ns);
    if (s != WEIR_OK) return s;
    find_candidates(c);
    if (c->heap->image) keep_entries(c);
    return find_or_insert(c, values, created);
}

/* ---- the index --------------------------------------------------------------------------------------------------- */

#define TAG          (~UINT64_C(0) << 48)
#define FIRST_SLOTS  256
#define BEYOND_CACHE 8192 /* slots: from here on they are worth prefetching */

static size_t index_bytes(uint32_t n_slots)
{
    return n_slots * sizeof(uint64_t) + n_slots / WEIR__HEAP_INDEX_BLOCK;
}

void weir__heap_free_index(struct heap *h, struct heap_state *s)
{
    weir__heap_free(h, s->index.slots, index_bytes(s->index.n_slots));
    s->index = (struct heap_index){0};
}

void weir__heap_empty_index(struct heap_state *s)
{
    struct heap_index *x = &s->index;
    uint32_t n_blocks = x->n_slots / WEIR__HEAP_INDEX_BLOCK;
    x->used = 0;
    x->n_stale = n_blocks;
    if (n_blocks > 0 && ++x->age == 0) memset(x->ages, x->age++, n_blocks); /* 0 was an age before, and is older again */
}

static struct heap_key *entry_of(uint64_t slot)
{
    return (struct heap_key *)(uintptr_t)(slot & ~TAG);
}

static void clear_block(struct heap_index *x, uint32_t block)
{
    if (x->ages[block] == x->age) return;
    memset(x->slots + (size_t)block * WEIR__HEAP_INDEX_BLOCK, 0, WEIR__HEAP_INDEX_BLOCK * sizeof *x->slots);
    x->ages[block] = x->age;
    x->n_stale--;
}

static inline uint64_t slot_at(struct heap_index *x, uint32_t i)
{
    if (x->n_stale > 0) clear_block(x, i / WEIR__HEAP_INDEX_BLOCK);
    return x->slots[i];
}

static void put_index(struct heap_index *x, uint64_t hash, const struct heap_key *entry)
{
    uint64_t slot = (hash & TAG) | (uint64_t)(uintptr_t)entry, found;
    uint32_t mask = x->n_slots - 1, i = (uint32_t)hash & mask;
    while ((found = slot_at(x, i)) != 0 && found != slot) i = (i + 1) & mask;
    x->used += found == 0;
    x->slots[i] = slot;
}

/* Empty, since to move what it knows would take as long as all those keys together. Without memory it stays as it is. */
static void grow_index(struct heap *h, struct heap_index *x)
{
    uint32_t n = x->n_slots ? x->n_slots * 2 : FIRST_SLOTS;
    uint64_t *slots = n ? weir__heap_alloc(h, index_bytes(n)) : NULL;
    if (!slots) return;
    weir__heap_free(h, x->slots, index_bytes(x->n_slots));
    x->slots = slots;
    x->ages = (uint8_t *)(slots + n);
    x->n_slots = n;
    x->used = x->n_stale = 0;
    x->age = 0;
}

/* What was looked up in the tables is in the index from now on. */
static void learn(struct chunk *c, void **values)
{
    struct heap_index *x = &c->state->index;
    for (uint32_t i = 0; i < c->n; i++) {
        if (((uint64_t)x->used + 1) * 4 > x->n_slots) grow_index(c->heap, x);
        if (((uint64_t)x->used + 1) * 2 > x->n_slots) return;
        put_index(x, c->rows->keys.hash[c->row[i]], (struct heap_key *)values[c->at[i]] - 1);
    }
}

/* The keys that can be compared where they lie. */
enum key_kind { FOUR_BYTES, EIGHT_BYTES, ONE_STRING, OTHER_KEYS };
static enum key_kind kind_of(const struct chunk *c)
{
    if (c->n_fields > 1) return OTHER_KEYS;
    switch ((weir_type)c->rows->view.columns[c->fields[0]].type) {
    case WEIR_I32: return FOUR_BYTES;
    case WEIR_I64:
    case WEIR_TIMESTAMP: return EIGHT_BYTES;
    case WEIR_STRING: return ONE_STRING;
    default: return OTHER_KEYS;
    }
}

/* Keys of a namespace are all of one kind. */
static inline bool is_key_of(const struct heap_key *entry, const weir_column *column, const void *data, uint32_t row,
                             enum key_kind kind)
{
    uint64_t eight;
    uint32_t four;
    switch (kind) {
    case FOUR_BYTES: memcpy(&four, entry->bytes, sizeof four); return four == ((const uint32_t *)data)[row];
    case EIGHT_BYTES: memcpy(&eight, entry->bytes, sizeof eight); return eight == ((const uint64_t *)data)[row];
    case ONE_STRING: {
        int64_t from = column->offsets[row], n = column->offsets[row + 1] - from;
        if (entry->n != (uint64_t)n + 4) return false;
        return n == 0 || memcmp(weir__heap_key_bytes(entry) + 4, (const char *)data + from, (size_t)n) == 0;
    }
    case OTHER_KEYS: break;
    }
    return false;
}

/* Beyond the first slots, where few keys are. */
static struct heap_key *find_index(struct heap_index *x, uint64_t hash, const weir_column *column, uint32_t row,
                                   enum key_kind kind)
{
    uint64_t slot;
    uint32_t mask = x->n_slots - 1;
    for (uint32_t i = (uint32_t)hash & mask; (slot = slot_at(x, i)) != 0; i = (i + 1) & mask) {
        if (((slot ^ hash) & TAG) == 0 && is_key_of(entry_of(slot), column, column->data, row, kind)) return entry_of(slot);
    }
    return NULL;
}

/* The one of the key's first two slots that may be its, without a branch between them: where a search ends is a coin toss
 * that no predictor learns. */
static inline struct heap_key *likely_entry(const uint64_t *slots, uint32_t mask, uint64_t hash)
{
    uint64_t one = slots[(uint32_t)hash & mask], two = slots[((uint32_t)hash + 1) & mask];
    uint64_t slot = ((two ^ hash) & TAG) == 0 ? two : 0;
    return entry_of(((one ^ hash) & TAG) == 0 ? one : slot);
}

/* Rows first .. first + n - 1 of a batch, or of the picks: those that the index knows get their values, the others stay in
 * the chunk. An index that the cache holds is looked into and done with, row by row; of a larger one the misses of a chunk
 * are made to overlap. */
static inline void recall_kind(struct chunk *c, const uint32_t *picks, int64_t first, uint32_t n, void **values,
                               enum key_kind kind)
{
    struct heap_index *x = &c->state->index;
    const uint64_t *hash = c->rows->keys.hash, *slots = x->slots;
    const weir_column *column = &c->rows->view.columns[c->fields[0]];
    const void *data = column->data;
    uint32_t mask = x->n_slots - 1, left = 0;
    bool cached = mask < BEYOND_CACHE;
    struct heap_key *found[CHUNK];
#define ROW(i) (picks ? picks[first + (i)] : (uint32_t)(first + (i)))
    for (uint32_t i = 0; x->n_stale > 0 && i < n; i++) {
        (void)slot_at(x, (uint32_t)hash[ROW(i)] & mask);
        (void)slot_at(x, ((uint32_t)hash[ROW(i)] + 1) & mask);
    }
    for (uint32_t i = 0; !cached && i < n; i++) __builtin_prefetch(&slots[(uint32_t)hash[ROW(i)] & mask]);
    for (uint32_t i = 0; !cached && i < n; i++) {
        found[i] = likely_entry(slots, mask, hash[ROW(i)]);
        __builtin_prefetch(found[i], 1);
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = ROW(i);
        struct heap_key *entry = cached ? likely_entry(slots, mask, hash[row]) : found[i];
        if (!entry || !is_key_of(entry, column, data, row, kind)) entry = find_index(x, hash[row], column, row, kind);
        if (entry) {
            values[first + i] = weir__heap_value(entry);
            continue;
        }
        c->row[left] = row;
        c->at[left++] = first + i;
    }
#undef ROW
    c->n = left;
}

static inline void recall_picks(struct chunk *c, const uint32_t *picks, int64_t first, uint32_t n, void **values,
                                enum key_kind kind)
{
    switch (kind) {
    case FOUR_BYTES: recall_kind(c, picks, first, n, values, FOUR_BYTES); return;
    case EIGHT_BYTES: recall_kind(c, picks, first, n, values, EIGHT_BYTES); return;
    case ONE_STRING: recall_kind(c, picks, first, n, values, ONE_STRING); return;
    case OTHER_KEYS: return;
    }
}

static void recall(struct chunk *c, const uint32_t *picks, int64_t first, uint32_t n, void **values, enum key_kind kind)
{
    if (picks)
        recall_picks(c, picks, first, n, values, kind);
    else
        recall_picks(c, NULL, first, n, values, kind);
}

/* Makes the index the namespace's, once enough rows have missed it to be worth learning its entries anew. False: it is
 * another's. */
static bool use_index(struct chunk *c, int64_t n, int64_t ns, enum key_kind kind)
{
    struct heap_index *x = &c->state->index;
    if (kind == OTHER_KEYS) return false;
    if (x->is_valid && x->ns == ns) return true;
    x->missed += (size_t)n;
    if (x->missed < x->used / 4 || x->missed < FIRST_SLOTS / 8) return false;
    if (!x->slots) grow_index(c->heap, x);
    if (!x->slots) return false;
    weir__heap_empty_index(c->state);
    x->missed = 0;
    x->ns = ns;
    return x->is_valid = true;
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
    enum key_kind kind = kind_of(&c);
    if (h->image) weir__heap_thaw(h);
    bool indexed = use_index(&c, n, ns, kind);
    if (created) memset(created, 0, (size_t)(n + 7) / 8);
    weir_status s = WEIR_OK;
    for (int64_t first = 0; first < n && s == WEIR_OK; first += CHUNK) {
        c.n = n - first < CHUNK ? (uint32_t)(n - first) : CHUNK;
        for (uint32_t i = 0; i < c.n && !indexed; i++) {
            c.row[i] = picks ? picks[first + i] : (uint32_t)(first + i);
            c.at[i] = first + i;
        }
        if (indexed) recall(&c, picks, first, c.n, values, kind);
        s = look_up(&c, ns, values, created);
        if (s == WEIR_OK && indexed) learn(&c, values);
    }
    return s;
}
