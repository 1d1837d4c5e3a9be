/* The generated streams: the same for a seed whatever the parallelism. */
#define weir_plugin_v1 weir_test_source_datagen
#include "harness/lines.h"
#include "plugins/source_datagen/plugin.c"
#undef weir_plugin_v1

#include <stdlib.h>

#include "base/alloc.h"
#include "harness/mock_host.h"
#include "harness/suite.h"

static const weir_component *const kinds[] = {&clicks_component, &orders_component, &readings_component};

static struct mock_host *datagen_host(const weir_component *kind, uint32_t subtask, uint32_t parallelism, const char *seed)
{
    struct mock_host *h = mock_host_create(
        &(struct mock_host_config){.component = kind, .subtask = subtask, .parallelism = parallelism, .batch_rows = 7});
    mock_set(h, "count", "100");
    mock_set(h, "seed", seed);
    return h;
}

/* The rows of all subtasks, sorted. */
static char *sorted_rows(const weir_component *kind, uint32_t parallelism, const char *seed)
{
    struct weir_text all = {0};
    int64_t n = 0;
    for (uint32_t i = 0; i < parallelism; i++) {
        struct mock_host *h = datagen_host(kind, i, parallelism, seed);
        CU_ASSERT_EQUAL(mock_run_source(h, 5), WEIR_DONE);
        weir_text_add(&all, "%s", mock_rows(h));
        n += h->n_rows;
        mock_host_destroy(h);
    }
    CU_ASSERT_EQUAL(n, 100);
    char *sorted = weir_sorted_lines(weir_text_get(&all));
    weir_text_finish(&all);
    return sorted;
}

static void depends_on_the_seed_and_not_on_the_parallelism(void)
{
    for (int k = 0; k < 3; k++) {
        char *one = sorted_rows(kinds[k], 1, "1"), *four = sorted_rows(kinds[k], 4, "1"),
             *other = sorted_rows(kinds[k], 1, "2");
        CU_ASSERT_STRING_EQUAL(one, four);
        CU_ASSERT_STRING_NOT_EQUAL(one, other);
        weir_free(one);
        weir_free(four);
        weir_free(other);
    }
}

/* Golden rows: a change of the generator would change every job that was compared with an earlier run. */
static void is_the_same_for_ever(void)
{
    static const char *const first[] = {
        "561|/page/69|1704067190443\n335|/page/90|1704067191770\n611|/page/1|1704067193431\n",
        "1|561|item-69|333.04|1704067190443\n2|335|item-90|9.99|1704067191770\n3|611|item-1|133.27|1704067193431\n",
        "sensor-8|15.34|1704067190443\nsensor-6|15.46|1704067191770\nsensor-8|14.52|1704067193431\n",
    };
    for (int k = 0; k < 3; k++) {
        struct mock_host *h = datagen_host(kinds[k], 0, 1, "1");
        mock_set(h, "count", "3");
        mock_set(h, "jitter", "10s");
        CU_ASSERT_EQUAL(mock_run_source(h, 5), WEIR_DONE);
        CU_ASSERT_STRING_EQUAL(mock_rows(h), first[k]);
        mock_host_destroy(h);
    }
}

static void event_time_advances_by_step_and_jitters_back(void)
{
    struct mock_host *h = datagen_host(&clicks_component, 0, 1, "1");
    mock_set(h, "start", "1970-01-01T00:16:40Z");
    mock_set(h, "step", "100ms");
    mock_set(h, "jitter", "2s");
    CU_ASSERT_EQUAL(mock_run_source(h, 1000), WEIR_DONE);
    mock_settle(h);
    const char *p = weir_text_get(&h->times);
    int64_t jittered = 0;
    for (int i = 0; i < 100; i++) {
        int64_t at = strtoll(p, (char **)&p, 10), latest = 1000000 + i * 100;
        CU_ASSERT_TRUE(at <= latest && at >= latest - 2000);
        jittered += at != latest;
    }
    CU_ASSERT_TRUE(jittered > 80);
    mock_host_destroy(h);
}

static void a_rate_follows_the_clock(void)
{
    struct mock_host *h = datagen_host(&orders_component, 0, 1, "1");
    mock_set(h, "rate", "10");
    CU_ASSERT_EQUAL(mock_discover(h), WEIR_OK);
    CU_ASSERT_EQUAL(mock_open(h), WEIR_OK);
    CU_ASSERT_EQUAL(mock_add_split(h, 0, NULL, 0), WEIR_OK);
    CU_ASSERT_EQUAL(mock_poll(h, 1000), WEIR_MADE);
    CU_ASSERT_EQUAL(h->n_rows, 1);
    CU_ASSERT_EQUAL(mock_poll(h, 1000), WEIR_NONE);
    h->machine->monotonic_ns += 99 * 1000000;
    CU_ASSERT_EQUAL(mock_poll(h, 1000), WEIR_NONE);
    h->machine->monotonic_ns += 1 * 1000000;
    CU_ASSERT_EQUAL(mock_poll(h, 1000), WEIR_MADE);
    CU_ASSERT_EQUAL(h->n_rows, 2);
    h->machine->monotonic_ns += INT64_C(3600) * 1000000000;
    while (mock_poll(h, 1000) == WEIR_MADE) {
    }
    CU_ASSERT_EQUAL(h->n_rows, 100);
    mock_host_destroy(h);
}

static void a_wrong_start_is_told(void)
{
    struct mock_host *h = datagen_host(&orders_component, 0, 1, "1");
    mock_set(h, "start", "yesterday");
    CU_ASSERT_EQUAL(mock_run_source(h, 5), WEIR_FAILED);
    WEIR_ASSERT_CONTAINS(weir_text_get(&h->failure), "start: 'yesterday' is no time; write it as 2024-01-01T00:00:00Z");
    mock_host_destroy(h);
}

static void goes_on_from_a_position(void)
{
    struct mock_host *a = datagen_host(&orders_component, 0, 1, "1"), *b = datagen_host(&orders_component, 0, 1, "1");
    char position[16];
    size_t n = 0;
    weir_split split = {.struct_size = sizeof split};
    CU_ASSERT_EQUAL(mock_discover(a), WEIR_OK);
    CU_ASSERT_EQUAL(mock_discover(b), WEIR_OK);
    CU_ASSERT_EQUAL(mock_open(a), WEIR_OK);
    CU_ASSERT_EQUAL(mock_open(b), WEIR_OK);
    CU_ASSERT_EQUAL(mock_add_split(a, 0, NULL, 0), WEIR_OK);
    (void)mock_poll(a, 5);
    CU_ASSERT_EQUAL(datagen_position(mock_self(a), &a->cx, 1, &split, position, sizeof position, &n), WEIR_OK);
    CU_ASSERT_EQUAL(mock_add_split(b, 0, position, n), WEIR_OK);
    while (mock_poll(b, 5) == WEIR_MADE) {
    }
    CU_ASSERT_EQUAL(a->n_rows + b->n_rows, 100);
    WEIR_ASSERT_CONTAINS(mock_rows(b), "\n100|");
    mock_host_destroy(a);
    mock_host_destroy(b);
}

/* Neither records of before the restore nor time of before it count, for a source that keeps to a rate. */
static void a_rate_goes_on_at_once_from_a_position(void)
{
    struct mock_host *h = datagen_host(&orders_component, 0, 1, "1");
    const uint64_t position = 60;
    mock_set(h, "rate", "10");
    CU_ASSERT_EQUAL(mock_discover(h), WEIR_OK);
    CU_ASSERT_EQUAL(mock_open(h), WEIR_OK);
    CU_ASSERT_EQUAL(mock_add_split(h, 0, &position, sizeof position), WEIR_OK);
    CU_ASSERT_EQUAL(mock_poll(h, 1000), WEIR_MADE);
    CU_ASSERT_EQUAL(h->n_rows, 1);
    h->machine->monotonic_ns += INT64_C(1000000000);
    while (mock_poll(h, 1000) == WEIR_MADE) {
    }
    CU_ASSERT_EQUAL(h->n_rows, 11);
    mock_host_destroy(h);
}

/* Splits of a wider run, one of them over: those that are left go on from the least of their positions. */
static void a_rate_goes_on_from_the_split_that_is_furthest_back(void)
{
    struct mock_host *h = datagen_host(&orders_component, 0, 3, "1");
    const uint64_t positions[] = {102, 61, 65};
    mock_set(h, "rate", "10");
    CU_ASSERT_EQUAL(mock_discover(h), WEIR_OK);
    CU_ASSERT_EQUAL(mock_open(h), WEIR_OK);
    for (size_t i = 0; i < 3; i++) CU_ASSERT_EQUAL(mock_add_split(h, i, &positions[i], sizeof positions[i]), WEIR_OK);
    while (mock_poll(h, 1000) == WEIR_MADE) {
    }
    CU_ASSERT_EQUAL(h->n_rows, 0); /* it is the turn of record 60, which is another subtask's */
    h->machine->monotonic_ns += INT64_C(100000000);
    CU_ASSERT_EQUAL(mock_poll(h, 1000), WEIR_MADE);
    CU_ASSERT_EQUAL(h->n_rows, 1); /* 61 */
    h->machine->monotonic_ns += INT64_C(400000000);
    while (mock_poll(h, 1000) == WEIR_MADE) {
    }
    CU_ASSERT_EQUAL(h->n_rows, 3); /* and 64, 65 */
    mock_host_destroy(h);
}

WEIR_SUITE(source_datagen) = {
    {"depends on the seed and not on the parallelism", depends_on_the_seed_and_not_on_the_parallelism},
    {"is the same for ever", is_the_same_for_ever},
    {"event time advances by step and jitters back", event_time_advances_by_step_and_jitters_back},
    {"a rate follows the clock", a_rate_follows_the_clock},
    {"a wrong start is told", a_wrong_start_is_told},
    {"goes on from a position", goes_on_from_a_position},
    {"neither records of before the restore nor time of before it count, for a source that keeps to a rate",
     a_rate_goes_on_at_once_from_a_position},
    {"a rate goes on from the split that is furthest back", a_rate_goes_on_from_the_split_that_is_furthest_back},
    {NULL, NULL},
};
