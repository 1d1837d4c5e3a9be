/* reduction.c - windows that reduce (semantics A5.5): their content is one row, packed, and each row that comes is reduced
 * with it at once. With an evictor all rows are kept instead and reduced when the window fires. Subtask's thread.
 *
 * The reducer writes the row being written of `row`, a builder of the schema that goes in; it is packed from there, and the
 * builder's length stays 0.
 */
#include <string.h>

#include "base/alloc.h"
#include "data/row_codec.h"
#include "window/general_internal.h"

weir_status weir__reduction_init(struct weir__general *g, struct weir_registry *registry, struct weir_error *error)
{
    struct weir__reduction *r = &g->reduction;
    struct weir_schema *schema = g->node->in;
    struct weir_pool *pool = g->op.env->pool;
    uint32_t n = weir_schema_count(schema);
    struct weir_instance_options o = {.op = &g->op,
                                      .registry = registry,
                                      .part = g->config->reducer,
                                      .in = schema,
                                      .args = g->config->reducer_args,
                                      .n_args = g->config->n_reducer_args,
                                      .key_fields = g->node->key_fields,
                                      .n_key_fields = g->node->n_key_fields,
                                      .builder = &r->row};
    r->row_columns = weir_alloc_array(n + 1, sizeof *r->row_columns);
    r->so_far_columns = weir_alloc_array(n + 1, sizeof *r->so_far_columns);
    r->next_columns = weir_alloc_array(n + 1, sizeof *r->next_columns);
    weir_status s = weir_builder_init(&r->so_far, pool, schema, NULL, 0, 1, true, false, error);
    if (s == WEIR_OK) s = weir_builder_init(&r->row, pool, schema, NULL, 0, 1, true, false, error);
    if (s == WEIR_OK) s = weir_builder_init(&r->out, pool, schema, NULL, 0, g->op.env->batch_rows, true, false, error);
    if (s == WEIR_OK) s = weir_instance_create(&o, &r->instance, error);
    if (s == WEIR_OK) r->vtable = r->instance->part.vtable;
    return s;
}

void weir__reduction_finish(struct weir__general *g)
{
    struct weir__reduction *r = &g->reduction;
    weir_instance_destroy(r->instance);
    weir_builder_finish(&r->so_far);
    weir_builder_finish(&r->row);
    weir_builder_finish(&r->out);
    weir_free(r->row_columns);
    weir_free(r->so_far_columns);
    weir_free(r->next_columns);
}

/* ---- two rows into one ------------------------------------------------------------------------------------------- */

/* The batch as the reducer sees it. */
static weir_batch view_of(const struct weir_instance *in, const weir_batch *batch, weir_column *columns)
{
    weir_batch view = *batch;
    for (uint32_t i = 0; i < in->inputs[0].n_args; i++) columns[i] = batch->columns[in->inputs[0].args[i]];
    view.columns = columns;
    view.n_columns = in->inputs[0].n_args;
    return view;
}

static weir_status check_written(struct weir__general *g)
{
    const struct weir_builder *row = &g->reduction.row;
    for (uint32_t c = 0; c < row->n_written; c++) {
        const int32_t *offsets = row->columns[c].offsets;
        if (!offsets || offsets[row->out.length + 1] >= 0) continue;
        weir_op_fail(&g->op, WEIR_E_PLUGIN, "reduce left column '%s' of its result unwritten",
                     weir_schema_field_at(row->schema, c)->name);
        return weir_instance_failed(g->reduction.instance, WEIR_E_PLUGIN, "reduce");
    }
    return WEIR_OK;
}

/* Row `at` of so_far and row `i` of next, into the row being written of r->row. */
static weir_status reduce_rows(struct weir__general *g, const weir_batch *so_far, int64_t at, const weir_batch *next,
                               int64_t i)
{
    struct weir__reduction *r = &g->reduction;
    struct weir_instance *in = r->instance;
    weir_batch a = view_of(in, so_far, r->so_far_columns), b = view_of(in, next, r->next_columns);
    in->cx.row = (uint32_t)i;
    weir_status s = r->vtable->reduce(in->part.self, &in->cx, (weir_row){&a, at}, (weir_row){&b, i});
    if (s == WEIR_OK) s = g->op.error.status;
    if (s < 0) return weir_instance_failed(in, s, "reduce");
    return check_written(g);
}

/* A kept row out of state, in `to`. */
static weir_status read_back(struct weir__general *g, int64_t content, struct weir_builder *to, struct weir_rows **row)
{
    int32_t forgotten;
    const struct weir__kept_row *kept = g->state->ops->list_at(g->state, WEIR__ROWS, &g->key, content, 0);
    weir_status s = weir__pane_unpack(g, kept, to, kept->time);
    *row = s == WEIR_OK ? weir_builder_take(to, 0, NULL, &forgotten) : NULL;
    if (s != WEIR_OK) return s;
    return *row ? WEIR_OK : weir__no_window_memory(g);
}

/* The row being written of r->row becomes the content. */
static weir_status store(struct weir__general *g, int64_t content, int64_t time)
{
    struct weir__reduction *r = &g->reduction;
    weir_batch written = {.struct_size = sizeof written, .n_columns = r->row.n_written, .columns = r->row_columns};
    for (uint32_t c = 0; c < r->row.n_written; c++) {
        const weir_out_column *from = &r->row.columns[c];
        r->row_columns[c] =
            (weir_column){.validity = from->validity, .data = from->data, .offsets = from->offsets, .type = from->type};
    }
    g->packed.n = 0;
    if (weir_row_pack(&g->packed, &written, r->row.out.length) != WEIR_OK) return weir__no_window_memory(g);
    struct weir__kept_row kept = {time, {(const char *)g->packed.p, g->packed.n}};
    weir_status s = g->state->ops->list_update(g->state, WEIR__ROWS, &g->key, content, &kept, 1);
    return s == WEIR_OK ? s : weir__no_window_memory(g);
}

/* ---- content ----------------------------------------------------------------------------------------------------- */

weir_status weir__reduction_add(struct weir__general *g, int64_t content, const weir_batch *rows, int64_t i)
{
    struct weir_rows *so_far;
    if (weir__pane_is_empty(g, content)) return weir__pane_keep(g, content, rows, i);
    weir_status s = read_back(g, content, &g->reduction.so_far, &so_far);
    if (s == WEIR_OK) s = reduce_rows(g, &so_far->view, 0, rows, i);
    if (s == WEIR_OK) s = store(g, content, rows->time[i]);
    weir_rows_release(so_far);
    return s;
}

weir_status weir__reduction_merge(struct weir__general *g, int64_t into, int64_t from)
{
    struct weir_rows *a = NULL, *b = NULL;
    weir_status s = read_back(g, into, &g->reduction.so_far, &a);
    if (s == WEIR_OK) s = read_back(g, from, &g->reduction.so_far, &b);
    if (s == WEIR_OK) s = reduce_rows(g, &a->view, 0, &b->view, 0);
    if (s == WEIR_OK) s = store(g, into, b->view.time[0]);
    weir_rows_release(a);
    weir_rows_release(b);
    return s;
}

/* ---- firing ------------------------------------------------------------------------------------------------------ */

static weir_status take_row(struct weir__general *g, int64_t time, struct weir_rows **row)
{
    struct weir__reduction *r = &g->reduction;
    int32_t forgotten;
    r->row.out.time[r->row.out.length++] = time;
    *row = weir_builder_take(&r->row, 0, NULL, &forgotten);
    if (!*row) return weir__no_window_memory(g);
    return forgotten < 0 ? WEIR_OK
                         : weir_op_fail(&g->op, WEIR_E_PLUGIN, "reduce left column '%s' of its result unwritten",
                                        weir_schema_field_at(r->row.schema, (uint32_t)forgotten)->name);
}

weir_status weir__reduction_fold(struct weir__general *g, struct weir_rows *rows, struct weir_rows **one)
{
    struct weir_instance *in = g->reduction.instance;
    *one = NULL;
    weir_status s = weir_instance_begin(in, rows);
    for (int64_t i = 1; s == WEIR_OK && i < rows->view.length; i++) {
        struct weir_rows *so_far = *one;
        s = reduce_rows(g, so_far ? &so_far->view : &rows->view, 0, &rows->view, i);
        if (s == WEIR_OK) s = take_row(g, rows->view.time[i], one);
        if (so_far != *one) weir_rows_release(so_far);
    }
    weir_status ended = weir_instance_end(in, true);
    if (s == WEIR_OK) s = ended;
    if (s == WEIR_OK) return s;
    weir_rows_release(*one);
    *one = NULL;
    return s;
}

weir_status weir__reduction_send(struct weir__general *g, struct weir_rows *one, int64_t time)
{
    struct weir_builder *out = &g->reduction.out;
    if (one->view.length == 0) return WEIR_OK; /* the evictor left nothing */
    for (uint32_t c = 0; c < out->n_written; c++) {
        if (weir_builder_copy_cell(out, c, &one->columns[c], 0) != WEIR_OK) return weir__no_window_memory(g);
    }
    out->out.time[out->out.length++] = time;
    return out->out.length < out->out.capacity ? WEIR_OK : weir__reduction_emit(g);
}

weir_status weir__reduction_emit(struct weir__general *g)
{
    int32_t forgotten;
    if (g->reduction.out.out.length == 0) return WEIR_OK;
    struct weir_rows *rows = weir_builder_take(&g->reduction.out, 0, NULL, &forgotten);
    return rows ? weir_op_emit(&g->op, 0, rows) : weir__no_window_memory(g);
}
