/* test_platform_thread.c - threads, parkers and clocks of the operating system. */
#include <stdatomic.h>

#include "base/alloc.h"
#include "base/platform.h"
#include "harness/suite.h"

#define OS weir_platform_os()
#define CALL(verb, ...) OS->verb(OS->self, __VA_ARGS__)

static void add_one(void *arg)
{
    ++*(int *)arg;
}

static void starts_and_joins(void)
{
    struct weir_thread *t;
    struct weir_error e;
    int ran = 0;
    size_t blocks = weir_allocated_blocks();
    CU_ASSERT_EQUAL(CALL(start_thread, "a name longer than fifteen bytes", add_one, &ran, &t, &e), WEIR_OK);
    CALL(join_thread, t);
    CALL(join_thread, NULL);
    CU_ASSERT_EQUAL(ran, 1);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
    CU_ASSERT(OS->cores(OS->self) >= 1);
}

static void unpark_before_park(void)
{
    struct weir_parker p = {0};
    CALL(unpark, &p);
    CALL(unpark, &p);
    CALL(park, &p, INT64_MAX); /* does not sleep */
    CU_ASSERT_EQUAL(p.state, 0);
    int64_t until = OS->monotonic_ns(OS->self) + 2000000;
    CALL(park, &p, until); /* two unparks were one: this one waits for the deadline */
    CU_ASSERT(OS->monotonic_ns(OS->self) >= until);
    CALL(park, &p, 0); /* long past */
    CALL(park, &p, INT64_MIN);
    CU_ASSERT_EQUAL(p.state, 0);
}

/* Two threads hand a plain counter to and fro, each sleeping until the other has written: parking must carry both the
 * wake-up and the memory. A lost wake-up would hang here. */
struct table {
    struct weir_parker left, right;
    _Atomic int turn;
    int ball;
};

enum { ROUNDS = 20000 };

static void play(struct table *t, int side, struct weir_parker *mine, struct weir_parker *other)
{
    for (int i = 0; i < ROUNDS; i++) {
        while (atomic_load_explicit(&t->turn, memory_order_acquire) != side) CALL(park, mine, INT64_MAX);
        t->ball++;
        atomic_store_explicit(&t->turn, !side, memory_order_release);
        CALL(unpark, other);
    }
}

static void play_right(void *table)
{
    struct table *t = table;
    play(t, 1, &t->right, &t->left);
}

static void loses_no_wake_up(void)
{
    struct table t = {0};
    struct weir_thread *right;
    CU_ASSERT_EQUAL_FATAL(CALL(start_thread, "right", play_right, &t, &right, NULL), WEIR_OK);
    play(&t, 0, &t.left, &t.right);
    CALL(join_thread, right);
    CU_ASSERT_EQUAL(t.ball, 2 * ROUNDS);
}

struct message {
    struct weir_parker parker;
    int payload; /* plain: only park and unpark order it */
};

static void send(void *arg)
{
    struct message *m = arg;
    m->payload = 42;
    CALL(unpark, &m->parker);
}

static void carries_memory(void)
{
    for (int i = 0; i < 200; i++) {
        struct message m = {0};
        struct weir_thread *sender;
        CU_ASSERT_EQUAL_FATAL(CALL(start_thread, "sender", send, &m, &sender, NULL), WEIR_OK);
        CALL(park, &m.parker, INT64_MAX);
        CU_ASSERT_EQUAL(m.payload, 42);
        CALL(join_thread, sender);
    }
}

static void has_clocks_and_chance(void)
{
    int64_t a = OS->monotonic_ns(OS->self), b = OS->monotonic_ns(OS->self);
    CU_ASSERT(b >= a);
    CU_ASSERT(OS->wall_ms(OS->self) > 1600000000000);
    CU_ASSERT_NOT_EQUAL(OS->random(OS->self), OS->random(OS->self));
}

WEIR_SUITE(platform_thread) = {
    {"starts and joins threads", starts_and_joins},
    {"keeps one unpark for the next park and honours deadlines", unpark_before_park},
    {"loses no wake-up", loses_no_wake_up},
    {"carries memory from unpark to park", carries_memory},
    {"has clocks and randomness", has_clocks_and_chance},
    {NULL, NULL},
};
