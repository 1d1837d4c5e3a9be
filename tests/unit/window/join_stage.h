/* join_stage.h - joins on a stage: left "k: i64, a: i64, note: string?", right "k: i64, b: i64", all fields come out. */
#ifndef WEIR_TEST_JOIN_STAGE_H
#define WEIR_TEST_JOIN_STAGE_H

#include "unit/operator/stage.h"
#include "window/window_op.h"

#define LEFT  "k: i64, a: i64, note: string?"
#define RIGHT "k: i64, b: i64"
#define PAIR  "k: i64, a: i64, note: string?, right_k: i64, b: i64"

static inline void join_prepare(struct stage *g, int64_t lower, int64_t upper, uint32_t batch_rows)
{
    stage_init(g, WEIR_NODE_JOIN, LEFT, PAIR);
    stage_second(g, RIGHT);
    weir_op_stage_key(g->node, "k");
    stage_second_key(g, "k");
    g->node->join = (struct weir_join_config){.lower_ms = lower, .upper_ms = upper};
    g->s.env.batch_rows = batch_rows;
}
static inline void join_start(struct stage *g)
{
    stage_use(g, weir_interval_join_op_create(g->node, &g->s.env, g->s.registry, "node 'x'", &g->error));
}
static inline void join_init(struct stage *g, int64_t lower, int64_t upper, uint32_t batch_rows)
{
    join_prepare(g, lower, upper, batch_rows);
    join_start(g);
}

/* Lines of port 0 and the others, which may be mixed with each other. */
static inline void split_ports(struct weir_text *all, struct weir_text *port0, struct weir_text *others)
{
    for (const char *p = weir_text_get(all), *end; *p; p = end + 1) {
        end = strchr(p, '\n');
        bool other = end - p > 3 && p[1] == '>';
        weir_text_add_bytes(other ? others : port0, p, (size_t)(end - p) + 1);
    }
    weir_text_finish(all);
}
static inline void stage_expect_ports(struct stage *g, const char *port0, const char *others)
{
    struct weir_text a = {0}, b = {0};
    split_ports(&g->text, &a, &b);
    stage_expect_text(&a, port0);
    stage_expect_text(&b, others);
}

#endif
