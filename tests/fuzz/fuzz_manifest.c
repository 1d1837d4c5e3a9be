/* fuzz_manifest.c - any text as a job manifest: read, compiled against the built-in components, planned and printed. Nothing
 * of the machine is read but the plugins' manifests: what the text names by path is not there. */
#include <string.h>

#include "base/alloc.h"
#include "fuzz/fuzz.h"
#include "graph/print.h"
#include "harness/memory_disk.h"
#include "loader/job.h"
#include "loader/part.h"

static struct weir_registry *registry;

static void open_registry(void)
{
    static const char *const directories[] = {WEIR_BUILD_DIR "/plugins", WEIR_BUILD_DIR "/tests/manifests", NULL};
    const struct weir_registry_options o = {.platform = weir_platform_os(), .directories = directories};
    const struct weir_plugin_info *const *plugins;
    struct weir_error error;
    FUZZ_CHECK(weir_registry_create(&o, &registry, &error) == WEIR_OK);
    FUZZ_CHECK(weir_registry_plugins(registry, &plugins) > 10);
}

/* A manifest's `plugins:` makes files known; the next input begins without them. */
static void close_registry(void)
{
    weir_registry_destroy(registry);
    registry = NULL;
}

static void print(const struct weir_stream_graph *graph)
{
    struct weir_text text = {0};
    struct weir_job_graph *job = NULL;
    struct weir_error error;
    weir_print_stream_graph(&text, graph, WEIR_FORMAT_JSON);
    if (weir_job_graph_build(graph, &job, &error) == WEIR_OK) {
        weir_print_job_graph(&text, job, WEIR_FORMAT_TEXT);
        weir_print_job_graph(&text, job, WEIR_FORMAT_DOT);
    }
    weir_job_graph_destroy(job);
    weir_text_finish(&text);
}

static void compile(const struct weir_document *document, struct weir_problems *problems)
{
    struct weir_stream_graph *graph = NULL;
    const struct weir_job_settings settings = {.parallelism = 2, .home = "/home"};
    const struct weir_plugin_info *const *plugins;
    if (!registry) open_registry();
    size_t known = weir_registry_plugins(registry, &plugins);
    weir_status s = weir_job_compile(document, &settings, registry, &graph, problems);
    FUZZ_CHECK((s == WEIR_OK) == (graph != NULL) && (s == WEIR_OK) == (problems->n == 0));
    if (graph) print(graph);
    weir_stream_graph_destroy(graph, weir_part_spec_destroy);
    if (weir_registry_plugins(registry, &plugins) != known) close_registry();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct weir_assignment set = {"in", "/data"}, override = {"defaults.batch_rows", "7"};
    struct memory_disk disk;
    struct weir_problems problems = {0};
    struct weir_text text = {0};
    memory_disk_init(&disk);
    memory_disk_put(&disk, "/job/secret", "s\n", 2);
    bool assigns = size > 0 && data[size - 1] == '\n';
    struct weir_document *document = weir_document_parse(&disk.platform, (const char *)data, size, "job.yaml", "/job", &set,
                                                         assigns, &override, assigns, &problems);
    FUZZ_CHECK(document || problems.n > 0);
    if (document) compile(document, &problems);
    weir_problems_print(&problems, &text);
    weir_problems_print_json(&problems, &text);
    weir_text_finish(&text);
    weir_problems_finish(&problems);
    weir_document_destroy(document);
    memory_disk_finish(&disk);
    return 0;
}
