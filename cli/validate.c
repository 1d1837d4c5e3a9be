/* cli/validate.c - `weir validate`: is this job right? Nothing of it runs. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/job_args.h"

static const char help[] =
    "weir validate - check a job manifest; nothing of it runs\n"
    "\n"
    "USAGE\n"
    "  weir validate [OPTION...] JOB.yaml\n"
    "\n"
    "DESCRIPTION\n"
    "  Checks keys, components, options, fields, types and the graph, from the plugins'\n"
    "  manifests: no plugin code runs. All problems are printed in one go, each with\n"
    "  file, line and column, the line itself, and what to do.\n"
    "\n"
    "OPTIONS\n"
    WEIR_JOB_ARGS_HELP
    "  --help                  this text\n"
    "\n"
    WEIR_JOB_PLACES_HELP
    "\n"
    "EXIT CODES\n"
    "  0 the job is right   2 it is not, or the command line is wrong\n"
    "  3 a plugin cannot be used\n"
    "\n"
    "EXAMPLES\n"
    "  weir validate job.yaml --set input=today.log\n"
    "  weir validate job.yaml --output json      problems for an editor\n";

int weir_validate_main(int argc, char **argv)
{
    struct weir_job_args args;
    struct weir_runtime *runtime = NULL;
    struct weir_job *job = NULL;
    int code = weir_job_args_parse(&args, argc, argv, "", help);
    if (code < 0 && !args.manifest) {
        fprintf(stderr, "weir validate: which job? usage: weir validate JOB.yaml\n");
        code = WEIR_EXIT_USAGE;
    }
    if (code < 0) code = weir_job_args_open(&args, &runtime, &job);
    if (code == 0 && job) printf(args.json ? "[]\n" : "%s: job '%s' is valid\n", args.manifest, weir_job_name(job));
    weir_job_destroy(job);
    weir_runtime_destroy(runtime);
    weir_job_args_finish(&args);
    return code;
}
