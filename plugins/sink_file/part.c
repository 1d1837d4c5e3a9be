/* part.c - see the header. */
#include "part.h"

#include <stdio.h>
#include <string.h>

weir_status io_failed(weir_ctx *cx, const weir_io_error *e)
{
    return weir_fail(cx, e->status < 0 ? e->status : WEIR_E_IO, "%s", e->message);
}

struct part *part_create(weir_ctx *cx, const char *base, const char *name, size_t n)
{
    const weir_host *host = cx->host;
    size_t room = strlen(base) + n + sizeof "..inprogress";
    struct part *p = host->alloc(cx, sizeof *p);
    if (!p) return NULL;
    *p = (struct part){.target = host->alloc(cx, room), .hidden = host->alloc(cx, room)};
    if (!p->target || !p->hidden) {
        part_destroy(p, cx);
        return NULL;
    }
    snprintf(p->target, room, "%s%.*s", base, (int)n, name);
    p->name = p->target + strlen(base);
    const char *slash = strrchr(p->name, '/');
    p->folder = slash ? (size_t)(slash - p->name) + 1 : 0;
    size_t before = strlen(base) + p->folder;
    snprintf(p->hidden, room, "%.*s.%s.inprogress", (int)before, p->target, p->target + before);
    return p;
}

void part_destroy(struct part *p, weir_ctx *cx)
{
    if (!p) return;
    weir_io_error ignored;
    if (p->file) weir_io_of(cx)->close(cx, p->file, &ignored);
    cx->host->release(cx, p->target);
    cx->host->release(cx, p->hidden);
    cx->host->release(cx, p->bytes.data);
    cx->host->release(cx, p);
}

/* ---- in progress ------------------------------------------------------------------------------------------------- */

static weir_status make_folder(const struct part *p, const weir_io *io, weir_ctx *cx)
{
    weir_io_error e = {0};
    char *slash = strrchr(p->target, '/');
    if (!slash || slash == p->target) return WEIR_OK;
    *slash = 0;
    weir_status s = io->make_directory(cx, p->target, &e);
    if (s != WEIR_OK) io_failed(cx, &e);
    *slash = '/';
    return s;
}

static weir_status open_file(struct part *p, const weir_io *io, weir_ctx *cx, int mode)
{
    weir_io_error e = {0};
    if (io->open(cx, p->hidden, mode, &p->file, &e) == WEIR_OK) return WEIR_OK;
    p->file = NULL;
    return io_failed(cx, &e);
}

weir_status part_begin(struct part *p, const weir_io *io, weir_ctx *cx)
{
    weir_status s = make_folder(p, io, cx);
    if (s == WEIR_OK) s = open_file(p, io, cx, WEIR_FILE_CREATE);
    p->began_ms = p->written_ms = io->wall_ms(cx);
    return s;
}

weir_status part_resume(struct part *p, const weir_io *io, weir_ctx *cx, int64_t bytes)
{
    weir_io_error e = {0};
    if (io->truncate(cx, p->hidden, bytes, &e) != WEIR_OK) return io_failed(cx, &e);
    p->length = bytes;
    p->saved = true;
    p->began_ms = p->written_ms = io->wall_ms(cx);
    return open_file(p, io, cx, WEIR_FILE_APPEND);
}

weir_status part_reopen(struct part *p, const weir_io *io, weir_ctx *cx, int64_t bytes)
{
    weir_io_error e = {0};
    int64_t there;
    if (io->exists(cx, p->hidden, &there, &e) != WEIR_OK) return io_failed(cx, &e);
    if (there < 0 && io->rename(cx, p->target, p->hidden, &e) != WEIR_OK) return io_failed(cx, &e);
    return part_resume(p, io, cx, bytes);
}

weir_status part_write_out(struct part *p, const weir_io *io, weir_ctx *cx)
{
    weir_io_error e = {0};
    if (p->bytes.length == 0) return WEIR_OK;
    if (io->write(cx, p->file, p->bytes.data, p->bytes.length, &e) != WEIR_OK) return io_failed(cx, &e);
    p->length += (int64_t)p->bytes.length;
    p->bytes.length = 0;
    return WEIR_OK;
}

weir_status part_end(struct part *p, const weir_io *io, weir_ctx *cx)
{
    weir_io_error e = {0};
    weir_status s = part_write_out(p, io, cx);
    if (s != WEIR_OK) return s;
    s = io->close(cx, p->file, &e);
    p->file = NULL;
    cx->host->release(cx, p->bytes.data); /* there may be many that wait for a checkpoint */
    p->bytes = (weir_blob){0};
    return s == WEIR_OK ? s : io_failed(cx, &e);
}

/* ---- pending and finished ---------------------------------------------------------------------------------------- */

static weir_status cut_to_length(const struct part *p, const weir_io *io, weir_ctx *cx, int64_t found)
{
    weir_io_error e = {0};
    if (found == p->length) return WEIR_OK;
    if (found < p->length)
        return weir_fail(cx, WEIR_E_IO, "'%s' was saved with %lld bytes and has only %lld: records are lost", p->hidden,
                         (long long)p->length, (long long)found);
    return io->truncate(cx, p->hidden, p->length, &e) == WEIR_OK ? WEIR_OK : io_failed(cx, &e);
}

weir_status part_commit(const struct part *p, const weir_io *io, weir_ctx *cx, enum part_found *found)
{
    weir_io_error e = {0};
    int64_t bytes;
    *found = PART_COMMITTED;
    if (io->exists(cx, p->hidden, &bytes, &e) != WEIR_OK) return io_failed(cx, &e);
    if (bytes >= 0) {
        weir_status s = cut_to_length(p, io, cx, bytes);
        if (s != WEIR_OK) return s;
        return io->rename(cx, p->hidden, p->target, &e) == WEIR_OK ? WEIR_OK : io_failed(cx, &e);
    }
    if (io->exists(cx, p->target, &bytes, &e) != WEIR_OK) return io_failed(cx, &e);
    if (bytes < 0) *found = PART_GONE;
    return WEIR_OK;
}

void part_leave(struct part *p, const weir_io *io, weir_ctx *cx)
{
    weir_io_error ignored;
    if (p->file) io->close(cx, p->file, &ignored);
    p->file = NULL;
    if (!p->saved) io->remove(cx, p->hidden, &ignored);
}

weir_status part_save(const struct part *p, weir_ctx *cx, const char *columns, weir_str *text)
{
    size_t room = strlen(p->name) + strlen(columns) + 41;
    char *to = weir_scratch(cx, room);
    if (!to) return weir_fail(cx, WEIR_E_MEMORY, "no memory to save a part");
    const char *state = p->file ? "open" : "pending";
    int n = snprintf(to, room, "%s %lld %s\n%s", state, (long long)p->length, p->name, columns);
    *text = (weir_str){to, (size_t)n};
    return WEIR_OK;
}
