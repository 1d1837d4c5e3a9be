/* window/window_op.h - the operators of this folder: windows, for a WINDOW node; the interval join, for a JOIN node.
 * [coordinator]
 *
 * Floor 6. See window_op.c for how windows are kept and fired, interval_join_op.c for how rows wait for others.
 */
#ifndef WEIR_WINDOW_WINDOW_OP_H
#define WEIR_WINDOW_WINDOW_OP_H

#include "graph/stream_graph.h"
#include "loader/registry.h"
#include "operator/op.h"

struct weir_op *weir_window_op_create(const struct weir_stream_node *, const struct weir_op_env *, struct weir_registry *,
                                      const char *where, struct weir_error *);
struct weir_op *weir_interval_join_op_create(const struct weir_stream_node *, const struct weir_op_env *,
                                             struct weir_registry *, const char *where, struct weir_error *);

#endif
