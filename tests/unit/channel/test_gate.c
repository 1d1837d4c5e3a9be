/* The gate: order per channel, marks as the valve lets them through, fairness, the end. */
#include "channel/gate.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "harness/suite.h"

#define MAX_CHANNELS 6
#define MAX_EXPECTED 8

/* Follows the gate from the outside: what was pushed into each ring, and, as the gate pops, what must come out. */
struct bench {
    struct weir_gate gate;
    struct weir_ring *rings[MAX_CHANNELS];
    struct weir_gate_channel channels[MAX_CHANNELS];
    struct weir_element waiting[MAX_CHANNELS][64]; /* copies of what is in the rings */
    uint32_t n_waiting[MAX_CHANNELS], since_popped[MAX_CHANNELS];
    bool ended[MAX_CHANNELS];
    uint32_t n, n_inputs;
    struct weir_valve valves[2];
    uint32_t open[2];
    int64_t end_value[2];
    struct weir_gate_element expected[MAX_EXPECTED];
    uint32_t n_expected;
    bool fair;
    struct popped_arg {
        struct bench *bench;
        uint32_t channel;
    } args[MAX_CHANNELS];
};

static void expect(struct bench *b, uint32_t c, struct weir_element e)
{
    b->expected[b->n_expected++] = (struct weir_gate_element){.element = e, .input = b->channels[c].input, .channel = c};
}
static void expect_marks(struct bench *b, uint32_t c, struct weir_valve_output o)
{
    if (o.active) expect(b, c, (struct weir_element){.kind = WEIR_ELEMENT_IDLE, .value = 0});
    if (o.has_watermark) expect(b, c, (struct weir_element){.kind = WEIR_ELEMENT_WATERMARK, .value = o.watermark});
    if (o.idle) expect(b, c, (struct weir_element){.kind = WEIR_ELEMENT_IDLE, .value = 1});
}

static uint32_t valve_channel(const struct bench *b, uint32_t c)
{
    uint32_t before = 0;
    for (uint32_t i = 0; i < c; i++) before += b->channels[i].input == b->channels[c].input;
    return before;
}

static void expect_end(struct bench *b, uint32_t c, int64_t value)
{
    uint32_t input = b->channels[c].input;
    if (value == WEIR_END_OF_INPUT) {
        expect_marks(b, c, weir_valve_end(&b->valves[input], valve_channel(b, c)));
    } else {
        b->end_value[input] = value;
    }
    if (--b->open[input] == 0) expect(b, c, (struct weir_element){.kind = WEIR_ELEMENT_END, .value = b->end_value[input]});
}

static void on_popped(void *arg)
{
    struct popped_arg *a = arg;
    struct bench *b = a->bench;
    uint32_t c = a->channel;
    struct weir_valve *valve = &b->valves[b->channels[c].input];
    struct weir_element e = b->waiting[c][0];
    memmove(b->waiting[c], b->waiting[c] + 1, --b->n_waiting[c] * sizeof e);
    for (uint32_t i = 0; i < b->n; i++) {
        bool could = b->n_waiting[i] > 0 && !b->gate.channels[i].blocked;
        b->since_popped[i] = could && i != c ? b->since_popped[i] + 1 : 0;
        if (b->since_popped[i] > b->n) b->fair = false;
    }
    if (e.kind == WEIR_ELEMENT_ROWS || e.kind == WEIR_ELEMENT_BARRIER) expect(b, c, e);
    if (e.kind == WEIR_ELEMENT_WATERMARK) expect_marks(b, c, weir_valve_watermark(valve, valve_channel(b, c), e.value));
    if (e.kind == WEIR_ELEMENT_IDLE) expect_marks(b, c, weir_valve_status(valve, valve_channel(b, c), e.value));
    if (e.kind == WEIR_ELEMENT_END) expect_end(b, c, e.value);
}

static void open_bench(struct bench *b, uint32_t n, uint32_t n_inputs)
{
    memset(b, 0, sizeof *b);
    b->n = n;
    b->n_inputs = n_inputs;
    b->fair = true;
    for (uint32_t i = 0; i < n; i++) {
        b->rings[i] = weir_try_alloc_aligned(128, sizeof *b->rings[i]);
        CU_ASSERT_FATAL(weir_ring_init(b->rings[i], 8, NULL) == WEIR_OK);
        b->args[i] = (struct popped_arg){b, i};
        b->channels[i] = (struct weir_gate_channel){
            .ring = b->rings[i], .input = i % n_inputs, .popped = on_popped, .popped_arg = &b->args[i]};
        b->open[i % n_inputs]++;
    }
    for (uint32_t i = 0; i < n_inputs; i++) weir_valve_init(&b->valves[i], b->open[i]);
    weir_gate_init(&b->gate, b->channels, n, n_inputs);
}
static void close_bench(struct bench *b)
{
    weir_gate_finish(&b->gate);
    for (uint32_t i = 0; i < b->n_inputs; i++) weir_valve_finish(&b->valves[i]);
    for (uint32_t i = 0; i < b->n; i++) {
        weir_ring_finish(b->rings[i]);
        weir_free(b->rings[i]);
    }
}

static void push(struct bench *b, uint32_t c, struct weir_element e)
{
    if (e.kind == WEIR_ELEMENT_ROWS) {
        e.rows = weir_rows_create(NULL, 0, 0);
        CU_ASSERT_FATAL(e.rows != NULL);
    }
    if (weir_ring_push(b->rings[c], e)) {
        b->waiting[c][b->n_waiting[c]++] = e;
        b->ended[c] = e.kind == WEIR_ELEMENT_END;
    } else if (e.kind == WEIR_ELEMENT_ROWS) {
        weir_rows_release(e.rows);
    }
}

static struct weir_element random_element(struct weir_random *random, int step)
{
    uint64_t dice = weir_random_below(random, 100);
    if (dice < 40) return (struct weir_element){.kind = WEIR_ELEMENT_ROWS};
    if (dice < 75)
        return (struct weir_element){.kind = WEIR_ELEMENT_WATERMARK,
                                     .value = (int64_t)weir_random_below(random, 9) + step / 8};
    if (dice < 94) return (struct weir_element){.kind = WEIR_ELEMENT_IDLE, .value = (int64_t)weir_random_below(random, 2)};
    if (dice < 96) return (struct weir_element){.kind = WEIR_ELEMENT_BARRIER, .value = step};
    return (struct weir_element){.kind = WEIR_ELEMENT_END, .value = weir_random_below(random, 8) == 0};
}

/* One next(): its answer is the first thing expected; false when nothing could be expected. */
static bool step_gate(struct bench *b, bool *took)
{
    struct weir_gate_element got;
    bool empty = weir_gate_is_empty(&b->gate);
    *took = weir_gate_next(&b->gate, &got);
    if (!*took) return b->n_expected == 0;
    if (b->n_expected == 0 || empty) return false;
    const struct weir_gate_element *want = &b->expected[0];
    bool ok = got.element.kind == want->element.kind && got.input == want->input && got.element.value == want->element.value;
    if (got.element.kind == WEIR_ELEMENT_ROWS) {
        ok = ok && got.channel == want->channel;
        weir_rows_release(got.element.rows);
    }
    memmove(b->expected, b->expected + 1, --b->n_expected * sizeof *want);
    return ok;
}

static bool gate_agrees_for(uint64_t seed)
{
    static struct bench b;
    struct weir_random random = {seed};
    uint32_t n = 1 + (uint32_t)weir_random_below(&random, MAX_CHANNELS);
    open_bench(&b, n, n > 1 && seed % 2 ? 2 : 1);
    bool ok = true, took, steered = seed % 3 == 0; /* by a scheduler, which then answers for fairness */
    for (int step = 0; step < 300 && ok; step++) {
        uint32_t c = (uint32_t)weir_random_below(&random, n);
        if (weir_random_below(&random, 3) && !b.ended[c]) push(&b, c, random_element(&random, step));
        if (weir_random_below(&random, 10) == 0) b.gate.channels[c].blocked = weir_random_below(&random, 2);
        if (steered && weir_random_below(&random, 10) == 0) b.gate.cursor = c;
        if (weir_random_below(&random, 2)) ok = step_gate(&b, &took);
    }
    for (uint32_t i = 0; i < n; i++) b.gate.channels[i].blocked = false;
    do ok = ok && step_gate(&b, &took);
    while (ok && took);
    bool all_ended = true;
    for (uint32_t i = 0; i < n; i++) all_ended = all_ended && b.ended[i];
    ok = ok && (b.fair || steered) && weir_gate_is_empty(&b.gate) && weir_gate_ended(&b.gate) == all_ended;
    if (!ok) printf("seed %llu\n", (unsigned long long)seed);
    close_bench(&b);
    return ok;
}

static void gate_agrees_with_the_valve(void)
{
    bool ok = true;
    for (uint64_t seed = 0; seed < 3000 && ok; seed++) ok = gate_agrees_for(seed);
    CU_ASSERT(ok);
}

/* ---- one by one -------------------------------------------------------------------------------------------------- */

static bool next_is(struct bench *b, enum weir_element_kind kind, int64_t value)
{
    struct weir_gate_element got;
    b->n_expected = 0;
    bool some = weir_gate_next(&b->gate, &got);
    b->n_expected = 0;
    return some && got.element.kind == kind && got.element.value == value;
}
static bool next_is_nothing(struct bench *b)
{
    struct weir_gate_element got;
    return !weir_gate_next(&b->gate, &got);
}

#define MARK(k, v)                             \
    (struct weir_element)                      \
    {                                          \
        .kind = WEIR_ELEMENT_##k, .value = (v) \
    }

static void end_follows_max_once_all_channels_ended(void)
{
    static struct bench b;
    open_bench(&b, 2, 1);
    push(&b, 0, MARK(WATERMARK, 5));
    push(&b, 0, MARK(WATERMARK, INT64_MAX));
    push(&b, 0, MARK(END, WEIR_END_OF_INPUT));
    CU_ASSERT(next_is_nothing(&b));
    push(&b, 1, MARK(WATERMARK, 9));
    CU_ASSERT(next_is(&b, WEIR_ELEMENT_WATERMARK, 9));
    CU_ASSERT_FALSE(weir_gate_ended(&b.gate));
    push(&b, 1, MARK(END, WEIR_END_OF_INPUT)); /* its INT64_MAX was lost: the end implies it */
    CU_ASSERT(next_is(&b, WEIR_ELEMENT_WATERMARK, INT64_MAX));
    CU_ASSERT_FALSE(weir_gate_ended(&b.gate));
    CU_ASSERT(next_is(&b, WEIR_ELEMENT_END, WEIR_END_OF_INPUT));
    CU_ASSERT(weir_gate_ended(&b.gate));
    close_bench(&b);
}

static void a_stopped_input_ends_without_max(void)
{
    static struct bench b;
    open_bench(&b, 2, 1);
    push(&b, 0, MARK(WATERMARK, 5));
    push(&b, 0, MARK(END, WEIR_END_STOPPED));
    push(&b, 1, MARK(WATERMARK, 9));
    CU_ASSERT(next_is(&b, WEIR_ELEMENT_WATERMARK, 5));
    push(&b, 1, MARK(WATERMARK, INT64_MAX));
    push(&b, 1, MARK(END, WEIR_END_OF_INPUT));
    CU_ASSERT(next_is(&b, WEIR_ELEMENT_END, WEIR_END_STOPPED));
    CU_ASSERT(next_is_nothing(&b));
    close_bench(&b);
}

static void a_channel_without_splits_holds_nothing_back(void)
{
    static struct bench b;
    open_bench(&b, 2, 1);
    weir_gate_expect_nothing(&b.gate, 1);
    push(&b, 0, MARK(WATERMARK, 5));
    CU_ASSERT(next_is(&b, WEIR_ELEMENT_WATERMARK, 5));
    push(&b, 0, MARK(END, WEIR_END_OF_INPUT));
    CU_ASSERT(next_is(&b, WEIR_ELEMENT_WATERMARK, INT64_MAX));
    CU_ASSERT(next_is_nothing(&b)); /* the input ends when all its channels have */
    push(&b, 1, MARK(END, WEIR_END_OF_INPUT));
    CU_ASSERT(next_is(&b, WEIR_ELEMENT_END, WEIR_END_OF_INPUT));
    close_bench(&b);
}

static void blocked_channels_are_skipped(void)
{
    static struct bench b;
    open_bench(&b, 2, 1);
    push(&b, 0, MARK(BARRIER, 1));
    push(&b, 1, MARK(BARRIER, 2));
    b.gate.channels[0].blocked = true;
    CU_ASSERT(next_is(&b, WEIR_ELEMENT_BARRIER, 2));
    CU_ASSERT(weir_gate_is_empty(&b.gate));
    CU_ASSERT(next_is_nothing(&b));
    b.gate.channels[0].blocked = false;
    CU_ASSERT_FALSE(weir_gate_is_empty(&b.gate));
    CU_ASSERT(next_is(&b, WEIR_ELEMENT_BARRIER, 1));
    close_bench(&b);
}

/* n rows without columns; time: a number for each. */
static void push_rows(struct bench *b, uint32_t channel, int64_t first, int64_t n)
{
    struct weir_rows *rows = weir_rows_create(NULL, 0, 1);
    struct weir_buffer *time = weir_buffer_create((size_t)n * sizeof(int64_t));
    CU_ASSERT_FATAL(rows && time);
    for (int64_t i = 0; i < n; i++) ((int64_t *)(void *)time->bytes)[i] = first + i;
    weir_rows_own(rows, time);
    rows->view.time = (const int64_t *)(const void *)time->bytes;
    rows->view.length = rows->view.selected = n;
    CU_ASSERT(weir_ring_push(b->rings[channel], (struct weir_element){.kind = WEIR_ELEMENT_ROWS, .rows = rows}));
}
static bool next_is_rows(struct bench *b, int64_t first, int64_t n)
{
    struct weir_gate_element got;
    if (!weir_gate_next(&b->gate, &got) || got.element.kind != WEIR_ELEMENT_ROWS) return false;
    bool ok = got.element.rows->view.length == n;
    for (int64_t i = 0; ok && i < n; i++) ok = got.element.rows->view.time[i] == first + i;
    weir_rows_release(got.element.rows);
    return ok;
}

static void small_batches_come_out_as_one_up_to_a_mark(void)
{
    static struct bench b;
    open_bench(&b, 2, 1);
    for (uint32_t i = 0; i < 2; i++) b.gate.channels[i].popped = NULL;
    b.gate.pool = weir_pool_create();
    b.gate.batch_rows = 20;
    push_rows(&b, 0, 0, 3);
    push_rows(&b, 0, 3, 5);
    push(&b, 0, MARK(BARRIER, 1));
    push_rows(&b, 0, 8, 1);
    push_rows(&b, 1, 100, 4);
    CU_ASSERT(next_is_rows(&b, 0, 8));
    CU_ASSERT(next_is_rows(&b, 100, 4));
    CU_ASSERT(next_is(&b, WEIR_ELEMENT_BARRIER, 1));
    CU_ASSERT(next_is_rows(&b, 8, 1));
    push_rows(&b, 1, 0, 5); /* up to one that is not small, */
    push_rows(&b, 1, 5, 5);
    push_rows(&b, 1, 10, 6);
    push_rows(&b, 1, 16, 5);
    CU_ASSERT(next_is_rows(&b, 0, 10));
    CU_ASSERT(next_is_rows(&b, 10, 6)); /* which stays alone */
    for (int64_t i = 0; i < 4; i++) push_rows(&b, 1, 21 + 5 * i, 5);
    CU_ASSERT(next_is_rows(&b, 16, 20)); /* a batch's rows, no more */
    CU_ASSERT(next_is_rows(&b, 36, 5));
    CU_ASSERT(next_is_nothing(&b));
    struct weir_pool *pool = b.gate.pool;
    close_bench(&b);
    weir_pool_close(pool);
}

WEIR_SUITE(gate) = {
    {"agrees with the valve, keeps order, is fair: 3000 random histories", gate_agrees_with_the_valve},
    {"END follows INT64_MAX once all channels ended", end_follows_max_once_all_channels_ended},
    {"a stopped input ends without INT64_MAX", a_stopped_input_ends_without_max},
    {"a channel without splits holds nothing back", a_channel_without_splits_holds_nothing_back},
    {"blocked channels are skipped", blocked_channels_are_skipped},
    {"small batches come out as one, up to a mark", small_batches_come_out_as_one_up_to_a_mark},
    {NULL, NULL},
};
