/* paid_in_time - which payment an order was paid with, and the orders that were not paid within a time.
 *
 * Orders and payments are two inputs, and nothing is said about the order between them: a payment may come before its order,
 * and a payment of the future before the deadline. So what comes is only put by. A payment takes its turn when a timer says
 * that no earlier order is missing; an order is given up at the first millisecond in which a payment would be too late. A
 * record that is late takes its turn at the next watermark, if its order is still open.
 */
#include <weir/udf.h>

typedef struct paid_in_time {
    int64_t within; /* ms */
} paid_in_time;

typedef struct order {
    double amount;
    int64_t at;
    bool paid;
} order;
typedef struct number {
    int64_t id;
} number;
typedef struct payment {
    int64_t at;
} payment;

static const weir_field order_members[] = {WEIR_MEMBER(order, amount), WEIR_MEMBER(order, at), WEIR_MEMBER(order, paid)};
static const weir_field number_members[] = {WEIR_MEMBER(number, id)};
static const weir_field payment_members[] = {WEIR_MEMBER(payment, at)};
static const weir_state states[] = {
    WEIR_VALUE_STATE("order", order, order_members),
    WEIR_MAP_STATE("waiting", number, number_members, payment, payment_members),
};
enum { ORDER, WAITING };            /* states */
enum { DEADLINE };                  /* the timer of an order; the others are numbers of payments */
enum { PAID, TIMEOUTS, UNMATCHED }; /* outputs */

static weir_status paid_in_time_first(paid_in_time *me, weir_ctx *cx, weir_row in)
{
    const int64_t at = weir_time(in);
    order *o = weir_edit(cx, ORDER);
    if (!o) return WEIR_E_MEMORY;
    *o = (order){.amount = weir_f64(in, 0), .at = at};
    return weir_set_timer(cx, WEIR_EVENT_TIME, DEADLINE, at + me->within + 1);
}

static weir_status paid_in_time_second(paid_in_time *me, weir_ctx *cx, weir_row in)
{
    const number n = {weir_i64(in, 0)};
    (void)me;
    if (n.id < 1) return weir_fail(cx, WEIR_E_DATA, "expected a payment number from 1 up, found %lld", (long long)n.id);
    payment *p = weir_map_edit(cx, WAITING, &n);
    if (!p) return WEIR_E_MEMORY;
    p->at = weir_time(in);
    return weir_set_timer(cx, WEIR_EVENT_TIME, (uint64_t)n.id, p->at);
}

static weir_status give_up(weir_ctx *cx, int64_t now)
{
    const order *o = weir_get(cx, ORDER);
    weir_status s = WEIR_OK;
    if (!o->paid) {
        weir_put_f64(cx, TIMEOUTS, 0, o->amount);
        weir_put_i64(cx, TIMEOUTS, 1, o->at);
        s = weir_emit(cx, TIMEOUTS, now);
    }
    return s == WEIR_OK ? weir_clear(cx, ORDER) : s;
}

static weir_status pay(const paid_in_time *me, weir_ctx *cx, int64_t id, int64_t at)
{
    const order *o = weir_get(cx, ORDER);
    if (!o || o->paid || at < o->at || at - o->at > me->within) {
        weir_put_i64(cx, UNMATCHED, 0, id);
        weir_put_i64(cx, UNMATCHED, 1, at);
        return weir_emit(cx, UNMATCHED, at);
    }
    order *paid = weir_edit(cx, ORDER);
    if (!paid) return WEIR_E_MEMORY;
    paid->paid = true;
    weir_put_f64(cx, PAID, 0, paid->amount);
    weir_put_i64(cx, PAID, 1, paid->at);
    weir_put_i64(cx, PAID, 2, id);
    weir_put_i64(cx, PAID, 3, at);
    return weir_emit(cx, PAID, at);
}

static weir_status paid_in_time_timer(paid_in_time *me, weir_ctx *cx, const weir_timer *t)
{
    if (t->ns == DEADLINE) return give_up(cx, t->at);
    const number n = {(int64_t)t->ns};
    weir_status s = weir_map_remove(cx, WAITING, &n);
    return s == WEIR_OK ? pay(me, cx, n.id, t->at) : s;
}

static const weir_option options[] = {WEIR_OPTION_OF(paid_in_time, within, WEIR_OPT_DURATION, .def = "15min", .min = "0ms",
                                                     .doc = "from the order to its payment, at most")};
WEIR_CO_KEYED(paid_in_time, .id = "paid_in_time", .doc = "orders with their payments, and those not paid in time",
              .in = "orders(amount:f64), payments(payment:i64)",
              .out = "@key, amount:f64, ordered:timestamp, payment:i64, paid:timestamp",
              .sides = "timeouts(@key, amount:f64, ordered:timestamp), unmatched(@key, payment:i64, at:timestamp)",
              WEIR_OPTIONS(options), WEIR_STATES(states));
WEIR_PLUGIN("example.order_timeout", "1.0.0", &paid_in_time_component);
