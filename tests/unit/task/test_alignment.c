/* Barriers that come through several channels, brought together: the state machine alone, and in a subtask stepped by hand
 * (docs/semantics.md, "Checkpoints"; semantics A7, "Task, aligned"). */
#include "task/alignment.h"

#include "base/random.h"
#include "unit/task/task_stage.h"

/* ---- the state machine ------------------------------------------------------------------------------------------- */

struct bench {
    struct weir_alignment alignment;
    struct weir_gate gate;
    struct weir_ring rings[3];
};

static void bench_init(struct bench *b)
{
    struct weir_gate_channel channels[3];
    struct weir_error error;
    memset(b, 0, sizeof *b);
    for (int i = 0; i < 3; i++) {
        channels[i] = (struct weir_gate_channel){.ring = &b->rings[i]};
        CU_ASSERT_EQUAL(weir_ring_init(&b->rings[i], 1, &error), WEIR_OK);
    }
    weir_gate_init(&b->gate, channels, 3, 1);
}

static void bench_end(struct bench *b)
{
    weir_alignment_finish(&b->alignment);
    weir_gate_finish(&b->gate);
    for (int i = 0; i < 3; i++) weir_ring_finish(&b->rings[i]);
}

static int64_t deliver(struct bench *b, uint32_t channel, int64_t checkpoint)
{
    weir_alignment_barrier(&b->alignment, &b->gate, channel, checkpoint);
    return weir_alignment_complete(&b->alignment, &b->gate);
}

/* "x": blocked, "-": open. */
static void expect_blocked(const struct bench *b, const char *picture)
{
    for (uint32_t i = 0; i < 3; i++) CU_ASSERT_EQUAL(b->gate.channels[i].blocked, picture[i] == 'x');
}

static void a_barrier_blocks_its_own_channel_until_all_have_come(void)
{
    struct bench b;
    bench_init(&b);
    CU_ASSERT_EQUAL(weir_alignment_complete(&b.alignment, &b.gate), 0); /* nothing is under way */
    CU_ASSERT_EQUAL(deliver(&b, 1, 7), 0);
    expect_blocked(&b, "-x-");
    CU_ASSERT_EQUAL(deliver(&b, 0, 7), 0);
    expect_blocked(&b, "xx-");
    CU_ASSERT_EQUAL(deliver(&b, 2, 7), 7);
    expect_blocked(&b, "---");
    CU_ASSERT_EQUAL(weir_alignment_complete(&b.alignment, &b.gate), 0); /* said once */
    bench_end(&b);
}

static void a_channel_that_ended_has_delivered(void)
{
    struct bench b;
    bench_init(&b);
    b.gate.channels[0].ended = true; /* before */
    CU_ASSERT_EQUAL(deliver(&b, 1, 7), 0);
    b.gate.channels[2].ended = true; /* while the others wait for it */
    CU_ASSERT_EQUAL(weir_alignment_complete(&b.alignment, &b.gate), 7);
    expect_blocked(&b, "---");
    CU_ASSERT_EQUAL(deliver(&b, 1, 8), 8);
    bench_end(&b);
}

static void a_later_barrier_abandons_the_checkpoint_under_way(void)
{
    struct bench b;
    bench_init(&b);
    CU_ASSERT_EQUAL(deliver(&b, 0, 7), 0);
    CU_ASSERT_EQUAL(deliver(&b, 1, 8), 0); /* 7 was given up above */
    expect_blocked(&b, "-x-");
    CU_ASSERT_EQUAL(deliver(&b, 2, 7), 0); /* of the one that was abandoned: nobody waits for it, nor does it wait */
    expect_blocked(&b, "-x-");
    CU_ASSERT_EQUAL(deliver(&b, 2, 8), 0);
    CU_ASSERT_EQUAL(deliver(&b, 0, 8), 8);
    expect_blocked(&b, "---");
    CU_ASSERT_EQUAL(deliver(&b, 0, 8), 0); /* again: it is complete */
    expect_blocked(&b, "---");
    bench_end(&b);
}

/* ---- at least once --------------------------------------------------------------------------------------------- */

static void at_least_once_blocks_nothing_and_has_several_under_way(void)
{
    struct bench b;
    bench_init(&b);
    b.alignment.at_least_once = true;
    CU_ASSERT_EQUAL(deliver(&b, 0, 7), 0);
    CU_ASSERT_EQUAL(deliver(&b, 0, 8), 0);
    CU_ASSERT_EQUAL(deliver(&b, 1, 7), 0);
    expect_blocked(&b, "---");
    CU_ASSERT_EQUAL(deliver(&b, 1, 8), 0);
    CU_ASSERT_EQUAL(deliver(&b, 2, 7), 7);
    CU_ASSERT_EQUAL(deliver(&b, 2, 8), 8);
    expect_blocked(&b, "---");
    bench_end(&b);
}

static void a_channel_that_leaves_one_out_gives_it_up_and_no_other(void)
{
    struct bench b;
    bench_init(&b);
    b.alignment.at_least_once = true;
    CU_ASSERT_EQUAL(deliver(&b, 0, 7), 0);
    CU_ASSERT_EQUAL(deliver(&b, 0, 8), 0);
    CU_ASSERT_EQUAL(deliver(&b, 1, 8), 0); /* 7 will not come here */
    CU_ASSERT_EQUAL(deliver(&b, 2, 7), 0);
    CU_ASSERT_EQUAL(b.alignment.n, 1);
    CU_ASSERT_EQUAL(deliver(&b, 2, 8), 8);
    bench_end(&b);
}

/* The end of a channel may complete several: one after the other, the oldest first. */
static void an_end_completes_all_that_waited_for_it(void)
{
    struct bench b;
    bench_init(&b);
    b.alignment.at_least_once = true;
    for (uint32_t c = 0; c < 2; c++) {
        for (int64_t n = 7; n <= 9; n++) CU_ASSERT_EQUAL(deliver(&b, c, n), 0);
    }
    b.gate.channels[2].ended = true;
    for (int64_t n = 7; n <= 9; n++) CU_ASSERT_EQUAL(weir_alignment_complete(&b.alignment, &b.gate), n);
    CU_ASSERT_EQUAL(weir_alignment_complete(&b.alignment, &b.gate), 0);
    bench_end(&b);
}

/* ---- in a subtask ------------------------------------------------------------------------------------------------ */

static weir_status log_barrier(struct weir_op *op, int64_t checkpoint, struct weir_snapshot *to)
{
    (void)to;
    weir_text_add(&actor_of(op)->log, "barrier %lld\n", (long long)checkpoint);
    return WEIR_OK;
}

/* A step behind two channels that take `capacity` batches each; it logs where it is cut. */
static void start(struct task_stage *g, struct weir_op_class *class, uint32_t capacity, uint32_t out_capacity)
{
    task_stage_init(g, NULL, 2, out_capacity);
    for (int i = 0; i < 2; i++) {
        weir_ring_finish(&g->in[i]);
        CU_ASSERT_EQUAL(weir_ring_init(&g->in[i], capacity, &g->error), WEIR_OK);
    }
    *class = *g->actor.op.class;
    class->flush = NULL;
    class->snapshot = log_barrier;
    g->actor.op.class = class;
    CU_ASSERT_EQUAL(weir_subtask_open(&g->task), WEIR_OK);
}

static weir_progress run(struct task_stage *g)
{
    weir_progress p = WEIR_MADE;
    for (int i = 0; p == WEIR_MADE && i < 1000; i++) p = weir_subtask_step(&g->task, g->s.now_ms);
    return p;
}

static bool push_row_if_room(struct task_stage *g, uint32_t channel, const char *text)
{
    struct weir_element e = {.kind = WEIR_ELEMENT_ROWS, .rows = weir_test_rows(g->s.env.pool, g->schema, text)};
    bool pushed = weir_ring_push(&g->in[channel], e);
    if (!pushed) weir_rows_release(e.rows);
    return pushed;
}

static void what_comes_behind_a_barrier_waits_in_order(void)
{
    struct weir_op_class class;
    struct task_stage g;
    start(&g, &class, 100, 0);
    push_rows(&g, 0, "1 | 1");
    push_mark(&g, 0, WEIR_ELEMENT_BARRIER, 1);
    push_rows(&g, 0, "1 | 2");
    push_rows(&g, 0, "1 | 3");
    CU_ASSERT_EQUAL(run(&g), WEIR_NONE);
    expect_log(&g, "1 | 1\n"); /* 2 and 3 are not of the checkpoint */
    push_rows(&g, 1, "1 | 10");
    push_rows(&g, 1, "1 | 11");
    CU_ASSERT_EQUAL(run(&g), WEIR_NONE);
    expect_log(&g, "1 | 10\n1 | 11\n"); /* the other goes on meanwhile */
    push_rows(&g, 1, "1 | 12");
    push_mark(&g, 1, WEIR_ELEMENT_BARRIER, 1);
    CU_ASSERT_EQUAL(run(&g), WEIR_NONE);
    expect_log(&g, "1 | 12\nbarrier 1\n1 | 2\n1 | 3\n");
    task_stage_end(&g);
}

static void two_checkpoints_in_a_row(void)
{
    struct weir_op_class class;
    struct task_stage g;
    start(&g, &class, 100, 0);
    push_mark(&g, 0, WEIR_ELEMENT_BARRIER, 1);
    push_rows(&g, 0, "1 | 1");
    push_mark(&g, 0, WEIR_ELEMENT_BARRIER, 2);
    push_rows(&g, 0, "1 | 2");
    push_mark(&g, 1, WEIR_ELEMENT_BARRIER, 1);
    push_mark(&g, 1, WEIR_ELEMENT_BARRIER, 2);
    push_rows(&g, 1, "1 | 10");
    CU_ASSERT_EQUAL(run(&g), WEIR_NONE);
    expect_log(&g, "barrier 1\n1 | 1\nbarrier 2\n1 | 10\n1 | 2\n");
    task_stage_end(&g);
}

static void an_abandoned_checkpoint_is_not_cut(void)
{
    struct weir_op_class class;
    struct task_stage g;
    start(&g, &class, 100, 0);
    push_mark(&g, 0, WEIR_ELEMENT_BARRIER, 1);
    push_rows(&g, 0, "1 | 1");
    CU_ASSERT_EQUAL(run(&g), WEIR_NONE);
    push_mark(&g, 1, WEIR_ELEMENT_BARRIER, 2); /* 1 was given up before this channel had it */
    CU_ASSERT_EQUAL(run(&g), WEIR_NONE);
    expect_log(&g, "1 | 1\n");
    push_rows(&g, 0, "1 | 2");
    push_mark(&g, 0, WEIR_ELEMENT_BARRIER, 2);
    push_rows(&g, 1, "1 | 10");
    CU_ASSERT_EQUAL(run(&g), WEIR_NONE);
    expect_log(&g, "1 | 2\nbarrier 2\n1 | 10\n");
    task_stage_end(&g);
}

/* The end of a channel completes the alignment and lets a watermark through: the barrier goes first, and the watermark is
 * not lost over it. */
static void what_completes_an_alignment_comes_behind_the_barrier(void)
{
    struct weir_op_class class;
    struct task_stage g;
    start(&g, &class, 100, 0);
    push_mark(&g, 0, WEIR_ELEMENT_WATERMARK, 50);
    push_mark(&g, 1, WEIR_ELEMENT_WATERMARK, 40);
    push_mark(&g, 0, WEIR_ELEMENT_BARRIER, 1);
    push_rows(&g, 0, "60 | 1");
    CU_ASSERT_EQUAL(run(&g), WEIR_NONE);
    expect_log(&g, "watermark 40\n");
    push_mark(&g, 1, WEIR_ELEMENT_END, WEIR_END_OF_INPUT);
    CU_ASSERT_EQUAL(run(&g), WEIR_NONE);
    expect_log(&g, "barrier 1\nwatermark 50\n60 | 1\n");
    push_mark(&g, 0, WEIR_ELEMENT_BARRIER, 2); /* the other channel has ended: nothing to wait for */
    push_mark(&g, 0, WEIR_ELEMENT_END, WEIR_END_OF_INPUT);
    CU_ASSERT_EQUAL(run(&g), WEIR_DONE);
    expect_log(&g, "barrier 2\nwatermark 9223372036854775807\nfinish\n");
    task_stage_end(&g);
}

/* The end of one channel completes the alignment, and that of the other waits behind its barrier. */
static void the_end_of_all_comes_behind_the_barrier(void)
{
    struct weir_op_class class;
    struct task_stage g;
    start(&g, &class, 100, 0);
    push_mark(&g, 0, WEIR_ELEMENT_BARRIER, 1);
    push_mark(&g, 0, WEIR_ELEMENT_END, WEIR_END_OF_INPUT);
    CU_ASSERT_EQUAL(run(&g), WEIR_NONE);
    push_rows(&g, 1, "1 | 10");
    push_mark(&g, 1, WEIR_ELEMENT_END, WEIR_END_OF_INPUT);
    CU_ASSERT_EQUAL(run(&g), WEIR_DONE);
    expect_log(&g, "1 | 10\nbarrier 1\nwatermark 9223372036854775807\nfinish\n");
    task_stage_end(&g);
}

static void at_least_once_lets_records_overtake_a_barrier(void)
{
    struct weir_op_class class;
    struct task_stage g;
    start(&g, &class, 100, 0);
    g.task.alignment.at_least_once = true;
    push_mark(&g, 0, WEIR_ELEMENT_BARRIER, 1);
    push_rows(&g, 0, "1 | 1");
    push_mark(&g, 0, WEIR_ELEMENT_BARRIER, 2);
    push_rows(&g, 0, "1 | 2");
    CU_ASSERT_EQUAL(run(&g), WEIR_NONE);
    expect_log(&g, "1 | 1\n1 | 2\n");
    push_rows(&g, 1, "1 | 10");
    push_mark(&g, 1, WEIR_ELEMENT_BARRIER, 1);
    push_rows(&g, 1, "1 | 11");
    CU_ASSERT_EQUAL(run(&g), WEIR_NONE);
    expect_log(&g, "1 | 10\nbarrier 1\n1 | 11\n");
    push_mark(&g, 1, WEIR_ELEMENT_END, WEIR_END_OF_INPUT);
    CU_ASSERT_EQUAL(run(&g), WEIR_NONE);
    expect_log(&g, "barrier 2\n");
    task_stage_end(&g);
}

/* A blocked channel of one batch pushes back at who fills it; the other still flows, batch by batch. */
static void one_batch_of_room_is_enough(void)
{
    struct weir_op_class class;
    struct task_stage g;
    start(&g, &class, 1, 0);
    push_mark(&g, 0, WEIR_ELEMENT_BARRIER, 1);
    CU_ASSERT_EQUAL(run(&g), WEIR_NONE);
    CU_ASSERT(push_row_if_room(&g, 0, "1 | 1"));
    for (int i = 10; i < 15; i++) {
        char row[20], logged[24];
        snprintf(row, sizeof row, "1 | %d", i);
        snprintf(logged, sizeof logged, "%s\n", row);
        CU_ASSERT(push_row_if_room(&g, 1, row));
        CU_ASSERT_EQUAL(run(&g), WEIR_NONE);
        expect_log(&g, logged);
        CU_ASSERT_FALSE(push_row_if_room(&g, 0, "1 | 2"));
    }
    push_mark(&g, 1, WEIR_ELEMENT_BARRIER, 1);
    CU_ASSERT_EQUAL(run(&g), WEIR_NONE);
    expect_log(&g, "barrier 1\n1 | 1\n");
    CU_ASSERT(push_row_if_room(&g, 0, "1 | 2"));
    task_stage_end(&g);
}

static void the_barrier_leaves_behind_what_came_before_it(void)
{
    struct weir_op_class class;
    struct task_stage g;
    struct weir_element e;
    start(&g, &class, 100, 100);
    push_rows(&g, 0, "1 | 1");
    push_mark(&g, 0, WEIR_ELEMENT_BARRIER, 1);
    push_rows(&g, 0, "1 | 2");
    push_rows(&g, 1, "1 | 10");
    push_mark(&g, 1, WEIR_ELEMENT_BARRIER, 1);
    CU_ASSERT_EQUAL(run(&g), WEIR_NONE);
    int64_t before = 0, barrier = 0, after = 0;
    while (weir_ring_pop(&g.out, &e)) {
        if (e.kind == WEIR_ELEMENT_BARRIER) barrier += e.value;
        if (e.kind != WEIR_ELEMENT_ROWS) continue;
        for (int64_t i = 0; i < e.rows->view.length; i++)
            *(barrier ? &after : &before) += weir_i64((weir_row){&e.rows->view, i}, 0);
        weir_rows_release(e.rows);
    }
    CU_ASSERT_EQUAL(before, 1 + 10);
    CU_ASSERT_EQUAL(barrier, 1);
    CU_ASSERT_EQUAL(after, 2);
    task_stage_end(&g);
}

/* ---- random streams against what a checkpoint means -------------------------------------------------------------- */

#define LONGEST     60
#define CHECKPOINTS 4

/* What one channel brings: '.' a row, 'w' a watermark, 'b' a barrier, 'e' the end. Rows are numbered from 1000 * channel. */
struct script {
    char steps[LONGEST + 1];
    int at, rows;
    int64_t checkpoint, watermark;
    int rows_at[CHECKPOINTS + 1]; /* rows before the barrier of a checkpoint; of none: all of them */
};

static void make_script(struct script *s, struct weir_random *r)
{
    int64_t checkpoint = 0;
    int n = 0, rows = 0;
    memset(s, 0, sizeof *s);
    while (n < LONGEST - 1 && weir_random_below(r, 30) > 0) {
        uint64_t dice = weir_random_below(r, 10);
        char step = dice < 6 ? '.' : dice < 8 ? 'w' : 'b';
        if (step == 'b' && checkpoint == CHECKPOINTS) continue;
        s->steps[n++] = step;
        rows += step == '.';
        if (step == 'b') s->rows_at[++checkpoint] = rows;
    }
    s->steps[n] = 'e';
    while (checkpoint < CHECKPOINTS) s->rows_at[++checkpoint] = rows;
}

static bool has_barrier(const struct script *s, int64_t checkpoint)
{
    for (const char *p = s->steps; *p; p++) checkpoint -= *p == 'b';
    return checkpoint <= 0;
}

/* False: there is no room. */
static bool push_step(struct task_stage *g, uint32_t channel, struct script *s)
{
    char row[24];
    struct weir_element e = {.kind = WEIR_ELEMENT_WATERMARK, .port = WEIR_ALL_PORTS, .value = s->watermark + 10};
    switch (s->steps[s->at]) {
    case '.':
        snprintf(row, sizeof row, "1 | %d", 1000 * (int)channel + s->rows);
        if (!push_row_if_room(g, channel, row)) return false;
        s->rows++;
        return true;
    case 'b': e.kind = WEIR_ELEMENT_BARRIER, e.value = s->checkpoint + 1; break;
    case 'e': e.kind = WEIR_ELEMENT_END, e.value = WEIR_END_OF_INPUT; break;
    default: break;
    }
    if (!weir_ring_push(&g->in[channel], e)) return false;
    if (e.kind == WEIR_ELEMENT_BARRIER) s->checkpoint++;
    if (e.kind == WEIR_ELEMENT_WATERMARK) s->watermark += 10;
    return true;
}

/* Reads the log: rows of a channel in order, each barrier exactly behind the rows of either channel that came before it
 * there (at_least: others may have overtaken it), watermarks that grow. */
static bool log_is_right(const char *log, const struct script *scripts, bool at_least)
{
    int seen[2] = {0}, number, n;
    int64_t last = INT64_MIN, cut = 0;
    long long value;
    for (const char *p = log; *p; p = strchr(p, '\n') + 1) {
        if (sscanf(p, "1 | %d", &number) == 1) {
            if (number % 1000 != seen[number / 1000]++) return false;
        } else if (sscanf(p, "watermark %lld", &value) == 1) {
            if (value <= last) return false;
            last = value;
        } else if (sscanf(p, "barrier %d", &n) == 1) {
            if (n != ++cut) return false;
            for (int i = 0; i < 2; i++) {
                if (seen[i] < scripts[i].rows_at[n] || (!at_least && seen[i] > scripts[i].rows_at[n])) return false;
            }
        }
    }
    for (int64_t c = cut + 1; c <= CHECKPOINTS; c++) {
        if (has_barrier(&scripts[0], c) || has_barrier(&scripts[1], c)) return false;
    }
    size_t length = strlen(log);
    return seen[0] == scripts[0].rows && seen[1] == scripts[1].rows && last == INT64_MAX && length > 7 &&
           strcmp(log + length - 7, "finish\n") == 0;
}

static void random_streams_are_cut_where_their_barriers_are(void)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct weir_random r = {seed};
        struct weir_op_class class;
        struct task_stage g;
        struct script scripts[2];
        weir_progress p = WEIR_NONE;
        for (int i = 0; i < 2; i++) make_script(&scripts[i], &r);
        start(&g, &class, 1 + (uint32_t)weir_random_below(&r, 3), 0);
        g.task.alignment.at_least_once = seed % 2;
        for (int i = 0; p != WEIR_DONE && p != WEIR_FAILED && i < 10000; i++) {
            uint32_t channel = (uint32_t)weir_random_below(&r, 2);
            struct script *s = &scripts[channel];
            if (s->steps[s->at] && push_step(&g, channel, s)) s->at++;
            if (weir_random_below(&r, 2)) p = weir_subtask_step(&g.task, 0);
        }
        CU_ASSERT_EQUAL(p, WEIR_DONE);
        bool right = log_is_right(weir_text_get(&g.actor.log), scripts, seed % 2);
        if (!right)
            fprintf(stderr, "\nseed %llu: %s and %s gave\n%s", (unsigned long long)seed, scripts[0].steps, scripts[1].steps,
                    weir_text_get(&g.actor.log));
        CU_ASSERT(right);
        task_stage_end(&g);
        if (!right) return;
    }
}

WEIR_SUITE(alignment) = {
    {"a barrier blocks its own channel until all have come", a_barrier_blocks_its_own_channel_until_all_have_come},
    {"a channel that ended has delivered", a_channel_that_ended_has_delivered},
    {"a later barrier abandons the checkpoint under way", a_later_barrier_abandons_the_checkpoint_under_way},
    {"at least once blocks nothing, and has several under way", at_least_once_blocks_nothing_and_has_several_under_way},
    {"a channel that leaves one out gives it up, and no other", a_channel_that_leaves_one_out_gives_it_up_and_no_other},
    {"an end completes all that waited for it", an_end_completes_all_that_waited_for_it},
    {"at least once lets records overtake a barrier", at_least_once_lets_records_overtake_a_barrier},
    {"what comes behind a barrier waits, in order", what_comes_behind_a_barrier_waits_in_order},
    {"two checkpoints in a row", two_checkpoints_in_a_row},
    {"an abandoned checkpoint is not cut", an_abandoned_checkpoint_is_not_cut},
    {"what completes an alignment comes behind the barrier", what_completes_an_alignment_comes_behind_the_barrier},
    {"the end of all comes behind the barrier", the_end_of_all_comes_behind_the_barrier},
    {"one batch of room is enough", one_batch_of_room_is_enough},
    {"the barrier leaves behind what came before it", the_barrier_leaves_behind_what_came_before_it},
    {"random streams are cut where their barriers are", random_streams_are_cut_where_their_barriers_are},
    {NULL, NULL}};
