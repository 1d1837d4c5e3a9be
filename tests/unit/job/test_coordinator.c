/* The coordinator of checkpoints, stepped by hand: every transition of job/checkpoints.h (semantics A7). */
#include "harness/folders.h"
#include "unit/job/coordinator_stage.h"

/* ---- checkpoints ------------------------------------------------------------------------------------------------- */

static void a_checkpoint_comes_when_it_is_due_and_old_ones_go(void)
{
    struct bench b;
    clean();
    start(&b, "checkpoint: {every: 100ms, directory: " DIRECTORY ", keep: 2}");
    wait_ms(&b, 99);
    CU_ASSERT_EQUAL(triggered(&b), 0);
    wait_ms(&b, 1);
    CU_ASSERT_EQUAL(triggered(&b), 1);
    step(&b, "in");
    step(&b, "again");
    step(&b, "both");
    coordinate(&b);
    EXPECT_COMPLETE(&b, 0); /* counts has not cut yet */
    step_all(&b, 12);
    EXPECT_GONE("chk-1");
    coordinate(&b);
    EXPECT_COMPLETE(&b, 1);
    EXPECT_THERE("chk-1");
    step_all(&b, 1);
    WEIR_ASSERT_CONTAINS(weir_text_get(&b.printed), "cut 1\ncommitted 1\n");
    for (int64_t n = 2; n <= 4; n++) {
        wait_ms(&b, 100);
        step_all(&b, 12);
        coordinate(&b);
        EXPECT_COMPLETE(&b, n);
    }
    EXPECT_GONE("chk-1");
    EXPECT_GONE("chk-2");
    EXPECT_THERE("chk-3");
    EXPECT_THERE("chk-4");
    end(&b);
}

static void min_pause_runs_from_the_end_of_one_to_the_next(void)
{
    struct bench b;
    clean();
    start(&b, "checkpoint: {every: 10ms, min_pause: 50ms, directory: " DIRECTORY "}");
    wait_ms(&b, 10);
    CU_ASSERT_EQUAL(triggered(&b), 1); /* no pause before the first */
    wait_ms(&b, 40);
    step_all(&b, 12);
    coordinate(&b);
    EXPECT_COMPLETE(&b, 1); /* at 50 */
    wait_ms(&b, 49);
    CU_ASSERT_EQUAL(triggered(&b), 1);
    wait_ms(&b, 1);
    CU_ASSERT_EQUAL(triggered(&b), 2);
    end(&b);
}

static void what_takes_too_long_is_abandoned_and_its_late_cuts_are_ignored(void)
{
    struct bench b;
    clean();
    start(&b, "checkpoint: {every: 100ms, timeout: 30ms, tolerable: 1, directory: " DIRECTORY "}");
    wait_ms(&b, 100);
    step(&b, "in");
    step(&b, "again");
    wait_ms(&b, 29);
    CU_ASSERT_EQUAL(b.run->subtasks[0].orders->oldest, 1);
    wait_ms(&b, 1);
    CU_ASSERT_EQUAL(b.run->subtasks[0].orders->oldest, 2); /* nobody injects it any more */
    step_all(&b, 12);                                      /* and here come the cuts */
    coordinate(&b);
    EXPECT_COMPLETE(&b, 0);
    EXPECT_GONE("chk-1");
    wait_ms(&b, 70);
    step_all(&b, 12);
    coordinate(&b);
    EXPECT_COMPLETE(&b, 2);
    CU_ASSERT_PTR_NULL(weir_run_failure(b.run));
    end(&b);
}

/* The sooner state is read, the less is copied; nothing counts before all of it is there. */
static void what_was_cut_is_written_while_others_have_not_cut(void)
{
    static const char *const nodes[] = {"in", "again", "both", "counts"}; /* all but echoes */
    enum { COMPLETE, TOO_LATE, JOB_ENDS, N_FATES };
    for (int fate = 0; fate < N_FATES; fate++) {
        struct bench b;
        clean();
        start(&b, "checkpoint: {every: 100ms, timeout: 90ms, tolerable: 5, directory: " DIRECTORY "}");
        wait_ms(&b, 100);
        EXPECT_GONE("chk-1.tmp");
        for (int i = 0; i < 12; i++) step(&b, nodes[i % 4]);
        coordinate(&b);
        EXPECT_THERE("chk-1.tmp");
        EXPECT_COMPLETE(&b, 0);
        if (fate == TOO_LATE) wait_ms(&b, 90);
        if (fate == COMPLETE) step_all(&b, 12);
        if (fate == COMPLETE) coordinate(&b);
        EXPECT_COMPLETE(&b, fate == COMPLETE);
        end(&b);
        EXPECT_GONE("chk-1.tmp");
        CU_ASSERT_EQUAL(is_there("chk-1"), fate == COMPLETE);
    }
}

static void a_source_leaves_out_what_was_abandoned(void)
{
    struct bench b;
    clean();
    start(&b, "checkpoint: {every: 100ms, timeout: 30ms, tolerable: 5, directory: " DIRECTORY "}");
    for (int i = 0; i < 3; i++) { /* one source is slow */
        wait_ms(&b, 70);
        step(&b, "again");
        step(&b, "both");
        wait_ms(&b, 30);
    }
    CU_ASSERT_EQUAL(triggered(&b), 3);
    step_all(&b, 12);
    coordinate(&b);
    EXPECT_COMPLETE(&b, 3);
    CU_ASSERT_PTR_NULL(strstr(weir_text_get(&b.printed), "cut 1\n"));
    end(&b);
}

/* One more failure in a row than is tolerated fails the job; a success forgets those before. */
static void tolerable_failures_are_counted_in_a_row(void)
{
    static const char outcomes[] = "ffsffsfff"; /* f: cannot be written; s: is */
    struct bench b;
    clean();
    start(&b, "checkpoint: {every: 100ms, tolerable: 2, directory: " DIRECTORY "}");
    for (const char *o = outcomes; *o; o++) {
        CU_ASSERT_PTR_NULL(weir_run_failure(b.run));
        wait_ms(&b, 100);
        step_all(&b, 12);
        b.failing_opens = *o == 'f';
        coordinate(&b);
        CU_ASSERT_EQUAL(b.failing_opens, 0);
    }
    CU_ASSERT(has_failed(&b, "checkpoint 9 failed, and 2 in a row are tolerated (checkpoint.tolerable): "));
    CU_ASSERT(has_failed(&b, "the disk is full"));
    EXPECT_THERE("chk-6"); /* the newest that was written stays */
    EXPECT_GONE("chk-7");
    end(&b);
}

static void a_declined_cut_fails_the_checkpoint_and_not_the_job(void)
{
    for (int tolerable = 0; tolerable < 2; tolerable++) {
        struct bench b;
        clean();
        char *yaml = weir_format("checkpoint: {every: 100ms, tolerable: %d, directory: " DIRECTORY "}", tolerable);
        compile(&b, yaml, "1000000", "1");
        weir_free(yaml);
        CU_ASSERT_EQUAL_FATAL(deploy(&b, &(struct weir_deploy_options){0}), WEIR_OK);
        wait_ms(&b, 100);
        step_all(&b, 12);
        coordinate(&b);
        EXPECT_COMPLETE(&b, 0);
        if (tolerable) {
            CU_ASSERT_PTR_NULL(weir_run_failure(b.run));
            wait_ms(&b, 100);
            step_all(&b, 12);
            coordinate(&b);
            EXPECT_COMPLETE(&b, 2);
        } else {
            CU_ASSERT(has_failed(&b, "no room for checkpoint 1"));
        }
        end(&b);
    }
}

static void max_concurrent_ones_are_under_way(void)
{
    for (int least = 0; least < 2; least++) {
        struct bench b;
        clean();
        start(&b, least ? "checkpoint: {every: 10ms, max_concurrent: 2, mode: at_least_once, keep: 9, directory: " DIRECTORY
                          "}"
                        : "checkpoint: {every: 10ms, max_concurrent: 2, keep: 9, directory: " DIRECTORY "}");
        wait_ms(&b, 10);
        step(&b, "in");
        wait_ms(&b, 10);
        CU_ASSERT_EQUAL(triggered(&b), 2);
        step(&b, "in"); /* a slow source: both barriers are out on the other channel */
        wait_ms(&b, 50);
        CU_ASSERT_EQUAL(triggered(&b), 2); /* no third */
        step_all(&b, 12);
        coordinate(&b);
        EXPECT_COMPLETE(&b, 2);
        EXPECT_THERE("chk-1");
        EXPECT_THERE("chk-2");
        CU_ASSERT_EQUAL(triggered(&b), 3);
        end(&b);
    }
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static void a_source_that_is_over_before_the_trigger_takes_part_and_waits_for_it(void)
{
    struct bench b;
    clean();
    compile(&b, "checkpoint: {every: 100ms, directory: " DIRECTORY "}", "5", "0");
    CU_ASSERT_EQUAL_FATAL(deploy(&b, &(struct weir_deploy_options){0}), WEIR_OK);
    step_all(&b, 12);
    CU_ASSERT_EQUAL(subtask_of(&b, "again")->state, WEIR_SUBTASK_COMMITTING);
    wait_ms(&b, 100);
    step_all(&b, 12);
    CU_ASSERT_EQUAL(subtask_of(&b, "again")->state, WEIR_SUBTASK_COMMITTING);
    coordinate(&b);
    EXPECT_COMPLETE(&b, 1);
    step_all(&b, 1);
    CU_ASSERT_EQUAL(subtask_of(&b, "again")->state, WEIR_SUBTASK_DONE);
    CU_ASSERT_EQUAL(subtask_of(&b, "in")->state, WEIR_SUBTASK_RUNNING);
    wait_ms(&b, 100); /* and in those to come */
    step_all(&b, 12);
    coordinate(&b);
    CU_ASSERT_EQUAL(folders_read(weir_platform_os(), DIRECTORY "/chk-2", &b.saved, &b.error), WEIR_OK);
    CU_ASSERT_EQUAL(weir_saved_find(&b.saved, "again")->parts[0].n_lists, 1);
    end(&b);
}

/* TRAP: a sink that commits when a checkpoint is complete has its tail committed by the last one, and the job is not over
 * before. */
static void a_job_ends_with_a_last_checkpoint(void)
{
    struct bench b;
    clean();
    compile(&b, "checkpoint: {every: 1h, directory: " DIRECTORY "}", "5", "0");
    CU_ASSERT_EQUAL_FATAL(deploy(&b, &(struct weir_deploy_options){0}), WEIR_OK);
    step_all(&b, 12);
    weir_run_stop(b.run);
    run_to_the_end(&b);
    for (uint32_t i = 0; i < b.run->plan->n_subtasks; i++)
        CU_ASSERT_EQUAL(b.run->subtasks[i].state, WEIR_SUBTASK_COMMITTING);
    CU_ASSERT_STRING_EQUAL(weir_text_get(&b.printed), "cut 1\n");
    coordinate(&b); /* at once, whatever `every` says */
    EXPECT_COMPLETE(&b, 1);
    step_all(&b, 1);
    for (uint32_t i = 0; i < b.run->plan->n_subtasks; i++) CU_ASSERT_EQUAL(b.run->subtasks[i].state, WEIR_SUBTASK_DONE);
    CU_ASSERT_STRING_EQUAL(weir_text_get(&b.printed), "cut 1\ncommitted 1\n");
    end(&b);
    EXPECT_THERE("chk-1"); /* it was stopped: there is something to go on from */
}

/* One that was triggered before everything was over does not hold all last cuts. */
static void a_checkpoint_under_way_gives_way_to_the_last_one(void)
{
    struct bench b;
    clean();
    compile(&b, "checkpoint: {every: 100ms, directory: " DIRECTORY "}", "5", "0");
    CU_ASSERT_EQUAL_FATAL(deploy(&b, &(struct weir_deploy_options){0}), WEIR_OK);
    wait_ms(&b, 100);
    step(&b, "in"); /* its barrier is out */
    weir_run_stop(b.run);
    run_to_the_end(&b);
    coordinate(&b);
    CU_ASSERT(weir_run_last_checkpoint(b.run) >= 1);
    step_all(&b, 1);
    coordinate(&b);
    step_all(&b, 1);
    for (uint32_t i = 0; i < b.run->plan->n_subtasks; i++) CU_ASSERT_EQUAL(b.run->subtasks[i].state, WEIR_SUBTASK_DONE);
    end(&b);
}

static void a_last_checkpoint_that_fails_is_tried_again_or_fails_the_job(void)
{
    for (int tolerable = 0; tolerable < 2; tolerable++) {
        struct bench b;
        clean();
        char *yaml = weir_format("checkpoint: {every: 100ms, tolerable: %d, directory: " DIRECTORY "}", tolerable);
        compile(&b, yaml, "5", "0");
        weir_free(yaml);
        CU_ASSERT_EQUAL_FATAL(deploy(&b, &(struct weir_deploy_options){0}), WEIR_OK);
        weir_run_stop(b.run);
        run_to_the_end(&b);
        b.failing_opens = 1;
        coordinate(&b);
        EXPECT_COMPLETE(&b, 0);
        CU_ASSERT_EQUAL(weir_run_failure(b.run) != NULL, tolerable == 0);
        wait_ms(&b, 99);
        EXPECT_COMPLETE(&b, 0);
        wait_ms(&b, 1);
        EXPECT_COMPLETE(&b, tolerable ? 2 : 0);
        end(&b);
    }
}

WEIR_SUITE(coordinator) = {
    {"a checkpoint comes when it is due, and old ones go", a_checkpoint_comes_when_it_is_due_and_old_ones_go},
    {"min_pause runs from the end of one to the next", min_pause_runs_from_the_end_of_one_to_the_next},
    {"what takes too long is abandoned, and its late cuts are ignored",
     what_takes_too_long_is_abandoned_and_its_late_cuts_are_ignored},
    {"what was cut is written while others have not cut", what_was_cut_is_written_while_others_have_not_cut},
    {"a source leaves out what was abandoned", a_source_leaves_out_what_was_abandoned},
    {"tolerable failures are counted in a row", tolerable_failures_are_counted_in_a_row},
    {"a declined cut fails the checkpoint and not the job", a_declined_cut_fails_the_checkpoint_and_not_the_job},
    {"max_concurrent ones are under way", max_concurrent_ones_are_under_way},
    {"a source that is over before the trigger takes part, and waits for it",
     a_source_that_is_over_before_the_trigger_takes_part_and_waits_for_it},
    {"TRAP: a job ends with a last checkpoint, which commits the tail of its sinks", a_job_ends_with_a_last_checkpoint},
    {"a checkpoint under way gives way to the last one", a_checkpoint_under_way_gives_way_to_the_last_one},
    {"a last checkpoint that fails is tried again, or fails the job",
     a_last_checkpoint_that_fails_is_tried_again_or_fails_the_job},
    {NULL, NULL}};
