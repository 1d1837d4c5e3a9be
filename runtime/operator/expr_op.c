/* expr_op.c - keeps rows by an expression and computes fields by others; fields that are only passed on are not copied.
 * Subtask's thread.
 *
 * The condition is evaluated first; fields are computed for the rows that it keeps. A row with an error anywhere fails the
 * job, is dropped and counted, or leaves on port 1 with the message as its last field, as the node says.
 */
#include <string.h>

#include "base/alloc.h"
#include "expr/expr.h"
#include "operator/ops.h"
#include "operator/record_errors.h"

struct part {
    struct weir_expr *program; /* NULL: a field of the input */
    struct weir_expr_run *run;
};

struct expr_op {
    struct weir_op op;
    const struct weir_stream_node *node;
    struct part condition, *computed;
    struct weir_record_errors errors; /* of this batch */
};

/* ---- rows ------------------------------------------------------------------------------------------------------------ */

static weir_status no_memory(struct expr_op *x)
{
    return weir_op_fail(&x->op, WEIR_E_MEMORY, "no memory for the results of an expression");
}

/* The rows that the condition keeps, or a reference to the rows themselves. NULL: no memory. */
static struct weir_rows *keep(struct expr_op *x, struct weir_rows *rows)
{
    struct weir_buffer *selection;
    int64_t selected;
    if (!x->condition.program) return weir_rows_retain(rows);
    weir_status s = weir_expr_select(x->condition.run, &rows->view, &selection, &selected);
    if (s == WEIR_E_MEMORY) return NULL;
    weir_record_errors_add_run(&x->errors, 0, x->condition.program, x->condition.run);
    if (selected == rows->view.length) {
        weir_buffer_release(selection);
        return weir_rows_retain(rows);
    }
    return weir_rows_select(x->op.env->pool, rows, selection, selected);
}

/* The computed fields of the kept rows. NULL: no memory. */
static struct weir_rows *compute(struct expr_op *x, struct weir_rows *kept)
{
    const struct weir_stream_node *node = x->node;
    struct weir_rows *out = weir_rows_derive(x->op.env->pool, kept, node->n_computed, 3 * node->n_computed);
    for (uint32_t c = 0; out && c < node->n_computed; c++) {
        const struct part *part = &x->computed[c];
        if (!part->program) {
            out->columns[c] = kept->columns[node->computed[c].field];
            continue;
        }
        if (weir_expr_column(part->run, &kept->view, out, c) == WEIR_E_MEMORY) {
            weir_rows_release(out);
            return NULL;
        }
        weir_record_errors_add_run(&x->errors, c + 1, part->program, part->run);
    }
    return out;
}

static weir_status expr_rows(struct weir_op *op, uint32_t input, struct weir_rows *rows, int64_t *row)
{
    struct expr_op *x = (struct expr_op *)(void *)op;
    (void)input;
    *row = rows->view.length;
    x->errors.n = 0;
    struct weir_rows *out = keep(x, rows);
    if (out && x->node->n_computed && out->view.selected > 0) {
        struct weir_rows *kept = out;
        out = compute(x, kept);
        weir_rows_release(kept);
    }
    if (!out) return no_memory(x);
    return weir_record_errors_emit(op, x->node, &x->errors, rows, out);
}

/* ---- lifecycle ------------------------------------------------------------------------------------------------------- */

static void finish_part(struct part *part)
{
    weir_expr_run_destroy(part->run);
    weir_expr_destroy(part->program);
}

static void destroy_op(struct weir_op *op)
{
    struct expr_op *x = (struct expr_op *)(void *)op;
    finish_part(&x->condition);
    for (uint32_t i = 0; i < x->node->n_computed; i++) finish_part(&x->computed[i]);
    weir_free(x->computed);
    weir_record_errors_finish(&x->errors);
    weir_outbox_finish(&op->outbox);
    weir_free(x);
}

static const struct weir_op_class expr_class = {.name = "expression", .rows = expr_rows, .destroy = destroy_op};

/* NULL text: no program is needed. The loader has compiled the same text: what fails here failed there. */
static bool make_part(struct expr_op *x, struct part *part, const char *text, struct weir_error *error)
{
    struct weir_expr_problems problems = {0};
    if (!text) return true;
    part->program = weir_expr_compile(text, strlen(text), x->node->in, x->op.env->platform, &problems);
    if (part->program)
        part->run = weir_expr_run_create(part->program, x->op.env->pool);
    else
        weir_error_set(error, WEIR_E_CONFIG, "%s: '%s': %s", x->op.where, text, problems.items[0].message);
    weir_expr_problems_finish(&problems);
    return part->program != NULL;
}

struct weir_op *weir_expr_op_create(const struct weir_stream_node *node, const struct weir_op_env *env, const char *where,
                                    struct weir_error *error)
{
    struct expr_op *x = weir_alloc(sizeof *x);
    weir_op_init(&x->op, &expr_class, env, where);
    x->op.accepts_selection = true;
    x->node = node;
    x->computed = weir_alloc_array(node->n_computed + 1, sizeof *x->computed);
    bool ok = make_part(x, &x->condition, node->condition, error);
    for (uint32_t i = 0; i < node->n_computed; i++)
        ok = ok && make_part(x, &x->computed[i], node->computed[i].expression, error);
    if (ok) return &x->op;
    destroy_op(&x->op);
    return NULL;
}
