/* A program that runs job after job keeps neither memory nor threads nor file descriptors. */
#include <dirent.h>

#include "base/alloc.h"
#include "unit/embed/embed_stage.h"

#ifdef WEIR_SANITIZED
#define CYCLES 50
#else
#define CYCLES 1000
#endif

static int count_entries(const char *path)
{
    DIR *d = opendir(path);
    int n = 0;
    CU_ASSERT_PTR_NOT_NULL_FATAL(d);
    while (readdir(d)) n++;
    closedir(d);
    return n;
}

static void run_once(struct stage *g, const char *parallelism, enum weir_job_state expected)
{
    window_job(g, parallelism);
    if (expected == WEIR_JOB_FAILED) NODE(g, "bad", "from=even", "process.fails_at.at=2");
    if (expected == WEIR_JOB_FAILED) NODE(g, "too", "from=bad", "sink=discard");
    expect_ok(g, weir_job_start(g->job, &g->error));
    CU_ASSERT(weir_job_wait(g->job, -1));
    CU_ASSERT_EQUAL(weir_job_state(g->job), expected);
    weir_job_destroy(g->job);
    g->job = NULL;
}

static void a_thousand_jobs_leave_nothing_behind(void)
{
    struct stage g;
    stage_init(&g, NULL);
    for (int i = 0; i < 10; i++) run_once(&g, "2", i == 3 ? WEIR_JOB_FAILED : WEIR_JOB_FINISHED);
    size_t blocks = weir_allocated_blocks();
    int threads = count_entries("/proc/self/task"), files = count_entries("/proc/self/fd");
    for (int i = 0; i < CYCLES; i++) run_once(&g, i % 2 ? "1" : "2", i % 50 == 7 ? WEIR_JOB_FAILED : WEIR_JOB_FINISHED);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
    CU_ASSERT_EQUAL(count_entries("/proc/self/task"), threads);
    CU_ASSERT_EQUAL(count_entries("/proc/self/fd"), files);
    stage_end(&g);
}

static void nor_do_runtimes(void)
{
    struct stage g;
    for (int i = 0; i < 3; i++) {
        stage_init(&g, NULL);
        run_once(&g, "1", WEIR_JOB_FINISHED);
        stage_end(&g);
    }
    size_t blocks = weir_allocated_blocks();
    int files = count_entries("/proc/self/fd");
    for (int i = 0; i < 20; i++) {
        stage_init(&g, NULL);
        run_once(&g, "1", WEIR_JOB_FINISHED);
        stage_end(&g);
    }
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
    CU_ASSERT_EQUAL(count_entries("/proc/self/fd"), files);
}

WEIR_SUITE(cycles) = {{"a thousand jobs leave nothing behind", a_thousand_jobs_leave_nothing_behind},
                      {"nor do runtimes", nor_do_runtimes},
                      {NULL, NULL}};
