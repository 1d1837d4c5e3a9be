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

static weir_status write_parts(struct weir_saved_writing *w, struct weir_saved *saved, struct weir_error *error)
{
    weir_status s = WEIR_OK;
    for (size_t i = 0; i < saved->n; i++)
        weir_saved_declare(w, saved->operators[i].id, saved->operators[i].parallelism, saved->operators[i].max_parallelism);
    for (size_t i = 0; s == WEIR_OK && i < saved->n; i++) {
        struct weir_saved_operator *op = &saved->operators[i];
        for (uint32_t k = 0; s == WEIR_OK && k < op->parallelism; k++) {
            s = weir_saved_begin_part(w, op->id, k, &op->parts[k], error);
            if (s == WEIR_OK) s = WEIR_MORE;
            for (uint64_t room = 1000; s == WEIR_MORE; room = 1000) s = weir_saved_write_on(w, &room, error);
        }
    }
    return s;
}

weir_status folders_write_to(struct weir_storage *storage, const char *name, struct weir_saved *saved, bool *lost_base,
                             uint64_t *checksum, struct weir_error *error)
{
    const struct weir_saved_about about = {saved->kind, saved->checkpoint, saved->taken_ms, saved->job};
    struct weir_saved_writing *w;
    if (lost_base) *lost_base = false;
    weir_status s = weir_saved_begin(storage, name, &w, error);
    if (s != WEIR_OK) return s;
    s = write_parts(w, saved, error);
    if (lost_base) *lost_base = weir_saved_lost_base(w);
    if (s == WEIR_OK) return weir_saved_publish(w, &about, checksum, error);
    weir_saved_abandon(w);
    return s;
}

weir_status folders_write(const struct weir_platform *platform, const char *path, struct weir_saved *saved, bool *lost_base,
                          struct weir_error *error)
{
    uint64_t checksum;
    IN_ITS_FOLDER(folders_write_to(storage, name, saved, lost_base, &checksum, error));
}

/* All of it into memory. */
static weir_status load(struct weir_snapshot *part, struct weir_error *error)
{
    weir_status s = WEIR_OK;
    for (size_t i = 0; s == WEIR_OK && part->source && i < part->n_groups; i++) {
        struct weir_snapshot_group *g = &part->groups[i];
        uint64_t before = part->keyed.n;
        s = part->source->read(part->source, part, i, &part->keyed, error);
        g->offset = before;
        if (s == WEIR_OK && part->keyed.n != before + g->length)
            s = weir_error_set(error, WEIR_E_DATA, "key group %u was of another length when it was read again", g->group);
    }
    if (part->source) part->source->close(part->source);
    part->source = NULL;
    return s;
}

static weir_status read_all(struct weir_storage *storage, const char *name, struct weir_saved *saved,
                            struct weir_error *error)
{
    weir_status s = weir_saved_read(storage, name, saved, error);
    for (size_t i = 0; i < saved->n; i++) {
        for (uint32_t k = 0; s == WEIR_OK && k < saved->operators[i].parallelism; k++)
            s = load(&saved->operators[i].parts[k], error);
    }
    if (s != WEIR_OK) weir_saved_finish(saved);
    return s;
}

weir_status folders_read(const struct weir_platform *platform, const char *path, struct weir_saved *saved,
                         struct weir_error *error)
{
    IN_ITS_FOLDER(read_all(storage, name, saved, error));
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
