/* storage_file - checkpoints as folders of files, which is where they are unless a manifest says otherwise.
 *
 * Checkpoint C is the folder DIRECTORY/C. It is written as DIRECTORY/C.tmp, every file of it and then the folder itself are
 * synced, it is renamed, and DIRECTORY is synced: after a crash at any moment there is the whole of it under its name, or
 * nothing but what ends in ".tmp". One that is removed gets such a name first. What has failed is never synced again.
 *
 * A file that several checkpoints have is one file with a name in each folder (link), so every folder is whole by itself and
 * can be moved or copied, and the file system counts the references.
 */
#include <stdio.h>
#include <string.h>
#include <weir/udf.h>

#define HALF ".tmp"

typedef struct storage_file {
    weir_ctx *cx;
    const weir_io *io;
    const char *directory; /* the host's, until close */
} storage_file;

struct weir_stored {
    char *temporary, *final; /* folders */
    weir_file *file;         /* that is being written; NULL: none */
};

/* ---- paths ------------------------------------------------------------------------------------------------------- */

static weir_status no_memory(weir_io_error *error)
{
    error->status = WEIR_E_MEMORY;
    snprintf(error->message, sizeof error->message, "no memory for the names of files");
    return WEIR_E_MEMORY;
}

/* folder/name + suffix; released by the caller; NULL: no memory. */
static char *join(const storage_file *me, const char *folder, const char *name, const char *suffix)
{
    size_t at = strlen(folder), n = at + strlen(name) + strlen(suffix) + 2;
    char *path = me->cx->host->alloc(me->cx, n);
    if (path) snprintf(path, n, "%s%s%s%s", folder, at && folder[at - 1] == '/' ? "" : "/", name, suffix);
    return path;
}

static void release(const storage_file *me, void *p)
{
    me->cx->host->release(me->cx, p);
}

/* DIRECTORY/checkpoint/object. */
static char *path_of(const storage_file *me, const char *checkpoint, const char *object)
{
    char *folder = join(me, me->directory, checkpoint, ""), *path = folder ? join(me, folder, object, "") : NULL;
    release(me, folder);
    return path;
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_half(const char *name)
{
    size_t n = strlen(name);
    return n >= sizeof HALF - 1 && strcmp(name + n - (sizeof HALF - 1), HALF) == 0;
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static weir_status open_storage(void *self, weir_ctx *cx, const char *directory, weir_io_error *error)
{
    (void)error;
    *(storage_file *)self = (storage_file){.cx = cx, .io = weir_io_of(cx), .directory = directory};
    return WEIR_OK;
}

static void close_storage(void *self)
{
    (void)self;
}

/* ---- removing ---------------------------------------------------------------------------------------------------- */

struct names {
    const storage_file *me;
    char **paths;
    size_t n, capacity;
    bool lost; /* no memory for all of them */
};

static weir_status add_name(void *to, const char *path, bool is_directory, int64_t size)
{
    struct names *names = to;
    (void)is_directory, (void)size;
    if (names->n == names->capacity) {
        size_t capacity = names->capacity ? names->capacity * 2 : 64;
        char **paths = names->me->cx->host->resize(names->me->cx, names->paths, capacity * sizeof *paths);
        if (!paths) return names->lost = true, WEIR_E_MEMORY;
        names->paths = paths;
        names->capacity = capacity;
    }
    char *copy = names->me->cx->host->alloc(names->me->cx, strlen(path) + 1);
    if (!copy) return names->lost = true, WEIR_E_MEMORY;
    names->paths[names->n++] = strcpy(copy, path);
    return WEIR_OK;
}

static weir_status remove_folder(const storage_file *me, const char *folder, weir_io_error *error)
{
    struct names names = {.me = me};
    weir_status s = me->io->list(me->cx, folder, add_name, &names, error);
    if (names.lost) s = no_memory(error);
    for (size_t i = 0; i < names.n; i++) {
        if (s == WEIR_OK) s = me->io->remove(me->cx, names.paths[i], error);
        release(me, names.paths[i]);
    }
    release(me, names.paths);
    return s == WEIR_OK ? me->io->remove(me->cx, folder, error) : s;
}

static weir_status remove_if_there(const storage_file *me, const char *folder, weir_io_error *error)
{
    int64_t left;
    weir_status s = me->io->exists(me->cx, folder, &left, error);
    return s == WEIR_OK && left >= 0 ? remove_folder(me, folder, error) : s;
}

/* From its name to a name that is none, at one moment; then its files. */
static weir_status unpublish(const storage_file *me, const char *final, const char *temporary, weir_io_error *error)
{
    weir_status s = remove_if_there(me, temporary, error);
    if (s == WEIR_OK) s = me->io->rename(me->cx, final, temporary, error);
    return s == WEIR_OK ? remove_folder(me, temporary, error) : s;
}

static weir_status remove_checkpoint(void *self, const char *checkpoint, weir_io_error *error)
{
    const storage_file *me = self;
    char *folder = join(me, me->directory, checkpoint, ""), *temporary = join(me, me->directory, checkpoint, HALF);
    weir_status s = folder && temporary ? WEIR_OK : no_memory(error);
    if (s == WEIR_OK) s = is_half(checkpoint) ? remove_folder(me, folder, error) : unpublish(me, folder, temporary, error);
    release(me, temporary);
    release(me, folder);
    return s;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void forget(const storage_file *me, weir_stored *w)
{
    release(me, w->temporary);
    release(me, w->final);
    release(me, w);
}

static weir_status begin(void *self, const char *checkpoint, weir_stored **to, weir_io_error *error)
{
    const storage_file *me = self;
    weir_stored *w = me->cx->host->alloc(me->cx, sizeof *w);
    if (!w) return no_memory(error);
    *w = (weir_stored){.temporary = join(me, me->directory, checkpoint, HALF),
                       .final = join(me, me->directory, checkpoint, "")};
    weir_status s = w->temporary && w->final ? remove_if_there(me, w->temporary, error) : no_memory(error);
    if (s == WEIR_OK) s = me->io->make_directory(me->cx, w->temporary, error);
    if (s == WEIR_OK)
        *to = w;
    else
        forget(me, w);
    return s;
}

static weir_status create(void *self, weir_stored *w, const char *object, weir_io_error *error)
{
    const storage_file *me = self;
    char *path = join(me, w->temporary, object, "");
    weir_status s = path ? me->io->open(me->cx, path, WEIR_FILE_CREATE, &w->file, error) : no_memory(error);
    if (s != WEIR_OK) w->file = NULL;
    release(me, path);
    return s;
}

static weir_status write_bytes(void *self, weir_stored *w, const void *bytes, size_t n, weir_io_error *error)
{
    const storage_file *me = self;
    return me->io->write(me->cx, w->file, bytes, n, error);
}

static weir_status finish(void *self, weir_stored *w, weir_io_error *error)
{
    const storage_file *me = self;
    weir_file *file = w->file;
    weir_status s = me->io->sync(me->cx, file, error);
    if (s != WEIR_OK) return s; /* abandon closes it */
    w->file = NULL;
    return me->io->close(me->cx, file, error);
}

static weir_status link_object(void *self, weir_stored *w, const char *object, const char *from_checkpoint,
                               const char *from_object, weir_io_error *error)
{
    const storage_file *me = self;
    char *from = path_of(me, from_checkpoint, from_object), *to = join(me, w->temporary, object, "");
    weir_status s = from && to ? me->io->link(me->cx, from, to, error) : no_memory(error);
    release(me, to);
    release(me, from);
    return s;
}

static void abandon(void *self, weir_stored *w)
{
    const storage_file *me = self;
    weir_io_error ignored; /* the host sweeps what stays */
    if (w->file) (void)me->io->close(me->cx, w->file, &ignored);
    (void)remove_folder(me, w->temporary, &ignored);
    forget(me, w);
}

static weir_status publish(void *self, weir_stored *w, weir_io_error *error)
{
    const storage_file *me = self;
    weir_status s = me->io->sync_directory(me->cx, w->temporary, error);
    if (s == WEIR_OK) s = me->io->rename(me->cx, w->temporary, w->final, error);
    if (s != WEIR_OK) {
        abandon(self, w);
        return s;
    }
    s = me->io->sync_directory(me->cx, me->directory, error);
    weir_io_error ignored;
    if (s != WEIR_OK) (void)unpublish(me, w->final, w->temporary, &ignored);
    forget(me, w);
    return s;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

struct visit {
    weir_storage_visit *checkpoint;
    weir_storage_object *object;
    void *to;
};

static weir_status visit_folder(void *to, const char *path, bool is_directory, int64_t size)
{
    const struct visit *v = to;
    const char *name = name_of(path);
    (void)size;
    return is_directory ? v->checkpoint(v->to, name, !is_half(name)) : WEIR_OK;
}

static weir_status list(void *self, weir_storage_visit *visit, void *to, weir_io_error *error)
{
    const storage_file *me = self;
    struct visit v = {.checkpoint = visit, .to = to};
    int64_t there;
    weir_status s = me->io->exists(me->cx, me->directory, &there, error);
    return s == WEIR_OK && there >= 0 ? me->io->list(me->cx, me->directory, visit_folder, &v, error) : s;
}

static weir_status visit_file(void *to, const char *path, bool is_directory, int64_t size)
{
    const struct visit *v = to;
    return v->object(v->to, name_of(path), is_directory ? 0 : (uint64_t)size);
}

static weir_status objects(void *self, const char *checkpoint, weir_storage_object *visit, void *to, weir_io_error *error)
{
    const storage_file *me = self;
    struct visit v = {.object = visit, .to = to};
    char *folder = join(me, me->directory, checkpoint, "");
    weir_status s = folder ? me->io->list(me->cx, folder, visit_file, &v, error) : no_memory(error);
    release(me, folder);
    return s;
}

static weir_status read_object(void *self, const char *checkpoint, const char *object, uint64_t offset, void *to, size_t n,
                               size_t *got, weir_io_error *error)
{
    const storage_file *me = self;
    weir_io_error ignored;
    weir_file *file;
    char *path = path_of(me, checkpoint, object);
    weir_status s = path ? me->io->open(me->cx, path, WEIR_FILE_READ, &file, error) : no_memory(error);
    release(me, path);
    if (s != WEIR_OK) return s;
    s = me->io->read(me->cx, file, (int64_t)offset, to, n, got, error);
    (void)me->io->close(me->cx, file, &ignored);
    return s;
}

static const weir_checkpoint_storage vtable = {.struct_size = sizeof vtable,
                                               .open = open_storage,
                                               .close = close_storage,
                                               .begin = begin,
                                               .create = create,
                                               .write = write_bytes,
                                               .finish = finish,
                                               .link = link_object,
                                               .publish = publish,
                                               .abandon = abandon,
                                               .list = list,
                                               .objects = objects,
                                               .read = read_object,
                                               .remove = remove_checkpoint};

WEIR_COMPONENT(storage_file, WEIR_CHECKPOINT_STORAGE, vtable, .id = "file", .flags = WEIR_STORES_FILES,
               .doc = "checkpoints as folders of files, in the job's directory of checkpoints");

WEIR_PLUGIN("weir.storage_file", "1.0.0", &storage_file_component);
