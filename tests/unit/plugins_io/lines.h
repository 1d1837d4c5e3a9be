/* lines.h - a decoder for the tests of sources: delimited lines as "line:string", by the book and simple.
 *
 * Lines that begin with '!' are rejected. Without `head` an empty file has none; with it the first line of the stream is a
 * header, which every stream must be shown. */
#ifndef WEIR_TEST_LINES_H
#define WEIR_TEST_LINES_H

#include <weir/udf.h>

typedef struct lines {
    const char *delimiter;
    bool splittable, header, edge;

    char name[256];
    int64_t offset;
    bool skip_header;
    int64_t begins;
} lines;

static weir_status lines_begin(void *self, weir_ctx *cx, const weir_stream *stream)
{
    lines *me = self;
    me->begins++;
    me->offset = stream->offset;
    me->skip_header = me->header && stream->offset == 0;
    snprintf(me->name, sizeof me->name, "%s", stream->name);
    if (me->header && stream->offset > 0 && !(stream->head.n >= 4 && memcmp(stream->head.p, "head", 4) == 0)) {
        return weir_fail(cx, WEIR_E_BUG, "the stream's head is missing");
    }
    return WEIR_OK;
}

static weir_status lines_one(lines *me, weir_ctx *cx, weir_str line)
{
    if (me->skip_header) {
        me->skip_header = false;
        return WEIR_OK;
    }
    if (line.n > 0 && line.p[0] == '!') return cx->host->reject(cx, line, me->name, me->offset, "begins with !");
    weir_status s = weir_put_text(cx, 0, 0, line);
    return s == WEIR_OK ? weir_emit(cx, 0, WEIR_NO_TIME) : s;
}

static weir_status lines_decode(void *self, weir_ctx *cx, const void *data, size_t n, bool last, int64_t max_rows,
                                size_t *used)
{
    lines *me = self;
    const char *p = data;
    size_t width = strlen(me->delimiter);
    *used = 0;
    for (; max_rows > 0 && *used < n && !weir_full(cx); max_rows--) {
        const char *at = p + *used, *end = memmem(at, n - *used, me->delimiter, width);
        if (!end && !last) break;
        weir_str line = {at, end ? (size_t)(end - at) : n - *used};
        weir_status s = lines_one(me, cx, line);
        if (s != WEIR_OK) return s;
        *used += line.n + (end ? width : 0);
        me->offset += (int64_t)(line.n + (end ? width : 0));
    }
    return WEIR_OK;
}

static bool lines_splittable(const void *self)
{
    return ((const lines *)self)->splittable;
}
static bool lines_boundary(const void *self, const void *data, size_t n, size_t *at)
{
    const lines *me = self;
    size_t width = strlen(me->delimiter);
    const char *found = memmem(data, n, me->delimiter, width);
    if (!found || (size_t)(found - (const char *)data) + width + !me->edge > n) return false;
    *at = (size_t)(found - (const char *)data) + width;
    return true;
}

static const weir_decoder lines_vtable = {.struct_size = sizeof(weir_decoder), .begin = lines_begin, .decode = lines_decode,
                                          .splittable = lines_splittable, .boundary = lines_boundary};
static const weir_option lines_options[] = {
    WEIR_OPTION(lines, delimiter, .def = "\n", .doc = "between lines"),
    WEIR_OPTION(lines, splittable, .def = "true", .doc = "says that it is"),
    WEIR_OPTION(lines, edge, .def = "true", .doc = "boundary tells a start that is the first byte not at hand"),
    WEIR_OPTION(lines, header, .def = "false", .doc = "the first line is a header"),
};
WEIR_COMPONENT(lines, WEIR_DECODER, lines_vtable, .id = "lines", .doc = "lines", .out = "line:string",
               WEIR_OPTIONS(lines_options));

#endif
