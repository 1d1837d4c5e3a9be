/* Joins, and components with timers, in a store: what rows and timers are going to ask for is read before they do, beside
 * the slot; against the same on the heap. */
#include "base/random.h"
#include "data/key.h"
#include "harness/store_stage.h"
#include "join_stage.h"

#define KEYS   3000
#define ROWS   64
#define GROUPS 128

/* The same node twice: a in a store, b on the heap. */
struct pair {
    struct stage a, b;
    struct store_stage store;
    struct weir_random random;
};

static void add_rows(struct pair *p, uint32_t input, int64_t from)
{
    static const uint32_t key[] = {0};
    struct weir_text text = {0};
    const char *rest = !p->a.in2 ? "" : input == 0 ? ", 7, a note" : ", 8";
    for (int i = 0; i < ROWS; i++)
        weir_text_add(&text, "%lld | %llu%s\n", (long long)(from + (int64_t)weir_random_below(&p->random, 40)),
                      (unsigned long long)weir_random_below(&p->random, KEYS), rest);
    struct weir_rows *rows[2];
    for (int i = 0; i < 2; i++) {
        struct stage *g = i == 0 ? &p->a : &p->b;
        rows[i] = weir_test_keyed_rows(g->s.env.pool, input ? g->in2 : g->in, weir_text_get(&text), key, 1, GROUPS);
        g->input = input;
    }
    store_stage_prepare(&p->store, p->a.op, input, rows[0]);
    CU_ASSERT_EQUAL(stage_rows(&p->a, rows[0]), WEIR_OK);
    CU_ASSERT_EQUAL(stage_rows(&p->b, rows[1]), WEIR_OK);
    weir_text_finish(&text);
}

static void advance(struct pair *p, int64_t to)
{
    weir_status s = WEIR_MORE;
    p->a.op->watermark = to;
    while (s == WEIR_MORE) {
        s = p->a.op->class->watermark(p->a.op, to);
        stage_take(&p->a);
        store_stage_fired(&p->store, p->a.op, s);
    }
    CU_ASSERT_EQUAL(s, WEIR_OK);
    stage_watermark(&p->b, to);
    stage_expect(&p->a, weir_text_get(&p->b.text));
    weir_text_finish(&p->b.text);
}

/* More keys than the cache holds (the batch in which it becomes full finds what it needs gone); rows out of order, and
 * timers a few at each time. */
static void run(struct pair *p, int batches)
{
    size_t before = 0;
    for (int i = 0; i < batches; i++) {
        for (uint32_t input = 0; input < (p->a.in2 ? 2 : 1); input++) add_rows(p, input, i * 10);
        if (i % 2 == 1) advance(p, i * 10 - 300);
        if (i == 20) before = store_stage_gets_on_the_slot(&p->store);
    }
    CU_ASSERT_EQUAL(store_stage_gets_on_the_slot(&p->store), before);
    CU_ASSERT(p->store.n_waits > 20);
    advance(p, INT64_MAX);
    stage_end(&p->a);
    stage_end(&p->b);
    store_stage_end(&p->store);
}

static void interval_joins_ask_nothing_on_the_slot(void)
{
    static struct pair p;
    p = (struct pair){.random = {3}};
    join_prepare(&p.a, -150, 200, 1024);
    store_stage_begin(&p.store, &p.a.s.env, 400000);
    join_start(&p.a);
    join_init(&p.b, -150, 200, 1024);
    run(&p, 120);
}

static void begin_buckets(struct stage *g, struct store_stage *store)
{
    stage_init(g, WEIR_NODE_OPERATOR, "k: i64", "k: i64, n: i64");
    stage_component(g, WEIR_OPERATOR, "buckets");
    stage_option(g, "after", "20");
    weir_op_stage_key(g->node, "k");
    if (store) store_stage_begin(store, &g->s.env, 150000);
    stage_start(g);
}

static void timers_of_components_ask_nothing_on_the_slot(void)
{
    static struct pair p;
    p = (struct pair){.random = {3}};
    begin_buckets(&p.a, &p.store);
    begin_buckets(&p.b, NULL);
    run(&p, 200);
}

WEIR_SUITE(keys_ahead) = {
    {"interval joins ask nothing on the slot", interval_joins_ask_nothing_on_the_slot},
    {"timers of components ask nothing on the slot", timers_of_components_ask_nothing_on_the_slot},
    {NULL, NULL},
};
