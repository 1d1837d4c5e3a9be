/* weir.triggers - when a window fires: event_time, processing_time, count, continuous, continuous_processing, delta,
 * purging, timeout, never, end_of_stream. Semantics A5.3. */
#include <weir/udf.h>

#define TRIGGER_VTABLE(T, ...) static const weir_trigger T##_vtable = {.struct_size = sizeof(weir_trigger), __VA_ARGS__}

typedef struct nothing {
    char none;
} nothing;
typedef nothing event_time, processing_time, never, end_of_stream;

/* ---- the end of the window --------------------------------------------------------------------------------------- */

static weir_status event_time_on_row(void *self, weir_ctx *cx, const weir_window *w, weir_row row, weir_firing *firing)
{
    (void)self, (void)row;
    if (weir_window_last(w) > weir_watermark(cx)) return weir_set_timer(cx, WEIR_EVENT_TIME, 0, weir_window_last(w));
    *firing = WEIR_FIRE;
    return WEIR_OK;
}

static weir_status at_the_end(void *self, weir_ctx *cx, const weir_window *w, const weir_timer *t, weir_firing *firing)
{
    (void)self, (void)cx;
    if (t->clock == WEIR_EVENT_TIME && t->at == weir_window_last(w)) *firing = WEIR_FIRE;
    return WEIR_OK;
}

static weir_status event_time_on_merge(void *self, weir_ctx *cx, const weir_window *w)
{
    (void)self;
    if (weir_window_last(w) <= weir_watermark(cx)) return WEIR_OK;
    return weir_set_timer(cx, WEIR_EVENT_TIME, 0, weir_window_last(w));
}

static weir_status event_time_clear(void *self, weir_ctx *cx, const weir_window *w)
{
    (void)self;
    return weir_drop_timer(cx, WEIR_EVENT_TIME, 0, weir_window_last(w));
}
TRIGGER_VTABLE(event_time, .on_row = event_time_on_row, .on_timer = at_the_end, .on_merge = event_time_on_merge,
               .clear = event_time_clear);
WEIR_COMPONENT(event_time, WEIR_TRIGGER, event_time_vtable, .id = "event_time", .flags = WEIR_MERGEABLE | WEIR_END_OF_WINDOW,
               .doc = "when the watermark passes the end of the window, and for every late row after that");

static weir_status processing_time_on_row(void *self, weir_ctx *cx, const weir_window *w, weir_row row, weir_firing *firing)
{
    (void)self, (void)row, (void)firing;
    return weir_set_timer(cx, WEIR_PROCESSING_TIME, 0, weir_window_last(w));
}

static weir_status processing_time_on_timer(void *self, weir_ctx *cx, const weir_window *w, const weir_timer *t,
                                            weir_firing *firing)
{
    (void)self, (void)cx, (void)w;
    if (t->clock == WEIR_PROCESSING_TIME) *firing = WEIR_FIRE;
    return WEIR_OK;
}

static weir_status processing_time_on_merge(void *self, weir_ctx *cx, const weir_window *w)
{
    (void)self;
    if (weir_window_last(w) <= weir_now(cx)) return WEIR_OK;
    return weir_set_timer(cx, WEIR_PROCESSING_TIME, 0, weir_window_last(w));
}

static weir_status processing_time_clear(void *self, weir_ctx *cx, const weir_window *w)
{
    (void)self;
    return weir_drop_timer(cx, WEIR_PROCESSING_TIME, 0, weir_window_last(w));
}
TRIGGER_VTABLE(processing_time, .on_row = processing_time_on_row, .on_timer = processing_time_on_timer,
               .on_merge = processing_time_on_merge, .clear = processing_time_clear);
WEIR_COMPONENT(processing_time, WEIR_TRIGGER, processing_time_vtable, .id = "processing_time", .flags = WEIR_MERGEABLE,
               .doc = "when the clock passes the end of the window");

/* ---- never, and at the end of the stream ------------------------------------------------------------------------- */

static weir_status stay(void *self, weir_ctx *cx, const weir_window *w, weir_row row, weir_firing *firing)
{
    (void)self, (void)cx, (void)w, (void)row, (void)firing;
    return WEIR_OK;
}
static weir_status ignore(void *self, weir_ctx *cx, const weir_window *w, const weir_timer *t, weir_firing *firing)
{
    (void)self, (void)cx, (void)w, (void)t, (void)firing;
    return WEIR_OK;
}
TRIGGER_VTABLE(never, .on_row = stay, .on_timer = ignore);
WEIR_COMPONENT(never, WEIR_TRIGGER, never_vtable, .id = "never", .flags = WEIR_MERGEABLE, .doc = "never fires");

static weir_status end_of_stream_on_row(void *self, weir_ctx *cx, const weir_window *w, weir_row row, weir_firing *firing)
{
    (void)self, (void)w, (void)row, (void)firing;
    return weir_set_timer(cx, WEIR_EVENT_TIME, 0, INT64_MAX);
}
static weir_status end_of_stream_on_timer(void *self, weir_ctx *cx, const weir_window *w, const weir_timer *t,
                                          weir_firing *firing)
{
    (void)self, (void)cx, (void)w;
    if (t->clock == WEIR_EVENT_TIME && t->at == INT64_MAX) *firing = WEIR_FIRE;
    return WEIR_OK;
}
static weir_status end_of_stream_on_merge(void *self, weir_ctx *cx, const weir_window *w)
{
    (void)self, (void)w;
    return weir_set_timer(cx, WEIR_EVENT_TIME, 0, INT64_MAX);
}
static weir_status end_of_stream_clear(void *self, weir_ctx *cx, const weir_window *w)
{
    (void)self, (void)w;
    return weir_drop_timer(cx, WEIR_EVENT_TIME, 0, INT64_MAX);
}
TRIGGER_VTABLE(end_of_stream, .on_row = end_of_stream_on_row, .on_timer = end_of_stream_on_timer,
               .on_merge = end_of_stream_on_merge, .clear = end_of_stream_clear);
WEIR_COMPONENT(end_of_stream, WEIR_TRIGGER, end_of_stream_vtable, .id = "end_of_stream", .flags = WEIR_MERGEABLE,
               .doc = "once, when the input ends");

/* ---- count ------------------------------------------------------------------------------------------------------- */

typedef struct count {
    int64_t n;
} count;
typedef struct counted {
    int64_t rows;
} counted;
static const weir_field counted_members[] = {WEIR_MEMBER(counted, rows)};
static const weir_state count_states[] = {WEIR_VALUE_STATE("count", counted, counted_members)};

/* TRAP: it does not purge. */
static weir_status count_on_row(void *self, weir_ctx *cx, const weir_window *w, weir_row row, weir_firing *firing)
{
    const count *me = self;
    counted *so_far = weir_edit(cx, 0);
    (void)w, (void)row;
    if (!so_far) return WEIR_E_MEMORY;
    if (++so_far->rows < me->n) return WEIR_OK;
    *firing = WEIR_FIRE;
    return weir_clear(cx, 0);
}
static weir_status count_merge_value(void *self, weir_ctx *cx, uint32_t state, void *value, const void *other)
{
    (void)self, (void)cx, (void)state;
    ((counted *)value)->rows += ((const counted *)other)->rows;
    return WEIR_OK;
}
static weir_status count_every(void *self, weir_ctx *cx, int64_t *rows, weir_firing *firing)
{
    (void)cx;
    *rows = ((const count *)self)->n;
    *firing = WEIR_FIRE;
    return WEIR_OK;
}
static const weir_option count_options[] = {WEIR_OPTION(count, n, .min = "1", .doc = "rows per firing")};
TRIGGER_VTABLE(count, .on_row = count_on_row, .on_timer = ignore, .merge_value = count_merge_value, .every = count_every);
WEIR_COMPONENT(count, WEIR_TRIGGER, count_vtable, .id = "count", .flags = WEIR_MERGEABLE,
               .doc = "after every n rows of a window; what the window holds stays", WEIR_OPTIONS(count_options),
               WEIR_STATES(count_states));

/* ---- continuous -------------------------------------------------------------------------------------------------- */

typedef struct continuous {
    int64_t interval;
} continuous;
typedef struct next_firing {
    int64_t at;
    bool set;
} next_firing;
static const weir_field next_members[] = {WEIR_MEMBER(next_firing, at), WEIR_MEMBER(next_firing, set)};
static const weir_state continuous_states[] = {WEIR_VALUE_STATE("next", next_firing, next_members)};

/* Capped at the end of the window. */
static weir_status fire_next(weir_ctx *cx, const weir_window *w, weir_clock clock, int64_t at)
{
    next_firing *next = weir_edit(cx, 0);
    if (!next) return WEIR_E_MEMORY;
    next->at = at < weir_window_last(w) ? at : weir_window_last(w);
    next->set = true;
    return weir_set_timer(cx, clock, 0, next->at);
}

static weir_status first_firing(const continuous *me, weir_ctx *cx, const weir_window *w, weir_clock clock, int64_t ts)
{
    return weir_get(cx, 0) ? WEIR_OK : fire_next(cx, w, clock, ts - ts % me->interval + me->interval);
}

/* Of the clock at hand: the next firing, if that is it. At the cap it is the last one: by the clock, a window of event time
 * may be there still. When input has ended, a window that never does has nothing to wait for. */
static weir_status go_on(const continuous *me, weir_ctx *cx, const weir_window *w, const weir_timer *t, weir_firing *firing)
{
    const next_firing *next = weir_get(cx, 0);
    if (!next || next->at != t->at) return WEIR_OK;
    int64_t last = weir_window_last(w);
    bool over = last == INT64_MAX && t->clock == WEIR_EVENT_TIME && weir_watermark(cx) == INT64_MAX;
    weir_status s = weir_clear(cx, 0);
    *firing = WEIR_FIRE;
    if (s != WEIR_OK || t->at == last) return s;
    return fire_next(cx, w, (weir_clock)t->clock, over ? last : t->at + me->interval);
}

static weir_status drop_next(weir_ctx *cx, weir_clock clock)
{
    const next_firing *next = weir_get(cx, 0);
    return next ? weir_drop_timer(cx, clock, 0, next->at) : WEIR_OK;
}

static weir_status continuous_on_row(void *self, weir_ctx *cx, const weir_window *w, weir_row row, weir_firing *firing)
{
    weir_status s = event_time_on_row(self, cx, w, row, firing);
    return s == WEIR_OK && *firing == WEIR_CONTINUE ? first_firing(self, cx, w, WEIR_EVENT_TIME, weir_time(row)) : s;
}
static weir_status continuous_on_timer(void *self, weir_ctx *cx, const weir_window *w, const weir_timer *t,
                                       weir_firing *firing)
{
    if (t->clock != WEIR_EVENT_TIME) return WEIR_OK;
    if (t->at == weir_window_last(w)) {
        *firing = WEIR_FIRE;
        return WEIR_OK;
    }
    return go_on(self, cx, w, t, firing);
}
/* The earliest of the merged windows' next firings. */
static weir_status continuous_merge_value(void *self, weir_ctx *cx, uint32_t state, void *value, const void *other)
{
    (void)cx, (void)state, (void)self;
    next_firing *into = value;
    const next_firing *from = other;
    if (!into->set || from->at < into->at) *into = *from;
    return WEIR_OK;
}
static weir_status continuous_on_merge(void *self, weir_ctx *cx, const weir_window *w)
{
    const next_firing *next = weir_get(cx, 0);
    weir_status s = next ? weir_set_timer(cx, WEIR_EVENT_TIME, 0, next->at) : WEIR_OK;
    return s == WEIR_OK ? event_time_on_merge(self, cx, w) : s;
}
static weir_status continuous_clear(void *self, weir_ctx *cx, const weir_window *w)
{
    weir_status s = drop_next(cx, WEIR_EVENT_TIME);
    return s == WEIR_OK ? event_time_clear(self, cx, w) : s;
}
static const weir_option continuous_options[] = {
    WEIR_OPTION_OF(continuous, interval, WEIR_OPT_DURATION, .min = "1ms", .doc = "time between firings")};
TRIGGER_VTABLE(continuous, .on_row = continuous_on_row, .on_timer = continuous_on_timer,
               .merge_value = continuous_merge_value, .on_merge = continuous_on_merge, .clear = continuous_clear);
WEIR_COMPONENT(continuous, WEIR_TRIGGER, continuous_vtable, .id = "continuous", .flags = WEIR_MERGEABLE, .in = "*",
               .doc = "every interval of event time with what the window holds so far, and at its end",
               WEIR_OPTIONS(continuous_options), WEIR_STATES(continuous_states));

typedef continuous continuous_processing;
static weir_status continuous_processing_on_row(void *self, weir_ctx *cx, const weir_window *w, weir_row row,
                                                weir_firing *firing)
{
    (void)row, (void)firing;
    return first_firing(self, cx, w, WEIR_PROCESSING_TIME, weir_now(cx));
}
static weir_status continuous_processing_on_timer(void *self, weir_ctx *cx, const weir_window *w, const weir_timer *t,
                                                  weir_firing *firing)
{
    return t->clock == WEIR_PROCESSING_TIME ? go_on(self, cx, w, t, firing) : WEIR_OK;
}
static weir_status continuous_processing_on_merge(void *self, weir_ctx *cx, const weir_window *w)
{
    const next_firing *next = weir_get(cx, 0);
    (void)self, (void)w;
    return next ? weir_set_timer(cx, WEIR_PROCESSING_TIME, 0, next->at) : WEIR_OK;
}
static weir_status continuous_processing_clear(void *self, weir_ctx *cx, const weir_window *w)
{
    (void)self, (void)w;
    return drop_next(cx, WEIR_PROCESSING_TIME);
}
TRIGGER_VTABLE(continuous_processing, .on_row = continuous_processing_on_row, .on_timer = continuous_processing_on_timer,
               .merge_value = continuous_merge_value, .on_merge = continuous_processing_on_merge,
               .clear = continuous_processing_clear);
WEIR_COMPONENT(continuous_processing, WEIR_TRIGGER, continuous_processing_vtable, .id = "continuous_processing",
               .flags = WEIR_MERGEABLE,
               .doc = "every interval of the clock with what the window holds so far, and at its end",
               WEIR_OPTIONS(continuous_options), WEIR_STATES(continuous_states));

/* ---- delta ------------------------------------------------------------------------------------------------------- */

typedef struct delta {
    double threshold;
    int32_t field;
    uint32_t type;
} delta;
typedef struct last_value {
    double value;
} last_value;
static const weir_field last_members[] = {WEIR_MEMBER(last_value, value)};
static const weir_state delta_states[] = {WEIR_VALUE_STATE("last", last_value, last_members)};

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

static weir_status delta_on_row(void *self, weir_ctx *cx, const weir_window *w, weir_row row, weir_firing *firing)
{
    const delta *me = self;
    const last_value *last = weir_get(cx, 0);
    uint32_t c = (uint32_t)me->field;
    (void)w;
    if (weir_null(row, c)) return WEIR_OK;
    double value = number_at(row, c, me->type), apart = last ? value - last->value : 0;
    if (apart < 0) apart = -apart;
    if (last && !(apart > me->threshold)) return WEIR_OK;
    if (last) *firing = WEIR_FIRE;
    last_value *edited = weir_edit(cx, 0);
    if (!edited) return WEIR_E_MEMORY;
    edited->value = value;
    return WEIR_OK;
}
static const weir_option delta_options[] = {
    WEIR_OPTION_OF(delta, field, WEIR_OPT_FIELD, .flags = WEIR_NUMERIC, .doc = "field that is watched"),
    WEIR_OPTION(delta, threshold, .min = "0", .doc = "fires when the field differs by more than this")};
TRIGGER_VTABLE(delta, .open = delta_open, .on_row = delta_on_row, .on_timer = ignore);
WEIR_COMPONENT(delta, WEIR_TRIGGER, delta_vtable, .id = "delta", .in = "*",
               .doc = "when a field has moved by more than a threshold since it last fired", WEIR_OPTIONS(delta_options),
               WEIR_STATES(delta_states));

/* ---- triggers around a trigger ----------------------------------------------------------------------------------- */

typedef struct purging {
    weir_part trigger;
} purging;

static const weir_trigger *inner(const weir_part *part)
{
    return part->vtable;
}
static weir_status open_inner(const weir_part *part)
{
    return inner(part)->open ? inner(part)->open(part->self, part->cx) : WEIR_OK;
}
static void close_inner(const weir_part *part)
{
    if (inner(part)->close) inner(part)->close(part->self, part->cx);
}
static weir_status merge_inner(const weir_part *part, const weir_window *w)
{
    return inner(part)->on_merge ? inner(part)->on_merge(part->self, part->cx, w) : WEIR_OK;
}
/* It starts over: its timers and its states, and those of the triggers inside it. */
static weir_status clear_inner(const weir_part *part, const weir_window *w)
{
    weir_status s = inner(part)->clear ? inner(part)->clear(part->self, part->cx, w) : WEIR_OK;
    for (uint32_t i = 0; s == WEIR_OK && i < part->component->n_states; i++) s = weir_clear(part->cx, i);
    return s;
}

static weir_status purging_open(void *self, weir_ctx *cx)
{
    (void)cx;
    return open_inner(&((purging *)self)->trigger);
}
static void purge_too(weir_firing *firing)
{
    if (*firing & WEIR_FIRE) *firing = WEIR_FIRE_AND_PURGE;
}
static weir_status purging_on_row(void *self, weir_ctx *cx, const weir_window *w, weir_row row, weir_firing *firing)
{
    const weir_part *part = &((purging *)self)->trigger;
    (void)cx;
    weir_status s = inner(part)->on_row(part->self, part->cx, w, row, firing);
    purge_too(firing);
    return s;
}
static weir_status purging_on_timer(void *self, weir_ctx *cx, const weir_window *w, const weir_timer *t, weir_firing *firing)
{
    const weir_part *part = &((purging *)self)->trigger;
    (void)cx;
    weir_status s = inner(part)->on_timer(part->self, part->cx, w, t, firing);
    purge_too(firing);
    return s;
}
static weir_status purging_every(void *self, weir_ctx *cx, int64_t *rows, weir_firing *firing)
{
    const weir_part *part = &((purging *)self)->trigger;
    (void)cx;
    if (!WEIR_HAS(weir_trigger, inner(part), every) || !inner(part)->every) return WEIR_OK;
    weir_status s = inner(part)->every(part->self, part->cx, rows, firing);
    purge_too(firing);
    return s;
}
static weir_status purging_on_merge(void *self, weir_ctx *cx, const weir_window *w)
{
    (void)cx;
    return merge_inner(&((purging *)self)->trigger, w);
}
static weir_status purging_clear(void *self, weir_ctx *cx, const weir_window *w)
{
    (void)cx;
    return clear_inner(&((purging *)self)->trigger, w);
}
static void purging_close(void *self, weir_ctx *cx)
{
    (void)cx;
    close_inner(&((purging *)self)->trigger);
}
static const weir_option purging_options[] = {
    WEIR_OPTION(purging, trigger, .accepts = WEIR_TRIGGER, .doc = "the trigger that says when")};
TRIGGER_VTABLE(purging, .open = purging_open, .on_row = purging_on_row, .on_timer = purging_on_timer,
               .on_merge = purging_on_merge, .clear = purging_clear, .close = purging_close, .every = purging_every);
WEIR_COMPONENT(purging, WEIR_TRIGGER, purging_vtable, .id = "purging", .flags = WEIR_MERGEABLE,
               .doc = "as another trigger, and forgets what the window holds at every firing",
               WEIR_OPTIONS(purging_options));

/* Fires when `after` ms of the clock have gone by without a firing since the first row (or the last one, with `reset`). */
typedef struct timeout {
    weir_part trigger;
    int64_t after;
    bool reset, clear;
} timeout;
static const weir_state timeout_states[] = {WEIR_VALUE_STATE("deadline", next_firing, next_members)};

static weir_status forget_deadline(weir_ctx *cx)
{
    const next_firing *deadline = weir_get(cx, 0);
    if (!deadline) return WEIR_OK;
    weir_status s = weir_drop_timer(cx, WEIR_PROCESSING_TIME, 0, deadline->at);
    return s == WEIR_OK ? weir_clear(cx, 0) : s;
}
static weir_status start_over(const timeout *me, weir_ctx *cx, const weir_window *w, bool inner_too)
{
    weir_status s = forget_deadline(cx);
    return s == WEIR_OK && inner_too ? clear_inner(&me->trigger, w) : s;
}
static weir_status timeout_open(void *self, weir_ctx *cx)
{
    (void)cx;
    return open_inner(&((timeout *)self)->trigger);
}
static weir_status timeout_on_row(void *self, weir_ctx *cx, const weir_window *w, weir_row row, weir_firing *firing)
{
    const timeout *me = self;
    const weir_part *part = &me->trigger;
    weir_status s = inner(part)->on_row(part->self, part->cx, w, row, firing);
    if (s != WEIR_OK) return s;
    if (*firing & WEIR_FIRE) return start_over(me, cx, w, true);
    if (me->reset) s = forget_deadline(cx);
    if (s != WEIR_OK || weir_get(cx, 0)) return s;
    next_firing *deadline = weir_edit(cx, 0);
    if (!deadline) return WEIR_E_MEMORY;
    *deadline = (next_firing){.at = weir_now(cx) + me->after, .set = true};
    return weir_set_timer(cx, WEIR_PROCESSING_TIME, 0, deadline->at);
}
static weir_status timeout_on_timer(void *self, weir_ctx *cx, const weir_window *w, const weir_timer *t, weir_firing *firing)
{
    const timeout *me = self;
    const weir_part *part = &me->trigger;
    const next_firing *deadline = weir_get(cx, 0);
    bool due = t->clock == WEIR_PROCESSING_TIME && deadline && deadline->at == t->at;
    weir_status s = inner(part)->on_timer(part->self, part->cx, w, t, firing);
    if (due) *firing = (weir_firing)(*firing | WEIR_FIRE);
    return s == WEIR_OK && (*firing & WEIR_FIRE) ? start_over(me, cx, w, me->clear) : s;
}
static weir_status timeout_on_merge(void *self, weir_ctx *cx, const weir_window *w)
{
    const next_firing *deadline = weir_get(cx, 0);
    weir_status s = deadline ? weir_set_timer(cx, WEIR_PROCESSING_TIME, 0, deadline->at) : WEIR_OK;
    return s == WEIR_OK ? merge_inner(&((timeout *)self)->trigger, w) : s;
}
static weir_status timeout_clear(void *self, weir_ctx *cx, const weir_window *w)
{
    return start_over(self, cx, w, true);
}
static void timeout_close(void *self, weir_ctx *cx)
{
    (void)cx;
    close_inner(&((timeout *)self)->trigger);
}
static const weir_option timeout_options[] = {
    WEIR_OPTION(timeout, trigger, .accepts = WEIR_TRIGGER, .doc = "the trigger that says when, if not the clock"),
    WEIR_OPTION_OF(timeout, after, WEIR_OPT_DURATION, .min = "1ms", .doc = "longest time without a firing"),
    WEIR_OPTION(timeout, reset, .def = "false", .doc = "count from the last row, not from the first"),
    WEIR_OPTION(timeout, clear, .def = "true", .doc = "the other trigger starts over when time has run out")};
TRIGGER_VTABLE(timeout, .open = timeout_open, .on_row = timeout_on_row, .on_timer = timeout_on_timer,
               .merge_value = continuous_merge_value, .on_merge = timeout_on_merge, .clear = timeout_clear,
               .close = timeout_close);
WEIR_COMPONENT(timeout, WEIR_TRIGGER, timeout_vtable, .id = "timeout", .flags = WEIR_MERGEABLE,
               .doc = "as another trigger, and when that has not fired for a time", WEIR_OPTIONS(timeout_options),
               WEIR_STATES(timeout_states));

WEIR_PLUGIN("weir.triggers", "0.1.0", &event_time_component, &processing_time_component, &count_component,
            &continuous_component, &continuous_processing_component, &delta_component, &purging_component,
            &timeout_component, &never_component, &end_of_stream_component);
