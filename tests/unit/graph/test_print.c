/* The printers on a graph that looks like a real job: what people read, what dot and Mermaid parse, what programs read. */
#include "graph/print.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "unit/graph/fixture.h"

static void retitle(struct weir_stream_graph *graph, uint32_t node, const char *title)
{
    weir_free(graph->nodes[node]->title);
    graph->nodes[node]->title = weir_strdup(title);
}

/* log -> pages, then keyed windows, a single ranking task, a sink; malformed lines go to a blocking sink in a group of
 * its own. */
static struct weir_stream_graph *hot_pages(void)
{
    struct weir_stream_graph *graph = weir_stream_graph_create();
    graph->job = weir_strdup("hot_pages");
    graph->restart = (struct weir_restart_config){.kind = WEIR_RESTART_FIXED_DELAY, .attempts = 3, .delay_ms = 10000};
    fixture_node(graph, WEIR_NODE_SOURCE, "log", 4);
    fixture_node(graph, WEIR_NODE_SELECT, "pages", 4);
    fixture_node(graph, WEIR_NODE_WINDOW, "views", 4);
    fixture_node(graph, WEIR_NODE_OPERATOR, "top", 1);
    fixture_node(graph, WEIR_NODE_SINK, "out", 1);
    fixture_node(graph, WEIR_NODE_SINK, "rejected", 2);
    retitle(graph, 0, "source file");
    retitle(graph, 2, "window sliding 1h by 10min");
    retitle(graph, 4, "sink file");
    fixture_add_output(graph->nodes[0], "malformed", fixture_schema("raw reason", WEIR_STRING, true));
    fixture_add_output(graph->nodes[2], "late", fixture_schema("a b", WEIR_I64, false));
    fixture_key(&graph->nodes[2]->key_fields, &graph->nodes[2]->n_key_fields, 1);
    fixture_edge(graph, 0, 1);
    struct weir_stream_edge *key_by = fixture_edge(graph, 1, 2);
    key_by->partition = WEIR_PARTITION_KEY;
    fixture_key(&key_by->key_fields, &key_by->n_key_fields, 1);
    fixture_edge(graph, 2, 3);
    fixture_edge(graph, 3, 4);
    struct weir_stream_edge *rejected = weir_stream_graph_add_edge(graph, 0, 1, 5, 0);
    rejected->partition = WEIR_PARTITION_RESCALE;
    rejected->explicit_partition = true;
    graph->nodes[5]->slot_group = weir_strdup("io");
    graph->nodes[5]->blocking = true;
    graph->nodes[5]->chain = WEIR_CHAIN_NEVER;
    return graph;
}

enum which { STREAM, JOB, EXECUTION };

/* The caller frees. */
static char *print(const struct weir_stream_graph *graph, enum which which, enum weir_graph_format format)
{
    struct weir_job_graph *job = fixture_job(graph);
    struct weir_execution_graph *execution = fixture_execution(job);
    struct weir_text text = {0};
    if (which == STREAM) weir_print_stream_graph(&text, graph, format);
    if (which == JOB) weir_print_job_graph(&text, job, format);
    if (which == EXECUTION) weir_print_execution_graph(&text, execution, format);
    weir_execution_graph_destroy(execution);
    weir_job_graph_destroy(job);
    return weir_text_take(&text);
}

static void expect_text(enum which which, const char *expected)
{
    struct weir_stream_graph *graph = hot_pages();
    char *text = print(graph, which, WEIR_FORMAT_TEXT);
    CU_ASSERT_STRING_EQUAL(text, expected);
    if (strcmp(text, expected) != 0) fprintf(stderr, "\nexpected:\n%s\nfound:\n%s\n", expected, text);
    weir_free(text);
    weir_stream_graph_destroy(graph, NULL);
}

/* Frees the text. */
static void expect_part(char *text, const char *part)
{
    WEIR_ASSERT_CONTAINS(text, part);
    weir_free(text);
}

/* A sink whose id holds everything that a diagram language may take for its own. */
static struct weir_stream_graph *hostile(const char *id)
{
    struct weir_stream_graph *graph = weir_stream_graph_create();
    graph->job = weir_strdup("a %%{init: {}}%% \"job\"\nof two lines");
    fixture_node(graph, WEIR_NODE_SOURCE, "end", 1);
    fixture_node(graph, WEIR_NODE_SINK, id, 1);
    fixture_edge(graph, 0, 1);
    return graph;
}

/* ---- text ---------------------------------------------------------------------------------------------------------- */

static void stream_graph_as_text(void)
{
    expect_text(STREAM,
                "Stream graph of job 'hot_pages': 6 nodes, 5 edges\n"
                "\n"
                "#0 log                   source file                  parallelism 4\n"
                "     -> #1 pages         forward                      (a: i64, b: i64)\n"
                "     -> #5 rejected      rescale                      malformed(raw: string?, reason: string?)\n"
                "#1 pages                 select                       parallelism 4\n"
                "     -> #2 views         key_by b                     (a: i64, b: i64)\n"
                "#2 views                 window sliding 1h by 10min   parallelism 4, keyed by b (128 key groups)\n"
                "     -> #3 top           rebalance                    (a: i64, b: i64)\n"
                "     -- read by nobody                                late(a: i64, b: i64)\n"
                "#3 top                   operator                     parallelism 1\n"
                "     -> #4 out           forward                      (a: i64, b: i64)\n"
                "#4 out                   sink file                    parallelism 1\n"
                "#5 rejected              sink                         parallelism 2, slot group 'io', never chained, "
                "blocks: own thread\n");
}

static void job_graph_as_text(void)
{
    expect_text(JOB, "Job graph of job 'hot_pages': 6 nodes in 4 chains\n"
                     "\n"
                     "[0] log -> pages, parallelism 4, slot group 'default'\n"
                     "     #0 log               source file\n"
                     "     #1 pages             select      forward from #0: (a: i64, b: i64)\n"
                     "     #1 => [1] views      key_by b    (a: i64, b: i64)\n"
                     "          not chained: the edge is key_by, not forward\n"
                     "     #0 => [3] rejected   rescale     malformed(raw: string?, reason: string?)\n"
                     "          not chained: different slot groups: 'default' and 'io'\n"
                     "\n"
                     "[1] views, parallelism 4, slot group 'default'\n"
                     "     #2 views             window sliding 1h by 10min\n"
                     "     #2 => [2] top        rebalance   (a: i64, b: i64)\n"
                     "          not chained: different parallelism: 4 and 1\n"
                     "\n"
                     "[2] top -> out, parallelism 1, slot group 'default'\n"
                     "     #3 top               operator\n"
                     "     #4 out               sink file   forward from #3: (a: i64, b: i64)\n"
                     "\n"
                     "[3] rejected, parallelism 2, slot group 'io', blocks: own thread\n"
                     "     #5 rejected          sink\n");
}

static void execution_graph_as_text(void)
{
    expect_text(EXECUTION,
                "Execution graph of job 'hot_pages': 11 subtasks in 6 slots (4 for 'default' + 2 for 'io'), "
                "24 channels that hold at most 11.9 MiB\n"
                "\n"
                "Slot 0, group 'default'\n"
                "     log -> pages   subtask 1/4\n"
                "     views          subtask 1/4\n"
                "     top -> out     subtask 1/1\n"
                "\n"
                "Slots 1 to 3, group 'default'\n"
                "     log -> pages   subtasks 2/4 to 4/4\n"
                "     views          subtasks 2/4 to 4/4\n"
                "\n"
                "Slots 4 and 5, group 'io'\n"
                "     rejected       subtasks 1/2 and 2/2, blocks: own threads\n"
                "\n"
                "Channels: each holds 16 batches of up to 1,024 rows, and has at most 3 more in hand at its ends\n"
                "     pages => views    key_by b, 4 to 4    16 channels of 456 KiB, 7.1 MiB   (a: i64, b: i64)\n"
                "     views => top      rebalance, 4 to 1   4 channels of 456 KiB, 1.8 MiB    (a: i64, b: i64)\n"
                "     log => rejected   rescale, 4 to 2     4 channels of 764.8 KiB, 3 MiB    "
                "malformed(raw: string?, reason: string?)\n");
}

static void says_when_chaining_is_off_and_when_there_is_one_of_a_thing(void)
{
    struct weir_stream_graph *graph = hostile("sink");
    graph->chaining = false;
    expect_part(print(graph, STREAM, WEIR_FORMAT_TEXT), "2 nodes, 1 edge, chaining off\n");
    expect_part(print(graph, EXECUTION, WEIR_FORMAT_TEXT), "2 subtasks in 1 slot, 1 channel that holds at most");
    graph->chaining = true;
    expect_part(print(graph, JOB, WEIR_FORMAT_TEXT), "2 nodes in 1 chain\n");
    weir_stream_graph_destroy(graph, NULL);
}

static void aligns_columns_by_characters_not_bytes(void)
{
    struct weir_stream_graph *graph = hostile("\xc3\xa4\xc3\xb6"); /* two letters, four bytes */
    expect_part(print(graph, STREAM, WEIR_FORMAT_TEXT), "#1 \xc3\xa4\xc3\xb6           sink      parallelism 1\n");
    expect_part(print(graph, STREAM, WEIR_FORMAT_TEXT), "#0 end          source    parallelism 1\n");
    weir_stream_graph_destroy(graph, NULL);
}

/* ---- diagrams ------------------------------------------------------------------------------------------------------ */

static void draws_dot(void)
{
    struct weir_stream_graph *graph = hot_pages();
    expect_part(print(graph, STREAM, WEIR_FORMAT_DOT), "digraph weir {\n    label=\"Stream graph of job 'hot_pages'\";\n");
    expect_part(print(graph, STREAM, WEIR_FORMAT_DOT), "n0 [label=\"log\\nsource file\\nparallelism 4\", style=rounded];\n");
    expect_part(print(graph, STREAM, WEIR_FORMAT_DOT), "    n1 -> n2 [label=\"key_by b\\n(a: i64, b: i64)\"];\n");
    expect_part(print(graph, JOB, WEIR_FORMAT_DOT),
                "    subgraph cluster_v0 {\n        label=\"log -> pages\\nparallelism 4");
    expect_part(print(graph, JOB, WEIR_FORMAT_DOT), "\\nnot chained: different parallelism: 4 and 1\", style=bold];\n");
    expect_part(print(graph, EXECUTION, WEIR_FORMAT_DOT), "        t8 [label=\"top -> out\\nsubtask 1/1\"];\n");
    expect_part(print(graph, EXECUTION, WEIR_FORMAT_DOT), "\\n16 channels, at most 7.1 MiB\"];\n    t0 -> t5;\n");
    weir_stream_graph_destroy(graph, NULL);
}

static void draws_mermaid(void)
{
    struct weir_stream_graph *graph = hot_pages();
    expect_part(print(graph, STREAM, WEIR_FORMAT_MERMAID),
                "flowchart LR\n    %% Stream graph of job 'hot_pages'\n    n0([\"log<br/>");
    expect_part(print(graph, STREAM, WEIR_FORMAT_MERMAID), "    n1 -->|\"key_by b<br/>(a: i64, b: i64)\"| n2\n");
    expect_part(print(graph, JOB, WEIR_FORMAT_MERMAID), "    subgraph v0 [\"log -#62; pages<br/>parallelism 4, slot group");
    expect_part(print(graph, JOB, WEIR_FORMAT_MERMAID), "    n1 ==>|\"key_by b<br/>");
    expect_part(print(graph, EXECUTION, WEIR_FORMAT_MERMAID), "        t8[\"top -#62; out<br/>subtask 1/1\"]\n    end\n");
    expect_part(print(graph, EXECUTION, WEIR_FORMAT_MERMAID), "    t0 --> t5\n");
    weir_stream_graph_destroy(graph, NULL);
}

static void escapes_what_diagrams_would_read_as_syntax(void)
{
    struct weir_stream_graph *graph = hostile("\"a\\b\"]; <i>&amp; #35;`%%{x}\x01");
    expect_part(print(graph, STREAM, WEIR_FORMAT_DOT), "n1 [label=\"\\\"a\\\\b\\\"]; <i>&amp;amp; #35;`%%{x} \\nsink\\n");
    expect_part(print(graph, STREAM, WEIR_FORMAT_DOT), "job 'a %%{init: {}}%% \\\"job\\\"\\nof two lines'\";\n");
    expect_part(print(graph, STREAM, WEIR_FORMAT_MERMAID),
                "n1([\"#34;a#92;b#34;]; #60;i#62;#38;amp; #35;35;#96;#37;#37;#123;x#125; <br/>sink<br/>");
    expect_part(print(graph, STREAM, WEIR_FORMAT_MERMAID),
                "    %% Stream graph of job 'a    init:       \"job\" of two lines'\n");
    weir_stream_graph_destroy(graph, NULL);
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------- */

static json_t *load(enum which which)
{
    struct weir_stream_graph *graph = hot_pages();
    char *text = print(graph, which, WEIR_FORMAT_JSON);
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!root) fprintf(stderr, "%d:%d: %s\n%s", error.line, error.column, error.text, text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    weir_free(text);
    weir_stream_graph_destroy(graph, NULL);
    return root;
}

/* Item i of the list `name` as one line. */
static void expect_item(const json_t *root, const char *name, size_t i, const char *expected)
{
    char *text = json_dumps(json_array_get(json_object_get(root, name), i), JSON_COMPACT);
    WEIR_ASSERT_CONTAINS(text, expected);
    free(text);
}

static void stream_graph_as_json(void)
{
    json_t *root = load(STREAM);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(root, "graph")), "stream");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(root, "job")), "hot_pages");
    CU_ASSERT_TRUE(json_is_true(json_object_get(root, "chaining")));
    char *restart = json_dumps(json_object_get(root, "restart"), JSON_COMPACT);
    CU_ASSERT_STRING_EQUAL(restart, "{\"strategy\":\"fixed_delay\",\"attempts\":3,\"delay_ms\":10000}");
    free(restart);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(root, "watchdog_ms")), 60000);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(root, "nodes")), 6);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(root, "edges")), 5);
    expect_item(
        root, "nodes", 2,
        "{\"index\":2,\"id\":\"views\",\"uid\":\"views\",\"kind\":\"window\",\"title\":\"window sliding 1h by 10min\","
        "\"parallelism\":4,\"max_parallelism\":128,\"before_key\":false,\"slot_group\":null,\"chain\":\"always\","
        "\"blocking\":false,"
        "\"key\":[\"b\"],\"outputs\":[{\"name\":\"\",\"schema\":[{\"name\":\"a\",\"type\":\"i64\",\"nullable\":false}");
    expect_item(root, "nodes", 5, "\"slot_group\":\"io\",\"chain\":\"never\",\"blocking\":true,\"key\":[],\"outputs\":[]}");
    expect_item(root, "edges", 4,
                "{\"index\":4,\"from\":\"log\",\"output\":\"malformed\",\"to\":\"rejected\",\"input\":0,"
                "\"input_name\":null,\"partition\":\"rescale\","
                "\"explicit\":true,\"key\":[],\"schema\":[{\"name\":\"raw\",\"type\":\"string\",\"nullable\":true},");
    json_decref(root);
}

static void job_graph_as_json(void)
{
    json_t *root = load(JOB);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(root, "vertices")), 4);
    expect_item(root, "vertices", 0,
                "{\"index\":0,\"name\":\"log -> pages\",\"nodes\":[\"log\",\"pages\"],\"parallelism\":4,"
                "\"max_parallelism\":128,\"slot_group\":\"default\",\"blocking\":false}");
    expect_item(root, "edges", 0, "\"from_vertex\":0,\"to_vertex\":0,\"chained\":true,\"why_not\":null}");
    expect_item(root, "edges", 1,
                "\"from_vertex\":0,\"to_vertex\":1,\"chained\":false,\"why_not\":\"the edge is key_by, not forward\"}");
    json_decref(root);
}

static void execution_graph_as_json(void)
{
    json_t *root = load(EXECUTION), *memory = json_object_get(root, "memory");
    CU_ASSERT_EQUAL(json_array_size(json_object_get(root, "slots")), 6);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(root, "subtasks")), 11);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(root, "edges")), 3);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(root, "channels")), 24);
    expect_item(root, "slots", 0, "{\"index\":0,\"group\":\"default\",\"subtasks\":[0,4,8]}");
    expect_item(
        root, "subtasks", 10,
        "{\"index\":10,\"vertex\":3,\"name\":\"rejected\",\"subtask\":1,\"parallelism\":2,\"slot\":5,\"blocking\":true}");
    expect_item(root, "channels", 5, "{\"edge\":1,\"from\":1,\"to\":5,\"sender_channel\":1,\"receiver_channel\":1}");
    expect_item(root, "edges", 0, "\"channels\":16,\"channel_bytes\":466944,\"bytes\":7471104}");
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(memory, "bytes")), 20 * 466944 + 4 * 783104);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(memory, "extra_batches")), 3);
    json_decref(root);
}

static void json_survives_names_that_are_not_utf8(void)
{
    struct weir_stream_graph *graph = hostile("\xff");
    expect_part(print(graph, STREAM, WEIR_FORMAT_JSON), "\"id\": \"?\"");
    weir_stream_graph_destroy(graph, NULL);
}

/* ---- all of them --------------------------------------------------------------------------------------------------- */

static void prints_random_graphs_in_every_format_without_a_leak(void)
{
    struct weir_random random = {.state = 99};
    size_t before = weir_allocated_blocks();
    for (int round = 0; round < 100; round++) {
        struct weir_stream_graph *graph = fixture_random(&random);
        for (int format = WEIR_FORMAT_TEXT; format <= WEIR_FORMAT_JSON; format++) {
            for (int which = STREAM; which <= EXECUTION; which++) {
                char *text = print(graph, (enum which)which, (enum weir_graph_format)format);
                CU_ASSERT_TRUE(strlen(text) > 20);
                weir_free(text);
            }
        }
        weir_stream_graph_destroy(graph, NULL);
    }
    CU_ASSERT_EQUAL(weir_allocated_blocks(), before);
}

WEIR_SUITE(print) = {
    {"stream graph as text", stream_graph_as_text},
    {"job graph as text", job_graph_as_text},
    {"execution graph as text", execution_graph_as_text},
    {"says when chaining is off and when there is one of a thing",
     says_when_chaining_is_off_and_when_there_is_one_of_a_thing},
    {"aligns columns by characters, not bytes", aligns_columns_by_characters_not_bytes},
    {"draws dot", draws_dot},
    {"draws Mermaid", draws_mermaid},
    {"escapes what diagrams would read as syntax", escapes_what_diagrams_would_read_as_syntax},
    {"stream graph as JSON", stream_graph_as_json},
    {"job graph as JSON", job_graph_as_json},
    {"execution graph as JSON", execution_graph_as_json},
    {"JSON survives names that are not UTF-8", json_survives_names_that_are_not_utf8},
    {"prints random graphs in every format without a leak", prints_random_graphs_in_every_format_without_a_leak},
    {NULL, NULL},
};
