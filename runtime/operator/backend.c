/* backend.c - see the header. Coordinator's thread, but for sets.
 *
 * The directory of a store is DIRECTORY/JOB/NODE-SUBTASK. It holds nothing that outlives the operator: the backend removes
 * what an earlier store left there when it opens, and its own when it closes.
 */
#include "operator/backend.h"

#include "base/alloc.h"
#include "base/path.h"

static char *directory_of(const struct weir_op_env *env, const struct weir_state_config *config)
{
    char *name = weir_format("%s/%s-%u", env->job, env->node, env->subtask);
    char *directory = weir_path_join(config->directory, name);
    weir_free(name);
    return directory;
}

/* The node's cache is shared out to its subtasks. */
weir_status weir_op_backend_open(struct weir_op_backend *b, const struct weir_op_env *env, struct weir_error *error)
{
    if (weir_op_backend_is_heap(b)) return WEIR_OK;
    weir_status s = weir_part_instantiate(b->registry, b->config->backend, &b->instance, error);
    if (s != WEIR_OK) return s;
    char *directory = directory_of(env, b->config);
    s = env->platform->make_directory(env->platform->self, directory, error);
    if (s != WEIR_OK) {
        weir_free(directory);
        return weir_error_prefix(error, "no directory for state: ");
    }
    b->directory = directory;
    struct weir_state_store_options o = {.backend = b->instance.vtable,
                                         .self = b->instance.self,
                                         .directory = b->directory,
                                         .cache_bytes = b->config->cache_bytes / env->parallelism,
                                         .platform = env->platform};
    return weir_state_store_create(&o, &b->store, error);
}

struct weir_state_set *weir_op_backend_set(struct weir_op_backend *b, const struct weir_state_layout *layouts,
                                           uint32_t n_states, uint32_t first_group, uint32_t last_group)
{
    return b->store ? weir_stored_state_create(b->store, layouts, n_states, first_group, last_group)
                    : weir_heap_state_create(layouts, n_states, first_group, last_group);
}

weir_status weir_op_state_create(const struct weir_op_env *env, const struct weir_state_layout *layouts, uint32_t n_states,
                                 uint32_t first_group, uint32_t last_group, struct weir_state_set **set,
                                 struct weir_error *error)
{
    struct weir_op_backend on_heap = {0}, *b = env->backend ? env->backend : &on_heap;
    *set = NULL;
    weir_status s = b->store ? WEIR_OK : weir_op_backend_open(b, env, error);
    if (s == WEIR_OK) *set = weir_op_backend_set(b, layouts, n_states, first_group, last_group);
    return s;
}

void weir_op_backend_finish(struct weir_op_backend *b, const struct weir_platform *platform)
{
    weir_state_store_destroy(b->store);
    weir_part_instance_finish(&b->instance);
    char *of_job = b->directory ? weir_path_dirname(b->directory) : NULL;
    if (b->directory) { /* they stay where they are not empty */
        (void)!platform->remove(platform->self, b->directory, NULL);
        (void)!platform->remove(platform->self, of_job, NULL);
    }
    weir_free(of_job);
    weir_free(b->directory);
    *b = (struct weir_op_backend){0};
}
