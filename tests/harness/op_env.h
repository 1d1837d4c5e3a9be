/* harness/op_env.h - what an operator under test needs around it: environment, registry of the build's plugins, nodes by
 * hand. */
#ifndef WEIR_HARNESS_OP_ENV_H
#define WEIR_HARNESS_OP_ENV_H

#include "graph/stream_graph.h"
#include "loader/part.h"
#include "loader/registry.h"
#include "operator/op.h"

struct weir_op_stage {
    struct weir_op_env env;         /* change batch_rows and the like before creating an operator */
    struct weir_registry *registry; /* of WEIR_BUILD_DIR/plugins and tests/plugins/toys */
    struct weir_platform platform;  /* the system's, with a clock that stands at now_ms */
    int64_t now_ms;
    struct weir_stream_graph *graph;
};
void weir_op_stage_init(struct weir_op_stage *);
void weir_op_stage_finish(struct weir_op_stage *);

struct weir_stream_node *weir_op_stage_node(struct weir_op_stage *, enum weir_node_kind, struct weir_schema *in);
void weir_op_stage_output(struct weir_stream_node *, const char *name, struct weir_schema *); /* retained */
void weir_op_stage_key(struct weir_stream_node *, const char *field);
/* The component at its defaults; asserts that it is there. Options: weir_op_stage_option(part, "size", "5s"). */
struct weir_part_spec *weir_op_stage_part(struct weir_op_stage *, weir_kind kind, const char *name);
void weir_op_stage_option(struct weir_part_spec *, const char *option, const char *value);
/* One that has another in it, such as a trigger; takes it over. */
struct weir_part_spec *weir_op_stage_around(struct weir_op_stage *, weir_kind kind, const char *name,
                                            struct weir_part_spec *inner);
/* An aggregate of a window: a component over one input field (-1: none), or, where it is NULL, for the caller to fill in. */
struct weir_aggregate_config *weir_op_stage_aggregate(struct weir_op_stage *, struct weir_stream_node *, const char *name,
                                                      const char *component, int input);

#endif
