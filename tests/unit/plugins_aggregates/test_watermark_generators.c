/* The two watermark generators. */
#define weir_plugin_v1 watermarks_plugin_v0
#include "../../../plugins/watermark_generators/plugin.c"

#include "harness/suite.h"

static int64_t watermark_of(bounded *me)
{
    int64_t watermark = 77;
    CU_ASSERT_EQUAL(bounded_vtable.on_periodic(me, NULL, &watermark), WEIR_OK);
    return watermark;
}

static void feed(bounded *me, const int64_t *times, int64_t from, int64_t n)
{
    const weir_batch batch = {.struct_size = sizeof batch, .length = n, .time = times};
    int64_t row = from, watermark = 123;
    CU_ASSERT_EQUAL(bounded_vtable.on_rows(me, NULL, &batch, &row, &watermark), WEIR_OK);
    CU_ASSERT_EQUAL(row, n);
    CU_ASSERT_EQUAL(watermark, 123); /* nothing punctuated */
}

/* A4: "boundedOutOfOrderness(d) emits maxTs - d - 1, with maxTs starting at MIN+d+1 (so nothing is emitted before the first
 * element)". */
static void nothing_before_the_first_element(void)
{
    static const int64_t delays[] = {0, 1, 60000, 864000000};
    for (size_t i = 0; i < WEIR_LEN(delays); i++) {
        bounded me = {.delay = delays[i]};
        CU_ASSERT_EQUAL(bounded_vtable.open(&me, NULL), WEIR_OK);
        CU_ASSERT_EQUAL(watermark_of(&me), INT64_MIN);
        feed(&me, (const int64_t[]){WEIR_NO_TIME}, 0, 1);
        CU_ASSERT_EQUAL(watermark_of(&me), INT64_MIN);
        feed(&me, (const int64_t[]){5000, 9000, 7000}, 0, 3);
        CU_ASSERT_EQUAL(watermark_of(&me), 9000 - delays[i] - 1);
        feed(&me, (const int64_t[]){99999, 8000}, 1, 2); /* rows before *row were seen already */
        CU_ASSERT_EQUAL(watermark_of(&me), 9000 - delays[i] - 1);
        feed(&me, (const int64_t[]){INT64_MAX}, 0, 1);
        CU_ASSERT_EQUAL(watermark_of(&me), INT64_MAX - delays[i] - 1);
    }
}

static void monotonous_is_a_delay_of_zero(void)
{
    monotonous me = {0};
    CU_ASSERT_PTR_EQUAL(monotonous_component.vtable, &bounded_vtable);
    CU_ASSERT_EQUAL(monotonous_component.n_options, 0);
    CU_ASSERT_EQUAL(bounded_vtable.open(&me, NULL), WEIR_OK);
    feed(&me, (const int64_t[]){-5}, 0, 1);
    CU_ASSERT_EQUAL(watermark_of(&me), -6);
}

WEIR_SUITE(watermark_generators) = {{"nothing is emitted before the first element", nothing_before_the_first_element},
                                    {"monotonous is a delay of zero", monotonous_is_a_delay_of_zero},
                                    {NULL, NULL}};
