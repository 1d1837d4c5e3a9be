/* loader/option.c - option values from text, as loader/part.h promises. Any thread. */
#include <string.h>

#include "base/alloc.h"
#include "loader/part.h"
#include "loader/plugin_internal.h"

/* ---- numbers with bounds ----------------------------------------------------------------------------------------- */

static bool parse_number(weir_option_type type, const char *text, struct weir_option_value *v)
{
    struct weir_error ignored;
    switch (type) {
    case WEIR_OPT_I64:
        return weir_parse_i64(text, &v->i64, &ignored) == WEIR_OK;
    case WEIR_OPT_F64:
        return weir_parse_f64(text, &v->f64, &ignored) == WEIR_OK;
    case WEIR_OPT_DURATION:
        return weir_parse_duration(text, &v->i64, &ignored) == WEIR_OK;
    case WEIR_OPT_SIZE:
        return weir_parse_size(text, &v->i64, &ignored) == WEIR_OK;
    default:
        return false;
    }
}

/* a - b as a sign. */
static int compare(weir_option_type type, const struct weir_option_value *a, const struct weir_option_value *b)
{
    if (type == WEIR_OPT_F64) return (a->f64 > b->f64) - (a->f64 < b->f64);
    return (a->i64 > b->i64) - (a->i64 < b->i64);
}

static bool in_range(const struct weir_option_info *o, const struct weir_option_value *v)
{
    struct weir_option_value bound;
    if (o->min && (!parse_number(o->type, o->min, &bound) || compare(o->type, v, &bound) < 0)) return false;
    return !o->max || (parse_number(o->type, o->max, &bound) && compare(o->type, v, &bound) <= 0);
}

static const char *example(weir_option_type type)
{
    switch (type) {
    case WEIR_OPT_I64:
        return "as in 42 or 1_000_000";
    case WEIR_OPT_F64:
        return "as in 0.5 or 1e9";
    case WEIR_OPT_DURATION:
        return "as in 200ms, 5s, 10min or 1h 30min";
    default:
        return "as in 4096, 64KiB or 1MB";
    }
}

static weir_status refuse_number(const struct weir_option_info *o, const char *text, bool readable, struct weir_error *error)
{
    static const char *const words[] = {[WEIR_OPT_I64] = "a whole number",
                                        [WEIR_OPT_F64] = "a number",
                                        [WEIR_OPT_DURATION] = "a duration",
                                        [WEIR_OPT_SIZE] = "a size"};
    struct weir_text range = {0};
    if (o->min && o->max) {
        weir_text_add(&range, " between %s and %s", o->min, o->max);
    } else if (o->min || o->max) {
        weir_text_add(&range, " of at %s %s", o->min ? "least" : "most", o->min ? o->min : o->max);
    }
    weir_error_set(error, WEIR_E_CONFIG, "expected %s%s, found \"%s\"", words[o->type], weir_text_get(&range), text);
    if (!readable && error) {
        weir_text_finish(&range);
        struct weir_error none;
        int64_t ignored;
        char *ms = o->type == WEIR_OPT_DURATION ? weir_format("%sms", text) : NULL;
        bool lacks_unit = ms && weir_parse_duration(ms, &ignored, &none) == WEIR_OK;
        weir_text_add(&range, "%s (write it ", error->text);
        if (lacks_unit) weir_text_add(&range, "as %s if milliseconds are meant, or ", ms);
        weir_text_add(&range, "%s)", example(o->type));
        weir_error_set(error, WEIR_E_CONFIG, "%s", weir_text_get(&range));
        weir_free(ms);
    }
    weir_text_finish(&range);
    return WEIR_E_CONFIG;
}

static weir_status parse_bounded(const struct weir_option_info *o, const char *text, struct weir_option_value *v,
                                 struct weir_error *error)
{
    bool readable = parse_number(o->type, text, v);
    return readable && in_range(o, v) ? WEIR_OK : refuse_number(o, text, readable, error);
}

/* ---- the others -------------------------------------------------------------------------------------------------- */

static weir_status parse_choice(const struct weir_option_info *o, const char *text, struct weir_option_value *v,
                                struct weir_error *error)
{
    struct weir_text all = {0};
    size_t n = 0;
    for (; o->choices && o->choices[n]; n++) {
        if (strcmp(o->choices[n], text) == 0) {
            v->index = (int32_t)n;
            weir_text_finish(&all);
            return WEIR_OK;
        }
        weir_text_add(&all, "%s%s", n ? ", " : "", o->choices[n]);
    }
    const char *near = n ? weir_nearest(text, (const char *const *)o->choices, n) : NULL;
    weir_error_set(error, WEIR_E_CONFIG,
                   near ? "expected one of %s, found \"%s\": did you mean \"%s\"?" : "expected one of %s, found \"%s\"",
                   weir_text_get(&all), text, near);
    weir_text_finish(&all);
    return WEIR_E_CONFIG;
}

/* "a, b": items are trimmed; nothing at all is the empty list. */
static void split_list(const char *text, struct weir_option_value *v)
{
    size_t capacity = 0;
    const char *p = text + strspn(text, " ");
    v->list.items = NULL;
    v->list.n = 0;
    if (!*p) return;
    for (;;) {
        size_t n = strcspn(p, ","), length = n;
        while (length > 0 && p[length - 1] == ' ') length--;
        WEIR_GROW(v->list.items, capacity, v->list.n + 1);
        v->list.items[v->list.n++] = weir_strndup(p, length);
        if (!p[n]) return;
        p += n + 1;
        p += strspn(p, " ");
    }
}

static weir_status parse_value(const struct weir_option_info *o, const char *text, struct weir_option_value *v,
                               struct weir_error *error)
{
    switch (o->type) {
    case WEIR_OPT_BOOL:
        if (weir_parse_bool(text, &v->boolean, NULL) == WEIR_OK) return WEIR_OK;
        return weir_error_set(error, WEIR_E_CONFIG, "expected true or false, found \"%s\"", text);
    case WEIR_OPT_I64:
    case WEIR_OPT_F64:
    case WEIR_OPT_DURATION:
    case WEIR_OPT_SIZE:
        return parse_bounded(o, text, v, error);
    case WEIR_OPT_STRING:
    case WEIR_OPT_SECRET:
        v->string = weir_strdup(text);
        return WEIR_OK;
    case WEIR_OPT_ENUM:
        return parse_choice(o, text, v, error);
    case WEIR_OPT_LIST:
        split_list(text, v);
        return WEIR_OK;
    case WEIR_OPT_FIELD:
    case WEIR_OPT_COMPONENT:
        break;
    }
    return weir_error_set(error, WEIR_E_BUG, "an option of type %s has no text value", weir_option_type_name(o->type));
}

weir_status weir_option_parse(const struct weir_option_info *o, const char *text, struct weir_option_value *value,
                              struct weir_error *error)
{
    struct weir_option_value v = {.set = true};
    weir_status s = parse_value(o, text, &v, error);
    if (s != WEIR_OK) return s;
    weir_option_value_finish(o, value);
    *value = v;
    return WEIR_OK;
}

void weir_option_value_finish(const struct weir_option_info *o, struct weir_option_value *v)
{
    if (v->set && (o->type == WEIR_OPT_STRING || o->type == WEIR_OPT_SECRET)) weir_free(v->string);
    if (v->set && o->type == WEIR_OPT_COMPONENT) weir_part_spec_destroy(v->part);
    if (v->set && o->type == WEIR_OPT_LIST) {
        for (size_t i = 0; i < v->list.n; i++) weir_free(v->list.items[i]);
        weir_free(v->list.items);
    }
    *v = (struct weir_option_value){0};
}
