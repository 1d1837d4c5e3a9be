/* three_failures - an alert when a user fails to log in three times in a row, the third within `within` of the first.
 *
 * "In a row" is a matter of event time, and records come in any order. So an attempt is only put by, under its time, with a
 * timer for it: timers fire in the order of event time, and each handles the attempts of its moment. At the same millisecond
 * failures come before a success. A record that the watermark has passed can no longer take its turn: it is late.
 */
#include <weir/udf.h>

typedef struct three_failures {
    int64_t within;
} three_failures;

typedef struct moment {
    int64_t at;
} moment;
typedef struct attempts {
    int64_t failures;
    bool success;
} attempts;
typedef struct streak {
    int64_t length;       /* failures since the last success or alert: 0, 1 or 2 (the last two, when there were more) */
    int64_t older, newer; /* when they were */
} streak;

static const weir_field moment_members[] = {WEIR_MEMBER(moment, at)};
static const weir_field attempts_members[] = {WEIR_MEMBER(attempts, failures), WEIR_MEMBER(attempts, success)};
static const weir_field streak_members[] = {WEIR_MEMBER(streak, length), WEIR_MEMBER(streak, older),
                                            WEIR_MEMBER(streak, newer)};
static const weir_state states[] = {
    WEIR_MAP_STATE("waiting", moment, moment_members, attempts, attempts_members),
    WEIR_VALUE_STATE("streak", streak, streak_members),
};
enum { WAITING, STREAK }; /* states */
enum { TURN, FORGET };    /* what a timer is for */
enum { ALERTS, LATE };    /* outputs */

static weir_status emit_late(weir_ctx *cx, weir_row in)
{
    weir_status s = weir_copy(cx, LATE, 0, in, 0);
    weir_put_bool(cx, LATE, 1, weir_bool(in, 1));
    return s == WEIR_OK ? weir_emit(cx, LATE, weir_time(in)) : s;
}

static weir_status three_failures_row(three_failures *me, weir_ctx *cx, weir_row in)
{
    const moment when = {weir_time(in)};
    (void)me;
    if (when.at <= weir_watermark(cx)) return emit_late(cx, in);
    attempts *a = weir_map_edit(cx, WAITING, &when);
    if (!a) return WEIR_E_MEMORY;
    a->failures += !weir_bool(in, 1);
    a->success |= weir_bool(in, 1);
    return weir_set_timer(cx, WEIR_EVENT_TIME, TURN, when.at);
}

static weir_status add_failure(const three_failures *me, weir_ctx *cx, int64_t at)
{
    streak *s = weir_edit(cx, STREAK);
    if (!s) return WEIR_E_MEMORY;
    if (s->length == 2 && at - s->older <= me->within) {
        weir_put_i64(cx, ALERTS, 0, s->older);
        weir_put_i64(cx, ALERTS, 1, at);
        weir_status emitted = weir_emit(cx, ALERTS, at);
        return emitted == WEIR_OK ? weir_clear(cx, STREAK) : emitted;
    }
    s->length += s->length < 2;
    s->older = s->newer;
    s->newer = at;
    return weir_set_timer(cx, WEIR_EVENT_TIME, FORGET, at + me->within + 1);
}

/* Once the newest failure is too old to be the first of three, the key costs nothing any more. */
static weir_status forget(const three_failures *me, weir_ctx *cx, int64_t now)
{
    const streak *s = weir_get(cx, STREAK);
    return s && now - s->newer > me->within ? weir_clear(cx, STREAK) : WEIR_OK;
}

static weir_status three_failures_timer(three_failures *me, weir_ctx *cx, const weir_timer *t)
{
    if (t->ns == FORGET) return forget(me, cx, t->at);
    const moment when = {t->at};
    const attempts a = *(const attempts *)weir_map_get(cx, WAITING, &when);
    weir_status s = weir_map_remove(cx, WAITING, &when);
    for (int64_t i = 0; i < a.failures && s == WEIR_OK; i++) s = add_failure(me, cx, t->at);
    return s == WEIR_OK && a.success ? weir_clear(cx, STREAK) : s;
}

static const weir_option options[] = {WEIR_OPTION_OF(three_failures, within, WEIR_OPT_DURATION, .def = "10s", .min = "0ms",
                                                     .doc = "time from the first failure to the third, at most")};
WEIR_KEYED(three_failures, .id = "three_failures", .doc = "three failed logins of one user in a row, in a short time",
           .in = "user:string, success:bool", .out = "@key, first:timestamp, last:timestamp",
           .sides = "late(user:string, success:bool)", WEIR_OPTIONS(options), WEIR_STATES(states));
WEIR_PLUGIN("example.login_failures", "1.0.0", &three_failures_component);
