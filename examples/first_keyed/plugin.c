/* once - the smallest keyed process: state and a timer for each key. */
#include <weir/udf.h>

typedef struct once {
    int64_t every;
} once;
typedef struct passed {
    int64_t at;
} passed;
static const weir_field members[] = {WEIR_MEMBER(passed, at)};
static const weir_state states[] = {WEIR_VALUE_STATE("passed", passed, members)};

static weir_status once_row(once *me, weir_ctx *cx, weir_row in)
{
    const passed *last = weir_get(cx, 0);
    if (last && weir_time(in) - last->at < me->every) return WEIR_OK;
    passed *p = weir_edit(cx, 0);
    if (!p) return WEIR_E_MEMORY;
    p->at = weir_time(in);
    weir_status s = weir_emit(cx, 0, p->at);
    return s == WEIR_OK ? weir_set_timer(cx, WEIR_EVENT_TIME, 0, p->at + me->every) : s;
}

static weir_status once_timer(once *me, weir_ctx *cx, const weir_timer *t) /* a key that is quiet costs nothing */
{
    const passed *p = weir_get(cx, 0);
    return p && p->at + me->every <= t->at ? weir_clear(cx, 0) : WEIR_OK;
}

static const weir_option options[] = {WEIR_OPTION_OF(once, every, WEIR_OPT_DURATION, .def = "10min", .doc = "time between")};
WEIR_KEYED(once, .id = "once", .doc = "lets a record of each key pass once in a while", .out = "*", WEIR_OPTIONS(options),
           WEIR_STATES(states));
WEIR_PLUGIN("example.first_keyed", "1.0.0", &once_component);
