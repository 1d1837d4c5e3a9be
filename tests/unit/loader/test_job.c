/* From manifests to stream graphs: what the nodes and edges hold. tests/manifests/good.yaml has one of everything. */
#include "loader/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "harness/suite.h"
#include "loader/part.h"

static struct weir_registry *registry;

static void open_registry(void)
{
    static const char *const directories[] = {WEIR_BUILD_DIR "/tests/manifests", NULL};
    struct weir_registry_options options = {.platform = weir_platform_os(), .directories = directories};
    struct weir_error error;
    if (weir_registry_create(&options, &registry, &error) != WEIR_OK) fprintf(stderr, "%s\n", error.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(registry);
}

/* Compiles; prints what is wrong if anything is. */
static struct weir_stream_graph *compile_with(struct weir_document *document, const struct weir_job_settings *settings,
                                              struct weir_problems *problems)
{
    struct weir_stream_graph *graph = NULL;
    weir_status s = document ? weir_job_compile(document, settings, registry, &graph, problems) : WEIR_E_CONFIG;
    if (s != WEIR_OK) {
        struct weir_text out = {0};
        weir_problems_print(problems, &out);
        fprintf(stderr, "\n%s", weir_text_get(&out));
        weir_text_finish(&out);
    }
    weir_problems_finish(problems);
    weir_document_destroy(document);
    CU_ASSERT_PTR_NOT_NULL_FATAL(graph);
    return graph;
}

static struct weir_stream_graph *compile(const char *text, const struct weir_job_settings *settings)
{
    struct weir_problems problems = {0};
    if (!registry) open_registry();
    return compile_with(
        weir_document_parse(weir_platform_os(), text, strlen(text), "job.yaml", "/base", NULL, 0, NULL, 0, &problems),
        settings, &problems);
}

static struct weir_stream_graph *good(void)
{
    struct weir_problems problems = {0};
    if (!registry) open_registry();
    return compile_with(
        weir_document_read(weir_platform_os(), WEIR_SOURCE_DIR "/tests/manifests/good.yaml", NULL, 0, NULL, 0, &problems),
        NULL, &problems);
}

static void done(struct weir_stream_graph *graph)
{
    weir_stream_graph_destroy(graph, weir_part_spec_destroy);
    weir_registry_destroy(registry);
    registry = NULL;
}

static const struct weir_stream_node *node(const struct weir_stream_graph *g, const char *id)
{
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        if (strcmp(g->nodes[i]->id, id) == 0) return g->nodes[i];
    }
    fprintf(stderr, "no node '%s'\n", id);
    CU_FAIL_FATAL("no such node");
    return NULL;
}

static const struct weir_stream_edge *edge(const struct weir_stream_graph *g, const char *from, const char *to)
{
    for (uint32_t i = 0; i < g->n_edges; i++) {
        if (strcmp(g->nodes[g->edges[i]->from]->id, from) == 0 && strcmp(g->nodes[g->edges[i]->to]->id, to) == 0)
            return g->edges[i];
    }
    fprintf(stderr, "no edge from '%s' to '%s'\n", from, to);
    CU_FAIL_FATAL("no such edge");
    return NULL;
}

static void expect_schema(const struct weir_schema *schema, const char *expected)
{
    struct weir_text text = {0};
    weir_text_add_schema(&text, schema);
    if (strcmp(weir_text_get(&text), expected) != 0)
        fprintf(stderr, "\nexpected (%s), found (%s)\n", expected, weir_text_get(&text));
    CU_ASSERT_STRING_EQUAL(weir_text_get(&text), expected);
    weir_text_finish(&text);
}

#define CLICKS "user: string, page: string, amount: f64, tip: f64?, n: i32, at: timestamp, raw: bytes, extra: any?"

/* ---- the whole ------------------------------------------------------------------------------------------------------ */

static void defaults_reach_the_graph(void)
{
    struct weir_stream_graph *g = good();
    CU_ASSERT_STRING_EQUAL(g->job, "shop");
    CU_ASSERT_EQUAL(g->batch_rows, 64);
    CU_ASSERT_EQUAL(g->channel_batches, 4);
    CU_ASSERT_EQUAL(g->overflow_bytes, 1 << 20);
    CU_ASSERT_TRUE(g->chaining);
    CU_ASSERT_EQUAL(node(g, "orders")->parallelism, 2);
    CU_ASSERT_EQUAL(node(g, "clicks")->parallelism, 1);
    CU_ASSERT_EQUAL(node(g, "orders")->max_parallelism, 128);
    done(g);
}

static void nodes_stand_in_topological_order(void)
{
    struct weir_stream_graph *g =
        compile("job: j\nnodes:\n  - {id: out, from: b, sink: print}\n  - {id: b, from: [a, c], filter: big}\n"
                "  - {id: a, source: clicks}\n  - {id: c, from: a, filter: big}\n",
                NULL);
    CU_ASSERT_EQUAL_FATAL(g->n_nodes, 4);
    static const char *const order[] = {"a", "c", "b", "out"};
    for (uint32_t i = 0; i < 4; i++) {
        CU_ASSERT_STRING_EQUAL(g->nodes[i]->id, order[i]);
        CU_ASSERT_EQUAL(g->nodes[i]->index, i);
    }
    for (uint32_t i = 0; i < g->n_edges; i++) CU_ASSERT(g->edges[i]->from < g->edges[i]->to);
    CU_ASSERT_STRING_EQUAL(g->nodes[g->edges[1]->from]->id, "a"); /* the author's order of inputs */
    CU_ASSERT_STRING_EQUAL(g->nodes[0]->place, "job.yaml:5:5");
    done(g);
}

static void steps_become_nodes_that_share_the_uid(void)
{
    struct weir_stream_graph *g = good();
    CU_ASSERT_EQUAL(node(g, "taxed.filter")->kind, WEIR_NODE_OPERATOR);
    CU_ASSERT_STRING_EQUAL(node(g, "taxed")->title, "map vat");
    CU_ASSERT_EQUAL(node(g, "taxed.select")->kind, WEIR_NODE_SELECT);
    CU_ASSERT_STRING_EQUAL(node(g, "taxed.filter")->uid, "taxed");
    CU_ASSERT_STRING_EQUAL(node(g, "taxed.select")->uid, "taxed");
    CU_ASSERT_STRING_EQUAL(node(g, "taxed")->slot_group, "blue");
    CU_ASSERT_STRING_EQUAL(node(g, "taxed.select")->slot_group, "blue");
    CU_ASSERT_PTR_NULL(node(g, "orders")->slot_group);
    CU_ASSERT_EQUAL(node(g, "retimed.time")->kind, WEIR_NODE_TIME);
    CU_ASSERT_STRING_EQUAL(node(g, "retimed")->title, "filter fresh");
    CU_ASSERT_EQUAL(node(g, "hourly.key")->kind, WEIR_NODE_OPERATOR);
    CU_ASSERT_STRING_EQUAL(node(g, "hourly")->title, "window sliding 1h by 10min");
    CU_ASSERT_EQUAL(node(g, "all")->kind, WEIR_NODE_SELECT);
    CU_ASSERT_STRING_EQUAL(node(g, "all")->title, "union");
    done(g);
}

/* ---- expressions ---------------------------------------------------------------------------------------------------- */

static void expressions_become_nodes_of_their_own(void)
{
    struct weir_stream_graph *g = compile("job: shop\n"
                                          "nodes:\n"
                                          "  - {id: in, source: clicks, time: {field: at, monotonous: true}}\n"
                                          "  - id: big\n"
                                          "    from: in\n"
                                          "    filter: amount > 1\n"
                                          "    set: {user: \"length(user)\", net: \"amount - coalesce(tip, 0.0)\"}\n"
                                          "    errors: side_output\n"
                                          "    select: {who: user, net: net}\n"
                                          "  - id: sums\n"
                                          "    from: in\n"
                                          "    key_by: {who: lower(user)}\n"
                                          "    window: {tumbling: 1h}\n"
                                          "    aggregate: {a: sum(amount * 2), b: sum(amount * 2), c: sum(tip)}\n"
                                          "  - {id: errors, from: big.errors, sink: print}\n"
                                          "  - {id: out, from: [big], sink: print}\n"
                                          "  - {id: sums_out, from: sums, sink: print}\n",
                                          NULL);
    const struct weir_stream_node *n = node(g, "big");
    CU_ASSERT_EQUAL(n->kind, WEIR_NODE_EXPR);
    CU_ASSERT_EQUAL(n->malformed, WEIR_MALFORMED_SIDE_OUTPUT);
    CU_ASSERT_STRING_EQUAL(n->condition, "amount > 1");
    CU_ASSERT_STRING_EQUAL(n->title, "filter amount > 1, set user, set net");
    expect_schema(n->outputs[0].schema,
                  "user: i64, page: string, amount: f64, tip: f64?, n: i32, at: timestamp, raw: bytes, "
                  "extra: any?, net: f64");
    expect_schema(n->outputs[1].schema,
                  "user: string, page: string, amount: f64, tip: f64?, n: i32, at: timestamp, raw: bytes, "
                  "extra: any?, error: string");
    CU_ASSERT_STRING_EQUAL(n->computed[0].expression, "length(user)");
    CU_ASSERT_EQUAL(n->computed[1].field, 1);
    CU_ASSERT_EQUAL(node(g, "big.select")->kind, WEIR_NODE_SELECT); /* plain names stay uncopied */
    n = node(g, "sums");
    CU_ASSERT_EQUAL(node(g, "sums.key")->kind, WEIR_NODE_EXPR);
    CU_ASSERT_EQUAL(edge(g, "sums.key", "sums.arguments")->partition, WEIR_PARTITION_KEY);
    CU_ASSERT_EQUAL(n->key_fields[0], 8);
    CU_ASSERT_EQUAL(n->window.aggregates[0].args[0], 9);
    CU_ASSERT_EQUAL(n->window.aggregates[1].args[0], 9); /* the same expression is computed once */
    CU_ASSERT_EQUAL(n->window.aggregates[2].args[0], 3);
    expect_schema(n->outputs[0].schema, "who: string, a: f64?, b: f64?, c: f64?");
    done(g);
}

/* ---- sources -------------------------------------------------------------------------------------------------------- */

static void a_source_has_its_schema_time_and_rejects(void)
{
    struct weir_stream_graph *g = good();
    const struct weir_stream_node *n = node(g, "orders");
    CU_ASSERT_EQUAL(n->kind, WEIR_NODE_SOURCE);
    CU_ASSERT_EQUAL_FATAL(n->n_outputs, 2);
    expect_schema(n->outputs[0].schema, "user: string, amount: f64?, page: string, at: timestamp");
    CU_ASSERT_STRING_EQUAL(n->outputs[1].name, "malformed");
    expect_schema(n->outputs[1].schema, "raw: bytes, file: string, offset: i64, reason: string");
    CU_ASSERT_EQUAL(n->malformed, WEIR_MALFORMED_SIDE_OUTPUT);
    CU_ASSERT_TRUE(n->time.present);
    CU_ASSERT_EQUAL(n->time.field, 3);
    CU_ASSERT_EQUAL(n->time.interval_ms, 50);
    CU_ASSERT_EQUAL(n->time.idle_after_ms, 60000);
    CU_ASSERT_FALSE(n->time.every_record);
    CU_ASSERT_STRING_EQUAL(n->time.generator->info->id, "bounded_out_of_orderness");
    CU_ASSERT_EQUAL(weir_part_option(n->time.generator, "delay")->i64, 5000);
    n = node(g, "clicks");
    CU_ASSERT_EQUAL(n->time.interval_ms, 1000);
    CU_ASSERT_TRUE(n->time.every_record);
    CU_ASSERT_STRING_EQUAL(n->time.generator->info->id, "monotonous");
    CU_ASSERT_FALSE(node(g, "line")->time.present);
    expect_schema(node(g, "line")->outputs[0].schema, "line: string");
    CU_ASSERT_EQUAL(edge(g, "orders", "rejected")->from_port, 1);
    done(g);
}

static void options_are_parsed_by_their_types(void)
{
    struct weir_stream_graph *g = good();
    const struct weir_part_spec *p = node(g, "line")->part;
    CU_ASSERT_STRING_EQUAL(weir_part_option(p, "path")->string, "/logs/x");
    CU_ASSERT_EQUAL(weir_part_option(p, "limit")->i64, 3);
    CU_ASSERT_EQUAL(weir_part_option(p, "gap")->i64, 2000);
    CU_ASSERT_EQUAL(weir_part_option(p, "buffer")->i64, 1024);
    CU_ASSERT_EQUAL(weir_part_option(p, "share")->f64, 0.25);
    CU_ASSERT_TRUE(weir_part_option(p, "verbose")->boolean);
    CU_ASSERT_EQUAL(weir_part_option(p, "mode")->index, 1);
    CU_ASSERT_EQUAL_FATAL(weir_part_option(p, "names")->list.n, 2);
    CU_ASSERT_STRING_EQUAL(weir_part_option(p, "names")->list.items[1], "b,c");
    CU_ASSERT_STRING_EQUAL(weir_part_option(p, "token")->string, "t");
    CU_ASSERT_STRING_EQUAL(weir_part_option(p, "format")->part->info->id, "text"); /* the default, of the registry */
    p = node(g, "orders")->part;
    CU_ASSERT_FALSE(weir_part_option(p, "names")->set);
    CU_ASSERT_TRUE(weir_part_option(weir_part_option(p, "format")->part, "header")->boolean);
    CU_ASSERT_STRING_EQUAL(weir_part_option(p, "path")->string, WEIR_SOURCE_DIR "/tests/manifests/data/orders.csv");
    done(g);
}

static void paths_are_relative_to_where_they_are_written(void)
{
    static const char text[] =
        "job: j\nvars: {in: x, name: n}\nnodes:\n  - {id: a, source: {lines: {path: \"${in}/y\"}}}\n"
        "  - {id: b, source: {lines: {path: \"z/${name}\"}}}\n  - {id: out, from: [a, b], sink: print}\n";
    const struct weir_assignment sets[] = {{"in", "../here"}, {"name", "m"}};
    struct weir_problems problems = {0};
    open_registry();
    struct weir_document *d =
        weir_document_parse(weir_platform_os(), text, strlen(text), "job.yaml", "/base", sets, 2, NULL, 0, &problems);
    struct weir_stream_graph *g = compile_with(d, NULL, &problems);
    CU_ASSERT_STRING_EQUAL(weir_part_option(node(g, "a")->part, "path")->string,
                           "../here/y"); /* the command line's folder */
    CU_ASSERT_STRING_EQUAL(weir_part_option(node(g, "b")->part, "path")->string, "/base/z/m"); /* the manifest's */
    done(g);
}

/* ---- schemas, arguments --------------------------------------------------------------------------------------------- */

static void schemas_are_inferred(void)
{
    struct weir_stream_graph *g = good();
    expect_schema(node(g, "clicks")->outputs[0].schema, CLICKS);
    expect_schema(node(g, "words")->outputs[0].schema, "word: string");
    expect_schema(node(g, "scored")->outputs[0].schema, "user: string, n: i32, score: f64");
    expect_schema(node(g, "running")->outputs[0].schema, CLICKS);
    expect_schema(node(g, "numbered")->outputs[0].schema, CLICKS ", seen: i64");
    expect_schema(node(g, "last")->outputs[0].schema, CLICKS);
    expect_schema(node(g, "wide")->outputs[0].schema, CLICKS ", top: i64");
    expect_schema(node(g, "sorted")->outputs[1].schema, CLICKS);
    expect_schema(node(g, "sorted")->outputs[2].schema, "user: string, why: string");
    CU_ASSERT_STRING_EQUAL(node(g, "sorted")->outputs[2].name, "alerts");
    CU_ASSERT_EQUAL(edge(g, "sorted", "alerts")->from_port, 2);
    done(g);
}

static void a_map_of_a_null_gives_null(void)
{
    struct weir_stream_graph *g = good();
    expect_schema(node(g, "all")->outputs[0].schema,
                  "user: string, amount: f64?, page: string, at: timestamp"); /* null in both of the union */
    expect_schema(node(g, "taxed")->outputs[0].schema, "user: string, amount: f64?, page: string, at: timestamp, tax: f64?");
    done(g);
    g = compile(
        "job: j\nnodes:\n  - {id: a, source: clicks}\n  - {id: b, from: a, map: vat}\n  - {id: out, from: b, sink: print}\n",
        NULL);
    expect_schema(node(g, "b")->outputs[0].schema, CLICKS ", tax: f64");
    done(g);
}

static void a_union_may_be_null_where_one_input_may(void)
{
    struct weir_stream_graph *g =
        compile("job: j\nnodes:\n  - {id: in, source: clicks}\n  - {id: a, from: in, select: {x: amount}}\n"
                "  - {id: b, from: in, select: {x: tip}}\n  - {id: u, from: [a, b]}\n  - {id: v, from: [b, a]}\n"
                "  - {id: out, from: [u, v], sink: print}\n",
                NULL);
    expect_schema(node(g, "a")->outputs[0].schema, "x: f64");
    expect_schema(node(g, "u")->outputs[0].schema, "x: f64?");
    expect_schema(node(g, "v")->outputs[0].schema, "x: f64?");
    done(g);
}

static void arguments_bind_by_name_position_and_star(void)
{
    struct weir_stream_graph *g = good();
    const struct weir_stream_node *n = node(g, "alerts");
    CU_ASSERT_EQUAL_FATAL(n->n_args, 2);
    CU_ASSERT_EQUAL(n->args[0], 0);
    CU_ASSERT_EQUAL(n->args[1], 1);
    n = node(g, "taxed");
    CU_ASSERT_EQUAL_FATAL(n->n_args, 1);
    CU_ASSERT_EQUAL(n->args[0], 1);
    n = node(g, "running");
    CU_ASSERT_EQUAL(n->n_args, 8);
    CU_ASSERT_EQUAL(weir_part_option(n->part, "field")->index, 2);
    CU_ASSERT_EQUAL(edge(g, "clicks", "sorted")->args[0], 1);
    CU_ASSERT_STRING_EQUAL(edge(g, "clicks", "sorted")->part->info->id, "by_user");
    done(g);
}

static void one_args_serves_all_components_of_a_node(void)
{
    struct weir_stream_graph *g =
        compile("job: j\nnodes:\n  - {id: a, source: clicks}\n"
                "  - {id: b, from: a, filter: big, map: vat, args: {amount: tip}}\n  - {id: out, from: b, sink: print}\n",
                NULL);
    CU_ASSERT_EQUAL(node(g, "b.filter")->args[0], 3);
    CU_ASSERT_EQUAL(node(g, "b")->args[0], 3);
    done(g);
}

static void select_picks_orders_and_renames(void)
{
    struct weir_stream_graph *g = good();
    const struct weir_stream_node *n = node(g, "taxed.select");
    expect_schema(n->outputs[0].schema, "who: string, tax: f64?, at: timestamp");
    CU_ASSERT_EQUAL_FATAL(n->n_picks, 3);
    CU_ASSERT_EQUAL(n->picks[0], 0);
    CU_ASSERT_EQUAL(n->picks[1], 4);
    CU_ASSERT_EQUAL(n->picks[2], 3);
    n = node(g, "all");
    CU_ASSERT_EQUAL(n->n_picks, 4);
    CU_ASSERT_EQUAL(n->picks[3], 3);
    done(g);
}

/* ---- keys, windows -------------------------------------------------------------------------------------------------- */

static void key_by_partitions_the_edge_before_the_keyed_step(void)
{
    struct weir_stream_graph *g = good();
    const struct weir_stream_edge *e = edge(g, "clicks", "scored");
    CU_ASSERT_EQUAL(e->partition, WEIR_PARTITION_KEY);
    CU_ASSERT_EQUAL_FATAL(e->n_key_fields, 2);
    CU_ASSERT_EQUAL(e->key_fields[0], 0);
    CU_ASSERT_EQUAL(e->key_fields[1], 4);
    CU_ASSERT_EQUAL(node(g, "scored")->n_key_fields, 2);
    CU_ASSERT_EQUAL(node(g, "scored")->key_fields[1], 4);
    CU_ASSERT_EQUAL(edge(g, "retimed.time", "retimed")->partition,
                    WEIR_PARTITION_KEY); /* a filter with state comes after key_by */
    CU_ASSERT_EQUAL(node(g, "retimed")->n_key_fields, 1);
    CU_ASSERT_EQUAL(edge(g, "clicks", "hourly.filter")->partition, WEIR_PARTITION_FORWARD); /* one without, before */
    CU_ASSERT_EQUAL(node(g, "hourly.filter")->parallelism, 1);                              /* of clicks */
    CU_ASSERT_EQUAL(node(g, "hourly.key")->parallelism, 1);
    CU_ASSERT_EQUAL(node(g, "hourly")->parallelism, 2);
    CU_ASSERT_EQUAL(node(g, "hourly.select")->parallelism, 2);
    CU_ASSERT_EQUAL(edge(g, "hourly.filter", "hourly.key")->partition, WEIR_PARTITION_FORWARD);
    CU_ASSERT_EQUAL(edge(g, "hourly.key", "hourly")->partition, WEIR_PARTITION_KEY);
    CU_ASSERT_EQUAL(edge(g, "hourly.key", "hourly")->key_fields[0], 8); /* the field that the selector adds */
    CU_ASSERT_EQUAL(edge(g, "hourly", "hourly.select")->partition, WEIR_PARTITION_FORWARD); /* once is enough */
    done(g);
}

static void windows_are_read(void)
{
    struct weir_stream_graph *g = good();
    const struct weir_window_config *w = &node(g, "hourly")->window;
    CU_ASSERT_TRUE(w->periodic);
    CU_ASSERT_STRING_EQUAL(w->assigner->info->id, "sliding");
    CU_ASSERT_STRING_EQUAL(w->trigger->info->id, "event_time");
    CU_ASSERT_EQUAL(weir_part_option(w->assigner, "size")->i64, 3600000);
    CU_ASSERT_EQUAL(weir_part_option(w->assigner, "slide")->i64, 600000);
    CU_ASSERT_EQUAL(weir_part_option(w->assigner, "offset")->i64, -300000);
    CU_ASSERT_EQUAL(w->lateness_ms, 60000);
    CU_ASSERT_TRUE(w->late_output);
    CU_ASSERT_EQUAL_FATAL(w->n_aggregates, 6);
    CU_ASSERT_EQUAL(w->aggregates[0].result, WEIR_RESULT_WINDOW_START);
    CU_ASSERT_EQUAL(w->aggregates[1].n_args, 0);
    CU_ASSERT_EQUAL(w->aggregates[3].args[0], 1);
    CU_ASSERT_EQUAL(w->aggregates[3].args[1], 2);
    CU_ASSERT_EQUAL(weir_part_option(w->aggregates[4].part, "q")->f64, 0.5);
    CU_ASSERT_EQUAL_FATAL(node(g, "hourly")->n_key_fields, 1);
    CU_ASSERT_EQUAL(node(g, "hourly")->key_fields[0], 8);
    expect_schema(node(g, "hourly")->outputs[0].schema,
                  "bucket: i32, start: timestamp, views: i64, total: f64?, cheapest: string, half: f64, end: timestamp");
    CU_ASSERT_STRING_EQUAL(node(g, "hourly")->outputs[1].name, "late");
    expect_schema(node(g, "hourly")->outputs[1].schema, CLICKS ", bucket: i32");
    expect_schema(node(g, "hourly.select")->outputs[0].schema, "bucket: i32, end: timestamp, total: f64?");
    CU_ASSERT_EQUAL(edge(g, "hourly", "late")->from_port, 1);
    CU_ASSERT_EQUAL(edge(g, "hourly.select", "rest")->from_port, 0);
    w = &node(g, "daily")->window;
    CU_ASSERT_TRUE(w->periodic);
    CU_ASSERT_STRING_EQUAL(w->assigner->info->id, "tumbling");
    CU_ASSERT_EQUAL(weir_part_option(w->assigner, "offset")->i64, -8 * 3600000);
    done(g);
}

/* ---- edges, parallelism --------------------------------------------------------------------------------------------- */

static void default_edges_follow_parallelism(void)
{
    struct weir_stream_graph *g = good();
    CU_ASSERT_EQUAL(edge(g, "line", "words")->partition, WEIR_PARTITION_FORWARD);
    CU_ASSERT_FALSE(edge(g, "line", "words")->explicit_partition);
    CU_ASSERT_EQUAL(edge(g, "clicks", "wide")->partition, WEIR_PARTITION_REBALANCE);
    CU_ASSERT_EQUAL(edge(g, "hourly", "late")->partition, WEIR_PARTITION_BROADCAST);
    CU_ASSERT_TRUE(edge(g, "hourly", "late")->explicit_partition);
    CU_ASSERT_EQUAL(edge(g, "clicks", "sorted")->partition, WEIR_PARTITION_CUSTOM);
    CU_ASSERT_EQUAL(node(g, "words")->chain, WEIR_CHAIN_HEAD);
    CU_ASSERT_EQUAL(node(g, "numbered")->chain, WEIR_CHAIN_NEVER);
    CU_ASSERT_EQUAL(node(g, "retimed")->max_parallelism, 64);
    done(g);
}

static void a_sink_of_one_file_has_parallelism_1(void)
{
    struct weir_stream_graph *g = good();
    CU_ASSERT_EQUAL(node(g, "out")->parallelism, 1);
    CU_ASSERT_EQUAL(node(g, "late")->parallelism, 2);
    CU_ASSERT_EQUAL(edge(g, "taxed.select", "out")->partition, WEIR_PARTITION_REBALANCE);
    done(g);
}

/* Node, -p, manifest default, configuration file, 1. */
static void precedence_of_parallelism(void)
{
    static const char bare[] =
        "job: j\nnodes:\n  - {id: a, source: clicks}\n  - {id: out, from: a, sink: print, parallelism: 7}\n";
    static const char with[] = "job: j\ndefaults: {parallelism: 5}\nnodes:\n  - {id: a, source: clicks}\n  - {id: out, "
                               "from: a, sink: print, parallelism: 7}\n";
    static const struct {
        const char *text;
        struct weir_job_settings settings;
        uint32_t expected;
    } cases[] = {{bare, {.parallelism = 0}, 1},
                 {bare, {.default_parallelism = 3}, 3},
                 {with, {.default_parallelism = 3}, 5},
                 {with, {.parallelism = 2, .default_parallelism = 3}, 2},
                 {bare, {.parallelism = 2}, 2}};
    for (size_t i = 0; i < WEIR_LEN(cases); i++) {
        struct weir_stream_graph *g = compile(cases[i].text, &cases[i].settings);
        CU_ASSERT_EQUAL(node(g, "a")->parallelism, cases[i].expected);
        CU_ASSERT_EQUAL(node(g, "out")->parallelism, 7);
        done(g);
    }
}

static void a_component_that_waits_makes_its_node_blocking(void)
{
    struct weir_stream_graph *g =
        compile("job: j\nnodes:\n  - {id: a, source: {numbers: {field: x}}}\n  - {id: out, from: a, sink: print}\n", NULL);
    CU_ASSERT_TRUE(node(g, "a")->blocking);
    CU_ASSERT_FALSE(node(g, "out")->blocking);
    expect_schema(node(g, "a")->outputs[0].schema, "x: i64"); /* named by an option */
    done(g);
}

static void a_source_may_do_without_a_generator_when_it_says_so(void)
{
    struct weir_stream_graph *g = compile("job: j\nnodes:\n  - {id: a, source: clicks, time: {field: at, generator: "
                                          "none}}\n  - {id: out, from: a, sink: print}\n",
                                          NULL);
    CU_ASSERT_TRUE(node(g, "a")->time.present);
    CU_ASSERT_EQUAL(node(g, "a")->time.field, 5);
    CU_ASSERT_PTR_NULL(node(g, "a")->time.generator);
    CU_ASSERT_EQUAL(node(g, "a")->time.interval_ms, 200); /* Flink's default */
    done(g);
}

/* A program's document has no lines: its words are the place. */
static void documents_made_by_calls_compile(void)
{
    struct weir_problems problems = {0};
    open_registry();
    struct weir_document *d = weir_document_create("program", "/base");
    struct weir_value *root = weir_document_mapping(d, NULL), *nodes = weir_document_sequence(d, NULL);
    struct weir_value *in = weir_document_mapping(d, "node 'in'"), *out = weir_document_mapping(d, "node 'out'");
    weir_document_put(d, in, "id", weir_document_scalar(d, "in", "node 'in'"));
    weir_document_put(d, in, "source", weir_document_scalar(d, "clicks", "node 'in'"));
    weir_document_put(d, out, "id", weir_document_scalar(d, "out", "node 'out'"));
    weir_document_put(d, out, "from", weir_document_scalar(d, "in", "node 'out'"));
    weir_document_put(d, out, "sink", weir_document_scalar(d, "print", "node 'out'"));
    weir_value_append(nodes, in);
    weir_value_append(nodes, out);
    weir_document_put(d, root, "job", weir_document_scalar(d, "j", NULL));
    weir_document_put(d, root, "nodes", nodes);
    weir_document_set_root(d, root);
    struct weir_stream_graph *g = compile_with(d, NULL, &problems);
    CU_ASSERT_STRING_EQUAL(node(g, "out")->place, "node 'out'");
    done(g);
}

static void nothing_is_left_behind(void)
{
    open_registry();
    size_t before = weir_allocated_blocks();
    struct weir_problems problems = {0};
    struct weir_document *d =
        weir_document_read(weir_platform_os(), WEIR_SOURCE_DIR "/tests/manifests/good.yaml", NULL, 0, NULL, 0, &problems);
    struct weir_stream_graph *g = compile_with(d, NULL, &problems);
    weir_stream_graph_destroy(g, weir_part_spec_destroy);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), before);
    done(NULL);
}

static struct weir_restart_config restart_of(const char *top)
{
    char text[512];
    snprintf(text, sizeof text, "job: j\n%snodes:\n  - {id: in, source: clicks}\n  - {id: out, from: in, sink: print}\n",
             top);
    struct weir_stream_graph *g = compile(text, NULL);
    struct weir_restart_config config = g->restart;
    CU_ASSERT_EQUAL(g->watchdog_ms, strstr(top, "watchdog") ? 0 : 60000);
    done(g);
    return config;
}

/* A8. */
static void restart_has_the_defaults_of_the_sheet(void)
{
    struct weir_restart_config c = restart_of("");
    CU_ASSERT_EQUAL(c.kind, WEIR_RESTART_NONE);
    c = restart_of("checkpoint: {every: 1s, directory: c}\n");
    CU_ASSERT_EQUAL(c.kind, WEIR_RESTART_EXPONENTIAL);
    CU_ASSERT_EQUAL(c.attempts, WEIR_RESTART_UNLIMITED);
    CU_ASSERT_EQUAL(c.initial_ms, 1000);
    CU_ASSERT_EQUAL(c.max_ms, 60000);
    CU_ASSERT_EQUAL(c.reset_after_ms, 3600000);
    CU_ASSERT_EQUAL(c.multiplier, 1.5);
    CU_ASSERT_EQUAL(c.jitter, 0.1);
    c = restart_of("checkpoint: {every: 1s, directory: c}\ndefaults: {restart: none, watchdog: 0}\n");
    CU_ASSERT_EQUAL(c.kind, WEIR_RESTART_NONE);
    c = restart_of("defaults: {restart: fixed_delay}\n");
    CU_ASSERT(c.kind == WEIR_RESTART_FIXED_DELAY && c.attempts == 1 && c.delay_ms == 1000);
    c = restart_of("defaults: {restart: failure_rate}\n");
    CU_ASSERT(c.kind == WEIR_RESTART_FAILURE_RATE && c.failures == 1 && c.interval_ms == 60000 && c.delay_ms == 1000);
}

static void restart_is_read(void)
{
    struct weir_restart_config c = restart_of("defaults: {restart: {fixed_delay: {attempts: unlimited, delay: 10s}}}\n");
    CU_ASSERT(c.attempts == WEIR_RESTART_UNLIMITED && c.delay_ms == 10000);
    c = restart_of("defaults: {restart: {fixed_delay: {attempts: 3}}}\n");
    CU_ASSERT(c.attempts == 3 && c.delay_ms == 1000);
    c = restart_of("defaults: {restart: {failure_rate: {failures: 5, interval: 5min, delay: 0}}}\n");
    CU_ASSERT(c.failures == 5 && c.interval_ms == 300000 && c.delay_ms == 0);
    c = restart_of("defaults: {restart: {exponential: {initial: 10ms, max: 2s, multiplier: 2, reset_after: 1min, jitter: 0, "
                   "attempts: 7}}}\n");
    CU_ASSERT(c.initial_ms == 10 && c.max_ms == 2000 && c.multiplier == 2 && c.reset_after_ms == 60000);
    CU_ASSERT(c.jitter == 0 && c.attempts == 7);
}

WEIR_SUITE(job) = {
    {"defaults reach the graph", defaults_reach_the_graph},
    {"nodes stand in topological order", nodes_stand_in_topological_order},
    {"steps become nodes that share the uid", steps_become_nodes_that_share_the_uid},
    {"expressions become nodes of their own", expressions_become_nodes_of_their_own},
    {"a source has its schema, time and rejects", a_source_has_its_schema_time_and_rejects},
    {"options are parsed by their types", options_are_parsed_by_their_types},
    {"paths are relative to where they are written", paths_are_relative_to_where_they_are_written},
    {"schemas are inferred", schemas_are_inferred},
    {"a map of a null gives null", a_map_of_a_null_gives_null},
    {"a union may be null where one input may", a_union_may_be_null_where_one_input_may},
    {"arguments bind by name, position and star", arguments_bind_by_name_position_and_star},
    {"one args serves all components of a node", one_args_serves_all_components_of_a_node},
    {"select picks, orders and renames", select_picks_orders_and_renames},
    {"key_by partitions the edge before the keyed step", key_by_partitions_the_edge_before_the_keyed_step},
    {"windows are read", windows_are_read},
    {"default edges follow parallelism", default_edges_follow_parallelism},
    {"a sink of one file has parallelism 1", a_sink_of_one_file_has_parallelism_1},
    {"precedence of parallelism", precedence_of_parallelism},
    {"a component that waits makes its node blocking", a_component_that_waits_makes_its_node_blocking},
    {"a source may do without a generator when it says so", a_source_may_do_without_a_generator_when_it_says_so},
    {"restart has the defaults of the sheet", restart_has_the_defaults_of_the_sheet},
    {"restart is read", restart_is_read},
    {"documents made by calls compile", documents_made_by_calls_compile},
    {"nothing is left behind", nothing_is_left_behind},
    {NULL, NULL}};
