/* graph/print_text.c - the graphs for people, as `weir plan` shows them: indented lists in aligned columns.
 *
 * #3 is a stream node, [1] a vertex, -> a call inside a chain or an edge of the stream graph, => a channel. Subtasks
 * count from 1, as print() and the log do.
 */
#include "graph/print_internal.h"

#include <string.h>

#include "base/alloc.h"

/* ---- a table ------------------------------------------------------------------------------------------------------- */

/* Cells are padded to the widest of their column; the last cell of a row is not, and takes no part in the widths. */

enum { MAX_COLUMNS = 4, GAP = 3 };

struct row {
    char *cells[MAX_COLUMNS];
    uint32_t n;
};
struct table { /* zeroed is empty */
    struct row *rows;
    size_t n, capacity;
};

static void add_row(struct table *table)
{
    WEIR_GROW(table->rows, table->capacity, table->n + 1);
    table->n++;
}

/* Takes the text of the cell; it is empty again. */
static void add_cell(struct table *table, struct weir_text *cell)
{
    struct row *row = &table->rows[table->n - 1];
    WEIR_ASSERT(row->n < MAX_COLUMNS);
    weir_text_add(cell, "%s", "");
    row->cells[row->n++] = weir_text_take(cell);
}

static size_t width_of(const char *utf8)
{
    size_t width = 0;
    for (; *utf8; utf8++) width += ((unsigned char)*utf8 & 0xc0) != 0x80;
    return width;
}

static void measure(const struct table *table, size_t widths[MAX_COLUMNS])
{
    for (size_t r = 0; r < table->n; r++) {
        for (uint32_t c = 0; c + 1 < table->rows[r].n; c++) {
            size_t width = width_of(table->rows[r].cells[c]);
            if (width > widths[c]) widths[c] = width;
        }
    }
}

static void print_row(struct weir_text *text, const struct row *row, const size_t widths[MAX_COLUMNS])
{
    for (uint32_t c = 0; c < row->n; c++) {
        bool is_last = c + 1 == row->n;
        weir_text_add(text, "%s", row->cells[c]);
        if (!is_last) weir_text_add(text, "%*s", (int)(widths[c] - width_of(row->cells[c]) + GAP), "");
    }
    weir_text_add(text, "\n");
}

static void print_table(struct weir_text *text, struct table *table)
{
    size_t widths[MAX_COLUMNS] = {0};
    measure(table, widths);
    for (size_t r = 0; r < table->n; r++) {
        print_row(text, &table->rows[r], widths);
        for (uint32_t c = 0; c < table->rows[r].n; c++) weir_free(table->rows[r].cells[c]);
    }
    weir_free(table->rows);
    *table = (struct table){0};
}

/* ---- stream graph -------------------------------------------------------------------------------------------------- */

static void add_node_facts(struct weir_text *text, const struct weir_stream_node *node)
{
    const char *chain = weir__chain_words(node->chain);
    weir__add_parallelism(text, node);
    if (node->n_key_fields > 0) {
        weir_text_add(text, ", keyed by ");
        weir__add_fields(text, node->in, node->key_fields, node->n_key_fields);
        if (node->second && node->second->n_key_fields > 0) {
            weir_text_add(text, " and ");
            weir__add_fields(text, node->second->in, node->second->key_fields, node->second->n_key_fields);
        }
        weir_text_add(text, " (%u key groups)", node->max_parallelism);
    }
    if (node->facts && *node->facts) weir_text_add(text, ", %s", node->facts);
    if (node->state) {
        weir_text_add(text, ", state in %s (cache ", node->state->name);
        weir_text_add_size(text, (int64_t)node->state->cache_bytes);
        weir_text_add(text, ")");
    }
    if (node->kind == WEIR_NODE_ASYNC) {
        weir_text_add(text, ", %s, up to %u in flight", node->async.ordered ? "ordered" : "unordered", node->async.capacity);
        if (node->async.timeout_ms > 0) {
            weir_text_add(text, ", timeout ");
            weir_text_add_duration(text, node->async.timeout_ms);
        }
    }
    if (node->slot_group) weir_text_add(text, ", slot group '%s'", node->slot_group);
    if (chain) weir_text_add(text, ", %s", chain);
    if (node->blocking) weir_text_add(text, ", blocks: own thread");
}

static void add_node_row(struct table *table, const struct weir_stream_node *node)
{
    struct weir_text cell = {0};
    add_row(table);
    weir_text_add(&cell, "#%u %s", node->index, node->id);
    add_cell(table, &cell);
    weir_text_add(&cell, "%s", weir__node_title(node));
    add_cell(table, &cell);
    add_node_facts(&cell, node);
    add_cell(table, &cell);
}

static void add_input(struct weir_text *text, const struct weir_stream_node *to, const struct weir_stream_edge *edge)
{
    const char *name = edge->to_input > 0 && to->second ? to->second->name : to->in_name;
    if (name)
        weir_text_add(text, " (%s)", name);
    else if (edge->to_input > 0)
        weir_text_add(text, " (input %u)", edge->to_input);
}

static void add_edge_row(struct table *table, const struct weir_stream_graph *graph, const struct weir_stream_edge *edge)
{
    struct weir_text cell = {0};
    add_row(table);
    weir_text_add(&cell, "     -> #%u %s", edge->to, graph->nodes[edge->to]->id);
    add_input(&cell, graph->nodes[edge->to], edge);
    add_cell(table, &cell);
    weir__add_partition(&cell, graph, edge);
    add_cell(table, &cell);
    weir__add_port(&cell, weir__port_of(graph, edge));
    add_cell(table, &cell);
}

static void add_unread_row(struct table *table, const struct weir_output_port *port)
{
    struct weir_text cell = {0};
    add_row(table);
    weir_text_add(&cell, "     -- read by nobody");
    add_cell(table, &cell);
    add_cell(table, &cell);
    weir__add_port(&cell, port);
    add_cell(table, &cell);
}

static void add_output_rows(struct table *table, const struct weir_stream_graph *graph, uint32_t node, uint32_t port)
{
    bool is_read = false;
    for (uint32_t e = 0; e < graph->n_edges; e++) {
        if (graph->edges[e]->from != node || graph->edges[e]->from_port != port) continue;
        add_edge_row(table, graph, graph->edges[e]);
        is_read = true;
    }
    if (!is_read) add_unread_row(table, &graph->nodes[node]->outputs[port]);
}

void weir__text_stream_graph(struct weir_text *text, const struct weir_stream_graph *graph)
{
    struct table table = {0};
    weir_text_add(text, "Stream graph of job '%s': ", weir__job_name(graph));
    weir__add_plural(text, graph->n_nodes, "node", "nodes");
    weir_text_add(text, ", ");
    weir__add_plural(text, graph->n_edges, "edge", "edges");
    weir_text_add(text, "%s\n\n", graph->chaining ? "" : ", chaining off");
    for (uint32_t i = 0; i < graph->n_nodes; i++) {
        add_node_row(&table, graph->nodes[i]);
        for (uint32_t p = 0; p < graph->nodes[i]->n_outputs; p++) add_output_rows(&table, graph, i, p);
    }
    print_table(text, &table);
}

/* ---- job graph ----------------------------------------------------------------------------------------------------- */

static void add_vertex_row(struct table *table, const struct weir_job_graph *job, const struct weir_vertex *vertex)
{
    struct weir_text cell = {0};
    add_row(table);
    weir_text_add(&cell, "[%u] ", vertex->index);
    weir_text_add_vertex(&cell, job, vertex->index);
    weir_text_add(&cell, ", parallelism %u, slot group '%s'%s", vertex->parallelism, vertex->slot_group,
                  vertex->blocking ? ", blocks: own thread" : "");
    add_cell(table, &cell);
}

/* The chained edge into a node; NULL for the head of a vertex. */
static const struct weir_stream_edge *chained_edge_to(const struct weir_job_graph *job, uint32_t node)
{
    for (uint32_t e = 0; e < job->stream->n_edges; e++) {
        if (job->stream->edges[e]->to == node && job->chained[e]) return job->stream->edges[e];
    }
    return NULL;
}

static void add_member_row(struct table *table, const struct weir_job_graph *job, uint32_t member)
{
    const struct weir_stream_node *node = job->stream->nodes[member];
    const struct weir_stream_edge *edge = chained_edge_to(job, member);
    struct weir_text cell = {0};
    add_row(table);
    weir_text_add(&cell, "     #%u %s", member, node->id);
    add_cell(table, &cell);
    weir_text_add(&cell, "%s", weir__node_title(node));
    if (node->state) weir_text_add(&cell, ", state in %s", node->state->name);
    add_cell(table, &cell);
    if (!edge) return;
    weir_text_add(&cell, "%s from #%u: ", weir_partition_name(edge->partition), edge->from);
    weir__add_port(&cell, weir__port_of(job->stream, edge));
    add_cell(table, &cell);
}

static void add_channel_rows(struct table *table, const struct weir_job_graph *job, const struct weir_stream_edge *edge)
{
    struct weir_text cell = {0};
    add_row(table);
    weir_text_add(&cell, "     #%u => [%u] %s", edge->from, job->vertex_of[edge->to], job->stream->nodes[edge->to]->id);
    add_input(&cell, job->stream->nodes[edge->to], edge);
    add_cell(table, &cell);
    weir__add_partition(&cell, job->stream, edge);
    add_cell(table, &cell);
    weir__add_port(&cell, weir__port_of(job->stream, edge));
    add_cell(table, &cell);
    add_row(table);
    weir_text_add(&cell, "          not chained: %s", job->why_not[edge->index]);
    add_cell(table, &cell);
}

void weir__text_job_graph(struct weir_text *text, const struct weir_job_graph *job)
{
    struct table table = {0};
    weir_text_add(text, "Job graph of job '%s': ", weir__job_name(job->stream));
    weir__add_plural(text, job->stream->n_nodes, "node", "nodes");
    weir_text_add(text, " in ");
    weir__add_plural(text, job->n_vertices, "chain", "chains");
    weir_text_add(text, "\n\n");
    for (uint32_t v = 0; v < job->n_vertices; v++) {
        const struct weir_vertex *vertex = &job->vertices[v];
        if (v > 0) add_row(&table);
        add_vertex_row(&table, job, vertex);
        for (uint32_t i = 0; i < vertex->n_nodes; i++) add_member_row(&table, job, vertex->nodes[i]);
        for (uint32_t i = 0; i < vertex->n_out_edges; i++) {
            add_channel_rows(&table, job, job->stream->edges[vertex->out_edges[i]]);
        }
    }
    print_table(text, &table);
}

/* ---- execution graph ----------------------------------------------------------------------------------------------- */

/* Subtask i of a vertex is in slot i of its group, so slots are alike between one parallelism and the next: a run. */
struct slot_run {
    uint32_t group_first, first, end; /* slots */
};

static struct slot_run next_run(const struct weir_execution_graph *graph, uint32_t group_first, uint32_t first)
{
    const struct weir_job_graph *job = graph->job;
    struct slot_run run = {.group_first = group_first, .first = first, .end = graph->n_slots};
    for (uint32_t v = 0; v < job->n_vertices; v++) {
        if (strcmp(job->vertices[v].slot_group, graph->slot_group[first]) != 0) continue;
        uint32_t end = group_first + job->vertices[v].parallelism;
        if (end > first && end < run.end) run.end = end;
    }
    return run;
}

/* "slot 3", "slots 3 and 4", "slots 3 to 9" */
static const char *between(struct slot_run run)
{
    return run.end - run.first == 2 ? "and" : "to";
}

static void add_slot_row(struct table *table, const struct weir_execution_graph *graph, struct slot_run run)
{
    struct weir_text cell = {0};
    add_row(table);
    weir_text_add(&cell, "%s %u", run.end - run.first == 1 ? "Slot" : "Slots", run.first);
    if (run.end - run.first > 1) weir_text_add(&cell, " %s %u", between(run), run.end - 1);
    weir_text_add(&cell, ", group '%s'", graph->slot_group[run.first]);
    add_cell(table, &cell);
}

static void add_subtask_row(struct table *table, const struct weir_job_graph *job, const struct weir_vertex *vertex,
                            struct slot_run run)
{
    struct weir_text cell = {0};
    uint32_t first = run.first - run.group_first + 1, last = run.end - run.group_first;
    add_row(table);
    weir_text_add(&cell, "     ");
    weir_text_add_vertex(&cell, job, vertex->index);
    add_cell(table, &cell);
    weir_text_add(&cell, "%s %u/%u", first == last ? "subtask" : "subtasks", first, vertex->parallelism);
    if (last > first) weir_text_add(&cell, " %s %u/%u", between(run), last, vertex->parallelism);
    if (vertex->blocking) weir_text_add(&cell, ", blocks: %s", first == last ? "own thread" : "own threads");
    add_cell(table, &cell);
}

static void add_slot_rows(struct table *table, const struct weir_execution_graph *graph)
{
    const struct weir_job_graph *job = graph->job;
    uint32_t group_first = 0;
    for (uint32_t slot = 0; slot < graph->n_slots;) {
        if (strcmp(graph->slot_group[slot], graph->slot_group[group_first]) != 0) group_first = slot;
        struct slot_run run = next_run(graph, group_first, slot);
        if (slot > 0) add_row(table);
        add_slot_row(table, graph, run);
        for (uint32_t v = 0; v < job->n_vertices; v++) {
            const struct weir_vertex *vertex = &job->vertices[v];
            bool is_here =
                strcmp(vertex->slot_group, graph->slot_group[slot]) == 0 && group_first + vertex->parallelism > slot;
            if (is_here) add_subtask_row(table, job, vertex, run);
        }
        slot = run.end;
    }
}

static void add_memory_row(struct table *table, const struct weir_job_graph *job, const struct weir_stream_edge *edge)
{
    const struct weir_stream_graph *graph = job->stream;
    uint32_t m = graph->nodes[edge->from]->parallelism, n = graph->nodes[edge->to]->parallelism;
    struct weir_text cell = {0};
    add_row(table);
    weir_text_add(&cell, "     %s => %s", graph->nodes[edge->from]->id, graph->nodes[edge->to]->id);
    add_cell(table, &cell);
    weir__add_partition(&cell, graph, edge);
    weir_text_add(&cell, ", %u to %u", m, n);
    add_cell(table, &cell);
    weir__add_plural(&cell, weir__edge_channels(job, edge->index), "channel of ", "channels of ");
    weir_text_add_size(&cell, (int64_t)weir_channel_memory(graph, edge));
    weir_text_add(&cell, ", ");
    weir_text_add_size(&cell, (int64_t)weir__edge_memory(job, edge->index));
    add_cell(table, &cell);
    weir__add_port(&cell, weir__port_of(graph, edge));
    add_cell(table, &cell);
}

static void print_channels(struct weir_text *text, const struct weir_execution_graph *graph)
{
    const struct weir_job_graph *job = graph->job;
    struct table table = {0};
    weir_text_add(text, "\nChannels: each holds ");
    weir__add_plural(text, job->stream->channel_batches, "batch", "batches");
    weir_text_add(text, " of up to ");
    weir__add_plural(text, job->stream->batch_rows, "row", "rows");
    weir_text_add(text, ", and has at most %d more in hand at its ends\n", WEIR_CHANNEL_EXTRA_BATCHES);
    for (uint32_t e = 0; e < job->stream->n_edges; e++) {
        if (!job->chained[e]) add_memory_row(&table, job, job->stream->edges[e]);
    }
    print_table(text, &table);
}

/* "6 slots (4 for 'default' + 2 for 'io')" */
static void add_slot_sum(struct weir_text *text, const struct weir_execution_graph *graph)
{
    struct weir_text sum = {0};
    uint32_t n_groups = 0;
    for (uint32_t first = 0, slot = 0; first < graph->n_slots; first = slot) {
        while (slot < graph->n_slots && strcmp(graph->slot_group[slot], graph->slot_group[first]) == 0) slot++;
        weir_text_add(&sum, "%s%u for '%s'", n_groups++ > 0 ? " + " : "", slot - first, graph->slot_group[first]);
    }
    weir__add_plural(text, graph->n_slots, "slot", "slots");
    if (n_groups > 1) weir_text_add(text, " (%s)", weir_text_get(&sum));
    weir_text_finish(&sum);
}

void weir__text_execution_graph(struct weir_text *text, const struct weir_execution_graph *graph)
{
    struct table table = {0};
    weir_text_add(text, "Execution graph of job '%s': ", weir__job_name(graph->job->stream));
    weir__add_plural(text, graph->n_subtasks, "subtask", "subtasks");
    weir_text_add(text, " in ");
    add_slot_sum(text, graph);
    weir_text_add(text, ", ");
    weir__add_plural(text, graph->n_channels, "channel that holds at most ", "channels that hold at most ");
    weir_text_add_size(text, (int64_t)weir__total_memory(graph->job));
    weir_text_add(text, "\n\n");
    add_slot_rows(&table, graph);
    print_table(text, &table);
    if (graph->n_channels > 0) print_channels(text, graph);
}
