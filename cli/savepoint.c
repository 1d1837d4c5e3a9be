/* savepoint.c - `weir savepoint`: its words, and those that list, check and remove what is on disk. */
#include "cli/savepoint.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/process.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/home.h"
#include "cli/job_args.h"

static const struct {
    const char *word, *name;
    int (*run)(int argc, char **argv);
} subcommands[] = {
    {"ls", "savepoint ls", weir_savepoint_ls},
    {"verify", "savepoint verify", weir_savepoint_verify_main},
    {"dump", "savepoint dump", weir_savepoint_dump_main},
    {"diff", "savepoint diff", weir_savepoint_diff},
    {"rm", "savepoint rm", weir_savepoint_rm},
};

int weir_savepoint_main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof subcommands / sizeof *subcommands; i++) {
        if (strcmp(argv[1], subcommands[i].word) != 0) continue;
        char *name = weir_strdup(subcommands[i].name);
        argv[1] = name;
        int code = subcommands[i].run(argc - 1, argv + 1);
        weir_free(name);
        return code;
    }
    return weir_savepoint_take(argc, argv);
}

/* ---- the command line -------------------------------------------------------------------------------------------- */

int weir_savepoint_wrong(const char *command, const char *what)
{
    fprintf(stderr, "weir %s: %s\n`weir %s --help` says more.\n", command, what, command);
    return WEIR_EXIT_USAGE;
}

int weir_savepoint_no_option(const char *command, const char *option)
{
    fprintf(stderr, "weir %s: unknown option, or an option without its value: %s\n`weir %s --help` says more.\n", command,
            option, command);
    return WEIR_EXIT_USAGE;
}

int weir_savepoint_report(const char *command, const struct weir_error_text *error)
{
    fprintf(stderr, "weir %s: %s\n", command, error->text);
    return error->status == WEIR_E_CONFIG ? WEIR_EXIT_USAGE : WEIR_EXIT_JOB;
}

int weir_savepoint_parse(struct weir_savepoint_words *w, int argc, char **argv, const char *help, bool takes_force)
{
    static const struct option options[] = {{"output", required_argument, NULL, 'o'}, {"job", required_argument, NULL, 'j'},
                                            {"set", required_argument, NULL, 's'},    {"force", no_argument, NULL, 'f'},
                                            {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    *w = (struct weir_savepoint_words){0};
    optind = 1;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "D:h", options, NULL)) != -1;) {
        if (option == 'h') return fputs(help, stdout), WEIR_EXIT_OK;
        if (option == 'o' && (w->json = strcmp(optarg, "json") == 0, !w->json) && strcmp(optarg, "text") != 0)
            return weir_savepoint_wrong(argv[0], "--output wants text or json");
        if (option == '?' || (option == 'f' && !takes_force)) return weir_savepoint_no_option(argv[0], argv[optind - 1]);
        int code = option == 's' || option == 'D' ? weir_savepoint_set(argv[0], option, optarg) : -1;
        if (code >= 0) return code;
        if (option == 'f') w->force = true;
        if (option == 'j') w->job = optarg;
    }
    w->words = argv + optind;
    w->n = argc - optind;
    return -1;
}

static bool is_directory(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* ---- ls ---------------------------------------------------------------------------------------------------------- */

static const char ls_help[] = "weir savepoint ls - list checkpoints and savepoints\n"
                              "\n"
                              "USAGE\n"
                              "  weir savepoint ls [--output text|json] [DIRECTORY|JOB]\n"
                              "  weir savepoint ls --job JOB.yaml|JOB NAME:/\n"
                              "\n"
                              "DESCRIPTION\n"
                              "  Those in DIRECTORY (the current one) and in its folders, four levels deep, or of a\n"
                              "  JOB of this machine: kind, number, when it was taken (UTC), job, nodes, size, and\n"
                              "  state: complete; newest, the checkpoint that --resume goes on from; half, what a\n"
                              "  crash left or a job is writing just now; damaged. What is inside the files is not\n"
                              "  read: `weir savepoint verify` does that. DIRECTORY wins where a job has its name.\n"
                              "  NAME:/ are those that the job keeps in its storage NAME; of a JOB they are shown, too.\n"
                              "\n"
                              "OPTIONS\n"
                              "  --output text|json      how to print; text is the default\n" WEIR_SAVEPOINT_JOB_HELP
                              "  --help                  this text\n"
                              "\n"
                              "EXIT CODES\n"
                              "  0 listed   1 a directory cannot be read   2 there is no such directory or job\n";

struct listing {
    json_t *all; /* NULL: text */
    size_t n;
};

static const char *state_of(const struct weir_savepoint_info *info)
{
    static const char *const words[] = {"complete", "half", "damaged"};
    return info->newest ? "newest" : words[info->state];
}

static void print_info(const struct weir_savepoint_info *info)
{
    struct weir_text when = {0}, size = {0};
    if (info->job) weir_text_add_time(&when, info->taken_ms);
    weir_text_add_size(&size, (int64_t)info->bytes);
    printf("%-10s %8lld  %-24s  %-16s %5u  %10s  %-8s  %s\n", info->kind, (long long)info->number,
           info->job ? weir_text_get(&when) : "-", info->job ? info->job : "-", info->n_nodes, weir_text_get(&size),
           state_of(info), info->path);
    if (info->why) printf("    %s\n", info->why);
    weir_text_finish(&when);
    weir_text_finish(&size);
}

static void list_one(void *arg, const struct weir_savepoint_info *info)
{
    static const char *const words[] = {"complete", "half", "damaged"};
    struct listing *l = arg;
    struct weir_text when = {0};
    if (!l->all && l->n == 0)
        printf("%-10s %8s  %-24s  %-16s %5s  %10s  %-8s  %s\n", "KIND", "NUMBER", "TAKEN", "JOB", "NODES", "SIZE", "STATE",
               "PATH");
    l->n++;
    if (!l->all) {
        print_info(info);
        return;
    }
    if (info->job) weir_text_add_time(&when, info->taken_ms);
    json_t *object = json_pack("{s:s, s:I, s:s?, s:I, s:s?, s:I, s:I, s:s, s:b, s:s?, s:s}", "kind", info->kind, "number",
                               (json_int_t)info->number, "taken", info->job ? weir_text_get(&when) : NULL, "taken_ms",
                               (json_int_t)info->taken_ms, "job", info->job, "nodes", (json_int_t)info->n_nodes, "bytes",
                               (json_int_t)info->bytes, "state", words[info->state], "newest", (int)info->newest, "why",
                               info->why, "path", info->path);
    if (object)
        json_array_append_new(l->all, object);
    else
        fprintf(stderr, "weir savepoint ls: %s: left out, as its name is not UTF-8\n", info->path);
    weir_text_finish(&when);
}

static int list_directory(struct weir_runtime *runtime, const char *path, struct listing *to)
{
    static struct weir_error_text error;
    struct stat info;
    if (!strstr(path, ":/") && stat(path, &info) != 0) {
        fprintf(stderr, "weir savepoint ls: there is no directory and no job '%s'\n", path);
        return WEIR_EXIT_USAGE;
    }
    weir_status s = weir_savepoint_list(runtime, path, list_one, to, &error);
    return s == WEIR_OK ? WEIR_EXIT_OK : weir_savepoint_report("savepoint ls", &error);
}

/* Folders of a job, the same one once. */
struct folders {
    char *paths[4]; /* real paths */
    int n;
};

static void add_folder(struct folders *f, const char *path)
{
    char *real = path ? realpath(path, NULL) : NULL;
    for (int i = 0; real && i < f->n; i++) {
        if (strcmp(f->paths[i], real) == 0) {
            free(real);
            real = NULL;
        }
    }
    if (real) f->paths[f->n++] = real;
}

/* Of a job whose checkpoints are not in folders. */
static int list_storage(struct weir_runtime *runtime, struct weir_job *job, struct listing *to)
{
    static struct weir_error_text error;
    const char *place = weir_job_checkpoint_place(job);
    if (!place || place == weir_job_checkpoint_directory(job)) return WEIR_EXIT_OK;
    weir_status s = weir_savepoint_look_through(runtime, job, &error);
    if (s == WEIR_OK) s = weir_savepoint_list(runtime, place, list_one, to, &error);
    (void)!weir_savepoint_look_through(runtime, NULL, NULL);
    return s == WEIR_OK ? WEIR_EXIT_OK : weir_savepoint_report("savepoint ls", &error);
}

static int list_job(struct weir_runtime *runtime, const struct weir_job_home *home, struct listing *to)
{
    static const char *const own[] = {"checkpoints", "savepoints"};
    struct folders folders = {.n = 0};
    int code = WEIR_EXIT_OK;
    for (int i = 0; i < 2; i++) {
        char *path = weir_job_home_path(home, own[i]);
        add_folder(&folders, path);
        weir_free(path);
    }
    struct weir_job *job = weir_savepoint_job_of(runtime, "savepoint ls", home->name);
    if (job) add_folder(&folders, weir_job_checkpoint_directory(job));
    if (job) add_folder(&folders, weir_job_savepoint_directory(job));
    if (job) code = list_storage(runtime, job, to);
    weir_job_destroy(job);
    for (int i = 0; i < folders.n; i++) {
        if (code == WEIR_EXIT_OK) code = list_directory(runtime, folders.paths[i], to);
        free(folders.paths[i]);
    }
    return code;
}

static int list(struct weir_runtime *runtime, const char *name, struct listing *to)
{
    struct weir_home home;
    struct weir_job_home job = {.lock = -1};
    struct weir_error ignored;
    bool is_job = !is_directory(name) && weir_home_find(&home, &ignored) == WEIR_OK;
    if (!is_job) return list_directory(runtime, name, to);
    is_job = weir_job_home_init(&job, &home, name, &ignored) == WEIR_OK && weir_job_home_exists(&job);
    int code = is_job ? list_job(runtime, &job, to) : list_directory(runtime, name, to);
    weir_job_home_finish(&job);
    weir_home_finish(&home);
    return code;
}

int weir_savepoint_ls(int argc, char **argv)
{
    struct weir_savepoint_words w;
    int code = weir_savepoint_parse(&w, argc, argv, ls_help, false);
    if (code >= 0) return code;
    if (w.n > 1) return weir_savepoint_wrong(argv[0], "one directory or job is enough");
    struct weir_runtime *runtime = weir_savepoint_runtime(argv[0], w.job, &code);
    if (!runtime) return code;
    struct listing listing = {.all = w.json ? json_array() : NULL};
    code = list(runtime, w.n > 0 ? w.words[0] : ".", &listing);
    if (code == WEIR_EXIT_OK && w.json) {
        json_dumpf(listing.all, stdout, JSON_INDENT(2));
        putchar('\n');
    } else if (code == WEIR_EXIT_OK && listing.n == 0) {
        printf("no checkpoints or savepoints here\n");
    }
    json_decref(listing.all);
    weir_savepoint_close(runtime);
    return code;
}

/* ---- verify ------------------------------------------------------------------------------------------------------ */

static const char verify_help[] = "weir savepoint verify - check every byte of a checkpoint or savepoint\n"
                                  "\n"
                                  "USAGE\n"
                                  "  weir savepoint verify [--output text|json] [--job JOB.yaml|JOB] DIRECTORY\n"
                                  "\n"
                                  "DESCRIPTION\n"
                                  "  Reads all files with their checksums, and what the state is made of: headers, key\n"
                                  "  groups, entries and lists. Prints what was checked of each file, and of a damaged\n"
                                  "  one where the damage is. A file of any size is read in little memory.\n"
                                  "\n"
                                  "OPTIONS\n"
                                  "  --output text|json      how to print; text is the default\n" WEIR_SAVEPOINT_JOB_HELP
                                  "  --help                  this text\n"
                                  "\n"
                                  "EXIT CODES\n"
                                  "  0 it is whole   1 it is damaged, or cannot be read   2 the command line is wrong\n";

static void print_file(const struct weir_savepoint_file *f)
{
    struct weir_text what = {0};
    if (f->foreign) {
        printf("%-32s not part of it; left alone\n", f->file);
        return;
    }
    if (f->damage) {
        printf("%-32s DAMAGED\n    %s\n", f->file, f->damage);
        return;
    }
    if (f->node)
        weir_text_add(&what, ", node '%s' subtask %u: %llu entries in %llu key groups, %llu items in %llu lists", f->node,
                      f->subtask, (unsigned long long)f->entries, (unsigned long long)f->n_groups,
                      (unsigned long long)f->items, (unsigned long long)f->n_lists);
    printf("%-32s ok: %llu bytes, %llu checksums%s\n", f->file, (unsigned long long)f->bytes, (unsigned long long)f->blocks,
           weir_text_get(&what));
    weir_text_finish(&what);
}

static void verify_one(void *arg, const struct weir_savepoint_file *f)
{
    json_t *all = arg;
    if (!all) {
        print_file(f);
        return;
    }
    json_t *object = json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:s?, s:s?}", "file", f->file, "foreign",
                               (int)f->foreign, "bytes", (json_int_t)f->bytes, "blocks", (json_int_t)f->blocks, "entries",
                               (json_int_t)f->entries, "key_groups", (json_int_t)f->n_groups, "lists",
                               (json_int_t)f->n_lists, "items", (json_int_t)f->items, "node", f->node, "damage", f->damage);
    if (object && f->node) json_object_set_new(object, "subtask", json_integer(f->subtask));
    if (object) json_array_append_new(all, object);
}

static int verify(struct weir_runtime *runtime, const char *directory, json_t *all)
{
    static struct weir_error_text error;
    weir_status s = weir_savepoint_verify(runtime, directory, verify_one, all, &error);
    if (all) {
        json_dumpf(all, stdout, JSON_INDENT(2));
        putchar('\n');
    }
    if (s == WEIR_OK) return WEIR_EXIT_OK;
    fprintf(stderr, "weir savepoint verify: %s\n", error.text);
    return WEIR_EXIT_JOB;
}

int weir_savepoint_verify_main(int argc, char **argv)
{
    struct weir_savepoint_words w;
    int code = weir_savepoint_parse(&w, argc, argv, verify_help, false);
    if (code >= 0) return code;
    if (w.n != 1) return weir_savepoint_wrong(argv[0], "which one? name its directory");
    struct weir_runtime *runtime = weir_savepoint_runtime(argv[0], w.job, &code);
    if (!runtime) return code;
    json_t *all = w.json ? json_array() : NULL;
    code = verify(runtime, w.words[0], all);
    json_decref(all);
    weir_savepoint_close(runtime);
    return code;
}

/* ---- rm ---------------------------------------------------------------------------------------------------------- */

static const char rm_help[] =
    "weir savepoint rm - remove checkpoints and savepoints\n"
    "\n"
    "USAGE\n"
    "  weir savepoint rm [--force] [--job JOB.yaml|JOB] DIRECTORY...\n"
    "\n"
    "DESCRIPTION\n"
    "  Removes each DIRECTORY that is a checkpoint or a savepoint, and nothing else: a\n"
    "  directory with any other file in it is refused. Also refused, unless forced: a\n"
    "  damaged or half-written one; a checkpoint of a job that runs on this machine; the\n"
    "  newest checkpoint of its folder; and the savepoint that a job was suspended with.\n"
    "\n"
    "OPTIONS\n"
    "  --force                 remove those, too\n" WEIR_SAVEPOINT_JOB_HELP "  --help                  this text\n"
    "\n"
    "EXIT CODES\n"
    "  0 removed   1 a file cannot be removed   2 refused; those before it are gone\n";

struct claim {
    char *path;      /* real */
    const char *job; /* by its metadata; "": not known */
    bool is_checkpoint;
    char *why; /* it must stay */
};

/* A job that runs owns its checkpoints; one that was suspended goes on from its savepoint. */
static bool ask_job(void *arg, struct weir_job_home *home)
{
    struct claim *c = arg;
    struct weir_job_record record = {0};
    struct weir_error ignored;
    if (c->is_checkpoint && strcmp(home->name, c->job) == 0 && weir_job_home_is_locked(home)) {
        c->why = weir_format("job '%s' runs, and its checkpoints are its own", home->name);
    } else if (weir_job_record_read(home, &record, &ignored) == WEIR_OK && record.savepoint) {
        char *real = realpath(record.savepoint, NULL);
        if (real && strcmp(real, c->path) == 0)
            c->why = weir_format("job '%s' was suspended with it, and --resume goes on from it", home->name);
        free(real);
    }
    weir_job_record_finish(&record);
    return !c->why;
}

struct known {
    char *job;
    bool is_checkpoint;
};

static void note_job(void *arg, const struct weir_savepoint_info *info)
{
    struct known *to = arg;
    weir_free(to->job);
    *to = (struct known){weir_strdup(info->job), strcmp(info->kind, "checkpoint") == 0};
}

/* Why the jobs of this machine want it to stay; NULL: they do not. The caller frees. */
static char *reason_to_stay(struct weir_runtime *runtime, const char *path)
{
    static struct weir_error_text error;
    struct weir_error ignored;
    struct weir_home home;
    struct known known = {0};
    struct claim claim = {.path = strstr(path, ":/") ? strdup(path) : realpath(path, NULL)};
    if (claim.path && weir_savepoint_list(runtime, claim.path, note_job, &known, &error) == WEIR_OK) {
        claim.job = known.job ? known.job : "";
        claim.is_checkpoint = known.is_checkpoint;
        if (weir_home_find(&home, &ignored) == WEIR_OK) {
            (void)!weir_home_each(&home, ask_job, &claim, &ignored);
            weir_home_finish(&home);
        }
    }
    weir_free(known.job);
    free(claim.path);
    return claim.why;
}

static int remove_one(struct weir_runtime *runtime, const char *path, bool force)
{
    static struct weir_error_text error;
    char *why = force ? NULL : reason_to_stay(runtime, path);
    if (why) {
        fprintf(stderr, "weir savepoint rm: %s stays: %s; to remove it all the same: --force\n", path, why);
        weir_free(why);
        return WEIR_EXIT_USAGE;
    }
    if (weir_savepoint_remove(runtime, path, force, &error) == WEIR_OK) return WEIR_EXIT_OK;
    return weir_savepoint_report("savepoint rm", &error);
}

int weir_savepoint_rm(int argc, char **argv)
{
    struct weir_savepoint_words w;
    int code = weir_savepoint_parse(&w, argc, argv, rm_help, true);
    if (code >= 0) return code;
    if (w.n == 0) return weir_savepoint_wrong(argv[0], "which one? name its directory");
    struct weir_runtime *runtime = weir_savepoint_runtime(argv[0], w.job, &code);
    if (!runtime) return code;
    for (int i = 0; i < w.n && code == WEIR_EXIT_OK; i++) code = remove_one(runtime, w.words[i], w.force);
    weir_savepoint_close(runtime);
    return code;
}
