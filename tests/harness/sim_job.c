/* sim_job.c - see the header. */
#include "harness/folders_job.h"
#include "harness/sim_job.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "checkpoint/saved.h"
#include "job/checkpoints.h"
#include "job/restore.h"
#include "loader/job.h"
#include "loader/part.h"

#define NS_PER_MS 1000000

static weir_status print(void *self, int stream, const void *bytes, size_t n, struct weir_error *error)
{
    (void)stream;
    (void)error;
    weir_text_add_bytes(&((struct weir_sim_stage *)self)->printed, bytes, n);
    return WEIR_OK;
}

weir_status weir_sim_stage_init(struct weir_sim_stage *g, const char *const *directories, struct weir_error *error)
{
    *g = (struct weir_sim_stage){0};
    struct weir_registry_options o = {.platform = weir_platform_os(), .directories = directories};
    return weir_registry_create(&o, &g->registry, error);
}

void weir_sim_stage_finish(struct weir_sim_stage *g)
{
    weir_registry_destroy(g->registry);
    weir_text_finish(&g->printed);
}

static struct weir_stream_graph *compile(struct weir_sim_stage *g, const struct weir_sim_job *job, uint32_t parallelism,
                                         struct weir_text *trouble)
{
    struct weir_problems problems = {0};
    struct weir_stream_graph *graph = NULL;
    struct weir_document *d = weir_document_read(weir_platform_os(), job->manifest, job->sets, job->n_sets, job->overrides,
                                                 job->n_overrides, &problems);
    struct weir_job_settings settings = {.parallelism = parallelism};
    weir_status s = d ? weir_job_compile(d, &settings, g->registry, &graph, &problems) : WEIR_E_CONFIG;
    if (s != WEIR_OK) weir_problems_print(&problems, trouble);
    weir_problems_finish(&problems);
    weir_document_destroy(d);
    return s == WEIR_OK ? graph : NULL;
}

/* ---- what else is asked for ----------------------------------------------------------------------------------------- */

static struct weir_state_config *config_of(struct weir_sim_stage *g, const char *backend, struct weir_error *error)
{
    struct weir_problems problems = {0};
    char *yaml = weir_format("backend: %s\n", backend);
    struct weir_document *d = weir_document_parse(weir_platform_os(), yaml, strlen(yaml), "the backend", g->graph->base_dir,
                                                  NULL, 0, NULL, 0, &problems);
    struct weir_state_config *c = d ? weir_state_config_compile(d, g->graph->states[0], g->registry, &problems) : NULL;
    weir_document_destroy(d);
    weir_free(yaml);
    if (!c) {
        (void)weir_error_set(error, WEIR_E_CONFIG, "there is no backend '%s'", backend);
    } else {
        WEIR_GROW(g->configs, g->configs_capacity, g->n_configs + 1);
        g->configs[g->n_configs++] = c;
    }
    weir_problems_finish(&problems);
    return c;
}

static void forget_configs(struct weir_sim_stage *g)
{
    for (size_t i = 0; i < g->n_configs; i++) weir_state_config_destroy(g->configs[i], weir_part_spec_destroy);
    weir_free(g->configs);
    g->configs = NULL;
    g->n_configs = g->configs_capacity = 0;
}

static void ask_for(struct weir_sim_stage *g, struct weir_run *run, const char *what)
{
    struct weir_error error;
    weir_status s;
    if (strcmp(what, "checkpoint") == 0) {
        s = weir_run_checkpoint(run, &g->pending, &error);
    } else {
        const struct weir_state_config *config = config_of(g, what, &error);
        s = config ? weir_run_swap_state(run, NULL, config, &g->pending, &error) : WEIR_E_CONFIG;
    }
    if (s == WEIR_OK)
        weir_run_step_checkpoints(run);
    else
        g->next_ask = g->job->n_asks; /* the job is over, or no node keeps keyed state */
}

static void note_answer(struct weir_sim_stage *g)
{
    uint32_t n = 0;
    const struct weir_moved *moved = weir_saving_moved(g->pending, &n);
    for (uint32_t i = 0; i < n; i++) g->n_moved += moved[i].has_moved;
    weir_saving_release(g->pending);
    g->pending = NULL;
    g->ask_steps = 0;
}

/* True: something was asked for and is not answered, or it is time to ask for something. */
static bool is_asking(struct weir_sim_stage *g, struct weir_run *run)
{
    if (g->pending && !weir_saving_wait(g->pending, 0)) return true;
    if (g->pending) note_answer(g);
    const struct weir_sim_ask *a = g->next_ask < g->job->n_asks ? &g->job->asks[g->next_ask] : NULL;
    if (!a || g->sim.now_ns < a->at_ms * NS_PER_MS) return false;
    if (g->ask_steps++ < a->wait) return true;
    g->next_ask++;
    if (!g->asked || strcmp(a->what, "checkpoint") != 0) ask_for(g, run, a->what); /* the crash comes after its own */
    return true;
}

/* ---- crashes ------------------------------------------------------------------------------------------------------- */

static void ask(struct weir_sim_stage *g, struct weir_run *run)
{
    struct weir_error error;
    g->newest = weir_run_last_checkpoint(run);
    g->asked_ns = g->sim.now_ns;
    g->steps = 0;
    g->complete = false;
    if (weir_run_checkpoint(run, &g->asked, &error) != WEIR_OK)
        g->crash = NULL; /* the job is over */
    else
        weir_run_step_checkpoints(run);
}

/* What is newer than the checkpoint that was asked for is the last one, of the end of the job. */
static void note_newest(struct weir_sim_stage *g, struct weir_run *run)
{
    if (g->complete) g->asked_ns = g->sim.now_ns;
    g->complete = true;
    g->newest = weir_run_last_checkpoint(run);
}

/* True: now it crashes. */
static bool crash(struct weir_sim *s, struct weir_run *run)
{
    struct weir_sim_stage *g = (struct weir_sim_stage *)(void *)s;
    bool asking = is_asking(g, run);
    if (!g->crash || (asking && !g->asked)) return false;
    if (g->asked) {
        if (weir_run_last_checkpoint(run) != g->newest) note_newest(g, run);
        return g->complete && g->steps++ >= g->crash->then;
    }
    if (s->now_ns >= g->crash->at_ms * NS_PER_MS && g->steps++ >= g->crash->wait) ask(g, run);
    return false;
}

/* What jobs before have left. */
static weir_status clear(const char *directory, struct weir_error *error)
{
    const struct weir_platform *p = weir_platform_os();
    weir_status s;
    char *path;
    int64_t number;
    bool own;
    do {
        s = folders_newest(p, directory, &path, &number, &own, error);
        if (s != WEIR_OK || !path) return s;
        s = folders_remove(p, path, error);
        weir_free(path);
    } while (s == WEIR_OK);
    return s;
}

/* What the job goes on from: the newest checkpoint, unless it begins. */
static weir_status read_newest(const struct weir_stream_graph *graph, bool begins, struct weir_saved *to, char **path,
                               struct weir_error *error)
{
    const struct weir_platform *p = weir_platform_os();
    int64_t number;
    bool own;
    *path = NULL;
    if (!graph->checkpoint.directory) return WEIR_OK;
    if (begins) return clear(graph->checkpoint.directory, error);
    weir_status s = folders_newest(p, graph->checkpoint.directory, path, &number, &own, error);
    if (s == WEIR_OK && *path) s = folders_read(p, *path, to, error);
    return s;
}

/* ---- lives --------------------------------------------------------------------------------------------------------- */

/* From the clock as it stands. */
static void set_up(struct weir_sim_stage *g, const struct weir_sim_job *job, size_t life)
{
    int64_t now_ns = life > 0 ? g->asked_ns : 0;
    weir_sim_init(&g->sim, job->seed + life);
    g->sim.now_ns = now_ns;
    if (job->clock) g->sim.clock = *job->clock;
    g->sim.platform.print = print;
    g->sim.enough = crash;
    g->crash = life < job->n_crashes ? &job->crashes[life] : NULL;
    g->steps = g->ask_steps = 0;
    g->n_moved = 0;
    for (g->next_ask = 0; g->next_ask < job->n_asks && job->asks[g->next_ask].at_ms * NS_PER_MS < now_ns;) g->next_ask++;
}

static weir_status live(struct weir_sim_stage *g, const struct weir_sim_job *job, const char *state,
                        struct weir_stream_graph *graph, const struct weir_saved *saved, const char *path,
                        struct weir_error *error)
{
    struct weir_run *run = NULL;
    struct weir_state_choice choice = {0};
    struct weir_deploy_options o = {.platform = &g->sim.platform, .registry = g->registry, .graph = graph};
    if (state[0] != '\0') {
        choice.config = config_of(g, state, error);
        if (!choice.config) return error->status;
        o.states = &choice;
        o.n_states = 1;
    }
    if (saved->job) {
        o.restore = saved;
        o.restored_from = path;
        o.claim = true;
        weir_restore_adopt(saved, graph);
    }
    weir_status s = weir_run_deploy(&o, &run, error);
    if (s == WEIR_OK) s = weir_sim_run(&g->sim, run, error);
    if (s == WEIR_OK && job->look) job->look(job->look_arg, run);
    weir_run_destroy(run);
    weir_saving_release(g->asked);
    weir_saving_release(g->pending);
    g->asked = g->pending = NULL;
    return s;
}

static weir_status one_life(struct weir_sim_stage *g, const struct weir_sim_job *job, size_t life, struct weir_text *trouble)
{
    const struct weir_sim_crash *last = life > 0 ? &job->crashes[life - 1] : NULL;
    struct weir_saved saved = {0};
    struct weir_error error = {0};
    char *path = NULL;
    struct weir_stream_graph *graph =
        compile(g, job, last && last->parallelism ? last->parallelism : job->parallelism, trouble);
    if (!graph) return WEIR_E_CONFIG;
    if (last && last->batch_rows) graph->batch_rows = last->batch_rows;
    set_up(g, job, life);
    g->job = job;
    g->graph = graph;
    weir_status s = read_newest(graph, life == 0, &saved, &path, &error);
    if (s == WEIR_OK) s = live(g, job, last ? last->state : "", graph, &saved, path, &error);
    if (g->n_moved > 0) weir_text_add(&g->printed, "moved %" PRIu32 "\n", g->n_moved);
    forget_configs(g);
    weir_saved_finish(&saved);
    weir_free(path);
    weir_stream_graph_destroy(graph, weir_part_spec_destroy);
    if (s < 0) weir_text_add(trouble, "%s\n", error.text);
    return s;
}

weir_status weir_sim_job_run(struct weir_sim_stage *g, const struct weir_sim_job *job, struct weir_text *trouble)
{
    weir_text_finish(&g->printed);
    for (size_t life = 0;; life++) {
        weir_status s = one_life(g, job, life, trouble);
        if (s != WEIR_MORE) return s;
        weir_text_add(&g->printed, "crash %" PRId64 "\n", g->asked_ns / NS_PER_MS);
    }
}
