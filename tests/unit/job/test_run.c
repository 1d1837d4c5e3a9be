/* Whole jobs with their threads: deploy, start, wait, stop, cancel, fail, sleep, wake. */
#include "job/run.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "harness/job_text.h"
#include "harness/sim.h"
#include "harness/suite.h"
#include "job/run_internal.h"
#include "loader/part.h"

struct stage {
    struct weir_sim sim;           /* first: self of both platforms; simulated jobs only */
    struct weir_platform platform; /* the system's, but for the calls below */
    pthread_mutex_t lock;          /* of printed */
    struct weir_text printed;
    pthread_t stepper;                     /* the test's own thread, whose waits are not counted */
    _Atomic uint32_t parks, endless_parks; /* of the run's threads, in all; without a deadline */
    _Atomic int64_t asked_ns;              /* for how long they asked to sleep with a deadline */
    _Atomic uint32_t threads_left;         /* threads that can still be started */
    struct weir_registry *registry;
    struct weir_stream_graph *graph;
    struct weir_run *run;
    struct weir_error error;
};

static weir_status print(void *self, int stream, const void *bytes, size_t n, struct weir_error *error)
{
    struct stage *g = self;
    (void)stream;
    (void)error;
    pthread_mutex_lock(&g->lock);
    weir_text_add_bytes(&g->printed, bytes, n);
    pthread_mutex_unlock(&g->lock);
    return WEIR_OK;
}
/* At most 100 ms of a sleep count, so that one long one is not taken for many. */
static void note_sleep(struct stage *g, int64_t ns)
{
    const int64_t most = 100 * INT64_C(1000000);
    if (ns > 0) atomic_fetch_add(&g->asked_ns, ns < most ? ns : most);
}

static void park(void *self, struct weir_parker *parker, int64_t until)
{
    struct stage *g = self;
    if (!pthread_equal(pthread_self(), g->stepper)) {
        atomic_fetch_add(&g->parks, 1);
        if (until == INT64_MAX)
            atomic_fetch_add(&g->endless_parks, 1);
        else
            note_sleep(g, until - weir_platform_os()->monotonic_ns(NULL));
    }
    weir_platform_os()->park(NULL, parker, until);
}
static weir_status start_thread(void *self, const char *name, void (*run)(void *), void *arg, struct weir_thread **to,
                                struct weir_error *error)
{
    struct stage *g = self;
    if (atomic_fetch_sub(&g->threads_left, 1) == 0) return weir_error_set(error, WEIR_E_IO, "no more threads");
    return weir_platform_os()->start_thread(NULL, name, run, arg, to, error);
}

static void compile(struct stage *g, const char *yaml, uint32_t parallelism)
{
    memset(g, 0, sizeof *g);
    pthread_mutex_init(&g->lock, NULL);
    g->stepper = pthread_self();
    g->platform = *weir_platform_os();
    g->platform.self = g;
    g->platform.print = print;
    g->platform.park = park;
    g->platform.start_thread = start_thread;
    atomic_store(&g->threads_left, 1000);
    g->registry = weir_test_registry("toys");
    g->graph = weir_test_graph(g->registry, yaml, parallelism);
}

static void deploy(struct stage *g, const struct weir_platform *platform)
{
    struct weir_deploy_options o = {.platform = platform, .registry = g->registry, .graph = g->graph};
    weir_status s = weir_run_deploy(&o, &g->run, &g->error);
    if (s != WEIR_OK) fprintf(stderr, "%s\n", g->error.text);
    CU_ASSERT_EQUAL_FATAL(s, WEIR_OK);
    CU_ASSERT_EQUAL(weir_run_state(g->run), WEIR_RUN_DEPLOYED);
}

static void start(struct stage *g, const char *yaml, uint32_t parallelism)
{
    compile(g, yaml, parallelism);
    deploy(g, &g->platform);
    CU_ASSERT_EQUAL_FATAL(weir_run_start(g->run, &g->error), WEIR_OK);
}

static void end(struct stage *g)
{
    weir_run_destroy(g->run);
    weir_stream_graph_destroy(g->graph, weir_part_spec_destroy);
    weir_registry_destroy(g->registry);
    weir_text_finish(&g->printed);
    pthread_mutex_destroy(&g->lock);
}

static void expect_printed(struct stage *g, const char *text)
{
    if (strcmp(weir_text_get(&g->printed), text) != 0)
        fprintf(stderr, "\nexpected:\n%sfound:\n%s", text, weir_text_get(&g->printed));
    CU_ASSERT_STRING_EQUAL(weir_text_get(&g->printed), text);
}

static void wait_until_read(struct stage *g, uint64_t rows)
{
    while (weir_test_rows_read(g->run) < rows && !weir_run_wait(g->run, 1)) continue;
}

/* ---- the states ----------------------------------------------------------------------------------------------- */

static void a_job_runs_to_the_end_of_its_input(void)
{
    struct stage g;
    start(&g,
          "job: j\n"
          "nodes:\n"
          "  - {id: in, source: {script: {script: 'b1 r1@10 r2@20 | r3@30 d1'}}, time: {field: at, monotonous: true}}\n"
          "  - {id: counter, from: in, process: counter}\n"
          "  - {id: out, from: counter, args: {n: rows}, sink: teller}\n",
          1);
    CU_ASSERT(weir_run_wait(g.run, -1));
    CU_ASSERT_EQUAL(weir_run_state(g.run), WEIR_RUN_FINISHED);
    CU_ASSERT_PTR_NULL(weir_run_failure(g.run));
    const char *printed = weir_text_get(&g.printed);
    WEIR_ASSERT_CONTAINS(printed, "row 3\nrow 3\nrow 3\n"); /* the last watermark, and finish in two calls */
    CU_ASSERT_STRING_EQUAL(printed + strlen(printed) - strlen("finish\nclose\n"), "finish\nclose\n");

    struct weir_run_status s;
    weir_run_status_take(g.run, &s);
    CU_ASSERT_EQUAL(s.state, WEIR_RUN_FINISHED);
    CU_ASSERT_EQUAL(s.rows_read, 3);
    CU_ASSERT_EQUAL(s.rows_written, s.nodes[2].rows_in);
    CU_ASSERT_EQUAL(s.n_nodes, 3);
    CU_ASSERT_EQUAL(s.nodes[1].rows_in, 3);
    CU_ASSERT_EQUAL(s.nodes[1].watermark, INT64_MAX);
    CU_ASSERT_STRING_EQUAL(s.nodes[1].id, "counter");
    weir_run_status_finish(&s);
    end(&g);
}

static const char endless_job[] = "job: j\n"
                                  "nodes:\n"
                                  "  - {id: in, source: endless}\n"
                                  "  - {id: counter, from: in, process: counter}\n"
                                  "  - {id: out, from: counter, args: {n: rows}, sink: teller}\n";

static void a_stop_ends_in_order_sinks_finish_and_operators_do_not(void)
{
    struct stage g;
    start(&g, endless_job, 1);
    wait_until_read(&g, 5000);
    CU_ASSERT_EQUAL(weir_run_state(g.run), WEIR_RUN_RUNNING);
    CU_ASSERT_FALSE(weir_run_wait(g.run, 0));
    weir_run_stop(g.run);
    CU_ASSERT(weir_run_wait(g.run, -1));
    CU_ASSERT_EQUAL(weir_run_state(g.run), WEIR_RUN_STOPPED);
    expect_printed(&g, "open\nfinish\nclose\n"); /* no row: the counter did not finish, and event time did not end */
    end(&g);
}

static void what_is_in_flight_arrives_before_a_stop_is_over(void)
{
    struct stage g;
    start(&g,
          "job: j\ndefaults: {chaining: false, channel_batches: 2, batch_rows: 7}\n"
          "nodes:\n"
          "  - {id: in, source: endless}\n"
          "  - {id: n, from: {input: in, partition: rebalance}, map: negate}\n"
          "  - {id: out, from: {input: n, partition: shuffle}, sink: {teller: {quiet: true, room: 3}}}\n",
          2);
    wait_until_read(&g, 500);
    weir_run_stop(g.run);
    CU_ASSERT(weir_run_wait(g.run, -1));
    CU_ASSERT_EQUAL(weir_run_state(g.run), WEIR_RUN_STOPPED);
    struct weir_run_status s;
    weir_run_status_take(g.run, &s);
    CU_ASSERT(s.rows_read >= 500);
    CU_ASSERT_EQUAL(s.rows_written, s.rows_read);
    weir_run_status_finish(&s);
    end(&g);
}

static void a_cancel_ends_at_once_and_sinks_do_not_finish(void)
{
    struct stage g;
    start(&g, endless_job, 2);
    wait_until_read(&g, 100);
    weir_run_cancel(g.run);
    CU_ASSERT(weir_run_wait(g.run, -1));
    CU_ASSERT_EQUAL(weir_run_state(g.run), WEIR_RUN_CANCELLED);
    CU_ASSERT_PTR_NULL(strstr(weir_text_get(&g.printed), "finish"));
    WEIR_ASSERT_CONTAINS(weir_text_get(&g.printed), "close\n");
    weir_run_stop(g.run); /* too late, and harmless */
    weir_run_cancel(g.run);
    CU_ASSERT_EQUAL(weir_run_state(g.run), WEIR_RUN_CANCELLED);
    end(&g);
}

static void a_running_job_is_cancelled_when_it_is_destroyed(void)
{
    struct stage g;
    start(&g, endless_job, 4);
    weir_run_destroy(g.run);
    g.run = NULL;
    CU_ASSERT_PTR_NULL(strstr(weir_text_get(&g.printed), "finish"));
    end(&g);
    compile(&g, endless_job, 4);
    deploy(&g, &g.platform); /* nor need it be started */
    weir_run_cancel(g.run);
    end(&g);
}

/* ---- metrics -------------------------------------------------------------------------------------------------- */

struct metrics_seen {
    uint64_t seen, values, rows_in, rows_out, times;
    double last, least, most;
    uint32_t subtasks, n, units;
};

static void note_metric(void *arg, const char *node, bool built_in, const struct weir_metric_value *v)
{
    struct metrics_seen *to = arg;
    if (strcmp(node, "m") != 0) return;
    if (!built_in) to->n++;
    to->subtasks |= v->subtask == WEIR_ALL_SUBTASKS ? 256 : 1u << v->subtask;
    if (strcmp(v->name, "seen") == 0) to->seen += v->count, to->units += strcmp(v->unit, "rows") == 0;
    if (strcmp(v->name, "last") == 0) to->last = v->value, to->least = v->least, to->most = v->most;
    if (strcmp(v->name, "values") == 0) {
        to->values += v->count;
        CU_ASSERT_EQUAL(weir_histogram_quantile(v->buckets, v->count, v->max, 1), v->max);
    }
    if (built_in && strcmp(v->name, "rows_in") == 0) to->rows_in += v->count;
    if (built_in && strcmp(v->name, "rows_out") == 0) to->rows_out += v->count;
    if (built_in && strcmp(v->unit, "ns") == 0) to->times++;
}

static void expect_measured(struct stage *g, uint32_t parallelism, bool by_subtask, uint64_t rows)
{
    struct metrics_seen seen = {0};
    weir_run_metrics(g->run, by_subtask, note_metric, &seen);
    CU_ASSERT_EQUAL(seen.seen, rows);
    CU_ASSERT_EQUAL(seen.values, rows);
    CU_ASSERT_EQUAL(seen.rows_in, rows);
    CU_ASSERT_EQUAL(seen.rows_out, rows);
    CU_ASSERT_EQUAL(seen.n, by_subtask ? 3 * parallelism : 3);
    CU_ASSERT_EQUAL(seen.times, by_subtask ? 3 * parallelism : 3);
    CU_ASSERT_EQUAL(seen.units, by_subtask ? parallelism : 1);
    CU_ASSERT_EQUAL(seen.subtasks, by_subtask ? (1u << parallelism) - 1 : 256);
    if (parallelism == 1) CU_ASSERT_EQUAL(seen.last, (double)rows + 1.5); /* it came last */
    CU_ASSERT(seen.least <= seen.most && seen.most <= (double)rows + 1.5);
}

static const char measured_job[] = "job: j\ndefaults: {batch_rows: 7}\n"
                                   "nodes:\n"
                                   "  - {id: in, source: {sequence: {to: 1000, field: n}}}\n"
                                   "  - {id: m, from: in, process: measured}\n"
                                   "  - {id: out, from: m, sink: discard}\n";

static void metrics_are_by_subtask_and_added_up(void)
{
    for (uint32_t p = 1; p <= 4; p *= 2) {
        struct stage g;
        compile(&g, measured_job, p);
        deploy(&g, &g.platform);
        struct metrics_seen none = {0};
        weir_run_metrics(g.run, true, note_metric, &none);
        CU_ASSERT_EQUAL(none.n, 0); /* components ask when they are opened */
        CU_ASSERT_EQUAL_FATAL(weir_run_start(g.run, &g.error), WEIR_OK);
        CU_ASSERT(weir_run_wait(g.run, -1));
        CU_ASSERT_EQUAL(weir_run_state(g.run), WEIR_RUN_FINISHED);
        expect_measured(&g, p, false, 1000);
        expect_measured(&g, p, true, 1000);
        end(&g);
    }
}

static void metrics_are_read_while_the_job_runs(void)
{
    struct stage g;
    uint64_t before = 0;
    start(&g,
          "job: j\n"
          "nodes:\n"
          "  - {id: in, source: endless}\n"
          "  - {id: m, from: {input: in, partition: rebalance}, process: measured}\n"
          "  - {id: out, from: m, sink: discard}\n",
          4);
    while (before < 20000) {
        struct metrics_seen seen = {0};
        weir_run_metrics(g.run, before % 2, note_metric, &seen);
        CU_ASSERT(seen.seen >= before && weir_run_state(g.run) == WEIR_RUN_RUNNING);
        before = seen.seen;
    }
    weir_run_stop(g.run);
    CU_ASSERT(weir_run_wait(g.run, -1));
    end(&g);
}

static void a_metric_with_a_bad_name_fails_the_job(void)
{
    struct stage g;
    start(&g,
          "job: j\n"
          "nodes:\n"
          "  - {id: in, source: endless}\n"
          "  - {id: out, from: in, sink: {misnamed: {name: Over-Limit}}}\n",
          2);
    CU_ASSERT(weir_run_wait(g.run, -1));
    CU_ASSERT_EQUAL(weir_run_state(g.run), WEIR_RUN_FAILED);
    WEIR_ASSERT_CONTAINS(weir_run_failure(g.run)->text, "node 'out' (sink misnamed): 'Over-Limit' cannot name a metric: ");
    WEIR_ASSERT_CONTAINS(weir_run_failure(g.run)->text, "component: test.toy_measured/misnamed of ");
    end(&g);
    start(&g,
          "job: j\n"
          "nodes:\n"
          "  - {id: in, source: endless}\n"
          "  - {id: out, from: in, sink: {misnamed: {name: limit}}}\n",
          1);
    CU_ASSERT(weir_run_wait(g.run, -1));
    WEIR_ASSERT_CONTAINS(weir_run_failure(g.run)->text, "the metric 'limit' is a counter already, and cannot be a gauge");
    end(&g);
}

/* ---- failure -------------------------------------------------------------------------------------------------- */

static void the_first_failure_is_told_and_the_others_are_cancelled(void)
{
    struct stage g;
    start(&g,
          "job: j\ndefaults: {chaining: false, channel_batches: 1}\n"
          "nodes:\n"
          "  - {id: in, source: endless}\n"
          "  - {id: bad, from: {input: in, partition: rebalance}, process: {fails_at: {at: 777}}}\n"
          "  - {id: out, from: bad, sink: {teller: {quiet: true}}}\n"
          "  - {id: other, from: in, sink: {teller: {quiet: true, refuse: 3}}}\n",
          2);
    CU_ASSERT(weir_run_wait(g.run, -1));
    CU_ASSERT_EQUAL(weir_run_state(g.run), WEIR_RUN_FAILED);
    const struct weir_error *e = weir_run_failure(g.run);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    CU_ASSERT_EQUAL(e->status, WEIR_E_DATA);
    WEIR_ASSERT_CONTAINS(e->text, "job.yaml:5:");
    WEIR_ASSERT_CONTAINS(e->text, "node 'bad' (process fails_at): expected anything but 777");
    WEIR_ASSERT_CONTAINS(e->text, "component: test.toys/fails_at of ");
    WEIR_ASSERT_CONTAINS(e->text, "record: {n: 777}");
    CU_ASSERT_PTR_NULL(strstr(weir_text_get(&g.printed), "finish"));
    end(&g);
}

static void a_failing_source_and_a_failing_open_are_told(void)
{
    struct stage g;
    start(&g,
          "job: j\n"
          "nodes:\n"
          "  - {id: in, source: {script: {script: 'b1 r1@10 | !'}}}\n"
          "  - {id: out, from: in, sink: teller}\n",
          1);
    CU_ASSERT(weir_run_wait(g.run, -1));
    CU_ASSERT_EQUAL(weir_run_state(g.run), WEIR_RUN_FAILED);
    WEIR_ASSERT_CONTAINS(weir_run_failure(g.run)->text, "node 'in' (source script): the script says so");
    end(&g);
    start(&g,
          "job: j\n"
          "nodes:\n"
          "  - {id: in, source: endless}\n"
          "  - {id: bad, from: in, process: unopenable}\n"
          "  - {id: out, from: bad, sink: teller}\n",
          2);
    CU_ASSERT(weir_run_wait(g.run, -1));
    CU_ASSERT_EQUAL(weir_run_state(g.run), WEIR_RUN_FAILED);
    WEIR_ASSERT_CONTAINS(weir_run_failure(g.run)->text, "node 'bad' (process unopenable): will not open");
    CU_ASSERT_EQUAL(strstr(weir_text_get(&g.printed), "row"), NULL);
    end(&g);
}

static void a_deployment_that_fails_leaves_nothing_behind(void)
{
    struct stage g;
    compile(&g,
            "job: j\n"
            "nodes:\n"
            "  - {id: in, source: endless}\n"
            "  - {id: lines, source: {file: {path: no/such/file, format: text}}}\n"
            "  - {id: out, from: in, sink: teller}\n"
            "  - {id: too, from: lines, sink: discard}\n",
            3);
    struct weir_deploy_options o = {.platform = &g.platform, .registry = g.registry, .graph = g.graph};
    CU_ASSERT_NOT_EQUAL(weir_run_deploy(&o, &g.run, &g.error), WEIR_OK); /* and opens the plugins */
    size_t before = weir_allocated_blocks();
    CU_ASSERT_NOT_EQUAL(weir_run_deploy(&o, &g.run, &g.error), WEIR_OK);
    CU_ASSERT_PTR_NULL(g.run);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), before);
    WEIR_ASSERT_CONTAINS(g.error.text, "node 'lines'");
    WEIR_ASSERT_CONTAINS(g.error.text, "no/such/file");
    end(&g);
}

static void a_thread_that_cannot_start_fails_the_job(void)
{
    for (uint32_t left = 0; left < 5; left++) { /* two for the checkpoints */
        struct stage g;
        compile(&g, endless_job, 3);
        deploy(&g, &g.platform);
        atomic_store(&g.threads_left, left);
        CU_ASSERT_EQUAL(weir_run_start(g.run, &g.error), WEIR_E_IO);
        WEIR_ASSERT_CONTAINS(g.error.text,
                             left > 1 ? "cannot start the thread of slot-" : "cannot start the thread of the checkpoints");
        CU_ASSERT(weir_run_wait(g.run, -1));
        CU_ASSERT_EQUAL(weir_run_state(g.run), WEIR_RUN_FAILED);
        WEIR_ASSERT_CONTAINS(weir_run_failure(g.run)->text, "no more threads");
        end(&g);
    }
}

/* ---- backpressure --------------------------------------------------------------------------------------------- */

/* A -> B, A -> C, both into D; a channel holds one batch, the sink is slow. */
static const char diamond[] = "job: diamond\ndefaults: {chaining: false, channel_batches: 1, batch_rows: 16}\n"
                              "nodes:\n"
                              "  - {id: a, source: {sequence: {to: 3000, field: n}}}\n"
                              "  - {id: b, from: a, map: negate}\n"
                              "  - {id: c, from: {input: a, partition: rebalance}, map: negate}\n"
                              "  - {id: d, from: [b, c], key_by: n, process: second}\n"
                              "  - {id: out, from: d, sink: {teller: {quiet: true, room: 5, refuse: 2}}}\n";

static void expect_diamond(struct stage *g)
{
    struct weir_run_status s;
    weir_run_status_take(g->run, &s);
    CU_ASSERT_EQUAL(s.rows_read, 3000);
    CU_ASSERT_EQUAL(s.nodes[3].rows_in, 6000);
    CU_ASSERT_EQUAL(s.rows_written, 3000); /* every number came twice to the same subtask */
    weir_run_status_finish(&s);
}

static void a_diamond_with_channels_of_one_batch_does_not_deadlock(void)
{
    for (uint32_t p = 1; p <= 3; p++) {
        struct stage g;
        start(&g, diamond, p);
        CU_ASSERT(weir_run_wait(g.run, -1));
        CU_ASSERT_EQUAL(weir_run_state(g.run), WEIR_RUN_FINISHED);
        expect_diamond(&g);
        end(&g);
    }
}

static void nor_under_any_of_200_schedules(void)
{
#ifdef WEIR_SANITIZED
    const uint64_t seeds = 20;
#else
    const uint64_t seeds = 200;
#endif
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct stage g;
        compile(&g, diamond, 1 + (uint32_t)(seed % 4));
        g.graph->batch_rows = seed % 3 ? 16 : 1;
        weir_sim_init(&g.sim, seed);
        g.sim.platform.print = print;
        deploy(&g, &g.sim.platform);
        weir_status s = weir_sim_run(&g.sim, g.run, &g.error);
        if (s != WEIR_OK) fprintf(stderr, "seed %d: %s\n", (int)seed, g.error.text);
        CU_ASSERT_EQUAL_FATAL(s, WEIR_OK);
        CU_ASSERT_EQUAL(weir_run_state(g.run), WEIR_RUN_FINISHED);
        expect_diamond(&g);
        end(&g);
    }
}

/* ---- sleeping and waking -------------------------------------------------------------------------------------- */

static const char idle_job[] = "job: idle\ndefaults: {chaining: false}\n"
                               "nodes:\n"
                               "  - {id: in, source: {endless: {silent: true}}}\n"
                               "  - {id: n, from: in, slot_group: middle, map: negate}\n"
                               "  - {id: out, from: n, slot_group: last, sink: teller}\n";

/* How often the run's threads go to sleep until they have asked for 400 ms of it: however long it takes them, those who
 * look busily never ask for so much. */
static uint32_t sleeps_of_400_ms(struct stage *g)
{
    uint32_t before = atomic_load(&g->parks);
    int64_t asked = atomic_load(&g->asked_ns);
    while (atomic_load(&g->asked_ns) - asked < 400 * INT64_C(1000000)) CU_ASSERT_FALSE(weir_run_wait(g->run, 5));
    return atomic_load(&g->parks) - before;
}

/* Three threads: a source that has nothing is asked now and then, the others sleep until they are woken. */
static void an_idle_job_sleeps(void)
{
    struct stage g;
    start(&g, idle_job, 1);
    CU_ASSERT_EQUAL(g.run->n_workers, 3);
    while (atomic_load(&g.endless_parks) < 3) weir_run_wait(g.run, 1); /* and the coordinator of the checkpoints */
    CU_ASSERT(sleeps_of_400_ms(&g) < 50);                              /* 16 ms pass between two polls of the source */
    CU_ASSERT_EQUAL(atomic_load(&g.endless_parks), 3);
    weir_run_stop(g.run); /* wakes them all */
    CU_ASSERT(weir_run_wait(g.run, -1));
    CU_ASSERT_EQUAL(weir_run_state(g.run), WEIR_RUN_STOPPED);
    expect_printed(&g, "open\nfinish\nclose\n");
    end(&g);
}

/* A sender that waits for room sleeps, although its clock has something due. */
static void a_job_that_waits_for_its_sink_sleeps(void)
{
    struct stage g;
    start(&g,
          "job: full\ndefaults: {chaining: false, channel_batches: 1}\n"
          "nodes:\n"
          "  - {id: in, source: endless}\n"
          "  - {id: timed, from: in, slot_group: middle, key_by: n, process: ticking}\n"
          "  - {id: out, from: timed, slot_group: last, sink: {teller: {quiet: true, refuse: 1000000000}}}\n",
          1);
    while (atomic_load(&g.endless_parks) < 2) weir_run_wait(g.run, 1);
    CU_ASSERT(sleeps_of_400_ms(&g) < 450);
    weir_run_cancel(g.run);
    CU_ASSERT(weir_run_wait(g.run, -1));
    CU_ASSERT_EQUAL(weir_run_state(g.run), WEIR_RUN_CANCELLED);
    end(&g);
}

static void a_sleeping_worker_is_woken_from_another_thread(void)
{
    struct stage g;
    start(&g, idle_job, 1);
    for (uint32_t n = 2; n < 50; n++) {
        while (atomic_load(&g.endless_parks) < n) weir_run_wait(g.run, 1);
        for (uint32_t i = 0; i < g.run->n_ops; i++) { /* the map's */
            if (g.run->ops[i].node == 1) g.run->ops[i].env.wake(g.run->ops[i].env.wake_arg);
        }
    }
    weir_run_stop(g.run);
    CU_ASSERT(weir_run_wait(g.run, -1));
    CU_ASSERT_EQUAL(weir_run_state(g.run), WEIR_RUN_STOPPED);
    end(&g);
}

WEIR_SUITE(run) = {
    {"a job runs to the end of its input", a_job_runs_to_the_end_of_its_input},
    {"a stop ends in order: sinks finish, and operators do not", a_stop_ends_in_order_sinks_finish_and_operators_do_not},
    {"what is in flight arrives before a stop is over", what_is_in_flight_arrives_before_a_stop_is_over},
    {"a cancel ends at once, and sinks do not finish", a_cancel_ends_at_once_and_sinks_do_not_finish},
    {"a running job is cancelled when it is destroyed", a_running_job_is_cancelled_when_it_is_destroyed},
    {"metrics are by subtask and added up", metrics_are_by_subtask_and_added_up},
    {"metrics are read while the job runs", metrics_are_read_while_the_job_runs},
    {"a metric with a bad name fails the job", a_metric_with_a_bad_name_fails_the_job},
    {"the first failure is told, and the others are cancelled", the_first_failure_is_told_and_the_others_are_cancelled},
    {"a failing source and a failing open are told", a_failing_source_and_a_failing_open_are_told},
    {"a deployment that fails leaves nothing behind", a_deployment_that_fails_leaves_nothing_behind},
    {"a thread that cannot start fails the job", a_thread_that_cannot_start_fails_the_job},
    {"a diamond with channels of one batch does not deadlock", a_diamond_with_channels_of_one_batch_does_not_deadlock},
    {"nor under any of 200 schedules", nor_under_any_of_200_schedules},
    {"an idle job sleeps", an_idle_job_sleeps},
    {"a job that waits for its sink sleeps", a_job_that_waits_for_its_sink_sleeps},
    {"a sleeping worker is woken from another thread", a_sleeping_worker_is_woken_from_another_thread},
    {NULL, NULL}};
