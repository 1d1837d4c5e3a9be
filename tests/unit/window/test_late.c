/* test_late.c - the first late record of a node is told, once, by both window operators. */
#include "base/log.h"
#include "general_stage.h"

static struct weir_text told;

static void keep(void *arg, const char *line)
{
    (void)arg;
    weir_text_add(&told, "%s", line);
}

static uint32_t lines_told(void)
{
    uint32_t n = 0;
    for (const char *p = weir_text_get(&told); *p; p++) n += *p == '\n';
    return n;
}

/* Tumbling windows of 10 ms by the one operator or the other, with one accepted record and a watermark of 29. */
static void begin(struct stage *g, bool general, bool side_output, struct weir_op_told *once)
{
    weir_log_redirect(keep, NULL);
    prepare(g, false);
    g->s.env.told = once;
    if (side_output) late_output(g);
    g->node->window.periodic = !general;
    start(g, ASSIGNER(g, "tumbling", "size", "10ms"), TRIGGER(g, "event_time", NULL, NULL));
    feed(g, "21 | ann, 5");
    watermark(g, 29);
    CU_ASSERT_STRING_EQUAL(weir_text_get(&told), "");
}

static void end(struct stage *g)
{
    tear_down(g);
    weir_log_redirect(NULL, NULL);
    weir_text_finish(&told);
}

static void the_first_late_record_is_told_with_what_to_do(void)
{
    for (int general = 0; general < 2; general++) {
        struct stage g;
        struct weir_op_told once = {0};
        begin(&g, general, false, &once);
        feed(&g, "35 | ann, 1\n12 | bob, 2\n11 | ann, 3");
        WEIR_ASSERT_CONTAINS(weir_text_get(&told), "warn  window: node 'w': the first late record: its event time is "
                                                   "1970-01-01T00:00:00.012Z, and the watermark is already "
                                                   "1970-01-01T00:00:00.029Z; it is dropped");
        WEIR_ASSERT_CONTAINS(weir_text_get(&told), "`out_of_orderness:`");
        WEIR_ASSERT_CONTAINS(weir_text_get(&told), "`lateness:`");
        WEIR_ASSERT_CONTAINS(weir_text_get(&told), "`late: side_output`");
        feed(&g, "13 | ann, 1");
        CU_ASSERT_EQUAL(lines_told(), 1);
        CU_ASSERT_EQUAL(g.op->counters.late, 3);
        end(&g);
    }
}

static void it_is_told_once_for_all_subtasks_of_a_node(void)
{
    struct stage g;
    struct weir_op_told once = {.late = 1}; /* by another subtask */
    begin(&g, false, false, &once);
    feed(&g, "12 | bob, 2");
    CU_ASSERT_EQUAL(lines_told(), 0);
    CU_ASSERT_EQUAL(g.op->counters.late, 1);
    end(&g);
}

static void with_an_output_for_late_records_it_is_news_and_no_warning(void)
{
    for (int general = 0; general < 2; general++) {
        struct stage g;
        struct weir_op_told once = {0};
        begin(&g, general, true, &once);
        feed(&g, "12 | bob, 2");
        WEIR_ASSERT_CONTAINS(weir_text_get(&told), "info  window: ");
        WEIR_ASSERT_CONTAINS(weir_text_get(&told), "it goes to the output 'late'");
        CU_ASSERT_EQUAL(lines_told(), 1);
        end(&g);
    }
}

WEIR_SUITE(late) = {
    {"the first late record is told with what to do", the_first_late_record_is_told_with_what_to_do},
    {"it is told once for all subtasks of a node", it_is_told_once_for_all_subtasks_of_a_node},
    {"with an output for late records it is news and no warning", with_an_output_for_late_records_it_is_news_and_no_warning},
    {NULL, NULL},
};
