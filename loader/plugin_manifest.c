/* loader/plugin_manifest.c - writes plugin manifests; manifest_read.c reads them. Any thread.
 *
 * Text and names are always quoted (an option may well be called null), numbers and words never are, so that the JSON form
 * follows from the YAML form by itself. Keys without a value are left out.
 */
#include "loader/plugin_manifest.h"

#include <string.h>

#include "base/alloc.h"
#include "base/path.h"
#include "loader/document_internal.h"
#include "loader/plugin_internal.h"

char *weir_plugin_manifest_path(const char *so_path)
{
    size_t n = strlen(so_path);
    if (weir_path_has_suffix(so_path, ".so")) n -= 3;
    return weir_format("%.*s.weir.yaml", (int)n, so_path);
}

static void add_text(struct weir_text *t, const char *indent, const char *key, const char *value)
{
    if (!value) return;
    weir_text_add(t, "%s%s: ", indent, key);
    weir_text_add_json(t, value);
    weir_text_add(t, "\n");
}

static void add_flags(struct weir_text *t, const char *indent, const struct weir__word *words, uint32_t flags)
{
    const char *between = "";
    if (!flags) return;
    weir_text_add(t, "%sflags: [", indent);
    for (; words->name; words++) {
        if (!(flags & words->value)) continue;
        weir_text_add(t, "%s%s", between, words->name);
        between = ", ";
    }
    weir_text_add(t, "]\n");
}

static void add_choices(struct weir_text *t, const char *indent, char *const *choices)
{
    if (!choices) return;
    weir_text_add(t, "%schoices: [", indent);
    for (size_t i = 0; choices[i]; i++) {
        if (i) weir_text_add(t, ", ");
        weir_text_add_json(t, choices[i]);
    }
    weir_text_add(t, "]\n");
}

static void add_option(struct weir_text *t, const struct weir_option_info *o)
{
    static const char indent[] = "        ";
    add_text(t, "      - ", "name", o->name);
    weir_text_add(t, "%stype: %s\n", indent, weir_option_type_name(o->type));
    add_text(t, indent, "doc", o->doc);
    add_text(t, indent, "default", o->def);
    add_text(t, indent, "min", o->min);
    add_text(t, indent, "max", o->max);
    add_choices(t, indent, o->choices);
    add_flags(t, indent, weir__option_flags, o->flags);
    if (o->type == WEIR_OPT_COMPONENT) weir_text_add(t, "%saccepts: %s\n", indent, weir_kind_name(o->accepts));
    weir_text_add(t, "%soffset: %u\n%ssize: %u\n", indent, o->offset, indent, o->size);
}

static void add_fields(struct weir_text *t, const char *key, const weir_field *fields, uint32_t n)
{
    if (n) weir_text_add(t, "        %s:\n", key);
    for (uint32_t i = 0; i < n; i++) {
        weir_text_add(t, "          - {name: ");
        weir_text_add_json(t, fields[i].name);
        weir_text_add(t, ", type: %s, offset: %u, size: %u, since: %u", weir_type_name((weir_type)fields[i].type),
                      fields[i].offset, fields[i].size, fields[i].since);
        if (fields[i].def) {
            weir_text_add(t, ", default: ");
            weir_text_add_json(t, fields[i].def);
        }
        weir_text_add(t, "}\n");
    }
}

static void add_state(struct weir_text *t, const struct weir_state_layout *s)
{
    add_text(t, "      - ", "name", s->name);
    weir_text_add(t, "        kind: %s\n        version: %u\n        size: %u\n", weir_state_kind_name(s->kind), s->version,
                  s->size);
    add_flags(t, "        ", weir__state_flags, s->flags);
    if (s->ttl_ms > 0) weir_text_add(t, "        ttl_ms: %lld\n", (long long)s->ttl_ms);
    if (s->ttl_flags & WEIR_TTL_ON_READ) weir_text_add(t, "        ttl_on_read: true\n");
    if (s->ttl_flags & WEIR_TTL_SHOWN) weir_text_add(t, "        ttl_shown: true\n");
    add_fields(t, "fields", s->fields, s->n_fields);
    if (weir_layout_shape(s) != WEIR_SHAPE_MAP) return;
    weir_text_add(t, "        key_size: %u\n", s->key_size);
    add_fields(t, "key_fields", s->key_fields, s->n_key_fields);
}

static void add_component(struct weir_text *t, const struct weir_component_info *c)
{
    static const char indent[] = "    ";
    add_text(t, "  - ", "id", c->id);
    weir_text_add(t, "%skind: %s\n", indent, weir_kind_name(c->kind));
    add_text(t, indent, "doc", c->doc);
    add_text(t, indent, "in", c->in);
    add_text(t, indent, "out", c->out);
    add_text(t, indent, "sides", c->sides);
    add_flags(t, indent, weir__component_flags, c->flags);
    if (c->has_timers) weir_text_add(t, "%stimers: true\n", indent);
    if (c->is_filter) weir_text_add(t, "%sfilter: true\n", indent);
    if (c->is_splittable) weir_text_add(t, "%ssplittable: true\n", indent);
    weir_text_add(t, "%sinstance_size: %u\n", indent, c->instance_size);
    if (c->n_options) weir_text_add(t, "%soptions:\n", indent);
    for (uint32_t i = 0; i < c->n_options; i++) add_option(t, &c->options[i]);
    if (c->n_states) weir_text_add(t, "%sstates:\n", indent);
    for (uint32_t i = 0; i < c->n_states; i++) add_state(t, &c->states[i]);
}

void weir_plugin_manifest_write(const struct weir_plugin_info *p, struct weir_text *t)
{
    weir_text_add(t, "# Written by `weir inspect --manifest`; not for editing: it counts only while build_id is the plugin "
                     "file's.\nweir_plugin: 1\n");
    add_text(t, "", "id", p->id);
    add_text(t, "", "version", p->version);
    add_text(t, "", "license", p->license);
    weir_text_add(t, "abi: \"%u.%u\"\n", p->abi_major, p->abi_minor);
    add_text(t, "", "build_id", p->build_id);
    weir_text_add(t, "components:\n");
    for (uint32_t i = 0; i < p->n_components; i++) add_component(t, &p->components[i]);
}

/* ---- as JSON ----------------------------------------------------------------------------------------------------- */

static void add_json(struct weir_text *t, const struct weir_value *v)
{
    bool raw = v->kind == WEIR_VALUE_SCALAR && !v->quoted &&
               (strcmp(v->text, "true") == 0 || strspn(v->text, "0123456789") == strlen(v->text));
    switch (v->kind) {
    case WEIR_VALUE_NULL: weir_text_add(t, "null"); break;
    case WEIR_VALUE_SCALAR:
        if (raw) {
            weir_text_add(t, "%s", v->text);
        } else {
            weir_text_add_json(t, v->text);
        }
        break;
    case WEIR_VALUE_SEQUENCE:
    case WEIR_VALUE_MAPPING: {
        bool list = v->kind == WEIR_VALUE_SEQUENCE;
        weir_text_add(t, list ? "[" : "{");
        for (size_t i = 0; i < v->n; i++) {
            if (i) weir_text_add(t, ", ");
            if (!list) {
                weir_text_add_json(t, v->pairs[i].key->text);
                weir_text_add(t, ": ");
            }
            add_json(t, list ? v->items[i] : v->pairs[i].value);
        }
        weir_text_add(t, list ? "]" : "}");
        break;
    }
    }
}

void weir_plugin_manifest_write_json(const struct weir_plugin_info *p, struct weir_text *t)
{
    struct weir_text yaml = {0};
    struct weir_problems problems = {0};
    struct weir_document *doc = weir_document_create("manifest", ".");
    weir_plugin_manifest_write(p, &yaml);
    struct weir_value *root = weir__document_parse_yaml(doc, weir_text_get(&yaml), yaml.n, "manifest", true, &problems);
    WEIR_ASSERT(root && problems.n == 0); /* we wrote it just now */
    add_json(t, root);
    weir_problems_finish(&problems);
    weir_document_destroy(doc);
    weir_text_finish(&yaml);
}
