/* What windows in a store are going to ask for is read before they do, beside the slot; against the same on the heap. */
#include "base/random.h"
#include "data/key.h"
#include "general_stage.h"
#include "harness/store_stage.h"

#define KEYS   5000
#define ROWS   64
#define GROUPS 128

/* The same node twice: a in a store, b on the heap. */
struct pair {
    struct stage a, b;
    struct store_stage store;
    struct weir_random random;
};

struct shape {
    bool periodic, purges; /* with a trigger of its own */
    int64_t lag;           /* of the watermark */
    size_t cache;
    const char *assigner, *option, *value, *second, *second_value;
};

static void begin_one(struct stage *g, const struct shape *shape)
{
    struct weir_part_spec *assigner = ASSIGNER(g, shape->assigner, shape->option, shape->value);
    g->node->window.periodic = shape->periodic;
    if (shape->second) weir_op_stage_option(assigner, shape->second, shape->second_value);
    struct weir_part_spec *trigger = TRIGGER(g, "event_time", NULL, NULL);
    start(g, assigner, shape->purges ? around(g, "purging", trigger) : trigger);
}

static void begin(struct pair *p, const struct shape *shape)
{
    *p = (struct pair){.random = {7}};
    prepare(&p->a, false);
    prepare(&p->b, false);
    store_stage_begin(&p->store, &p->a.s.env, shape->cache);
    begin_one(&p->a, shape);
    begin_one(&p->b, shape);
}

static void end(struct pair *p)
{
    tear_down(&p->a);
    tear_down(&p->b);
    store_stage_end(&p->store);
}

static void add_rows(struct pair *p, int64_t from, int64_t span)
{
    static const uint32_t key[] = {0};
    struct weir_text text = {0};
    for (int i = 0; i < ROWS; i++)
        weir_text_add(&text, "%lld | u%llu, %d\n",
                      (long long)(from + (int64_t)weir_random_below(&p->random, (uint64_t)span)),
                      (unsigned long long)weir_random_below(&p->random, KEYS), i);
    struct weir_rows *rows = weir_test_keyed_rows(p->a.s.env.pool, p->a.in, weir_text_get(&text), key, 1, GROUPS);
    store_stage_prepare(&p->store, p->a.op, 0, rows);
    for (int64_t row = 0; p->a.op->class->rows(p->a.op, 0, rows, &row) == WEIR_MORE;) drain(&p->a);
    drain(&p->a);
    weir_rows_release(rows);
    feed(&p->b, weir_text_get(&text));
    weir_text_finish(&text);
}

static void advance(struct pair *p, int64_t to)
{
    weir_status s = WEIR_MORE;
    p->a.op->watermark = to;
    while (s == WEIR_MORE) {
        s = p->a.op->class->watermark(p->a.op, to);
        drain(&p->a);
        store_stage_fired(&p->store, p->a.op, s);
    }
    CU_ASSERT_EQUAL(s, WEIR_OK);
    watermark(&p->b, to);
    expect(&p->a, weir_text_get(&p->b.text));
    weir_text_finish(&p->b.text);
}

/* Some windows of more keys than the cache holds, rows out of order; gets on the slot that rows, and firing, cost, once the
 * cache has become full: the batch in which it does finds what it needs gone. */
static void run(const struct shape *shape, int batches, size_t *of_rows, size_t *of_firing)
{
    struct pair p;
    begin(&p, shape);
    *of_rows = *of_firing = 0;
    for (int i = 0; i < batches; i++) {
        size_t before = store_stage_gets_on_the_slot(&p.store);
        add_rows(&p, i * 10, 40);
        if (p.store.n_waits > 5) *of_rows += store_stage_gets_on_the_slot(&p.store) - before;
        if (i % 4 != 3) continue;
        before = store_stage_gets_on_the_slot(&p.store);
        advance(&p, i * 10 - 50 - shape->lag);
        if (p.store.n_waits > 5) *of_firing += store_stage_gets_on_the_slot(&p.store) - before;
    }
    CU_ASSERT(p.store.n_waits > 20);
    advance(&p, INT64_MAX);
    end(&p);
}

static const struct shape tumbling = {
    .periodic = true, .cache = 400000, .assigner = "tumbling", .option = "size", .value = "1s"};
static const struct shape sliding = {.periodic = true,
                                     .cache = 250000,
                                     .assigner = "sliding",
                                     .option = "size",
                                     .value = "1s",
                                     .second = "slide",
                                     .second_value = "400ms"};
static const struct shape sessions = {.cache = 400000, .assigner = "session", .option = "gap", .value = "900ms"};
static const struct shape older_sessions = {
    .lag = 1500, .cache = 1000000, .assigner = "session", .option = "gap", .value = "100ms"};
static const struct shape general = {
    .purges = true, .cache = 1600000, .assigner = "tumbling", .option = "size", .value = "1s"};
static const struct shape merging = {
    .purges = true, .cache = 1600000, .assigner = "session", .option = "gap", .value = "300ms"};

static void rows_of_windows_ask_nothing_on_the_slot(void)
{
    size_t of_rows, of_firing;
    run(&tumbling, 160, &of_rows, &of_firing);
    CU_ASSERT_EQUAL(of_rows, 0);
    run(&sliding, 160, &of_rows, &of_firing);
    CU_ASSERT_EQUAL(of_rows, 0);
}

/* But for what does not fit into the part of the cache that may be read ahead, and several new ones of a key in a batch. */
static void newest_and_older_sessions_are_read_beside_the_slot(void)
{
    size_t of_rows, of_firing;
    run(&sessions, 160, &of_rows, &of_firing);
    CU_ASSERT(of_rows < 20);
    CU_ASSERT(of_firing < 60);
    run(&older_sessions, 300, &of_rows, &of_firing); /* without the older ones: 8,705 and 9,582 */
    CU_ASSERT(of_rows < 400);
    CU_ASSERT(of_firing < 500);
}

static void rows_of_windows_with_triggers_are_read_for_beside_the_slot(void)
{
    size_t of_rows, of_firing;
    run(&general, 160, &of_rows, &of_firing); /* without what is under the ids of windows: 4,491 */
    CU_ASSERT(of_rows < 500);
    run(&merging, 160, &of_rows, &of_firing); /* 12,054, and of firing 3,958 */
    CU_ASSERT(of_rows < 2000);
    CU_ASSERT(of_firing < 3000);
}

WEIR_SUITE(ahead) = {
    {"rows of windows ask nothing on the slot", rows_of_windows_ask_nothing_on_the_slot},
    {"newest and older sessions are read beside the slot", newest_and_older_sessions_are_read_beside_the_slot},
    {"rows of windows with triggers are read for beside the slot",
     rows_of_windows_with_triggers_are_read_for_beside_the_slot},
    {NULL, NULL},
};
