/* loader/job_flow.c - how the stream nodes of a manifest node are joined: to the node's inputs, and to each other.
 *
 * The first stream node of a manifest node gets an edge from each of its inputs, the others one from the step before. The
 * edges in front of the first step after key_by partition by key; the others are as the author says, or the default
 * (semantics A1).
 *
 * The steps before key_by run where the records come from: at the parallelism of the input, in its slot group and its
 * chain, so that the only exchange is the one by key, and records of one instance of the input keep their order. Of several
 * inputs the widest decides, and each instance of a narrower one feeds the one of its number. Who writes a partition wants
 * records dealt to the node's own instances before the key, and gets that. (docs/design/011-before-the-key.md)
 */
#include <string.h>

#include "base/alloc.h"
#include "loader/job_internal.h"

uint32_t *weir__copy_indexes(const uint32_t *from, size_t n)
{
    uint32_t *to = weir_alloc_array(n + 1, sizeof *to);
    if (n > 0) memcpy(to, from, n * sizeof *to);
    return to;
}

/* ---- what comes in -------------------------------------------------------------------------------------------------- */

/* Ports that are there when a key asks for them. */
static const char *asked_for(const char *port)
{
    if (strncmp(port, "late", 4) == 0) return "late: side_output";
    if (strcmp(port, "errors") == 0) return "errors: side_output";
    return strcmp(port, "malformed") == 0 ? "malformed: side_output" : NULL;
}

static void say_no_port(struct weir__job *job, const struct weir__input *input)
{
    const char **ports = weir_alloc_array(input->node->n_outputs + 1, sizeof *ports);
    struct weir_text all = {0};
    size_t n = 0;
    for (size_t i = 0; i < input->node->n_outputs; i++) {
        const char *port = input->node->outputs[i].port;
        if (*port == '\0') continue;
        weir_text_add(&all, "%s%s", n ? ", " : "its side outputs are: ", port);
        ports[n++] = port;
    }
    if (n == 0) weir_text_add(&all, "it has no side outputs");
    if (n == 0 && asked_for(input->port)) weir_text_add(&all, "; `%s` is what gives a node one", asked_for(input->port));
    char *help = weir__near(input->port, ports, n, weir_text_get(&all));
    weir__say_part(job, input->value, input->port, help, "'%s' has no output '%s'", input->id, input->port);
    weir_text_finish(&all);
    weir_free(ports);
}

static void find_output(struct weir__job *job, struct weir__input *input)
{
    if (!input->node || !input->node->built) return;
    for (size_t i = 0; i < input->node->n_outputs; i++) {
        if (strcmp(input->node->outputs[i].port, input->port) == 0) input->output = &input->node->outputs[i];
    }
    if (!input->output && !input->node->ports_unknown) say_no_port(job, input);
}

static bool same_fields(const struct weir_schema *a, const struct weir_schema *b)
{
    if (weir_schema_count(a) != weir_schema_count(b)) return false;
    for (uint32_t i = 0; i < weir_schema_count(a); i++) {
        const weir_schema_field *f = weir_schema_field_at(a, i), *g = weir_schema_field_at(b, i);
        if (f->type != g->type || strcmp(f->name, g->name) != 0) return false;
    }
    return true;
}

/* Fields of the first; one may be null when it may be in any. */
static struct weir_schema *merged(const struct weir_schema *a, const struct weir_schema *b)
{
    struct weir_schema_builder fields = {0};
    for (uint32_t i = 0; i < weir_schema_count(a); i++) {
        const weir_schema_field *f = weir_schema_field_at(a, i), *g = weir_schema_field_at(b, i);
        weir_schema_builder_add(&fields, f->name, (weir_type)f->type, f->nullable || g->nullable);
    }
    return weir_schema_build(&fields);
}

static void say_different(struct weir__job *job, const struct weir__input *first, const struct weir__input *other)
{
    struct weir_text text = {0};
    weir_text_add(&text, "'%s' has (", first->value->text);
    weir_text_add_schema(&text, first->output->schema);
    weir_text_add(&text, "), '%s' has (", other->value->text);
    weir_text_add_schema(&text, other->output->schema);
    weir_text_add(&text, ")");
    weir__say(job, other->value, weir_strdup("bring them to the same fields in the same order with a select step"),
              "streams that are read together must have the same fields: %s", weir_text_get(&text));
    weir_text_finish(&text);
}

/* The fields of one more input; false: those of all are unknown from here on. */
static bool join_schema(struct weir__job *job, struct weir__flow *flow, const struct weir__input **first,
                        const struct weir__input *input)
{
    struct weir_schema *schema = input->output ? input->output->schema : NULL;
    if (!schema) return false;
    if (!*first) {
        *first = input;
        flow->schema = weir_schema_retain(schema);
        return true;
    }
    if (!same_fields(flow->schema, schema)) {
        say_different(job, *first, input);
        return false;
    }
    struct weir_schema *both = merged(flow->schema, schema);
    weir_schema_release(flow->schema);
    flow->schema = both;
    return true;
}

void weir__flow_start(struct weir__job *job, struct weir__job_node *node, uint32_t side, struct weir__flow *flow)
{
    struct weir_text name = {0};
    const struct weir__input *first = NULL;
    bool known = true;
    *flow = (struct weir__flow){.node = node, .side = side, .side_value = node->sides[side]};
    size_t n = 0, last = 0;
    for (size_t i = 0; i < node->n_inputs; i++) last += node->inputs[i].side == side;
    for (size_t i = 0; i < node->n_inputs; i++) {
        struct weir__input *input = &node->inputs[i];
        if (input->side != side) continue;
        const char *separator = n == 0 ? "" : n + 1 == last ? " and " : ", ";
        weir_text_add(&name, "%s'%s'", separator, input->value->text);
        n++;
        find_output(job, input);
        known &= join_schema(job, flow, &first, input);
    }
    if (!known) {
        weir_schema_release(flow->schema);
        flow->schema = NULL;
    }
    flow->name = weir_text_take(&name);
}

void weir__flow_finish(struct weir__flow *flow)
{
    weir_schema_release(flow->schema);
    weir_free(flow->name);
    weir_free(flow->keys);
}

void weir__flow_becomes(struct weir__flow *flow, struct weir_schema *schema)
{
    weir_schema_release(flow->schema);
    flow->schema = schema;
    if (strcmp(flow->step, "filter") == 0 || strcmp(flow->step, "time") == 0) return; /* the fields are those of before */
    weir_free(flow->name);
    flow->name = weir_format("what '%s' gives", flow->step);
}

/* ---- edges ---------------------------------------------------------------------------------------------------------- */

static void set_key(struct weir_stream_edge *edge, const struct weir__flow *flow)
{
    edge->partition = WEIR_PARTITION_KEY;
    edge->key_fields = weir__copy_indexes(flow->keys, flow->n_keys);
    edge->n_key_fields = (uint32_t)flow->n_keys;
}

static void set_custom(struct weir__job *job, struct weir_stream_edge *edge, const struct weir__input *input)
{
    static const char *const names[] = {"forward", "rebalance", "rescale", "shuffle", "broadcast", "global"};
    const struct weir_value *value = input->partition_value;
    bool known = weir__peek_component(job, value, WEIR_PARTITIONER) != NULL;
    const char *near = value->kind == WEIR_VALUE_SCALAR && !known ? weir_nearest(value->text, names, WEIR_LEN(names)) : NULL;
    if (near) {
        weir__say(job, value, weir_format("did you mean '%s'?", near), "there is no partition '%s'", value->text);
        return;
    }
    struct weir_schema *schema = input->output ? input->output->schema : NULL;
    struct weir__use use;
    struct weir__binding binding;
    char *stream = weir_format("'%s'", input->value->text);
    weir__use_component(job, value, WEIR_PARTITIONER, schema, stream, &use);
    struct weir__args args = {.own = use.args};
    weir__bind(job, &use, schema, stream, &args, &binding);
    edge->part = use.part;
    edge->args = binding.args;
    edge->n_args = binding.n_args;
    binding.args = NULL;
    weir__binding_finish(&binding);
    weir_free(stream);
}

/* Before the key each sender has one receiver: the order of its records stays. */
static enum weir_partition_kind ordered_partition(uint32_t from, uint32_t to)
{
    return from == to ? WEIR_PARTITION_FORWARD : from < to ? WEIR_PARTITION_STRAIGHT : WEIR_PARTITION_RESCALE;
}

static void set_partition(struct weir__job *job, struct weir_stream_edge *edge, const struct weir__flow *flow,
                          const struct weir__input *input)
{
    uint32_t from = job->graph->nodes[edge->from]->parallelism, to = job->graph->nodes[edge->to]->parallelism;
    if (flow->broadcast && input->partition && input->partition != WEIR_PARTITION_BROADCAST) {
        weir__say(job, input->partition_value, NULL, "the input '%s' is broadcast: leave 'partition' out",
                  flow->side_value->text);
    } else if (flow->broadcast) {
        edge->partition = WEIR_PARTITION_BROADCAST;
    } else if (flow->key_edge && input->partition) {
        weir__say(job, input->partition_value, NULL, "key_by decides the partition: leave 'partition' out");
    } else if (flow->key_edge) {
        set_key(edge, flow);
    } else if (input->partition) {
        edge->explicit_partition = true;
        edge->partition = input->partition;
        if (input->partition == WEIR_PARTITION_CUSTOM) set_custom(job, edge, input);
    } else if (flow->before_key) {
        edge->partition = ordered_partition(from, to);
    }
    if (input->partition == WEIR_PARTITION_FORWARD && from != to)
        weir__say(job, input->partition_value, weir_strdup("leave it out: records are then dealt round robin (rebalance)"),
                  "forward needs equal parallelism, but '%s' has %u and '%s' has %u", input->id, from, flow->node->id, to);
}

static void add_edges(struct weir__job *job, const struct weir__flow *flow, const struct weir_stream_node *to)
{
    if (flow->attached) {
        struct weir_stream_edge *edge = weir_stream_graph_add_edge(job->graph, flow->from, 0, to->index, flow->to_input);
        if (flow->key_edge) set_key(edge, flow);
        return;
    }
    for (size_t i = 0; i < flow->node->n_inputs; i++) {
        const struct weir__input *input = &flow->node->inputs[i];
        if (!input->output || input->side != flow->side) continue;
        struct weir_stream_edge *edge =
            weir_stream_graph_add_edge(job->graph, input->output->node, input->output->node_port, to->index, flow->to_input);
        set_partition(job, edge, flow, input);
    }
}

static char *place_of(const struct weir__job *job, const struct weir_mark *mark)
{
    if (mark->line) return weir_format("%s:%u:%u", mark->origin, mark->line, mark->column);
    return weir_strdup(mark->origin ? mark->origin : weir_document_name(job->document));
}

static bool deals_before_key(const struct weir__input *input)
{
    return input->partition && input->partition != WEIR_PARTITION_FORWARD;
}

/* A step before the key, as wide as its inputs; of several inputs it may be that none has the node's slot group. */
static void place_before_key(const struct weir__job *job, const struct weir__flow *flow, struct weir_stream_node *node)
{
    uint32_t parallelism = 0, max_parallelism = 0, n_inputs = 0;
    for (size_t i = 0; i < flow->node->n_inputs; i++) {
        const struct weir__input *input = &flow->node->inputs[i];
        if (!input->output || input->side != flow->side) continue;
        if (deals_before_key(input)) return;
        const struct weir_stream_node *from = job->graph->nodes[input->output->node];
        if (from->parallelism > parallelism) parallelism = from->parallelism;
        if (from->max_parallelism > max_parallelism) max_parallelism = from->max_parallelism;
        n_inputs++;
    }
    if (n_inputs == 0) return;
    node->before_key = true;
    node->parallelism = parallelism;
    node->max_parallelism = max_parallelism;
    node->open_max_parallelism = false;
    node->chain = WEIR_CHAIN_ALWAYS;
    if (n_inputs > 1) return;
    weir_free(node->slot_group);
    node->slot_group = NULL;
}

struct weir_stream_node *weir__attach(struct weir__job *job, struct weir__flow *flow, enum weir_node_kind kind,
                                      const char *step, const struct weir_value *at)
{
    const struct weir__job_node *n = flow->node;
    bool bears_id = n->main_step && strcmp(step, n->main_step) == 0;
    char *id = bears_id           ? weir_strdup(n->id)
               : flow->side_value ? weir_format("%s.%s.%s", n->id, flow->side_value->text, step)
                                  : weir_format("%s.%s", n->id, step);
    struct weir_stream_node *node = weir_stream_graph_add_node(job->graph, kind, id, n->id);
    weir_free(id);
    node->in = flow->schema ? weir_schema_retain(flow->schema) : NULL;
    node->parallelism = n->parallelism;
    node->max_parallelism = n->max_parallelism;
    node->open_max_parallelism = n->open_max_parallelism;
    node->slot_group = weir_strdup(n->slot_group);
    if (n->chain != WEIR_CHAIN_HEAD || !flow->attached || flow->key_edge) node->chain = n->chain;
    if (flow->before_key) place_before_key(job, flow, node);
    node->place = place_of(job, at ? &at->mark : &n->value->mark);
    add_edges(job, flow, node);
    flow->attached = true;
    flow->key_edge = false;
    flow->from = node->index;
    flow->step = step;
    return node;
}

void weir__attach_second(struct weir__job *job, struct weir__flow *flow, struct weir_stream_node *node)
{
    node->second = weir_alloc(sizeof *node->second);
    node->second->name = weir_strdup(flow->side_value->text);
    node->second->in = flow->schema ? weir_schema_retain(flow->schema) : NULL;
    flow->to_input = 1;
    add_edges(job, flow, node);
}

void weir__set_output(struct weir_stream_node *node, const char *port, struct weir_schema *schema)
{
    node->outputs = weir_realloc_array(node->outputs, node->n_outputs, node->n_outputs + 1, sizeof *node->outputs);
    node->outputs[node->n_outputs++] =
        (struct weir_output_port){weir_strdup(port), schema ? weir_schema_retain(schema) : NULL};
}
