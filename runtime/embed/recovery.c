/* recovery.c - a job that failed, or whose process died, goes on: by its restart strategy, from its newest checkpoint.
 *
 * The job's thread, in weir_job_start and weir_job_wait; looking at the run is for any thread. Each attempt has a run of its
 * own: the failed one is gone before the next is deployed, so that files, ports and memory are free. While there is none,
 * the job is `waiting`. Rules: docs/semantics.md, "Failing and going on"; job/restart.h has the arithmetic.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "embed/embed_internal.h"
#include "job/checkpoints.h"

#define NS_PER_MS 1000000

static int64_t now_ns(const struct weir_job *job)
{
    return job->runtime->platform->monotonic_ns(job->runtime->platform->self);
}

/* ---- the run, for several threads ---------------------------------------------------------------------------------- */

struct weir_run *weir__job_look(struct weir_job *job)
{
    weir_lock_take(&job->lock);
    struct weir_run *run = job->run;
    if (run) job->users++;
    weir_lock_leave(&job->lock);
    return run;
}

void weir__job_looked(struct weir_job *job)
{
    const struct weir_platform *p = job->runtime->platform;
    weir_lock_take(&job->lock);
    bool last = --job->users == 0 && !job->run;
    if (last) p->unpark(p->self, &job->waiter); /* under the lock: afterwards the job may be gone */
    weir_lock_leave(&job->lock);
}

void weir__job_drop_run(struct weir_job *job)
{
    const struct weir_platform *p = job->runtime->platform;
    weir_lock_take(&job->lock);
    struct weir_run *run = job->run;
    job->run = NULL;
    while (job->users > 0) {
        weir_lock_leave(&job->lock);
        p->park(p->self, &job->waiter, INT64_MAX);
        weir_lock_take(&job->lock);
    }
    weir_lock_leave(&job->lock);
    weir_run_destroy(run);
}

/* ---- what is known ------------------------------------------------------------------------------------------------- */

static int64_t newest_of(const struct weir_job *job)
{
    struct weir_storages storages = weir__job_storages(job);
    struct weir_error ignored; /* deploying says so too */
    int64_t number = 0;
    char *path = NULL;
    bool own;
    if (job->graph->checkpoint.directory && weir__job_newest(&storages, &path, &number, &own, &ignored) != WEIR_OK)
        number = 0;
    weir_free(path);
    weir_storages_finish(&storages);
    return number;
}

void weir__recovery_begin(struct weir_job *job)
{
    if (job->recovery.known) return;
    job->recovery.known = true;
    weir_restart_init(&job->recovery.strategy, &job->graph->restart);
    job->recovery.first_checkpoint = newest_of(job);
}

weir_status weir__recovery_newest(const struct weir_job *job, struct weir_storages *storages, char **path,
                                  int64_t *checkpoint, struct weir_error *error)
{
    const char *directory = job->graph->checkpoint.directory;
    *path = NULL;
    *checkpoint = 0;
    bool own = false;
    weir_status s = directory ? weir__job_newest(storages, path, checkpoint, &own, error) : WEIR_OK;
    if (s == WEIR_OK && own && *checkpoint > job->recovery.first_checkpoint) return s;
    weir_free(*path);
    *path = NULL;
    *checkpoint = 0;
    return s;
}

void weir_job_on_restart(struct weir_job *job, weir_job_restart_visit *visit, void *arg)
{
    job->recovery.visit = visit;
    job->recovery.arg = arg;
}

/* ---- a failure ----------------------------------------------------------------------------------------------------- */

/* Another attempt would meet the same manifest, the same plugin file, the same damaged checkpoint. */
static bool may_mend(const struct weir_error *error, bool launching)
{
    if (error->status == WEIR_E_CONFIG) return false;
    return !launching || (error->status != WEIR_E_PLUGIN && error->status != WEIR_E_DATA);
}

/* Why the job does not start again; NULL: it does, at *due_ms. */
static const char *judge(struct weir_job *job, const struct weir_error *error, bool launching, int64_t now_ms,
                         int64_t *due_ms)
{
    const struct weir_platform *p = job->runtime->platform;
    struct weir__recovery *r = &job->recovery;
    if (r->strategy.config.kind == WEIR_RESTART_NONE) return "";
    if (atomic_load(&job->asked)) return "it was asked to end";
    if (!may_mend(error, launching)) return "that would not mend this";
    if (weir_restart_failed(&r->strategy, now_ms, p->random(p->self), due_ms)) return NULL;
    weir_restart_why(&r->strategy, r->why, sizeof r->why);
    return r->why;
}

static void tell(struct weir_job *job, int64_t delay_ms)
{
    struct weir__recovery *r = &job->recovery;
    struct weir_storages storages = weir__job_storages(job);
    struct weir_error ignored;
    int64_t checkpoint = 0;
    char *path = NULL;
    if (r->visit && weir__recovery_newest(job, &storages, &path, &checkpoint, &ignored) != WEIR_OK) checkpoint = 0;
    weir_free(path);
    weir_storages_finish(&storages);
    const struct weir_restart_info info = {.struct_size = sizeof info,
                                           .again = 1,
                                           .attempt = r->attempt,
                                           .most = weir_restart_most(&r->strategy),
                                           .delay_ms = delay_ms,
                                           .checkpoint = checkpoint,
                                           .failure = r->failure.text,
                                           .why = ""};
    if (r->visit) r->visit(r->arg, job, &info);
}

bool weir__recovery_failed(struct weir_job *job, const struct weir_error *error, bool launching)
{
    struct weir__recovery *r = &job->recovery;
    int64_t now_ms = now_ns(job) / NS_PER_MS, due_ms = now_ms;
    const char *why = judge(job, error, launching, now_ms, &due_ms);
    if (why != r->why) snprintf(r->why, sizeof r->why, "%s", why ? why : "");
    r->failure = *error; /* a copy: the run goes */
    weir_lock_take(&job->lock);
    r->for_good = why;
    r->waiting = !why;
    if (!why) r->attempt++;
    weir_lock_leave(&job->lock);
    if (why) return false;
    r->due_ns = due_ms > INT64_MAX / NS_PER_MS ? INT64_MAX : due_ms * NS_PER_MS;
    weir__job_drop_run(job);
    tell(job, due_ms - now_ms);
    return true;
}

/* ---- the next attempt ---------------------------------------------------------------------------------------------- */

static void end_as(struct weir_job *job, enum weir_job_state state)
{
    weir_lock_take(&job->lock);
    job->recovery.waiting = false;
    job->recovery.over = true;
    job->recovery.ended_as = state;
    weir_lock_leave(&job->lock);
}

static void launch(struct weir_job *job)
{
    struct weir_error error = {0};
    if (weir__job_launch(job, &error) == WEIR_OK || weir__recovery_failed(job, &error, true)) return;
    weir__job_drop_run(job);
    end_as(job, WEIR_JOB_FAILED);
}

bool weir__recovery_wait(struct weir_job *job, int64_t until_ns)
{
    const struct weir_platform *p = job->runtime->platform;
    int64_t due = job->recovery.due_ns;
    while (!atomic_load(&job->asked) && now_ns(job) < due) {
        if (now_ns(job) >= until_ns) return false;
        p->park(p->self, &job->waiter, due < until_ns ? due : until_ns);
    }
    if (atomic_load(&job->asked))
        end_as(job, WEIR_JOB_CANCELLED); /* there is nothing to end in order */
    else
        launch(job);
    return true;
}

/* ---- in another process -------------------------------------------------------------------------------------------- */

struct recovery {
    struct weir_restart strategy;
    int64_t first_checkpoint;
    uint32_t attempt;
    bool elsewhere;       /* checkpoints are no folders in the directory */
    char directory[4096]; /* of the checkpoints; "": there is none, or its name is too long for any file */
    char why[128];
};
static_assert(sizeof(struct recovery) <= sizeof((struct weir_recovery *)NULL)->opaque, "there is room for it");

void weir_job_recovery(struct weir_job *job, struct weir_recovery *to)
{
    struct recovery own = {0};
    struct weir_error e;
    *to = (struct weir_recovery){0};
    if (!job->graph || weir__job_hold(job, &e) != WEIR_OK) return; /* starting it says why */
    weir__recovery_begin(job);
    own.strategy = job->recovery.strategy;
    own.first_checkpoint = job->recovery.first_checkpoint;
    own.attempt = job->recovery.attempt;
    own.elsewhere = !weir_storages_keeps_files(job->graph->checkpoint.storage);
    if (job->graph->checkpoint.directory)
        snprintf(own.directory, sizeof own.directory, "%s", job->graph->checkpoint.directory);
    to->struct_size = sizeof *to;
    memcpy(to->opaque, &own, sizeof own);
}

static weir_status read_recovery(const struct weir_recovery *from, struct recovery *to, struct weir_error_text *error)
{
    struct weir_error e;
    if (from->struct_size == sizeof *from) {
        memcpy(to, from->opaque, sizeof *to);
        return weir__report(WEIR_OK, NULL, error);
    }
    weir_error_set(&e, WEIR_E_CONFIG,
                   from->struct_size ? "the recovery is of another version of libweir"
                                     : "the recovery is empty: the process died before it ran the job");
    return weir__report(WEIR_E_CONFIG, &e, error);
}

weir_status weir_job_recover(struct weir_job *job, const struct weir_recovery *from, struct weir_error_text *error)
{
    struct recovery own;
    weir_status s = read_recovery(from, &own, error);
    if (s != WEIR_OK) return s;
    weir_lock_take(&job->lock);
    job->recovery.strategy = own.strategy;
    job->recovery.first_checkpoint = own.first_checkpoint;
    job->recovery.attempt = own.attempt;
    job->recovery.known = true;
    weir_lock_leave(&job->lock);
    return s;
}

weir_status weir_recovery_died(struct weir_recovery *recovery, struct weir_restart_info *info, struct weir_error_text *error)
{
    const struct weir_platform *p = weir_platform_os();
    struct recovery own;
    int64_t now_ms = p->monotonic_ns(p->self) / NS_PER_MS, due_ms = now_ms;
    *info = (struct weir_restart_info){.struct_size = sizeof *info, .why = ""};
    weir_status s = read_recovery(recovery, &own, error);
    if (s != WEIR_OK) return s;
    info->again = weir_restart_failed(&own.strategy, now_ms, p->random(p->self), &due_ms);
    info->attempt = own.attempt + 1;
    info->most = weir_restart_most(&own.strategy);
    info->delay_ms = due_ms - now_ms;
    if (*own.directory) info->checkpoint = weir_checkpoints_newest_folder(p, own.directory);
    if (info->checkpoint <= own.first_checkpoint) info->checkpoint = 0;
    if (*own.directory && own.elsewhere) info->checkpoint = -1;
    own.attempt += info->again;
    if (!info->again) weir_restart_why(&own.strategy, own.why, sizeof own.why);
    memcpy(recovery->opaque, &own, sizeof own);
    info->why = (const char *)recovery->opaque + offsetof(struct recovery, why);
    return s;
}
