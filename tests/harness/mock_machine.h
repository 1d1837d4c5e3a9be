/* harness/mock_machine.h - a machine in memory behind weir.io/1: files, a scripted TCP peer, standard output, clocks.
 *
 * One thread. Several mock hosts may share one machine. Calls can be made to fail; handles left open are a test failure.
 */
#ifndef WEIR_HARNESS_MOCK_MACHINE_H
#define WEIR_HARNESS_MOCK_MACHINE_H

#include <weir/io.h>

#include "base/text.h"

/* What the peer of a connection does next. A connect takes one step: REFUSE or anything else (which stays for receive). */
enum mock_peer_kind {
    MOCK_END = 0, /* of the script: the peer closes, for ever */
    MOCK_REFUSE,  /* connect fails */
    MOCK_DATA,    /* receive gives `text` (in pieces when the buffer is small) */
    MOCK_WAIT,    /* receive: wait_ms passes */
    MOCK_WAKE,    /* connect, receive: cancelled by wake() */
    MOCK_BREAK,   /* receive fails: connection reset */
    MOCK_CLOSE    /* the peer closes; a later connect goes on behind it */
};
struct mock_peer_step {
    enum mock_peer_kind kind;
    const char *text;
};

struct mock_machine {
    struct mock_file *files; /* list, in no order */
    const struct mock_peer_step *peer;
    struct weir_text printed[3]; /* by WEIR_STDOUT, WEIR_STDERR */
    uint32_t prints;             /* calls */
    int32_t open_handles;        /* files and sockets */
    weir_file *held;             /* handles of WEIR_FILE_HOLD */
    int64_t wall_ms, monotonic_ns;
    uint64_t random;
    /* Makes the call of that name ("read", "rename", ...) fail once `fail_after` of them have worked. NULL: none fails. */
    const char *fail_call;
    int64_t fail_after;
    /* A crash: every call that changes something fails from the first one on that `crash_after` of them came before; < 0:
     * none does. `changes` counts them all. */
    int64_t crash_after, changes;
    size_t read_limit; /* > 0: no file has more bytes than this for `read`: it was cut while being read */
};

struct mock_machine *mock_machine_create(void);
void mock_machine_destroy(struct mock_machine *); /* asserts that no handle is open */

void mock_file_put(struct mock_machine *, const char *path, const void *bytes, size_t n); /* replaces */
void mock_file_put_text(struct mock_machine *, const char *path, const char *text);
/* NULL: no such file. NUL-terminated; valid until the file changes. n may be NULL. */
const char *mock_file_get(struct mock_machine *, const char *path, size_t *n);
size_t mock_file_count(const struct mock_machine *);
const char *mock_file_path(const struct mock_machine *, size_t i); /* of the i-th file of mock_file_count */
/* A loss of power: what no file was synced with is gone. */
void mock_lose_unsynced(struct mock_machine *);

/* The table; the contexts given to it must be those of mock hosts. */
extern const weir_io mock_io;
struct mock_machine *mock_machine_of(weir_ctx *); /* implemented by mock_host.c */

#endif
