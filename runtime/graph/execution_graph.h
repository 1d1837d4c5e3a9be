/* graph/execution_graph.h - the third graph: vertices cut into subtasks, placed in slots, joined by channels.
 *
 * Floor 2, pure data. A slot holds at most one subtask of each vertex of one slot sharing group; slots needed = sum over groups of the
 * largest parallelism in the group. Subtask i of a vertex goes to slot i of its group.
 */
#ifndef WEIR_GRAPH_EXECUTION_GRAPH_H
#define WEIR_GRAPH_EXECUTION_GRAPH_H

#include "graph/job_graph.h"

struct weir_subtask_plan {
    uint32_t vertex, subtask, slot;
};
/* A channel: one sender subtask to one receiver subtask along one stream edge. */
struct weir_channel_plan {
    uint32_t edge;           /* stream edge */
    uint32_t from, to;       /* subtask indexes (into subtasks) */
    uint32_t sender_channel, receiver_channel; /* position among the sender's channels of that edge; among all of the receiver's input channels */
};
struct weir_execution_graph {
    const struct weir_job_graph *job; /* outlives this */
    struct weir_subtask_plan *subtasks; /* grouped by vertex, subtask 0 first */
    uint32_t n_subtasks;
    struct weir_channel_plan *channels; /* grouped by edge, by sender, by receiver */
    uint32_t n_channels;
    uint32_t n_slots;
    const char **slot_group;            /* by slot */
};
WEIR_CHECKED weir_status weir_execution_graph_build(const struct weir_job_graph *, struct weir_execution_graph **, struct weir_error *);
void weir_execution_graph_destroy(struct weir_execution_graph *);

/* Which receivers sender i of M feeds among N (A3): FORWARD and RESCALE are pointwise, all others all-to-all. [first, end) */
void weir_partition_targets(enum weir_partition_kind, uint32_t i, uint32_t m, uint32_t n, uint32_t *first, uint32_t *end);
/* Bytes that the channels may hold at most: by channel, batches x estimated bytes of a full batch of the edge's schema. */
uint64_t weir_channel_memory(const struct weir_stream_graph *, const struct weir_stream_edge *);

#endif
