/* cli/validate.c - `weir validate`: is this job right? Nothing of it runs. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/job_args.h"

static const char help[] = "usage: weir validate [OPTION...] JOB.yaml\n"
                           "\n"
                           "Checks a job manifest: keys, components, options, fields, types, graph. All problems are "
                           "printed, each with file, line, column and what to do. No\n"
                           "plugin code runs.\n"
                           "\n" WEIR_JOB_ARGS_HELP "  --help                this text\n"
                           "\n"
                           "exit codes: 0 the job is right, 2 it is not, or wrong usage, 3 a plugin cannot be used\n";

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
