/* A storage that does not return (tests/plugins/stores/bucket.c, `goes: hang`). Its call is stepped by hand: in the middle
 * of it time passes, the watch looks, subtasks are stepped, and then it returns. */
#include "unit/job/coordinator_stage.h"

#include "base/log.h"

#define BUCKET WEIR_BUILD_DIR "/tests/coordinator_bucket"

struct hung {
    struct bench bench; /* first: the platform's self */
    struct weir_text told;
    struct weir_saving *waiting, *behind; /* asked for before the call, and during it; NULL: nothing was */
    const char *call;                     /* in the words of the message */
    uint64_t rows;                        /* read before */
    int times;                            /* that it hung */
};

static void hear(void *arg, const char *line)
{
    weir_text_add(&((struct hung *)arg)->told, "%s", line);
}

static void expect_told(const struct hung *h, const char *what)
{
    WEIR_ASSERT_CONTAINS(weir_text_get(&h->told), what);
}

static bool has_told(const struct hung *h, const char *what)
{
    return strstr(weir_text_get(&h->told), what);
}

static void expect_error(struct hung *h, struct weir_saving *s, const char *what)
{
    const char *path;
    CU_ASSERT_FATAL(weir_saving_wait(s, 0));
    CU_ASSERT_NOT_EQUAL(weir_saving_result(s, &path, &h->bench.error), WEIR_OK);
    CU_ASSERT_PTR_NULL(path);
    WEIR_ASSERT_CONTAINS(h->bench.error.text, what);
    weir_saving_release(s);
}

/* Until the timeout nobody says a word but whoever is asked. */
static void hang_until_told(struct hung *h)
{
    struct bench *b = &h->bench;
    char *what;
    int64_t for_ms = -1;
    bool told = true;
    b->sim.now_ns += 999 * MS;
    CU_ASSERT_EQUAL(weir_run_step_watch(b->run), b->sim.now_ns + MS); /* it looks again then */
    CU_ASSERT_FALSE(has_told(h, "has not returned"));
    CU_ASSERT_FATAL(weir_run_storage_call(b->run, &what, &for_ms, &told));
    WEIR_ASSERT_CONTAINS(what, h->call);
    CU_ASSERT(for_ms == 999 && !told);
    weir_free(what);
    b->sim.now_ns += MS;
    weir_run_step_watch(b->run);
    CU_ASSERT_FATAL(weir_run_storage_call(b->run, &what, &for_ms, &told));
    CU_ASSERT(for_ms == 1000 && told);
    weir_free(what);
    expect_told(h, "has not returned for 1s, since 20");
    h->times++;
}

/* The job goes on, and who asks is told at once. */
static void go_on_meanwhile(struct hung *h)
{
    struct bench *b = &h->bench;
    struct weir_saving *none = NULL;
    uint64_t before = weir_test_rows_read(b->run);
    step_all(b, 12);
    CU_ASSERT(weir_test_rows_read(b->run) > before);
    CU_ASSERT_EQUAL(weir_run_checkpoint(b->run, &none, &b->error), WEIR_E_IO);
    CU_ASSERT_PTR_NULL(none);
    WEIR_ASSERT_CONTAINS(b->error.text, "there is no checkpoint: checkpoint storage '");
    WEIR_ASSERT_CONTAINS(b->error.text, h->call);
    CU_ASSERT_EQUAL(weir_run_savepoint(b->run, DIRECTORY, WEIR_THEN_GO_ON, &none, &b->error), WEIR_E_IO);
    WEIR_ASSERT_CONTAINS(b->error.text, "there is no savepoint: checkpoint storage '");
    size_t length = h->told.n;
    b->sim.now_ns += 1000 * MS;
    weir_run_step_watch(b->run);
    CU_ASSERT_EQUAL(h->told.n, length); /* once is enough */
}

static void hang_while_writing(struct bench *b)
{
    struct hung *h = (struct hung *)(void *)b;
    CU_ASSERT_EQUAL_FATAL(weir_run_checkpoint(b->run, &h->behind, &b->error), WEIR_OK);
    hang_until_told(h);
    expect_told(h, "checkpoint 1 of job 'shop' is late (checkpoint.timeout): checkpoint storage 'bucket': ");
    expect_told(h, "; the job goes on, and no other checkpoint is begun before it does");
    expect_error(h, h->waiting, "there is no checkpoint: it is late (checkpoint.timeout): checkpoint storage 'bucket': ");
    expect_error(h, h->behind, "there is no checkpoint: checkpoint storage 'bucket': ");
    h->waiting = h->behind = NULL;
    go_on_meanwhile(h);
    CU_ASSERT_EQUAL(triggered(b), 1);
}

static void begin_hung_at(struct hung *h, const char *only, int at, const char *call, int tolerable)
{
    *h = (struct hung){.call = call};
    clean();
    weir_test_remove(BUCKET);
    char *yaml = weir_format("checkpoint: {every: 100ms, timeout: 1s, tolerable: %d, directory: " DIRECTORY ", storage: "
                             "{bucket: {root: " BUCKET ", goes: hang, at: %d, only: %s}}}",
                             tolerable, at, only);
    start(&h->bench, yaml);
    weir_free(yaml);
    h->bench.hangs = "/gate";
    weir_log_redirect(hear, h);
}

static void begin_hung(struct hung *h, const char *only, const char *call, int tolerable)
{
    begin_hung_at(h, only, 1, call, tolerable);
}

static void end_hung(struct hung *h)
{
    weir_log_redirect(NULL, NULL);
    end(&h->bench);
    weir_text_finish(&h->told);
}

static void checkpoint(struct hung *h)
{
    wait_ms(&h->bench, 100);
    step_all(&h->bench, 12);
    coordinate(&h->bench);
}

static void the_call_of_which_file_is_told_and_the_job_goes_on(void)
{
    static const char *const calls[][2] = {{"begin", "begin of chk-1"},     {"create", "create of chk-1/"},
                                           {"write", "write of chk-1/"},    {"finish", "finish of chk-1/"},
                                           {"publish", "publish of chk-1"}, {"objects", "objects of chk-1"},
                                           {"read", "read of chk-1/"}};
    for (size_t i = 0; i < WEIR_LEN(calls); i++) {
        struct hung h;
        begin_hung(&h, calls[i][0], calls[i][1], 1);
        h.bench.meanwhile = hang_while_writing;
        CU_ASSERT_EQUAL_FATAL(weir_run_checkpoint(h.bench.run, &h.waiting, &h.bench.error), WEIR_OK);
        checkpoint(&h);
        CU_ASSERT_EQUAL(h.times, 1);
        expect_told(&h, "has returned after 2s");
        expect_told(&h, "checkpoint 1 of job 'shop' is abandoned: it was not written and read back within 1s "
                        "(checkpoint.timeout); what took longest was checkpoint storage 'bucket': ");
        EXPECT_COMPLETE(&h.bench, 0);
        checkpoint(&h);
        EXPECT_COMPLETE(&h.bench, 2);
        CU_ASSERT_PTR_NULL(weir_run_failure(h.bench.run));
        CU_ASSERT_EQUAL(system("ls '" BUCKET "' | grep -q chk-1+"), 256); /* nothing of the late one is left */
        end_hung(&h);
    }
}

/* One that is late counts as one that failed, but not before it is over: a job that has failed would have to wait. */
static void it_counts_as_a_failure_once_it_returns(void)
{
    struct hung h;
    begin_hung(&h, "finish", "finish of chk-1/", 0);
    h.bench.meanwhile = hang_while_writing;
    CU_ASSERT_EQUAL_FATAL(weir_run_checkpoint(h.bench.run, &h.waiting, &h.bench.error), WEIR_OK);
    checkpoint(&h);
    CU_ASSERT_EQUAL(h.times, 1);
    CU_ASSERT(has_failed(&h.bench, "0 in a row are tolerated (checkpoint.tolerable): it was not written and read back"));
    end_hung(&h);
}

static void hang_while_removing(struct bench *b)
{
    struct hung *h = (struct hung *)(void *)b;
    EXPECT_COMPLETE(b, 2);
    hang_until_told(h);
    expect_told(h, "; job 'shop' goes on, and no checkpoint is begun before it does");
    go_on_meanwhile(h);
}

static void one_that_is_complete_stays_so_while_an_older_one_cannot_go(void)
{
    struct hung h;
    begin_hung(&h, "remove", "remove of chk-1", 0);
    h.bench.meanwhile = hang_while_removing;
    checkpoint(&h);
    checkpoint(&h);
    CU_ASSERT_EQUAL(h.times, 1);
    expect_told(&h, "remove of chk-1 has returned after 2s");
    checkpoint(&h);
    EXPECT_COMPLETE(&h.bench, 3);
    end_hung(&h);
}

static void hang_while_suspending(struct bench *b)
{
    struct hung *h = (struct hung *)(void *)b;
    uint64_t before = weir_test_rows_read(b->run);
    step_all(b, 12);
    CU_ASSERT_EQUAL(weir_test_rows_read(b->run), before); /* sources hold */
    hang_until_told(h);
    expect_error(h, h->waiting, "there is no savepoint: it is late (checkpoint.timeout): checkpoint storage 'file': ");
    go_on_meanwhile(h);
}

static void a_job_that_was_to_be_suspended_goes_on(void)
{
    struct hung h;
    begin_hung(&h, "none", "create of shop-savepoint-1/", 0);
    h.bench.meanwhile = hang_while_suspending;
    h.bench.hangs = "in-0.state";
    CU_ASSERT_EQUAL_FATAL(weir_run_savepoint(h.bench.run, DIRECTORY, WEIR_THEN_SUSPEND, &h.waiting, &h.bench.error),
                          WEIR_OK);
    coordinate(&h.bench);
    step_all(&h.bench, 12);
    coordinate(&h.bench);
    CU_ASSERT_EQUAL(h.times, 1);
    EXPECT_GONE("shop-savepoint-1");
    EXPECT_GONE("_suspended");
    CU_ASSERT_EQUAL(weir_run_state(h.bench.run), WEIR_RUN_RUNNING);
    checkpoint(&h);
    EXPECT_COMPLETE(&h.bench, 2);
    end_hung(&h);
}

static void pass_time(struct bench *b)
{
    struct hung *h = (struct hung *)(void *)b;
    h->times++;
    b->sim.now_ns += 1000 * MS;
}

/* Nobody looked, and it is late all the same: the timeout is not a matter of when the watch looks. */
static void a_call_that_returns_late_is_too_late(void)
{
    static const char *const calls[] = {"create", "publish", "read"};
    for (size_t i = 0; i < WEIR_LEN(calls); i++) {
        struct hung h;
        begin_hung(&h, calls[i], "", 1);
        h.bench.meanwhile = pass_time;
        checkpoint(&h);
        CU_ASSERT_EQUAL(h.times, 1);
        EXPECT_COMPLETE(&h.bench, 0);
        expect_told(&h, "checkpoint 1 of job 'shop' is abandoned: it was not written and read back within 1s");
        checkpoint(&h);
        EXPECT_COMPLETE(&h.bench, 2);
        end_hung(&h);
    }
}

/* The last one, too, after which nothing is asked any more. */
static void any_read_may_be_the_late_one(void)
{
    int n = 0;
    for (struct hung h = {.times = 1}; h.times == 1 && n < 100; n++) {
        begin_hung_at(&h, "read", n + 1, "", 1);
        h.bench.meanwhile = pass_time;
        checkpoint(&h);
        EXPECT_COMPLETE(&h.bench, h.times == 1 ? 0 : 1);
        CU_ASSERT_EQUAL(system("ls '" BUCKET "' | grep -q chk-1+"), h.times == 1 ? 256 : 0);
        end_hung(&h);
    }
    CU_ASSERT(n > 2 && n < 100);
}

WEIR_SUITE(hanging_storage) = {
    {"the call of which file hangs is told, and the job goes on", the_call_of_which_file_is_told_and_the_job_goes_on},
    {"a late checkpoint counts as a failure once the storage returns", it_counts_as_a_failure_once_it_returns},
    {"a complete one stays while an older one cannot go", one_that_is_complete_stays_so_while_an_older_one_cannot_go},
    {"a job that was to be suspended goes on", a_job_that_was_to_be_suspended_goes_on},
    {"a call that returns late is too late", a_call_that_returns_late_is_too_late},
    {"any read may be the late one", any_read_may_be_the_late_one},
    {NULL, NULL}};
