/* metrics/metrics.h - what components measure: counters, gauges and histograms of a job, by node and subtask.
 *
 * Floor 2. A registry per job holds one set per operator of a subtask. The thread of the subtask adds metrics to its set and
 * updates them, with relaxed stores and without a lock; any thread reads the registry, at any time between create and
 * destroy. Sets are added before the threads start.
 *
 * Invariants: (1) a metric that is in a set stays there, at its address, until the registry is destroyed; (2) it is complete
 * before a reader can reach it (`next` is stored with release); (3) each metric has cache lines of its own, so that two
 * subtasks never write to the same one.
 *
 * A value that is read while it is written is the one before or the one after; the numbers of a histogram are of about the
 * same moment, and its count is the sum of its buckets.
 */
#ifndef WEIR_METRICS_METRICS_H
#define WEIR_METRICS_METRICS_H

#include <weir/metrics.h>

#include "base/error.h"

enum weir_metric_kind { WEIR_METRIC_COUNTER = 1, WEIR_METRIC_GAUGE = 2, WEIR_METRIC_HISTOGRAM = 3 };

#define WEIR_ALL_SUBTASKS    UINT32_MAX
#define WEIR_METRIC_NAME_MAX 64

struct weir_metric;
struct weir_metric_set;
struct weir_metric_registry;

struct weir_metric_registry *weir_metric_registry_create(void);
void weir_metric_registry_destroy(struct weir_metric_registry *); /* NULL is fine */
/* The registry owns it. */
struct weir_metric_set *weir_metric_registry_add(struct weir_metric_registry *, uint32_t node, uint32_t subtask);

/* The metric of this name that `owner` (an instance) has in the set, made when there is none; *slot is a weir_counter,
 * weir_gauge or weir_histogram. Thread of the subtask. WEIR_E_PLUGIN: the name is wrong, or taken by another kind. */
WEIR_CHECKED weir_status weir_metric_set_get(struct weir_metric_set *, const void *owner, enum weir_metric_kind,
                                             const char *name, const char *unit, const char *doc, void **slot,
                                             struct weir_error *);

/* ---- reading: any thread ----------------------------------------------------------------------------------------- */

/* A metric of a node, of one subtask or of all of them together. */
struct weir_metric_value {
    uint32_t node, subtask; /* WEIR_ALL_SUBTASKS: all */
    enum weir_metric_kind kind;
    const char *name, *unit, *doc; /* unit: "" for none; valid as long as the registry */
    uint64_t count;                /* counter: its value; histogram: how many values */
    double value, least, most;     /* gauge: sum, smallest and largest over the subtasks */
    uint64_t sum, max;             /* histogram */
    const uint64_t *buckets;       /* histogram: WEIR_HISTOGRAM_BUCKETS; valid during the call */
};
typedef void weir_metric_visit(void *arg, const struct weir_metric_value *);
/* By node, name, kind and, where asked for, subtask, in that order. */
void weir_metric_registry_visit(struct weir_metric_registry *, bool by_subtask, weir_metric_visit *, void *arg);

/* The values that fall into a bucket: from its first to its last. */
uint64_t weir_histogram_first(uint32_t bucket);
uint64_t weir_histogram_last(uint32_t bucket);
/* The value that at least share q (0 .. 1) of `count` values do not exceed, rounded up to the end of its bucket but not
 * beyond max: at most 3.2 % too large, never too small. 0 when there are none. */
uint64_t weir_histogram_quantile(const uint64_t *buckets, uint64_t count, uint64_t max, double q);

#endif
