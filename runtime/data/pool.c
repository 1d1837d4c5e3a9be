/* pool.c - buffers in size classes of powers of two, one allocation each: the header, padding to 64 bytes, the bytes.
 *
 * Threads. Free lists and `taken` belong to the owner. Any other thread that drops a last reference pushes the buffer on
 * `returned`, a Treiber stack (IBM RJ 5118, 1986) that only the owner empties, all at once by an exchange, so there is no
 * ABA.
 *
 * Closing. The owner swaps the stack's head for the mark CLOSED and then knows how many buffers are still out, which it
 * adds to `remaining`; whoever releases one of them finds the mark, frees the buffer and takes one off `remaining`.
 * Releases that come before the addition make it negative; so it becomes zero exactly once, and who makes it zero frees
 * the pool.
 */
#include "data/pool.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h> /* so that use after release shows although the pool keeps the memory */
#define POISON(b) __asan_poison_memory_region((b)->bytes, (b)->capacity)
#define UNPOISON(b) __asan_unpoison_memory_region((b)->bytes, (b)->capacity)
#else
#define POISON(b) ((void)0)
#define UNPOISON(b) ((void)0)
#endif

#define LEAST_BITS 8 /* 256 bytes */
#define MOST_BITS 22 /* 4 MiB; what is larger is not pooled */
#define N_CLASSES (MOST_BITS - LEAST_BITS + 1)
#define HEADER_BYTES 64
#define KEPT_BUFFERS 64u      /* free buffers per class at most, */
#define KEPT_BYTES (1u << 20) /* and free bytes per class, but for one buffer */

static_assert(sizeof(struct weir_buffer) <= HEADER_BYTES, "the bytes follow the header at a multiple of 64");

struct weir_pool {
    struct weir_buffer *free[N_CLASSES]; /* owner */
    uint32_t n_free[N_CLASSES];          /* owner */
    int64_t taken;                       /* owner: buffers that are out, as far as the owner knows */
    _Alignas(128) _Atomic(struct weir_buffer *) returned; /* written by everyone */
    _Atomic int64_t remaining;                            /* written by everyone, once closed */
    _Alignas(128) _Atomic uint64_t owner; /* token of the thread that adopted the pool; 0: none */
};

static struct weir_buffer closed_mark;
#define CLOSED (&closed_mark)

static uint64_t this_thread(void)
{
    static _Atomic uint64_t last;
    static _Thread_local uint64_t mine;
    if (mine == 0) mine = atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
    return mine;
}

static struct weir_buffer *allocate(size_t capacity, struct weir_pool *home, uint32_t size_class)
{
    struct weir_buffer *b = capacity <= SIZE_MAX - HEADER_BYTES ? weir_try_alloc_aligned(64, HEADER_BYTES + capacity) : NULL;
    if (!b) return NULL;
    memset(b, 0, HEADER_BYTES);
    atomic_init(&b->refs, 1);
    b->home = home;
    b->size_class = size_class;
    b->capacity = capacity;
    b->bytes = (uint8_t *)b + HEADER_BYTES;
    return b;
}

static void destroy(struct weir_buffer *b)
{
    UNPOISON(b);
    weir_free(b);
}

struct weir_pool *weir_pool_create(void)
{
    struct weir_pool *pool = weir_try_alloc_aligned(128, sizeof *pool);
    WEIR_ASSERT(pool != NULL);
    memset(pool, 0, sizeof *pool);
    return pool;
}

void weir_pool_adopt(struct weir_pool *pool)
{
    atomic_store_explicit(&pool->owner, this_thread(), memory_order_relaxed);
}

/* [owner] Puts a buffer without references on its free list, or frees it when the list is long enough. */
static void keep(struct weir_pool *pool, struct weir_buffer *b)
{
    uint32_t c = b->size_class, limit = KEPT_BYTES >> (c + LEAST_BITS);
    if (limit < 1) limit = 1;
    if (limit > KEPT_BUFFERS) limit = KEPT_BUFFERS;
    pool->taken--;
    if (pool->n_free[c] >= limit) {
        destroy(b);
        return;
    }
    b->next = pool->free[c];
    pool->free[c] = b;
    pool->n_free[c]++;
}

/* [owner] Empties the return stack and leaves `mark` in its place. */
static void drain(struct weir_pool *pool, struct weir_buffer *mark)
{
    struct weir_buffer *b = atomic_exchange_explicit(&pool->returned, mark, memory_order_acquire);
    while (b) {
        struct weir_buffer *next = b->next;
        keep(pool, b);
        b = next;
    }
}

static uint32_t class_of(size_t at_least)
{
    if (at_least <= (size_t)1 << LEAST_BITS) return 0;
    return (uint32_t)(64 - __builtin_clzll((unsigned long long)at_least - 1)) - LEAST_BITS;
}

struct weir_buffer *weir_pool_take(struct weir_pool *pool, size_t at_least)
{
    if (at_least > (size_t)1 << MOST_BITS) return weir_buffer_create(at_least);
    uint32_t c = class_of(at_least);
    if (!pool->free[c] && atomic_load_explicit(&pool->returned, memory_order_relaxed)) drain(pool, NULL);
    struct weir_buffer *b = pool->free[c];
    if (b) {
        pool->free[c] = b->next;
        pool->n_free[c]--;
        UNPOISON(b);
        atomic_store_explicit(&b->refs, 1, memory_order_relaxed);
    } else {
        b = allocate((size_t)1 << (c + LEAST_BITS), pool, c);
    }
    if (b) pool->taken++;
    return b;
}

struct weir_buffer *weir_buffer_create(size_t at_least)
{
    if (at_least > SIZE_MAX - 127) return NULL;
    return allocate((at_least + 63) & ~(size_t)63, NULL, 0);
}

struct weir_buffer *weir_buffer_retain(struct weir_buffer *b)
{
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

/* A foreign thread gives a buffer back; the owner or, once the pool is closed, nobody gets it. */
static void give_back(struct weir_pool *pool, struct weir_buffer *b)
{
    struct weir_buffer *head = atomic_load_explicit(&pool->returned, memory_order_relaxed);
    while (head != CLOSED) {
        b->next = head;
        if (atomic_compare_exchange_weak_explicit(&pool->returned, &head, b, memory_order_release, memory_order_relaxed)) {
            return;
        }
    }
    destroy(b);
    if (atomic_fetch_sub_explicit(&pool->remaining, 1, memory_order_acq_rel) == 1) weir_free(pool);
}

void weir_buffer_release(struct weir_buffer *b)
{
    if (!b) return;
    /* A sole reference is ours, and nobody can add one to it: the common case needs no locked instruction. */
    if (atomic_load_explicit(&b->refs, memory_order_acquire) != 1 &&
        atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    struct weir_pool *pool = b->home;
    if (!pool) {
        if (b->finish) b->finish(b);
        destroy(b);
        return;
    }
    POISON(b);
    if (atomic_load_explicit(&pool->owner, memory_order_relaxed) == this_thread()) keep(pool, b);
    else give_back(pool, b);
}

void weir_pool_close(struct weir_pool *pool)
{
    if (!pool) return;
    atomic_store_explicit(&pool->owner, 0,
                          memory_order_relaxed); /* from here on the closing thread is one like the others */
    drain(pool, CLOSED);
    for (uint32_t c = 0; c < N_CLASSES; c++) {
        while (pool->free[c]) {
            struct weir_buffer *b = pool->free[c];
            pool->free[c] = b->next;
            destroy(b);
        }
    }
    int64_t out = pool->taken;
    if (atomic_fetch_add_explicit(&pool->remaining, out, memory_order_acq_rel) + out == 0) weir_free(pool);
}
