/* loader/job.c - the top level of a manifest, and the compilation as a whole. See job_internal.h for its pieces.
 *
 * Floor 3, one thread. Invariant: *graph is given out only when `problems` is empty.
 */
#include "loader/job.h"

#include <string.h>

#include "base/alloc.h"
#include "base/path.h"
#include "data/key.h"
#include "loader/job_internal.h"

enum { DEFAULT_AUTO_WATERMARK_MS = 200, MAX_BATCH_ROWS = 1 << 20, MAX_CHANNEL_BATCHES = 1 << 16 };

static const char *const top_keys[] = {"job", "vars", "plugins", "defaults", "nodes", "checkpoint", "state", NULL};
static const char *const later_top_keys[] = {"metrics", "functions", "schemas", NULL};
static const char *const default_keys[] = {"parallelism",     "max_parallelism", "state",    "batch_rows",
                                           "channel_batches", "overflow",        "chaining", "auto_watermark",
                                           "wait_warning",    "restart",         "watchdog", NULL};
static const char *const later_default_keys[] = {"buffer_timeout", NULL};

static bool is_job_name(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");
    return n > 0 && name[n] == '\0' && name[0] != '_' && name[0] != '-';
}

static void read_name(struct weir__job *job, const struct weir_value *root)
{
    const struct weir_value *value = weir_value_get(root, "job");
    const char *name;
    if (!value) {
        weir__say(job, root, weir_strdup("job: NAME"), "the job has no name: the key 'job' is missing");
    } else if (weir__read_text(job, value, "job", &name)) {
        if (is_job_name(name))
            job->graph->job = weir_strdup(name);
        else
            weir__say(job, value, NULL,
                      "'%s' is no name for a job: use a-z, 0-9, '_' and '-', beginning with a letter or digit", name);
    }
}

/* A time that is not negative; off: what 0 does. */
static void read_period(struct weir__job *job, const char *key, const struct weir_value *value, const char *off, int64_t *to)
{
    int64_t ms;
    if (!weir__read_duration(job, value, key, &ms)) return;
    if (ms >= 0)
        *to = ms;
    else
        weir__say(job, value, weir_strdup(off), "%s must not be negative", key);
}

static void read_default(struct weir__job *job, const char *key, const struct weir_value *value)
{
    struct weir_stream_graph *graph = job->graph;
    if (strcmp(key, "parallelism") == 0)
        (void)weir__read_count(job, value, key, 1, WEIR_MAX_PARALLELISM, &job->default_parallelism);
    else if (strcmp(key, "max_parallelism") == 0)
        (void)weir__read_count(job, value, key, 1, WEIR_MAX_PARALLELISM, &job->default_max_parallelism);
    else if (strcmp(key, "batch_rows") == 0)
        (void)weir__read_count(job, value, key, 1, MAX_BATCH_ROWS, &graph->batch_rows);
    else if (strcmp(key, "channel_batches") == 0)
        (void)weir__read_count(job, value, key, 1, MAX_CHANNEL_BATCHES, &graph->channel_batches);
    else if (strcmp(key, "overflow") == 0)
        (void)weir__read_size(job, value, key, &graph->overflow_bytes);
    else if (strcmp(key, "chaining") == 0)
        (void)weir__read_bool(job, value, key, &graph->chaining);
    else if (strcmp(key, "auto_watermark") == 0)
        read_period(job, key, value, "0 switches periodic watermarks off", &job->auto_watermark_ms);
    else if (strcmp(key, "wait_warning") == 0)
        read_period(job, key, value, "0 switches the warning off", &graph->wait_warning_ms);
    else if (strcmp(key, "watchdog") == 0)
        read_period(job, key, value, "0 switches the watchdog off", &graph->watchdog_ms);
}

static void read_defaults(struct weir__job *job, const struct weir_value *defaults)
{
    if (!defaults || defaults->kind == WEIR_VALUE_NULL) return;
    if (!weir__is_mapping(job, defaults, "a mapping of defaults, such as {parallelism: 4}")) return;
    weir__check_keys(job, defaults, default_keys, later_default_keys);
    for (size_t i = 0; i < defaults->n; i++) read_default(job, defaults->pairs[i].key->text, defaults->pairs[i].value);
}

/* A path is relative to the manifest's folder; what has no '/' is a name that is searched for. */
static void read_plugin(struct weir__job *job, const struct weir_value *value)
{
    if (value->kind != WEIR_VALUE_SCALAR || value->broken) {
        weir__say(job, value, weir_strdup("plugins: [./plugins/mine.so]"),
                  "expected the path of a plugin file or of a directory of them");
        return;
    }
    const char *name = value->text; /* may hold ${env:HOME} */
    char *path = weir_strdup(name);
    if (strchr(name, '/') && !value->from_here) {
        weir_free(path);
        path = weir_path_join(weir_document_base_dir(job->document), name);
    }
    if (strchr(name, '/') && !strchr(path, '/')) {
        char *with_slash = weir_format("./%s", path);
        weir_free(path);
        path = with_slash;
    }
    const struct weir_plugin_info *info;
    struct weir_error error;
    if (weir_registry_add(job->registry, path, &info, &error) != WEIR_OK) {
        size_t before = job->problems->n;
        weir__say(job, value, NULL, "%s", error.text);
        job->plugin_problems += job->problems->n - before;
        job->lacks_plugins = true;
    }
    weir_free(path);
}

static void read_plugins(struct weir__job *job, const struct weir_value *plugins)
{
    if (!plugins || plugins->kind == WEIR_VALUE_NULL) return;
    if (plugins->kind == WEIR_VALUE_SCALAR) {
        read_plugin(job, plugins);
        return;
    }
    if (plugins->kind != WEIR_VALUE_SEQUENCE) {
        weir__say(job, plugins, weir_strdup("plugins: [./plugins/mine.so]"),
                  "expected a list of plugin files or directories, found a mapping");
        return;
    }
    for (size_t i = 0; i < plugins->n; i++) read_plugin(job, plugins->items[i]);
}

/* ---- checkpoint ----------------------------------------------------------------------------------------------------- */

static void read_directory(struct weir__job *job, const struct weir_value *value, const char *key, char **directory)
{
    const char *path;
    if (!weir__read_text(job, value, key, &path)) return;
    *directory = value->from_here ? weir_strdup(path) : weir_path_join(weir_document_base_dir(job->document), path);
}

/* Without a directory of their own they are in the job's home. */
static void house_checkpoints(const struct weir__job *job, struct weir_checkpoint_config *to)
{
    if (!job->settings || !job->settings->home || !job->graph->job) return;
    char *home = weir_path_join(job->settings->home, job->graph->job);
    to->directory = weir_path_join(home, "checkpoints");
    if (!to->savepoints) to->savepoints = weir_path_join(home, "savepoints");
    weir_free(home);
}

/* What becomes of the checkpoints when the job ends without having finished. */
static void read_retain(struct weir__job *job, const struct weir_value *value, struct weir_checkpoint_config *to)
{
    static const char *const keys[] = {"on_cancel", "on_failure", NULL}, *const choices[] = {"keep", "delete", NULL};
    if (!weir__is_mapping(job, value, "what is to stay, such as {on_cancel: keep, on_failure: delete}")) return;
    weir__check_keys(job, value, keys, NULL);
    const struct weir_value *cancel = weir_value_get(value, "on_cancel"), *failure = weir_value_get(value, "on_failure");
    if (cancel) to->delete_on_cancel = weir__read_choice(job, cancel, "on_cancel", choices) == 1;
    if (failure) to->delete_on_failure = weir__read_choice(job, failure, "on_failure", choices) == 1;
}

static void read_incremental(struct weir__job *job, const struct weir_value *checkpoint, struct weir_checkpoint_config *to)
{
    const struct weir_value *on = weir_value_get(checkpoint, "incremental");
    const struct weir_value *full = weir_value_get(checkpoint, "full_every");
    if (on) (void)weir__read_bool(job, on, "incremental", &to->incremental);
    if (full) (void)weir__read_count(job, full, "full_every", 1, 1000, &to->full_every);
    if (full && !on)
        weir__say(job, full, weir_strdup("checkpoint: {incremental: true, full_every: 10}"),
                  "full_every is for incremental checkpoints");
}

static void read_storage(struct weir__job *job, const struct weir_value *value, struct weir_checkpoint_config *to)
{
    struct weir__use use;
    weir__use_component(job, value, WEIR_CHECKPOINT_STORAGE, NULL, NULL, &use);
    to->storage = use.part;
    if (use.part && !(use.part->info->flags & WEIR_STORES_FILES)) to->place = weir_format("%s:/", use.part->info->id);
}

static void read_checkpoint(struct weir__job *job, const struct weir_value *value)
{
    static const char *const keys[] = {"every",      "directory", "savepoints",     "mode",   "keep",      "timeout",
                                       "min_pause",  "tolerable", "max_concurrent", "retain", "guarantee", "incremental",
                                       "full_every", "storage",   "verify",         NULL};
    static const char *const later[] = {"unaligned", NULL};
    static const char *const modes[] = {"exactly_once", "at_least_once", NULL}, *const checks[] = {"sample", "full", NULL};
    struct weir_checkpoint_config *to = &job->graph->checkpoint;
    if (!value || value->kind == WEIR_VALUE_NULL) return;
    if (!weir__is_mapping(job, value, "checkpoints, such as {every: 10s, directory: ./checkpoints}")) return;
    weir__check_keys(job, value, keys, later);
    const struct weir_value *every = weir_value_get(value, "every"), *directory = weir_value_get(value, "directory");
    const struct weir_value *keep = weir_value_get(value, "keep"), *timeout = weir_value_get(value, "timeout");
    const struct weir_value *pause = weir_value_get(value, "min_pause"), *tolerable = weir_value_get(value, "tolerable");
    const struct weir_value *savepoints = weir_value_get(value, "savepoints"), *mode = weir_value_get(value, "mode");
    const struct weir_value *storage = weir_value_get(value, "storage");
    const struct weir_value *most = weir_value_get(value, "max_concurrent"), *retain = weir_value_get(value, "retain");
    const struct weir_value *verify = weir_value_get(value, "verify");
    bool housed = job->settings && job->settings->home;
    if (!every || (!directory && !housed))
        weir__say(job, value, weir_strdup("checkpoint: {every: 10s, directory: ./checkpoints}"), "checkpoints need '%s'",
                  every ? "directory" : "every");
    if (every && weir__read_duration(job, every, "every", &to->every_ms) && to->every_ms <= 0)
        weir__say(job, every, NULL, "every must be more than nothing");
    if (directory) read_directory(job, directory, "directory", &to->directory);
    if (savepoints) read_directory(job, savepoints, "savepoints", &to->savepoints);
    if (!directory) house_checkpoints(job, to);
    if (storage) read_storage(job, storage, to);
    if (mode) to->at_least_once = weir__read_choice(job, mode, "mode", modes) == 1;
    if (verify) to->read_whole = weir__read_choice(job, verify, "verify", checks) == 1;
    if (retain) read_retain(job, retain, to);
    if (keep) (void)weir__read_count(job, keep, "keep", 1, 1000, &to->keep);
    if (timeout && weir__read_duration(job, timeout, "timeout", &to->timeout_ms) && to->timeout_ms <= 0)
        weir__say(job, timeout, NULL, "timeout must be more than nothing");
    if (pause) read_period(job, "min_pause", pause, "0 means no pause", &to->min_pause_ms);
    if (tolerable) (void)weir__read_count(job, tolerable, "tolerable", 0, 1000000, &to->tolerable_failures);
    if (most) (void)weir__read_count(job, most, "max_concurrent", 1, 100, &to->max_concurrent);
    read_incremental(job, value, to);
}

static void build(struct weir__job *job, const struct weir_state_config *state, const struct weir_value *checkpoint)
{
    weir__read_nodes(job);
    for (size_t i = 0; i < job->n_order; i++) weir__build_node(job, &job->nodes[job->order[i]]);
    for (size_t i = 0; i < job->n_nodes; i++) weir__apply_state(job, state, &job->nodes[i]);
    weir__check_guarantees(job, checkpoint);
    weir__free_nodes(job);
}

static void compile(struct weir__job *job)
{
    const struct weir_value *root = weir_document_root(job->document);
    if (root->kind != WEIR_VALUE_MAPPING) {
        char *found = weir__found(root);
        weir__say(job, root, weir_strdup("job: NAME and nodes: [...] are the least"),
                  "expected a job, which is a mapping, found %s", found);
        weir_free(found);
        return;
    }
    weir__check_keys(job, root, top_keys, later_top_keys);
    read_name(job, root);
    read_defaults(job, weir_value_get(root, "defaults"));
    read_plugins(job, weir_value_get(root, "plugins"));
    read_checkpoint(job, weir_value_get(root, "checkpoint"));
    weir__read_restart(job, weir_value_get(weir_value_get(root, "defaults"), "restart")); /* after `checkpoint` */
    build(job, weir__read_job_state(job, root), weir_value_get(root, "checkpoint"));
}

weir_status weir_job_compile(const struct weir_document *document, const struct weir_job_settings *settings,
                             struct weir_registry *registry, struct weir_stream_graph **graph,
                             struct weir_problems *problems)
{
    struct weir__job job = {.document = document,
                            .settings = settings,
                            .registry = registry,
                            .problems = problems,
                            .graph = weir_stream_graph_create(),
                            .auto_watermark_ms = DEFAULT_AUTO_WATERMARK_MS};
    job.graph->base_dir = weir_strdup(weir_document_base_dir(document));
    job.graph->manifest = weir_strdup(weir_document_name(document));
    compile(&job);
    *graph = job.graph;
    if (problems->n == 0) return WEIR_OK;
    weir_stream_graph_destroy(job.graph, weir_part_spec_destroy);
    *graph = NULL;
    return problems->n == job.plugin_problems ? WEIR_E_PLUGIN : WEIR_E_CONFIG;
}
