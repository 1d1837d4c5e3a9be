/* job/restore.h - a deployment that goes on from a checkpoint or savepoint.
 *
 * Floor 8. Coordinator's thread, between the making of operators and their opening. Saved operators find theirs by the id of
 * the stream node. The maximum parallelism, which is the number of key groups, must be what it was; the parallelism may
 * change. An operator that is new starts empty; saved state that nobody takes is an error, since it would be lost silently,
 * unless that was allowed.
 */
#ifndef WEIR_JOB_RESTORE_H
#define WEIR_JOB_RESTORE_H

#include "checkpoint/saved.h"
#include "job/run.h"
#include "operator/ops.h"

/* drop: state that the operator has no use for is dropped; else it is an error. */
WEIR_CHECKED weir_status weir__restore_op(const struct weir_saved *, const struct weir_stream_node *, bool drop,
                                          struct weir_op *, struct weir_error *);
/* The splits that the source had, with where they go on; *any: it had some, and they are to be read instead of those that it
 * would find now, which may be cut otherwise. */
WEIR_CHECKED weir_status weir__restore_splits(const struct weir_saved *, const struct weir_stream_node *,
                                              struct weir_op_splits *, bool *any, struct weir_error *);
WEIR_CHECKED weir_status weir__restore_check(const struct weir_saved *, const struct weir_stream_graph *, bool drop,
                                             struct weir_error *); /* nothing is left over */
/* Before deployment: nodes whose number of key groups the author left open get the one that their state has. */
void weir_restore_adopt(const struct weir_saved *, struct weir_stream_graph *);

#endif
