/* storages.c - see the header. */
#include "job/storages.h"

#include <string.h>

#include "base/alloc.h"
#include "base/path.h"

#define FILES "file" /* the component for folders, and what a job uses that says nothing else */

struct weir_opened_storage {
    struct weir_part_spec *spec; /* of defaults; NULL: the graph's */
    struct weir_part_instance *instance;
    struct weir_storage *storage;
    char *directory; /* of folders; NULL: the job's own */
};

bool weir_storages_keeps_files(const struct weir_part_spec *spec)
{
    return !spec || (spec->info->flags & WEIR_STORES_FILES);
}

static void close_storage(struct weir_opened_storage *o)
{
    weir_storage_destroy(o->storage);
    if (o->instance) weir_part_instance_finish(o->instance);
    weir_free(o->instance);
    weir_part_spec_destroy(o->spec);
    weir_free(o->directory);
}

void weir_storages_finish(struct weir_storages *s)
{
    for (size_t i = 0; i < s->n; i++) close_storage(&s->opened[i]);
    weir_free(s->opened);
    s->opened = NULL;
    s->n = s->capacity = 0;
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static weir_status open_part(struct weir_storages *s, const struct weir_part_spec *spec, const char *directory,
                             struct weir_opened_storage *o, struct weir_error *error)
{
    const struct weir_component_info *info = spec->info;
    o->instance = weir_alloc(sizeof *o->instance);
    weir_status status = weir_part_instantiate(s->registry, spec, o->instance, error);
    if (status != WEIR_OK) return status;
    const struct weir_storage_options options = {
        .vtable = o->instance->vtable,
        .self = o->instance->self,
        .component = {.plugin = info->plugin->id, .component = info->id, .path = info->plugin->path},
        .platform = s->platform,
        .directory = directory,
        .job = s->graph ? s->graph->job : NULL,
        .base_dir = s->graph ? s->graph->base_dir : NULL,
        .attempt = s->attempt,
        .calls = s->calls,
        .keeps_files = info->flags & WEIR_STORES_FILES};
    return weir_storage_create(&options, &o->storage, error);
}

static weir_status open_storage(struct weir_storages *s, const struct weir_part_spec *spec, const char *directory,
                                struct weir_opened_storage *o, struct weir_error *error)
{
    if (spec) return open_part(s, spec, directory, o, error);
    const struct weir_component_info *info = weir_registry_find(s->registry, WEIR_CHECKPOINT_STORAGE, FILES, error);
    if (!info) return error->status;
    o->spec = weir_part_spec_create(info);
    return open_part(s, o->spec, directory, o, error);
}

static weir_status add(struct weir_storages *s, const struct weir_part_spec *spec, const char *directory, bool own,
                       struct weir_storage **to, struct weir_error *error)
{
    struct weir_opened_storage o = {.directory = own ? NULL : weir_strdup(directory)};
    weir_status status = open_storage(s, spec, directory, &o, error);
    *to = o.storage;
    if (status != WEIR_OK) {
        close_storage(&o);
        return status;
    }
    WEIR_GROW(s->opened, s->capacity, s->n + 1);
    s->opened[s->n++] = o;
    return WEIR_OK;
}

weir_status weir_storages_own(struct weir_storages *s, struct weir_storage **to, struct weir_error *error)
{
    for (size_t i = 0; i < s->n; i++) {
        *to = s->opened[i].storage;
        if (!s->opened[i].directory) return WEIR_OK;
    }
    const struct weir_checkpoint_config *config = &s->graph->checkpoint;
    weir_status status = add(s, config->storage, config->directory, true, to, error);
    return status == WEIR_OK ? status : weir_error_prefix(error, "the storage of checkpoints cannot be opened: ");
}

weir_status weir_storages_in(struct weir_storages *s, const char *directory, struct weir_storage **to,
                             struct weir_error *error)
{
    for (size_t i = 0; i < s->n; i++) {
        *to = s->opened[i].storage;
        if (s->opened[i].directory && strcmp(s->opened[i].directory, directory) == 0) return WEIR_OK;
    }
    return add(s, NULL, directory, false, to, error);
}

static weir_status open_folder(void *arg, const char *directory, struct weir_storage **to, struct weir_error *error)
{
    return weir_storages_in(arg, directory, to, error);
}

static void close_folder(void *arg, struct weir_storage *storage)
{
    struct weir_storages *s = arg;
    for (size_t i = s->n; i-- > 0;) {
        if (s->opened[i].storage != storage) continue;
        close_storage(&s->opened[i]);
        s->opened[i] = s->opened[--s->n];
    }
}

struct weir_saved_opener weir_storages_opener(struct weir_storages *s)
{
    return (struct weir_saved_opener){s->platform, open_folder, close_folder, s};
}

/* ---- addresses --------------------------------------------------------------------------------------------------- */

/* Of folders the job's storage has those in its directory; else those that are called by its name. */
static bool is_own(const struct weir_storages *s, const char *above)
{
    const struct weir_checkpoint_config *config = s->graph ? &s->graph->checkpoint : NULL;
    if (!config || !config->directory) return false;
    bool folders = weir_storages_keeps_files(config->storage);
    char *place = folders ? weir_address_clean(config->directory) : weir_format("%s:", config->storage->info->id);
    bool own = strcmp(above, place) == 0;
    weir_free(place);
    return own;
}

bool weir_storages_is_address(const char *address)
{
    size_t n = strspn(address, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return n > 0 && address[n] == ':' && address[n + 1] == '/';
}

static weir_status refuse(const struct weir_storages *s, const char *address, struct weir_error *error)
{
    int n = (int)strcspn(address, ":");
    const struct weir_checkpoint_config *config = s->graph ? &s->graph->checkpoint : NULL;
    if (!config)
        return weir_error_set(error, WEIR_E_CONFIG,
                              "%s is in the storage '%.*s', and how to open that is for a job to say: --job JOB.yaml, a "
                              "manifest with `checkpoint: {storage: {%.*s: ...}}`",
                              address, n, address, n, address);
    return weir_error_set(error, WEIR_E_CONFIG, "%s is in the storage '%.*s', and the job %s%s", address, n, address,
                          config->directory ? "keeps its checkpoints in " : "takes none",
                          !config->directory ? ""
                          : config->place    ? config->place
                                             : config->directory);
}

weir_status weir_storages_find(struct weir_storages *s, const char *address, struct weir_saved_place *to,
                               struct weir_error *error)
{
    char *clean = weir_address_clean(address), *above = weir_path_dirname(clean);
    *to = (struct weir_saved_place){.name = weir_strdup(weir_path_basename(clean))};
    weir_status status = is_own(s, above)                    ? weir_storages_own(s, &to->storage, error)
                         : weir_storages_is_address(address) ? refuse(s, address, error)
                                                             : weir_storages_in(s, above, &to->storage, error);
    weir_free(above);
    weir_free(clean);
    if (status != WEIR_OK) weir_saved_place_finish(to);
    return status;
}

void weir_saved_place_finish(struct weir_saved_place *p)
{
    weir_free(p->name);
    *p = (struct weir_saved_place){0};
}

weir_status weir_storages_read(struct weir_storages *s, const char *address, struct weir_saved *to, struct weir_error *error)
{
    struct weir_saved_place place;
    weir_status status = weir_storages_find(s, address, &place, error);
    if (status != WEIR_OK) return status;
    status = weir_saved_read(place.storage, place.name, to, error);
    weir_saved_place_finish(&place);
    return status;
}
