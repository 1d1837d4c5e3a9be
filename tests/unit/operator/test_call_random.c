/* All combinations of scalar types, as results and as one, two and three parameters, called both ways over random rows with
 * nulls, a selection and bitmaps that begin inside a byte, against a switch over types that calls nothing. */
#include "base/random.h"
#include "unit/operator/call_stage.h"

#undef bool /* a name to paste, not a macro */
typedef _Bool bool;

/* Every function mixes the bits of its arguments and makes its result of the mix. */
static uint64_t mix(uint64_t state, uint64_t bits)
{
    struct weir_random r = {state ^ bits};
    return weir_random_next(&r);
}
static uint64_t of_bool(bool v)
{
    return v;
}
static uint64_t of_i32(int32_t v)
{
    return (uint64_t)(int64_t)v;
}
static uint64_t of_i64(int64_t v)
{
    return (uint64_t)v;
}
static uint64_t of_f32(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}
static uint64_t of_f64(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}
static bool to_bool(uint64_t h)
{
    return h & 1;
}
static int32_t to_i32(uint64_t h)
{
    return (int32_t)(uint32_t)h;
}
static int64_t to_i64(uint64_t h)
{
    return (int64_t)h;
}
static float to_f32(uint64_t h)
{
    return (float)(int32_t)(uint32_t)h;
}
static double to_f64(uint64_t h)
{
    return (double)(int64_t)h;
}

#define C_bool bool
#define C_i32  int32_t
#define C_i64  int64_t
#define C_f32  float
#define C_f64  double

#define FUNCTIONS_2(R, A, B)                                              \
    static C_##R R##_##A##_##B(C_##A a, C_##B b)                          \
    {                                                                     \
        return to_##R(mix(mix(1, of_##A(a)), of_##B(b)));                 \
    }                                                                     \
    static C_##R R##_##A##_##B##_##A(C_##A a, C_##B b, C_##A c)           \
    {                                                                     \
        return to_##R(mix(mix(mix(1, of_##A(a)), of_##B(b)), of_##A(c))); \
    }
#define FUNCTIONS_1(R, A)                 \
    static C_##R R##_##A(C_##A a)         \
    {                                     \
        return to_##R(mix(1, of_##A(a))); \
    }                                     \
    FUNCTIONS_2(R, A, bool)               \
    FUNCTIONS_2(R, A, i32) FUNCTIONS_2(R, A, i64) FUNCTIONS_2(R, A, f32) FUNCTIONS_2(R, A, f64)
#define FUNCTIONS(R) FUNCTIONS_1(R, bool) FUNCTIONS_1(R, i32) FUNCTIONS_1(R, i64) FUNCTIONS_1(R, f32) FUNCTIONS_1(R, f64)
FUNCTIONS(bool)
FUNCTIONS(i32)
FUNCTIONS(i64)
FUNCTIONS(f32)
FUNCTIONS(f64)

#define CASES_2(R, A, B) \
    {(weir__function *)R##_##A##_##B, {#R, #A, #B}}, {(weir__function *)R##_##A##_##B##_##A, {#R, #A, #B, #A}},
#define CASES_1(R, A)                      \
    {(weir__function *)R##_##A, {#R, #A}}, \
        CASES_2(R, A, bool) CASES_2(R, A, i32) CASES_2(R, A, i64) CASES_2(R, A, f32) CASES_2(R, A, f64)
#define CASES(R) CASES_1(R, bool) CASES_1(R, i32) CASES_1(R, i64) CASES_1(R, f32) CASES_1(R, f64)
static const struct {
    weir__function *function;
    const char *types[4]; /* result, parameters */
} cases[] = {CASES(bool) CASES(i32) CASES(i64) CASES(f32) CASES(f64)};

/* ---- rows ------------------------------------------------------------------------------------------------------------ */

#define SCHEMA "bool: bool?, i32: i32?, i64: i64?, f32: f32?, f64: f64?, timestamp: timestamp?"
enum { ROWS = 150 };

static void add_cell(struct weir_text *t, uint32_t column, struct weir_random *random)
{
    int64_t v = (int64_t)weir_random_next(random);
    if (column) weir_text_add(t, ", ");
    if (weir_random_below(random, 8) == 0)
        weir_text_add(t, "null");
    else if (column == 0)
        weir_text_add(t, "%s", v & 1 ? "true" : "false");
    else
        weir_text_add(t, column == 3 || column == 4 ? "%lld.5" : "%lld", (long long)(column == 1 ? v >> 32 : v >> 20));
}

/* A slice that begins inside a byte, with some rows hidden. */
static struct weir_rows *random_rows(struct stage *g, uint64_t seed)
{
    struct weir_random random = {seed};
    struct weir_text t = {0};
    for (int i = 0; i < ROWS + 3; i++) {
        weir_text_add(&t, "%d | ", i);
        for (uint32_t c = 0; c < 6; c++) add_cell(&t, c, &random);
        weir_text_add(&t, "\n");
    }
    struct weir_rows *all = weir_test_rows(g->s.env.pool, g->in, weir_text_get(&t));
    struct weir_rows *slice = weir_rows_slice(g->s.env.pool, all, 3, ROWS);
    struct weir_buffer *bits = weir_pool_take(g->s.env.pool, (ROWS + 63) / 64 * 8);
    int64_t selected = 0;
    memset(bits->bytes, 0, (ROWS + 63) / 64 * 8);
    for (int i = 0; i < ROWS; i++) {
        bool shown = seed % 2 || weir_random_below(&random, 4);
        bits->bytes[i / 8] |= (uint8_t)(shown << i % 8);
        selected += shown;
    }
    struct weir_rows *rows = weir_rows_select(g->s.env.pool, slice, bits, selected);
    weir_rows_release(all);
    weir_rows_release(slice);
    weir_text_finish(&t);
    return rows;
}

/* ---- the reference --------------------------------------------------------------------------------------------------- */

static uint64_t bits_of(weir_row row, uint32_t c, weir_type type)
{
    switch (type) {
    case WEIR_BOOL: return of_bool(weir_bool(row, c));
    case WEIR_I32: return of_i32(weir_i32(row, c));
    case WEIR_F32: return of_f32(weir_f32(row, c));
    case WEIR_F64: return of_f64(weir_f64(row, c));
    default: return of_i64(weir_i64(row, c));
    }
}

static uint64_t result_bits(weir_type type, uint64_t h)
{
    switch (type) {
    case WEIR_BOOL: return of_bool(to_bool(h));
    case WEIR_I32: return of_i32(to_i32(h));
    case WEIR_F32: return of_f32(to_f32(h));
    case WEIR_F64: return of_f64(to_f64(h));
    default: return of_i64(to_i64(h));
    }
}

/* Returns how many rows are wrong. */
static int compare(const struct weir_call_config *call, const struct weir_rows *in, const struct weir_rows *out)
{
    uint32_t result = (uint32_t)call->into;
    int wrong = out->view.length != in->view.length || out->view.selected != in->view.selected;
    for (int64_t i = 0; i < in->view.length; i++) {
        uint64_t h = 1;
        bool null = false;
        weir_row from = {&in->view, i}, to = {&out->view, i};
        if (!weir_bit(in->view.selection, i)) continue;
        for (uint32_t a = 0; a < call->signature.n_params; a++) {
            null |= weir_null(from, (uint32_t)call->args[a].field);
            h = mix(h, bits_of(from, (uint32_t)call->args[a].field, call->signature.params[a].type));
        }
        if (null != weir_null(to, result))
            wrong++;
        else if (!null)
            wrong += result_bits(call->signature.result.type, h) != bits_of(to, result, call->signature.result.type);
    }
    return wrong;
}

/* "i64(i64,bool)" and "i64;bool"; timestamps: in the place of i64. */
static void describe(size_t i, bool timestamps, struct weir_text *signature, struct weir_text *args)
{
    for (int p = 0; p < 4 && cases[i].types[p]; p++) {
        const char *type = cases[i].types[p];
        if (timestamps && strcmp(type, "i64") == 0) type = "timestamp";
        weir_text_add(signature, "%s%s", p > 1 ? "," : "", type);
        if (p == 0) weir_text_add(signature, "(");
        if (p > 0) weir_text_add(args, "%s%s", p > 1 ? ";" : "", type);
    }
    weir_text_add(signature, ")");
}

/* g: a stage whose node has the input; the node of the case is its own, so that one stage does for all. */
static bool run_node(struct stage *g, struct weir_stream_node *node, weir__function *function, bool direct, uint64_t seed)
{
    int64_t row = 0;
    struct weir_op *op = weir__call_op_make(node, &g->s.env, "node 'x'", function, NULL, direct, &g->error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(op);
    struct weir_rows *in = random_rows(g, seed);
    CU_ASSERT_EQUAL_FATAL(op->class->rows(op, 0, in, &row), WEIR_OK);
    struct weir_element e = weir_outbox_pop(&op->outbox);
    int wrong = compare(&node->call, in, e.rows);
    weir_rows_release(e.rows);
    weir_rows_release(in);
    op->class->destroy(op);
    return wrong == 0;
}

static bool run_case(struct stage *g, size_t i, bool timestamps, bool direct)
{
    struct weir_stream_node node = {.kind = WEIR_NODE_CALL, .in = g->in};
    struct weir_text signature = {0}, args = {0};
    describe(i, timestamps, &signature, &args);
    char *fields = weir_format(SCHEMA ", r: %.*s?", (int)strcspn(weir_text_get(&signature), "("), weir_text_get(&signature));
    struct weir_schema *out = weir_test_schema(fields);
    weir_op_stage_output(&node, "", out);
    call_stage_config(&node, weir_text_get(&signature), weir_text_get(&args), "r");
    bool good = run_node(g, &node, cases[i].function, direct, i);
    if (!good) fprintf(stderr, "%s, %s, seed %zu\n", weir_text_get(&signature), direct ? "direct" : "libffi", i);
    weir_call_config_finish(&node.call);
    weir_free(node.outputs[0].name);
    weir_schema_release(node.outputs[0].schema);
    weir_free(node.outputs);
    weir_schema_release(out);
    weir_free(fields);
    weir_text_finish(&signature);
    weir_text_finish(&args);
    return good;
}

static void both_ways_give_what_the_reference_gives(void)
{
    struct stage g;
    bool good = true;
    stage_init(&g, WEIR_NODE_CALL, SCHEMA, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        good &= run_case(&g, i, false, true);
        good &= run_case(&g, i, false, false);
        good &= run_case(&g, i, true, i % 2);
    }
    CU_ASSERT_TRUE(good);
    stage_end(&g);
}

static void signatures_of_one_scalar_type_are_called_directly(void)
{
    static const char *const direct[] = {"f64(f64)", "f64(f64,f64,f64)", "timestamp(i64,timestamp)", "bool(i32,i32)"};
    static const char *const others[] = {"f64()", "f64(f64,i64)", "f64(f64,f64,f64,f64)", "i64(string)", "string(i64)"};
    struct weir_call_signature s;
    struct weir_expr_problem problem;
    for (size_t i = 0; i < sizeof direct / sizeof *direct; i++) {
        CU_ASSERT_TRUE(weir_call_signature_parse(direct[i], &s, &problem));
        CU_ASSERT_PTR_NOT_NULL(weir__call_direct(&s));
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        CU_ASSERT_TRUE(weir_call_signature_parse(others[i], &s, &problem));
        CU_ASSERT_PTR_NULL(weir__call_direct(&s));
    }
}

WEIR_SUITE(call_random) = {
    {"both ways give what the reference gives", both_ways_give_what_the_reference_gives},
    {"signatures of one scalar type are called directly", signatures_of_one_scalar_type_are_called_directly},
    {NULL, NULL}};
