/* operator/backend.h - where the keyed state of one operator in one subtask lives: on the heap, or in a backend's store.
 *
 * Floor 5. Made by whoever deploys, for each operator; its store is opened by the coordinator with the operator's first set
 * of state, in a directory of its own, and closed and removed after the operator. Used by the subtask's thread in between.
 */
#ifndef WEIR_OPERATOR_BACKEND_H
#define WEIR_OPERATOR_BACKEND_H

#include "graph/stream_graph.h"
#include "loader/part.h"
#include "operator/op.h"
#include "state/store.h"

struct weir_op_backend {
    const struct weir_state_config *config; /* NULL, or without a backend: the heap */
    struct weir_registry *registry;
    struct weir_part_instance instance;
    struct weir_state_store *store; /* NULL: not opened */
    char *directory;
};
void weir_op_backend_finish(struct weir_op_backend *, const struct weir_platform *); /* zeroed is fine */
/* Its store, for the operator that runs in this env; on the heap there is nothing to open. */
WEIR_CHECKED weir_status weir_op_backend_open(struct weir_op_backend *, const struct weir_op_env *, struct weir_error *);
/* A set in it, once it is open. */
struct weir_state_set *weir_op_backend_set(struct weir_op_backend *, const struct weir_state_layout *layouts,
                                           uint32_t n_states, uint32_t first_group, uint32_t last_group);

static inline bool weir_op_backend_is_heap(const struct weir_op_backend *b)
{
    return !b->config || !b->config->backend;
}

/* A set of keyed state for the operator that runs in this env. */
WEIR_CHECKED weir_status weir_op_state_create(const struct weir_op_env *, const struct weir_state_layout *layouts,
                                              uint32_t n_states, uint32_t first_group, uint32_t last_group,
                                              struct weir_state_set **, struct weir_error *);

/* What its store could not do, which fails the operator whatever it returned; NULL: nothing. */
static inline const struct weir_error *weir_op_state_failure(const struct weir_op *op)
{
    const struct weir_op_backend *b = op->env->backend;
    return b && b->store ? weir_state_store_failure(b->store) : NULL;
}

#endif
