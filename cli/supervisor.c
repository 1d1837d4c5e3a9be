/* supervisor.c - see the header. */
#include "cli/supervisor.h"

#include <errno.h>
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
#include <unistd.h>

#include "base/alloc.h"
#include "base/process.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/home.h"
#include "embed/weir.h"

#define REPORT_FD_VARIABLE "WEIR_SUPERVISOR_FD"

extern char **environ;

/* What the child leaves word of, zeroed at first, in memory that both map. */
struct report {
    char home[PATH_MAX]; /* of the job */
    char running[1024];  /* what the crashing thread was running */
};

static struct report *map_report(int fd)
{
    void *p = mmap(NULL, sizeof(struct report), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* ---- child ------------------------------------------------------------------------------------------------------- */

static atomic_int interrupts, terminations, questions; /* any thread may be the one that is interrupted */
static struct report *report;

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

/* Async-signal-safe: one thread-local pointer is read, memory is written, and the signal goes on to kill us. */
static void on_crash(int number)
{
    const char *running = weir_running_now();
    if (running && report) leave_word(report->running, sizeof report->running, running);
    signal(number, SIG_DFL);
    raise(number);
}

/* A component that calls exit() must not look like a job that finished. */
static void on_exit_call(void)
{
    const char *running = weir_running_now();
    if (!running) return;
    if (report) leave_word(report->running, sizeof report->running, running);
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
    report = map_report(atoi(fd));
    close(atoi(fd));
    unsetenv(REPORT_FD_VARIABLE);
    weir_process_die_with_parent();
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
static void write_down(struct report *r, const char *reason)
{
    struct weir_job_home home = {.path = r->home, .lock = -1};
    struct weir_job_record record = {0};
    struct weir_error error;
    if (!*r->home || weir_job_record_read(&home, &record, &error) != WEIR_OK) return;
    weir_free(record.state);
    weir_free(record.reason);
    record.state = weir_strdup("failed");
    record.reason = weir_strdup(reason);
    if (weir_job_record_write(&home, &record, &error) != WEIR_OK) fprintf(stderr, "weir: %s\n", error.text);
    weir_job_record_finish(&record);
}

static int tell(struct report *r, struct weir_text *words)
{
    fprintf(stderr, "weir: %s\n", weir_text_get(words));
    write_down(r, weir_text_get(words));
    weir_text_finish(words);
    return WEIR_EXIT_JOB;
}

static int tell_crash(struct report *r, int number)
{
    struct weir_text words = {0};
    weir_text_add(&words, "the job crashed: signal %d (%s)\n", number, strsignal(number));
    if (*r->running) {
        weir_text_add(&words,
                      "  while it ran %s\n  Its plugin is the first suspect: run it under a debugger, or built with "
                      "-fsanitize=address.",
                      r->running);
    } else if (number == SIGKILL) {
        weir_text_add(&words, "  It was killed from outside; the kernel does that when memory runs out (see dmesg).");
    } else {
        weir_text_add(&words, "  outside of any component: please report this as a defect of weir.");
    }
    return tell(r, &words);
}

static int tell_exit(struct report *r, int code)
{
    struct weir_text words = {0};
    if (!*r->running) return code;
    weir_text_add(&words,
                  "the job's process called exit()\n  while it ran %s\n  A component returns a status; it must not end the "
                  "process.",
                  r->running);
    return tell(r, &words);
}

/* Interrupts are passed on; no handler runs, so nothing can fall between two of its lines. */
static int wait_for_end(pid_t pid)
{
    sigset_t set = interrupt_signals();
    sigaddset(&set, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &set, NULL); /* a child that has ended already is found by the first waitpid */
    for (int status;;) {
        pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid) return status;
        if (ended < 0 && errno != EINTR) return W_EXITCODE(WEIR_EXIT_JOB, 0);
        int number = sigwaitinfo(&set, NULL);
        if (number == SIGINT || number == SIGTERM || number == SIGUSR1) kill(pid, number);
    }
}

static int tell_end(struct report *r, int status)
{
    r->home[sizeof r->home - 1] = r->running[sizeof r->running - 1] = '\0';
    return WIFEXITED(status) ? tell_exit(r, WEXITSTATUS(status)) : tell_crash(r, WTERMSIG(status));
}

static int cannot_start(int e)
{
    fprintf(stderr, "weir: cannot start the job's process: %s\n", strerror(e));
    return WEIR_EXIT_JOB;
}

/* arguments: of the child, "weir" first. */
static int supervise_child(char **arguments, int fd, struct report *r)
{
    pid_t pid = 0;
    set_handler(SIGCHLD, SIG_DFL, 0);
    block_interrupts(SIG_BLOCK);
    int failed = spawn(arguments, fd, &pid);
    return failed ? cannot_start(failed) : tell_end(r, wait_for_end(pid));
}

int weir_supervise(int argc, char **argv)
{
    char **arguments = calloc((size_t)argc + 2, sizeof *arguments), name[] = "weir";
    int fd = memfd_create("weir report", 0); /* the child inherits it */
    struct report *r = fd >= 0 && ftruncate(fd, sizeof *r) == 0 ? map_report(fd) : NULL;
    int code = WEIR_EXIT_JOB;
    if (arguments && r) {
        arguments[0] = name;
        memcpy(arguments + 1, argv, (size_t)argc * sizeof *argv);
        code = supervise_child(arguments, fd, r);
    } else {
        code = cannot_start(errno);
    }
    if (r) munmap(r, sizeof *r);
    if (fd >= 0) close(fd);
    free(arguments);
    return code;
}
