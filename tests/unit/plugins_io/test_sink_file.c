/* The file sink. */
#define weir_plugin_v1 weir_test_sink_file
#include "plugins/sink_file/plugin.c"
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

static void one_file_appears_when_it_is_complete(void)
{
    struct mock_machine *m = mock_machine_create();
    mock_file_put_text(m, "/out/r.csv", "the old result\n");
    struct mock_host *h = sink_host(&file_sink_component, m, 0, 1);
    mock_set(h, "path", "/out/r.csv");
    CU_ASSERT_EQUAL(mock_write(h, "1|x\n2|~\n"), WEIR_OK);
    CU_ASSERT_EQUAL(mock_flush(h), WEIR_OK);
    CU_ASSERT_STRING_EQUAL(mock_file_get(m, "/out/r.csv", NULL), "the old result\n");
    CU_ASSERT_PTR_NOT_NULL(mock_file_get(m, "/out/.r.csv.inprogress", NULL));
    CU_ASSERT_EQUAL(mock_write(h, "3|\n"), WEIR_OK);
    CU_ASSERT_EQUAL(mock_finish(h), WEIR_OK);
    CU_ASSERT_STRING_EQUAL(mock_file_get(m, "/out/r.csv", NULL), "a,b\n1,x\n2,\n3,\"\"\n");
    CU_ASSERT_EQUAL(mock_file_count(m), 1);
    mock_host_destroy(h);
    mock_machine_destroy(m);
}

static void no_rows_give_a_header(void)
{
    struct mock_machine *m = mock_machine_create();
    struct mock_host *h = sink_host(&file_sink_component, m, 0, 1);
    mock_set(h, "path", "r.csv");
    CU_ASSERT_EQUAL(mock_open(h), WEIR_OK);
    CU_ASSERT_EQUAL(mock_finish(h), WEIR_OK);
    CU_ASSERT_STRING_EQUAL(mock_file_get(m, "r.csv", NULL), "a,b\n");
    mock_host_destroy(h);
    mock_machine_destroy(m);
}

static void a_directory_gets_a_part_per_subtask(void)
{
    struct mock_machine *m = mock_machine_create();
    for (uint32_t i = 0; i < 3; i++) {
        struct mock_host *h = sink_host(&file_sink_component, m, i, 3);
        mock_set(h, "path", "/out/deep/");
        mock_set(h, "format", "json_lines");
        CU_ASSERT_EQUAL(mock_write(h, "1|x\n"), WEIR_OK);
        CU_ASSERT_EQUAL(mock_finish(h), WEIR_OK);
        mock_host_destroy(h);
    }
    CU_ASSERT_EQUAL(mock_file_count(m), 3);
    CU_ASSERT_STRING_EQUAL(mock_file_get(m, "/out/deep/part-2.jsonl", NULL), "{\"a\":1,\"b\":\"x\"}\n");
    struct mock_host *h =
        sink_host(&file_sink_component, m, 0, 2); /* part-2 of the run before would stay among the new ones */
    mock_set(h, "path", "/out/deep/");
    CU_ASSERT_EQUAL(mock_open(h), WEIR_E_CONFIG);
    WEIR_ASSERT_CONTAINS(weir_text_get(&h->failure), "holds part-2.jsonl of an earlier run");
    mock_host_destroy(h);
    CU_ASSERT_EQUAL(mock_file_count(m), 3);
    mock_machine_destroy(m);
}

static void one_file_needs_one_subtask(void)
{
    struct mock_host *h = sink_host(&file_sink_component, NULL, 0, 2);
    mock_set(h, "path", "r.csv");
    CU_ASSERT_EQUAL(mock_open(h), WEIR_E_CONFIG);
    WEIR_ASSERT_CONTAINS(weir_text_get(&h->failure), "is one file, but the sink has 2 subtasks; set `parallelism: 1`");
    mock_host_destroy(h);
}

static void a_failure_leaves_the_old_result_and_no_litter(void)
{
    const char *const calls[] = {"make_directory", "open", "write", "close", "rename"};
    for (int i = 0; i < 5; i++) {
        struct mock_machine *m = mock_machine_create();
        mock_file_put_text(m, "/out/r.csv", "old\n");
        m->fail_call = calls[i];
        struct mock_host *h = sink_host(&file_sink_component, m, 0, 1);
        mock_set(h, "path", "/out/r.csv");
        weir_status s = mock_write(h, "1|x\n");
        if (s == WEIR_OK) s = mock_finish(h);
        CU_ASSERT_EQUAL(s, WEIR_E_IO);
        WEIR_ASSERT_CONTAINS(weir_text_get(&h->failure), "/out");
        mock_host_destroy(h);
        CU_ASSERT_EQUAL(mock_file_count(m), 1);
        CU_ASSERT_STRING_EQUAL(mock_file_get(m, "/out/r.csv", NULL), "old\n");
        mock_machine_destroy(m);
    }
}

static void a_job_that_fails_elsewhere_leaves_no_litter(void)
{
    struct mock_machine *m = mock_machine_create();
    struct mock_host *h = sink_host(&file_sink_component, m, 0, 1);
    mock_set(h, "path", "/out/r.csv");
    CU_ASSERT_EQUAL(mock_write(h, "1|x\n"), WEIR_OK);
    mock_host_destroy(h); /* close without finish */
    CU_ASSERT_EQUAL(mock_file_count(m), 0);
    mock_machine_destroy(m);
}

static void an_encoder_needs_only_encode(void)
{
    struct mock_machine *m = mock_machine_create();
    struct mock_host *h = sink_host(&file_sink_component, m, 0, 1);
    mock_set(h, "path", "/out/digits");
    mock_set(h, "format", "bare");
    CU_ASSERT_EQUAL(mock_write(h, "1|x\n2|~\n"), WEIR_OK);
    CU_ASSERT_EQUAL(mock_finish(h), WEIR_OK);
    CU_ASSERT_STRING_EQUAL(mock_file_get(m, "/out/digits", NULL), "12");
    mock_host_destroy(h);
    mock_machine_destroy(m);
}

WEIR_SUITE(sink_file) = {
    {"one file appears when it is complete", one_file_appears_when_it_is_complete},
    {"no rows give a header", no_rows_give_a_header},
    {"a directory gets a part per subtask", a_directory_gets_a_part_per_subtask},
    {"one file needs one subtask", one_file_needs_one_subtask},
    {"a failure leaves the old result and no litter", a_failure_leaves_the_old_result_and_no_litter},
    {"a job that fails elsewhere leaves no litter", a_job_that_fails_elsewhere_leaves_no_litter},
    {"an encoder needs only encode", an_encoder_needs_only_encode},
    {NULL, NULL},
};
