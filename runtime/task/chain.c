/* chain.c - see the header. */
#include "task/chain.h"

#include <string.h>

#include "base/alloc.h"
#include "base/running.h"
#include "operator/move.h"

/* The operator's error becomes the subtask's, with the node's name before it. */
static weir_progress fail(struct weir_chain *c, struct weir_chain_member *m, weir_status status)
{
    struct weir_error *error = &m->op->error;
    const struct weir_error *of_state = weir_op_state_failure(m->op); /* what the operator made of it is no better */
    if (of_state) *error = *of_state;
    if (error->status == WEIR_OK) weir_error_set(error, status, "failed: %s", weir_status_name(status));
    weir_error_set(c->error, error->status, "%s: %s", m->op->where, error->text);
    return WEIR_FAILED;
}

/* A store that failed gives nothing, which an operator may take for no state: what it made of that goes nowhere. */
static weir_status checked(const struct weir_chain_member *m, weir_status s)
{
    const struct weir_error *of_state = weir_op_state_failure(m->op);
    return of_state ? of_state->status : s;
}

/* ---- opening and closing ----------------------------------------------------------------------------------------- */

weir_status weir_chain_open(struct weir_chain *c)
{
    for (uint32_t i = c->n_members; i-- > 0;) {
        struct weir_chain_member *m = &c->members[i];
        m->opened = true;
        weir_running_begin(&m->op->place);
        weir_status s = m->op->class->open ? m->op->class->open(m->op) : WEIR_OK;
        if (s < 0) {
            fail(c, m, s);
            return c->error->status;
        }
    }
    weir_running_end();
    for (uint32_t i = 0; i < c->n_writers; i++) {
        weir_status s = weir_writer_open(c->writers[i], c->error);
        if (s < 0) return s;
    }
    return WEIR_OK;
}

void weir_chain_close(struct weir_chain *c)
{
    for (uint32_t i = 0; i < c->n_cuts; i++) weir_chain_drop_cut(c, &c->cuts[i]);
    for (uint32_t i = c->n_members; i-- > 0;) {
        struct weir_chain_member *m = &c->members[i];
        if (m->current.kind == WEIR_ELEMENT_ROWS) weir_rows_release(m->current.rows);
        m->current.kind = WEIR_ELEMENT_NONE;
        weir_running_begin(&m->op->place);
        if (m->opened && m->op->class->close) m->op->class->close(m->op);
        m->opened = false;
    }
    weir_running_end();
    for (uint32_t i = 0; i < c->n_writers; i++) weir_writer_close(c->writers[i]);
    weir_free(c->cuts);
    c->cuts = NULL;
    c->n_cuts = c->cuts_capacity = 0;
}

/* ---- delivery ---------------------------------------------------------------------------------------------------- */

static bool member_wants(const struct weir_chain_member *m)
{
    return m->current.kind == WEIR_ELEMENT_NONE && m->op->outbox.n == 0 && !m->firing;
}

static void hold(struct weir_chain_member *m, struct weir_element e, uint32_t input)
{
    m->current = e;
    m->input = input;
    m->row = 0;
    m->stalled = m->waiting = m->preparing = m->prepared = false;
    if (e.kind != WEIR_ELEMENT_ROWS) return;
    weir_count(&m->op->counters.rows_in, (uint64_t)e.rows->view.selected);
    weir_count(&m->op->counters.batches_in, 1);
}

/* 1: delivered, 0: the target has no room, negative: failed. */
static int deliver_to(struct weir_chain *c, const struct weir_chain_target *t, const struct weir_element *e)
{
    weir_status s;
    if (t->writer) {
        if (!weir_writer_accepts(t->writer)) return 0;
        s = e->kind == WEIR_ELEMENT_ROWS
                ? weir_writer_put_rows(t->writer, e->rows, c->error)
                : weir_writer_put_mark(t->writer, (enum weir_element_kind)e->kind, e->value, c->error);
        return s < 0 ? -1 : 1;
    }
    struct weir_chain_member *m = &c->members[t->member];
    if (!member_wants(m)) return 0;
    struct weir_element copy = *e;
    if (copy.kind == WEIR_ELEMENT_ROWS) weir_rows_retain(copy.rows);
    hold(m, copy, t->input);
    return 1;
}

static bool concerns(const struct weir_chain_target *t, const struct weir_element *e)
{
    return e->port == WEIR_ALL_PORTS || e->port == t->port;
}

/* The outbox's first element to all its targets from next_target on; as deliver_to. */
static int deliver_first(struct weir_chain *c, struct weir_chain_member *m)
{
    const struct weir_element *e = weir_outbox_first(&m->op->outbox);
    for (; m->next_target < m->n_targets; m->next_target++) {
        const struct weir_chain_target *t = &m->targets[m->next_target];
        if (!concerns(t, e)) continue;
        int delivered = deliver_to(c, t, e);
        if (delivered <= 0) return delivered;
    }
    struct weir_element gone = weir_outbox_pop(&m->op->outbox);
    if (gone.kind == WEIR_ELEMENT_ROWS) weir_rows_release(gone.rows);
    m->next_target = 0;
    return 1;
}

/* The same where there is one target, a member: it gets the reference too. */
static int hand_first(struct weir_chain *c, struct weir_chain_member *m)
{
    struct weir_chain_member *to = &c->members[m->targets[0].member];
    if (!member_wants(to)) return 0;
    hold(to, weir_outbox_pop(&m->op->outbox), m->targets[0].input);
    return 1;
}

/* Moves elements from the outbox to their targets until it is empty or a target has no room. */
static weir_progress deliver(struct weir_chain *c, struct weir_chain_member *m)
{
    weir_progress progress = WEIR_NONE;
    bool hands = m->n_targets == 1 && !m->targets[0].writer;
    while (m->op->outbox.n > 0) {
        bool handed = hands && concerns(&m->targets[0], weir_outbox_first(&m->op->outbox));
        int delivered = (handed ? hand_first : deliver_first)(c, m);
        if (delivered < 0) return WEIR_FAILED;
        if (delivered == 0) return progress;
        progress = WEIR_MADE;
    }
    return progress;
}

/* ---- running one member ------------------------------------------------------------------------------------------ */

/* MORE: nothing came of the call, so another one now would not help. */
static void note_nothing(struct weir_chain_member *m, bool nothing)
{
    m->stalled = nothing && !m->op->will_wake;
    m->waiting = nothing && m->op->will_wake;
}

static weir_status prepare(struct weir_chain_member *m)
{
    const struct weir_op_class *class = m->op->class;
    weir_status s = m->prepared || !class->prepare ? WEIR_OK : class->prepare(m->op, m->input, m->current.rows);
    m->preparing = s == WEIR_MORE;
    m->prepared = s == WEIR_OK;
    return s;
}

static weir_status run_rows(struct weir_chain *c, struct weir_chain_member *m, int64_t now_ms)
{
    if (m->current.rows->view.selection && !m->op->accepts_selection) {
        struct weir_rows *compact = weir_rows_compact(c->pool, m->current.rows);
        if (!compact) return weir_op_fail(m->op, WEIR_E_MEMORY, "no memory to compact a batch");
        weir_rows_release(m->current.rows);
        m->current.rows = compact;
    }
    weir_status s = prepare(m);
    if (s != WEIR_OK) return s;
    int64_t before = m->row;
    atomic_store_explicit(&m->op->time.rows_ms, now_ms, memory_order_relaxed);
    s = m->op->class->rows(m->op, m->input, m->current.rows, &m->row);
    if (!m->written) m->written_ms = now_ms;
    m->written = true;
    note_nothing(m, s == WEIR_MORE && m->row == before && m->op->outbox.n == 0);
    if (s == WEIR_OK) weir_rows_release(m->current.rows);
    return s;
}

static weir_status run_mark(struct weir_chain_member *m)
{
    weir_status s = m->op->class->mark(m->op, (enum weir_element_kind)m->current.kind, m->current.value);
    note_nothing(m, s == WEIR_MORE && m->op->outbox.n == 0);
    return s;
}

static weir_status run_watermark(struct weir_chain_member *m)
{
    if (m->op->class->mark) return run_mark(m);
    int64_t watermark = m->current.value;
    m->op->watermark = watermark;
    bool swallowed = m->op->class->swallows_marks && watermark != INT64_MAX; /* and no event time of its own */
    if (!swallowed) weir_op_reached(m->op, watermark);
    m->op->is_reading = false;
    weir_status s = m->op->class->watermark ? m->op->class->watermark(m->op, watermark) : WEIR_OK;
    m->preparing = s == WEIR_MORE && m->op->is_reading;
    if (s != WEIR_OK || swallowed) return s;
    return weir_op_emit_mark(m->op, WEIR_ELEMENT_WATERMARK, watermark);
}

static struct weir_chain_cut *cut_of(struct weir_chain *c, int64_t checkpoint)
{
    for (uint32_t i = 0; i < c->n_cuts; i++) {
        if (c->cuts[i].checkpoint == checkpoint) return &c->cuts[i];
    }
    WEIR_GROW(c->cuts, c->cuts_capacity, c->n_cuts + 1);
    struct weir_chain_cut *cut = &c->cuts[c->n_cuts++];
    *cut = (struct weir_chain_cut){.checkpoint = checkpoint, .parts = weir_alloc_array(c->n_members, sizeof *cut->parts)};
    return cut;
}

/* A last cut stands in checkpoints to come, so it is whole. */
static struct weir_cut_order order_of(const struct weir_chain *c, const struct weir_chain_member *m, int64_t checkpoint)
{
    const struct weir_chain_cuts *cuts = c->changes;
    if (!cuts || m->ended) return (struct weir_cut_order){0};
    int64_t allowed = atomic_load_explicit(&cuts->allowed[checkpoint % WEIR_CUTS_ALLOWED], memory_order_relaxed);
    if (allowed != checkpoint) return (struct weir_cut_order){0};
    return (struct weir_cut_order){checkpoint, atomic_load_explicit(&cuts->base, memory_order_acquire), cuts->most};
}

/* The cut: what came before the barrier is in the snapshot, what comes behind it is not. A member that cannot be cut
 * declines the checkpoint; its work goes on. */
static void cut_member(struct weir_chain *c, struct weir_chain_member *m, int64_t checkpoint)
{
    struct weir_op *op = m->op;
    struct weir_chain_cut *cut = cut_of(c, checkpoint);
    cut->n++;
    m->cut = checkpoint;
    cut->parts[m - c->members].later = true; /* the coordinator reads it while the work goes on */
    cut->parts[m - c->members].in_steps = !m->ended;
    cut->parts[m - c->members].stays = m->ended;
    cut->parts[m - c->members].order = order_of(c, m, checkpoint);
    /* The last cut has the number of a barrier that does not come any more, whatever that barrier is for. */
    bool is_wanted = m->ended || !c->uncut || atomic_load_explicit(c->uncut, memory_order_relaxed) != checkpoint;
    weir_status s =
        is_wanted && op->class->snapshot ? op->class->snapshot(op, checkpoint, &cut->parts[m - c->members]) : WEIR_OK;
    s = checked(m, s);
    if (s >= 0) return;
    if (!cut->declined) {
        cut->declined = weir_alloc(sizeof *cut->declined);
        weir_error_set(cut->declined, s, "%s: %s", op->where, op->error.status ? op->error.text : weir_status_name(s));
    }
    op->error.status = WEIR_OK;
}

static weir_status end_before_barrier(struct weir_chain_member *m)
{
    weir_status s = m->op->class->mark ? run_mark(m) : WEIR_OK;
    if (s != WEIR_OK) return s;
    m->written = false;
    s = m->op->class->flush ? m->op->class->flush(m->op) : WEIR_OK; /* a sink is not given this again */
    return s < 0 ? s : WEIR_OK;
}

static weir_status run_barrier(struct weir_chain *c, struct weir_chain_member *m)
{
    weir_status s = m->moving ? WEIR_OK : end_before_barrier(m);
    if (s != WEIR_OK) return s;
    bool is_to_move = atomic_load_explicit(&m->op->move, memory_order_acquire);
    if (is_to_move && weir_chain_write_cut(c) != WEIR_NONE) s = WEIR_MORE; /* of the set that goes */
    if (s == WEIR_OK) s = weir_op_move_at(m->op, m->current.value);
    m->moving = s == WEIR_MORE;
    if (s != WEIR_OK) return s;
    cut_member(c, m, m->current.value);
    return weir_op_emit_mark(m->op, WEIR_ELEMENT_BARRIER, m->current.value);
}

static weir_status run_idle(struct weir_chain_member *m)
{
    if (m->op->class->mark) return run_mark(m);
    return m->op->class->swallows_marks ? WEIR_OK : weir_op_emit_mark(m->op, WEIR_ELEMENT_IDLE, m->current.value);
}

static weir_status run_end(struct weir_chain_member *m)
{
    bool finishes = m->op->class->finish && (m->current.value == WEIR_END_OF_INPUT || m->op->class->finishes_when_stopped);
    weir_status s = finishes ? m->op->class->finish(m->op) : WEIR_OK;
    note_nothing(m, s == WEIR_MORE && m->op->outbox.n == 0);
    if (s != WEIR_OK) return s;
    m->ended = true;
    return weir_op_emit_mark(m->op, WEIR_ELEMENT_END, m->current.value);
}

static weir_progress run(struct weir_chain *c, struct weir_chain_member *m, int64_t now_ms)
{
    weir_status s = WEIR_OK;
    weir_running_begin(&m->op->place);
    switch ((enum weir_element_kind)m->current.kind) {
    case WEIR_ELEMENT_NONE: return WEIR_NONE;
    case WEIR_ELEMENT_ROWS: s = run_rows(c, m, now_ms); break;
    case WEIR_ELEMENT_WATERMARK: s = run_watermark(m); break;
    case WEIR_ELEMENT_IDLE: s = run_idle(m); break;
    case WEIR_ELEMENT_BARRIER: s = run_barrier(c, m); break;
    case WEIR_ELEMENT_END: s = run_end(m); break;
    }
    weir_running_end();
    s = checked(m, s);
    if (s < 0) return fail(c, m, s);
    if (s == WEIR_OK) m->current.kind = WEIR_ELEMENT_NONE;
    return m->stalled || m->waiting || m->preparing ? WEIR_NONE : WEIR_MADE;
}

static bool rests(const struct weir_chain *c, const struct weir_chain_member *m)
{
    int64_t hold = c->hold ? atomic_load_explicit(c->hold, memory_order_acquire) : 0;
    return hold > 0 && m->cut >= hold;
}

static bool is_due(const struct weir_chain *c, const struct weir_chain_member *m, int64_t now_ms)
{
    if (rests(c, m) || m->gave_way) return false;
    return m->op->next_due_ms <= now_ms || atomic_load_explicit(&m->op->due_now, memory_order_relaxed);
}

/* MORE: the same call again once the outbox is empty, whatever the clock says by then; it takes nothing meanwhile. OK with
 * something still due: it gives way until a pass has found nothing else to do, and input was asked for. */
static weir_progress fire_due(struct weir_chain *c, struct weir_chain_member *m, int64_t now_ms)
{
    if (m->firing) {
        if (m->op->outbox.n > 0) return WEIR_NONE;
    } else {
        if (m->ended || !member_wants(m) || !is_due(c, m, now_ms)) return WEIR_NONE;
        m->firing_ms = now_ms;
    }
    weir_running_begin(&m->op->place);
    m->op->is_reading = false;
    weir_status s = checked(m, m->op->class->processing_time(m->op, m->firing_ms));
    weir_running_end();
    m->firing = s == WEIR_MORE;
    m->preparing = m->firing && m->op->is_reading;
    m->gave_way = s == WEIR_OK && m->op->next_due_ms <= m->firing_ms;
    if (s < 0) return fail(c, m, s);
    return m->preparing ? WEIR_NONE : WEIR_MADE;
}

/* Nothing to deliver, to run or to fire: most members are, most of the time. */
static bool is_quiet(const struct weir_chain_member *m, int64_t now_ms)
{
    return m->current.kind == WEIR_ELEMENT_NONE && m->op->outbox.n == 0 && !m->firing && m->op->next_due_ms > now_ms &&
           !atomic_load_explicit(&m->op->due_now, memory_order_relaxed);
}

static weir_progress visit(struct weir_chain *c, struct weir_chain_member *m, int64_t now_ms)
{
    weir_progress p = deliver(c, m);
    if (p == WEIR_NONE && m->op->outbox.n == 0 && m->current.kind != WEIR_ELEMENT_NONE) p = run(c, m, now_ms);
    if (p == WEIR_NONE) p = fire_due(c, m, now_ms);
    if (p == WEIR_MADE && m->op->outbox.n > 0 && deliver(c, m) == WEIR_FAILED) p = WEIR_FAILED;
    return p;
}

/* The deepest member that has got something of this one, or the member itself. */
static uint32_t deepest_given(const struct weir_chain *c, uint32_t i)
{
    const struct weir_chain_member *m = &c->members[i];
    uint32_t deepest = i;
    for (uint32_t t = 0; t < m->n_targets; t++) {
        uint32_t to = m->targets[t].member;
        if (!m->targets[t].writer && to > deepest && c->members[to].current.kind != WEIR_ELEMENT_NONE) deepest = to;
    }
    return deepest;
}

weir_progress weir_chain_pass(struct weir_chain *c, int64_t now_ms)
{
    weir_progress progress = WEIR_NONE;
    uint32_t returns = c->n_members; /* to what was given something, at most, so that a pass has an end */
    for (uint32_t i = 0; i < c->n_members; i++) c->members[i].op->now_ms = now_ms;
    for (uint32_t i = c->n_members; i-- > 0;) {
        struct weir_chain_member *m = &c->members[i];
        if (is_quiet(m, now_ms)) continue;
        weir_progress p = visit(c, m, now_ms);
        if (p == WEIR_FAILED) return p;
        if (p == WEIR_NONE) continue;
        progress = p;
        uint32_t deepest = deepest_given(c, i);
        if (deepest == i || returns == 0) continue;
        returns--;
        i = deepest + 1;
    }
    if (progress == WEIR_NONE) {
        for (uint32_t i = 0; i < c->n_members; i++) c->members[i].gave_way = false;
    }
    return progress;
}

/* ---- questions --------------------------------------------------------------------------------------------------- */

bool weir_chain_wants_input(const struct weir_chain *c)
{
    return member_wants(&c->members[0]) && !c->members[0].ended;
}

void weir_chain_take(struct weir_chain *c, struct weir_element e, uint32_t input)
{
    WEIR_ASSERT(weir_chain_wants_input(c));
    hold(&c->members[0], e, input);
}

int64_t weir_chain_next_due_ms(const struct weir_chain *c)
{
    int64_t next = INT64_MAX;
    for (uint32_t i = 0; i < c->n_members; i++) {
        const struct weir_chain_member *m = &c->members[i];
        bool listens = member_wants(m) || (m->waiting && m->op->outbox.n == 0);
        if (!m->ended && listens && !rests(c, m) && m->op->next_due_ms < next) next = m->op->next_due_ms;
    }
    return next;
}

bool weir_chain_is_blocked(const struct weir_chain *c)
{
    for (uint32_t i = 0; i < c->n_members; i++) {
        if (c->members[i].op->outbox.n > 0) return true;
    }
    return false;
}

void weir_chain_drop_cut(const struct weir_chain *c, struct weir_chain_cut *cut)
{
    for (uint32_t i = 0; cut->parts && i < c->n_members; i++) weir_snapshot_finish(&cut->parts[i]);
    weir_free(cut->parts);
    weir_free(cut->declined);
    *cut = (struct weir_chain_cut){0};
}

bool weir_chain_take_cut(struct weir_chain *c, struct weir_chain_cut *to)
{
    if (c->n_cuts == 0 || c->cuts[0].n < c->n_members) return false;
    for (uint32_t i = 0; i < c->n_members; i++) {
        if (weir_snapshot_is_unwritten(&c->cuts[0].parts[i])) return false;
    }
    *to = c->cuts[0];
    memmove(c->cuts, c->cuts + 1, --c->n_cuts * sizeof *c->cuts);
    return true;
}

/* The first part of which there is something to write. */
static struct weir_snapshot *unwritten_part(const struct weir_chain *c, struct weir_chain_member **of)
{
    for (uint32_t i = 0; i < c->n_cuts; i++) {
        for (uint32_t m = 0; m < c->n_members; m++) {
            struct weir_snapshot *part = &c->cuts[i].parts[m];
            *of = &c->members[m];
            if (weir_snapshot_is_unwritten(part)) return part;
        }
    }
    return NULL;
}

weir_progress weir_chain_write_cut(struct weir_chain *c)
{
    struct weir_chain_member *m = NULL;
    struct weir_snapshot *part = unwritten_part(c, &m);
    if (!part) return WEIR_NONE;
    weir_running_begin(&m->op->place);
    (void)weir_snapshot_write(part);
    weir_running_end();
    weir_status s = checked(m, WEIR_OK);
    return s < 0 ? fail(c, m, s) : WEIR_MADE;
}

/* What follows the end would never arrive. */
static weir_status check_silent(struct weir_chain *c)
{
    for (uint32_t i = 0; i < c->n_members; i++) {
        if (c->members[i].op->outbox.n > 0)
            return weir_error_set(c->error, WEIR_E_PLUGIN, "%s: emitted records in snapshot() after its end",
                                  c->members[i].op->where);
    }
    return WEIR_OK;
}

weir_status weir_chain_cut_last(struct weir_chain *c, int64_t checkpoint)
{
    for (uint32_t i = 0; i < c->n_members; i++) {
        weir_running_begin(&c->members[i].op->place);
        cut_member(c, &c->members[i], checkpoint);
    }
    weir_running_end();
    return check_silent(c);
}

weir_status weir_chain_committed(struct weir_chain *c, int64_t checkpoint)
{
    for (uint32_t i = 0; i < c->n_members; i++) {
        struct weir_chain_member *m = &c->members[i];
        if (!m->op->class->committed || !m->opened) continue;
        weir_running_begin(&m->op->place);
        weir_status s = m->op->class->committed(m->op, checkpoint);
        weir_running_end();
        if (s < 0) {
            fail(c, m, s);
            return c->error->status;
        }
    }
    return WEIR_OK;
}

bool weir_chain_is_stalled(const struct weir_chain *c)
{
    for (uint32_t i = 0; i < c->n_members; i++) {
        if (c->members[i].stalled) return true;
    }
    return false;
}

bool weir_chain_is_preparing(const struct weir_chain *c)
{
    for (uint32_t i = 0; i < c->n_members; i++) {
        if (c->members[i].preparing) return true;
    }
    return false;
}

bool weir_chain_is_ended(const struct weir_chain *c)
{
    for (uint32_t i = 0; i < c->n_members; i++) {
        if (!c->members[i].ended || c->members[i].op->outbox.n > 0) return false;
    }
    for (uint32_t i = 0; i < c->n_writers; i++) {
        if (!weir_writer_drain(c->writers[i])) return false;
    }
    return true;
}

static weir_status flush_member(struct weir_chain *c, struct weir_chain_member *m)
{
    if (m->current.kind != WEIR_ELEMENT_NONE) return WEIR_OK; /* in the middle of a batch: nothing may come between */
    m->written = false;
    if (!m->op->class->flush || m->ended) return WEIR_OK;
    weir_running_begin(&m->op->place);
    weir_status s = m->op->class->flush(m->op);
    weir_running_end();
    if (s >= 0) return WEIR_OK;
    fail(c, m, s);
    return c->error->status;
}

weir_status weir_chain_flush(struct weir_chain *c)
{
    weir_status s = WEIR_OK;
    for (uint32_t i = 0; s == WEIR_OK && i < c->n_members; i++) {
        if (c->members[i].written) s = flush_member(c, &c->members[i]);
    }
    for (uint32_t i = 0; s == WEIR_OK && i < c->n_writers; i++) s = weir_writer_flush(c->writers[i], false, c->error);
    return s;
}

weir_status weir_chain_flush_due(struct weir_chain *c, int64_t now_ms)
{
    weir_status s = WEIR_OK;
    for (uint32_t i = 0; s == WEIR_OK && i < c->n_members; i++) {
        struct weir_chain_member *m = &c->members[i];
        if (m->written && now_ms - m->written_ms >= WEIR_FLUSH_MS) s = flush_member(c, m);
    }
    return s;
}
