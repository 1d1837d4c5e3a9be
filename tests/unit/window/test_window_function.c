/* Window functions, stepped by hand: their states, WEIR_MORE, side outputs and clear; and windows that reduce. Semantics
 * A5.5. */
#include "general_stage.h"

#define TALK     "user: string, n: i64, firing: i64, seen: i64, ever: i64, rows: i64, ended: i64"
#define TALK_ALL "n: i64, firing: i64, seen: i64, ever: i64, rows: i64, ended: i64"

static struct weir_schema *ended_schema;

/* talkative over the rows of windows; its side output is port 1. */
static void talk(struct stage *g, bool all, const char *copies)
{
    prepare(g, all);
    drop_aggregates(g);
    use_function(g, "talkative", all ? TALK_ALL : TALK, 1);
    weir_op_stage_option(g->node->window.function, "copies", copies);
    ended_schema = weir_test_schema(all ? "start: i64, firings: i64" : "user: string, start: i64, firings: i64");
    weir_op_stage_output(g->node, "ended", ended_schema);
    g->second = ended_schema;
}
static void end_talk(struct stage *g)
{
    tear_down(g);
    weir_schema_release(ended_schema);
}

/* ---- states ------------------------------------------------------------------------------------------------------ */

static void TRAP_window_state_is_of_key_and_window_global_state_of_the_key(void)
{
    struct stage g;
    talk(&g, false, "1");
    g.node->window.lateness_ms = 100;
    start(&g, ASSIGNER(&g, "tumbling", "size", "10ms"), TRIGGER(&g, "event_time", NULL, NULL));
    feed(&g, "1 | ann, 1\n11 | ann, 2\n1 | bob, 3");
    watermark(&g, 9); /* first firings */
    expect(&g, "9 | ann, 1, 1, 1, 1, 1, 0\n9 | bob, 3, 1, 1, 1, 1, 0\n");
    feed(&g, "2 | ann, 4"); /* late: the second firing of that window, the second of the key */
    expect(&g, "9 | ann, 1, 2, 2, 2, 2, 0\n9 | ann, 4, 2, 2, 2, 2, 0\n");
    watermark(&g, 19); /* another window of ann: its first firing, her third */
    expect(&g, "19 | ann, 2, 1, 1, 3, 1, 0\n");
    watermark(&g, 109); /* the first windows go: states of theirs with them */
    expect(&g, "1> 9 | ann, 0, 2\n1> 9 | bob, 0, 1\n");
    watermark(&g, 119);
    expect(&g, "1> 19 | ann, 10, 1\n");
    feed(&g, "125 | ann, 5\n121 | bob, 6"); /* ids are used again: nothing may be left under them */
    watermark(&g, 129);
    expect(&g, "129 | ann, 5, 1, 1, 4, 1, 2\n129 | bob, 6, 1, 1, 2, 1, 1\n");
    end_talk(&g);
}

static void TRAP_purge_leaves_the_states_of_the_window(void)
{
    struct stage g;
    talk(&g, false, "1");
    start(&g, ASSIGNER(&g, "tumbling", "size", "10ms"), TRIGGER(&g, "purging_twos", NULL, NULL));
    feed(&g, "1 | ann, 1\n2 | ann, 2\n3 | ann, 4\n4 | ann, 8\n5 | ann, 16");
    expect(&g, "9 | ann, 1, 1, 1, 1, 1, 0\n9 | ann, 2, 1, 1, 1, 1, 0\n"
               "9 | ann, 4, 2, 2, 2, 2, 0\n9 | ann, 8, 2, 2, 2, 2, 0\n9 | ann, 16, 2, 2, 2, 2, 0\n");
    watermark(&g, INT64_MAX);
    expect(&g, "1> 9 | ann, 0, 2\n");
    end_talk(&g);
}

static void TRAP_purge_leaves_state_and_timers_of_the_trigger(void)
{
    struct stage g;
    prepare(&g, false);
    start(&g, ASSIGNER(&g, "tumbling", "size", "10ms"), TRIGGER(&g, "purging_twos", NULL, NULL));
    feed(&g, "1 | ann, 1\n2 | ann, 2");
    expect(&g, "9 | ann, 2, 3\n");
    feed(&g, "3 | ann, 4\n4 | ann, 8"); /* the third and fourth row, not the first and second */
    expect(&g, "");
    watermark(&g, 5); /* the timer was set before the purge, and only then */
    expect(&g, "9 | ann, 2, 12\n");
    feed(&g, "6 | ann, 16");
    expect(&g, "9 | ann, 3, 28\n");
    watermark(&g, INT64_MAX);
    expect(&g, "");
    tear_down(&g);
}

static void windows_over_all_rows_have_states_too(void)
{
    struct stage g;
    talk(&g, true, "1");
    start(&g, ASSIGNER(&g, "tumbling", "size", "10ms"), TRIGGER(&g, "event_time", NULL, NULL));
    feed(&g, "1 | ann, 1\n12 | bob, 2");
    watermark(&g, INT64_MAX);
    expect(&g, "9 | 1, 1, 1, 1, 1, 0\n1> 9 | 0, 1\n19 | 2, 1, 1, 2, 1, 1\n1> 19 | 10, 1\n");
    end_talk(&g);
}

static void a_function_that_sets_a_timer_is_refused(void)
{
    struct stage g;
    talk(&g, false, "1");
    weir_op_stage_option(g.node->window.function, "timer", "true");
    start(&g, ASSIGNER(&g, "tumbling", "size", "10ms"), TRIGGER(&g, "event_time", NULL, NULL));
    feed(&g, "1 | ann, 1");
    g.op->watermark = 9;
    CU_ASSERT_EQUAL(g.op->class->watermark(g.op, 9), WEIR_E_PLUGIN);
    WEIR_ASSERT_CONTAINS(g.op->error.text, "a window function set or dropped a timer");
    WEIR_ASSERT_CONTAINS(g.op->error.text, "test.windows/talkative");
    end_talk(&g);
}

/* ---- WEIR_MORE --------------------------------------------------------------------------------------------------- */

static struct weir_part_spec *sliding(struct stage *g)
{
    struct weir_part_spec *part = ASSIGNER(g, "sliding", "size", "20ms");
    weir_op_stage_option(part, "slide", "10ms");
    return part;
}

static const char *const whens[] = {"at the end", "three rows, purged", "two rows", "one row"};

static struct weir_part_spec *trigger_of(struct stage *g, size_t when)
{
    if (when == 0) return TRIGGER(g, "event_time", NULL, NULL);
    if (when == 1) return around(g, "purging", TRIGGER(g, "count", "n", "3"));
    return TRIGGER(g, "count", "n", when == 2 ? "2" : "1");
}

/* What is said of rows in two windows each, which are evicted down to one or two after each firing. The caller frees. */
static char *said(uint32_t batch_rows, size_t when, uint64_t *calls)
{
    struct stage g;
    talk(&g, false, "5");
    g.s.env.batch_rows = batch_rows;
    g.node->window.evictor = EVICTOR(&g, "count", "n", when == 2 ? "1" : "2");
    weir_op_stage_option(g.node->window.evictor, "after", "true");
    start(&g, sliding(&g), trigger_of(&g, when));
    feed(&g, "1 | ann, 1\n2 | ann, 2\n3 | bob, 3\n4 | ann, 4\n5 | bob, 5\n12 | ann, 6\n13 | ann, 7\n14 | ann, 8");
    watermark(&g, 15);
    watermark(&g, INT64_MAX);
    *calls = g.calls;
    char *text = weir_text_take(&g.text);
    end_talk(&g);
    return text;
}

/* Cut short as often as can be, it says what it says at one go; the window evicts, purges and ends as if nothing had been;
 * and nothing is made twice. */
static void a_function_goes_on_where_it_said_more(void)
{
    static const uint32_t batch_rows[] = {1, 2, 7, 13};
    for (size_t when = 0; when < WEIR_LEN(whens); when++) {
        uint64_t whole, cut;
        char *expected = said(1024, when, &whole);
        for (size_t i = 0; i < WEIR_LEN(batch_rows); i++) {
            uint64_t blocks = weir_allocated_blocks();
            char *found = said(batch_rows[i], when, &cut);
            if (strcmp(found, expected) != 0) fprintf(stderr, "\n%s, batches of %u\n", whens[when], batch_rows[i]);
            CU_ASSERT_STRING_EQUAL(found, expected);
            CU_ASSERT(cut > whole);
            weir_free(found);
            CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
        }
        weir_free(expected);
    }
}

/* One call, one batch: memory in flight is that of the outbox, whatever a function says. */
static void what_a_function_says_at_once_is_bounded(void)
{
    static const uint32_t key[] = {0};
    struct stage g;
    talk(&g, false, "100000");
    g.s.env.batch_rows = 10;
    start(&g, ASSIGNER(&g, "global", NULL, NULL), TRIGGER(&g, "count", "n", "1"));
    struct weir_rows *rows = weir_test_keyed_rows(g.s.env.pool, g.in, "1 | ann, 1", key, 1, 128);
    int64_t row = 0, calls = 0;
    weir_status s;
    do {
        s = g.op->class->rows(g.op, 0, rows, &row);
        CU_ASSERT(g.op->outbox.n <= 1);
        CU_ASSERT(s == WEIR_OK || row == 0);
        while (g.op->outbox.n > 0) weir_rows_release(weir_outbox_pop(&g.op->outbox).rows);
        calls++;
    } while (s == WEIR_MORE);
    CU_ASSERT_EQUAL(s, WEIR_OK);
    CU_ASSERT(calls >= 10000);
    weir_rows_release(rows);
    end_talk(&g);
}

/* A row from each of many windows: they leave together, in order, in batches of the job's size. */
static void rows_of_many_windows_share_batches(void)
{
    static const uint32_t cuts[] = {1, 7, 1024};
    char *first = NULL;
    for (size_t i = 0; i < WEIR_LEN(cuts); i++) {
        struct stage g;
        struct weir_text rows = {0};
        prepare(&g, false);
        drop_aggregates(&g);
        use_function(&g, "ends", "user: string, rows: i64, first: i64, last: i64", 1);
        g.s.env.batch_rows = cuts[i];
        start(&g, ASSIGNER(&g, "tumbling", "size", "10ms"), TRIGGER(&g, "event_time", NULL, NULL));
        for (int k = 0; k < 200; k++) weir_text_add(&rows, "%d | u%d, %d\n", k % 30, k, k);
        feed(&g, weir_text_get(&rows));
        weir_text_finish(&rows);
        uint64_t before = g.op->counters.batches_out;
        watermark(&g, INT64_MAX);
        uint64_t batches = g.op->counters.batches_out - before;
        CU_ASSERT_EQUAL(batches, (200 + cuts[i] - 1) / cuts[i]);
        if (!first) first = weir_strdup(weir_text_get(&g.text));
        expect(&g, first);
        tear_down(&g);
    }
    weir_free(first);
}

static void a_function_that_is_cut_short_leaks_nothing(void)
{
    static const uint32_t key[] = {0};
    struct stage g;
    talk(&g, false, "100");
    g.s.env.batch_rows = 10;
    g.node->window.evictor = EVICTOR(&g, "count", "n", "2");
    start(&g, ASSIGNER(&g, "global", NULL, NULL), TRIGGER(&g, "count", "n", "1"));
    struct weir_rows *rows = weir_test_keyed_rows(g.s.env.pool, g.in, "1 | ann, 1", key, 1, 128);
    int64_t row = 0;
    CU_ASSERT_EQUAL(g.op->class->rows(g.op, 0, rows, &row), WEIR_MORE);
    weir_rows_release(rows);
    end_talk(&g); /* as when the job fails elsewhere: under the sanitizers this shows */
}

/* ---- reduce ------------------------------------------------------------------------------------------------------ */

static void use_reducer(struct stage *g, const char *name)
{
    struct weir_window_config *w = &g->node->window;
    drop_aggregates(g);
    if (g->out != g->in) {
        weir_schema_release(g->out);
        weir_schema_release(g->node->outputs[0].schema);
        g->out = weir_schema_retain(g->in);
        g->node->outputs[0].schema = weir_schema_retain(g->in);
    }
    w->reducer = weir_op_stage_part(&g->s, WEIR_REDUCER, name);
    set_field(w->reducer, "field", 1);
    w->reducer_args = weir_alloc_array(2, sizeof *w->reducer_args);
    w->reducer_args[1] = 1;
    w->n_reducer_args = 2;
}

static void a_window_reduces_its_rows_to_one(void)
{
    struct stage g;
    prepare(&g, false);
    use_reducer(&g, "sum");
    g.node->window.lateness_ms = 5;
    start(&g, ASSIGNER(&g, "tumbling", "size", "10ms"), TRIGGER(&g, "event_time", NULL, NULL));
    feed(&g, "1 | ann, 1\n2 | ann, 2\n3 | bob, 7\n12 | ann, 4");
    watermark(&g, 9);
    expect(&g, "9 | ann, 3\n9 | bob, 7\n");
    feed(&g, "4 | ann, 8");
    expect(&g, "9 | ann, 11\n");
    watermark(&g, INT64_MAX);
    expect(&g, "19 | ann, 4\n");
    tear_down(&g);
}

static void windows_over_all_rows_reduce(void)
{
    struct stage g;
    prepare(&g, true);
    use_reducer(&g, "max_by");
    start(&g, ASSIGNER(&g, "tumbling", "size", "10ms"), TRIGGER(&g, "event_time", NULL, NULL));
    feed(&g, "1 | ann, 1\n2 | bob, 7\n3 | cid, 7\n4 | dan, 2");
    watermark(&g, INT64_MAX);
    expect(&g, "9 | bob, 7\n"); /* of equals the earlier */
    tear_down(&g);
}

static void extremes_keep_the_first_row_or_the_whole_one(void)
{
    static const char *const names[] = {"min", "max", "min_by", "max_by"};
    static const char *const expected[] = {"9 | ann, 1\n", "9 | ann, 9\n", "9 | cid, 1\n", "9 | bob, 9\n"};
    for (size_t i = 0; i < WEIR_LEN(names); i++) {
        struct stage g;
        prepare(&g, true);
        use_reducer(&g, names[i]);
        start(&g, ASSIGNER(&g, "tumbling", "size", "10ms"), TRIGGER(&g, "event_time", NULL, NULL));
        feed(&g, "1 | ann, 5\n2 | bob, 9\n3 | cid, 1\n4 | dan, 1\n5 | eve, 9");
        watermark(&g, INT64_MAX);
        expect(&g, expected[i]);
        tear_down(&g);
    }
}

static void sessions_reduce_when_they_merge(void)
{
    struct stage g;
    prepare(&g, false);
    use_reducer(&g, "sum");
    start(&g, ASSIGNER(&g, "session", "gap", "10ms"), TRIGGER(&g, "event_time", NULL, NULL));
    feed(&g, "0 | ann, 1\n18 | ann, 2\n36 | ann, 4\n9 | ann, 8\n27 | ann, 16");
    watermark(&g, INT64_MAX);
    expect(&g, "45 | ann, 31\n");
    tear_down(&g);
}

static void with_an_evictor_rows_are_reduced_when_the_window_fires(void)
{
    struct stage g;
    prepare(&g, false);
    use_reducer(&g, "sum");
    g.node->window.evictor = EVICTOR(&g, "count", "n", "2");
    start(&g, ASSIGNER(&g, "global", NULL, NULL), TRIGGER(&g, "count", "n", "2"));
    feed(&g, "1 | ann, 1\n2 | ann, 2\n3 | ann, 4\n4 | ann, 8");
    expect(&g, "9223372036854775807 | ann, 3\n9223372036854775807 | ann, 12\n");
    tear_down(&g);
}

static void TRAP_a_function_after_reduce_sees_exactly_one_value(void)
{
    for (int evicts = 0; evicts < 2; evicts++) {
        struct stage g;
        prepare(&g, false);
        use_reducer(&g, "sum");
        use_function(&g, "ends", "user: string, rows: i64, first: i64, last: i64", 1);
        if (evicts) g.node->window.evictor = EVICTOR(&g, "count", "n", "9");
        start(&g, ASSIGNER(&g, "tumbling", "size", "10ms"), TRIGGER(&g, "event_time", NULL, NULL));
        feed(&g, "1 | ann, 1\n2 | ann, 2\n3 | ann, 4\n4 | bob, 5");
        watermark(&g, INT64_MAX);
        expect(&g, "9 | ann, 1, 7, 7\n9 | bob, 1, 5, 5\n");
        tear_down(&g);
    }
}

static void a_reducer_that_fails_is_named(void)
{
    struct stage g;
    static const uint32_t key[] = {0};
    int64_t row = 0;
    prepare(&g, false);
    use_reducer(&g, "sum");
    start(&g, ASSIGNER(&g, "tumbling", "size", "10ms"), TRIGGER(&g, "event_time", NULL, NULL));
    struct weir_rows *rows =
        weir_test_keyed_rows(g.s.env.pool, g.in, "1 | ann, 9223372036854775807\n2 | ann, 1", key, 1, 128);
    CU_ASSERT_EQUAL(g.op->class->rows(g.op, 0, rows, &row), WEIR_E_DATA);
    WEIR_ASSERT_CONTAINS(g.op->error.text, "the sum of field 'n' no longer fits in i64");
    WEIR_ASSERT_CONTAINS(g.op->error.text, "weir.reducers/sum");
    weir_rows_release(rows);
    tear_down(&g);
}

WEIR_SUITE(window_function) = {
    {"TRAP ctx.windowState() = (key, window), ctx.globalState() = key only",
     TRAP_window_state_is_of_key_and_window_global_state_of_the_key},
    {"TRAP PURGE clears CONTENT only: per-window user state stays", TRAP_purge_leaves_the_states_of_the_window},
    {"TRAP PURGE clears CONTENT only: trigger state and timers stay", TRAP_purge_leaves_state_and_timers_of_the_trigger},
    {"windows over all rows have states too", windows_over_all_rows_have_states_too},
    {"a function that sets a timer is refused", a_function_that_sets_a_timer_is_refused},
    {"a function goes on where it said more", a_function_goes_on_where_it_said_more},
    {"what a function says at once is bounded", what_a_function_says_at_once_is_bounded},
    {"rows of many windows share batches, in the same order", rows_of_many_windows_share_batches},
    {"a function that is cut short leaks nothing", a_function_that_is_cut_short_leaks_nothing},
    {"a window reduces its rows to one", a_window_reduces_its_rows_to_one},
    {"windows over all rows reduce", windows_over_all_rows_reduce},
    {"extremes keep the first row or the whole one", extremes_keep_the_first_row_or_the_whole_one},
    {"sessions reduce when they merge", sessions_reduce_when_they_merge},
    {"with an evictor rows are reduced when the window fires", with_an_evictor_rows_are_reduced_when_the_window_fires},
    {"TRAP reduce + process: process sees exactly one value", TRAP_a_function_after_reduce_sees_exactly_one_value},
    {"a reducer that fails is named", a_reducer_that_fails_is_named},
    {NULL, NULL}};
