/* heap_internal.h - the parts of the heap backend, for this folder and its tests.
 *
 *   struct heap           a state set: its states, and a count of all bytes held
 *     struct heap_state   one declared state: the sizes that its tables share, and a group per key group
 *       struct heap_group   the namespaces of one key group, sorted, the last one used at hand
 *         struct heap_table   the keys of one namespace: slots -> places -> entries in pages
 *           entry               struct heap_key, then the value: the declared struct, a struct heap_list, or a struct
 * heap_map
 *
 * Entry ids are given in order of insertion. An entry's place is computed from its id: the pages of a table hold 4, 4, 8, 16
 * ... entries until a page of the next size would pass 64 KiB, and that many from then on. So a table of three keys is
 * small, a large one grows without moving anything, and enumeration in order of insertion is a walk over ids. Slots hold the
 * place, ready made.
 *
 * Entries move only when a removal leaves less than half of the ids alive: never during value_edit_rows or enumeration.
 */
#ifndef WEIR_STATE_HEAP_INTERNAL_H
#define WEIR_STATE_HEAP_INTERNAL_H

#include <string.h>

#include "base/alloc.h"
#include "state/state.h"

#define WEIR__HEAP_PAGE_BYTES   65536
#define WEIR__HEAP_SMALL_PAGE   4096              /* of a set that is to keep to a number of bytes */
#define WEIR__HEAP_KEY_IN_PLACE 20                /* bytes: a text of up to 16 lies beside its value */
#define WEIR__HEAP_COPY_BYTES   1024              /* of images: what is copied at a time */
#define WEIR__HEAP_COPIES       16384             /* 16 MiB: what the pool of images may have at least */
#define WEIR__HEAP_AT_ONCE      ((size_t)8 << 20) /* bytes of entries: an image of no more is copied when it is made */
#define WEIR__HEAP_DEAD         UINT32_MAX        /* heap_key.n of a removed entry */
#define WEIR__HEAP_BLOCK_SIZES  16                /* of spare blocks of texts: multiples of 16 bytes */

struct heap_key {
    uint32_t n;
    uint8_t
        bytes[WEIR__HEAP_KEY_IN_PLACE]; /* the key; when it is longer: its first four bytes and a pointer to all of them */
};
struct heap_slot {  /* of tables and of maps */
    uint32_t tag;   /* low half of the key's hash; its low bits choose the slot */
    uint32_t place; /* + 1: of a table's entry (weir__heap_place), number of a map's pair; 0: the slot is free */
};
struct heap_key_block { /* bytes of long keys, given back with the table or when it is compacted */
    struct heap_key_block *next;
    size_t used, capacity;
    uint8_t bytes[];
};
struct heap_table {
    int64_t ns;
    struct heap_slot *slots; /* made when a key is first looked up, while the index need not do that */
    uint32_t n_slots;        /* 0, or a power of two, at least twice `live` */
    uint32_t expected;       /* entries; for the first slots */
    uint32_t used, live;     /* ids given; those that are alive */
    uint32_t n_pages, pages_capacity;
    uint8_t **pages;
    struct heap_key_block *keys;
    uint64_t image; /* number of the last image that it is part of, and its place in there */
    uint32_t in_image;
    struct heap_table *next_retired; /* of the image that frees it */
    struct heap_state *state;        /* of a retired one */
};
struct heap_group {
    struct heap_table *last; /* one of tables, or NULL */
    struct heap_table **tables;
    uint32_t n, capacity;
    uint32_t expected; /* entries of a new table: as many as the last one that went had */
};
/* The entries of one namespace by key, over all groups: what value_edit_rows looks at first (heap_index.c). There are
 * several, as rows of two windows come in turn while one follows the other, and inputs may be at different times. A copy of
 * what the tables say, which may lack entries; it is void when one of them goes or may have moved. A value may be changed at
 * once when it is marked as kept, or no image is read that needs it; those that were there when an image was made are kept
 * first, and marked then.
 *
 * To empty it, or to take its marks away, costs nothing: slots are changed by block, when a block of an older age is first
 * looked at. */
enum heap_key_kind { WEIR__FOUR_BYTES, WEIR__EIGHT_BYTES, WEIR__ONE_STRING, WEIR__OTHER_KEYS };
struct heap_index_slot {
    uint64_t word;
    uintptr_t value; /* address behind its heap_key, + WEIR__KEPT; 0: free */
};
#define WEIR__KEPT         ((uintptr_t)1)
#define WEIR__HEAP_INDEXES 4
struct heap_index_age { /* counts */
    uint64_t emptied, cut;
};
struct heap_index {
    struct heap_index_slot *slots;
    struct heap_index_age *ages; /* by block; allocated behind the slots */
    uint32_t n_slots, used;      /* n_slots: a power of two */
    uint32_t n_stale;            /* blocks of an older age, or more */
    struct heap_index_age age;
    enum heap_key_kind kind; /* of keys that can be compared where they lie in a batch */
    bool is_valid;           /* what it knows of ns is right */
    bool is_complete;        /* and all there is */
    int64_t ns;
    size_t missed;    /* rows of other namespaces since it was made */
    uint64_t used_at; /* number of the batch */
};
struct heap_texts { /* where the weir_str members of a struct are */
    uint32_t *offsets, n;
};
struct heap_state {
    const struct weir_state_layout *layout;
    struct heap_group *groups; /* by key group - first_group */
    uint32_t entry_size;       /* bytes of heap_key, value and extra, or more, a multiple of 8 */
    uint32_t value_size;       /* of them, the value's: the extra bytes of an entry are behind it */
    uint32_t page_shift;       /* log2 of the entries of a full page */
    uint32_t page_mask;        /* 2^page_shift - 1 */
    struct heap_texts texts, key_texts;
    uint32_t pair_size, pair_value; /* maps: bytes of a pair, and where in it the value is */
    uint32_t number_at;             /* in the key, if that is one number of eight bytes */
    bool key_is_number;
    size_t n_entries;
    struct heap_chunk *chunks; /* of full pages, used and spare (heap_pages.c) */
    uint32_t n_chunks, chunks_capacity, first_free;
    struct heap_index index;                          /* of the namespace of the last batch */
    struct heap_index others[WEIR__HEAP_INDEXES - 1]; /* of batches before, the last one first */
    uint64_t batches;
    bool has_newest;
    int64_t newest;             /* the greatest namespace of a batch */
    struct heap_spares *spares; /* maps: what maps that are no more have left for others (heap_map.c) */
};
struct heap_copy { /* of entries, in an image; between two uses in a pool, in runs that are handed over whole */
    struct heap_copy *next;
    struct heap_copy *next_run; /* of the first of a run */
};
struct heap {
    struct weir_state_set set; /* first member: a weir_state_set of this backend is its heap */
    struct heap_state *states;
    size_t bytes;
    struct heap_image *image; /* that is being read (image.h), or NULL */
    uint64_t n_images;
    bool must_keep;                /* an image is read that has not been copied: entries are kept before they change */
    size_t at_once;                /* bytes: see WEIR__HEAP_AT_ONCE */
    struct heap_copy *copies;      /* that nobody uses: the run at hand */
    struct heap_copy *runs;        /* and the others */
    size_t n_copies, least_copies; /* with those that are used; that the pool may have */
    bool has_no_index;             /* for the sake of memory */
    size_t spare_bytes;            /* of pages at hand */
    struct heap_page *given;       /* an image's ledger: of tables that it freed */
    bool poisons;                  /* tests: what weir__heap_remove_if removes is overwritten first */
    struct weir_key_bytes scratch; /* keys being encoded */
    /* Of texts that are gone (heap_bytes.c). */
    struct heap_block *spare_blocks[WEIR__HEAP_BLOCK_SIZES];
    size_t spare_block_bytes;
};

struct heap_list { /* the value of a list's entry */
    uint8_t *items;
    size_t n, capacity;
};
struct heap_map { /* the value of a map's entry */
    uint8_t *pairs;
    uint32_t used, live, capacity;
    uint32_t n_slots; /* 0: few pairs, searched one by one */
    struct heap_slot *slots;
};

/* ---- memory (heap_bytes.c): counted in heap->bytes; zeroed; NULL: no memory -------------------------------------- */

void *weir__heap_alloc(struct heap *, size_t size);
void *weir__heap_resize(struct heap *, void *p, size_t old_size, size_t size); /* new part not zeroed */
void weir__heap_free(struct heap *, void *p, size_t size);

/* The weir_str members of a struct: turned from borrowed bytes into copies (false: no memory, nothing is owned); given back.
 */
bool weir__heap_own_texts(struct heap *, const struct heap_texts *, void *value);
void weir__heap_free_texts(struct heap *, const struct heap_texts *, void *value);
weir_status weir__heap_assign(struct weir_state_set *, uint32_t state, weir_str *member, weir_str bytes);
void *weir__heap_resize_bytes(struct weir_state_set *, uint32_t state, weir_str *member, size_t size);
void weir__heap_free_spare_blocks(struct heap *);

/* ---- tables (heap_table.c) --------------------------------------------------------------------------------------- */

static inline const uint8_t *weir__heap_key_bytes(const struct heap_key *k)
{
    const uint8_t *block;
    if (k->n <= WEIR__HEAP_KEY_IN_PLACE) return k->bytes;
    memcpy(&block, k->bytes + 4, sizeof block);
    return block;
}

static inline bool weir__heap_key_is(const struct heap_key *k, const uint8_t *p, uint32_t n)
{
    if (k->n != n) return false;
    if (n == 0) return true;
    if (n == 8) return memcmp(k->bytes, p, 8) == 0; /* one load each */
    if (n <= WEIR__HEAP_KEY_IN_PLACE) return memcmp(k->bytes, p, n) == 0;
    return memcmp(k->bytes, p, 4) == 0 && memcmp(weir__heap_key_bytes(k), p, n) == 0;
}

/* Where entry id lies: its page in the upper bits, its number in the page in the lower page_shift bits. */
static inline uint32_t weir__heap_place(const struct heap_state *s, uint32_t id)
{
    uint32_t shift = s->page_shift;
    if (shift < 2) return id;
    if (id >> shift) return id + ((shift - 2) << shift);
    uint32_t power = 31 - (uint32_t)__builtin_clz(id | 2); /* pages of 4 and 4 entries, then 2^power */
    return ((power - 1) << shift) | (id & (((1u << power) - 1) | 3));
}

static inline struct heap_key *weir__heap_at(const struct heap_state *s, const struct heap_table *t, uint32_t place)
{
    uint8_t *page = t->pages[place >> s->page_shift];
    return (struct heap_key *)(void *)(page + (size_t)(place & s->page_mask) * s->entry_size);
}

static inline struct heap_key *weir__heap_entry(const struct heap_state *s, const struct heap_table *t, uint32_t id)
{
    return weir__heap_at(s, t, weir__heap_place(s, id));
}

/* The id of the entry at a place: the other way round. */
static inline uint32_t weir__heap_id(const struct heap_state *s, uint32_t place)
{
    uint32_t shift = s->page_shift, page = place >> shift;
    if (shift < 2 || page == 0) return place;
    if (page + 1 >= shift) return place - ((shift - 2) << shift);
    return (1u << (page + 1)) + (place & s->page_mask);
}

static inline void *weir__heap_value(struct heap_key *entry)
{
    return entry + 1;
}

struct heap_key *weir__heap_find(struct heap *, const struct heap_state *, struct heap_table *, const uint8_t *key,
                                 uint32_t n, uint64_t hash);
/* The same, and where it lies. */
struct heap_key *weir__heap_find_place(struct heap *, const struct heap_state *, struct heap_table *, const uint8_t *key,
                                       uint32_t n, uint64_t hash, uint32_t *place);
/* Where an entry of the table lies. */
uint32_t weir__heap_place_of(const struct heap_state *, const struct heap_table *, const struct heap_key *entry);
/* The key is not there yet. The value is zeroed. NULL: no memory. */
struct heap_key *weir__heap_insert(struct heap *, struct heap_state *, struct heap_table *, const uint8_t *key, uint32_t n,
                                   uint64_t hash);
/* The same for one that is known not to be there otherwise than by looking it up: a table without slots stays so. */
struct heap_key *weir__heap_append(struct heap *, struct heap_state *, struct heap_table *, const uint8_t *key, uint32_t n,
                                   uint64_t hash);
/* What the value owns has been given back, and the entry was kept. May move other entries. */
void weir__heap_remove(struct heap *, struct heap_state *, struct heap_table *, struct heap_key *entry, uint64_t hash);
/* With what the values own; of no group, and of no image. */
void weir__heap_free_table(struct heap *, struct heap_state *, struct heap_table *);
void weir__heap_free_blocks(struct heap *, struct heap_key_block *);
/* Removes the entries for which `goes` says so, with what their values own. May move the others. Not with an image. */
void weir__heap_remove_if(struct heap *, struct heap_state *, struct heap_table *, bool (*goes)(void *arg, void *value),
                          void *arg);

/* The first free slot for a key's tag takes the place. For tables and maps. */
void weir__heap_put_slot(struct heap_slot *slots, uint32_t n_slots, uint32_t tag, uint32_t place);

/* ---- full pages (heap_pages.c): not counted in heap->bytes; not zeroed ------------------------------------------- */

void *weir__heap_take_page(struct heap *, struct heap_state *); /* NULL: no memory */
void weir__heap_give_page(struct heap *, struct heap_state *, void *page);
void weir__heap_take_back(struct heap *, struct heap_page *given); /* by an image's ledger */
void weir__heap_free_spare_chunks(struct heap *, struct heap_state *);
void weir__heap_free_chunks(struct heap *, struct heap_state *);

/* ---- the set (heap.c) -------------------------------------------------------------------------------------------- */

static inline struct heap *weir__heap_of(struct weir_state_set *set)
{
    return (struct heap *)(void *)set;
}
/* With room behind each value that the heap zeroes and otherwise leaves alone: a multiple of 8. */
struct heap *weir__heap_create(const struct weir_state_layout *, uint32_t n_states, uint32_t first_group,
                               uint32_t last_group, uint32_t extra);
void weir__heap_drop_table(struct heap *, struct heap_state *, struct heap_group *, int64_t ns); /* if it is there */
/* The table of a namespace; NULL: there is none (find), no memory (make). */
struct heap_table *weir__heap_find_table(struct heap_group *, int64_t ns);
struct heap_table *weir__heap_make_table(struct heap *, struct heap_group *, int64_t ns);
/* The value of a key; NULL: not there, or no memory. */
void *weir__heap_get(struct weir_state_set *, uint32_t state, enum weir_state_shape, const struct weir_key_ref *,
                     int64_t ns);
void *weir__heap_edit(struct weir_state_set *, uint32_t state, enum weir_state_shape, const struct weir_key_ref *,
                      int64_t ns);
/* The value of a key that is there, to be changed; NULL: it is not there. */
void *weir__heap_change(struct weir_state_set *, uint32_t state, enum weir_state_shape, const struct weir_key_ref *,
                        int64_t ns);
void weir__heap_clear(struct weir_state_set *, uint32_t state, const struct weir_key_ref *, int64_t ns);
void weir__heap_free_value(struct heap *, const struct heap_state *, void *value); /* what it owns, by kind */

/* ---- images (heap_image.c): see image.h -------------------------------------------------------------------------- */

struct weir_state_image *weir__heap_freeze(struct weir_state_set *, const struct weir_schema *key);
void weir__heap_keep_entry(struct heap *, const struct heap_table *, uint32_t place);
/* Before the entry at `place` is changed or removed. */
static inline void weir__heap_keep(struct heap *h, const struct heap_table *t, uint32_t place)
{
    if (__builtin_expect(h->must_keep, 0)) weir__heap_keep_entry(h, t, place);
}
bool weir__heap_is_in_image(const struct heap *, const struct heap_table *);
/* Before the entries of a table move. False: they are not to move yet. */
bool weir__heap_may_compact(struct heap *, struct heap_table *);
/* Frees the table with what its values own, or has the image free it. It is in no group any more. */
void weir__heap_retire_table(struct heap *, struct heap_state *, struct heap_table *);
void weir__heap_retire_keys(struct heap *, struct heap_key_block *);
void weir__heap_thaw(struct heap *); /* lets go of an image that has been read */
void weir__heap_finish_images(struct heap *);

/* ---- rows, lists, maps (heap_rows.c, heap_list.c, heap_map.c): see struct weir_state_ops ------------------------- */

weir_status weir__heap_edit_rows(struct weir_state_set *, uint32_t state, const struct weir_rows *, const uint32_t *fields,
                                 uint32_t n_fields, const uint32_t *rows, int64_t n, int64_t ns, void **values,
                                 uint8_t *created);

/* heap_fetch.c: see struct weir_state_ops */
bool weir__heap_fetch(struct weir_state_set *, const struct weir_rows *, int64_t row);
bool weir__heap_fetch_keys(struct weir_state_set *, const uint32_t *states, const struct weir_key_ref *, uint32_t n);
void weir__heap_get_keys(struct weir_state_set *, const uint32_t *states, const struct weir_key_ref *, uint32_t n,
                         const void **values);
weir_status weir__heap_edit_keys(struct weir_state_set *, const uint32_t *states, const struct weir_key_ref *, uint32_t n,
                                 void **values);

/* Tells the keys of these rows (of the selected ones) with the values that they have in the namespace, NULL: none, in the
 * order of the rows, a key perhaps several times, until it gives false. Negative: no memory, or it gave that. */
typedef bool weir__heap_tell(void *arg, uint32_t group, const uint8_t *key, uint32_t n, void *value);
weir_status weir__heap_each_row(struct weir_state_set *, uint32_t state, const struct weir_rows *, const uint32_t *fields,
                                uint32_t n_fields, const struct weir_state_wanted *, weir__heap_tell *, void *arg);

/* ---- the index (heap_index.c) ------------------------------------------------------------------------------------ */

void weir__heap_free_indexes(struct heap *, struct heap_state *);
void weir__heap_cut_indexes(struct heap_state *); /* an image has been made */
/* Entries of the namespace have gone, or moved. */
static inline void weir__heap_void_index(struct heap_state *s, int64_t ns)
{
    if (s->index.ns == ns) s->index.is_valid = false;
    for (uint32_t i = 0; i < WEIR__HEAP_INDEXES - 1; i++) {
        if (s->others[i].ns == ns) s->others[i].is_valid = false;
    }
}
/* An entry has come that no index was told of. */
static inline void weir__heap_miss_in_index(struct heap_state *s, int64_t ns)
{
    if (s->index.ns == ns) s->index.is_complete = false;
    for (uint32_t i = 0; i < WEIR__HEAP_INDEXES - 1; i++) {
        if (s->others[i].ns == ns) s->others[i].is_complete = false;
    }
}
/* Whether s->index is the namespace's; n rows are about to be looked up. Not for other keys. */
bool weir__heap_use_index(struct heap *, struct heap_state *, enum heap_key_kind, int64_t n, int64_t ns);
/* Rows first .. first + n - 1 of a batch, or of the picks, at most 64, into values[first ...]. Gives those that the index
 * does not know, or, where entries must be kept, has not marked as kept, a bit for each; places[i]: where the search for
 * such a row ended. */
uint64_t weir__heap_recall(struct heap_state *, bool must_keep, const struct weir_rows *, const weir_column *,
                           const uint32_t *picks, int64_t first, uint32_t n, void **values, uint32_t *places);
/* The first look (heap_look.c), for rows `first` .. first + n - 1, at most 64: what the pair of slots of each has, without
 * the mark, NULL: neither has the word. Gives the rows whose slot's value has none of the bits `known`. `data`: of the key's
 * column. */
uint64_t weir__heap_look(const struct heap_index *, uintptr_t known, const struct weir_rows *, const void *data,
                         const uint32_t *picks, int64_t first, uint32_t n, void **values);
/* The number of a row among all of a batch, or among those that are picked of it. */
static inline uint32_t weir__heap_row(const uint32_t *picks, int64_t first, uint32_t i)
{
    return picks ? picks[first + i] : (uint32_t)first + i;
}
/* What the slot of a row's key has as its word. */
static inline uint64_t weir__heap_word(enum heap_key_kind kind, const uint64_t *hash, const void *data, uint32_t row)
{
    if (kind == WEIR__EIGHT_BYTES) return ((const uint64_t *)data)[row];
    return kind == WEIR__FOUR_BYTES ? ((const uint32_t *)data)[row] : hash[row];
}
/* The first of the pair of slots that a key is looked for in. */
static inline uint32_t weir__heap_first_slot(uint64_t hash, uint32_t n_slots)
{
    return (uint32_t)hash & (n_slots - 2);
}
/* Whether n more keys may go in. The index may grow, and then places are void. */
bool weir__heap_make_room(struct heap *, struct heap_state *, uint32_t n);
/* The slot that has the key of a row, or a free one with its word: it has the key from the time when its value is set, and
 * used counts it. place: where a search for it ended before others went in. */
#define WEIR__NO_PLACE UINT32_MAX
struct heap_index_slot *weir__heap_index_slot(struct heap_state *, const struct weir_rows *, const weir_column *,
                                              uint32_t row, uint32_t place);

void weir__heap_free_list(struct heap *, const struct heap_state *, struct heap_list *);
WEIR_CHECKED bool weir__heap_list_append(struct heap *, const struct heap_state *, struct heap_list *, const void *item);
weir_status weir__heap_list_add(struct weir_state_set *, uint32_t state, const struct weir_key_ref *, int64_t ns,
                                const void *item);
size_t weir__heap_list_size(struct weir_state_set *, uint32_t state, const struct weir_key_ref *, int64_t ns);
const void *weir__heap_list_at(struct weir_state_set *, uint32_t state, const struct weir_key_ref *, int64_t ns, size_t i);
weir_status weir__heap_list_update(struct weir_state_set *, uint32_t state, const struct weir_key_ref *, int64_t ns,
                                   const void *items, size_t n);

void weir__heap_free_map(struct heap *, const struct heap_state *, struct heap_map *);
void weir__heap_measure_pairs(struct heap_state *);
void weir__heap_make_spares(struct heap_state *);
void weir__heap_free_spares(struct heap_state *); /* none: nothing */
/* The value of a new pair, zeroed; the key's texts are copied. NULL: no memory. */
void *weir__heap_map_append(struct heap *, const struct heap_state *, struct heap_map *, const void *key);
bool weir__heap_map_has(const struct heap_state *, const struct heap_map *, const void *key);
bool weir__heap_map_step(const struct heap_state *, const struct heap_map *, weir_cursor *, const void **key,
                         const void **value);
const void *weir__heap_map_get(struct weir_state_set *, uint32_t state, const struct weir_key_ref *, int64_t ns,
                               const void *key);
void *weir__heap_map_edit(struct weir_state_set *, uint32_t state, const struct weir_key_ref *, int64_t ns, const void *key);
void weir__heap_map_remove(struct weir_state_set *, uint32_t state, const struct weir_key_ref *, int64_t ns,
                           const void *key);
size_t weir__heap_map_size(struct weir_state_set *, uint32_t state, const struct weir_key_ref *, int64_t ns);
bool weir__heap_map_next(struct weir_state_set *, uint32_t state, const struct weir_key_ref *, int64_t ns, weir_cursor *,
                         const void **key, const void **value);

#endif
