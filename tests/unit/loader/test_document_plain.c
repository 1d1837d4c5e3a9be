/* The reader of what weir writes: where it does not give up, it gives what the reader of YAML gives. */
#include "base/alloc.h"
#include "base/random.h"
#include "loader/document_internal.h"
#include "plugin_fixture.h"

static void check_mark(const struct weir_mark *a, const struct weir_mark *b)
{
    CU_ASSERT_EQUAL(a->line, b->line);
    CU_ASSERT_EQUAL(a->column, b->column);
    CU_ASSERT_EQUAL(a->length, b->length);
    CU_ASSERT_PTR_EQUAL(a->source_line, b->source_line);
    CU_ASSERT_STRING_EQUAL(a->origin, b->origin);
}

static void check_same(const struct weir_value *a, const struct weir_value *b)
{
    CU_ASSERT_EQUAL_FATAL(a->kind, b->kind);
    CU_ASSERT_EQUAL_FATAL(a->n, b->n);
    CU_ASSERT_EQUAL(a->quoted, b->quoted);
    check_mark(&a->mark, &b->mark);
    if (a->kind == WEIR_VALUE_SCALAR) CU_ASSERT_STRING_EQUAL(a->text, b->text);
    for (size_t i = 0; i < a->n; i++) {
        if (a->kind == WEIR_VALUE_SEQUENCE) {
            check_same(a->items[i], b->items[i]);
        } else {
            check_same(a->pairs[i].key, b->pairs[i].key);
            check_same(a->pairs[i].value, b->pairs[i].value);
        }
    }
}

/* Whether it was read; then as YAML is. */
static bool reads(const char *text, size_t n)
{
    struct weir_document *d = weir_document_create("x", ".");
    struct weir_problems problems = {0};
    char *copy = weir_strndup(text, n); /* of its own size, so that reading too far is seen */
    const struct weir_value *plain = weir__document_parse_plain(d, copy, n, "x");
    if (plain) {
        const struct weir_value *yaml = weir__document_parse_yaml(d, copy, n, "x", true, &problems);
        if (!yaml || problems.n) fprintf(stderr, "%s\n%s\n", problems.n ? problems.problems[0].message : "", copy);
        CU_ASSERT_PTR_NOT_NULL_FATAL(yaml);
        CU_ASSERT_EQUAL(problems.n, 0);
        check_same(plain, yaml);
    }
    weir_problems_finish(&problems);
    weir_document_destroy(d);
    weir_free(copy);
    return plain != NULL;
}

static void reads_manifests(void)
{
    struct bytes b = load(GOOD_MANIFEST);
    CU_ASSERT(reads(b.p, b.n));
    free(b.p);
}

static void gives_up(void)
{
    static const char *const texts[] = {"",
                                        "\n",
                                        "a",
                                        "a: b",
                                        "a: 'b'\n",
                                        "a:\n",
                                        "a: null\n",
                                        "a: b c\n",
                                        "a: b\r\n",
                                        "a: \"b\n\"\n",
                                        "a: b\na: c\n",
                                        "- a\n",
                                        "a:  b\n",
                                        "a: [b,c]\n",
                                        "a: {b: [c]}\n",
                                        "a: []\n",
                                        "a: &b c\n",
                                        "a: !b c\n",
                                        "a: -1\n",
                                        "a: \"\\x41\"\n",
                                        "a: \"\\u0000\"\n",
                                        "a: \"\\u0041\"\n",
                                        "a:\n- b\n",
                                        "a: b # c\n",
                                        "---\na: b\n",
                                        "a: b\n...\n",
                                        "a: b\n c: d\n",
                                        "a:\tb\n",
                                        "a: \"\303\244\"\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) CU_ASSERT_FALSE(reads(texts[i], strlen(texts[i])));
    CU_ASSERT_FALSE(reads("a: b\0\n", 6));
}

static void reads_what_is_simple(void)
{
    static const char *const texts[] = {
        "a: b\n", "# c\na: \"b\"\n", "a: [b, \"c, d\"]\n", "a:\n  b: {c: d, e: \"f\"}\n",
        "a:\n  - b: c\n    d:\n      - {e: f}\n  - g: h\ni: \"\\\"\\\\\\b\\f\\n\\r\\t\\u001f\"\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) CU_ASSERT(reads(texts[i], strlen(texts[i])));
}

/* A few lines of a text from anywhere, moved to the left; the caller frees. */
static char *some_lines(const char *text, size_t n, struct weir_random *random, size_t *n_lines)
{
    const char *from = text + weir_random_below(random, n), *end = text + n;
    while (from > text && from[-1] != '\n') from--;
    size_t indent = strspn(from, " "), at = 0;
    char *lines = weir_alloc(n + 1);
    for (uint64_t left = 1 + weir_random_below(random, 12); left > 0 && from < end; left--) {
        size_t blanks = strspn(from, " "), skip = blanks < indent ? blanks : indent, length = strcspn(from, "\n") + 1;
        memcpy(lines + at, from + skip, length - skip);
        at += length - skip;
        from += length;
    }
    *n_lines = at;
    return lines;
}

/* Changes of a few bytes, by what is written in manifests most. */
static void differs_from_yaml_in_nothing(void)
{
    static const char bytes[] = "  \n\n\"\":-,[]{}#\\abz09_u&*!|>'%@`?.~\t";
    struct bytes b = load(GOOD_MANIFEST);
    struct weir_random random = {.state = 1};
    size_t n_read = 0, n;
    for (int i = 0; i < 20000; i++) {
        char *lines = some_lines(b.p, b.n, &random, &n);
        for (uint64_t k = weir_random_below(&random, 3); k > 0; k--)
            lines[weir_random_below(&random, n)] = bytes[weir_random_below(&random, sizeof bytes - 1)];
        n_read += reads(lines, n);
        weir_free(lines);
    }
    CU_ASSERT(n_read > 4000);
    free(b.p);
}

WEIR_SUITE(document_plain) = {{"reads manifests", reads_manifests},
                              {"gives up at what is not so simple", gives_up},
                              {"reads what is simple", reads_what_is_simple},
                              {"differs from the reader of YAML in nothing", differs_from_yaml_in_nothing},
                              {NULL, NULL}};
