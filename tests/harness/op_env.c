/* op_env.c - see the header. */
#include "harness/op_env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static int64_t wall_ms(void *self)
{
    return ((struct weir_op_stage *)self)->now_ms;
}
static int64_t monotonic_ns(void *self)
{
    return ((struct weir_op_stage *)self)->now_ms * 1000000;
}
static uint64_t no_random(void *self)
{
    (void)self;
    return 4;
}

static void must(weir_status status, const struct weir_error *error)
{
    if (status == WEIR_OK) return;
    fprintf(stderr, "%s\n", error->text);
    abort();
}

void weir_op_stage_init(struct weir_op_stage *s)
{
    static const char *const directories[] = {WEIR_BUILD_DIR "/plugins", WEIR_BUILD_DIR "/tests/plugins/toys", NULL};
    struct weir_error error = {0};
    *s = (struct weir_op_stage){.platform = *weir_platform_os(), .graph = weir_stream_graph_create()};
    s->platform.self = s;
    s->platform.wall_ms = wall_ms;
    s->platform.monotonic_ns = monotonic_ns;
    s->platform.random = no_random;
    struct weir_registry_options o = {
        .platform = weir_platform_os(), .directories = directories, .helper = WEIR_BUILD_DIR "/bin/weir"};
    must(weir_registry_create(&o, &s->registry, &error), &error);
    s->env = (struct weir_op_env){.platform = &s->platform,
                                  .pool = weir_pool_create(),
                                  .job = "test",
                                  .node = "node",
                                  .base_dir = ".",
                                  .parallelism = 1,
                                  .max_parallelism = 128,
                                  .batch_rows = 1024,
                                  .overflow_bytes = (size_t)64 << 20};
}

void weir_op_stage_finish(struct weir_op_stage *s)
{
    weir_stream_graph_destroy(s->graph, weir_part_spec_destroy);
    weir_registry_destroy(s->registry);
    weir_pool_close(s->env.pool);
}

struct weir_stream_node *weir_op_stage_node(struct weir_op_stage *s, enum weir_node_kind kind, struct weir_schema *in)
{
    struct weir_stream_node *n = weir_stream_graph_add_node(s->graph, kind, "node", "node");
    n->parallelism = 1;
    n->max_parallelism = 128;
    if (in) n->in = weir_schema_retain(in);
    return n;
}

void weir_op_stage_output(struct weir_stream_node *n, const char *name, struct weir_schema *schema)
{
    n->outputs = weir_realloc_array(n->outputs, n->n_outputs, n->n_outputs + 1, sizeof *n->outputs);
    n->outputs[n->n_outputs++] = (struct weir_output_port){.name = weir_strdup(name), .schema = weir_schema_retain(schema)};
}

void weir_op_stage_key(struct weir_stream_node *n, const char *field)
{
    n->key_fields = weir_realloc_array(n->key_fields, n->n_key_fields, n->n_key_fields + 1, sizeof *n->key_fields);
    int32_t at = weir_schema_find(n->in, field);
    WEIR_ASSERT(at >= 0);
    n->key_fields[n->n_key_fields++] = (uint32_t)at;
}

struct weir_part_spec *weir_op_stage_part(struct weir_op_stage *s, weir_kind kind, const char *name)
{
    struct weir_error error = {0};
    const struct weir_component_info *info = weir_registry_find(s->registry, kind, name, &error);
    must(info ? WEIR_OK : WEIR_E_PLUGIN, &error);
    return weir_part_spec_create(info);
}

void weir_op_stage_option(struct weir_part_spec *part, const char *option, const char *value)
{
    struct weir_error error = {0};
    for (uint32_t i = 0; i < part->info->n_options; i++) {
        if (strcmp(part->info->options[i].name, option) != 0) continue;
        must(weir_option_parse(&part->info->options[i], value, &part->values[i], &error), &error);
        return;
    }
    WEIR_ASSERT(!"no such option");
}

struct weir_part_spec *weir_op_stage_around(struct weir_op_stage *s, weir_kind kind, const char *name,
                                            struct weir_part_spec *inner)
{
    struct weir_part_spec *part = weir_op_stage_part(s, kind, name);
    for (uint32_t i = 0; i < part->info->n_options; i++) {
        if (part->info->options[i].type != WEIR_OPT_COMPONENT) continue;
        part->values[i].set = true;
        part->values[i].part = inner;
    }
    return part;
}

struct weir_aggregate_config *weir_op_stage_aggregate(struct weir_op_stage *s, struct weir_stream_node *node,
                                                      const char *name, const char *component, int input)
{
    struct weir_window_config *w = &node->window;
    w->aggregates = weir_realloc_array(w->aggregates, w->n_aggregates, w->n_aggregates + 1, sizeof *w->aggregates);
    struct weir_aggregate_config *a = &w->aggregates[w->n_aggregates++];
    *a = (struct weir_aggregate_config){.name = weir_strdup(name)};
    if (component) a->part = weir_op_stage_part(s, WEIR_AGGREGATE, component);
    if (input < 0) return a;
    a->args = weir_alloc_array(1, sizeof *a->args);
    a->args[a->n_args++] = (uint32_t)input;
    return a;
}
