/* Jobs that fail and start again by themselves, through the embedding API; and what a supervising program is told. */
#include "unit/embed/embed_stage.h"

/* What the job's function was told. */
struct told {
    uint32_t n, attempt, most;
    int64_t delay_ms, checkpoint;
    enum weir_job_state state;
    uint32_t n_nodes;
    bool cancels;
};

static void tell(void *arg, struct weir_job *job, const struct weir_restart_info *info)
{
    struct told *t = arg;
    struct weir_job_status s;
    weir_job_status(job, &s);
    t->n++;
    t->attempt = info->attempt;
    t->most = info->most;
    t->delay_ms = info->delay_ms;
    t->checkpoint = info->checkpoint;
    t->state = s.state;
    t->n_nodes = s.n_nodes;
    CU_ASSERT_EQUAL(s.attempt, info->attempt);
    CU_ASSERT_EQUAL(info->again, 1);
    WEIR_ASSERT_CONTAINS(info->failure, "expected anything but 7");
    weir_job_status_free(&s);
    if (t->cancels) weir_job_cancel(job);
}

/* Numbers 1 to 20, of which 7 fails the job in its first `attempts` attempts. */
static void failing_job(struct stage *g, const char *restart, int attempts, struct told *told)
{
    char text[768];
    snprintf(text, sizeof text,
             "job: failing\ndefaults: {restart: %s}\nnodes:\n"
             "  - {id: in, source: {sequence: {to: 20, field: n}}}\n"
             "  - {id: trouble, from: in, process: {fails_at: {at: 7, attempts: %d}}}\n"
             "  - {id: out, from: trouble, sink: discard}\n",
             restart, attempts);
    *told = (struct told){0};
    expect_ok(g, weir_job_load(g->runtime, write_file("failing.yaml", text), NULL, &g->job, &g->error));
    weir_job_on_restart(g->job, tell, told);
}

static void expect_end(struct stage *g, enum weir_job_state state, uint32_t attempt)
{
    struct weir_job_status s;
    CU_ASSERT(weir_job_wait(g->job, -1));
    CU_ASSERT(weir_job_wait(g->job, 0)); /* and stays so */
    CU_ASSERT_EQUAL(weir_job_state(g->job), state);
    weir_job_status(g->job, &s);
    CU_ASSERT_EQUAL(s.state, state);
    CU_ASSERT_EQUAL(s.attempt, attempt);
    weir_job_status_free(&s);
}

static void a_job_goes_on_after_its_failures(void)
{
    struct stage g;
    struct told told;
    struct weir_job_status s;
    stage_init(&g, NULL);
    failing_job(&g, "{fixed_delay: {attempts: 3, delay: 1ms}}", 2, &told);
    expect_ok(&g, weir_job_start(g.job, &g.error));
    expect_end(&g, WEIR_JOB_FINISHED, 2);
    CU_ASSERT_EQUAL(told.n, 2);
    CU_ASSERT_EQUAL(told.attempt, 2);
    CU_ASSERT_EQUAL(told.most, 3);
    CU_ASSERT(told.delay_ms <= 1);
    CU_ASSERT_EQUAL(told.checkpoint, 0);
    CU_ASSERT_EQUAL(told.state, WEIR_JOB_RESTARTING);
    CU_ASSERT_EQUAL(told.n_nodes, 0); /* there is no run between two attempts */
    weir_job_status(g.job, &s);
    CU_ASSERT_EQUAL(s.rows_written, 20); /* of the last attempt */
    weir_job_status_free(&s);
    CU_ASSERT_EQUAL(weir_job_failure(g.job, &g.error), WEIR_OK);
    stage_end(&g);
}

static void a_strategy_comes_to_its_end(void)
{
    struct stage g;
    struct told told;
    stage_init(&g, NULL);
    failing_job(&g, "{fixed_delay: {attempts: 2, delay: 0}}", 1000, &told);
    expect_ok(&g, weir_job_start(g.job, &g.error));
    expect_end(&g, WEIR_JOB_FAILED, 2);
    CU_ASSERT_EQUAL(told.n, 2);
    CU_ASSERT_EQUAL(weir_job_failure(g.job, &g.error), WEIR_E_DATA);
    WEIR_ASSERT_CONTAINS(g.error.text, "expected anything but 7");
    WEIR_ASSERT_CONTAINS(g.error.text, "It does not start again: restart: fixed_delay has used up its 2 attempts.");
    stage_end(&g);
}

static void without_a_strategy_the_first_failure_is_the_last(void)
{
    struct stage g;
    struct told told;
    stage_init(&g, NULL);
    failing_job(&g, "none", 1, &told);
    expect_ok(&g, weir_job_start(g.job, &g.error));
    expect_end(&g, WEIR_JOB_FAILED, 0);
    CU_ASSERT_EQUAL(told.n, 0);
    CU_ASSERT_EQUAL(weir_job_failure(g.job, &g.error), WEIR_E_DATA);
    CU_ASSERT_PTR_NULL(strstr(g.error.text, "start again"));
    stage_end(&g);
}

static void a_job_between_two_attempts_can_be_cancelled(void)
{
    struct stage g;
    struct told told;
    stage_init(&g, NULL);
    failing_job(&g, "{fixed_delay: {delay: 10d}}", 1, &told);
    told.cancels = true;
    expect_ok(&g, weir_job_start(g.job, &g.error));
    expect_end(&g, WEIR_JOB_CANCELLED, 1);
    CU_ASSERT_EQUAL(told.n, 1);
    weir_job_destroy(g.job);
    failing_job(&g, "{fixed_delay: {delay: 10d}}", 1, &told);
    expect_ok(&g, weir_job_start(g.job, &g.error));
    while (told.n == 0) CU_ASSERT_FALSE(weir_job_wait(g.job, 1));
    CU_ASSERT_FALSE(weir_job_wait(g.job, 0));
    CU_ASSERT_EQUAL(weir_job_state(g.job), WEIR_JOB_RESTARTING);
    stage_end(&g); /* destroyed as it waits */
}

/* Made by calls, with checkpoints in one directory; number 7 fails it. */
static void job_with_checkpoints(struct stage *g, const char *name)
{
    expect_ok(g, weir_job_create(g->runtime, name, NULL, &g->job, &g->error));
    CU_ASSERT_EQUAL(weir_job_set(g->job, "checkpoint.directory", WEIR_TEST_FOLDER "/held"), WEIR_OK);
    CU_ASSERT_EQUAL(weir_job_set(g->job, "checkpoint.every", "1h"), WEIR_OK);
    CU_ASSERT_EQUAL(weir_job_set(g->job, "defaults.restart.fixed_delay.delay", "10d"), WEIR_OK);
    NODE(g, "in", "source.sequence.to=20", "source.sequence.field=n");
    NODE(g, "trouble", "from=in", "process.fails_at.at=7", "process.fails_at.attempts=1");
    NODE(g, "out", "from=trouble", "sink=discard");
}

/* To go on from what is in the directory, beside the stage's job. */
static void expect_refused_beside(struct stage *g, const char *why)
{
    struct weir_job *first = g->job;
    job_with_checkpoints(g, "beside");
    CU_ASSERT_EQUAL(weir_job_start_from(g->job, NULL, &g->error), WEIR_E_CONFIG);
    WEIR_ASSERT_CONTAINS(g->error.text, why);
    weir_job_destroy(g->job);
    g->job = first;
}

static void a_directory_is_the_jobs_between_two_attempts(void)
{
    struct stage g;
    struct told told = {0};
    stage_init(&g, NULL);
    job_with_checkpoints(&g, "failing");
    weir_job_on_restart(g.job, tell, &told);
    expect_ok(&g, weir_job_start(g.job, &g.error));
    while (told.n == 0) CU_ASSERT_FALSE(weir_job_wait(g.job, 1));
    expect_refused_beside(&g, "held is in use: job 'failing' is running with it");
    stage_end(&g);
}

static void a_job_that_is_changed_after_it_was_refused_gives_its_directory_back(void)
{
    struct stage g;
    stage_init(&g, NULL);
    job_with_checkpoints(&g, "failing");
    CU_ASSERT_EQUAL(weir_job_start_from(g.job, NULL, &g.error), WEIR_E_CONFIG);
    expect_refused_beside(&g, "held is in use: job 'failing' is running with it");
    CU_ASSERT_EQUAL(weir_job_set(g.job, "defaults.parallelism", "1"), WEIR_OK);
    expect_refused_beside(&g, "there is no complete checkpoint");
    stage_end(&g);
}

/* Another process would find the same manifest. */
static void what_a_restart_would_not_mend_is_not_tried_again(void)
{
    struct stage g;
    struct told told;
    stage_init(&g, NULL);
    failing_job(&g, "{fixed_delay: {attempts: unlimited, delay: 0}}", 1, &told);
    struct weir_recovery recovery;
    struct weir_restart_info info;
    weir_job_recovery(g.job, &recovery);
    expect_ok(&g, weir_recovery_died(&recovery, &info, &g.error));
    expect_ok(&g, weir_job_recover(g.job, &recovery, &g.error));
    CU_ASSERT_EQUAL(weir_job_start_from(g.job, "", &g.error), WEIR_E_CONFIG);
    stage_end(&g);
}

static void the_next_process_counts_on(void)
{
    struct stage g;
    struct told told;
    struct weir_recovery recovery;
    struct weir_restart_info info;
    stage_init(&g, NULL);
    failing_job(&g, "{fixed_delay: {attempts: 2, delay: 1ms}}", 3, &told);
    weir_job_recovery(g.job, &recovery);
    expect_ok(&g, weir_recovery_died(&recovery, &info, &g.error));
    CU_ASSERT_EQUAL(info.again, 1);
    CU_ASSERT_EQUAL(info.attempt, 1);
    CU_ASSERT_EQUAL(info.most, 2);
    CU_ASSERT_EQUAL(info.delay_ms, 1);
    CU_ASSERT_PTR_NULL(info.failure);
    expect_ok(&g, weir_job_recover(g.job, &recovery, &g.error));
    expect_ok(&g, weir_job_start(g.job, &g.error));
    expect_end(&g, WEIR_JOB_FAILED, 2); /* the second one is its own */
    CU_ASSERT_EQUAL(told.n, 1);
    weir_job_recovery(g.job, &recovery);
    expect_ok(&g, weir_recovery_died(&recovery, &info, &g.error));
    CU_ASSERT_EQUAL(info.again, 0);
    CU_ASSERT_STRING_EQUAL(info.why, "restart: fixed_delay has used up its 2 attempts");
    stage_end(&g);
}

static void a_recovery_that_is_empty_or_foreign_is_refused(void)
{
    struct stage g;
    struct told told;
    struct weir_recovery recovery = {0};
    struct weir_restart_info info;
    stage_init(&g, NULL);
    failing_job(&g, "fixed_delay", 1, &told);
    CU_ASSERT_EQUAL(weir_recovery_died(&recovery, &info, &g.error), WEIR_E_CONFIG);
    WEIR_ASSERT_CONTAINS(g.error.text, "the recovery is empty");
    CU_ASSERT_EQUAL(info.again, 0);
    CU_ASSERT_EQUAL(weir_job_recover(g.job, &recovery, &g.error), WEIR_E_CONFIG);
    recovery.struct_size = 5;
    CU_ASSERT_EQUAL(weir_recovery_died(&recovery, &info, &g.error), WEIR_E_CONFIG);
    WEIR_ASSERT_CONTAINS(g.error.text, "another version");
    stage_end(&g);
}

WEIR_SUITE(recovery) = {
    {"a job goes on after its failures", a_job_goes_on_after_its_failures},
    {"a strategy comes to its end", a_strategy_comes_to_its_end},
    {"without a strategy the first failure is the last", without_a_strategy_the_first_failure_is_the_last},
    {"a job between two attempts can be cancelled", a_job_between_two_attempts_can_be_cancelled},
    {"a directory is the job's between two attempts", a_directory_is_the_jobs_between_two_attempts},
    {"a job that is changed after it was refused gives its directory back",
     a_job_that_is_changed_after_it_was_refused_gives_its_directory_back},
    {"what a restart would not mend is not tried again", what_a_restart_would_not_mend_is_not_tried_again},
    {"the next process counts on", the_next_process_counts_on},
    {"a recovery that is empty or foreign is refused", a_recovery_that_is_empty_or_foreign_is_refused},
    {NULL, NULL}};
