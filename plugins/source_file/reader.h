/* reader.h - the records of one split of one file. One thread. */
#ifndef SOURCE_FILE_READER_H
#define SOURCE_FILE_READER_H

#include <weir/format.h>

#include "bytes.h"

/* A piece of a file: the records that begin in bytes [from, until) of it. */
struct piece {
    uint64_t id;
    char *path; /* owned by whoever holds the piece */
    enum codec codec;
    int64_t from, until; /* until: INT64_MAX = to the end */
    int64_t size;        /* a plain file had this many bytes when it was listed; -1: unknown */
    int64_t at;          /* the next record's offset in the decompressed bytes; INT64_MAX: done; -1: not begun */
    bool seeking;        /* `at` is inside a record that was given up: the next one is yet to be found */
};

struct reader { /* zeroed is closed */
    struct piece *piece;
    const weir_part *format;
    int64_t max_record;
    struct bytes bytes;
    uint8_t *data;                /* data[first .. end) is read and not decoded */
    size_t first, end, capacity;
    size_t tried;                 /* bytes from `first` in which the decoder found no whole record */
    int64_t offset;               /* of data[first] */
    int64_t finish;               /* where the piece's last record ends; -1: not known yet */
    bool eof, seeking;
    uint8_t *head;                /* first bytes of the stream, when the piece starts further on */
    size_t head_length;
};

/* Opens the piece's file and goes to its first record. piece and format must outlive the reader. Close after a failure too.
 */
weir_status reader_open(struct reader *, weir_ctx *, struct piece *, const weir_part *format, int64_t max_record);
/* Decodes up to max_rows records and keeps piece->at: WEIR_MADE, WEIR_DONE at the end of the piece, WEIR_FAILED. */
weir_progress reader_step(struct reader *, weir_ctx *, int64_t max_rows);
void reader_leave(struct reader *, weir_ctx *); /* closes the file, keeps the buffer for the next piece */
void reader_close(struct reader *, weir_ctx *);

#endif
