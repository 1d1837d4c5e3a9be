/* bench/plugins/latency.c - an open loop: a source whose rows are due at moments of the clock, a count by key, a sink that
 * looks at the clock once for each batch.
 */
#define _POSIX_C_SOURCE 200809L /* nanosleep */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <weir/udf.h>

#include "../delays.h"

/* ---- source ------------------------------------------------------------------------------------------------------ */

typedef struct {
    int64_t rows, rate;
    int64_t start, next;
    const weir_io *io;
} bench_pace;
static const weir_option bench_pace_options[] = {
    WEIR_OPTION(bench_pace, rows, .def = "1000000", .min = "1", .doc = "How many rows"),
    WEIR_OPTION(bench_pace, rate, .def = "1000000", .min = "1", .doc = "Rows due in a second"),
};
static weir_status bench_pace_discover(void *self, weir_ctx *cx, weir_add_split *add, void *to)
{
    const weir_split split = {.struct_size = sizeof split, .id = 0, .description = {"all", 3}};
    (void)self;
    (void)cx;
    return add(to, &split);
}
static weir_status bench_pace_add_split(void *self, weir_ctx *cx, const weir_split *s, const void *position, size_t n)
{
    bench_pace *me = self;
    (void)position;
    (void)n;
    me->io = weir_io_of(cx);
    return cx->host->split_begin(cx, s->id);
}

/* Waits until a row is due; the last moments without sleep, which would be late. */
static int64_t wait_for_row(const bench_pace *me, weir_ctx *cx)
{
    int64_t due = bench_due_at(me->start, me->rate, me->next), now;
    while ((now = me->io->monotonic_ns(cx)) < due) {
        const struct timespec t = {.tv_nsec = due - now - 100000};
        if (due - now > 200000)
            nanosleep(&t, NULL);
        else
            __builtin_ia32_pause();
    }
    return now;
}

static weir_progress bench_pace_poll(void *self, weir_ctx *cx, int64_t max)
{
    bench_pace *me = self;
    weir_out *o = cx->out[0];
    int64_t *key = o->columns[0].data, *due = o->columns[1].data;
    if (me->start == 0) me->start = me->io->monotonic_ns(cx);
    int64_t n = bench_due_by(me->start, me->rate, wait_for_row(me, cx)) - me->next;
    if (n < 1) n = 1;
    if (n > max) n = max;
    if (n > o->capacity - o->length) n = o->capacity - o->length;
    if (n > me->rows - me->next) n = me->rows - me->next;
    for (int64_t i = 0; i < n; i++) {
        key[i] = (me->next + i) % BENCH_PACE_KEYS;
        due[i] = bench_due_at(me->start, me->rate, me->next + i);
        o->time[i] = 0;
    }
    o->length = n;
    me->next += n;
    if (cx->host->flush(cx, 0) != WEIR_OK) return WEIR_FAILED;
    if (me->next < me->rows) return WEIR_MADE;
    return cx->host->split_done(cx, 0) == WEIR_OK ? WEIR_DONE : WEIR_FAILED;
}
static const weir_source bench_pace_vtable = {.struct_size = sizeof(weir_source),
                                              .discover = bench_pace_discover,
                                              .add_split = bench_pace_add_split,
                                              .poll = bench_pace_poll};
WEIR_COMPONENT(bench_pace, WEIR_SOURCE, bench_pace_vtable, .id = "bench_pace", .doc = "Rows due at moments of the clock",
               .out = "key:i64, due:i64", .flags = WEIR_BLOCKING, WEIR_OPTIONS(bench_pace_options));

/* ---- count by key ------------------------------------------------------------------------------------------------ */

typedef struct {
    char unused;
} bench_tally;
typedef struct {
    int64_t n;
} tally;
static const weir_field tally_members[] = {WEIR_MEMBER(tally, n)};
static const weir_state bench_tally_states[] = {WEIR_VALUE_STATE("tally", tally, tally_members)};
static weir_status bench_tally_row(bench_tally *me, weir_ctx *cx, weir_row in)
{
    tally *t = weir_edit(cx, 0);
    (void)me;
    if (!t) return WEIR_E_MEMORY;
    weir_put_i64(cx, 0, 0, weir_i64(in, 0));
    weir_put_i64(cx, 0, 1, ++t->n);
    return weir_emit(cx, 0, weir_time(in));
}
static weir_status bench_tally_timer(bench_tally *me, weir_ctx *cx, const weir_timer *t)
{
    (void)me;
    (void)cx;
    (void)t;
    return WEIR_OK; /* none is set */
}
WEIR_KEYED(bench_tally, .id = "bench_tally", .doc = "How many rows a key has had", .in = "due:i64",
           .out = "@key, due:i64, n:i64", WEIR_STATES(bench_tally_states));

/* ---- sink -------------------------------------------------------------------------------------------------------- */

typedef struct {
    int64_t delays;
    const weir_io *io;
} bench_delays;
static const weir_option bench_delays_options[] = {
    WEIR_OPTION(bench_delays, delays, .doc = "Address of a struct bench_delays of this process"),
};
static weir_status bench_delays_open(void *self, weir_ctx *cx)
{
    bench_delays *me = self;
    me->io = weir_io_of(cx);
    return WEIR_OK;
}
static weir_status bench_delays_write(void *self, weir_ctx *cx, const weir_batch *b, int64_t *row)
{
    const bench_delays *me = self;
    struct bench_delays *d = (void *)(uintptr_t)me->delays;
    const int64_t *due = b->columns[0].data, *n = b->columns[1].data;
    int64_t now = me->io->monotonic_ns(cx);
    for (int64_t i = *row; i < b->length; i++) {
        bench_delays_add(d, now, due[i]);
        d->sum += (uint64_t)n[i];
    }
    *row = b->length;
    return WEIR_OK;
}
static const weir_sink bench_delays_vtable = {
    .struct_size = sizeof(weir_sink), .open = bench_delays_open, .write = bench_delays_write};
WEIR_COMPONENT(bench_delays, WEIR_SINK, bench_delays_vtable, .id = "bench_delays", .doc = "How long rows were under way",
               .in = "due:i64, n:i64", WEIR_OPTIONS(bench_delays_options));

WEIR_PLUGIN("weir.bench_latency", "0.1.0", &bench_pace_component, &bench_tally_component, &bench_delays_component);
