/* Whole jobs whose checkpoints are in a storage of objects with flat keys (tests/plugins/stores/bucket.c): each of its
 * calls goes wrong in turn, by failing, or by saying that all is well. The checkpoint is abandoned and that is told, older
 * ones can be read, the job goes on, the next checkpoint is complete, and in the end the job has given what it gives
 * without. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/path.h"
#include "base/text.h"
#include "harness/job_text.h"
#include "harness/lines.h"
#include "harness/sim.h"
#include "harness/suite.h"
#include "job/checkpoints.h"
#include "job/storages.h"
#include "loader/part.h"

#define FOLDER    WEIR_TEST_FOLDER
#define MOST_CALL 32

struct stage {
    struct weir_sim sim; /* first: the platform's self */
    struct weir_registry *registry;
    struct weir_stream_graph *look; /* the job whose storage does what it should */
    struct weir_text printed, told;
    int64_t until;         /* checkpoint after which it is enough; 0: to the end */
    bool deployed;         /* the life came so far */
    uint64_t abandoned;    /* in this life */
    char call[MOST_CALL];  /* that went wrong in it; "": none */
    int64_t rots, rotting; /* a checkpoint whose first state file is to rot; done for */
};

/* ---- files and output -------------------------------------------------------------------------------------------- */

static void start_over(struct stage *g)
{
    weir_test_remove(FOLDER);
    weir_text_finish(&g->printed);
}

/* The lines that were printed, sorted, each once. */
static char *given(struct stage *g)
{
    struct weir_lines lines = {0};
    weir_lines_add_text(&lines, weir_text_get(&g->printed));
    return weir_lines_take(&lines, true);
}

static weir_status print(void *self, int stream, const void *bytes, size_t n, struct weir_error *error)
{
    (void)stream, (void)error;
    weir_text_add_bytes(&((struct stage *)self)->printed, bytes, n);
    return WEIR_OK;
}

/* ---- what there is ----------------------------------------------------------------------------------------------- */

/* All that are there are whole, one at least; `without` is none of them. */
static void check_older(struct stage *g, int64_t without)
{
    struct weir_storages storages = {.platform = weir_platform_os(), .registry = g->registry, .graph = g->look};
    struct weir_storage *own;
    struct weir_saved_looks looks = {0};
    struct weir_error error = {0};
    size_t whole = 0;
    CU_ASSERT_EQUAL_FATAL(weir_storages_own(&storages, &own, &error), WEIR_OK);
    CU_ASSERT_EQUAL_FATAL(weir_saved_list(own, &looks, &error), WEIR_OK);
    for (size_t i = 0; i < looks.n; i++) {
        struct weir_saved saved = {0};
        if (looks.all[i].state == WEIR_SAVED_HALF || g->rots) continue;
        weir_status s = weir_saved_read(own, weir_path_basename(looks.all[i].path), &saved, &error);
        if (s != WEIR_OK) fprintf(stderr, "\n%s\n", error.text);
        CU_ASSERT_EQUAL(s, WEIR_OK);
        CU_ASSERT_NOT_EQUAL(saved.checkpoint, without);
        whole++;
        weir_saved_finish(&saved);
    }
    CU_ASSERT(whole > 0 || g->rots);
    weir_saved_looks_finish(&looks);
    weir_storages_finish(&storages);
}

static void hear(void *arg, const char *line)
{
    struct stage *g = arg;
    const char *wrong = strstr(line, "goes wrong: "), *number = strstr(line, "checkpoint: checkpoint ");
    weir_text_add(&g->told, "%s", line);
    if (wrong && !*g->call) snprintf(g->call, sizeof g->call, "%.*s", (int)strcspn(wrong + 12, "\n"), wrong + 12);
    if (!number || !strstr(line, "is abandoned")) return;
    g->abandoned++;
    check_older(g, strtoll(number + 23, NULL, 10));
}

/* ---- lives ------------------------------------------------------------------------------------------------------- */

static void rot(int64_t checkpoint)
{
    char *path = weir_format(FOLDER "/checkpoints/chk-%" PRId64 "/counts-0.state", checkpoint);
    FILE *file = fopen(path, "r+b");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    int byte = getc(file);
    rewind(file);
    putc(byte ^ 16, file);
    CU_ASSERT_EQUAL(fclose(file), 0);
    weir_free(path);
}

static bool enough(struct weir_sim *s, struct weir_run *run)
{
    struct stage *g = (struct stage *)(void *)s;
    int64_t last = weir_run_last_checkpoint(run);
    if (g->rots && !g->rotting && last >= g->rots) rot(g->rotting = last);
    return g->until > 0 && last >= g->until;
}

static struct weir_stream_graph *compile(struct stage *g, const char *yaml)
{
    struct weir_stream_graph *graph = weir_test_graph(g->registry, yaml, 1);
    graph->batch_rows = 1;
    graph->channel_batches = 1;
    return graph;
}

/* A job that changes its keys in turn. */
static char *job_with(const char *checkpoint, const char *storage)
{
    bool changes = strstr(checkpoint, "incremental") != NULL;
    return weir_format("job: numbers\n"
                       "checkpoint: {every: 1ms, tolerable: 3, directory: " FOLDER "/checkpoints, %s%s}\n"
                       "state: %s\n"
                       "defaults: {max_parallelism: 4}\n"
                       "nodes:\n"
                       "  - {id: in, source: {sequence: {to: 100}}}\n"
                       "  - {id: counts, from: in, key_by: {k: value %% 80}, count: n}\n"
                       "  - {id: out, from: counts, sink: print}\n",
                       checkpoint, storage,
                       changes ? "{backend: {leveldb: {sync: false}}, directory: " FOLDER "/state}" : "{backend: heap}");
}

static char *job_in_bucket(const char *checkpoint, const char *goes, int64_t at)
{
    char *storage = weir_format(", storage: {bucket: {root: " FOLDER "/bucket, goes: %s, at: %" PRId64 "}}", goes, at);
    char *yaml = job_with(checkpoint, storage);
    weir_free(storage);
    return yaml;
}

static void init(struct stage *g)
{
    *g = (struct stage){0};
    g->registry = weir_test_registry("stores");
    weir_log_redirect(hear, g);
    start_over(g);
}

static void finish(struct stage *g)
{
    weir_log_redirect(NULL, NULL);
    start_over(g);
    weir_stream_graph_destroy(g->look, weir_part_spec_destroy);
    weir_registry_destroy(g->registry);
    weir_text_finish(&g->told);
}

/* From the newest checkpoint, if there is one, until `checkpoints` more are complete (0: to the end). */
static weir_status live(struct stage *g, const char *yaml, int64_t checkpoints, struct weir_error *error)
{
    struct weir_stream_graph *graph = compile(g, yaml);
    struct weir_storages storages = {.platform = weir_platform_os(), .registry = g->registry, .graph = graph};
    struct weir_storage *own;
    struct weir_saved saved = {0};
    struct weir_run *run = NULL;
    char *path = NULL;
    int64_t newest = 0;
    bool is_own;
    weir_sim_init(&g->sim, 3);
    g->sim.platform.print = print;
    g->sim.enough = enough;
    g->sim.clock.drift_ns = checkpoints ? 100000 : 20000;
    g->deployed = false;
    g->abandoned = 0;
    g->call[0] = 0;
    weir_text_finish(&g->told);
    *error = (struct weir_error){0};
    weir_status s = weir_storages_own(&storages, &own, error);
    if (s == WEIR_OK)
        s = weir_checkpoints_newest(weir_platform_os(), own, graph->checkpoint.directory, &path, &newest, &is_own, error);
    if (s == WEIR_OK && path) s = weir_storages_read(&storages, path, &saved, error);
    g->until = checkpoints ? newest + checkpoints : 0;
    struct weir_deploy_options o = {.platform = &g->sim.platform,
                                    .registry = g->registry,
                                    .graph = graph,
                                    .restore = saved.job ? &saved : NULL,
                                    .restored_from = path,
                                    .claim = true};
    if (s == WEIR_OK) s = weir_run_deploy(&o, &run, error);
    weir_saved_finish(&saved);
    weir_storages_finish(&storages);
    g->deployed = s == WEIR_OK;
    if (s == WEIR_OK) s = weir_sim_run(&g->sim, run, error);
    weir_run_destroy(run);
    weir_free(path);
    weir_stream_graph_destroy(graph, weir_part_spec_destroy);
    return s;
}

static weir_status live_well(struct stage *g, const char *yaml, int64_t checkpoints)
{
    struct weir_error error;
    weir_status s = live(g, yaml, checkpoints, &error);
    if (s < 0) fprintf(stderr, "\n%s\n", error.text);
    CU_ASSERT_FATAL(s >= 0);
    return s;
}

/* A life that ends like a crash after a checkpoint, one in which call number `at` goes wrong, and one to the end. False:
 * there were fewer calls. */
static bool live_with(struct stage *g, const char *checkpoint, const char *goes, int64_t at, const char *expected)
{
    char *yaml = job_in_bucket(checkpoint, goes, at), *well = job_in_bucket(checkpoint, "fail", 0);
    struct weir_error error;
    bool silent = strcmp(goes, "fail") != 0;
    start_over(g);
    CU_ASSERT_EQUAL_FATAL(live_well(g, well, 1), WEIR_MORE);
    weir_status s = live(g, yaml, strstr(checkpoint, "incremental") ? 3 : 2, &error);
    bool went_wrong = *g->call;
    const char *told = weir_text_get(&g->told), *why = silent ? "does not read back" : "the store does not answer";
    bool right = !went_wrong || strstr(error.text, why) || strstr(told, why) || strcmp(goes, "short") == 0;
    if (!right || (g->deployed && s < 0))
        fprintf(stderr, "\n%s at call %" PRId64 " (%s): status %d: %s\n%s\n", goes, at, g->call, s, error.text, told);
    CU_ASSERT(right);
    CU_ASSERT(!g->deployed || s >= 0); /* once it runs, a storage does not end it */
    if (went_wrong && silent && strcmp(g->call, "finish") == 0) CU_ASSERT(g->abandoned == 1 && strstr(told, "bucket:/chk-"));
    char call[MOST_CALL];
    snprintf(call, sizeof call, "%s", g->call);
    if (s != WEIR_OK) CU_ASSERT_EQUAL_FATAL(live_well(g, well, 0), WEIR_OK);
    snprintf(g->call, sizeof g->call, "%s", call);
    char *found = given(g);
    CU_ASSERT_STRING_EQUAL(found, expected);
    weir_free(found);
    weir_free(yaml);
    weir_free(well);
    return went_wrong;
}

static void break_every_call(const char *checkpoint, const char *name)
{
    struct stage g;
    char calls[512][MOST_CALL];
    int64_t n = 0, lives = 0;
#ifdef __SANITIZE_THREAD__
    weir_skip("a seeded scheduler has one thread, which races with nobody");
    return;
#endif
    init(&g);
    char *well = job_in_bucket(checkpoint, "fail", 0);
    g.look = compile(&g, well);
    CU_ASSERT_EQUAL_FATAL(live_well(&g, well, 0), WEIR_OK);
    char *expected = given(&g);
    CU_ASSERT(strlen(expected) > 500);
    for (; n < 512 && live_with(&g, checkpoint, "fail", n + 1, expected); n++) memcpy(calls[n], g.call, MOST_CALL);
    CU_ASSERT(n > 30 && n < 512);
    for (int64_t at = 0; at < n; at++) {
        const char *const ways[] = {"cut", "flip", "lose"};
        bool puts = strcmp(calls[at], "finish") == 0, reads = strcmp(calls[at], "read") == 0;
        if (!puts && !reads) continue;
        CU_ASSERT(live_with(&g, checkpoint, puts ? ways[lives % 3] : "short", at + 1, expected));
        lives++;
    }
    printf("%s: %" PRId64 " calls, %" PRId64 " more that lied ... ", name, n, lives);
    weir_free(expected);
    weir_free(well);
    finish(&g);
}

static void state_goes_on(void)
{
    break_every_call("keep: 1", "state");
}
static void changes_go_on_without_links(void)
{
    break_every_call("keep: 2, incremental: true, full_every: 3", "changes");
}

/* A file that several checkpoints share rots: the next one that shares it does not read back, and the one after is whole. */
static void what_shared_a_file_that_rots_is_begun_anew(void)
{
    struct stage g;
    struct weir_error error;
    init(&g);
    char *yaml = job_with("keep: 2, incremental: true, full_every: 100", "");
    g.look = compile(&g, yaml);
    g.rots = 2;
    CU_ASSERT_EQUAL(live(&g, yaml, 6, &error), WEIR_MORE);
    CU_ASSERT_EQUAL(g.abandoned, 1);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(weir_text_get(&g.told), "checkpoint 3 of job 'numbers' is abandoned: it was written, and does not"));
    CU_ASSERT_PTR_NOT_NULL(strstr(weir_text_get(&g.told), "chk-3/counts-0.2.state: bytes 0 to "));
    weir_free(yaml);
    finish(&g);
}

WEIR_SUITE(storages) = {{"a job goes on whichever call of its storage goes wrong", state_goes_on},
                        {"a job goes on whichever call for what changed goes wrong", changes_go_on_without_links},
                        {"what shares a file that rots is begun anew", what_shared_a_file_that_rots_is_begun_anew},
                        {NULL, NULL}};
