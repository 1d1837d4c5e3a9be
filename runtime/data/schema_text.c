/* schema_text.c - the schema text of weir/component.h ("amount:f64, note:string?, *"), by recursive descent.
 *
 * The text is part of a component's declaration, so what is wrong with it is the plugin's fault: WEIR_E_PLUGIN, with the
 * column.
 */
#include "data/schema.h"

#include <string.h>

#include "base/alloc.h"

struct parser {
    const char *text, *p;
    bool output;
    struct weir_error *error;
};

static weir_status wrong(const struct parser *in, const char *at, const char *format, ...) WEIR_PRINTF(3, 4);
static weir_status wrong(const struct parser *in, const char *at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    weir_error_vset(in->error, WEIR_E_PLUGIN, format, args);
    va_end(args);
    weir_error_prefix(in->error, "schema text \"%s\", column %zu: ", in->text, (size_t)(at - in->text) + 1);
    return WEIR_E_PLUGIN;
}

static void skip_spaces(struct parser *in)
{
    while (*in->p == ' ' || *in->p == '\t' || *in->p == '\n') in->p++;
}

static bool accept(struct parser *in, char c)
{
    skip_spaces(in);
    if (*in->p != c) return false;
    in->p++;
    return true;
}

static weir_status expect(struct parser *in, char c, const char *after)
{
    if (accept(in, c)) return WEIR_OK;
    return wrong(in, in->p, *in->p ? "expected '%c' after %s, found '%c'" : "expected '%c' after %s, found the end", c,
                 after, *in->p);
}

static bool is_first(char c)
{
    return (c >= 'a' && c <= 'z') || c == '_';
}

/* [a-z_][a-z0-9_]* into *name (the caller frees). */
static weir_status read_name(struct parser *in, const char *what, char **name)
{
    skip_spaces(in);
    const char *start = in->p;
    if (!is_first(*start)) {
        return wrong(in, start, "expected %s ([a-z_][a-z0-9_]*), found %s%.1s%s", what, *start ? "'" : "the end", start,
                     *start ? "'" : "");
    }
    while (is_first(*in->p) || (*in->p >= '0' && *in->p <= '9')) in->p++;
    *name = weir_strndup(start, (size_t)(in->p - start));
    return WEIR_OK;
}

/* ---- types ------------------------------------------------------------------------------------------------------- */

/* The words beside the plain types, and where each may stand. */
static const struct {
    const char *name;
    enum weir_item_type kind;
    bool in_input, in_output, has_field;
} words[] = {
    {"number", WEIR_ITEM_NUMBER, true, false, false},     {"ordered", WEIR_ITEM_ORDERED, true, false, false},
    {"anything", WEIR_ITEM_ANYTHING, true, false, false}, {"key", WEIR_ITEM_KEYABLE, true, false, false},
    {"same", WEIR_ITEM_SAME, false, true, true},          {"wide", WEIR_ITEM_WIDE, false, true, true},
};

#define PLAIN_TYPES  "bool, i32, i64, f32, f64, timestamp, string, bytes, any"
#define INPUT_TYPES  PLAIN_TYPES ", number, ordered, anything, key"
#define OUTPUT_TYPES PLAIN_TYPES ", same(field), wide(field)"

static weir_status unknown_type(const struct parser *in, const char *at, const char *name)
{
    const char *names[WEIR_ANY + WEIR_LEN(words)];
    size_t n = 0;
    for (int t = WEIR_BOOL; t <= WEIR_ANY; t++) names[n++] = weir_type_name((weir_type)t);
    for (size_t i = 0; i < WEIR_LEN(words); i++) {
        if (in->output ? words[i].in_output : words[i].in_input) names[n++] = words[i].name;
    }
    const char *near = weir_nearest(name, names, n);
    return wrong(in, at, "unknown type '%s'%s%s%s; the types of an %s are %s", name, near ? "; did you mean '" : "",
                 near ? near : "", near ? "'?" : "", in->output ? "output" : "input",
                 in->output ? OUTPUT_TYPES : INPUT_TYPES);
}

static weir_status read_word(struct parser *in, const char *at, const char *name, struct weir_item *item)
{
    for (size_t i = 0; i < WEIR_LEN(words); i++) {
        if (strcmp(words[i].name, name) != 0) continue;
        if (!(in->output ? words[i].in_output : words[i].in_input)) {
            return wrong(in, at, "'%s' may stand in an %s only; the types of an %s are %s", name,
                         in->output ? "input" : "output", in->output ? "output" : "input",
                         in->output ? OUTPUT_TYPES : INPUT_TYPES);
        }
        item->type_kind = words[i].kind;
        if (!words[i].has_field) return WEIR_OK;
        weir_status s = expect(in, '(', name);
        if (s == WEIR_OK) s = read_name(in, "the name of an input", &item->of);
        return s == WEIR_OK ? expect(in, ')', "the name of an input") : s;
    }
    return unknown_type(in, at, name);
}

static weir_status read_type(struct parser *in, struct weir_item *item)
{
    char *name;
    skip_spaces(in);
    const char *at = in->p;
    weir_status s = read_name(in, "a type", &name);
    if (s != WEIR_OK) return s;
    if (weir_type_parse(name, &item->type))
        item->type_kind = WEIR_ITEM_PLAIN;
    else
        s = read_word(in, at, name, item);
    weir_free(name);
    if (s == WEIR_OK) item->nullable = accept(in, '?');
    return s;
}

/* ---- items ------------------------------------------------------------------------------------------------------- */

static weir_status read_field(struct parser *in, struct weir_item *item)
{
    weir_status s;
    item->kind = WEIR_ITEM_FIELD;
    if (accept(in, '{')) {
        s = read_name(in, "the name of an option", &item->name_option);
        if (s == WEIR_OK) s = expect(in, '}', "the name of an option");
    } else {
        s = read_name(in, "a field's name", &item->name);
    }
    if (s == WEIR_OK) s = expect(in, ':', "a field's name");
    return s == WEIR_OK ? read_type(in, item) : s;
}

/* "@key", "@in", "$schema", "$option". */
static weir_status read_output_word(struct parser *in, char sign, struct weir_item *item)
{
    char *word;
    const char *at = in->p - 1;
    weir_status s = read_name(in, sign == '@' ? "'key' or 'in' after '@'" : "'schema' or an option's name after '$'", &word);
    if (s != WEIR_OK) return s;
    if (!in->output) {
        s = wrong(in, at, "'%c%s' may stand in an output only", sign, word);
    } else if (sign == '$') {
        item->kind = strcmp(word, "schema") == 0 ? WEIR_ITEM_SCHEMA : WEIR_ITEM_OPTION;
        if (item->kind == WEIR_ITEM_OPTION) {
            item->name = word;
            return WEIR_OK;
        }
    } else if (strcmp(word, "key") == 0) {
        item->kind = WEIR_ITEM_KEY;
    } else if (strcmp(word, "in") == 0) {
        item->kind = WEIR_ITEM_IN;
    } else {
        s = wrong(in, at, "unknown word '@%s'; there are '@key' and '@in'", word);
    }
    weir_free(word);
    return s;
}

static weir_status read_item(struct parser *in, struct weir_item *item)
{
    if (accept(in, '*')) {
        item->kind = WEIR_ITEM_ALL;
        return WEIR_OK;
    }
    if (accept(in, '@')) return read_output_word(in, '@', item);
    if (accept(in, '$')) return read_output_word(in, '$', item);
    return read_field(in, item);
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static weir_status check_new(const struct parser *in, const char *at, const struct weir_schema_text *text,
                             const struct weir_item *item)
{
    for (size_t i = 0; i < text->n; i++) {
        const struct weir_item *other = &text->items[i];
        if (other->kind == item->kind && same_text(other->name, item->name) &&
            same_text(other->name_option, item->name_option)) {
            return wrong(in, at, "'%s' stands here twice",
                         item->name          ? item->name
                         : item->name_option ? item->name_option
                                             : "the same word");
        }
    }
    return WEIR_OK;
}

static void finish_item(struct weir_item *item)
{
    weir_free(item->name);
    weir_free(item->name_option);
    weir_free(item->of);
}

/* Reads items up to the end or a ')'. */
static weir_status read_schema(struct parser *in, struct weir_schema_text *text)
{
    size_t capacity = 0;
    skip_spaces(in);
    if (!*in->p || *in->p == ')') return WEIR_OK;
    do {
        struct weir_item item = {0};
        skip_spaces(in);
        const char *at = in->p;
        weir_status s = read_item(in, &item);
        if (s == WEIR_OK) s = check_new(in, at, text, &item);
        if (s != WEIR_OK) {
            finish_item(&item);
            return s;
        }
        WEIR_GROW(text->items, capacity, text->n + 1);
        text->items[text->n++] = item;
    } while (accept(in, ','));
    return WEIR_OK;
}

weir_status weir_schema_text_parse(const char *text, bool output, struct weir_schema_text *schema, struct weir_error *error)
{
    *schema = (struct weir_schema_text){0};
    if (!text) return WEIR_OK;
    struct parser in = {.text = text, .p = text, .output = output, .error = error};
    weir_status s = read_schema(&in, schema);
    if (s == WEIR_OK && *in.p) s = wrong(&in, in.p, "expected ',' or the end, found '%c'", *in.p);
    if (s != WEIR_OK) weir_schema_text_finish(schema);
    return s;
}

void weir_schema_text_finish(struct weir_schema_text *schema)
{
    for (size_t i = 0; i < schema->n; i++) finish_item(&schema->items[i]);
    weir_free(schema->items);
    *schema = (struct weir_schema_text){0};
}

/* ---- side outputs, inputs ---------------------------------------------------------------------------------------- */

static weir_status read_named(struct parser *in, const char *what, const struct weir_named_schema *others, size_t n,
                              struct weir_named_schema *one)
{
    skip_spaces(in);
    const char *at = in->p;
    weir_status s = read_name(in, what, &one->name);
    for (size_t i = 0; s == WEIR_OK && i < n; i++) {
        if (strcmp(others[i].name, one->name) == 0) s = wrong(in, at, "the name '%s' stands here twice", one->name);
    }
    if (s == WEIR_OK) s = expect(in, '(', what);
    if (s == WEIR_OK) s = read_schema(in, &one->schema);
    return s == WEIR_OK ? expect(in, ')', "a schema") : s;
}

static weir_status read_list(struct parser *in, const char *what, struct weir_named_schema **list, size_t *n)
{
    size_t capacity = 0;
    weir_status s = WEIR_OK;
    do {
        WEIR_GROW(*list, capacity, *n + 1);
        s = read_named(in, what, *list, *n, &(*list)[*n]);
        (*n)++;
    } while (s == WEIR_OK && accept(in, ','));
    if (s == WEIR_OK && *in->p) s = wrong(in, in->p, "expected ',' or the end, found '%c'", *in->p);
    if (s == WEIR_OK) return s;
    weir_named_schemas_finish(*list, *n);
    *list = NULL;
    *n = 0;
    return s;
}

weir_status weir_sides_parse(const char *text, struct weir_named_schema **sides, size_t *n, struct weir_error *error)
{
    struct parser in = {.text = text, .p = text, .output = true, .error = error};
    *sides = NULL;
    *n = 0;
    if (!text) return WEIR_OK;
    skip_spaces(&in);
    return *in.p ? read_list(&in, "a side output's name", sides, n) : WEIR_OK;
}

weir_status weir_inputs_parse(const char *text, struct weir_named_schema **inputs, size_t *n, struct weir_error *error)
{
    struct parser in = {.text = text, .p = text, .error = error};
    *inputs = NULL;
    *n = 0;
    if (text && strchr(text, '(')) return read_list(&in, "an input's name", inputs, n);
    struct weir_schema_text only;
    weir_status s = weir_schema_text_parse(text, false, &only, error);
    if (s != WEIR_OK) return s;
    *inputs = weir_alloc(sizeof **inputs);
    **inputs = (struct weir_named_schema){weir_strdup(""), only};
    *n = 1;
    return WEIR_OK;
}

void weir_named_schemas_finish(struct weir_named_schema *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        weir_free(list[i].name);
        weir_schema_text_finish(&list[i].schema);
    }
    weir_free(list);
}
