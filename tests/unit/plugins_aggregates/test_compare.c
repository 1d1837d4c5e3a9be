/* The compare filter, against one comparison per row. */
#define weir_plugin_v1 compare_plugin_v0
#include "../../../plugins/filter_compare/plugin.c"

#include "keyed_host.h"

static bool expected(const struct cell *v, weir_type type, int op, const struct cell *than)
{
    if (v->null) return false;
    if (type == WEIR_F32 || type == WEIR_F64) {
        switch (op) {
        case EQ: return v->f == than->f;
        case NE: return v->f != than->f;
        case LT: return v->f < than->f;
        case LE: return v->f <= than->f;
        case GT: return v->f > than->f;
        default: return v->f >= than->f;
        }
    }
    return holds(op, compare_cells(v, than, type));
}

static void print_cell(char *to, size_t size, const struct cell *v, weir_type type)
{
    if (type == WEIR_F32 || type == WEIR_F64) snprintf(to, size, "%.17g", v->f);
    else if (type >= WEIR_STRING) snprintf(to, size, "%s", v->text);
    else snprintf(to, size, "%lld", (long long)v->i);
}

static weir_status open_on(compare *me, weir_type type, char *message)
{
    const struct column_spec column = {"amount", type, true};
    struct keyed_host h = {.cx = {.host = &h.services, .host_data = &h},
                           .services = {.input_schema = svc_input_schema, .fail = svc_fail},
                           .in = schema_of(&column, 1)};
    weir_status s = compare_open(me, &h.cx);
    if (message) snprintf(message, 256, "%s", weir_text_get(&h.failure));
    weir_text_finish(&h.failure);
    weir_schema_release(h.in);
    return s;
}

static void check_type(weir_type type, uint64_t *seed)
{
    enum { N = 100 };
    struct cell values[N], than = random_cell(seed, type, false);
    uint8_t keep[N / 8 + 1] = {0};
    char value[40];
    const struct column_spec column = {"amount", type, true};
    struct weir_schema *schema = schema_of(&column, 1);
    int64_t n = next_random(seed) % N, from = n ? next_random(seed) % n : 0;
    bool nullable = next_random(seed) % 2;
    for (int64_t i = 0; i < n; i++) values[i] = random_cell(seed, type, nullable);
    print_cell(value, sizeof value, &than, type);
    compare me = {.op = (int32_t)(next_random(seed) % 6), .value = value};
    CU_ASSERT_EQUAL_FATAL(open_on(&me, type, NULL), WEIR_OK);
    struct weir_rows *rows = rows_of(schema, values, n),
                     *slice = weir_rows_slice(NULL, rows, from, n - from); /* bitmaps off byte bounds */
    CU_ASSERT_EQUAL(compare_filter(&me, NULL, &slice->view, keep), WEIR_OK);
    for (int64_t i = 0; i < n - from; i++)
        CU_ASSERT_EQUAL(weir_bit(keep, i), expected(&values[from + i], type, me.op, &than));
    for (int64_t i = n - from; i < (n - from + 7) / 8 * 8; i++) CU_ASSERT_FALSE(weir_bit(keep, i));
    weir_rows_release(slice);
    weir_rows_release(rows);
    weir_schema_release(schema);
}

static void every_type_and_operator(void)
{
    uint64_t seed = 31;
    for (int round = 0; round < 300; round++) {
        for (weir_type type = WEIR_BOOL; type <= WEIR_BYTES; type++) check_type(type, &seed);
    }
}

static void a_constant_of_another_type_is_refused(void)
{
    static const struct {
        weir_type type;
        const char *value, *message;
    } cases[] = {{WEIR_I64, "1.5", "option value: \"1.5\" is no value of field 'amount', which is i64"},
                 {WEIR_I32, "3000000000", "option value: \"3000000000\" is no value of field 'amount', which is i32"},
                 {WEIR_BOOL, "yes", "option value: \"yes\" is no value of field 'amount', which is bool"},
                 {WEIR_F64, "", "option value: \"\" is no value of field 'amount', which is f64"},
                 {WEIR_TIMESTAMP, "noon",
                  "option value: \"noon\" is no value of field 'amount', which is a timestamp (an ISO 8601 time or epoch "
                  "milliseconds)"}};
    char message[256];
    for (size_t i = 0; i < WEIR_LEN(cases); i++) {
        compare me = {.value = cases[i].value};
        CU_ASSERT_EQUAL(open_on(&me, cases[i].type, message), WEIR_E_CONFIG);
        CU_ASSERT_STRING_EQUAL(message, cases[i].message);
    }
    compare me = {.value = "1970-01-01T00:00:02Z"};
    CU_ASSERT_EQUAL(open_on(&me, WEIR_TIMESTAMP, NULL), WEIR_OK);
    CU_ASSERT_EQUAL(me.than.i64, 2000);
}

WEIR_SUITE(compare) = {{"every type and operator", every_type_and_operator},
                       {"a constant of another type is refused", a_constant_of_another_type_is_refused},
                       {NULL, NULL}};
