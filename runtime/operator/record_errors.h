/* operator/record_errors.h - records that an expression or a C function failed on. They fail the job, are dropped and
 * counted, or leave on port 1 with the message as their last field, as the node says.
 *
 * Floor 5. Subtask's thread. An operator notes the errors of a batch, in any order, and ends the batch with
 * weir_record_errors_emit, which leaves the list empty.
 */
#ifndef WEIR_OPERATOR_RECORD_ERRORS_H
#define WEIR_OPERATOR_RECORD_ERRORS_H

#include "expr/expr.h"
#include "graph/stream_graph.h"
#include "operator/op.h"

struct weir_record_error {
    int64_t row;
    uint32_t order;      /* of what failed among what the node computes: of each row, the first is told */
    const char *message; /* borrowed until the batch has ended */
    const char *text;    /* what was computed, and the part of it that failed; borrowed likewise */
    size_t offset, length;
};
struct weir_record_errors { /* zeroed is empty */
    struct weir_record_error *items;
    size_t n, capacity;
};
void weir_record_errors_add(struct weir_record_errors *, struct weir_record_error);
/* Those of the run's last evaluation. */
void weir_record_errors_add_run(struct weir_record_errors *, uint32_t order, const struct weir_expr *,
                                const struct weir_expr_run *);
void weir_record_errors_finish(struct weir_record_errors *);

/* Emits `out` (taken), made of `rows`, without the rows that have errors, and does with those what the node says. */
WEIR_CHECKED weir_status weir_record_errors_emit(struct weir_op *, const struct weir_stream_node *,
                                                 struct weir_record_errors *, struct weir_rows *rows, struct weir_rows *out);

#endif
