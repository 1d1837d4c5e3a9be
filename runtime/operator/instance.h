/* operator/instance.h - a component instance with its context: the implementation of weir_host.
 *
 * Floor 5. One thread. Everything a plugin can call lands here: output columns, keyed state and timers, clocks, errors, row
 * packing, weir.io/1.
 * An operator (op.h) owns one instance per component it runs (a window owns one per aggregate).
 */
#ifndef WEIR_OPERATOR_INSTANCE_H
#define WEIR_OPERATOR_INSTANCE_H

#include <weir/plugin.h>

#include "base/plugin_io.h"
#include "data/builder.h"
#include "loader/part.h"
#include "operator/op.h"
#include "state/state.h"
#include "time/timers.h"

/* An output port as the component writes it. */
struct weir_instance_port {
    struct weir_schema *schema;   /* of the rows that leave */
    struct weir_builder *builder; /* &own, or the one that the owner lent (windows, reducers) */
    struct weir_builder own;
    struct weir_schema *written; /* the columns the component writes: output_schema() */
    uint32_t *pass, n_pass;      /* schema column pass[i] is input field i: '*' */
    uint32_t first_key, n_keys;  /* builder columns first_key .. + n_keys - 1 are the key's fields: '@key' */
    int64_t keyed_rows;          /* rows whose key columns are filled already */
};

/* An input port as the component sees it, and where its columns and keys are in the stream's rows. */
struct weir_instance_input {
    struct weir_schema *schema; /* of the component's view: input_schema(port) */
    uint32_t *args, n_args;     /* view column i is stream field args[i] */
    bool *arg_must;             /* declared without '?' */
    weir_column *view_columns;
    const uint32_t *key_fields; /* of the stream's schema; n 0: no key here */
    uint32_t n_key_fields;
};

/* Bump memory that is given back after each callback. */
struct weir_scratch {
    struct weir_scratch_block *blocks;
    size_t used; /* of the first block */
};

struct weir_instance {
    weir_ctx cx;        /* first member: a weir_ctx is its instance */
    struct weir_op *op; /* whose instance this is: outbox, clocks, errors */
    struct weir_part_instance part;
    bool part_is_borrowed; /* it belongs to the instance that it is nested in */
    weir_info info;
    struct weir_instance_input inputs[2];
    uint32_t n_inputs;                 /* 0 for sources */
    struct weir_instance_input *input; /* the one that `rows` are of; the first outside */
    struct weir_instance_port *ports;
    uint32_t n_ports;
    bool puts_keys;  /* some port has key columns */
    weir_out **outs; /* cx.out */

    /* keyed: */
    struct weir_state_set *state; /* may be shared with other instances of the op; NULL: stateless */
    uint32_t state_base;          /* the component's state 0 is the set's state_base */
    struct weir_timers *timers;
    weir_clock again_clock;         /* while one fires: of those set on this clock, */
    int64_t again_at;               /* at this time or before, there must not always be one more; */
    uint64_t set_again;             /* how many there have been in this loop */
    bool fetches;                   /* keys come row by row, in namespace 0: what they ask for is fetched before */
    int64_t fetch_at;               /* with the key of this row */
    struct weir_ttl *ttl;           /* of states that expire (state/ttl.h); NULL: none does */
    struct weir_state_set *unkeyed; /* states that belong to no key (state/unkeyed.h); NULL: none */
    bool is_cut;                    /* inside the component's snapshot: raw states are written now */
    int64_t ns;                     /* namespace of state access; 0 but for windows */
    bool timers_in_ns;              /* a trigger: its timers have that namespace too */
    struct weir_key_ref key;        /* current; key.p NULL: none */
    struct weir_key_bytes key_bytes;
    int64_t key_at;                  /* row of `rows` it came from; -1: a timer's */
    struct weir_builder key_builder; /* a timer's key as a row, made when asked for */
    struct weir_rows *key_rows;
    weir_batch key_view; /* the key's fields of `rows` */
    weir_column *key_columns;

    struct weir_rows *rows;        /* the input batch being processed, retained; NULL outside */
    weir_batch view;               /* what the component sees of it */
    struct weir_buffer *null_rows; /* memory of view.null_rows */
    struct weir_scratch scratch;
    struct weir_key_bytes packed;
    bool packs_rows; /* it has asked for a packed row, and may keep some */
    bool migrating;  /* in migrate: structs are not in the state yet, nor are their texts */

    /* Sources: where rows go instead of the outbox, and what becomes of a malformed record. NULL: not a source. */
    const struct weir_instance_source *source;
    void *source_arg;
    void *async;            /* the operator behind weir.async/1; NULL: another kind */
    _Atomic uint32_t woken; /* wake() was called; ends waits in weir.io/1 */
    weir_host host;         /* cx.host */
    struct weir_plugin_io io; /* cx.host_data */
};

/* What a source operator adds to its instance. [task] */
struct weir_instance_source {
    weir_status (*emit)(void *arg, struct weir_rows *); /* takes the rows */
    weir_status (*split_begin)(void *arg, uint64_t split);
    weir_status (*split_watermark)(void *arg, uint64_t split, int64_t watermark);
    weir_status (*split_idle)(void *arg, uint64_t split, bool idle);
    weir_status (*split_done)(void *arg, uint64_t split);
    weir_status (*reject)(void *arg, weir_str raw, const char *file, int64_t offset, const char *reason);
};

struct weir_stream_node;
struct weir_node_input; /* graph/stream_graph.h */
struct weir_instance_options {
    struct weir_op *op;
    struct weir_registry *registry;
    const struct weir_part_spec *part;
    const struct weir_part_instance *nested; /* borrowed, of the same spec: a component that another one holds; else NULL */
    struct weir_schema *in;                  /* the stream's schema; NULL: no input */
    const uint32_t *args;                    /* by declared input; NULL with n_args 0 */
    uint32_t n_args;
    struct weir_schema *const *outputs; /* stream schemas by port, as graph nodes have them */
    uint32_t n_outputs;
    const uint32_t *key_fields;
    uint32_t n_key_fields;
    const struct weir_node_input *second; /* what `in` to `n_key_fields` are for the first; NULL: one input */
    struct weir_state_set *state;         /* borrowed; NULL: stateless */
    uint32_t state_base;
    struct weir_builder *builder; /* lent for port 0: rows are not taken by weir_instance_end; NULL: its own */
    const struct weir_instance_source *source;
    void *source_arg;
    struct weir_timers *timers;     /* borrowed; NULL: no timers */
    struct weir_state_set *unkeyed; /* borrowed; NULL: no states that belong to no key */
    struct weir_ttl *ttl;           /* borrowed; NULL: no state expires */
};
/* Makes the instance; does not call open. On failure *instance is NULL. */
WEIR_CHECKED weir_status weir_instance_create(const struct weir_instance_options *, struct weir_instance **,
                                              struct weir_error *);
/* The same for the component of a stream node: input, outputs, args and keys come from it; the caller sets the rest. */
WEIR_CHECKED weir_status weir_instance_create_for_node(const struct weir_stream_node *, struct weir_instance_options *,
                                                       struct weir_instance **, struct weir_error *);
void weir_instance_destroy(struct weir_instance *); /* does not call close; NULL is fine */

/* Sets the input batch, of one of the inputs, and builds instance->view: columns by args, null_rows. Rows are compacted, or
 * the component accepts selections. A null in an input that must not be null is an error, unless the component is a map or a
 * filter. */
WEIR_CHECKED weir_status weir_instance_begin_input(struct weir_instance *, uint32_t input, struct weir_rows *);
static inline weir_status weir_instance_begin(struct weir_instance *in, struct weir_rows *rows)
{
    return weir_instance_begin_input(in, 0, rows);
}
/* After every callback that may emit: the rows on all ports go to the outbox, pass-through and key columns filled in;
 * scratch is freed and state
 * settled. With `done` the input batch is let go. */
WEIR_CHECKED weir_status weir_instance_end(struct weir_instance *, bool done);
/* The same, but rows of a single port that are whole by themselves (no '*') wait in its builder until a batch is full, so
 * that many calls with few rows each make few batches. The owner flushes before its own call ends. */
WEIR_CHECKED weir_status weir_instance_end_holding(struct weir_instance *, bool done);
WEIR_CHECKED weir_status weir_instance_flush(struct weir_instance *);
/* Current key from the batch's row, or from a timer (copied). */
WEIR_CHECKED weir_status weir_instance_use_row_key(struct weir_instance *, int64_t row);
WEIR_CHECKED weir_status weir_instance_use_key(struct weir_instance *, const struct weir_key_ref *);
/* What it is to the layout of its state number `state`; outlives neither the instance nor weir_state_owners_free. */
void weir_instance_own(struct weir_instance *, uint32_t state, struct weir_state_owner *);
/* Rows that it keeps packed have neither names nor types: their fields go along where it has packed any, and others are
 * refused. of: which component of its operator it is; NULL: there is no other. */
WEIR_CHECKED weir_status weir_instance_tell_rows(const struct weir_instance *, const char *of, struct weir_snapshot *to);
WEIR_CHECKED weir_status weir_instance_check_rows(struct weir_instance *, const char *of, const struct weir_snapshot *from,
                                                  uint32_t n);
void weir_state_owners_free(struct weir_state_owner *, uint32_t n); /* NULL is fine */
/* The states of a component that belong to no key (state/unkeyed.h), with the component as their owner. Zeroed is none. */
struct weir_unkeyed_states {
    struct weir_state_set *set; /* NULL: it has none */
    struct weir_state_layout *layouts;
    struct weir_state_owner *owners;
    uint32_t n;
};
void weir_unkeyed_states_init(struct weir_unkeyed_states *, const struct weir_component_info *); /* outlives them */
void weir_unkeyed_states_own(struct weir_unkeyed_states *, struct weir_instance *); /* before anything is cut or restored */
void weir_unkeyed_states_finish(struct weir_unkeyed_states *);
/* Adds "component 'acme.billing/vat' of /x/vat.so, key {..}, event time, record {..}" to op->error, what is known of them,
 * after a callback failed with `status`, and returns status; a callback that failed without fail() is named as such. */
weir_status weir_instance_failed(struct weir_instance *, weir_status status, const char *callback);
/* What process and write promise about their row: done means all rows, MORE means that some are left, and it never goes
 * back. */
WEIR_CHECKED weir_status weir_instance_check_row(struct weir_instance *, weir_status, const char *callback, int64_t before,
                                                 int64_t row);
static inline struct weir_instance *weir_instance_of(weir_ctx *cx)
{
    return (struct weir_instance *)(void *)cx;
}

#endif
