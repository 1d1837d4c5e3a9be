/* upgrade.c - `weir upgrade`: a running job goes on with another manifest, or as it was.
 *
 * This process reads and checks the new manifest and compares it with the state of the running job, which knows nothing of
 * that; then the job's supervisor does the rest (cli/supervisor.h), and this process prints what comes of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/path.h"
#include "cli/command.h"
#include "cli/control.h"
#include "cli/plugin_files.h"
#include "cli/savepoint.h"

static const char help[] = "weir upgrade - let a running job go on with another manifest\n"
                           "\n"
                           "USAGE\n"
                           "  weir upgrade [OPTION...] JOB [NEW.yaml]\n"
                           "\n"
                           "DESCRIPTION\n"
                           "  Checks NEW.yaml as `weir validate` does, or, where it is not named, the manifest that\n"
                           "  the job was started with, as it is now. Prints what the new job makes of the state of\n"
                           "  the running one, as `weir savepoint diff` does: restored, migrated, empty, dropped or\n"
                           "  refused. Then the running job is suspended with a savepoint, and the new one goes on\n"
                           "  from there, in the same `weir run`.\n"
                           "\n"
                           "  The new job is asked for a checkpoint at once. If it fails before that is complete, or\n"
                           "  the checkpoint does, the old job comes back, with its manifest as it was and from the\n"
                           "  same savepoint, which stays. Whether the new or the old one runs in the end, nothing\n"
                           "  is lost and nothing counts twice for the state; sinks that do not commit with\n"
                           "  checkpoints may have written something twice when the old one came back. Should all\n"
                           "  processes of the job go at once meanwhile, `weir run --resume` does the same.\n"
                           "\n"
                           "  Refused before anything happens: a manifest with mistakes or of another job's name;\n"
                           "  state that does not fit, such as keys of another type, or that no node takes; a sink\n"
                           "  that would guarantee less than it does now; a job without `checkpoint:`.\n"
                           "\n"
                           "  The options that the job was started with stay, and those given here come on top of\n"
                           "  them. A relative path in --set and -D is relative to where the job was started.\n"
                           "\n"
                           "OPTIONS\n"
                           "  --dry-run               say what would become of the state, and change nothing\n"
                           "  --allow-non-restored    drop saved state that no node of the new job takes\n"
                           "  --allow-weaker-guarantee\n"
                           "                          sinks may guarantee less than they do now\n"
                           "  --reset-options         without the options that the job was started with\n" WEIR_JOB_ARGS_HELP
                           "  --help                  this text\n"
                           "\n" WEIR_JOB_PLACES_HELP "\n"
                           "EXIT CODES\n"
                           "  0 the new job runs, or would   1 it does not: refused, or the old one came back\n"
                           "  2 the manifest or the command line is wrong, or the job does not run\n"
                           "  3 a plugin cannot be used\n";

struct upgrade {
    struct weir_job_args given; /* the command line */
    struct weir_job_home home;
    json_t *about;  /* the running job, cli/control.h */
    json_t *wanted; /* the new one: options and manifest */
    char **words;   /* the same as its process will be given them; owned */
    struct weir_job_args args;
    struct weir_runtime *runtime;
    struct weir_job *job;
    json_t *changes; /* NULL: as text */
    char *savepoint;
};

/* ---- saying it ----------------------------------------------------------------------------------------------------- */

static int refuse(int code, const char *format, const char *what)
{
    fputs("weir upgrade: ", stderr);
    fprintf(stderr, format, what);
    fputs(code == WEIR_EXIT_JOB ? "; nothing was changed\n" : "\n", stderr);
    return code;
}

static int failed(const struct weir_error *error)
{
    return refuse(error->status == WEIR_E_CONFIG ? WEIR_EXIT_USAGE : WEIR_EXIT_JOB, "%s", error->text);
}

/* With --output json all is one object. */
static int conclude(struct upgrade *u, int code, const char *result, const char *checkpoint, const char *why)
{
    json_t *all = u->changes
                      ? json_pack("{s:s, s:s, s:O, s:s*, s:s*, s:s*}", "job", u->home.name, "result", result, "changes",
                                  u->changes, "savepoint", u->savepoint, "checkpoint", checkpoint, "why", why)
                      : NULL;
    if (all) {
        json_dumpf(all, stdout, JSON_INDENT(2));
        putchar('\n');
    }
    json_decref(all);
    return code;
}

/* ---- the new job --------------------------------------------------------------------------------------------------- */

/* The other process is in another folder. */
static void make_absolute(json_t *options)
{
    bool is_path = false;
    for (size_t i = 0; i < json_array_size(options); i++) {
        const char *word = json_string_value(json_array_get(options, i));
        char *real = is_path ? realpath(word, NULL) : NULL;
        is_path = !is_path && (strcmp(word, "--plugins") == 0 || strcmp(word, "--config") == 0);
        if (real) json_array_set_new(options, i, json_string(real));
        free(real);
    }
}

static int find_wanted(struct upgrade *u)
{
    const char *named = u->given.manifest ? u->given.manifest : json_string_value(json_object_get(u->about, "manifest"));
    struct weir_job_args own = u->given;
    own.json = false; /* it is for this command, not for the job */
    char *manifest = named ? realpath(named, NULL) : NULL;
    json_t *options = u->given.afresh ? json_array() : json_deep_copy(json_object_get(u->about, "options"));
    json_t *more = weir_job_args_options(&own);
    make_absolute(more);
    json_array_extend(options, more);
    json_decref(more);
    if (manifest) u->wanted = json_pack("{s:O, s:s}", "options", options, "manifest", manifest);
    json_decref(options);
    free(manifest);
    return u->wanted ? -1 : refuse(WEIR_EXIT_USAGE, "%s: there is no such manifest", named ? named : "?");
}

/* Where the new job's first checkpoint will be looked for, should nobody see it. */
static void note_checkpoints(struct upgrade *u)
{
    const char *directory = weir_job_checkpoint_directory(u->job);
    if (!directory) return;
    char *here = realpath(".", NULL), *path = *directory != '/' && here ? weir_path_join(here, directory) : NULL;
    json_object_set_new(u->wanted, "checkpoints", json_string(path ? path : directory));
    weir_free(path);
    free(here);
}

/* The options that the job has go before what a manifest says, which a reader of the new one does not see. */
static void tell_parallelism(const struct upgrade *u)
{
    if (u->args.parallelism == 0 || u->given.parallelism > 0) return;
    fprintf(stderr,
            "weir upgrade: parallelism %u, as the job's options say (-p %u), whatever `defaults:` of the manifest say; to "
            "change it: -p N, or --reset-options\n",
            u->args.parallelism, u->args.parallelism);
}

/* As in the job's own process. */
static int open_wanted(struct upgrade *u)
{
    const json_t *options = json_object_get(u->wanted, "options"), *word;
    size_t i, n = 0;
    u->words = weir_alloc_array(json_array_size(options) + 4, sizeof *u->words);
    u->words[n++] = weir_strdup("upgrade");
    json_array_foreach(options, i, word) u->words[n++] = weir_strdup(json_string_value(word));
    u->words[n++] = weir_strdup("--");
    u->words[n++] = weir_strdup(json_string_value(json_object_get(u->wanted, "manifest")));
    char **argv = weir_alloc_array(n + 1, sizeof *argv); /* parsing permutes it */
    memcpy(argv, u->words, n * sizeof *argv);
    int code = weir_job_args_parse(&u->args, (int)n, argv, "mqt", help);
    weir_free(argv);
    const char *directory = json_string_value(json_object_get(u->about, "directory"));
    if (code >= 0) return code;
    if (directory && chdir(directory) != 0)
        return refuse(WEIR_EXIT_JOB, "%s, where the job was started, cannot be entered", directory);
    u->args.json = u->given.json;
    code = weir_job_args_open(&u->args, &u->runtime, &u->job);
    if (code == 0) note_checkpoints(u);
    if (code == 0) tell_parallelism(u);
    return code == 0 ? -1 : code;
}

/* ---- what is refused ----------------------------------------------------------------------------------------------- */

struct weaker {
    const json_t *before;
    bool found;
};

static void look_for_weaker(void *arg, const struct weir_sink_guarantee *g)
{
    static const char *const words[] = {"at most once", "at least once", "exactly once"};
    struct weaker *w = arg;
    const json_t *before = json_object_get(w->before, g->node);
    json_int_t level = json_integer_value(before);
    if (!before || level <= (json_int_t)g->level || level > WEIR_SINK_EXACTLY_ONCE) return;
    fprintf(stderr, "weir upgrade: sink '%s' guarantees '%s' now, and would guarantee '%s': %s\n", g->node, words[level],
            words[g->level], g->why);
    w->found = true;
}

static int check(struct upgrade *u)
{
    struct weaker weaker = {.before = json_object_get(u->about, "guarantees")};
    struct weir_error_text ignored; /* it was checked */
    if (strcmp(weir_job_name(u->job), u->home.name) != 0)
        return refuse(WEIR_EXIT_USAGE,
                      "the manifest is of job '%s'; an upgrade keeps the name. To begin another job: weir run",
                      weir_job_name(u->job));
    if (!weir_job_checkpoint_directory(u->job))
        return refuse(WEIR_EXIT_USAGE,
                      "%s has no `checkpoint:`; whether an upgrade has succeeded is seen by its first checkpoint",
                      json_string_value(json_object_get(u->wanted, "manifest")));
    if (!u->given.weaker) (void)weir_job_each_guarantee(u->job, look_for_weaker, &weaker, &ignored);
    return weaker.found ? refuse(WEIR_EXIT_JOB, "%s", "refused; --allow-weaker-guarantee if that is meant") : -1;
}

static int save(struct upgrade *u, char **path)
{
    struct weir_error error = {0};
    json_t *request = json_pack("{s:s, s:s}", "do", "savepoint", "after", "go_on"), *answer;
    weir_status s = weir_control_ask(&u->home, request, &answer, &error);
    json_decref(request);
    if (s != WEIR_OK) return failed(&error);
    *path = weir_strdup(json_string_value(json_object_get(answer, "path")));
    json_decref(answer);
    return -1;
}

static void say_plugin(void *arg, const char *what)
{
    (void)arg;
    fprintf(stderr, "weir upgrade: %s\n", what);
}

/* With a savepoint that nobody else needs, while the job goes on. */
static int compare(struct upgrade *u)
{
    static struct weir_error_text error, unremoved;
    bool refused = false;
    char *path = NULL;
    int code = save(u, &path);
    if (code >= 0) return code;
    weir_plugin_files_compare(&u->home, say_plugin, NULL);
    weir_status s = weir_job_compare_savepoint(u->job, path, u->given.non_restored, weir_savepoint_tell_change, u->changes,
                                               &refused, &error);
    fflush(stdout);
    if (weir_savepoint_remove(u->runtime, path, true, &unremoved) != WEIR_OK)
        fprintf(stderr, "weir upgrade: %s\n", unremoved.text);
    weir_free(path);
    if (s != WEIR_OK) return refuse(WEIR_EXIT_JOB, "%s", error.text);
    if (!refused) return -1;
    return conclude(u, refuse(WEIR_EXIT_JOB, "%s", "the state does not fit the new job"), "refused", NULL, NULL);
}

/* ---- the job's supervisor does the rest ------------------------------------------------------------------------------ */

static int came_back(struct upgrade *u, const char *why, bool runs)
{
    fprintf(stderr, "weir upgrade: the new job failed before its first checkpoint was complete:\n%s\n  %s %s\n", why,
            runs ? "the old one runs again, from" : "and the old one does not start again (`weir list`); its state is in",
            u->savepoint);
    return conclude(u, WEIR_EXIT_JOB, runs ? "came back" : "failed", NULL, why);
}

static int succeeded(struct upgrade *u, const char *step, const char *checkpoint)
{
    const char *what = strcmp(step, "upgraded") == 0   ? "upgraded: its first checkpoint is complete, "
                       : strcmp(step, "finished") == 0 ? "upgraded, and finished"
                                                       : "somebody ended the new job before its first checkpoint";
    if (!u->changes) printf("%s%s\n", what, checkpoint ? checkpoint : "");
    return conclude(u, WEIR_EXIT_OK, step, checkpoint, NULL);
}

/* Returns an exit code, or -1 when there is more to come. why: of a job that failed; owned. */
static int hear(struct upgrade *u, const json_t *answer, char **why)
{
    const char *step = json_string_value(json_object_get(answer, "step"));
    const char *savepoint = json_string_value(json_object_get(answer, "savepoint"));
    if (savepoint) {
        u->savepoint = weir_strdup(savepoint);
        if (!u->changes) printf("suspended; its state is in %s\n", savepoint);
        fflush(stdout);
        return -1;
    }
    if (step && strcmp(step, "failed") == 0) {
        *why = weir_strdup(json_string_value(json_object_get(answer, "why")));
        return -1;
    }
    if (*why) return came_back(u, *why, true);
    return succeeded(u, step ? step : "ended", json_string_value(json_object_get(answer, "checkpoint")));
}

static int replace(struct upgrade *u)
{
    struct weir_error error = {0};
    struct weir_control_call call;
    json_t *request = json_pack("{s:s, s:O, s:b}", "do", "upgrade", "job", u->wanted, "drop", (int)u->given.non_restored),
           *answer;
    char *why = NULL;
    int code = -1;
    weir_status s = weir_control_begin(&u->home, request, &call, &error);
    while (s == WEIR_OK && code < 0) {
        s = weir_control_next(&call, &answer, &error);
        if (s == WEIR_OK) code = hear(u, answer, &why);
        if (s == WEIR_OK) json_decref(answer);
    }
    if (s != WEIR_OK && why)
        code = came_back(u, why, false);
    else if (s != WEIR_OK)
        code = u->savepoint ? refuse(WEIR_EXIT_USAGE, "%s", error.text) : failed(&error);
    weir_control_hang_up(&call);
    json_decref(request);
    weir_free(why);
    return code;
}

/* ---- all of it ------------------------------------------------------------------------------------------------------- */

static int find_running(struct upgrade *u, struct weir_home *home)
{
    struct weir_error error = {0};
    json_t *request = json_pack("{s:s}", "do", "about");
    weir_status s = weir_home_find(home, &error);
    if (s == WEIR_OK) s = weir_job_home_init(&u->home, home, u->given.job, &error);
    if (s == WEIR_OK) s = weir_control_ask(&u->home, request, &u->about, &error);
    json_decref(request);
    return s == WEIR_OK ? -1 : failed(&error);
}

static int upgrade(struct upgrade *u, struct weir_home *home)
{
    static int (*const steps[])(struct upgrade *) = {find_wanted, open_wanted, check, compare};
    int code = find_running(u, home);
    for (size_t i = 0; code < 0 && i < sizeof steps / sizeof *steps; i++) code = steps[i](u);
    if (code >= 0) return code;
    return u->given.dry ? conclude(u, WEIR_EXIT_OK, "would go on", NULL, NULL) : replace(u);
}

static void finish(struct upgrade *u)
{
    weir_job_destroy(u->job);
    weir_runtime_destroy(u->runtime);
    weir_job_args_finish(&u->args);
    weir_job_args_finish(&u->given);
    weir_job_home_finish(&u->home);
    for (char **word = u->words; word && *word; word++) weir_free(*word);
    weir_free(u->words);
    json_decref(u->about);
    json_decref(u->wanted);
    json_decref(u->changes);
    weir_free(u->savepoint);
}

int weir_upgrade_main(int argc, char **argv)
{
    struct upgrade u = {.home = {.lock = -1}};
    struct weir_home home = {0};
    int code = weir_job_args_parse(&u.given, argc, argv, "nu", help);
    if (code < 0 && !u.given.job) {
        fputs("weir upgrade: which job? name it; `weir list` shows those there are\n", stderr);
        code = WEIR_EXIT_USAGE;
    }
    if (code < 0) {
        if (u.given.json) u.changes = json_array();
        code = upgrade(&u, &home);
    }
    finish(&u);
    weir_home_finish(&home);
    return code;
}
