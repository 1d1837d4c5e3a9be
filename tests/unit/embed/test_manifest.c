/* Jobs from manifests through the embedding API: problems, plans, settings, the end. */
#include "unit/embed/embed_stage.h"

static const char numbers[] = "job: numbers\n"
                              "vars: {to: 10}\n"
                              "nodes:\n"
                              "  - {id: in, source: {sequence: {to: \"${to}\", field: n}}}\n"
                              "  - {id: neg, from: in, map: negate}\n"
                              "  - {id: out, from: {input: neg, partition: rebalance}, sink: discard}\n";

static void load(struct stage *g, const char *text, const struct weir_job_options *o)
{
    expect_ok(g, weir_job_load(g->runtime, write_file("numbers.yaml", text), o, &g->job, &g->error));
}

static void a_manifest_runs_with_settings(void)
{
    struct stage g;
    struct weir_job_status s;
    const struct weir_setting sets[] = {{"to", "25"}}, overrides[] = {{"defaults.batch_rows", "3"}};
    const struct weir_job_options o = {
        .struct_size = sizeof o, .parallelism = 2, .sets = sets, .n_sets = 1, .overrides = overrides, .n_overrides = 1};
    stage_init(&g, NULL);
    load(&g, numbers, &o);
    CU_ASSERT_STRING_EQUAL(weir_job_name(g.job), "numbers");
    CU_ASSERT(weir_job_wait(g.job, -1)); /* nothing to wait for */
    weir_job_status(g.job, &s);
    CU_ASSERT_EQUAL(s.n_nodes, 0);
    weir_job_status_free(&s);
    expect_ok(&g, weir_job_start(g.job, &g.error));
    CU_ASSERT(weir_job_wait(g.job, -1));
    weir_job_status(g.job, &s);
    CU_ASSERT_EQUAL(s.rows_read, 25);
    CU_ASSERT_EQUAL(s.rows_written, 25);
    CU_ASSERT_EQUAL(s.nodes[2].parallelism, 2);
    weir_job_status_free(&s);
    stage_end(&g);
}

static void problems_say_where(void)
{
    struct stage g;
    struct weir_job_options o = {.struct_size = sizeof o};
    stage_init(&g, NULL);
    const char *path = write_file("wrong.yaml", "job: wrong\nnodes:\n  - {id: in, source: {sequence: {too: 3}}}\n");
    CU_ASSERT_EQUAL(weir_job_load(g.runtime, path, &o, &g.job, &g.error), WEIR_E_CONFIG);
    CU_ASSERT_PTR_NULL(g.job);
    WEIR_ASSERT_CONTAINS(g.error.text, "wrong.yaml:3:");
    WEIR_ASSERT_CONTAINS(g.error.text, "did you mean 'to'?");
    WEIR_ASSERT_CONTAINS(g.error.text, "^~~");
    o.json = true;
    CU_ASSERT_EQUAL(weir_job_load(g.runtime, path, &o, &g.job, &g.error), WEIR_E_CONFIG);
    CU_ASSERT_EQUAL(g.error.text[0], '[');
    WEIR_ASSERT_CONTAINS(g.error.text, "\"line\": 3");
    CU_ASSERT_NOT_EQUAL(weir_job_load(g.runtime, "no/such/job.yaml", &o, &g.job, &g.error), WEIR_OK);
    WEIR_ASSERT_CONTAINS(g.error.text, "no/such/job.yaml");
    stage_end(&g);
}

/* Structs of callers that were compiled with another weir.h. */
static void options_say_how_large_they_are(void)
{
    struct stage g;
    const struct weir_setting sets[] = {{"to", "7"}};
    struct {
        struct weir_job_options options;
        uint64_t later;
    } newer = {.options = {.struct_size = sizeof newer, .sets = sets, .n_sets = 1}};
    struct weir_job_options *o = &newer.options;
    stage_init(&g, NULL);
    load(&g, numbers, o); /* a newer caller that uses nothing new */
    weir_job_destroy(g.job);
    newer.later = 1;
    const char *path = write_file("numbers.yaml", numbers);
    CU_ASSERT_EQUAL(weir_job_load(g.runtime, path, o, &g.job, &g.error), WEIR_E_CONFIG);
    WEIR_ASSERT_CONTAINS(g.error.text, "something is set beyond the 64 bytes that libweir");
    CU_ASSERT_PTR_NULL(g.job);
    o->struct_size = 12;
    CU_ASSERT_EQUAL(weir_job_load(g.runtime, path, o, &g.job, &g.error), WEIR_E_CONFIG);
    WEIR_ASSERT_CONTAINS(g.error.text, "weir_job_options.struct_size is 12, but that struct never had less than ");
    o->struct_size = 0; /* somebody forgot it: what was there in the first version is read */
    load(&g, numbers, o);
    expect_ok(&g, weir_job_start(g.job, &g.error));
    CU_ASSERT(weir_job_wait(g.job, -1));
    struct weir_job_status s;
    weir_job_status(g.job, &s);
    CU_ASSERT_EQUAL(s.rows_read, 7);
    weir_job_status_free(&s);

    struct weir_runtime *runtime = g.runtime;
    const struct weir_runtime_options small = {.struct_size = 8};
    CU_ASSERT_EQUAL(weir_runtime_create(&small, &runtime, &g.error), WEIR_E_CONFIG);
    WEIR_ASSERT_CONTAINS(g.error.text, "weir_runtime_options.struct_size is 8");
    CU_ASSERT_PTR_NULL(runtime);
    stage_end(&g);
}

static void every_graph_is_printed_in_every_format(void)
{
    static const char *const graphs[] = {"stream", "job", "execution"}, *const formats[] = {"text", "dot", "mermaid",
                                                                                            "json"};
    struct stage g;
    char *text;
    stage_init(&g, NULL);
    load(&g, numbers, NULL);
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 4; j++) {
            expect_ok(&g, weir_job_plan(g.job, graphs[i], formats[j], &text, &g.error));
            WEIR_ASSERT_CONTAINS(text, "neg");
            weir_text_free(text);
        }
    }
    CU_ASSERT_EQUAL(weir_job_plan(g.job, "wiring", "text", &text, &g.error), WEIR_E_CONFIG);
    WEIR_ASSERT_CONTAINS(g.error.text, "unknown graph 'wiring'");
    CU_ASSERT_PTR_NULL(text);
    CU_ASSERT_EQUAL(weir_job_plan(g.job, "job", "png", &text, &g.error), WEIR_E_CONFIG);
    WEIR_ASSERT_CONTAINS(g.error.text, "unknown format 'png'");
    stage_end(&g);
}

static void stop_cancel_and_failure_are_told_apart(void)
{
    static const char endless[] =
        "job: endless\nnodes:\n  - {id: in, source: endless}\n  - {id: out, from: in, sink: discard}\n";
    static const char failing[] =
        "job: failing\nnodes:\n  - {id: in, source: endless}\n"
        "  - {id: bad, from: in, process: {fails_at: {at: 5}}}\n  - {id: out, from: bad, sink: discard}\n";
    struct stage g;
    for (int cancel = 0; cancel < 2; cancel++) {
        stage_init(&g, NULL);
        load(&g, endless, NULL);
        expect_ok(&g, weir_job_start(g.job, &g.error));
        CU_ASSERT_FALSE(weir_job_wait(g.job, 0));
        CU_ASSERT_EQUAL(weir_job_state(g.job), WEIR_JOB_RUNNING);
        if (cancel)
            weir_job_cancel(g.job);
        else
            weir_job_stop(g.job);
        CU_ASSERT(weir_job_wait(g.job, -1));
        CU_ASSERT_EQUAL(weir_job_state(g.job), cancel ? WEIR_JOB_CANCELLED : WEIR_JOB_STOPPED);
        CU_ASSERT_EQUAL(weir_job_failure(g.job, &g.error), WEIR_OK);
        stage_end(&g);
    }
    stage_init(&g, NULL);
    load(&g, failing, NULL);
    expect_ok(&g, weir_job_start(g.job, &g.error));
    CU_ASSERT(weir_job_wait(g.job, -1));
    CU_ASSERT_EQUAL(weir_job_state(g.job), WEIR_JOB_FAILED);
    CU_ASSERT_EQUAL(weir_job_failure(g.job, &g.error), WEIR_E_DATA);
    WEIR_ASSERT_CONTAINS(g.error.text, "numbers.yaml:4:");
    WEIR_ASSERT_CONTAINS(g.error.text, "node 'bad' (process fails_at): expected anything but 5");
    WEIR_ASSERT_CONTAINS(g.error.text, "record: {n: 5}");
    stage_end(&g);
}

static void components_are_listed(void)
{
    struct stage g;
    char *text;
    stage_init(&g, NULL);
    expect_ok(&g, weir_runtime_list(g.runtime, NULL, false, &text, &g.error));
    WEIR_ASSERT_CONTAINS(text, "sequence");
    WEIR_ASSERT_CONTAINS(text, "fails_at");
    weir_text_free(text);
    expect_ok(&g, weir_runtime_list(g.runtime, "sink", true, &text, &g.error));
    WEIR_ASSERT_CONTAINS(text, "\"discard\"");
    CU_ASSERT_PTR_NULL(strstr(text, "\"sequence\""));
    weir_text_free(text);
    CU_ASSERT_NOT_EQUAL(weir_runtime_list(g.runtime, "sock", false, &text, &g.error), WEIR_OK);
    CU_ASSERT_PTR_NULL(text);
    CU_ASSERT(strlen(weir_version()) >= 5);
    stage_end(&g);
}

WEIR_SUITE(manifest) = {{"options say how large they are", options_say_how_large_they_are},
                        {"a manifest runs with settings", a_manifest_runs_with_settings},
                        {"problems say where", problems_say_where},
                        {"every graph is printed in every format", every_graph_is_printed_in_every_format},
                        {"stop, cancel and failure are told apart", stop_cancel_and_failure_are_told_apart},
                        {"components are listed", components_are_listed},
                        {NULL, NULL}};
