/* Sources by hand: splits and their watermarks, malformed records, the end. The source is the toy that follows a script. */
#include "unit/operator/stage.h"

static void set_up(struct stage *g, const char *script)
{
    stage_init(g, WEIR_NODE_SOURCE, NULL, "n: i64, at: timestamp?");
    stage_component(g, WEIR_SOURCE, "script");
    stage_option(g, "script", script);
    g->node->time.field = -1;
}

static void with_time(struct stage *g, const char *generator, int64_t interval_ms, bool every_record, int64_t idle_after_ms)
{
    g->node->time = (struct weir_time_config){.present = true,
                                              .field = 1,
                                              .interval_ms = interval_ms,
                                              .every_record = every_record,
                                              .idle_after_ms = idle_after_ms};
    if (generator) g->node->time.generator = weir_op_stage_part(&g->s, WEIR_WATERMARK_GENERATOR, generator);
}

static void start(struct stage *g, uint64_t splits)
{
    struct weir_op *op = weir_source_op_create(g->node, &g->s.env, g->s.registry, "node 's'", &g->error);
    if (!op) fprintf(stderr, "%s\n", g->error.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(op);
    for (uint64_t i = 1; i <= splits; i++) {
        char description[] = "split x";
        struct weir_op_split split = {.id = i, .description = description, .n = 7};
        CU_ASSERT_EQUAL(weir_source_op_add_split(op, &split, &g->error), WEIR_OK);
    }
    stage_use(g, op);
}

static weir_progress poll(struct stage *g)
{
    weir_progress p = g->op->class->poll(g->op, 1024);
    stage_take(g);
    if (p == WEIR_FAILED && g->op->error.status == WEIR_OK) CU_FAIL("failed without a word");
    return p;
}

/* ---- without a time step: the source's own watermarks --------------------------------------------------------- */

static void rows_come_and_the_end_follows_the_last_watermark(void)
{
    struct stage g;
    set_up(&g, "b1 r5@1 r6@2 | r7@3 d1");
    start(&g, 1);
    CU_ASSERT_EQUAL(poll(&g), WEIR_MADE);
    stage_expect(&g, "- | 5, 1\n- | 6, 2\n");
    CU_ASSERT_EQUAL(poll(&g), WEIR_DONE);
    stage_expect(&g, "- | 7, 3\nwatermark max\nend\n");
    CU_ASSERT_EQUAL(poll(&g), WEIR_DONE);
    stage_expect(&g, "");
    stage_end(&g);
}

static void a_subtask_without_splits_ends_at_once(void)
{
    struct stage g;
    set_up(&g, "b1 r5@1");
    start(&g, 0);
    CU_ASSERT_EQUAL(poll(&g), WEIR_DONE);
    stage_expect(&g, "watermark max\nend\n");
    stage_end(&g);
}

static void the_watermark_is_the_minimum_over_the_splits_unread_ones_included(void)
{
    struct stage g;
    set_up(&g, "b1 r1@1 w1:100 | w2:50 | w1:90 | w3:70 | w2:80 | d3 | d2 d1");
    start(&g, 3);
    poll(&g);
    stage_expect(&g, "- | 1, 1\n"); /* splits 2 and 3 have not been read */
    poll(&g);
    stage_expect(&g, "");
    poll(&g);
    stage_expect(&g, ""); /* it never goes back */
    poll(&g);
    stage_expect(&g, "watermark 50\n");
    poll(&g);
    stage_expect(&g, "watermark 70\n");
    poll(&g);
    stage_expect(&g, "watermark 80\n"); /* what is done leaves the minimum */
    CU_ASSERT_EQUAL(poll(&g), WEIR_DONE);
    stage_expect(&g, "watermark 100\nwatermark max\nend\n");
    stage_end(&g);
}

static void a_watermark_follows_the_rows_before_it(void)
{
    struct stage g;
    set_up(&g, "b1 r1@1 r2@2 w1:2 r3@3 w1:3 | d1");
    start(&g, 1);
    poll(&g);
    stage_expect(&g, "- | 1, 1\n- | 2, 2\nwatermark 2\n- | 3, 3\nwatermark 3\n");
    stage_end(&g);
}

static void idle_splits_leave_the_minimum_and_all_idle_is_idle(void)
{
    struct stage g;
    set_up(&g, "b1 w1:100 w2:50 | i2 | i1 | a2 | w2:120 w1:110 | i1 | i2 | w1:130 | d1 d2");
    start(&g, 2);
    poll(&g);
    stage_expect(&g, "watermark 50\n");
    poll(&g);
    stage_expect(&g, "watermark 100\n");
    poll(&g);
    stage_expect(&g, "idle\n");
    poll(&g);
    stage_expect(&g, "active\n");
    poll(&g);
    stage_expect(&g, "watermark 120\n"); /* split 1 is still idle, then it is not */
    poll(&g);
    poll(&g);
    stage_expect(&g, "idle\n");
    poll(&g);
    stage_expect(&g, "active\nwatermark 130\n");
    stage_end(&g);
}

static void what_a_script_may_not_do_is_refused(void)
{
    static const char *const scripts[][2] = {
        {"r1@1", "outside of a split"},       {"b9", "named split 9, which this subtask was not given"},
        {"b1 d1 r1@1", "outside of a split"}, {"w7:1", "named split 7"},
        {"b1 r1@1 !", "the script says so"},
    };
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        struct stage g;
        set_up(&g, scripts[i][0]);
        start(&g, 2);
        CU_ASSERT_EQUAL(poll(&g), WEIR_FAILED);
        WEIR_ASSERT_CONTAINS(g.op->error.text, scripts[i][1]);
        WEIR_ASSERT_CONTAINS(g.op->error.text, "component: test.toy_ends/script");
        stage_end(&g);
    }
}

/* ---- with a time step: a generator per split ------------------------------------------------------------------ */

static void timestamps_come_from_the_field(void)
{
    struct stage g;
    set_up(&g, "b1 r1@11 r2@12 d1");
    with_time(&g, NULL, 200, false, 0);
    start(&g, 1);
    poll(&g);
    stage_expect(&g, "11 | 1, 11\n12 | 2, 12\nwatermark max\nend\n");
    stage_end(&g);
    set_up(&g, "b1 r1@11 r2@-1");
    with_time(&g, NULL, 200, false, 0);
    start(&g, 1);
    CU_ASSERT_EQUAL(poll(&g), WEIR_FAILED);
    WEIR_ASSERT_CONTAINS(g.op->error.text, "timestamp field is null");
    stage_end(&g);
}

static void punctuated_watermarks_follow_their_rows(void)
{
    struct stage g;
    set_up(&g, "b1 r1@5 r2@10 r3@20 r4@15 r5@10 r6@25 | d1");
    with_time(&g, "punctuated", 200, false, 0);
    start(&g, 1);
    poll(&g);
    stage_expect(&g, "5 | 1, 5\n10 | 2, 10\nwatermark 10\n20 | 3, 20\nwatermark 20\n15 | 4, 15\n10 | 5, 10\n25 | 6, 25\n");
    stage_end(&g);
}

static void a_watermark_after_every_record(void)
{
    struct stage g;
    set_up(&g, "b1 r1@5 r2@7 r3@6 r4@6 r5@9 | d1");
    with_time(&g, "bounded_out_of_orderness", 200, true, 0);
    weir_op_stage_option(g.node->time.generator, "delay", "2ms");
    start(&g, 1);
    poll(&g);
    stage_expect(&g, "5 | 1, 5\nwatermark 2\n7 | 2, 7\nwatermark 4\n6 | 3, 6\n6 | 4, 6\n9 | 5, 9\nwatermark 6\n");
    stage_end(&g);
}

static void periodic_watermarks_come_with_the_clock(void)
{
    struct stage g;
    set_up(&g, "b1 r1@100 r2@90 | n r3@300 | b2 r4@50 | d2 | d1");
    with_time(&g, "bounded_out_of_orderness", 200, false, 0);
    weir_op_stage_option(g.node->time.generator, "delay", "10ms");
    start(&g, 2);
    CU_ASSERT_EQUAL(g.op->next_due_ms, 200);
    stage_now(&g, 200);
    stage_expect(&g, ""); /* nothing before the first element */
    CU_ASSERT_EQUAL(g.op->next_due_ms, 400);
    poll(&g);
    stage_now(&g, 400);
    stage_expect(&g, "100 | 1, 100\n90 | 2, 90\n"); /* split 2 has said nothing yet */
    CU_ASSERT_EQUAL(poll(&g), WEIR_NONE);
    poll(&g);
    poll(&g);
    stage_expect(&g, "300 | 3, 300\n50 | 4, 50\n");
    stage_now(&g, 600);
    stage_expect(&g, "watermark 39\n");
    stage_now(&g, 800);
    stage_expect(&g, ""); /* dropped: not larger */
    poll(&g);
    stage_expect(&g, "watermark 289\n"); /* split 2 is done: split 1 decides */
    poll(&g);
    stage_expect(&g, "watermark max\nend\n");
    CU_ASSERT_EQUAL(g.op->next_due_ms, INT64_MAX);
    stage_end(&g);
}

static void TRAP_an_idle_split_is_active_again_only_with_a_larger_watermark(void)
{
    struct stage g;
    set_up(&g, "b1 r1@100 | n r2@50 | r3@200 | d1");
    with_time(&g, "bounded_out_of_orderness", 200, false, 500);
    weir_op_stage_option(g.node->time.generator, "delay", "0ms");
    start(&g, 1);
    poll(&g);
    stage_now(&g, 200);
    stage_expect(&g, "100 | 1, 100\nwatermark 99\n");
    stage_now(&g, 400); /* the first probe without an event starts the clock */
    stage_now(&g, 600);
    stage_now(&g, 800);
    stage_expect(&g, "");
    stage_now(&g, 1000); /* 600 ms after it */
    stage_expect(&g, "idle\n");
    poll(&g);
    poll(&g);
    stage_now(&g, 1200);
    stage_expect(&g, "50 | 2, 50\n"); /* an event, but no larger watermark: still idle */
    poll(&g);
    stage_now(&g, 1400);
    stage_expect(&g, "200 | 3, 200\nactive\nwatermark 199\n");
    stage_end(&g);
}

static void time_under_back_pressure_is_no_silence(void)
{
    struct stage g;
    set_up(&g, "b1 r1@100 | d1");
    with_time(&g, "bounded_out_of_orderness", 200, false, 500);
    weir_op_stage_option(g.node->time.generator, "delay", "0ms");
    start(&g, 1);
    poll(&g);
    stage_now(&g, 200);
    stage_now(&g, 400); /* starts the clock */
    g.op->backpressured_ms += 10000;
    stage_now(&g, 10600);
    stage_expect(&g, "100 | 1, 100\nwatermark 99\n");
    stage_now(&g, 11200);
    stage_expect(&g, "idle\n");
    stage_end(&g);
}

static void a_generator_that_does_not_move_is_refused(void)
{
    struct stage g;
    set_up(&g, "b1 r1@100 | d1");
    with_time(&g, "stuck", 200, false, 0);
    start(&g, 1);
    CU_ASSERT_EQUAL(poll(&g), WEIR_FAILED);
    WEIR_ASSERT_CONTAINS(g.op->error.text, "on_rows of the watermark generator 'stuck' moved its row from 0 to 0 of 1");
    stage_end(&g);
}

/* ---- malformed records ---------------------------------------------------------------------------------------- */

static void a_malformed_record_fails_the_job_by_default(void)
{
    struct stage g;
    set_up(&g, "b1 r1@1 x42 r2@2 d1");
    start(&g, 1);
    CU_ASSERT_EQUAL(poll(&g), WEIR_FAILED);
    WEIR_ASSERT_CONTAINS(g.op->error.text, "script: malformed record at byte 42: not what record 42 should be");
    WEIR_ASSERT_CONTAINS(g.op->error.text, "malformed: skip");
    CU_ASSERT_EQUAL(g.op->counters.rejected, 1);
    stage_end(&g);
}

static void malformed_records_are_skipped_and_counted(void)
{
    struct stage g;
    set_up(&g, "b1 r1@1 x42 r2@2 x43 d1");
    g.node->malformed = WEIR_MALFORMED_SKIP;
    start(&g, 1);
    CU_ASSERT_EQUAL(poll(&g), WEIR_DONE);
    stage_expect(&g, "- | 1, 1\n- | 2, 2\nwatermark max\nend\n");
    CU_ASSERT_EQUAL(g.op->counters.rejected, 2);
    stage_end(&g);
}

static void malformed_records_go_to_the_side_output(void)
{
    struct stage g;
    set_up(&g, "b1 r1@1 x42 r2@2 x43 d1");
    g.node->malformed = WEIR_MALFORMED_SIDE_OUTPUT;
    stage_side(&g, "malformed", "raw: bytes, file: string, offset: i64, reason: string");
    g.s.env.batch_rows = 1;
    start(&g, 1);
    CU_ASSERT_EQUAL(poll(&g), WEIR_DONE);
    CU_ASSERT(g.text.n > 0 && memmem(g.text.p, g.text.n, "- | 2, 2\n", 9));
    CU_ASSERT_EQUAL(g.op->counters.rejected, 2);
    CU_ASSERT_EQUAL(g.op->counters.rows_out, 4);
    CU_ASSERT(g.text.n > 0 && memmem(g.text.p, g.text.n, "b\0d, script, 42, not what record 42 should be\n", 45));
    CU_ASSERT(g.text.n > 0 && memmem(g.text.p, g.text.n, "b\0d, script, 43, not what record 43 should be\n", 45));
    stage_end(&g);
}

/* ---- discovery ------------------------------------------------------------------------------------------------ */

static void splits_are_discovered_in_order(void)
{
    struct stage g;
    struct weir_op_splits found = {0};
    set_up(&g, "b1");
    stage_option(&g, "splits", "3");
    CU_ASSERT_EQUAL(weir_source_discover(g.node, &g.s.env, g.s.registry, "node 's'", &found, &g.error), WEIR_OK);
    CU_ASSERT_EQUAL_FATAL(found.n, 3);
    for (uint64_t i = 0; i < 3; i++) CU_ASSERT_EQUAL(found.splits[i].id, i + 1);
    CU_ASSERT_NSTRING_EQUAL(found.splits[2].description, "split 3", found.splits[2].n);
    weir_splits_finish(&found);
    stage_end(&g);
}

WEIR_SUITE(source_op) = {
    {"rows come, and the end follows the last watermark", rows_come_and_the_end_follows_the_last_watermark},
    {"a subtask without splits ends at once", a_subtask_without_splits_ends_at_once},
    {"the watermark is the minimum over the splits, unread ones included",
     the_watermark_is_the_minimum_over_the_splits_unread_ones_included},
    {"a watermark follows the rows before it", a_watermark_follows_the_rows_before_it},
    {"idle splits leave the minimum, and all idle is idle", idle_splits_leave_the_minimum_and_all_idle_is_idle},
    {"what a source may not do is refused", what_a_script_may_not_do_is_refused},
    {"timestamps come from the field", timestamps_come_from_the_field},
    {"punctuated watermarks follow their rows", punctuated_watermarks_follow_their_rows},
    {"a watermark after every record", a_watermark_after_every_record},
    {"periodic watermarks come with the clock", periodic_watermarks_come_with_the_clock},
    {"TRAP the next event re-activates the stream only when a LARGER wm is emitted",
     TRAP_an_idle_split_is_active_again_only_with_a_larger_watermark},
    {"time under back-pressure is no silence", time_under_back_pressure_is_no_silence},
    {"a generator that does not move is refused", a_generator_that_does_not_move_is_refused},
    {"a malformed record fails the job by default", a_malformed_record_fails_the_job_by_default},
    {"malformed records are skipped and counted", malformed_records_are_skipped_and_counted},
    {"malformed records go to the side output", malformed_records_go_to_the_side_output},
    {"splits are discovered in order", splits_are_discovered_in_order},
    {NULL, NULL}};
