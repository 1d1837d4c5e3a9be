/* The elements source. */
#define weir_plugin_v1 weir_test_source_elements
#include "plugins/source_elements/plugin.c"
#undef weir_plugin_v1

#include "harness/mock_host.h"
#include "harness/suite.h"
#include "lines.h"

static const weir_component *const known[] = {&lines_component, NULL};

static struct mock_host *elements_host(const char *rows, uint32_t subtask, uint32_t parallelism)
{
    struct mock_host *h = mock_host_create(&(struct mock_host_config){
        .component = &elements_component, .known = known, .batch_rows = 2, .subtask = subtask, .parallelism = parallelism});
    mock_set(h, "rows", rows);
    mock_set(h, "format", "lines");
    return h;
}

static void decodes_each_row(void)
{
    for (uint32_t subtask = 0; subtask < 2; subtask++) {
        struct mock_host *h = elements_host("one\ntwo\n\nfour\nfive", subtask, 2);
        CU_ASSERT_EQUAL(mock_run_source(h, 3), WEIR_DONE);
        CU_ASSERT_STRING_EQUAL(mock_rows(h), subtask == 0 ? "one\ntwo\n\nfour\nfive\n" : "");
        mock_host_destroy(h);
    }
}

static void rejects_say_where(void)
{
    struct mock_host *h = elements_host("one\n!two", 0, 1);
    CU_ASSERT_EQUAL(mock_run_source(h, 3), WEIR_DONE);
    CU_ASSERT_STRING_EQUAL(weir_text_get(&h->rejects), "elements:4: begins with ! [!two]\n");
    mock_host_destroy(h);
}

static void goes_on_from_a_position(void)
{
    for (int polls = 0; polls < 5; polls++) {
        struct mock_host *a = elements_host("1\n2\n3", 0, 1), *b = elements_host("1\n2\n3", 0, 1);
        char position[16];
        size_t n = 0;
        weir_split split = {.struct_size = sizeof split};
        CU_ASSERT_EQUAL(mock_discover(a), WEIR_OK);
        CU_ASSERT_EQUAL(mock_discover(b), WEIR_OK);
        CU_ASSERT_EQUAL(mock_open(a), WEIR_OK);
        CU_ASSERT_EQUAL(mock_open(b), WEIR_OK);
        CU_ASSERT_EQUAL(mock_add_split(a, 0, NULL, 0), WEIR_OK);
        for (int i = 0; i < polls; i++) (void)mock_poll(a, 1);
        CU_ASSERT_EQUAL(elements_position(mock_self(a), &a->cx, 1, &split, position, sizeof position, &n), WEIR_OK);
        CU_ASSERT_EQUAL(mock_add_split(b, 0, position, n), WEIR_OK);
        while (mock_poll(b, 1) == WEIR_MADE) {
        }
        struct weir_text both = {0};
        weir_text_add(&both, "%s%s", mock_rows(a), mock_rows(b));
        CU_ASSERT_STRING_EQUAL(weir_text_get(&both), "1\n2\n3\n");
        weir_text_finish(&both);
        mock_host_destroy(a);
        mock_host_destroy(b);
    }
}

WEIR_SUITE(source_elements) = {
    {"decodes each row", decodes_each_row},
    {"rejects say where", rejects_say_where},
    {"goes on from a position", goes_on_from_a_position},
    {NULL, NULL},
};
