/* A million timers, or windows, that fire at one watermark: in bounded steps, so that another subtask of the slot goes on in
 * between, and without memory that grows with their number. One worker with two subtasks, stepped by hand: one has the
 * operator, the other is a source that always has a row. */
#include <malloc.h>

#include "operator/ops.h"
#include "unit/task/task_stage.h"
#include "window/window_op.h"

#ifdef WEIR_SANITIZED
#define MANY 20000
#else
#define MANY 1000000
#endif
#define A_BATCH       1000
/* Bytes beyond what was held before the watermark came: timers that are due at once are put in order at once, which takes
 * two nodes of 24 bytes for each. */
#define MOST_EXTRA(n) (((size_t)2 << 20) + (size_t)(n) * 48)
#define MOST_PER_STEP (64 * 1024)       /* timers and windows in one step of the subtask */

struct slot {
    struct task_stage fires, other;
    struct weir_stream_node *node;
    struct weir_op *op;
    struct weir_subtask *subtasks[2];
    struct weir_worker worker;
    _Atomic uint32_t cancel;
    int many;
    size_t before, peak;
    uint64_t steps, most_per_step;
};

static size_t held(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

static void failed(void *arg, struct weir_subtask *t)
{
    (void)arg;
    fprintf(stderr, "%s\n", t->error.text);
    CU_FAIL_FATAL("a subtask failed");
}

static void prepare(struct slot *g, enum weir_node_kind kind, const char *in, const char *out)
{
    memset(g, 0, sizeof *g);
    g->many = MANY;
    task_stage_init(&g->fires, NULL, 1, 0);
    task_stage_init(&g->other, "r", 0, 0);
    weir_schema_release(g->fires.schema);
    g->fires.schema = weir_test_schema(in);
    g->node = weir_op_stage_node(&g->fires.s, kind, g->fires.schema);
    weir_op_stage_key(g->node, "user");
    struct weir_schema *result = weir_test_schema(out);
    weir_op_stage_output(g->node, "", result);
    weir_schema_release(result);
}

static void begin(struct slot *g, struct weir_op *op)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(op);
    g->op = op;
    g->fires.member.op = op;
    g->subtasks[0] = &g->fires.task;
    g->subtasks[1] = &g->other.task;
    for (int i = 0; i < 2; i++) CU_ASSERT_EQUAL_FATAL(weir_subtask_open(g->subtasks[i]), WEIR_OK);
    g->worker = (struct weir_worker){.platform = &g->fires.s.platform,
                                     .name = "slot-0",
                                     .subtasks = g->subtasks,
                                     .n_subtasks = 2,
                                     .cancel = &g->cancel,
                                     .failed = failed};
}

static void round_of_both(struct slot *g)
{
    CU_ASSERT_EQUAL_FATAL(weir_worker_round(&g->worker, 0, NULL), WEIR_MADE);
}

/* Row i is format % i. */
static void feed(struct slot *g, const char *format)
{
    static const uint32_t key[] = {0};
    for (int i = 0; i < g->many;) {
        struct weir_text text = {0};
        for (int end = i + A_BATCH; i < end; i++) weir_text_add(&text, format, i);
        struct weir_rows *rows =
            weir_test_keyed_rows(g->fires.s.env.pool, g->fires.schema, weir_text_get(&text), key, 1, 128);
        weir_text_finish(&text);
        CU_ASSERT_FATAL(weir_ring_push(&g->fires.in[0], (struct weir_element){.kind = WEIR_ELEMENT_ROWS, .rows = rows}));
        while (g->op->counters.rows_in < (uint64_t)i) round_of_both(g);
    }
}

/* `counter` counts what fires. */
static void fire_all(struct slot *g, const char *what, const _Atomic uint64_t *counter)
{
    push_mark(&g->fires, 0, WEIR_ELEMENT_WATERMARK, 1000);
    g->before = g->peak = held();
    uint64_t fired = *counter, until = fired + (uint64_t)g->many;
    while (*counter < until) {
        int polls = g->other.actor.polls;
        fired = *counter;
        round_of_both(g);
        CU_ASSERT_FATAL(g->other.actor.polls > polls); /* the other one had its turn */
        uint64_t n = *counter - fired;
        if (n > g->most_per_step) g->most_per_step = n;
        if (held() > g->peak) g->peak = held();
        g->steps++;
    }
    CU_ASSERT_EQUAL(*counter, until);
    CU_ASSERT(g->most_per_step <= MOST_PER_STEP);
    printf(
        "  %d %s at one watermark: %zu KiB held before, %zu KiB more at most, %zu KiB after; %llu steps of at most %llu\n",
        g->many, what, g->before >> 10, (g->peak - g->before) >> 10, held() >> 10, (unsigned long long)g->steps,
        (unsigned long long)g->most_per_step);
#ifndef WEIR_SANITIZED /* whose allocator is another one */
    CU_ASSERT(g->peak - g->before <= MOST_EXTRA(g->many));
#endif
}

static void end(struct slot *g)
{
    task_stage_end(&g->fires);
    g->op->class->destroy(g->op);
    task_stage_end(&g->other);
}

static void a_million_timers(void)
{
    struct slot g;
    prepare(&g, WEIR_NODE_OPERATOR, "user: string, what: string, ns: i64, at: i64",
            "user: string, clock: string, ns: i64, at: i64, wm: i64");
    g.node->part = weir_op_stage_part(&g.fires.s, WEIR_OPERATOR, "alarm");
    g.node->args = weir_alloc_array(3, sizeof *g.node->args);
    for (uint32_t i = 0; i < 3; i++) g.node->args[i] = i + 1;
    g.node->n_args = 3;
    struct weir_error error = {0};
    begin(&g, weir_plugin_op_create(g.node, &g.fires.s.env, g.fires.s.registry, "node 'alarms'", &error));
    feed(&g, "1 | u%d, e, 0, 500\n");
    fire_all(&g, "timers", &g.op->counters.timers_fired);
    end(&g);
}

static void add_count(struct slot *g)
{
    struct weir_window_config *w = &g->node->window;
    w->aggregates = weir_alloc_array(1, sizeof *w->aggregates);
    w->aggregates[0] = (struct weir_aggregate_config){.name = weir_strdup("c"),
                                                      .part = weir_op_stage_part(&g->fires.s, WEIR_AGGREGATE, "count")};
    w->n_aggregates = 1;
}

static void begin_windows(struct slot *g)
{
    struct weir_error error = {0};
    begin(g, weir_window_op_create(g->node, &g->fires.s.env, g->fires.s.registry, "node 'windows'", &error));
}

static void use_sessions(struct slot *g)
{
    g->node->window.assigner = weir_op_stage_part(&g->fires.s, WEIR_WINDOW_ASSIGNER, "session");
    weir_op_stage_option(g->node->window.assigner, "gap", "10ms");
    g->node->window.trigger = weir_op_stage_part(&g->fires.s, WEIR_TRIGGER, "event_time");
}

static void a_million_sessions(void)
{
    struct slot g;
    prepare(&g, WEIR_NODE_WINDOW, "user: string, n: i64", "user: string, c: i64");
    use_sessions(&g);
    add_count(&g);
    begin_windows(&g);
    feed(&g, "1 | u%d, 1\n");
    fire_all(&g, "sessions, each aggregated", &g.op->counters.timers_fired);
    end(&g);
}

static void many_windows_of_a_function(void)
{
    struct slot g;
    prepare(&g, WEIR_NODE_WINDOW, "user: string, n: i64", "user: string, rows: i64, first: i64, last: i64");
    use_sessions(&g);
    g.many = MANY / 20;
    g.node->window.function = weir_op_stage_part(&g.fires.s, WEIR_WINDOW_FUNCTION, "ends");
    g.node->window.function_args = weir_alloc_array(1, sizeof *g.node->window.function_args);
    g.node->window.function_args[0] = 1;
    g.node->window.n_function_args = 1;
    begin_windows(&g);
    feed(&g, "1 | u%d, 1\n");
    fire_all(&g, "sessions, each for a function", &g.op->counters.timers_fired);
    end(&g);
}

static void a_million_windows_of_the_fast_path(void)
{
    struct slot g;
    prepare(&g, WEIR_NODE_WINDOW, "user: string, n: i64", "user: string, c: i64");
    g.node->window.periodic = true;
    g.node->window.assigner = weir_op_stage_part(&g.fires.s, WEIR_WINDOW_ASSIGNER, "tumbling");
    weir_op_stage_option(g.node->window.assigner, "size", "10ms");
    g.node->window.trigger = weir_op_stage_part(&g.fires.s, WEIR_TRIGGER, "event_time");
    add_count(&g);
    begin_windows(&g);
    feed(&g, "1 | u%d, 1\n");
    fire_all(&g, "tumbling windows", &g.op->counters.rows_out);
    end(&g);
}

WEIR_SUITE(many_at_once) = {{"a million timers", a_million_timers},
                            {"a million sessions", a_million_sessions},
                            {"many windows of a function", many_windows_of_a_function},
                            {"a million windows of the fast path", a_million_windows_of_the_fast_path},
                            {NULL, NULL}};
