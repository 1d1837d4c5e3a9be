/* state/state.h - the keyed state of one operator subtask: what an operator sees of a state backend.
 *
 * Floor 3. One thread. State is addressed by (state, key, namespace): the namespace is a window's or slice's id, 0 where
 * there is none. Everything goes through struct weir_state_ops, so that what holds it can be exchanged: the heap (heap.c),
 * or a plugin's store (store.h) that values are copied into and out of. A pointer is valid until the next call that names
 * the same state, and until settle, which the operator calls after each callback, when the current key changes, and before a
 * barrier; values of two namespaces that are both at hand stay valid together until then (windows that merge). edit and the
 * list and map changes mark the entry changed.
 *
 * Values are the structs that a component declares (weir_state): fixed size, zeroed at first, with weir_str members whose
 * bytes the backend owns. An emptied list or map counts as absent. Keys are enumerable per key group and namespace in order
 * of insertion, namespaces in ascending order, for firing windows and for snapshots.
 */
#ifndef WEIR_STATE_STATE_H
#define WEIR_STATE_STATE_H

#include <weir/component.h>
#include <weir/host.h>

#include "base/error.h"
#include "time/timers.h"

/* A component behind a state, or behind a part of its members. What was saved of it with another version or for inputs of
 * other types, and what the rules of evolve.c do not cover, goes through its migrate. */
struct weir_state_owner {
    const char *part;        /* NULL: all of the state is its; else its members' names begin with "part." */
    uint32_t state, version; /* as the component declares it */
    uint32_t offset;         /* of its struct in the layout's */
    uint32_t n_inputs;
    uint32_t *inputs; /* enum weir_type, of inputs that may be of several types */
    /* NULL: it has none. On failure the message is the component's. */
    weir_status (*migrate)(void *arg, const weir_migration *, struct weir_error *);
    void *arg;
    /* Of a part of which nothing was saved: turns its zeroed members, in a struct of the set, into what a new one begins
     * as. NULL: they begin as declared. On failure the message is the component's. */
    weir_status (*create)(void *creator, void *now, struct weir_error *);
    void *creator;
};

/* A state declaration with its arrays copied to their natural stride; immutable. Built from weir_state (or from a plugin
 * manifest). */
struct weir_state_layout {
    char *name;
    weir_state_kind kind;
    uint32_t version, size, key_size;
    uint32_t flags;                  /* WEIR_PER_WINDOW */
    weir_field *fields, *key_fields; /* names and defaults owned */
    uint32_t n_fields, n_key_fields;
    void *defaults, *key_defaults;         /* a struct with those; NULL: all zero */
    const struct weir_state_owner *owners; /* borrowed; set by who makes the operator */
    uint32_t n_owners;
    /* Expiring states (ttl.h); ttl_ms 0: it lives for ever. */
    int64_t ttl_ms;
    uint32_t ttl_flags, ttl_sweep; /* WEIR_TTL_...; entries looked at for each access, 0: none */
    bool is_timed;                 /* laid out with the time */
    uint32_t ttl_at, plain_size;   /* its offset; the size that the component knows */
};
#define WEIR_FIRST_FIELD_SIZE offsetof(weir_field, def) /* what the first plugins declare */
#define WEIR_TTL_MEMBER       "@touched"                /* the last member of a state that is laid out with the time */
#define WEIR_TTL_SWEEP        5
#define WEIR_TTL_GONE         INT64_MIN /* as a time: it was read when it had expired; nobody sees it again */
/* How a state is kept, whatever its kind promises to the component: reducing and aggregating ones are values. */
enum weir_state_shape { WEIR_SHAPE_VALUE, WEIR_SHAPE_LIST, WEIR_SHAPE_MAP };
static inline enum weir_state_shape weir_state_shape(weir_state_kind kind)
{
    switch (kind) {
    case WEIR_LIST:
    case WEIR_SPLIT_LIST:
    case WEIR_UNION_LIST:
    case WEIR_RAW: return WEIR_SHAPE_LIST;
    case WEIR_MAP:
    case WEIR_BROADCAST: return WEIR_SHAPE_MAP;
    case WEIR_VALUE:
    case WEIR_REDUCING:
    case WEIR_AGGREGATING: break;
    }
    return WEIR_SHAPE_VALUE;
}
static inline bool weir_state_is_keyed(weir_state_kind kind)
{
    return kind != WEIR_BROADCAST && kind != WEIR_SPLIT_LIST && kind != WEIR_UNION_LIST && kind != WEIR_RAW;
}
const char *weir_state_kind_name(weir_state_kind); /* as headers and manifests say it: "value" */
WEIR_CHECKED bool weir_state_kind_parse(const char *name, weir_state_kind *);
static inline enum weir_state_shape weir_layout_shape(const struct weir_state_layout *l)
{
    return weir_state_shape(l->kind);
}
/* Copies and checks: known types, members aligned inside the struct, apart, of their type's size; a map's value may be
 * empty. On failure the layout is empty. */
WEIR_CHECKED weir_status weir_state_layout_init(struct weir_state_layout *, const weir_state *, struct weir_error *);
void weir_state_layout_finish(struct weir_state_layout *);

struct weir_schema;
struct weir_state_image;

struct weir_state_set {
    const struct weir_state_ops *ops;
    const struct weir_state_layout *layouts; /* owned by the creator; outlive the set */
    uint32_t n_states, first_group, last_group;
    bool is_partial; /* some entries are perhaps not at hand: `expect` may say MORE */
    int64_t now_ms;  /* the clock at a cut or a restore, for expiring states: set by who does that, before */
};

/* Of a struct that is laid out with the time: semantics A6. */
static inline int64_t *weir_layout_touched(const struct weir_state_layout *l, void *of)
{
    return (int64_t *)(void *)((uint8_t *)of + l->ttl_at);
}
static inline bool weir_layout_lives(const struct weir_state_layout *l, const void *of, int64_t now)
{
    if (!l->is_timed) return true;
    int64_t at = *(const int64_t *)(const void *)((const uint8_t *)of + l->ttl_at);
    return at != WEIR_TTL_GONE && (at > INT64_MAX - l->ttl_ms || at + l->ttl_ms > now);
}

/* Checkpoints that hold only what changed. Whoever asks for a cut says which one it is, and the newest earlier one that is
 * in a checkpoint whose files are still there. */
struct weir_cut_order {
    int64_t number; /* ascending; 0: the cut is whole, and nothing is noted for it */
    int64_t base;   /* 0: there is none, so the cut is whole, and later ones may be built on it */
    uint32_t most;  /* cuts between one whole cut and the next */
};
enum weir_change_kind { WEIR_NAMESPACE_GONE = 1, WEIR_ENTRY_GONE, WEIR_ENTRY_CHANGED };
struct weir_state_change {
    enum weir_change_kind kind;
    uint32_t state;
    int64_t ns;
    struct weir_key_ref key; /* not of a namespace */
    void *value;             /* as next_key has it; of WEIR_ENTRY_CHANGED */
};

/* What is going to be asked for: in these namespaces, of the keys of rows that are about to be processed, or of others. */
#define WEIR_EVERY_STATE UINT32_MAX
struct weir_state_wanted {
    uint32_t state; /* or WEIR_EVERY_STATE */
    int64_t ns;
    int64_t from, until; /* of the rows, or keys */
};
struct weir_state_expected {
    const struct weir_rows *rows; /* all of them with a key; NULL: `keys` counts */
    const uint32_t *fields;       /* of the batch: the key */
    uint32_t n_fields;
    const struct weir_key_ref *keys;
    const struct weir_state_wanted *wanted;
    size_t n_wanted;
    bool goes_on;            /* what was expected last is still to be processed */
    void (*come)(void *arg); /* [any] to be asked again */
    void *arg;
};

struct weir_state_entry { /* one that is enumerated */
    const uint8_t *key;
    uint32_t n;  /* bytes of the key */
    void *value; /* as next_key has it */
};

#define WEIR_STATE_FETCH 32 /* rows whose entries are brought into the cache together */

struct weir_state_ops {
    const char *name; /* "heap" */
    void (*destroy)(struct weir_state_set *);
    void (*settle)(struct weir_state_set *);

    const void *(*value_get)(struct weir_state_set *, uint32_t state, const struct weir_key_ref *, int64_t ns);
    /* NULL: no memory. */
    void *(*value_edit)(struct weir_state_set *, uint32_t state, const struct weir_key_ref *, int64_t ns);
    /* value_edit for rows: values[i] for the key of row rows[i] (NULL: i) in namespace ns; key bytes encoded from `fields`
     * of the batch. created (may be NULL): bit i says whether the entry is new; of rows with the same key, the first. The
     * pointers are all valid together, until settle. */
    weir_status (*value_edit_rows)(struct weir_state_set *, uint32_t state, const struct weir_rows *, const uint32_t *fields,
                                   uint32_t n_fields, const uint32_t *rows, int64_t n, int64_t ns, void **values,
                                   uint8_t *created);
    void (*clear)(struct weir_state_set *, uint32_t state, const struct weir_key_ref *, int64_t ns); /* all kinds */

    weir_status (*list_add)(struct weir_state_set *, uint32_t state, const struct weir_key_ref *, int64_t ns,
                            const void *item);
    size_t (*list_size)(struct weir_state_set *, uint32_t state, const struct weir_key_ref *, int64_t ns);
    const void *(*list_at)(struct weir_state_set *, uint32_t state, const struct weir_key_ref *, int64_t ns, size_t i);
    weir_status (*list_update)(struct weir_state_set *, uint32_t state, const struct weir_key_ref *, int64_t ns,
                               const void *items, size_t n);

    const void *(*map_get)(struct weir_state_set *, uint32_t state, const struct weir_key_ref *, int64_t ns,
                           const void *key);
    void *(*map_edit)(struct weir_state_set *, uint32_t state, const struct weir_key_ref *, int64_t ns, const void *key);
    void (*map_remove)(struct weir_state_set *, uint32_t state, const struct weir_key_ref *, int64_t ns, const void *key);
    size_t (*map_size)(struct weir_state_set *, uint32_t state, const struct weir_key_ref *, int64_t ns);
    bool (*map_next)(struct weir_state_set *, uint32_t state, const struct weir_key_ref *, int64_t ns, weir_cursor *,
                     const void **key, const void **value);

    /* Bytes of a weir_str member of an entry that an edit gave. */
    weir_status (*assign)(struct weir_state_set *, uint32_t state, weir_str *member, weir_str bytes);
    void *(*resize_bytes)(struct weir_state_set *, uint32_t state, weir_str *member, size_t size);

    /* Enumeration. next_key: the keys that have an entry in (state, group, ns), from *cursor (zeroed at first) on, in order
     * of insertion; value is the entry's, to be read (NULL for lists and maps). Earlier pointers into the set are void then.
     * Entries may be edited in between, none may be added to or removed from that namespace. next_namespace: the namespaces
     * of (state, group) that have entries, in ascending order: the first one, or the one after `after`. drop_namespace:
     * forgets a namespace of all groups. */
    bool (*next_key)(struct weir_state_set *, uint32_t state, uint32_t group, int64_t ns, weir_cursor *,
                     struct weir_key_ref *, void **value);
    /* next_key for at most `most` entries, which are valid together: how many there were, 0: none is left. NULL: see
     * weir_state_next_entries. */
    uint32_t (*next_entries)(struct weir_state_set *, uint32_t state, uint32_t group, int64_t ns, weir_cursor *,
                             struct weir_state_entry *, uint32_t most);
    bool (*next_namespace)(struct weir_state_set *, uint32_t state, uint32_t group, bool first, int64_t after, int64_t *ns);
    void (*drop_namespace)(struct weir_state_set *, uint32_t state, int64_t ns);
    bool walks; /* an enumeration may stop and go on later, whatever came and went: that is then seen or not */

    /* A hint: these entries are going to be asked for. MORE: they are being read, on other threads; `come` is called when it
     * is time to ask again, for the same. OK: it makes no difference any more. NULL for what: nothing is expected any more,
     * and `come` is not called. NULL: the set has all at hand. */
    weir_status (*expect)(struct weir_state_set *, const struct weir_state_expected *);
    /* A hint: namespace 0 of the keys of WEIR_STATE_FETCH rows from `row` on, a multiple of that, is asked for next, and
     * then those behind. False: it was not worth while. NULL: it never is. fetch_keys: of key i in state states[i]. */
    bool (*fetch)(struct weir_state_set *, const struct weir_rows *, int64_t row);
    bool (*fetch_keys)(struct weir_state_set *, const uint32_t *states, const struct weir_key_ref *, uint32_t n);
    /* value_get and value_edit for key i in namespace 0 of state states[i], one after the other, with what that needs
     * fetched together. The pointers are all valid together until settle, while no entry of their states goes. NULL: they
     * are to be asked for one by one. */
    void (*get_keys)(struct weir_state_set *, const uint32_t *states, const struct weir_key_ref *, uint32_t n,
                     const void **values);
    weir_status (*edit_keys)(struct weir_state_set *, const uint32_t *states, const struct weir_key_ref *, uint32_t n,
                             void **values);

    /* What the set holds now, for another thread to read (image.h). NULL, or it gives NULL: it cannot be had. */
    struct weir_state_image *(*freeze)(struct weir_state_set *, const struct weir_schema *key);

    /* Begins a cut. The base, when it is enough to cut the changes since that one; 0: the cut is to be whole. < 0: it
     * failed. May be NULL, as each_change: cuts are whole. */
    int64_t (*begin_cut)(struct weir_state_set *, const struct weir_cut_order *);
    /* The changes in a key group since the base: who applies them in this order has what the set has. Groups ascend. */
    weir_status (*each_change)(struct weir_state_set *, uint32_t group,
                               weir_status (*fn)(void *arg, const struct weir_state_change *), void *arg);

    size_t (*memory)(const struct weir_state_set *); /* bytes held */
    size_t (*entries)(const struct weir_state_set *, uint32_t state);
};

/* As many as can be had at a time. */
static inline uint32_t weir_state_next_entries(struct weir_state_set *set, uint32_t state, uint32_t group, int64_t ns,
                                               weir_cursor *cursor, struct weir_state_entry *entries, uint32_t most)
{
    struct weir_key_ref key;
    if (set->ops->next_entries) return set->ops->next_entries(set, state, group, ns, cursor, entries, most);
    if (!set->ops->next_key(set, state, group, ns, cursor, &key, &entries->value)) return 0;
    entries->key = key.p;
    entries->n = key.n;
    return 1;
}

/* state/heap.c: one open-addressing table per key group, state and namespace; values in pages of at most 64 KiB that do not
 * move, but for removals. The set keeps no copy of the layouts. */
struct weir_state_set *weir_heap_state_create(const struct weir_state_layout *layouts, uint32_t n_states,
                                              uint32_t first_group, uint32_t last_group);

/* Deep helpers on structs of a layout, for backends and operators: equality and hash of map keys by declared members. */
uint64_t weir_layout_hash(const weir_field *fields, uint32_t n, const void *value);
bool weir_layout_equal(const weir_field *fields, uint32_t n, const void *a, const void *b);

#endif
