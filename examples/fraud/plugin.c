/* small_then_large - a small payment, and the next one of the account is large and comes soon.
 *
 * A small payment raises a flag, and sets a timer that lowers it again. Payments come in any order: each is put by under its
 * number, and takes its turn when a timer of that number fires, in the order of event time. Of timers for one moment that
 * with the smaller number goes first; payments are numbered from 1, so a flag that is to go is gone before they look.
 */
#include <weir/udf.h>

typedef struct small_then_large {
    double small, large;
    int64_t within; /* ms */
} small_then_large;

typedef struct number {
    int64_t id;
} number;
typedef struct payment {
    double amount;
} payment;
typedef struct flag {
    int64_t id, at; /* of the small payment */
} flag;

static const weir_field number_members[] = {WEIR_MEMBER(number, id)};
static const weir_field payment_members[] = {WEIR_MEMBER(payment, amount)};
static const weir_field flag_members[] = {WEIR_MEMBER(flag, id), WEIR_MEMBER(flag, at)};
static const weir_state states[] = {
    WEIR_MAP_STATE("waiting", number, number_members, payment, payment_members),
    WEIR_VALUE_STATE("flag", flag, flag_members),
};
enum { WAITING, FLAG }; /* states */
enum { LOWER };         /* the timer that lowers the flag; the others are numbers of payments */
enum { ALERTS, LATE };  /* outputs */

static weir_status emit_late(weir_ctx *cx, weir_row in)
{
    weir_put_i64(cx, LATE, 0, weir_i64(in, 0));
    weir_put_f64(cx, LATE, 1, weir_f64(in, 1));
    return weir_emit(cx, LATE, weir_time(in));
}

static weir_status small_then_large_row(small_then_large *me, weir_ctx *cx, weir_row in)
{
    const number n = {weir_i64(in, 0)};
    (void)me;
    if (n.id < 1) return weir_fail(cx, WEIR_E_DATA, "expected a payment number from 1 up, found %lld", (long long)n.id);
    if (weir_time(in) <= weir_watermark(cx)) return emit_late(cx, in);
    payment *p = weir_map_edit(cx, WAITING, &n);
    if (!p) return WEIR_E_MEMORY;
    p->amount = weir_f64(in, 1);
    return weir_set_timer(cx, WEIR_EVENT_TIME, (uint64_t)n.id, weir_time(in));
}

static weir_status raise_flag(const small_then_large *me, weir_ctx *cx, int64_t id, int64_t now)
{
    flag *f = weir_edit(cx, FLAG);
    if (!f) return WEIR_E_MEMORY;
    *f = (flag){id, now};
    return weir_set_timer(cx, WEIR_EVENT_TIME, LOWER, now + me->within + 1);
}

static weir_status emit_alert(weir_ctx *cx, const flag *f, int64_t id, double amount, int64_t now)
{
    weir_put_i64(cx, ALERTS, 0, f->id);
    weir_put_i64(cx, ALERTS, 1, id);
    weir_put_f64(cx, ALERTS, 2, amount);
    weir_put_i64(cx, ALERTS, 3, now);
    return weir_emit(cx, ALERTS, now);
}

/* Whatever the amount, the next payment lowers the flag. */
static weir_status look_at(const small_then_large *me, weir_ctx *cx, int64_t id, double amount, int64_t now)
{
    const flag *f = weir_get(cx, FLAG);
    weir_status s = WEIR_OK;
    if (f && amount > me->large) s = emit_alert(cx, f, id, amount, now);
    if (f && s == WEIR_OK) s = weir_drop_timer(cx, WEIR_EVENT_TIME, LOWER, f->at + me->within + 1);
    if (f && s == WEIR_OK) s = weir_clear(cx, FLAG);
    return s == WEIR_OK && amount < me->small ? raise_flag(me, cx, id, now) : s;
}

static weir_status small_then_large_timer(small_then_large *me, weir_ctx *cx, const weir_timer *t)
{
    if (t->ns == LOWER) return weir_clear(cx, FLAG);
    const number n = {(int64_t)t->ns};
    const payment p = *(const payment *)weir_map_get(cx, WAITING, &n);
    weir_status s = weir_map_remove(cx, WAITING, &n);
    return s == WEIR_OK ? look_at(me, cx, n.id, p.amount, t->at) : s;
}

static const weir_option options[] = {
    WEIR_OPTION(small_then_large, small, .def = "1", .min = "0", .doc = "less than this is small"),
    WEIR_OPTION(small_then_large, large, .def = "500", .min = "0", .doc = "more than this is large"),
    WEIR_OPTION_OF(small_then_large, within, WEIR_OPT_DURATION, .def = "1min", .min = "0ms",
                   .doc = "time between the two, at most")};
WEIR_KEYED(small_then_large, .id = "small_then_large", .doc = "a small payment followed by a large one",
           .in = "payment:i64, amount:f64", .out = "@key, tried:i64, payment:i64, amount:f64, at:timestamp",
           .sides = "late(payment:i64, amount:f64)", WEIR_OPTIONS(options), WEIR_STATES(states));
WEIR_PLUGIN("example.fraud", "1.0.0", &small_then_large_component);
