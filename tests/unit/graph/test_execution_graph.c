/* Subtasks, slots and channels; the rescale mapping against the formulas of A3 read from the consumers' side. */
#include "graph/execution_graph.h"

#include <stdio.h>

#include "unit/graph/fixture.h"

static void destroy(struct weir_execution_graph *graph, struct weir_job_graph *job, struct weir_stream_graph *stream)
{
    weir_execution_graph_destroy(graph);
    weir_job_graph_destroy(job);
    weir_stream_graph_destroy(stream, NULL);
}

/* ---- partitioners -------------------------------------------------------------------------------------------------- */

/* Does producer i feed consumer j? As A3 says it, in each direction. */
static bool rescale_feeds(uint64_t i, uint64_t j, uint64_t m, uint64_t n)
{
    if (m >= n) return j * m / n <= i && i < (j + 1) * m / n;
    return (i * n + m - 1) / m <= j && j < ((i + 1) * n + m - 1) / m;
}

static void check_rescale(uint32_t m, uint32_t n)
{
    uint32_t next = 0, channels = 0;
    for (uint32_t i = 0; i < m; i++) {
        uint32_t first, end;
        weir_partition_targets(WEIR_PARTITION_RESCALE, i, m, n, &first, &end);
        channels += end - first;
        CU_ASSERT_TRUE_FATAL(first < end && end <= n);
        CU_ASSERT_TRUE(first == next || (m > n && first + 1 == next)); /* no consumer is left out */
        next = end;
        for (uint32_t j = 0; j < n; j++) CU_ASSERT_EQUAL_FATAL(first <= j && j < end, rescale_feeds(i, j, m, n));
    }
    CU_ASSERT_EQUAL(next, n);
    CU_ASSERT_EQUAL(channels, weir_partition_channels(WEIR_PARTITION_RESCALE, m, n));
}

static void rescale_matches_the_formulas(void)
{
    for (uint32_t m = 1; m <= 33; m++) {
        for (uint32_t n = 1; n <= 33; n++) check_rescale(m, n);
    }
    check_rescale(1000, 7);
    check_rescale(7, 1000);
}

/* Written down by hand from A3. */
static void rescale_examples(void)
{
    static const struct {
        uint32_t m, n, i, first, end;
    } cases[] = {
        {4, 2, 0, 0, 1},
        {4, 2, 1, 0, 1},
        {4, 2, 2, 1, 2},
        {4, 2, 3, 1, 2}, /* two producers each */
        {2, 4, 0, 0, 2},
        {2, 4, 1, 2, 4}, /* two consumers each */
        {3, 2, 0, 0, 1},
        {3, 2, 1, 1, 2},
        {3, 2, 2, 1, 2}, /* consumer 1 has the larger group */
        {2, 3, 0, 0, 2},
        {2, 3, 1, 2, 3}, /* producer 0 has the larger group */
        {32768, 32767, 32767, 32766, 32767},
        {32767, 32768, 32766, 32767, 32768},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        uint32_t first, end;
        weir_partition_targets(WEIR_PARTITION_RESCALE, cases[c].i, cases[c].m, cases[c].n, &first, &end);
        CU_ASSERT_EQUAL(first, cases[c].first);
        CU_ASSERT_EQUAL(end, cases[c].end);
    }
}

static void others_are_pointwise_or_all_to_all(void)
{
    uint32_t first, end;
    weir_partition_targets(WEIR_PARTITION_FORWARD, 2, 5, 5, &first, &end);
    CU_ASSERT_TRUE(first == 2 && end == 3);
    CU_ASSERT_EQUAL(weir_partition_channels(WEIR_PARTITION_FORWARD, 5, 5), 5);
    for (uint32_t i = 0; i < 3; i++) {
        weir_partition_targets(WEIR_PARTITION_STRAIGHT, i, 3, 5, &first, &end);
        CU_ASSERT_TRUE(first == i && end == i + 1);
    }
    CU_ASSERT_EQUAL(weir_partition_channels(WEIR_PARTITION_STRAIGHT, 3, 5), 3);
    CU_ASSERT_TRUE(weir_partition_is_pointwise(WEIR_PARTITION_STRAIGHT));
    for (int kind = WEIR_PARTITION_REBALANCE; kind <= WEIR_PARTITION_KEY; kind++) {
        if (kind == WEIR_PARTITION_RESCALE) continue;
        weir_partition_targets((enum weir_partition_kind)kind, 2, 5, 3, &first, &end);
        CU_ASSERT_TRUE(first == 0 && end == 3);
        CU_ASSERT_EQUAL(weir_partition_channels((enum weir_partition_kind)kind, 5, 3), 15);
        CU_ASSERT_FALSE(weir_partition_is_pointwise((enum weir_partition_kind)kind));
    }
}

/* ---- slots --------------------------------------------------------------------------------------------------------- */

/* Groups: default max(2, 4) + heavy max(3, 1) = 7. */
static void slots_are_the_sum_over_groups_of_the_largest_parallelism(void)
{
    struct weir_stream_graph *stream = weir_stream_graph_create();
    static const uint32_t parallelism[] = {2, 3, 4, 1};
    for (uint32_t i = 0; i < 4; i++) {
        char id[8];
        snprintf(id, sizeof id, "n%u", i);
        fixture_node(stream, WEIR_NODE_SOURCE, id, parallelism[i]);
        stream->nodes[i]->slot_group = weir_strdup(i % 2 ? "heavy" : "default");
    }
    struct weir_job_graph *job = fixture_job(stream);
    struct weir_execution_graph *graph = fixture_execution(job);
    static const uint32_t slots[] = {0, 1, 4, 5, 6, 0, 1, 2, 3, 4};
    CU_ASSERT_EQUAL(graph->n_slots, 7);
    CU_ASSERT_EQUAL_FATAL(graph->n_subtasks, 10);
    for (uint32_t i = 0; i < 10; i++) CU_ASSERT_EQUAL(graph->subtasks[i].slot, slots[i]);
    CU_ASSERT_STRING_EQUAL(graph->slot_group[3], "default");
    CU_ASSERT_STRING_EQUAL(graph->slot_group[4], "heavy");
    destroy(graph, job, stream);
}

/* ---- channels ------------------------------------------------------------------------------------------------------ */

/* a(2) and b(3) -> key_by -> union(2): every receiver has channels 0, 1 from a and 2, 3, 4 from b. */
static void receivers_number_their_channels_over_all_edges(void)
{
    struct weir_stream_graph *stream = weir_stream_graph_create();
    fixture_node(stream, WEIR_NODE_SOURCE, "a", 2);
    fixture_node(stream, WEIR_NODE_SOURCE, "b", 3);
    fixture_node(stream, WEIR_NODE_OPERATOR, "both", 2);
    fixture_edge(stream, 0, 2)->partition = WEIR_PARTITION_KEY;
    fixture_edge(stream, 1, 2)->partition = WEIR_PARTITION_KEY;
    struct weir_job_graph *job = fixture_job(stream);
    struct weir_execution_graph *graph = fixture_execution(job);
    CU_ASSERT_EQUAL_FATAL(graph->n_channels, 10);
    for (uint32_t c = 0; c < 10; c++) {
        uint32_t sender = c / 2, receiver = c % 2; /* subtasks 0, 1 are a's, 2 to 4 b's, 5 and 6 the union's */
        CU_ASSERT_EQUAL(graph->channels[c].edge, c < 4 ? 0 : 1);
        CU_ASSERT_EQUAL(graph->channels[c].from, sender);
        CU_ASSERT_EQUAL(graph->channels[c].to, 5 + receiver);
        CU_ASSERT_EQUAL(graph->channels[c].sender_channel, receiver);
        CU_ASSERT_EQUAL(graph->channels[c].receiver_channel, sender);
    }
    destroy(graph, job, stream);
}

static void refuses_more_channels_than_a_machine_holds(void)
{
    struct weir_stream_graph *stream = weir_stream_graph_create();
    fixture_node(stream, WEIR_NODE_SOURCE, "a", 32768);
    fixture_node(stream, WEIR_NODE_OPERATOR, "b", 32768);
    for (int i = 0; i < 2; i++) stream->nodes[i]->max_parallelism = 32768;
    fixture_edge(stream, 0, 1)->partition = WEIR_PARTITION_SHUFFLE;
    struct weir_job_graph *job = fixture_job(stream);
    struct weir_execution_graph *graph;
    struct weir_error error = {0};
    CU_ASSERT_EQUAL(weir_execution_graph_build(job, &graph, &error), WEIR_E_CONFIG);
    CU_ASSERT_PTR_NULL(graph);
    WEIR_ASSERT_CONTAINS(error.text, "needs 1073741824 channels, expected at most 16777216; lower the parallelism");
    destroy(NULL, job, stream);
}

/* ---- memory -------------------------------------------------------------------------------------------------------- */

static void memory_counts_widths_bitmaps_and_extra_batches(void)
{
    struct weir_schema_builder builder = {0};
    weir_schema_builder_add(&builder, "flag", WEIR_BOOL, false);  /* 1 bit */
    weir_schema_builder_add(&builder, "small", WEIR_I32, true);   /* 4 bytes and 1 bit */
    weir_schema_builder_add(&builder, "large", WEIR_F64, false);  /* 8 bytes */
    weir_schema_builder_add(&builder, "text", WEIR_STRING, true); /* 16 bytes and 1 bit */
    struct weir_schema *schema = weir_schema_build(&builder);
    CU_ASSERT_EQUAL(weir_batch_memory(schema, 1000), 1000 * (8 + 4 + 8 + 16) + 3 * 125);
    CU_ASSERT_EQUAL(weir_batch_memory(schema, 1), 8 + 4 + 8 + 16 + 3);
    weir_schema_release(schema);

    struct weir_stream_graph *stream = fixture_line(); /* two i64 and the time: 24 bytes a row */
    stream->batch_rows = 100;
    stream->channel_batches = 5;
    CU_ASSERT_EQUAL(weir_channel_memory(stream, stream->edges[0]), (5 + 2 + 1) * 2400);
    weir_stream_graph_destroy(stream, NULL);
}

/* ---- random graphs ------------------------------------------------------------------------------------------------- */

static uint32_t widest_in_group(const struct weir_job_graph *job, const char *group)
{
    uint32_t widest = 0;
    for (uint32_t v = 0; v < job->n_vertices; v++) {
        if (strcmp(job->vertices[v].slot_group, group) == 0 && job->vertices[v].parallelism > widest)
            widest = job->vertices[v].parallelism;
    }
    return widest;
}

static void check_slots(const struct weir_execution_graph *graph)
{
    static const char *const groups[] = {"default", "red", "green"};
    uint32_t n_slots = 0, n_subtasks = 0;
    for (int g = 0; g < 3; g++) n_slots += widest_in_group(graph->job, groups[g]);
    for (uint32_t v = 0; v < graph->job->n_vertices; v++) n_subtasks += graph->job->vertices[v].parallelism;
    CU_ASSERT_EQUAL(graph->n_slots, n_slots);
    CU_ASSERT_EQUAL_FATAL(graph->n_subtasks, n_subtasks);
    for (uint32_t i = 0; i < n_subtasks; i++) {
        const struct weir_subtask_plan *a = &graph->subtasks[i];
        CU_ASSERT_TRUE_FATAL(a->slot < n_slots);
        CU_ASSERT_EQUAL(graph->first_subtask[a->vertex] + a->subtask, i);
        CU_ASSERT_STRING_EQUAL(graph->slot_group[a->slot], graph->job->vertices[a->vertex].slot_group);
        for (uint32_t j = i + 1; j < n_subtasks; j++) {
            CU_ASSERT_FALSE(graph->subtasks[j].slot == a->slot && graph->subtasks[j].vertex == a->vertex);
        }
    }
}

/* The channels of an edge between two subtasks: 1 where the rule connects them, else 0. */
static uint32_t expected_channels(const struct weir_stream_edge *edge, uint32_t i, uint32_t j, uint32_t m, uint32_t n)
{
    if (edge->partition == WEIR_PARTITION_FORWARD) return i == j;
    return edge->partition != WEIR_PARTITION_RESCALE || rescale_feeds(i, j, m, n);
}

static void check_edge(const struct weir_execution_graph *graph, const struct weir_stream_edge *edge, uint32_t *next)
{
    const struct weir_job_graph *job = graph->job;
    uint32_t from = job->vertex_of[edge->from], to = job->vertex_of[edge->to];
    uint32_t m = job->vertices[from].parallelism, n = job->vertices[to].parallelism, first = *next;
    for (uint32_t i = 0; i < m; i++) {
        uint32_t sender_channel = 0;
        for (uint32_t j = 0; j < n; j++) {
            if (!expected_channels(edge, i, j, m, n)) continue;
            const struct weir_channel_plan *channel = &graph->channels[(*next)++];
            CU_ASSERT_EQUAL(channel->edge, edge->index);
            CU_ASSERT_EQUAL(channel->from, graph->first_subtask[from] + i);
            CU_ASSERT_EQUAL(channel->to, graph->first_subtask[to] + j);
            CU_ASSERT_EQUAL(channel->sender_channel, sender_channel++);
        }
    }
    CU_ASSERT_EQUAL(*next - first, weir_partition_channels(edge->partition, m, n));
    if (!weir_partition_is_pointwise(edge->partition)) CU_ASSERT_EQUAL(*next - first, m * n);
}

static void check_receiver_channels(const struct weir_execution_graph *graph)
{
    for (uint32_t t = 0; t < graph->n_subtasks; t++) {
        uint32_t n = 0;
        for (uint32_t c = 0; c < graph->n_channels; c++) {
            if (graph->channels[c].to == t) CU_ASSERT_EQUAL(graph->channels[c].receiver_channel, n++);
        }
    }
}

static void random_graphs_keep_the_invariants(void)
{
    struct weir_random random = {.state = 7};
    size_t before = weir_allocated_blocks();
    for (int round = 0; round < 1000; round++) {
        struct weir_stream_graph *stream = fixture_random(&random);
        struct weir_job_graph *job = fixture_job(stream);
        struct weir_execution_graph *graph = fixture_execution(job);
        uint32_t next = 0;
        check_slots(graph);
        for (uint32_t e = 0; e < stream->n_edges; e++) {
            if (!job->chained[e]) check_edge(graph, stream->edges[e], &next);
        }
        CU_ASSERT_EQUAL(next, graph->n_channels);
        check_receiver_channels(graph);
        destroy(graph, job, stream);
    }
    CU_ASSERT_EQUAL(weir_allocated_blocks(), before);
}

WEIR_SUITE(execution_graph) = {
    {"rescale matches the formulas of A3 in both directions", rescale_matches_the_formulas},
    {"rescale: examples by hand", rescale_examples},
    {"forward and straight are pointwise, the others are all-to-all", others_are_pointwise_or_all_to_all},
    {"slots: the sum over groups of the largest parallelism", slots_are_the_sum_over_groups_of_the_largest_parallelism},
    {"receivers number their channels over all edges", receivers_number_their_channels_over_all_edges},
    {"refuses more channels than a machine holds", refuses_more_channels_than_a_machine_holds},
    {"memory counts widths, bitmaps and extra batches", memory_counts_widths_bitmaps_and_extra_batches},
    {"random graphs keep the invariants", random_graphs_keep_the_invariants},
    {NULL, NULL},
};
