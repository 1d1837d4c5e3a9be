/* A partitioner component as a channel writer calls it. */
#include "operator/custom_partition.h"

#include "base/running.h"
#include "unit/operator/stage.h"

struct edge_stage {
    struct stage g;
    struct weir_stream_edge edge;
    uint32_t args[1];
    struct weir_custom_partition *partition;
};

static void set_up(struct edge_stage *e)
{
    stage_init(&e->g, WEIR_NODE_SELECT, "word: string, n: i64", NULL);
    e->args[0] = 1;
    e->edge = (struct weir_stream_edge){.partition = WEIR_PARTITION_CUSTOM,
                                        .part = weir_op_stage_part(&e->g.s, WEIR_PARTITIONER, "by_n"),
                                        .args = e->args,
                                        .n_args = 1};
    CU_ASSERT_EQUAL_FATAL(weir_custom_partition_create(&e->edge, e->g.in, &e->g.s.env, e->g.s.registry, "node 'x'",
                                                       &e->partition, &e->g.error),
                          WEIR_OK);
    CU_ASSERT_EQUAL_FATAL(weir_custom_partition_open(e->partition, &e->g.error), WEIR_OK);
}
static void tear_down(struct edge_stage *e)
{
    weir_custom_partition_close(e->partition);
    weir_custom_partition_destroy(e->partition);
    weir_part_spec_destroy(e->edge.part);
    stage_end(&e->g);
}

static void every_row_gets_its_target(void)
{
    struct edge_stage e;
    uint32_t targets[4] = {9, 9, 9, 9};
    set_up(&e);
    struct weir_rows *rows = weir_test_rows(e.g.s.env.pool, e.g.in, "1 | a, 0\n1 | b, 7\n1 | c, 2\n1 | d, -1");
    CU_ASSERT_EQUAL(weir_custom_partition_targets(e.partition, rows, 3, targets, &e.g.error), WEIR_OK);
    const uint32_t expected[4] = {0, 1, 2, 7}; /* the writer refuses the last one */
    for (int i = 0; i < 4; i++) CU_ASSERT_EQUAL(targets[i], expected[i]);
    CU_ASSERT_EQUAL(weir_custom_partition_targets(e.partition, rows, 3, targets, &e.g.error), WEIR_OK);
    weir_rows_release(rows);
    tear_down(&e);
}

static void a_failure_names_node_component_and_record(void)
{
    struct edge_stage e;
    uint32_t targets[4];
    set_up(&e);
    struct weir_rows *rows = weir_test_rows(e.g.s.env.pool, e.g.in, "1 | a, 0\n1 | b, -13");
    static const struct weir_running_place chain = {.where = "the chain"};
    weir_running_begin(&chain);
    CU_ASSERT_EQUAL(weir_custom_partition_targets(e.partition, rows, 3, targets, &e.g.error), WEIR_E_DATA);
    CU_ASSERT_PTR_EQUAL(weir_running_begin(NULL), &chain);
    WEIR_ASSERT_CONTAINS(e.g.error.text, "node 'x': nobody wants -13");
    WEIR_ASSERT_CONTAINS(e.g.error.text, "component: test.toy_ends/by_n of ");
    WEIR_ASSERT_CONTAINS(e.g.error.text, "record: {n: -13}");
    weir_rows_release(rows);
    tear_down(&e);
}

WEIR_SUITE(custom_partition) = {{"every row gets its target", every_row_gets_its_target},
                                {"a failure names node, component and record", a_failure_names_node_component_and_record},
                                {NULL, NULL}};
