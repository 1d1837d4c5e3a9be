/* sink_op.c - a sink component at the end of a chain. Subtask's thread. */
#include "base/alloc.h"
#include "operator/instance.h"
#include "operator/ops.h"

struct sink_op {
    struct weir_op op;
    struct weir_instance *instance;
    const weir_sink *vtable;
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

static weir_status open_op(struct weir_op *op)
{
    struct sink_op *k = sink_of(op);
    return k->vtable->open ? after(k, k->vtable->open(k->instance->part.self, &k->instance->cx), "open", false) : WEIR_OK;
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

static void close_op(struct weir_op *op)
{
    struct sink_op *k = sink_of(op);
    if (k->vtable->close) k->vtable->close(k->instance->part.self, &k->instance->cx);
}

static void destroy_op(struct weir_op *op)
{
    weir_instance_destroy(sink_of(op)->instance);
    weir_outbox_finish(&op->outbox);
    weir_free(op);
}

static const struct weir_op_class sink_class = {.name = "sink",
                                                .open = open_op,
                                                .rows = write_rows,
                                                .flush = flush_op,
                                                .finish = finish_op,
                                                .close = close_op,
                                                .destroy = destroy_op,
                                                .finishes_when_stopped = true};

struct weir_op *weir_sink_op_create(const struct weir_stream_node *node, const struct weir_op_env *env,
                                    struct weir_registry *registry, const char *where, struct weir_error *error)
{
    struct sink_op *k = weir_alloc(sizeof *k);
    weir_op_init(&k->op, &sink_class, env, where);
    k->op.accepts_selection = node->part->info->flags & WEIR_ACCEPTS_SELECTION;
    struct weir_instance_options o = {.op = &k->op, .registry = registry};
    if (weir_instance_create_for_node(node, &o, &k->instance, error) != WEIR_OK) {
        destroy_op(&k->op);
        return NULL;
    }
    k->vtable = k->instance->part.vtable;
    return &k->op;
}
