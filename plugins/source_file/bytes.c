/* bytes.c - see bytes.h. gzip files may hold several members and zstd files several frames, one after the other. A file
 * that ends inside one is an error: a cut download must not look like a short file. */
#include "bytes.h"

#include <inttypes.h>
#include <string.h>

#define IN_SIZE ((size_t)128 * 1024)

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n > m && strcmp(text + n - m, end) == 0;
}

enum codec bytes_codec_of(const char *path)
{
    if (ends_with(path, ".gz") || ends_with(path, ".gzip")) return CODEC_GZIP;
    return ends_with(path, ".zst") || ends_with(path, ".zstd") ? CODEC_ZSTD : CODEC_NONE;
}

static weir_status no_memory(const struct bytes *b, weir_ctx *cx)
{
    return weir_fail(cx, WEIR_E_MEMORY, "file '%s': no memory to decompress it", b->path);
}

static weir_status damaged(const struct bytes *b, weir_ctx *cx, const char *what)
{
    return weir_fail(cx, WEIR_E_DATA, "file '%s': damaged %s data before byte %" PRId64 " of the file: %s", b->path,
                     b->codec == CODEC_GZIP ? "gzip" : "zstd", b->at - (int64_t)(b->end - b->first), what);
}

/* ---- opening ------------------------------------------------------------------------------------------------ */

static voidpf gzip_alloc(voidpf cx, uInt items, uInt size)
{
    return ((weir_ctx *)cx)->host->alloc(cx, (size_t)items * size);
}
static void gzip_free(voidpf cx, voidpf p)
{
    ((weir_ctx *)cx)->host->release(cx, p);
}

static weir_status open_codec(struct bytes *b, weir_ctx *cx)
{
    if (b->codec == CODEC_NONE) return WEIR_OK;
    b->inside = true; /* an empty file is no compressed file */
    b->in = cx->host->alloc(cx, IN_SIZE);
    if (!b->in) return no_memory(b, cx);
    if (b->codec == CODEC_ZSTD) {
        b->zstd = ZSTD_createDStream();
        return b->zstd ? WEIR_OK : no_memory(b, cx);
    }
    b->gzip = (z_stream){.zalloc = gzip_alloc, .zfree = gzip_free, .opaque = cx};
    b->gzip_open = inflateInit2(&b->gzip, 15 + 16) == Z_OK; /* the largest window, gzip only */
    return b->gzip_open ? WEIR_OK : no_memory(b, cx);
}

weir_status bytes_open(struct bytes *b, weir_ctx *cx, const char *path, enum codec codec, int64_t offset)
{
    weir_io_error e = {0};
    *b = (struct bytes){.io = weir_io_of(cx), .path = path, .codec = codec, .at = offset};
    weir_status s = b->io->open(cx, path, WEIR_FILE_READ, &b->file, &e);
    if (s != WEIR_OK) {
        b->file = NULL;
        return weir_fail(cx, s, "%s", e.message);
    }
    s = open_codec(b, cx);
    if (s != WEIR_OK) bytes_close(b, cx);
    return s;
}

void bytes_close(struct bytes *b, weir_ctx *cx)
{
    weir_io_error ignored;
    if (b->file) b->io->close(cx, b->file, &ignored);
    if (b->gzip_open) inflateEnd(&b->gzip);
    ZSTD_freeDStream(b->zstd);
    cx->host->release(cx, b->in);
    *b = (struct bytes){0};
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

static weir_status read_file(struct bytes *b, weir_ctx *cx, void *to, size_t n, size_t *got)
{
    weir_io_error e = {0};
    weir_status s = b->io->read(cx, b->file, b->at, to, n, got, &e);
    if (s != WEIR_OK) return weir_fail(cx, s, "%s (at byte %" PRId64 ")", e.message, b->at);
    b->at += (int64_t)*got;
    return WEIR_OK;
}

/* More compressed bytes; *more is false at the end of the file, which must not be inside a member or frame. */
static weir_status refill(struct bytes *b, weir_ctx *cx, bool *more)
{
    b->first = b->end = 0;
    weir_status s = read_file(b, cx, b->in, IN_SIZE, &b->end);
    *more = b->end > 0;
    if (s == WEIR_OK && !*more && b->inside) return damaged(b, cx, "the file ends too early");
    b->inside |= *more;
    return s;
}

/* One run of inflate over what is there. */
static weir_status inflate_some(struct bytes *b, weir_ctx *cx, uint8_t *to, size_t n, size_t *made)
{
    b->gzip.next_in = b->in + b->first;
    b->gzip.avail_in = (uInt)(b->end - b->first);
    b->gzip.next_out = to;
    b->gzip.avail_out = (uInt)(n < UINT32_MAX ? n : UINT32_MAX);
    uInt room = b->gzip.avail_out;
    int r = inflate(&b->gzip, Z_NO_FLUSH);
    b->first = b->end - b->gzip.avail_in;
    *made = room - b->gzip.avail_out;
    if (r == Z_OK || r == Z_BUF_ERROR) return WEIR_OK;
    if (r == Z_MEM_ERROR) return no_memory(b, cx);
    if (r != Z_STREAM_END) return damaged(b, cx, b->gzip.msg ? b->gzip.msg : "it cannot be decompressed");
    b->inside = b->first < b->end; /* another member follows, or something that is none: inflate will say so */
    return inflateReset(&b->gzip) == Z_OK ? WEIR_OK : no_memory(b, cx);
}

static weir_status unzstd_some(struct bytes *b, weir_ctx *cx, uint8_t *to, size_t n, size_t *made)
{
    ZSTD_inBuffer in = {b->in, b->end, b->first};
    ZSTD_outBuffer out = {to, n, 0};
    size_t r = ZSTD_decompressStream(b->zstd, &out, &in);
    b->first = in.pos;
    *made = out.pos;
    if (ZSTD_isError(r)) return damaged(b, cx, ZSTD_getErrorName(r));
    b->inside = r != 0 || b->first < b->end;
    return WEIR_OK;
}

weir_status bytes_read(struct bytes *b, weir_ctx *cx, void *to, size_t n, size_t *got)
{
    uint8_t *out = to;
    *got = 0;
    if (b->codec == CODEC_NONE) return read_file(b, cx, to, n, got);
    while (*got < n) {
        size_t made = 0;
        if (b->inside) { /* also without input: output may be waiting inside the codec */
            weir_status s = b->codec == CODEC_GZIP ? inflate_some(b, cx, out + *got, n - *got, &made)
                                                   : unzstd_some(b, cx, out + *got, n - *got, &made);
            if (s != WEIR_OK) return s;
            *got += made;
        }
        if (*got == n || b->first < b->end || made > 0) continue;
        bool more;
        weir_status s = refill(b, cx, &more);
        if (s != WEIR_OK || !more) return s;
    }
    return WEIR_OK;
}
