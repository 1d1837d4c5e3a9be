/* The arithmetic of tumbling and sliding windows: semantics A5.2. */
#include <stdio.h>

#include "base/random.h"
#include "harness/suite.h"
#include "window/time_windows.h"

static void start_moves_back_for_negative_remainders(void)
{
    CU_ASSERT_EQUAL(weir_window_start(7, 0, 5), 5);
    CU_ASSERT_EQUAL(weir_window_start(5, 0, 5), 5);
    CU_ASSERT_EQUAL(weir_window_start(-1, 0, 5), -5);
    CU_ASSERT_EQUAL(weir_window_start(-5, 0, 5), -5);
    CU_ASSERT_EQUAL(weir_window_start(1, 3, 5), -2);
    /* days of UTC+8: offset -8 h; 1970-01-01T17:00Z is 01:00 of the 2nd there */
    CU_ASSERT_EQUAL(weir_window_start(17 * 3600000LL, -8 * 3600000LL, 86400000LL), 16 * 3600000LL);
}

/* The loop of the sheet: for(st=start(ts,off,slide); st>ts-size; st-=slide). */
static bool equals_the_loop(const struct weir_time_windows *w, int64_t ts)
{
    struct weir_window_run run = weir_windows_of(w, ts);
    uint32_t n = 0;
    int64_t last = run.first;
    for (int64_t st = weir_window_start(ts, w->offset_ms, w->slide_ms); st > ts - w->size_ms; st -= w->slide_ms, n++)
        last = st;
    return run.n == n && (n == 0 || run.last == last);
}

/* from and until are where the windows change, and nowhere nearer. */
static bool has_right_borders(const struct weir_time_windows *w, int64_t ts)
{
    struct weir_window_run run = weir_windows_of(w, ts), other;
    if (ts < run.from || ts >= run.until) return false;
    for (int64_t t = run.from - 1; t <= run.until; t++) {
        other = weir_windows_of(w, t);
        bool same = other.first == run.first && other.n == run.n && (run.n == 0 || other.last == run.last);
        if (same != (t >= run.from && t < run.until)) return false;
    }
    return true;
}

static void windows_of_an_instant_are_those_of_the_loop(void)
{
    struct weir_random r = {1};
    for (int i = 0; i < 200000; i++) {
        int64_t slide = 1 + (int64_t)weir_random_below(&r, 50), size = 1 + (int64_t)weir_random_below(&r, 120);
        struct weir_time_windows w = {
            .size_ms = size, .slide_ms = slide, .offset_ms = (int64_t)weir_random_below(&r, (uint64_t)slide) - slide / 2};
        int64_t ts = (int64_t)weir_random_below(&r, 2000) - 1000;
        if (equals_the_loop(&w, ts) && (i % 50 || has_right_borders(&w, ts))) continue;
        fprintf(stderr, "size %lld slide %lld offset %lld ts %lld\n", (long long)size, (long long)slide,
                (long long)w.offset_ms, (long long)ts);
        CU_FAIL("windows differ from the loop");
        return;
    }
}

static void slide_larger_than_size_leaves_gaps(void)
{
    struct weir_time_windows w = {.size_ms = 3, .slide_ms = 10};
    CU_ASSERT_EQUAL(weir_windows_of(&w, 12).n, 1);
    CU_ASSERT_EQUAL(weir_windows_of(&w, 13).n, 0);
}

static void times_saturate(void)
{
    struct weir_time_windows w = {.size_ms = 10, .slide_ms = 10, .lateness_ms = INT64_MAX};
    CU_ASSERT_EQUAL(weir_window_cleanup_time(&w, 1000), INT64_MAX);
    CU_ASSERT_EQUAL(weir_window_max_time(&w, INT64_MAX - 3), INT64_MAX);
}

static void open_windows_are_sorted_and_found(void)
{
    struct weir_open_windows open = {0};
    int64_t starts[] = {50, 10, 30, 20, 40, 30, 10};
    for (size_t i = 0; i < 7; i++) weir_open_windows_at(&open, starts[i]);
    CU_ASSERT_EQUAL_FATAL(open.n, 5);
    for (size_t i = 0; i < 5; i++) CU_ASSERT_EQUAL(open.windows[i].start, 10 * (int64_t)(i + 1));
    weir_open_windows_remove_first(&open);
    CU_ASSERT_EQUAL(open.windows[0].start, 20);
    weir_open_windows_finish(&open);
}

WEIR_SUITE(time_windows) = {
    {"a window's start moves back for negative remainders", start_moves_back_for_negative_remainders},
    {"the windows of an instant are those of the sheet's loop", windows_of_an_instant_are_those_of_the_loop},
    {"a slide larger than the size leaves gaps", slide_larger_than_size_leaves_gaps},
    {"times saturate", times_saturate},
    {"open windows are sorted and found", open_windows_are_sorted_and_found},
    {NULL, NULL}};
