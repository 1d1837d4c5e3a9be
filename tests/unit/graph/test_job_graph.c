/* Chaining: every condition of A1 alone, the words for it, and random graphs against the conditions written down once
 * more. */
#include "graph/job_graph.h"

#include <stdio.h>

#include "unit/graph/fixture.h"

static void destroy(struct weir_job_graph *job, struct weir_stream_graph *graph)
{
    weir_job_graph_destroy(job);
    weir_stream_graph_destroy(graph, NULL);
}

/* Builds, asserts that edge `e` is not chained for this reason (NULL: chained), and frees the graph. */
static void expect_reason(struct weir_stream_graph *graph, uint32_t e, const char *reason)
{
    struct weir_job_graph *job = fixture_job(graph);
    CU_ASSERT_EQUAL(job->chained[e], reason == NULL);
    if (reason)
        WEIR_ASSERT_CONTAINS(job->why_not[e], reason);
    else
        CU_ASSERT_PTR_NULL(job->why_not[e]);
    destroy(job, graph);
}

static void chains_a_line_into_one_vertex(void)
{
    struct weir_stream_graph *graph = fixture_line();
    struct weir_job_graph *job = fixture_job(graph);
    CU_ASSERT_EQUAL(job->n_vertices, 1);
    CU_ASSERT_EQUAL(job->vertices[0].n_nodes, 3);
    CU_ASSERT_EQUAL(job->vertices[0].n_in_edges + job->vertices[0].n_out_edges, 0);
    CU_ASSERT_EQUAL(job->vertices[0].parallelism, 2);
    CU_ASSERT_STRING_EQUAL(job->vertices[0].slot_group, "default");
    destroy(job, graph);
}

static void one_in_edge(void)
{
    struct weir_stream_graph *graph = weir_stream_graph_create();
    fixture_node(graph, WEIR_NODE_SOURCE, "a", 1);
    fixture_node(graph, WEIR_NODE_SOURCE, "b", 1);
    fixture_node(graph, WEIR_NODE_OPERATOR, "join", 1);
    fixture_edge(graph, 0, 2);
    fixture_edge(graph, 1, 2)->to_input = 1;
    expect_reason(graph, 1, "'join' has 2 inputs");
}

static void union_is_unchainable(void)
{
    struct weir_stream_graph *graph = weir_stream_graph_create();
    fixture_node(graph, WEIR_NODE_SOURCE, "a", 1);
    fixture_node(graph, WEIR_NODE_OPERATOR, "both", 1);
    fixture_edge(graph, 0, 1);
    fixture_edge(graph, 0, 1); /* the same stream twice */
    expect_reason(graph, 0, "'both' is a union of several streams");
}

static void chaining_off(void)
{
    struct weir_stream_graph *graph = fixture_line();
    graph->chaining = false;
    expect_reason(graph, 0, "chaining is off for the whole job");
}

static void same_slot_group(void)
{
    struct weir_stream_graph *graph = fixture_line();
    graph->nodes[1]->slot_group = weir_strdup("heavy");
    expect_reason(graph, 0, "different slot groups: 'default' and 'heavy'");
    graph = fixture_line();
    graph->nodes[1]->slot_group = weir_strdup("heavy");
    expect_reason(graph, 1, NULL); /* sink inherits it */
}

static void strategies(void)
{
    static const struct {
        enum weir_chain_strategy source, map, sink;
        const char *first, *second;
    } cases[] = {
        {WEIR_CHAIN_ALWAYS, WEIR_CHAIN_HEAD, WEIR_CHAIN_ALWAYS, "'map' starts a new chain", NULL},
        {WEIR_CHAIN_ALWAYS, WEIR_CHAIN_NEVER, WEIR_CHAIN_ALWAYS, "'map' is never chained", "'map' is never chained"},
        {WEIR_CHAIN_NEVER, WEIR_CHAIN_ALWAYS, WEIR_CHAIN_ALWAYS, "'source' is never chained", NULL},
        {WEIR_CHAIN_HEAD, WEIR_CHAIN_ALWAYS, WEIR_CHAIN_HEAD, NULL, "'sink' starts a new chain"},
        {WEIR_CHAIN_ALWAYS, WEIR_CHAIN_HEAD_WITH_SOURCES, WEIR_CHAIN_ALWAYS, NULL, NULL},
        {WEIR_CHAIN_ALWAYS, WEIR_CHAIN_ALWAYS, WEIR_CHAIN_HEAD_WITH_SOURCES, NULL,
         "'sink' chains to sources only, and 'map' is not one"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (uint32_t e = 0; e < 2; e++) {
            struct weir_stream_graph *graph = fixture_line();
            graph->nodes[0]->chain = cases[i].source;
            graph->nodes[1]->chain = cases[i].map;
            graph->nodes[2]->chain = cases[i].sink;
            expect_reason(graph, e, e == 0 ? cases[i].first : cases[i].second);
        }
    }
}

static void forward_only(void)
{
    static const char *const reasons[] = {"rebalance", "rescale", "shuffle", "broadcast", "global", "custom", "key_by"};
    for (uint32_t i = 0; i < 7; i++) {
        struct weir_stream_graph *graph = fixture_line();
        char reason[64];
        snprintf(reason, sizeof reason, "the edge is %s, not forward", reasons[i]);
        graph->edges[0]->partition = (enum weir_partition_kind)(WEIR_PARTITION_REBALANCE + i);
        graph->edges[0]->explicit_partition = true;
        expect_reason(graph, 0, reason);
    }
}

static void equal_parallelism(void)
{
    struct weir_stream_graph *graph = weir_stream_graph_create();
    fixture_node(graph, WEIR_NODE_SOURCE, "a", 2);
    fixture_node(graph, WEIR_NODE_OPERATOR, "b", 4);
    fixture_edge(graph, 0, 1);
    expect_reason(graph, 0, "different parallelism: 2 and 4");
}

static void maximum_parallelism_may_differ(void)
{
    struct weir_stream_graph *graph = fixture_line();
    graph->nodes[1]->max_parallelism = 4096;
    expect_reason(graph, 0, NULL);
}

static void blocking_nodes_are_alone(void)
{
    for (uint32_t blocking = 0; blocking < 3; blocking++) {
        for (uint32_t e = 0; e < 2; e++) {
            struct weir_stream_graph *graph = fixture_line();
            char reason[64];
            graph->nodes[blocking]->blocking = true;
            snprintf(reason, sizeof reason, "'%s' blocks", graph->nodes[blocking]->id);
            expect_reason(graph, e, blocking == e || blocking == e + 1 ? reason : NULL);
        }
    }
}

/* source -> (a, b -> c), with a side output of the source to b. */
static void chains_several_successors_and_side_outputs(void)
{
    struct weir_stream_graph *graph = weir_stream_graph_create();
    fixture_node(graph, WEIR_NODE_SOURCE, "source", 2);
    fixture_node(graph, WEIR_NODE_OPERATOR, "a", 2);
    fixture_node(graph, WEIR_NODE_OPERATOR, "b", 2);
    fixture_node(graph, WEIR_NODE_SINK, "c", 2);
    fixture_add_output(graph->nodes[0], "malformed", fixture_schema("raw", WEIR_STRING, false));
    fixture_edge(graph, 0, 1);
    weir_stream_graph_add_edge(graph, 0, 1, 2, 0);
    fixture_edge(graph, 2, 3);
    struct weir_job_graph *job = fixture_job(graph);
    struct weir_text name = {0};
    CU_ASSERT_EQUAL_FATAL(job->n_vertices, 1);
    weir_text_add_vertex(&name, job, 0);
    CU_ASSERT_STRING_EQUAL(weir_text_get(&name), "source -> (a, b -> c)");
    weir_text_finish(&name);
    destroy(job, graph);
}

static void slot_groups_are_inherited_when_all_inputs_agree(void)
{
    struct weir_stream_graph *graph = weir_stream_graph_create();
    static const char *const expected[] = {"red", "red", "green", "red", "default", "default"};
    fixture_node(graph, WEIR_NODE_SOURCE, "r1", 1);
    fixture_node(graph, WEIR_NODE_SOURCE, "r2", 1);
    fixture_node(graph, WEIR_NODE_SOURCE, "g", 1);
    fixture_node(graph, WEIR_NODE_OPERATOR, "agree", 1);
    fixture_node(graph, WEIR_NODE_OPERATOR, "differ", 1);
    fixture_node(graph, WEIR_NODE_OPERATOR, "below", 1);
    for (uint32_t i = 0; i < 3; i++) graph->nodes[i]->slot_group = weir_strdup(expected[i]);
    fixture_edge(graph, 0, 3);
    fixture_edge(graph, 1, 3);
    fixture_edge(graph, 0, 4);
    fixture_edge(graph, 2, 4);
    fixture_edge(graph, 1, 4); /* agrees with the first again: still no agreement */
    fixture_edge(graph, 4, 5);
    struct weir_job_graph *job = fixture_job(graph);
    for (uint32_t i = 0; i < 6; i++) CU_ASSERT_STRING_EQUAL(job->slot_group[i], expected[i]);
    destroy(job, graph);
}

static void expect_error(struct weir_stream_graph *graph, const char *message)
{
    struct weir_job_graph *job;
    struct weir_error error = {0};
    CU_ASSERT_EQUAL(weir_job_graph_build(graph, &job, &error), WEIR_E_CONFIG);
    CU_ASSERT_PTR_NULL(job);
    WEIR_ASSERT_CONTAINS(error.text, message);
    weir_stream_graph_destroy(graph, NULL);
}

static void explicit_forward_with_unequal_parallelism_is_an_error(void)
{
    struct weir_stream_graph *graph = fixture_line();
    graph->nodes[2]->parallelism = 4;
    graph->nodes[2]->place = weir_strdup("job.yaml:12:5");
    graph->edges[1]->explicit_partition = true;
    expect_error(graph, "job.yaml:12:5: a forward edge needs equal parallelism, but 'map' has 2 and 'sink' has 4");
}

static void parallelism_has_bounds(void)
{
    struct weir_stream_graph *graph = fixture_line();
    graph->nodes[1]->parallelism = 0;
    expect_error(graph, "node 'map' has parallelism 0, expected 1 to 128");
    graph = fixture_line();
    graph->nodes[1]->parallelism = 129;
    expect_error(graph, "node 'map' has parallelism 129, expected 1 to 128");
}

/* ---- random graphs ------------------------------------------------------------------------------------------------- */

static bool may_chain(const struct weir_job_graph *job, const struct weir_stream_edge *edge)
{
    const struct weir_stream_graph *graph = job->stream;
    const struct weir_stream_node *up = graph->nodes[edge->from], *down = graph->nodes[edge->to];
    uint32_t n_in = 0;
    for (uint32_t e = 0; e < graph->n_edges; e++) n_in += graph->edges[e]->to == edge->to;
    return n_in == 1 && graph->chaining && strcmp(job->slot_group[edge->from], job->slot_group[edge->to]) == 0 &&
           up->chain != WEIR_CHAIN_NEVER &&
           (down->chain == WEIR_CHAIN_ALWAYS ||
            (down->chain == WEIR_CHAIN_HEAD_WITH_SOURCES && up->kind == WEIR_NODE_SOURCE)) &&
           edge->partition == WEIR_PARTITION_FORWARD && up->parallelism == down->parallelism && !up->blocking &&
           !down->blocking;
}

static void check_members(const struct weir_job_graph *job, uint32_t *times_seen)
{
    for (uint32_t v = 0; v < job->n_vertices; v++) {
        const struct weir_vertex *vertex = &job->vertices[v];
        CU_ASSERT_EQUAL(vertex->index, v);
        if (v > 0) CU_ASSERT_TRUE(vertex->nodes[0] > job->vertices[v - 1].nodes[0]);
        for (uint32_t i = 0; i < vertex->n_nodes; i++) {
            const struct weir_stream_node *node = job->stream->nodes[vertex->nodes[i]];
            times_seen[node->index]++;
            CU_ASSERT_EQUAL(job->vertex_of[node->index], v);
            CU_ASSERT_EQUAL(node->parallelism, vertex->parallelism);
            CU_ASSERT_EQUAL(node->blocking, vertex->blocking);
            CU_ASSERT_STRING_EQUAL(job->slot_group[node->index], vertex->slot_group);
            if (node->blocking) CU_ASSERT_EQUAL(vertex->n_nodes, 1);
            if (i > 0) CU_ASSERT_TRUE(vertex->nodes[i] > vertex->nodes[i - 1]);
        }
    }
}

/* A vertex of n nodes has n - 1 chained edges inside and none that leaves it: it is a tree. */
static void check_edges(const struct weir_job_graph *job)
{
    uint32_t n_chained = 0, n_in = 0, n_out = 0;
    for (uint32_t e = 0; e < job->stream->n_edges; e++) {
        const struct weir_stream_edge *edge = job->stream->edges[e];
        CU_ASSERT_EQUAL(job->chained[e], may_chain(job, edge));
        CU_ASSERT_EQUAL(job->chained[e], job->why_not[e] == NULL);
        n_chained += job->chained[e];
        if (job->chained[e]) CU_ASSERT_EQUAL(job->vertex_of[edge->from], job->vertex_of[edge->to]);
        if (!job->chained[e]) CU_ASSERT_EQUAL(job->vertices[job->vertex_of[edge->to]].nodes[0], edge->to);
    }
    for (uint32_t v = 0; v < job->n_vertices; v++) {
        const struct weir_vertex *vertex = &job->vertices[v];
        n_in += vertex->n_in_edges;
        n_out += vertex->n_out_edges;
        for (uint32_t i = 0; i < vertex->n_in_edges; i++)
            CU_ASSERT_EQUAL(job->vertex_of[job->stream->edges[vertex->in_edges[i]]->to], v);
        for (uint32_t i = 0; i < vertex->n_out_edges; i++)
            CU_ASSERT_EQUAL(job->vertex_of[job->stream->edges[vertex->out_edges[i]]->from], v);
    }
    CU_ASSERT_EQUAL(job->n_vertices, job->stream->n_nodes - n_chained);
    CU_ASSERT_EQUAL(n_in, job->stream->n_edges - n_chained);
    CU_ASSERT_EQUAL(n_out, n_in);
}

static void random_graphs_keep_the_invariants(void)
{
    struct weir_random random = {.state = 20240611};
    size_t before = weir_allocated_blocks();
    uint32_t n_chained = 0;
    for (int round = 0; round < 3000; round++) {
        struct weir_stream_graph *graph = fixture_random(&random);
        struct weir_job_graph *job = fixture_job(graph);
        uint32_t times_seen[16] = {0};
        check_members(job, times_seen);
        for (uint32_t i = 0; i < graph->n_nodes; i++) CU_ASSERT_EQUAL(times_seen[i], 1);
        check_edges(job);
        n_chained += graph->n_nodes - job->n_vertices;
        destroy(job, graph);
    }
    CU_ASSERT_TRUE(n_chained > 1000); /* the generator does make chains */
    CU_ASSERT_EQUAL(weir_allocated_blocks(), before);
}

WEIR_SUITE(job_graph) = {
    {"chains a line into one vertex", chains_a_line_into_one_vertex},
    {"(1) chains only to a node with one in-edge", one_in_edge},
    {"(8) a union is unchainable", union_is_unchainable},
    {"(2) chaining can be off for the whole job", chaining_off},
    {"(3) chains only within a slot group", same_slot_group},
    {"(4) follows the strategies of both nodes", strategies},
    {"(5) chains forward edges only", forward_only},
    {"(6) chains equal parallelism only", equal_parallelism},
    {"(7) maximum parallelism may differ", maximum_parallelism_may_differ},
    {"blocking nodes are chains of their own", blocking_nodes_are_alone},
    {"chains several successors and side outputs", chains_several_successors_and_side_outputs},
    {"slot groups are inherited when all inputs agree", slot_groups_are_inherited_when_all_inputs_agree},
    {"explicit forward with unequal parallelism is an error", explicit_forward_with_unequal_parallelism_is_an_error},
    {"parallelism has bounds", parallelism_has_bounds},
    {"random graphs keep the invariants", random_graphs_keep_the_invariants},
    {NULL, NULL},
};
