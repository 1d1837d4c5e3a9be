/* saved.c - checkpoints and savepoints on disk, for whoever looks at them. Any one thread. */
#include <string.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/process.h"
#include "checkpoint/saved_dump.h"
#include "checkpoint/saved_look.h"
#include "embed/embed_internal.h"
#include "graph/print.h"
#include "job/compare.h"
#include "job/storages.h"

static_assert((int)WEIR_SAVEPOINT_COMPLETE == WEIR_SAVED_COMPLETE && (int)WEIR_SAVEPOINT_HALF == WEIR_SAVED_HALF &&
                  (int)WEIR_SAVEPOINT_DAMAGED == WEIR_SAVED_DAMAGED,
              "the same words inside and outside");
static_assert((int)WEIR_SAVEPOINT_RESTORED == WEIR_COMPARE_RESTORED &&
                  (int)WEIR_SAVEPOINT_MIGRATED == WEIR_COMPARE_MIGRATED && (int)WEIR_SAVEPOINT_EMPTY == WEIR_COMPARE_EMPTY &&
                  (int)WEIR_SAVEPOINT_DROPPED == WEIR_COMPARE_DROPPED && (int)WEIR_SAVEPOINT_REFUSED == WEIR_COMPARE_REFUSED,
              "the same words inside and outside");

static struct weir_storages storages_of(const struct weir_runtime *runtime)
{
    return (struct weir_storages){.platform = runtime->platform,
                                  .registry = runtime->registry,
                                  .graph = runtime->through ? runtime->through->graph : NULL};
}

weir_status weir_savepoint_look_through(struct weir_runtime *runtime, struct weir_job *job, struct weir_error_text *error)
{
    weir_status s = job ? weir_job_check(job, error) : WEIR_OK;
    runtime->through = s == WEIR_OK ? job : NULL;
    return s;
}

/* All of the job's storage, or the one of this address. */
static weir_status list_own(struct weir_storages *storages, const char *address, struct weir_saved_looks *looks,
                            struct weir_error *error)
{
    char *clean = weir_address_clean(address);
    struct weir_saved_place place = {0};
    bool all = clean[strlen(clean) - 1] == ':';
    const char *own = storages->graph ? storages->graph->checkpoint.place : NULL;
    weir_status s = all && own && strncmp(clean, own, strlen(clean)) == 0
                        ? weir_storages_own(storages, &place.storage, error)
                        : weir_storages_find(storages, address, &place, error);
    if (s == WEIR_OK) s = weir_saved_list(place.storage, looks, error);
    for (size_t i = looks->n; !all && i-- > 0;) {
        if (strcmp(weir_path_basename(looks->all[i].path), place.name) != 0) weir_saved_looks_drop(looks, i);
    }
    if (s == WEIR_OK && !all && looks->n == 0) s = weir_error_set(error, WEIR_E_CONFIG, "there is no %s", clean);
    weir_saved_place_finish(&place);
    weir_free(clean);
    return s;
}

static weir_status list_all(struct weir_storages *storages, const char *directory, struct weir_saved_looks *looks,
                            struct weir_error *error)
{
    const struct weir_saved_opener opener = weir_storages_opener(storages);
    if (weir_storages_is_address(directory)) return list_own(storages, directory, looks, error);
    return weir_saved_find_all(&opener, directory, looks, error);
}

weir_status weir_savepoint_list(struct weir_runtime *runtime, const char *directory, weir_savepoint_info_visit *visit,
                                void *arg, struct weir_error_text *error)
{
    struct weir_error e = {0};
    struct weir_saved_looks looks = {0};
    struct weir_storages storages = storages_of(runtime);
    weir_status s = list_all(&storages, directory, &looks, &e);
    for (size_t i = 0; s == WEIR_OK && i < looks.n; i++) {
        const struct weir_saved_look *look = &looks.all[i];
        const struct weir_savepoint_info info = {.struct_size = sizeof info,
                                                 .state = look->state,
                                                 .path = look->path,
                                                 .kind = weir_saved_kind_name(look->kind),
                                                 .job = look->job,
                                                 .number = look->number,
                                                 .taken_ms = look->taken_ms,
                                                 .bytes = look->bytes,
                                                 .n_nodes = (uint32_t)look->n_nodes,
                                                 .newest = look->newest,
                                                 .why = look->why};
        visit(arg, &info);
    }
    weir_saved_looks_finish(&looks);
    weir_storages_finish(&storages);
    return weir__report(s, &e, error);
}

struct file_visit {
    weir_savepoint_file_visit *visit;
    void *arg;
};

static void tell_file(void *arg, const struct weir_saved_check *c)
{
    const struct file_visit *to = arg;
    const struct weir_savepoint_file file = {.struct_size = sizeof file,
                                             .subtask = c->subtask,
                                             .file = c->file,
                                             .node = c->node,
                                             .bytes = c->bytes,
                                             .blocks = c->blocks,
                                             .entries = c->entries,
                                             .n_groups = c->n_groups,
                                             .n_lists = c->n_lists,
                                             .items = c->items,
                                             .foreign = c->foreign,
                                             .damage = c->damage};
    to->visit(to->arg, &file);
}

weir_status weir_savepoint_verify(struct weir_runtime *runtime, const char *directory, weir_savepoint_file_visit *visit,
                                  void *arg, struct weir_error_text *error)
{
    struct weir_error e = {0};
    struct file_visit to = {visit, arg};
    struct weir_storages storages = storages_of(runtime);
    struct weir_saved_place place = {0};
    weir_status s = weir_storages_find(&storages, directory, &place, &e);
    if (s == WEIR_OK) s = weir_saved_verify(place.storage, place.name, tell_file, &to, &e);
    if (s != WEIR_OK) weir__tell_what_is_there(&storages, directory, &e);
    weir_saved_place_finish(&place);
    weir_storages_finish(&storages);
    return weir__report(s, &e, error);
}

weir_status weir_savepoint_dump(struct weir_runtime *runtime, const char *directory,
                                const struct weir_savepoint_dump_options *o, struct weir_error_text *error)
{
    static const struct weir__options_shape shape = {"weir_savepoint_dump_options", sizeof *o, sizeof *o};
    struct weir_savepoint_dump_options own;
    struct weir_error e = {0};
    weir_status s = weir__options_read(&own, &shape, o, &e);
    if (s == WEIR_OK && !own.write)
        s = weir_error_set(&e, WEIR_E_CONFIG, "weir_savepoint_dump_options.write is NULL; a dump goes somewhere");
    struct weir_saved_dump_options inner = {.node = own.node,
                                            .state = own.state,
                                            .csv = own.csv,
                                            .memory = (size_t)own.memory_bytes,
                                            .write = own.write,
                                            .arg = own.arg};
    struct weir_storages storages = storages_of(runtime);
    struct weir_saved_place place = {0};
    if (s == WEIR_OK) s = weir_storages_find(&storages, directory, &place, &e);
    if (s == WEIR_OK) s = weir_saved_dump(place.storage, place.name, &inner, &e);
    if (s != WEIR_OK) weir__tell_what_is_there(&storages, directory, &e);
    weir_saved_place_finish(&place);
    weir_storages_finish(&storages);
    return weir__report(s, &e, error);
}

/* The caller frees *real. */
static weir_status resolve_folder(const struct weir_platform *p, const char *directory, char **real,
                                  struct weir_error *error)
{
    struct weir_file_info info;
    weir_status s = weir_path_resolve(directory, real, error);
    if (s == WEIR_OK) s = p->info(p->self, *real, &info, error);
    if (s == WEIR_OK && !info.is_directory)
        s = weir_error_set(error, WEIR_E_CONFIG, "%s: expected a directory, found a file", *real);
    return s;
}

weir_status weir_savepoint_remove(struct weir_runtime *runtime, const char *directory, bool force,
                                  struct weir_error_text *error)
{
    struct weir_error e = {0};
    struct weir_storages storages = storages_of(runtime);
    struct weir_saved_place place = {0};
    char *real = NULL;
    weir_status s = WEIR_OK;
    if (weir_storages_is_address(directory))
        real = weir_strdup(directory);
    else
        s = resolve_folder(runtime->platform, directory, &real, &e);
    if (s == WEIR_OK) s = weir_storages_find(&storages, real, &place, &e);
    if (s == WEIR_OK) s = weir_saved_discard(place.storage, place.name, force, &e);
    weir_saved_place_finish(&place);
    weir_storages_finish(&storages);
    weir_free(real);
    return weir__report(s, &e, error);
}

weir_status weir_job_newest(struct weir_job *job, char **path, int64_t *number, struct weir_error_text *error)
{
    struct weir_error e = {0};
    char *found = NULL;
    bool own;
    *number = 0;
    if (path) *path = NULL;
    weir_status s = job->graph ? WEIR_OK : weir_job_check(job, error);
    if (s != WEIR_OK || !job->graph->checkpoint.directory) return s;
    struct weir_storages storages = weir__job_storages(job);
    s = weir__job_newest(&storages, &found, number, &own, &e);
    if (s == WEIR_OK && path)
        *path = found;
    else
        weir_free(found);
    weir_storages_finish(&storages);
    return weir__report(s, &e, error);
}

weir_status weir_job_describe_checkpoints(struct weir_job *job, char **to, struct weir_error_text *error)
{
    struct weir_text text = {0};
    *to = NULL;
    weir_status s = weir_job_check(job, error);
    if (s != WEIR_OK) return s;
    weir_print_checkpoints(&text, job->graph);
    *to = weir_text_take(&text);
    weir_text_finish(&text);
    return WEIR_OK;
}

const char *weir_job_checkpoint_place(const struct weir_job *job)
{
    if (!job->graph || !job->graph->checkpoint.directory) return NULL;
    return job->graph->checkpoint.place ? job->graph->checkpoint.place : job->graph->checkpoint.directory;
}

const char *weir_job_checkpoint_directory(const struct weir_job *job)
{
    return job->graph ? job->graph->checkpoint.directory : NULL;
}

const char *weir_job_savepoint_directory(const struct weir_job *job)
{
    return job->graph && job->graph->checkpoint.savepoints ? job->graph->checkpoint.savepoints
                                                           : weir_job_checkpoint_directory(job);
}

struct change_visit {
    weir_savepoint_change_visit *visit;
    void *arg;
};

static void tell_change(void *arg, const struct weir_compared *c)
{
    const struct change_visit *to = arg;
    const struct weir_savepoint_change change = {.struct_size = sizeof change,
                                                 .result = c->result,
                                                 .node = c->node,
                                                 .state = c->state,
                                                 .entries = c->entries,
                                                 .why = c->why};
    to->visit(to->arg, &change);
}

weir_status weir_job_compare_savepoint(struct weir_job *job, const char *directory, bool allow_non_restored,
                                       weir_savepoint_change_visit *visit, void *arg, bool *refused,
                                       struct weir_error_text *error)
{
    struct weir_error e = {0};
    struct change_visit to = {visit, arg};
    *refused = false;
    if (job->started) {
        weir_error_set(&e, WEIR_E_CONFIG, "the job was started; compare a savepoint with one that was not");
        return weir__report(WEIR_E_CONFIG, &e, error);
    }
    weir_status s = weir_job_check(job, error);
    if (s != WEIR_OK) return s;
    struct weir_storages storages = weir__job_storages(job);
    struct weir_saved_place place = {0};
    s = weir_storages_find(&storages, directory, &place, &e);
    const struct weir_compare_options o = {.platform = job->runtime->platform,
                                           .registry = job->runtime->registry,
                                           .graph = job->graph,
                                           .place = place,
                                           .allow_non_restored = allow_non_restored,
                                           .tell = tell_change,
                                           .arg = &to};
    if (s == WEIR_OK) s = weir_restore_compare(&o, refused, &e);
    if (s != WEIR_OK) weir__tell_what_is_there(&storages, directory, &e);
    weir_saved_place_finish(&place);
    weir_storages_finish(&storages);
    return weir__report(s, &e, error);
}
