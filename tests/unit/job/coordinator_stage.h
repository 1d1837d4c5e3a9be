/* A job with checkpoints whose subtasks and coordinator are stepped by hand, on a virtual clock, with a disk that can be
 * full. */
#ifndef COORDINATOR_STAGE_H
#define COORDINATOR_STAGE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "checkpoint/saved.h"
#include "harness/job_text.h"
#include "harness/sim.h"
#include "harness/suite.h"
#include "job/checkpoints.h"
#include "job/run_internal.h"
#include "loader/part.h"

#define DIRECTORY WEIR_TEST_FOLDER
#define MS        1000000

struct bench {
    struct weir_sim sim; /* first: the platform's self */
    struct weir_registry *registry;
    struct weir_stream_graph *graph;
    struct weir_run *run;
    struct weir_saved saved; /* that it goes on from */
    struct weir_text printed;
    struct weir_error error;
    int failing_opens; /* of files, from now on */
    /* A call that hangs: what is done in the middle of opening a file whose name ends like this; NULL: none hangs. */
    const char *hangs;
    void (*meanwhile)(struct bench *);
};

static inline weir_status print(void *self, int stream, const void *bytes, size_t n, struct weir_error *error)
{
    (void)stream, (void)error;
    weir_text_add_bytes(&((struct bench *)self)->printed, bytes, n);
    return WEIR_OK;
}

static inline weir_status open_file(void *self, const char *path, enum weir_file_mode mode, struct weir_platform_file **file,
                                    struct weir_error *error)
{
    struct bench *b = self;
    const struct weir_platform *os = weir_platform_os();
    size_t n = strlen(path), n_hangs = b->hangs ? strlen(b->hangs) : 0;
    if (b->hangs && n >= n_hangs && strcmp(path + n - n_hangs, b->hangs) == 0) {
        b->hangs = NULL;
        b->meanwhile(b);
    }
    if (mode == WEIR_OPEN_READ || b->failing_opens == 0) return os->open(os->self, path, mode, file, error);
    b->failing_opens--;
    return weir_error_set(error, WEIR_E_IO, "%s: the disk is full", path);
}

static inline void run_shell(const char *command)
{
    CU_ASSERT_EQUAL(system(command), 0);
}

static inline void clean(void)
{
    weir_test_remove(DIRECTORY);
}

/* Two sources, so that barriers meet; what the witness passes on, it tells of. */
#define NODES                                                                                                \
    "nodes:\n"                                                                                               \
    "  - {id: in, source: {sequence: {to: 1000000, field: n}}}\n"                                            \
    "  - {id: again, source: {sequence: {to: \"${to}\", field: n}}}\n"                                       \
    "  - {id: both, from: [in, again], slot_group: second, process: {witness: {decline: \"${decline}\"}}}\n" \
    "  - {id: counts, from: both, key_by: {k: n %% 3}, count: c}\n"                                          \
    "  - {id: out, from: counts, sink: discard}\n"                                                           \
    "  - {id: echoes, from: both, key_by: {k: n %% 3}, process: {echo: {after: 100}}}\n"                     \
    "  - {id: heard, from: echoes, sink: discard}\n"

static inline weir_status deploy(struct bench *b, const struct weir_deploy_options *o)
{
    struct weir_deploy_options own = *o;
    own.platform = &b->sim.platform;
    own.registry = b->registry;
    own.graph = b->graph;
    weir_status s = weir_run_deploy(&own, &b->run, &b->error);
    for (uint32_t i = 0; s == WEIR_OK && i < b->run->plan->n_subtasks; i++)
        CU_ASSERT_EQUAL(weir_subtask_open(&b->run->subtasks[i]), WEIR_OK);
    if (s == WEIR_OK) atomic_store(&b->run->state, WEIR_RUN_RUNNING);
    return s;
}

/* Deployed and opened, but not stepped; `checkpoint` is the manifest's. */
static inline void compile(struct bench *b, const char *checkpoint, const char *to, const char *decline)
{
    const struct weir_assignment sets[] = {{"to", to}, {"decline", decline}};
    memset(b, 0, sizeof *b);
    weir_sim_init(&b->sim, 1);
    b->sim.platform.print = print;
    b->sim.platform.open = open_file;
    b->sim.clock.drift_ns = 0;
    b->registry = weir_test_registry("toys");
    char *yaml = weir_format(
        "job: shop\nvars: {to: 1000000, decline: 0}\n%s\ndefaults: {max_parallelism: 8, batch_rows: 4}\n" NODES, checkpoint);
    b->graph = weir_test_graph_with(b->registry, yaml, 1, sets, 2);
    weir_free(yaml);
}

static inline void start(struct bench *b, const char *checkpoint)
{
    compile(b, checkpoint, "1000000", "0");
    weir_status s = deploy(b, &(struct weir_deploy_options){0});
    if (s != WEIR_OK) fprintf(stderr, "\n%s\n", b->error.text);
    CU_ASSERT_EQUAL_FATAL(s, WEIR_OK);
}

static inline void end(struct bench *b)
{
    if (b->run) {
        for (uint32_t i = 0; i < b->run->plan->n_subtasks; i++) weir_subtask_close(&b->run->subtasks[i]);
        if (weir_run_state(b->run) <= WEIR_RUN_RUNNING) weir_run_set_over(b->run);
        weir_run_step_checkpoints(b->run);
    }
    weir_run_destroy(b->run);
    weir_saved_finish(&b->saved);
    weir_stream_graph_destroy(b->graph, weir_part_spec_destroy);
    weir_registry_destroy(b->registry);
    weir_text_finish(&b->printed);
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

static inline struct weir_subtask *subtask_of(struct bench *b, const char *node)
{
    for (uint32_t i = 0; i < b->run->n_ops; i++) {
        if (strcmp(b->graph->nodes[b->run->ops[i].node]->id, node) == 0) return &b->run->subtasks[b->run->ops[i].subtask];
    }
    CU_FAIL_FATAL("no such node");
    return NULL;
}

static inline void step(struct bench *b, const char *node)
{
    struct weir_subtask *t = subtask_of(b, node);
    bool over = t->state == WEIR_SUBTASK_DONE || t->state == WEIR_SUBTASK_FAILED;
    if (!over && weir_subtask_step(t, b->sim.clock.start_ms + b->sim.now_ns / MS) == WEIR_FAILED)
        weir__job_failed(b->run, t);
}

static inline void step_all(struct bench *b, int times)
{
    while (times-- > 0) {
        step(b, "in");
        step(b, "again");
        step(b, "both");
        step(b, "counts");
        step(b, "echoes");
    }
}

/* Until it has nothing more to do at this instant. */
static inline void coordinate(struct bench *b)
{
    for (int i = 0; i < 100 && weir_run_step_checkpoints(b->run) <= b->sim.now_ns; i++) {
    }
}

static inline void wait_ms(struct bench *b, int64_t ms)
{
    b->sim.now_ns += ms * MS;
    coordinate(b);
}

/* What the subtasks were told to inject last. */
static inline int64_t triggered(const struct bench *b)
{
    return b->run->subtasks[0].orders->newest;
}

static inline bool is_there(const char *name)
{
    struct weir_file_info info;
    struct weir_error ignored;
    char *path = weir_format(DIRECTORY "/%s", name);
    const struct weir_platform *p = weir_platform_os();
    bool there = p->info(p->self, path, &info, &ignored) == WEIR_OK;
    weir_free(path);
    return there;
}

#define EXPECT_COMPLETE(b, n) CU_ASSERT_EQUAL(weir_run_last_checkpoint((b)->run), n)
#define EXPECT_THERE(name)    CU_ASSERT(is_there(name))
#define EXPECT_GONE(name)     CU_ASSERT_FALSE(is_there(name))

static inline bool has_failed(const struct bench *b, const char *why)
{
    const struct weir_error *e = weir_run_failure(b->run);
    if (e && !strstr(e->text, why)) fprintf(stderr, "\nexpected: %s\nfound: %s\n", why, e->text);
    return e && strstr(e->text, why);
}

static inline void run_to_the_end(struct bench *b)
{
    for (int i = 0; i < 2000; i++) step_all(b, 1);
}

#endif
