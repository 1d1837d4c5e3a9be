/* stored_internal.h - the parts of keyed state in a store, for this folder and its tests.
 *
 *   struct stored          a state set: the decoded entries at hand (a heap, `cache`), over a part of a store
 *     struct stored_meta   behind each value in the cache: what is known of the entry
 *     struct stored_run    the enumeration under way
 *     struct stored_cut    the cut under way: what was changed before it and is not written yet
 *
 * A record of the store: key = set, key group, state, namespace, the key's bytes, such that what is enumerated together is a
 * range and key groups are ranges too. Value = the entry's order, then what is in it (stored_record.c). The order is a
 * number that grows with each insertion: an enumeration reads a range and sorts by it, which costs a key group's part of a
 * namespace in memory and spares each insertion a second record.
 *
 * Invariants: (1) an entry of the cache that is LOADED is what counts, whatever the store has; (2) a change is in the cache,
 * DIRTY, until it is written; (3) cached entries go only at settle and in next_key; (4) while a cut is under way, the store
 * gets what was changed before it and nothing else, so that what it has at the end is the cut.
 */
#ifndef WEIR_STATE_STORED_INTERNAL_H
#define WEIR_STATE_STORED_INTERNAL_H

#include "data/key.h"
#include "state/heap_internal.h"
#include "state/store.h"
#include "state/store_fetch.h"
#include "state/store_writer.h"

#define WEIR__STORED_PREFIX       15 /* bytes before the key's own, at most */
#define WEIR__STORED_GROUP_PREFIX 3  /* of them, those that a key group shares */
#define WEIR__STORED_MAX_SETS     16
#define WEIR__STORED_SPACES       4096

enum {
    WEIR__LOADED = 1,    /* what the store had is here; else nothing is known */
    WEIR__ABSENT = 2,    /* there is no such entry */
    WEIR__DIRTY = 4,     /* not as in the store */
    WEIR__IN_STORE = 8,  /* the store has a record of it */
    WEIR__EXPECTED = 16, /* read ahead, and not asked for yet */
    WEIR__ODD = 32       /* of one that is DIRTY: since a cut with an odd number */
};
/* What is known of an entry. Small: there is one for each. */
struct stored_meta {
    uint64_t order : 50; /* 3 years at ten million insertions a second */
    uint64_t flags : 6;
    uint64_t age : 8; /* at which it was last asked for; WEIR__UNASKED, WEIR__PINNED */
};
/* Ages go round: 1 to WEIR__AGES. A new one begins whenever the cache has grown by a sixteenth of its room, so two entries
 * of different ages tell which of them nobody has missed for longer. */
enum {
    WEIR__UNASKED = 0, /* read by an enumeration */
    WEIR__AGES = 254,
    WEIR__PINNED = 255 /* read ahead; it stays while that is pinned */
};

/* The namespaces that the store may have records of. */
struct stored_spaces {
    int64_t *ns; /* ascending */
    size_t n, capacity;
    bool any; /* there were too many: it may have records of every namespace */
};
struct stored_state {
    struct stored_spaces spaces;
    size_t n_entries;
    size_t n_expected, n_met; /* entries read ahead; of them, those that were asked for later */
    uint32_t n_unasked;       /* batches for which nothing was read ahead, though there was a state */
};

/* What a batch is going to ask for (stored_expect.c). */
struct stored_expected {
    struct weir_store_fetch *fetch; /* made when there is something to read */
    bool is_out, pins;              /* the answer is under way; what came last is pinned */
    struct weir_key_bytes bytes;    /* keys of records, */
    weir_str *keys;                 /* in here, ascending */
    size_t n, capacity;
    uint64_t n_written; /* when the question was asked */
};

struct stored_item {
    uint64_t order;
    size_t key, n_key;     /* in bytes */
    size_t value, n_value; /* the record; n 0: ask the store, if the cache has none */
};
struct stored_run { /* entries of one namespace of one key group, by order */
    bool is_valid;
    uint32_t state, group;
    int64_t ns;
    struct stored_item *items;
    size_t n, capacity;
    struct weir_key_bytes bytes;
};

/* What changed since earlier cuts (stored_changes.c). */
enum {
    WEIR__NOTE_WAS_THERE = 1, /* the store had a record of it before */
    WEIR__NOTE_GONE = 2,
    WEIR__NOTE_RANGE = 4 /* all that begins with the key is gone */
};
struct stored_note {
    const uint8_t *key; /* of a record; in a journal */
    uint64_t order;
    size_t at; /* when, among the notes */
    uint32_t n, flags;
};
struct stored_seal { /* a cut */
    int64_t number;
    uint64_t order;                /* last one given then */
    uint32_t depth;                /* how many cuts it is away from a whole one */
    size_t weight;                 /* changes in those */
    struct weir_key_bytes journal; /* what was written since, until the next cut */
    size_t n_notes;                /* in it */
};
struct stored_changes {
    struct stored_seal *seals; /* oldest first; none: nothing is noted */
    size_t n_seals, seals_capacity;
    size_t bytes;              /* in journals */
    struct stored_note *notes; /* of the cut that is being made; each key once, ascending */
    size_t n_notes, next;
    uint64_t base_order; /* last order given at its base */
};

/* Which entries are DIRTY: the keys of records, some of them perhaps written meanwhile, as long as they are few. */
struct stored_dirty {
    struct weir_key_bytes keys; /* each behind its length */
    size_t n;
    bool are_many; /* then they are not listed: it takes no longer to look at all entries */
};

/* Changes that are encoded, in stored.records, and not handed to the store yet: all of one cut, or of one call. */
struct stored_change { /* offsets */
    size_t key, value, end;
    bool goes;
};
struct stored_pending {
    struct stored_change *changes;
    size_t n, capacity;
};

/* A cut whose changes are written in steps: see stored_write.c. */
struct stored_image;
struct stored_cut {
    bool is_on;
    struct stored_image *image; /* that is complete then; NULL: none */
    struct stored_dirty dirty;  /* as it was at the cut */
    size_t listed;              /* bytes of the list that were gone through; or, of all entries, those before: */
    uint32_t state, group, id;  /* group: - first_group */
    int64_t ns;
};
/* What a step may take; it is counted down. */
struct stored_step {
    size_t bytes, looks;
};

/* How many entries of the cache there are of each age; it changes with those of entries. */
struct stored_ages {
    uint32_t now;
    uint32_t n[256];    /* but for WEIR__UNASKED */
    size_t all;         /* of them together */
    size_t seen, grown; /* bytes of the cache; by how many it has grown in this age */
};

struct weir_state_store {
    const weir_backend *backend;
    void *self;
    struct weir_store_writer_self *writer; /* in front of the backend; NULL: none */
    const weir_backend *read;              /* the backend itself, when it may be read on other threads; else NULL */
    void *read_self;
    const struct weir_platform *platform;
    size_t fetch_least;
    char *directory;
    size_t cache_bytes;
    uint32_t n_sets; /* made so far */
    struct weir_error failure;
    _Atomic uint32_t n_images; /* under way */
};

struct stored {
    struct weir_state_set set; /* first member */
    struct weir_state_store *store;
    struct heap *cache;
    size_t cache_base; /* bytes of the empty cache */
    uint32_t number;   /* in its store */
    uint64_t order;    /* last one given */
    struct stored_ages ages;
    struct stored_dirty dirty; /* but for those of the cut under way */
    uint32_t dirty_now;        /* WEIR__DIRTY, with WEIR__ODD or without */
    struct stored_pending pending;
    struct stored_cut cut;
    struct stored_step step;         /* of a cut; tests make it small */
    uint32_t hand_state, hand_group; /* where entries leave next */
    struct stored_state *states;
    struct stored_run run;
    struct stored_changes changes;
    struct stored_expected expected;
    uint64_t n_written;                  /* batches of changes, and ranges that were removed */
    struct weir_key_bytes keys, records; /* scratch */
    void *room;                          /* one struct of any state, value or map key */
};

static inline struct stored *weir__stored_of(struct weir_state_set *set)
{
    return (struct stored *)(void *)set;
}
static inline struct stored_meta *weir__stored_meta(const struct heap_state *s, void *value)
{
    return (struct stored_meta *)(void *)((uint8_t *)value + s->value_size);
}
/* The first failure stays. */
void weir__stored_fail(struct weir_state_store *, weir_status, const char *what, const char *why);
static inline bool weir__stored_failed(const struct stored *d)
{
    return d->store->failure.status != WEIR_OK;
}

/* ---- records (stored_record.c) ----------------------------------------------------------------------------------- */

/* Appends the prefix; that of what comes behind it, whatever the key, is the same with `until`. */
WEIR_CHECKED bool weir__stored_prefix(const struct stored *, struct weir_key_bytes *, uint32_t state, uint32_t group,
                                      int64_t ns);
size_t weir__stored_prefix_size(weir_str record_key);
weir_str weir__stored_key_of(weir_str record_key);   /* the key itself */
void weir__stored_until(uint8_t prefix[], size_t n); /* the least bytes of that length behind all that begin with it */
int64_t weir__stored_ns(weir_str record_key);
/* Appends order and contents; false: no memory. */
WEIR_CHECKED bool weir__stored_encode(const struct heap_state *, uint64_t order, void *value, struct weir_key_bytes *);
/* Into a zeroed value, which then owns what it has. WEIR_E_DATA: no such record. */
WEIR_CHECKED weir_status weir__stored_decode(struct stored *, const struct heap_state *, weir_str record, uint64_t *order,
                                             void *value);
uint64_t weir__stored_order(weir_str record);
/* The first bytes of all records of a key group. */
void weir__stored_group_prefix(uint32_t set, uint32_t group, uint8_t prefix[WEIR__STORED_GROUP_PREFIX]);
uint32_t weir__stored_state_of(weir_str record_key);
uint32_t weir__stored_group_of(weir_str record_key);
/* What a record holds as a snapshot has it, but for what has expired by `now`. */
struct stored_packing {
    const struct weir_state_layout *layout;
    struct weir_key_bytes *to;
    void *value, *key; /* room for one struct each */
    int64_t now_ms;
};
/* How many of its values, items or pairs are to be packed; 0: it is left out. WEIR_E_DATA: no such record. */
WEIR_CHECKED weir_status weir__stored_count(const struct stored_packing *, weir_str record, uint64_t *n);
/* That many; the value of an entry. */
WEIR_CHECKED weir_status weir__stored_pack(const struct stored_packing *, weir_str record, uint64_t n);

/* ---- entries (stored.c) ------------------------------------------------------------------------------------------ */

bool weir__stored_may_hold(const struct stored *, uint32_t state, int64_t ns);
/* Entries of one state and namespace that are in the cache and not LOADED become so, with one question to the store. False:
 * it failed. */
struct stored_wanted {
    void *value;
    const uint8_t *key;
    uint32_t n, group;
};
WEIR_CHECKED bool weir__stored_load(struct stored *, uint32_t state, int64_t ns, const struct stored_wanted *, size_t n);

void weir__stored_unread(struct stored *, weir_status, const weir_io_error *); /* a get failed */

/* ---- reading ahead (stored_expect.c): see struct weir_state_ops -------------------------------------------------- */

weir_status weir__stored_expect(struct weir_state_set *, const struct weir_state_expected *);
void weir__stored_expected_finish(struct stored_expected *);

/* ---- writing (stored_write.c) ------------------------------------------------------------------------------------- */

struct stored_place { /* where an entry is */
    uint32_t state, group;
    int64_t ns;
};
/* Of one that is DIRTY, and may be written now; false: it failed. */
WEIR_CHECKED bool weir__stored_write(struct stored *, const struct stored_place *, struct heap_key *, struct stored_meta *);
WEIR_CHECKED bool weir__stored_flush(struct stored *); /* what is encoded goes to the store; false: it failed */
/* What is DIRTY now is cut: it is written in steps, and the image, if there is one, is complete then. An earlier cut is
 * finished first. False: it failed. */
WEIR_CHECKED bool weir__stored_begin_to_cut(struct stored *);
bool weir__stored_cut_on(struct stored *);                  /* a step; false: there is nothing left */
WEIR_CHECKED bool weir__stored_finish_cut(struct stored *); /* all that is left; false: it failed */
WEIR_CHECKED bool weir__stored_write_back(struct stored *); /* all that is DIRTY; false: it failed */
/* Ids of a table have become fewer by so many. */
void weir__stored_moved(struct stored *, const struct stored_place *, uint32_t by);

/* It was changed before the cut under way, and is not written yet. */
static inline bool weir__stored_is_of_cut(const struct stored *d, const struct stored_meta *meta)
{
    return meta->flags & WEIR__DIRTY && (meta->flags & (WEIR__DIRTY | WEIR__ODD)) != d->dirty_now;
}
/* Before an entry is changed. */
static inline void weir__stored_keep(struct stored *d, uint32_t state, uint32_t group, int64_t ns, void *value)
{
    struct stored_meta *meta = weir__stored_meta(&d->cache->states[state], value);
    if (!weir__stored_is_of_cut(d, meta)) return;
    (void)!weir__stored_write(d, &(struct stored_place){state, group, ns}, (struct heap_key *)value - 1, meta);
}
/* An entry that is not DIRTY becomes so. */
void weir__stored_list_dirty(struct stored *, uint32_t state, uint32_t group, int64_t ns, const struct heap_key *);
/* The same before it is changed, with what it was for the cut. */
static inline void weir__stored_mark(struct stored *d, uint32_t state, uint32_t group, int64_t ns, void *value)
{
    struct stored_meta *meta = weir__stored_meta(&d->cache->states[state], value);
    if ((meta->flags & (WEIR__DIRTY | WEIR__ODD)) == d->dirty_now) return;
    weir__stored_keep(d, state, group, ns, value);
    meta->flags |= d->dirty_now;
    weir__stored_list_dirty(d, state, group, ns, (const struct heap_key *)value - 1);
}

/* ---- the cache (stored_cache.c) ---------------------------------------------------------------------------------- */

size_t weir__stored_at_hand(const struct stored *); /* entries of the cache */
/* An entry is asked for: the first time it is as old as half a cache, as most are never asked for again; from the second
 * time on it is new. */
void weir__stored_ask(struct stored *, uint32_t state, struct stored_meta *);
static inline void weir__stored_touch(struct stored *d, uint32_t state, struct stored_meta *meta)
{
    if (__builtin_expect(meta->age != d->ages.now, 0)) weir__stored_ask(d, state, meta);
}
/* It is going to be asked for soon. */
void weir__stored_meet(struct stored *, uint32_t state, struct stored_meta *);
void weir__stored_pin(struct stored *, struct stored_meta *); /* it was read ahead */
/* It is about to leave the cache. */
void weir__stored_forget(struct stored *, struct stored_meta *);
void weir__stored_grow_older(struct stored *); /* the cache has perhaps grown */
/* Lets entries go when there are too many, and writes those of them that are DIRTY: those that nobody asked for first, then
 * those that nobody has asked for for longest. */
void weir__stored_shrink(struct stored *);
static inline size_t weir__stored_room(const struct stored *d)
{
    return d->store->cache_bytes / d->store->n_sets;
}
static inline bool weir__stored_is_over(const struct stored *d)
{
    return d->cache->bytes - d->cache_base > weir__stored_room(d);
}

/* ---- changes since a cut (stored_changes.c): see struct weir_state_ops ------------------------------------------- */

/* A record is written, or removed; a range of them was. */
void weir__stored_note(struct stored *, const uint8_t *key, size_t n, uint32_t flags, uint64_t order);
int64_t weir__stored_begin_cut(struct weir_state_set *, const struct weir_cut_order *);
weir_status weir__stored_each_change(struct weir_state_set *, uint32_t group,
                                     weir_status (*fn)(void *arg, const struct weir_state_change *), void *arg);
void weir__stored_changes_finish(struct stored_changes *);

/* ---- enumeration (stored_scan.c): see struct weir_state_ops ------------------------------------------------------ */

bool weir__stored_next_key(struct weir_state_set *, uint32_t state, uint32_t group, int64_t ns, weir_cursor *,
                           struct weir_key_ref *, void **value);
bool weir__stored_next_namespace(struct weir_state_set *, uint32_t state, uint32_t group, bool first, int64_t after,
                                 int64_t *ns);
void weir__stored_drop_namespace(struct weir_state_set *, uint32_t state, int64_t ns);
/* Behind what the run has; false: no memory. */
WEIR_CHECKED bool weir__stored_run_add(struct stored_run *, uint64_t order, const void *key, size_t n_key, weir_str record);
void weir__stored_run_sort(struct stored_run *);
/* The record of an entry of the run is no longer what the run has. */
void weir__stored_outdate(struct stored *, uint32_t state, uint32_t group, int64_t ns, uint64_t order);

/* ---- images (stored_image.c): see image.h ------------------------------------------------------------------------ */

/* NULL: an earlier cut could not be written. A view that cannot be had fails whoever reads the image. */
struct weir_state_image *weir__stored_freeze(struct weir_state_set *, const struct weir_schema *key);
/* The store has what was cut, or it never will, and why. */
void weir__stored_complete(struct stored_image *, const struct weir_error *failure);

#endif
