/* fold.c - reducers, and aggregates in tumbling windows of event time. */
#include <stdio.h>
#include <stdlib.h>

#include "mock_host/drive.h"

static struct folded *find(struct host *h, struct folds *all, int64_t window, const struct row *r, bool *created)
{
    const struct input *in = &h->in[0];
    struct cell *key = calloc(in->n_key + 1, sizeof *key);
    for (uint32_t i = 0; i < in->n_key; i++) key[i] = r->cells[in->key[i]];
    char *identity = cells_identity(key, &h->key);
    size_t i = 0;
    while (i < all->n && (all->all[i].window != window || strcmp(all->all[i].identity, identity) != 0)) i++;
    *created = i == all->n;
    if (*created) {
        all->all = realloc(all->all, (all->n + 1) * sizeof *all->all);
        all->all[all->n++] =
            (struct folded){.window = window, .identity = strdup(identity), .key = cells_copy(key, in->n_key)};
    }
    free(identity);
    free(key);
    return &all->all[i];
}

static void forget(struct host *h, struct folds *all, size_t i)
{
    struct folded *f = &all->all[i];
    cells_free(f->key, h->in[0].n_key);
    cells_free(f->row, h->in[0].stream.n);
    if (f->acc) keep_drop(h->keep, f->acc);
    free(f->identity);
    memmove(f, f + 1, (all->n - i - 1) * sizeof *f);
    all->n--;
}

void folds_free(struct host *h, struct folds *all)
{
    while (all->n > 0) forget(h, all, all->n - 1);
    free(all->all);
}

/* ---- reducers ---------------------------------------------------------------------------------------------------- */

static void print_row(struct host *h, int64_t time, const struct cell *cells)
{
    lines_add(&h->found, "%lld |", (long long)time);
    for (uint32_t f = 0; f < h->in[0].stream.n; f++) {
        lines_add(&h->found, f ? ", " : " ");
        cell_add(&h->found, &cells[f], h->in[0].stream.fields[f].type);
    }
    lines_add(&h->found, "\n");
}

static weir_status reduce(struct host *h, struct folded *f, const struct batch *next, int64_t i)
{
    const weir_reducer *v = h->component->vtable;
    const struct input *in = &h->in[0];
    struct row kept = {WEIR_NO_TIME, f->row};
    const struct rows one = {&kept, 1};
    struct batch *so_far = batch_create(&one, 0, 1, &in->stream, in->args, in->seen.n);
    struct port *p = &h->outs[0].port;
    weir_status s = v->reduce(h->self, &h->cx, (weir_row){&so_far->view, 0}, (weir_row){&next->view, i});
    batch_free(so_far);
    if (s < 0 || h->status < 0) return s;
    for (uint32_t c = 0; c < in->stream.n; c++) {
        poison_free(f->row[c].bytes, f->row[c].n);
        f->row[c] = port_cell(p, c, 0);
    }
    port_reset(p, h->capacity);
    return s;
}

bool reducer_rows(struct host *h, struct folds *all, const struct rows *rows, size_t from, size_t n)
{
    struct batch *b = drive_batch(h, 0, rows, from, n);
    weir_status s = WEIR_OK;
    for (size_t i = 0; i < n && s >= 0 && h->status >= 0; i++) {
        const struct row *r = &rows->all[from + i];
        bool created;
        struct folded *f = find(h, all, 0, r, &created);
        h->cx.row = (uint32_t)i;
        if (created)
            f->row = cells_copy(r->cells, h->in[0].stream.n);
        else
            s = reduce(h, f, b, (int64_t)i);
        if (s >= 0 && h->status >= 0) print_row(h, r->time, f->row);
    }
    host_end_call(h);
    batch_free(b);
    return !call_failed(h, s);
}

/* ---- aggregates -------------------------------------------------------------------------------------------------- */

int64_t window_start(int64_t time, int64_t every)
{
    int64_t start = time / every * every;
    return start > time ? start - every : start;
}

static int64_t window_of(const struct host *h, int64_t time)
{
    return window_start(time, h->c->window_ms);
}

/* All are made before any is lent: they move as more come. */
static weir_status lend_all(struct host *h, struct folds *all, const struct batch *b, void **accs)
{
    const weir_aggregate *v = h->component->vtable;
    size_t n = (size_t)b->view.length, had = all->n;
    weir_status s = WEIR_OK;
    bool created;
    for (size_t i = 0; i < n; i++) {
        const struct row *r = &h->rows->all[h->from + i];
        find(h, all, window_of(h, r->time), r, &created);
    }
    void **lent = calloc(all->n, sizeof *lent); /* each once */
    for (size_t i = 0; i < n && s >= 0; i++) {
        const struct row *r = &h->rows->all[h->from + i];
        size_t at = (size_t)(find(h, all, window_of(h, r->time), r, &created) - all->all);
        bool fresh = !lent[at] && at >= had;
        if (!lent[at]) lent[at] = keep_lend(h->keep, &all->all[at].acc);
        accs[i] = lent[at];
        if (fresh && v->create) s = v->create(h->self, &h->cx, accs[i]);
    }
    free(lent);
    return s;
}

static weir_status add(struct host *h, const struct batch *b, void **accs)
{
    const weir_aggregate *v = h->component->vtable;
    weir_status s = WEIR_OK;
    if (v->add_rows) return v->add_rows(h->self, &h->cx, accs, &b->view);
    for (int64_t i = 0; i < b->view.length && s >= 0 && h->status >= 0; i++) {
        h->cx.row = (uint32_t)i;
        s = v->add(h->self, &h->cx, accs[i], (weir_row){&b->view, i});
    }
    return s;
}

/* Rows are not late: cases have none. */
bool aggregate_rows(struct host *h, struct folds *all, const struct rows *rows, size_t from, size_t n)
{
    struct batch *b = drive_batch(h, 0, rows, from, n);
    void **accs = calloc(n, sizeof *accs);
    weir_status s = lend_all(h, all, b, accs);
    if (s >= 0) s = add(h, b, accs);
    free(accs);
    if (s >= 0) host_end_call(h);
    batch_free(b);
    return !call_failed(h, s);
}

bool aggregate_once(struct host *h, const struct rows *rows, struct cell *result)
{
    const weir_aggregate *v = h->component->vtable;
    struct port *p = &h->outs[0].port;
    struct batch *b = drive_batch(h, 0, rows, 0, rows->n);
    void *kept = NULL, *acc = keep_lend(h->keep, &kept), **accs = calloc(rows->n, sizeof *accs);
    for (size_t i = 0; i < rows->n; i++) accs[i] = acc;
    weir_status s = v->create ? v->create(h->self, &h->cx, acc) : WEIR_OK;
    if (s >= 0) s = add(h, b, accs);
    free(accs);
    bool well = drive_end(h, b, s);
    if (well) {
        s = v->result(h->self, &h->cx, keep_lend(h->keep, &kept), 0);
        well = !call_failed(h, s);
        if (well) *result = port_cell(p, 0, 0);
        port_reset(p, h->capacity);
    }
    host_end_call(h);
    keep_drop(h->keep, kept);
    return well;
}

static weir_status emit_result(struct host *h, struct folded *f)
{
    const weir_aggregate *v = h->component->vtable;
    weir_out *o = h->out[0];
    host_use_key(h, f->identity, f->key);
    weir_status s = v->result(h->self, &h->cx, keep_lend(h->keep, &f->acc), 0);
    if (s < 0 || h->status < 0) return s;
    o->time[o->length] = f->window + h->c->window_ms - 1;
    o->length++;
    host_end_call(h);
    host_use_key(h, NULL, NULL);
    return s;
}

bool aggregate_watermark(struct host *h, struct folds *all, int64_t at)
{
    weir_status s = WEIR_OK;
    h->watermark = at;
    for (;;) {
        size_t first = all->n;
        for (size_t i = 0; i < all->n; i++) {
            bool due = all->all[i].window + h->c->window_ms - 1 <= at;
            if (due && (first == all->n || all->all[i].window < all->all[first].window)) first = i;
        }
        if (first == all->n || s < 0 || h->status < 0) break;
        s = emit_result(h, &all->all[first]);
        forget(h, all, first);
    }
    return !call_failed(h, s);
}
