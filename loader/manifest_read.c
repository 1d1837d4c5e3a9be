/* loader/manifest_read.c - reads plugin manifests. Any thread.
 *
 * A manifest was written by weir, but it is a file: anybody may have changed it. So every value is checked where it is read,
 * counts are those of the lists themselves, and what came out goes through the same checks as a live plugin. The first thing
 * wrong is kept; reading goes on with zeroes and empty lists, so that no step needs a test of its own.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "data/schema.h"
#include "loader/document_internal.h"
#include "loader/plugin_info.h"
#include "loader/plugin_internal.h"
#include "loader/plugin_manifest.h"

struct reader {
    const char *name;
    struct weir_error *error;
    bool failed;
};
static const struct weir_value nothing = {.kind = WEIR_VALUE_NULL};

static void wrong(struct reader *r, const struct weir_value *at, const char *format, ...) WEIR_PRINTF(3, 4);
static void wrong(struct reader *r, const struct weir_value *at, const char *format, ...)
{
    va_list args;
    if (r->failed) return;
    r->failed = true;
    va_start(args, format);
    weir_error_vset(r->error, WEIR_E_PLUGIN, format, args);
    va_end(args);
    weir_error_prefix(r->error, at->mark.line ? "%s:%u: " : "%s: ", r->name, at->mark.line);
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* Absent: NULL, which is wrong only if it must be there. Not freed: the document's. */
static const char *text_of(struct reader *r, const struct weir_value *map, const char *key, bool must)
{
    const struct weir_value *v = weir_value_get(map, key);
    if (v && v->kind == WEIR_VALUE_SCALAR) return v->text;
    if (v || must) wrong(r, v ? v : map, "expected a text for '%s', found %s", key, v ? "something else" : "none");
    return NULL;
}

static char *copy_of(struct reader *r, const struct weir_value *map, const char *key, bool must)
{
    const char *text = text_of(r, map, key, must);
    return text || !must ? weir_strdup(text) : weir_strdup("");
}

static uint32_t number_of(struct reader *r, const struct weir_value *map, const char *key)
{
    const char *text = text_of(r, map, key, true);
    int64_t n = 0;
    if (!text) return 0;
    if (weir_parse_i64(text, &n, NULL) == WEIR_OK && n >= 0 && n <= UINT32_MAX) return (uint32_t)n;
    wrong(r, weir_value_get(map, key), "expected a whole number for '%s', found \"%.60s\"", key, text);
    return 0;
}

/* 0 where it is not there. */
static int64_t milliseconds_of(struct reader *r, const struct weir_value *map, const char *key)
{
    const char *text = text_of(r, map, key, false);
    int64_t n = 0;
    if (!text || (weir_parse_i64(text, &n, NULL) == WEIR_OK && n > 0)) return n;
    wrong(r, weir_value_get(map, key), "expected a number of milliseconds for '%s', found \"%.60s\"", key, text);
    return 0;
}

static bool truth_of(const struct weir_value *map, const char *key)
{
    const struct weir_value *v = weir_value_get(map, key);
    return v && v->kind == WEIR_VALUE_SCALAR && strcmp(v->text, "true") == 0;
}

static uint32_t word_of(struct reader *r, const struct weir_value *map, const char *key, const struct weir__word *words)
{
    const char *text = text_of(r, map, key, true);
    struct weir_text known = {0};
    uint32_t value = 0;
    if (!text || weir__word_value(words, text, &value)) return value;
    weir__add_words(&known, words, ", ");
    wrong(r, weir_value_get(map, key), "expected one of %s for '%s', found \"%.60s\"", weir_text_get(&known), key, text);
    weir_text_finish(&known);
    return 0;
}

/* A list; absent is an empty one. */
static const struct weir_value *list_of(struct reader *r, const struct weir_value *map, const char *key)
{
    const struct weir_value *v = weir_value_get(map, key);
    if (!v || v->kind == WEIR_VALUE_SEQUENCE) return v ? v : &nothing;
    wrong(r, v, "expected a list for '%s', found something else", key);
    return &nothing;
}

static uint32_t flags_of(struct reader *r, const struct weir_value *map, const struct weir__word *words)
{
    const struct weir_value *list = list_of(r, map, "flags");
    uint32_t flags = 0, bit;
    for (size_t i = 0; i < list->n; i++) {
        const struct weir_value *v = list->items[i];
        if (v->kind == WEIR_VALUE_SCALAR && weir__word_value(words, v->text, &bit)) {
            flags |= bit;
        } else {
            wrong(r, v, "expected a flag that this weir knows, found \"%.60s\"",
                  v->kind == WEIR_VALUE_SCALAR ? v->text : "a list or a map");
        }
    }
    return flags;
}

/* ---- options and states ------------------------------------------------------------------------------------------ */

static char **read_choices(struct reader *r, const struct weir_value *map)
{
    const struct weir_value *list = list_of(r, map, "choices");
    if (list->n == 0) return NULL;
    char **choices = weir_alloc_array(list->n + 1, sizeof *choices);
    for (size_t i = 0; i < list->n; i++) {
        bool scalar = list->items[i]->kind == WEIR_VALUE_SCALAR;
        if (!scalar) wrong(r, list->items[i], "expected a text as a choice, found something else");
        choices[i] = weir_strdup(scalar ? list->items[i]->text : "");
    }
    return choices;
}

static void read_option(struct reader *r, const struct weir_value *map, struct weir_option_info *o)
{
    o->name = copy_of(r, map, "name", true);
    o->type = (weir_option_type)word_of(r, map, "type", weir__option_types);
    o->doc = copy_of(r, map, "doc", true);
    o->def = copy_of(r, map, "default", false);
    o->min = copy_of(r, map, "min", false);
    o->max = copy_of(r, map, "max", false);
    o->choices = read_choices(r, map);
    o->flags = flags_of(r, map, weir__option_flags);
    if (o->type == WEIR_OPT_COMPONENT) o->accepts = (weir_kind)word_of(r, map, "accepts", weir__kinds);
    o->offset = number_of(r, map, "offset");
    o->size = number_of(r, map, "size");
}

/* The names are the document's: weir_state_layout_init copies them. */
static weir_field *read_fields(struct reader *r, const struct weir_value *map, const char *key, uint32_t *n)
{
    const struct weir_value *list = list_of(r, map, key);
    if (list->n > WEIR__MAX_FIELDS) wrong(r, list, "expected at most %u %s, found %zu", WEIR__MAX_FIELDS, key, list->n);
    *n = r->failed ? 0 : (uint32_t)list->n;
    weir_field *fields = weir_alloc_array(*n, sizeof *fields);
    for (uint32_t i = 0; i < *n; i++) {
        const struct weir_value *f = list->items[i];
        const char *name = text_of(r, f, "name", true), *type = text_of(r, f, "type", true);
        weir_type known = WEIR_ANY;
        if (type && !weir_type_parse(type, &known))
            wrong(r, f, "expected a type such as i64 or string, found \"%.60s\"", type);
        fields[i] = (weir_field){.name = name ? name : "",
                                 .type = known,
                                 .offset = number_of(r, f, "offset"),
                                 .size = number_of(r, f, "size"),
                                 .since = number_of(r, f, "since"),
                                 .def = text_of(r, f, "default", false)};
    }
    return fields;
}

static void read_state(struct reader *r, const struct weir_value *map, struct weir_state_layout *layout)
{
    struct weir_error why;
    const char *name = text_of(r, map, "name", true);
    weir_state st = {.name = name, .doc = "", .field_stride = sizeof(weir_field)};
    st.kind = word_of(r, map, "kind", weir__state_kinds);
    st.version = number_of(r, map, "version");
    st.size = number_of(r, map, "size");
    st.flags = flags_of(r, map, weir__state_flags);
    st.ttl_ms = milliseconds_of(r, map, "ttl_ms");
    st.ttl_flags = (truth_of(map, "ttl_on_read") ? WEIR_TTL_ON_READ : 0) | (truth_of(map, "ttl_shown") ? WEIR_TTL_SHOWN : 0);
    weir_field *fields = read_fields(r, map, "fields", &st.n_fields),
               *key_fields = read_fields(r, map, "key_fields", &st.n_key_fields);
    st.fields = fields;
    st.key_fields = key_fields;
    if (weir_state_shape((weir_state_kind)st.kind) == WEIR_SHAPE_MAP) st.key_size = number_of(r, map, "key_size");
    if (!r->failed && !weir__is_name(name)) wrong(r, map, "expected a name such as seen for a state, found \"%.60s\"", name);
    if (!r->failed && weir_state_layout_init(layout, &st, &why) != WEIR_OK) wrong(r, map, "%s", why.text);
    weir_free(fields);
    weir_free(key_fields);
}

/* ---- component and plugin ---------------------------------------------------------------------------------------- */

static void read_component(struct reader *r, const struct weir_value *map, struct weir_component_info *c)
{
    c->id = copy_of(r, map, "id", true);
    c->kind = (weir_kind)word_of(r, map, "kind", weir__kinds);
    c->doc = copy_of(r, map, "doc", true);
    c->in = copy_of(r, map, "in", false);
    c->out = copy_of(r, map, "out", false);
    c->sides = copy_of(r, map, "sides", false);
    c->flags = flags_of(r, map, weir__component_flags);
    c->has_timers = truth_of(map, "timers");
    c->is_filter = truth_of(map, "filter");
    c->is_splittable = truth_of(map, "splittable");
    c->instance_size = number_of(r, map, "instance_size");

    const struct weir_value *options = list_of(r, map, "options"), *states = list_of(r, map, "states");
    if (options->n > WEIR__MAX_OPTIONS || states->n > WEIR__MAX_STATES)
        wrong(r, map, "expected at most %u options and %u states, found %zu and %zu", WEIR__MAX_OPTIONS, WEIR__MAX_STATES,
              options->n, states->n);
    if (r->failed) return;
    c->options = weir_alloc_array(options->n, sizeof *c->options);
    for (size_t i = 0; i < options->n; i++) read_option(r, options->items[i], &c->options[c->n_options++]);
    c->states = weir_alloc_array(states->n, sizeof *c->states);
    for (size_t i = 0; i < states->n && !r->failed; i++) {
        read_state(r, states->items[i], &c->states[i]);
        if (!r->failed) c->n_states++;
    }
}

static void read_abi(struct reader *r, const struct weir_value *root, struct weir_plugin_info *p)
{
    const char *abi = text_of(r, root, "abi", true);
    unsigned major = 0, minor = 0;
    if (abi && (strlen(abi) > 11 || sscanf(abi, "%5u.%5u", &major, &minor) != 2))
        wrong(r, root, "expected an ABI such as \"1.0\", found \"%.60s\"", abi);
    p->abi_major = (uint16_t)major;
    p->abi_minor = (uint16_t)minor;
}

static void read_root(struct reader *r, const struct weir_value *root, struct weir_plugin_info *p)
{
    const char *format = text_of(r, root, "weir_plugin", true);
    if (format && strcmp(format, "1") != 0)
        wrong(r, root, "expected a plugin manifest of format 1, found format \"%.60s\"", format);
    p->id = copy_of(r, root, "id", true);
    p->version = copy_of(r, root, "version", true);
    p->license = copy_of(r, root, "license", true);
    p->build_id = copy_of(r, root, "build_id", true);
    read_abi(r, root, p);
    const struct weir_value *list = list_of(r, root, "components");
    if (list->n == 0 || list->n > WEIR__MAX_COMPONENTS)
        wrong(r, root, "expected 1 to %u components, found %zu", WEIR__MAX_COMPONENTS, list->n);
    if (r->failed) return;
    p->components = weir_alloc_array(list->n, sizeof *p->components);
    for (size_t i = 0; i < list->n; i++) read_component(r, list->items[i], &p->components[p->n_components++]);
}

weir_status weir_plugin_manifest_read(const char *text, size_t n, const char *name, const char *so_path,
                                      struct weir_plugin_info *p, struct weir_error *error)
{
    struct reader r = {.name = name, .error = error};
    struct weir_problems problems = {0};
    struct weir_document *doc = weir_document_create(name, ".");
    *p = (struct weir_plugin_info){.path = weir_strdup(so_path)};
    char *copy = weir_alloc(n + 1); /* marks go on to the end of their line, or to a NUL */
    memcpy(copy, text, n);
    const struct weir_value *root = weir__document_parse_plain(doc, copy, n, name);
    if (!root) root = weir__document_parse_yaml(doc, copy, n, name, true, &problems);
    if (problems.n > 0) {
        wrong(&r, &(struct weir_value){.mark = problems.problems[0].mark}, "expected a plugin manifest in YAML, found: %s",
              problems.problems[0].message);
    } else if (!root || root->kind != WEIR_VALUE_MAPPING) {
        wrong(&r, root ? root : &nothing, "expected a plugin manifest (a map with weir_plugin: 1), found something else");
    } else {
        read_root(&r, root, p);
    }
    weir_problems_finish(&problems);
    weir_document_destroy(doc);
    weir_free(copy);
    if (r.failed) return WEIR_E_PLUGIN;
    weir_status s = weir_plugin_info_check(p, error);
    if (s != WEIR_OK) return weir_error_prefix(error, "%s: ", name);
    for (uint32_t i = 0; i < p->n_components; i++) p->components[i].plugin = p;
    return WEIR_OK;
}
