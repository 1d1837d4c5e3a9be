/* base/running.h - what a thread is running: for the message after a crash, and for the watchdog.
 *
 * Floor 1. Whoever calls into a component says so before and after, at the price of a few stores. A crash handler (the CLI's
 * child has one, libweir has none) reads it on the crashing thread. The watchdog (job/watchdog.h) reads the record of a
 * worker from outside, so a worker lends its thread one that outlives it.
 */
#ifndef WEIR_BASE_RUNNING_H
#define WEIR_BASE_RUNNING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WEIR_RUNNING_PARTS = 4 };

/* A component, as its plugin's manifest names it. The strings outlive every call. */
struct weir_running_component {
    const char *plugin, *component, *path;
};

/* Where calls go: an operator of one subtask. Outlives every call. */
struct weir_running_place {
    const char *where; /* "node 'scores' (process top_n)" */
    uint32_t subtask, n_parts;
    struct weir_running_component parts[WEIR_RUNNING_PARTS]; /* the first ones of its components */
    /* The record at hand is number `before` + *row, from 0 on, of those that the subtask was given. Written by its thread.
     * NULL: there is no telling. */
    const uint32_t *row;
    uint64_t before;
};

/* Of one thread, which writes it. */
struct weir_running {
    _Atomic(const struct weir_running_place *) place; /* NULL: outside of components */
    _Atomic uint64_t calls;                           /* grows with every call */
    _Atomic uint32_t waits;                           /* it waits inside a call of the host's: it is not stuck */
};

extern _Thread_local struct weir_running weir__running_own;
extern _Thread_local struct weir_running *weir__running_lent; /* instead of its own; NULL: none */

static inline struct weir_running *weir_running_here(void)
{
    return weir__running_lent ? weir__running_lent : &weir__running_own;
}
void weir_running_lend(struct weir_running *); /* NULL: takes it back */

/* A call begins; NULL: it has ended. Returns what was running before, for those that call from within a call. */
static inline const struct weir_running_place *weir_running_begin(const struct weir_running_place *place)
{
    struct weir_running *r = weir_running_here();
    const struct weir_running_place *before = atomic_load_explicit(&r->place, memory_order_relaxed);
    atomic_store_explicit(&r->calls, atomic_load_explicit(&r->calls, memory_order_relaxed) + 1, memory_order_relaxed);
    atomic_store_explicit(&r->place, place, memory_order_release);
    return before;
}
static inline void weir_running_end(void)
{
    weir_running_begin(NULL);
}
/* Around waits that the component asked the host for: for standard output, for the network. */
static inline void weir_running_waits(bool waits)
{
    struct weir_running *r = weir_running_here();
    atomic_store_explicit(&r->calls, atomic_load_explicit(&r->calls, memory_order_relaxed) + 1, memory_order_relaxed);
    atomic_store_explicit(&r->waits, waits, memory_order_relaxed);
}

/* Why this process is about to be ended on purpose, in words; NULL: it is not. Any thread. */
extern _Atomic(const char *) weir_running_why;

#endif
