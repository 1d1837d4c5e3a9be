/* data/arrow.h - batches to and from the Apache Arrow C data interface.
 *
 * Export shares buffers (the exported array keeps the rows alive) and copies nothing but bitmaps that begin inside a
 * byte; import shares the producer's buffers until the rows are released, when the ArrowArray's release is called, on
 * whatever thread that is.
 *
 * Formats are those of weir/abi.h. A field of type any is "z" with the metadata "weir.type" = "any". Import reads every
 * "tsm:" as UTC, whatever time zone it names for display, or none.
 */
#ifndef WEIR_DATA_ARROW_H
#define WEIR_DATA_ARROW_H

#include <weir/arrow.h>

#include "data/rows.h"

WEIR_CHECKED weir_status weir_arrow_export_schema(const struct weir_schema *, struct ArrowSchema *, struct weir_error *);
/* Compacted first if there is a selection. Event times are not part of the array. */
WEIR_CHECKED weir_status weir_arrow_export(struct weir_rows *, const struct weir_schema *, struct ArrowArray *,
                                           struct weir_error *);
/* A borrowed view (a plugin's batch), copied. */
WEIR_CHECKED weir_status weir_arrow_export_copy(const weir_batch *, struct ArrowArray *, struct weir_error *);

/* A struct array. Takes the schema and the array (releases both, on failure too). WEIR_E_DATA: unknown formats, wrong
 * lengths or numbers of buffers, nulls where the schema has none, offsets that go back, strings that are not UTF-8, any
 * cells that are not msgpack. (The interface does not say how long a buffer is, so that remains to be trusted.) Rows get
 * time WEIR_NO_TIME. */
WEIR_CHECKED weir_status weir_arrow_import(struct ArrowSchema *, struct ArrowArray *, struct weir_schema **,
                                           struct weir_rows **, struct weir_error *);

#endif
