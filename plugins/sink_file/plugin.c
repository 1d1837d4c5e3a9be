/* sink_file - records to a file, or with a final '/' to a directory of one part per subtask.
 *
 * Everything is written to ".<name>.inprogress" beside the target and renamed at finish, so a reader sees a whole file or
 * none, and an earlier result stays until the new one is complete. After a failure the file in progress is removed; a
 * process that was killed leaves it, and the next run overwrites it. Nothing is synced: finish runs on a slot, where
 * waiting for a disk is not allowed, so a result survives the end of the process but perhaps not a loss of power. The
 * two-phase sink will sync on an I/O thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <weir/udf.h>

#define BLOCK ((size_t)256 * 1024) /* written at the latest when this much is gathered */

typedef struct file_sink {
    const char *path;
    weir_part format;

    const weir_io *io;
    weir_file *file;
    char *target, *progress; /* paths, host memory */
    weir_blob bytes;
    bool opened, in_progress;
} file_sink;

static const weir_encoder *encoder_of(const file_sink *me)
{
    return me->format.vtable;
}

static weir_status io_failed(weir_ctx *cx, const weir_io_error *e)
{
    return weir_fail(cx, e->status < 0 ? e->status : WEIR_E_IO, "%s", e->message);
}

/* ---- paths -------------------------------------------------------------------------------------------------- */

static const char *suffix_of(const weir_component *encoder)
{
    return strcmp(encoder->id, "json_lines") == 0 ? "jsonl" : encoder->id;
}

static bool is_directory(const file_sink *me)
{
    return me->path[0] && me->path[strlen(me->path) - 1] == '/';
}

/* target: the path, or <path>part-<subtask>.<suffix>; progress: the same with ".<name>.inprogress" as its last part. */
static weir_status make_paths(file_sink *me, weir_ctx *cx)
{
    const char *suffix = suffix_of(me->format.component);
    size_t n = strlen(me->path) + strlen(suffix) + 40;
    me->target = cx->host->alloc(cx, n);
    me->progress = cx->host->alloc(cx, n);
    if (!me->target || !me->progress) return weir_fail(cx, WEIR_E_MEMORY, "no memory for a path of %zu bytes", n);
    if (is_directory(me)) snprintf(me->target, n, "%spart-%u.%s", me->path, weir_about(cx)->subtask, suffix);
    else snprintf(me->target, n, "%s", me->path);
    const char *slash = strrchr(me->target, '/');
    int folder = slash ? (int)(slash - me->target) + 1 : 0;
    snprintf(me->progress, n, "%.*s.%s.inprogress", folder, me->target, me->target + folder);
    return WEIR_OK;
}

static weir_status make_folder(file_sink *me, weir_ctx *cx)
{
    weir_io_error e = {0};
    char *slash = strrchr(me->target, '/');
    if (!slash || slash == me->target) return WEIR_OK;
    *slash = 0;
    weir_status s = me->io->make_directory(cx, me->target, &e);
    if (s != WEIR_OK) io_failed(cx, &e);
    *slash = '/';
    return s;
}

/* A part with a number that this run does not write would be read as part of its result. */
struct stale_search {
    uint32_t parallelism;
    char found[256];
};
static weir_status find_stale(void *to, const char *path, bool is_folder, int64_t size)
{
    struct stale_search *search = to;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *end;
    (void)size;
    if (is_folder || strncmp(name, "part-", 5) != 0) return WEIR_OK;
    unsigned long number = strtoul(name + 5, &end, 10);
    if (end == name + 5 || *end != '.' || number < search->parallelism) return WEIR_OK;
    snprintf(search->found, sizeof search->found, "%s", name);
    return WEIR_OK;
}

static weir_status refuse_stale_parts(file_sink *me, weir_ctx *cx)
{
    weir_io_error e = {0};
    struct stale_search search = {.parallelism = weir_about(cx)->parallelism};
    weir_status s = me->io->list(cx, me->path, find_stale, &search, &e);
    if (s != WEIR_OK) return io_failed(cx, &e);
    if (!search.found[0]) return WEIR_OK;
    return weir_fail(
        cx, WEIR_E_CONFIG,
        "directory '%s' holds %s of an earlier run with more subtasks than the %u of this one, which would stay among "
        "the new parts; remove the old parts or write to another directory",
        me->path, search.found, search.parallelism);
}

/* ---- life --------------------------------------------------------------------------------------------------- */

static weir_status check_path(const file_sink *me, weir_ctx *cx)
{
    uint32_t parallelism = weir_about(cx)->parallelism;
    if (!me->path[0]) return weir_fail(cx, WEIR_E_CONFIG, "path: it is empty");
    if (is_directory(me) || parallelism == 1) return WEIR_OK;
    return weir_fail(
        cx, WEIR_E_CONFIG,
        "path '%s' is one file, but the sink has %u subtasks; set `parallelism: 1` on the sink, or end the path with '/' "
        "for a directory with a part per subtask",
        me->path, parallelism);
}

static weir_status create(file_sink *me, weir_ctx *cx)
{
    weir_io_error e = {0};
    if (me->io->open(cx, me->progress, WEIR_FILE_CREATE, &me->file, &e) != WEIR_OK) {
        me->file = NULL;
        return io_failed(cx, &e);
    }
    me->in_progress = true;
    const weir_encoder *encoder = encoder_of(me);
    return encoder->begin ? encoder->begin(me->format.self, cx, &me->bytes) : WEIR_OK;
}

static weir_status file_open(void *self, weir_ctx *cx)
{
    file_sink *me = self;
    const weir_encoder *encoder = encoder_of(me);
    me->io = weir_io_of(cx);
    if (!me->io) return weir_fail(cx, WEIR_E_PLUGIN, "this host has no " WEIR_IO);
    weir_status s = check_path(me, cx);
    if (s == WEIR_OK) s = make_paths(me, cx);
    if (s == WEIR_OK) s = make_folder(me, cx);
    if (s == WEIR_OK && is_directory(me)) s = refuse_stale_parts(me, cx);
    me->opened = s == WEIR_OK; /* its close is called also when its open fails */
    if (s == WEIR_OK && encoder->open) s = encoder->open(me->format.self, cx);
    return s == WEIR_OK ? create(me, cx) : s;
}

static weir_status write_out(file_sink *me, weir_ctx *cx)
{
    weir_io_error e = {0};
    if (me->bytes.length == 0) return WEIR_OK;
    weir_status s = me->io->write(cx, me->file, me->bytes.data, me->bytes.length, &e);
    me->bytes.length = 0;
    return s == WEIR_OK ? s : io_failed(cx, &e);
}

static weir_status file_write(void *self, weir_ctx *cx, const weir_batch *batch, int64_t *row)
{
    file_sink *me = self;
    weir_status s = encoder_of(me)->encode(me->format.self, cx, batch, *row, batch->length, &me->bytes);
    if (s != WEIR_OK) return s;
    *row = batch->length;
    return me->bytes.length >= BLOCK ? write_out(me, cx) : WEIR_OK;
}

static weir_status file_finish(void *self, weir_ctx *cx)
{
    file_sink *me = self;
    const weir_encoder *encoder = encoder_of(me);
    weir_io_error e = {0};
    weir_status s = encoder->end ? encoder->end(me->format.self, cx, &me->bytes) : WEIR_OK;
    if (s == WEIR_OK) s = write_out(me, cx);
    if (s != WEIR_OK) return s;
    s = me->io->close(cx, me->file, &e);
    me->file = NULL;
    if (s != WEIR_OK) return io_failed(cx, &e);
    if (me->io->rename(cx, me->progress, me->target, &e) != WEIR_OK) return io_failed(cx, &e);
    me->in_progress = false;
    return WEIR_OK;
}

static void file_close(void *self, weir_ctx *cx)
{
    file_sink *me = self;
    weir_io_error ignored;
    if (me->file) me->io->close(cx, me->file, &ignored);
    if (me->in_progress) me->io->remove(cx, me->progress, &ignored);
    if (me->opened && encoder_of(me)->close) encoder_of(me)->close(me->format.self, cx);
    cx->host->release(cx, me->target);
    cx->host->release(cx, me->progress);
    cx->host->release(cx, me->bytes.data);
    me->file = NULL;
    me->target = me->progress = NULL;
    me->bytes = (weir_blob){0};
    me->opened = me->in_progress = false;
}

/* No flush: nobody sees the file before it is finished, so what is buffered may as well wait for a full block. */
static const weir_sink file_vtable = {
    .struct_size = sizeof(weir_sink), .open = file_open, .write = file_write, .finish = file_finish, .close = file_close,
};
static const weir_option file_options[] = {
    WEIR_OPTION(file_sink, path, .flags = WEIR_PATH | WEIR_ONE_FILE,
                .doc = "a file (needs parallelism 1), or with a final / a directory of parts"),
    WEIR_OPTION(file_sink, format, .def = "csv", .accepts = WEIR_ENCODER, .doc = "how records are written"),
};
WEIR_COMPONENT(file_sink, WEIR_SINK, file_vtable, .id = "file", .doc = "records to a file or a directory of parts",
               .in = "*", WEIR_OPTIONS(file_options));
WEIR_PLUGIN("weir.sink_file", "0.1.0", &file_sink_component);
