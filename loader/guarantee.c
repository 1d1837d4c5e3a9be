/* guarantee.c - see the header. */
#include "loader/guarantee.h"

#include "base/alloc.h"
#include "base/text.h"
#include "loader/part.h"

const char *const weir_guarantees[] = {"at_most_once", "at_least_once", "exactly_once", NULL};

/* What leads to a sink. */
struct upstream {
    const struct weir_stream_graph *graph;
    bool *seen; /* by node */
    uint32_t n_sources;
    bool unknown;
    const struct weir_stream_node *lossy;  /* a source that cannot be replayed; NULL: none */
    const struct weir_stream_node *random; /* a component that is not deterministic; NULL: none */
};

static void visit(struct upstream *u, uint32_t index)
{
    const struct weir_stream_node *node = u->graph->nodes[index];
    if (u->seen[index]) return;
    u->seen[index] = true;
    bool source = node->kind == WEIR_NODE_SOURCE;
    u->n_sources += source;
    u->unknown |= source && !node->part;
    if (source && node->part && !(node->part->info->flags & WEIR_REPLAYABLE)) u->lossy = node;
    if (!source && node->part && node->part->info->flags & WEIR_NONDETERMINISTIC) u->random = node;
    for (uint32_t i = 0; i < u->graph->n_edges; i++) {
        if (u->graph->edges[i]->to == index) visit(u, u->graph->edges[i]->from);
    }
}

static enum weir_guarantee of_replayable(const struct upstream *u, const struct weir_stream_node *sink, char **why)
{
    uint32_t flags = sink->part->info->flags;
    const char *name = sink->part->info->id;
    if (u->graph->checkpoint.at_least_once) {
        *why = weir_strdup("with `mode: at_least_once` records count again after a crash");
        return WEIR_GUARANTEE_AT_LEAST_ONCE;
    }
    if (flags & WEIR_TWO_PHASE) {
        *why = weir_format("sink %s commits with checkpoints", name);
        return WEIR_GUARANTEE_EXACTLY_ONCE;
    }
    if (flags & WEIR_IDEMPOTENT && u->random) {
        *why = weir_format("'%s' is not deterministic: after a crash sink %s may be given other records than before",
                           u->random->id, name);
        return WEIR_GUARANTEE_AT_LEAST_ONCE;
    }
    if (flags & WEIR_IDEMPOTENT) {
        *why = weir_format("sink %s is idempotent: after a crash older results show again for a while", name);
        return WEIR_GUARANTEE_EXACTLY_ONCE;
    }
    *why = flags & WEIR_WRITE_AHEAD ? weir_format("sink %s may write a batch again that it wrote just before a crash", name)
                                    : weir_format("sink %s writes again what came after the last checkpoint", name);
    return WEIR_GUARANTEE_AT_LEAST_ONCE;
}

bool weir_guarantee_of(const struct weir_stream_graph *graph, const struct weir_stream_node *sink, enum weir_guarantee *is,
                       char **why)
{
    struct upstream u = {.graph = graph, .seen = weir_alloc_array(graph->n_nodes + 1, sizeof *u.seen)};
    visit(&u, sink->index);
    weir_free(u.seen);
    *why = NULL;
    *is = WEIR_GUARANTEE_AT_MOST_ONCE;
    if (!sink->part || u.unknown || u.n_sources == 0) return false;
    if (!graph->checkpoint.directory)
        *why = weir_strdup("the job takes no checkpoints");
    else if (u.lossy)
        *why = weir_format("source %s of '%s' cannot give its records again", u.lossy->part->info->id, u.lossy->id);
    else if (sink->part->info->flags & WEIR_AT_MOST_ONCE)
        *why = weir_format("sink %s loses what it holds at a crash", sink->part->info->id);
    else
        *is = of_replayable(&u, sink, why);
    return true;
}
