/* Operators with two inputs: co-map, keyed co-process, keyed broadcast process (semantics A5.7). */
#include "unit/operator/stage.h"

/* ---- co-map ------------------------------------------------------------------------------------------------------ */

static void each_input_has_its_own_fields(void)
{
    struct stage g;
    stage_init(&g, WEIR_NODE_OPERATOR, "x: f64, n: i64", "n: i64, word: string");
    stage_second(&g, "word: string, other: i32");
    stage_component(&g, WEIR_OPERATOR, "tagged");
    g.s.env.batch_rows = 2;
    stage_start(&g);
    stage_feed(&g, "5 | 1.5, 7\n6 | 2.5, 8\n- | 3.5, 9");
    stage_feed_second(&g, "1 | abc, 1\n2 | de, 2");
    stage_expect(&g, "5 | 7, number\n6 | 8, number\n- | 9, number\n1 | 3, abc\n2 | 2, de\n");
    stage_end(&g);
}

/* ---- keyed co-process -------------------------------------------------------------------------------------------- */

static void set_up_pairs(struct stage *g, uint32_t batch_rows)
{
    stage_init(g, WEIR_NODE_OPERATOR, "k: i64, a: i64", "k: i64, a: i64, b: i64");
    stage_side(g, "alone", "k: i64, value: i64, is_right: bool");
    stage_second(g, "b: i64, k: i64"); /* other columns than those of the first */
    stage_component(g, WEIR_OPERATOR, "paired");
    weir_op_stage_key(g->node, "k");
    stage_second_key(g, "k");
    g->s.env.batch_rows = batch_rows;
    stage_start(g);
}

static void keyed_inputs_share_state_and_timers(void)
{
    static const uint32_t cuts[] = {1, 7, 1024};
    for (size_t i = 0; i < WEIR_LEN(cuts); i++) {
        struct stage g;
        set_up_pairs(&g, cuts[i]);
        stage_feed(&g, "10 | 1, 100\n11 | 2, 200\n12 | 3, 300");
        stage_feed_second(&g, "15 | 222, 2\n15 | 444, 4");
        stage_feed(&g, "16 | 4, 400");
        stage_watermark(&g, 21); /* those that waited since 10 and 11 are due; 2 has left */
        stage_feed_second(&g, "22 | 333, 3");
        stage_watermark(&g, INT64_MAX);
        stage_expect(&g, "15 | 2, 200, 222\n16 | 4, 400, 444\n1> 20 | 1, 100, false\n22 | 3, 300, 333\n");
        stage_end(&g);
    }
}

/* ---- keyed broadcast process ------------------------------------------------------------------------------------- */

static void set_up_rules(struct stage *g, const char *misbehave)
{
    stage_init(g, WEIR_NODE_OPERATOR, "k: i64, v: i64", "k: i64, n: i64, rule: string");
    stage_second(g, "name: string, least: i64");
    stage_component(g, WEIR_OPERATOR, "ruled");
    stage_option(g, "misbehave", misbehave);
    weir_op_stage_key(g->node, "k");
    stage_start(g);
}

static void broadcast_state_is_read_by_the_other_side_and_by_timers(void)
{
    struct stage g;
    set_up_rules(&g, "false");
    stage_feed(&g, "1 | 1, 9"); /* no rule yet */
    stage_feed_second(&g, "- | big, 5\n- | small, 2");
    stage_feed(&g, "2 | 1, 9\n3 | 2, 3\n4 | 2, 1");
    stage_expect(&g, "2 | 1, 2, big\n2 | 1, 2, small\n3 | 2, 1, small\n");
    stage_feed_second(&g, "- | big, -1");
    stage_feed(&g, "5 | 1, 9");
    stage_expect(&g, "5 | 1, 3, small\n");
    stage_watermark(&g, 1000);
    stage_expect(&g, "1000 | 1, 1, rules at the end\n1000 | 2, 1, rules at the end\n");
    stage_end(&g);
}

static void each_key_reaches_every_key_and_may_clear_it(void)
{
    struct stage g;
    set_up_rules(&g, "false");
    stage_feed(&g, "1 | 1, 9\n2 | 1, 9\n3 | 2, 9\n4 | 3, 9");
    stage_feed_second(&g, "- | ?, 0");
    CU_ASSERT_PTR_NOT_NULL(strstr(weir_text_get(&g.text), "- | 1, 2, ?\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(weir_text_get(&g.text), "- | 2, 1, ?\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(weir_text_get(&g.text), "- | 3, 1, ?\n"));
    weir_text_finish(&g.text);
    stage_feed_second(&g, "- | ?, 0\n- | all, 0"); /* they were cleared */
    stage_feed(&g, "5 | 1, 9");
    stage_expect(&g, "5 | 1, 1, all\n");
    stage_end(&g);
}

static void broadcast_state_is_changed_on_its_own_side_alone(void)
{
    struct stage g;
    set_up_rules(&g, "true");
    CU_ASSERT_EQUAL(stage_try(&g, "1 | 1, 9"), WEIR_E_PLUGIN);
    CU_ASSERT_PTR_NOT_NULL(strstr(g.op->error.text, "broadcast state 'rules' was changed outside of the broadcast input"));
    stage_end(&g);
}

WEIR_SUITE(two_inputs) = {
    {"each input has its own fields", each_input_has_its_own_fields},
    {"keyed inputs share state and timers", keyed_inputs_share_state_and_timers},
    {"broadcast state is read by the other side and by timers", broadcast_state_is_read_by_the_other_side_and_by_timers},
    {"each_key reaches every key and may clear it", each_key_reaches_every_key_and_may_clear_it},
    {"broadcast state is changed on its own side alone", broadcast_state_is_changed_on_its_own_side_alone},
    {NULL, NULL}};
