/* Timers of a keyed component: semantics A5.1. */
#include "base/log.h"
#include "unit/operator/stage.h"

static void set_up(struct stage *g, const char *twice, uint32_t batch_rows)
{
    stage_init(g, WEIR_NODE_OPERATOR, "user: string, what: string, ns: i64, at: i64",
               "user: string, clock: string, ns: i64, at: i64, wm: i64");
    stage_component(g, WEIR_OPERATOR, "alarm");
    stage_option(g, "twice", twice);
    weir_op_stage_key(g->node, "user");
    g->s.env.batch_rows = batch_rows;
    stage_start(g);
}

static void event_timers_fire_in_order_at_their_time(void)
{
    struct stage g;
    set_up(&g, "false", 1024);
    stage_feed(&g, "1 | ann, e, 0, 30\n2 | bob, e, 0, 10\n3 | ann, e, 0, 20\n4 | ann, e, 0, 40");
    stage_watermark(&g, 9);
    stage_expect(&g, "");
    stage_watermark(&g, 30);
    stage_expect(&g, "10 | bob, event, 0, 10, 30\n20 | ann, event, 0, 20, 30\n30 | ann, event, 0, 30, 30\n");
    stage_watermark(&g, INT64_MAX);
    stage_expect(&g, "40 | ann, event, 0, 40, 9223372036854775807\n");
    CU_ASSERT_EQUAL(g.op->counters.timers_fired, 4);
    stage_end(&g);
}

static void TRAP_a_timer_at_or_before_the_watermark_fires_at_the_next_advance(void)
{
    struct stage g;
    set_up(&g, "false", 1024);
    stage_watermark(&g, 100);
    stage_feed(&g, "1 | ann, e, 0, 100\n1 | ann, e, 0, 7");
    stage_expect(&g, ""); /* not now */
    stage_watermark(&g, 101);
    stage_expect(&g, "7 | ann, event, 0, 7, 101\n100 | ann, event, 0, 100, 101\n");
    stage_end(&g);
}

static void timers_set_while_firing_with_ts_up_to_W_fire_in_the_same_loop(void)
{
    struct stage g;
    set_up(&g, "false", 1024);
    stage_feed(&g, "1 | ann, e, 2, 50\n1 | bob, e, 0, 49"); /* ann's sets (1, 49), which sets (0, 48) */
    stage_watermark(&g, 50);
    stage_expect(
        &g,
        "49 | bob, event, 0, 49, 50\n50 | ann, event, 2, 50, 50\n49 | ann, event, 1, 49, 50\n48 | ann, event, 0, 48, 50\n");
    stage_watermark(&g, 60);
    stage_expect(&g, "");
    stage_end(&g);
}

static void a_timer_is_one_timer_however_often_it_is_set(void)
{
    struct stage g;
    set_up(&g, "false", 1024);
    stage_feed(&g, "1 | ann, e, 0, 5\n1 | ann, e, 0, 5\n1 | bob, e, 0, 5\n1 | cat, e, 0, 5\n1 | cat, e, 0, 6\n1 | cat, E, "
                   "0, 5\n1 | dan, E, 0, 5");
    stage_watermark(&g, 10);
    stage_expect(&g, "5 | ann, event, 0, 5, 10\n5 | bob, event, 0, 5, 10\n6 | cat, event, 0, 6, 10\n");
    stage_feed(
        &g,
        "1 | ann, e, 3, 15\n1 | ann, e, 4, 15\n1 | ann, p, 3, 15\n1 | ann, E, 4, 15"); /* another namespace, another clock */
    stage_watermark(&g, 15);
    stage_expect(
        &g,
        "15 | ann, event, 3, 15, 15\n14 | ann, event, 2, 14, 15\n13 | ann, event, 1, 13, 15\n12 | ann, event, 0, 12, 15\n");
    stage_end(&g);
}

static void TRAP_processing_timers_fire_one_millisecond_after_their_time(void)
{
    struct stage g;
    set_up(&g, "false", 1024);
    stage_now(&g, 1000);
    CU_ASSERT_EQUAL(g.op->next_due_ms, INT64_MAX);
    stage_feed(&g, "1 | ann, p, 0, 1500\n1 | bob, p, 0, 1400\n1 | cat, p, 0, 900");
    CU_ASSERT_EQUAL(g.op->next_due_ms, 901); /* a past one at once */
    stage_now(&g, 1000);
    stage_expect(&g, "- | cat, processing, 0, 900, -9223372036854775808\n"); /* its rows have no time */
    CU_ASSERT_EQUAL(g.op->next_due_ms, 1401);
    stage_now(&g, 1400);
    CU_ASSERT_EQUAL(g.op->class->processing_time(g.op, 1400), WEIR_OK); /* asked too early: not yet */
    stage_take(&g);
    stage_expect(&g, "");
    stage_now(&g, 1501);
    stage_expect(&g,
                 "- | bob, processing, 0, 1400, -9223372036854775808\n- | ann, processing, 0, 1500, -9223372036854775808\n");
    CU_ASSERT_EQUAL(g.op->next_due_ms, INT64_MAX);
    stage_end(&g);
}

static void a_dropped_processing_timer_is_not_due(void)
{
    struct stage g;
    set_up(&g, "false", 1024);
    stage_feed(&g, "1 | ann, p, 0, 1500\n1 | ann, p, 0, 1600\n1 | ann, P, 0, 1500");
    stage_now(&g, 1501); /* where the operator may be asked once in vain */
    stage_expect(&g, "");
    CU_ASSERT_EQUAL(g.op->next_due_ms, 1601);
    stage_now(&g, 5000);
    stage_expect(&g, "- | ann, processing, 0, 1600, -9223372036854775808\n");
    stage_end(&g);
}

static void pending_processing_timers_do_not_fire_at_the_end(void)
{
    struct stage g;
    set_up(&g, "false", 1024);
    stage_feed(&g, "1 | ann, p, 0, 1500\n1 | ann, e, 0, 99");
    stage_watermark(&g, INT64_MAX);
    stage_finish(&g);
    stage_expect(&g, "99 | ann, event, 0, 99, 9223372036854775807\n");
    stage_end(&g);
}

static void a_timer_that_says_MORE_is_called_again(void)
{
    struct stage g;
    set_up(&g, "true", 1024);
    stage_feed(&g, "1 | ann, e, 1, 5\n1 | bob, p, 0, 6\n1 | cat, p, 0, 7");
    stage_watermark(&g, 10);
    stage_expect(&g,
                 "5 | ann, event, 1, 5, 10\n5 | ann, event, 1, 5, 10\n4 | ann, event, 0, 4, 10\n4 | ann, event, 0, 4, 10\n");
    stage_now(&g, 1000);
    stage_expect(&g, "- | bob, processing, 0, 6, 10\n- | bob, processing, 0, 6, 10\n- | cat, processing, 0, 7, 10\n- | cat, "
                     "processing, 0, 7, 10\n");
    stage_end(&g);
}

/* n timers of as many keys at one time. */
static void set_many(struct stage *g, int n)
{
    struct weir_text rows = {0};
    for (int i = 0; i < n; i++) weir_text_add(&rows, "1 | u%d, e, 0, 5\n", i);
    stage_feed(g, weir_text_get(&rows));
    weir_text_finish(&rows);
}

static void many_timers_fire_in_steps(void)
{
    struct stage g;
    set_up(&g, "false", 1 << 20);
    set_many(&g, 5000);
    uint32_t before = g.calls;
    stage_watermark(&g, 5);
    CU_ASSERT_EQUAL(g.op->counters.timers_fired, 5000);
    CU_ASSERT_EQUAL(g.op->counters.rows_out, 5000);
    CU_ASSERT(g.calls - before >= 5000 / 1024); /* others of the slot had their turn in between */
    stage_end(&g);
}

static void firing_stops_when_the_output_is_full(void)
{
    struct stage g;
    set_up(&g, "false", 10);
    set_many(&g, 95);
    stage_watermark(&g, 5);
    CU_ASSERT_EQUAL(g.op->counters.rows_out, 95);
    CU_ASSERT_EQUAL(g.most_waiting, 1);
    stage_end(&g);
}

/* Of a timer that sets the next one in the past, as many times as its number says. */
static void timers_of_the_clock_that_are_due_at_once_let_others_in_between(void)
{
    struct stage g;
    set_up(&g, "false", 1 << 20);
    stage_feed(&g, "1 | ann, p, 8000, 9000");
    weir_status s = WEIR_MORE;
    while (s == WEIR_MORE) s = g.op->class->processing_time(g.op, 10000);
    CU_ASSERT_EQUAL(s, WEIR_OK);
    CU_ASSERT(g.op->counters.timers_fired < 8001);
    CU_ASSERT(g.op->next_due_ms <= 10000); /* it wants to go on */
    stage_feed(&g, "1 | bob, e, 0, 5");
    while (g.op->next_due_ms <= 10000 && g.calls < 1000) stage_now(&g, 10000);
    CU_ASSERT_EQUAL(g.op->counters.timers_fired, 8001);
    weir_text_finish(&g.text);
    stage_end(&g);
}

static void keep(void *arg, const char *line)
{
    weir_text_add(arg, "%s", line);
}

static void event_timers_that_are_due_at_once_all_fire_and_that_is_told_once(void)
{
    struct stage g;
    struct weir_text log = {0};
    struct weir_op_told told = {0};
    set_up(&g, "false", 1 << 20);
    g.s.env.told = &told;
    weir_log_redirect(keep, &log);
    stage_feed(&g, "1 | ann, e, 90000, 9");
    stage_watermark(&g, 10);
    CU_ASSERT_STRING_EQUAL(weir_text_get(&log), "");
    stage_feed(&g, "1 | ann, e, 120000, 11\n1 | bob, e, 120000, 12");
    stage_watermark(&g, 12);
    CU_ASSERT_EQUAL(g.op->counters.timers_fired, 90001 + 2 * 120001);
    WEIR_ASSERT_CONTAINS(weir_text_get(&log), "warn  operator: node 'x': on_timer() sets timers that are due at once");
    CU_ASSERT_EQUAL(strchr(weir_text_get(&log), '\n'), strrchr(weir_text_get(&log), '\n'));
    weir_log_redirect(NULL, NULL);
    weir_text_finish(&log);
    weir_text_finish(&g.text);
    stage_end(&g);
}

/* Each before the watermark, but later than the one that set it. */
static void many_timers_that_come_to_an_end_are_not_told(void)
{
    struct stage g;
    struct weir_text log = {0};
    struct weir_op_told told = {0};
    set_up(&g, "false", 1 << 20);
    g.s.env.told = &told;
    weir_log_redirect(keep, &log);
    stage_feed(&g, "1 | ann, s, 120000, 1");
    stage_watermark(&g, 1000000);
    CU_ASSERT_EQUAL(g.op->counters.timers_fired, 120001);
    CU_ASSERT_EQUAL(told.timers, 0);
    stage_feed(&g, "1 | ann, s, 120000, 1000001");
    stage_watermark(&g, INT64_MAX); /* where they do not */
    WEIR_ASSERT_CONTAINS(weir_text_get(&log), "at the end of input every event timer is due");
    weir_log_redirect(NULL, NULL);
    weir_text_finish(&log);
    weir_text_finish(&g.text);
    stage_end(&g);
}

static void a_timer_that_fails_names_its_key_and_time(void)
{
    struct stage g;
    set_up(&g, "false", 1024);
    stage_feed(&g, "1 | an\"n, f, 0, 5");
    CU_ASSERT_EQUAL(g.op->class->watermark(g.op, 10), WEIR_E_DATA);
    WEIR_ASSERT_CONTAINS(g.op->error.text, "the bell is broken\n  component: test.toys/alarm of ");
    WEIR_ASSERT_CONTAINS(g.op->error.text, "\n  key: {user: \"an\\\"n\"}\n  timer: event time 1970-01-01T00:00:00.005Z");
    stage_end(&g);
}

static void a_record_that_fails_is_named_with_its_key_and_time(void)
{
    struct stage g;
    set_up(&g, "false", 1024);
    CU_ASSERT_EQUAL(stage_try(&g, "1 | ann, e, 0, 5\n2 | bob, q, 0, 5"), WEIR_E_DATA);
    WEIR_ASSERT_CONTAINS(g.op->error.text, "expected e, p, E or P, found q");
    WEIR_ASSERT_CONTAINS(g.op->error.text, "\n  key: {user: \"bob\"}\n  event time: 1970-01-01T00:00:00.002Z\n  record: "
                                           "{what: \"q\", ns: 0, at: 5}");
    stage_end(&g);
}

WEIR_SUITE(timer_op) = {
    {"event timers fire in order at their time", event_timers_fire_in_order_at_their_time},
    {"TRAP registering an event timer with ts <= currentWatermark does NOT fire now; it fires at the next wm advance",
     TRAP_a_timer_at_or_before_the_watermark_fires_at_the_next_advance},
    {"timers registered by the callback with ts <= W fire in the same loop",
     timers_set_while_firing_with_ts_up_to_W_fire_in_the_same_loop},
    {"a timer is one timer however often it is set", a_timer_is_one_timer_however_often_it_is_set},
    {"TRAP processing-time timers at ts + 1 ms: the extra ms means no element with processing time <= ts can follow",
     TRAP_processing_timers_fire_one_millisecond_after_their_time},
    {"a dropped processing timer is not due", a_dropped_processing_timer_is_not_due},
    {"pending processing timers do not fire at the end", pending_processing_timers_do_not_fire_at_the_end},
    {"a timer that says MORE is called again", a_timer_that_says_MORE_is_called_again},
    {"many timers fire in steps", many_timers_fire_in_steps},
    {"firing stops when the output is full", firing_stops_when_the_output_is_full},
    {"timers of the clock that are due at once let others in between",
     timers_of_the_clock_that_are_due_at_once_let_others_in_between},
    {"event timers that are due at once all fire, and that is told once",
     event_timers_that_are_due_at_once_all_fire_and_that_is_told_once},
    {"many timers that come to an end are not told", many_timers_that_come_to_an_end_are_not_told},
    {"a timer that fails is named with its key and time", a_timer_that_fails_names_its_key_and_time},
    {"a record that fails is named with its key and time", a_record_that_fails_is_named_with_its_key_and_time},
    {NULL, NULL}};
