/* Windows that were kept for late rows alone, in a job that goes on without lateness: they have fired, and go without firing
 * again, however they are kept; what has not fired does, once. */
#include "crew.h"

struct shape {
    const char *assigner, *option, *value, *slide;
    bool periodic;
    const char *cut; /* what fires before the cut, at 22 */
    const char *left;
};

static const struct shape shapes[] = {
    {"session", "gap", "10ms", NULL, false, "12 | ann, 2, 3\n", "25 | bob, 1, 8\n44 | ann, 1, 4\n"},
    {"tumbling", "size", "10ms", NULL, false, "9 | ann, 2, 3\n19 | bob, 1, 8\n", "39 | ann, 1, 4\n"},
    {"tumbling", "size", "10ms", NULL, true, "9 | ann, 2, 3\n19 | bob, 1, 8\n", "39 | ann, 1, 4\n"},
    {"sliding", "size", "10ms", "5ms", true, "4 | ann, 2, 3\n9 | ann, 2, 3\n19 | bob, 1, 8\n",
     "24 | bob, 1, 8\n39 | ann, 1, 4\n44 | ann, 1, 4\n"},
};

static struct weir_stream_node *make_node(struct stage *g, const struct shape *shape, int64_t lateness_ms)
{
    struct weir_stream_node *node = g->node;
    if (lateness_ms == 0) { /* another one */
        node = weir_op_stage_node(&g->s, WEIR_NODE_WINDOW, g->in);
        weir_op_stage_key(node, "user");
        weir_op_stage_output(node, "", g->out);
        weir_op_stage_aggregate(&g->s, node, "c", "count", -1);
        weir_op_stage_aggregate(&g->s, node, "total", "sum", 1);
    }
    node->window.lateness_ms = lateness_ms;
    node->window.periodic = shape->periodic;
    node->window.assigner = ASSIGNER(g, shape->assigner, shape->option, shape->value);
    if (shape->slide) weir_op_stage_option(node->window.assigner, "slide", shape->slide);
    node->window.trigger = TRIGGER(g, "event_time", NULL, NULL);
    return node;
}

static void expect_lines(struct crew *c, const char *expected)
{
    CU_ASSERT_STRING_EQUAL(weir_text_get(&c->text), expected);
    if (strcmp(weir_text_get(&c->text), expected) != 0)
        fprintf(stderr, "expected:\n%sfound:\n%s", expected, weir_text_get(&c->text));
    weir_text_finish(&c->text);
}

static void run(const struct shape *shape, enum place place, bool back_at_once)
{
    struct stage g;
    struct weir_snapshot from[MOST_SUBTASKS];
    prepare(&g, false);
    struct weir_stream_node *before = make_node(&g, shape, 1000), *after = make_node(&g, shape, 0);
    struct crew c = {.g = &g, .node = before, .way = GENERAL, .ports = {g.out, g.in}, .place = place};
    c.cache_bytes = 20000;
    crew_begin(&c, 1, 1024, NULL, 0);
    crew_feed(&c, "0 | ann, 1\n3 | ann, 2\n16 | bob, 8\n35 | ann, 4\n");
    crew_watermark(&c, 22);
    expect_lines(&c, shape->cut);
    crew_cut(&c, from);
    crew_end(&c);
    c.node = after;
    crew_begin(&c, 1, 1024, from, 1);
    crew_finish_cut(from, 1);
    if (back_at_once) crew_watermark(&c, 22);
    expect_lines(&c, "");
    crew_watermark(&c, 2000);
    expect_lines(&c, shape->left);
    CU_ASSERT_FALSE(c.ops[0]->class->waits && c.ops[0]->class->waits(c.ops[0]));
    crew_feed(&c, "2035 | ann, 16\n");
    crew_watermark(&c, INT64_MAX);
    CU_ASSERT_PTR_NOT_NULL(strstr(weir_text_get(&c.text), "| ann, 1, 16\n"));
    crew_end(&c);
    weir_text_finish(&c.text);
    weir_op_stage_finish(&g.s);
    weir_schema_release(g.in);
    weir_schema_release(g.out);
}

static void windows_that_had_fired_go_where_nothing_is_late_any_more(void)
{
    for (size_t i = 0; i < WEIR_LEN(shapes); i++) {
        for (enum place place = ON_HEAP; place <= IN_LEVELDB; place++) {
            run(&shapes[i], place, true);
            run(&shapes[i], place, false);
        }
    }
}

WEIR_SUITE(lateness_restored) = {
    {"windows that had fired go where nothing is late any more", windows_that_had_fired_go_where_nothing_is_late_any_more},
    {NULL, NULL},
};
