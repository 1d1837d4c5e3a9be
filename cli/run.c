/* cli/run.c - `weir run`: runs a job until its input ends or somebody stops it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/job_args.h"
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
                           "  were read, written, rejected (malformed) and late, and how fast.\n"
                           "\n"
                           "  Ctrl-C, or SIGTERM, stops in order: sources stop, what is in flight arrives,\n"
                           "  sinks flush and finish. A second one ends the job at once.\n"
                           "\n"
                           "OPTIONS\n" WEIR_JOB_ARGS_HELP "  --quiet                 no progress and no last line\n"
                           "  --help                  this text\n"
                           "\n" WEIR_JOB_PLACES_HELP "\n"
                           "EXIT CODES\n"
                           "  0 the job finished   1 it failed   2 the manifest or the command line is wrong\n"
                           "  3 a plugin cannot be used   130 interrupted\n"
                           "\n"
                           "EXAMPLES\n"
                           "  weir run job.yaml --set input=today.log -p 4\n"
                           "  weir run job.yaml -D nodes.out.sink=print --output json\n";

static void heed_interrupts(struct weir_job *job, struct weir_progress_view *view, int *heeded)
{
    int asked = weir_interrupts();
    if (asked == *heeded) return;
    weir_progress_clear(view);
    if (*heeded == 0) {
        fprintf(stderr, "weir: stopping: sources stop, sinks finish (again: at once)\n");
        weir_job_stop(job);
    }
    if (asked > 1) weir_job_cancel(job);
    *heeded = asked;
}

static int outcome(struct weir_job *job, const struct weir_job_args *args)
{
    static struct weir_error_text error;
    enum weir_job_state state = weir_job_state(job);
    if (!args->quiet) weir_print_summary(job, args->json);
    if (state == WEIR_JOB_FINISHED) return WEIR_EXIT_OK;
    if (state == WEIR_JOB_STOPPED && !args->quiet)
        fprintf(stderr, "weir: stopped in order; sinks are flushed and finished\n");
    if (state == WEIR_JOB_CANCELLED && !args->quiet) fprintf(stderr, "weir: ended at once; sinks did not finish\n");
    if (state == WEIR_JOB_STOPPED || state == WEIR_JOB_CANCELLED) return WEIR_EXIT_INTERRUPTED;
    weir_job_failure(job, &error);
    fprintf(stderr, "weir: job '%s' failed\n%s\n", weir_job_name(job), error.text);
    return WEIR_EXIT_JOB;
}

static int run(struct weir_job *job, const struct weir_job_args *args)
{
    static struct weir_error_text error;
    struct weir_progress_view view;
    int heeded = 0;
    weir_hold_interrupts(true);
    weir_status started = weir_job_start(job, &error);
    weir_hold_interrupts(false);
    if (started != WEIR_OK) {
        fprintf(stderr, "weir: job '%s' cannot start\n%s\n", weir_job_name(job), error.text);
        return weir_exit_code_of(error.status);
    }
    weir_progress_init(&view, args->quiet);
    while (!weir_job_wait(job, LOOK_MS)) {
        heed_interrupts(job, &view, &heeded);
        weir_progress_show(&view, job);
    }
    weir_progress_clear(&view);
    weir_progress_finish(&view);
    return outcome(job, args);
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
    int code = weir_job_args_parse(&args, argc, argv, "mq", help);
    if (code < 0) code = weir_supervise(argc, copies);
    weir_job_args_finish(&args);
    free_arguments(copies);
    return code;
}

int weir_run_main(int argc, char **argv)
{
    return weir_supervised_child() ? weir_with_job(argc, argv, "mq", help, run) : supervise(argc, argv);
}
