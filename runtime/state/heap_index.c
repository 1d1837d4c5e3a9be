/* heap_index.c - the index that batches of rows look into: from a key straight to its value.
 *
 * One thread. Open addressing with linear probing from even slots on, sparse, so that nearly every key is in the pair of
 * slots it is looked for first (heap_look.c). What is not there is gone after when the chunk of rows is through. The word of
 * a number is the number, so that its entry need not be looked at; that of a string is its hash, and the entry tells.
 *
 * A value is marked as kept when it goes in; a cut takes the marks of all values away. Blocks of slots tell by their ages
 * whether that, or emptying, is still to be done.
 *
 * An index that the cache holds is looked into row by row; of a larger one the misses of a chunk are made to overlap.
 */
#include "data/key.h"
#include "state/heap_internal.h"

#define FIRST_SLOTS  256
#define BEYOND_CACHE 8192 /* slots: from here on they are worth prefetching */
#define BLOCK        64   /* slots that have an age */
#define LONG_AGO     256  /* batches */
#define MANY_ROWS    16

/* ---- making and emptying ----------------------------------------------------------------------------------------- */

static size_t index_bytes(uint32_t n_slots)
{
    return n_slots * sizeof(struct heap_index_slot) + n_slots / BLOCK * sizeof(struct heap_index_age);
}

static void free_index(struct heap *h, struct heap_index *x)
{
    if (x->slots) h->bytes -= index_bytes(x->n_slots);
    weir_free(x->slots);
    *x = (struct heap_index){0};
}

void weir__heap_free_indexes(struct heap *h, struct heap_state *s)
{
    free_index(h, &s->index);
    for (uint32_t i = 0; i < WEIR__HEAP_INDEXES - 1; i++) free_index(h, &s->others[i]);
    s->has_newest = false;
}

static void empty(struct heap_index *x)
{
    x->used = 0;
    x->is_complete = false;
    x->n_stale = x->n_slots / BLOCK;
    x->age.emptied++;
}

static void cut(struct heap_index *x)
{
    x->n_stale = x->n_slots / BLOCK;
    x->age.cut++;
}

void weir__heap_cut_indexes(struct heap_state *s)
{
    cut(&s->index);
    for (uint32_t i = 0; i < WEIR__HEAP_INDEXES - 1; i++) cut(&s->others[i]);
}

/* ---- one key ----------------------------------------------------------------------------------------------------- */

static void renew_block(struct heap_index *x, uint32_t block)
{
    struct heap_index_slot *slots = x->slots + (size_t)block * BLOCK;
    struct heap_index_age *age = &x->ages[block];
    if (age->emptied == x->age.emptied && age->cut == x->age.cut) return;
    if (age->emptied != x->age.emptied) memset(slots, 0, BLOCK * sizeof *slots);
    for (uint32_t i = 0; i < BLOCK; i++) slots[i].value &= ~WEIR__KEPT;
    *age = x->age;
    x->n_stale--;
}

static inline struct heap_index_slot *slot_at(struct heap_index *x, uint32_t i)
{
    if (x->n_stale > 0) renew_block(x, i / BLOCK);
    return &x->slots[i];
}

/* memcmp without the call for the texts that most are: two loads of each, which overlap. */
static inline bool is_same(const uint8_t *a, const uint8_t *b, size_t n)
{
    uint64_t x[2] = {0, 0}, y[2] = {0, 0};
    if (n > 16) return memcmp(a, b, n) == 0;
    if (n >= 8) {
        memcpy(&x[0], a, 8), memcpy(&x[1], a + n - 8, 8);
        memcpy(&y[0], b, 8), memcpy(&y[1], b + n - 8, 8);
    } else if (n >= 4) {
        memcpy(&x[0], a, 4), memcpy(&x[1], a + n - 4, 4);
        memcpy(&y[0], b, 4), memcpy(&y[1], b + n - 4, 4);
    } else {
        for (size_t i = 0; i < n; i++) x[0] = x[0] << 8 | a[i], y[0] = y[0] << 8 | b[i];
    }
    return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}

static inline bool is_string(uintptr_t value, const weir_column *column, uint32_t row)
{
    const struct heap_key *entry = (const struct heap_key *)(value & ~WEIR__KEPT) - 1;
    int64_t from = column->offsets[row], n = column->offsets[row + 1] - from;
    if (entry->n != (uint64_t)n + 4) return false;
    return n == 0 || is_same(weir__heap_key_bytes(entry) + 4, (const uint8_t *)column->data + from, (size_t)n);
}

/* The place of the slot that has the key, or of the free one where it would be; none before `i` has it. */
static uint32_t find(struct heap_index *x, uint32_t i, uint64_t word, const weir_column *strings, uint32_t row)
{
    for (const struct heap_index_slot *slot; (slot = slot_at(x, i))->value; i = (i + 1) & (x->n_slots - 1)) {
        if (slot->word == word && (!strings || is_string(slot->value, strings, row))) break;
    }
    return i;
}

/* ---- growing ----------------------------------------------------------------------------------------------------- */

static uint64_t hash_of(enum heap_key_kind kind, uint64_t word)
{
    uint32_t four = (uint32_t)word;
    if (kind == WEIR__ONE_STRING) return word;
    return kind == WEIR__EIGHT_BYTES ? weir_key_hash64(&word, sizeof word) : weir_key_hash64(&four, sizeof four);
}

static void put(struct heap_index *x, uint64_t hash, struct heap_index_slot entry)
{
    uint32_t i = weir__heap_first_slot(hash, x->n_slots);
    while (slot_at(x, i)->value) i = (i + 1) & (x->n_slots - 1);
    x->slots[i] = entry;
    x->used++;
}

static bool grow(struct heap *h, struct heap_state *s)
{
    struct heap_index *x = &s->index;
    uint32_t n = x->n_slots ? x->n_slots * 2 : FIRST_SLOTS;
    struct heap_index_slot *slots = n ? weir_try_alloc_table(index_bytes(n)) : NULL;
    if (!slots) return false;
    struct heap_index grown = *x;
    grown.slots = slots;
    grown.ages = (struct heap_index_age *)(void *)(slots + n);
    grown.n_slots = n;
    grown.n_stale = 0;
    grown.used = 0;
    grown.age = (struct heap_index_age){0, 0};
    for (uint32_t i = 0; i < x->n_slots; i++) {
        const struct heap_index_slot *slot = slot_at(x, i);
        if (slot->value) put(&grown, hash_of(x->kind, slot->word), *slot);
    }
    free_index(h, x);
    h->bytes += index_bytes(n);
    *x = grown;
    return true;
}

/* Beyond the cache it is the memory that costs, and the index is half full; in it, it is the keys that are not in their
 * pair. */
bool weir__heap_make_room(struct heap *h, struct heap_state *s, uint32_t n)
{
    struct heap_index *x = &s->index;
    uint64_t room = x->n_slots <= BEYOND_CACHE ? (uint64_t)x->n_slots * 2 / 5 : x->n_slots / 2;
    if (x->used + n <= room) return true;
    return grow(h, s) || ((uint64_t)x->used + n) * 4 < (uint64_t)x->n_slots * 3;
}

/* ---- which namespace it is of ------------------------------------------------------------------------------------ */

static bool has_entries(const struct heap *h, const struct heap_state *s, int64_t ns)
{
    for (uint32_t g = 0; g <= h->set.last_group - h->set.first_group; g++) {
        const struct heap_table *t = weir__heap_find_table(&s->groups[g], ns);
        if (t && t->live > 0) return true;
    }
    return false;
}

/* Makes others[i] the one at hand. */
static void bring_forward(struct heap_state *s, uint32_t i)
{
    struct heap_index index = s->others[i];
    memmove(&s->others[1], &s->others[0], i * sizeof *s->others);
    s->others[0] = s->index;
    s->index = index;
}

/* Brings the one forward that can best be spared: void, or long out of use, or not made yet, or the last one used first. */
static void spare_one(struct heap_state *s)
{
    const uint32_t last = WEIR__HEAP_INDEXES - 2;
    uint32_t spared = last;
    if (!s->index.is_valid) return;
    for (uint32_t i = last + 1; i-- > 0;) {
        const struct heap_index *x = &s->others[i];
        if (!x->slots) {
            spared = i;
        } else if (!x->is_valid || s->batches - x->used_at > LONG_AGO) {
            spared = i;
            break;
        }
    }
    bring_forward(s, spared);
}

/* The next window: a namespace that has nothing yet. One that is not behind all others is asked about for many rows only,
 * since that takes a look at each key group. */
static bool is_next(const struct heap *h, struct heap_state *s, int64_t n, int64_t ns)
{
    if (s->has_newest && ns <= s->newest) return n >= MANY_ROWS && !has_entries(h, s, ns);
    s->has_newest = true;
    s->newest = ns;
    return !has_entries(h, s, ns);
}

/* The next window takes an index over at once, and it is complete. Any other namespace does once enough of its rows have
 * missed for its entries to be worth learning anew. */
bool weir__heap_use_index(struct heap *h, struct heap_state *s, enum heap_key_kind kind, int64_t n, int64_t ns)
{
    struct heap_index *x = &s->index;
    if (h->has_no_index) return false;
    s->batches++;
    for (uint32_t i = 0; !(x->is_valid && x->ns == ns) && i < WEIR__HEAP_INDEXES - 1; i++) {
        if (s->others[i].is_valid && s->others[i].ns == ns) bring_forward(s, i);
    }
    if (x->is_valid && x->ns == ns) {
        x->used_at = s->batches;
        return true;
    }
    bool is_new = is_next(h, s, n, ns);
    x->missed += (size_t)n;
    if (!is_new && (x->missed < x->used / 4 || x->missed < FIRST_SLOTS / 8)) return false;
    x->missed = 0; /* of the one that is kept among the others from here on */
    spare_one(s);
    x->used_at = s->batches;
    x->missed = 0; /* of the one that was the oldest of them, and is taken over */
    empty(x);
    x->is_valid = false;
    x->kind = kind;
    if (!x->slots && !weir__heap_make_room(h, s, 1)) return false;
    x->ns = ns;
    x->is_complete = is_new;
    return x->is_valid = true;
}

/* ---- a chunk of rows --------------------------------------------------------------------------------------------- */

/* Of those that were found, the rows whose texts are others; their entries are on their way. */
static uint64_t other_texts(const weir_column *column, const uint32_t *picks, int64_t first, uint32_t n, void *const *values)
{
    uint64_t others = 0;
    for (uint32_t i = 0; i < n; i++)
        others |= (uint64_t)(values[i] && !is_string((uintptr_t)values[i], column, weir__heap_row(picks, first, i))) << i;
    return others;
}

uint64_t weir__heap_recall(struct heap_state *s, bool must_keep, const struct weir_rows *rows, const weir_column *column,
                           const uint32_t *picks, int64_t first, uint32_t n, void **values, uint32_t *places)
{
    struct heap_index *x = &s->index;
    WEIR_ASSERT(x->kind != WEIR__OTHER_KEYS);
    const uint64_t *hash = rows->keys.hash;
    const weir_column *strings = x->kind == WEIR__ONE_STRING ? column : NULL;
    const uintptr_t known = must_keep ? WEIR__KEPT : UINTPTR_MAX;
    const uint32_t n_slots = x->n_slots;
    uint64_t missed = 0;
    bool cached = n_slots <= BEYOND_CACHE;
    values += first;
    for (uint32_t i = 0; x->n_stale > 0 && i < n; i++)
        (void)slot_at(x, weir__heap_first_slot(hash[weir__heap_row(picks, first, i)], n_slots));
    for (uint32_t i = 0; !cached && i < n; i++)
        __builtin_prefetch(&x->slots[weir__heap_first_slot(hash[weir__heap_row(picks, first, i)], n_slots)]);
    uint64_t left = weir__heap_look(x, known, rows, column->data, picks, first, n, values);
    for (uint32_t i = 0; (strings || !cached) && i < n; i++) __builtin_prefetch(values[i], 1);
    if (strings) left |= other_texts(strings, picks, first, n, values);
    for (; left; left &= left - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(left), row = weir__heap_row(picks, first, i);
        places[i] = find(x, weir__heap_first_slot(hash[row], n_slots), weir__heap_word(x->kind, hash, column->data, row),
                         strings, row);
        uintptr_t value = x->slots[places[i]].value;
        values[i] = (void *)(value & ~WEIR__KEPT);
        missed |= (uint64_t)((value & known) == 0) << i;
    }
    return missed;
}

struct heap_index_slot *weir__heap_index_slot(struct heap_state *s, const struct weir_rows *rows, const weir_column *column,
                                              uint32_t row, uint32_t place)
{
    struct heap_index *x = &s->index;
    uint64_t hash = rows->keys.hash[row], word = weir__heap_word(x->kind, rows->keys.hash, column->data, row);
    if (place == WEIR__NO_PLACE) place = weir__heap_first_slot(hash, x->n_slots);
    struct heap_index_slot *slot = &x->slots[find(x, place, word, x->kind == WEIR__ONE_STRING ? column : NULL, row)];
    if (!slot->value) slot->word = word;
    return slot;
}
