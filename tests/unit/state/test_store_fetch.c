/* Keys that are read on other threads: what is found, in which order it is told, failures, and an end while the reading is
 * under way. Under ThreadSanitizer in CI. */
#include "state/store_fetch.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "harness/memory_store.h"
#include "harness/suite.h"

#define MOST 1000

static struct held {
    struct memory_store memory;
    pthread_mutex_t gate; /* get_beside passes through it */
    _Atomic uint32_t gets, calls;
} h;

static weir_status get_when_open(void *self, const weir_str *keys, size_t n, weir_store_found *found, void *to,
                                 weir_io_error *error)
{
    atomic_fetch_add(&h.gets, 1);
    pthread_mutex_lock(&h.gate);
    pthread_mutex_unlock(&h.gate);
    return memory_store_backend.get(self, keys, n, found, to, error);
}

static weir_backend held_backend;
static struct weir_store_fetch *fetch;
static char texts[MOST][16];
static weir_str keys[MOST];

static void note_call(void *arg)
{
    struct held *of = arg; /* any thread: CUnit counts on one only */
    atomic_fetch_add(&of->calls, 1);
}

/* Of keys 0 .. MOST-1 the store has two of three: the value of 3 n is its text, that of 3 n + 1 is empty. */
static void set_up(void)
{
    weir_io_error why;
    h = (struct held){.memory = {.n = 0}};
    held_backend = memory_store_backend;
    held_backend.get_beside = get_when_open;
    CU_ASSERT_EQUAL_FATAL(held_backend.open(&h.memory, "/state", &why), WEIR_OK);
    for (int i = 0; i < MOST; i++) {
        snprintf(texts[i], sizeof texts[i], "%05d", i);
        keys[i] = (weir_str){texts[i], 5};
        weir_store_change c = {.key = keys[i], .value = {texts[i], i % 3 ? 0 : 5}};
        if (i % 3 < 2) CU_ASSERT_EQUAL(held_backend.write(&h.memory, &c, 1, &why), WEIR_OK);
    }
    const struct weir_store_fetch_options o = {.backend = &held_backend, .self = &h.memory, .platform = weir_platform_os()};
    CU_ASSERT_EQUAL_FATAL(weir_store_fetch_create(&o, &fetch, NULL), WEIR_OK);
}

static void tear_down(void)
{
    weir_store_fetch_destroy(fetch);
    held_backend.close(&h.memory);
}

static void wait_until_done(void)
{
    while (!weir_store_fetch_is_done(fetch)) sched_yield();
}

struct answers {
    size_t n, most, wrong;
};

static weir_status compare(void *to, size_t i, weir_str value)
{
    struct answers *a = to;
    bool right = i == a->n++ && (i % 3 == 2) == (value.p == NULL) && value.n == (i % 3 ? 0 : 5) &&
                 (value.n == 0 || memcmp(value.p, texts[i], 5) == 0);
    if (!right) a->wrong++;
    return a->n == a->most ? WEIR_E_DATA : WEIR_OK;
}

static void note_question(void *arg)
{
    atomic_fetch_add((_Atomic int *)arg, 1);
}

/* The next question is asked as soon as an answer is there: each is told once, and none in another's place. */
static void everything_is_told_in_order(void)
{
    static const size_t sizes[] = {1, 31, 64, 100, MOST};
    static _Atomic int told[WEIR_LEN(sizes)];
    for (size_t i = 0; i < WEIR_LEN(sizes); i++) atomic_store(&told[i], 0);
    set_up();
    for (size_t i = 0; i < WEIR_LEN(sizes); i++) {
        struct answers a = {0};
        weir_io_error why = {0};
        CU_ASSERT_FATAL(weir_store_fetch_begin(fetch, keys, sizes[i], note_question, &told[i]));
        wait_until_done();
        CU_ASSERT_EQUAL(weir_store_fetch_take(fetch, compare, &a, &why), WEIR_OK);
        CU_ASSERT(a.n == sizes[i] && a.wrong == 0);
    }
    CU_ASSERT_EQUAL(atomic_load(&h.gets), 1 + 1 + 2 + 3 + WEIR_STORE_FETCH_PARTS);
    struct answers few = {.most = 3};
    weir_io_error why = {0};
    CU_ASSERT_EQUAL(weir_store_fetch_take(fetch, compare, &few, &why), WEIR_E_DATA);
    CU_ASSERT_EQUAL(few.n, 3);
    tear_down();
    for (size_t i = 0; i < WEIR_LEN(sizes); i++) CU_ASSERT_EQUAL(atomic_load(&told[i]), 1);
}

static void who_asks_goes_on_meanwhile(void)
{
    set_up();
    pthread_mutex_lock(&h.gate);
    CU_ASSERT_FATAL(weir_store_fetch_begin(fetch, keys, MOST, note_call, &h));
    while (atomic_load(&h.gets) < WEIR_STORE_FETCH_PARTS) sched_yield(); /* all parts at a time */
    CU_ASSERT(!weir_store_fetch_is_done(fetch) && atomic_load(&h.calls) == 0);
    pthread_mutex_unlock(&h.gate);
    wait_until_done();
    tear_down();
    CU_ASSERT_EQUAL(atomic_load(&h.calls), 1);
}

static void it_may_end_before_the_answer_comes(void)
{
    size_t blocks = weir_allocated_blocks();
    for (int i = 0; i < 20; i++) {
        set_up();
        CU_ASSERT_FATAL(weir_store_fetch_begin(fetch, keys, MOST, note_call, &h));
        tear_down();
        CU_ASSERT(atomic_load(&h.calls) <= 1);
    }
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

static void failures_are_told(void)
{
    set_up();
    struct answers a = {0};
    weir_io_error why = {0};
    h.memory.calls_left = 1;
    CU_ASSERT_FATAL(weir_store_fetch_begin(fetch, keys, 40, note_call, &h));
    wait_until_done();
    CU_ASSERT_EQUAL(weir_store_fetch_take(fetch, compare, &a, &why), WEIR_E_IO);
    CU_ASSERT_STRING_EQUAL(why.message, "the disk is full");
    CU_ASSERT_EQUAL(a.n, 0);
    tear_down();
}

WEIR_SUITE(store_fetch) = {
    {"everything is told in order", everything_is_told_in_order},
    {"who asks goes on meanwhile", who_asks_goes_on_meanwhile},
    {"it may end before the answer comes", it_may_end_before_the_answer_comes},
    {"failures are told", failures_are_told},
    {NULL, NULL},
};
