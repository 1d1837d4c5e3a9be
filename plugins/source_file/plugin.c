/* source_file - the records of a file, of a directory's files or of those a glob matches.
 *
 * A plain file whose format can be entered anywhere is cut into pieces by byte ranges, so that one large file is read by
 * all subtasks; every other file is one piece. Pieces are described in words that add_split reads back:
 *   "bytes 0-1048576 of data/a.csv"    "all 5120 bytes of data/b.csv"    "all of data/c.csv.gz"
 * A position is the offset of the next record (of the decompressed bytes) and whether that record is yet to be found.
 * Pieces are read one after the other. How one is read: reader.c; compression: bytes.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <weir/udf.h>

#include "reader.h"

#define MIN_PIECE ((int64_t)1024 * 1024)
#define MAX_PIECES 1000000 /* of one file */

typedef struct file_source {
    const char *path;
    weir_part format;
    int32_t compression;
    int64_t split_size, max_record;
    bool whole_files;

    struct piece *pieces; /* in the order given; those before `current` are done */
    uint32_t n_pieces, current;
    struct reader reader;
    bool opened, reading;
} file_source;
enum { COMPRESSION_AUTO, COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD };

static const weir_decoder *decoder_of(const file_source *me)
{
    return me->format.vtable;
}

static enum codec codec_of(const file_source *me, const char *path)
{
    if (me->compression == COMPRESSION_GZIP) return CODEC_GZIP;
    if (me->compression == COMPRESSION_ZSTD) return CODEC_ZSTD;
    return me->compression == COMPRESSION_NONE ? CODEC_NONE : bytes_codec_of(path);
}

/* ---- discovery ---------------------------------------------------------------------------------------------- */

struct discovery {
    const file_source *me;
    weir_ctx *cx;
    weir_add_split *add;
    void *to;
    uint64_t n_files;
    weir_status status; /* not WEIR_OK: a message was given */
};

/* FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/): the same piece has the same id at every start. */
static uint64_t id_of(const char *text, size_t n)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)text[i]) * 0x100000001b3u;
    return h;
}

/* What is read: [from, until) of a file; until 0: all of it; size -1: of unknown length. */
static weir_status add_piece(struct discovery *d, const char *path, int64_t from, int64_t until, int64_t size)
{
    size_t capacity = strlen(path) + 80;
    char *text = d->cx->host->alloc(d->cx, capacity);
    int n;
    if (!text) return weir_fail(d->cx, WEIR_E_MEMORY, "no memory for a split of '%s'", path);
    if (until > 0) n = snprintf(text, capacity, "bytes %" PRId64 "-%" PRId64 " of %s", from, until, path);
    else if (size >= 0) n = snprintf(text, capacity, "all %" PRId64 " bytes of %s", size, path);
    else n = snprintf(text, capacity, "all of %s", path);
    weir_split split = {.struct_size = sizeof split, .id = id_of(text, (size_t)n), .description = {text, (size_t)n}};
    weir_status s = d->add(d->to, &split);
    d->cx->host->release(d->cx, text);
    return s;
}

static weir_status add_pieces(struct discovery *d, const char *path, int64_t size)
{
    int64_t parallelism = weir_about(d->cx)->parallelism;
    int64_t each = d->me->split_size;
    if (each == 0) each = size / parallelism + 1 > MIN_PIECE ? size / parallelism + 1 : MIN_PIECE;
    if (size / each > MAX_PIECES) {
        return weir_fail(d->cx, WEIR_E_CONFIG,
                         "split_size: %" PRId64
                         " bytes would cut '%s' into more than %d pieces; make it larger, or leave it out",
                         each, path, MAX_PIECES);
    }
    weir_status s = WEIR_OK;
    for (int64_t from = 0; from < size && s == WEIR_OK; from += each) {
        s = add_piece(d, path, from, size - from > each ? from + each : size, size);
    }
    return s;
}

/* Files that are not ready or not data by custom: ".part-0.csv.inprogress", "_SUCCESS". */
static bool is_hidden(const char *path)
{
    const char *slash = strrchr(path, '/');
    char first = slash ? slash[1] : path[0];
    return first == '.' || first == '_';
}

static weir_status found_file(void *to, const char *path, bool is_directory, int64_t size)
{
    struct discovery *d = to;
    const file_source *me = d->me;
    const weir_decoder *decoder = decoder_of(me);
    bool named = strcmp(path, me->path) == 0 || strpbrk(me->path, "*?[");
    if (is_directory || (!named && is_hidden(path))) return WEIR_OK;
    d->n_files++;
    bool plain = codec_of(me, path) == CODEC_NONE;
    bool cut = plain && size > 0 && !me->whole_files && decoder->splittable && decoder->boundary &&
               decoder->splittable(me->format.self);
    if (cut) d->status = add_pieces(d, path, size);
    else d->status = add_piece(d, path, 0, 0, plain && size > 0 ? size : -1); /* size 0: also pipes and devices */
    return d->status;
}

static weir_status file_discover(void *self, weir_ctx *cx, weir_add_split *add, void *to)
{
    const file_source *me = self;
    const weir_io *io = weir_io_of(cx);
    weir_io_error e = {0};
    struct discovery d = {.me = me, .cx = cx, .add = add, .to = to};
    if (!io) return weir_fail(cx, WEIR_E_PLUGIN, "this host has no " WEIR_IO);
    weir_status s = io->list(cx, me->path, found_file, &d, &e);
    if (d.status != WEIR_OK) return d.status;
    if (s != WEIR_OK) return weir_fail(cx, s, "path: %s", e.message);
    if (d.n_files > 0) return WEIR_OK;
    return weir_fail(
        cx, WEIR_E_IO, /* as where a file that is named is not there */
        "path '%s': no file found; a directory is not searched below its first level, and its files that begin with '.' "
        "or '_' are left out",
        me->path);
}

/* ---- splits of this subtask --------------------------------------------------------------------------------- */

static weir_status file_open(void *self, weir_ctx *cx)
{
    file_source *me = self;
    const weir_decoder *d = decoder_of(me);
    if (!weir_io_of(cx)) return weir_fail(cx, WEIR_E_PLUGIN, "this host has no " WEIR_IO);
    me->opened = true; /* its close is called also when this fails */
    return d->open ? d->open(me->format.self, cx) : WEIR_OK;
}

/* Reads a description back; p->path then begins inside `text`. */
static bool parse_description(char *text, struct piece *p)
{
    static const char all[] = "all of";
    int path_at = 0;
    p->until = INT64_MAX;
    p->size = -1;
    if (sscanf(text, "bytes %" SCNd64 "-%" SCNd64 " of%n", &p->from, &p->until, &path_at) < 2 || path_at == 0) {
        p->from = 0;
        p->until = INT64_MAX;
        if (sscanf(text, "all %" SCNd64 " bytes of%n", &p->size, &path_at) < 1 || path_at == 0) {
            p->size = -1;
            path_at = strncmp(text, all, sizeof all - 1) == 0 ? (int)sizeof all - 1 : 0;
        }
    }
    p->path = text + path_at + 1;
    return path_at > 0 && text[path_at] == ' ' && *p->path;
}

#define POSITION_SIZE (sizeof(int64_t) + 1)

static weir_status file_add_split(void *self, weir_ctx *cx, const weir_split *split, const void *position, size_t n)
{
    file_source *me = self;
    struct piece p = {.id = split->id, .at = -1};
    struct piece *grown = cx->host->resize(cx, me->pieces, (me->n_pieces + 1) * sizeof *grown);
    if (!grown) return weir_fail(cx, WEIR_E_MEMORY, "no memory for %u splits", me->n_pieces + 1);
    me->pieces = grown;
    char *text = cx->host->alloc(cx, split->description.n + 1);
    if (!text) return weir_fail(cx, WEIR_E_MEMORY, "no memory for a split");
    memcpy(text, split->description.p, split->description.n);
    text[split->description.n] = 0;
    if (!parse_description(text, &p)) {
        weir_fail(cx, WEIR_E_BUG, "'%s' is no split of a file source", text);
        cx->host->release(cx, text);
        return WEIR_E_BUG;
    }
    memmove(text, p.path, strlen(p.path) + 1);
    p.path = text;
    p.codec = codec_of(me, text);
    if (n == POSITION_SIZE) {
        memcpy(&p.at, position, sizeof p.at);
        p.seeking = ((const char *)position)[sizeof p.at] != 0;
    }
    me->pieces[me->n_pieces++] = p;
    return WEIR_OK;
}

static weir_status file_position(void *self, weir_ctx *cx, int64_t checkpoint, const weir_split *split, void *buf,
                                 size_t cap, size_t *n)
{
    const file_source *me = self;
    (void)cx;
    (void)checkpoint;
    *n = 0;
    for (uint32_t i = 0; i < me->n_pieces; i++) {
        const struct piece *p = &me->pieces[i];
        if (p->id != split->id || p->at < 0 || cap < POSITION_SIZE) continue;
        memcpy(buf, &p->at, sizeof p->at);
        ((char *)buf)[sizeof p->at] = (char)p->seeking;
        *n = POSITION_SIZE;
    }
    return WEIR_OK;
}

static weir_progress file_poll(void *self, weir_ctx *cx, int64_t max_rows)
{
    file_source *me = self;
    if (me->current == me->n_pieces) return WEIR_DONE;
    struct piece *p = &me->pieces[me->current];
    me->reader.piece = p; /* a split that was added meanwhile may have moved the pieces */
    if (!me->reading) {
        me->reading = true;
        if (cx->host->split_begin(cx, p->id) != WEIR_OK) return WEIR_FAILED;
        if (reader_open(&me->reader, cx, p, &me->format, me->max_record) != WEIR_OK) return WEIR_FAILED;
    }
    weir_progress progress = reader_step(&me->reader, cx, max_rows);
    if (progress != WEIR_DONE) return progress;
    me->reading = false;
    me->current++;
    reader_leave(&me->reader, cx);
    if (cx->host->split_done(cx, p->id) != WEIR_OK) return WEIR_FAILED;
    return me->current == me->n_pieces ? WEIR_DONE : WEIR_MADE;
}

static void file_close(void *self, weir_ctx *cx)
{
    file_source *me = self;
    reader_close(&me->reader, cx);
    if (me->opened && decoder_of(me)->close) decoder_of(me)->close(me->format.self, cx);
    for (uint32_t i = 0; i < me->n_pieces; i++) cx->host->release(cx, me->pieces[i].path);
    cx->host->release(cx, me->pieces);
    me->pieces = NULL;
    me->n_pieces = 0;
    me->opened = me->reading = false;
}

/* ---- declaration -------------------------------------------------------------------------------------------- */

static const char *const compressions[] = {"auto", "none", "gzip", "zstd", NULL};
static const weir_source file_vtable = {
    .struct_size = sizeof(weir_source),
    .discover = file_discover,
    .open = file_open,
    .add_split = file_add_split,
    .poll = file_poll,
    .position = file_position,
    .close = file_close,
};
static const weir_option file_options[] = {
    WEIR_OPTION(file_source, path, .flags = WEIR_PATH, .doc = "a file, a directory, or a glob such as logs/*.gz"),
    WEIR_OPTION(file_source, format, .accepts = WEIR_DECODER, .doc = "how the bytes are decoded"),
    WEIR_OPTION(file_source, compression, .def = "auto", .choices = compressions,
                .doc = "auto: by the suffix .gz .gzip .zst .zstd of each file"),
    WEIR_OPTION_OF(file_source, split_size, WEIR_OPT_SIZE, .def = "0", .min = "0",
                   .doc = "size of the pieces a large file is cut into; 0: one per subtask, of at least 1 MiB"),
    WEIR_OPTION(file_source, whole_files, .def = "false", .doc = "never cut a file: one split per file"),
    WEIR_OPTION_OF(file_source, max_record, WEIR_OPT_SIZE, .def = "16MiB", .min = "1KiB", .max = "1GiB",
                   .doc = "a longer record is malformed"),
};
WEIR_COMPONENT(file_source, WEIR_SOURCE, file_vtable, .id = "file", .doc = "the records of files", .out = "$format",
               .flags = WEIR_REPLAYABLE, WEIR_OPTIONS(file_options));
WEIR_PLUGIN("weir.source_file", "0.1.0", &file_source_component);
