/* loader/job_internal.h - the compiler from a manifest to a stream graph, in pieces:
 *
 *   job.c          top level: name, defaults, plugins; runs the others
 *   job_restart.c  `defaults.restart`
 *   job_read.c     reading values, and saying what is wrong with them
 *   job_nodes.c    nodes: ids, roles, `from`, order, cycles
 *   job_steps.c    the steps of a node, each a stream node; job_flow.c: how they are joined
 *   job_connect.c  components with two inputs; job_join.c: `join:`
 *   job_parts.c    components and their options
 *   job_schema.c   binding inputs to fields, and what comes out
 *   job_call.c     plain C functions: map and filter
 *   job_expr.c     expressions: filter, set, select, key_by, arguments of aggregates
 *   job_async.c    the keys beside `async:`
 *   job_state.c    `state:`; job_guarantee.c: `guarantee:`
 *   job_time.c     `time:`; job_window.c, job_window_parts.c, job_window_reduce.c: `window:` and what is made of it
 *
 * Everything goes on after a problem. What a problem leaves unknown is NULL (a schema, a part), and nothing is said about
 * what depends on it, so that each mistake is reported once. The graph is built all the same and thrown away at the end.
 */
#ifndef WEIR_LOADER_JOB_INTERNAL_H
#define WEIR_LOADER_JOB_INTERNAL_H

#include "base/map.h"
#include "loader/job.h"
#include "loader/part.h"

struct weir__job_node;

struct weir__job {
    const struct weir_document *document;
    const struct weir_job_settings *settings;
    struct weir_registry *registry;
    struct weir_problems *problems;
    struct weir_stream_graph *graph;
    size_t plugin_problems;                                /* of them, how many are about plugin files */
    bool lacks_plugins;                                    /* one that the manifest names cannot be used */
    uint32_t default_parallelism, default_max_parallelism; /* of the manifest; 0: not given */
    int64_t auto_watermark_ms;
    struct weir__job_node *nodes; /* in the author's order */
    size_t n_nodes;
    size_t *order; /* nodes in topological order; those on a cycle are left out */
    size_t n_order;
};

enum weir__role { WEIR__SOURCE = 1, WEIR__STEPS, WEIR__SINK };

struct weir__input {                    /* one member of `from` */
    const struct weir_value *value;     /* the scalar that names it */
    uint32_t side;                      /* `from: {a: ..., b: ...}`: 0 or 1, as written; else 0 */
    char *id, *port;                    /* port "": the main output */
    struct weir__job_node *node;        /* NULL: there is none of that name */
    const struct weir__output *output;  /* set when the reader is built; NULL: there is none, or it is unknown */
    enum weir_partition_kind partition; /* 0: the default */
    const struct weir_value *partition_value;
};

struct weir__output {
    char *port;
    struct weir_schema *schema; /* NULL: unknown */
    uint32_t node, node_port;   /* of the stream graph */
};

struct weir__job_node {
    const struct weir_value *value; /* the mapping */
    const struct weir_value *id_value;
    const char *id;
    enum weir__role role; /* 0: unclear, and said so */
    struct weir__input *inputs;
    size_t n_inputs, inputs_capacity;
    const struct weir_value *sides[2]; /* the names of two inputs, as written; NULL: the inputs have no names */
    uint32_t parallelism, max_parallelism;
    bool open_max_parallelism; /* not said: derived from the parallelism */
    bool parallelism_given;
    const char *slot_group;
    enum weir_chain_strategy chain;
    const char *main_step; /* the key of the step that bears the node's id */
    struct weir__output *outputs;
    size_t n_outputs, outputs_capacity;
    bool ports_unknown; /* a component is unknown, and so are its side outputs */
    bool built;
    size_t unknown_keys;
    struct weir_map input_names; /* of its components: what `args` may bind */
};

/* ---- job_guarantee.c ------------------------------------------------------------------------------------------------ */

/* Once the graph is whole, with all its nodes. checkpoint: of the manifest; NULL: there is none. */
void weir__check_guarantees(struct weir__job *, const struct weir_value *checkpoint);

/* ---- job_read.c ----------------------------------------------------------------------------------------------------- */

/* Adds a problem at `at`, unless it is broken. help: freed here; may be NULL. */
void weir__say(struct weir__job *, const struct weir_value *at, char *help, const char *format, ...) WEIR_PRINTF(4, 5);
/* The same at a part of a scalar. */
void weir__say_part(struct weir__job *, const struct weir_value *at, const char *part, char *help, const char *format, ...)
    WEIR_PRINTF(5, 6);
/* "did you mean 'x'?", or a copy of `otherwise` (may be NULL) when nothing is near. */
char *weir__near(const char *name, const char *const *candidates, size_t n, const char *otherwise);
/* What stands there, for messages: "a list", "'x'", "nothing"; the caller frees. Secrets are not shown. */
char *weir__found(const struct weir_value *);

/* Says which keys of the mapping are not among `keys`; `later` (NULL-terminated, may be NULL): keys of a later version. */
void weir__check_keys(struct weir__job *, const struct weir_value *mapping, const char *const *keys,
                      const char *const *later);
/* The same, with better help for keys that are known from elsewhere (`known` ends with a NULL key; may be NULL). How many
 * keys were unknown. */
struct weir__key_help {
    const char *key, *help;
};
size_t weir__check_keys_or(struct weir__job *, const struct weir_value *mapping, const char *const *keys,
                           const char *const *later, const struct weir__key_help *known);
/* False, and a problem, unless it is that; `what` is the subject: "parallelism". */
bool weir__is_mapping(struct weir__job *, const struct weir_value *, const char *expected);
bool weir__read_text(struct weir__job *, const struct weir_value *, const char *what, const char **name); /* no secret */
bool weir__read_count(struct weir__job *, const struct weir_value *, const char *what, int64_t min, int64_t max,
                      uint32_t *count);
bool weir__read_size(struct weir__job *, const struct weir_value *, const char *what, size_t *bytes);
bool weir__read_duration(struct weir__job *, const struct weir_value *, const char *what, int64_t *ms);
bool weir__read_bool(struct weir__job *, const struct weir_value *, const char *what, bool *value);
/* Index of the choice (NULL-terminated); -1 after a problem. */
int weir__read_choice(struct weir__job *, const struct weir_value *, const char *what, const char *const *choices);
/* The same at another mark inside it. */
void weir__say_at(struct weir__job *, const struct weir_value *at, const struct weir_mark *, char *help, const char *format,
                  ...) WEIR_PRINTF(5, 6);
/* A text that can only be an expression: "amount >= 100", "round(x)". */
bool weir__is_expression(const char *text);

/* ---- job_restart.c -------------------------------------------------------------------------------------------------- */

void weir__read_restart(struct weir__job *, const struct weir_value *); /* NULL: not given; after `checkpoint` */

/* ---- job_nodes.c ---------------------------------------------------------------------------------------------------- */

void weir__read_nodes(struct weir__job *); /* job->nodes and job->order */
void weir__free_nodes(struct weir__job *);
void weir__add_output(struct weir__job_node *, const char *port, struct weir_schema *, uint32_t stream_node,
                      uint32_t stream_port);

/* ---- job_parts.c ---------------------------------------------------------------------------------------------------- */

/* A component where a manifest names it. */
struct weir__use {
    const struct weir_value *at;            /* its name, for marks */
    const char *name;                       /* as written; NULL: unknown */
    const struct weir_value *options;       /* mapping or NULL */
    const struct weir_value *args;          /* the reserved option `args`; NULL: none */
    const struct weir_value *malformed;     /* the reserved option of sources; NULL: none */
    const char *stream;                     /* whose fields its field options name, for messages */
    const struct weir_component_info *info; /* NULL: unknown */
    struct weir_part_spec *part;            /* NULL: unknown */
    bool complete;                          /* every option is right: inference can go on */
};
/* Resolves `value` (name, or {name: {options}}). fields: what field options choose from; NULL: unknown, or there are none;
 * `stream` has them. The caller owns use->part. */
void weir__use_component(struct weir__job *, const struct weir_value *value, weir_kind kind, struct weir_schema *fields,
                         const char *stream, struct weir__use *use);
/* The same for a component that a key of the manifest stands for ("sum" for rolling_sum): value is its options, or a single
 * value for the option `shorthand` (NULL: there is none), or NULL. */
void weir__use_named(struct weir__job *, const struct weir_value *at, const char *name, weir_kind kind,
                     const struct weir_value *value, const char *shorthand, struct weir_schema *fields, const char *stream,
                     struct weir__use *use);
/* The component that `value` names, without a word when there is none. */
const struct weir_component_info *weir__peek_component(const struct weir__job *, const struct weir_value *value,
                                                       weir_kind kind);
bool weir__part_is_blocking(const struct weir_part_spec *); /* itself or a nested one */
bool weir__needs_key(const struct weir_component_info *);   /* operators */

/* ---- job_state.c ---------------------------------------------------------------------------------------------------- */

/* `state:` of the job; the graph's. */
const struct weir_state_config *weir__read_job_state(struct weir__job *, const struct weir_value *root);
/* What the manifest's node says, or the job, for the stream nodes that were built of it. */
void weir__apply_state(struct weir__job *, const struct weir_state_config *, const struct weir__job_node *);

/* ---- job_schema.c --------------------------------------------------------------------------------------------------- */

/* Where a component's inputs come from. */
struct weir__binding {
    struct weir_schema_text text; /* of info->in */
    uint32_t *args, n_args;       /* flat, as the graph has it; taken by the caller */
    int32_t *field_of_item;       /* by item: stream field; -1: not a field */
    bool null_in;                 /* a field that may be null feeds an input that must not be */
    bool complete;
};
/* What `args` say: by name, or by position. */
struct weir__args {
    const struct weir_value *own;  /* of the component: mapping or list */
    struct weir__job_node *node;   /* whose `args:` apply; NULL: none do */
    uint32_t input;                /* which of the component's inputs is bound */
    const struct weir_value *call; /* "sum(amount)": the scalar, for marks */
    char *const *positional;       /* fields in the parentheses */
    size_t n_positional;
};
void weir__bind(struct weir__job *, const struct weir__use *, struct weir_schema *, const char *stream,
                const struct weir__args *, struct weir__binding *);
void weir__binding_finish(struct weir__binding *);

struct weir__inference {
    const struct weir__use *use;
    const struct weir__binding *binding; /* NULL: no input */
    struct weir_schema *in;              /* NULL: no input */
    const struct weir__binding *second;  /* the same of a second input; NULL: there is none */
    struct weir_schema *second_in;
    const uint32_t *keys;
    size_t n_keys;
    struct weir_schema *declared; /* the node's `schema:`; NULL: none */
    const struct weir_value *at;  /* whom to blame */
    bool used_declared, failed;   /* results */
};
/* The fields that come out of an out or side text; NULL after a problem, or when something it needs is unknown. */
struct weir_schema *weir__infer(struct weir__job *, struct weir__inference *, const struct weir_schema_text *);
/* A node's `schema:`. NULL after a problem. */
struct weir_schema *weir__read_schema(struct weir__job *, const struct weir_value *);
/* Whether the text can be the name of a field; if not, says so. */
bool weir__check_field_name(struct weir__job *, const struct weir_value *name);

/* The field a scalar names; -1 after a problem, or when the schema is NULL (unknown). what: "key_by", "time"; for messages.
 */
int32_t weir__find_field(struct weir__job *, const struct weir_value *, const char *name, struct weir_schema *,
                         const char *stream);
char *weir__field_help(const char *name, const struct weir_schema *);
const char *weir__type_class(const struct weir_item *); /* "a number" */
bool weir__type_fits(const struct weir_item *, weir_type);

/* ---- job_format.c --------------------------------------------------------------------------------------------------- */

/* Whether the encoders and decoders inside a sink or a source find what they need among the fields (NULL: unknown). */
void weir__check_formats(struct weir__job *, const struct weir__use *, const struct weir_schema *fields, const char *stream);
/* What a component is given through a complete binding. The caller owns it. */
struct weir_schema *weir__bound_fields(const struct weir__binding *, const struct weir_schema *);

/* ---- job_expr.c ----------------------------------------------------------------------------------------------------- */

struct weir__flow;
bool weir__is_plain_name(const char *text);                /* of a field or component: "amount", "left.order" */
bool weir__is_expression_value(const struct weir_value *); /* a scalar that is no plain name */
/* The type of text, which is the scalar or a part of it. False: problems were said, or the schema is NULL (unknown). */
bool weir__check_expression(struct weir__job *, const struct weir_value *, const char *text, const struct weir_schema *,
                            weir_type *type, bool *nullable);
/* Says it at the part of the text, which is the scalar or a part of it. */
struct weir_expr_problem;
void weir__say_problem(struct weir__job *, const struct weir_value *, const char *text, const struct weir_expr_problem *);
/* `errors:` of a node that computes: its policy, and where it asks for it the port 'errors'. After port 0 is set. */
void weir__read_errors(struct weir__job *, const struct weir__flow *, struct weir_stream_node *);
/* One stream node for both; either may be NULL. */
void weir__build_filter_and_set(struct weir__job *, struct weir__flow *, const struct weir_value *filter,
                                const struct weir_value *set);
bool weir__select_computes(const struct weir__flow *, const struct weir_value *select); /* a mapping with an expression */
void weir__build_computed_select(struct weir__job *, struct weir__flow *, const struct weir_value *select);
bool weir__key_computes(const struct weir__job *, const struct weir__flow *, const struct weir_value *key);
void weir__build_computed_key(struct weir__job *, struct weir__flow *,
                              const struct weir_value *key); /* adds to flow->keys */
/* Fields of which the expressions are the names, for a window to aggregate; values[i] is the scalar that holds texts[i]. */
void weir__build_arguments(struct weir__job *, struct weir__flow *, const struct weir_value *const *values,
                           char *const *texts, size_t n);

/* ---- job_call.c ----------------------------------------------------------------------------------------------------- */

bool weir__is_call(const struct weir_value *step); /* {call: "library:function", ...} */
void weir__build_call(struct weir__job *, struct weir__flow *, const char *step, const struct weir_value *);

/* ---- job_flow.c, job_steps.c, job_time.c, job_window.c -------------------------------------------------------------- */

/* What flows at a point inside a manifest node. */
struct weir__flow {
    struct weir__job_node *node;
    struct weir_schema *schema;          /* owned; NULL: unknown */
    char *name;                          /* owned; for messages: "'orders'", "what 'map' gives" */
    const char *step;                    /* that was attached last */
    const struct weir_value *side_value; /* `from: {a: ..., b: ...}`: the name that this flow goes by; NULL: none */
    uint32_t side;                       /* which of them, as written */
    uint32_t to_input;                   /* of the next stream node */
    bool broadcast;                      /* every subtask of the next stream node gets all rows */
    bool attached;                       /* comes out of stream node `from`; else from the node's inputs */
    uint32_t from;
    const struct weir_value *key_value; /* `key_by`; NULL: not keyed */
    uint32_t *keys;                     /* owned; fields of schema, until a step changes the fields */
    size_t n_keys;
    bool before_key; /* what is attached now runs where the records come from: job_flow.c */
    bool key_edge;   /* the next edge is the one that partitions by key */
};
void weir__build_node(struct weir__job *, struct weir__job_node *);
void weir__build_key(struct weir__job *, struct weir__flow *, const struct weir_value *key);
bool weir__writes_key(const struct weir_component_info *); /* needs a key, or puts it out */
/* Port 0 of a component, and its side outputs as ports of the stream node and outputs of the manifest's node. */
struct weir_schema *weir__infer_main(struct weir__job *, const struct weir__use *, struct weir__inference *);
void weir__add_side_outputs(struct weir__job *, struct weir__flow *, const struct weir__use *, struct weir__inference *,
                            struct weir_stream_node *);
/* A stream node fed by the flow, which goes on from it; its schema is to be set with weir__flow_becomes. `step`: its key in
 * the manifest. */
struct weir_stream_node *weir__attach(struct weir__job *, struct weir__flow *, enum weir_node_kind, const char *step,
                                      const struct weir_value *at);
void weir__set_output(struct weir_stream_node *, const char *port, struct weir_schema *); /* retains; NULL is fine */
void weir__flow_becomes(struct weir__flow *, struct weir_schema *);                       /* takes; also the name */
uint32_t *weir__copy_indexes(const uint32_t *, size_t n);

/* `time:` of a source (fields: what comes out) or of any other node. */
void weir__read_time(struct weir__job *, const struct weir_value *, struct weir_schema *fields, const char *stream,
                     bool of_source, struct weir_time_config *);
/* Says so when records of a source without `time:` reach the node, which needs event time. */
void weir__check_event_time(struct weir__job *, const struct weir_stream_node *, const struct weir_value *at);
/* Where the flow of a node starts: the schema that its inputs share; of one side alone, where they have names. */
void weir__flow_start(struct weir__job *, struct weir__job_node *, uint32_t side, struct weir__flow *);
/* Feeds the second flow into a stream node that was attached to the first: its second input. */
void weir__attach_second(struct weir__job *, struct weir__flow *, struct weir_stream_node *);
/* job_connect.c: a component with two inputs, behind `step`; the flow that goes on is `first`, started for side 0. */
void weir__build_connected(struct weir__job *, struct weir__flow *first, const char *step, const struct weir_value *value);
/* The keys of two flows that are read together, before either is attached. who: needs the keys; NULL: unknown. */
void weir__build_side_keys(struct weir__job *, struct weir__flow *first, struct weir__flow *second,
                           const struct weir_value *at, const char *who, bool needed);
/* job_join.c: `join:` or `cogroup:`; the flow that goes on is `first`, started for side 0. After the node's last step: plain
 * names. */
void weir__build_join(struct weir__job *, struct weir__flow *first, const char *step);
void weir__leave_join(struct weir__job *, struct weir__flow *);
void weir__read_async(struct weir__job *, const struct weir__job_node *, struct weir_async_config *);
void weir__refuse_async_keys(struct weir__job *, const struct weir__job_node *); /* of a node without async */
void weir__flow_finish(struct weir__flow *);
/* After the function is known too. */
void weir__check_window_parts(struct weir__job *, const struct weir_value *window, const struct weir_window_config *);
void weir__read_window_parts(struct weir__job *, struct weir__flow *, const struct weir_value *window,
                             struct weir_window_config *);
/* The function, its ports, and what comes out; aggregated: what it reads, where the node aggregates. The caller owns the
 * result. */
struct weir_schema *weir__read_window_function(struct weir__job *, struct weir__flow *, const struct weir_value *,
                                               struct weir_stream_node *, struct weir_schema *aggregated, bool aggregates);
/* job_window_reduce.c: the node's key that reduces a window's records, NULL for none; and what comes out, with the reducer
 * in the config. The caller owns the result; NULL after a problem. */
bool weir__is_window_reduction(const char *step);
const struct weir_value *weir__window_reduction(struct weir__job *, const struct weir_value *node);
struct weir_schema *weir__read_window_reduction(struct weir__job *, struct weir__flow *, const struct weir_value *key,
                                                struct weir_window_config *);
/* Of a join: over two inputs. */
void weir__read_join_window(struct weir__job *, struct weir__flow *, const struct weir_value *window,
                            struct weir_window_config *);
char *weir__window_title(const struct weir_window_config *);
/* job_facts.c: of a window or a join, once it is complete. */
void weir__note_facts(struct weir_stream_node *);
bool weir__is_event_window(const struct weir_window_config *);
void weir__build_window(struct weir__job *, struct weir__flow *, const struct weir_value *window,
                        const struct weir_value *aggregate);

#endif
