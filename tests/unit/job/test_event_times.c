/* test_event_times.c - what holds event time, in words: of answers made by hand, and of jobs stepped by hand under a virtual
 * clock; and the one warning to a window that waits. */
#include "job/event_times.h"

#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "harness/job_text.h"
#include "harness/sim.h"
#include "harness/suite.h"
#include "job/run_internal.h"
#include "loader/part.h"

/* ---- by hand ------------------------------------------------------------------------------------------------------- */

#define SECOND 1000
#define NOW    (1000 * SECOND)

/* clicks (2 subtasks, a split each) and rates (1) -> orders (1), whose input 0 is clicks and 1 is rates */
struct hand {
    struct weir_stream_graph *graph;
    struct weir_component_info info;
    struct weir_part_spec part;
    struct weir_op_times subtasks[4];
    struct weir_time_part splits[3], channels[3];
    uint32_t first[3];
    struct weir_event_times times;
};
enum { CLICKS_0, CLICKS_1, RATES, ORDERS };

static void init_hand(struct hand *h)
{
    static char names[3][2] = {"a", "b", "r"};
    *h = (struct hand){.graph = weir_stream_graph_create(), .first = {0, 2, 3}};
    weir_stream_graph_add_node(h->graph, WEIR_NODE_SOURCE, "clicks", "clicks")->parallelism = 2;
    weir_stream_graph_add_node(h->graph, WEIR_NODE_SOURCE, "rates", "rates");
    weir_stream_graph_add_node(h->graph, WEIR_NODE_WINDOW, "orders.window", "orders");
    h->part.info = &h->info;
    for (uint32_t i = 0; i < 3; i++) {
        h->splits[i] = (struct weir_time_part){.kind = WEIR_TIME_SPLIT,
                                               .description = names[i],
                                               .watermark = 500 * SECOND,
                                               .heard_ms = NOW - 1,
                                               .aligned = true};
        h->channels[i] = (struct weir_time_part){.kind = WEIR_TIME_CHANNEL,
                                                 .input = i / 2,
                                                 .channel = i,
                                                 .from = i / 2,
                                                 .from_subtask = i % 2,
                                                 .watermark = 500 * SECOND,
                                                 .heard_ms = NOW - 1,
                                                 .aligned = true};
        h->subtasks[i] = (struct weir_op_times){.node = i / 2,
                                                .subtask = i % 2,
                                                .watermark = 500 * SECOND,
                                                .grew_ms = NOW - 1,
                                                .rows_ms = NOW - 1,
                                                .parts = &h->splits[i],
                                                .n_parts = 1};
    }
    h->subtasks[ORDERS] = (struct weir_op_times){.node = 2,
                                                 .watermark = 500 * SECOND,
                                                 .grew_ms = NOW - 35 * SECOND,
                                                 .rows_ms = NOW,
                                                 .parts = h->channels,
                                                 .n_parts = 3};
    h->times = (struct weir_event_times){.graph = h->graph,
                                         .now_ms = NOW,
                                         .started_ms = NOW - 70 * SECOND,
                                         .subtasks = h->subtasks,
                                         .n = 4,
                                         .first = h->first};
}

static void finish_hand(struct hand *h)
{
    for (uint32_t i = 0; i < h->graph->n_nodes; i++) h->graph->nodes[i]->part = NULL;
    weir_stream_graph_destroy(h->graph, NULL);
}

/* Everything on the way from a split to the window. */
static void set_time(struct hand *h, uint32_t source, int64_t watermark)
{
    h->splits[source].watermark = h->subtasks[source].watermark = h->channels[source].watermark = watermark;
}

static void expect_why(struct hand *h, uint32_t subtask, const char *expected)
{
    struct weir_text text = {0};
    weir_event_times_judge(&h->times);
    weir_event_times_explain(&h->times, subtask, 5 * SECOND, &text);
    CU_ASSERT_STRING_EQUAL(weir_text_get(&text), expected);
    if (strcmp(weir_text_get(&text), expected))
        fprintf(stderr, "\nexpected: %s\nfound:    %s\n", expected, weir_text_get(&text));
    weir_text_finish(&text);
}

static int32_t holder(struct hand *h)
{
    weir_event_times_judge(&h->times);
    return h->subtasks[ORDERS].holder;
}

static void the_lowest_aligned_part_holds(void)
{
    struct hand h;
    init_hand(&h);
    h.channels[1].watermark = 400;
    h.channels[2].watermark = 300;
    CU_ASSERT_EQUAL(holder(&h), 2);
    h.channels[2].idle = true;
    h.channels[2].aligned = false;
    CU_ASSERT_EQUAL(holder(&h), 1);
    h.channels[1].finished = true;
    h.channels[1].aligned = false;
    CU_ASSERT_EQUAL(holder(&h), 0);
    h.channels[1].finished = false; /* catching up: it does not hold what aligned ones let through */
    CU_ASSERT_EQUAL(holder(&h), 0);
    h.channels[0].idle = true;
    h.channels[0].aligned = false;
    CU_ASSERT_EQUAL(holder(&h), 1);
    h.channels[1].idle = true;
    CU_ASSERT_EQUAL(holder(&h), -1);
    finish_hand(&h);
}

static void a_silent_split_is_named_with_the_way_to_it_and_what_to_do(void)
{
    struct hand h;
    init_hand(&h);
    set_time(&h, CLICKS_0, 600 * SECOND);
    set_time(&h, RATES, 600 * SECOND);
    h.splits[1].heard_ms = NOW - 35 * SECOND - 7;
    expect_why(&h, ORDERS,
               "'orders.window[0]' has stood at 1970-01-01T00:08:20.000Z for 35s: held by channel 1 from 'clicks[1]', and "
               "behind it by split 'b' of 'clicks[1]', silent for 35s; `idle_after: 1min` in the `time:` of 'clicks' lets "
               "event time go on without what is silent for that long");
    h.graph->nodes[0]->time.idle_after_ms = 60 * SECOND;
    expect_why(&h, ORDERS,
               "'orders.window[0]' has stood at 1970-01-01T00:08:20.000Z for 35s: held by channel 1 from 'clicks[1]', and "
               "behind it by split 'b' of 'clicks[1]', silent for 35s; it is left out after 1min of silence "
               "(`idle_after:`)");
    finish_hand(&h);
}

static void the_second_input_holds_as_the_first_does(void)
{
    struct hand h;
    init_hand(&h);
    set_time(&h, CLICKS_0, 600 * SECOND);
    set_time(&h, CLICKS_1, 600 * SECOND);
    h.splits[2].heard_ms = INT64_MIN;
    set_time(&h, RATES, INT64_MIN);
    h.subtasks[ORDERS].watermark = h.subtasks[ORDERS].grew_ms = INT64_MIN;
    expect_why(&h, ORDERS,
               "'orders.window[0]' has had no watermark for 1min 10s: held by channel 2 of input 1 from 'rates[0]', and "
               "behind it by split 'r' of 'rates[0]', which has given no record for 1min 10s; `idle_after: 1min` in the "
               "`time:` of 'rates' lets event time go on without what is silent for that long");
    finish_hand(&h);
}

static void silence_of_all_asks_for_records_and_not_for_idle_after(void)
{
    struct hand h;
    init_hand(&h);
    for (int i = 0; i < 3; i++) h.splits[i].heard_ms = NOW - 35 * SECOND;
    expect_why(&h, ORDERS,
               "'orders.window[0]' has stood at 1970-01-01T00:08:20.000Z for 35s: held by channel 0 from 'clicks[0]', and "
               "behind it by split 'a' of 'clicks[0]', silent for 35s; nothing that could go on without it is ahead: event "
               "time goes on with its next record");
    for (int i = 0; i < 3; i++) {
        h.channels[i].idle = true;
        h.channels[i].aligned = false;
    }
    expect_why(&h, ORDERS,
               "'orders.window[0]' has stood at 1970-01-01T00:08:20.000Z for 35s: all that it could wait for is idle; event "
               "time goes on with the next records");
    finish_hand(&h);
}

static void what_is_on_its_way_or_blocked_or_read_later_is_not_called_silent(void)
{
    struct hand h;
    init_hand(&h);
    h.subtasks[CLICKS_0].watermark = h.splits[0].watermark = 600 * SECOND; /* sent, and not taken yet */
    expect_why(&h, ORDERS,
               "'orders.window[0]' has stood at 1970-01-01T00:08:20.000Z for 35s: held by channel 0 from 'clicks[0]', which "
               "is ahead: what it sent is still to be handled");
    h.subtasks[CLICKS_0].watermark = 500 * SECOND;
    h.subtasks[CLICKS_0].blocked = true;
    h.splits[0].heard_ms = NOW - 35 * SECOND;
    expect_why(
        &h, CLICKS_0,
        "'clicks[0]' has stood at 1970-01-01T00:08:20.000Z for 1ms: held by split 'a' of 'clicks[0]', which cannot go "
        "on: its output is full, and what follows is slow");
    h.subtasks[CLICKS_0].blocked = false;
    h.splits[0].heard_ms = INT64_MIN;
    h.graph->nodes[0]->part = &h.part;
    weir_event_times_judge(&h.times);
    CU_ASSERT_EQUAL(weir_event_times_stall(&h.times, ORDERS, 5 * SECOND).kind, WEIR_STALL_TURN);
    h.info.flags = WEIR_UNBOUNDED; /* there are no turns: its splits are read at once */
    CU_ASSERT_EQUAL(weir_event_times_stall(&h.times, ORDERS, 5 * SECOND).kind, WEIR_STALL_SILENT);
    finish_hand(&h);
}

static void records_that_do_not_move_the_watermark_are_not_silence(void)
{
    struct hand h;
    init_hand(&h);
    expect_why(&h, ORDERS,
               "'orders.window[0]' has stood at 1970-01-01T00:08:20.000Z for 35s: held by channel 0 from 'clicks[0]', and "
               "behind it by split 'a' of 'clicks[0]', which gives records, but their times do not move its watermark on; "
               "look at the `time:` of 'clicks'");
    h.subtasks[ORDERS].watermark = INT64_MAX;
    expect_why(&h, ORDERS, "'orders.window[0]' has come to the end of event time");
    finish_hand(&h);
}

/* ---- jobs, stepped --------------------------------------------------------------------------------------------------- */

static struct weir_text told;

static void keep(void *arg, const char *line)
{
    (void)arg;
    weir_text_add(&told, "%s", line);
}

static uint32_t lines_told(void)
{
    uint32_t n = 0;
    for (const char *p = weir_text_get(&told); *p; p++) n += *p == '\n';
    return n;
}

struct stage {
    struct weir_sim sim; /* first: self of the platform */
    struct weir_registry *registry;
    struct weir_stream_graph *graph;
    struct weir_run *run;
};

/* Two scripts into one window of 100 ms. Each script goes on with silence for longer than any test. */
static void begin_with(struct stage *g, const char *one, const char *other, const char *defaults, const char *time,
                       const char *step)
{
    static char silence[8001];
    for (size_t i = 0; i + 1 < sizeof silence; i++) silence[i] = i % 2 ? 'n' : ' ';
    struct weir_error error = {0};
    char *yaml = weir_format("job: j\ndefaults: {%s}\nnodes:\n"
                             "  - {id: a, source: {script: {script: '%s%s'}}, time: {field: at, monotonous: true, emit: "
                             "every_record%s}}\n"
                             "  - {id: b, source: {script: {script: '%s%s'}}, time: {field: at, monotonous: true, emit: "
                             "every_record%s}}\n"
                             "  - {id: w, from: [a, b], %skey_by: n, window: {tumbling: 100ms}, aggregate: {c: count}}\n"
                             "  - {id: out, from: w, sink: discard}\n",
                             defaults, one, silence, time, other, silence, time, step);
    *g = (struct stage){0};
    weir_log_redirect(keep, NULL);
    weir_sim_init(&g->sim, 1);
    g->registry = weir_test_registry("toys");
    g->graph = weir_test_graph(g->registry, yaml, 0);
    weir_free(yaml);
    struct weir_deploy_options deploy = {.platform = &g->sim.platform, .registry = g->registry, .graph = g->graph};
    CU_ASSERT_EQUAL_FATAL(weir_run_deploy(&deploy, &g->run, &error), WEIR_OK);
    for (uint32_t i = 0; i < g->run->plan->n_subtasks; i++)
        CU_ASSERT_EQUAL_FATAL(weir_subtask_open(&g->run->subtasks[i]), WEIR_OK);
}

static void begin(struct stage *g, const char *one, const char *other, const char *defaults, const char *time)
{
    begin_with(g, one, other, defaults, time, "");
}

/* Lets the clock go on, then everybody do what there is to do. */
static void pass(struct stage *g, int64_t ms)
{
    g->sim.now_ns += ms * 1000000;
    for (int round = 0; round < 8; round++) {
        for (uint32_t i = 0; i < g->run->plan->n_subtasks; i++) {
            weir_progress p = weir_subtask_step(&g->run->subtasks[i], g->sim.platform.wall_ms(&g->sim));
            CU_ASSERT_NOT_EQUAL(p, WEIR_FAILED);
        }
    }
}

static void end(struct stage *g)
{
    for (uint32_t i = 0; i < g->run->plan->n_subtasks; i++) weir_subtask_close(&g->run->subtasks[i]);
    weir_run_destroy(g->run);
    weir_stream_graph_destroy(g->graph, weir_part_spec_destroy);
    weir_registry_destroy(g->registry);
    weir_log_redirect(NULL, NULL);
    weir_text_finish(&told);
}

static void the_snapshot_tells_channels_and_splits(void)
{
    struct stage g;
    struct weir_event_times times;
    begin(&g, "b1 r1@10 r2@250 i1", "b1 r1@5", "", "");
    pass(&g, 0);
    pass(&g, 7000);
    weir_event_times_take(g.run, &times);
    CU_ASSERT_EQUAL(times.n, 4);
    const struct weir_op_times *a = &times.subtasks[times.first[0]], *w = &times.subtasks[times.first[2]];
    CU_ASSERT_EQUAL(a->n_parts, 1);
    CU_ASSERT_STRING_EQUAL(a->parts[0].description, "split 1");
    CU_ASSERT_EQUAL(a->parts[0].watermark, 249);
    CU_ASSERT(a->parts[0].idle && a->idle);
    CU_ASSERT_EQUAL(times.now_ms - a->parts[0].heard_ms, 7000);
    CU_ASSERT_EQUAL_FATAL(w->n_parts, 2);
    CU_ASSERT(w->parts[0].idle && !w->parts[0].aligned);
    CU_ASSERT_EQUAL(w->parts[0].watermark, 249);
    CU_ASSERT(!w->parts[1].idle && w->parts[1].aligned && !w->parts[1].finished);
    CU_ASSERT_EQUAL(w->parts[1].watermark, 4);
    CU_ASSERT_EQUAL(w->parts[1].from, 1);
    CU_ASSERT_EQUAL(w->watermark, 4);
    CU_ASSERT_EQUAL(w->holder, 1);
    CU_ASSERT_EQUAL(weir_event_times_stood_ms(&times, times.first[2]), 7000);
    weir_event_times_finish(&times);
    end(&g);
}

static void the_end_of_a_source_finishes_its_split_and_its_channel(void)
{
    struct stage g;
    struct weir_event_times times;
    begin(&g, "b1 r1@10 d1", "b1 r1@5", "", "");
    pass(&g, 0);
    weir_event_times_take(g.run, &times);
    CU_ASSERT(times.subtasks[times.first[0]].parts[0].finished);
    CU_ASSERT_EQUAL(times.subtasks[times.first[0]].holder, -1);
    weir_event_times_finish(&times);
    end(&g);
}

/* What it swallows of its upstream's is neither its event time nor what holds it. */
static void an_assigner_in_mid_stream_stands_by_its_own_watermarks(void)
{
    struct stage g;
    struct weir_event_times times;
    begin_with(&g, "b1 r1@10 r2@250", "b1 n n n n r1@5", "", "",
               "time: {field: at, out_of_orderness: 50ms, emit: every_record}, ");
    pass(&g, 0);
    weir_event_times_take(g.run, &times);
    CU_ASSERT_STRING_EQUAL(g.graph->nodes[2]->id, "w.time");
    const struct weir_op_times *assigner = &times.subtasks[times.first[2]];
    CU_ASSERT(assigner->own);
    CU_ASSERT_EQUAL(assigner->watermark, 199);
    CU_ASSERT_EQUAL(assigner->holder, -1);
    CU_ASSERT_EQUAL(assigner->parts[1].watermark, 4);
    times.now_ms += 7000;
    struct weir_stall stall = weir_event_times_stall(&times, times.first[3], 5000);
    CU_ASSERT_EQUAL(stall.kind, WEIR_STALL_SILENT);
    CU_ASSERT_EQUAL(stall.subtask, times.first[2]);
    weir_event_times_finish(&times);
    end(&g);
}

static const char warning[] = "job.yaml:6:38: node 'w' (window tumbling 100ms): its windows or timers wait for event time: "
                              "'w[0]' has stood at 1970-01-01T00:00:00.004Z for 1min: held by channel 1 from 'b[0]', and "
                              "behind it by split 'split 1' of 'b[0]', silent for 1min; `idle_after: 1min` in the `time:` "
                              "of 'b' lets event time go on without what is silent for that long\n";

static void a_window_that_waits_for_a_silent_source_is_told_once(void)
{
    struct stage g;
    const char *moves = "b1 r1@10 r2@250 n n n n n n n n n n n n n n n n n n n n n n n n r3@260 n n n n n n n n n n n n n n "
                        "n n n n n n n n n n r4@270"; /* the others come when it has been told */
    begin(&g, moves, "b1 r1@5", "", "");
    pass(&g, 0);
    CU_ASSERT_EQUAL(weir_subtask_next_due_ms(&g.run->subtasks[2]), g.sim.platform.wall_ms(&g.sim) + 60000);
    pass(&g, 59999);
    CU_ASSERT_EQUAL(lines_told(), 0);
    pass(&g, 1);
    CU_ASSERT_EQUAL(lines_told(), 1);
    WEIR_ASSERT_CONTAINS(weir_text_get(&told), " warn  job: ");
    WEIR_ASSERT_CONTAINS(weir_text_get(&told), warning);
    for (int i = 0; i < 9; i++) pass(&g, 60000);
    CU_ASSERT_EQUAL(lines_told(), 1);
    CU_ASSERT_EQUAL(atomic_load(&g.run->ops[2].op->counters.rows_in), 5);
    CU_ASSERT_EQUAL(weir_subtask_next_due_ms(&g.run->subtasks[2]), INT64_MAX); /* nobody is woken for it any more */
    end(&g);
}

static void the_time_to_wait_is_a_key_of_the_job(void)
{
    struct stage g;
    begin(&g, "b1 r1@10 r2@250", "b1 r1@5", "wait_warning: 2s", "");
    pass(&g, 0);
    pass(&g, 1999);
    CU_ASSERT_EQUAL(lines_told(), 0);
    pass(&g, 1);
    CU_ASSERT_EQUAL(lines_told(), 1);
    end(&g);
    begin(&g, "b1 r1@10 r2@250", "b1 r1@5", "wait_warning: 0", "");
    pass(&g, 0);
    CU_ASSERT_EQUAL(weir_subtask_next_due_ms(&g.run->subtasks[2]), INT64_MAX);
    pass(&g, 3600000);
    CU_ASSERT_EQUAL(lines_told(), 0);
    end(&g);
}

static void a_watermark_that_grows_in_time_is_no_news(void)
{
    struct stage g;
    char moves[] = "b1 r1@5 n n n n n n n n n n n n n n n n n n n n n n n n r1@6";
    begin(&g, "b1 r1@10 r2@250", moves, "", "");
    pass(&g, 0);
    pass(&g, 40000);
    pass(&g, 1000); /* the record of 6 has come by now */
    pass(&g, 1000);
    pass(&g, 58000);
    CU_ASSERT_EQUAL(lines_told(), 0);
    pass(&g, 2000);
    pass(&g, 1000);
    CU_ASSERT_EQUAL(lines_told(), 1);
    end(&g);
}

static void nothing_is_told_while_no_window_waits(void)
{
    struct stage g;
    begin(&g, "b1", "b1", "", "");
    pass(&g, 0);
    pass(&g, 600000);
    CU_ASSERT_EQUAL(lines_told(), 0);
    end(&g);
}

static void an_idle_source_holds_nobody(void)
{
    struct stage g;
    begin(&g, "b1 r1@10 r2@250", "b1 r1@5", "", ", idle_after: 10s");
    pass(&g, 0);
    for (int i = 0; i < 50; i++) pass(&g, 1000);
    CU_ASSERT_EQUAL(lines_told(), 0);
    for (int i = 0; i < 60; i++) pass(&g, 1000);
    CU_ASSERT_EQUAL(lines_told(), 1); /* the window of 250 waits for records: all is idle */
    WEIR_ASSERT_CONTAINS(weir_text_get(&told), "all that it could wait for is idle");
    end(&g);
}

WEIR_SUITE(event_times) = {
    {"the lowest aligned part holds", the_lowest_aligned_part_holds},
    {"a silent split is named, with the way to it and what to do",
     a_silent_split_is_named_with_the_way_to_it_and_what_to_do},
    {"the second input holds as the first does", the_second_input_holds_as_the_first_does},
    {"silence of all asks for records, and not for idle_after", silence_of_all_asks_for_records_and_not_for_idle_after},
    {"what is on its way, or blocked, or read later is not called silent",
     what_is_on_its_way_or_blocked_or_read_later_is_not_called_silent},
    {"records that do not move the watermark are not silence", records_that_do_not_move_the_watermark_are_not_silence},
    {"the snapshot tells channels and splits", the_snapshot_tells_channels_and_splits},
    {"the end of a source finishes its split and its channel", the_end_of_a_source_finishes_its_split_and_its_channel},
    {"an assigner in mid stream stands by its own watermarks", an_assigner_in_mid_stream_stands_by_its_own_watermarks},
    {"a window that waits for a silent source is told once", a_window_that_waits_for_a_silent_source_is_told_once},
    {"the time to wait is a key of the job", the_time_to_wait_is_a_key_of_the_job},
    {"a watermark that grows in time is no news", a_watermark_that_grows_in_time_is_no_news},
    {"nothing is told while no window waits", nothing_is_told_while_no_window_waits},
    {"an idle source holds nobody", an_idle_source_holds_nobody},
    {NULL, NULL},
};
