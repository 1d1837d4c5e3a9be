/* base/platform_process.c - base/process.h on Linux. Any thread.
 *
 * A child gets a process group of its own, so that what it starts is killed with it. Its end is seen by asking (waitpid with
 * WNOHANG) each time its pipes say something or POLL_MS have passed: a child that closes its pipes and goes on, or one whose
 * own children keep them open, ends the wait all the same. If the embedding program ignores SIGCHLD the system keeps no exit
 * status; the result then says neither exit code nor signal.
 */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"

extern char **environ;

enum { POLL_MS = 10, SOON_MS = 1 }; /* with its pipes closed, a child is nearly always about to end */

struct stream {
    int fd; /* our end; -1 once it is closed */
    char *bytes;
    size_t n, capacity;
};
struct child {
    pid_t pid;
    struct stream out, err;
    const struct weir_process_limits *limits;
    bool ended, cut;
    int status;
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

/* ---- starting ---------------------------------------------------------------------------------------------------- */

static int prepare(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes, int out, int err)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int e = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    if (!e) e = posix_spawn_file_actions_adddup2(actions, out, 1);
    if (!e) e = posix_spawn_file_actions_adddup2(actions, err, 2);
    if (!e) e = posix_spawnattr_setsigmask(attributes, &none);
    if (!e) e = posix_spawnattr_setsigdefault(attributes, &all);
    if (!e) e = posix_spawnattr_setpgroup(attributes, 0);
    if (!e) e = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    return e;
}

static int spawn(const char *const *argv, int out, int err, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int e = posix_spawn_file_actions_init(&actions);
    if (e) return e;
    e = posix_spawnattr_init(&attributes);
    if (!e) {
        e = prepare(&actions, &attributes, out, err);
        /* posix_spawn does not write to argv: its type is older than const. */
        if (!e) e = posix_spawn(pid, argv[0], &actions, &attributes, (char *const *)(uintptr_t)argv, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return e;
}

static weir_status start(struct child *c, const char *const *argv, struct weir_error *error)
{
    int out[2] = {-1, -1}, err[2] = {-1, -1};
    int e = pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0 ? 0 : errno;
    if (!e) e = spawn(argv, out[1], err[1], &c->pid);
    close_fd(&out[1]);
    close_fd(&err[1]);
    c->out.fd = out[0];
    c->err.fd = err[0];
    if (!e) return WEIR_OK;
    close_fd(&c->out.fd);
    close_fd(&c->err.fd);
    return weir_error_set(error, WEIR_E_IO, "%s: cannot be run: %s", argv[0], strerror(e));
}

/* ---- reading until it ends --------------------------------------------------------------------------------------- */

static void keep(struct child *c, struct stream *s, const char *bytes, size_t n)
{
    size_t room = c->limits->max_output_bytes - s->n;
    if (n > room) {
        n = room;
        c->cut = true;
    }
    WEIR_GROW(s->bytes, s->capacity, s->n + n + 1);
    memcpy(s->bytes + s->n, bytes, n);
    s->n += n;
    s->bytes[s->n] = 0;
}

static void drain(struct child *c, struct stream *s)
{
    char buf[16384];
    ssize_t n = read(s->fd, buf, sizeof buf);
    if (n > 0) {
        keep(c, s, buf, (size_t)n);
    } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
        close_fd(&s->fd);
    }
}

/* One wait for output; false when nothing came. */
static bool listen_once(struct child *c, int wait_ms)
{
    struct pollfd fds[2] = {{c->out.fd, POLLIN, 0}, {c->err.fd, POLLIN, 0}}; /* poll skips negative ones */
    if (poll(fds, 2, wait_ms) <= 0) return false;
    if (fds[0].revents) drain(c, &c->out);
    if (fds[1].revents) drain(c, &c->err);
    return true;
}

static void look_whether_it_ended(struct child *c, bool wait)
{
    pid_t got;
    do {
        got = waitpid(c->pid, &c->status, wait ? 0 : WNOHANG);
    } while (got < 0 && errno == EINTR);
    if (got < 0) c->status = -1; /* nobody kept its status */
    c->ended = got != 0;
}

/* Reads until the child ended and its last words are read; false when time is up. */
static bool follow(struct child *c)
{
    int64_t deadline = c->limits->timeout_ms < 0 ? INT64_MAX : now_ms() + c->limits->timeout_ms;
    while (!c->ended) {
        if (now_ms() >= deadline) return false;
        listen_once(c, c->out.fd < 0 && c->err.fd < 0 ? SOON_MS : POLL_MS);
        look_whether_it_ended(c, false);
    }
    while ((c->out.fd >= 0 || c->err.fd >= 0) && listen_once(c, 0)) {
        if (now_ms() >= deadline) return false;
    }
    return true;
}

/* ---- how it ended ------------------------------------------------------------------------------------------------ */

static void say_how(struct weir_process_result *r, int64_t timeout_ms)
{
    const char *name = r->signal ? sigabbrev_np(r->signal) : NULL;
    if (r->timed_out) {
        snprintf(r->how, sizeof r->how, "had not ended after %g s and was killed", (double)timeout_ms / 1000);
    } else if (r->signal) {
        snprintf(r->how, sizeof r->how, "was killed by signal %d (SIG%s, %s)", r->signal, name ? name : "?",
                 strsignal(r->signal));
    } else if (r->exited) {
        snprintf(r->how, sizeof r->how, "exited with code %d", r->exit_code);
    } else {
        snprintf(r->how, sizeof r->how, "ended in an unknown way");
    }
}

static void fill(struct weir_process_result *r, struct child *c)
{
    r->cut = c->cut;
    r->out = c->out.bytes;
    r->n_out = c->out.n;
    r->err = c->err.bytes;
    r->n_err = c->err.n;
    if (c->status != -1 && !r->timed_out) {
        r->exited = WIFEXITED(c->status);
        r->exit_code = r->exited ? WEXITSTATUS(c->status) : 0;
        r->signal = WIFSIGNALED(c->status) ? WTERMSIG(c->status) : 0;
    }
    say_how(r, c->limits->timeout_ms);
}

weir_status weir_process_run(const char *const *argv, const struct weir_process_limits *limits,
                             struct weir_process_result *r, struct weir_error *error)
{
    struct child c = {.limits = limits};
    *r = (struct weir_process_result){0};
    weir_status s = start(&c, argv, error);
    if (s != WEIR_OK) return s;
    keep(&c, &c.out, "", 0);
    keep(&c, &c.err, "", 0);
    r->timed_out = !follow(&c);
    kill(-c.pid, SIGKILL); /* and what it may have left behind */
    if (!c.ended) look_whether_it_ended(&c, true);
    close_fd(&c.out.fd);
    close_fd(&c.err.fd);
    fill(r, &c);
    return WEIR_OK;
}

void weir_process_result_finish(struct weir_process_result *r)
{
    weir_free(r->out);
    weir_free(r->err);
    *r = (struct weir_process_result){0};
}

/* ---- this process ------------------------------------------------------------------------------------------------ */

char *weir_process_executable(void)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path);
    return n > 0 && (size_t)n < sizeof path ? weir_strndup(path, (size_t)n) : NULL;
}

uint32_t weir_process_user(void)
{
    return geteuid();
}

void weir_process_die_with_parent(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

weir_status weir_process_reserve_output(int *output, struct weir_error *error)
{
    fflush(stdout);
    *output = fcntl(1, F_DUPFD_CLOEXEC, 3);
    if (*output >= 0 && dup2(2, 1) >= 0) return WEIR_OK;
    return weir_error_set(error, WEIR_E_IO, "standard output cannot be set aside: %s", strerror(errno));
}

weir_status weir_process_say(int output, const void *bytes, size_t n, struct weir_error *error)
{
    const char *p = bytes;
    while (n > 0) {
        ssize_t done = write(output, p, n);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return weir_error_set(error, WEIR_E_IO, "standard output: cannot be written: %s", strerror(errno));
        p += done;
        n -= (size_t)done;
    }
    return WEIR_OK;
}

weir_status weir_path_resolve(const char *path, char **real, struct weir_error *error)
{
    char buf[PATH_MAX];
    *real = NULL;
    if (!realpath(path, buf)) return weir_error_set(error, WEIR_E_IO, "%s: %s", path, strerror(errno));
    *real = weir_strdup(buf);
    return WEIR_OK;
}
