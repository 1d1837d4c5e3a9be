/* patience.c - windows and timers that wait long for event time. Subtask's thread.
 *
 * Looking costs a call per operator that can wait, so it is done by the clock and not by the record: at most RARELY times
 * while a window may wait. A member waits from the look that first found it so, or from the growth of its watermark since
 * then; when that is after_ms ago, whoever deployed the job says what holds it, or says nothing when it is on its way.
 */
#include "task/subtask.h"

#define RARELY 8

static int64_t waiting_since(const struct weir_chain_member *m)
{
    int64_t grew_ms = atomic_load_explicit(&m->op->time.grew_ms, memory_order_relaxed);
    return grew_ms > m->waits_ms ? grew_ms : m->waits_ms;
}

/* When to look at the member again; INT64_MAX: it does not wait. */
static int64_t look_at(struct weir_subtask *t, uint32_t i, int64_t now_ms)
{
    struct weir_chain_member *m = &t->chain.members[i];
    bool waits = !m->ended && m->op->class->waits && m->op->class->waits(m->op);
    if (waits && !m->waits) m->waits_ms = now_ms;
    m->waits = waits;
    if (!waits) return INT64_MAX;
    if (now_ms - waiting_since(m) < t->patience.after_ms) return waiting_since(m) + t->patience.after_ms;
    return t->patience.told(t->patience.arg, t, i, now_ms) ? INT64_MAX : now_ms + t->patience.after_ms;
}

void weir__subtask_look(struct weir_subtask *t, int64_t now_ms)
{
    struct weir_subtask_patience *p = &t->patience;
    int64_t next = INT64_MAX;
    for (uint32_t i = 0; i < t->chain.n_members; i++) {
        int64_t at = look_at(t, i, now_ms);
        if (at < next) next = at;
    }
    p->waiting = next != INT64_MAX;
    p->progress = false;
    p->look_ms = p->waiting ? next : now_ms + p->after_ms / RARELY + 1;
}
