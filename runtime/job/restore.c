/* restore.c - see the header. */
#include "job/restore.h"

#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/text.h"
#include "operator/backend.h"

static bool has_state(const struct weir_saved_operator *op)
{
    for (uint32_t i = 0; i < op->parallelism; i++) {
        const struct weir_snapshot *s = &op->parts[i];
        if (s->n_entries > 0) return true;
        for (size_t k = 0; k < s->n_lists; k++) {
            if (s->lists[k].n > 0) return true;
        }
    }
    return false;
}

static bool has_groups(const struct weir_saved_operator *op)
{
    for (uint32_t i = 0; i < op->parallelism; i++) {
        if (op->parts[i].n_groups > 0) return true;
    }
    return false;
}

/* Its component has no use for keys: what it kept by key would be lost without a word. Windows without a key have one of
 * their own. */
static bool lost_its_key(const struct weir_saved_operator *from, const struct weir_stream_node *node)
{
    return has_groups(from) && node->kind == WEIR_NODE_OPERATOR && node->n_key_fields == 0;
}

weir_status weir__restore_op(const struct weir_saved *saved, const struct weir_stream_node *node, bool drop,
                             struct weir_op *op, struct weir_error *error)
{
    const struct weir_saved_operator *from = saved ? weir_saved_find(saved, node->id) : NULL;
    if (!from || !has_state(from)) return WEIR_OK;
    if (has_groups(from) && from->max_parallelism != node->max_parallelism)
        return weir_error_set(error, WEIR_E_CONFIG,
                              "its state has %u key groups, and its max_parallelism is %u; they must be equal: write "
                              "max_parallelism: %u",
                              from->max_parallelism, node->max_parallelism, from->max_parallelism);
    if (!op->class->restore) {
        if (node->kind == WEIR_NODE_SOURCE) return WEIR_OK; /* its splits say where they go on */
        if (drop) return WEIR_OK;
        return weir_error_set(error, WEIR_E_CONFIG,
                              "there is saved state for it, but %s keeps none; to lose it on purpose: --allow-non-restored",
                              op->class->name);
    }
    if (lost_its_key(from, node) && !drop)
        return weir_error_set(
            error, WEIR_E_CONFIG,
            "there is state that was saved for it by key, and it has no key_by now; give it its key back, or "
            "lose that state on purpose with --allow-non-restored");
    if (lost_its_key(from, node))
        weir_log(WEIR_WARN, "checkpoint", "what '%s' kept by key is dropped: it has no key_by now", node->id);
    weir_status s = op->class->restore(op, from->parts, from->parallelism);
    const struct weir_error *of_state = weir_op_state_failure(op);
    if (of_state) op->error = *of_state;
    if (s < 0 || of_state) *error = op->error;
    return of_state ? of_state->status : s;
}

static weir_status add_split(void *arg, const struct weir_saved_split *saved)
{
    struct weir_op_splits *to = arg;
    WEIR_GROW(to->splits, to->capacity, to->n + 1);
    struct weir_op_split *split = &to->splits[to->n++];
    *split = (struct weir_op_split){.id = saved->id,
                                    .description = weir_strndup(saved->description.p, saved->description.n),
                                    .n = saved->description.n,
                                    .position = saved->position.n ? weir_alloc(saved->position.n) : NULL,
                                    .n_position = saved->position.n,
                                    .done = saved->done};
    if (split->position) memcpy(split->position, saved->position.p, saved->position.n);
    return WEIR_OK;
}

weir_status weir__restore_splits(const struct weir_saved *saved, const struct weir_stream_node *node,
                                 struct weir_op_splits *to, bool *any, struct weir_error *error)
{
    const struct weir_saved_operator *from = saved ? weir_saved_find(saved, node->id) : NULL;
    *any = false;
    return from ? weir_restore_splits(from->parts, from->parallelism, add_split, to, any, error) : WEIR_OK;
}

weir_status weir__restore_check(const struct weir_saved *saved, const struct weir_stream_graph *graph, bool drop,
                                struct weir_error *error)
{
    for (size_t i = 0; saved && i < saved->n; i++) {
        const struct weir_saved_operator *op = &saved->operators[i];
        bool known = !has_state(op);
        for (uint32_t k = 0; k < graph->n_nodes; k++) known |= strcmp(graph->nodes[k]->id, op->id) == 0;
        if (!known && drop)
            weir_log(WEIR_WARN, "checkpoint", "the saved state of '%s' is dropped: this job has no such node", op->id);
        else if (!known)
            return weir_error_set(
                error, WEIR_E_CONFIG,
                "the saved job had state for '%s', but this job has no such node; state belongs to the ids of "
                "nodes: give the node its id back, or lose its state on purpose with --allow-non-restored",
                op->id);
    }
    return WEIR_OK;
}

static void adopt_groups(struct weir_stream_graph *graph, const char *uid, uint32_t groups)
{
    for (uint32_t i = 0; i < graph->n_nodes; i++) {
        struct weir_stream_node *node = graph->nodes[i];
        if (strcmp(node->uid, uid) == 0 && !node->before_key) node->max_parallelism = groups;
    }
}

void weir_restore_adopt(const struct weir_saved *saved, struct weir_stream_graph *graph)
{
    for (uint32_t i = 0; i < graph->n_nodes; i++) {
        const struct weir_stream_node *node = graph->nodes[i];
        const struct weir_saved_operator *from = weir_saved_find(saved, node->id);
        bool open = node->open_max_parallelism && from && from->max_parallelism != node->max_parallelism;
        if (open && has_groups(from) && node->parallelism <= from->max_parallelism)
            adopt_groups(graph, node->uid, from->max_parallelism);
    }
}
