/* sim_job.c - see the header. */
#include "harness/sim_job.h"

#include "loader/job.h"
#include "loader/part.h"

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

static struct weir_stream_graph *compile(struct weir_sim_stage *g, const struct weir_sim_job *job, struct weir_text *trouble)
{
    struct weir_problems problems = {0};
    struct weir_stream_graph *graph = NULL;
    struct weir_document *d = weir_document_read(weir_platform_os(), job->manifest, job->sets, job->n_sets, job->overrides,
                                                 job->n_overrides, &problems);
    struct weir_job_settings settings = {.parallelism = job->parallelism};
    weir_status s = d ? weir_job_compile(d, &settings, g->registry, &graph, &problems) : WEIR_E_CONFIG;
    if (s != WEIR_OK) weir_problems_print(&problems, trouble);
    weir_problems_finish(&problems);
    weir_document_destroy(d);
    return s == WEIR_OK ? graph : NULL;
}

weir_status weir_sim_job_run(struct weir_sim_stage *g, const struct weir_sim_job *job, struct weir_text *trouble)
{
    struct weir_run *run = NULL;
    struct weir_error error = {0};
    weir_text_finish(&g->printed);
    struct weir_stream_graph *graph = compile(g, job, trouble);
    if (!graph) return WEIR_E_CONFIG;
    weir_sim_init(&g->sim, job->seed);
    if (job->clock) g->sim.clock = *job->clock;
    g->sim.platform.print = print;
    struct weir_deploy_options o = {.platform = &g->sim.platform, .registry = g->registry, .graph = graph};
    weir_status s = weir_run_deploy(&o, &run, &error);
    if (s == WEIR_OK) s = weir_sim_run(&g->sim, run, &error);
    if (s == WEIR_OK && job->look) job->look(job->look_arg, run);
    weir_run_destroy(run);
    weir_stream_graph_destroy(graph, weir_part_spec_destroy);
    if (s != WEIR_OK) weir_text_add(trouble, "%s\n", error.text);
    return s;
}
