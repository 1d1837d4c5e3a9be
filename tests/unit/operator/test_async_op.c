/* An async operator on its stage: work waits in a list of the test's until it is run, the clock stands. What the components
 * do is told by the records: tests/plugins/toys/async.c. */
#include "stage.h"

struct async_stage {
    struct stage g; /* first: the platform's self */
    struct {
        void (*run)(void *arg, void *piece);
        void *arg, *piece;
    } works[64];
    uint32_t n_works, wakes;
};

static void run_later(void *self, void (*run)(void *arg, void *piece), void *arg, void *piece)
{
    struct async_stage *a = self;
    a->works[a->n_works].run = run;
    a->works[a->n_works].arg = arg;
    a->works[a->n_works++].piece = piece;
}

/* The i-th piece that was given; each once. */
static void run_work(struct async_stage *a, uint32_t i)
{
    CU_ASSERT_FATAL(i < a->n_works);
    a->works[i].run(a->works[i].arg, a->works[i].piece);
}

static void count_wake(void *arg)
{
    ((struct async_stage *)arg)->wakes++;
}

static void async_start(struct async_stage *a, const char *component, const char *order, uint32_t capacity)
{
    memset(a, 0, sizeof *a);
    stage_init(&a->g, WEIR_NODE_ASYNC, "n: i64, how: string", "n: i64, how: string, ten: i64");
    stage_component(&a->g, WEIR_ASYNC, component);
    a->g.node->async =
        (struct weir_async_config){.ordered = order[0] == 'o', .capacity = capacity, .threads = 4, .timeout_ms = 1000};
    a->g.s.platform.run_later = run_later;
    a->g.s.env.wake = count_wake;
    a->g.s.env.wake_arg = a;
    stage_start(&a->g);
}

/* The chain's part: calls again when something was completed, fires what is due. */
static weir_status settle(struct async_stage *a)
{
    struct weir_op *op = a->g.op;
    weir_status s = WEIR_OK;
    while (s >= 0 && (atomic_load(&op->due_now) || s == WEIR_MORE || op->next_due_ms <= a->g.s.now_ms)) {
        s = op->class->processing_time(op, a->g.s.now_ms);
        stage_take(&a->g);
    }
    return s;
}

/* Feeds one batch as far as it goes: WEIR_OK, or WEIR_MORE when the operator waits. */
struct feed {
    struct weir_rows *rows;
    int64_t row;
};
static struct feed batch(struct async_stage *a, const char *text)
{
    return (struct feed){.rows = weir_test_rows(a->g.s.env.pool, a->g.in, text)};
}
static weir_status feed(struct async_stage *a, struct feed *f)
{
    weir_status s;
    int64_t before;
    bool emitted;
    do {
        before = f->row;
        s = a->g.op->class->rows(a->g.op, 0, f->rows, &f->row);
        emitted = a->g.op->outbox.n > 0;
        stage_take(&a->g);
    } while (s == WEIR_MORE && (emitted || f->row > before || !a->g.op->will_wake));
    if (s != WEIR_MORE) weir_rows_release(f->rows);
    return s;
}
static weir_status feed_text(struct async_stage *a, const char *text)
{
    struct feed f = batch(a, text);
    return feed(a, &f);
}
static weir_status mark(struct async_stage *a, enum weir_element_kind kind, int64_t value)
{
    weir_status s;
    bool emitted;
    do {
        s = a->g.op->class->mark(a->g.op, kind, value);
        emitted = a->g.op->outbox.n > 0;
        stage_take(&a->g);
    } while (s == WEIR_MORE && emitted);
    return s;
}
static weir_status finish(struct async_stage *a)
{
    weir_status s;
    bool emitted;
    do {
        s = a->g.op->class->finish(a->g.op);
        emitted = a->g.op->outbox.n > 0;
        stage_take(&a->g);
    } while (s == WEIR_MORE && emitted);
    return s;
}

/* ---- order ------------------------------------------------------------------------------------------------------- */

#define THREE "1 | 1, work\n2 | 2, work\n3 | 3, work\n"

static void ordered(void)
{
    struct async_stage a;
    async_start(&a, "lookup", "ordered", 100);
    CU_ASSERT_EQUAL(feed_text(&a, THREE), WEIR_OK);
    CU_ASSERT_EQUAL(mark(&a, WEIR_ELEMENT_WATERMARK, 3), WEIR_OK);
    run_work(&a, 2);
    run_work(&a, 1);
    CU_ASSERT_EQUAL(a.wakes, 2); /* one for the answer, one for the entry; the others found the stacks not empty */
    settle(&a);
    stage_expect(&a.g, "");
    run_work(&a, 0);
    settle(&a);
    stage_expect(&a.g, "1 | 1, work, 10\n2 | 2, work, 20\n3 | 3, work, 30\nwatermark 3\n");
    stage_end(&a.g);
}

static void unordered(void)
{
    struct async_stage a;
    async_start(&a, "lookup", "unordered", 100);
    feed_text(&a, THREE);
    mark(&a, WEIR_ELEMENT_WATERMARK, 3);
    feed_text(&a, "4 | 4, work\n");
    mark(&a, WEIR_ELEMENT_IDLE, 1);
    run_work(&a, 3);
    run_work(&a, 2);
    run_work(&a, 0);
    settle(&a);
    stage_expect(&a.g, "3 | 3, work, 30\n1 | 1, work, 10\n");
    run_work(&a, 1);
    settle(&a);
    stage_expect(&a.g, "2 | 2, work, 20\nwatermark 3\n4 | 4, work, 40\nidle\n");
    stage_end(&a.g);
}

static void answered_by_start(void)
{
    struct async_stage a;
    async_start(&a, "lookup", "ordered", 1);
    CU_ASSERT_EQUAL(feed_text(&a, "- | 1, now\n- | 2, twice\n- | 3, none\n- | 4, many\n- | 5, now\n"), WEIR_OK);
    settle(&a);
    stage_expect(&a.g,
                 "- | 1, now, 10\n- | 2, twice, 20\n- | 4, many, 40\n- | 4, many, 40\n- | 4, many, 40\n- | 5, now, 50\n");
    stage_end(&a.g);
}

/* ---- capacity ---------------------------------------------------------------------------------------------------- */

static void waits_when_full(void)
{
    struct async_stage a;
    async_start(&a, "lookup", "ordered", 2);
    struct feed f = batch(&a, THREE);
    CU_ASSERT_EQUAL(feed(&a, &f), WEIR_MORE);
    CU_ASSERT_TRUE(a.g.op->will_wake);
    CU_ASSERT_EQUAL(f.row, 2);
    CU_ASSERT_EQUAL(a.n_works, 2);
    run_work(&a, 1); /* done, but its turn has not come: no room */
    CU_ASSERT_EQUAL(feed(&a, &f), WEIR_MORE);
    CU_ASSERT_TRUE(a.g.op->will_wake);
    run_work(&a, 0);
    CU_ASSERT_EQUAL(feed(&a, &f), WEIR_OK);
    stage_expect(&a.g, "1 | 1, work, 10\n2 | 2, work, 20\n");
    mark(&a, WEIR_ELEMENT_WATERMARK, 1);
    mark(&a, WEIR_ELEMENT_WATERMARK, 2);
    CU_ASSERT_EQUAL(mark(&a, WEIR_ELEMENT_WATERMARK, 3), WEIR_MORE);
    run_work(&a, 2);
    CU_ASSERT_EQUAL(mark(&a, WEIR_ELEMENT_WATERMARK, 3), WEIR_OK);
    settle(&a);
    stage_expect(&a.g, "3 | 3, work, 30\nwatermark 1\nwatermark 2\nwatermark 3\n");
    stage_end(&a.g);
}

static void waits_at_the_end(void)
{
    struct async_stage a;
    async_start(&a, "lookup", "unordered", 100);
    feed_text(&a, THREE);
    run_work(&a, 1);
    CU_ASSERT_EQUAL(finish(&a), WEIR_MORE);
    CU_ASSERT_TRUE(a.g.op->will_wake);
    stage_expect(&a.g, "2 | 2, work, 20\n");
    run_work(&a, 0);
    run_work(&a, 2);
    CU_ASSERT_EQUAL(finish(&a), WEIR_OK);
    stage_expect(&a.g, "1 | 1, work, 10\n3 | 3, work, 30\n");
    stage_end(&a.g);
}

static void holds_a_barrier(void)
{
    struct async_stage a;
    async_start(&a, "lookup", "unordered", 100);
    feed_text(&a, "1 | 1, work\n2 | 2, now\n");
    mark(&a, WEIR_ELEMENT_WATERMARK, 2);
    CU_ASSERT_EQUAL(mark(&a, WEIR_ELEMENT_BARRIER, 7), WEIR_MORE);
    CU_ASSERT_TRUE(a.g.op->will_wake);
    run_work(&a, 0);
    CU_ASSERT_EQUAL(mark(&a, WEIR_ELEMENT_BARRIER, 7), WEIR_OK); /* the chain cuts, and sends it on */
    stage_expect(&a.g, "2 | 2, now, 20\n1 | 1, work, 10\nwatermark 2\n");
    stage_end(&a.g);
}

static void count_row(void *to, struct weir_rows *rows, int64_t row)
{
    weir_text_add(to, "%d ", (int)((const int64_t *)rows->columns[0].data)[row]);
}

static void lists_what_is_in_flight(void)
{
    struct async_stage a;
    struct weir_text text = {0};
    async_start(&a, "lookup", "ordered", 100);
    feed_text(&a, "- | 1, now\n- | 2, work\n- | 3, now\n");
    mark(&a, WEIR_ELEMENT_WATERMARK, 3);
    feed_text(&a, "- | 4, never\n");
    weir_async_op_in_flight(a.g.op, count_row, &text);
    stage_expect_text(&text, "2 3 4 ");
    stage_end(&a.g); /* with rows in flight, work not run, and a mark in the queue */
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

static void times_out(void)
{
    struct async_stage a;
    async_start(&a, "lookup", "ordered", 100);
    a.g.s.now_ms = 500;
    feed_text(&a, "1 | 1, work\n2 | 2, work\n");
    CU_ASSERT_EQUAL(a.g.op->next_due_ms, 1500);
    a.g.s.now_ms = 600;
    feed_text(&a, "3 | 3, never\n");
    run_work(&a, 1);
    a.g.s.now_ms = 1499;
    settle(&a);
    stage_expect(&a.g, "");
    a.g.s.now_ms = 1500;
    settle(&a);
    stage_expect(&a.g, "1 | 1, work, -1\n2 | 2, work, 20\n");
    CU_ASSERT_EQUAL(a.g.op->next_due_ms, 1600);
    run_work(&a, 0); /* nobody waits for it any more */
    settle(&a);
    stage_expect(&a.g, "");
    a.g.s.now_ms = 1600;
    CU_ASSERT_EQUAL(finish(&a), WEIR_OK); /* the clock is looked at here too */
    stage_expect(&a.g, "3 | 3, never, -1\n");
    CU_ASSERT_EQUAL(a.g.op->next_due_ms, INT64_MAX);
    stage_end(&a.g);
}

static void answers_too_late(void)
{
    struct async_stage a;
    async_start(&a, "lookup", "unordered", 1);
    struct feed f = batch(&a, "1 | 1, late\n2 | 2, work\n");
    CU_ASSERT_EQUAL(feed(&a, &f), WEIR_MORE);
    a.g.s.now_ms = 1000;
    CU_ASSERT_EQUAL(feed(&a, &f), WEIR_OK); /* timed out; the start of row 2 answers for row 1 */
    run_work(&a, 0);
    settle(&a);
    stage_expect(&a.g, "1 | 1, late, -1\n2 | 2, work, 20\n");
    stage_end(&a.g);
}

static void never_times_out(void)
{
    struct async_stage a;
    async_start(&a, "lookup", "ordered", 100);
    a.g.op->class->close(a.g.op);
    a.g.op->class->destroy(a.g.op);
    a.g.node->async.timeout_ms = 0;
    stage_start(&a.g);
    feed_text(&a, "1 | 1, never\n");
    CU_ASSERT_EQUAL(a.g.op->next_due_ms, INT64_MAX);
    stage_end(&a.g);
}

/* ---- failing ----------------------------------------------------------------------------------------------------- */

static void fails_without_a_timeout_callback(void)
{
    struct async_stage a;
    async_start(&a, "strict_lookup", "ordered", 100);
    feed_text(&a, "1 | 1, work\n2 | 2, never\n");
    run_work(&a, 0);
    a.g.s.now_ms = 1000;
    CU_ASSERT_EQUAL(settle(&a), WEIR_E_IO);
    WEIR_ASSERT_CONTAINS(a.g.op->error.text, "no answer came within 1000 ms");
    WEIR_ASSERT_CONTAINS(a.g.op->error.text, "record: {n: 2, how: \"never\"}");
    WEIR_ASSERT_CONTAINS(a.g.op->error.text, "strict_lookup");
    stage_end(&a.g);
}

static void says_why_work_failed(void)
{
    struct async_stage a;
    async_start(&a, "lookup", "ordered", 100);
    feed_text(&a, "1 | 1, now\n2 | 7, fail\n");
    run_work(&a, 0);
    CU_ASSERT_EQUAL(settle(&a), WEIR_E_IO);
    WEIR_ASSERT_CONTAINS(a.g.op->error.text, "the table has no 7");
    WEIR_ASSERT_CONTAINS(a.g.op->error.text, "record: {n: 7, how: \"fail\"}");
    stage_end(&a.g);
}

/* ---- passing fields through -------------------------------------------------------------------------------------- */

static void rows_outlive_their_batch(void)
{
    struct async_stage a;
    async_start(&a, "lookup", "unordered", 100);
    feed_text(&a, "1 | 1, work\n2 | 2, work\n");
    feed_text(&a, "3 | 3, work\n4 | 4, work\n");
    uint32_t order[] = {3, 0, 2, 1};
    for (int i = 0; i < 4; i++) run_work(&a, order[i]);
    settle(&a);
    stage_expect(&a.g, "4 | 4, work, 40\n1 | 1, work, 10\n3 | 3, work, 30\n2 | 2, work, 20\n");
    stage_end(&a.g);
}

static void small_batches(void)
{
    static const uint32_t sizes[] = {1, 2, 1024};
    for (int i = 0; i < 3; i++) {
        struct async_stage a;
        async_start(&a, "lookup", "ordered", 100);
        a.g.op->class->close(a.g.op);
        a.g.op->class->destroy(a.g.op);
        a.g.s.env.batch_rows = sizes[i];
        stage_start(&a.g);
        feed_text(&a, "1 | 1, work\n2 | 2, many\n3 | 3, none\n4 | 4, work\n");
        run_work(&a, 1);
        run_work(&a, 0);
        settle(&a);
        stage_expect(&a.g, "1 | 1, work, 10\n2 | 2, many, 20\n2 | 2, many, 20\n2 | 2, many, 20\n4 | 4, work, 40\n");
        stage_end(&a.g);
    }
}

static void the_macro(void)
{
    struct async_stage a;
    async_start(&a, "lookup", "ordered", 100);
    a.g.op->class->close(a.g.op);
    a.g.op->class->destroy(a.g.op);
    weir_part_spec_destroy(a.g.node->part);
    weir_free(a.g.node->args);
    stage_component(&a.g, WEIR_ASYNC, "squared");
    stage_start(&a.g);
    feed_text(&a, "1 | 5, -\n2 | 6, -\n3 | 1001, -\n");
    run_work(&a, 0);
    run_work(&a, 1);
    settle(&a);
    stage_expect(&a.g, "1 | 5, -, 25\n2 | 6, -, 36\n");
    run_work(&a, 2);
    CU_ASSERT_EQUAL(settle(&a), WEIR_E_DATA);
    WEIR_ASSERT_CONTAINS(a.g.op->error.text, "1001 is too large");
    stage_end(&a.g);
}

WEIR_SUITE(async_op) = {{"ordered: results and watermarks in their places", ordered},
                        {"unordered: nothing crosses a watermark", unordered},
                        {"start may answer; twice is once; none and many rows", answered_by_start},
                        {"a full queue waits", waits_when_full},
                        {"the end waits for what is in flight", waits_at_the_end},
                        {"a barrier waits for what came before it", holds_a_barrier},
                        {"what is in flight can be listed, and dropped", lists_what_is_in_flight},
                        {"TRAP a timeout calls timeout()", times_out},
                        {"an answer after its timeout is ignored", answers_too_late},
                        {"timeout 0 is none", never_times_out},
                        {"TRAP without timeout() a timeout fails the job", fails_without_a_timeout_callback},
                        {"failed work says why", says_why_work_failed},
                        {"rows outlive their batch", rows_outlive_their_batch},
                        {"batches of one and two rows", small_batches},
                        {"WEIR_ASYNC_LOOKUP", the_macro},
                        {NULL, NULL}};
