/* plugin_op.c - an operator component in a chain: map, filter, flat_map, process, keyed process. Subtask's thread.
 *
 * Timers (semantics A5.1): at watermark W all event timers with ts <= W fire, each removed before its callback; those that
 * callbacks set at or before W fire in the same loop; then the chain sends W on. The loop stops after FIRE_STEP timers, or
 * when an output is full, or when a callback says MORE, and goes on at the next call. Processing-time timers fire when the
 * clock has passed ts, that is from ts + 1 on.
 *
 * A callback that sets a timer at or before the time of its own makes a loop without an end. On the clock such a loop is
 * left with some still due, so that rows and barriers come in between; in event time the order forbids that, and it is told.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/text.h"
#include "operator/ahead.h"
#include "operator/backend.h"
#include "operator/instance_internal.h"
#include "operator/ops.h"
#include "state/ttl.h"
#include "state/unkeyed.h"

#define FIRE_STEP  1024   /* timers per call, so that other subtasks of the slot get their turn */
#define TELL_AGAIN 100000 /* timers that fire as soon as they are set, until that is told */

struct plugin_op {
    struct weir_op op;
    struct weir_instance *instance;
    const weir_operator *vtable;
    struct weir_state_set *state;
    struct weir_state_layout *timed; /* of `state`, where some expire; NULL: none */
    struct weir_state_layout *plain; /* the component's, as borrowed but for their owners, where none does */
    struct weir_state_owner *owners; /* by state */
    uint32_t n_timed, n_states;
    struct weir_ttl *ttl; /* NULL: nothing expires */
    struct weir_unkeyed_states unkeyed;
    struct weir_timers *timers;
    struct weir_op_ahead ahead;
    uint32_t first_group, last_group;
    weir_timer firing; /* the timer whose callback said MORE */
    bool is_firing;
};

static struct plugin_op *plugin_of(struct weir_op *op)
{
    return (struct plugin_op *)(void *)op;
}

static weir_status open_op(struct weir_op *op)
{
    struct plugin_op *p = plugin_of(op);
    weir_status s = p->vtable->open ? p->vtable->open(p->instance->part.self, &p->instance->cx) : WEIR_OK;
    if (s < 0) return weir_instance_failed(p->instance, s, "open");
    weir_unkeyed_forget_raw(p->unkeyed.set);
    return p->vtable->open ? weir_instance_end(p->instance, false) : WEIR_OK;
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

/* The rows that stay, as a selection over the same buffers. */
static weir_status emit_kept(struct plugin_op *p, struct weir_rows *rows, struct weir_buffer *keep)
{
    int64_t n = rows->view.length;
    const uint8_t *null_rows = p->instance->view.null_rows, *selection = rows->view.selection;
    for (int64_t i = 0; null_rows && i < (n + 7) / 8; i++) keep->bytes[i] &= (uint8_t)~null_rows[i];
    for (int64_t i = 0; selection && i < (n + 7) / 8; i++) keep->bytes[i] &= selection[i];
    if (n % 8) keep->bytes[n / 8] &= (uint8_t)((1u << n % 8) - 1); /* whatever the component did beyond its rows */
    int64_t selected = weir_bits_count(keep->bytes, n);
    if (selected == 0) {
        weir_buffer_release(keep);
        return WEIR_OK;
    }
    if (selected == n) {
        weir_buffer_release(keep);
        return weir_op_emit(&p->op, 0, weir_rows_retain(rows));
    }
    struct weir_rows *kept = weir_rows_select(p->op.env->pool, rows, keep, selected);
    return kept ? weir_op_emit(&p->op, 0, kept) : weir_op_fail(&p->op, WEIR_E_MEMORY, "no memory for a selection");
}

static weir_status filter_rows(struct plugin_op *p, struct weir_rows *rows, int64_t *row)
{
    size_t bytes = (size_t)(rows->view.length + 63) / 64 * 8;
    struct weir_buffer *keep = weir_pool_take(p->op.env->pool, bytes);
    if (!keep) return weir_op_fail(&p->op, WEIR_E_MEMORY, "no memory for a selection");
    memset(keep->bytes, 0, bytes);
    weir_status s = p->vtable->filter(p->instance->part.self, &p->instance->cx, &p->instance->view, keep->bytes);
    if (s < 0) {
        weir_buffer_release(keep);
        return weir_instance_failed(p->instance, s, "filter");
    }
    s = emit_kept(p, rows, keep);
    *row = rows->view.length;
    return s;
}

static weir_status process_rows(struct weir_op *op, uint32_t input, struct weir_rows *rows, int64_t *row)
{
    struct plugin_op *p = plugin_of(op);
    struct weir_instance *in = p->instance;
    weir_status s = WEIR_OK;
    if (!in->rows) s = weir_instance_begin_input(in, input, rows);
    if (s != WEIR_OK) return s;
    in->cx.full = 0;
    if (p->vtable->filter) {
        s = filter_rows(p, rows, row);
    } else {
        int64_t before = *row;
        s = p->vtable->process(in->part.self, &in->cx, input, &in->view, row);
        if (s >= 0) s = weir_instance_check_row(in, s, "process", before, *row);
        if (s < 0) return weir_instance_failed(in, s, "process");
    }
    if (s < 0) return s;
    weir_status ended = weir_instance_end(in, s == WEIR_OK);
    return ended < 0 ? ended : s;
}

static weir_status prepare_rows(struct weir_op *op, uint32_t input, const struct weir_rows *rows)
{
    struct plugin_op *p = plugin_of(op);
    const struct weir_instance_input *in = &p->instance->inputs[input];
    return weir_op_ahead_all_rows(&p->ahead, op, p->state, in->key_fields, in->n_key_fields, rows);
}

/* ---- timers ------------------------------------------------------------------------------------------------------ */

static void want_timer(struct weir_op_ahead *ahead, const struct weir_due_timer *due, int64_t i)
{
    (void)due;
    weir_op_ahead_want(ahead, WEIR_EVERY_STATE, 0, i, i + 1);
}

/* MORE: there is one. */
static weir_status next_timer(struct plugin_op *p, weir_clock clock, int64_t until)
{
    struct weir_due_timer due;
    weir_status s = weir_timers_pop(p->timers, clock, until, &due);
    weir_op_ahead_took(&p->ahead, s == WEIR_MORE);
    if (s < 0) return weir_op_fail(&p->op, s, "no memory for timers");
    if (s == WEIR_OK) return s;
    p->firing = (weir_timer){.struct_size = sizeof p->firing, .clock = clock, .at = due.at, .ns = due.ns};
    s = weir_instance_use_key(p->instance, &due.key);
    p->is_firing = s == WEIR_OK;
    weir_count(&p->op.counters.timers_fired, 1);
    return p->is_firing ? WEIR_MORE : s;
}

/* The rows of the last key leave before it is forgotten. */
static weir_status end_firing(struct plugin_op *p)
{
    weir_status s = weir_instance_end(p->instance, false);
    weir__instance_forget_key(p->instance);
    return s;
}

static weir_status timer_failed(struct plugin_op *p, weir_status s)
{
    struct weir_error *error = &p->op.error;
    struct weir_text t = {0};
    s = weir_instance_failed(p->instance, s, "on_timer");
    weir_text_add(&t, "\n  timer: %s ", p->firing.clock == WEIR_EVENT_TIME ? "event time" : "processing time");
    weir_text_add_time(&t, p->firing.at);
    size_t used = strlen(error->text);
    snprintf(error->text + used, sizeof error->text - used, "%s", weir_text_get(&t));
    weir_text_finish(&t);
    return s;
}

/* Of the timers that the next callback sets, which would never let the loop end if there were always one more: at the end
 * of event time, all of them. */
static void watch_timers(struct plugin_op *p, int64_t until)
{
    p->instance->again_clock = (weir_clock)p->firing.clock;
    p->instance->again_at = until == INT64_MAX ? INT64_MAX : p->firing.at;
}

static weir_status fire_some(struct plugin_op *p, weir_clock clock, int64_t until)
{
    struct weir_instance *in = p->instance;
    weir_status s = WEIR_OK;
    in->cx.full = 0;
    for (int i = 0; i < FIRE_STEP && !in->cx.full; i++) {
        if (!p->is_firing) s = weir_op_ahead_timers(&p->ahead, &p->op, p->state, p->timers, clock, until, want_timer);
        if (s == WEIR_MORE) break;
        if (s == WEIR_OK && !p->is_firing) s = next_timer(p, clock, until);
        if (!p->is_firing) return s == WEIR_OK ? end_firing(p) : s;
        watch_timers(p, until);
        s = p->vtable->on_timer(in->part.self, &in->cx, &p->firing);
        if (s < 0) return timer_failed(p, s);
        if (s == WEIR_MORE) break;
        p->is_firing = false;
        if (in->state) in->state->ops->settle(in->state);
    }
    s = weir_instance_end(in, false);
    return s < 0 ? s : WEIR_MORE;
}

static void tell_again(const struct plugin_op *p, weir_clock clock, int64_t until)
{
    struct weir_text t = {0};
    weir_text_add(
        &t, "%s: on_timer() sets timers that are due at once, again and again: %" PRIu64 " so far, the last by one for ",
        p->op.where, p->instance->set_again);
    weir_text_add_time(&t, p->firing.at);
    if (clock == WEIR_PROCESSING_TIME)
        weir_text_add(&t, "; records go on in between, but it takes all the processor time that there is");
    else
        weir_text_add(&t,
                      "%s; until it sets none, nothing is read, the watermark does not go on, and no checkpoint or "
                      "savepoint gets through (`weir cancel`, or a second SIGTERM, ends the job without)",
                      until == INT64_MAX ? ": at the end of input every event timer is due, whatever its time" : "");
    weir_log(WEIR_WARN, "operator", "%s", weir_text_get(&t));
    weir_text_finish(&t);
}

/* Fires what is due; OK: nothing is, or on the clock, that is enough for now. */
static weir_status fire(struct plugin_op *p, weir_clock clock, int64_t until)
{
    struct weir_instance *in = p->instance;
    struct weir_op_told *told = p->op.env->told;
    weir_status s = fire_some(p, clock, until);
    in->again_at = INT64_MIN;
    if (s == WEIR_OK) in->set_again = 0;
    if (in->set_again >= TELL_AGAIN && told && !atomic_exchange_explicit(&told->timers, 1, memory_order_relaxed))
        tell_again(p, clock, until);
    bool gives_way = clock == WEIR_PROCESSING_TIME && in->set_again >= FIRE_STEP && !p->is_firing && !p->op.is_reading;
    return s == WEIR_MORE && gives_way ? end_firing(p) : s;
}

static weir_status on_watermark(struct weir_op *op, int64_t watermark)
{
    struct plugin_op *p = plugin_of(op);
    weir_status s = WEIR_OK;
    if (p->timers && p->vtable->on_timer) s = fire(p, WEIR_EVENT_TIME, watermark);
    if (s != WEIR_OK || !p->vtable->on_watermark) return s;
    p->instance->cx.full = 0;
    s = p->vtable->on_watermark(p->instance->part.self, &p->instance->cx, watermark);
    if (s < 0) return weir_instance_failed(p->instance, s, "on_watermark");
    weir_status ended = weir_instance_end(p->instance, false);
    return ended < 0 ? ended : s;
}

static weir_status on_processing_time(struct weir_op *op, int64_t now_ms)
{
    struct plugin_op *p = plugin_of(op);
    return fire(p, WEIR_PROCESSING_TIME, now_ms - 1);
}

/* ---- checkpoints ------------------------------------------------------------------------------------------------- */

/* What the component holds outside its states goes into them now. */
static weir_status flush_component(struct plugin_op *p, int64_t checkpoint)
{
    if (!p->vtable->snapshot) return WEIR_OK;
    p->instance->is_cut = true;
    weir_status s = p->vtable->snapshot(p->instance->part.self, &p->instance->cx, checkpoint);
    p->instance->is_cut = false;
    if (s < 0) return weir_instance_failed(p->instance, s, "snapshot");
    return weir_instance_end(p->instance, false);
}

static const struct weir_state_layout *layouts_of(const struct plugin_op *p)
{
    return p->timed ? p->timed : p->plain;
}

static void set_owners(struct plugin_op *p, uint32_t n)
{
    p->owners = weir_alloc_array(n + 1, sizeof *p->owners);
    for (uint32_t i = 0; i < n; i++) {
        struct weir_state_layout *of = p->timed ? p->timed : p->plain;
        weir_instance_own(p->instance, i, &p->owners[i]);
        if (!of) continue;
        of[i].owners = &p->owners[i];
        of[i].n_owners = 1;
    }
}

static void tell_time(struct plugin_op *p)
{
    const struct weir_platform *platform = p->op.env->platform;
    if (p->ttl) p->state->now_ms = platform->wall_ms(platform->self);
}

static weir_status snapshot_op(struct weir_op *op, int64_t checkpoint, struct weir_snapshot *to)
{
    struct plugin_op *p = plugin_of(op);
    weir_status s = flush_component(p, checkpoint);
    tell_time(p);
    if (s == WEIR_OK && (p->state || p->timers))
        s = weir_snapshot_keyed(to, p->state, p->timers, p->instance->key_builder.schema, p->first_group, p->last_group,
                                &op->error);
    if (s == WEIR_OK && p->state) s = weir_instance_tell_rows(p->instance, NULL, to);
    if (s == WEIR_OK && p->unkeyed.set) s = weir_unkeyed_cut(p->unkeyed.set, !p->state, to, &op->error);
    weir_unkeyed_forget_raw(p->unkeyed.set);
    return s;
}

static weir_status restore_op(struct weir_op *op, const struct weir_snapshot *from, uint32_t n)
{
    struct plugin_op *p = plugin_of(op);
    const struct weir_component_info *info = p->instance->part.spec->info;
    weir_status s = WEIR_OK;
    tell_time(p);
    if (p->state) s = weir_instance_check_rows(p->instance, NULL, from, n);
    if (s == WEIR_OK && (p->state || p->timers))
        s = weir_restore_keyed(from, n, p->state, p->timers, layouts_of(p), info->n_states, p->instance->key_builder.schema,
                               p->first_group, p->last_group, &op->error);
    if (s == WEIR_OK && p->unkeyed.set)
        s = weir_unkeyed_restore(p->unkeyed.set, from, n, op->env->subtask, op->env->parallelism, &op->error);
    /* Processing timers that came due meanwhile fire at the first step. */
    return s == WEIR_OK ? weir_instance_end(p->instance, false) : s;
}

static struct weir_state_set *exchange_state(struct weir_op *op, struct weir_state_set *to)
{
    struct plugin_op *p = plugin_of(op);
    struct weir_state_set *had = p->state;
    if (to) p->state = p->instance->state = to;
    return had;
}

static weir_status committed_op(struct weir_op *op, int64_t checkpoint)
{
    struct plugin_op *p = plugin_of(op);
    if (!p->vtable->committed) return WEIR_OK;
    weir_status s = p->vtable->committed(p->instance->part.self, &p->instance->cx, checkpoint);
    return s < 0 ? weir_instance_failed(p->instance, s, "committed") : WEIR_OK;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static weir_status finish_op(struct weir_op *op)
{
    struct plugin_op *p = plugin_of(op);
    if (!p->vtable->finish) return WEIR_OK;
    p->instance->cx.full = 0;
    weir_status s = p->vtable->finish(p->instance->part.self, &p->instance->cx);
    if (s < 0) return weir_instance_failed(p->instance, s, "finish");
    weir_status ended = weir_instance_end(p->instance, false);
    return ended < 0 ? ended : s;
}

static bool waits(const struct weir_op *op)
{
    struct weir_timers *timers = ((const struct plugin_op *)(const void *)op)->timers;
    return timers && weir_timers_any(timers, WEIR_EVENT_TIME);
}

static void close_op(struct weir_op *op)
{
    struct plugin_op *p = plugin_of(op);
    weir_op_ahead_end(&p->ahead, p->state);
    if (p->vtable->close) p->vtable->close(p->instance->part.self, &p->instance->cx);
}

static void destroy_op(struct weir_op *op)
{
    struct plugin_op *p = plugin_of(op);
    weir_instance_destroy(p->instance);
    if (p->state) p->state->ops->destroy(p->state);
    weir_ttl_destroy(p->ttl);
    weir_ttl_layouts_free(p->timed, p->n_timed);
    weir_free(p->plain);
    weir_state_owners_free(p->owners, p->owners ? p->n_states : 0);
    weir_unkeyed_states_finish(&p->unkeyed);
    weir_timers_destroy(p->timers);
    weir_op_ahead_finish(&p->ahead);
    weir_outbox_finish(&op->outbox);
    weir_free(p);
}

static const struct weir_op_class plugin_class = {.name = "operator",
                                                  .open = open_op,
                                                  .prepare = prepare_rows,
                                                  .rows = process_rows,
                                                  .watermark = on_watermark,
                                                  .processing_time = on_processing_time,
                                                  .finish = finish_op,
                                                  .snapshot = snapshot_op,
                                                  .restore = restore_op,
                                                  .exchange_state = exchange_state,
                                                  .committed = committed_op,
                                                  .waits = waits,
                                                  .close = close_op,
                                                  .destroy = destroy_op};

static weir_status create_state(struct plugin_op *p, const struct weir_stream_node *node, const struct weir_op_env *env,
                                struct weir_error *error)
{
    const struct weir_component_info *info = node->part->info;
    p->n_timed = info->n_states;
    p->timed = weir_ttl_layouts(info->states, info->n_states, node->ttl);
    if (p->timed) p->ttl = weir_ttl_create(p->timed, info->n_states, env->platform);
    if (!p->timed) {
        p->plain = weir_alloc_array(info->n_states, sizeof *p->plain);
        memcpy(p->plain, info->states, info->n_states * sizeof *p->plain);
    }
    return weir_op_state_create(env, layouts_of(p), info->n_states, p->first_group, p->last_group, &p->state, error);
}

struct weir_op *weir_plugin_op_create(const struct weir_stream_node *node, const struct weir_op_env *env,
                                      struct weir_registry *registry, const char *where, struct weir_error *error)
{
    struct plugin_op *p = weir_alloc(sizeof *p);
    const struct weir_component_info *info = node->part->info;
    weir_op_init(&p->op, &plugin_class, env, where);
    if (node->n_key_fields > 0) {
        weir_key_group_range(env->subtask, env->parallelism, env->max_parallelism, &p->first_group, &p->last_group);
        if (info->n_states > 0 && create_state(p, node, env, error) != WEIR_OK) {
            destroy_op(&p->op);
            return NULL;
        }
        if (info->has_timers) p->timers = weir_timers_create(p->first_group, p->last_group);
    }
    weir_unkeyed_states_init(&p->unkeyed, info);
    p->op.accepts_selection = info->flags & WEIR_ACCEPTS_SELECTION;
    struct weir_instance_options o = {.op = &p->op,
                                      .registry = registry,
                                      .state = p->state,
                                      .timers = p->timers,
                                      .unkeyed = p->unkeyed.set,
                                      .ttl = p->ttl};
    if (weir_instance_create_for_node(node, &o, &p->instance, error) != WEIR_OK) {
        destroy_op(&p->op);
        return NULL;
    }
    p->instance->fetches = true;
    p->vtable = p->instance->part.vtable;
    p->n_states = info->n_states;
    set_owners(p, info->n_states);
    weir_unkeyed_states_own(&p->unkeyed, p->instance);
    return &p->op;
}
