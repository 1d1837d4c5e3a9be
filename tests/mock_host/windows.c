/* windows.c - window functions, in tumbling and sliding windows of event time.
 *
 * A window of a key keeps copies of its rows until it goes, at its last instant plus the lateness. It fires at its last
 * instant, and from then on with each row that comes. At each call the function is given all its rows, or the one row of key
 * and results, in other memory. Results are made of the rows anew at each firing, by aggregates that have a host each.
 */
#include <stdlib.h>

#include "mock_host/drive.h"

struct pane {
    weir_window window;
    char *identity;
    struct cell *key;
    struct rows rows;
    bool fired;
};

static const weir_window_function *vtable_of(const struct host *h)
{
    return h->component->vtable;
}

void windows_init(struct windows *w, const struct plugin_case *c, const weir_component *const *aggregates, int64_t capacity)
{
    *w = (struct windows){.n_aggregates = c->n_results};
    input_init(&w->rows, c->in[0], "*", NULL, c->key[0]);
    w->cases = calloc(c->n_results + 1, sizeof *w->cases);
    w->aggregates = calloc(c->n_results + 1, sizeof *w->aggregates);
    for (size_t i = 0; i < c->n_results; i++) {
        const struct case_result *r = &c->results[i];
        w->cases[i] = (struct plugin_case){.kind = CASE_AGGREGATE,
                                           .component = r->aggregate,
                                           .in = {c->in[0]},
                                           .arg = r->arg,
                                           .outs = {r->field},
                                           .n_outs = 1};
        host_set_up(&w->aggregates[i], &w->cases[i], aggregates[i], capacity);
    }
}

static void forget(struct host *h, struct windows *w, size_t i)
{
    struct pane *p = &w->all[i];
    rows_free(&p->rows, w->rows.stream.n);
    cells_free(p->key, h->key.n);
    free(p->identity);
    memmove(p, p + 1, (w->n - i - 1) * sizeof *p);
    w->n--;
}

void windows_finish(struct host *h, struct windows *w)
{
    while (w->n > 0) forget(h, w, w->n - 1);
    for (size_t i = 0; i < w->n_aggregates; i++) host_tear_down(&w->aggregates[i]);
    input_finish(&w->rows);
    free(w->all);
    free(w->cases);
    free(w->aggregates);
}

/* ---- calls ------------------------------------------------------------------------------------------------------- */

/* The row of key and results; the caller's. False: an aggregate failed. */
static bool fold(struct host *h, struct windows *w, const struct pane *p, struct row *one)
{
    *one = (struct row){WEIR_NO_TIME, calloc(h->in[0].stream.n, sizeof *one->cells)};
    for (uint32_t i = 0; i < h->key.n; i++) one->cells[i] = cell_copy(&p->key[i]);
    for (size_t i = 0; i < w->n_aggregates; i++) {
        struct host *a = &w->aggregates[i];
        if (aggregate_once(a, &p->rows, &one->cells[h->key.n + i])) continue;
        lines_add(&h->found, "%s", lines_text(&a->found));
        return false;
    }
    return true;
}

static void use_pane(struct host *h, const struct pane *p)
{
    host_use_key(h, p->identity, p->key);
    host_use_window(h, p->window);
}

static bool fire(struct host *h, struct windows *w, struct pane *p)
{
    struct row one = {0};
    bool folds = w->n_aggregates > 0, well = !folds || fold(h, w, p, &one);
    const struct rows given = folds ? (struct rows){&one, 1} : p->rows;
    weir_status s = WEIR_MORE;
    while (well && s == WEIR_MORE) {
        struct batch *b = drive_batch(h, 0, &given, 0, given.n);
        use_pane(h, p);
        s = vtable_of(h)->process(h->self, &h->cx, h->window, &b->view);
        well = drive_end(h, b, s);
    }
    cells_free(one.cells, h->in[0].stream.n);
    p->fired = true;
    return well;
}

static bool let_go(struct host *h, struct windows *w, size_t i)
{
    weir_status s = WEIR_OK;
    use_pane(h, &w->all[i]);
    if (vtable_of(h)->clear) s = vtable_of(h)->clear(h->self, &h->cx, h->window);
    keep_clear_window(h->keep);
    forget(h, w, i);
    return drive_end(h, NULL, s);
}

/* ---- rows and watermarks ----------------------------------------------------------------------------------------- */

static struct pane *pane_of(struct host *h, struct windows *w, weir_window window, const struct row *r)
{
    const struct input *in = &w->rows;
    struct cell *key = calloc(in->n_key + 1, sizeof *key);
    for (uint32_t i = 0; i < in->n_key; i++) key[i] = r->cells[in->key[i]];
    char *identity = cells_identity(key, &h->key);
    size_t i = 0;
    while (i < w->n && (w->all[i].window.start != window.start || strcmp(w->all[i].identity, identity) != 0)) i++;
    if (i == w->n) {
        w->all = realloc(w->all, (w->n + 1) * sizeof *w->all);
        w->all[w->n++] = (struct pane){.window = window, .identity = strdup(identity), .key = cells_copy(key, in->n_key)};
    }
    free(identity);
    free(key);
    return &w->all[i];
}

static void keep_row(struct rows *rows, const struct row *r, uint32_t n_fields)
{
    rows->all = realloc(rows->all, (rows->n + 1) * sizeof *rows->all);
    rows->all[rows->n++] = (struct row){r->time, cells_copy(r->cells, n_fields)};
}

/* A row that is late for one of its windows may be in another. */
static bool add_row(struct host *h, struct windows *w, const struct row *r)
{
    const struct plugin_case *c = h->c;
    bool well = true;
    for (int64_t start = window_start(r->time, c->slide_ms); well && start > r->time - c->window_ms; start -= c->slide_ms) {
        const weir_window window = {start, start + c->window_ms};
        if (weir_window_last(&window) + c->lateness_ms <= h->watermark) continue;
        struct pane *p = pane_of(h, w, window, r);
        keep_row(&p->rows, r, w->rows.stream.n);
        if (weir_window_last(&window) <= h->watermark) well = fire(h, w, p);
    }
    return well;
}

bool windows_rows(struct host *h, struct windows *w, const struct rows *rows, size_t from, size_t n)
{
    bool well = true;
    for (size_t i = from; well && i < from + n; i++) well = add_row(h, w, &rows->all[i]);
    return well;
}

static int64_t due_at(const struct host *h, const struct pane *p)
{
    return weir_window_last(&p->window) + (p->fired ? h->c->lateness_ms : 0);
}

bool windows_watermark(struct host *h, struct windows *w, int64_t at)
{
    bool well = true;
    h->watermark = at;
    for (size_t i = 0; i < w->n_aggregates; i++) w->aggregates[i].watermark = at;
    while (well) {
        size_t first = w->n;
        for (size_t i = 0; i < w->n; i++) {
            int64_t due = due_at(h, &w->all[i]);
            if (due <= at && (first == w->n || due < due_at(h, &w->all[first]))) first = i;
        }
        if (first == w->n) break;
        well = w->all[first].fired ? let_go(h, w, first) : fire(h, w, &w->all[first]);
    }
    return well;
}
