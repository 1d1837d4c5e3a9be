/* A machine in memory: see mock_machine.h. Directories exist as far as the paths of files or make_directory name them. */
#include "harness/mock_machine.h"

#include <CUnit/CUnit.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mock_file {
    struct mock_file *next;
    char *path;
    char *bytes; /* NUL-terminated beyond n */
    size_t n, capacity, synced;
    bool is_directory;
};

struct weir_file {
    struct mock_machine *machine;
    char *path; /* a handle survives rename and replacement as little as the tests need: it looks its file up by path */
    int mode;
    weir_file *next_held;
};
struct weir_socket {
    struct mock_machine *machine;
    size_t taken; /* of the text of the current step */
    char name[280];
};

struct mock_machine *mock_machine_create(void)
{
    struct mock_machine *m = calloc(1, sizeof *m);
    m->wall_ms = 1700000000000;
    m->crash_after = -1;
    return m;
}

static void file_free(struct mock_file *f)
{
    free(f->path);
    free(f->bytes);
    free(f);
}

void mock_machine_destroy(struct mock_machine *m)
{
    CU_ASSERT_EQUAL(m->open_handles, 0);
    while (m->files) {
        struct mock_file *f = m->files;
        m->files = f->next;
        file_free(f);
    }
    for (int i = 0; i < 3; i++) weir_text_finish(&m->printed[i]);
    free(m);
}

static struct mock_file *find(struct mock_machine *m, const char *path)
{
    struct mock_file *f = m->files;
    while (f && strcmp(f->path, path) != 0) f = f->next;
    return f;
}

static struct mock_file *find_or_add(struct mock_machine *m, const char *path)
{
    struct mock_file *f = find(m, path);
    if (f) return f;
    f = calloc(1, sizeof *f);
    f->path = strdup(path);
    f->bytes = calloc(1, 1);
    f->next = m->files;
    m->files = f;
    return f;
}

static void append(struct mock_file *f, const void *bytes, size_t n)
{
    if (f->n + n + 1 > f->capacity) {
        f->capacity = 2 * (f->n + n + 1);
        f->bytes = realloc(f->bytes, f->capacity);
    }
    if (n) memcpy(f->bytes + f->n, bytes, n);
    f->n += n;
    f->bytes[f->n] = 0;
}

static void drop(struct mock_machine *m, const char *path)
{
    for (struct mock_file **at = &m->files; *at; at = &(*at)->next) {
        if (strcmp((*at)->path, path) != 0) continue;
        struct mock_file *f = *at;
        *at = f->next;
        file_free(f);
        return;
    }
}

void mock_file_put(struct mock_machine *m, const char *path, const void *bytes, size_t n)
{
    drop(m, path);
    append(find_or_add(m, path), bytes, n);
}

void mock_file_put_text(struct mock_machine *m, const char *path, const char *text)
{
    mock_file_put(m, path, text, strlen(text));
}

const char *mock_file_get(struct mock_machine *m, const char *path, size_t *n)
{
    struct mock_file *f = find(m, path);
    if (n) *n = f ? f->n : 0;
    return f ? f->bytes : NULL;
}

size_t mock_file_count(const struct mock_machine *m)
{
    size_t n = 0;
    for (struct mock_file *f = m->files; f; f = f->next) n += !f->is_directory;
    return n;
}

const char *mock_file_path(const struct mock_machine *m, size_t i)
{
    for (struct mock_file *f = m->files; f; f = f->next) {
        if (!f->is_directory && i-- == 0) return f->path;
    }
    return NULL;
}

void mock_lose_unsynced(struct mock_machine *m)
{
    for (struct mock_file *f = m->files; f; f = f->next) {
        if (f->is_directory || f->synced >= f->n) continue;
        f->n = f->synced;
        f->bytes[f->n] = 0;
    }
}

/* ---- failures ----------------------------------------------------------------------------------------------- */

static weir_status io_fail(weir_io_error *e, weir_status status, const char *call, const char *path, const char *why)
{
    e->status = status;
    e->os_error = 5;
    snprintf(e->message, sizeof e->message, "cannot %s '%s': %s", call, path, why);
    return status;
}

static bool changes(const char *call)
{
    static const char *const calls[] = {"open",   "write",          "sync",           "close",    "rename",
                                        "remove", "make_directory", "sync_directory", "truncate", NULL};
    for (int i = 0; calls[i]; i++) {
        if (strcmp(calls[i], call) == 0) return true;
    }
    return false;
}

static bool fails(struct mock_machine *m, const char *call)
{
    if (changes(call) && m->changes++ >= m->crash_after && m->crash_after >= 0) return true;
    return m->fail_call && strcmp(m->fail_call, call) == 0 && m->fail_after-- <= 0;
}
#define FAIL_IF_ASKED(m, call, path, e)                                                           \
    do {                                                                                          \
        if (fails((m), (call))) return io_fail((e), WEIR_E_IO, (call), (path), "injected fault"); \
    } while (0)

/* ---- files -------------------------------------------------------------------------------------------------- */

/* What is held is no file to be seen, and no handle that is counted. */
static weir_status hold(struct mock_machine *m, const char *path, weir_file **file)
{
    for (weir_file *held = m->held; held; held = held->next_held) {
        if (strcmp(held->path, path) == 0) return WEIR_MORE;
    }
    *file = calloc(1, sizeof **file);
    **file = (weir_file){.machine = m, .path = strdup(path), .mode = WEIR_FILE_HOLD, .next_held = m->held};
    m->held = *file;
    return WEIR_OK;
}

static void let_go(struct mock_machine *m, weir_file *file)
{
    weir_file **at = &m->held;
    while (*at != file) at = &(*at)->next_held;
    *at = file->next_held;
}

static weir_status io_open(weir_ctx *cx, const char *path, int mode, weir_file **file, weir_io_error *e)
{
    struct mock_machine *m = mock_machine_of(cx);
    FAIL_IF_ASKED(m, "open", path, e);
    if (mode == WEIR_FILE_HOLD) return hold(m, path, file);
    struct mock_file *f = find(m, path);
    if (f && f->is_directory) return io_fail(e, WEIR_E_IO, "open", path, "Is a directory");
    if (!f && mode == WEIR_FILE_READ) return io_fail(e, WEIR_E_IO, "open", path, "No such file or directory");
    if (mode == WEIR_FILE_CREATE) mock_file_put(m, path, "", 0);
    if (mode == WEIR_FILE_APPEND) find_or_add(m, path);
    *file = calloc(1, sizeof **file);
    (*file)->machine = m;
    (*file)->path = strdup(path);
    (*file)->mode = mode;
    m->open_handles++;
    return WEIR_OK;
}

static weir_status io_size(weir_ctx *cx, weir_file *file, int64_t *bytes, weir_io_error *e)
{
    struct mock_machine *m = mock_machine_of(cx);
    FAIL_IF_ASKED(m, "size", file->path, e);
    struct mock_file *f = find(m, file->path);
    if (!f) return io_fail(e, WEIR_E_IO, "stat", file->path, "No such file or directory");
    *bytes = (int64_t)f->n;
    return WEIR_OK;
}

static weir_status io_read(weir_ctx *cx, weir_file *file, int64_t offset, void *buf, size_t n, size_t *got, weir_io_error *e)
{
    struct mock_machine *m = mock_machine_of(cx);
    *got = 0;
    FAIL_IF_ASKED(m, "read", file->path, e);
    struct mock_file *f = find(m, file->path);
    if (!f) return io_fail(e, WEIR_E_IO, "read", file->path, "Stale file handle");
    size_t end = m->read_limit && m->read_limit < f->n ? m->read_limit : f->n;
    if ((size_t)offset >= end) return WEIR_OK;
    *got = end - (size_t)offset < n ? end - (size_t)offset : n;
    memcpy(buf, f->bytes + offset, *got);
    return WEIR_OK;
}

static weir_status io_write(weir_ctx *cx, weir_file *file, const void *buf, size_t n, weir_io_error *e)
{
    struct mock_machine *m = mock_machine_of(cx);
    FAIL_IF_ASKED(m, "write", file->path, e);
    if (file->mode == WEIR_FILE_READ) return io_fail(e, WEIR_E_IO, "write", file->path, "opened for reading");
    append(find_or_add(m, file->path), buf, n);
    return WEIR_OK;
}

static weir_status io_sync(weir_ctx *cx, weir_file *file, weir_io_error *e)
{
    struct mock_machine *m = mock_machine_of(cx);
    FAIL_IF_ASKED(m, "sync", file->path, e);
    struct mock_file *f = find(m, file->path);
    if (f) f->synced = f->n;
    return WEIR_OK;
}

static weir_status io_close(weir_ctx *cx, weir_file *file, weir_io_error *e)
{
    struct mock_machine *m = mock_machine_of(cx);
    if (!file) return WEIR_OK;
    if (file->mode == WEIR_FILE_HOLD)
        let_go(m, file);
    else
        m->open_handles--;
    bool failed = fails(m, "close");
    if (failed) io_fail(e, WEIR_E_IO, "close", file->path, "injected fault");
    free(file->path);
    free(file);
    return failed ? WEIR_E_IO : WEIR_OK;
}

static weir_status io_rename(weir_ctx *cx, const char *from, const char *to, weir_io_error *e)
{
    struct mock_machine *m = mock_machine_of(cx);
    FAIL_IF_ASKED(m, "rename", from, e);
    struct mock_file *f = find(m, from);
    if (!f) return io_fail(e, WEIR_E_IO, "rename", from, "No such file or directory");
    drop(m, to);
    free(f->path);
    f->path = strdup(to);
    return WEIR_OK;
}

static weir_status io_remove(weir_ctx *cx, const char *path, weir_io_error *e)
{
    struct mock_machine *m = mock_machine_of(cx);
    FAIL_IF_ASKED(m, "remove", path, e);
    if (!find(m, path)) return io_fail(e, WEIR_E_IO, "remove", path, "No such file or directory");
    drop(m, path);
    return WEIR_OK;
}

static weir_status io_make_directory(weir_ctx *cx, const char *path, weir_io_error *e)
{
    struct mock_machine *m = mock_machine_of(cx);
    FAIL_IF_ASKED(m, "make_directory", path, e);
    struct mock_file *f = find(m, path);
    if (f && !f->is_directory) return io_fail(e, WEIR_E_IO, "create directory", path, "File exists");
    find_or_add(m, path)->is_directory = true;
    return WEIR_OK;
}

static int by_path(const void *a, const void *b)
{
    return strcmp((*(struct mock_file *const *)a)->path, (*(struct mock_file *const *)b)->path);
}

/* Is f what `list(path)` gives: the file itself, a direct entry of the directory, or a match of the glob? */
static bool listed(const struct mock_file *f, const char *path, bool whole_file)
{
    size_t n = strlen(path);
    if (whole_file) return strcmp(f->path, path) == 0;
    if (strpbrk(path, "*?[")) return fnmatch(path, f->path, FNM_PATHNAME | FNM_PERIOD) == 0;
    while (n > 1 && path[n - 1] == '/') n--;
    return strncmp(f->path, path, n) == 0 && f->path[n] == '/' && f->path[n + 1] && !strchr(f->path + n + 1, '/');
}

static bool has_directory(struct mock_machine *m, const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') n--;
    for (struct mock_file *f = m->files; f; f = f->next) {
        if (strncmp(f->path, path, n) == 0 && (f->path[n] == '/' || (f->path[n] == 0 && f->is_directory))) return true;
    }
    return false;
}

static weir_status io_list(weir_ctx *cx, const char *path, weir_list_file *add, void *to, weir_io_error *e)
{
    struct mock_machine *m = mock_machine_of(cx);
    FAIL_IF_ASKED(m, "list", path, e);
    struct mock_file *itself = find(m, path), **found = NULL;
    bool whole_file = itself && !itself->is_directory;
    size_t n = 0;
    if (!whole_file && !strpbrk(path, "*?[") && !has_directory(m, path)) {
        return io_fail(e, WEIR_E_IO, "list", path, "No such file or directory");
    }
    for (struct mock_file *f = m->files; f; f = f->next) {
        if (!listed(f, path, whole_file)) continue;
        found = realloc(found, (n + 1) * sizeof(struct mock_file *));
        found[n++] = f;
    }
    if (n) qsort(found, n, sizeof *found, by_path);
    weir_status s = WEIR_OK;
    for (size_t i = 0; i < n && s == WEIR_OK; i++) s = add(to, found[i]->path, found[i]->is_directory, (int64_t)found[i]->n);
    free(found);
    if (s != WEIR_OK) e->message[0] = 0;
    return s;
}

static weir_status io_sync_directory(weir_ctx *cx, const char *path, weir_io_error *e)
{
    FAIL_IF_ASKED(mock_machine_of(cx), "sync_directory", path, e);
    return WEIR_OK;
}

static weir_status io_exists(weir_ctx *cx, const char *path, int64_t *bytes, weir_io_error *e)
{
    struct mock_machine *m = mock_machine_of(cx);
    FAIL_IF_ASKED(m, "exists", path, e);
    struct mock_file *f = find(m, path);
    *bytes = f && !f->is_directory ? (int64_t)f->n : has_directory(m, path) ? 0 : -1;
    return WEIR_OK;
}

static weir_status io_truncate(weir_ctx *cx, const char *path, int64_t bytes, weir_io_error *e)
{
    struct mock_machine *m = mock_machine_of(cx);
    FAIL_IF_ASKED(m, "truncate", path, e);
    struct mock_file *f = find(m, path);
    if (!f || (int64_t)f->n < bytes) return io_fail(e, WEIR_E_IO, "truncate", path, "it is not there, or shorter");
    f->n = (size_t)bytes;
    f->bytes[bytes] = 0;
    if (f->synced > f->n) f->synced = f->n;
    return WEIR_OK;
}

static weir_status io_print(weir_ctx *cx, int stream, const void *buf, size_t n, weir_io_error *e)
{
    struct mock_machine *m = mock_machine_of(cx);
    FAIL_IF_ASKED(m, "print", stream == WEIR_STDERR ? "stderr" : "stdout", e);
    m->prints++;
    weir_text_add_bytes(&m->printed[stream], buf, n);
    return WEIR_OK;
}

/* ---- the peer ----------------------------------------------------------------------------------------------- */

static enum mock_peer_kind peer_step(const struct mock_machine *m)
{
    return m->peer ? m->peer->kind : MOCK_END;
}

static weir_status io_connect(weir_ctx *cx, const char *host, uint16_t port, int64_t wait_ms, weir_socket **socket,
                              weir_io_error *e)
{
    struct mock_machine *m = mock_machine_of(cx);
    char name[280];
    (void)wait_ms;
    *socket = NULL;
    snprintf(name, sizeof name, "%.255s:%u", host, port);
    FAIL_IF_ASKED(m, "connect", host, e);
    if (peer_step(m) == MOCK_REFUSE || peer_step(m) == MOCK_WAKE) {
        bool woken = m->peer++->kind == MOCK_WAKE;
        return io_fail(e, woken ? WEIR_E_CANCELLED : WEIR_E_IO, "connect to", name, woken ? "woken" : "Connection refused");
    }
    *socket = calloc(1, sizeof **socket);
    (*socket)->machine = m;
    memcpy((*socket)->name, name, sizeof name);
    m->open_handles++;
    return WEIR_OK;
}

static weir_status receive_data(struct mock_machine *m, weir_socket *socket, void *buf, size_t n, size_t *got)
{
    size_t left = strlen(m->peer->text) - socket->taken;
    *got = left < n ? left : n;
    memcpy(buf, m->peer->text + socket->taken, *got);
    socket->taken += *got;
    if (*got == left) {
        m->peer++;
        socket->taken = 0;
    }
    return WEIR_OK;
}

static weir_status io_receive(weir_ctx *cx, weir_socket *socket, void *buf, size_t n, int64_t wait_ms, size_t *got,
                              weir_io_error *e)
{
    struct mock_machine *m = mock_machine_of(cx);
    *got = 0;
    switch (peer_step(m)) {
    case MOCK_DATA: return receive_data(m, socket, buf, n, got);
    case MOCK_WAIT:
        m->peer++;
        m->monotonic_ns += (wait_ms < 0 ? 0 : wait_ms) * 1000000;
        return WEIR_MORE;
    case MOCK_WAKE: m->peer++; return io_fail(e, WEIR_E_CANCELLED, "receive from", socket->name, "woken");
    case MOCK_BREAK: m->peer++; return io_fail(e, WEIR_E_IO, "receive from", socket->name, "Connection reset by peer");
    case MOCK_CLOSE: m->peer++; return WEIR_OK;
    default: return WEIR_OK;
    }
}

static weir_status io_close_socket(weir_ctx *cx, weir_socket *socket, weir_io_error *e)
{
    (void)e;
    if (!socket) return WEIR_OK;
    mock_machine_of(cx)->open_handles--;
    free(socket);
    return WEIR_OK;
}

/* ---- clocks and chance -------------------------------------------------------------------------------------- */

static int64_t io_wall_ms(weir_ctx *cx)
{
    return mock_machine_of(cx)->wall_ms;
}
static int64_t io_monotonic_ns(weir_ctx *cx)
{
    return mock_machine_of(cx)->monotonic_ns;
}
static uint64_t io_random(weir_ctx *cx)
{
    struct mock_machine *m = mock_machine_of(cx);
    m->random = m->random * 6364136223846793005u + 1442695040888963407u;
    return m->random ^ m->random >> 29;
}

const weir_io mock_io = {
    .struct_size = sizeof(weir_io),
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
};
