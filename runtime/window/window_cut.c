/* window_cut.c - window_op.c cut at a barrier and restored (semantics A5.1, A5.5, A7). Subtask's thread.
 *
 * What windows hold is keyed state; which windows there are is derived from its namespaces. Windows have no timers, for all
 * keys of one fire at the same watermark: so what had fired before the cut is told by the watermark at the cut, kept by
 * key group, as subtasks that are restored at another parallelism may have come from several.
 *
 * The watermark itself is not restored: rows are late again only when it is back. Until then a window that had fired goes on
 * as one with timers per key would. Its own timer was gone and only its cleanup was left: so it does not fire again, but for
 * keys that get another row, and then with all that it holds for them. These get a timer here. A window that was gone before
 * the cut holds what comes afterwards, and nothing else.
 */
#include <string.h>

#include "base/alloc.h"
#include "window/window_internal.h"

#define SHAPE      "shape"      /* [size ms, slide ms, offset ms, 1: kept as slices] */
#define WATERMARKS "watermarks" /* [first key group, last key group, watermark at the cut] */
#define INSTEAD    "keep them, or give the node another id and drop its state with --allow-non-restored"
enum { SIZE, SLIDE, OFFSET, SLICED, SHAPE_NUMBERS };

/* ---- the cut ----------------------------------------------------------------------------------------------------- */

static bool holds_anything(const struct weir__window *w)
{
    size_t n = 0;
    for (uint32_t i = 0; i < w->state->n_states; i++) n += w->state->ops->entries(w->state, i);
    return n > 0;
}

static int64_t watermark_of(const struct weir__window *w, uint32_t group)
{
    int64_t before = w->cut_at ? w->cut_at[group - w->first_group] : INT64_MIN;
    return before > w->op.watermark ? before : w->op.watermark;
}

static weir_status cut_watermarks(struct weir__window *w, struct weir_snapshot *to)
{
    struct weir_snapshot_list *list = weir_snapshot_list(to, WATERMARKS, WEIR_DEAL_UNION);
    weir_status s = WEIR_OK;
    for (uint32_t group = w->first_group, last; s == WEIR_OK && group <= w->last_group; group = last + 1) {
        int64_t watermark = watermark_of(w, group);
        for (last = group; last < w->last_group && watermark_of(w, last + 1) == watermark; last++) continue;
        if (watermark > INT64_MIN) s = weir_snapshot_add_numbers(list, (int64_t[]){group, last, watermark}, 3);
    }
    return s;
}

static void shape_of(const struct weir__window *w, int64_t shape[SHAPE_NUMBERS])
{
    shape[SIZE] = w->times.size_ms;
    shape[SLIDE] = w->times.slide_ms;
    shape[OFFSET] = w->times.offset_ms;
    shape[SLICED] = w->state->n_states > WEIR__COME_BACK;
}

weir_status weir__window_snapshot(struct weir_op *op, int64_t checkpoint, struct weir_snapshot *to)
{
    struct weir__window *w = weir__window_of(op);
    int64_t shape[SHAPE_NUMBERS];
    (void)checkpoint;
    weir_status s = weir_snapshot_keyed(to, w->state, w->timers, w->key, w->first_group, w->last_group, &op->error);
    if (s != WEIR_OK || !holds_anything(w)) return s;
    shape_of(w, shape);
    s = weir_snapshot_add_numbers(weir_snapshot_list(to, SHAPE, WEIR_DEAL_UNION), shape, SHAPE_NUMBERS);
    if (s == WEIR_OK) s = cut_watermarks(w, to);
    if (s == WEIR_OK) s = weir_aggregates_tell_rows(&w->aggregates, to);
    return s == WEIR_OK ? s : weir__window_no_memory(w);
}

/* ---- restoring --------------------------------------------------------------------------------------------------- */

/* What is kept has no more than the start of its window or slice. */
static weir_status check_shape(void *arg, const int64_t *saved)
{
    struct weir__window *w = arg;
    int64_t own[SHAPE_NUMBERS];
    shape_of(w, own);
    if (memcmp(saved, own, sizeof own) == 0) return WEIR_OK;
    if (saved[SLICED] != own[SLICED]) {
        static const char *const ways[] = {"are kept apart", "share slices"};
        return weir_op_fail(&w->op, WEIR_E_CONFIG, "the saved windows %s, and with these aggregates they %s; " INSTEAD,
                            ways[saved[SLICED] != 0], ways[own[SLICED]]);
    }
    return weir_op_fail(&w->op, WEIR_E_CONFIG,
                        "the saved windows have a size of %lld ms, a slide of %lld ms and an offset of %lld ms, and these "
                        "have %lld, %lld and %lld ms; " INSTEAD,
                        (long long)saved[SIZE], (long long)saved[SLIDE], (long long)saved[OFFSET], (long long)own[SIZE],
                        (long long)own[SLIDE], (long long)own[OFFSET]);
}

static weir_status restore_watermark(void *arg, const int64_t *saved)
{
    struct weir__window *w = arg;
    if (saved[1] < w->first_group || saved[0] > w->last_group) return WEIR_OK;
    uint32_t n = w->last_group - w->first_group + 1;
    if (!w->cut_at) {
        w->cut_at = weir_alloc_array(n, sizeof *w->cut_at);
        for (uint32_t i = 0; i < n; i++) w->cut_at[i] = INT64_MIN;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (w->first_group + i >= saved[0] && w->first_group + i <= saved[1]) w->cut_at[i] = saved[2];
    }
    if (saved[2] > w->latest_cut) w->latest_cut = saved[2];
    return WEIR_OK;
}

weir_status weir__window_restore(struct weir_op *op, const struct weir_snapshot *from, uint32_t n)
{
    struct weir__window *w = weir__window_of(op);
    w->timers = weir_timers_create(w->first_group, w->last_group);
    weir_status s = weir_restore_numbers(from, n, SHAPE, SHAPE_NUMBERS, check_shape, w, &op->error);
    if (s == WEIR_OK) s = weir_aggregates_check_rows(&w->aggregates, from, n);
    if (s == WEIR_OK)
        s = weir_restore_keyed(from, n, w->state, w->timers, w->layouts, w->state->n_states, w->key, w->first_group,
                               w->last_group, &op->error);
    if (s == WEIR_OK) s = weir_restore_numbers(from, n, WATERMARKS, 3, restore_watermark, w, &op->error);
    if (s == WEIR_OK) w->way->restored(w);
    if (!w->cut_at) weir__window_forget_cut(w);
    return s;
}

/* ---- until the watermark is back --------------------------------------------------------------------------------- */

weir_status weir__window_fire_later(struct weir__window *w, struct weir_rows *rows, int64_t row, int64_t start)
{
    struct weir_key_ref key;
    weir_status s = weir__window_key_of(w, rows, row, &key);
    if (s != WEIR_OK) return s;
    s = weir_timers_set(w->timers, WEIR_EVENT_TIME, &key, (uint64_t)start, weir_window_max_time(&w->times, start));
    return s == WEIR_OK ? s : weir__window_no_memory(w);
}

/* MORE when a batch of results has left. */
weir_status weir__window_fire_again(struct weir__window *w, int64_t watermark)
{
    struct weir_due_timer due;
    const void *value;
    weir_status s = WEIR_OK;
    while (w->op.outbox.n == 0 && (s = weir_timers_pop(w->timers, WEIR_EVENT_TIME, watermark, &due)) == WEIR_MORE) {
        if (weir_key_decode(due.key.p, due.key.n, &w->keys) != WEIR_OK) return weir__window_no_memory(w);
        s = w->way->value(w, &due.key, (int64_t)due.ns, &value);
        if (s == WEIR_OK) s = weir__window_add_result(w, value, (int64_t)due.ns);
        w->state->ops->settle(w->state);
        if (s != WEIR_OK) return s;
    }
    if (s < 0) return weir__window_no_memory(w);
    return w->op.outbox.n > 0 ? WEIR_MORE : weir__window_emit_results(w);
}

void weir__window_forget_cut(struct weir__window *w)
{
    weir_timers_destroy(w->timers);
    weir_free(w->cut_at);
    w->timers = NULL;
    w->cut_at = NULL;
    w->latest_cut = INT64_MIN;
}

/* ---- another backend --------------------------------------------------------------------------------------------- */

struct weir_state_set *weir__window_exchange_state(struct weir_op *op, struct weir_state_set *to)
{
    struct weir__window *w = weir__window_of(op);
    struct weir_state_set *had = w->state;
    if (!to) return had;
    w->state = to;
    weir_aggregates_keep_in(&w->aggregates, to, WEIR__CONTENT);
    return had;
}
