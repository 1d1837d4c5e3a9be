/* count_op.c - the general window operator's short way for windows of so many rows: one window for all rows of a key
 * (WEIR_ONE_WINDOW), whose trigger counts them (weir_trigger.every), with or without a purge, made of aggregates. Subtask's
 * thread.
 *
 * The window of a key is one entry: its accumulators, and beside them the rows since it last fired. The entries of a whole
 * batch are looked up at once. Rows are then handled in runs: a run ends before a row whose window fires in it already, the
 * aggregates take the rows of a run, at once if it is all of the batch, and the windows that came full fire in the order of
 * the rows that filled them. So results, and their order, are those of asking the trigger at each row, wherever batches were
 * cut. A window that purges is emptied where it is: the entry of a key stays, as its window does the long way.
 *
 * What is kept can be read by the long way and the other way round (count_restore.c).
 */
#include <string.h>

#include "base/alloc.h"
#include "window/general_internal.h"

static const weir_field members[] = {
    {.name = "counted", .type = WEIR_I64, .offset = offsetof(struct weir__count, rows), .size = sizeof(int64_t)},
    {.name = "begun", .type = WEIR_I32, .offset = offsetof(struct weir__count, begun), .size = sizeof(int32_t)}};
const struct weir_aggregates_beside weir__count_beside = {members, WEIR_LEN(members), sizeof(struct weir__count)};

static struct weir__general *general_of(struct weir_op *op)
{
    return (struct weir__general *)(void *)op;
}

/* ---- what the trigger promises ----------------------------------------------------------------------------------- */

/* All that the triggers keep is one i64. */
static bool keeps_one_count(struct weir__general *g)
{
    const struct weir_state_layout *only = NULL;
    uint32_t before = WEIR__TRIGGER_STATES;
    for (uint32_t t = 0; t < g->n_triggers; t++) {
        const struct weir_component_info *info = g->triggers[t]->part.spec->info;
        if (info->n_states > 1 || (info->n_states > 0 && only)) return false;
        if (info->n_states > 0) only = &info->states[0];
    }
    g->counts.state = before; /* those of triggers follow the operator's own */
    return only && only->n_fields == 1 && only->fields[0].type == WEIR_I64 && only->fields[0].offset == 0;
}

weir_status weir__counts_ask(struct weir__general *g, struct weir_error *error)
{
    const struct weir_window_config *c = g->config;
    struct weir__counts *counts = &g->counts;
    struct weir_instance *in = g->triggers[0];
    weir_firing firing = WEIR_CONTINUE;
    int64_t every = 0;
    counts->laid_out = c->assigner->info->flags & WEIR_ONE_WINDOW && g->node->n_key_fields > 0 && !g->crosses &&
                       c->n_aggregates > 0 && !c->evictor;
    if (!counts->laid_out || !WEIR_HAS(weir_trigger, g->trigger, every) || !g->trigger->every) return WEIR_OK;
    weir_status s = g->trigger->every(in->part.self, &in->cx, &every, &firing);
    if (s == WEIR_OK) s = g->op.error.status;
    if (s == WEIR_OK && (every < 0 || (every > 0 && !(firing & WEIR_FIRE)) || (uint32_t)firing > WEIR_FIRE_AND_PURGE))
        s = weir_op_fail(&g->op, WEIR_E_PLUGIN,
                         "every said %lld rows and %u; a trigger that counts fires after one row or more, and one that does "
                         "not says 0",
                         (long long)every, (unsigned)firing);
    if (s != WEIR_OK) {
        s = weir_instance_failed(in, s, "every");
        *error = g->op.error;
        return s;
    }
    if (every == 0 || !keeps_one_count(g)) return WEIR_OK;
    counts->every = every;
    counts->purges = firing & WEIR_PURGE;
    counts->short_way = !c->function;
    return WEIR_OK;
}

void weir__counts_finish(struct weir__general *g)
{
    weir_free(g->counts.values);
    weir_free(g->counts.created);
    weir_free(g->counts.firing);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static weir_status reserve(struct weir__general *g, size_t n)
{
    struct weir__counts *counts = &g->counts;
    if (n <= counts->capacity) return WEIR_OK;
    if (!WEIR_TRY_RESIZE(counts->values, n) || !WEIR_TRY_RESIZE(counts->created, (n + 7) / 8) ||
        !WEIR_TRY_RESIZE(counts->firing, n))
        return weir__no_window_memory(g);
    counts->capacity = n;
    return WEIR_OK;
}

/* The window gets its first row. What a restore has made of its empty content goes. */
static void begin_content(struct weir__general *g, int64_t row)
{
    void *value = g->counts.values[row];
    struct weir__count kept = *weir__count_of(g, value);
    weir_aggregates_clear(&g->aggregates, g->state, value);
    *weir__count_of(g, value) = (struct weir__count){.rows = kept.rows, .begun = 1};
    g->counts.created[row >> 3] |= (uint8_t)(1u << (row & 7));
}

/* Counts rows from `from` on, up to one whose window fires in this run already. Gives where the run ends. */
static int64_t count_run(struct weir__general *g, int64_t from, int64_t n, size_t *n_firing)
{
    struct weir__counts *counts = &g->counts;
    int64_t i = from;
    for (; i < n; i++) {
        struct weir__count *c = weir__count_of(g, counts->values[i]);
        if (c->fires) break;
        if (!c->begun) begin_content(g, i);
        if (++c->rows < counts->every) continue;
        c->fires = 1;
        counts->firing[(*n_firing)++] = (uint32_t)i;
    }
    return i;
}

static weir_status fire(struct weir__general *g, const struct weir_rows *rows, uint32_t row)
{
    static const weir_window all = {INT64_MIN, INT64_MAX};
    void *value = g->counts.values[row];
    weir_status s = weir__general_use_row_key(g, rows, row);
    if (s == WEIR_OK) s = weir__pane_give(g, &all, value);
    if (s != WEIR_OK) return s;
    if (g->counts.purges) {
        weir_aggregates_clear(&g->aggregates, g->state, value);
        return WEIR_OK;
    }
    struct weir__count *c = weir__count_of(g, value);
    c->rows = 0;
    c->fires = 0;
    return WEIR_OK;
}

static weir_status handle_run(struct weir__general *g, const struct weir_rows *rows, int64_t *row)
{
    int64_t n = rows->view.length, from = *row;
    size_t n_firing = 0;
    *row = count_run(g, from, n, &n_firing);
    weir_status s = weir_aggregates_add_run(&g->aggregates, g->counts.values, g->counts.created, from, *row, n);
    for (size_t i = 0; s == WEIR_OK && i < n_firing; i++) s = fire(g, rows, g->counts.firing[i]);
    weir_count(&g->op.counters.accepted, (uint64_t)(*row - from));
    return s;
}

static weir_status count_rows(struct weir_op *op, uint32_t input, struct weir_rows *rows, int64_t *row)
{
    struct weir__general *g = general_of(op);
    g->side = input;
    weir_status s = weir__triggers_begin(g, rows);
    if (s == WEIR_OK) s = reserve(g, (size_t)rows->view.length);
    if (s != WEIR_OK) return s;
    rows = g->triggers[0]->rows; /* with their keys */
    s = weir_aggregates_begin(&g->aggregates, rows);
    if (s == WEIR_OK)
        s = g->state->ops->value_edit_rows(g->state, g->aggregates.at, rows, g->node->key_fields, g->node->n_key_fields,
                                           NULL, rows->view.length, 0, g->counts.values, NULL);
    if (s != WEIR_OK) return s == WEIR_E_MEMORY ? weir__no_window_memory(g) : s;
    memset(g->counts.created, 0, (size_t)(rows->view.length + 7) / 8);
    while (s == WEIR_OK && *row < rows->view.length && op->outbox.n == 0) s = handle_run(g, rows, row);
    g->state->ops->settle(g->state);
    if (s == WEIR_OK) s = weir__pane_emit(g);
    if (s != WEIR_OK) return s;
    bool done = *row == rows->view.length;
    s = weir_aggregates_end(&g->aggregates);
    weir_status ended = weir__triggers_end(g, true);
    if (s != WEIR_OK || ended != WEIR_OK) return s != WEIR_OK ? s : ended;
    return done ? WEIR_OK : WEIR_MORE;
}

const struct weir_op_class weir__count_class = {.name = "window",
                                                .open = weir__general_open,
                                                .prepare = weir__general_prepare,
                                                .rows = count_rows,
                                                .snapshot = weir__general_snapshot,
                                                .restore = weir__general_restore,
                                                .exchange_state = weir__general_exchange_state,
                                                .close = weir__general_close,
                                                .destroy = weir__general_destroy};
