/* C functions as maps and filters: nulls, selections, strings and who frees them, record errors. That both ways to call a
 * function do the same is in test_call_random.c. */
#include <stdlib.h>

#include "unit/operator/call_stage.h"

static int calls, freed; /* of the functions below */

static double half(double x)
{
    calls++;
    return x / 2;
}
static double plus(double a, double b)
{
    calls++;
    return a + b;
}
static int64_t length_of(const char *s)
{
    calls++;
    return s ? (int64_t)strlen(s) : -1;
}
static bool is_long(const char *s)
{
    return strlen(s) > 2;
}
static const char *second_word(const char *s) /* points into what it was given */
{
    const char *blank = strchr(s, ' ');
    return blank ? blank + 1 : NULL;
}
static const char *in_one_place(int64_t n) /* the next call overwrites it */
{
    static char text[32];
    snprintf(text, sizeof text, "<%lld>", (long long)n);
    return text;
}
static char *made(int64_t n)
{
    char *text = malloc(8);
    snprintf(text, 8, n == 3 ? "\xff" : "%d", (int)n);
    return n == 2 ? (free(text), NULL) : text;
}
static void free_made(char *text)
{
    freed++;
    free(text);
}
static const char *scribble(char *s) /* on a copy */
{
    if (*s) *s = '#';
    return s;
}
static const char *much(int64_t n)
{
    static char text[100001];
    memset(text, 'm', sizeof text - 1);
    text[n] = '\0';
    const char *result = text;
    return result;
}
static int64_t thirteen(void)
{
    calls++;
    return 13;
}

#define FN(F) (weir__function *)(F)

static struct weir_rows *hide(struct stage *g, struct weir_rows *all, uint8_t bits)
{
    struct weir_buffer *selection = weir_pool_take(g->s.env.pool, 8);
    memset(selection->bytes, 0, 8);
    selection->bytes[0] = bits;
    struct weir_rows *some = weir_rows_select(g->s.env.pool, all, selection, __builtin_popcount(bits));
    weir_rows_release(all);
    return some;
}

/* ---- scalars --------------------------------------------------------------------------------------------------------- */

static void a_result_is_a_new_field_or_replaces_one(void)
{
    struct stage g;
    call_stage_init(&g, "a: f64, s: string", "a: f64, s: string, h: f64", "f64(f64)", "a", "h");
    call_stage_start(&g, FN(half), NULL, true);
    stage_feed(&g, "1 | 10, x\n2 | 3, y");
    stage_expect(&g, "1 | 10, x, 5\n2 | 3, y, 1.5\n");
    stage_end(&g);
    call_stage_init(&g, "s: string, n: i64", "s: i64, n: i64", "i64(string)", "s", "s");
    call_stage_start(&g, FN(length_of), NULL, true);
    stage_feed(&g, "1 | four, 1\n2 | , 2");
    stage_expect(&g, "1 | 4, 1\n2 | 0, 2\n");
    stage_end(&g);
}

static void a_null_is_not_passed_and_gives_a_null(void)
{
    for (int direct = 0; direct < 2; direct++) {
        struct stage g;
        call_stage_init(&g, "a: f64?, b: f64?", "a: f64?, b: f64?, c: f64?", "f64(f64, f64)", "a;b", "c");
        call_stage_start(&g, FN(plus), NULL, direct);
        calls = 0;
        stage_feed(&g, "1 | 1, 2\n2 | null, 2\n3 | 1, null\n4 | null, null\n5 | 5, 5");
        stage_expect(&g, "1 | 1, 2, 3\n2 | null, 2, null\n3 | 1, null, null\n4 | null, null, null\n"
                         "5 | 5, 5, 10\n");
        CU_ASSERT_EQUAL(calls, 2);
        stage_end(&g);
    }
}

static void rows_that_a_selection_hides_are_not_passed(void)
{
    for (int direct = 0; direct < 2; direct++) {
        struct stage g;
        call_stage_init(&g, "a: f64", "a: f64, h: f64", "f64(f64)", "a", "h");
        call_stage_start(&g, FN(half), NULL, direct);
        calls = 0;
        CU_ASSERT_EQUAL(stage_rows(&g, hide(&g, weir_test_rows(g.s.env.pool, g.in, "1|2\n2|4\n3|6"), 5)), WEIR_OK);
        stage_expect(&g, "1 | 2, 1\n3 | 6, 3\n");
        CU_ASSERT_EQUAL(calls, 2);
        stage_end(&g);
    }
}

/* Bitmaps alone begin inside a byte in a slice. */
static void slices_are_read_from_where_they_begin(void)
{
    struct stage g;
    call_stage_init(&g, "a: f64?, s: string?", "a: f64?, s: i64", "i64(string?)", "s", "s");
    call_stage_start(&g, FN(length_of), NULL, true);
    struct weir_rows *all = weir_test_rows(g.s.env.pool, g.in, "1|1,x\n2|2,yy\n3|3,null\n4|null,zzz\n5|5,null");
    for (int64_t from = 0; from < 4; from++) CU_ASSERT_EQUAL(stage_rows(&g, weir_rows_slice(g.s.env.pool, all, from, 2)), 0);
    weir_rows_release(all);
    stage_expect(&g, "1 | 1, 1\n2 | 2, 2\n2 | 2, 2\n3 | 3, -1\n3 | 3, -1\n4 | null, 3\n4 | null, 3\n5 | 5, -1\n");
    stage_end(&g);
}

static void a_function_may_take_nothing(void)
{
    struct stage g;
    call_stage_init(&g, "a: f64", "a: f64, n: i64", "i64()", "", "n");
    call_stage_start(&g, FN(thirteen), NULL, true);
    calls = 0;
    stage_feed(&g, "1 | 1\n2 | 2");
    stage_expect(&g, "1 | 1, 13\n2 | 2, 13\n");
    CU_ASSERT_EQUAL(calls, 2);
    stage_end(&g);
}

static void a_filter_keeps_what_is_true(void)
{
    struct stage g;
    call_stage_init(&g, "s: string?", "s: string?", "bool(string)", "s", NULL);
    call_stage_start(&g, FN(is_long), NULL, true);
    stage_feed(&g, "1 | yes\n2 | no\n3 | null\n4 | maybe");
    stage_expect(&g, "1 | yes\n4 | maybe\n");
    stage_feed(&g, "1 | yes\n2 | indeed");
    stage_expect(&g, "1 | yes\n2 | indeed\n");
    CU_ASSERT_EQUAL(stage_rows(&g, hide(&g, weir_test_rows(g.s.env.pool, g.in, "1|yes\n2|indeed\n3|no"), 6)), WEIR_OK);
    stage_expect(&g, "2 | indeed\n");
    stage_end(&g);
}

/* ---- strings --------------------------------------------------------------------------------------------------------- */

static void strings_are_copied_with_a_nul(void)
{
    struct stage g;
    call_stage_init(&g, "s: string?", "s: string?, t: string?", "string(string)", "s", "t");
    call_stage_start(&g, FN(scribble), NULL, true);
    stage_feed(&g, "1 | abc\n2 | \n3 | null\n4 | d");
    stage_expect(&g, "1 | abc, #bc\n2 | , \n3 | null, null\n4 | d, #\n");
    stage_end(&g);
}

static void a_null_string_is_passed_where_the_signature_says_so(void)
{
    struct stage g;
    call_stage_init(&g, "s: string?", "s: string?, n: i64", "i64(string?)", "s", "n");
    call_stage_start(&g, FN(length_of), NULL, true);
    stage_feed(&g, "1 | abc\n2 | null");
    stage_expect(&g, "1 | abc, 3\n2 | null, -1\n");
    stage_end(&g);
}

static void a_borrowed_string_is_copied_before_the_next_call(void)
{
    struct stage g;
    call_stage_init(&g, "n: i64", "n: i64, t: string", "string(i64)", "n", "t");
    call_stage_start(&g, FN(in_one_place), NULL, true);
    stage_feed(&g, "1 | 1\n2 | 22\n3 | 333");
    stage_expect(&g, "1 | 1, <1>\n2 | 22, <22>\n3 | 333, <333>\n");
    stage_end(&g);
}

static void a_returned_null_is_null_where_the_signature_says_so(void)
{
    struct stage g;
    call_stage_init(&g, "s: string", "s: string, t: string?", "string?(string)", "s", "t");
    call_stage_start(&g, FN(second_word), NULL, true);
    stage_feed(&g, "1 | ann bee\n2 | cat\n3 | dee eel");
    stage_expect(&g, "1 | ann bee, bee\n2 | cat, null\n3 | dee eel, eel\n");
    stage_end(&g);
    call_stage_init(&g, "s: string", "s: string, t: string", "string(string)", "s", "t");
    call_stage_start(&g, FN(second_word), NULL, true);
    CU_ASSERT_EQUAL(stage_try(&g, "1 | ann bee\n2 | cat"), WEIR_E_DATA);
    CU_ASSERT_STRING_EQUAL(g.op->error.text,
                           "the function returned NULL; for one that may, the signature says string?\n    fn(s)\n    ^^^^^\n"
                           "  in the record {s: \"cat\"}");
    stage_end(&g);
}

static void an_owned_string_is_freed_whatever_becomes_of_it(void)
{
    struct stage g;
    call_stage_init(&g, "n: i64", "n: i64, t: string?", "owned(free_made) string?(i64)", "n", "t");
    g.node->malformed = WEIR_MALFORMED_SKIP;
    call_stage_start(&g, FN(made), FN(free_made), true);
    freed = 0;
    stage_feed(&g, "1 | 1\n2 | 2\n3 | 3\n4 | 4"); /* 2 is NULL, 3 is not UTF-8 */
    stage_expect(&g, "1 | 1, 1\n2 | 2, null\n4 | 4, 4\n");
    CU_ASSERT_EQUAL(freed, 3);
    CU_ASSERT_EQUAL(g.op->counters.rejected, 1);
    stage_end(&g);
}

static void long_strings_find_room(void)
{
    struct stage g;
    int64_t row = 0;
    call_stage_init(&g, "n: i64", "n: i64, t: string", "string(i64)", "n", "t");
    call_stage_start(&g, FN(much), NULL, true);
    struct weir_rows *in = weir_test_rows(g.s.env.pool, g.in, "1 | 5\n2 | 100000\n3 | 0\n4 | 70000\n5 | 100000");
    CU_ASSERT_EQUAL_FATAL(g.op->class->rows(g.op, 0, in, &row), WEIR_OK);
    static const size_t lengths[] = {5, 100000, 0, 70000, 100000};
    const struct weir_rows *out = weir_outbox_first(&g.op->outbox)->rows;
    for (int64_t i = 0; i < 5; i++) {
        weir_str s = weir_text((weir_row){&out->view, i}, 1);
        CU_ASSERT_EQUAL(s.n, lengths[i]);
        CU_ASSERT(s.n == 0 || (s.p[0] == 'm' && s.p[s.n - 1] == 'm'));
    }
    weir_rows_release(in);
    stage_end(&g);
}

/* The texts of the harness have no NUL: it is put where an '@' is. */
static struct weir_rows *with_nuls(struct stage *g, const char *text)
{
    struct weir_rows *rows = weir_test_rows(g->s.env.pool, g->in, text);
    const weir_column *c = &rows->columns[0];
    char *bytes = (char *)(uintptr_t)c->data;
    for (int32_t i = c->offsets[0]; i < c->offsets[rows->view.length]; i++) {
        if (bytes[i] == '@') bytes[i] = '\0';
    }
    return rows;
}

static void an_embedded_nul_is_a_record_error(void)
{
    struct stage g;
    call_stage_init(&g, "s: string, n: i64", "s: string, n: i64", "i64(string)", "s", "n");
    stage_side(&g, "errors", "s: string, n: i64, error: string");
    g.node->malformed = WEIR_MALFORMED_SIDE_OUTPUT;
    call_stage_start(&g, FN(length_of), NULL, true);
    calls = 0;
    CU_ASSERT_EQUAL(stage_rows(&g, with_nuls(&g, "1 | good, 0\n2 | b@d, 0\n3 | @, 0\n4 | fine, 0")), WEIR_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(weir_text_get(&g.text), "1 | good, 4\n4 | fine, 4\n1> 2 | b"));
    CU_ASSERT_EQUAL(calls, 2);
    CU_ASSERT_EQUAL(g.op->counters.rejected, 2);
    weir_text_finish(&g.text);
    CU_ASSERT_EQUAL(stage_rows(&g, hide(&g, with_nuls(&g, "1 | good, 0\n2 | b@d, 0"), 1)), WEIR_OK); /* hidden: no error */
    stage_expect(&g, "1 | good, 4\n");
    stage_end(&g);
}

/* ---- arguments that are expressions ---------------------------------------------------------------------------------- */

static void arguments_are_computed_and_their_errors_are_the_nodes(void)
{
    struct stage g;
    call_stage_init(&g, "n: i64, d: i64, s: string", "n: i64, d: i64, s: string, r: i64", "i64(string?)",
                    "if(d = 2, null, s || cast(n / d as string))", "r");
    stage_side(&g, "errors", "n: i64, d: i64, s: string, error: string");
    g.node->malformed = WEIR_MALFORMED_SIDE_OUTPUT;
    call_stage_start(&g, FN(length_of), NULL, true);
    calls = 0;
    stage_feed(&g, "1 | 100, 1, ab\n2 | 7, 0, cd\n3 | 9, 2, ef\n4 | 8, 1, gh");
    stage_expect(&g, "1 | 100, 1, ab, 5\n3 | 9, 2, ef, -1\n4 | 8, 1, gh, 3\n1> 2 | 7, 0, cd, division of 7 by zero\n");
    CU_ASSERT_EQUAL(calls, 3); /* not for the record with the error, though NULL could be passed */
    stage_end(&g);
}

/* ---- libraries ------------------------------------------------------------------------------------------------------- */

static void the_systems_loader_finds_functions(void)
{
    struct stage g;
    call_stage_init(&g, "a: f64, b: f64", "a: f64, b: f64, c: f64", "f64(f64, f64)", "a;b", "c");
    weir_free(g.node->call.function);
    g.node->call.library = weir_strdup("libm.so.6");
    g.node->call.function = weir_strdup("hypot");
    stage_use(&g, weir_call_op_create(g.node, &g.s.env, g.s.registry, "node 'x'", &g.error));
    stage_feed(&g, "1 | 3, 4");
    stage_expect(&g, "1 | 3, 4, 5\n");
    stage_end(&g);
}

static void what_is_no_function_is_refused(void)
{
    static const struct {
        const char *library, *function, *says;
    } cases[] = {
        {"libm.so.6", "hypotenuse", "libm.so.6: expected a function 'hypotenuse', found none"},
        {"libm.so.6", "signgam", "libm.so.6: expected 'signgam' to be a function, found a variable"},
        {"libnone_of_that_name.so.6", "f", "libnone_of_that_name.so.6: expected a library that the system's loader finds"},
        {"/no/such/lib.so", "f", "/no/such/lib.so: expected a file, found none"},
        {"/dev/null", "f", "/dev/null: expected a regular file"},
        {WEIR_SOURCE_DIR "/CMakeLists.txt", "f", "/CMakeLists.txt: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stage g;
        call_stage_init(&g, "a: f64", "a: f64", "f64(f64)", "a", "a");
        weir_free(g.node->call.function);
        g.node->call.library = weir_strdup(cases[i].library);
        g.node->call.function = weir_strdup(cases[i].function);
        CU_ASSERT_PTR_NULL(weir_call_op_create(g.node, &g.s.env, g.s.registry, "node 'x'", &g.error));
        if (!strstr(g.error.text, cases[i].says)) fprintf(stderr, "%s\n", g.error.text);
        CU_ASSERT_PTR_NOT_NULL(strstr(g.error.text, cases[i].says));
        stage_end(&g);
    }
}

WEIR_SUITE(call_op) = {
    {"a result is a new field or replaces one", a_result_is_a_new_field_or_replaces_one},
    {"a null is not passed and gives a null", a_null_is_not_passed_and_gives_a_null},
    {"rows that a selection hides are not passed", rows_that_a_selection_hides_are_not_passed},
    {"slices are read from where they begin", slices_are_read_from_where_they_begin},
    {"a function may take nothing", a_function_may_take_nothing},
    {"a filter keeps what is true", a_filter_keeps_what_is_true},
    {"strings are copied with a NUL", strings_are_copied_with_a_nul},
    {"a null string is passed where the signature says so", a_null_string_is_passed_where_the_signature_says_so},
    {"a borrowed string is copied before the next call", a_borrowed_string_is_copied_before_the_next_call},
    {"a returned NULL is null where the signature says so", a_returned_null_is_null_where_the_signature_says_so},
    {"an owned string is freed, whatever becomes of it", an_owned_string_is_freed_whatever_becomes_of_it},
    {"long strings find room", long_strings_find_room},
    {"an embedded NUL is a record error", an_embedded_nul_is_a_record_error},
    {"arguments are computed, and their errors are the node's", arguments_are_computed_and_their_errors_are_the_nodes},
    {"the system's loader finds functions", the_systems_loader_finds_functions},
    {"what is no function is refused", what_is_no_function_is_refused},
    {NULL, NULL}};
