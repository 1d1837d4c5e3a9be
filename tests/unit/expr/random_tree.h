/* unit/expr/random_tree.h - random typed expressions as trees, and their text. */
#ifndef WEIR_TEST_RANDOM_TREE_H
#define WEIR_TEST_RANDOM_TREE_H

#include <stdio.h>
#include <weir/text.h>

#include "expr/expr.h"
#include "unit/data/random_rows.h"

/* ---- trees ----------------------------------------------------------------------------------------------------------- */

enum op {
    LITERAL,
    FIELD,
    ADD,
    SUBTRACT,
    MULTIPLY,
    DIVIDE,
    REMAINDER,
    NEGATE,
    ABS,
    LEAST,
    GREATEST,
    FLOOR,
    ROUND,
    EQUAL,
    DIFFERS,
    LESS,
    AT_MOST,
    MORE,
    AT_LEAST,
    BETWEEN,
    IN,
    AND,
    OR,
    NOT,
    IS_NULL,
    IS_NOT_NULL,
    CASE,
    IF,
    COALESCE,
    NULLIF,
    CAST,
    TRY_CAST,
    CONCAT,
    LENGTH,
    LOWER,
    UPPER,
    TRIM,
    SUBSTRING,
    STARTS,
    ENDS,
    CONTAINS,
    REPLACE,
    SPLIT,
    EXTRACT_HOUR,
    TRUNCATE_DAY
};

struct value {
    bool null, error;
    weir_type type;
    int64_t i; /* bool, integers, timestamps */
    double f;  /* floats; an f32 is exact in it */
    weir_str s;
};

struct tree {
    enum op op;
    weir_type type;
    struct value literal;
    uint32_t field, n;
    struct tree *kids[5];
};

static char heap[1 << 22]; /* of one expression or one row */
static size_t heap_used;
static void *grab(size_t n)
{
    size_t at = (heap_used + 15) & ~(size_t)15;
    CU_ASSERT_TRUE_FATAL(at + n <= sizeof heap);
    heap_used = at + n;
    return memset(heap + at, 0, n);
}

/* ---- making ---------------------------------------------------------------------------------------------------------- */

static struct weir_random *rng;
static const struct weir_schema *fields;
static uint64_t below(uint64_t n)
{
    return weir_random_below(rng, n);
}
static weir_type any_type(void)
{
    return (weir_type)(WEIR_BOOL + below(7)); /* bool .. string */
}
static weir_type number_type(void)
{
    static const weir_type types[] = {WEIR_I32, WEIR_I64, WEIR_F32, WEIR_F64};
    return types[below(4)];
}
static bool is_float(weir_type type)
{
    return type == WEIR_F32 || type == WEIR_F64;
}
static weir_type common(weir_type a, weir_type b)
{
    return a == b                                               ? a
           : !weir_type_is_number(a) || !weir_type_is_number(b) ? 0
           : is_float(a) || is_float(b)                         ? WEIR_F64
                                                                : WEIR_I64;
}

static struct tree *make(weir_type type, int depth);

static struct tree *node(enum op op, weir_type type, uint32_t n, struct tree *a, struct tree *b, struct tree *c)
{
    struct tree *t = grab(sizeof *t);
    t->op = op;
    t->type = type;
    t->n = n;
    t->kids[0] = a;
    t->kids[1] = b;
    t->kids[2] = c;
    return t;
}

static struct tree *make_literal(weir_type type)
{
    static const char *const texts[] = {"",     "a",   "o",  "ell",   "hello", "\xe4\xbc\xa0\xe6\x84\x9f\xe5\x99\xa8",
                                        "it's", " x ", "12", "A-b-c", "-",     "true"};
    static const int64_t integers[] = {0, 1, -1, 2, 7, 10, 100, 86400000, INT32_MAX, INT64_MAX, INT64_MIN + 1};
    static const double floats[] = {0, 1, -1.5, 0.25, 1e10, 2.5};
    struct tree *t = node(LITERAL, type, 0, NULL, NULL, NULL);
    struct value *v = &t->literal;
    v->type = type;
    v->null = below(12) == 0;
    v->i = type == WEIR_BOOL ? (int64_t)below(2) : integers[below(type == WEIR_I32 ? 9 : 11)];
    if (type == WEIR_TIMESTAMP) v->i = (int64_t)below(UINT64_C(4000000000000)) - 1000000000000;
    v->f = floats[below(6)];
    const char *text = texts[below(WEIR_LEN(texts))];
    v->s = (weir_str){text, strlen(text)};
    return t;
}

static struct tree *make_field(weir_type type)
{
    struct tree *t = node(FIELD, type, 0, NULL, NULL, NULL);
    t->field = (uint32_t)(type - 1) * 2 + (uint32_t)below(2);
    return t;
}

static struct tree *make_choice(weir_type type, int depth)
{
    struct tree *t;
    switch (below(5)) {
    case 0: return node(IF, type, 3, make(WEIR_BOOL, depth), make(type, depth), make(type, depth));
    case 1: return node(COALESCE, type, 2, make(type, depth), make(type, depth), NULL);
    case 2: return node(NULLIF, type, 2, make(type, depth), make(type, depth), NULL);
    case 3: return node(below(2) ? CAST : TRY_CAST, type, 1, make(type, depth), NULL, NULL);
    default:
        t = node(CASE, type, below(2) ? 5 : 4, make(WEIR_BOOL, depth), make(type, depth), make(WEIR_BOOL, depth));
        t->kids[3] = make(type, depth);
        t->kids[4] = t->n == 5 ? make(type, depth) : NULL;
        return t;
    }
}

static struct tree *make_bool(int depth)
{
    weir_type type = any_type(), other = weir_type_is_number(type) ? number_type() : type;
    switch (below(9)) {
    case 0:
    case 1: return node(below(2) ? AND : OR, WEIR_BOOL, 2, make(WEIR_BOOL, depth), make(WEIR_BOOL, depth), NULL);
    case 2: return node(NOT, WEIR_BOOL, 1, make(WEIR_BOOL, depth), NULL, NULL);
    case 3: return node(below(2) ? IS_NULL : IS_NOT_NULL, WEIR_BOOL, 1, make(type, depth), NULL, NULL);
    case 4:
    case 5: return node((enum op)(EQUAL + below(6)), WEIR_BOOL, 2, make(type, depth), make(other, depth), NULL);
    case 6: return node(below(2) ? BETWEEN : IN, WEIR_BOOL, 3, make(type, depth), make(type, depth), make(type, depth));
    case 7:
        return node((enum op)(STARTS + below(3)), WEIR_BOOL, 2, make(WEIR_STRING, depth), make(WEIR_STRING, depth), NULL);
    default: return node(CAST, WEIR_BOOL, 1, make(below(2) ? WEIR_I64 : WEIR_STRING, depth), NULL, NULL);
    }
}

static struct tree *make_number(weir_type type, int depth)
{
    weir_type a, b;
    do {
        a = number_type();
        b = number_type();
    } while (common(a, b) != type);
    switch (below(8)) {
    case 0: return node(below(2) ? NEGATE : ABS, type, 1, make(type, depth), NULL, NULL);
    case 1: return node(below(2) ? LEAST : GREATEST, type, 2, make(a, depth), make(b, depth), NULL);
    case 2:
        return node(below(2) ? CAST : TRY_CAST, type, 1, make(below(3) ? number_type() : WEIR_STRING, depth), NULL, NULL);
    case 3:
        if (type == WEIR_I64) {
            weir_type of = below(2) ? WEIR_STRING : WEIR_TIMESTAMP;
            return node(of == WEIR_STRING ? LENGTH : EXTRACT_HOUR, type, 1, make(of, depth), NULL, NULL);
        }
        if (type == WEIR_F64) return node(below(2) ? FLOOR : ROUND, type, 1, make(WEIR_F64, depth), NULL, NULL);
        break;
    case 4:
        if (type == WEIR_I64) return node(SUBTRACT, type, 2, make(WEIR_TIMESTAMP, depth), make(WEIR_TIMESTAMP, depth), NULL);
        break;
    default: break;
    }
    return node((enum op)(ADD + below(5)), type, 2, make(a, depth), make(b, depth), NULL);
}

static struct tree *make_text(int depth)
{
    switch (below(7)) {
    case 0: return node(CONCAT, WEIR_STRING, 2, make(WEIR_STRING, depth), make(WEIR_STRING, depth), NULL);
    case 1: return node((enum op)(LOWER + below(3)), WEIR_STRING, 1, make(WEIR_STRING, depth), NULL, NULL);
    case 2: return node(SUBSTRING, WEIR_STRING, 3, make(WEIR_STRING, depth), make(WEIR_I64, depth), make(WEIR_I64, depth));
    case 3:
        return node(REPLACE, WEIR_STRING, 3, make(WEIR_STRING, depth), make(WEIR_STRING, depth), make(WEIR_STRING, depth));
    case 4: return node(SPLIT, WEIR_STRING, 3, make(WEIR_STRING, depth), make(WEIR_STRING, depth), make(WEIR_I64, depth));
    case 5:
        return node(below(2) ? LEAST : GREATEST, WEIR_STRING, 2, make(WEIR_STRING, depth), make(WEIR_STRING, depth), NULL);
    default: return node(CAST, WEIR_STRING, 1, make(any_type(), depth), NULL, NULL);
    }
}

static struct tree *make_time(int depth)
{
    switch (below(4)) {
    case 0: return node(ADD, WEIR_TIMESTAMP, 2, make(WEIR_TIMESTAMP, depth), make(WEIR_I64, depth), NULL);
    case 1: return node(SUBTRACT, WEIR_TIMESTAMP, 2, make(WEIR_TIMESTAMP, depth), make(WEIR_I64, depth), NULL);
    case 2: return node(TRUNCATE_DAY, WEIR_TIMESTAMP, 1, make(WEIR_TIMESTAMP, depth), NULL, NULL);
    default: return node(CAST, WEIR_TIMESTAMP, 1, make(below(2) ? WEIR_I64 : WEIR_STRING, depth), NULL, NULL);
    }
}

static struct tree *make(weir_type type, int depth)
{
    if (depth == 0 || below(8) == 0) return below(3) ? make_field(type) : make_literal(type);
    depth--;
    if (below(4) == 0) return make_choice(type, depth);
    if (type == WEIR_BOOL) return make_bool(depth);
    if (type == WEIR_STRING) return make_text(depth);
    return type == WEIR_TIMESTAMP ? make_time(depth) : make_number(type, depth);
}

/* ---- writing --------------------------------------------------------------------------------------------------------- */

static void write_literal(struct weir_text *to, const struct tree *t)
{
    const struct value *v = &t->literal;
    char text[WEIR_TEXT_MAX + 1] = "";
    if (v->null) {
        weir_text_add(to, "cast(null as %s)", weir_type_name(t->type));
    } else if (t->type == WEIR_STRING) {
        weir_text_add(to, "'");
        for (size_t i = 0; i < v->s.n; i++) weir_text_add(to, v->s.p[i] == '\'' ? "''" : "%c", v->s.p[i]);
        weir_text_add(to, "'");
    } else if (t->type == WEIR_TIMESTAMP) {
        weir_text_from_time(text, v->i);
        weir_text_add(to, "timestamp '%s'", text);
    } else if (is_float(t->type)) {
        weir_text_from_f64(text, v->f);
        weir_text_add(to, t->type == WEIR_F32 ? "cast(%s as f32)" : "%s", text);
    } else if (t->type == WEIR_BOOL) {
        weir_text_add(to, v->i ? "true" : "false");
    } else {
        weir_text_add(to, t->type == WEIR_I32 ? "cast(%lld as i32)" : "%lld", (long long)v->i);
    }
}

static void write_tree(struct weir_text *to, const struct tree *t)
{
    /* $0 .. $4: the operands */
    static const char *const shapes[] = {[ADD] = "($0 + $1)",
                                         [SUBTRACT] = "($0 - $1)",
                                         [MULTIPLY] = "($0 * $1)",
                                         [DIVIDE] = "($0 / $1)",
                                         [REMAINDER] = "($0 % $1)",
                                         [NEGATE] = "(-($0))",
                                         [ABS] = "abs($0)",
                                         [LEAST] = "least($0, $1)",
                                         [GREATEST] = "greatest($0, $1)",
                                         [FLOOR] = "floor($0)",
                                         [ROUND] = "round($0)",
                                         [EQUAL] = "($0 = $1)",
                                         [DIFFERS] = "($0 <> $1)",
                                         [LESS] = "($0 < $1)",
                                         [AT_MOST] = "($0 <= $1)",
                                         [MORE] = "($0 > $1)",
                                         [AT_LEAST] = "($0 >= $1)",
                                         [BETWEEN] = "($0 between $1 and $2)",
                                         [IN] = "($0 in ($1, $2))",
                                         [AND] = "($0 and $1)",
                                         [OR] = "($0 or $1)",
                                         [NOT] = "(not $0)",
                                         [IS_NULL] = "($0 is null)",
                                         [IS_NOT_NULL] = "($0 is not null)",
                                         [IF] = "if($0, $1, $2)",
                                         [COALESCE] = "coalesce($0, $1)",
                                         [NULLIF] = "nullif($0, $1)",
                                         [CONCAT] = "($0 || $1)",
                                         [LENGTH] = "length($0)",
                                         [LOWER] = "lower($0)",
                                         [UPPER] = "upper($0)",
                                         [TRIM] = "trim($0)",
                                         [SUBSTRING] = "substring($0, $1, $2)",
                                         [STARTS] = "starts_with($0, $1)",
                                         [ENDS] = "ends_with($0, $1)",
                                         [CONTAINS] = "contains($0, $1)",
                                         [REPLACE] = "replace($0, $1, $2)",
                                         [SPLIT] = "split($0, $1, $2)",
                                         [EXTRACT_HOUR] = "extract(hour from $0)",
                                         [TRUNCATE_DAY] = "truncate($0, 'day')",
                                         [CAST] = "cast($0 as #)",
                                         [TRY_CAST] = "try_cast($0 as #)"};
    if (t->op == LITERAL) {
        write_literal(to, t);
        return;
    }
    if (t->op == FIELD) {
        weir_text_add(to, "%s", weir_schema_field_at(fields, t->field)->name);
        return;
    }
    const char *shape = t->op != CASE ? shapes[t->op]
                        : t->n == 5   ? "case when $0 then $1 when $2 then $3 else $4 end"
                                      : "case when $0 then $1 when $2 then $3 end";
    for (; *shape; shape++) {
        if (*shape == '$')
            write_tree(to, t->kids[*++shape - '0']);
        else if (*shape == '#')
            weir_text_add(to, "%s", weir_type_name(t->type));
        else
            weir_text_add_bytes(to, shape, 1);
    }
}

#endif
