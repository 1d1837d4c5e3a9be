/* The ring: capacities, places for marks, and two threads. */
#include "channel/ring.h"

#include <sched.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/platform.h"
#include "base/random.h"
#include "harness/suite.h"

static const uint32_t capacities[] = {1, 2, 7, 64};

static struct weir_ring *ring_of(uint32_t capacity)
{
    struct weir_ring *r = weir_try_alloc_aligned(128, sizeof *r);
    CU_ASSERT_FATAL(r && weir_ring_init(r, capacity, NULL) == WEIR_OK);
    return r;
}
static void free_ring(struct weir_ring *r)
{
    weir_ring_finish(r);
    weir_free(r);
}

static struct weir_element mark(int64_t value)
{
    return (struct weir_element){.kind = WEIR_ELEMENT_WATERMARK, .value = value};
}
static struct weir_element rows_element(void)
{
    struct weir_rows *rows = weir_rows_create(NULL, 0, 0);
    CU_ASSERT_FATAL(rows != NULL);
    return (struct weir_element){.kind = WEIR_ELEMENT_ROWS, .rows = rows};
}

static void rows_use_the_capacity_and_marks_two_places_more(void)
{
    for (size_t c = 0; c < WEIR_LEN(capacities); c++) {
        struct weir_ring *r = ring_of(capacities[c]);
        struct weir_element e = rows_element();
        for (uint32_t i = 0; i < capacities[c]; i++) {
            CU_ASSERT(weir_ring_has_room(r, false));
            CU_ASSERT(weir_ring_push(r, rows_element()));
        }
        CU_ASSERT_FALSE(weir_ring_has_room(r, false));
        CU_ASSERT_FALSE(weir_ring_push(r, e));
        CU_ASSERT(weir_ring_push(r, mark(1)));
        CU_ASSERT(weir_ring_push(r, mark(2)));
        CU_ASSERT_FALSE(weir_ring_has_room(r, true));
        CU_ASSERT_FALSE(weir_ring_push(r, mark(3)));
        CU_ASSERT_EQUAL(weir_ring_length(r), capacities[c] + WEIR_RING_MARKS);
        struct weir_element out;
        CU_ASSERT(weir_ring_pop(r, &out));
        weir_rows_release(out.rows);
        CU_ASSERT_FALSE(weir_ring_push(r, e)); /* one place free, but the marks stand in the rows' places */
        CU_ASSERT(weir_ring_has_room(r, true));
        weir_rows_release(e.rows);
        free_ring(r);
    }
}

static void one_thread_follows_a_queue(void)
{
    for (size_t c = 0; c < WEIR_LEN(capacities); c++) {
        struct weir_ring *r = ring_of(capacities[c]);
        struct weir_random random = {capacities[c]};
        int64_t pushed = 0, popped = 0;
        bool ok = true;
        for (int step = 0; step < 20000; step++) {
            struct weir_element e;
            int64_t waiting = pushed - popped;
            if (weir_random_below(&random, 2)) {
                bool room = waiting < (int64_t)capacities[c] + WEIR_RING_MARKS;
                ok = ok && weir_ring_push(r, mark(pushed)) == room;
                pushed += room;
            } else {
                ok = ok && weir_ring_is_empty(r) == (waiting == 0) && weir_ring_pop(r, &e) == (waiting > 0);
                if (waiting > 0) ok = ok && e.value == popped++;
            }
            ok = ok && weir_ring_length(r) == (uint32_t)(pushed - popped);
        }
        CU_ASSERT(ok);
        free_ring(r);
    }
}

static void finish_releases_what_is_left(void)
{
    size_t blocks = weir_allocated_blocks();
    struct weir_ring *r = ring_of(7);
    CU_ASSERT(weir_ring_push(r, mark(0)));
    for (int i = 0; i < 4; i++) CU_ASSERT(weir_ring_push(r, rows_element()));
    free_ring(r);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
    struct weir_ring zeroed = {0};
    weir_ring_finish(&zeroed);
}

/* ---- two threads ------------------------------------------------------------------------------------------------- */

#define N_ELEMENTS 100000
#define N_PAYLOADS 128 /* more than can be in flight */

struct transfer {
    struct weir_ring *ring;
    int64_t payload[N_PAYLOADS]; /* plain memory that the ring hands over: a race here is one that the sanitizer sees */
};

static void produce(void *arg)
{
    struct transfer *t = arg;
    for (int64_t i = 0; i < N_ELEMENTS; i++) {
        bool is_mark = i % 5 == 0;
        while (!weir_ring_has_room(t->ring, is_mark)) sched_yield();
        t->payload[i % N_PAYLOADS] = i * 3;
        struct weir_element e = {.kind = is_mark ? WEIR_ELEMENT_WATERMARK : WEIR_ELEMENT_ROWS, .value = i};
        if (!weir_ring_push(t->ring, e)) abort();
    }
}

static bool consume(struct transfer *t)
{
    bool ok = true;
    for (int64_t i = 0; i < N_ELEMENTS; i++) {
        struct weir_element e;
        while (!weir_ring_pop(t->ring, &e)) sched_yield();
        ok = ok && e.value == i && t->payload[i % N_PAYLOADS] == i * 3;
        ok = ok && weir_ring_length(t->ring) <= t->ring->capacity + WEIR_RING_MARKS;
    }
    return ok && weir_ring_is_empty(t->ring);
}

static void two_threads_keep_order(void)
{
    const struct weir_platform *os = weir_platform_os();
    for (size_t c = 0; c < WEIR_LEN(capacities); c++) {
        struct transfer t = {.ring = ring_of(capacities[c])};
        struct weir_thread *thread;
        CU_ASSERT_FATAL(os->start_thread(os->self, "producer", produce, &t, &thread, NULL) == WEIR_OK);
        CU_ASSERT(consume(&t));
        os->join_thread(os->self, thread);
        free_ring(t.ring);
    }
}

WEIR_SUITE(ring) = {
    {"rows use the capacity, marks two places more", rows_use_the_capacity_and_marks_two_places_more},
    {"one thread follows a queue", one_thread_follows_a_queue},
    {"finish releases what is left", finish_releases_what_is_left},
    {"two threads keep order", two_threads_keep_order},
    {NULL, NULL},
};
