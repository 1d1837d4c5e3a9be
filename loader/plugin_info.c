/* loader/plugin_info.c - the checks of loader/plugin_info.h on a plugin and its components; option_table.c has those on
 * options. Any thread. */
#include "loader/plugin_info.h"

#include <string.h>

#include "base/alloc.h"
#include "data/schema.h"
#include "loader/plugin_internal.h"

/* ---- what a kind may have ---------------------------------------------------------------------------------------- */

enum port { NONE, MAY, MUST };
static const struct rule {
    weir_kind kind;
    enum port in, out, sides, states;
    uint32_t flags; /* beside those that every kind may have */
} rules[] = {
    {WEIR_SOURCE, NONE, MUST, MAY, MAY, WEIR_UNBOUNDED | WEIR_REPLAYABLE},
    {WEIR_OPERATOR, MAY, MAY, MAY, MAY, WEIR_NEEDS_KEY | WEIR_ONE_TO_ONE},
    {WEIR_REDUCER, MAY, MUST, NONE, NONE, WEIR_NEEDS_KEY},
    {WEIR_AGGREGATE, MAY, MUST, NONE, MUST, WEIR_NEEDS_KEY | WEIR_MERGEABLE | WEIR_MERGEABLE_BUT_FLOATS | WEIR_INVERTIBLE},
    {WEIR_WATERMARK_GENERATOR, MAY, NONE, NONE, NONE, 0},
    {WEIR_PARTITIONER, MAY, NONE, NONE, NONE, 0},
    {WEIR_DECODER, MAY, MUST, NONE, NONE, 0},
    {WEIR_ENCODER, MAY, NONE, NONE, NONE, 0},
    {WEIR_SINK, MAY, NONE, NONE, MAY, WEIR_AT_MOST_ONCE | WEIR_IDEMPOTENT | WEIR_WRITE_AHEAD | WEIR_TWO_PHASE},
    {WEIR_WINDOW_ASSIGNER, MAY, NONE, NONE, NONE,
     WEIR_MERGING | WEIR_EVENT_WINDOWS | WEIR_CLOCK_WINDOWS | WEIR_PERIODIC | WEIR_ONE_WINDOW},
    {WEIR_TRIGGER, MAY, NONE, NONE, MAY, WEIR_MERGEABLE | WEIR_END_OF_WINDOW},
    {WEIR_EVICTOR, MAY, NONE, NONE, NONE, 0},
    {WEIR_WINDOW_FUNCTION, MAY, MUST, MAY, MAY, 0},
    {WEIR_JOIN_FUNCTION, MUST, MUST, MAY, NONE, 0},
    {WEIR_COGROUP_FUNCTION, MUST, MUST, MAY, NONE, 0},
    {WEIR_ASYNC, MAY, MUST, MAY, NONE, 0},
    {WEIR_STATE_BACKEND, NONE, NONE, NONE, NONE, 0},
    {WEIR_CHECKPOINT_STORAGE, NONE, NONE, NONE, NONE, WEIR_STORES_FILES},
};
#define FLAGS_OF_ALL (WEIR_BLOCKING | WEIR_NONDETERMINISTIC | WEIR_ACCEPTS_SELECTION)

static weir_status check_port(weir_kind kind, const char *name, enum port rule, bool there, struct weir_error *error)
{
    if (rule == NONE && there)
        return weir__refuse(error, "expected no .%s for a component of kind %s, found one; take it away", name,
                            weir_kind_name(kind));
    if (rule == MUST && !there)
        return weir__refuse(error, "expected .%s for a component of kind %s, found none; declare it", name,
                            weir_kind_name(kind));
    return WEIR_OK;
}

static weir_status check_flags(const struct weir_component_info *c, uint32_t allowed, struct weir_error *error)
{
    uint32_t wrong = c->flags & ~allowed;
    if (!wrong) return WEIR_OK;
    const char *name = weir__word_name(weir__component_flags, wrong & -wrong);
    return weir__refuse(error, "expected flags that a component of kind %s can have, found %s (0x%x); take it away",
                        weir_kind_name(c->kind), name ? name : "an unknown one", wrong);
}

static weir_status check_kind(const struct weir_component_info *c, struct weir_error *error)
{
    const struct rule *r = NULL;
    for (size_t i = 0; i < WEIR_LEN(rules); i++) {
        if (rules[i].kind == c->kind) r = &rules[i];
    }
    if (!r)
        return weir__refuse(
            error, "expected a component kind that this weir knows, found kind %d; use enum weir_kind of <weir/component.h>",
            (int)c->kind);
    weir_status s = check_port(c->kind, "in", r->in, c->in, error);
    if (s == WEIR_OK) s = check_port(c->kind, "out", r->out, c->out, error);
    if (s == WEIR_OK) s = check_port(c->kind, "sides", r->sides, c->sides, error);
    if (s == WEIR_OK) s = check_port(c->kind, "states", r->states, c->n_states > 0, error);
    return s == WEIR_OK ? check_flags(c, FLAGS_OF_ALL | r->flags, error) : s;
}

bool weir_component_has_two_inputs(const struct weir_component_info *c)
{
    return c->in && strchr(c->in, '(');
}

bool weir_component_broadcasts(const struct weir_component_info *c)
{
    bool broadcast = false;
    for (uint32_t i = 0; i < c->n_states; i++) broadcast |= c->states[i].kind == WEIR_BROADCAST;
    return broadcast;
}

/* ---- schema texts ------------------------------------------------------------------------------------------------ */

static const struct weir_option_info *find_option(const struct weir_component_info *c, const char *name)
{
    for (uint32_t i = 0; i < c->n_options; i++) {
        if (strcmp(c->options[i].name, name) == 0) return &c->options[i];
    }
    return NULL;
}

static bool has_input(const struct weir_schema_text *in, const char *name)
{
    for (size_t i = 0; i < in->n; i++) {
        const struct weir_item *item = &in->items[i];
        if (item->kind == WEIR_ITEM_ALL) return true; /* any field of the stream */
        if (item->kind == WEIR_ITEM_FIELD && strcmp(item->name ? item->name : item->name_option, name) == 0) return true;
    }
    return false;
}

/* same(x) and wide(x) name an input as it is declared: x, or {option}. */
static weir_status check_of(const struct weir_item *item, const struct weir_schema_text *in, struct weir_error *error)
{
    char name[128];
    size_t n = strlen(item->of);
    bool braced = n > 2 && n < sizeof name && item->of[0] == '{';
    if (braced) {
        memcpy(name, item->of + 1, n - 2);
        name[n - 2] = 0;
    }
    if (has_input(in, braced ? name : item->of)) return WEIR_OK;
    return weir__refuse(
        error, "expected the name of an input in %s(%s), found no such field in .in; add it there or correct the name",
        item->type_kind == WEIR_ITEM_SAME ? "same" : "wide", item->of);
}

static weir_status check_item(const struct weir_component_info *c, const struct weir_item *item,
                              const struct weir_schema_text *in, struct weir_error *error)
{
    if (item->name_option) {
        const struct weir_option_info *o = find_option(c, item->name_option);
        if (!o || o->type != WEIR_OPT_STRING)
            return weir__refuse(error, "expected a string option in {%s}, found %s; declare WEIR_OPTION(..., %s, ...)",
                                item->name_option, o ? "one of another type" : "no such option", item->name_option);
    }
    if (item->kind == WEIR_ITEM_OPTION) {
        const struct weir_option_info *o = find_option(c, item->name);
        if (!o || o->type != WEIR_OPT_COMPONENT)
            return weir__refuse(error,
                                "expected a component option in $%s, found %s; declare one of type WEIR_OPT_COMPONENT",
                                item->name, o ? "one of another type" : "no such option");
    }
    return item->of ? check_of(item, in, error) : WEIR_OK;
}

static weir_status check_items(const struct weir_component_info *c, const struct weir_schema_text *text,
                               const struct weir_schema_text *in, struct weir_error *error)
{
    weir_status s = WEIR_OK;
    for (size_t i = 0; s == WEIR_OK && i < text->n; i++) s = check_item(c, &text->items[i], in, error);
    return s;
}

/* The reader's message has the text in it; where the rules are, it does not say. */
static weir_status unreadable(const char *port, struct weir_error *error)
{
    if (error) weir__refuse(error, "%s; correct it as <weir/component.h> describes", error->text);
    return weir_error_prefix(error, ".%s: ", port);
}

static weir_status check_port_text(const struct weir_component_info *c, const char *port, const char *text,
                                   struct weir_schema_text *schema, const struct weir_schema_text *in,
                                   struct weir_error *error)
{
    weir_status s = weir_schema_text_parse(text, true, schema, error);
    if (s != WEIR_OK) return unreadable(port, error);
    s = check_items(c, schema, in, error);
    return s == WEIR_OK ? s : weir_error_prefix(error, ".%s \"%s\": ", port, text);
}

static bool is_of_join(weir_kind kind)
{
    return kind == WEIR_JOIN_FUNCTION || kind == WEIR_COGROUP_FUNCTION;
}

/* What a join gives comes from no one row. */
static weir_status check_join_output(const struct weir_component_info *c, const struct weir_schema_text *text,
                                     struct weir_error *error)
{
    for (size_t i = 0; is_of_join(c->kind) && i < text->n; i++) {
        if (text->items[i].kind != WEIR_ITEM_ALL && text->items[i].kind != WEIR_ITEM_IN) continue;
        return weir__refuse(error,
                            "expected fields and @key in what comes out of a component of kind %s, found '%s'; name the "
                            "fields",
                            weir_kind_name(c->kind), text->items[i].kind == WEIR_ITEM_ALL ? "*" : "@in");
    }
    return WEIR_OK;
}

/* all: the items of every input, one after another; they belong to `inputs`. */
static weir_status check_inputs(const struct weir_component_info *c, const struct weir_named_schema *inputs, size_t n,
                                struct weir_schema_text *all, struct weir_error *error)
{
    weir_status s = WEIR_OK;
    size_t total = 0;
    for (size_t i = 0; i < n; i++) total += inputs[i].schema.n;
    all->items = weir_alloc_array(total + 1, sizeof *all->items);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < inputs[i].schema.n; k++) all->items[all->n++] = inputs[i].schema.items[k];
        if (s == WEIR_OK) s = check_items(c, &inputs[i].schema, all, error);
    }
    if (s != WEIR_OK) return weir_error_prefix(error, ".in \"%s\": ", c->in);
    if (is_of_join(c->kind) && n != 2)
        return weir__refuse(error, ".in \"%s\": expected two named inputs, as in \"left(...), right(...)\", found %zu",
                            c->in, n);
    if (n > 2 || (n == 2 && c->kind != WEIR_OPERATOR && !is_of_join(c->kind)))
        return weir__refuse(error, ".in: expected one input, or two for an operator, found %zu", n);
    if (n == 1 && *inputs[0].name)
        return weir__refuse(error, ".in \"%s\": expected two named inputs, found one; a single input has no name", c->in);
    if (n == 2 && (c->is_filter || (c->flags & WEIR_ONE_TO_ONE)))
        return weir__refuse(error,
                            "expected one input for a filter or a map, found two; use WEIR_CO_MAP or WEIR_CO_PROCESS");
    return WEIR_OK;
}

static weir_status check_sides(const struct weir_component_info *c, const struct weir_schema_text *in,
                               struct weir_error *error)
{
    struct weir_named_schema *sides = NULL;
    size_t n = 0;
    if (!c->sides) return WEIR_OK;
    weir_status s = weir_sides_parse(c->sides, &sides, &n, error);
    if (s != WEIR_OK) return unreadable("sides", error);
    for (size_t i = 0; s == WEIR_OK && i < n; i++) {
        s = check_items(c, &sides[i].schema, in, error);
        if (s == WEIR_OK) s = check_join_output(c, &sides[i].schema, error);
    }
    if (s != WEIR_OK) weir_error_prefix(error, ".sides \"%s\": ", c->sides);
    weir_named_schemas_finish(sides, n);
    return s;
}

static weir_status check_out(const struct weir_component_info *c, const struct weir_schema_text *out,
                             struct weir_error *error)
{
    if (c->kind == WEIR_AGGREGATE && (out->n != 1 || out->items[0].kind != WEIR_ITEM_FIELD))
        return weir__refuse(
            error, ".out \"%s\": expected one field for an aggregate, such as \"result:i64\", found something else", c->out);
    if (c->kind == WEIR_OPERATOR && (c->flags & WEIR_ONE_TO_ONE) && !c->out)
        return weir__refuse(error, "expected .out for a map (WEIR_ONE_TO_ONE), found none; declare the fields it writes");
    if (c->is_filter && (out->n != 1 || out->items[0].kind != WEIR_ITEM_ALL))
        return weir__refuse(error, ".out: expected \"*\" for a filter, found \"%s\"; a filter writes no fields",
                            c->out ? c->out : "");
    return check_join_output(c, out, error);
}

static weir_status check_schemas(const struct weir_component_info *c, struct weir_error *error)
{
    struct weir_named_schema *inputs;
    struct weir_schema_text in = {0}, out = {0};
    size_t n;
    weir_status s = weir_inputs_parse(c->in, &inputs, &n, error);
    if (s != WEIR_OK) return unreadable("in", error);
    s = check_inputs(c, inputs, n, &in, error);
    if (s == WEIR_OK) s = check_port_text(c, "out", c->out, &out, &in, error);
    if (s == WEIR_OK) s = check_out(c, &out, error);
    if (s == WEIR_OK) s = check_sides(c, &in, error);
    weir_free(in.items);
    weir_named_schemas_finish(inputs, n);
    weir_schema_text_finish(&out);
    return s;
}

static weir_status check_assigner(const struct weir_component_info *c, struct weir_error *error)
{
    if ((c->flags & WEIR_EVENT_WINDOWS) && (c->flags & WEIR_CLOCK_WINDOWS))
        return weir__refuse(error, "expected event_windows or clock_windows, found both; windows follow one clock");
    if (c->flags & WEIR_ONE_WINDOW && c->flags & (WEIR_EVENT_WINDOWS | WEIR_CLOCK_WINDOWS | WEIR_MERGING | WEIR_PERIODIC))
        return weir__refuse(error,
                            "expected one_window alone, found another word about windows beside it; a window that never "
                            "ends follows no clock, and there is no other to merge with; take one away");
    if (!(c->flags & WEIR_PERIODIC)) return WEIR_OK;
    if (c->flags & WEIR_MERGING)
        return weir__refuse(error, "expected periodic or merging, found both; windows that merge end where their rows end, "
                                   "not after a period; take one away");
    if (!(c->flags & WEIR_EVENT_WINDOWS))
        return weir__refuse(error, "expected event_windows beside periodic, found %s; periodic windows are of event time",
                            c->flags & WEIR_CLOCK_WINDOWS ? "clock_windows" : "neither clock");
    return WEIR_OK;
}

/* What runs beside a window sees whole rows: its options name the fields it wants. */
static weir_status check_window_part(const struct weir_component_info *c, struct weir_error *error)
{
    bool plain = c->kind == WEIR_WINDOW_ASSIGNER || c->kind == WEIR_TRIGGER || c->kind == WEIR_EVICTOR;
    if (plain && c->in && strcmp(c->in, "*") != 0)
        return weir__refuse(error,
                            ".in: expected \"*\" for a component of kind %s, found \"%s\"; fields it needs are options of "
                            "type WEIR_OPT_FIELD",
                            weir_kind_name(c->kind), c->in);
    if (c->kind == WEIR_WINDOW_ASSIGNER) return check_assigner(c, error);
    for (uint32_t i = 0; c->kind == WEIR_TRIGGER && i < c->n_states; i++) {
        if (c->states[i].kind == WEIR_VALUE) continue;
        return weir__refuse(error, "state '%s': expected a value state for a trigger, found a %s state", c->states[i].name,
                            weir_state_kind_name(c->states[i].kind));
    }
    return WEIR_OK;
}

/* ---- states and the rest ----------------------------------------------------------------------------------------- */

/* What belongs to no key is of operators, sources and sinks; the latter two have nothing else. */
static weir_status check_owner(const struct weir_component_info *c, const struct weir_state_layout *l,
                               struct weir_error *error)
{
    bool keyed = weir_state_is_keyed(l->kind), ends = c->kind == WEIR_SOURCE || c->kind == WEIR_SINK;
    const char *taken = c->kind == WEIR_SOURCE ? "splits" : "transactions";
    if (ends && strcmp(l->name, taken) == 0)
        return weir__refuse(error, "state '%s': expected another name; a %s has a list of that name in checkpoints", l->name,
                            weir_kind_name(c->kind));
    if (keyed && ends)
        return weir__refuse(error,
                            "state '%s': expected states that belong to no key of a component of kind %s (split_list, "
                            "union_list, raw), found a %s state",
                            l->name, weir_kind_name(c->kind), weir_state_kind_name(l->kind));
    if (!keyed && l->kind != WEIR_BROADCAST && !ends && c->kind != WEIR_OPERATOR)
        return weir__refuse(error,
                            "state '%s': expected %s states of operators, sources and sinks alone, found one of a component "
                            "of kind %s; take it away",
                            l->name, weir_state_kind_name(l->kind), weir_kind_name(c->kind));
    return WEIR_OK;
}

static weir_status check_states(const struct weir_component_info *c, struct weir_error *error)
{
    for (uint32_t i = 0; i < c->n_states; i++) {
        weir_status s = check_owner(c, &c->states[i], error);
        if (s != WEIR_OK) return s;
    }
    for (uint32_t i = 0; i < c->n_states; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (strcmp(c->states[i].name, c->states[j].name) == 0)
                return weir__refuse(error, "expected states with different names, found '%s' twice; rename one",
                                    c->states[i].name);
        }
    }
    if (weir_component_broadcasts(c) && (c->kind != WEIR_OPERATOR || !weir_component_has_two_inputs(c)))
        return weir__refuse(error, "a broadcast state needs a second input, which is the broadcast one: .in \"rows(...), "
                                   "rules(...)\"; a state of one key and all its rows is a map state");
    for (uint32_t i = 0; i < c->n_states; i++) {
        uint32_t unknown = c->states[i].flags & ~WEIR_PER_WINDOW;
        if (unknown)
            return weir__refuse(error, "state '%s': expected flags that this weir knows, found 0x%x", c->states[i].name,
                                unknown);
        if (c->states[i].ttl_ms > 0 && c->kind != WEIR_OPERATOR)
            return weir__refuse(error,
                                "state '%s': expected a time to live on states of operators alone, found it on a "
                                "component of kind %s; take it away",
                                c->states[i].name, weir_kind_name(c->kind));
        if (c->states[i].flags && c->kind != WEIR_WINDOW_FUNCTION)
            return weir__refuse(error,
                                "state '%s': expected WEIR_PER_WINDOW on states of window functions alone, found it on a "
                                "component of kind %s; take it away",
                                c->states[i].name, weir_kind_name(c->kind));
    }
    if (c->kind == WEIR_AGGREGATE && c->states[0].kind != WEIR_VALUE)
        return weir__refuse(error,
                            "state '%s': expected the accumulator of an aggregate to be a value state, found a %s state; "
                            "declare it with WEIR_VALUE_STATE",
                            c->states[0].name, weir_state_kind_name(c->states[0].kind));
    return WEIR_OK;
}

/* Whose rows leave when they leave has no current key. */
static weir_status check_async(const struct weir_component_info *c, struct weir_error *error)
{
    bool writes_key = (c->out && strstr(c->out, "@key")) || (c->sides && strstr(c->sides, "@key"));
    if (c->kind != WEIR_ASYNC || !writes_key) return WEIR_OK;
    return weir__refuse(error, "expected no '@key' from a component of kind %s, found one; pass the fields on with '*'",
                        weir_kind_name(c->kind));
}

static weir_status check_component(const struct weir_component_info *c, struct weir_error *error)
{
    if (!weir__is_line(c->doc))
        return weir__refuse(error, "expected .doc to be one line of UTF-8 text, found another text; shorten it");
    if (c->instance_size > WEIR__MAX_INSTANCE)
        return weir__refuse(error, "expected an instance of at most %u bytes, found %u; allocate large memory in open()",
                            WEIR__MAX_INSTANCE, c->instance_size);
    weir_status s = check_kind(c, error);
    if (s == WEIR_OK) s = weir__option_table_check(c, error);
    if (s == WEIR_OK) s = check_schemas(c, error);
    if (s == WEIR_OK) s = check_window_part(c, error);
    if (s == WEIR_OK) s = check_async(c, error);
    return s == WEIR_OK ? check_states(c, error) : s;
}

static weir_status check_ids(const struct weir_plugin_info *p, struct weir_error *error)
{
    if (!weir__is_plugin_id(p->id))
        return weir__refuse(error, "expected a plugin id of the characters a-z 0-9 . _ - , found another; change the first "
                                   "argument of WEIR_PLUGIN");
    if (!weir__is_line(p->version) || !weir__is_line(p->license))
        return weir__refuse(error, "expected a version and a license, each one line of UTF-8 text, found something else; "
                                   "see weir_plugin in <weir/component.h>");
    for (uint32_t i = 0; i < p->n_components; i++) {
        const char *id = p->components[i].id;
        if (!weir__is_name(id) || id[0] == '_')
            return weir__refuse(
                error, "component %u: expected an id such as top_n ([a-z][a-z0-9_]*), found \"%.60s\"; correct its .id",
                i + 1, id ? id : "");
        for (uint32_t j = 0; j < i; j++) {
            if (strcmp(id, p->components[j].id) == 0)
                return weir__refuse(error, "expected components with different ids, found '%s' twice; rename one", id);
        }
    }
    return WEIR_OK;
}

weir_status weir_plugin_info_check(const struct weir_plugin_info *p, struct weir_error *error)
{
    weir_status s = check_ids(p, error);
    for (uint32_t i = 0; s == WEIR_OK && i < p->n_components; i++) {
        s = check_component(&p->components[i], error);
        if (s == WEIR_OK) continue;
        if (error) error->status = s = WEIR_E_PLUGIN; /* whatever the schema's reader called it */
        weir_error_prefix(error, "component '%s': ", p->components[i].id);
    }
    return s;
}

/* ---- freeing ----------------------------------------------------------------------------------------------------- */

static void finish_option(struct weir_option_info *o)
{
    weir_free(o->name);
    weir_free(o->doc);
    weir_free(o->def);
    weir_free(o->min);
    weir_free(o->max);
    for (size_t i = 0; o->choices && o->choices[i]; i++) weir_free(o->choices[i]);
    weir_free(o->choices);
}

static void finish_component(struct weir_component_info *c)
{
    weir_free(c->id);
    weir_free(c->doc);
    weir_free(c->in);
    weir_free(c->out);
    weir_free(c->sides);
    for (uint32_t i = 0; i < c->n_options; i++) finish_option(&c->options[i]);
    for (uint32_t i = 0; i < c->n_states; i++) weir_state_layout_finish(&c->states[i]);
    weir_free(c->options);
    weir_free(c->states);
}

void weir_plugin_info_finish(struct weir_plugin_info *p)
{
    for (uint32_t i = 0; i < p->n_components; i++) finish_component(&p->components[i]);
    weir_free(p->components);
    weir_free(p->id);
    weir_free(p->version);
    weir_free(p->license);
    weir_free(p->path);
    weir_free(p->build_id);
    *p = (struct weir_plugin_info){0};
}
