/* Sessions the short way (session_op.c) against the long one: random streams, out of order and late, gaps that are fixed or
 * come with each row, sums whose last digits tell the order of rows. The short one is fed in pieces, cut at random places,
 * and restored at another parallelism, or as the long way and later as the short one again, on the heap, in a store that the
 * test sees, or in LevelDB. A case that differs prints its seed. */
#include "twins.h"

struct run {
    struct twins t; /* first */
    bool by_row;    /* the gap */
    int gap;
};

/* purging(event_time) is no other than event_time where there is no lateness, but does not say so. */
static struct weir_stream_node *make_node(const struct run *run, bool is_short)
{
    struct stage *g = run->t.g;
    struct weir_stream_node *node = weir_op_stage_node(&g->s, WEIR_NODE_WINDOW, g->in);
    char gap[32];
    snprintf(gap, sizeof gap, "%dms", run->gap);
    weir_op_stage_key(node, "user");
    weir_op_stage_aggregate(&g->s, node, "rows", "count", -1);
    weir_op_stage_aggregate(&g->s, node, "total", "sum", 1);
    weir_op_stage_aggregate(&g->s, node, "exact", "sum", 2);
    weir_op_stage_aggregate(&g->s, node, "first", "first", 3);
    weir_op_stage_aggregate(&g->s, node, "greatest", "max", 3);
    weir_op_stage_aggregate(&g->s, node, "start", NULL, -1)->result = WEIR_RESULT_WINDOW_START;
    weir_op_stage_aggregate(&g->s, node, "until", NULL, -1)->result = WEIR_RESULT_WINDOW_END;
    node->window.late_output = true;
    node->window.assigner = run->by_row ? ASSIGNER(g, "session_by", NULL, NULL) : ASSIGNER(g, "session", "gap", gap);
    if (run->by_row) set_field(node->window.assigner, "field", 4);
    struct weir_part_spec *at_end = TRIGGER(g, "event_time", NULL, NULL);
    node->window.trigger = is_short ? at_end : around(g, "purging", at_end);
    weir_op_stage_output(node, "", g->out);
    weir_op_stage_output(node, "late", g->in);
    return node;
}

static void begin(struct run *run)
{
    struct weir_random *r = &run->t.r;
    struct stage *g = run->t.g;
    run->by_row = below(r, 2);
    run->gap = 1 + below(r, one_of(r, 4, 12, 40));
    run->t.flow = (struct flow){.keys = one_of(r, 1, 4, 30),
                                .disorder = one_of(r, 1, 1 + run->gap, 1 + 6 * run->gap),
                                .delay = one_of(r, 0, 1 + run->gap, 12 * run->gap),
                                .step = one_of(r, 1, 1 + run->gap, 4 * run->gap),
                                .rounds = 10 + below(r, 30),
                                .rows = one_of(r, 1, 12, 150)};
    g->in = weir_test_schema(RANDOM_ROWS ", gap: i64");
    g->out = weir_test_schema("user: string, rows: i64, total: i64?, exact: f64?, first: string?, greatest: string?, start: "
                              "timestamp, until: timestamp");
    twins_begin_ways(&run->t, make_node(run, false), make_node(run, true), &weir__session_class);
}

static void add_row(struct weir_text *text, struct twins *t)
{
    const struct run *run = (const struct run *)t;
    weir_text_add(text, "%lld | k%d", (long long)some_time(t), below(&t->r, t->flow.keys));
    add_values(text, &t->r);
    weir_text_add(text, ", %d\n", 1 + below(&t->r, 2 * run->gap));
}

static void cut(struct twins *t)
{
    twins_cut(t);
    if (below(&t->r, 2))
        crew_watermark(&t->cut, t->mark);
    else
        twins_take_watermark_back(t);
}

static bool run_case(struct stage *g, uint64_t seed, size_t *bytes)
{
    struct run run = {.t = {.g = g, .r = {seed}}};
    struct twins *t = &run.t;
    begin(&run);
    bool same = true;
    for (int i = 0; same && i < t->flow.rounds; i++) {
        int what = below(&t->r, 8);
        if (what < 4) twins_feed(t, add_row);
        if (what > 3 && what < 7) twins_watermark(t, t->now - t->flow.delay - below(&t->r, 2 * run.gap + 1));
        if (what == 7) cut(t);
        same = twins_agree(t, bytes);
    }
    twins_watermark(t, INT64_MAX);
    same = same && twins_agree(t, bytes);
    for (uint32_t i = 0; same && i < t->cut.n; i++) CU_ASSERT_FALSE(t->cut.ops[i]->class->waits(t->cut.ops[i]));
    if (!same)
        fprintf(stderr, "seed %llu: gap %d%s, keys %d, cuts %d, parallelism %u\n", (unsigned long long)seed, run.gap,
                run.by_row ? " by row" : "", t->flow.keys, t->cuts, t->cut.n);
    twins_end(t);
    return same;
}

static void the_short_way_of_sessions_is_the_long_one(void)
{
    run_twins(100, run_case);
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
