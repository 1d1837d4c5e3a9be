/* Rolling reduce by hand: semantics A5.8. */
#include "unit/operator/stage.h"

static void set_up(struct stage *g, uint32_t batch_rows)
{
    stage_init(g, WEIR_NODE_REDUCE, "word: string, n: i64, user: string?", "word: string, n: i64, user: string?");
    stage_component(g, WEIR_REDUCER, "add_up");
    weir_op_stage_key(g->node, "word");
    g->s.env.batch_rows = batch_rows;
    stage_start(g);
}

static void set_up_two(struct stage *g, uint32_t batch_rows)
{
    stage_init(g, WEIR_NODE_REDUCE, "word: string, n: i64", "word: string, n: i64");
    stage_component(g, WEIR_REDUCER, "add_up");
    weir_op_stage_key(g->node, "word");
    g->s.env.batch_rows = batch_rows;
    stage_start(g);
}

static void the_first_record_goes_on_unchanged_and_each_next_one_is_reduced(void)
{
    for (uint32_t batch_rows = 1; batch_rows <= 4; batch_rows++) {
        struct stage g;
        set_up_two(&g, batch_rows);
        stage_feed(&g, "10 | to, 1\n11 | be, 5\n12 | to, 2\n9 | to, 3\n- | be, -5");
        stage_expect(&g, "10 | to, 1\n11 | be, 5\n12 | to, 3\n9 | to, 6\n- | be, 0\n"); /* the input's time is kept */
        stage_feed(&g, "20 | to, 4\n20 | or, 7");
        stage_expect(&g, "20 | to, 10\n20 | or, 7\n");
        CU_ASSERT_EQUAL(g.most_waiting, 1);
        stage_end(&g);
    }
}

static void the_first_record_keeps_its_nulls_and_an_unwritten_column_is_refused(void)
{
    struct stage g;
    set_up(&g, 1024);
    stage_feed(&g, "1 | to, 1, null\n1 | be, 2, ann");
    stage_expect(&g, "1 | to, 1, null\n1 | be, 2, ann\n");
    CU_ASSERT_EQUAL(stage_try(&g, "1 | to, 1, ann"), WEIR_E_PLUGIN); /* add_up knows of two columns */
    WEIR_ASSERT_CONTAINS(g.op->error.text, "column 'user'");
    WEIR_ASSERT_CONTAINS(g.op->error.text, "component: test.toy_ends/add_up of ");
    stage_end(&g);
}

static void a_failure_names_component_and_record(void)
{
    struct stage g;
    set_up_two(&g, 1024);
    CU_ASSERT_EQUAL(stage_try(&g, "1 | to, 13\n2 | be, 1\n3 | be, 13"), WEIR_E_DATA);
    WEIR_ASSERT_CONTAINS(g.op->error.text, "will not add 13");
    WEIR_ASSERT_CONTAINS(g.op->error.text, "component: test.toy_ends/add_up of ");
    WEIR_ASSERT_CONTAINS(g.op->error.text, "record: {word: \"be\", n: 13}");
    stage_end(&g);
}

static void records_of_other_fields_are_not_restored(void)
{
    struct stage g, same, other;
    struct weir_snapshot saved = {0};
    set_up_two(&g, 1024);
    stage_feed(&g, "1 | to, 1\n2 | be, 4");
    stage_expect(&g, "1 | to, 1\n2 | be, 4\n");
    CU_ASSERT_EQUAL_FATAL(g.op->class->snapshot(g.op, 1, &saved), WEIR_OK);
    set_up(&other, 1024);
    CU_ASSERT_EQUAL(other.op->class->restore(other.op, &saved, 1), WEIR_E_CONFIG);
    WEIR_ASSERT_CONTAINS(other.op->error.text,
                         "rows of (word: string, n: i64), and rows are (word: string, n: i64, user: string?)");
    set_up_two(&same, 1024);
    CU_ASSERT_EQUAL(same.op->class->restore(same.op, &saved, 1), WEIR_OK);
    stage_feed(&same, "3 | to, 2");
    stage_expect(&same, "3 | to, 3\n");
    weir_snapshot_finish(&saved);
    stage_end(&g);
    stage_end(&other);
    stage_end(&same);
}

WEIR_SUITE(reduce_op) = {{"the first record goes on unchanged, and each next one is reduced",
                          the_first_record_goes_on_unchanged_and_each_next_one_is_reduced},
                         {"the first record keeps its nulls, and an unwritten column is refused",
                          the_first_record_keeps_its_nulls_and_an_unwritten_column_is_refused},
                         {"a failure names component and record", a_failure_names_component_and_record},
                         {"records of other fields are not restored", records_of_other_fields_are_not_restored},
                         {NULL, NULL}};
