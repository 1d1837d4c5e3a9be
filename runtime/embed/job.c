/* job.c - loading, checking, planning and running a job. One thread, but for stop, cancel, state and status. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/path.h"
#include "base/process.h"
#include "checkpoint/saved.h"
#include "embed/embed_internal.h"
#include "graph/print.h"
#include "job/checkpoints.h"
#include "job/restore.h"
#include "loader/guarantee.h"
#include "loader/job.h"

/* ---- checking ---------------------------------------------------------------------------------------------------- */

/* Components are promised an absolute base_dir (weir/host.h). */
static void make_base_dir_absolute(struct weir_stream_graph *graph)
{
    struct weir_error ignored;
    char *real;
    if (weir_path_resolve(graph->base_dir, &real, &ignored) != WEIR_OK) return;
    weir_free(graph->base_dir);
    graph->base_dir = real;
}

static weir_status compile(struct weir_job *job, struct weir_problems *problems)
{
    const struct weir_job_settings settings = {
        .parallelism = job->parallelism, .default_parallelism = job->runtime->config.parallelism, .home = job->home};
    weir_status s = weir_job_compile(job->document, &settings, job->runtime->registry, &job->graph, problems);
    if (s == WEIR_OK) make_base_dir_absolute(job->graph);
    return s;
}

static weir_status check(struct weir_job *job, struct weir_problems *problems, struct weir_error_text *error)
{
    weir_status s = job->document ? compile(job, problems) : WEIR_E_CONFIG;
    if (s == WEIR_OK && problems->n > 0) s = WEIR_E_CONFIG;
    s = s == WEIR_OK ? weir__report(s, NULL, error) : weir__report_problems(problems, job->json, s, error);
    weir_problems_finish(problems);
    return s;
}

weir_status weir_job_check(struct weir_job *job, struct weir_error_text *error)
{
    struct weir_problems problems = {0};
    return job->graph ? weir__report(WEIR_OK, NULL, error) : check(job, &problems, error);
}

static struct weir_assignment *assignments(const struct weir_setting *settings, size_t n)
{
    struct weir_assignment *to = weir_alloc_array(n + 1, sizeof *to);
    for (size_t i = 0; i < n; i++) to[i] = (struct weir_assignment){settings[i].name, settings[i].value};
    return to;
}

/* NULL: `problems` say why. */
static struct weir_document *read_document(const struct weir_platform *p, const char *path, const struct weir_job_options *o,
                                           struct weir_problems *problems)
{
    struct weir_assignment *sets = assignments(o->sets, o->n_sets), *overrides = assignments(o->overrides, o->n_overrides);
    struct weir_document *document = NULL;
    struct weir_error error;
    char *text = NULL, *folder = weir_path_dirname(path);
    size_t n = 0;
    if (!o->text) {
        document = weir_document_read(p, path, sets, o->n_sets, overrides, o->n_overrides, problems);
    } else if (weir_read_file(p, o->text, SIZE_MAX, &text, &n, &error) == WEIR_OK) {
        document = weir_document_parse(p, text, n, path, folder, sets, o->n_sets, overrides, o->n_overrides, problems);
    } else {
        const struct weir_mark mark = {.origin = o->text, .length = 1};
        weir_problems_add(problems, &mark, NULL, "the manifest cannot be read: %s", error.text);
    }
    weir_free(text);
    weir_free(folder);
    weir_free(sets);
    weir_free(overrides);
    return document;
}

static weir_status load(struct weir_runtime *runtime, const char *path, const struct weir_job_options *o,
                        struct weir_job **to, struct weir_error_text *error)
{
    struct weir_job *job = weir_alloc(sizeof *job);
    job->lock = (struct weir_lock)WEIR_LOCK_INIT;
    struct weir_problems problems = {0};
    *to = NULL;
    job->runtime = runtime;
    job->parallelism = o->parallelism;
    job->json = o->json;
    job->home = weir_strdup(o->home);
    job->document = read_document(runtime->platform, path, o, &problems);
    weir_status s = check(job, &problems, error);
    if (s == WEIR_OK)
        *to = job;
    else
        weir_job_destroy(job);
    return s;
}

weir_status weir_job_load(struct weir_runtime *runtime, const char *path, const struct weir_job_options *o,
                          struct weir_job **to, struct weir_error_text *error)
{
    static const struct weir__options_shape shape = {"weir_job_options", sizeof *o, 48};
    struct weir_error e = {0};
    struct weir_job_options own;
    *to = NULL;
    weir_status s = weir__options_read(&own, &shape, o, &e);
    return s == WEIR_OK ? load(runtime, path, &own, to, error) : weir__report(s, &e, error);
}

const char *weir_job_name(const struct weir_job *job)
{
    return job->graph ? job->graph->job : weir_document_name(job->document);
}

struct weir_runtime *weir_job_runtime(const struct weir_job *job)
{
    return job->runtime;
}

/* ---- planning ---------------------------------------------------------------------------------------------------- */

static int index_of(const char *word, const char *const *words)
{
    for (int i = 0; words[i]; i++) {
        if (strcmp(word, words[i]) == 0) return i;
    }
    return -1;
}

static weir_status print_plan(const struct weir_stream_graph *stream, int graph, enum weir_graph_format format,
                              struct weir_text *text, struct weir_error *error)
{
    struct weir_job_graph *job = NULL;
    struct weir_execution_graph *execution = NULL;
    weir_status s = graph > 0 ? weir_job_graph_build(stream, &job, error) : WEIR_OK;
    if (s == WEIR_OK && graph > 1) s = weir_execution_graph_build(job, &execution, error);
    if (s == WEIR_OK && graph == 0) weir_print_stream_graph(text, stream, format);
    if (s == WEIR_OK && graph == 1) weir_print_job_graph(text, job, format);
    if (s == WEIR_OK && graph == 2) weir_print_execution_graph(text, execution, format);
    weir_execution_graph_destroy(execution);
    weir_job_graph_destroy(job);
    return s;
}

weir_status weir_job_plan(struct weir_job *job, const char *graph, const char *format, char **to,
                          struct weir_error_text *error)
{
    static const char *const graphs[] = {"stream", "job", "execution", NULL}, *const formats[] = {"text", "dot", "mermaid",
                                                                                                  "json", NULL};
    struct weir_error e = {0};
    int g = index_of(graph, graphs), f = index_of(format, formats);
    *to = NULL;
    if (g < 0 || f < 0) {
        weir_error_set(&e, WEIR_E_CONFIG,
                       g < 0 ? "unknown graph '%s': there are stream, job and execution"
                             : "unknown format '%s': there are text, dot, "
                               "mermaid and json",
                       g < 0 ? graph : format);
        return weir__report(WEIR_E_CONFIG, &e, error);
    }
    weir_status s = weir_job_check(job, error);
    if (s != WEIR_OK) return s;
    struct weir_text text = {0};
    s = print_plan(job->graph, g, (enum weir_graph_format)(f + WEIR_FORMAT_TEXT), &text, &e);
    if (s == WEIR_OK) *to = weir_text_take(&text);
    weir_text_finish(&text);
    return weir__report(s, &e, error);
}

static_assert((int)WEIR_SINK_AT_MOST_ONCE == WEIR_GUARANTEE_AT_MOST_ONCE &&
                  (int)WEIR_SINK_AT_LEAST_ONCE == WEIR_GUARANTEE_AT_LEAST_ONCE &&
                  (int)WEIR_SINK_EXACTLY_ONCE == WEIR_GUARANTEE_EXACTLY_ONCE,
              "the same words inside and outside");

weir_status weir_job_each_guarantee(struct weir_job *job, weir_sink_guarantee_visit *visit, void *arg,
                                    struct weir_error_text *error)
{
    weir_status s = weir_job_check(job, error);
    for (uint32_t i = 0; s == WEIR_OK && i < job->graph->n_nodes; i++) {
        const struct weir_stream_node *node = job->graph->nodes[i];
        enum weir_guarantee is;
        char *why;
        if (node->kind != WEIR_NODE_SINK || !weir_guarantee_of(job->graph, node, &is, &why)) continue;
        const struct weir_sink_guarantee g = {.struct_size = sizeof g, .level = is, .node = node->id, .why = why};
        visit(arg, &g);
        weir_free(why);
    }
    return s;
}

static void add_guarantee(void *arg, const struct weir_sink_guarantee *g)
{
    static const char *const words[] = {"at most once", "at least once", "exactly once"};
    weir_text_add(arg, "  %-16s %-14s %s\n", g->node, words[g->level], g->why);
}

weir_status weir_job_guarantees(struct weir_job *job, char **to, struct weir_error_text *error)
{
    struct weir_text text = {0};
    *to = NULL;
    weir_status s = weir_job_each_guarantee(job, add_guarantee, &text, error);
    if (s == WEIR_OK) *to = weir_text_take(&text);
    weir_text_finish(&text);
    return s;
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static weir_status check_slots(const struct weir_job *job, struct weir_error *error)
{
    struct weir_job_graph *graph = NULL;
    struct weir_execution_graph *plan = NULL;
    uint32_t slots = job->runtime->config.slots;
    weir_status s = slots > 0 ? weir_job_graph_build(job->graph, &graph, error) : WEIR_OK;
    if (s == WEIR_OK && graph) s = weir_execution_graph_build(graph, &plan, error);
    if (s == WEIR_OK && plan && plan->n_slots > slots) {
        s = weir_error_set(
            error, WEIR_E_CONFIG,
            "the job needs %u slots, but the configuration file allows %u; lower the parallelism (-p), put nodes into "
            "one slot group, or raise `slots`",
            plan->n_slots, slots);
    }
    weir_execution_graph_destroy(plan);
    weir_job_graph_destroy(graph);
    return s;
}

weir_status weir__job_hold(struct weir_job *job, struct weir_error *error)
{
    const char *directory = job->graph->checkpoint.directory;
    if (!directory || job->held) return WEIR_OK;
    weir_status s = weir_checkpoints_hold(job->runtime->platform, directory, job->graph->job, &job->held, error);
    return s == WEIR_OK ? s : weir_error_prefix(error, "checkpoint.directory: ");
}

void weir__job_let_go(struct weir_job *job)
{
    if (job->held) weir_checkpoints_let_go(job->runtime->platform, job->graph->checkpoint.directory, job->held);
    job->held = NULL;
}

struct weir_storages weir__job_storages(const struct weir_job *job)
{
    return (struct weir_storages){.platform = job->runtime->platform,
                                  .registry = job->runtime->registry,
                                  .graph = job->graph,
                                  .attempt = job->recovery.attempt};
}

weir_status weir__job_newest(struct weir_storages *storages, char **path, int64_t *checkpoint, bool *own,
                             struct weir_error *error)
{
    struct weir_storage *storage;
    *path = NULL;
    *checkpoint = 0;
    weir_status s = weir_storages_own(storages, &storage, error);
    if (s != WEIR_OK) return s;
    return weir_checkpoints_newest(storages->platform, storage, storages->graph->checkpoint.directory, path, checkpoint, own,
                                   error);
}

static weir_status find_newest(const struct weir_job *job, struct weir_storages *storages, char **path, bool *own,
                               struct weir_error *error)
{
    const char *directory = job->graph->checkpoint.directory;
    int64_t number;
    if (!directory && job->begin.or_begin) return WEIR_OK;
    if (!directory)
        return weir_error_set(error, WEIR_E_CONFIG,
                              "the job takes no checkpoints that it could go on from\n"
                              "  to have some: give it `checkpoint: {every: 10s, directory: ./checkpoints}`\n"
                              "  to go on from one of another place: weir run %s --from DIRECTORY",
                              weir_document_name(job->document));
    weir_status s = weir__job_newest(storages, path, &number, own, error);
    if (s == WEIR_OK && !*path && !job->begin.or_begin)
        s = weir_error_set(error, WEIR_E_CONFIG,
                           "there is no complete checkpoint in %s\n  to begin: weir run %s\n"
                           "  to go on from one of another place: weir run %s --from DIRECTORY",
                           directory, weir_document_name(job->document), weir_document_name(job->document));
    return s;
}

/* What the job goes on from. A drained savepoint is whole, but windows that it had fired begin anew. */
static weir_status read_saved(const struct weir_job *job, struct weir_storages *storages, const char *path,
                              struct weir_saved *saved, struct weir_error *error)
{
    weir_status s = weir_storages_read(storages, path, saved, error);
    if (s == WEIR_OK && saved->kind == WEIR_SAVED_DRAINED)
        weir_log(WEIR_WARN, "job", "%s was drained: its windows have fired; records for them make new ones", path);
    if (s == WEIR_OK) weir_restore_adopt(saved, job->graph);
    return s;
}

/* weir never goes back by itself: sinks have committed what came after the older one. */
static void name_older(const struct weir_job *job, struct weir_storages *storages, const char *damaged,
                       struct weir_error *error)
{
    struct weir_storage *storage = NULL;
    struct weir_error ignored;
    bool named = job->from && *job->from && job->recovery.attempt == 0;
    if (!job->graph->checkpoint.directory || named || weir_storages_own(storages, &storage, &ignored) != WEIR_OK) return;
    char *older = weir_checkpoints_before(storage, damaged);
    if (!older) return;
    struct weir_error why = *error;
    weir_error_set(error, why.status,
                   "%s\n  an older checkpoint is whole: %s\n  to go on from it, and have what sinks committed since then "
                   "written again: weir run %s --from %s",
                   why.text, older, weir_document_name(job->document), older);
    weir_free(older);
}

/* A job that starts again does so from the newest checkpoint that it wrote; until there is one, from where it began. */
static weir_status find_origin(const struct weir_job *job, struct weir_storages *storages, char **path, bool *own,
                               struct weir_error *error)
{
    int64_t number;
    *path = NULL;
    *own = true;
    weir_status s = job->recovery.attempt > 0 ? weir__recovery_newest(job, storages, path, &number, error) : WEIR_OK;
    if (s != WEIR_OK || *path) return s;
    *own = false;
    if (job->from && *job->from) *path = weir_strdup(job->from);
    return job->from && !*path ? find_newest(job, storages, path, own, error) : WEIR_OK;
}

static weir_status deploy(struct weir_job *job, struct weir_run **run, struct weir_error *error)
{
    struct weir_storages storages = weir__job_storages(job);
    struct weir_saved saved = {0};
    char *path;
    bool own;
    weir_status s = find_origin(job, &storages, &path, &own, error);
    if (s == WEIR_OK && path) {
        s = read_saved(job, &storages, path, &saved, error);
        if (s != WEIR_OK) name_older(job, &storages, path, error);
        if (s != WEIR_OK) weir__tell_what_is_there(&storages, path, error);
    }
    struct weir_deploy_options o = {.platform = job->runtime->platform,
                                    .registry = job->runtime->registry,
                                    .graph = job->graph,
                                    .attempt = job->recovery.attempt,
                                    .restore = path ? &saved : NULL,
                                    .restored_from = path,
                                    .claim = own || job->begin.claim,
                                    .allow_non_restored = job->begin.allow_non_restored,
                                    .fresh = job->begin.fresh};
    struct weir_state_choice *choices = weir__job_choices(job, &o.n_states);
    o.states = choices;
    if (s == WEIR_OK) s = weir_run_deploy(&o, run, error);
    weir_saved_finish(&saved);
    weir_storages_finish(&storages);
    weir_free(choices);
    weir_free(path);
    return s;
}

weir_status weir__job_launch(struct weir_job *job, struct weir_error *error)
{
    struct weir_run *run = NULL;
    weir_status s = deploy(job, &run, error);
    if (s != WEIR_OK) return s;
    job->run_started_ns = job->runtime->platform->monotonic_ns(job->runtime->platform->self);
    weir_lock_take(&job->lock);
    job->run = run;
    job->recovery.waiting = false;
    weir_lock_leave(&job->lock);
    uint32_t asked = atomic_load(&job->asked); /* whoever asks from now on finds the run */
    if (asked & WEIR__ASKED_STOP) weir_run_stop(run);
    if (asked & WEIR__ASKED_CANCEL) weir_run_cancel(run);
    return weir_run_start(run, error);
}

static weir_status start(struct weir_job *job, const struct weir_start_options *o, struct weir_error_text *error)
{
    struct weir_error e = {0};
    if (job->started) {
        weir_error_set(&e, WEIR_E_CONFIG, "the job was started before; make a new one to run it again");
        return weir__report(WEIR_E_CONFIG, &e, error);
    }
    weir_status s = weir_job_check(job, error);
    if (s != WEIR_OK) return s;
    s = check_slots(job, &e);
    if (s == WEIR_OK) s = weir__job_hold(job, &e);
    if (s != WEIR_OK) return weir__report(s, &e, error);
    weir_free(job->from);
    job->from = weir_strdup(o->from);
    job->begin = *o;
    job->started_ns = job->runtime->platform->monotonic_ns(job->runtime->platform->self);
    weir__recovery_begin(job);
    s = weir__job_launch(job, &e);
    if (s != WEIR_OK && job->recovery.attempt > 0 && weir__recovery_failed(job, &e, true)) s = WEIR_OK;
    job->started = job->run || job->recovery.waiting;
    return weir__report(s, &e, error);
}

weir_status weir_job_start(struct weir_job *job, struct weir_error_text *error)
{
    return start(job, &(struct weir_start_options){0}, error);
}

weir_status weir_job_start_fresh(struct weir_job *job, struct weir_error_text *error)
{
    return start(job, &(struct weir_start_options){.fresh = 1}, error);
}

weir_status weir_job_start_from(struct weir_job *job, const char *directory, struct weir_error_text *error)
{
    return start(job, &(struct weir_start_options){.from = directory ? directory : ""}, error);
}

weir_status weir_job_start_with(struct weir_job *job, const struct weir_start_options *o, struct weir_error_text *error)
{
    static const struct weir__options_shape shape = {"weir_start_options", sizeof *o, 24};
    struct weir_error e = {0};
    struct weir_start_options own;
    weir_status s = weir__options_read(&own, &shape, o, &e);
    if (s == WEIR_OK && own.fresh && own.from)
        s = weir_error_set(&e, WEIR_E_CONFIG, "a job begins afresh, or goes on from somewhere, not both");
    return s == WEIR_OK ? start(job, &own, error) : weir__report(s, &e, error);
}

/* Between two attempts there is no run to be asked: the wait for the next one ends. */
static void ask(struct weir_job *job, uint32_t what, void (*of_run)(struct weir_run *))
{
    atomic_fetch_or(&job->asked, what);
    struct weir_run *run = weir__job_look(job);
    if (run) {
        of_run(run);
        weir__job_looked(job);
    } else {
        job->runtime->platform->unpark(job->runtime->platform->self, &job->waiter);
    }
}

void weir_job_stop(struct weir_job *job)
{
    ask(job, WEIR__ASKED_STOP, weir_run_stop);
}

void weir_job_cancel(struct weir_job *job)
{
    ask(job, WEIR__ASKED_CANCEL, weir_run_cancel);
}

static bool wait_for_run(struct weir_job *job, int64_t until_ns)
{
    const struct weir_platform *p = job->runtime->platform;
    int64_t left = until_ns == INT64_MAX ? -1 : (until_ns - p->monotonic_ns(p->self) + 999999) / 1000000;
    return weir_run_wait(job->run, until_ns == INT64_MAX || left > 0 ? left : 0);
}

bool weir_job_wait(struct weir_job *job, int64_t timeout_ms)
{
    const struct weir_platform *p = job->runtime->platform;
    int64_t until = timeout_ms < 0 ? INT64_MAX : p->monotonic_ns(p->self) + timeout_ms * 1000000;
    while (job->run || job->recovery.waiting) {
        if (job->recovery.waiting) {
            if (!weir__recovery_wait(job, until)) return false;
            continue;
        }
        if (!wait_for_run(job, until)) return false;
        if (weir_run_state(job->run) != WEIR_RUN_FAILED) return true;
        if (job->recovery.for_good || !weir__recovery_failed(job, weir_run_failure(job->run), false)) return true;
    }
    return true;
}

static enum weir_job_state state_of(enum weir_run_state state)
{
    switch (state) {
    case WEIR_RUN_DEPLOYED: return WEIR_JOB_CREATED;
    case WEIR_RUN_RUNNING: return WEIR_JOB_RUNNING;
    case WEIR_RUN_FINISHED: return WEIR_JOB_FINISHED;
    case WEIR_RUN_STOPPED: return WEIR_JOB_STOPPED;
    case WEIR_RUN_CANCELLED: return WEIR_JOB_CANCELLED;
    case WEIR_RUN_FAILED: return WEIR_JOB_FAILED;
    }
    return WEIR_JOB_FAILED;
}

/* Under the lock. A failure that nobody has judged yet may not be the end. */
static enum weir_job_state state_now(const struct weir_job *job)
{
    const struct weir__recovery *r = &job->recovery;
    if (r->over) return r->ended_as;
    if (r->waiting) return WEIR_JOB_RESTARTING;
    if (!job->run) return WEIR_JOB_CREATED;
    enum weir_job_state state = state_of(weir_run_state(job->run));
    bool judged = r->for_good || r->strategy.config.kind == WEIR_RESTART_NONE;
    return state == WEIR_JOB_FAILED && !judged ? WEIR_JOB_RESTARTING : state;
}

enum weir_job_state weir_job_state(const struct weir_job *job)
{
    struct weir_lock *lock = (struct weir_lock *)(uintptr_t)&job->lock; /* of a job that its caller may well change */
    weir_lock_take(lock);
    enum weir_job_state state = state_now(job);
    weir_lock_leave(lock);
    return state;
}

weir_status weir_job_failure(const struct weir_job *job, struct weir_error_text *error)
{
    const struct weir__recovery *r = &job->recovery;
    const struct weir_error *e = r->over && r->ended_as == WEIR_JOB_FAILED ? &r->failure : NULL;
    if (job->run) e = weir_run_failure(job->run);
    weir_status s = weir__report(e ? e->status : WEIR_OK, e, error);
    size_t used = strlen(error->text);
    if (e && *r->why) snprintf(error->text + used, sizeof error->text - used, "\n  It does not start again: %s.", r->why);
    return s;
}

void weir_job_destroy(struct weir_job *job)
{
    if (!job) return;
    if (job->run) weir_run_give_up(job->run);
    weir_run_destroy(job->run);
    weir__job_let_go(job);
    weir_free(job->home);
    weir_free(job->from);
    weir__job_choices_finish(job);
    weir_stream_graph_destroy(job->graph, weir_part_spec_destroy);
    while (job->node_list) {
        struct weir_node *next = job->node_list->next;
        weir_free(job->node_list->origin);
        weir_free(job->node_list);
        job->node_list = next;
    }
    weir_document_destroy(job->document);
    weir_free(job);
}

/* ---- status ------------------------------------------------------------------------------------------------------ */

static uint32_t kind_of(enum weir_node_kind kind)
{
    return kind == WEIR_NODE_SOURCE ? 1 : kind == WEIR_NODE_SINK ? 3 : 2;
}

static uint32_t attempt_of(struct weir_job *job)
{
    weir_lock_take(&job->lock);
    uint32_t attempt = job->recovery.attempt;
    weir_lock_leave(&job->lock);
    return attempt;
}

void weir_job_status(struct weir_job *job, struct weir_job_status *to)
{
    const struct weir_platform *p = job->runtime->platform;
    struct weir_run_status s;
    struct weir_run *run = weir__job_look(job);
    *to = (struct weir_job_status){.state = weir_job_state(job), .attempt = attempt_of(job)};
    if (!run) {
        if (job->started_ns) to->elapsed_ms = (p->monotonic_ns(p->self) - job->started_ns) / 1000000;
        return;
    }
    weir_run_status_take(run, &s);
    int64_t before_ms = (job->run_started_ns - job->started_ns) / 1000000; /* earlier attempts */
    weir__job_looked(job);
    *to = (struct weir_job_status){.state = to->state,
                                   .attempt = to->attempt,
                                   .n_nodes = s.n_nodes,
                                   .elapsed_ms = before_ms + s.elapsed_ms,
                                   .rows_read = s.rows_read,
                                   .rows_written = s.rows_written,
                                   .rows_rejected = s.rows_rejected,
                                   .rows_late = s.rows_late};
    to->nodes = weir_alloc_array(s.n_nodes + 1, sizeof *to->nodes);
    for (uint32_t i = 0; i < s.n_nodes; i++) {
        const struct weir_node_status *n = &s.nodes[i];
        to->nodes[i] = (struct weir_job_node_status){.id = n->id,
                                                     .title = n->title,
                                                     .parallelism = n->parallelism,
                                                     .kind = kind_of(n->kind),
                                                     .rows_in = n->rows_in,
                                                     .rows_out = n->rows_out,
                                                     .late = n->late,
                                                     .accepted = n->accepted,
                                                     .rejected = n->rejected,
                                                     .bytes = n->bytes,
                                                     .timers_fired = n->timers_fired,
                                                     .watermark = n->watermark,
                                                     .busy = n->busy,
                                                     .backpressured = n->backpressured};
    }
    weir_run_status_finish(&s);
}

void weir_job_status_free(struct weir_job_status *status)
{
    weir_free(status->nodes);
    *status = (struct weir_job_status){0};
}

bool weir_job_storage_call(struct weir_job *job, char **what, int64_t *for_ms, bool *told)
{
    struct weir_run *run = weir__job_look(job);
    *what = NULL;
    if (!run) return false;
    bool runs = weir_run_storage_call(run, what, for_ms, told);
    weir__job_looked(job);
    return runs;
}

/* ---- metrics ----------------------------------------------------------------------------------------------------- */

static_assert((int)WEIR_JOB_COUNTER == WEIR_METRIC_COUNTER && (int)WEIR_JOB_GAUGE == WEIR_METRIC_GAUGE &&
                  (int)WEIR_JOB_HISTOGRAM == WEIR_METRIC_HISTOGRAM && WEIR_JOB_ALL_SUBTASKS == WEIR_ALL_SUBTASKS,
              "the same words inside and outside");

struct metric_visit {
    weir_job_metric_visit *visit;
    void *arg;
};

static void tell_metric(void *arg, const char *node, bool built_in, const struct weir_metric_value *v)
{
    const struct metric_visit *to = arg;
    const struct weir_job_metric m = {.struct_size = sizeof m,
                                      .kind = v->kind,
                                      .node = node,
                                      .name = v->name,
                                      .unit = v->unit,
                                      .doc = v->doc,
                                      .subtask = v->subtask,
                                      .built_in = built_in,
                                      .count = v->count,
                                      .value = v->value,
                                      .least = v->least,
                                      .most = v->most,
                                      .sum = v->sum,
                                      .max = v->max,
                                      .buckets = v->buckets};
    to->visit(to->arg, &m);
}

void weir_job_metrics(struct weir_job *job, bool by_subtask, weir_job_metric_visit *visit, void *arg)
{
    struct metric_visit to = {visit, arg};
    struct weir_run *run = weir__job_look(job);
    if (!run) return;
    weir_run_metrics(run, by_subtask, tell_metric, &to);
    weir__job_looked(job);
}

uint64_t weir_job_metric_quantile(const struct weir_job_metric *m, double q)
{
    return m->buckets ? weir_histogram_quantile(m->buckets, m->count, m->max, q) : 0;
}
