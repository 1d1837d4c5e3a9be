/* window/time_windows.h - the arithmetic of tumbling and sliding windows, and the set of windows that hold something.
 *
 * Pure. A window is [start, start + size); its last instant is start + size - 1 (semantics A5.2). Times are ms; sums
 * saturate.
 */
#ifndef WEIR_WINDOW_TIME_WINDOWS_H
#define WEIR_WINDOW_TIME_WINDOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Times, sizes and slides lie within this, either way, so that their sums fit; the operator sees to it. */
#define WEIR_WINDOW_MOST_MS ((int64_t)1 << 61)

/* The start of the last slide bucket at or before ts; C's remainder truncates, so a negative one moves back a bucket. */
static inline int64_t weir_window_start(int64_t ts, int64_t offset, int64_t slide)
{
    int64_t r = (ts - offset) % slide;
    return r < 0 ? ts - (r + slide) : ts - r;
}

/* The windows [s, s + size) for s = offset + k * slide; tumbling: slide == size. size, slide > 0, -slide < offset < slide */
struct weir_time_windows {
    int64_t size_ms, slide_ms, offset_ms;
    int64_t lateness_ms;
};

/* The windows of one instant: first (the latest), first - slide, ... down to last (the earliest). n 0: it falls in a gap
 * (slide > size).
 * They are the windows of all instants in [from, until). */
struct weir_window_run {
    int64_t first, last, from, until;
    uint32_t n;
};
struct weir_window_run weir_windows_of(const struct weir_time_windows *, int64_t ts);

/* The least and the greatest of n times. n > 0. */
struct weir_time_range {
    int64_t least, greatest;
};
struct weir_time_range weir_time_range_of(const int64_t *time, int64_t n);

int64_t weir_window_max_time(const struct weir_time_windows *, int64_t start);     /* start + size - 1, saturating */
int64_t weir_window_cleanup_time(const struct weir_time_windows *, int64_t start); /* max time + lateness, saturating */

/* A window that has content. */
struct weir_open_window {
    int64_t start;
    bool fired; /* the watermark has passed its max time */
};
struct weir_open_windows { /* sorted by start; zeroed is empty */
    struct weir_open_window *windows;
    size_t n, capacity;
};
struct weir_open_window *weir_open_windows_at(struct weir_open_windows *, int64_t start); /* added when missing */
void weir_open_windows_remove_first(struct weir_open_windows *);
void weir_open_windows_finish(struct weir_open_windows *);

#endif
