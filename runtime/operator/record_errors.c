/* record_errors.c - sorting the errors of a batch, and what becomes of the records: see the header. Subtask's thread. */
#include "operator/record_errors.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "operator/record_text.h"

void weir_record_errors_add(struct weir_record_errors *errors, struct weir_record_error error)
{
    WEIR_GROW(errors->items, errors->capacity, errors->n + 1);
    errors->items[errors->n++] = error;
}

void weir_record_errors_add_run(struct weir_record_errors *errors, uint32_t order, const struct weir_expr *program,
                                const struct weir_expr_run *run)
{
    size_t n;
    const struct weir_expr_error *found = weir_expr_errors(run, &n);
    for (size_t i = 0; i < n; i++) {
        weir_record_errors_add(errors, (struct weir_record_error){.row = found[i].row,
                                                                  .order = order,
                                                                  .message = found[i].message,
                                                                  .text = weir_expr_text(program),
                                                                  .offset = found[i].offset,
                                                                  .length = found[i].length});
    }
}

void weir_record_errors_finish(struct weir_record_errors *errors)
{
    weir_free(errors->items);
    *errors = (struct weir_record_errors){0};
}

static int by_row(const void *a, const void *b)
{
    const struct weir_record_error *x = a, *y = b;
    if (x->row != y->row) return x->row < y->row ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

/* The first error of each row, by row. */
static void sort_errors(struct weir_record_errors *errors)
{
    size_t n = 0;
    if (errors->n) qsort(errors->items, errors->n, sizeof *errors->items, by_row);
    for (size_t i = 0; i < errors->n; i++) {
        if (n == 0 || errors->items[n - 1].row != errors->items[i].row) errors->items[n++] = errors->items[i];
    }
    errors->n = n;
}

/* ---- the job fails --------------------------------------------------------------------------------------------------- */

static weir_status fail_on(struct weir_op *op, const struct weir_stream_node *node, const struct weir_record_error *e,
                           const struct weir_rows *rows)
{
    struct weir_text shown = {0}, record = {0};
    weir_expr_show(&shown, e->text, strlen(e->text), e->offset, e->length);
    weir_text_add_record(&record, &rows->view, node->in, e->row);
    char *carets = strchr(weir_text_get(&shown), '\n');
    *carets++ = 0;
    weir_status s = weir_op_fail(op, WEIR_E_DATA, "%s\n    %s\n    %s\n  in the record %s", e->message,
                                 weir_text_get(&shown), carets, weir_text_get(&record));
    weir_text_finish(&shown);
    weir_text_finish(&record);
    return s;
}

/* ---- the record leaves ----------------------------------------------------------------------------------------------- */

/* The messages as the last column of rows. */
static bool add_messages(struct weir_pool *pool, const struct weir_record_errors *errors, struct weir_rows *rows,
                         uint32_t column)
{
    size_t total = 0;
    for (size_t i = 0; i < errors->n; i++) total += strlen(errors->items[i].message);
    struct weir_buffer *offsets = weir_pool_take(pool, (errors->n + 1) * sizeof(int32_t));
    struct weir_buffer *data = weir_pool_take(pool, total + 1);
    if (offsets) weir_rows_own(rows, offsets);
    if (data) weir_rows_own(rows, data);
    if (!offsets || !data) return false;
    int32_t *at = (int32_t *)(void *)offsets->bytes;
    at[0] = 0;
    for (size_t i = 0; i < errors->n; i++) {
        size_t n = strlen(errors->items[i].message);
        memcpy(data->bytes + at[i], errors->items[i].message, n);
        at[i + 1] = at[i] + (int32_t)n;
    }
    rows->columns[column] = (weir_column){.type = WEIR_STRING, .data = data->bytes, .offsets = at};
    return true;
}

static struct weir_rows *rejected_rows(struct weir_pool *pool, const struct weir_record_errors *errors,
                                       struct weir_rows *rows)
{
    struct weir_buffer *picks = weir_pool_take(pool, errors->n * sizeof(uint32_t));
    if (!picks) return NULL;
    uint32_t *origin = (uint32_t *)(void *)picks->bytes, n = rows->view.n_columns;
    for (size_t i = 0; i < errors->n; i++) origin[i] = (uint32_t)errors->items[i].row;
    struct weir_rows *gathered = weir_rows_gather(pool, rows, origin, (int64_t)errors->n);
    weir_buffer_release(picks);
    struct weir_rows *out = gathered ? weir_rows_derive(pool, gathered, n + 1, 2) : NULL;
    if (out) memcpy(out->columns, gathered->columns, n * sizeof *out->columns);
    weir_rows_release(gathered);
    if (!out || add_messages(pool, errors, out, n)) return out;
    weir_rows_release(out);
    return NULL;
}

/* `out` without the rows that have errors; takes it. NULL: no memory. */
static struct weir_rows *without_errors(struct weir_pool *pool, const struct weir_record_errors *errors,
                                        struct weir_rows *out)
{
    size_t bytes = (size_t)(out->view.length + 63) / 64 * 8;
    int64_t selected = out->view.selected;
    struct weir_buffer *bits = weir_pool_take(pool, bytes);
    struct weir_rows *left = NULL;
    if (bits) {
        memset(bits->bytes, out->view.selection ? 0 : 0xff, bytes);
        if (out->view.selection) memcpy(bits->bytes, out->view.selection, (size_t)(out->view.length + 7) / 8);
        for (size_t i = 0; i < errors->n; i++) {
            int64_t row = errors->items[i].row;
            selected -= weir_bit(bits->bytes, row);
            bits->bytes[row >> 3] &= (uint8_t) ~(1u << (row & 7));
        }
        if (out->view.length % 8) bits->bytes[out->view.length / 8] &= (uint8_t)((1u << out->view.length % 8) - 1);
        left = weir_rows_select(pool, out, bits, selected);
    }
    weir_rows_release(out);
    return left;
}

static weir_status no_memory(struct weir_op *op)
{
    return weir_op_fail(op, WEIR_E_MEMORY, "no memory for the records that have errors");
}

static weir_status emit_sorted(struct weir_op *op, const struct weir_stream_node *node,
                               const struct weir_record_errors *errors, struct weir_rows *rows, struct weir_rows *out)
{
    if (errors->n == 0) return weir_op_emit(op, 0, out);
    if (node->malformed == WEIR_MALFORMED_FAIL) {
        weir_rows_release(out);
        return fail_on(op, node, &errors->items[0], rows);
    }
    weir_count(&op->counters.rejected, errors->n);
    if (!(out = without_errors(op->env->pool, errors, out))) return no_memory(op);
    weir_status s = weir_op_emit(op, 0, out);
    if (s < 0 || node->malformed == WEIR_MALFORMED_SKIP) return s;
    struct weir_rows *rejected = rejected_rows(op->env->pool, errors, rows);
    return rejected ? weir_op_emit(op, 1, rejected) : no_memory(op);
}

weir_status weir_record_errors_emit(struct weir_op *op, const struct weir_stream_node *node,
                                    struct weir_record_errors *errors, struct weir_rows *rows, struct weir_rows *out)
{
    sort_errors(errors);
    weir_status s = emit_sorted(op, node, errors, rows, out);
    errors->n = 0;
    return s;
}
