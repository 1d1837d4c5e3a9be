/* operator/custom_partition.h - a partitioner component as a channel writer calls it. Sender's thread. */
#ifndef WEIR_OPERATOR_CUSTOM_PARTITION_H
#define WEIR_OPERATOR_CUSTOM_PARTITION_H

#include "graph/stream_graph.h"
#include "loader/registry.h"
#include "operator/op.h"

struct weir_custom_partition;
WEIR_CHECKED weir_status weir_custom_partition_create(const struct weir_stream_edge *, struct weir_schema *schema,
                                                      const struct weir_op_env *, struct weir_registry *, const char *where,
                                                      struct weir_custom_partition **, struct weir_error *);
void weir_custom_partition_destroy(struct weir_custom_partition *); /* NULL is fine */
/* For struct weir_writer_options.custom_open, .custom_close and .custom; arg is the weir_custom_partition. The rows are
 * compacted. */
WEIR_CHECKED weir_status weir_custom_partition_open(void *arg, struct weir_error *);
void weir_custom_partition_close(void *arg);
WEIR_CHECKED weir_status weir_custom_partition_targets(void *arg, struct weir_rows *, uint32_t n_targets, uint32_t *targets,
                                                       struct weir_error *);

#endif
