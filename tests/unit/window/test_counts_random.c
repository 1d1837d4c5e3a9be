/* Windows of so many rows the short way (count_op.c) against the long one: random keys, counts, with and without a purge, by
 * the built-in triggers and by a stranger's that makes the same promise; sums whose last digits tell the order of rows. The
 * long way is taken by a node that gives what it aggregated to a function, which hands it on. The short one is fed in
 * pieces, cut at random places, and restored at another parallelism, or as the long way and later as the short one again,
 * on the heap, in a store that the test sees, or in LevelDB. A case that differs prints its seed. */
#include "crew.h"
#include "window/general_internal.h"

struct plan {
    enum { COUNT, PURGING, DOZENS } trigger;
    int n, keys, rounds, rows;
};

static int below(struct weir_random *r, int n)
{
    return (int)weir_random_below(r, (uint64_t)n);
}
static int one_of(struct weir_random *r, int a, int b, int c)
{
    int which = below(r, 3);
    return which == 0 ? a : which == 1 ? b : c;
}

static void use(struct stage *g, struct weir_stream_node *node, const char *name, const char *part, int input)
{
    struct weir_aggregate_config *a = add_aggregate(node, name);
    a->part = weir_op_stage_part(&g->s, WEIR_AGGREGATE, part);
    if (input < 0) return;
    a->args = weir_alloc_array(1, sizeof *a->args);
    a->args[0] = (uint32_t)input;
    a->n_args = 1;
}

static void hand_on(struct stage *g, struct weir_window_config *w)
{
    w->aggregated = weir_schema_retain(g->out);
    w->function = weir_op_stage_part(&g->s, WEIR_WINDOW_FUNCTION, "as_it_is");
    w->n_function_args = 5;
    w->function_args = weir_alloc_array(5, sizeof *w->function_args);
    for (uint32_t i = 0; i < 5; i++) w->function_args[i] = 1 + i;
}

static struct weir_part_spec *trigger_of(struct stage *g, const struct plan *p)
{
    char n[16];
    snprintf(n, sizeof n, "%d", p->n);
    struct weir_part_spec *counts = TRIGGER(g, p->trigger == DOZENS ? "dozens" : "count", "n", n);
    return p->trigger == PURGING ? around(g, "purging", counts) : counts;
}

static struct weir_stream_node *make_node(struct stage *g, const struct plan *p, bool is_short)
{
    struct weir_stream_node *node = weir_op_stage_node(&g->s, WEIR_NODE_WINDOW, g->in);
    weir_op_stage_key(node, "user");
    use(g, node, "rows", "beyond", -1);
    use(g, node, "total", "sum", 1);
    use(g, node, "exact", "sum", 2);
    use(g, node, "first", "first", 3);
    use(g, node, "greatest", "max", 3);
    node->window.assigner = ASSIGNER(g, "global", NULL, NULL);
    node->window.trigger = trigger_of(g, p);
    weir_op_stage_output(node, "", g->out);
    if (!is_short) hand_on(g, &node->window);
    return node;
}

struct run {
    struct weir_random r;
    struct plan p;
    struct weir_stream_node *nodes[2]; /* 1: the short way */
    struct crew through, cut;
    int cuts;
};

/* The state of operators that begin is on the heap, or in a store that holds little of it in memory. */
static void choose_place(struct run *run)
{
    run->cut.place = below(&run->r, 2) ? ON_HEAP : below(&run->r, 3) ? IN_MEMORY : IN_LEVELDB;
    run->cut.cache_bytes = below(&run->r, 20) ? 30000 : 1;
}

static void set_up(struct run *run, struct stage *g)
{
    static const uint32_t batch_rows[] = {1, 7, 1024};
    g->in = weir_test_schema("user: string, n: i64?, x: f64?, s: string?");
    g->out = weir_test_schema("user: string, rows: i64, total: i64?, exact: f64?, first: string?, greatest: string?");
    for (int i = 0; i < 2; i++) run->nodes[i] = make_node(g, &run->p, i);
    run->through = (struct crew){.g = g, .node = run->nodes[0], .way = GENERAL, .ports = {g->out, g->in, g->in}};
    run->cut = run->through;
    run->cut.node = run->nodes[1];
    choose_place(run);
    crew_begin(&run->through, 1, 1024, NULL, 0);
    crew_begin(&run->cut, 1u << below(&run->r, 3), batch_rows[below(&run->r, 3)], NULL, 0);
    CU_ASSERT_PTR_EQUAL(run->cut.ops[0]->class, &weir__count_class);
    CU_ASSERT_PTR_NOT_EQUAL(run->through.ops[0]->class, &weir__count_class);
}

static void add_row(struct weir_text *t, struct run *run)
{
    static const char *const numbers[] = {"null", "1e16", "-1e16", "0.1", "3.7", "-2.25", "1e9", "-1e9"};
    struct weir_random *r = &run->r;
    weir_text_add(t, "%d | k%d, ", below(r, 100), below(r, 3) ? below(r, run->p.keys) : 0);
    if (below(r, 5) == 0)
        weir_text_add(t, "null, ");
    else
        weir_text_add(t, "%d, ", below(r, 50) - 25);
    weir_text_add(t, "%s, ", numbers[below(r, 8)]);
    if (below(r, 5) == 0)
        weir_text_add(t, "null\n");
    else
        weir_text_add(t, "a word of some length %d\n", below(r, 30));
}

static void feed_both(struct run *run)
{
    struct weir_text all = {0}, piece = {0};
    for (int i = 0; i < run->p.rows; i++) {
        size_t before = strlen(weir_text_get(&all));
        add_row(&all, run);
        weir_text_add(&piece, "%s", weir_text_get(&all) + before);
        if (i + 1 < run->p.rows && below(&run->r, 20)) continue;
        crew_feed(&run->cut, weir_text_get(&piece));
        weir_text_finish(&piece);
    }
    crew_feed(&run->through, weir_text_get(&all));
    weir_text_finish(&all);
}

/* The same way, or as the other one. */
static void cut(struct run *run)
{
    static const uint32_t batch_rows[] = {1, 7, 1024};
    struct crew *c = &run->cut;
    uint32_t n = 1u << below(&run->r, 3), rows = batch_rows[below(&run->r, 3)], before = c->n;
    struct weir_snapshot from[MOST_SUBTASKS];
    run->cuts++;
    choose_place(run);
    if (below(&run->r, 2)) {
        crew_break(c, n, rows);
        return;
    }
    crew_cut(c, from);
    crew_end(c);
    c->node = run->nodes[c->node == run->nodes[0]];
    crew_begin(c, n, rows, from, before);
    crew_finish_cut(from, before);
}

static bool run_case(struct stage *g, uint64_t seed, size_t *bytes)
{
    struct run run = {.r = {seed}};
    struct weir_random *r = &run.r;
    run.p = (struct plan){.trigger = (unsigned)below(r, 3), .n = one_of(r, 1, 1 + below(r, 6), 1 + below(r, 60))};
    run.p.keys = one_of(r, 1, 4, 30);
    run.p.rounds = 10 + below(r, 30);
    run.p.rows = one_of(r, 1, 12, 150);
    set_up(&run, g);
    bool same = true;
    for (int i = 0; same && i < run.p.rounds; i++) {
        if (below(r, 4))
            feed_both(&run);
        else
            cut(&run);
        *bytes += strlen(weir_text_get(&run.through.text));
        same = same_results(&run.through, &run.cut);
    }
    for (uint32_t i = 0; same && i < run.cut.n; i++) CU_ASSERT_EQUAL(run.cut.ops[i]->outbox.n, 0);
    if (!same)
        fprintf(stderr, "seed %llu: trigger %d, n %d, keys %d, cuts %d, parallelism %u\n", (unsigned long long)seed,
                (int)run.p.trigger, run.p.n, run.p.keys, run.cuts, run.cut.n);
    crew_end(&run.through);
    crew_end(&run.cut);
    weir_text_finish(&run.through.text);
    weir_text_finish(&run.cut.text);
    weir_schema_release(g->in);
    weir_schema_release(g->out);
    return same;
}

/* WEIR_CASES=10000 for the long run, WEIR_SEED=n WEIR_CASES=1 for one case. */
static void the_short_way_of_counts_is_the_long_one(void)
{
    const char *from = getenv("WEIR_SEED"), *cases = getenv("WEIR_CASES");
    uint64_t first = from ? strtoull(from, NULL, 10) : 1, n = cases ? strtoull(cases, NULL, 10) : 30;
    size_t bytes = 0;
    bool same = true;
    for (uint64_t i = 0; same && i < n; i += 50) {
        struct stage g = {0};
        weir_op_stage_init(&g.s);
        for (uint64_t c = i; same && c < n && c < i + 50; c++) same = run_case(&g, first + c, &bytes);
        weir_op_stage_finish(&g.s);
    }
    CU_ASSERT_TRUE(same);
    CU_ASSERT(from || bytes > n * 500);
}

WEIR_SUITE(counts_random) = {{"the short way of counts is the long one", the_short_way_of_counts_is_the_long_one},
                             {NULL, NULL}};
