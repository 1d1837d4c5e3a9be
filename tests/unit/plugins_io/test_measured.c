/* A component that measures, on a host that has weir.metrics/1 and on one that has not. */
#define weir_plugin_v1 weir_test_measured
#include "plugins/toys/measured.c"
#undef weir_plugin_v1

#include "harness/mock_host.h"
#include "harness/suite.h"

static struct mock_host *host(const weir_component *sink, bool no_metrics)
{
    return mock_host_create(&(struct mock_host_config){.component = sink, .input = "n:i64", .no_metrics = no_metrics});
}

static void a_host_sees_what_a_component_measures(void)
{
    struct mock_host *h = host(&measured_sink_component, false);
    CU_ASSERT_EQUAL(mock_write(h, "1\n2\n3\n70\n"), WEIR_OK);
    const weir_counter *seen = mock_metric(h, "seen");
    const weir_gauge *last = mock_metric(h, "last");
    const weir_histogram *values = mock_metric(h, "values");
    CU_ASSERT_FATAL(seen && last && values);
    CU_ASSERT_EQUAL(seen->value, 4);
    CU_ASSERT_EQUAL(last->value, 70.5);
    CU_ASSERT_EQUAL(values->sum, 76);
    CU_ASSERT_EQUAL(values->max, 70);
    CU_ASSERT_EQUAL(values->buckets[2], 1);
    CU_ASSERT_EQUAL(values->buckets[67], 1); /* 70 and 71 */
    CU_ASSERT_PTR_NULL(mock_metric(h, "unheard_of"));
    mock_host_destroy(h);
}

static void a_component_runs_on_a_host_without_metrics(void)
{
    struct mock_host *h = host(&measured_sink_component, true);
    CU_ASSERT_EQUAL(mock_write(h, "1\n2\n3\n70\n"), WEIR_OK);
    const measured_sink *me = mock_self(h);
    CU_ASSERT(!me->rows && !me->again && !me->last && !me->values);
    CU_ASSERT_PTR_NULL(mock_metric(h, "seen"));
    mock_host_destroy(h);
}

static void a_bad_name_is_told_where_it_is_looked_at(void)
{
    struct mock_host *h = host(&misnamed_component, false);
    mock_set(h, "name", "9lives");
    CU_ASSERT_EQUAL(mock_open(h), WEIR_E_PLUGIN);
    CU_ASSERT_STRING_EQUAL(weir_text_get(&h->failure), "'9lives' cannot name a metric");
    mock_host_destroy(h);
    h = host(&misnamed_component, true);
    mock_set(h, "name", "9lives");
    CU_ASSERT_EQUAL(mock_open(h), WEIR_OK);
    mock_host_destroy(h);
}

WEIR_SUITE(measured) = {{"a host sees what a component measures", a_host_sees_what_a_component_measures},
                        {"a component runs on a host without metrics", a_component_runs_on_a_host_without_metrics},
                        {"a bad name is told where it is looked at", a_bad_name_is_told_where_it_is_looked_at},
                        {NULL, NULL}};
