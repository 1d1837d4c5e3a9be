/* The interval join, step by step (semantics A5.7). Rows against a slow model: test_interval_join_random.c. */
#include "unit/window/join_stage.h"

static void bounds_are_part_of_the_interval(void)
{
    static const uint32_t cuts[] = {1, 7, 1024};
    for (size_t i = 0; i < WEIR_LEN(cuts); i++) {
        struct stage g;
        join_init(&g, -5, 10, cuts[i]);
        stage_feed_second(&g, "4 | 1, 1\n5 | 1, 2\n10 | 1, 3\n20 | 1, 4\n21 | 1, 5\n10 | 1, 6\n10 | 2, 7");
        stage_feed(&g, "10 | 1, 100, x\n10 | 3, 300, null");
        stage_expect(&g, "10 | 1, 100, x, 1, 2\n10 | 1, 100, x, 1, 3\n10 | 1, 100, x, 1, 6\n20 | 1, 100, x, 1, 4\n");
        stage_feed_second(&g, "0 | 1, 8\n15 | 1, 9");
        stage_expect(&g, "15 | 1, 100, x, 1, 9\n");
        stage_end(&g);
    }
}

static void both_bounds_may_lie_on_one_side(void)
{
    struct stage g;
    join_init(&g, 3, 5, 1024);
    stage_feed(&g, "10 | 1, 1, null");
    stage_feed_second(&g, "12 | 1, 12\n13 | 1, 13\n15 | 1, 15\n16 | 1, 16");
    stage_expect(&g, "13 | 1, 1, null, 1, 13\n15 | 1, 1, null, 1, 15\n");
    stage_end(&g);
    join_init(&g, -5, -3, 1024);
    stage_feed(&g, "10 | 1, 1, null");
    stage_feed_second(&g, "4 | 1, 4\n5 | 1, 5\n7 | 1, 7\n8 | 1, 8\n10 | 1, 10");
    stage_expect(&g, "10 | 1, 1, null, 1, 5\n10 | 1, 1, null, 1, 7\n");
    stage_end(&g);
}

static void late_is_before_the_watermark_not_at_it(void)
{
    struct stage g;
    join_prepare(&g, -5, 10, 1024);
    stage_side(&g, "late_a", LEFT);
    stage_side(&g, "late_b", RIGHT);
    g.node->join.late_output = true;
    join_start(&g);
    stage_watermark(&g, 100);
    stage_feed(&g, "99 | 1, 1, old\n100 | 1, 2, new");
    stage_feed_second(&g, "99 | 1, 3\n100 | 1, 4");
    stage_expect(&g, "1> 99 | 1, 1, old\n2> 99 | 1, 3\n100 | 1, 2, new, 1, 4\n");
    CU_ASSERT_EQUAL(g.op->counters.late, 2);
    stage_end(&g);
    join_init(&g, -5, 10, 1024); /* dropped, but counted */
    stage_watermark(&g, 100);
    stage_feed(&g, "99 | 1, 1, old\n98 | 1, 1, old");
    stage_feed_second(&g, "100 | 1, 4");
    stage_expect(&g, "");
    CU_ASSERT_EQUAL(g.op->counters.late, 2);
    stage_end(&g);
}

/* Late rows are among others whose keys are looked up with theirs. */
static void late_rows_leave_nothing(void)
{
    struct stage g;
    struct weir_snapshot cut = {0};
    struct weir_text rows = {0};
    join_init(&g, -5, 10, 1024);
    stage_watermark(&g, 100);
    for (int i = 0; i < 200; i++) weir_text_add(&rows, "%d | %d, 1, null\n", i % 4 ? 99 : 100, i);
    stage_feed(&g, weir_text_get(&rows));
    weir_text_finish(&rows);
    CU_ASSERT_EQUAL(g.op->counters.late, 150);
    CU_ASSERT_EQUAL_FATAL(g.op->class->snapshot(g.op, 1, &cut), WEIR_OK);
    CU_ASSERT_EQUAL(cut.n_entries, 100); /* with their timers */
    weir_snapshot_finish(&cut);
    stage_end(&g);
}

static void rows_go_when_nothing_can_match_them(void)
{
    struct stage g;
    join_init(&g, -5, 10, 1024); /* left rows wait for 10, right rows for 5 */
    stage_feed(&g, "100 | 1, 1, null");
    stage_feed_second(&g, "200 | 1, 2");
    stage_watermark(&g, 109);
    stage_feed_second(&g, "110 | 1, 3");
    stage_expect(&g, "110 | 1, 1, null, 1, 3\n");
    stage_watermark(&g, 110); /* the left row goes; a row at the watermark is not late, but comes too late for it */
    stage_feed_second(&g, "110 | 1, 4");
    stage_expect(&g, "");
    stage_watermark(&g, 204);
    stage_feed(&g, "205 | 1, 5, null");
    stage_expect(&g, "205 | 1, 5, null, 1, 2\n");
    stage_watermark(&g, 205);
    stage_feed(&g, "205 | 1, 6, null");
    stage_expect(&g, "");
    stage_watermark(&g, INT64_MAX);
    CU_ASSERT_EQUAL(g.op->next_due_ms, INT64_MAX);
    stage_end(&g);
}

/* TRAP of A5.1: what is due at the current watermark goes at the next one. With upper 0 a left row at the watermark is. */
static void what_is_due_already_waits_for_the_next_watermark(void)
{
    struct stage g;
    join_init(&g, -5, 0, 1024);
    stage_watermark(&g, 100);
    stage_feed(&g, "100 | 1, 1, null");
    stage_feed_second(&g, "100 | 1, 2");
    stage_expect(&g, "100 | 1, 1, null, 1, 2\n");
    stage_watermark(&g, 101);
    stage_feed_second(&g, "101 | 1, 3");
    stage_expect(&g, "");
    stage_end(&g);
}

static void rows_out_of_order_and_gone_rows_make_room(void)
{
    struct stage g;
    join_init(&g, 0, 3, 7);
    for (int64_t t = 0; t < 5000; t += 10) { /* each round: four rows in wrong order, all of which go again */
        char rows[200];
        snprintf(rows, sizeof rows, "%d | 1, 3, c\n%d | 1, 1, a\n%d | 1, 2, null\n%d | 1, 4, d", (int)t + 3, (int)t + 1,
                 (int)t + 2, (int)t + 3);
        stage_feed(&g, rows);
        snprintf(rows, sizeof rows, "%d | 1, 9", (int)t + 3);
        stage_feed_second(&g, rows);
        char expected[300];
        int at = (int)t + 3;
        snprintf(expected, sizeof expected,
                 "%d | 1, 1, a, 1, 9\n%d | 1, 2, null, 1, 9\n%d | 1, 3, c, 1, 9\n%d | 1, 4, d, 1, 9\n", at, at, at, at);
        stage_expect(&g, expected);
        stage_watermark(&g, t + 5);
    }
    stage_end(&g);
}

static void a_row_that_matches_many_is_joined_in_steps(void)
{
    struct stage g;
    struct weir_text rows = {0};
    join_init(&g, -1000000, 1000000, 64);
    for (int i = 0; i < 20000; i++) weir_text_add(&rows, "%d | 1, %d\n", i, i);
    stage_feed_second(&g, weir_text_get(&rows));
    weir_text_finish(&rows);
    g.calls = g.most_waiting = 0;
    stage_feed(&g, "5 | 1, 1, null\n6 | 2, 1, null\n7 | 1, 1, null");
    size_t lines = 0;
    for (const char *p = weir_text_get(&g.text); *p; p++) lines += *p == '\n';
    CU_ASSERT_EQUAL(lines, 40000);
    CU_ASSERT_EQUAL(g.most_waiting, 1);
    CU_ASSERT(g.calls >= 40000 / 64);
    weir_text_finish(&g.text);
    stage_end(&g);
}

static void what_waits_goes_on_after_a_restore(void)
{
    struct stage g, second;
    struct weir_snapshot all = {0};
    join_init(&g, -5, 10, 7);
    stage_feed(&g, "10 | 1, 1, a\n12 | 1, 2, null\n11 | 1, 3, c\n10 | 2, 4, d");
    stage_feed_second(&g, "40 | 1, 5\n41 | 2, 6");
    stage_watermark(&g, 20); /* those at 10 go */
    CU_ASSERT_EQUAL_FATAL(g.op->class->snapshot(g.op, 1, &all), WEIR_OK);
    stage_restore = &all;
    join_init(&second, -5, 10, 7);
    stage_restore = NULL;
    stage_feed_second(&second, "20 | 1, 7\n20 | 2, 8");
    stage_expect(&second, "20 | 1, 3, c, 1, 7\n20 | 1, 2, null, 1, 7\n");
    stage_watermark(&second, 21); /* and now the one at 11 */
    stage_feed_second(&second, "22 | 1, 9");
    stage_feed(&second, "40 | 2, 10, x");
    stage_expect(&second, "22 | 1, 2, null, 1, 9\n41 | 2, 10, x, 2, 6\n");
    weir_snapshot_finish(&all);
    stage_end(&g);
    stage_end(&second);
}

static void rows_of_other_fields_are_refused(void)
{
    struct stage g, second;
    struct weir_snapshot all = {0};
    join_init(&g, -5, 10, 7);
    stage_feed(&g, "10 | 1, 1, a");
    CU_ASSERT_EQUAL_FATAL(g.op->class->snapshot(g.op, 1, &all), WEIR_OK);
    stage_init(&second, WEIR_NODE_JOIN, "k: i64, a: f64, note: string?",
               "k: i64, a: f64, note: string?, right_k: i64, b: i64");
    stage_second(&second, RIGHT);
    weir_op_stage_key(second.node, "k");
    stage_second_key(&second, "k");
    second.node->join = (struct weir_join_config){.lower_ms = -5, .upper_ms = 10};
    join_start(&second);
    CU_ASSERT_EQUAL(second.op->class->restore(second.op, &all, 1), WEIR_E_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(second.op->error.text, "rows of (k: i64, a: i64, note: string?), and rows are (k: i64, a: f64,"));
    weir_snapshot_finish(&all);
    stage_end(&g);
    stage_end(&second);
}

/* ---- the function ---------------------------------------------------------------------------------------------------- */

static void set_up_function(struct stage *g, uint32_t batch_rows)
{
    stage_init(g, WEIR_NODE_JOIN, "k: i64, a: i64", "k: i64, sum: i64");
    stage_side(g, "differ", "by: i64");
    stage_second(g, "b: i64, k: i64"); /* other columns than those of the first */
    stage_component(g, WEIR_JOIN_FUNCTION, "settled");
    g->node->join = (struct weir_join_config){.lower_ms = -5, .upper_ms = 10};
    weir_op_stage_key(g->node, "k");
    stage_second_key(g, "k");
    g->s.env.batch_rows = batch_rows;
}

static void a_function_makes_what_it_likes_of_a_pair(void)
{
    static const uint32_t cuts[] = {1, 7, 1024};
    for (size_t i = 0; i < WEIR_LEN(cuts); i++) {
        struct stage g;
        set_up_function(&g, cuts[i]);
        join_start(&g);
        stage_feed(&g, "10 | 1, 100\n11 | 2, 5\n11 | 1, 50");
        stage_feed_second(&g, "12 | 100, 1");
        stage_feed_second(&g, "13 | 5, 2");
        stage_expect_ports(&g, "12 | 1, 200\n12 | 1, 150\n13 | 2, 10\n", "1> 11 | 50\n");
        stage_end(&g);
    }
}

static void a_function_that_emits_much_stops_between_pairs(void)
{
    struct stage g;
    set_up_function(&g, 2);
    stage_option(&g, "copies", "10");
    join_start(&g);
    stage_feed_second(&g, "1 | 1, 1\n1 | 1, 1\n1 | 1, 1\n1 | 1, 1");
    g.calls = g.most_waiting = 0;
    stage_feed(&g, "1 | 1, 1\n2 | 1, 1");
    CU_ASSERT(g.most_waiting <= 5); /* the batches of one pair: ten rows */
    CU_ASSERT(g.calls >= 8);
    size_t lines = 0;
    for (const char *p = weir_text_get(&g.text); *p; p++) lines += *p == '\n';
    CU_ASSERT_EQUAL(lines, 80);
    weir_text_finish(&g.text);
    stage_end(&g);
}

static void a_function_that_fails_is_named(void)
{
    struct stage g;
    set_up_function(&g, 2);
    stage_option(&g, "misbehave", "true");
    join_start(&g);
    stage_feed_second(&g, "1 | 7, 1");
    CU_ASSERT_EQUAL(stage_try(&g, "1 | 1, 1"), WEIR_E_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(g.op->error.text, "no pair is good enough"));
    CU_ASSERT_PTR_NOT_NULL(strstr(g.op->error.text, "toys.joins/settled"));
    stage_end(&g);
}

static void a_row_without_a_time_or_a_key_fails(void)
{
    struct stage g;
    join_init(&g, -5, 10, 1024);
    CU_ASSERT_EQUAL(stage_try(&g, "- | 1, 1, x"), WEIR_E_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(g.op->error.text, "without an event time"));
    stage_end(&g);
}

WEIR_SUITE(interval_join) = {
    {"bounds are part of the interval; pairs by time, then arrival, at the later time", bounds_are_part_of_the_interval},
    {"both bounds may lie on one side", both_bounds_may_lie_on_one_side},
    {"TRAP: late is before the watermark (strict), not at it", late_is_before_the_watermark_not_at_it},
    {"late rows leave nothing", late_rows_leave_nothing},
    {"TRAP: left rows go at ts + max(upper, 0), right rows at ts + max(-lower, 0)", rows_go_when_nothing_can_match_them},
    {"TRAP: what is due at the current watermark goes at the next", what_is_due_already_waits_for_the_next_watermark},
    {"rows out of order, and rows that are gone make room", rows_out_of_order_and_gone_rows_make_room},
    {"a row that matches many is joined in steps", a_row_that_matches_many_is_joined_in_steps},
    {"what waits goes on after a restore", what_waits_goes_on_after_a_restore},
    {"rows of other fields are refused", rows_of_other_fields_are_refused},
    {"a function makes what it likes of a pair", a_function_makes_what_it_likes_of_a_pair},
    {"a function that emits much stops between pairs", a_function_that_emits_much_stops_between_pairs},
    {"a function that fails is named", a_function_that_fails_is_named},
    {"a row without a time fails", a_row_without_a_time_or_a_key_fails},
    {NULL, NULL}};
