/* loader/job_parts.c - components as a manifest names them, and their options. */
#include <string.h>

#include "base/alloc.h"
#include "base/path.h"
#include "loader/job_internal.h"

/* ---- which component ------------------------------------------------------------------------------------------------ */

/* "an operator", "a source" */
static char *with_article(const char *kind)
{
    return weir_format("%s %s", strchr("aeiou", kind[0]) ? "an" : "a", kind);
}

/* Of triggers and their like, {name: value} gives the first option its value: {count: 5}. */
static bool has_short_form(weir_kind kind)
{
    return kind == WEIR_WINDOW_ASSIGNER || kind == WEIR_TRIGGER || kind == WEIR_EVICTOR;
}

/* {name: {options}} */
static bool read_option_shape(struct weir__job *job, const struct weir_pair *pair, weir_kind kind, struct weir__use *use)
{
    const struct weir_value *options = pair->value;
    use->at = pair->key;
    use->name = pair->key->text;
    if (has_short_form(kind)) {
        use->options = options->kind == WEIR_VALUE_NULL ? NULL : options;
        return true;
    }
    if (options->kind == WEIR_VALUE_MAPPING) use->options = options;
    if (options->kind == WEIR_VALUE_MAPPING || options->kind == WEIR_VALUE_NULL) return true;
    char *found = weir__found(options);
    weir__say(job, options, weir_format("{%s: {option: value}}", use->name), "expected the options of '%s', found %s",
              use->name, found);
    weir_free(found);
    return false;
}

/* The name and options of a component: "name" or {name: {options}}. False after a problem. */
static bool read_shape(struct weir__job *job, const struct weir_value *value, weir_kind of, const char *kind,
                       struct weir__use *use)
{
    use->at = value;
    use->name = value->text;
    if (value->broken) return false;
    if (value->kind == WEIR_VALUE_SCALAR) {
        if (value->secret)
            weir__say(job, value, NULL,
                      "a secret (from ${env:} or ${file:}) cannot be the name of a component: names are shown");
        return !value->secret;
    }
    if (value->kind != WEIR_VALUE_MAPPING || value->n == 0) {
        char *found = value->kind == WEIR_VALUE_MAPPING ? weir_strdup("an empty mapping") : weir__found(value);
        weir__say(job, value, NULL, "expected %s: its name, or {name: {options}}; found %s", kind, found);
        weir_free(found);
        return false;
    }
    if (value->n > 1) {
        const char *name = value->pairs[0].key->text, *second = value->pairs[1].key->text;
        weir__say(job, value->pairs[1].key, weir_format("options go inside: {%s: {%s: ...}}", name, second),
                  "expected %s as {name: {options}}, found %zu keys", kind, value->n);
        return false;
    }
    return read_option_shape(job, &value->pairs[0], of, use);
}

struct candidates {
    const char **names;
    size_t n, capacity;
    const struct weir_component_info *other_kind; /* of that very name */
    size_t same;                                  /* components of that name and kind */
    const char *plugins[2];                       /* of the first two of them */
};

static struct candidates find_candidates(const struct weir__job *job, weir_kind kind, const char *name)
{
    struct candidates c = {0};
    const struct weir_plugin_info *const *plugins;
    size_t n = weir_registry_plugins(job->registry, &plugins);
    for (size_t p = 0; p < n; p++) {
        for (uint32_t i = 0; i < plugins[p]->n_components; i++) {
            const struct weir_component_info *info = &plugins[p]->components[i];
            bool same_name = strcmp(info->id, name) == 0;
            if (info->kind != kind) {
                if (same_name) c.other_kind = info;
                continue;
            }
            WEIR_GROW(c.names, c.capacity, c.n + 1);
            c.names[c.n++] = info->id;
            if (same_name && c.same < 2) c.plugins[c.same] = plugins[p]->id;
            c.same += same_name;
        }
    }
    return c;
}

static void say_unknown(struct weir__job *job, const struct weir__use *use, weir_kind kind)
{
    struct candidates c = find_candidates(job, kind, use->name);
    const char *word = weir_kind_name(kind);
    if (c.same > 1) {
        weir__say(job, use->at, weir_format("say which: %s/%s or %s/%s", c.plugins[0], use->name, c.plugins[1], use->name),
                  "several plugins have %s '%s'", word, use->name);
    } else if (c.other_kind) {
        char *is = with_article(weir_kind_name(c.other_kind->kind)), *wanted = with_article(word);
        weir__say(job, use->at, weir__near(use->name, c.names, c.n, NULL), "'%s' is %s; here stands %s", use->name, is,
                  wanted);
        weir_free(is);
        weir_free(wanted);
    } else if (job->lacks_plugins) { /* which is the mistake: this one may well come of it */
        size_t before = job->problems->n;
        weir__say(job, use->at,
                  weir__near(use->name, c.names, c.n, "perhaps it is in the plugin file that cannot be used, see above"),
                  "there is no %s '%s'", word, use->name);
        job->plugin_problems += job->problems->n - before;
    } else {
        const char *const *refused;
        size_t n_refused = weir_registry_refused(job->registry, &refused);
        char *otherwise =
            n_refused
                ? weir_format("%zu plugin file%s refused; `weir list components` shows why, and what there is", n_refused,
                              n_refused > 1 ? "s were" : " was")
                : weir_strdup("`weir list components` shows what there is; a plugin of your own goes under `plugins:`");
        weir__say(job, use->at, weir__near(use->name, c.names, c.n, otherwise), "there is no %s '%s'", word, use->name);
        weir_free(otherwise);
    }
    weir_free(c.names);
}

static bool find_component(struct weir__job *job, struct weir__use *use, weir_kind kind)
{
    struct weir_error error;
    use->info = weir_registry_find(job->registry, kind, use->name, &error);
    if (!use->info && !use->at->broken) say_unknown(job, use, kind);
    return use->info != NULL;
}

const struct weir_component_info *weir__peek_component(const struct weir__job *job, const struct weir_value *value,
                                                       weir_kind kind)
{
    const char *name = NULL;
    if (value->kind == WEIR_VALUE_SCALAR) name = value->text;
    if (value->kind == WEIR_VALUE_MAPPING && value->n == 1) name = value->pairs[0].key->text;
    struct weir_error error;
    return name && !value->broken ? weir_registry_find(job->registry, kind, name, &error) : NULL;
}

/* ---- options -------------------------------------------------------------------------------------------------------- */

static int32_t find_option(const struct weir_component_info *info, const char *name)
{
    for (uint32_t i = 0; i < info->n_options; i++) {
        if (strcmp(info->options[i].name, name) == 0) return (int32_t)i;
    }
    return -1;
}

static void say_unknown_option(struct weir__job *job, const struct weir__use *use, const struct weir_value *key)
{
    const struct weir_component_info *info = use->info;
    const char **names = weir_alloc_array(info->n_options + 1, sizeof *names);
    struct weir_text all = {0};
    for (uint32_t i = 0; i < info->n_options; i++) {
        names[i] = info->options[i].name;
        weir_text_add(&all, "%s%s", i ? ", " : "its options are: ", names[i]);
    }
    const char *otherwise = info->n_options ? weir_text_get(&all) : "it has no options";
    weir__say(job, key, weir__near(key->text, names, info->n_options, otherwise), "'%s' has no option '%s'", use->name,
              key->text);
    weir_text_finish(&all);
    weir_free(names);
}

static const char *type_words(weir_option_type type)
{
    static const char *const words[] = {
        [WEIR_OPT_BOOL] = "true or false",    [WEIR_OPT_I64] = "a whole number",   [WEIR_OPT_F64] = "a number",
        [WEIR_OPT_STRING] = "a text",         [WEIR_OPT_DURATION] = "a duration",  [WEIR_OPT_SIZE] = "a size",
        [WEIR_OPT_ENUM] = "one of its words", [WEIR_OPT_LIST] = "a list",          [WEIR_OPT_FIELD] = "the name of a field",
        [WEIR_OPT_SECRET] = "a text",         [WEIR_OPT_COMPONENT] = "a component"};
    return (size_t)type < WEIR_LEN(words) && words[type] ? words[type] : "a value";
}

/* Where a path of the manifest leads: relative to the manifest's folder, or to the current one when it was given on the
 * command line. */
static char *resolve_path(const struct weir__job *job, const char *path, bool from_here)
{
    return from_here ? weir_strdup(path) : weir_path_join(weir_document_base_dir(job->document), path);
}

static void resolve_paths(const struct weir__job *job, const struct weir_option_info *option,
                          struct weir_option_value *value, bool from_here)
{
    if (!value->set || !(option->flags & WEIR_PATH)) return;
    char **items = option->type == WEIR_OPT_LIST ? value->list.items : &value->string;
    size_t n = option->type == WEIR_OPT_LIST ? value->list.n : option->type == WEIR_OPT_STRING;
    for (size_t i = 0; i < n; i++) {
        char *resolved = resolve_path(job, items[i], from_here);
        weir_free(items[i]);
        items[i] = resolved;
    }
}

static void say_bad_option(struct weir__job *job, struct weir__use *use, const struct weir_option_info *option,
                           const struct weir_value *value, const char *message)
{
    const char *near = strstr(message, ": did you mean"); /* as the help below, as everywhere */
    weir__say(job, value, near ? weir_strdup(near + 2) : NULL, "option '%s' of '%s': %.*s", option->name, use->name,
              near ? (int)(near - message) : (int)strlen(message), message);
    use->complete = false;
}

static void set_list(struct weir__job *job, struct weir__use *use, const struct weir_option_info *option,
                     const struct weir_value *value, struct weir_option_value *to)
{
    to->list.items = weir_alloc_array(value->n + 1, sizeof *to->list.items);
    to->set = true;
    for (size_t i = 0; i < value->n; i++) {
        const struct weir_value *item = value->items[i];
        if (item->kind != WEIR_VALUE_SCALAR) {
            say_bad_option(job, use, option, item, "expected a list of texts");
            continue;
        }
        use->complete &= !item->broken;
        char *text = option->flags & WEIR_PATH ? resolve_path(job, item->text, item->from_here) : weir_strdup(item->text);
        to->list.items[to->list.n++] = text;
    }
}

static void set_scalar(struct weir__job *job, struct weir__use *use, const struct weir_option_info *option,
                       const struct weir_value *value, struct weir_option_value *to)
{
    struct weir_error error;
    if (weir_option_parse(option, value->text, to, &error) == WEIR_OK) {
        to->set = true;
        resolve_paths(job, option, to, value->from_here);
        return;
    }
    char *hidden = weir_format("expected %s, found another value (a secret, not shown)", type_words(option->type));
    say_bad_option(job, use, option, value, value->secret ? hidden : error.text);
    weir_free(hidden);
}

/* The index that the component sees: of the fields its inputs name, or of all when it reads '*'. */
static void set_field(struct weir__job *job, struct weir__use *use, const struct weir_option_info *option,
                      const struct weir_value *value, struct weir_schema *fields, struct weir_option_value *to)
{
    if (!fields) {
        use->complete = false;
        return;
    }
    int32_t i = weir__find_field(job, value, value->text, fields, use->stream);
    use->complete &= i >= 0;
    if (i < 0) return;
    const weir_schema_field *field = weir_schema_field_at(fields, (uint32_t)i);
    weir_type type = (weir_type)field->type;
    bool integer = type == WEIR_I32 || type == WEIR_I64;
    const char *wanted = (option->flags & WEIR_INTEGER) && !integer                      ? "an i32 or an i64"
                         : (option->flags & WEIR_NUMERIC) && !weir_type_is_number(type)  ? "a number"
                         : (option->flags & WEIR_ORDERED) && !weir_type_is_ordered(type) ? "of a type with an order"
                                                                                         : NULL;
    if (wanted) {
        char *message =
            weir_format("expected a field that is %s, but '%s' is %s", wanted, field->name, weir_type_name(type));
        say_bad_option(job, use, option, value, message);
        weir_free(message);
        return;
    }
    to->index = i;
    to->set = true;
}

static void set_component(struct weir__job *job, struct weir__use *use, const struct weir_option_info *option,
                          const struct weir_value *value, struct weir_schema *fields, struct weir_option_value *to)
{
    struct weir__use nested;
    weir__use_component(job, value, option->accepts, fields, use->stream, &nested);
    to->part = nested.part;
    to->set = nested.part != NULL;
    use->complete &= nested.complete;
}

static void set_option(struct weir__job *job, struct weir__use *use, const char *name, const struct weir_value *value,
                       struct weir_schema *fields)
{
    int32_t i = use->part ? find_option(use->info, name) : -1;
    if (i < 0) {
        use->complete = false;
        return;
    }
    const struct weir_option_info *option = &use->info->options[i];
    struct weir_option_value *to = &use->part->values[i];
    weir_option_value_finish(option, to);
    if (value->broken) {
        use->complete = false;
    } else if (value->kind == WEIR_VALUE_NULL) {
        char *message = weir_format("expected %s, found nothing", type_words(option->type));
        say_bad_option(job, use, option, value, message);
        weir_free(message);
    } else if (option->type == WEIR_OPT_COMPONENT) {
        set_component(job, use, option, value, fields, to);
    } else if (option->type == WEIR_OPT_LIST && value->kind == WEIR_VALUE_SEQUENCE) {
        set_list(job, use, option, value, to);
    } else if (value->kind != WEIR_VALUE_SCALAR) {
        char *found = weir__found(value), *message = weir_format("expected %s, found %s", type_words(option->type), found);
        say_bad_option(job, use, option, value, message);
        weir_free(message);
        weir_free(found);
    } else if (option->type == WEIR_OPT_FIELD) {
        set_field(job, use, option, value, fields, to);
    } else {
        set_scalar(job, use, option, value, to);
    }
}

/* An option that is not given: fields and components have their defaults resolved here, where the fields and the registry
 * are known. */
static void default_option(struct weir__job *job, struct weir__use *use, uint32_t i, struct weir_schema *fields)
{
    const struct weir_option_info *option = &use->info->options[i];
    bool resolved_here = option->type == WEIR_OPT_FIELD || option->type == WEIR_OPT_COMPONENT;
    if (option->def && resolved_here) {
        struct weir_value value = {.kind = WEIR_VALUE_SCALAR, .mark = use->at->mark, .text = option->def};
        set_option(job, use, option->name, &value, fields);
    } else if (option->def) {
        resolve_paths(job, option, &use->part->values[i], false);
    } else if (!(option->flags & WEIR_OPTIONAL)) {
        char *help = option->doc ? weir_format("%s: %s", option->name, option->doc) : NULL;
        weir__say(job, use->at, help, "'%s' needs the option '%s': %s", use->name, option->name, type_words(option->type));
        use->complete = false;
    }
}

static void read_options(struct weir__job *job, struct weir__use *use, weir_kind kind, struct weir_schema *fields)
{
    bool *given = weir_alloc_array(use->info->n_options + 1, sizeof *given);
    for (size_t k = 0; use->options && k < use->options->n; k++) {
        const struct weir_value *key = use->options->pairs[k].key, *value = use->options->pairs[k].value;
        int32_t i = find_option(use->info, key->text);
        if (i >= 0) {
            given[i] = true;
            set_option(job, use, key->text, value, fields);
        } else if (strcmp(key->text, "args") == 0 && use->info->in && kind != WEIR_ENCODER && kind != WEIR_DECODER) {
            use->args = value;
        } else if (strcmp(key->text, "malformed") == 0 && kind == WEIR_SOURCE) {
            use->malformed = value;
        } else {
            say_unknown_option(job, use, key);
        }
    }
    for (uint32_t i = 0; i < use->info->n_options; i++) {
        if (!given[i]) default_option(job, use, i, fields);
    }
    weir_free(given);
}

/* The value is the options, or that of the first one. */
static void read_short_form(struct weir__job *job, struct weir__use *use, weir_kind kind, struct weir_schema *fields)
{
    const struct weir_value *value = use->options;
    bool named = value && value->kind == WEIR_VALUE_MAPPING &&
                 (value->n == 0 || find_option(use->info, value->pairs[0].key->text) >= 0);
    bool whole = !value || use->info->n_options == 0 || named;
    if (whole) {
        if (value && value->kind != WEIR_VALUE_MAPPING) {
            weir__say(job, value, NULL, "'%s' takes no options", use->name);
            use->options = NULL;
        }
        read_options(job, use, kind, fields);
        return;
    }
    struct weir_value key = {.kind = WEIR_VALUE_SCALAR, .mark = value->mark, .text = use->info->options[0].name};
    struct weir_pair pair = {&key, (struct weir_value *)value};
    struct weir_value alone = {.kind = WEIR_VALUE_MAPPING, .mark = value->mark, .pairs = &pair, .n = 1};
    use->options = &alone;
    read_options(job, use, kind, fields);
    use->options = NULL;
}

void weir__use_component(struct weir__job *job, const struct weir_value *value, weir_kind kind, struct weir_schema *fields,
                         const char *stream, struct weir__use *use)
{
    *use = (struct weir__use){.at = value, .stream = stream};
    char *kind_name = with_article(weir_kind_name(kind));
    bool named = read_shape(job, value, kind, kind_name, use);
    weir_free(kind_name);
    if (!named || !find_component(job, use, kind)) return;
    use->part = weir_part_spec_create(use->info);
    use->complete = true;
    if (has_short_form(kind))
        read_short_form(job, use, kind, fields);
    else
        read_options(job, use, kind, fields);
}

void weir__use_named(struct weir__job *job, const struct weir_value *at, const char *name, weir_kind kind,
                     const struct weir_value *value, const char *shorthand, struct weir_schema *fields, const char *stream,
                     struct weir__use *use)
{
    *use = (struct weir__use){.at = at, .name = name, .stream = stream};
    if (!find_component(job, use, kind)) return;
    use->name = at->text; /* from here on: as the manifest says it */
    use->part = weir_part_spec_create(use->info);
    use->complete = true;
    /* A single value stands for {shorthand: value}. */
    struct weir_value key = {.kind = WEIR_VALUE_SCALAR, .mark = at->mark, .text = (char *)shorthand};
    struct weir_pair pair = {&key, (struct weir_value *)value};
    struct weir_value alone = {.kind = WEIR_VALUE_MAPPING, .mark = at->mark, .pairs = &pair, .n = 1};
    if (value && value->kind == WEIR_VALUE_MAPPING)
        use->options = value;
    else if (value && value->kind != WEIR_VALUE_NULL && shorthand)
        use->options = &alone;
    else if (value && value->kind != WEIR_VALUE_NULL)
        weir__say(job, value, NULL, "'%s' takes its options as {option: value}", at->text);
    read_options(job, use, kind, fields);
    if (use->options == &alone) use->options = NULL;
}

/* ---- facts ---------------------------------------------------------------------------------------------------------- */

bool weir__part_is_blocking(const struct weir_part_spec *part)
{
    if (!part) return false;
    if (part->info->flags & WEIR_BLOCKING) return true;
    for (uint32_t i = 0; i < part->info->n_options; i++) {
        const struct weir_option_value *value = &part->values[i];
        if (part->info->options[i].type == WEIR_OPT_COMPONENT && value->set && weir__part_is_blocking(value->part))
            return true;
    }
    return false;
}

bool weir__needs_key(const struct weir_component_info *info)
{
    bool keyed = (info->flags & WEIR_NEEDS_KEY) || info->has_timers;
    for (uint32_t i = 0; i < info->n_states; i++) keyed |= weir_state_is_keyed(info->states[i].kind);
    return keyed;
}
