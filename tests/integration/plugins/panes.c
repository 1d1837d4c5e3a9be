/* Window functions as an author writes them: all rows of a window, states of window and key, many rows from one, a side
 * output. And an assigner that declares its period. */
#include <stdlib.h>
#include <weir/udf.h>

/* The row in the middle of a window's rows, by value; with the window's bounds. */
typedef struct median {
    int64_t unused;
} median;
static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}
static weir_status median_process(void *self, weir_ctx *cx, const weir_window *w, const weir_batch *rows)
{
    int64_t *values = weir_scratch(cx, (size_t)rows->length * sizeof *values);
    (void)self;
    if (!values) return WEIR_E_MEMORY;
    for (int64_t i = 0; i < rows->length; i++) values[i] = weir_i64((weir_row){rows, i}, 0);
    qsort(values, (size_t)rows->length, sizeof *values, by_value);
    weir_put_i64(cx, 0, 0, w->start);
    weir_put_i64(cx, 0, 1, w->end);
    weir_put_i64(cx, 0, 2, values[(rows->length - 1) / 2]);
    weir_put_bool(cx, 0, 3, weir_watermark(cx) >= weir_window_last(w));
    return weir_emit(cx, 0, weir_window_last(w));
}
static const weir_window_function median_vtable = {.struct_size = sizeof(weir_window_function), .process = median_process};
WEIR_COMPONENT(median, WEIR_WINDOW_FUNCTION, median_vtable, .id = "median", .doc = "the value in the middle", .in = "n:i64",
               .out = "@key, start:i64, end:i64, median:i64, over:bool");

/* What a total has changed by since the window fired last, and which firing of the window and of the key it is; on the side
 * how often each window fired, once it is over. */
typedef struct changes {
    int64_t unused;
} changes;
typedef struct told {
    int64_t total, firings;
} told;
static const weir_field told_members[] = {WEIR_MEMBER(told, total), WEIR_MEMBER(told, firings)};
enum { OF_WINDOW, OF_KEY };
static const weir_state changes_states[] = {[OF_WINDOW] = WEIR_WINDOW_VALUE_STATE("of_window", told, told_members),
                                            [OF_KEY] = WEIR_VALUE_STATE("of_key", told, told_members)};
static weir_status changes_process(void *self, weir_ctx *cx, const weir_window *w, const weir_batch *rows)
{
    weir_row row = {rows, 0};
    told *window = weir_edit(cx, OF_WINDOW), *key = weir_edit(cx, OF_KEY);
    (void)self;
    if (!window || !key) return WEIR_E_MEMORY;
    if (rows->length != 1) return weir_fail(cx, WEIR_E_BUG, "there are %lld rows", (long long)rows->length);
    weir_put_i64(cx, 0, 0, weir_i64(row, 0));
    weir_put_i64(cx, 0, 1, weir_i64(row, 0) - window->total);
    weir_put_i64(cx, 0, 2, ++window->firings);
    weir_put_i64(cx, 0, 3, ++key->firings);
    window->total = weir_i64(row, 0);
    return weir_emit(cx, 0, weir_window_last(w));
}
static weir_status changes_clear(void *self, weir_ctx *cx, const weir_window *w)
{
    const told *window = weir_get(cx, OF_WINDOW);
    (void)self;
    weir_put_i64(cx, 1, 0, w->start);
    weir_put_i64(cx, 1, 1, window ? window->firings : 0);
    return weir_emit(cx, 1, weir_window_last(w));
}
static const weir_window_function changes_vtable = {
    .struct_size = sizeof(weir_window_function), .process = changes_process, .clear = changes_clear};
WEIR_COMPONENT(changes, WEIR_WINDOW_FUNCTION, changes_vtable, .id = "changes", .doc = "what a total has changed by",
               .in = "total:i64", .out = "@key, total:i64, change:i64, firing:i64, of_key:i64",
               .sides = "over(@key, start:i64, firings:i64)", WEIR_STATES(changes_states));

/* 1, 2, 3 ... up to each row's value: more than any output holds. */
typedef struct counting {
    int64_t row, n; /* where it goes on */
} counting;
static weir_status counting_process(void *self, weir_ctx *cx, const weir_window *w, const weir_batch *rows)
{
    counting *me = self;
    for (; me->row < rows->length; me->row++, me->n = 0) {
        while (me->n < weir_i64((weir_row){rows, me->row}, 0)) {
            if (weir_full(cx)) return WEIR_MORE;
            weir_put_i64(cx, 0, 0, ++me->n);
            weir_status s = weir_emit(cx, 0, weir_window_last(w));
            if (s != WEIR_OK) return s;
        }
    }
    me->row = 0;
    return WEIR_OK;
}
static const weir_window_function counting_vtable = {.struct_size = sizeof(weir_window_function),
                                                     .process = counting_process};
WEIR_COMPONENT(counting, WEIR_WINDOW_FUNCTION, counting_vtable, .id = "counting", .doc = "counts up to each value",
               .in = "n:i64", .out = "n:i64");

/* Windows that repeat, with and without the declaration that they do. The options have no bounds of their own: what is
 * declared is checked by the host. */
typedef struct repeating {
    int64_t size, slide, offset;
} repeating;
typedef repeating repeating_by_row;
static weir_status repeating_assign(void *self, weir_ctx *cx, weir_row row, weir_window *to, uint32_t capacity, uint32_t *n)
{
    const repeating *me = self;
    int64_t at = weir_time(row), since = (at - me->offset) % me->slide;
    int64_t first = at - since - (since < 0 ? me->slide : 0);
    (void)cx;
    *n = 0;
    for (int64_t start = first; start > at - me->size; start -= me->slide, ++*n) {
        if (*n < capacity) to[*n] = (weir_window){start, start + me->size};
    }
    return WEIR_OK;
}
static weir_status repeating_periodic(void *self, weir_ctx *cx, int64_t *size, int64_t *slide, int64_t *offset)
{
    const repeating *me = self;
    (void)cx;
    *size = me->size;
    *slide = me->slide;
    *offset = me->offset;
    return WEIR_OK;
}
static const weir_option repeating_options[] = {
    WEIR_OPTION_OF(repeating, size, WEIR_OPT_DURATION, .def = "8ms", .doc = "how long a window is"),
    WEIR_OPTION_OF(repeating, slide, WEIR_OPT_DURATION, .def = "3ms", .doc = "how often one starts"),
    WEIR_OPTION_OF(repeating, offset, WEIR_OPT_DURATION, .def = "1ms", .doc = "when one starts")};
static const weir_window_assigner repeating_vtable = {
    .struct_size = sizeof(weir_window_assigner), .assign = repeating_assign, .periodic = repeating_periodic};
static const weir_window_assigner repeating_by_row_vtable = {.struct_size = sizeof(weir_window_assigner),
                                                             .assign = repeating_assign};
WEIR_COMPONENT(repeating, WEIR_WINDOW_ASSIGNER, repeating_vtable, .id = "repeating", .doc = "windows that repeat",
               .flags = WEIR_EVENT_WINDOWS | WEIR_PERIODIC, WEIR_OPTIONS(repeating_options));
WEIR_COMPONENT(repeating_by_row, WEIR_WINDOW_ASSIGNER, repeating_by_row_vtable, .id = "repeating_by_row",
               .doc = "the same, undeclared", .flags = WEIR_EVENT_WINDOWS, WEIR_OPTIONS(repeating_options));

WEIR_PLUGIN("test.panes", "1.0.0", &median_component, &changes_component, &counting_component, &repeating_component,
            &repeating_by_row_component);
