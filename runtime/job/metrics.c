/* metrics.c - what a running job measures: its components' metrics, and the counters that every operator has. Any thread. */
#include "job/run.h"

#include <stddef.h>

#include "job/run_internal.h"

/* Fields of weir_op_counters, and of a subtask's times. */
struct built_in {
    const char *name, *unit, *doc;
    size_t offset;
};
#define COUNTER(field, unit, doc)                                   \
    {                                                               \
#field, unit, doc, offsetof(struct weir_op_counters, field) \
    }
static const struct built_in counters[] = {
    COUNTER(accepted, "rows", "rows that a window or a join accepted"),
    COUNTER(batches_in, "batches", "batches that came in"),
    COUNTER(batches_out, "batches", "batches that went out"),
    COUNTER(bytes, "bytes", "bytes that a source read or a sink wrote"),
    COUNTER(late, "rows", "rows that were too late for every window of theirs"),
    COUNTER(rejected, "rows", "malformed records, and records that an expression refused"),
    COUNTER(rows_in, "rows", "rows that came in"),
    COUNTER(rows_out, "rows", "rows that went out"),
    COUNTER(timers_fired, "timers", "timers that fired"),
};
#define TIME(field, doc)                                              \
    {                                                                 \
#field, "ns", doc, offsetof(struct weir_subtask_times, field) \
    }
static const struct built_in times[] = {
    TIME(backpressured_ns, "time in which the chain of this node could not go on because its output was full"),
    TIME(busy_ns, "time in which the chain of this node did something"),
    TIME(idle_ns, "time in which the chain of this node had nothing to do"),
};

static uint64_t load_at(const void *struct_, size_t offset)
{
    const _Atomic uint64_t *field = (const void *)((const char *)struct_ + offset);
    return atomic_load_explicit(field, memory_order_relaxed);
}

static uint64_t read_of(const struct weir_run *run, const struct weir_run_op *op, const struct built_in *b, bool is_time)
{
    return is_time ? load_at(&run->subtasks[op->subtask].times, b->offset) : load_at(&op->op->counters, b->offset);
}

struct reader {
    struct weir_run *run;
    bool by_subtask;
    weir_run_metric_visit *visit;
    void *arg;
};

static void tell_built_in(const struct reader *r, uint32_t node, const struct built_in *b, bool is_time)
{
    const struct weir_run *run = r->run;
    struct weir_metric_value v = {.node = node,
                                  .subtask = WEIR_ALL_SUBTASKS,
                                  .kind = WEIR_METRIC_COUNTER,
                                  .name = b->name,
                                  .unit = b->unit,
                                  .doc = b->doc};
    for (uint32_t i = 0; i < run->n_ops; i++) {
        const struct weir_run_op *op = &run->ops[i];
        if (op->node != node) continue;
        uint64_t n = read_of(run, op, b, is_time);
        v.count = r->by_subtask ? n : v.count + n;
        v.subtask = r->by_subtask ? op->env.subtask : WEIR_ALL_SUBTASKS;
        if (r->by_subtask) r->visit(r->arg, run->graph->nodes[node]->id, true, &v);
    }
    if (!r->by_subtask) r->visit(r->arg, run->graph->nodes[node]->id, true, &v);
}

static void tell_component(void *arg, const struct weir_metric_value *v)
{
    const struct reader *r = arg;
    r->visit(r->arg, r->run->graph->nodes[v->node]->id, false, v);
}

void weir_run_metrics(struct weir_run *run, bool by_subtask, weir_run_metric_visit *visit, void *arg)
{
    struct reader r = {run, by_subtask, visit, arg};
    for (uint32_t node = 0; node < run->graph->n_nodes; node++) {
        for (size_t i = 0; i < WEIR_LEN(counters); i++) tell_built_in(&r, node, &counters[i], false);
        for (size_t i = 0; i < WEIR_LEN(times); i++) tell_built_in(&r, node, &times[i], true);
    }
    weir_metric_registry_visit(run->metrics, by_subtask, tell_component, &r);
}
