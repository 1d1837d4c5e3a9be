/* sink_print - records on the terminal, one encoded record per line.
 *
 * The prefix is Flink's: "2> " names the subtask (from 1) when there are several, "id:2> " and "id> " with an identifier.
 * Lines are gathered and printed in whole runs, so that subtasks never tear each other's lines. Only records are printed:
 * what the encoder writes at the begin of a stream (a CSV header) is dropped, unless `header` asks for it, of one subtask.
 */
#include <stdio.h>
#include <weir/udf.h>

#define RUN ((size_t)64 * 1024) /* print at the latest when this much is gathered */

typedef struct print {
    weir_part format;
    const char *identifier;
    int32_t stream;
    bool header;

    const weir_io *io;
    char prefix[160];
    size_t prefix_length;
    weir_blob lines;
    bool opened;
} print;

static const weir_encoder *encoder_of(const print *me)
{
    return me->format.vtable;
}

static void make_prefix(print *me, const weir_info *info)
{
    bool several = info->parallelism > 1, named = me->identifier && me->identifier[0];
    int n = 0;
    if (named && several)
        n = snprintf(me->prefix, sizeof me->prefix, "%.128s:%u> ", me->identifier, info->subtask + 1);
    else if (several)
        n = snprintf(me->prefix, sizeof me->prefix, "%u> ", info->subtask + 1);
    else if (named)
        n = snprintf(me->prefix, sizeof me->prefix, "%.128s> ", me->identifier);
    me->prefix_length = (size_t)n;
}

static weir_status print_open(void *self, weir_ctx *cx)
{
    print *me = self;
    const weir_encoder *e = encoder_of(me);
    me->io = weir_io_of(cx);
    if (!me->io) return weir_fail(cx, WEIR_E_PLUGIN, "this host has no " WEIR_IO);
    make_prefix(me, weir_about(cx));
    me->opened = true; /* its close is called also when this fails */
    weir_status s = e->open ? e->open(me->format.self, cx) : WEIR_OK;
    if (s == WEIR_OK) s = weir_blob_add(cx, &me->lines, me->prefix, me->prefix_length);
    if (s == WEIR_OK && e->begin) s = e->begin(me->format.self, cx, &me->lines);
    bool wanted = me->header && weir_about(cx)->subtask == 0;
    if (!wanted || me->lines.length == me->prefix_length) me->lines.length = 0;
    return s;
}

static weir_status print_flush(void *self, weir_ctx *cx)
{
    print *me = self;
    weir_io_error e = {0};
    if (me->lines.length == 0) return WEIR_OK;
    weir_status s = me->io->print(cx, me->stream + WEIR_STDOUT, me->lines.data, me->lines.length, &e);
    me->lines.length = 0;
    return s == WEIR_OK ? s : weir_fail(cx, s, "cannot print: %s", e.message);
}

static weir_status print_write(void *self, weir_ctx *cx, const weir_batch *batch, int64_t *row)
{
    print *me = self;
    const weir_encoder *e = encoder_of(me);
    weir_status s = WEIR_OK;
    if (me->prefix_length == 0) {
        s = e->encode(me->format.self, cx, batch, *row, batch->length, &me->lines);
        if (s == WEIR_OK) *row = batch->length;
    }
    for (; *row < batch->length && s == WEIR_OK; *row += s == WEIR_OK) {
        cx->row = (uint32_t)*row;
        s = weir_blob_add(cx, &me->lines, me->prefix, me->prefix_length);
        if (s == WEIR_OK) s = e->encode(me->format.self, cx, batch, *row, *row + 1, &me->lines);
    }
    return s == WEIR_OK && me->lines.length >= RUN ? print_flush(me, cx) : s;
}

static void print_close(void *self, weir_ctx *cx)
{
    print *me = self;
    if (me->opened && encoder_of(me)->close) encoder_of(me)->close(me->format.self, cx);
    cx->host->release(cx, me->lines.data);
    me->lines = (weir_blob){0};
    me->opened = false;
}

static const char *const streams[] = {"stdout", "stderr", NULL}; /* as WEIR_STDOUT, WEIR_STDERR */
static const weir_sink print_vtable = {
    .struct_size = sizeof(weir_sink),
    .open = print_open,
    .write = print_write,
    .flush = print_flush,
    .finish = print_flush,
    .close = print_close,
};
static const weir_option print_options[] = {
    WEIR_OPTION(print, format, .def = "csv", .accepts = WEIR_ENCODER, .doc = "how a record is written"),
    WEIR_OPTION(print, identifier, .flags = WEIR_OPTIONAL, .doc = "put before each line"),
    WEIR_OPTION(print, stream, .def = "stdout", .choices = streams, .doc = "where to"),
    WEIR_OPTION(print, header, .def = "false",
                .doc = "first what the format begins with, such as a CSV header; of several subtasks the first does"),
};
WEIR_COMPONENT(print, WEIR_SINK, print_vtable, .id = "print", .doc = "records on the terminal, one per line", .in = "*",
               WEIR_OPTIONS(print_options));
WEIR_PLUGIN("weir.sink_print", "0.1.0", &print_component);
