/* supervisor.c - see the header. */
#include "cli/supervisor.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/platform.h"
#include "base/process.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/home.h"
#include "embed/weir.h"

#define REPORT_FD_VARIABLE "WEIR_SUPERVISOR_FD"
enum { MOST_FRAMES = 32, MOST_BACKTRACE_S = 5 };

extern char **environ;

/* How the child died. */
struct crash {
    int32_t signal; /* 0: none */
    uint32_t subtask, n_parts, reserved;
    int64_t record;          /* see struct weir_running_call */
    char running[1024];      /* what the crashing thread was running; "": no component */
    char parts[4][PATH_MAX]; /* its components */
    char why[256];           /* "": nobody knows */
};

/* What the child leaves word of, zeroed at first, in memory that both map; the backtrace of a crash follows in the file. */
struct report {
    char home[PATH_MAX];              /* of the job */
    struct weir_recovery recovery[2]; /* one is valid while the other is written: */
    _Atomic uint32_t valid;           /* 1 or 2; 0: none */
    _Atomic uint32_t ended;           /* the child ended by itself, and its exit code says how */
    _Atomic uint32_t over;            /* 1 + the exit code: the job has ended, the child has not; 0: neither has */
    int64_t supervisor;               /* process that is to outlive the child */
    struct crash crash;
};

static struct report *map_report(int fd)
{
    void *p = mmap(NULL, sizeof(struct report), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* ---- child ------------------------------------------------------------------------------------------------------- */

static atomic_int interrupts, terminations, questions; /* any thread may be the one that is interrupted */
static struct report *report;
static int report_fd = -1;

static void on_interrupt(int signal)
{
    interrupts++;
    if (signal == SIGTERM) terminations++;
}

static void on_question(int signal)
{
    (void)signal;
    questions++;
}

static void leave_word(char *to, size_t room, const char *text)
{
    for (size_t i = 0; i + 1 < room && text[i]; i++) to[i] = text[i];
}

static void add_word(char *to, size_t room, const char *text)
{
    size_t n = strlen(to);
    leave_word(to + n, room - n, text);
}

static void leave_crash(struct crash *c, int number)
{
    struct weir_running_call call;
    weir_running_what(&call);
    if (call.where) leave_word(c->running, sizeof c->running, call.where);
    if (call.why) leave_word(c->why, sizeof c->why, call.why);
    for (; c->n_parts < call.n_parts; c->n_parts++) {
        char *to = c->parts[c->n_parts];
        add_word(to, sizeof c->parts[0], call.parts[c->n_parts].plugin);
        add_word(to, sizeof c->parts[0], "/");
        add_word(to, sizeof c->parts[0], call.parts[c->n_parts].component);
        add_word(to, sizeof c->parts[0], " of ");
        add_word(to, sizeof c->parts[0], call.parts[c->n_parts].path);
    }
    c->subtask = call.subtask;
    c->record = call.record;
    c->signal = number;
}

/* Async-signal-safe: thread-local memory is read, mapped memory is written, and the signal goes on to kill us. The backtrace
 * comes last: it reads the stack, which may be what is broken, so it has a second crash and a time limit to end it. */
static void on_crash(int number)
{
    static atomic_flag crashing = ATOMIC_FLAG_INIT;
    void *frames[MOST_FRAMES];
    signal(number, SIG_DFL);
    if (report && !atomic_flag_test_and_set(&crashing)) {
        leave_crash(&report->crash, number);
        signal(SIGALRM, SIG_DFL);
        alarm(MOST_BACKTRACE_S);
        backtrace_symbols_fd(frames, backtrace(frames, MOST_FRAMES), report_fd);
    }
    raise(number);
}

/* A component that calls exit() must not look like a job that finished. */
static void on_exit_call(void)
{
    if (!weir_running_now()) return;
    if (report) leave_crash(&report->crash, 0);
    _exit(WEIR_EXIT_JOB);
}

static void set_handler(int number, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

/* What people send to end a job, or to ask about it. Blocked while the child is started, so that none gets lost on the way;
 * the child inherits the mask, and lets them in once it heeds them. */
static sigset_t interrupt_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGUSR1);
    return set;
}

static void block_interrupts(int how)
{
    sigset_t set = interrupt_signals();
    pthread_sigmask(how, &set, NULL);
}

bool weir_supervised_child(void)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    const char *fd = getenv(REPORT_FD_VARIABLE);
    if (!fd) return false;
    void *frame;
    report_fd = atoi(fd);
    report = map_report(report_fd);
    fcntl(report_fd, F_SETFD, FD_CLOEXEC);
    lseek(report_fd, sizeof *report, SEEK_SET);
    (void)backtrace(&frame, 1); /* the first call loads a library */
    unsetenv(REPORT_FD_VARIABLE);
    weir_process_die_with_parent();
    if (report && getppid() != report->supervisor) _exit(WEIR_EXIT_JOB); /* it died before that */
    atexit(on_exit_call);
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        set_handler(crashes[i], on_crash, SA_ONSTACK); /* the stack may be full */
    set_handler(SIGINT, on_interrupt, SA_RESTART);
    set_handler(SIGTERM, on_interrupt, SA_RESTART);
    set_handler(SIGUSR1, on_question, SA_RESTART);
    set_handler(SIGPIPE, SIG_IGN, 0); /* a reader that went away is an error of the write */
    block_interrupts(SIG_UNBLOCK);
    return true;
}

weir_status weir_supervised_recover(struct weir_job *job, struct weir_error_text *error)
{
    uint32_t valid = report ? atomic_load(&report->valid) : 0;
    return valid ? weir_job_recover(job, &report->recovery[valid - 1], error) : WEIR_OK;
}

void weir_supervised_tell(struct weir_job *job)
{
    if (!report) return;
    uint32_t other = atomic_load(&report->valid) == 1 ? 2 : 1;
    weir_job_recovery(job, &report->recovery[other - 1]);
    atomic_store(&report->valid, other);
}

void weir_supervised_over(int code)
{
    if (report) atomic_store(&report->over, 1 + (uint32_t)code);
}

void weir_supervised_end(void)
{
    if (report) atomic_store(&report->ended, 1);
}

void weir_supervised_in(const char *home)
{
    if (report && home) leave_word(report->home, sizeof report->home, home);
}

void weir_say_restart(const struct weir_restart_info *info)
{
    struct weir_text t = {0};
    weir_text_add(&t, "weir: restarting in ");
    weir_text_add_duration(&t, info->delay_ms);
    if (info->checkpoint > 0)
        weir_text_add(&t, " from checkpoint %" PRId64, info->checkpoint);
    else
        weir_text_add(&t, " from where it began");
    weir_text_add(&t, ", attempt %u", info->attempt);
    if (info->most > 0) weir_text_add(&t, " of %u", info->most);
    fprintf(stderr, "%s\n", weir_text_get(&t));
    weir_text_finish(&t);
}

void weir_hold_interrupts(bool held)
{
    block_interrupts(held ? SIG_BLOCK : SIG_UNBLOCK);
}

int weir_interrupts(void)
{
    return interrupts;
}

int weir_terminations(void)
{
    return terminations;
}

int weir_questions(void)
{
    return questions;
}

/* ---- supervisor -------------------------------------------------------------------------------------------------- */

static int spawn(char **argv, int fd, pid_t *pid)
{
    char *program = weir_process_executable();
    char variable[64];
    posix_spawnattr_t attributes;
    sigset_t defaults;
    snprintf(variable, sizeof variable, "%d", fd);
    setenv(REPORT_FD_VARIABLE, variable, 1);
    posix_spawnattr_init(&attributes);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGINT);
    sigaddset(&defaults, SIGTERM);
    sigaddset(&defaults, SIGUSR1);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
    int failed = posix_spawn(pid, program ? program : argv[0], NULL, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    unsetenv(REPORT_FD_VARIABLE);
    free(program);
    return failed;
}

/* What became of the job, for `weir list`; the child cannot say it any more. */
static void write_down(struct report *r, const char *state, const char *reason)
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
    ssize_t n = pread(fd, lines, sizeof lines - 1, sizeof(struct report));
    lines[n > 0 ? n : 0] = '\0';
    for (char *at = lines, *end; (end = strchr(at, '\n')); at = end + 1)
        weir_text_add(words, "\n    %.*s", (int)(end - at), at);
}

static void add_what_ran(struct weir_text *words, const struct crash *c)
{
    weir_text_add(words, "\n  while it ran %s", c->running);
    for (uint32_t i = 0; i < c->n_parts; i++) weir_text_add(words, "\n  %s %s", i ? "and" : "component", c->parts[i]);
    if (c->record > 0)
        weir_text_add(words, "\n  in subtask %u, at or after record %" PRId64 " of those it was given in this attempt",
                      c->subtask, c->record);
    else
        weir_text_add(words, "\n  in subtask %u", c->subtask);
}

static void add_crash(struct weir_text *words, const struct crash *c, int number)
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

static void add_end(struct weir_text *words, const struct crash *c, int code)
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
static void mend(struct report *r)
{
    struct crash *c = &r->crash;
    r->home[sizeof r->home - 1] = c->running[sizeof c->running - 1] = c->why[sizeof c->why - 1] = '\0';
    for (int i = 0; i < 4; i++) c->parts[i][sizeof c->parts[i] - 1] = '\0';
    if (c->n_parts > 4) c->n_parts = 0;
    if (r->valid > 2) r->valid = 0;
}

static char *death_of(const struct report *r, int fd, int status)
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

/* The delay before the next attempt. False: somebody ended it. */
static bool pause_for(int64_t ms)
{
    sigset_t set = interrupt_signals();
    const struct weir_platform *os = weir_platform_os();
    int64_t until = os->monotonic_ns(os->self) + ms * 1000000, left = ms * 1000000;
    for (; left >= 0; left = until - os->monotonic_ns(os->self)) {
        const struct timespec time = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
        int number = sigtimedwait(&set, NULL, &time);
        if (number == SIGINT || number == SIGTERM) return false;
        if (number < 0 && errno == EAGAIN) break;
    }
    return true;
}

/* The child died. True: it is to be started again, now; else *code is what this process ends with. */
static bool go_on(struct report *r, const char *death, bool ending, int *code)
{
    static struct weir_error_text error;
    struct weir_restart_info info = {.why = ""};
    bool known = !ending && r->valid && weir_recovery_died(&r->recovery[r->valid - 1], &info, &error) == WEIR_OK;
    *code = WEIR_EXIT_JOB;
    fprintf(stderr, "weir: %s\n", death);
    if (!info.again) {
        if (known && strcmp(info.why, "restart: none") != 0) fprintf(stderr, "  It does not start again: %s.\n", info.why);
        write_down(r, "failed", death);
        return false;
    }
    weir_say_restart(&info);
    write_down(r, "restarting", death);
    if (pause_for(info.delay_ms)) return true;
    fprintf(stderr, "weir: ended before it started again\n");
    write_down(r, "cancelled", death);
    *code = WEIR_EXIT_INTERRUPTED;
    return false;
}

/* Interrupts are passed on; no handler runs, so nothing can fall between two of its lines. *ending: there was one. */
static int wait_for_end(pid_t pid, bool *ending)
{
    sigset_t set = interrupt_signals();
    sigaddset(&set, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &set, NULL); /* a child that has ended already is found by the first waitpid */
    for (int status;;) {
        pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid) return status;
        if (ended < 0 && errno != EINTR) return W_EXITCODE(WEIR_EXIT_JOB, 0);
        int number = sigwaitinfo(&set, NULL);
        if (number == SIGINT || number == SIGTERM) *ending = true;
        if (number == SIGINT || number == SIGTERM || number == SIGUSR1) kill(pid, number);
    }
}

static int cannot_start(int e)
{
    fprintf(stderr, "weir: cannot start the job's process: %s\n", strerror(e));
    return WEIR_EXIT_JOB;
}

/* arguments: of the child, "weir" first. */
static int supervise_children(char **arguments, int fd, struct report *r)
{
    int code = WEIR_EXIT_JOB;
    bool ending = false;
    set_handler(SIGCHLD, SIG_DFL, 0);
    block_interrupts(SIG_BLOCK);
    for (;;) {
        pid_t pid = 0;
        int failed = spawn(arguments, fd, &pid);
        if (failed) return cannot_start(failed);
        int status = wait_for_end(pid, &ending);
        if (WIFEXITED(status) && r->ended) return WEXITSTATUS(status);
        if (r->over && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return (int)r->over - 1;
        mend(r);
        char *death = death_of(r, fd, status);
        bool again = go_on(r, death, ending || r->over, &code);
        weir_free(death);
        if (!again) return code;
        r->crash = (struct crash){0};
        if (ftruncate(fd, sizeof *r) != 0) return cannot_start(errno);
    }
}

int weir_supervise(int argc, char **argv)
{
    char **arguments = calloc((size_t)argc + 2, sizeof *arguments), name[] = "weir";
    int fd = memfd_create("weir report", 0); /* the child inherits it */
    struct report *r = fd >= 0 && ftruncate(fd, sizeof *r) == 0 ? map_report(fd) : NULL;
    int code = WEIR_EXIT_JOB;
    if (arguments && r) {
        r->supervisor = getpid();
        arguments[0] = name;
        memcpy(arguments + 1, argv, (size_t)argc * sizeof *argv);
        code = supervise_children(arguments, fd, r);
    } else {
        code = cannot_start(errno);
    }
    if (r) munmap(r, sizeof *r);
    if (fd >= 0) close(fd);
    free(arguments);
    return code;
}
