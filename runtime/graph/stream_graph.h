/* graph/stream_graph.h - the job as its author wrote it: nodes, typed edges, partitioners. The first of three graphs.
 *
 * Floor 2: pure data, printable (graph/print.h). Built and checked by loader/job.h from a manifest or from libweir calls,
 * then immutable. graph/job_graph.h chains its nodes into vertices; graph/execution_graph.h gives the vertices subtasks
 * and slots.
 *
 * A manifest node with several steps (filter, key_by, window, select) becomes several stream nodes that share its uid;
 * the step that carries the node's meaning has the uid as its id, the others have "uid.step".
 */
#ifndef WEIR_GRAPH_STREAM_GRAPH_H
#define WEIR_GRAPH_STREAM_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "data/schema.h"
#include "graph/call.h"

struct weir_part_spec; /* loader/part.h: a component and its options; opaque here */

enum weir_node_kind {
    WEIR_NODE_SOURCE = 1, /* part: source component; time step included */
    WEIR_NODE_OPERATOR,   /* part: operator component (map, filter, flat_map, process) */
    WEIR_NODE_REDUCE,     /* part: reducer component, keyed rolling reduce */
    WEIR_NODE_TIME,       /* assigns timestamps and watermarks in mid-stream */
    WEIR_NODE_SELECT,     /* keeps, drops, reorders, renames fields */
    WEIR_NODE_EXPR,       /* keeps rows by an expression, computes fields by others */
    WEIR_NODE_CALL,       /* keeps rows, or computes a field, by a plain C function */
    WEIR_NODE_WINDOW,     /* keyed window with aggregates */
    WEIR_NODE_SINK,       /* part: sink component */
    WEIR_NODE_JOIN,       /* of two keyed inputs, by an interval of event time; part: join function, or NULL */
    WEIR_NODE_ASYNC       /* part: async component */
};

enum weir_partition_kind {
    WEIR_PARTITION_FORWARD = 1,
    WEIR_PARTITION_REBALANCE,
    WEIR_PARTITION_RESCALE,
    WEIR_PARTITION_SHUFFLE,
    WEIR_PARTITION_BROADCAST,
    WEIR_PARTITION_GLOBAL,
    WEIR_PARTITION_CUSTOM, /* edge->part */
    WEIR_PARTITION_KEY,    /* edge->key_fields */
    WEIR_PARTITION_STRAIGHT /* sender i feeds receiver i, of which there are more: nobody writes it */
};

enum weir_chain_strategy { WEIR_CHAIN_ALWAYS = 0, WEIR_CHAIN_HEAD, WEIR_CHAIN_NEVER, WEIR_CHAIN_HEAD_WITH_SOURCES };

enum weir_malformed { WEIR_MALFORMED_FAIL = 0, WEIR_MALFORMED_SKIP, WEIR_MALFORMED_SIDE_OUTPUT };

/* Timestamps and watermarks: of a source, or of a TIME node. */
struct weir_time_config {
    bool present;
    int32_t field;         /* timestamp field of the output; -1: rows keep the time they have */
    struct weir_part_spec *generator; /* watermark generator component; NULL: the source emits its own, or none */
    int64_t interval_ms;   /* periodic emission; 0: off */
    bool every_record;
    int64_t idle_after_ms; /* 0: never idle */
};

struct weir_aggregate_config {
    char *name;                  /* of the result field */
    struct weir_part_spec *part; /* aggregate component; NULL for the two below */
    enum { WEIR_RESULT_AGGREGATE = 0, WEIR_RESULT_WINDOW_START, WEIR_RESULT_WINDOW_END } result;
    uint32_t *args;              /* input field by declared input of the component */
    uint32_t n_args;
};

struct weir_window_config {
    /* What the parts declare allows the fast path: the assigner is periodic, the trigger fires at the end of the window,
     * there is a key, and nothing but aggregates is made. Which windows they are, the assigner says at deployment:
     * window/window_op.c. Everything else: window/general_op.c. */
    bool periodic;
    int64_t lateness_ms;
    bool late_output;                     /* the last port is the late side output: rows like the input */
    struct weir_aggregate_config *aggregates; /* output: key fields, then these in order */
    uint32_t n_aggregates;
    struct weir_part_spec *assigner, *trigger, *evictor; /* evictor: NULL for none */
    struct weir_part_spec *reducer; /* NULL: none; with it there are no aggregates */
    uint32_t *reducer_args, n_reducer_args;
    struct weir_part_spec *function; /* NULL: none, the aggregates or the reduced row come out */
    uint32_t *function_args, n_function_args;            /* fields of `in`, or of `aggregated` */
    struct weir_schema *aggregated; /* key fields and aggregates, where a function reads them; else NULL */
};

/* JOIN: rows of the two inputs that have the same key and first + lower <= second <= first + upper. Without a function the
 * fields of both come out, the first's first. WINDOW with two inputs: rows that have the same key and are in one window, or,
 * with a cogroup function for a part, all that are. */
enum weir_join_type { WEIR_JOIN_INNER = 0, WEIR_JOIN_LEFT, WEIR_JOIN_RIGHT, WEIR_JOIN_FULL };
struct weir_join_config {
    int64_t lower_ms, upper_ms; /* JOIN */
    bool late_output;         /* JOIN, and window.late_output: the last two ports: late rows of the first, and the second */
    enum weir_join_type type; /* WINDOW: of which input rows come out that have no partner, with nulls beside them */
    struct weir_schema *both; /* WINDOW with a condition, which is part of the match: the fields of a pair; else NULL */
};

#define WEIR_ASYNC_CAPACITY   100
#define WEIR_ASYNC_TIMEOUT_MS 10000
#define WEIR_ASYNC_THREADS    4
struct weir_async_config {
    bool ordered;
    uint32_t capacity, threads; /* rows in flight; threads for work that blocks, of each subtask */
    int64_t timeout_ms;         /* 0: never */
};

/* Where the keyed state of a node lives, other than on the heap. */
struct weir_state_config {
    struct weir_part_spec *backend; /* state backend component; NULL: the heap */
    bool owns_backend;              /* else it is another config's */
    char *name;                     /* of the backend; NULL: the heap */
    char *directory;                /* the job's stores are in a folder of its name in there */
    size_t cache_bytes;             /* of decoded entries in memory: of the node, shared by its subtasks */
};

void weir_state_config_destroy(struct weir_state_config *, void (*destroy_part)(struct weir_part_spec *)); /* NULL is fine */

/* How long a state of a component lives: semantics A6. */
struct weir_state_ttl {
    int64_t ms;     /* since it was touched; 0: for ever */
    uint32_t flags; /* WEIR_TTL_ON_READ, WEIR_TTL_SHOWN */
    uint32_t sweep; /* entries that each access looks at, to find what has expired; 0: none */
};

/* One field that comes out of an EXPR node: a field of the input, or an expression over them. */
struct weir_computed_field {
    int32_t field;    /* -1: computed */
    char *expression; /* NULL: a field */
};

/* An input beside the first of an operator with two. The members are as the node's own for the first. */
struct weir_node_input {
    char *name;
    struct weir_schema *in;
    uint32_t *args, n_args;
    uint32_t *key_fields, n_key_fields; /* n 0: not keyed, as a broadcast one never is */
};

struct weir_output_port {
    char *name; /* "" for port 0; "late", "malformed", "errors", or a component's side output */
    struct weir_schema *schema;
};

struct weir_stream_node {
    uint32_t index;
    char *id, *uid;    /* see the file comment */
    char *title;       /* for people: "window tumbling 1h", "map vat", "source file" */
    char *facts;       /* for people, beside it: what a window or a join keeps; NULL or "": nothing to say */
    enum weir_node_kind kind;
    struct weir_part_spec *part;      /* NULL where the kind has none */
    uint32_t *args, n_args;           /* input field by declared input of the component ("*": all, in order) */
    struct weir_schema *in;           /* of the first input; NULL for sources */
    char *in_name;                    /* of the first of two inputs; else NULL */
    struct weir_node_input *second;   /* NULL: one input */
    struct weir_output_port *outputs; /* port 0 first */
    uint32_t n_outputs;
    uint32_t *key_fields, n_key_fields; /* of `in`; n 0: not keyed */
    struct weir_time_config time;       /* SOURCE, TIME */
    enum weir_malformed malformed;      /* SOURCE, EXPR, CALL: port 1 is "malformed", "errors" when SIDE_OUTPUT */
    char *condition;                    /* EXPR: rows where it is true stay; NULL: all. WINDOW, outer join: pairs match */
    struct weir_computed_field *computed; /* EXPR: the fields of port 0, in order; none: those of the input */
    uint32_t n_computed;
    struct weir_call_config call;       /* CALL */
    struct weir_window_config window;   /* WINDOW */
    struct weir_join_config join;       /* JOIN */
    struct weir_async_config async;     /* ASYNC */
    const struct weir_state_config *state; /* the graph's; NULL: the heap, or the node keeps no keyed state */
    struct weir_state_ttl *ttl;         /* of the component's states, one each; NULL: as it declares */
    uint32_t *picks, n_picks;           /* SELECT: input fields; names are in outputs[0].schema */
    uint32_t parallelism, max_parallelism;
    bool open_max_parallelism; /* the author did not say; a savepoint may */
    bool before_key;           /* a step before its manifest node's key: at the parallelism of the node's input */
    char *slot_group;                   /* NULL: inherited, see A1 */
    enum weir_chain_strategy chain;
    bool blocking;                      /* own thread, never chained */
    char *place;                        /* "job.yaml:12:5" or "node 'pages'": for messages at run time */
};

struct weir_stream_edge {
    uint32_t index, from, from_port, to, to_input; /* node indexes */
    enum weir_partition_kind partition;
    bool explicit_partition;            /* written by the author, not the default */
    uint32_t *key_fields, n_key_fields; /* KEY */
    struct weir_part_spec *part;        /* CUSTOM */
    uint32_t *args, n_args;             /* CUSTOM: fields by declared input */
};

/* Checkpoints of a job. */
struct weir_checkpoint_config {
    char *directory;  /* absolute, or relative to base_dir; NULL: none are taken */
    char *savepoints; /* where savepoints go unless said otherwise, as above; NULL: into `directory` */
    struct weir_part_spec *storage;             /* where checkpoints are kept; NULL: as files, in `directory` */
    char *place;                                /* what their addresses begin with; NULL: `directory` */
    int64_t every_ms, timeout_ms, min_pause_ms; /* between triggers; for all cuts; from the end of one to the next */
    uint32_t keep, tolerable_failures;          /* complete ones that stay; failures in a row that the job survives */
    uint32_t max_concurrent;                    /* under way at a time */
    bool incremental;                           /* state in stores is cut as what changed since the last one, but for */
    uint32_t full_every;                        /* each so many, which are whole */
    bool read_whole;                            /* every byte is read back once it is written, not a sample */
    bool at_least_once;                         /* barriers do not block channels */
    bool delete_on_cancel, delete_on_failure;   /* else they stay when the job ends like that */
};

/* What becomes of a job that failed; the rules are in job/restart.h. */
enum weir_restart_kind {
    WEIR_RESTART_NONE = 0,
    WEIR_RESTART_FIXED_DELAY,
    WEIR_RESTART_FAILURE_RATE,
    WEIR_RESTART_EXPONENTIAL
};
#define WEIR_RESTART_UNLIMITED     UINT32_MAX
#define WEIR_RESTART_MOST_FAILURES 100
struct weir_restart_config {
    enum weir_restart_kind kind;
    uint32_t attempts;                      /* FIXED_DELAY, EXPONENTIAL; or UNLIMITED */
    uint32_t failures;                      /* FAILURE_RATE: so many are endured within the interval; 1 .. MOST_FAILURES */
    int64_t interval_ms;                    /* FAILURE_RATE */
    int64_t delay_ms;                       /* FIXED_DELAY, FAILURE_RATE */
    int64_t initial_ms, max_ms, reset_after_ms; /* EXPONENTIAL, as are the next two */
    double multiplier, jitter;              /* >= 1; 0 .. 1 */
};

struct weir_stream_graph {
    char *job, *base_dir;
    char *manifest; /* as it was named, for commands that messages tell people to type; NULL: there is none */
    struct weir_stream_node **nodes; /* topological order */
    uint32_t n_nodes;
    struct weir_stream_edge **edges; /* grouped by `to`, in the author's order */
    uint32_t n_edges;
    bool chaining;               /* false: nothing is chained */
    uint32_t batch_rows;         /* capacity of a batch, rows */
    uint32_t channel_batches;    /* capacity of a channel, batches */
    size_t overflow_bytes;       /* per operator */
    struct weir_checkpoint_config checkpoint;
    struct weir_state_config **states; /* that nodes point to */
    uint32_t n_states;
    struct weir_restart_config restart;
    int64_t watchdog_ms;         /* a callback that runs longer is a crash; 0: never */
    int64_t wait_warning_ms;     /* windows that wait longer for event time are told once; 0: never */
    uint64_t seed;               /* 0: from the machine */
};

struct weir_stream_graph *weir_stream_graph_create(void); /* with the defaults */
struct weir_stream_node *weir_stream_graph_add_node(struct weir_stream_graph *, enum weir_node_kind, const char *id,
                                                    const char *uid); /* parallelism 1, no time field */
/* With the default partition for the parallelism the nodes have now. Added in the order of `to`, from < to. */
struct weir_stream_edge *weir_stream_graph_add_edge(struct weir_stream_graph *, uint32_t from, uint32_t from_port,
                                                    uint32_t to, uint32_t to_input);
/* Frees everything; the part specs through `destroy_part`, which belongs to a higher floor (NULL: there are none). NULL
 * graph is fine. */
void weir_stream_graph_destroy(struct weir_stream_graph *, void (*destroy_part)(struct weir_part_spec *));

/* The edge that nobody described (A1): equal parallelism is FORWARD, else REBALANCE. */
enum weir_partition_kind weir_default_partition(uint32_t from_parallelism, uint32_t to_parallelism);
/* Of the rows that travel along the edge: the schema of its `from_port`. Borrowed. */
const struct weir_schema *weir_stream_edge_schema(const struct weir_stream_graph *, const struct weir_stream_edge *);

const char *weir_partition_name(enum weir_partition_kind); /* "keyBy" is "key_by" here: as the manifest spells it */
const char *weir_node_kind_name(enum weir_node_kind);      /* "source", "operator", ... */

#endif
