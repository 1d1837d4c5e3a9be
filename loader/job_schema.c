/* loader/job_schema.c - binding a component's inputs to the fields of a stream, and inferring the fields that come out of
 * it.
 *
 * The rules of schema text are in weir/component.h. A map whose non-null input binds to a field that may be null writes null
 * there, so all fields it writes may be null.
 */
#include <string.h>

#include "base/alloc.h"
#include "loader/job_internal.h"

/* ---- fields --------------------------------------------------------------------------------------------------------- */

char *weir__field_help(const char *name, const struct weir_schema *schema)
{
    enum { SHOWN = 16 };
    uint32_t n = weir_schema_count(schema);
    const char **names = weir_alloc_array(n + 1, sizeof *names);
    struct weir_text all = {0};
    weir_text_add(&all, n == 1 ? "its field is: " : n ? "its fields are: " : "it has no fields");
    for (uint32_t i = 0; i < n; i++) {
        names[i] = weir_schema_field_at(schema, i)->name;
        if (i < SHOWN) weir_text_add(&all, "%s%s", i ? ", " : "", names[i]);
    }
    if (n > SHOWN) weir_text_add(&all, " and %u more", n - SHOWN);
    char *help = weir__near(name, names, n, weir_text_get(&all));
    weir_text_finish(&all);
    weir_free(names);
    return help;
}

int32_t weir__find_field(struct weir__job *job, const struct weir_value *at, const char *name, struct weir_schema *schema,
                         const char *stream)
{
    if (!schema || at->broken) return -1;
    int32_t i = weir_schema_find(schema, name);
    if (i >= 0) return i;
    if (at->secret)
        weir__say(job, at, NULL, "%s has no field of that name (a secret, not shown)", stream);
    else
        weir__say_part(job, at, name, weir__field_help(name, schema), "%s has no field '%s'", stream, name);
    return -1;
}

/* ---- the node's own schema ------------------------------------------------------------------------------------------ */

static bool read_type(struct weir__job *job, const struct weir_value *key, const struct weir_value *value, weir_type *type,
                      bool *nullable)
{
    static const char *const names[] = {"bool", "i32", "i64", "f32", "f64", "timestamp", "string", "bytes", "any"};
    const char *text;
    char *what = weir_format("the type of '%s'", key->text);
    bool ok = weir__read_text(job, value, what, &text);
    weir_free(what);
    if (!ok) return false;
    size_t n = strlen(text);
    *nullable = n > 0 && text[n - 1] == '?';
    char *name = weir_strndup(text, n - *nullable);
    ok = weir_type_parse(name, type);
    if (!ok)
        weir__say(job, value,
                  weir__near(name, names, WEIR_LEN(names),
                             "the types are: bool, i32, i64, f32, f64, timestamp, string, bytes, any; with '?' for a field "
                             "that may be null"),
                  "there is no type '%s'", name);
    weir_free(name);
    return ok;
}

bool weir__check_field_name(struct weir__job *job, const struct weir_value *name)
{
    size_t n = strspn(name->text, "abcdefghijklmnopqrstuvwxyz0123456789_");
    bool ok = n > 0 && name->text[n] == '\0' && !(name->text[0] >= '0' && name->text[0] <= '9');
    if (!ok)
        weir__say(job, name, NULL, "'%s' is no name for a field: use a-z, 0-9 and '_', not beginning with a digit",
                  name->text);
    return ok;
}

struct weir_schema *weir__read_schema(struct weir__job *job, const struct weir_value *value)
{
    if (!weir__is_mapping(job, value, "the fields and their types, such as {user: string, amount: f64?}")) return NULL;
    struct weir_schema_builder builder = {0};
    bool ok = value->n > 0;
    if (!ok) weir__say(job, value, NULL, "the schema has no fields");
    for (size_t i = 0; i < value->n; i++) {
        const struct weir_value *key = value->pairs[i].key;
        weir_type type;
        bool nullable, named = weir__check_field_name(job, key),
                       typed = read_type(job, key, value->pairs[i].value, &type, &nullable);
        if (named && typed)
            weir_schema_builder_add(&builder, key->text, type, nullable);
        else
            ok = false;
    }
    struct weir_schema *schema = ok ? weir_schema_build(&builder) : NULL;
    weir_schema_builder_finish(&builder);
    return schema;
}

/* ---- inputs --------------------------------------------------------------------------------------------------------- */

const char *weir__type_class(const struct weir_item *item)
{
    switch (item->type_kind) {
    case WEIR_ITEM_NUMBER: return "a number";
    case WEIR_ITEM_ORDERED: return "a type with an order";
    case WEIR_ITEM_KEYABLE: return "a type that can be a key";
    case WEIR_ITEM_PLAIN: return weir_type_name(item->type);
    default: return "any type";
    }
}

bool weir__type_fits(const struct weir_item *item, weir_type type)
{
    switch (item->type_kind) {
    case WEIR_ITEM_NUMBER: return weir_type_is_number(type);
    case WEIR_ITEM_ORDERED: return weir_type_is_ordered(type);
    case WEIR_ITEM_KEYABLE: return weir_type_is_key(type);
    case WEIR_ITEM_PLAIN: return type == item->type;
    default: return true;
    }
}

/* The name of an item: its own, or the value of the option it names. NULL: unknown. */
static const char *item_name(const struct weir_item *item, const struct weir__use *use)
{
    if (!item->name_option) return item->name;
    const struct weir_option_value *value = use->part ? weir_part_option(use->part, item->name_option) : NULL;
    return value && value->set ? value->string : NULL;
}

struct binder {
    struct weir__job *job;
    const struct weir__use *use;
    struct weir_schema *schema;
    const char *stream;
    const struct weir__args *args;
    struct weir__binding *to;
    size_t position; /* among the inputs that are fields */
};

static void add_arg(struct weir__binding *to, uint32_t field)
{
    to->args = weir_realloc_array(to->args, to->n_args, to->n_args + 1, sizeof *to->args);
    to->args[to->n_args++] = field;
}

/* Which field an input is bound to by `args`; NULL: none is said, so by its own name. *at: where it is said. */
static const char *bound_name(struct binder *b, const char *input, const struct weir_value **at)
{
    const struct weir__args *args = b->args;
    if (args->positional && b->position < args->n_positional) {
        *at = args->call;
        return args->positional[b->position];
    }
    if (args->own && args->own->kind == WEIR_VALUE_SEQUENCE && b->position < args->own->n)
        *at = args->own->items[b->position];
    else if (args->own && args->own->kind == WEIR_VALUE_MAPPING)
        *at = weir_value_get(args->own, input);
    const struct weir_value *shared = args->node ? weir_value_get(args->node->value, "args") : NULL;
    for (size_t i = 0; !*at && shared && shared->kind == WEIR_VALUE_MAPPING && i < shared->n; i++) {
        if (strcmp(shared->pairs[i].key->text, input) != 0) continue;
        *at = shared->pairs[i].value;
    }
    if (!*at) return NULL;
    const char *text = NULL;
    if (!weir__read_text(b->job, *at, "args", &text)) b->to->complete = false;
    return text;
}

static void say_missing(struct binder *b, const struct weir_item *item, const char *input)
{
    char *near = weir__field_help(input, b->schema), *bind, *help;
    if (b->args->call)
        bind = weir_format("%s(FIELD)", b->use->name);
    else
        bind = weir_format("args: {%s: FIELD}", input);
    if (near[strlen(near) - 1] == '?')
        help = weir_format("%s Bind it: %s", near, bind);
    else
        help = weir_format("bind it with %s; %s", bind, near);
    weir_free(bind);
    weir__say(b->job, b->use->at, help, "'%s' reads a field '%s' (%s), but %s has none of that name", b->use->name, input,
              weir__type_class(item), b->stream);
    weir_free(near);
}

static void say_mismatch(struct binder *b, const struct weir_item *item, const char *input, const struct weir_value *at,
                         const weir_schema_field *field)
{
    const struct weir_value *blame = at ? at : b->use->at;
    char *bound = strcmp(input, field->name) == 0 ? weir_strdup("") : weir_format(", bound to '%s',", field->name);
    weir__say_part(b->job, blame, at ? field->name : b->use->name, NULL, "'%s' needs '%s'%s to be %s, but '%s' of %s is %s",
                   b->use->name, input, bound, weir__type_class(item), field->name, b->stream,
                   weir_type_name((weir_type)field->type));
    weir_free(bound);
    b->to->complete = false;
}

static void bind_field(struct binder *b, size_t i, const struct weir_item *item)
{
    const char *input = item_name(item, b->use);
    const struct weir_value *at = NULL;
    if (!input) {
        b->to->complete = false;
        return;
    }
    if (b->args->node) weir_map_put(&b->args->node->input_names, input, NULL);
    const char *name = bound_name(b, input, &at);
    b->position++;
    if (!b->schema || (at && (at->broken || !name))) {
        b->to->complete = false;
        return;
    }
    int32_t field = name ? weir__find_field(b->job, at, name, b->schema, b->stream) : weir_schema_find(b->schema, input);
    if (field < 0) {
        if (!name) say_missing(b, item, input);
        b->to->complete = false;
        return;
    }
    const weir_schema_field *f = weir_schema_field_at(b->schema, (uint32_t)field);
    if (!weir__type_fits(item, (weir_type)f->type)) say_mismatch(b, item, input, at, f);
    b->to->null_in |= f->nullable && !item->nullable;
    b->to->field_of_item[i] = field;
    add_arg(b->to, (uint32_t)field);
}

static void check_own_args(struct binder *b)
{
    const struct weir_value *own = b->args->own;
    if (!own || own->broken) return;
    const char **inputs = weir_alloc_array(b->to->text.n + 1, sizeof *inputs);
    size_t n = 0;
    for (size_t i = 0; i < b->to->text.n; i++) {
        const struct weir_item *item = &b->to->text.items[i];
        const char *name = item->kind == WEIR_ITEM_FIELD ? item_name(item, b->use) : NULL;
        if (name) inputs[n++] = name;
    }
    if (weir_component_has_two_inputs(b->use->info)) {
        if (own->kind != WEIR_VALUE_MAPPING) weir__say(b->job, own, NULL, "args: expected {input: field}");
    } else if (own->kind == WEIR_VALUE_MAPPING) {
        for (size_t k = 0; k < own->n; k++) {
            bool known = false;
            for (size_t i = 0; i < n; i++) known |= strcmp(inputs[i], own->pairs[k].key->text) == 0;
            if (!known)
                weir__say(b->job, own->pairs[k].key, weir__near(own->pairs[k].key->text, inputs, n, NULL),
                          "'%s' has no input '%s'", b->use->name, own->pairs[k].key->text);
        }
    } else if (own->kind == WEIR_VALUE_SEQUENCE && own->n > n) {
        weir__say(b->job, own->items[n], NULL, "'%s' has %zu input%s, not %zu", b->use->name, n, n == 1 ? "" : "s", own->n);
    } else if (own->kind != WEIR_VALUE_SEQUENCE) {
        weir__say(b->job, own, NULL, "args: expected {input: field} or a list of fields");
    }
    weir_free(inputs);
}

static void check_positional(struct binder *b)
{
    const struct weir__args *args = b->args;
    if (!args->call || args->n_positional <= b->position) return;
    if (b->position == 0)
        weir__say(b->job, args->call, NULL, "'%s' takes no fields", b->use->name);
    else
        weir__say(b->job, args->call, NULL, "'%s' takes %zu field%s, not %zu", b->use->name, b->position,
                  b->position == 1 ? "" : "s", args->n_positional);
    b->to->complete = false;
}

/* Field options were resolved in the stream's schema; the component counts the columns that it is given. */
static void renumber_field_options(struct binder *b)
{
    for (uint32_t i = 0; b->use->part && i < b->use->info->n_options; i++) {
        struct weir_option_value *value = &b->use->part->values[i];
        if (b->use->info->options[i].type != WEIR_OPT_FIELD || !value->set) continue;
        uint32_t column = 0;
        while (column < b->to->n_args && b->to->args[column] != (uint32_t)value->index) column++;
        if (column == b->to->n_args) {
            weir__say(b->job, b->use->at, weir_strdup("declare it with .in = \"*\""),
                      "the plugin is at fault: '%s' chooses a field by its option '%s', but does not read all fields",
                      b->use->name, b->use->info->options[i].name);
            b->to->complete = false;
        } else {
            value->index = (int32_t)column;
        }
    }
}

static void say_bad_text(struct weir__job *job, const struct weir__use *use, const char *text,
                         const struct weir_error *error)
{
    weir__say(job, use->at, NULL, "the plugin is at fault: '%s' declares the fields \"%s\": %s", use->name, text,
              error->text);
}

void weir__bind(struct weir__job *job, const struct weir__use *use, struct weir_schema *schema, const char *stream,
                const struct weir__args *args, struct weir__binding *to)
{
    *to = (struct weir__binding){.complete = use->complete && schema};
    struct weir_named_schema *inputs;
    struct weir_error error;
    size_t n;
    if (!use->info) return;
    if (weir_inputs_parse(use->info->in, &inputs, &n, &error) != WEIR_OK) {
        say_bad_text(job, use, use->info->in, &error);
        to->complete = false;
        return;
    }
    WEIR_ASSERT(args->input < n);
    to->text = inputs[args->input].schema;
    inputs[args->input].schema = (struct weir_schema_text){0};
    weir_named_schemas_finish(inputs, n);
    to->field_of_item = weir_alloc_array(to->text.n + 1, sizeof *to->field_of_item);
    struct binder b = {job, use, schema, stream, args, to, 0};
    for (size_t i = 0; i < to->text.n; i++) {
        const struct weir_item *item = &to->text.items[i];
        to->field_of_item[i] = -1;
        if (item->kind == WEIR_ITEM_FIELD)
            bind_field(&b, i, item);
        else
            for (uint32_t f = 0; schema && f < weir_schema_count(schema); f++) add_arg(to, f);
    }
    check_own_args(&b);
    check_positional(&b);
    if (schema && to->complete && args->input == 0) renumber_field_options(&b);
}

void weir__binding_finish(struct weir__binding *binding)
{
    weir_schema_text_finish(&binding->text);
    weir_free(binding->args);
    weir_free(binding->field_of_item);
    *binding = (struct weir__binding){0};
}

/* ---- outputs -------------------------------------------------------------------------------------------------------- */

struct writer {
    struct weir__job *job;
    struct weir__inference *inference;
    struct weir_schema_builder fields;
};

static void add_field(struct writer *w, const char *name, weir_type type, bool nullable)
{
    for (size_t i = 0; i < w->fields.n; i++) {
        if (strcmp(w->fields.fields[i].name, name) != 0) continue;
        weir__say(w->job, w->inference->at,
                  weir_format("rename or drop the earlier one with a select step before this: select: {NEW: %s, ...}", name),
                  "two fields that come out of '%s' are named '%s'",
                  w->inference->use ? w->inference->use->name : "this step", name);
        w->inference->failed = true;
        return;
    }
    weir_schema_builder_add(&w->fields, name, type, nullable);
}

static bool writes_null(const struct weir__inference *inf)
{
    return inf->binding && inf->binding->null_in && (inf->use->info->flags & WEIR_ONE_TO_ONE);
}

static void add_fields_of(struct writer *w, const struct weir_schema *schema, bool nullable)
{
    if (!schema) {
        w->inference->failed = true;
        return;
    }
    for (uint32_t i = 0; i < weir_schema_count(schema); i++) {
        const weir_schema_field *f = weir_schema_field_at(schema, i);
        add_field(w, f->name, (weir_type)f->type, f->nullable || nullable);
    }
}

static const weir_schema_field *bound_field(const struct weir__binding *binding, const struct weir__use *use,
                                            const struct weir_schema *in, const char *name)
{
    for (size_t i = 0; binding && i < binding->text.n; i++) {
        const struct weir_item *item = &binding->text.items[i];
        const char *input = item->kind == WEIR_ITEM_FIELD ? item_name(item, use) : NULL;
        if (input && strcmp(input, name) == 0 && binding->field_of_item[i] >= 0)
            return weir_schema_field_at(in, (uint32_t)binding->field_of_item[i]);
    }
    return NULL;
}

/* The stream's field that same(name) or wide(name) speak of: an input of the component, or a field option. */
static const weir_schema_field *referred_field(struct writer *w, const char *name)
{
    const struct weir__inference *inf = w->inference;
    const weir_schema_field *field = bound_field(inf->binding, inf->use, inf->in, name);
    if (!field) field = bound_field(inf->second, inf->use, inf->second_in, name);
    if (field) return field;
    for (uint32_t i = 0; inf->binding && inf->use->part && i < inf->use->info->n_options; i++) {
        const struct weir_option_info *option = &inf->use->info->options[i];
        const struct weir_option_value *value = &inf->use->part->values[i];
        if (option->type == WEIR_OPT_FIELD && value->set && strcmp(option->name, name) == 0)
            return weir_schema_field_at(inf->in, inf->binding->args[value->index]);
    }
    return NULL;
}

static weir_type widened(weir_type type)
{
    return type == WEIR_I32 ? WEIR_I64 : type == WEIR_F32 ? WEIR_F64 : type;
}

static void write_field(struct writer *w, const struct weir_item *item)
{
    struct weir__inference *inf = w->inference;
    const char *name = item_name(item, inf->use);
    bool nullable = item->nullable || writes_null(inf);
    weir_type type = item->type;
    if (item->type_kind == WEIR_ITEM_SAME || item->type_kind == WEIR_ITEM_WIDE) {
        const weir_schema_field *field = referred_field(w, item->of);
        if (!field) {
            weir__say(w->job, inf->at, NULL, "the plugin is at fault: '%s' has no input '%s' to take a type from",
                      inf->use->name, item->of);
            inf->failed = true;
            return;
        }
        type = item->type_kind == WEIR_ITEM_WIDE ? widened((weir_type)field->type) : (weir_type)field->type;
        nullable |= field->nullable;
    }
    if (name)
        add_field(w, name, type, nullable);
    else
        inf->failed = true;
}

static void write_keys(struct writer *w)
{
    struct weir__inference *inf = w->inference;
    for (size_t i = 0; inf->in && i < inf->n_keys; i++) {
        const weir_schema_field *f = weir_schema_field_at(inf->in, inf->keys[i]);
        add_field(w, f->name, (weir_type)f->type, false);
    }
}

static void write_items(struct writer *w, const struct weir_schema_text *text);

/* "$format": what comes out of the component that the option names. */
static void write_nested(struct writer *w, const char *option)
{
    struct weir__inference *inf = w->inference;
    const struct weir_option_value *value = inf->use->part ? weir_part_option(inf->use->part, option) : NULL;
    if (!value || !value->set) {
        inf->failed = true;
        return;
    }
    struct weir__use nested = {
        .at = inf->at, .name = value->part->info->id, .info = value->part->info, .part = value->part, .complete = true};
    struct weir_schema_text text;
    struct weir_error error;
    if (weir_schema_text_parse(nested.info->out, true, &text, &error) != WEIR_OK) {
        say_bad_text(w->job, &nested, nested.info->out, &error);
        inf->failed = true;
        return;
    }
    struct weir__inference outer = *inf;
    inf->use = &nested;
    inf->binding = NULL;
    inf->in = NULL;
    write_items(w, &text);
    inf->use = outer.use;
    inf->binding = outer.binding;
    inf->in = outer.in;
    weir_schema_text_finish(&text);
}

static void write_declared(struct writer *w)
{
    struct weir__inference *inf = w->inference;
    inf->used_declared = true;
    add_fields_of(w, inf->declared, false);
}

static void write_items(struct writer *w, const struct weir_schema_text *text)
{
    for (size_t i = 0; i < text->n; i++) {
        const struct weir_item *item = &text->items[i];
        switch (item->kind) {
        case WEIR_ITEM_FIELD: write_field(w, item); break;
        case WEIR_ITEM_ALL: add_fields_of(w, w->inference->in, false); break;
        case WEIR_ITEM_IN: add_fields_of(w, w->inference->in, writes_null(w->inference)); break;
        case WEIR_ITEM_KEY: write_keys(w); break;
        case WEIR_ITEM_SCHEMA: write_declared(w); break;
        case WEIR_ITEM_OPTION: write_nested(w, item->name); break;
        }
    }
}

struct weir_schema *weir__infer(struct weir__job *job, struct weir__inference *inference,
                                const struct weir_schema_text *text)
{
    struct writer w = {.job = job, .inference = inference};
    inference->failed = !inference->use->complete || (inference->binding && !inference->binding->complete) ||
                        (inference->second && !inference->second->complete);
    if (inference->failed)
        inference->used_declared = true; /* who knows: say nothing about it */
    else
        write_items(&w, text);
    struct weir_schema *schema = inference->failed ? NULL : weir_schema_build(&w.fields);
    weir_schema_builder_finish(&w.fields);
    return schema;
}
