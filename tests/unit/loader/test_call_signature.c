/* Signatures of C functions: what they mean, what is said about wrong ones, and that no text does harm. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "harness/suite.h"
#include "loader/call_signature.h"

static void expect_same(const char *text, const char *printed)
{
    struct weir_call_signature s;
    struct weir_expr_problem problem;
    struct weir_text out = {0};
    bool ok = weir_call_signature_parse(text, &s, &problem);
    if (!ok) fprintf(stderr, "%s: %s\n", text, problem.message);
    CU_ASSERT_TRUE_FATAL(ok);
    weir_text_add_call_signature(&out, &s);
    CU_ASSERT_STRING_EQUAL(weir_text_get(&out), printed);
    weir_text_finish(&out);
    weir_call_signature_finish(&s);
}

static void expect_problem(const char *text, size_t offset, size_t length, const char *message, const char *help)
{
    struct weir_call_signature s;
    struct weir_expr_problem problem = {0};
    CU_ASSERT_FALSE(weir_call_signature_parse(text, &s, &problem));
    CU_ASSERT_STRING_EQUAL(problem.message, message);
    CU_ASSERT_STRING_EQUAL(problem.help, help);
    CU_ASSERT_EQUAL(problem.offset, offset);
    CU_ASSERT_EQUAL(problem.length, length);
    weir_call_signature_finish(&s);
}

static void signatures_are_read(void)
{
    expect_same("f64(f64, f64)", "f64(f64, f64)");
    expect_same(" bool ( i32,i64 ,f32, timestamp , string ? ) ", "bool(i32, i64, f32, timestamp, string?)");
    expect_same("i64()", "i64()");
    expect_same("string(string)", "string(string)");
    expect_same("owned string?(string?)", "owned string?(string?)");
    expect_same("owned(own_free) string()", "owned(own_free) string()");
    expect_same("owned ( f )\nstring()", "owned(f) string()");
}

#define EXAMPLE "write it as in f64(f64, string?)"

static void wrong_signatures_are_told_where_and_how(void)
{
    expect_problem("", 0, 0, "expected a type, found the end", EXAMPLE);
    expect_problem("f64", 3, 0, "expected '(' and the types of the parameters, found the end", EXAMPLE);
    expect_problem("f64(f64", 7, 0, "expected ',' or ')', found the end", EXAMPLE);
    expect_problem("f64(f64,)", 8, 1, "expected a type, found ')'", EXAMPLE);
    expect_problem("f64(f64) x", 9, 1, "expected nothing more, found 'x'", EXAMPLE);
    expect_problem("f64(\xc3\xbc)", 4, 2, "expected a type, found '\xc3\xbc'", EXAMPLE);
    expect_problem("f64(f64 f64)", 8, 1, "expected ',' or ')', found 'f'", EXAMPLE);
    expect_problem("owned(", 6, 0, "expected the name of a function that frees the string, found the end", EXAMPLE);
    expect_problem("double(f64)", 0, 6, "'double' is no type of a signature", "write f64");
    expect_problem("f64(flot)", 4, 4, "'flot' is no type of a signature",
                   "the types are bool, i32, i64, f32, f64, timestamp and string");
    expect_problem("f64(i46)", 4, 3, "'i46' is no type of a signature", "write i64");
    expect_problem("f64(const char *)", 4, 5, "'const' is no type of a signature", "write string");
    expect_problem("void(f64)", 0, 4, "'void' cannot be passed or given back",
                   "a step computes something from its arguments: both have to be there");
    expect_problem("f64(bytes)", 4, 5, "'bytes' has no form that a plain C function takes", "write a plugin for it");
    expect_problem("f64(f64?)", 4, 4, "a f64 of C cannot be null",
                   "leave the '?' out: where an argument is null, the function is not called and the result is null");
    expect_problem("owned f64(f64)", 0, 5, "only a string is owned: a f64 has nothing to free", "");
    expect_problem("i32(string, ...)", 12, 3, "a function with variable arguments cannot be called",
                   "wrap it in a function of your own, with fixed parameters");
}

static void parameters_have_a_limit(void)
{
    struct weir_text text = {0};
    weir_text_add(&text, "f64(f64");
    for (int i = 1; i < WEIR_CALL_MAX_PARAMS; i++) weir_text_add(&text, ",f64");
    struct weir_call_signature s;
    struct weir_expr_problem problem;
    char *full = weir_format("%s)", weir_text_get(&text)), *over = weir_format("%s,f64)", weir_text_get(&text));
    CU_ASSERT_TRUE(weir_call_signature_parse(full, &s, &problem));
    CU_ASSERT_EQUAL(s.n_params, WEIR_CALL_MAX_PARAMS);
    weir_call_signature_finish(&s);
    CU_ASSERT_FALSE(weir_call_signature_parse(over, &s, &problem));
    CU_ASSERT_STRING_EQUAL(problem.message, "at most 32 parameters can be passed");
    weir_call_signature_finish(&s);
    weir_free(full);
    weir_free(over);
    weir_text_finish(&text);
}

/* Pieces of signatures in any order, and bytes that are none: a problem lies inside the text, a signature prints as one that
 * reads the same. */
static void hostile_texts_do_no_harm(void)
{
    static const char *const pieces[] = {"f64", "string", "owned", "(", ")", ",", "?", " ", "bool", "\xff", "x", "...", "9"};
    struct weir_random random = {7};
    for (int n = 0; n < 20000; n++) {
        struct weir_text text = {0};
        for (uint64_t k = weir_random_below(&random, 12); k > 0; k--)
            weir_text_add(&text, "%s", pieces[weir_random_below(&random, sizeof pieces / sizeof *pieces)]);
        struct weir_call_signature s;
        struct weir_expr_problem problem = {0};
        if (weir_call_signature_parse(weir_text_get(&text), &s, &problem)) {
            struct weir_text printed = {0};
            weir_text_add_call_signature(&printed, &s);
            expect_same(weir_text_get(&printed), weir_text_get(&printed));
            weir_text_finish(&printed);
        } else {
            CU_ASSERT_TRUE(*problem.message && problem.offset + problem.length <= text.n);
        }
        weir_call_signature_finish(&s);
        weir_text_finish(&text);
    }
    char *long_word = weir_format("f64(%*s)", 100000, "x");
    memset(long_word + 4, 'y', 100000);
    struct weir_call_signature s;
    struct weir_expr_problem problem;
    CU_ASSERT_FALSE(weir_call_signature_parse(long_word, &s, &problem));
    weir_call_signature_finish(&s);
    weir_free(long_word);
}

WEIR_SUITE(call_signature) = {{"signatures are read", signatures_are_read},
                              {"wrong signatures are told where and how", wrong_signatures_are_told_where_and_how},
                              {"parameters have a limit", parameters_have_a_limit},
                              {"hostile texts do no harm", hostile_texts_do_no_harm},
                              {NULL, NULL}};
