/* Whole jobs on a disk whose calls fail in turn, each in every way it can (harness/faulty_disk.h), on a seeded scheduler:
 * the checkpoint is abandoned and that is told, the job goes on, older checkpoints can be read, the next one is complete; of
 * exactly-once files nothing is lost and nothing is there twice, even when the power goes right after. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/path.h"
#include "base/text.h"
#include "checkpoint/saved.h"
#include "harness/faulty_disk.h"
#include "harness/folders_job.h"
#include "harness/job_text.h"
#include "harness/suite.h"
#include "job/checkpoints.h"
#include "loader/part.h"
#include "unit/job/committed.h"

#define FOLDER      WEIR_TEST_FOLDER
#define CHECKPOINTS FOLDER "/checkpoints"
#define SAVEPOINTS  FOLDER "/savepoints"

struct stage {
    struct weir_faulty_disk disk; /* first: the platform's self */
    struct weir_registry *registry;
    struct weir_text printed, told;
    int64_t until;      /* checkpoint after which it is enough; 0: to the end */
    int64_t deployed;   /* calls that deploying made */
    uint64_t abandoned; /* checkpoints */
    uint64_t went_on;   /* lives in which a call failed, and that went on nevertheless */
    uint64_t lives;     /* in which a call failed */
    uint64_t faulted;   /* calls */
    uint32_t parallelism;
    bool asks;                 /* for a savepoint, after the first checkpoint of the life */
    int64_t newest;            /* checkpoint when the life began */
    struct weir_saving *asked; /* NULL: not yet */
    uint64_t saved, not_saved; /* savepoints */
};

/* ---- files ------------------------------------------------------------------------------------------------------- */

static void start_over(struct stage *g)
{
    weir_test_remove(FOLDER);
    weir_faulty_disk_forget(&g->disk);
    weir_text_finish(&g->printed);
}

/* What the job has given, sorted: committed lines, or those that it printed, where each may be there more than once. */
static char *given(struct stage *g, bool prints, size_t *hidden)
{
    struct weir_lines printed = {0};
    *hidden = 0;
    if (!prints) return committed_in(FOLDER "/out", hidden);
    weir_lines_add_text(&printed, weir_text_get(&g->printed));
    return weir_lines_take(&printed, true);
}

/* ---- what is told ------------------------------------------------------------------------------------------------ */

static weir_status read_checkpoint(void *to, const char *path, bool is_directory, int64_t size)
{
    struct weir_saved saved = {0};
    struct weir_error error = {0};
    (void)is_directory, (void)size;
    if (strncmp(weir_path_basename(path), "chk-", 4) != 0 || weir_path_has_suffix(path, ".tmp")) return WEIR_OK;
    if (folders_read(weir_platform_os(), path, &saved, &error) != WEIR_OK) fprintf(stderr, "\n%s\n", error.text);
    CU_ASSERT(saved.job != NULL);
    weir_saved_finish(&saved);
    ++*(size_t *)to;
    return WEIR_OK;
}

static size_t checkpoints_there(void)
{
    struct weir_error ignored;
    size_t n = 0;
    (void)weir_platform_os()->list(NULL, CHECKPOINTS, read_checkpoint, &n, &ignored);
    return n;
}

static void hear(void *arg, const char *line)
{
    struct stage *g = arg;
    weir_text_add(&g->told, "%s", line);
    if (!strstr(line, "is abandoned")) return;
    g->abandoned++;
    const char *number = strstr(line, "checkpoint: checkpoint ");
    struct weir_error error;
    int64_t bytes = -1;
    int64_t abandoned = number ? strtoll(number + 23, NULL, 10) : 0;
    char *path = weir_format(CHECKPOINTS "/chk-%" PRId64, abandoned);
    CU_ASSERT_EQUAL(weir_platform_os()->exists(NULL, path, &bytes, &error), WEIR_OK);
    CU_ASSERT(number && bytes < 0); /* nobody will take it for a whole one */
    weir_free(path);
    CU_ASSERT(checkpoints_there() > 0); /* the older ones, as they were */
}

static weir_status print(void *self, int stream, const void *bytes, size_t n, struct weir_error *error)
{
    (void)stream, (void)error;
    weir_text_add_bytes(&((struct stage *)self)->printed, bytes, n);
    return WEIR_OK;
}

/* ---- lives ------------------------------------------------------------------------------------------------------- */

static bool is_saving(struct stage *g, struct weir_run *run)
{
    struct weir_error error;
    if (!g->asks || weir_run_last_checkpoint(run) <= g->newest) return g->asks;
    if (!g->asked && weir_run_savepoint(run, SAVEPOINTS, WEIR_THEN_GO_ON, &g->asked, &error) != WEIR_OK) return false;
    return !weir_saving_wait(g->asked, 0);
}

static bool enough(struct weir_sim *s, struct weir_run *run)
{
    struct stage *g = (struct stage *)(void *)s;
    if (is_saving(g, run)) return false;
    if (g->until == 0 || weir_run_last_checkpoint(run) < g->until) return false;
    g->disk.at = -1; /* what fails from now on is the end of the test's patience, not the job's */
    return true;
}

static void init(struct stage *g)
{
    memset(g, 0, sizeof *g);
    g->registry = weir_test_registry("toys");
    weir_log_redirect(hear, g);
}

static void finish(struct stage *g)
{
    weir_log_redirect(NULL, NULL);
    start_over(g);
    weir_registry_destroy(g->registry);
    weir_text_finish(&g->printed);
    weir_text_finish(&g->told);
}

static struct weir_stream_graph *compile(struct stage *g, const char *yaml)
{
    struct weir_stream_graph *graph = weir_test_graph(g->registry, yaml, g->parallelism);
    graph->batch_rows = 1;
    graph->channel_batches = 1;
    return graph;
}

/* From the newest checkpoint, if there is one, until `checkpoints` more are complete (0: to the end). All calls are the
 * faulty disk's, those that look for the checkpoint too. Then the machine goes off, and what was not synced is gone. */
static weir_status live(struct stage *g, const char *yaml, int64_t checkpoints, struct weir_error *error)
{
    struct weir_platform *p = &g->disk.sim.platform;
    struct weir_stream_graph *graph = compile(g, yaml);
    struct weir_saved saved = {0};
    struct weir_run *run = NULL;
    char *path = NULL;
    int64_t newest = 0;
    bool own;
    p->print = print;
    g->disk.sim.enough = enough;
    g->disk.sim.clock.drift_ns = checkpoints ? 100000 : 20000;
    *error = (struct weir_error){0};
    weir_status s = folders_newest(p, CHECKPOINTS, &path, &newest, &own, error);
    g->newest = newest;
    g->until = checkpoints ? newest + checkpoints : 0;
    if (s == WEIR_OK && path) s = folders_read(p, path, &saved, error);
    struct weir_deploy_options o = {.platform = p,
                                    .registry = g->registry,
                                    .graph = graph,
                                    .restore = saved.job ? &saved : NULL,
                                    .restored_from = path,
                                    .claim = true};
    if (s == WEIR_OK) s = weir_run_deploy(&o, &run, error);
    g->deployed = g->disk.calls;
    if (s == WEIR_OK) s = weir_sim_run(&g->disk.sim, run, error);
    g->disk.off = s != WEIR_OK;
    weir_run_destroy(run);
    if (s != WEIR_OK) weir_faulty_disk_lose_power(&g->disk);
    weir_saved_finish(&saved);
    weir_free(path);
    weir_stream_graph_destroy(graph, weir_part_spec_destroy);
    return s;
}

static weir_status live_well(struct stage *g, const char *yaml, int64_t checkpoints)
{
    struct weir_error error;
    weir_faulty_disk_init(&g->disk, 1);
    weir_status s = live(g, yaml, checkpoints, &error);
    if (s < 0) fprintf(stderr, "\n%s\n", error.text);
    CU_ASSERT_FATAL(s >= 0);
    return s;
}

/* Keys change in turn, so most checkpoints hold only what changed, and are built on the one before. */
static const char incremental[] =
    "job: numbers\n"
    "checkpoint: {every: 1ms, keep: 2, tolerable: 3, incremental: true, full_every: 4, directory: " CHECKPOINTS "}\n"
    "state: {backend: {leveldb: {sync: false}}, directory: " FOLDER "/state}\n"
    "defaults: {max_parallelism: 8}\n"
    "nodes:\n"
    "  - {id: in, source: {sequence: {to: 150}}}\n"
    "  - {id: counts, from: in, key_by: {k: value % 60}, count: n}\n"
    "  - {id: out, from: counts, sink: print}\n";

/* The key is there when the records are dealt, so that those of a key stay in order. */
#define HEAD                                                                            \
    "job: numbers\n"                                                                    \
    "checkpoint: {every: 1ms, keep: 2, tolerable: 3, directory: " CHECKPOINTS "}\n"     \
    "defaults: {max_parallelism: 8}\n"                                                  \
    "nodes:\n"                                                                          \
    "  - {id: in, parallelism: 1, source: {sequence: {to: 150}}}\n"                     \
    "  - {id: keyed, from: in, parallelism: 1, select: {value: value, k: value % 3}}\n" \
    "  - {id: counts, from: keyed, key_by: k, count: n}\n"
static const char rolled[] = HEAD "  - {id: out, from: counts, sink: {file: {path: " FOLDER
                                  "/out/, roll_size: 60B, format: {csv: {header: false}}}}}\n";
static const char one_file[] =
    HEAD "  - {id: out, from: counts, sink: {file: {path: " FOLDER "/out/all.csv, format: {csv: {header: false}}}}}\n";
static const char printed[] = HEAD "  - {id: out, from: counts, sink: print}\n";

/* ---- one call after the other ------------------------------------------------------------------------------------ */

/* Which of its ways a call can fail in; what is no write is never short. */
static bool applies(enum weir_fault fault, const char *call)
{
    if (fault == WEIR_FAULT_NO_SPACE)
        return strcmp(call, "write") == 0 || strcmp(call, "create") == 0 || strcmp(call, "make the directory") == 0;
    if (fault == WEIR_FAULT_SHORT) return strcmp(call, "write") == 0;
    if (fault == WEIR_FAULT_LOST_SYNC) return strcmp(call, "sync") == 0;
    return true;
}

static weir_status read_savepoint(void *to, const char *path, bool is_directory, int64_t size)
{
    struct weir_saved saved = {0};
    struct weir_error error = {0};
    (void)is_directory, (void)size;
    if (weir_path_has_suffix(path, ".tmp")) return WEIR_OK;
    weir_status s = folders_read(weir_platform_os(), path, &saved, &error);
    if (s != WEIR_OK) fprintf(stderr, "\n%s\n", error.text);
    CU_ASSERT_EQUAL(s, WEIR_OK);
    weir_saved_finish(&saved);
    ++*(size_t *)to;
    return WEIR_OK;
}

/* The savepoint that was asked for is there and whole, now that the power was gone; or it was told why there is none, and
 * nothing looks as if there were. */
static void check_savepoint(struct stage *g, const char *why)
{
    size_t whole = 0;
    const char *path;
    struct weir_error error = {0}, ignored;
    if (!g->asked) return;
    CU_ASSERT_FATAL(weir_saving_wait(g->asked, 0));
    weir_status s = weir_saving_result(g->asked, &path, &error);
    (void)weir_platform_os()->list(NULL, SAVEPOINTS, read_savepoint, &whole, &ignored); /* it need not be there */
    CU_ASSERT_EQUAL(whole, s == WEIR_OK);
    CU_ASSERT(s == WEIR_OK || strstr(error.text, why) || strstr(error.text, "ended") ||
              strstr(error.text, "a write or sync has failed before"));
    if (s != WEIR_OK) weir_text_add(&g->told, "%s\n", error.text);
    g->saved += s == WEIR_OK;
    g->not_saved += s != WEIR_OK;
    weir_saving_release(g->asked);
    g->asked = NULL;
}

/* A life that is broken off after a checkpoint, one in which call number `at` fails, and one to the end. What that call
 * was to do; NULL: there were fewer. */
static const char *live_with_a_fault(struct stage *g, const char *yaml, enum weir_fault fault, int64_t at,
                                     const char *expected)
{
    struct weir_error error;
    bool prints = yaml == printed || yaml == incremental;
    size_t hidden;
    start_over(g);
    CU_ASSERT_EQUAL_FATAL(live_well(g, yaml, 1), WEIR_MORE);
    weir_faulty_disk_init(&g->disk, 2);
    weir_faulty_disk_break(&g->disk, fault, at);
    weir_text_finish(&g->told);
    g->asks = g->parallelism > 1;
    weir_status s = live(g, yaml, yaml == incremental ? 4 : 2, &error);
    g->asks = false;
    const char *failed = g->disk.failed;
    bool was_reached = g->disk.calls > at;
    const char *why = fault == WEIR_FAULT_NO_SPACE ? "No space left on device" : "Input/output error";
    g->faulted += g->disk.faulted;
    uint64_t saved = g->saved;
    check_savepoint(g, why);
    if (failed) {
        /* Whether a name of a savepoint is free need not be known: a directory of that name is not written over. */
        bool harmless = strstr(failed, "after reading") || (g->saved > saved && strcmp(failed, "look for") == 0);
        /* Nor need a part that is to be synced be opened, where a checkpoint meanwhile has committed it: it is not there. */
        harmless |= g->saved > saved && yaml == rolled && strcmp(failed, "open") == 0;
        bool told = harmless || strstr(error.text, why) || strstr(weir_text_get(&g->told), why);
        bool must_go_on = prints && at >= g->deployed;
        g->lives++;
        g->went_on += s >= 0;
        if (!told || (must_go_on && s < 0))
            fprintf(stderr, "\nfault %d at call %" PRId64 " (%s): status %d: %s\n%s\n", fault, at, failed, s, error.text,
                    weir_text_get(&g->told));
        CU_ASSERT(told);
        CU_ASSERT(!must_go_on || s >= 0);
    }
    if (s != WEIR_OK) CU_ASSERT_EQUAL_FATAL(live_well(g, yaml, 0), WEIR_OK);
    char *found = given(g, prints, &hidden);
    if (strcmp(found, expected) != 0)
        fprintf(stderr, "\nfault %d at call %" PRId64 ": %zu bytes of %zu\n", fault, at, strlen(found), strlen(expected));
    CU_ASSERT_STRING_EQUAL_FATAL(found, expected);
    CU_ASSERT_EQUAL(hidden, 0);
    weir_free(found);
    return failed ? failed : was_reached ? "" : NULL;
}

/* One call of `stride`. */
static void break_calls(const char *yaml, uint32_t parallelism, size_t stride, const char *name)
{
    struct stage g;
    const char **calls = NULL;
    const char *call;
    size_t n = 0, capacity = 0, hidden, links = 0;
#ifdef __SANITIZE_THREAD__
    weir_skip("a seeded scheduler has one thread, which races with nobody");
    return;
#endif
    init(&g);
    g.parallelism = parallelism;
    start_over(&g);
    CU_ASSERT_EQUAL_FATAL(live_well(&g, yaml, 0), WEIR_OK);
    char *expected = given(&g, yaml == printed || yaml == incremental, &hidden);
    CU_ASSERT(strlen(expected) > 500);
    while ((call = live_with_a_fault(&g, yaml, WEIR_FAULT_EIO, (int64_t)(n * stride), expected))) {
        WEIR_GROW(calls, capacity, n + 1);
        links += strcmp(call, "link") == 0;
        calls[n++] = call;
    }
    for (enum weir_fault fault = WEIR_FAULT_NO_SPACE; fault < WEIR_FAULTS; fault++) {
        for (size_t at = 0; at < n; at++) {
            if (applies(fault, calls[at])) (void)live_with_a_fault(&g, yaml, fault, (int64_t)(at * stride), expected);
        }
    }
    printf("%s: %zu calls, %" PRIu64 " failures; %" PRIu64 " of %" PRIu64 " lives went on, %" PRIu64
           " checkpoints were abandoned, %" PRIu64 " savepoints of %" PRIu64 " ... ",
           name, n, g.faulted, g.went_on, g.lives, g.abandoned, g.not_saved, g.saved + g.not_saved);
    CU_ASSERT(n * stride > 60 && g.abandoned * stride > 50);
    CU_ASSERT(parallelism == 1 || (g.saved * stride > 20 && g.not_saved * stride > 10));
    CU_ASSERT_EQUAL(links, yaml == incremental ? 1 + 2 + 3 : 0);
    weir_free(calls);
    weir_free(expected);
    finish(&g);
}

static void break_every_call(const char *yaml, uint32_t parallelism, const char *name)
{
    break_calls(yaml, parallelism, 1, name);
}

static void state_goes_on_whichever_call_fails(void)
{
    break_every_call(printed, 1, "state");
}
static void changes_go_on_whichever_call_fails(void)
{
    break_every_call(incremental, 1, "changes");
}
static void parts_are_written_once_whichever_call_fails(void)
{
    break_every_call(rolled, 1, "parts");
}
static void state_and_savepoints_in_parallel(void)
{
    break_every_call(printed, 2, "state and savepoints of two");
}
static void parts_of_two_and_savepoints_are_written_once(void)
{
    const char *stride = getenv("WEIR_FAULT_STRIDE"); /* 1: all of them, which takes as long as all the others */
    break_calls(rolled, 2, stride ? (size_t)strtoul(stride, NULL, 10) : 5, "parts and savepoints of two");
}
static void one_file_is_written_once_whichever_call_fails(void)
{
    break_every_call(one_file, 1, "one file");
}

WEIR_SUITE(faulty_disk) = {{"a job goes on whichever call of a checkpoint fails", state_goes_on_whichever_call_fails},
                           {"a job goes on whichever call for what changed fails", changes_go_on_whichever_call_fails},
                           {"parts are written once whichever call fails", parts_are_written_once_whichever_call_fails},
                           {"two subtasks go on, and savepoints are whole or not there", state_and_savepoints_in_parallel},
                           {"parts of two subtasks are written once", parts_of_two_and_savepoints_are_written_once},
                           {"one file is written once whichever call fails", one_file_is_written_once_whichever_call_fails},
                           {NULL, NULL}};
