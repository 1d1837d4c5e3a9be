/* Sinks by hand. The toy prints every call that it gets. */
#include "unit/operator/stage.h"

static void set_up(struct stage *g, const char *option, const char *value)
{
    stage_init(g, WEIR_NODE_SINK, "word: string, n: i64?", NULL);
    stage_component(g, WEIR_SINK, "teller");
    if (option) stage_option(g, option, value);
    stage_start(g);
}

static void a_sink_is_opened_written_flushed_finished_and_closed(void)
{
    struct stage g;
    set_up(&g, NULL, NULL);
    stage_feed(&g, "1 | a, 1\n2 | b, 2");
    CU_ASSERT_EQUAL(g.op->class->flush(g.op), WEIR_OK);
    CU_ASSERT(g.op->class->finishes_when_stopped);
    stage_finish(&g);
    g.op->class->close(g.op);
    stage_expect_text(&g.printed, "open\nrow 1\nrow 2\nflush\nfinish\nclose\n");
    CU_ASSERT_EQUAL(g.op->counters.rows_out, 2);
    CU_ASSERT_EQUAL(g.op->counters.bytes, strlen("open\nrow 1\nrow 2\nflush\nfinish\nclose\n"));
    g.op->class->destroy(g.op);
    g.op = NULL;
    stage_end(&g);
}

static void a_sink_takes_what_it_has_room_for(void)
{
    struct stage g;
    set_up(&g, "room", "2");
    stage_feed(&g, "1 | a, 1\n2 | b, 2\n3 | c, 3\n4 | d, 4\n5 | e, 5");
    stage_expect_text(&g.printed, "open\nrow 1\nrow 2\nrow 3\nrow 4\nrow 5\n");
    CU_ASSERT_EQUAL(g.calls, 4); /* open, and three writes */
    stage_end(&g);
    set_up(&g, "refuse", "5");
    stage_feed(&g, "1 | a, 1");
    stage_feed(&g, "1 | a, 2");
    stage_expect_text(&g.printed, "open\nrow 1\nrow 2\n");
    CU_ASSERT_EQUAL(g.calls, 13);
    CU_ASSERT_EQUAL(g.op->counters.rows_out, 2);
    stage_end(&g);
}

static void a_null_it_does_not_take_is_refused(void)
{
    struct stage g;
    set_up(&g, NULL, NULL);
    CU_ASSERT_EQUAL(stage_try(&g, "1 | a, null"), WEIR_E_DATA);
    WEIR_ASSERT_CONTAINS(g.op->error.text, "field 'n' is null");
    WEIR_ASSERT_CONTAINS(g.op->error.text, "component: test.toy_ends/teller of ");
    stage_end(&g);
}

static weir_status broken_print(void *self, int stream, const void *bytes, size_t n, struct weir_error *error)
{
    (void)self;
    (void)stream;
    (void)bytes;
    (void)n;
    return weir_error_set(error, WEIR_E_IO, "the reader went away");
}

static void a_write_that_fails_names_the_component(void)
{
    struct stage g;
    set_up(&g, NULL, NULL);
    g.s.platform.print = broken_print;
    CU_ASSERT_EQUAL(stage_try(&g, "1 | a, 1\n2 | b, 2"), WEIR_E_IO);
    WEIR_ASSERT_CONTAINS(g.op->error.text, "the reader went away");
    WEIR_ASSERT_CONTAINS(g.op->error.text, "component: test.toy_ends/teller of ");
    stage_end(&g);
}

WEIR_SUITE(sink_op) = {
    {"a sink is opened, written, flushed, finished and closed", a_sink_is_opened_written_flushed_finished_and_closed},
    {"a sink takes what it has room for", a_sink_takes_what_it_has_room_for},
    {"a null it does not take is refused", a_null_it_does_not_take_is_refused},
    {"a write that fails names the component", a_write_that_fails_names_the_component},
    {NULL, NULL}};
