/* unread.c - see the header. Windows of aggregates keep no record: what they take of one are its time, its key and what the
 * aggregates ask for. A late side output gives records out whole.
 */
#include "graph/unread.h"

static bool keeps_no_record(const struct weir_stream_node *n)
{
    return n->kind == WEIR_NODE_WINDOW && n->window.periodic && !n->window.late_output && !n->second;
}

void weir_stream_node_unread(const struct weir_stream_node *n, bool *unread)
{
    bool some = keeps_no_record(n);
    for (uint32_t i = 0; i < weir_schema_count(n->in); i++) unread[i] = some;
    for (uint32_t i = 0; i < n->n_key_fields; i++) unread[n->key_fields[i]] = false;
    for (uint32_t i = 0; i < n->window.n_aggregates; i++) {
        const struct weir_aggregate_config *a = &n->window.aggregates[i];
        for (uint32_t k = 0; k < a->n_args; k++) unread[a->args[k]] = false;
    }
}
