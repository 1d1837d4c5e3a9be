/* types.c - gives every node of a tree its type, from the leaves up, and puts implicit casts where values must widen.
 *
 * Widening: i32 -> i64 -> f64, f32 -> f64, i32 with f32 -> f64; the literal null takes any type. A plain function is the
 * first of its overloads whose arguments cost least to convert to. Below a node with a problem nothing more is said.
 */
#include <stdio.h>

#include "expr/compile_internal.h"

weir_type weir__common_type(weir_type a, weir_type b)
{
    if (a == b || b == WEIR__UNTYPED) return a;
    if (a == WEIR__UNTYPED) return b;
    if (!weir_type_is_number(a) || !weir_type_is_number(b)) return WEIR__UNTYPED;
    return (a == WEIR_I32 && b == WEIR_I64) || (a == WEIR_I64 && b == WEIR_I32) ? WEIR_I64 : WEIR_F64;
}

/* What it costs to take `from` as `to`; -1: it cannot be. */
static int widening_cost(weir_type from, weir_type to)
{
    if (from == to || from == WEIR__UNTYPED) return 0;
    if (from == WEIR_I32 && to == WEIR_I64) return 1;
    if ((from == WEIR_I32 || from == WEIR_F32) && to == WEIR_F64) return 2;
    return from == WEIR_I64 && to == WEIR_F64 ? 3 : -1;
}

struct weir__node *weir__convert(struct weir__compiler *c, struct weir__node *x, weir_type type)
{
    bool raises;
    if (x->type == type) return x;
    if (x->type == WEIR__UNTYPED) {
        x->type = type;
        return x;
    }
    struct weir__node *cast = weir__call(c, weir__function_named("cast"), 1, x->offset);
    WEIR_ASSERT(weir__cast_kernel(x->type, type, &raises) && !raises);
    cast->length = x->length;
    cast->args[0] = x;
    cast->type = type;
    cast->nullable = x->nullable;
    cast->raises = x->raises;
    cast->typed = true;
    return cast;
}

static const char *type_name(weir_type type)
{
    return type == WEIR__UNTYPED ? "null" : weir_type_name(type);
}

static bool type_field(struct weir__compiler *c, struct weir__node *x)
{
    size_t n = weir_schema_count(c->schema);
    const char **names = weir__arena(c, (n + 1) * sizeof *names);
    weir_str name = weir__arena_text(c, x->name.p, x->name.n);
    int32_t found = strlen(name.p) == name.n ? weir_schema_find(c->schema, name.p) : -1;
    if (found >= 0) {
        const weir_schema_field *field = weir_schema_field_at(c->schema, (uint32_t)found);
        x->field = (uint32_t)found;
        x->type = (weir_type)field->type;
        x->nullable = field->nullable;
        return true;
    }
    for (size_t i = 0; i < n; i++) names[i] = weir_schema_field_at(c->schema, (uint32_t)i)->name;
    const char *near = weir_nearest(name.p, names, n);
    struct weir_text help = {0};
    if (near) {
        weir_text_add(&help, "did you mean %s?", near);
    } else {
        weir_text_add(&help, n ? "the fields are " : "there are no fields");
        weir_text_add_schema(&help, c->schema);
    }
    weir__problem(c, x->offset, x->length, weir_text_get(&help), "there is no field '%s'", name.p);
    weir_text_finish(&help);
    return false;
}

/* ---- plain functions ------------------------------------------------------------------------------------------------- */

/* The letter of argument i; 0: there is none. "s*" goes on for ever. */
static char letter_at(const char *args, uint32_t i)
{
    if (args[0] && args[1] == '*') return args[0];
    return i < strlen(args) ? args[i] : 0;
}

static bool takes_count(const char *args, uint32_t n)
{
    return args[0] && args[1] == '*' ? n >= 1 : strlen(args) == n;
}

static int cost_of(const struct weir__overload *o, const struct weir__node *call)
{
    int cost = 0;
    if (!takes_count(o->args, call->n_args)) return -1;
    for (uint32_t i = 0; i < call->n_args; i++) {
        int one = widening_cost(call->args[i]->type, weir__type_of_letter(letter_at(o->args, i)));
        if (one < 0) return -1;
        cost += one;
    }
    return cost;
}

static bool no_overload(struct weir__compiler *c, const struct weir__node *call)
{
    struct weir_text found = {0}, help = {0};
    bool count = false, times = false, texts = false;
    for (const struct weir__overload *o = call->function->overloads; o->args; o++)
        count |= takes_count(o->args, call->n_args);
    for (uint32_t i = 0; i < call->n_args; i++) {
        weir_text_add(&found, "%s%s", i == 0 ? "" : i + 1 == call->n_args ? " and " : ", ", type_name(call->args[i]->type));
        times |= call->args[i]->type == WEIR_TIMESTAMP;
        texts |= call->args[i]->type == WEIR_STRING;
    }
    if (times && texts && call->function->compares)
        weir_text_add(&help, "write a time as timestamp '2024-01-31T13:45:00Z'");
    else if (!strcmp(call->function->name, "+") && texts)
        weir_text_add(&help, "texts are joined by ||");
    else
        weir_text_add(&help, "it is used as %s; cast(x as type) converts", call->function->usage);
    if (count) {
        weir__problem(c, call->offset, call->length, weir_text_get(&help), "%s does not take %s", call->function->name,
                      weir_text_get(&found));
    } else {
        weir__problem(c, call->offset, call->length, weir_text_get(&help), "%s does not take %u value%s",
                      call->function->name, call->n_args, call->n_args == 1 ? "" : "s");
    }
    weir_text_finish(&found);
    weir_text_finish(&help);
    return false;
}

/* Beside an i32, a literal that fits into one need not widen the column. */
static void narrow_literals(const struct weir__node *call)
{
    bool i32 = false;
    for (uint32_t i = 0; i < call->n_args; i++) {
        const struct weir__node *x = call->args[i];
        if (x->type == WEIR_I32)
            i32 = true;
        else if (x->kind != WEIR__LITERAL)
            return;
        else if (x->type != WEIR_I64 || x->value.as.i64 < INT32_MIN || x->value.as.i64 > INT32_MAX)
            return;
    }
    for (uint32_t i = 0; i < call->n_args && i32; i++) {
        struct weir__node *x = call->args[i];
        if (x->type != WEIR_I64) continue;
        int32_t v = (int32_t)x->value.as.i64;
        x->type = WEIR_I32;
        x->value.as.i32 = v;
    }
}

static bool no_bare_null(struct weir__compiler *c, const struct weir__node *call)
{
    for (uint32_t i = 0; i < call->n_args; i++) {
        if (call->args[i]->type != WEIR__UNTYPED) continue;
        return weir__problem(c, call->offset, call->length, "write x is null, or x is not null",
                             "a comparison with null is null for every record");
    }
    return true;
}

static bool choose_overload(struct weir__compiler *c, struct weir__node *call)
{
    const struct weir__overload *best = NULL;
    int least = -1;
    if (call->function->compares && !no_bare_null(c, call)) return false;
    if (call->function->compares) narrow_literals(call);
    for (const struct weir__overload *o = call->function->overloads; o->args; o++) {
        int cost = cost_of(o, call);
        if (cost < 0 || (best && cost >= least)) continue;
        best = o;
        least = cost;
    }
    if (!best) return no_overload(c, call);
    call->overload = best;
    call->type = weir__type_of_letter(best->result);
    for (uint32_t i = 0; i < call->n_args; i++) {
        call->args[i] = weir__convert(c, call->args[i], weir__type_of_letter(letter_at(best->args, i)));
    }
    if (best->flags & WEIR__GIVES_NULL) call->nullable = true;
    if (best->flags & WEIR__RAISES) call->raises = true;
    return true;
}

/* ---- the other forms ------------------------------------------------------------------------------------------------- */

/* All arguments become one type. */
static bool unify(struct weir__compiler *c, struct weir__node *call)
{
    weir_type type = WEIR__UNTYPED;
    for (uint32_t i = 0; i < call->n_args; i++) {
        weir_type both = weir__common_type(type, call->args[i]->type);
        if (both == WEIR__UNTYPED && type != WEIR__UNTYPED) {
            return weir__problem(c, call->args[i]->offset, call->args[i]->length, "cast(x as type) converts",
                                 "%s gives %s here and %s before: its values need one type", call->function->name,
                                 type_name(call->args[i]->type), type_name(type));
        }
        type = both;
    }
    for (uint32_t i = 0; i < call->n_args && type != WEIR__UNTYPED; i++)
        call->args[i] = weir__convert(c, call->args[i], type);
    call->type = type;
    return true;
}

static bool needs_count(struct weir__compiler *c, const struct weir__node *call, bool ok)
{
    char help[160];
    if (ok) return true;
    snprintf(help, sizeof help, "it is used as %s", call->function->usage);
    return weir__problem(c, call->offset, call->length, help, "%s does not take %u value%s", call->function->name,
                         call->n_args, call->n_args == 1 ? "" : "s");
}

static bool needs_bool(struct weir__compiler *c, struct weir__node *x, const char *what)
{
    if (x->type == WEIR_BOOL) return true;
    if (x->type == WEIR__UNTYPED) {
        x->type = WEIR_BOOL;
        return true;
    }
    return weir__problem(c, x->offset, x->length, "compare it with something", "%s needs a bool, this is %s", what,
                         type_name(x->type));
}

/* Conditions at 0, 2, ...; values at 1, 3, ... and, when the count is odd, the last. */
static bool type_case(struct weir__compiler *c, struct weir__node *call)
{
    bool ok = true, has_else = call->n_args % 2, simple = !strcmp(call->function->name, "if");
    if (simple && !needs_count(c, call, call->n_args == 3)) return false;
    call->nullable = !has_else;
    weir_type type = WEIR__UNTYPED;
    for (uint32_t i = 0; i < call->n_args; i++) {
        struct weir__node *x = call->args[i];
        if (i % 2 == 0 && !(has_else && i + 1 == call->n_args)) {
            ok &= needs_bool(c, x, "a condition");
            continue;
        }
        weir_type both = weir__common_type(type, x->type);
        if (both == WEIR__UNTYPED && type != WEIR__UNTYPED) {
            return weir__problem(c, x->offset, x->length, "cast(x as type) converts",
                                 "this branch gives %s, one before it %s: all branches need one type", type_name(x->type),
                                 type_name(type));
        }
        type = both;
        call->nullable |= x->nullable;
    }
    if (!ok) return false;
    for (uint32_t i = 1; i < call->n_args && type != WEIR__UNTYPED; i += i + 2 == call->n_args ? 1 : 2) {
        call->args[i] = weir__convert(c, call->args[i], type);
    }
    call->type = type;
    return type != WEIR__UNTYPED || weir__problem(c, call->offset, call->length,
                                                  "give one of them a type: cast(null as i64)", "every branch is null");
}

static bool type_coalesce(struct weir__compiler *c, struct weir__node *call)
{
    if (!needs_count(c, call, call->n_args >= 1) || !unify(c, call)) return false;
    call->nullable = true;
    for (uint32_t i = 0; i < call->n_args; i++) call->nullable &= call->args[i]->nullable;
    return call->type != WEIR__UNTYPED ||
           weir__problem(c, call->offset, call->length, "give one of them a type: cast(null as i64)", "every value is null");
}

static bool type_cast(struct weir__compiler *c, struct weir__node *call)
{
    struct weir__node *x = call->args[0];
    bool raises = false;
    if (x->type == WEIR__UNTYPED) x->type = call->type;
    call->nullable = x->nullable;
    if (x->type == call->type) return true;
    if (!weir__cast_kernel(x->type, call->type, &raises)) {
        return weir__problem(c, call->offset, call->length, NULL, "%s cannot be cast to %s", type_name(x->type),
                             type_name(call->type));
    }
    call->nullable |= call->forgiving && raises;
    call->raises |= !call->forgiving && raises;
    return true;
}

/* nullif keeps the first value's type: the comparison is a node of its own, made here, as args[1]. */
static bool type_nullif(struct weir__compiler *c, struct weir__node *call)
{
    if (!needs_count(c, call, call->n_args == 2)) return false;
    struct weir__node *equal = weir__call(c, weir__function_named("="), 2, call->offset);
    equal->length = call->length;
    memcpy(equal->args, call->args, 2 * sizeof *call->args);
    call->args[1] = equal;
    if (!weir__infer_types(c, equal)) return false;
    call->type = call->args[0]->type;
    call->nullable = true;
    return true;
}

static bool type_form(struct weir__compiler *c, struct weir__node *call)
{
    switch (call->function->form) {
    case WEIR__PLAIN:
    case WEIR__IN:
    case WEIR__BETWEEN: return choose_overload(c, call);
    case WEIR__AND:
    case WEIR__OR:
        call->type = WEIR_BOOL;
        bool ok = needs_bool(c, call->args[0], call->function->name);
        return needs_bool(c, call->args[1], call->function->name) && ok;
    case WEIR__IS_NULL:
        if (call->args[0]->type == WEIR__UNTYPED) call->args[0]->type = WEIR_BOOL;
        call->type = WEIR_BOOL;
        return true;
    case WEIR__CASE: return type_case(c, call);
    case WEIR__COALESCE: return type_coalesce(c, call);
    case WEIR__NULLIF: return type_nullif(c, call);
    case WEIR__CAST: return type_cast(c, call);
    }
    return false;
}

static bool infer_call(struct weir__compiler *c, struct weir__node *call)
{
    bool ok = true, nullable = false;
    for (uint32_t i = 0; i < call->n_args; i++) {
        ok &= weir__infer_types(c, call->args[i]);
        nullable |= call->args[i]->nullable;
        call->raises |= call->args[i]->raises;
    }
    enum weir__form form = call->function->form;
    if (form == WEIR__PLAIN || form == WEIR__AND || form == WEIR__OR || form == WEIR__IN || form == WEIR__BETWEEN) {
        call->nullable = nullable;
    }
    return ok && type_form(c, call);
}

bool weir__infer_types(struct weir__compiler *c, struct weir__node *x)
{
    if (x->typed) return !x->bad;
    x->typed = true;
    if (x->kind == WEIR__LITERAL)
        x->nullable = x->value.is_null;
    else if (x->kind == WEIR__FIELD)
        x->bad = !type_field(c, x);
    else
        x->bad = !infer_call(c, x);
    return !x->bad;
}
