/* A keyed process of two inputs with timers: each record sets one, and a timer that fires tells how many of its
 * input have fired for its key. What a restart loses or repeats shows in these counts. */
#include <weir/udf.h>

typedef struct reminders {
    int64_t after;
} reminders;

typedef struct seen {
    int64_t first, second;
} seen;
static const weir_field members[] = {WEIR_MEMBER(seen, first), WEIR_MEMBER(seen, second)};
enum { FIRST, SECOND }; /* what a timer is of */
static const weir_state states[] = {WEIR_VALUE_STATE("seen", seen, members)};

static weir_status reminders_first(reminders *me, weir_ctx *cx, weir_row in)
{
    return weir_set_timer(cx, WEIR_EVENT_TIME, FIRST, weir_time(in) + me->after);
}

static weir_status reminders_second(reminders *me, weir_ctx *cx, weir_row in)
{
    return weir_set_timer(cx, WEIR_EVENT_TIME, SECOND, weir_time(in) + me->after);
}

/* Each input is counted by itself: two timers of one time come in either order. */
static weir_status reminders_timer(reminders *me, weir_ctx *cx, const weir_timer *t)
{
    seen *s = weir_edit(cx, 0);
    (void)me;
    if (!s) return WEIR_E_MEMORY;
    int64_t *n = t->ns == FIRST ? &s->first : &s->second;
    ++*n;
    weir_put_i64(cx, 0, 0, (int64_t)t->ns);
    weir_put_i64(cx, 0, 1, t->at);
    weir_put_i64(cx, 0, 2, *n);
    return weir_emit(cx, 0, t->at);
}

static const weir_option options[] = {WEIR_OPTION_OF(reminders, after, WEIR_OPT_DURATION, .def = "5s", .doc = "how long")};
WEIR_CO_KEYED(reminders, .id = "reminders", .doc = "timers of two inputs", .in = "clicks(user:i64), orders(user:i64)",
              .out = "@key, what:i64, at:i64, n:i64", WEIR_OPTIONS(options), WEIR_STATES(states));
WEIR_PLUGIN("test.reminders", "1.0.0", &reminders_component);
