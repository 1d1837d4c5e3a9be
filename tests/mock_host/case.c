/* case.c - see the header. */
#include "mock_host/case.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void wrong(const char *path, const char *line, const char *expected)
{
    fprintf(stderr, "%s: expected %s, found \"%s\"\n", path, expected, line);
    exit(2);
}

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) wrong(path, path, "a file");
    char *text = calloc(1, 1 << 20);
    size_t n = fread(text, 1, (1 << 20) - 1, f);
    text[n] = '\0';
    fclose(f);
    return text;
}

/* ---- the head ---------------------------------------------------------------------------------------------------- */

static void read_option(struct plugin_case *c, char *rest, const char *path)
{
    char *value = strchr(rest, ' ');
    if (!value || c->n_options == CASE_MOST) wrong(path, rest, "an option and its value");
    *value++ = '\0';
    c->options[c->n_options] = rest;
    c->values[c->n_options++] = value;
}

static void read_result(struct plugin_case *c, char *rest, const char *path)
{
    char *is = strstr(rest, " = ");
    if (!is || c->n_results == CASE_MOST) wrong(path, rest, "a field, =, and an aggregate");
    char *aggregate = is + 3, *arg = strchr(aggregate, '(');
    *is = '\0';
    if (arg) *arg++ = '\0';
    if (arg) arg[strcspn(arg, ")")] = '\0';
    c->results[c->n_results++] = (struct case_result){rest, aggregate, arg};
}

static void read_window(struct plugin_case *c, char *rest)
{
    char *slide;
    c->window_ms = c->slide_ms = strtoll(rest, &slide, 10);
    if (*slide) c->slide_ms = strtoll(slide, NULL, 10);
}

static void read_head_line(struct plugin_case *c, char *line, const char *path)
{
    char *rest = strchr(line, ' ');
    if (line[0] == '#' || line[0] == '\0') return;
    if (!rest) wrong(path, line, "a word and what it says");
    *rest++ = '\0';
    static const char *const kinds[] = {[CASE_OPERATOR] = "component", "reducer", "aggregate", "window_function"};
    for (int k = CASE_OPERATOR; k <= CASE_FUNCTION; k++) {
        if (strcmp(line, kinds[k]) != 0) continue;
        c->kind = k;
        c->component = rest;
        return;
    }
    if (strcmp(line, "plugin") == 0 && c->n_plugins < CASE_MOST)
        c->plugins[c->n_plugins++] = rest;
    else if (strcmp(line, "option") == 0)
        read_option(c, rest, path);
    else if (strcmp(line, "in") == 0 || strcmp(line, "second") == 0)
        c->in[line[0] == 's'] = rest;
    else if (strcmp(line, "key") == 0 || strcmp(line, "second_key") == 0)
        c->key[line[0] == 's'] = rest;
    else if (strcmp(line, "out") == 0 && c->n_outs < CASE_MOST)
        c->outs[c->n_outs++] = rest;
    else if (strcmp(line, "window") == 0)
        read_window(c, rest);
    else if (strcmp(line, "lateness") == 0)
        c->lateness_ms = strtoll(rest, NULL, 10);
    else if (strcmp(line, "result") == 0)
        read_result(c, rest, path);
    else if (strcmp(line, "order") == 0)
        c->any_order = strcmp(rest, "any") == 0;
    else
        wrong(path, line, "a word that a case has");
}

/* Field `name` of a schema, as it stands there. */
static void add_field(struct lines *to, const char *schema, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = schema; at; at = strchr(at, ',')) {
        at += strspn(at, ", ");
        if (strncmp(at, name, n) != 0 || at[n] != ':') continue;
        lines_add(to, "%s%.*s", to->n > 0 ? ", " : "", (int)strcspn(at, ","), at);
        return;
    }
}

static void list_key_and_results(struct plugin_case *c)
{
    char *copy = strdup(c->key[0] ? c->key[0] : ""), *rest = copy;
    for (char *name; (name = strsep(&rest, ", "));) {
        if (*name) add_field(&c->key_and_results, c->in[0], name);
    }
    free(copy);
    for (size_t i = 0; i < c->n_results; i++)
        lines_add(&c->key_and_results, "%s%s", c->key_and_results.n > 0 ? ", " : "", c->results[i].field);
}

const char *case_seen(const struct plugin_case *c)
{
    return c->n_results > 0 ? lines_text(&c->key_and_results) : c->in[0];
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

static struct case_step *add_step(struct plugin_case *c, enum case_step_kind kind)
{
    c->steps = realloc(c->steps, (c->n_steps + 1) * sizeof *c->steps);
    c->steps[c->n_steps] = (struct case_step){.kind = kind};
    return &c->steps[c->n_steps++];
}

static void add_row(struct plugin_case *c, uint32_t input, const char *row)
{
    struct case_step *s = c->n_steps > 0 ? &c->steps[c->n_steps - 1] : NULL;
    if (!s || s->kind != STEP_ROWS || s->input != input) s = add_step(c, STEP_ROWS);
    size_t had = s->rows ? strlen(s->rows) : 0, n = strlen(row);
    s->input = input;
    s->rows = realloc(s->rows, had + n + 2);
    memcpy(s->rows + had, row, n);
    memcpy(s->rows + had + n, "\n", 2);
}

static void read_step(struct plugin_case *c, const char *line, const char *path)
{
    if (line[0] == '#' || line[0] == '\0') return;
    if (strncmp(line, "<< ", 3) == 0)
        add_row(c, 1, line + 3);
    else if (strncmp(line, "< ", 2) == 0)
        add_row(c, 0, line + 2);
    else if (strncmp(line, "watermark ", 10) == 0)
        add_step(c, STEP_WATERMARK)->at = strtoll(line + 10, NULL, 10);
    else if (strncmp(line, "clock ", 6) == 0)
        add_step(c, STEP_CLOCK)->at = strtoll(line + 6, NULL, 10);
    else if (strcmp(line, "restart") == 0)
        add_step(c, STEP_RESTART);
    else if (strcmp(line, "end") == 0)
        add_step(c, STEP_END);
    else
        wrong(path, line, "a step of a case");
}

struct plugin_case *case_read(const char *path)
{
    struct plugin_case *c = calloc(1, sizeof *c);
    c->text = read_file(path);
    int part = 0;
    char *rest = c->text;
    while (part < 2 && rest) {
        char *line = strsep(&rest, "\n");
        if (strcmp(line, "---") == 0)
            part++;
        else if (part == 0)
            read_head_line(c, line, path);
        else
            read_step(c, line, path);
    }
    if (part < 2 || c->n_plugins == 0 || !c->component || !c->in[0] || c->n_outs == 0)
        wrong(path, "", "a head with plugin, component, in and out, steps, and what comes out, with --- between");
    c->expected = rest;
    if (c->n_results > 0) list_key_and_results(c);
    return c;
}

void case_free(struct plugin_case *c)
{
    for (size_t i = 0; i < c->n_steps; i++) free(c->steps[i].rows);
    free(c->steps);
    lines_free(&c->key_and_results);
    free(c->text);
    free(c);
}

/* ---- text -------------------------------------------------------------------------------------------------------- */

void lines_add_bytes(struct lines *l, const void *bytes, size_t n)
{
    if (l->capacity - l->n <= n) {
        l->capacity = (l->capacity + n) * 2 + 64;
        l->text = realloc(l->text, l->capacity);
    }
    if (n > 0) memcpy(l->text + l->n, bytes, n);
    l->n += n;
    l->text[l->n] = '\0';
}

void lines_add(struct lines *l, const char *format, ...)
{
    char line[4096];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (n > 0) lines_add_bytes(l, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

const char *lines_text(const struct lines *l)
{
    return l->text ? l->text : "";
}

void lines_free(struct lines *l)
{
    free(l->text);
    *l = (struct lines){0};
}

/* ---- comparing --------------------------------------------------------------------------------------------------- */

/* "2> " is 2; rows of port 0 have no such word, nor has a failure. */
static long port_of(const char *line)
{
    char *end;
    long port = strtol(line, &end, 10);
    return *end == '>' ? port : 0;
}

static int by_port(const char *a, const char *b)
{
    long x = port_of(a), y = port_of(b);
    return (x > y) - (x < y);
}

/* Lines in an order that says nothing of that between ports, or, with `any`, of that between rows. */
static char *in_order(const char *text, bool any)
{
    char *copy = strdup(text), *rest = copy, *result = calloc(1, strlen(text) + 2), **all = NULL;
    size_t n = 0;
    for (char *line; (line = strsep(&rest, "\n"));) {
        if (!*line) continue;
        all = realloc(all, (n + 1) * sizeof *all);
        size_t at = n++;
        for (; at > 0 && (any ? strcmp(all[at - 1], line) : by_port(all[at - 1], line)) > 0; at--) all[at] = all[at - 1];
        all[at] = line;
    }
    char *end = result;
    for (size_t i = 0; i < n; i++) end = stpcpy(stpcpy(end, all[i]), "\n");
    free(all);
    free(copy);
    return result;
}

int case_compare(const struct plugin_case *c, const char *host, const struct lines *found)
{
    char *expected = in_order(c->expected, c->any_order), *text = in_order(lines_text(found), c->any_order);
    bool same = strcmp(expected, text) == 0;
    if (!same) fprintf(stderr, "%s on %s\nexpected:\n%sfound:\n%s", c->component, host, expected, text);
    free(expected);
    free(text);
    return !same;
}
