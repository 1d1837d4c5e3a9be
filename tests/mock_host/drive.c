/* drive.c - operators: what `weir/operator.h` says of the order of calls. */
#include "mock_host/drive.h"

#include <stdio.h>
#include <stdlib.h>

static const weir_operator *vtable_of(const struct host *h)
{
    return h->component->vtable;
}

bool call_failed(struct host *h, weir_status s)
{
    if (s >= 0) s = h->status;
    if (s >= 0) return false;
    lines_add(&h->found, "failed: %.*s\n", (int)strcspn(h->failure, "\n"), h->failure);
    return true;
}

/* Rows in which an input that must not be null is null. */
static void mark_null_rows(struct host *h, struct batch *b, const struct input *in)
{
    const weir_component *c = h->component;
    bool skips = c->kind == WEIR_OPERATOR && (c->flags & WEIR_ONE_TO_ONE || vtable_of(h)->filter);
    uint8_t *bits = calloc((size_t)b->view.length / 8 + 1, 1);
    bool any = false;
    for (uint32_t f = 0; f < in->seen.n; f++) {
        for (int64_t i = 0; in->must[f] && i < b->view.length; i++) {
            if (!weir_null((weir_row){&b->view, i}, f)) continue;
            bits[i >> 3] |= (uint8_t)(1u << (i & 7));
            any = true;
        }
    }
    if (any && !skips) give_up("the case has a null where the component takes none", h->c->component);
    if (any)
        b->view.null_rows = bits;
    else
        free(bits);
}

struct batch *drive_batch(struct host *h, uint32_t port, const struct rows *rows, size_t from, size_t n)
{
    const struct input *in = &h->in[port];
    struct batch *b = batch_create(rows, from, n, &in->stream, in->args, in->seen.n);
    mark_null_rows(h, b, in);
    h->rows = rows;
    h->from = from;
    h->n_rows = n;
    h->port = port;
    h->broadcast = port == 1 && in->n_key == 0;
    h->cx.row = 0;
    host_use_key(h, NULL, NULL);
    return b;
}

bool drive_end(struct host *h, struct batch *b, weir_status s)
{
    if (s >= 0 && h->status >= 0) host_end_call(h);
    host_use_key(h, NULL, NULL);
    h->rows = NULL;
    h->n_rows = 0;
    h->broadcast = false;
    batch_free(b);
    return !call_failed(h, s);
}

static weir_status filter(struct host *h, const struct batch *b)
{
    uint8_t *keep = calloc((size_t)b->view.length / 8 + 1, 1);
    weir_status s = vtable_of(h)->filter(h->self, &h->cx, &b->view, keep);
    for (int64_t i = 0; s >= 0 && i < b->view.length; i++) {
        const struct row *r = &h->rows->all[h->from + (size_t)i];
        if (!weir_bit(keep, i) || (b->view.null_rows && weir_bit(b->view.null_rows, i))) continue;
        lines_add(&h->found, "%lld |", (long long)r->time);
        for (uint32_t f = 0; f < h->in[0].stream.n; f++) {
            lines_add(&h->found, f ? ", " : " ");
            cell_add(&h->found, &r->cells[f], h->in[0].stream.fields[f].type);
        }
        lines_add(&h->found, "\n");
    }
    free(keep);
    return s;
}

bool operator_rows(struct host *h, uint32_t port, const struct rows *rows, size_t from, size_t n)
{
    struct batch *b = drive_batch(h, port, rows, from, n);
    weir_status s = WEIR_MORE;
    int64_t row = 0;
    if (vtable_of(h)->filter) return drive_end(h, b, filter(h, b));
    while (s == WEIR_MORE && h->status >= 0) {
        s = vtable_of(h)->process(h->self, &h->cx, port, &b->view, &row);
        if (s == WEIR_MORE) host_end_call(h);
    }
    if (s == WEIR_OK && row != b->view.length) give_up("process said OK before its rows were done", h->c->component);
    return drive_end(h, b, s);
}

/* ---- timers ------------------------------------------------------------------------------------------------------ */

static int order_of(const struct timer *a, const struct timer *b)
{
    if (a->at != b->at) return a->at < b->at ? -1 : 1;
    int keys = strcmp(a->identity, b->identity);
    return keys ? keys : (a->ns > b->ns) - (a->ns < b->ns);
}

/* The next one due, which leaves the list. */
static bool pop_timer(struct host *h, uint32_t clock, int64_t until, struct timer *due)
{
    struct timer *first = NULL;
    for (size_t i = 0; i < h->n_timers; i++) {
        struct timer *t = &h->timers[i];
        if (t->clock == clock && t->at <= until && (!first || order_of(t, first) < 0)) first = t;
    }
    if (!first) return false;
    *due = *first;
    *first = h->timers[--h->n_timers];
    return true;
}

static bool fire(struct host *h, uint32_t clock, int64_t until)
{
    struct timer due;
    bool well = true;
    while (well && vtable_of(h)->on_timer && pop_timer(h, clock, until, &due)) {
        const weir_timer t = {.struct_size = sizeof t, .clock = due.clock, .at = due.at, .ns = due.ns};
        weir_status s = WEIR_MORE;
        host_use_key(h, due.identity, due.cells);
        while (s == WEIR_MORE && h->status >= 0) {
            s = vtable_of(h)->on_timer(h->self, &h->cx, &t);
            if (s >= 0 && h->status >= 0) host_end_call(h);
        }
        host_use_key(h, NULL, NULL);
        free(due.identity);
        cells_free(due.cells, h->key.n);
        well = !call_failed(h, s);
    }
    return well;
}

bool operator_watermark(struct host *h, int64_t at)
{
    h->watermark = at;
    if (!fire(h, WEIR_EVENT_TIME, at)) return false;
    if (!vtable_of(h)->on_watermark) return true;
    weir_status s = vtable_of(h)->on_watermark(h->self, &h->cx, at);
    if (s >= 0) host_end_call(h);
    return !call_failed(h, s);
}

bool operator_clock(struct host *h, int64_t now)
{
    h->now = now;
    keep_set_clock(h->keep, now);
    return fire(h, WEIR_PROCESSING_TIME, now - 1);
}

bool operator_end(struct host *h)
{
    weir_status s = WEIR_MORE;
    while (s == WEIR_MORE && vtable_of(h)->finish) {
        s = vtable_of(h)->finish(h->self, &h->cx);
        if (s >= 0) host_end_call(h);
    }
    return !call_failed(h, s);
}

bool operator_checkpoint(struct host *h)
{
    const weir_operator *v = vtable_of(h);
    h->cutting = true;
    weir_status s = v->snapshot ? v->snapshot(h->self, &h->cx, 1) : WEIR_OK;
    h->cutting = false;
    if (s >= 0) host_end_call(h);
    if (s >= 0 && v->committed) s = v->committed(h->self, &h->cx, 1);
    return !call_failed(h, s);
}
