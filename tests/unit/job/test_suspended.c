/* Jobs that are suspended with savepoints and go on from them, at whatever parallelism, under the seeded scheduler: all
 * lives together print what one uninterrupted life prints, each line once (semantics A7). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "checkpoint/saved.h"
#include "harness/folders.h"
#include "harness/job_text.h"
#include "harness/lines.h"
#include "harness/sim.h"
#include "harness/suite.h"
#include "loader/part.h"

#define DIRECTORY WEIR_TEST_FOLDER

/* Keyed state, and timers that fire by event time; two sources, so that barriers meet. */
#define NODES                                                                                                               \
    "defaults: {max_parallelism: 16}\n"                                                                                     \
    "nodes:\n"                                                                                                              \
    "  - {id: in, source: {datagen_clicks: {count: 150, users: 5}}, time: {field: at, monotonous: true, emit: "             \
    "every_record}}\n"                                                                                                      \
    "  - {id: again, source: {datagen_clicks: {count: 150, users: 5, seed: 2}}, time: {field: at, monotonous: true, emit: " \
    "every_record}}\n"                                                                                                      \
    "  - {id: users, from: [in, again], select: {user: user}}\n"                                                            \
    "  - {id: counts, from: users, key_by: user, count: n}\n"                                                               \
    "  - {id: out, from: counts, sink: print}\n"                                                                            \
    "  - {id: buckets, from: [in, again], key_by: {bucket: cast(at as i64) / 20000 * 100 + user}, process: "                \
    "{buckets: {after: 20000}}}\n"                                                                                          \
    "  - {id: fired, from: buckets, sink: print}\n"

struct stage {
    struct weir_sim sim; /* first: the platform's self */
    struct weir_registry *registry;
    struct weir_text printed;
    struct weir_random dice;
    uint64_t seed, suspend_at; /* in steps; 0: never */
    struct weir_saving *suspending;
    uint32_t savepoints; /* plain ones, asked for and written */
};

static weir_status print(void *self, int stream, const void *bytes, size_t n, struct weir_error *error)
{
    (void)stream, (void)error;
    weir_text_add_bytes(&((struct stage *)self)->printed, bytes, n);
    return WEIR_OK;
}

/* Not to be waited for: the scheduler may end the job first. */
static void ask(struct stage *g, struct weir_run *run, enum weir_saving_then then, struct weir_saving **to)
{
    struct weir_error error;
    CU_ASSERT_EQUAL_FATAL(weir_run_savepoint(run, DIRECTORY, then, to, &error), WEIR_OK);
    g->savepoints++;
}

static bool interfere(struct weir_sim *s, struct weir_run *run)
{
    struct stage *g = (struct stage *)(void *)s;
    struct weir_saving *plain;
    if (g->suspend_at && s->steps >= g->suspend_at && !g->suspending) ask(g, run, WEIR_THEN_SUSPEND, &g->suspending);
    if (weir_random_below(&g->dice, 2000) == 0) {
        ask(g, run, WEIR_THEN_GO_ON, &plain);
        weir_saving_release(plain);
    }
    return false;
}

static struct weir_stream_graph *compile(struct stage *g, const char *checkpoint, uint32_t parallelism)
{
    char *yaml = weir_format("job: chain\n%s" NODES, checkpoint);
    struct weir_stream_graph *graph = weir_test_graph(g->registry, yaml, parallelism);
    weir_free(yaml);
    return graph;
}

/* One life, from the savepoint `*from` (NULL: the start), which becomes the one it was suspended with; NULL: it finished. */
static void live(struct stage *g, const char *checkpoint, uint32_t parallelism, char **from)
{
    struct weir_stream_graph *graph = compile(g, checkpoint, parallelism);
    struct weir_saved saved = {0};
    struct weir_run *run = NULL;
    struct weir_error error = {0};
    const char *path = NULL;
    graph->batch_rows = (uint32_t[]){1, 7, 1024}[weir_random_below(&g->dice, 3)];
    graph->channel_batches = 1 + (uint32_t)weir_random_below(&g->dice, 3);
    if (*from) CU_ASSERT_EQUAL_FATAL(folders_read(weir_platform_os(), *from, &saved, &error), WEIR_OK);
    weir_sim_init(&g->sim, g->seed++);
    g->sim.platform.print = print;
    g->sim.enough = interfere;
    g->suspending = NULL;
    struct weir_deploy_options o = {.platform = &g->sim.platform,
                                    .registry = g->registry,
                                    .graph = graph,
                                    .restore = *from ? &saved : NULL,
                                    .restored_from = *from};
    weir_status s = weir_run_deploy(&o, &run, &error);
    if (s == WEIR_OK) s = weir_sim_run(&g->sim, run, &error);
    if (s != WEIR_OK) fprintf(stderr, "\nseed %" PRIu64 ": %s\n", g->seed - 1, error.text);
    CU_ASSERT_EQUAL_FATAL(s, WEIR_OK);
    if (graph->checkpoint.directory) CU_ASSERT(weir_run_last_checkpoint(run) > 0); /* the last one, at least */
    weir_run_destroy(run);
    weir_saved_finish(&saved);
    weir_stream_graph_destroy(graph, weir_part_spec_destroy);
    weir_free(*from);
    if (g->suspending) CU_ASSERT(weir_saving_wait(g->suspending, 0));
    if (g->suspending) (void)!weir_saving_result(g->suspending, &path, &error);
    *from = weir_strdup(path);
    weir_saving_release(g->suspending);
}

/* ---- what was printed -------------------------------------------------------------------------------------------- */

/* The lines without their subtask, sorted. */
static char *sorted(struct weir_text *printed)
{
    char *all = weir_text_take(printed), *rest = all;
    struct weir_lines lines = {0};
    for (char *line; all && (line = strsep(&rest, "\n"));) {
        char *prefix = strstr(line, "> ");
        if (*line) weir_lines_add(&lines, prefix ? prefix + 2 : line);
    }
    weir_free(all);
    return weir_lines_take(&lines, false);
}

static void init(struct stage *g)
{
    memset(g, 0, sizeof *g);
    g->registry = weir_test_registry("toys");
}

static void end(struct stage *g)
{
    weir_text_finish(&g->printed);
    weir_registry_destroy(g->registry);
}

static void begin(struct stage *g, uint64_t seed)
{
    weir_test_remove(DIRECTORY);
    g->seed = seed * 1000;
    g->dice = (struct weir_random){seed};
}

/* Sources are cut into splits by the parallelism of the first life. */
static char *uninterrupted(struct stage *g, uint32_t parallelism)
{
    char *none = NULL;
    begin(g, 77);
    g->suspend_at = 0;
    live(g, "", parallelism, &none);
    CU_ASSERT_PTR_NULL(none);
    return sorted(&g->printed);
}

static void expect_same(struct stage *g, const char *expected, uint64_t seed)
{
    char *found = sorted(&g->printed);
    bool same = strcmp(expected, found) == 0;
    if (!same) fprintf(stderr, "\nseed %" PRIu64 ": %zu bytes expected, %zu found\n", seed, strlen(expected), strlen(found));
    CU_ASSERT(same);
    weir_free(found);
}

/* ---- the tests --------------------------------------------------------------------------------------------------- */

static const char *const settings[] = {
    "",
    "checkpoint: {every: 1ms, directory: " DIRECTORY "/chk}\n",
    "checkpoint: {every: 1ms, max_concurrent: 3, keep: 2, directory: " DIRECTORY "/chk}\n",
    "checkpoint: {every: 1ms, max_concurrent: 3, mode: at_least_once, directory: " DIRECTORY "/chk}\n",
};

static void random_chains_print_what_one_life_prints(void)
{
#ifdef WEIR_SANITIZED
    const uint64_t seeds = 15;
#else
    const uint64_t seeds = 120;
#endif
    static const uint32_t parallelisms[] = {1, 2, 3, 4};
    struct stage g;
    char *expected[4];
    uint32_t suspended = 0;
    init(&g);
    for (int i = 0; i < 4; i++) expected[i] = uninterrupted(&g, parallelisms[i]);
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        char *from = NULL;
        begin(&g, seed);
        uint32_t first = (uint32_t)weir_random_below(&g.dice, 4), parallelism = parallelisms[first];
        for (int lives = 0;; lives++) {
            g.suspend_at = lives < 5 ? 1 + weir_random_below(&g.dice, 400) : 0;
            live(&g, settings[weir_random_below(&g.dice, 4)], parallelism, &from);
            if (!from) break;
            suspended++;
            parallelism = parallelisms[weir_random_below(&g.dice, 4)];
        }
        expect_same(&g, expected[first], seed);
    }
    CU_ASSERT(suspended > seeds * 2);
    CU_ASSERT(g.savepoints > suspended + seeds / 2);
    for (int i = 0; i < 4; i++) weir_free(expected[i]);
    end(&g);
}

static void rescaling_1_to_2_to_4_to_3_prints_what_one_life_prints(void)
{
    static const uint32_t parallelisms[] = {1, 2, 4, 3};
    struct stage g;
    init(&g);
    char *expected = uninterrupted(&g, 1);
    for (uint64_t seed = 1; seed <= 10; seed++) {
        char *from = NULL;
        begin(&g, seed);
        for (int i = 0; i < 4; i++) {
            g.suspend_at = i < 3 ? 60 : 0;
            live(&g, settings[1 + seed % 3], parallelisms[i], &from);
            CU_ASSERT_EQUAL(from != NULL, i < 3);
        }
        expect_same(&g, expected, seed);
    }
    weir_free(expected);
    end(&g);
}

WEIR_SUITE(suspended) = {
    {"random chains of suspended lives print what one life prints", random_chains_print_what_one_life_prints},
    {"rescaling 1 to 2 to 4 to 3 prints what one life prints", rescaling_1_to_2_to_4_to_3_prints_what_one_life_prints},
    {NULL, NULL}};
