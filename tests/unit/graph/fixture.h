/* unit/graph/fixture.h - small graphs by hand, one that looks like a real job, and random ones. */
#ifndef WEIR_TEST_GRAPH_FIXTURE_H
#define WEIR_TEST_GRAPH_FIXTURE_H

#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "graph/execution_graph.h"
#include "harness/suite.h"

static inline struct weir_schema *fixture_schema(const char *names, weir_type type, bool nullable)
{
    struct weir_schema_builder builder = {0};
    char *copy = weir_strdup(names);
    for (char *rest = copy, *name; (name = strtok_r(rest, " ", &rest));)
        weir_schema_builder_add(&builder, name, type, nullable);
    weir_free(copy);
    return weir_schema_build(&builder);
}

static inline void fixture_add_output(struct weir_stream_node *node, const char *name, struct weir_schema *schema)
{
    node->outputs = weir_realloc_array(node->outputs, node->n_outputs, node->n_outputs + 1, sizeof *node->outputs);
    node->outputs[node->n_outputs++] = (struct weir_output_port){weir_strdup(name), schema};
}

/* A node with one output of two i64 fields (sinks: none). */
static inline uint32_t fixture_node(struct weir_stream_graph *graph, enum weir_node_kind kind, const char *id,
                                    uint32_t parallelism)
{
    struct weir_stream_node *node = weir_stream_graph_add_node(graph, kind, id, id);
    node->parallelism = parallelism;
    if (kind != WEIR_NODE_SOURCE) node->in = fixture_schema("a b", WEIR_I64, false);
    if (kind != WEIR_NODE_SINK) fixture_add_output(node, "", fixture_schema("a b", WEIR_I64, false));
    return node->index;
}

static inline struct weir_stream_edge *fixture_edge(struct weir_stream_graph *graph, uint32_t from, uint32_t to)
{
    return weir_stream_graph_add_edge(graph, from, 0, to, 0);
}

static inline void fixture_key(uint32_t **fields, uint32_t *n, uint32_t field)
{
    *fields = weir_alloc_array(1, sizeof **fields);
    **fields = field;
    *n = 1;
}

/* source -> map -> sink, all of parallelism 2 and chainable. */
static inline struct weir_stream_graph *fixture_line(void)
{
    struct weir_stream_graph *graph = weir_stream_graph_create();
    graph->job = weir_strdup("line");
    fixture_node(graph, WEIR_NODE_SOURCE, "source", 2);
    fixture_node(graph, WEIR_NODE_OPERATOR, "map", 2);
    fixture_node(graph, WEIR_NODE_SINK, "sink", 2);
    fixture_edge(graph, 0, 1);
    fixture_edge(graph, 1, 2);
    return graph;
}

static inline struct weir_job_graph *fixture_job(const struct weir_stream_graph *graph)
{
    struct weir_job_graph *job;
    struct weir_error error = {0};
    weir_status status = weir_job_graph_build(graph, &job, &error);
    if (status != WEIR_OK) fprintf(stderr, "%s\n", error.text);
    CU_ASSERT_EQUAL_FATAL(status, WEIR_OK);
    return job;
}

static inline struct weir_execution_graph *fixture_execution(const struct weir_job_graph *job)
{
    struct weir_execution_graph *graph;
    struct weir_error error = {0};
    CU_ASSERT_EQUAL_FATAL(weir_execution_graph_build(job, &graph, &error), WEIR_OK);
    return graph;
}

/* Any graph that builds: up to 14 nodes, unions, several out-edges, all strategies, three slot groups, blocking nodes. */
static inline struct weir_stream_graph *fixture_random(struct weir_random *random)
{
    static const char *const groups[] = {"default", "red", "green"};
    struct weir_stream_graph *graph = weir_stream_graph_create();
    uint32_t n_nodes = 1 + (uint32_t)weir_random_below(random, 14);
    graph->chaining = weir_random_below(random, 10) > 0;
    for (uint32_t i = 0; i < n_nodes; i++) {
        bool is_source = i == 0 || weir_random_below(random, 5) == 0;
        char id[16];
        snprintf(id, sizeof id, "n%u", i);
        fixture_node(graph, is_source ? WEIR_NODE_SOURCE : WEIR_NODE_OPERATOR, id,
                     1 + (uint32_t)weir_random_below(random, 4));
        struct weir_stream_node *node = graph->nodes[i];
        if (weir_random_below(random, 2)) node->parallelism = 3;
        if (weir_random_below(random, 4) == 0) node->slot_group = weir_strdup(groups[weir_random_below(random, 3)]);
        if (weir_random_below(random, 3) == 0) node->chain = (enum weir_chain_strategy)weir_random_below(random, 4);
        node->blocking = weir_random_below(random, 8) == 0;
        uint64_t n_edges = is_source ? 0 : 1 + (weir_random_below(random, 4) == 0) * weir_random_below(random, 3);
        for (uint64_t e = 0; e < n_edges; e++) {
            struct weir_stream_edge *edge = fixture_edge(graph, (uint32_t)weir_random_below(random, i), i);
            bool is_equal = graph->nodes[edge->from]->parallelism == node->parallelism;
            edge->to_input = (uint32_t)weir_random_below(random, 2);
            if (weir_random_below(random, 2) == 0) continue;
            edge->partition = (enum weir_partition_kind)(2 - is_equal + weir_random_below(random, 7 + is_equal));
            edge->explicit_partition = true;
        }
    }
    return graph;
}

#endif
