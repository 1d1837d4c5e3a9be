/* expr_op.c - keeps rows by an expression and computes fields by others; fields that are only passed on are not copied.
 * Subtask's thread.
 *
 * The condition is evaluated first; fields are computed for the rows that it keeps. A row with an error anywhere fails the
 * job, is dropped and counted, or leaves on port 1 with the message as its last field, as the node says.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "expr/expr.h"
#include "operator/ops.h"
#include "operator/record_text.h"

struct part {
    struct weir_expr *program; /* NULL: a field of the input */
    struct weir_expr_run *run;
};

struct mistake {
    const struct part *part;
    const struct weir_expr_error *error;
};

struct expr_op {
    struct weir_op op;
    const struct weir_stream_node *node;
    struct part condition, *computed;
    struct mistake *mistakes; /* of this batch: the first of each row, by row */
    size_t n_mistakes, mistakes_capacity;
};

/* ---- mistakes -------------------------------------------------------------------------------------------------------- */

static void note_mistakes(struct expr_op *x, const struct part *part)
{
    size_t n;
    const struct weir_expr_error *errors = weir_expr_errors(part->run, &n);
    WEIR_GROW(x->mistakes, x->mistakes_capacity, x->n_mistakes + n);
    for (size_t i = 0; i < n; i++) x->mistakes[x->n_mistakes++] = (struct mistake){part, &errors[i]};
}

static int by_row(const void *a, const void *b)
{
    const struct mistake *x = a, *y = b;
    if (x->error->row != y->error->row) return x->error->row < y->error->row ? -1 : 1;
    return (x->part > y->part) -
           (x->part < y->part); /* the condition lies in no array with the others, but meets none of them */
}

static void sort_mistakes(struct expr_op *x)
{
    size_t n = 0;
    if (x->n_mistakes) qsort(x->mistakes, x->n_mistakes, sizeof *x->mistakes, by_row);
    for (size_t i = 0; i < x->n_mistakes; i++) {
        if (n > 0 && x->mistakes[n - 1].error->row == x->mistakes[i].error->row) continue;
        x->mistakes[n++] = x->mistakes[i];
    }
    x->n_mistakes = n;
}

static weir_status fail_on(struct expr_op *x, const struct weir_rows *rows)
{
    const struct mistake *m = &x->mistakes[0];
    const char *text = weir_expr_text(m->part->program);
    struct weir_text shown = {0}, record = {0};
    weir_expr_show(&shown, text, strlen(text), m->error->offset, m->error->length);
    weir_text_add_record(&record, &rows->view, x->node->in, m->error->row);
    char *carets = strchr(weir_text_get(&shown), '\n');
    *carets++ = 0;
    weir_status s = weir_op_fail(&x->op, WEIR_E_DATA, "%s\n    %s\n    %s\n  in the record %s", m->error->message,
                                 weir_text_get(&shown), carets, weir_text_get(&record));
    weir_text_finish(&shown);
    weir_text_finish(&record);
    return s;
}

/* The messages as the last column of rows. */
static bool add_messages(struct expr_op *x, struct weir_rows *rows, uint32_t column)
{
    size_t total = 0;
    for (size_t i = 0; i < x->n_mistakes; i++) total += strlen(x->mistakes[i].error->message);
    struct weir_buffer *offsets = weir_pool_take(x->op.env->pool, (x->n_mistakes + 1) * sizeof(int32_t));
    struct weir_buffer *data = weir_pool_take(x->op.env->pool, total + 1);
    if (offsets) weir_rows_own(rows, offsets);
    if (data) weir_rows_own(rows, data);
    if (!offsets || !data) return false;
    int32_t *at = (int32_t *)(void *)offsets->bytes;
    at[0] = 0;
    for (size_t i = 0; i < x->n_mistakes; i++) {
        size_t n = strlen(x->mistakes[i].error->message);
        memcpy(data->bytes + at[i], x->mistakes[i].error->message, n);
        at[i + 1] = at[i] + (int32_t)n;
    }
    rows->columns[column] = (weir_column){.type = WEIR_STRING, .data = data->bytes, .offsets = at};
    return true;
}

static struct weir_rows *rejected_rows(struct expr_op *x, struct weir_rows *rows)
{
    struct weir_pool *pool = x->op.env->pool;
    struct weir_buffer *picks = weir_pool_take(pool, x->n_mistakes * sizeof(uint32_t));
    if (!picks) return NULL;
    uint32_t *origin = (uint32_t *)(void *)picks->bytes, n = rows->view.n_columns;
    for (size_t i = 0; i < x->n_mistakes; i++) origin[i] = (uint32_t)x->mistakes[i].error->row;
    struct weir_rows *gathered = weir_rows_gather(pool, rows, origin, (int64_t)x->n_mistakes);
    weir_buffer_release(picks);
    struct weir_rows *out = gathered ? weir_rows_derive(pool, gathered, n + 1, 2) : NULL;
    if (out) memcpy(out->columns, gathered->columns, n * sizeof *out->columns);
    weir_rows_release(gathered);
    if (!out || add_messages(x, out, n)) return out;
    weir_rows_release(out);
    return NULL;
}

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
    note_mistakes(x, &x->condition);
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
        note_mistakes(x, part);
    }
    return out;
}

/* `out` without the rows that have mistakes; takes it. NULL: no memory. */
static struct weir_rows *without_mistakes(struct expr_op *x, struct weir_rows *out)
{
    size_t bytes = (size_t)(out->view.length + 63) / 64 * 8;
    int64_t selected = out->view.selected;
    struct weir_buffer *bits = weir_pool_take(x->op.env->pool, bytes);
    struct weir_rows *left = NULL;
    if (bits) {
        memset(bits->bytes, out->view.selection ? 0 : 0xff, bytes);
        if (out->view.selection) memcpy(bits->bytes, out->view.selection, (size_t)(out->view.length + 7) / 8);
        for (size_t i = 0; i < x->n_mistakes; i++) {
            int64_t row = x->mistakes[i].error->row;
            selected -= weir_bit(bits->bytes, row);
            bits->bytes[row >> 3] &= (uint8_t) ~(1u << (row & 7));
        }
        if (out->view.length % 8) bits->bytes[out->view.length / 8] &= (uint8_t)((1u << out->view.length % 8) - 1);
        left = weir_rows_select(x->op.env->pool, out, bits, selected);
    }
    weir_rows_release(out);
    return left;
}

static weir_status expr_rows(struct weir_op *op, uint32_t input, struct weir_rows *rows, int64_t *row)
{
    struct expr_op *x = (struct expr_op *)(void *)op;
    (void)input;
    *row = rows->view.length;
    x->n_mistakes = 0;
    struct weir_rows *out = keep(x, rows);
    if (out && x->node->n_computed && out->view.selected > 0) {
        struct weir_rows *kept = out;
        out = compute(x, kept);
        weir_rows_release(kept);
    }
    if (!out) return no_memory(x);
    sort_mistakes(x);
    if (x->n_mistakes == 0) return weir_op_emit(op, 0, out);
    if (x->node->malformed == WEIR_MALFORMED_FAIL) {
        weir_rows_release(out);
        return fail_on(x, rows);
    }
    weir_count(&op->counters.rejected, x->n_mistakes);
    if (!(out = without_mistakes(x, out))) return no_memory(x);
    weir_status s = weir_op_emit(op, 0, out);
    if (s < 0 || x->node->malformed == WEIR_MALFORMED_SKIP) return s;
    struct weir_rows *rejected = rejected_rows(x, rows);
    return rejected ? weir_op_emit(op, 1, rejected) : no_memory(x);
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
    weir_free(x->mistakes);
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
