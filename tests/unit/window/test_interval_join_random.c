/* The interval join against a model written from the rules (semantics A5.7): every pair of rows is looked at. Random bounds,
 * keys, times, late rows, watermarks in between; batches cut at 1, 7 and 1024 rows. */
#include "base/random.h"
#include "unit/window/join_stage.h"

#ifdef WEIR_SANITIZED
#define CASES 100
#else
#define CASES 400
#endif
#define MOST  400

struct event { /* a row, or a watermark (side -1) */
    int side;
    int64_t time, key, value;
    bool late, gone;
};

struct script {
    int64_t lower, upper;
    struct event events[MOST];
    size_t n;
};

/* ---- the model ------------------------------------------------------------------------------------------------------- */

static bool pairs_up(const struct script *s, const struct event *left, const struct event *right)
{
    return left->key == right->key && left->time + s->lower <= right->time && right->time <= left->time + s->upper;
}

static void write_row(struct weir_text *t, const struct event *e)
{
    if (e->side == 1)
        weir_text_add(t, "%d, %d", (int)e->key, (int)e->value);
    else if (e->value % 3 == 0)
        weir_text_add(t, "%d, %d, null", (int)e->key, (int)e->value);
    else
        weir_text_add(t, "%d, %d, n%d", (int)e->key, (int)e->value, (int)e->value);
}

static void write_pair(struct weir_text *t, const struct event *left, const struct event *right)
{
    weir_text_add(t, "%d | ", (int)(left->time > right->time ? left->time : right->time));
    write_row(t, left);
    weir_text_add(t, ", ");
    write_row(t, right);
    weir_text_add(t, "\n");
}

/* The partners of event i in order of time, then arrival: by looking for the least one that is left. */
static void model_row(struct script *s, size_t i, struct weir_text *out)
{
    struct event *own = &s->events[i];
    bool given[MOST] = {false};
    for (;;) {
        size_t best = MOST;
        for (size_t k = 0; k < i; k++) {
            const struct event *e = &s->events[k];
            if (e->side != 1 - own->side || e->late || e->gone || given[k]) continue;
            if (!(own->side == 0 ? pairs_up(s, own, e) : pairs_up(s, e, own))) continue;
            if (best == MOST || e->time < s->events[best].time) best = k;
        }
        if (best == MOST) return;
        given[best] = true;
        if (own->side == 0)
            write_pair(out, own, &s->events[best]);
        else
            write_pair(out, &s->events[best], own);
    }
}

static void model(struct script *s, struct weir_text *out, struct weir_text *late)
{
    int64_t watermark = INT64_MIN;
    int64_t waits[2] = {s->upper > 0 ? s->upper : 0, s->lower < 0 ? -s->lower : 0};
    for (size_t i = 0; i < s->n; i++) {
        struct event *e = &s->events[i];
        if (e->side < 0) {
            watermark = e->time;
            for (size_t k = 0; k < i; k++) {
                struct event *row = &s->events[k];
                if (row->side >= 0 && row->time + waits[row->side] <= watermark) row->gone = true;
            }
        } else if (e->time < watermark) {
            e->late = true;
            weir_text_add(late, "%d> %d | ", e->side + 1, (int)e->time);
            write_row(late, e);
            weir_text_add(late, "\n");
        } else {
            model_row(s, i, out);
        }
    }
}

/* ---- the operator ---------------------------------------------------------------------------------------------------- */

/* Rows of one side that follow each other, as many as `most`. */
static size_t run_of_rows(const struct script *s, size_t from, size_t most, struct weir_text *rows)
{
    size_t i = from;
    for (; i < s->n && i - from < most && s->events[i].side == s->events[from].side; i++) {
        weir_text_add(rows, "%d | ", (int)s->events[i].time);
        write_row(rows, &s->events[i]);
        weir_text_add(rows, "\n");
    }
    return i;
}

static void play(const struct script *s, uint32_t cut, struct weir_text *out, struct weir_text *late)
{
    static const uint32_t key[] = {0};
    struct stage g;
    join_prepare(&g, s->lower, s->upper, cut);
    stage_side(&g, "late_a", LEFT);
    stage_side(&g, "late_b", RIGHT);
    g.node->join.late_output = true;
    join_start(&g);
    for (size_t i = 0; i < s->n;) {
        if (s->events[i].side < 0) {
            stage_watermark(&g, s->events[i++].time);
            continue;
        }
        struct weir_text rows = {0};
        g.input = (uint32_t)s->events[i].side;
        i = run_of_rows(s, i, cut, &rows);
        struct weir_schema *schema = g.input ? g.in2 : g.in;
        CU_ASSERT_EQUAL(stage_rows(&g, weir_test_keyed_rows(g.s.env.pool, schema, weir_text_get(&rows), key, 1,
                                                            g.s.env.max_parallelism)),
                        WEIR_OK);
        weir_text_finish(&rows);
    }
    stage_watermark(&g, INT64_MAX);
    split_ports(&g.text, out, late);
    stage_end(&g);
}

static struct script random_script(struct weir_random *r)
{
    struct script s = {.lower = (int64_t)(weir_random_next(r) % 21) - 10};
    int64_t now = 100, watermark = INT64_MIN;
    s.upper = s.lower + (int64_t)(weir_random_next(r) % 12);
    s.n = 20 + weir_random_next(r) % (MOST - 20);
    uint64_t keys = 1 + weir_random_next(r) % 4, calm = 1 + weir_random_next(r) % 8;
    int side = 0;
    for (size_t i = 0; i < s.n; i++) {
        uint64_t what = weir_random_next(r) % 16;
        if (weir_random_next(r) % calm == 0) side = 1 - side;
        if (what == 0) {
            int64_t w = now - (int64_t)(weir_random_next(r) % 4);
            if (w > watermark) watermark = w;
            s.events[i] = (struct event){.side = -1, .time = watermark};
            continue;
        }
        now += weir_random_next(r) % 3 == 0;
        int64_t time = now + (int64_t)(weir_random_next(r) % 13) - 6;
        if (what == 1 && watermark > 0) time = watermark - (int64_t)(weir_random_next(r) % 2); /* at it, and just before */
        s.events[i] =
            (struct event){.side = side, .time = time, .key = (int64_t)(weir_random_next(r) % keys), .value = (int64_t)i};
    }
    return s;
}

static void random_joins_are_those_of_the_model(void)
{
    static const uint32_t cuts[] = {1, 7, 1024};
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        struct weir_random r = {seed};
        struct script s = random_script(&r);
        struct weir_text expected = {0}, expected_late = {0};
        model(&s, &expected, &expected_late);
        for (size_t i = 0; i < WEIR_LEN(cuts); i++) {
            struct weir_text out = {0}, late = {0};
            play(&s, cuts[i], &out, &late);
            bool same = strcmp(weir_text_get(&out), weir_text_get(&expected)) == 0 &&
                        strcmp(weir_text_get(&late), weir_text_get(&expected_late)) == 0;
            CU_ASSERT(same);
            if (!same)
                fprintf(stderr, "seed %d, cut %u, [%d, %d]:\nexpected:\n%s%sfound:\n%s%s", (int)seed, cuts[i], (int)s.lower,
                        (int)s.upper, weir_text_get(&expected), weir_text_get(&expected_late), weir_text_get(&out),
                        weir_text_get(&late));
            weir_text_finish(&out);
            weir_text_finish(&late);
            if (!same) seed = CASES;
        }
        weir_text_finish(&expected);
        weir_text_finish(&expected_late);
    }
}

WEIR_SUITE(interval_join_random) = {{"random joins are those of the model", random_joins_are_those_of_the_model},
                                    {NULL, NULL}};
