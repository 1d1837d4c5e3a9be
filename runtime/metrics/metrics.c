/* metrics.c - see the header. Writers append to the list of their own set; a reader gathers the metrics of all sets, sorts
 * them, and adds up those that belong together. The buckets are HdrHistogram's: the exponent of the value, and the bits
 * behind its first one. */
#include "metrics/metrics.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define CACHE_LINE 64

struct weir_metric {
    _Atomic(struct weir_metric *) next;
    const struct weir_metric_set *set;
    const void *owner, *slot;
    enum weir_metric_kind kind;
    char *name, *unit, *doc;
};

struct weir_metric_set {
    struct weir_metric_set *next;
    uint32_t node, subtask;
    _Atomic(struct weir_metric *) first;
    struct weir_metric *last; /* of the writer */
};

struct weir_metric_registry {
    struct weir_metric_set *sets;
};

/* ---- life -------------------------------------------------------------------------------------------------------- */

struct weir_metric_registry *weir_metric_registry_create(void)
{
    return weir_alloc(sizeof(struct weir_metric_registry));
}

struct weir_metric_set *weir_metric_registry_add(struct weir_metric_registry *r, uint32_t node, uint32_t subtask)
{
    struct weir_metric_set *set = weir_alloc(sizeof *set);
    set->node = node;
    set->subtask = subtask;
    set->next = r->sets;
    r->sets = set;
    return set;
}

static struct weir_metric *next_of(struct weir_metric *m)
{
    return atomic_load_explicit(&m->next, memory_order_acquire);
}
static struct weir_metric *first_of(struct weir_metric_set *set)
{
    return atomic_load_explicit(&set->first, memory_order_acquire);
}

static void destroy_metric(struct weir_metric *m)
{
    weir_free((void *)(uintptr_t)m->slot);
    weir_free(m->name);
    weir_free(m->unit);
    weir_free(m->doc);
    weir_free(m);
}

void weir_metric_registry_destroy(struct weir_metric_registry *r)
{
    if (!r) return;
    for (struct weir_metric_set *set = r->sets, *next; set; set = next) {
        next = set->next;
        for (struct weir_metric *m = first_of(set), *after; m; m = after) {
            after = next_of(m);
            destroy_metric(m);
        }
        weir_free(set);
    }
    weir_free(r);
}

/* ---- adding ------------------------------------------------------------------------------------------------------ */

static const char *kind_name(enum weir_metric_kind kind)
{
    return kind == WEIR_METRIC_COUNTER ? "counter" : kind == WEIR_METRIC_GAUGE ? "gauge" : "histogram";
}

static weir_status check_name(const char *name, struct weir_error *error)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz", rest[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    if (!name || !name[0]) return weir_error_set(error, WEIR_E_PLUGIN, "a metric has no name");
    size_t n = strnlen(name, WEIR_METRIC_NAME_MAX + 1);
    if (n <= WEIR_METRIC_NAME_MAX && strchr(letters, name[0]) && strspn(name, rest) == n) return WEIR_OK;
    return weir_error_set(error, WEIR_E_PLUGIN,
                          "'%.*s' cannot name a metric: expected a letter from a to z, then letters, digits and '_', at "
                          "most %d in all",
                          WEIR_METRIC_NAME_MAX + 1, name, WEIR_METRIC_NAME_MAX);
}

static void *make_slot(enum weir_metric_kind kind)
{
    size_t size = kind == WEIR_METRIC_HISTOGRAM ? sizeof(weir_histogram) : CACHE_LINE;
    size = (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    void *slot = weir_try_alloc_aligned(CACHE_LINE, size);
    if (slot) memset(slot, 0, size);
    return slot;
}

static void append(struct weir_metric_set *set, struct weir_metric *m)
{
    atomic_store_explicit(set->last ? &set->last->next : &set->first, m, memory_order_release);
    set->last = m;
}

weir_status weir_metric_set_get(struct weir_metric_set *set, const void *owner, enum weir_metric_kind kind, const char *name,
                                const char *unit, const char *doc, void **slot, struct weir_error *error)
{
    *slot = NULL;
    weir_status s = check_name(name, error);
    if (s != WEIR_OK) return s;
    for (struct weir_metric *m = first_of(set); m; m = next_of(m)) {
        if (m->owner != owner || strcmp(m->name, name) != 0) continue;
        if (m->kind != kind)
            return weir_error_set(error, WEIR_E_PLUGIN, "the metric '%s' is a %s already, and cannot be a %s as well", name,
                                  kind_name(m->kind), kind_name(kind));
        *slot = (void *)(uintptr_t)m->slot;
        return WEIR_OK;
    }
    void *made = make_slot(kind);
    if (!made) return weir_error_set(error, WEIR_E_MEMORY, "no memory for the metric '%s'", name);
    struct weir_metric *m = weir_alloc(sizeof *m);
    m->set = set;
    m->owner = owner;
    m->slot = made;
    m->kind = kind;
    m->name = weir_strdup(name);
    m->unit = weir_strdup(unit ? unit : "");
    m->doc = weir_strdup(doc ? doc : "");
    append(set, m);
    *slot = made;
    return WEIR_OK;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static int compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_groups(const struct weir_metric *a, const struct weir_metric *b, bool by_subtask)
{
    int c = compare_numbers(a->set->node, b->set->node);
    if (c == 0) c = strcmp(a->name, b->name);
    if (c == 0) c = compare_numbers(a->kind, b->kind);
    return c == 0 && by_subtask ? compare_numbers(a->set->subtask, b->set->subtask) : c;
}

static int compare(const void *a, const void *b)
{
    return compare_groups(*(struct weir_metric *const *)a, *(struct weir_metric *const *)b, true);
}

static size_t gather(struct weir_metric_registry *r, struct weir_metric ***to)
{
    size_t n = 0, capacity = 0;
    *to = NULL;
    for (struct weir_metric_set *set = r->sets; set; set = set->next) {
        for (struct weir_metric *m = first_of(set); m; m = next_of(m)) {
            WEIR_GROW(*to, capacity, n + 1);
            (*to)[n++] = m;
        }
    }
    if (n > 0) qsort(*to, n, sizeof **to, compare);
    return n;
}

static uint64_t load(const uint64_t *slot)
{
    return __atomic_load_n(slot, __ATOMIC_RELAXED);
}

static void add_histogram(struct weir_metric_value *v, uint64_t *buckets, const weir_histogram *h)
{
    uint64_t max = load(&h->max);
    for (uint32_t i = 0; i < WEIR_HISTOGRAM_BUCKETS; i++) {
        uint64_t n = load(&h->buckets[i]);
        buckets[i] += n;
        v->count += n;
    }
    v->sum += load(&h->sum);
    if (max > v->max) v->max = max;
}

static void add_gauge(struct weir_metric_value *v, const weir_gauge *g, bool first)
{
    double value;
    __atomic_load(&g->value, &value, __ATOMIC_RELAXED);
    v->value += value;
    if (first || value < v->least) v->least = value;
    if (first || value > v->most) v->most = value;
}

/* metrics[0 .. n-1] are one metric to the reader. */
static void visit_group(struct weir_metric *const *metrics, size_t n, bool by_subtask, uint64_t *buckets,
                        weir_metric_visit *visit, void *arg)
{
    const struct weir_metric *m = metrics[0];
    struct weir_metric_value v = {.node = m->set->node,
                                  .subtask = by_subtask ? m->set->subtask : WEIR_ALL_SUBTASKS,
                                  .kind = m->kind,
                                  .name = m->name,
                                  .unit = m->unit,
                                  .doc = m->doc};
    if (m->kind == WEIR_METRIC_HISTOGRAM) {
        memset(buckets, 0, WEIR_HISTOGRAM_BUCKETS * sizeof *buckets);
        v.buckets = buckets;
    }
    for (size_t i = 0; i < n; i++) {
        switch (m->kind) {
        case WEIR_METRIC_COUNTER: v.count += load(&((const weir_counter *)metrics[i]->slot)->value); break;
        case WEIR_METRIC_GAUGE: add_gauge(&v, metrics[i]->slot, i == 0); break;
        case WEIR_METRIC_HISTOGRAM: add_histogram(&v, buckets, metrics[i]->slot); break;
        }
    }
    visit(arg, &v);
}

void weir_metric_registry_visit(struct weir_metric_registry *r, bool by_subtask, weir_metric_visit *visit, void *arg)
{
    struct weir_metric **metrics;
    size_t n = gather(r, &metrics);
    uint64_t *buckets = weir_alloc_array(WEIR_HISTOGRAM_BUCKETS, sizeof *buckets);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && compare_groups(metrics[i], metrics[end], by_subtask) == 0;) end++;
        visit_group(metrics + i, end - i, by_subtask, buckets, visit, arg);
    }
    weir_free(buckets);
    weir_free(metrics);
}

/* ---- histograms -------------------------------------------------------------------------------------------------- */

uint64_t weir_histogram_first(uint32_t bucket)
{
    if (bucket < (2u << WEIR_HISTOGRAM_BITS)) return bucket;
    uint32_t shift = (bucket >> WEIR_HISTOGRAM_BITS) - 1;
    return (uint64_t)(bucket - (shift << WEIR_HISTOGRAM_BITS)) << shift;
}

uint64_t weir_histogram_last(uint32_t bucket)
{
    return bucket + 1 < WEIR_HISTOGRAM_BUCKETS ? weir_histogram_first(bucket + 1) - 1 : UINT64_MAX;
}

uint64_t weir_histogram_quantile(const uint64_t *buckets, uint64_t count, uint64_t max, double q)
{
    double exact = q * (double)count;
    uint64_t rank = exact >= (double)count ? count : (uint64_t)exact, seen = 0;
    if ((double)rank < exact) rank++;
    if (rank == 0) rank = 1;
    for (uint32_t i = 0; i < WEIR_HISTOGRAM_BUCKETS && count > 0; i++) {
        seen += buckets[i];
        if (seen < rank) continue;
        uint64_t last = weir_histogram_last(i);
        return last < max ? last : max;
    }
    return count > 0 ? max : 0;
}
