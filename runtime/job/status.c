/* status.c - what a running job looks like from outside. Any thread; counters are read while they are written (relaxed), so
 * sums are of about now. */
#include "base/alloc.h"
#include "job/run_internal.h"

#define LOAD(counter) atomic_load_explicit(&(counter), memory_order_relaxed)

static void add_op(struct weir_node_status *n, const struct weir_op *op)
{
    n->rows_in += LOAD(op->counters.rows_in);
    n->rows_out += LOAD(op->counters.rows_out);
    n->late += LOAD(op->counters.late);
    n->accepted += LOAD(op->counters.accepted);
    n->rejected += LOAD(op->counters.rejected);
    n->bytes += LOAD(op->counters.bytes);
    n->timers_fired += LOAD(op->counters.timers_fired);
    int64_t watermark = LOAD(op->counters.watermark);
    if (watermark < n->watermark) n->watermark = watermark;
}

static void add_times(struct weir_run *run, struct weir_node_status *n)
{
    uint64_t busy = 0, backpressured = 0, all = 0;
    for (uint32_t i = 0; i < run->plan->n_subtasks; i++) {
        const struct weir_subtask *t = &run->subtasks[i];
        if (t->vertex != n->vertex) continue;
        busy += LOAD(t->times.busy_ns);
        backpressured += LOAD(t->times.backpressured_ns);
        all += LOAD(t->times.busy_ns) + LOAD(t->times.backpressured_ns) + LOAD(t->times.idle_ns);
    }
    n->busy = all ? (double)busy / (double)all : 0;
    n->backpressured = all ? (double)backpressured / (double)all : 0;
}

static void add_totals(struct weir_run_status *s, const struct weir_node_status *n, const struct weir_stream_node *node)
{
    if (n->kind == WEIR_NODE_SOURCE) { /* malformed records were read too; as a side output they are rows that went out */
        s->rows_read += n->rows_out + (node->malformed == WEIR_MALFORMED_SIDE_OUTPUT ? 0 : n->rejected);
        s->rows_rejected += n->rejected;
    }
    if (n->kind == WEIR_NODE_SINK) s->rows_written += n->rows_out;
    if (n->kind == WEIR_NODE_WINDOW || n->kind == WEIR_NODE_JOIN) s->rows_late += n->late;
}

void weir_run_status_take(struct weir_run *run, struct weir_run_status *s)
{
    const struct weir_stream_graph *g = run->graph;
    enum weir_run_state state = weir_run_state(run);
    int64_t end = state > WEIR_RUN_RUNNING ? run->ended_ns : run->platform->monotonic_ns(run->platform->self);
    *s = (struct weir_run_status){.state = state, .n_nodes = g->n_nodes};
    s->elapsed_ms = state == WEIR_RUN_DEPLOYED ? 0 : (end - run->started_ns) / 1000000;
    s->nodes = weir_alloc_array(g->n_nodes + 1, sizeof *s->nodes);
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const struct weir_stream_node *node = g->nodes[i];
        s->nodes[i] = (struct weir_node_status){.id = node->id,
                                                .title = node->title,
                                                .kind = node->kind,
                                                .parallelism = node->parallelism,
                                                .vertex = run->job_graph->vertex_of[i],
                                                .watermark = INT64_MAX};
    }
    for (uint32_t i = 0; i < run->n_ops; i++) add_op(&s->nodes[run->ops[i].node], run->ops[i].op);
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        add_times(run, &s->nodes[i]);
        add_totals(s, &s->nodes[i], g->nodes[i]);
    }
}

void weir_run_status_finish(struct weir_run_status *s)
{
    weir_free(s->nodes);
    *s = (struct weir_run_status){0};
}
