/* savepoint.c - savepoints and checkpoints of a running job, asked for from any thread. */
#include "base/alloc.h"
#include "embed/embed_internal.h"

struct weir_savepoint {
    struct weir_saving *saving;
};

static_assert((int)WEIR_AFTER_GO_ON == WEIR_THEN_GO_ON && (int)WEIR_AFTER_SUSPEND == WEIR_THEN_SUSPEND &&
                  (int)WEIR_AFTER_DRAIN == WEIR_THEN_DRAIN,
              "the same words inside and outside");

static weir_status no_run(const struct weir_job *job, const char *what, struct weir_error *error)
{
    return weir_error_set(error, WEIR_E_CONFIG, "there is no %s: the job %s", what,
                          job->started_ns ? "failed, and has not started again yet" : "was not started");
}

static weir_status begin(struct weir_job *job, const struct weir_savepoint_options *o, struct weir_savepoint **to,
                         struct weir_error *error)
{
    struct weir_saving *saving;
    if (o->after > WEIR_AFTER_DRAIN)
        return weir_error_set(error, WEIR_E_CONFIG, "weir_savepoint_options.after is %u, and there is no such thing",
                              o->after);
    struct weir_run *run = weir__job_look(job);
    if (!run) return no_run(job, "savepoint", error);
    weir_status s = weir_run_savepoint(run, o->directory, (enum weir_saving_then)o->after, &saving, error);
    weir__job_looked(job);
    if (s != WEIR_OK) return s;
    *to = weir_alloc(sizeof **to);
    (*to)->saving = saving;
    return WEIR_OK;
}

weir_status weir_savepoint_begin(struct weir_job *job, const struct weir_savepoint_options *o, struct weir_savepoint **to,
                                 struct weir_error_text *error)
{
    static const struct weir__options_shape shape = {"weir_savepoint_options", sizeof *o, sizeof *o};
    struct weir_error e = {0};
    struct weir_savepoint_options own;
    *to = NULL;
    weir_status s = weir__options_read(&own, &shape, o, &e);
    if (s == WEIR_OK) s = begin(job, &own, to, &e);
    return weir__report(s, &e, error);
}

bool weir_savepoint_wait(struct weir_savepoint *savepoint, int64_t timeout_ms)
{
    return weir_saving_wait(savepoint->saving, timeout_ms);
}

weir_status weir_savepoint_result(struct weir_savepoint *savepoint, char **to, struct weir_error_text *error)
{
    struct weir_error e = {0};
    const char *path;
    weir_saving_wait(savepoint->saving, -1);
    weir_status s = weir_saving_result(savepoint->saving, &path, &e);
    if (to) *to = weir_strdup(path);
    return weir__report(s, &e, error);
}

void weir_savepoint_free(struct weir_savepoint *savepoint)
{
    if (!savepoint) return;
    weir_saving_release(savepoint->saving);
    weir_free(savepoint);
}

static weir_status save(struct weir_job *job, const char *directory, enum weir_after_savepoint after, char **path,
                        struct weir_error_text *error)
{
    const struct weir_savepoint_options o = {.struct_size = sizeof o, .after = after, .directory = directory};
    struct weir_savepoint *savepoint;
    if (path) *path = NULL;
    weir_status s = weir_savepoint_begin(job, &o, &savepoint, error);
    if (s == WEIR_OK) s = weir_savepoint_result(savepoint, path, error);
    weir_savepoint_free(savepoint);
    return s;
}

weir_status weir_job_savepoint(struct weir_job *job, const char *directory, char **path, struct weir_error_text *error)
{
    return save(job, directory, WEIR_AFTER_GO_ON, path, error);
}

weir_status weir_job_stop_with_savepoint(struct weir_job *job, const char *directory, bool drain, char **path,
                                         struct weir_error_text *error)
{
    return save(job, directory, drain ? WEIR_AFTER_DRAIN : WEIR_AFTER_SUSPEND, path, error);
}

static weir_status checkpoint(struct weir_job *job, struct weir_saving **saving, struct weir_error *error)
{
    struct weir_run *run = weir__job_look(job);
    if (!run) return no_run(job, "checkpoint", error);
    weir_status s = weir_run_checkpoint(run, saving, error);
    weir__job_looked(job);
    return s;
}

weir_status weir_job_checkpoint(struct weir_job *job, int64_t *number, char **path, struct weir_error_text *error)
{
    struct weir_error e = {0};
    struct weir_saving *saving = NULL;
    const char *is_at = NULL;
    weir_status s = checkpoint(job, &saving, &e);
    if (s == WEIR_OK) {
        weir_saving_wait(saving, -1);
        s = weir_saving_result(saving, &is_at, &e);
    }
    if (number) *number = s == WEIR_OK ? weir_saving_number(saving) : 0;
    if (path) *path = weir_strdup(is_at);
    weir_saving_release(saving);
    return weir__report(s, &e, error);
}

weir_status weir_checkpoint_begin(struct weir_job *job, struct weir_savepoint **to, struct weir_error_text *error)
{
    struct weir_error e = {0};
    struct weir_saving *saving = NULL;
    *to = NULL;
    weir_status s = checkpoint(job, &saving, &e);
    if (s == WEIR_OK) {
        *to = weir_alloc(sizeof **to);
        (*to)->saving = saving;
    }
    return weir__report(s, &e, error);
}

bool weir_job_keeps_savepoints(const struct weir_job *job)
{
    return job->graph && (job->graph->checkpoint.savepoints || job->graph->checkpoint.directory);
}
