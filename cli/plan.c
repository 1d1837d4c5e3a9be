/* cli/plan.c - `weir plan`: the three graphs of a job. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/job_args.h"

static const char help[] =
    "weir plan - print the graphs that a job becomes\n"
    "\n"
    "USAGE\n"
    "  weir plan [OPTION...] JOB.yaml\n"
    "\n"
    "DESCRIPTION\n"
    "  stream      the job as it is written, with schemas and partitioners on the edges\n"
    "  job         which nodes are chained, and why the others are not\n"
    "  execution   subtasks, slots, channels, and the memory that channels may take\n"
    "  Below the text of each: where checkpoints and savepoints go.\n"
    "\n"
    "OPTIONS\n"
    "  --graph stream|job|execution          default: job\n"
    "  --format text|dot|mermaid|json        default: text\n" WEIR_JOB_ARGS_HELP "  --help                  this text\n"
    "\n" WEIR_JOB_PLACES_HELP "\n"
    "EXIT CODES\n"
    "  0 printed   2 the job or the command line is wrong   3 a plugin cannot be used\n"
    "\n"
    "EXAMPLES\n"
    "  weir plan job.yaml -p 4 --graph execution\n"
    "  weir plan job.yaml --format dot | dot -Tsvg > job.svg\n";

static int print(struct weir_job *job, const struct weir_job_args *args)
{
    static struct weir_error_text error;
    char *text;
    const char *format = args->format ? args->format : args->json ? "json" : "text";
    if (weir_job_plan(job, args->graph ? args->graph : "job", format, &text, &error) != WEIR_OK) {
        fprintf(stderr, "weir plan: %s\n", error.text);
        return weir_exit_code_of(error.status);
    }
    fputs(text, stdout);
    weir_text_free(text);
    return WEIR_EXIT_OK;
}

int weir_plan_main(int argc, char **argv)
{
    return weir_with_job(argc, argv, "mgf", help, print);
}
