/* cli/list.c - `weir list`: the components that jobs can name. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/job_args.h"

static const char help[] =
    "usage: weir list [OPTION...] [KIND]\n"
    "\n"
    "Lists the components of the built-in plugins and of the plugin directories: source, operator, reducer, aggregate, watermark_generator,\n"
    "partitioner, decoder, encoder, sink; with KIND only those. Plugin files that cannot be used are listed with the reason.\n"
    "\n"
    "  --plugins DIR         one more plugin directory; may be repeated\n"
    "  --config FILE         configuration file\n"
    "  --output text|json    how to print; text is the default\n"
    "  --help                this text\n"
    "\n"
    "exit codes: 0 printed, 2 wrong usage\n";

int weir_list_main(int argc, char **argv)
{
    static struct weir_error_text error;
    struct weir_job_args args;
    struct weir_runtime *runtime = NULL;
    int code = weir_job_args_parse(&args, argc, argv, "", help);
    const char *kind = args.manifest; /* the one word that is no option */
    args.manifest = NULL;
    if (code < 0) code = weir_job_args_open(&args, &runtime, NULL);
    if (code == 0 && runtime) {
        char *text;
        if (weir_runtime_list(runtime, kind, args.json, &text, &error) == WEIR_OK) fputs(text, stdout);
        else fprintf(stderr, "weir list: %s\n", error.text), code = WEIR_EXIT_USAGE, text = NULL;
        weir_text_free(text);
    }
    weir_runtime_destroy(runtime);
    weir_job_args_finish(&args);
    return code;
}
