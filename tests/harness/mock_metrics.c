/* The extension weir.metrics/1 of the mock host: slots in a list, and what the ABI says about names. */
#include <stdlib.h>
#include <string.h>

#include "harness/mock_host.h"

struct mock_metric {
    struct mock_metric *next;
    char *name;
    size_t size; /* which is different for every kind but two; those are told apart by `gauge` */
    bool gauge;
    uint64_t slot[];
};

static struct mock_metric *find_metric(struct mock_host *h, const char *name)
{
    struct mock_metric *m = h->metrics;
    while (m && strcmp(m->name, name) != 0) m = m->next;
    return m;
}
static weir_status get(weir_ctx *cx, const char *name, size_t size, bool gauge, void **slot)
{
    struct mock_host *h = cx->host_data;
    struct mock_metric *m = find_metric(h, name);
    *slot = NULL;
    if (*name < 'a' || *name > 'z' || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name))
        return cx->host->fail(cx, WEIR_E_PLUGIN, "'%s' cannot name a metric", name);
    if (m && (m->size != size || m->gauge != gauge))
        return cx->host->fail(cx, WEIR_E_PLUGIN, "'%s' is of another kind", name);
    if (!m) {
        m = calloc(1, sizeof *m + size);
        m->name = strdup(name);
        m->size = size;
        m->gauge = gauge;
        m->next = h->metrics;
        h->metrics = m;
    }
    *slot = m->slot;
    return WEIR_OK;
}
static weir_status get_counter(weir_ctx *cx, const char *name, const char *unit, const char *doc, weir_counter **to)
{
    void *slot;
    (void)unit, (void)doc;
    weir_status s = get(cx, name, sizeof **to, false, &slot);
    *to = slot;
    return s;
}
static weir_status get_gauge(weir_ctx *cx, const char *name, const char *unit, const char *doc, weir_gauge **to)
{
    void *slot;
    (void)unit, (void)doc;
    weir_status s = get(cx, name, sizeof **to, true, &slot);
    *to = slot;
    return s;
}
static weir_status get_histogram(weir_ctx *cx, const char *name, const char *unit, const char *doc, weir_histogram **to)
{
    void *slot;
    (void)unit, (void)doc;
    weir_status s = get(cx, name, sizeof **to, false, &slot);
    *to = slot;
    return s;
}
static const weir_metrics table = {
    .struct_size = sizeof(weir_metrics), .counter = get_counter, .gauge = get_gauge, .histogram = get_histogram};

const void *mock_metric(struct mock_host *h, const char *name)
{
    struct mock_metric *m = find_metric(h, name);
    return m ? m->slot : NULL;
}

void mock_free_metrics(struct mock_host *h)
{
    for (struct mock_metric *m = h->metrics, *next; m; m = next) {
        next = m->next;
        free(m->name);
        free(m);
    }
}

const void *mock_metrics(void)
{
    return &table;
}
