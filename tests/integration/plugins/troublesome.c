/* Operators that go wrong at run time, each in its own way; every one is a valid plugin up to then. */
#include <stdlib.h>
#include <weir/udf.h>

typedef struct trouble {
    int64_t at; /* the value at which it happens */
} trouble;

static const weir_option options[] = {WEIR_OPTION(trouble, at, .def = "500", .doc = "the value at which it happens")};

static weir_status pass_on(weir_ctx *cx, weir_row in)
{
    weir_put_i64(cx, 0, 0, weir_i64(in, 0));
    return weir_emit(cx, 0, weir_time(in));
}

#define TROUBLE_AT_ROW(name, description, ...)                         \
    typedef trouble name;                                              \
    static weir_status name##_row(name *me, weir_ctx *cx, weir_row in) \
    {                                                                  \
        if (weir_i64(in, 0) == me->at) {                               \
            __VA_ARGS__                                                \
        }                                                              \
        return pass_on(cx, in);                                        \
    }                                                                  \
    WEIR_PROCESS(name, .id = #name, .doc = description, .in = "value:i64", .out = "value:i64", WEIR_OPTIONS(options))

/* Not NULL: sanitizers would see that themselves, and exit before there is a signal. */
static volatile int *volatile nowhere = (volatile int *)4096;

TROUBLE_AT_ROW(row_fails, "refuses a record", return weir_fail(cx, WEIR_E_DATA, "I do not like %d", (int)me->at););
TROUBLE_AT_ROW(row_says_nothing, "fails without a word", return WEIR_E_DATA;);
TROUBLE_AT_ROW(row_crashes, "writes where nothing is", *nowhere = 1;);
/* Every byte of every call is used, so that no compiler makes a loop of it. */
static int fill_stack(volatile char *caller, int64_t depth)
{
    volatile char frame[4096];
    for (size_t i = 0; i < sizeof frame; i++) frame[i] = caller[i % 16];
    return depth == INT64_MAX ? 0 : fill_stack(frame, depth + 1) + frame[sizeof frame - 1];
}
static volatile char first_frame[16];

TROUBLE_AT_ROW(row_recurses, "calls itself for ever", return fill_stack(first_frame, 0) ? WEIR_OK : WEIR_E_DATA;);
TROUBLE_AT_ROW(row_aborts, "calls abort", abort(););
TROUBLE_AT_ROW(row_exits, "calls exit, with a code that means success", exit(0););
TROUBLE_AT_ROW(
    row_floods, "emits without an end and never looks whether there is room", for (;;) {
        weir_status s = pass_on(cx, in);
        if (s != WEIR_OK) return s;
    });

/* ---- in open ----------------------------------------------------------------------------------------------------- */

static weir_status passing_process(void *self, weir_ctx *cx, uint32_t port, const weir_batch *batch, int64_t *row)
{
    (void)self;
    (void)port;
    for (; *row < batch->length; ++*row) {
        weir_status s = pass_on(cx, (weir_row){batch, *row});
        if (s != WEIR_OK) return s;
    }
    return WEIR_OK;
}

static weir_status failing_open(void *self, weir_ctx *cx)
{
    (void)self;
    return weir_fail(cx, WEIR_E_IO, "the licence server is asleep");
}
static const weir_operator open_fails_vtable = {
    .struct_size = sizeof(weir_operator), .open = failing_open, .process = passing_process};
typedef trouble open_fails;
WEIR_COMPONENT(open_fails, WEIR_OPERATOR, open_fails_vtable, .id = "open_fails", .doc = "cannot open", .in = "value:i64",
               .out = "value:i64", WEIR_OPTIONS(options));

static weir_status crashing_open(void *self, weir_ctx *cx)
{
    (void)self;
    (void)cx;
    *nowhere = 1;
    return WEIR_OK;
}
static const weir_operator open_crashes_vtable = {
    .struct_size = sizeof(weir_operator), .open = crashing_open, .process = passing_process};
typedef trouble open_crashes;
WEIR_COMPONENT(open_crashes, WEIR_OPERATOR, open_crashes_vtable, .id = "open_crashes", .doc = "crashes when opened",
               .in = "value:i64", .out = "value:i64", WEIR_OPTIONS(options));

/* ---- breaking the contract --------------------------------------------------------------------------------------- */

static weir_status runaway_process(void *self, weir_ctx *cx, uint32_t port, const weir_batch *batch, int64_t *row)
{
    (void)self;
    (void)cx;
    (void)port;
    *row = batch->length + 1000;
    return WEIR_OK;
}
static const weir_operator runs_away_vtable = {.struct_size = sizeof(weir_operator), .process = runaway_process};
typedef trouble runs_away;
WEIR_COMPONENT(runs_away, WEIR_OPERATOR, runs_away_vtable, .id = "runs_away", .doc = "claims rows that it was not given",
               .in = "value:i64", .out = "value:i64", WEIR_OPTIONS(options));

static weir_status idle_process(void *self, weir_ctx *cx, uint32_t port, const weir_batch *batch, int64_t *row)
{
    (void)self;
    (void)cx;
    (void)port;
    (void)batch;
    (void)row;
    return WEIR_OK;
}
static const weir_operator does_nothing_vtable = {.struct_size = sizeof(weir_operator), .process = idle_process};
typedef trouble does_nothing;
WEIR_COMPONENT(does_nothing, WEIR_OPERATOR, does_nothing_vtable, .id = "does_nothing",
               .doc = "takes no row and says all is well", .in = "value:i64", .out = "value:i64", WEIR_OPTIONS(options));

/* Timers that are due as soon as they are set, for ever. */
typedef struct snoozes {
    bool by_clock;
} snoozes;
static weir_status snoozes_row(snoozes *me, weir_ctx *cx, weir_row in)
{
    (void)in;
    return weir_set_timer(cx, me->by_clock ? WEIR_PROCESSING_TIME : WEIR_EVENT_TIME, 0, 0);
}
static weir_status snoozes_timer(snoozes *me, weir_ctx *cx, const weir_timer *t)
{
    (void)me;
    return weir_set_timer(cx, (weir_clock)t->clock, 0, t->at);
}
static const weir_option snoozes_options[] = {
    WEIR_OPTION(snoozes, by_clock, .def = "false", .doc = "by the clock, not in event time")};
WEIR_KEYED(snoozes, .id = "snoozes", .doc = "a timer that sets itself again", .in = "*", .out = "*",
           WEIR_OPTIONS(snoozes_options));

WEIR_PLUGIN("test.troublesome", "1.0.0", &row_fails_component, &row_says_nothing_component, &row_crashes_component,
            &row_recurses_component, &row_aborts_component, &row_exits_component, &row_floods_component,
            &open_fails_component, &open_crashes_component, &runs_away_component, &does_nothing_component,
            &snoozes_component);
