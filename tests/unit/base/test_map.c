/* test_map.c - the map of strings, against an array. */
#include "base/map.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/random.h"
#include "harness/suite.h"

static void finds_what_was_put(void)
{
    struct weir_map m = {0};
    int a, b;
    CU_ASSERT_PTR_NULL(weir_map_find(&m, "a"));
    CU_ASSERT_FALSE(weir_map_has(&m, "a"));
    weir_map_put(&m, "a", &a);
    weir_map_put(&m, "nothing", NULL);
    CU_ASSERT_PTR_EQUAL(weir_map_find(&m, "a"), &a);
    CU_ASSERT_TRUE(weir_map_has(&m, "nothing"));
    CU_ASSERT_PTR_NULL(weir_map_find(&m, "nothing"));
    weir_map_put(&m, "a", &b);
    CU_ASSERT_PTR_EQUAL(weir_map_find(&m, "a"), &b);
    CU_ASSERT_EQUAL(m.n, 2);
    weir_map_finish(&m);
    CU_ASSERT_EQUAL(m.n, 0);
    weir_map_finish(&m);
}

/* Against a plain array of flags, with replacements. */
static void equals_an_array(void)
{
    enum { KEYS = 3000 };
    static int values[KEYS], present[KEYS], order[KEYS];
    struct weir_map m = {0};
    struct weir_random r = {1};
    size_t blocks = weir_allocated_blocks(), n = 0;
    for (int k = 0; k < 20000; k++) {
        unsigned i = (unsigned)weir_random_below(&r, KEYS);
        char key[24];
        snprintf(key, sizeof key, "key%u", i);
        CU_ASSERT_EQUAL(weir_map_has(&m, key), present[i]);
        if (!present[i]) order[n++] = (int)i;
        present[i] = 1;
        weir_map_put(&m, key, &values[i]);
        CU_ASSERT_PTR_EQUAL(weir_map_find(&m, key), &values[i]);
    }
    CU_ASSERT_EQUAL(m.n, n);
    for (size_t i = 0; i < n; i++) CU_ASSERT_PTR_EQUAL(m.entries[i].value, &values[order[i]]);
    weir_map_finish(&m);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

WEIR_SUITE(map) = {
    {"finds what was put, replaces, finishes twice", finds_what_was_put},
    {"equals an array under random puts and keeps insertion order", equals_an_array},
    {NULL, NULL},
};
