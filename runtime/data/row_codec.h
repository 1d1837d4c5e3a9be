/* data/row_codec.h - one row as msgpack: an array with one element per field (docs/formats/row.md).
 *
 * bool, integers, floats, str, bin; timestamps as integers in ms; null as nil; `any` is the msgpack value itself (a nil
 * in it cannot be told from null). Written and read by the columns' types; nothing is built in between.
 */
#ifndef WEIR_DATA_ROW_CODEC_H
#define WEIR_DATA_ROW_CODEC_H

#include <weir/data.h>

#include "base/error.h"
#include "data/builder.h"

struct weir_key_bytes;
/* Appends the row to `to`. Fails for want of memory only. */
WEIR_CHECKED weir_status weir_row_pack(struct weir_key_bytes *to, const weir_batch *, int64_t row);
/* Puts the row into all columns of the builder at out.length; does not end the row. WEIR_E_DATA: not a row of this
 * schema. */
WEIR_CHECKED weir_status weir_row_unpack(const uint8_t *packed, size_t n, struct weir_builder *, struct weir_error *);

#endif
