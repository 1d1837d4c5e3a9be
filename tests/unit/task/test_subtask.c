/* A subtask stepped by hand: input, backpressure, pauses, the end. */
#include "state/image.h"
#include "unit/task/task_stage.h"

static weir_progress run(struct task_stage *g)
{
    weir_progress p = WEIR_MADE;
    for (int i = 0; p == WEIR_MADE && i < 1000; i++) p = weir_subtask_step(&g->task, g->s.now_ms);
    return p;
}

/* The rows that wait in the ring behind the subtask. */
static int64_t pop_rows(struct task_stage *g, int64_t next)
{
    struct weir_element e;
    while (weir_ring_pop(&g->out, &e)) {
        if (e.kind != WEIR_ELEMENT_ROWS) continue;
        for (int64_t i = 0; i < e.rows->view.length; i++) CU_ASSERT_EQUAL(weir_i64((weir_row){&e.rows->view, i}, 0), next++);
        weir_rows_release(e.rows);
    }
    return next;
}

static void channels_are_read_to_their_ends(void)
{
    struct task_stage g;
    task_stage_init(&g, NULL, 2, 0);
    CU_ASSERT_EQUAL(weir_subtask_open(&g.task), WEIR_OK);
    CU_ASSERT_EQUAL(g.task.state, WEIR_SUBTASK_RUNNING);
    CU_ASSERT_EQUAL(run(&g), WEIR_NONE);
    push_rows(&g, 0, "1 | 10");
    push_mark(&g, 0, WEIR_ELEMENT_WATERMARK, 50);
    CU_ASSERT_EQUAL(run(&g), WEIR_NONE);
    expect_log(&g, "1 | 10\nflush\n"); /* one channel has said nothing about the time */
    push_mark(&g, 1, WEIR_ELEMENT_WATERMARK, 40);
    push_rows(&g, 1, "2 | 20");
    push_mark(&g, 1, WEIR_ELEMENT_END, WEIR_END_OF_INPUT);
    CU_ASSERT_EQUAL(run(&g), WEIR_NONE);
    expect_log(&g, "watermark 40\n2 | 20\nwatermark 50\nflush\n");
    CU_ASSERT_EQUAL(g.task.state, WEIR_SUBTASK_RUNNING);
    push_mark(&g, 0, WEIR_ELEMENT_END, WEIR_END_OF_INPUT);
    CU_ASSERT_EQUAL(run(&g), WEIR_DONE);
    expect_log(&g, "watermark 9223372036854775807\nfinish\n");
    CU_ASSERT_EQUAL(g.task.state, WEIR_SUBTASK_DONE);
    task_stage_end(&g);
    CU_ASSERT_EQUAL(g.actor.closes, 1);
}

static void a_stopped_input_does_not_end_time(void)
{
    struct task_stage g;
    task_stage_init(&g, NULL, 1, 0);
    CU_ASSERT_EQUAL(weir_subtask_open(&g.task), WEIR_OK);
    push_mark(&g, 0, WEIR_ELEMENT_WATERMARK, 40);
    push_mark(&g, 0, WEIR_ELEMENT_END, WEIR_END_STOPPED);
    CU_ASSERT_EQUAL(run(&g), WEIR_DONE);
    expect_log(&g, "watermark 40\n"); /* and no finish */
    task_stage_end(&g);
}

static void a_step_is_a_bounded_amount_of_work(void)
{
    struct task_stage g;
    task_stage_init(&g, "r", 0, 0);
    CU_ASSERT_EQUAL(weir_subtask_open(&g.task), WEIR_OK);
    for (int i = 0; i < 10; i++) {
        int before = g.actor.polls;
        CU_ASSERT_EQUAL(weir_subtask_step(&g.task, 0), WEIR_MADE);
        CU_ASSERT(g.actor.polls - before >= 1 && g.actor.polls - before <= 16);
    }
    task_stage_end(&g);
}

static void a_source_ends(void)
{
    struct task_stage g;
    task_stage_init(&g, "rrnrd", 0, 10);
    CU_ASSERT_EQUAL(weir_subtask_open(&g.task), WEIR_OK);
    CU_ASSERT_EQUAL(run(&g), WEIR_DONE);
    CU_ASSERT_EQUAL(g.actor.polls, 5);
    CU_ASSERT_FALSE(g.task.nothing_polled);
    CU_ASSERT_EQUAL(g.task.state, WEIR_SUBTASK_DONE);
    CU_ASSERT_EQUAL(pop_rows(&g, 1), 4);
    task_stage_end(&g);
}

/* What the next poll brings may be long in coming, and its receiver at work. */
static void what_a_waiting_source_gave_goes_on_before_it_is_asked_again(void)
{
    struct task_stage g;
    struct weir_ring other = {0};
    struct weir_ring *rings[] = {&g.out, &other};
    struct weir_writer *writer;
    task_stage_init(&g, "r", 0, 100);
    CU_ASSERT_EQUAL(weir_ring_init(&other, 100, &g.error), WEIR_OK);
    const struct weir_writer_options o = {.partition = WEIR_PARTITION_REBALANCE,
                                          .pool = g.s.env.pool,
                                          .schema = g.schema,
                                          .rings = rings,
                                          .n_rings = 2,
                                          .batch_rows = 16,
                                          .receivers = 2,
                                          .where = "node 'x'"};
    CU_ASSERT_EQUAL_FATAL(weir_writer_create(&o, &writer, &g.error), WEIR_OK);
    g.target.writer = writer;
    g.task.chain.writers = &writer;
    g.task.waits = true;
    CU_ASSERT_EQUAL(weir_subtask_open(&g.task), WEIR_OK);
    for (uint32_t i = 1; i < 8; i++) {
        CU_ASSERT_EQUAL(weir_subtask_step(&g.task, 0), WEIR_MADE);
        CU_ASSERT_EQUAL(g.actor.polls, (int)i);
        CU_ASSERT_EQUAL(weir_ring_length(&g.out) + weir_ring_length(&other), i);
    }
    g.task.chain.writers = &g.writer;
    weir_writer_destroy(writer);
    weir_ring_finish(&other);
    task_stage_end(&g);
}

static void a_source_stops(void)
{
    struct task_stage g;
    task_stage_init(&g, "r", 0, 1000);
    CU_ASSERT_EQUAL(weir_subtask_open(&g.task), WEIR_OK);
    CU_ASSERT_EQUAL(weir_subtask_step(&g.task, 0), WEIR_MADE);
    int polls = g.actor.polls;
    atomic_store(&g.stop, 1);
    CU_ASSERT_EQUAL(run(&g), WEIR_DONE);
    CU_ASSERT_EQUAL(g.actor.polls, polls);
    CU_ASSERT_EQUAL(pop_rows(&g, 1), g.actor.n + 1);
    task_stage_end(&g);
}

static void a_full_ring_stops_the_source_and_room_lets_it_go_on(void)
{
    struct task_stage g;
    int64_t next = 1;
    task_stage_init(&g, "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrd", 0, 2);
    CU_ASSERT_EQUAL(weir_subtask_open(&g.task), WEIR_OK);
    g.s.now_ms = 1000;
    CU_ASSERT_EQUAL(run(&g), WEIR_NONE);
    CU_ASSERT(weir_chain_is_blocked(&g.task.chain));
    int polls = g.actor.polls;
    CU_ASSERT(polls <= 5); /* two in the ring, one parked, one in the outbox */
    CU_ASSERT_EQUAL(run(&g), WEIR_NONE);
    CU_ASSERT_EQUAL(g.actor.polls, polls);
    g.s.now_ms = 1600;
    weir_progress p;
    do {
        next = pop_rows(&g, next);
        p = run(&g);
    } while (p == WEIR_NONE);
    CU_ASSERT_EQUAL(p, WEIR_DONE);
    CU_ASSERT_EQUAL(pop_rows(&g, next), 41);
    CU_ASSERT(g.actor.op.backpressured_ms >= 600); /* which is no silence of the source */
    task_stage_end(&g);
}

static void a_pause_flushes_once(void)
{
    struct task_stage g;
    task_stage_init(&g, NULL, 1, 0);
    CU_ASSERT_EQUAL(weir_subtask_open(&g.task), WEIR_OK);
    push_rows(&g, 0, "1 | 10");
    push_rows(&g, 0, "1 | 11");
    CU_ASSERT_EQUAL(run(&g), WEIR_NONE);
    CU_ASSERT_EQUAL(run(&g), WEIR_NONE);
    expect_log(&g, "1 | 10\n1 | 11\nflush\n");
    task_stage_end(&g);
}

static void what_is_due_fires(void)
{
    struct task_stage g;
    task_stage_init(&g, NULL, 1, 0);
    CU_ASSERT_EQUAL(weir_subtask_open(&g.task), WEIR_OK);
    CU_ASSERT_EQUAL(weir_subtask_next_due_ms(&g.task), INT64_MAX);
    g.actor.op.next_due_ms = 500;
    CU_ASSERT_EQUAL(weir_subtask_next_due_ms(&g.task), 500);
    g.s.now_ms = 499;
    CU_ASSERT_EQUAL(run(&g), WEIR_NONE);
    g.s.now_ms = 512;
    CU_ASSERT_EQUAL(run(&g), WEIR_NONE);
    expect_log(&g, "due 512\n");
    task_stage_end(&g);
}

static void a_failure_names_the_node(void)
{
    struct task_stage g;
    task_stage_init(&g, "rf", 0, 0);
    CU_ASSERT_EQUAL(weir_subtask_open(&g.task), WEIR_OK);
    CU_ASSERT_EQUAL(run(&g), WEIR_FAILED);
    CU_ASSERT_EQUAL(g.task.state, WEIR_SUBTASK_FAILED);
    CU_ASSERT_EQUAL(g.task.error.status, WEIR_E_IO);
    CU_ASSERT_STRING_EQUAL(g.task.error.text, "node 'x': the well is dry");
    task_stage_end(&g);
    CU_ASSERT_EQUAL(g.actor.closes, 1);

    task_stage_init(&g, "r", 0, 0);
    g.actor.fails_to_open = true;
    CU_ASSERT_EQUAL(weir_subtask_open(&g.task), WEIR_E_IO);
    CU_ASSERT_STRING_EQUAL(g.task.error.text, "node 'x': it is locked");
    CU_ASSERT_EQUAL(g.task.state, WEIR_SUBTASK_FAILED);
    task_stage_end(&g);
    CU_ASSERT_EQUAL(g.actor.closes, 1); /* close is called also when open failed */
}

/* ---- cuts in steps ----------------------------------------------------------------------------------------------- */

/* State of which a cut takes several steps. */
struct slow {
    struct weir_state_image image; /* first member */
    int steps, released;
};
static struct slow slow;

static bool slow_write(struct weir_state_image *image)
{
    return --((struct slow *)(void *)image)->steps > 0;
}
static void slow_release(struct weir_state_image *image)
{
    ((struct slow *)(void *)image)->released++;
}
static const struct weir_state_image_ops slow_ops = {.write = slow_write, .release = slow_release};
static struct weir_state_image *slow_freeze(struct weir_state_set *set, const struct weir_schema *key)
{
    (void)set, (void)key;
    slow.image.ops = &slow_ops;
    slow.steps = 3;
    return &slow.image;
}
static const struct weir_state_ops slow_state = {.freeze = slow_freeze};
static weir_status slow_snapshot(struct weir_op *op, int64_t checkpoint, struct weir_snapshot *to)
{
    struct weir_state_set set = {.ops = &slow_state};
    (void)checkpoint;
    return weir_snapshot_keyed(to, &set, NULL, NULL, 0, 0, &op->error);
}

/* Notes it, and gives it up. */
static void note_cut(void *arg, struct weir_subtask *t, struct weir_subtask_cut c)
{
    struct task_stage *g = arg;
    if (c.last)
        weir_text_add(&g->actor.log, "last\n");
    else
        weir_text_add(&g->actor.log, "cut %d\n", (int)c.cut.checkpoint);
    weir_chain_drop_cut(&t->chain, &c.cut);
}

static void init_slow(struct task_stage *g, struct weir_op_class *class, const struct weir_orders *orders)
{
    slow = (struct slow){.steps = 0};
    task_stage_init(g, NULL, 1, 0);
    *class = actor_step;
    class->snapshot = slow_snapshot;
    g->actor.op.class = class;
    g->task.orders = orders;
    g->task.cut = note_cut;
    g->task.cut_arg = g;
    CU_ASSERT_EQUAL(weir_subtask_open(&g->task), WEIR_OK);
}

static void rows_go_on_while_a_cut_is_written(void)
{
    struct task_stage g;
    struct weir_op_class class;
    const struct weir_orders orders = {.newest = 1};
    init_slow(&g, &class, &orders);
    push_mark(&g, 0, WEIR_ELEMENT_BARRIER, 1);
    push_rows(&g, 0, "1 | 10");
    CU_ASSERT_EQUAL(weir_subtask_step(&g.task, 0), WEIR_MADE);
    expect_log(&g, "flush\n1 | 10\n");
    CU_ASSERT_EQUAL(slow.steps, 2); /* one in each step of the subtask, also of one that has nothing else to do */
    CU_ASSERT_EQUAL(weir_subtask_step(&g.task, 0), WEIR_MADE);
    expect_log(&g, "flush\n");
    CU_ASSERT_EQUAL(weir_subtask_step(&g.task, 0), WEIR_MADE);
    expect_log(&g, "cut 1\n");
    CU_ASSERT(slow.steps == 0 && slow.released == 1);
    CU_ASSERT_EQUAL(weir_subtask_step(&g.task, 0), WEIR_NONE);
    task_stage_end(&g);
}

static void a_subtask_ends_when_its_cuts_are_written(void)
{
    struct task_stage g;
    struct weir_op_class class;
    const struct weir_orders orders = {.newest = 1};
    init_slow(&g, &class, &orders);
    push_mark(&g, 0, WEIR_ELEMENT_BARRIER, 1);
    push_mark(&g, 0, WEIR_ELEMENT_END, WEIR_END_OF_INPUT);
    CU_ASSERT_EQUAL(run(&g), WEIR_DONE);
    expect_log(&g, "flush\nwatermark 9223372036854775807\nfinish\ncut 1\nlast\n");
    task_stage_end(&g);
}

static void a_subtask_is_closed_while_a_cut_is_written(void)
{
    struct task_stage g;
    struct weir_op_class class;
    const struct weir_orders orders = {.newest = 1};
    init_slow(&g, &class, &orders);
    push_mark(&g, 0, WEIR_ELEMENT_BARRIER, 1);
    CU_ASSERT_EQUAL(weir_subtask_step(&g.task, 0), WEIR_MADE);
    task_stage_end(&g);
    CU_ASSERT(slow.released == 1 && slow.steps == 2);
}

WEIR_SUITE(subtask) = {
    {"rows go on while a cut is written", rows_go_on_while_a_cut_is_written},
    {"a subtask ends when its cuts are written", a_subtask_ends_when_its_cuts_are_written},
    {"a subtask is closed while a cut is written", a_subtask_is_closed_while_a_cut_is_written},
    {"channels are read to their ends", channels_are_read_to_their_ends},
    {"a stopped input does not end time", a_stopped_input_does_not_end_time},
    {"a step is a bounded amount of work", a_step_is_a_bounded_amount_of_work},
    {"a source ends", a_source_ends},
    {"what a waiting source gave goes on before it is asked again",
     what_a_waiting_source_gave_goes_on_before_it_is_asked_again},
    {"a source stops", a_source_stops},
    {"a full ring stops the source, and room lets it go on", a_full_ring_stops_the_source_and_room_lets_it_go_on},
    {"a pause flushes once", a_pause_flushes_once},
    {"what is due fires", what_is_due_fires},
    {"a failure names the node", a_failure_names_the_node},
    {NULL, NULL}};
