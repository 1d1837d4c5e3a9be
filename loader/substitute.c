/* loader/substitute.c - vars, --set, and ${name}, ${env:NAME}, ${file:PATH} in the scalars of a document.
 *
 * A variable's default may use the variables above it. What comes from the environment or a file is secret, and so is what
 * it is put into. A scalar whose reference cannot be replaced is marked broken: its reader says nothing more about it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/path.h"
#include "loader/document_internal.h"

#define MAX_SECRET_FILE_BYTES ((size_t)1 << 16)

struct substitution {
    struct weir_document *document;
    const struct weir_platform *platform;
    struct weir_problems *problems;
    struct weir_map vars; /* name -> its struct weir_value, replaced */
};

static void say(struct substitution *s, struct weir_value *value, const char *reference, const char *help, const char *what,
                const char *name)
{
    char *whole = weir_format("${%s}", reference);
    struct weir_mark mark = weir_value_mark_of(value, whole);
    weir_problems_add(s->problems, &mark, help, what, name);
    weir_free(whole);
    value->broken = true;
}

/* ---- the three kinds of reference ----------------------------------------------------------------------------------- */

static void add_environment(struct substitution *s, struct weir_value *value, const char *reference, struct weir_text *out)
{
    const char *name = reference + strlen("env:"), *found = getenv(name);
    value->secret = true;
    if (found)
        weir_text_add_bytes(out, found, strlen(found));
    else
        say(s, value, reference, NULL, "the environment variable '%s' is not set", name);
}

static void add_file(struct substitution *s, struct weir_value *value, const char *reference, struct weir_text *out)
{
    char *path = weir_path_join(s->document->base_dir, reference + strlen("file:"));
    struct weir_error error;
    char *bytes = NULL;
    size_t n = 0;
    value->secret = true;
    if (weir_read_file(s->platform, path, MAX_SECRET_FILE_BYTES, &bytes, &n, &error) != WEIR_OK) {
        say(s, value, reference, NULL, "the file cannot be read: %s", error.text);
    } else if (strlen(bytes) != n) {
        say(s, value, reference, "only text can stand in a manifest", "the file '%s' holds a zero byte", path);
    } else {
        if (n > 0 && bytes[n - 1] == '\n') n--; /* as a shell's $(cat file) */
        if (n > 0 && bytes[n - 1] == '\r') n--;
        weir_text_add_bytes(out, bytes, n);
    }
    weir_free(bytes);
    weir_free(path);
}

static char *variable_help(const struct substitution *s, const char *name)
{
    const char **names = weir_alloc_array(s->vars.n + 1, sizeof *names);
    for (size_t i = 0; i < s->vars.n; i++) names[i] = s->vars.entries[i].key;
    const char *near = weir_nearest(name, names, s->vars.n);
    char *help =
        near ? weir_format("did you mean '%s'?", near) : weir_format("declare it with its default: vars: {%s: ...}", name);
    weir_free(names);
    return help;
}

static void add_variable(struct substitution *s, struct weir_value *value, const char *name, struct weir_text *out)
{
    const struct weir_value *variable = weir_map_find(&s->vars, name);
    if (!variable) {
        char *help = variable_help(s, name);
        say(s, value, name, help, "there is no variable '%s'", name);
        weir_free(help);
        return;
    }
    value->secret |= variable->secret;
    value->broken |= variable->broken;
    if (out->n == 0) value->from_here |= variable->from_here;
    if (variable->text) weir_text_add_bytes(out, variable->text, strlen(variable->text));
}

static void add_reference(struct substitution *s, struct weir_value *value, const char *reference, struct weir_text *out)
{
    if (strncmp(reference, "env:", 4) == 0)
        add_environment(s, value, reference, out);
    else if (strncmp(reference, "file:", 5) == 0)
        add_file(s, value, reference, out);
    else
        add_variable(s, value, reference, out);
}

/* ---- a scalar, a tree ----------------------------------------------------------------------------------------------- */

static void replace_in_scalar(struct substitution *s, struct weir_value *value)
{
    if (!value->text || !strstr(value->text, "${")) return;
    struct weir_text out = {0};
    const char *p = value->text, *dollar;
    while ((dollar = strstr(p, "${"))) {
        bool literal = dollar > p && dollar[-1] == '$';
        weir_text_add_bytes(&out, p, (size_t)(dollar - p) - literal);
        const char *end = strchr(dollar, '}');
        if (literal) {
            weir_text_add_bytes(&out, dollar, 2);
            p = dollar + 2;
            continue;
        }
        if (!end) {
            struct weir_mark mark = weir_value_mark_of(value, dollar);
            weir_problems_add(s->problems, &mark, "write $${ for a literal ${", "a '}' is missing after '${'");
            value->broken = true;
            p = dollar + strlen(dollar);
            break;
        }
        char *reference = weir_strndup(dollar + 2, (size_t)(end - dollar) - 2);
        add_reference(s, value, reference, &out);
        weir_free(reference);
        p = end + 1;
    }
    weir_text_add_bytes(&out, p, strlen(p));
    weir_free(value->text);
    value->text = weir_strdup(weir_text_get(&out));
    weir_text_finish(&out);
}

static void replace_in_tree(struct substitution *s, struct weir_value *value, const struct weir_value *skipped)
{
    if (value == skipped) return;
    if (value->kind == WEIR_VALUE_SCALAR) replace_in_scalar(s, value);
    for (size_t i = 0; value->kind == WEIR_VALUE_SEQUENCE && i < value->n; i++) replace_in_tree(s, value->items[i], skipped);
    for (size_t i = 0; value->kind == WEIR_VALUE_MAPPING && i < value->n; i++) {
        const struct weir_value *key = value->pairs[i].key;
        if (strstr(key->text, "${"))
            weir_problems_add(s->problems, &key->mark, NULL, "variables are replaced in values, not in keys");
        replace_in_tree(s, value->pairs[i].value, skipped);
    }
}

/* ---- the variables -------------------------------------------------------------------------------------------------- */

static struct weir_value *set_value(struct weir_document *d, const char *name, const struct weir_assignment *sets, size_t n)
{
    for (size_t i = n; i-- > 0;) { /* the last one wins, as everywhere on a command line */
        if (strcmp(sets[i].name, name) != 0) continue;
        char *origin = weir_format("--set %s", name);
        struct weir_value *value = weir_document_scalar(d, sets[i].value, origin);
        weir_free(origin);
        return value;
    }
    return NULL;
}

static void declare(struct substitution *s, struct weir_pair *pair, const struct weir_assignment *sets, size_t n_sets)
{
    const char *name = pair->key->text;
    struct weir_value *given = set_value(s->document, name, sets, n_sets);
    if (name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")] != '\0' || *name == '\0')
        weir_problems_add(s->problems, &pair->key->mark, NULL,
                          "'%s' is no name for a variable: use letters, digits, '_' and '-'", name);
    if (given) {
        given->from_here = true;
        pair->value = given;
    } else if (pair->value->kind == WEIR_VALUE_NULL) {
        char *help = weir_format("run with --set %s=VALUE, or give it a default here", name);
        if (!pair->value->broken)
            weir_problems_add(s->problems, &pair->key->mark, help, "the variable '%s' has no value", name);
        pair->value->broken = true;
        weir_free(help);
    } else if (pair->value->kind != WEIR_VALUE_SCALAR) {
        weir_problems_add(s->problems, &pair->value->mark, NULL, "a variable is a single text or number, not a %s",
                          pair->value->kind == WEIR_VALUE_SEQUENCE ? "list" : "mapping");
        pair->value->broken = true;
    } else {
        replace_in_scalar(s, pair->value);
    }
    weir_map_put(&s->vars, name, pair->value);
}

static void check_sets(struct substitution *s, const struct weir_assignment *sets, size_t n_sets)
{
    for (size_t i = 0; i < n_sets; i++) {
        if (weir_map_has(&s->vars, sets[i].name)) continue;
        char *origin = weir_format("--set %s", sets[i].name);
        struct weir_mark mark = {.origin = weir__document_origin(s->document, origin), .length = 1};
        char *help = variable_help(s, sets[i].name);
        weir_problems_add(s->problems, &mark, help, "the manifest has no variable '%s'", sets[i].name);
        weir_free(help);
        weir_free(origin);
    }
}

void weir__document_substitute(struct weir_document *document, const struct weir_platform *platform,
                               const struct weir_assignment *sets, size_t n, struct weir_problems *problems)
{
    struct substitution s = {.document = document, .platform = platform, .problems = problems};
    struct weir_value *root = document->root, *vars = NULL;
    for (size_t i = 0; root->kind == WEIR_VALUE_MAPPING && i < root->n; i++) {
        if (strcmp(root->pairs[i].key->text, "vars") == 0) vars = root->pairs[i].value;
    }
    if (vars && vars->kind == WEIR_VALUE_MAPPING) {
        for (size_t i = 0; i < vars->n; i++) declare(&s, &vars->pairs[i], sets, n);
    } else if (vars && vars->kind != WEIR_VALUE_NULL && !vars->broken) {
        weir_problems_add(problems, &vars->mark, "vars: {name: default}", "expected a mapping of names to defaults");
    }
    check_sets(&s, sets, n);
    replace_in_tree(&s, root, vars);
    weir_map_finish(&s.vars);
}
