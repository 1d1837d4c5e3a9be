/* source_op.c - a source component: its splits, their watermarks, and its malformed records. Subtask's thread.
 *
 * Every split that this subtask was dealt, read or not yet, has a part in the watermark minimum from the start (INT64_MIN
 * until it says otherwise)
 * and leaves it when it is done. With a `time:` step each split has a watermark generator of its own; without one the source
 * may emit its own
 * watermarks. When all splits are done: a last watermark INT64_MAX, then the end.
 */
#include <string.h>

#include "base/alloc.h"
#include "operator/ops.h"
#include "operator/watermarker.h"
#include "state/unkeyed.h"
#include "time/published.h"

struct split {
    weir_split split; /* description owned */
    struct weir_watermarker watermarker;
    struct weir_published_time published;
    bool done;
    void *position; /* it was restored, and goes on there; owned; NULL: from the start */
    size_t n_position;
};

struct source_op {
    struct weir_op op;
    const struct weir_stream_node *node;
    struct weir_registry *registry;
    struct weir_instance *instance;
    const weir_source *vtable;
    struct weir_unkeyed_states unkeyed;
    struct split *splits;
    size_t n_splits, splits_capacity;
    size_t n_open;         /* of them, those that were not read to their end before this run */
    struct split *current; /* that rows belong to; NULL: none began */
    struct weir_minimum minimum;
    bool idle, ended;
    struct weir_builder malformed; /* port 1: raw, file, offset, reason */
};

static struct source_op *source_of(struct weir_op *op)
{
    return (struct source_op *)(void *)op;
}

/* ---- watermarks of splits ---------------------------------------------------------------------------------------- */

/* Tells the stream what has become of the minimum: a status change, a watermark. */
static weir_status tell(struct source_op *s, bool grew)
{
    weir_status status = WEIR_OK;
    bool idle = s->minimum.idle && s->minimum.n > 0;
    if (s->idle && !idle) status = weir_op_emit_mark(&s->op, WEIR_ELEMENT_IDLE, 0);
    if (status == WEIR_OK && grew) status = weir_op_emit_mark(&s->op, WEIR_ELEMENT_WATERMARK, s->minimum.last);
    if (status == WEIR_OK && idle && !s->idle) status = weir_op_emit_mark(&s->op, WEIR_ELEMENT_IDLE, 1);
    s->idle = idle;
    return status;
}

/* Something has come from a split. The clock is asked: a blocking source may have waited inside this step. */
static void hear(struct source_op *s, struct split *split)
{
    const struct weir_platform *p = s->op.env->platform;
    s->op.now_ms = p->wall_ms(p->self);
    weir_publish_heard(&split->published, s->op.now_ms);
}

static weir_status on_rows(void *arg, struct weir_rows *rows)
{
    return weir_op_emit(arg, 0, rows);
}
static weir_status on_watermark(void *arg, int64_t watermark)
{
    struct source_op *s = arg;
    weir_publish_time(&s->current->published, watermark, WEIR_TIME_ALIGNED);
    return tell(s, weir_minimum_set(&s->minimum, s->current->split.id, watermark));
}
static struct weir_watermarker_target target_of(struct source_op *s)
{
    return (struct weir_watermarker_target){.rows = on_rows, .watermark = on_watermark, .arg = s};
}

static weir_status tell_idle(struct source_op *s, struct split *split, bool idle)
{
    weir_publish_time(&split->published, split->watermarker.last, idle ? WEIR_TIME_IDLE : WEIR_TIME_ALIGNED);
    return tell(s, weir_minimum_idle(&s->minimum, split->split.id, idle));
}

static weir_status tick_split(struct source_op *s, struct split *split, int64_t now_ms)
{
    struct weir_watermarker_target to = target_of(s);
    struct split *current = s->current;
    bool idle;
    s->current = split;
    weir_status status = weir_watermarker_tick(&split->watermarker, now_ms, &to, &idle);
    s->current = current;
    if (status == WEIR_OK && idle) status = tell_idle(s, split, true);
    return status;
}

static weir_status tick(struct weir_op *op, int64_t now_ms)
{
    struct source_op *s = source_of(op);
    weir_status status = WEIR_OK;
    op->next_due_ms = now_ms + s->node->time.interval_ms;
    for (size_t i = 0; status == WEIR_OK && i < s->n_splits; i++) {
        if (!s->splits[i].done) status = tick_split(s, &s->splits[i], now_ms);
    }
    return status;
}

/* ---- what the component calls ------------------------------------------------------------------------------------ */

static struct split *find_split(struct source_op *s, uint64_t id)
{
    for (size_t i = 0; i < s->n_splits; i++) {
        if (s->splits[i].split.id == id) return &s->splits[i];
    }
    weir_op_fail(&s->op, WEIR_E_PLUGIN, "the source named split %llu, which this subtask was not given",
                 (unsigned long long)id);
    return NULL;
}

static weir_status emit_rows(void *arg, struct weir_rows *rows)
{
    struct source_op *s = arg;
    if (!s->current && s->n_splits == 1) s->current = &s->splits[0];
    if (!s->current || s->current->done) {
        weir_rows_release(rows);
        return weir_op_fail(&s->op, WEIR_E_PLUGIN, "the source emitted rows outside of a split; call split_begin first");
    }
    rows->split = s->current->split.id;
    hear(s, s->current);
    atomic_store_explicit(&s->op.time.rows_ms, s->op.now_ms, memory_order_relaxed);
    if (!s->node->time.present) return weir_op_emit(&s->op, 0, rows);
    struct weir_watermarker_target to = target_of(s);
    return weir_watermarker_rows(&s->current->watermarker, rows, &to);
}

/* Rows emitted so far leave under the split they came from. */
static weir_status flush_rows(struct source_op *s)
{
    return s->instance->cx.host->flush(&s->instance->cx, 0);
}

static weir_status split_begin(void *arg, uint64_t id)
{
    struct source_op *s = arg;
    if (s->current && s->current->split.id == id) return WEIR_OK;
    weir_status status = flush_rows(s);
    if (status != WEIR_OK) return status;
    s->current = find_split(s, id);
    return s->current ? WEIR_OK : WEIR_E_PLUGIN;
}

static weir_status split_watermark(void *arg, uint64_t id, int64_t watermark)
{
    struct source_op *s = arg;
    struct split *split = find_split(s, id);
    if (!split) return WEIR_E_PLUGIN;
    weir_status status = flush_rows(s);
    if (status != WEIR_OK || s->node->time.generator || watermark <= split->watermarker.last) return status;
    split->watermarker.last = watermark;
    hear(s, split);
    weir_publish_time(&split->published, watermark, WEIR_TIME_ALIGNED);
    return tell(s, weir_minimum_set(&s->minimum, id, watermark));
}

static weir_status split_idle(void *arg, uint64_t id, bool idle)
{
    struct source_op *s = arg;
    struct split *split = find_split(s, id);
    if (!split) return WEIR_E_PLUGIN;
    weir_status status = flush_rows(s);
    return status == WEIR_OK ? tell_idle(s, split, idle) : status;
}

static weir_status split_done(void *arg, uint64_t id)
{
    struct source_op *s = arg;
    struct split *split = find_split(s, id);
    if (!split) return WEIR_E_PLUGIN;
    weir_status status = flush_rows(s);
    if (status != WEIR_OK || split->done) return status;
    const struct weir_platform *p = s->op.env->platform;
    if (s->node->time.generator)
        status = tick_split(s, split, p->wall_ms(p->self)); /* A4: a generator emits once more at its end */
    split->done = true;
    hear(s, split);
    weir_publish_time(&split->published, split->watermarker.last, WEIR_TIME_FINISHED);
    if (s->current == split) s->current = NULL;
    bool grew = weir_minimum_remove(&s->minimum, id);
    return status == WEIR_OK ? tell(s, grew && s->minimum.n > 0) : status;
}

/* ---- malformed records ------------------------------------------------------------------------------------------- */

static weir_status put_bytes(struct source_op *s, uint32_t column, const char *bytes, size_t n)
{
    struct weir_builder *b = &s->malformed;
    weir_out_column *c = &b->out.columns[column];
    int32_t at = c->offsets[b->out.length];
    if ((int64_t)n > c->bytes_capacity - at && weir_builder_reserve_bytes(b, column, n) != WEIR_OK) {
        return weir_op_fail(&s->op, WEIR_E_MEMORY, "no memory for a malformed record of %zu bytes", n);
    }
    if (n > 0) memcpy((char *)c->data + at, bytes, n);
    c->offsets[b->out.length + 1] = at + (int32_t)n;
    return WEIR_OK;
}

static weir_status flush_malformed(struct source_op *s)
{
    if (s->node->malformed != WEIR_MALFORMED_SIDE_OUTPUT || s->malformed.out.length == 0) return WEIR_OK;
    int32_t forgotten;
    struct weir_rows *rows = weir_builder_take(&s->malformed, 0, NULL, &forgotten);
    if (!rows) return weir_op_fail(&s->op, WEIR_E_MEMORY, "no memory for malformed records");
    weir_status status = weir_op_emit(&s->op, 1, rows);
    s->instance->cx.full = s->op.outbox.n > 0;
    return status;
}

static weir_status set_aside(struct source_op *s, weir_str raw, const char *file, int64_t offset, const char *reason)
{
    struct weir_builder *b = &s->malformed;
    weir_status status = put_bytes(s, 0, raw.p, raw.n);
    if (status == WEIR_OK) status = put_bytes(s, 1, file, strlen(file));
    ((int64_t *)b->out.columns[2].data)[b->out.length] = offset;
    if (status == WEIR_OK) status = put_bytes(s, 3, reason, strlen(reason));
    if (status != WEIR_OK) return status;
    b->out.time[b->out.length] = WEIR_NO_TIME;
    return ++b->out.length < b->out.capacity ? WEIR_OK : flush_malformed(s);
}

static weir_status reject(void *arg, weir_str raw, const char *file, int64_t offset, const char *reason)
{
    struct source_op *s = arg;
    weir_count(&s->op.counters.rejected, 1);
    switch (s->node->malformed) {
    case WEIR_MALFORMED_SKIP: return WEIR_OK;
    case WEIR_MALFORMED_SIDE_OUTPUT: return set_aside(s, raw, file, offset, reason);
    case WEIR_MALFORMED_FAIL: break;
    }
    int shown = raw.n < 200 ? (int)raw.n : 200;
    return weir_op_fail(&s->op, WEIR_E_DATA,
                        "%s: malformed record at byte %lld: %s\n  record: %.*s%s\n  (set `malformed: skip` to count and "
                        "drop such records, or `malformed: "
                        "side_output` to keep them)",
                        file, (long long)offset, reason, shown, raw.p, raw.n > 200 ? "..." : "");
}

static const struct weir_instance_source services = {.emit = emit_rows,
                                                     .split_begin = split_begin,
                                                     .split_watermark = split_watermark,
                                                     .split_idle = split_idle,
                                                     .split_done = split_done,
                                                     .reject = reject};

/* ---- the chain's calls ------------------------------------------------------------------------------------------- */

static weir_status open_splits(struct source_op *s)
{
    weir_status status = WEIR_OK;
    for (size_t i = 0; status == WEIR_OK && i < s->n_splits; i++) {
        struct split *split = &s->splits[i];
        if (split->done) continue; /* before the checkpoint that this run goes on from */
        weir_minimum_add(&s->minimum, split->split.id);
        status = weir_watermarker_open(&split->watermarker);
        if (status != WEIR_OK) break;
        status = s->vtable->add_split(s->instance->part.self, &s->instance->cx, &split->split, split->position,
                                      split->n_position);
        if (status < 0) return weir_instance_failed(s->instance, status, "add_split");
    }
    return status;
}

static weir_status open_op(struct weir_op *op)
{
    struct source_op *s = source_of(op);
    const struct weir_platform *p = op->env->platform;
    bool ticks = s->node->time.interval_ms > 0 && (s->node->time.generator || s->node->time.idle_after_ms > 0);
    if (ticks) op->next_due_ms = p->wall_ms(p->self) + s->node->time.interval_ms;
    weir_status status = s->vtable->open ? s->vtable->open(s->instance->part.self, &s->instance->cx) : WEIR_OK;
    if (status < 0) return weir_instance_failed(s->instance, status, "open");
    status = open_splits(s);
    weir_unkeyed_forget_raw(s->unkeyed.set);
    return status;
}

static weir_progress end_stream(struct source_op *s)
{
    s->ended = true;
    s->op.next_due_ms = INT64_MAX;
    weir_status status = flush_malformed(s);
    if (status == WEIR_OK) status = weir_op_emit_mark(&s->op, WEIR_ELEMENT_WATERMARK, INT64_MAX);
    if (status == WEIR_OK) status = weir_op_emit_mark(&s->op, WEIR_ELEMENT_END, 0);
    return status == WEIR_OK ? WEIR_DONE : WEIR_FAILED;
}

static weir_progress poll(struct weir_op *op, int64_t max_rows)
{
    struct source_op *s = source_of(op);
    struct weir_instance *in = s->instance;
    if (s->ended) return WEIR_DONE;
    if (s->n_open == 0) return end_stream(s);
    in->cx.full = 0;
    weir_progress progress = s->vtable->poll(in->part.self, &in->cx, max_rows);
    atomic_exchange(&in->woken,
                    0); /* whoever set it set the reason first, and the reasons are looked at before the next poll */
    if (progress == WEIR_FAILED) {
        weir_instance_failed(in, op->error.status < 0 ? op->error.status : WEIR_E_PLUGIN, "poll");
        return WEIR_FAILED;
    }
    if (weir_instance_end(in, false) != WEIR_OK || flush_malformed(s) != WEIR_OK) return WEIR_FAILED;
    if (progress == WEIR_DONE) return end_stream(s);
    return op->outbox.n > 0 ? WEIR_MADE : progress;
}

/* ---- checkpoints ------------------------------------------------------------------------------------------------- */

/* The component's position of a split, in memory that the caller frees. */
static weir_status position_of(struct source_op *s, const struct split *split, int64_t checkpoint, void **position,
                               size_t *n)
{
    size_t capacity = 256;
    for (*position = NULL;; capacity = *n) {
        weir_free(*position);
        *position = weir_alloc(capacity);
        *n = 0;
        weir_status status =
            s->vtable->position(s->instance->part.self, &s->instance->cx, checkpoint, &split->split, *position, capacity, n);
        if (status < 0) return weir_instance_failed(s->instance, status, "position");
        if (*n <= capacity) return WEIR_OK;
    }
}

/* What the component holds outside its states goes into them now. */
static weir_status flush_component(struct source_op *s, int64_t checkpoint)
{
    struct weir_instance *in = s->instance;
    if (!WEIR_HAS(weir_source, s->vtable, snapshot) || !s->vtable->snapshot) return WEIR_OK;
    in->is_cut = true;
    weir_status status = s->vtable->snapshot(in->part.self, &in->cx, checkpoint);
    in->is_cut = false;
    if (status < 0) return weir_instance_failed(in, status, "snapshot");
    return in->op->error.status; /* a callback that went on after fail() has failed all the same */
}

static weir_status snapshot_states(struct source_op *s, int64_t checkpoint, struct weir_snapshot *to)
{
    weir_status status = flush_component(s, checkpoint);
    if (status == WEIR_OK && s->unkeyed.set) status = weir_unkeyed_cut(s->unkeyed.set, true, to, &s->op.error);
    weir_unkeyed_forget_raw(s->unkeyed.set);
    return status;
}

static weir_status restore(struct weir_op *op, const struct weir_snapshot *from, uint32_t n)
{
    struct source_op *s = source_of(op);
    if (!s->unkeyed.set) return WEIR_OK;
    return weir_unkeyed_restore(s->unkeyed.set, from, n, op->env->subtask, op->env->parallelism, &op->error);
}

static weir_status snapshot(struct weir_op *op, int64_t checkpoint, struct weir_snapshot *to)
{
    struct source_op *s = source_of(op);
    weir_status status = snapshot_states(s, checkpoint, to);
    struct weir_snapshot_list *list = weir_snapshot_list(to, WEIR_SPLITS_LIST, WEIR_DEAL_UNION);
    for (size_t i = 0; status == WEIR_OK && i < s->n_splits; i++) {
        struct split *split = &s->splits[i];
        void *position = NULL;
        size_t n = 0;
        if (!split->done && s->vtable->position) status = position_of(s, split, checkpoint, &position, &n);
        struct weir_saved_split saved = {
            .id = split->split.id, .description = split->split.description, .done = split->done, .position = {position, n}};
        if (status == WEIR_OK && weir_snapshot_add_split(list, &saved) != WEIR_OK)
            status = weir_op_fail(op, WEIR_E_MEMORY, "no memory for a snapshot");
        weir_free(position);
    }
    return status;
}

static weir_status committed(struct weir_op *op, int64_t checkpoint)
{
    struct source_op *s = source_of(op);
    if (!s->vtable->committed) return WEIR_OK;
    weir_status status = s->vtable->committed(s->instance->part.self, &s->instance->cx, checkpoint);
    return status < 0 ? weir_instance_failed(s->instance, status, "committed") : WEIR_OK;
}

static void interrupt(struct weir_op *op)
{
    _Atomic uint32_t *woken = &source_of(op)->instance->woken;
    atomic_store_explicit(woken, 1, memory_order_release);
    op->env->platform->wake_waits(op->env->platform->self, woken);
}

static void close_op(struct weir_op *op)
{
    struct source_op *s = source_of(op);
    for (size_t i = 0; i < s->n_splits; i++) weir_watermarker_close(&s->splits[i].watermarker);
    if (s->vtable->close) s->vtable->close(s->instance->part.self, &s->instance->cx);
}

static void destroy_op(struct weir_op *op)
{
    struct source_op *s = source_of(op);
    for (size_t i = 0; i < s->n_splits; i++) {
        weir_watermarker_finish(&s->splits[i].watermarker);
        weir_free((void *)(uintptr_t)s->splits[i].split.description.p);
        weir_free(s->splits[i].position);
    }
    weir_free(s->splits);
    weir_minimum_finish(&s->minimum);
    weir_builder_finish(&s->malformed);
    weir_instance_destroy(s->instance);
    weir_unkeyed_states_finish(&s->unkeyed);
    weir_outbox_finish(&op->outbox);
    weir_free(s);
}

static const struct weir_op_class source_class = {.name = "source",
                                                  .open = open_op,
                                                  .processing_time = tick,
                                                  .poll = poll,
                                                  .snapshot = snapshot,
                                                  .restore = restore,
                                                  .committed = committed,
                                                  .interrupt = interrupt,
                                                  .close = close_op,
                                                  .destroy = destroy_op};

struct weir_op *weir_source_op_create(const struct weir_stream_node *node, const struct weir_op_env *env,
                                      struct weir_registry *registry, const char *where, struct weir_error *error)
{
    struct source_op *s = weir_alloc(sizeof *s);
    weir_op_init(&s->op, &source_class, env, where);
    s->node = node;
    s->registry = registry;
    weir_minimum_init(&s->minimum);
    weir_unkeyed_states_init(&s->unkeyed, node->part->info);
    struct weir_instance_options o = {
        .op = &s->op, .registry = registry, .source = &services, .source_arg = s, .unkeyed = s->unkeyed.set};
    weir_status status = weir_instance_create_for_node(node, &o, &s->instance, error);
    if (status == WEIR_OK && node->malformed == WEIR_MALFORMED_SIDE_OUTPUT) {
        status = weir_builder_init(&s->malformed, env->pool, node->outputs[1].schema, NULL, 0, env->batch_rows, true, false,
                                   error);
    }
    if (status != WEIR_OK) {
        destroy_op(&s->op);
        return NULL;
    }
    s->vtable = s->instance->part.vtable;
    weir_unkeyed_states_own(&s->unkeyed, s->instance);
    return &s->op;
}

weir_status weir_source_op_add_split(struct weir_op *op, const struct weir_op_split *split, struct weir_error *error)
{
    struct source_op *s = source_of(op);
    WEIR_GROW(s->splits, s->splits_capacity, s->n_splits + 1);
    struct split *to = &s->splits[s->n_splits];
    *to = (struct split){0};
    weir_publish_init(&to->published);
    weir_status status =
        weir_watermarker_init(&to->watermarker, &s->node->time, op, s->registry, s->node->outputs[0].schema, error);
    if (status != WEIR_OK) return status;
    s->n_splits++;
    s->n_open += !split->done;
    to->done = split->done;
    if (split->n_position > 0) {
        to->position = weir_alloc(split->n_position);
        memcpy(to->position, split->position, split->n_position);
        to->n_position = split->n_position;
    }
    to->split = (weir_split){.struct_size = sizeof to->split,
                             .id = split->id,
                             .description = {weir_strndup(split->description, split->n), split->n}};
    return WEIR_OK;
}

size_t weir_source_op_splits(const struct weir_op *op)
{
    return ((const struct source_op *)(const void *)op)->n_splits;
}

const struct weir_published_time *weir_source_op_split_time(const struct weir_op *op, size_t i, weir_split *split)
{
    const struct split *s = &((const struct source_op *)(const void *)op)->splits[i];
    *split = s->split;
    return &s->published;
}

/* ---- discovery
 * ------------------------------------------------------------------------------------------------------------------------
 * */

static weir_status add_found(void *to, const weir_split *split)
{
    struct weir_op_splits *found = to;
    WEIR_GROW(found->splits, found->capacity, found->n + 1);
    found->splits[found->n++] = (struct weir_op_split){
        .id = split->id, .description = weir_strndup(split->description.p, split->description.n), .n = split->description.n};
    return WEIR_OK;
}

weir_status weir_source_discover(const struct weir_stream_node *node, const struct weir_op_env *env,
                                 struct weir_registry *registry, const char *where, struct weir_op_splits *found,
                                 struct weir_error *error)
{
    struct weir_op *op = weir_source_op_create(node, env, registry, where, error);
    if (!op) return error->status;
    struct weir_instance *in = source_of(op)->instance;
    in->unkeyed = NULL; /* the splits are asked for once, not by a subtask */
    weir_status s = source_of(op)->vtable->discover(in->part.self, &in->cx, add_found, found);
    if (s < 0) {
        weir_instance_failed(in, s, "discover");
        weir_error_set(error, s, "%s", op->error.text);
    }
    op->class->destroy(op);
    return s < 0 ? s : WEIR_OK;
}

void weir_splits_finish(struct weir_op_splits *splits)
{
    for (size_t i = 0; i < splits->n; i++) {
        weir_free(splits->splits[i].description);
        weir_free(splits->splits[i].position);
    }
    weir_free(splits->splits);
    *splits = (struct weir_op_splits){0};
}
