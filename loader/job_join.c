/* loader/job_join.c - `join:` and `cogroup:`: rows of two inputs that have the same key, put together.
 *
 *   join: {interval: {from: -5s, to: 15min}, late: side_output, where: EXPRESSION, function: COMPONENT}
 *   window: {...}, join: inner | left | right | full | {type: left, where: EXPRESSION}
 *   window: {...}, join: {where: EXPRESSION} or {function: COMPONENT}
 *   window: {...}, cogroup: COMPONENT
 *
 * Without a function all fields of both come out. Inside the node (`where`, `select`) they are NAME.field, by the name of
 * the input; what leaves the node has plain names where those are unique, else NAME_field.
 */
#include <string.h>

#include "base/alloc.h"
#include "loader/job_internal.h"

struct joint {
    struct weir__job *job;
    struct weir__flow *first, second;
    const char *step;                     /* "join", "cogroup" */
    const struct weir_value *key, *value; /* of the step, and what it says */
    const struct weir_value *window;      /* NULL: an interval join */
    const struct weir_value *function;    /* NULL: none */
    struct weir__use use;                 /* of the function */
    struct weir__binding bindings[2];
    struct weir_join_config config;
    bool swapped; /* the function's first input is the one that is written second */
};

/* ---- the interval ------------------------------------------------------------------------------------------------ */

/* One bound: `inclusive` as it stands, `exclusive` a millisecond further in. */
static bool read_bound(struct weir__job *job, const struct weir_value *interval, const char *inclusive,
                       const char *exclusive, int64_t inwards, int64_t *ms)
{
    const struct weir_value *in = weir_value_get(interval, inclusive), *ex = weir_value_get(interval, exclusive);
    if (in && ex) {
        weir__say(job, weir_value_key(interval, exclusive), NULL,
                  "a bound is inclusive ('%s') or exclusive ('%s'), not both", inclusive, exclusive);
        return false;
    }
    if (!in && !ex) {
        weir__say(job, interval, weir_strdup("interval: {from: -5s, to: 15min}; `after` and `before` leave the bounds out"),
                  "the interval has no '%s'", inclusive);
        return false;
    }
    if (!weir__read_duration(job, in ? in : ex, in ? inclusive : exclusive, ms)) return false;
    if (ex) *ms += inwards;
    return true;
}

static void read_interval(struct joint *j, const struct weir_value *interval)
{
    static const char *const keys[] = {"from", "to", "after", "before", NULL};
    struct weir_join_config *c = &j->config;
    if (!weir__is_mapping(j->job, interval, "an interval such as {from: -5s, to: 15min}")) return;
    weir__check_keys(j->job, interval, keys, NULL);
    bool lower = read_bound(j->job, interval, "from", "after", 1, &c->lower_ms);
    bool upper = read_bound(j->job, interval, "to", "before", -1, &c->upper_ms);
    if (lower && upper && c->lower_ms > c->upper_ms)
        weir__say(j->job, interval, NULL, "the interval is empty: it ends before it starts");
}

static void read_type(struct joint *j, const struct weir_value *value)
{
    static const char *const types[] = {"inner", "left", "right", "full", NULL};
    static const enum weir_join_type values[] = {WEIR_JOIN_INNER, WEIR_JOIN_LEFT, WEIR_JOIN_RIGHT, WEIR_JOIN_FULL};
    int i = weir__read_choice(j->job, value, "join", types);
    if (i >= 0) j->config.type = values[i];
}

static void read_window_join(struct joint *j)
{
    static const char *const keys[] = {"type", "where", "function", NULL};
    if (strcmp(j->step, "cogroup") == 0) {
        j->function = j->value;
        return;
    }
    if (j->value->kind != WEIR_VALUE_MAPPING) {
        read_type(j, j->value);
        return;
    }
    const struct weir_value *late = weir_value_key(j->value, "late"), *interval = weir_value_key(j->value, "interval");
    if (late) weir__say(j->job, late, weir_strdup("window: {tumbling: 1h, late: side_output}"), "'late' is the window's");
    if (interval) weir__say(j->job, interval, NULL, "a join has an interval or a window, not both");
    if (!late && !interval) weir__check_keys(j->job, j->value, keys, NULL);
    const struct weir_value *type = weir_value_get(j->value, "type");
    if (type) read_type(j, type);
    j->function = weir_value_get(j->value, "function");
    if (j->config.type == WEIR_JOIN_INNER) return;
    if (j->function)
        weir__say(j->job, weir_value_key(j->value, "function"), weir_strdup("use cogroup: FUNCTION"),
                  "a join function sees pairs alone, so it is for inner joins");
}

static void read_join(struct joint *j)
{
    static const char *const keys[] = {"interval", "late", "where", "function", NULL};
    static const char *const lates[] = {"side_output", "drop", NULL};
    static const char help[] = "join: {interval: {from: -5s, to: 15min}}";
    if (!weir__is_mapping(j->job, j->value, "an interval: {interval: {from: -5s, to: 15min}}, or a window beside it"))
        return;
    weir__check_keys(j->job, j->value, keys, NULL);
    const struct weir_value *interval = weir_value_get(j->value, "interval"), *late = weir_value_get(j->value, "late");
    if (interval)
        read_interval(j, interval);
    else
        weir__say(j->job, j->value, weir_strdup(help),
                  "it is not said which records meet: there is no interval here, and no window in the node");
    if (late) j->config.late_output = weir__read_choice(j->job, late, "late", lates) == 0;
    j->function = weir_value_get(j->value, "function");
}

/* ---- the function ------------------------------------------------------------------------------------------------ */

static bool names(const struct weir_named_schema *inputs, size_t n, const char *name)
{
    return n == 2 && (strcmp(inputs[0].name, name) == 0 || strcmp(inputs[1].name, name) == 0);
}

/* By name, where both names are the function's; the interval is then seen from the other side. */
static void order_inputs(struct joint *j, const struct weir_component_info *info)
{
    struct weir_named_schema *inputs;
    struct weir_error error;
    size_t n;
    if (weir_inputs_parse(info->in, &inputs, &n, &error) != WEIR_OK) return; /* the registry has refused it */
    const struct weir_value *const *sides = j->first->node->sides;
    bool known = names(inputs, n, sides[0]->text) && names(inputs, n, sides[1]->text);
    j->swapped = known && strcmp(inputs[0].name, sides[0]->text) != 0;
    weir_named_schemas_finish(inputs, n);
    if (!j->swapped) return;
    struct weir__flow swapped = *j->first;
    *j->first = j->second;
    j->second = swapped;
    int64_t lower = j->config.lower_ms;
    j->config.lower_ms = -j->config.upper_ms;
    j->config.upper_ms = -lower;
    if (j->config.type == WEIR_JOIN_LEFT || j->config.type == WEIR_JOIN_RIGHT)
        j->config.type = j->config.type == WEIR_JOIN_LEFT ? WEIR_JOIN_RIGHT : WEIR_JOIN_LEFT;
}

static void use_function(struct joint *j)
{
    weir_kind kind = strcmp(j->step, "cogroup") == 0 ? WEIR_COGROUP_FUNCTION : WEIR_JOIN_FUNCTION;
    if (!j->function) return;
    const struct weir_component_info *info = weir__peek_component(j->job, j->function, kind);
    if (info) order_inputs(j, info);
    weir__use_component(j->job, j->function, kind, j->first->schema, j->first->name, &j->use);
}

static void bind_function(struct joint *j)
{
    if (!j->use.info) return;
    struct weir__args args = {.own = j->use.args, .node = j->first->node};
    weir__bind(j->job, &j->use, j->first->schema, j->first->name, &args, &j->bindings[0]);
    args.input = 1;
    weir__bind(j->job, &j->use, j->second.schema, j->second.name, &args, &j->bindings[1]);
}

static struct weir_schema *function_output(struct joint *j, struct weir_stream_node *node)
{
    if (!j->use.info) {
        weir__set_output(node, "", NULL);
        j->first->node->ports_unknown = true;
        return NULL;
    }
    struct weir__inference inf = {.use = &j->use,
                                  .binding = &j->bindings[0],
                                  .in = node->in,
                                  .second = &j->bindings[1],
                                  .second_in = node->second->in,
                                  .keys = j->first->keys,
                                  .n_keys = j->first->n_keys,
                                  .at = j->use.at};
    struct weir_schema *out = weir__infer_main(j->job, &j->use, &inf);
    weir__set_output(node, "", out);
    weir__add_side_outputs(j->job, j->first, &j->use, &inf, node);
    return out;
}

/* ---- the fields of both ------------------------------------------------------------------------------------------ */

/* optional: where the other side has rows without partners. */
static void add_side(struct weir_schema_builder *fields, const struct weir_schema *schema, const char *side, bool optional)
{
    for (uint32_t i = 0; i < weir_schema_count(schema); i++) {
        const weir_schema_field *f = weir_schema_field_at(schema, i);
        char *name = weir_format("%s.%s", side, f->name);
        weir_schema_builder_add(fields, name, (weir_type)f->type, f->nullable || optional);
        weir_free(name);
    }
}

static struct weir_schema *fields_of_both(const struct weir_stream_node *node, enum weir_join_type type)
{
    struct weir_schema_builder fields = {0};
    if (!node->in || !node->second->in) return NULL;
    add_side(&fields, node->in, node->in_name, type == WEIR_JOIN_RIGHT || type == WEIR_JOIN_FULL);
    add_side(&fields, node->second->in, node->second->name, type == WEIR_JOIN_LEFT || type == WEIR_JOIN_FULL);
    return weir_schema_build(&fields);
}

static const char *plain(const char *name)
{
    const char *dot = strchr(name, '.');
    return dot ? dot + 1 : name;
}

/* Field i as it leaves the node; the caller frees. */
static char *outer_name(const struct weir_schema *schema, uint32_t i)
{
    const char *name = weir_schema_field_at(schema, i)->name, *own = plain(name);
    for (uint32_t k = 0; own != name && k < weir_schema_count(schema); k++) {
        if (k == i || strcmp(plain(weir_schema_field_at(schema, k)->name), own) != 0) continue;
        return weir_format("%.*s_%s", (int)(own - name - 1), name, own);
    }
    return weir_strdup(own);
}

/* The schema with plain names. NULL: two fields would have the same one, and that was said. */
static struct weir_schema *plain_schema(struct weir__job *job, const struct weir_value *at, struct weir_schema *schema)
{
    struct weir_schema_builder fields = {0};
    bool unique = true;
    for (uint32_t i = 0; i < weir_schema_count(schema); i++) {
        const weir_schema_field *f = weir_schema_field_at(schema, i);
        char *name = outer_name(schema, i);
        for (size_t k = 0; unique && k < fields.n; k++) {
            if (strcmp(fields.fields[k].name, name) != 0) continue;
            weir__say(job, at, weir_format("name the fields with select: {NAME: %s, ...}", f->name),
                      "two fields that come out would be named '%s'", name);
            unique = false;
        }
        weir_schema_builder_add(&fields, name, (weir_type)f->type, f->nullable);
        weir_free(name);
    }
    struct weir_schema *to = unique ? weir_schema_build(&fields) : NULL;
    weir_schema_builder_finish(&fields);
    return to;
}

static void rename_schema(struct weir__job *job, const struct weir_value *at, struct weir_schema **schema)
{
    if (!*schema) return;
    struct weir_schema *to = plain_schema(job, at, *schema);
    weir_schema_release(*schema);
    *schema = to;
}

void weir__leave_join(struct weir__job *job, struct weir__flow *flow)
{
    struct weir__job_node *node = flow->node;
    const struct weir_value *at = weir_value_key(node->value, flow->step);
    struct weir_stream_node *last = job->graph->nodes[flow->from];
    if (last->n_outputs == 0 || !flow->schema) return;
    rename_schema(job, at, &last->outputs[0].schema);
    weir_schema_release(flow->schema);
    flow->schema = last->outputs[0].schema ? weir_schema_retain(last->outputs[0].schema) : NULL;
    for (size_t i = 0; i < node->n_outputs; i++) {
        if (strcmp(node->outputs[i].port, "errors") != 0 || !node->outputs[i].schema) continue;
        struct weir_output_port *port = &job->graph->nodes[node->outputs[i].node]->outputs[node->outputs[i].node_port];
        rename_schema(job, at, &port->schema);
        weir_schema_release(node->outputs[i].schema);
        node->outputs[i].schema = port->schema ? weir_schema_retain(port->schema) : NULL;
    }
}

/* ---- the condition ----------------------------------------------------------------------------------------------- */

static bool read_condition(struct joint *j, const struct weir_value *where, const char **text)
{
    if (j->function) {
        weir__say(j->job, weir_value_key(j->value, "where"),
                  weir_strdup("let the function look, or put a filter into a node of its own"),
                  "a join with a function has no 'where': what comes out is the function's");
        return false;
    }
    if (where->kind != WEIR_VALUE_SCALAR) {
        char *found = weir__found(where);
        weir__say(j->job, where, NULL, "where: expected a condition such as %s.a = %s.b, found %s",
                  j->first->node->sides[0]->text, j->first->node->sides[1]->text, found);
        weir_free(found);
        return false;
    }
    return weir__read_text(j->job, where, "where", text);
}

static void check_condition(struct joint *j, const struct weir_value *where, const char *text,
                            const struct weir_schema *fields)
{
    weir_type type;
    bool nullable;
    if (weir__check_expression(j->job, where, text, fields, &type, &nullable) && type != WEIR_BOOL)
        weir__say(j->job, where, weir_strdup("compare it with something"), "'where' needs a bool, this is %s",
                  weir_type_name(type));
}

/* Of an inner join: pairs are left out behind it. */
static void filter_pairs(struct joint *j, const struct weir_value *where, const char *text)
{
    struct weir__flow *flow = j->first;
    struct weir_stream_node *node = weir__attach(j->job, flow, WEIR_NODE_EXPR, "where", where);
    node->title = weir_format("where %s", where->secret ? "?" : text);
    node->condition = weir_strdup(text);
    weir__set_output(node, "", flow->schema);
    weir__read_errors(j->job, flow, node);
    flow->step = "join"; /* whose fields these are */
    check_condition(j, where, text, flow->schema);
}

/* Of an outer join: it decides which records have partners, so the join itself looks at it. */
static void match_pairs(struct joint *j, const struct weir_value *where, const char *text, struct weir_stream_node *node)
{
    const struct weir_value *errors = weir_value_get(j->first->node->value, "errors");
    node->condition = weir_strdup(text);
    node->join.both = fields_of_both(node, WEIR_JOIN_INNER);
    check_condition(j, where, text, node->join.both);
    if (errors && errors->text && strcmp(errors->text, "side_output") == 0)
        weir__say(
            j->job, errors, weir_strdup("errors: fail, or errors: skip, for which such a pair does not match"),
            "the condition of an outer join puts no pairs aside: their records would come out as if they had no partner");
    else
        weir__read_errors(j->job, j->first, node);
}

static void build_where(struct joint *j, const struct weir_value *where, struct weir_stream_node *node)
{
    const char *text;
    if (!read_condition(j, where, &text)) return;
    if (j->config.type == WEIR_JOIN_INNER)
        filter_pairs(j, where, text);
    else
        match_pairs(j, where, text, node);
}

/* ---- the node ---------------------------------------------------------------------------------------------------- */

static char *title_of(const struct weir_stream_node *node, const char *step)
{
    static const char *const types[] = {"", "left ", "right ", "full "};
    const struct weir_join_config *c = &node->join;
    struct weir_text title = {0};
    if (node->kind == WEIR_NODE_WINDOW) {
        char *window = weir__window_title(&node->window);
        weir_text_add(&title, "%s%s, %s", types[c->type], step, window);
        weir_free(window);
        return weir_text_take(&title);
    }
    weir_text_add(&title, "join from ");
    weir_text_add_duration(&title, c->lower_ms);
    weir_text_add(&title, " to ");
    weir_text_add_duration(&title, c->upper_ms);
    return weir_text_take(&title);
}

/* Sees no field, though it may say "*" to see the times of records. */
static bool is_blind(const struct weir_part_spec *part)
{
    for (uint32_t i = 0; i < part->info->n_options; i++) {
        if (!part->values[i].set) continue;
        if (part->info->options[i].type == WEIR_OPT_FIELD) return false;
        if (part->info->options[i].type == WEIR_OPT_COMPONENT && !is_blind(part->values[i].part)) return false;
    }
    return !part->info->in || strcmp(part->info->in, "*") == 0;
}

static void check_blind(struct joint *j, const struct weir_part_spec *part)
{
    if (part && !is_blind(part))
        weir__say(j->job, weir_value_key(j->first->node->value, "window"), NULL,
                  "'%s' looks at the fields of records, and the two inputs have different ones", part->info->id);
}

/* The parts of the window see no fields: there are two kinds of them. */
static void read_window(struct joint *j, struct weir_stream_node *node)
{
    weir__read_join_window(j->job, j->first, j->window, &node->window);
    check_blind(j, node->window.assigner);
    check_blind(j, node->window.trigger);
    check_blind(j, node->window.evictor);
    j->config.late_output = node->window.late_output;
}

static struct weir_stream_node *attach(struct joint *j)
{
    enum weir_node_kind kind = j->window ? WEIR_NODE_WINDOW : WEIR_NODE_JOIN;
    struct weir_stream_node *node = weir__attach(j->job, j->first, kind, j->step, j->key);
    node->in_name = weir_strdup(j->first->side_value->text);
    weir__attach_second(j->job, &j->second, node);
    node->join = j->config;
    if (j->window) read_window(j, node);
    node->title = title_of(node, j->step);
    weir__note_facts(node);
    node->part = j->use.part;
    node->blocking = weir__part_is_blocking(j->use.part);
    node->key_fields = weir__copy_indexes(j->first->keys, j->first->n_keys);
    node->n_key_fields = (uint32_t)j->first->n_keys;
    node->second->key_fields = weir__copy_indexes(j->second.keys, j->second.n_keys);
    node->second->n_key_fields = (uint32_t)j->second.n_keys;
    node->args = j->bindings[0].args;
    node->n_args = j->bindings[0].n_args;
    node->second->args = j->bindings[1].args;
    node->second->n_args = j->bindings[1].n_args;
    j->bindings[0].args = j->bindings[1].args = NULL;
    j->first->side_value = NULL; /* what follows reads one stream */
    return node;
}

static void add_late_output(struct joint *j, struct weir_stream_node *node, const char *side, struct weir_schema *schema)
{
    char *name = weir_format("late_%s", side);
    uint32_t port = node->n_outputs;
    for (uint32_t i = 1; i < node->n_outputs; i++) {
        if (strcmp(node->outputs[i].name, name) == 0)
            weir__say(j->job, j->key, weir_strdup("give the input another name"),
                      "the function has a side output '%s', and so has a join whose late records go to one", name);
    }
    weir__set_output(node, name, schema);
    weir__add_output(j->first->node, name, schema, node->index, port);
    weir_free(name);
}

void weir__build_join(struct weir__job *job, struct weir__flow *first, const char *step)
{
    struct joint j = {.job = job,
                      .first = first,
                      .step = step,
                      .key = weir_value_key(first->node->value, step),
                      .value = weir_value_get(first->node->value, step),
                      .window = weir_value_get(first->node->value, "window")};
    bool cogroup = strcmp(step, "cogroup") == 0;
    weir__flow_start(job, first->node, 1, &j.second);
    if (cogroup && !j.window)
        weir__say(job, j.key, weir_strdup("window: {tumbling: 1h}"), "'cogroup' needs a 'window' in the same node");
    if (j.window || cogroup)
        read_window_join(&j);
    else
        read_join(&j);
    const struct weir_value *where = cogroup ? NULL : weir_value_get(j.value, "where");
    use_function(&j);
    weir__build_side_keys(job, first, &j.second, j.key, step, true);
    bind_function(&j);
    struct weir_stream_node *node = attach(&j);
    struct weir_schema *out;
    if (j.function) {
        out = function_output(&j, node);
    } else {
        out = fields_of_both(node, j.config.type);
        weir__set_output(node, "", out);
    }
    if (j.config.late_output) {
        add_late_output(&j, node, node->in_name, node->in);
        add_late_output(&j, node, node->second->name, node->second->in);
    }
    weir__binding_finish(&j.bindings[0]);
    weir__binding_finish(&j.bindings[1]);
    if (!j.window || weir__is_event_window(&node->window)) weir__check_event_time(job, node, j.key);
    weir__flow_becomes(first, out);
    if (where) build_where(&j, where, node);
    weir__flow_finish(&j.second);
}
