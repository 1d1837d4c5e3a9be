/* graph/job_graph.c - chaining: which edges are calls and which are channels, and the vertices that follow from that.
 *
 * Pure functions of the stream graph; any thread. The conditions are those of StreamingJobGraphGenerator.isChainable in
 * Flink, in its order, so that why_not names the first that fails; one is added: a blocking node has a thread of its own.
 *
 * A chained edge leads to a node with one in-edge, hence: (1) a vertex is a tree of stream nodes, (2) all channels into a
 * vertex lead to its head, (3) vertices numbered by their heads are in topological order.
 */
#include "graph/job_graph.h"

#include <string.h>

#include "base/alloc.h"

static const char *const default_group = "default";

/* ---- checks -------------------------------------------------------------------------------------------------------- */

static const char *place_of(const struct weir_stream_node *node)
{
    return node->place ? node->place : "the graph";
}

static weir_status check_node(const struct weir_stream_node *node, struct weir_error *error)
{
    if (node->parallelism > 0 && node->parallelism <= node->max_parallelism) return WEIR_OK;
    return weir_error_set(error, WEIR_E_CONFIG,
                          "%s: node '%s' has parallelism %u, expected 1 to %u (its maximum parallelism)", place_of(node),
                          node->id, node->parallelism, node->max_parallelism);
}

static weir_status check_edge(const struct weir_stream_graph *graph, const struct weir_stream_edge *edge,
                              struct weir_error *error)
{
    const struct weir_stream_node *from = graph->nodes[edge->from], *to = graph->nodes[edge->to];
    if (edge->from_port >= from->n_outputs)
        return weir_error_set(error, WEIR_E_BUG, "%s: node '%s' reads output %u of '%s', which has %u", place_of(to), to->id,
                              edge->from_port, from->id, from->n_outputs);
    bool fits = edge->partition == WEIR_PARTITION_FORWARD    ? from->parallelism == to->parallelism
                : edge->partition == WEIR_PARTITION_STRAIGHT ? from->parallelism <= to->parallelism
                                                             : true;
    if (fits) return WEIR_OK;
    return weir_error_set(error, WEIR_E_CONFIG,
                          "%s: a %s edge needs %s, but '%s' has %u and '%s' has %u; "
                          "make them equal, or partition by rebalance or rescale",
                          place_of(to), weir_partition_name(edge->partition),
                          edge->partition == WEIR_PARTITION_FORWARD ? "equal parallelism" : "no less parallelism", from->id,
                          from->parallelism, to->id, to->parallelism);
}

static weir_status check(const struct weir_stream_graph *graph, struct weir_error *error)
{
    weir_status status = WEIR_OK;
    for (uint32_t i = 0; i < graph->n_nodes && status == WEIR_OK; i++) status = check_node(graph->nodes[i], error);
    for (uint32_t i = 0; i < graph->n_edges && status == WEIR_OK; i++) status = check_edge(graph, graph->edges[i], error);
    return status;
}

/* ---- slot groups --------------------------------------------------------------------------------------------------- */

/* Explicit, else the inputs' group if all agree, else "default". Edges are grouped by `to`: one pass over both will do. */
static void resolve_slot_groups(struct weir_job_graph *job)
{
    const struct weir_stream_graph *graph = job->stream;
    uint32_t e = 0;
    for (uint32_t i = 0; i < graph->n_nodes; i++) {
        const char *group = NULL;
        for (; e < graph->n_edges && graph->edges[e]->to == i; e++) {
            const char *input = job->slot_group[graph->edges[e]->from];
            if (!group) group = input;
            if (strcmp(group, input) != 0) group = default_group;
        }
        job->slot_group[i] = graph->nodes[i]->slot_group ? graph->nodes[i]->slot_group : group ? group : default_group;
    }
}

/* ---- chaining ------------------------------------------------------------------------------------------------------ */

/* (1) one in-edge; (8) no second in-edge of the same input, which is the union's case of (1). */
static char *why_not_inputs(const struct weir_stream_graph *graph, const struct weir_stream_edge *edge, uint32_t n_in_edges)
{
    const char *to = graph->nodes[edge->to]->id;
    if (n_in_edges == 1) return NULL;
    for (uint32_t e = 0; e < graph->n_edges; e++) {
        const struct weir_stream_edge *other = graph->edges[e];
        if (other != edge && other->to == edge->to && other->to_input == edge->to_input)
            return weir_format("'%s' is a union of several streams", to);
    }
    return weir_format("'%s' has %u inputs", to, n_in_edges);
}

static char *why_not_strategy(const struct weir_stream_node *from, const struct weir_stream_node *to)
{
    if (from->chain == WEIR_CHAIN_NEVER) return weir_format("'%s' is never chained", from->id);
    if (to->chain == WEIR_CHAIN_NEVER) return weir_format("'%s' is never chained", to->id);
    if (to->chain == WEIR_CHAIN_HEAD) return weir_format("'%s' starts a new chain", to->id);
    if (to->chain == WEIR_CHAIN_HEAD_WITH_SOURCES && from->kind != WEIR_NODE_SOURCE)
        return weir_format("'%s' chains to sources only, and '%s' is not one", to->id, from->id);
    return NULL;
}

static char *why_not_blocking(const struct weir_stream_node *from, const struct weir_stream_node *to)
{
    const struct weir_stream_node *node = from->blocking ? from : to;
    return node->blocking ? weir_format("'%s' blocks, so it has a thread of its own", node->id) : NULL;
}

/* (5) and (6). A default edge is no forward because the parallelisms differ: that is the reason a reader looks for. */
static char *why_not_partition(const struct weir_stream_edge *edge, const struct weir_stream_node *from,
                               const struct weir_stream_node *to)
{
    enum weir_partition_kind kind = edge->partition;
    bool is_default = kind == WEIR_PARTITION_FORWARD || kind == WEIR_PARTITION_REBALANCE ||
                      kind == WEIR_PARTITION_STRAIGHT || kind == WEIR_PARTITION_RESCALE;
    if (from->parallelism != to->parallelism && is_default && !edge->explicit_partition)
        return weir_format("different parallelism: %u and %u", from->parallelism, to->parallelism);
    if (edge->partition != WEIR_PARTITION_FORWARD)
        return weir_format("the edge is %s, not forward", weir_partition_name(edge->partition));
    return NULL;
}

static char *why_not(const struct weir_job_graph *job, const struct weir_stream_edge *edge, uint32_t n_in_edges)
{
    const struct weir_stream_graph *graph = job->stream;
    const struct weir_stream_node *from = graph->nodes[edge->from], *to = graph->nodes[edge->to];
    const char *from_group = job->slot_group[edge->from], *to_group = job->slot_group[edge->to];
    char *reason = why_not_inputs(graph, edge, n_in_edges);
    if (!reason && !graph->chaining) reason = weir_format("chaining is off for the whole job");
    if (!reason && strcmp(from_group, to_group) != 0)
        reason = weir_format("different slot groups: '%s' and '%s'", from_group, to_group);
    if (!reason) reason = why_not_strategy(from, to);
    if (!reason) reason = why_not_blocking(from, to);
    if (!reason) reason = why_not_partition(edge, from, to);
    return reason;
}

static void decide_chaining(struct weir_job_graph *job)
{
    const struct weir_stream_graph *graph = job->stream;
    uint32_t *n_in_edges = weir_alloc_array(graph->n_nodes + 1, sizeof *n_in_edges);
    for (uint32_t e = 0; e < graph->n_edges; e++) n_in_edges[graph->edges[e]->to]++;
    for (uint32_t e = 0; e < graph->n_edges; e++) {
        job->why_not[e] = why_not(job, graph->edges[e], n_in_edges[graph->edges[e]->to]);
        job->chained[e] = !job->why_not[e];
    }
    weir_free(n_in_edges);
}

/* ---- vertices ------------------------------------------------------------------------------------------------------ */

static void append(uint32_t **items, uint32_t *n, uint32_t item)
{
    *items = weir_realloc_array(*items, *n, *n + 1, sizeof **items);
    (*items)[(*n)++] = item;
}

static uint32_t add_vertex(struct weir_job_graph *job, uint32_t head)
{
    const struct weir_stream_node *node = job->stream->nodes[head];
    struct weir_vertex *vertex = &job->vertices[job->n_vertices];
    vertex->index = job->n_vertices;
    vertex->parallelism = node->parallelism;
    vertex->max_parallelism = node->max_parallelism;
    vertex->slot_group = job->slot_group[head];
    vertex->blocking = node->blocking;
    return job->n_vertices++;
}

static void make_vertices(struct weir_job_graph *job)
{
    const struct weir_stream_graph *graph = job->stream;
    uint32_t e = 0;
    for (uint32_t i = 0; i < graph->n_nodes; i++) {
        bool is_member = e < graph->n_edges && graph->edges[e]->to == i && job->chained[e];
        job->vertex_of[i] = is_member ? job->vertex_of[graph->edges[e]->from] : add_vertex(job, i);
        struct weir_vertex *vertex = &job->vertices[job->vertex_of[i]];
        append(&vertex->nodes, &vertex->n_nodes, i);
        while (e < graph->n_edges && graph->edges[e]->to == i) e++;
    }
}

static void connect_vertices(struct weir_job_graph *job)
{
    for (uint32_t e = 0; e < job->stream->n_edges; e++) {
        if (job->chained[e]) continue;
        struct weir_vertex *from = &job->vertices[job->vertex_of[job->stream->edges[e]->from]];
        struct weir_vertex *to = &job->vertices[job->vertex_of[job->stream->edges[e]->to]];
        append(&from->out_edges, &from->n_out_edges, e);
        append(&to->in_edges, &to->n_in_edges, e);
    }
}

weir_status weir_job_graph_build(const struct weir_stream_graph *graph, struct weir_job_graph **out,
                                 struct weir_error *error)
{
    *out = NULL;
    weir_status status = check(graph, error);
    if (status != WEIR_OK) return status;
    struct weir_job_graph *job = weir_alloc(sizeof *job);
    job->stream = graph;
    job->vertices = weir_alloc_array(graph->n_nodes + 1, sizeof *job->vertices);
    job->vertex_of = weir_alloc_array(graph->n_nodes + 1, sizeof *job->vertex_of);
    job->slot_group = weir_alloc_array(graph->n_nodes + 1, sizeof *job->slot_group);
    job->chained = weir_alloc_array(graph->n_edges + 1, sizeof *job->chained);
    job->why_not = weir_alloc_array(graph->n_edges + 1, sizeof *job->why_not);
    resolve_slot_groups(job);
    decide_chaining(job);
    make_vertices(job);
    connect_vertices(job);
    *out = job;
    return WEIR_OK;
}

void weir_job_graph_destroy(struct weir_job_graph *job)
{
    if (!job) return;
    for (uint32_t i = 0; i < job->n_vertices; i++) {
        weir_free(job->vertices[i].nodes);
        weir_free(job->vertices[i].in_edges);
        weir_free(job->vertices[i].out_edges);
    }
    for (uint32_t e = 0; e < job->stream->n_edges; e++) weir_free(job->why_not[e]);
    weir_free(job->vertices);
    weir_free(job->vertex_of);
    weir_free(job->slot_group);
    weir_free(job->chained);
    weir_free(job->why_not);
    weir_free(job);
}

/* ---- names --------------------------------------------------------------------------------------------------------- */

static void add_chain(struct weir_text *text, const struct weir_job_graph *job, uint32_t node)
{
    const struct weir_stream_graph *graph = job->stream;
    uint32_t n_successors = 0, seen = 0;
    for (uint32_t e = 0; e < graph->n_edges; e++) n_successors += graph->edges[e]->from == node && job->chained[e];
    weir_text_add(text, "%s%s", graph->nodes[node]->id, n_successors == 0 ? "" : n_successors == 1 ? " -> " : " -> (");
    for (uint32_t e = 0; e < graph->n_edges; e++) {
        if (graph->edges[e]->from != node || !job->chained[e]) continue;
        if (seen++ > 0) weir_text_add(text, ", ");
        add_chain(text, job, graph->edges[e]->to);
    }
    if (n_successors > 1) weir_text_add(text, ")");
}

void weir_text_add_vertex(struct weir_text *text, const struct weir_job_graph *job, uint32_t vertex)
{
    add_chain(text, job, job->vertices[vertex].nodes[0]);
}
