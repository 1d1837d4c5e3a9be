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

/* ---- transactions ------------------------------------------------------------------------------------------------ */

static void set_up_phased(struct stage *g, uint32_t subtask, uint32_t parallelism, const char *persist)
{
    stage_init(g, WEIR_NODE_SINK, "n: i64", NULL);
    stage_component(g, WEIR_SINK, "phased");
    if (persist) stage_option(g, "persist", persist);
    g->s.env.subtask = subtask;
    g->s.env.parallelism = parallelism;
    g->s.env.restored = stage_restore ? 7 : 0;
    stage_start(g);
}

static void a_sink_saves_persists_commits_and_is_restored(void)
{
    struct stage g, again;
    struct weir_snapshot cut = {0};
    struct weir_error error;
    set_up_phased(&g, 0, 1, NULL);
    stage_feed(&g, "1 | 5\n2 | 6");
    CU_ASSERT_EQUAL(g.op->class->snapshot(g.op, 7, &cut), WEIR_OK);
    stage_feed(&g, "3 | 7");
    CU_ASSERT_EQUAL(g.op->class->persist(g.op, &cut, &error), WEIR_OK);
    CU_ASSERT_EQUAL(g.op->class->committed(g.op, 7), WEIR_OK);
    stage_expect_text(&g.printed, "open\nsnapshot 7\npersist text\npersist nothing\ncommitted 7\n");
    stage_restore = &cut;
    set_up_phased(&again, 0, 1, NULL);
    stage_restore = NULL;
    stage_expect_text(&again.printed,
                      "open\nrestore '2 rows' of 0, own, checkpoint 7\nrestore '' of 0, own, checkpoint 7\n");
    stage_end(&again);
    stage_end(&g);
    weir_snapshot_finish(&cut);
}

static void what_cannot_be_persisted_is_told_with_the_node_and_leaves_the_sink_alone(void)
{
    struct stage g;
    struct weir_snapshot cut = {0};
    struct weir_error error;
    set_up_phased(&g, 0, 1, "the disk is gone");
    CU_ASSERT_EQUAL(g.op->class->snapshot(g.op, 7, &cut), WEIR_OK);
    CU_ASSERT_EQUAL(g.op->class->persist(g.op, &cut, &error), WEIR_E_IO);
    WEIR_ASSERT_CONTAINS(error.text, "the disk is gone");
    WEIR_ASSERT_CONTAINS(error.text, "component: test.toy_ends/phased of ");
    CU_ASSERT_EQUAL(g.op->error.status, WEIR_OK);
    stage_feed(&g, "3 | 7");
    stage_end(&g);
    weir_snapshot_finish(&cut);
}

static void saved_transactions_need_a_sink_that_takes_them(void)
{
    struct stage g;
    struct weir_snapshot cut = {0};
    set_up(&g, NULL, NULL);
    CU_ASSERT_EQUAL(weir_snapshot_add_bytes(weir_snapshot_list(&cut, "transactions", WEIR_DEAL_SPLIT), "x", 1), WEIR_OK);
    CU_ASSERT_EQUAL(g.op->class->restore(g.op, &cut, 1), WEIR_E_CONFIG);
    WEIR_ASSERT_CONTAINS(g.op->error.text, "this sink takes part in no checkpoint");
    stage_end(&g);
    weir_snapshot_finish(&cut);
}

WEIR_SUITE(sink_op) = {
    {"a sink is opened, written, flushed, finished and closed", a_sink_is_opened_written_flushed_finished_and_closed},
    {"a sink takes what it has room for", a_sink_takes_what_it_has_room_for},
    {"a null it does not take is refused", a_null_it_does_not_take_is_refused},
    {"a write that fails names the component", a_write_that_fails_names_the_component},
    {"a sink saves, persists, commits and is restored", a_sink_saves_persists_commits_and_is_restored},
    {"what cannot be persisted is told with the node, and leaves the sink alone",
     what_cannot_be_persisted_is_told_with_the_node_and_leaves_the_sink_alone},
    {"saved transactions need a sink that takes them", saved_transactions_need_a_sink_that_takes_them},
    {NULL, NULL}};
