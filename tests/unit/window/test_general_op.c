/* The general window operator, stepped by hand: semantics A5.2 to A5.6. */
#include "general_stage.h"

/* ---- sessions ---------------------------------------------------------------------------------------------------- */

static void session(struct stage *g, const char *gap)
{
    start(g, ASSIGNER(g, "session", "gap", gap), TRIGGER(g, "event_time", NULL, NULL));
}

static void a_session_ends_when_its_key_is_silent(void)
{
    struct stage g;
    prepare(&g, false);
    session(&g, "10ms");
    feed(&g, "1 | ann, 5\n8 | ann, 7\n3 | bob, 1\n30 | ann, 2");
    watermark(&g, 11);
    expect(&g, "");
    watermark(&g, 12);
    expect(&g, "12 | bob, 1, 1\n");
    watermark(&g, 17);
    expect(&g, "17 | ann, 2, 12\n");
    watermark(&g, INT64_MAX);
    expect(&g, "39 | ann, 1, 2\n");
    CU_ASSERT_EQUAL(g.op->counters.accepted, 4);
    tear_down(&g);
}

static void TRAP_touching_windows_merge(void)
{
    struct stage g;
    prepare(&g, false);
    session(&g, "10ms");
    feed(&g, "0 | ann, 1\n10 | ann, 2\n21 | ann, 4"); /* exactly the gap, and one more */
    watermark(&g, INT64_MAX);
    expect(&g, "19 | ann, 2, 3\n30 | ann, 1, 4\n");
    tear_down(&g);
}

static void a_row_between_sessions_makes_them_one(void)
{
    struct stage g;
    prepare(&g, false);
    session(&g, "10ms");
    feed(&g, "0 | ann, 1\n18 | ann, 2\n36 | ann, 4\n9 | ann, 8\n27 | ann, 16");
    watermark(&g, 44);
    expect(&g, "");
    watermark(&g, 45);
    expect(&g, "45 | ann, 5, 31\n");
    watermark(&g, INT64_MAX);
    expect(&g, "");
    tear_down(&g);
}

static void TRAP_orphaned_elements_of_a_window_that_is_in_flight(void)
{
    struct stage g;
    prepare(&g, false);
    struct weir_part_spec *by = weir_op_stage_part(&g.s, WEIR_WINDOW_ASSIGNER, "session_by");
    set_field(by, "field", 1);
    start(&g, by, TRIGGER(&g, "event_time", NULL, NULL));
    feed(&g, "0 | ann, 5\n3 | ann, 7\n0 | ann, 10");
    watermark(&g, INT64_MAX);
    expect(&g, "9 | ann, 3, 22\n");
    tear_down(&g);
}

static void a_late_row_extends_a_session_within_the_lateness(void)
{
    struct stage g;
    prepare(&g, false);
    late_output(&g);
    g.node->window.lateness_ms = 20;
    session(&g, "10ms");
    feed(&g, "0 | ann, 1");
    watermark(&g, 12);
    expect(&g, "9 | ann, 1, 1\n");
    feed(&g, "1 | ann, 2"); /* [0, 11): fired by the watermark already */
    expect(&g, "10 | ann, 2, 3\n");
    feed(&g, "5 | ann, 4"); /* [0, 15): still to fire */
    expect(&g, "");
    watermark(&g, 33);
    expect(&g, "14 | ann, 3, 7\n");
    feed(&g, "6 | ann, 8"); /* [0, 16) would live: cleanup of [0, 15) is 14 + 20 */
    expect(&g, "15 | ann, 4, 15\n");
    watermark(&g, 35);
    feed(&g, "4 | ann, 16");
    expect(&g, "1> 4 | ann, 16\n");
    CU_ASSERT_EQUAL(g.op->counters.late, 1);
    tear_down(&g);
}

static void counts_of_merged_windows_add_up(void)
{
    struct stage g;
    prepare(&g, false);
    start(&g, ASSIGNER(&g, "session", "gap", "10ms"), TRIGGER(&g, "count", "n", "4"));
    feed(&g, "0 | ann, 1\n20 | ann, 2\n10 | ann, 4"); /* 1 + 1 + 1 */
    expect(&g, "");
    feed(&g, "11 | ann, 8");
    expect(&g, "29 | ann, 4, 15\n");
    tear_down(&g);
}

/* ---- count windows ----------------------------------------------------------------------------------------------- */

static void TRAP_an_incomplete_count_window_never_fires(void)
{
    struct stage g;
    prepare(&g, false);
    start(&g, ASSIGNER(&g, "global", NULL, NULL), around(&g, "purging", TRIGGER(&g, "count", "n", "2")));
    feed(&g, "1 | ann, 1\n- | bob, 2\n3 | ann, 4\n4 | ann, 8");
    expect(&g, "9223372036854775807 | ann, 2, 5\n");
    watermark(&g, INT64_MAX);
    expect(&g, "");
    tear_down(&g);
}

static void TRAP_count_does_not_purge(void)
{
    struct stage g;
    prepare(&g, false);
    start(&g, ASSIGNER(&g, "global", NULL, NULL), TRIGGER(&g, "count", "n", "2"));
    feed(&g, "1 | ann, 1\n2 | ann, 2\n3 | ann, 4\n4 | ann, 8");
    expect(&g, "9223372036854775807 | ann, 2, 3\n9223372036854775807 | ann, 4, 15\n");
    tear_down(&g);
}

static void sliding_count_windows_begin_with_fewer(void)
{
    struct stage g;
    prepare(&g, false);
    g.node->window.evictor = EVICTOR(&g, "count", "n", "3");
    start(&g, ASSIGNER(&g, "global", NULL, NULL), TRIGGER(&g, "count", "n", "2"));
    feed(&g, "1 | ann, 1\n2 | ann, 2\n3 | ann, 4\n4 | ann, 8\n5 | ann, 16\n6 | ann, 32");
    expect(&g, "9223372036854775807 | ann, 2, 3\n9223372036854775807 | ann, 3, 14\n9223372036854775807 | ann, 3, 56\n");
    tear_down(&g);
}

/* ---- triggers ---------------------------------------------------------------------------------------------------- */

static void TRAP_purge_clears_content_only(void)
{
    struct stage g;
    prepare(&g, false);
    g.node->window.lateness_ms = 5;
    start(&g, ASSIGNER(&g, "tumbling", "size", "10ms"), around(&g, "purging", TRIGGER(&g, "event_time", NULL, NULL)));
    feed(&g, "1 | ann, 1\n2 | ann, 2");
    watermark(&g, 9);
    expect(&g, "9 | ann, 2, 3\n");
    feed(&g, "3 | ann, 4"); /* a late row: alone, for what it came to is gone */
    expect(&g, "9 | ann, 1, 4\n");
    tear_down(&g);
}

static void TRAP_continuous_never_purges_and_ends_at_the_window(void)
{
    struct stage g;
    prepare(&g, false);
    start(&g, ASSIGNER(&g, "tumbling", "size", "10ms"), TRIGGER(&g, "continuous", "interval", "4ms"));
    feed(&g, "1 | ann, 1");
    watermark(&g, 3);
    expect(&g, "");
    watermark(&g, 4);
    expect(&g, "9 | ann, 1, 1\n");
    feed(&g, "5 | ann, 2");
    watermark(&g, 8);
    expect(&g, "9 | ann, 2, 3\n");
    watermark(&g, 9); /* not 12: capped */
    expect(&g, "9 | ann, 2, 3\n");
    watermark(&g, INT64_MAX);
    expect(&g, "");
    tear_down(&g);
}

static void delta_fires_above_its_threshold(void)
{
    struct stage g;
    prepare(&g, false);
    struct weir_part_spec *delta = TRIGGER(&g, "delta", "threshold", "10");
    set_field(delta, "field", 1);
    start(&g, ASSIGNER(&g, "global", NULL, NULL), delta);
    feed(&g, "1 | ann, 0\n2 | ann, 10\n3 | ann, 11\n4 | ann, 20\n5 | ann, 0");
    expect(&g, "9223372036854775807 | ann, 3, 21\n9223372036854775807 | ann, 5, 41\n");
    tear_down(&g);
}

static void end_of_stream_fires_once(void)
{
    struct stage g;
    prepare(&g, false);
    start(&g, ASSIGNER(&g, "global", NULL, NULL), TRIGGER(&g, "end_of_stream", NULL, NULL));
    feed(&g, "1 | ann, 1\n2 | ann, 2");
    watermark(&g, 1000);
    expect(&g, "");
    watermark(&g, INT64_MAX);
    expect(&g, "9223372036854775807 | ann, 2, 3\n");
    tear_down(&g);
}

static void start_timeout(struct stage *g, const char *clear)
{
    prepare(g, false);
    struct weir_part_spec *timeout = around(g, "timeout", TRIGGER(g, "count", "n", "3"));
    weir_op_stage_option(timeout, "after", "5ms");
    weir_op_stage_option(timeout, "clear", clear);
    start(g, ASSIGNER(g, "global", NULL, NULL), timeout);
    clock_at(g, 100);
    feed(g, "1 | ann, 1");
    clock_at(g, 105);
    expect(g, "");
    clock_at(g, 106);
    expect(g, "9223372036854775807 | ann, 1, 1\n");
}

static void a_timeout_fires_when_its_trigger_does_not(void)
{
    struct stage g;
    start_timeout(&g, "true");
    feed(&g, "1 | ann, 2\n1 | ann, 4"); /* the count began again */
    expect(&g, "");
    clock_at(&g, 112);
    expect(&g, "9223372036854775807 | ann, 3, 7\n");
    feed(&g, "1 | ann, 8\n1 | ann, 16\n1 | ann, 32");
    expect(&g, "9223372036854775807 | ann, 6, 63\n");
    clock_at(&g, 200);
    expect(&g, "");
    tear_down(&g);
}

static void a_timeout_may_leave_its_trigger_alone(void)
{
    struct stage g;
    start_timeout(&g, "false");
    feed(&g, "1 | ann, 2\n1 | ann, 4");
    expect(&g, "9223372036854775807 | ann, 3, 7\n");
    clock_at(&g, 200);
    expect(&g, "");
    tear_down(&g);
}

static void a_trigger_inside_another_sees_the_row(void)
{
    struct stage g;
    prepare(&g, false);
    struct weir_part_spec *delta = TRIGGER(&g, "delta", "threshold", "10");
    set_field(delta, "field", 1);
    start(&g, ASSIGNER(&g, "global", NULL, NULL), around(&g, "purging", delta));
    feed(&g, "1 | ann, 0\n2 | ann, 10\n3 | ann, 11\n4 | ann, 20\n5 | ann, 0");
    expect(&g, "9223372036854775807 | ann, 3, 21\n9223372036854775807 | ann, 2, 20\n");
    tear_down(&g);
}

/* ---- processing time --------------------------------------------------------------------------------------------- */

static void TRAP_processing_time_windows_fire_once(void)
{
    struct stage g;
    prepare(&g, false);
    start(&g, ASSIGNER(&g, "tumbling_processing", "size", "10ms"), TRIGGER(&g, "processing_time", NULL, NULL));
    clock_at(&g, 15);
    feed(&g, "- | ann, 1\n- | ann, 2");
    clock_at(&g, 19); /* the last instant itself: a row could still come */
    expect(&g, "");
    clock_at(&g, 20);
    expect(&g, "19 | ann, 2, 3\n");
    clock_at(&g, 100);
    expect(&g, "");
    CU_ASSERT_EQUAL(g.op->counters.timers_fired, 1);
    tear_down(&g);
}

static void TRAP_c_processing_time_has_no_lateness(void)
{
    struct stage g;
    prepare(&g, false);
    late_output(&g);
    g.node->window.lateness_ms = 1000;
    start(&g, ASSIGNER(&g, "tumbling_processing", "size", "10ms"), TRIGGER(&g, "processing_time", NULL, NULL));
    watermark(&g, 5000);
    clock_at(&g, 15);
    feed(&g, "1 | ann, 1"); /* long past by its event time */
    clock_at(&g, 20);
    expect(&g, "19 | ann, 1, 1\n");
    feed(&g, "1 | ann, 2");
    clock_at(&g, 30);
    expect(&g, "29 | ann, 1, 2\n");
    clock_at(&g, 5000); /* nor is anything kept for late rows, and fired again */
    expect(&g, "");
    CU_ASSERT_EQUAL(g.op->counters.late, 0);
    tear_down(&g);
}

static void pending_processing_windows_do_not_fire_at_the_end(void)
{
    struct stage g;
    prepare(&g, false);
    start(&g, ASSIGNER(&g, "session_processing", "gap", "10ms"), TRIGGER(&g, "processing_time", NULL, NULL));
    clock_at(&g, 10);
    feed(&g, "- | ann, 1");
    clock_at(&g, 18);
    feed(&g, "- | ann, 2\n- | bob, 3");
    clock_at(&g, 28);
    expect(&g, "27 | ann, 2, 3\n27 | bob, 1, 3\n");
    feed(&g, "- | ann, 5");
    watermark(&g, INT64_MAX);
    expect(&g, "");
    tear_down(&g);
}

static void continuous_processing_fires_by_the_clock(void)
{
    struct stage g;
    prepare(&g, false);
    start(&g, ASSIGNER(&g, "tumbling_processing", "size", "10ms"), TRIGGER(&g, "continuous_processing", "interval", "4ms"));
    clock_at(&g, 11);
    feed(&g, "- | ann, 1");
    clock_at(&g, 13);
    expect(&g, "19 | ann, 1, 1\n");
    clock_at(&g, 17);
    expect(&g, "19 | ann, 1, 1\n");
    clock_at(&g, 50);
    expect(&g, "19 | ann, 1, 1\n");
    tear_down(&g);
}

/* ---- evictors ---------------------------------------------------------------------------------------------------- */

static void a_time_evictor_keeps_the_last_span(void)
{
    struct stage g;
    prepare(&g, false);
    g.node->window.evictor = EVICTOR(&g, "time", "span", "3ms");
    start(&g, ASSIGNER(&g, "tumbling", "size", "10ms"), TRIGGER(&g, "event_time", NULL, NULL));
    feed(&g, "1 | ann, 1\n5 | ann, 2\n7 | ann, 4\n8 | ann, 8"); /* cutoff 5: at it is out */
    watermark(&g, 9);
    expect(&g, "9 | ann, 2, 12\n");
    tear_down(&g);
}

static void TRAP_delta_evicts_at_the_threshold_where_the_trigger_fires_above_it(void)
{
    struct stage g;
    prepare(&g, false);
    struct weir_part_spec *delta = EVICTOR(&g, "delta", "threshold", "10");
    set_field(delta, "field", 1);
    g.node->window.evictor = delta;
    start(&g, ASSIGNER(&g, "tumbling", "size", "10ms"), TRIGGER(&g, "event_time", NULL, NULL));
    feed(&g, "1 | ann, 10\n2 | ann, 11\n3 | ann, 29\n4 | ann, 30\n5 | ann, 20");
    watermark(&g, 9);
    expect(&g, "9 | ann, 3, 60\n");
    tear_down(&g);
}

static void evicting_after_the_firing_leaves_the_survivors_in_state(void)
{
    struct stage g;
    prepare(&g, false);
    g.node->window.evictor = EVICTOR(&g, "count", "n", "1");
    weir_op_stage_option(g.node->window.evictor, "after", "true");
    start(&g, ASSIGNER(&g, "global", NULL, NULL), TRIGGER(&g, "count", "n", "2"));
    feed(&g, "1 | ann, 1\n2 | ann, 2\n3 | ann, 4\n4 | ann, 8");
    expect(&g, "9223372036854775807 | ann, 2, 3\n9223372036854775807 | ann, 3, 14\n");
    tear_down(&g);
}

/* ---- functions --------------------------------------------------------------------------------------------------- */

static void a_function_sees_the_rows_in_order_of_arrival(void)
{
    struct stage g;
    prepare(&g, false);
    drop_aggregates(&g);
    use_function(&g, "ends", "user: string, rows: i64, first: i64, last: i64", 1);
    session(&g, "10ms");
    feed(&g, "9 | ann, 1\n3 | ann, 2\n4 | bob, 3\n5 | ann, 4");
    watermark(&g, INT64_MAX);
    expect(&g, "13 | bob, 1, 3, 3\n18 | ann, 3, 1, 4\n");
    tear_down(&g);
}

static void an_evictor_decides_what_a_function_sees(void)
{
    struct stage g;
    prepare(&g, false);
    drop_aggregates(&g);
    use_function(&g, "ends", "user: string, rows: i64, first: i64, last: i64", 1);
    g.node->window.evictor = EVICTOR(&g, "count", "n", "2");
    session(&g, "10ms");
    feed(&g, "1 | ann, 1\n2 | ann, 2\n3 | ann, 4");
    watermark(&g, INT64_MAX);
    expect(&g, "12 | ann, 2, 2, 4\n");
    tear_down(&g);
}

static void a_function_after_aggregates_sees_one_row(void)
{
    struct stage g;
    prepare(&g, false);
    g.node->window.aggregated = weir_schema_retain(g.out);
    use_function(&g, "numbered", "user: string, firing: i64, c: i64", 1);
    session(&g, "10ms");
    feed(&g, "1 | ann, 1\n2 | ann, 2\n20 | ann, 4\n21 | bob, 1");
    watermark(&g, INT64_MAX);
    expect(&g, "11 | ann, 1, 2\n29 | ann, 2, 1\n30 | bob, 1, 1\n");
    tear_down(&g);
}

/* ---- parts that go wrong ----------------------------------------------------------------------------------------- */

static void refuse(struct stage *g, const char *message)
{
    static const uint32_t key[] = {0};
    int64_t row = 0;
    struct weir_rows *rows = weir_test_keyed_rows(g->s.env.pool, g->in, "5 | ann, 0", key, 1, 128);
    CU_ASSERT_EQUAL(g->op->class->rows(g->op, 0, rows, &row), WEIR_E_PLUGIN);
    WEIR_ASSERT_CONTAINS(g->op->error.text, message);
    weir_rows_release(rows);
    tear_down(g);
}

static void a_trigger_that_says_nonsense_is_named(void)
{
    struct stage g;
    prepare(&g, false);
    start(&g, ASSIGNER(&g, "session", "gap", "10ms"), TRIGGER(&g, "babbling", NULL, NULL));
    refuse(&g, "test.windows/babbling");
}

static void a_window_that_ends_before_it_starts_is_refused(void)
{
    struct stage g;
    prepare(&g, false);
    start(&g, ASSIGNER(&g, "backward", NULL, NULL), TRIGGER(&g, "event_time", NULL, NULL));
    refuse(&g, "a window ends after its start");
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

static void windows_over_all_rows_have_one_key(void)
{
    struct stage g;
    prepare(&g, true);
    start(&g, ASSIGNER(&g, "session", "gap", "10ms"), TRIGGER(&g, "event_time", NULL, NULL));
    feed(&g, "1 | ann, 1\n8 | bob, 2\n30 | ann, 4");
    watermark(&g, INT64_MAX);
    expect(&g, "17 | 2, 3\n39 | 1, 4\n");
    tear_down(&g);
}

static void nothing_is_left_of_windows_that_are_over(void)
{
    struct stage g;
    prepare(&g, false);
    session(&g, "10ms");
    for (int round = 0; round < 3; round++) {
        struct weir_text rows = {0};
        for (int i = 0; i < 100; i++) weir_text_add(&rows, "%d | k%d, 1\n", round * 1000 + i * 7, i % 10);
        feed(&g, weir_text_get(&rows));
        weir_text_finish(&rows);
        watermark(&g, round * 1000 + 900);
        weir_text_finish(&g.text);
    }
    watermark(&g, INT64_MAX);
    CU_ASSERT_EQUAL(g.op->next_due_ms, INT64_MAX);
    tear_down(&g);
}

static void a_row_without_time_is_refused(void)
{
    struct stage g;
    static const uint32_t key[] = {0};
    int64_t row = 0;
    prepare(&g, false);
    session(&g, "10ms");
    struct weir_rows *rows = weir_test_keyed_rows(g.s.env.pool, g.in, "- | ann, 1", key, 1, 128);
    CU_ASSERT_EQUAL(g.op->class->rows(g.op, 0, rows, &row), WEIR_E_DATA);
    WEIR_ASSERT_CONTAINS(g.op->error.text, "without an event time");
    weir_rows_release(rows);
    tear_down(&g);
}

static void a_gap_that_is_not_positive_is_refused(void)
{
    struct stage g;
    static const uint32_t key[] = {0};
    int64_t row = 0;
    prepare(&g, false);
    struct weir_part_spec *by = weir_op_stage_part(&g.s, WEIR_WINDOW_ASSIGNER, "session_by");
    set_field(by, "field", 1);
    start(&g, by, TRIGGER(&g, "event_time", NULL, NULL));
    struct weir_rows *rows = weir_test_keyed_rows(g.s.env.pool, g.in, "5 | ann, 0", key, 1, 128);
    CU_ASSERT_EQUAL(g.op->class->rows(g.op, 0, rows, &row), WEIR_E_DATA);
    WEIR_ASSERT_CONTAINS(g.op->error.text, "must be more than 0");
    WEIR_ASSERT_CONTAINS(g.op->error.text, "weir.windows/session_by");
    weir_rows_release(rows);
    tear_down(&g);
}

WEIR_SUITE(general_op) = {
    {"a session ends when its key is silent", a_session_ends_when_its_key_is_silent},
    {"TRAP TOUCHING windows merge: gap exactly equal to the timeout is one session", TRAP_touching_windows_merge},
    {"a row between sessions makes them one", a_row_between_sessions_makes_them_one},
    {"TRAP orphaned elements: a window is not inserted when it is in flight already",
     TRAP_orphaned_elements_of_a_window_that_is_in_flight},
    {"a late row extends a session within the lateness", a_late_row_extends_a_session_within_the_lateness},
    {"counts of merged windows add up", counts_of_merged_windows_add_up},
    {"TRAP an incomplete count window at end of input never fires", TRAP_an_incomplete_count_window_never_fires},
    {"TRAP count fires without purge", TRAP_count_does_not_purge},
    {"sliding count windows begin with fewer", sliding_count_windows_begin_with_fewer},
    {"TRAP PURGE clears CONTENT only", TRAP_purge_clears_content_only},
    {"TRAP continuous never purges, each firing re-emits the cumulative content, capped at maxTs",
     TRAP_continuous_never_purges_and_ends_at_the_window},
    {"delta fires above its threshold", delta_fires_above_its_threshold},
    {"end of stream fires once", end_of_stream_fires_once},
    {"a timeout fires when its trigger does not", a_timeout_fires_when_its_trigger_does_not},
    {"a timeout may leave its trigger alone", a_timeout_may_leave_its_trigger_alone},
    {"a trigger inside another sees the row", a_trigger_inside_another_sees_the_row},
    {"TRAP the cleanup timer is the same timer, so processing time fires once", TRAP_processing_time_windows_fire_once},
    {"TRAP (c) processing-time windows have no lateness", TRAP_c_processing_time_has_no_lateness},
    {"pending processing windows do not fire at the end", pending_processing_windows_do_not_fire_at_the_end},
    {"continuous processing fires by the clock", continuous_processing_fires_by_the_clock},
    {"a time evictor keeps the last span", a_time_evictor_keeps_the_last_span},
    {"TRAP the delta trigger uses >, the evictor >=", TRAP_delta_evicts_at_the_threshold_where_the_trigger_fires_above_it},
    {"evicting after the firing leaves the survivors in state", evicting_after_the_firing_leaves_the_survivors_in_state},
    {"a function sees the rows in order of arrival", a_function_sees_the_rows_in_order_of_arrival},
    {"an evictor decides what a function sees", an_evictor_decides_what_a_function_sees},
    {"a function after aggregates sees one row", a_function_after_aggregates_sees_one_row},
    {"a trigger that says nonsense is named", a_trigger_that_says_nonsense_is_named},
    {"a window that ends before it starts is refused", a_window_that_ends_before_it_starts_is_refused},
    {"windows over all rows have one key", windows_over_all_rows_have_one_key},
    {"nothing is left of windows that are over", nothing_is_left_of_windows_that_are_over},
    {"a row without time is refused", a_row_without_time_is_refused},
    {"a gap that is not positive is refused", a_gap_that_is_not_positive_is_refused},
    {NULL, NULL}};
