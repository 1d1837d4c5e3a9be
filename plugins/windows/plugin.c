/* weir.windows - the assigners tumbling, sliding, session and session_by, of event time and, with _processing, of processing
 * time; global. Semantics A5.2. */
#include <weir/udf.h>

#define MOST         "10000000d" /* so that sums of times and sizes fit */
#define MOST_WINDOWS (1 << 20)   /* of one record */

static int64_t now_or_time(weir_ctx *cx, weir_row row, bool processing)
{
    return processing ? weir_now(cx) : weir_time(row);
}

/* ---- tumbling and sliding ---------------------------------------------------------------------------------------- */

typedef struct periodic { /* slide: of sliding windows alone */
    int64_t size, slide, offset;
} periodic;

static weir_status check_offset(weir_ctx *cx, int64_t offset, int64_t period, const char *what)
{
    if (offset > -period && offset < period) return WEIR_OK;
    return weir_fail(cx, WEIR_E_CONFIG, "the offset of a window must be less than its %s, either way", what);
}

/* The start of the last period at or before ts; C's remainder truncates, so a negative one moves back a period. */
static int64_t start_of(int64_t ts, int64_t offset, int64_t period)
{
    int64_t r = (ts - offset) % period;
    return r < 0 ? ts - (r + period) : ts - r;
}

static weir_status check_tumbling(const periodic *me, weir_ctx *cx)
{
    return check_offset(cx, me->offset, me->size, "size");
}

static weir_status check_sliding(const periodic *me, weir_ctx *cx)
{
    if (me->size / me->slide > MOST_WINDOWS)
        return weir_fail(cx, WEIR_E_CONFIG,
                         "each record would be in %lld windows, and more than %d are not sensible; make the slide longer",
                         (long long)(me->size / me->slide), MOST_WINDOWS);
    return check_offset(cx, me->offset, me->slide, "slide");
}

static weir_status tumbling_open(void *self, weir_ctx *cx)
{
    return check_tumbling(self, cx);
}

static weir_status sliding_open(void *self, weir_ctx *cx)
{
    return check_sliding(self, cx);
}

static weir_status tumbling_periodic(void *self, weir_ctx *cx, int64_t *size, int64_t *slide, int64_t *offset)
{
    const periodic *me = self;
    *size = *slide = me->size;
    *offset = me->offset;
    return check_tumbling(me, cx);
}

static weir_status sliding_periodic(void *self, weir_ctx *cx, int64_t *size, int64_t *slide, int64_t *offset)
{
    const periodic *me = self;
    *size = me->size;
    *slide = me->slide;
    *offset = me->offset;
    return check_sliding(me, cx);
}

static void tumble(const periodic *me, int64_t ts, weir_window *windows, uint32_t capacity, uint32_t *n)
{
    int64_t start = start_of(ts, me->offset, me->size);
    if (capacity > 0) windows[0] = (weir_window){start, start + me->size};
    *n = 1;
}

static void slide(const periodic *me, int64_t ts, weir_window *windows, uint32_t capacity, uint32_t *n)
{
    *n = 0;
    for (int64_t start = start_of(ts, me->offset, me->slide); start > ts - me->size; start -= me->slide) {
        if (*n < capacity) windows[*n] = (weir_window){start, start + me->size};
        ++*n;
    }
}

#define PERIODIC(T, fill, processing)                                                                              \
    static weir_status T##_assign(void *self, weir_ctx *cx, weir_row row, weir_window *windows, uint32_t capacity, \
                                  uint32_t *n)                                                                     \
    {                                                                                                              \
        fill(self, now_or_time(cx, row, processing), windows, capacity, n);                                        \
        return WEIR_OK;                                                                                            \
    }
PERIODIC(tumbling, tumble, false)
PERIODIC(tumbling_processing, tumble, true)
PERIODIC(sliding, slide, false)
PERIODIC(sliding_processing, slide, true)

#define SIZE WEIR_OPTION_OF(periodic, size, WEIR_OPT_DURATION, .min = "1ms", .max = MOST, .doc = "length of a window")
#define SLIDE \
    WEIR_OPTION_OF(periodic, slide, WEIR_OPT_DURATION, .min = "1ms", .max = MOST, .doc = "a window starts every so often")
#define OFFSET \
    WEIR_OPTION_OF(periodic, offset, WEIR_OPT_DURATION, .def = "0ms", .doc = "shift of the first start from the epoch")
static const weir_option tumbling_options[] = {SIZE, OFFSET}, sliding_options[] = {SIZE, SLIDE, OFFSET};

static const weir_window_assigner tumbling_vtable = {.struct_size = sizeof(weir_window_assigner),
                                                     .open = tumbling_open,
                                                     .assign = tumbling_assign,
                                                     .periodic = tumbling_periodic};
static const weir_window_assigner tumbling_processing_vtable = {
    .struct_size = sizeof(weir_window_assigner), .open = tumbling_open, .assign = tumbling_processing_assign};
static const weir_window_assigner sliding_vtable = {.struct_size = sizeof(weir_window_assigner),
                                                    .open = sliding_open,
                                                    .assign = sliding_assign,
                                                    .periodic = sliding_periodic};
static const weir_window_assigner sliding_processing_vtable = {
    .struct_size = sizeof(weir_window_assigner), .open = sliding_open, .assign = sliding_processing_assign};

/* The components of one file share an instance struct under several names. */
typedef periodic tumbling, tumbling_processing, sliding, sliding_processing;
WEIR_COMPONENT(tumbling, WEIR_WINDOW_ASSIGNER, tumbling_vtable, .id = "tumbling", .in = "*",
               .flags = WEIR_EVENT_WINDOWS | WEIR_PERIODIC, .doc = "windows of one size, one behind the other",
               WEIR_OPTIONS(tumbling_options));
WEIR_COMPONENT(tumbling_processing, WEIR_WINDOW_ASSIGNER, tumbling_processing_vtable, .id = "tumbling_processing",
               .flags = WEIR_CLOCK_WINDOWS, .doc = "windows of one size, one behind the other, by the clock",
               WEIR_OPTIONS(tumbling_options));
WEIR_COMPONENT(sliding, WEIR_WINDOW_ASSIGNER, sliding_vtable, .id = "sliding", .in = "*",
               .flags = WEIR_EVENT_WINDOWS | WEIR_PERIODIC, .doc = "windows of one size that start every slide",
               WEIR_OPTIONS(sliding_options));
WEIR_COMPONENT(sliding_processing, WEIR_WINDOW_ASSIGNER, sliding_processing_vtable, .id = "sliding_processing",
               .flags = WEIR_CLOCK_WINDOWS, .doc = "windows of one size that start every slide, by the clock",
               WEIR_OPTIONS(sliding_options));

/* ---- sessions ---------------------------------------------------------------------------------------------------- */

typedef struct session {
    int64_t gap;
    int32_t field; /* session_by: a number of ms */
    uint32_t type; /* of the field */
} session;

static weir_status gap_window(int64_t ts, int64_t gap, weir_window *windows, uint32_t capacity, uint32_t *n)
{
    int64_t end;
    if (__builtin_add_overflow(ts, gap, &end)) end = INT64_MAX;
    if (capacity > 0) windows[0] = (weir_window){ts, end};
    *n = 1;
    return WEIR_OK;
}

static weir_status session_by_open(void *self, weir_ctx *cx)
{
    session *me = self;
    const weir_schema_field *f = weir_schema_at(cx->host->input_schema(cx, 0), (uint32_t)me->field);
    me->type = f->type;
    if (me->type == WEIR_I64 || me->type == WEIR_I32) return WEIR_OK;
    return weir_fail(cx, WEIR_E_CONFIG, "the gap of a session comes from a field of type i64 or i32, in ms; '%s' is neither",
                     f->name);
}

static weir_status window_by(session *me, weir_ctx *cx, weir_row row, int64_t ts, weir_window *windows, uint32_t capacity,
                             uint32_t *n)
{
    uint32_t c = (uint32_t)me->field;
    if (weir_null(row, c)) return weir_fail(cx, WEIR_E_DATA, "the gap of a session is null");
    int64_t gap = me->type == WEIR_I64 ? weir_i64(row, c) : weir_i32(row, c);
    if (gap > 0) return gap_window(ts, gap, windows, capacity, n);
    return weir_fail(cx, WEIR_E_DATA, "the gap of a session is %lld ms; it must be more than 0", (long long)gap);
}

#define SESSION(T, processing)                                                                                          \
    static weir_status T##_assign(void *self, weir_ctx *cx, weir_row row, weir_window *windows, uint32_t capacity,      \
                                  uint32_t *n)                                                                          \
    {                                                                                                                   \
        return gap_window(now_or_time(cx, row, processing), ((session *)self)->gap, windows, capacity, n);              \
    }                                                                                                                   \
    static weir_status T##_by_assign(void *self, weir_ctx *cx, weir_row row, weir_window *windows, uint32_t capacity,   \
                                     uint32_t *n)                                                                       \
    {                                                                                                                   \
        return window_by(self, cx, row, now_or_time(cx, row, processing), windows, capacity, n);                        \
    }                                                                                                                   \
    static const weir_window_assigner T##_vtable = {.struct_size = sizeof(weir_window_assigner), .assign = T##_assign}; \
    static const weir_window_assigner T##_by_vtable = {                                                                 \
        .struct_size = sizeof(weir_window_assigner), .open = session_by_open, .assign = T##_by_assign}
SESSION(session, false);
SESSION(session_processing, true);

static const weir_option gap_options[] = {
    WEIR_OPTION_OF(session, gap, WEIR_OPT_DURATION, .min = "1ms", .max = MOST, .doc = "silence that ends a session")};
static const weir_option gap_by_options[] = {
    WEIR_OPTION_OF(session, field, WEIR_OPT_FIELD, .flags = WEIR_INTEGER, .doc = "field with the gap, in ms (i64 or i32)")};

typedef session session_by, session_processing, session_processing_by;
WEIR_COMPONENT(session, WEIR_WINDOW_ASSIGNER, session_vtable, .id = "session", .in = "*",
               .flags = WEIR_EVENT_WINDOWS | WEIR_MERGING, .doc = "a key's rows until it is silent for the gap",
               WEIR_OPTIONS(gap_options));
WEIR_COMPONENT(session_by, WEIR_WINDOW_ASSIGNER, session_by_vtable, .id = "session_by", .in = "*",
               .flags = WEIR_EVENT_WINDOWS | WEIR_MERGING, .doc = "sessions whose gap comes with each row",
               WEIR_OPTIONS(gap_by_options));
WEIR_COMPONENT(session_processing, WEIR_WINDOW_ASSIGNER, session_processing_vtable, .id = "session_processing",
               .flags = WEIR_CLOCK_WINDOWS | WEIR_MERGING, .doc = "sessions by the clock", WEIR_OPTIONS(gap_options));
WEIR_COMPONENT(session_processing_by, WEIR_WINDOW_ASSIGNER, session_processing_by_vtable, .id = "session_processing_by",
               .in = "*", .flags = WEIR_CLOCK_WINDOWS | WEIR_MERGING,
               .doc = "sessions by the clock whose gap comes with each row", WEIR_OPTIONS(gap_by_options));

/* ---- global ------------------------------------------------------------------------------------------------------ */

typedef struct global {
    char none;
} global;

static weir_status global_assign(void *self, weir_ctx *cx, weir_row row, weir_window *windows, uint32_t capacity,
                                 uint32_t *n)
{
    (void)self, (void)cx, (void)row;
    if (capacity > 0) windows[0] = (weir_window){INT64_MIN, INT64_MAX};
    *n = 1;
    return WEIR_OK;
}
static const weir_window_assigner global_vtable = {.struct_size = sizeof(weir_window_assigner), .assign = global_assign};
WEIR_COMPONENT(global, WEIR_WINDOW_ASSIGNER, global_vtable, .id = "global", .flags = WEIR_ONE_WINDOW,
               .doc = "one window for all rows of a key");

WEIR_PLUGIN("weir.windows", "0.1.0", &tumbling_component, &sliding_component, &session_component, &session_by_component,
            &tumbling_processing_component, &sliding_processing_component, &session_processing_component,
            &session_processing_by_component, &global_component);
