/* data/rows.h - a batch in the runtime: immutable once emitted, shared by reference count.
 *
 * struct weir_rows wraps the ABI's weir_batch with the buffers that its columns point into. Slicing, selecting columns,
 * and passing columns through share buffers; nothing is copied but headers. Headers are recycled through the pool like
 * buffers. Any thread may retain and release; everything else is on the thread that holds it.
 *
 * Invariants: (1) view.length == number of physical rows, view.n_columns == number of columns of the stream's schema; (2)
 * column i has the schema's type i; validity is NULL when it has no null; (3) view.time is never NULL; (4) if
 * view.selection is set, bit i says whether row i exists, and view.selected counts them.
 */
#ifndef WEIR_DATA_ROWS_H
#define WEIR_DATA_ROWS_H

#include <weir/data.h>

#include "base/error.h"
#include "data/pool.h"
#include "data/schema.h"

#define WEIR_BATCH_ROWS 1024 /* default capacity of a batch, rows */

/* Hash and key group of each row's key, computed once at key_by and carried along. */
struct weir_row_keys {
    const uint64_t *hash;       /* NULL: the stream is not keyed */
    const uint16_t *key_group;  /* 0 .. max_parallelism-1 */
    struct weir_buffer *buffer; /* owns both */
};

struct weir_rows {
    _Atomic uint32_t refs;
    uint32_t n_owned;
    weir_batch view;
    weir_column *columns;       /* view.columns */
    struct weir_buffer **owned; /* each with a reference of ours */
    struct weir_rows *kept[2];  /* rows whose memory we point into, with a reference each; NULL: none */
    size_t bytes;               /* of the buffers, those of `kept` too */
    struct weir_row_keys keys;
    uint64_t split;             /* source split the rows came from, while they are in the source's chain */
    struct weir_buffer *header; /* the memory of this struct */
};

/* A header for n_columns columns and up to n_owned buffers; length 0, columns zeroed. NULL: no memory. pool may be NULL. */
struct weir_rows *weir_rows_create(struct weir_pool *, uint32_t n_columns, uint32_t n_owned);
void weir_rows_own(struct weir_rows *, struct weir_buffer *); /* takes the caller's reference */
/* Columns of the first point into the memory of `of`, which lives as long: of two others at most. */
void weir_rows_keep(struct weir_rows *, struct weir_rows *of);
struct weir_rows *weir_rows_retain(struct weir_rows *);
void weir_rows_release(struct weir_rows *); /* NULL is fine */

/* Rows [from, from + n) as new rows that share the buffers. Only a slice that is the whole may have a selection, and
 * keeps it. */
struct weir_rows *weir_rows_slice(struct weir_pool *, struct weir_rows *, int64_t from, int64_t n);
/* A header for n_columns columns, which the caller sets, that shares the buffers of rows and may own n_owned more.
 * Keeps length, time, keys, selection. */
struct weir_rows *weir_rows_derive(struct weir_pool *, struct weir_rows *, uint32_t n_columns, uint32_t n_owned);
/* The columns `picks[0..n)` of rows, as new rows that share the buffers. Keeps time, keys, selection. */
struct weir_rows *weir_rows_project(struct weir_pool *, struct weir_rows *, const uint32_t *picks, uint32_t n);
/* The same rows, of which only those exist whose bit is set in `bits` (a reference of the caller's, taken also on failure);
 * `selected` is how many. `rows` has no selection, or one that `bits` lies within. */
struct weir_rows *weir_rows_select(struct weir_pool *, struct weir_rows *, struct weir_buffer *bits, int64_t selected);
/* The rows whose selection bit is set, copied together; rows itself (retained) when there is no selection. */
struct weir_rows *weir_rows_compact(struct weir_pool *, struct weir_rows *);
/* Rows origin[0..n) of `rows`, copied, in that order (duplicates fine). */
struct weir_rows *weir_rows_gather(struct weir_pool *, struct weir_rows *, const uint32_t *origin, int64_t n);

/* How many of the first n bits are set. */
int64_t weir_bits_count(const uint8_t *bits, int64_t n);
/* Their numbers, in order; returns how many. `to` has room for WEIR_INDEXES_MORE more than there are. */
int64_t weir_bits_indexes(const uint8_t *bits, int64_t n, uint32_t *to);
#define WEIR_INDEXES_MORE 8

/* The rows of all of them, one after the other, copied: n > 0 batches of one stream without selections, that have keys all
 * or none. NULL: no memory, or values of more bytes than a batch can hold. */
struct weir_rows *weir_rows_join(struct weir_pool *, struct weir_rows *const *parts, uint32_t n);

/* Copies source rows origin[0..n) of one column into fresh buffers owned by `into` and sets `into`'s column c. */
WEIR_CHECKED weir_status weir_rows_gather_column(struct weir_pool *, struct weir_rows *into, uint32_t c,
                                                 const weir_column *source, const uint32_t *origin, int64_t n);

#endif
