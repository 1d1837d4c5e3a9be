/* quiet - the smallest keyed process: state and a timer for each key. */
#include <weir/udf.h>

typedef struct quiet {
    int64_t gap;
} quiet;
typedef struct visit {
    int64_t clicks, last;
} visit;
static const weir_field members[] = {WEIR_MEMBER(visit, clicks), WEIR_MEMBER(visit, last)};
static const weir_state states[] = {WEIR_VALUE_STATE("visit", visit, members)};

static weir_status quiet_row(quiet *me, weir_ctx *cx, weir_row in)
{
    visit *v = weir_edit(cx, 0);
    if (!v) return WEIR_E_MEMORY;
    if (v->clicks++ == 0 || weir_time(in) > v->last) v->last = weir_time(in);
    return weir_set_timer(cx, WEIR_EVENT_TIME, 0, v->last + me->gap);
}

static weir_status quiet_timer(quiet *me, weir_ctx *cx, const weir_timer *t)
{
    const visit *v = weir_get(cx, 0);
    if (!v || t->at < v->last + me->gap) return WEIR_OK; /* there was another click meanwhile */
    weir_put_i64(cx, 0, 0, v->clicks);
    weir_status s = weir_emit(cx, 0, t->at);
    return s == WEIR_OK ? weir_clear(cx, 0) : s;
}

static const weir_option options[] = {WEIR_OPTION_OF(quiet, gap, WEIR_OPT_DURATION, .def = "30min", .doc = "ends a visit")};
WEIR_KEYED(quiet, .id = "quiet", .doc = "counts the clicks of a visit once it is over", .out = "@key, clicks:i64",
           WEIR_OPTIONS(options), WEIR_STATES(states));
WEIR_PLUGIN("example.first_keyed", "1.0.0", &quiet_component);
