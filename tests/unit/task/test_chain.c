/* A chain of operators made here, stepped by hand: order, backpressure, MORE, marks, the end. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "harness/op_env.h"
#include "harness/rows_text.h"
#include "harness/suite.h"
#include "task/chain.h"

/* An operator that notes what it is given, and passes rows on `copies` times. */
struct toy {
    struct weir_op op;
    struct weir_schema *schema;
    struct weir_text *log;
    const char *name;
    int copies, done; /* copies of the rows at hand that were emitted */
    int refuse;       /* say MORE that many times before taking rows: a sink without room */
    int stays_due;    /* that many times it is due again as soon as it has fired */
    int due_calls;    /* what is due takes that many calls; each emits a row */
    bool speaks;      /* emits a row at every watermark */
    int unfinished;   /* finish says MORE that many times */
    int unprepared;   /* prepare says MORE that many times */
    int unread;       /* what fires says MORE that many times, as it reads */
    bool opened, closed;
};

static struct toy *toy_of(struct weir_op *op)
{
    return (struct toy *)(void *)op;
}
static weir_status toy_open(struct weir_op *op)
{
    toy_of(op)->opened = true;
    return WEIR_OK;
}
static weir_status toy_rows(struct weir_op *op, uint32_t input, struct weir_rows *rows, int64_t *row)
{
    struct toy *t = toy_of(op);
    (void)input;
    if (t->refuse > 0) return t->refuse--, WEIR_MORE;
    if (t->done == 0) {
        weir_text_add(t->log, "%s: ", t->name);
        weir_test_add_rows(t->log, rows, t->schema);
    }
    while (t->done < t->copies) {
        if (weir_op_emit(op, 0, weir_rows_retain(rows)) != WEIR_OK) return op->error.status;
        if (++t->done < t->copies) return WEIR_MORE; /* one batch at a time */
    }
    t->done = 0;
    *row = rows->view.length;
    return WEIR_OK;
}
static weir_status toy_prepare(struct weir_op *op, uint32_t input, const struct weir_rows *rows)
{
    struct toy *t = toy_of(op);
    CU_ASSERT(input == 0 && rows->view.length > 0);
    if (t->unprepared <= 0) return WEIR_OK;
    weir_text_add(t->log, "%s: prepare\n", t->name);
    return --t->unprepared > 0 ? WEIR_MORE : WEIR_OK;
}
static bool toy_reads(struct toy *t)
{
    if (t->unread <= 0) return false;
    weir_text_add(t->log, "%s: read\n", t->name);
    t->unread--;
    return t->op.is_reading = true;
}
static weir_status toy_watermark(struct weir_op *op, int64_t w)
{
    if (toy_reads(toy_of(op))) return WEIR_MORE;
    weir_text_add(toy_of(op)->log, "%s: watermark %lld\n", toy_of(op)->name, (long long)w);
    return toy_of(op)->speaks ? weir_op_emit(op, 0, weir_test_rows(op->env->pool, toy_of(op)->schema, "7 | 77")) : WEIR_OK;
}
static weir_status toy_finish(struct weir_op *op)
{
    struct toy *t = toy_of(op);
    weir_text_add(t->log, "%s: finish\n", t->name);
    return t->unfinished > 0 ? (t->unfinished--, WEIR_MORE) : WEIR_OK;
}
static weir_status toy_flush(struct weir_op *op)
{
    weir_text_add(toy_of(op)->log, "%s: flush\n", toy_of(op)->name);
    return WEIR_OK;
}
static weir_status toy_due(struct weir_op *op, int64_t now_ms)
{
    struct toy *t = toy_of(op);
    if (toy_reads(t)) return WEIR_MORE;
    weir_text_add(t->log, "%s: due at %lld\n", t->name, (long long)now_ms);
    if (t->stays_due-- > 0) return WEIR_OK;
    op->next_due_ms = INT64_MAX;
    if (t->due_calls <= 0) return WEIR_OK;
    struct weir_rows *row = weir_test_rows(op->env->pool, t->schema, "- | 99");
    if (weir_op_emit(op, 0, row) != WEIR_OK) return op->error.status;
    return --t->due_calls > 0 ? WEIR_MORE : WEIR_OK;
}
static void toy_close(struct weir_op *op)
{
    toy_of(op)->closed = true;
}
static const struct weir_op_class toy_class = {.name = "toy",
                                               .open = toy_open,
                                               .prepare = toy_prepare,
                                               .rows = toy_rows,
                                               .watermark = toy_watermark,
                                               .processing_time = toy_due,
                                               .finish = toy_finish,
                                               .close = toy_close};
static const struct weir_op_class assigner_class = {.name = "assigner", .rows = toy_rows, .swallows_marks = true};
static const struct weir_op_class sink_class = {
    .name = "sink", .rows = toy_rows, .flush = toy_flush, .finish = toy_finish, .finishes_when_stopped = true};

struct stage {
    struct weir_op_stage s;
    struct weir_schema *schema;
    struct weir_text log;
    struct weir_error error;
    struct toy toys[4];
    struct weir_chain_member members[4];
    struct weir_chain_target targets[4][2];
    struct weir_chain chain;
};

/* a -> b -> c; toys[i] has targets[i]. */
static void set_up(struct stage *g)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    memset(g, 0, sizeof *g);
    weir_op_stage_init(&g->s);
    g->schema = weir_test_schema("n: i64");
    for (uint32_t i = 0; i < 3; i++) {
        weir_op_init(&g->toys[i].op, &toy_class, &g->s.env, names[i]);
        g->toys[i].schema = g->schema;
        g->toys[i].log = &g->log;
        g->toys[i].name = names[i];
        g->toys[i].copies = 1;
        g->members[i].op = &g->toys[i].op;
        g->members[i].targets = g->targets[i];
        g->members[i].n_targets = i < 2;
        g->targets[i][0].member = i + 1;
    }
    g->chain = (struct weir_chain){.members = g->members, .n_members = 3, .pool = g->s.env.pool, .error = &g->error};
    CU_ASSERT_EQUAL(weir_chain_open(&g->chain), WEIR_OK);
}

static void tear_down(struct stage *g)
{
    weir_chain_close(&g->chain);
    for (int i = 0; i < 3; i++) weir_outbox_finish(&g->toys[i].op.outbox);
    weir_schema_release(g->schema);
    weir_text_finish(&g->log);
    weir_op_stage_finish(&g->s);
}

static void take_rows(struct stage *g, const char *text)
{
    struct weir_element e = {.kind = WEIR_ELEMENT_ROWS, .rows = weir_test_rows(g->s.env.pool, g->schema, text)};
    weir_chain_take(&g->chain, e, 0);
}
static void take_mark(struct stage *g, enum weir_element_kind kind, int64_t value)
{
    weir_chain_take(&g->chain, (struct weir_element){.kind = kind, .value = value}, 0);
}
static void run(struct stage *g)
{
    while (weir_chain_pass(&g->chain, g->s.now_ms) == WEIR_MADE) continue;
}
static void expect(struct stage *g, const char *text)
{
    if (strcmp(weir_text_get(&g->log), text) != 0)
        fprintf(stderr, "\nexpected:\n%sfound:\n%s", text, weir_text_get(&g->log));
    CU_ASSERT_STRING_EQUAL(weir_text_get(&g->log), text);
    weir_text_finish(&g->log);
}

static void rows_and_marks_pass_in_order(void)
{
    struct stage g;
    set_up(&g);
    take_rows(&g, "1 | 10\n2 | 20");
    run(&g);
    take_mark(&g, WEIR_ELEMENT_WATERMARK, 5);
    run(&g);
    take_mark(&g, WEIR_ELEMENT_END, WEIR_END_OF_INPUT);
    run(&g);
    expect(&g, "a: 1 | 10\n2 | 20\nb: 1 | 10\n2 | 20\nc: 1 | 10\n2 | 20\n"
               "a: watermark 5\nb: watermark 5\nc: watermark 5\na: finish\nb: finish\nc: finish\n");
    CU_ASSERT(weir_chain_is_ended(&g.chain));
    tear_down(&g);
}

static void what_a_watermark_sets_off_goes_before_it(void)
{
    struct stage g;
    set_up(&g);
    g.toys[0].speaks = true;
    take_mark(&g, WEIR_ELEMENT_WATERMARK, 9);
    run(&g);
    expect(&g, "a: watermark 9\nb: 7 | 77\nc: 7 | 77\nb: watermark 9\nc: watermark 9\n");
    tear_down(&g);
}

static void the_deepest_member_runs_first(void)
{
    struct stage g;
    set_up(&g);
    g.toys[0].copies = 3; /* a says MORE between its batches: each must be at c before the next one */
    take_rows(&g, "1 | 10");
    run(&g);
    expect(&g, "a: 1 | 10\nb: 1 | 10\nc: 1 | 10\nb: 1 | 10\nc: 1 | 10\nb: 1 | 10\nc: 1 | 10\n");
    CU_ASSERT_EQUAL(g.toys[0].op.outbox.n, 0);
    tear_down(&g);
}

static void a_full_sink_holds_the_chain_back(void)
{
    struct stage g;
    set_up(&g);
    g.toys[2].refuse = 1000;
    take_rows(&g, "1 | 10");
    run(&g);
    expect(&g, "a: 1 | 10\nb: 1 | 10\n");
    CU_ASSERT(weir_chain_is_stalled(&g.chain));
    CU_ASSERT(weir_chain_wants_input(&g.chain)); /* a and b can hold one each */
    take_rows(&g, "2 | 20");
    run(&g);
    take_rows(&g, "3 | 30");
    run(&g);
    CU_ASSERT_FALSE(weir_chain_wants_input(&g.chain));
    CU_ASSERT(weir_chain_is_blocked(&g.chain));
    g.toys[2].refuse = 0;
    run(&g);
    CU_ASSERT(weir_chain_wants_input(&g.chain));
    expect(&g, "a: 2 | 20\nb: 2 | 20\na: 3 | 30\nc: 1 | 10\nc: 2 | 20\nb: 3 | 30\nc: 3 | 30\n");
    tear_down(&g);
}

static void every_target_gets_every_mark_and_its_own_ports(void)
{
    struct stage g;
    set_up(&g);
    g.members[0].n_targets = 2; /* a -> b and a -> c; b -> nothing */
    g.targets[0][1] = (struct weir_chain_target){.port = 1, .member = 2};
    g.members[1].n_targets = 0;
    take_rows(&g, "1 | 10");
    run(&g);
    take_mark(&g, WEIR_ELEMENT_WATERMARK, 7);
    run(&g);
    expect(&g, "a: 1 | 10\nb: 1 | 10\na: watermark 7\nc: watermark 7\nb: watermark 7\n");
    tear_down(&g);
}

static void an_assigner_swallows_marks_but_the_last_watermark(void)
{
    struct stage g;
    set_up(&g);
    g.toys[0].op.class = &assigner_class;
    take_mark(&g, WEIR_ELEMENT_WATERMARK, 7);
    run(&g);
    take_mark(&g, WEIR_ELEMENT_IDLE, 1);
    run(&g);
    take_mark(&g, WEIR_ELEMENT_WATERMARK, INT64_MAX);
    run(&g);
    expect(&g, "b: watermark 9223372036854775807\nc: watermark 9223372036854775807\n");
    tear_down(&g);
}

static void a_stop_finishes_sinks_only(void)
{
    struct stage g;
    set_up(&g);
    g.toys[2].op.class = &sink_class;
    take_mark(&g, WEIR_ELEMENT_END, WEIR_END_STOPPED);
    run(&g);
    expect(&g, "c: finish\n");
    CU_ASSERT(weir_chain_is_ended(&g.chain));
    tear_down(&g);
}

static void what_is_due_fires_between_elements(void)
{
    struct stage g;
    set_up(&g);
    g.toys[1].op.next_due_ms = 100;
    CU_ASSERT_EQUAL(weir_chain_next_due_ms(&g.chain), 100);
    g.s.now_ms = 99;
    run(&g);
    expect(&g, "");
    g.s.now_ms = 100;
    run(&g);
    expect(&g, "b: due at 100\n");
    tear_down(&g);
}

static void what_is_due_and_says_MORE_goes_on_with_nothing_in_between(void)
{
    struct stage g;
    set_up(&g);
    g.toys[1].op.next_due_ms = 100;
    g.toys[1].due_calls = 3;
    g.toys[2].refuse = 1000;
    g.s.now_ms = 100;
    take_rows(&g, "1 | 10");
    run(&g);
    expect(&g, "b: due at 100\nb: due at 100\na: 1 | 10\n"); /* a has rows for b, which is not done firing */
    g.s.now_ms = 500;
    g.toys[2].refuse = 0;
    run(&g);
    expect(&g, "c: - | 99\nc: - | 99\nb: due at 100\nc: - | 99\nb: 1 | 10\nc: 1 | 10\n");
    tear_down(&g);
}

static void what_is_still_due_after_it_fired_lets_input_come_first(void)
{
    struct stage g;
    set_up(&g);
    g.toys[1].op.next_due_ms = 100;
    g.toys[1].stays_due = 2;
    CU_ASSERT_EQUAL(weir_chain_pass(&g.chain, 100), WEIR_MADE);
    expect(&g, "b: due at 100\n");
    CU_ASSERT_EQUAL(weir_chain_pass(&g.chain, 100), WEIR_NONE); /* input may be asked for */
    CU_ASSERT_EQUAL(weir_chain_next_due_ms(&g.chain), 100);     /* and nobody sleeps */
    CU_ASSERT_EQUAL(weir_chain_pass(&g.chain, 100), WEIR_MADE);
    expect(&g, "b: due at 100\n");
    take_rows(&g, "1 | 10");
    CU_ASSERT_EQUAL(weir_chain_pass(&g.chain, 100), WEIR_MADE);
    expect(&g, "a: 1 | 10\nb: 1 | 10\nc: 1 | 10\n");
    CU_ASSERT_EQUAL(weir_chain_pass(&g.chain, 100), WEIR_NONE);
    CU_ASSERT_EQUAL(weir_chain_pass(&g.chain, 100), WEIR_MADE);
    expect(&g, "b: due at 100\n");
    CU_ASSERT_EQUAL(weir_chain_pass(&g.chain, 100), WEIR_NONE);
    tear_down(&g);
}

static void what_is_due_behind_a_full_output_does_not_keep_the_slot_awake(void)
{
    struct stage g;
    set_up(&g);
    g.toys[2].refuse = 1000;
    g.toys[0].op.next_due_ms = 100;
    for (int i = 0; i < 3; i++) {
        take_rows(&g, "1 | 10");
        run(&g);
    }
    CU_ASSERT(weir_chain_is_blocked(&g.chain));
    g.s.now_ms = 200;
    run(&g);
    CU_ASSERT_EQUAL(weir_chain_next_due_ms(&g.chain), INT64_MAX); /* room will wake it */
    g.toys[2].refuse = 0;
    run(&g);
    WEIR_ASSERT_CONTAINS(weir_text_get(&g.log), "a: due at 200\n");
    tear_down(&g);
}

static void a_finish_in_several_calls_ends_the_chain(void)
{
    struct stage g;
    set_up(&g);
    g.toys[2].unfinished = 3;
    take_mark(&g, WEIR_ELEMENT_END, WEIR_END_OF_INPUT);
    run(&g);
    expect(&g, "a: finish\nb: finish\nc: finish\nc: finish\n"); /* one pass took it to c, another one came to nothing */
    CU_ASSERT(weir_chain_is_stalled(&g.chain));
    CU_ASSERT_FALSE(weir_chain_is_ended(&g.chain));
    CU_ASSERT_EQUAL(weir_chain_pass(&g.chain, 0), WEIR_NONE);
    CU_ASSERT_EQUAL(weir_chain_pass(&g.chain, 0), WEIR_MADE);
    run(&g);
    CU_ASSERT_FALSE(weir_chain_is_stalled(&g.chain));
    CU_ASSERT(weir_chain_is_ended(&g.chain));
    expect(&g, "c: finish\nc: finish\n");
    tear_down(&g);
}

static void a_sink_in_the_middle_of_a_batch_is_not_flushed(void)
{
    struct stage g;
    set_up(&g);
    g.toys[2].op.class = &sink_class;
    take_rows(&g, "1 | 10");
    run(&g);
    g.toys[2].refuse = 1000;
    take_rows(&g, "2 | 20");
    run(&g);
    CU_ASSERT_EQUAL(weir_chain_flush(&g.chain), WEIR_OK);
    expect(&g, "a: 1 | 10\nb: 1 | 10\nc: 1 | 10\na: 2 | 20\nb: 2 | 20\n");
    g.toys[2].refuse = 0;
    run(&g);
    CU_ASSERT_EQUAL(weir_chain_flush(&g.chain), WEIR_OK);
    CU_ASSERT_EQUAL(weir_chain_flush(&g.chain), WEIR_OK);
    expect(&g, "c: 2 | 20\nc: flush\n");
    tear_down(&g);
}

static void the_overflow_limit_fails_the_operator(void)
{
    struct stage g;
    set_up(&g);
    struct weir_op *op = &g.toys[0].op;
    op->outbox.limit_bytes = 1;
    struct weir_rows *rows = weir_test_rows(g.s.env.pool, g.schema, "1 | 10");
    CU_ASSERT_EQUAL(weir_op_emit(op, 0, weir_rows_retain(rows)), WEIR_OK); /* one batch always goes */
    CU_ASSERT_EQUAL(weir_op_emit(op, 0, weir_rows_retain(rows)), WEIR_E_PLUGIN);
    WEIR_ASSERT_CONTAINS(op->error.text, "overflow limit of 1 bytes");
    weir_rows_release(rows);
    tear_down(&g);
}

/* Rows that wait for their state are a pass without progress; nothing that is due comes before them, and keeps the slot
 * awake meanwhile; nor does it in the middle of them. */
static void rows_wait_until_they_are_prepared(void)
{
    struct stage g;
    set_up(&g);
    g.toys[0].unprepared = 3;
    g.toys[0].copies = 2;
    g.toys[0].op.next_due_ms = g.s.now_ms;
    take_rows(&g, "1 | 10");
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(weir_chain_pass(&g.chain, g.s.now_ms), WEIR_NONE);
        CU_ASSERT(weir_chain_is_preparing(&g.chain) && !weir_chain_is_stalled(&g.chain));
        CU_ASSERT(!weir_chain_wants_input(&g.chain) && !weir_chain_is_blocked(&g.chain));
        CU_ASSERT_EQUAL(weir_chain_next_due_ms(&g.chain), INT64_MAX);
    }
    expect(&g, "a: prepare\na: prepare\n");
    run(&g);
    CU_ASSERT_FALSE(weir_chain_is_preparing(&g.chain));
    expect(&g, "a: prepare\na: 1 | 10\nb: 1 | 10\nc: 1 | 10\nb: 1 | 10\na: due at 0\nc: 1 | 10\n");
    g.toys[0].copies = 1;
    g.toys[0].unprepared = 1;
    take_rows(&g, "2 | 20");
    run(&g);
    take_mark(&g, WEIR_ELEMENT_END, WEIR_END_OF_INPUT);
    run(&g);
    expect(&g, "a: prepare\na: 2 | 20\nb: 2 | 20\nc: 2 | 20\na: finish\nb: finish\nc: finish\n");
    tear_down(&g);
}

/* So is what fires, at a watermark or by the clock. */
static void what_fires_waits_until_it_has_been_read_for(void)
{
    struct stage g;
    set_up(&g);
    for (int clock = 0; clock < 2; clock++) {
        g.toys[0].unread = 3;
        if (clock)
            g.toys[0].op.next_due_ms = g.s.now_ms;
        else
            take_mark(&g, WEIR_ELEMENT_WATERMARK, 5);
        for (int i = 0; i < 2; i++) {
            CU_ASSERT_EQUAL(weir_chain_pass(&g.chain, g.s.now_ms), WEIR_NONE);
            CU_ASSERT(weir_chain_is_preparing(&g.chain) && !weir_chain_is_stalled(&g.chain));
            CU_ASSERT(!weir_chain_wants_input(&g.chain) && !weir_chain_is_blocked(&g.chain));
            CU_ASSERT_EQUAL(weir_chain_next_due_ms(&g.chain), INT64_MAX);
        }
        CU_ASSERT_EQUAL(weir_chain_pass(&g.chain, g.s.now_ms), WEIR_NONE);
        expect(&g, "a: read\na: read\na: read\n");
        run(&g);
        CU_ASSERT(!weir_chain_is_preparing(&g.chain) && weir_chain_wants_input(&g.chain));
        expect(&g, clock ? "a: due at 0\n" : "a: watermark 5\nb: watermark 5\nc: watermark 5\n");
    }
    tear_down(&g);
}

/* The rows are let go. */
static void a_chain_is_closed_while_rows_wait(void)
{
    size_t blocks = weir_allocated_blocks();
    struct stage g;
    set_up(&g);
    g.toys[0].unprepared = 100;
    take_rows(&g, "1 | 10");
    CU_ASSERT_EQUAL(weir_chain_pass(&g.chain, g.s.now_ms), WEIR_NONE);
    tear_down(&g);
    CU_ASSERT(g.toys[0].closed);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), blocks);
}

WEIR_SUITE(chain) = {
    {"rows wait until they are prepared", rows_wait_until_they_are_prepared},
    {"what fires waits until it has been read for", what_fires_waits_until_it_has_been_read_for},
    {"a chain is closed while rows wait", a_chain_is_closed_while_rows_wait},
    {"rows and marks pass in order", rows_and_marks_pass_in_order},
    {"what a watermark sets off goes before it", what_a_watermark_sets_off_goes_before_it},
    {"the deepest member runs first", the_deepest_member_runs_first},
    {"a full sink holds the chain back", a_full_sink_holds_the_chain_back},
    {"every target gets every mark, and rows of its own port", every_target_gets_every_mark_and_its_own_ports},
    {"an assigner swallows marks but the last watermark", an_assigner_swallows_marks_but_the_last_watermark},
    {"a stop finishes sinks only", a_stop_finishes_sinks_only},
    {"what is due fires between elements", what_is_due_fires_between_elements},
    {"what is due and says MORE goes on with nothing in between", what_is_due_and_says_MORE_goes_on_with_nothing_in_between},
    {"what is still due after it fired lets input come first", what_is_still_due_after_it_fired_lets_input_come_first},
    {"what is due behind a full output does not keep the slot awake",
     what_is_due_behind_a_full_output_does_not_keep_the_slot_awake},
    {"a finish in several calls ends the chain", a_finish_in_several_calls_ends_the_chain},
    {"a sink in the middle of a batch is not flushed", a_sink_in_the_middle_of_a_batch_is_not_flushed},
    {"the overflow limit fails the operator", the_overflow_limit_fails_the_operator},
    {NULL, NULL}};
