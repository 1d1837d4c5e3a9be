/* storage.c - see the header. While the component is called, the thread says so: for the message after a crash
 * (base/running.h), and for whoever watches how long it takes (storage_call.h). */
#include "checkpoint/storage.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/plugin_host.h"
#include "base/plugin_io.h"
#include "checkpoint/storage_call.h"

struct weir_storage {
    const weir_checkpoint_storage *vtable;
    void *self;
    char *directory, *place, *name, *where, *job, *base_dir; /* where: as messages say it */
    bool keeps_files;
    char *checkpoint, *object;        /* that is being written, for messages; NULL: none */
    struct weir_storage_calls *calls; /* NULL: nobody watches */
    struct weir_running_place running;
    struct weir_plugin_io io;
    weir_info info;
    weir_host host;
    weir_ctx cx; /* of the component */
};

/* ---- what the component sees ------------------------------------------------------------------------------------- */

static struct weir_storage *storage_of(weir_ctx *cx)
{
    return (struct weir_storage *)(void *)((char *)cx - offsetof(struct weir_storage, cx));
}

static void host_log(weir_ctx *cx, int level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    weir_plugin_log(storage_of(cx)->where, level, format, args);
    va_end(args);
}

static const weir_info *host_info(weir_ctx *cx)
{
    return &storage_of(cx)->info;
}

static const void *host_extension(weir_ctx *cx, const char *id)
{
    (void)cx;
    return strcmp(id, WEIR_IO) == 0 ? weir_plugin_io_table() : NULL;
}

static void set_up_host(struct weir_storage *s, const struct weir_storage_options *o)
{
    s->io.platform = o->platform;
    s->info = (weir_info){.struct_size = sizeof s->info,
                          .parallelism = 1,
                          .max_parallelism = 1,
                          .attempt = o->attempt,
                          .flags = WEIR_JOB_CHECKPOINTS,
                          .job = s->job,
                          .node = "",
                          .base_dir = s->base_dir};
    s->host = (weir_host){.struct_size = sizeof s->host,
                          .abi_major = WEIR_ABI_MAJOR,
                          .abi_minor = WEIR_ABI_NEWEST,
                          .log = host_log,
                          .info = host_info,
                          .extension = host_extension};
    weir_plugin_host_memory(&s->host);
    s->cx = (weir_ctx){.host = &s->host, .host_data = &s->io};
}

/* ---- calling it -------------------------------------------------------------------------------------------------- */

static void begin_call(struct weir_storage *s, const char *call, const char *checkpoint)
{
    if (s->calls) (void)weir_storage_calls_begin(s->calls, false, s->where, call, checkpoint, NULL);
    weir_running_begin(&s->running);
}

static void end_call(struct weir_storage *s)
{
    weir_running_end();
    if (s->calls) weir_storage_calls_end(s->calls);
}

/* What is not begun once a checkpoint's time is over. */
static weir_status enter(struct weir_storage *s, const char *call, const char *checkpoint, const char *object,
                         struct weir_error *error)
{
    if (s->calls && !weir_storage_calls_begin(s->calls, true, s->where, call, checkpoint, object))
        return weir_storage_calls_say_late(s->calls, error);
    weir_running_begin(&s->running);
    return WEIR_OK;
}

static void rename_to(char **name, const char *to)
{
    weir_free(*name);
    *name = weir_strdup(to);
}

/* What the component returned, as the runtime says it. */
static weir_status leave(struct weir_storage *s, weir_status status, const char *call, const weir_io_error *e,
                         struct weir_error *error)
{
    end_call(s);
    if (status == WEIR_OK) return WEIR_OK;
    if (status > 0)
        return weir_error_set(error, WEIR_E_PLUGIN, "%s: %s returned %d, which means nothing there", s->where, call,
                              (int)status);
    const char *why = e->message[0] ? e->message : "it does not say why";
    if (weir_storage_keeps_files(s) && e->message[0]) return weir_error_set(error, status, "%s", why);
    return weir_error_set(error, status, "%s: %s failed: %s", s->where, call, why);
}

weir_status weir_storage_begin(struct weir_storage *s, const char *checkpoint, weir_stored **to, struct weir_error *error)
{
    weir_io_error e = {0};
    rename_to(&s->checkpoint, checkpoint);
    rename_to(&s->object, NULL);
    if (enter(s, "begin", checkpoint, NULL, error) != WEIR_OK) return WEIR_E_IO;
    return leave(s, s->vtable->begin(s->self, checkpoint, to, &e), "begin", &e, error);
}

weir_status weir_storage_add(struct weir_storage *s, weir_stored *w, const char *object, struct weir_error *error)
{
    weir_io_error e = {0};
    rename_to(&s->object, object);
    if (enter(s, "create", s->checkpoint, object, error) != WEIR_OK) return WEIR_E_IO;
    return leave(s, s->vtable->create(s->self, w, object, &e), "create", &e, error);
}

weir_status weir_storage_write(struct weir_storage *s, weir_stored *w, const void *bytes, size_t n, struct weir_error *error)
{
    weir_io_error e = {0};
    if (enter(s, "write", s->checkpoint, s->object, error) != WEIR_OK) return WEIR_E_IO;
    return leave(s, s->vtable->write(s->self, w, bytes, n, &e), "write", &e, error);
}

weir_status weir_storage_finish(struct weir_storage *s, weir_stored *w, struct weir_error *error)
{
    weir_io_error e = {0};
    if (enter(s, "finish", s->checkpoint, s->object, error) != WEIR_OK) return WEIR_E_IO;
    return leave(s, s->vtable->finish(s->self, w, &e), "finish", &e, error);
}

weir_status weir_storage_link(struct weir_storage *s, weir_stored *w, const char *object, const char *from_checkpoint,
                              const char *from_object, struct weir_error *error)
{
    weir_io_error e = {0};
    if (!s->vtable->link) return WEIR_MORE;
    if (enter(s, "link", s->checkpoint, object, error) != WEIR_OK) return WEIR_E_IO;
    weir_status status = s->vtable->link(s->self, w, object, from_checkpoint, from_object, &e);
    if (status != WEIR_MORE) return leave(s, status, "link", &e, error);
    end_call(s);
    return WEIR_MORE;
}

weir_status weir_storage_publish(struct weir_storage *s, weir_stored *w, struct weir_error *error)
{
    weir_io_error e = {0};
    begin_call(s, "publish", s->checkpoint);
    return leave(s, s->vtable->publish(s->self, w, &e), "publish", &e, error);
}

void weir_storage_abandon(struct weir_storage *s, weir_stored *w)
{
    begin_call(s, "abandon", s->checkpoint);
    s->vtable->abandon(s->self, w);
    end_call(s);
}

weir_status weir_storage_list(struct weir_storage *s, weir_storage_visit *visit, void *to, struct weir_error *error)
{
    weir_io_error e = {0};
    begin_call(s, "list", NULL);
    return leave(s, s->vtable->list(s->self, visit, to, &e), "list", &e, error);
}

weir_status weir_storage_objects(struct weir_storage *s, const char *checkpoint, weir_storage_object *visit, void *to,
                                 struct weir_error *error)
{
    weir_io_error e = {0};
    if (enter(s, "objects", checkpoint, NULL, error) != WEIR_OK) return WEIR_E_IO;
    return leave(s, s->vtable->objects(s->self, checkpoint, visit, to, &e), "objects", &e, error);
}

weir_status weir_storage_read(struct weir_storage *s, const char *checkpoint, const char *object, uint64_t offset, void *to,
                              size_t n, size_t *got, struct weir_error *error)
{
    weir_io_error e = {0};
    *got = 0;
    if (enter(s, "read", checkpoint, object, error) != WEIR_OK) return WEIR_E_IO;
    weir_status status = leave(s, s->vtable->read(s->self, checkpoint, object, offset, to, n, got, &e), "read", &e, error);
    if (status == WEIR_OK && *got > n)
        status = weir_error_set(error, WEIR_E_PLUGIN, "%s: read gave %zu bytes where %zu were asked for", s->where, *got, n);
    return status;
}

weir_status weir_storage_remove(struct weir_storage *s, const char *checkpoint, struct weir_error *error)
{
    weir_io_error e = {0};
    begin_call(s, "remove", checkpoint);
    return leave(s, s->vtable->remove(s->self, checkpoint, &e), "remove", &e, error);
}

/* ---- making one -------------------------------------------------------------------------------------------------- */

bool weir_storage_is_late(const struct weir_storage *s, struct weir_error *error)
{
    if (!s->calls || !weir_storage_calls_are_late(s->calls)) return false;
    if (error) (void)weir_storage_calls_say_late(s->calls, error);
    return true;
}

bool weir_storage_keeps_files(const struct weir_storage *s)
{
    return s->keeps_files;
}

const char *weir_storage_place(const struct weir_storage *s)
{
    return s->place;
}

char *weir_storage_address(const struct weir_storage *s, const char *checkpoint)
{
    return weir_path_join(s->place, checkpoint);
}

char *weir_address_clean(const char *address)
{
    char *clean = weir_path_join("", address);
    size_t n = strlen(clean);
    while (n > 1 && clean[n - 1] == '/') clean[--n] = 0;
    return clean;
}

static void close_storage(struct weir_storage *s)
{
    begin_call(s, "close", NULL);
    s->vtable->close(s->self);
    end_call(s);
    weir_free(s->directory);
    weir_free(s->place);
    weir_free(s->name);
    weir_free(s->where);
    weir_free(s->job);
    weir_free(s->base_dir);
    weir_free(s->checkpoint);
    weir_free(s->object);
    weir_free(s);
}

weir_status weir_storage_create(const struct weir_storage_options *o, struct weir_storage **to, struct weir_error *error)
{
    struct weir_storage *s = weir_alloc(sizeof *s);
    weir_io_error e = {0};
    *to = NULL;
    *s = (struct weir_storage){.vtable = o->vtable,
                               .self = o->self,
                               .keeps_files = o->keeps_files,
                               .calls = o->calls,
                               .directory = weir_strdup(o->directory),
                               .name = weir_strdup(o->component.component),
                               .job = weir_strdup(o->job),
                               .base_dir = weir_strdup(o->base_dir),
                               .running = {.where = "checkpoints", .n_parts = 1, .parts = {o->component}}};
    s->where = weir_format("checkpoint storage '%s'", s->name);
    s->place = s->keeps_files ? weir_strdup(o->directory) : weir_format("%s:/", s->name);
    set_up_host(s, o);
    begin_call(s, "open", NULL);
    weir_status status = leave(s, s->vtable->open(s->self, &s->cx, s->directory, &e), "open", &e, error);
    if (status == WEIR_OK)
        *to = s;
    else
        close_storage(s);
    return status;
}

void weir_storage_destroy(struct weir_storage *s)
{
    if (s) close_storage(s);
}
