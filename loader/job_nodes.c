/* loader/job_nodes.c - the list of nodes: ids, roles, settings, `from`, and an order in which every node comes after its
 * inputs. */
#include <string.h>

#include "base/alloc.h"
#include "base/map.h"
#include "data/key.h"
#include "loader/job_internal.h"

static const char *const node_keys[] = {
    "id",      "source",  "sink",      "from",      "schema",      "malformed",       "time",
    "filter",  "set",     "errors",    "map",       "flat_map",    "process",         "key_by",
    "reduce",  "sum",     "min",       "max",       "min_by",      "max_by",          "count",
    "window",  "join",    "cogroup",   "aggregate", "async",       "order",           "capacity",
    "timeout", "threads", "select",    "args",      "parallelism", "max_parallelism", "slot_group",
    "chain",   "state",   "guarantee", NULL};
/* Words that are keys somewhere else, or in another system. */
static const struct weir__key_help elsewhere[] = {
    {"lateness", "it is a part of the window: window: {tumbling: 1h, lateness: 5min}"},
    {"late", "it is a part of the window: window: {tumbling: 1h, late: side_output}"},
    {"trigger", "it is a part of the window: window: {tumbling: 1h, trigger: ...}"},
    {"evictor", "it is a part of the window: window: {tumbling: 1h, evictor: ...}"},
    {"function", "it is a part of the window: window: {tumbling: 1h, function: ...}"},
    {"window_all", "a window without a key is window: {tumbling: 1h, all: true}"},
    {"group_by", "write key_by: FIELD"},
    {"where", "write filter: EXPRESSION"},
    {"watermark", "write time: {field: at, out_of_orderness: 5s}"},
    {"union", "name all the inputs: from: [A, B]"},
    {"connect", "name two inputs: from: {orders: A, payments: B}, and a process: with two inputs"},
    {"co_process", "write process: NAME, and from: {orders: A, payments: B}"},
    {"broadcast", "say it of the input: from: {records: A, rules: {input: B, partition: broadcast}}"},
    {"partition", "say it of the input: from: {input: A, partition: rebalance}"},
    {"ttl", "it is a part of the state: state: {ttl: {NAME: 24h}}"},
    {"checkpoint", "it is a key of the job, beside nodes:"},
    {"restart", "it is a key of the job's defaults: defaults: {restart: ...}"},
    {"slots", "it is an option of the command: weir run -p N"},
    {NULL, NULL}};
static const char *const source_keys[] = {"source", "schema", "malformed", "time", NULL};
static const char *const sink_keys[] = {"sink", "from", "args", "guarantee", NULL};
static const char *const common_keys[] = {"id", "parallelism", "max_parallelism", "slot_group", "chain", NULL};

static bool is_in(const char *name, const char *const *list)
{
    for (; *list; list++) {
        if (strcmp(name, *list) == 0) return true;
    }
    return false;
}

static bool is_id(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return n > 0 && text[n] == '\0' && text[0] >= 'a' && text[0] <= 'z';
}

/* ---- settings that every node has ----------------------------------------------------------------------------------- */

/* Node, command line, manifest default, configuration file, 1. */
static uint32_t inherited_parallelism(const struct weir__job *job)
{
    if (job->settings && job->settings->parallelism) return job->settings->parallelism;
    if (job->default_parallelism) return job->default_parallelism;
    if (job->settings && job->settings->default_parallelism) return job->settings->default_parallelism;
    return 1;
}

static void read_parallelism(struct weir__job *job, struct weir__job_node *node)
{
    const struct weir_value *value = weir_value_get(node->value, "parallelism"),
                            *max = weir_value_get(node->value, "max_parallelism");
    node->parallelism = inherited_parallelism(job);
    if (value)
        node->parallelism_given = weir__read_count(job, value, "parallelism", 1, WEIR_MAX_PARALLELISM, &node->parallelism);
    node->max_parallelism = job->default_max_parallelism;
    if (max && !weir__read_count(job, max, "max_parallelism", 1, WEIR_MAX_PARALLELISM, &node->max_parallelism))
        node->max_parallelism = 0;
    node->open_max_parallelism = node->max_parallelism == 0;
    if (node->open_max_parallelism) node->max_parallelism = weir_default_max_parallelism(node->parallelism);
    if (node->parallelism > node->max_parallelism) {
        const struct weir_value *at = max ? max : value ? value : node->id_value;
        weir__say(job, at, weir_strdup("max_parallelism is the number of key groups: it must not be less than parallelism"),
                  "node '%s' has parallelism %u but max_parallelism %u", node->id, node->parallelism, node->max_parallelism);
    }
}

static void read_settings(struct weir__job *job, struct weir__job_node *node)
{
    static const char *const chains[] = {"always", "head", "never", NULL};
    static const enum weir_chain_strategy strategies[] = {WEIR_CHAIN_ALWAYS, WEIR_CHAIN_HEAD, WEIR_CHAIN_NEVER};
    const struct weir_value *chain = weir_value_get(node->value, "chain"),
                            *group = weir_value_get(node->value, "slot_group");
    read_parallelism(job, node);
    if (chain) {
        int i = weir__read_choice(job, chain, "chain", chains);
        if (i >= 0) node->chain = strategies[i];
    }
    if (group) (void)weir__read_text(job, group, "slot_group", &node->slot_group);
}

/* ---- what a node is ------------------------------------------------------------------------------------------------- */

static void say_foreign_keys(struct weir__job *job, struct weir__job_node *node, const char *const *own, const char *what)
{
    for (size_t i = 0; i < node->value->n; i++) {
        const struct weir_value *key = node->value->pairs[i].key;
        if (is_in(key->text, own) || is_in(key->text, common_keys) || !is_in(key->text, node_keys)) continue;
        bool step = !is_in(key->text, source_keys) && !is_in(key->text, sink_keys);
        weir__say(job, key, step ? weir_strdup("put the step in a node of its own, and connect it with `from`") : NULL,
                  "a %s has no '%s'", what, key->text);
    }
}

static void read_source_role(struct weir__job *job, struct weir__job_node *node)
{
    static const char *const own[] = {"source", "schema", "malformed", "time", "from", NULL};
    const struct weir_value *from = weir_value_key(node->value, "from");
    node->role = WEIR__SOURCE;
    if (from) weir__say(job, from, NULL, "a source has no input: 'from' does not belong here");
    say_foreign_keys(job, node, own, "source");
}

static void read_steps_role(struct weir__job *job, struct weir__job_node *node)
{
    static const char *const only_sources[] = {"schema", "malformed", NULL};
    node->role = WEIR__STEPS;
    for (size_t i = 0; only_sources[i]; i++) {
        const struct weir_value *key = weir_value_key(node->value, only_sources[i]);
        if (key) weir__say(job, key, NULL, "only a source has '%s'", only_sources[i]);
    }
}

static void read_role(struct weir__job *job, struct weir__job_node *node)
{
    const struct weir_value *source = weir_value_key(node->value, "source"), *sink = weir_value_key(node->value, "sink");
    if (source && sink) {
        weir__say(job, sink, weir_strdup("make two nodes: the sink's has `from: SOURCE`"),
                  "a node is a source or a sink, not both");
    } else if (source) {
        read_source_role(job, node);
    } else if (!weir_value_key(node->value, "from")) {
        weir__say(job, node->id_value, weir_strdup("give it `source:`, or `from:` and what to do"),
                  "node '%s' has neither a source nor an input", node->id);
    } else if (sink) {
        node->role = WEIR__SINK;
        say_foreign_keys(job, node, sink_keys, "sink");
    } else {
        read_steps_role(job, node);
    }
}

static bool read_id(struct weir__job *job, struct weir__job_node *node)
{
    const struct weir_value *id = weir_value_get(node->value, "id");
    node->id_value = id ? id : node->value;
    node->id = "?";
    if (!id) {
        weir__say(job, node->value, weir_strdup("an id names the node's state: choose it well, keep it"),
                  "the node has no 'id'");
        return false;
    }
    if (!weir__read_text(job, id, "id", &node->id)) {
        node->id = "?";
        return false;
    }
    if (!is_id(node->id)) weir__say(job, id, NULL, "'%s' is no id: use a-z, 0-9 and '_', beginning with a letter", node->id);
    return true;
}

/* ---- from ----------------------------------------------------------------------------------------------------------- */

static void read_partition(struct weir__input *input, const struct weir_value *value)
{
    static const struct {
        const char *name;
        enum weir_partition_kind kind;
    } known[] = {{"forward", WEIR_PARTITION_FORWARD},     {"rebalance", WEIR_PARTITION_REBALANCE},
                 {"rescale", WEIR_PARTITION_RESCALE},     {"shuffle", WEIR_PARTITION_SHUFFLE},
                 {"broadcast", WEIR_PARTITION_BROADCAST}, {"global", WEIR_PARTITION_GLOBAL}};
    if (!value || value->broken) return;
    input->partition_value = value;
    input->partition = WEIR_PARTITION_CUSTOM;
    for (size_t i = 0; value->kind == WEIR_VALUE_SCALAR && i < WEIR_LEN(known); i++) {
        if (strcmp(value->text, known[i].name) == 0) input->partition = known[i].kind;
    }
}

static void add_input(struct weir__job *job, struct weir__job_node *node, uint32_t side, const struct weir_value *value,
                      const struct weir_value *partition)
{
    const char *text;
    if (!weir__read_text(job, value, "from", &text)) {
        node->ports_unknown = true;
        return;
    }
    WEIR_GROW(node->inputs, node->inputs_capacity, node->n_inputs + 1);
    struct weir__input *input = &node->inputs[node->n_inputs++];
    const char *dot = strchr(text, '.');
    input->value = value;
    input->side = side;
    input->id = dot ? weir_strndup(text, (size_t)(dot - text)) : weir_strdup(text);
    input->port = weir_strdup(dot ? dot + 1 : "");
    read_partition(input, partition);
}

static void read_input(struct weir__job *job, struct weir__job_node *node, uint32_t side, const struct weir_value *value)
{
    static const char *const keys[] = {"input", "partition", NULL};
    if (value->kind != WEIR_VALUE_MAPPING) {
        add_input(job, node, side, value, NULL);
        return;
    }
    const struct weir_value *input = weir_value_get(value, "input");
    const char *name = value->n == 1 ? value->pairs[0].key->text : NULL;
    char *near = name ? weir__near(name, keys, 2, NULL) : NULL;
    bool named = name && !input && !weir_value_key(value, "partition") && !near;
    weir_free(near);
    if (named) {
        weir__say(job, value->pairs[0].key, weir_format("from: NODE; or two of them: from: {%s: NODE, OTHER: NODE}", name),
                  "a single input has no name");
        node->ports_unknown = true;
        return;
    }
    weir__check_keys(job, value, keys, NULL);
    if (input)
        add_input(job, node, side, input, weir_value_get(value, "partition"));
    else
        weir__say(job, value, weir_strdup("from: {input: NODE, partition: rebalance}"), "'input' is missing");
}

static void read_inputs(struct weir__job *job, struct weir__job_node *node, uint32_t side, const struct weir_value *from)
{
    if (from->kind == WEIR_VALUE_SEQUENCE) {
        if (from->n == 0) weir__say(job, from, NULL, "node '%s' has no input: the list is empty", node->id);
        for (size_t i = 0; i < from->n; i++) read_input(job, node, side, from->items[i]);
    } else if (from->kind == WEIR_VALUE_NULL) {
        weir__say(job, from, weir_strdup("from: NODE"), "from: expected the id of a node, found nothing");
    } else {
        read_input(job, node, side, from);
    }
}

/* `from: {orders: NODE, payments: NODE}`: two inputs, each of one stream or a union of several. */
static void read_sides(struct weir__job *job, struct weir__job_node *node, const struct weir_value *from)
{
    if (from->n != 2) {
        weir__say(job, from,
                  weir_strdup("from: NODE, or {input: NODE, partition: ...}, or two named inputs {A: NODE, B: NODE}"),
                  "from: expected two named inputs, found %zu", from->n);
        node->role = 0;
        return;
    }
    for (uint32_t side = 0; side < 2; side++) {
        node->sides[side] = from->pairs[side].key;
        if (!is_id(node->sides[side]->text))
            weir__say(job, node->sides[side], NULL,
                      "'%s' is no name for an input: use a-z, 0-9 and '_', beginning with a letter",
                      node->sides[side]->text);
        read_inputs(job, node, side, from->pairs[side].value);
    }
}

static bool has_named_inputs(const struct weir_value *from)
{
    static const char *const keys[] = {"input", "partition", NULL};
    if (from->kind != WEIR_VALUE_MAPPING) return false;
    for (size_t i = 0; i < from->n; i++) {
        if (is_in(from->pairs[i].key->text, keys)) return false;
    }
    return from->n > 1;
}

static void read_from(struct weir__job *job, struct weir__job_node *node)
{
    const struct weir_value *from = weir_value_get(node->value, "from");
    if (!from || node->role == WEIR__SOURCE) return;
    if (!has_named_inputs(from))
        read_inputs(job, node, 0, from);
    else if (node->role == WEIR__SINK)
        weir__say(job, from, weir_strdup("a union is a list: from: [A, B]"), "a sink has one input");
    else
        read_sides(job, node, from);
}

/* ---- the list ------------------------------------------------------------------------------------------------------- */

static void read_node(struct weir__job *job, const struct weir_value *value, struct weir_map *ids)
{
    if (!weir__is_mapping(job, value, "a node such as {id: out, from: in, sink: print}")) return;
    size_t index = job->n_nodes++;
    struct weir__job_node *node = &job->nodes[index];
    node->value = value;
    bool named = read_id(job, node);
    node->unknown_keys = weir__check_keys_or(job, value, node_keys, NULL, elsewhere);
    read_settings(job, node);
    read_role(job, node);
    read_from(job, node);
    if (!named) return;
    const struct weir__job_node *first = weir_map_find(ids, node->id);
    if (first) {
        char *help = first->id_value->mark.line ? weir_format("the first is in line %u", first->id_value->mark.line) : NULL;
        weir__say(job, node->id_value, help, "two nodes have the id '%s'", node->id);
    } else {
        weir_map_put(ids, node->id, node);
    }
}

static void resolve_input(struct weir__job *job, struct weir__job_node *node, struct weir__input *input,
                          const struct weir_map *ids)
{
    input->node = weir_map_find(ids, input->id);
    if (input->node == node) {
        input->node = NULL;
        weir__say(job, input->value, NULL, "node '%s' reads its own output", node->id);
    } else if (!input->node) {
        const char **names = weir_alloc_array(ids->n + 1, sizeof *names);
        for (size_t i = 0; i < ids->n; i++) names[i] = ids->entries[i].key;
        weir__say_part(job, input->value, input->id, weir__near(input->id, names, ids->n, NULL), "there is no node '%s'",
                       input->id);
        weir_free(names);
    } else if (input->node->role == WEIR__SINK) {
        weir__say(job, input->value, NULL, "'%s' is a sink: nothing comes out of it", input->id);
        input->node = NULL;
    }
}

static void check_ends(struct weir__job *job, const struct weir_value *nodes)
{
    bool sources = false, sinks = false, unclear = false;
    for (size_t i = 0; i < job->n_nodes; i++) {
        sources |= job->nodes[i].role == WEIR__SOURCE;
        sinks |= job->nodes[i].role == WEIR__SINK;
        unclear |= job->nodes[i].role == 0;
    }
    if (unclear) return;
    if (!sources)
        weir__say(job, nodes, weir_strdup("a source is a node such as {id: in, source: {file: {path: ...}}}"),
                  "the job has no source");
    if (!sinks)
        weir__say(job, nodes, weir_strdup("a sink is a node such as {id: out, from: NODE, sink: print}"),
                  "the job has no sink: nothing would come out of it");
}

/* ---- order ---------------------------------------------------------------------------------------------------------- */

/* Kahn's algorithm, always taking the first node in the author's order that is ready, so that the graph reads like the
 * manifest. */
static void put_in_order(struct weir__job *job)
{
    bool *done = weir_alloc_array(job->n_nodes + 1, sizeof *done);
    job->order = weir_alloc_array(job->n_nodes + 1, sizeof *job->order);
    for (bool progress = true; progress;) {
        progress = false;
        for (size_t i = 0; i < job->n_nodes; i++) {
            bool ready = !done[i];
            for (size_t k = 0; k < job->nodes[i].n_inputs && ready; k++) {
                const struct weir__job_node *input = job->nodes[i].inputs[k].node;
                ready = !input || done[input - job->nodes];
            }
            if (!ready) continue;
            done[i] = true;
            job->order[job->n_order++] = i;
            progress = true;
            break;
        }
    }
    weir_free(done);
}

/* An input of the node that is not in the order either. */
static struct weir__job_node *unordered_input(const struct weir__job *job, const struct weir__job_node *node,
                                              const bool *ordered)
{
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i].node && !ordered[node->inputs[i].node - job->nodes]) return node->inputs[i].node;
    }
    return NULL;
}

/* The cycle through `node`, told from its node that comes first in the file. */
static void say_cycle(struct weir__job *job, const struct weir__job_node *node, const bool *ordered)
{
    const struct weir__job_node *first = node;
    for (const struct weir__job_node *at = unordered_input(job, node, ordered); at != node;
         at = unordered_input(job, at, ordered)) {
        if (at < first) first = at;
    }
    struct weir_text cycle = {0};
    weir_text_add(&cycle, "%s", first->id);
    const struct weir__job_node *at = first;
    do {
        at = unordered_input(job, at, ordered);
        weir_text_add(&cycle, " <- %s", at->id);
    } while (at != first);
    weir__say(job, weir_value_get(first->value, "from"),
              weir_strdup("a job must not have cycles: records would go round for ever"),
              "the nodes read each other in a circle: %s", weir_text_get(&cycle));
    weir_text_finish(&cycle);
}

/* Every node that has no place in the order reads one that has none, so walking up the inputs leads into a cycle. A walk
 * that comes to where an earlier one was leads into a cycle that is told already. */
static void say_cycles(struct weir__job *job)
{
    bool *ordered = weir_alloc_array(job->n_nodes + 1, sizeof *ordered);
    size_t *walk = weir_alloc_array(job->n_nodes + 1, sizeof *walk); /* by node: the walk that was there; 0: none */
    for (size_t i = 0; i < job->n_order; i++) ordered[job->order[i]] = true;
    for (size_t i = 0; i < job->n_nodes; i++) {
        if (ordered[i] || walk[i]) continue;
        struct weir__job_node *node = &job->nodes[i];
        while (!walk[node - job->nodes]) {
            walk[node - job->nodes] = i + 1;
            node = unordered_input(job, node, ordered);
        }
        if (walk[node - job->nodes] == i + 1) say_cycle(job, node, ordered);
    }
    weir_free(ordered);
    weir_free(walk);
}

static bool is_list_of_nodes(struct weir__job *job, const struct weir_value *root, const struct weir_value *nodes)
{
    static const char help[] = "nodes: is a list of {id: ..., ...}";
    if (!nodes) {
        weir__say(job, root, weir_strdup(help), "the job has no nodes: the key 'nodes' is missing");
    } else if (nodes->kind != WEIR_VALUE_SEQUENCE) {
        char *found = weir__found(nodes);
        weir__say(job, nodes, weir_strdup(help), "nodes: expected a list of nodes, found %s", found);
        weir_free(found);
    } else if (nodes->n == 0) {
        weir__say(job, nodes, weir_strdup(help), "nodes: expected a list of nodes, found an empty one");
    }
    return nodes && nodes->kind == WEIR_VALUE_SEQUENCE && nodes->n > 0;
}

void weir__read_nodes(struct weir__job *job)
{
    const struct weir_value *root = weir_document_root(job->document), *nodes = weir_value_get(root, "nodes");
    if (!is_list_of_nodes(job, root, nodes)) return;
    struct weir_map ids = {0};
    job->nodes = weir_alloc_array(nodes->n, sizeof *job->nodes);
    for (size_t i = 0; i < nodes->n; i++) read_node(job, nodes->items[i], &ids);
    for (size_t i = 0; i < job->n_nodes; i++) {
        struct weir__job_node *node = &job->nodes[i];
        for (size_t k = 0; k < node->n_inputs; k++) resolve_input(job, node, &node->inputs[k], &ids);
    }
    check_ends(job, weir_value_key(root, "nodes"));
    put_in_order(job);
    say_cycles(job);
    weir_map_finish(&ids);
}

void weir__add_output(struct weir__job_node *node, const char *port, struct weir_schema *schema, uint32_t stream_node,
                      uint32_t stream_port)
{
    WEIR_GROW(node->outputs, node->outputs_capacity, node->n_outputs + 1);
    node->outputs[node->n_outputs++] =
        (struct weir__output){weir_strdup(port), schema ? weir_schema_retain(schema) : NULL, stream_node, stream_port};
}

void weir__free_nodes(struct weir__job *job)
{
    for (size_t i = 0; i < job->n_nodes; i++) {
        struct weir__job_node *node = &job->nodes[i];
        for (size_t k = 0; k < node->n_inputs; k++) {
            weir_free(node->inputs[k].id);
            weir_free(node->inputs[k].port);
        }
        for (size_t k = 0; k < node->n_outputs; k++) {
            weir_free(node->outputs[k].port);
            weir_schema_release(node->outputs[k].schema);
        }
        weir_free(node->inputs);
        weir_free(node->outputs);
        weir_map_finish(&node->input_names);
    }
    weir_free(job->nodes);
    weir_free(job->order);
}
