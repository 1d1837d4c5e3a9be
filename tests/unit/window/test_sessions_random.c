/* Sessions the short way (session_op.c) against the long one: random streams, out of order and late, gaps that are fixed or
 * come with each row, sums whose last digits tell the order of rows. The short one is fed in pieces, cut at random places,
 * and restored at another parallelism, or as the long way and later as the short one again, on the heap, in a store that the
 * test sees, or in LevelDB. A case that differs prints its seed. */
#include "crew.h"
#include "window/general_internal.h"

struct plan {
    bool by_row; /* the gap */
    int64_t gap;
    int keys, disorder, delay, step, rounds, rows;
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

/* purging(event_time) is no other than event_time where there is no lateness, but does not say so. */
static struct weir_stream_node *make_node(struct stage *g, const struct plan *p, bool is_short)
{
    struct weir_stream_node *node = weir_op_stage_node(&g->s, WEIR_NODE_WINDOW, g->in);
    char gap[32];
    snprintf(gap, sizeof gap, "%lldms", (long long)p->gap);
    weir_op_stage_key(node, "user");
    use(g, node, "rows", "count", -1);
    use(g, node, "total", "sum", 1);
    use(g, node, "exact", "sum", 2);
    use(g, node, "first", "first", 3);
    use(g, node, "greatest", "max", 3);
    add_aggregate(node, "start")->result = WEIR_RESULT_WINDOW_START;
    add_aggregate(node, "until")->result = WEIR_RESULT_WINDOW_END;
    node->window.late_output = true;
    node->window.assigner = p->by_row ? ASSIGNER(g, "session_by", NULL, NULL) : ASSIGNER(g, "session", "gap", gap);
    if (p->by_row) set_field(node->window.assigner, "field", 4);
    struct weir_part_spec *at_end = TRIGGER(g, "event_time", NULL, NULL);
    node->window.trigger = is_short ? at_end : around(g, "purging", at_end);
    weir_op_stage_output(node, "", g->out);
    weir_op_stage_output(node, "late", g->in);
    return node;
}

struct run {
    struct weir_random r;
    struct plan p;
    struct weir_stream_node *nodes[2]; /* 1: the short way */
    struct crew through, cut;
    int64_t now, mark;
    size_t bytes;
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
    g->in = weir_test_schema("user: string, n: i64?, x: f64?, s: string?, gap: i64");
    g->out = weir_test_schema("user: string, rows: i64, total: i64?, exact: f64?, first: string?, greatest: string?, start: "
                              "timestamp, until: timestamp");
    for (int i = 0; i < 2; i++) run->nodes[i] = make_node(g, &run->p, i);
    run->through = (struct crew){.g = g, .node = run->nodes[0], .way = GENERAL, .ports = {g->out, g->in, g->in}};
    run->cut = run->through;
    run->cut.node = run->nodes[1];
    choose_place(run);
    crew_begin(&run->through, 1, 1024, NULL, 0);
    crew_begin(&run->cut, 1u << below(&run->r, 3), batch_rows[below(&run->r, 3)], NULL, 0);
    CU_ASSERT_PTR_EQUAL(run->cut.ops[0]->class, &weir__session_class);
    CU_ASSERT_PTR_NOT_EQUAL(run->through.ops[0]->class, &weir__session_class);
}

static void add_row(struct weir_text *t, struct run *run)
{
    static const char *const numbers[] = {"null", "1e16", "-1e16", "0.1", "3.7", "-2.25", "1e9", "-1e9"};
    struct weir_random *r = &run->r;
    int64_t at = run->now - below(r, run->p.disorder);
    weir_text_add(t, "%lld | k%d, ", (long long)(at < 0 ? 0 : at), below(r, run->p.keys));
    if (below(r, 5) == 0)
        weir_text_add(t, "null, ");
    else
        weir_text_add(t, "%d, ", below(r, 50) - 25);
    weir_text_add(t, "%s, ", numbers[below(r, 8)]);
    if (below(r, 5) == 0)
        weir_text_add(t, "null, ");
    else
        weir_text_add(t, "a word of some length %d, ", below(r, 30));
    weir_text_add(t, "%d\n", 1 + below(r, 2 * (int)run->p.gap));
}

static void feed_both(struct run *run)
{
    struct weir_text all = {0}, piece = {0};
    for (int i = 0; i < run->p.rows; i++) {
        size_t before = strlen(weir_text_get(&all));
        add_row(&all, run);
        weir_text_add(&piece, "%s", weir_text_get(&all) + before);
        if (below(&run->r, 3) == 0) run->now += below(&run->r, run->p.step + 1);
        if (i + 1 < run->p.rows && below(&run->r, 20)) continue;
        crew_feed(&run->cut, weir_text_get(&piece));
        weir_text_finish(&piece);
    }
    crew_feed(&run->through, weir_text_get(&all));
    weir_text_finish(&all);
}

static void send_watermark(struct run *run, int64_t mark)
{
    if (mark <= run->mark) return;
    run->mark = mark;
    crew_watermark(&run->through, mark);
    crew_watermark(&run->cut, mark);
}

/* The same way, the other one, or the same cut restored twice, as the other one in between. */
static void cut(struct run *run)
{
    static const uint32_t batch_rows[] = {1, 7, 1024};
    struct crew *c = &run->cut;
    uint32_t n = 1u << below(&run->r, 3), rows = batch_rows[below(&run->r, 3)];
    run->cuts++;
    choose_place(run);
    if (below(&run->r, 2)) {
        crew_break(c, n, rows);
    } else {
        struct weir_snapshot from[MOST_SUBTASKS];
        uint32_t before = c->n;
        crew_cut(c, from);
        crew_end(c);
        c->node = run->nodes[c->node == run->nodes[0]];
        crew_begin(c, n, rows, from, before);
        crew_finish_cut(from, before);
    }
    if (below(&run->r, 2)) {
        crew_watermark(c, run->mark);
    } else {
        run->mark = INT64_MIN;
        run->through.ops[0]->watermark = INT64_MIN;
    }
}

static bool run_case(struct stage *g, uint64_t seed, size_t *bytes)
{
    struct run run = {.r = {seed}, .mark = INT64_MIN};
    struct weir_random *r = &run.r;
    run.p = (struct plan){.by_row = below(r, 2), .gap = 1 + below(r, one_of(r, 4, 12, 40)), .keys = one_of(r, 1, 4, 30)};
    run.p.disorder = one_of(r, 1, 1 + (int)run.p.gap, 1 + 6 * (int)run.p.gap);
    run.p.delay = one_of(r, 0, 1 + (int)run.p.gap, 12 * (int)run.p.gap);
    run.p.step = one_of(r, 1, 1 + (int)run.p.gap, 4 * (int)run.p.gap);
    run.p.rounds = 10 + below(r, 30);
    run.p.rows = one_of(r, 1, 12, 150);
    set_up(&run, g);
    bool same = true;
    for (int i = 0; same && i < run.p.rounds; i++) {
        int what = below(r, 8);
        if (what < 4) feed_both(&run);
        if (what > 3 && what < 7) send_watermark(&run, run.now - run.p.delay - below(r, 2 * (int)run.p.gap + 1));
        if (what == 7) cut(&run);
        *bytes += strlen(weir_text_get(&run.through.text));
        same = same_results(&run.through, &run.cut);
    }
    send_watermark(&run, INT64_MAX);
    same = same && same_results(&run.through, &run.cut);
    for (uint32_t i = 0; same && i < run.cut.n; i++) CU_ASSERT_FALSE(run.cut.ops[i]->class->waits(run.cut.ops[i]));
    if (!same)
        fprintf(stderr, "seed %llu: gap %lld%s, keys %d, cuts %d, parallelism %u\n", (unsigned long long)seed,
                (long long)run.p.gap, run.p.by_row ? " by row" : "", run.p.keys, run.cuts, run.cut.n);
    crew_end(&run.through);
    crew_end(&run.cut);
    weir_text_finish(&run.through.text);
    weir_text_finish(&run.cut.text);
    weir_schema_release(g->in);
    weir_schema_release(g->out);
    return same;
}

/* WEIR_CASES=10000 for the long run, WEIR_SEED=n WEIR_CASES=1 for one case. */
static void the_short_way_of_sessions_is_the_long_one(void)
{
    const char *from = getenv("WEIR_SEED"), *cases = getenv("WEIR_CASES");
    uint64_t first = from ? strtoull(from, NULL, 10) : 1, n = cases ? strtoull(cases, NULL, 10) : 100;
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

/* ---- alarms ------------------------------------------------------------------------------------------------------ */

/* Against a list that is searched from end to end. */
static void alarms_ring_in_order_of_time_and_key_each_once(void)
{
    struct weir_random r = {7};
    struct weir__alarms a;
    struct set {
        int64_t at;
        char key[24];
    } all[400];
    int n = 0;
    int64_t mark = -1000;
    weir__alarms_init(&a);
    for (int round = 0; round < 4000; round++) {
        if (n < 400 && below(&r, 3)) {
            struct set *s = &all[n++];
            s->at = mark + below(&r, below(&r, 10) ? 40 : 3000) - (below(&r, 50) == 0 ? 60 : 0);
            snprintf(s->key, sizeof s->key, below(&r, 2) ? "k%d" : "key of more than 16 %d", below(&r, 20));
            struct weir_key_ref key = {.p = (const uint8_t *)s->key, .n = (uint32_t)strlen(s->key), .group = 3, .hash = 5};
            bool set = weir__alarms_set(&a, &key, s->at);
            CU_ASSERT(set);
            continue;
        }
        mark += below(&r, 30);
        struct weir_due_timer due;
        for (bool found = true; found;) {
            bool ok = weir__alarms_next(&a, mark, &due, &found);
            int first = -1;
            for (int i = 0; i < n; i++) {
                if (all[i].at > mark) continue;
                int order = first < 0                    ? -1
                            : all[i].at != all[first].at ? (all[i].at > all[first].at) - (all[i].at < all[first].at)
                                                         : strcmp(all[i].key, all[first].key);
                if (order < 0) first = i;
            }
            CU_ASSERT_FATAL(ok && found == (first >= 0));
            if (!found) break;
            struct set expected = all[first];
            CU_ASSERT(due.at == expected.at && due.key.n == strlen(expected.key) && due.key.group == 3 && due.key.hash == 5);
            CU_ASSERT(memcmp(due.key.p, expected.key, due.key.n) == 0);
            for (int i = n; i-- > 0;) {
                if (all[i].at == expected.at && strcmp(all[i].key, expected.key) == 0) all[i] = all[--n];
            }
        }
        bool waits = weir__alarms_waiting(&a);
        CU_ASSERT(waits == (n > 0));
    }
    weir__alarms_finish(&a);
}

WEIR_SUITE(sessions_random) = {
    {"the short way of sessions is the long one", the_short_way_of_sessions_is_the_long_one},
    {"alarms ring in order of time and key, each once", alarms_ring_in_order_of_time_and_key_each_once},
    {NULL, NULL}};
