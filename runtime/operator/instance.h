/* operator/instance.h - a component instance with its context: the implementation of weir_host.
 *
 * Floor 5. One thread. Everything a plugin can call lands here: output columns, keyed state and timers, clocks, errors, row packing, weir.io/1.
 * An operator (op.h) owns one instance per component it runs (a window owns one per aggregate).
 */
#ifndef WEIR_OPERATOR_INSTANCE_H
#define WEIR_OPERATOR_INSTANCE_H

#include "data/builder.h"
#include "loader/part.h"
#include "operator/op.h"
#include "state/state.h"
#include "time/timers.h"

/* An output port as the component writes it. */
struct weir_instance_port {
    struct weir_schema *schema;    /* of the rows that leave */
    struct weir_builder builder;
    struct weir_schema *written;   /* the columns the component writes: output_schema() */
    uint32_t *pass, *pass_from, n_pass; /* schema column pass[i] is input column pass_from[i]: '*' */
    uint32_t *keys, n_keys;             /* schema column keys[i] is key field i: '@key' */
};

struct weir_instance {
    weir_ctx cx;                   /* cx.host_data points back here */
    struct weir_op *op;            /* whose instance this is: outbox, clocks, errors */
    struct weir_part_instance part;
    weir_info info;
    struct weir_schema *in;        /* of the component's view: input_schema(0); NULL for sources */
    uint32_t *args, n_args;        /* view column i is stream field args[i] */
    bool *arg_must;                /* declared without '?' */
    struct weir_instance_port *ports;
    uint32_t n_ports;
    weir_out **outs;               /* cx.out */

    /* keyed: */
    struct weir_state_set *state;  /* may be shared with other instances of the op; NULL: not keyed */
    struct weir_timers *timers;
    const uint32_t *key_fields;    /* of the stream's schema */
    uint32_t n_key_fields;
    int64_t ns;                    /* namespace of state access; 0 but for windows */
    struct weir_key_ref key;       /* current; key.p NULL: none */
    struct weir_key_bytes key_bytes;
    struct weir_builder key_row;   /* the key's fields as one row, for key() */
    struct weir_rows *key_rows;    /* made from it on demand */
    bool timers_allowed;

    struct weir_rows *rows;        /* the input batch being processed; NULL outside rows() */
    weir_batch view;               /* what the component sees of it */
    weir_column *view_columns;
    uint8_t *null_rows;            /* memory of view.null_rows */
    size_t null_rows_size;
    struct weir_scratch *scratch;  /* blocks freed when the callback returns */
    struct weir_key_bytes packed;
};

struct weir_instance_options {
    struct weir_op *op;
    struct weir_registry *registry;
    const struct weir_part_spec *part;
    struct weir_schema *in;             /* the stream's schema; NULL: no input */
    const uint32_t *args;               /* by declared input; NULL with n_args 0 */
    uint32_t n_args;
    struct weir_schema *const *outputs; /* stream schemas by port, as graph nodes have them */
    uint32_t n_outputs;
    const uint32_t *key_fields;
    uint32_t n_key_fields;
    struct weir_state_set *state;       /* borrowed; NULL: stateless */
    struct weir_timers *timers;         /* borrowed; NULL: no timers */
};
/* Makes the instance; does not call open. On failure *instance is NULL. */
WEIR_CHECKED weir_status weir_instance_create(const struct weir_instance_options *, struct weir_instance **, struct weir_error *);
void weir_instance_destroy(struct weir_instance *); /* does not call close; NULL is fine */

/* Sets the input batch (borrowed until the next call) and builds instance->view: columns by args, null_rows. Rows are compacted. */
WEIR_CHECKED weir_status weir_instance_begin(struct weir_instance *, struct weir_rows *);
/* The component's rows on all ports go to the op's outbox, pass-through and key columns filled in; then scratch is freed and state settled. To be
 * called after every callback that may emit. */
WEIR_CHECKED weir_status weir_instance_end(struct weir_instance *);
/* Current key from the batch's row, or from a timer. */
WEIR_CHECKED weir_status weir_instance_use_row_key(struct weir_instance *, int64_t row);
WEIR_CHECKED weir_status weir_instance_use_key(struct weir_instance *, const struct weir_key_ref *);

#endif
