/* test_pool.c - buffers: size classes, recycling, references, two threads. */
#include "data/pool.h"

#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/platform.h"
#include "base/random.h"
#include "harness/suite.h"

static void takes_by_size_class(void)
{
    size_t blocks = weir_allocated_blocks();
    struct weir_pool *pool = weir_pool_create();
    static const size_t sizes[][2] = {{0, 256},     {1, 256},      {256, 256},         {257, 512},
                                      {8192, 8192}, {8193, 16384}, {4194304, 4194304}, {4194305, 4194368}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct weir_buffer *b = weir_pool_take(pool, sizes[i][0]);
        CU_ASSERT_PTR_NOT_NULL_FATAL(b);
        CU_ASSERT_EQUAL(b->capacity, sizes[i][1]);
        CU_ASSERT_EQUAL((uintptr_t)b->bytes % 64, 0);
        memset(b->bytes, 0xaa, b->capacity);
        weir_buffer_release(b);
    }
    weir_pool_close(pool);
    weir_pool_close(NULL);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

/* The last buffer released is the next one taken, adopted or not. */
static void recycles(void)
{
    for (int adopted = 0; adopted < 2; adopted++) {
        struct weir_pool *pool = weir_pool_create();
        if (adopted) weir_pool_adopt(pool);
        struct weir_buffer *a = weir_pool_take(pool, 5000);
        weir_buffer_release(a);
        size_t blocks = weir_allocated_blocks();
        for (int i = 0; i < 100; i++) {
            struct weir_buffer *b = weir_pool_take(pool, 4097 + (size_t)i);
            CU_ASSERT_PTR_EQUAL(b, a);
            CU_ASSERT_EQUAL(b->refs, 1);
            weir_buffer_release(b);
        }
        CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
        weir_pool_close(pool);
    }
}

static void counts_references(void)
{
    size_t blocks = weir_allocated_blocks();
    struct weir_pool *pool = weir_pool_create();
    struct weir_buffer *a = weir_pool_take(pool, 100), *plain = weir_buffer_create(100);
    CU_ASSERT_PTR_EQUAL(weir_buffer_retain(a), a);
    weir_buffer_release(a);
    a->bytes[0] = 1; /* still ours */
    struct weir_buffer *b = weir_pool_take(pool, 100);
    CU_ASSERT_PTR_NOT_EQUAL(a, b);
    weir_buffer_release(a);
    weir_buffer_release(b);
    weir_buffer_release(weir_buffer_retain(plain));
    weir_buffer_release(plain);
    weir_buffer_release(NULL);
    weir_pool_close(pool);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

static void keeps_no_more_than_its_limit(void)
{
    enum { MANY = 500 };
    static const struct {
        size_t size, kept;
    } cases[] = {{256, 64}, {65536, 16}, {1 << 20, 1}, {4 << 20, 1}};
    struct weir_buffer *buffers[MANY];
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct weir_pool *pool = weir_pool_create();
        size_t many = cases[c].size > 65536 ? 4 : MANY;
        size_t blocks = weir_allocated_blocks();
        for (size_t i = 0; i < many; i++) buffers[i] = weir_pool_take(pool, cases[c].size);
        for (size_t i = 0; i < many; i++) weir_buffer_release(buffers[i]);
        struct weir_buffer *other = weir_pool_take(pool, cases[c].size); /* empties the return stack */
        CU_ASSERT_EQUAL(weir_allocated_blocks() - blocks, cases[c].kept);
        weir_buffer_release(other);
        weir_pool_close(pool);
    }
}

static void outlives_its_close(void)
{
    size_t blocks = weir_allocated_blocks();
    for (int adopted = 0; adopted < 2; adopted++) {
        struct weir_pool *pool = weir_pool_create();
        if (adopted) weir_pool_adopt(pool);
        struct weir_buffer *a = weir_pool_take(pool, 100), *b = weir_pool_take(pool, 1000);
        weir_buffer_release(weir_pool_take(pool, 100));
        weir_pool_close(pool);
        memset(a->bytes, 1, 100);
        weir_buffer_release(a);
        memset(b->bytes, 1, 1000);
        weir_buffer_release(b);
        CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
    }
}

static int finished;
static void finish(struct weir_buffer *b)
{
    finished += b->bytes[0];
}

static void finishes_foreign_memory_once(void)
{
    struct weir_buffer *b = weir_buffer_create(1);
    b->bytes[0] = 1;
    b->finish = finish;
    finished = 0;
    weir_buffer_release(weir_buffer_retain(b));
    CU_ASSERT_EQUAL(finished, 0);
    weir_buffer_release(b);
    CU_ASSERT_EQUAL(finished, 1);
}

/* ---- two threads ------------------------------------------------------------------------------------------------- */

enum { PLACES = 64, ROUNDS = 20000 };

/* A ring of places between one owner, who takes and writes, and one reader, who checks and releases. */
struct exchange {
    _Atomic(struct weir_buffer *) place[PLACES];
    _Atomic int stop;
    uint64_t seen, wrong;
};

static void read_and_release(void *arg)
{
    struct exchange *x = arg;
    for (int i = 0;; i = (i + 1) % PLACES) {
        bool stopping = atomic_load_explicit(&x->stop, memory_order_acquire);
        struct weir_buffer *b = atomic_exchange_explicit(&x->place[i], NULL, memory_order_acquire);
        if (b) {
            uint64_t first, last;
            memcpy(&first, b->bytes, 8);
            memcpy(&last, b->bytes + b->capacity - 8, 8);
            if (first != last) x->wrong++;
            x->seen++;
            if (first % 3 == 0) weir_buffer_release(weir_buffer_retain(b));
            weir_buffer_release(b);
        } else if (stopping && i == PLACES - 1) {
            return; /* the owner stores nothing more, and the places were looked at in order until the last */
        }
    }
}

static void pass_buffers(bool adopt, bool close_early)
{
    const struct weir_platform *os = weir_platform_os();
    size_t blocks = weir_allocated_blocks();
    static struct exchange x;
    struct weir_thread *reader;
    struct weir_random r = {3};
    uint64_t sent = 0;
    memset(&x, 0, sizeof x);
    struct weir_pool *pool = weir_pool_create();
    if (adopt) weir_pool_adopt(pool);
    CU_ASSERT_EQUAL_FATAL(os->start_thread(os->self, "reader", read_and_release, &x, &reader, NULL), WEIR_OK);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        struct weir_buffer *b = weir_pool_take(pool, (size_t)1 << weir_random_below(&r, 12));
        memcpy(b->bytes, &i, 8);
        memcpy(b->bytes + b->capacity - 8, &i, 8);
        weir_buffer_retain(b); /* both threads hold one for a moment: either may be the last */
        struct weir_buffer *old = atomic_exchange_explicit(&x.place[i % PLACES], b, memory_order_acq_rel);
        sent += !old;
        weir_buffer_release(b);
        weir_buffer_release(old);
    }
    if (close_early) weir_pool_close(pool);
    atomic_store_explicit(&x.stop, 1, memory_order_release);
    os->join_thread(os->self, reader);
    for (int i = 0; i < PLACES; i++) weir_buffer_release(x.place[i]);
    if (!close_early) weir_pool_close(pool);
    CU_ASSERT_EQUAL(x.wrong, 0);
    CU_ASSERT(x.seen <= ROUNDS && sent > 0);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

static void two_threads(void)
{
    for (int k = 0; k < 4; k++) pass_buffers(k & 1, k & 2);
}

/* Many short lives, so that the close meets the releases at every point. */
struct last {
    struct weir_buffer *b[4];
    _Atomic int go;
};
static void release_four(void *arg)
{
    struct last *l = arg;
    while (!atomic_load_explicit(&l->go, memory_order_acquire)) {
    }
    for (int i = 0; i < 4; i++) weir_buffer_release(l->b[i]);
}

static void close_meets_release(void)
{
    const struct weir_platform *os = weir_platform_os();
    size_t blocks = weir_allocated_blocks();
    for (int k = 0; k < 500; k++) {
        struct weir_pool *pool = weir_pool_create();
        struct weir_thread *t;
        struct last l = {0};
        weir_pool_adopt(pool);
        for (int i = 0; i < 4; i++) l.b[i] = weir_pool_take(pool, 100);
        CU_ASSERT_EQUAL_FATAL(os->start_thread(os->self, "releaser", release_four, &l, &t, NULL), WEIR_OK);
        atomic_store_explicit(&l.go, 1, memory_order_release);
        for (volatile int spin = 0; spin < k; spin++) {
        }
        weir_pool_close(pool);
        os->join_thread(os->self, t);
    }
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

WEIR_SUITE(pool) = {
    {"takes by size class, aligned", takes_by_size_class},
    {"recycles the last buffer first", recycles},
    {"counts references", counts_references},
    {"keeps no more than its limit", keeps_no_more_than_its_limit},
    {"outlives its close until the last buffer", outlives_its_close},
    {"finishes foreign memory once", finishes_foreign_memory_once},
    {"two threads retain and release", two_threads},
    {"a close meets releases on another thread", close_meets_release},
    {NULL, NULL},
};
