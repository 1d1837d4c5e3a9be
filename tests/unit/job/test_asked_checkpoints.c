/* Checkpoints that somebody asked for, stepped by hand. */
#include "unit/job/coordinator_stage.h"

static struct weir_saving *ask(struct bench *b)
{
    struct weir_saving *s;
    CU_ASSERT_EQUAL_FATAL(weir_run_checkpoint(b->run, &s, &b->error), WEIR_OK);
    CU_ASSERT_FALSE(weir_saving_wait(s, 0));
    return s;
}

static void expect_answer(struct bench *b, struct weir_saving *s, int64_t number, const char *path)
{
    const char *found;
    CU_ASSERT_FATAL(weir_saving_wait(s, 0));
    CU_ASSERT_EQUAL_FATAL(weir_saving_result(s, &found, &b->error), WEIR_OK);
    CU_ASSERT_STRING_EQUAL(found, path);
    CU_ASSERT_EQUAL(weir_saving_number(s), number);
    weir_saving_release(s);
}

static void expect_refusal(struct bench *b, struct weir_saving *s, const char *why)
{
    const char *found;
    CU_ASSERT_FATAL(weir_saving_wait(s, 0));
    CU_ASSERT_NOT_EQUAL(weir_saving_result(s, &found, &b->error), WEIR_OK);
    CU_ASSERT_PTR_NULL(found);
    WEIR_ASSERT_CONTAINS(b->error.text, why);
    weir_saving_release(s);
}

static void one_that_is_asked_for_waits_neither_for_its_time_nor_for_a_pause(void)
{
    struct bench b;
    clean();
    start(&b, "checkpoint: {every: 1h, min_pause: 1h, directory: " DIRECTORY "}");
    struct weir_saving *first = ask(&b), *second = ask(&b);
    coordinate(&b);
    CU_ASSERT_EQUAL(triggered(&b), 1); /* one for both */
    step_all(&b, 12);
    coordinate(&b);
    expect_answer(&b, first, 1, DIRECTORY "/chk-1");
    expect_answer(&b, second, 1, DIRECTORY "/chk-1");
    EXPECT_COMPLETE(&b, 1);
    struct weir_saving *third = ask(&b);
    coordinate(&b);
    step_all(&b, 12);
    coordinate(&b);
    expect_answer(&b, third, 2, DIRECTORY "/chk-2");
    end(&b);
}

static void it_takes_its_turn_behind_the_one_under_way(void)
{
    struct bench b;
    clean();
    start(&b, "checkpoint: {every: 1h, max_concurrent: 1, directory: " DIRECTORY "}");
    struct weir_saving *first = ask(&b);
    coordinate(&b);
    struct weir_saving *second = ask(&b); /* what comes until now is to be in it */
    coordinate(&b);
    CU_ASSERT_EQUAL(triggered(&b), 1);
    step_all(&b, 12);
    coordinate(&b);
    expect_answer(&b, first, 1, DIRECTORY "/chk-1");
    CU_ASSERT_EQUAL(triggered(&b), 2);
    CU_ASSERT_FALSE(weir_saving_wait(second, 0));
    step_all(&b, 12);
    coordinate(&b);
    expect_answer(&b, second, 2, DIRECTORY "/chk-2");
    end(&b);
}

static void one_that_fails_says_why_and_counts_as_any(void)
{
    struct bench b;
    clean();
    start(&b, "checkpoint: {every: 1h, timeout: 50ms, tolerable: 1, directory: " DIRECTORY "}");
    struct weir_saving *late = ask(&b);
    coordinate(&b);
    wait_ms(&b, 50);
    expect_refusal(&b, late, "there is no checkpoint: not every subtask had cut its state within 50 ms");
    CU_ASSERT_PTR_NULL(weir_run_failure(b.run));
    struct weir_saving *unwritten = ask(&b);
    coordinate(&b);
    step_all(&b, 12);
    b.failing_opens = 1;
    coordinate(&b);
    expect_refusal(&b, unwritten, "the disk is full");
    CU_ASSERT(has_failed(&b, "1 in a row are tolerated"));
    end(&b);
}

static void the_last_one_answers_too(void)
{
    struct bench b;
    clean();
    compile(&b, "checkpoint: {every: 1h, directory: " DIRECTORY "}", "1000000", "0");
    CU_ASSERT_EQUAL_FATAL(deploy(&b, &(struct weir_deploy_options){0}), WEIR_OK);
    weir_run_stop(b.run);
    step_all(&b, 40); /* all are over */
    struct weir_saving *s = ask(&b);
    coordinate(&b);
    expect_answer(&b, s, 1, DIRECTORY "/chk-1");
    step_all(&b, 2);
    weir_run_set_over(b.run);
    coordinate(&b);
    struct weir_saving *none;
    CU_ASSERT_EQUAL(weir_run_checkpoint(b.run, &none, &b.error), WEIR_E_CONFIG);
    WEIR_ASSERT_CONTAINS(b.error.text, "there is no checkpoint: the job has ended");
    CU_ASSERT_PTR_NULL(none);
    end(&b);
}

static void a_job_that_ends_answers_all_who_wait(void)
{
    struct bench b;
    clean();
    start(&b, "checkpoint: {every: 1h, directory: " DIRECTORY "}");
    struct weir_saving *under_way = ask(&b);
    coordinate(&b);
    struct weir_saving *next = ask(&b);
    coordinate(&b);
    struct weir_saving *unread = ask(&b);
    end(&b); /* the tickets outlive the job */
    expect_refusal(&b, under_way, "the job ended before it was complete");
    expect_refusal(&b, next, "the job has ended");
    expect_refusal(&b, unread, "the job has ended");
}

static void jobs_that_take_none_or_stop_refuse(void)
{
    struct bench b;
    struct weir_saving *s, *stop;
    clean();
    start(&b, "");
    CU_ASSERT_EQUAL(weir_run_checkpoint(b.run, &s, &b.error), WEIR_E_CONFIG);
    WEIR_ASSERT_CONTAINS(b.error.text, "its manifest has no `checkpoint:`");
    end(&b);
    start(&b, "checkpoint: {every: 1h, directory: " DIRECTORY "}");
    CU_ASSERT_EQUAL(weir_run_savepoint(b.run, NULL, WEIR_THEN_SUSPEND, &stop, &b.error), WEIR_OK);
    coordinate(&b);
    s = ask(&b);
    coordinate(&b);
    expect_refusal(&b, s, "the job is being stopped with a savepoint");
    end(&b);
    weir_saving_release(stop);
}

WEIR_SUITE(asked_checkpoints) = {{"one that is asked for waits neither for its time nor for a pause",
                                  one_that_is_asked_for_waits_neither_for_its_time_nor_for_a_pause},
                                 {"it takes its turn behind the one under way", it_takes_its_turn_behind_the_one_under_way},
                                 {"one that fails says why and counts as any", one_that_fails_says_why_and_counts_as_any},
                                 {"the last one answers too", the_last_one_answers_too},
                                 {"a job that ends answers all who wait", a_job_that_ends_answers_all_who_wait},
                                 {"jobs that take none or stop refuse", jobs_that_take_none_or_stop_refuse},
                                 {NULL, NULL}};
