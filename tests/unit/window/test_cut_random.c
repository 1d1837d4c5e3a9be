/* Window operators cut at random places and restored at parallelism 1, 2 or 4 against ones that run through: what comes
 * afterwards is the same, for each key in the same order (semantics A5.1, A5.5, A5.6, A7).
 *
 * The watermark is not restored. So either it is sent again at once, and nothing must tell the two apart; or it is not, and
 * the other one is the general operator with its watermark taken back: windows have timers for each key there, of which
 * nothing but the keyed state depends on the past. A case that differs prints its seed. */
#include "twins.h"

enum content { AGGREGATES, ENDS, TALKATIVE, NUMBERED, REDUCER, N_CONTENTS };

struct plan {
    enum way way;
    bool sends_watermark_again;
    int64_t size, slide, offset, lateness;
    /* of the fast ways */
    int n, aggregates[4];
    /* of the general one */
    enum content content;
    bool all, merging, by_clock;
};
struct run {
    struct twins t; /* first */
    struct plan p;
};

/* ---- the fast ways ------------------------------------------------------------------------------------------------ */

static struct weir_stream_node *fast_node(struct stage *g, const struct plan *p)
{
    struct weir_text out = {0};
    struct weir_stream_node *node = weir_op_stage_node(&g->s, WEIR_NODE_WINDOW, g->in);
    weir_op_stage_key(node, "user");
    node->window = (struct weir_window_config){.periodic = true, .lateness_ms = p->lateness, .late_output = true};
    weir_text_add(&out, "user: string");
    add_choices(&g->s, node, p->aggregates, p->n, &out);
    weir_op_stage_aggregate(&g->s, node, "start", NULL, -1)->result = WEIR_RESULT_WINDOW_START;
    weir_text_add(&out, ", start: timestamp");
    if (!g->out) g->out = weir_test_schema(weir_text_get(&out));
    weir_op_stage_output(node, "", g->out);
    weir_op_stage_output(node, "late", g->in);
    weir_text_finish(&out);
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
    weir_op_stage_aggregate(&g->s, g->node, "c", "count", -1);
    weir_op_stage_aggregate(&g->s, g->node, "total", "sum", 1);
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
    return p;
}

static struct flow random_flow(const struct plan *p, struct weir_random *r)
{
    return (struct flow){.keys = one_of(r, 1, 5, 20),
                         .disorder = one_of(r, 1, 1 + (int)p->slide, 1 + 2 * (int)p->size),
                         .delay = one_of(r, 0, 1 + (int)p->slide, 1 + (int)p->size),
                         .step = one_of(r, 1, 1 + (int)p->slide / 4, (int)p->size),
                         .rounds = 10 + below(r, 30),
                         .rows = 1 + below(r, 12)};
}

static void add_row(struct weir_text *text, struct twins *t)
{
    weir_text_add(text, "%lld | k%d", (long long)some_time(t), below(&t->r, t->flow.keys));
    if (t->cut.way == GENERAL)
        weir_text_add(text, ", %d", 1 + below(&t->r, 15));
    else
        add_values(text, &t->r);
    weir_text_add(text, "\n");
}

static void begin(struct run *run)
{
    struct twins *t = &run->t;
    struct stage *g = t->g;
    struct plan *p = &run->p;
    *p = random_plan(&t->r);
    t->flow = random_flow(p, &t->r);
    t->now = below(&t->r, 500);
    g->s.now_ms = 1000;
    if (p->way == GENERAL) {
        general_node(g, p, &t->r);
    } else {
        g->in = weir_test_schema(RANDOM_ROWS);
        g->node = fast_node(g, p);
    }
    t->cut = (struct crew){.g = g, .node = g->node, .way = p->way, .ports = {g->out, g->second ? g->second : g->in, g->in}};
    t->cut.times = (struct weir_time_windows){p->size, p->slide, p->offset, p->lateness};
    t->through = t->cut;
    if (p->way != GENERAL && !p->sends_watermark_again) {
        t->through.node = fast_node(g, p);
        t->through.way = GENERAL;
        make_general(g, t->through.node, p);
    }
    twins_begin(t);
}

static void move_clock(struct twins *t, int ms)
{
    t->g->s.now_ms += ms;
    crew_clock(&t->through);
    crew_clock(&t->cut);
}

/* Time may pass between the cut and the first step after it. */
static void cut(struct run *run)
{
    struct twins *t = &run->t;
    twins_cut(t);
    if (!run->p.sends_watermark_again) {
        twins_take_watermark_back(t);
    } else if (t->mark > INT64_MIN) {
        /* TRAP of A5.1: a timer set behind the watermark fires with the next one, which this is */
        if (run->p.way == GENERAL) crew_watermark(&t->through, t->mark);
        crew_watermark(&t->cut, t->mark);
    }
    move_clock(t, below(&t->r, 3) ? 0 : below(&t->r, 30));
}

static void step(struct run *run)
{
    struct twins *t = &run->t;
    int what = below(&t->r, 8);
    if (what < 4) twins_feed(t, add_row);
    if (what == 4 || what == 5) twins_watermark(t, t->now - t->flow.delay - below(&t->r, 2 * (int)run->p.size + 1));
    if (what == 6) move_clock(t, below(&t->r, 10));
    if (what == 7) cut(run);
    if (below(&t->r, 40) == 0) t->now += 5 * run->p.size; /* a silence */
}

static void tell(const struct run *run, uint64_t seed)
{
    const struct plan *p = &run->p;
    fprintf(stderr, "seed %llu: way %d, watermark again %d, size %lld, slide %lld, offset %lld, lateness %lld, content %d, ",
            (unsigned long long)seed, p->way, p->sends_watermark_again, (long long)p->size, (long long)p->slide,
            (long long)p->offset, (long long)p->lateness, p->content);
    fprintf(stderr, "cuts %d, parallelism %u\n", run->t.cuts, run->t.cut.n);
}

static bool run_case(struct stage *g, uint64_t seed, size_t *bytes)
{
    struct run run = {.t = {.g = g, .r = {seed}}};
    struct twins *t = &run.t;
    bool same = true;
    begin(&run);
    for (int i = 0; same && i < t->flow.rounds; i++) {
        step(&run);
        same = twins_agree(t, bytes);
    }
    if (same) {
        move_clock(t, 1000);
        twins_watermark(t, t->now + 500); /* not the last one: a continuous trigger on a global window fires up to it */
        same = twins_agree(t, bytes);
    }
    if (!same) tell(&run, seed);
    twins_end(t);
    return same;
}

static void a_cut_changes_nothing(void)
{
    run_twins(400, run_case);
}

WEIR_SUITE(cut_random) = {{"a cut changes nothing", a_cut_changes_nothing}, {NULL, NULL}};
