/* loader/job_format.c - what the formats of a source or a sink ask of its fields.
 *
 * An encoder is given the fields that its sink is given, a decoder fills those that the node's `schema:` says. Either finds
 * what it needs by name; what it declares as .in must be among them, in that type. Nothing is bound: `args` do not reach it.
 */
#include <string.h>

#include "base/alloc.h"
#include "loader/job_internal.h"

struct demand {
    struct weir__job *job;
    const struct weir_value *at; /* the format's name in the manifest */
    const struct weir_part_spec *part;
    const struct weir_schema *fields;
    const char *stream; /* whose fields they are, for messages */
};

static void say_missing(const struct demand *d, const struct weir_item *item, const char *name)
{
    const char *id = d->part->info->id;
    char *near = weir__field_help(name, d->fields), *help;
    bool decodes = d->part->info->kind == WEIR_DECODER;
    if (near[strlen(near) - 1] == '?')
        help = weir_strdup(near);
    else
        help = decodes ? weir_format("add it to schema; %s", near)
                       : weir_format("name it with select: {%s: FIELD, ...} in the node before; %s", name, near);
    weir__say(d->job, d->at, help, "'%s' %s a field '%s' (%s), but %s has none of that name", id,
              decodes ? "fills" : "writes", name, weir__type_class(item), d->stream);
    weir_free(near);
}

static void check_item(const struct demand *d, const struct weir_item *item)
{
    const struct weir_option_value *option = item->name_option ? weir_part_option(d->part, item->name_option) : NULL;
    const char *name = !item->name_option ? item->name : option && option->set ? option->string : NULL;
    if (item->kind != WEIR_ITEM_FIELD || !name) return;
    int32_t i = weir_schema_find(d->fields, name);
    if (i < 0) {
        say_missing(d, item, name);
        return;
    }
    const weir_schema_field *f = weir_schema_field_at(d->fields, (uint32_t)i);
    if (!weir__type_fits(item, (weir_type)f->type))
        weir__say(d->job, d->at, NULL, "'%s' needs '%s' to be %s, but '%s' of %s is %s", d->part->info->id, name,
                  weir__type_class(item), name, d->stream, weir_type_name((weir_type)f->type));
    else if (f->nullable && !item->nullable && d->part->info->kind == WEIR_ENCODER)
        weir__say(d->job, d->at,
                  weir_format("give them a value in the node before: set: {%s: \"coalesce(%s, ...)\"}", name, name),
                  "'%s' cannot write a null as '%s', and '%s' of %s may be null", d->part->info->id, name, name, d->stream);
}

static void check_text(const struct demand *d)
{
    struct weir_schema_text text;
    struct weir_error error;
    if (weir_schema_text_parse(d->part->info->in, false, &text, &error) != WEIR_OK) {
        weir__say(d->job, d->at, NULL, "the plugin is at fault: '%s' declares the fields \"%s\": %s", d->part->info->id,
                  d->part->info->in, error.text);
        return;
    }
    for (size_t i = 0; i < text.n; i++) check_item(d, &text.items[i]);
    weir_schema_text_finish(&text);
}

/* Where the manifest names the component that the option holds; `at` when it does not, since it is the option's default. */
static const struct weir_value *named_at(const struct weir_value *options, const char *option, const struct weir_value *at,
                                         const struct weir_value **nested_options)
{
    const struct weir_value *value = options ? weir_value_get(options, option) : NULL;
    *nested_options = NULL;
    if (!value) return at;
    if (value->kind != WEIR_VALUE_MAPPING || value->n != 1) return value;
    *nested_options = value->pairs[0].value;
    return value->pairs[0].key;
}

static void check_part(struct demand d, const struct weir_value *options)
{
    const struct weir_component_info *info = d.part->info;
    bool format = info->kind == WEIR_DECODER || info->kind == WEIR_ENCODER;
    if (format && info->in) check_text(&d);
    for (uint32_t i = 0; i < info->n_options; i++) {
        const struct weir_option_value *value = &d.part->values[i];
        if (info->options[i].type != WEIR_OPT_COMPONENT || !value->set) continue;
        const struct weir_value *nested_options;
        struct demand nested = d;
        nested.at = named_at(options, info->options[i].name, d.at, &nested_options);
        nested.part = value->part;
        check_part(nested, nested_options);
    }
}

void weir__check_formats(struct weir__job *job, const struct weir__use *use, const struct weir_schema *fields,
                         const char *stream)
{
    if (use->part && fields) check_part((struct demand){job, use->at, use->part, fields, stream}, use->options);
}

struct weir_schema *weir__bound_fields(const struct weir__binding *binding, const struct weir_schema *schema)
{
    struct weir_schema_builder fields = {0};
    uint32_t n = weir_schema_count(schema);
    for (size_t i = 0; i < binding->text.n; i++) {
        const struct weir_item *item = &binding->text.items[i];
        for (uint32_t k = 0; item->kind != WEIR_ITEM_FIELD && k < n; k++) {
            const weir_schema_field *f = weir_schema_field_at(schema, k);
            weir_schema_builder_add(&fields, f->name, (weir_type)f->type, f->nullable);
        }
        if (item->kind != WEIR_ITEM_FIELD || !item->name) continue;
        const weir_schema_field *f = weir_schema_field_at(schema, (uint32_t)binding->field_of_item[i]);
        weir_schema_builder_add(&fields, item->name, (weir_type)f->type, f->nullable && item->nullable);
    }
    struct weir_schema *seen = weir_schema_build(&fields);
    weir_schema_builder_finish(&fields);
    return seen;
}
