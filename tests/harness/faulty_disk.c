/* faulty_disk.c - see the header. */
#include "harness/faulty_disk.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "harness/suite.h"

#define CALLS_FULL 3 /* that a full disk stays full */

/* What was written through this disk: its first `synced` bytes are durable. */
struct weir_faulty_file {
    char *path;
    int64_t synced;
};
struct handle {
    struct weir_platform_file *file;
    char *path; /* that it was opened by */
    bool reads;
};

static const struct weir_platform *os(void)
{
    return weir_platform_os();
}

static struct handle *handle_of(struct weir_platform_file *file)
{
    return (struct handle *)(void *)file;
}

/* ---- which call fails -------------------------------------------------------------------------------------------- */

static weir_status fail(struct weir_faulty_disk *d, const char *what, const char *path, const char *why,
                        struct weir_error *error)
{
    d->faulted++;
    if (!d->failed) d->failed = what;
    return weir_error_set(error, WEIR_E_IO, "cannot %s '%s': %s", what, path, why);
}

/* Of every call. `grows`: it needs room on the disk. */
static weir_status enter(void *self, const char *what, bool grows, const char *path, struct weir_error *error)
{
    struct weir_faulty_disk *d = self;
    bool now = d->at >= 0 && d->calls++ == d->at;
    if (now && d->fault == WEIR_FAULT_NO_SPACE) d->full = CALLS_FULL;
    if (d->full > 0 && grows) {
        d->full--;
        return fail(d, what, path, "No space left on device", error);
    }
    return now && d->fault != WEIR_FAULT_NO_SPACE ? fail(d, what, path, "Input/output error", error) : WEIR_OK;
}

static weir_status enter_change(void *self, const char *what, bool grows, const char *path, struct weir_error *error)
{
    if (((struct weir_faulty_disk *)self)->off) return weir_error_set(error, WEIR_E_IO, "the machine is off");
    return enter(self, what, grows, path, error);
}

/* ---- what is durable --------------------------------------------------------------------------------------------- */

static struct weir_faulty_file *find(struct weir_faulty_disk *d, const char *path)
{
    for (size_t i = 0; i < d->n; i++) {
        if (strcmp(d->files[i].path, path) == 0) return &d->files[i];
    }
    return NULL;
}

static int64_t size_of(const char *path)
{
    struct weir_error ignored;
    int64_t bytes;
    return os()->exists(NULL, path, &bytes, &ignored) == WEIR_OK ? bytes : -1;
}

static void forget(struct weir_faulty_disk *d, const char *path)
{
    struct weir_faulty_file *f = find(d, path);
    if (!f) return;
    weir_free(f->path);
    *f = d->files[--d->n];
}

static void note_open(struct weir_faulty_disk *d, const char *path, enum weir_file_mode mode)
{
    struct weir_faulty_file *f = find(d, path);
    if (!f) {
        WEIR_GROW(d->files, d->capacity, d->n + 1);
        f = &d->files[d->n++];
        *f = (struct weir_faulty_file){weir_strdup(path), size_of(path)};
    }
    if (mode == WEIR_OPEN_CREATE) f->synced = 0;
}

/* A file, or all that is in a directory. */
static void note_rename(struct weir_faulty_disk *d, const char *from, const char *to)
{
    size_t n = strlen(from);
    forget(d, to);
    for (size_t i = 0; i < d->n; i++) {
        struct weir_faulty_file *f = &d->files[i];
        if (strncmp(f->path, from, n) != 0 || (f->path[n] != 0 && f->path[n] != '/')) continue;
        char *path = weir_format("%s%s", to, f->path + n);
        weir_free(f->path);
        f->path = path;
    }
}

/* The pages that could not be written are clean all the same, and nothing will write them. */
static void lose(struct weir_faulty_file *f)
{
    int64_t end = size_of(f->path);
    int fd = open(f->path, O_WRONLY | O_CLOEXEC);
    CU_ASSERT_FATAL(fd >= 0);
    for (int64_t at = f->synced; at < end; at++) CU_ASSERT_EQUAL(pwrite(fd, "", 1, at), 1);
    close(fd);
    f->synced = end;
}

void weir_faulty_disk_lose_power(struct weir_faulty_disk *d)
{
    for (size_t i = 0; i < d->n; i++) {
        if (size_of(d->files[i].path) > d->files[i].synced)
            CU_ASSERT_EQUAL(truncate(d->files[i].path, d->files[i].synced), 0);
    }
}

/* ---- calls that change a file ------------------------------------------------------------------------------------ */

static weir_status open_file(void *self, const char *path, enum weir_file_mode mode, struct weir_platform_file **to,
                             struct weir_error *error)
{
    struct weir_platform_file *file;
    bool reads = mode == WEIR_OPEN_READ;
    *to = NULL;
    weir_status s = reads ? enter(self, "open", false, path, error) : enter_change(self, "create", true, path, error);
    if (s == WEIR_OK) s = os()->open(NULL, path, mode, &file, error);
    if (s != WEIR_OK) return s;
    if (!reads) note_open(self, path, mode);
    struct handle *h = weir_alloc(sizeof *h);
    *h = (struct handle){file, weir_strdup(path), reads};
    *to = (struct weir_platform_file *)(void *)h;
    return WEIR_OK;
}

static weir_status write_file(void *self, struct weir_platform_file *file, const void *buf, size_t n,
                              struct weir_error *error)
{
    const struct weir_faulty_disk *d = self;
    const struct handle *h = handle_of(file);
    struct weir_error ignored;
    weir_status s = enter_change(self, "write", true, h->path, error);
    if (s == WEIR_OK) return os()->write(NULL, h->file, buf, n, error);
    if (d->fault == WEIR_FAULT_SHORT && !d->off) (void)!os()->write(NULL, h->file, buf, n / 2, &ignored);
    return s;
}

static weir_status sync_file(void *self, struct weir_platform_file *file, struct weir_error *error)
{
    struct weir_faulty_disk *d = self;
    struct weir_faulty_file *f = find(d, handle_of(file)->path);
    weir_status s = enter_change(self, "sync", false, handle_of(file)->path, error);
    if (f && s == WEIR_OK) f->synced = size_of(f->path);
    if (f && s != WEIR_OK && d->fault == WEIR_FAULT_LOST_SYNC && !d->off) lose(f);
    return s;
}

static weir_status close_file(void *self, struct weir_platform_file *file, struct weir_error *error)
{
    struct handle *h = handle_of(file);
    if (!h) return WEIR_OK;
    weir_status s = enter(self, h->reads ? "close after reading" : "close", false, h->path, error);
    weir_status closed = os()->close(NULL, h->file, s == WEIR_OK ? error : NULL);
    weir_free(h->path);
    weir_free(h);
    return s == WEIR_OK ? closed : s;
}

static weir_status rename_file(void *self, const char *from, const char *to, struct weir_error *error)
{
    weir_status s = enter_change(self, "rename", true, from, error);
    if (s == WEIR_OK) s = os()->rename(NULL, from, to, error);
    if (s == WEIR_OK) note_rename(self, from, to);
    return s;
}

static weir_status link_file(void *self, const char *from, const char *to, struct weir_error *error)
{
    struct weir_faulty_disk *d = self;
    const struct weir_faulty_file *f = find(d, from);
    int64_t synced = f ? f->synced : size_of(from);
    weir_status s = enter_change(self, "link", true, from, error);
    if (s == WEIR_OK) s = os()->link(NULL, from, to, error);
    if (s != WEIR_OK) return s;
    note_open(self, to, WEIR_OPEN_APPEND);
    find(d, to)->synced = synced;
    return WEIR_OK;
}

static weir_status sync_directory(void *self, const char *path, struct weir_error *error)
{
    return enter_change(self, "sync the directory", false, path, error);
}

static weir_status remove_file(void *self, const char *path, struct weir_error *error)
{
    weir_status s = enter_change(self, "remove", false, path, error);
    if (s == WEIR_OK) s = os()->remove(NULL, path, error);
    if (s == WEIR_OK) forget(self, path);
    return s;
}

static weir_status make_directory(void *self, const char *path, struct weir_error *error)
{
    weir_status s = enter_change(self, "make the directory", true, path, error);
    return s == WEIR_OK ? os()->make_directory(NULL, path, error) : s;
}

static weir_status truncate_file(void *self, const char *path, int64_t bytes, struct weir_error *error)
{
    struct weir_faulty_file *f = find(self, path);
    weir_status s = enter_change(self, "truncate", false, path, error);
    if (s == WEIR_OK) s = os()->truncate(NULL, path, bytes, error);
    if (s == WEIR_OK && f && f->synced > bytes) f->synced = bytes;
    return s;
}

/* ---- calls that look --------------------------------------------------------------------------------------------- */

static weir_status size_file(void *self, struct weir_platform_file *file, int64_t *bytes, struct weir_error *error)
{
    weir_status s = enter(self, "find the size of", false, handle_of(file)->path, error);
    return s == WEIR_OK ? os()->size(NULL, handle_of(file)->file, bytes, error) : s;
}

static weir_status read_file(void *self, struct weir_platform_file *file, int64_t offset, void *buf, size_t n, size_t *got,
                             struct weir_error *error)
{
    weir_status s = enter(self, "read", false, handle_of(file)->path, error);
    *got = 0;
    return s == WEIR_OK ? os()->read(NULL, handle_of(file)->file, offset, buf, n, got, error) : s;
}

static weir_status look_at(void *self, const char *path, struct weir_file_info *info, struct weir_error *error)
{
    weir_status s = enter(self, "look at", false, path, error);
    return s == WEIR_OK ? os()->info(NULL, path, info, error) : s;
}

static weir_status look_for(void *self, const char *path, int64_t *bytes, struct weir_error *error)
{
    weir_status s = enter(self, "look for", false, path, error);
    *bytes = -1;
    return s == WEIR_OK ? os()->exists(NULL, path, bytes, error) : s;
}

static weir_status list_files(void *self, const char *path,
                              weir_status (*add)(void *to, const char *path, bool is_directory, int64_t size), void *to,
                              struct weir_error *error)
{
    weir_status s = enter(self, "list", false, path, error);
    return s == WEIR_OK ? os()->list(NULL, path, add, to, error) : s;
}

/* ---- making it --------------------------------------------------------------------------------------------------- */

void weir_faulty_disk_init(struct weir_faulty_disk *d, uint64_t seed)
{
    struct weir_platform *p = &d->sim.platform;
    weir_sim_init(&d->sim, seed);
    p->open = open_file;
    p->size = size_file;
    p->read = read_file;
    p->write = write_file;
    p->sync = sync_file;
    p->close = close_file;
    p->rename = rename_file;
    p->link = link_file;
    p->hold = NULL; /* there is nobody else */
    p->sync_directory = sync_directory;
    p->remove = remove_file;
    p->make_directory = make_directory;
    p->info = look_at;
    p->exists = look_for;
    p->truncate = truncate_file;
    p->list = list_files;
    weir_faulty_disk_mend(d);
}

void weir_faulty_disk_break(struct weir_faulty_disk *d, enum weir_fault fault, int64_t at)
{
    weir_faulty_disk_mend(d);
    d->fault = fault;
    d->at = at;
}

void weir_faulty_disk_mend(struct weir_faulty_disk *d)
{
    d->at = -1;
    d->calls = d->full = 0;
    d->faulted = 0;
    d->failed = NULL;
    d->off = false;
}

void weir_faulty_disk_forget(struct weir_faulty_disk *d)
{
    while (d->n > 0) weir_free(d->files[--d->n].path);
    weir_free(d->files);
    d->files = NULL;
    d->capacity = 0;
}
