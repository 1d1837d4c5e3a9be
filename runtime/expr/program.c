/* program.c - a typed tree into a program; and what programs say about themselves.
 *
 * Every node becomes the register that holds its value. The mask that a node is evaluated under is a register too, but new
 * masks are made only for parts that can fail: the rest is computed for all rows, which is cheaper than asking. A node that
 * stands twice in the tree (the subject of case and of nullif) is emitted once: its first place is evaluated under a mask
 * that holds the others'.
 */
#include "expr/compile_internal.h"

#define ALL_ROWS 0 /* register of the batch's selection */

struct emitter {
    struct weir__compiler *c;
    struct weir_expr *program;
    bool ok;
};

static uint32_t emit(struct emitter *e, struct weir__node *x, uint32_t mask);

/* ---- registers and instructions -------------------------------------------------------------------------------------- */

static uint32_t new_register(struct weir_expr *p, enum weir__register_kind kind, weir_type type)
{
    WEIR_GROW(p->registers, p->registers_capacity, p->n_registers + 1);
    p->registers[p->n_registers] = (struct weir__register){.kind = kind, .type = type};
    return (uint32_t)p->n_registers++;
}

static void own(struct weir_expr *p, void *what, void (*destroy)(void *))
{
    WEIR_GROW(p->owned, p->owned_capacity, p->n_owned + 1);
    p->owned[p->n_owned++] = (struct weir__owned){what, destroy};
}

struct order {
    weir__kernel *run;
    weir_type type;
    bool strict;
    uint32_t mask;
    const struct weir__node *of; /* whose place in the text errors show */
    const void *aux;
};

static uint32_t instruct(struct emitter *e, struct order o, const uint32_t *args, uint32_t n)
{
    struct weir_expr *p = e->program;
    uint32_t to = new_register(p, WEIR__MADE, o.type), *copy = weir_alloc_array(n, sizeof *copy);
    memcpy(copy, args, n * sizeof *copy);
    WEIR_GROW(p->code, p->code_capacity, p->n_code + 1);
    p->code[p->n_code++] = (struct weir__instruction){.run = o.run,
                                                      .to = to,
                                                      .args = copy,
                                                      .n_args = n,
                                                      .mask = o.mask,
                                                      .strict = o.strict,
                                                      .forgiving = o.of->forgiving,
                                                      .offset = o.of->offset,
                                                      .length = o.of->length,
                                                      .aux = o.aux};
    return to;
}

static uint32_t instruct_2(struct emitter *e, weir__kernel *run, weir_type type, const struct weir__node *of, uint32_t mask,
                           uint32_t a, uint32_t b)
{
    return instruct(e, (struct order){.run = run, .type = type, .mask = mask, .of = of}, (uint32_t[]){a, b}, 2);
}

/* The mask for parts that are evaluated only where `kernel` says so of the condition; the same mask when none of them can
 * fail. */
static uint32_t narrow(struct emitter *e, bool raises, weir__kernel *kernel, const struct weir__node *of, uint32_t mask,
                       uint32_t condition)
{
    return raises ? instruct_2(e, kernel, WEIR_BOOL, of, mask, mask, condition) : mask;
}

/* ---- leaves ---------------------------------------------------------------------------------------------------------- */

static uint32_t emit_literal(struct emitter *e, const struct weir__node *x)
{
    struct weir_expr *p = e->program;
    uint32_t r = new_register(p, WEIR__CONSTANT, x->type);
    p->registers[r].value = x->value;
    if (weir_type_is_variable(x->type) && !x->value.is_null) {
        char *copy = weir_strndup(x->value.as.text.n ? x->value.as.text.p : "", x->value.as.text.n);
        own(p, copy, weir_free);
        p->registers[r].value.as.text.p = copy;
    }
    return r;
}

static uint32_t emit_field(struct emitter *e, const struct weir__node *x)
{
    struct weir_expr *p = e->program;
    for (uint32_t i = 0; i < p->n_registers; i++) {
        if (p->registers[i].kind == WEIR__OF_FIELD && p->registers[i].field == x->field) return i;
    }
    uint32_t r = new_register(p, WEIR__OF_FIELD, x->type);
    p->registers[r].field = x->field;
    WEIR_GROW(p->fields, p->fields_capacity, p->n_fields + 1);
    p->fields[p->n_fields++] = x->field;
    return r;
}

/* ---- calls ----------------------------------------------------------------------------------------------------------- */

static uint32_t emit_plain(struct emitter *e, struct weir__node *x, uint32_t mask)
{
    uint32_t *args = weir__arena(e->c, (x->n_args ? x->n_args : 1) * sizeof *args);
    void *aux = NULL;
    void (*destroy)(void *) = NULL;
    for (uint32_t i = 0; i < x->n_args; i++) args[i] = emit(e, x->args[i], mask);
    if (x->overload->prepare && !x->overload->prepare(e->c, x, &aux, &destroy)) e->ok = false;
    if (aux) own(e->program, aux, destroy);
    return instruct(e, (struct order){x->overload->run, x->type, true, mask, x, aux}, args, x->n_args);
}

static uint32_t emit_logic(struct emitter *e, struct weir__node *x, uint32_t mask)
{
    bool both = x->function->form == WEIR__AND;
    uint32_t a = emit(e, x->args[0], mask);
    uint32_t inner = narrow(e, x->args[1]->raises, both ? weir__mask_not_false : weir__mask_not_true, x, mask, a);
    return instruct_2(e, both ? weir__and : weir__or, WEIR_BOOL, x, mask, a, emit(e, x->args[1], inner));
}

static uint32_t emit_is_null(struct emitter *e, struct weir__node *x, uint32_t mask)
{
    uint32_t a = emit(e, x->args[0], mask);
    weir__kernel *run = !strcmp(x->function->name, "is null") ? weir__is_null : weir__is_present;
    return instruct(e, (struct order){.run = run, .type = WEIR_BOOL, .mask = mask, .of = x}, &a, 1);
}

static uint32_t compare(struct emitter *e, const struct weir__node *x, const char *op, uint32_t mask, uint32_t a, uint32_t b)
{
    char letter = weir__letter_of_type(x->args[0]->type), args[] = {letter, letter, 0};
    weir__kernel *run = weir__overload_of(weir__function_named(op), args)->run;
    return instruct(e, (struct order){run, WEIR_BOOL, true, mask, x, NULL}, (uint32_t[]){a, b}, 2);
}

/* x = a or x = b or ... */
static uint32_t emit_in(struct emitter *e, struct weir__node *x, uint32_t mask)
{
    uint32_t subject = emit(e, x->args[0], mask), result = 0;
    for (uint32_t i = 1; i < x->n_args; i++) {
        if (i > 1) mask = narrow(e, x->args[i]->raises, weir__mask_not_true, x, mask, result);
        uint32_t equal = compare(e, x, "=", mask, subject, emit(e, x->args[i], mask));
        result = i == 1 ? equal : instruct_2(e, weir__or, WEIR_BOOL, x, mask, result, equal);
    }
    return result;
}

/* x >= low and x <= high */
static uint32_t emit_between(struct emitter *e, struct weir__node *x, uint32_t mask)
{
    uint32_t subject = emit(e, x->args[0], mask);
    uint32_t above = compare(e, x, ">=", mask, subject, emit(e, x->args[1], mask));
    uint32_t inner = narrow(e, x->args[2]->raises, weir__mask_not_false, x, mask, above);
    uint32_t below = compare(e, x, "<=", inner, subject, emit(e, x->args[2], inner));
    return instruct_2(e, weir__and, WEIR_BOOL, x, mask, above, below);
}

/* By the width of the type's values: 8, 32, 64 bits, texts. */
static weir__kernel *by_width(weir_type type, weir__kernel *const kernels[4])
{
    uint32_t size = weir__vector_size(type);
    return kernels[size == 1 ? 0 : size == 4 ? 1 : size == 8 ? 2 : 3];
}

static uint32_t null_of(struct emitter *e, const struct weir__node *x)
{
    struct weir__node literal = {.kind = WEIR__LITERAL, .type = x->type, .value = {.is_null = true}};
    return emit_literal(e, &literal);
}

/* Conditions and values from the first to the last, each under the mask of what is left; then chosen from the last to the
 * first. */
static uint32_t emit_case(struct emitter *e, struct weir__node *x, uint32_t mask)
{
    static weir__kernel *const choose[] = {weir__choose_8, weir__choose_32, weir__choose_64, weir__choose_text};
    uint32_t n = x->n_args / 2, *registers = weir__arena(e->c, x->n_args * sizeof *registers);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t condition = emit(e, x->args[2 * i], mask);
        registers[2 * i] = condition;
        registers[2 * i + 1] =
            emit(e, x->args[2 * i + 1], narrow(e, x->args[2 * i + 1]->raises, weir__mask_true, x, mask, condition));
        bool more = false;
        for (uint32_t k = 2 * i + 2; k < x->n_args; k++) more |= x->args[k]->raises;
        mask = narrow(e, more, weir__mask_not_true, x, mask, condition);
    }
    uint32_t result = x->n_args % 2 ? emit(e, x->args[x->n_args - 1], mask) : null_of(e, x);
    for (uint32_t i = n; i-- > 0;) {
        uint32_t args[] = {registers[2 * i], registers[2 * i + 1], result};
        result = instruct(e, (struct order){.run = by_width(x->type, choose), .type = x->type, .mask = ALL_ROWS, .of = x},
                          args, 3);
    }
    return result;
}

static uint32_t emit_coalesce(struct emitter *e, struct weir__node *x, uint32_t mask)
{
    static weir__kernel *const first[] = {weir__first_8, weir__first_32, weir__first_64, weir__first_text};
    uint32_t result = emit(e, x->args[0], mask);
    for (uint32_t i = 1; i < x->n_args; i++) {
        mask = narrow(e, x->args[i]->raises, weir__mask_null, x, mask, result);
        result = instruct_2(e, by_width(x->type, first), x->type, x, mask, result, emit(e, x->args[i], mask));
    }
    return result;
}

static uint32_t emit_nullif(struct emitter *e, struct weir__node *x, uint32_t mask)
{
    static weir__kernel *const null_if[] = {weir__null_if_8, weir__null_if_32, weir__null_if_64, weir__null_if_text};
    uint32_t value = emit(e, x->args[0], mask);
    return instruct_2(e, by_width(x->type, null_if), x->type, x, mask, value, emit(e, x->args[1], mask));
}

static uint32_t emit_cast(struct emitter *e, struct weir__node *x, uint32_t mask)
{
    bool raises;
    uint32_t a = emit(e, x->args[0], mask);
    if (x->args[0]->type == x->type) return a;
    weir__kernel *run = weir__cast_kernel(x->args[0]->type, x->type, &raises);
    return instruct(e, (struct order){run, x->type, true, mask, x, NULL}, &a, 1);
}

static uint32_t emit_call(struct emitter *e, struct weir__node *x, uint32_t mask)
{
    switch (x->function->form) {
    case WEIR__PLAIN: return emit_plain(e, x, mask);
    case WEIR__AND:
    case WEIR__OR: return emit_logic(e, x, mask);
    case WEIR__IS_NULL: return emit_is_null(e, x, mask);
    case WEIR__IN: return emit_in(e, x, mask);
    case WEIR__BETWEEN: return emit_between(e, x, mask);
    case WEIR__CASE: return emit_case(e, x, mask);
    case WEIR__COALESCE: return emit_coalesce(e, x, mask);
    case WEIR__NULLIF: return emit_nullif(e, x, mask);
    case WEIR__CAST: return emit_cast(e, x, mask);
    }
    return 0;
}

static uint32_t emit(struct emitter *e, struct weir__node *x, uint32_t mask)
{
    if (x->reg >= 0) return (uint32_t)x->reg;
    uint32_t r = x->kind == WEIR__LITERAL ? emit_literal(e, x)
                 : x->kind == WEIR__FIELD ? emit_field(e, x)
                                          : emit_call(e, x, mask);
    x->reg = (int32_t)r;
    return r;
}

struct weir_expr *weir__emit(struct weir__compiler *c, struct weir__node *root)
{
    struct emitter e = {c, weir_alloc(sizeof *e.program), true};
    struct weir_expr *p = e.program;
    p->text = weir_strndup(c->text, c->n);
    p->text_n = c->n;
    p->type = root->type;
    p->nullable = root->nullable;
    p->field = root->kind == WEIR__FIELD ? (int32_t)root->field : -1;
    new_register(p, WEIR__MADE, WEIR_BOOL); /* ALL_ROWS */
    p->result = emit(&e, root, ALL_ROWS);
    if (e.ok) return p;
    weir_expr_destroy(p);
    return NULL;
}

/* ---- programs -------------------------------------------------------------------------------------------------------- */

static struct weir_expr *compile(struct weir__compiler *c)
{
    struct weir__node *root = weir__parse(c);
    if (!root || !weir__infer_types(c, root)) return NULL;
    if (root->type == WEIR__UNTYPED) {
        weir__problem(c, root->offset, root->length, "give it one: cast(null as i64)", "a null alone has no type");
        return NULL;
    }
    weir__fold(c, root);
    return weir__emit(c, root);
}

struct weir_expr *weir_expr_compile(const char *text, size_t n, const struct weir_schema *schema,
                                    const struct weir_platform *platform, struct weir_expr_problems *problems)
{
    struct weir__compiler c = {.text = text, .n = n, .schema = schema, .problems = problems};
    c.platform = platform ? platform : weir_platform_os();
    struct weir_expr *program = compile(&c);
    while (c.blocks) {
        struct weir__block *next = c.blocks->next;
        weir_free(c.blocks);
        c.blocks = next;
    }
    return program;
}

void weir_expr_destroy(struct weir_expr *p)
{
    if (!p) return;
    for (size_t i = 0; i < p->n_owned; i++) p->owned[i].destroy(p->owned[i].p);
    for (size_t i = 0; i < p->n_code; i++) weir_free(p->code[i].args);
    weir_free(p->owned);
    weir_free(p->code);
    weir_free(p->registers);
    weir_free(p->fields);
    weir_free(p->text);
    weir_free(p);
}

const char *weir_expr_text(const struct weir_expr *p)
{
    return p->text;
}
weir_type weir_expr_type(const struct weir_expr *p)
{
    return p->type;
}
bool weir_expr_nullable(const struct weir_expr *p)
{
    return p->nullable;
}
int32_t weir_expr_field(const struct weir_expr *p)
{
    return p->field;
}
const uint32_t *weir_expr_fields(const struct weir_expr *p, uint32_t *n)
{
    *n = (uint32_t)p->n_fields;
    return p->fields;
}

#define SHOWN_MOST 100 /* bytes of a text in a message */

void weir_expr_show(struct weir_text *to, const char *text, size_t n, size_t offset, size_t length)
{
    size_t from = offset, until = offset;
    while (from > 0 && text[from - 1] != '\n' && offset - from < SHOWN_MOST / 2) from--;
    while (from < offset && ((unsigned char)text[from] & 0xC0) == 0x80) from++;
    while (until < n && text[until] != '\n' && until - from < SHOWN_MOST) until++;
    while (until < n && until > from && ((unsigned char)text[until] & 0xC0) == 0x80) until--;
    weir_text_add_bytes(to, text + from, until - from);
    weir_text_add(to, "\n");
    for (size_t i = from; i < offset; i++) {
        if (((unsigned char)text[i] & 0xC0) != 0x80) weir_text_add(to, " ");
    }
    weir_text_add(to, "^");
    for (size_t i = offset + 1; i < offset + length && i < until; i++) {
        if (((unsigned char)text[i] & 0xC0) != 0x80) weir_text_add(to, "^");
    }
}
