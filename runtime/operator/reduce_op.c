/* reduce_op.c - rolling reduce (semantics A5.8): per key one record; the first is stored and sent on unchanged, each next
 * one is reduced with it, stored
 * and sent on. The record is kept packed (data/row_codec.h). Subtask's thread.
 */
#include <string.h>

#include "base/alloc.h"
#include "data/row_codec.h"
#include "operator/ahead.h"
#include "operator/backend.h"
#include "operator/instance.h"
#include "operator/ops.h"

struct reduce_op {
    struct weir_op op;
    const struct weir_stream_node *node;
    struct weir_instance *instance; /* of the reducer; writes into `out` */
    const weir_reducer *vtable;
    struct weir_builder out;    /* what is sent on */
    struct weir_builder so_far; /* one row: the stored record, unpacked */
    weir_column *view_of_out;   /* `out` as an input batch, to pack the row being written */
    struct weir_key_bytes packed;
    struct weir_state_layout layout;
    struct weir_state_set *state;
    uint32_t first_group, last_group;
    struct weir_op_ahead ahead;
};

struct stored {
    weir_str record;
};

static struct reduce_op *reduce_of(struct weir_op *op)
{
    return (struct reduce_op *)(void *)op;
}

static weir_status no_memory(struct reduce_op *r)
{
    return weir_op_fail(&r->op, WEIR_E_MEMORY, "no memory for a reduced record");
}

static weir_status open_op(struct weir_op *op)
{
    struct reduce_op *r = reduce_of(op);
    if (!r->vtable->open) return WEIR_OK;
    weir_status s = r->vtable->open(r->instance->part.self, &r->instance->cx);
    return s < 0 ? weir_instance_failed(r->instance, s, "open") : WEIR_OK;
}

static weir_status emit_out(struct reduce_op *r)
{
    int32_t forgotten;
    if (r->out.out.length == 0) return WEIR_OK;
    struct weir_rows *rows = weir_builder_take(&r->out, 0, NULL, &forgotten);
    return rows ? weir_op_emit(&r->op, 0, rows) : no_memory(r);
}

/* Before it is stored: the reducer has put every column of the row being written, as far as that shows (data/builder.h). */
static weir_status check_written(struct reduce_op *r)
{
    for (uint32_t c = 0; c < r->out.n_written; c++) {
        const int32_t *offsets = r->out.columns[c].offsets;
        if (!offsets || offsets[r->out.out.length + 1] >= 0) continue;
        weir_op_fail(&r->op, WEIR_E_PLUGIN, "reduce left column '%s' of its result unwritten",
                     weir_schema_field_at(r->out.schema, c)->name);
        return weir_instance_failed(r->instance, WEIR_E_PLUGIN, "reduce");
    }
    return WEIR_OK;
}

/* The stored record and the next one into the row being written in `out`. */
static weir_status combine(struct reduce_op *r, const struct stored *stored, int64_t i)
{
    int32_t forgotten;
    weir_status s = weir_row_unpack((const uint8_t *)stored->record.p, stored->record.n, &r->so_far, &r->op.error);
    if (s != WEIR_OK) return s;
    r->so_far.out.time[0] = WEIR_NO_TIME;
    r->so_far.out.length = 1;
    struct weir_rows *acc = weir_builder_take(&r->so_far, 0, NULL, &forgotten);
    if (!acc) return no_memory(r);
    s = r->vtable->reduce(r->instance->part.self, &r->instance->cx, (weir_row){&acc->view, 0},
                          (weir_row){&r->instance->view, i});
    weir_rows_release(acc);
    return s < 0 ? weir_instance_failed(r->instance, s, "reduce") : check_written(r);
}

/* The row just written in `out` becomes the stored record. */
static weir_status store(struct reduce_op *r, struct stored *stored)
{
    weir_batch written = {.struct_size = sizeof written, .n_columns = r->out.n_written, .columns = r->view_of_out};
    for (uint32_t c = 0; c < r->out.n_written; c++) {
        const weir_out_column *from = &r->out.columns[c];
        r->view_of_out[c] =
            (weir_column){.validity = from->validity, .data = from->data, .offsets = from->offsets, .type = from->type};
    }
    r->packed.n = 0;
    weir_status s = weir_row_pack(&r->packed, &written, r->out.out.length);
    if (s == WEIR_OK)
        s = r->state->ops->assign(r->state, 0, &stored->record, (weir_str){(const char *)r->packed.p, r->packed.n});
    return s == WEIR_OK ? s : no_memory(r);
}

static weir_status reduce_row(struct reduce_op *r, int64_t i)
{
    struct weir_instance *in = r->instance;
    weir_status s = weir_instance_use_row_key(in, i);
    if (s != WEIR_OK) return s;
    struct stored *stored = r->state->ops->value_edit(r->state, 0, &in->key, 0);
    if (!stored) return no_memory(r);
    in->cx.row = (uint32_t)i;
    if (stored->record.n > 0) {
        s = combine(r, stored, i);
    } else {
        for (uint32_t c = 0; s == WEIR_OK && c < in->view.n_columns; c++)
            s = weir_builder_copy_cell(&r->out, c, &in->view.columns[c], i);
        if (s != WEIR_OK) return no_memory(r);
    }
    if (s == WEIR_OK) s = store(r, stored);
    if (s != WEIR_OK) return s;
    r->out.out.time[r->out.out.length] = in->view.time[i];
    return ++r->out.out.length < r->out.out.capacity ? WEIR_OK : emit_out(r);
}

static weir_status reduce_rows(struct weir_op *op, uint32_t input, struct weir_rows *rows, int64_t *row)
{
    struct reduce_op *r = reduce_of(op);
    (void)input;
    weir_status s = r->instance->rows ? WEIR_OK : weir_instance_begin(r->instance, rows);
    while (s == WEIR_OK && *row < rows->view.length && op->outbox.n == 0) {
        s = reduce_row(r, *row);
        if (s == WEIR_OK) ++*row;
    }
    if (s == WEIR_OK) s = emit_out(r);
    r->state->ops->settle(r->state);
    bool done = *row == rows->view.length;
    weir_status ended = weir_instance_end(r->instance, done);
    if (s != WEIR_OK || ended != WEIR_OK) return s != WEIR_OK ? s : ended;
    return done ? WEIR_OK : WEIR_MORE;
}

static weir_status prepare_rows(struct weir_op *op, uint32_t input, const struct weir_rows *rows)
{
    struct reduce_op *r = reduce_of(op);
    const struct weir_instance_input *in = &r->instance->inputs[input];
    return weir_op_ahead_all_rows(&r->ahead, op, r->state, in->key_fields, in->n_key_fields, rows);
}

static void close_op(struct weir_op *op)
{
    struct reduce_op *r = reduce_of(op);
    weir_op_ahead_end(&r->ahead, r->state);
    if (r->vtable->close) r->vtable->close(r->instance->part.self, &r->instance->cx);
}

static void destroy_op(struct weir_op *op)
{
    struct reduce_op *r = reduce_of(op);
    weir_instance_destroy(r->instance);
    weir_builder_finish(&r->out);
    weir_builder_finish(&r->so_far);
    weir_key_bytes_finish(&r->packed);
    weir_op_ahead_finish(&r->ahead);
    weir_free(r->view_of_out);
    if (r->state) r->state->ops->destroy(r->state);
    weir_state_layout_finish(&r->layout);
    weir_outbox_finish(&op->outbox);
    weir_free(r);
}

/* ---- checkpoints ------------------------------------------------------------------------------------------------- */

static weir_status snapshot(struct weir_op *op, int64_t checkpoint, struct weir_snapshot *to)
{
    struct reduce_op *r = reduce_of(op);
    (void)checkpoint;
    weir_status s =
        weir_snapshot_keyed(to, r->state, NULL, r->instance->key_builder.schema, r->first_group, r->last_group, &op->error);
    if (s != WEIR_OK || r->state->ops->entries(r->state, 0) == 0) return s;
    return weir_snapshot_row_schemas(to, NULL, &r->node->outputs[0].schema, 1) == WEIR_OK ? WEIR_OK : no_memory(r);
}

static weir_status restore(struct weir_op *op, const struct weir_snapshot *from, uint32_t n)
{
    struct reduce_op *r = reduce_of(op);
    weir_status s = weir_restore_row_schemas(from, n, NULL, &r->node->outputs[0].schema, 1, &op->error);
    if (s != WEIR_OK) return s;
    return weir_restore_keyed(from, n, r->state, NULL, &r->layout, 1, r->instance->key_builder.schema, r->first_group,
                              r->last_group, &op->error);
}

static struct weir_state_set *exchange_state(struct weir_op *op, struct weir_state_set *to)
{
    struct reduce_op *r = reduce_of(op);
    struct weir_state_set *had = r->state;
    if (to) r->state = to;
    return had;
}

static const struct weir_op_class reduce_class = {.name = "reduce",
                                                  .open = open_op,
                                                  .prepare = prepare_rows,
                                                  .rows = reduce_rows,
                                                  .snapshot = snapshot,
                                                  .restore = restore,
                                                  .exchange_state = exchange_state,
                                                  .close = close_op,
                                                  .destroy = destroy_op};

static weir_status set_up(struct reduce_op *r, struct weir_registry *registry, struct weir_error *error)
{
    static const weir_field fields[] = {
        {.name = "record", .type = WEIR_BYTES, .offset = offsetof(struct stored, record), .size = sizeof(weir_str)}};
    static const weir_state state = {.name = "record",
                                     .kind = WEIR_VALUE,
                                     .version = 1,
                                     .size = sizeof(struct stored),
                                     .fields = fields,
                                     .n_fields = 1,
                                     .field_stride = sizeof(weir_field)};
    const struct weir_op_env *env = r->op.env;
    struct weir_schema *schema = r->node->outputs[0].schema;
    weir_key_group_range(env->subtask, env->parallelism, env->max_parallelism, &r->first_group, &r->last_group);
    weir_status s = weir_state_layout_init(&r->layout, &state, error);
    if (s == WEIR_OK) s = weir_op_state_create(env, &r->layout, 1, r->first_group, r->last_group, &r->state, error);
    if (s == WEIR_OK) s = weir_builder_init(&r->out, env->pool, schema, NULL, 0, env->batch_rows, true, false, error);
    if (s == WEIR_OK) s = weir_builder_init(&r->so_far, env->pool, schema, NULL, 0, 1, true, false, error);
    r->view_of_out = weir_alloc_array(weir_schema_count(schema), sizeof *r->view_of_out);
    struct weir_instance_options o = {.op = &r->op, .registry = registry, .builder = &r->out};
    if (s == WEIR_OK) s = weir_instance_create_for_node(r->node, &o, &r->instance, error);
    if (s == WEIR_OK) r->vtable = r->instance->part.vtable;
    return s;
}

struct weir_op *weir_reduce_op_create(const struct weir_stream_node *node, const struct weir_op_env *env,
                                      struct weir_registry *registry, const char *where, struct weir_error *error)
{
    struct reduce_op *r = weir_alloc(sizeof *r);
    weir_op_init(&r->op, &reduce_class, env, where);
    r->node = node;
    if (set_up(r, registry, error) == WEIR_OK) return &r->op;
    destroy_op(&r->op);
    return NULL;
}
