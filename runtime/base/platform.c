/* platform.c - what is made of a platform's calls, the same on every platform: whole files. Any thread. */
#include "base/platform.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "base/path.h"

/* Reads to the end, growing the buffer, since /proc files and pipes do not know their size. */
static weir_status read_all(const struct weir_platform *p, struct weir_platform_file *file, const char *path,
                            size_t max_bytes, char **bytes, size_t *n, struct weir_error *error)
{
    size_t capacity = 0, length = 0, got;
    char *buffer = NULL;
    weir_status s;
    do {
        if (length == capacity) {
            size_t larger = capacity ? capacity * 2 : 16384;
            char *grown = weir_try_realloc(buffer, larger + 1);
            if (!grown) {
                s = weir_error_set(error, WEIR_E_MEMORY, "no memory for the %zu bytes of '%s' and more", length, path);
                break;
            }
            buffer = grown;
            capacity = larger;
        }
        s = p->read(p->self, file, (int64_t)length, buffer + length, capacity - length, &got, error);
        length += got;
        if (s == WEIR_OK && length > max_bytes) {
            s = weir_error_set(error, WEIR_E_IO, "'%s' is larger than the %zu bytes that are expected at most", path,
                               max_bytes);
        }
    } while (s == WEIR_OK && length == capacity);
    if (s != WEIR_OK) {
        weir_free(buffer);
        return s;
    }
    buffer[length] = 0;
    *bytes = buffer;
    *n = length;
    return WEIR_OK;
}

weir_status weir_read_file(const struct weir_platform *p, const char *path, size_t max_bytes, char **bytes, size_t *n,
                           struct weir_error *error)
{
    struct weir_platform_file *file;
    *bytes = NULL;
    *n = 0;
    weir_status s = p->open(p->self, path, WEIR_OPEN_READ, &file, error);
    if (s != WEIR_OK) return s;
    s = read_all(p, file, path, max_bytes, bytes, n, error);
    (void)p->close(p->self, file, NULL);
    return s;
}

static weir_status write_and_sync(const struct weir_platform *p, const char *path, const void *bytes, size_t n,
                                  struct weir_error *error)
{
    struct weir_platform_file *file;
    weir_status s = p->open(p->self, path, WEIR_OPEN_CREATE, &file, error);
    if (s != WEIR_OK) return s;
    s = p->write(p->self, file, bytes, n, error);
    if (s == WEIR_OK) s = p->sync(p->self, file, error);
    weir_status closed = p->close(p->self, file, s == WEIR_OK ? error : NULL);
    return s == WEIR_OK ? closed : s;
}

weir_status weir_write_file(const struct weir_platform *p, const char *path, const void *bytes, size_t n,
                            struct weir_error *error)
{
    char *folder = weir_path_dirname(path), *temporary = weir_format("%s.%016" PRIx64 ".tmp", path, p->random(p->self));
    weir_status s = write_and_sync(p, temporary, bytes, n, error);
    if (s == WEIR_OK) s = p->rename(p->self, temporary, path, error);
    if (s == WEIR_OK) s = p->sync_directory(p->self, folder, error);
    else (void)p->remove(p->self, temporary, NULL);
    weir_free(temporary);
    weir_free(folder);
    return s;
}
