/* click_session - what is made of the clicks of one visit: a window function, which sees all rows of a window. */
#include <stdlib.h>
#include <weir/udf.h>

enum { PAGE };                                             /* inputs */
enum { START, END, CLICKS, PAGES, FIRST_PAGE, LAST_PAGE }; /* outputs, after the key */

typedef struct click_session {
    int64_t unused;
} click_session;

static int by_text(const void *a, const void *b)
{
    const weir_str *x = a, *y = b;
    size_t n = x->n < y->n ? x->n : y->n;
    int order = n ? memcmp(x->p, y->p, n) : 0;
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

static int64_t count_pages(weir_ctx *cx, const weir_batch *clicks)
{
    weir_str *pages = weir_scratch(cx, (size_t)clicks->length * sizeof *pages);
    int64_t n = 0;
    if (!pages) return -1;
    for (int64_t i = 0; i < clicks->length; i++) pages[i] = weir_text((weir_row){clicks, i}, PAGE);
    qsort(pages, (size_t)clicks->length, sizeof *pages, by_text);
    for (int64_t i = 0; i < clicks->length; i++) n += i == 0 || by_text(&pages[i - 1], &pages[i]) != 0;
    return n;
}

/* Whether a was clicked before b. Rows come in order of arrival; at one moment the page decides, so that all runs agree. */
static bool is_before(weir_row a, weir_row b)
{
    weir_str page_a = weir_text(a, PAGE), page_b = weir_text(b, PAGE);
    if (weir_time(a) != weir_time(b)) return weir_time(a) < weir_time(b);
    return by_text(&page_a, &page_b) < 0;
}

static weir_status click_session_process(void *self, weir_ctx *cx, const weir_window *w, const weir_batch *clicks)
{
    weir_row first = {clicks, 0}, last = {clicks, 0};
    int64_t pages = count_pages(cx, clicks);
    (void)self;
    if (pages < 0) return WEIR_E_MEMORY;
    for (int64_t i = 1; i < clicks->length; i++) {
        weir_row click = {clicks, i};
        if (is_before(click, first)) first = click;
        if (is_before(last, click)) last = click;
    }
    weir_put_i64(cx, 0, START, weir_time(first));
    weir_put_i64(cx, 0, END, weir_time(last));
    weir_put_i64(cx, 0, CLICKS, clicks->length);
    weir_put_i64(cx, 0, PAGES, pages);
    weir_status s = weir_copy(cx, 0, FIRST_PAGE, first, PAGE);
    if (s == WEIR_OK) s = weir_copy(cx, 0, LAST_PAGE, last, PAGE);
    return s == WEIR_OK ? weir_emit(cx, 0, weir_window_last(w)) : s;
}

static const weir_window_function vtable = {.struct_size = sizeof(weir_window_function), .process = click_session_process};
WEIR_COMPONENT(click_session, WEIR_WINDOW_FUNCTION, vtable, .id = "click_session", .doc = "what one visit came to",
               .in = "page:string",
               .out = "@key, start:timestamp, end:timestamp, clicks:i64, pages:i64, first_page:string, last_page:string");
WEIR_PLUGIN("example.click_sessions", "1.0.0", &click_session_component);
