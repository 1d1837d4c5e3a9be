/* savepoint_job.c - the job whose storage checkpoints are looked at through. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "cli/command.h"
#include "cli/home.h"
#include "cli/job_args.h"
#include "cli/savepoint.h"

static struct weir_job *opened; /* one at a time: this is a command */
static struct {
    struct weir_setting *sets, *overrides;
    size_t n_sets, sets_capacity, n_overrides, overrides_capacity;
} given;

int weir_savepoint_set(const char *command, int option, char *text)
{
    char *equals = strchr(text, '=');
    if (!equals || equals == text)
        return weir_savepoint_wrong(command, option == 'D' ? "-D wants PATH=VALUE" : "--set wants NAME=VALUE");
    *equals = '\0';
    const struct weir_setting setting = {text, equals + 1};
    if (option == 'D') {
        WEIR_GROW(given.overrides, given.overrides_capacity, given.n_overrides + 1);
        given.overrides[given.n_overrides++] = setting;
    } else {
        WEIR_GROW(given.sets, given.sets_capacity, given.n_sets + 1);
        given.sets[given.n_sets++] = setting;
    }
    return -1;
}

static struct weir_job *load(struct weir_runtime *runtime, const char *manifest, struct weir_error_text *error)
{
    struct weir_home home = {0};
    struct weir_error ignored;
    struct weir_job *job = NULL;
    if (weir_home_find(&home, &ignored) != WEIR_OK) home = (struct weir_home){0}; /* its manifest says where, then */
    const struct weir_job_options o = {.struct_size = sizeof o,
                                       .sets = given.sets,
                                       .n_sets = given.n_sets,
                                       .overrides = given.overrides,
                                       .n_overrides = given.n_overrides,
                                       .home = home.jobs};
    if (weir_job_load(runtime, manifest, &o, &job, error) != WEIR_OK) job = NULL;
    weir_home_finish(&home);
    return job;
}

static struct weir_job *load_of_home(struct weir_runtime *runtime, const char *command, const struct weir_job_home *home)
{
    static struct weir_error_text error;
    struct weir_job_record record = {0};
    struct weir_error ignored;
    struct weir_job *job = NULL;
    if (weir_job_record_read(home, &record, &ignored) == WEIR_OK && record.manifest) {
        job = load(runtime, record.manifest, &error);
        if (!job)
            fprintf(stderr, "weir %s: %s cannot be read now; where it keeps checkpoints is not known\n", command,
                    record.manifest);
    }
    weir_job_record_finish(&record);
    return job;
}

struct weir_job *weir_savepoint_job_of(struct weir_runtime *runtime, const char *command, const char *name)
{
    struct weir_home home;
    struct weir_job_home of = {.lock = -1};
    struct weir_error ignored;
    struct weir_job *job = NULL;
    if (weir_home_find(&home, &ignored) != WEIR_OK) return NULL;
    if (weir_job_home_init(&of, &home, name, &ignored) == WEIR_OK && weir_job_home_exists(&of))
        job = load_of_home(runtime, command, &of);
    weir_job_home_finish(&of);
    weir_home_finish(&home);
    return job;
}

static int look_through(struct weir_runtime *runtime, const char *command, const char *name)
{
    static struct weir_error_text error;
    struct stat info;
    bool is_file = stat(name, &info) == 0 && !S_ISDIR(info.st_mode);
    struct weir_job *job = is_file ? load(runtime, name, &error) : weir_savepoint_job_of(runtime, command, name);
    if (job && weir_savepoint_look_through(runtime, job, &error) == WEIR_OK) {
        opened = job;
        return WEIR_EXIT_OK;
    }
    if (job || is_file)
        fprintf(stderr, "%s", error.text);
    else
        fprintf(stderr, "weir %s: --job: there is no manifest and no job '%s'\n", command, name);
    weir_job_destroy(job);
    return job || is_file ? weir_exit_code_of(error.status) : WEIR_EXIT_USAGE;
}

struct weir_runtime *weir_savepoint_runtime(const char *command, const char *job, int *code)
{
    static const struct weir_job_args nothing;
    struct weir_runtime *runtime = NULL;
    if (!job && given.n_sets + given.n_overrides > 0) {
        *code = weir_savepoint_wrong(command, "--set and -D are for the manifest of --job");
        return NULL;
    }
    *code = weir_job_args_open(&nothing, &runtime, NULL);
    if (*code == 0 && job) *code = look_through(runtime, command, job);
    if (*code == 0) return runtime;
    weir_runtime_destroy(runtime);
    return NULL;
}

void weir_savepoint_close(struct weir_runtime *runtime)
{
    weir_job_destroy(opened);
    opened = NULL;
    weir_runtime_destroy(runtime);
}
