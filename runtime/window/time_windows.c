/* time_windows.c - see the header; formulas from semantics A5.2 and A5.5. */
#include "window/time_windows.h"

#include <string.h>
#include <weir/cpu.h>

#include "base/alloc.h"

static int64_t add(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The set changes where a window starts, at first and first + slide, and where one ends: the earliest at last + size, the
 * one before it at last - slide + size. */
struct weir_window_run weir_windows_of(const struct weir_time_windows *w, int64_t ts)
{
    struct weir_window_run run = {.first = weir_window_start(ts, w->offset_ms, w->slide_ms)};
    run.last = run.from = run.first;
    run.until = add(run.first, w->slide_ms);
    if (run.first <= ts - w->size_ms) {
        run.from = add(run.first, w->size_ms);
        return run;
    }
    run.n = (uint32_t)((run.first - (ts - w->size_ms) - 1) / w->slide_ms) + 1;
    run.last = run.first - (int64_t)(run.n - 1) * w->slide_ms;
    run.until = least(run.until, add(run.last, w->size_ms));
    int64_t ended = add(run.last - w->slide_ms, w->size_ms);
    if (ended > run.from) run.from = ended;
    return run;
}

WEIR_FOR_SEVERAL_CPUS
static void stretch(struct weir_time_range *r, const int64_t *time, int64_t n)
{
    int64_t least_time = r->least, greatest = r->greatest;
    for (int64_t i = 0; i < n; i++) {
        least_time = time[i] < least_time ? time[i] : least_time;
        greatest = time[i] > greatest ? time[i] : greatest;
    }
    *r = (struct weir_time_range){least_time, greatest};
}

struct weir_time_range weir_time_range_of(const int64_t *time, int64_t n)
{
    struct weir_time_range r = {time[0], time[0]};
    stretch(&r, time, n);
    return r;
}

int64_t weir_window_max_time(const struct weir_time_windows *w, int64_t start)
{
    return add(start, w->size_ms - 1);
}

int64_t weir_window_cleanup_time(const struct weir_time_windows *w, int64_t start)
{
    return add(weir_window_max_time(w, start), w->lateness_ms);
}

/* The index behind the windows that start at or before a time; mostly the end, since new windows are mostly the latest. */
static size_t behind(const struct weir_open_windows *s, int64_t start)
{
    size_t low = 0, high = s->n;
    if (high == 0 || s->windows[high - 1].start <= start) return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->windows[middle].start <= start)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct weir_open_window *weir_open_windows_at(struct weir_open_windows *s, int64_t start)
{
    size_t at = behind(s, start);
    if (at > 0 && s->windows[at - 1].start == start) return &s->windows[at - 1];
    WEIR_GROW(s->windows, s->capacity, s->n + 1);
    memmove(&s->windows[at + 1], &s->windows[at], (s->n - at) * sizeof *s->windows);
    s->windows[at] = (struct weir_open_window){.start = start};
    s->n++;
    return &s->windows[at];
}

void weir_open_windows_remove_first(struct weir_open_windows *s)
{
    s->n--;
    memmove(&s->windows[0], &s->windows[1], s->n * sizeof *s->windows);
}

void weir_open_windows_finish(struct weir_open_windows *s)
{
    weir_free(s->windows);
    *s = (struct weir_open_windows){0};
}
