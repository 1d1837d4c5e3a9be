/* functions.c - the table of operators and functions: what each is called, takes, gives and runs.
 *
 * Operators are functions whose names are their signs. docs/guide/expressions.md lists this table in this order; a test
 * compares them.
 */
#include <weir/text.h>

#include "expr/compile_internal.h"

#define TAKES(args, result, flags, run) \
    {                                   \
        args, result, flags, run, NULL  \
    }
#define NUMERIC(op, flags)                                                                \
    TAKES("ii", 'i', flags, weir__##op##_i32), TAKES("ll", 'l', flags, weir__##op##_i64), \
        TAKES("ff", 'f', 0, weir__##op##_f32), TAKES("dd", 'd', 0, weir__##op##_f64)
#define COMPARED(op, b, i, l, f, d, t, s, y)                                            \
    TAKES("b" b, 'b', 0, weir__##op##_bool), TAKES("i" i, 'b', 0, weir__##op##_i32),    \
        TAKES("l" l, 'b', 0, weir__##op##_i64), TAKES("f" f, 'b', 0, weir__##op##_f32), \
        TAKES("d" d, 'b', 0, weir__##op##_f64), TAKES("t" t, 'b', 0, weir__##op##_i64), \
        TAKES("s" s, 'b', 0, weir__##op##_text), TAKES("y" y, 'b', 0, weir__##op##_text)
#define COMPARISON(op) COMPARED(op, "b", "i", "l", "f", "d", "t", "s", "y")
#define MEMBERS(op)    COMPARED(op, "*", "*", "*", "*", "*", "*", "*", "*")
#define EXTREME(op)                                                                                                      \
    TAKES("i*", 'i', 0, weir__##op##_i32), TAKES("l*", 'l', 0, weir__##op##_i64), TAKES("f*", 'f', 0, weir__##op##_f32), \
        TAKES("d*", 'd', 0, weir__##op##_f64), TAKES("t*", 't', 0, weir__##op##_i64),                                    \
        TAKES("s*", 's', 0, weir__##op##_text)

static const struct weir__function table[] = {
    {"arithmetic",
     "+",
     "a + b",
     "Sum of numbers; a timestamp plus milliseconds (`at + 15min`). Integers that overflow are a record error.",
     WEIR__PLAIN,
     false,
     {NUMERIC(add, WEIR__RAISES),
      {"tl", 't', WEIR__RAISES, weir__add_i64, NULL},
      {"lt", 't', WEIR__RAISES, weir__add_i64, NULL}}},
    {"arithmetic",
     "-",
     "a - b, -a",
     "Difference; of two timestamps in milliseconds, as i64. Alone: the negative.",
     WEIR__PLAIN,
     false,
     {NUMERIC(subtract, WEIR__RAISES),
      {"tt", 'l', WEIR__RAISES, weir__subtract_i64, NULL},
      {"tl", 't', WEIR__RAISES, weir__subtract_i64, NULL},
      {"i", 'i', WEIR__RAISES, weir__negate_i32, NULL},
      {"l", 'l', WEIR__RAISES, weir__negate_i64, NULL},
      {"f", 'f', 0, weir__negate_f32, NULL},
      {"d", 'd', 0, weir__negate_f64, NULL}}},
    {"arithmetic", "*", "a * b", "Product.", WEIR__PLAIN, false, {NUMERIC(multiply, WEIR__RAISES)}},
    {"arithmetic",
     "/",
     "a / b",
     "Quotient; of integers cut towards zero, where b = 0 is a record error. Floats follow IEEE 754: 1.0 / 0 is infinite.",
     WEIR__PLAIN,
     false,
     {NUMERIC(divide, WEIR__RAISES)}},
    {"arithmetic",
     "%",
     "a % b",
     "Remainder, with the sign of a; of integers b = 0 is a record error.",
     WEIR__PLAIN,
     false,
     {NUMERIC(remainder, WEIR__RAISES)}},

    {"comparison",
     "=",
     "a = b",
     "Equal; `==` is the same. Texts are compared by bytes.",
     WEIR__PLAIN,
     true,
     {COMPARISON(equal)}},
    {"comparison", "<>", "a <> b", "Not equal; `!=` is the same.", WEIR__PLAIN, true, {COMPARISON(differs)}},
    {"comparison", "<", "a < b", "Less. false < true; texts by code points.", WEIR__PLAIN, true, {COMPARISON(less)}},
    {"comparison", "<=", "a <= b", "Less or equal.", WEIR__PLAIN, true, {COMPARISON(at_most)}},
    {"comparison", ">", "a > b", "Greater.", WEIR__PLAIN, true, {COMPARISON(more)}},
    {"comparison", ">=", "a >= b", "Greater or equal.", WEIR__PLAIN, true, {COMPARISON(at_least)}},
    {"comparison", "between", "x between a and b", "`x >= a and x <= b`.", WEIR__BETWEEN, true, {MEMBERS(at_least)}},
    {"comparison",
     "in",
     "x in (a, b, ...)",
     "`x = a or x = b or ...`; `not in` is the opposite.",
     WEIR__IN,
     true,
     {MEMBERS(equal)}},
    {"comparison", "is null", "x is null", "Whether there is no value; never null itself.", WEIR__IS_NULL, false, {{0}}},
    {"comparison",
     "is not null",
     "x is not null",
     "Whether there is a value; never null itself.",
     WEIR__IS_NULL,
     false,
     {{0}}},

    {"logic",
     "and",
     "a and b",
     "False when either is false, true when both are true, else null. b is not evaluated where a is false.",
     WEIR__AND,
     false,
     {{0}}},
    {"logic",
     "or",
     "a or b",
     "True when either is true, false when both are false, else null. b is not evaluated where a is true.",
     WEIR__OR,
     false,
     {{0}}},
    {"logic", "not", "not a", "The opposite; null of null.", WEIR__PLAIN, false, {{"b", 'b', 0, weir__not, NULL}}},

    {"choice",
     "case",
     "case when a then x ... [else y] end",
     "The value of the first condition that is true, else y, else null; `case v when 1 then ...` compares v. Only the "
     "chosen value is evaluated.",
     WEIR__CASE,
     false,
     {{0}}},
    {"choice", "if", "if(condition, x, y)", "x where the condition is true, else y.", WEIR__CASE, false, {{0}}},
    {"choice", "coalesce", "coalesce(a, b, ...)", "The first that is not null.", WEIR__COALESCE, false, {{0}}},
    {"choice", "nullif", "nullif(a, b)", "a, or null where a = b.", WEIR__NULLIF, false, {{0}}},
    {"choice",
     "least",
     "least(a, b, ...)",
     "The smallest; null when any is null, NaN when any is NaN.",
     WEIR__PLAIN,
     false,
     {EXTREME(least)}},
    {"choice",
     "greatest",
     "greatest(a, b, ...)",
     "The largest; null when any is null, NaN when any is NaN.",
     WEIR__PLAIN,
     false,
     {EXTREME(greatest)}},

    {"conversion",
     "cast",
     "cast(x as type)",
     "x as another type. What does not fit or does not read as the type is a record error.",
     WEIR__CAST,
     false,
     {{0}}},
    {"conversion",
     "try_cast",
     "try_cast(x as type)",
     "The same, but null instead of a record error.",
     WEIR__CAST,
     false,
     {{0}}},

    {"numbers",
     "abs",
     "abs(x)",
     "Without its sign.",
     WEIR__PLAIN,
     false,
     {{"i", 'i', WEIR__RAISES, weir__abs_i32, NULL},
      {"l", 'l', WEIR__RAISES, weir__abs_i64, NULL},
      {"f", 'f', 0, weir__abs_f32, NULL},
      {"d", 'd', 0, weir__abs_f64, NULL}}},
    {"numbers",
     "round",
     "round(x[, n])",
     "To n decimals (0 if left out, at most 300 either way), halves away from zero.",
     WEIR__PLAIN,
     false,
     {{"l", 'l', 0, weir__same_i64, NULL}, {"d", 'd', 0, weir__round_f64, NULL}, {"dl", 'd', 0, weir__round_to_f64, NULL}}},
    {"numbers",
     "floor",
     "floor(x)",
     "The largest whole number that is not above x.",
     WEIR__PLAIN,
     false,
     {{"l", 'l', 0, weir__same_i64, NULL}, {"d", 'd', 0, weir__floor_f64, NULL}}},
    {"numbers",
     "ceil",
     "ceil(x)",
     "The smallest whole number that is not below x.",
     WEIR__PLAIN,
     false,
     {{"l", 'l', 0, weir__same_i64, NULL}, {"d", 'd', 0, weir__ceil_f64, NULL}}},
    {"numbers",
     "sqrt",
     "sqrt(x)",
     "The square root; NaN below zero.",
     WEIR__PLAIN,
     false,
     {{"d", 'd', 0, weir__sqrt_f64, NULL}}},
    {"numbers", "pow", "pow(x, y)", "x to the power of y.", WEIR__PLAIN, false, {{"dd", 'd', 0, weir__pow_f64, NULL}}},
    {"numbers",
     "hash",
     "hash(x)",
     "64 bits of any value, as i64; equal for equal values, the same in every run.",
     WEIR__PLAIN,
     false,
     {{"b", 'l', 0, weir__hash_of_bool, NULL},
      {"i", 'l', 0, weir__hash_of_i32, NULL},
      {"l", 'l', 0, weir__hash_of_i64, NULL},
      {"f", 'l', 0, weir__hash_of_f32, NULL},
      {"d", 'l', 0, weir__hash_of_f64, NULL},
      {"t", 'l', 0, weir__hash_of_i64, NULL},
      {"s", 'l', 0, weir__hash_of_text, NULL},
      {"y", 'l', 0, weir__hash_of_text, NULL}}},

    {"text", "||", "a || b", "One text after the other.", WEIR__PLAIN, false, {{"ss", 's', 0, weir__concat, NULL}}},
    {"text",
     "concat",
     "concat(a, b, ...)",
     "The same, of several.",
     WEIR__PLAIN,
     false,
     {{"s*", 's', 0, weir__concat, NULL}}},
    {"text",
     "length",
     "length(text)",
     "Its code points; of bytes, their number.",
     WEIR__PLAIN,
     false,
     {{"s", 'l', 0, weir__length, NULL}, {"y", 'l', 0, weir__byte_length, NULL}}},
    {"text",
     "lower",
     "lower(text)",
     "A to Z as a to z; other letters stay.",
     WEIR__PLAIN,
     false,
     {{"s", 's', 0, weir__lower, NULL}}},
    {"text",
     "upper",
     "upper(text)",
     "a to z as A to Z; other letters stay.",
     WEIR__PLAIN,
     false,
     {{"s", 's', 0, weir__upper, NULL}}},
    {"text",
     "trim",
     "trim(text)",
     "Without spaces, tabs and line ends around it.",
     WEIR__PLAIN,
     false,
     {{"s", 's', 0, weir__trim, NULL}}},
    {"text",
     "substring",
     "substring(text, start[, length])",
     "From code point start on, the first being 1, so many of them or all. What lies outside is left out; a negative "
     "length "
     "is a record error.",
     WEIR__PLAIN,
     false,
     {{"sl", 's', 0, weir__substring_from, NULL}, {"sll", 's', WEIR__RAISES, weir__substring, NULL}}},
    {"text",
     "starts_with",
     "starts_with(text, part)",
     "Whether it begins so.",
     WEIR__PLAIN,
     false,
     {{"ss", 'b', 0, weir__starts_with, NULL}}},
    {"text",
     "ends_with",
     "ends_with(text, part)",
     "Whether it ends so.",
     WEIR__PLAIN,
     false,
     {{"ss", 'b', 0, weir__ends_with, NULL}}},
    {"text",
     "contains",
     "contains(text, part)",
     "Whether part is anywhere in it.",
     WEIR__PLAIN,
     false,
     {{"ss", 'b', 0, weir__contains, NULL}}},
    {"text",
     "matches",
     "matches(text, 'pattern')",
     "Whether the regular expression (PCRE2, Unicode) matches anywhere; `^` and `$` tie it to the ends. The pattern is "
     "constant.",
     WEIR__PLAIN,
     false,
     {{"ss", 'b', WEIR__RAISES, weir__matches, weir__prepare_matches}}},
    {"text",
     "replace",
     "replace(text, part, by)",
     "Every part, from left to right, replaced; an empty part changes nothing.",
     WEIR__PLAIN,
     false,
     {{"sss", 's', 0, weir__replace, NULL}}},
    {"text",
     "split",
     "split(text, separator, n)",
     "The n-th part between separators, the first being 1; null when there is none.",
     WEIR__PLAIN,
     false,
     {{"ssl", 's', WEIR__GIVES_NULL, weir__split, NULL}}},

    {"time",
     "truncate",
     "truncate(at, 'unit'[, 'zone'])",
     "The start of its second, minute, hour, day, week (Monday), month, quarter or year, by the clock of the zone (UTC).",
     WEIR__PLAIN,
     false,
     {{"ts", 't', WEIR__RAISES, weir__truncate, weir__prepare_truncate},
      {"tss", 't', WEIR__RAISES, weir__truncate, weir__prepare_truncate}}},
    {"time",
     "extract",
     "extract(unit from at[, 'zone'])",
     "One part of it as i64: year, quarter, month, week (ISO), day, day_of_week (Monday is 1), day_of_year, hour, minute, "
     "second, millisecond, epoch (s), epoch_ms. `extract(at, 'hour'[, 'zone'])` is the same.",
     WEIR__PLAIN,
     false,
     {{"ts", 'l', WEIR__RAISES, weir__extract, weir__prepare_extract},
      {"tss", 'l', WEIR__RAISES, weir__extract, weir__prepare_extract}}},
    {"time",
     "format",
     "format(at, 'pattern'[, 'zone'])",
     "As text: %Y %m %d %H %M %S %f (milliseconds) %z (+hh:mm or Z) %b (Jan) %F (%Y-%m-%d) %T (%H:%M:%S) %%.",
     WEIR__PLAIN,
     false,
     {{"ts", 's', WEIR__RAISES, weir__format_time, weir__prepare_format},
      {"tss", 's', WEIR__RAISES, weir__format_time, weir__prepare_format}}},
    {"time",
     "parse",
     "parse(text, 'pattern'[, 'zone'])",
     "A text as timestamp, by the same pattern; what does not fit it is a record error. Without %z it is a time of the "
     "zone.",
     WEIR__PLAIN,
     false,
     {{"ss", 't', WEIR__RAISES, weir__parse_time, weir__prepare_parse},
      {"sss", 't', WEIR__RAISES, weir__parse_time, weir__prepare_parse}}},
};

const struct weir__function *weir__function_find(const char *name, size_t n)
{
    for (size_t i = 0; i < WEIR_LEN(table); i++) {
        size_t length = strlen(table[i].name);
        bool is_called = !strncmp(table[i].usage, table[i].name, length) && table[i].usage[length] == '(';
        if (is_called && weir_text_is_word(name, n, table[i].name)) return &table[i];
    }
    return NULL;
}

const struct weir__function *weir__function_named(const char *name)
{
    for (size_t i = 0; i < WEIR_LEN(table); i++) {
        if (!strcmp(table[i].name, name)) return &table[i];
    }
    WEIR_ASSERT(!"a function of the grammar is in the table");
    return NULL;
}

const struct weir__overload *weir__overload_of(const struct weir__function *f, const char *args)
{
    const struct weir__overload *o = f->overloads;
    while (o->args && strcmp(o->args, args) != 0) o++;
    WEIR_ASSERT(o->args);
    return o;
}

static const char letters[] = "?bilfdtsya"; /* by weir_type */

weir_type weir__type_of_letter(char letter)
{
    const char *at = strchr(letters, letter);
    return letter && at ? (weir_type)(at - letters) : WEIR__UNTYPED;
}

char weir__letter_of_type(weir_type type)
{
    return letters[type];
}

bool weir_expr_function_at(size_t i, struct weir_expr_function *f)
{
    if (i >= WEIR_LEN(table)) return false;
    *f = (struct weir_expr_function){table[i].group, table[i].name, table[i].usage, table[i].doc};
    return true;
}

bool weir__constant_text(struct weir__compiler *c, const struct weir__node *call, uint32_t arg, const char *what,
                         weir_str *text)
{
    const struct weir__node *x = call->args[arg];
    *text = x->value.as.text;
    if (x->kind == WEIR__LITERAL && !x->value.is_null) return true;
    return weir__problem(c, x->offset, x->length, "write a text in quotes",
                         "%s of %s must be constant: it is read once, before the job starts", what, call->function->name);
}
