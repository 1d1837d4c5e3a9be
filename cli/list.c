/* cli/list.c - `weir list`: the components that jobs can name. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/job_args.h"

static const char help[] = "weir list - list the components that jobs can name\n"
                           "\n"
                           "USAGE\n"
                           "  weir list [OPTION...] [KIND]\n"
                           "\n"
                           "DESCRIPTION\n"
                           "  Lists the components of the built-in plugins and of the plugin directories; with\n"
                           "  a KIND only those: source, operator, reducer, aggregate, watermark_generator,\n"
                           "  partitioner, decoder, encoder, sink. Plugin files that cannot be used are listed\n"
                           "  with the reason.\n"
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
    if (code < 0) code = weir_job_args_open(&args, &runtime, NULL);
    if (runtime && print(runtime, kind, &args, &error) != WEIR_OK) {
        fprintf(stderr, "weir list: %s\n", error.text);
        code = WEIR_EXIT_USAGE;
    }
    weir_runtime_destroy(runtime);
    weir_job_args_finish(&args);
    return code;
}
