/* The print sink. */
#define weir_plugin_v1 weir_test_sink_print
#include "plugins/sink_print/plugin.c"
#undef weir_plugin_v1

#include "harness/mock_host.h"
#include "harness/suite.h"
#include "unit/plugins_io/bare_encoder.h"

const weir_plugin *weir_test_encoder_csv(void);
const weir_plugin *weir_test_encoder_json_lines(void);

static struct mock_host *sink_host(const weir_component *sink, struct mock_machine *m, uint32_t subtask,
                                   uint32_t parallelism)
{
    static const weir_component *known[4];
    known[0] = mock_component(weir_test_encoder_csv(), "csv");
    known[1] = mock_component(weir_test_encoder_json_lines(), "json_lines");
    known[2] = &bare_component;
    return mock_host_create(&(struct mock_host_config){.component = sink,
                                                       .known = known,
                                                       .machine = m,
                                                       .input = "a:i64, b:string?",
                                                       .subtask = subtask,
                                                       .parallelism = parallelism});
}

static void check_print(uint32_t subtask, uint32_t parallelism, const char *identifier, const char *expected)
{
    struct mock_host *h = sink_host(&print_component, NULL, subtask, parallelism);
    if (identifier) mock_set(h, "identifier", identifier);
    CU_ASSERT_EQUAL(mock_write(h, "1|x\n2|~\n"), WEIR_OK);
    CU_ASSERT_EQUAL(h->machine->prints, 0); /* gathered */
    CU_ASSERT_EQUAL(mock_flush(h), WEIR_OK);
    CU_ASSERT_EQUAL(h->machine->prints, 1);
    CU_ASSERT_EQUAL(mock_finish(h), WEIR_OK);
    CU_ASSERT_STRING_EQUAL(weir_text_get(&h->machine->printed[WEIR_STDOUT]), expected);
    mock_host_destroy(h);
}

static void the_prefix_is_flinks(void)
{
    check_print(0, 1, NULL, "1,x\n2,\n");
    check_print(1, 4, NULL, "2> 1,x\n2> 2,\n");
    check_print(0, 1, "id", "id> 1,x\nid> 2,\n");
    check_print(3, 4, "id", "id:4> 1,x\nid:4> 2,\n");
}

static void check_header(bool header, uint32_t subtask, uint32_t parallelism, const char *of_csv, const char *expected)
{
    struct mock_host *h = sink_host(&print_component, NULL, subtask, parallelism);
    if (header) mock_set(h, "header", "true");
    mock_set(h, "format.header", of_csv);
    CU_ASSERT_EQUAL(mock_write(h, "1|x\n"), WEIR_OK);
    CU_ASSERT_EQUAL(mock_finish(h), WEIR_OK);
    CU_ASSERT_STRING_EQUAL(weir_text_get(&h->machine->printed[WEIR_STDOUT]), expected);
    mock_host_destroy(h);
}

static void the_header_is_printed_when_asked_for(void)
{
    check_header(true, 0, 1, "true", "a,b\n1,x\n");
    check_header(true, 0, 2, "true", "1> a,b\n1> 1,x\n");
    check_header(true, 1, 2, "true", "2> 1,x\n");
    check_header(false, 0, 1, "true", "1,x\n");
    check_header(true, 0, 2, "false", "1> 1,x\n");
}

static void prints_to_stderr_and_as_json(void)
{
    struct mock_host *h = sink_host(&print_component, NULL, 0, 1);
    mock_set(h, "stream", "stderr");
    mock_set(h, "format", "json_lines");
    CU_ASSERT_EQUAL(mock_write(h, "1|x\n"), WEIR_OK);
    CU_ASSERT_EQUAL(mock_finish(h), WEIR_OK);
    CU_ASSERT_STRING_EQUAL(weir_text_get(&h->machine->printed[WEIR_STDERR]), "{\"a\":1,\"b\":\"x\"}\n");
    mock_host_destroy(h);
}

static void long_runs_are_printed_before_the_pause(void)
{
    struct weir_text rows = {0};
    for (int i = 0; i < 10000; i++) weir_text_add(&rows, "%d|text\n", i);
    struct mock_host *h = sink_host(&print_component, NULL, 0, 1);
    CU_ASSERT_EQUAL(mock_write(h, weir_text_get(&rows)), WEIR_OK);
    CU_ASSERT_EQUAL(h->machine->prints, 1);
    CU_ASSERT_EQUAL(mock_flush(h), WEIR_OK);
    CU_ASSERT_EQUAL(h->machine->prints, 1);
    h->machine->fail_call = "print";
    CU_ASSERT_EQUAL(mock_write(h, "1|x\n"), WEIR_OK);
    CU_ASSERT_EQUAL(mock_flush(h), WEIR_E_IO);
    WEIR_ASSERT_CONTAINS(weir_text_get(&h->failure), "cannot print");
    mock_host_destroy(h);
    weir_text_finish(&rows);
}

static void an_encoder_needs_only_encode(void)
{
    struct mock_host *h = sink_host(&print_component, NULL, 0, 1);
    mock_set(h, "format", "bare");
    CU_ASSERT_EQUAL(mock_write(h, "1|x\n2|~\n"), WEIR_OK);
    CU_ASSERT_EQUAL(mock_finish(h), WEIR_OK);
    CU_ASSERT_STRING_EQUAL(weir_text_get(&h->machine->printed[WEIR_STDOUT]), "12");
    mock_host_destroy(h);
}

WEIR_SUITE(sink_print) = {
    {"the prefix is Flink's", the_prefix_is_flinks},
    {"prints to stderr and as JSON", prints_to_stderr_and_as_json},
    {"the header is printed when asked for", the_header_is_printed_when_asked_for},
    {"long runs are printed before the pause", long_runs_are_printed_before_the_pause},
    {"an encoder needs only encode", an_encoder_needs_only_encode},
    {NULL, NULL},
};
