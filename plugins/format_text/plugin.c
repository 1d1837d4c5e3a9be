/* weir.format_text - a line of UTF-8 text is a record. */
#include <weir/lines.h>
#include <weir/text.h>
#include <weir/udf.h>

typedef struct text_lines {
    weir_lines lines;
} text_lines;

static weir_status text_begin(void *self, weir_ctx *cx, const weir_stream *stream)
{
    (void)cx;
    weir_lines_begin(&((text_lines *)self)->lines, stream);
    return WEIR_OK;
}

static weir_status text_line(void *self, weir_ctx *cx, weir_str line)
{
    size_t valid = weir_utf8_prefix(line.p, line.n);
    if (valid < line.n)
        return weir_lines_reject(&((text_lines *)self)->lines, cx, line, "at byte %zu: invalid UTF-8", valid);
    weir_status s = weir_put_text(cx, 0, 0, line);
    return s == WEIR_OK ? weir_emit(cx, 0, WEIR_NO_TIME) : s;
}

static weir_status text_decode(void *self, weir_ctx *cx, const void *data, size_t n, bool last, int64_t max_rows,
                               size_t *used)
{
    return weir_lines_decode(&((text_lines *)self)->lines, self, cx, data, n, last, max_rows, used, text_line);
}

static const weir_decoder text_vtable = {.struct_size = sizeof(weir_decoder),
                                         .begin = text_begin,
                                         .decode = text_decode,
                                         .splittable = weir_lines_splittable,
                                         .boundary = weir_lines_boundary};
WEIR_COMPONENT(text_lines, WEIR_DECODER, text_vtable, .id = "text", .doc = "lines of UTF-8 text", .out = "line:string");

WEIR_PLUGIN("weir.format_text", "0.1.0", &text_lines_component);
