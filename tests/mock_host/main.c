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
    const weir_window_function *w = c->vtable;
    if (c->kind == WEIR_REDUCER) return (struct calls){r->open, r->close};
    if (c->kind == WEIR_AGGREGATE) return (struct calls){a->open, a->close};
    if (c->kind == WEIR_WINDOW_FUNCTION) return (struct calls){w->open, w->close};
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

/* A case on its way. */
struct course {
    struct host h;
    struct folds folds;
    struct windows windows;
};

static bool rows_step(struct course *r, const struct case_step *step, size_t cut)
{
    struct host *h = &r->h;
    bool in_windows = h->c->kind == CASE_FUNCTION, well = true;
    const struct schema *stream = in_windows ? &r->windows.rows.stream : &h->in[step->input].stream;
    struct rows rows = rows_parse(stream, step->rows);
    for (size_t from = 0; well && from < rows.n; from += cut) {
        size_t n = rows.n - from < cut ? rows.n - from : cut;
        switch (h->c->kind) {
        case CASE_OPERATOR: well = operator_rows(h, step->input, &rows, from, n); break;
        case CASE_REDUCER: well = reducer_rows(h, &r->folds, &rows, from, n); break;
        case CASE_AGGREGATE: well = aggregate_rows(h, &r->folds, &rows, from, n); break;
        case CASE_FUNCTION: well = windows_rows(h, &r->windows, &rows, from, n); break;
        }
    }
    rows_free(&rows, stream->n);
    return well;
}

static bool watermark_step(struct course *r, int64_t at)
{
    switch (r->h.c->kind) {
    case CASE_OPERATOR: return operator_watermark(&r->h, at);
    case CASE_REDUCER: return true;
    case CASE_AGGREGATE: return aggregate_watermark(&r->h, &r->folds, at);
    case CASE_FUNCTION: return windows_watermark(&r->h, &r->windows, at);
    }
    return false;
}

static bool begin_all(struct course *r)
{
    bool well = begin(&r->h);
    for (size_t i = 0; i < r->windows.n_aggregates; i++) well = begin(&r->windows.aggregates[i]) && well;
    return well;
}

static void end_all(struct course *r)
{
    end(&r->h);
    for (size_t i = 0; i < r->windows.n_aggregates; i++) end(&r->windows.aggregates[i]);
}

static bool restart_step(struct course *r)
{
    if (r->h.c->kind == CASE_OPERATOR && !operator_checkpoint(&r->h)) return false;
    end_all(r);
    return begin_all(r) && (r->h.watermark == INT64_MIN || watermark_step(r, r->h.watermark));
}

static bool run_step(struct course *r, const struct case_step *step, size_t cut)
{
    bool is_operator = r->h.c->kind == CASE_OPERATOR;
    switch (step->kind) {
    case STEP_ROWS: return rows_step(r, step, cut);
    case STEP_WATERMARK: return watermark_step(r, step->at);
    case STEP_CLOCK: return is_operator ? operator_clock(&r->h, step->at) : true;
    case STEP_RESTART: return restart_step(r);
    case STEP_END: return is_operator ? operator_end(&r->h) : true;
    }
    return false;
}

/* components: the case's, and those of its results. */
static int run_case(const struct plugin_case *c, const weir_component *const *components, size_t cut)
{
    struct course r = {0};
    char name[64];
    host_set_up(&r.h, c, components[0], (int64_t)cut);
    if (c->kind == CASE_FUNCTION) windows_init(&r.windows, c, components + 1, (int64_t)cut);
    bool well = begin_all(&r);
    for (size_t i = 0; well && i < c->n_steps; i++) well = run_step(&r, &c->steps[i], cut);
    end_all(&r);
    snprintf(name, sizeof name, "the mock host, batches of at most %zu", cut);
    int result = case_compare(c, name, &r.h.found);
    folds_free(&r.h, &r.folds);
    if (c->kind == CASE_FUNCTION) windows_finish(&r.h, &r.windows);
    host_tear_down(&r.h);
    return result;
}

static const weir_plugin *open_plugin(const char *folder, const char *name)
{
    char path[4096];
    weir_plugin_entry *entry;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    void *file = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!file) give_up("cannot be opened", dlerror());
    void *symbol = dlsym(file, WEIR_ENTRY_SYMBOL);
    if (!symbol) give_up("no " WEIR_ENTRY_SYMBOL, path);
    memcpy(&entry, &symbol, sizeof entry);
    const weir_plugin *plugin = entry();
    if (plugin->abi_major != WEIR_ABI_MAJOR || plugin->abi_minor > WEIR_ABI_NEWEST) give_up("another ABI", path);
    return plugin;
}

static const weir_component *find_component(const char *folder, const struct plugin_case *c, uint32_t kind, const char *id)
{
    for (size_t i = 0; i < c->n_plugins; i++) {
        for (const weir_component *const *at = open_plugin(folder, c->plugins[i])->components; *at; at++) {
            if ((*at)->kind == kind && strcmp((*at)->id, id) == 0) return *at;
        }
    }
    give_up("no such component", id);
}

int main(int argc, char **argv)
{
    static const uint32_t kinds[] = {[CASE_OPERATOR] = WEIR_OPERATOR,
                                     [CASE_REDUCER] = WEIR_REDUCER,
                                     [CASE_AGGREGATE] = WEIR_AGGREGATE,
                                     [CASE_FUNCTION] = WEIR_WINDOW_FUNCTION};
    static const size_t cuts[] = {1, 2, 3, 1024};
    if (argc != 3) give_up("usage: mock_host BUILD_FOLDER CASE", NULL);
    struct plugin_case *c = case_read(argv[2]);
    const weir_component *components[CASE_MOST + 1] = {find_component(argv[1], c, kinds[c->kind], c->component)};
    for (size_t i = 0; i < c->n_results; i++)
        components[i + 1] = find_component(argv[1], c, WEIR_AGGREGATE, c->results[i].aggregate);
    int result = 0;
    for (size_t i = 0; i < WEIR_LEN(cuts); i++) result |= run_case(c, components, cuts[i]);
    case_free(c);
    return result;
}
