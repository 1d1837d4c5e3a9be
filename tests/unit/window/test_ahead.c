/* What windows in a store are going to ask for is read before they do, beside the slot; against the same on the heap. */
#include "store_pair.h"
#include "window/window_op.h"

#define KEYS 5000
#define ROWS 64

struct shape {
    bool periodic, purges; /* with a trigger of its own */
    int64_t lag;           /* of the watermark */
    size_t cache;
    const char *assigner, *option, *value, *second, *second_value;
};

/* In a store, or, with NULL, on the heap. */
static void begin(struct stage *g, const struct shape *shape, struct store_stage *store)
{
    stage_init(g, WEIR_NODE_WINDOW, "user: string, n: i64", "user: string, c: i64, total: i64?");
    weir_op_stage_key(g->node, "user");
    weir_op_stage_aggregate(&g->s, g->node, "c", "count", -1);
    weir_op_stage_aggregate(&g->s, g->node, "total", "sum", 1);
    struct weir_window_config *w = &g->node->window;
    w->periodic = shape->periodic;
    w->assigner = weir_op_stage_part(&g->s, WEIR_WINDOW_ASSIGNER, shape->assigner);
    weir_op_stage_option(w->assigner, shape->option, shape->value);
    if (shape->second) weir_op_stage_option(w->assigner, shape->second, shape->second_value);
    w->trigger = weir_op_stage_part(&g->s, WEIR_TRIGGER, "event_time");
    if (shape->purges) w->trigger = weir_op_stage_around(&g->s, WEIR_TRIGGER, "purging", w->trigger);
    if (store) store_stage_begin(store, &g->s.env, shape->cache);
    stage_use(g, weir_window_op_create(g->node, &g->s.env, g->s.registry, "node 'w'", &g->error));
}

static void add_rows(struct store_pair *p, int64_t from)
{
    struct weir_text text = {0};
    for (int i = 0; i < ROWS; i++)
        weir_text_add(&text, "%lld | u%llu, %d\n", (long long)(from + (int64_t)weir_random_below(&p->random, 40)),
                      (unsigned long long)weir_random_below(&p->random, KEYS), i);
    pair_rows(p, 0, weir_text_get(&text));
    weir_text_finish(&text);
}

/* Some windows of more keys than the cache holds, rows out of order; gets on the slot that rows, and firing, cost, once the
 * cache has become full: the batch in which it does finds what it needs gone. */
static void run(const struct shape *shape, int batches, size_t *of_rows, size_t *of_firing)
{
    static struct store_pair p;
    p = (struct store_pair){.random = {7}};
    begin(&p.stored, shape, &p.store);
    begin(&p.heap, shape, NULL);
    *of_rows = *of_firing = 0;
    for (int i = 0; i < batches; i++) {
        size_t before = store_stage_gets_on_the_slot(&p.store);
        add_rows(&p, i * 10);
        if (p.store.n_waits > 5) *of_rows += store_stage_gets_on_the_slot(&p.store) - before;
        if (i % 4 != 3) continue;
        before = store_stage_gets_on_the_slot(&p.store);
        pair_watermark(&p, i * 10 - 50 - shape->lag);
        if (p.store.n_waits > 5) *of_firing += store_stage_gets_on_the_slot(&p.store) - before;
    }
    pair_end(&p);
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
