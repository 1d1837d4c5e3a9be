/* operator/ops.h - the operators that this folder makes; one function per kind of stream node. [coordinator]
 *
 * Each takes the node (which outlives the operator), the environment and the registry, and returns an operator that is not
 * open yet, or NULL with
 * the error set. `where` outlives the operator.
 */
#ifndef WEIR_OPERATOR_OPS_H
#define WEIR_OPERATOR_OPS_H

#include <weir/source.h>

#include "graph/stream_graph.h"
#include "loader/registry.h"
#include "operator/op.h"
#include "state/state.h"
#include "time/published.h"

struct weir_op *weir_plugin_op_create(const struct weir_stream_node *, const struct weir_op_env *, struct weir_registry *,
                                      const char *where, struct weir_error *);
struct weir_op *weir_reduce_op_create(const struct weir_stream_node *, const struct weir_op_env *, struct weir_registry *,
                                      const char *where, struct weir_error *);
struct weir_op *weir_async_op_create(const struct weir_stream_node *, const struct weir_op_env *, struct weir_registry *,
                                     const char *where, struct weir_error *);
/* The rows that were taken and have not left, in the order of the input: what a snapshot keeps. [task] */
void weir_async_op_in_flight(struct weir_op *, void (*each)(void *to, struct weir_rows *, int64_t row), void *to);
struct weir_op *weir_sink_op_create(const struct weir_stream_node *, const struct weir_op_env *, struct weir_registry *,
                                    const char *where, struct weir_error *);
struct weir_op *weir_time_op_create(const struct weir_stream_node *, const struct weir_op_env *, struct weir_registry *,
                                    const char *where, struct weir_error *);
struct weir_op *weir_select_op_create(const struct weir_stream_node *, const struct weir_op_env *, const char *where,
                                      struct weir_error *);

struct weir_op *weir_expr_op_create(const struct weir_stream_node *, const struct weir_op_env *, const char *where,
                                    struct weir_error *);
/* Opens the library of the function. */
struct weir_op *weir_call_op_create(const struct weir_stream_node *, const struct weir_op_env *, struct weir_registry *,
                                    const char *where, struct weir_error *);

/* A source gets its splits after creation and before open. */
struct weir_op_split {
    uint64_t id;
    char *description; /* owned by the caller; copied */
    size_t n;
    void *position; /* where a restored split goes on; owned by the caller; copied; NULL: from the start */
    size_t n_position;
    bool done; /* restored, and read to its end */
};
struct weir_op *weir_source_op_create(const struct weir_stream_node *, const struct weir_op_env *, struct weir_registry *,
                                      const char *where, struct weir_error *);
WEIR_CHECKED weir_status weir_source_op_add_split(struct weir_op *, const struct weir_op_split *, struct weir_error *);
size_t weir_source_op_splits(const struct weir_op *); /* how many it was given */
/* [any] Of the i-th, once the job is deployed. The description is borrowed. */
const struct weir_published_time *weir_source_op_split_time(const struct weir_op *, size_t i, weir_split *);
/* All splits of the source, in its order, on an instance of its own; the caller frees with weir_splits_finish. */
struct weir_op_splits {
    struct weir_op_split *splits;
    size_t n, capacity;
};
WEIR_CHECKED weir_status weir_source_discover(const struct weir_stream_node *, const struct weir_op_env *,
                                              struct weir_registry *, const char *where, struct weir_op_splits *,
                                              struct weir_error *);
void weir_splits_finish(struct weir_op_splits *);

#endif
