/* Broken manifests: tests/manifests/broken/NN-name.yaml says exactly what is in NN-name.expected. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/path.h"
#include "harness/suite.h"
#include "loader/job.h"
#include "loader/part.h"

#define FOLDER WEIR_SOURCE_DIR "/tests/manifests/broken"

static struct weir_registry *open_registry(void)
{
    static const char *const directories[] = {WEIR_BUILD_DIR "/tests/manifests", NULL};
    struct weir_registry_options options = {.platform = weir_platform_os(), .directories = directories};
    struct weir_registry *registry = NULL;
    struct weir_error error;
    if (weir_registry_create(&options, &registry, &error) != WEIR_OK) fprintf(stderr, "%s\n", error.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(registry);
    return registry;
}

/* What compiling the text says. It must fail. */
static char *problems_of(struct weir_registry *registry, const char *text, size_t n, const char *name, weir_status *status)
{
    struct weir_problems problems = {0};
    struct weir_text out = {0};
    struct weir_stream_graph *graph = NULL;
    struct weir_document *document =
        weir_document_parse(weir_platform_os(), text, n, name, FOLDER, NULL, 0, NULL, 0, &problems);
    *status = document ? weir_job_compile(document, NULL, registry, &graph, &problems) : WEIR_E_CONFIG;
    CU_ASSERT_PTR_NULL(graph);
    weir_stream_graph_destroy(graph, weir_part_spec_destroy);
    weir_document_destroy(document);
    weir_problems_print(&problems, &out);
    weir_problems_finish(&problems);
    return weir_text_take(&out);
}

static char *read_all(const char *path, size_t *n)
{
    char *text = NULL;
    struct weir_error error;
    if (weir_read_file(weir_platform_os(), path, (size_t)1 << 20, &text, n, &error) != WEIR_OK)
        fprintf(stderr, "%s\n", error.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    return text;
}

static void check_manifest(struct weir_registry *registry, const char *path)
{
    size_t n, n_expected;
    char *text = read_all(path, &n);
    char *expected_path = weir_format("%.*s.expected", (int)(strlen(path) - strlen(".yaml")), path);
    char *expected = read_all(expected_path, &n_expected);
    weir_status status;
    char *found = problems_of(registry, text, n, weir_path_basename(path), &status);
    bool same = strcmp(found, expected) == 0;
    if (!same) fprintf(stderr, "\n%s: expected:\n%s-- found:\n%s--\n", path, expected, found);
    CU_ASSERT_TRUE(same);
    CU_ASSERT_EQUAL(status, WEIR_E_CONFIG);
    weir_free(found);
    weir_free(expected);
    weir_free(expected_path);
    weir_free(text);
}

static void every_broken_manifest_is_told_as_expected(void)
{
    setenv("WEIR_TEST_SECRET", "hunter2", 1);
    struct weir_registry *registry = open_registry();
    glob_t found;
    CU_ASSERT_EQUAL_FATAL(glob(FOLDER "/*.yaml", 0, NULL, &found), 0);
    CU_ASSERT(found.gl_pathc >= 60);
    for (size_t i = 0; i < found.gl_pathc; i++) check_manifest(registry, found.gl_pathv[i]);
    globfree(&found);
    weir_registry_destroy(registry);
}

static void a_secret_is_never_in_a_message(void)
{
    setenv("WEIR_TEST_SECRET", "hunter2", 1);
    struct weir_registry *registry = open_registry();
    static const char *const places[] = {
        "job: \"${env:WEIR_TEST_SECRET}!\"\n",
        "job: j\ndefaults: {parallelism: $S, state: $S, batch_rows: $S, overflow: $S, chaining: $S, auto_watermark: "
        "$S}\nplugins: [$S]\nnodes: $S\n",
        "job: j\nstate: $S\nnodes: []\n",
        "job: j\nstate: {backend: $S, cache: $S, directory: $S}\nnodes: [{id: a, source: clicks, state: {backend: {shelf: "
        "{boards: $S}}}}]\n",
        "job: j\nnodes: [{id: $S, source: clicks}, {id: $S, from: $S, sink: $S}, $S]\n",
        "job: j\nnodes: [{id: a, source: {clicks: $S}}, {id: b, source: $S, schema: {a: $S}, time: $S, malformed: $S}]\n",
        "job: j\nnodes: [{id: a, source: clicks, time: {field: $S, out_of_orderness: $S, emit: $S, interval: $S, "
        "idle_after: $S}}]\n",
        "job: j\nnodes: [{id: a, source: clicks, time: {field: $S, generator: $S}}, {id: b, source: clicks, time: "
        "{monotonous: $S}}]\n",
        "job: j\nnodes: [{id: a, source: clicks}, {id: b, from: a, filter: $S, key_by: [$S], window: $S, aggregate: $S, "
        "select: $S, chain: $S, args: $S}]\n",
        "job: j\nnodes: [{id: a, source: clicks}, {id: b, from: {input: a, partition: $S}, map: vat, args: {amount: $S}, "
        "select: {x: $S, y: $S}}]\n",
        "job: j\nnodes: [{id: a, source: clicks}, {id: b, from: a, key_by: user, window: {tumbling: $S, lateness: $S, late: "
        "$S}, aggregate: {n: $S, m: sum($S)}}]\n",
        "job: j\nnodes: [{id: a, source: clicks}, {id: b, from: {l: a, r: a}, key_by: {l: $S, r: user}, join: {interval: "
        "{from: "
        "$S, to: $S}, where: $S, late: $S}, select: {x: $S}}, {id: c, from: {$S: a, r: a}, join: {interval: $S, function: "
        "$S}, "
        "key_by: $S}, {id: d, from: {l: a, r: a}, join: $S}]\n",
        "job: j\nnodes: [{id: a, source: {lines: {path: x, limit: $S, gap: $S, buffer: $S, share: $S, verbose: $S, mode: "
        "$S, format: $S}}}]\n",
        "job: j\nnodes: [{id: a, source: clicks}, {id: b, from: a.$S, sink: print}, {id: c, from: [a, $S], sum: $S, min: "
        "$S}]\n",
    };
    for (size_t i = 0; i < WEIR_LEN(places); i++) {
        struct weir_text manifest = {0};
        for (const char *p = places[i]; *p; p++) {
            bool here = p[0] == '$' && p[1] == 'S';
            bool inside = here && p > places[i] && (p[-1] == '(' || p[-1] == '.');
            if (here)
                weir_text_add(&manifest, inside ? "x" : "\"${env:WEIR_TEST_SECRET}\"");
            else
                weir_text_add_bytes(&manifest, p, 1);
            p += here;
        }
        weir_status status;
        char *found = problems_of(registry, weir_text_get(&manifest), manifest.n, "job.yaml", &status);
        CU_ASSERT_NOT_EQUAL(status, WEIR_OK);
        if (strstr(found, "hunter2")) fprintf(stderr, "\n%s", found);
        CU_ASSERT_PTR_NULL(strstr(found, "hunter2"));
        weir_free(found);
        weir_text_finish(&manifest);
    }
    weir_registry_destroy(registry);
}

static void a_plugin_that_is_not_there_is_a_plugin_problem(void)
{
    static const char manifest[] =
        "job: j\nplugins: [./none.so]\nnodes:\n  - {id: in, source: clicks}\n  - {id: out, from: in, sink: print}\n";
    struct weir_registry *registry = open_registry();
    weir_status status;
    char *found = problems_of(registry, manifest, strlen(manifest), "job.yaml", &status);
    CU_ASSERT_EQUAL(status, WEIR_E_PLUGIN);
    WEIR_ASSERT_CONTAINS(found, "job.yaml:2:11: error: ");
    WEIR_ASSERT_CONTAINS(found, FOLDER "/none.so");
    weir_free(found);
    weir_registry_destroy(registry);
}

/* `plugins:` takes files, directories and names; what cannot be read is said where it stands, each by itself. */
static void what_plugins_name_is_checked_where_it_stands(void)
{
    static const struct {
        const char *plugins, *at, *says;
    } cases[] = {
        {"[./nowhere/]", "job.yaml:2:11: error: ", FOLDER "/nowhere"},
        {"./nowhere", "job.yaml:2:10: error: ", FOLDER "/nowhere"},
        {"[../good.yaml]", "job.yaml:2:11: error: ", "good.yaml"},
        {"[{path: ./x.so}]", "job.yaml:2:11: error: ", "expected the path of a plugin file or of a directory of them"},
        {"[[./x.so]]", "job.yaml:2:11: error: ", "expected the path of a plugin file or of a directory of them"},
        {"{kit: ./x.so}", "job.yaml:2:10: error: ", "expected a list of plugin files or directories, found a mapping"},
        {"[\"\"]", "job.yaml:2:11: error: ", ""},
        {"[nosuchplugin]", "job.yaml:2:11: error: ", "nosuchplugin"},
        {"[./, ./nowhere/, ./none.so]", "job.yaml:2:15: error: ", FOLDER "/nowhere"},
        {"[./, ./nowhere/, ./none.so]", "job.yaml:2:27: error: ", FOLDER "/none.so"},
    };
    for (size_t i = 0; i < WEIR_LEN(cases); i++) {
        struct weir_registry *registry = open_registry();
        char *manifest = weir_format("job: j\nplugins: %s\nnodes:\n  - {id: in, source: clicks}\n  - {id: out, from: in, "
                                     "sink: print}\n",
                                     cases[i].plugins);
        weir_status status;
        char *found = problems_of(registry, manifest, strlen(manifest), "job.yaml", &status);
        CU_ASSERT_NOT_EQUAL(status, WEIR_OK);
        WEIR_ASSERT_CONTAINS(found, cases[i].at);
        WEIR_ASSERT_CONTAINS(found, cases[i].says);
        CU_ASSERT_PTR_NULL(strstr(found, "there is no s")); /* the components of the others are there */
        weir_free(found);
        weir_free(manifest);
        weir_registry_destroy(registry);
    }
}

/* Mangles a good manifest in every way of cutting a run of characters out of it: never a crash, never a leak. */
static void cut_manifests_are_survived(void)
{
    size_t n;
    char *good = read_all(WEIR_SOURCE_DIR "/tests/manifests/good.yaml", &n);
    struct weir_registry *registry = open_registry();
    size_t before = weir_allocated_blocks();
    char *text = weir_alloc(n + 1);
    for (size_t cut = 1; cut < 40; cut += 6) {
        for (size_t at = 0; at + cut < n; at += 5) {
            memcpy(text, good, at);
            memcpy(text + at, good + at + cut, n - at - cut);
            struct weir_problems problems = {0};
            struct weir_stream_graph *graph = NULL;
            struct weir_document *d =
                weir_document_parse(weir_platform_os(), text, n - cut, "m", FOLDER, NULL, 0, NULL, 0, &problems);
            weir_status s = d ? weir_job_compile(d, NULL, registry, &graph, &problems) : WEIR_E_CONFIG;
            CU_ASSERT((s == WEIR_OK) == (problems.n == 0) && (s == WEIR_OK) == (graph != NULL));
            weir_stream_graph_destroy(graph, weir_part_spec_destroy);
            weir_document_destroy(d);
            weir_problems_finish(&problems);
        }
    }
    weir_free(text);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), before);
    weir_registry_destroy(registry);
    weir_free(good);
}

WEIR_SUITE(job_errors) = {{"every broken manifest is told as expected", every_broken_manifest_is_told_as_expected},
                          {"a secret is never in a message", a_secret_is_never_in_a_message},
                          {"a plugin that is not there is a plugin problem", a_plugin_that_is_not_there_is_a_plugin_problem},
                          {"what `plugins:` names is checked where it stands", what_plugins_name_is_checked_where_it_stands},
                          {"cut manifests are survived", cut_manifests_are_survived},
                          {NULL, NULL}};
