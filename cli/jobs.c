/* jobs.c - the commands that look at jobs of this machine, and tell them what to do: list, status, logs, stop, cancel,
 * checkpoint, savepoint. */
#include "cli/jobs.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/control.h"
#include "cli/plugin_files.h"
#include "cli/savepoint.h"

#define OPTIONS_HELP                                                \
    "OPTIONS\n"                                                     \
    "  --output text|json      how to print; text is the default\n" \
    "  --help                  this text\n\n"

#define HOME_HELP                                                                       \
    "ENVIRONMENT\n"                                                                     \
    "  WEIR_HOME               where jobs keep their state: /var/lib/weir (root), or\n" \
    "                          $XDG_STATE_HOME/weir (~/.local/state/weir)\n"            \
    "  WEIR_RUN                where running jobs answer: /run/weir (root),\n"          \
    "                          $XDG_RUNTIME_DIR/weir, or run/ in a WEIR_HOME that is set\n"

/* ---- the command line -------------------------------------------------------------------------------------------- */

struct words {
    const char *job, *directory;
    bool json, drain;
};

/* An option that is unknown, or lacks its value. */
static int no_option(const char *command, const char *option)
{
    fprintf(stderr, "weir %s: unknown option, or an option without its value: %s\n`weir %s --help` says more.\n", command,
            option, command);
    return WEIR_EXIT_USAGE;
}

static int wrong(const char *command, const char *what)
{
    fprintf(stderr, "weir %s: %s\n`weir %s --help` says more.\n", command, what, command);
    return WEIR_EXIT_USAGE;
}

/* Returns an exit code, or -1 to go on. */
static int parse(struct words *w, int argc, char **argv, const char *help, bool takes_drain, bool takes_directory)
{
    static const struct option options[] = {{"output", required_argument, NULL, 'o'},
                                            {"drain", no_argument, NULL, 'd'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    *w = (struct words){0};
    optind = 1;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (option == 'h') return fputs(help, stdout), WEIR_EXIT_OK;
        if (option == 'o' && (w->json = strcmp(optarg, "json") == 0, !w->json) && strcmp(optarg, "text") != 0)
            return wrong(argv[0], "--output wants text or json");
        if (option == '?' || (option == 'd' && !takes_drain)) return no_option(argv[0], argv[optind - 1]);
        if (option == 'd') w->drain = true;
    }
    if (optind < argc) w->job = argv[optind++];
    if (takes_directory && optind < argc) w->directory = argv[optind++];
    if (optind < argc) return wrong(argv[0], "there are too many words");
    return -1;
}

static int report(const char *command, const struct weir_error *error)
{
    fprintf(stderr, "weir %s: %s\n", command, error->text);
    return error->status == WEIR_E_CONFIG ? WEIR_EXIT_USAGE : WEIR_EXIT_JOB;
}

/* Opens the folder of the job that is named, and gives it to `use`. */
static int with_home(const char *command, const struct words *w,
                     weir_status (*use)(struct weir_job_home *, const struct words *, struct weir_error *))
{
    struct weir_error error = {0};
    struct weir_home home;
    struct weir_job_home job = {.lock = -1};
    if (!w->job) return wrong(command, "which job? name it; `weir list` shows those there are");
    weir_status s = weir_home_find(&home, &error);
    if (s == WEIR_OK) s = weir_job_home_init(&job, &home, w->job, &error);
    if (s == WEIR_OK) s = use(&job, w, &error);
    weir_job_home_finish(&job);
    weir_home_finish(&home);
    return s == WEIR_OK ? WEIR_EXIT_OK : report(command, &error);
}

/* ---- list -------------------------------------------------------------------------------------------------------- */

struct listing {
    json_t *jobs; /* NULL: text */
    size_t n;
};

static void add_time(struct weir_text *t, int64_t ms)
{
    if (ms > 0) weir_text_add_time(t, ms);
}

static json_t *record_of(const struct weir_job_home *home, const struct weir_job_record *r)
{
    return json_pack("{s:s, s:s, s:s*, s:s*, s:s*, s:I, s:I, s:I, s:I}", "job", home->name, "state",
                     weir_job_record_state(home, r), "manifest", r->manifest, "reason", r->reason, "savepoint", r->savepoint,
                     "pid", (json_int_t)r->pid, "started_ms", (json_int_t)r->started_ms, "changed_ms",
                     (json_int_t)r->changed_ms, "attempt", (json_int_t)r->attempt);
}

/* brief: a line of the reason. */
static void print_reason(const struct weir_job_home *home, const char *reason, bool brief)
{
    size_t n = strcspn(reason, "\n");
    if (brief) {
        printf("    %.*s%s%s%s\n", (int)n, reason, reason[n] ? " (`weir status " : "", reason[n] ? home->name : "",
               reason[n] ? "` says more)" : "");
        return;
    }
    for (const char *line = reason; *line; line += strcspn(line, "\n"), line += *line == '\n')
        printf("    %.*s\n", (int)strcspn(line, "\n"), line);
}

static void print_row(const struct weir_job_home *home, const struct weir_job_record *r, bool brief)
{
    const char *state = weir_job_record_state(home, r);
    struct weir_text when = {0};
    add_time(&when, r->changed_ms);
    printf("%-24s %-11s %s  %s\n", home->name, state, weir_text_get(&when), r->manifest ? r->manifest : "");
    if (strcmp(state, "died") == 0) printf("    its processes are gone without a word: killed, or the machine went down\n");
    if (r->reason && strcmp(state, "running") != 0) print_reason(home, r->reason, brief);
    if (r->savepoint)
        printf("    go on with: weir run %s --from %s%s\n", r->manifest ? r->manifest : "", r->savepoint,
               *r->savepoint == '/' ? "" : "  (from where the job was started)");
    weir_text_finish(&when);
}

static bool list_one(void *arg, struct weir_job_home *home)
{
    struct listing *l = arg;
    struct weir_job_record record = {0};
    struct weir_error error;
    l->n++;
    if (weir_job_record_read(home, &record, &error) != WEIR_OK) {
        if (l->jobs)
            json_array_append_new(l->jobs,
                                  json_pack("{s:s, s:s, s:s}", "job", home->name, "state", "unknown", "reason", error.text));
        else
            printf("%-24s %-11s %s\n", home->name, "unknown", error.text);
    } else if (l->jobs) {
        json_array_append_new(l->jobs, record_of(home, &record));
    } else {
        print_row(home, &record, true);
    }
    weir_job_record_finish(&record);
    return true;
}

int weir_list_jobs(bool json)
{
    struct weir_error error = {0};
    struct weir_home home;
    struct listing listing = {.jobs = json ? json_array() : NULL};
    weir_status s = weir_home_find(&home, &error);
    if (s == WEIR_OK) s = weir_home_each(&home, list_one, &listing, &error);
    if (s == WEIR_OK && json) {
        json_dumpf(listing.jobs, stdout, JSON_INDENT(2));
        putchar('\n');
    } else if (s == WEIR_OK && listing.n == 0) {
        printf("no jobs in %s; `weir list components` shows what jobs can name\n", home.jobs);
    }
    json_decref(listing.jobs);
    weir_home_finish(&home);
    return s == WEIR_OK ? WEIR_EXIT_OK : report("list", &error);
}

/* ---- status ------------------------------------------------------------------------------------------------------ */

static const char status_help[] = "weir status - say how a job is doing\n"
                                  "\n"
                                  "USAGE\n"
                                  "  weir status [--output text|json] JOB\n"
                                  "\n"
                                  "DESCRIPTION\n"
                                  "  Of a job that runs: records read, written, rejected and late; of each node the\n"
                                  "  records in and out, the watermark, the share of the time it was busy, and that its\n"
                                  "  output was full; and what the storage of its checkpoints has been asked without\n"
                                  "  returning for a second. Of one that does not: what became of it.\n"
                                  "  Then the plugin files that the job was last started with, with the beginning of\n"
                                  "  their sha256, and whether they are other ones by now; JSON has all of its digits.\n"
                                  "\n" OPTIONS_HELP HOME_HELP "\n"
                                  "EXIT CODES\n"
                                  "  0 printed   1 the job did not answer   2 there is no such job\n";

static void print_node(const json_t *node)
{
    struct weir_text watermark = {0};
    weir_text_add_time(&watermark, json_integer_value(json_object_get(node, "watermark")));
    printf("  %-20s in %12lld  out %12lld  late %8lld  busy %3.0f %%  full %3.0f %%  watermark %s\n",
           json_string_value(json_object_get(node, "id")), (long long)json_integer_value(json_object_get(node, "rows_in")),
           (long long)json_integer_value(json_object_get(node, "rows_out")),
           (long long)json_integer_value(json_object_get(node, "late")),
           100 * json_real_value(json_object_get(node, "busy")),
           100 * json_real_value(json_object_get(node, "backpressured")), weir_text_get(&watermark));
    weir_text_finish(&watermark);
}

/* Whoever is asked for something shorter is nobody's worry. */
static void print_storage(const json_t *storage)
{
    int64_t ms = json_integer_value(json_object_get(storage, "for_ms"));
    struct weir_text duration = {0};
    if (!storage || ms < 1000) return;
    weir_text_add_duration(&duration, ms / 1000 * 1000);
    printf("%s has not returned for %s%s\n", json_string_value(json_object_get(storage, "call")), weir_text_get(&duration),
           json_is_true(json_object_get(storage, "late"))
               ? ": no checkpoint is made until it does (checkpoint.timeout is over)"
               : "");
    weir_text_finish(&duration);
}

static void print_status(const json_t *answer)
{
    static const char *const counts[] = {"read", "written", "rejected", "late"};
    size_t i;
    json_t *node;
    printf("running for %.1f s:", (double)json_integer_value(json_object_get(answer, "elapsed_ms")) / 1000);
    for (i = 0; i < 4; i++) {
        printf("%s %s %lld", i ? "," : "", counts[i], (long long)json_integer_value(json_object_get(answer, counts[i])));
    }
    putchar('\n');
    json_array_foreach(json_object_get(answer, "nodes"), i, node) print_node(node);
    print_storage(json_object_get(answer, "storage"));
}

static void print_plugin(void *arg, const struct weir_plugin_file *file)
{
    static const char *const changes[] = {"", "  (changed since the job was started)",
                                          "  (cannot be read any more; the job was started with it)"};
    bool *any = arg;
    if (!*any) puts("plugins, by their sha256:");
    *any = true;
    printf("  %.12s  %s%s\n", file->sha256, file->path, changes[file->change]);
}

static void add_plugin(void *arg, const struct weir_plugin_file *file)
{
    static const char *const changes[] = {"same", "changed", "gone"};
    json_t *one = json_pack("{s:s, s:s, s:s}", "path", file->path, "sha256", file->sha256, "file", changes[file->change]);
    if (one) json_array_append_new(arg, one); /* else its name is not UTF-8 */
}

static void print_all(const struct weir_job_home *home, json_t *answer)
{
    json_t *plugins = json_array();
    weir_plugin_files_each(home, add_plugin, plugins);
    json_object_set_new(answer, "plugins", plugins);
    json_dumpf(answer, stdout, JSON_INDENT(2));
    putchar('\n');
}

static weir_status show_status(struct weir_job_home *home, const struct words *w, struct weir_error *error)
{
    struct weir_job_record record = {0};
    json_t *request = json_pack("{s:s}", "do", "status"), *answer = NULL;
    weir_status s = weir_control_ask(home, request, &answer, error);
    json_decref(request);
    bool gone = s == WEIR_E_CONFIG && weir_job_home_exists(home);
    if (gone) s = weir_job_record_read(home, &record, error);
    if (s == WEIR_OK && gone) {
        if (w->json)
            answer = record_of(home, &record);
        else
            print_row(home, &record, false);
    }
    if (s == WEIR_OK && w->json) {
        print_all(home, answer);
    } else if (s == WEIR_OK) {
        bool any = false;
        if (answer) print_status(answer);
        weir_plugin_files_each(home, print_plugin, &any);
    }
    json_decref(answer);
    weir_job_record_finish(&record);
    return s;
}

int weir_status_main(int argc, char **argv)
{
    struct words w;
    int code = parse(&w, argc, argv, status_help, false, false);
    return code >= 0 ? code : with_home("status", &w, show_status);
}

/* ---- logs -------------------------------------------------------------------------------------------------------- */

static const char logs_help[] = "weir logs - print what weir said while a job ran\n"
                                "\n"
                                "USAGE\n"
                                "  weir logs [--output text] JOB\n"
                                "\n"
                                "DESCRIPTION\n"
                                "  Prints the log of the job's runs, the oldest line first. It is kept in\n"
                                "  jobs/JOB/log of the home; beyond 16 MiB the older half is in log.1.\n"
                                "\n" OPTIONS_HELP HOME_HELP "\n"
                                "EXIT CODES\n"
                                "  0 printed   2 there is no such job, or it said nothing\n";

static bool copy_out(const struct weir_job_home *home, const char *name)
{
    char *path = weir_job_home_path(home, name), bytes[16384];
    FILE *file = fopen(path, "re");
    weir_free(path);
    if (!file) return false;
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, file)) > 0;) fwrite(bytes, 1, n, stdout);
    fclose(file);
    return true;
}

static weir_status show_logs(struct weir_job_home *home, const struct words *w, struct weir_error *error)
{
    (void)w;
    bool old = copy_out(home, "log.1"), any = copy_out(home, "log") || old;
    if (any) return WEIR_OK;
    if (!weir_job_home_exists(home)) return weir_job_home_missing(home, error);
    return weir_error_set(error, WEIR_E_CONFIG, "job '%s' said nothing yet", home->name);
}

int weir_logs_main(int argc, char **argv)
{
    struct words w;
    int code = parse(&w, argc, argv, logs_help, false, false);
    return code >= 0 ? code : with_home("logs", &w, show_logs);
}

/* ---- stop, cancel, checkpoint, savepoint --------------------------------------------------------------------------- */

static weir_status ask(struct weir_job_home *home, json_t *request, bool to_end, const struct words *w,
                       struct weir_error *error)
{
    json_t *answer;
    weir_status s =
        to_end ? weir_control_ask_to_end(home, request, &answer, error) : weir_control_ask(home, request, &answer, error);
    json_decref(request);
    if (s != WEIR_OK) return s;
    const char *path = json_string_value(json_object_get(answer, "path"));
    if (w->json) {
        json_dumpf(answer, stdout, JSON_COMPACT);
        putchar('\n');
    } else if (path) {
        const json_t *number = json_object_get(answer, "number");
        if (number) printf("%lld ", (long long)json_integer_value(number));
        puts(path);
    }
    json_decref(answer);
    return s;
}

static const char checkpoint_help[] =
    "weir checkpoint - make a checkpoint of a running job now\n"
    "\n"
    "USAGE\n"
    "  weir checkpoint [--output text|json] JOB\n"
    "\n"
    "DESCRIPTION\n"
    "  Asks for a checkpoint at once, whatever `checkpoint: {every: ...}` says, waits until\n"
    "  it is complete, and prints its number and its directory. What sinks hold back for\n"
    "  a checkpoint is committed with it. It is the job's like its others, and is removed\n"
    "  once newer ones take its place; `weir savepoint` makes one that is yours. A job\n"
    "  without `checkpoint:` in its manifest takes none.\n"
    "\n" OPTIONS_HELP HOME_HELP "\n"
    "EXIT CODES\n"
    "  0 complete   1 it failed, or the job takes none   2 the job does not run\n";

static weir_status checkpoint(struct weir_job_home *home, const struct words *w, struct weir_error *error)
{
    return ask(home, json_pack("{s:s}", "do", "checkpoint"), false, w, error);
}

int weir_checkpoint_main(int argc, char **argv)
{
    struct words w;
    int code = parse(&w, argc, argv, checkpoint_help, false, false);
    return code >= 0 ? code : with_home("checkpoint", &w, checkpoint);
}

static char *absolute(const char *directory)
{
    if (!directory || *directory == '/') return weir_strdup(directory);
    char *here = realpath(".", NULL), *path = here ? weir_format("%s/%s", here, directory) : weir_strdup(directory);
    free(here);
    return path;
}

static weir_status save(struct weir_job_home *home, const char *after, const struct words *w, struct weir_error *error)
{
    char *directory = absolute(w->directory);
    json_t *request = json_pack("{s:s, s:s, s:s*}", "do", "savepoint", "after", after, "directory", directory);
    weir_free(directory);
    if (!request) return weir_error_set(error, WEIR_E_CONFIG, "the directory's name is not UTF-8");
    return ask(home, request, strcmp(after, "go_on") != 0, w, error);
}

static weir_status take_savepoint(struct weir_job_home *home, const struct words *w, struct weir_error *error)
{
    return save(home, "go_on", w, error);
}

static const char savepoint_help[] = "weir savepoint - save the state of a running job; look at what was saved\n"
                                     "\n"
                                     "USAGE\n"
                                     "  weir savepoint [--output text|json] JOB [DIRECTORY]\n"
                                     "  weir savepoint ls|verify|dump|diff|rm ...\n"
                                     "\n"
                                     "DESCRIPTION\n"
                                     "  Writes the state of all nodes and the positions of all sources, as of one point of\n"
                                     "  the input, to a directory of its own in DIRECTORY, and prints its name. The job\n"
                                     "  goes on. Savepoints are yours: no job removes one. `weir run JOB.yaml --from` goes\n"
                                     "  on from one, also of a changed job and at another parallelism.\n"
                                     "\n"
                                     "  Of what is on disk, checkpoints and savepoints alike:\n"
                                     "  ls [DIRECTORY|JOB]      which there are\n"
                                     "  verify DIRECTORY        is every byte of it as it was written?\n"
                                     "  dump DIRECTORY [NODE]   its state as lines of JSON, or as CSV\n"
                                     "  diff DIRECTORY JOB.yaml what the job would make of it\n"
                                     "  rm DIRECTORY...         remove it\n"
                                     "  `weir savepoint ls --help` and so on say more. A job with such a name:\n"
                                     "  `weir savepoint -- ls`.\n"
                                     "\n" OPTIONS_HELP HOME_HELP "\n"
                                     "EXIT CODES\n"
                                     "  0 complete   1 it failed, the job goes on   2 the job does not run\n";

int weir_savepoint_take(int argc, char **argv)
{
    struct words w;
    int code = parse(&w, argc, argv, savepoint_help, false, true);
    return code >= 0 ? code : with_home("savepoint", &w, take_savepoint);
}

static const char stop_help[] = "weir stop - end a running job so that it can go on later\n"
                                "\n"
                                "USAGE\n"
                                "  weir stop [--drain] [--output text|json] JOB [DIRECTORY]\n"
                                "\n"
                                "DESCRIPTION\n"
                                "  Takes a savepoint (see `weir savepoint`), in which open windows and timers wait,\n"
                                "  and ends the job there: nothing is lost, and nothing that comes after it was seen.\n"
                                "  With --drain event time ends first: windows and timers fire as at the end of the\n"
                                "  input; do not go on from such a savepoint. Prints the savepoint's name, once the\n"
                                "  job has ended and its name is free.\n"
                                "\n"
                                "OPTIONS\n"
                                "  --drain                 end event time first\n"
                                "  --output text|json      how to print; text is the default\n"
                                "  --help                  this text\n"
                                "\n" HOME_HELP "\n"
                                "EXIT CODES\n"
                                "  0 the job ended   1 the savepoint failed   2 the job does not run\n";

static weir_status stop(struct weir_job_home *home, const struct words *w, struct weir_error *error)
{
    return save(home, w->drain ? "drain" : "suspend", w, error);
}

int weir_stop_main(int argc, char **argv)
{
    struct words w;
    int code = parse(&w, argc, argv, stop_help, true, true);
    return code >= 0 ? code : with_home("stop", &w, stop);
}

static const char cancel_help[] = "weir cancel - end a running job at once\n"
                                  "\n"
                                  "USAGE\n"
                                  "  weir cancel [--output text|json] JOB\n"
                                  "\n"
                                  "DESCRIPTION\n"
                                  "  Sources stop, what is in flight is dropped, sinks do not finish. Its newest\n"
                                  "  checkpoint stays if the manifest says so. Returns once the job has ended.\n"
                                  "\n" OPTIONS_HELP HOME_HELP "\n"
                                  "EXIT CODES\n"
                                  "  0 the job ended   1 it did not answer   2 the job does not run\n";

static weir_status cancel(struct weir_job_home *home, const struct words *w, struct weir_error *error)
{
    return ask(home, json_pack("{s:s}", "do", "cancel"), true, w, error);
}

int weir_cancel_main(int argc, char **argv)
{
    struct words w;
    int code = parse(&w, argc, argv, cancel_help, false, false);
    return code >= 0 ? code : with_home("cancel", &w, cancel);
}
