/* swap.c - the backend of keyed state, changed while the job runs. Any thread. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "embed/embed_internal.h"
#include "loader/job.h"
#include "loader/part.h"

/* ---- what was chosen --------------------------------------------------------------------------------------------- */

/* Configurations are kept as long as the job, since a run may use them. */
static struct weir__chosen *remember(struct weir_job *job, const char *node, struct weir_state_config *config, bool counts)
{
    struct weir__chosen *c = weir_alloc(sizeof *c), **at = &job->chosen;
    *c = (struct weir__chosen){.node = weir_strdup(node), .config = config, .counts = counts};
    weir_lock_take(&job->lock);
    while (*at) at = &(*at)->next;
    *at = c;
    weir_lock_leave(&job->lock);
    return c;
}

struct weir_state_choice *weir__job_choices(struct weir_job *job, size_t *n)
{
    struct weir_state_choice *choices = NULL;
    size_t capacity = 0;
    *n = 0;
    weir_lock_take(&job->lock);
    for (const struct weir__chosen *c = job->chosen; c; c = c->next) {
        if (!c->counts) continue;
        WEIR_GROW(choices, capacity, *n + 1);
        choices[(*n)++] = (struct weir_state_choice){c->node, c->config};
    }
    weir_lock_leave(&job->lock);
    return choices;
}

void weir__job_choices_finish(struct weir_job *job)
{
    for (struct weir__chosen *next, *c = job->chosen; c; c = next) {
        next = c->next;
        weir_state_config_destroy(c->config, weir_part_spec_destroy);
        weir_free(c->node);
        weir_free(c);
    }
}

/* ---- what is wanted ---------------------------------------------------------------------------------------------- */

static bool is_called(const struct weir_stream_node *node, const char *name)
{
    return strcmp(node->id, name) == 0 || strcmp(node->uid, name) == 0;
}

/* What the manifest says: of the node, else of the job. */
static const struct weir_state_config *base_of(const struct weir_stream_graph *g, const char *node)
{
    for (uint32_t i = 0; node && i < g->n_nodes; i++) {
        if (is_called(g->nodes[i], node) && g->nodes[i]->state) return g->nodes[i]->state;
    }
    return g->states[0];
}

static void put_text(struct weir_document *document, struct weir_value *root, const char *key, const char *text)
{
    if (text) weir_document_put(document, root, key, weir_document_scalar(document, text, "the new backend"));
}

/* The backend is YAML, the rest are plain texts. */
static struct weir_state_config *compile(const struct weir_job *job, const struct weir_swap_options *o,
                                         struct weir_problems *problems)
{
    const struct weir_runtime *r = job->runtime;
    char *yaml = weir_format("backend: %s\n", o->backend);
    struct weir_document *document = weir_document_parse(r->platform, yaml, strlen(yaml), "the new backend",
                                                         job->graph->base_dir, NULL, 0, NULL, 0, problems);
    struct weir_state_config *config = NULL;
    if (document && weir_document_root(document)->kind == WEIR_VALUE_MAPPING) {
        struct weir_value *root = (struct weir_value *)(uintptr_t)weir_document_root(document); /* it is ours */
        put_text(document, root, "cache", o->cache);
        put_text(document, root, "directory", o->directory);
        config = weir_state_config_compile(document, base_of(job->graph, o->node), r->registry, problems);
    }
    weir_document_destroy(document);
    weir_free(yaml);
    return config;
}

/* ---- what the manifest says ---------------------------------------------------------------------------------------- */

static void add_option(struct weir_text *t, const struct weir_option_info *o, const struct weir_option_value *v)
{
    weir_text_add(t, " %s=", o->name);
    switch (o->type) {
    case WEIR_OPT_BOOL: weir_text_add(t, "%d", v->boolean); return;
    case WEIR_OPT_F64: weir_text_add(t, "%.17g", v->f64); return;
    case WEIR_OPT_STRING: weir_text_add(t, "%s", v->string); return;
    case WEIR_OPT_ENUM: weir_text_add(t, "%s", o->choices[v->index]); return;
    case WEIR_OPT_I64:
    case WEIR_OPT_DURATION:
    case WEIR_OPT_SIZE: weir_text_add(t, "%" PRId64, v->i64); return;
    default: return; /* secrets are not written down; backends have no others */
    }
}

static char *place_of(const struct weir_state_config *config)
{
    struct weir_text t = {0};
    weir_text_add(&t, "%s", config && config->name ? config->name : "heap");
    if (config && config->name)
        weir_text_add(&t, " cache=%zu directory=%s", config->cache_bytes, config->directory ? config->directory : "");
    const struct weir_part_spec *part = config ? config->backend : NULL;
    for (uint32_t i = 0; part && i < part->info->n_options; i++) {
        if (part->values[i].set) add_option(&t, &part->info->options[i], &part->values[i]);
    }
    return weir_text_take(&t);
}

weir_status weir_job_each_state_place(struct weir_job *job, weir_state_place_visit *visit, void *arg,
                                      struct weir_error_text *error)
{
    weir_status s = weir_job_check(job, error);
    if (s != WEIR_OK) return s;
    char *place = place_of(job->graph->states[0]);
    visit(arg, NULL, place);
    weir_free(place);
    for (uint32_t i = 0; i < job->graph->n_nodes; i++) {
        place = place_of(job->graph->nodes[i]->state);
        visit(arg, job->graph->nodes[i]->id, place);
        weir_free(place);
    }
    return s;
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

static weir_status begin_there(struct weir_job *job, const char *node, struct weir_state_config *config,
                               struct weir_error *error)
{
    bool known = !node;
    for (uint32_t i = 0; !known && i < job->graph->n_nodes; i++) known = is_called(job->graph->nodes[i], node);
    (void)remember(job, node, config, known);
    return known ? WEIR_OK : weir_error_set(error, WEIR_E_CONFIG, "the job has no node '%s'", node);
}

static void tell(const struct weir_saving *saving, weir_swapped_visit *visit, void *arg)
{
    uint32_t n;
    const struct weir_moved *moved = weir_saving_moved(saving, &n);
    for (uint32_t i = 0; visit && i < n; i++) {
        const struct weir_swapped swapped = {.struct_size = sizeof swapped,
                                             .node = moved[i].node,
                                             .subtask = moved[i].subtask,
                                             .moved = moved[i].has_moved,
                                             .entries = moved[i].entries,
                                             .pause_ns = moved[i].pause_ns,
                                             .copied_ns = moved[i].copy_ns};
        visit(arg, &swapped);
    }
}

static weir_status swap(struct weir_job *job, const char *node, struct weir_state_config *config, weir_swapped_visit *visit,
                        void *arg, struct weir_error *error)
{
    struct weir_saving *saving;
    const char *none;
    struct weir_run *run = weir__job_look(job);
    if (!run) return begin_there(job, node, config, error);
    struct weir__chosen *chosen = remember(job, node, config, false);
    weir_status s = weir_run_swap_state(run, node, config, &saving, error);
    weir__job_looked(job);
    if (s != WEIR_OK) return s;
    weir_saving_wait(saving, -1);
    s = weir_saving_result(saving, &none, error);
    tell(saving, visit, arg);
    weir_saving_release(saving);
    weir_lock_take(&job->lock);
    chosen->counts = s == WEIR_OK;
    weir_lock_leave(&job->lock);
    return s;
}

weir_status weir_job_swap_state(struct weir_job *job, const struct weir_swap_options *o, weir_swapped_visit *visit,
                                void *arg, struct weir_error_text *error)
{
    static const struct weir__options_shape shape = {"weir_swap_options", sizeof *o, sizeof *o};
    struct weir_error e = {0};
    struct weir_swap_options own;
    struct weir_problems problems = {0};
    weir_status s = weir__options_read(&own, &shape, o, &e);
    if (s == WEIR_OK && !own.backend) s = weir_error_set(&e, WEIR_E_CONFIG, "weir_swap_options.backend is not set");
    if (s == WEIR_OK && !job->graph) s = weir_error_set(&e, WEIR_E_CONFIG, "the job has not been checked yet");
    if (s != WEIR_OK) return weir__report(s, &e, error);
    struct weir_state_config *config = compile(job, &own, &problems);
    if (config)
        s = weir__report(swap(job, own.node, config, visit, arg, &e), &e, error);
    else
        s = weir__report_problems(&problems, job->json, WEIR_E_CONFIG, error);
    weir_problems_finish(&problems);
    return s;
}
