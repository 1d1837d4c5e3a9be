/* Windows over two inputs: joins and groups (semantics A5.7). Random streams against nested loops over all rows. */
#include "base/random.h"
#include "harness/lines.h"
#include "unit/window/join_stage.h"

#define MOST 200
#ifdef WEIR_SANITIZED
#define CASES 40
#else
#define CASES 120
#endif

static struct weir_window_config *prepare(struct stage *g, enum weir_join_type type, uint32_t batch_rows)
{
    stage_init(g, WEIR_NODE_WINDOW, LEFT, "k: i64?, a: i64?, note: string?, right_k: i64?, b: i64?");
    stage_second(g, RIGHT);
    weir_op_stage_key(g->node, "k");
    stage_second_key(g, "k");
    g->node->join.type = type;
    g->s.env.batch_rows = batch_rows;
    return &g->node->window;
}
static void use_window(struct stage *g, const char *assigner, const char *option, const char *value, const char *trigger)
{
    g->node->window.assigner = weir_op_stage_part(&g->s, WEIR_WINDOW_ASSIGNER, assigner);
    weir_op_stage_option(g->node->window.assigner, option, value);
    g->node->window.trigger = weir_op_stage_part(&g->s, WEIR_TRIGGER, trigger);
}
static void start_window(struct stage *g)
{
    stage_use(g, weir_window_op_create(g->node, &g->s.env, g->s.registry, "node 'x'", &g->error));
}
static void tumbling_join(struct stage *g, enum weir_join_type type, uint32_t batch_rows)
{
    prepare(g, type, batch_rows);
    use_window(g, "tumbling", "size", "10ms", "event_time");
    start_window(g);
}

/* ---- one by one ------------------------------------------------------------------------------------------------------ */

static void pairs_of_a_window_come_when_it_fires(void)
{
    static const uint32_t cuts[] = {1, 7, 1024};
    for (size_t i = 0; i < WEIR_LEN(cuts); i++) {
        struct stage g;
        tumbling_join(&g, WEIR_JOIN_INNER, cuts[i]);
        stage_feed(&g, "1 | 1, 100, x\n2 | 1, 101, null\n3 | 2, 200, x\n11 | 1, 110, x");
        stage_feed_second(&g, "9 | 1, 5\n0 | 1, 6\n10 | 1, 7\n4 | 3, 8");
        stage_expect(&g, "");
        stage_watermark(&g, 9);
        stage_expect(&g, "9 | 1, 100, x, 1, 5\n9 | 1, 100, x, 1, 6\n9 | 1, 101, null, 1, 5\n9 | 1, 101, null, 1, 6\n");
        stage_watermark(&g, INT64_MAX);
        stage_expect(&g, "19 | 1, 110, x, 1, 7\n");
        stage_end(&g);
    }
}

static void outer_joins_give_rows_without_partners(void)
{
    static const char *const expected[] = {
        [WEIR_JOIN_INNER] = "9 | 1, 1, a, 1, 5\n",
        [WEIR_JOIN_LEFT] = "9 | 1, 1, a, 1, 5\n9 | 2, 2, null, null, null\n",
        [WEIR_JOIN_RIGHT] = "9 | 1, 1, a, 1, 5\n9 | null, null, null, 3, 7\n",
        [WEIR_JOIN_FULL] = "9 | 1, 1, a, 1, 5\n9 | 2, 2, null, null, null\n9 | null, null, null, 3, 7\n"};
    for (enum weir_join_type type = WEIR_JOIN_INNER; type <= WEIR_JOIN_FULL; type++) {
        struct stage g;
        tumbling_join(&g, type, 7);
        stage_feed(&g, "1 | 1, 1, a\n2 | 2, 2, null");
        stage_feed_second(&g, "3 | 1, 5\n4 | 3, 7");
        stage_watermark(&g, INT64_MAX);
        stage_expect(&g, expected[type]);
        stage_end(&g);
    }
}

static void match_on(struct stage *g, const char *condition)
{
    g->node->condition = weir_strdup(condition);
    g->node->join.both = weir_test_schema(PAIR);
}
static const char *condition_of(int modulus)
{
    static char text[200];
    snprintf(text, sizeof text, "case when (a + b) %% 5 = 0 then null else (a * b) %% %d = 0 end", modulus);
    return text;
}

/* TRAP of SQL: a filter behind an outer join would lose the rows whose pairs it drops. */
static void a_condition_is_part_of_the_match(void)
{
    static const char *const expected[] = {
        [WEIR_JOIN_LEFT] = "9 | 1, 1, a, 1, 5\n9 | 1, 1, a, 1, 6\n9 | 1, 9, null, null, null\n9 | 2, 2, null, null, null\n",
        [WEIR_JOIN_RIGHT] = "9 | 1, 1, a, 1, 5\n9 | 1, 1, a, 1, 6\n9 | null, null, null, 1, 0\n9 | null, null, null, 3, 7\n",
        [WEIR_JOIN_FULL] = "9 | 1, 1, a, 1, 5\n9 | 1, 1, a, 1, 6\n9 | 1, 9, null, null, null\n9 | null, null, null, 1, 0\n"
                           "9 | 2, 2, null, null, null\n9 | null, null, null, 3, 7\n"};
    for (enum weir_join_type type = WEIR_JOIN_LEFT; type <= WEIR_JOIN_FULL; type++) {
        struct stage g;
        prepare(&g, type, 7);
        match_on(&g, "a < b and note is not null");
        use_window(&g, "tumbling", "size", "10ms", "event_time");
        start_window(&g);
        stage_feed(&g, "1 | 1, 1, a\n2 | 1, 9, null\n2 | 2, 2, null");
        stage_feed_second(&g, "3 | 1, 5\n3 | 1, 0\n4 | 1, 6\n4 | 3, 7");
        stage_watermark(&g, INT64_MAX);
        stage_expect(&g, expected[type]);
        stage_end(&g);
    }
}

static void conditions_do_not_depend_on_cuts(void)
{
    static const uint32_t cuts[] = {1, 2, 7, 1024};
    char *first = NULL;
    for (size_t i = 0; i < WEIR_LEN(cuts); i++) {
        struct stage g;
        struct weir_text rows[2] = {{0}};
        prepare(&g, WEIR_JOIN_FULL, cuts[i]);
        match_on(&g, condition_of(6));
        use_window(&g, "tumbling", "size", "10ms", "event_time");
        start_window(&g);
        for (int k = 1; k < 30; k++) weir_text_add(&rows[0], "1 | 1, %d, x\n", k);
        for (int k = 1; k < 20; k++) weir_text_add(&rows[1], "1 | 1, %d\n", k);
        stage_feed(&g, weir_text_get(&rows[0]));
        stage_feed_second(&g, weir_text_get(&rows[1]));
        g.most_waiting = 0;
        stage_watermark(&g, INT64_MAX);
        CU_ASSERT(g.most_waiting <= 1);
        if (!first) first = weir_strdup(weir_text_get(&g.text));
        stage_expect(&g, first);
        stage_end(&g);
        weir_text_finish(&rows[0]);
        weir_text_finish(&rows[1]);
    }
    weir_free(first);
}

static void a_condition_that_fails_names_the_pair(void)
{
    for (int skip = 0; skip < 2; skip++) {
        struct stage g;
        prepare(&g, WEIR_JOIN_LEFT, 7);
        match_on(&g, "a / b > 1");
        g.node->malformed = skip ? WEIR_MALFORMED_SKIP : WEIR_MALFORMED_FAIL;
        use_window(&g, "tumbling", "size", "10ms", "event_time");
        start_window(&g);
        stage_feed(&g, "1 | 1, 6, x\n1 | 2, 7, y");
        stage_feed_second(&g, "3 | 1, 2\n3 | 1, 0\n3 | 2, 0");
        if (skip) {
            stage_watermark(&g, INT64_MAX);
            stage_expect(&g, "9 | 1, 6, x, 1, 2\n9 | 2, 7, y, null, null\n");
            CU_ASSERT_EQUAL(g.op->counters.rejected, 2);
        } else {
            g.op->watermark = INT64_MAX;
            CU_ASSERT_EQUAL(g.op->class->watermark(g.op, INT64_MAX), WEIR_E_DATA);
            WEIR_ASSERT_CONTAINS(g.op->error.text, "a / b > 1");
            WEIR_ASSERT_CONTAINS(g.op->error.text, "right_k: 1");
        }
        stage_end(&g);
    }
}

static void late_rows_have_an_output_for_each_input(void)
{
    struct stage g;
    prepare(&g, WEIR_JOIN_INNER, 7)->late_output = true;
    stage_side(&g, "late_a", LEFT);
    stage_side(&g, "late_b", RIGHT);
    use_window(&g, "tumbling", "size", "10ms", "event_time");
    start_window(&g);
    stage_watermark(&g, 9);
    stage_feed(&g, "9 | 1, 1, a\n10 | 1, 2, a");
    stage_feed_second(&g, "9 | 1, 3\n10 | 1, 4");
    stage_watermark(&g, INT64_MAX);
    stage_expect(&g, "1> 9 | 1, 1, a\n2> 9 | 1, 3\n19 | 1, 2, a, 1, 4\n");
    CU_ASSERT_EQUAL(g.op->counters.late, 2);
    stage_end(&g);
}

static void sessions_of_both_inputs_are_one(void)
{
    struct stage g;
    prepare(&g, WEIR_JOIN_INNER, 7);
    use_window(&g, "session", "gap", "5ms", "event_time");
    start_window(&g);
    stage_feed(&g, "0 | 1, 1, a\n8 | 1, 2, b");
    stage_feed_second(&g, "4 | 1, 3\n20 | 1, 4");
    stage_watermark(&g, INT64_MAX);
    stage_expect(&g, "12 | 1, 1, a, 1, 3\n12 | 1, 2, b, 1, 3\n");
    stage_end(&g);
}

static void triggers_and_evictors_count_rows_of_both(void)
{
    struct stage g;
    struct weir_window_config *w = prepare(&g, WEIR_JOIN_FULL, 7);
    w->assigner = weir_op_stage_part(&g.s, WEIR_WINDOW_ASSIGNER, "global");
    w->trigger = weir_op_stage_part(&g.s, WEIR_TRIGGER, "count");
    weir_op_stage_option(w->trigger, "n", "2");
    w->evictor = weir_op_stage_part(&g.s, WEIR_EVICTOR, "count");
    weir_op_stage_option(w->evictor, "n", "3");
    start_window(&g);
    stage_feed(&g, "1 | 1, 1, a");
    stage_feed_second(&g, "1 | 1, 10");
    stage_feed(&g, "1 | 1, 2, b\n1 | 1, 3, c");
    char expected[400];
    snprintf(expected, sizeof expected, "%lld | 1, 1, a, 1, 10\n%lld | 1, 2, b, 1, 10\n%lld | 1, 3, c, 1, 10\n",
             (long long)INT64_MAX, (long long)INT64_MAX, (long long)INT64_MAX);
    stage_expect(&g, expected); /* of four rows the last three */
    stage_feed(&g, "1 | 1, 4, d\n1 | 1, 5, e");
    snprintf(expected, sizeof expected,
             "%lld | 1, 3, c, null, null\n%lld | 1, 4, d, null, null\n%lld | 1, 5, e, null, null\n", (long long)INT64_MAX,
             (long long)INT64_MAX, (long long)INT64_MAX);
    stage_expect(&g, expected);
    stage_end(&g);
}

static size_t count_lines(struct weir_text *text)
{
    size_t lines = 0;
    for (const char *p = weir_text_get(text); *p; p++) lines += *p == '\n';
    weir_text_finish(text);
    return lines;
}

static void a_large_product_leaves_in_steps(void)
{
    struct stage g;
    struct weir_text rows = {0};
    tumbling_join(&g, WEIR_JOIN_INNER, 64);
    for (int i = 0; i < 300; i++) weir_text_add(&rows, "1 | 1, %d\n", i);
    stage_feed_second(&g, weir_text_get(&rows));
    weir_text_finish(&rows);
    for (int i = 0; i < 300; i++) weir_text_add(&rows, "1 | 1, %d, x\n", i);
    stage_feed(&g, weir_text_get(&rows));
    weir_text_finish(&rows);
    g.calls = g.most_waiting = 0;
    stage_watermark(&g, INT64_MAX);
    CU_ASSERT_EQUAL(count_lines(&g.text), 90000);
    CU_ASSERT_EQUAL(g.most_waiting, 1);
    CU_ASSERT(g.calls >= 90000 / 64);
    stage_end(&g);
}

/* ---- functions ------------------------------------------------------------------------------------------------------- */

static void set_up_function(struct stage *g, weir_kind kind, const char *name, const char *out, const char *copies)
{
    stage_init(g, WEIR_NODE_WINDOW, "k: i64, a: i64", out);
    if (kind == WEIR_JOIN_FUNCTION) stage_side(g, "differ", "by: i64");
    stage_second(g, "b: i64, k: i64");
    stage_component(g, kind, name);
    if (copies) stage_option(g, "copies", copies);
    weir_op_stage_key(g->node, "k");
    stage_second_key(g, "k");
    use_window(g, "tumbling", "size", "10ms", "event_time");
}

static void a_join_function_sees_the_pairs(void)
{
    static const uint32_t cuts[] = {1, 2, 1024};
    for (size_t i = 0; i < WEIR_LEN(cuts); i++) {
        struct stage g;
        set_up_function(&g, WEIR_JOIN_FUNCTION, "settled", "k: i64, sum: i64", NULL);
        g.s.env.batch_rows = cuts[i];
        start_window(&g);
        stage_feed(&g, "1 | 1, 100\n2 | 2, 5\n3 | 1, 50\n3 | 4, 50");
        stage_feed_second(&g, "5 | 100, 1\n6 | 5, 2\n7 | 5, 3");
        stage_watermark(&g, INT64_MAX);
        stage_expect_ports(&g, "9 | 1, 200\n9 | 1, 150\n9 | 2, 10\n", "1> 3 | 50\n");
        stage_end(&g);
    }
}

static void a_cogroup_function_sees_both_sides(void)
{
    static const uint32_t cuts[] = {1, 2, 1024};
    for (size_t i = 0; i < WEIR_LEN(cuts); i++) {
        struct stage g;
        set_up_function(&g, WEIR_COGROUP_FUNCTION, "weighed", "k: i64, orders: i64, payments: i64, rest: i64", NULL);
        g.s.env.batch_rows = cuts[i];
        start_window(&g);
        stage_feed(&g, "1 | 1, 100\n2 | 2, 5\n3 | 1, 50");
        stage_feed_second(&g, "5 | 100, 1\n7 | 5, 3");
        stage_watermark(&g, INT64_MAX);
        stage_expect(&g, "9 | 1, 2, 1, 50\n9 | 2, 1, 0, 5\n9 | 3, 0, 1, -5\n");
        stage_end(&g);
    }
}

static void a_cogroup_function_that_says_more_goes_on(void)
{
    struct stage g;
    set_up_function(&g, WEIR_COGROUP_FUNCTION, "weighed", "k: i64, orders: i64, payments: i64, rest: i64", "1000");
    g.s.env.batch_rows = 10;
    start_window(&g);
    stage_feed(&g, "1 | 1, 100\n2 | 2, 5");
    stage_feed_second(&g, "5 | 100, 1");
    g.calls = g.most_waiting = 0;
    stage_watermark(&g, INT64_MAX);
    CU_ASSERT_EQUAL(count_lines(&g.text), 2000);
    CU_ASSERT(g.most_waiting <= 2);
    stage_end(&g);
}

/* ---- random joins against nested loops ------------------------------------------------------------------------------- */

struct row {
    int side;
    int64_t time, key, value;
};

/* All windows, all keys: every row of the one side with every row of the other. Sorted lines. */
static bool is_in(const struct row *row, int64_t start, int64_t size, int64_t key)
{
    return row->key == key && row->time >= start && row->time < start + size;
}
/* modulus 0: no condition. */
static bool matches(const struct row *a, const struct row *b, int modulus)
{
    if (modulus == 0) return true;
    return (a->value + b->value) % 5 != 0 && a->value * b->value % modulus == 0;
}
static void nested_loops(const struct row *rows, size_t n, int64_t size, int64_t slide, enum weir_join_type type,
                         int modulus, struct weir_text *out)
{
    for (int64_t start = -size; start < 400; start += slide) {
        for (int64_t key = 0; key < 4; key++) {
            for (size_t i = 0; i < n; i++) {
                size_t partners = 0;
                int k = (int)key, v = (int)rows[i].value, last = (int)(start + size - 1), side = rows[i].side;
                if (!is_in(&rows[i], start, size, key)) continue;
                for (size_t m = 0; m < n; m++) {
                    const struct row *a = side ? &rows[m] : &rows[i], *b = side ? &rows[i] : &rows[m];
                    if (rows[m].side == side || !is_in(&rows[m], start, size, key) || !matches(a, b, modulus)) continue;
                    partners++;
                    if (side == 0) weir_text_add(out, "%d | %d, %d, s%d, %d, %d\n", last, k, v, v, k, (int)b->value);
                }
                if (partners == 0 && side == 0 && (type == WEIR_JOIN_LEFT || type == WEIR_JOIN_FULL))
                    weir_text_add(out, "%d | %d, %d, s%d, null, null\n", last, k, v, v);
                if (partners == 0 && side == 1 && (type == WEIR_JOIN_RIGHT || type == WEIR_JOIN_FULL))
                    weir_text_add(out, "%d | null, null, null, %d, %d\n", last, k, v);
            }
        }
    }
}

static char *sorted(struct weir_text *text)
{
    char *lines = weir_sorted_lines(weir_text_get(text));
    weir_text_finish(text);
    return lines;
}

/* Another operator goes on from what this one held, with other batches. */
static void break_off(struct stage *g, uint32_t batch_rows)
{
    struct weir_snapshot all = {0};
    CU_ASSERT_EQUAL_FATAL(g->op->class->snapshot(g->op, 1, &all), WEIR_OK);
    g->op->class->close(g->op);
    g->op->class->destroy(g->op);
    g->s.env.batch_rows = batch_rows;
    stage_restore = &all;
    start_window(g);
    stage_restore = NULL;
    weir_snapshot_finish(&all);
}

static void play(const struct row *rows, size_t n, int64_t size, int64_t slide, enum weir_join_type type, int modulus,
                 uint32_t cut, struct weir_random *r, struct weir_text *out)
{
    struct stage g;
    char ms[20];
    struct weir_window_config *w = prepare(&g, type, cut);
    if (modulus) match_on(&g, condition_of(modulus));
    snprintf(ms, sizeof ms, "%dms", (int)size);
    use_window(&g, size == slide ? "tumbling" : "sliding", "size", ms, "event_time");
    snprintf(ms, sizeof ms, "%dms", (int)slide);
    if (size != slide) weir_op_stage_option(w->assigner, "slide", ms);
    start_window(&g);
    for (size_t i = 0; i < n;) {
        struct weir_text text = {0};
        int side = rows[i].side;
        for (size_t from = i; i < n && rows[i].side == side && i - from < cut; i++)
            weir_text_add(&text, side ? "%d | %d, %d\n" : "%d | %d, %d, s%d\n", (int)rows[i].time, (int)rows[i].key,
                          (int)rows[i].value, (int)rows[i].value);
        g.input = (uint32_t)side;
        stage_feed(&g, weir_text_get(&text));
        weir_text_finish(&text);
        if (i < n && weir_random_next(r) % 8 == 0) { /* nothing that comes is late */
            int64_t least = rows[i].time;
            for (size_t k = i; k < n; k++) least = rows[k].time < least ? rows[k].time : least;
            if (least - 1 > g.op->watermark) stage_watermark(&g, least - 1);
        }
        if (weir_random_next(r) % 16 == 0) break_off(&g, 1 + weir_random_next(r) % 9);
    }
    stage_watermark(&g, INT64_MAX);
    *out = g.text;
    g.text = (struct weir_text){0};
    stage_end(&g);
}

static void play_and_compare(bool conditions)
{
    static const uint32_t cuts[] = {1, 7, 1024};
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        struct weir_random r = {seed};
        struct row rows[MOST];
        size_t n = 1 + weir_random_next(&r) % MOST;
        int64_t slide = 5 + (int64_t)(weir_random_next(&r) % 20), size = slide * (int64_t)(1 + weir_random_next(&r) % 3);
        enum weir_join_type type = (enum weir_join_type)(weir_random_next(&r) % 4);
        int modulus = conditions ? 1 + (int)(weir_random_next(&r) % 7) : 0;
        if (conditions && type == WEIR_JOIN_INNER) type = WEIR_JOIN_FULL;
        for (size_t i = 0; i < n; i++)
            rows[i] = (struct row){(int)(weir_random_next(&r) % 2), (int64_t)i + (int64_t)(weir_random_next(&r) % 9),
                                   (int64_t)(weir_random_next(&r) % 4), (int64_t)i};
        struct weir_text text = {0};
        nested_loops(rows, n, size, slide, type, modulus, &text);
        char *expected = sorted(&text);
        for (size_t i = 0; i < WEIR_LEN(cuts); i++) {
            struct weir_text out = {0};
            play(rows, n, size, slide, type, modulus, cuts[i], &r, &out);
            char *found = sorted(&out);
            bool same = strcmp(found ? found : "", expected ? expected : "") == 0;
            CU_ASSERT(same);
            if (!same)
                fprintf(stderr, "seed %d, cut %u, size %d, slide %d, type %d, modulus %d\nexpected:\n%sfound:\n%s",
                        (int)seed, cuts[i], (int)size, (int)slide, type, modulus, expected, found);
            weir_free(found);
            if (!same) seed = 1000;
        }
        weir_free(expected);
    }
}

static void random_joins_are_nested_loops(void)
{
    play_and_compare(false);
}
static void random_outer_joins_match_on_their_condition(void)
{
    play_and_compare(true);
}

WEIR_SUITE(window_join) = {
    {"pairs of a window come when it fires, at its last instant", pairs_of_a_window_come_when_it_fires},
    {"outer joins give rows without partners", outer_joins_give_rows_without_partners},
    {"late rows have an output for each input", late_rows_have_an_output_for_each_input},
    {"sessions of both inputs are one", sessions_of_both_inputs_are_one},
    {"triggers and evictors count rows of both", triggers_and_evictors_count_rows_of_both},
    {"a large product leaves in steps", a_large_product_leaves_in_steps},
    {"a join function sees the pairs", a_join_function_sees_the_pairs},
    {"a cogroup function sees both sides", a_cogroup_function_sees_both_sides},
    {"a cogroup function that says more goes on", a_cogroup_function_that_says_more_goes_on},
    {"random joins are nested loops", random_joins_are_nested_loops},
    {"random outer joins match on their condition as nested loops do", random_outer_joins_match_on_their_condition},
    {"a condition is part of the match of an outer join", a_condition_is_part_of_the_match},
    {"what comes out does not depend on the cuts", conditions_do_not_depend_on_cuts},
    {"a condition that fails names the pair, or is no match", a_condition_that_fails_names_the_pair},
    {NULL, NULL}};
