/* graph/print_diagram.c - the graphs as boxes and arrows, drawn with a pen (Graphviz dot or Mermaid). */
#include "graph/print_internal.h"

#include <string.h>

static enum weir__shape shape_of(const struct weir_stream_node *node)
{
    return node->kind == WEIR_NODE_SOURCE || node->kind == WEIR_NODE_SINK ? WEIR__ROUND : WEIR__BOX;
}

static void begin(struct weir_text *text, const struct weir__pen *pen, const char *which,
                  const struct weir_stream_graph *graph)
{
    struct weir_text title = {0};
    weir_text_add(&title, "%s of job '%s'", which, weir__job_name(graph));
    pen->begin(text, weir_text_get(&title));
    weir_text_finish(&title);
}

static void draw_node(struct weir_text *text, const struct weir__pen *pen, const struct weir_stream_node *node, int depth)
{
    struct weir_text label = {0};
    weir_text_add(&label, "%s\n%s", node->id, weir__node_title(node));
    if (depth == 0) weir_text_add(&label, "\n");
    if (depth == 0) weir__add_parallelism(&label, node);
    pen->node(text, (struct weir__name){'n', node->index}, shape_of(node), weir_text_get(&label), depth);
    weir_text_finish(&label);
}

/* "key_by user", then the rows that travel. */
static void add_edge_label(struct weir_text *label, const struct weir_stream_graph *graph,
                           const struct weir_stream_edge *edge)
{
    weir__add_partition(label, graph, edge);
    weir_text_add(label, "\n");
    weir__add_port(label, weir__port_of(graph, edge));
}

void weir__draw_stream_graph(struct weir_text *text, const struct weir__pen *pen, const struct weir_stream_graph *graph)
{
    struct weir_text label = {0};
    begin(text, pen, "Stream graph", graph);
    for (uint32_t i = 0; i < graph->n_nodes; i++) draw_node(text, pen, graph->nodes[i], 0);
    for (uint32_t e = 0; e < graph->n_edges; e++) {
        const struct weir_stream_edge *edge = graph->edges[e];
        add_edge_label(&label, graph, edge);
        pen->edge(text, (struct weir__name){'n', edge->from}, (struct weir__name){'n', edge->to}, WEIR__PLAIN,
                  weir_text_get(&label));
        weir_text_finish(&label);
    }
    pen->end(text);
}

static void draw_vertex(struct weir_text *text, const struct weir__pen *pen, const struct weir_job_graph *job, uint32_t v)
{
    const struct weir_vertex *vertex = &job->vertices[v];
    struct weir_text label = {0};
    weir_text_add_vertex(&label, job, v);
    weir_text_add(&label, "\nparallelism %u, slot group '%s'", vertex->parallelism, vertex->slot_group);
    pen->open_group(text, (struct weir__name){'v', v}, weir_text_get(&label));
    for (uint32_t i = 0; i < vertex->n_nodes; i++) draw_node(text, pen, job->stream->nodes[vertex->nodes[i]], 1);
    pen->close_group(text);
    weir_text_finish(&label);
}

void weir__draw_job_graph(struct weir_text *text, const struct weir__pen *pen, const struct weir_job_graph *job)
{
    struct weir_text label = {0};
    begin(text, pen, "Job graph", job->stream);
    for (uint32_t v = 0; v < job->n_vertices; v++) draw_vertex(text, pen, job, v);
    for (uint32_t e = 0; e < job->stream->n_edges; e++) {
        const struct weir_stream_edge *edge = job->stream->edges[e];
        add_edge_label(&label, job->stream, edge);
        if (job->why_not[e]) weir_text_add(&label, "\nnot chained: %s", job->why_not[e]);
        pen->edge(text, (struct weir__name){'n', edge->from}, (struct weir__name){'n', edge->to},
                  job->chained[e] ? WEIR__PLAIN : WEIR__THICK, weir_text_get(&label));
        weir_text_finish(&label);
    }
    pen->end(text);
}

static void draw_subtask(struct weir_text *text, const struct weir__pen *pen, const struct weir_execution_graph *graph,
                         uint32_t i)
{
    const struct weir_subtask_plan *subtask = &graph->subtasks[i];
    const struct weir_vertex *vertex = &graph->job->vertices[subtask->vertex];
    struct weir_text label = {0};
    weir_text_add_vertex(&label, graph->job, subtask->vertex);
    weir_text_add(&label, "\nsubtask %u/%u", subtask->subtask + 1, vertex->parallelism);
    pen->node(text, (struct weir__name){'t', i}, shape_of(graph->job->stream->nodes[vertex->nodes[0]]),
              weir_text_get(&label), 1);
    weir_text_finish(&label);
}

static void draw_slot(struct weir_text *text, const struct weir__pen *pen, const struct weir_execution_graph *graph,
                      uint32_t slot)
{
    const struct weir_job_graph *job = graph->job;
    struct weir_text label = {0};
    weir_text_add(&label, "slot %u, group '%s'", slot, graph->slot_group[slot]);
    pen->open_group(text, (struct weir__name){'s', slot}, weir_text_get(&label));
    for (uint32_t v = 0; v < job->n_vertices; v++) {
        uint32_t first = graph->first_subtask[v], first_slot = graph->subtasks[first].slot;
        if (slot >= first_slot && slot < first_slot + job->vertices[v].parallelism)
            draw_subtask(text, pen, graph, first + slot - first_slot);
    }
    pen->close_group(text);
    weir_text_finish(&label);
}

/* The label of all channels of an edge stands at the first. */
static void draw_channel(struct weir_text *text, const struct weir__pen *pen, const struct weir_execution_graph *graph,
                         uint32_t i)
{
    const struct weir_channel_plan *channel = &graph->channels[i];
    const struct weir_stream_graph *stream = graph->job->stream;
    struct weir_text label = {0};
    if (i == 0 || graph->channels[i - 1].edge != channel->edge) {
        add_edge_label(&label, stream, stream->edges[channel->edge]);
        weir_text_add(&label, "\n");
        weir__add_plural(&label, weir__edge_channels(graph->job, channel->edge), "channel, at most ", "channels, at most ");
        weir_text_add_size(&label, (int64_t)weir__edge_memory(graph->job, channel->edge));
    }
    pen->edge(text, (struct weir__name){'t', channel->from}, (struct weir__name){'t', channel->to}, WEIR__PLAIN,
              weir_text_get(&label));
    weir_text_finish(&label);
}

void weir__draw_execution_graph(struct weir_text *text, const struct weir__pen *pen,
                                const struct weir_execution_graph *graph)
{
    begin(text, pen, "Execution graph", graph->job->stream);
    for (uint32_t slot = 0; slot < graph->n_slots; slot++) draw_slot(text, pen, graph, slot);
    for (uint32_t i = 0; i < graph->n_channels; i++) draw_channel(text, pen, graph, i);
    pen->end(text);
}
