/* operator/watermarker.h - timestamps and watermarks for one stream of rows: a split of a source, or a subtask of a TIME
 * node.
 *
 * One thread. The rows' time becomes the timestamp field; the generator looks at them; where a watermark must follow a
 * certain row, the rows are cut
 * there by slicing. A row goes on before the generator sees it (A4: a punctuated watermark follows its element).
 */
#ifndef WEIR_OPERATOR_WATERMARKER_H
#define WEIR_OPERATOR_WATERMARKER_H

#include "graph/stream_graph.h"
#include "operator/instance.h"
#include "time/watermark.h"

struct weir_watermarker {
    const struct weir_time_config *config;
    struct weir_op *op;
    struct weir_instance *generator; /* NULL: timestamps only */
    const weir_watermark_generator *vtable;
    struct weir_idleness idleness;
    int64_t last; /* watermark of this stream; INT64_MIN at first */
    bool opened;
};
struct weir_watermarker_target {
    weir_status (*rows)(void *arg, struct weir_rows *);     /* takes them */
    weir_status (*watermark)(void *arg, int64_t watermark); /* grew */
    void *arg;
};

WEIR_CHECKED weir_status weir_watermarker_init(struct weir_watermarker *, const struct weir_time_config *, struct weir_op *,
                                               struct weir_registry *, struct weir_schema *schema, struct weir_error *);
void weir_watermarker_finish(struct weir_watermarker *);
WEIR_CHECKED weir_status weir_watermarker_open(struct weir_watermarker *);
void weir_watermarker_close(struct weir_watermarker *); /* where open was called, also when it failed */

/* Takes the rows (an owned header: time is set in it). */
WEIR_CHECKED weir_status weir_watermarker_rows(struct weir_watermarker *, struct weir_rows *,
                                               const struct weir_watermarker_target *);
/* The periodic emission. *idle is set when the stream has just been found idle. */
WEIR_CHECKED weir_status weir_watermarker_tick(struct weir_watermarker *, int64_t now_ms,
                                               const struct weir_watermarker_target *, bool *idle);

#endif
