/* cli/validate.c - `weir validate`: is this job right? Nothing of it runs. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/job_args.h"

static const char help[] = "weir validate - check a job manifest; nothing of it runs\n"
                           "\n"
                           "USAGE\n"
                           "  weir validate [OPTION...] JOB.yaml\n"
                           "\n"
                           "DESCRIPTION\n"
                           "  Checks keys, components, options, fields, types and the graph, from the plugins'\n"
                           "  manifests: no plugin code runs. All problems are printed in one go, each with\n"
                           "  file, line and column, the line itself, and what to do.\n"
                           "  For a job that is right: what a crash does to the records of each sink, and where\n"
                           "  its checkpoints and savepoints go.\n"
                           "\n"
                           "OPTIONS\n" WEIR_JOB_ARGS_HELP "  --help                  this text\n"
                           "\n" WEIR_JOB_PLACES_HELP "\n"
                           "EXIT CODES\n"
                           "  0 the job is right   2 it is not, or the command line is wrong\n"
                           "  3 a plugin cannot be used\n"
                           "\n"
                           "EXAMPLES\n"
                           "  weir validate job.yaml --set input=today.log\n"
                           "  weir validate job.yaml --output json      problems for an editor\n";

static int say_valid(struct weir_job *job, const struct weir_job_args *args)
{
    struct weir_error_text error;
    char *guarantees;
    if (args->json) {
        printf("[]\n");
        return WEIR_EXIT_OK;
    }
    printf("%s: job '%s' is valid\n", args->manifest, weir_job_name(job));
    if (weir_job_guarantees(job, &guarantees, &error) != WEIR_OK) {
        fprintf(stderr, "weir validate: %s\n", error.text);
        return weir_exit_code_of(error.status);
    }
    printf("%s", guarantees);
    weir_text_free(guarantees);
    char *checkpoints;
    if (weir_job_describe_checkpoints(job, &checkpoints, &error) == WEIR_OK) printf("%s", checkpoints);
    weir_text_free(checkpoints);
    return WEIR_EXIT_OK;
}

int weir_validate_main(int argc, char **argv)
{
    return weir_with_job(argc, argv, "m", help, say_valid);
}
