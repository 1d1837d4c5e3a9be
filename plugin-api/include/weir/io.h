/* weir/io.h - the host extension "weir.io/1": files, directories, standard output, sockets, clocks and randomness.
 *
 * A component reaches the machine only through this table, so that tests can put a virtual clock, a seeded generator or a
 * faulty disk behind it. All calls are [any] unless tagged. Failures return a negative status and write a message (what, on
 * which path, why) into the weir_io_error. Paths are absolute or relative to the process.
 */
#ifndef WEIR_IO_H
#define WEIR_IO_H

#include <weir/host.h>

#define WEIR_IO "weir.io/1"

typedef struct weir_io_error {
    weir_status status;
    int32_t os_error; /* errno's value where there is one: for the log, not for decisions */
    char message[240];
} weir_io_error;

typedef struct weir_file weir_file;
typedef struct weir_socket weir_socket;

/* HOLD: the file is made if it is not there, and nobody else holds it, in this process or another, until it is closed;
 * nothing is read or written. WEIR_MORE: another holds it. A file system without locks keeps nobody away. It may be removed
 * while it is held. */
enum { WEIR_FILE_READ = 1, WEIR_FILE_CREATE = 2, WEIR_FILE_APPEND = 3, WEIR_FILE_HOLD = 4 };
enum { WEIR_STDOUT = 1, WEIR_STDERR = 2 };

typedef weir_status weir_list_file(void *to, const char *path, bool is_directory, int64_t size);

typedef struct weir_io {
    uint32_t struct_size, reserved;

    /* Files. read returns fewer than n bytes only at the end of the file (0: at the end). write writes all or fails. */
    weir_status (*open)(weir_ctx *, const char *path, int mode, weir_file **, weir_io_error *);
    weir_status (*size)(weir_ctx *, weir_file *, int64_t *bytes, weir_io_error *);
    weir_status (*read)(weir_ctx *, weir_file *, int64_t offset, void *buf, size_t n, size_t *got, weir_io_error *);
    weir_status (*write)(weir_ctx *, weir_file *, const void *buf, size_t n, weir_io_error *);
    weir_status (*sync)(weir_ctx *, weir_file *, weir_io_error *);  /* blocks: not on a slot */
    weir_status (*close)(weir_ctx *, weir_file *, weir_io_error *); /* the handle is gone even on failure; NULL is fine */
    weir_status (*rename)(weir_ctx *, const char *from, const char *to, weir_io_error *);
    weir_status (*remove)(weir_ctx *, const char *path, weir_io_error *);
    weir_status (*make_directory)(weir_ctx *, const char *path, weir_io_error *); /* with parents; fine when there */
    /* Entries of a directory (not recursive, sorted by name bytes), the one file itself, or the files that match a glob. */
    weir_status (*list)(weir_ctx *, const char *path, weir_list_file *add, void *to, weir_io_error *);
    /* Whole runs of bytes to standard output or error; runs of different subtasks are never mixed within one call. */
    weir_status (*print)(weir_ctx *, int stream, const void *buf, size_t n, weir_io_error *);

    /* TCP client; for WEIR_BLOCKING components only. wait_ms < 0: for ever. Both calls end early with *got = 0 and
     * WEIR_E_CANCELLED after wake(). receive: *got = 0 and WEIR_OK means that the peer closed, WEIR_MORE that wait_ms
     * passed. */
    weir_status (*connect)(weir_ctx *, const char *host, uint16_t port, int64_t wait_ms, weir_socket **, weir_io_error *);
    weir_status (*receive)(weir_ctx *, weir_socket *, void *buf, size_t n, int64_t wait_ms, size_t *got, weir_io_error *);
    weir_status (*close_socket)(weir_ctx *, weir_socket *, weir_io_error *);

    int64_t (*wall_ms)(weir_ctx *);      /* since the epoch */
    int64_t (*monotonic_ns)(weir_ctx *); /* from an arbitrary start */
    uint64_t (*random)(weir_ctx *);      /* seeded per job and subtask in tests */

    /* What happens to names, for sinks that commit by renaming. sync_directory blocks: it makes the names in it durable.
     * exists: a missing file is no failure (*bytes is -1 then); a directory has 0; a device, a pipe or a socket is
     * WEIR_E_CONFIG: it cannot be replaced by a file. truncate cuts a file that has at least
     * that many bytes. */
    weir_status (*sync_directory)(weir_ctx *, const char *path, weir_io_error *);
    weir_status (*exists)(weir_ctx *, const char *path, int64_t *bytes, weir_io_error *);
    weir_status (*truncate)(weir_ctx *, const char *path, int64_t bytes, weir_io_error *);

    /* Another name of the same file, which lives as long as one of them. WEIR_MORE: this file system has no such thing. */
    weir_status (*link)(weir_ctx *, const char *from, const char *to, weir_io_error *);
} weir_io;

static inline const weir_io *weir_io_of(weir_ctx *cx)
{
    return (const weir_io *)cx->host->extension(cx, WEIR_IO);
}

#endif
