/* loader/job_read.c - reading single values of a manifest, and saying what is wrong with them. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "loader/job_internal.h"

/* A message about a secret must not repeat it, whatever its format says. */
static bool gives_away(const struct weir_value *at, const char *message, const char *help)
{
    if (!at->secret || !at->text || !*at->text) return false;
    return strstr(message, at->text) || (help && strstr(help, at->text));
}

static void add(struct weir__job *job, const struct weir_value *at, const struct weir_mark *mark, char *help,
                const char *format, va_list args)
{
    if (at->broken) {
        weir_free(help);
        return;
    }
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *message = weir_alloc((size_t)n + 1);
    vsnprintf(message, (size_t)n + 1, format, args);
    if (gives_away(at, message, help))
        weir_problems_add(job->problems, mark, NULL, "this value is wrong (a secret, not shown)");
    else
        weir_problems_add(job->problems, mark, help, "%s", message);
    weir_free(message);
    weir_free(help);
}

void weir__say(struct weir__job *job, const struct weir_value *at, char *help, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(job, at, &at->mark, help, format, args);
    va_end(args);
}

void weir__say_at(struct weir__job *job, const struct weir_value *at, const struct weir_mark *mark, char *help,
                  const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(job, at, mark, help, format, args);
    va_end(args);
}

void weir__say_part(struct weir__job *job, const struct weir_value *at, const char *part, char *help, const char *format,
                    ...)
{
    struct weir_mark mark = weir_value_mark_of(at, part);
    va_list args;
    va_start(args, format);
    add(job, at, &mark, help, format, args);
    va_end(args);
}

char *weir__near(const char *name, const char *const *candidates, size_t n, const char *otherwise)
{
    const char *near = weir_nearest(name, candidates, n);
    return near ? weir_format("did you mean '%s'?", near) : weir_strdup(otherwise);
}

char *weir__found(const struct weir_value *value)
{
    switch (value->kind) {
    case WEIR_VALUE_SEQUENCE: return weir_strdup("a list");
    case WEIR_VALUE_MAPPING: return weir_strdup("a mapping");
    case WEIR_VALUE_SCALAR:
        return value->secret ? weir_strdup("another value (a secret, not shown)") : weir_format("'%s'", value->text);
    default: return weir_strdup("nothing");
    }
}

static void say_expected(struct weir__job *job, const struct weir_value *at, const char *what, const char *expected)
{
    char *found = weir__found(at);
    weir__say(job, at, NULL, "%s: expected %s, found %s", what, expected, found);
    weir_free(found);
}

static bool is_in(const char *name, const char *const *list)
{
    for (; list && *list; list++) {
        if (strcmp(name, *list) == 0) return true;
    }
    return false;
}

static size_t length_of(const char *const *list)
{
    size_t n = 0;
    while (list[n]) n++;
    return n;
}

/* "one of a, b, c". The caller frees. */
static char *listed(const char *const *list)
{
    struct weir_text text = {0};
    weir_text_add(&text, "%s", list[1] ? "one of " : "");
    for (size_t i = 0; list[i]; i++) weir_text_add(&text, "%s%s", i ? ", " : "", list[i]);
    return weir_text_take(&text);
}

void weir__check_keys(struct weir__job *job, const struct weir_value *mapping, const char *const *keys,
                      const char *const *later)
{
    (void)weir__check_keys_or(job, mapping, keys, later, NULL);
}

/* What to do about a key that is not among `keys`. The caller frees. */
static char *help_for_key(const char *key, const char *const *keys, const struct weir__key_help *known)
{
    for (; known && known->key; known++) {
        if (strcmp(key, known->key) == 0) return weir_strdup(known->help);
    }
    char *all = listed(keys),
         *otherwise = weir_format("the keys here are: %s", strncmp(all, "one of ", 7) == 0 ? all + 7 : all);
    char *help = weir__near(key, keys, length_of(keys), otherwise);
    weir_free(otherwise);
    weir_free(all);
    return help;
}

size_t weir__check_keys_or(struct weir__job *job, const struct weir_value *mapping, const char *const *keys,
                           const char *const *later, const struct weir__key_help *known)
{
    size_t unknown = 0;
    for (size_t i = 0; i < mapping->n; i++) {
        const struct weir_value *key = mapping->pairs[i].key;
        if (is_in(key->text, keys)) continue;
        unknown++;
        if (is_in(key->text, later))
            weir__say(job, key, NULL, "'%s' is not supported by this version yet", key->text);
        else
            weir__say(job, key, help_for_key(key->text, keys, known), "unknown key '%s'", key->text);
    }
    return unknown;
}

bool weir__is_mapping(struct weir__job *job, const struct weir_value *value, const char *expected)
{
    if (value->kind == WEIR_VALUE_MAPPING) return true;
    char *found = weir__found(value);
    weir__say(job, value, NULL, "expected %s, found %s", expected, found);
    weir_free(found);
    return false;
}

bool weir__read_text(struct weir__job *job, const struct weir_value *value, const char *what, const char **text)
{
    if (value->broken) return false;
    *text = value->text;
    if (value->kind != WEIR_VALUE_SCALAR) {
        say_expected(job, value, what, "a name");
        return false;
    }
    if (value->secret)
        weir__say(job, value, NULL, "%s: a secret (from ${env:} or ${file:}) cannot be a name: names are shown", what);
    return !value->secret;
}

/* After a parse failed with error: the same words, unless they would show a secret. */
static void say_unparsed(struct weir__job *job, const struct weir_value *value, const char *what, const char *expected,
                         const struct weir_error *error)
{
    if (value->secret)
        say_expected(job, value, what, expected);
    else
        weir__say(job, value, NULL, "%s: %s", what, error->text);
}

bool weir__read_count(struct weir__job *job, const struct weir_value *value, const char *what, int64_t min, int64_t max,
                      uint32_t *count)
{
    if (value->broken) return false;
    struct weir_error error;
    int64_t i64 = 0;
    char *expected = weir_format("a whole number from %lld to %lld", (long long)min, (long long)max);
    bool ok =
        value->kind == WEIR_VALUE_SCALAR && weir_parse_i64(value->text, &i64, &error) == WEIR_OK && i64 >= min && i64 <= max;
    if (ok)
        *count = (uint32_t)i64;
    else
        say_expected(job, value, what, expected);
    weir_free(expected);
    return ok;
}

bool weir__read_size(struct weir__job *job, const struct weir_value *value, const char *what, size_t *bytes)
{
    if (value->broken) return false;
    struct weir_error error;
    int64_t i64;
    if (value->kind != WEIR_VALUE_SCALAR) {
        say_expected(job, value, what, "a size such as 64MiB");
    } else if (weir_parse_size(value->text, &i64, &error) != WEIR_OK) {
        say_unparsed(job, value, what, "a size such as 64MiB", &error);
    } else {
        *bytes = (size_t)i64;
        return true;
    }
    return false;
}

bool weir__read_duration(struct weir__job *job, const struct weir_value *value, const char *what, int64_t *ms)
{
    if (value->broken) return false;
    struct weir_error error;
    if (value->kind != WEIR_VALUE_SCALAR) {
        say_expected(job, value, what, "a duration such as 5s or 1h 30min");
    } else if (weir_parse_duration(value->text, ms, &error) != WEIR_OK) {
        say_unparsed(job, value, what, "a duration such as 5s or 1h 30min", &error);
    } else {
        return true;
    }
    return false;
}

bool weir__read_bool(struct weir__job *job, const struct weir_value *value, const char *what, bool *result)
{
    if (value->broken) return false;
    struct weir_error error;
    if (value->kind == WEIR_VALUE_SCALAR && weir_parse_bool(value->text, result, &error) == WEIR_OK) return true;
    say_expected(job, value, what, "true or false");
    return false;
}

int weir__read_choice(struct weir__job *job, const struct weir_value *value, const char *what, const char *const *choices)
{
    if (value->broken) return -1;
    for (int i = 0; value->kind == WEIR_VALUE_SCALAR && choices[i]; i++) {
        if (strcmp(value->text, choices[i]) == 0) return i;
    }
    char *expected = listed(choices), *found = weir__found(value);
    char *help = value->kind == WEIR_VALUE_SCALAR && !value->secret
                     ? weir__near(value->text, choices, length_of(choices), NULL)
                     : NULL;
    weir__say(job, value, help, "%s: expected %s, found %s", what, expected, found);
    weir_free(expected);
    weir_free(found);
    return -1;
}

bool weir__is_expression(const char *text)
{
    return text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./")] != '\0';
}
