/* pairs.c - pairs of rows on their way out of a join: as one row with the fields of both, or through a join function.
 * Subtask's thread.
 *
 * Without a function whole columns are gathered; a side whose pairs are its rows in order lends its columns as they are.
 */
#include <string.h>

#include "base/alloc.h"
#include "window/join_internal.h"

static weir_status no_memory(struct weir__pairs *p)
{
    return weir_op_fail(p->op, WEIR_E_MEMORY, "no memory for an output batch");
}

static inline int64_t time_of(const struct weir__pair_side *side, int64_t i)
{
    if (!side->rows) return INT64_MIN;
    return side->rows->view.time[side->origin ? side->origin[i] : (uint32_t)i];
}

static inline int64_t later_time(const struct weir__pair_side sides[2], int64_t i)
{
    int64_t a = time_of(&sides[0], i), b = time_of(&sides[1], i);
    return a > b ? a : b;
}

/* ---- the fields of both ---------------------------------------------------------------------------------------------- */

static weir_status put_times(struct weir__pairs *p, const struct weir__pair_side sides[2], int64_t time,
                             struct weir_rows *rows)
{
    int64_t n = rows->view.length;
    struct weir_buffer *buffer = weir_pool_take(p->op->env->pool, (size_t)n * sizeof(int64_t));
    if (!buffer) return WEIR_E_MEMORY;
    int64_t *times = (int64_t *)(void *)buffer->bytes;
    for (int64_t i = 0; i < n; i++) times[i] = time == WEIR_NO_TIME ? later_time(sides, i) : time;
    weir_rows_own(rows, buffer);
    rows->view.time = times;
    return WEIR_OK;
}

/* Columns that are null throughout, of the missing side. */
static weir_status put_nulls(struct weir__pairs *p, struct weir_rows *rows, uint32_t first, uint32_t n_columns)
{
    size_t n = (size_t)rows->view.length, bytes = (n + 2) * sizeof(int64_t); /* zeroed: values, offsets and validity */
    struct weir_buffer *zeros = weir_pool_take(p->op->env->pool, bytes);
    if (!zeros) return WEIR_E_MEMORY;
    memset(zeros->bytes, 0, bytes);
    weir_rows_own(rows, zeros);
    for (uint32_t c = first; c < first + n_columns; c++) {
        weir_type type = (weir_type)weir_schema_field_at(p->node->outputs[0].schema, c)->type;
        rows->columns[c] = (weir_column){.validity = zeros->bytes, .data = zeros->bytes, .type = type};
        if (weir_type_is_variable(type)) rows->columns[c].offsets = (const int32_t *)(const void *)zeros->bytes;
    }
    return WEIR_OK;
}

static weir_status put_side(struct weir__pairs *p, struct weir_rows *rows, const struct weir__pair_side *side,
                            uint32_t first, uint32_t n_columns)
{
    if (!side->rows) return put_nulls(p, rows, first, n_columns);
    if (!side->origin) {
        memcpy(rows->columns + first, side->rows->columns, n_columns * sizeof *rows->columns);
        weir_rows_keep(rows, side->rows);
        return WEIR_OK;
    }
    weir_status s = WEIR_OK;
    for (uint32_t c = 0; s == WEIR_OK && c < n_columns; c++)
        s = weir_rows_gather_column(p->op->env->pool, rows, first + c, &side->rows->columns[c], side->origin,
                                    rows->view.length);
    return s;
}

static uint32_t buffers_of(const struct weir__pair_side *side, uint32_t n_columns)
{
    return side->rows && !side->origin ? 0 : 3 * n_columns + 1;
}

weir_status weir__pairs_make(struct weir__pairs *p, const struct weir__pair_side sides[2], int64_t time, int64_t n,
                             struct weir_rows **made)
{
    uint32_t left = weir_schema_count(p->node->in), right = weir_schema_count(p->node->second->in);
    struct weir_rows *rows =
        weir_rows_create(p->op->env->pool, left + right, buffers_of(&sides[0], left) + buffers_of(&sides[1], right) + 1);
    if (!rows) return no_memory(p);
    rows->view.length = rows->view.selected = n;
    weir_status s = put_times(p, sides, time, rows);
    if (s == WEIR_OK) s = put_side(p, rows, &sides[0], 0, left);
    if (s == WEIR_OK) s = put_side(p, rows, &sides[1], left, right);
    *made = rows;
    if (s == WEIR_OK) return WEIR_OK;
    weir_rows_release(rows);
    return no_memory(p);
}

/* ---- the function ---------------------------------------------------------------------------------------------------- */

/* What the function sees of one side's rows. */
static weir_batch view_of(struct weir_instance *in, uint32_t input, struct weir_rows *rows)
{
    struct weir_instance_input *side = &in->inputs[input];
    for (uint32_t i = 0; i < side->n_args; i++) side->view_columns[i] = rows->columns[side->args[i]];
    weir_batch view = rows->view;
    view.struct_size = sizeof view;
    view.n_columns = side->n_args;
    view.columns = side->view_columns;
    return view;
}

static weir_status call_function(struct weir__pairs *p, const struct weir__pair_side sides[2], uint32_t own, int64_t time,
                                 int64_t n, int64_t *done)
{
    struct weir_instance *in = p->function;
    weir_batch views[2] = {view_of(in, 0, sides[0].rows), view_of(in, 1, sides[1].rows)};
    weir_status s = WEIR_OK;
    in->cx.full = 0;
    for (; s == WEIR_OK && *done < n && !in->cx.full; ++*done) {
        int64_t i = *done;
        weir_row rows[2];
        for (int k = 0; k < 2; k++) rows[k] = (weir_row){&views[k], sides[k].origin ? sides[k].origin[i] : i};
        bool keyed = own == WEIR__NO_OWN_SIDE;
        in->cx.row = (uint32_t)rows[keyed ? 0 : own].i;
        if (!keyed && in->key_at != rows[own].i) s = weir_instance_use_row_key(in, rows[own].i);
        if (s != WEIR_OK) return s;
        s = p->vtable->join(in->part.self, &in->cx, rows[0], rows[1], time == WEIR_NO_TIME ? later_time(sides, i) : time);
        if (s == WEIR_MORE)
            s = weir_op_fail(p->op, WEIR_E_PLUGIN, "join returned WEIR_MORE; a join function handles a pair in one call");
        if (s < 0) return weir_instance_failed(in, s, "join");
    }
    s = weir_instance_end(in, false);
    if (s != WEIR_OK) return s;
    return *done < n ? WEIR_MORE : WEIR_OK;
}

weir_status weir__pairs_emit(struct weir__pairs *p, const struct weir__pair_side sides[2], uint32_t own, int64_t time,
                             int64_t n, int64_t *done)
{
    if (p->function) return call_function(p, sides, own, time, n, done);
    struct weir_rows *rows;
    weir_status s = weir__pairs_make(p, sides, time, n, &rows);
    *done = n;
    return s == WEIR_OK ? weir_op_emit(p->op, 0, rows) : s;
}

/* ---- lifecycle ------------------------------------------------------------------------------------------------------- */

weir_status weir__pairs_init(struct weir__pairs *p, struct weir_op *op, const struct weir_stream_node *node,
                             struct weir_registry *registry, struct weir_error *error)
{
    *p = (struct weir__pairs){.op = op, .node = node};
    if (!node->part) return WEIR_OK;
    struct weir_instance_options o = {.op = op, .registry = registry};
    weir_status s = weir_instance_create_for_node(node, &o, &p->function, error);
    if (s == WEIR_OK) p->vtable = p->function->part.vtable;
    return s;
}

weir_status weir__pairs_open(struct weir__pairs *p)
{
    if (!p->function) return WEIR_OK;
    p->opened = true;
    if (!p->vtable->open) return WEIR_OK;
    weir_status s = p->vtable->open(p->function->part.self, &p->function->cx);
    if (s < 0) return weir_instance_failed(p->function, s, "open");
    return weir_instance_end(p->function, false);
}

void weir__pairs_close(struct weir__pairs *p)
{
    if (p->opened && p->vtable->close) p->vtable->close(p->function->part.self, &p->function->cx);
    p->opened = false;
}

void weir__pairs_finish(struct weir__pairs *p)
{
    weir_instance_destroy(p->function);
    p->function = NULL;
}
