/* host_metrics.c - the extension weir.metrics/1: an instance's metrics go into the set of its operator. Subtask's thread. */
#include "metrics/metrics.h"
#include "operator/instance_internal.h"

static weir_status get(weir_ctx *cx, enum weir_metric_kind kind, const char *name, const char *unit, const char *doc,
                       void **slot)
{
    struct weir_instance *in = weir_instance_of(cx);
    return weir_metric_set_get(in->op->env->metrics, in, kind, name, unit, doc, slot, &in->op->error);
}

static weir_status get_counter(weir_ctx *cx, const char *name, const char *unit, const char *doc, weir_counter **metric)
{
    void *slot;
    weir_status s = get(cx, WEIR_METRIC_COUNTER, name, unit, doc, &slot);
    *metric = slot;
    return s;
}
static weir_status get_gauge(weir_ctx *cx, const char *name, const char *unit, const char *doc, weir_gauge **metric)
{
    void *slot;
    weir_status s = get(cx, WEIR_METRIC_GAUGE, name, unit, doc, &slot);
    *metric = slot;
    return s;
}
static weir_status get_histogram(weir_ctx *cx, const char *name, const char *unit, const char *doc, weir_histogram **metric)
{
    void *slot;
    weir_status s = get(cx, WEIR_METRIC_HISTOGRAM, name, unit, doc, &slot);
    *metric = slot;
    return s;
}

static const weir_metrics table = {
    .struct_size = sizeof(weir_metrics), .counter = get_counter, .gauge = get_gauge, .histogram = get_histogram};

const void *weir__host_metrics(const struct weir_op_env *env)
{
    return env->metrics ? &table : NULL;
}
