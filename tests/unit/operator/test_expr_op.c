/* Rows kept and fields computed by expressions, and what becomes of rows that have errors. */
#include "unit/operator/stage.h"

static void set_up(struct stage *g, const char *condition, const char *out)
{
    stage_init(g, WEIR_NODE_EXPR, "a: i64, b: i64?, s: string", out);
    g->node->condition = weir_strdup(condition);
}

/* One more field: "#1" is field 1 of the input, all else an expression. */
static void add_field(struct stage *g, const char *what)
{
    struct weir_stream_node *n = g->node;
    n->computed = weir_realloc_array(n->computed, n->n_computed, n->n_computed + 1, sizeof *n->computed);
    bool field = what[0] == '#';
    n->computed[n->n_computed++] =
        (struct weir_computed_field){field ? what[1] - '0' : -1, field ? NULL : weir_strdup(what)};
}

static const char rows[] = "1 | 10, 5, x\n2 | 20, null, y\n3 | 30, 0, z\n4 | 40, 8, w";

static void a_condition_keeps_rows(void)
{
    struct stage g;
    set_up(&g, "a >= 20 and s <> 'w'", "a: i64, b: i64?, s: string");
    stage_start(&g);
    stage_feed(&g, rows);
    stage_expect(&g, "2 | 20, null, y\n3 | 30, 0, z\n");
    stage_feed(&g, "5 | 1, 1, none");
    stage_expect(&g, "");
    CU_ASSERT_EQUAL(g.op->counters.rows_out, 2);
    stage_end(&g);
}

static void null_keeps_nothing(void)
{
    struct stage g;
    set_up(&g, "b < 6", "a: i64, b: i64?, s: string");
    stage_start(&g);
    stage_feed(&g, rows);
    stage_expect(&g, "1 | 10, 5, x\n3 | 30, 0, z\n");
    stage_end(&g);
}

static void fields_are_computed_for_the_rows_that_stay(void)
{
    struct stage g;
    set_up(&g, "b <> 0", "s: string, b: string?, q: i64?");
    add_field(&g, "#2");
    add_field(&g, "'<' || cast(b as string) || '>'");
    add_field(&g, "a / b");
    stage_start(&g);
    stage_feed(&g, rows);
    stage_expect(&g, "1 | x, <5>, 2\n4 | w, <8>, 5\n");
    stage_end(&g);
}

static void fields_that_pass_are_not_copied(void)
{
    struct stage g;
    int64_t row = 0;
    set_up(&g, NULL, "a: i64, c: i64");
    add_field(&g, "#0");
    add_field(&g, "a + 1");
    stage_start(&g);
    struct weir_rows *in = weir_test_rows(g.s.env.pool, g.in, rows);
    CU_ASSERT_EQUAL(g.op->class->rows(g.op, 0, in, &row), WEIR_OK);
    CU_ASSERT_PTR_EQUAL(weir_outbox_first(&g.op->outbox)->rows->columns[0].data, in->columns[0].data);
    weir_rows_release(in);
    stage_take(&g);
    stage_expect(&g, "1 | 10, 11\n2 | 20, 21\n3 | 30, 31\n4 | 40, 41\n");
    stage_end(&g);
}

static void an_error_fails_and_shows_everything(void)
{
    struct stage g;
    set_up(&g, NULL, "q: i64?");
    add_field(&g, "1 + a / b");
    stage_start(&g);
    CU_ASSERT_EQUAL(stage_try(&g, rows), WEIR_E_DATA);
    CU_ASSERT_STRING_EQUAL(g.op->error.text,
                           "division of 30 by zero\n    1 + a / b\n        ^^^^^\n  in the record {a: 30, b: 0, s: \"z\"}");
    stage_expect(&g, "");
    stage_end(&g);
}

static void rows_with_errors_are_skipped_and_counted(void)
{
    struct stage g;
    set_up(&g, "100 / a > 0", "q: i64?, n: i64");
    g.node->malformed = WEIR_MALFORMED_SKIP;
    add_field(&g, "a / b");
    add_field(&g, "cast(s as i64)");
    stage_start(&g);
    stage_feed(&g,
               "1 | 10, 5, 1\n2 | 0, 5, 2\n3 | 30, 0, 3\n4 | 40, 0, x\n5 | 50, null, x\n6 | 60, null, 6\n7 | 1000, 0, x");
    stage_expect(&g, "1 | 2, 1\n6 | null, 6\n");
    CU_ASSERT_EQUAL(g.op->counters.rejected, 4);
    stage_end(&g);
}

static void rows_with_errors_go_to_a_side_output(void)
{
    struct stage g;
    set_up(&g, "a <> 10", "q: i64?");
    stage_side(&g, "errors", "a: i64, b: i64?, s: string, error: string");
    g.node->malformed = WEIR_MALFORMED_SIDE_OUTPUT;
    add_field(&g, "(a + cast(s as i64)) / b");
    stage_start(&g);
    stage_feed(&g, "1 | 10, 0, x\n2 | 20, 0, 2\n3 | 30, 3, 3\n4 | 40, null, x");
    stage_expect(&g,
                 "3 | 11\n1> 2 | 20, 0, 2, division of 22 by zero\n1> 4 | 40, null, x, 'x' is not an integer of 64 bits\n");
    CU_ASSERT_EQUAL(g.op->counters.rejected, 2);
    stage_end(&g);
}

static void rows_that_a_selection_hides_raise_nothing(void)
{
    struct stage g;
    set_up(&g, NULL, "q: i64?");
    add_field(&g, "a / b");
    stage_start(&g);
    struct weir_rows *all = weir_test_rows(g.s.env.pool, g.in, rows);
    struct weir_buffer *bits = weir_pool_take(g.s.env.pool, 8);
    memset(bits->bytes, 0, 8);
    bits->bytes[0] = 9;
    struct weir_rows *some = weir_rows_select(g.s.env.pool, all, bits, 2);
    weir_rows_release(all);
    CU_ASSERT_EQUAL(stage_rows(&g, some), WEIR_OK);
    stage_expect(&g, "1 | 2\n4 | 5\n");
    stage_end(&g);
}

WEIR_SUITE(expr_op) = {{"a condition keeps rows", a_condition_keeps_rows},
                       {"null keeps nothing", null_keeps_nothing},
                       {"fields are computed for the rows that stay", fields_are_computed_for_the_rows_that_stay},
                       {"fields that pass are not copied", fields_that_pass_are_not_copied},
                       {"an error fails and shows everything", an_error_fails_and_shows_everything},
                       {"rows with errors are skipped and counted", rows_with_errors_are_skipped_and_counted},
                       {"rows with errors go to a side output", rows_with_errors_go_to_a_side_output},
                       {"rows that a selection hides raise nothing", rows_that_a_selection_hides_raise_nothing},
                       {NULL, NULL}};
