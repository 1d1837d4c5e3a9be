/* base/platform.h - the one seam to the machine: clocks, randomness, files, standard output, sockets, threads.
 *
 * Everything in runtime/, loader/ and plugins/ reaches the machine through a struct weir_platform (plugins through the
 * host extension weir.io/1, which forwards to it). weir_platform_os() is the operating system; tests/harness has one with
 * a virtual clock and a seeded generator. tests/lint checks that nothing else calls clock_gettime, open,
 * pthread_create and the like.
 *
 * Any thread, unless said otherwise; one file, one socket: one thread at a time. File calls block as the operating
 * system's do.
 */
#ifndef WEIR_BASE_PLATFORM_H
#define WEIR_BASE_PLATFORM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct weir_platform_file;
struct weir_platform_socket;
struct weir_thread;

enum weir_file_mode { WEIR_OPEN_READ = 1, WEIR_OPEN_CREATE = 2, WEIR_OPEN_APPEND = 3 };

struct weir_file_info {
    bool is_directory, is_regular;
    int64_t size_bytes, modified_ns;
    uint32_t owner, mode; /* as stat has them */
    uint64_t device, inode;
};

/* A thread's bed, zeroed at first: park() sleeps until unpark() or the deadline. An unpark before the park makes the park
 * return at once; several count as one. Written by any thread. */
struct weir_parker {
    _Atomic uint32_t state; /* 0: nothing was said since the last park */
};
static inline bool weir_parker_is_notified(const struct weir_parker *p)
{
    return atomic_load_explicit(&p->state, memory_order_acquire) != 0;
}
/* Between two looks of a loop that waits. */
static inline void weir_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

struct weir_platform {
    void *self; /* first argument of every call */

    int64_t (*monotonic_ns)(void *self);
    int64_t (*wall_ms)(void *self);
    uint64_t (*random)(void *self);

    /* read returns fewer than n bytes only at the end of the file (0: at the end), and a pipe only in order; write writes
     * all or fails; after close the handle is gone, even on failure; NULL is fine. */
    weir_status (*open)(void *self, const char *path, enum weir_file_mode, struct weir_platform_file **,
                        struct weir_error *);
    weir_status (*size)(void *self, struct weir_platform_file *, int64_t *bytes, struct weir_error *);
    weir_status (*read)(void *self, struct weir_platform_file *, int64_t offset, void *buf, size_t n, size_t *got,
                        struct weir_error *);
    weir_status (*write)(void *self, struct weir_platform_file *, const void *buf, size_t n, struct weir_error *);
    weir_status (*sync)(void *self, struct weir_platform_file *, struct weir_error *);
    weir_status (*close)(void *self, struct weir_platform_file *, struct weir_error *);
    weir_status (*rename)(void *self, const char *from, const char *to, struct weir_error *);
    /* Another name of the same file, which lives as long as one of them. WEIR_MORE: this file system has no such thing. */
    weir_status (*link)(void *self, const char *from, const char *to, struct weir_error *);
    weir_status (*sync_directory)(void *self, const char *path, struct weir_error *); /* makes the names in it durable */
    /* Opens a file for writing, which is made, and keeps everybody else from holding it, in this process too, until it is
     * closed or the process ends. WEIR_MORE: another holds it. Where a file system has no locks it is opened, and nobody is
     * kept away. NULL: there is nobody else. */
    weir_status (*hold)(void *self, const char *path, struct weir_platform_file **, struct weir_error *);
    weir_status (*remove)(void *self, const char *path, struct weir_error *);         /* a file or an empty directory */
    weir_status (*make_directory)(void *self, const char *path, struct weir_error *); /* with parents */
    weir_status (*info)(void *self, const char *path, struct weir_file_info *, struct weir_error *);
    /* A missing file is no failure: *bytes is -1 then; 0: a directory. */
    weir_status (*exists)(void *self, const char *path, int64_t *bytes, struct weir_error *);
    /* Cuts a file that has at least that many bytes; a shorter one is an error. */
    weir_status (*truncate)(void *self, const char *path, int64_t bytes, struct weir_error *);
    /* Entries of a directory sorted by bytes, the one file itself, or the matches of a glob, through add(). */
    weir_status (*list)(void *self, const char *path,
                        weir_status (*add)(void *to, const char *path, bool is_directory, int64_t size), void *to,
                        struct weir_error *);
    /* stream: 1 stdout, 2 stderr. What one call writes stands together. */
    weir_status (*print)(void *self, int stream, const void *buf, size_t n, struct weir_error *);

    /* TCP. wait_ms < 0: for ever. A wait given `wake` (may be NULL) ends with WEIR_E_CANCELLED while *wake is not zero:
     * to end one from another thread, make *wake non-zero, then call wake_waits with its address. Resolving a host's name
     * is not interrupted. */
    weir_status (*connect)(void *self, const char *host, uint16_t port, int64_t wait_ms, const _Atomic uint32_t *wake,
                           struct weir_platform_socket **, struct weir_error *);
    /* WEIR_OK and *got 0: closed by the peer. WEIR_MORE: time is up. */
    weir_status (*receive)(void *self, struct weir_platform_socket *, void *buf, size_t n, int64_t wait_ms,
                           const _Atomic uint32_t *wake, size_t *got, struct weir_error *);
    weir_status (*close_socket)(void *self, struct weir_platform_socket *, struct weir_error *);
    void (*wake_waits)(void *self, const _Atomic uint32_t *wake);

    weir_status (*start_thread)(void *self, const char *name, void (*run)(void *arg), void *arg, struct weir_thread **,
                                struct weir_error *);
    void (*join_thread)(void *self, struct weir_thread *);
    void (*park)(void *self, struct weir_parker *, int64_t until_ns); /* monotonic; INT64_MAX: none. Own thread only. */
    void (*unpark)(void *self, struct weir_parker *);
    uint32_t (*cores)(void *self);
    /* Tests that draw every order from a seed: takes over a piece of work that base/work_pool.h would run on a thread.
     * NULL: there are threads. */
    void (*run_later)(void *self, void (*run)(void *arg, void *piece), void *arg, void *piece);
};

const struct weir_platform *weir_platform_os(void);

/* The whole of a file, NUL-terminated beyond its n bytes; at most max_bytes, else an error. The caller frees. */
WEIR_CHECKED weir_status weir_read_file(const struct weir_platform *, const char *path, size_t max_bytes, char **bytes,
                                        size_t *n, struct weir_error *);
/* Writes a temporary beside it, syncs it, renames it, and syncs the folder: after a crash there is the old file or the
 * new one. */
WEIR_CHECKED weir_status weir_write_file(const struct weir_platform *, const char *path, const void *bytes, size_t n,
                                         struct weir_error *);

#endif
