/* custom_partition.c - see the header. */
#include "operator/custom_partition.h"

#include "base/alloc.h"
#include "base/running.h"
#include "operator/instance.h"

struct weir_custom_partition {
    struct weir_op op; /* for the instance's errors; emits nothing */
    struct weir_instance *instance;
    const weir_partitioner *vtable;
    bool opened;
};

static const struct weir_op_class partition_class = {.name = "partitioner"};

weir_status weir_custom_partition_create(const struct weir_stream_edge *edge, struct weir_schema *schema,
                                         const struct weir_op_env *env, struct weir_registry *registry, const char *where,
                                         struct weir_custom_partition **to, struct weir_error *error)
{
    struct weir_custom_partition *c = weir_alloc(sizeof *c);
    weir_op_init(&c->op, &partition_class, env, where);
    struct weir_instance_options o = {
        .op = &c->op, .registry = registry, .part = edge->part, .in = schema, .args = edge->args, .n_args = edge->n_args};
    weir_status s = weir_instance_create(&o, &c->instance, error);
    if (s != WEIR_OK) {
        weir_custom_partition_destroy(c);
        return s;
    }
    c->vtable = c->instance->part.vtable;
    *to = c;
    return WEIR_OK;
}

void weir_custom_partition_destroy(struct weir_custom_partition *c)
{
    if (!c) return;
    weir_instance_destroy(c->instance);
    weir_outbox_finish(&c->op.outbox);
    weir_free(c);
}

weir_status weir_custom_partition_open(void *arg, struct weir_error *error)
{
    struct weir_custom_partition *c = arg;
    struct weir_instance *in = c->instance;
    weir_running_begin(&c->op.place);
    c->opened = true;
    weir_status s = c->vtable->open ? c->vtable->open(in->part.self, &in->cx) : WEIR_OK;
    if (s < 0)
        weir_instance_failed(in, s, "open");
    else
        s = weir_instance_end(in, false);
    weir_running_end();
    return s < 0 ? weir_error_set(error, s, "%s: %s", c->op.where, c->op.error.text) : s;
}

void weir_custom_partition_close(void *arg)
{
    struct weir_custom_partition *c = arg;
    weir_running_begin(&c->op.place);
    if (c->opened && c->vtable->close) c->vtable->close(c->instance->part.self, &c->instance->cx);
    c->opened = false;
    weir_running_end();
}

static weir_status call(struct weir_custom_partition *c, struct weir_rows *rows, uint32_t n_targets, uint32_t *targets)
{
    struct weir_instance *in = c->instance;
    weir_status s = weir_instance_begin(in, rows);
    if (s != WEIR_OK) return s;
    s = c->vtable->partition(in->part.self, &in->cx, &in->view, n_targets, targets);
    if (s < 0) weir_instance_failed(in, s, "partition");
    weir_status ended = weir_instance_end(in, true);
    return s < 0 ? s : ended;
}

weir_status weir_custom_partition_targets(void *arg, struct weir_rows *rows, uint32_t n_targets, uint32_t *targets,
                                          struct weir_error *error)
{
    struct weir_custom_partition *c = arg;
    const struct weir_running_place *before = weir_running_begin(&c->op.place);
    weir_status s = call(c, rows, n_targets, targets);
    weir_running_begin(before);
    return s < 0 ? weir_error_set(error, s, "%s: %s", c->op.where, c->op.error.text) : s;
}
