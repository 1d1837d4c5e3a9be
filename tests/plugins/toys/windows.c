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

WEIR_PLUGIN("test.windows", "1.0.0", &ends_component, &numbered_component, &babbling_component, &backward_component);
