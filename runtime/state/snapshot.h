/* state/snapshot.h - the state of one operator subtask as bytes, and back: what checkpoints and savepoints are made of.
 *
 * Floor 3. Taken on the subtask's thread at a barrier (the cut); from then on it is plain memory that any one thread may
 * write away. Format: docs/formats/savepoint.md; it is the same whatever backend held the state. Everything is msgpack,
 * typed by the layouts that components declare, so that any msgpack reader can open it and a later job can restore it by
 * name.
 *
 * A part has (1) keyed entries, cut into key groups, so that a restore at another parallelism reads only the groups it
 * owns; timers are among them; (2) lists of items that belong to no key: source positions, broadcast states, whatever an
 * operator keeps; each list says how it is dealt out again when the parallelism changes (semantics A6).
 *
 * A cut may be short: weir_snapshot_keyed with `later` set notes what there is (image.h), and weir_snapshot_read makes
 * bytes of it afterwards, on another thread, while the operator goes on: a key group at a time, so that who writes them
 * away need not hold more than that. What is restored is read a key group at a time, too (struct weir_snapshot_source).
 *
 * A cut may hold only what changed since an earlier one that became a checkpoint (struct weir_cut_order): where the state
 * is in a store (state/stored_changes.c), and the order says so. Timers and lists are whole in any case.
 *
 * Invariants: entries are in ascending order of key group; a part that was restored and cut again without a record in
 * between holds the same entries.
 */
#ifndef WEIR_STATE_SNAPSHOT_H
#define WEIR_STATE_SNAPSHOT_H

#include "data/key.h"
#include "data/schema.h"
#include "state/state.h"
#include "time/timers.h"

/* How the items of a list reach the subtasks of a restored operator. */
enum weir_deal {
    WEIR_DEAL_SPLIT = 1, /* all items in subtask order, in contiguous runs; unchanged parallelism: each keeps its own */
    WEIR_DEAL_UNION,     /* every subtask gets all */
    WEIR_DEAL_COPY       /* subtask i gets those of subtask i modulo the old parallelism: broadcast states */
};

struct weir_snapshot;
struct weir_snapshot_list {
    char *name;
    enum weir_deal deal;
    struct weir_key_bytes bytes; /* the items, one after the other: each a msgpack value */
    uint64_t n;
};

struct weir_snapshot_group {
    uint32_t group;
    uint64_t offset, length; /* in `keyed`; offset: or what the source makes of it */
};
/* Where the entries of a snapshot are, if not in memory. First member of its owner's own. */
struct weir_snapshot_source {
    /* Appends the entries of s->groups[i]. */
    weir_status (*read)(struct weir_snapshot_source *, const struct weir_snapshot *s, size_t i, struct weir_key_bytes *to,
                        struct weir_error *);
    void (*close)(struct weir_snapshot_source *); /* frees it */
};

/* Told of what is looked for in a snapshot as it is restored. */
struct weir_restore;
struct weir_restore_watch {
    /* A header, read against the states of the operator. */
    void (*header)(void *arg, const struct weir_restore *, const struct weir_state_layout *, uint32_t n_states);
    void (*list)(void *arg, const char *name); /* one that is there */
    void *arg;
};
struct weir_snapshot_pending;

/* Zeroed is empty. */
struct weir_snapshot {
    bool later;                  /* set by whoever asks for the cut: the keyed entries may be left to weir_snapshot_read */
    bool in_steps;               /* set by them too: who cuts goes on with weir_snapshot_write before anybody reads */
    bool stays;                  /* set by them too: of a set that does not change any more, and to be read several times */
    struct weir_cut_order order; /* set by them too: what the cut may be built on; zeroed: nothing */
    int64_t base; /* it holds only what changed since that cut, which is in checkpoint `base`; 0: it is whole */
    struct weir_snapshot_pending *pending; /* entries that are not read yet, or that stay; NULL: none */
    struct weir_key_bytes header;          /* of keyed entries: one msgpack map; empty: not keyed */
    struct weir_key_bytes keyed;           /* what was read of them, but for what was taken away since */
    struct weir_snapshot_source *source;   /* of what is restored: where the entries are; NULL: in `keyed` */
    struct weir_snapshot_group *groups;    /* that have entries, ascending */
    size_t n_groups, groups_capacity;
    uint64_t n_entries;
    struct weir_snapshot_list *lists;
    size_t n_lists, lists_capacity;
    const struct weir_restore_watch *watch; /* NULL: nobody */
};
void weir_snapshot_finish(struct weir_snapshot *); /* before what was cut is destroyed, if it is pending */

/* Keyed state and timers of the operator's key groups; either may be NULL. key: the fields of the key, in order; their
 * names go into the header. Called once for a snapshot. */
WEIR_CHECKED weir_status weir_snapshot_keyed(struct weir_snapshot *, struct weir_state_set *, struct weir_timers *,
                                             const struct weir_schema *key, uint32_t first_group, uint32_t last_group,
                                             struct weir_error *);
/* The header alone, of an operator that has no keyed state: how its other states are laid out. */
WEIR_CHECKED weir_status weir_snapshot_header(struct weir_snapshot *, const struct weir_state_layout *, uint32_t n,
                                              struct weir_error *);
/* [who cuts] A step of what is left to do of a cut in steps. False: there is nothing left. */
bool weir_snapshot_write(struct weir_snapshot *);
bool weir_snapshot_is_unwritten(const struct weir_snapshot *);
/* There are entries to be read. */
bool weir_snapshot_is_pending(const struct weir_snapshot *);
/* Reads the next key group that is pending, behind what `keyed` has. On failure it is of no use any more. */
WEIR_CHECKED weir_status weir_snapshot_read(struct weir_snapshot *, struct weir_error *);
/* What stays is to be read once more, from the start; anything else is left as it is. */
void weir_snapshot_rewind(struct weir_snapshot *);
/* A list to add items to; names are unique. Valid until the next call. */
struct weir_snapshot_list *weir_snapshot_list(struct weir_snapshot *, const char *name, enum weir_deal);
WEIR_CHECKED weir_status weir_snapshot_add_bytes(struct weir_snapshot_list *, const void *bytes, size_t n);   /* a bin */
WEIR_CHECKED weir_status weir_snapshot_add_numbers(struct weir_snapshot_list *, const int64_t *, uint32_t n); /* an array */
WEIR_CHECKED weir_status weir_snapshot_add_text(struct weir_snapshot_list *, const char *);                   /* a str */
/* The fields of rows that are kept packed, without names and types: one schema for each input. of: the component that keeps
 * them, where the operator is made of several; NULL: the operator. */
WEIR_CHECKED weir_status weir_snapshot_row_schemas(struct weir_snapshot *, const char *of, struct weir_schema *const *,
                                                   uint32_t n);

/* A split of a source: [id, description, whether it was read to its end, position]. */
#define WEIR_SPLITS_LIST "splits"
struct weir_saved_split {
    uint64_t id;
    weir_str description;
    bool done;
    weir_str position; /* empty: at its start */
};
WEIR_CHECKED weir_status weir_snapshot_add_split(struct weir_snapshot_list *, const struct weir_saved_split *);

/* ---- restoring --------------------------------------------------------------------------------------------------- */

/* What becomes of a saved state. */
enum weir_restored {
    WEIR_RESTORED = 0, /* as it was */
    WEIR_MIGRATED,     /* fields were added, dropped, or widened; or by the component */
    WEIR_DROPPED,      /* the operator has no state of that name */
    WEIR_REFUSED       /* see why */
};
struct weir_restored_state {
    char *name, *why; /* why: what was added, dropped or widened, or cannot be read; NULL where all is as it was */
    enum weir_restored result;
    weir_state_kind kind; /* that it was saved as */
};

/* A saved header read against the states and key of an operator. */
struct weir_restore;
/* Fails when the header is not one, or when the key (NULL: whatever it is) has other types; states that cannot be read are
 * no failure here. */
WEIR_CHECKED weir_status weir_restore_create(const uint8_t *header, size_t n, const struct weir_state_layout *,
                                             uint32_t n_states, const struct weir_schema *key, struct weir_restore **,
                                             struct weir_error *);
void weir_restore_destroy(struct weir_restore *); /* NULL is fine */
size_t weir_restore_count(const struct weir_restore *);
const struct weir_restored_state *weir_restore_state(const struct weir_restore *, size_t i);

/* Puts the entries of one key group into the set and the timers (either may be NULL: theirs are left out). Entries of
 * states that are dropped are left out. Fails on a state that is refused, on bytes that are not such entries, or without
 * memory. */
WEIR_CHECKED weir_status weir_restore_group(const struct weir_restore *, const uint8_t *entries, size_t n, uint32_t group,
                                            struct weir_state_set *, struct weir_timers *, struct weir_error *);
/* Every split of all snapshots, in order of subtask, through fn (whose texts are borrowed); *any: there was a list of
 * them. */
WEIR_CHECKED weir_status weir_restore_splits(const struct weir_snapshot *, uint32_t n,
                                             weir_status (*fn)(void *arg, const struct weir_saved_split *), void *arg,
                                             bool *any, struct weir_error *);
/* Every item that weir_snapshot_add_bytes put into the list `name`, of all snapshots in order of subtask, through fn,
 * whose bytes are borrowed. */
struct weir_saved_bytes {
    uint32_t subtask;      /* that saved it */
    uint32_t owner;        /* WEIR_DEAL_SPLIT: the subtask of `parallelism` that it goes to (unkeyed.h) */
    uint64_t index, total; /* of all items */
    weir_str bytes;
};
WEIR_CHECKED weir_status weir_restore_bytes(const struct weir_snapshot *, uint32_t n, uint32_t parallelism, const char *name,
                                            weir_status (*fn)(void *arg, const struct weir_saved_bytes *), void *arg,
                                            struct weir_error *);
/* All that keyed operators restore: from every snapshot, the key groups that this subtask owns. */
WEIR_CHECKED weir_status weir_restore_keyed(const struct weir_snapshot *, uint32_t n, struct weir_state_set *,
                                            struct weir_timers *, const struct weir_state_layout *, uint32_t n_states,
                                            const struct weir_schema *key, uint32_t first_group, uint32_t last_group,
                                            struct weir_error *);
/* Every item of the lists `name` of all snapshots, in order of subtask, through fn; until it does not return WEIR_OK. */
WEIR_CHECKED weir_status weir_restore_numbers(const struct weir_snapshot *, uint32_t n, const char *name, uint32_t n_numbers,
                                              weir_status (*fn)(void *arg, const int64_t *numbers), void *arg,
                                              struct weir_error *);
WEIR_CHECKED weir_status weir_restore_texts(const struct weir_snapshot *, uint32_t n, const char *name,
                                            weir_status (*fn)(void *arg, weir_str text), void *arg, struct weir_error *);
/* The fields of packed rows were kept. */
bool weir_restore_has_rows(const struct weir_snapshot *, uint32_t n, const char *of);
/* Refuses packed rows of other fields than these. */
WEIR_CHECKED weir_status weir_restore_row_schemas(const struct weir_snapshot *, uint32_t n, const char *of,
                                                  struct weir_schema *const *, uint32_t n_schemas, struct weir_error *);

#endif
