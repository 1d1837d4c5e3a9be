/* The traps of event time windows, in the ways that windows are kept: each with accumulators of its own, sharing slices,
 * and in the general operator with an assigner and a trigger (docs/semantics-traps.md). */
#include "general_stage.h"

/* ---- the ways ---------------------------------------------------------------------------------------------------- */

enum way { SHARED, WHOLE, GENERAL, N_WAYS };

/* Windows of 10 every 5 or 10: user, rows, and their sum. An aggregate that depends on the order of rows shares nothing. */
static void start_sliding(struct stage *g, enum way way, int64_t slide_ms, int64_t lateness_ms)
{
    prepare(g, false);
    late_output(g);
    g->node->window.lateness_ms = lateness_ms;
    g->node->window.periodic = way != GENERAL;
    if (way == WHOLE) {
        weir_part_spec_destroy(g->node->window.aggregates[1].part);
        g->node->window.aggregates[1].part = weir_op_stage_part(&g->s, WEIR_AGGREGATE, "last");
    }
    struct weir_part_spec *part = ASSIGNER(g, "sliding", "size", "10ms");
    weir_op_stage_option(part, "slide", slide_ms == 5 ? "5ms" : "10ms");
    start(g, part, TRIGGER(g, "event_time", NULL, NULL));
}

/* The same of each way but for the last column, which is the sum or, of WHOLE, the last row's number. */
static void expect_of(struct stage *g, enum way way, const char *sums, const char *lasts)
{
    expect(g, way == WHOLE ? lasts : sums);
}

/* ---- A5.5 (a): lateness ------------------------------------------------------------------------------------------ */

static void TRAP_a_a_row_behind_the_watermark_is_on_time_while_its_window_is(void)
{
    for (enum way way = 0; way < N_WAYS; way++) {
        struct stage g;
        start_sliding(&g, way, 10, 0);
        watermark(&g, 8);
        feed(&g, "2 | ann, 1\n8 | ann, 2"); /* both at or behind the watermark; their window [0, 10) ends at 9 */
        expect(&g, "");
        watermark(&g, 9);
        expect_of(&g, way, "9 | ann, 2, 3\n", "9 | ann, 2, 2\n");
        CU_ASSERT_EQUAL(g.op->counters.late, 0);
        feed(&g, "9 | ann, 4"); /* and this one is the first that is late */
        expect(&g, "1> 9 | ann, 4\n");
        CU_ASSERT_EQUAL(g.op->counters.late, 1);
        tear_down(&g);
    }
}

static void TRAP_a_a_row_late_for_one_window_and_counted_in_another_is_not_late(void)
{
    for (enum way way = 0; way < N_WAYS; way++) {
        struct stage g;
        start_sliding(&g, way, 5, 0);
        watermark(&g, 11);
        feed(&g, "7 | ann, 1\n12 | ann, 2"); /* 7: late for [0, 10), counted in [5, 15) */
        expect(&g, "");
        watermark(&g, 14);
        expect_of(&g, way, "14 | ann, 2, 3\n", "14 | ann, 2, 2\n");
        CU_ASSERT_EQUAL(g.op->counters.late, 0);
        CU_ASSERT_EQUAL(g.op->counters.accepted, 2);
        feed(&g, "7 | ann, 4"); /* late for both now */
        expect(&g, "1> 7 | ann, 4\n");
        CU_ASSERT_EQUAL(g.op->counters.late, 1);
        tear_down(&g);
    }
}

/* ---- A5.5 (b): firing again -------------------------------------------------------------------------------------- */

static void TRAP_b_every_late_row_fires_again_until_cleanup(void)
{
    for (enum way way = 0; way < N_WAYS; way++) {
        struct stage g;
        start_sliding(&g, way, 10, 5);
        feed(&g, "1 | ann, 1\n2 | bob, 2");
        watermark(&g, 10);
        weir_text_finish(&g.text); /* ann and bob, in an order of their own */
        feed(&g, "3 | ann, 4\n4 | ann, 8");
        expect_of(&g, way, "9 | ann, 2, 5\n9 | ann, 3, 13\n", "9 | ann, 2, 4\n9 | ann, 3, 8\n");
        watermark(&g, 13); /* a watermark is no reason to fire again */
        expect(&g, "");
        feed(&g, "5 | ann, 16");
        expect_of(&g, way, "9 | ann, 4, 29\n", "9 | ann, 4, 16\n");
        watermark(&g, 14); /* the cleanup time: 9 + 5 */
        feed(&g, "6 | ann, 32");
        expect(&g, "1> 6 | ann, 32\n");
        watermark(&g, INT64_MAX);
        expect(&g, "");
        tear_down(&g);
    }
}

/* Of overlapping windows those fire again that have fired; the others wait for their time. */
static void TRAP_b_of_overlapping_windows_those_fire_again_that_have_fired(void)
{
    for (enum way way = 0; way < N_WAYS; way++) {
        struct stage g;
        start_sliding(&g, way, 5, 5);
        feed(&g, "1 | ann, 8\n6 | ann, 1");
        watermark(&g, 9); /* [-5, 5) goes, [0, 10) fires */
        expect_of(&g, way, "4 | ann, 1, 8\n9 | ann, 2, 9\n", "4 | ann, 1, 8\n9 | ann, 2, 1\n");
        feed(&g, "7 | ann, 2"); /* with all that came before it, also a slide ago */
        expect_of(&g, way, "9 | ann, 3, 11\n", "9 | ann, 3, 2\n");
        watermark(&g, 14); /* [0, 10) goes, [5, 15) fires */
        expect_of(&g, way, "14 | ann, 2, 3\n", "14 | ann, 2, 2\n");
        feed(&g, "8 | ann, 4");
        expect_of(&g, way, "14 | ann, 3, 7\n", "14 | ann, 3, 4\n");
        tear_down(&g);
    }
}

/* ---- A5.5 (c): no lateness --------------------------------------------------------------------------------------- */

static void TRAP_c_global_windows_have_no_lateness(void)
{
    static const int64_t lateness_ms[] = {0, 1000, INT64_MAX};
    for (size_t i = 0; i < WEIR_LEN(lateness_ms); i++) {
        struct stage g;
        prepare(&g, false);
        late_output(&g);
        g.node->window.lateness_ms = lateness_ms[i];
        start(&g, ASSIGNER(&g, "global", NULL, NULL), around(&g, "purging", TRIGGER(&g, "count", "n", "2")));
        watermark(&g, 100000);
        feed(&g, "1 | ann, 1\n2 | ann, 2\n- | ann, 4");
        expect(&g, "9223372036854775807 | ann, 2, 3\n");
        watermark(&g, INT64_MAX);
        feed(&g, "3 | ann, 8"); /* not even then */
        expect(&g, "9223372036854775807 | ann, 2, 12\n");
        CU_ASSERT_EQUAL(g.op->counters.late, 0);
        tear_down(&g);
    }
}

/* A window by the clock goes when it has fired, whatever the allowed lateness. */
static void TRAP_c_the_allowed_lateness_is_ignored_by_the_clock(void)
{
    struct stage g;
    prepare(&g, false);
    late_output(&g);
    g.node->window.lateness_ms = 1000;
    start(&g, ASSIGNER(&g, "tumbling_processing", "size", "10ms"), TRIGGER(&g, "processing_time", NULL, NULL));
    clock_at(&g, 15);
    feed(&g, "1 | ann, 1");
    CU_ASSERT_EQUAL(g.op->next_due_ms, 20);
    clock_at(&g, 20);
    expect(&g, "19 | ann, 1, 1\n");
    CU_ASSERT_EQUAL(g.op->next_due_ms, INT64_MAX); /* nothing is kept for late rows */
    tear_down(&g);
}

/* ---- A5.1: timers of triggers ------------------------------------------------------------------------------------ */

/* The trigger sets a timer at 5 with a row of time 1. */
static void TRAP_an_overdue_timer_of_a_trigger_fires_at_the_next_watermark(void)
{
    struct stage g;
    prepare(&g, false);
    start(&g, ASSIGNER(&g, "tumbling", "size", "10ms"), TRIGGER(&g, "purging_twos", NULL, NULL));
    watermark(&g, 7);
    feed(&g, "1 | ann, 1");
    expect(&g, "");
    watermark(&g, 8);
    expect(&g, "9 | ann, 1, 1\n");
    tear_down(&g);
}

static void TRAP_a_row_at_the_last_instant_by_the_clock_is_in_time(void)
{
    struct stage g;
    prepare(&g, false);
    start(&g, ASSIGNER(&g, "tumbling_processing", "size", "10ms"), TRIGGER(&g, "processing_time", NULL, NULL));
    clock_at(&g, 12);
    feed(&g, "- | ann, 1");
    clock_at(&g, 19);
    feed(&g, "- | ann, 2"); /* still of [10, 20) */
    CU_ASSERT_EQUAL(g.op->next_due_ms, 20);
    CU_ASSERT_EQUAL(g.op->class->processing_time(g.op, 19), WEIR_OK); /* asked too early: not yet */
    drain(&g);
    expect(&g, "");
    clock_at(&g, 20);
    expect(&g, "19 | ann, 2, 3\n");
    tear_down(&g);
}

/* ---- A5.3 -------------------------------------------------------------------------------------------------------- */

/* Within the allowed lateness the window is still there at 12: the cap is what keeps it silent. */
static void TRAP_continuous_is_capped_at_the_end(void)
{
    struct stage g;
    prepare(&g, false);
    g.node->window.lateness_ms = 50;
    start(&g, ASSIGNER(&g, "tumbling", "size", "10ms"), TRIGGER(&g, "continuous", "interval", "4ms"));
    feed(&g, "1 | ann, 1");
    watermark(&g, 8);
    expect(&g, "9 | ann, 1, 1\n9 | ann, 1, 1\n"); /* at 4 and at 8 */
    watermark(&g, 9);
    expect(&g, "9 | ann, 1, 1\n");
    watermark(&g, 30);
    expect(&g, "");
    feed(&g, "2 | ann, 2");
    expect(&g, "9 | ann, 2, 3\n");
    watermark(&g, INT64_MAX);
    expect(&g, "");
    tear_down(&g);
}

static void TRAP_continuous_processing_never_purges(void)
{
    struct stage g;
    prepare(&g, false);
    start(&g, ASSIGNER(&g, "tumbling_processing", "size", "10ms"), TRIGGER(&g, "continuous_processing", "interval", "4ms"));
    clock_at(&g, 11);
    feed(&g, "- | ann, 1");
    clock_at(&g, 13); /* at 12 */
    expect(&g, "19 | ann, 1, 1\n");
    feed(&g, "- | ann, 2");
    clock_at(&g, 17); /* at 16 */
    expect(&g, "19 | ann, 2, 3\n");
    clock_at(&g, 20); /* not at 20: capped at 19, the end */
    expect(&g, "19 | ann, 2, 3\n");
    clock_at(&g, 100);
    expect(&g, "");
    tear_down(&g);
}

/* By the clock the window of event time is long over when its first row comes, and nothing has ended it yet: a firing at the
 * cap is the last one until another row comes. Without an end it would fire there for ever. */
static void continuous_processing_in_a_window_of_the_past_comes_to_an_end(void)
{
    struct stage g;
    prepare(&g, false);
    start(&g, ASSIGNER(&g, "tumbling", "size", "10ms"), TRIGGER(&g, "continuous_processing", "interval", "4ms"));
    g.s.now_ms = 1000;
    for (int round = 1; round <= 2; round++) {
        feed(&g, "1 | ann, 1");
        CU_ASSERT(g.op->next_due_ms <= 1000);
        CU_ASSERT_EQUAL(g.op->class->processing_time(g.op, 1000), WEIR_OK);
        drain(&g);
        expect(&g, round == 1 ? "9 | ann, 1, 1\n" : "9 | ann, 2, 2\n");
        CU_ASSERT_EQUAL(g.op->next_due_ms, INT64_MAX);
    }
    watermark(&g, INT64_MAX);
    expect(&g, "");
    tear_down(&g);
}

/* Its next firings would go on to the end of time. */
static void continuous_in_a_global_window_comes_to_an_end_with_the_input(void)
{
    struct stage g;
    prepare(&g, false);
    start(&g, ASSIGNER(&g, "global", NULL, NULL), TRIGGER(&g, "continuous", "interval", "4ms"));
    feed(&g, "1 | ann, 1");
    watermark(&g, 9);
    expect(&g, "9223372036854775807 | ann, 1, 1\n9223372036854775807 | ann, 1, 1\n"); /* at 4 and at 8 */
    feed(&g, "10 | ann, 2");
    g.op->watermark = INT64_MAX;
    CU_ASSERT_EQUAL(g.op->class->watermark(g.op, INT64_MAX), WEIR_OK);
    drain(&g);
    expect(&g, "9223372036854775807 | ann, 2, 3\n9223372036854775807 | ann, 2, 3\n"); /* at 12, and at the end */
    tear_down(&g);
}

/* ---- A5.6 -------------------------------------------------------------------------------------------------------- */

/* The third window is the one that the first two have become, and the fourth lies inside it: neither is added anew. */
static void TRAP_a_window_in_flight_is_not_inserted_again(void)
{
    struct stage g;
    prepare(&g, false);
    struct weir_part_spec *by = weir_op_stage_part(&g.s, WEIR_WINDOW_ASSIGNER, "session_by");
    set_field(by, "field", 1);
    start(&g, by, TRIGGER(&g, "event_time", NULL, NULL));
    feed(&g, "0 | ann, 5");
    feed(&g, "3 | ann, 7");
    feed(&g, "0 | ann, 10");
    feed(&g, "2 | ann, 6");
    watermark(&g, 9);
    expect(&g, "9 | ann, 4, 28\n");
    watermark(&g, INT64_MAX);
    expect(&g, "");
    tear_down(&g);
}

WEIR_SUITE(traps) = {
    {"TRAP (a) lateness is judged by WINDOW end, so ts < wm can be on time, however windows are kept",
     TRAP_a_a_row_behind_the_watermark_is_on_time_while_its_window_is},
    {"TRAP (a) late for one window and counted in another: then it is not side-output",
     TRAP_a_a_row_late_for_one_window_and_counted_in_another_is_not_late},
    {"TRAP (b) between maxTs and cleanup every late element re-FIREs at once with the full accumulated result",
     TRAP_b_every_late_row_fires_again_until_cleanup},
    {"TRAP (b) of overlapping windows those re-FIRE that have fired",
     TRAP_b_of_overlapping_windows_those_fire_again_that_have_fired},
    {"TRAP (c) global windows have no lateness", TRAP_c_global_windows_have_no_lateness},
    {"TRAP (c) processing-time windows have no lateness, allowedLateness is ignored there",
     TRAP_c_the_allowed_lateness_is_ignored_by_the_clock},
    {"TRAP an event timer of a trigger with ts <= currentWatermark does NOT fire now, but at the next wm advance",
     TRAP_an_overdue_timer_of_a_trigger_fires_at_the_next_watermark},
    {"TRAP the extra ms means no element with processing time <= ts can follow, in a window too",
     TRAP_a_row_at_the_last_instant_by_the_clock_is_in_time},
    {"TRAP continuous event time fires no more once it has fired at maxTs", TRAP_continuous_is_capped_at_the_end},
    {"TRAP continuous processing time never purges, each firing re-emits the cumulative content",
     TRAP_continuous_processing_never_purges},
    {"continuous processing time in a window of the past comes to an end",
     continuous_processing_in_a_window_of_the_past_comes_to_an_end},
    {"continuous in a global window comes to an end with the input",
     continuous_in_a_global_window_comes_to_an_end_with_the_input},
    {"TRAP orphaned elements: only insert when the window is not already in flight",
     TRAP_a_window_in_flight_is_not_inserted_again},
    {NULL, NULL}};
