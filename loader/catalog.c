/* catalog.c - the components of a registry, for people and programs. Coordinator's thread. */
#include "loader/catalog.h"

#include <string.h>

#include "loader/part.h"

static const weir_kind kinds[] = {
    WEIR_SOURCE,      WEIR_OPERATOR, WEIR_REDUCER,         WEIR_AGGREGATE,     WEIR_WATERMARK_GENERATOR,
    WEIR_PARTITIONER, WEIR_DECODER,  WEIR_ENCODER,         WEIR_SINK,          WEIR_WINDOW_ASSIGNER,
    WEIR_TRIGGER,     WEIR_EVICTOR,  WEIR_WINDOW_FUNCTION, WEIR_JOIN_FUNCTION, WEIR_COGROUP_FUNCTION,
    WEIR_ASYNC,       WEIR_STATE_BACKEND, WEIR_CHECKPOINT_STORAGE};
#define N_KINDS (sizeof kinds / sizeof *kinds)

static const char *option_type_name(const struct weir_option_info *o)
{
    static const char *const names[] = {"",     "bool",   "i64",  "f64",   "string", "duration",
                                        "size", "choice", "list", "field", "secret", "component"};
    return o->type == WEIR_OPT_COMPONENT ? weir_kind_name(o->accepts) : names[o->type];
}

/* ---- text -------------------------------------------------------------------------------------------------------- */

static void print_component(const struct weir_component_info *c, struct weir_text *t)
{
    weir_text_add(t, "  %-26s %s  [%s]\n", c->id, c->doc ? c->doc : "", c->plugin->id);
}

static void print_kind_text(const struct weir_registry *r, weir_kind kind, struct weir_text *t)
{
    const struct weir_plugin_info *const *plugins;
    size_t n = weir_registry_plugins(r, &plugins);
    bool headed = false;
    for (size_t p = 0; p < n; p++) {
        for (uint32_t c = 0; c < plugins[p]->n_components; c++) {
            if (plugins[p]->components[c].kind != kind) continue;
            if (!headed) weir_text_add(t, "%s\n", weir_kind_name(kind));
            headed = true;
            print_component(&plugins[p]->components[c], t);
        }
    }
}

static void print_refused_text(const struct weir_registry *r, struct weir_text *t)
{
    const char *const *messages;
    size_t n = weir_registry_refused(r, &messages);
    if (n > 0) weir_text_add(t, "refused\n");
    for (size_t i = 0; i < n; i++) weir_text_add(t, "  %s\n", messages[i]);
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static void add_member(struct weir_text *t, const char *name, const char *value)
{
    weir_text_add(t, ", \"%s\": ", name);
    if (value)
        weir_text_add_json(t, value);
    else
        weir_text_add(t, "null");
}

static void print_option_json(const struct weir_option_info *o, struct weir_text *t)
{
    weir_text_add(t, "{\"name\": ");
    weir_text_add_json(t, o->name);
    add_member(t, "type", option_type_name(o));
    add_member(t, "default", o->def);
    add_member(t, "min", o->min);
    add_member(t, "max", o->max);
    add_member(t, "doc", o->doc);
    weir_text_add(t, ", \"required\": %s, \"choices\": [", !o->def && !(o->flags & WEIR_OPTIONAL) ? "true" : "false");
    for (char **choice = o->choices; choice && *choice; choice++) {
        weir_text_add(t, choice > o->choices ? ", " : "");
        weir_text_add_json(t, *choice);
    }
    weir_text_add(t, "]}");
}

static void print_component_json(const struct weir_component_info *c, struct weir_text *t)
{
    weir_text_add(t, "{\"id\": ");
    weir_text_add_json(t, c->id);
    add_member(t, "kind", weir_kind_name(c->kind));
    add_member(t, "plugin", c->plugin->id);
    add_member(t, "version", c->plugin->version);
    add_member(t, "file", c->plugin->path);
    add_member(t, "doc", c->doc);
    add_member(t, "in", c->in);
    add_member(t, "out", c->out);
    add_member(t, "sides", c->sides);
    weir_text_add(t, ", \"options\": [");
    for (uint32_t i = 0; i < c->n_options; i++) {
        weir_text_add(t, i ? ", " : "");
        print_option_json(&c->options[i], t);
    }
    weir_text_add(t, "]}");
}

static void print_json(const struct weir_registry *r, weir_kind only, struct weir_text *t)
{
    const struct weir_plugin_info *const *plugins;
    const char *const *messages;
    size_t n = weir_registry_plugins(r, &plugins), n_refused = weir_registry_refused(r, &messages);
    bool first = true;
    weir_text_add(t, "{\"components\": [");
    for (size_t p = 0; p < n; p++) {
        for (uint32_t c = 0; c < plugins[p]->n_components; c++) {
            if (only && plugins[p]->components[c].kind != only) continue;
            weir_text_add(t, first ? "\n  " : ",\n  ");
            first = false;
            print_component_json(&plugins[p]->components[c], t);
        }
    }
    weir_text_add(t, "],\n \"refused\": [");
    for (size_t i = 0; i < n_refused; i++) {
        weir_text_add(t, i ? ", " : "");
        weir_text_add_json(t, messages[i]);
    }
    weir_text_add(t, "]}\n");
}

static weir_status find_kind(const char *name, weir_kind *kind, struct weir_error *error)
{
    const char *names[N_KINDS];
    for (size_t i = 0; i < N_KINDS; i++) {
        names[i] = weir_kind_name(kinds[i]);
        if (strcmp(names[i], name) != 0) continue;
        *kind = kinds[i];
        return WEIR_OK;
    }
    const char *near = weir_nearest(name, names, N_KINDS);
    return weir_error_set(error, WEIR_E_CONFIG, "no kind of component is called '%s'%s%s%s", name,
                          near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

weir_status weir_catalog_print(const struct weir_registry *r, const char *kind, bool json, struct weir_text *t,
                               struct weir_error *error)
{
    weir_kind only = 0;
    weir_status s = kind ? find_kind(kind, &only, error) : WEIR_OK;
    if (s != WEIR_OK) return s;
    if (json) {
        print_json(r, only, t);
        return WEIR_OK;
    }
    for (size_t i = 0; i < N_KINDS; i++) {
        if (!only || kinds[i] == only) print_kind_text(r, kinds[i], t);
    }
    print_refused_text(r, t);
    return WEIR_OK;
}

/* ---- the manifest reference -------------------------------------------------------------------------------------- */

static void add_bounds(struct weir_text *t, const struct weir_option_info *o)
{
    for (char **choice = o->choices; choice && *choice; choice++)
        weir_text_add(t, "%s`%s`", choice > o->choices ? ", " : "one of ", *choice);
    if (o->min && o->max)
        weir_text_add(t, "`%s` to `%s`", o->min, o->max);
    else if (o->min)
        weir_text_add(t, "from `%s`", o->min);
    else if (o->max)
        weir_text_add(t, "up to `%s`", o->max);
}

static void reference_options(const struct weir_component_info *c, struct weir_text *t)
{
    if (c->n_options == 0) {
        weir_text_add(t, "No options.\n\n");
        return;
    }
    weir_text_add(t, "| option | type | default | values | what it does |\n|---|---|---|---|---|\n");
    for (uint32_t i = 0; i < c->n_options; i++) {
        const struct weir_option_info *o = &c->options[i];
        bool optional = o->flags & WEIR_OPTIONAL;
        weir_text_add(t, "| `%s` | %s | ", o->name, option_type_name(o));
        if (o->def)
            weir_text_add(t, *o->def ? "`%s`" : "empty%s", o->def);
        else
            weir_text_add(t, optional ? "none" : "**required**");
        weir_text_add(t, " | ");
        add_bounds(t, o);
        weir_text_add(t, " | %s |\n", o->doc ? o->doc : "");
    }
    weir_text_add(t, "\n");
}

static void reference_component(const struct weir_component_info *c, struct weir_text *t)
{
    weir_text_add(t, "### %s `%s`\n\n%s\n\n", weir_kind_name(c->kind), c->id, c->doc ? c->doc : "");
    if (c->in) weir_text_add(t, "In: `%s`. ", c->in);
    if (c->out) weir_text_add(t, "Out: `%s`. ", c->out);
    if (c->sides) weir_text_add(t, "Side outputs: `%s`. ", c->sides);
    weir_text_add(t, "Plugin: `%s`.\n\n", c->plugin->id);
    reference_options(c, t);
}

/* Built-in plugins have ids of their own name space, which no stranger should take. */
static bool is_builtin(const struct weir_plugin_info *plugin)
{
    return strncmp(plugin->id, "weir.", 5) == 0;
}

void weir_catalog_print_reference(const struct weir_registry *r, struct weir_text *t)
{
    weir_text_add(t, "# Components\n\nThe built-in components and their options, as the plugins declare them. Generated by "
                     "`scripts/docs`; do not edit.\n"
                     "Which keys a job has around them is said in [manifest.md](manifest.md).\n\n");
    const struct weir_plugin_info *const *plugins;
    size_t n = weir_registry_plugins(r, &plugins);
    for (size_t k = 0; k < N_KINDS; k++) {
        bool headed = false;
        for (size_t p = 0; p < n; p++) {
            for (uint32_t c = 0; c < plugins[p]->n_components; c++) {
                if (plugins[p]->components[c].kind != kinds[k] || !is_builtin(plugins[p])) continue;
                if (!headed) weir_text_add(t, "## Kind: %s\n\n", weir_kind_name(kinds[k]));
                headed = true;
                reference_component(&plugins[p]->components[c], t);
            }
        }
    }
}
