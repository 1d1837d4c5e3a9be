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
    static const char *const keys[] = {"backend", "cache", "directory", "ttl", NULL};
    static const struct weir__key_help elsewhere[] = {
        {"incremental", "it is said of checkpoints: checkpoint: {incremental: true}"}, {NULL, NULL}};
    if (!value || value->kind == WEIR_VALUE_NULL) return;
    if (value->kind == WEIR_VALUE_SCALAR) {
        weir__say(job, value, weir_format("state: {backend: %s}", value->secret ? "NAME" : value->text),
                  "expected where state lives, as a mapping, found a name");
        return;
    }
    if (!weir__is_mapping(job, value, "where state lives, such as {backend: leveldb, cache: 256MiB}")) return;
    (void)weir__check_keys_or(job, value, keys, NULL, elsewhere);
    const struct weir_value *backend = weir_value_get(value, "backend"), *cache = weir_value_get(value, "cache"),
                            *directory = weir_value_get(value, "directory");
    if (backend) read_backend(job, backend, to);
    if (cache) read_cache(job, cache, &to->cache_bytes);
    if (directory) read_directory(job, directory, &to->directory);
}

/* ---- how long states live ---------------------------------------------------------------------------------------- */

static void read_life(struct weir__job *job, const struct weir_value *value, const char *what, int64_t *ms)
{
    int64_t read;
    if (!weir__read_duration(job, value, what, &read)) return;
    if (read == 0)
        weir__say(job, value, weir_strdup("write 'never' for a state that does not expire"), "%s must be above 0", what);
    else
        *ms = read;
}

static void read_rule(struct weir__job *job, const struct weir_value *value, struct weir_state_ttl *rule)
{
    static const char *const keys[] = {"after", "update", "expired", "cleanup", NULL};
    static const char *const updates[] = {"write", "read", NULL}, *const sights[] = {"hidden", "shown", NULL};
    if (value->kind == WEIR_VALUE_SCALAR && !value->secret && strcmp(value->text, "never") == 0) {
        rule->ms = 0;
        return;
    }
    if (value->kind == WEIR_VALUE_SCALAR) {
        read_life(job, value, "ttl", &rule->ms);
        return;
    }
    if (!weir__is_mapping(job, value, "a duration such as 1h, never, or a mapping such as {after: 1h, update: read}"))
        return;
    weir__check_keys(job, value, keys, NULL);
    const struct weir_value *after = weir_value_get(value, "after"), *update = weir_value_get(value, "update"),
                            *expired = weir_value_get(value, "expired"), *cleanup = weir_value_get(value, "cleanup");
    int chosen;
    if (after) read_life(job, after, "after", &rule->ms);
    if (update && (chosen = weir__read_choice(job, update, "update", updates)) >= 0)
        rule->flags = (rule->flags & ~WEIR_TTL_ON_READ) | (chosen == 1 ? WEIR_TTL_ON_READ : 0);
    if (expired && (chosen = weir__read_choice(job, expired, "expired", sights)) >= 0)
        rule->flags = (rule->flags & ~WEIR_TTL_SHOWN) | (chosen == 1 ? WEIR_TTL_SHOWN : 0);
    if (cleanup) (void)weir__read_count(job, cleanup, "cleanup", 0, 1000000, &rule->sweep);
    if (rule->ms == 0 && !after)
        weir__say(job, value, weir_strdup("after: 1h"),
                  "the component does not say how long this state lives, so 'after' must");
}

static struct weir_state_ttl *rules_of(const struct weir_component_info *info)
{
    struct weir_state_ttl *rules = weir_alloc_array(info->n_states, sizeof *rules);
    for (uint32_t i = 0; i < info->n_states; i++) {
        const struct weir_state_layout *l = &info->states[i];
        rules[i] = (struct weir_state_ttl){.ms = l->ttl_ms, .flags = l->ttl_flags, .sweep = l->ttl_sweep};
    }
    return rules;
}

static void read_state_ttl(struct weir__job *job, const struct weir_value *key, const struct weir_value *value,
                           const struct weir_component_info *info, struct weir_state_ttl *rules)
{
    const char *names[64];
    size_t n = 0;
    for (uint32_t i = 0; i < info->n_states; i++) {
        const struct weir_state_layout *l = &info->states[i];
        bool fits = weir_state_is_keyed(l->kind);
        if (fits && n < WEIR_LEN(names)) names[n++] = l->name;
        if (strcmp(l->name, key->text) != 0) continue;
        if (fits)
            read_rule(job, value, &rules[i]);
        else
            weir__say(job, key, NULL, "state '%s' is a %s state; only states of a key expire", l->name,
                      weir_state_kind_name(l->kind));
        return;
    }
    weir__say(job, key, weir__near(key->text, names, n, NULL), "component '%s' has no state '%s' that could expire",
              info->id, key->text);
}

static void read_ttl(struct weir__job *job, const struct weir_value *value, struct weir_stream_node *node)
{
    if (!weir__is_mapping(job, value, "durations by the names of states, such as {counts: 1h}")) return;
    const struct weir_component_info *info = node->part->info;
    weir_free(node->ttl);
    node->ttl = rules_of(info);
    for (size_t i = 0; i < value->n; i++) read_state_ttl(job, value->pairs[i].key, value->pairs[i].value, info, node->ttl);
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
    const struct weir_value *state = weir_value_get(root, "state"), *ttl = state ? weir_value_get(state, "ttl") : NULL;
    if (ttl)
        weir__say(job, ttl, weir_strdup("write it into the node's own `state:`"),
                  "states are those of a node's component: a job as a whole has none that could expire");
    read_config(job, state, config);
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
    const struct weir_value *ttl = value ? weir_value_get(value, "ttl") : NULL;
    bool any = false, expires = false;
    if (own) read_config(job, value, own);
    for (uint32_t i = 0; i < job->graph->n_nodes; i++) {
        struct weir_stream_node *n = job->graph->nodes[i];
        if (!node->id || strcmp(n->uid, node->id) != 0 || !holds_state(n)) continue;
        any = true;
        if (config->backend) n->state = config;
        if (!ttl || n->kind != WEIR_NODE_OPERATOR || ttl->broken) continue;
        expires = true;
        read_ttl(job, ttl, n);
    }
    if (ttl && any && !expires && job->problems->n == 0)
        weir__say(job, ttl, weir_strdup("windows clear their state themselves; join: and reduce: have none that expires"),
                  "node '%s' has no component with states that could expire", node->id);
    if (value && !any && job->problems->n == 0)
        weir__say(job, value, weir_strdup("windows, joins, reductions and components with states keep some, after key_by"),
                  "node '%s' keeps no keyed state", node->id);
}
