/* csv.h - the decoder's options and what it holds while it reads. One thread. */
#ifndef FORMAT_CSV_CSV_H
#define FORMAT_CSV_CSV_H

#include <inttypes.h>
#include <weir/cells.h>
#include <weir/lines.h>
#include <weir/udf.h>

#include "marks.h"

#ifndef MOST_FIELDS      /* a test has fewer */
#define MOST_FIELDS 1024 /* of the records put in one go, unless one record has more */
#define MOST_ROWS   256
#endif

/* A field as it stands in the bytes. A length of 4 GiB or more is noted as UINT32_MAX: no column takes either. */
typedef struct field {
    const char *p;
    uint32_t n;
    bool quoted, doubled; /* doubled: holds quotes written twice */
} field;

/* The bytes at hand and the marks of the window that begins at `base`. */
typedef struct scan {
    const char *data;
    size_t n, base;
    uint32_t next;  /* of marks.at: the first not yet taken */
    uint32_t plain; /* so many records from there on have their fields in the list of marks; 0: none, or nobody looked */
    bool high;      /* a byte above 0x7F in the window or in one before it since the flag was last set */
    marks_of of;
    marks_find *find;
    marks marks;
} scan;

typedef struct record {
    size_t start, end, next; /* its text is start .. end, the next record starts at next */
    uint32_t n_fields;
    const char *fault; /* why it is no CSV; NULL: it is */
} record;

typedef struct csv {
    bool header, trim, multiline;
    const char *delimiter, *quote, *null, *timestamps;

    size_t null_n;
    weir_cell_times times;
    uint32_t at_once;               /* so many integers by SIMD: 4, 1 or 0 */
    const weir_schema_view *schema; /* of the columns written */

    const char *name; /* of the stream */
    int64_t offset;   /* in the stream, of the first byte at hand */
    bool fresh, needs_header;
    bool looks;        /* whether the first record is the names of the columns, though no header is expected */
    int64_t names_end; /* in the stream, where it ends if it is; else 0 */
    int32_t *targets;  /* by field of the file: column, or -1 */
    field *fields;     /* of rows, one after the other */
    uint32_t n_fields; /* of the file */
    uint32_t capacity; /* fields that one record may have: length of targets; that of fields is at least MOST_FIELDS */

    scan scan;
    record rows[MOST_ROWS]; /* whole records with the right number of fields, to be put together */
    uint32_t n_rows;
    bool plain; /* instead they are plain ones of the window, the first mark of which is number plain_first */
    uint32_t plain_first;
    field column[MOST_ROWS]; /* one field of each plain one */
    bool ascii;              /* all of them are */

    char *single; /* a field with its doubled quotes made single */
    size_t single_size;
    weir_status status; /* what the host said when a put failed for want of memory */
} csv;

#endif
