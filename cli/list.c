/* cli/list.c - `weir list`: the jobs of this machine; or the components that jobs can name. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/job_args.h"
#include "cli/jobs.h"

static const char help[] = "weir list - list jobs, or the components that jobs can name\n"
                           "\n"
                           "USAGE\n"
                           "  weir list [--output text|json]\n"
                           "  weir list [OPTION...] components|KIND\n"
                           "\n"
                           "DESCRIPTION\n"
                           "  Alone: the jobs that ran in this home ($WEIR_HOME), running or not, and what\n"
                           "  became of them. With `components`: the components of the built-in plugins and of\n"
                           "  the plugin directories; with a KIND only those: source, operator, reducer,\n"
                           "  aggregate, watermark_generator, partitioner, decoder, encoder, sink,\n"
                           "  window_assigner, trigger, evictor, window_function, join_function. Plugin files\n"
                           "  that cannot be used are listed with the reason.\n"
                           "\n"
                           "OPTIONS\n"
                           "  --plugins DIR           one more plugin directory; may be repeated\n"
                           "  --config FILE           configuration file (see FILES)\n"
                           "  --output text|json      how to print; text is the default\n"
                           "  --format markdown       the reference of the built-in components with all options\n"
                           "  --help                  this text\n"
                           "\n" WEIR_JOB_PLACES_HELP "\n"
                           "EXIT CODES\n"
                           "  0 printed   2 the command line is wrong\n";

static weir_status print(struct weir_runtime *runtime, const char *kind, const struct weir_job_args *args,
                         struct weir_error_text *error)
{
    char *text;
    weir_status s = args->format ? weir_runtime_reference(runtime, &text, error)
                                 : weir_runtime_list(runtime, kind, args->json, &text, error);
    if (s != WEIR_OK) return s;
    fputs(text, stdout);
    weir_text_free(text);
    return s;
}

int weir_list_main(int argc, char **argv)
{
    static struct weir_error_text error;
    struct weir_job_args args;
    struct weir_runtime *runtime = NULL;
    int code = weir_job_args_parse(&args, argc, argv, "f", help);
    const char *kind = args.manifest; /* the one word that is no option */
    args.manifest = NULL;
    if (code < 0 && args.format && strcmp(args.format, "markdown") != 0) {
        fprintf(stderr, "weir list: --format wants markdown, found '%s'\n", args.format);
        code = WEIR_EXIT_USAGE;
    }
    bool jobs = !kind && !args.format;
    if (kind && strcmp(kind, "components") == 0) kind = NULL;
    if (code < 0) code = jobs ? weir_list_jobs(args.json) : weir_job_args_open(&args, &runtime, NULL);
    if (runtime && print(runtime, kind, &args, &error) != WEIR_OK) {
        fprintf(stderr, "weir list: %s\n", error.text);
        code = WEIR_EXIT_USAGE;
    }
    weir_runtime_destroy(runtime);
    weir_job_args_finish(&args);
    return code;
}
