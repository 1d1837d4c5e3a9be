/* reader.c - see reader.h.
 *
 * Which piece a record belongs to. Let B(x) be what the decoder's boundary() finds when it looks from byte x - 1 on: the
 * first record that it sees begin at x or later. A piece [from, until) holds the bytes [B(from), B(until)), and B(0) = 0.
 * Both neighbours compute B at their common border from the same byte on, so they agree whatever boundary() makes of the
 * bytes: no record is lost or read twice. The end is looked for when byte until - 1 is in the buffer, which is why no byte
 * from there on is decoded before.
 *
 * A record longer than max_record is rejected and the next one sought. The search drops what it has seen but for the last
 * OVERLAP bytes, which is more than any format's record delimiter.
 */
#include "reader.h"

#include <inttypes.h>
#include <string.h>

#define BLOCK ((size_t)256 * 1024)
#define OVERLAP ((size_t)64)
#define HEAD ((size_t)64 * 1024)   /* what weir_stream.head may hold */
#define SHOWN ((size_t)64 * 1024)  /* of a rejected record */
#define TRIES 16                   /* blocks read in one step when no record is complete */

static const weir_decoder *decoder_of(const struct reader *r)
{
    return r->format->vtable;
}

static bool can_seek(const struct reader *r)
{
    const weir_decoder *d = decoder_of(r);
    return d->splittable && d->boundary && d->splittable(r->format->self);
}

static void advance(struct reader *r, size_t n)
{
    r->first += n;
    r->offset += (int64_t)n;
    r->tried = 0;
}

/* The next record is the one at r->offset, or there is none any more. */
static void note_position(struct reader *r)
{
    bool done = r->finish >= 0 && r->offset >= r->finish;
    r->piece->at = done ? INT64_MAX : r->offset;
    r->piece->seeking = false;
}

/* ---- bytes into the buffer ---------------------------------------------------------------------------------- */

static weir_status make_room(struct reader *r, weir_ctx *cx)
{
    if (r->first > 0) {
        memmove(r->data, r->data + r->first, r->end - r->first);
        r->end -= r->first;
        r->first = 0;
    }
    if (r->capacity - r->end >= BLOCK / 2) return WEIR_OK;
    size_t capacity = r->capacity ? r->capacity * 2 : BLOCK;
    uint8_t *grown = cx->host->resize(cx, r->data, capacity);
    if (!grown) {
        return weir_fail(cx, WEIR_E_MEMORY, "file '%s': no memory for the record at byte %" PRId64 ", longer than %zu bytes",
                         r->piece->path, r->offset, r->end);
    }
    r->data = grown;
    r->capacity = capacity;
    return WEIR_OK;
}

static weir_status fill(struct reader *r, weir_ctx *cx)
{
    size_t got = 0;
    weir_status s = make_room(r, cx);
    if (s == WEIR_OK) s = bytes_read(&r->bytes, cx, r->data + r->end, r->capacity - r->end, &got);
    if (s != WEIR_OK) return s;
    r->end += got;
    r->eof = got == 0;
    int64_t least = r->piece->until < INT64_MAX ? r->piece->until : r->piece->size;
    int64_t length = r->offset + (int64_t)(r->end - r->first);
    if (!r->eof || length >= least) return WEIR_OK;
    return weir_fail(cx, WEIR_E_IO,
                     "file '%s' was cut while the job was reading it: it ends at byte %" PRId64
                     " or before, and had at least %" PRId64 " bytes when the job started",
                     r->piece->path, length, least);
}

/* ---- opening ------------------------------------------------------------------------------------------------ */

static weir_status begin(struct reader *r, weir_ctx *cx)
{
    weir_stream stream = {.struct_size = sizeof stream, .name = r->piece->path, .offset = r->offset};
    if (r->offset > 0) stream.head = (weir_str){(const char *)r->head, r->head_length};
    return decoder_of(r)->begin(r->format->self, cx, &stream);
}

/* The stream's first bytes, through a reading of their own. */
static weir_status read_head(struct reader *r, weir_ctx *cx)
{
    r->head = cx->host->alloc(cx, HEAD);
    if (!r->head) return weir_fail(cx, WEIR_E_MEMORY, "file '%s': no memory for its first bytes", r->piece->path);
    weir_status s = bytes_open(&r->bytes, cx, r->piece->path, r->piece->codec, 0);
    if (s == WEIR_OK) s = bytes_read(&r->bytes, cx, r->head, HEAD, &r->head_length);
    bytes_close(&r->bytes, cx);
    return s;
}

/* To byte `start` of the decompressed stream: a compressed file is read from its beginning once more. */
static weir_status go_to(struct reader *r, weir_ctx *cx, int64_t start)
{
    bool plain = r->piece->codec == CODEC_NONE;
    weir_status s = bytes_open(&r->bytes, cx, r->piece->path, r->piece->codec, plain ? start : 0);
    if (s == WEIR_OK) s = make_room(r, cx);
    for (int64_t left = plain ? 0 : start; s == WEIR_OK && left > 0;) {
        size_t got = 0, n = left < (int64_t)r->capacity ? (size_t)left : r->capacity;
        s = bytes_read(&r->bytes, cx, r->data, n, &got);
        left -= (int64_t)got;
        if (s == WEIR_OK && got < n) {
            return weir_fail(cx, WEIR_E_IO,
                             "file '%s': it is shorter than at the checkpoint, which had read %" PRId64 " bytes of it",
                             r->piece->path, start);
        }
    }
    r->offset = start;
    return s;
}

weir_status reader_open(struct reader *r, weir_ctx *cx, struct piece *piece, const weir_part *format, int64_t max_record)
{
    uint8_t *data = r->data; /* a buffer is kept from piece to piece */
    size_t capacity = r->capacity;
    *r = (struct reader){
        .piece = piece, .format = format, .max_record = max_record, .data = data, .capacity = capacity, .finish = -1};
    bool resumed = piece->at >= 0;
    int64_t start = resumed ? piece->at : piece->from > 0 ? piece->from - 1 : 0;
    r->seeking = resumed ? piece->seeking : piece->from > 0;
    if (piece->at == INT64_MAX) { /* all of it was read before */
        r->offset = r->finish = piece->at;
        return WEIR_OK;
    }
    weir_status s = start > 0 ? read_head(r, cx) : WEIR_OK;
    if (s == WEIR_OK) s = go_to(r, cx, start);
    if (s != WEIR_OK || r->seeking) return s;
    note_position(r);
    return begin(r, cx);
}

void reader_leave(struct reader *r, weir_ctx *cx)
{
    bytes_close(&r->bytes, cx);
    cx->host->release(cx, r->head);
    r->head = NULL;
}

void reader_close(struct reader *r, weir_ctx *cx)
{
    reader_leave(r, cx);
    cx->host->release(cx, r->data);
    *r = (struct reader){0};
}

/* ---- one step ----------------------------------------------------------------------------------------------- */

/* The first record that boundary() sees begin after byte `from` of the stream, in what is there; -1: none. */
static int64_t look(const struct reader *r, int64_t from)
{
    size_t start = r->first + (size_t)(from - r->offset), at = 0;
    if (from < r->offset || start >= r->end) return -1;
    if (!decoder_of(r)->boundary(r->format->self, r->data + start, r->end - start, &at)) return -1;
    return from + (int64_t)at;
}

/* Ends the search when a record begins in what is there, or nowhere before the end of the file. */
static weir_status seek(struct reader *r, weir_ctx *cx)
{
    size_t n = r->end - r->first;
    int64_t until = r->piece->until, start = n > 0 ? look(r, r->offset) : -1;
    if (start < 0 && !r->eof) {
        if ((int64_t)n > r->max_record) advance(r, n - OVERLAP);
        return WEIR_OK;
    }
    /* The next piece's first record, unless that piece does not see it: then the border cuts the delimiter before it. */
    bool next_piece = start >= until && (r->offset >= until || look(r, until - 1) == start);
    advance(r, start >= 0 ? (size_t)(start - r->offset) : n);
    r->seeking = false;
    if (next_piece || start < 0) r->finish = r->offset;
    note_position(r);
    return r->finish < 0 ? begin(r, cx) : WEIR_OK;
}

/* Sets finish once it can be known: B(until), or the end of the file. */
static void find_finish(struct reader *r)
{
    int64_t border = r->piece->until - 1;
    if (r->finish < 0 && border < INT64_MAX - 1) r->finish = look(r, border > r->offset ? border : r->offset);
    if (r->finish < 0 && r->eof) r->finish = r->offset + (int64_t)(r->end - r->first);
}

/* How many bytes may be decoded now: never more than max_record, so that whether a record is too long does not depend on how
 * much of the file happens to be in the buffer. *last: they end the piece. */
static size_t decodable(const struct reader *r, bool *last)
{
    int64_t n = (int64_t)(r->end - r->first), until = r->piece->until;
    int64_t limit = r->finish >= 0 ? r->finish - r->offset : until < INT64_MAX ? until - 1 - r->offset : n;
    if (n > limit) n = limit > 0 ? limit : 0;
    if (n > r->max_record) n = r->max_record;
    *last = r->finish >= 0 && r->offset + n == r->finish;
    return (size_t)n;
}

static weir_status give_up_record(struct reader *r, weir_ctx *cx)
{
    size_t n = (size_t)r->max_record; /* so much is there, see decodable */
    weir_str raw = {(const char *)r->data + r->first, n < SHOWN ? n : SHOWN};
    weir_status s =
        cx->host->reject(cx, raw, r->piece->path, r->offset, "longer than max_record, %" PRId64 " bytes", r->max_record);
    if (s != WEIR_OK) return s;
    if (!can_seek(r)) {
        return weir_fail(cx, WEIR_E_DATA,
                         "file '%s': the record at byte %" PRId64 " is longer than max_record, %" PRId64
                         " bytes, and the format '%s' cannot "
                         "tell where the next one begins; raise max_record",
                         r->piece->path, r->offset, r->max_record, r->format->component->id);
    }
    r->seeking = r->piece->seeking = true;
    return WEIR_OK;
}

/* Decodes what is whole. *used is 0 when more bytes are needed. */
static weir_status decode(struct reader *r, weir_ctx *cx, int64_t max_rows, size_t *used)
{
    bool last;
    size_t n = decodable(r, &last);
    *used = 0;
    if (n == 0 || (n == r->tried && !last)) return WEIR_OK;
    weir_status s = decoder_of(r)->decode(r->format->self, cx, r->data + r->first, n, last, max_rows, used);
    if (s != WEIR_OK) return s;
    if (*used > 0) {
        advance(r, *used);
        note_position(r);
        return WEIR_OK;
    }
    r->tried = n;
    if (!last || weir_full(cx)) return WEIR_OK;
    return weir_fail(cx, WEIR_E_PLUGIN, "file '%s': the decoder '%s' left %zu bytes undecoded at byte %" PRId64,
                     r->piece->path, r->format->component->id, n, r->offset);
}

/* Decodes, or finds out that the piece is at its end. WEIR_NONE: more bytes are needed. */
static weir_progress take_records(struct reader *r, weir_ctx *cx, int64_t max_rows)
{
    size_t used;
    find_finish(r);
    if (r->finish >= 0 && r->offset >= r->finish) {
        note_position(r);
        return WEIR_DONE;
    }
    if (decode(r, cx, max_rows, &used) != WEIR_OK) return WEIR_FAILED;
    if (used > 0 || weir_full(cx)) return WEIR_MADE;
    if ((int64_t)(r->end - r->first) <= r->max_record) return WEIR_NONE;
    return give_up_record(r, cx) == WEIR_OK ? WEIR_MADE : WEIR_FAILED;
}

weir_progress reader_step(struct reader *r, weir_ctx *cx, int64_t max_rows)
{
    for (int tries = 0; tries < TRIES; tries++) {
        if (r->seeking && seek(r, cx) != WEIR_OK) return WEIR_FAILED;
        if (!r->seeking) {
            weir_progress p = take_records(r, cx, max_rows);
            if (p != WEIR_NONE) return p;
        }
        if (!r->eof && fill(r, cx) != WEIR_OK) return WEIR_FAILED;
    }
    return WEIR_MADE;
}
