/* trial.c - see the header. Written by the child while the old job runs, and by the supervisor from then on; the two take
 * turns. Read by the child of a later `weir run`, which holds the job's lock. */
#include "cli/trial.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/path.h"
#include "base/platform.h"

#define RECORD "upgrade"

static const char *text_of(const json_t *upgrade, const char *which, const char *what)
{
    const char *text = json_string_value(json_object_get(which ? json_object_get(upgrade, which) : upgrade, what));
    return text ? text : "";
}

/* ---- the record ---------------------------------------------------------------------------------------------------- */

weir_status weir_trial_note(const struct weir_job_home *home, const json_t *upgrade, const char *step,
                            struct weir_error *error)
{
    const struct weir_platform *os = weir_platform_os();
    json_t *record = json_copy((json_t *)(uintptr_t)upgrade);
    json_object_set_new(record, "step", json_string(step));
    char *text = json_dumps(record, JSON_INDENT(2)), *path = weir_job_home_path(home, RECORD);
    weir_status s = text ? weir_write_file(os, path, text, strlen(text), error)
                         : weir_error_set(error, WEIR_E_IO, "%s: what is to be written is not UTF-8", path);
    weir_free(path);
    free(text);
    json_decref(record);
    return s;
}

weir_status weir_trial_begin(const struct weir_job_home *home, const json_t *upgrade, struct weir_error *error)
{
    const struct weir_platform *os = weir_platform_os();
    char *now = weir_job_home_path(home, "manifest.yaml"), *kept = weir_job_home_path(home, WEIR_OLD_MANIFEST),
         *bytes = NULL;
    size_t n = 0;
    weir_status s = weir_read_file(os, now, SIZE_MAX / 2, &bytes, &n, error);
    if (s == WEIR_OK) s = weir_write_file(os, kept, bytes, n, error);
    if (s == WEIR_OK) s = weir_trial_note(home, upgrade, "begun", error);
    weir_free(bytes);
    weir_free(kept);
    weir_free(now);
    return s;
}

void weir_trial_forget(const struct weir_job_home *home)
{
    const struct weir_platform *os = weir_platform_os();
    struct weir_error error = {0};
    char *path = weir_job_home_path(home, RECORD);
    if (access(path, F_OK) == 0) {
        weir_status s = os->remove(os->self, path, &error);
        if (s == WEIR_OK) s = os->sync_directory(os->self, home->path, &error);
        if (s != WEIR_OK) weir_log(WEIR_WARN, "cli", "%s, of an upgrade that is over, stays: %s", path, error.text);
    }
    weir_free(path);
}

json_t *weir_trial_read(const struct weir_job_home *home)
{
    char *path = weir_job_home_path(home, RECORD);
    json_error_t e;
    json_t *record = access(path, F_OK) == 0 ? json_load_file(path, JSON_REJECT_DUPLICATES, &e) : NULL;
    if (!record && access(path, F_OK) == 0)
        weir_log(WEIR_WARN, "cli", "%s: expected what is known of an upgrade, found: %s", path, e.text);
    weir_free(path);
    return record;
}

/* ---- what becomes of it -------------------------------------------------------------------------------------------- */

/* JOB-savepoint-N: numbers of checkpoints and savepoints are from one sequence. */
static int64_t number_of(const char *savepoint)
{
    const char *dash = strrchr(savepoint, '-');
    return dash ? strtoll(dash + 1, NULL, 10) : INT64_MAX;
}

static void look_at_saved(void *arg, const struct weir_savepoint_info *info)
{
    int64_t *newest = arg;
    if (info->state == WEIR_SAVEPOINT_COMPLETE && info->number > *newest) *newest = info->number;
}

/* Sinks may have committed what came after the savepoint, as soon as there is a newer checkpoint. The new job may keep its
 * own in another folder than the one that is named. */
static bool has_passed(const json_t *upgrade, struct weir_job *job)
{
    struct weir_error_text ignored;
    const char *elsewhere = text_of(upgrade, "new", "checkpoints");
    int64_t newest = 0, suspended = number_of(text_of(upgrade, NULL, "savepoint"));
    if (weir_job_newest(job, NULL, &newest, &ignored) != WEIR_OK) newest = 0;
    if (*elsewhere && weir_savepoint_list(weir_job_runtime(job), elsewhere, look_at_saved, &newest, &ignored) != WEIR_OK)
        elsewhere = "";
    return newest > suspended;
}

static bool is_named(const char *manifest, const char *path)
{
    char *real = realpath(manifest, NULL);
    bool is = strcmp(real ? real : manifest, path) == 0;
    free(real);
    return is;
}

enum weir_trial_verdict weir_trial_judge(const struct weir_job_home *home, const json_t *upgrade, struct weir_job *job,
                                         const char *manifest)
{
    const char *new = text_of(upgrade, "new", "manifest"), *old = text_of(upgrade, "old", "manifest"),
               *savepoint = text_of(upgrade, NULL, "savepoint");
    char *kept = weir_job_home_path(home, WEIR_OLD_MANIFEST);
    bool is_new = is_named(manifest, new), is_old = is_named(manifest, old), is_kept = access(kept, R_OK) == 0;
    bool passed = strcmp(text_of(upgrade, NULL, "step"), "trial") == 0 && has_passed(upgrade, job);
    weir_free(kept);
    fprintf(stderr, "weir: job '%s' ended while it was being upgraded to %s; it has %s checkpoint of that\n", home->name,
            new, passed ? "a" : "no");
    if ((!is_new && !is_old) || (!passed && !is_kept)) passed = is_new = true; /* somebody wants neither */
    if (passed) {
        fprintf(stderr, "  it goes on with %s\n", is_new ? manifest : new);
        return is_new ? WEIR_TRIAL_NONE : WEIR_TRIAL_NEW;
    }
    fprintf(stderr,
            "  it goes back to %s as it was%s%s\n"
            "  to go on with another one: weir run MANIFEST --from %s\n",
            old, *savepoint ? ", from " : "", savepoint, *savepoint ? savepoint : "DIRECTORY");
    return WEIR_TRIAL_OLD;
}
