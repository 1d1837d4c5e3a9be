/* parser.c - tokens into a tree, by operator precedence.
 *
 * V. Pratt, "Top down operator precedence", POPL 1973. From loose to tight: or, and, not, comparisons with is, in and
 * between, ||,
 * + -, * / %, unary minus. The first problem ends the parse. Words of the grammar that are no values (end, from, ...) are
 * names where a value is expected and the schema has such a field.
 */
#include <stdio.h>
#include <weir/text.h>

#include "expr/compile_internal.h"

enum { LOOSEST = 0, OR = 1, AND = 2, NOT = 3, COMPARISON = 4, JOINING = 5, SUM = 6, PRODUCT = 7, MINUS = 8 };

static struct weir__node *expression(struct weir__compiler *, int least);

/* ---- nodes ---------------------------------------------------------------------------------------------------------- */

static struct weir__node *node(struct weir__compiler *c, enum weir__node_kind kind, size_t offset, size_t end)
{
    struct weir__node *n = weir__arena(c, sizeof *n);
    n->kind = kind;
    n->offset = (uint32_t)offset;
    n->length = (uint32_t)(end - offset);
    n->reg = -1;
    n->depth = 1;
    return n;
}

struct weir__node *weir__call(struct weir__compiler *c, const struct weir__function *function, uint32_t n_args,
                              size_t offset)
{
    struct weir__node *n = node(c, WEIR__CALL, offset, offset);
    n->function = function;
    n->args = weir__arena(c, (n_args ? n_args : 1) * sizeof *n->args);
    n->n_args = n_args;
    return n;
}

/* The call as parsed: its end and depth. NULL when an argument failed or the tree is too deep. */
static struct weir__node *finish(struct weir__compiler *c, struct weir__node *call)
{
    for (uint32_t i = 0; i < call->n_args; i++) {
        if (!call->args[i]) return NULL;
        if (call->args[i]->depth >= call->depth) call->depth = call->args[i]->depth + 1;
    }
    call->length = c->end - call->offset;
    if (call->depth <= WEIR__MAX_DEPTH) return call;
    weir__problem(c, call->offset, call->length, "split it over several fields with set",
                  "the expression is nested too deeply");
    return NULL;
}

static struct weir__node *binary(struct weir__compiler *c, const char *name, struct weir__node *a, struct weir__node *b)
{
    struct weir__node *call = weir__call(c, weir__function_named(name), 2, a->offset);
    call->args[0] = a;
    call->args[1] = b;
    return finish(c, call);
}

static struct weir__node *unary(struct weir__compiler *c, const char *name, struct weir__node *a, size_t offset)
{
    if (!a) return NULL;
    struct weir__node *call = weir__call(c, weir__function_named(name), 1, offset);
    call->args[0] = a;
    return finish(c, call);
}

static struct weir__node *literal(struct weir__compiler *c, weir_type type, struct weir__value value, size_t offset)
{
    struct weir__node *n = node(c, WEIR__LITERAL, offset, c->end);
    n->type = type;
    n->value = value;
    return n;
}

/* ---- looking at tokens ---------------------------------------------------------------------------------------------- */

static bool same_word(weir_str text, const char *word)
{
    size_t n = strlen(word);
    if (text.n != n) return false;
    for (size_t i = 0; i < n; i++) {
        char l = text.p[i] >= 'A' && text.p[i] <= 'Z' ? (char)(text.p[i] + 32) : text.p[i];
        if (l != word[i]) return false;
    }
    return true;
}
static bool is_word(const struct weir__compiler *c, const char *word)
{
    return c->token.kind == WEIR__WORD && same_word(c->token.text, word);
}
static bool is_sign(const struct weir__compiler *c, const char *sign)
{
    return c->token.kind == WEIR__SIGN && same_word(c->token.text, sign);
}

static struct weir__node *unexpected(struct weir__compiler *c, const char *expected)
{
    const struct weir__token *t = &c->token;
    if (t->kind == WEIR__END) {
        weir__problem(c, c->n, 0, NULL, "expected %s, but the expression ends here", expected);
    } else {
        int n = (int)(t->length < 60 ? t->length : 60);
        weir__problem(c, t->offset, t->length, NULL, "expected %s, found %.*s", expected, n, c->text + t->offset);
    }
    return NULL;
}

/* Past the sign or word; NULL word: anything. False: a problem was reported. */
static bool eat_sign(struct weir__compiler *c, const char *sign, const char *expected)
{
    if (is_sign(c, sign)) return weir__next(c);
    unexpected(c, expected);
    return false;
}
static bool eat_word(struct weir__compiler *c, const char *word, const char *expected)
{
    if (is_word(c, word)) return weir__next(c);
    unexpected(c, expected);
    return false;
}

/* ---- values --------------------------------------------------------------------------------------------------------- */

static struct weir__node *literal_number(struct weir__compiler *c, bool negative, size_t offset)
{
    struct weir__token t = c->token;
    struct weir__value v = {0};
    if (t.kind == WEIR__FLOAT) {
        v.as.f64 = negative ? -t.number : t.number;
    } else if (!negative && t.integer > INT64_MAX) {
        weir__problem(c, t.offset, t.length, NULL, "this number does not fit into 64 bits");
        return NULL;
    } else {
        v.as.i64 = (int64_t)(negative ? 0 - t.integer : t.integer);
    }
    if (!weir__next(c)) return NULL;
    return literal(c, t.kind == WEIR__FLOAT ? WEIR_F64 : WEIR_I64, v, offset);
}

static struct weir__node *literal_text(struct weir__compiler *c)
{
    struct weir__token t = c->token;
    if (!weir__next(c)) return NULL;
    return literal(c, WEIR_STRING, (struct weir__value){.as.text = t.text}, t.offset);
}

/* timestamp '2024-01-01T00:00:00Z', the word being behind us */
static struct weir__node *literal_time(struct weir__compiler *c, size_t offset)
{
    struct weir__token t = c->token;
    struct weir__value v = {0};
    if (!weir_text_to_time(t.text.p, t.text.n, &v.as.i64)) {
        weir__problem(c, t.offset, t.length, "write it as in '2024-01-31T13:45:00Z' or '2024-01-31'",
                      "this is no time of ISO 8601");
        return NULL;
    }
    if (!weir__next(c)) return NULL;
    return literal(c, WEIR_TIMESTAMP, v, offset);
}

static struct weir__node *literal_word(struct weir__compiler *c, weir_type type, bool is_null, bool b)
{
    size_t offset = c->token.offset;
    if (!weir__next(c)) return NULL;
    return literal(c, type, (struct weir__value){.is_null = is_null, .as.b = b}, offset);
}

struct list {
    struct weir__node **items;
    size_t n, capacity;
};

/* Expressions up to and with the closing parenthesis. */
static bool list_until_close(struct weir__compiler *c, struct list *list)
{
    if (is_sign(c, ")")) return weir__next(c);
    for (;;) {
        struct weir__node *item = expression(c, LOOSEST);
        if (!item) return false;
        WEIR_GROW(list->items, list->capacity, list->n + 1);
        list->items[list->n++] = item;
        if (is_sign(c, ")")) return weir__next(c);
        if (!eat_sign(c, ",", "',' or ')'")) return false;
    }
}

static struct weir__node *call_of_list(struct weir__compiler *c, const struct weir__function *f, struct list *list,
                                       size_t offset, bool ok)
{
    struct weir__node *call = NULL;
    if (ok) {
        call = weir__call(c, f, (uint32_t)list->n, offset);
        if (list->n) memcpy(call->args, list->items, list->n * sizeof *list->items);
    }
    weir_free(list->items);
    return call ? finish(c, call) : NULL;
}

/* case [x] when a then b ... [else c] end: x, if any, is compared with each a. */
static bool case_branches(struct weir__compiler *c, struct list *list)
{
    struct weir__node *subject = is_word(c, "when") ? NULL : expression(c, LOOSEST);
    if (!subject && !is_word(c, "when")) return false;
    while (is_word(c, "when") || list->n == 0) {
        struct weir__node *pair[2];
        if (!eat_word(c, "when", "'when'") || !(pair[0] = expression(c, LOOSEST))) return false;
        if (subject && !(pair[0] = binary(c, "=", subject, pair[0]))) return false;
        if (!eat_word(c, "then", "'then'") || !(pair[1] = expression(c, LOOSEST))) return false;
        WEIR_GROW(list->items, list->capacity, list->n + 2);
        memcpy(list->items + list->n, pair, sizeof pair);
        list->n += 2;
    }
    if (is_word(c, "else")) {
        struct weir__node *other = weir__next(c) ? expression(c, LOOSEST) : NULL;
        if (!other) return false;
        WEIR_GROW(list->items, list->capacity, list->n + 1);
        list->items[list->n++] = other;
    }
    return eat_word(c, "end", "'when', 'else' or 'end'");
}

static struct weir__node *case_of(struct weir__compiler *c)
{
    size_t offset = c->token.offset;
    struct list list = {0};
    bool ok = weir__next(c) && case_branches(c, &list);
    return call_of_list(c, weir__function_named("case"), &list, offset, ok);
}

/* cast(x as type), the parenthesis being behind us */
static struct weir__node *cast_of(struct weir__compiler *c, const struct weir__function *f, size_t offset)
{
    struct weir__node *x = expression(c, LOOSEST);
    if (!x || !eat_word(c, "as", "'as' and a type")) return NULL;
    char name[16] = "";
    weir_type type = WEIR__UNTYPED;
    if (c->token.kind == WEIR__WORD && c->token.text.n < sizeof name) memcpy(name, c->token.text.p, c->token.text.n);
    if (!weir_type_parse(name, &type)) {
        return unexpected(c, "a type (bool, i32, i64, f32, f64, timestamp, string or bytes)");
    }
    if (!weir__next(c) || !eat_sign(c, ")", "')'")) return NULL;
    struct weir__node *call = weir__call(c, f, 1, offset);
    call->args[0] = x;
    call->type = type;
    call->forgiving = f->name[0] == 't';
    return finish(c, call);
}

/* extract(hour from at), extract('hour' from at) as well as extract(at, 'hour'): the unit becomes the second argument. */
static struct weir__node *extract_of(struct weir__compiler *c, const struct weir__function *f, size_t offset)
{
    struct list list = {0};
    struct weir__token unit = c->token;
    size_t at = c->at;
    bool is_unit = unit.kind == WEIR__WORD || unit.kind == WEIR__STRING, ok = true;
    if (is_unit && (!weir__next(c) || !is_word(c, "from"))) { /* not that form: back again */
        is_unit = false;
        c->at = at;
        c->token = unit;
    }
    if (is_unit) {
        struct weir__node *text = node(c, WEIR__LITERAL, unit.offset, unit.offset + unit.length);
        text->type = WEIR_STRING;
        text->value.as.text = unit.text;
        struct weir__node *x = weir__next(c) ? expression(c, LOOSEST) : NULL;
        list.items = weir_alloc_array(list.capacity = 8, sizeof *list.items);
        list.items[list.n++] = x;
        list.items[list.n++] = text;
        ok = x && (is_sign(c, ")") || eat_sign(c, ",", "',' or ')'"));
    }
    ok = ok && list_until_close(c, &list);
    return call_of_list(c, f, &list, offset, ok);
}

static struct weir__node *function_call(struct weir__compiler *c, struct weir__token name)
{
    const struct weir__function *f = weir__function_find(name.text.p, name.text.n);
    struct list list = {0};
    if (!f) {
        const char *names[128];
        size_t n = 0;
        char written[64] = "", help[128] = "";
        struct weir_expr_function known;
        for (size_t i = 0; n < WEIR_LEN(names) && weir_expr_function_at(i, &known); i++) names[n++] = known.name;
        memcpy(written, name.text.p, name.text.n < 63 ? name.text.n : 63);
        const char *near = weir_nearest(written, names, n);
        if (near) snprintf(help, sizeof help, "did you mean %s?", near);
        weir__problem(c, name.offset, name.length, help, "there is no function '%s'", written);
        return NULL;
    }
    if (!weir__next(c)) return NULL;
    if (f->form == WEIR__CAST) return cast_of(c, f, name.offset);
    if (!strcmp(f->name, "extract")) return extract_of(c, f, name.offset);
    bool ok = list_until_close(c, &list);
    return call_of_list(c, f, &list, name.offset, ok);
}

static bool is_grammar(weir_str word)
{
    static const char *const words[] = {"and", "or", "is", "in", "between", "when", "then", "else", "end", "as", "from"};
    for (size_t i = 0; i < WEIR_LEN(words); i++) {
        if (same_word(word, words[i])) return true;
    }
    return false;
}

static bool is_field(const struct weir__compiler *c, weir_str name)
{
    for (uint32_t i = 0; i < weir_schema_count(c->schema); i++) {
        const char *field = weir_schema_field_at(c->schema, i)->name;
        if (strlen(field) == name.n && !memcmp(field, name.p, name.n)) return true;
    }
    return false;
}

static struct weir__node *name_or_call(struct weir__compiler *c)
{
    struct weir__token name = c->token;
    if (is_grammar(name.text) && !is_field(c, name.text)) return unexpected(c, "a value");
    if (!weir__next(c)) return NULL;
    if (is_sign(c, "(")) return function_call(c, name);
    if (c->token.kind == WEIR__STRING && same_word(name.text, "timestamp")) return literal_time(c, name.offset);
    struct weir__node *field = node(c, WEIR__FIELD, name.offset, c->end);
    field->name = name.text;
    return field;
}

static struct weir__node *parenthesis(struct weir__compiler *c)
{
    size_t offset = c->token.offset;
    struct weir__node *inner = weir__next(c) ? expression(c, LOOSEST) : NULL;
    if (!inner || !eat_sign(c, ")", "')'")) return NULL;
    inner->offset = (uint32_t)offset; /* its place is shown with the parentheses */
    inner->length = c->end - inner->offset;
    return inner;
}

static struct weir__node *field_in_backticks(struct weir__compiler *c)
{
    struct weir__token name = c->token;
    if (!weir__next(c)) return NULL;
    struct weir__node *field = node(c, WEIR__FIELD, name.offset, c->end);
    field->name = name.text;
    return field;
}

static struct weir__node *minus(struct weir__compiler *c)
{
    size_t offset = c->token.offset;
    if (!weir__next(c)) return NULL;
    if (c->token.kind == WEIR__INTEGER || c->token.kind == WEIR__DURATION || c->token.kind == WEIR__FLOAT) {
        return literal_number(c, true, offset);
    }
    return unary(c, "-", expression(c, MINUS), offset);
}

static struct weir__node *value(struct weir__compiler *c)
{
    size_t offset = c->token.offset;
    switch (c->token.kind) {
    case WEIR__INTEGER:
    case WEIR__DURATION:
    case WEIR__FLOAT: return literal_number(c, false, offset);
    case WEIR__STRING: return literal_text(c);
    case WEIR__NAME: return field_in_backticks(c);
    case WEIR__SIGN:
        if (is_sign(c, "(")) return parenthesis(c);
        if (is_sign(c, "-")) return minus(c);
        break;
    case WEIR__WORD:
        if (is_word(c, "null")) return literal_word(c, WEIR__UNTYPED, true, false);
        if (is_word(c, "true")) return literal_word(c, WEIR_BOOL, false, true);
        if (is_word(c, "false")) return literal_word(c, WEIR_BOOL, false, false);
        if (is_word(c, "case")) return case_of(c);
        if (is_word(c, "not")) return weir__next(c) ? unary(c, "not", expression(c, NOT), offset) : NULL;
        return name_or_call(c);
    default: break;
    }
    return unexpected(c, "a value");
}

/* ---- operators ------------------------------------------------------------------------------------------------------ */

static struct weir__node *negated(struct weir__compiler *c, struct weir__node *call, bool negate)
{
    return call && negate ? unary(c, "not", call, call->offset) : call;
}

static struct weir__node *is_test(struct weir__compiler *c, struct weir__node *x)
{
    bool negate = false;
    if (!weir__next(c)) return NULL;
    if (is_word(c, "not")) {
        negate = true;
        if (!weir__next(c)) return NULL;
    }
    if (!eat_word(c, "null", negate ? "'null'" : "'null' or 'not null'")) return NULL;
    return unary(c, negate ? "is not null" : "is null", x, x->offset);
}

static struct weir__node *in_test(struct weir__compiler *c, struct weir__node *x, bool negate)
{
    struct list list = {0};
    WEIR_GROW(list.items, list.capacity, 1);
    list.items[list.n++] = x;
    bool ok = weir__next(c) && eat_sign(c, "(", "'(' and a list of values") && list_until_close(c, &list);
    if (ok && list.n == 1)
        ok = weir__problem(c, x->offset, c->end - x->offset, NULL, "in needs at least one value in its parentheses");
    return negated(c, call_of_list(c, weir__function_named("in"), &list, x->offset, ok), negate);
}

static struct weir__node *between_test(struct weir__compiler *c, struct weir__node *x, bool negate)
{
    struct weir__node *low = weir__next(c) ? expression(c, COMPARISON + 1) : NULL;
    if (!low || !eat_word(c, "and", "'and' and the upper bound")) return NULL;
    struct weir__node *high = expression(c, COMPARISON + 1);
    if (!high) return NULL;
    struct weir__node *call = weir__call(c, weir__function_named("between"), 3, x->offset);
    call->args[0] = x;
    call->args[1] = low;
    call->args[2] = high;
    return negated(c, finish(c, call), negate);
}

/* How tight the operator at the current token binds, and the name of its function; 0: it is none. */
static int tightness(const struct weir__compiler *c, const char **name)
{
    static const struct {
        const char *written, *name;
        int tight;
    } operators[] = {
        {"or", "or", OR},         {"and", "and", AND},      {"=", "=", COMPARISON},        {"==", "=", COMPARISON},
        {"!=", "<>", COMPARISON}, {"<>", "<>", COMPARISON}, {"<", "<", COMPARISON},        {"<=", "<=", COMPARISON},
        {">", ">", COMPARISON},   {">=", ">=", COMPARISON}, {"||", "||", JOINING},         {"+", "+", SUM},
        {"-", "-", SUM},          {"*", "*", PRODUCT},      {"/", "/", PRODUCT},           {"%", "%", PRODUCT},
        {"is", NULL, COMPARISON}, {"in", NULL, COMPARISON}, {"between", NULL, COMPARISON}, {"not", NULL, COMPARISON}};
    if (c->token.kind != WEIR__WORD && c->token.kind != WEIR__SIGN) return 0;
    for (size_t i = 0; i < WEIR_LEN(operators); i++) {
        *name = operators[i].name;
        if (same_word(c->token.text, operators[i].written)) return operators[i].tight;
    }
    return 0;
}

/* What follows `left` and has no function of two values: is, in, between and their negations. */
static struct weir__node *test(struct weir__compiler *c, struct weir__node *left)
{
    if (is_word(c, "is")) return is_test(c, left);
    bool negate = is_word(c, "not");
    if (negate && !weir__next(c)) return NULL;
    if (is_word(c, "in")) return in_test(c, left, negate);
    if (is_word(c, "between")) return between_test(c, left, negate);
    return unexpected(c, "'in' or 'between'");
}

static struct weir__node *operators(struct weir__compiler *c, int least)
{
    struct weir__node *left = value(c);
    const char *name;
    int tight;
    while (left && (tight = tightness(c, &name)) > 0 && tight >= least) {
        if (!name) {
            left = test(c, left);
            continue;
        }
        struct weir__node *right = weir__next(c) ? expression(c, tight + 1) : NULL;
        left = right ? binary(c, name, left, right) : NULL;
    }
    return left;
}

static struct weir__node *expression(struct weir__compiler *c, int least)
{
    if (c->nesting == WEIR__MAX_DEPTH) {
        weir__problem(c, c->token.offset, c->token.length, "split it over several fields with set",
                      "the expression is nested too deeply");
        return NULL;
    }
    c->nesting++;
    struct weir__node *n = operators(c, least);
    c->nesting--;
    return n;
}

struct weir__node *weir__parse(struct weir__compiler *c)
{
    if (c->n > WEIR__MAX_TEXT) {
        weir__problem(c, 0, 0, NULL, "an expression has at most %d bytes", WEIR__MAX_TEXT);
        return NULL;
    }
    if (!weir__next(c)) return NULL;
    struct weir__node *root = expression(c, LOOSEST);
    return root && c->token.kind != WEIR__END ? unexpected(c, "an operator or the end") : root;
}
