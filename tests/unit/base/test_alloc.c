/* test_alloc.c - the allocators: zeroed, counted, NULL for the impossible. */
#include "base/alloc.h"

#include <string.h>

#include "harness/suite.h"

static void counts_live_blocks(void)
{
    size_t before = weir_allocated_blocks();
    void *blocks[] = {
        weir_alloc(10),           weir_alloc(0),         weir_alloc_array(3, 7), weir_strdup("abc"),
        weir_strndup("abc", 2),   weir_format("%d", 12), weir_try_alloc(5),      weir_try_alloc_aligned(64, 100),
        weir_try_realloc(NULL, 9)};
    size_t n = sizeof blocks / sizeof *blocks;
    CU_ASSERT_EQUAL(weir_allocated_blocks(), before + n);
    blocks[0] = weir_try_realloc(blocks[0], 1000);
    blocks[2] = weir_realloc_array(blocks[2], 3, 300, 7);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), before + n);
    for (size_t i = 0; i < n; i++) {
        CU_ASSERT_PTR_NOT_NULL(blocks[i]);
        weir_free(blocks[i]);
    }
    weir_free(NULL);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), before);
}

static void zeroes_new_memory(void)
{
    uint32_t *p = weir_alloc_array(4, sizeof *p);
    for (int i = 0; i < 4; i++) CU_ASSERT_EQUAL(p[i], 0);
    memset(p, 0xff, 4 * sizeof *p);
    p = weir_realloc_array(p, 4, 500, sizeof *p);
    CU_ASSERT_EQUAL(p[3], UINT32_MAX);
    for (int i = 4; i < 500; i++) CU_ASSERT_EQUAL(p[i], 0);
    weir_free(p);
}

static void grows_arrays_by_doubling(void)
{
    int *items = NULL;
    size_t capacity = 0;
    for (size_t n = 0; n < 100; n++) {
        WEIR_GROW(items, capacity, n + 1);
        items[n] = (int)n;
    }
    CU_ASSERT_EQUAL(capacity, 128);
    for (size_t n = 0; n < 100; n++) CU_ASSERT_EQUAL(items[n], (int)n);
    weir_free(items);
}

static void grows_what_input_sizes_if_there_is_memory(void)
{
    int *items = NULL, *others = NULL;
    size_t capacity = 0;
    for (size_t n = 0; n < 100; n++) {
        CU_ASSERT_FATAL(WEIR_TRY_GROW(items, capacity, n + 1));
        items[n] = (int)n;
    }
    CU_ASSERT_EQUAL(capacity, 128);
    CU_ASSERT_FALSE(WEIR_TRY_GROW(items, capacity, SIZE_MAX));
    CU_ASSERT_FALSE(WEIR_TRY_RESIZE(items, SIZE_MAX / 2)); /* so many bytes are no size_t */
    CU_ASSERT_EQUAL(capacity, 128);
    for (size_t n = 0; n < 100; n++) CU_ASSERT_EQUAL(items[n], (int)n);
    CU_ASSERT_FATAL(WEIR_TRY_RESIZE(others, 3));
    others[2] = 7;
    CU_ASSERT_FATAL(WEIR_TRY_RESIZE(others, 1000));
    CU_ASSERT_EQUAL(others[2], 7);
    weir_free(items);
    weir_free(others);
}

static void copies_and_formats_text(void)
{
    char *a = weir_strndup("abcdef", 3), *b = weir_format("%s-%05d", a, 42);
    CU_ASSERT_STRING_EQUAL(a, "abc");
    CU_ASSERT_STRING_EQUAL(b, "abc-00042");
    CU_ASSERT_PTR_NULL(weir_strdup(NULL));
    weir_free(a);
    weir_free(b);
}

static void says_no_to_the_impossible(void)
{
#ifndef WEIR_SANITIZED /* sanitizers end the process at such a size instead of returning NULL */
    size_t before = weir_allocated_blocks(), huge = SIZE_MAX / 2;
    CU_ASSERT_PTR_NULL(weir_try_alloc(huge));
    CU_ASSERT_PTR_NULL(weir_try_alloc_aligned(64, huge));
    char *p = weir_strdup("still here");
    CU_ASSERT_PTR_NULL(weir_try_realloc(p, huge));
    CU_ASSERT_STRING_EQUAL(p, "still here");
    weir_free(p);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), before);
#endif
}

static void aligns(void)
{
    for (size_t alignment = 8; alignment <= 4096; alignment *= 2) {
        void *p = weir_try_alloc_aligned(alignment, 3);
        CU_ASSERT_EQUAL((uintptr_t)p % alignment, 0);
        weir_free(p);
    }
}

WEIR_SUITE(alloc) = {
    {"counts live blocks exactly", counts_live_blocks},
    {"zeroes new memory, the new part of a larger array too", zeroes_new_memory},
    {"grows arrays by doubling", grows_arrays_by_doubling},
    {"grows what input sizes, if there is memory", grows_what_input_sizes_if_there_is_memory},
    {"copies and formats text", copies_and_formats_text},
    {"returns NULL for sizes nobody has", says_no_to_the_impossible},
    {"aligns as asked", aligns},
    {NULL, NULL},
};
