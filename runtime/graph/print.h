/* graph/print.h - the three graphs as text, Graphviz dot, Mermaid and JSON.
 *
 * Floor 2. Pure functions of the graph; any thread. The keys of the JSON are listed in print_json.c; they are stable:
 * keys may be added, none is renamed.
 */
#ifndef WEIR_GRAPH_PRINT_H
#define WEIR_GRAPH_PRINT_H

#include "base/text.h"
#include "graph/execution_graph.h"

enum weir_graph_format { WEIR_FORMAT_TEXT = 1, WEIR_FORMAT_DOT, WEIR_FORMAT_MERMAID, WEIR_FORMAT_JSON };

/* Each shows schemas and partitioners on the edges; the job graph also why an edge is not chained, and the execution
 * graph the memory of the channels. */
void weir_print_stream_graph(struct weir_text *, const struct weir_stream_graph *, enum weir_graph_format);
void weir_print_job_graph(struct weir_text *, const struct weir_job_graph *, enum weir_graph_format);
void weir_print_execution_graph(struct weir_text *, const struct weir_execution_graph *, enum weir_graph_format);
/* Where checkpoints and savepoints go, a line; nothing of a job that takes no checkpoints. */
void weir_print_checkpoints(struct weir_text *, const struct weir_stream_graph *);

#endif
