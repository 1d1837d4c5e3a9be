/* Threads for work that waits: every piece runs once; the pool sleeps, wakes, closes. */
#include "base/work_pool.h"

#include <string.h>

#include "harness/suite.h"

#define PIECES 4000

struct counts {
    _Atomic uint32_t runs[PIECES], total, running;
    _Atomic bool hold;
    struct weir_parker done;
};

static void count(void *arg, void *piece)
{
    struct counts *c = arg;
    const struct weir_platform *p = weir_platform_os();
    atomic_fetch_add(&c->running, 1);
    p->unpark(p->self, &c->done);
    while (atomic_load(&c->hold)) {
        struct weir_parker nap = {0};
        p->park(p->self, &nap, p->monotonic_ns(p->self) + 100000);
    }
    atomic_fetch_add(&c->runs[(uintptr_t)piece - 1], 1);
    atomic_fetch_add(&c->total, 1);
    atomic_fetch_sub(&c->running, 1);
    p->unpark(p->self, &c->done);
}

static struct weir_work_pool *create(struct counts *c, uint32_t threads, uint32_t capacity)
{
    struct weir_work_pool *pool;
    struct weir_error error;
    memset(c, 0, sizeof *c);
    struct weir_work_pool_options o = {
        .platform = weir_platform_os(), .name = "work", .threads = threads, .capacity = capacity, .run = count, .arg = c};
    CU_ASSERT_EQUAL_FATAL(weir_work_pool_create(&o, &pool, &error), WEIR_OK);
    return pool;
}

static void submit(struct weir_work_pool *pool, uint32_t piece)
{
    struct weir_error error;
    CU_ASSERT_EQUAL(weir_work_pool_submit(pool, (void *)(uintptr_t)(piece + 1), &error), WEIR_OK);
}

static void wait_for(struct counts *c, const _Atomic uint32_t *number, uint32_t value)
{
    const struct weir_platform *p = weir_platform_os();
    while (atomic_load(number) < value) p->park(p->self, &c->done, INT64_MAX);
}

static struct counts counts; /* large */

static void runs_each_once(void)
{
    for (uint32_t threads = 1; threads <= 4; threads += 3) {
        struct weir_work_pool *pool = create(&counts, threads, 16);
        for (uint32_t i = 0; i < PIECES; i++) {
            if (i >= 16) wait_for(&counts, &counts.total, i - 15); /* no more than capacity; threads fall asleep and wake */
            submit(pool, i);
        }
        wait_for(&counts, &counts.total, PIECES);
        weir_work_pool_destroy(pool);
        bool right = true;
        for (uint32_t i = 0; i < PIECES; i++) right &= atomic_load(&counts.runs[i]) == 1;
        CU_ASSERT_TRUE(right);
    }
}

static void closes_with_work_left(void)
{
    struct weir_work_pool *pool = create(&counts, 2, 16);
    atomic_store(&counts.hold, true);
    for (uint32_t i = 0; i < 10; i++) submit(pool, i);
    wait_for(&counts, &counts.running, 2);
    atomic_store(&counts.hold, false);
    weir_work_pool_close(pool); /* what runs is waited for; what waits may be forgotten */
    CU_ASSERT(atomic_load(&counts.total) >= 2);
    CU_ASSERT_EQUAL(atomic_load(&counts.running), 0);
    weir_work_pool_destroy(pool);
}

static void closes_unused(void)
{
    struct weir_work_pool *pool = create(&counts, 4, 1);
    weir_work_pool_destroy(pool);
    weir_work_pool_destroy(NULL);
}

WEIR_SUITE(work_pool) = {{"every piece runs once", runs_each_once},
                         {"a pool closes with work left", closes_with_work_left},
                         {"a pool that never worked closes", closes_unused},
                         {NULL, NULL}};
