/* States of the less usual kinds in operators: those that values are folded into, and lists that belong to no key (semantics
 * A6). */
#include "unit/operator/stage.h"

static const struct weir_state_ttl *rules; /* of the next stage */

static void set_up(struct stage *g)
{
    stage_init(g, WEIR_NODE_OPERATOR, "user: string, n: i64, word: string", "user: string, seen: string");
    stage_component(g, WEIR_OPERATOR, "folds");
    weir_op_stage_key(g->node, "user");
    if (rules) {
        g->node->ttl = weir_alloc(4 * sizeof *rules);
        memcpy(g->node->ttl, rules, 4 * sizeof *rules);
    }
    stage_start(g);
}

static void values_are_folded_in(void)
{
    struct stage g;
    set_up(&g);
    stage_feed(&g, "1 | ann, 0, x\n1 | ann, 5, a\n1 | bob, 2, z\n1 | ann, 2, b\n1 | ann, 9, c");
    stage_expect(&g, "1 | ann, none mean -1 of 0; none mean -1\n"
                     "1 | ann, 5 a+0 mean 5 of 1; 5 a+0 mean 5\n"
                     "1 | bob, 2 z+0 mean 2 of 1; 2 z+0 mean 2\n"
                     "1 | ann, 5 ab+1 mean 3.5 of 2; 5 ab+1 mean 3.5\n"
                     "1 | ann, 9 abc+2 mean 5.33333 of 3; 9 abc+2 mean 5.33333\n");
    stage_feed(&g, "1 | ann, -1, x\n1 | ann, 0, x\n1 | bob, 0, x");
    stage_expect(&g, "1 | ann, none mean -1 of 0; none mean -1\n1 | bob, 2 z+0 mean 2 of 1; 2 z+0 mean 2\n");
    stage_end(&g);
}

static void they_are_at_hand_in_timers(void)
{
    struct stage g;
    set_up(&g);
    stage_feed(&g, "1 | ann, 5, a\n1 | bob, 7, b\n1 | ann, -2, x");
    weir_text_finish(&g.text);
    stage_watermark(&g, 100);
    stage_expect(&g, "6 | ann, 5 a!+1 mean 5 of 1; 5 a+0 mean 5\n");
    stage_end(&g);
}

/* The first value after an expiry is stored as it is: nothing is folded into what expired. */
static void they_expire_as_values_do(void)
{
    static const struct weir_state_ttl shown[4] = {
        {.ms = 0}, {.ms = 0}, {.ms = 1000, .flags = WEIR_TTL_SHOWN}, {.ms = 1000}};
    struct stage g;
    set_up(&g);
    stage_now(&g, 10000);
    stage_feed(&g, "1 | ann, 5, a");
    stage_now(&g, 10999);
    stage_feed(&g, "1 | ann, 3, b");
    stage_now(&g, 11998);
    stage_feed(&g, "1 | ann, 0, x");
    stage_now(&g, 11999);
    stage_feed(&g, "1 | ann, 0, x\n1 | ann, 1, c");
    stage_expect(&g, "1 | ann, 5 a+0 mean 5 of 1; 5 a+0 mean 5\n"
                     "1 | ann, 5 ab+1 mean 4 of 2; 5 ab+1 mean 4\n"
                     "1 | ann, 5 ab+1 mean 4 of 2; 5 ab+1 mean 4\n"
                     "1 | ann, 5 ab+1 mean 4 of 2; none mean -1\n"
                     "1 | ann, 5 abc+2 mean 3 of 3; 1 c+0 mean 1\n");
    stage_end(&g);

    rules = shown;
    set_up(&g);
    rules = NULL;
    stage_now(&g, 10000);
    stage_feed(&g, "1 | ann, 5, a");
    stage_now(&g, 11000);
    stage_feed(&g, "1 | ann, 3, b"); /* what has expired and would be seen is folded into, as edit would renew it */
    stage_now(&g, 12000);
    stage_feed(&g, "1 | ann, 0, x\n1 | ann, 4, c"); /* seen once more, and gone */
    stage_expect(&g, "1 | ann, 5 a+0 mean 5 of 1; 5 a+0 mean 5\n"
                     "1 | ann, 5 ab+1 mean 4 of 2; 5 ab+1 mean 3\n"
                     "1 | ann, 5 ab+1 mean 4 of 2; 5 ab+1 mean -1\n"
                     "1 | ann, 5 abc+2 mean 4 of 3; 4 c+0 mean 4\n");
    stage_end(&g);
}

static void they_go_with_a_cut(void)
{
    struct stage first, second;
    struct weir_snapshot all = {0};
    set_up(&first);
    stage_feed(&first, "1 | ann, 5, a\n1 | bob, 7, b\n1 | ann, 6, c");
    CU_ASSERT_EQUAL_FATAL(first.op->class->snapshot(first.op, 1, &all), WEIR_OK);
    CU_ASSERT_EQUAL(all.n_entries, 8);
    stage_restore = &all;
    set_up(&second);
    stage_restore = NULL;
    stage_feed(&second, "1 | ann, 1, d\n1 | bob, 0, x");
    stage_expect(&second, "1 | ann, 6 acd+2 mean 4 of 3; 6 acd+2 mean 4\n1 | bob, 7 b+0 mean 7 of 1; 7 b+0 mean 7\n");
    weir_snapshot_finish(&all);
    stage_end(&first);
    stage_end(&second);
}

static void what_cannot_be_is_told(void)
{
    static const struct {
        const char *row, *told;
    } cases[] = {
        {"1 | ann, 13, b", "13 is not taken"},
        {"1 | ann, -3, b", "state 'most' was used as another kind of state"},
        {"1 | ann, -4, b", "state 'most' was used as another kind of state"},
    };
    for (size_t i = 0; i < WEIR_LEN(cases); i++) {
        struct stage g;
        set_up(&g);
        stage_feed(&g, "1 | ann, 5, a");
        CU_ASSERT(stage_try(&g, cases[i].row) < 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(g.op->error.text, cases[i].told));
        stage_end(&g);
    }
}

/* ---- states that belong to no key -------------------------------------------------------------------------------- */

static void set_up_keeps(struct stage *g)
{
    stage_init(g, WEIR_NODE_OPERATOR, "n: i64, word: string", "seen: string");
    stage_component(g, WEIR_OPERATOR, "keeps");
    stage_start(g);
}

static void lists_need_no_key(void)
{
    struct stage g;
    set_up_keeps(&g);
    stage_feed(&g, "1 | 0, x\n1 | 5, a\n1 | 2, b\n1 | 7, c\n1 | 10, d\n1 | 0, x\n1 | -1, x\n1 | -2, x\n1 | 0, x");
    stage_expect(&g, "1 |  | | | 0\n1 |  5a 7c | 5a 10d | 2b 10d | 0\n1 |  7c | 5a 10d | | 0\n");
    stage_end(&g);
}

static void lists_go_with_a_cut(void)
{
    struct stage first, second, third;
    struct weir_snapshot cut = {0}, again = {0};
    set_up_keeps(&first);
    stage_feed(&first, "1 | 5, a\n1 | 2, b");
    CU_ASSERT_EQUAL_FATAL(first.op->class->snapshot(first.op, 1, &cut), WEIR_OK);
    stage_feed(&first, "1 | 7, c\n1 | 0, x");
    stage_expect(&first, "1 |  5a 7c | 5a | 2b | 0\n");
    stage_restore = &cut;
    set_up_keeps(&second);
    stage_feed(&second, "1 | 0, x");
    stage_expect(&second, "1 |  5a | 5a | 2b | 0;0\n"); /* raw bytes were there in open, and are gone */
    CU_ASSERT_EQUAL(first.op->class->snapshot(first.op, 2, &again), WEIR_OK);
    stage_restore = &again;
    set_up_keeps(&third);
    stage_restore = NULL;
    stage_feed(&third, "1 | 0, x");
    stage_expect(&third, "1 |  5a 7c | 5a | 2b | 0;;0\n"); /* each cut writes all of them */
    weir_snapshot_finish(&cut);
    weir_snapshot_finish(&again);
    stage_end(&first);
    stage_end(&second);
    stage_end(&third);
}

static void raw_bytes_are_written_in_snapshot(void)
{
    struct stage g;
    set_up_keeps(&g);
    CU_ASSERT(stage_try(&g, "1 | -3, x") < 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(g.op->error.text, "raw state 'raw' was changed outside of snapshot"));
    stage_end(&g);
}

WEIR_SUITE(kinds) = {
    {"values are folded in", values_are_folded_in},
    {"they are at hand in timers", they_are_at_hand_in_timers},
    {"they expire as values do", they_expire_as_values_do},
    {"they go with a cut", they_go_with_a_cut},
    {"what cannot be is told", what_cannot_be_is_told},
    {"lists need no key", lists_need_no_key},
    {"lists go with a cut", lists_go_with_a_cut},
    {"raw bytes are written in snapshot", raw_bytes_are_written_in_snapshot},
    {NULL, NULL},
};
