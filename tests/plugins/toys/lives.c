/* One component of every kind that has open and close. Each tells of both, with who and where it is; with `fails`, the
 * instance of subtask 0 cannot be opened. */
#include <stdio.h>
#include <weir/udf.h>

typedef struct life {
    bool fails;
} life;

static weir_status tell_life(void *self, weir_ctx *cx, const char *what, const char *kind)
{
    const weir_info *here = weir_about(cx);
    char line[256];
    weir_io_error error;
    int n = snprintf(line, sizeof line, "%s %s %p %s/%s %u/%u of %u, attempt %u\n", what, kind, self, here->job, here->node,
                     here->subtask, here->parallelism, here->max_parallelism, here->attempt);
    return weir_io_of(cx)->print(cx, WEIR_STDOUT, line, (size_t)n, &error);
}

#define LIFE(kind)                                                                                  \
    typedef life kind##_life;                                                                       \
    static weir_status kind##_open(void *self, weir_ctx *cx)                                        \
    {                                                                                               \
        weir_status s = tell_life(self, cx, "open", #kind);                                         \
        bool fails = ((life *)self)->fails && weir_about(cx)->subtask == 0;                         \
        return s == WEIR_OK && fails ? weir_fail(cx, WEIR_E_IO, "the " #kind " will not open") : s; \
    }                                                                                               \
    static void kind##_close(void *self, weir_ctx *cx)                                              \
    {                                                                                               \
        (void)tell_life(self, cx, "close", #kind);                                                  \
    }
#define OPEN_CLOSE(kind, type) .struct_size = sizeof(type), .open = kind##_open, .close = kind##_close
static const weir_option life_options[] = {WEIR_OPTION(life, fails, .def = "false", .doc = "will not open")};
#define LIFE_COMPONENT(kind, KIND, ...)                                                                               \
    WEIR_COMPONENT(kind##_life, KIND, kind##_vtable, .id = "life_" #kind, .doc = "tells", WEIR_OPTIONS(life_options), \
                   __VA_ARGS__)

/* ---- source: 0, 1, 2 ... for ever, or until 100 of a subtask ----------------------------------------------------- */

typedef struct source_life {
    bool fails;
    bool endless;
    int64_t n;
} source_life;
static weir_status source_open(void *self, weir_ctx *cx)
{
    weir_status s = tell_life(self, cx, "open", "source");
    bool fails = ((source_life *)self)->fails && weir_about(cx)->subtask == 0;
    return s == WEIR_OK && fails ? weir_fail(cx, WEIR_E_IO, "the source will not open") : s;
}
static void source_close(void *self, weir_ctx *cx)
{
    (void)tell_life(self, cx, "close", "source");
}
static weir_status source_discover(void *self, weir_ctx *cx, weir_add_split *add, void *to)
{
    weir_status s = WEIR_OK;
    (void)self;
    for (uint32_t i = 0; i < weir_about(cx)->parallelism && s == WEIR_OK; i++)
        s = add(to, &(weir_split){.struct_size = sizeof(weir_split), .id = i, .description = {"n", 1}});
    return s;
}
static weir_status source_add_split(void *self, weir_ctx *cx, const weir_split *split, const void *position, size_t n)
{
    (void)self, (void)position, (void)n;
    return cx->host->split_begin(cx, split->id);
}
static weir_progress source_poll(void *self, weir_ctx *cx, int64_t max_rows)
{
    source_life *me = self;
    for (int64_t i = 0; i < max_rows && !weir_full(cx); i++) {
        if (!me->endless && me->n == 100) return WEIR_DONE;
        weir_put_i64(cx, 0, 0, me->n % 10);
        weir_put_i64(cx, 0, 1, me->n++);
        if (weir_emit(cx, 0, WEIR_NO_TIME) != WEIR_OK) return WEIR_FAILED;
    }
    return WEIR_MADE;
}
static const weir_source source_vtable = {OPEN_CLOSE(source, weir_source), .discover = source_discover,
                                          .add_split = source_add_split, .poll = source_poll};
static const weir_option source_options[] = {
    WEIR_OPTION(source_life, fails, .def = "false", .doc = "will not open"),
    WEIR_OPTION(source_life, endless, .def = "false", .doc = "never ends"),
};
WEIR_COMPONENT(source_life, WEIR_SOURCE, source_vtable, .id = "life_source", .doc = "tells", .out = "n:i64, at:timestamp",
               WEIR_OPTIONS(source_options));

/* ---- what rows go through ---------------------------------------------------------------------------------------- */

LIFE(operator)
static weir_status operator_process(void *self, weir_ctx *cx, uint32_t port, const weir_batch *b, int64_t *row)
{
    (void)self, (void)port;
    for (; *row < b->length; ++*row) {
        if (weir_full(cx)) return WEIR_MORE;
        cx->row = (uint32_t)*row;
        weir_status s = weir_emit(cx, 0, b->time[*row]);
        if (s != WEIR_OK) return s;
    }
    return WEIR_OK;
}
static const weir_operator operator_vtable = {OPEN_CLOSE(operator, weir_operator), .process = operator_process};
LIFE_COMPONENT(operator, WEIR_OPERATOR, .in = "n:i64", .out = "*");

LIFE(reducer)
static weir_status reducer_reduce(void *self, weir_ctx *cx, weir_row so_far, weir_row next)
{
    (void)self, (void)so_far;
    weir_status s = weir_copy(cx, 0, 0, next, 0);
    return s == WEIR_OK ? weir_copy(cx, 0, 1, next, 1) : s;
}
static const weir_reducer reducer_vtable = {OPEN_CLOSE(reducer, weir_reducer), .reduce = reducer_reduce};
LIFE_COMPONENT(reducer, WEIR_REDUCER, .in = "*", .out = "@in");

LIFE(partitioner)
static weir_status partitioner_partition(void *self, weir_ctx *cx, const weir_batch *b, uint32_t n, uint32_t *targets)
{
    (void)self, (void)cx;
    for (int64_t i = 0; i < b->length; i++) targets[i] = (uint32_t)i % n;
    return WEIR_OK;
}
static const weir_partitioner partitioner_vtable = {OPEN_CLOSE(partitioner, weir_partitioner),
                                                    .partition = partitioner_partition};
LIFE_COMPONENT(partitioner, WEIR_PARTITIONER, .in = "n:i64");

LIFE(generator)
static weir_status generator_on_rows(void *self, weir_ctx *cx, const weir_batch *b, int64_t *row, int64_t *watermark)
{
    (void)self, (void)cx;
    if (*row >= b->length) return WEIR_OK;
    *watermark = b->time[b->length - 1] - 1;
    *row = b->length;
    return WEIR_OK;
}
static const weir_watermark_generator generator_vtable = {OPEN_CLOSE(generator, weir_watermark_generator),
                                                          .on_rows = generator_on_rows};
LIFE_COMPONENT(generator, WEIR_WATERMARK_GENERATOR);

/* ---- windows ----------------------------------------------------------------------------------------------------- */

LIFE(assigner)
static weir_status assigner_assign(void *self, weir_ctx *cx, weir_row row, weir_window *w, uint32_t capacity, uint32_t *n)
{
    (void)self, (void)cx;
    int64_t start = weir_time(row) / 10 * 10;
    *n = 1;
    if (capacity > 0) *w = (weir_window){start, start + 10};
    return WEIR_OK;
}
static const weir_window_assigner assigner_vtable = {OPEN_CLOSE(assigner, weir_window_assigner), .assign = assigner_assign};
LIFE_COMPONENT(assigner, WEIR_WINDOW_ASSIGNER, .in = "*", .flags = WEIR_EVENT_WINDOWS);

LIFE(trigger)
static weir_status trigger_on_row(void *self, weir_ctx *cx, const weir_window *w, weir_row row, weir_firing *firing)
{
    (void)self, (void)cx, (void)w, (void)row;
    *firing = WEIR_FIRE;
    return WEIR_OK;
}
static weir_status trigger_on_timer(void *self, weir_ctx *cx, const weir_window *w, const weir_timer *t, weir_firing *firing)
{
    (void)self, (void)cx, (void)w, (void)t, (void)firing;
    return WEIR_OK;
}
static const weir_trigger trigger_vtable = {OPEN_CLOSE(trigger, weir_trigger), .on_row = trigger_on_row,
                                            .on_timer = trigger_on_timer};
LIFE_COMPONENT(trigger, WEIR_TRIGGER);

LIFE(evictor)
static weir_status evictor_before(void *self, weir_ctx *cx, const weir_window *w, const weir_batch *b, uint8_t *drop)
{
    (void)self, (void)cx, (void)w, (void)b, (void)drop;
    return WEIR_OK;
}
static const weir_evictor evictor_vtable = {OPEN_CLOSE(evictor, weir_evictor), .before = evictor_before};
LIFE_COMPONENT(evictor, WEIR_EVICTOR);

LIFE(window)
static weir_status window_process(void *self, weir_ctx *cx, const weir_window *w, const weir_batch *rows)
{
    (void)self;
    weir_put_i64(cx, 0, 0, rows->length);
    return weir_emit(cx, 0, weir_window_last(w));
}
static const weir_window_function window_vtable = {OPEN_CLOSE(window, weir_window_function), .process = window_process};
LIFE_COMPONENT(window, WEIR_WINDOW_FUNCTION, .in = "n:i64", .out = "@key, rows:i64");

typedef struct total {
    int64_t n;
} total;
static const weir_field total_members[] = {WEIR_MEMBER(total, n)};
static const weir_state total_states[] = {WEIR_VALUE_STATE("total", total, total_members)};
LIFE(aggregate)
static weir_status aggregate_add(void *self, weir_ctx *cx, void *acc, weir_row row)
{
    (void)self, (void)cx, (void)row;
    ((total *)acc)->n++;
    return WEIR_OK;
}
static weir_status aggregate_result(void *self, weir_ctx *cx, const void *acc, uint32_t column)
{
    (void)self;
    weir_put_i64(cx, 0, column, ((const total *)acc)->n);
    return WEIR_OK;
}
static const weir_aggregate aggregate_vtable = {OPEN_CLOSE(aggregate, weir_aggregate), .add = aggregate_add,
                                                .result = aggregate_result};
LIFE_COMPONENT(aggregate, WEIR_AGGREGATE, .in = "n:i64", .out = "result:i64", WEIR_STATES(total_states));

/* ---- the ends ---------------------------------------------------------------------------------------------------- */

LIFE(sink)
static weir_status sink_write(void *self, weir_ctx *cx, const weir_batch *b, int64_t *row)
{
    (void)self, (void)cx;
    *row = b->length;
    return WEIR_OK;
}
static const weir_sink sink_vtable = {OPEN_CLOSE(sink, weir_sink), .write = sink_write};
LIFE_COMPONENT(sink, WEIR_SINK, .in = "*");

LIFE(encoder)
static weir_status encoder_begin(void *self, weir_ctx *cx, weir_blob *to)
{
    (void)self, (void)cx, (void)to;
    return WEIR_OK;
}
static weir_status encoder_encode(void *self, weir_ctx *cx, const weir_batch *b, int64_t from, int64_t until, weir_blob *to)
{
    (void)self, (void)cx, (void)b, (void)from, (void)until, (void)to;
    return WEIR_OK;
}
static const weir_encoder encoder_vtable = {OPEN_CLOSE(encoder, weir_encoder), .begin = encoder_begin,
                                            .encode = encoder_encode};
LIFE_COMPONENT(encoder, WEIR_ENCODER, .in = "*");

LIFE(decoder)
static weir_status decoder_begin(void *self, weir_ctx *cx, const weir_stream *stream)
{
    (void)self, (void)cx, (void)stream;
    return WEIR_OK;
}
static weir_status decoder_decode(void *self, weir_ctx *cx, const void *data, size_t n, bool last, int64_t max_rows,
                                  size_t *used)
{
    (void)self, (void)data, (void)last, (void)max_rows;
    weir_put_i64(cx, 0, 0, (int64_t)n);
    *used = n;
    return weir_emit(cx, 0, WEIR_NO_TIME);
}
static const weir_decoder decoder_vtable = {OPEN_CLOSE(decoder, weir_decoder), .begin = decoder_begin,
                                            .decode = decoder_decode};
LIFE_COMPONENT(decoder, WEIR_DECODER, .out = "n:i64");

/* ---- two inputs, declared by macros ------------------------------------------------------------------------------ */

#define RICH_LIFE(kind)                                                                             \
    typedef life kind##_life;                                                                       \
    static weir_status kind##_life_open(kind##_life *me, weir_ctx *cx)                              \
    {                                                                                               \
        weir_status s = tell_life(me, cx, "open", #kind);                                           \
        bool fails = me->fails && weir_about(cx)->subtask == 0;                                     \
        return s == WEIR_OK && fails ? weir_fail(cx, WEIR_E_IO, "the " #kind " will not open") : s; \
    }                                                                                               \
    static void kind##_life_close(kind##_life *me, weir_ctx *cx)                                    \
    {                                                                                               \
        (void)tell_life(me, cx, "close", #kind);                                                    \
    }
#define TAKES(kind, row)                                                             \
    static weir_status kind##_life_##row(kind##_life *me, weir_ctx *cx, weir_row in) \
    {                                                                                \
        (void)me;                                                                    \
        weir_put_i64(cx, 0, 0, weir_i64(in, 0));                                     \
        return WEIR_OK;                                                              \
    }
#define HAS_TIMER(kind)                                                                      \
    static weir_status kind##_life_timer(kind##_life *me, weir_ctx *cx, const weir_timer *t) \
    {                                                                                        \
        (void)me, (void)cx, (void)t;                                                         \
        return WEIR_OK;                                                                      \
    }
#define RICH(MACRO, kind, ...)                                                                          \
    MACRO(kind##_life, .id = "life_" #kind, .doc = "tells", .in = "a(n:i64), b(n:i64)", .out = "n:i64", \
          WEIR_OPTIONS(life_options), __VA_ARGS__)

typedef struct name {
    int64_t n;
} name;
static const weir_field names[] = {WEIR_MEMBER(name, n)};
static const weir_state broadcast[] = {WEIR_BROADCAST_STATE("all", name, names, name, names)};

RICH_LIFE(co_map) TAKES(co_map, first) TAKES(co_map, second) RICH(WEIR_RICH_CO_MAP, co_map, .flags = 0);
RICH_LIFE(co_process) TAKES(co_process, first) TAKES(co_process, second) RICH(WEIR_RICH_CO_PROCESS, co_process, .flags = 0);
RICH_LIFE(co_keyed)
TAKES(co_keyed, first) TAKES(co_keyed, second) HAS_TIMER(co_keyed) RICH(WEIR_RICH_CO_KEYED, co_keyed, .sides = "x(n:i64)");
RICH_LIFE(broadcast)
TAKES(broadcast, row) TAKES(broadcast, broadcast) RICH(WEIR_RICH_BROADCAST_PROCESS, broadcast, WEIR_STATES(broadcast));
RICH_LIFE(keyed_broadcast)
TAKES(keyed_broadcast, row) TAKES(keyed_broadcast, broadcast) HAS_TIMER(keyed_broadcast)
    RICH(WEIR_RICH_KEYED_BROADCAST_PROCESS, keyed_broadcast, WEIR_STATES(broadcast));

RICH_LIFE(join)
static weir_status join_life_join(join_life *me, weir_ctx *cx, weir_row a, weir_row b, int64_t time)
{
    (void)me, (void)cx, (void)a, (void)b, (void)time;
    return WEIR_OK;
}
RICH(WEIR_RICH_JOIN, join, .flags = 0);
RICH_LIFE(cogroup)
static weir_status cogroup_life_process(cogroup_life *me, weir_ctx *cx, const weir_window *window, const weir_batch *a,
                                        const weir_batch *b)
{
    (void)me, (void)cx, (void)window, (void)a, (void)b;
    return WEIR_OK;
}
RICH(WEIR_RICH_COGROUP, cogroup, .flags = 0);

WEIR_PLUGIN("test.toy_lives", "1.0.0", &source_life_component, &operator_life_component, &reducer_life_component,
            &partitioner_life_component, &generator_life_component, &assigner_life_component, &trigger_life_component,
            &evictor_life_component, &window_life_component, &aggregate_life_component, &sink_life_component,
            &encoder_life_component, &decoder_life_component, &co_map_life_component, &co_process_life_component,
            &co_keyed_life_component, &broadcast_life_component, &keyed_broadcast_life_component, &join_life_component,
            &cogroup_life_component);
