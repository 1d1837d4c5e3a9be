/* The lives of components in whole jobs: every instance is opened once and closed once, on one thread, however the job ends;
 * and it is told rightly where it runs. The components of tests/plugins/toys/lives.c print both. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "harness/job_text.h"
#include "harness/suite.h"
#include "job/run_internal.h"
#include "loader/part.h"

#define MOST    512
#define ATTEMPT 3

static const char *const kinds[] = {"source",  "generator", "operator",   "partitioner", "reducer",   "assigner",
                                    "trigger", "evictor",   "window",     "aggregate",   "sink",      "encoder",
                                    "decoder", "co_map",    "co_process", "co_keyed",    "broadcast", "keyed_broadcast",
                                    "join",    "cogroup",   NULL};

/* One line that a component printed. */
struct event {
    bool is_open;
    char kind[32], job[32], node[32];
    void *self;
    unsigned subtask, parallelism, max_parallelism, attempt;
    pthread_t thread;
};

struct stage {
    struct weir_platform platform;
    pthread_mutex_t lock;
    struct event events[MOST];
    size_t n_events;
    struct weir_registry *registry;
    struct weir_stream_graph *graph;
    struct weir_run *run;
    struct weir_error error;
};

static weir_status note(void *self, int stream, const void *bytes, size_t n, struct weir_error *error)
{
    struct stage *g = self;
    char line[256], what[8];
    (void)stream, (void)error;
    snprintf(line, sizeof line, "%.*s", (int)n, (const char *)bytes);
    pthread_mutex_lock(&g->lock);
    struct event *e = &g->events[g->n_events];
    int found = sscanf(line, "%7s %31s %p %31[^/]/%31s %u/%u of %u, attempt %u", what, e->kind, &e->self, e->job, e->node,
                       &e->subtask, &e->parallelism, &e->max_parallelism, &e->attempt);
    e->is_open = strcmp(what, "open") == 0;
    e->thread = pthread_self();
    if (found == 9) g->n_events++; /* the print sink prints too: nothing */
    WEIR_ASSERT(g->n_events < MOST);
    pthread_mutex_unlock(&g->lock);
    return WEIR_OK;
}

/* A job with every kind of component; `failing` (a kind, or NULL) cannot be opened in subtask 0. */
static char *manifest(const char *failing, bool endless)
{
    static const char *const nodes[][3] = {
        {"  - {id: in, time: {field: at, generator: ", "generator", "}, "},
        {"source: {life_source: {fails: ", "source", ""},
        {"  - {id: op, from: in, process: ", "operator", "}\n"},
        {"  - {id: dealt, from: {input: op, partition: ", "partitioner", "}, "},
        {"process: ", "operator", "}\n"},
        {"  - {id: timed, from: dealt, time: {field: at, generator: ", "generator", "}}\n"},
        {"  - {id: reduced, from: timed, key_by: n, reduce: ", "reducer", "}\n"},
        {"  - {id: windows, from: timed, key_by: n, window: {assigner: ", "assigner", ", "},
        {"trigger: ", "trigger", ", "},
        {"evictor: ", "evictor", ", "},
        {"function: ", "window", "}}\n"},
        {"  - {id: sums, from: timed, key_by: n, window: {tumbling: 10ms}, aggregate: {total: ", "aggregate", "}}\n"},
        {"  - {id: last, from: reduced, sink: ", "sink", "}\n"},
        {"  - {id: printed, from: windows, sink: {print: {format: ", "encoder", "}}}\n"},
        {"  - {id: files, source: {file: {path: " WEIR_SOURCE_DIR "/CHANGELOG.md, format: ", "decoder", "}}}\n"},
        {"  - {id: mapped, from: {a: timed, b: timed}, map: ", "co_map", "}\n"},
        {"  - {id: processed, from: {a: timed, b: timed}, process: ", "co_process", "}\n"},
        {"  - {id: keyed, from: {a: timed, b: timed}, key_by: n, process: ", "co_keyed", "}\n"},
        {"  - {id: cast, from: {a: timed, b: timed}, process: ", "broadcast", "}\n"},
        {"  - {id: keyed_cast, from: {a: timed, b: timed}, key_by: {a: n}, process: ", "keyed_broadcast", "}\n"},
        {"  - {id: joined, from: {a: timed, b: timed}, key_by: n, join: {interval: {from: 0s, to: 1ms}, function: ", "join",
         "}}\n"},
        {"  - {id: grouped, from: {a: timed, b: timed}, key_by: n, window: {tumbling: 10ms}, cogroup: ", "cogroup", "}\n"},
    };
    struct weir_text t = {0};
    weir_text_add(&t, "job: lives\ndefaults: {max_parallelism: 64}\nnodes:\n");
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        const char *kind = nodes[i][1], *fails = failing && strcmp(failing, kind) == 0 ? "true" : "false";
        weir_text_add(&t, "%s", nodes[i][0]);
        if (strcmp(kind, "source") == 0)
            weir_text_add(&t, "%s, endless: %s}}}\n", fails, endless ? "true" : "false");
        else
            weir_text_add(&t, "{life_%s: {fails: %s}}%s", kind, fails, nodes[i][2]);
    }
    weir_text_add(&t,
                  "  - {id: summed, from: sums, sink: discard}\n  - {id: read, from: files, sink: discard}\n"
                  "  - {id: rest, from: [mapped, processed, keyed, cast, keyed_cast, joined, grouped], sink: discard}\n");
    return weir_text_take(&t);
}

static void compile(struct stage *g, const char *yaml, uint32_t parallelism)
{
    g->registry = weir_test_registry("toys");
    g->graph = weir_test_graph(g->registry, yaml, parallelism);
}

static struct stage *start(const char *failing, bool endless, uint32_t parallelism)
{
    struct stage *g = weir_alloc(sizeof *g);
    char *yaml = manifest(failing, endless);
    pthread_mutex_init(&g->lock, NULL);
    g->platform = *weir_platform_os();
    g->platform.self = g;
    g->platform.print = note;
    compile(g, yaml, parallelism);
    weir_free(yaml);
    struct weir_deploy_options o = {
        .platform = &g->platform, .registry = g->registry, .graph = g->graph, .attempt = ATTEMPT};
    CU_ASSERT_EQUAL_FATAL(weir_run_deploy(&o, &g->run, &g->error), WEIR_OK);
    CU_ASSERT_EQUAL(g->n_events, 0);
    CU_ASSERT_EQUAL_FATAL(weir_run_start(g->run, &g->error), WEIR_OK);
    return g;
}

static void end(struct stage *g)
{
    size_t n = g->n_events;
    weir_run_destroy(g->run);
    CU_ASSERT_EQUAL(g->n_events, n); /* closed on their own threads, before the job was over */
    weir_stream_graph_destroy(g->graph, weir_part_spec_destroy);
    weir_registry_destroy(g->registry);
    pthread_mutex_destroy(&g->lock);
    weir_free(g);
}

/* ---- what the events must be ---------------------------------------------------------------------------------- */

static const struct weir_stream_node *node_of(const struct stage *g, const char *id)
{
    for (uint32_t i = 0; i < g->graph->n_nodes; i++) {
        if (strcmp(g->graph->nodes[i]->id, id) == 0) return g->graph->nodes[i];
    }
    return NULL;
}

static void check_place(const struct stage *g, const struct event *e)
{
    const struct weir_stream_node *node = node_of(g, e->node);
    CU_ASSERT_PTR_NOT_NULL_FATAL(node);
    CU_ASSERT_STRING_EQUAL(e->job, "lives");
    CU_ASSERT_EQUAL(e->parallelism, node->parallelism);
    CU_ASSERT_EQUAL(e->max_parallelism, 64);
    CU_ASSERT_EQUAL(e->attempt, ATTEMPT);
    CU_ASSERT(e->subtask < e->parallelism);
}

/* Every open has its close, later, once, on the same thread. */
static void check_pairs(const struct stage *g)
{
    for (size_t i = 0; i < g->n_events; i++) {
        const struct event *e = &g->events[i];
        size_t opens = 0, closes = 0, place[2] = {0, 0};
        check_place(g, e);
        for (size_t k = 0; k < g->n_events; k++) {
            const struct event *other = &g->events[k];
            if (other->self != e->self) continue;
            CU_ASSERT_STRING_EQUAL(other->kind, e->kind);
            CU_ASSERT_STRING_EQUAL(other->node, e->node);
            CU_ASSERT_EQUAL(other->subtask, e->subtask);
            CU_ASSERT(pthread_equal(other->thread, e->thread));
            place[!other->is_open] = k;
            opens += other->is_open;
            closes += !other->is_open;
        }
        CU_ASSERT_EQUAL(opens, 1);
        CU_ASSERT_EQUAL(closes, 1);
        CU_ASSERT(place[0] < place[1]);
    }
}

/* How many instances of a kind were opened, in which subtasks. */
static uint32_t opened(const struct stage *g, const char *kind, uint32_t *subtasks)
{
    uint32_t n = 0;
    *subtasks = 0;
    for (size_t i = 0; i < g->n_events; i++) {
        if (!g->events[i].is_open || strcmp(g->events[i].kind, kind) != 0) continue;
        *subtasks |= 1u << g->events[i].subtask;
        n++;
    }
    return n;
}

static void check_all_lived(const struct stage *g, uint32_t parallelism)
{
    for (size_t i = 0; kinds[i]; i++) {
        bool two = strcmp(kinds[i], "operator") == 0 || strcmp(kinds[i], "generator") == 0; /* two nodes have one */
        uint32_t subtasks, n = opened(g, kinds[i], &subtasks);
        if (n != parallelism * (two ? 2 : 1)) fprintf(stderr, "\n%u of %s\n", n, kinds[i]);
        CU_ASSERT_EQUAL(n, parallelism * (two ? 2 : 1));
        CU_ASSERT_EQUAL(subtasks, (1u << parallelism) - 1);
    }
}

/* ---- the endings ---------------------------------------------------------------------------------------------- */

static void at_the_end_of_input(void)
{
    for (uint32_t p = 1; p <= 4; p *= 2) {
        struct stage *g = start(NULL, false, p);
        CU_ASSERT(weir_run_wait(g->run, -1));
        CU_ASSERT_EQUAL(weir_run_state(g->run), WEIR_RUN_FINISHED);
        check_pairs(g);
        check_all_lived(g, p);
        end(g);
    }
}

static void after_a_stop(void)
{
    for (uint32_t p = 1; p <= 4; p *= 2) {
        struct stage *g = start(NULL, true, p);
        weir_run_stop(g->run);
        CU_ASSERT(weir_run_wait(g->run, -1));
        CU_ASSERT_EQUAL(weir_run_state(g->run), WEIR_RUN_STOPPED);
        check_pairs(g);
        check_all_lived(g, p);
        end(g);
    }
}

static void after_a_cancel(void)
{
    for (uint32_t p = 1; p <= 4; p *= 2) {
        struct stage *g = start(NULL, true, p);
        weir_run_cancel(g->run);
        CU_ASSERT(weir_run_wait(g->run, -1));
        CU_ASSERT_EQUAL(weir_run_state(g->run), WEIR_RUN_CANCELLED);
        check_pairs(g);
        check_all_lived(g, p);
        end(g);
    }
}

static void after_a_failed_open(void)
{
    char expected[64];
    for (size_t i = 0; kinds[i]; i++) {
        for (uint32_t p = 1; p <= 2; p++) {
            struct stage *g = start(kinds[i], true, p);
            CU_ASSERT(weir_run_wait(g->run, -1));
            CU_ASSERT_EQUAL(weir_run_state(g->run), WEIR_RUN_FAILED);
            snprintf(expected, sizeof expected, "the %s will not open", kinds[i]);
            WEIR_ASSERT_CONTAINS(weir_run_failure(g->run)->text, expected);
            check_pairs(g);
            uint32_t subtasks;
            CU_ASSERT(opened(g, kinds[i], &subtasks) > 0);
            CU_ASSERT_EQUAL(subtasks & 1, 1);
            end(g);
        }
    }
}

WEIR_SUITE(lives) = {{"every instance is opened and closed once, at the end of input", at_the_end_of_input},
                     {"after a stop", after_a_stop},
                     {"after a cancel", after_a_cancel},
                     {"and after any of them failed to open", after_a_failed_open},
                     {NULL, NULL}};
