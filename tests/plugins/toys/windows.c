/* Window components for the tests of the runtime: functions that see whole windows, and parts that go wrong. */
#include <weir/udf.h>

typedef struct nothing {
    char none;
} nothing;

/* How many rows, and the first and the last of them. */
typedef nothing ends;
static weir_status ends_process(void *self, weir_ctx *cx, const weir_window *w, const weir_batch *rows)
{
    (void)self;
    weir_put_i64(cx, 0, 0, rows->length);
    weir_put_i64(cx, 0, 1, rows->length ? weir_i64((weir_row){rows, 0}, 0) : 0);
    weir_put_i64(cx, 0, 2, rows->length ? weir_i64((weir_row){rows, rows->length - 1}, 0) : 0);
    return weir_emit(cx, 0, weir_window_last(w));
}
static const weir_window_function ends_vtable = {.struct_size = sizeof(weir_window_function), .process = ends_process};
WEIR_COMPONENT(ends, WEIR_WINDOW_FUNCTION, ends_vtable, .id = "ends", .doc = "first and last row of a window", .in = "n:i64",
               .out = "@key, rows:i64, first:i64, last:i64");

/* Numbers the firings of a key, across its windows. */
typedef nothing numbered;
typedef struct firings {
    int64_t n;
} firings;
static const weir_field firings_members[] = {WEIR_MEMBER(firings, n)};
static const weir_state numbered_states[] = {WEIR_VALUE_STATE("firings", firings, firings_members)};
static weir_status numbered_process(void *self, weir_ctx *cx, const weir_window *w, const weir_batch *rows)
{
    firings *f = weir_edit(cx, 0);
    (void)self;
    if (!f) return WEIR_E_MEMORY;
    weir_put_i64(cx, 0, 0, ++f->n);
    weir_put_i64(cx, 0, 1, weir_i64((weir_row){rows, 0}, 0));
    return weir_emit(cx, 0, weir_window_last(w));
}
static const weir_window_function numbered_vtable = {.struct_size = sizeof(weir_window_function),
                                                     .process = numbered_process};
WEIR_COMPONENT(numbered, WEIR_WINDOW_FUNCTION, numbered_vtable, .id = "numbered", .doc = "numbers the firings of a key",
               .in = "c:i64", .out = "@key, firing:i64, c:i64", WEIR_STATES(numbered_states));

/* Says each row `copies` times, stopping when there is no room; counts firings per window and ended windows per key; tells
 * of each end on the side. With `timer` it does what functions may not. */
typedef struct talkative {
    int64_t copies;
    bool timer;
    int64_t row, copy; /* where it goes on */
} talkative;
typedef struct key_of_map {
    int64_t one;
} key_of_map;
static const weir_field key_members[] = {WEIR_MEMBER(key_of_map, one)};
enum { FIRINGS, ENDED, SEEN, SEEN_EVER, ROWS_SEEN };
static const weir_state talkative_states[] = {
    [FIRINGS] = WEIR_WINDOW_VALUE_STATE("firings", firings, firings_members),
    [ENDED] = WEIR_VALUE_STATE("ended", firings, firings_members),
    [SEEN] = WEIR_WINDOW_MAP_STATE("seen", key_of_map, key_members, firings, firings_members),
    [SEEN_EVER] = WEIR_MAP_STATE("seen_ever", key_of_map, key_members, firings, firings_members),
    [ROWS_SEEN] = WEIR_WINDOW_LIST_STATE("rows_seen", firings, firings_members)};

static weir_status begin_firing(weir_ctx *cx)
{
    const key_of_map one = {1};
    firings *f = weir_edit(cx, FIRINGS);
    if (!f) return WEIR_E_MEMORY;
    f->n++;
    firings *window = weir_map_edit(cx, SEEN, &one), *ever = weir_map_edit(cx, SEEN_EVER, &one);
    if (!window || !ever) return WEIR_E_MEMORY;
    window->n++;
    ever->n++;
    const firings item = {f->n};
    return weir_list_add(cx, ROWS_SEEN, &item);
}

static weir_status talkative_process(void *self, weir_ctx *cx, const weir_window *w, const weir_batch *rows)
{
    talkative *me = self;
    const key_of_map one = {1};
    weir_status s = me->row == 0 && me->copy == 0 ? begin_firing(cx) : WEIR_OK;
    if (s == WEIR_OK && me->timer) s = weir_set_timer(cx, WEIR_EVENT_TIME, 0, w->end);
    if (s != WEIR_OK) return s;
    for (; me->row < rows->length; me->row++, me->copy = 0) {
        for (; me->copy < me->copies; me->copy++) {
            const firings *ended = weir_get(cx, ENDED);
            if (weir_full(cx)) return WEIR_MORE;
            weir_put_i64(cx, 0, 0, weir_i64((weir_row){rows, me->row}, 0));
            weir_put_i64(cx, 0, 1, ((const firings *)weir_get(cx, FIRINGS))->n);
            weir_put_i64(cx, 0, 2, ((const firings *)weir_map_get(cx, SEEN, &one))->n);
            weir_put_i64(cx, 0, 3, ((const firings *)weir_map_get(cx, SEEN_EVER, &one))->n);
            weir_put_i64(cx, 0, 4, (int64_t)weir_list_size(cx, ROWS_SEEN));
            weir_put_i64(cx, 0, 5, ended ? ended->n : 0);
            s = weir_emit(cx, 0, weir_window_last(w));
            if (s != WEIR_OK) return s;
        }
    }
    me->row = 0;
    return WEIR_OK;
}
static weir_status talkative_clear(void *self, weir_ctx *cx, const weir_window *w)
{
    const firings *f = weir_get(cx, FIRINGS);
    firings *ended = weir_edit(cx, ENDED);
    (void)self;
    if (!ended) return WEIR_E_MEMORY;
    ended->n++;
    weir_put_i64(cx, 1, 0, w->start);
    weir_put_i64(cx, 1, 1, f ? f->n : 0);
    return weir_emit(cx, 1, weir_window_last(w));
}
static const weir_option talkative_options[] = {WEIR_OPTION(talkative, copies, .def = "1", .doc = "of each row"),
                                                WEIR_OPTION(talkative, timer, .def = "false", .doc = "sets a timer")};
static const weir_window_function talkative_vtable = {
    .struct_size = sizeof(weir_window_function), .process = talkative_process, .clear = talkative_clear};
WEIR_COMPONENT(talkative, WEIR_WINDOW_FUNCTION, talkative_vtable, .id = "talkative", .doc = "says each row several times",
               .in = "n:i64", .out = "@key, n:i64, firing:i64, seen:i64, ever:i64, rows:i64, ended:i64",
               .sides = "ended(@key, start:i64, firings:i64)", WEIR_OPTIONS(talkative_options),
               WEIR_STATES(talkative_states));

/* Fires and purges with the second and the fifth row, and fires at 5 when a row of time 1 came. */
typedef nothing purging_twos;
static const weir_state purging_states[] = {WEIR_VALUE_STATE("rows", firings, firings_members)};
static weir_status purging_twos_on_row(void *self, weir_ctx *cx, const weir_window *w, weir_row row, weir_firing *firing)
{
    firings *f = weir_edit(cx, 0);
    (void)self, (void)w;
    if (!f) return WEIR_E_MEMORY;
    f->n++;
    *firing = f->n == 2 || f->n == 5 ? WEIR_FIRE_AND_PURGE : WEIR_CONTINUE;
    return weir_time(row) == 1 ? weir_set_timer(cx, WEIR_EVENT_TIME, 0, 5) : WEIR_OK;
}
static weir_status purging_twos_on_timer(void *self, weir_ctx *cx, const weir_window *w, const weir_timer *t,
                                         weir_firing *firing)
{
    (void)self, (void)cx, (void)w;
    if (t->at == 5) *firing = WEIR_FIRE;
    return WEIR_OK;
}
static weir_status purging_twos_clear(void *self, weir_ctx *cx, const weir_window *w)
{
    (void)self, (void)w;
    return weir_drop_timer(cx, WEIR_EVENT_TIME, 0, 5);
}
static const weir_trigger purging_twos_vtable = {.struct_size = sizeof(weir_trigger),
                                                 .on_row = purging_twos_on_row,
                                                 .on_timer = purging_twos_on_timer,
                                                 .clear = purging_twos_clear};
WEIR_COMPONENT(purging_twos, WEIR_TRIGGER, purging_twos_vtable, .id = "purging_twos",
               .doc = "fires and purges with the second and the fifth row", WEIR_STATES(purging_states));

/* Fires and purges with every n-th row, and says so. */
typedef struct dozens {
    int64_t n;
} dozens;
static weir_status dozens_on_row(void *self, weir_ctx *cx, const weir_window *w, weir_row row, weir_firing *firing)
{
    firings *f = weir_edit(cx, 0);
    (void)w, (void)row;
    if (!f) return WEIR_E_MEMORY;
    if (++f->n < ((const dozens *)self)->n) return WEIR_OK;
    *firing = WEIR_FIRE_AND_PURGE;
    return weir_clear(cx, 0);
}
static weir_status dozens_on_timer(void *self, weir_ctx *cx, const weir_window *w, const weir_timer *t, weir_firing *firing)
{
    (void)self, (void)cx, (void)w, (void)t, (void)firing;
    return WEIR_OK;
}
static weir_status dozens_every(void *self, weir_ctx *cx, int64_t *rows, weir_firing *firing)
{
    (void)cx;
    *rows = ((const dozens *)self)->n;
    *firing = WEIR_FIRE_AND_PURGE;
    return WEIR_OK;
}
static const weir_option dozens_options[] = {WEIR_OPTION(dozens, n, .def = "12", .doc = "rows per firing")};
static const weir_trigger dozens_vtable = {
    .struct_size = sizeof(weir_trigger), .on_row = dozens_on_row, .on_timer = dozens_on_timer, .every = dozens_every};
WEIR_COMPONENT(dozens, WEIR_TRIGGER, dozens_vtable, .id = "dozens", .doc = "fires and purges with every n-th row",
               WEIR_OPTIONS(dozens_options), WEIR_STATES(purging_states));

/* How many rows, from a hundred on: an accumulator that does not begin at zero. */
typedef nothing beyond;
static weir_status beyond_create(void *self, weir_ctx *cx, void *acc)
{
    (void)self, (void)cx;
    ((firings *)acc)->n += 100; /* += : once, and of zero */
    return WEIR_OK;
}
static weir_status beyond_add(void *self, weir_ctx *cx, void *acc, weir_row row)
{
    (void)self, (void)cx, (void)row;
    ((firings *)acc)->n++;
    return WEIR_OK;
}
static weir_status beyond_result(void *self, weir_ctx *cx, const void *acc, uint32_t column)
{
    (void)self;
    weir_put_i64(cx, 0, column, ((const firings *)acc)->n);
    return WEIR_OK;
}
static const weir_state beyond_states[] = {WEIR_VALUE_STATE("acc", firings, firings_members)};
static const weir_aggregate beyond_vtable = {
    .struct_size = sizeof(weir_aggregate), .create = beyond_create, .add = beyond_add, .result = beyond_result};
WEIR_COMPONENT(beyond, WEIR_AGGREGATE, beyond_vtable, .id = "beyond", .doc = "how many rows, from a hundred on",
               .out = "result:i64", WEIR_STATES(beyond_states));

/* What was aggregated, as it is. */
typedef nothing as_it_is;
static weir_status as_it_is_process(void *self, weir_ctx *cx, const weir_window *w, const weir_batch *rows)
{
    weir_row row = {rows, 0};
    (void)self;
    weir_put_i64(cx, 0, 0, weir_i64(row, 0));
    if (weir_null(row, 1)) {
        weir_put_null(cx, 0, 1);
    } else {
        weir_put_i64(cx, 0, 1, weir_i64(row, 1));
    }
    if (weir_null(row, 2)) {
        weir_put_null(cx, 0, 2);
    } else {
        weir_put_f64(cx, 0, 2, weir_f64(row, 2));
    }
    for (uint32_t c = 3; c < 5; c++) {
        weir_str text = weir_null(row, c) ? (weir_str){0} : weir_text(row, c);
        weir_status s = WEIR_OK;
        if (weir_null(row, c))
            weir_put_null(cx, 0, c);
        else
            s = weir_put_text(cx, 0, c, text);
        if (s != WEIR_OK) return s;
    }
    return weir_emit(cx, 0, weir_window_last(w));
}
static const weir_window_function as_it_is_vtable = {.struct_size = sizeof(weir_window_function),
                                                     .process = as_it_is_process};
WEIR_COMPONENT(as_it_is, WEIR_WINDOW_FUNCTION, as_it_is_vtable, .id = "as_it_is", .doc = "what was aggregated",
               .in = "rows:i64, total:i64?, exact:f64?, first:string?, greatest:string?",
               .out = "@key, rows:i64, total:i64?, exact:f64?, first:string?, greatest:string?");

/* A trigger that says nonsense. */
typedef nothing babbling;
static weir_status babbling_on_row(void *self, weir_ctx *cx, const weir_window *w, weir_row row, weir_firing *firing)
{
    (void)self, (void)cx, (void)w, (void)row;
    *firing = (weir_firing)7;
    return WEIR_OK;
}
static weir_status babbling_on_timer(void *self, weir_ctx *cx, const weir_window *w, const weir_timer *t,
                                     weir_firing *firing)
{
    (void)self, (void)cx, (void)w, (void)t, (void)firing;
    return WEIR_OK;
}
static const weir_trigger babbling_vtable = {
    .struct_size = sizeof(weir_trigger), .on_row = babbling_on_row, .on_timer = babbling_on_timer};
WEIR_COMPONENT(babbling, WEIR_TRIGGER, babbling_vtable, .id = "babbling", .doc = "says what no trigger says");

/* Windows that end before they start. */
typedef nothing backward;
static weir_status backward_assign(void *self, weir_ctx *cx, weir_row row, weir_window *windows, uint32_t capacity,
                                   uint32_t *n)
{
    (void)self, (void)cx;
    if (capacity > 0) windows[0] = (weir_window){weir_time(row), weir_time(row)};
    *n = 1;
    return WEIR_OK;
}
static const weir_window_assigner backward_vtable = {.struct_size = sizeof(weir_window_assigner), .assign = backward_assign};
WEIR_COMPONENT(backward, WEIR_WINDOW_ASSIGNER, backward_vtable, .id = "backward", .in = "*", .flags = WEIR_EVENT_WINDOWS,
               .doc = "gives empty windows");

WEIR_PLUGIN("test.windows", "1.0.0", &ends_component, &numbered_component, &talkative_component, &purging_twos_component,
            &dozens_component, &beyond_component, &as_it_is_component, &babbling_component, &backward_component);
