/* bench/main.c - runs the benchmarks that are asked for, one after the other.
 *
 *   weir_bench [NAME...] [--short | --long] [--gated] [--json] [--repeat N] [--list]
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "measure.h"

#define TABLE(topic) extern const struct weir_bench weir_bench_##topic[];
WEIR_BENCH_TOPICS(TABLE)
#undef TABLE
#define ADDRESS(topic) weir_bench_##topic,
static const struct weir_bench *const topics[] = {WEIR_BENCH_TOPICS(ADDRESS)};
#undef ADDRESS
#define N_TOPICS (sizeof topics / sizeof topics[0])

struct options {
    bool is_short, is_long, is_json, is_list, only_gated;
    int repeats;
    char **names; /* NULL-terminated */
};

_Noreturn void weir_bench_die(const char *what, const char *why)
{
    fprintf(stderr, "weir_bench: %s: %s\n", what, why);
    exit(1);
}

/* ---- folders ----------------------------------------------------------------------------------------------------- */

static void remove_all(const char *path)
{
    struct stat info;
    if (lstat(path, &info) != 0) return;
    DIR *folder = S_ISDIR(info.st_mode) ? opendir(path) : NULL;
    for (struct dirent *e; folder && (e = readdir(folder));) {
        char inner[8192];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        snprintf(inner, sizeof inner, "%s/%s", path, e->d_name);
        remove_all(inner);
    }
    if (folder) closedir(folder);
    remove(path);
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static int64_t rows_of(const struct weir_bench *b, const struct options *o)
{
    return o->is_short ? b->rows / 20 : o->is_long ? b->rows * 4 : b->rows;
}

static void run(const struct weir_bench *b, const struct options *o, struct weir_runtime *runtime)
{
    char folder[4096], result[4200], input[4200];
    const char *temporary = getenv("TMPDIR");
    struct weir_bench_figures figures = {0};
    snprintf(folder, sizeof folder, "%s/weir-bench-XXXXXX", temporary ? temporary : P_tmpdir);
    if (!mkdtemp(folder)) weir_bench_die(folder, "cannot make this folder");
    snprintf(result, sizeof result, "%s/result", folder);
    snprintf(input, sizeof input, "%s/input", folder);
    struct weir_bench_run r = {.bench = b,
                               .runtime = runtime,
                               .rows = rows_of(b, o),
                               .is_short = o->is_short,
                               .is_long = o->is_long,
                               .is_json = o->is_json,
                               .folder = folder,
                               .result = result,
                               .input = input};
    if (b->prepare) b->prepare(&r);
    if (b->measure) {
        b->measure(&r);
    } else {
        weir_bench_measure(&r, o->repeats, &figures);
        weir_bench_print(&r, &figures);
    }
    if (b->finish) b->finish(&r);
    remove_all(folder);
}

/* ---- choosing ---------------------------------------------------------------------------------------------------- */

static bool wanted(const struct weir_bench *b, const struct options *o)
{
    if (o->only_gated && !(b->flags & WEIR_BENCH_GATED)) return false;
    for (char **name = o->names; *name; name++) {
        if (strcmp(*name, b->name) == 0) return true;
    }
    return !*o->names;
}

static bool known(const char *name)
{
    for (size_t t = 0; t < N_TOPICS; t++) {
        for (const struct weir_bench *b = topics[t]; b->name; b++) {
            if (strcmp(b->name, name) == 0) return true;
        }
    }
    return false;
}

/* Options may stand among the names, which are moved to the front of argv. */
static void parse(int argc, char **argv, struct options *o)
{
    int names = 0;
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        if (strcmp(a, "--short") == 0)
            o->is_short = true;
        else if (strcmp(a, "--long") == 0)
            o->is_long = true;
        else if (strcmp(a, "--json") == 0)
            o->is_json = true;
        else if (strcmp(a, "--list") == 0)
            o->is_list = true;
        else if (strcmp(a, "--gated") == 0)
            o->only_gated = true;
        else if (strcmp(a, "--repeat") == 0 && i + 1 < argc)
            o->repeats = atoi(argv[++i]);
        else if (a[0] == '-' || !known(a))
            weir_bench_die(a, a[0] == '-' ? "no such option" : "no such benchmark; --list tells them");
        else
            argv[names++] = argv[i];
    }
    argv[names] = NULL;
    o->names = argv;
    if (o->repeats < 1 || o->repeats > WEIR_BENCH_MOST_REPEATS) weir_bench_die("--repeat", "a number from 1 to 25");
}

int main(int argc, char **argv)
{
    struct options o = {.repeats = 5};
    static struct weir_error_text error;
    struct weir_runtime *runtime;
    const char *plugins[] = {WEIR_BENCH_PLUGINS, NULL};
    struct weir_runtime_options options = {
        .struct_size = sizeof options, .builtin = WEIR_BUILTIN_PLUGINS, .plugins = plugins};
    parse(argc, argv, &o);
    if (weir_runtime_create(&options, &runtime, &error) != WEIR_OK) weir_bench_die("runtime", error.text);
    if (o.is_json && !o.is_list) weir_bench_print_machine();
    for (size_t t = 0; t < N_TOPICS; t++) {
        for (const struct weir_bench *b = topics[t]; b->name; b++) {
            if (!wanted(b, &o)) continue;
            if (o.is_list)
                printf("%-28s %s\n", b->name, b->title);
            else
                run(b, &o, runtime);
        }
    }
    weir_runtime_destroy(runtime);
    return 0;
}
