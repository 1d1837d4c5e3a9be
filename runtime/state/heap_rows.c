/* heap_rows.c - the values of a whole batch of rows: the hot path of keyed windows.
 *
 * One thread. Rows are taken in chunks, each in three passes, so that the cache misses of different rows overlap: (1) the
 * key bytes and the table of every row, its slot prefetched; (2) the first slot whose tag agrees, its entry prefetched; (3)
 * the keys compared, and new ones inserted. What pass 2 found stays right while pass 3 inserts, since entries do not move.
 *
 * Keys of one fixed-size column are read from the column; one string is encoded here, any other key by weir_key_encode.
 */
#include "data/key.h"
#include "state/heap_internal.h"

#define CHUNK 64

struct lane { /* one row of a chunk */
    struct heap_table *table;
    struct heap_key *found; /* an entry that may be the key's, or NULL */
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
            lane->found = weir__heap_at(c->state, t, t->slots[at].place - 1);
            __builtin_prefetch(lane->found);
            break;
        }
    }
}

static weir_status find_or_insert(struct chunk *c, void **values, uint8_t *created, int64_t first)
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
            if (created) created[(first + i) >> 3] |= (uint8_t)(1u << ((first + i) & 7));
        }
        values[i] = weir__heap_value(entry);
    }
    return WEIR_OK;
}

weir_status weir__heap_edit_rows(struct weir_state_set *set, uint32_t state, const struct weir_rows *rows,
                                 const uint32_t *fields, uint32_t n_fields, const uint32_t *picks, int64_t n, int64_t ns,
                                 void **values, uint8_t *created)
{
    struct heap *h = weir__heap_of(set);
    WEIR_ASSERT(state < set->n_states && h->states[state].layout->kind == WEIR_VALUE && n_fields > 0 && rows->keys.hash);
    struct chunk c = {.heap = h, .state = &h->states[state], .rows = rows, .fields = fields, .n_fields = n_fields};
    if (created) memset(created, 0, (size_t)(n + 7) / 8);
    weir_status s = WEIR_OK;
    for (int64_t first = 0; first < n && s == WEIR_OK; first += CHUNK) {
        c.n = n - first < CHUNK ? (uint32_t)(n - first) : CHUNK;
        for (uint32_t i = 0; i < c.n; i++) c.row[i] = picks ? picks[first + i] : (uint32_t)(first + i);
        s = make_keys(&c);
        if (s == WEIR_OK) s = find_tables(&c, ns);
        if (s != WEIR_OK) break;
        find_candidates(&c);
        s = find_or_insert(&c, values + first, created, first);
    }
    return s;
}
