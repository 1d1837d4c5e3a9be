/* interval_join_op.c - the interval join (semantics A5.7): two keyed inputs; a row of the first and one of the second are a
 * pair when their keys are equal and first + lower <= second <= first + upper, in event time. Subtask's thread.
 *
 *   row:        late (before the watermark): to its side output, or dropped; either way counted. Else it is put with the
 *               rows of its input that wait, and then the rows of the other input that are in reach are looked up: pairs in
 *               order of the other row's time, then of its arrival.
 *   watermark:  a row of the first input goes when the watermark reaches its time + max(upper, 0), one of the second at its
 *               time + max(-lower, 0).
 *
 * A key has one timer per input, for the row that goes first: it takes all that are due along. Which rows wait after a
 * watermark is the same as with a timer for each.
 *
 * Pairs are collected: the partner is unpacked into `partners`, beside it the number of the own row. They leave when a batch
 * is full or the input batch is done, so a row that matches a million others is scanned in steps: the step that fills the
 * outbox returns MORE, and `at` is where it goes on. Nothing changes the waiting rows in between.
 */
#include <string.h>

#include "base/alloc.h"
#include "data/row_codec.h"
#include "operator/ahead.h"
#include "operator/backend.h"
#include "state/snapshot.h"
#include "window/general_internal.h"
#include "window/join_internal.h"
#include "window/window_op.h"

#define FIRE_STEP 1024             /* timers per call, so that other subtasks of the slot get their turn */
#define TOGETHER  WEIR_STATE_FETCH /* keys that are looked up together, of rows or of timers */

struct join_side {
    struct weir_schema *schema; /* borrowed */
    const uint32_t *key_fields;
    uint32_t n_key_fields;
    const char *late_name; /* of its late output; NULL: dropped */
    uint32_t late_port;
    int64_t from, to;             /* the rows of the other side in reach of one at t: [t + from, t + to] */
    int64_t stays;                /* for how long its rows wait */
    struct weir_builder partners; /* rows of this side, as partners of rows of the other */
};

/* Keys that are looked up together, so that the misses of what waits for them are under way together. */
struct join_keys {
    struct weir_key_ref refs[TOGETHER];
    struct weir_key_bytes bytes; /* of all of them */
    uint32_t inputs[TOGETHER], other_inputs[TOGETHER], n, at;
    /* What waits for them, if the backend has it for many keys; of the other input for those of rows. */
    void *own[TOGETHER];
    const void *others[TOGETHER];
};

struct join_op {
    struct weir_op op;
    struct weir__pairs pairs;
    struct join_side sides[2];
    struct weir_state_layout layouts[2];
    struct weir_state_set *state; /* state i: the waiting rows of input i */
    struct weir_timers *timers;
    struct weir_op_ahead ahead;
    struct weir_schema *key_schema; /* of snapshots */
    uint32_t first_group, last_group;
    struct weir_key_bytes packed;
    struct join_keys keys;

    /* The input batch; NULL between two. */
    struct weir_rows *rows;
    uint32_t input;
    int64_t next; /* the row at hand */
    bool added;   /* it waits, and its partners are index at .. end-1 */
    int64_t at, end;
    uint32_t *owners;        /* by pair in `partners`: the own row */
    struct weir_rows *taken; /* pairs on their way out: the partners; NULL: none */
    int64_t given;           /* of them, how many have left */
};

static struct join_op *join_of(struct weir_op *op)
{
    return (struct join_op *)(void *)op;
}

static weir_status no_memory(struct join_op *j)
{
    return weir_op_fail(&j->op, WEIR_E_MEMORY, "no memory for the rows of a join");
}

/* ---- pairs ------------------------------------------------------------------------------------------------------- */

/* WEIR_MORE: the outbox is full. */
static weir_status give_taken(struct join_op *j)
{
    struct weir__pair_side sides[2];
    sides[j->input] = (struct weir__pair_side){j->rows, j->owners};
    sides[1 - j->input] = (struct weir__pair_side){j->taken, NULL};
    weir_status s = weir__pairs_emit(&j->pairs, sides, j->input, WEIR_NO_TIME, j->taken->view.length, &j->given);
    if (s != WEIR_OK) return s;
    weir_rows_release(j->taken);
    j->taken = NULL;
    return j->op.outbox.n > 0 ? WEIR_MORE : WEIR_OK;
}

/* The pairs so far leave. */
static weir_status give(struct join_op *j)
{
    struct weir_builder *partners = &j->sides[1 - j->input].partners;
    int32_t forgotten;
    if (partners->out.length == 0) return WEIR_OK;
    j->given = 0;
    j->taken = weir_builder_take(partners, 0, NULL, &forgotten);
    return j->taken ? give_taken(j) : no_memory(j);
}

static weir_status add_pair(struct join_op *j, const struct weir__join_buffer *others)
{
    struct weir_builder *partners = &j->sides[1 - j->input].partners;
    const struct weir__waiting_row *row = weir__join_buffer_row(others, j->at);
    struct weir_error error;
    if (weir_row_unpack((const uint8_t *)others->rows.p + row->at, row->n, partners, &error) != WEIR_OK)
        return weir_op_fail(&j->op, error.status, "rows of a join cannot be read back: %s", error.text);
    j->owners[partners->out.length] = (uint32_t)j->next;
    partners->out.time[partners->out.length++] = row->time;
    j->at++;
    return partners->out.length < partners->out.capacity ? WEIR_OK : give(j);
}

/* ---- keys -------------------------------------------------------------------------------------------------------- */

static void begin_keys(struct join_op *j)
{
    j->keys.n = j->keys.at = 0;
    j->keys.bytes.n = 0;
}

/* Its bytes have been added. */
static void add_key(struct join_keys *k, const struct weir_key_ref *key, uint32_t input)
{
    k->refs[k->n] = *key;
    k->inputs[k->n] = input;
    k->other_inputs[k->n++] = 1 - input;
}

/* With what a backend may have in front of them. */
static void fetch_waiting(const struct weir__join_buffer *b)
{
    if (!b || b->n == 0) return;
    __builtin_prefetch(b->index.p - 1, 1);
    __builtin_prefetch(weir__join_buffer_row(b, b->first), 1);
    __builtin_prefetch(b->rows.p - 1, 1);
    __builtin_prefetch(b->rows.p + b->dead, 1);
}

/* The own ones are there afterwards. */
static weir_status look_up(struct join_op *j, bool with_others)
{
    struct join_keys *k = &j->keys;
    const struct weir_state_ops *ops = j->state->ops;
    const uint8_t *p = k->bytes.p;
    for (uint32_t i = 0; i < k->n; p += k->refs[i++].n) k->refs[i].p = p ? p : (const uint8_t *)"";
    if (!ops->edit_keys) return WEIR_OK;
    if (ops->edit_keys(j->state, k->inputs, k->refs, k->n, k->own) != WEIR_OK) return no_memory(j);
    for (uint32_t i = 0; i < k->n; i++) fetch_waiting(k->own[i]);
    if (with_others) ops->get_keys(j->state, k->other_inputs, k->refs, k->n, k->others);
    for (uint32_t i = 0; with_others && i < k->n; i++) fetch_waiting(k->others[i]);
    return WEIR_OK;
}

/* NULL: no memory. */
static struct weir__join_buffer *own_of(struct join_op *j)
{
    struct join_keys *k = &j->keys;
    if (j->state->ops->edit_keys) return k->own[k->at];
    return j->state->ops->value_edit(j->state, k->inputs[k->at], &k->refs[k->at], 0);
}

/* NULL: there are none. */
static const struct weir__join_buffer *others_of(struct join_op *j)
{
    struct join_keys *k = &j->keys;
    if (j->state->ops->edit_keys) return k->others[k->at];
    return j->state->ops->value_get(j->state, k->other_inputs[k->at], &k->refs[k->at], 0);
}

/* The one at hand is done with. */
static void next_key(struct join_op *j)
{
    j->keys.at++;
    if (!j->state->ops->edit_keys) j->state->ops->settle(j->state);
}

/* ---- a row ------------------------------------------------------------------------------------------------------- */

/* TRAP: late is before the watermark, not at it. */
static inline bool is_late(const struct join_op *j, int64_t time)
{
    return time < j->op.watermark;
}

/* Those of the next rows that are not late, which leave no entry. */
static weir_status look_up_rows(struct join_op *j)
{
    const struct join_side *side = &j->sides[j->input];
    const struct weir_row_keys *keys = &j->rows->keys;
    j->state->ops->settle(j->state);
    begin_keys(j);
    for (int64_t row = j->next; row < j->rows->view.length && j->keys.n < TOGETHER; row++) {
        size_t before = j->keys.bytes.n;
        if (is_late(j, j->rows->view.time[row])) continue;
        if (weir_key_encode(&j->keys.bytes, &j->rows->view, side->key_fields, side->n_key_fields, row) != WEIR_OK)
            return no_memory(j);
        add_key(&j->keys,
                &(struct weir_key_ref){
                    .n = (uint32_t)(j->keys.bytes.n - before), .group = keys->key_group[row], .hash = keys->hash[row]},
                j->input);
    }
    return look_up(j, true);
}

/* The timer of the first row of the buffer, in the place of the one that there may be. */
static weir_status set_timer(struct join_op *j, struct weir__join_buffer *buffer, bool set_before)
{
    const struct weir_key_ref *key = &j->keys.refs[j->keys.at];
    uint32_t input = j->keys.inputs[j->keys.at];
    int64_t due = weir__time_plus(weir__join_buffer_row(buffer, buffer->first)->time, j->sides[input].stays);
    if (set_before && buffer->timer == due) return WEIR_OK;
    if (set_before && weir_timers_drop(j->timers, WEIR_EVENT_TIME, key, input, buffer->timer) != WEIR_OK)
        return no_memory(j);
    buffer->timer = due;
    return weir_timers_set(j->timers, WEIR_EVENT_TIME, key, input, due) == WEIR_OK ? WEIR_OK : no_memory(j);
}

static weir_status wait_for_others(struct join_op *j)
{
    struct weir__join_buffer *own = own_of(j);
    if (!own) return no_memory(j);
    bool waited = own->n > 0;
    j->packed.n = 0;
    weir_status s = weir_row_pack(&j->packed, &j->rows->view, j->next);
    if (s == WEIR_OK)
        s = weir__join_buffer_add(own, j->state, j->input, j->rows->view.time[j->next],
                                  (weir_str){(const char *)j->packed.p, j->packed.n});
    return s == WEIR_OK ? set_timer(j, own, waited) : no_memory(j);
}

/* TRAP: the own row is put before the others are looked at. */
static weir_status begin_row(struct join_op *j)
{
    const struct join_side *side = &j->sides[j->input];
    int64_t time = j->rows->view.time[j->next];
    weir_status s = wait_for_others(j);
    if (s != WEIR_OK) return s;
    const struct weir__join_buffer *others = others_of(j);
    int64_t last = weir__time_plus(time, side->to);
    j->at = others ? weir__join_buffer_find(others, weir__time_plus(time, side->from)) : 0;
    j->end = !others ? 0 : last == INT64_MAX ? others->first + others->n : weir__join_buffer_find(others, last + 1);
    j->added = true;
    return WEIR_OK;
}

static weir_status join_row(struct join_op *j)
{
    weir_status s = j->keys.at == j->keys.n ? look_up_rows(j) : WEIR_OK;
    if (s == WEIR_OK && !j->added) s = begin_row(j);
    const struct weir__join_buffer *others = s == WEIR_OK && j->at < j->end ? others_of(j) : NULL;
    while (s == WEIR_OK && j->at < j->end) s = add_pair(j, others);
    if (s != WEIR_OK) return s;
    j->added = false;
    j->next++;
    next_key(j);
    return WEIR_OK;
}

/* ---- late rows --------------------------------------------------------------------------------------------------- */

static weir_status emit_late(struct join_op *j, const struct weir_rows *rows, int64_t n_late)
{
    const struct join_side *side = &j->sides[j->input];
    uint32_t *picks = weir_try_alloc((size_t)n_late * sizeof *picks);
    struct weir_rows *late = NULL;
    int64_t n = 0;
    for (int64_t i = 0; picks && i < rows->view.length; i++) {
        if (is_late(j, rows->view.time[i])) picks[n++] = (uint32_t)i;
    }
    if (picks) late = weir_rows_gather(j->op.env->pool, j->rows, picks, n);
    weir_free(picks);
    return late ? weir_op_emit(&j->op, side->late_port, late) : no_memory(j);
}

/* All of the batch at once: the watermark does not move in it. */
static weir_status set_late_aside(struct join_op *j)
{
    const int64_t *times = j->rows->view.time;
    int64_t n = 0, first = 0;
    for (int64_t i = 0; i < j->rows->view.length; i++) {
        if (times[i] == WEIR_NO_TIME)
            return weir_op_fail(
                &j->op, WEIR_E_DATA,
                "a record without an event time came to the join, which goes by it; give its source `time:`");
        if (is_late(j, times[i]) && n++ == 0) first = i;
    }
    weir_count(&j->op.counters.accepted, (uint64_t)(j->rows->view.length - n));
    if (n == 0) return WEIR_OK;
    const char *name = j->sides[j->input].late_name;
    weir__count_late_join(&j->op, name, times[first], (uint64_t)n);
    return name ? emit_late(j, j->rows, n) : WEIR_OK;
}

/* ---- a batch ----------------------------------------------------------------------------------------------------- */

/* Rows that came without the hashes of their keys. */
static weir_status hash_keys(struct join_op *j)
{
    const struct join_side *side = &j->sides[j->input];
    int64_t bad_row;
    uint32_t bad_field;
    struct weir_rows *own = weir_rows_slice(j->op.env->pool, j->rows, 0, j->rows->view.length);
    if (!own) return no_memory(j);
    weir_rows_release(j->rows);
    j->rows = own;
    weir_status s = weir_key_rows(j->op.env->pool, own, side->key_fields, side->n_key_fields, j->op.env->max_parallelism,
                                  &bad_row, &bad_field);
    if (s != WEIR_E_DATA) return s == WEIR_OK ? s : no_memory(j);
    return weir_op_fail(&j->op, s,
                        "key field '%s' is null; null keys are not allowed: filter such records out before key_by",
                        weir_schema_field_at(side->schema, side->key_fields[bad_field])->name);
}

static weir_status begin_batch(struct join_op *j, uint32_t input, struct weir_rows *rows)
{
    j->rows = weir_rows_retain(rows);
    j->input = input;
    j->next = 0;
    weir_status s = rows->keys.hash ? WEIR_OK : hash_keys(j);
    if (s == WEIR_OK) s = set_late_aside(j);
    return s == WEIR_OK && j->pairs.function ? weir_instance_begin_input(j->pairs.function, input, j->rows) : s;
}

static weir_status end_batch(struct join_op *j)
{
    weir_rows_release(j->rows);
    j->rows = NULL;
    return j->pairs.function ? weir_instance_end(j->pairs.function, true) : WEIR_OK;
}

static weir_status go_on(struct join_op *j)
{
    weir_status s = j->taken ? give_taken(j) : WEIR_OK;
    while (s == WEIR_OK && j->next < j->rows->view.length) {
        if (!j->added && is_late(j, j->rows->view.time[j->next]))
            j->next++;
        else
            s = join_row(j);
    }
    if (s == WEIR_OK) s = give(j);
    /* All has left, or will when the outbox is empty. */
    return s == WEIR_MORE && j->next == j->rows->view.length && !j->taken ? WEIR_OK : s;
}

static weir_status join_rows(struct weir_op *op, uint32_t input, struct weir_rows *rows, int64_t *row)
{
    struct join_op *j = join_of(op);
    weir_status s = j->rows ? WEIR_OK : begin_batch(j, input, rows);
    begin_keys(j); /* what was at hand in an earlier call may not be any more */
    if (s == WEIR_OK) s = go_on(j);
    j->state->ops->settle(j->state);
    if (s < 0) return s;
    if (s == WEIR_OK) {
        *row = rows->view.length;
        return end_batch(j);
    }
    *row = j->next < rows->view.length ? j->next : rows->view.length - 1;
    return WEIR_MORE;
}

static weir_status prepare_rows(struct weir_op *op, uint32_t input, const struct weir_rows *rows)
{
    struct join_op *j = join_of(op);
    const struct join_side *side = &j->sides[input];
    return weir_op_ahead_all_rows(&j->ahead, op, j->state, side->key_fields, side->n_key_fields, rows);
}

/* ---- rows that need not wait any longer -------------------------------------------------------------------------- */

static weir_status drop_due(struct join_op *j, struct weir__join_buffer *buffer, int64_t watermark)
{
    int64_t stays = j->sides[j->keys.inputs[j->keys.at]].stays, end, until;
    if (!buffer) return no_memory(j);
    end = buffer->first + buffer->n;
    for (until = buffer->first; until < end;) { /* those of one time are due together */
        int64_t time = weir__join_buffer_row(buffer, until)->time;
        if (weir__time_plus(time, stays) > watermark) break;
        until = time == INT64_MAX ? end : weir__join_buffer_find(buffer, time + 1);
    }
    weir__join_buffer_drop(buffer, until);
    return buffer->n > 0 ? set_timer(j, buffer, false) : WEIR_OK;
}

/* Up to TOGETHER timers that are due. */
static weir_status take_timers(struct join_op *j, int64_t watermark)
{
    struct weir_due_timer due;
    weir_status s = WEIR_OK;
    begin_keys(j);
    while (j->keys.n < TOGETHER) {
        s = weir_timers_pop(j->timers, WEIR_EVENT_TIME, watermark, &due);
        if (s < 0) return no_memory(j);
        weir_op_ahead_took(&j->ahead, s == WEIR_MORE);
        if (s == WEIR_OK) break;
        if (!weir_key_bytes_add(&j->keys.bytes, due.key.p, due.key.n)) return no_memory(j);
        add_key(&j->keys, &due.key, (uint32_t)due.ns);
    }
    weir_count(&j->op.counters.timers_fired, j->keys.n);
    return WEIR_OK;
}

/* Entries go when all have been looked into, as others may move then. */
static weir_status drop_all_due(struct join_op *j, int64_t watermark)
{
    struct join_keys *k = &j->keys;
    uint32_t emptied = 0; /* a bit for each key */
    weir_status s = look_up(j, false);
    while (s == WEIR_OK && k->at < k->n) {
        struct weir__join_buffer *buffer = own_of(j);
        s = drop_due(j, buffer, watermark);
        emptied |= (uint32_t)(s == WEIR_OK && buffer->n == 0) << k->at;
        next_key(j);
    }
    for (; emptied; emptied &= emptied - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(emptied);
        j->state->ops->clear(j->state, k->inputs[i], &k->refs[i], 0);
    }
    j->state->ops->settle(j->state);
    return s;
}

static void want_timer(struct weir_op_ahead *ahead, const struct weir_due_timer *due, int64_t i)
{
    weir_op_ahead_want(ahead, (uint32_t)due->ns, 0, i, i + 1);
}

static weir_status on_watermark(struct weir_op *op, int64_t watermark)
{
    struct join_op *j = join_of(op);
    for (uint32_t i = 0; i < FIRE_STEP; i += TOGETHER) {
        weir_status s = weir_op_ahead_timers(&j->ahead, op, j->state, j->timers, WEIR_EVENT_TIME, watermark, want_timer);
        if (s == WEIR_OK) s = take_timers(j, watermark);
        if (s == WEIR_OK) s = drop_all_due(j, watermark);
        if (s != WEIR_OK) return s;
        if (j->keys.n < TOGETHER) return WEIR_OK;
    }
    return WEIR_MORE;
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static weir_status open_op(struct weir_op *op)
{
    return weir__pairs_open(&join_of(op)->pairs);
}

static void close_op(struct weir_op *op)
{
    struct join_op *j = join_of(op);
    weir_op_ahead_end(&j->ahead, j->state);
    weir__pairs_close(&j->pairs);
}

static void destroy_op(struct weir_op *op)
{
    struct join_op *j = join_of(op);
    weir__pairs_finish(&j->pairs);
    weir_rows_release(j->rows);
    weir_rows_release(j->taken);
    if (j->state) j->state->ops->destroy(j->state);
    weir_timers_destroy(j->timers);
    for (int i = 0; i < 2; i++) {
        weir_state_layout_finish(&j->layouts[i]);
        weir_builder_finish(&j->sides[i].partners);
    }
    weir_key_bytes_finish(&j->packed);
    weir_key_bytes_finish(&j->keys.bytes);
    weir_op_ahead_finish(&j->ahead);
    weir_schema_release(j->key_schema);
    weir_free(j->owners);
    weir_outbox_finish(&op->outbox);
    weir_free(j);
}

/* ---- checkpoints ------------------------------------------------------------------------------------------------- */

static weir_status snapshot(struct weir_op *op, int64_t checkpoint, struct weir_snapshot *to)
{
    struct join_op *j = join_of(op);
    (void)checkpoint;
    struct weir_schema *rows[] = {j->sides[0].schema, j->sides[1].schema};
    weir_status s = weir_snapshot_keyed(to, j->state, j->timers, j->key_schema, j->first_group, j->last_group, &op->error);
    if (s != WEIR_OK || j->state->ops->entries(j->state, 0) + j->state->ops->entries(j->state, 1) == 0) return s;
    return weir_snapshot_row_schemas(to, NULL, rows, 2) == WEIR_OK ? WEIR_OK : no_memory(j);
}

static weir_status restore(struct weir_op *op, const struct weir_snapshot *from, uint32_t n)
{
    struct join_op *j = join_of(op);
    struct weir_schema *rows[] = {j->sides[0].schema, j->sides[1].schema};
    weir_status s = weir_restore_row_schemas(from, n, NULL, rows, 2, &op->error);
    if (s != WEIR_OK) return s;
    return weir_restore_keyed(from, n, j->state, j->timers, j->layouts, 2, j->key_schema, j->first_group, j->last_group,
                              &op->error);
}

static bool waits(const struct weir_op *op)
{
    return weir_timers_any(((const struct join_op *)(const void *)op)->timers, WEIR_EVENT_TIME);
}

static struct weir_state_set *exchange_state(struct weir_op *op, struct weir_state_set *to)
{
    struct join_op *j = join_of(op);
    struct weir_state_set *had = j->state;
    if (to) j->state = to;
    return had;
}

static const struct weir_op_class join_class = {.name = "join",
                                                .open = open_op,
                                                .prepare = prepare_rows,
                                                .rows = join_rows,
                                                .watermark = on_watermark,
                                                .snapshot = snapshot,
                                                .restore = restore,
                                                .exchange_state = exchange_state,
                                                .waits = waits,
                                                .close = close_op,
                                                .destroy = destroy_op};

static int64_t at_least_0(int64_t ms)
{
    return ms > 0 ? ms : 0;
}

static void set_up_sides(struct join_op *j, const struct weir_stream_node *node)
{
    const struct weir_join_config *c = &node->join;
    j->sides[0] = (struct join_side){.schema = node->in,
                                     .key_fields = node->key_fields,
                                     .n_key_fields = node->n_key_fields,
                                     .from = c->lower_ms,
                                     .to = c->upper_ms,
                                     .stays = at_least_0(c->upper_ms)};
    j->sides[1] = (struct join_side){.schema = node->second->in,
                                     .key_fields = node->second->key_fields,
                                     .n_key_fields = node->second->n_key_fields,
                                     .from = -c->upper_ms,
                                     .to = -c->lower_ms,
                                     .stays = at_least_0(-c->lower_ms)};
    for (uint32_t i = 0; c->late_output && i < 2; i++) {
        j->sides[i].late_port = node->n_outputs - 2 + i;
        j->sides[i].late_name = node->outputs[j->sides[i].late_port].name;
    }
}

static weir_status set_up(struct join_op *j, const struct weir_stream_node *node, struct weir_registry *registry,
                          struct weir_error *error)
{
    static const char *const names[] = {"first", "second"};
    const struct weir_op_env *env = j->op.env;
    weir_status s = weir__pairs_init(&j->pairs, &j->op, node, registry, error);
    set_up_sides(j, node);
    for (int i = 0; s == WEIR_OK && i < 2; i++) {
        s = weir__join_buffer_layout(&j->layouts[i], names[i], error);
        if (s == WEIR_OK)
            s = weir_builder_init(&j->sides[i].partners, env->pool, j->sides[i].schema, NULL, 0, env->batch_rows, true,
                                  false, error);
    }
    j->owners = weir_alloc_array(env->batch_rows, sizeof *j->owners);
    return s;
}

static struct weir_schema *key_schema_of(const struct weir_stream_node *node)
{
    struct weir_schema_builder fields = {0};
    for (uint32_t i = 0; i < node->n_key_fields; i++) {
        const weir_schema_field *f = weir_schema_field_at(node->in, node->key_fields[i]);
        weir_schema_builder_add(&fields, f->name, (weir_type)f->type, false);
    }
    return weir_schema_build(&fields);
}

struct weir_op *weir_interval_join_op_create(const struct weir_stream_node *node, const struct weir_op_env *env,
                                             struct weir_registry *registry, const char *where, struct weir_error *error)
{
    struct join_op *j = weir_alloc(sizeof *j);
    weir_op_init(&j->op, &join_class, env, where);
    weir_key_group_range(env->subtask, env->parallelism, env->max_parallelism, &j->first_group, &j->last_group);
    j->key_schema = key_schema_of(node);
    if (set_up(j, node, registry, error) == WEIR_OK &&
        weir_op_state_create(env, j->layouts, 2, j->first_group, j->last_group, &j->state, error) == WEIR_OK) {
        j->timers = weir_timers_create(j->first_group, j->last_group);
        return &j->op;
    }
    destroy_op(&j->op);
    return NULL;
}
