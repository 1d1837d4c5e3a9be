/* time_op.c - timestamps and watermarks assigned in mid-stream. Subtask's thread.
 *
 * Swallows the upstream's watermarks and idle marks, but for INT64_MAX (semantics A4). Idleness is probed at the periodic
 * emission; the stream is active again
 * once a larger watermark is emitted.
 */
#include "base/alloc.h"
#include "operator/ops.h"
#include "operator/watermarker.h"

struct time_op {
    struct weir_op op;
    struct weir_watermarker watermarker;
    bool idle;
};

static struct time_op *time_of(struct weir_op *op)
{
    return (struct time_op *)(void *)op;
}

static weir_status emit_rows(void *arg, struct weir_rows *rows)
{
    return weir_op_emit(arg, 0, rows);
}

static weir_status emit_watermark(void *arg, int64_t watermark)
{
    struct time_op *t = arg;
    if (t->idle) {
        t->idle = false;
        weir_status s = weir_op_emit_mark(&t->op, WEIR_ELEMENT_IDLE, 0);
        if (s != WEIR_OK) return s;
    }
    return weir_op_emit_mark(&t->op, WEIR_ELEMENT_WATERMARK, watermark);
}

static struct weir_watermarker_target target_of(struct time_op *t)
{
    return (struct weir_watermarker_target){.rows = emit_rows, .watermark = emit_watermark, .arg = t};
}

static weir_status open_op(struct weir_op *op)
{
    struct time_op *t = time_of(op);
    const struct weir_platform *p = op->env->platform;
    if (t->watermarker.config->interval_ms > 0 && t->watermarker.generator)
        op->next_due_ms = p->wall_ms(p->self) + t->watermarker.config->interval_ms;
    return weir_watermarker_open(&t->watermarker);
}

static weir_status assign_rows(struct weir_op *op, uint32_t input, struct weir_rows *rows, int64_t *row)
{
    struct time_op *t = time_of(op);
    (void)input;
    struct weir_rows *own = weir_rows_slice(op->env->pool, rows, 0, rows->view.length);
    if (!own) return weir_op_fail(op, WEIR_E_MEMORY, "no memory for a batch header");
    *row = rows->view.length;
    struct weir_watermarker_target to = target_of(t);
    return weir_watermarker_rows(&t->watermarker, own, &to);
}

static weir_status tick(struct weir_op *op, int64_t now_ms)
{
    struct time_op *t = time_of(op);
    struct weir_watermarker_target to = target_of(t);
    bool idle;
    op->next_due_ms = now_ms + t->watermarker.config->interval_ms;
    weir_status s = weir_watermarker_tick(&t->watermarker, now_ms, &to, &idle);
    if (s != WEIR_OK || !idle || t->idle) return s;
    t->idle = true;
    return weir_op_emit_mark(op, WEIR_ELEMENT_IDLE, 1);
}

static void close_op(struct weir_op *op)
{
    weir_watermarker_close(&time_of(op)->watermarker);
}

static void destroy_op(struct weir_op *op)
{
    struct time_op *t = time_of(op);
    weir_watermarker_finish(&t->watermarker);
    weir_outbox_finish(&op->outbox);
    weir_free(t);
}

static const struct weir_op_class time_class = {.name = "time",
                                                .open = open_op,
                                                .rows = assign_rows,
                                                .processing_time = tick,
                                                .close = close_op,
                                                .destroy = destroy_op,
                                                .swallows_marks = true};

struct weir_op *weir_time_op_create(const struct weir_stream_node *node, const struct weir_op_env *env,
                                    struct weir_registry *registry, const char *where, struct weir_error *error)
{
    struct time_op *t = weir_alloc(sizeof *t);
    weir_op_init(&t->op, &time_class, env, where);
    if (weir_watermarker_init(&t->watermarker, &node->time, &t->op, registry, node->in, error) == WEIR_OK) return &t->op;
    destroy_op(&t->op);
    return NULL;
}
