/* An async operator in a chain against an obvious model of it: random rows, marks, capacities and orders of completion.
 *
 * The model of ordered: every record gives its rows, every mark itself, in the order of the input. Of unordered: the same,
 * but between two marks the rows are a bag. Work is run, the clock moves and the chain is stepped as the seed says. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "harness/lines.h"
#include "harness/op_env.h"
#include "harness/rows_text.h"
#include "harness/suite.h"
#include "operator/ops.h"
#include "task/chain.h"

#define TIMEOUT_MS 1000

struct work {
    void (*run)(void *arg, void *piece);
    void *arg, *piece;
};

/* Behind the async operator: notes what comes, and sometimes refuses for a while, so that outputs fill. */
struct keeper {
    struct weir_op op;
    struct async_random *owner;
};

struct async_random {
    struct weir_op_stage s; /* first: the platform's self */
    struct weir_random random;
    struct weir_schema *in, *out;
    struct weir_stream_node *node;
    struct keeper keeper;
    struct weir_chain_member members[2];
    struct weir_chain_target target;
    struct weir_chain chain;
    struct weir_error error;
    struct work works[256];
    uint32_t n_works;
    struct weir_text expected, found;
    int64_t n;         /* number of the next record */
    int64_t watermark; /* last one sent */
    bool ordered;
};

static void run_later(void *self, void (*run)(void *arg, void *piece), void *arg, void *piece)
{
    struct async_random *a = self;
    WEIR_ASSERT(a->n_works < 256);
    a->works[a->n_works++] = (struct work){run, arg, piece};
}

static bool run_one(struct async_random *a)
{
    if (a->n_works == 0) return false;
    uint32_t i = (uint32_t)weir_random_below(&a->random, a->n_works);
    struct work w = a->works[i];
    a->works[i] = a->works[--a->n_works];
    w.run(w.arg, w.piece);
    return true;
}

/* ---- the keeper -------------------------------------------------------------------------------------------------- */

static weir_status keep_rows(struct weir_op *op, uint32_t input, struct weir_rows *rows, int64_t *row)
{
    struct async_random *a = ((struct keeper *)(void *)op)->owner;
    (void)input;
    if (weir_random_below(&a->random, 3) == 0) return WEIR_MORE; /* no room now */
    weir_test_add_rows(&a->found, rows, a->out);
    *row = rows->view.length;
    return WEIR_OK;
}
static weir_status keep_mark(struct weir_op *op, enum weir_element_kind kind, int64_t value)
{
    struct async_random *a = ((struct keeper *)(void *)op)->owner;
    weir_text_add(&a->found, kind == WEIR_ELEMENT_WATERMARK ? "watermark %d\n" : "idle %d\n", (int)value);
    return WEIR_OK;
}
static const struct weir_op_class keeper_class = {.name = "keeper", .rows = keep_rows, .mark = keep_mark};

/* ---- the stage --------------------------------------------------------------------------------------------------- */

static void start(struct async_random *a, uint64_t seed)
{
    static const uint32_t batch_rows[] = {1, 3, 1024};
    memset(a, 0, sizeof *a);
    weir_op_stage_init(&a->s);
    a->s.platform.run_later = run_later;
    a->random.state = seed * 0x9e3779b97f4a7c15u;
    a->ordered = weir_random_below(&a->random, 2);
    a->s.env.batch_rows = batch_rows[weir_random_below(&a->random, 3)];
    a->in = weir_test_schema("n: i64, how: string");
    a->out = weir_test_schema("n: i64, how: string, ten: i64");
    a->node = weir_op_stage_node(&a->s, WEIR_NODE_ASYNC, a->in);
    a->node->part = weir_op_stage_part(&a->s, WEIR_ASYNC, "lookup");
    a->node->n_args = 2;
    a->node->args = weir_alloc_array(2, sizeof *a->node->args);
    a->node->args[1] = 1;
    a->node->async = (struct weir_async_config){.ordered = a->ordered,
                                                .capacity = 1 + (uint32_t)weir_random_below(&a->random, 9),
                                                .threads = 1,
                                                .timeout_ms = TIMEOUT_MS};
    weir_op_stage_output(a->node, "", a->out);
    weir_op_init(&a->keeper.op, &keeper_class, &a->s.env, "keeper");
    a->keeper.owner = a;
    a->members[0].op = weir_async_op_create(a->node, &a->s.env, a->s.registry, "lookup", &a->error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(a->members[0].op);
    a->members[1].op = &a->keeper.op;
    a->target.member = 1;
    a->members[0].targets = &a->target;
    a->members[0].n_targets = 1;
    a->chain = (struct weir_chain){.members = a->members, .n_members = 2, .pool = a->s.env.pool, .error = &a->error};
    CU_ASSERT_EQUAL(weir_chain_open(&a->chain), WEIR_OK);
}

static void end(struct async_random *a)
{
    weir_chain_close(&a->chain);
    a->members[0].op->class->destroy(a->members[0].op);
    weir_outbox_finish(&a->keeper.op.outbox);
    weir_schema_release(a->in);
    weir_schema_release(a->out);
    weir_text_finish(&a->expected);
    weir_text_finish(&a->found);
    weir_op_stage_finish(&a->s);
}

/* ---- input, and what the model makes of it ----------------------------------------------------------------------- */

static void expect_row(struct async_random *a, int64_t n, const char *how)
{
    int64_t ten = strcmp(how, "never") == 0 ? -1 : n * 10;
    int copies = strcmp(how, "none") == 0 ? 0 : strcmp(how, "many") == 0 ? 3 : 1;
    for (int i = 0; i < copies; i++) weir_text_add(&a->expected, "%d | %d, %s, %d\n", (int)n, (int)n, how, (int)ten);
}

static struct weir_element make_rows(struct async_random *a)
{
    static const char *const hows[] = {"work", "work", "work", "work", "now", "twice", "none", "many", "never"};
    struct weir_text text = {0};
    uint64_t n = 1 + weir_random_below(&a->random, 12);
    for (uint64_t i = 0; i < n; i++) {
        const char *how = hows[weir_random_below(&a->random, 9)];
        weir_text_add(&text, "%d | %d, %s\n", (int)a->n, (int)a->n, how);
        expect_row(a, a->n++, how);
    }
    struct weir_element e = {.kind = WEIR_ELEMENT_ROWS, .rows = weir_test_rows(a->s.env.pool, a->in, weir_text_get(&text))};
    weir_text_finish(&text);
    return e;
}

static struct weir_element make_element(struct async_random *a)
{
    uint64_t kind = weir_random_below(&a->random, 5);
    if (kind < 3) return make_rows(a);
    bool idle = kind == 3;
    int64_t value = idle ? (int64_t)weir_random_below(&a->random, 2) : ++a->watermark;
    weir_text_add(&a->expected, idle ? "idle %d\n" : "watermark %d\n", (int)value);
    return (struct weir_element){.kind = idle ? WEIR_ELEMENT_IDLE : WEIR_ELEMENT_WATERMARK, .value = value};
}

/* ---- a run ------------------------------------------------------------------------------------------------------- */

/* Nothing can move: then it is the clock that does, which only rows that nobody answers wait for. */
static bool move_clock(struct async_random *a)
{
    int64_t due = weir_chain_next_due_ms(&a->chain);
    if (due == INT64_MAX) return false;
    a->s.now_ms = due;
    return true;
}

static bool run(struct async_random *a, uint32_t elements)
{
    bool ended = false;
    for (uint32_t steps = 0; steps < 1000000; steps++) {
        if (weir_random_below(&a->random, 3) == 0) run_one(a);
        weir_progress p = weir_chain_pass(&a->chain, a->s.now_ms);
        if (p == WEIR_FAILED) return false;
        if (ended && weir_chain_is_ended(&a->chain)) return true;
        if (p == WEIR_MADE) continue;
        if (!ended && weir_chain_wants_input(&a->chain)) {
            ended = elements-- == 0;
            weir_chain_take(&a->chain, ended ? (struct weir_element){.kind = WEIR_ELEMENT_END} : make_element(a), 0);
        } else if (weir_chain_is_stalled(&a->chain)) {
            continue;
        } else if (!run_one(a) && !move_clock(a)) {
            fprintf(stderr, "deadlock\n");
            return false;
        }
    }
    return false;
}

/* The lines between marks sorted, for unordered. */
static char *in_bags(const char *text)
{
    char *copy = weir_strdup(text), *rest = copy;
    struct weir_text sorted = {0};
    struct weir_lines bag = {0};
    for (char *line; (line = strsep(&rest, "\n"));) {
        if (line[0] != 'w' && line[0] != 'i' && line[0] != '\0') {
            weir_lines_add(&bag, line);
            continue;
        }
        char *lines = weir_lines_take(&bag, false);
        weir_text_add(&sorted, "%s%s\n", lines, line);
        weir_free(lines);
    }
    weir_free(copy);
    return weir_text_take(&sorted);
}

static bool agrees(uint64_t seed)
{
    struct async_random a;
    start(&a, seed);
    bool over = run(&a, 30);
    char *expected = in_bags(weir_text_get(&a.expected)), *found = in_bags(weir_text_get(&a.found));
    bool same = over && (a.ordered ? strcmp(weir_text_get(&a.expected), weir_text_get(&a.found)) == 0
                                   : strcmp(expected, found) == 0);
    if (!same)
        fprintf(stderr, "seed %d, %s: %s\nexpected:\n%sfound:\n%s", (int)seed, a.ordered ? "ordered" : "unordered",
                a.error.text, expected, found);
    weir_free(expected);
    weir_free(found);
    end(&a);
    return same;
}

static void against_the_model(void)
{
    bool same = true;
    for (uint64_t seed = 1; seed <= 200 && same; seed++) same = agrees(seed);
    CU_ASSERT_TRUE(same);
}

/* Waiting is not polling: nothing says "soon", the deadline says when. */
static void sleeps_while_it_waits(void)
{
    struct async_random a;
    start(&a, 1);
    a.members[0].op->class->destroy(a.members[0].op);
    a.node->async.capacity = 1;
    a.members[0].op = weir_async_op_create(a.node, &a.s.env, a.s.registry, "lookup", &a.error);
    struct weir_rows *rows = weir_test_rows(a.s.env.pool, a.in, "1 | 1, never\n2 | 2, work\n");
    weir_chain_take(&a.chain, (struct weir_element){.kind = WEIR_ELEMENT_ROWS, .rows = rows}, 0);
    while (weir_chain_pass(&a.chain, 0) == WEIR_MADE) {
    }
    for (int i = 0; i < 3; i++) CU_ASSERT_EQUAL(weir_chain_pass(&a.chain, 0), WEIR_NONE);
    CU_ASSERT_FALSE(weir_chain_is_stalled(&a.chain));
    CU_ASSERT_FALSE(weir_chain_is_blocked(&a.chain));
    CU_ASSERT_FALSE(weir_chain_wants_input(&a.chain));
    CU_ASSERT_EQUAL(weir_chain_next_due_ms(&a.chain), TIMEOUT_MS);
    a.s.now_ms = TIMEOUT_MS;
    CU_ASSERT_EQUAL(weir_chain_pass(&a.chain, TIMEOUT_MS), WEIR_MADE);
    while (weir_chain_pass(&a.chain, TIMEOUT_MS) == WEIR_MADE || weir_chain_is_stalled(&a.chain)) {
    }
    CU_ASSERT_EQUAL(a.n_works, 1);
    run_one(&a); /* its completion makes it due, whatever the clock says */
    CU_ASSERT_EQUAL(weir_chain_pass(&a.chain, TIMEOUT_MS), WEIR_MADE);
    while (weir_chain_pass(&a.chain, TIMEOUT_MS) == WEIR_MADE || weir_chain_is_stalled(&a.chain)) {
    }
    CU_ASSERT_STRING_EQUAL(weir_text_get(&a.found), "1 | 1, never, -1\n2 | 2, work, 20\n");
    end(&a);
}

WEIR_SUITE(async_random) = {{"an async operator agrees with its model, 200 seeds", against_the_model},
                            {"it sleeps while it waits", sleeps_while_it_waits},
                            {NULL, NULL}};
