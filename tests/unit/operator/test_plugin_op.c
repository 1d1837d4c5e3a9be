/* Operator components by hand: maps, filters, flat maps, keyed state, output columns, errors. Timers are in
 * test_timer_op.c. */
#include "unit/operator/stage.h"

static void set_up(struct stage *g, const char *component, const char *in, const char *out)
{
    stage_init(g, WEIR_NODE_OPERATOR, in, out);
    stage_component(g, WEIR_OPERATOR, component);
}

/* ---- maps ----------------------------------------------------------------------------------------------------- */

static void a_map_adds_its_column_to_the_others(void)
{
    struct stage g;
    set_up(&g, "negate", "word: string, n: i64", "word: string, n: i64, neg: i64");
    stage_start(&g);
    stage_feed(&g, "7 | ann, 5\n- | bob, -1");
    stage_expect(&g, "7 | ann, 5, -5\n- | bob, -1, 1\n");
    stage_end(&g);
}

static void a_null_in_gives_a_null_out(void)
{
    struct stage g;
    set_up(&g, "negate", "word: string, n: i64?", "word: string, n: i64?, neg: i64?");
    stage_start(&g);
    stage_feed(&g, "7 | ann, null\n8 | bob, 2\n9 | cat, null");
    stage_expect(&g, "7 | ann, null, null\n8 | bob, 2, -2\n9 | cat, null, null\n");
    stage_end(&g);
    /* Also when the component did not look. */
    set_up(&g, "negate_selected", "word: string, n: i64?", "word: string, n: i64?, neg: i64?");
    stage_start(&g);
    stage_feed(&g, "7 | ann, null\n8 | bob, 2");
    stage_expect(&g, "7 | ann, null, null\n8 | bob, 2, -2\n");
    stage_end(&g);
}

/* Rows of which some do not exist. */
static struct weir_rows *selected_rows(struct stage *g, const char *text, uint8_t bits)
{
    struct weir_rows *rows = weir_test_rows(g->s.env.pool, g->in, text);
    struct weir_buffer *selection = weir_pool_take(g->s.env.pool, 8);
    struct weir_rows *selected = weir_rows_slice(g->s.env.pool, rows, 0, rows->view.length);
    static uint8_t bytes[8];
    weir_buffer_release(selection);
    weir_rows_release(rows);
    memset(bytes, 0, sizeof bytes);
    bytes[0] = bits;
    selected->view.selection = bytes;
    selected->view.selected = __builtin_popcount(bits);
    return selected;
}

static void a_map_that_accepts_selections_keeps_them(void)
{
    struct stage g;
    set_up(&g, "negate_selected", "n: i64?", "n: i64?, neg: i64?");
    stage_start(&g);
    CU_ASSERT(g.op->accepts_selection);
    CU_ASSERT_EQUAL(stage_rows(&g, selected_rows(&g, "1 | 1\n2 | 2\n3 | 3", 5)), WEIR_OK);
    stage_expect(&g, "1 | 1, -1\n3 | 3, -3\n");
    stage_end(&g);
}

static void a_map_that_miscounts_is_refused(void)
{
    struct stage g;
    set_up(&g, "miscount", "n: i64", "n: i64, neg: i64");
    stage_start(&g);
    CU_ASSERT_EQUAL(stage_try(&g, "1 | 1\n2 | 2"), WEIR_E_PLUGIN);
    WEIR_ASSERT_CONTAINS(g.op->error.text, "wrote 1 rows for 2");
    stage_end(&g);
}

static void the_columns_of_a_map_that_passes_all_are_not_copied(void)
{
    struct stage g;
    int64_t row = 0;
    set_up(&g, "negate", "word: string, n: i64", "word: string, n: i64, neg: i64");
    stage_start(&g);
    struct weir_rows *rows = weir_test_rows(g.s.env.pool, g.in, "7 | ann, 5\n8 | bob, -1");
    CU_ASSERT_EQUAL(g.op->class->rows(g.op, 0, rows, &row), WEIR_OK);
    struct weir_rows *out = weir_outbox_first(&g.op->outbox)->rows;
    CU_ASSERT_PTR_EQUAL(out->columns[0].data, rows->columns[0].data);
    CU_ASSERT_PTR_EQUAL(out->columns[1].data, rows->columns[1].data);
    CU_ASSERT_PTR_EQUAL(out->view.time, rows->view.time);
    weir_rows_release(rows); /* what was passed on lives by itself */
    stage_take(&g);
    stage_expect(&g, "7 | ann, 5, -5\n8 | bob, -1, 1\n");
    stage_end(&g);
}

/* ---- filters -------------------------------------------------------------------------------------------------- */

static void a_filter_selects(void)
{
    struct stage g;
    int64_t row = 0;
    set_up(&g, "even", "n: i64?", "n: i64?");
    stage_start(&g);
    stage_feed(&g, "1 | 1\n2 | 2\n3 | null\n4 | 4\n5 | 5\n6 | 6\n7 | 7\n8 | 8\n9 | 10");
    stage_expect(&g, "2 | 2\n4 | 4\n6 | 6\n8 | 8\n9 | 10\n");
    stage_feed(&g, "1 | 1\n3 | null");
    stage_expect(&g, "");
    CU_ASSERT_EQUAL(g.op->counters.rows_out, 5);
    /* Nothing is dropped: the batch itself goes on. */
    struct weir_rows *rows = weir_test_rows(g.s.env.pool, g.in, "1 | 2\n2 | 4");
    CU_ASSERT_EQUAL(g.op->class->rows(g.op, 0, rows, &row), WEIR_OK);
    CU_ASSERT_PTR_EQUAL(weir_outbox_first(&g.op->outbox)->rows, rows);
    weir_rows_release(rows);
    stage_take(&g);
    stage_end(&g);
}

/* A batch's header is a buffer of 256, 512, ... bytes: with any number of columns there must be room for the selection. */
static void a_filter_selects_from_any_number_of_columns(void)
{
    for (int nullable = 0; nullable < 2; nullable++) {
        for (int n = 0; n < 20; n++) {
            struct stage g;
            struct weir_text schema = {0}, rows = {0};
            weir_text_add(&schema, "n: i64");
            for (int i = 0; i < n; i++) weir_text_add(&schema, ", s%d: string%s", i, nullable ? "?" : "");
            for (int row = 1; row <= 3; row++) {
                weir_text_add(&rows, "1 | %d", row);
                for (int i = 0; i < n; i++) weir_text_add(&rows, nullable ? ", null" : ", x");
                weir_text_add(&rows, "\n");
            }
            set_up(&g, "even", weir_text_get(&schema), weir_text_get(&schema));
            stage_start(&g);
            stage_feed(&g, weir_text_get(&rows));
            CU_ASSERT_EQUAL(g.op->counters.rows_out, 1);
            stage_end(&g);
            weir_text_finish(&schema);
            weir_text_finish(&rows);
        }
    }
}

static void a_filter_brings_no_dropped_row_back(void)
{
    struct stage g;
    set_up(&g, "everything", "n: i64", "n: i64");
    stage_start(&g);
    CU_ASSERT_EQUAL(stage_rows(&g, selected_rows(&g, "1 | 1\n2 | 2\n3 | 3\n4 | 4", 10)), WEIR_OK);
    stage_expect(&g, "2 | 2\n4 | 4\n");
    stage_end(&g);
    set_up(&g, "everything", "n: i64?", "n: i64?");
    stage_start(&g);
    CU_ASSERT_EQUAL(stage_rows(&g, selected_rows(&g, "1 | 1\n2 | 2\n3 | null\n4 | 4", 14)), WEIR_OK);
    stage_expect(&g, "2 | 2\n4 | 4\n");
    stage_end(&g);
}

static void a_null_in_a_row_that_was_dropped_disturbs_nobody(void)
{
    struct stage g;
    set_up(&g, "pass_selected", "n: i64?", "n: i64?");
    stage_start(&g);
    CU_ASSERT_EQUAL(stage_rows(&g, selected_rows(&g, "1 | 1\n2 | null\n3 | 3", 5)), WEIR_OK);
    stage_expect(&g, "1 | 1\n3 | 3\n");
    stage_end(&g);
}

/* ---- any number of rows --------------------------------------------------------------------------------------- */

static void a_flat_map_emits_in_order_and_passes_fields_through(void)
{
    struct stage g;
    set_up(&g, "repeat", "word: string, n: i64", "word: string, n: i64, copy: i64");
    stage_start(&g);
    stage_feed(&g, "1 | ann, 2\n2 | bob, 0\n3 | cat, 3");
    stage_expect(&g, "1 | ann, 2, 0\n1 | ann, 2, 1\n3 | cat, 3, 0\n3 | cat, 3, 1\n3 | cat, 3, 2\n");
    stage_end(&g);
}

static void what_passes_through_unchanged_is_not_copied(void)
{
    struct stage g;
    int64_t row = 0;
    set_up(&g, "repeat", "word: string, n: i64", "word: string, n: i64, copy: i64");
    stage_start(&g);
    struct weir_rows *once = weir_test_rows(g.s.env.pool, g.in, "1 | ann, 1\n2 | bob, 1"); /* every row once, in order */
    CU_ASSERT_EQUAL(g.op->class->rows(g.op, 0, once, &row), WEIR_OK);
    CU_ASSERT_PTR_EQUAL(weir_outbox_first(&g.op->outbox)->rows->columns[0].data, once->columns[0].data);
    stage_take(&g);
    struct weir_rows *some = weir_test_rows(g.s.env.pool, g.in, "1 | ann, 0\n2 | bob, 2"); /* as many rows, but others */
    row = 0;
    CU_ASSERT_EQUAL(g.op->class->rows(g.op, 0, some, &row), WEIR_OK);
    CU_ASSERT_PTR_NOT_EQUAL(weir_outbox_first(&g.op->outbox)->rows->columns[0].data, some->columns[0].data);
    weir_rows_release(once);
    weir_rows_release(some);
    stage_take(&g);
    stage_expect(&g, "1 | ann, 1, 0\n2 | bob, 1, 0\n2 | bob, 2, 0\n2 | bob, 2, 1\n");
    stage_end(&g);
}

static void a_full_output_stops_a_flat_map_that_heeds_it(void)
{
    struct stage g;
    set_up(&g, "repeat", "n: i64", "n: i64, copy: i64");
    g.s.env.batch_rows = 4;
    stage_start(&g);
    stage_feed(&g, "1 | 10\n2 | 1\n3 | 9");
    CU_ASSERT_EQUAL(g.op->counters.rows_out, 20);
    CU_ASSERT_EQUAL(g.most_waiting, 1);
    CU_ASSERT(g.calls >= 5);
    stage_end(&g);
}

static void what_is_emitted_beyond_a_full_output_waits_within_a_limit(void)
{
    struct stage g;
    set_up(&g, "repeat", "n: i64", "n: i64, copy: i64");
    stage_option(&g, "polite", "false");
    g.s.env.batch_rows = 4;
    stage_start(&g);
    stage_feed(&g, "1 | 400"); /* one row, so nothing can stop it */
    CU_ASSERT_EQUAL(g.op->counters.rows_out, 400);
    CU_ASSERT_EQUAL(g.most_waiting, 100);
    stage_end(&g);

    set_up(&g, "repeat", "n: i64", "n: i64, copy: i64");
    stage_option(&g, "polite", "false");
    g.s.env.batch_rows = 4;
    g.s.env.overflow_bytes = 1000;
    stage_start(&g);
    CU_ASSERT_EQUAL(stage_try(&g, "1 | 400"), WEIR_E_PLUGIN);
    WEIR_ASSERT_CONTAINS(g.op->error.text, "more than the overflow limit of 1000 bytes");
    WEIR_ASSERT_CONTAINS(g.op->error.text, "component: test.toys/repeat of ");
    WEIR_ASSERT_CONTAINS(g.op->error.text, "\n  event time: 1970-01-01T00:00:00.001Z\n  record: {n: 400}");
    CU_ASSERT_PTR_NULL(strstr(g.op->error.text, "key: "));
    stage_end(&g);
}

static void side_outputs_are_ports(void)
{
    struct stage g;
    set_up(&g, "split_sign", "n: i64", "m: i64");
    stage_side(&g, "negative", "m: i64");
    stage_start(&g);
    stage_feed(&g, "1 | 1\n2 | -2\n3 | 3\n4 | -4");
    stage_expect(&g, "1 | 1\n3 | 3\n1> 2 | -2\n1> 4 | -4\n");
    stage_end(&g);
}

static void a_component_may_emit_at_watermarks_and_at_the_end(void)
{
    struct stage g;
    set_up(&g, "counter", "n: i64", "when: string, rows: i64");
    stage_start(&g);
    stage_feed(&g, "1 | 1\n2 | 2");
    stage_watermark(&g, 5);
    stage_feed(&g, "6 | 3");
    stage_finish(&g);
    stage_expect(&g, "- | watermark, 2\n- | almost, 3\n- | end, 3\n");
    stage_end(&g);
}

/* ---- keyed ---------------------------------------------------------------------------------------------------- */

static void set_up_tally(struct stage *g, uint32_t batch_rows)
{
    set_up(g, "tally", "user: string, word: string, n: i64",
           "user: string, rows: i64, sum: i64, before: string, listed: i64, distinct: i64, times: i64");
    weir_op_stage_key(g->node, "user");
    g->s.env.batch_rows = batch_rows;
    stage_start(g);
}

static void keyed_state_belongs_to_the_key(void)
{
    struct stage g;
    set_up_tally(&g, 1024);
    stage_feed(&g, "1 | ann, a, 5\n2 | bob, b, 7\n3 | ann, c, 5\n4 | bob, d, 8\n5 | ann, e, 6");
    stage_expect(
        &g, "1 | ann, 1, 5, , 1, 1, 1\n2 | bob, 1, 7, , 1, 1, 1\n3 | ann, 2, 10, a, 2, 1, 2\n4 | bob, 2, 15, b, 2, 2, 1\n"
            "5 | ann, 3, 16, c, 3, 2, 1\n");
    stage_feed(&g, "6 | ann, x, 0\n7 | ann, f, 6\n8 | bob, g, 7"); /* 0 clears */
    stage_expect(&g, "7 | ann, 1, 6, , 1, 1, 1\n8 | bob, 3, 22, d, 3, 2, 2\n");
    stage_end(&g);
}

static void key_columns_are_right_wherever_batches_are_cut(void)
{
    static const char *const rows =
        "1 | ann, a, 5\n2 | bob, b, 7\n3 | ann, c, 5\n4 | cat, d, 8\n5 | cat, e, 6\n6 | ann, f, 5";
    struct stage one, many;
    set_up_tally(&one, 1);
    set_up_tally(&many, 1024);
    stage_feed(&one, rows);
    stage_feed(&many, rows);
    CU_ASSERT_EQUAL(one.most_waiting, 1);
    stage_expect(&one, weir_text_get(&many.text));
    stage_end(&one);
    stage_end(&many);
}

static void a_null_key_is_refused(void)
{
    struct stage g;
    set_up(&g, "tally", "user: string?, word: string, n: i64",
           "user: string, rows: i64, sum: i64, before: string, listed: i64, distinct: i64, times: i64");
    weir_op_stage_key(g.node, "user");
    stage_start(&g);
    CU_ASSERT_EQUAL(stage_try(&g, "1 | ann, a, 1\n2 | null, b, 2"), WEIR_E_DATA);
    WEIR_ASSERT_CONTAINS(g.op->error.text, "key field 'user' is null");
    WEIR_ASSERT_CONTAINS(g.op->error.text, "record: {n: 2, word: \"b\"}");
    stage_end(&g);
}

static void there_is_no_key_outside_of_records_and_timers(void)
{
    struct stage g;
    set_up(&g, "keyless", "user: string, n: i64", "n: i64");
    weir_op_stage_key(g.node, "user");
    stage_start(&g);
    stage_feed(&g, "1 | ann, 1\n2 | bob, 2");
    CU_ASSERT_EQUAL(g.op->class->finish(g.op), WEIR_E_PLUGIN);
    WEIR_ASSERT_CONTAINS(g.op->error.text, "the key was asked for where no key is current");
    stage_end(&g);

    set_up(&g, "keyless", "user: string, n: i64", "n: i64");
    weir_op_stage_key(g.node, "user");
    stage_start(&g);
    stage_feed(&g, "1 | ann, 1\n2 | bob, 2");
    stage_watermark(&g, 4);
    CU_ASSERT_EQUAL(g.op->class->watermark(g.op, 5), WEIR_E_PLUGIN); /* the timer had one */
    CU_ASSERT_EQUAL(g.op->counters.timers_fired, 1);
    stage_end(&g);
}

/* ---- errors --------------------------------------------------------------------------------------------------- */

static void expect_failure(const char *how, weir_status status, const char *words, bool with_record)
{
    struct stage g;
    set_up(&g, "fails", "word: string?, n: i64", "word: string");
    stage_option(&g, "how", how);
    stage_start(&g);
    CU_ASSERT_EQUAL(stage_try(&g, "1 | ann, 1\n2 | null, 13\n3 | cat, 3"), status);
    WEIR_ASSERT_CONTAINS(g.op->error.text, words);
    WEIR_ASSERT_CONTAINS(g.op->error.text, "component: test.toys/fails of ");
    WEIR_ASSERT_CONTAINS(g.op->error.text, "toy_operators.so");
    if (with_record)
        WEIR_ASSERT_CONTAINS(g.op->error.text, "record: {n: 13, word: null}");
    else
        CU_ASSERT_PTR_NULL(strstr(g.op->error.text, "record: "));
    stage_end(&g);
}
static void errors_name_component_and_record(void)
{
    expect_failure("words", WEIR_E_DATA, "expected anything but 13", true);
    expect_failure("silence", WEIR_E_DATA, "without calling weir_fail", true);
    expect_failure("null", WEIR_E_DATA, "column 'word'", true);
    expect_failure("forget", WEIR_E_PLUGIN, "column 'word' was not written", false);
    expect_failure("ignore", WEIR_E_DATA, "it said so, but went on", false);
    expect_failure("port", WEIR_E_PLUGIN, "port 7, but the component declares 1", true);
}

static void a_null_where_none_may_be_is_told_with_its_record(void)
{
    struct stage g;
    set_up(&g, "repeat", "word: string, n: i64?", "word: string, n: i64?, copy: i64");
    stage_start(&g);
    CU_ASSERT_EQUAL(stage_try(&g, "1 | ann, 1\n2 | bob, null"), WEIR_E_DATA);
    WEIR_ASSERT_CONTAINS(g.op->error.text, "field 'n' is null");
    WEIR_ASSERT_CONTAINS(g.op->error.text, "record: {n: null}");
    stage_end(&g);
}

WEIR_SUITE(plugin_op) = {
    {"a map adds its column to the others", a_map_adds_its_column_to_the_others},
    {"a null in gives a null out", a_null_in_gives_a_null_out},
    {"a map that accepts selections keeps them", a_map_that_accepts_selections_keeps_them},
    {"a map that miscounts is refused", a_map_that_miscounts_is_refused},
    {"the columns of a map that passes all are not copied", the_columns_of_a_map_that_passes_all_are_not_copied},
    {"a filter selects", a_filter_selects},
    {"a filter selects from any number of columns", a_filter_selects_from_any_number_of_columns},
    {"a filter brings no dropped row back", a_filter_brings_no_dropped_row_back},
    {"a null in a row that was dropped disturbs nobody", a_null_in_a_row_that_was_dropped_disturbs_nobody},
    {"a flat map emits in order and passes fields through", a_flat_map_emits_in_order_and_passes_fields_through},
    {"what passes through unchanged is not copied", what_passes_through_unchanged_is_not_copied},
    {"a full output stops a flat map that heeds it", a_full_output_stops_a_flat_map_that_heeds_it},
    {"what is emitted beyond a full output waits within a limit", what_is_emitted_beyond_a_full_output_waits_within_a_limit},
    {"side outputs are ports", side_outputs_are_ports},
    {"a component may emit at watermarks and at the end", a_component_may_emit_at_watermarks_and_at_the_end},
    {"keyed state belongs to the key", keyed_state_belongs_to_the_key},
    {"key columns are right wherever batches are cut", key_columns_are_right_wherever_batches_are_cut},
    {"a null key is refused", a_null_key_is_refused},
    {"there is no key outside of records and timers", there_is_no_key_outside_of_records_and_timers},
    {"errors name component and record", errors_name_component_and_record},
    {"a null where none may be is told with its record", a_null_where_none_may_be_is_told_with_its_record},
    {NULL, NULL}};
