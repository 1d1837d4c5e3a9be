/* weir/lines.h - the loop of a decoder whose records are lines.
 *
 * Static inline, C11 and C++17 clean; not part of the binary contract. A decoder keeps a weir_lines, passes begin and
 * decode on to it, and handles one line per call of its own function:
 *
 *   static weir_status decode(void *self, weir_ctx *cx, const void *data, size_t n, bool last, int64_t max, size_t *used)
 *   {
 *       return weir_lines_decode(&((struct mine *)self)->lines, self, cx, data, n, last, max, used, line);
 *   }
 *
 * A line ends at "\n" or "\r\n", neither of which is part of it, or where the stream ends. A UTF-8 byte order mark at the
 * start of the stream is skipped.
 */
#ifndef WEIR_LINES_H
#define WEIR_LINES_H

#include <weir/format.h>

typedef struct weir_lines {
    const char *name; /* the stream's */
    int64_t offset;   /* in the stream, of the line being handled; outside decode: of the next byte */
    bool fresh;       /* nothing of the stream was decoded yet */
} weir_lines;

/* Emits the line's record, or rejects it. Not WEIR_OK: stop. */
typedef weir_status weir_line_fn(void *self, weir_ctx *, weir_str line);

static inline void weir_lines_begin(weir_lines *l, const weir_stream *stream)
{
    l->name = stream->name;
    l->offset = stream->offset;
    l->fresh = stream->offset == 0;
}

/* How many bytes of a byte order mark data starts with: 0 or 3; -1: too few bytes to say. */
static inline int weir_bom(const void *data, size_t n, bool last)
{
    if (n >= 3) return memcmp(data, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    return !last && memcmp(data, "\xEF\xBB\xBF", n) == 0 ? -1 : 0;
}

static inline weir_status weir_lines_decode(weir_lines *l, void *self, weir_ctx *cx, const void *data, size_t n, bool last,
                                            int64_t max_rows, size_t *used, weir_line_fn *line)
{
    const char *p = (const char *)data, *end = p + n;
    weir_status s = WEIR_OK;
    *used = 0;
    if (n == 0) return WEIR_OK;
    if (l->fresh) {
        int mark = weir_bom(data, n, last);
        if (mark < 0) return WEIR_OK;
        l->fresh = false;
        l->offset += mark;
        p += mark;
    }
    while (p < end && max_rows-- > 0 && s == WEIR_OK && !weir_full(cx)) {
        const char *stop = (const char *)memchr(p, '\n', (size_t)(end - p));
        if (!stop && !last) break;
        const char *next = stop ? stop + 1 : end;
        if (!stop) stop = end;
        if (stop > p && stop[-1] == '\r') stop--;
        weir_str text = {p, (size_t)(stop - p)};
        s = line(self, cx, text);
        l->offset += next - p;
        p = next;
    }
    *used = (size_t)(p - (const char *)data);
    return s;
}

/* Rejects the line being handled; the rest are the reason's format and values. */
#define weir_lines_reject(l, cx, line, ...) ((cx)->host->reject((cx), (line), (l)->name, (l)->offset, __VA_ARGS__))

/* weir_decoder.splittable and .boundary of every such decoder. */
static inline bool weir_lines_splittable(const void *self)
{
    (void)self;
    return true;
}
static inline bool weir_lines_boundary(const void *self, const void *data, size_t n, size_t *at)
{
    const void *end = n ? memchr(data, '\n', n) : NULL;
    (void)self;
    if (!end) return false;
    *at = (size_t)((const char *)end - (const char *)data) + 1;
    return true;
}

#endif
