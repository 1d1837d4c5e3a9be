/* Whole jobs that write files exactly once, under the seeded scheduler: broken off at random places, and at every call of
 * the checkpoint and sink paths that changes a file. What is committed, sorted, is what an uninterrupted run writes
 * (semantics A9). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/text.h"
#include "checkpoint/saved.h"
#include "harness/folders_job.h"
#include "harness/job_text.h"
#include "harness/sim.h"
#include "harness/suite.h"
#include "job/checkpoints.h"
#include "loader/part.h"
#include "unit/job/committed.h"

#define FOLDER WEIR_TEST_FOLDER
#define OUT    FOLDER "/out/"

struct stage {
    struct weir_sim sim; /* first: the platform's self */
    struct weir_registry *registry;
    uint64_t seed;
    int64_t until;                /* checkpoint after which it is enough; 0: to the end */
    int64_t changes, crash_after; /* calls that change a file; from this one on they fail; < 0: none does */
};

/* ---- a machine that crashes -------------------------------------------------------------------------------------- */

static bool crashed(void *self, struct weir_error *error)
{
    struct stage *g = self;
    if (g->crash_after < 0 || g->changes++ < g->crash_after) return false;
    weir_error_set(error, WEIR_E_IO, "the machine has crashed");
    return true;
}

static weir_status crash_open(void *self, const char *path, enum weir_file_mode mode, struct weir_platform_file **file,
                              struct weir_error *error)
{
    *file = NULL;
    if (mode != WEIR_OPEN_READ && crashed(self, error)) return WEIR_E_IO;
    return weir_platform_os()->open(NULL, path, mode, file, error);
}
static weir_status crash_write(void *self, struct weir_platform_file *f, const void *buf, size_t n, struct weir_error *error)
{
    return crashed(self, error) ? WEIR_E_IO : weir_platform_os()->write(NULL, f, buf, n, error);
}
static weir_status crash_sync(void *self, struct weir_platform_file *f, struct weir_error *error)
{
    (void)f; /* the disk of the test is not what is tested, and it is slow */
    return crashed(self, error) ? WEIR_E_IO : WEIR_OK;
}
static weir_status crash_rename(void *self, const char *from, const char *to, struct weir_error *error)
{
    return crashed(self, error) ? WEIR_E_IO : weir_platform_os()->rename(NULL, from, to, error);
}
static weir_status crash_sync_directory(void *self, const char *path, struct weir_error *error)
{
    (void)path;
    return crashed(self, error) ? WEIR_E_IO : WEIR_OK;
}
static weir_status crash_remove(void *self, const char *path, struct weir_error *error)
{
    return crashed(self, error) ? WEIR_E_IO : weir_platform_os()->remove(NULL, path, error);
}
static weir_status crash_make_directory(void *self, const char *path, struct weir_error *error)
{
    return crashed(self, error) ? WEIR_E_IO : weir_platform_os()->make_directory(NULL, path, error);
}
static weir_status crash_truncate(void *self, const char *path, int64_t bytes, struct weir_error *error)
{
    return crashed(self, error) ? WEIR_E_IO : weir_platform_os()->truncate(NULL, path, bytes, error);
}

static void use_machine(struct stage *g)
{
    struct weir_platform *p = &g->sim.platform;
    p->open = crash_open;
    p->write = crash_write;
    p->sync = crash_sync;
    p->rename = crash_rename;
    p->sync_directory = crash_sync_directory;
    p->remove = crash_remove;
    p->make_directory = crash_make_directory;
    p->truncate = crash_truncate;
}

/* ---- lives ------------------------------------------------------------------------------------------------------- */

static bool enough(struct weir_sim *s, struct weir_run *run)
{
    const struct stage *g = (const struct stage *)(const void *)s;
    return g->until > 0 && weir_run_last_checkpoint(run) >= g->until;
}

static void init(struct stage *g)
{
    memset(g, 0, sizeof *g);
    g->crash_after = -1;
    g->registry = weir_test_registry("toys");
}

/* One life of the job, from the newest checkpoint if there is one: until `checkpoints` more are complete (0: to the end), or
 * until the machine crashes. */
static weir_status live(struct stage *g, const char *yaml, uint32_t parallelism, int64_t checkpoints,
                        struct weir_error *error)
{
    struct weir_stream_graph *graph = weir_test_graph(g->registry, yaml, parallelism);
    struct weir_saved saved = {0};
    struct weir_run *run = NULL;
    char *path;
    int64_t newest;
    bool own;
    graph->batch_rows = g->seed % 3 == 0 ? 1 : g->seed % 3 == 1 ? 7 : 1024;
    graph->channel_batches = 1 + (uint32_t)(g->seed % 3);
    CU_ASSERT_EQUAL_FATAL(folders_newest(weir_platform_os(), FOLDER "/checkpoints", &path, &newest, &own, error), WEIR_OK);
    if (path) CU_ASSERT_EQUAL_FATAL(folders_read(weir_platform_os(), path, &saved, error), WEIR_OK);
    weir_free(path);
    weir_sim_init(&g->sim, g->seed++);
    use_machine(g);
    g->until = checkpoints ? newest + checkpoints : 0;
    g->sim.enough = enough;
    struct weir_deploy_options o = {
        .platform = &g->sim.platform, .registry = g->registry, .graph = graph, .restore = saved.job ? &saved : NULL};
    *error = (struct weir_error){0};
    weir_status s = weir_run_deploy(&o, &run, error);
    if (s == WEIR_OK) s = weir_sim_run(&g->sim, run, error);
    if (s == WEIR_MORE) g->crash_after = 0; /* nothing of what is closed reaches the disk, as when it is killed */
    weir_run_destroy(run);
    g->crash_after = -1;
    weir_saved_finish(&saved);
    weir_stream_graph_destroy(graph, weir_part_spec_destroy);
    return s;
}

static void live_to_the_end(struct stage *g, const char *yaml, uint32_t parallelism)
{
    struct weir_error error;
    weir_status s = live(g, yaml, parallelism, 0, &error);
    if (s < 0) fprintf(stderr, "\nseed %" PRIu64 ": %s\n", g->seed - 1, error.text);
    CU_ASSERT_EQUAL_FATAL(s, WEIR_OK);
}

#define HEAD                                                        \
    "job: numbers\n"                                                \
    "checkpoint: {every: 1ms, directory: " FOLDER "/checkpoints}\n" \
    "defaults: {max_parallelism: 16}\n"                             \
    "nodes:\n"

static const char rolled[] =
    HEAD "  - {id: in, source: {sequence: {to: 300}}}\n"
         "  - {id: counts, from: in, key_by: {k: value % 7}, count: n}\n"
         "  - {id: numbers, from: counts, select: [k, n]}\n" /* which value was the n-th is nobody's promise */
         "  - {id: out, from: numbers, sink: {file: {path: " OUT ", roll_size: 100B, \n"
         "     format: {csv: {header: false}}}}}\n";
static const char buckets[] =
    HEAD "  - {id: in, source: {sequence: {to: 300}}}\n"
         "  - {id: named, from: in, select: {value: value, name: \"if(value % 3 = 0, 'fizz', 'plain')\"}}\n"
         "  - {id: out, from: named, sink: {file: {path: " OUT ", bucket_field: name, roll_on_checkpoint: true, \n"
         "     format: {csv: {header: false}}}}}\n";
static const char one_file[] =
    HEAD "  - {id: in, source: {sequence: {to: 300}}}\n"
         "  - {id: out, from: in, parallelism: 1, sink: {file: {path: " OUT "all.csv, format: {csv: {header: false}}}}}\n";

/* What an uninterrupted run commits. */
static char *uninterrupted(struct stage *g, const char *yaml)
{
    size_t hidden;
    weir_test_remove(FOLDER);
    live_to_the_end(g, yaml, 1);
    char *all = committed_in(FOLDER "/out", &hidden);
    CU_ASSERT_EQUAL(hidden, 0);
    CU_ASSERT(strlen(all) > 1000);
    return all;
}

static void expect(const struct stage *g, const char *expected)
{
    size_t hidden;
    char *found = committed_in(FOLDER "/out", &hidden);
    if (strcmp(found, expected) != 0)
        fprintf(stderr, "\nseed %" PRIu64 ": %zu bytes of %zu\n", g->seed, strlen(found), strlen(expected));
    CU_ASSERT_STRING_EQUAL_FATAL(found, expected);
    CU_ASSERT_EQUAL(hidden, 0);
    weir_free(found);
}

/* ---- the tests --------------------------------------------------------------------------------------------------- */

static void chains(const char *yaml, const uint32_t *parallelisms, size_t n)
{
    struct stage g;
    struct weir_error error;
    init(&g);
    char *expected = uninterrupted(&g, yaml);
    for (uint64_t round = 0; round < 12; round++) {
        weir_test_remove(FOLDER);
        weir_status s = WEIR_MORE;
        for (uint64_t life = 0; s != WEIR_OK && life < 6; life++)
            s = live(&g, yaml, parallelisms[(round + life) % n], (int64_t)(1 + (round + life) % 3), &error);
        if (s != WEIR_OK) live_to_the_end(&g, yaml, parallelisms[round % n]);
        expect(&g, expected);
    }
    weir_free(expected);
    weir_registry_destroy(g.registry);
}

static void jobs_that_are_broken_off_write_everything_once(void)
{
    static const uint32_t one[] = {1}, two[] = {2}, four[] = {4}, any[] = {1, 2, 4, 3};
    chains(rolled, one, 1);
    chains(rolled, two, 1);
    chains(rolled, four, 1);
    chains(rolled, any, 4);
    chains(buckets, any, 4);
    chains(one_file, any, 4);
}

static void say_nothing(void *arg, const char *line)
{
    (void)arg, (void)line;
}

/* One crash at each call that changes a file, in turn; the next life goes on to the end. */
static void a_crash_at_every_call_that_changes_a_file(void)
{
    static const char *const jobs[] = {rolled, buckets, one_file};
    struct stage g;
    struct weir_error error;
    init(&g);
    weir_log_redirect(say_nothing, NULL); /* of checkpoints that are abandoned */
    for (size_t j = 0; j < 3; j++) {
        char *expected = uninterrupted(&g, jobs[j]);
        weir_status s = WEIR_E_IO;
        int64_t point = 0;
        for (; s != WEIR_OK; point += 1 + point / 40) { /* the first ones all, later ones at a distance */
            uint64_t seed = g.seed = (uint64_t)(1000 + point);
            weir_test_remove(FOLDER);
            g.changes = 0;
            g.crash_after = point;
            s = live(&g, jobs[j], 1 + (uint32_t)(seed % 2), 0, &error);
            CU_ASSERT(s == WEIR_OK || s == WEIR_E_IO);
            if (s != WEIR_OK) live_to_the_end(&g, jobs[j], 1 + (uint32_t)(point % 3));
            expect(&g, expected);
            if (point > 2000) break;
        }
        CU_ASSERT(point > 20);
        weir_free(expected);
    }
    weir_log_redirect(NULL, NULL);
    weir_registry_destroy(g.registry);
}

WEIR_SUITE(exactly_once) = {
    {"jobs that are broken off write everything once", jobs_that_are_broken_off_write_everything_once},
    {"and so do those that crash at any call that changes a file", a_crash_at_every_call_that_changes_a_file},
    {NULL, NULL}};
