/* matching.c - outer window joins with a condition: what crossing.c does there. Subtask's thread.
 *
 * As in SQL the condition belongs to the match: a row all of whose pairs fail it has no partner, and comes out beside nulls
 * like one that has no pairs. Pairs that are null, or that the condition fails on where `errors: skip` says so, are none.
 *
 *   PAIRS    each row of the first with each of the second, in steps of a batch: those that match leave, and mark both rows
 *   LONELY   the rows of the first that nothing has marked, then those of the second, in order of arrival
 *
 * The order of what comes out does not depend on the size of the steps.
 */
#include <string.h>

#include "base/alloc.h"
#include "window/general_internal.h"

static weir_status no_memory(struct weir__general *g)
{
    return weir_op_fail(&g->op, WEIR_E_MEMORY, "no memory for the pairs of a join");
}

/* ---- pairs ------------------------------------------------------------------------------------------------------- */

/* Of the batch of pairs whose rows are in c->origins. */
static void mark(struct weir__crossing *c, const uint8_t *selection, int64_t n)
{
    struct weir__matching *m = &c->matching;
    for (int64_t i = 0; i < n; i++) {
        if (!weir_bit(selection, i)) continue;
        for (int side = 0; side < 2; side++) {
            uint32_t row = c->origins[side][i];
            m->marks[side][row >> 3] |= (uint8_t)(1u << (row & 7));
        }
    }
}

/* Takes the pairs. */
static weir_status emit_matching(struct weir__general *g, struct weir_rows *pairs)
{
    struct weir__crossing *c = &g->crossing;
    struct weir__matching *m = &c->matching;
    struct weir_buffer *selection;
    int64_t selected, n = pairs->view.length;
    weir_status s = weir_expr_select(m->run, &pairs->view, &selection, &selected);
    struct weir_rows *out = NULL;
    if (s != WEIR_E_MEMORY) {
        mark(c, selection->bytes, n);
        weir_record_errors_add_run(&m->errors, 0, m->program, m->run);
        out = weir_rows_select(g->op.env->pool, pairs, selection, selected);
    }
    s = out ? weir_record_errors_emit(&g->op, &m->node, &m->errors, pairs, out) : no_memory(g);
    weir_rows_release(pairs);
    return s;
}

/* One batch of pairs, from c->at on. */
static weir_status run_pairs(struct weir__general *g, int64_t time)
{
    struct weir__crossing *c = &g->crossing;
    int64_t right = c->rows[1]->view.length, total = c->rows[0]->view.length * right, n = total - c->at;
    struct weir_rows *pairs;
    if (n > g->op.env->batch_rows) n = g->op.env->batch_rows;
    for (int64_t i = 0; i < n; i++) {
        c->origins[0][i] = (uint32_t)((c->at + i) / right);
        c->origins[1][i] = (uint32_t)((c->at + i) % right);
    }
    struct weir__pair_side sides[2] = {{c->rows[0], c->origins[0]}, {c->rows[1], c->origins[1]}};
    weir_status s = weir__pairs_make(&c->pairs, sides, time, n, &pairs);
    if (s == WEIR_OK) s = emit_matching(g, pairs);
    if (s != WEIR_OK) return s;
    c->at += n;
    return c->at < total ? WEIR_MORE : WEIR_OK;
}

/* ---- rows without partners --------------------------------------------------------------------------------------- */

static bool keeps_lonely(const struct weir__general *g, int side)
{
    enum weir_join_type type = g->node->join.type;
    return type == WEIR_JOIN_FULL || type == (side == 0 ? WEIR_JOIN_LEFT : WEIR_JOIN_RIGHT);
}

/* A batch of them, from m->lonely on. */
static weir_status run_lonely(struct weir__general *g, int side, int64_t time)
{
    struct weir__crossing *c = &g->crossing;
    struct weir__matching *m = &c->matching;
    int64_t rows = c->rows[side]->view.length, n = 0, done = 0;
    for (; m->lonely < rows && n < g->op.env->batch_rows; m->lonely++) {
        if (!weir_bit(m->marks[side], m->lonely)) c->origins[side][n++] = (uint32_t)m->lonely;
    }
    if (n == 0) return WEIR_OK;
    struct weir__pair_side sides[2] = {{NULL, NULL}, {NULL, NULL}};
    sides[side] = (struct weir__pair_side){c->rows[side], c->origins[side]};
    weir_status s = weir__pairs_emit(&c->pairs, sides, WEIR__NO_OWN_SIDE, time, n, &done);
    return s == WEIR_OK && m->lonely < rows ? WEIR_MORE : s;
}

/* ---- a firing ---------------------------------------------------------------------------------------------------- */

weir_status weir__matching_begin(struct weir__general *g)
{
    struct weir__crossing *c = &g->crossing;
    struct weir__matching *m = &c->matching;
    for (int side = 0; side < 2; side++) {
        size_t bytes = (size_t)c->rows[side]->view.length / 8 + 1;
        if (bytes > m->capacity[side]) {
            uint8_t *marks = weir_try_realloc(m->marks[side], bytes);
            if (!marks) return no_memory(g);
            m->marks[side] = marks;
            m->capacity[side] = bytes;
        }
        memset(m->marks[side], 0, bytes);
    }
    m->side = -1;
    m->lonely = 0;
    return WEIR_OK;
}

weir_status weir__matching_run(struct weir__general *g, const struct weir__flight *flight)
{
    struct weir__crossing *c = &g->crossing;
    struct weir__matching *m = &c->matching;
    int64_t time = weir_window_last(&flight->window);
    bool pairs = c->rows[0]->view.length > 0 && c->rows[1]->view.length > 0;
    while (m->side < 2) {
        weir_status s = WEIR_OK;
        if (g->op.outbox.n > 0) return WEIR_MORE;
        if (m->side < 0 ? pairs : keeps_lonely(g, m->side))
            s = m->side < 0 ? run_pairs(g, time) : run_lonely(g, m->side, time);
        if (s != WEIR_OK) return s;
        m->side++;
        m->lonely = 0;
    }
    return WEIR_OK;
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

weir_status weir__matching_init(struct weir__general *g, struct weir_error *error)
{
    struct weir__matching *m = &g->crossing.matching;
    struct weir_expr_problems problems = {0};
    m->node = *g->node;
    m->node.in = g->node->join.both; /* what messages show of a pair */
    m->program =
        weir_expr_compile(g->node->condition, strlen(g->node->condition), m->node.in, g->op.env->platform, &problems);
    weir_status s = m->program ? WEIR_OK
                               : weir_error_set(error, WEIR_E_CONFIG, "%s: '%s': %s", g->op.where, g->node->condition,
                                                problems.items[0].message);
    if (m->program) m->run = weir_expr_run_create(m->program, g->op.env->pool);
    weir_expr_problems_finish(&problems);
    return s;
}

void weir__matching_finish(struct weir__general *g)
{
    struct weir__matching *m = &g->crossing.matching;
    weir_expr_run_destroy(m->run);
    weir_expr_destroy(m->program);
    weir_record_errors_finish(&m->errors);
    for (int side = 0; side < 2; side++) weir_free(m->marks[side]);
}
