/* Savepoints of a job that runs on threads, through weir.h; asked for from several threads at once. */
#include <pthread.h>
#include <stdatomic.h>

#include "unit/embed/embed_stage.h"

#define DIRECTORY WEIR_TEST_FOLDER
#define NEVER     "9000000000000000000"

static void counting(struct stage *g, const char *to, const char *counts)
{
    expect_ok(g, weir_job_create(g->runtime, "counting", NULL, &g->job, &g->error));
    CU_ASSERT_EQUAL(weir_job_set(g->job, "defaults.max_parallelism", "16"), WEIR_OK);
    char path[64];
    snprintf(path, sizeof path, "source.sequence.to=%s", to);
    NODE(g, "in", path);
    NODE(g, counts, "from=in", "key_by.k=value % 3", "count=n");
    snprintf(path, sizeof path, "from=%s", counts);
    NODE(g, "out", path, "sink=discard");
}

static void begin(struct stage *g)
{
    weir_test_remove(DIRECTORY);
    stage_init(g, NULL);
}

static void forget_job(struct stage *g)
{
    weir_job_destroy(g->job);
    g->job = NULL;
}

static void *save(void *arg)
{
    static struct weir_error_text error[8];
    static _Atomic int n;
    char *path = NULL;
    if (weir_job_savepoint(arg, DIRECTORY, &path, &error[atomic_fetch_add(&n, 1) % 8]) != WEIR_OK) return NULL;
    return path;
}

/* A job without `checkpoint:`. */
static void a_running_job_is_saved_by_any_thread_and_then_suspended(void)
{
    struct stage g;
    pthread_t threads[4];
    char *path, *saved[4];
    begin(&g);
    counting(&g, NEVER, "counts");
    CU_ASSERT_FALSE(weir_job_keeps_savepoints(g.job));
    CU_ASSERT_EQUAL(weir_job_savepoint(g.job, DIRECTORY, &path, &g.error), WEIR_E_CONFIG);
    WEIR_ASSERT_CONTAINS(g.error.text, "the job was not started");
    expect_ok(&g, weir_job_start(g.job, &g.error));
    for (int i = 0; i < 4; i++) CU_ASSERT_EQUAL(pthread_create(&threads[i], NULL, save, g.job), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], (void **)&saved[i]);
        CU_ASSERT_PTR_NOT_NULL(saved[i]);
        for (int k = 0; k < i; k++) CU_ASSERT_STRING_NOT_EQUAL(saved[i], saved[k]);
    }
    for (int i = 0; i < 4; i++) weir_text_free(saved[i]);
    CU_ASSERT_EQUAL(weir_job_state(g.job), WEIR_JOB_RUNNING);
    expect_ok(&g, weir_job_stop_with_savepoint(g.job, DIRECTORY, false, &path, &g.error));
    CU_ASSERT(weir_job_wait(g.job, -1));
    CU_ASSERT_EQUAL(weir_job_state(g.job), WEIR_JOB_STOPPED);
    CU_ASSERT_EQUAL(access(path, F_OK), 0);
    CU_ASSERT_EQUAL(weir_job_savepoint(g.job, DIRECTORY, NULL, &g.error), WEIR_E_CONFIG);
    weir_text_free(path);
    stage_end(&g);
}

static void expect_start(struct stage *g, const struct weir_start_options *o, const char *counts, const char *message)
{
    counting(g, NEVER, counts);
    weir_status s = weir_job_start_with(g->job, o, &g->error);
    CU_ASSERT_EQUAL(s, message ? WEIR_E_CONFIG : WEIR_OK);
    if (message) WEIR_ASSERT_CONTAINS(g->error.text, message);
    forget_job(g);
}

static void wait_until_written(struct stage *g)
{
    for (uint64_t written = 0; written == 0;) {
        struct weir_job_status status;
        CU_ASSERT_FALSE(weir_job_wait(g->job, 1));
        weir_job_status(g->job, &status);
        written = status.rows_written;
        weir_job_status_free(&status);
    }
}

static void state_that_no_node_takes_is_dropped_on_purpose_alone(void)
{
    struct stage g;
    char *path;
    begin(&g);
    counting(&g, NEVER, "counts");
    expect_ok(&g, weir_job_start(g.job, &g.error));
    wait_until_written(&g);
    expect_ok(&g, weir_job_stop_with_savepoint(g.job, DIRECTORY, false, &path, &g.error));
    CU_ASSERT(weir_job_wait(g.job, -1));
    forget_job(&g);
    struct weir_start_options o = {.struct_size = sizeof o, .from = path};
    expect_start(&g, &o, "counts", NULL);
    expect_start(&g, &o, "renamed", "had state for 'counts', but this job has no such node");
    o.allow_non_restored = 1;
    expect_start(&g, &o, "renamed", NULL);
    o.fresh = 1;
    expect_start(&g, &o, "counts", "a job begins afresh, or goes on from somewhere, not both");
    CU_ASSERT_EQUAL(access(path, F_OK), 0);
    weir_text_free(path);
    stage_end(&g);
}

static void a_drained_job_has_read_what_it_has_read(void)
{
    struct stage g;
    char *path;
    begin(&g);
    counting(&g, NEVER, "counts");
    expect_ok(&g, weir_job_start(g.job, &g.error));
    expect_ok(&g, weir_job_stop_with_savepoint(g.job, DIRECTORY, true, &path, &g.error));
    CU_ASSERT(weir_job_wait(g.job, -1));
    CU_ASSERT_EQUAL(weir_job_state(g.job), WEIR_JOB_STOPPED);
    struct weir_job_status status;
    weir_job_status(g.job, &status);
    CU_ASSERT_EQUAL(status.rows_read, status.rows_written);
    CU_ASSERT_EQUAL(status.nodes[0].watermark, INT64_MAX);
    weir_job_status_free(&status);
    weir_text_free(path);
    stage_end(&g);
}

WEIR_SUITE(savepoint) = {
    {"a running job is saved by any thread, and then suspended", a_running_job_is_saved_by_any_thread_and_then_suspended},
    {"state that no node takes is dropped on purpose alone", state_that_no_node_takes_is_dropped_on_purpose_alone},
    {"a drained job has read what it has read", a_drained_job_has_read_what_it_has_read},
    {NULL, NULL}};
