/* Sliced windows against whole ones: the same rows, out of order and late, cut into other batches, give the same results in
 * the same order. A case that differs prints its seed. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "harness/op_env.h"
#include "harness/rows_text.h"
#include "harness/suite.h"
#include "random_rows.h"
#include "window/window_internal.h"

#define MOST_AGGREGATES 6

struct plan {
    int64_t size, slide, offset, lateness;
    bool late_output;
    int n, aggregates[MOST_AGGREGATES];
    struct flow flow;
    int groups; /* of keys: one that has them all, or few keys in each */
};

/* ---- an operator on its own ---------------------------------------------------------------------------------------- */

struct side {
    struct weir_op *op;
    struct weir_op_env env;
    struct weir_text text, late; /* by port: the order between ports is nobody's business */
    weir_status status;
};
struct stage {
    struct weir_op_stage s;
    struct weir_schema *in, *out;
    struct weir_stream_node *node;
    struct weir_time_windows times;
};

static void begin_stage(struct stage *g, const struct plan *p)
{
    struct weir_text out = {0};
    weir_text_add(&out, "user: string");
    g->in = weir_test_schema(RANDOM_ROWS);
    g->node = weir_op_stage_node(&g->s, WEIR_NODE_WINDOW, g->in);
    weir_op_stage_key(g->node, "user");
    g->node->window = (struct weir_window_config){.lateness_ms = p->lateness, .late_output = p->late_output};
    g->times = (struct weir_time_windows){
        .size_ms = p->size, .slide_ms = p->slide, .offset_ms = p->offset, .lateness_ms = p->lateness};
    add_choices(&g->s, g->node, p->aggregates, p->n, &out);
    weir_op_stage_aggregate(&g->s, g->node, "end", NULL, -1)->result = WEIR_RESULT_WINDOW_END;
    weir_text_add(&out, ", end: timestamp");
    g->out = weir_test_schema(weir_text_get(&out));
    weir_op_stage_output(g->node, "", g->out);
    if (p->late_output) weir_op_stage_output(g->node, "late", g->in);
    weir_text_finish(&out);
}

static void end_stage(struct stage *g)
{
    weir_schema_release(g->in);
    weir_schema_release(g->out);
}

static void begin_side(struct stage *g, struct side *side, bool sliced, uint32_t batch_rows)
{
    struct weir_error error = {0};
    *side = (struct side){.env = g->s.env};
    side->env.batch_rows = batch_rows;
    side->op = weir__window_op_create(g->node, &g->times, &side->env, g->s.registry, "node 'w'", sliced, &error);
    if (!side->op) fprintf(stderr, "%s\n", error.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(side->op);
    CU_ASSERT_EQUAL(side->op->class->open(side->op), WEIR_OK);
}

static void end_side(struct side *side)
{
    side->op->class->close(side->op);
    side->op->class->destroy(side->op);
    weir_text_finish(&side->text);
    weir_text_finish(&side->late);
}

static void drain(struct stage *g, struct side *side)
{
    struct weir_schema *schemas[] = {g->out, g->in};
    struct weir_text all = {0};
    weir_test_drain(&all, side->op, schemas);
    for (const char *line = weir_text_get(&all), *end; *line; line = end) {
        end = strchr(line, '\n') + 1;
        weir_text_add(line[1] == '>' ? &side->late : &side->text, "%.*s", (int)(end - line), line);
    }
    weir_text_finish(&all);
}

static void feed(struct stage *g, struct side *side, const char *text)
{
    static const uint32_t key[] = {0};
    struct weir_rows *rows = weir_test_keyed_rows(g->s.env.pool, g->in, text, key, 1, side->env.max_parallelism);
    int64_t row = 0;
    do {
        side->status = side->op->class->rows(side->op, 0, rows, &row);
        drain(g, side);
    } while (side->status == WEIR_MORE);
    weir_rows_release(rows);
}

static void watermark(struct stage *g, struct side *side, int64_t at)
{
    side->op->watermark = at;
    do {
        side->status = side->op->class->watermark(side->op, at);
        drain(g, side);
    } while (side->status == WEIR_MORE);
}

/* ---- random streams ------------------------------------------------------------------------------------------------ */

static struct plan random_plan(struct weir_random *r)
{
    struct plan p = {.slide = 1 + below(r, one_of(r, 5, 20, 100)), .n = 1 + below(r, MOST_AGGREGATES)};
    int shape = below(r, 8);
    p.size = shape == 0 ? 1 + below(r, 60) : p.slide * (1 + below(r, one_of(r, 3, 10, 40)));
    if (shape > 4) p.size += below(r, (int)p.slide);
    p.offset = below(r, (int)(2 * p.slide - 1)) - p.slide + 1;
    p.lateness = one_of(r, 0, below(r, (int)p.slide + 1), below(r, (int)(2 * p.size)));
    p.late_output = below(r, 2);
    for (int i = 0; i < p.n; i++) p.aggregates[i] = below(r, SLICED_CHOICES);
    p.flow = (struct flow){.keys = one_of(r, 1, 5, 40),
                           .disorder = one_of(r, 1, 1 + (int)p.slide, 1 + 2 * (int)p.size),
                           .delay = one_of(r, 0, 1 + (int)p.slide, 1 + (int)p.size),
                           .step = one_of(r, 1, 1 + (int)p.slide / 4, 2 * (int)p.size),
                           .rounds = 5 + below(r, 40),
                           .rows = 1 + below(r, 30)};
    p.groups = below(r, 2) ? 1 : 128;
    return p;
}

static void add_row(struct weir_text *t, struct weir_random *r, const struct flow *flow, int64_t now)
{
    weir_text_add(t, "%lld | k%d", (long long)(now - below(r, flow->disorder)), below(r, flow->keys));
    add_values(t, r);
    weir_text_add(t, "\n");
}

/* The lines of `text` in random pieces. */
static void feed_pieces(struct stage *g, struct side *side, const char *text, struct weir_random *r)
{
    int most = one_of(r, 1, 3, 30);
    while (*text) {
        const char *end = text;
        for (int lines = 1 + below(r, most); *end && lines > 0; lines--) end = strchr(end, '\n') + 1;
        char *piece = weir_format("%.*s", (int)(end - text), text);
        feed(g, side, piece);
        weir_free(piece);
        text = end;
    }
}

static bool same(const struct side *a, const struct side *b)
{
    return a->status == b->status && a->op->counters.late == b->op->counters.late &&
           a->op->counters.accepted == b->op->counters.accepted &&
           strcmp(weir_text_get(&a->text), weir_text_get(&b->text)) == 0 &&
           strcmp(weir_text_get(&a->late), weir_text_get(&b->late)) == 0;
}

static void show(uint64_t seed, const struct plan *p, const struct side *whole, const struct side *sliced)
{
    const char *a = weir_text_get(&whole->text), *b = weir_text_get(&sliced->text);
    size_t at = 0;
    while (a[at] && a[at] == b[at]) at++;
    while (at > 0 && a[at - 1] != '\n') at--;
    fprintf(stderr,
            "\nseed %llu: size %lld, slide %lld, offset %lld, lateness %lld; whole windows:\n%.200s\nslices:\n%.200s\n",
            (unsigned long long)seed, (long long)p->size, (long long)p->slide, (long long)p->offset, (long long)p->lateness,
            a + at, b + at);
}

/* Returns the bytes of results, so that a test can see that there were some. */
static size_t run_case(struct stage *g, uint64_t seed)
{
    struct weir_random r = {seed};
    struct plan p = random_plan(&r);
    struct side whole, sliced;
    struct weir_text rows = {0};
    begin_stage(g, &p);
    g->s.env.max_parallelism = (uint32_t)p.groups;
    begin_side(g, &whole, false, 1024);
    begin_side(g, &sliced, true, some_batch_rows(&r));
    int64_t now = below(&r, 2000) - 1000, mark = INT64_MIN;
    bool right = true;
    for (int i = 0; right && i < p.flow.rounds; i++) {
        for (int n = 0; n < p.flow.rows; n++) {
            add_row(&rows, &r, &p.flow, now);
            if (below(&r, 3) == 0) now += below(&r, p.flow.step + 1);
        }
        if (below(&r, 30) == 0) now += 10 * p.size; /* a silence */
        feed(g, &whole, weir_text_get(&rows));
        feed_pieces(g, &sliced, weir_text_get(&rows), &r);
        weir_text_finish(&rows);
        if (below(&r, 3) > 0 && now - p.flow.delay > mark) mark = now - p.flow.delay;
        if (i == p.flow.rounds - 1) mark = INT64_MAX;
        watermark(g, &whole, mark);
        watermark(g, &sliced, mark);
        right = same(&whole, &sliced);
    }
    CU_ASSERT(right);
    if (!right) show(seed, &p, &whole, &sliced);
    size_t bytes = strlen(weir_text_get(&whole.text));
    end_side(&whole);
    end_side(&sliced);
    end_stage(g);
    return bytes;
}

static void slices_change_nothing(void)
{
    struct weir_cases cases = weir_cases(200);
    size_t bytes = 0;
    unsigned failures = CU_get_number_of_failures();
    for (uint64_t seed = cases.first; seed < cases.end && CU_get_number_of_failures() == failures;) {
        struct stage g = {0};
        weir_op_stage_init(&g.s);
        for (int i = 0; i < 50 && seed < cases.end; i++) bytes += run_case(&g, seed++);
        weir_op_stage_finish(&g.s);
    }
    CU_ASSERT(cases.is_chosen || bytes > (cases.end - cases.first) * 500);
}

/* ---- what may be sliced -------------------------------------------------------------------------------------------- */

static bool can_slice(int64_t size, int64_t slide, const char *component, int input)
{
    struct stage g = {0};
    const struct plan p = {.size = size, .slide = slide};
    weir_op_stage_init(&g.s);
    begin_stage(&g, &p);
    weir_op_stage_aggregate(&g.s, g.node, "more", component, input);
    bool can = weir__window_can_slice(g.node, &g.times);
    end_stage(&g);
    weir_op_stage_finish(&g.s);
    return can;
}

static void windows_share_slices_where_declarations_allow_it(void)
{
    CU_ASSERT(can_slice(60, 1, "count", -1));
    CU_ASSERT(can_slice(60, 7, "sum", 1));
    CU_ASSERT(can_slice(60, 7, "avg", 1));
    CU_ASSERT(can_slice(60, 7, "max", 2));
    CU_ASSERT_FALSE(can_slice(60, 7, "sum", 2)); /* of floats: rounds by order */
    CU_ASSERT_FALSE(can_slice(60, 7, "avg", 2));
    CU_ASSERT_FALSE(can_slice(60, 7, "first", 1));   /* by order of arrival */
    CU_ASSERT_FALSE(can_slice(60, 60, "count", -1)); /* nothing to share */
    CU_ASSERT_FALSE(can_slice(10, 60, "count", -1));
}

/* A sum that does not fit on the way, but does in the end; and one that does not fit in the end. */
static void sums_too_large_are_the_same_error(void)
{
    static const char *const streams[] = {
        "1 | ann, 9223372036854775807, null, null\n12 | ann, 1, null, null\n13 | ann, -1, null, null\n",
        "1 | bob, 5, null, null\n2 | ann, 9223372036854775807, null, null\n12 | ann, 1, null, null\n"};
    for (int i = 0; i < 2; i++) {
        struct stage g = {0};
        struct side side[2];
        struct plan p = {.size = 30, .slide = 10, .n = 1, .aggregates = {2}};
        weir_op_stage_init(&g.s);
        begin_stage(&g, &p);
        for (int sliced = 0; sliced < 2; sliced++) {
            begin_side(&g, &side[sliced], sliced, 1024);
            feed(&g, &side[sliced], streams[i]);
            CU_ASSERT_EQUAL(side[sliced].status, WEIR_OK);
            watermark(&g, &side[sliced], INT64_MAX);
            CU_ASSERT_EQUAL(side[sliced].status, i == 0 ? WEIR_OK : WEIR_E_DATA);
        }
        CU_ASSERT(same(&side[0], &side[1]));
        CU_ASSERT_STRING_EQUAL(side[0].op->error.text, side[1].op->error.text);
        if (i == 1) WEIR_ASSERT_CONTAINS(side[1].op->error.text, "no longer fits in i64");
        end_side(&side[0]);
        end_side(&side[1]);
        end_stage(&g);
        weir_op_stage_finish(&g.s);
    }
}

/* 60 windows hold a row, and one slice does. */
static void a_row_is_kept_once(void)
{
    struct stage g = {0};
    struct side side;
    const struct plan p = {.size = 60, .slide = 1, .n = 1};
    weir_op_stage_init(&g.s);
    begin_stage(&g, &p);
    begin_side(&g, &side, true, 1024);
    feed(&g, &side, "70 | ann, 1, null, null\n70 | ann, 1, null, null\n70 | bob, 1, null, null\n");
    const struct weir_state_set *state = weir__window_of(side.op)->aggregates.state;
    CU_ASSERT_EQUAL(state->ops->entries(state, 0), 2);
    watermark(&g, &side, 128);
    CU_ASSERT_EQUAL(side.op->counters.rows_out, 2 * 59);
    CU_ASSERT_EQUAL(state->ops->entries(state, 0), 2);
    watermark(&g, &side, 129);
    CU_ASSERT_EQUAL(side.op->counters.rows_out, 2 * 60);
    CU_ASSERT_EQUAL(state->ops->entries(state, 0), 0);
    end_side(&side);
    end_stage(&g);
    weir_op_stage_finish(&g.s);
}

WEIR_SUITE(slices_random) = {
    {"slices change nothing", slices_change_nothing},
    {"windows share slices where declarations allow it", windows_share_slices_where_declarations_allow_it},
    {"sums too large are the same error", sums_too_large_are_the_same_error},
    {"a row is kept once", a_row_is_kept_once},
    {NULL, NULL}};
