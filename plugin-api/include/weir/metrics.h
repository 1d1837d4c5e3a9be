/* weir/metrics.h - the host extension "weir.metrics/1": counters, gauges and histograms of a component.
 *
 *   typedef struct toll {
 *       weir_counter *unpaid;
 *   } toll;
 *   static weir_status toll_open(void *self, weir_ctx *cx)
 *   {
 *       return weir_add_counter(cx, &((toll *)self)->unpaid, "unpaid", "cars", "cars that did not pay");
 *   }
 *   ... weir_count_up(me->unpaid, 1);
 *
 * An instance asks for its metrics once, as a rule in open, and keeps the pointers: they are valid as long as the instance.
 * An update is a load and a store of the component's own memory, without a call, a lock or an allocation; the host reads it
 * from another thread whenever it likes. A host without the extension gives NULL pointers, and updating NULL does nothing,
 * so a component need not care.
 *
 * Names are [a-z][a-z0-9_]*, at most 64 bytes. Units are plural nouns ("rows", "bytes", "ms"), NULL for none. The host adds
 * up what the subtasks of a node count, and what several components of a node count under one name. Asking twice for one
 * name and kind gives the same metric; the same name with another kind is a mistake: WEIR_E_PLUGIN, after fail().
 */
#ifndef WEIR_METRICS_H
#define WEIR_METRICS_H

#include <weir/host.h>

#define WEIR_METRICS "weir.metrics/1"

/* Histograms are log-linear: values below 64 have a bucket each, and every octave above has 32 of equal width, so that a
 * bucket is never wider than 1/32 (3.2 %) of its values. */
#define WEIR_HISTOGRAM_BITS    5
#define WEIR_HISTOGRAM_BUCKETS ((64 - WEIR_HISTOGRAM_BITS + 1) << WEIR_HISTOGRAM_BITS)

/* Host-owned, zero at first, written by the thread of the subtask alone. Frozen: components write them inline. */
typedef struct weir_counter {
    uint64_t value; /* only grows */
} weir_counter;
typedef struct weir_gauge {
    double value; /* how it is now; the sum over the subtasks should mean something: "open_files", not "temperature" */
} weir_gauge;
typedef struct weir_histogram {
    uint64_t sum, max; /* sum wraps around */
    uint64_t buckets[WEIR_HISTOGRAM_BUCKETS];
} weir_histogram;

typedef struct weir_metrics {
    uint32_t struct_size, reserved;
    /* [task] Set *metric, to NULL on failure. The texts are copied. In discover, which counts nothing, they give NULL. */
    weir_status (*counter)(weir_ctx *, const char *name, const char *unit, const char *doc, weir_counter **metric);
    weir_status (*gauge)(weir_ctx *, const char *name, const char *unit, const char *doc, weir_gauge **metric);
    weir_status (*histogram)(weir_ctx *, const char *name, const char *unit, const char *doc, weir_histogram **metric);
} weir_metrics;

/* ---- asking: [task] ---------------------------------------------------------------------------------------------- */

static inline const weir_metrics *weir_metrics_of(weir_ctx *cx)
{
    return (const weir_metrics *)cx->host->extension(cx, WEIR_METRICS);
}
static inline weir_status weir_add_counter(weir_ctx *cx, weir_counter **to, const char *name, const char *unit,
                                           const char *doc)
{
    const weir_metrics *m = weir_metrics_of(cx);
    *to = NULL;
    return m ? m->counter(cx, name, unit, doc, to) : WEIR_OK;
}
static inline weir_status weir_add_gauge(weir_ctx *cx, weir_gauge **to, const char *name, const char *unit, const char *doc)
{
    const weir_metrics *m = weir_metrics_of(cx);
    *to = NULL;
    return m ? m->gauge(cx, name, unit, doc, to) : WEIR_OK;
}
static inline weir_status weir_add_histogram(weir_ctx *cx, weir_histogram **to, const char *name, const char *unit,
                                             const char *doc)
{
    const weir_metrics *m = weir_metrics_of(cx);
    *to = NULL;
    return m ? m->histogram(cx, name, unit, doc, to) : WEIR_OK;
}

/* ---- updating: [task], NULL is fine ------------------------------------------------------------------------------ */

/* One thread writes, so a load and a store do; relaxed, so that a reader on another thread never sees half a number. */
static inline void weir_slot_add_(uint64_t *slot, uint64_t n)
{
    __atomic_store_n(slot, __atomic_load_n(slot, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}
static inline void weir_count_up(weir_counter *c, uint64_t n)
{
    if (c) weir_slot_add_(&c->value, n);
}
static inline void weir_gauge_set(weir_gauge *g, double value)
{
    if (g) __atomic_store(&g->value, &value, __ATOMIC_RELAXED);
}
static inline void weir_gauge_add(weir_gauge *g, double change)
{
    if (g) weir_gauge_set(g, g->value + change);
}
static inline uint32_t weir_histogram_bucket(uint64_t value)
{
    if (value < (2u << WEIR_HISTOGRAM_BITS)) return (uint32_t)value;
    uint32_t shift = 63u - (uint32_t)__builtin_clzll(value) - WEIR_HISTOGRAM_BITS;
    return (shift << WEIR_HISTOGRAM_BITS) + (uint32_t)(value >> shift);
}
static inline void weir_observe(weir_histogram *h, uint64_t value)
{
    if (!h) return;
    weir_slot_add_(&h->buckets[weir_histogram_bucket(value)], 1);
    weir_slot_add_(&h->sum, value);
    if (value > h->max) __atomic_store_n(&h->max, value, __ATOMIC_RELAXED);
}

static_assert(sizeof(weir_counter) == 8 && sizeof(weir_gauge) == 8 && sizeof(weir_histogram) == 16 + 8 * 1920,
              "written inline by components");

#endif
