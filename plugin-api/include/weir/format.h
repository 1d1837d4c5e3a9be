/* weir/format.h - bytes to records and back. Formats are parts of sources and sinks, through options of type component;
 * their context is their owner's: a decoder emits on port 0 of the source. An owner that called open calls close, once, also
 * when open failed. */
#ifndef WEIR_FORMAT_H
#define WEIR_FORMAT_H

#include <weir/host.h>

/* The bytes a decoder is about to see. */
typedef struct weir_stream {
    uint32_t struct_size, reserved;
    const char *name; /* file path, host:port: for messages and rejected records; valid until the next begin or close */
    int64_t offset;   /* of the first byte that decode will be given, in the decompressed stream */
    weir_str head;    /* when offset > 0: the first bytes (up to 64 KiB) of the stream, for formats with a header */
} weir_stream;

/* Required: begin, decode. The others may be NULL. */
typedef struct weir_decoder {
    uint32_t struct_size, flags;
    weir_status (*open)(void *self, weir_ctx *); /* [task] may be NULL */

    /* [task] A new stream of bytes starts; forget the last one. */
    weir_status (*begin)(void *self, weir_ctx *, const weir_stream *);

    /* [task] Decodes whole records from data[0..n): puts and emits them, with time WEIR_NO_TIME, or rejects them. Sets
     * *used to the bytes consumed, which end at a record's end. Stops after max_rows records or when weir_full(cx); used < n
     * then, or when the rest is no whole record. With `last`, the stream ends at n and an unfinished record counts as
     * one. Not WEIR_OK: stop. */
    weir_status (*decode)(void *self, weir_ctx *, const void *data, size_t n, bool last, int64_t max_rows, size_t *used);

    /* [any] NULL, or false: a stream must be read from its start. */
    bool (*splittable)(const void *self);
    /* [any] Where the first record starts that begins after data[0]: sets *at and returns true; false when it is not in
     * data[0..n). data[0] is any byte of the stream. *at may be n: the record starts with the first byte not at hand. */
    bool (*boundary)(const void *self, const void *data, size_t n, size_t *at);

    void (*close)(void *self, weir_ctx *); /* may be NULL */
} weir_decoder;

/* Required: encode. The others may be NULL. */
typedef struct weir_encoder {
    uint32_t struct_size, flags;
    /* [task] The schema is input_schema(cx, 0) of the sink that owns it. The fields declared as .in are in it, somewhere,
     * each of its type, and without nulls where it is declared without '?'. */
    weir_status (*open)(void *self, weir_ctx *);
    weir_status (*begin)(void *self, weir_ctx *, weir_blob *to); /* a new file or stream starts: header */
    weir_status (*encode)(void *self, weir_ctx *, const weir_batch *, int64_t from, int64_t until, weir_blob *to);
    weir_status (*end)(void *self, weir_ctx *, weir_blob *to); /* trailer; may be NULL */
    void (*close)(void *self, weir_ctx *);
} weir_encoder;

#endif
