/* move.c - see the header. */
#include "operator/move.h"

#define ITEMS_PER_STEP 256 /* so that other subtasks of the slot, and other members of the chain, get their turn */

/* ---- the coordinator's side -------------------------------------------------------------------------------------- */

weir_status weir_op_move_open(struct weir_op_move *m, const struct weir_op *op, const struct weir_state_config *config,
                              struct weir_error *error)
{
    *m = (struct weir_op_move){.backend = {.config = config, .registry = op->env->backend->registry}};
    return weir_op_backend_open(&m->backend, op->env, error);
}

void weir_op_move_order(struct weir_op_move *m, struct weir_op *op, int64_t barrier)
{
    m->barrier = barrier;
    atomic_store_explicit(&op->move, m, memory_order_release);
}

bool weir_op_move_withdraw(struct weir_op_move *m)
{
    uint32_t expected = WEIR_MOVE_ORDERED;
    return atomic_compare_exchange_strong(&m->state, &expected, WEIR_MOVE_WITHDRAWN) || expected == WEIR_MOVE_WITHDRAWN;
}

void weir_op_move_finish(struct weir_op_move *m, const struct weir_platform *platform)
{
    if (m->set) m->set->ops->destroy(m->set);
    m->set = NULL;
    weir_op_backend_finish(&m->backend, platform);
}

/* ---- the subtask's side ------------------------------------------------------------------------------------------ */

static int64_t now_of(const struct weir_op *op)
{
    return op->env->platform->monotonic_ns(op->env->platform->self);
}

static void end(struct weir_op_move *m, struct weir_op *op, enum weir_op_move_state state)
{
    m->ended_ns = now_of(op);
    atomic_store_explicit(&op->move, NULL, memory_order_relaxed);
    atomic_store_explicit(&m->state, state, memory_order_release);
}

static void take_over(struct weir_op_move *m, struct weir_op *op)
{
    struct weir_op_backend was = *op->env->backend;
    *op->env->backend = m->backend;
    m->backend = was;
    m->set = op->class->exchange_state(op, m->set);
    end(m, op, WEIR_MOVE_MOVED);
}

static void stay(struct weir_op_move *m, struct weir_op *op, weir_status s)
{
    const struct weir_error *why = m->backend.store ? weir_state_store_failure(m->backend.store) : NULL;
    if (why)
        m->error = *why;
    else
        weir_error_set(&m->error, s, "no memory for a copy of the keyed state");
    end(m, op, WEIR_MOVE_STAYED);
}

static void begin(struct weir_op_move *m, struct weir_op *op)
{
    struct weir_state_set *from = op->class->exchange_state(op, NULL);
    m->begun_ns = now_of(op);
    m->set = weir_op_backend_set(&m->backend, from->layouts, from->n_states, from->first_group, from->last_group);
    weir_state_copy_begin(&m->copy, from, m->set);
}

/* Its own state may fail too: then there is nothing to go on with. */
static weir_status copy(struct weir_op_move *m, struct weir_op *op)
{
    int64_t before = now_of(op);
    weir_status s = weir_state_copy_step(&m->copy, ITEMS_PER_STEP);
    const struct weir_error *why = weir_op_state_failure(op);
    if (why) return why->status;
    if (s == WEIR_OK && m->backend.store && weir_state_store_failure(m->backend.store)) s = WEIR_E_IO;
    m->copied_ns += now_of(op) - before;
    if (s == WEIR_MORE) return s;
    if (s == WEIR_OK)
        take_over(m, op);
    else
        stay(m, op, s);
    return WEIR_OK;
}

weir_status weir_op_move_at(struct weir_op *op, int64_t barrier)
{
    struct weir_op_move *m = atomic_load_explicit(&op->move, memory_order_acquire);
    uint32_t expected = WEIR_MOVE_ORDERED;
    if (!m || m->barrier != barrier) return WEIR_OK;
    if (atomic_compare_exchange_strong(&m->state, &expected, WEIR_MOVE_COPYING)) {
        begin(m, op);
    } else if (expected == WEIR_MOVE_WITHDRAWN) {
        atomic_store_explicit(&op->move, NULL, memory_order_relaxed);
        return WEIR_OK;
    }
    return copy(m, op);
}
