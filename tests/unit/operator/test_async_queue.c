/* The queue of rows in flight alone: tickets, order, deadlines; and completions from several threads. */
#include "operator/async_queue.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/platform.h"
#include "harness/suite.h"

struct queue_stage {
    struct weir_async_queue q;
    struct weir_rows *rows;
    struct weir_async_batch *batch;
    _Atomic uint32_t completions; /* calls of completed() */
    uint64_t requests[64];
    uint32_t n;
    struct weir_error error;
};

static void count_completion(void *arg)
{
    atomic_fetch_add(&((struct queue_stage *)arg)->completions, 1);
}

static void start(struct queue_stage *g, uint32_t capacity, bool ordered)
{
    memset(g, 0, sizeof *g);
    CU_ASSERT_EQUAL_FATAL(weir_async_queue_init(&g->q, capacity, ordered, count_completion, g, &g->error), WEIR_OK);
    g->rows = weir_rows_create(NULL, 0, 0);
    g->batch = weir_async_batch_create(g->rows, &g->rows->view);
}

static void end(struct queue_stage *g)
{
    weir_async_batch_release(g->batch);
    weir_async_queue_finish(&g->q);
    weir_rows_release(g->rows);
}

static void add(struct queue_stage *g, int64_t deadline)
{
    g->requests[g->n] = weir_async_request(&g->q, weir_async_queue_add_row(&g->q, g->batch, g->n, deadline));
    g->n++;
}

/* Row `row` is answered with its own number. */
static bool answer(struct queue_stage *g, uint32_t row)
{
    int64_t n = row;
    return weir_async_queue_complete(&g->q, g->requests[row], WEIR_OK, &n, sizeof n);
}

/* What leaves now: rows as numbers, those timed out with a minus, watermarks as w5. */
static const char *leaving(struct queue_stage *g)
{
    static char text[256];
    struct weir_async_entry *e;
    size_t n = 0;
    text[0] = '\0';
    weir_async_queue_take(&g->q);
    while ((e = weir_async_queue_next(&g->q)) && n < sizeof text - 8) {
        bool late = e->outcome == WEIR_ASYNC_TIMED_OUT;
        int64_t number = e->kind != WEIR_ELEMENT_ROWS ? e->value : late ? e->row : *(int64_t *)e->answer.p;
        const char *sign = e->kind == WEIR_ELEMENT_WATERMARK ? "w" : e->kind == WEIR_ELEMENT_IDLE ? "i" : late ? "-" : "";
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s%d", n ? " " : "", sign, (int)number);
        weir_async_queue_leave(&g->q, e);
    }
    return text;
}

static void in_order(void)
{
    struct queue_stage g;
    start(&g, 4, true);
    for (int i = 0; i < 4; i++) add(&g, INT64_MAX);
    CU_ASSERT_FALSE(weir_async_queue_takes_row(&g.q));
    answer(&g, 2);
    answer(&g, 1);
    CU_ASSERT_STRING_EQUAL(leaving(&g), "");
    answer(&g, 0);
    CU_ASSERT_STRING_EQUAL(leaving(&g), "0 1 2");
    CU_ASSERT_TRUE(weir_async_queue_takes_row(&g.q));
    answer(&g, 3);
    CU_ASSERT_STRING_EQUAL(leaving(&g), "3");
    CU_ASSERT_TRUE(weir_async_queue_is_empty(&g.q));
    end(&g);
}

static void out_of_order(void)
{
    struct queue_stage g;
    start(&g, 8, false);
    for (int i = 0; i < 3; i++) add(&g, INT64_MAX);
    weir_async_queue_add_mark(&g.q, WEIR_ELEMENT_WATERMARK, 5);
    for (int i = 0; i < 2; i++) add(&g, INT64_MAX);
    weir_async_queue_add_mark(&g.q, WEIR_ELEMENT_IDLE, 1);
    weir_async_queue_add_mark(&g.q, WEIR_ELEMENT_WATERMARK, 6);
    add(&g, INT64_MAX);
    answer(&g, 2);
    answer(&g, 0);
    CU_ASSERT_STRING_EQUAL(leaving(&g), "2 0");
    answer(&g, 4); /* never across a watermark */
    answer(&g, 5);
    CU_ASSERT_STRING_EQUAL(leaving(&g), "");
    answer(&g, 1);
    CU_ASSERT_STRING_EQUAL(leaving(&g), "1 w5 4");
    answer(&g, 3);
    CU_ASSERT_STRING_EQUAL(leaving(&g), "3 i1 w6 5");
    CU_ASSERT_TRUE(weir_async_queue_is_empty(&g.q));
    end(&g);
}

static void once(void)
{
    struct queue_stage g;
    start(&g, 2, true);
    add(&g, INT64_MAX);
    CU_ASSERT_TRUE(answer(&g, 0));
    CU_ASSERT_FALSE(answer(&g, 0));
    CU_ASSERT_STRING_EQUAL(leaving(&g), "0");
    CU_ASSERT_FALSE(answer(&g, 0));
    add(&g, INT64_MAX); /* the same entry, of the next generation */
    CU_ASSERT_EQUAL(g.requests[0] & 0xfffff, g.requests[1] & 0xfffff);
    CU_ASSERT_FALSE(answer(&g, 0));
    CU_ASSERT_TRUE(answer(&g, 1));
    CU_ASSERT_STRING_EQUAL(leaving(&g), "1");
    CU_ASSERT_FALSE(weir_async_queue_complete(&g.q, UINT64_MAX, WEIR_OK, NULL, 0));
    CU_ASSERT_FALSE(weir_async_queue_complete(&g.q, 0, WEIR_OK, NULL, 0));
    end(&g);
}

static void deadlines(void)
{
    struct queue_stage g;
    start(&g, 4, true);
    add(&g, 100);
    add(&g, 90); /* the clock went back: not before the one before */
    add(&g, 110);
    CU_ASSERT_EQUAL(weir_async_queue_next_deadline(&g.q), 100);
    CU_ASSERT_PTR_NULL(weir_async_queue_expire(&g.q, 99));
    answer(&g, 0); /* just in time, not taken yet */
    CU_ASSERT_EQUAL(weir_async_queue_expire(&g.q, 100)->row, 1);
    CU_ASSERT_PTR_NULL(weir_async_queue_expire(&g.q, 100));
    CU_ASSERT_EQUAL(weir_async_queue_next_deadline(&g.q), 110);
    CU_ASSERT_FALSE(answer(&g, 1));
    CU_ASSERT_STRING_EQUAL(leaving(&g), "0 -1");
    answer(&g, 2);
    CU_ASSERT_STRING_EQUAL(leaving(&g), "2");
    CU_ASSERT_EQUAL(weir_async_queue_next_deadline(&g.q), INT64_MAX);
    end(&g);
}

static weir_status echo(void *arg, weir_row row, weir_answer *to)
{
    int64_t *n = to->room(to, sizeof *n);
    *n = row.i;
    ++*(int *)arg;
    return WEIR_OK;
}

/* An entry whose work is out is not used again, though its row left. */
static void work_outlives_its_row(void)
{
    struct queue_stage g;
    int ran = 0;
    start(&g, 1, true);
    for (int i = 0; i < 2; i++) {
        struct weir_async_entry *e = weir_async_queue_add_row(&g.q, g.batch, i, 100);
        e->fn = echo;
        e->arg = &ran;
        e->working = true;
        if (i == 0) CU_ASSERT_PTR_EQUAL(weir_async_queue_expire(&g.q, 100), e);
        CU_ASSERT_STRING_EQUAL(leaving(&g), i == 0 ? "-0" : "");
        CU_ASSERT_FALSE(weir_async_queue_takes_row(&g.q));
        weir_async_queue_run(&g.q, e);
        CU_ASSERT_STRING_EQUAL(leaving(&g), i == 0 ? "" : "1");
        CU_ASSERT_EQUAL(ran, i); /* nobody would hear the first: it was not even begun */
        CU_ASSERT_TRUE(weir_async_queue_takes_row(&g.q));
    }
    end(&g);
}

/* ---- threads ----------------------------------------------------------------------------------------------------- */

struct completer {
    struct queue_stage *g;
    uint32_t first;
    uint32_t accepted;
};

/* Every row is completed by two threads; one of them is heard. */
static void complete_all(void *arg)
{
    struct completer *c = arg;
    for (uint32_t i = 0; i < 64; i++) c->accepted += answer(c->g, (c->first + i) % 64);
}

static void from_threads(void)
{
    const struct weir_platform *p = weir_platform_os();
    for (uint32_t round = 0; round < 20; round++) {
        struct queue_stage g;
        start(&g, 64, round % 2);
        for (int i = 0; i < 64; i++) add(&g, INT64_MAX);
        struct completer completers[2] = {{.g = &g}, {.g = &g, .first = 32}};
        struct weir_thread *threads[2];
        for (int i = 0; i < 2; i++)
            CU_ASSERT_EQUAL(p->start_thread(p->self, "completer", complete_all, &completers[i], &threads[i], &g.error),
                            WEIR_OK);
        uint32_t left = 0;
        bool seen[64] = {false}, right = true;
        while (left < 64) {
            struct weir_async_entry *e;
            weir_async_queue_take(&g.q);
            while ((e = weir_async_queue_next(&g.q))) {
                right &= *(int64_t *)e->answer.p == e->row && !seen[e->row];
                right &= !g.q.ordered || e->row == left;
                seen[e->row] = true;
                left++;
                weir_async_queue_leave(&g.q, e);
            }
        }
        for (int i = 0; i < 2; i++) p->join_thread(p->self, threads[i]);
        CU_ASSERT_TRUE(right);
        CU_ASSERT_EQUAL(completers[0].accepted + completers[1].accepted, 64);
        CU_ASSERT(atomic_load(&g.completions) > 0);
        end(&g);
    }
}

WEIR_SUITE(async_queue) = {{"rows leave in the order of the input", in_order},
                           {"TRAP unordered = free between watermarks, never across one", out_of_order},
                           {"a request is completed once", once},
                           {"a deadline passes", deadlines},
                           {"work outlives its row", work_outlives_its_row},
                           {"completions come from any thread", from_threads},
                           {NULL, NULL}};
