/* crossing.c - windows over two inputs (semantics A5.7): what the general window operator does when it joins or groups.
 * Subtask's thread.
 *
 * The rows of both inputs are in one list, in order of arrival, each with its side in front of its packed bytes. At firing
 * they are parted. A join gives the pairs of each row of the first with each of the second, in steps of a batch: WEIR_MORE
 * says that there are more, and `at` which is next. An outer join gives the rows of a side alone when the other has none;
 * with a condition it is matching.c that runs.
 * A cogroup function gets both sides as they are.
 */
#include <string.h>

#include "base/alloc.h"
#include "data/row_codec.h"
#include "window/general_internal.h"

weir_status weir__crossing_pack(struct weir__general *g, const weir_batch *rows, int64_t row)
{
    uint8_t *p = g->packed.p;
    if (g->packed.capacity == 0) {
        p = weir_try_realloc(p, 64);
        if (!p) return WEIR_E_MEMORY;
        g->packed.p = p;
        g->packed.capacity = 64;
    }
    p[0] = (uint8_t)g->side;
    g->packed.n = 1;
    return weir_row_pack(&g->packed, rows, row);
}

/* ---- rows out of state ------------------------------------------------------------------------------------------- */

/* All of them as rows without fields, in order of arrival: what an evictor sees. */
weir_status weir__crossing_times(struct weir__general *g, int64_t content, struct weir_rows **rows)
{
    struct weir_builder *b = &g->crossing.times;
    int32_t forgotten;
    size_t n = g->state->ops->list_size(g->state, WEIR__ROWS, &g->key, content);
    if (weir_builder_reserve_rows(b, (int64_t)n + 1) != WEIR_OK) return weir__no_window_memory(g);
    for (size_t i = 0; i < n; i++)
        b->out.time[b->out.length++] =
            ((const struct weir__kept_row *)g->state->ops->list_at(g->state, WEIR__ROWS, &g->key, content, i))->time;
    *rows = weir_builder_take(b, 0, NULL, &forgotten);
    return *rows ? WEIR_OK : weir__no_window_memory(g);
}

static weir_status part_rows(struct weir__general *g, int64_t content)
{
    size_t n = g->state->ops->list_size(g->state, WEIR__ROWS, &g->key, content), most[2] = {0};
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < n; i++) {
            struct weir__kept_row kept =
                *(const struct weir__kept_row *)g->state->ops->list_at(g->state, WEIR__ROWS, &g->key, content, i);
            uint8_t side = (uint8_t)kept.row.p[0];
            kept.row = (weir_str){kept.row.p + 1, kept.row.n - 1};
            if (pass == 0)
                most[side]++;
            else if (weir__pane_unpack(g, &kept, &g->crossing.panes[side], kept.time) != WEIR_OK)
                return g->op.error.status;
        }
        for (int side = 0; pass == 0 && side < 2; side++) {
            if (weir_builder_reserve_rows(&g->crossing.panes[side], (int64_t)most[side] + 1) != WEIR_OK)
                return weir__no_window_memory(g);
        }
    }
    return WEIR_OK;
}

weir_status weir__crossing_take(struct weir__general *g, int64_t content)
{
    struct weir__crossing *c = &g->crossing;
    int32_t forgotten;
    weir_status s = part_rows(g, content);
    for (int side = 0; s == WEIR_OK && side < 2; side++) {
        c->rows[side] = weir_builder_take(&c->panes[side], 0, NULL, &forgotten);
        if (!c->rows[side]) s = weir__no_window_memory(g);
    }
    c->at = 0;
    return s;
}

/* ---- the function ------------------------------------------------------------------------------------------------ */

/* Both sides become what the function sees, in the views of the instance; the second one is looked at for nulls by being
 * the input for a moment. */
static weir_status begin_function(struct weir__general *g)
{
    struct weir__crossing *c = &g->crossing;
    struct weir_instance *in = c->pairs.function;
    weir_status s = weir_instance_begin_input(in, 1, c->rows[1]);
    c->second = in->view;
    if (s == WEIR_OK) s = weir_instance_end(in, true);
    if (s == WEIR_OK) s = weir_instance_begin_input(in, 0, c->rows[0]);
    return s == WEIR_OK ? weir_instance_use_key(in, &g->key) : s;
}

static weir_status run_cogroup(struct weir__general *g, const struct weir__flight *flight)
{
    struct weir__crossing *c = &g->crossing;
    struct weir_instance *in = c->pairs.function;
    in->cx.full = g->op.outbox.n > 0;
    weir_status s = c->cogroup->process(in->part.self, &in->cx, &flight->window, &in->view, &c->second);
    if (s < 0) return weir_instance_failed(in, s, "process");
    weir_status ended = s == WEIR_OK ? weir_instance_end_holding(in, false) : weir_instance_end(in, false);
    return ended < 0 ? ended : s;
}

/* ---- pairs ------------------------------------------------------------------------------------------------------- */

static int64_t rows_or_one(const struct weir__crossing *c, int side, bool may_miss)
{
    int64_t n = c->rows[side]->view.length;
    return n > 0 ? n : may_miss;
}

/* A batch of pairs, from c->at on. */
static weir_status run_pairs(struct weir__general *g, const struct weir__flight *flight)
{
    struct weir__crossing *c = &g->crossing;
    enum weir_join_type type = g->node->join.type;
    int64_t left = rows_or_one(c, 0, type == WEIR_JOIN_RIGHT || type == WEIR_JOIN_FULL);
    int64_t right = rows_or_one(c, 1, type == WEIR_JOIN_LEFT || type == WEIR_JOIN_FULL), total = left * right;
    struct weir__pair_side sides[2];
    for (int i = 0; i < 2; i++)
        sides[i] = (struct weir__pair_side){c->rows[i]->view.length > 0 ? c->rows[i] : NULL, c->origins[i]};
    while (c->at < total) {
        if (g->op.outbox.n > 0) return WEIR_MORE;
        int64_t n = total - c->at, done = c->chunk_done;
        if (n > g->op.env->batch_rows) n = g->op.env->batch_rows;
        for (int64_t i = 0; i < n; i++) {
            c->origins[0][i] = (uint32_t)((c->at + i) / right);
            c->origins[1][i] = (uint32_t)((c->at + i) % right);
        }
        weir_status s = weir__pairs_emit(&c->pairs, sides, WEIR__NO_OWN_SIDE, weir_window_last(&flight->window), n, &done);
        c->chunk_done = s == WEIR_MORE ? done : 0;
        if (s != WEIR_OK) return s;
        c->at += n;
    }
    return WEIR_OK;
}

static weir_status end_crossing(struct weir__crossing *c)
{
    for (int side = 0; side < 2; side++) {
        weir_rows_release(c->rows[side]);
        c->rows[side] = NULL;
    }
    c->begun = false;
    return c->pairs.function ? weir_instance_end_holding(c->pairs.function, true) : WEIR_OK;
}

/* The key of the firing: a call that goes on later needs it again. */
static weir_status keep_key(struct weir__general *g)
{
    struct weir__crossing *c = &g->crossing;
    if (c->key_bytes.capacity < g->key.n) {
        uint8_t *p = weir_try_realloc(c->key_bytes.p, g->key.n);
        if (!p) return weir__no_window_memory(g);
        c->key_bytes.p = p;
        c->key_bytes.capacity = g->key.n;
    }
    memcpy(c->key_bytes.p, g->key.p, g->key.n);
    c->key = g->key;
    c->key.p = c->key_bytes.p;
    return WEIR_OK;
}

weir_status weir__crossing_run(struct weir__general *g, const struct weir__flight *flight)
{
    struct weir__crossing *c = &g->crossing;
    weir_status s = WEIR_OK;
    if (!c->begun) {
        bool pairs = !c->cogroup && c->rows[0]->view.length > 0 && c->rows[1]->view.length > 0;
        s = keep_key(g);
        if (s == WEIR_OK && c->pairs.function && (pairs || c->cogroup)) s = begin_function(g);
        if (s != WEIR_OK) return s;
        if (c->matching.program) s = weir__matching_begin(g);
        if (s != WEIR_OK) return s;
        c->begun = true;
        c->chunk_done = 0;
    }
    if (c->matching.program)
        s = weir__matching_run(g, flight);
    else
        s = c->cogroup ? run_cogroup(g, flight) : run_pairs(g, flight);
    return s == WEIR_OK ? end_crossing(c) : s;
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

weir_status weir__crossing_init(struct weir__general *g, struct weir_registry *registry, struct weir_error *error)
{
    struct weir__crossing *c = &g->crossing;
    struct weir_schema *schemas[] = {g->node->in, g->node->second->in};
    struct weir_schema_builder none = {0};
    struct weir_schema *empty = weir_schema_build(&none);
    const struct weir_op_env *env = g->op.env;
    weir_status s = weir__pairs_init(&c->pairs, &g->op, g->node, registry, error);
    if (s == WEIR_OK && g->node->part && g->node->part->info->kind == WEIR_COGROUP_FUNCTION)
        c->cogroup = c->pairs.function->part.vtable;
    if (s == WEIR_OK) s = weir_builder_init(&c->times, env->pool, empty, NULL, 0, env->batch_rows, true, false, error);
    for (int i = 0; i < 2; i++) {
        if (s == WEIR_OK)
            s = weir_builder_init(&c->panes[i], env->pool, schemas[i], NULL, 0, env->batch_rows, true, false, error);
        c->origins[i] = weir_alloc_array(env->batch_rows, sizeof *c->origins[i]);
    }
    weir_schema_release(empty);
    return s == WEIR_OK && g->node->condition ? weir__matching_init(g, error) : s;
}

weir_status weir__crossing_open(struct weir__general *g)
{
    struct weir__crossing *c = &g->crossing;
    if (!c->cogroup) return weir__pairs_open(&c->pairs);
    struct weir_instance *in = c->pairs.function;
    c->pairs.opened = true;
    if (!c->cogroup->open) return WEIR_OK;
    weir_status s = c->cogroup->open(in->part.self, &in->cx);
    return s < 0 ? weir_instance_failed(in, s, "open") : weir_instance_end(in, false);
}

void weir__crossing_close(struct weir__general *g)
{
    struct weir__crossing *c = &g->crossing;
    if (!c->cogroup) {
        weir__pairs_close(&c->pairs);
        return;
    }
    if (c->pairs.opened && c->cogroup->close) c->cogroup->close(c->pairs.function->part.self, &c->pairs.function->cx);
    c->pairs.opened = false;
}

void weir__crossing_finish(struct weir__general *g)
{
    struct weir__crossing *c = &g->crossing;
    weir__pairs_finish(&c->pairs);
    weir__matching_finish(g);
    weir_builder_finish(&c->times);
    weir_key_bytes_finish(&c->key_bytes);
    for (int i = 0; i < 2; i++) {
        weir_builder_finish(&c->panes[i]);
        weir_rows_release(c->rows[i]);
        weir_free(c->origins[i]);
    }
}
