/* loader/job_expr.c - expressions in a manifest: filter, set, select, key_by, and the arguments of aggregates. Each step
 * with expressions becomes a stream node of kind EXPR, which holds their texts.
 *
 * The fields of one step do not see each other: all of them are computed from what comes in.
 */
#include <string.h>

#include "base/alloc.h"
#include "expr/expr.h"
#include "loader/job_internal.h"

bool weir__is_plain_name(const char *text)
{
    static const char *const words[] = {"true", "false", "null", "not", "case"};
    for (size_t i = 0; i < WEIR_LEN(words); i++) {
        if (strcmp(text, words[i]) == 0) return false;
    }
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.");
    return n > 0 && text[n] == '\0' && !(text[0] >= '0' && text[0] <= '9');
}

bool weir__is_expression_value(const struct weir_value *value)
{
    return value->kind == WEIR_VALUE_SCALAR && !value->broken && value->text && !weir__is_plain_name(value->text);
}

/* ---- one expression -------------------------------------------------------------------------------------------------- */

static uint32_t characters(const char *p, size_t n)
{
    uint32_t count = 0;
    for (size_t i = 0; i < n; i++) count += ((unsigned char)p[i] & 0xc0) != 0x80;
    return count;
}

/* The place of a part of an expression that is `text` in the scalar. Where the line does not show the scalar as it is read
 * (escapes, variables, several lines), the scalar's. */
static struct weir_mark mark_in(const struct weir_value *value, const char *text, const struct weir_expr_problem *problem,
                                bool *exact)
{
    struct weir_mark whole = weir_value_mark_of(value, value->text), mark = whole;
    const char *in_value = strstr(value->text, text);
    *exact = whole.line && in_value && whole.source_line && whole.length == characters(value->text, strlen(value->text));
    if (!*exact) return value->mark;
    mark.column += characters(value->text, (size_t)(in_value - value->text) + problem->offset);
    mark.length = characters(text + problem->offset, problem->length);
    if (mark.length == 0) mark.length = 1;
    return mark;
}

void weir__say_problem(struct weir__job *job, const struct weir_value *value, const char *text,
                       const struct weir_expr_problem *p)
{
    bool exact;
    struct weir_mark mark = mark_in(value, text, p, &exact);
    struct weir_text help = {0};
    if (*p->help) weir_text_add(&help, "%s", p->help);
    if (!exact && !value->secret) {
        struct weir_text shown = {0};
        weir_expr_show(&shown, text, strlen(text), p->offset, p->length);
        const char *lines = weir_text_get(&shown), *carets = strchr(lines, '\n');
        weir_text_add(&help, "%sit is here:\n        %.*s\n        %s", *p->help ? "; " : "", (int)(carets - lines), lines,
                      carets + 1);
        weir_text_finish(&shown);
    }
    weir__say_at(job, value, &mark, help.n ? weir_text_take(&help) : NULL, "%s", p->message);
    weir_text_finish(&help);
}

bool weir__check_expression(struct weir__job *job, const struct weir_value *value, const char *text,
                            const struct weir_schema *schema, weir_type *type, bool *nullable)
{
    struct weir_expr_problems problems = {0};
    if (!schema || value->broken) return false;
    struct weir_expr *e = weir_expr_compile(text, strlen(text), schema, NULL, &problems);
    for (size_t i = 0; i < problems.n; i++) weir__say_problem(job, value, text, &problems.items[i]);
    weir_expr_problems_finish(&problems);
    if (!e) return false;
    *type = weir_expr_type(e);
    *nullable = weir_expr_nullable(e);
    weir_expr_destroy(e);
    return true;
}

/* ---- a step ---------------------------------------------------------------------------------------------------------- */

struct expressions {
    struct weir__job *job;
    struct weir__flow *flow;
    struct weir_computed_field *computed;
    uint32_t n;
    struct weir_schema_builder fields;
    struct weir_text title;
    bool ok;
};

static void begin(struct expressions *x, struct weir__job *job, struct weir__flow *flow)
{
    *x = (struct expressions){.job = job, .flow = flow, .ok = flow->schema != NULL};
}

static int32_t position_of(const struct expressions *x, const char *name)
{
    for (size_t i = 0; i < x->fields.n; i++) {
        if (strcmp(x->fields.fields[i].name, name) == 0) return (int32_t)i;
    }
    return -1;
}

static void add(struct expressions *x, const char *name, weir_type type, bool nullable, int32_t field,
                const char *expression)
{
    x->computed = weir_realloc_array(x->computed, x->n, x->n + 1, sizeof *x->computed);
    x->computed[x->n++] = (struct weir_computed_field){field, weir_strdup(expression)};
    weir_schema_builder_add(&x->fields, name, type, nullable);
}

/* Every field that comes in, passed on. */
static void pass_all(struct expressions *x)
{
    for (uint32_t i = 0; x->ok && i < weir_schema_count(x->flow->schema); i++) {
        const weir_schema_field *f = weir_schema_field_at(x->flow->schema, i);
        add(x, f->name, (weir_type)f->type, f->nullable, (int32_t)i, NULL);
    }
}

static void replace(struct expressions *x, uint32_t at, weir_type type, bool nullable, const char *expression)
{
    x->computed[at].field = -1;
    weir_free(x->computed[at].expression);
    x->computed[at].expression = weir_strdup(expression);
    x->fields.fields[at].type = type;
    x->fields.fields[at].nullable = nullable;
}

static bool one_scalar(struct expressions *x, const struct weir_value *value, const char *what)
{
    const char *text;
    if (weir__read_text(x->job, value, what, &text)) return true;
    x->ok = false;
    return false;
}

/* The port shows the fields that came in. */
void weir__read_errors(struct weir__job *job, const struct weir__flow *flow, struct weir_stream_node *node)
{
    static const char *const choices[] = {"fail", "skip", "side_output", NULL};
    static const enum weir_malformed policies[] = {WEIR_MALFORMED_FAIL, WEIR_MALFORMED_SKIP, WEIR_MALFORMED_SIDE_OUTPUT};
    struct weir__job_node *n = flow->node;
    const struct weir_value *value = weir_value_get(n->value, "errors");
    int i = value ? weir__read_choice(job, value, "errors", choices) : 0;
    node->malformed = i < 0 ? WEIR_MALFORMED_FAIL : policies[i];
    if (node->malformed != WEIR_MALFORMED_SIDE_OUTPUT) return;
    for (size_t k = 0; k < n->n_outputs; k++) {
        if (strcmp(n->outputs[k].port, "errors") != 0) continue;
        weir__say(job, value, weir_strdup("give one of the steps a node of its own"),
                  "two steps of this node compute: only one can have the output 'errors'");
        return;
    }
    struct weir_schema_builder fields = {0};
    for (uint32_t k = 0; node->in && k < weir_schema_count(node->in); k++) {
        const weir_schema_field *f = weir_schema_field_at(node->in, k);
        weir_schema_builder_add(&fields, f->name, (weir_type)f->type, f->nullable);
    }
    if (node->in && weir_schema_find(node->in, "error") >= 0)
        weir__say(job, value, weir_strdup("rename it with a select step before"),
                  "the records have a field 'error' already, and the output 'errors' adds one");
    weir_schema_builder_add(&fields, "error", WEIR_STRING, false);
    struct weir_schema *schema = node->in ? weir_schema_build(&fields) : NULL;
    weir_schema_builder_finish(&fields);
    weir__set_output(node, "errors", schema);
    weir__add_output(n, "errors", schema, node->index, 1);
    weir_schema_release(schema);
}

/* Makes the node and moves the flow on. condition: NULL: none. With no computed fields the fields stay. */
static void end(struct expressions *x, const char *step, const char *condition)
{
    struct weir__flow *flow = x->flow;
    const struct weir_value *key = weir_value_key(flow->node->value, strcmp(step, "key") == 0 ? "key_by" : step);
    struct weir_stream_node *node = weir__attach(x->job, flow, WEIR_NODE_EXPR, step, key);
    node->title = weir_text_take(&x->title);
    node->condition = weir_strdup(condition);
    struct weir_schema *out = NULL;
    if (x->n == 0 && condition && flow->schema)
        out = weir_schema_retain(flow->schema);
    else if (x->ok)
        out = weir_schema_build(&x->fields);
    weir_schema_builder_finish(&x->fields);
    node->computed = x->computed;
    node->n_computed = x->n;
    weir__set_output(node, "", out);
    weir__read_errors(x->job, flow, node);
    weir__flow_becomes(flow, out);
    if (strcmp(step, "filter") != 0 || node->n_computed == 0) return;
    weir_free(flow->name); /* a filter keeps the fields, but set comes with it */
    flow->name = weir_strdup("what 'set' gives");
}

static void add_title(struct expressions *x, const char *word, const char *text)
{
    weir_text_add(&x->title, "%s%s %s", x->title.n ? ", " : "", word, text);
}

/* ---- filter and set -------------------------------------------------------------------------------------------------- */

static void check_condition(struct expressions *x, const struct weir_value *filter)
{
    weir_type type;
    bool nullable;
    add_title(x, "filter", filter->secret ? "?" : filter->text);
    if (!weir__check_expression(x->job, filter, filter->text, x->flow->schema, &type, &nullable)) return;
    if (type != WEIR_BOOL)
        weir__say(x->job, filter, weir_strdup("compare it with something"), "a filter needs a bool, this is %s",
                  weir_type_name(type));
}

static void set_field(struct expressions *x, const struct weir_value *key, const struct weir_value *value)
{
    weir_type type;
    bool nullable, named = weir__check_field_name(x->job, key);
    for (const struct weir_pair *p = weir_value_get(x->flow->node->value, "set")->pairs; p->key != key; p++) {
        if (strcmp(p->key->text, key->text) != 0) continue;
        weir__say(x->job, key, NULL, "'%s' is set twice", key->text);
        named = false;
    }
    if (!one_scalar(x, value, "set")) return;
    bool known = weir__check_expression(x->job, value, value->text, x->flow->schema, &type, &nullable);
    x->ok &= named && known;
    if (!x->ok) return;
    int32_t at = position_of(x, key->text);
    if (at >= 0)
        replace(x, (uint32_t)at, type, nullable, value->text);
    else
        add(x, key->text, type, nullable, -1, value->text);
}

void weir__build_filter_and_set(struct weir__job *job, struct weir__flow *flow, const struct weir_value *filter,
                                const struct weir_value *set)
{
    struct expressions x;
    begin(&x, job, flow);
    if (filter) check_condition(&x, filter);
    if (set) pass_all(&x);
    if (set && (!weir__is_mapping(job, set, "the fields and their expressions, such as {gross: amount * 1.2}")))
        x.ok = false;
    for (size_t i = 0; set && set->kind == WEIR_VALUE_MAPPING && i < set->n; i++) {
        add_title(&x, "set", set->pairs[i].key->text);
        set_field(&x, set->pairs[i].key, set->pairs[i].value);
    }
    end(&x, filter ? "filter" : "set", filter ? filter->text : NULL);
}

/* ---- select ---------------------------------------------------------------------------------------------------------- */

bool weir__select_computes(const struct weir__flow *flow, const struct weir_value *select)
{
    for (size_t i = 0; select->kind == WEIR_VALUE_MAPPING && i < select->n; i++) {
        const struct weir_value *value = select->pairs[i].value;
        bool field = flow->schema && value->kind == WEIR_VALUE_SCALAR && weir_schema_find(flow->schema, value->text) >= 0;
        if (!field && weir__is_expression_value(value)) return true;
    }
    return false;
}

void weir__build_computed_select(struct weir__job *job, struct weir__flow *flow, const struct weir_value *select)
{
    struct expressions x;
    begin(&x, job, flow);
    for (size_t i = 0; i < select->n; i++) {
        const struct weir_value *key = select->pairs[i].key, *value = select->pairs[i].value;
        weir_type type = WEIR_ANY;
        bool nullable = false, named = weir__check_field_name(job, key);
        if (!one_scalar(&x, value, "select")) continue;
        int32_t field = flow->schema ? weir_schema_find(flow->schema, value->text) : -1;
        const weir_schema_field *f = field >= 0 ? weir_schema_field_at(flow->schema, (uint32_t)field) : NULL;
        bool known = f || weir__check_expression(job, value, value->text, flow->schema, &type, &nullable);
        if (position_of(&x, key->text) >= 0) {
            weir__say(job, key, NULL, "'%s' is selected twice", key->text);
            named = false;
        }
        if (named && known)
            add(&x, key->text, f ? (weir_type)f->type : type, f ? f->nullable : nullable, field, f ? NULL : value->text);
        x.ok &= named && known;
    }
    weir_text_add(&x.title, "select");
    end(&x, "select", NULL);
}

/* ---- key_by ---------------------------------------------------------------------------------------------------------- */

static void add_key(struct expressions *x, const struct weir_value *at, const char *name, const struct weir_value *value)
{
    struct weir__flow *flow = x->flow;
    weir_type type;
    bool nullable;
    if (!one_scalar(x, value, "key_by")) return;
    if (!weir__check_expression(x->job, value, value->text, flow->schema, &type, &nullable)) {
        x->ok = false;
    } else if (!weir_type_is_key(type)) {
        x->ok = false;
        weir__say(x->job, value, weir_strdup("a key is a bool, a number, a timestamp or a string"),
                  "this is %s, which cannot be a key", weir_type_name(type));
    } else if (position_of(x, name) >= 0) {
        x->ok = false;
        weir__say(x->job, at, weir_strdup("give it a name that is free: key_by: {NAME: EXPRESSION}"),
                  "the computed key would be the field '%s', which is there already", name);
    } else {
        flow->keys = weir_realloc_array(flow->keys, flow->n_keys, flow->n_keys + 1, sizeof *flow->keys);
        flow->keys[flow->n_keys++] = x->n;
        add(x, name, type, nullable, -1, value->text);
    }
}

bool weir__key_computes(const struct weir__job *job, const struct weir__flow *flow, const struct weir_value *key)
{
    if (key->kind == WEIR_VALUE_MAPPING) {
        return key->n > 0 && key->pairs[0].value->kind == WEIR_VALUE_SCALAR &&
               !weir__peek_component(job, key, WEIR_OPERATOR);
    }
    return weir__is_expression_value(key) && !(flow->schema && weir_schema_find(flow->schema, key->text) >= 0);
}

void weir__build_computed_key(struct weir__job *job, struct weir__flow *flow, const struct weir_value *key)
{
    struct expressions x;
    begin(&x, job, flow);
    pass_all(&x);
    if (key->kind == WEIR_VALUE_SCALAR) {
        add_title(&x, "key", key->secret ? "?" : key->text);
        add_key(&x, key, "key", key);
    }
    for (size_t i = 0; key->kind == WEIR_VALUE_MAPPING && i < key->n; i++) {
        add_title(&x, "key", key->pairs[i].key->text);
        if (weir__check_field_name(job, key->pairs[i].key))
            add_key(&x, key->pairs[i].key, key->pairs[i].key->text, key->pairs[i].value);
        else
            x.ok = false;
    }
    end(&x, "key", NULL);
}

/* ---- arguments of aggregates ------------------------------------------------------------------------------------- */

void weir__build_arguments(struct weir__job *job, struct weir__flow *flow, const struct weir_value *const *values,
                           char *const *texts, size_t n)
{
    struct expressions x;
    begin(&x, job, flow);
    pass_all(&x);
    for (size_t i = 0; i < n; i++) {
        weir_type type;
        bool nullable;
        if (position_of(&x, texts[i]) >= 0) continue; /* computed for another aggregate */
        if (weir__check_expression(job, values[i], texts[i], flow->schema, &type, &nullable))
            add(&x, texts[i], type, nullable, -1, texts[i]);
        else
            x.ok = false;
        add_title(&x, "set", texts[i]);
    }
    end(&x, "arguments", NULL);
}
