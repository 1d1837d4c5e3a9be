/* Fields kept, dropped, reordered; nothing is copied. */
#include "unit/operator/stage.h"

static void set_up(struct stage *g)
{
    stage_init(g, WEIR_NODE_SELECT, "a: i64, b: string, c: i64?", "see: i64?, a: i64");
    g->node->picks = weir_alloc_array(2, sizeof *g->node->picks);
    g->node->picks[0] = 2;
    g->node->picks[1] = 0;
    g->node->n_picks = 2;
    stage_start(g);
}

static void fields_are_picked_in_the_order_asked_for(void)
{
    struct stage g;
    int64_t row = 0;
    set_up(&g);
    stage_feed(&g, "1 | 10, x, null\n2 | 20, y, 200");
    stage_expect(&g, "1 | null, 10\n2 | 200, 20\n");
    struct weir_rows *rows = weir_test_rows(g.s.env.pool, g.in, "1 | 10, x, 100");
    CU_ASSERT_EQUAL(g.op->class->rows(g.op, 0, rows, &row), WEIR_OK);
    CU_ASSERT_PTR_EQUAL(weir_outbox_first(&g.op->outbox)->rows->columns[1].data, rows->columns[0].data);
    weir_rows_release(rows);
    stage_end(&g);
}

static void a_selection_stays(void)
{
    struct stage g;
    set_up(&g);
    CU_ASSERT(g.op->accepts_selection);
    struct weir_rows *rows = weir_test_rows(g.s.env.pool, g.in, "1 | 10, x, 1\n2 | 20, y, 2\n3 | 30, z, 3");
    struct weir_buffer *bits = weir_pool_take(g.s.env.pool, 8);
    bits->bytes[0] = 6;
    struct weir_rows *some = weir_rows_select(g.s.env.pool, rows, bits, 2);
    weir_rows_release(rows);
    CU_ASSERT_EQUAL(stage_rows(&g, some), WEIR_OK);
    stage_expect(&g, "2 | 2, 20\n3 | 3, 30\n");
    CU_ASSERT_EQUAL(g.op->counters.rows_out, 2);
    stage_end(&g);
}

WEIR_SUITE(select_op) = {{"fields are picked in the order asked for", fields_are_picked_in_the_order_asked_for},
                         {"a selection stays", a_selection_stays},
                         {NULL, NULL}};
