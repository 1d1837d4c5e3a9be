/* The registry: names, sums, readers beside writers; and the buckets of histograms. */
#include "metrics/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "base/text.h"
#include "harness/suite.h"

static void *get(struct weir_metric_set *set, const void *owner, enum weir_metric_kind kind, const char *name)
{
    struct weir_error error = {0};
    void *slot = NULL;
    weir_status s = weir_metric_set_get(set, owner, kind, name, "rows", "words", &slot, &error);
    if (s != WEIR_OK) fprintf(stderr, "%s\n", error.text);
    CU_ASSERT_EQUAL_FATAL(s, WEIR_OK);
    return slot;
}

static void write_value(void *arg, const struct weir_metric_value *v)
{
    struct weir_text *t = arg;
    weir_text_add(t, "%u/%d %s=", v->node, (int)v->subtask, v->name);
    if (v->kind == WEIR_METRIC_GAUGE)
        weir_text_add(t, "%g [%g,%g]\n", v->value, v->least, v->most);
    else
        weir_text_add(t, "%llu\n", (unsigned long long)v->count);
}
static void expect(struct weir_metric_registry *r, bool by_subtask, const char *text)
{
    struct weir_text t = {0};
    weir_metric_registry_visit(r, by_subtask, write_value, &t);
    CU_ASSERT_STRING_EQUAL(weir_text_get(&t), text);
    weir_text_finish(&t);
}

static void what_the_subtasks_count_is_added_up(void)
{
    size_t before = weir_allocated_blocks();
    struct weir_metric_registry *r = weir_metric_registry_create();
    struct weir_metric_set *other = weir_metric_registry_add(r, 7, 0), *first = weir_metric_registry_add(r, 3, 0),
                           *second = weir_metric_registry_add(r, 3, 1);
    int a, b; /* two components of a node */
    expect(r, false, "");
    weir_count_up(get(first, &a, WEIR_METRIC_COUNTER, "n"), 5);
    weir_count_up(get(first, &b, WEIR_METRIC_COUNTER, "n"), 20);
    weir_count_up(get(second, &a, WEIR_METRIC_COUNTER, "n"), 300);
    weir_count_up(get(other, &a, WEIR_METRIC_COUNTER, "n"), 1);
    weir_gauge_set(get(first, &a, WEIR_METRIC_GAUGE, "files"), -2);
    weir_gauge_set(get(second, &a, WEIR_METRIC_GAUGE, "files"), 8.5);
    weir_observe(get(second, &a, WEIR_METRIC_HISTOGRAM, "ms"), 12);
    weir_observe(get(second, &a, WEIR_METRIC_HISTOGRAM, "ms"), 13);
    expect(r, false, "3/-1 files=6.5 [-2,8.5]\n3/-1 ms=2\n3/-1 n=325\n7/-1 n=1\n");
    expect(r, true, "3/0 files=-2 [-2,-2]\n3/1 files=8.5 [8.5,8.5]\n3/1 ms=2\n3/0 n=25\n3/1 n=300\n7/0 n=1\n");
    weir_metric_registry_destroy(r);
    weir_metric_registry_destroy(NULL);
    CU_ASSERT_EQUAL(weir_allocated_blocks(), before);
}

static void a_name_is_one_metric_of_one_kind(void)
{
    static const char *const wrong[] = {"", "Rows", "9lives", "_x", "a-b", "a b", "a.b", "\xc3\xa9t\xc3\xa9", NULL};
    struct weir_metric_registry *r = weir_metric_registry_create();
    struct weir_metric_set *set = weir_metric_registry_add(r, 0, 0);
    struct weir_error error = {0};
    char name[WEIR_METRIC_NAME_MAX + 2];
    int me, another;
    void *slot = &me;
    CU_ASSERT_PTR_EQUAL(get(set, &me, WEIR_METRIC_COUNTER, "a_1"), get(set, &me, WEIR_METRIC_COUNTER, "a_1"));
    CU_ASSERT_PTR_NOT_EQUAL(get(set, &me, WEIR_METRIC_COUNTER, "a_1"), get(set, &another, WEIR_METRIC_COUNTER, "a_1"));
    CU_ASSERT_EQUAL(weir_metric_set_get(set, &me, WEIR_METRIC_GAUGE, "a_1", NULL, NULL, &slot, &error), WEIR_E_PLUGIN);
    CU_ASSERT_STRING_EQUAL(error.text, "the metric 'a_1' is a counter already, and cannot be a gauge as well");
    CU_ASSERT_PTR_NULL(slot);
    for (size_t i = 0; wrong[i]; i++)
        CU_ASSERT_EQUAL(weir_metric_set_get(set, &me, WEIR_METRIC_GAUGE, wrong[i], NULL, NULL, &slot, &error),
                        WEIR_E_PLUGIN);
    WEIR_ASSERT_CONTAINS(error.text, "cannot name a metric: expected a letter from a to z");
    CU_ASSERT_EQUAL(weir_metric_set_get(set, &me, WEIR_METRIC_GAUGE, NULL, NULL, NULL, &slot, &error), WEIR_E_PLUGIN);
    memset(name, 'a', sizeof name - 1);
    name[WEIR_METRIC_NAME_MAX + 1] = '\0';
    CU_ASSERT_EQUAL(weir_metric_set_get(set, &me, WEIR_METRIC_GAUGE, name, NULL, NULL, &slot, &error), WEIR_E_PLUGIN);
    name[WEIR_METRIC_NAME_MAX] = '\0';
    CU_ASSERT_PTR_NOT_NULL(get(set, &me, WEIR_METRIC_GAUGE, name));
    weir_metric_registry_destroy(r);
}

static void a_metric_has_cache_lines_of_its_own(void)
{
    struct weir_metric_registry *r = weir_metric_registry_create();
    struct weir_metric_set *set = weir_metric_registry_add(r, 0, 0);
    CU_ASSERT_EQUAL((uintptr_t)get(set, NULL, WEIR_METRIC_COUNTER, "a") % 64, 0);
    CU_ASSERT_EQUAL((uintptr_t)get(set, NULL, WEIR_METRIC_GAUGE, "b") % 64, 0);
    CU_ASSERT_EQUAL((uintptr_t)get(set, NULL, WEIR_METRIC_HISTOGRAM, "c") % 64, 0);
    weir_metric_registry_destroy(r);
}

static void updating_nothing_does_nothing(void)
{
    weir_count_up(NULL, 1);
    weir_gauge_set(NULL, 1);
    weir_gauge_add(NULL, 1);
    weir_observe(NULL, 1);
}

/* ---- histograms ------------------------------------------------------------------------------------------------- */

static void the_buckets_cover_every_value_once(void)
{
    for (uint32_t b = 0; b < WEIR_HISTOGRAM_BUCKETS; b++) {
        uint64_t first = weir_histogram_first(b), last = weir_histogram_last(b);
        CU_ASSERT_EQUAL(weir_histogram_bucket(first), b);
        CU_ASSERT_EQUAL(weir_histogram_bucket(last), b);
        if (b + 1 < WEIR_HISTOGRAM_BUCKETS) CU_ASSERT_EQUAL(weir_histogram_first(b + 1), last + 1);
        if (b < 64) CU_ASSERT_EQUAL(first, last);
        CU_ASSERT(last - first <= first / 32); /* 3.2 % */
    }
    CU_ASSERT_EQUAL(weir_histogram_first(0), 0);
    CU_ASSERT_EQUAL(weir_histogram_last(WEIR_HISTOGRAM_BUCKETS - 1), UINT64_MAX);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

struct seen {
    uint64_t count, sum, max;
    uint64_t buckets[WEIR_HISTOGRAM_BUCKETS];
};
static void keep_histogram(void *arg, const struct weir_metric_value *v)
{
    struct seen *to = arg;
    to->count = v->count;
    to->sum = v->sum;
    to->max = v->max;
    memcpy(to->buckets, v->buckets, sizeof to->buckets);
}

/* Against sorted values. */
static void check_quantiles(struct weir_random *random, size_t n, unsigned bits)
{
    static const double shares[] = {0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1};
    static struct seen seen;
    struct weir_metric_registry *r = weir_metric_registry_create();
    weir_histogram *h = get(weir_metric_registry_add(r, 0, 0), NULL, WEIR_METRIC_HISTOGRAM, "h");
    uint64_t *values = weir_alloc_array(n, sizeof *values), sum = 0;
    for (size_t i = 0; i < n; i++) {
        values[i] = weir_random_next(random) >> (64 - bits) >> weir_random_next(random) % bits;
        sum += values[i];
        weir_observe(h, values[i]);
    }
    qsort(values, n, sizeof *values, compare);
    weir_metric_registry_visit(r, false, keep_histogram, &seen);
    CU_ASSERT_EQUAL(seen.count, n);
    CU_ASSERT_EQUAL(seen.sum, sum);
    CU_ASSERT_EQUAL(seen.max, values[n - 1]);
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        size_t rank = 1;
        while ((double)rank < shares[i] * (double)n) rank++;
        uint64_t exact = values[rank - 1], found = weir_histogram_quantile(seen.buckets, n, seen.max, shares[i]);
        CU_ASSERT(found >= exact && found - exact <= exact / 32);
    }
    weir_free(values);
    weir_metric_registry_destroy(r);
}

static void quantiles_are_those_of_the_sorted_values(void)
{
    struct weir_random random = {4711};
    static const uint64_t none[WEIR_HISTOGRAM_BUCKETS];
    for (unsigned bits = 1; bits <= 64; bits++) {
        check_quantiles(&random, 1, bits);
        check_quantiles(&random, 1 + weir_random_next(&random) % 3000, bits);
    }
    CU_ASSERT_EQUAL(weir_histogram_quantile(none, 0, 0, 0.5), 0);
}

/* ---- two threads ------------------------------------------------------------------------------------------------ */

#define WRITES 200000

struct race {
    struct weir_metric_registry *registry;
    struct weir_metric_set *set;
    _Atomic bool done;
    uint64_t last;
};

static void *write_all(void *arg)
{
    struct race *g = arg;
    weir_counter *counter = NULL;
    char name[16];
    for (int i = 0; i < WRITES; i++) {
        if (i % (WRITES / 50) == 0) { /* metrics that come while somebody reads */
            snprintf(name, sizeof name, "h%d", i);
            weir_observe(get(g->set, NULL, WEIR_METRIC_HISTOGRAM, name), (uint64_t)i);
            counter = get(g->set, NULL, WEIR_METRIC_COUNTER, "n");
        }
        weir_count_up(counter, 1);
    }
    atomic_store(&g->done, true);
    return NULL;
}

static void check_growth(void *arg, const struct weir_metric_value *v)
{
    struct race *g = arg;
    if (v->kind != WEIR_METRIC_COUNTER) return;
    CU_ASSERT(v->count >= g->last && v->count <= WRITES);
    g->last = v->count;
}

/* Under ThreadSanitizer this is the proof that neither needs a lock. */
static void metrics_are_read_while_they_are_written(void)
{
    struct race g = {.registry = weir_metric_registry_create()};
    g.set = weir_metric_registry_add(g.registry, 0, 0);
    pthread_t writer;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&writer, NULL, write_all, &g), 0);
    while (!atomic_load(&g.done)) weir_metric_registry_visit(g.registry, false, check_growth, &g);
    pthread_join(writer, NULL);
    weir_metric_registry_visit(g.registry, true, check_growth, &g);
    CU_ASSERT_EQUAL(g.last, WRITES);
    weir_metric_registry_destroy(g.registry);
}

WEIR_SUITE(metrics) = {{"what the subtasks count is added up", what_the_subtasks_count_is_added_up},
                       {"a name is one metric of one kind", a_name_is_one_metric_of_one_kind},
                       {"a metric has cache lines of its own", a_metric_has_cache_lines_of_its_own},
                       {"updating nothing does nothing", updating_nothing_does_nothing},
                       {"the buckets cover every value once", the_buckets_cover_every_value_once},
                       {"quantiles are those of the sorted values", quantiles_are_those_of_the_sorted_values},
                       {"metrics are read while they are written", metrics_are_read_while_they_are_written},
                       {NULL, NULL}};
