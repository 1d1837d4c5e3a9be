/* op.c - outboxes and emission: the part of struct weir_op that all operators share. Subtask's thread. */
#include "operator/op.h"

#include <stdarg.h>

#include "base/alloc.h"

static void outbox_push(struct weir_outbox *o, struct weir_element e)
{
    if (o->n == o->capacity) {
        uint32_t capacity = o->capacity ? o->capacity * 2 : 8;
        struct weir_element *elements = weir_alloc_array(capacity, sizeof *elements);
        for (uint32_t i = 0; i < o->n; i++) elements[i] = o->elements[(o->first + i) & (o->capacity - 1)];
        weir_free(o->elements);
        o->elements = elements;
        o->first = 0;
        o->capacity = capacity;
    }
    o->elements[(o->first + o->n++) & (o->capacity - 1)] = e;
}

struct weir_element weir_outbox_pop(struct weir_outbox *o)
{
    WEIR_ASSERT(o->n > 0);
    struct weir_element e = o->elements[o->first];
    o->first = (o->first + 1) & (o->capacity - 1);
    o->n--;
    if (e.kind == WEIR_ELEMENT_ROWS) o->bytes -= e.rows->bytes;
    return e;
}

void weir_outbox_finish(struct weir_outbox *o)
{
    while (o->n > 0) {
        struct weir_element e = weir_outbox_pop(o);
        if (e.kind == WEIR_ELEMENT_ROWS) weir_rows_release(e.rows);
    }
    weir_free(o->elements);
    *o = (struct weir_outbox){0};
}

void weir_op_init(struct weir_op *op, const struct weir_op_class *class, const struct weir_op_env *env, const char *where)
{
    *op = (struct weir_op){.class = class, .env = env, .where = where, .next_due_ms = INT64_MAX, .watermark = INT64_MIN};
    op->place = (struct weir_running_place){.where = where, .subtask = env->subtask};
    op->outbox.limit_bytes = env->overflow_bytes;
    atomic_init(&op->counters.watermark, INT64_MIN);
    atomic_init(&op->time.grew_ms, INT64_MIN);
    atomic_init(&op->time.rows_ms, INT64_MIN);
}

void weir_op_reached(struct weir_op *op, int64_t watermark)
{
    atomic_store_explicit(&op->counters.watermark, watermark, memory_order_relaxed);
    atomic_store_explicit(&op->time.grew_ms, op->now_ms, memory_order_relaxed);
}

weir_status weir_op_emit(struct weir_op *op, uint32_t port, struct weir_rows *rows)
{
    if (rows->view.selected == 0) {
        weir_rows_release(rows);
        return WEIR_OK;
    }
    size_t bytes = rows->bytes; /* that it keeps alive while it waits, whoever else does */
    if (op->outbox.n > 0 && op->outbox.bytes + bytes > op->outbox.limit_bytes) {
        weir_rows_release(rows);
        return weir_op_fail(
            op, WEIR_E_PLUGIN,
            "one call emitted more than the overflow limit of %zu bytes while its output was full; emit less for one row, "
            "return WEIR_MORE when weir_full() says so, or raise defaults.overflow",
            op->outbox.limit_bytes);
    }
    weir_count(&op->counters.rows_out, (uint64_t)rows->view.selected);
    weir_count(&op->counters.batches_out, 1);
    op->outbox.bytes += bytes;
    outbox_push(&op->outbox, (struct weir_element){.kind = WEIR_ELEMENT_ROWS, .port = port, .rows = rows});
    return WEIR_OK;
}

weir_status weir_op_emit_mark(struct weir_op *op, enum weir_element_kind kind, int64_t value)
{
    if (kind == WEIR_ELEMENT_WATERMARK) weir_op_reached(op, value);
    if (kind == WEIR_ELEMENT_IDLE) atomic_store_explicit(&op->time.idle, value != 0, memory_order_relaxed);
    if (kind == WEIR_ELEMENT_END) atomic_store_explicit(&op->time.ended, 1, memory_order_relaxed);
    outbox_push(&op->outbox, (struct weir_element){.kind = kind, .port = WEIR_ALL_PORTS, .value = value});
    return WEIR_OK;
}

weir_status weir_op_fail(struct weir_op *op, weir_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    weir_error_vset(&op->error, status, format, args);
    va_end(args);
    return status;
}
