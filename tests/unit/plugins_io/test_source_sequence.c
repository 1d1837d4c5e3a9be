/* The sequence source. */
#define weir_plugin_v1 weir_test_source_sequence
#include "plugins/source_sequence/plugin.c"
#undef weir_plugin_v1

#include <stdlib.h>

#include "harness/mock_host.h"
#include "harness/suite.h"

static struct mock_host *sequence_host(const char *from, const char *to, uint32_t subtask, uint32_t parallelism)
{
    struct mock_host *h = mock_host_create(&(struct mock_host_config){.component = &sequence_component, .subtask = subtask,
                                                                      .parallelism = parallelism, .batch_rows = 7});
    mock_set(h, "from", from);
    mock_set(h, "to", to);
    return h;
}

static void check_sequence(const char *from, const char *to, uint32_t parallelism, const char *expected)
{
    struct weir_text all = {0};
    for (uint32_t i = 0; i < parallelism; i++) {
        struct mock_host *h = sequence_host(from, to, i, parallelism);
        CU_ASSERT_EQUAL(mock_run_source(h, 5), WEIR_DONE);
        weir_text_add(&all, "%s", mock_rows(h));
        mock_host_destroy(h);
    }
    CU_ASSERT_STRING_EQUAL(weir_text_get(&all), expected);
    weir_text_finish(&all);
}

static void counts_from_to_at_every_parallelism(void)
{
    struct weir_text expected = {0};
    for (int i = -20; i <= 33; i++) weir_text_add(&expected, "%d\n", i);
    for (uint32_t p = 1; p < 60; p++) check_sequence("-20", "33", p, weir_text_get(&expected));
    weir_text_finish(&expected);
    check_sequence("5", "5", 3, "5\n");
}

static void reaches_both_ends_of_i64(void)
{
    check_sequence("9223372036854775805", "9223372036854775807", 2,
                   "9223372036854775805\n9223372036854775806\n9223372036854775807\n");
    check_sequence("-9223372036854775808", "-9223372036854775807", 1, "-9223372036854775808\n-9223372036854775807\n");
    struct mock_host *h = sequence_host("-9223372036854775808", "9223372036854775807", 0, 4);
    CU_ASSERT_EQUAL(mock_discover(h), WEIR_OK);
    CU_ASSERT_EQUAL(h->n_splits, 4);
    CU_ASSERT_STRING_EQUAL(h->splits[0].description, "-9223372036854775808..-4611686018427387905");
    CU_ASSERT_STRING_EQUAL(h->splits[3].description, "4611686018427387904..9223372036854775807");
    mock_host_destroy(h);
}

static void refuses_an_empty_sequence(void)
{
    struct mock_host *h = sequence_host("2", "1", 0, 1);
    CU_ASSERT_EQUAL(mock_discover(h), WEIR_E_CONFIG);
    WEIR_ASSERT_CONTAINS(weir_text_get(&h->failure), "'to' is 1, before 'from', which is 2");
    mock_host_destroy(h);
}

static void counts_on_from_a_position(void)
{
    for (int polls = 0; polls < 8; polls++) {
        struct mock_host *a = sequence_host("9223372036854775790", "9223372036854775807", 0, 1);
        struct mock_host *b = sequence_host("9223372036854775790", "9223372036854775807", 0, 1);
        char position[16];
        size_t n = 99;
        weir_split split = {.struct_size = sizeof split};
        CU_ASSERT_EQUAL(mock_discover(a), WEIR_OK);
        CU_ASSERT_EQUAL(mock_discover(b), WEIR_OK);
        CU_ASSERT_EQUAL(mock_add_split(a, 0, NULL, 0), WEIR_OK);
        (void)mock_open(a);
        (void)mock_open(b);
        for (int i = 0; i < polls; i++) (void)mock_poll(a, 5);
        CU_ASSERT_EQUAL(sequence_position(mock_self(a), &a->cx, 1, &split, position, sizeof position, &n), WEIR_OK);
        CU_ASSERT_EQUAL(mock_add_split(b, 0, position, n), WEIR_OK);
        while (mock_poll(b, 5) == WEIR_MADE) {
        }
        CU_ASSERT_EQUAL(a->n_rows + b->n_rows, 18);
        mock_host_destroy(a);
        mock_host_destroy(b);
    }
}

static void names_the_field(void)
{
    struct mock_host *h = sequence_host("1", "1", 0, 1);
    mock_set(h, "field", "n");
    mock_start(h);
    CU_ASSERT_STRING_EQUAL(weir_schema_field_at(h->out_schema, 0)->name, "n");
    mock_host_destroy(h);
}

WEIR_SUITE(source_sequence) = {
    {"counts from..to at every parallelism", counts_from_to_at_every_parallelism},
    {"reaches both ends of i64", reaches_both_ends_of_i64},
    {"refuses an empty sequence", refuses_an_empty_sequence},
    {"counts on from a position", counts_on_from_a_position},
    {"names the field", names_the_field},
    {NULL, NULL},
};
