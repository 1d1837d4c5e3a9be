/* memory_disk.c - see the header. An open file is its name: what it says is looked up at every call. */
#include "harness/memory_disk.h"

#include <string.h>

#include "base/alloc.h"

/* The first one whose path is not before this one. */
static size_t place(const struct memory_disk *d, const char *path)
{
    size_t i = 0;
    while (i < d->n && strcmp(d->files[i].path, path) < 0) i++;
    return i;
}

static struct memory_file *find(const struct memory_disk *d, const char *path)
{
    size_t i = place(d, path);
    return i < d->n && strcmp(d->files[i].path, path) == 0 ? &d->files[i] : NULL;
}

static bool is_in(const char *path, const char *directory)
{
    size_t n = strlen(directory);
    return strncmp(path, directory, n) == 0 && (path[n] == '/' || (n == 1 && directory[0] == '/'));
}

static bool is_directory(const struct memory_disk *d, const char *path)
{
    for (size_t i = 0; i < d->n; i++) {
        if (is_in(d->files[i].path, path)) return true;
    }
    return strcmp(path, "/") == 0;
}

static struct memory_file *make(struct memory_disk *d, const char *path)
{
    size_t i = place(d, path);
    WEIR_GROW(d->files, d->capacity, d->n + 1);
    memmove(&d->files[i + 1], &d->files[i], (d->n - i) * sizeof *d->files);
    d->n++;
    d->files[i] = (struct memory_file){.path = weir_strdup(path)};
    return &d->files[i];
}

static void take_away(struct memory_disk *d, size_t i)
{
    weir_free(d->files[i].path);
    weir_free(d->files[i].bytes);
    memmove(&d->files[i], &d->files[i + 1], (d->n - i - 1) * sizeof *d->files);
    d->n--;
}

void memory_disk_put(struct memory_disk *d, const char *path, const void *bytes, size_t n)
{
    struct memory_file *f = find(d, path);
    if (!f) f = make(d, path);
    weir_free(f->bytes);
    f->bytes = weir_alloc(n + 1);
    if (n > 0) memcpy(f->bytes, bytes, n);
    f->n = n;
}

static weir_status none(struct weir_error *error, const char *path)
{
    return weir_error_set(error, WEIR_E_IO, "cannot open '%s': No such file or directory", path);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static weir_status disk_open(void *self, const char *path, enum weir_file_mode mode, struct weir_platform_file **to,
                             struct weir_error *error)
{
    if (mode == WEIR_OPEN_CREATE) memory_disk_put(self, path, NULL, 0);
    if (!find(self, path)) return none(error, path);
    *to = (void *)weir_strdup(path);
    return WEIR_OK;
}

static weir_status disk_size(void *self, struct weir_platform_file *file, int64_t *bytes, struct weir_error *error)
{
    const struct memory_file *f = find(self, (const char *)file);
    if (!f) return none(error, (const char *)file);
    *bytes = (int64_t)f->n;
    return WEIR_OK;
}

static weir_status disk_read(void *self, struct weir_platform_file *file, int64_t offset, void *to, size_t n, size_t *got,
                             struct weir_error *error)
{
    const struct memory_file *f = find(self, (const char *)file);
    if (!f) return none(error, (const char *)file);
    size_t left = offset >= 0 && (uint64_t)offset < f->n ? f->n - (size_t)offset : 0;
    *got = n < left ? n : left;
    if (*got > 0) memcpy(to, f->bytes + offset, *got);
    return WEIR_OK;
}

static weir_status disk_write(void *self, struct weir_platform_file *file, const void *bytes, size_t n,
                              struct weir_error *error)
{
    struct memory_file *f = find(self, (const char *)file);
    if (!f) return none(error, (const char *)file);
    f->bytes = weir_realloc_array(f->bytes, f->n + 1, f->n + n + 1, 1);
    if (n > 0) memcpy(f->bytes + f->n, bytes, n);
    f->n += n;
    return WEIR_OK;
}

static weir_status disk_sync(void *self, struct weir_platform_file *file, struct weir_error *error)
{
    (void)self, (void)file, (void)error;
    return WEIR_OK;
}

static weir_status disk_close(void *self, struct weir_platform_file *file, struct weir_error *error)
{
    (void)self, (void)error;
    weir_free(file);
    return WEIR_OK;
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

static weir_status disk_rename(void *self, const char *from, const char *to, struct weir_error *error)
{
    struct memory_disk *d = self, moved = {0};
    if (!find(d, from) && !is_directory(d, from)) return none(error, from);
    for (size_t i = 0; i < d->n;) {
        struct memory_file *f = &d->files[i];
        if (strcmp(f->path, from) == 0 || is_in(f->path, from)) {
            char *path = weir_format("%s%s", to, f->path + strlen(from));
            memory_disk_put(&moved, path, f->bytes, f->n);
            weir_free(path);
            take_away(d, i);
        } else {
            i++;
        }
    }
    for (size_t i = 0; i < moved.n; i++) memory_disk_put(d, moved.files[i].path, moved.files[i].bytes, moved.files[i].n);
    memory_disk_finish(&moved);
    return WEIR_OK;
}

static weir_status disk_sync_directory(void *self, const char *path, struct weir_error *error)
{
    (void)self, (void)path, (void)error;
    return WEIR_OK;
}

static weir_status disk_remove(void *self, const char *path, struct weir_error *error)
{
    struct memory_disk *d = self;
    struct memory_file *f = find(d, path);
    if (!f) return none(error, path);
    take_away(d, (size_t)(f - d->files));
    return WEIR_OK;
}

static weir_status disk_make_directory(void *self, const char *path, struct weir_error *error)
{
    (void)self, (void)path, (void)error;
    return WEIR_OK;
}

static weir_status disk_info(void *self, const char *path, struct weir_file_info *info, struct weir_error *error)
{
    const struct memory_file *f = find(self, path);
    if (!f && !is_directory(self, path)) return none(error, path);
    *info = (struct weir_file_info){.is_directory = !f,
                                    .is_regular = f != NULL,
                                    .size_bytes = f ? (int64_t)f->n : 0,
                                    .mode = f ? 0100644 : 040755,
                                    .inode = f ? (uint64_t)(uintptr_t)f->bytes : 1};
    return WEIR_OK;
}

static weir_status disk_exists(void *self, const char *path, int64_t *bytes, struct weir_error *error)
{
    const struct memory_file *f = find(self, path);
    (void)error;
    *bytes = f ? (int64_t)f->n : is_directory(self, path) ? 0 : -1;
    return WEIR_OK;
}

static weir_status disk_truncate(void *self, const char *path, int64_t bytes, struct weir_error *error)
{
    struct memory_file *f = find(self, path);
    if (!f || bytes < 0 || (uint64_t)bytes > f->n) return none(error, path);
    f->n = (size_t)bytes;
    return WEIR_OK;
}

/* The files are in order of their paths, so those of one folder in this one are together. */
static weir_status disk_list(void *self, const char *path,
                             weir_status (*add)(void *to, const char *path, bool is_directory, int64_t size), void *to,
                             struct weir_error *error)
{
    const struct memory_disk *d = self;
    const struct memory_file *one = find(d, path);
    size_t n = strcmp(path, "/") == 0 ? 0 : strlen(path);
    weir_status s = WEIR_OK;
    if (one) return add(to, path, false, (int64_t)one->n);
    if (!is_directory(d, path)) return none(error, path);
    char *last = NULL; /* the folder that was told of last */
    for (size_t i = 0; i < d->n && s == WEIR_OK; i++) {
        const char *name = d->files[i].path, *slash = is_in(name, path) ? strchr(name + n + 1, '/') : NULL;
        if (!is_in(name, path) || (last && is_in(name, last))) continue;
        weir_free(last);
        last = slash ? weir_strndup(name, (size_t)(slash - name)) : NULL;
        s = last ? add(to, last, true, 0) : add(to, name, false, (int64_t)d->files[i].n);
    }
    weir_free(last);
    return s;
}

/* ---- the disk ---------------------------------------------------------------------------------------------------- */

void memory_disk_init(struct memory_disk *d)
{
    *d = (struct memory_disk){.platform = *weir_platform_os()};
    struct weir_platform *p = &d->platform;
    p->self = d;
    p->open = disk_open;
    p->size = disk_size;
    p->read = disk_read;
    p->write = disk_write;
    p->sync = disk_sync;
    p->close = disk_close;
    p->rename = disk_rename;
    p->hold = NULL;
    p->sync_directory = disk_sync_directory;
    p->remove = disk_remove;
    p->make_directory = disk_make_directory;
    p->info = disk_info;
    p->exists = disk_exists;
    p->truncate = disk_truncate;
    p->list = disk_list;
}

void memory_disk_finish(struct memory_disk *d)
{
    while (d->n > 0) take_away(d, d->n - 1);
    weir_free(d->files);
    d->files = NULL;
    d->capacity = 0;
}
