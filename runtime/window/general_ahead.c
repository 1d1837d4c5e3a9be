/* general_ahead.c - what the general window operator, and its short ways, are going to ask of a store is read before they
 * do: in two rounds, since only what is kept of a key names its windows, or its older sessions. Subtask's thread.
 *
 * The first round is of namespace 0 of the keys. The second looks at what has come: the windows in flight that a row may go
 * to, with the content and the states of each, and the id of one more; the content of a window whose timer is due, where
 * windows merge; the older sessions that a row may go to, or be put before; the earliest session, which rings, and the next
 * one. It is a hint, as the first: what is missed is read when it is asked for.
 */
#include "window/general_internal.h"

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static bool use_key(struct weir__general *g, const struct weir_rows *rows, const uint32_t *fields, uint32_t n, int64_t row)
{
    struct weir_key_bytes *b = &g->packed;
    b->n = 0;
    if (weir_key_encode(b, &rows->view, fields, n, row) != WEIR_OK) return false;
    g->key = (struct weir_key_ref){
        .p = b->p, .n = (uint32_t)b->n, .group = rows->keys.key_group[row], .hash = rows->keys.hash[row]};
    return true;
}

/* What the rows of a batch go to when their namespaces are known. */
static void want_rows(struct weir__general *g, const struct weir_rows *rows, const uint32_t *fields, uint32_t n)
{
    for (int64_t row = 0; row < rows->view.length; row++) {
        if (rows->view.selection && !weir_bit(rows->view.selection, row)) continue;
        if (!use_key(g, rows, fields, n, row)) return;
        if (g->sessions.short_way)
            weir__session_want(g, rows->view.time[row], row);
        else
            weir__flights_want(g, rows->view.time[row], row);
        g->state->ops->settle(g->state);
    }
}

weir_status weir__general_prepare(struct weir_op *op, uint32_t input, const struct weir_rows *rows)
{
    struct weir__general *g = (struct weir__general *)(void *)op;
    struct weir_op_ahead *a = &g->ahead;
    const uint32_t *fields = g->node->key_fields;
    uint32_t n = g->node->n_key_fields;
    if (g->crosses && input == 1) {
        fields = g->node->second->key_fields;
        n = g->node->second->n_key_fields;
    }
    if (!a->again) {
        weir_status s = weir_op_ahead_all_rows(a, op, g->state, fields, n, rows);
        if (s != WEIR_OK || g->counts.short_way || n == 0 || !rows->keys.hash || !weir_op_reads_ahead(a, g->state)) return s;
        want_rows(g, rows, fields, n);
    }
    a->again = true;
    weir_status s = weir_op_ahead_rows(a, op, g->state, fields, n, rows);
    a->again = s == WEIR_MORE;
    return s;
}

/* ---- what is due ------------------------------------------------------------------------------------------------- */

weir_status weir__general_read_due(struct weir__general *g, weir__general_due *tell, void *arg)
{
    struct weir_op_ahead *a = &g->ahead;
    weir_status s = WEIR_OK;
    if (!weir_op_ahead_is_due(a, g->state)) return WEIR_OK;
    for (int round = a->again; s == WEIR_OK && round < 2; round++) {
        a->again = round > 0;
        if (weir_op_ahead_begin(a) && !tell(g, arg)) s = weir__no_window_memory(g);
        if (s == WEIR_OK) s = weir_op_ahead_keys(a, &g->op, g->state);
        if (a->ready == 0) break; /* nothing is due, or it is being read */
    }
    if (s == WEIR_MORE)
        a->ready = 0;
    else
        a->again = false;
    return s;
}
