/* The guide page of expressions lists every function and operator of the table, in its order and words. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/platform.h"
#include "expr/expr.h"
#include "harness/suite.h"

static char *read_page(void)
{
    char *page = NULL;
    size_t n;
    struct weir_error error;
    CU_ASSERT_EQUAL_FATAL(
        weir_read_file(weir_platform_os(), WEIR_SOURCE_DIR "/docs/guide/expressions.md", 1 << 20, &page, &n, &error),
        WEIR_OK);
    return page;
}

/* A row of a Markdown table, where '|' is written with a backslash. */
static void add_line(struct weir_text *to, const struct weir_expr_function *f)
{
    weir_text_add(to, "\n| `");
    for (const char *p = f->usage; *p; p++) weir_text_add(to, *p == '|' ? "\\|" : "%c", *p);
    weir_text_add(to, "` | %s |\n", f->doc);
}

static void the_guide_lists_the_table(void)
{
    char *page = read_page();
    const char *at = page;
    struct weir_expr_function f;
    size_t n = 0, rows = 0;
    for (; weir_expr_function_at(n, &f); n++) {
        struct weir_text line = {0};
        add_line(&line, &f);
        const char *found = strstr(at, weir_text_get(&line));
        if (!found)
            fprintf(stderr, "\nexpected in docs/guide/expressions.md, after what comes before it:%s", weir_text_get(&line));
        CU_ASSERT_PTR_NOT_NULL(found);
        if (found) at = found + line.n - 1;
        weir_text_finish(&line);
    }
    for (const char *p = page; (p = strstr(p, "\n| `")); p++) rows++;
    CU_ASSERT_EQUAL(rows, n); /* and nothing else */
    weir_free(page);
}

static void every_name_is_said_once(void)
{
    struct weir_expr_function f, g;
    for (size_t i = 0; weir_expr_function_at(i, &f); i++) {
        CU_ASSERT_TRUE(*f.group && *f.usage && *f.doc &&
                       strstr(f.usage, *f.name == 'i' && f.name[1] == 's' ? "is" : f.name));
        for (size_t k = 0; k < i && weir_expr_function_at(k, &g); k++) CU_ASSERT_STRING_NOT_EQUAL(f.name, g.name);
    }
}

WEIR_SUITE(functions) = {{"the guide lists the table", the_guide_lists_the_table},
                         {"every name is said once", every_name_is_said_once},
                         {NULL, NULL}};
