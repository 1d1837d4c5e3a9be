/* loader/job_state.c - `state:` of a job and of a node: the backend that keyed state lives in, and how much of it stays in
 * memory. What a node leaves out is the job's. */
#include <string.h>

#include "base/alloc.h"
#include "base/path.h"
#include "loader/job_internal.h"

#define DEFAULT_CACHE_BYTES (UINT64_C(64) << 20)
#define LEAST_CACHE_BYTES   4096
#define DEFAULT_DIRECTORY   ".weir/state"

static const char heap[] = "heap"; /* built in: no component */

static bool is_heap(const struct weir_value *value)
{
    return value->kind == WEIR_VALUE_SCALAR && !value->secret && strcmp(value->text, heap) == 0;
}

/* Components are suggested where components are read; the one that is none, here. */
static bool means_heap(struct weir__job *job, const struct weir_value *value)
{
    static const char *const names[] = {heap};
    if (value->kind != WEIR_VALUE_SCALAR || value->secret || weir__peek_component(job, value, WEIR_STATE_BACKEND))
        return false;
    if (!weir_nearest(value->text, names, 1)) return false;
    weir__say(job, value, weir_format("did you mean '%s'?", heap), "there is no state_backend '%s'", value->text);
    return true;
}

static void read_backend(struct weir__job *job, const struct weir_value *value, struct weir_state_config *to)
{
    struct weir__use use;
    to->backend = NULL;
    to->owns_backend = false;
    weir_free(to->name);
    to->name = NULL;
    if (value->broken || is_heap(value) || means_heap(job, value)) return;
    weir__use_component(job, value, WEIR_STATE_BACKEND, NULL, NULL, &use);
    to->backend = use.part;
    to->owns_backend = true;
    if (use.part) to->name = weir_strdup(use.part->info->id);
}

static void read_cache(struct weir__job *job, const struct weir_value *value, size_t *bytes)
{
    size_t read;
    if (!weir__read_size(job, value, "cache", &read)) return;
    if (read < LEAST_CACHE_BYTES)
        weir__say(job, value, NULL, "cache must be at least 4KiB");
    else
        *bytes = read;
}

static void read_directory(struct weir__job *job, const struct weir_value *value, char **directory)
{
    const char *path;
    if (!weir__read_text(job, value, "directory", &path)) return;
    weir_free(*directory);
    *directory = value->from_here ? weir_strdup(path) : weir_path_join(weir_document_base_dir(job->document), path);
}

static struct weir_state_config *copy_config(const struct weir_state_config *base)
{
    struct weir_state_config *config = weir_alloc(sizeof *config);
    *config = *base;
    config->owns_backend = false;
    config->name = weir_strdup(base->name);
    config->directory = weir_strdup(base->directory);
    return config;
}

static struct weir_state_config *add_config(struct weir__job *job, const struct weir_state_config *base)
{
    struct weir_stream_graph *g = job->graph;
    struct weir_state_config *config = copy_config(base);
    g->states = weir_realloc_array(g->states, g->n_states, g->n_states + 1, sizeof *g->states);
    return g->states[g->n_states++] = config;
}

static void read_config(struct weir__job *job, const struct weir_value *value, struct weir_state_config *to)
{
    static const char *const keys[] = {"backend", "cache", "directory", NULL};
    static const char *const later[] = {"ttl", "incremental", NULL};
    if (!value || value->kind == WEIR_VALUE_NULL) return;
    if (value->kind == WEIR_VALUE_SCALAR) {
        weir__say(job, value, weir_format("state: {backend: %s}", value->secret ? "NAME" : value->text),
                  "expected where state lives, as a mapping, found a name");
        return;
    }
    if (!weir__is_mapping(job, value, "where state lives, such as {backend: leveldb, cache: 256MiB}")) return;
    weir__check_keys(job, value, keys, later);
    const struct weir_value *backend = weir_value_get(value, "backend"), *cache = weir_value_get(value, "cache"),
                            *directory = weir_value_get(value, "directory");
    if (backend) read_backend(job, backend, to);
    if (cache) read_cache(job, cache, &to->cache_bytes);
    if (directory) read_directory(job, directory, &to->directory);
}

const struct weir_state_config *weir__read_job_state(struct weir__job *job, const struct weir_value *root)
{
    char *directory = weir_path_join(weir_document_base_dir(job->document), DEFAULT_DIRECTORY);
    struct weir_state_config *config =
        add_config(job, &(struct weir_state_config){.cache_bytes = DEFAULT_CACHE_BYTES, .directory = directory});
    const struct weir_value *defaults = weir_value_get(root, "defaults");
    const struct weir_value *backend = defaults ? weir_value_get(defaults, "state") : NULL;
    weir_free(directory);
    if (backend) read_backend(job, backend, config);
    read_config(job, weir_value_get(root, "state"), config);
    return config;
}

static bool is_name_of(const struct weir_value *value, const struct weir_state_config *config)
{
    return value->kind == WEIR_VALUE_SCALAR && config->name && strcmp(value->text, config->name) == 0;
}

struct weir_state_config *weir_state_config_compile(const struct weir_document *document,
                                                    const struct weir_state_config *base, struct weir_registry *registry,
                                                    struct weir_problems *problems)
{
    static const char *const keys[] = {"backend", "cache", "directory", NULL};
    struct weir__job job = {.document = document, .registry = registry, .problems = problems};
    const struct weir_value *root = weir_document_root(document), *backend = weir_value_get(root, "backend"),
                            *cache = weir_value_get(root, "cache"), *directory = weir_value_get(root, "directory");
    struct weir_state_config *config = copy_config(base);
    weir__check_keys(&job, root, keys, NULL);
    if (backend && !is_name_of(backend, base)) read_backend(&job, backend, config);
    if (cache) read_cache(&job, cache, &config->cache_bytes);
    if (directory) read_directory(&job, directory, &config->directory);
    if (problems->n == 0) return config;
    weir_state_config_destroy(config, weir_part_spec_destroy);
    return NULL;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

static bool holds_state(const struct weir_stream_node *node)
{
    switch (node->kind) {
    case WEIR_NODE_WINDOW:
    case WEIR_NODE_REDUCE:
    case WEIR_NODE_JOIN: return node->n_key_fields > 0;
    case WEIR_NODE_OPERATOR: return node->n_key_fields > 0 && node->part && node->part->info->n_states > 0;
    default: return false;
    }
}

void weir__apply_state(struct weir__job *job, const struct weir_state_config *base, const struct weir__job_node *node)
{
    const struct weir_value *value = weir_value_get(node->value, "state");
    struct weir_state_config *own = value ? add_config(job, base) : NULL;
    const struct weir_state_config *config = own ? own : base;
    bool any = false;
    if (own) read_config(job, value, own);
    for (uint32_t i = 0; i < job->graph->n_nodes; i++) {
        struct weir_stream_node *n = job->graph->nodes[i];
        if (!node->id || strcmp(n->uid, node->id) != 0 || !holds_state(n)) continue;
        any = true;
        if (config->backend) n->state = config;
    }
    if (value && !any && job->problems->n == 0)
        weir__say(job, value, weir_strdup("windows, joins, reductions and components with states keep some, after key_by"),
                  "node '%s' keeps no keyed state", node->id);
}
