/* Operators cut at a barrier and restored: what comes afterwards is what would have come without the break (semantics
 * A7). */
#include "unit/operator/stage.h"

struct job {
    void (*set_up)(struct stage *);
    void (*before)(struct stage *), (*after)(struct stage *);
};

static void cut(struct stage *g, struct weir_snapshot *to)
{
    CU_ASSERT_EQUAL_FATAL(g->op->class->snapshot(g->op, 1, to), WEIR_OK);
}

/* Another instance of the operator, restored before it is opened. */
static void revive(struct stage *g, const struct job *job, const struct weir_snapshot *from)
{
    stage_restore = from;
    job->set_up(g);
    stage_restore = NULL;
    if (g->op->error.status) fprintf(stderr, "%s\n", g->op->error.text);
    CU_ASSERT_EQUAL(g->op->error.status, WEIR_OK);
}

static void expect_the_same_after_a_break(const struct job *job)
{
    struct stage whole = {0}, first = {0}, second = {0};
    struct weir_snapshot all = {0};
    job->set_up(&whole);
    job->before(&whole);
    weir_text_finish(&whole.text);
    job->after(&whole);
    job->set_up(&first);
    job->before(&first);
    cut(&first, &all);
    revive(&second, job, &all);
    job->after(&second);
    CU_ASSERT(strlen(weir_text_get(&whole.text)) > 20);
    CU_ASSERT_STRING_EQUAL(weir_text_get(&second.text), weir_text_get(&whole.text));
    weir_snapshot_finish(&all);
    stage_end(&whole);
    stage_end(&first);
    stage_end(&second);
}

/* ---- keyed co-process: values and event timers ------------------------------------------------------------------- */

static void set_up_pairs(struct stage *g)
{
    stage_init(g, WEIR_NODE_OPERATOR, "k: i64, a: i64", "k: i64, a: i64, b: i64");
    stage_side(g, "alone", "k: i64, value: i64, is_right: bool");
    stage_second(g, "k: i64, b: i64");
    stage_component(g, WEIR_OPERATOR, "paired");
    weir_op_stage_key(g->node, "k");
    stage_second_key(g, "k");
    stage_start(g);
}
static void pairs_before(struct stage *g)
{
    stage_feed(g, "10 | 1, 100\n11 | 2, 200\n12 | 3, 300\n12 | 5, 500");
    stage_feed_second(g, "15 | 2, 222\n15 | 4, 444");
    stage_watermark(g, 20);
}
static void pairs_after(struct stage *g)
{
    stage_feed_second(g, "16 | 3, 333");
    stage_feed(g, "16 | 4, 400");
    stage_watermark(g, 100);
}

static void values_and_event_timers_go_on(void)
{
    static const struct job job = {set_up_pairs, pairs_before, pairs_after};
    expect_the_same_after_a_break(&job);
}

/* ---- broadcast state --------------------------------------------------------------------------------------------- */

static void set_up_rules(struct stage *g)
{
    stage_init(g, WEIR_NODE_OPERATOR, "k: i64, v: i64", "k: i64, n: i64, rule: string");
    stage_second(g, "name: string, least: i64");
    stage_component(g, WEIR_OPERATOR, "ruled");
    weir_op_stage_key(g->node, "k");
    stage_start(g);
}
static void rules_before(struct stage *g)
{
    stage_feed_second(g, "- | big, 5\n- | small, 2\n- | gone, 1\n- | gone, -1");
    stage_feed(g, "1 | 1, 9\n2 | 2, 3");
}
static void rules_after(struct stage *g)
{
    stage_feed(g, "3 | 1, 9\n4 | 2, 3");
    stage_watermark(g, 1000);
}

static void broadcast_states_go_on(void)
{
    static const struct job job = {set_up_rules, rules_before, rules_after};
    expect_the_same_after_a_break(&job);
}

/* ---- processing timers ------------------------------------------------------------------------------------------- */

static void set_up_alarm(struct stage *g)
{
    stage_init(g, WEIR_NODE_OPERATOR, "user: string, what: string, ns: i64, at: i64",
               "user: string, clock: string, ns: i64, at: i64, wm: i64");
    stage_component(g, WEIR_OPERATOR, "alarm");
    stage_option(g, "twice", "false");
    weir_op_stage_key(g->node, "user");
    stage_start(g);
}
static void alarm_before(struct stage *g)
{
    stage_now(g, 1000);
    stage_feed(g, "1 | ann, p, 0, 1500\n1 | bob, p, 0, 1400\n1 | cat, e, 0, 20");
}
static void alarm_after(struct stage *g)
{
    stage_now(g, 1450); /* bob's came due while nothing ran */
    stage_watermark(g, 30);
    stage_now(g, 5000);
}

static void processing_timers_that_came_due_meanwhile_fire(void)
{
    static const struct job job = {set_up_alarm, alarm_before, alarm_after};
    expect_the_same_after_a_break(&job);
}

/* ---- the watermark -------------------------------------------------------------------------------------------------- */

static void TRAP_the_watermark_is_not_restored(void)
{
    struct stage first = {0}, second = {0};
    static const struct job job = {set_up_pairs, pairs_before, pairs_after};
    struct weir_snapshot all = {0};
    set_up_pairs(&first);
    pairs_before(&first);
    CU_ASSERT_EQUAL(first.op->watermark, 20);
    cut(&first, &all);
    revive(&second, &job, &all);
    CU_ASSERT_EQUAL(second.op->watermark, INT64_MIN);
    weir_snapshot_finish(&all);
    stage_end(&first);
    stage_end(&second);
}

WEIR_SUITE(restore) = {{"values and event timers go on", values_and_event_timers_go_on},
                       {"broadcast states go on", broadcast_states_go_on},
                       {"processing timers that came due meanwhile fire", processing_timers_that_came_due_meanwhile_fire},
                       {"TRAP the watermark is not restored", TRAP_the_watermark_is_not_restored},
                       {NULL, NULL}};
