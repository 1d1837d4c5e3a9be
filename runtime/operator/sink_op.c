/* sink_op.c - a sink component at the end of a chain. Subtask's thread, but for persist.
 *
 * Its transactions (weir/sink.h) are a list of bytes in the snapshot: items of the list "transactions", dealt out in
 * contiguous runs when the parallelism changes. What is restored before open is kept until the component is open. persist
 * runs on the coordinator's thread, on a second instance with an operator of its own for its errors: the two threads share
 * nothing.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/running.h"
#include "operator/instance.h"
#include "operator/ops.h"
#include "state/unkeyed.h"

#define TRANSACTIONS "transactions"

struct sink_op {
    struct weir_op op;
    struct weir_instance *instance;
    const weir_sink *vtable;
    struct weir_unkeyed_states unkeyed;
    weir_transaction *restored; /* until open; their bytes are owned */
    size_t n_restored, restored_capacity;
    struct weir_op aside;            /* [coordinator] of `persister`; its outbox stays empty */
    struct weir_instance *persister; /* NULL: the component makes nothing durable */
};

static struct sink_op *sink_of(struct weir_op *op)
{
    return (struct sink_op *)(void *)op;
}

/* What every callback of a sink ends with: errors named, scratch given back. */
static weir_status after(struct sink_op *k, weir_status s, const char *callback, bool done)
{
    if (s < 0) return weir_instance_failed(k->instance, s, callback);
    weir_status ended = weir_instance_end(k->instance, done);
    return ended < 0 ? ended : s;
}

static void forget_restored(struct sink_op *k)
{
    for (size_t i = 0; i < k->n_restored; i++) weir_free((void *)(uintptr_t)k->restored[i].bytes);
    weir_free(k->restored);
    k->restored = NULL;
    k->n_restored = k->restored_capacity = 0;
}

static weir_status open_op(struct weir_op *op)
{
    struct sink_op *k = sink_of(op);
    weir_ctx *cx = &k->instance->cx;
    weir_status s = WEIR_OK;
    if (k->vtable->open) s = after(k, k->vtable->open(k->instance->part.self, cx), "open", false);
    for (size_t i = 0; s >= 0 && i < k->n_restored; i++)
        s = after(k, k->vtable->restore(k->instance->part.self, cx, &k->restored[i]), "restore", false);
    forget_restored(k);
    weir_unkeyed_forget_raw(k->unkeyed.set);
    return s;
}

static weir_status write_rows(struct weir_op *op, uint32_t input, struct weir_rows *rows, int64_t *row)
{
    struct sink_op *k = sink_of(op);
    (void)input;
    if (!k->instance->rows) {
        weir_status s = weir_instance_begin(k->instance, rows);
        if (s != WEIR_OK) return s;
    }
    int64_t before = *row;
    weir_status s = k->vtable->write(k->instance->part.self, &k->instance->cx, &k->instance->view, row);
    if (s >= 0) s = weir_instance_check_row(k->instance, s, "write", before, *row);
    if (s >= 0 && *row > before) weir_count(&op->counters.rows_out, (uint64_t)(*row - before));
    return after(k, s, "write", s == WEIR_OK);
}

static weir_status flush_op(struct weir_op *op)
{
    struct sink_op *k = sink_of(op);
    return k->vtable->flush ? after(k, k->vtable->flush(k->instance->part.self, &k->instance->cx), "flush", false) : WEIR_OK;
}

static weir_status finish_op(struct weir_op *op)
{
    struct sink_op *k = sink_of(op);
    return k->vtable->finish ? after(k, k->vtable->finish(k->instance->part.self, &k->instance->cx), "finish", false)
                             : WEIR_OK;
}

/* ---- checkpoints ------------------------------------------------------------------------------------------------- */

static weir_status add_transaction(void *to, const void *bytes, size_t n)
{
    return weir_snapshot_add_bytes(to, bytes, n);
}

static weir_status cut_component(struct sink_op *k, int64_t checkpoint, struct weir_snapshot *to)
{
    if (!k->vtable->snapshot) return WEIR_OK;
    struct weir_snapshot_list *list = weir_snapshot_list(to, TRANSACTIONS, WEIR_DEAL_SPLIT);
    k->instance->is_cut = true;
    weir_status s = k->vtable->snapshot(k->instance->part.self, &k->instance->cx, checkpoint, add_transaction, list);
    k->instance->is_cut = false;
    return after(k, s, "snapshot", false);
}

static weir_status snapshot_op(struct weir_op *op, int64_t checkpoint, struct weir_snapshot *to)
{
    struct sink_op *k = sink_of(op);
    weir_status s = cut_component(k, checkpoint, to);
    if (s == WEIR_OK && k->unkeyed.set) s = weir_unkeyed_cut(k->unkeyed.set, true, to, &op->error);
    weir_unkeyed_forget_raw(k->unkeyed.set);
    return s;
}

static weir_status keep_restored(void *arg, const struct weir_saved_bytes *saved)
{
    struct sink_op *k = arg;
    void *bytes = weir_alloc(saved->bytes.n + 1);
    if (saved->bytes.n) memcpy(bytes, saved->bytes.p, saved->bytes.n);
    WEIR_GROW(k->restored, k->restored_capacity, k->n_restored + 1);
    k->restored[k->n_restored++] = (weir_transaction){.struct_size = sizeof(weir_transaction),
                                                      .own = saved->owner == k->op.env->subtask,
                                                      .subtask = saved->subtask,
                                                      .checkpoint = k->op.env->restored,
                                                      .bytes = bytes,
                                                      .n = saved->bytes.n};
    return WEIR_OK;
}

static weir_status restore_op(struct weir_op *op, const struct weir_snapshot *from, uint32_t n)
{
    struct sink_op *k = sink_of(op);
    weir_status s = weir_restore_bytes(from, n, op->env->parallelism, TRANSACTIONS, keep_restored, k, &op->error);
    if (s == WEIR_OK && k->n_restored > 0 && !k->vtable->restore)
        s = weir_op_fail(op, WEIR_E_CONFIG,
                         "there are saved transactions for it, but this sink takes part in no checkpoint");
    if (s == WEIR_OK && k->unkeyed.set)
        s = weir_unkeyed_restore(k->unkeyed.set, from, n, op->env->subtask, op->env->parallelism, &op->error);
    return s;
}

static weir_status committed_op(struct weir_op *op, int64_t checkpoint)
{
    struct sink_op *k = sink_of(op);
    if (!k->vtable->committed) return WEIR_OK;
    return after(k, k->vtable->committed(k->instance->part.self, &k->instance->cx, checkpoint), "committed", false);
}

/* The items of the list as the component gave them. */
struct items {
    weir_str *all;
    size_t n;
};
static weir_status take_item(void *arg, const struct weir_saved_bytes *saved)
{
    struct items *items = arg;
    if (!items->all) items->all = weir_alloc_array(saved->total, sizeof *items->all);
    items->all[items->n++] = saved->bytes;
    return WEIR_OK;
}

static weir_status persist_op(struct weir_op *op, const struct weir_snapshot *cut, struct weir_error *error)
{
    struct sink_op *k = sink_of(op);
    struct items items = {0};
    if (!k->persister) return WEIR_OK;
    k->aside.error.status = WEIR_OK;
    weir_status s = weir_restore_bytes(cut, 1, 1, TRANSACTIONS, take_item, &items, error);
    if (s != WEIR_OK) return s;
    weir_running_begin(&k->aside.place);
    s = k->vtable->persist(k->persister->part.self, &k->persister->cx, items.all, items.n);
    weir_running_end();
    s = s < 0 ? weir_instance_failed(k->persister, s, "persist") : weir_instance_end(k->persister, false);
    if (s < 0) weir_error_set(error, s, "%s: %s", op->where, k->aside.error.text);
    weir_free(items.all);
    return s;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static void close_op(struct weir_op *op)
{
    struct sink_op *k = sink_of(op);
    if (k->vtable->close) k->vtable->close(k->instance->part.self, &k->instance->cx);
}

static void destroy_op(struct weir_op *op)
{
    struct sink_op *k = sink_of(op);
    weir_instance_destroy(k->instance);
    weir_instance_destroy(k->persister);
    forget_restored(k);
    weir_unkeyed_states_finish(&k->unkeyed);
    weir_outbox_finish(&op->outbox);
    weir_free(op);
}

static const struct weir_op_class sink_class = {.name = "sink",
                                                .open = open_op,
                                                .rows = write_rows,
                                                .flush = flush_op,
                                                .finish = finish_op,
                                                .snapshot = snapshot_op,
                                                .restore = restore_op,
                                                .committed = committed_op,
                                                .persist = persist_op,
                                                .close = close_op,
                                                .destroy = destroy_op,
                                                .finishes_when_stopped = true};

struct weir_op *weir_sink_op_create(const struct weir_stream_node *node, const struct weir_op_env *env,
                                    struct weir_registry *registry, const char *where, struct weir_error *error)
{
    struct sink_op *k = weir_alloc(sizeof *k);
    weir_op_init(&k->op, &sink_class, env, where);
    k->op.accepts_selection = node->part->info->flags & WEIR_ACCEPTS_SELECTION;
    weir_unkeyed_states_init(&k->unkeyed, node->part->info);
    struct weir_instance_options o = {.op = &k->op, .registry = registry, .unkeyed = k->unkeyed.set};
    if (weir_instance_create_for_node(node, &o, &k->instance, error) != WEIR_OK) {
        destroy_op(&k->op);
        return NULL;
    }
    k->vtable = k->instance->part.vtable;
    weir_unkeyed_states_own(&k->unkeyed, k->instance);
    if (!k->vtable->persist) return &k->op;
    weir_op_init(&k->aside, &sink_class, env, where);
    o.op = &k->aside;
    o.unkeyed = NULL;
    if (weir_instance_create_for_node(node, &o, &k->persister, error) != WEIR_OK) {
        destroy_op(&k->op);
        return NULL;
    }
    return &k->op;
}
