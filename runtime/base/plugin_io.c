/* plugin_io.c - the extension weir.io/1: forwards to the platform, and counts the bytes. [any] unless weir/io.h says
 * otherwise. */
#include "base/plugin_io.h"

#include <stdio.h>

#include "base/running.h"

#define PLATFORM(cx) (io_of(cx)->platform)

static const struct weir_plugin_io *io_of(const weir_ctx *cx)
{
    return cx->host_data;
}

/* One thread counts. */
static void count(const weir_ctx *cx, size_t n)
{
    _Atomic uint64_t *bytes = io_of(cx)->bytes;
    if (bytes) atomic_store_explicit(bytes, atomic_load_explicit(bytes, memory_order_relaxed) + n, memory_order_relaxed);
}

static struct weir_platform_file *file_of(weir_file *f)
{
    return (struct weir_platform_file *)(void *)f;
}
static struct weir_platform_socket *socket_of(weir_socket *s)
{
    return (struct weir_platform_socket *)(void *)s;
}

/* The runtime's error in the ABI's smaller one. */
static weir_status report(weir_status status, const struct weir_error *error, weir_io_error *to)
{
    if (to) {
        to->status = status;
        to->os_error = 0;
        if (status < 0)
            snprintf(to->message, sizeof to->message, "%.*s", (int)sizeof to->message - 1, error->text);
        else
            to->message[0] = '\0';
    }
    return status;
}

static weir_status io_open(weir_ctx *cx, const char *path, int mode, weir_file **file, weir_io_error *error)
{
    const struct weir_platform *p = PLATFORM(cx);
    struct weir_error e = {0};
    *file = NULL;
    if (mode == WEIR_FILE_HOLD) { /* no hold: there is nobody else */
        weir_status s = p->hold ? p->hold(p->self, path, (struct weir_platform_file **)(void *)file, &e) : WEIR_OK;
        return report(s, &e, error);
    }
    return report(p->open(p->self, path, (enum weir_file_mode)mode, (struct weir_platform_file **)(void *)file, &e), &e,
                  error);
}
static weir_status io_size(weir_ctx *cx, weir_file *file, int64_t *bytes, weir_io_error *error)
{
    const struct weir_platform *p = PLATFORM(cx);
    struct weir_error e = {0};
    return report(p->size(p->self, file_of(file), bytes, &e), &e, error);
}
static weir_status io_read(weir_ctx *cx, weir_file *file, int64_t offset, void *buf, size_t n, size_t *got,
                           weir_io_error *error)
{
    const struct weir_platform *p = PLATFORM(cx);
    struct weir_error e = {0};
    weir_status s = p->read(p->self, file_of(file), offset, buf, n, got, &e);
    weir_running_waits(false);
    if (s == WEIR_OK) count(cx, *got);
    return report(s, &e, error);
}
static weir_status io_write(weir_ctx *cx, weir_file *file, const void *buf, size_t n, weir_io_error *error)
{
    const struct weir_platform *p = PLATFORM(cx);
    struct weir_error e = {0};
    weir_status s = p->write(p->self, file_of(file), buf, n, &e);
    if (s == WEIR_OK) count(cx, n);
    return report(s, &e, error);
}
static weir_status io_sync(weir_ctx *cx, weir_file *file, weir_io_error *error)
{
    const struct weir_platform *p = PLATFORM(cx);
    struct weir_error e = {0};
    return report(p->sync(p->self, file_of(file), &e), &e, error);
}
static weir_status io_close(weir_ctx *cx, weir_file *file, weir_io_error *error)
{
    const struct weir_platform *p = PLATFORM(cx);
    struct weir_error e = {0};
    if (!file) return report(WEIR_OK, &e, error);
    return report(p->close(p->self, file_of(file), &e), &e, error);
}
static weir_status io_rename(weir_ctx *cx, const char *from, const char *to, weir_io_error *error)
{
    const struct weir_platform *p = PLATFORM(cx);
    struct weir_error e = {0};
    return report(p->rename(p->self, from, to, &e), &e, error);
}
static weir_status io_remove(weir_ctx *cx, const char *path, weir_io_error *error)
{
    const struct weir_platform *p = PLATFORM(cx);
    struct weir_error e = {0};
    return report(p->remove(p->self, path, &e), &e, error);
}
static weir_status io_make_directory(weir_ctx *cx, const char *path, weir_io_error *error)
{
    const struct weir_platform *p = PLATFORM(cx);
    struct weir_error e = {0};
    return report(p->make_directory(p->self, path, &e), &e, error);
}
static weir_status io_list(weir_ctx *cx, const char *path, weir_list_file *add, void *to, weir_io_error *error)
{
    const struct weir_platform *p = PLATFORM(cx);
    struct weir_error e = {0};
    return report(p->list(p->self, path, add, to, &e), &e, error);
}
static weir_status io_print(weir_ctx *cx, int stream, const void *buf, size_t n, weir_io_error *error)
{
    const struct weir_platform *p = PLATFORM(cx);
    struct weir_error e = {0};
    weir_running_waits(true); /* somebody may read slowly */
    weir_status s = p->print(p->self, stream, buf, n, &e);
    weir_running_waits(false);
    if (s == WEIR_OK) count(cx, n);
    return report(s, &e, error);
}
static weir_status io_connect(weir_ctx *cx, const char *host, uint16_t port, int64_t wait_ms, weir_socket **to,
                              weir_io_error *error)
{
    const struct weir_platform *p = PLATFORM(cx);
    struct weir_error e = {0};
    weir_running_waits(true);
    weir_status s =
        p->connect(p->self, host, port, wait_ms, io_of(cx)->woken, (struct weir_platform_socket **)(void *)to, &e);
    weir_running_waits(false);
    return report(s, &e, error);
}
static weir_status io_receive(weir_ctx *cx, weir_socket *from, void *buf, size_t n, int64_t wait_ms, size_t *got,
                              weir_io_error *error)
{
    const struct weir_platform *p = PLATFORM(cx);
    struct weir_error e = {0};
    weir_running_waits(true);
    weir_status s = p->receive(p->self, socket_of(from), buf, n, wait_ms, io_of(cx)->woken, got, &e);
    weir_running_waits(false);
    if (s == WEIR_OK) count(cx, *got);
    return report(s, &e, error);
}
static weir_status io_close_socket(weir_ctx *cx, weir_socket *socket, weir_io_error *error)
{
    const struct weir_platform *p = PLATFORM(cx);
    struct weir_error e = {0};
    return report(p->close_socket(p->self, socket_of(socket), &e), &e, error);
}
static int64_t io_wall_ms(weir_ctx *cx)
{
    const struct weir_platform *p = PLATFORM(cx);
    return p->wall_ms(p->self);
}
static int64_t io_monotonic_ns(weir_ctx *cx)
{
    const struct weir_platform *p = PLATFORM(cx);
    return p->monotonic_ns(p->self);
}
static uint64_t io_random(weir_ctx *cx)
{
    const struct weir_platform *p = PLATFORM(cx);
    return p->random(p->self);
}

static weir_status io_sync_directory(weir_ctx *cx, const char *path, weir_io_error *error)
{
    const struct weir_platform *p = PLATFORM(cx);
    struct weir_error e = {0};
    return report(p->sync_directory(p->self, path, &e), &e, error);
}
static weir_status io_exists(weir_ctx *cx, const char *path, int64_t *bytes, weir_io_error *error)
{
    const struct weir_platform *p = PLATFORM(cx);
    struct weir_error e = {0};
    return report(p->exists(p->self, path, bytes, &e), &e, error);
}
static weir_status io_truncate(weir_ctx *cx, const char *path, int64_t bytes, weir_io_error *error)
{
    const struct weir_platform *p = PLATFORM(cx);
    struct weir_error e = {0};
    return report(p->truncate(p->self, path, bytes, &e), &e, error);
}
static weir_status io_link(weir_ctx *cx, const char *from, const char *to, weir_io_error *error)
{
    const struct weir_platform *p = PLATFORM(cx);
    struct weir_error e = {0};
    return report(p->link(p->self, from, to, &e), &e, error);
}

const weir_io *weir_plugin_io_table(void)
{
    static const weir_io io = {.struct_size = sizeof io,
                               .open = io_open,
                               .size = io_size,
                               .read = io_read,
                               .write = io_write,
                               .sync = io_sync,
                               .close = io_close,
                               .rename = io_rename,
                               .remove = io_remove,
                               .make_directory = io_make_directory,
                               .list = io_list,
                               .print = io_print,
                               .connect = io_connect,
                               .receive = io_receive,
                               .close_socket = io_close_socket,
                               .wall_ms = io_wall_ms,
                               .monotonic_ns = io_monotonic_ns,
                               .random = io_random,
                               .sync_directory = io_sync_directory,
                               .exists = io_exists,
                               .truncate = io_truncate,
                               .link = io_link};
    return &io;
}
