/* lexer.c - text into tokens, one at a time; and what every step of a compilation uses: its arena and its problems.
 *
 * Numbers may have underscores between digits and, when whole, a unit of time: 15min. Texts stand in '...' or "..."; the
 * quote itself is written twice. Names are words, dotted for the sides of a join, or anything in backticks.
 */
#include <stdarg.h>
#include <stdio.h>
#include <weir/text.h>

#include "expr/compile_internal.h"

/* ---- arena and problems --------------------------------------------------------------------------------------------- */

void *weir__arena(struct weir__compiler *c, size_t size)
{
    size_t head = (sizeof(struct weir__block) + 15) & ~(size_t)15;
    struct weir__block *block = weir_alloc(head + size);
    block->next = c->blocks;
    c->blocks = block;
    return (char *)block + head;
}

weir_str weir__arena_text(struct weir__compiler *c, const char *p, size_t n)
{
    char *copy = weir__arena(c, n + 1);
    if (n) memcpy(copy, p, n);
    return (weir_str){copy, n};
}

bool weir__problem(struct weir__compiler *c, size_t offset, size_t length, const char *help, const char *format, ...)
{
    c->n_problems++;
    if (!c->problems) return false;
    struct weir_expr_problems *all = c->problems;
    WEIR_GROW(all->items, all->capacity, all->n + 1);
    struct weir_expr_problem *problem = &all->items[all->n++];
    va_list args;
    va_start(args, format);
    vsnprintf(problem->message, sizeof problem->message, format, args);
    va_end(args);
    snprintf(problem->help, sizeof problem->help, "%s", help ? help : "");
    problem->offset = offset;
    problem->length = length;
    return false;
}

void weir_expr_problems_finish(struct weir_expr_problems *problems)
{
    weir_free(problems->items);
    *problems = (struct weir_expr_problems){0};
}

/* ---- tokens --------------------------------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static bool is_word_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
static bool is_word(char c)
{
    return is_word_start(c) || is_digit(c);
}

/* Digits with single underscores between them, from `at` on, copied to `to`. */
static size_t digits(const struct weir__compiler *c, size_t at, struct weir_text *to)
{
    while (at < c->n && (is_digit(c->text[at]) ||
                         (c->text[at] == '_' && at + 1 < c->n && is_digit(c->text[at - 1]) && is_digit(c->text[at + 1])))) {
        if (c->text[at] != '_') weir_text_add_bytes(to, &c->text[at], 1);
        at++;
    }
    return at;
}

static uint64_t unit_of(const char *p, size_t n)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
    for (size_t i = 0; i < WEIR_LEN(units); i++) {
        if (strlen(units[i].name) == n && !memcmp(units[i].name, p, n)) return units[i].ms;
    }
    return 0;
}

static bool to_integer(struct weir__compiler *c, size_t start, size_t end, const char *text, uint64_t unit)
{
    uint64_t v = 0;
    bool fits = true;
    for (; *text; text++) {
        fits &= !__builtin_mul_overflow(v, (uint64_t)10, &v) && !__builtin_add_overflow(v, (uint64_t)(*text - '0'), &v);
    }
    fits &= !__builtin_mul_overflow(v, unit, &v) && v <= (uint64_t)1 << 63;
    c->token.integer = v;
    if (fits) return true;
    return weir__problem(c, start, end - start, "write it with a decimal point to make it an f64",
                         "this number does not fit into 64 bits");
}

/* The fraction and exponent that follow, if any, into text; the token is a float then. */
static size_t fraction(struct weir__compiler *c, size_t at, struct weir_text *text)
{
    if (at + 1 < c->n && c->text[at] == '.' && is_digit(c->text[at + 1])) {
        c->token.kind = WEIR__FLOAT;
        weir_text_add_bytes(text, ".", 1);
        at = digits(c, at + 1, text);
    }
    size_t e = at + 1;
    if (e < c->n && (c->text[e] == '+' || c->text[e] == '-')) e++;
    if (at < c->n && (c->text[at] | 32) == 'e' && e < c->n && is_digit(c->text[e])) {
        c->token.kind = WEIR__FLOAT;
        weir_text_add_bytes(text, c->text + at, e - at);
        at = digits(c, e, text);
    }
    return at;
}

static bool number(struct weir__compiler *c)
{
    size_t start = c->at, end;
    struct weir_text text = {0};
    c->token.kind = WEIR__INTEGER;
    size_t at = fraction(c, digits(c, start, &text), &text);
    for (end = at; end < c->n && is_word(c->text[end]); end++) continue;
    uint64_t unit = end > at ? unit_of(c->text + at, end - at) : 1;
    bool ok = true;
    if (!unit) {
        ok = weir__problem(c, at, end - at, "units of time are ms, s, min, h and d", "'%.*s' is no unit", (int)(end - at),
                           c->text + at);
    } else if (c->token.kind == WEIR__FLOAT) {
        if (end > at)
            ok = weir__problem(c, start, end - start, "use a smaller unit", "a duration is a whole number of its unit");
        else if (!weir_text_to_f64(text.p, text.n, &c->token.number))
            ok = weir__problem(c, start, end - start, NULL, "this number does not fit into an f64");
    } else {
        if (end > at) c->token.kind = WEIR__DURATION;
        ok = to_integer(c, start, end, weir_text_get(&text), unit);
    }
    weir_text_finish(&text);
    c->at = end;
    return ok;
}

/* Between quotes of one kind; the quote twice is the quote. */
static bool quoted(struct weir__compiler *c, char quote)
{
    size_t start = c->at++, n = 0;
    char *to = weir__arena(c, c->n - start);
    for (; c->at < c->n; c->at++) {
        if (c->text[c->at] == quote) {
            if (c->at + 1 >= c->n || c->text[c->at + 1] != quote) break;
            c->at++;
        }
        to[n++] = c->text[c->at];
    }
    if (c->at == c->n) return weir__problem(c, start, c->n - start, NULL, "a %c is not closed", quote);
    c->at++;
    c->token.text = (weir_str){to, n};
    c->token.kind = quote == '`' ? WEIR__NAME : WEIR__STRING;
    if (weir_is_utf8(to, n)) return true;
    return weir__problem(c, start, c->at - start, NULL, "this text is not valid UTF-8");
}

static void word(struct weir__compiler *c)
{
    size_t start = c->at;
    while (c->at < c->n &&
           (is_word(c->text[c->at]) || (c->text[c->at] == '.' && c->at + 1 < c->n && is_word_start(c->text[c->at + 1]))))
        c->at++;
    c->token.kind = WEIR__WORD;
    c->token.text = (weir_str){c->text + start, c->at - start};
}

static bool sign(struct weir__compiler *c)
{
    static const char *const signs[] = {"==", "!=", "<>", "<=", ">=", "||", "=", "<", ">",
                                        "+",  "-",  "*",  "/",  "%",  "(",  ")", ","};
    size_t left = c->n - c->at;
    for (size_t i = 0; i < WEIR_LEN(signs); i++) {
        size_t n = strlen(signs[i]);
        if (n > left || memcmp(c->text + c->at, signs[i], n)) continue;
        c->token.kind = WEIR__SIGN;
        c->token.text = (weir_str){c->text + c->at, n};
        c->at += n;
        return true;
    }
    if (left > 1 && !memcmp(c->text + c->at, "&&", 2)) return weir__problem(c, c->at, 2, "write and", "'&&' is no operator");
    if (c->text[c->at] == '!') return weir__problem(c, c->at, 1, "write not", "'!' is no operator");
    size_t n = 1;
    while (n < left && ((unsigned char)c->text[c->at + n] & 0xC0) == 0x80) n++;
    return weir__problem(c, c->at, n, NULL, "'%.*s' is no part of an expression", (int)n, c->text + c->at);
}

bool weir__next(struct weir__compiler *c)
{
    bool ok = true;
    c->end = c->token.offset + c->token.length;
    while (c->at < c->n && (c->text[c->at] == ' ' || (c->text[c->at] >= '\t' && c->text[c->at] <= '\r'))) c->at++;
    c->token = (struct weir__token){.kind = WEIR__END, .offset = (uint32_t)c->at};
    char first = c->at < c->n ? c->text[c->at] : 0;
    if (c->at == c->n) return true;
    if (is_digit(first))
        ok = number(c);
    else if (is_word_start(first))
        word(c);
    else if (first == '\'' || first == '"' || first == '`')
        ok = quoted(c, first);
    else
        ok = sign(c);
    c->token.length = (uint32_t)c->at - c->token.offset;
    return ok;
}
