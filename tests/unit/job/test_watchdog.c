/* The watchdog, stepped by hand: which calls are stuck, and which are not. */
#include "job/watchdog.h"

#include <string.h>

#include "harness/suite.h"

#define LIMIT_MS 100
#define MS(n)    ((int64_t)(n)*1000000)

struct stage {
    struct weir_worker workers[3], *list[3];
    struct weir_watched watched[3];
    struct weir_running_place place;
    uint32_t row;
};

static void init(struct stage *g)
{
    memset(g, 0, sizeof *g);
    for (int i = 0; i < 3; i++) g->list[i] = &g->workers[i];
    g->place = (struct weir_running_place){.where = "node 'x'", .row = &g->row};
}

static int64_t look(struct stage *g, int64_t ms)
{
    return weir__watchdog_look(g->watched, g->list, 3, LIMIT_MS, MS(ms));
}

/* As the worker's thread would. */
static void enter(struct stage *g, int worker)
{
    weir_running_lend(&g->workers[worker].running);
    weir_running_begin(&g->place);
    weir_running_lend(NULL);
}
static void leave(struct stage *g, int worker)
{
    weir_running_lend(&g->workers[worker].running);
    weir_running_end();
    weir_running_lend(NULL);
}

static void a_call_that_does_not_return_is_found(void)
{
    struct stage g;
    init(&g);
    for (int ms = 0; ms < 1000; ms += 25) CU_ASSERT_EQUAL(look(&g, ms), -1); /* nothing runs */
    enter(&g, 1);
    CU_ASSERT_EQUAL(look(&g, 1000), -1); /* seen for the first time */
    CU_ASSERT_EQUAL(look(&g, 1099), -1);
    CU_ASSERT_EQUAL(look(&g, 1100), 1);
    CU_ASSERT_EQUAL(look(&g, 1125), 1); /* still */
    leave(&g, 1);
    CU_ASSERT_EQUAL(look(&g, 1150), -1);
}

/* Each look finds a worker inside of a call, but never of the same one. */
static void many_calls_are_not_one(void)
{
    struct stage g;
    init(&g);
    for (int ms = 0; ms < 1000; ms += 25) {
        enter(&g, 0);
        CU_ASSERT_EQUAL(look(&g, ms), -1);
        if (ms % 50 == 0) leave(&g, 0);
    }
}

static void a_call_that_gets_on_with_its_batch_is_not_stuck(void)
{
    struct stage g;
    init(&g);
    enter(&g, 2);
    for (int ms = 0; ms < 1000; ms += 50, g.row++) CU_ASSERT_EQUAL(look(&g, ms), -1);
    CU_ASSERT_EQUAL(look(&g, 1000), -1);
    CU_ASSERT_EQUAL(look(&g, 1100), 2);
    g.place.row = NULL; /* nobody knows how far it is */
    init(&g);
    g.place.row = NULL;
    enter(&g, 2);
    CU_ASSERT_EQUAL(look(&g, 0), -1);
    g.row++;
    CU_ASSERT_EQUAL(look(&g, 100), 2);
}

static void waiting_through_the_host_is_not_stuck(void)
{
    struct stage g;
    init(&g);
    enter(&g, 0);
    weir_running_lend(&g.workers[0].running);
    weir_running_waits(true);
    for (int ms = 0; ms < 1000; ms += 25) CU_ASSERT_EQUAL(look(&g, ms), -1);
    weir_running_waits(false);
    weir_running_lend(NULL);
    CU_ASSERT_EQUAL(look(&g, 1000), -1);
    CU_ASSERT_EQUAL(look(&g, 1099), -1);
    CU_ASSERT_EQUAL(look(&g, 1100), 0); /* since it no longer waits */
}

static void a_component_that_blocks_may_take_its_time(void)
{
    struct stage g;
    init(&g);
    g.workers[1].blocking = true;
    enter(&g, 1);
    for (int ms = 0; ms < 1000; ms += 25) CU_ASSERT_EQUAL(look(&g, ms), -1);
}

static void calls_from_within_a_call_give_it_back(void)
{
    struct weir_running_place outer = {.where = "outer"}, inner = {.where = "inner"};
    weir_running_begin(&outer);
    const struct weir_running_place *before = weir_running_begin(&inner);
    CU_ASSERT_PTR_EQUAL(before, &outer);
    weir_running_begin(before);
    CU_ASSERT_PTR_EQUAL(weir_running_here()->place, &outer);
    weir_running_end();
    CU_ASSERT_PTR_NULL(weir_running_here()->place);
}

WEIR_SUITE(watchdog) = {{"a call that does not return is found", a_call_that_does_not_return_is_found},
                        {"many calls are not one", many_calls_are_not_one},
                        {"a call that gets on with its batch is not stuck", a_call_that_gets_on_with_its_batch_is_not_stuck},
                        {"waiting through the host is not stuck", waiting_through_the_host_is_not_stuck},
                        {"a component that blocks may take its time", a_component_that_blocks_may_take_its_time},
                        {"calls from within a call give it back", calls_from_within_a_call_give_it_back},
                        {NULL, NULL}};
