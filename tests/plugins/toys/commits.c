/* Components that see checkpoints: one that tells of each, and one whose results are timers'. */
#include <stdio.h>
#include <weir/udf.h>

static weir_status tell(weir_ctx *cx, const char *what, int64_t n)
{
    char line[64];
    weir_io_error error;
    int length = snprintf(line, sizeof line, "%s %lld\n", what, (long long)n);
    return weir_io_of(cx)->print(cx, WEIR_STDOUT, line, (size_t)length, &error);
}

/* Passes rows on; tells at each barrier, commit and end. */
typedef struct witness {
    int64_t decline; /* the checkpoint that it cannot cut; 0: none */
} witness;
static weir_status witness_process(void *self, weir_ctx *cx, uint32_t port, const weir_batch *b, int64_t *row)
{
    (void)self, (void)port;
    for (; *row < b->length; ++*row) {
        cx->row = (uint32_t)*row;
        weir_status s = weir_emit(cx, 0, b->time[*row]);
        if (s != WEIR_OK) return s;
    }
    return WEIR_OK;
}
static weir_status witness_snapshot(void *self, weir_ctx *cx, int64_t checkpoint)
{
    if (((witness *)self)->decline == checkpoint)
        return weir_fail(cx, WEIR_E_IO, "no room for checkpoint %d", (int)checkpoint);
    return tell(cx, "cut", checkpoint);
}
static weir_status witness_committed(void *self, weir_ctx *cx, int64_t checkpoint)
{
    (void)self;
    return tell(cx, "committed", checkpoint);
}
static weir_status witness_finish(void *self, weir_ctx *cx)
{
    (void)self;
    return tell(cx, "finish", 0);
}
static const weir_operator witness_vtable = {.struct_size = sizeof(weir_operator),
                                             .process = witness_process,
                                             .snapshot = witness_snapshot,
                                             .committed = witness_committed,
                                             .finish = witness_finish};
static const weir_option witness_options[] = {
    WEIR_OPTION(witness, decline, .def = "0", .doc = "the checkpoint that it cannot cut")};
WEIR_COMPONENT(witness, WEIR_OPERATOR, witness_vtable, .id = "witness", .doc = "tells of checkpoints", .in = "*", .out = "*",
               WEIR_OPTIONS(witness_options));

/* Counts the rows of a key, and says how many they were `after` ms of event time, at a multiple of it. */
typedef struct buckets {
    int64_t after;
} buckets;
typedef struct count {
    int64_t n;
} count;
static const weir_field count_members[] = {WEIR_MEMBER(count, n)};
static const weir_state buckets_states[] = {WEIR_VALUE_STATE("count", count, count_members)};
static weir_status buckets_row(buckets *me, weir_ctx *cx, weir_row in)
{
    count *c = weir_edit(cx, 0);
    if (!c) return WEIR_E_MEMORY;
    c->n++;
    return weir_set_timer(cx, WEIR_EVENT_TIME, 0, (weir_time(in) / me->after + 1) * me->after - 1);
}
static weir_status buckets_timer(buckets *me, weir_ctx *cx, const weir_timer *t)
{
    const count *c = weir_get(cx, 0);
    (void)me;
    weir_put_i64(cx, 0, 0, c ? c->n : 0);
    return weir_emit(cx, 0, t->at);
}
static const weir_option buckets_options[] = {WEIR_OPTION(buckets, after, .def = "50", .doc = "ms")};
WEIR_KEYED(buckets, .id = "buckets", .doc = "counts by buckets of event time", .out = "@key, n:i64",
           WEIR_OPTIONS(buckets_options), WEIR_STATES(buckets_states));

/* Says 100 ms later that there was a row. */
typedef struct echo {
    int64_t after;
} echo;
static weir_status echo_row(echo *me, weir_ctx *cx, weir_row in)
{
    (void)in;
    return weir_set_timer(cx, WEIR_PROCESSING_TIME, 0, weir_now(cx) + me->after);
}
static weir_status echo_timer(echo *me, weir_ctx *cx, const weir_timer *t)
{
    (void)me;
    weir_put_i64(cx, 0, 0, t->at);
    return weir_emit(cx, 0, WEIR_NO_TIME);
}
static const weir_option echo_options[] = {WEIR_OPTION(echo, after, .def = "100", .doc = "ms")};
WEIR_KEYED(echo, .id = "echo", .doc = "timers of processing time", .out = "@key, at:i64", WEIR_OPTIONS(echo_options));

WEIR_PLUGIN("tests.commits", "1.0.0", &witness_component, &buckets_component, &echo_component);
