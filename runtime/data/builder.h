/* data/builder.h - output rows under construction: the memory behind weir_out.
 *
 * A builder fills columns of a schema; columns the component writes are exposed through the ABI's weir_out, in the order of
 * `written`. Taking the rows hands the filled buffers over as immutable weir_rows and starts afresh with recycled ones.
 * One thread.
 */
#ifndef WEIR_DATA_BUILDER_H
#define WEIR_DATA_BUILDER_H

#include <weir/data.h>

#include "data/rows.h"

struct weir_builder {
    weir_out out; /* what the component sees; out.columns[i] is column written[i] of the schema */
    struct weir_pool *pool;
    struct weir_schema *schema;
    uint32_t *written, n_written;
    weir_out_column *columns;      /* out.columns */
    struct weir_buffer *fixed;     /* values of the columns of fixed size, and times behind them; NULL: there are none */
    size_t *fixed_at, fixed_bytes; /* where they lie, by written column and then times; how large it is */
    struct weir_buffer **data, **validity, **offsets; /* by written column; data: of variable ones and bools */
    struct weir_buffer **spare;                       /* the next ones, while rows are taken */
    struct weir_buffer *origin;
    bool wants_time, wants_origin;
};

/* `written`: indexes of schema columns that are written here (NULL: all of them). Capacity in rows. wants_time = false:
 * out.time is NULL (one-to-one); wants_origin = false: out.origin is NULL. */
WEIR_CHECKED weir_status weir_builder_init(struct weir_builder *, struct weir_pool *, struct weir_schema *,
                                           const uint32_t *written, uint32_t n_written, int64_t capacity, bool wants_time,
                                           bool wants_origin, struct weir_error *);
void weir_builder_finish(struct weir_builder *); /* zeroed is fine */

/* Makes room for `more` bytes in variable column i (of written), after the bytes of rows 0..length-1 and of the row being
 * written. WEIR_E_MEMORY also when the column would be larger than its 32-bit offsets can say (2 GiB). */
WEIR_CHECKED weir_status weir_builder_reserve_bytes(struct weir_builder *, uint32_t i, size_t more);
/* Raises the capacity to at least `rows`; keeps what is there. */
WEIR_CHECKED weir_status weir_builder_reserve_rows(struct weir_builder *, int64_t rows);

/* The rows so far, with every *written* column set, and the others zeroed for the caller to fill (pass-through, key
 * columns); view.time is the builder's time, or NULL when it has none. origin (may be NULL out) is borrowed until the
 * next put. extra_owned: how many more buffers the caller will weir_rows_own. NULL: no memory. Resets the builder to
 * length 0. A variable column whose put was forgotten in some row is detected: *forgotten is then that column's index in
 * `written`, else -1. */
struct weir_rows *weir_builder_take(struct weir_builder *, uint32_t extra_owned, const uint32_t **origin,
                                    int32_t *forgotten);

/* Appends one cell from a column (same type): what copy() of the host does. Does not end the row. WEIR_E_DATA: a null
 * into a column without '?'. */
WEIR_CHECKED weir_status weir_builder_copy_cell(struct weir_builder *, uint32_t i, const weir_column *from, int64_t row);
/* Appends rows of an equal schema, the columns written here, times and origins too; stops when capacity is reached:
 * returns how many were appended, < 0: no memory, nothing was appended. */
int64_t weir_builder_append(struct weir_builder *, const weir_batch *, const uint32_t *picks,
                            int64_t n); /* picks NULL: 0..n-1 */

#endif
