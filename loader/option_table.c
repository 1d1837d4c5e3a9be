/* loader/option_table.c - is a component's option table one that a job can fill in? Names, types, storage, defaults, ranges,
 * choices. Any thread. */
#include <string.h>

#include "loader/part.h"
#include "loader/plugin_internal.h"

/* ---- storage ----------------------------------------------------------------------------------------------------- */

static weir_status check_storage(const struct weir_component_info *c, const struct weir_option_info *o,
                                 struct weir_error *error)
{
    const struct weir__storage *st = weir__option_storage(o->type);
    if (!st) {
        struct weir_text known = {0};
        weir__add_words(&known, weir__option_types, ", ");
        weir__refuse(error, "expected an option type (%s), found type %d; use enum weir_option_type", weir_text_get(&known),
                     (int)o->type);
        weir_text_finish(&known);
        return WEIR_E_PLUGIN;
    }
    if (o->size != st->size)
        return weir__refuse(
            error, "expected %u bytes (%s) for an option of type %s, found a member of %u bytes; change the member's C type",
            st->size, st->c_type, weir_option_type_name(o->type), o->size);
    if (o->offset > c->instance_size || o->size > c->instance_size - o->offset)
        return weir__refuse(
            error, "expected it inside the instance of %u bytes, found bytes %u to %llu; declare it with WEIR_OPTION",
            c->instance_size, o->offset, (unsigned long long)o->offset + o->size);
    if (o->offset % st->alignment)
        return weir__refuse(error, "expected an offset that %u divides, found %u; do not pack the instance's struct",
                            st->alignment, o->offset);
    return WEIR_OK;
}

/* ---- default, range, choices ------------------------------------------------------------------------------------- */

static weir_status check_choices(const struct weir_option_info *o, struct weir_error *error)
{
    if (o->type != WEIR_OPT_ENUM)
        return o->choices ? weir__refuse(error, "expected choices on an enum only, found them on a %s; remove them",
                                         weir_option_type_name(o->type))
                          : WEIR_OK;
    if (!o->choices || !o->choices[0])
        return weir__refuse(error, "expected choices for an enum, found none; add .choices = {\"...\", NULL}");
    for (size_t i = 0; o->choices[i]; i++) {
        if (!weir__is_line(o->choices[i]) || !o->choices[i][0])
            return weir__refuse(error, "expected choices of one line of text, found another; correct choice %zu", i + 1);
        for (size_t j = 0; j < i; j++) {
            if (strcmp(o->choices[i], o->choices[j]) == 0)
                return weir__refuse(error, "expected different choices, found \"%s\" twice; remove one", o->choices[i]);
        }
    }
    return WEIR_OK;
}

static weir_status check_bound(const struct weir_option_info *o, const char *name, const char *text,
                               struct weir_error *error)
{
    struct weir_option_info bare = {.type = o->type};
    struct weir_option_value v = {0};
    if (!text) return WEIR_OK;
    if (!weir__option_has_range(o->type))
        return weir__refuse(error, "expected no .%s for a %s, which has no range, found \"%.60s\"; remove it", name,
                            weir_option_type_name(o->type), text);
    weir_status s = weir_option_parse(&bare, text, &v, error);
    return s == WEIR_OK ? s : weir_error_prefix(error, ".%s: ", name);
}

static weir_status check_range(const struct weir_option_info *o, struct weir_error *error)
{
    struct weir_option_info upper = {.type = o->type, .max = o->max};
    struct weir_option_value v = {0};
    weir_status s = check_bound(o, "min", o->min, error);
    if (s == WEIR_OK) s = check_bound(o, "max", o->max, error);
    if (s == WEIR_OK && o->min && o->max && weir_option_parse(&upper, o->min, &v, NULL) != WEIR_OK)
        s = weir__refuse(error, "expected min <= max, found min %s and max %s; exchange them", o->min, o->max);
    return s;
}

static weir_status check_default(const struct weir_option_info *o, struct weir_error *error)
{
    struct weir_option_value v = {0};
    if (!o->def) return WEIR_OK;
    if (o->type == WEIR_OPT_FIELD || o->type == WEIR_OPT_COMPONENT) {
        if (weir__is_name(o->def)) return WEIR_OK;
        return weir__refuse(error, ".def: expected the name of a %s, found \"%.60s\"; correct it",
                            weir_option_type_name(o->type), o->def);
    }
    weir_status s = weir_option_parse(o, o->def, &v, error);
    if (s != WEIR_OK) return weir_error_prefix(error, ".def: ");
    weir_option_value_finish(o, &v);
    return WEIR_OK;
}

static weir_status check_flags(const struct weir_option_info *o, struct weir_error *error)
{
    uint32_t allowed = WEIR_OPTIONAL;
    if (o->type == WEIR_OPT_FIELD) allowed |= WEIR_NUMERIC | WEIR_ORDERED | WEIR_INTEGER;
    if (o->type == WEIR_OPT_STRING) allowed |= WEIR_PATH | WEIR_ONE_FILE;
    uint32_t wrong = o->flags & ~allowed;
    if (wrong) {
        const char *name = weir__word_name(weir__option_flags, wrong & -wrong);
        return weir__refuse(error, "expected flags that a %s can have, found %s (0x%x); take it away",
                            weir_option_type_name(o->type), name ? name : "an unknown one", wrong);
    }
    bool component = o->type == WEIR_OPT_COMPONENT;
    if (component != (weir__word_name(weir__kinds, o->accepts) != NULL))
        return weir__refuse(error,
                            component ? "expected .accepts to be a component kind, found %d; use enum weir_kind"
                                      : "expected no .accepts, found %d; remove it",
                            (int)o->accepts);
    return WEIR_OK;
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

static weir_status check_option(const struct weir_component_info *c, const struct weir_option_info *o,
                                struct weir_error *error)
{
    if (!weir__is_line(o->doc))
        return weir__refuse(error, "expected .doc to be one line of UTF-8 text, found another text; shorten it");
    if (o->def && !weir__is_line(o->def))
        return weir__refuse(error, "expected .def to be one line of UTF-8 text, found another text; correct it");
    weir_status s = check_storage(c, o, error);
    if (s == WEIR_OK) s = check_flags(o, error);
    if (s == WEIR_OK) s = check_choices(o, error);
    if (s == WEIR_OK) s = check_range(o, error);
    return s == WEIR_OK ? check_default(o, error) : s;
}

static weir_status check_against_earlier(const struct weir_component_info *c, uint32_t i, struct weir_error *error)
{
    const struct weir_option_info *o = &c->options[i];
    for (uint32_t j = 0; j < i; j++) {
        const struct weir_option_info *p = &c->options[j];
        if (strcmp(o->name, p->name) == 0)
            return weir__refuse(error, "expected options with different names, found '%s' twice; rename one", o->name);
        if (o->offset < p->offset + p->size && p->offset < o->offset + o->size)
            return weir__refuse(error,
                                "expected options with members of their own, found '%s' and '%s' in the same bytes; declare "
                                "them with WEIR_OPTION",
                                p->name, o->name);
    }
    return WEIR_OK;
}

weir_status weir__option_table_check(const struct weir_component_info *c, struct weir_error *error)
{
    for (uint32_t i = 0; i < c->n_options; i++) {
        const struct weir_option_info *o = &c->options[i];
        if (!weir__is_name(o->name))
            return weir__refuse(
                error, "option %u: expected a name such as max_rows ([a-z_][a-z0-9_]*), found \"%.60s\"; correct its .name",
                i + 1, o->name ? o->name : "");
        weir_status s = check_option(c, o, error);
        if (s != WEIR_OK) {
            if (error) error->status = WEIR_E_PLUGIN; /* whatever the value's reader called it */
            weir_error_prefix(error, "option '%s': ", o->name);
            return WEIR_E_PLUGIN;
        }
        s = check_against_earlier(c, i, error);
        if (s != WEIR_OK) return s;
    }
    return WEIR_OK;
}
