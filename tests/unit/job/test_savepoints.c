/* Savepoints, and what of a job stays on disk, stepped by hand (semantics A7). */
#include "harness/folders.h"
#include "unit/job/coordinator_stage.h"

/* ---- savepoints -------------------------------------------------------------------------------------------------- */

static struct weir_saving *ask(struct bench *b, const char *directory, enum weir_saving_then then)
{
    struct weir_saving *s;
    CU_ASSERT_EQUAL_FATAL(weir_run_savepoint(b->run, directory, then, &s, &b->error), WEIR_OK);
    CU_ASSERT_FALSE(weir_saving_wait(s, 0));
    return s;
}

/* NULL: it failed, as b->error says. The caller frees. */
static char *answer(struct bench *b, struct weir_saving *s)
{
    const char *path;
    CU_ASSERT_FATAL(weir_saving_wait(s, 0));
    (void)!weir_saving_result(s, &path, &b->error);
    char *copy = weir_strdup(path);
    weir_saving_release(s);
    return copy;
}

static void expect_saved(struct bench *b, char *path, enum weir_saved_kind kind)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(path);
    weir_saved_finish(&b->saved);
    CU_ASSERT_EQUAL(folders_read(weir_platform_os(), path, &b->saved, &b->error), WEIR_OK);
    CU_ASSERT_EQUAL(b->saved.kind, kind);
    weir_free(path);
}

static void a_savepoint_jumps_the_queue_and_commits_nothing(void)
{
    struct bench b;
    clean();
    start(&b, "checkpoint: {every: 100ms, keep: 1, directory: " DIRECTORY ", savepoints: " DIRECTORY "/mine}");
    wait_ms(&b, 100);
    struct weir_saving *first = ask(&b, NULL, WEIR_THEN_GO_ON), *second = ask(&b, DIRECTORY "/other", WEIR_THEN_GO_ON);
    coordinate(&b);
    CU_ASSERT_EQUAL(triggered(&b), 3); /* beside the checkpoint under way */
    step_all(&b, 12);
    coordinate(&b);
    EXPECT_COMPLETE(&b, 1);
    step_all(&b, 2);
    CU_ASSERT_STRING_EQUAL(weir_text_get(&b.printed), "cut 1\ncut 2\ncut 3\ncommitted 1\n");
    char *path = answer(&b, first);
    CU_ASSERT_STRING_EQUAL(path, DIRECTORY "/mine/shop-savepoint-2");
    expect_saved(&b, path, WEIR_SAVED_SAVEPOINT);
    expect_saved(&b, answer(&b, second), WEIR_SAVED_SAVEPOINT);
    EXPECT_THERE("other/shop-savepoint-3");
    for (int i = 0; i < 3; i++) {
        wait_ms(&b, 100);
        step_all(&b, 12);
        coordinate(&b);
    }
    EXPECT_COMPLETE(&b, 6);
    EXPECT_THERE("mine/shop-savepoint-2"); /* no checkpoint takes its place */
    CU_ASSERT_PTR_NOT_NULL(strstr(weir_text_get(&b.printed), "committed 4\n"));
    end(&b);
}

static void a_savepoint_that_fails_costs_the_job_nothing(void)
{
    struct bench b;
    clean();
    start(&b, "checkpoint: {every: 1h, timeout: 50ms, tolerable: 0, directory: " DIRECTORY "}");
    struct weir_saving *s = ask(&b, NULL, WEIR_THEN_GO_ON), *late = ask(&b, NULL, WEIR_THEN_GO_ON);
    coordinate(&b);
    step_all(&b, 12);
    b.failing_opens = 1;
    coordinate(&b);
    CU_ASSERT_PTR_NULL(answer(&b, s));
    WEIR_ASSERT_CONTAINS(b.error.text, "the disk is full");
    weir_free(answer(&b, late));
    s = ask(&b, NULL, WEIR_THEN_GO_ON);
    coordinate(&b);
    step(&b, "in");
    wait_ms(&b, 50);
    CU_ASSERT_PTR_NULL(answer(&b, s));
    WEIR_ASSERT_CONTAINS(b.error.text, "not every subtask had cut its state within 50 ms");
    CU_ASSERT_PTR_NULL(weir_run_failure(b.run));
    end(&b);
}

static void a_job_without_checkpoints_has_savepoints_while_all_of_it_runs(void)
{
    struct bench b;
    clean();
    compile(&b, "", "9", "0");
    CU_ASSERT_EQUAL_FATAL(deploy(&b, &(struct weir_deploy_options){0}), WEIR_OK);
    struct weir_saving *s;
    CU_ASSERT_EQUAL(weir_run_savepoint(b.run, NULL, WEIR_THEN_GO_ON, &s, &b.error), WEIR_E_CONFIG);
    WEIR_ASSERT_CONTAINS(b.error.text, "where is the savepoint to go?");
    s = ask(&b, DIRECTORY, WEIR_THEN_GO_ON);
    coordinate(&b);
    step_all(&b, 12);
    coordinate(&b);
    expect_saved(&b, answer(&b, s), WEIR_SAVED_SAVEPOINT);
    step_all(&b, 12);
    CU_ASSERT_EQUAL(subtask_of(&b, "again")->state, WEIR_SUBTASK_DONE);
    s = ask(&b, DIRECTORY, WEIR_THEN_SUSPEND);
    coordinate(&b);
    CU_ASSERT_PTR_NULL(answer(&b, s));
    WEIR_ASSERT_CONTAINS(b.error.text, "a part of the job has ended");
    end(&b);
}

static uint64_t rows_of(struct bench *b, const char *node)
{
    for (uint32_t i = 0; i < b->run->n_ops; i++) {
        if (strcmp(b->graph->nodes[b->run->ops[i].node]->id, node) == 0)
            return atomic_load(&b->run->ops[i].op->counters.rows_out);
    }
    return 0;
}

static void a_suspended_job_reads_nothing_behind_its_savepoint_commits_and_stops(void)
{
    struct bench b;
    clean();
    start(&b, "checkpoint: {every: 10ms, directory: " DIRECTORY "}");
    struct weir_saving *s = ask(&b, NULL, WEIR_THEN_SUSPEND);
    coordinate(&b);
    step(&b, "in");
    uint64_t rows = rows_of(&b, "in");
    wait_ms(&b, 500); /* no checkpoint is triggered meanwhile */
    CU_ASSERT_EQUAL(triggered(&b), 1);
    for (int i = 0; i < 50; i++) step(&b, "in");
    CU_ASSERT_EQUAL(rows_of(&b, "in"), rows);
    step_all(&b, 12);
    CU_ASSERT_EQUAL(subtask_of(&b, "in")->state, WEIR_SUBTASK_RUNNING); /* it holds */
    coordinate(&b);
    expect_saved(&b, answer(&b, s), WEIR_SAVED_SAVEPOINT);
    EXPECT_THERE("_suspended");
    run_to_the_end(&b);
    CU_ASSERT_STRING_EQUAL(weir_text_get(&b.printed), "cut 1\ncommitted 1\n"); /* no finish: event time did not end */
    CU_ASSERT_EQUAL(rows_of(&b, "in"), rows);
    weir_run_set_over(b.run);
    CU_ASSERT_EQUAL(weir_run_state(b.run), WEIR_RUN_STOPPED);
    end(&b);
    EXPECT_THERE("shop-savepoint-1");
}

/* What fires behind the barrier would come out twice: in this life, and again from the savepoint. */
static void no_timer_fires_behind_the_savepoint(void)
{
    struct bench b;
    clean();
    start(&b, "checkpoint: {every: 1h, directory: " DIRECTORY "}");
    step_all(&b, 12);
    struct weir_saving *s = ask(&b, NULL, WEIR_THEN_SUSPEND);
    coordinate(&b);
    step_all(&b, 12);
    CU_ASSERT_EQUAL(rows_of(&b, "echoes"), 0);
    b.sim.now_ns += 1000 * (int64_t)MS; /* they are due */
    step_all(&b, 12);
    CU_ASSERT_EQUAL(rows_of(&b, "echoes"), 0);
    CU_ASSERT_EQUAL(weir_chain_next_due_ms(&subtask_of(&b, "echoes")->chain), INT64_MAX); /* nobody need ask again */
    b.failing_opens = 1;
    coordinate(&b);
    CU_ASSERT_PTR_NULL(answer(&b, s));
    step_all(&b, 12);
    CU_ASSERT(rows_of(&b, "echoes") > 0); /* the job goes on, and so do they */
    end(&b);
}

static void a_suspend_that_fails_lets_the_job_go_on(void)
{
    struct bench b;
    clean();
    start(&b, "checkpoint: {every: 100ms, directory: " DIRECTORY "}");
    struct weir_saving *s = ask(&b, NULL, WEIR_THEN_SUSPEND), *second = ask(&b, NULL, WEIR_THEN_DRAIN);
    coordinate(&b);
    CU_ASSERT_PTR_NULL(answer(&b, second));
    WEIR_ASSERT_CONTAINS(b.error.text, "the job is being stopped with another one");
    step_all(&b, 12);
    uint64_t rows = rows_of(&b, "in");
    b.failing_opens = 1;
    coordinate(&b);
    CU_ASSERT_PTR_NULL(answer(&b, s));
    EXPECT_GONE("_suspended");
    step_all(&b, 12);
    CU_ASSERT(rows_of(&b, "in") > rows);
    wait_ms(&b, 100);
    step_all(&b, 12);
    coordinate(&b);
    EXPECT_COMPLETE(&b, 2); /* and has checkpoints again */
    CU_ASSERT_PTR_NULL(weir_run_failure(b.run));
    end(&b);
}

static void a_drained_job_ends_event_time_and_then_saves(void)
{
    struct bench b;
    clean();
    start(&b, "checkpoint: {every: 1h, directory: " DIRECTORY "}");
    step_all(&b, 12);
    struct weir_saving *s = ask(&b, NULL, WEIR_THEN_DRAIN);
    coordinate(&b);
    run_to_the_end(&b);
    CU_ASSERT_STRING_EQUAL(weir_text_get(&b.printed), "finish 0\ncut 1\n");
    coordinate(&b);
    expect_saved(&b, answer(&b, s), WEIR_SAVED_DRAINED);
    step_all(&b, 1);
    CU_ASSERT_STRING_EQUAL(weir_text_get(&b.printed), "finish 0\ncut 1\ncommitted 1\n");
    weir_run_set_over(b.run);
    CU_ASSERT_EQUAL(weir_run_state(b.run), WEIR_RUN_STOPPED);
    end(&b);
    EXPECT_GONE("_suspended"); /* not to go on from */
}

static void a_drain_that_cannot_save_fails_the_job(void)
{
    struct bench b;
    clean();
    start(&b, "checkpoint: {every: 1h, directory: " DIRECTORY "}");
    struct weir_saving *s = ask(&b, NULL, WEIR_THEN_DRAIN);
    coordinate(&b);
    run_to_the_end(&b);
    b.failing_opens = 1;
    coordinate(&b);
    CU_ASSERT_PTR_NULL(answer(&b, s));
    CU_ASSERT(has_failed(&b, "there is no savepoint: "));
    end(&b);
}

static void nobody_waits_for_ever_for_a_job_that_has_ended(void)
{
    struct bench b;
    clean();
    start(&b, "checkpoint: {every: 1h, directory: " DIRECTORY "}");
    struct weir_saving *under_way = ask(&b, NULL, WEIR_THEN_SUSPEND), *late;
    coordinate(&b);
    struct weir_saving *asked = ask(&b, NULL, WEIR_THEN_GO_ON);
    weir_run_set_over(b.run);
    coordinate(&b);
    CU_ASSERT_PTR_NULL(answer(&b, under_way));
    WEIR_ASSERT_CONTAINS(b.error.text, "the job ended before it was complete");
    CU_ASSERT_PTR_NULL(answer(&b, asked));
    CU_ASSERT_EQUAL(weir_run_savepoint(b.run, NULL, WEIR_THEN_GO_ON, &late, &b.error), WEIR_E_CONFIG);
    WEIR_ASSERT_CONTAINS(b.error.text, "the job has ended");
    end(&b);
}

/* ---- what stays -------------------------------------------------------------------------------------------------- */

/* A job that writes a checkpoint and then ends as the letter says: c cancelled, f failed and given up, r failed and started
 * again, s stopped. */
static void live_and_end(const char *retain, char how)
{
    struct bench b;
    clean();
    char *yaml = weir_format("checkpoint: {every: 100ms, directory: " DIRECTORY ", retain: {%s}}", retain);
    start(&b, yaml);
    weir_free(yaml);
    wait_ms(&b, 100);
    step_all(&b, 12);
    coordinate(&b);
    EXPECT_COMPLETE(&b, 1);
    if (how == 'f' || how == 'r') weir__run_fail(b.run, &(struct weir_error){.status = WEIR_E_DATA, .text = "bad luck"});
    if (how == 'f') weir_run_give_up(b.run);
    if (how == 's') weir_run_stop(b.run);
    for (int i = 0; how == 's' && i < 3; i++) {
        run_to_the_end(&b);
        coordinate(&b);
    }
    end(&b);
}

static void retention_is_as_the_job_says(void)
{
    static const struct {
        const char *retain;
        char how;
        bool stays;
    } cases[] = {
        {"", 'c', true},
        {"", 'f', true},
        {"", 's', true},
        {"on_cancel: keep, on_failure: keep", 'c', true},
        {"on_cancel: delete", 'c', false},
        {"on_cancel: delete", 's', false},
        {"on_cancel: delete", 'f', true},
        {"on_failure: delete", 'f', false},
        {"on_failure: delete", 'r', true}, /* to go on from */
        {"on_failure: delete", 'c', true},
    };
    for (size_t i = 0; i < WEIR_LEN(cases); i++) {
        live_and_end(cases[i].retain, cases[i].how);
        bool stays = is_there("chk-1") || is_there("chk-2");
        if (stays != cases[i].stays) fprintf(stderr, "\n%s %c\n", cases[i].retain, cases[i].how);
        CU_ASSERT_EQUAL(stays, cases[i].stays);
    }
}

static void the_start_sweeps_what_a_crash_left(void)
{
    struct bench b;
    clean();
    run_shell("mkdir -p " DIRECTORY "/chk-7.tmp " DIRECTORY "/shop-savepoint-3.tmp " DIRECTORY
              "/other-savepoint-3.tmp " DIRECTORY "/mine && touch " DIRECTORY "/chk-7.tmp/in-0.state");
    start(&b, "checkpoint: {every: 100ms, keep: 3, directory: " DIRECTORY "}");
    EXPECT_GONE("chk-7.tmp");
    EXPECT_GONE("shop-savepoint-3.tmp");
    EXPECT_THERE("other-savepoint-3.tmp"); /* of another job, which may be writing it */
    EXPECT_THERE("mine");
    for (int i = 0; i < 3; i++) {
        wait_ms(&b, 100);
        step_all(&b, 12);
        coordinate(&b);
    }
    end(&b);
    EXPECT_THERE("chk-1");
    compile(&b, "checkpoint: {every: 100ms, keep: 2, directory: " DIRECTORY "}", "1000000", "0");
    CU_ASSERT_EQUAL(deploy(&b, &(struct weir_deploy_options){0}), WEIR_E_CONFIG); /* there is something to go on from */
    EXPECT_THERE("chk-1");
    CU_ASSERT_EQUAL(deploy(&b, &(struct weir_deploy_options){.fresh = true}), WEIR_OK);
    EXPECT_GONE("chk-1"); /* more than `keep` */
    EXPECT_THERE("chk-2");
    EXPECT_THERE("chk-3");
    end(&b);
}

/* One completed checkpoint more takes the place of what is claimed; what is not claimed stays whatever comes. */
static void live_from(const char *from, bool claim, int checkpoints)
{
    struct bench b;
    compile(&b, "checkpoint: {every: 100ms, keep: 1, directory: " DIRECTORY "}", "1000000", "0");
    CU_ASSERT_EQUAL_FATAL(folders_read(weir_platform_os(), from, &b.saved, &b.error), WEIR_OK);
    struct weir_deploy_options o = {.restore = &b.saved, .restored_from = from, .claim = claim};
    CU_ASSERT_EQUAL_FATAL(deploy(&b, &o), WEIR_OK);
    for (int i = 0; i < checkpoints; i++) {
        wait_ms(&b, 100);
        step_all(&b, 12);
        coordinate(&b);
    }
    end(&b);
}

static void what_is_claimed_goes_once_it_is_subsumed_and_nothing_else_is_touched(void)
{
    for (int claim = 0; claim < 2; claim++) {
        struct bench b;
        clean();
        start(&b, "checkpoint: {every: 1h, directory: " DIRECTORY "}");
        struct weir_saving *s = ask(&b, DIRECTORY "/mine", WEIR_THEN_SUSPEND);
        coordinate(&b);
        step_all(&b, 12);
        coordinate(&b);
        weir_free(answer(&b, s));
        run_to_the_end(&b);
        end(&b);
        EXPECT_THERE("_suspended");
        live_from(DIRECTORY "/mine/shop-savepoint-1", claim, 0);
        EXPECT_THERE("mine/shop-savepoint-1");
        EXPECT_THERE("_suspended"); /* a crash now: still to go on from there */
        live_from(DIRECTORY "/mine/shop-savepoint-1", claim, 1);
        CU_ASSERT_EQUAL(is_there("mine/shop-savepoint-1"), !claim);
        EXPECT_GONE("_suspended");
        EXPECT_THERE("chk-2");
        live_from(DIRECTORY "/chk-2", claim, 1); /* in its own directory, by name */
        CU_ASSERT_EQUAL(is_there("chk-2"), !claim);
    }
}

WEIR_SUITE(savepoints) = {
    {"a savepoint jumps the queue and commits nothing", a_savepoint_jumps_the_queue_and_commits_nothing},
    {"a savepoint that fails costs the job nothing", a_savepoint_that_fails_costs_the_job_nothing},
    {"a job without checkpoints has savepoints while all of it runs",
     a_job_without_checkpoints_has_savepoints_while_all_of_it_runs},
    {"a suspended job reads nothing behind its savepoint, commits and stops",
     a_suspended_job_reads_nothing_behind_its_savepoint_commits_and_stops},
    {"no timer fires behind the savepoint", no_timer_fires_behind_the_savepoint},
    {"a suspend that fails lets the job go on", a_suspend_that_fails_lets_the_job_go_on},
    {"a drained job ends event time, and then saves", a_drained_job_ends_event_time_and_then_saves},
    {"a drain that cannot save fails the job", a_drain_that_cannot_save_fails_the_job},
    {"nobody waits for ever for a job that has ended", nobody_waits_for_ever_for_a_job_that_has_ended},
    {"retention is as the job says", retention_is_as_the_job_says},
    {"the start sweeps what a crash left", the_start_sweeps_what_a_crash_left},
    {"what is claimed goes once it is subsumed, and nothing else is touched",
     what_is_claimed_goes_once_it_is_subsumed_and_nothing_else_is_touched},
    {NULL, NULL}};
