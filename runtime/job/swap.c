/* swap.c - see the header. */
#include "job/swap.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

struct weir_swap *weir__swap_create(const struct weir_run *run, const char *node, const struct weir_state_config *config)
{
    struct weir_swap *s = weir_alloc(sizeof *s);
    *s = (struct weir_swap){.node = weir_strdup(node), .config = config, .run = run};
    return s;
}

void weir__swap_close(struct weir_swap *s)
{
    for (uint32_t i = 0; s->moves && i < s->run->n_ops; i++) {
        if (!s->moves[i]) continue;
        weir_op_move_finish(s->moves[i], s->run->platform);
        weir_free(s->moves[i]);
    }
    weir_free(s->moves);
    s->moves = NULL;
    s->n_moves = 0;
}

void weir__swap_close_stores(struct weir_swap *s)
{
    for (uint32_t i = 0; s->moves && i < s->run->n_ops; i++) {
        struct weir_op_move *m = s->moves[i];
        if (m && m->backend.store && !weir_state_store_is_read(m->backend.store)) weir_op_move_finish(m, s->run->platform);
    }
}

void weir__swap_destroy(struct weir_swap *s)
{
    if (!s) return;
    WEIR_ASSERT(!s->moves);
    weir_free(s->moved);
    weir_free(s->node);
    weir_free(s);
}

/* ---- beginning --------------------------------------------------------------------------------------------------- */

static bool is_named(const struct weir_swap *s, const struct weir_stream_node *node)
{
    return !s->node || strcmp(node->id, s->node) == 0 || strcmp(node->uid, s->node) == 0;
}

static const char *name_of(const struct weir_state_config *config)
{
    return config && config->backend ? config->name : "heap";
}

static bool is_there(const struct weir_swap *s, const struct weir_op *op)
{
    return strcmp(name_of(op->env->backend->config), name_of(s->config)) == 0;
}

static weir_status refuse(const struct weir_swap *s, uint32_t named, uint32_t keeping, struct weir_error *error)
{
    const struct weir_stream_graph *g = s->run->graph;
    if (named == 0) {
        const char **ids = weir_alloc_array(g->n_nodes + 1, sizeof *ids);
        for (uint32_t i = 0; i < g->n_nodes; i++) ids[i] = g->nodes[i]->uid;
        const char *near = weir_nearest(s->node, ids, g->n_nodes);
        weir_error_set(error, WEIR_E_CONFIG, "the job has no node '%s'%s%s%s", s->node, near ? "; did you mean '" : "",
                       near ? near : "", near ? "'?" : "");
        weir_free(ids);
        return error->status;
    }
    if (keeping == 0 && !s->node) return weir_error_set(error, WEIR_E_CONFIG, "no node of the job keeps keyed state");
    if (keeping == 0)
        return weir_error_set(error, WEIR_E_CONFIG,
                              "node '%s' keeps no keyed state; windows, joins, reductions and components with states keep "
                              "some, after key_by",
                              s->node);
    return weir_error_set(error, WEIR_E_CONFIG, "the keyed state of %s%s%s is in %s already", s->node ? "node '" : "the job",
                          s->node ? s->node : "", s->node ? "'" : "", name_of(s->config));
}

weir_status weir__swap_open(struct weir_swap *s, struct weir_error *error)
{
    const struct weir_run *run = s->run;
    uint32_t named = s->node ? 0 : 1, keeping = 0;
    weir_status status = WEIR_OK;
    s->moves = weir_alloc_array(run->n_ops + 1, sizeof *s->moves);
    for (uint32_t i = 0; status == WEIR_OK && i < run->n_ops; i++) {
        struct weir_op *op = run->ops[i].op;
        if (!is_named(s, run->graph->nodes[run->ops[i].node])) continue;
        named++;
        if (!op->class->exchange_state || !op->class->exchange_state(op, NULL)) continue;
        keeping++;
        if (is_there(s, op)) continue;
        s->moves[i] = weir_alloc(sizeof **s->moves);
        s->n_moves++;
        status = weir_op_move_open(s->moves[i], op, s->config, error);
    }
    if (status == WEIR_OK && s->n_moves == 0) status = refuse(s, named, keeping, error);
    if (status != WEIR_OK) weir__swap_close(s);
    return status;
}

void weir__swap_order(struct weir_swap *s, int64_t barrier)
{
    for (uint32_t i = 0; i < s->run->n_ops; i++) {
        if (s->moves[i]) weir_op_move_order(s->moves[i], s->run->ops[i].op, barrier);
    }
}

/* ---- under way --------------------------------------------------------------------------------------------------- */

static enum weir_op_move_state state_of(const struct weir_op_move *m)
{
    return (enum weir_op_move_state)atomic_load_explicit(&m->state, memory_order_acquire);
}

void weir__swap_withdraw(struct weir_swap *s)
{
    for (uint32_t i = 0; s->moves && i < s->run->n_ops; i++) {
        if (s->moves[i]) (void)weir_op_move_withdraw(s->moves[i]);
    }
}

bool weir__swap_is_copying(const struct weir_swap *s)
{
    for (uint32_t i = 0; s->moves && i < s->run->n_ops; i++) {
        if (s->moves[i] && state_of(s->moves[i]) == WEIR_MOVE_COPYING) return true;
    }
    return false;
}

int64_t weir__swap_ended_ns(const struct weir_swap *s)
{
    int64_t last = 0;
    for (uint32_t i = 0; s->moves && i < s->run->n_ops; i++) {
        if (!s->moves[i]) continue;
        enum weir_op_move_state state = state_of(s->moves[i]);
        bool is_done = state == WEIR_MOVE_MOVED || state == WEIR_MOVE_STAYED;
        if (is_done && s->moves[i]->ended_ns > last) last = s->moves[i]->ended_ns;
    }
    return last;
}

bool weir__swap_is_decided(const struct weir_swap *s)
{
    for (uint32_t i = 0; s->moves && i < s->run->n_ops; i++) {
        if (s->moves[i] && state_of(s->moves[i]) <= WEIR_MOVE_COPYING) return false;
    }
    return true;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static void note(struct weir_swap *s, uint32_t i)
{
    const struct weir_op_move *m = s->moves[i];
    const struct weir_run_op *op = &s->run->ops[i];
    bool has_moved = state_of(m) == WEIR_MOVE_MOVED;
    s->moved[s->n_moved++] = (struct weir_moved){.node = s->run->graph->nodes[op->node]->id,
                                                 .subtask = op->env.subtask,
                                                 .has_moved = has_moved,
                                                 .entries = has_moved ? m->copy.entries : 0,
                                                 .pause_ns = has_moved ? m->ended_ns - m->begun_ns : 0,
                                                 .copy_ns = has_moved ? m->copied_ns : 0};
}

static weir_status fail(const struct weir_swap *s, const struct weir_run_op *op, const char *why, struct weir_error *error)
{
    return weir_error_set(error, WEIR_E_IO,
                          "the keyed state of node '%s' stays where it was in subtask %u, and perhaps in others: %s; ask "
                          "again to move what is left, or for the other backend to move the rest back",
                          s->run->graph->nodes[op->node]->id, op->env.subtask, why);
}

weir_status weir__swap_end(struct weir_swap *s, bool late, int64_t timeout_ms, struct weir_error *error)
{
    weir_status status = WEIR_OK;
    char in_time[96];
    snprintf(in_time, sizeof in_time, "its barrier had not come there within %" PRId64 " ms (checkpoint.timeout)",
             timeout_ms);
    s->answered = true;
    s->moved = weir_alloc_array(s->n_moves + 1, sizeof *s->moved);
    for (uint32_t i = 0; i < s->run->n_ops; i++) {
        struct weir_op_move *m = s->moves[i];
        if (!m) continue;
        note(s, i);
        enum weir_op_move_state state = state_of(m);
        if (status == WEIR_OK && state == WEIR_MOVE_STAYED) status = fail(s, &s->run->ops[i], m->error.text, error);
        if (status == WEIR_OK && state == WEIR_MOVE_WITHDRAWN && late) status = fail(s, &s->run->ops[i], in_time, error);
    }
    weir__swap_close_stores(s);
    return status;
}
