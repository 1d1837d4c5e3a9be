/* suite.c - runs the suites of one test program; see the header. */
#include "harness/suite.h"

#include <CUnit/Basic.h>
#include <errno.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void weir_assert_contains(const char *text, const char *part, const char *file, int line)
{
    bool found = text && strstr(text, part);
    if (!found) fprintf(stderr, "\n%s:%d: expected to find:\n  %s\nin:\n%s\n", file, line, part, text ? text : "(NULL)");
    CU_assertImplementation(found, (unsigned)line, part, file, "", CU_FALSE);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status, (void)kind, (void)where;
    return remove(path);
}

void weir_test_remove(const char *path)
{
    bool removed = nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT;
    CU_ASSERT(removed);
}

static unsigned skipped;

void weir_skip(const char *why)
{
    skipped++;
    printf("skipped: %s ... ", why);
}

static void list(const struct weir_suite_entry *suites)
{
    for (; suites->name; suites++) {
        for (const struct weir_test *t = suites->tests; t->name; t++) printf("%s: %s\n", suites->name, t->name);
    }
}

int weir_run_suites(const struct weir_suite_entry *suites, int argc, char **argv)
{
    bool one_suite = argc > 2 && strcmp(argv[1], "--suite") == 0;
    const char *only = argc > 1 ? argv[one_suite ? 2 : 1] : "";
    if (strcmp(only, "-l") == 0) {
        list(suites);
        return 0;
    }
    if (CU_initialize_registry() != CUE_SUCCESS) return 2;
    for (; suites->name; suites++) {
        CU_pSuite s = CU_add_suite(suites->name, NULL, NULL);
        for (const struct weir_test *t = suites->tests; t->name; t++) {
            bool is_wanted =
                one_suite ? strcmp(suites->name, only) == 0 : strstr(suites->name, only) || strstr(t->name, only);
            if (is_wanted) CU_add_test(s, t->name, t->run);
        }
    }
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    unsigned failed = CU_get_number_of_failures(), run = CU_get_number_of_tests_run();
    CU_cleanup_registry();
    if (run == 0) fprintf(stderr, "no test matches '%s'\n", only);
    if (skipped > 0) printf("%u of %u tests were skipped\n", skipped, run);
    if (skipped > 0 && skipped == run) return 77;
    return failed || run == 0;
}
