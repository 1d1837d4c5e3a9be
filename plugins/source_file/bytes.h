/* bytes.h - the bytes of a file, decompressed on the way. One thread. */
#ifndef SOURCE_FILE_BYTES_H
#define SOURCE_FILE_BYTES_H

#include <weir/io.h>
#include <zlib.h>
#include <zstd.h>

enum codec { CODEC_NONE, CODEC_GZIP, CODEC_ZSTD };

struct bytes { /* zeroed is closed */
    const weir_io *io;
    weir_file *file;
    const char *path; /* borrowed */
    enum codec codec;
    int64_t at;       /* of the file: what is read next */
    uint8_t *in;      /* compressed bytes read and not yet used: in[first .. end) */
    size_t first, end;
    bool inside;      /* a gzip member or zstd frame has begun and not ended */
    z_stream gzip;
    bool gzip_open;
    ZSTD_DStream *zstd;
};

/* The codec that a file name's suffix tells. */
enum codec bytes_codec_of(const char *path);

/* Starts at byte `offset` of the file; with a codec offset must be 0. path must outlive bytes. After a failure: closed. */
weir_status bytes_open(struct bytes *, weir_ctx *, const char *path, enum codec, int64_t offset);
/* The next bytes; fewer than n only at the end. Damaged or cut compressed data is an error that names the place. */
weir_status bytes_read(struct bytes *, weir_ctx *, void *to, size_t n, size_t *got);
void bytes_close(struct bytes *, weir_ctx *);

#endif
