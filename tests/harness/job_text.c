/* job_text.c - compiles manifests for tests; see the header. */
#include "harness/job_text.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "harness/suite.h"

struct weir_registry *weir_test_registry(const char *more)
{
    char *folder = more ? weir_format("%s/tests/plugins/%s", WEIR_BUILD_DIR, more) : NULL;
    const char *stores = folder && strstr(folder, "stores") ? NULL : WEIR_BUILD_DIR "/tests/plugins/stores";
    const char *const directories[] = {WEIR_BUILD_DIR "/plugins", folder ? folder : stores, folder ? stores : NULL, NULL};
    struct weir_registry_options o = {.platform = weir_platform_os(), .directories = directories};
    struct weir_registry *registry;
    struct weir_error error = {0};
    weir_status s = weir_registry_create(&o, &registry, &error);
    if (s != WEIR_OK) fprintf(stderr, "\n%s\n", error.text);
    CU_ASSERT_EQUAL_FATAL(s, WEIR_OK);
    weir_free(folder);
    return registry;
}

struct weir_stream_graph *weir_test_graph_with(struct weir_registry *registry, const char *yaml, uint32_t parallelism,
                                               const struct weir_assignment *sets, uint32_t n_sets)
{
    struct weir_problems problems = {0};
    struct weir_stream_graph *graph = NULL;
    struct weir_document *d =
        weir_document_parse(weir_platform_os(), yaml, strlen(yaml), "job.yaml", "/", sets, n_sets, NULL, 0, &problems);
    const struct weir_job_settings settings = {.parallelism = parallelism};
    if (!d || weir_job_compile(d, &settings, registry, &graph, &problems) != WEIR_OK) {
        struct weir_text text = {0};
        weir_problems_print(&problems, &text);
        fprintf(stderr, "\n%s", weir_text_get(&text));
        weir_text_finish(&text);
        CU_FAIL_FATAL("the manifest is wrong");
    }
    weir_problems_finish(&problems);
    weir_document_destroy(d);
    return graph;
}

struct weir_stream_graph *weir_test_graph(struct weir_registry *registry, const char *yaml, uint32_t parallelism)
{
    return weir_test_graph_with(registry, yaml, parallelism, NULL, 0);
}
