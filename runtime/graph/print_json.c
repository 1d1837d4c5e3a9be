/* graph/print_json.c - the graphs for programs. Keys are stable: more may come, none is renamed or removed.
 *
 * stream:    {"graph": "stream", "job", "chaining", "batch_rows", "channel_batches", "restart", "watchdog_ms",
 *             "checkpoints", "nodes": [NODE], "edges": [EDGE]}; restart: {"strategy", and what it is given}; checkpoints:
 *             {"to": what addresses begin with, "every_ms", "keep", "directory", "savepoints"}, null where none are taken
 * job:       {"graph": "job", "job", "vertices": [VERTEX],
 *             "edges": [EDGE and "from_vertex", "to_vertex", "chained", "why_not"]}
 * execution: {"graph": "execution", "job", "slots": [{"index", "group", "subtasks": [index]}],
 *             "subtasks": [{"index", "vertex", "name", "subtask", "parallelism", "slot", "blocking"}],
 *             "edges": [EDGE and "channels", "channel_bytes", "bytes"] without those chained,
 *             "channels": [{"edge", "from", "to", "sender_channel", "receiver_channel"}] from and to are subtask indexes,
 *             "memory": {"batch_rows", "channel_batches", "extra_batches", "bytes"}}
 * NODE:   {"index", "id", "uid", "kind", "title", "parallelism", "max_parallelism", "slot_group" (null: inherited),
 *          "chain": "always" | "head" | "never" | "head_with_sources", "blocking", "key": [field],
 *          "outputs": [{"name", "schema"}], and of kind "call": "call": {"library", "function", "signature",
 *          "args": [field or expression], "into" (null: a filter)}, of kind "window": "periodic" (true: the fast path),
 *          "lateness_ms", of kind "join": "from_ms", "to_ms", of both "facts": what it keeps, in words,
 *          and where keyed state is not on the heap: "state": {"backend", "cache_bytes", "directory"}}
 * EDGE:   {"index", "from": id, "output": "" or side output, "to": id, "input": number, "partition", "explicit",
 *          "key": [field], "schema"}
 * VERTEX: {"index", "name", "nodes": [id], "parallelism", "max_parallelism", "slot_group", "blocking"}
 * schema: [{"name", "type", "nullable"}]
 * All indexes and subtasks count from 0; bytes are upper bounds (graph/execution_graph.h).
 */
#include "graph/print_internal.h"

#include <jansson.h>

#include "base/alloc.h"

/* ---- small values -------------------------------------------------------------------------------------------------- */

static void set(json_t *object, const char *key, json_t *value)
{
    WEIR_ASSERT(json_object_set_new(object, key, value) == 0); /* fails only without memory */
}

static void append(json_t *array, json_t *value)
{
    WEIR_ASSERT(json_array_append_new(array, value) == 0);
}

/* JSON is UTF-8; a name that is not shows '?' for the bytes beyond ASCII. */
static json_t *string(const char *s)
{
    json_t *value = json_string(s);
    if (value) return value;
    char *ascii = weir_strdup(s);
    for (char *c = ascii; *c; c++) {
        if ((unsigned char)*c >= 0x80) *c = '?';
    }
    value = json_string(ascii);
    weir_free(ascii);
    return value;
}

static json_t *string_or_null(const char *s)
{
    return s ? string(s) : json_null();
}

static json_t *string_or_empty(const char *s)
{
    return string(s ? s : "");
}

static json_t *schema_of(const struct weir_schema *schema)
{
    json_t *fields = json_array();
    for (uint32_t i = 0; i < weir_schema_count(schema); i++) {
        const weir_schema_field *field = weir_schema_field_at(schema, i);
        json_t *item = json_object();
        set(item, "name", string(field->name));
        set(item, "type", string(weir_type_name((weir_type)field->type)));
        set(item, "nullable", json_boolean(field->nullable));
        append(fields, item);
    }
    return fields;
}

static json_t *key_of(const struct weir_schema *schema, const uint32_t *fields, uint32_t n)
{
    json_t *names = json_array();
    for (uint32_t i = 0; i < n; i++) append(names, string(weir_schema_field_at(schema, fields[i])->name));
    return names;
}

static json_t *vertex_name(const struct weir_job_graph *job, uint32_t vertex)
{
    struct weir_text name = {0};
    weir_text_add_vertex(&name, job, vertex);
    json_t *value = string(weir_text_get(&name));
    weir_text_finish(&name);
    return value;
}

/* ---- nodes, edges, vertices ---------------------------------------------------------------------------------------- */

static json_t *outputs_of(const struct weir_stream_node *node)
{
    json_t *outputs = json_array();
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        json_t *output = json_object();
        set(output, "name", string_or_empty(node->outputs[i].name));
        set(output, "schema", schema_of(node->outputs[i].schema));
        append(outputs, output);
    }
    return outputs;
}

/* What is passed: a field's name, or an expression. */
static json_t *arguments_of(const struct weir_stream_node *node)
{
    json_t *arguments = json_array();
    for (uint32_t i = 0; i < node->call.signature.n_params; i++) {
        const struct weir_call_argument *arg = &node->call.args[i];
        append(arguments,
               string(arg->expression ? arg->expression : weir_schema_field_at(node->in, (uint32_t)arg->field)->name));
    }
    return arguments;
}

static json_t *call_of(const struct weir_stream_node *node)
{
    json_t *object = json_object();
    struct weir_text signature = {0};
    weir_text_add_call_signature(&signature, &node->call.signature);
    const weir_schema_field *into =
        node->call.into < 0 ? NULL : weir_schema_field_at(node->outputs[0].schema, (uint32_t)node->call.into);
    set(object, "library", string(node->call.library));
    set(object, "function", string(node->call.function));
    set(object, "signature", string(weir_text_get(&signature)));
    set(object, "args", arguments_of(node));
    set(object, "into", string_or_null(into ? into->name : NULL));
    weir_text_finish(&signature);
    return object;
}

static json_t *state_of(const struct weir_state_config *state)
{
    json_t *object = json_object();
    set(object, "backend", string(state->name));
    set(object, "cache_bytes", json_integer((json_int_t)state->cache_bytes));
    set(object, "directory", string(state->directory));
    return object;
}

static json_t *async_of(const struct weir_stream_node *node)
{
    json_t *object = json_object();
    set(object, "order", string(node->async.ordered ? "ordered" : "unordered"));
    set(object, "capacity", json_integer(node->async.capacity));
    set(object, "timeout_ms", json_integer(node->async.timeout_ms));
    set(object, "threads", json_integer(node->async.threads));
    return object;
}

static json_t *node_of(const struct weir_stream_node *node)
{
    json_t *object = json_object();
    set(object, "index", json_integer(node->index));
    set(object, "id", string(node->id));
    set(object, "uid", string_or_null(node->uid));
    set(object, "kind", string(weir_node_kind_name(node->kind)));
    set(object, "title", string(weir__node_title(node)));
    set(object, "parallelism", json_integer(node->parallelism));
    set(object, "max_parallelism", json_integer(node->max_parallelism));
    set(object, "before_key", json_boolean(node->before_key));
    set(object, "slot_group", string_or_null(node->slot_group));
    set(object, "chain", string(weir__chain_name(node->chain)));
    set(object, "blocking", json_boolean(node->blocking));
    set(object, "key", key_of(node->in, node->key_fields, node->n_key_fields));
    if (node->second)
        set(object, "second_key", key_of(node->second->in, node->second->key_fields, node->second->n_key_fields));
    set(object, "outputs", outputs_of(node));
    if (node->state) set(object, "state", state_of(node->state));
    if (node->kind == WEIR_NODE_ASYNC) set(object, "async", async_of(node));
    if (node->kind == WEIR_NODE_CALL) set(object, "call", call_of(node));
    if (node->facts && *node->facts) set(object, "facts", string(node->facts));
    if (node->kind == WEIR_NODE_WINDOW) {
        set(object, "periodic", json_boolean(node->window.periodic));
        set(object, "lateness_ms", json_integer(node->window.lateness_ms));
    } else if (node->kind == WEIR_NODE_JOIN) {
        set(object, "from_ms", json_integer(node->join.lower_ms));
        set(object, "to_ms", json_integer(node->join.upper_ms));
    }
    return object;
}

static json_t *edge_of(const struct weir_stream_graph *graph, const struct weir_stream_edge *edge)
{
    const struct weir_schema *schema = weir_stream_edge_schema(graph, edge);
    const struct weir_stream_node *to = graph->nodes[edge->to];
    json_t *object = json_object();
    set(object, "index", json_integer(edge->index));
    set(object, "from", string(graph->nodes[edge->from]->id));
    set(object, "output", string_or_empty(weir__port_of(graph, edge)->name));
    set(object, "to", string(graph->nodes[edge->to]->id));
    set(object, "input", json_integer(edge->to_input));
    set(object, "input_name", string_or_null(edge->to_input > 0 && to->second ? to->second->name : to->in_name));
    set(object, "partition", string(weir_partition_name(edge->partition)));
    set(object, "explicit", json_boolean(edge->explicit_partition));
    set(object, "key", key_of(schema, edge->key_fields, edge->n_key_fields));
    set(object, "schema", schema_of(schema));
    return object;
}

static json_t *vertex_of(const struct weir_job_graph *job, const struct weir_vertex *vertex)
{
    json_t *object = json_object(), *nodes = json_array();
    for (uint32_t i = 0; i < vertex->n_nodes; i++) append(nodes, string(job->stream->nodes[vertex->nodes[i]]->id));
    set(object, "index", json_integer(vertex->index));
    set(object, "name", vertex_name(job, vertex->index));
    set(object, "nodes", nodes);
    set(object, "parallelism", json_integer(vertex->parallelism));
    set(object, "max_parallelism", json_integer(vertex->max_parallelism));
    set(object, "slot_group", string(vertex->slot_group));
    set(object, "blocking", json_boolean(vertex->blocking));
    return object;
}

static json_t *job_edge_of(const struct weir_job_graph *job, uint32_t e)
{
    const struct weir_stream_edge *edge = job->stream->edges[e];
    json_t *object = edge_of(job->stream, edge);
    set(object, "from_vertex", json_integer(job->vertex_of[edge->from]));
    set(object, "to_vertex", json_integer(job->vertex_of[edge->to]));
    set(object, "chained", json_boolean(job->chained[e]));
    set(object, "why_not", string_or_null(job->why_not[e]));
    return object;
}

/* ---- the execution graph's parts ----------------------------------------------------------------------------------- */

static json_t *slots_of(const struct weir_execution_graph *graph)
{
    json_t *slots = json_array();
    for (uint32_t i = 0; i < graph->n_slots; i++) {
        json_t *slot = json_object();
        set(slot, "index", json_integer(i));
        set(slot, "group", string(graph->slot_group[i]));
        set(slot, "subtasks", json_array());
        append(slots, slot);
    }
    for (uint32_t i = 0; i < graph->n_subtasks; i++) {
        append(json_object_get(json_array_get(slots, graph->subtasks[i].slot), "subtasks"), json_integer(i));
    }
    return slots;
}

static json_t *subtasks_of(const struct weir_execution_graph *graph)
{
    json_t *subtasks = json_array();
    for (uint32_t i = 0; i < graph->n_subtasks; i++) {
        const struct weir_subtask_plan *plan = &graph->subtasks[i];
        const struct weir_vertex *vertex = &graph->job->vertices[plan->vertex];
        json_t *subtask = json_object();
        set(subtask, "index", json_integer(i));
        set(subtask, "vertex", json_integer(plan->vertex));
        set(subtask, "name", vertex_name(graph->job, plan->vertex));
        set(subtask, "subtask", json_integer(plan->subtask));
        set(subtask, "parallelism", json_integer(vertex->parallelism));
        set(subtask, "slot", json_integer(plan->slot));
        set(subtask, "blocking", json_boolean(vertex->blocking));
        append(subtasks, subtask);
    }
    return subtasks;
}

static json_t *channel_edges_of(const struct weir_job_graph *job)
{
    json_t *edges = json_array();
    for (uint32_t e = 0; e < job->stream->n_edges; e++) {
        if (job->chained[e]) continue;
        json_t *edge = edge_of(job->stream, job->stream->edges[e]);
        set(edge, "channels", json_integer((json_int_t)weir__edge_channels(job, e)));
        set(edge, "channel_bytes", json_integer((json_int_t)weir_channel_memory(job->stream, job->stream->edges[e])));
        set(edge, "bytes", json_integer((json_int_t)weir__edge_memory(job, e)));
        append(edges, edge);
    }
    return edges;
}

static json_t *channels_of(const struct weir_execution_graph *graph)
{
    json_t *channels = json_array();
    for (uint32_t i = 0; i < graph->n_channels; i++) {
        const struct weir_channel_plan *plan = &graph->channels[i];
        json_t *channel = json_object();
        set(channel, "edge", json_integer(plan->edge));
        set(channel, "from", json_integer(plan->from));
        set(channel, "to", json_integer(plan->to));
        set(channel, "sender_channel", json_integer(plan->sender_channel));
        set(channel, "receiver_channel", json_integer(plan->receiver_channel));
        append(channels, channel);
    }
    return channels;
}

static json_t *memory_of(const struct weir_job_graph *job)
{
    json_t *memory = json_object();
    set(memory, "batch_rows", json_integer(job->stream->batch_rows));
    set(memory, "channel_batches", json_integer(job->stream->channel_batches));
    set(memory, "extra_batches", json_integer(WEIR_CHANNEL_EXTRA_BATCHES));
    set(memory, "bytes", json_integer((json_int_t)weir__total_memory(job)));
    return memory;
}

/* ---- the documents ------------------------------------------------------------------------------------------------- */

static json_t *document(const char *which, const struct weir_stream_graph *graph)
{
    json_t *root = json_object();
    set(root, "graph", string(which));
    set(root, "job", string(weir__job_name(graph)));
    return root;
}

static int add_bytes(const char *bytes, size_t n, void *text)
{
    weir_text_add_bytes(text, bytes, n);
    return 0;
}

/* Takes the document. */
static void write_document(struct weir_text *text, json_t *root)
{
    WEIR_ASSERT(json_dump_callback(root, add_bytes, text, JSON_INDENT(2)) == 0);
    weir_text_add(text, "\n");
    json_decref(root);
}

static void set_attempts(json_t *to, uint32_t attempts)
{
    set(to, "attempts", attempts == WEIR_RESTART_UNLIMITED ? string("unlimited") : json_integer(attempts));
}

static json_t *restart_of(const struct weir_restart_config *c)
{
    static const char *const names[] = {"none", "fixed_delay", "failure_rate", "exponential"};
    json_t *restart = json_object();
    set(restart, "strategy", string(names[c->kind]));
    if (c->kind == WEIR_RESTART_FIXED_DELAY) set_attempts(restart, c->attempts);
    if (c->kind == WEIR_RESTART_FAILURE_RATE) {
        set(restart, "failures", json_integer(c->failures));
        set(restart, "interval_ms", json_integer(c->interval_ms));
    }
    if (c->kind == WEIR_RESTART_FIXED_DELAY || c->kind == WEIR_RESTART_FAILURE_RATE)
        set(restart, "delay_ms", json_integer(c->delay_ms));
    if (c->kind == WEIR_RESTART_EXPONENTIAL) {
        set(restart, "initial_ms", json_integer(c->initial_ms));
        set(restart, "max_ms", json_integer(c->max_ms));
        set(restart, "multiplier", json_real(c->multiplier));
        set(restart, "reset_after_ms", json_integer(c->reset_after_ms));
        set(restart, "jitter", json_real(c->jitter));
        set_attempts(restart, c->attempts);
    }
    return restart;
}

static json_t *checkpoints_of(const struct weir_checkpoint_config *c)
{
    if (!c->directory) return json_null();
    json_t *checkpoints = json_object();
    set(checkpoints, "to", string(c->place ? c->place : c->directory));
    set(checkpoints, "every_ms", json_integer(c->every_ms));
    set(checkpoints, "keep", json_integer(c->keep));
    set(checkpoints, "directory", string(c->directory));
    set(checkpoints, "savepoints", string(c->savepoints ? c->savepoints : c->directory));
    return checkpoints;
}

void weir__json_stream_graph(struct weir_text *text, const struct weir_stream_graph *graph)
{
    json_t *root = document("stream", graph), *nodes = json_array(), *edges = json_array();
    for (uint32_t i = 0; i < graph->n_nodes; i++) append(nodes, node_of(graph->nodes[i]));
    for (uint32_t e = 0; e < graph->n_edges; e++) append(edges, edge_of(graph, graph->edges[e]));
    set(root, "chaining", json_boolean(graph->chaining));
    set(root, "batch_rows", json_integer(graph->batch_rows));
    set(root, "channel_batches", json_integer(graph->channel_batches));
    set(root, "restart", restart_of(&graph->restart));
    set(root, "watchdog_ms", json_integer(graph->watchdog_ms));
    set(root, "checkpoints", checkpoints_of(&graph->checkpoint));
    set(root, "nodes", nodes);
    set(root, "edges", edges);
    write_document(text, root);
}

void weir__json_job_graph(struct weir_text *text, const struct weir_job_graph *job)
{
    json_t *root = document("job", job->stream), *vertices = json_array(), *edges = json_array();
    for (uint32_t v = 0; v < job->n_vertices; v++) append(vertices, vertex_of(job, &job->vertices[v]));
    for (uint32_t e = 0; e < job->stream->n_edges; e++) append(edges, job_edge_of(job, e));
    set(root, "vertices", vertices);
    set(root, "edges", edges);
    write_document(text, root);
}

void weir__json_execution_graph(struct weir_text *text, const struct weir_execution_graph *graph)
{
    json_t *root = document("execution", graph->job->stream);
    set(root, "slots", slots_of(graph));
    set(root, "subtasks", subtasks_of(graph));
    set(root, "edges", channel_edges_of(graph->job));
    set(root, "channels", channels_of(graph));
    set(root, "memory", memory_of(graph->job));
    write_document(text, root);
}
