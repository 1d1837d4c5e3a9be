/* loader/call_signature.c - a parser by recursive descent, one function per rule of the header. Stops at the first problem.
 */
#include "loader/call_signature.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

#define TYPES "bool, i32, i64, f32, f64, timestamp and string"

struct parser {
    const char *text, *at; /* NUL-terminated */
    struct weir_call_signature *signature;
    struct weir_expr_problem *problem;
};

static bool fail(struct parser *p, const char *from, size_t n, const char *help, const char *format, ...) WEIR_PRINTF(5, 6);
static bool fail(struct parser *p, const char *from, size_t n, const char *help, const char *format, ...)
{
    va_list args;
    *p->problem = (struct weir_expr_problem){.offset = (size_t)(from - p->text), .length = n};
    va_start(args, format);
    (void)vsnprintf(p->problem->message, sizeof p->problem->message, format, args);
    va_end(args);
    (void)snprintf(p->problem->help, sizeof p->problem->help, "%s", help ? help : "");
    return false;
}

/* ---- words ----------------------------------------------------------------------------------------------------------- */

static void skip_spaces(struct parser *p)
{
    p->at += strspn(p->at, " \t\r\n");
}

/* Length of the word that begins here; 0: there is none. */
static size_t word_length(const struct parser *p)
{
    size_t n = strspn(p->at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    return p->at[0] >= '0' && p->at[0] <= '9' ? 0 : n;
}

static bool take(struct parser *p, char c)
{
    skip_spaces(p);
    if (*p->at != c) return false;
    p->at++;
    return true;
}

/* One character as it can be shown: a whole one of UTF-8, "the end" for none. */
static bool fail_here(struct parser *p, const char *expected)
{
    size_t n = *p->at != '\0';
    while (n && ((unsigned char)p->at[n] & 0xc0) == 0x80) n++;
    if (n)
        return fail(p, p->at, n, "write it as in f64(f64, string?)", "expected %s, found '%.*s'", expected, (int)n, p->at);
    return fail(p, p->at, 0, "write it as in f64(f64, string?)", "expected %s, found the end", expected);
}

/* ---- types ----------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *c, *ours;
} c_types[] = {{"int", "i32"},     {"int32_t", "i32"}, {"unsigned", "i32"}, {"uint32_t", "i32"}, {"long", "i64"},
               {"int64_t", "i64"}, {"size_t", "i64"},  {"ssize_t", "i64"},  {"uint64_t", "i64"}, {"time_t", "i64"},
               {"float", "f32"},   {"double", "f64"},  {"_Bool", "bool"},   {"char", "string"},  {"const", "string"}};

static const char *help_for_type(const char *word)
{
    static const char *const names[] = {"bool", "i32", "i64", "f32", "f64", "timestamp", "string"};
    for (size_t i = 0; i < sizeof c_types / sizeof *c_types; i++) {
        if (strcmp(word, c_types[i].c) == 0) return c_types[i].ours;
    }
    return weir_nearest(word, names, sizeof names / sizeof *names);
}

static bool fail_type(struct parser *p, const char *from, const char *word, size_t n)
{
    char help[80];
    const char *ours = help_for_type(word);
    if (strcmp(word, "void") == 0)
        return fail(p, from, n, "a step computes something from its arguments: both have to be there",
                    "'void' cannot be passed or given back");
    if (strcmp(word, "bytes") == 0 || strcmp(word, "any") == 0)
        return fail(p, from, n, "write a plugin for it", "'%s' has no form that a plain C function takes", word);
    if (ours)
        (void)snprintf(help, sizeof help, "write %s", ours);
    else
        (void)snprintf(help, sizeof help, "the types are " TYPES);
    return fail(p, from, n, help, "'%.60s' is no type of a signature", word);
}

static bool known_type(const char *word, weir_type *type)
{
    return weir_type_parse(word, type) && *type != WEIR_BYTES && *type != WEIR_ANY;
}

static bool parse_type(struct parser *p, struct weir_call_value *value)
{
    skip_spaces(p);
    const char *from = p->at;
    size_t n = word_length(p);
    if (n == 0) return fail_here(p, "a type");
    char *word = weir_strndup(from, n);
    bool known = known_type(word, &value->type) || fail_type(p, from, word, n);
    weir_free(word);
    if (!known) return false;
    p->at += n;
    value->nullable = take(p, '?');
    if (value->nullable && value->type != WEIR_STRING)
        return fail(p, from, (size_t)(p->at - from),
                    "leave the '?' out: where an argument is null, the function is not called and the result is null",
                    "a %s of C cannot be null", weir_type_name(value->type));
    return true;
}

/* ---- owned(...) ------------------------------------------------------------------------------------------------------- */

static bool parse_release(struct parser *p)
{
    skip_spaces(p);
    size_t n = word_length(p);
    if (n == 0) return fail_here(p, "the name of a function that frees the string");
    p->signature->owner = WEIR_CALL_RELEASED;
    p->signature->release = weir_strndup(p->at, n);
    p->at += n;
    return take(p, ')') || fail_here(p, "')'");
}

static bool parse_result(struct parser *p)
{
    struct weir_call_signature *s = p->signature;
    skip_spaces(p);
    const char *from = p->at, *end = from + 5;
    if (word_length(p) == 5 && strncmp(p->at, "owned", 5) == 0) {
        p->at += 5;
        s->owner = WEIR_CALL_OWNED;
        if (take(p, '(')) {
            if (!parse_release(p)) return false;
            end = p->at;
        }
    }
    if (!parse_type(p, &s->result)) return false;
    if (s->owner != WEIR_CALL_BORROWED && s->result.type != WEIR_STRING)
        return fail(p, from, (size_t)(end - from), NULL, "only a string is owned: a %s has nothing to free",
                    weir_type_name(s->result.type));
    return true;
}

/* ---- the whole -------------------------------------------------------------------------------------------------------- */

static bool parse_param(struct parser *p)
{
    struct weir_call_signature *s = p->signature;
    skip_spaces(p);
    if (strncmp(p->at, "...", 3) == 0)
        return fail(p, p->at, 3, "wrap it in a function of your own, with fixed parameters",
                    "a function with variable arguments cannot be called");
    if (s->n_params == WEIR_CALL_MAX_PARAMS)
        return fail(p, p->at, word_length(p), NULL, "at most %d parameters can be passed", WEIR_CALL_MAX_PARAMS);
    if (!parse_type(p, &s->params[s->n_params])) return false;
    s->n_params++;
    return true;
}

static bool parse_params(struct parser *p)
{
    if (!take(p, '(')) return fail_here(p, "'(' and the types of the parameters");
    if (take(p, ')')) return true;
    do {
        if (!parse_param(p)) return false;
    } while (take(p, ','));
    return take(p, ')') || fail_here(p, "',' or ')'");
}

bool weir_call_signature_parse(const char *text, struct weir_call_signature *signature, struct weir_expr_problem *problem)
{
    struct parser p = {text, text, signature, problem};
    *signature = (struct weir_call_signature){0};
    if (!parse_result(&p) || !parse_params(&p)) return false;
    skip_spaces(&p);
    return *p.at == '\0' || fail_here(&p, "nothing more");
}
