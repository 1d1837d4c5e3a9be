/* savepoint_dump.c - `weir savepoint dump`: the state in a checkpoint or savepoint as text. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/savepoint.h"

static const char help[] =
    "weir savepoint dump - print the state in a checkpoint or savepoint\n"
    "\n"
    "USAGE\n"
    "  weir savepoint dump [OPTION...] DIRECTORY [NODE]\n"
    "\n"
    "DESCRIPTION\n"
    "  A line for each entry of each node's states, timers and lists (where sources are,\n"
    "  broadcast states, what sinks have not committed), and before those of a state one\n"
    "  that gives its fields and types. Lines come in one order, by node, state, key and\n"
    "  namespace: the same state gives the same dump at every parallelism and from every\n"
    "  backend, so that two can be compared with diff.\n"
    "\n"
    "  Integers have all their digits; timestamps are text, UTC; bytes, and text that is\n"
    "  not UTF-8, are {\"base64\": ...}; NaN and Infinity are text. In CSV the states stand\n"
    "  one below the other, each with a header and an empty line between; lists and maps\n"
    "  are JSON in a cell.\n"
    "\n"
    "OPTIONS\n"
    "  --state NAME            this state or list alone; or \"event timers\",\n"
    "                          \"processing timers\"\n"
    "  --format json|csv       lines of JSON are the default\n"
    "  --memory SIZE           for sorting, 256MiB by default; larger state takes more\n"
    "                          passes over the files\n" WEIR_SAVEPOINT_JOB_HELP "  --help                  this text\n"
    "\n"
    "EXIT CODES\n"
    "  0 printed   1 it is damaged or cannot be read: what was printed is not all\n"
    "  2 the command line is wrong, or there is no such node or state\n"
    "\n"
    "EXAMPLES\n"
    "  weir savepoint dump shop-savepoint-7 totals | jq 'select(.value)'\n"
    "  weir savepoint dump chk-12 totals --state sum --format csv > sums.csv\n";

/* Nobody reads on: that is an end, not a failure. */
static weir_status print(void *arg, const char *text, size_t n)
{
    (void)arg;
    return fwrite(text, 1, n, stdout) == n ? WEIR_OK : WEIR_E_IO;
}

static bool read_memory(const char *text, uint64_t *memory)
{
    struct weir_error error;
    int64_t bytes;
    if (weir_parse_size(text, &bytes, &error) != WEIR_OK || bytes <= 0) return false;
    *memory = (uint64_t)bytes;
    return true;
}

/* Returns an exit code, or -1 to go on. */
static int parse(struct weir_savepoint_dump_options *o, const char **directory, const char **job, int argc, char **argv)
{
    static const struct option options[] = {{"state", required_argument, NULL, 's'},
                                            {"format", required_argument, NULL, 'f'},
                                            {"memory", required_argument, NULL, 'm'},
                                            {"job", required_argument, NULL, 'j'},
                                            {"set", required_argument, NULL, 'S'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    optind = 1;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "D:h", options, NULL)) != -1;) {
        if (option == 'h') return fputs(help, stdout), WEIR_EXIT_OK;
        int code = option == 'S' || option == 'D' ? weir_savepoint_set(argv[0], option, optarg) : -1;
        if (code >= 0) return code;
        if (option == 's') o->state = optarg;
        if (option == 'j') *job = optarg;
        if (option == 'f' && (o->csv = strcmp(optarg, "csv") == 0, !o->csv) && strcmp(optarg, "json") != 0)
            return weir_savepoint_wrong(argv[0], "--format wants json or csv");
        if (option == 'm' && !read_memory(optarg, &o->memory_bytes))
            return weir_savepoint_wrong(argv[0], "--memory wants a size such as 64MiB");
        if (option == '?') return weir_savepoint_no_option(argv[0], argv[optind - 1]);
    }
    if (optind == argc) return weir_savepoint_wrong(argv[0], "which one? name its directory");
    *directory = argv[optind++];
    if (optind < argc) o->node = argv[optind++];
    return optind < argc ? weir_savepoint_wrong(argv[0], "one node is enough") : -1;
}

int weir_savepoint_dump_main(int argc, char **argv)
{
    static struct weir_error_text error;
    struct weir_savepoint_dump_options o = {.struct_size = sizeof o, .write = print};
    const char *directory = NULL, *job = NULL;
    int code = parse(&o, &directory, &job, argc, argv);
    if (code >= 0) return code;
    struct weir_runtime *runtime = weir_savepoint_runtime(argv[0], job, &code);
    if (!runtime) return code;
    weir_status s = weir_savepoint_dump(runtime, directory, &o, &error);
    bool written = fflush(stdout) == 0 && !ferror(stdout);
    if (s != WEIR_OK && written) code = weir_savepoint_report(argv[0], &error);
    weir_savepoint_close(runtime);
    return written ? code : WEIR_EXIT_JOB;
}
