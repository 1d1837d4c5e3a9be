/* Manifests as text: the tree, places, overrides, variables, and what is said about broken ones. */
#include "loader/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "harness/suite.h"

struct read {
    struct weir_document *document;
    struct weir_problems problems;
    struct weir_text printed;
};

static struct read read_with(const char *text, const struct weir_assignment *sets, size_t n_sets,
                             const struct weir_assignment *overrides, size_t n_overrides)
{
    struct read r = {0};
    r.document = weir_document_parse(weir_platform_os(), text, strlen(text), "job.yaml", ".", sets, n_sets, overrides,
                                     n_overrides, &r.problems);
    weir_problems_print(&r.problems, &r.printed);
    return r;
}

static struct read read_text(const char *text)
{
    return read_with(text, NULL, 0, NULL, 0);
}

static void done(struct read *r)
{
    weir_document_destroy(r->document);
    weir_problems_finish(&r->problems);
    weir_text_finish(&r->printed);
}

/* Follows keys through mappings: "a.b". */
static const struct weir_value *at(const struct read *r, const char *path)
{
    char *copy = weir_strdup(path), *rest = copy;
    const struct weir_value *v = weir_document_root(r->document);
    for (char *name; v && (name = strsep(&rest, "."));) v = weir_value_get(v, name);
    weir_free(copy);
    return v;
}

static const char *text_at(const struct read *r, const char *path)
{
    const struct weir_value *v = at(r, path);
    return v && v->kind == WEIR_VALUE_SCALAR ? v->text : "(none)";
}

static void expect_problem(const char *manifest, const char *expected)
{
    struct read r = read_text(manifest);
    CU_ASSERT(r.problems.n > 0);
    WEIR_ASSERT_CONTAINS(weir_text_get(&r.printed), expected);
    done(&r);
}

static void reads_a_tree(void)
{
    struct read r =
        read_text("job: shop\nlist: [1, 'two', \"th\\\"ree\"]\nmap:\n  a: {b: c}\n  empty:\nblock: |\n  x\n  y\n");
    CU_ASSERT_EQUAL(r.problems.n, 0);
    CU_ASSERT_STRING_EQUAL(text_at(&r, "job"), "shop");
    CU_ASSERT_STRING_EQUAL(text_at(&r, "map.a.b"), "c");
    CU_ASSERT_STRING_EQUAL(text_at(&r, "block"), "x\ny\n");
    CU_ASSERT_EQUAL(at(&r, "map.empty")->kind, WEIR_VALUE_NULL);
    const struct weir_value *list = at(&r, "list");
    CU_ASSERT_EQUAL(list->n, 3);
    CU_ASSERT_FALSE(list->items[0]->quoted);
    CU_ASSERT_TRUE(list->items[1]->quoted);
    CU_ASSERT_STRING_EQUAL(list->items[2]->text, "th\"ree");
    done(&r);
}

static void keeps_the_place_of_everything(void)
{
    struct read r = read_text("job: shop\nmap: {'kéy': \"välue\",  other: x}\n");
    const struct weir_value *value = at(&r, "map.kéy"), *key = weir_value_key(at(&r, "map"), "kéy"),
                            *other = at(&r, "map.other");
    CU_ASSERT_EQUAL(key->mark.line, 2);
    CU_ASSERT_EQUAL(key->mark.column, 7);
    CU_ASSERT_EQUAL(key->mark.length, 5);
    CU_ASSERT_EQUAL(value->mark.column, 14);
    CU_ASSERT_EQUAL(value->mark.length, 7);
    CU_ASSERT_EQUAL(other->mark.column, 31);
    CU_ASSERT_EQUAL(other->mark.length, 1);
    done(&r);
}

static void copies_what_an_alias_names(void)
{
    struct read r = read_text("vars: {v: 1}\na: &x {k: \"$${v}\", l: [&y two]}\nb: *x\nc: *y\n");
    CU_ASSERT_EQUAL(r.problems.n, 0);
    CU_ASSERT_STRING_EQUAL(text_at(&r, "a.k"), "${v}");
    CU_ASSERT_STRING_EQUAL(text_at(&r, "b.k"), "${v}");
    CU_ASSERT_STRING_EQUAL(text_at(&r, "c"), "two");
    done(&r);
}

static void refuses_a_thousand_laughs(void)
{
    struct weir_text text = {0};
    weir_text_add(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 12; i++) {
        weir_text_add(&text, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++) weir_text_add(&text, "%s*a%d", k ? ", " : "", i - 1);
        weir_text_add(&text, "]\n");
    }
    struct read r = read_text(weir_text_get(&text));
    CU_ASSERT_PTR_NULL(r.document);
    CU_ASSERT_EQUAL(r.problems.n, 1);
    WEIR_ASSERT_CONTAINS(weir_text_get(&r.printed), "more than 1048576 values");
    done(&r);
    weir_text_finish(&text);
}

static void refuses_deep_nesting(void)
{
    struct weir_text text = {0};
    for (int i = 0; i < 100000; i++) weir_text_add_bytes(&text, "[", 1);
    struct read r = read_text(weir_text_get(&text));
    CU_ASSERT_PTR_NULL(r.document);
    WEIR_ASSERT_CONTAINS(weir_text_get(&r.printed), "job.yaml:1:65: error: lists and mappings are nested more than 64 deep");
    done(&r);
    weir_text_finish(&text);
}

static void an_empty_file_is_an_empty_document(void)
{
    struct read r = read_text("");
    CU_ASSERT_PTR_NOT_NULL_FATAL(r.document);
    CU_ASSERT_EQUAL(weir_document_root(r.document)->kind, WEIR_VALUE_NULL);
    done(&r);
}

/* ---- what is wrong -------------------------------------------------------------------------------------------------- */

static void shows_the_line_and_a_caret(void)
{
    expect_problem("a: 1\nb: {x: 1,\tx: 2}\n", "job.yaml:2:11: error: the key 'x' is written twice\n"
                                               "    2 | b: {x: 1,\tx: 2}\n"
                                               "      |          \t^\n"
                                               "  help: it is first written in line 2\n");
}

static void names_the_bracket_that_stays_open(void)
{
    expect_problem("a: [1, 2\nb: c\n", "job.yaml:1:4: error: this '[' is never closed\n"
                                       "    1 | a: [1, 2\n"
                                       "      |    ^\n");
}

static void explains_syntax_errors(void)
{
    expect_problem("n:\n  - id: x\n    source: p\n   sink: z\n", "check the indentation");
    expect_problem("a: b: c\n", "job.yaml:1:5: error: this is not YAML: invalid nested block mapping on the same line");
    expect_problem("a: {t: ${x}}\n", "help: inside { } a value that holds { or $ must be quoted");
    expect_problem("a: 1\n---\nb: 2\n", "job.yaml:2:1: error: a second document starts here");
    expect_problem("a: \xff\n", "job.yaml:1:4: error: the text is not UTF-8: byte 0xff");
    expect_problem("a: !!str 5\n", "tags ('!...') are not supported");
    expect_problem("? [a]\n: b\n", "expected a name as the key, found a list");
    expect_problem("a: *nope\n", "job.yaml:1:4: error: there is no anchor 'nope' here");
    expect_problem("a: &x {b: 1}\nc:\n  <<: *x\n", "merge keys ('<<') are not supported");
}

static void cuts_long_lines_around_the_place(void)
{
    struct weir_text text = {0};
    weir_text_add(&text, "a: {");
    for (int i = 0; i < 60; i++) weir_text_add(&text, "key%d: value%d, ", i, i);
    weir_text_add(&text, "key0: again}\n");
    struct read r = read_text(weir_text_get(&text));
    char *line = strchr(weir_text_get(&r.printed), '\n') + 1, *caret = strchr(line, '\n') + 1;
    CU_ASSERT(strcspn(line, "\n") < 180);
    CU_ASSERT_EQUAL(strncmp(line + strcspn(caret, "^"), "key0: again", 11), 0);
    done(&r);
    weir_text_finish(&text);
}

static void sorts_problems_by_place_and_says_each_once(void)
{
    struct weir_problems problems = {0};
    struct weir_mark second = {.origin = "f", .line = 2, .column = 1, .length = 1},
                     first = {.origin = "f", .line = 1, .column = 9, .length = 1};
    struct weir_mark outside = {.origin = "--set x", .length = 1};
    weir_problems_add(&problems, &outside, NULL, "three");
    weir_problems_add(&problems, &second, NULL, "two");
    weir_problems_add(&problems, &first, "do", "one");
    weir_problems_add(&problems, &second, NULL, "two");
    struct weir_text out = {0};
    weir_problems_print(&problems, &out);
    CU_ASSERT_STRING_EQUAL(weir_text_get(&out), "f:1:9: error: one\n  help: do\nf:2:1: error: two\n--set x: error: three\n");
    weir_text_finish(&out);
    weir_problems_print_json(&problems, &out);
    WEIR_ASSERT_CONTAINS(weir_text_get(&out),
                         "{\"origin\": \"f\", \"line\": 1, \"column\": 9, \"message\": \"one\", \"help\": \"do\"}");
    weir_text_finish(&out);
    weir_problems_finish(&problems);
}

/* ---- -D ------------------------------------------------------------------------------------------------------------- */

static void overrides_change_the_tree(void)
{
    const struct weir_assignment overrides[] = {
        {"defaults.parallelism", "7"}, {"checkpoint.every", "1s"}, {"nodes.b.opt", "{x: [1]}"}, {"nodes.0.opt", "z"}};
    struct read r = read_with("defaults: {parallelism: 2, other: 3}\nnodes:\n  - {id: a, opt: x}\n  - {id: b, opt: y}\n",
                              NULL, 0, overrides, 4);
    CU_ASSERT_EQUAL(r.problems.n, 0);
    CU_ASSERT_STRING_EQUAL(text_at(&r, "defaults.parallelism"), "7");
    CU_ASSERT_STRING_EQUAL(at(&r, "defaults.parallelism")->mark.origin, "-D defaults.parallelism");
    CU_ASSERT_EQUAL(at(&r, "defaults.parallelism")->mark.line, 0);
    CU_ASSERT_STRING_EQUAL(text_at(&r, "defaults.other"), "3");
    CU_ASSERT_STRING_EQUAL(text_at(&r, "checkpoint.every"), "1s");
    const struct weir_value *nodes = at(&r, "nodes");
    CU_ASSERT_STRING_EQUAL(weir_value_get(nodes->items[0], "opt")->text, "z");
    CU_ASSERT_EQUAL(weir_value_get(nodes->items[1], "opt")->kind, WEIR_VALUE_MAPPING);
    done(&r);
}

static void overrides_that_lead_nowhere_are_problems(void)
{
    const struct weir_assignment overrides[] = {{"job.x", "1"}, {"nodes.pagse.y", "1"}, {"a..b", "1"}, {"job", "[1"}};
    struct read r = read_with("job: shop\nnodes: [{id: pages}]\n", NULL, 0, overrides, 4);
    CU_ASSERT_STRING_EQUAL(weir_text_get(&r.printed),
                           "-D job.x: error: 'job' is a single value and has no 'x' in it\n"
                           "-D nodes.pagse.y: error: the list has no member 'pagse'\n  help: did you mean 'pages'?\n"
                           "-D a..b: error: a name in the path is empty\n  help: write it as -D path.to.key=value\n"
                           "-D job: error: this '[' is never closed\n");
    done(&r);
}

static void an_override_cannot_nest_without_end(void)
{
    char *path = weir_alloc(2 * 50000 + 2);
    for (size_t i = 0; i < 50000; i++) memcpy(path + 2 * i, "a.", 2);
    path[2 * 50000] = 'a';
    const struct weir_assignment overrides[] = {{path, "1"}};
    struct read r = read_with("job: shop\n", NULL, 0, overrides, 1);
    CU_ASSERT_EQUAL(r.problems.n, 1);
    WEIR_ASSERT_CONTAINS(weir_text_get(&r.printed), "the path has more than 64 names");
    done(&r);
    weir_free(path);
}

/* ---- variables ------------------------------------------------------------------------------------------------------ */

static void replaces_variables(void)
{
    const struct weir_assignment sets[] = {{"size", "2h"}, {"in", "here"}};
    struct read r = read_with("vars: {in: ./data, size: 1h, log: \"${in}/log\"}\na: ${size}\nb: [\"${log}/x$${in}$\", "
                              "$]\nc: ${in}/y\nd: x/${in}\n",
                              sets, 2, NULL, 0);
    CU_ASSERT_EQUAL(r.problems.n, 0);
    CU_ASSERT_STRING_EQUAL(text_at(&r, "a"), "2h");
    CU_ASSERT_STRING_EQUAL(at(&r, "b")->items[0]->text, "here/log/x${in}$");
    CU_ASSERT_STRING_EQUAL(at(&r, "b")->items[1]->text, "$");
    CU_ASSERT_TRUE(at(&r, "c")->from_here);
    CU_ASSERT_TRUE(at(&r, "b")->items[0]->from_here);
    CU_ASSERT_FALSE(at(&r, "d")->from_here);
    CU_ASSERT_FALSE(at(&r, "a")->secret);
    done(&r);
}

static void says_what_is_wrong_with_variables(void)
{
    const struct weir_assignment sets[] = {{"inn", "x"}};
    struct read r = read_with("vars: {in: ./data, must: , l: [1]}\na: x-${im}-y\nb: \"${in\"\n${in}: 1\n", sets, 1, NULL, 0);
    CU_ASSERT_STRING_EQUAL(
        weir_text_get(&r.printed),
        "job.yaml:1:20: error: the variable 'must' has no value\n    1 | vars: {in: ./data, must: , l: [1]}\n"
        "      |                    ^~~~\n  help: run with --set must=VALUE, or give it a default here\n"
        "job.yaml:1:31: error: a variable is a single text or number, not a list\n    1 | vars: {in: ./data, must: , l: "
        "[1]}\n"
        "      |                               ^\n"
        "job.yaml:2:6: error: there is no variable 'im'\n    2 | a: x-${im}-y\n      |      ^~~~~\n  help: did you mean "
        "'in'?\n"
        "job.yaml:3:5: error: a '}' is missing after '${'\n    3 | b: \"${in\"\n      |     ^~~~\n  help: write $${ for a "
        "literal ${\n"
        "job.yaml:4:1: error: variables are replaced in values, not in keys\n    4 | ${in}: 1\n      | ^~~~~\n"
        "--set inn: error: the manifest has no variable 'inn'\n  help: did you mean 'in'?\n");
    CU_ASSERT_TRUE(at(&r, "a")->broken);
    done(&r);
}

static void secrets_are_marked_wherever_they_go(void)
{
    FILE *f = fopen(WEIR_BUILD_DIR "/secret.txt", "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs("hush\n", f);
    fclose(f);
    setenv("WEIR_TEST_TOKEN", "s3cret", 1);
    unsetenv("WEIR_TEST_UNSET");
    struct read r = read_text("vars: {t: \"${env:WEIR_TEST_TOKEN}\"}\na: Bearer ${t}\nb: ${file:" WEIR_BUILD_DIR
                              "/secret.txt}\nc: ${env:WEIR_TEST_UNSET}\nd: ${file:/no/such}\n");
    CU_ASSERT_STRING_EQUAL(text_at(&r, "a"), "Bearer s3cret");
    CU_ASSERT_TRUE(at(&r, "a")->secret);
    CU_ASSERT_STRING_EQUAL(text_at(&r, "b"), "hush");
    CU_ASSERT_TRUE(at(&r, "b")->secret);
    CU_ASSERT_EQUAL(r.problems.n, 2);
    WEIR_ASSERT_CONTAINS(weir_text_get(&r.printed),
                         "job.yaml:4:4: error: the environment variable 'WEIR_TEST_UNSET' is not set");
    WEIR_ASSERT_CONTAINS(weir_text_get(&r.printed), "job.yaml:5:4: error: the file cannot be read: ");
    done(&r);
    remove(WEIR_BUILD_DIR "/secret.txt");
}

/* ---- files and calls ------------------------------------------------------------------------------------------------ */

static void reads_a_file_through_the_platform(void)
{
    struct weir_problems problems = {0};
    struct weir_document *d = weir_document_read(weir_platform_os(), "/no/such/job.yaml", NULL, 0, NULL, 0, &problems);
    CU_ASSERT_PTR_NULL(d);
    struct weir_text out = {0};
    weir_problems_print(&problems, &out);
    WEIR_ASSERT_CONTAINS(weir_text_get(&out), "/no/such/job.yaml: error: the manifest cannot be read: ");
    weir_text_finish(&out);
    weir_problems_finish(&problems);
}

static void builds_the_same_tree_by_calls(void)
{
    struct weir_document *d = weir_document_create("program", "/base");
    struct weir_value *root = weir_document_mapping(d, NULL), *nodes = weir_document_sequence(d, NULL);
    weir_value_append(nodes, weir_document_scalar(d, "${not a variable}", "node 'a'"));
    weir_document_put(d, root, "job", weir_document_scalar(d, "x", NULL));
    weir_document_put(d, root, "job", weir_document_scalar(d, "y", NULL));
    weir_document_put(d, root, "nodes", nodes);
    weir_document_set_root(d, root);
    CU_ASSERT_EQUAL(root->n, 2);
    CU_ASSERT_STRING_EQUAL(weir_value_get(weir_document_root(d), "job")->text, "y");
    CU_ASSERT_STRING_EQUAL(nodes->items[0]->mark.origin, "node 'a'");
    CU_ASSERT_STRING_EQUAL(nodes->items[0]->text, "${not a variable}");
    CU_ASSERT_STRING_EQUAL(weir_document_base_dir(d), "/base");
    weir_document_destroy(d);
}

/* Whatever the bytes, reading ends with a tree or with problems, and frees what it took. */
static void survives_mangled_manifests(void)
{
    static const char good[] =
        "job: shop\nvars: {a: &x '1', b: \"${a}\"}\nnodes:\n  - {id: n, l: [1, *x]}\n  - id: m\n    t: |\n      block\n";
    size_t before = weir_allocated_blocks();
    unsigned state = 7;
    for (int round = 0; round < 3000; round++) {
        char text[sizeof good];
        memcpy(text, good, sizeof good);
        for (int k = 0; k < 1 + round % 4; k++) {
            state = state * 1664525u + 1013904223u;
            text[(state >> 8) % (sizeof good - 1)] = "[]{}:,&*\"'$\n\t -#|>?!%@`x"[(state >> 3) % 24];
        }
        struct read r = read_text(text);
        CU_ASSERT(r.document || r.problems.n > 0);
        done(&r);
    }
    CU_ASSERT_EQUAL(weir_allocated_blocks(), before);
}

WEIR_SUITE(document) = {{"reads a tree", reads_a_tree},
                        {"keeps the place of everything", keeps_the_place_of_everything},
                        {"copies what an alias names", copies_what_an_alias_names},
                        {"refuses a thousand laughs", refuses_a_thousand_laughs},
                        {"refuses deep nesting", refuses_deep_nesting},
                        {"an empty file is an empty document", an_empty_file_is_an_empty_document},
                        {"shows the line and a caret", shows_the_line_and_a_caret},
                        {"names the bracket that stays open", names_the_bracket_that_stays_open},
                        {"explains syntax errors", explains_syntax_errors},
                        {"cuts long lines around the place", cuts_long_lines_around_the_place},
                        {"sorts problems by place and says each once", sorts_problems_by_place_and_says_each_once},
                        {"overrides change the tree", overrides_change_the_tree},
                        {"overrides that lead nowhere are problems", overrides_that_lead_nowhere_are_problems},
                        {"an override cannot nest without end", an_override_cannot_nest_without_end},
                        {"replaces variables", replaces_variables},
                        {"says what is wrong with variables", says_what_is_wrong_with_variables},
                        {"secrets are marked wherever they go", secrets_are_marked_wherever_they_go},
                        {"reads a file through the platform", reads_a_file_through_the_platform},
                        {"builds the same tree by calls", builds_the_same_tree_by_calls},
                        {"survives mangled manifests", survives_mangled_manifests},
                        {NULL, NULL}};
