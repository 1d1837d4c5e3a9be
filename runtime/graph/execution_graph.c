/* graph/execution_graph.c - subtasks, slots and channels of a job graph.
 *
 * Pure functions of the job graph; any thread. The rescale mapping is that of
 * EdgeManagerBuildUtil.connectPointwise in Flink.
 */
#include "graph/execution_graph.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"

enum { TIME_BYTES = 8, VARIABLE_BYTES = 16 }; /* per row; see weir_batch_memory */

/* ---- the geometry of an edge --------------------------------------------------------------------------------------- */

bool weir_partition_is_pointwise(enum weir_partition_kind kind)
{
    return kind == WEIR_PARTITION_FORWARD || kind == WEIR_PARTITION_RESCALE || kind == WEIR_PARTITION_STRAIGHT;
}

/* m >= n: consumer j reads producers [j*m/n, (j+1)*m/n), so producer i belongs to the largest j with j*m/n <= i. */
static void rescale_targets(uint64_t i, uint64_t m, uint64_t n, uint32_t *first, uint32_t *end)
{
    if (m >= n) {
        *first = (uint32_t)(((i + 1) * n - 1) / m);
        *end = *first + 1;
    } else {
        *first = (uint32_t)((i * n + m - 1) / m);
        *end = (uint32_t)(((i + 1) * n + m - 1) / m);
    }
}

void weir_partition_targets(enum weir_partition_kind kind, uint32_t i, uint32_t m, uint32_t n, uint32_t *first,
                            uint32_t *end)
{
    WEIR_ASSERT(i < m && n > 0);
    if (kind == WEIR_PARTITION_FORWARD || kind == WEIR_PARTITION_STRAIGHT) {
        WEIR_ASSERT(kind == WEIR_PARTITION_FORWARD ? m == n : m <= n);
        *first = i;
        *end = i + 1;
    } else if (kind == WEIR_PARTITION_RESCALE) {
        rescale_targets(i, m, n, first, end);
    } else {
        *first = 0;
        *end = n;
    }
}

uint64_t weir_partition_channels(enum weir_partition_kind kind, uint32_t m, uint32_t n)
{
    if (kind == WEIR_PARTITION_STRAIGHT) return m;
    if (weir_partition_is_pointwise(kind)) return m > n ? m : n;
    return (uint64_t)m * n;
}

/* ---- memory -------------------------------------------------------------------------------------------------------- */

uint64_t weir_batch_memory(const struct weir_schema *schema, uint32_t rows)
{
    uint64_t bytes_per_row = TIME_BYTES, bitmaps = 0, bitmap_bytes = ((uint64_t)rows + 7) / 8;
    for (uint32_t i = 0; i < weir_schema_count(schema); i++) {
        const weir_schema_field *field = weir_schema_field_at(schema, i);
        weir_type type = (weir_type)field->type;
        bytes_per_row += weir_type_is_variable(type) ? VARIABLE_BYTES : weir_type_size(type);
        bitmaps += (type == WEIR_BOOL) + (field->nullable != 0);
    }
    return rows * bytes_per_row + bitmaps * bitmap_bytes;
}

uint64_t weir_channel_memory(const struct weir_stream_graph *graph, const struct weir_stream_edge *edge)
{
    uint64_t batches = (uint64_t)graph->channel_batches + WEIR_CHANNEL_EXTRA_BATCHES;
    return batches * weir_batch_memory(weir_stream_edge_schema(graph, edge), graph->batch_rows);
}

/* ---- slots and subtasks -------------------------------------------------------------------------------------------- */

struct slot_group {
    const char *name;
    uint32_t n_slots, first_slot;
};

static struct slot_group *find_group(struct slot_group *groups, uint32_t n_groups, const char *name)
{
    for (uint32_t g = 0; g < n_groups; g++) {
        if (strcmp(groups[g].name, name) == 0) return &groups[g];
    }
    return NULL;
}

/* A group needs as many slots as its widest vertex has subtasks. Groups in the order of their first vertices. */
static uint32_t size_groups(const struct weir_job_graph *job, struct slot_group *groups)
{
    uint32_t n_groups = 0;
    for (uint32_t v = 0; v < job->n_vertices; v++) {
        const struct weir_vertex *vertex = &job->vertices[v];
        struct slot_group *group = find_group(groups, n_groups, vertex->slot_group);
        if (!group) {
            group = &groups[n_groups++];
            group->name = vertex->slot_group;
        }
        if (vertex->parallelism > group->n_slots) group->n_slots = vertex->parallelism;
    }
    return n_groups;
}

static void name_slots(struct weir_execution_graph *graph, struct slot_group *groups, uint32_t n_groups)
{
    for (uint32_t g = 0; g < n_groups; g++) {
        groups[g].first_slot = graph->n_slots;
        graph->n_slots += groups[g].n_slots;
    }
    graph->slot_group = weir_alloc_array((size_t)graph->n_slots + 1, sizeof *graph->slot_group);
    for (uint32_t g = 0; g < n_groups; g++) {
        for (uint32_t i = 0; i < groups[g].n_slots; i++) graph->slot_group[groups[g].first_slot + i] = groups[g].name;
    }
}

static void place_subtasks(struct weir_execution_graph *graph, struct slot_group *groups, uint32_t n_groups)
{
    const struct weir_job_graph *job = graph->job;
    graph->first_subtask = weir_alloc_array((size_t)job->n_vertices + 1, sizeof *graph->first_subtask);
    for (uint32_t v = 0; v < job->n_vertices; v++) {
        graph->first_subtask[v] = graph->n_subtasks;
        graph->n_subtasks += job->vertices[v].parallelism;
    }
    graph->subtasks = weir_alloc_array((size_t)graph->n_subtasks + 1, sizeof *graph->subtasks);
    struct weir_subtask_plan *next = graph->subtasks;
    for (uint32_t v = 0; v < job->n_vertices; v++) {
        const struct slot_group *group = find_group(groups, n_groups, job->vertices[v].slot_group);
        for (uint32_t i = 0; i < job->vertices[v].parallelism; i++) {
            *next++ = (struct weir_subtask_plan){.vertex = v, .subtask = i, .slot = group->first_slot + i};
        }
    }
}

static void make_slots(struct weir_execution_graph *graph)
{
    struct slot_group *groups = weir_alloc_array((size_t)graph->job->n_vertices + 1, sizeof *groups);
    uint32_t n_groups = size_groups(graph->job, groups);
    name_slots(graph, groups, n_groups);
    place_subtasks(graph, groups, n_groups);
    weir_free(groups);
}

/* ---- channels ------------------------------------------------------------------------------------------------------ */

static uint64_t count_channels(const struct weir_job_graph *job)
{
    uint64_t n = 0;
    for (uint32_t e = 0; e < job->stream->n_edges; e++) {
        const struct weir_stream_edge *edge = job->stream->edges[e];
        if (job->chained[e]) continue;
        n += weir_partition_channels(edge->partition, job->stream->nodes[edge->from]->parallelism,
                                     job->stream->nodes[edge->to]->parallelism);
    }
    return n;
}

/* n_inputs: by subtask, input channels so far: a subtask's edges come in ascending order, so the count is the position. */
static void connect_edge(struct weir_execution_graph *graph, const struct weir_stream_edge *edge, uint32_t *n_inputs)
{
    const struct weir_job_graph *job = graph->job;
    uint32_t from_vertex = job->vertex_of[edge->from], to_vertex = job->vertex_of[edge->to];
    uint32_t m = job->vertices[from_vertex].parallelism, n = job->vertices[to_vertex].parallelism;
    for (uint32_t i = 0; i < m; i++) {
        uint32_t first, end;
        weir_partition_targets(edge->partition, i, m, n, &first, &end);
        for (uint32_t j = first; j < end; j++) {
            uint32_t to = graph->first_subtask[to_vertex] + j;
            graph->channels[graph->n_channels++] = (struct weir_channel_plan){.edge = edge->index,
                                                                              .from = graph->first_subtask[from_vertex] + i,
                                                                              .to = to,
                                                                              .sender_channel = j - first,
                                                                              .receiver_channel = n_inputs[to]++};
        }
    }
}

static void connect(struct weir_execution_graph *graph)
{
    uint32_t *n_inputs = weir_alloc_array((size_t)graph->n_subtasks + 1, sizeof *n_inputs);
    for (uint32_t e = 0; e < graph->job->stream->n_edges; e++) {
        if (!graph->job->chained[e]) connect_edge(graph, graph->job->stream->edges[e], n_inputs);
    }
    weir_free(n_inputs);
}

/* One edge of a manifest may ask for 32768 squared channels: more than any machine holds, so it is refused at plan time. */
static weir_status make_channels(struct weir_execution_graph *graph, struct weir_error *error)
{
    uint64_t n = count_channels(graph->job);
    if (n > WEIR_MAX_CHANNELS)
        return weir_error_set(error, WEIR_E_CONFIG,
                              "the job needs %" PRIu64 " channels, expected at most %u; lower the parallelism", n,
                              (unsigned)WEIR_MAX_CHANNELS);
    graph->channels = weir_try_alloc((size_t)(n + 1) * sizeof *graph->channels);
    if (!graph->channels)
        return weir_error_set(error, WEIR_E_MEMORY, "no memory to plan %" PRIu64 " channels; lower the parallelism", n);
    connect(graph);
    WEIR_ASSERT(graph->n_channels == n);
    return WEIR_OK;
}

weir_status weir_execution_graph_build(const struct weir_job_graph *job, struct weir_execution_graph **out,
                                       struct weir_error *error)
{
    struct weir_execution_graph *graph = weir_alloc(sizeof *graph);
    graph->job = job;
    make_slots(graph);
    weir_status status = make_channels(graph, error);
    if (status != WEIR_OK) {
        weir_execution_graph_destroy(graph);
        graph = NULL;
    }
    *out = graph;
    return status;
}

void weir_execution_graph_destroy(struct weir_execution_graph *graph)
{
    if (!graph) return;
    weir_free(graph->subtasks);
    weir_free(graph->channels);
    weir_free(graph->slot_group);
    weir_free(graph->first_subtask);
    weir_free(graph);
}
