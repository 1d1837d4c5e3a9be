/* job_facts.c - what `weir plan` says of windows and joins beside their titles: what they keep, and for how long. The same
 * rules as in window/window_op.c and window/general_op.c, as far as what components declare tells. Coordinator. */
#include <string.h>

#include "base/text.h"
#include "loader/job_internal.h"
#include "loader/part.h"
#include "loader/registry.h"

static bool is_mergeable(const struct weir_aggregate_config *c, const struct weir_schema *in)
{
    if (!c->part || c->part->info->flags & WEIR_MERGEABLE) return true;
    bool merges = c->part->info->flags & WEIR_MERGEABLE_BUT_FLOATS && c->n_args > 0 && in;
    for (uint32_t i = 0; merges && i < c->n_args; i++) {
        uint32_t type = weir_schema_field_at(in, c->args[i])->type; /* as window/aggregates.c sees it */
        merges = type != WEIR_F32 && type != WEIR_F64;
    }
    return merges;
}

static bool are_mergeable(const struct weir_stream_node *node)
{
    const struct weir_window_config *w = &node->window;
    bool all = w->n_aggregates > 0;
    for (uint32_t i = 0; all && i < w->n_aggregates; i++) all = is_mergeable(&w->aggregates[i], node->in);
    return all;
}

/* As far as its options are called so; a stranger's assigner tells when it is deployed. */
static bool overlaps(const struct weir_part_spec *assigner, bool *is_known)
{
    const struct weir_option_value *size = weir_part_option(assigner, "size"), *slide = weir_part_option(assigner, "slide");
    *is_known = size && size->set;
    return *is_known && slide && slide->set && slide->i64 < size->i64;
}

static const char *kept_in_one(const struct weir_stream_node *node)
{
    const struct weir_window_config *w = &node->window;
    bool is_known, merges = are_mergeable(node), overlap = overlaps(w->assigner, &is_known);
    if (w->periodic && merges && overlap) return "kept in slices that windows share";
    if (w->periodic && merges && !is_known) return "kept in slices where windows overlap";
    if (w->periodic) return "kept window by window";
    if (w->evictor || (w->n_aggregates == 0 && !w->reducer)) return "keeps the records of each window";
    return w->assigner->info->flags & WEIR_MERGING && !merges && !w->reducer
               ? "kept window by window, or as records where an aggregate has no merge"
               : "kept window by window";
}

static void add_window(struct weir_text *t, const struct weir_stream_node *node)
{
    const struct weir_window_config *w = &node->window;
    bool ends = w->assigner->info->flags & (WEIR_EVENT_WINDOWS | WEIR_CLOCK_WINDOWS);
    if (w->evictor) weir_text_add(t, "evictor %s, ", w->evictor->info->id);
    if (w->lateness_ms > 0) {
        weir_text_add(t, "lateness ");
        weir_text_add_duration(t, w->lateness_ms);
        weir_text_add(t, ", ");
    }
    weir_text_add(t, "%s", node->second ? "keeps the records of each window" : kept_in_one(node));
    if (!ends) weir_text_add(t, ", for ever but for what the trigger purges");
}

/* A record is kept as long as one may come that it is in the interval of. */
static void add_join(struct weir_text *t, const struct weir_stream_node *node)
{
    weir_text_add(t, "keeps %s for ", node->in_name);
    weir_text_add_duration(t, node->join.upper_ms > 0 ? node->join.upper_ms : 0);
    weir_text_add(t, ", %s for ", node->second->name);
    weir_text_add_duration(t, node->join.lower_ms < 0 ? -node->join.lower_ms : 0);
}

void weir__note_facts(struct weir_stream_node *node)
{
    struct weir_text t = {0};
    if (node->kind == WEIR_NODE_JOIN)
        add_join(&t, node);
    else if (node->window.assigner)
        add_window(&t, node);
    node->facts = weir_text_take(&t);
}
