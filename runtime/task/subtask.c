/* subtask.c - see the header. */
#include "task/subtask.h"

#include "base/running.h"

#define PASSES_PER_STEP 16 /* a step moves at most this many times through the chain before others get their turn */

weir_status weir_subtask_open(struct weir_subtask *t)
{
    t->chain.error = &t->error;
    t->blocked_since_ms = INT64_MIN;
    t->patience.look_ms = INT64_MIN;
    weir_status s = weir_chain_open(&t->chain);
    t->state = s == WEIR_OK ? WEIR_SUBTASK_RUNNING : WEIR_SUBTASK_FAILED;
    return s;
}

void weir_subtask_close(struct weir_subtask *t)
{
    weir_chain_close(&t->chain);
    if (t->held.element.kind == WEIR_ELEMENT_ROWS) weir_rows_release(t->held.element.rows);
    t->held.element.kind = WEIR_ELEMENT_NONE;
}

/* ---- input ------------------------------------------------------------------------------------------------------- */

static weir_progress end_source(struct weir_subtask *t)
{
    t->chain.members[0].ended = true;
    t->state = WEIR_SUBTASK_ENDING;
    return WEIR_MADE;
}

static weir_progress stop_source(struct weir_subtask *t, uint32_t how)
{
    struct weir_op *op = t->chain.members[0].op;
    bool drain = how == WEIR_STOP_DRAIN;
    weir_status s = drain ? weir_op_emit_mark(op, WEIR_ELEMENT_WATERMARK, INT64_MAX) : WEIR_OK;
    if (s == WEIR_OK) s = weir_op_emit_mark(op, WEIR_ELEMENT_END, drain ? WEIR_END_OF_INPUT : WEIR_END_STOPPED);
    return s == WEIR_OK ? end_source(t) : WEIR_FAILED;
}

/* The next barrier that is due, if there is one; those that were given up are left out. */
static bool inject_barrier(struct weir_subtask *t)
{
    int64_t newest = atomic_load_explicit(&t->orders->newest, memory_order_acquire);
    if (newest <= t->injected) return false;
    int64_t next = atomic_load_explicit(&t->orders->oldest, memory_order_relaxed);
    if (next <= t->injected) next = t->injected + 1;
    t->injected = next < newest ? next : newest;
    if (next > newest) return false;
    weir_chain_take(&t->chain, (struct weir_element){.kind = WEIR_ELEMENT_BARRIER, .value = next}, 0);
    return true;
}

/* The barrier that the job may end at is out: nothing is read before that is decided. */
static bool holds(const struct weir_subtask *t)
{
    int64_t hold = atomic_load_explicit(&t->orders->hold, memory_order_acquire);
    return hold > 0 && t->injected >= hold;
}

static weir_progress poll_source(struct weir_subtask *t)
{
    struct weir_chain_member *head = &t->chain.members[0];
    uint32_t stop = atomic_load_explicit(t->stop, memory_order_acquire);
    if (stop != WEIR_STOP_NOT) return stop_source(t, stop);
    if (t->orders && inject_barrier(t)) return WEIR_MADE;
    if (t->orders && holds(t)) {
        t->nothing_polled = false; /* it will be woken */
        return WEIR_NONE;
    }
    weir_running_begin(&head->op->place);
    weir_progress p = head->op->class->poll(head->op, t->poll_rows);
    weir_running_end();
    if (p == WEIR_FAILED) {
        weir_error_set(&t->error, head->op->error.status, "%s: %s", head->op->where, head->op->error.text);
        return p;
    }
    t->nothing_polled = p == WEIR_NONE;
    return p == WEIR_DONE ? end_source(t) : p;
}

static bool give_barrier(struct weir_subtask *t, struct weir_gate_element *e)
{
    int64_t complete = weir_alignment_complete(&t->alignment, &t->gate);
    if (!complete) return false;
    *e = (struct weir_gate_element){.element = {.kind = WEIR_ELEMENT_BARRIER, .port = WEIR_ALL_PORTS, .value = complete}};
    return true;
}

/* What comes through the gate, with barriers aligned: a barrier goes before the element that completed it. */
static bool next_aligned(struct weir_subtask *t, struct weir_gate_element *e)
{
    for (;;) {
        if (give_barrier(t, e)) return true;
        if (t->held.element.kind != WEIR_ELEMENT_NONE) {
            *e = t->held;
            t->held.element.kind = WEIR_ELEMENT_NONE;
            return true;
        }
        if (!weir_gate_next(&t->gate, e)) return give_barrier(t, e); /* an end may have been taken in */
        if (e->element.kind == WEIR_ELEMENT_BARRIER)
            weir_alignment_barrier(&t->alignment, &t->gate, e->channel, e->element.value);
        else if (t->alignment.n == 0)
            return true;
        else
            t->held = *e;
    }
}

/* The marks of several inputs are one operator's when they are combined. */
static bool next_element(struct weir_subtask *t, struct weir_gate_element *e)
{
    if (t->gate.n_inputs == 1) return next_aligned(t, e);
    while (!weir_inputs_next(&t->inputs, &e->element)) {
        if (!next_aligned(t, e)) return false;
        if (e->element.kind == WEIR_ELEMENT_ROWS || e->element.kind == WEIR_ELEMENT_BARRIER) return true;
        weir_inputs_mark(&t->inputs, e->input, &e->element);
    }
    return true;
}

static weir_progress take_from_gate(struct weir_subtask *t)
{
    struct weir_gate_element e;
    if (!next_element(t, &e)) return WEIR_NONE;
    if (e.element.kind == WEIR_ELEMENT_END) t->state = WEIR_SUBTASK_ENDING;
    weir_chain_take(&t->chain, e.element, e.input);
    return WEIR_MADE;
}

static weir_progress take_input(struct weir_subtask *t)
{
    if (t->state != WEIR_SUBTASK_RUNNING || !weir_chain_wants_input(&t->chain)) return WEIR_NONE;
    weir_progress p = t->has_source ? poll_source(t) : take_from_gate(t);
    if (p == WEIR_MADE) t->made_rows = true;
    return p;
}

/* ---- within a step ----------------------------------------------------------------------------------------------- */

/* Time spent unable to emit does not count as silence of a source (A4, idleness). */
static void note_backpressure(struct weir_subtask *t, bool blocked, int64_t now_ms)
{
    atomic_store_explicit(&t->blocked, blocked, memory_order_relaxed);
    if (blocked && t->blocked_since_ms == INT64_MIN) t->blocked_since_ms = now_ms;
    if (blocked || t->blocked_since_ms == INT64_MIN) return;
    for (uint32_t i = 0; i < t->chain.n_members; i++)
        t->chain.members[i].op->backpressured_ms += now_ms - t->blocked_since_ms;
    t->blocked_since_ms = INT64_MIN;
}

static bool looks(const struct weir_subtask *t)
{
    return t->patience.after_ms > 0 && (t->patience.progress || t->patience.waiting);
}

/* Input pauses: what is held back for company goes on. Rows that wait for their state are no pause. */
static weir_progress pause_input(struct weir_subtask *t)
{
    if (!t->made_rows || weir_chain_is_stalled(&t->chain) || weir_chain_is_preparing(&t->chain)) return WEIR_NONE;
    t->made_rows = false;
    if (weir_chain_flush(&t->chain) < 0) return WEIR_FAILED;
    return WEIR_MADE;
}

/* ---- checkpoints ------------------------------------------------------------------------------------------------- */

static void hand_over_cuts(struct weir_subtask *t)
{
    for (struct weir_subtask_cut c = {0}; weir_chain_take_cut(&t->chain, &c.cut);) {
        t->passed = c.cut.checkpoint;
        t->cut(t->cut_arg, t, c);
    }
}

static weir_status commit(struct weir_subtask *t)
{
    int64_t complete = atomic_load_explicit(&t->orders->complete, memory_order_acquire);
    if (complete <= t->committed) return WEIR_OK;
    t->committed = complete;
    return weir_chain_committed(&t->chain, complete);
}

/* The last cut has the number of the first barrier that did not come through: it is in any checkpoint from there on. */
static weir_progress end_with_checkpoints(struct weir_subtask *t)
{
    struct weir_subtask_cut c = {.last = true};
    bool wanted = atomic_load_explicit(&t->orders->last, memory_order_acquire);
    if (wanted) {
        if (weir_chain_cut_last(&t->chain, ++t->passed) != WEIR_OK || !weir_chain_take_cut(&t->chain, &c.cut))
            return WEIR_FAILED;
        if (c.cut.declined) {
            t->error = *c.cut.declined;
            weir_chain_drop_cut(&t->chain, &c.cut);
            return WEIR_FAILED;
        }
    }
    t->cut(t->cut_arg, t, c);
    t->state = wanted ? WEIR_SUBTASK_COMMITTING : WEIR_SUBTASK_DONE;
    return wanted ? WEIR_MADE : WEIR_DONE;
}

static weir_progress finish_checkpoints(struct weir_subtask *t)
{
    if (commit(t) != WEIR_OK) return WEIR_FAILED;
    if (t->committed < t->passed) return WEIR_NONE;
    t->state = WEIR_SUBTASK_DONE;
    return WEIR_DONE;
}

/* ---- a step ------------------------------------------------------------------------------------------------------ */

static weir_progress finish_step(struct weir_subtask *t, weir_progress progress, int64_t now_ms)
{
    bool over = t->state == WEIR_SUBTASK_ENDING && weir_chain_is_ended(&t->chain);
    weir_progress written = weir_chain_write_cut(&t->chain);
    if (written == WEIR_FAILED) return written;
    if (t->orders) hand_over_cuts(t);
    if (written == WEIR_MADE) progress = WEIR_MADE;
    over = over && written == WEIR_NONE;
    if (over && t->orders) return end_with_checkpoints(t);
    if (over) {
        t->state = WEIR_SUBTASK_DONE;
        return WEIR_DONE;
    }
    for (uint32_t i = 0; i < t->chain.n_writers; i++) {
        if (weir_writer_flush(t->chain.writers[i], !t->waits, &t->error) < 0) return WEIR_FAILED;
    }
    return weir_chain_flush_due(&t->chain, now_ms) < 0 ? WEIR_FAILED : progress;
}

weir_progress weir_subtask_step(struct weir_subtask *t, int64_t now_ms)
{
    weir_progress progress = WEIR_NONE, p;
    t->gate.now_ms = now_ms;
    if (t->state == WEIR_SUBTASK_COMMITTING) {
        p = finish_checkpoints(t);
        if (p == WEIR_FAILED) goto failed;
        return p;
    }
    if (t->orders && commit(t) != WEIR_OK) goto failed;
    for (uint32_t i = 0; i < t->chain.n_writers; i++) weir_writer_drain(t->chain.writers[i]);
    bool asked = false;
    for (int pass = 0; pass < PASSES_PER_STEP; pass++) {
        p = weir_chain_pass(&t->chain, now_ms);
        if (p == WEIR_MADE) t->made_rows = true; /* a timer or an answer may have made some, without input */
        if (p == WEIR_NONE && asked && t->waits) break;
        if (p == WEIR_NONE) {
            p = take_input(t);
            asked = true;
        }
        if (p == WEIR_NONE) break;
        if (p == WEIR_FAILED) goto failed;
        progress = WEIR_MADE;
    }
    bool blocked = weir_chain_is_blocked(&t->chain);
    note_backpressure(t, blocked, now_ms);
    if (progress == WEIR_MADE) t->patience.progress = true;
    if (looks(t) && t->patience.look_ms <= now_ms) weir__subtask_look(t, now_ms);
    if (progress == WEIR_NONE && !blocked) progress = pause_input(t);
    if (progress != WEIR_FAILED) progress = finish_step(t, progress, now_ms);
    if (progress != WEIR_FAILED) return progress;
failed:
    t->state = WEIR_SUBTASK_FAILED;
    return WEIR_FAILED;
}

int64_t weir_subtask_next_due_ms(const struct weir_subtask *t)
{
    if (t->state == WEIR_SUBTASK_COMMITTING) return INT64_MAX; /* the coordinator wakes it */
    int64_t next = weir_chain_next_due_ms(&t->chain);
    return looks(t) && t->patience.look_ms < next ? t->patience.look_ms : next;
}
