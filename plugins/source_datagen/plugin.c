/* source_datagen - invented streams that are the same every time: clicks, orders, sensor readings.
 *
 * Record i depends on the seed and on i alone, whatever the parallelism: its random numbers are splitmix64 outputs at
 * (seed, i, lane) (G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014). Split k of p
 * holds the records k, k + p, k + 2p ..., so that event time advances in all splits alike. A position is the next i.
 */
#include <inttypes.h>
#include <stdio.h>
#include <weir/text.h>
#include <weir/udf.h>

#define MAX_SPLITS_TEXT 64
#define NS_PER_SECOND 1000000000

typedef struct stripe {
    uint64_t id, next, step;
} stripe;

typedef struct datagen {
    int64_t count, seed, rate, step, jitter;
    const char *start;
    int64_t users, pages, items, sensors;

    const weir_io *io;
    int64_t start_ms, began_ns;
    uint64_t first; /* record that the rate is counted from: those of before a restore were paced then */
    bool running;
    stripe *stripes;
    uint32_t n_stripes, turn;
} datagen;

typedef weir_status write_row(const datagen *me, weir_ctx *cx, uint64_t i, int64_t at);

/* ---- chance ------------------------------------------------------------------------------------------------- */

static uint64_t dice(const datagen *me, uint64_t i, uint32_t lane)
{
    uint64_t z = (uint64_t)me->seed * 0xD1342543DE82EF95u + (i * 8 + lane + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* 0 .. n-1, each as likely. */
static int64_t even(uint64_t random, int64_t n)
{
    return (int64_t)((random >> 32) * (uint64_t)n >> 32);
}

/* 0 .. n-1, small ones more likely: the square of an even choice. */
static int64_t skewed(uint64_t random, int64_t n)
{
    uint64_t r = random >> 32;
    return even(r * r, n);
}

static weir_status put_name(weir_ctx *cx, uint32_t column, const char *prefix, int64_t number)
{
    char text[WEIR_TEXT_MAX + 16];
    size_t n = strlen(prefix);
    memcpy(text, prefix, n);
    n += weir_text_from_i64(text + n, number);
    return weir_put_text(cx, 0, column, (weir_str){text, n});
}

/* ---- the three streams -------------------------------------------------------------------------------------- */

static weir_status write_click(const datagen *me, weir_ctx *cx, uint64_t i, int64_t at)
{
    weir_put_i64(cx, 0, 0, skewed(dice(me, i, 1), me->users) + 1);
    weir_put_i64(cx, 0, 2, at);
    return put_name(cx, 1, "/page/", skewed(dice(me, i, 2), me->pages) + 1);
}

static weir_status write_order(const datagen *me, weir_ctx *cx, uint64_t i, int64_t at)
{
    weir_put_i64(cx, 0, 0, (int64_t)i + 1);
    weir_put_i64(cx, 0, 1, skewed(dice(me, i, 1), me->users) + 1);
    weir_put_f64(cx, 0, 3, (double)(100 + skewed(dice(me, i, 3), 50000)) / 100.0);
    weir_put_i64(cx, 0, 4, at);
    return put_name(cx, 2, "item-", skewed(dice(me, i, 2), me->items) + 1);
}

/* 20 degrees, 5 more or less over the day (a triangle: no libm, the same everywhere), half a degree of noise. */
static weir_status write_reading(const datagen *me, weir_ctx *cx, uint64_t i, int64_t at)
{
    int64_t minute = (at / 60000 % 1440 + 1440) % 1440;
    int64_t wave = (minute < 720 ? minute : 1440 - minute) * 1000 / 720 - 500; /* -500 at midnight, 500 at noon */
    int64_t noise = even(dice(me, i, 2), 101) - 50;
    weir_put_f64(cx, 0, 1, (double)(2000 + wave + noise) / 100.0);
    weir_put_i64(cx, 0, 2, at);
    return put_name(cx, 0, "sensor-", even(dice(me, i, 1), me->sensors) + 1);
}

/* ---- splits ------------------------------------------------------------------------------------------------- */

static weir_status datagen_discover(void *self, weir_ctx *cx, weir_add_split *add, void *to)
{
    const datagen *me = self;
    uint32_t parts = weir_about(cx)->parallelism;
    int64_t ignored;
    if (!weir_text_to_time(me->start, strlen(me->start), &ignored)) {
        return weir_fail(cx, WEIR_E_CONFIG, "start: '%s' is no time; write it as 2024-01-01T00:00:00Z", me->start);
    }
    for (uint32_t k = 0; k < parts; k++) {
        char text[MAX_SPLITS_TEXT];
        int n = snprintf(text, sizeof text, "%" PRIu32 " of %" PRIu32, k, parts);
        weir_split split = {.struct_size = sizeof split, .id = k, .description = {text, (size_t)n}};
        weir_status s = add(to, &split);
        if (s != WEIR_OK) return s;
    }
    return WEIR_OK;
}

static weir_status datagen_open(void *self, weir_ctx *cx)
{
    datagen *me = self;
    me->io = weir_io_of(cx);
    if (!me->io) return weir_fail(cx, WEIR_E_PLUGIN, "this host has no " WEIR_IO ", which a rate needs");
    if (!weir_text_to_time(me->start, strlen(me->start), &me->start_ms)) {
        return weir_fail(cx, WEIR_E_CONFIG, "start: '%s' is no time; write it as 2024-01-01T00:00:00Z", me->start);
    }
    return WEIR_OK;
}

static weir_status datagen_add_split(void *self, weir_ctx *cx, const weir_split *split, const void *position, size_t n)
{
    datagen *me = self;
    char text[MAX_SPLITS_TEXT] = "";
    stripe s = {.id = split->id};
    if (split->description.n < sizeof text) memcpy(text, split->description.p, split->description.n);
    if (sscanf(text, "%" SCNu64 " of %" SCNu64, &s.next, &s.step) != 2) {
        return weir_fail(cx, WEIR_E_BUG, "'%.*s' is no split of a generated stream", (int)split->description.n,
                         split->description.p);
    }
    if (n == sizeof s.next) memcpy(&s.next, position, n);
    stripe *grown = cx->host->resize(cx, me->stripes, (me->n_stripes + 1) * sizeof(stripe));
    if (!grown) return weir_fail(cx, WEIR_E_MEMORY, "no memory for %u splits", me->n_stripes + 1);
    me->stripes = grown;
    me->stripes[me->n_stripes++] = s;
    return WEIR_OK;
}

static weir_status datagen_position(void *self, weir_ctx *cx, int64_t checkpoint, const weir_split *split, void *buf,
                                    size_t cap, size_t *n)
{
    const datagen *me = self;
    (void)cx;
    (void)checkpoint;
    *n = 0;
    for (uint32_t i = 0; i < me->n_stripes; i++) {
        if (me->stripes[i].id != split->id || cap < sizeof(uint64_t)) continue;
        memcpy(buf, &me->stripes[i].next, sizeof(uint64_t));
        *n = sizeof(uint64_t);
    }
    return WEIR_OK;
}

static void datagen_close(void *self, weir_ctx *cx)
{
    datagen *me = self;
    cx->host->release(cx, me->stripes);
    me->stripes = NULL;
}

/* ---- emission ----------------------------------------------------------------------------------------------- */

/* Where the stream is: no record before this is to come from the splits here. Records come a step at a time. */
static uint64_t reached(const datagen *me)
{
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < me->n_stripes; i++) {
        const stripe *s = &me->stripes[i];
        bool over = s->step == 0 || (me->count > 0 && s->next >= (uint64_t)me->count);
        if (over) continue;
        uint64_t from = s->next - s->next % s->step;
        if (from < least) least = from;
    }
    return least == UINT64_MAX ? 0 : least;
}

/* How many records of the whole stream are due by now: record i is due (i - first) / rate seconds after the first poll. */
static uint64_t due(datagen *me, weir_ctx *cx)
{
    if (me->rate == 0) return UINT64_MAX;
    int64_t now = me->io->monotonic_ns(cx);
    if (!me->running) {
        me->running = true;
        me->began_ns = now;
        me->first = reached(me);
    }
    uint64_t passed = (uint64_t)(now - me->began_ns);
    uint64_t rate = (uint64_t)me->rate;
    return me->first + passed / NS_PER_SECOND * rate + passed % NS_PER_SECOND * rate / NS_PER_SECOND + 1;
}

static weir_status emit_record(const datagen *me, weir_ctx *cx, uint64_t i, write_row *write)
{
    int64_t at = me->start_ms + (int64_t)i * me->step;
    if (me->jitter > 0) at -= even(dice(me, i, 0), me->jitter + 1);
    weir_status s = write(me, cx, i, at);
    return s == WEIR_OK ? weir_emit(cx, 0, at) : s;
}

static weir_progress emit_stripe(datagen *me, weir_ctx *cx, stripe *s, int64_t most, write_row *write)
{
    uint64_t until = due(me, cx);
    if (me->count > 0 && until > (uint64_t)me->count) until = (uint64_t)me->count;
    if (s->next >= until) return WEIR_NONE;
    if (cx->host->split_begin(cx, s->id) != WEIR_OK) return WEIR_FAILED;
    for (; most > 0 && s->next < until && !weir_full(cx); most--) {
        uint64_t i = s->next;
        s->next += s->step;
        if (emit_record(me, cx, i, write) != WEIR_OK) return WEIR_FAILED;
    }
    return WEIR_MADE;
}

/* Stripes take turns, poll by poll, so that none holds the watermark back. */
static weir_progress poll_rows(datagen *me, weir_ctx *cx, int64_t max_rows, write_row *write)
{
    weir_progress result = WEIR_DONE;
    for (uint32_t tried = 0; tried < me->n_stripes; tried++) {
        stripe *s = &me->stripes[me->turn];
        me->turn = (me->turn + 1) % me->n_stripes;
        if (s->step == 0) continue; /* done */
        if (me->count > 0 && s->next >= (uint64_t)me->count) {
            s->step = 0;
            if (cx->host->split_done(cx, s->id) != WEIR_OK) return WEIR_FAILED;
            continue;
        }
        weir_progress p = emit_stripe(me, cx, s, max_rows, write);
        if (p != WEIR_NONE) return p;
        result = WEIR_NONE;
    }
    return result;
}

static weir_progress clicks_poll(void *self, weir_ctx *cx, int64_t max_rows)
{
    return poll_rows(self, cx, max_rows, write_click);
}
static weir_progress orders_poll(void *self, weir_ctx *cx, int64_t max_rows)
{
    return poll_rows(self, cx, max_rows, write_order);
}
static weir_progress readings_poll(void *self, weir_ctx *cx, int64_t max_rows)
{
    return poll_rows(self, cx, max_rows, write_reading);
}

/* ---- declarations ------------------------------------------------------------------------------------------- */

#define DATAGEN_VTABLE(poll_of_kind)                                                                                  \
    {                                                                                                                 \
        .struct_size = sizeof(weir_source), .discover = datagen_discover, .open = datagen_open,                       \
        .add_split = datagen_add_split, .poll = poll_of_kind, .position = datagen_position, .close = datagen_close,   \
    }
#define COMMON_OPTIONS                                                                                                \
    WEIR_OPTION(datagen, count, .def = "1000", .min = "0", .doc = "how many records; 0: it never ends"),              \
        WEIR_OPTION(datagen, seed, .def = "1", .doc = "another seed, another stream"),                                \
        WEIR_OPTION(datagen, rate, .def = "0", .min = "0", .max = "1000000000",                                       \
                    .doc = "records per second by the clock, all subtasks together; 0: as fast as possible"),         \
        WEIR_OPTION(datagen, start, .def = "2024-01-01T00:00:00Z", .doc = "event time of the first record"),          \
        WEIR_OPTION_OF(datagen, step, WEIR_OPT_DURATION, .def = "1s", .min = "0ms",                                   \
                       .doc = "event time between two records"),                                                     \
        WEIR_OPTION_OF(datagen, jitter, WEIR_OPT_DURATION, .def = "0ms", .min = "0ms", .max = "365d",                 \
                       .doc = "a record's event time is earlier by a random part of this: the out-of-orderness")
#define AMONG(member, default, text)                                                                                        \
    WEIR_OPTION(datagen, member, .def = default, .min = "1", .max = "4294967295", .doc = text)

static const weir_source clicks_vtable = DATAGEN_VTABLE(clicks_poll);
static const weir_source orders_vtable = DATAGEN_VTABLE(orders_poll);
static const weir_source readings_vtable = DATAGEN_VTABLE(readings_poll);

static const weir_option clicks_options[] = {
    COMMON_OPTIONS,
    AMONG(users, "1000", "users 1 .. users, the first ones busier"),
    AMONG(pages, "100", "pages, the first ones more popular"),
};
static const weir_option orders_options[] = {
    COMMON_OPTIONS,
    AMONG(users, "1000", "users 1 .. users, the first ones busier"),
    AMONG(items, "100", "items, the first ones more popular"),
};
static const weir_option readings_options[] = {
    COMMON_OPTIONS,
    AMONG(sensors, "10", "sensors, all as busy"),
};

typedef datagen clicks;
typedef datagen orders;
typedef datagen readings;
WEIR_COMPONENT(clicks, WEIR_SOURCE, clicks_vtable, .id = "datagen_clicks", .doc = "invented page views",
               .out = "user:i64, url:string, at:timestamp", .flags = WEIR_REPLAYABLE,
               WEIR_OPTIONS(clicks_options));
WEIR_COMPONENT(orders, WEIR_SOURCE, orders_vtable, .id = "datagen_orders", .doc = "invented orders",
               .out = "order:i64, user:i64, item:string, amount:f64, at:timestamp", .flags = WEIR_REPLAYABLE,
               WEIR_OPTIONS(orders_options));
WEIR_COMPONENT(readings, WEIR_SOURCE, readings_vtable, .id = "datagen_sensors", .doc = "invented temperature readings",
               .out = "sensor:string, temperature:f64, at:timestamp", .flags = WEIR_REPLAYABLE,
               WEIR_OPTIONS(readings_options));
WEIR_PLUGIN("weir.source_datagen", "0.1.0", &clicks_component, &orders_component, &readings_component);
