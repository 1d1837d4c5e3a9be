/* heap_map.c - map state of the heap backend: pairs in order of insertion, and an index over them once there are many.
 *
 * One thread. A pair is its head, the key struct and the value struct. Removing a pair leaves a gap that map_next skips;
 * gaps are closed when a new pair finds the array full, never by a removal, so that a loop of map_next may remove what it
 * stands on.
 *
 * Maps that hold some pairs now and none the next moment are common: what waits for its turn. Arrays and indexes of those
 * that are gone are kept for the next ones, by size, up to MOST_SPARE_BYTES for a state; they count as nobody's memory.
 */
#include "state/heap_internal.h"

#define FIRST_PAIRS      4
#define INDEX_FROM       16 /* capacity from which pairs are found through slots */
#define MOST_SPARE_BYTES ((size_t)1 << 20)
#define SPARE_SIZES      8 /* powers of two from FIRST_PAIRS on */

struct spare {
    struct spare *next;
};
struct heap_spares {
    struct spare *pairs[SPARE_SIZES], *slots[SPARE_SIZES];
    size_t bytes;
};

struct pair_head {
    uint32_t tag; /* low half of the key's hash */
    uint32_t live;
};

void weir__heap_measure_pairs(struct heap_state *s)
{
    const struct weir_state_layout *l = s->layout;
    const weir_field *key = l->key_fields;
    s->pair_value = (uint32_t)sizeof(struct pair_head) + (l->key_size + 7) / 8 * 8;
    s->pair_size = s->pair_value + (l->size + 7) / 8 * 8;
    s->key_is_number = l->n_key_fields == 1 && (key->type == WEIR_I64 || key->type == WEIR_TIMESTAMP);
    s->number_at = s->key_is_number ? key->offset : 0;
}
static size_t pair_size(const struct heap_state *s)
{
    return s->pair_size;
}
static struct pair_head *pair_at(const struct heap_state *s, const struct heap_map *m, uint32_t i)
{
    return (struct pair_head *)(void *)(m->pairs + (size_t)i * s->pair_size);
}
static void *key_of(struct pair_head *pair)
{
    return pair + 1;
}
static void *value_of(const struct heap_state *s, struct pair_head *pair)
{
    return (uint8_t *)pair + s->pair_value;
}
static const struct heap_state *state_of(struct weir_state_set *set, uint32_t state)
{
    return &weir__heap_of(set)->states[state];
}

static void free_pair(struct heap *h, const struct heap_state *s, struct pair_head *pair)
{
    weir__heap_free_texts(h, &s->key_texts, key_of(pair));
    weir__heap_free_texts(h, &s->texts, value_of(s, pair));
}

/* ---- arrays that nobody uses ------------------------------------------------------------------------------------- */

static uint32_t spare_size_of(uint32_t capacity) /* SPARE_SIZES or more: none is kept */
{
    return (uint32_t)__builtin_ctz(capacity / FIRST_PAIRS);
}

/* Of a map of `capacity` pairs; not zeroed. `lists`: where those of its kind are kept. */
static void *take_array(struct heap *h, struct heap_spares *spares, struct spare **lists, uint32_t capacity, size_t size)
{
    struct spare **list = spare_size_of(capacity) < SPARE_SIZES ? &lists[spare_size_of(capacity)] : NULL;
    struct spare *first = list ? *list : NULL;
    if (!first) return weir__heap_alloc(h, size);
    *list = first->next;
    spares->bytes -= size;
    h->bytes += size;
    return first;
}
static void give_array(struct heap *h, struct heap_spares *spares, struct spare **lists, uint32_t capacity, void *p,
                       size_t size)
{
    if (!p || spare_size_of(capacity) >= SPARE_SIZES || spares->bytes + size > MOST_SPARE_BYTES) {
        weir__heap_free(h, p, size);
        return;
    }
    struct spare **list = &lists[spare_size_of(capacity)], *first = p;
    first->next = *list;
    *list = first;
    spares->bytes += size;
    h->bytes -= size;
}

/* The reader of an image gives back what its tables held, on a thread of its own, with a heap that does nothing but count:
 * the spare arrays are the set's thread's. */
static void give_arrays(struct heap *h, const struct heap_state *s, const struct heap_map *m)
{
    size_t pairs_size = m->capacity * pair_size(s), slots_size = (size_t)m->n_slots * sizeof *m->slots;
    if (!m->pairs) return;
    if (!h->states) {
        weir__heap_free(h, m->pairs, pairs_size);
        weir__heap_free(h, m->slots, slots_size);
        return;
    }
    give_array(h, s->spares, s->spares->pairs, m->capacity, m->pairs, pairs_size);
    give_array(h, s->spares, s->spares->slots, m->capacity, m->slots, slots_size);
}

static void free_list(struct spare *first)
{
    for (struct spare *next; first; first = next) {
        next = first->next;
        weir_free(first);
    }
}
void weir__heap_make_spares(struct heap_state *s)
{
    s->spares = weir_alloc(sizeof *s->spares);
}
void weir__heap_free_spares(struct heap_state *s)
{
    for (uint32_t i = 0; s->spares && i < SPARE_SIZES; i++) {
        free_list(s->spares->pairs[i]);
        free_list(s->spares->slots[i]);
    }
    weir_free(s->spares);
    s->spares = NULL;
}

void weir__heap_free_map(struct heap *h, const struct heap_state *s, struct heap_map *m)
{
    for (uint32_t i = 0; i < m->used; i++) {
        struct pair_head *pair = pair_at(s, m, i);
        if (pair->live) free_pair(h, s, pair);
    }
    give_arrays(h, s, m);
    *m = (struct heap_map){0};
}

/* ---- finding ----------------------------------------------------------------------------------------------------- */

/* A key that is one number of eight bytes: rules and the like are looked up for every row. */
static inline uint64_t number_of(const struct heap_state *s, const void *key)
{
    uint64_t number;
    memcpy(&number, (const uint8_t *)key + s->number_at, sizeof number);
    return number;
}
/* Knuth's multiplication; slots go by the low bits of a tag, and the high ones of the product are the good ones. */
static inline uint32_t tag_of_number(uint64_t number)
{
    return __builtin_bswap32((uint32_t)(number * 0x9e3779b97f4a7c15u >> 32));
}

static inline uint32_t tag_of(const struct heap_state *s, const void *key)
{
    if (s->key_is_number) return tag_of_number(number_of(s, key));
    return (uint32_t)weir_layout_hash(s->layout->key_fields, s->layout->n_key_fields, key);
}

static inline bool is_key(const struct heap_state *s, struct pair_head *pair, uint32_t tag, const void *key)
{
    if (pair->tag != tag || !pair->live) return false;
    if (s->key_is_number) return number_of(s, key_of(pair)) == number_of(s, key);
    return weir_layout_equal(s->layout->key_fields, s->layout->n_key_fields, key_of(pair), key);
}

static struct pair_head *find(const struct heap_state *s, const struct heap_map *m, uint32_t tag, const void *key)
{
    for (uint32_t i = 0; m->n_slots == 0 && i < m->used; i++) {
        if (is_key(s, pair_at(s, m, i), tag, key)) return pair_at(s, m, i);
    }
    for (uint32_t i = tag & (m->n_slots - 1); m->n_slots && m->slots[i].place; i = (i + 1) & (m->n_slots - 1)) {
        if (m->slots[i].tag == tag && is_key(s, pair_at(s, m, m->slots[i].place - 1), tag, key))
            return pair_at(s, m, m->slots[i].place - 1);
    }
    return NULL;
}

/* ---- room for one more ------------------------------------------------------------------------------------------- */

static void index_pairs(const struct heap_state *s, struct heap_map *m)
{
    memset(m->slots, 0, (size_t)m->n_slots * sizeof *m->slots);
    for (uint32_t i = 0; i < m->used; i++) {
        const struct pair_head *pair = pair_at(s, m, i);
        if (pair->live) weir__heap_put_slot(m->slots, m->n_slots, pair->tag, i);
    }
}

static void close_gaps(const struct heap_state *s, struct heap_map *m)
{
    uint32_t to = 0;
    for (uint32_t i = 0; i < m->used; i++) {
        if (!pair_at(s, m, i)->live) continue;
        if (to != i) memcpy(pair_at(s, m, to), pair_at(s, m, i), pair_size(s));
        to++;
    }
    m->used = to;
    if (m->n_slots) index_pairs(s, m);
}

static bool grow(struct heap *h, const struct heap_state *s, struct heap_map *m)
{
    struct heap_map grown = *m;
    struct heap_spares *spares = s->spares;
    grown.capacity = m->capacity ? m->capacity * 2 : FIRST_PAIRS;
    if (grown.capacity > UINT32_MAX / 4) return false;
    grown.n_slots = grown.capacity >= INDEX_FROM ? grown.capacity * 2 : 0;
    size_t slots_size = (size_t)grown.n_slots * sizeof *grown.slots;
    grown.pairs = take_array(h, spares, spares->pairs, grown.capacity, grown.capacity * pair_size(s));
    if (!grown.pairs) return false;
    if (grown.n_slots) {
        grown.slots = take_array(h, spares, spares->slots, grown.capacity, slots_size);
        if (!grown.slots) {
            weir__heap_free(h, grown.pairs, grown.capacity * pair_size(s));
            return false;
        }
    }
    if (m->used) memcpy(grown.pairs, m->pairs, m->used * pair_size(s));
    give_arrays(h, s, m);
    *m = grown;
    if (m->n_slots) index_pairs(s, m);
    return true;
}

static struct pair_head *insert(struct heap *h, const struct heap_state *s, struct heap_map *m, uint32_t tag,
                                const void *key)
{
    if (m->used == m->capacity && m->live <= m->used / 2) close_gaps(s, m);
    if (m->used == m->capacity && !grow(h, s, m)) return NULL;
    struct pair_head *pair = pair_at(s, m, m->used);
    memset(pair, 0, pair_size(s));
    memcpy(key_of(pair), key, s->layout->key_size);
    if (!weir__heap_own_texts(h, &s->key_texts, key_of(pair))) return NULL;
    *pair = (struct pair_head){.tag = tag, .live = 1};
    if (m->n_slots) weir__heap_put_slot(m->slots, m->n_slots, tag, m->used);
    m->used++;
    m->live++;
    return pair;
}

void *weir__heap_map_append(struct heap *h, const struct heap_state *s, struct heap_map *m, const void *key)
{
    struct pair_head *pair = insert(h, s, m, tag_of(s, key), key);
    return pair ? value_of(s, pair) : NULL;
}

bool weir__heap_map_has(const struct heap_state *s, const struct heap_map *m, const void *key)
{
    return find(s, m, tag_of(s, key), key) != NULL;
}

bool weir__heap_map_step(const struct heap_state *s, const struct heap_map *m, weir_cursor *cursor, const void **key,
                         const void **value)
{
    while (cursor->at < m->used) {
        struct pair_head *pair = pair_at(s, m, (uint32_t)cursor->at++);
        if (!pair->live) continue;
        *key = key_of(pair);
        *value = value_of(s, pair);
        return true;
    }
    return false;
}

/* ---- operations -------------------------------------------------------------------------------------------------- */

const void *weir__heap_map_get(struct weir_state_set *set, uint32_t state, const struct weir_key_ref *k, int64_t ns,
                               const void *key)
{
    const struct heap_map *m = weir__heap_get(set, state, WEIR_SHAPE_MAP, k, ns);
    const struct heap_state *s = state_of(set, state);
    struct pair_head *pair = m ? find(s, m, tag_of(s, key), key) : NULL;
    return pair ? value_of(s, pair) : NULL;
}

void *weir__heap_map_edit(struct weir_state_set *set, uint32_t state, const struct weir_key_ref *k, int64_t ns,
                          const void *key)
{
    struct heap_map *m = weir__heap_edit(set, state, WEIR_SHAPE_MAP, k, ns);
    if (!m) return NULL;
    const struct heap_state *s = state_of(set, state);
    uint32_t tag = tag_of(s, key);
    struct pair_head *pair = find(s, m, tag, key);
    if (!pair) pair = insert(weir__heap_of(set), s, m, tag, key);
    if (!pair && m->live == 0) weir__heap_clear(set, state, k, ns);
    return pair ? value_of(s, pair) : NULL;
}

void weir__heap_map_remove(struct weir_state_set *set, uint32_t state, const struct weir_key_ref *k, int64_t ns,
                           const void *key)
{
    struct heap_map *m = weir__heap_change(set, state, WEIR_SHAPE_MAP, k, ns);
    const struct heap_state *s = state_of(set, state);
    struct pair_head *pair = m ? find(s, m, tag_of(s, key), key) : NULL;
    if (!pair) return;
    free_pair(weir__heap_of(set), s, pair);
    pair->live = 0;
    if (--m->live == 0) weir__heap_clear(set, state, k, ns);
}

size_t weir__heap_map_size(struct weir_state_set *set, uint32_t state, const struct weir_key_ref *k, int64_t ns)
{
    const struct heap_map *m = weir__heap_get(set, state, WEIR_SHAPE_MAP, k, ns);
    return m ? m->live : 0;
}

bool weir__heap_map_next(struct weir_state_set *set, uint32_t state, const struct weir_key_ref *k, int64_t ns,
                         weir_cursor *cursor, const void **key, const void **value)
{
    const struct heap_map *m = weir__heap_get(set, state, WEIR_SHAPE_MAP, k, ns);
    return m && weir__heap_map_step(state_of(set, state), m, cursor, key, value);
}
