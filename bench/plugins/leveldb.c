/* bench/plugins/leveldb.c - the components of the benchmarks of state in LevelDB: rows of uniform or hot keys, and a running
 * total per key.
 */
#include <weir/udf.h>

#include "../keys.h"

/* ---- source ------------------------------------------------------------------------------------------------------ */

typedef struct {
    int64_t rows, next;
    bool hot;
} bench_keys;
static const weir_option bench_keys_options[] = {
    WEIR_OPTION(bench_keys, rows, .def = "1000000", .min = "0", .doc = "How many rows"),
    WEIR_OPTION(bench_keys, hot, .def = "false", .doc = "Some keys are more frequent than others"),
};
static weir_status bench_keys_discover(void *self, weir_ctx *cx, weir_add_split *add, void *to)
{
    (void)self;
    (void)cx;
    const weir_split one = {.struct_size = sizeof one, .id = 0, .description = {"all", 3}};
    return add(to, &one);
}
static weir_status bench_keys_add_split(void *self, weir_ctx *cx, const weir_split *s, const void *position, size_t n)
{
    (void)self;
    (void)position;
    (void)n;
    return cx->host->split_begin(cx, s->id);
}
static weir_progress bench_keys_poll(void *self, weir_ctx *cx, int64_t max)
{
    bench_keys *me = self;
    weir_out *o = cx->out[0];
    int64_t left = me->rows - me->next, n = o->capacity - o->length;
    if (n > max) n = max;
    if (n > left) n = left;
    int64_t *key = o->columns[0].data, *number = o->columns[1].data;
    for (int64_t i = 0; i < n; i++) {
        key[i] = bench_key_at(me->next + i, me->hot);
        number[i] = me->next + i;
        o->time[i] = WEIR_NO_TIME;
    }
    o->length = n;
    me->next += n;
    if (n > 0 && cx->host->flush(cx, 0) != WEIR_OK) return WEIR_FAILED;
    if (me->next < me->rows) return WEIR_MADE;
    return cx->host->split_done(cx, 0) == WEIR_OK ? WEIR_DONE : WEIR_FAILED;
}
static const weir_source bench_keys_vtable = {.struct_size = sizeof(weir_source),
                                              .discover = bench_keys_discover,
                                              .add_split = bench_keys_add_split,
                                              .poll = bench_keys_poll};
WEIR_COMPONENT(bench_keys, WEIR_SOURCE, bench_keys_vtable, .id = "bench_keys", .doc = "Keys made from their number",
               .out = "key:i64, number:i64", WEIR_OPTIONS(bench_keys_options));

/* ---- the state --------------------------------------------------------------------------------------------------- */

typedef struct {
    char unused;
} bench_total;
typedef struct bench_total total;
static const weir_field members[] = {WEIR_MEMBER(total, n), WEIR_MEMBER(total, sum)};
static const weir_state states[] = {WEIR_VALUE_STATE("total", total, members)};

static weir_status bench_total_row(bench_total *me, weir_ctx *cx, weir_row in)
{
    total *t = weir_edit(cx, 0);
    (void)me;
    if (!t) return WEIR_E_MEMORY;
    weir_put_i64(cx, 0, 0, weir_i64(in, 0));
    weir_put_f64(cx, 0, 1, bench_total_add(t, weir_i64(in, 1)));
    return weir_emit(cx, 0, weir_time(in));
}
WEIR_KEYED_PROCESS(bench_total, .id = "bench_total", .doc = "The total of each key so far", .in = "key:i64, number:i64",
                   .out = "key:i64, total:f64", WEIR_STATES(states));

WEIR_PLUGIN("weir.bench_leveldb", "0.1.0", &bench_keys_component, &bench_total_component);
