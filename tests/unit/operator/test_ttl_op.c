/* Components whose states expire: what a declaration and a node say of them, in operators (semantics A6). */
#include "unit/operator/stage.h"

static const struct weir_state_ttl *rules; /* of the next stage */

static void set_up(struct stage *g)
{
    stage_init(g, WEIR_NODE_OPERATOR, "user: string, n: i64", "user: string, seen: string");
    stage_component(g, WEIR_OPERATOR, "mayfly");
    weir_op_stage_key(g->node, "user");
    if (rules) {
        g->node->ttl = weir_alloc(4 * sizeof *rules);
        memcpy(g->node->ttl, rules, 4 * sizeof *rules);
    }
    stage_start(g);
}

static void look(struct stage *g, int64_t now_ms, const char *seen)
{
    char expected[128];
    stage_now(g, now_ms);
    stage_feed(g, "1 | ann, 0");
    snprintf(expected, sizeof expected, "1 | ann, %s\n", seen);
    stage_expect(g, expected);
}

static void TRAP_states_expire_as_declared_and_map_isEmpty_ignores_it(void)
{
    struct stage g;
    set_up(&g);
    stage_now(&g, 10000);
    stage_feed(&g, "1 | ann, 1\n1 | bob, 7");
    stage_now(&g, 10500);
    stage_feed(&g, "1 | ann, 2");
    look(&g, 10999, "3 3/2: 1 2 1=1 2=2"); /* reading renews the value */
    look(&g, 11000, "3 3/2: 2 2=2");       /* the size is what is there */
    look(&g, 11001, "3 3/1: 2 2=2");
    look(&g, 11500, "3 3/1:");
    look(&g, 12500, "3 0/0:");
    look(&g, 99999, "3 0/0:"); /* what is lasting lasts */
    stage_end(&g);
}

static void a_node_says_otherwise(void)
{
    static const struct weir_state_ttl others[4] = {{.ms = 0}, {.ms = 5, .flags = WEIR_TTL_SHOWN}, {.ms = 0}, {.ms = 700}};
    struct stage g;
    rules = others;
    set_up(&g);
    rules = NULL;
    stage_now(&g, 10000);
    stage_feed(&g, "1 | ann, 1");
    look(&g, 10699, "1 1/1: 1 1=1"); /* the item had expired, and is seen once more */
    look(&g, 10699, "1 1/1: 1=1");
    look(&g, 10700, "0 1/1: 1=1");
    stage_end(&g);
}

static void times_go_with_a_cut(void)
{
    static const struct weir_state_ttl none[4];
    struct stage first, second = {0}, third = {0}, fourth = {0};
    struct weir_snapshot all = {0}, without = {0};
    set_up(&first);
    stage_now(&first, 10000);
    stage_feed(&first, "1 | ann, 1");
    stage_now(&first, 10600);
    stage_feed(&first, "1 | ann, 2");
    stage_now(&first, 11100); /* the first item and entry have expired */
    CU_ASSERT_EQUAL_FATAL(first.op->class->snapshot(first.op, 1, &all), WEIR_OK);

    stage_restore = &all;
    set_up(&second);
    look(&second, 11599, "3 3/1: 2 2=2");
    look(&second, 11600, "3 3/1:");

    rules = none; /* it no longer expires */
    set_up(&third);
    rules = NULL;
    stage_now(&third, 90000);
    look(&third, 90000, "3 3/1: 2 2=2");
    CU_ASSERT_EQUAL_FATAL(third.op->class->snapshot(third.op, 1, &without), WEIR_OK);

    stage_restore = &without; /* and does again, from the restore on */
    set_up(&fourth);
    stage_restore = NULL;
    int64_t restored = fourth.s.platform.wall_ms(fourth.s.platform.self);
    look(&fourth, restored + 999, "3 3/1: 2 2=2");
    look(&fourth, restored + 1000, "3 3/1:");
    weir_snapshot_finish(&all);
    weir_snapshot_finish(&without);
    stage_end(&first);
    stage_end(&second);
    stage_end(&third);
    stage_end(&fourth);
}

/* Nobody asks for them again. */
static void keys_that_are_forgotten_go(void)
{
    struct stage g;
    struct weir_snapshot all = {0};
    char row[32];
    set_up(&g);
    stage_now(&g, 10000);
    for (int i = 0; i < 200; i++) {
        snprintf(row, sizeof row, "1 | u%d, 1", i);
        stage_feed(&g, row);
    }
    stage_now(&g, 20000);
    for (int i = 0; i < 400; i++) stage_feed(&g, "1 | ann, 1");
    /* what is in the cut has not expired; that the heap holds no more is seen in state/test_ttl.c */
    CU_ASSERT_EQUAL_FATAL(g.op->class->snapshot(g.op, 1, &all), WEIR_OK);
    CU_ASSERT_EQUAL(all.n_entries, 201 + 3);
    weir_snapshot_finish(&all);
    stage_end(&g);
}

WEIR_SUITE(ttl_op) = {
    {"TRAP Map.isEmpty() ignores TTL; states expire as a component declares",
     TRAP_states_expire_as_declared_and_map_isEmpty_ignores_it},
    {"a node says otherwise", a_node_says_otherwise},
    {"times go with a cut", times_go_with_a_cut},
    {"keys that are forgotten go", keys_that_are_forgotten_go},
    {NULL, NULL},
};
