/* Joins, and components with timers, in a store: what rows and timers are going to ask for is read before they do, beside
 * the slot; against the same on the heap. */
#include "join_stage.h"
#include "store_pair.h"

#define KEYS 3000
#define ROWS 64

static void add_rows(struct store_pair *p, uint32_t input, int64_t from)
{
    struct weir_text text = {0};
    const char *rest = !p->heap.in2 ? "" : input == 0 ? ", 7, a note" : ", 8";
    for (int i = 0; i < ROWS; i++)
        weir_text_add(&text, "%lld | %llu%s\n", (long long)(from + (int64_t)weir_random_below(&p->random, 40)),
                      (unsigned long long)weir_random_below(&p->random, KEYS), rest);
    pair_rows(p, input, weir_text_get(&text));
    weir_text_finish(&text);
}

/* More keys than the cache holds (the batch in which it becomes full finds what it needs gone); rows out of order, and
 * timers a few at each time. */
static void run(struct store_pair *p, int batches)
{
    size_t before = 0;
    for (int i = 0; i < batches; i++) {
        for (uint32_t input = 0; input < (p->heap.in2 ? 2 : 1); input++) add_rows(p, input, i * 10);
        if (i % 2 == 1) pair_watermark(p, i * 10 - 300);
        if (i == 20) before = store_stage_gets_on_the_slot(&p->store);
    }
    CU_ASSERT_EQUAL(store_stage_gets_on_the_slot(&p->store), before);
    pair_end(p);
}

static void interval_joins_ask_nothing_on_the_slot(void)
{
    static struct store_pair p;
    p = (struct store_pair){.random = {3}};
    join_prepare(&p.stored, -150, 200, 1024);
    store_stage_begin(&p.store, &p.stored.s.env, 400000);
    join_start(&p.stored);
    join_init(&p.heap, -150, 200, 1024);
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
    static struct store_pair p;
    p = (struct store_pair){.random = {3}};
    begin_buckets(&p.stored, &p.store);
    begin_buckets(&p.heap, NULL);
    run(&p, 200);
}

WEIR_SUITE(keys_ahead) = {
    {"interval joins ask nothing on the slot", interval_joins_ask_nothing_on_the_slot},
    {"timers of components ask nothing on the slot", timers_of_components_ask_nothing_on_the_slot},
    {NULL, NULL},
};
