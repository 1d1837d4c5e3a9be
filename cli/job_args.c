/* job_args.c - see the header. */
#include "cli/job_args.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/process.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/home.h"
#include "cli/supervisor.h"

enum {
    OPT_SET = 256,
    OPT_PLUGINS,
    OPT_CONFIG,
    OPT_LOG,
    OPT_OUTPUT,
    OPT_GRAPH,
    OPT_FORMAT,
    OPT_QUIET,
    OPT_FROM,
    OPT_RESUME,
    OPT_RESUME_IF_ANY,
    OPT_FRESH,
    OPT_CLAIM,
    OPT_NON_RESTORED,
    OPT_EXPLAIN_TIME,
    OPT_STATE_BACKEND,
    OPT_DRY_RUN,
    OPT_WEAKER,
    OPT_RESET
};

static int bad(const char *command, const char *what, const char *value)
{
    fprintf(stderr, "weir %s: %s%s%s\n`weir %s --help` says more.\n", command, what, value ? ": " : "", value ? value : "",
            command);
    return WEIR_EXIT_USAGE;
}

/* "name=value", cut in place. */
static bool split_setting(char *text, struct weir_setting *to)
{
    char *equals = strchr(text, '=');
    if (!equals || equals == text) return false;
    *equals = '\0';
    *to = (struct weir_setting){text, equals + 1};
    return true;
}

static bool read_parallelism(const char *text, uint32_t *to)
{
    char *end;
    long n = strtol(text, &end, 10);
    *to = (uint32_t)n;
    return *text && !*end && n >= 1 && n <= 32768;
}

#define EXPLAIN_MS 5000 /* --explain-time without a value */

/* "--explain-time" or "--explain-time=2s" */
static bool read_interval(const char *text, int64_t *ms)
{
    struct weir_error error;
    *ms = EXPLAIN_MS;
    return !text || (weir_parse_duration(text, ms, &error) == WEIR_OK && *ms > 0);
}

static int take(struct weir_job_args *a, const char *command, int option, char *value)
{
    switch (option) {
    case OPT_SET:
        if (split_setting(value, &a->sets[a->n_sets])) return a->n_sets++, -1;
        return bad(command, "--set wants NAME=VALUE, found", value);
    case 'D':
        if (split_setting(value, &a->overrides[a->n_overrides])) return a->n_overrides++, -1;
        return bad(command, "-D wants PATH=VALUE, found", value);
    case OPT_STATE_BACKEND: a->overrides[a->n_overrides++] = (struct weir_setting){"state.backend", value}; return -1;
    case 'p':
        return read_parallelism(value, &a->parallelism) ? -1
                                                        : bad(command, "-p wants a number from 1 to 32768, found", value);
    case OPT_PLUGINS: a->plugins[a->n_plugins++] = value; return -1;
    case OPT_CONFIG: a->config = value; return -1;
    case OPT_LOG: a->log = value; return -1;
    case OPT_GRAPH: a->graph = value; return -1;
    case OPT_FORMAT: a->format = value; return -1;
    case OPT_QUIET: a->quiet = true; return -1;
    case OPT_FROM: a->from = value; return -1;
    case OPT_RESUME: a->from = ""; return -1;
    case OPT_RESUME_IF_ANY:
        a->from = "";
        a->or_begin = true;
        return -1;
    case OPT_FRESH: a->fresh = true; return -1;
    case OPT_CLAIM: a->claim = true; return -1;
    case OPT_NON_RESTORED: a->non_restored = true; return -1;
    case OPT_DRY_RUN: a->dry = true; return -1;
    case OPT_WEAKER: a->weaker = true; return -1;
    case OPT_RESET: a->afresh = true; return -1;
    case OPT_EXPLAIN_TIME:
        return read_interval(value, &a->explain_ms) ? -1
                                                    : bad(command, "--explain-time wants a time such as 5s, found", value);
    case OPT_OUTPUT:
        a->json = strcmp(value, "json") == 0;
        return a->json || strcmp(value, "text") == 0 ? -1 : bad(command, "--output wants text or json, found", value);
    default: return -1;
    }
}

static bool is_about_restoring(int option)
{
    return option == OPT_FROM || option == OPT_RESUME || option == OPT_RESUME_IF_ANY || option == OPT_FRESH ||
           option == OPT_CLAIM || option == OPT_NON_RESTORED;
}

static bool is_extra(int option, const char *extra)
{
    return (option != OPT_GRAPH || strchr(extra, 'g')) && (option != OPT_FORMAT || strchr(extra, 'f')) &&
           (option != OPT_QUIET || strchr(extra, 'q')) &&
           (!is_about_restoring(option) || strchr(extra, 'r') || (option == OPT_NON_RESTORED && strchr(extra, 'n'))) &&
           (option != OPT_EXPLAIN_TIME || strchr(extra, 't')) &&
           ((option != OPT_DRY_RUN && option != OPT_WEAKER && option != OPT_RESET) || strchr(extra, 'u'));
}

/* Of one that is unknown, or lacks its value. */
static int no_option(const char *command, const char *word, const struct option *options, const char *extra)
{
    const char *names[32];
    char *name = weir_strdup(strncmp(word, "--", 2) == 0 ? word + 2 : "");
    size_t n = 0;
    name[strcspn(name, "=")] = '\0';
    for (const struct option *o = options; o->name && n < 32; o++) {
        if (is_extra(o->val, extra)) names[n++] = o->name;
    }
    const char *near = weir_nearest(name, names, n);
    bool is_other = near && strcmp(near, name) != 0;
    weir_free(name);
    if (!is_other) return bad(command, "unknown option, or an option without its value", word);
    fprintf(stderr, "weir %s: unknown option %s; did you mean '--%s'?\n", command, word, near);
    return WEIR_EXIT_USAGE;
}

int weir_job_args_parse(struct weir_job_args *a, int argc, char **argv, const char *extra, const char *help)
{
    static const struct option options[] = {{"set", required_argument, NULL, OPT_SET},
                                            {"parallelism", required_argument, NULL, 'p'},
                                            {"plugins", required_argument, NULL, OPT_PLUGINS},
                                            {"config", required_argument, NULL, OPT_CONFIG},
                                            {"log", required_argument, NULL, OPT_LOG},
                                            {"output", required_argument, NULL, OPT_OUTPUT},
                                            {"graph", required_argument, NULL, OPT_GRAPH},
                                            {"format", required_argument, NULL, OPT_FORMAT},
                                            {"quiet", no_argument, NULL, OPT_QUIET},
                                            {"from", required_argument, NULL, OPT_FROM},
                                            {"fresh", no_argument, NULL, OPT_FRESH},
                                            {"resume", no_argument, NULL, OPT_RESUME},
                                            {"resume-if-any", no_argument, NULL, OPT_RESUME_IF_ANY},
                                            {"claim", no_argument, NULL, OPT_CLAIM},
                                            {"allow-non-restored", no_argument, NULL, OPT_NON_RESTORED},
                                            {"explain-time", optional_argument, NULL, OPT_EXPLAIN_TIME},
                                            {"state-backend", required_argument, NULL, OPT_STATE_BACKEND},
                                            {"dry-run", no_argument, NULL, OPT_DRY_RUN},
                                            {"allow-weaker-guarantee", no_argument, NULL, OPT_WEAKER},
                                            {"reset-options", no_argument, NULL, OPT_RESET},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    *a = (struct weir_job_args){.sets = calloc((size_t)argc, sizeof *a->sets),
                                .overrides = calloc((size_t)argc, sizeof *a->overrides),
                                .plugins = calloc((size_t)argc + 1, sizeof *a->plugins)};
    if (!a->sets || !a->overrides || !a->plugins) return bad(argv[0], "no memory", NULL);
    optind = 1;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "D:p:h", options, NULL)) != -1;) {
        if (option == 'h') {
            fputs(help, stdout);
            return WEIR_EXIT_OK;
        }
        if (option == '?' || !is_extra(option, extra)) return no_option(argv[0], argv[optind - 1], options, extra);
        int code = take(a, argv[0], option, optarg);
        if (code >= 0) return code;
    }
    if (strchr(extra, 'u') && optind < argc) a->job = argv[optind++];
    if (optind < argc) a->manifest = argv[optind++];
    if (optind < argc) return bad(argv[0], "one manifest is enough; there is also", argv[optind]);
    if (strchr(extra, 'm') && !a->manifest) return bad(argv[0], "which job? name its manifest", NULL);
    return -1;
}

void weir_job_args_finish(struct weir_job_args *a)
{
    free(a->sets);
    free(a->overrides);
    free(a->plugins);
    *a = (struct weir_job_args){0};
}

/* ---- as words --------------------------------------------------------------------------------------------------- */

static void add_word(json_t *words, const char *option, char *value)
{
    json_array_append_new(words, json_string(option));
    if (value) json_array_append_new(words, json_string(value));
    weir_free(value);
}

static void add_settings(json_t *words, const char *option, const struct weir_setting *settings, size_t n)
{
    for (size_t i = 0; i < n; i++) add_word(words, option, weir_format("%s=%s", settings[i].name, settings[i].value));
}

json_t *weir_job_args_options(const struct weir_job_args *a)
{
    json_t *words = json_array();
    add_settings(words, "--set", a->sets, a->n_sets);
    add_settings(words, "-D", a->overrides, a->n_overrides);
    if (a->parallelism > 0) add_word(words, "-p", weir_format("%u", a->parallelism));
    for (size_t i = 0; i < a->n_plugins; i++) add_word(words, "--plugins", weir_strdup(a->plugins[i]));
    if (a->config) add_word(words, "--config", weir_strdup(a->config));
    if (a->log) add_word(words, "--log", weir_strdup(a->log));
    if (a->json) add_word(words, "--output", weir_strdup("json"));
    if (a->quiet) add_word(words, "--quiet", NULL);
    if (a->explain_ms > 0) json_array_append_new(words, json_sprintf("--explain-time=%lldms", (long long)a->explain_ms));
    return words;
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

int weir_exit_code_of(weir_status status)
{
    if (status == WEIR_E_PLUGIN) return WEIR_EXIT_PLUGIN;
    return status == WEIR_E_CONFIG ? WEIR_EXIT_USAGE : WEIR_EXIT_JOB;
}

static int report(const struct weir_job_args *a, const struct weir_error_text *error)
{
    size_t n = strlen(error->text);
    fprintf(a->json ? stdout : stderr, "%s%s", error->text, n > 0 && error->text[n - 1] == '\n' ? "" : "\n");
    return weir_exit_code_of(error->status);
}

/* Beside the program: in a build folder and in an installation, wherever it was put. NULL: the place it was built for. */
static char *plugins_beside(const char *program)
{
    static const char *const places[] = {"../plugins", "../" WEIR_LIBDIR "/weir/plugins"};
    const char *slash = program ? strrchr(program, '/') : NULL;
    for (size_t i = 0; slash && i < sizeof places / sizeof *places; i++) {
        struct stat info;
        char *path = NULL;
        if (asprintf(&path, "%.*s/%s", (int)(slash - program), program, places[i]) < 0) return NULL;
        if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) return path;
        free(path);
    }
    return NULL;
}

int weir_job_args_open(const struct weir_job_args *a, struct weir_runtime **runtime, struct weir_job **job)
{
    static struct weir_error_text error;
    char *program = weir_process_executable(), *beside = getenv("WEIR_PLUGINS") ? NULL : plugins_beside(program);
    struct weir_runtime_options o = {.struct_size = sizeof o,
                                     .config = a->config,
                                     .plugins = a->plugins,
                                     .helper = program,
                                     .log = a->log,
                                     .builtin = beside};
    weir_status s = weir_runtime_create(&o, runtime, &error);
    free(beside);
    free(program);
    if (s != WEIR_OK) return report(a, &error);
    if (!a->manifest) return 0;
    struct weir_job_options job_options = {.struct_size = sizeof job_options,
                                           .parallelism = a->parallelism,
                                           .sets = a->sets,
                                           .n_sets = a->n_sets,
                                           .overrides = a->overrides,
                                           .n_overrides = a->n_overrides,
                                           .json = a->json,
                                           .text = weir_supervised_text()};
    struct weir_home home;
    struct weir_error ignored;
    if (weir_home_find(&home, &ignored) == WEIR_OK) job_options.home = home.jobs;
    s = weir_job_load(*runtime, a->manifest, &job_options, job, &error);
    weir_home_finish(&home);
    if (s == WEIR_OK) return 0;
    weir_runtime_destroy(*runtime);
    *runtime = NULL;
    return report(a, &error);
}

int weir_with_job(int argc, char **argv, const char *extra, const char *help,
                  int (*use)(struct weir_job *, const struct weir_job_args *))
{
    struct weir_job_args args;
    struct weir_runtime *runtime = NULL;
    struct weir_job *job = NULL;
    int code = weir_job_args_parse(&args, argc, argv, extra, help);
    if (code < 0) {
        code = weir_job_args_open(&args, &runtime, &job);
        if (code == 0) code = use(job, &args);
    }
    weir_job_destroy(job);
    weir_runtime_destroy(runtime);
    weir_job_args_finish(&args);
    return code;
}
