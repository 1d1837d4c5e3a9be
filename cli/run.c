/* cli/run.c - `weir run`: runs a job until its input ends or somebody stops it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/command.h"
#include "cli/job_args.h"
#include "cli/life.h"
#include "cli/progress.h"
#include "cli/supervisor.h"

#define LOOK_MS 100 /* how often signals and the display are looked at; the end of the job is noticed at once */

static const char help[] = "weir run - run a job until its input ends or somebody stops it\n"
                           "\n"
                           "USAGE\n"
                           "  weir run [OPTION...] JOB.yaml\n"
                           "\n"
                           "DESCRIPTION\n"
                           "  Checks the job as `weir validate` does, and runs it in a child process. When a\n"
                           "  plugin crashes, the child dies with it and this command says what was running.\n"
                           "\n"
                           "  On a terminal the progress is drawn twice a second: records in and out per\n"
                           "  second, how far the watermark is behind the clock, the share of the time that a\n"
                           "  node was busy, and that it could not go on because its output was full.\n"
                           "  Otherwise there is a line every ten seconds. The last line says how many records\n"
                           "  were read, written, rejected (malformed) and late, and how fast; what\n"
                           "  components count themselves follows.\n"
                           "\n"
                           "  Ctrl-C stops in order: sources stop, what is in flight arrives, sinks flush and\n"
                           "  finish. SIGTERM does so too, and a job with `checkpoint:` is suspended with a\n"
                           "  savepoint (see CHECKPOINTS). A second signal ends the job at once.\n"
                           "\n"
                           "OPTIONS\n" WEIR_JOB_ARGS_HELP "  --quiet                 no progress and no last line\n"
                           "  --explain-time[=5s]     print where event time stands and what holds it, this often and\n"
                           "                          when the job is asked to stop; see EVENT TIME\n"
                           "  --resume                go on from the newest checkpoint of the job (see CHECKPOINTS)\n"
                           "  --resume-if-any         the same where there is one, else begin: for service managers\n"
                           "  --from DIRECTORY        go on from this checkpoint or savepoint\n"
                           "  --fresh                 begin again although there are checkpoints\n"
                           "  --claim                 what --from names is the job's from now on, and is removed\n"
                           "                          once newer checkpoints take its place; else it is left alone\n"
                           "  --allow-non-restored    drop saved state that no node of the job takes\n"
                           "  --help                  this text\n"
                           "\n" WEIR_JOB_PLACES_HELP "\n"
                           "EVENT TIME\n"
                           "  \"Why is my window not firing?\" With --explain-time, or at each SIGUSR1, there is a\n"
                           "  table on standard error with the watermark of each node and subtask, how far it is\n"
                           "  behind the clock, and the same of each channel, or split of a source, that it is the\n"
                           "  minimum of: aligned, idle, catching up or finished, and which one holds it. Below it\n"
                           "  is said why what has stood still for 5 seconds stands still. With --output json it\n"
                           "  is a line of standard output. Without asking, a window that has waited for a minute\n"
                           "  because a source is silent is told once (defaults: {wait_warning: 1min}).\n"
                           "\n"
                           "CHECKPOINTS\n"
                           "  With `checkpoint: {every: 10s}` in the manifest the state of all nodes and the\n"
                           "  positions of all sources are written to DIR/chk-N that often, DIR being\n"
                           "  `checkpoint.directory` or, where it is not given, in the job's home, as of\n"
                           "  one point of the input. After a crash --resume goes on from there, with -p another\n"
                           "  parallelism if wanted: every record counts once for the state. Sinks write again\n"
                           "  what came after the checkpoint. A job that finishes removes its checkpoints.\n"
                           "\n"
                           "  SIGTERM suspends: nothing more is read, the state of all nodes goes to a\n"
                           "  savepoint, DIR/JOB-savepoint-N (or in `checkpoint.savepoints`), sinks commit,\n"
                           "  windows and timers wait in it. --resume then goes on from there. Savepoints are\n"
                           "  yours: weir never removes one.\n"
                           "\n"
                           "RECOVERY\n"
                           "  A job that fails, or whose process dies, starts again from its newest checkpoint,\n"
                           "  as `defaults: {restart: ...}` says: none, fixed_delay, failure_rate, exponential.\n"
                           "  Without checkpoints it does so only if that is set. A call into a component that\n"
                           "  does not return within `defaults: {watchdog: 60s}` is a crash.\n"
                           "\n"
                           "EXIT CODES\n"
                           "  0 the job finished   1 it failed   2 the manifest or the command line is wrong\n"
                           "  3 a plugin cannot be used   130 interrupted\n"
                           "\n"
                           "EXAMPLES\n"
                           "  weir run job.yaml --set input=today.log -p 4\n"
                           "  weir run job.yaml -D nodes.out.sink=print --output json\n";

/* What has been heeded while the job runs. */
struct watch {
    const struct weir_job_args *args;
    struct weir_progress_view view;
    int interrupts, terminations, questions;
    bool ending;                      /* it was asked to, and has not refused */
    struct weir_savepoint *savepoint; /* that it is being suspended with; NULL: it is not */
    struct weir_savepoint *first;     /* the checkpoint that a job on trial has to complete; NULL: not asked for */
    bool settled;                     /* it has, or need not */
    bool restarting;                  /* it failed, and does not run again yet */
    char *given_up;                   /* why the trial is over; NULL: it is not, or was passed */
    int64_t explained_ms;             /* of the job's own time */
};

static void explain(struct weir_job *job, struct watch *w)
{
    char *text;
    if (weir_job_explain_time(job, w->args->json, &text, NULL) != WEIR_OK) return;
    weir_progress_clear(&w->view);
    fputs(text, w->args->json ? stdout : stderr);
    fflush(w->args->json ? stdout : stderr);
    weir_text_free(text);
}

static int64_t elapsed_ms(struct weir_job *job)
{
    struct weir_job_status status;
    weir_job_status(job, &status);
    int64_t ms = status.elapsed_ms;
    weir_job_status_free(&status);
    return ms;
}

static void heed_questions(struct weir_job *job, struct watch *w)
{
    int asked = weir_questions();
    int64_t every = w->args->explain_ms, now = every > 0 ? elapsed_ms(job) : 0;
    bool due = every > 0 && now - w->explained_ms >= every;
    if (!due && asked == w->questions) return;
    explain(job, w);
    w->questions = asked;
    w->explained_ms = now;
}

/* False: it is to be stopped without. */
static bool suspend(struct weir_job *job, struct watch *w)
{
    static struct weir_error_text error;
    const struct weir_savepoint_options o = {.struct_size = sizeof o, .after = WEIR_AFTER_SUSPEND};
    if (weir_terminations() == w->terminations || !weir_job_keeps_savepoints(job)) return false;
    w->terminations = weir_terminations();
    if (weir_savepoint_begin(job, &o, &w->savepoint, &error) != WEIR_OK) {
        fprintf(stderr, "weir: %s\n", error.text);
        return false;
    }
    fprintf(stderr, "weir: suspending: a savepoint is written (again: end at once, without)\n");
    return true;
}

/* A savepoint that failed suspends nothing: the job goes on. */
static void heed_savepoint(struct watch *w)
{
    static struct weir_error_text error;
    if (!w->savepoint || !weir_savepoint_wait(w->savepoint, 0)) return;
    if (weir_savepoint_result(w->savepoint, NULL, &error) == WEIR_OK) return;
    weir_progress_clear(&w->view);
    fprintf(stderr, "weir: not suspended, the job goes on: %s\n", error.text);
    weir_savepoint_free(w->savepoint);
    w->savepoint = NULL;
    w->ending = false;
}

static void heed_interrupts(struct weir_job *job, struct watch *w)
{
    int asked = weir_interrupts();
    if (asked == w->interrupts) return;
    weir_progress_clear(&w->view);
    if (w->ending || asked - w->interrupts > 1) {
        weir_job_cancel(job);
    } else {
        if (w->args->explain_ms > 0) explain(job, w);
        if (!suspend(job, w)) {
            if (weir_job_state(job) == WEIR_JOB_RUNNING)
                fprintf(stderr, "weir: stopping: sources stop, sinks finish (again: at once)\n");
            weir_job_stop(job);
        }
    }
    w->ending = true;
    w->interrupts = asked;
}

static void heed_pulse(struct weir_job *job, struct watch *w)
{
    enum weir_job_state state = weir_job_state(job);
    weir_supervised_beat();
    if (!w->restarting || state != WEIR_JOB_RUNNING) return;
    weir_supervised_runs(true);
    w->restarting = false;
}

/* The trial of a job that takes another's place is over, and the other one is to come back. */
static void give_up(struct weir_job *job, struct watch *w, const char *why)
{
    w->settled = true;
    w->given_up = weir_strdup(why);
    weir_job_cancel(job);
}

static void heed_trial(struct weir_job *job, struct watch *w)
{
    static struct weir_error_text error;
    char *path = NULL;
    if (w->settled || (!w->first && weir_checkpoint_begin(job, &w->first, &error) != WEIR_OK)) return; /* it is over */
    if (!weir_savepoint_wait(w->first, 0)) return;
    weir_status s = weir_savepoint_result(w->first, &path, &error);
    weir_savepoint_free(w->first);
    w->first = NULL;
    if (s == WEIR_OK) {
        w->settled = true;
        weir_supervised_settled(path);
    } else if (weir_job_state(job) == WEIR_JOB_RUNNING && !w->ending) {
        char *why = weir_format("its first checkpoint failed: %s", error.text);
        give_up(job, w, why);
        weir_free(why);
    }
    weir_text_free(path);
}

/* The savepoint that the job was ended with: by a signal, or from outside. NULL: none; freed with weir_text_free. */
static char *suspended_with(const struct watch *w, const char *from_outside)
{
    char *path;
    if (w->savepoint && weir_savepoint_result(w->savepoint, &path, NULL) == WEIR_OK) return path;
    return weir_strdup(from_outside);
}

static const char *state_name(enum weir_job_state state, const char *savepoint)
{
    if (state == WEIR_JOB_FINISHED) return "finished";
    if (state == WEIR_JOB_STOPPED) return savepoint ? "suspended" : "stopped";
    return state == WEIR_JOB_CANCELLED ? "cancelled" : "failed";
}

static int take_back(struct weir_job *job, const struct watch *w, struct weir_life *life)
{
    fprintf(stderr, "weir: job '%s' failed\n%s\n", weir_job_name(job), w->given_up);
    weir_life_end(life, "failed", w->given_up, NULL);
    return WEIR_EXIT_JOB;
}

/* Says how it ended, and writes it down in the job's home. */
static int outcome(struct weir_job *job, const struct watch *w, struct weir_life *life)
{
    const struct weir_job_args *args = w->args;
    static struct weir_error_text error;
    enum weir_job_state state = weir_job_state(job);
    if (w->given_up) return take_back(job, w, life);
    char *path = suspended_with(w, weir_life_close(life));
    if (!args->quiet) weir_print_summary(job, args->json);
    if (state == WEIR_JOB_STOPPED && path && weir_supervised_is_replaced())
        fprintf(stderr, "weir: suspended for an upgrade; its state is in %s\n", path);
    else if (state == WEIR_JOB_STOPPED && path)
        fprintf(stderr, "weir: suspended; its state is in %s\n  to go on from there: weir run %s --resume\n", path,
                args->manifest);
    else if (state == WEIR_JOB_STOPPED && !args->quiet)
        fprintf(stderr, "weir: stopped in order; sinks are flushed and finished\n");
    if (state == WEIR_JOB_CANCELLED && !args->quiet) fprintf(stderr, "weir: ended at once; sinks did not finish\n");
    if (weir_job_failure(job, &error) != WEIR_OK)
        fprintf(stderr, "weir: job '%s' failed\n%s\n", weir_job_name(job), error.text);
    weir_life_end(life, state_name(state, path), state == WEIR_JOB_FAILED ? error.text : NULL, path);
    weir_text_free(path);
    if (state == WEIR_JOB_FINISHED) return WEIR_EXIT_OK;
    return state == WEIR_JOB_FAILED ? WEIR_EXIT_JOB : WEIR_EXIT_INTERRUPTED;
}

/* The job failed, and is to start again. */
static void tell_restart(void *arg, struct weir_job *job, const struct weir_restart_info *info)
{
    struct watch *w = arg;
    if (!w->settled) {
        give_up(job, w, info->failure);
        return;
    }
    weir_progress_clear(&w->view);
    fprintf(stderr, "weir: job '%s' failed\n%s\n", weir_job_name(job), info->failure);
    weir_say_restart(info);
    weir_supervised_tell(job);
    weir_supervised_runs(false);
    w->restarting = true;
}

/* A job that starts again starts its threads in here. */
static bool wait_a_little(struct weir_job *job)
{
    weir_hold_interrupts(true);
    bool over = weir_job_wait(job, LOOK_MS);
    weir_hold_interrupts(false);
    return over;
}

static int run(struct weir_job *job, const struct weir_job_args *args)
{
    static struct weir_error_text error;
    struct weir_error in_home;
    struct watch w = {.args = args, .settled = !weir_supervised_on_trial()};
    struct weir_life *life;
    if (weir_life_begin(job, args->manifest, &life, &in_home) != WEIR_OK) {
        fprintf(stderr, "weir: %s\n", in_home.text);
        return WEIR_EXIT_USAGE;
    }
    weir_supervised_in(weir_life_path(life));
    if (weir_life_is_another(life, job, args)) return weir_life_give_way(life), WEIR_EXIT_OK;
    weir_hold_interrupts(true);
    weir_job_on_restart(job, tell_restart, &w);
    const struct weir_start_options o = {.struct_size = sizeof o,
                                         .claim = args->claim,
                                         .allow_non_restored = args->non_restored,
                                         .fresh = args->fresh,
                                         .or_begin = args->or_begin,
                                         .from = args->from};
    weir_life_go_on(life, job, args->from || weir_supervised_again());
    weir_status started = weir_supervised_recover(job, &error);
    weir_supervised_tell(job);
    if (started == WEIR_OK) started = weir_job_start_with(job, &o, &error);
    if (started == WEIR_OK) weir_life_note_plugins(life, weir_job_runtime(job));
    if (started == WEIR_OK) weir_life_open(life, job, args); /* its thread, as the job's, is not to be interrupted */
    if (started == WEIR_OK) weir_supervised_runs(true);
    weir_hold_interrupts(false);
    if (started != WEIR_OK) {
        fprintf(stderr, "weir: job '%s' cannot start\n%s\n", weir_job_name(job), error.text);
        weir_life_end(life, "failed", error.text, NULL);
        return weir_exit_code_of(error.status);
    }
    weir_progress_init(&w.view, args->quiet);
    while (!wait_a_little(job)) {
        heed_pulse(job, &w);
        heed_interrupts(job, &w);
        heed_savepoint(&w);
        heed_trial(job, &w);
        heed_questions(job, &w);
        weir_progress_show(&w.view, job);
    }
    weir_progress_clear(&w.view);
    weir_progress_finish(&w.view);
    int code = outcome(job, &w, life);
    weir_savepoint_free(w.savepoint);
    weir_savepoint_free(w.first);
    weir_free(w.given_up);
    weir_supervised_over(code);
    return code;
}

/* getopt permutes, and settings are cut in place: the child gets them as they were. */
static char **copy_arguments(int argc, char **argv)
{
    char **copies = calloc((size_t)argc + 1, sizeof *copies);
    for (int i = 0; copies && i < argc; i++) copies[i] = strdup(argv[i]);
    return copies;
}

static void free_arguments(char **copies)
{
    for (char **c = copies; c && *c; c++) free(*c);
    free(copies);
}

/* The supervisor finds mistakes of the command line itself; the job is the child's business. */
static int supervise(int argc, char **argv)
{
    struct weir_job_args args;
    char **copies = copy_arguments(argc, argv);
    int code = weir_job_args_parse(&args, argc, argv, "mqtr", help);
    if (code < 0) code = weir_supervise(argc, copies);
    weir_job_args_finish(&args);
    free_arguments(copies);
    return code;
}

int weir_run_main(int argc, char **argv)
{
    if (!weir_supervised_child()) return supervise(argc, argv);
    int code = weir_with_job(argc, argv, "mqtr", help, run);
    weir_supervised_end();
    return code;
}
