/* reconcile - an order and its payment find each other; what is left alone for too long goes to a side output.
 *
 * A keyed co-process: both inputs have the order's number for a key, and share its state. Whichever comes first is put by
 * with an event timer, the order for `patience`, the payment for `haste` (some are booked before the order is). Which of the
 * two comes first to this program says nothing about which happened first: that is a matter of their times.
 */
#include <weir/udf.h>

typedef struct reconcile {
    int64_t patience, haste;
} reconcile;

typedef struct waiting {
    int64_t cents, at;
} waiting;
static const weir_field members[] = {WEIR_MEMBER(waiting, cents), WEIR_MEMBER_OF(waiting, at, WEIR_TIMESTAMP)};
static const weir_state states[] = {WEIR_VALUE_STATE("order", waiting, members),
                                    WEIR_VALUE_STATE("payment", waiting, members)};
enum { ORDER, PAYMENT };             /* states, and what a timer is for */
enum { SETTLED, UNPAID, UNORDERED }; /* outputs */

static weir_status wait_for_other(weir_ctx *cx, uint32_t what, weir_row in, int64_t until)
{
    waiting *w = weir_edit(cx, what);
    if (!w) return WEIR_E_MEMORY;
    *w = (waiting){weir_i64(in, 0), weir_time(in)};
    return weir_set_timer(cx, WEIR_EVENT_TIME, what, until);
}

static weir_status settle(const reconcile *me, weir_ctx *cx, const waiting *order, const waiting *payment)
{
    int64_t time = order->at > payment->at ? order->at : payment->at;
    weir_put_i64(cx, SETTLED, 0, order->cents);
    weir_put_i64(cx, SETTLED, 1, payment->cents);
    weir_put_i64(cx, SETTLED, 2, payment->at - order->at);
    weir_status s = weir_drop_timer(cx, WEIR_EVENT_TIME, ORDER, order->at + me->patience);
    if (s == WEIR_OK) s = weir_drop_timer(cx, WEIR_EVENT_TIME, PAYMENT, payment->at + me->haste);
    if (s == WEIR_OK) s = weir_clear(cx, ORDER);
    if (s == WEIR_OK) s = weir_clear(cx, PAYMENT);
    return s == WEIR_OK ? weir_emit(cx, SETTLED, time) : s;
}

/* A payment at `at` is in time for an order at `ordered`. */
static bool in_time(const reconcile *me, int64_t ordered, int64_t at)
{
    return at >= ordered - me->haste && at <= ordered + me->patience;
}

static weir_status reconcile_first(reconcile *me, weir_ctx *cx, weir_row in)
{
    const waiting own = {weir_i64(in, 0), weir_time(in)}, *found = weir_get(cx, PAYMENT);
    if (!found || !in_time(me, own.at, found->at)) return wait_for_other(cx, ORDER, in, own.at + me->patience);
    const waiting other = *found;
    return settle(me, cx, &own, &other);
}

static weir_status reconcile_second(reconcile *me, weir_ctx *cx, weir_row in)
{
    const waiting own = {weir_i64(in, 0), weir_time(in)}, *found = weir_get(cx, ORDER);
    if (!found || !in_time(me, found->at, own.at)) return wait_for_other(cx, PAYMENT, in, own.at + me->haste);
    const waiting other = *found;
    return settle(me, cx, &other, &own);
}

static weir_status reconcile_timer(reconcile *me, weir_ctx *cx, const weir_timer *t)
{
    const waiting *w = weir_get(cx, (uint32_t)t->ns);
    uint32_t output = t->ns == ORDER ? UNPAID : UNORDERED;
    (void)me;
    if (!w) return WEIR_OK;
    weir_put_i64(cx, output, 0, w->cents);
    weir_put_i64(cx, output, 1, w->at);
    weir_status s = weir_emit(cx, output, t->at);
    return s == WEIR_OK ? weir_clear(cx, (uint32_t)t->ns) : s;
}

static const weir_option options[] = {
    WEIR_OPTION_OF(reconcile, patience, WEIR_OPT_DURATION, .def = "15min", .min = "0s",
                   .doc = "how long an order waits for its payment"),
    WEIR_OPTION_OF(reconcile, haste, WEIR_OPT_DURATION, .def = "5s", .min = "0s",
                   .doc = "how long before its order a payment may be"),
};
WEIR_CO_KEYED(reconcile, .id = "reconcile", .doc = "orders and their payments",
              .in = "orders(cents:i64), payments(cents:i64)", .out = "@key, ordered:i64, paid:i64, waited_ms:i64",
              .sides = "unpaid(@key, cents:i64, at:timestamp), unordered(@key, cents:i64, at:timestamp)",
              WEIR_OPTIONS(options), WEIR_STATES(states));
WEIR_PLUGIN("example.reconcile", "1.0.0", &reconcile_component);
