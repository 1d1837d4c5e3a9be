/* Jobs made by calls. */
#include "unit/embed/embed_stage.h"

static void a_job_made_by_calls_runs(void)
{
    struct stage g;
    struct weir_job_status s;
    stage_init(&g, NULL);
    window_job(&g, "2");
    CU_ASSERT_EQUAL(weir_job_state(g.job), WEIR_JOB_CREATED);
    CU_ASSERT_STRING_EQUAL(weir_job_name(g.job), "windows");
    expect_ok(&g, weir_job_start(g.job, &g.error));
    CU_ASSERT(weir_job_wait(g.job, -1));
    CU_ASSERT_EQUAL(weir_job_state(g.job), WEIR_JOB_FINISHED);
    CU_ASSERT_EQUAL(weir_job_failure(g.job, &g.error), WEIR_OK);
    CU_ASSERT_STRING_EQUAL(g.error.text, "");
    weir_job_status(g.job, &s);
    CU_ASSERT_EQUAL(s.state, WEIR_JOB_FINISHED);
    CU_ASSERT_EQUAL(s.rows_read, 4);
    CU_ASSERT_EQUAL(s.rows_written, 3); /* two keys in the first window, one in the second */
    for (uint32_t i = 0; i < s.n_nodes; i++) {
        if (strcmp(s.nodes[i].id, "counts") != 0) continue;
        CU_ASSERT_EQUAL(s.nodes[i].accepted, 4);
        CU_ASSERT_EQUAL(s.nodes[i].kind, 2);
        CU_ASSERT_EQUAL(s.nodes[i].parallelism, 2);
        CU_ASSERT_EQUAL(s.nodes[i].watermark, INT64_MAX);
    }
    weir_job_status_free(&s);
    stage_end(&g);
}

static void problems_name_their_node_all_in_one_go(void)
{
    struct stage g;
    stage_init(&g, NULL);
    expect_ok(&g, weir_job_create(g.runtime, "wrong", NULL, &g.job, &g.error));
    NODE(&g, "in", "source.sequense.to=10");
    NODE(&g, "n", "from=inn", "map=negate");
    NODE(&g, "w", "from=in", "key_by=value", "window.tumbling.size=5 parsecs", "aggregate.c=count");
    struct weir_node *out = NODE(&g, "out", "from=n", "sink=print", "parallellism=2");
    CU_ASSERT_EQUAL(weir_job_check(g.job, &g.error), WEIR_E_CONFIG);
    CU_ASSERT_EQUAL(g.error.status, WEIR_E_CONFIG);
    WEIR_ASSERT_CONTAINS(g.error.text, "node 'in'");
    WEIR_ASSERT_CONTAINS(g.error.text, "sequense");
    WEIR_ASSERT_CONTAINS(g.error.text, "did you mean 'sequence'?");
    WEIR_ASSERT_CONTAINS(g.error.text, "node 'n'");
    WEIR_ASSERT_CONTAINS(g.error.text, "inn");
    WEIR_ASSERT_CONTAINS(g.error.text, "node 'w'");
    WEIR_ASSERT_CONTAINS(g.error.text, "5 parsecs");
    WEIR_ASSERT_CONTAINS(g.error.text, "node 'out'");
    WEIR_ASSERT_CONTAINS(g.error.text, "parallellism");
    CU_ASSERT_EQUAL(weir_job_start(g.job, &g.error), WEIR_E_CONFIG); /* nor does it start */
    CU_ASSERT_EQUAL(weir_job_state(g.job), WEIR_JOB_CREATED);
    CU_ASSERT_PTR_NOT_NULL(out);
    stage_end(&g);
}

static void a_mistake_can_be_put_right(void)
{
    struct stage g;
    stage_init(&g, NULL);
    expect_ok(&g, weir_job_create(g.runtime, "better", NULL, &g.job, &g.error));
    struct weir_node *in = NODE(&g, "in", "source.sequence.to=ten");
    NODE(&g, "out", "from=in", "sink=discard");
    CU_ASSERT_EQUAL(weir_job_check(g.job, &g.error), WEIR_E_CONFIG);
    CU_ASSERT_EQUAL(weir_node_set(in, "source.sequence.to", "10"), WEIR_OK);
    expect_ok(&g, weir_job_check(g.job, &g.error));
    CU_ASSERT_EQUAL(weir_node_set(in, "source.sequence.to", "20"), WEIR_OK); /* also after a check */
    expect_ok(&g, weir_job_start(g.job, &g.error));
    CU_ASSERT(weir_job_wait(g.job, -1));
    struct weir_job_status s;
    weir_job_status(g.job, &s);
    CU_ASSERT_EQUAL(s.rows_written, 20);
    weir_job_status_free(&s);
    stage_end(&g);
}

static void a_path_that_runs_into_a_scalar_is_refused(void)
{
    struct stage g;
    stage_init(&g, NULL);
    expect_ok(&g, weir_job_create(g.runtime, "paths", NULL, &g.job, &g.error));
    struct weir_node *n = NODE(&g, "out", "sink=print");
    CU_ASSERT_EQUAL(weir_node_set(n, "sink.print.identifier", "x"), WEIR_E_CONFIG);
    CU_ASSERT_EQUAL(weir_node_set(n, "", "x"), WEIR_E_CONFIG);
    CU_ASSERT_EQUAL(weir_node_set(n, "sink.", "x"), WEIR_E_CONFIG);
    CU_ASSERT_EQUAL(weir_node_append(n, "sink", "x"), WEIR_E_CONFIG);
    CU_ASSERT_EQUAL(weir_job_set(g.job, "job.name", "x"), WEIR_E_CONFIG);
    stage_end(&g);
}

static void a_started_job_is_not_changed_and_not_started_again(void)
{
    struct stage g;
    stage_init(&g, NULL);
    window_job(&g, "1");
    struct weir_node *more = weir_job_add_node(g.job, "unused");
    CU_ASSERT_EQUAL(weir_node_set(more, "from", "counts"), WEIR_OK);
    CU_ASSERT_EQUAL(weir_node_set(more, "sink", "discard"), WEIR_OK);
    expect_ok(&g, weir_job_start(g.job, &g.error));
    CU_ASSERT_EQUAL(weir_node_set(more, "sink", "print"), WEIR_E_CONFIG);
    CU_ASSERT_EQUAL(weir_job_set(g.job, "defaults.parallelism", "2"), WEIR_E_CONFIG);
    CU_ASSERT_PTR_NULL(weir_job_add_node(g.job, "late"));
    CU_ASSERT(weir_job_wait(g.job, -1));
    CU_ASSERT_EQUAL(weir_job_start(g.job, &g.error), WEIR_E_CONFIG);
    WEIR_ASSERT_CONTAINS(g.error.text, "was started before");
    stage_end(&g);
}

static void two_jobs_of_a_runtime_run_side_by_side(void)
{
    struct stage a, b;
    stage_init(&a, NULL);
    b = a;
    window_job(&a, "2");
    window_job(&b, "1");
    expect_ok(&a, weir_job_start(a.job, &a.error));
    expect_ok(&b, weir_job_start(b.job, &b.error));
    CU_ASSERT(weir_job_wait(a.job, -1));
    CU_ASSERT(weir_job_wait(b.job, -1));
    CU_ASSERT_EQUAL(weir_job_state(a.job), WEIR_JOB_FINISHED);
    CU_ASSERT_EQUAL(weir_job_state(b.job), WEIR_JOB_FINISHED);
    weir_job_destroy(b.job);
    stage_end(&a);
}

WEIR_SUITE(build) = {
    {"a job made by calls runs", a_job_made_by_calls_runs},
    {"problems name their node, all in one go", problems_name_their_node_all_in_one_go},
    {"a mistake can be put right", a_mistake_can_be_put_right},
    {"a path that runs into a scalar is refused", a_path_that_runs_into_a_scalar_is_refused},
    {"a started job is not changed, and not started again", a_started_job_is_not_changed_and_not_started_again},
    {"two jobs of a runtime run side by side", two_jobs_of_a_runtime_run_side_by_side},
    {NULL, NULL}};
