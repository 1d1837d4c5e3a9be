/* pane.c - the content of a window of the general window operator, and what it gives when it fires. Subtask's thread.
 *
 * Content is an accumulator (state aggregates.at, namespace = content id) or a list of packed rows (WEIR__ROWS), which is
 * one row long where the node reduces and has no evictor (reduction.c). With rows, firing takes them out of state (g->kept),
 * has the evictor drop some, and gives the others, or the one row that they are aggregated or reduced to, to the function
 * (g->given); what the evictor drops is dropped from state too (A5.4). An accumulator that is made for one firing is kept
 * under RECKONING.
 */
#include <string.h>

#include "base/alloc.h"
#include "data/row_codec.h"
#include "window/general_internal.h"

#define RECKONING INT64_MIN /* a namespace that no id has */

/* ---- what is kept ------------------------------------------------------------------------------------------------ */

weir_status weir__pane_init(struct weir__general *g, struct weir_error *error)
{
    weir_status s = WEIR_OK;
    uint32_t n = g->node->n_key_fields;
    if (g->aggregates_made && n > 0) {
        uint32_t *written = weir_alloc_array(n, sizeof *written);
        for (uint32_t i = 0; i < n; i++) written[i] = i;
        s = weir_builder_init(&g->keys, g->op.env->pool, g->aggregates.results.schema, written, n, g->op.env->batch_rows,
                              true, false, error);
        weir_free(written);
    }
    if (s == WEIR_OK && g->keeps_rows)
        s = weir_builder_init(&g->pane, g->op.env->pool, g->node->in, NULL, 0, g->op.env->batch_rows, true, false, error);
    return s;
}

weir_status weir__pane_keep(struct weir__general *g, int64_t content, const weir_batch *rows, int64_t row)
{
    g->packed.n = 0;
    weir_status s = g->crosses ? weir__crossing_pack(g, rows, row) : weir_row_pack(&g->packed, rows, row);
    if (s != WEIR_OK) return weir__no_window_memory(g);
    struct weir__kept_row kept = {rows->time[row], {(const char *)g->packed.p, g->packed.n}};
    if (g->state->ops->list_add(g->state, WEIR__ROWS, &g->key, content, &kept) == WEIR_OK) return WEIR_OK;
    return weir__no_window_memory(g);
}

/* The accumulator; made when it is not there. */
static weir_status edit(struct weir__general *g, int64_t content, void **value)
{
    bool there = g->state->ops->value_get(g->state, g->aggregates.at, &g->key, content);
    *value = g->state->ops->value_edit(g->state, g->aggregates.at, &g->key, content);
    if (!*value) return weir__no_window_memory(g);
    return there ? WEIR_OK : weir_aggregates_create(&g->aggregates, *value);
}

weir_status weir__pane_add(struct weir__general *g, int64_t content, struct weir_rows *rows, int64_t row)
{
    void *value;
    if (g->reduction.instance && !g->evictor) return weir__reduction_add(g, content, &rows->view, row);
    if (g->keeps_rows) return weir__pane_keep(g, content, &rows->view, row);
    weir_status s = edit(g, content, &value);
    return s == WEIR_OK ? weir_aggregates_add_row(&g->aggregates, value, false, row) : s;
}

bool weir__pane_is_empty(struct weir__general *g, int64_t content)
{
    if (g->keeps_rows) return g->state->ops->list_size(g->state, WEIR__ROWS, &g->key, content) == 0;
    return !g->state->ops->value_get(g->state, g->aggregates.at, &g->key, content);
}

void weir__pane_clear(struct weir__general *g, int64_t content)
{
    if (g->keeps_rows)
        g->state->ops->clear(g->state, WEIR__ROWS, &g->key, content);
    else
        g->state->ops->clear(g->state, g->aggregates.at, &g->key, content);
}

/* A copy of kept row i whose bytes are in g->packed: the list may move while it is used. */
static weir_status copy_kept(struct weir__general *g, int64_t content, size_t i, struct weir__kept_row *copy)
{
    *copy = *(const struct weir__kept_row *)g->state->ops->list_at(g->state, WEIR__ROWS, &g->key, content, i);
    if (copy->row.n > g->packed.capacity) {
        uint8_t *p = weir_try_realloc(g->packed.p, copy->row.n);
        if (!p) return weir__no_window_memory(g);
        g->packed.p = p;
        g->packed.capacity = copy->row.n;
    }
    memcpy(g->packed.p, copy->row.p, copy->row.n);
    copy->row.p = (const char *)g->packed.p;
    return WEIR_OK;
}

static weir_status merge_rows(struct weir__general *g, int64_t into, int64_t from)
{
    size_t n = g->state->ops->list_size(g->state, WEIR__ROWS, &g->key, from);
    for (size_t i = 0; i < n; i++) {
        struct weir__kept_row kept;
        weir_status s = copy_kept(g, from, i, &kept);
        if (s != WEIR_OK) return s;
        if (g->state->ops->list_add(g->state, WEIR__ROWS, &g->key, into, &kept) != WEIR_OK) return weir__no_window_memory(g);
    }
    return WEIR_OK;
}

static weir_status merge_values(struct weir__general *g, int64_t into, int64_t from)
{
    void *value;
    weir_status s = edit(g, into, &value);
    const void *other = g->state->ops->value_get(g->state, g->aggregates.at, &g->key, from);
    return s == WEIR_OK ? weir_aggregates_merge(&g->aggregates, value, other) : s;
}

weir_status weir__pane_merge(struct weir__general *g, int64_t into, int64_t from)
{
    if (weir__pane_is_empty(g, from)) return WEIR_OK;
    bool reduces = g->reduction.instance && !g->evictor && !weir__pane_is_empty(g, into);
    weir_status s = reduces         ? weir__reduction_merge(g, into, from)
                    : g->keeps_rows ? merge_rows(g, into, from)
                                    : merge_values(g, into, from);
    weir__pane_clear(g, from);
    return s;
}

/* ---- rows out of state ------------------------------------------------------------------------------------------- */

weir_status weir__pane_unpack(struct weir__general *g, const struct weir__kept_row *kept, struct weir_builder *to,
                              int64_t time)
{
    struct weir_error error;
    if (weir_row_unpack((const uint8_t *)kept->row.p, kept->row.n, to, &error) != WEIR_OK)
        return weir_op_fail(&g->op, error.status, "rows of a window cannot be read back: %s", error.text);
    to->out.time[to->out.length++] = time;
    return WEIR_OK;
}

static weir_status take_out(struct weir__general *g, int64_t content, struct weir_rows **rows)
{
    int32_t forgotten;
    size_t n = g->state->ops->list_size(g->state, WEIR__ROWS, &g->key, content);
    if (g->crosses) return weir__crossing_times(g, content, rows);
    if (weir_builder_reserve_rows(&g->pane, (int64_t)n + 1) != WEIR_OK) return weir__no_window_memory(g);
    for (size_t i = 0; i < n; i++) {
        const struct weir__kept_row *kept = g->state->ops->list_at(g->state, WEIR__ROWS, &g->key, content, i);
        weir_status s = weir__pane_unpack(g, kept, &g->pane, kept->time);
        if (s != WEIR_OK) return s;
    }
    *rows = weir_builder_take(&g->pane, 0, NULL, &forgotten);
    return *rows ? WEIR_OK : weir__no_window_memory(g);
}

/* Writes the rows that are not dropped back to state: their copies one behind the other in memory of their own. */
static weir_status write_survivors(struct weir__general *g, int64_t content, const uint8_t *drop, size_t n)
{
    const struct weir_state_ops *ops = g->state->ops;
    size_t bytes = 0, kept = 0, at = 0;
    for (size_t i = 0; i < n; i++) {
        if (weir_bit(drop, (int64_t)i)) continue;
        bytes += ((const struct weir__kept_row *)ops->list_at(g->state, WEIR__ROWS, &g->key, content, i))->row.n;
        kept++;
    }
    struct weir__kept_row *items = weir_try_alloc((kept + 1) * sizeof *items);
    char *memory = weir_try_alloc(bytes + 1);
    for (size_t i = 0, k = 0; items && memory && i < n; i++) {
        if (weir_bit(drop, (int64_t)i)) continue;
        items[k] = *(const struct weir__kept_row *)ops->list_at(g->state, WEIR__ROWS, &g->key, content, i);
        if (items[k].row.n) memcpy(memory + at, items[k].row.p, items[k].row.n);
        items[k].row.p = memory + at;
        at += items[k++].row.n;
    }
    weir_status s = items && memory ? ops->list_update(g->state, WEIR__ROWS, &g->key, content, items, kept) : WEIR_E_MEMORY;
    weir_free(items);
    weir_free(memory);
    return s == WEIR_OK ? s : weir__no_window_memory(g);
}

typedef weir_status evict_fn(void *self, weir_ctx *, const weir_window *, const weir_batch *, uint8_t *drop);

/* Has the evictor look at the rows; those that stay are in *rows afterwards, and in state. */
static weir_status evict(struct weir__general *g, const struct weir__flight *flight, evict_fn *fn, const char *callback,
                         struct weir_rows **rows)
{
    size_t n = (size_t)(*rows)->view.length, bytes = n / 8 + 1, dropped = 0;
    uint8_t *drop = weir_try_alloc(bytes);
    if (!drop) return weir__no_window_memory(g);
    memset(drop, 0, bytes);
    weir_status s = weir_instance_begin(g->evictor, *rows);
    if (s == WEIR_OK) {
        s = fn(g->evictor->part.self, &g->evictor->cx, &flight->window, &g->evictor->view, drop);
        if (s < 0) weir_instance_failed(g->evictor, s, callback);
    }
    weir_status ended = weir_instance_end(g->evictor, true);
    if (s >= 0) s = ended;
    for (size_t i = 0; i < n; i++) dropped += weir_bit(drop, (int64_t)i);
    if (s == WEIR_OK && dropped > 0) {
        s = write_survivors(g, flight->content, drop, n);
        weir_rows_release(*rows);
        *rows = NULL;
        if (s == WEIR_OK) s = take_out(g, flight->content, rows);
    }
    weir_free(drop);
    return s;
}

/* ---- firing ------------------------------------------------------------------------------------------------------ */

static weir_status take_results(struct weir__general *g, struct weir_rows **rows)
{
    int32_t forgotten;
    struct weir_rows *keys = NULL;
    *rows = NULL;
    if (g->node->n_key_fields > 0 && !(keys = weir_builder_take(&g->keys, 0, NULL, &forgotten)))
        return weir__no_window_memory(g);
    *rows = weir_builder_take(&g->aggregates.results, 0, NULL, &forgotten);
    for (uint32_t i = 0; *rows && i < g->node->n_key_fields; i++) (*rows)->columns[i] = keys->columns[i];
    if (*rows && keys) weir_rows_keep(*rows, keys);
    weir_rows_release(keys);
    if (!*rows) return weir__no_window_memory(g);
    if (forgotten < 0) return WEIR_OK;
    weir_rows_release(*rows);
    *rows = NULL;
    return weir_op_fail(&g->op, WEIR_E_PLUGIN, "aggregate '%s' did not write its result",
                        g->config->aggregates[forgotten].name);
}

weir_status weir__pane_emit(struct weir__general *g)
{
    struct weir_rows *rows;
    if (g->function) return weir_instance_flush(g->function);
    if (g->crosses && g->crossing.pairs.function) return weir_instance_flush(g->crossing.pairs.function);
    if (g->reduction.instance) return weir__reduction_emit(g);
    if (!g->aggregates_made || g->aggregates.results.out.length == 0) return WEIR_OK;
    weir_status s = take_results(g, &rows);
    return s == WEIR_OK ? weir_op_emit(&g->op, 0, rows) : s;
}

weir_status weir__pane_give(struct weir__general *g, const weir_window *window, const void *value)
{
    if (g->node->n_key_fields > 0 && weir_key_decode(g->key.p, g->key.n, &g->keys) != WEIR_OK)
        return weir__no_window_memory(g);
    weir_status s = weir_aggregates_result(&g->aggregates, value, window->start, window->end, weir_window_last(window));
    if (s != WEIR_OK) return s;
    if (g->function) return take_results(g, &g->given);
    return g->aggregates.results.out.length == g->aggregates.results.out.capacity ? weir__pane_emit(g) : WEIR_OK;
}

/* Adds up rows that were kept. */
static weir_status reckon(struct weir__general *g, const struct weir__flight *flight, struct weir_rows *rows)
{
    void *value;
    weir_status s = edit(g, RECKONING, &value);
    if (s == WEIR_OK) s = weir_aggregates_begin(&g->aggregates, rows);
    for (int64_t i = 0; s == WEIR_OK && i < rows->view.length; i++)
        s = weir_aggregates_add_row(&g->aggregates, value, false, i);
    if (s == WEIR_OK) s = weir__pane_give(g, &flight->window, value);
    if (s == WEIR_OK) s = weir_aggregates_end(&g->aggregates);
    g->state->ops->clear(g->state, g->aggregates.at, &g->key, RECKONING);
    return s;
}

/* The one row that the kept ones are reduced to; none of none. */
static weir_status reduce(struct weir__general *g, const struct weir__flight *flight)
{
    struct weir_rows *one = NULL;
    weir_status s = WEIR_OK;
    if (g->kept->view.length > 1)
        s = weir__reduction_fold(g, g->kept, &one);
    else
        one = weir_rows_retain(g->kept);
    if (s == WEIR_OK && g->function)
        g->given = weir_rows_retain(one);
    else if (s == WEIR_OK)
        s = weir__reduction_send(g, one, weir_window_last(&flight->window));
    weir_rows_release(one);
    return s;
}

static weir_status give_rows(struct weir__general *g, const struct weir__flight *flight)
{
    weir_status s = g->crosses && !g->evictor ? WEIR_OK : take_out(g, flight->content, &g->kept);
    if (s == WEIR_OK && g->evict && g->evict->before) s = evict(g, flight, g->evict->before, "before", &g->kept);
    if (s != WEIR_OK) return s;
    if (g->crosses) return weir__crossing_take(g, flight->content);
    if (g->aggregates_made) return reckon(g, flight, g->kept);
    if (g->reduction.instance) return reduce(g, flight);
    g->given = weir_rows_retain(g->kept);
    return WEIR_OK;
}

/* What the function emits waits for that of other windows, until weir__pane_emit. */
static weir_status run_function(struct weir__general *g, const struct weir__flight *flight)
{
    struct weir_instance *in = g->function;
    weir_status s = WEIR_OK;
    if (!in->rows) {
        s = weir_instance_begin(in, g->given);
        if (s == WEIR_OK) s = weir_instance_use_key(in, &g->key);
        if (s != WEIR_OK) return s;
    }
    in->ns = flight->id;
    in->cx.full = g->op.outbox.n > 0;
    s = g->process->process(in->part.self, &in->cx, &flight->window, &in->view);
    if (s < 0) return weir_instance_failed(in, s, "process");
    weir_status ended = s == WEIR_OK ? weir_instance_end_holding(in, true) : weir_instance_end(in, false);
    return ended < 0 ? ended : s;
}

static void forget_rows(struct weir_rows **rows)
{
    weir_rows_release(*rows);
    *rows = NULL;
}

weir_status weir__pane_go_on(struct weir__general *g, const struct weir__flight *flight)
{
    weir_status s = g->crosses ? weir__crossing_run(g, flight) : g->given ? run_function(g, flight) : WEIR_OK;
    if (s == WEIR_MORE) return s;
    if (s == WEIR_OK && g->kept && g->evict && g->evict->after) s = evict(g, flight, g->evict->after, "after", &g->kept);
    forget_rows(&g->given);
    forget_rows(&g->kept);
    return s;
}

weir_status weir__pane_fire(struct weir__general *g, const struct weir__flight *flight)
{
    weir_status s;
    if (weir__pane_is_empty(g, flight->content)) return WEIR_OK;
    if (g->keeps_rows)
        s = give_rows(g, flight);
    else
        s = weir__pane_give(g, &flight->window,
                            g->state->ops->value_get(g->state, g->aggregates.at, &g->key, flight->content));
    return s == WEIR_OK ? weir__pane_go_on(g, flight) : s;
}
