/* harness/suite.h - a CUnit suite per file: test_ring.c ends with
 *   WEIR_SUITE(ring) = {{"pushes until full", pushes_until_full}, {NULL, NULL}};
 * and the build makes one executable per folder of tests/unit from the names of the files.
 * `EXE -l` lists tests; `EXE NAME` runs those whose suite or name contains NAME, `EXE --suite NAME` those of that suite.
 * ctest runs every suite by itself, several at a time: files go to WEIR_TEST_FOLDER, a folder that no other suite has. */
#ifndef WEIR_HARNESS_SUITE_H
#define WEIR_HARNESS_SUITE_H

#include <CUnit/CUnit.h>
#include <stddef.h>

struct weir_test {
    const char *name;
    void (*run)(void);
};
#define WEIR_SUITE(file)                        \
    const struct weir_test weir_suite_##file[]; \
    const struct weir_test weir_suite_##file[]

/* Asserts that text holds part, and shows the text when it does not. */
#define WEIR_ASSERT_CONTAINS(text, part) weir_assert_contains((text), (part), __FILE__, __LINE__)
void weir_assert_contains(const char *text, const char *part, const char *file, int line);

/* For a test that cannot be run here: says so, beside its name and at the end. When every test that was asked for is
 * skipped, the program ends with 77, which ctest knows as skipped. */
void weir_skip(const char *why);

/* Removes a file, or a folder with all that is in it; neither need be there. */
void weir_test_remove(const char *path);

struct weir_suite_entry {
    const char *name;
    const struct weir_test *tests;
};
int weir_run_suites(const struct weir_suite_entry *suites, int argc, char **argv);

#endif
