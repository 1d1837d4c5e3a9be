/* A runtime with the build's plugins and the toys, jobs made by calls, and a folder for files. */
#ifndef EMBED_STAGE_H
#define EMBED_STAGE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "embed/weir.h"
#include "harness/suite.h"

#define TOYS WEIR_BUILD_DIR "/tests/plugins/toys"

struct stage {
    struct weir_error_text error;
    struct weir_runtime *runtime;
    struct weir_job *job;
};

static inline void expect_ok(struct stage *g, weir_status s)
{
    if (s != WEIR_OK) fprintf(stderr, "%s\n", g->error.text);
    CU_ASSERT_EQUAL_FATAL(s, WEIR_OK);
}
static inline void stage_init(struct stage *g, const char *config)
{
    static const char *const plugins[] = {TOYS, NULL};
    memset(g, 0, sizeof *g);
    struct weir_runtime_options o = {.struct_size = sizeof o,
                                     .config = config ? config : "/dev/null",
                                     .plugins = plugins,
                                     .builtin = WEIR_BUILD_DIR "/plugins"};
    expect_ok(g, weir_runtime_create(&o, &g->runtime, &g->error));
}
static inline void stage_end(struct stage *g)
{
    weir_job_destroy(g->job);
    weir_runtime_destroy(g->runtime);
}

/* "source.script.script=b1 d1" and so on, NULL-terminated; a list is "from+=a". */
static inline struct weir_node *add_node(struct stage *g, const char *id, const char *const *settings)
{
    struct weir_node *node = weir_job_add_node(g->job, id);
    CU_ASSERT_PTR_NOT_NULL_FATAL(node);
    for (; *settings; settings++) {
        char path[128];
        const char *equals = strchr(*settings, '=');
        bool appends = equals[-1] == '+';
        snprintf(path, sizeof path, "%.*s", (int)(equals - *settings) - appends, *settings);
        weir_status s = appends ? weir_node_append(node, path, equals + 1) : weir_node_set(node, path, equals + 1);
        CU_ASSERT_EQUAL(s, WEIR_OK);
    }
    return node;
}
#define NODE(g, id, ...) add_node((g), (id), (const char *const[]){__VA_ARGS__, NULL})

/* A source of four records in two minutes, a window of one minute, and a sink. */
static inline void window_job(struct stage *g, const char *parallelism)
{
    expect_ok(g, weir_job_create(g->runtime, "windows", NULL, &g->job, &g->error));
    CU_ASSERT_EQUAL(weir_job_set(g->job, "defaults.parallelism", parallelism), WEIR_OK);
    NODE(g, "in", "source.script.script=b1 r1@1000 r2@2000 r1@3000 | r1@61000 d1", "time.field=at", "time.monotonous=true");
    NODE(g, "even", "from=in", "map=negate", "parallelism=1");
    NODE(g, "counts", "from=even", "key_by+=n", "window.tumbling.size=1min", "aggregate.c=count",
         "aggregate.end=window_end");
    NODE(g, "out", "from=counts", "sink=discard");
}

/* A file of its own; the text stays until the test program ends. */
static inline const char *write_file(const char *name, const char *text)
{
    static char path[512];
    mkdir(WEIR_TEST_FOLDER, 0700);
    snprintf(path, sizeof path, WEIR_TEST_FOLDER "/%s", name);
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs(text, f);
    fclose(f);
    return path;
}

#endif
