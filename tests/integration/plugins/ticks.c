/* A keyed operator with a value and a timer: how many records a key has had, told at the end of each `every` of event time
 * in which there was one. For tests of what that costs. */
#include <weir/udf.h>

typedef struct ticks {
    int64_t every; /* ms */
} ticks;
typedef struct seen {
    int64_t records;
} seen;
static const weir_field seen_members[] = {WEIR_MEMBER(seen, records)};
static const weir_state tick_states[] = {WEIR_VALUE_STATE("seen", seen, seen_members)};

static weir_status ticks_row(ticks *me, weir_ctx *cx, weir_row in)
{
    seen *s = weir_edit(cx, 0);
    if (!s) return WEIR_E_MEMORY;
    s->records++;
    return weir_set_timer(cx, WEIR_EVENT_TIME, 0, weir_time(in) / me->every * me->every + me->every);
}

static weir_status ticks_timer(ticks *me, weir_ctx *cx, const weir_timer *t)
{
    const seen *s = weir_get(cx, 0);
    (void)me;
    weir_put_i64(cx, 0, 0, s ? s->records : 0);
    return weir_emit(cx, 0, t->at);
}

static const weir_option tick_options[] = {
    WEIR_OPTION_OF(ticks, every, WEIR_OPT_DURATION, .def = "1s", .min = "1ms", .doc = "how often it is told")};
WEIR_KEYED(ticks, .id = "ticks", .doc = "how many records a key has had, now and then", .in = "*",
           .out = "@key, records:i64", WEIR_OPTIONS(tick_options), WEIR_STATES(tick_states));
WEIR_PLUGIN("test.ticks", "1.0.0", &ticks_component);
