/* loader/job_steps.c - the steps of a manifest node, in their fixed order: time, filter, key_by, the main step, select; and
 * sources and sinks.
 *
 * A filter that keeps state by key comes after key_by instead. The main step is one of map, flat_map, process, reduce, a
 * rolling aggregate (sum, min, max, min_by, max_by, count: short for the components rolling_sum ...), window, join, async.
 */
#include <string.h>

#include "base/alloc.h"
#include "loader/job_internal.h"

static const char *const main_steps[] = {"map",    "flat_map", "process", "reduce", "sum",     "min",   "max", "min_by",
                                         "max_by", "count",    "window",  "join",   "cogroup", "async", NULL};

/* ---- components as operators ---------------------------------------------------------------------------------------- */

bool weir__writes_key(const struct weir_component_info *info)
{
    return weir__needs_key(info) || (info->out && strstr(info->out, "@key")) || (info->sides && strstr(info->sides, "@key"));
}

/* Whether the component can be what the step says; if not, says what it can be. */
static void check_step(struct weir__job *job, const char *step, const struct weir__use *use)
{
    if (!use->info) return;
    bool map = use->info->flags & WEIR_ONE_TO_ONE, filter = use->info->is_filter;
    const char *is = filter ? "filter" : map ? "map" : "process";
    bool fits = strcmp(step, is) == 0 || (strcmp(step, "flat_map") == 0 && !filter && !map) || strcmp(step, "key") == 0;
    if (fits) return;
    const char *what = filter ? "a filter"
                       : map  ? "a map: it gives one record for each"
                              : "no map: it may give any number of records for each";
    weir__say(job, use->at, weir_format("write %s: %s", is, use->name), "'%s' is %s", use->name, what);
}

static void check_key(struct weir__job *job, const struct weir__flow *flow, const struct weir__use *use)
{
    if (!use->info || flow->key_value || !weir__writes_key(use->info)) return;
    weir__say(job, use->at, weir_strdup("add key_by: FIELD to this node"), "'%s' works by key, but the node has no key_by",
              use->name);
}

static bool has_two_inputs(struct weir__job *job, const struct weir__use *use)
{
    struct weir_named_schema *inputs;
    size_t n;
    struct weir_error error;
    if (!use->info || weir_inputs_parse(use->info->in, &inputs, &n, &error) != WEIR_OK) return false;
    if (n == 2)
        weir__say(job, use->at, weir_format("from: {%s: NODE, %s: NODE}", inputs[0].name, inputs[1].name),
                  "'%s' has two inputs, '%s' and '%s'", use->name, inputs[0].name, inputs[1].name);
    weir_named_schemas_finish(inputs, n);
    return n == 2;
}

struct step {
    struct weir__job *job;
    struct weir__flow *flow;
    struct weir__use use;
    struct weir__binding binding;
    struct weir_stream_node *node;
};

void weir__add_side_outputs(struct weir__job *job, struct weir__flow *flow, const struct weir__use *use,
                            struct weir__inference *inf, struct weir_stream_node *node)
{
    struct weir_named_schema *sides = NULL;
    size_t n = 0;
    struct weir_error error;
    if (weir_sides_parse(use->info->sides, &sides, &n, &error) != WEIR_OK) {
        weir__say(job, use->at, NULL, "the plugin is at fault: '%s' declares its side outputs badly: %s", use->name,
                  error.text);
        flow->node->ports_unknown = true;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        struct weir_schema *schema = weir__infer(job, inf, &sides[i].schema);
        uint32_t port = node->n_outputs;
        weir__set_output(node, sides[i].name, schema);
        weir__add_output(flow->node, sides[i].name, schema, node->index, port);
        weir_schema_release(schema);
    }
    weir_named_schemas_finish(sides, n);
}

/* The caller owns the result. */
struct weir_schema *weir__infer_main(struct weir__job *job, const struct weir__use *use, struct weir__inference *inf)
{
    struct weir_schema_text text;
    struct weir_error error;
    if (weir_schema_text_parse(use->info->out, true, &text, &error) != WEIR_OK) {
        weir__say(job, use->at, NULL, "the plugin is at fault: '%s' declares what comes out badly: %s", use->name,
                  error.text);
        return NULL;
    }
    struct weir_schema *schema = weir__infer(job, inf, &text);
    weir_schema_text_finish(&text);
    return schema;
}

/* Moves what was found into the graph's node, and the flow on. Ends the step. */
static void finish_step(struct step *s)
{
    struct weir_stream_node *node = s->node;
    node->part = s->use.part;
    node->blocking = weir__part_is_blocking(s->use.part);
    struct weir_schema *out = NULL;
    if (s->use.info) {
        if (weir__writes_key(s->use.info) || node->kind == WEIR_NODE_REDUCE) {
            node->key_fields = weir__copy_indexes(s->flow->keys, s->flow->n_keys);
            node->n_key_fields = (uint32_t)s->flow->n_keys;
        }
        struct weir__inference inf = {.use = &s->use,
                                      .binding = &s->binding,
                                      .in = s->flow->schema,
                                      .keys = s->flow->keys,
                                      .n_keys = s->flow->n_keys,
                                      .at = s->use.at};
        out = weir__infer_main(s->job, &s->use, &inf);
        weir__set_output(node, "", out);
        weir__add_side_outputs(s->job, s->flow, &s->use, &inf, node);
    } else {
        weir__set_output(node, "", NULL);
        s->flow->node->ports_unknown = true;
    }
    node->args = s->binding.args;
    node->n_args = s->binding.n_args;
    s->binding.args = NULL;
    weir__binding_finish(&s->binding);
    weir__flow_becomes(s->flow, out);
}

static void bind_step(struct step *s)
{
    struct weir__args args = {.own = s->use.args, .node = s->flow->node};
    if (s->use.info)
        weir__bind(s->job, &s->use, s->flow->schema, s->flow->name, &args, &s->binding);
    else
        s->flow->node->ports_unknown = true;
}

static void build_operator(struct weir__job *job, struct weir__flow *flow, const char *step, const struct weir_value *value)
{
    struct step s = {.job = job, .flow = flow};
    if (weir__is_call(value)) {
        weir__build_call(job, flow, step, value);
        return;
    }
    weir__use_component(job, value, WEIR_OPERATOR, flow->schema, flow->name, &s.use);
    if (has_two_inputs(job, &s.use)) s.use.info = NULL; /* nothing more can be said of it here */
    check_step(job, step, &s.use);
    check_key(job, flow, &s.use);
    bind_step(&s);
    s.node = weir__attach(job, flow, WEIR_NODE_OPERATOR, step, weir_value_key(flow->node->value, step));
    s.node->title = weir_format("%s %s", step, s.use.name ? s.use.name : "?");
    bool filter = strcmp(step, "filter") == 0;
    struct weir_schema *same = filter && flow->schema ? weir_schema_retain(flow->schema) : NULL;
    finish_step(&s);
    if (filter && !flow->schema && same)
        flow->schema = weir_schema_retain(same); /* a filter keeps the fields, whatever is wrong with it */
    weir_schema_release(same);
}

static void build_rolling(struct weir__job *job, struct weir__flow *flow, const char *step, const struct weir_value *value)
{
    struct step s = {.job = job, .flow = flow};
    const struct weir_value *key = weir_value_key(flow->node->value, step);
    char *name = weir_format("rolling_%s", step);
    weir__use_named(job, key, name, WEIR_OPERATOR, value, strcmp(step, "count") == 0 ? "into" : "field", flow->schema,
                    flow->name, &s.use);
    check_key(job, flow, &s.use);
    bind_step(&s);
    s.node = weir__attach(job, flow, WEIR_NODE_OPERATOR, step, key);
    s.node->title = weir_format("rolling %s", step);
    finish_step(&s);
    weir_free(name);
}

static void build_async(struct weir__job *job, struct weir__flow *flow, const struct weir_value *value)
{
    struct step s = {.job = job, .flow = flow};
    weir__use_component(job, value, WEIR_ASYNC, flow->schema, flow->name, &s.use);
    bind_step(&s);
    s.node = weir__attach(job, flow, WEIR_NODE_ASYNC, "async", weir_value_key(flow->node->value, "async"));
    s.node->title = weir_format("async %s", s.use.name ? s.use.name : "?");
    weir__read_async(job, flow->node, &s.node->async);
    finish_step(&s);
}

static void build_reduce(struct weir__job *job, struct weir__flow *flow, const struct weir_value *value)
{
    struct step s = {.job = job, .flow = flow};
    weir__use_component(job, value, WEIR_REDUCER, flow->schema, flow->name, &s.use);
    if (!flow->key_value)
        weir__say(job, s.use.at, weir_strdup("add key_by: FIELD to this node"),
                  "reduce works by key, but the node has no key_by");
    bind_step(&s);
    s.node = weir__attach(job, flow, WEIR_NODE_REDUCE, "reduce", weir_value_key(flow->node->value, "reduce"));
    s.node->title = weir_format("reduce %s", s.use.name ? s.use.name : "?");
    finish_step(&s);
}

/* ---- time, select --------------------------------------------------------------------------------------------------- */

static void build_time(struct weir__job *job, struct weir__flow *flow, const struct weir_value *time)
{
    struct weir_stream_node *node =
        weir__attach(job, flow, WEIR_NODE_TIME, "time", weir_value_key(flow->node->value, "time"));
    weir__read_time(job, time, flow->schema, flow->name, false, &node->time);
    node->blocking = weir__part_is_blocking(node->time.generator);
    node->title = weir_strdup("time");
    weir__set_output(node, "", flow->schema);
    weir__flow_becomes(flow, flow->schema ? weir_schema_retain(flow->schema) : NULL);
}

struct selection {
    struct weir__job *job;
    struct weir__flow *flow;
    struct weir_stream_node *node;
    struct weir_schema_builder fields;
    bool complete;
};

static void pick(struct selection *s, const struct weir_value *at, const char *name, const struct weir_value *value)
{
    const char *from;
    int32_t field = -1;
    if (!weir__read_text(s->job, value, "select", &from)) {
        s->complete = false;
        return;
    }
    if (at == value && weir__is_expression(from))
        weir__say(s->job, value, weir_strdup("name it: select: {NAME: EXPRESSION, ...}"), "a computed field needs a name");
    else
        field = weir__find_field(s->job, value, from, s->flow->schema, s->flow->name);
    bool named = at == value || weir__check_field_name(s->job, at);
    s->complete &= field >= 0 && named;
    if (field < 0 || !named) return;
    for (size_t i = 0; i < s->fields.n; i++) {
        if (strcmp(s->fields.fields[i].name, name) != 0) continue;
        weir__say(s->job, at, weir_strdup("give one another name: select: {NEW: OLD, ...}"), "'%s' is selected twice", name);
        s->complete = false;
        return;
    }
    const weir_schema_field *f = weir_schema_field_at(s->flow->schema, (uint32_t)field);
    weir_schema_builder_add(&s->fields, name, (weir_type)f->type, f->nullable);
    s->node->picks = weir_realloc_array(s->node->picks, s->node->n_picks, s->node->n_picks + 1, sizeof *s->node->picks);
    s->node->picks[s->node->n_picks++] = (uint32_t)field;
}

static void read_selection(struct selection *s, const struct weir_value *select)
{
    if (select->kind == WEIR_VALUE_SEQUENCE && select->n > 0) {
        for (size_t i = 0; i < select->n; i++) pick(s, select->items[i], select->items[i]->text, select->items[i]);
    } else if (select->kind == WEIR_VALUE_MAPPING && select->n > 0) {
        for (size_t i = 0; i < select->n; i++)
            pick(s, select->pairs[i].key, select->pairs[i].key->text, select->pairs[i].value);
    } else if (select->kind == WEIR_VALUE_SCALAR) {
        pick(s, select, select->text, select);
    } else {
        weir__say(s->job, select, weir_strdup("select: [user, amount], or select: {new_name: old_name}"),
                  "nothing is selected");
        s->complete = false;
    }
}

static void build_select(struct weir__job *job, struct weir__flow *flow, const struct weir_value *select)
{
    struct selection s = {.job = job, .flow = flow, .complete = flow->schema != NULL};
    s.node = weir__attach(job, flow, WEIR_NODE_SELECT, "select", weir_value_key(flow->node->value, "select"));
    s.node->title = weir_strdup("select");
    read_selection(&s, select);
    struct weir_schema *out = s.complete ? weir_schema_build(&s.fields) : NULL;
    weir_schema_builder_finish(&s.fields);
    weir__set_output(s.node, "", out);
    weir__flow_becomes(flow, out);
}

/* A node that does nothing but read (a union under a name of its own) passes everything on. */
static void build_nothing(struct weir__job *job, struct weir__flow *flow)
{
    struct weir_stream_node *node =
        weir__attach(job, flow, WEIR_NODE_SELECT, "select", weir_value_key(flow->node->value, "from"));
    node->n_picks = flow->schema ? weir_schema_count(flow->schema) : 0;
    node->picks = weir_alloc_array(node->n_picks + 1, sizeof *node->picks);
    for (uint32_t i = 0; i < node->n_picks; i++) node->picks[i] = i;
    node->title = weir_strdup(flow->node->n_inputs > 1 ? "union" : "pass");
    weir__set_output(node, "", flow->schema);
    weir__flow_becomes(flow, flow->schema ? weir_schema_retain(flow->schema) : NULL);
}

/* ---- key_by --------------------------------------------------------------------------------------------------------- */

static void add_key(struct weir__job *job, struct weir__flow *flow, const struct weir_value *value)
{
    const char *name;
    if (!weir__read_text(job, value, "key_by", &name)) return;
    if (weir__is_expression(name)) {
        weir__say(job, value, weir_strdup("name each part of the key: key_by: {NAME: EXPRESSION, ...}"),
                  "a computed part of a key needs a name");
        return;
    }
    int32_t i = weir__find_field(job, value, name, flow->schema, flow->name);
    if (i < 0) return;
    weir_type type = (weir_type)weir_schema_field_at(flow->schema, (uint32_t)i)->type;
    if (!weir_type_is_key(type)) {
        weir__say(job, value, weir_strdup("a key is a bool, a number, a timestamp or a string"),
                  "'%s' is %s, which cannot be a key", name, weir_type_name(type));
        return;
    }
    for (size_t k = 0; k < flow->n_keys; k++) {
        if (flow->keys[k] != (uint32_t)i) continue;
        weir__say(job, value, NULL, "'%s' is in the key twice", name);
        return;
    }
    flow->keys = weir_realloc_array(flow->keys, flow->n_keys, flow->n_keys + 1, sizeof *flow->keys);
    flow->keys[flow->n_keys++] = (uint32_t)i;
}

/* The fields that a selector adds, which "*" does not pass through, are the key. */
static void take_selector_keys(struct weir__job *job, struct weir__flow *flow, const struct step *s, uint32_t passed)
{
    if (!flow->schema || !s->use.info) return;
    bool adds = s->use.info->out && strncmp(s->use.info->out, "*", 1) == 0 && weir_schema_count(flow->schema) > passed;
    if (!adds || !(s->use.info->flags & WEIR_ONE_TO_ONE) || weir__writes_key(s->use.info)) {
        weir__say(job, s->use.at, weir_strdup("a key selector is a map without state, declared .out = \"*, name:type\""),
                  "'%s' cannot select a key", s->use.name);
        return;
    }
    for (uint32_t i = passed; i < weir_schema_count(flow->schema); i++) {
        const weir_schema_field *f = weir_schema_field_at(flow->schema, i);
        if (!weir_type_is_key((weir_type)f->type))
            weir__say(job, s->use.at, NULL, "'%s' gives '%s', which is %s and cannot be a key", s->use.name, f->name,
                      weir_type_name((weir_type)f->type));
        flow->keys = weir_realloc_array(flow->keys, flow->n_keys, flow->n_keys + 1, sizeof *flow->keys);
        flow->keys[flow->n_keys++] = i;
    }
}

static void build_selector(struct weir__job *job, struct weir__flow *flow, const struct weir_value *value)
{
    struct step s = {.job = job, .flow = flow};
    uint32_t passed = flow->schema ? weir_schema_count(flow->schema) : 0;
    weir__use_component(job, value, WEIR_OPERATOR, flow->schema, flow->name, &s.use);
    bind_step(&s);
    s.node = weir__attach(job, flow, WEIR_NODE_OPERATOR, "key", weir_value_key(flow->node->value, "key_by"));
    s.node->title = weir_format("key %s", s.use.name ? s.use.name : "?");
    finish_step(&s);
    take_selector_keys(job, flow, &s, passed);
}

void weir__build_key(struct weir__job *job, struct weir__flow *flow, const struct weir_value *key)
{
    flow->key_value = key;
    flow->before_key = true;
    if (key->kind == WEIR_VALUE_SEQUENCE) {
        if (key->n == 0) weir__say(job, key, NULL, "the key has no fields");
        for (size_t i = 0; i < key->n; i++) add_key(job, flow, key->items[i]);
    } else if (weir__key_computes(job, flow, key)) {
        weir__build_computed_key(job, flow, key);
    } else if (key->kind == WEIR_VALUE_MAPPING) {
        build_selector(job, flow, key);
    } else {
        add_key(job, flow, key);
    }
    flow->before_key = false;
    flow->key_edge = true;
}

/* ---- the node ------------------------------------------------------------------------------------------------------- */

static bool is_join(const char *step)
{
    return strcmp(step, "join") == 0 || strcmp(step, "cogroup") == 0;
}

/* The main step, "" when there is none; a second one is a problem. */
static const char *find_main_step(struct weir__job *job, const struct weir__job_node *node)
{
    const char *found = "";
    bool window = weir_value_get(node->value, "window");
    bool join = weir_value_key(node->value, "join") || weir_value_key(node->value, "cogroup");
    for (size_t i = 0; i < node->value->n; i++) {
        const struct weir_value *key = node->value->pairs[i].key;
        if (window && weir__is_window_reduction(key->text)) continue; /* of the window */
        if (join && strcmp(key->text, "window") == 0) continue;       /* of the join */
        for (size_t k = 0; main_steps[k]; k++) {
            if (strcmp(key->text, main_steps[k]) != 0) continue;
            if (*found)
                weir__say(job, key, weir_strdup("give each a node of its own"), "a node does one thing: '%s' or '%s'", found,
                          key->text);
            else
                found = main_steps[k];
        }
    }
    return found;
}

static void build_main(struct weir__job *job, struct weir__flow *flow, const char *step)
{
    const struct weir_value *value = weir_value_get(flow->node->value, step);
    if (strcmp(step, "reduce") == 0)
        build_reduce(job, flow, value);
    else if (is_join(step))
        weir__say(job, weir_value_key(flow->node->value, step), weir_strdup("from: {left: NODE, right: NODE}"),
                  "a join reads two inputs, but this node has one");
    else if (strcmp(step, "async") == 0)
        build_async(job, flow, value);
    else if (strcmp(step, "window") == 0)
        weir__build_window(job, flow, value, weir_value_get(flow->node->value, "aggregate"));
    else if (strcmp(step, "map") == 0 || strcmp(step, "flat_map") == 0 || strcmp(step, "process") == 0)
        build_operator(job, flow, step, value);
    else
        build_rolling(job, flow, step, value);
}

/* A filter that is written out: anything but the name of a component; a plain word only when it names a field. */
static bool is_condition(const struct weir__job *job, const struct weir__flow *flow, const struct weir_value *filter)
{
    if (filter->kind != WEIR_VALUE_SCALAR || filter->broken || weir__peek_component(job, filter, WEIR_OPERATOR))
        return false;
    if (weir__is_expression(filter->text) || !weir__is_plain_name(filter->text)) return true;
    return flow->schema && weir_schema_find(flow->schema, filter->text) >= 0;
}

static bool computes(const struct weir__job *job, const struct weir__job_node *node)
{
    for (uint32_t i = 0; i < job->graph->n_nodes; i++) {
        const struct weir_stream_node *n = job->graph->nodes[i];
        if ((n->kind == WEIR_NODE_EXPR || n->kind == WEIR_NODE_CALL || n->condition) && strcmp(n->uid, node->id) == 0)
            return true;
    }
    return false;
}

static void check_errors(struct weir__job *job, const struct weir__job_node *node)
{
    const struct weir_value *errors = weir_value_key(node->value, "errors");
    if (errors && !computes(job, node))
        weir__say(job, errors, NULL,
                  "nothing in this node computes: 'errors' says what becomes of records that a computation fails on");
}

static void build_steps(struct weir__job *job, struct weir__flow *flow)
{
    struct weir__job_node *node = flow->node;
    const struct weir_value *time = weir_value_get(node->value, "time"), *filter = weir_value_get(node->value, "filter");
    const struct weir_value *key = weir_value_get(node->value, "key_by"), *select = weir_value_get(node->value, "select");
    const struct weir_value *aggregate = weir_value_get(node->value, "aggregate");
    const struct weir_component_info *filter_info = filter ? weir__peek_component(job, filter, WEIR_OPERATOR) : NULL;
    bool keyed_filter = filter_info && weir__writes_key(filter_info),
         computed_filter = filter && is_condition(job, flow, filter);
    const struct weir_value *set = weir_value_get(node->value, "set");
    const struct weir_value *condition = computed_filter ? filter : NULL;
    if (condition) filter = NULL;
    const char *main_step = find_main_step(job, node);
    node->main_step = *main_step        ? main_step
                      : aggregate       ? "window"
                      : filter          ? "filter"
                      : condition       ? "filter"
                      : set             ? "set"
                      : time && !select ? "time"
                                        : "select";
    if (strcmp(main_step, "async") != 0) weir__refuse_async_keys(job, node);
    flow->before_key = key != NULL;
    if (time) build_time(job, flow, time);
    if (filter && !keyed_filter) build_operator(job, flow, "filter", filter);
    if (condition || set) weir__build_filter_and_set(job, flow, condition, set);
    if (key) weir__build_key(job, flow, key);
    if (filter && keyed_filter) build_operator(job, flow, "filter", filter);
    if (*main_step) build_main(job, flow, main_step);
    if (aggregate && strcmp(main_step, "window") != 0) weir__build_window(job, flow, NULL, aggregate);
    if (key && !*main_step && !aggregate && !keyed_filter && !(filter && !filter_info) && !node->unknown_keys)
        weir__say(job, weir_value_key(node->value, "key_by"),
                  weir_strdup("put key_by in the node whose process, window or reduce needs it"),
                  "nothing in this node uses the key");
    if (select && weir__select_computes(flow, select))
        weir__build_computed_select(job, flow, select);
    else if (select)
        build_select(job, flow, select);
    check_errors(job, node);
    if (!flow->attached) build_nothing(job, flow);
    weir__add_output(node, "", flow->schema, flow->from, 0);
}

static void check_args(struct weir__job *job, const struct weir__job_node *node)
{
    const struct weir_value *args = weir_value_get(node->value, "args");
    if (!args || node->role == WEIR__SOURCE || !weir__is_mapping(job, args, "args as {input: field}") || node->ports_unknown)
        return;
    const char **names = weir_alloc_array(node->input_names.n + 1, sizeof *names);
    for (size_t i = 0; i < node->input_names.n; i++) names[i] = node->input_names.entries[i].key;
    for (size_t i = 0; i < args->n; i++) {
        const struct weir_value *key = args->pairs[i].key;
        if (!weir_map_has(&node->input_names, key->text))
            weir__say(job, key, weir__near(key->text, names, node->input_names.n, NULL),
                      "no component of this node has an input '%s'", key->text);
    }
    weir_free(names);
}

/* ---- sources and sinks ---------------------------------------------------------------------------------------------- */

static struct weir_schema *malformed_schema(void)
{
    struct weir_schema_builder fields = {0};
    weir_schema_builder_add(&fields, "raw", WEIR_BYTES, false);
    weir_schema_builder_add(&fields, "file", WEIR_STRING, false);
    weir_schema_builder_add(&fields, "offset", WEIR_I64, false);
    weir_schema_builder_add(&fields, "reason", WEIR_STRING, false);
    return weir_schema_build(&fields);
}

static enum weir_malformed read_malformed(struct weir__job *job, const struct weir_value *of_node,
                                          const struct weir_value *of_source)
{
    static const char *const choices[] = {"fail", "skip", "side_output", NULL};
    static const enum weir_malformed policies[] = {WEIR_MALFORMED_FAIL, WEIR_MALFORMED_SKIP, WEIR_MALFORMED_SIDE_OUTPUT};
    if (of_node && of_source)
        weir__say(job, of_node, NULL, "'malformed' is said twice: here and among the source's options");
    const struct weir_value *value = of_node ? of_node : of_source;
    int i = value ? weir__read_choice(job, value, "malformed", choices) : 0;
    return i < 0 ? WEIR_MALFORMED_FAIL : policies[i];
}

static struct weir_schema *source_fields(struct step *s)
{
    const struct weir_value *key = weir_value_key(s->flow->node->value, "schema"),
                            *value = weir_value_get(s->flow->node->value, "schema");
    struct weir_schema *declared = value ? weir__read_schema(s->job, value) : NULL, *out = NULL;
    struct weir__inference inf = {.use = &s->use, .declared = declared, .at = s->use.at};
    if (s->use.info) {
        out = weir__infer_main(s->job, &s->use, &inf);
        if (key && !inf.used_declared)
            weir__say(s->job, key, weir_strdup("leave it out; a select step renames"),
                      "'%s' has fields of its own: no schema is needed", s->use.name);
        if (!key && inf.used_declared && s->use.complete)
            weir__say(s->job, s->use.at, weir_strdup("say the fields and their types: schema: {user: string, amount: f64?}"),
                      "'%s' needs a schema", s->use.name);
        if (inf.used_declared && s->use.complete) weir__check_formats(s->job, &s->use, declared, "the schema");
    }
    weir_schema_release(declared);
    return out;
}

static void build_source(struct weir__job *job, struct weir__flow *flow)
{
    struct weir__job_node *node = flow->node;
    struct step s = {.job = job, .flow = flow};
    const struct weir_value *time = weir_value_get(node->value, "time");
    weir__use_component(job, weir_value_get(node->value, "source"), WEIR_SOURCE, NULL, NULL, &s.use);
    struct weir_schema *out = source_fields(&s);
    s.node = weir__attach(job, flow, WEIR_NODE_SOURCE, "source", node->value);
    s.node->part = s.use.part;
    s.node->title = weir_format("source %s", s.use.name ? s.use.name : "?");
    s.node->blocking = weir__part_is_blocking(s.use.part);
    weir__set_output(s.node, "", out);
    weir__add_output(node, "", out, s.node->index, 0);
    s.node->malformed = read_malformed(job, weir_value_get(node->value, "malformed"), s.use.malformed);
    if (s.node->malformed == WEIR_MALFORMED_SIDE_OUTPUT) {
        struct weir_schema *rejected = malformed_schema();
        weir__set_output(s.node, "malformed", rejected);
        weir__add_output(node, "malformed", rejected, s.node->index, 1);
        weir_schema_release(rejected);
    }
    if (time) {
        char *stream = weir_format("'%s'", node->id);
        weir__read_time(job, time, out, stream, true, &s.node->time);
        weir_free(stream);
    }
    if (!s.use.info) node->ports_unknown = true;
    weir_schema_release(out);
}

/* A sink that writes one file has one subtask. The option says so itself (WEIR_ONE_FILE). */
static void check_one_file(struct weir__job *job, struct weir__job_node *node, const struct weir__use *use)
{
    for (uint32_t i = 0; use->part && i < use->info->n_options; i++) {
        const struct weir_option_info *option = &use->info->options[i];
        const struct weir_option_value *value = &use->part->values[i];
        if (!(option->flags & WEIR_ONE_FILE) || !value->set || !*value->string ||
            value->string[strlen(value->string) - 1] == '/')
            continue;
        const struct weir_value *given = weir_value_get(node->value, "parallelism");
        if (given && node->parallelism_given && node->parallelism > 1)
            weir__say(
                job, given,
                weir_format("end the option '%s' with '/' for a folder of files, one by each, or leave the parallelism out",
                            option->name),
                "'%s' writes one file here, which needs parallelism 1", use->name);
        node->parallelism = 1;
    }
}

static void build_sink(struct weir__job *job, struct weir__flow *flow)
{
    struct step s = {.job = job, .flow = flow};
    weir__use_component(job, weir_value_get(flow->node->value, "sink"), WEIR_SINK, flow->schema, flow->name, &s.use);
    bind_step(&s);
    check_one_file(job, flow->node, &s.use);
    if (s.use.info && s.binding.complete) {
        struct weir_schema *given = weir__bound_fields(&s.binding, flow->schema);
        weir__check_formats(job, &s.use, given, flow->name);
        weir_schema_release(given);
    }
    s.node = weir__attach(job, flow, WEIR_NODE_SINK, "sink", flow->node->value);
    s.node->part = s.use.part;
    s.node->blocking = weir__part_is_blocking(s.use.part);
    s.node->title = weir_format("sink %s", s.use.name ? s.use.name : "?");
    s.node->args = s.binding.args;
    s.node->n_args = s.binding.n_args;
    s.binding.args = NULL;
    weir__binding_finish(&s.binding);
}

/* Two named inputs: the steps that read them together, and what may follow. */
static void build_two_sided(struct weir__job *job, struct weir__flow *flow)
{
    static const char *const before[] = {"time",   "filter", "set",   "reduce", "sum",       "min",   "max",
                                         "min_by", "max_by", "count", "window", "aggregate", "async", NULL};
    struct weir__job_node *node = flow->node;
    const char *step = find_main_step(job, node);
    const struct weir_value *select = weir_value_get(node->value, "select");
    for (size_t i = 0; before[i]; i++) {
        const struct weir_value *key = weir_value_key(node->value, before[i]);
        if (key && !(is_join(step) && strcmp(before[i], "window") == 0))
            weir__say(job, key, weir_strdup("put it in a node of its own, before or after this one"),
                      "'%s' reads one stream, but this node has two inputs, '%s' and '%s'", before[i], node->sides[0]->text,
                      node->sides[1]->text);
    }
    node->main_step = step;
    weir__refuse_async_keys(job, node);
    if (strcmp(step, "process") == 0 || strcmp(step, "map") == 0 || strcmp(step, "flat_map") == 0) {
        weir__build_connected(job, flow, step, weir_value_get(node->value, step));
    } else if (is_join(step)) {
        weir__build_join(job, flow, step);
    } else {
        if (!*step)
            weir__say(job, weir_value_key(node->value, "from"),
                      weir_strdup("process: COMPONENT, or join: {...}; a union is a list: from: [A, B]"),
                      "nothing in this node reads the two inputs '%s' and '%s' together", node->sides[0]->text,
                      node->sides[1]->text);
        node->ports_unknown = true;
        return;
    }
    if (select && weir__select_computes(flow, select))
        weir__build_computed_select(job, flow, select);
    else if (select)
        build_select(job, flow, select);
    if (is_join(step)) weir__leave_join(job, flow);
    check_errors(job, node);
    if (flow->attached) weir__add_output(node, "", flow->schema, flow->from, 0);
}

void weir__build_node(struct weir__job *job, struct weir__job_node *node)
{
    struct weir__flow flow;
    weir__flow_start(job, node, 0, &flow);
    node->main_step = node->role == WEIR__SOURCE ? "source" : "sink";
    if (node->role == WEIR__SOURCE)
        build_source(job, &flow);
    else if (node->role == WEIR__SINK)
        build_sink(job, &flow);
    else if (node->role == WEIR__STEPS && node->sides[1])
        build_two_sided(job, &flow);
    else if (node->role == WEIR__STEPS)
        build_steps(job, &flow);
    else
        node->ports_unknown = true;
    check_args(job, node);
    node->built = true;
    weir__flow_finish(&flow);
}
