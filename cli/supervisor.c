/* supervisor.c - see the header: starts children, waits for them, and says how they died. */
#include "cli/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/platform.h"
#include "base/process.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/home.h"
#include "cli/inbox.h"
#include "cli/supervisor_internal.h"

#define WATCHDOG  "WATCHDOG=1"
#define MORE_TIME "EXTEND_TIMEOUT_USEC=60000000" /* suspending a job with much state takes as long as it takes */

extern char **environ;

/* ---- what both sides need ------------------------------------------------------------------------------------------ */

struct weir__report *weir__report_map(int fd)
{
    void *p = mmap(NULL, sizeof(struct weir__report), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return p == MAP_FAILED ? NULL : p;
}

void weir__set_handler(int number, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

/* Blocked while the child is started, so that none gets lost on the way; the child inherits the mask, and lets them in once
 * it heeds them. */
sigset_t weir__interrupt_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGUSR1);
    return set;
}

/* ---- supervisor -------------------------------------------------------------------------------------------------- */

/* What became of the job, for `weir list`; the child cannot say it any more. */
static void write_down(struct weir__report *r, const char *state, const char *reason)
{
    struct weir_job_home home = {.path = r->home, .lock = -1};
    struct weir_job_record record = {0};
    struct weir_error error;
    if (!*r->home || weir_job_record_read(&home, &record, &error) != WEIR_OK) return;
    weir_free(record.state);
    weir_free(record.reason);
    record.state = weir_strdup(state);
    record.reason = weir_strdup(reason);
    if (weir_job_record_write(&home, &record, &error) != WEIR_OK) fprintf(stderr, "weir: %s\n", error.text);
    weir_job_record_finish(&record);
}

static void add_backtrace(struct weir_text *words, int fd)
{
    char lines[16384];
    ssize_t n = pread(fd, lines, sizeof lines - 1, sizeof(struct weir__report));
    lines[n > 0 ? n : 0] = '\0';
    for (char *at = lines, *end; (end = strchr(at, '\n')); at = end + 1)
        weir_text_add(words, "\n    %.*s", (int)(end - at), at);
}

static void add_what_ran(struct weir_text *words, const struct weir__crash *c)
{
    weir_text_add(words, "\n  while it ran %s", c->running);
    for (uint32_t i = 0; i < c->n_parts; i++) weir_text_add(words, "\n  %s %s", i ? "and" : "component", c->parts[i]);
    if (c->record > 0)
        weir_text_add(words, "\n  in subtask %u, at or after record %" PRId64 " of those it was given in this attempt",
                      c->subtask, c->record);
    else
        weir_text_add(words, "\n  in subtask %u", c->subtask);
}

static void add_crash(struct weir_text *words, const struct weir__crash *c, int number)
{
    weir_text_add(words, "the job crashed: signal %d (%s)", number, strsignal(number));
    if (*c->why) weir_text_add(words, "\n  weir ended it: %s", c->why);
    if (*c->running)
        add_what_ran(words, c);
    else if (number == SIGKILL)
        weir_text_add(words, "\n  It was killed from outside; the kernel does that when memory runs out (see dmesg).");
    else
        weir_text_add(words, "\n  outside of any component: please report this as a defect of weir.");
}

static void add_end(struct weir_text *words, const struct weir__crash *c, int code)
{
    if (!*c->running) {
        weir_text_add(words, "the job's process ended with code %d, and not by weir: something in it called _exit()", code);
        return;
    }
    weir_text_add(words, "the job's process called exit()");
    add_what_ran(words, c);
    weir_text_add(words, "\n  A component returns a status; it must not end the process.");
}

/* The memory may be what crashed. */
static void mend(struct weir__report *r)
{
    struct weir__crash *c = &r->crash;
    r->home[sizeof r->home - 1] = r->text[sizeof r->text - 1] = c->running[sizeof c->running - 1] =
        c->why[sizeof c->why - 1] = '\0';
    for (int i = 0; i < 4; i++) c->parts[i][sizeof c->parts[i] - 1] = '\0';
    if (c->n_parts > 4) c->n_parts = 0;
    if (r->valid > 2) r->valid = 0;
}

static char *death_of(const struct weir__report *r, int fd, int status)
{
    struct weir_text words = {0};
    if (WIFEXITED(status))
        add_end(&words, &r->crash, WEXITSTATUS(status));
    else
        add_crash(&words, &r->crash, r->crash.signal ? r->crash.signal : WTERMSIG(status));
    add_backtrace(&words, fd);
    if (*r->crash.running && !WIFEXITED(status) && !*r->crash.why)
        weir_text_add(&words, "\n  Its plugin is the first suspect: run it under a debugger, or built with "
                              "-fsanitize=address.");
    return weir_text_take(&words);
}

/* ---- what happens meanwhile ---------------------------------------------------------------------------------------- */

static int64_t now_ns(void)
{
    const struct weir_platform *os = weir_platform_os();
    return os->monotonic_ns(os->self);
}

/* The service manager hears that the job gets on as long as its child's main thread does; a component that does not return
 * is the job's own watchdog's business. Between two children, and while one starts, there is nothing to get on with. */
static void beat(struct weir__supervision *s)
{
    int64_t now = now_ns();
    if (s->notify.interval_ms < 0 || now - s->beaten_ns < s->notify.interval_ms * 1000000) return;
    uint64_t beats = atomic_load(&s->report->beats);
    if (!s->running || beats != s->beats) weir_notify_say(&s->notify, s->ending ? WATCHDOG "\n" MORE_TIME : WATCHDOG);
    s->beats = beats;
    s->beaten_ns = now;
}

static void begin_to_end(struct weir__supervision *s)
{
    if (!s->ending) weir_notify_say(&s->notify, "STOPPING=1\nSTATUS=ending");
    s->ending = true;
}

/* Passed on to the child; no handler runs, so nothing can fall between two of its lines. */
static void heed_signals(struct weir__supervision *s)
{
    struct signalfd_siginfo info;
    while (read(s->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        int number = (int)info.ssi_signo;
        if (number == SIGINT || number == SIGTERM) begin_to_end(s);
        if (number != SIGCHLD && s->child > 0) kill(s->child, number);
    }
}

static void keep(struct weir__supervision *s, const char *what, int descriptor)
{
    if (strcmp(what, "lock") == 0) {
        if (s->lock >= 0) close(s->lock);
        s->lock = descriptor;
        return;
    }
    WEIR_GROW(s->askers, s->askers_capacity, s->n_askers + 1);
    s->askers[s->n_askers++] = descriptor;
    begin_to_end(s);
}

static void heed_running(struct weir__supervision *s, bool runs)
{
    s->running = runs;
    s->report->home[sizeof s->report->home - 1] = '\0';
    const char *name = weir_path_basename(s->report->home);
    weir_notify_say(&s->notify, runs ? "READY=1\nSTATUS=%s runs" : "STATUS=%s failed, and is to start again", name);
    if (runs) weir__succession_runs(s);
}

static void heed_messages(struct weir__supervision *s)
{
    int descriptor;
    for (json_t *m; (m = weir_inbox_receive(s->inbox[0], &descriptor)); json_decref(m)) {
        const char *what = json_string_value(json_object_get(m, "keep"));
        const char *settled = json_string_value(json_object_get(m, "settled"));
        const json_t *upgrade = json_object_get(m, "upgrade"), *instead = json_object_get(m, "instead");
        if (instead) weir__succession_instead(s, instead);
        if (settled) weir__succession_settled(s, settled);
        if (json_object_get(m, "runs")) heed_running(s, json_is_true(json_object_get(m, "runs")));
        if (what && descriptor >= 0)
            keep(s, what, descriptor);
        else if (upgrade)
            weir__succession_ask(s, upgrade, descriptor);
        else if (descriptor >= 0)
            close(descriptor);
    }
}

/* Until something happens, at most so long; < 0: no limit. */
static void attend(struct weir__supervision *s, int64_t most_ms)
{
    struct pollfd fds[2] = {{s->signals, POLLIN, 0}, {s->inbox[0], POLLIN, 0}};
    int64_t interval = s->notify.interval_ms, ms = most_ms < 0 || most_ms > INT_MAX ? -1 : most_ms;
    if (interval >= 0 && (ms < 0 || ms > interval)) ms = interval;
    (void)poll(fds, 2, (int)ms);
    heed_signals(s);
    heed_messages(s);
    beat(s);
}

static int wait_for_end(struct weir__supervision *s)
{
    for (int status;;) {
        pid_t ended = waitpid(s->child, &status, WNOHANG);
        if (ended == 0 || (ended < 0 && errno == EINTR)) {
            attend(s, -1);
            continue;
        }
        s->child = 0;
        heed_messages(s); /* its last ones */
        s->running = false;
        return ended > 0 ? status : W_EXITCODE(WEIR_EXIT_JOB, 0);
    }
}

/* The delay before the next attempt. False: somebody ended it. */
static bool pause_for(struct weir__supervision *s, int64_t ms)
{
    int64_t until = now_ns() + ms * 1000000, left = ms * 1000000;
    for (; left > 0 && !s->ending; left = until - now_ns()) attend(s, (left + 999999) / 1000000);
    heed_signals(s);
    return !s->ending;
}

/* ---- one child after another --------------------------------------------------------------------------------------- */

static void give(int descriptor)
{
    if (descriptor >= 0) fcntl(descriptor, F_SETFD, 0);
}

static int spawn(struct weir__supervision *s)
{
    char *program = weir_process_executable();
    char variable[64];
    posix_spawnattr_t attributes;
    sigset_t defaults;
    snprintf(variable, sizeof variable, "%d", s->report_fd);
    setenv(WEIR__REPORT_FD_VARIABLE, variable, 1);
    posix_spawnattr_init(&attributes);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGINT);
    sigaddset(&defaults, SIGTERM);
    sigaddset(&defaults, SIGUSR1);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
    struct weir__report *r = s->report; /* the one before may have written into it */
    r->supervisor = getpid();
    r->inbox = s->inbox[1];
    r->lock = s->lock;
    r->trial = s->next.step == WEIR__TRIAL;
    r->succeeds = s->next.step == WEIR__TRIAL || s->next.step == WEIR__BACK;
    give(s->lock);
    int failed = posix_spawn(&s->child, program ? program : "weir", NULL, &attributes, s->arguments, environ);
    posix_spawnattr_destroy(&attributes);
    unsetenv(WEIR__REPORT_FD_VARIABLE);
    free(program);
    return failed;
}

/* An attempt after the first reads the manifest as it was when the job was started. */
static void keep_manifest(struct weir__report *r)
{
    struct weir_job_home home = {.path = r->home, .lock = -1};
    char *path = weir_job_home_path(&home, "manifest.yaml");
    if (*r->home && access(path, R_OK) == 0) snprintf(r->text, sizeof r->text, "%s", path);
    weir_free(path);
}

/* The child died. True: it is to be started again, now; else *code is what this process ends with. */
static bool go_on(struct weir__supervision *s, const char *death, int *code)
{
    static struct weir_error_text error;
    struct weir__report *r = s->report;
    struct weir_restart_info info = {.why = ""};
    bool ending = s->ending || r->over;
    bool known = !ending && r->valid && weir_recovery_died(&r->recovery[r->valid - 1], &info, &error) == WEIR_OK;
    *code = WEIR_EXIT_JOB;
    if (!info.again) {
        if (known && strcmp(info.why, "restart: none") != 0) fprintf(stderr, "  It does not start again: %s.\n", info.why);
        write_down(r, "failed", death);
        return false;
    }
    weir_say_restart(&info);
    weir_notify_say(&s->notify, "STATUS=%s crashed, and is to start again", weir_path_basename(r->home));
    write_down(r, "restarting", death);
    keep_manifest(r);
    if (pause_for(s, info.delay_ms)) return true;
    fprintf(stderr, "weir: ended before it started again\n");
    write_down(r, "cancelled", death);
    *code = WEIR_EXIT_INTERRUPTED;
    return false;
}

static int cannot_start(int e)
{
    fprintf(stderr, "weir: cannot start the job's process: %s\n", strerror(e));
    return WEIR_EXIT_JOB;
}

/* What a child that ended has left. True: there is another one to start; else *code is what this process ends with. */
static bool bury(struct weir__supervision *s, int status, int *code)
{
    struct weir__report *r = s->report;
    char *death = NULL;
    bool by_itself = WIFEXITED(status) && r->ended;
    if (r->over && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
        *code = (int)r->over - 1;
        by_itself = true;
    } else if (by_itself) {
        *code = WEXITSTATUS(status);
    } else {
        mend(r);
        death = death_of(r, s->report_fd, status);
        fprintf(stderr, "weir: %s\n", death);
    }
    bool again = weir__succession_next(s, death, *code) || (death && go_on(s, death, code));
    weir_free(death);
    r->crash = (struct weir__crash){0};
    return again;
}

static int supervise_children(struct weir__supervision *s)
{
    int code = WEIR_EXIT_JOB;
    for (;;) {
        int failed = spawn(s);
        if (failed) return cannot_start(failed);
        int status = wait_for_end(s);
        if (!bury(s, status, &code)) return code;
        if (ftruncate(s->report_fd, sizeof *s->report) != 0) return cannot_start(errno);
    }
}

static bool begin(struct weir__supervision *s, int argc, char **argv)
{
    sigset_t set = weir__interrupt_signals();
    sigaddset(&set, SIGCHLD);
    weir__set_handler(SIGCHLD, SIG_DFL, 0);
    weir_notify_open(&s->notify);
    s->beaten_ns = now_ns();
    pthread_sigmask(SIG_BLOCK, &set, NULL); /* a child that has ended already is found by the first waitpid */
    s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    s->report_fd = memfd_create("weir report", 0); /* the child inherits it, as: */
    if (s->signals < 0 || s->report_fd < 0 || !weir_inbox_open(s->inbox)) return false;
    give(s->inbox[1]);
    if (ftruncate(s->report_fd, sizeof *s->report) != 0) return false;
    s->report = weir__report_map(s->report_fd);
    if (!s->report) return false;
    s->arguments = weir_alloc_array((size_t)argc + 2, sizeof *s->arguments);
    s->arguments[0] = weir_strdup("weir");
    for (int i = 0; i < argc; i++) s->arguments[i + 1] = weir_strdup(argv[i]);
    return true;
}

/* The name is free before whoever waits for the job's end hears of it. */
static void finish(struct weir__supervision *s)
{
    begin_to_end(s);
    weir_notify_close(&s->notify);
    if (s->lock >= 0) close(s->lock);
    weir__succession_finish(s);
    for (size_t i = 0; i < s->n_askers; i++) close(s->askers[i]);
    weir_free(s->askers);
    weir__arguments_free(s->arguments);
    if (s->report) munmap(s->report, sizeof *s->report);
    const int descriptors[] = {s->report_fd, s->inbox[0], s->inbox[1], s->signals};
    for (size_t i = 0; i < sizeof descriptors / sizeof *descriptors; i++) {
        if (descriptors[i] >= 0) close(descriptors[i]);
    }
}

int weir_supervise(int argc, char **argv)
{
    struct weir__supervision s = {
        .report_fd = -1, .inbox = {-1, -1}, .signals = -1, .lock = -1, .next = {.asker = -1}, .notify = {.socket = -1}};
    int code = begin(&s, argc, argv) ? supervise_children(&s) : cannot_start(errno);
    finish(&s);
    return code;
}
