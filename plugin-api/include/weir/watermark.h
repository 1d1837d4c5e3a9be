/* weir/watermark.h - watermark generators. A source has one per split, any other node one per subtask. They look at times
 * alone, or declare .in = "*" and choose fields by options (WEIR_OPT_FIELD). */
#ifndef WEIR_WATERMARK_H
#define WEIR_WATERMARK_H

#include <weir/host.h>

typedef struct weir_watermark_generator {
    uint32_t struct_size, flags;
    weir_status (*open)(void *self, weir_ctx *); /* [task] may be NULL */

    /* [task] Looks at rows *row .. length-1 (timestamps are assigned). To emit a watermark right after row r (a punctuated
     * one), sets *watermark, sets *row to r + 1 and returns; it is called again for the rest. Otherwise moves *row to
     * length and leaves *watermark alone. The host drops a watermark that is not larger than the last. */
    weir_status (*on_rows)(void *self, weir_ctx *, const weir_batch *, int64_t *row, int64_t *watermark);

    /* [task] The watermark as of now; INT64_MIN for none. Called every `interval`, at the end of input, and after every
     * record with `emit: every_record`. May be NULL: punctuated only. */
    weir_status (*on_periodic)(void *self, weir_ctx *, int64_t *watermark);
    void (*close)(void *self, weir_ctx *); /* [task] last call, also when open failed; may be NULL */
} weir_watermark_generator;

#endif
