/* fold.c - replaces what does not depend on the record by its value, by running it once on a batch of one row without
 * columns.
 *
 * The largest constant subtrees are tried first. One whose evaluation fails stays as it is: whether the failure ever
 * happens depends on the records (if(user is null, 1 / 0, 1)).
 */
#include "expr/compile_internal.h"

static bool is_constant(const struct weir__node *x)
{
    if (x->kind == WEIR__FIELD) return false;
    for (uint32_t i = 0; i < x->n_args; i++) {
        if (!is_constant(x->args[i])) return false;
    }
    return true;
}

/* Row 0 of the vector. */
static struct weir__value value_of(struct weir__compiler *c, const struct weir__vector *v, weir_type type)
{
    struct weir__value value = {.is_null = v->valid && !v->valid[0]};
    if (value.is_null) return value;
    memcpy(&value.as, v->values, weir__vector_size(type));
    if (weir_type_is_variable(type)) value.as.text = weir__arena_text(c, value.as.text.p, value.as.text.n);
    return value;
}

static void forget_registers(struct weir__node *x)
{
    x->reg = -1;
    for (uint32_t i = 0; i < x->n_args; i++) forget_registers(x->args[i]);
}

static bool evaluate(struct weir__compiler *c, struct weir__node *x, struct weir__value *value)
{
    int64_t time = WEIR_NO_TIME;
    weir_batch row = {.struct_size = sizeof row, .length = 1, .selected = 1, .time = &time};
    struct weir_expr_problems *problems = c->problems;
    size_t n_problems = c->n_problems;
    c->problems = NULL; /* the program that stays tells them */
    struct weir_expr *program = weir__emit(c, x);
    c->problems = problems;
    c->n_problems = n_problems;
    forget_registers(x);
    if (!program) return false;
    struct weir_expr_run *run = weir_expr_run_create(program, NULL);
    const struct weir__vector *result = weir__run(run, &row);
    bool ok = result && run->n_errors == 0;
    if (ok) *value = value_of(c, result, x->type);
    weir_expr_run_destroy(run);
    weir_expr_destroy(program);
    return ok;
}

void weir__fold(struct weir__compiler *c, struct weir__node *x)
{
    struct weir__value value;
    if (x->kind != WEIR__CALL) return;
    if (is_constant(x) && evaluate(c, x, &value)) {
        x->kind = WEIR__LITERAL;
        x->value = value;
        x->nullable = value.is_null;
        x->raises = false;
        x->n_args = 0;
        return;
    }
    for (uint32_t i = 0; i < x->n_args; i++) weir__fold(c, x->args[i]);
}
