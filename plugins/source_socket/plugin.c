/* source_socket - the bytes a TCP server sends, decoded as one endless stream.
 *
 * Blocking: it has a thread of its own. It waits at most WAIT_MS at a time, so that the host's clocks, watermarks and
 * idleness go on. One split, held by one subtask; a socket cannot be read again, so a position is empty. The stream ends
 * when the peer closes; a failed or broken connection is tried again `retry` times.
 */
#include <inttypes.h>
#include <stdio.h>
#include <weir/udf.h>

#define WAIT_MS 100
#define BLOCK ((size_t)64 * 1024)

typedef struct socket_source {
    const char *host;
    int64_t port, retry, retry_wait, max_record;
    weir_part format;

    const weir_io *io;
    weir_socket *socket;
    char name[320];
    uint8_t *buffer; /* bytes received and not decoded: buffer[first .. end) */
    size_t first, end, capacity;
    uint64_t split;
    int64_t tries, again_ns;
    int64_t offset; /* of buffer[first] in the stream of this connection */
    bool opened, given, closed, stuck; /* closed: by the peer; stuck: the buffer holds no whole record */
} socket_source;

static const weir_decoder *decoder_of(const socket_source *me)
{
    return me->format.vtable;
}

static weir_status socket_discover(void *self, weir_ctx *cx, weir_add_split *add, void *to)
{
    const socket_source *me = self;
    char name[sizeof me->name];
    (void)cx;
    int n = snprintf(name, sizeof name, "%.255s:%" PRId64, me->host, me->port);
    weir_split split = {.struct_size = sizeof split, .description = {name, (size_t)n}};
    return add(to, &split);
}

static weir_status socket_open(void *self, weir_ctx *cx)
{
    socket_source *me = self;
    const weir_decoder *d = decoder_of(me);
    me->io = weir_io_of(cx);
    if (!me->io) return weir_fail(cx, WEIR_E_PLUGIN, "this host has no " WEIR_IO);
    snprintf(me->name, sizeof me->name, "%.255s:%" PRId64, me->host, me->port);
    me->opened = true; /* its close is called also when this fails */
    weir_status s = d->open ? d->open(me->format.self, cx) : WEIR_OK;
    return s;
}

static weir_status socket_add_split(void *self, weir_ctx *cx, const weir_split *split, const void *position, size_t n)
{
    socket_source *me = self;
    (void)cx;
    (void)position;
    (void)n;
    me->split = split->id;
    me->given = true;
    return WEIR_OK;
}

/* ---- connection --------------------------------------------------------------------------------------------- */

/* A lost or refused connection: another try after retry_wait, or the end of the job. */
static weir_progress lost(socket_source *me, weir_ctx *cx, const weir_io_error *e)
{
    weir_io_error ignored;
    me->io->close_socket(cx, me->socket, &ignored);
    me->socket = NULL;
    if (me->tries >= me->retry) {
        weir_fail(cx, e->status, "%s (try %" PRId64 "; `retry` says how often to try again)", e->message, me->tries + 1);
        return WEIR_FAILED;
    }
    me->tries++;
    cx->host->log(cx, WEIR_WARN, "%s; try %" PRId64 " of %" PRId64 " follows", e->message, me->tries, me->retry);
    me->again_ns = me->io->monotonic_ns(cx) + me->retry_wait * 1000000;
    if (me->end == me->first) return WEIR_NONE;
    weir_str raw = {(const char *)me->buffer + me->first, me->end - me->first}; /* the record that the break cut in two */
    weir_status s = cx->host->reject(cx, raw, me->name, me->offset, "the connection broke in the middle of this record");
    me->first = me->end = 0;
    return s == WEIR_OK ? WEIR_NONE : WEIR_FAILED;
}

static weir_progress connect_peer(socket_source *me, weir_ctx *cx)
{
    weir_io_error e = {0};
    if (me->tries > 0 && me->io->monotonic_ns(cx) < me->again_ns) return WEIR_NONE;
    weir_status s = me->io->connect(cx, me->host, (uint16_t)me->port, 10 * 1000, &me->socket, &e);
    if (s == WEIR_E_CANCELLED) return WEIR_NONE;
    if (s != WEIR_OK) {
        me->socket = NULL;
        return lost(me, cx, &e);
    }
    weir_stream stream = {.struct_size = sizeof stream, .name = me->name};
    me->offset = 0;
    if (cx->host->split_begin(cx, me->split) != WEIR_OK) return WEIR_FAILED;
    return decoder_of(me)->begin(me->format.self, cx, &stream) == WEIR_OK ? WEIR_MADE : WEIR_FAILED;
}

/* ---- bytes -------------------------------------------------------------------------------------------------- */

static weir_status make_room(socket_source *me, weir_ctx *cx)
{
    if (me->first > 0) {
        memmove(me->buffer, me->buffer + me->first, me->end - me->first);
        me->end -= me->first;
        me->first = 0;
    }
    if (me->capacity - me->end >= BLOCK / 2) return WEIR_OK;
    if ((int64_t)me->end > me->max_record) {
        return weir_fail(cx, WEIR_E_DATA, "%s: a record at byte %" PRId64 " is longer than max_record, %" PRId64 " bytes",
                         me->name, me->offset, me->max_record);
    }
    size_t capacity = me->capacity ? me->capacity * 2 : BLOCK;
    uint8_t *grown = cx->host->resize(cx, me->buffer, capacity);
    if (!grown) return weir_fail(cx, WEIR_E_MEMORY, "%s: no memory for a record of more than %zu bytes", me->name, me->end);
    me->buffer = grown;
    me->capacity = capacity;
    return WEIR_OK;
}

static weir_progress receive(socket_source *me, weir_ctx *cx)
{
    weir_io_error e = {0};
    size_t got = 0;
    if (make_room(me, cx) != WEIR_OK) return WEIR_FAILED;
    weir_status s = me->io->receive(cx, me->socket, me->buffer + me->end, me->capacity - me->end, WAIT_MS, &got, &e);
    if (s == WEIR_MORE || s == WEIR_E_CANCELLED) return WEIR_NONE;
    if (s != WEIR_OK) return lost(me, cx, &e);
    me->end += got;
    me->closed = got == 0;
    me->stuck = false;
    return WEIR_MADE;
}

static weir_progress decode(socket_source *me, weir_ctx *cx, int64_t max_rows)
{
    size_t used = 0, n = me->end - me->first;
    weir_status s = decoder_of(me)->decode(me->format.self, cx, me->buffer + me->first, n, me->closed, max_rows, &used);
    if (s != WEIR_OK) return WEIR_FAILED;
    me->first += used;
    me->offset += (int64_t)used;
    me->stuck = used == 0;
    if (!me->stuck || !me->closed) return WEIR_MADE;
    weir_fail(cx, WEIR_E_PLUGIN, "the decoder '%s' left %zu bytes undecoded", me->format.component->id, n);
    return WEIR_FAILED;
}

static weir_progress socket_poll(void *self, weir_ctx *cx, int64_t max_rows)
{
    socket_source *me = self;
    if (!me->given) return WEIR_DONE;
    if (!me->socket) return connect_peer(me, cx);
    if (me->end > me->first && !me->stuck) return decode(me, cx, max_rows);
    if (!me->closed) {
        weir_progress p = receive(me, cx);
        return p == WEIR_MADE && me->end > me->first ? decode(me, cx, max_rows) : p;
    }
    if (me->end > me->first) return decode(me, cx, max_rows);
    me->given = false;
    return cx->host->split_done(cx, me->split) == WEIR_OK ? WEIR_DONE : WEIR_FAILED;
}

static weir_status socket_position(void *self, weir_ctx *cx, int64_t checkpoint, const weir_split *split, void *buf,
                                   size_t cap, size_t *n)
{
    (void)self;
    (void)cx;
    (void)checkpoint;
    (void)split;
    (void)buf;
    (void)cap;
    *n = 0;
    return WEIR_OK;
}

static void socket_close(void *self, weir_ctx *cx)
{
    socket_source *me = self;
    weir_io_error ignored;
    if (me->socket) me->io->close_socket(cx, me->socket, &ignored);
    if (me->opened && decoder_of(me)->close) decoder_of(me)->close(me->format.self, cx);
    cx->host->release(cx, me->buffer);
    me->socket = NULL;
    me->buffer = NULL;
    me->opened = false;
}

static const weir_source socket_vtable = {
    .struct_size = sizeof(weir_source), .discover = socket_discover, .open = socket_open, .add_split = socket_add_split,
    .poll = socket_poll, .position = socket_position, .close = socket_close,
};
static const weir_option socket_options[] = {
    WEIR_OPTION(socket_source, host, .def = "localhost", .doc = "name or address of the server"),
    WEIR_OPTION(socket_source, port, .min = "1", .max = "65535", .doc = "its TCP port"),
    WEIR_OPTION(socket_source, format, .def = "text", .accepts = WEIR_DECODER, .doc = "how the bytes are decoded"),
    WEIR_OPTION(socket_source, retry, .def = "0", .min = "0",
                .doc = "how often a failed or broken connection is tried again"),
    WEIR_OPTION_OF(socket_source, retry_wait, WEIR_OPT_DURATION, .def = "1s", .min = "0ms", .doc = "time between two tries"),
    WEIR_OPTION_OF(socket_source, max_record, WEIR_OPT_SIZE, .def = "16MiB", .min = "1KiB",
                   .doc = "a longer record fails the job"),
};
WEIR_COMPONENT(socket_source, WEIR_SOURCE, socket_vtable, .id = "socket",
               .doc = "the bytes a TCP server sends, until it closes", .out = "$format",
               .flags = WEIR_BLOCKING | WEIR_UNBOUNDED | WEIR_NONDETERMINISTIC, WEIR_OPTIONS(socket_options));
WEIR_PLUGIN("weir.source_socket", "0.1.0", &socket_source_component);
