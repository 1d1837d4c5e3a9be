/* main.c - plugin tests on the mock host: `mock_host BUILD_FOLDER CASE`, each at several cuts of its batches. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "mock_host/drive.h"

typedef weir_status open_call(void *self, weir_ctx *);
typedef void close_call(void *self, weir_ctx *);

struct calls {
    open_call *open;
    close_call *close;
};

static struct calls calls_of(const weir_component *c)
{
    const weir_operator *o = c->vtable;
    const weir_reducer *r = c->vtable;
    const weir_aggregate *a = c->vtable;
    if (c->kind == WEIR_REDUCER) return (struct calls){r->open, r->close};
    if (c->kind == WEIR_AGGREGATE) return (struct calls){a->open, a->close};
    return (struct calls){o->open, o->close};
}

static bool begin(struct host *h)
{
    const struct calls calls = calls_of(h->component);
    h->self = host_instance(h);
    weir_status s = calls.open ? calls.open(h->self, &h->cx) : WEIR_OK;
    keep_clear_raw(h->keep); /* read, if ever */
    if (s >= 0) host_end_call(h);
    return !call_failed(h, s);
}

static void end(struct host *h)
{
    const struct calls calls = calls_of(h->component);
    if (calls.close) calls.close(h->self, &h->cx);
    host_free_instance(h, h->self);
    if (h->allocated != 0) give_up("the component did not release what it allocated", h->c->component);
}

static bool rows_step(struct host *h, struct folds *folds, const struct case_step *step, size_t cut)
{
    struct rows rows = rows_parse(&h->in[step->input].stream, step->rows);
    bool well = true;
    for (size_t from = 0; well && from < rows.n; from += cut) {
        size_t n = rows.n - from < cut ? rows.n - from : cut;
        switch (h->c->kind) {
        case CASE_OPERATOR: well = operator_rows(h, step->input, &rows, from, n); break;
        case CASE_REDUCER: well = reducer_rows(h, folds, &rows, from, n); break;
        case CASE_AGGREGATE: well = aggregate_rows(h, folds, &rows, from, n); break;
        }
    }
    rows_free(&rows, h->in[step->input].stream.n);
    return well;
}

static bool watermark_step(struct host *h, struct folds *folds, int64_t at)
{
    if (h->c->kind == CASE_OPERATOR) return operator_watermark(h, at);
    return h->c->kind == CASE_AGGREGATE ? aggregate_watermark(h, folds, at) : true;
}

static bool restart_step(struct host *h, struct folds *folds)
{
    if (h->c->kind == CASE_OPERATOR && !operator_checkpoint(h)) return false;
    end(h);
    return begin(h) && (h->watermark == INT64_MIN || watermark_step(h, folds, h->watermark));
}

static bool run_step(struct host *h, struct folds *folds, const struct case_step *step, size_t cut)
{
    bool is_operator = h->c->kind == CASE_OPERATOR;
    switch (step->kind) {
    case STEP_ROWS: return rows_step(h, folds, step, cut);
    case STEP_WATERMARK: return watermark_step(h, folds, step->at);
    case STEP_CLOCK: return is_operator ? operator_clock(h, step->at) : true;
    case STEP_RESTART: return restart_step(h, folds);
    case STEP_END: return is_operator ? operator_end(h) : true;
    }
    return false;
}

static int run_case(const struct plugin_case *c, const weir_component *component, size_t cut)
{
    struct host h;
    struct folds folds = {0};
    char name[64];
    host_set_up(&h, c, component, (int64_t)cut);
    bool well = begin(&h);
    for (size_t i = 0; well && i < c->n_steps; i++) well = run_step(&h, &folds, &c->steps[i], cut);
    end(&h);
    snprintf(name, sizeof name, "the mock host, batches of at most %zu", cut);
    int result = case_compare(c, name, &h.found);
    folds_free(&h, &folds);
    host_tear_down(&h);
    return result;
}

static const weir_component *find_component(const char *folder, const struct plugin_case *c)
{
    static const uint32_t kinds[] = {
        [CASE_OPERATOR] = WEIR_OPERATOR, [CASE_REDUCER] = WEIR_REDUCER, [CASE_AGGREGATE] = WEIR_AGGREGATE};
    char path[4096];
    weir_plugin_entry *entry;
    snprintf(path, sizeof path, "%s/%s", folder, c->plugin);
    void *file = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!file) give_up("cannot be opened", dlerror());
    void *symbol = dlsym(file, WEIR_ENTRY_SYMBOL);
    if (!symbol) give_up("no " WEIR_ENTRY_SYMBOL, path);
    memcpy(&entry, &symbol, sizeof entry);
    const weir_plugin *plugin = entry();
    if (plugin->abi_major != WEIR_ABI_MAJOR || plugin->abi_minor > WEIR_ABI_NEWEST) give_up("another ABI", path);
    for (const weir_component *const *at = plugin->components; *at; at++) {
        if ((*at)->kind == kinds[c->kind] && strcmp((*at)->id, c->component) == 0) return *at;
    }
    give_up("no such component", c->component);
}

int main(int argc, char **argv)
{
    static const size_t cuts[] = {1, 2, 3, 1024};
    if (argc != 3) give_up("usage: mock_host BUILD_FOLDER CASE", NULL);
    struct plugin_case *c = case_read(argv[2]);
    const weir_component *component = find_component(argv[1], c);
    int result = 0;
    for (size_t i = 0; i < WEIR_LEN(cuts); i++) result |= run_case(c, component, cuts[i]);
    case_free(c);
    return result;
}
