/* rising - an alert when the temperature of a sensor has been rising for a while.
 *
 * Readings come in any order, and the alert is due at a moment at which there may be no reading at all. Both are a matter of
 * timers. A reading is put by under its time, and takes its turn when a timer says that nothing earlier is missing. A rise
 * sets a second timer, for the moment at which it will have lasted long enough; a fall takes it back. Of timers for one
 * moment that with the smaller number fires first: a fall in the last millisecond is a fall in time.
 */
#include <weir/udf.h>

typedef struct rising {
    int64_t duration; /* ms */
} rising;

typedef struct moment {
    int64_t at;
} moment;
typedef struct reading {
    bool known; /* false: a new entry, all zero */
    double temperature;
} reading;
typedef struct rise {
    int64_t since; /* the first reading that was higher than the one before */
} rise;

static const weir_field moment_members[] = {WEIR_MEMBER(moment, at)};
static const weir_field reading_members[] = {WEIR_MEMBER(reading, known), WEIR_MEMBER(reading, temperature)};
static const weir_field rise_members[] = {WEIR_MEMBER(rise, since)};
static const weir_state states[] = {
    WEIR_MAP_STATE("waiting", moment, moment_members, reading, reading_members),
    WEIR_VALUE_STATE("last", reading, reading_members),
    WEIR_VALUE_STATE("rise", rise, rise_members), /* there is one while the alarm is set */
};
enum { WAITING, LAST, RISE }; /* states */
enum { TURN, ALARM };         /* what a timer is for */
enum { ALERTS, LATE };        /* outputs */

static weir_status emit_late(weir_ctx *cx, weir_row in)
{
    weir_status s = weir_copy(cx, LATE, 0, in, 0);
    weir_put_f64(cx, LATE, 1, weir_f64(in, 1));
    return s == WEIR_OK ? weir_emit(cx, LATE, weir_time(in)) : s;
}

static weir_status rising_row(rising *me, weir_ctx *cx, weir_row in)
{
    const moment when = {weir_time(in)};
    const double temperature = weir_f64(in, 1);
    (void)me;
    if (when.at <= weir_watermark(cx)) return emit_late(cx, in);
    reading *r = weir_map_edit(cx, WAITING, &when);
    if (!r) return WEIR_E_MEMORY;
    if (!r->known || temperature > r->temperature) *r = (reading){true, temperature}; /* the highest of a millisecond */
    return weir_set_timer(cx, WEIR_EVENT_TIME, TURN, when.at);
}

static weir_status set_alarm(const rising *me, weir_ctx *cx, int64_t now)
{
    rise *r = weir_edit(cx, RISE);
    if (!r) return WEIR_E_MEMORY;
    r->since = now;
    return weir_set_timer(cx, WEIR_EVENT_TIME, ALARM, now + me->duration);
}

static weir_status drop_alarm(const rising *me, weir_ctx *cx, const rise *r)
{
    weir_status s = weir_drop_timer(cx, WEIR_EVENT_TIME, ALARM, r->since + me->duration);
    return s == WEIR_OK ? weir_clear(cx, RISE) : s;
}

/* A reading's turn. An equal one neither begins a rise nor ends it. */
static weir_status take_turn(const rising *me, weir_ctx *cx, int64_t now)
{
    const moment when = {now};
    const reading next = *(const reading *)weir_map_get(cx, WAITING, &when);
    const rise *r = weir_get(cx, RISE);
    weir_status s = weir_map_remove(cx, WAITING, &when);
    reading *last = s == WEIR_OK ? weir_edit(cx, LAST) : NULL;
    if (!last) return s == WEIR_OK ? WEIR_E_MEMORY : s;
    const reading before = *last;
    *last = next;
    if (!before.known) return WEIR_OK;
    if (next.temperature < before.temperature && r) return drop_alarm(me, cx, r);
    if (next.temperature > before.temperature && !r) return set_alarm(me, cx, now);
    return WEIR_OK;
}

static weir_status sound_alarm(weir_ctx *cx, int64_t now)
{
    const rise *r = weir_get(cx, RISE);
    const reading *last = weir_get(cx, LAST);
    weir_put_i64(cx, ALERTS, 0, r->since);
    weir_put_i64(cx, ALERTS, 1, now);
    weir_put_f64(cx, ALERTS, 2, last->temperature);
    weir_status s = weir_emit(cx, ALERTS, now);
    return s == WEIR_OK ? weir_clear(cx, RISE) : s;
}

static weir_status rising_timer(rising *me, weir_ctx *cx, const weir_timer *t)
{
    return t->ns == TURN ? take_turn(me, cx, t->at) : sound_alarm(cx, t->at);
}

static const weir_option options[] = {
    WEIR_OPTION_OF(rising, duration, WEIR_OPT_DURATION, .def = "1s", .min = "1ms", .doc = "how long it must rise")};
WEIR_KEYED(rising, .id = "rising", .doc = "an alert when a temperature has been rising for a while",
           .in = "sensor:string, temperature:f64", .out = "@key, since:timestamp, at:timestamp, temperature:f64",
           .sides = "late(sensor:string, temperature:f64)", WEIR_OPTIONS(options), WEIR_STATES(states));
WEIR_PLUGIN("example.temperature", "1.0.0", &rising_component);
