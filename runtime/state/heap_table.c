/* heap_table.c - the open-addressing table of one namespace of one key group.
 *
 * One thread. Linear probing at a load of at most one half, with backward-shift deletion, so slots hold no tombstones; ids
 * do, until they are compacted. Invariants: (1) live * 2 <= n_slots; (2) every live entry has exactly one slot; (3) an id is
 * given once between two compactions, so ids are in order of insertion; (4) used <= 2 * live, or used < COMPACT_FROM. Where
 * n_slots is 0 there are no slots yet, and (1) and (2) do not hold: batches find what they need in the index, and most
 * tables of windows are never asked for a key.
 */
#include "data/key.h"
#include "state/heap_internal.h"

#define FIRST_SLOTS      8
#define MOST_FIRST       1024 /* a table that was expected to be large, and is not, wastes little */
#define LEAST_BLOCK      128  /* bytes of long keys */
#define MOST_FIRST_BYTES 8192
#define COMPACT_FROM     16
#define MAX_IDS          (UINT32_MAX / 2) /* places count on from there by less than 16 pages */

/* ---- slots ------------------------------------------------------------------------------------------------------- */

void weir__heap_put_slot(struct heap_slot *slots, uint32_t n_slots, uint32_t tag, uint32_t place)
{
    uint32_t i = tag & (n_slots - 1);
    while (slots[i].place) i = (i + 1) & (n_slots - 1);
    slots[i] = (struct heap_slot){.tag = tag, .place = place + 1};
}

/* Those behind slot i move up. */
static void free_slot(struct heap_slot *slots, uint32_t n_slots, uint32_t i)
{
    uint32_t mask = n_slots - 1;
    for (uint32_t next = (i + 1) & mask; slots[next].place; next = (next + 1) & mask) {
        uint32_t home = slots[next].tag & mask;
        if (((next - home) & mask) < ((next - i) & mask)) continue; /* it would land before its home */
        slots[i] = slots[next];
        i = next;
    }
    slots[i] = (struct heap_slot){0};
}

static uint32_t first_slots(const struct heap_table *t)
{
    uint32_t n = FIRST_SLOTS;
    while (n < MOST_FIRST && n / 2 < t->expected) n *= 2;
    while (n && n / 2 <= t->live) n *= 2;
    return n;
}

static bool grow_slots(struct heap *h, struct heap_table *t)
{
    uint32_t n = t->n_slots ? t->n_slots * 2 : first_slots(t);
    struct heap_slot *slots = n ? weir__heap_alloc(h, (size_t)n * sizeof *slots) : NULL;
    if (!slots) return false;
    for (uint32_t i = 0; i < t->n_slots; i++) {
        if (t->slots[i].place) weir__heap_put_slot(slots, n, t->slots[i].tag, t->slots[i].place - 1);
    }
    weir__heap_free(h, t->slots, (size_t)t->n_slots * sizeof *slots);
    t->slots = slots;
    t->n_slots = n;
    return true;
}

static void put_all(const struct heap_state *s, struct heap_table *t)
{
    for (uint32_t id = 0; id < t->used; id++) {
        const struct heap_key *entry = weir__heap_entry(s, t, id);
        if (entry->n == WEIR__HEAP_DEAD) continue;
        weir__heap_put_slot(t->slots, t->n_slots, (uint32_t)weir_key_hash64(weir__heap_key_bytes(entry), entry->n),
                            weir__heap_place(s, id));
    }
}

/* The first slots of a table that has got entries without any. */
static bool make_slots(struct heap *h, const struct heap_state *s, struct heap_table *t)
{
    uint32_t n = first_slots(t);
    t->slots = n ? weir__heap_alloc(h, (size_t)n * sizeof *t->slots) : NULL;
    if (!t->slots) return false;
    t->n_slots = n;
    put_all(s, t);
    return true;
}

static struct heap_key *find_without_slots(const struct heap_state *s, const struct heap_table *t, const uint8_t *key,
                                           uint32_t n, uint32_t *place)
{
    for (uint32_t id = 0; id < t->used; id++) {
        struct heap_key *entry = weir__heap_entry(s, t, id);
        *place = weir__heap_place(s, id);
        if (weir__heap_key_is(entry, key, n)) return entry;
    }
    return NULL;
}

/* In a table of one id, as that of the states that belong to no key. */
static struct heap_key *the_only_one(const struct heap_table *t, const uint8_t *key, uint32_t n, uint32_t *place)
{
    struct heap_key *entry = (struct heap_key *)(void *)t->pages[0];
    *place = 0;
    return weir__heap_key_is(entry, key, n) ? entry : NULL;
}

struct heap_key *weir__heap_find_place(struct heap *h, const struct heap_state *s, struct heap_table *t, const uint8_t *key,
                                       uint32_t n, uint64_t hash, uint32_t *place)
{
    if (t->n_slots == 0 && t->used == 0) return NULL;
    if (t->used == 1) return the_only_one(t, key, n, place);
    if (t->n_slots == 0 && !make_slots(h, s, t)) return find_without_slots(s, t, key, n, place);
    uint32_t tag = (uint32_t)hash, mask = t->n_slots - 1;
    for (uint32_t i = tag & mask; t->slots[i].place; i = (i + 1) & mask) {
        if (t->slots[i].tag != tag) continue;
        *place = t->slots[i].place - 1;
        struct heap_key *entry = weir__heap_at(s, t, *place);
        if (weir__heap_key_is(entry, key, n)) return entry;
    }
    return NULL;
}

struct heap_key *weir__heap_find(struct heap *h, const struct heap_state *s, struct heap_table *t, const uint8_t *key,
                                 uint32_t n, uint64_t hash)
{
    uint32_t place;
    return weir__heap_find_place(h, s, t, key, n, hash, &place);
}

/* ---- pages ------------------------------------------------------------------------------------------------------- */

static size_t page_bytes(const struct heap_state *s, uint32_t page)
{
    uint32_t power = page < 1 ? 2 : page + 1; /* 4, 4, 8, 16 ... entries */
    if (power > s->page_shift) power = s->page_shift;
    return ((size_t)1 << power) * s->entry_size;
}

static uint32_t page_of(const struct heap_state *s, uint32_t id)
{
    return weir__heap_place(s, id) >> s->page_shift;
}

uint32_t weir__heap_place_of(const struct heap_state *s, const struct heap_table *t, const struct heap_key *entry)
{
    uint32_t page = t->n_pages - 1;
    uintptr_t at = (uintptr_t)entry;
    while (at - (uintptr_t)t->pages[page] >= page_bytes(s, page)) page--; /* an address below the page's wraps */
    return (page << s->page_shift) | (uint32_t)((at - (uintptr_t)t->pages[page]) / s->entry_size);
}

/* One that is as large as pages of the state become. */
static bool is_full_page(const struct heap_state *s, uint32_t page)
{
    return page + 1 >= s->page_shift;
}

static bool add_page(struct heap *h, struct heap_state *s, struct heap_table *t)
{
    if (t->n_pages == t->pages_capacity) {
        uint32_t capacity = t->pages_capacity ? t->pages_capacity * 2 : 2;
        uint8_t **pages = weir__heap_resize(h, t->pages, t->pages_capacity * sizeof *pages, capacity * sizeof *pages);
        if (!pages) return false;
        t->pages = pages;
        t->pages_capacity = capacity;
    }
    size_t size = page_bytes(s, t->n_pages);
    uint8_t *page =
        is_full_page(s, t->n_pages) ? weir__heap_take_page(h, s) : weir_try_alloc_aligned(64, (size + 63) / 64 * 64);
    if (!page) return false;
    h->bytes += size;
    t->pages[t->n_pages++] = page;
    return true;
}

static void free_pages_from(struct heap *h, struct heap_state *s, struct heap_table *t, uint32_t first)
{
    while (t->n_pages > first) {
        uint32_t page = --t->n_pages;
        h->bytes -= page_bytes(s, page);
        if (is_full_page(s, page))
            weir__heap_give_page(h, s, t->pages[page]);
        else
            weir_free(t->pages[page]);
    }
}

/* ---- long keys --------------------------------------------------------------------------------------------------- */

static struct heap_key_block *make_block(struct heap *h, size_t capacity)
{
    struct heap_key_block *block = weir__heap_alloc(h, sizeof *block + capacity);
    if (block) block->capacity = capacity;
    return block;
}

void weir__heap_free_blocks(struct heap *h, struct heap_key_block *block)
{
    while (block) {
        struct heap_key_block *next = block->next;
        weir__heap_free(h, block, sizeof *block + block->capacity);
        block = next;
    }
}

static void store_long(struct heap_key *entry, struct heap_key_block *block, const uint8_t *key, uint32_t n)
{
    uint8_t *bytes = block->bytes + block->used;
    memcpy(bytes, key, n);
    block->used += n;
    entry->n = n;
    memcpy(entry->bytes, key, 4);
    memcpy(entry->bytes + 4, &bytes, sizeof bytes);
}

/* For as many keys as the group's last table had, where they are as long as this one. */
static size_t first_capacity(const struct heap_table *t, uint32_t n)
{
    size_t wanted = (size_t)t->expected * n;
    if (wanted > MOST_FIRST_BYTES) wanted = MOST_FIRST_BYTES;
    return wanted > LEAST_BLOCK ? wanted : LEAST_BLOCK;
}

/* Blocks double from a few keys to a page. */
static bool reserve_long(struct heap *h, struct heap_table *t, uint32_t n)
{
    if (t->keys && t->keys->capacity - t->keys->used >= n) return true;
    size_t capacity = t->keys ? t->keys->capacity * 2 : first_capacity(t, n);
    if (capacity > WEIR__HEAP_PAGE_BYTES) capacity = WEIR__HEAP_PAGE_BYTES;
    struct heap_key_block *block = make_block(h, n > capacity ? n : capacity);
    if (!block) return false;
    block->next = t->keys;
    t->keys = block;
    return true;
}

/* ---- insertion --------------------------------------------------------------------------------------------------- */

struct heap_key *weir__heap_append(struct heap *h, struct heap_state *s, struct heap_table *t, const uint8_t *key,
                                   uint32_t n, uint64_t hash)
{
    if (t->used >= MAX_IDS) return NULL;
    if (t->n_slots > 0 && ((uint64_t)t->live + 1) * 2 > t->n_slots && !grow_slots(h, t)) return NULL;
    if (page_of(s, t->used) >= t->n_pages && !add_page(h, s, t)) return NULL;
    if (n > WEIR__HEAP_KEY_IN_PLACE && !reserve_long(h, t, n)) return NULL;
    struct heap_key *entry = weir__heap_entry(s, t, t->used);
    __builtin_prefetch((const char *)entry + 2 * (size_t)s->entry_size, 1); /* of the entry behind it */
    memset(entry, 0, s->entry_size);
    if (n > WEIR__HEAP_KEY_IN_PLACE) {
        store_long(entry, t->keys, key, n);
    } else {
        entry->n = n;
        if (n == 8)
            memcpy(entry->bytes, key, 8); /* a store and no call */
        else
            memcpy(entry->bytes, key, n);
    }
    if (t->n_slots > 0) weir__heap_put_slot(t->slots, t->n_slots, (uint32_t)hash, weir__heap_place(s, t->used));
    t->used++;
    t->live++;
    s->n_entries++;
    weir__heap_miss_in_index(s, t->ns);
    return entry;
}

struct heap_key *weir__heap_insert(struct heap *h, struct heap_state *s, struct heap_table *t, const uint8_t *key,
                                   uint32_t n, uint64_t hash)
{
    if (t->used == 0 && t->n_slots == 0 && !grow_slots(h, t)) return NULL;
    return weir__heap_append(h, s, t, key, n, hash);
}

/* ---- removal ----------------------------------------------------------------------------------------------------- */

/* Moves the live entries together, in order. */
static void close_gaps(const struct heap_state *s, struct heap_table *t)
{
    uint32_t to = 0;
    for (uint32_t id = 0; id < t->used; id++) {
        struct heap_key *entry = weir__heap_entry(s, t, id);
        if (entry->n == WEIR__HEAP_DEAD) continue;
        if (to != id) memcpy(weir__heap_entry(s, t, to), entry, s->entry_size);
        to++;
    }
    t->used = to;
}

static void let_go_of_blocks(struct heap *h, struct heap_key_block *blocks, bool is_in_image)
{
    if (is_in_image)
        weir__heap_retire_keys(h, blocks);
    else
        weir__heap_free_blocks(h, blocks);
}

/* Long keys into one block of their size, so that the bytes of removed ones go. Without memory they stay. */
static void close_key_gaps(struct heap *h, const struct heap_state *s, struct heap_table *t, bool is_in_image)
{
    if (!t->keys) return;
    size_t total = 0;
    for (uint32_t id = 0; id < t->used; id++) {
        uint32_t n = weir__heap_entry(s, t, id)->n;
        if (n > WEIR__HEAP_KEY_IN_PLACE) total += n;
    }
    if (total == 0 && t->keys->capacity <= 1024 && !is_in_image) { /* a small block is kept for the next key */
        t->keys->used = 0;
        weir__heap_free_blocks(h, t->keys->next);
        t->keys->next = NULL;
        return;
    }
    struct heap_key_block *old = t->keys, *block = total ? make_block(h, total) : NULL;
    if (!block && total) return;
    for (uint32_t id = 0; id < t->used; id++) {
        struct heap_key *entry = weir__heap_entry(s, t, id);
        if (entry->n > WEIR__HEAP_KEY_IN_PLACE) store_long(entry, block, weir__heap_key_bytes(entry), entry->n);
    }
    t->keys = block;
    let_go_of_blocks(h, old, is_in_image);
}

static void shrink_slots(struct heap *h, struct heap_table *t)
{
    uint32_t n = t->n_slots;
    while (n > FIRST_SLOTS && n / 4 >= t->live) n /= 2;
    struct heap_slot *slots = n < t->n_slots ? weir__heap_alloc(h, (size_t)n * sizeof *slots) : NULL;
    if (slots) {
        weir__heap_free(h, t->slots, (size_t)t->n_slots * sizeof *slots);
        t->slots = slots;
        t->n_slots = n;
    } else {
        memset(t->slots, 0, (size_t)t->n_slots * sizeof *slots);
    }
}

static void compact(struct heap *h, struct heap_state *s, struct heap_table *t)
{
    bool is_in_image = weir__heap_is_in_image(h, t);
    if (is_in_image && !weir__heap_may_compact(h, t)) return;
    close_gaps(s, t);
    close_key_gaps(h, s, t, is_in_image);
    uint32_t last = t->n_pages - 1;
    free_pages_from(h, s, t, t->used ? page_of(s, t->used - 1) + 1 : 1);
    if (t->n_pages <= last && is_full_page(s, last)) weir__heap_free_spare_chunks(h, s);
    if (t->n_slots == 0) return;
    shrink_slots(h, t);
    put_all(s, t);
}

static uint32_t slot_of(const struct heap_state *s, const struct heap_table *t, const struct heap_key *entry, uint64_t hash)
{
    uint32_t i = (uint32_t)hash & (t->n_slots - 1);
    while (weir__heap_at(s, t, t->slots[i].place - 1) != entry) i = (i + 1) & (t->n_slots - 1);
    return i;
}

void weir__heap_remove(struct heap *h, struct heap_state *s, struct heap_table *t, struct heap_key *entry, uint64_t hash)
{
    if (t->n_slots > 0) free_slot(t->slots, t->n_slots, slot_of(s, t, entry, hash));
    entry->n = WEIR__HEAP_DEAD;
    weir__heap_void_index(s, t->ns);
    t->live--;
    s->n_entries--;
    if (t->live == 0 || (t->used >= COMPACT_FROM && t->live < t->used / 2)) compact(h, s, t);
}

void weir__heap_remove_if(struct heap *h, struct heap_state *s, struct heap_table *t, bool (*goes)(void *arg, void *value),
                          void *arg)
{
    uint32_t before = t->live;
    WEIR_ASSERT(!h->image);
    for (uint32_t id = 0; id < t->used; id++) {
        struct heap_key *entry = weir__heap_entry(s, t, id);
        if (entry->n == WEIR__HEAP_DEAD || !goes(arg, weir__heap_value(entry))) continue;
        weir__heap_free_value(h, s, weir__heap_value(entry));
        if (h->poisons) memset(weir__heap_value(entry), 0xdb, s->value_size);
        entry->n = WEIR__HEAP_DEAD;
        t->live--;
    }
    if (t->live == before) return;
    s->n_entries -= before - t->live;
    weir__heap_void_index(s, t->ns);
    compact(h, s, t);
}

void weir__heap_free_table(struct heap *h, struct heap_state *s, struct heap_table *t)
{
    bool owns = s->texts.n > 0 || weir_layout_shape(s->layout) != WEIR_SHAPE_VALUE;
    for (uint32_t id = 0; owns && id < t->used; id++) {
        struct heap_key *entry = weir__heap_entry(s, t, id);
        if (entry->n != WEIR__HEAP_DEAD) weir__heap_free_value(h, s, weir__heap_value(entry));
    }
    free_pages_from(h, s, t, 0);
    weir__heap_free(h, t->pages, t->pages_capacity * sizeof *t->pages);
    weir__heap_free(h, t->slots, (size_t)t->n_slots * sizeof *t->slots);
    weir__heap_free_blocks(h, t->keys);
    weir__heap_free(h, t, sizeof *t);
}
