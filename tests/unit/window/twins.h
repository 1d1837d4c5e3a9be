/* twins.h - two crews that get the same rows and watermarks. One runs through; the other is fed in pieces, cut at random
 * places and restored at another parallelism, perhaps as another way to keep the same windows, in another place. For each
 * key they must give the same in the same order. A test says what the windows are, and what a round of it is. */
#ifndef WEIR_TEST_TWINS_H
#define WEIR_TEST_TWINS_H

#include "crew.h"
#include "random_rows.h"
#include "window/general_internal.h"

struct twins {
    struct weir_random r;
    struct stage *g;
    struct flow flow;
    struct crew through, cut;
    struct weir_stream_node *ways[2]; /* between which a cut changes; NULL: it does not */
    int64_t now, mark;
    int cuts;
};

static inline uint32_t some_subtasks(struct twins *t)
{
    return t->cut.node->n_key_fields > 0 ? 1u << below(&t->r, 3) : 1;
}

/* The state of what is cut is on the heap from its next beginning on, or in a store that holds little of it in memory. */
static inline void choose_place(struct twins *t)
{
    t->cut.place = below(&t->r, 2) ? ON_HEAP : below(&t->r, 3) ? IN_MEMORY : IN_LEVELDB;
    t->cut.cache_bytes = below(&t->r, 20) ? 30000 : 1;
}

/* Both crews have their node, and how they keep windows. */
static inline void twins_begin(struct twins *t)
{
    t->mark = INT64_MIN;
    crew_begin(&t->through, 1, 1024, NULL, 0);
    crew_begin(&t->cut, some_subtasks(t), some_batch_rows(&t->r), NULL, 0);
}

/* A node that the general operator keeps runs through, one that the short way keeps is cut; the short one is of a class. */
static inline void twins_begin_ways(struct twins *t, struct weir_stream_node *general, struct weir_stream_node *is_short,
                                    const struct weir_op_class *class)
{
    struct stage *g = t->g;
    t->ways[0] = general;
    t->ways[1] = is_short;
    t->through = (struct crew){.g = g, .node = general, .way = GENERAL, .ports = {g->out, g->in, g->in}};
    t->cut = t->through;
    t->cut.node = is_short;
    choose_place(t);
    twins_begin(t);
    CU_ASSERT_PTR_EQUAL(t->cut.ops[0]->class, class);
    CU_ASSERT_PTR_NOT_EQUAL(t->through.ops[0]->class, class);
}

static inline void twins_end(struct twins *t)
{
    struct stage *g = t->g;
    crew_end(&t->through);
    crew_end(&t->cut);
    weir_text_finish(&t->through.text);
    weir_text_finish(&t->cut.text);
    weir_schema_release(g->in);
    weir_schema_release(g->out);
    weir_schema_release(g->second);
    g->in = g->out = g->second = NULL;
}

/* Rows for both; `add_row` writes one. */
static inline void twins_feed(struct twins *t, void (*add_row)(struct weir_text *, struct twins *))
{
    struct weir_text all = {0}, piece = {0};
    for (int i = 0; i < t->flow.rows; i++) {
        size_t before = all.n;
        add_row(&all, t);
        weir_text_add(&piece, "%s", weir_text_get(&all) + before);
        if (below(&t->r, 3) == 0) t->now += below(&t->r, t->flow.step + 1);
        if (i + 1 < t->flow.rows && below(&t->r, 20)) continue;
        crew_feed(&t->cut, weir_text_get(&piece));
        weir_text_finish(&piece);
    }
    crew_feed(&t->through, weir_text_get(&all));
    weir_text_finish(&all);
}

/* Where a row of now is in event time. */
static inline int64_t some_time(struct twins *t)
{
    int64_t at = t->now - below(&t->r, t->flow.disorder);
    return at < 0 ? 0 : at;
}

static inline void twins_watermark(struct twins *t, int64_t mark)
{
    if (mark <= t->mark) return;
    t->mark = mark;
    crew_watermark(&t->through, mark);
    crew_watermark(&t->cut, mark);
}

static inline void cut_across(struct twins *t, uint32_t n, uint32_t batch_rows)
{
    struct weir_snapshot from[MOST_SUBTASKS];
    uint32_t before = t->cut.n;
    crew_cut(&t->cut, from);
    crew_end(&t->cut);
    t->cut.node = t->ways[t->cut.node == t->ways[0]];
    crew_begin(&t->cut, n, batch_rows, from, before);
    crew_finish_cut(from, before);
}

/* The watermark is not restored: it is sent again, or taken back from both. */
static inline void twins_cut(struct twins *t)
{
    uint32_t n = some_subtasks(t), batch_rows = some_batch_rows(&t->r);
    t->cuts++;
    if (t->ways[0]) choose_place(t);
    if (t->ways[0] && below(&t->r, 2))
        cut_across(t, n, batch_rows);
    else
        crew_break(&t->cut, n, batch_rows);
}
static inline void twins_take_watermark_back(struct twins *t)
{
    t->mark = INT64_MIN;
    t->through.ops[0]->watermark = INT64_MIN;
}

/* Since the last time; adds the bytes of results. */
static inline bool twins_agree(struct twins *t, size_t *bytes)
{
    *bytes += strlen(weir_text_get(&t->through.text));
    return same_results(&t->through, &t->cut);
}

/* n cases, unless the environment says otherwise, to the first in which they differ. A stage is for some only: what is made
 * on it stays until its end. */
static inline void run_twins(uint64_t n, bool (*run_case)(struct stage *, uint64_t seed, size_t *bytes))
{
    struct weir_cases cases = weir_cases(n);
    size_t bytes = 0;
    bool same = true;
    for (uint64_t seed = cases.first; same && seed < cases.end;) {
        struct stage g = {0};
        weir_op_stage_init(&g.s);
        for (int i = 0; same && i < 50 && seed < cases.end; i++) same = run_case(&g, seed++, &bytes);
        weir_op_stage_finish(&g.s);
    }
    CU_ASSERT_TRUE(same);
    CU_ASSERT(cases.is_chosen || bytes > (cases.end - cases.first) * 500);
}

#endif
