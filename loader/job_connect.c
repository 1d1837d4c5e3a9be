/* loader/job_connect.c - a component that reads two streams: `from: {orders: A, payments: B}` and `process: match`.
 *
 * The names are the component's: .in "orders(...), payments(...)". Written in either order, the inputs are the component's
 * in the order of its declaration. key_by says the key of each, or one name for both; a component with a broadcast state has
 * no key on its second input, which goes to every subtask.
 */
#include <string.h>

#include "base/alloc.h"
#include "loader/job_internal.h"

struct connection {
    struct weir__job *job;
    struct weir__flow *first, second; /* in the component's order, once it is known */
    struct weir__use use;
    struct weir__binding bindings[2];
};

/* ---- which input is which ------------------------------------------------------------------------------------------- */

static void say_no_input(struct connection *c, const struct weir_value *side, const struct weir_named_schema *inputs)
{
    const char *names[] = {inputs[0].name, inputs[1].name};
    char *otherwise = weir_format("its inputs are '%s' and '%s'", names[0], names[1]);
    weir__say(c->job, side, weir__near(side->text, names, 2, otherwise), "'%s' has no input '%s'", c->use.name, side->text);
    weir_free(otherwise);
}

/* Puts the two flows into the component's order. False: the names are not its own, and that was said. */
static bool match_names(struct connection *c, const struct weir_named_schema *inputs)
{
    const struct weir_value *const *sides = c->first->node->sides;
    bool known = true;
    for (int i = 0; i < 2; i++) {
        bool own = strcmp(sides[i]->text, inputs[0].name) == 0 || strcmp(sides[i]->text, inputs[1].name) == 0;
        if (!own) say_no_input(c, sides[i], inputs);
        known &= own;
    }
    if (!known || strcmp(sides[0]->text, inputs[0].name) == 0) return known;
    struct weir__flow swapped = *c->first;
    *c->first = c->second;
    c->second = swapped;
    return true;
}

static bool match_inputs(struct connection *c, const struct weir_component_info *info)
{
    struct weir_named_schema *inputs;
    struct weir_error error;
    size_t n;
    if (weir_inputs_parse(info->in, &inputs, &n, &error) != WEIR_OK) return false; /* the registry has refused it */
    c->use.name = info->id;
    bool fits = n == 2 && match_names(c, inputs);
    weir_named_schemas_finish(inputs, n);
    if (n < 2)
        weir__say(c->job, weir_value_key(c->first->node->value, "from"), weir_strdup("a union is a list: from: [A, B]"),
                  "'%s' has one input, and two are named", info->id);
    return fits;
}

/* ---- keys ----------------------------------------------------------------------------------------------------------- */

struct side_keys {
    struct weir__job *job;
    struct weir__flow *first, *second;
    const char *who; /* needs them; NULL: unknown */
};

static const struct weir_value *key_of_side(const struct weir_value *key, const struct weir__flow *flow)
{
    return key->kind == WEIR_VALUE_MAPPING ? weir_value_get(key, flow->side_value->text) : key;
}

static void check_key_sides(struct side_keys *k, const struct weir_value *key)
{
    const char *names[] = {k->first->side_value->text, k->second->side_value->text};
    if (key->kind != WEIR_VALUE_MAPPING) return;
    for (size_t i = 0; i < key->n; i++) {
        const struct weir_value *side = key->pairs[i].key;
        if (strcmp(side->text, names[0]) == 0 || strcmp(side->text, names[1]) == 0) continue;
        char *otherwise = weir_format("key_by: {%s: FIELD, %s: FIELD}", names[0], names[1]);
        weir__say(k->job, side, weir__near(side->text, names, 2, otherwise), "this node has no input '%s'", side->text);
        weir_free(otherwise);
    }
}

static const weir_schema_field *key_field(const struct weir__flow *flow, size_t i)
{
    return weir_schema_field_at(flow->schema, flow->keys[i]);
}

/* What is keyed alike has keys of the same types: their bytes are compared. */
static void check_same_types(struct side_keys *k, const struct weir_value *key)
{
    const struct weir__flow *a = k->first, *b = k->second;
    if (!a->schema || !b->schema || a->n_keys == 0 || b->n_keys == 0) return;
    if (a->n_keys != b->n_keys) {
        weir__say(k->job, key, NULL, "the key of '%s' has %zu fields, that of '%s' has %zu; both must be keyed alike",
                  a->side_value->text, a->n_keys, b->side_value->text, b->n_keys);
        return;
    }
    for (size_t i = 0; i < a->n_keys; i++) {
        const weir_schema_field *f = key_field(a, i), *g = key_field(b, i);
        if (f->type == g->type) continue;
        weir__say(k->job, key,
                  weir_format("bring them to one type, such as key_by: {%s: {%s: \"cast(%s as %s)\"}, ...}",
                              b->side_value->text, g->name, g->name, weir_type_name((weir_type)f->type)),
                  "the keys of the two inputs are of different types: '%s' of '%s' is %s, '%s' of '%s' is %s", f->name,
                  a->side_value->text, weir_type_name((weir_type)f->type), g->name, b->side_value->text,
                  weir_type_name((weir_type)g->type));
    }
}

static void build_side_key(struct side_keys *k, struct weir__flow *flow, const struct weir_value *key)
{
    const struct weir_value *own = key_of_side(key, flow);
    if (own && flow->broadcast && key->kind == WEIR_VALUE_MAPPING)
        weir__say(k->job, own, NULL, "the input '%s' is broadcast: it has no key", flow->side_value->text);
    else if (own && !flow->broadcast)
        weir__build_key(k->job, flow, own);
    else if (!own && !flow->broadcast && k->who)
        weir__say(k->job, key, weir_format("key_by: {%s: FIELD, ...}", flow->side_value->text),
                  "the input '%s' has no key; both must be keyed alike", flow->side_value->text);
}

void weir__build_side_keys(struct weir__job *job, struct weir__flow *first, struct weir__flow *second,
                           const struct weir_value *at, const char *who, bool needed)
{
    struct side_keys k = {job, first, second, who};
    const struct weir_value *key = weir_value_get(first->node->value, "key_by");
    if (key) {
        check_key_sides(&k, key);
        build_side_key(&k, first, key);
        build_side_key(&k, second, key);
        check_same_types(&k, key);
    } else if (needed) {
        weir__say(job, at,
                  second->broadcast
                      ? weir_format("key_by: {%s: FIELD}", first->side_value->text)
                      : weir_format("key_by: {%s: FIELD, %s: FIELD}", first->side_value->text, second->side_value->text),
                  "'%s' works by key, but the node has no key_by", who);
    }
}

/* ---- the stream node ------------------------------------------------------------------------------------------------ */

static void bind_inputs(struct connection *c)
{
    struct weir__args args = {.own = c->use.args, .node = c->first->node};
    weir__bind(c->job, &c->use, c->first->schema, c->first->name, &args, &c->bindings[0]);
    args.input = 1;
    weir__bind(c->job, &c->use, c->second.schema, c->second.name, &args, &c->bindings[1]);
}

static void set_keys(const struct weir__flow *flow, uint32_t **fields, uint32_t *n)
{
    *fields = weir__copy_indexes(flow->keys, flow->n_keys);
    *n = (uint32_t)flow->n_keys;
}

static struct weir_schema *finish_node(struct connection *c, struct weir_stream_node *node)
{
    if (weir__writes_key(c->use.info)) {
        set_keys(c->first, &node->key_fields, &node->n_key_fields);
        set_keys(&c->second, &node->second->key_fields, &node->second->n_key_fields);
    }
    struct weir__inference inf = {.use = &c->use,
                                  .binding = &c->bindings[0],
                                  .in = c->first->schema,
                                  .second = &c->bindings[1],
                                  .second_in = c->second.schema,
                                  .keys = c->first->keys,
                                  .n_keys = c->first->n_keys,
                                  .at = c->use.at};
    struct weir_schema *out = weir__infer_main(c->job, &c->use, &inf);
    weir__set_output(node, "", out);
    weir__add_side_outputs(c->job, c->first, &c->use, &inf, node);
    node->args = c->bindings[0].args;
    node->n_args = c->bindings[0].n_args;
    node->second->args = c->bindings[1].args;
    node->second->n_args = c->bindings[1].n_args;
    c->bindings[0].args = c->bindings[1].args = NULL;
    weir__binding_finish(&c->bindings[0]);
    weir__binding_finish(&c->bindings[1]);
    return out;
}

static struct weir_stream_node *attach(struct connection *c, const char *step)
{
    struct weir_stream_node *node =
        weir__attach(c->job, c->first, WEIR_NODE_OPERATOR, step, weir_value_key(c->first->node->value, step));
    node->in_name = weir_strdup(c->first->side_value->text);
    weir__attach_second(c->job, &c->second, node);
    c->first->side_value = NULL; /* what follows reads one stream */
    node->title = weir_format("%s %s", step, c->use.name ? c->use.name : "?");
    node->part = c->use.part;
    node->blocking = weir__part_is_blocking(c->use.part);
    return node;
}

void weir__build_connected(struct weir__job *job, struct weir__flow *first, const char *step, const struct weir_value *value)
{
    struct connection c = {.job = job, .first = first};
    if (weir__is_call(value)) {
        const struct weir_value *key = weir_value_key(value, "call"); /* a signature alone is one, too */
        weir__say(job, key ? key : value, weir_strdup("put it in a node of its own, before or after this one"),
                  "a C function reads one stream, but this node has two inputs");
        first->node->ports_unknown = true;
        weir_schema_release(first->schema);
        first->schema = NULL;
        return;
    }
    const struct weir_component_info *info = weir__peek_component(job, value, WEIR_OPERATOR);
    weir__flow_start(job, first->node, 1, &c.second);
    bool fits = info && match_inputs(&c, info);
    weir__use_component(job, value, WEIR_OPERATOR, first->schema, first->name, &c.use);
    c.second.broadcast = info && weir_component_broadcasts(info);
    if (fits || !info)
        weir__build_side_keys(job, first, &c.second, c.use.at, c.use.info ? c.use.name : NULL,
                              c.use.info && weir__writes_key(c.use.info));
    if (fits) bind_inputs(&c);
    struct weir_stream_node *node = attach(&c, step);
    struct weir_schema *out = NULL;
    if (fits)
        out = finish_node(&c, node);
    else
        weir__set_output(node, "", NULL);
    first->node->ports_unknown |= !fits;
    weir__flow_becomes(first, out);
    weir__flow_finish(&c.second);
}
