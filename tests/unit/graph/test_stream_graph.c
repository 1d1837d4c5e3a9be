/* Building and freeing the stream graph. */
#include "graph/stream_graph.h"

#include <stdio.h>
#include <string.h>

#include "graph/unread.h"
#include "unit/graph/fixture.h"

static void has_the_defaults(void)
{
    struct weir_stream_graph *graph = weir_stream_graph_create();
    CU_ASSERT_TRUE(graph->chaining);
    CU_ASSERT_EQUAL(graph->batch_rows, 1024);
    CU_ASSERT_EQUAL(graph->channel_batches, 16);
    CU_ASSERT_TRUE(graph->overflow_bytes > 0);
    CU_ASSERT_EQUAL(graph->seed, 0);
    weir_stream_graph_destroy(graph, NULL);
    weir_stream_graph_destroy(NULL, NULL);
}

static void numbers_nodes_and_edges(void)
{
    struct weir_stream_graph *graph = fixture_line();
    CU_ASSERT_EQUAL(graph->n_nodes, 3);
    CU_ASSERT_EQUAL(graph->n_edges, 2);
    for (uint32_t i = 0; i < graph->n_nodes; i++) CU_ASSERT_EQUAL(graph->nodes[i]->index, i);
    for (uint32_t i = 0; i < graph->n_edges; i++) CU_ASSERT_EQUAL(graph->edges[i]->index, i);
    CU_ASSERT_STRING_EQUAL(graph->nodes[1]->id, "map");
    CU_ASSERT_STRING_EQUAL(graph->nodes[1]->uid, "map");
    CU_ASSERT_EQUAL(graph->nodes[1]->time.field, -1);
    CU_ASSERT_EQUAL(graph->edges[1]->from, 1);
    CU_ASSERT_EQUAL(graph->edges[1]->to, 2);
    CU_ASSERT_PTR_EQUAL(weir_stream_edge_schema(graph, graph->edges[1]), graph->nodes[1]->outputs[0].schema);
    weir_stream_graph_destroy(graph, NULL);
}

static void default_edge_follows_parallelism(void)
{
    CU_ASSERT_EQUAL(weir_default_partition(3, 3), WEIR_PARTITION_FORWARD);
    CU_ASSERT_EQUAL(weir_default_partition(1, 3), WEIR_PARTITION_REBALANCE);
    struct weir_stream_graph *graph = weir_stream_graph_create();
    uint32_t a = fixture_node(graph, WEIR_NODE_SOURCE, "a", 2), b = fixture_node(graph, WEIR_NODE_OPERATOR, "b", 2);
    uint32_t c = fixture_node(graph, WEIR_NODE_OPERATOR, "c", 3);
    CU_ASSERT_EQUAL(fixture_edge(graph, a, b)->partition, WEIR_PARTITION_FORWARD);
    CU_ASSERT_EQUAL(fixture_edge(graph, b, c)->partition, WEIR_PARTITION_REBALANCE);
    CU_ASSERT_FALSE(graph->edges[0]->explicit_partition);
    weir_stream_graph_destroy(graph, NULL);
}

static void spells_partitions_as_the_manifest_does(void)
{
    static const char *const names[] = {"forward",   "rebalance", "rescale", "shuffle",
                                        "broadcast", "global",    "custom",  "key_by"};
    for (int i = 0; i < 8; i++) CU_ASSERT_STRING_EQUAL(weir_partition_name((enum weir_partition_kind)(i + 1)), names[i]);
    CU_ASSERT_STRING_EQUAL(weir_node_kind_name(WEIR_NODE_SOURCE), "source");
    CU_ASSERT_STRING_EQUAL(weir_node_kind_name(WEIR_NODE_SINK), "sink");
}

static int parts_destroyed;

static void count_part(struct weir_part_spec *part)
{
    parts_destroyed++;
    weir_free(part);
}

static void frees_all_that_it_owns(void)
{
    size_t before = weir_allocated_blocks();
    struct weir_stream_graph *graph = fixture_line();
    struct weir_stream_node *node = graph->nodes[1];
    graph->base_dir = weir_strdup(".");
    node->part = weir_alloc(1);
    node->time.generator = weir_alloc(1);
    node->title = weir_strdup("title");
    node->place = weir_strdup("job.yaml:1:2");
    node->slot_group = weir_strdup("red");
    node->args = weir_alloc(4);
    node->picks = weir_alloc(4);
    fixture_key(&node->key_fields, &node->n_key_fields, 0);
    node->window.aggregates = weir_alloc_array(2, sizeof *node->window.aggregates);
    node->window.n_aggregates = 2; /* the second has no component: window_start */
    node->window.aggregates[0].name = weir_strdup("views");
    node->window.aggregates[0].part = weir_alloc(1);
    node->window.aggregates[0].args = weir_alloc(4);
    graph->edges[1]->part = weir_alloc(1);
    graph->edges[1]->args = weir_alloc(4);
    fixture_key(&graph->edges[1]->key_fields, &graph->edges[1]->n_key_fields, 0);
    parts_destroyed = 0;
    weir_stream_graph_destroy(graph, count_part);
    CU_ASSERT_EQUAL(parts_destroyed, 4);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), before);
}

static bool reads(const struct weir_stream_node *node, const char *fields)
{
    bool unread[4], ok = true;
    weir_stream_node_unread(node, unread);
    for (uint32_t i = 0; i < WEIR_LEN(unread); i++) ok &= unread[i] == !strchr(fields, 'a' + (int)i);
    return ok;
}

/* A window of aggregates needs no field but its key's and theirs; whatever may give a record out needs them all. */
static void knows_what_windows_do_not_read(void)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    struct weir_schema_builder fields = {0};
    for (uint32_t i = 0; i < WEIR_LEN(names); i++) weir_schema_builder_add(&fields, names[i], WEIR_I64, false);
    uint32_t key = 3, arg = 1;
    struct weir_aggregate_config aggregates[] = {{.args = &arg, .n_args = 1}, {.result = WEIR_RESULT_WINDOW_END}};
    struct weir_stream_node node = {.kind = WEIR_NODE_WINDOW,
                                    .in = weir_schema_build(&fields),
                                    .key_fields = &key,
                                    .n_key_fields = 1,
                                    .window = {.periodic = true, .aggregates = aggregates, .n_aggregates = 2}};
    CU_ASSERT(reads(&node, "bd"));
    node.window.late_output = true;
    CU_ASSERT(reads(&node, "abcd"));
    node.window.late_output = false;
    node.window.periodic = false;
    CU_ASSERT(reads(&node, "abcd"));
    node.window.periodic = true;
    node.second = &(struct weir_node_input){.name = NULL};
    CU_ASSERT(reads(&node, "abcd"));
    node.second = NULL;
    node.kind = WEIR_NODE_OPERATOR;
    CU_ASSERT(reads(&node, "abcd"));
    weir_schema_release(node.in);
}

WEIR_SUITE(stream_graph) = {
    {"has the defaults", has_the_defaults},
    {"numbers nodes and edges", numbers_nodes_and_edges},
    {"default edge: equal parallelism is forward, else rebalance", default_edge_follows_parallelism},
    {"spells partitions as the manifest does", spells_partitions_as_the_manifest_does},
    {"frees all that it owns", frees_all_that_it_owns},
    {"knows what windows do not read", knows_what_windows_do_not_read},
    {NULL, NULL},
};
