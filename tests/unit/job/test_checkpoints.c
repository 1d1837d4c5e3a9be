/* Jobs that are broken off and go on from their newest checkpoint, at whatever parallelism, under the seeded scheduler: no
 * record is lost for the state, and none counts twice (semantics A7). */
#include "harness/folders_job.h"
#include "harness/job_text.h"
#include "job/checkpoints.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "checkpoint/saved.h"
#include "harness/sim.h"
#include "harness/suite.h"
#include "job/restore.h"
#include "loader/part.h"

#define DIRECTORY WEIR_TEST_FOLDER

struct stage {
    struct weir_sim sim; /* first: the platform's self */
    struct weir_registry *registry;
    struct weir_text printed;
    uint64_t seed;
    int64_t until; /* checkpoint after which it is enough; 0: to the end */
};

static weir_status print(void *self, int stream, const void *bytes, size_t n, struct weir_error *error)
{
    (void)stream;
    (void)error;
    weir_text_add_bytes(&((struct stage *)self)->printed, bytes, n);
    return WEIR_OK;
}

static bool enough(struct weir_sim *s, struct weir_run *run)
{
    const struct stage *g = (const struct stage *)(const void *)s;
    return weir_run_last_checkpoint(run) >= g->until;
}

static void init(struct stage *g)
{
    memset(g, 0, sizeof *g);
    g->registry = weir_test_registry("toys");
}

static void remove_all(void)
{
    const struct weir_platform *p = weir_platform_os();
    struct weir_error error;
    char *path;
    int64_t n;
    bool own;
    while (folders_newest(p, DIRECTORY, &path, &n, &own, &error) == WEIR_OK && path) {
        CU_ASSERT_EQUAL(folders_remove(p, path, &error), WEIR_OK);
        weir_free(path);
    }
}

/* One life of the job: from the newest checkpoint, if there is one, until `checkpoints` more are complete (0: to the
 * end). */
static void live(struct stage *g, const char *yaml, uint32_t parallelism, uint32_t batch_rows, int64_t checkpoints)
{
    struct weir_stream_graph *graph = weir_test_graph(g->registry, yaml, parallelism);
    struct weir_saved saved = {0};
    struct weir_run *run = NULL;
    struct weir_error error = {0};
    char *path;
    int64_t newest;
    bool own;
    graph->batch_rows = batch_rows;
    graph->channel_batches = 1 + (uint32_t)(g->seed % 3);
    CU_ASSERT_EQUAL_FATAL(folders_newest(weir_platform_os(), DIRECTORY, &path, &newest, &own, &error), WEIR_OK);
    if (path) CU_ASSERT_EQUAL_FATAL(folders_read(weir_platform_os(), path, &saved, &error), WEIR_OK);
    weir_free(path);
    weir_text_finish(&g->printed);
    weir_sim_init(&g->sim, g->seed++);
    g->sim.platform.print = print;
    g->until = newest + checkpoints;
    if (checkpoints) g->sim.enough = enough;
    struct weir_deploy_options o = {
        .platform = &g->sim.platform, .registry = g->registry, .graph = graph, .restore = saved.job ? &saved : NULL};
    weir_status s = weir_run_deploy(&o, &run, &error);
    if (s == WEIR_OK) s = weir_sim_run(&g->sim, run, &error);
    if (s < 0) fprintf(stderr, "\nseed %" PRIu64 ": %s\n", g->seed - 1, error.text);
    CU_ASSERT(s >= 0);
    weir_run_destroy(run);
    weir_saved_finish(&saved);
    weir_stream_graph_destroy(graph, weir_part_spec_destroy);
}

/* ---- counting by key --------------------------------------------------------------------------------------------- */

#define RECORDS 400
#define KEYS    7
static const char counting[] = "job: counting\n"
                               "checkpoint: {every: 1ms, directory: " DIRECTORY ", keep: 2}\n"
                               "defaults: {max_parallelism: 16}\n"
                               "nodes:\n"
                               "  - {id: in, source: {sequence: {to: 400}}}\n"
                               "  - {id: again, source: {sequence: {to: 400}}, parallelism: 1}\n"
                               "  - {id: counts, from: [in, again], key_by: {k: value % 7}, count: n}\n"
                               "  - {id: out, from: counts, sink: print}\n";

/* What was printed: "value,key,n" a line; n counts up by one for each key, from whatever the state was. */
struct counted {
    int64_t first[KEYS], last[KEYS]; /* n; 0: no line */
    int64_t lines;
};

static struct counted read_counts(const struct stage *g)
{
    struct counted c = {0};
    for (const char *line = weir_text_get(&g->printed); *line; line += strcspn(line, "\n") + 1) {
        const char *fields = memchr(line, '>', strcspn(line, "\n"));
        int64_t value, key, n;
        CU_ASSERT_EQUAL_FATAL(sscanf(fields ? fields + 1 : line, "%" SCNd64 ",%" SCNd64 ",%" SCNd64, &value, &key, &n), 3);
        CU_ASSERT_FATAL(key == value % KEYS);
        if (c.last[key]) CU_ASSERT_EQUAL(n, c.last[key] + 1);
        if (!c.last[key]) c.first[key] = n;
        c.last[key] = n;
        c.lines++;
    }
    return c;
}

/* After any number of crashes each key has counted each of its records once, and the last life printed what the state did
 * not hold yet. */
static void expect_every_record_once(const struct counted *c)
{
    int64_t in_state = 0;
    for (int64_t k = 0; k < KEYS; k++) {
        int64_t records = 2 * (RECORDS / KEYS + (k > 0 && k <= RECORDS % KEYS));
        if (c->last[k]) CU_ASSERT_EQUAL(c->last[k], records);
        in_state += c->last[k] ? c->first[k] - 1 : records;
    }
    CU_ASSERT_EQUAL(c->lines + in_state, 2 * RECORDS);
}

static void a_job_goes_on_from_its_newest_checkpoint(void)
{
    static const uint32_t parallelisms[] = {1, 2, 4}, batches[] = {1, 7, 1024};
    struct stage g;
    int64_t restored = 0;
    init(&g);
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct weir_random r = {seed};
        g.seed = seed * 100;
        remove_all();
        for (uint32_t crashes = weir_random_below(&r, 4); crashes-- > 0;)
            live(&g, counting, parallelisms[weir_random_below(&r, 3)], batches[weir_random_below(&r, 2)],
                 1 + (int64_t)weir_random_below(&r, 3));
        live(&g, counting, parallelisms[weir_random_below(&r, 3)], batches[weir_random_below(&r, 3)], 0);
        struct counted c = read_counts(&g);
        expect_every_record_once(&c);
        restored += 2 * RECORDS - c.lines;
    }
    CU_ASSERT(restored > 60 * 20); /* the lives before did count for something */
    weir_text_finish(&g.printed);
    weir_registry_destroy(g.registry);
}

/* ---- windows ----------------------------------------------------------------------------------------------------- */

#define HEAD                                                        \
    "job: windows\n"                                                \
    "checkpoint: {every: 1ms, directory: " DIRECTORY "}\n"          \
    "defaults: {max_parallelism: 16}\n"                             \
    "nodes:\n"                                                      \
    "  - {id: in, source: {sequence: {to: 300}}, parallelism: 1}\n" \
    "  - {id: rows, from: in, parallelism: 1, set: {k: value % 5, at: \"cast(value + value * 7 % 10 as timestamp)\"}}\n"
/* From 0 to 9 ms out of order: nothing is late, or much is and nothing is dropped. */
#define IN_TIME \
    HEAD "  - {id: timed, from: rows, parallelism: 1, time: {field: at, out_of_orderness: 10ms, emit: every_record}}\n"
#define LATE \
    HEAD "  - {id: timed, from: rows, parallelism: 1, time: {field: at, out_of_orderness: 0ms, emit: every_record}}\n"
#define OUT "  - {id: out, from: w, sink: print}\n"

/* A window is known by the first `n_id` fields of its line, the second one divided by `bucket`; the last line of a window
 * has it whole. n_id 0: each line is a result for itself. */
static const struct window_job {
    const char *name, *yaml;
    int n_id;
    int64_t bucket;
} window_jobs[] = {
    {"tumbling", /* kept whole, for the sake of `last` */
     IN_TIME "  - {id: w, from: timed, key_by: k, window: {tumbling: 25ms},"
             " aggregate: {start: window_start, n: count, sum: sum(value), last: last(value)}}\n" OUT,
     2, 1},
    {"sliding", /* in slices */
     IN_TIME "  - {id: w, from: timed, key_by: k, window: {sliding: {size: 40ms, slide: 15ms}},"
             " aggregate: {start: window_start, n: count, sum: sum(value)}}\n" OUT,
     2, 1},
    {"sliding, late",
     LATE "  - {id: w, from: timed, key_by: k, window: {sliding: {size: 40ms, slide: 15ms}, lateness: 20ms},"
          " aggregate: {start: window_start, n: count, sum: sum(value)}}\n" OUT,
     2, 1},
    {"session, late", /* bursts, of which some records come after the first ones of the next */
     HEAD "  - {id: bursts, from: rows, parallelism: 1, set: {u: value - value * 7 % 10}}\n"
          "  - {id: timed, from: bursts, parallelism: 1, set: {at: \"cast((u - u % 50) * 20 + u % 50 as timestamp)\"}}\n"
          "  - {id: again, from: timed, parallelism: 1, time: {field: at, out_of_orderness: 0ms, emit: every_record}}\n"
          "  - {id: w, from: again, key_by: k, window: {session: 20ms, lateness: 2s},"
          " aggregate: {start: window_start, n: count, sum: sum(value)}}\n" OUT,
     2, 1000},
    {"count",
     IN_TIME "  - {id: w, from: timed, key_by: k, window: {count: 4},"
             " aggregate: {first: first(value), n: count, sum: sum(value)}}\n" OUT,
     2, 1},
    {"function with states of window and key",
     IN_TIME "  - {id: w, from: timed, key_by: k, window: {tumbling: 25ms, trigger: {count: 2}, evictor: {count: 3},"
             " function: {talkative: {copies: 2, args: {n: value}}}}}\n"
             "  - {id: ended, from: w.ended, sink: print}\n" OUT,
     0, 1},
    {"join",
     IN_TIME
     "  - {id: in2, source: {sequence: {to: 300}}, parallelism: 1}\n"
     "  - {id: rows2, from: in2, parallelism: 1, set: {k: value % 5, at: \"cast(value + value * 3 % 10 as timestamp)\"}}\n"
     "  - {id: timed2, from: rows2, parallelism: 1, time: {field: at, out_of_orderness: 10ms, emit: every_record}}\n"
     "  - {id: w, from: {a: timed, b: timed2}, key_by: k, window: {tumbling: 12ms}, join: full,"
     " select: {x: a.value, y: b.value}}\n" OUT,
     0, 1},
    {"reduction of all rows", IN_TIME "  - {id: w, from: timed, window: {all: true, tumbling: 12ms}, sum: value}\n" OUT, 0,
     1}};

struct results {
    struct {
        char *id, *line;
    } * all;
    size_t n, capacity;
    size_t repeated;
};

static char *id_of(const struct window_job *job, const char *line)
{
    int64_t key, second;
    if (job->n_id == 0) return weir_strdup(line);
    CU_ASSERT_EQUAL_FATAL(sscanf(line, "%" SCNd64 ",%" SCNd64, &key, &second), 2);
    return weir_format("%" PRId64 ",%" PRId64, key, second / job->bucket);
}

/* A later line about a window takes the place of earlier ones. */
static void take_line(struct results *to, const struct window_job *job, const char *line, size_t length)
{
    const char *prefix = memchr(line, '>', length); /* "2> " where there are several subtasks */
    if (prefix) length -= (size_t)(prefix + 2 - line), line = prefix + 2;
    char *copy = weir_strndup(line, length), *id = id_of(job, copy);
    size_t i = 0;
    while (i < to->n && strcmp(to->all[i].id, id) != 0) i++;
    to->repeated += i < to->n;
    if (i == to->n) {
        WEIR_GROW(to->all, to->capacity, to->n + 1);
        to->all[to->n].id = id;
        to->all[to->n++].line = copy;
        return;
    }
    weir_free(id);
    weir_free(to->all[i].line);
    to->all[i].line = copy;
}
static void take_lines(struct results *to, const struct window_job *job, struct stage *g)
{
    for (const char *line = weir_text_get(&g->printed); *line;) {
        size_t length = strcspn(line, "\n");
        take_line(to, job, line, length);
        line += length + 1;
    }
}
static void free_results(struct results *r)
{
    for (size_t i = 0; i < r->n; i++) {
        weir_free(r->all[i].id);
        weir_free(r->all[i].line);
    }
    weir_free(r->all);
    *r = (struct results){0};
}

static const char *line_of(const struct results *r, const char *id)
{
    for (size_t i = 0; i < r->n; i++) {
        if (strcmp(r->all[i].id, id) == 0) return r->all[i].line;
    }
    return "nothing";
}
static bool are_same(const struct results *expected, const struct results *found)
{
    for (size_t i = 0; i < expected->n; i++) {
        const char *line = line_of(found, expected->all[i].id);
        if (strcmp(expected->all[i].line, line) == 0) continue;
        fprintf(stderr, "\nexpected: %s\nfound: %s\n", expected->all[i].line, line);
        return false;
    }
    for (size_t i = 0; i < found->n; i++) {
        if (strcmp(line_of(expected, found->all[i].id), "nothing") != 0) continue;
        fprintf(stderr, "\nnot expected: %s\n", found->all[i].line);
        return false;
    }
    return true;
}

/* Returns how many lines the last life did not have to print. */
static size_t break_off_and_go_on(struct stage *g, const struct window_job *job, uint64_t seed,
                                  const struct results *expected)
{
    static const uint32_t parallelisms[] = {1, 2, 4}, batches[] = {1, 7, 1024};
    struct weir_random r = {seed};
    struct results found = {0}, last = {0};
    g->seed = seed * 100;
    remove_all();
    for (uint32_t crashes = 1 + weir_random_below(&r, 3); crashes-- > 0;) {
        live(g, job->yaml, parallelisms[weir_random_below(&r, 3)], batches[weir_random_below(&r, 2)],
             1 + (int64_t)weir_random_below(&r, 3));
        take_lines(&found, job, g);
    }
    live(g, job->yaml, parallelisms[weir_random_below(&r, 3)], batches[weir_random_below(&r, 3)], 0);
    take_lines(&found, job, g);
    take_lines(&last, job, g);
    bool same = are_same(expected, &found);
    CU_ASSERT(same);
    if (!same) fprintf(stderr, "%s, seed %" PRIu64 "\n", job->name, seed);
    size_t spared = expected->n - last.n;
    free_results(&found);
    free_results(&last);
    return spared;
}

static void windows_go_on_from_a_checkpoint(void)
{
    for (size_t i = 0; i < WEIR_LEN(window_jobs); i++) {
        const struct window_job *job = &window_jobs[i];
        struct results expected = {0};
        struct stage g;
        size_t spared = 0;
        init(&g);
        remove_all();
        live(&g, job->yaml, 1, 7, 0);
        take_lines(&expected, job, &g);
        CU_ASSERT(expected.n >= 20);
        CU_ASSERT_EQUAL(expected.repeated > 0, strstr(job->name, "late") || strstr(job->name, "function"));
        for (uint64_t seed = 1; seed <= 12; seed++) spared += break_off_and_go_on(&g, job, seed, &expected);
        CU_ASSERT(spared > 20); /* the lives before did count for something */
        free_results(&expected);
        remove_all();
        weir_text_finish(&g.printed);
        weir_registry_destroy(g.registry);
    }
}

/* ---- retention --------------------------------------------------------------------------------------------------- */

static int64_t newest(void)
{
    struct weir_error error;
    int64_t n;
    char *path;
    bool own;
    CU_ASSERT_EQUAL(folders_newest(weir_platform_os(), DIRECTORY, &path, &n, &own, &error), WEIR_OK);
    weir_free(path);
    return n;
}

static void old_checkpoints_go_and_a_finished_job_leaves_none(void)
{
    struct weir_file_info info;
    struct weir_error error;
    struct stage g;
    const struct weir_platform *p = weir_platform_os();
    init(&g);
    g.seed = 5;
    remove_all();
    live(&g, counting, 2, 1, 4);
    CU_ASSERT_EQUAL(newest(), 4); /* a broken-off job leaves its newest two */
    CU_ASSERT_EQUAL(p->info(p->self, DIRECTORY "/chk-3", &info, &error), WEIR_OK);
    CU_ASSERT_NOT_EQUAL(p->info(p->self, DIRECTORY "/chk-2", &info, &error), WEIR_OK);
    remove_all();
    live(&g, counting, 2, 1, 0);
    CU_ASSERT_EQUAL(newest(), 0);
    weir_text_finish(&g.printed);
    weir_registry_destroy(g.registry);
}

/* ---- what cannot be restored ------------------------------------------------------------------------------------- */

static void expect_refused(struct stage *g, const char *yaml, const char *message)
{
    struct weir_stream_graph *graph = weir_test_graph(g->registry, yaml, 2);
    struct weir_saved saved = {0};
    struct weir_run *run;
    struct weir_error error = {0};
    char *path;
    int64_t n;
    bool own;
    CU_ASSERT_EQUAL_FATAL(folders_newest(weir_platform_os(), DIRECTORY, &path, &n, &own, &error), WEIR_OK);
    CU_ASSERT_EQUAL_FATAL(folders_read(weir_platform_os(), path, &saved, &error), WEIR_OK);
    weir_free(path);
    struct weir_deploy_options o = {
        .platform = weir_platform_os(), .registry = g->registry, .graph = graph, .restore = &saved};
    CU_ASSERT_EQUAL(weir_run_deploy(&o, &run, &error), WEIR_E_CONFIG);
    if (!strstr(error.text, message)) fprintf(stderr, "\nexpected: %s\nfound: %s\n", message, error.text);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, message));
    weir_saved_finish(&saved);
    weir_stream_graph_destroy(graph, weir_part_spec_destroy);
}

static void state_is_not_lost_silently(void)
{
    struct stage g;
    init(&g);
    g.seed = 9;
    remove_all();
    live(&g, counting, 2, 1, 2);
    expect_refused(&g,
                   "job: counting\nnodes:\n  - {id: in, source: {sequence: {to: 400}}}\n"
                   "  - {id: again, source: {sequence: {to: 400}}}\n"
                   "  - {id: renamed, from: [in, again], key_by: {k: value % 7}, count: n, max_parallelism: 16}\n"
                   "  - {id: out, from: renamed, sink: print}\n",
                   "the saved job had state for 'counts', but this job has no such node");
    expect_refused(&g,
                   "job: counting\nnodes:\n  - {id: in, source: {sequence: {to: 400}}, max_parallelism: 16}\n"
                   "  - {id: again, source: {sequence: {to: 400}}, max_parallelism: 16}\n"
                   "  - {id: counts, from: [in, again], key_by: {k: value % 7}, count: n, max_parallelism: 32}\n"
                   "  - {id: out, from: counts, sink: print}\n",
                   "its state has 16 key groups, and its max_parallelism is 32");
    expect_refused(&g,
                   "job: counting\ndefaults: {max_parallelism: 16}\nnodes:\n  - {id: in, source: {sequence: {to: 400}}}\n"
                   "  - {id: again, source: {sequence: {to: 400}}}\n"
                   "  - {id: counts, from: [in, again], key_by: {k: \"cast(value % 7 as string)\"}, count: n}\n"
                   "  - {id: out, from: counts, sink: print}\n",
                   "field 1 of the saved key is i64, but 'k' is string; a key keeps its types");
    remove_all();
    weir_text_finish(&g.printed);
    weir_registry_destroy(g.registry);
}

/* Where the author does not say how many key groups there are, the saved state does. */
static void open_numbers_of_key_groups_are_those_of_the_state(void)
{
    static const char open[] = "job: counting\nnodes:\n  - {id: in, source: {sequence: {to: 400}}}\n"
                               "  - {id: again, source: {sequence: {to: 400}}}\n"
                               "  - {id: counts, from: [in, again], key_by: {k: value % 7}, count: n}\n"
                               "  - {id: new, from: counts, key_by: k, count: m}\n"
                               "  - {id: out, from: new, sink: print}\n";
    struct stage g;
    struct weir_saved saved = {0};
    struct weir_run *run;
    struct weir_error error = {0};
    char *path;
    int64_t n;
    bool own;
    init(&g);
    g.seed = 9;
    remove_all();
    live(&g, counting, 2, 1, 2);
    CU_ASSERT_EQUAL_FATAL(folders_newest(weir_platform_os(), DIRECTORY, &path, &n, &own, &error), WEIR_OK);
    CU_ASSERT(own);
    CU_ASSERT_EQUAL_FATAL(folders_read(weir_platform_os(), path, &saved, &error), WEIR_OK);
    for (uint32_t parallelism = 4; parallelism <= 17; parallelism += 13) {
        struct weir_stream_graph *graph = weir_test_graph(g.registry, open, parallelism);
        weir_restore_adopt(&saved, graph);
        for (uint32_t i = 0; i < graph->n_nodes; i++) {
            bool has_state =
                strcmp(graph->nodes[i]->id, "counts") == 0; /* what is before its key has the number of its input */
            CU_ASSERT_EQUAL(graph->nodes[i]->max_parallelism, has_state && parallelism <= 16 ? 16u : 128u);
        }
        struct weir_deploy_options o = {
            .platform = weir_platform_os(), .registry = g.registry, .graph = graph, .restore = &saved};
        CU_ASSERT_EQUAL(weir_run_deploy(&o, &run, &error), parallelism <= 16 ? WEIR_OK : WEIR_E_CONFIG);
        weir_run_destroy(parallelism <= 16 ? run : NULL);
        weir_stream_graph_destroy(graph, weir_part_spec_destroy);
    }
    weir_saved_finish(&saved);
    weir_free(path);
    remove_all();
    weir_text_finish(&g.printed);
    weir_registry_destroy(g.registry);
}

WEIR_SUITE(checkpoints) = {
    {"a job goes on from its newest checkpoint", a_job_goes_on_from_its_newest_checkpoint},
    {"windows go on from a checkpoint", windows_go_on_from_a_checkpoint},
    {"old checkpoints go, and a finished job leaves none", old_checkpoints_go_and_a_finished_job_leaves_none},
    {"state is not lost silently", state_is_not_lost_silently},
    {"open numbers of key groups are those of the state", open_numbers_of_key_groups_are_those_of_the_state},
    {NULL, NULL}};
