/* graph/job_graph.h - the second graph: stream nodes chained into vertices (semantics A1).
 *
 * Floor 2, pure data. A vertex is a tree of stream nodes that run in one subtask and pass records by call; its edges are
 * channels.
 */
#ifndef WEIR_GRAPH_JOB_GRAPH_H
#define WEIR_GRAPH_JOB_GRAPH_H

#include "base/error.h"
#include "graph/stream_graph.h"

struct weir_vertex {
    uint32_t index;
    uint32_t *nodes, n_nodes; /* stream node indexes, head first, in topological order */
    uint32_t parallelism, max_parallelism; /* of the head */
    const char *slot_group;   /* resolved; the stream graph's memory, or static */
    bool blocking;
    uint32_t *in_edges, n_in_edges, *out_edges, n_out_edges; /* stream edge indexes that are channels; ascending */
};
struct weir_job_graph {
    const struct weir_stream_graph *stream; /* outlives this */
    struct weir_vertex *vertices;           /* topological order of their heads */
    uint32_t n_vertices;
    uint32_t *vertex_of;     /* by stream node */
    bool *chained;           /* by stream edge */
    char **why_not;          /* by stream edge: the first condition of A1 that forbids chaining; NULL when chained; owned */
    const char **slot_group; /* by stream node: resolved */
};
/* WEIR_E_CONFIG when a forward edge joins unequal parallelism, or a parallelism is 0 or above its maximum. */
WEIR_CHECKED weir_status weir_job_graph_build(const struct weir_stream_graph *, struct weir_job_graph **,
                                              struct weir_error *);
void weir_job_graph_destroy(struct weir_job_graph *); /* NULL is fine */

/* A vertex for people: "log -> clock -> (views, rejected)". */
void weir_text_add_vertex(struct weir_text *, const struct weir_job_graph *, uint32_t vertex);

#endif
