/* test_path.c - paths as text. */
#include "base/path.h"

#include "base/alloc.h"
#include "harness/suite.h"

static void check(char *got, const char *expected)
{
    CU_ASSERT_STRING_EQUAL(got, expected);
    weir_free(got);
}

static void joins(void)
{
    check(weir_path_join("/a/b", "c"), "/a/b/c");
    check(weir_path_join("/a/b/", "c/"), "/a/b/c/");
    check(weir_path_join("/a", "/c"), "/c");
    check(weir_path_join(NULL, "c"), "c");
    check(weir_path_join("", "c"), "c");
    check(weir_path_join("/", "c"), "/c");
    check(weir_path_join("/a", "./b/./c"), "/a/b/c");
    check(weir_path_join("/a", ".//.///b"), "/a/b");
    check(weir_path_join("/a", "../b"), "/a/../b");
    check(weir_path_join("/a", "."), "/a/");
    check(weir_path_join(".", "."), ".");
    check(weir_path_join("./", ".//x"), "x");
    check(weir_path_join("a", ".hidden"), "a/.hidden");
    check(weir_path_join("a", "x./y."), "a/x./y.");
    check(weir_path_join("a", ""), "a/");
}

static void takes_apart(void)
{
    check(weir_path_dirname("/a/b"), "/a");
    check(weir_path_dirname("/a"), "/");
    check(weir_path_dirname("/"), "/");
    check(weir_path_dirname("a"), ".");
    check(weir_path_dirname(""), ".");
    check(weir_path_dirname("a/b/"), "a");
    check(weir_path_dirname("a//b"), "a");
    CU_ASSERT_STRING_EQUAL(weir_path_basename("/a/b.yaml"), "b.yaml");
    CU_ASSERT_STRING_EQUAL(weir_path_basename("b"), "b");
    CU_ASSERT_STRING_EQUAL(weir_path_basename("a/"), "");
    CU_ASSERT_TRUE(weir_path_has_suffix("a.csv.gz", ".gz"));
    CU_ASSERT_TRUE(weir_path_has_suffix("gz", ""));
    CU_ASSERT_FALSE(weir_path_has_suffix("gz", ".gz"));
}

WEIR_SUITE(path) = {
    {"joins and cleans, keeping '..' and a final '/'", joins},
    {"takes paths apart", takes_apart},
    {NULL, NULL},
};
