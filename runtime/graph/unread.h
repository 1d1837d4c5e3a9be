/* graph/unread.h - which fields of its input a node never looks at. */
#ifndef WEIR_GRAPH_UNREAD_H
#define WEIR_GRAPH_UNREAD_H

#include "graph/stream_graph.h"

/* By field of its first input. A node may be said to read what it does not. */
void weir_stream_node_unread(const struct weir_stream_node *, bool *unread);

#endif
