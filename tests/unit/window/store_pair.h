/* store_pair.h - the same node twice: in a store whose reads the test sees, and on the heap. It must give the same. */
#ifndef WEIR_TEST_STORE_PAIR_H
#define WEIR_TEST_STORE_PAIR_H

#include "base/random.h"
#include "data/key.h"
#include "harness/store_stage.h"
#include "unit/operator/stage.h"

#define KEY_GROUPS 128

struct store_pair {
    struct stage stored, heap;
    struct store_stage store;
    struct weir_random random;
};

/* Keyed by the first field, as are rows of the other input. */
static inline void pair_rows(struct store_pair *p, uint32_t input, const char *text)
{
    static const uint32_t key[] = {0};
    struct stage *stages[] = {&p->stored, &p->heap};
    for (int i = 0; i < 2; i++) {
        struct stage *g = stages[i];
        g->input = input;
        struct weir_rows *rows = weir_test_keyed_rows(g->s.env.pool, input ? g->in2 : g->in, text, key, 1, KEY_GROUPS);
        if (i == 0) store_stage_prepare(&p->store, g->op, input, rows);
        CU_ASSERT_EQUAL(stage_rows(g, rows), WEIR_OK);
    }
}

static inline void pair_watermark(struct store_pair *p, int64_t to)
{
    struct stage *g = &p->stored;
    weir_status s = WEIR_MORE;
    g->op->watermark = to;
    while (s == WEIR_MORE) {
        s = g->op->class->watermark(g->op, to);
        stage_take(g);
        store_stage_fired(&p->store, g->op, s);
    }
    CU_ASSERT_EQUAL(s, WEIR_OK);
    stage_watermark(&p->heap, to);
    stage_expect(g, weir_text_get(&p->heap.text));
    weir_text_finish(&p->heap.text);
}

/* What is left comes; the test is one of a store only if it was waited for. */
static inline void pair_end(struct store_pair *p)
{
    CU_ASSERT(p->store.n_waits > 20);
    pair_watermark(p, INT64_MAX);
    stage_end(&p->stored);
    stage_end(&p->heap);
    store_stage_end(&p->store);
}

#endif
