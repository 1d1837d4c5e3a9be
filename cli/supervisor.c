/* supervisor.c - see the header. */
#include "cli/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"
#include "cli/command.h"
#include "embed/weir.h"

#define REPORT_FD_VARIABLE "WEIR_SUPERVISOR_FD"
#define MOST_REPORT        1024

extern char **environ;

/* ---- child ------------------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t interrupts, terminations, questions;
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

/* Async-signal-safe: one thread-local pointer is read, one write is made, and the signal goes on to kill us. */
static void on_crash(int number)
{
    const char *running = weir_running_now();
    if (running && report_fd >= 0) {
        size_t n = strlen(running);
        if (write(report_fd, running, n < MOST_REPORT ? n : MOST_REPORT) < 0) { /* nobody is left to be told */
        }
    }
    signal(number, SIG_DFL);
    raise(number);
}

/* A component that calls exit() must not look like a job that finished. */
static void on_exit_call(void)
{
    const char *running = weir_running_now();
    if (!running) return;
    if (report_fd >= 0 && write(report_fd, running, strlen(running)) < 0) { /* nobody is left to be told */
    }
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
    report_fd = atoi(fd);
    fcntl(report_fd, F_SETFD, FD_CLOEXEC);
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

static int spawn(char **argv, int write_fd, pid_t *pid)
{
    char *program = weir_process_executable();
    char variable[64];
    posix_spawnattr_t attributes;
    sigset_t defaults;
    snprintf(variable, sizeof variable, "%d", write_fd);
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

static int tell_crash(const char *running, int number)
{
    fprintf(stderr, "weir: the job crashed: signal %d (%s)\n", number, strsignal(number));
    if (*running) {
        fprintf(stderr,
                "  while it ran %s\n  Its plugin is the first suspect: run it under a debugger, or built with "
                "-fsanitize=address.\n",
                running);
    } else if (number == SIGKILL) {
        fprintf(stderr, "  It was killed from outside; the kernel does that when memory runs out (see dmesg).\n");
    } else {
        fprintf(stderr, "  outside of any component: please report this as a defect of weir.\n");
    }
    return WEIR_EXIT_JOB;
}

static int tell_exit(const char *running, int code)
{
    if (!*running) return code;
    fprintf(stderr,
            "weir: the job's process called exit()\n  while it ran %s\n  A component returns a status; it must not end the "
            "process.\n",
            running);
    return WEIR_EXIT_JOB;
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

static int tell_end(pid_t pid, int read_fd)
{
    int status = wait_for_end(pid);
    char running[MOST_REPORT + 1];
    ssize_t n = read(read_fd, running, MOST_REPORT);
    running[n > 0 ? n : 0] = '\0';
    return WIFEXITED(status) ? tell_exit(running, WEXITSTATUS(status)) : tell_crash(running, WTERMSIG(status));
}

int weir_supervise(int argc, char **argv)
{
    int ends[2];
    char **arguments = calloc((size_t)argc + 2, sizeof *arguments);
    char name[] = "weir";
    if (!arguments || pipe2(ends, O_CLOEXEC) != 0) {
        fprintf(stderr, "weir: cannot start the job's process: %s\n", strerror(errno));
        free(arguments);
        return WEIR_EXIT_JOB;
    }
    arguments[0] = name;
    memcpy(arguments + 1, argv, (size_t)argc * sizeof *argv);
    fcntl(ends[1], F_SETFD, 0);
    set_handler(SIGCHLD, SIG_DFL, 0);
    block_interrupts(SIG_BLOCK);
    pid_t pid = 0;
    int failed = spawn(arguments, ends[1], &pid), code = WEIR_EXIT_JOB;
    close(ends[1]);
    if (failed)
        fprintf(stderr, "weir: cannot start the job's process: %s\n", strerror(failed));
    else
        code = tell_end(pid, ends[0]);
    close(ends[0]);
    free(arguments);
    return code;
}
