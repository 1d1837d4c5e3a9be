/* storage_watch.c - see the header. What is decided, is under the lock of the calls: a checkpoint is in time or it is late,
 * and whoever waits for it is answered once. */
#include "job/storage_watch.h"

#include <inttypes.h>

#include "base/log.h"

#define NS_PER_MS        1000000
#define LOOKS_PER_LIMIT  4
#define SHORTEST_LOOK_NS (10 * (int64_t)NS_PER_MS)
#define OVER_LIMIT_MS    5000 /* of a job that is over, and only waits */

static int64_t now_of(const struct weir_storage_watch *w)
{
    return w->calls.platform->monotonic_ns(w->calls.platform->self);
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- words ------------------------------------------------------------------------------------------------------- */

/* "checkpoint storage 'file': finish of chk-7/counts-0.state has not returned for 10min (since ...)" */
static void describe(const struct weir_storage_watch *w, int64_t now, struct weir_text *to)
{
    const struct weir_platform *p = w->calls.platform;
    int64_t ms = (now - w->calls.now.since_ns) / NS_PER_MS;
    weir_text_add(to, "%s has not returned for ", w->calls.now.what);
    weir_text_add_duration(to, ms < 10000 ? ms : ms / 1000 * 1000);
    weir_text_add(to, ", since ");
    weir_text_add_time(to, p->wall_ms(p->self) - ms);
}

static void tell(const struct weir_storage_watch *w, const char *why)
{
    if (w->over)
        weir_log(WEIR_WARN, "checkpoint", "job '%s' is over, and waits for its storage: %s", w->job, why);
    else if (w->writing)
        weir_log(WEIR_WARN, "checkpoint",
                 "checkpoint %" PRId64 " of job '%s' is late (checkpoint.timeout): %s; the job goes on, and no other "
                 "checkpoint is begun before it does",
                 w->writing->number, w->job, why);
    else
        weir_log(WEIR_WARN, "checkpoint", "%s; job '%s' goes on, and no checkpoint is begun before it does", why, w->job);
}

/* ---- giving up --------------------------------------------------------------------------------------------------- */

static void answer(struct weir_saving *s, const char *what, const char *why)
{
    struct weir_error error;
    weir_error_set(&error, WEIR_E_IO, "there is no %s: it is late (checkpoint.timeout): %s", what, why);
    weir__saving_answer_early(s, &error);
}

static void give_up(struct weir_storage_watch *w, const char *why)
{
    w->given_up = true;
    if (w->writing->savepoint) {
        answer(w->writing->savepoint, "savepoint", why);
        if (w->writing->savepoint->then == WEIR_THEN_SUSPEND) w->let_go(w->arg);
    }
    for (struct weir_saving *s = w->writing->asked; s; s = s->next) answer(s, "checkpoint", why);
}

/* Behind the lock. When the call that is under way is to be told of. */
static int64_t due_ns(const struct weir_storage_watch *w)
{
    int64_t limit_ms = w->over ? smaller(OVER_LIMIT_MS, w->calls.timeout_ms) : w->calls.timeout_ms;
    int64_t alone = w->calls.now.since_ns + limit_ms * NS_PER_MS;
    return w->writing ? smaller(alone, w->calls.until_ns) : alone;
}

int64_t weir__storage_watch_step(struct weir_storage_watch *w)
{
    struct weir_text why = {0};
    int64_t now = now_of(w), look = w->calls.timeout_ms * NS_PER_MS / LOOKS_PER_LIMIT;
    int64_t next = now + (look > SHORTEST_LOOK_NS ? look : SHORTEST_LOOK_NS);
    weir_lock_take(&w->calls.lock);
    bool runs = w->calls.now.runs;
    if (runs && now < due_ns(w)) {
        next = smaller(next, due_ns(w));
    } else if (runs) {
        describe(w, now, &why);
        if (w->writing && !w->given_up) give_up(w, weir_text_get(&why));
        if (!w->calls.told) tell(w, weir_text_get(&why));
        w->calls.told = true;
    }
    weir_lock_leave(&w->calls.lock);
    if (why.n > 0) w->refuse(w->arg, weir_text_get(&why));
    weir_text_finish(&why);
    return next;
}

/* ---- the coordinator's ------------------------------------------------------------------------------------------- */

void weir__storage_watch_open(struct weir_storage_watch *w, const struct weir_attempt *a, int64_t until_ns)
{
    weir_storage_calls_limit(&w->calls, until_ns);
    weir_lock_take(&w->calls.lock);
    w->writing = a;
    w->given_up = false;
    weir_lock_leave(&w->calls.lock);
}

bool weir__storage_watch_close(struct weir_storage_watch *w)
{
    int64_t now = now_of(w);
    weir_lock_take(&w->calls.lock);
    bool late = w->given_up || now >= w->calls.until_ns;
    w->writing = NULL;
    w->calls.until_ns = INT64_MAX;
    weir_lock_leave(&w->calls.lock);
    return !late;
}

void weir__storage_watch_end(struct weir_storage_watch *w)
{
    weir_lock_take(&w->calls.lock);
    w->over = true;
    w->calls.told = false; /* in other words, once more */
    weir_lock_leave(&w->calls.lock);
    w->calls.platform->unpark(w->calls.platform->self, &w->parker);
}

/* ---- any thread -------------------------------------------------------------------------------------------------- */

weir_status weir__storage_watch_check(struct weir_storage_watch *w, struct weir_error *error)
{
    struct weir_text why = {0};
    int64_t now = now_of(w);
    weir_lock_take(&w->calls.lock);
    if (w->calls.told) describe(w, now, &why);
    weir_lock_leave(&w->calls.lock);
    weir_status s = why.n > 0 ? weir_error_set(error, WEIR_E_IO, "%s", weir_text_get(&why)) : WEIR_OK;
    weir_text_finish(&why);
    return s;
}

bool weir__storage_watch_look(struct weir_storage_watch *w, struct weir_storage_call *to, bool *told)
{
    int64_t now = now_of(w);
    weir_lock_take(&w->calls.lock);
    *to = w->calls.now;
    *told = w->calls.told;
    weir_lock_leave(&w->calls.lock);
    to->took_ns = now - to->since_ns;
    return to->runs;
}

/* ---- the thread -------------------------------------------------------------------------------------------------- */

static void watch(void *arg)
{
    struct weir_storage_watch *w = arg;
    const struct weir_platform *p = w->calls.platform;
    while (!atomic_load(&w->stop)) {
        int64_t next = weir__storage_watch_step(w);
        if (!atomic_load(&w->stop)) p->park(p->self, &w->parker, next);
    }
}

void weir__storage_watch_init(struct weir_storage_watch *w, const struct weir_run *run, int64_t timeout_ms,
                              void (*refuse)(void *, const char *), void (*let_go)(void *), void *arg)
{
    *w = (struct weir_storage_watch){.job = run->graph->job, .refuse = refuse, .let_go = let_go, .arg = arg};
    weir_storage_calls_init(&w->calls, run->platform, timeout_ms);
}

weir_status weir__storage_watch_start(struct weir_storage_watch *w, struct weir_error *error)
{
    const struct weir_platform *p = w->calls.platform;
    return p->start_thread(p->self, "storage-watch", watch, w, &w->thread, error);
}

void weir__storage_watch_stop(struct weir_storage_watch *w)
{
    if (!w->thread) return;
    atomic_store(&w->stop, 1);
    w->calls.platform->unpark(w->calls.platform->self, &w->parker);
    w->calls.platform->join_thread(w->calls.platform->self, w->thread);
    w->thread = NULL;
}
