/* worker.c - see the header. */
#include "task/worker.h"

#include "base/log.h"

#define NS_PER_MS    1000000
#define LOOK_NS      50000
#define MOST_SKIPPED 63 /* looks */
#define LONGEST_POLL_PAUSE_MS \
    16 /* a source that gives nothing and does not call wake() is asked again after 1, 2, 4 ... ms */

static bool is_over(const struct weir_subtask *t)
{
    return t->state == WEIR_SUBTASK_DONE || t->state == WEIR_SUBTASK_FAILED;
}

static void add_time(_Atomic uint64_t *to, int64_t ns)
{
    atomic_store_explicit(to, atomic_load_explicit(to, memory_order_relaxed) + (uint64_t)(ns > 0 ? ns : 0),
                          memory_order_relaxed);
}

static int64_t monotonic(const struct weir_worker *w)
{
    return w->platform->monotonic_ns(w->platform->self);
}
static int64_t wall(const struct weir_worker *w)
{
    return w->platform->wall_ms(w->platform->self);
}

/* A subtask that is stepped without result is either backpressured or idle for as long as the others take. */
static void account(struct weir_subtask *t, weir_progress p, int64_t ns)
{
    if (p != WEIR_NONE)
        add_time(&t->times.busy_ns, ns);
    else
        add_time(weir_chain_is_blocked(&t->chain) ? &t->times.backpressured_ns : &t->times.idle_ns, ns);
}

weir_progress weir_worker_round(struct weir_worker *w, int64_t now_ms, const uint32_t *order)
{
    weir_progress round = WEIR_DONE;
    int64_t before = monotonic(w);
    for (uint32_t i = 0; i < w->n_subtasks; i++) {
        struct weir_subtask *t = w->subtasks[order ? order[i] : i];
        if (is_over(t)) continue;
        if (round == WEIR_DONE) round = WEIR_NONE;
        weir_progress p = weir_subtask_step(t, now_ms);
        int64_t after = monotonic(w);
        account(t, p, after - before);
        before = after;
        if (p == WEIR_FAILED) w->failed(w->failed_arg, t);
        if (p != WEIR_NONE) round = WEIR_MADE;
    }
    return round;
}

/* ---- sleeping ---------------------------------------------------------------------------------------------------- */

void weir_worker_wake(struct weir_worker *w)
{
    if (!atomic_fetch_or_explicit(&w->sleeping, 0, memory_order_acq_rel)) return;
    w->platform->unpark(w->platform->self, &w->parker);
}

/* Until when nothing can be due, on the monotonic clock. */
static int64_t sleep_until(const struct weir_worker *w, int64_t now_ms, int64_t pause_ms)
{
    int64_t due = INT64_MAX;
    for (uint32_t i = 0; i < w->n_subtasks; i++) {
        const struct weir_subtask *t = w->subtasks[i];
        if (is_over(t)) continue;
        int64_t next = weir_subtask_next_due_ms(t);
        bool polls =
            (t->has_source && t->nothing_polled && t->state == WEIR_SUBTASK_RUNNING) || weir_chain_is_stalled(&t->chain);
        if (polls && now_ms + pause_ms < next) next = now_ms + pause_ms;
        if (next < due) due = next;
    }
    if (due == INT64_MAX) return INT64_MAX;
    int64_t ms = due > now_ms ? due - now_ms : 0;
    return ms > INT64_MAX / NS_PER_MS / 2 ? INT64_MAX : monotonic(w) + ms * NS_PER_MS;
}

/* How many looks take 50 us: measured, so that no clock is read between them. */
static void count_looks(struct weir_worker *w)
{
    enum { LOOKS = 256, TRIES = 4 };
    int64_t least = INT64_MAX;
    for (int i = 0; i < TRIES; i++) {
        int64_t before = monotonic(w);
        for (int k = 0; k < LOOKS && !weir_parker_is_notified(&w->parker); k++) weir_relax();
        int64_t took = monotonic(w) - before;
        if (took > 0 && took < least) least = took;
    }
    w->most_looks = least < LOOK_NS ? (uint32_t)(LOOK_NS * LOOKS / least) : 0;
}

static void look(struct weir_worker *w)
{
    if (!w->looks) return;
    if (w->skip > 0) {
        w->skip--;
        return;
    }
    for (uint32_t i = 0; i < w->most_looks; i++) {
        if (weir_parker_is_notified(&w->parker)) {
            w->vain = 0;
            return;
        }
        weir_relax();
    }
    w->skip = w->vain = w->vain < MOST_SKIPPED ? 2 * w->vain + 1 : MOST_SKIPPED;
}

static void sleep_now(struct weir_worker *w, int64_t now_ms, int64_t pause_ms)
{
    int64_t before = monotonic(w), until = sleep_until(w, now_ms, pause_ms);
    if (until > before + LOOK_NS) look(w);
    w->platform->park(w->platform->self, &w->parker, until); /* at once, if it was called */
    int64_t slept = monotonic(w) - before;
    for (uint32_t i = 0; i < w->n_subtasks; i++) {
        if (!is_over(w->subtasks[i])) account(w->subtasks[i], WEIR_NONE, slept);
    }
}

/* ---- the thread -------------------------------------------------------------------------------------------------- */

static bool open_all(struct weir_worker *w)
{
    for (uint32_t i = 0; i < w->n_subtasks; i++) {
        weir_pool_adopt(w->subtasks[i]->chain.pool);
        if (weir_subtask_open(w->subtasks[i]) == WEIR_OK) continue;
        w->failed(w->failed_arg, w->subtasks[i]);
        return false;
    }
    return true;
}

static void run_until_over(struct weir_worker *w)
{
    int64_t pause_ms = 1;
    if (w->looks) count_looks(w);
    while (!atomic_load_explicit(w->cancel, memory_order_acquire)) {
        int64_t now_ms = wall(w);
        weir_progress p = weir_worker_round(w, now_ms, NULL);
        if (p == WEIR_DONE) return;
        if (p == WEIR_MADE) {
            pause_ms = 1;
            if (atomic_load_explicit(&w->sleeping, memory_order_relaxed))
                atomic_exchange_explicit(&w->sleeping, 0, memory_order_acq_rel);
            continue;
        }
        if (!atomic_load_explicit(&w->sleeping, memory_order_relaxed)) { /* say so first, then look once more */
            atomic_exchange_explicit(&w->sleeping, 1, memory_order_acq_rel);
            continue;
        }
        sleep_now(w, now_ms, pause_ms);
        if (pause_ms < LONGEST_POLL_PAUSE_MS) pause_ms *= 2;
    }
}

void weir_worker_run(void *arg)
{
    struct weir_worker *w = arg;
    weir_running_lend(&w->running);
    weir_log(WEIR_DEBUG, "task", "worker %s starts with %u subtasks", w->name, w->n_subtasks);
    if (open_all(w)) run_until_over(w);
    for (uint32_t i = 0; i < w->n_subtasks; i++) weir_subtask_close(w->subtasks[i]);
    weir_running_lend(NULL);
    weir_log(WEIR_DEBUG, "task", "worker %s ends", w->name);
    if (w->ended) w->ended(w->ended_arg);
}
