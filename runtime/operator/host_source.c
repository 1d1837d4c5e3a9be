/* host_source.c - what sources and decoders ask of the host. [task], wake [any] */
#include <stdio.h>

#include "operator/instance_internal.h"

static weir_status not_a_source(struct weir_instance *in, const char *call)
{
    return weir_op_fail(in->op, WEIR_E_PLUGIN, "%s was called by a component that is not a source", call);
}

static weir_status host_split_begin(weir_ctx *cx, uint64_t split)
{
    struct weir_instance *in = weir_instance_of(cx);
    return in->source ? in->source->split_begin(in->source_arg, split) : not_a_source(in, "split_begin");
}
static weir_status host_split_watermark(weir_ctx *cx, uint64_t split, int64_t watermark)
{
    struct weir_instance *in = weir_instance_of(cx);
    return in->source ? in->source->split_watermark(in->source_arg, split, watermark) : not_a_source(in, "split_watermark");
}
static weir_status host_split_idle(weir_ctx *cx, uint64_t split, bool idle)
{
    struct weir_instance *in = weir_instance_of(cx);
    return in->source ? in->source->split_idle(in->source_arg, split, idle) : not_a_source(in, "split_idle");
}
static weir_status host_split_done(weir_ctx *cx, uint64_t split)
{
    struct weir_instance *in = weir_instance_of(cx);
    return in->source ? in->source->split_done(in->source_arg, split) : not_a_source(in, "split_done");
}

static weir_status host_reject(weir_ctx *cx, weir_str raw, const char *file, int64_t offset, const char *format, ...)
{
    struct weir_instance *in = weir_instance_of(cx);
    if (!in->source) return not_a_source(in, "reject");
    char reason[512];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    return in->source->reject(in->source_arg, raw, file, offset, reason);
}

static void host_wake(weir_ctx *cx)
{
    struct weir_instance *in = weir_instance_of(cx);
    const struct weir_platform *p = in->op->env->platform;
    atomic_store_explicit(&in->woken, 1, memory_order_release);
    p->wake_waits(p->self, &in->woken);
    if (in->op->env->wake) in->op->env->wake(in->op->env->wake_arg);
}

void weir__host_source(weir_host *h)
{
    h->split_begin = host_split_begin;
    h->split_watermark = host_split_watermark;
    h->split_idle = host_split_idle;
    h->split_done = host_split_done;
    h->reject = host_reject;
    h->wake = host_wake;
}
