/* Windows of so many rows the short way (count_op.c) against the long one: random keys, counts, with and without a purge, by
 * the built-in triggers and by a stranger's that makes the same promise; sums whose last digits tell the order of rows. The
 * long way is taken by a node that gives what it aggregated to a function, which hands it on. The short one is fed in
 * pieces, cut at random places, and restored at another parallelism, or as the long way and later as the short one again,
 * on the heap, in a store that the test sees, or in LevelDB. A case that differs prints its seed. */
#include "twins.h"

struct run {
    struct twins t; /* first */
    enum { COUNT, PURGING, DOZENS } trigger;
    int n;
};

static void hand_on(struct stage *g, struct weir_window_config *w)
{
    w->aggregated = weir_schema_retain(g->out);
    w->function = weir_op_stage_part(&g->s, WEIR_WINDOW_FUNCTION, "as_it_is");
    w->n_function_args = 5;
    w->function_args = weir_alloc_array(5, sizeof *w->function_args);
    for (uint32_t i = 0; i < 5; i++) w->function_args[i] = 1 + i;
}

static struct weir_part_spec *trigger_of(struct stage *g, const struct run *run)
{
    char n[16];
    snprintf(n, sizeof n, "%d", run->n);
    struct weir_part_spec *counts = TRIGGER(g, run->trigger == DOZENS ? "dozens" : "count", "n", n);
    return run->trigger == PURGING ? around(g, "purging", counts) : counts;
}

static struct weir_stream_node *make_node(const struct run *run, bool is_short)
{
    struct stage *g = run->t.g;
    struct weir_stream_node *node = weir_op_stage_node(&g->s, WEIR_NODE_WINDOW, g->in);
    weir_op_stage_key(node, "user");
    weir_op_stage_aggregate(&g->s, node, "rows", "beyond", -1);
    weir_op_stage_aggregate(&g->s, node, "total", "sum", 1);
    weir_op_stage_aggregate(&g->s, node, "exact", "sum", 2);
    weir_op_stage_aggregate(&g->s, node, "first", "first", 3);
    weir_op_stage_aggregate(&g->s, node, "greatest", "max", 3);
    node->window.assigner = ASSIGNER(g, "global", NULL, NULL);
    node->window.trigger = trigger_of(g, run);
    weir_op_stage_output(node, "", g->out);
    if (!is_short) hand_on(g, &node->window);
    return node;
}

static void begin(struct run *run)
{
    struct weir_random *r = &run->t.r;
    struct stage *g = run->t.g;
    run->trigger = (unsigned)below(r, 3);
    run->n = one_of(r, 1, 1 + below(r, 6), 1 + below(r, 60));
    run->t.flow = (struct flow){.keys = one_of(r, 1, 4, 30), .rounds = 10 + below(r, 30), .rows = one_of(r, 1, 12, 150)};
    g->in = weir_test_schema(RANDOM_ROWS);
    g->out = weir_test_schema("user: string, rows: i64, total: i64?, exact: f64?, first: string?, greatest: string?");
    twins_begin_ways(&run->t, make_node(run, false), make_node(run, true), &weir__count_class);
}

static void add_row(struct weir_text *text, struct twins *t)
{
    weir_text_add(text, "%d | k%d", below(&t->r, 100), below(&t->r, 3) ? below(&t->r, t->flow.keys) : 0);
    add_values(text, &t->r);
    weir_text_add(text, "\n");
}

static bool run_case(struct stage *g, uint64_t seed, size_t *bytes)
{
    struct run run = {.t = {.g = g, .r = {seed}}};
    struct twins *t = &run.t;
    begin(&run);
    bool same = true;
    for (int i = 0; same && i < t->flow.rounds; i++) {
        if (below(&t->r, 4))
            twins_feed(t, add_row);
        else
            twins_cut(t);
        same = twins_agree(t, bytes);
    }
    for (uint32_t i = 0; same && i < t->cut.n; i++) CU_ASSERT_EQUAL(t->cut.ops[i]->outbox.n, 0);
    if (!same)
        fprintf(stderr, "seed %llu: trigger %d, n %d, keys %d, cuts %d, parallelism %u\n", (unsigned long long)seed,
                (int)run.trigger, run.n, t->flow.keys, t->cuts, t->cut.n);
    twins_end(t);
    return same;
}

static void the_short_way_of_counts_is_the_long_one(void)
{
    run_twins(30, run_case);
}

WEIR_SUITE(counts_random) = {{"the short way of counts is the long one", the_short_way_of_counts_is_the_long_one},
                             {NULL, NULL}};
