/* Window operators cut at random places and restored at parallelism 1, 2 or 4 against ones that run through: what comes
 * afterwards is the same, for each key in the same order (semantics A5.1, A5.5, A5.6, A7).
 *
 * The watermark is not restored. So either it is sent again at once, and nothing must tell the two apart; or it is not, and
 * the other one is the general operator with its watermark taken back: windows have timers for each key there, of which
 * nothing but the keyed state depends on the past. A case that differs prints its seed. */
#include "crew.h"

enum content { AGGREGATES, ENDS, TALKATIVE, NUMBERED, REDUCER, N_CONTENTS };

struct plan {
    enum way way;
    bool sends_watermark_again;
    int64_t size, slide, offset, lateness;
    int keys, disorder, delay, step, rounds, rows;
    /* of the fast ways */
    int n, aggregates[4];
    /* of the general one */
    enum content content;
    bool all, merging, by_clock;
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

/* ---- the fast ways ------------------------------------------------------------------------------------------------ */

/* By input field of "user: string, n: i64?, x: f64?, s: string?"; the last ones are for whole windows alone. */
static const struct choice {
    const char *name;
    int input; /* -1: none */
    const char *type;
} choices[] = {{"count", -1, "i64"},         {"count_of", 1, "i64"},       {"sum", 1, "i64?"},    {"avg", 1, "f64?"},
               {"min", 1, "i64?"},           {"max", 2, "f64?"},           {"min", 3, "string?"}, {"max", 3, "string?"},
               {"count_distinct", 1, "i64"}, {"count_distinct", 3, "i64"}, {"sum", 2, "f64?"},    {"avg", 2, "f64?"},
               {"first", 1, "i64?"},         {"last", 3, "string?"}};
#define ALL_CHOICES    ((int)(sizeof choices / sizeof *choices))
#define SLICED_CHOICES (ALL_CHOICES - 4)

static void use_choice(struct stage *g, struct weir_stream_node *node, const char *name, const struct choice *c)
{
    struct weir_aggregate_config *a = add_aggregate(node, name);
    a->part = weir_op_stage_part(&g->s, WEIR_AGGREGATE, c->name);
    if (c->input < 0) return;
    a->args = weir_alloc_array(1, sizeof *a->args);
    a->args[0] = (uint32_t)c->input;
    a->n_args = 1;
}

static struct weir_stream_node *fast_node(struct stage *g, const struct plan *p)
{
    struct weir_stream_node *node = weir_op_stage_node(&g->s, WEIR_NODE_WINDOW, g->in);
    weir_op_stage_key(node, "user");
    node->window = (struct weir_window_config){.periodic = true, .lateness_ms = p->lateness, .late_output = true};
    for (int i = 0; i < p->n; i++) {
        char name[16];
        snprintf(name, sizeof name, "a%d", i);
        use_choice(g, node, name, &choices[p->aggregates[i]]);
    }
    add_aggregate(node, "start")->result = WEIR_RESULT_WINDOW_START;
    weir_op_stage_output(node, "", g->out);
    weir_op_stage_output(node, "late", g->in);
    return node;
}

static struct weir_part_spec *with_duration(struct weir_part_spec *part, const char *option, int64_t ms)
{
    char text[32];
    snprintf(text, sizeof text, "%lldms", (long long)ms);
    weir_op_stage_option(part, option, text);
    return part;
}
static struct weir_part_spec *with_number(struct weir_part_spec *part, const char *option, int64_t n)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)n);
    weir_op_stage_option(part, option, text);
    return part;
}

/* The same windows with timers. */
static void make_general(struct stage *g, struct weir_stream_node *node, const struct plan *p)
{
    struct weir_part_spec *assigner = with_duration(ASSIGNER(g, "sliding", NULL, NULL), "size", p->size);
    node->window.periodic = false;
    node->window.assigner = with_duration(with_duration(assigner, "slide", p->slide), "offset", p->offset);
    node->window.trigger = TRIGGER(g, "event_time", NULL, NULL);
}

static void fast_schemas(struct stage *g, const struct plan *p)
{
    struct weir_text out = {0};
    weir_text_add(&out, "user: string");
    for (int i = 0; i < p->n; i++) weir_text_add(&out, ", a%d: %s", i, choices[p->aggregates[i]].type);
    weir_text_add(&out, ", start: timestamp");
    g->in = weir_test_schema("user: string, n: i64?, x: f64?, s: string?");
    g->out = weir_test_schema(weir_text_get(&out));
    weir_text_finish(&out);
}

/* ---- the general one ---------------------------------------------------------------------------------------------- */

static struct weir_part_spec *random_assigner(struct stage *g, struct plan *p, struct weir_random *r)
{
    static const struct {
        const char *name;
        bool merging, by_clock;
    } assigners[] = {{"tumbling", false, false},
                     {"sliding", false, false},
                     {"session", true, false},
                     {"session_by", true, false},
                     {"tumbling_processing", false, true},
                     {"sliding_processing", false, true},
                     {"session_processing", true, true},
                     {"session_processing_by", true, true},
                     {"global", false, false}};
    int which = below(r, 9);
    const char *name = assigners[which].name;
    struct weir_part_spec *part = ASSIGNER(g, name, NULL, NULL);
    p->merging = assigners[which].merging;
    p->by_clock = assigners[which].by_clock;
    if (strstr(name, "_by"))
        set_field(part, "field", 1);
    else if (p->merging)
        with_duration(part, "gap", p->size);
    else if (strcmp(name, "global") != 0)
        with_duration(part, "size", p->size);
    if (strstr(name, "sliding")) with_duration(part, "slide", p->slide);
    return part;
}

static struct weir_part_spec *random_trigger(struct stage *g, const struct plan *p, struct weir_random *r, int depth)
{
    struct weir_part_spec *part;
    switch (below(r, depth ? 9 : 7)) {
    case 0: return TRIGGER(g, "event_time", NULL, NULL);
    case 1: return TRIGGER(g, "processing_time", NULL, NULL);
    case 2: return with_number(TRIGGER(g, "count", NULL, NULL), "n", 1 + below(r, 4));
    case 3: return with_duration(TRIGGER(g, "continuous", NULL, NULL), "interval", 1 + below(r, 9));
    case 4: /* for windows of the clock alone: its last firing is at the end of the window, by the clock */
        part = TRIGGER(g, p->by_clock ? "continuous_processing" : "continuous", NULL, NULL);
        return with_duration(part, "interval", 1 + below(r, 9));
    case 5: return TRIGGER(g, p->by_clock ? "processing_time" : "event_time", NULL, NULL);
    case 6:
        if (p->merging) return TRIGGER(g, "end_of_stream", NULL, NULL);
        part = with_number(TRIGGER(g, "delta", NULL, NULL), "threshold", below(r, 12));
        set_field(part, "field", 1);
        return part;
    case 7: return around(g, "purging", random_trigger(g, p, r, depth - 1));
    default:
        part = with_duration(around(g, "timeout", random_trigger(g, p, r, depth - 1)), "after", 1 + below(r, 15));
        weir_op_stage_option(part, "reset", below(r, 2) ? "true" : "false");
        weir_op_stage_option(part, "clear", below(r, 2) ? "true" : "false");
        return part;
    }
}

static struct weir_part_spec *random_evictor(struct stage *g, struct weir_random *r)
{
    struct weir_part_spec *part;
    int which = below(r, 3);
    if (which == 0) {
        part = with_number(EVICTOR(g, "count", NULL, NULL), "n", 1 + below(r, 4));
    } else if (which == 1) {
        part = with_duration(EVICTOR(g, "time", NULL, NULL), "span", 1 + below(r, 10));
    } else {
        part = with_number(EVICTOR(g, "delta", NULL, NULL), "threshold", below(r, 12));
        set_field(part, "field", 1);
    }
    weir_op_stage_option(part, "after", below(r, 2) ? "true" : "false");
    return part;
}

static void use_reducer(struct stage *g)
{
    struct weir_window_config *w = &g->node->window;
    drop_aggregates(g);
    weir_schema_release(g->out);
    weir_schema_release(g->node->outputs[0].schema);
    g->out = weir_schema_retain(g->in);
    g->node->outputs[0].schema = weir_schema_retain(g->in);
    w->reducer = weir_op_stage_part(&g->s, WEIR_REDUCER, "sum");
    set_field(w->reducer, "field", 1);
    w->reducer_args = weir_alloc_array(2, sizeof *w->reducer_args);
    w->reducer_args[1] = 1;
    w->n_reducer_args = 2;
}

#define KEYED(p, rest) ((p)->all ? rest : "user: string, " rest)

static void use_content(struct stage *g, struct plan *p, struct weir_random *r)
{
    if (p->content == TALKATIVE && p->merging) p->content = ENDS; /* states of windows that merge are refused */
    if (p->content == REDUCER) use_reducer(g);
    if (p->content == ENDS || p->content == TALKATIVE) drop_aggregates(g);
    if (p->content == ENDS) use_function(g, "ends", KEYED(p, "rows: i64, first: i64, last: i64"), 1);
    if (p->content == TALKATIVE) {
        use_function(g, "talkative", KEYED(p, "n: i64, firing: i64, seen: i64, ever: i64, rows: i64, ended: i64"), 1);
        with_number(g->node->window.function, "copies", 1 + below(r, 2));
        g->second = weir_test_schema(KEYED(p, "start: i64, firings: i64"));
        weir_op_stage_output(g->node, "ended", g->second);
    }
    if (p->content == NUMBERED) {
        g->node->window.aggregated = weir_schema_retain(g->out);
        use_function(g, "numbered", KEYED(p, "firing: i64, c: i64"), p->all ? 0 : 1);
    }
}

static void general_node(struct stage *g, struct plan *p, struct weir_random *r)
{
    g->in = weir_test_schema("user: string, n: i64");
    g->out = weir_test_schema(KEYED(p, "c: i64, total: i64?"));
    g->node = weir_op_stage_node(&g->s, WEIR_NODE_WINDOW, g->in);
    if (!p->all) weir_op_stage_key(g->node, "user");
    weir_op_stage_output(g->node, "", g->out);
    use_choice(g, g->node, "c", &choices[0]);
    use_choice(g, g->node, "total", &choices[2]);
    g->node->window.assigner = random_assigner(g, p, r);
    g->node->window.trigger = random_trigger(g, p, r, 2);
    if (below(r, 3) == 0) g->node->window.evictor = random_evictor(g, r);
    use_content(g, p, r);
    g->node->window.lateness_ms = p->lateness;
    late_output(g);
}

/* ---- streams ------------------------------------------------------------------------------------------------------ */

static struct plan random_plan(struct weir_random *r)
{
    struct plan p = {.way = (enum way)below(r, 3), .sends_watermark_again = below(r, 2), .n = 1 + below(r, 4)};
    p.slide = 1 + below(r, one_of(r, 5, 20, 40));
    p.size = p.way == SLICED ? p.slide + 1 + below(r, 5 * (int)p.slide) : 1 + below(r, one_of(r, 5, 20, 60));
    if (p.way == GENERAL && p.size > 20) p.size = 20;
    if (p.way == WHOLE && below(r, 2)) p.slide = p.size;
    p.offset = below(r, (int)p.slide);
    p.lateness = one_of(r, 0, below(r, (int)p.slide + 1), below(r, 2 * (int)p.size + 1));
    for (int i = 0; i < p.n; i++) p.aggregates[i] = below(r, p.way == SLICED ? SLICED_CHOICES : ALL_CHOICES);
    p.content = (enum content)below(r, N_CONTENTS);
    p.all = p.way == GENERAL && below(r, 6) == 0;
    p.keys = one_of(r, 1, 5, 20);
    p.disorder = one_of(r, 1, 1 + (int)p.slide, 1 + 2 * (int)p.size);
    p.delay = one_of(r, 0, 1 + (int)p.slide, 1 + (int)p.size);
    p.step = one_of(r, 1, 1 + (int)p.slide / 4, (int)p.size);
    p.rounds = 10 + below(r, 30);
    p.rows = 1 + below(r, 12);
    return p;
}

/* Of the numbers, sums depend on the order in the last digits, and on the sign of what is left of large ones. */
static void add_row(struct weir_text *t, struct weir_random *r, const struct plan *p, int64_t now)
{
    static const char *const numbers[] = {"null", "1e16", "-1e16", "0.1", "3.7", "-2.25", "1e9", "-1e9"};
    int64_t at = now - below(r, p->disorder);
    weir_text_add(t, "%lld | k%d, ", (long long)(at < 0 ? 0 : at), below(r, p->keys));
    if (p->way == GENERAL) {
        weir_text_add(t, "%d\n", 1 + below(r, 15));
        return;
    }
    if (below(r, 5) == 0)
        weir_text_add(t, "null");
    else
        weir_text_add(t, "%d", below(r, 50) - 25);
    weir_text_add(t, ", %s", numbers[below(r, 8)]);
    if (below(r, 5) == 0)
        weir_text_add(t, ", null\n");
    else
        weir_text_add(t, ", word%d\n", below(r, 30));
}

struct run {
    struct weir_random r;
    struct plan p;
    struct crew through, cut;
    int64_t now, mark;
    size_t bytes; /* of results */
    int cuts;
};

static void set_up(struct run *run, struct stage *g)
{
    static const uint32_t batch_rows[] = {1, 7, 1024};
    struct plan *p = &run->p;
    g->second = NULL;
    if (p->way == GENERAL) {
        general_node(g, p, &run->r);
    } else {
        fast_schemas(g, p);
        g->node = fast_node(g, p);
    }
    run->cut =
        (struct crew){.g = g, .node = g->node, .way = p->way, .ports = {g->out, g->second ? g->second : g->in, g->in}};
    run->cut.times = (struct weir_time_windows){p->size, p->slide, p->offset, p->lateness};
    run->through = run->cut;
    if (p->way != GENERAL && !p->sends_watermark_again) {
        run->through.node = fast_node(g, p);
        run->through.way = GENERAL;
        make_general(g, run->through.node, p);
    }
    crew_begin(&run->through, 1, 1024, NULL, 0);
    crew_begin(&run->cut, p->all ? 1 : 1u << below(&run->r, 3), batch_rows[below(&run->r, 3)], NULL, 0);
}

static void tear_down_run(struct run *run, struct stage *g)
{
    crew_end(&run->through);
    crew_end(&run->cut);
    weir_text_finish(&run->through.text);
    weir_text_finish(&run->cut.text);
    weir_schema_release(g->in);
    weir_schema_release(g->out);
    weir_schema_release(g->second);
}

static void feed_both(struct run *run)
{
    struct weir_text rows = {0};
    for (int i = 0; i < run->p.rows; i++) {
        add_row(&rows, &run->r, &run->p, run->now);
        if (below(&run->r, 3) == 0) run->now += below(&run->r, run->p.step + 1);
    }
    crew_feed(&run->through, weir_text_get(&rows));
    crew_feed(&run->cut, weir_text_get(&rows));
    weir_text_finish(&rows);
}

static void send_watermark(struct run *run, int64_t mark)
{
    if (mark <= run->mark) return;
    run->mark = mark;
    crew_watermark(&run->through, mark);
    crew_watermark(&run->cut, mark);
}

static void move_clock(struct run *run, int ms)
{
    run->cut.g->s.now_ms += ms;
    crew_clock(&run->through);
    crew_clock(&run->cut);
}

/* Time may pass between the cut and the first step after it. */
static void cut(struct run *run)
{
    static const uint32_t batch_rows[] = {1, 7, 1024};
    run->cuts++;
    crew_break(&run->cut, run->p.all ? 1 : 1u << below(&run->r, 3), batch_rows[below(&run->r, 3)]);
    if (!run->p.sends_watermark_again) {
        run->mark = INT64_MIN;
        run->through.ops[0]->watermark = INT64_MIN;
    } else if (run->mark > INT64_MIN) {
        /* TRAP of A5.1: a timer set behind the watermark fires with the next one, which this is */
        if (run->p.way == GENERAL) crew_watermark(&run->through, run->mark);
        crew_watermark(&run->cut, run->mark);
    }
    move_clock(run, below(&run->r, 3) ? 0 : below(&run->r, 30));
}

static void step(struct run *run)
{
    struct weir_random *r = &run->r;
    int what = below(r, 8);
    if (what < 4) feed_both(run);
    if (what == 4 || what == 5) send_watermark(run, run->now - run->p.delay - below(r, 2 * (int)run->p.size + 1));
    if (what == 6) move_clock(run, below(r, 10));
    if (what == 7) cut(run);
    if (below(r, 40) == 0) run->now += 5 * run->p.size; /* a silence */
}

static bool run_case(struct stage *g, uint64_t seed, size_t *bytes)
{
    struct run run = {.r = {seed}, .mark = INT64_MIN};
    run.p = random_plan(&run.r);
    g->s.now_ms = 1000;
    set_up(&run, g);
    run.now = below(&run.r, 500);
    bool same = true;
    for (int i = 0; same && i < run.p.rounds; i++) {
        step(&run);
        *bytes += strlen(weir_text_get(&run.through.text));
        same = same_results(&run.through, &run.cut);
    }
    if (same) {
        move_clock(&run, 1000);
        send_watermark(&run, run.now + 500); /* not the last one: a continuous trigger on a global window fires up to it */
        same = same_results(&run.through, &run.cut);
    }
    if (!same)
        fprintf(
            stderr,
            "seed %llu: way %d, watermark again %d, size %lld, slide %lld, offset %lld, lateness %lld, content %d, cuts %d, "
            "parallelism %u\n",
            (unsigned long long)seed, run.p.way, run.p.sends_watermark_again, (long long)run.p.size, (long long)run.p.slide,
            (long long)run.p.offset, (long long)run.p.lateness, run.p.content, run.cuts, run.cut.n);
    tear_down_run(&run, g);
    return same;
}

/* WEIR_CASES=10000 for the long run, WEIR_SEED=n WEIR_CASES=1 for one case. */
static void a_cut_changes_nothing(void)
{
    const char *from = getenv("WEIR_SEED"), *cases = getenv("WEIR_CASES");
    uint64_t first = from ? strtoull(from, NULL, 10) : 1, n = cases ? strtoull(cases, NULL, 10) : 400;
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

WEIR_SUITE(cut_random) = {{"a cut changes nothing", a_cut_changes_nothing}, {NULL, NULL}};
