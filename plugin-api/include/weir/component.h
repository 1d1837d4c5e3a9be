/* weir/component.h - how a shared object describes what it holds: plugin, component, options, states.
 *
 * All of it is constant data. The host reads it once, at build time, into a manifest beside the .so; jobs are checked
 * from that manifest without running any code of the plugin.
 *
 * Schema text, used by weir_component.in, .out and .sides:
 *
 *   schema  := item ("," item)*           "amount:f64, note:string?"
 *   item    := name ":" type ["?"]        a field; '?' = may be null
 *            | "*"                        in: every field of the input, in its order (the batch then holds them all)
 *                                         out: every field of the input, passed through by the host, uncopied where it can
 *            | "@key"                     out, keyed components: the key's fields, filled in by the host
 *            | "@in"                      out: fields like the input's, all of them written by the component
 *            | "$schema"                  out: the fields of the node's own `schema:` (sources and decoders)
 *            | "$" option                 out: the out-schema of the component that this component option names
 *   type    := bool | i32 | i64 | f32 | f64 | timestamp | string | bytes | any
 *            | number                     in: i32, i64, f32 or f64
 *            | ordered                    in: any type with an order: number, bool, timestamp, string, bytes
 *            | anything                   in: any type at all
 *            | same(field)                out: the type (and '?') of an input of this component
 *            | wide(field)                out: the same, with i32 widened to i64 and f32 to f64
 *            | key                        in: any type that can be a key: all but bytes and any
 *   name    := [a-z_][a-z0-9_]*  |  "{" option "}"     the second: the name is the value of a string option
 *   sides   := name "(" schema ")" ("," name "(" schema ")")*     side outputs: ports 1, 2, ... in that order
 *
 * Inputs bind to the stream's fields by name, or as the node's `args: {amount: total}` says.
 *
 * Formats are given what their owners are, and nothing is bound for them: .in of an encoder says which fields the input of
 * its sink must have, .in of a decoder which fields the node's `schema:` must have. They look them up by name
 * (weir_schema_index).
 *
 * Two inputs (operators, and functions of joins): .in has the form of `sides`: "orders(order:string, amount:f64),
 * payments(order_id:string)". They are ports 0 and 1 of `process`, in that order, and a manifest names them: `from: {orders:
 * NODE, payments: NODE}`. In .out and .sides, "*" and "@in" mean the first input's fields; "*" then fits only what is
 * emitted for rows of the first input. Options of type WEIR_OPT_FIELD choose from the first input too.
 */
#ifndef WEIR_COMPONENT_H
#define WEIR_COMPONENT_H

#include <weir/abi.h>

/* What a component is; decides which vtable it has. Kinds appear here when they work. */
typedef enum weir_kind {
    WEIR_SOURCE = 1,              /* weir/source.h */
    WEIR_OPERATOR = 2,            /* weir/operator.h: map, filter, flat_map, process; keyed or not; of one or two inputs */
    WEIR_REDUCER = 3,             /* weir/operator.h: two records into one */
    WEIR_AGGREGATE = 4,           /* weir/aggregate.h */
    WEIR_WATERMARK_GENERATOR = 5, /* weir/watermark.h */
    WEIR_PARTITIONER = 6,         /* weir/partitioner.h */
    WEIR_DECODER = 7,             /* weir/format.h */
    WEIR_ENCODER = 8,             /* weir/format.h */
    WEIR_SINK = 9,                /* weir/sink.h */
    WEIR_WINDOW_ASSIGNER = 10,    /* weir/window.h: which windows a row belongs to */
    WEIR_TRIGGER = 11,            /* weir/window.h: when a window fires */
    WEIR_EVICTOR = 12,            /* weir/window.h: which rows of a window to leave out */
    WEIR_WINDOW_FUNCTION = 13,    /* weir/window.h: what is made of a window's rows */
    WEIR_ASYNC = 14,              /* weir/async.h: a lookup for each row, many at a time */
    WEIR_JOIN_FUNCTION = 15,      /* weir/join.h: what is made of a pair of rows */
    WEIR_COGROUP_FUNCTION = 16,   /* weir/join.h: what is made of the rows of two inputs in a window */
    WEIR_STATE_BACKEND = 17,      /* weir/backend.h: where keyed state lives */
    WEIR_CHECKPOINT_STORAGE = 18  /* weir/storage.h: where checkpoints are kept */
} weir_kind;

/* weir_component.flags */
#define WEIR_NEEDS_KEY (1u << 0)         /* needs a key_by before it; implied by states and by on_timer */
#define WEIR_ONE_TO_ONE (1u << 1)        /* a map: row i of the output comes from row i of the input */
#define WEIR_BLOCKING (1u << 2)          /* its callbacks may wait: it gets a thread of its own */
#define WEIR_NONDETERMINISTIC (1u << 3)  /* the same input may give another output */
#define WEIR_ACCEPTS_SELECTION (1u << 4) /* looks at weir_batch.selection; other components get compacted batches */
/* aggregate: merging parts, in any order, is exactly adding all rows in order; trigger: can follow windows that merge */
#define WEIR_MERGEABLE (1u << 5)
#define WEIR_INVERTIBLE (1u << 6)        /* aggregate: has subtract, and it is exact */
#define WEIR_UNBOUNDED (1u << 7)         /* source: does not end by itself (reported by `weir plan` and `weir inspect`) */
#define WEIR_MERGING (1u << 8)           /* assigner: windows of a key that overlap or touch become one (sessions) */
#define WEIR_EVENT_WINDOWS (1u << 9)     /* assigner: windows of event time: a watermark ends them, rows can be late */
#define WEIR_CLOCK_WINDOWS (1u << 10)    /* assigner: windows of processing time; neither flag: windows that never end */
/* aggregate: WEIR_MERGEABLE where none of its inputs is f32 or f64. For what adds up: exact in integers, rounded by order in
 * floats */
#define WEIR_MERGEABLE_BUT_FLOATS (1u << 11)
#define WEIR_PERIODIC (1u << 12)         /* assigner with WEIR_EVENT_WINDOWS: the windows repeat, as its `periodic` says */
#define WEIR_END_OF_WINDOW (1u << 13)    /* trigger: fires as event_time does: at the end and for late rows */
/* What a crash does to records, for `weir validate` and for the guarantee that a manifest asks for. A source that declares
 * nothing cannot give its records again; a sink that declares nothing writes again what came after the last checkpoint. */
#define WEIR_REPLAYABLE (1u << 14)   /* source: has position and takes it in add_split: reads the same records again */
#define WEIR_AT_MOST_ONCE (1u << 15) /* sink: keeps records beyond a barrier in memory: they are lost with it */
#define WEIR_IDEMPOTENT (1u << 16)   /* sink: the same records written again change nothing, as rows under their keys do */
#define WEIR_WRITE_AHEAD (1u << 17)  /* sink: saves records in its snapshot and writes them when committed */
#define WEIR_TWO_PHASE (1u << 18)    /* sink: keeps to the contract of weir/sink.h: snapshot, committed, restore */
/* checkpoint storage: what it keeps are files of this machine: object O of checkpoint C is DIRECTORY/C/O, DIRECTORY being
 * what its `open` is given. Messages and `weir savepoint` then name the file. */
#define WEIR_STORES_FILES (1u << 19)
#define WEIR_ONE_WINDOW (1u << 20) /* assigner, of neither clock: all rows of a key have the window INT64_MIN to INT64_MAX */

/* ---- options ----------------------------------------------------------------------------------------------------- */

/* How the host stores the parsed value at (instance + offset). Strings live as long as the instance. */
typedef enum weir_option_type {
    WEIR_OPT_BOOL = 1,     /* bool */
    WEIR_OPT_I64 = 2,      /* int64_t */
    WEIR_OPT_F64 = 3,      /* double */
    WEIR_OPT_STRING = 4,   /* const char *, NUL-terminated */
    WEIR_OPT_DURATION = 5, /* int64_t milliseconds; "5s", "1min", "10d" */
    WEIR_OPT_SIZE = 6,     /* int64_t bytes; "64KiB", "1MB" */
    WEIR_OPT_ENUM = 7,     /* int32_t: index into choices */
    WEIR_OPT_LIST = 8,     /* weir_strings */
    WEIR_OPT_FIELD = 9,    /* int32_t: index of a field of input 0; -1 when optional and absent */
    WEIR_OPT_SECRET = 10,  /* const char *; never printed */
    WEIR_OPT_COMPONENT = 11 /* weir_part: a nested component of kind `accepts` */
} weir_option_type;

typedef struct weir_strings {
    const char *const *items;
    size_t n;
} weir_strings;

/* A nested component, made by the host: its instance has its options, and lives as long as its owner's. The owner calls
 * its vtable directly, open and close included, with `cx` for a context. */
typedef struct weir_part {
    const struct weir_component *component; /* NULL when the option is optional and absent */
    const void *vtable;
    void *self;
    struct weir_ctx *cx; /* set for triggers, which have states of their own; NULL: the owner's context */
} weir_part;

#define WEIR_OPTIONAL (1u << 0) /* may be absent without a default: zero, NULL, -1 for a field */
#define WEIR_NUMERIC (1u << 1)  /* WEIR_OPT_FIELD: the field must be a number */
#define WEIR_ORDERED (1u << 2)  /* WEIR_OPT_FIELD: the field's type must have an order */
#define WEIR_INTEGER (1u << 5)  /* WEIR_OPT_FIELD: the field must be an i32 or an i64 */
#define WEIR_PATH (1u << 3)     /* WEIR_OPT_STRING: a file path, relative to the manifest's folder where it is relative */
/* With WEIR_PATH, of a sink: a path without a final '/' is one file: the node has parallelism 1 */
#define WEIR_ONE_FILE (1u << 4)

typedef struct weir_option { /* array element: the stride is in weir_component */
    const char *name, *doc;
    const char *def;             /* as written in a manifest; NULL = required, unless WEIR_OPTIONAL */
    const char *min, *max;       /* inclusive, as written in a manifest; NULL = no bound; numbers, durations, sizes */
    const char *const *choices;  /* WEIR_OPT_ENUM: NULL-terminated */
    uint32_t type, flags;
    uint32_t offset, size;       /* in the instance */
    uint32_t accepts, reserved;  /* WEIR_OPT_COMPONENT: enum weir_kind */
} weir_option;

/* ---- states ------------------------------------------------------------------------------------------------------ */

struct weir_ctx; /* weir/host.h */

typedef enum weir_state_kind {
    WEIR_VALUE = 1, /* one struct per key */
    WEIR_LIST = 2,  /* a list of structs per key, in insertion order */
    WEIR_MAP = 3,   /* structs by a key struct, per key, iterated in insertion order */
    /* A map that belongs to no key: each subtask has a copy of its own, in memory. For operators with two inputs, of which
     * the second is then broadcast: every subtask sees all its rows. It may be changed while those are processed, and at no
     * other time; as each subtask sees rows of different channels in different orders, the changes must not depend on it. */
    WEIR_BROADCAST = 4,
    /* One struct per key that values are folded into by the state's own functions (weir_add). They are kept as value states
     * are, and read with weir_get; only weir_add and weir_clear change them. */
    WEIR_REDUCING = 5,    /* of the same type as the values: the first is stored, `add` folds each next one in */
    WEIR_AGGREGATING = 6, /* an accumulator, zeroed before its first value; `result` says what it comes to (weir_result) */
    /* Lists that belong to no key: each subtask has its own, in memory, used with the calls for lists at any time. Of
     * operators, sources and sinks. They differ in what a restored subtask finds in its list. */
    WEIR_SPLIT_LIST = 7, /* its part of all items: its own where the parallelism is the same, else a contiguous run */
    WEIR_UNION_LIST = 8, /* all items of all subtasks, also where the parallelism is the same */
    /* Bytes of the component's own, in items (weir_str) that are dealt out as those of a split list. Kept nowhere but in
     * checkpoints: `snapshot` adds them at each barrier, and they are there to be read while a restored subtask opens (open,
     * add_split of sources, restore of sinks). */
    WEIR_RAW = 9
} weir_state_kind;

/* A member of a state struct. Strings, bytes and any are weir_str members whose bytes the state owns. The struct is
 * stored as its declared members only: undeclared members and padding do not survive a snapshot. */
typedef struct weir_field {
    const char *name;
    uint32_t type; /* enum weir_type */
    uint32_t offset, size;
    uint32_t since, reserved; /* state version that added it; 0 = from the start */
    /* What it is in structs that were saved before it was there: a number, true or false, a text; a timestamp in ms. NULL:
     * zero, and so for `any`. New structs are zeroed all the same. */
    const char *def;
} weir_field;

/* Window functions: the state is of the key and the window at hand, not of the key across its windows. Not with windows that
 * merge. */
#define WEIR_PER_WINDOW (1u << 0)

/* weir_state.ttl_flags, where ttl_ms is not 0. A manifest may say otherwise, for each state of a node. */
#define WEIR_TTL_ON_READ (1u << 0) /* reading renews, as creating and writing always do */
/* What is expired may be read until it is cleaned up; without it never. Reading deletes it either way. */
#define WEIR_TTL_SHOWN (1u << 1)

typedef struct weir_state { /* array element: the stride is in weir_component */
    const char *name, *doc;
    uint32_t kind;    /* enum weir_state_kind */
    uint32_t version; /* of the layout; starts at 1 */
    uint32_t size, n_fields;
    const weir_field *fields; /* of the value struct */
    uint32_t key_size, n_key_fields;
    const weir_field *key_fields; /* WEIR_MAP, WEIR_BROADCAST: of the key struct */
    uint32_t field_stride, flags; /* flags: WEIR_PER_WINDOW */
    /* Keyed states of operators. Above 0: what was not touched for so many ms is gone, by processing time; the value of a
     * key, each item of a list, each entry of a map for itself. */
    int64_t ttl_ms;
    uint32_t ttl_flags, reserved; /* WEIR_TTL_ON_READ, WEIR_TTL_SHOWN */
    /* WEIR_REDUCING and WEIR_AGGREGATING; NULL for other kinds. Called inside weir_add and weir_result, with the component's
     * instance, under the current key; they may not use this state by other calls than assign and resize_bytes of `into`.
     * add: `value` is what weir_add was given: of the state's own type for WEIR_REDUCING, of any type of the component's
     * for WEIR_AGGREGATING. result, of WEIR_AGGREGATING alone: `acc` stays as it is, `out` is what weir_result was given.
     * [task] */
    weir_status (*add)(void *self, struct weir_ctx *, void *into, const void *value);
    weir_status (*result)(void *self, struct weir_ctx *, const void *acc, void *out);
} weir_state;

/* ---- states of an earlier version --------------------------------------------------------------------------------- */

/* A struct of a state as it was saved, for weir_component.migrate. It is laid out as `fields` say, the members that were
 * saved; bytes of weir_str members are borrowed until the call returns. */
typedef struct weir_migration {
    uint32_t struct_size, state; /* state: of the component */
    uint32_t version, kind;      /* of the state as it was saved; enum weir_state_kind */
    const weir_field *fields, *key_fields; /* key_fields: of maps */
    uint32_t n_fields, n_key_fields, field_stride;
    uint32_t n_inputs;           /* 0 where none is of several types, and where it is not known */
    const uint32_t *inputs;      /* enum weir_type: see weir_component.migrate */
    const void *old, *old_key;   /* the value, item or entry; NULL: the question whether they can be migrated at all */
    void *now, *now_key;         /* of the state's own types, to be filled in */
} weir_migration;

/* ---- component and plugin ---------------------------------------------------------------------------------------- */

typedef struct weir_component {
    uint32_t struct_size, kind; /* enum weir_kind */
    const char *id;             /* as a manifest names it: [a-z][a-z0-9_]*, unique in the plugin */
    const char *doc;            /* one line */
    const char *in, *out, *sides; /* schema text, see above; NULL where the kind has no such port */
    uint32_t flags;
    uint32_t instance_size; /* the host allocates it, zeroed, 64-byte aligned, with the options stored */
    const weir_option *options;
    uint32_t n_options, option_stride;
    const weir_state *states; /* indexed by the `state` argument of the state services */
    uint32_t n_states, state_stride;
    const void *vtable; /* the struct of the kind, whose first member is its size */

    /* [coordinator] Before open, where a job goes on from a state that was saved with another version, with members whose
     * types cannot become what they are now, or for inputs of other types than now (those that `in` leaves open, as in
     * "value:number", and fields that options choose, in their order). First once for each state with `old` NULL: can it be
     * done? Then for each struct: `now` is zeroed, has the defaults of new members, and what the rules could carry over. Its
     * weir_str members may be set to bytes of `old`, or with assign and resize_bytes of the state; of the services, these,
     * alloc, release, scratch, log, info, schemas and fail are there. NULL: states change by the rules alone, and anything
     * else is refused. */
    weir_status (*migrate)(void *self, struct weir_ctx *, const weir_migration *);
} weir_component;

typedef struct weir_plugin {
    uint32_t struct_size;
    uint16_t abi_major, abi_minor;           /* minor: the oldest host accepted */
    const char *id, *version, *license;      /* id: reverse domain or name, [a-z0-9._-]+ */
    const weir_component *const *components; /* NULL-terminated */
} weir_plugin;

#define WEIR_ENTRY_SYMBOL "weir_plugin_v1"
#define WEIR_NOTE_SECTION ".weir.plugin"
typedef const weir_plugin *weir_plugin_entry(void);
WEIR_EXPORT const weir_plugin *weir_plugin_v1(void);

static_assert(sizeof(weir_option) == 72 && sizeof(weir_state) == 96 && sizeof(weir_field) == 40,
              "declarations of ABI 1.0; a later minor passes a longer stride");

#endif
