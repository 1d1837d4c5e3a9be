/* loader/job_guarantee.c - `guarantee:` of a sink, and of `checkpoint:` for all of them: at least that, or a problem. */
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "loader/guarantee.h"
#include "loader/job_internal.h"

static const char *help_for(const struct weir_stream_graph *graph)
{
    if (!graph->checkpoint.directory) return "checkpoint: {every: 10s, directory: ./checkpoints}";
    return graph->checkpoint.at_least_once ? "mode: exactly_once, or leave `mode` out"
                                           : "exactly once takes sources that are replayable and a sink that is two-phase; "
                                             "`weir inspect` says which are";
}

static void check(struct weir__job *job, const struct weir_stream_node *sink, const struct weir_value *at, int wanted)
{
    enum weir_guarantee is;
    char *why;
    if (wanted >= 0 && weir_guarantee_of(job->graph, sink, &is, &why)) {
        if ((int)is < wanted)
            weir__say(job, at, weir_strdup(help_for(job->graph)), "'%s' cannot be %s, it is %s: %s", sink->id,
                      weir_guarantees[wanted], weir_guarantees[is], why);
        weir_free(why);
    }
}

static const struct weir_value *asked_of(const struct weir__job *job, const char *id)
{
    for (size_t i = 0; i < job->n_nodes; i++) {
        if (job->nodes[i].id && strcmp(job->nodes[i].id, id) == 0) return weir_value_get(job->nodes[i].value, "guarantee");
    }
    return NULL;
}

void weir__check_guarantees(struct weir__job *job, const struct weir_value *checkpoint)
{
    const struct weir_value *all =
        checkpoint && checkpoint->kind == WEIR_VALUE_MAPPING ? weir_value_get(checkpoint, "guarantee") : NULL;
    int wanted = all ? weir__read_choice(job, all, "guarantee", weir_guarantees) : -1;
    for (uint32_t i = 0; i < job->graph->n_nodes; i++) {
        const struct weir_stream_node *node = job->graph->nodes[i];
        const struct weir_value *own = node->kind == WEIR_NODE_SINK ? asked_of(job, node->id) : NULL;
        if (own)
            check(job, node, own, weir__read_choice(job, own, "guarantee", weir_guarantees));
        else if (node->kind == WEIR_NODE_SINK)
            check(job, node, all, wanted);
    }
}
