/* state_backend.c - `weir state-backend JOB [NODE] BACKEND`: moves the keyed state of a running job. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/control.h"

static const char help[] = "weir state-backend - move the keyed state of a running job to another backend\n"
                           "\n"
                           "USAGE\n"
                           "  weir state-backend [OPTION...] JOB [NODE] BACKEND\n"
                           "\n"
                           "DESCRIPTION\n"
                           "  Copies the keyed state of a node, or of all nodes that keep some, to another backend,\n"
                           "  and goes on with the copy: without a restart, without a record lost or repeated.\n"
                           "  BACKEND is heap, leveldb or a plugin's, or with options, as in a manifest:\n"
                           "  '{leveldb: {bloom_bits: 0}}'. A barrier goes through the job; a subtask that it\n"
                           "  reaches takes no input until its state is copied, the others go on. Prints how long\n"
                           "  each one paused. Where a copy fails, the state stays where it was, whole.\n"
                           "\n"
                           "  The job keeps its state there when it fails and starts again; a new process, also\n"
                           "  one that goes on with --resume, does as its manifest says. Checkpoints and\n"
                           "  savepoints are the same for all backends.\n"
                           "\n"
                           "OPTIONS\n"
                           "  --cache SIZE            entries that are kept in memory too, of each node; else as the\n"
                           "                          manifest says\n"
                           "  --directory DIR         where the backend keeps its files; likewise\n"
                           "  --output text|json      how to print; text is the default\n"
                           "  --help                  this text\n"
                           "\n"
                           "EXIT CODES\n"
                           "  0 it is there   1 it stays where it was   2 the job does not run\n"
                           "\n"
                           "EXAMPLES\n"
                           "  weir state-backend shop leveldb\n"
                           "  weir state-backend shop sessions leveldb --cache 512MiB\n"
                           "  weir state-backend shop sessions heap\n";

struct words {
    const char *job, *node, *backend, *cache, *directory;
    bool json;
};

static int wrong(const char *what)
{
    fprintf(stderr, "weir state-backend: %s\n`weir state-backend --help` says more.\n", what);
    return WEIR_EXIT_USAGE;
}

/* Returns an exit code, or -1 to go on. */
static int take(struct words *w, int option)
{
    switch (option) {
    case 'h': return fputs(help, stdout), WEIR_EXIT_OK;
    case 'c': w->cache = optarg; return -1;
    case 'd': w->directory = optarg; return -1;
    case 'o':
        w->json = strcmp(optarg, "json") == 0;
        return w->json || strcmp(optarg, "text") == 0 ? -1 : wrong("--output wants text or json");
    default: return WEIR_EXIT_USAGE;
    }
}

static int parse(struct words *w, int argc, char **argv)
{
    static const struct option options[] = {{"cache", required_argument, NULL, 'c'},
                                            {"directory", required_argument, NULL, 'd'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    optind = 1;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (option == '?')
            fprintf(stderr,
                    "weir state-backend: unknown option, or an option without its value: %s\n`weir state-backend --help` "
                    "says more.\n",
                    argv[optind - 1]);
        int code = take(w, option);
        if (code >= 0) return code;
    }
    int n = argc - optind;
    if (n == 0) return wrong("which job? name it; `weir list` shows those there are");
    if (n == 1) return wrong("which backend? name it: heap, leveldb, or a plugin's");
    if (n > 3) return wrong("there are too many words");
    w->job = argv[optind];
    w->node = n == 3 ? argv[optind + 1] : NULL;
    w->backend = argv[argc - 1];
    return -1;
}

static char *absolute(const char *directory)
{
    if (!directory || *directory == '/') return weir_strdup(directory);
    char *here = realpath(".", NULL), *path = here ? weir_format("%s/%s", here, directory) : weir_strdup(directory);
    free(here);
    return path;
}

static void print_moved(const json_t *answer, const char *backend)
{
    size_t i;
    json_t *m;
    json_array_foreach(json_object_get(answer, "moved"), i, m)
    {
        const char *node = json_string_value(json_object_get(m, "node"));
        long long subtask = (long long)json_integer_value(json_object_get(m, "subtask"));
        if (!json_is_true(json_object_get(m, "moved"))) {
            printf("%s, subtask %lld: has ended\n", node, subtask);
            continue;
        }
        printf("%s, subtask %lld: %lld entries to %s, paused %.1f ms, of which copying %.1f ms\n", node, subtask,
               (long long)json_integer_value(json_object_get(m, "entries")), backend,
               json_real_value(json_object_get(m, "pause_ms")), json_real_value(json_object_get(m, "copied_ms")));
    }
}

static weir_status ask(const struct weir_job_home *home, const struct words *w, struct weir_error *error)
{
    char *directory = absolute(w->directory);
    json_t *request = json_pack("{s:s, s:s, s:s*, s:s*, s:s*}", "do", "state-backend", "backend", w->backend, "node",
                                w->node, "cache", w->cache, "directory", directory),
           *answer;
    weir_free(directory);
    if (!request) return weir_error_set(error, WEIR_E_CONFIG, "a word is not UTF-8");
    weir_status s = weir_control_ask(home, request, &answer, error);
    json_decref(request);
    if (s != WEIR_OK) return s;
    if (w->json) {
        json_dumpf(answer, stdout, JSON_COMPACT);
        putchar('\n');
    } else {
        print_moved(answer, w->backend);
    }
    json_decref(answer);
    return s;
}

int weir_state_backend_main(int argc, char **argv)
{
    struct words w = {0};
    struct weir_error error = {0};
    struct weir_home home;
    struct weir_job_home job = {.lock = -1};
    int code = parse(&w, argc, argv);
    if (code >= 0) return code;
    weir_status s = weir_home_find(&home, &error);
    if (s == WEIR_OK) s = weir_job_home_init(&job, &home, w.job, &error);
    if (s == WEIR_OK) s = ask(&job, &w, &error);
    weir_job_home_finish(&job);
    weir_home_finish(&home);
    if (s == WEIR_OK) return WEIR_EXIT_OK;
    fprintf(stderr, "weir state-backend: %s\n", error.text);
    return s == WEIR_E_CONFIG ? WEIR_EXIT_USAGE : WEIR_EXIT_JOB;
}
