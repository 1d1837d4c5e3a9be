/* graph/stream_graph.c - building and freeing the stream graph.
 *
 * One thread builds it (the loader's), then it is immutable and any thread reads it. Invariants: nodes are in topological
 * order (every edge goes from a smaller index to a larger one) and edges are grouped by the node they lead to, so a
 * builder adds the edges of one node after the other. Both are asserted here and relied upon everywhere.
 */
#include "graph/stream_graph.h"

#include "base/alloc.h"

enum { DEFAULT_BATCH_ROWS = 1024, DEFAULT_CHANNEL_BATCHES = 16, DEFAULT_OVERFLOW_BYTES = 64 << 20 };
enum { DEFAULT_WAIT_WARNING_MS = 60000, DEFAULT_WATCHDOG_MS = 60000 };
enum { DEFAULT_MAX_PARALLELISM = 128 }; /* what A2 gives for parallelism 1; the loader sets it by the node's own */

struct weir_stream_graph *weir_stream_graph_create(void)
{
    struct weir_stream_graph *graph = weir_alloc(sizeof *graph);
    graph->chaining = true;
    graph->batch_rows = DEFAULT_BATCH_ROWS;
    graph->wait_warning_ms = DEFAULT_WAIT_WARNING_MS;
    graph->watchdog_ms = DEFAULT_WATCHDOG_MS;
    graph->checkpoint =
        (struct weir_checkpoint_config){.timeout_ms = 600000, .keep = 1, .max_concurrent = 1, .full_every = 10};
    graph->channel_batches = DEFAULT_CHANNEL_BATCHES;
    graph->overflow_bytes = DEFAULT_OVERFLOW_BYTES;
    return graph;
}

struct weir_stream_node *weir_stream_graph_add_node(struct weir_stream_graph *graph, enum weir_node_kind kind,
                                                    const char *id, const char *uid)
{
    graph->nodes = weir_realloc_array(graph->nodes, graph->n_nodes, graph->n_nodes + 1, sizeof *graph->nodes);
    struct weir_stream_node *node = weir_alloc(sizeof *node);
    node->index = graph->n_nodes;
    node->kind = kind;
    node->id = weir_strdup(id);
    node->uid = weir_strdup(uid);
    node->time.field = -1;
    node->parallelism = 1;
    node->max_parallelism = DEFAULT_MAX_PARALLELISM;
    graph->nodes[graph->n_nodes++] = node;
    return node;
}

enum weir_partition_kind weir_default_partition(uint32_t from_parallelism, uint32_t to_parallelism)
{
    return from_parallelism == to_parallelism ? WEIR_PARTITION_FORWARD : WEIR_PARTITION_REBALANCE;
}

struct weir_stream_edge *weir_stream_graph_add_edge(struct weir_stream_graph *graph, uint32_t from, uint32_t from_port,
                                                    uint32_t to, uint32_t to_input)
{
    WEIR_ASSERT(from < to && to < graph->n_nodes);
    WEIR_ASSERT(graph->n_edges == 0 || graph->edges[graph->n_edges - 1]->to <= to);
    graph->edges = weir_realloc_array(graph->edges, graph->n_edges, graph->n_edges + 1, sizeof *graph->edges);
    struct weir_stream_edge *edge = weir_alloc(sizeof *edge);
    edge->index = graph->n_edges;
    edge->from = from;
    edge->from_port = from_port;
    edge->to = to;
    edge->to_input = to_input;
    edge->partition = weir_default_partition(graph->nodes[from]->parallelism, graph->nodes[to]->parallelism);
    graph->edges[graph->n_edges++] = edge;
    return edge;
}

static void free_part(struct weir_part_spec *part, void (*destroy_part)(struct weir_part_spec *))
{
    if (part && destroy_part) destroy_part(part);
}

static void free_outputs(struct weir_stream_node *node)
{
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        weir_free(node->outputs[i].name);
        weir_schema_release(node->outputs[i].schema);
    }
    weir_free(node->outputs);
}

static void free_window(struct weir_window_config *window, void (*destroy_part)(struct weir_part_spec *))
{
    for (uint32_t i = 0; i < window->n_aggregates; i++) {
        weir_free(window->aggregates[i].name);
        weir_free(window->aggregates[i].args);
        free_part(window->aggregates[i].part, destroy_part);
    }
    weir_free(window->aggregates);
    free_part(window->assigner, destroy_part);
    free_part(window->trigger, destroy_part);
    free_part(window->evictor, destroy_part);
    free_part(window->reducer, destroy_part);
    weir_free(window->reducer_args);
    free_part(window->function, destroy_part);
    weir_free(window->function_args);
    weir_schema_release(window->aggregated);
}

static void free_input(struct weir_node_input *input)
{
    if (!input) return;
    weir_schema_release(input->in);
    weir_free(input->name);
    weir_free(input->args);
    weir_free(input->key_fields);
    weir_free(input);
}

static void free_node(struct weir_stream_node *node, void (*destroy_part)(struct weir_part_spec *))
{
    free_part(node->part, destroy_part);
    free_part(node->time.generator, destroy_part);
    weir_free(node->facts);
    free_window(&node->window, destroy_part);
    free_outputs(node);
    weir_schema_release(node->in);
    weir_free(node->in_name);
    weir_schema_release(node->join.both);
    free_input(node->second);
    weir_free(node->id);
    weir_free(node->uid);
    weir_free(node->title);
    weir_free(node->args);
    weir_free(node->key_fields);
    weir_free(node->picks);
    weir_free(node->ttl);
    for (uint32_t i = 0; i < node->n_computed; i++) weir_free(node->computed[i].expression);
    weir_free(node->computed);
    weir_free(node->condition);
    weir_call_config_finish(&node->call);
    weir_free(node->slot_group);
    weir_free(node->place);
    weir_free(node);
}

static void free_edge(struct weir_stream_edge *edge, void (*destroy_part)(struct weir_part_spec *))
{
    free_part(edge->part, destroy_part);
    weir_free(edge->key_fields);
    weir_free(edge->args);
    weir_free(edge);
}

void weir_state_config_destroy(struct weir_state_config *state, void (*destroy_part)(struct weir_part_spec *))
{
    if (!state) return;
    if (state->owns_backend) free_part(state->backend, destroy_part);
    weir_free(state->name);
    weir_free(state->directory);
    weir_free(state);
}

void weir_stream_graph_destroy(struct weir_stream_graph *graph, void (*destroy_part)(struct weir_part_spec *))
{
    if (!graph) return;
    for (uint32_t i = 0; i < graph->n_edges; i++) free_edge(graph->edges[i], destroy_part);
    for (uint32_t i = 0; i < graph->n_nodes; i++) free_node(graph->nodes[i], destroy_part);
    for (uint32_t i = 0; i < graph->n_states; i++) weir_state_config_destroy(graph->states[i], destroy_part);
    weir_free(graph->states);
    weir_free(graph->edges);
    weir_free(graph->nodes);
    weir_free(graph->job);
    weir_free(graph->base_dir);
    weir_free(graph->manifest);
    weir_free(graph->checkpoint.directory);
    weir_free(graph->checkpoint.savepoints);
    weir_free(graph->checkpoint.place);
    free_part(graph->checkpoint.storage, destroy_part);
    weir_free(graph);
}

const struct weir_schema *weir_stream_edge_schema(const struct weir_stream_graph *graph, const struct weir_stream_edge *edge)
{
    const struct weir_stream_node *from = graph->nodes[edge->from];
    WEIR_ASSERT(edge->from_port < from->n_outputs);
    return from->outputs[edge->from_port].schema;
}

const char *weir_partition_name(enum weir_partition_kind kind)
{
    static const char *const names[] = {
        [WEIR_PARTITION_FORWARD] = "forward",     [WEIR_PARTITION_REBALANCE] = "rebalance",
        [WEIR_PARTITION_RESCALE] = "rescale",     [WEIR_PARTITION_SHUFFLE] = "shuffle",
        [WEIR_PARTITION_BROADCAST] = "broadcast", [WEIR_PARTITION_GLOBAL] = "global",
        [WEIR_PARTITION_CUSTOM] = "custom",       [WEIR_PARTITION_KEY] = "key_by",
        [WEIR_PARTITION_STRAIGHT] = "straight",
    };
    WEIR_ASSERT((unsigned)kind < sizeof names / sizeof *names && names[kind]);
    return names[kind];
}

const char *weir_node_kind_name(enum weir_node_kind kind)
{
    static const char *const names[] = {
        [WEIR_NODE_SOURCE] = "source", [WEIR_NODE_OPERATOR] = "operator", [WEIR_NODE_REDUCE] = "reduce",
        [WEIR_NODE_TIME] = "time",     [WEIR_NODE_SELECT] = "select",     [WEIR_NODE_EXPR] = "expression",
        [WEIR_NODE_WINDOW] = "window", [WEIR_NODE_SINK] = "sink",         [WEIR_NODE_CALL] = "call",
        [WEIR_NODE_JOIN] = "join",     [WEIR_NODE_ASYNC] = "async",
    };
    WEIR_ASSERT((unsigned)kind < sizeof names / sizeof *names && names[kind]);
    return names[kind];
}
