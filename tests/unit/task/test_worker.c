/* A slot worker on this thread: its park() is the test's, which looks at the worker and gives it something to do, or
 * ends it. */
#include "unit/task/task_stage.h"

struct worker_stage {
    struct task_stage *tasks[2];
    struct weir_platform platform;
    struct weir_worker worker;
    struct weir_subtask *subtasks[2];
    _Atomic uint32_t cancel;
    int64_t now_ms;
    int64_t slept_ms[64]; /* by park; -1: without a deadline */
    bool looks;
    int64_t reads; /* of the monotonic clock, which gives a look a nanosecond */
    uint32_t vain[64];
    int parks, polls_at_park[64], unparks, failures, ends;
    void (*on_park)(struct worker_stage *, int park);
};

static int64_t monotonic_ns(void *self)
{
    struct worker_stage *w = self;
    return w->now_ms * 1000000 + (w->looks ? 256 * w->reads++ : 0);
}
static int64_t wall_ms(void *self)
{
    return ((struct worker_stage *)self)->now_ms;
}
static void park(void *self, struct weir_parker *parker, int64_t until)
{
    struct worker_stage *w = self;
    (void)parker;
    CU_ASSERT_FATAL(w->parks < 64);
    CU_ASSERT_EQUAL(atomic_load(&w->worker.sleeping), 1); /* whoever has work from here on wakes it */
    w->slept_ms[w->parks] = until == INT64_MAX ? -1 : until / 1000000 - w->now_ms;
    w->polls_at_park[w->parks] = w->tasks[0]->actor.polls;
    w->vain[w->parks] = w->worker.vain;
    if (until != INT64_MAX) w->now_ms = until / 1000000;
    w->on_park(w, w->parks++);
}
static void unpark(void *self, struct weir_parker *parker)
{
    (void)parker;
    ((struct worker_stage *)self)->unparks++;
}
static void failed(void *arg, struct weir_subtask *t)
{
    struct worker_stage *w = arg;
    (void)t;
    w->failures++;
    atomic_store(&w->cancel, 1); /* as a job does */
}
static void ended(void *arg)
{
    ((struct worker_stage *)arg)->ends++;
}

static void run_with(struct worker_stage *w, struct task_stage *a, struct task_stage *b,
                     void (*on_park)(struct worker_stage *, int), bool looks)
{
    memset(w, 0, sizeof *w);
    w->looks = looks;
    w->platform =
        (struct weir_platform){.self = w, .monotonic_ns = monotonic_ns, .wall_ms = wall_ms, .park = park, .unpark = unpark};
    w->tasks[0] = a;
    w->tasks[1] = b;
    w->subtasks[0] = &a->task;
    if (b) w->subtasks[1] = &b->task;
    w->on_park = on_park;
    w->worker = (struct weir_worker){.platform = &w->platform,
                                     .name = "slot-0",
                                     .subtasks = w->subtasks,
                                     .n_subtasks = b ? 2 : 1,
                                     .cancel = &w->cancel,
                                     .looks = looks,
                                     .failed = failed,
                                     .failed_arg = w,
                                     .ended = ended,
                                     .ended_arg = w};
    weir_worker_run(&w->worker);
    CU_ASSERT_EQUAL(w->ends, 1);
}

static void run(struct worker_stage *w, struct task_stage *a, struct task_stage *b,
                void (*on_park)(struct worker_stage *, int))
{
    run_with(w, a, b, on_park, false);
}

static void end_after_six(struct worker_stage *w, int n)
{
    if (n == 5) atomic_store(&w->cancel, 1);
}
static void a_source_that_gives_nothing_is_asked_less_and_less_often(void)
{
    static const int64_t pauses[] = {1, 2, 4, 8, 16, 16};
    struct worker_stage w;
    struct task_stage g;
    task_stage_init(&g, "n", 0, 0);
    run(&w, &g, NULL, end_after_six);
    CU_ASSERT_EQUAL_FATAL(w.parks, 6);
    for (int i = 0; i < 6; i++) CU_ASSERT_EQUAL(w.slept_ms[i], pauses[i]);
    CU_ASSERT_EQUAL(w.polls_at_park[0], 2); /* it looks once more after it said that it sleeps */
    for (int i = 1; i < 6; i++) CU_ASSERT_EQUAL(w.polls_at_park[i], i + 2);
    task_stage_end(&g);
    CU_ASSERT_EQUAL(g.actor.closes, 1);
}

static void progress_makes_the_pauses_short_again(void)
{
    struct worker_stage w;
    struct task_stage g;
    task_stage_init(&g, "nnnnrnn", 0, 0);
    run(&w, &g, NULL, end_after_six);
    /* Polls: 2 then park 1, park 2, park 4, then a row, two polls, park 1 ... */
    static const int64_t pauses[] = {1, 2, 4, 1, 2, 4};
    for (int i = 0; i < 6; i++) CU_ASSERT_EQUAL(w.slept_ms[i], pauses[i]);
    task_stage_end(&g);
}

static void end_now(struct worker_stage *w, int n)
{
    (void)n;
    atomic_store(&w->cancel, 1);
}
static void a_last_look_finds_what_came_meanwhile(void)
{
    struct worker_stage w;
    struct task_stage g;
    task_stage_init(&g, "nrd", 0, 0); /* nothing, then, after the flag was set, a row and the end */
    run(&w, &g, NULL, end_now);
    CU_ASSERT_EQUAL(w.parks, 0);
    CU_ASSERT_EQUAL(g.task.state, WEIR_SUBTASK_DONE);
    task_stage_end(&g);
}

static void feed_then_end(struct worker_stage *w, int n)
{
    struct task_stage *g = w->tasks[0];
    if (n == 0) push_rows(g, 0, "1 | 10");
    if (n == 1) push_mark(g, 0, WEIR_ELEMENT_END, WEIR_END_OF_INPUT);
    weir_worker_wake(&w->worker); /* as a sender does after its push */
}
static void a_consumer_sleeps_until_it_is_woken(void)
{
    struct worker_stage w;
    struct task_stage g;
    task_stage_init(&g, NULL, 1, 0);
    run(&w, &g, NULL, feed_then_end);
    CU_ASSERT_EQUAL(w.parks, 2);
    CU_ASSERT_EQUAL(w.unparks, 2);
    CU_ASSERT_EQUAL(w.slept_ms[0], -1);
    CU_ASSERT_EQUAL(w.slept_ms[1], -1);
    expect_log(&g, "1 | 10\nflush\nwatermark 9223372036854775807\nfinish\n");
    weir_worker_wake(&w.worker);
    task_stage_end(&g);
}

static void nobody_is_woken_who_does_not_sleep(void)
{
    struct worker_stage w;
    struct task_stage g;
    task_stage_init(&g, "rd", 0, 0);
    run(&w, &g, NULL, end_now);
    CU_ASSERT_EQUAL(w.parks, 0);
    weir_worker_wake(&w.worker);
    CU_ASSERT_EQUAL(w.unparks, 0);
    task_stage_end(&g);
}

static void call_at_seven(struct worker_stage *w, int n)
{
    atomic_store(&w->worker.parker.state, n == 7); /* as an unpark would */
    if (n == 9) atomic_store(&w->cancel, 1);
}
static void it_looks_before_it_sleeps_and_less_often_where_that_is_in_vain(void)
{
    static const uint32_t vain[] = {1, 1, 3, 3, 3, 3, 7, 7, 7, 7}; /* looked in vain at 0, 2, 6 */
    struct worker_stage w;
    struct task_stage g;
    task_stage_init(&g, NULL, 1, 0);
    run_with(&w, &g, NULL, call_at_seven, true);
    CU_ASSERT_EQUAL(w.worker.most_looks, 50000);
    for (int i = 0; i < 10; i++) CU_ASSERT_EQUAL(w.vain[i], vain[i]);
    task_stage_end(&g);
}

static void call_at_once(struct worker_stage *w, int n)
{
    atomic_store(&w->worker.parker.state, n < 3);
    if (n == 3) atomic_store(&w->cancel, 1);
}
static void it_goes_on_looking_where_that_helps(void)
{
    static const uint32_t vain[] = {1, 1, 0, 0};
    struct worker_stage w;
    struct task_stage g;
    task_stage_init(&g, NULL, 1, 0);
    run_with(&w, &g, NULL, call_at_once, true);
    for (int i = 0; i < 4; i++) CU_ASSERT_EQUAL(w.vain[i], vain[i]);
    task_stage_end(&g);
}

static void set_due_then_end(struct worker_stage *w, int n)
{
    if (n == 0)
        w->tasks[0]->actor.op.next_due_ms = w->now_ms + 700; /* somebody sets a timer; the other task has one earlier */
    if (n == 0) w->tasks[1]->actor.op.next_due_ms = w->now_ms + 300;
    if (n == 3) atomic_store(&w->cancel, 1);
}
static void it_sleeps_until_something_is_due(void)
{
    struct worker_stage w;
    struct task_stage a, b;
    task_stage_init(&a, NULL, 1, 0);
    task_stage_init(&b, NULL, 1, 0);
    run(&w, &a, &b, set_due_then_end);
    static const int64_t pauses[] = {-1, 300, 400, -1};
    for (int i = 0; i < 4; i++) CU_ASSERT_EQUAL(w.slept_ms[i], pauses[i]);
    expect_log(&a, "due 700\n");
    expect_log(&b, "due 300\n");
    task_stage_end(&a);
    task_stage_end(&b);
}

static void a_failure_is_told_once_and_everything_is_closed(void)
{
    struct worker_stage w;
    struct task_stage a, b;
    task_stage_init(&a, "rrf", 0, 0);
    task_stage_init(&b, "n", 0, 0);
    run(&w, &a, &b, end_now);
    CU_ASSERT_EQUAL(w.failures, 1);
    CU_ASSERT_EQUAL(a.actor.closes, 1);
    CU_ASSERT_EQUAL(b.actor.closes, 1);
    task_stage_end(&a);
    task_stage_end(&b);
    task_stage_init(&a, "n", 0, 0);
    task_stage_init(&b, "n", 0, 0);
    b.actor.fails_to_open = true;
    run(&w, &a, &b, end_now);
    CU_ASSERT_EQUAL(w.failures, 1);
    CU_ASSERT_EQUAL(w.parks, 0);
    CU_ASSERT_EQUAL(a.actor.polls, 0); /* nothing runs when something did not open */
    CU_ASSERT_EQUAL(a.actor.closes, 1);
    CU_ASSERT_EQUAL(b.actor.closes, 1);
    task_stage_end(&a);
    task_stage_end(&b);
}

static void subtasks_have_their_turns(void)
{
    struct worker_stage w;
    struct task_stage a, b;
    task_stage_init(&a, "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrd", 0, 0);
    task_stage_init(&b, "rd", 0, 0);
    run(&w, &a, &b, end_now);
    CU_ASSERT_EQUAL(w.parks, 0);
    CU_ASSERT_EQUAL(a.task.state, WEIR_SUBTASK_DONE);
    CU_ASSERT_EQUAL(b.task.state, WEIR_SUBTASK_DONE);
    task_stage_end(&a);
    task_stage_end(&b);
}

WEIR_SUITE(worker) = {
    {"a source that gives nothing is asked less and less often", a_source_that_gives_nothing_is_asked_less_and_less_often},
    {"progress makes the pauses short again", progress_makes_the_pauses_short_again},
    {"a last look finds what came meanwhile", a_last_look_finds_what_came_meanwhile},
    {"a consumer sleeps until it is woken", a_consumer_sleeps_until_it_is_woken},
    {"nobody is woken who does not sleep", nobody_is_woken_who_does_not_sleep},
    {"it looks before it sleeps, and less often where that is in vain",
     it_looks_before_it_sleeps_and_less_often_where_that_is_in_vain},
    {"it goes on looking where that helps", it_goes_on_looking_where_that_helps},
    {"it sleeps until something is due", it_sleeps_until_something_is_due},
    {"a failure is told once, and everything is closed", a_failure_is_told_once_and_everything_is_closed},
    {"subtasks have their turns", subtasks_have_their_turns},
    {NULL, NULL}};
