/* graph/print.c - choosing the printer, and the words that all printers use for edges, nodes and numbers. */
#include "graph/print.h"

#include <string.h>

#include "graph/print_internal.h"

/* ---- words --------------------------------------------------------------------------------------------------------- */

const char *weir__job_name(const struct weir_stream_graph *graph)
{
    return graph->job ? graph->job : "";
}

const char *weir__node_title(const struct weir_stream_node *node)
{
    return node->title ? node->title : weir_node_kind_name(node->kind);
}

const char *weir__chain_name(enum weir_chain_strategy chain)
{
    switch (chain) {
    case WEIR_CHAIN_HEAD: return "head";
    case WEIR_CHAIN_NEVER: return "never";
    case WEIR_CHAIN_HEAD_WITH_SOURCES: return "head_with_sources";
    case WEIR_CHAIN_ALWAYS: break;
    }
    return "always";
}

const char *weir__chain_words(enum weir_chain_strategy chain)
{
    switch (chain) {
    case WEIR_CHAIN_HEAD: return "starts a new chain";
    case WEIR_CHAIN_NEVER: return "never chained";
    case WEIR_CHAIN_HEAD_WITH_SOURCES: return "chained to sources only";
    case WEIR_CHAIN_ALWAYS: break;
    }
    return NULL;
}

const struct weir_output_port *weir__port_of(const struct weir_stream_graph *graph, const struct weir_stream_edge *edge)
{
    return &graph->nodes[edge->from]->outputs[edge->from_port];
}

void weir__add_fields(struct weir_text *text, const struct weir_schema *schema, const uint32_t *fields, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        weir_text_add(text, "%s%s", i ? ", " : "", weir_schema_field_at(schema, fields[i])->name);
    }
}

void weir__add_partition(struct weir_text *text, const struct weir_stream_graph *graph, const struct weir_stream_edge *edge)
{
    const struct weir_schema *schema = weir_stream_edge_schema(graph, edge);
    weir_text_add(text, "%s", weir_partition_name(edge->partition));
    if (edge->partition == WEIR_PARTITION_KEY) {
        weir_text_add(text, " ");
        weir__add_fields(text, schema, edge->key_fields, edge->n_key_fields);
    } else if (edge->partition == WEIR_PARTITION_CUSTOM && edge->n_args > 0) {
        weir_text_add(text, " by ");
        weir__add_fields(text, schema, edge->args, edge->n_args);
    }
}

void weir__add_port(struct weir_text *text, const struct weir_output_port *port)
{
    weir_text_add(text, "%s(", port->name ? port->name : "");
    weir_text_add_schema(text, port->schema);
    weir_text_add(text, ")");
}

void weir__add_parallelism(struct weir_text *text, const struct weir_stream_node *node)
{
    weir_text_add(text, "parallelism %u%s", node->parallelism, node->before_key ? ", the input's: before the key" : "");
}

void weir__add_plural(struct weir_text *text, uint64_t n, const char *singular, const char *plural)
{
    weir_text_add_count(text, n);
    weir_text_add(text, " %s", n == 1 ? singular : plural);
}

/* ---- numbers ------------------------------------------------------------------------------------------------------- */

uint64_t weir__edge_channels(const struct weir_job_graph *job, uint32_t edge)
{
    const struct weir_stream_edge *e = job->stream->edges[edge];
    if (job->chained[edge]) return 0;
    return weir_partition_channels(e->partition, job->stream->nodes[e->from]->parallelism,
                                   job->stream->nodes[e->to]->parallelism);
}

uint64_t weir__edge_memory(const struct weir_job_graph *job, uint32_t edge)
{
    return weir__edge_channels(job, edge) * weir_channel_memory(job->stream, job->stream->edges[edge]);
}

uint64_t weir__total_memory(const struct weir_job_graph *job)
{
    uint64_t bytes = 0;
    for (uint32_t e = 0; e < job->stream->n_edges; e++) bytes += weir__edge_memory(job, e);
    return bytes;
}

/* ---- checkpoints --------------------------------------------------------------------------------------------------- */

void weir_print_checkpoints(struct weir_text *text, const struct weir_stream_graph *graph)
{
    const struct weir_checkpoint_config *c = &graph->checkpoint;
    if (!c->directory) return;
    weir_text_add(text, "Checkpoints go to %s every ", c->place ? c->place : c->directory);
    weir_text_add_duration(text, c->every_ms);
    weir_text_add(text, ", and the newest %s", c->keep == 1 ? "one stays" : "");
    if (c->keep > 1) weir_text_add(text, "%u stay", c->keep);
    weir_text_add(text, "; savepoints go to %s\n", c->savepoints ? c->savepoints : c->directory);
}

static void add_checkpoints(struct weir_text *text, const struct weir_stream_graph *graph)
{
    if (graph->checkpoint.directory) weir_text_add(text, "\n");
    weir_print_checkpoints(text, graph);
}

/* ---- the choice ---------------------------------------------------------------------------------------------------- */

static const struct weir__pen *pen_of(enum weir_graph_format format)
{
    return format == WEIR_FORMAT_DOT ? &weir__dot_pen : &weir__mermaid_pen;
}

void weir_print_stream_graph(struct weir_text *text, const struct weir_stream_graph *graph, enum weir_graph_format format)
{
    if (format == WEIR_FORMAT_TEXT) {
        weir__text_stream_graph(text, graph);
        add_checkpoints(text, graph);
    } else if (format == WEIR_FORMAT_JSON) {
        weir__json_stream_graph(text, graph);
    } else {
        weir__draw_stream_graph(text, pen_of(format), graph);
    }
}

void weir_print_job_graph(struct weir_text *text, const struct weir_job_graph *graph, enum weir_graph_format format)
{
    if (format == WEIR_FORMAT_TEXT) {
        weir__text_job_graph(text, graph);
        add_checkpoints(text, graph->stream);
    } else if (format == WEIR_FORMAT_JSON) {
        weir__json_job_graph(text, graph);
    } else {
        weir__draw_job_graph(text, pen_of(format), graph);
    }
}

void weir_print_execution_graph(struct weir_text *text, const struct weir_execution_graph *graph,
                                enum weir_graph_format format)
{
    if (format == WEIR_FORMAT_TEXT) {
        weir__text_execution_graph(text, graph);
        add_checkpoints(text, graph->job->stream);
    } else if (format == WEIR_FORMAT_JSON) {
        weir__json_execution_graph(text, graph);
    } else {
        weir__draw_execution_graph(text, pen_of(format), graph);
    }
}
