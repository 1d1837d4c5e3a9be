/* data/arrow.h - batches to and from the Apache Arrow C data interface.
 *
 * Export shares buffers (zero-copy; the exported array keeps the rows alive); import shares the producer's buffers until the rows
 * are released, when the ArrowArray's release is called.
 */
#ifndef WEIR_DATA_ARROW_H
#define WEIR_DATA_ARROW_H

#include <weir/arrow.h>

#include "data/rows.h"

WEIR_CHECKED weir_status weir_arrow_export_schema(const struct weir_schema *, struct ArrowSchema *, struct weir_error *);
/* Compacted first if there is a selection. Event times are not part of the array. */
WEIR_CHECKED weir_status weir_arrow_export(struct weir_rows *, const struct weir_schema *, struct ArrowArray *, struct weir_error *);
/* A borrowed view (a plugin's batch), copied. */
WEIR_CHECKED weir_status weir_arrow_export_copy(const weir_batch *, struct ArrowArray *, struct weir_error *);

/* A struct array. Takes the schema and the array (releases both, on failure too). Unknown formats, wrong lengths, offsets that
 * go back or beyond the data are errors. Rows get time WEIR_NO_TIME. */
WEIR_CHECKED weir_status weir_arrow_import(struct ArrowSchema *, struct ArrowArray *, struct weir_schema **, struct weir_rows **,
                                           struct weir_error *);

#endif
