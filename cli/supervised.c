/* supervised.c - the child's side of the supervisor, see its header. The handlers of signals are here; they write memory
 * that is mapped, and nothing else. */
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/process.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/inbox.h"
#include "cli/supervisor_internal.h"

enum { MOST_FRAMES = 32, MOST_BACKTRACE_S = 5 };

static atomic_int interrupts, terminations, questions; /* any thread may be the one that is interrupted */
static struct weir__report *report;
static int report_fd = -1;
static atomic_bool replaced;

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

static void leave_crash(struct weir__crash *c, int number)
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

static void block_interrupts(int how)
{
    sigset_t set = weir__interrupt_signals();
    if (how == SIG_UNBLOCK) sigaddset(&set, SIGCHLD); /* blocked in the supervisor */
    pthread_sigmask(how, &set, NULL);
}

/* What this process runs is not to have them. */
static void take_descriptors(void)
{
    fcntl(report->inbox, F_SETFD, FD_CLOEXEC);
    if (report->lock >= 0) fcntl(report->lock, F_SETFD, FD_CLOEXEC);
}

bool weir_supervised_child(void)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    const char *fd = getenv(WEIR__REPORT_FD_VARIABLE);
    if (!fd) return false;
    void *frame;
    report_fd = atoi(fd);
    report = weir__report_map(report_fd);
    fcntl(report_fd, F_SETFD, FD_CLOEXEC);
    if (report) take_descriptors();
    lseek(report_fd, sizeof *report, SEEK_SET);
    (void)backtrace(&frame, 1); /* the first call loads a library */
    unsetenv(WEIR__REPORT_FD_VARIABLE);
    weir_process_die_with_parent();
    if (report && getppid() != report->supervisor) _exit(WEIR_EXIT_JOB); /* it died before that */
    atexit(on_exit_call);
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        weir__set_handler(crashes[i], on_crash, SA_ONSTACK); /* the stack may be full */
    weir__set_handler(SIGINT, on_interrupt, SA_RESTART);
    weir__set_handler(SIGTERM, on_interrupt, SA_RESTART);
    weir__set_handler(SIGUSR1, on_question, SA_RESTART);
    weir__set_handler(SIGPIPE, SIG_IGN, 0); /* a reader that went away is an error of the write */
    block_interrupts(SIG_UNBLOCK);
    return true;
}

weir_status weir_supervised_recover(struct weir_job *job, struct weir_error_text *error)
{
    uint32_t valid = report ? atomic_load(&report->valid) : 0;
    return valid ? weir_job_recover(job, &report->recovery[valid - 1], error) : WEIR_OK;
}

bool weir_supervised_again(void)
{
    return report && atomic_load(&report->valid) != 0;
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

int weir_supervised_lock(const char *home)
{
    return report && strcmp(report->home, home) == 0 ? report->lock : -1;
}

void weir_supervised_hold(int lock)
{
    if (report) (void)weir_inbox_send(report->inbox, json_pack("{s:s}", "keep", "lock"), lock);
}

void weir_supervised_keep(int connection)
{
    if (report) (void)weir_inbox_send(report->inbox, json_pack("{s:s}", "keep", "asker"), connection);
}

void weir_supervised_runs(bool does)
{
    if (report) (void)weir_inbox_send(report->inbox, json_pack("{s:b}", "runs", (int)does), -1);
}

void weir_supervised_beat(void)
{
    if (report) atomic_fetch_add(&report->beats, 1);
}

bool weir_supervised_replace(json_t *upgrade, int connection)
{
    if (!report || !weir_inbox_send(report->inbox, json_pack("{s:O}", "upgrade", upgrade), connection)) return false;
    atomic_store(&replaced, true);
    return true;
}

bool weir_supervised_is_replaced(void)
{
    return atomic_load(&replaced);
}

bool weir_supervised_instead(json_t *other)
{
    return report && weir_inbox_send(report->inbox, json_pack("{s:O}", "instead", other), -1);
}

bool weir_supervised_succeeds(void)
{
    return report && report->succeeds;
}

bool weir_supervised_on_trial(void)
{
    return report && atomic_load(&report->trial);
}

void weir_supervised_settled(const char *checkpoint)
{
    if (!report) return;
    atomic_store(&report->trial, 0);
    (void)weir_inbox_send(report->inbox, json_pack("{s:s}", "settled", checkpoint), -1);
}

const char *weir_supervised_text(void)
{
    return report && *report->text ? report->text : NULL;
}

void weir_say_restart(const struct weir_restart_info *info)
{
    struct weir_text t = {0};
    weir_text_add(&t, "weir: restarting in ");
    weir_text_add_duration(&t, info->delay_ms);
    if (info->checkpoint > 0)
        weir_text_add(&t, " from checkpoint %" PRId64, info->checkpoint);
    else if (info->checkpoint < 0)
        weir_text_add(&t, " from its newest checkpoint");
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
