/* select_op.c - keeps, drops, reorders and renames fields; nothing is copied. Subtask's thread. */
#include "base/alloc.h"
#include "operator/ops.h"

struct select_op {
    struct weir_op op;
    const struct weir_stream_node *node;
};

static weir_status select_rows(struct weir_op *op, uint32_t input, struct weir_rows *rows, int64_t *row)
{
    const struct weir_stream_node *node = ((struct select_op *)(void *)op)->node;
    (void)input;
    *row = rows->view.length;
    struct weir_rows *selected = weir_rows_project(op->env->pool, rows, node->picks, node->n_picks);
    if (!selected) return weir_op_fail(op, WEIR_E_MEMORY, "no memory for a batch header");
    return weir_op_emit(op, 0, selected);
}

static void destroy_op(struct weir_op *op)
{
    weir_outbox_finish(&op->outbox);
    weir_free(op);
}

static const struct weir_op_class select_class = {.name = "select", .rows = select_rows, .destroy = destroy_op};

struct weir_op *weir_select_op_create(const struct weir_stream_node *node, const struct weir_op_env *env, const char *where,
                                      struct weir_error *error)
{
    struct select_op *s = weir_alloc(sizeof *s);
    (void)error;
    weir_op_init(&s->op, &select_class, env, where);
    s->op.accepts_selection = true;
    s->node = node;
    return &s->op;
}
