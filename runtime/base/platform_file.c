/* platform_file.c - files and standard output through system calls. A write is whole or failed; EINTR never shows. */
#include "base/platform_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

struct weir_platform_file {
    int fd;
    int64_t position; /* bytes read so far: where a pipe stands */
    char *path;       /* for messages */
};

#define MOST_PER_CALL ((size_t)1 << 30) /* read(2) and write(2) take no more than 2 GiB */

static int open_retrying(const char *path, int flags)
{
    int fd;
    do fd = open(path, flags | O_CLOEXEC, 0666);
    while (fd < 0 && errno == EINTR);
    return fd;
}

static struct weir_platform_file *make_file(int fd, const char *path)
{
    struct weir_platform_file *file = weir_alloc(sizeof *file);
    *file = (struct weir_platform_file){.fd = fd, .path = weir_strdup(path)};
    return file;
}

weir_status weir__os_open(void *self, const char *path, enum weir_file_mode mode, struct weir_platform_file **file,
                          struct weir_error *error)
{
    int flags = mode == WEIR_OPEN_READ ? O_RDONLY : O_WRONLY | O_CREAT | (mode == WEIR_OPEN_CREATE ? O_TRUNC : O_APPEND);
    const char *what = mode == WEIR_OPEN_READ ? "open" : mode == WEIR_OPEN_CREATE ? "create" : "open for appending";
    struct stat st;
    (void)self;
    *file = NULL;
    int fd = open_retrying(path, flags);
    if (fd < 0) return weir__os_failed(error, errno, what, path);
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) { /* open(2) reads directories gladly; read(2) would only say so later */
        close(fd);
        return weir__os_failed(error, EISDIR, what, path);
    }
    *file = make_file(fd, path);
    return WEIR_OK;
}

/* Who held it may have removed it since it was opened. */
static bool is_still_at(int fd, const char *path)
{
    struct stat own, there;
    return fstat(fd, &own) == 0 && stat(path, &there) == 0 && own.st_ino == there.st_ino && own.st_dev == there.st_dev;
}

/* The lock is the open file's: it goes with the descriptor, and another descriptor of this process does not have it. */
weir_status weir__os_hold(void *self, const char *path, struct weir_platform_file **file, struct weir_error *error)
{
    (void)self;
    *file = NULL;
    int fd = open_retrying(path, O_WRONLY | O_CREAT);
    if (fd < 0) return weir__os_failed(error, errno, "create", path);
    bool is_held = fcntl(fd, F_OFD_SETLK, &(struct flock){.l_type = F_WRLCK}) != 0 && (errno == EAGAIN || errno == EACCES);
    if (is_held || !is_still_at(fd, path)) {
        close(fd);
        return WEIR_MORE;
    }
    *file = make_file(fd, path);
    return WEIR_OK;
}

weir_status weir__os_size(void *self, struct weir_platform_file *file, int64_t *bytes, struct weir_error *error)
{
    struct stat st;
    (void)self;
    if (fstat(file->fd, &st) != 0) return weir__os_failed(error, errno, "find the size of", file->path);
    if (!S_ISREG(st.st_mode)) {
        return weir_error_set(error, WEIR_E_IO,
                              "'%s' has no size: it is not a regular file but a pipe, a socket or a device", file->path);
    }
    *bytes = st.st_size;
    return WEIR_OK;
}

/* pread, or read for what cannot seek and is read in order. */
static ssize_t read_at(struct weir_platform_file *file, int64_t offset, void *buf, size_t n)
{
    if (n > MOST_PER_CALL) n = MOST_PER_CALL;
    ssize_t got = pread(file->fd, buf, n, offset);
    if (got < 0 && errno == ESPIPE && offset == file->position) got = read(file->fd, buf, n);
    if (got > 0) file->position = offset + got;
    return got;
}

weir_status weir__os_read(void *self, struct weir_platform_file *file, int64_t offset, void *buf, size_t n, size_t *got,
                          struct weir_error *error)
{
    (void)self;
    *got = 0;
    while (*got < n) {
        ssize_t r = read_at(file, offset + (int64_t)*got, (char *)buf + *got, n - *got);
        if (r == 0) break;
        if (r > 0)
            *got += (size_t)r;
        else if (errno != EINTR)
            return weir__os_failed(error, errno, "read", file->path);
    }
    return WEIR_OK;
}

/* Writes all of it; a descriptor that somebody made non-blocking is waited for. Returns errno, 0 when done. */
static int write_all(int fd, const void *buf, size_t n)
{
    const char *p = buf;
    while (n > 0) {
        ssize_t w = write(fd, p, n < MOST_PER_CALL ? n : MOST_PER_CALL);
        if (w >= 0) {
            p += w;
            n -= (size_t)w;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            struct pollfd room = {.fd = fd, .events = POLLOUT};
            poll(&room, 1, -1);
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

weir_status weir__os_write(void *self, struct weir_platform_file *file, const void *buf, size_t n, struct weir_error *error)
{
    (void)self;
    int failed = write_all(file->fd, buf, n);
    return failed ? weir__os_failed(error, failed, "write", file->path) : WEIR_OK;
}

weir_status weir__os_print(void *self, int stream, const void *buf, size_t n, struct weir_error *error)
{
    static pthread_mutex_t one_run = PTHREAD_MUTEX_INITIALIZER;
    (void)self;
    pthread_mutex_lock(&one_run);
    int failed = write_all(stream, buf, n);
    pthread_mutex_unlock(&one_run);
    return failed ? weir__os_failed(error, failed, "write", stream == 1 ? "standard output" : "standard error") : WEIR_OK;
}

/* What cannot be synced (a pipe, a device) has nothing to lose in a crash. */
static bool is_syncable_error(int number)
{
    return number != EINVAL && number != EROFS;
}

weir_status weir__os_sync(void *self, struct weir_platform_file *file, struct weir_error *error)
{
    (void)self;
    if (fsync(file->fd) != 0 && is_syncable_error(errno)) return weir__os_failed(error, errno, "sync", file->path);
    return WEIR_OK;
}

weir_status weir__os_close(void *self, struct weir_platform_file *file, struct weir_error *error)
{
    weir_status s = WEIR_OK;
    (void)self;
    if (!file) return WEIR_OK;
    /* Linux closes the descriptor even when close(2) is interrupted; calling it again could close another thread's. */
    if (close(file->fd) != 0 && errno != EINTR) s = weir__os_failed(error, errno, "close", file->path);
    weir_free(file->path);
    weir_free(file);
    return s;
}

weir_status weir__os_rename(void *self, const char *from, const char *to, struct weir_error *error)
{
    char words[128];
    (void)self;
    if (rename(from, to) == 0) return WEIR_OK;
    return weir_error_set(error, WEIR_E_IO, "cannot rename '%s' to '%s': %s", from, to,
                          weir__os_why(errno, words, sizeof words));
}

weir_status weir__os_link(void *self, const char *from, const char *to, struct weir_error *error)
{
    char words[128];
    (void)self;
    if (link(from, to) == 0) return WEIR_OK;
    if (errno == EPERM || errno == EXDEV || errno == EMLINK || errno == EOPNOTSUPP || errno == ENOSYS) return WEIR_MORE;
    return weir_error_set(error, WEIR_E_IO, "cannot give '%s' the name '%s' as well: %s", from, to,
                          weir__os_why(errno, words, sizeof words));
}

weir_status weir__os_sync_directory(void *self, const char *path, struct weir_error *error)
{
    weir_status s = WEIR_OK;
    (void)self;
    int fd = open_retrying(path, O_RDONLY | O_DIRECTORY);
    if (fd < 0) return weir__os_failed(error, errno, "open the directory", path);
    if (fsync(fd) != 0 && is_syncable_error(errno)) s = weir__os_failed(error, errno, "sync the directory", path);
    close(fd);
    return s;
}

weir_status weir__os_remove(void *self, const char *path, struct weir_error *error)
{
    (void)self;
    return remove(path) == 0 ? WEIR_OK : weir__os_failed(error, errno, "remove", path);
}

weir_status weir__os_exists(void *self, const char *path, int64_t *bytes, struct weir_error *error)
{
    struct stat st;
    (void)self;
    *bytes = -1;
    if (stat(path, &st) == 0) {
        if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
            return weir_error_set(error, WEIR_E_CONFIG, "'%s' is a device, a pipe or a socket, and not a file", path);
        *bytes = S_ISDIR(st.st_mode) ? 0 : st.st_size;
        return WEIR_OK;
    }
    return errno == ENOENT || errno == ENOTDIR ? WEIR_OK : weir__os_failed(error, errno, "look for", path);
}

weir_status weir__os_truncate(void *self, const char *path, int64_t bytes, struct weir_error *error)
{
    struct stat st;
    int result;
    (void)self;
    if (stat(path, &st) != 0) return weir__os_failed(error, errno, "truncate", path);
    if (st.st_size < bytes)
        return weir_error_set(error, WEIR_E_IO, "cannot truncate '%s' to %lld bytes: it has only %lld", path,
                              (long long)bytes, (long long)st.st_size);
    do result = truncate(path, bytes);
    while (result != 0 && errno == EINTR);
    return result == 0 ? WEIR_OK : weir__os_failed(error, errno, "truncate", path);
}
