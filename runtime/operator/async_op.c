/* async_op.c - an async component in a chain: lookups for many rows at a time. Subtask's thread.
 *
 * Rows and marks enter a queue (async_queue.h) and leave it when their turn has come: a row as what result() makes of its
 * answer, a mark as itself. So the operator takes the next batch, and what follows a watermark, while answers are awaited;
 * it takes nothing more when the queue is full. Then, and at the end of input, it returns MORE with op->will_wake set and
 * sleeps until a completion wakes it or a deadline passes. A barrier waits until the queue is empty, so there is nothing to
 * snapshot.
 *
 * Every call goes the same way: take what was completed, let expire what is overdue, let leave what may, then do what was
 * asked. A result that said MORE stays the first to leave, so nothing comes between its calls.
 */
#include "base/alloc.h"
#include "base/running.h"
#include "base/work_pool.h"
#include "operator/async_queue.h"
#include "operator/instance_internal.h"
#include "operator/ops.h"

struct async_op {
    struct weir_op op;
    struct weir_instance *instance;
    const weir_async *vtable;
    struct weir_async_config config;
    struct weir_async_queue queue;
    struct weir_async_batch *input; /* whose rows are being started; NULL: between batches */
    struct weir_work_pool *pool;    /* NULL before the first work() */
};

static struct async_op *async_of(struct weir_op *op)
{
    return (struct async_op *)(void *)op;
}

/* ---- the host's side: weir.async/1 ------------------------------------------------------------------------------- */

/* [any] */
static void note_completion(void *arg)
{
    struct weir_op *op = arg;
    atomic_store_explicit(&op->due_now, 1, memory_order_release);
    if (op->env->wake) op->env->wake(op->env->wake_arg);
}

static void host_complete(weir_ctx *cx, uint64_t request, weir_status status, const void *data, size_t size)
{
    struct async_op *a = weir_instance_of(cx)->async;
    weir_async_queue_complete(&a->queue, request, status, data, size);
}

/* Pool's threads. */
static void run_work(void *arg, void *piece)
{
    struct async_op *a = arg;
    weir_running_begin(&a->op.place);
    weir_async_queue_run(&a->queue, piece);
    weir_running_end();
}

static weir_status host_work(weir_ctx *cx, uint64_t request, weir_work *fn, void *arg)
{
    struct async_op *a = weir_instance_of(cx)->async;
    struct weir_async_entry *e = weir_async_queue_find(&a->queue, request);
    if (!e || e->working)
        return weir_op_fail(&a->op, WEIR_E_PLUGIN, "work was given for a request that %s; give it once, from start",
                            e ? "has some already" : "is not in flight");
    weir_status s = WEIR_OK;
    if (!a->pool) {
        struct weir_work_pool_options o = {.platform = a->op.env->platform,
                                           .name = "async",
                                           .threads = a->config.threads,
                                           .capacity = a->config.capacity,
                                           .run = run_work,
                                           .arg = a};
        s = weir_work_pool_create(&o, &a->pool, &a->op.error);
    }
    if (s != WEIR_OK) return s;
    e->fn = fn;
    e->arg = arg;
    e->working = true;
    s = weir_work_pool_submit(a->pool, e, &a->op.error);
    if (s != WEIR_OK) e->working = false;
    return s;
}

const void *weir__host_async(void)
{
    static const weir_async_host table = {.struct_size = sizeof table, .complete = host_complete, .work = host_work};
    return &table;
}

/* ---- around the component's callbacks ---------------------------------------------------------------------------- */

/* What is emitted from here on comes from rows of this batch. */
static weir_status use_batch(struct async_op *a, struct weir_async_batch *b)
{
    struct weir_instance *in = a->instance;
    if (in->rows == b->rows) return WEIR_OK;
    weir_status s = weir_instance_end(in, true);
    in->rows = weir_rows_retain(b->rows);
    in->view = b->view;
    return s;
}

static weir_status begin_batch(struct async_op *a, struct weir_rows *rows)
{
    weir_status s = weir_instance_end(a->instance, true);
    if (s == WEIR_OK) s = weir_instance_begin(a->instance, rows);
    if (s != WEIR_OK) return s;
    a->input = weir_async_batch_create(a->instance->rows, &a->instance->view);
    return a->input ? WEIR_OK : weir_op_fail(&a->op, WEIR_E_MEMORY, "no memory for a batch in flight");
}

static void end_batch(struct async_op *a)
{
    weir_async_batch_release(a->input);
    a->input = NULL;
}

/* The end of a call: what was emitted leaves. */
static weir_status end_call(struct async_op *a, weir_status s)
{
    if (s < 0) return s;
    weir_status ended = weir_instance_end(a->instance, weir_async_queue_is_empty(&a->queue) && !a->input);
    a->op.next_due_ms = weir_async_queue_next_deadline(&a->queue);
    return ended < 0 ? ended : s;
}

/* There is no room, or no answer yet: a completion or a deadline will have it called. */
static weir_status wait_for_answers(struct async_op *a)
{
    a->op.will_wake = true;
    return end_call(a, WEIR_MORE);
}

/* ---- leaving the queue ------------------------------------------------------------------------------------------- */

static weir_status give_up(struct async_op *a, const struct weir_async_entry *e)
{
    weir_status s = use_batch(a, e->batch);
    if (s != WEIR_OK) return s;
    a->instance->cx.row = (uint32_t)e->row;
    weir_op_fail(&a->op, WEIR_E_IO,
                 "no answer came within %lld ms; raise the node's timeout, or have the component say in its timeout() what "
                 "becomes of such records",
                 (long long)a->config.timeout_ms);
    return weir_instance_failed(a->instance, WEIR_E_IO, "timeout");
}

static weir_status expire(struct async_op *a)
{
    if (weir_async_queue_next_deadline(&a->queue) == INT64_MAX) return WEIR_OK;
    const struct weir_platform *p = a->op.env->platform;
    int64_t now_ms = p->wall_ms(p->self);
    const struct weir_async_entry *e;
    while ((e = weir_async_queue_expire(&a->queue, now_ms))) {
        if (!a->vtable->timeout) return give_up(a, e);
    }
    return WEIR_OK;
}

static weir_status leave_row(struct async_op *a, const struct weir_async_entry *e)
{
    struct weir_instance *in = a->instance;
    weir_status s = use_batch(a, e->batch);
    if (s != WEIR_OK) return s;
    in->cx.row = (uint32_t)e->row;
    weir_row row = {&e->batch->view, e->row};
    bool late = e->outcome == WEIR_ASYNC_TIMED_OUT;
    s = late ? a->vtable->timeout(in->part.self, &in->cx, row)
             : a->vtable->result(in->part.self, &in->cx, row, e->status, e->answer.p, e->answer.size);
    return s < 0 ? weir_instance_failed(in, s, late ? "timeout" : "result") : s;
}

static weir_status leave_mark(struct async_op *a, const struct weir_async_entry *e)
{
    weir_status s = weir_instance_end(a->instance, false); /* the rows before it */
    if (s != WEIR_OK) return s;
    if (e->kind == WEIR_ELEMENT_WATERMARK) a->op.watermark = e->value;
    return weir_op_emit_mark(&a->op, (enum weir_element_kind)e->kind, e->value);
}

/* OK: what is left in the queue waits for answers. MORE: the output is full, or a result goes on. */
static weir_status turn(struct async_op *a)
{
    struct weir_async_entry *e;
    a->instance->cx.full = a->op.outbox.n > 0;
    atomic_exchange_explicit(&a->op.due_now, 0, memory_order_acq_rel);
    weir_async_queue_take(&a->queue);
    weir_status s = expire(a);
    while (s == WEIR_OK && (e = weir_async_queue_next(&a->queue))) {
        if (a->op.outbox.n > 0) return WEIR_MORE;
        s = e->kind == WEIR_ELEMENT_ROWS ? leave_row(a, e) : leave_mark(a, e);
        if (s == WEIR_OK) weir_async_queue_leave(&a->queue, e);
    }
    return s;
}

/* After something was done that must not be asked for again: what could not leave yet will, as of itself. */
static weir_status turn_later(struct async_op *a)
{
    weir_status s = turn(a);
    if (s == WEIR_MORE) atomic_store_explicit(&a->op.due_now, 1, memory_order_relaxed);
    return s < 0 ? s : WEIR_OK;
}

/* ---- rows and marks ---------------------------------------------------------------------------------------------- */

static int64_t deadline(const struct async_op *a)
{
    const struct weir_platform *p = a->op.env->platform;
    return a->config.timeout_ms > 0 ? p->wall_ms(p->self) + a->config.timeout_ms : INT64_MAX;
}

static weir_status start_rows(struct async_op *a, int64_t *row)
{
    struct weir_instance *in = a->instance;
    int64_t until = deadline(a);
    weir_status s = use_batch(a, a->input);
    while (s == WEIR_OK && *row < a->input->view.length && weir_async_queue_takes_row(&a->queue)) {
        struct weir_async_entry *e = weir_async_queue_add_row(&a->queue, a->input, *row, until);
        uint64_t request = weir_async_request(&a->queue, e);
        in->cx.row = (uint32_t)*row;
        s = a->vtable->start(in->part.self, &in->cx, (weir_row){&a->input->view, *row}, request);
        if (s > 0) s = weir_op_fail(&a->op, WEIR_E_PLUGIN, "start returned WEIR_MORE; it starts one request and is done");
        if (s < 0) return weir_instance_failed(in, s, "start");
        ++*row;
    }
    return s;
}

static weir_status take_rows(struct weir_op *op, uint32_t input, struct weir_rows *rows, int64_t *row)
{
    struct async_op *a = async_of(op);
    (void)input;
    op->will_wake = false;
    weir_status s = turn(a);
    if (s == WEIR_OK && !a->input) s = begin_batch(a, rows);
    while (s == WEIR_OK && *row < rows->view.length && weir_async_queue_takes_row(&a->queue)) {
        s = start_rows(a, row);
        if (s == WEIR_OK) s = turn(a); /* some may be done already */
    }
    if (s != WEIR_OK) return end_call(a, s);
    if (*row < rows->view.length) return wait_for_answers(a);
    end_batch(a);
    return end_call(a, WEIR_OK);
}

static weir_status take_mark(struct weir_op *op, enum weir_element_kind kind, int64_t value)
{
    struct async_op *a = async_of(op);
    op->will_wake = false;
    weir_status s = turn(a);
    if (s != WEIR_OK) return end_call(a, s);
    bool passes = kind == WEIR_ELEMENT_BARRIER && weir_async_queue_is_empty(&a->queue);
    if (passes) return end_call(a, WEIR_OK);
    if (kind == WEIR_ELEMENT_BARRIER || !weir_async_queue_takes_mark(&a->queue)) return wait_for_answers(a);
    weir_async_queue_add_mark(&a->queue, kind, value);
    return end_call(a, turn_later(a));
}

static weir_status on_processing_time(struct weir_op *op, int64_t now_ms)
{
    struct async_op *a = async_of(op);
    (void)now_ms;
    return end_call(a, turn(a));
}

static weir_status finish_op(struct weir_op *op)
{
    struct async_op *a = async_of(op);
    op->will_wake = false;
    weir_status s = turn(a);
    if (s == WEIR_OK && !weir_async_queue_is_empty(&a->queue)) return wait_for_answers(a);
    return end_call(a, s);
}

void weir_async_op_in_flight(struct weir_op *op, void (*each)(void *to, struct weir_rows *, int64_t row), void *to)
{
    const struct weir_async_queue *q = &async_of(op)->queue;
    for (const struct weir_async_entry *e = q->order.first; e; e = e->next) {
        if (e->kind == WEIR_ELEMENT_ROWS) each(to, e->batch->rows, e->row);
    }
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static weir_status open_op(struct weir_op *op)
{
    struct async_op *a = async_of(op);
    if (!a->vtable->open) return WEIR_OK;
    weir_status s = a->vtable->open(a->instance->part.self, &a->instance->cx);
    if (s < 0) return weir_instance_failed(a->instance, s, "open");
    return weir_instance_end(a->instance, false);
}

/* Work ends before the component does: it points into its instance. */
static void close_op(struct weir_op *op)
{
    struct async_op *a = async_of(op);
    struct weir_instance *in = a->instance;
    if (a->pool) {
        in->host.wake(&in->cx);
        weir_work_pool_close(a->pool);
    }
    if (a->vtable->close) a->vtable->close(in->part.self, &in->cx);
}

static void destroy_op(struct weir_op *op)
{
    struct async_op *a = async_of(op);
    weir_work_pool_destroy(a->pool);
    end_batch(a);
    weir_async_queue_finish(&a->queue);
    weir_instance_destroy(a->instance);
    weir_outbox_finish(&op->outbox);
    weir_free(a);
}

static const struct weir_op_class async_class = {.name = "async",
                                                 .open = open_op,
                                                 .rows = take_rows,
                                                 .mark = take_mark,
                                                 .processing_time = on_processing_time,
                                                 .finish = finish_op,
                                                 .close = close_op,
                                                 .destroy = destroy_op,
                                                 .finishes_when_stopped = true};

struct weir_op *weir_async_op_create(const struct weir_stream_node *node, const struct weir_op_env *env,
                                     struct weir_registry *registry, const char *where, struct weir_error *error)
{
    struct async_op *a = weir_try_alloc_aligned(64, sizeof *a);
    if (!a) {
        weir_error_set(error, WEIR_E_MEMORY, "no memory for an operator");
        return NULL;
    }
    *a = (struct async_op){.config = node->async};
    weir_op_init(&a->op, &async_class, env, where);
    struct weir_instance_options o = {.op = &a->op, .registry = registry};
    weir_status s = weir_async_queue_init(&a->queue, a->config.capacity, a->config.ordered, note_completion, &a->op, error);
    if (s == WEIR_OK) s = weir_instance_create_for_node(node, &o, &a->instance, error);
    if (s != WEIR_OK) {
        destroy_op(&a->op);
        return NULL;
    }
    a->instance->async = a;
    a->vtable = a->instance->part.vtable;
    return &a->op;
}
