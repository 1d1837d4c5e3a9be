/* weir.evictors - which rows of a window are left out and forgotten when it fires: count, time, delta. Semantics A5.4. */
#include <weir/udf.h>

/* Each has `after`: false, before what is made of the window; true, after it. */
#define EVICTOR(T, open_, ...)                                                                                        \
    static weir_status T##_before(void *self, weir_ctx *cx, const weir_window *w, const weir_batch *b, uint8_t *drop) \
    {                                                                                                                 \
        (void)cx, (void)w;                                                                                            \
        if (!((T *)self)->after) T##_evict(self, b, drop);                                                            \
        return WEIR_OK;                                                                                               \
    }                                                                                                                 \
    static weir_status T##_after(void *self, weir_ctx *cx, const weir_window *w, const weir_batch *b, uint8_t *drop)  \
    {                                                                                                                 \
        (void)cx, (void)w;                                                                                            \
        if (((T *)self)->after) T##_evict(self, b, drop);                                                             \
        return WEIR_OK;                                                                                               \
    }                                                                                                                 \
    static const weir_evictor T##_vtable = {                                                                          \
        .struct_size = sizeof(weir_evictor), .open = open_, .before = T##_before, .after = T##_after};                \
    WEIR_COMPONENT(T, WEIR_EVICTOR, T##_vtable, __VA_ARGS__)
#define AFTER(T) WEIR_OPTION(T, after, .def = "false", .doc = "after the window function instead of before it")

static void drop_row(uint8_t *drop, int64_t i)
{
    drop[i >> 3] |= (uint8_t)(1u << (i & 7));
}

typedef struct count {
    int64_t n;
    bool after;
} count;

static void count_evict(const count *me, const weir_batch *b, uint8_t *drop)
{
    for (int64_t i = 0; i < b->length - me->n; i++) drop_row(drop, i);
}
static const weir_option count_options[] = {WEIR_OPTION(count, n, .min = "1", .doc = "rows that stay, the last ones"),
                                            AFTER(count)};
EVICTOR(count, NULL, .id = "count", .doc = "keeps the last n rows", WEIR_OPTIONS(count_options));

typedef struct time {
    int64_t span;
    bool after;
} time;

static void time_evict(const time *me, const weir_batch *b, uint8_t *drop)
{
    if (b->length == 0 || b->time[0] == WEIR_NO_TIME) return;
    int64_t newest = INT64_MIN, cutoff;
    for (int64_t i = 0; i < b->length; i++) {
        if (b->time[i] > newest) newest = b->time[i];
    }
    if (__builtin_sub_overflow(newest, me->span, &cutoff)) return;
    for (int64_t i = 0; i < b->length; i++) {
        if (b->time[i] <= cutoff) drop_row(drop, i);
    }
}
static const weir_option time_options[] = {WEIR_OPTION_OF(time, span, WEIR_OPT_DURATION, .min = "1ms",
                                                          .doc = "rows that stay: those younger than this, by the newest"),
                                           AFTER(time)};
EVICTOR(time, NULL, .id = "time", .in = "*", .doc = "keeps the rows of the last span of event time",
        WEIR_OPTIONS(time_options));

typedef struct delta {
    double threshold;
    int32_t field;
    uint32_t type;
    bool after;
} delta;

static weir_status delta_open(void *self, weir_ctx *cx)
{
    delta *me = self;
    me->type = weir_schema_at(cx->host->input_schema(cx, 0), (uint32_t)me->field)->type;
    return WEIR_OK;
}
static double number_at(weir_row row, uint32_t c, uint32_t type)
{
    switch (type) {
    case WEIR_I32: return weir_i32(row, c);
    case WEIR_I64: return (double)weir_i64(row, c);
    case WEIR_F32: return (double)weir_f32(row, c);
    default: return weir_f64(row, c);
    }
}
/* TRAP: the trigger fires at >, the evictor drops at >=. Nulls stay. */
static void delta_evict(const delta *me, const weir_batch *b, uint8_t *drop)
{
    uint32_t c = (uint32_t)me->field;
    if (b->length == 0 || weir_null((weir_row){b, b->length - 1}, c)) return;
    double last = number_at((weir_row){b, b->length - 1}, c, me->type);
    for (int64_t i = 0; i < b->length; i++) {
        weir_row row = {b, i};
        if (weir_null(row, c)) continue;
        double apart = number_at(row, c, me->type) - last;
        if ((apart < 0 ? -apart : apart) >= me->threshold) drop_row(drop, i);
    }
}
static const weir_option delta_options[] = {
    WEIR_OPTION_OF(delta, field, WEIR_OPT_FIELD, .flags = WEIR_NUMERIC, .doc = "field that is compared with the last row's"),
    WEIR_OPTION(delta, threshold, .min = "0", .doc = "rows go whose field differs by this or more"), AFTER(delta)};
EVICTOR(delta, delta_open, .id = "delta", .in = "*", .doc = "keeps the rows whose field is near the last one's",
        WEIR_OPTIONS(delta_options));

WEIR_PLUGIN("weir.evictors", "0.1.0", &count_component, &time_component, &delta_component);
