/* folders.c - see the header. */
#include "harness/folders.h"

#include "base/alloc.h"
#include "base/path.h"

const weir_plugin *weir_plugin_v1(void); /* of plugins/storage_file */

struct opened {
    struct weir_storage *storage; /* first: what is handed out */
    void *self;
    struct opened *next;
};
static struct opened *all;

weir_status folders_open(const struct weir_platform *p, const char *directory, struct weir_storage **to,
                         struct weir_error *error)
{
    const weir_component *c = weir_plugin_v1()->components[0];
    struct opened *o = weir_alloc(sizeof *o);
    o->self = weir_alloc(c->instance_size);
    const struct weir_storage_options options = {.vtable = c->vtable,
                                                 .self = o->self,
                                                 .component = {"weir.storage_file", c->id, ""},
                                                 .platform = p,
                                                 .directory = directory,
                                                 .keeps_files = true};
    weir_status s = weir_storage_create(&options, &o->storage, error);
    *to = o->storage;
    o->next = all;
    all = o;
    return s;
}

void folders_close(struct weir_storage *storage)
{
    struct opened **at = &all;
    while (*at && (*at)->storage != storage) at = &(*at)->next;
    struct opened *o = *at;
    if (!o) return;
    *at = o->next;
    weir_storage_destroy(o->storage);
    weir_free(o->self);
    weir_free(o);
}

/* Runs `call` with `storage` and `name` for the path, into `s`. */
#define IN_ITS_FOLDER(call)                                          \
    char *above_ = weir_path_dirname(path);                          \
    const char *name = weir_path_basename(path);                     \
    struct weir_storage *storage;                                    \
    weir_status s = folders_open(platform, above_, &storage, error); \
    if (s == WEIR_OK) s = call;                                      \
    folders_close(storage);                                          \
    weir_free(above_);                                               \
    return s

weir_status folders_write(const struct weir_platform *platform, const char *path, struct weir_saved *saved,
                          struct weir_error *error)
{
    IN_ITS_FOLDER(weir_saved_write(storage, name, saved, error));
}

weir_status folders_read(const struct weir_platform *platform, const char *path, struct weir_saved *saved,
                         struct weir_error *error)
{
    IN_ITS_FOLDER(weir_saved_read(storage, name, saved, error));
}

weir_status folders_index(const struct weir_platform *platform, const char *path, struct weir_saved_index *index,
                          struct weir_error *error)
{
    IN_ITS_FOLDER(weir_saved_index_read(storage, name, index, error));
}

weir_status folders_dump(const struct weir_platform *platform, const char *path, const struct weir_saved_dump_options *o,
                         struct weir_error *error)
{
    IN_ITS_FOLDER(weir_saved_dump(storage, name, o, error));
}

weir_status folders_verify(const struct weir_platform *platform, const char *path,
                           void (*tell)(void *arg, const struct weir_saved_check *), void *arg, struct weir_error *error)
{
    IN_ITS_FOLDER(weir_saved_verify(storage, name, tell, arg, error));
}

weir_status folders_discard(const struct weir_platform *platform, const char *path, bool force, struct weir_error *error)
{
    IN_ITS_FOLDER(weir_saved_discard(storage, name, force, error));
}

weir_status folders_remove(const struct weir_platform *platform, const char *path, struct weir_error *error)
{
    IN_ITS_FOLDER(weir_storage_remove(storage, name, error));
}

static weir_status open_folder(void *arg, const char *directory, struct weir_storage **to, struct weir_error *error)
{
    return folders_open(arg, directory, to, error);
}

static void close_folder(void *arg, struct weir_storage *storage)
{
    (void)arg;
    folders_close(storage);
}

weir_status folders_find_all(const struct weir_platform *platform, const char *directory, struct weir_saved_looks *to,
                             struct weir_error *error)
{
    const struct weir_saved_opener opener = {platform, open_folder, close_folder, (void *)(uintptr_t)platform};
    return weir_saved_find_all(&opener, directory, to, error);
}
