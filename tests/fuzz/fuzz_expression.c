/* fuzz_expression.c - any text as an expression: compiled, and evaluated over rows of values at the edges of their types;
 * all rows at once, and one by one, which must give the same. */
#include <string.h>

#include "expr/expr.h"
#include "fuzz/fuzz.h"
#include "harness/rows_text.h"

static const char *const schemas[] = {
    "i: i32, l: i64, f: f32, d: f64, b: bool, t: timestamp, s: string, y: bytes, k: i64",
    "i: i32?, l: i64?, f: f32?, d: f64?, b: bool?, t: timestamp?, s: string?, y: bytes?, k: i64?"};
static const char rows_as_text[] =
    "1 | 0, 0, 0, 0, true, 0, , , 0\n"
    "2 | 2147483647, 9223372036854775807, 3.4028234e38, 1.7976931348623157e308, false, 1711845000250, a, aa, 1\n"
    "3 | -2147483648, -9223372036854775808, -0.0, -0.0, true, -62135596800000, Hello W\xc3\xb6rld, 00ff, -1\n"
    "4 | -1, -1, inf, -inf, false, 253402300799999, -9223372036854775808, ff, 7\n"
    "5 | 7, 1711845000, nan, nan, true, 9223372036854775807, 2024-03-31T00:30:00.250Z, c3, 60000\n"
    "6 | 100, 12, 1e-40, 9223372036854775808, false, -9223372036854775808, %_\\, f09f9880, 3\n";
static const char nulls_as_text[] = "7 | null, null, null, null, null, null, null, null, null\n"
                                    "8 | 1, null, 2, null, true, null, x, null, 5\n";

struct stage {
    struct weir_schema *schema;
    struct weir_pool *pool;
    struct weir_rows *rows;
};

static void init(struct stage *g, bool nullable)
{
    struct weir_text text = {0};
    weir_text_add(&text, "%s%s", rows_as_text, nullable ? nulls_as_text : "");
    g->schema = weir_test_schema(schemas[nullable]);
    g->pool = weir_pool_create();
    g->rows = weir_test_rows(g->pool, g->schema, weir_text_get(&text));
    weir_text_finish(&text);
}

static void finish(struct stage *g)
{
    weir_rows_release(g->rows);
    weir_pool_close(g->pool);
    weir_schema_release(g->schema);
}

/* ---- evaluating -------------------------------------------------------------------------------------------------- */

/* The values, one in a line, and the rows that have errors. */
static void add_column(struct weir_text *to, struct weir_text *errors, const struct weir_expr *expr, struct stage *g,
                       int64_t from, int64_t n)
{
    struct weir_expr_run *run = weir_expr_run_create(expr, g->pool);
    struct weir_rows *rows = weir_rows_slice(g->pool, g->rows, from, n), *into = weir_rows_derive(g->pool, rows, 1, 3);
    struct weir_schema_builder fields = {0};
    size_t n_errors;
    weir_schema_builder_add(&fields, "value", weir_expr_type(expr), true);
    struct weir_schema *schema = weir_schema_build(&fields);
    weir_status s = weir_expr_column(run, &rows->view, into, 0);
    const struct weir_expr_error *e = weir_expr_errors(run, &n_errors);
    FUZZ_CHECK(s == (n_errors > 0 ? WEIR_E_DATA : WEIR_OK));
    for (size_t i = 0; i < n_errors; i++) weir_text_add(errors, "%d: %s\n", (int)(from + e[i].row), e[i].message);
    weir_test_add_rows(to, into, schema);
    weir_schema_release(schema);
    weir_rows_release(into);
    weir_rows_release(rows);
    weir_expr_run_destroy(run);
}

static void select_rows(const struct weir_expr *expr, struct stage *g)
{
    struct weir_expr_run *run = weir_expr_run_create(expr, g->pool);
    struct weir_buffer *selection = NULL;
    int64_t selected = 0;
    size_t n_errors;
    weir_status s = weir_expr_select(run, &g->rows->view, &selection, &selected);
    (void)weir_expr_errors(run, &n_errors);
    FUZZ_CHECK(s == (n_errors > 0 ? WEIR_E_DATA : WEIR_OK));
    FUZZ_CHECK(selected >= 0 && selected + (int64_t)n_errors <= g->rows->view.length);
    weir_buffer_release(selection);
    weir_expr_run_destroy(run);
}

static void evaluate(const struct weir_expr *expr, struct stage *g)
{
    struct weir_text all = {0}, all_errors = {0}, single = {0}, single_errors = {0};
    add_column(&all, &all_errors, expr, g, 0, g->rows->view.length);
    for (int64_t i = 0; i < g->rows->view.length; i++) add_column(&single, &single_errors, expr, g, i, 1);
    FUZZ_CHECK(strcmp(weir_text_get(&all), weir_text_get(&single)) == 0);
    FUZZ_CHECK(strcmp(weir_text_get(&all_errors), weir_text_get(&single_errors)) == 0);
    if (weir_expr_type(expr) == WEIR_BOOL) select_rows(expr, g);
    weir_text_finish(&all);
    weir_text_finish(&all_errors);
    weir_text_finish(&single);
    weir_text_finish(&single_errors);
}

static void compile(const char *text, size_t n, bool nullable)
{
    struct stage g;
    struct weir_expr_problems problems = {0};
    init(&g, nullable);
    struct weir_expr *expr = weir_expr_compile(text, n, g.schema, NULL, &problems);
    FUZZ_CHECK((expr != NULL) == (problems.n == 0));
    for (size_t i = 0; i < problems.n; i++) {
        const struct weir_expr_problem *p = &problems.items[i];
        struct weir_text shown = {0};
        FUZZ_CHECK(p->offset <= n && p->length <= n - p->offset);
        weir_expr_show(&shown, text, n, p->offset, p->length);
        weir_text_finish(&shown);
    }
    if (expr) evaluate(expr, &g);
    weir_expr_destroy(expr);
    weir_expr_problems_finish(&problems);
    finish(&g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    compile((const char *)data, size, false);
    compile((const char *)data, size, true);
    return 0;
}
