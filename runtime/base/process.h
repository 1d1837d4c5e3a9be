/* base/process.h - other programs, and this one: run a helper and take down what it says, find our own executable and user.
 *
 * Floor 1; part of the seam to the machine (platform_process.c), but not of struct weir_platform: a simulated machine has
 * one process. Any thread, unless said otherwise. Programs are started with posix_spawn, never with fork.
 */
#ifndef WEIR_BASE_PROCESS_H
#define WEIR_BASE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct weir_process_limits {
    int64_t timeout_ms;      /* then it is killed, with its process group; < 0: none */
    size_t max_output_bytes; /* kept of each stream; the rest is read and thrown away, and `cut` says so */
};

/* How a program ended and what it wrote. */
struct weir_process_result { /* zeroed is empty */
    bool exited;             /* exit_code holds */
    bool timed_out;
    bool cut;              /* it wrote more than was kept */
    int exit_code, signal; /* signal 0: none */
    char *out, *err;       /* owned; NUL-terminated beyond n_out and n_err bytes */
    size_t n_out, n_err;
    char how[96]; /* in words: "exited with code 3", "was killed by signal 11 (SIGSEGV, Segmentation fault)" */
};
/* Runs argv[0] (a path; PATH is not searched) with our environment, standard input empty and all signals at their defaults,
 * and waits for its end. Fails only when it could not be run: how it ended is in the result, which the caller finishes in
 * any case. */
WEIR_CHECKED weir_status weir_process_run(const char *const *argv, const struct weir_process_limits *,
                                          struct weir_process_result *, struct weir_error *);
void weir_process_result_finish(struct weir_process_result *);

char *weir_process_executable(void); /* absolute path of this program; the caller frees; NULL when the system does not say */
uint32_t weir_process_user(void);    /* the effective user */
void weir_process_die_with_parent(
    void); /* this process is killed when the thread that started it ends; first thing in main */

struct weir_thread;
void weir_thread_abort(struct weir_thread *); /* SIGABRT, on that thread; it runs */

/* What this process writes to standard output from now on goes to standard error; what is given to weir_process_say goes to
 * the standard output there was. For a helper that runs foreign code. Once, before threads. */
WEIR_CHECKED weir_status weir_process_reserve_output(int *output, struct weir_error *);
WEIR_CHECKED weir_status weir_process_say(int output, const void *bytes, size_t n, struct weir_error *);

/* The absolute path without links, "." and ".."; the file must exist. The caller frees *real. */
WEIR_CHECKED weir_status weir_path_resolve(const char *path, char **real, struct weir_error *);

#endif
