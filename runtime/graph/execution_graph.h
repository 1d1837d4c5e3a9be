/* graph/execution_graph.h - the third graph: vertices cut into subtasks, placed in slots, joined by channels.
 *
 * Floor 2, pure data. A slot holds at most one subtask of each vertex of one slot sharing group; slots needed = sum over
 * groups of the largest parallelism in the group. Subtask i of a vertex goes to slot i of its group.
 */
#ifndef WEIR_GRAPH_EXECUTION_GRAPH_H
#define WEIR_GRAPH_EXECUTION_GRAPH_H

#include "graph/job_graph.h"

struct weir_subtask_plan {
    uint32_t vertex, subtask, slot;
};
/* A channel: one sender subtask to one receiver subtask along one stream edge. */
struct weir_channel_plan {
    uint32_t edge;             /* stream edge */
    uint32_t from, to;         /* subtask indexes (into subtasks) */
    uint32_t sender_channel;   /* position among the sender's channels of that edge */
    uint32_t receiver_channel; /* position among all of the receiver's input channels */
};
struct weir_execution_graph {
    const struct weir_job_graph *job;   /* outlives this */
    struct weir_subtask_plan *subtasks; /* grouped by vertex, subtask 0 first */
    uint32_t n_subtasks;
    struct weir_channel_plan *channels; /* grouped by edge, by sender, by receiver */
    uint32_t n_channels;
    uint32_t n_slots;
    const char **slot_group; /* by slot; slots of a group are neighbours */
    uint32_t *first_subtask; /* by vertex: index of its subtask 0 */
};
#define WEIR_MAX_CHANNELS (1u << 24)
/* WEIR_E_CONFIG when the job needs more channels than that, WEIR_E_MEMORY when there is no memory for them. */
WEIR_CHECKED weir_status weir_execution_graph_build(const struct weir_job_graph *, struct weir_execution_graph **,
                                                    struct weir_error *);
void weir_execution_graph_destroy(struct weir_execution_graph *); /* NULL is fine */

/* Which receivers [first, end) of n sender i of m feeds (A3): FORWARD, STRAIGHT and RESCALE are
 * pointwise, all others all-to-all. */
void weir_partition_targets(enum weir_partition_kind, uint32_t i, uint32_t m, uint32_t n, uint32_t *first, uint32_t *end);
bool weir_partition_is_pointwise(enum weir_partition_kind);
/* Channels of an edge from m senders to n receivers. */
uint64_t weir_partition_channels(enum weir_partition_kind, uint32_t m, uint32_t n);

/* Batches of a channel that exist beside those queued: one full and one growing batch parked at the sender
 * (channel/writer.h), and the one that the receiver works on. */
#define WEIR_CHANNEL_EXTRA_BATCHES (2 + 1)
/* Bytes of a full batch of the schema, estimated: rows x (the fixed widths, 16 bytes for each string, bytes or any
 * column, its offset included, and 8 bytes of event time), and a bit per row for each bool and each nullable column. */
uint64_t weir_batch_memory(const struct weir_schema *, uint32_t rows);
/* Bytes that one channel of the edge may hold at most: (capacity + 2 + 1) such batches. */
uint64_t weir_channel_memory(const struct weir_stream_graph *, const struct weir_stream_edge *);

#endif
