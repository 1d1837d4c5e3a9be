/* bench/ring.h - how the hand-written loops hand rows from one thread to another: a ring of batches with one producer and
 * one consumer, filled and read in place. Each side keeps a copy of the other's index and looks again only when that says
 * full or empty; what the two write lies 128 bytes apart.
 */
#ifndef WEIR_BENCH_RING_H
#define WEIR_BENCH_RING_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "bench.h"

#define BENCH_RING 8 /* batches */

struct bench_batch {
    int64_t n, window; /* window: number of the one that all rows are in; INT64_MAX: no rows, the end */
    _Alignas(64) int64_t key[BENCH_BLOCK];
    double value[BENCH_BLOCK];
};
struct bench_ring {
    _Alignas(128) _Atomic uint64_t head; /* the consumer's */
    uint64_t seen_tail;
    _Alignas(128) _Atomic uint64_t tail; /* the producer's */
    uint64_t seen_head;
    _Alignas(128) struct bench_batch slots[BENCH_RING];
};

/* The batch to fill next, which then stays the same until pushed; NULL: full. */
static inline struct bench_batch *bench_ring_room(struct bench_ring *r)
{
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    if (tail - r->seen_head == BENCH_RING) {
        r->seen_head = atomic_load_explicit(&r->head, memory_order_acquire);
        if (tail - r->seen_head == BENCH_RING) return NULL;
    }
    return &r->slots[tail % BENCH_RING];
}
static inline void bench_ring_push(struct bench_ring *r)
{
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
}
/* The oldest batch; NULL: empty. */
static inline struct bench_batch *bench_ring_front(struct bench_ring *r)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    if (head == r->seen_tail) {
        r->seen_tail = atomic_load_explicit(&r->tail, memory_order_acquire);
        if (head == r->seen_tail) return NULL;
    }
    return &r->slots[head % BENCH_RING];
}
static inline void bench_ring_pop(struct bench_ring *r)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    atomic_store_explicit(&r->head, head + 1, memory_order_release);
}

static inline void bench_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}
/* Where a thread found nothing to do: spins, and gives the core away when that lasts, as others may need it. */
static inline void bench_idle(uint32_t *idle)
{
    if (++*idle < 1000)
        bench_pause();
    else
        sched_yield();
}

#endif
