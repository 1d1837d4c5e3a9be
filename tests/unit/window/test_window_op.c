/* The keyed window operator, stepped by hand: semantics A5.2 and A5.5. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "harness/op_env.h"
#include "harness/rows_text.h"
#include "harness/suite.h"
#include "window/window_op.h"

struct stage {
    struct weir_op_stage s;
    struct weir_schema *in, *out;
    struct weir_stream_node *node;
    struct weir_op *op;
    struct weir_text text;
};

static void use_assigner(struct stage *g, int64_t size, int64_t slide)
{
    char text[32];
    struct weir_part_spec *part = weir_op_stage_part(&g->s, WEIR_WINDOW_ASSIGNER, size == slide ? "tumbling" : "sliding");
    snprintf(text, sizeof text, "%lldms", (long long)size);
    weir_op_stage_option(part, "size", text);
    snprintf(text, sizeof text, "%lldms", (long long)slide);
    if (size != slide) weir_op_stage_option(part, "slide", text);
    g->node->window.assigner = part;
    g->node->window.trigger = weir_op_stage_part(&g->s, WEIR_TRIGGER, "event_time");
}

/* user: count, sum(n), window_end, over windows of `size` by `slide` with `lateness`. */
static void set_up(struct stage *g, int64_t size, int64_t slide, int64_t lateness, bool late_output, uint32_t batch_rows)
{
    struct weir_error error = {0};
    *g = (struct stage){0};
    weir_op_stage_init(&g->s);
    g->s.env.batch_rows = batch_rows;
    g->in = weir_test_schema("user: string, n: i64");
    g->out = weir_test_schema("user: string, c: i64, total: i64?, end: timestamp");
    g->node = weir_op_stage_node(&g->s, WEIR_NODE_WINDOW, g->in);
    weir_op_stage_key(g->node, "user");
    weir_op_stage_output(g->node, "", g->out);
    if (late_output) weir_op_stage_output(g->node, "late", g->in);
    g->node->window = (struct weir_window_config){.periodic = true, .lateness_ms = lateness, .late_output = late_output};
    use_assigner(g, size, slide);
    weir_op_stage_aggregate(&g->s, g->node, "c", "count", -1);
    weir_op_stage_aggregate(&g->s, g->node, "total", "sum", 1);
    weir_op_stage_aggregate(&g->s, g->node, "end", NULL, -1)->result = WEIR_RESULT_WINDOW_END;
    g->op = weir_window_op_create(g->node, &g->s.env, g->s.registry, "node 'w'", &error);
    if (!g->op) fprintf(stderr, "%s\n", error.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(g->op);
    CU_ASSERT_EQUAL(g->op->class->open(g->op), WEIR_OK);
}

static void drain(struct stage *g)
{
    struct weir_schema *schemas[] = {g->out, g->in};
    weir_test_drain(&g->text, g->op, schemas);
}

static void feed(struct stage *g, const char *text)
{
    static const uint32_t key[] = {0};
    struct weir_rows *rows = weir_test_keyed_rows(g->s.env.pool, g->in, text, key, 1, 128);
    int64_t row = 0;
    weir_status s;
    do {
        s = g->op->class->rows(g->op, 0, rows, &row);
        drain(g);
    } while (s == WEIR_MORE);
    if (s != WEIR_OK) fprintf(stderr, "%s\n", g->op->error.text);
    CU_ASSERT_EQUAL(s, WEIR_OK);
    weir_rows_release(rows);
}

static void watermark(struct stage *g, int64_t w)
{
    g->op->watermark = w;
    while (g->op->class->watermark(g->op, w) == WEIR_MORE) drain(g);
    drain(g);
}

static void tear_down(struct stage *g)
{
    g->op->class->close(g->op);
    g->op->class->destroy(g->op);
    weir_op_stage_finish(&g->s);
    weir_schema_release(g->in);
    weir_schema_release(g->out);
    weir_text_finish(&g->text);
}

static void expect(struct stage *g, const char *text)
{
    if (strcmp(weir_text_get(&g->text), text) != 0)
        fprintf(stderr, "\nexpected:\n%sfound:\n%s", text, weir_text_get(&g->text));
    CU_ASSERT_STRING_EQUAL(weir_text_get(&g->text), text);
    weir_text_finish(&g->text);
}

static void a_window_fires_when_the_watermark_reaches_its_last_instant(void)
{
    struct stage g;
    set_up(&g, 10, 10, 0, false, 1024);
    feed(&g, "1 | ann, 5\n4 | ann, 7\n12 | ann, 1");
    watermark(&g, 8);
    expect(&g, "");
    watermark(&g, 9);
    expect(&g, "9 | ann, 2, 12, 10\n");
    watermark(&g, 9);
    expect(&g, "");
    watermark(&g, INT64_MAX);
    expect(&g, "19 | ann, 1, 1, 20\n");
    CU_ASSERT_EQUAL(g.op->counters.accepted, 3);
    tear_down(&g);
}

static void windows_fire_in_order_of_time(void)
{
    struct stage g;
    set_up(&g, 10, 5, 0, false, 1024);
    feed(&g, "12 | ann, 1\n3 | ann, 2");
    watermark(&g, INT64_MAX);
    expect(&g, "4 | ann, 1, 2, 5\n9 | ann, 1, 2, 10\n14 | ann, 1, 1, 15\n19 | ann, 1, 1, 20\n");
    tear_down(&g);
}

static void TRAP_a_lateness_is_judged_by_window_end(void)
{
    struct stage g;
    set_up(&g, 10, 5, 0, true, 1024);
    watermark(&g, 11);
    feed(&g, "7 | ann, 1"); /* behind the watermark: late for [0,10), on time for [5,15) */
    watermark(&g, 14);
    expect(&g, "14 | ann, 1, 1, 15\n");
    CU_ASSERT_EQUAL(g.op->counters.late, 0);
    CU_ASSERT_EQUAL(g.op->counters.accepted, 1);
    feed(&g, "7 | ann, 1"); /* now late for both */
    expect(&g, "1> 7 | ann, 1\n");
    CU_ASSERT_EQUAL(g.op->counters.late, 1);
    tear_down(&g);
}

static void TRAP_b_late_elements_within_the_lateness_fire_again_with_everything(void)
{
    struct stage g;
    set_up(&g, 10, 10, 5, true, 1024);
    feed(&g, "1 | ann, 5\n2 | bob, 1");
    watermark(&g, 9);
    expect(&g, "9 | bob, 1, 1, 10\n9 | ann, 1, 5, 10\n");
    feed(&g, "3 | ann, 1\n4 | ann, 2\n15 | ann, 100");
    expect(&g, "9 | ann, 2, 6, 10\n9 | ann, 3, 8, 10\n");
    watermark(&g, 14); /* cleanup time: 9 + 5 */
    expect(&g, "");
    feed(&g, "3 | ann, 1");
    expect(&g, "1> 3 | ann, 1\n");
    watermark(&g, 19);
    expect(&g, "19 | ann, 1, 100, 20\n");
    tear_down(&g);
}

static void without_a_late_output_late_rows_are_counted(void)
{
    struct stage g;
    set_up(&g, 10, 10, 0, false, 1024);
    watermark(&g, 100);
    feed(&g, "1 | ann, 5\n2 | ann, 5\n200 | ann, 1");
    CU_ASSERT_EQUAL(g.op->counters.late, 2);
    CU_ASSERT_EQUAL(g.op->counters.accepted, 1);
    expect(&g, "");
    tear_down(&g);
}

static void a_row_without_time_is_refused(void)
{
    struct stage g;
    static const uint32_t key[] = {0};
    int64_t row = 0;
    set_up(&g, 10, 10, 0, false, 1024);
    struct weir_rows *rows = weir_test_keyed_rows(g.s.env.pool, g.in, "- | ann, 1", key, 1, 128);
    CU_ASSERT_EQUAL(g.op->class->rows(g.op, 0, rows, &row), WEIR_E_DATA);
    WEIR_ASSERT_CONTAINS(g.op->error.text, "without an event time");
    weir_rows_release(rows);
    tear_down(&g);
}

/* Sums of times and sizes stay within 64 bits: what is too far from the epoch, and a mistake, is refused. */
static void times_far_from_the_epoch_are_refused(void)
{
    static const char *const times[] = {"9223372036854775807 | ann, 1", "-9223372036854775807 | ann, 1",
                                        "2305843009213693953 | ann, 1"};
    static const uint32_t key[] = {0};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        struct stage g;
        int64_t row = 0;
        set_up(&g, 3600000, 60000, 0, false, 1024);
        struct weir_rows *rows = weir_test_keyed_rows(g.s.env.pool, g.in, times[i], key, 1, 128);
        CU_ASSERT_EQUAL(g.op->class->rows(g.op, 0, rows, &row), WEIR_E_DATA);
        WEIR_ASSERT_CONTAINS(g.op->error.text, "is the field in milliseconds?");
        weir_rows_release(rows);
        tear_down(&g);
    }
    struct stage g;
    set_up(&g, 10, 10, INT64_MAX, false, 1024);
    feed(&g, "2305843009213693950 | ann, 1\n-2305843009213693950 | ann, 2");
    watermark(&g, INT64_MAX);
    expect(&g,
           "-2305843009213693941 | ann, 1, 2, -2305843009213693940\n2305843009213693959 | ann, 1, 1, 2305843009213693960\n");
    tear_down(&g);
}

static void expect_refused(int64_t size, int64_t slide, const char *words)
{
    struct stage g;
    struct weir_error error = {0};
    set_up(&g, 10, 10, 0, false, 1024);
    weir_part_spec_destroy(g.node->window.assigner);
    weir_part_spec_destroy(g.node->window.trigger);
    use_assigner(&g, size, slide);
    CU_ASSERT_PTR_NULL(weir_window_op_create(g.node, &g.s.env, g.s.registry, "node 'w'", &error));
    CU_ASSERT_EQUAL(error.status, WEIR_E_CONFIG);
    WEIR_ASSERT_CONTAINS(error.text, words);
    tear_down(&g);
}
static void windows_of_no_sensible_size_are_refused(void)
{
    expect_refused(86400000, 1, "86400000 windows");
}

/* Late rows leave as slices of their batch: what the overflow limit counts must not grow with the number of rows. */
static void a_batch_of_late_rows_fits_into_the_overflow(void)
{
    struct stage g;
    struct weir_text rows = {0};
    set_up(&g, 10, 10, 0, true, 1024);
    g.op->outbox.limit_bytes = 1 << 20;
    for (int i = 0; i < 1000; i++) weir_text_add(&rows, "%d | somebody with quite a long name, 5\n", i % 10);
    watermark(&g, 100);
    feed(&g, weir_text_get(&rows));
    CU_ASSERT_EQUAL(g.op->counters.late, 1000);
    CU_ASSERT_EQUAL(g.op->counters.rows_out, 1000);
    weir_text_finish(&rows);
    tear_down(&g);
}

static void rows_in_a_gap_are_late_by_their_own_time(void)
{
    struct stage g;
    set_up(&g, 10, 100, 5, true, 1024); /* windows [0,10), [100,110) */
    watermark(&g, 50);
    feed(&g, "20 | ann, 1\n60 | ann, 2\n45 | ann, 3\n44 | ann, 4\n46 | ann, 5\n30 | bob, 6");
    expect(&g, "1> 20 | ann, 1\n1> 45 | ann, 3\n1> 44 | ann, 4\n1> 30 | bob, 6\n");
    CU_ASSERT_EQUAL(g.op->counters.late, 4);
    CU_ASSERT_EQUAL(g.op->counters.accepted, 0);
    tear_down(&g);
}

/* 60 kB of scratch for each of 1,000 results: what a call took is given back when it is over. */
static void scratch_of_results_is_given_back(void)
{
    struct stage g;
    struct weir_error error = {0};
    struct weir_text rows = {0};
    set_up(&g, 10, 10, 0, false, 10);
    g.op->class->close(g.op);
    g.op->class->destroy(g.op);
    weir_part_spec_destroy(g.node->window.aggregates[0].part);
    g.node->window.aggregates[0].part = weir_op_stage_part(&g.s, WEIR_AGGREGATE, "wasteful");
    g.node->window.aggregates[0].args = weir_alloc_array(1, sizeof(uint32_t));
    g.node->window.aggregates[0].args[0] = 1;
    g.node->window.aggregates[0].n_args = 1;
    g.op = weir_window_op_create(g.node, &g.s.env, g.s.registry, "node 'w'", &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(g.op);
    CU_ASSERT_EQUAL(g.op->class->open(g.op), WEIR_OK);
    for (int i = 0; i < 1000; i++) weir_text_add(&rows, "5 | u%d, 5\n", i);
    feed(&g, weir_text_get(&rows));
    uint64_t most = 0, before = weir_allocated_blocks();
    for (weir_status s = WEIR_MORE; s == WEIR_MORE; drain(&g)) {
        s = g.op->class->watermark(g.op, 9);
        CU_ASSERT(g.op->outbox.n <= 1);
        if (weir_allocated_blocks() > most) most = weir_allocated_blocks();
    }
    CU_ASSERT_EQUAL(g.op->counters.rows_out, 1000);
    CU_ASSERT(most < before + 100);
    weir_text_finish(&rows);
    tear_down(&g);
}

/* Many keys and windows through one-row outputs and one big batch: the same results, and never more than one batch waits. */
static void results_do_not_depend_on_the_size_of_batches(void)
{
    char *text[2];
    for (int small = 0; small < 2; small++) {
        struct stage g;
        set_up(&g, 30, 10, 20, true, small ? 1 : 1024);
        struct weir_text rows = {0}, all = {0};
        struct weir_random r = {7};
        for (int b = 0; b < 20; b++) {
            for (int i = 0; i < 50; i++) {
                weir_text_add(&rows, "%d | k%d, %d\n", b * 10 + (int)weir_random_below(&r, 60),
                              (int)weir_random_below(&r, 9), (int)weir_random_below(&r, 100));
                if (small) feed(&g, weir_text_get(&rows));
                if (small) weir_text_finish(&rows);
            }
            if (!small) feed(&g, weir_text_get(&rows));
            weir_text_finish(&rows);
            watermark(&g, b * 10);
        }
        watermark(&g, INT64_MAX);
        weir_text_add(&all, "%s", weir_text_get(&g.text));
        text[small] = weir_text_take(&all);
        tear_down(&g);
    }
    CU_ASSERT_STRING_EQUAL(text[0], text[1]);
    CU_ASSERT(strlen(text[0]) > 1000);
    weir_free(text[0]);
    weir_free(text[1]);
}

WEIR_SUITE(window_op) = {
    {"a window fires when the watermark reaches its last instant",
     a_window_fires_when_the_watermark_reaches_its_last_instant},
    {"windows fire in order of time", windows_fire_in_order_of_time},
    {"TRAP (a) lateness is judged by WINDOW end, so ts < wm can be on time", TRAP_a_lateness_is_judged_by_window_end},
    {"TRAP (b) every late element re-FIREs at once with the full accumulated result",
     TRAP_b_late_elements_within_the_lateness_fire_again_with_everything},
    {"without a late output late rows are counted", without_a_late_output_late_rows_are_counted},
    {"a row without time is refused", a_row_without_time_is_refused},
    {"times far from the epoch are refused", times_far_from_the_epoch_are_refused},
    {"windows of no sensible size are refused", windows_of_no_sensible_size_are_refused},
    {"a batch of late rows fits into the overflow", a_batch_of_late_rows_fits_into_the_overflow},
    {"rows in a gap are late by their own time", rows_in_a_gap_are_late_by_their_own_time},
    {"scratch of results is given back", scratch_of_results_is_given_back},
    {"results do not depend on the size of batches", results_do_not_depend_on_the_size_of_batches},
    {NULL, NULL}};
