/* event_times.c - reading what the subtasks publish. Any thread. */
#include "job/event_times.h"

#include "base/alloc.h"
#include "job/run_internal.h"
#include "operator/ops.h"

#define LOAD(value) atomic_load_explicit(&(value), memory_order_relaxed)

static void read_published(struct weir_time_part *to, const struct weir_published_time *from)
{
    uint32_t flags = LOAD(from->flags);
    to->watermark = LOAD(from->watermark);
    to->heard_ms = LOAD(from->heard_ms);
    to->idle = flags & WEIR_TIME_IDLE;
    to->aligned = flags & WEIR_TIME_ALIGNED;
    to->finished = flags & WEIR_TIME_FINISHED;
}

static struct weir_time_part *add_part(struct weir_op_times *t, enum weir_time_part_kind kind)
{
    t->parts = weir_realloc_array(t->parts, t->n_parts, t->n_parts + 1, sizeof *t->parts);
    t->parts[t->n_parts] = (struct weir_time_part){.kind = kind};
    return &t->parts[t->n_parts++];
}

static void read_splits(const struct weir_op *op, struct weir_op_times *t)
{
    for (size_t i = 0; i < weir_source_op_splits(op); i++) {
        weir_split split;
        struct weir_time_part *part = add_part(t, WEIR_TIME_SPLIT);
        read_published(part, weir_source_op_split_time(op, i, &split));
        part->split = split.id;
        part->description = weir_strndup(split.description.p, split.description.n);
    }
}

static void read_channels(const struct weir_run *run, uint32_t subtask, struct weir_op_times *t)
{
    const struct weir_execution_graph *plan = run->plan;
    for (uint32_t i = 0; i < plan->n_channels; i++) {
        const struct weir_channel_plan *c = &plan->channels[i];
        if (c->to != subtask) continue;
        struct weir_time_part *part = add_part(t, WEIR_TIME_CHANNEL);
        part->channel = t->n_parts - 1; /* the gate's channels are in the same order */
        read_published(part, &run->subtasks[subtask].gate.published[part->channel]);
        part->input = run->graph->edges[c->edge]->to_input;
        part->from = run->graph->edges[c->edge]->from;
        part->from_subtask = plan->subtasks[c->from].subtask;
    }
}

/* What came by call has been handled when the call returned, so the operator's own watermark says what came. */
static void read_chained(const struct weir_run *run, struct weir_op_times *t)
{
    for (uint32_t i = 0; i < run->graph->n_edges; i++) {
        const struct weir_stream_edge *edge = run->graph->edges[i];
        if (edge->to != t->node || !run->job_graph->chained[i]) continue;
        struct weir_time_part *part = add_part(t, WEIR_TIME_CHAINED);
        part->input = edge->to_input;
        part->from = edge->from;
        part->from_subtask = t->subtask;
        part->watermark = t->watermark;
        part->heard_ms = t->rows_ms > t->grew_ms ? t->rows_ms : t->grew_ms;
        part->idle = t->idle;
        part->finished = t->watermark == INT64_MAX;
        part->aligned = !part->idle && !part->finished;
    }
}

static void read_op(const struct weir_run *run, const struct weir_run_op *from, struct weir_op_times *t)
{
    const struct weir_op *op = from->op;
    const struct weir_subtask *subtask = &run->subtasks[from->subtask];
    *t = (struct weir_op_times){.node = from->node,
                                .subtask = run->plan->subtasks[from->subtask].subtask,
                                .watermark = LOAD(op->counters.watermark),
                                .grew_ms = LOAD(op->time.grew_ms),
                                .rows_ms = LOAD(op->time.rows_ms),
                                .idle = LOAD(op->time.idle),
                                .ended = LOAD(op->time.ended),
                                .blocked = LOAD(subtask->blocked),
                                .own = op->class->swallows_marks};
    if (subtask->chain.members[0].op != op)
        read_chained(run, t);
    else if (subtask->has_source)
        read_splits(op, t);
    else
        read_channels(run, from->subtask, t);
}

void weir_event_times_take(struct weir_run *run, struct weir_event_times *to)
{
    const struct weir_stream_graph *g = run->graph;
    *to = (struct weir_event_times){
        .graph = g, .now_ms = run->platform->wall_ms(run->platform->self), .started_ms = run->deployed_ms};
    to->first = weir_alloc_array(g->n_nodes + 1, sizeof *to->first);
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        to->first[i] = to->n;
        to->n += g->nodes[i]->parallelism;
    }
    to->subtasks = weir_alloc_array(to->n + 1, sizeof *to->subtasks);
    for (uint32_t i = 0; i < run->n_ops; i++) {
        uint32_t index = run->plan->subtasks[run->ops[i].subtask].subtask;
        read_op(run, &run->ops[i], &to->subtasks[to->first[run->ops[i].node] + index]);
    }
    weir_event_times_judge(to);
}

void weir_event_times_finish(struct weir_event_times *times)
{
    for (uint32_t i = 0; i < times->n; i++) {
        for (uint32_t k = 0; k < times->subtasks[i].n_parts; k++) weir_free(times->subtasks[i].parts[k].description);
        weir_free(times->subtasks[i].parts);
    }
    weir_free(times->subtasks);
    weir_free(times->first);
    *times = (struct weir_event_times){0};
}
