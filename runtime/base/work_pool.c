/* work_pool.c - see the header.
 *
 * The pieces are in a ring: the submitter stores at `tail`, the threads advance `head` by compare-and-swap, so a piece is
 * taken once. Both only grow, and a slot is written again only after head has passed it.
 *
 * Sleeping: a thread counts itself in n_sleeping, looks at the ring once more, and parks. The submitter moves tail, then
 * reads n_sleeping. Both touch the counter by a read-modify-write: either the submitter's comes first, and the thread that
 * counts itself afterwards sees the new tail; or it comes second, and finds the sleeper. No piece is forgotten, and none
 * waits for a thread that is busy while another sleeps.
 */
#include "base/work_pool.h"

#include "base/alloc.h"

struct worker {
    struct weir_work_pool *pool;
    struct weir_thread *thread;
    struct weir_parker parker;
    _Atomic uint32_t sleeping; /* set by the thread, cleared by whoever wakes it */
};

struct weir_work_pool {
    struct weir_work_pool_options options;
    _Atomic(void *) *slots; /* mask + 1 of them; written by the submitter */
    uint64_t mask;
    _Atomic uint64_t tail;              /* submitter */
    _Alignas(64) _Atomic uint64_t head; /* pool's threads */
    _Atomic uint32_t n_sleeping, closing;
    struct worker *workers;
    uint32_t n_started;
};

/* ---- the pool's threads ------------------------------------------------------------------------------------------ */

static void *take(struct weir_work_pool *p)
{
    uint64_t head = atomic_load_explicit(&p->head, memory_order_acquire);
    while (head != atomic_load_explicit(&p->tail, memory_order_acquire)) {
        void *piece = atomic_load_explicit(&p->slots[head & p->mask], memory_order_relaxed);
        if (atomic_compare_exchange_weak_explicit(&p->head, &head, head + 1, memory_order_acq_rel, memory_order_acquire))
            return piece;
    }
    return NULL;
}

static bool has_work(struct weir_work_pool *p)
{
    return atomic_load_explicit(&p->head, memory_order_acquire) != atomic_load_explicit(&p->tail, memory_order_acquire);
}

static void sleep_until_woken(struct weir_work_pool *p, struct worker *w)
{
    const struct weir_platform *platform = p->options.platform;
    atomic_store_explicit(&w->sleeping, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&p->n_sleeping, 1, memory_order_acq_rel);
    if (!has_work(p) && !atomic_load_explicit(&p->closing, memory_order_acquire))
        platform->park(platform->self, &w->parker, INT64_MAX);
    atomic_exchange_explicit(&w->sleeping, 0, memory_order_acq_rel); /* sees the tail of whoever cleared it before */
    atomic_fetch_sub_explicit(&p->n_sleeping, 1, memory_order_acq_rel);
}

/* The one that is woken may be on its way to the ring anyway: see run_worker. */
static void wake_one(struct weir_work_pool *p)
{
    const struct weir_platform *platform = p->options.platform;
    if (atomic_fetch_add_explicit(&p->n_sleeping, 0, memory_order_acq_rel) == 0) return;
    for (uint32_t i = 0; i < p->options.threads; i++) {
        struct worker *w = &p->workers[i];
        if (!atomic_load_explicit(&w->sleeping, memory_order_relaxed)) continue;
        if (!atomic_exchange_explicit(&w->sleeping, 0, memory_order_acq_rel)) continue;
        platform->unpark(platform->self, &w->parker);
        return;
    }
}

/* Whoever takes a piece and leaves others passes the call on: the submitter's may have met a thread that was awake already,
 * and works now for as long as it likes. */
static void run_worker(void *arg)
{
    struct worker *w = arg;
    struct weir_work_pool *p = w->pool;
    while (!atomic_load_explicit(&p->closing, memory_order_acquire)) {
        void *piece = take(p);
        if (!piece) {
            sleep_until_woken(p, w);
            continue;
        }
        if (has_work(p)) wake_one(p);
        p->options.run(p->options.arg, piece);
    }
}

/* ---- the submitter ----------------------------------------------------------------------------------------------- */

weir_status weir_work_pool_create(const struct weir_work_pool_options *o, struct weir_work_pool **to,
                                  struct weir_error *error)
{
    uint64_t slots = 1;
    while (slots < o->capacity) slots *= 2;
    *to = NULL;
    _Atomic(void *) *memory = weir_try_alloc(slots * sizeof *memory);
    struct weir_work_pool *p = weir_try_alloc_aligned(64, sizeof *p);
    if (!memory || !p) {
        weir_free(memory);
        weir_free(p);
        return weir_error_set(error, WEIR_E_MEMORY, "no memory for a queue of %u pieces of work", o->capacity);
    }
    *p = (struct weir_work_pool){.options = *o, .slots = memory, .mask = slots - 1};
    p->workers = weir_alloc_array(o->threads, sizeof *p->workers);
    *to = p;
    return WEIR_OK;
}

static weir_status start_threads(struct weir_work_pool *p, struct weir_error *error)
{
    const struct weir_platform *platform = p->options.platform;
    while (p->n_started < p->options.threads) {
        struct worker *w = &p->workers[p->n_started];
        w->pool = p;
        weir_status s = platform->start_thread(platform->self, p->options.name, run_worker, w, &w->thread, error);
        if (s != WEIR_OK) return s;
        p->n_started++;
    }
    return WEIR_OK;
}

weir_status weir_work_pool_submit(struct weir_work_pool *p, void *piece, struct weir_error *error)
{
    const struct weir_platform *platform = p->options.platform;
    WEIR_ASSERT(piece);
    if (platform->run_later) {
        platform->run_later(platform->self, p->options.run, p->options.arg, piece);
        return WEIR_OK;
    }
    weir_status s = start_threads(p, error);
    if (s != WEIR_OK) return s;
    uint64_t tail = atomic_load_explicit(&p->tail, memory_order_relaxed);
    WEIR_ASSERT(tail - atomic_load_explicit(&p->head, memory_order_acquire) <= p->mask);
    atomic_store_explicit(&p->slots[tail & p->mask], piece, memory_order_relaxed);
    atomic_store_explicit(&p->tail, tail + 1, memory_order_release);
    wake_one(p);
    return WEIR_OK;
}

void weir_work_pool_close(struct weir_work_pool *p)
{
    const struct weir_platform *platform = p->options.platform;
    atomic_store_explicit(&p->closing, 1, memory_order_release);
    for (uint32_t i = 0; i < p->n_started; i++) platform->unpark(platform->self, &p->workers[i].parker);
    for (uint32_t i = 0; i < p->n_started; i++) platform->join_thread(platform->self, p->workers[i].thread);
    p->n_started = 0;
}

void weir_work_pool_destroy(struct weir_work_pool *p)
{
    if (!p) return;
    weir_work_pool_close(p);
    weir_free(p->workers);
    weir_free(p->slots);
    weir_free(p);
}
