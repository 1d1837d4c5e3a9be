/* watchdog.c - see the header. */
#include "job/watchdog.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/process.h"
#include "base/running.h"
#include "base/text.h"

#define NS_PER_MS       1000000
#define LOOKS_PER_LIMIT 4

struct weir_watchdog {
    const struct weir_platform *platform;
    struct weir_worker *const *workers;
    uint32_t n_workers;
    int64_t limit_ms;
    struct weir_watched *watched; /* by worker */
    bool ending;                  /* the stuck thread was sent its signal */
    _Atomic uint32_t stop;
    struct weir_parker parker;
    struct weir_thread *thread;
};

/* ---- looking ------------------------------------------------------------------------------------------------------- */

/* Its writer is the component, which knows of no other thread: a value that is out of date does no harm. */
__attribute__((no_sanitize_thread)) static uint32_t row_of(const struct weir_running_place *place)
{
    return place->row ? *(const volatile uint32_t *)place->row : 0;
}

static bool is_stuck(struct weir_watched *w, const struct weir_worker *worker, int64_t limit_ns, int64_t now_ns)
{
    const struct weir_running *r = &worker->running;
    const struct weir_running_place *place = atomic_load_explicit(&r->place, memory_order_acquire);
    uint64_t calls = atomic_load_explicit(&r->calls, memory_order_relaxed);
    bool waits = worker->blocking || atomic_load_explicit(&r->waits, memory_order_relaxed);
    uint32_t row = place ? row_of(place) : 0;
    if (w->inside && place && !waits && calls == w->calls && row == w->row) return now_ns - w->since_ns >= limit_ns;
    *w = (struct weir_watched){.calls = calls, .row = row, .inside = place && !waits, .since_ns = now_ns};
    return false;
}

int64_t weir__watchdog_look(struct weir_watched *watched, struct weir_worker *const *workers, uint32_t n, int64_t limit_ms,
                            int64_t now_ns)
{
    for (uint32_t i = 0; i < n; i++) {
        if (is_stuck(&watched[i], workers[i], limit_ms * NS_PER_MS, now_ns)) return i;
    }
    return -1;
}

/* ---- ending the process ---------------------------------------------------------------------------------------------- */

static void say_why(const struct weir_watchdog *d)
{
    static char why[128]; /* for the crash handler */
    struct weir_text limit = {0};
    weir_text_add_duration(&limit, d->limit_ms);
    snprintf(why, sizeof why, "a call into a component has been running for more than %s (defaults.watchdog)",
             weir_text_get(&limit));
    weir_text_finish(&limit);
    atomic_store(&weir_running_why, why);
}

/* The second time, the thread has not taken its signal. */
static void end_process(struct weir_watchdog *d, const struct weir_worker *worker)
{
    const struct weir_running_place *place = atomic_load(&worker->running.place);
    if (d->ending) {
        weir_running_begin(place); /* so that the handler says the same of this thread */
        abort();
    }
    d->ending = true;
    say_why(d);
    weir_log(WEIR_ERROR, "job", "%s: %s; this process ends", place ? place->where : "?", atomic_load(&weir_running_why));
    weir_thread_abort(worker->thread);
}

/* ---- the thread ----------------------------------------------------------------------------------------------------- */

static void watch(void *arg)
{
    struct weir_watchdog *d = arg;
    const struct weir_platform *p = d->platform;
    int64_t period_ns = d->limit_ms * NS_PER_MS / LOOKS_PER_LIMIT;
    while (!atomic_load(&d->stop)) {
        int64_t now = p->monotonic_ns(p->self);
        int64_t stuck = weir__watchdog_look(d->watched, d->workers, d->n_workers, d->limit_ms, now);
        if (stuck >= 0) end_process(d, d->workers[stuck]);
        p->park(p->self, &d->parker, now + period_ns);
    }
}

weir_status weir_watchdog_start(const struct weir_platform *p, struct weir_worker *const *workers, uint32_t n,
                                int64_t limit_ms, struct weir_watchdog **to, struct weir_error *error)
{
    *to = NULL;
    if (limit_ms <= 0) return WEIR_OK;
    struct weir_watchdog *d = weir_alloc(sizeof *d);
    d->platform = p;
    d->workers = workers;
    d->n_workers = n;
    d->limit_ms = limit_ms < INT64_MAX / NS_PER_MS / 2 ? limit_ms : INT64_MAX / NS_PER_MS / 2;
    d->watched = weir_alloc_array(n + 1, sizeof *d->watched);
    *to = d;
    return p->start_thread(p->self, "watchdog", watch, d, &d->thread, error);
}

void weir_watchdog_stop(struct weir_watchdog *d)
{
    if (!d) return;
    atomic_store(&d->stop, 1);
    d->platform->unpark(d->platform->self, &d->parker);
    d->platform->join_thread(d->platform->self, d->thread);
    weir_free(d->watched);
    weir_free(d);
}
