/* real.c - plugin tests on the runtime: `real_host heap|leveldb FOLDER CASE`. A restart is a cut and a restore. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "harness/op_env.h"
#include "harness/rows_text.h"
#include "mock_host/case.h"
#include "operator/backend.h"
#include "operator/ops.h"
#include "window/window_op.h"

struct real {
    const struct plugin_case *c;
    struct weir_op_stage s;
    struct weir_schema *in[2], *outs[CASE_MOST];
    struct weir_stream_node *node;
    struct weir_state_config in_leveldb;
    struct weir_op_backend backend;
    struct weir_op *op;
    int64_t watermark;
    struct weir_text text;
    struct weir_error error;
};

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(2);
}

/* ---- the node ---------------------------------------------------------------------------------------------------- */

static struct weir_schema *schema_of(const char *text)
{
    struct weir_schema_text parsed;
    struct weir_error error;
    struct weir_schema_builder b = {0};
    if (weir_schema_text_parse(text, false, &parsed, &error) != WEIR_OK) give_up(error.text);
    for (size_t i = 0; i < parsed.n; i++)
        weir_schema_builder_add(&b, parsed.items[i].name, parsed.items[i].type, parsed.items[i].nullable);
    weir_schema_text_finish(&parsed);
    return weir_schema_build(&b);
}

/* Names with commas between them, as fields of a schema. */
static uint32_t *fields_of(struct weir_schema *in, const char *names, uint32_t *n)
{
    uint32_t *fields = NULL;
    char *copy = weir_strdup(names), *rest = copy;
    *n = 0;
    for (char *name; (name = strsep(&rest, ", "));) {
        if (!*name) continue;
        int32_t at = weir_schema_find(in, name);
        if (at < 0) give_up(name);
        fields = weir_realloc_array(fields, *n, *n + 1, sizeof *fields);
        fields[(*n)++] = (uint32_t)at;
    }
    weir_free(copy);
    return fields;
}

static void bind(const struct weir_schema_text *text, struct weir_schema *in, const char *first, uint32_t **args,
                 uint32_t *n)
{
    bool all = text->n == 1 && text->items[0].kind == WEIR_ITEM_ALL;
    *n = all ? weir_schema_count(in) : (uint32_t)text->n;
    *args = weir_alloc_array(*n + 1, sizeof **args);
    for (uint32_t i = 0; i < *n; i++) {
        const char *name = i == 0 && first ? first : text->items[i].name;
        int32_t at = all ? (int32_t)i : weir_schema_find(in, name);
        if (at < 0) give_up(name);
        (*args)[i] = (uint32_t)at;
    }
}

static void set_options(struct real *r, struct weir_part_spec *part)
{
    for (size_t i = 0; i < r->c->n_options; i++) {
        uint32_t o = 0;
        while (o < part->info->n_options && strcmp(part->info->options[o].name, r->c->options[i]) != 0) o++;
        if (o == part->info->n_options) give_up(r->c->options[i]);
        if (part->info->options[o].type == WEIR_OPT_FIELD) {
            int32_t at = weir_schema_find(r->in[0], r->c->values[i]);
            part->values[o] = (struct weir_option_value){.set = true, .index = at};
        } else {
            weir_op_stage_option(part, r->c->options[i], r->c->values[i]);
        }
    }
}

/* first: what the component's first field is; NULL: all are bound by name. */
static void bind_inputs(struct real *r, struct weir_part_spec *part, struct weir_schema *in, const char *first,
                        uint32_t **args, uint32_t *n_args)
{
    struct weir_named_schema *texts;
    struct weir_error error;
    size_t n;
    if (!part->info->in) return;
    if (weir_inputs_parse(part->info->in, &texts, &n, &error) != WEIR_OK) give_up(error.text);
    bind(&texts[0].schema, in, first, args, n_args);
    if (n == 2) bind(&texts[1].schema, r->in[1], NULL, &r->node->second->args, &r->node->second->n_args);
    weir_named_schemas_finish(texts, n);
}

static void set_duration(struct weir_part_spec *part, const char *option, int64_t ms)
{
    char text[32];
    snprintf(text, sizeof text, "%lldms", (long long)ms);
    weir_op_stage_option(part, option, text);
}

/* The field may have a type behind its name. */
static struct weir_part_spec *add_aggregate(struct real *r, const struct case_result *result)
{
    struct weir_window_config *w = &r->node->window;
    w->aggregates = weir_realloc_array(w->aggregates, w->n_aggregates, w->n_aggregates + 1, sizeof *w->aggregates);
    struct weir_aggregate_config *a = &w->aggregates[w->n_aggregates++];
    *a = (struct weir_aggregate_config){.name = weir_format("%.*s", (int)strcspn(result->field, ":"), result->field),
                                        .part = weir_op_stage_part(&r->s, WEIR_AGGREGATE, result->aggregate)};
    bind_inputs(r, a->part, r->in[0], result->arg, &a->args, &a->n_args);
    return a->part;
}

static void add_function(struct real *r)
{
    struct weir_window_config *w = &r->node->window;
    for (size_t i = 0; i < r->c->n_results; i++) add_aggregate(r, &r->c->results[i]);
    if (r->c->n_results > 0) w->aggregated = schema_of(case_seen(r->c));
    w->function = weir_op_stage_part(&r->s, WEIR_WINDOW_FUNCTION, r->c->component);
    set_options(r, w->function);
    bind_inputs(r, w->function, w->aggregated ? w->aggregated : r->in[0], NULL, &w->function_args, &w->n_function_args);
}

static void make_window(struct real *r)
{
    const struct plugin_case *c = r->c;
    struct weir_window_config *w = &r->node->window;
    bool slides = c->slide_ms != c->window_ms;
    w->assigner = weir_op_stage_part(&r->s, WEIR_WINDOW_ASSIGNER, slides ? "sliding" : "tumbling");
    set_duration(w->assigner, "size", c->window_ms);
    if (slides) set_duration(w->assigner, "slide", c->slide_ms);
    w->trigger = weir_op_stage_part(&r->s, WEIR_TRIGGER, "event_time");
    w->lateness_ms = c->lateness_ms;
    w->periodic = c->kind == CASE_AGGREGATE;
    if (c->kind == CASE_FUNCTION)
        add_function(r);
    else
        set_options(r, add_aggregate(r, &(struct case_result){"result", c->component, NULL}));
}

static void make_node(struct real *r)
{
    static const enum weir_node_kind kinds[] = {[CASE_OPERATOR] = WEIR_NODE_OPERATOR,
                                                [CASE_REDUCER] = WEIR_NODE_REDUCE,
                                                [CASE_AGGREGATE] = WEIR_NODE_WINDOW,
                                                [CASE_FUNCTION] = WEIR_NODE_WINDOW};
    const struct plugin_case *c = r->c;
    for (int i = 0; i < 2; i++) r->in[i] = c->in[i] ? schema_of(c->in[i]) : NULL;
    r->node = weir_op_stage_node(&r->s, kinds[c->kind], r->in[0]);
    for (size_t i = 0; i < c->n_outs; i++) {
        r->outs[i] = schema_of(c->outs[i]);
        weir_op_stage_output(r->node, i ? "side" : "", r->outs[i]);
    }
    if (c->key[0]) r->node->key_fields = fields_of(r->in[0], c->key[0], &r->node->n_key_fields);
    if (c->in[1]) {
        struct weir_node_input *second = r->node->second = weir_alloc(sizeof *second);
        second->in = weir_schema_retain(r->in[1]);
        if (c->key[1]) second->key_fields = fields_of(r->in[1], c->key[1], &second->n_key_fields);
    }
    if (c->kind == CASE_AGGREGATE || c->kind == CASE_FUNCTION) {
        make_window(r);
        return;
    }
    r->node->part = weir_op_stage_part(&r->s, c->kind == CASE_REDUCER ? WEIR_REDUCER : WEIR_OPERATOR, c->component);
    set_options(r, r->node->part);
    bind_inputs(r, r->node->part, r->in[0], NULL, &r->node->args, &r->node->n_args);
}

/* ---- the operator ------------------------------------------------------------------------------------------------ */

static bool failed(struct real *r, weir_status s)
{
    const struct weir_error *of_state = weir_op_state_failure(r->op);
    if (s >= 0 && !of_state) return false;
    const char *text = of_state ? of_state->text : r->op->error.text;
    weir_text_add(&r->text, "failed: %.*s\n", (int)strcspn(text, "\n"), text);
    return true;
}

static void take(struct real *r)
{
    weir_test_drain(&r->text, r->op, r->outs);
}

static weir_status start(struct real *r, const struct weir_snapshot *from)
{
    struct weir_error error = {0};
    const struct plugin_case *c = r->c;
    if (weir_op_backend_open(&r->backend, &r->s.env, &error) != WEIR_OK) give_up(error.text);
    r->op = c->kind == CASE_OPERATOR  ? weir_plugin_op_create(r->node, &r->s.env, r->s.registry, "node 'x'", &error)
            : c->kind == CASE_REDUCER ? weir_reduce_op_create(r->node, &r->s.env, r->s.registry, "node 'x'", &error)
                                      : weir_window_op_create(r->node, &r->s.env, r->s.registry, "node 'x'", &error);
    if (!r->op) give_up(error.text);
    r->op->now_ms = r->s.now_ms;
    if (from && r->op->class->restore(r->op, from, 1) < 0) give_up(r->op->error.text);
    r->op->watermark = INT64_MIN;
    weir_status s = r->op->class->open ? r->op->class->open(r->op) : WEIR_OK;
    take(r);
    return s;
}

static void stop(struct real *r)
{
    if (r->op->class->close) r->op->class->close(r->op);
    r->op->class->destroy(r->op);
    const struct weir_state_config *config = r->backend.config;
    weir_op_backend_finish(&r->backend, &r->s.platform);
    r->backend = (struct weir_op_backend){.config = config, .registry = r->s.registry};
}

static weir_status watermark(struct real *r, int64_t at)
{
    weir_status s = WEIR_MORE;
    r->op->watermark = r->watermark = at;
    while (s == WEIR_MORE && r->op->class->watermark) {
        s = r->op->class->watermark(r->op, at);
        take(r);
    }
    return s == WEIR_MORE ? WEIR_OK : s;
}

static weir_status restart(struct real *r)
{
    struct weir_snapshot all = {0};
    weir_status s = r->op->class->snapshot ? r->op->class->snapshot(r->op, 1, &all) : WEIR_OK;
    take(r);
    while (s >= 0 && all.pending) s = weir_snapshot_read(&all, &r->op->error);
    if (s >= 0 && r->op->class->committed) s = r->op->class->committed(r->op, 1);
    if (s >= 0) {
        stop(r);
        s = start(r, &all);
        if (s >= 0 && r->watermark != INT64_MIN) s = watermark(r, r->watermark);
    }
    weir_snapshot_finish(&all);
    return s;
}

static weir_status clock_to(struct real *r, int64_t now)
{
    weir_status s = WEIR_OK;
    r->s.now_ms = r->op->now_ms = now;
    while (s >= 0 && r->op->next_due_ms <= now && r->op->class->processing_time) {
        do {
            s = r->op->class->processing_time(r->op, now);
            take(r);
        } while (s == WEIR_MORE);
    }
    return s;
}

static weir_status rows(struct real *r, const struct case_step *step)
{
    const struct weir_node_input *second = step->input ? r->node->second : NULL;
    const uint32_t *key = second ? second->key_fields : r->node->key_fields;
    uint32_t n_key = second ? second->n_key_fields : r->node->n_key_fields;
    struct weir_rows *batch = n_key > 0
                                  ? weir_test_keyed_rows(r->s.env.pool, r->in[step->input], step->rows, key, n_key, 128)
                                  : weir_test_rows(r->s.env.pool, r->in[step->input], step->rows);
    int64_t row = 0;
    weir_status s;
    do {
        s = r->op->class->rows(r->op, step->input, batch, &row);
        take(r);
    } while (s == WEIR_MORE);
    weir_rows_release(batch);
    return s;
}

static weir_status finish(struct real *r)
{
    weir_status s = WEIR_MORE;
    while (s == WEIR_MORE && r->op->class->finish) {
        s = r->op->class->finish(r->op);
        take(r);
    }
    return s;
}

static weir_status run_step(struct real *r, const struct case_step *step)
{
    switch (step->kind) {
    case STEP_ROWS: return rows(r, step);
    case STEP_WATERMARK: return watermark(r, step->at);
    case STEP_CLOCK: return clock_to(r, step->at);
    case STEP_RESTART: return restart(r);
    case STEP_END: return finish(r);
    }
    return WEIR_OK;
}

static void use_leveldb(struct real *r, const char *folder)
{
    r->in_leveldb = (struct weir_state_config){.backend = weir_op_stage_part(&r->s, WEIR_STATE_BACKEND, "leveldb"),
                                               .name = weir_strdup("leveldb"),
                                               .directory = weir_format("%s/%s", folder, r->c->component),
                                               .cache_bytes = 4096};
    r->backend.config = &r->in_leveldb;
}

int main(int argc, char **argv)
{
    if (argc != 4) give_up("usage: real_host heap|leveldb FOLDER CASE");
    struct plugin_case *c = case_read(argv[3]);
    struct real r = {.c = c, .watermark = INT64_MIN};
    weir_op_stage_init(&r.s);
    r.s.now_ms = 0;
    r.s.env.batch_rows = 2; /* so that outputs get full, and callbacks go on after MORE */
    r.backend.registry = r.s.registry;
    r.s.env.backend = &r.backend;
    if (strcmp(argv[1], "leveldb") == 0) use_leveldb(&r, argv[2]);
    make_node(&r);
    weir_status s = start(&r, NULL);
    bool over = failed(&r, s);
    for (size_t i = 0; i < c->n_steps && !over; i++) over = failed(&r, run_step(&r, &c->steps[i]));
    stop(&r);
    struct lines found = {0};
    lines_add_bytes(&found, weir_text_get(&r.text), r.text.n);
    int result = case_compare(c, argv[1], &found);
    lines_free(&found);
    weir_text_finish(&r.text);
    weir_part_spec_destroy(r.in_leveldb.backend); /* before the registry, whose options it has */
    weir_op_stage_finish(&r.s);
    for (int i = 0; i < 2; i++) weir_schema_release(r.in[i]);
    for (size_t i = 0; i < c->n_outs; i++) weir_schema_release(r.outs[i]);
    weir_free(r.in_leveldb.name);
    weir_free(r.in_leveldb.directory);
    case_free(c);
    return result;
}
