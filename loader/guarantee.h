/* loader/guarantee.h - what a crash does to the records of a sink, end to end: sources x sink x checkpoints.
 *
 * Floor 4. Any one thread.
 *
 *                                  a source cannot be replayed   all can; at_least_once   all can; exactly_once
 *   sink WEIR_AT_MOST_ONCE         at most once                  at most once             at most once
 *   a plain one, WEIR_WRITE_AHEAD  at most once                  at least once            at least once
 *   WEIR_IDEMPOTENT                at most once                  at least once            exactly once, in the end (1)
 *   WEIR_TWO_PHASE                 at most once                  at least once            exactly once
 *
 * (1) at least once behind a component that is not deterministic. Without checkpoints: at most once.
 */
#ifndef WEIR_LOADER_GUARANTEE_H
#define WEIR_LOADER_GUARANTEE_H

#include "graph/stream_graph.h"

enum weir_guarantee { WEIR_GUARANTEE_AT_MOST_ONCE = 0, WEIR_GUARANTEE_AT_LEAST_ONCE, WEIR_GUARANTEE_EXACTLY_ONCE };

/* As manifests write them: "at_most_once", ... NULL-terminated, by enum weir_guarantee. */
extern const char *const weir_guarantees[];

/* Of a SINK node. *why: why it is no more than that, or what to mind; the caller frees. False: a component is unknown, or
 * no source leads there. */
bool weir_guarantee_of(const struct weir_stream_graph *, const struct weir_stream_node *, enum weir_guarantee *, char **why);

#endif
