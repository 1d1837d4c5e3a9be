/* life.c - see the header. The log file takes each line with one write, as standard error does. */
#include "cli/life.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/platform.h"
#include "base/text.h"
#include "cli/control.h"
#include "cli/places.h"
#include "cli/plugin_files.h"
#include "cli/supervisor.h"
#include "cli/trial.h"

#define MOST_LOG_BYTES (16 << 20)

struct weir_life {
    struct weir_home home;
    struct weir_job_home job;
    struct weir_job_record record;
    struct weir_control *control;
    int log;
};

static int64_t now_ms(void)
{
    const struct weir_platform *os = weir_platform_os();
    return os->wall_ms(os->self);
}

/* ---- the log ----------------------------------------------------------------------------------------------------- */

static void open_log(struct weir_life *life)
{
    struct stat info;
    char *path = weir_job_home_path(&life->job, "log"), *old = weir_job_home_path(&life->job, "log.1");
    if (stat(path, &info) == 0 && info.st_size >= MOST_LOG_BYTES) rename(path, old);
    life->log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    weir_free(path);
    weir_free(old);
}

static void write_log(void *arg, const char *line)
{
    const struct weir_life *life = arg;
    size_t n = strlen(line);
    if (write(STDERR_FILENO, line, n) < 0) { /* nobody reads it */
    }
    if (write(life->log, line, n) < 0) { /* the disk is full: it is on standard error */
    }
}

/* A line of the log file alone: what the terminal says in words of its own. */
static void note(const struct weir_life *life, const char *what, const char *more)
{
    struct weir_text line = {0};
    weir_text_add_time(&line, now_ms());
    weir_text_add(&line, " info  cli: job '%s' %s%s%s\n", life->job.name, what, more ? ": " : "", more ? more : "");
    if (write(life->log, weir_text_get(&line), line.n) < 0) { /* the disk is full; the record says it too */
    }
    weir_text_finish(&line);
}

/* ---- beginning --------------------------------------------------------------------------------------------------- */

static bool is_there(const struct weir_platform *os, const char *path, const char *bytes, size_t n)
{
    char *there = NULL;
    size_t n_there = 0;
    bool same =
        weir_read_file(os, path, n, &there, &n_there, NULL) == WEIR_OK && n_there == n && memcmp(there, bytes, n) == 0;
    weir_free(there);
    return same;
}

/* Later attempts read the copy, and so does the job that comes back when an upgrade fails. Of the same text none is written:
 * it would have to be synced. */
static weir_status copy_manifest(const struct weir_life *life, const char *manifest, struct weir_error *error)
{
    const struct weir_platform *os = weir_platform_os();
    const char *text = weir_supervised_text();
    char *path = weir_job_home_path(&life->job, "manifest.yaml"), *bytes = NULL;
    size_t n = 0;
    weir_status s = weir_read_file(os, text ? text : manifest, SIZE_MAX / 2, &bytes, &n, error);
    if (s == WEIR_OK && !is_there(os, path, bytes, n)) s = weir_write_file(os, path, bytes, n, error);
    weir_free(bytes);
    weir_free(path);
    return s;
}

static weir_status take_lock(struct weir_life *life, struct weir_error *error)
{
    int lock = weir_supervised_lock(life->job.path);
    if (lock >= 0) return weir_job_home_adopt(&life->job, lock, error);
    weir_status s = weir_job_home_lock(&life->job, error);
    if (s == WEIR_OK) weir_supervised_hold(life->job.lock);
    return s;
}

static weir_status write_record(struct weir_life *life, struct weir_error *error)
{
    life->record.changed_ms = now_ms();
    return weir_job_record_write(&life->job, &life->record, error);
}

static weir_status settle_in(struct weir_life *life, struct weir_job *job, const char *manifest, struct weir_error *error)
{
    weir_status s = weir_home_find(&life->home, error);
    if (s != WEIR_OK) return WEIR_E_IO;
    if (weir_job_home_init(&life->job, &life->home, weir_job_name(job), error) != WEIR_OK) return WEIR_E_IO;
    s = take_lock(life, error);
    if (s == WEIR_OK) s = copy_manifest(life, manifest, error);
    if (s != WEIR_OK) return s;
    char *absolute = realpath(manifest, NULL);
    life->record = (struct weir_job_record){
        .state = weir_strdup("starting"), .manifest = weir_strdup(absolute), .pid = getppid(), .started_ms = now_ms()};
    free(absolute);
    open_log(life);
    if (life->log < 0) return weir_error_set(error, WEIR_E_IO, "%s: its log cannot be opened", life->job.path);
    return write_record(life, error);
}

static void discard(struct weir_life *life)
{
    (void)weir_life_close(life);
    if (life->log >= 0) close(life->log);
    weir_job_record_finish(&life->record);
    weir_job_home_finish(&life->job);
    weir_home_finish(&life->home);
    weir_free(life);
}

weir_status weir_life_begin(struct weir_job *job, const char *manifest, struct weir_life **to, struct weir_error *error)
{
    struct weir_life *life = weir_alloc(sizeof *life);
    life->log = life->job.lock = -1;
    *to = NULL;
    weir_status s = settle_in(life, job, manifest, error);
    if (s == WEIR_OK) {
        weir_log_redirect(write_log, life);
        *to = life;
        return s;
    }
    discard(life);
    if (s == WEIR_E_CONFIG) return s;
    weir_log(WEIR_WARN, "cli", "the job runs without a home, and `weir list` will not know it: %s", error->text);
    return WEIR_OK;
}

void weir_life_open(struct weir_life *life, struct weir_job *job, const struct weir_job_args *args)
{
    struct weir_error error;
    if (!life) return;
    weir_free(life->record.state);
    life->record.state = weir_strdup("running");
    note(life, "runs", life->record.manifest);
    if (!weir_supervised_succeeds()) weir_trial_forget(&life->job); /* of another run: what was named now counts */
    weir_status s = weir_control_start(&life->job, job, args, &life->control, &error);
    if (s == WEIR_OK) s = write_record(life, &error); /* who reads that it runs can ask it */
    if (s != WEIR_OK) weir_log(WEIR_WARN, "cli", "the job cannot be asked from outside: %s", error.text);
}

const char *weir_life_path(const struct weir_life *life)
{
    return life ? life->job.path : NULL;
}

static bool give_place(const struct weir_job_args *args, const json_t *upgrade, enum weir_trial_verdict verdict)
{
    const char *again = args->or_begin ? "--resume-if-any" : "--resume";
    const char *savepoint = verdict == WEIR_TRIAL_OLD ? json_string_value(json_object_get(upgrade, "savepoint")) : NULL;
    const json_t *job = json_object_get(upgrade, verdict == WEIR_TRIAL_OLD ? "old" : "new");
    const char *step = json_string_value(json_object_get(upgrade, "step"));
    bool back = !step || strcmp(step, "back") == 0; /* the old one may have got on */
    json_t *other = json_pack("{s:{s:o, s:O}, s:s, s:s*, s:b}", "job", "options", weir_job_args_options(args), "manifest",
                              json_object_get(job, "manifest"), "from", savepoint && !back ? savepoint : again, "text",
                              verdict == WEIR_TRIAL_OLD ? WEIR_OLD_MANIFEST : NULL, "drop", (int)args->non_restored);
    bool heard = other && weir_supervised_instead(other);
    json_decref(other);
    return heard;
}

bool weir_life_is_another(struct weir_life *life, struct weir_job *job, const struct weir_job_args *args)
{
    if (!life || weir_supervised_again() || weir_supervised_succeeds()) return false;
    bool resumes = args->from && !*args->from, is_another = false;
    json_t *upgrade = weir_trial_read(&life->job);
    if (upgrade && resumes) {
        enum weir_trial_verdict verdict = weir_trial_judge(&life->job, upgrade, job, args->manifest);
        is_another = verdict != WEIR_TRIAL_NONE && give_place(args, upgrade, verdict);
    }
    json_decref(upgrade);
    return is_another;
}

void weir_life_give_way(struct weir_life *life)
{
    weir_life_end(life, "restarting", "as another job: it was being upgraded", NULL);
}

static void warn(void *arg, const char *what)
{
    (void)arg;
    weir_log(WEIR_WARN, "cli", "%s", what);
}

void weir_life_go_on(struct weir_life *life, struct weir_job *job, bool goes_on)
{
    static struct weir_error_text error;
    if (!life) return;
    if (!goes_on) {
        weir_places_forget(&life->job);
        return;
    }
    weir_plugin_files_compare(&life->job, warn, NULL);
    if (weir_places_apply(&life->job, job, &error) == WEIR_OK) return;
    weir_log(WEIR_WARN, "cli", "keyed state begins where the manifest says, not where it was moved to while the job ran: %s",
             error.text);
}

void weir_life_note_plugins(struct weir_life *life, struct weir_runtime *runtime)
{
    struct weir_error error;
    if (life && weir_plugin_files_write(&life->job, runtime, &error) != WEIR_OK) warn(NULL, error.text);
}

/* ---- ending ------------------------------------------------------------------------------------------------------ */

const char *weir_life_close(struct weir_life *life)
{
    if (!life) return NULL;
    if (life->control) life->record.savepoint = weir_control_stop(life->control);
    life->control = NULL;
    return life->record.savepoint;
}

void weir_life_end(struct weir_life *life, const char *state, const char *reason, const char *savepoint)
{
    struct weir_error error;
    if (!life) return;
    (void)weir_life_close(life);
    weir_free(life->record.state);
    life->record.state = weir_strdup(state);
    life->record.reason = weir_strdup(reason);
    if (savepoint && !life->record.savepoint) {
        char *absolute = realpath(savepoint, NULL); /* `weir list` is asked anywhere */
        life->record.savepoint = weir_strdup(absolute ? absolute : savepoint);
        free(absolute);
    }
    note(life, state, reason ? reason : life->record.savepoint);
    weir_log_redirect(NULL, NULL);
    if (write_record(life, &error) != WEIR_OK) weir_log(WEIR_WARN, "cli", "%s", error.text);
    life->job.lock = -1; /* held until this process ends: the job's state and checkpoints are removed after this */
    discard(life);
}
