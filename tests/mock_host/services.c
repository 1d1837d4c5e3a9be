/* services.c - struct weir_host. What a component may not do is a failure that says so. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "mock_host/host.h"

static struct host *host_of(weir_ctx *cx)
{
    return cx->host_data;
}

/* ---- memory, errors ---------------------------------------------------------------------------------------------- */

static void *do_alloc(weir_ctx *cx, size_t size)
{
    host_of(cx)->allocated++;
    return malloc(size ? size : 1);
}
static void *do_resize(weir_ctx *cx, void *p, size_t size)
{
    host_of(cx)->allocated += p == NULL;
    return realloc(p, size ? size : 1);
}
static void do_release(weir_ctx *cx, void *p)
{
    host_of(cx)->allocated -= p != NULL;
    free(p);
}
static void *do_scratch(weir_ctx *cx, size_t size)
{
    struct host *h = host_of(cx);
    h->scratch = realloc(h->scratch, (h->n_scratch + 1) * sizeof(void *));
    h->scratch_sizes = realloc(h->scratch_sizes, (h->n_scratch + 1) * sizeof(size_t));
    h->scratch_sizes[h->n_scratch] = size;
    return h->scratch[h->n_scratch++] = malloc(size ? size : 1);
}

static weir_status do_fail(weir_ctx *cx, weir_status status, const char *format, ...)
{
    struct host *h = host_of(cx);
    va_list args;
    va_start(args, format);
    vsnprintf(h->failure, sizeof h->failure, format, args);
    va_end(args);
    h->status = status;
    return status;
}

static weir_status refuse(struct host *h, const char *what)
{
    return do_fail(&h->cx, WEIR_E_PLUGIN, "%s", what);
}

static weir_status do_blob_reserve(weir_ctx *cx, weir_blob *b, size_t more)
{
    uint8_t *data = do_resize(cx, b->data, b->length + more);
    b->data = data;
    b->capacity = b->length + more;
    return WEIR_OK;
}

static void do_log(weir_ctx *cx, int level, const char *format, ...)
{
    (void)cx, (void)level, (void)format;
}

/* ---- output ------------------------------------------------------------------------------------------------------ */

/* Rows that were emitted under the current key. */
static void note_keys(struct host *h)
{
    for (uint32_t i = 0; i < h->n_outs; i++) {
        struct out_port *o = &h->outs[i];
        for (; o->port.keyed < o->port.out.length; o->port.keyed++)
            o->keys[o->port.keyed] = h->key_cells && o->has_key ? cells_copy(h->key_cells, h->key.n) : NULL;
    }
}

static struct cell field_of(struct host *h, const struct out_port *o, uint32_t f, int64_t row)
{
    for (uint32_t c = 0; c < o->port.written.n; c++) {
        if (o->port.to[c] == f) return port_cell(&o->port, c, row);
    }
    if (o->has_key && f >= o->first_key && f < o->first_key + h->key.n) {
        if (!o->keys[row]) give_up("a row was emitted without a key", h->c->component);
        return cell_copy(&o->keys[row][f - o->first_key]);
    }
    size_t from = o->port.out.origin ? o->port.out.origin[row] : (size_t)row;
    if (from >= h->n_rows) give_up("a row was emitted that comes from none", h->c->component);
    return cell_copy(&h->rows->all[h->from + from].cells[f - o->first_pass]);
}

static void take_row(struct host *h, uint32_t port, int64_t row)
{
    struct out_port *o = &h->outs[port];
    int64_t time = o->port.out.time ? o->port.out.time[row] : h->rows->all[h->from + (size_t)row].time;
    if (port > 0) lines_add(&h->found, "%u> ", port);
    if (time == WEIR_NO_TIME)
        lines_add(&h->found, "- |");
    else
        lines_add(&h->found, "%lld |", (long long)time);
    for (uint32_t f = 0; f < o->rows.n; f++) {
        struct cell c = field_of(h, o, f, row);
        lines_add(&h->found, f ? ", " : " ");
        cell_add(&h->found, &c, o->rows.fields[f].type);
        poison_free(c.bytes, c.n);
    }
    lines_add(&h->found, "\n");
}

weir_status host_take(struct host *h, uint32_t port)
{
    struct out_port *o = &h->outs[port];
    note_keys(h);
    for (int64_t i = 0; i < o->port.out.length; i++) {
        take_row(h, port, i);
        cells_free(o->keys[i], h->key.n);
    }
    if (o->port.out.length > 0) port_reset(&o->port, h->capacity);
    return WEIR_OK;
}

static weir_status do_flush(weir_ctx *cx, uint32_t port)
{
    struct host *h = host_of(cx);
    if (port >= h->n_outs) return refuse(h, "a port that there is not was flushed");
    cx->full = 1; /* until the call returns */
    return host_take(h, port);
}
static weir_status do_reserve_bytes(weir_ctx *cx, uint32_t port, uint32_t column, size_t more)
{
    port_reserve(&host_of(cx)->outs[port].port, column, more);
    return WEIR_OK;
}
static weir_status do_copy(weir_ctx *cx, uint32_t port, uint32_t column, weir_row from, uint32_t from_column)
{
    struct cell c = cell_of(&from.batch->columns[from_column], from.i);
    port_put(&host_of(cx)->outs[port].port, column, &c);
    poison_free(c.bytes, c.n);
    return WEIR_OK;
}

/* A row packed: the cells, one after the other, texts behind them. */
static weir_status do_pack_row(weir_ctx *cx, weir_row row, weir_str *packed)
{
    struct lines t = {0};
    for (uint32_t c = 0; c < row.batch->n_columns; c++) {
        struct cell cell = cell_of(&row.batch->columns[c], row.i);
        lines_add_bytes(&t, &cell, sizeof cell);
        lines_add_bytes(&t, cell.bytes, cell.n);
        poison_free(cell.bytes, cell.n);
    }
    char *bytes = do_scratch(cx, t.n);
    memcpy(bytes, lines_text(&t), t.n);
    *packed = (weir_str){bytes, t.n};
    lines_free(&t);
    return WEIR_OK;
}
static weir_status do_unpack_row(weir_ctx *cx, uint32_t port, weir_str packed)
{
    struct port *p = &host_of(cx)->outs[port].port;
    const char *at = packed.p;
    for (uint32_t c = 0; c < p->written.n; c++) {
        struct cell cell;
        memcpy(&cell, at, sizeof cell);
        cell.bytes = (char *)(uintptr_t)(at += sizeof cell);
        at += cell.n;
        port_put(p, c, &cell);
    }
    return WEIR_OK;
}

/* ---- the key ----------------------------------------------------------------------------------------------------- */

void host_use_key(struct host *h, const char *identity, const struct cell *cells)
{
    char *copy = identity ? strdup(identity) : NULL;
    struct cell *mine = identity ? cells_copy(cells, h->key.n) : NULL;
    note_keys(h);
    keep_use_key(h->keep, copy, mine, h->key.n);
    batch_free(h->key_row);
    h->key_row = NULL;
    cells_free(h->key_cells, h->key.n);
    free(h->key_identity);
    poison_free(h->window, sizeof *h->window);
    h->key_cells = mine;
    h->key_identity = copy;
    h->window = NULL;
}

void host_use_window(struct host *h, weir_window w)
{
    poison_free(h->window, sizeof w);
    h->window = malloc(sizeof w);
    *h->window = w;
    keep_use_window(h->keep, w.start);
}

static weir_status do_use_key(weir_ctx *cx, int64_t row)
{
    struct host *h = host_of(cx);
    const struct input *in = &h->in[h->port];
    if (row < 0 || (size_t)row >= h->n_rows || in->n_key == 0) return refuse(h, "use_key of a row that has no key");
    if (h->window) return refuse(h, "use_key in a window, which has a key");
    struct cell *cells = calloc(in->n_key, sizeof *cells);
    for (uint32_t i = 0; i < in->n_key; i++) cells[i] = h->rows->all[h->from + (size_t)row].cells[in->key[i]];
    char *identity = cells_identity(cells, &h->key);
    host_use_key(h, identity, cells);
    free(identity);
    free(cells);
    return WEIR_OK;
}

static weir_row do_key(weir_ctx *cx)
{
    struct host *h = host_of(cx);
    struct row row = {WEIR_NO_TIME, h->key_cells};
    const struct rows one = {&row, 1};
    uint32_t args[CASE_MOST];
    for (uint32_t i = 0; i < h->key.n; i++) args[i] = i;
    if (!h->key_cells) {
        refuse(h, "the key was asked for where no key is current");
        return (weir_row){NULL, 0};
    }
    if (!h->key_row) h->key_row = batch_create(&one, 0, 1, &h->key, args, h->key.n);
    return (weir_row){&h->key_row->view, 0};
}

/* ---- state ------------------------------------------------------------------------------------------------------- */

/* changes: it is to be changed, which broadcast states may be while rows of their input are processed. */
static bool may(struct host *h, uint32_t state, uint32_t kind, bool changes)
{
    const weir_state *s = keep_state(h->keep, state);
    bool broadcast = s && s->kind == WEIR_BROADCAST, unkeyed = s && keep_is_unkeyed(s);
    if (!s || (kind && s->kind != kind && !(unkeyed && kind == (broadcast ? WEIR_MAP : WEIR_LIST))))
        refuse(h, "a state was used that there is not, or as another kind of state");
    else if (!unkeyed && !h->key_cells)
        refuse(h, "a state was used where no key is current");
    else if (broadcast && changes && !h->broadcast)
        refuse(h, "a broadcast state was changed outside of the broadcast input");
    else if (s->kind == WEIR_RAW && changes && !h->cutting)
        refuse(h, "raw bytes were written outside of `snapshot`");
    else
        return true;
    return false;
}

static bool is_read_as_value(const struct host *h, uint32_t state)
{
    const weir_state *s = keep_state(h->keep, state);
    return s && (s->kind == WEIR_VALUE || s->kind == WEIR_REDUCING || s->kind == WEIR_AGGREGATING);
}

static const void *do_value_get(weir_ctx *cx, uint32_t state)
{
    struct host *h = host_of(cx);
    uint32_t kind = is_read_as_value(h, state) ? 0 : WEIR_VALUE;
    return may(h, state, kind, false) ? keep_value_get(h->keep, state) : NULL;
}
static void *do_value_edit(weir_ctx *cx, uint32_t state)
{
    struct host *h = host_of(cx);
    bool created;
    return may(h, state, WEIR_VALUE, true) ? keep_value_edit(h->keep, state, &created) : NULL;
}
static weir_status do_clear(weir_ctx *cx, uint32_t state)
{
    struct host *h = host_of(cx);
    if (!may(h, state, 0, true)) return WEIR_E_PLUGIN;
    keep_clear(h->keep, state);
    return WEIR_OK;
}
static weir_status do_list_add(weir_ctx *cx, uint32_t state, const void *item)
{
    struct host *h = host_of(cx);
    if (!may(h, state, WEIR_LIST, true)) return WEIR_E_PLUGIN;
    keep_list_add(h->keep, state, item);
    return WEIR_OK;
}
static size_t do_list_size(weir_ctx *cx, uint32_t state)
{
    struct host *h = host_of(cx);
    return may(h, state, WEIR_LIST, false) ? keep_list_size(h->keep, state) : 0;
}
static const void *do_list_at(weir_ctx *cx, uint32_t state, size_t i)
{
    struct host *h = host_of(cx);
    return may(h, state, WEIR_LIST, false) ? keep_list_at(h->keep, state, i) : NULL;
}
static weir_status do_list_update(weir_ctx *cx, uint32_t state, const void *items, size_t n)
{
    struct host *h = host_of(cx);
    if (!may(h, state, WEIR_LIST, true)) return WEIR_E_PLUGIN;
    keep_list_update(h->keep, state, items, n);
    return WEIR_OK;
}
static const void *do_map_get(weir_ctx *cx, uint32_t state, const void *key)
{
    struct host *h = host_of(cx);
    return may(h, state, WEIR_MAP, false) ? keep_map_get(h->keep, state, key) : NULL;
}
static void *do_map_edit(weir_ctx *cx, uint32_t state, const void *key)
{
    struct host *h = host_of(cx);
    return may(h, state, WEIR_MAP, true) ? keep_map_edit(h->keep, state, key) : NULL;
}
static weir_status do_map_remove(weir_ctx *cx, uint32_t state, const void *key)
{
    struct host *h = host_of(cx);
    if (!may(h, state, WEIR_MAP, true)) return WEIR_E_PLUGIN;
    keep_map_remove(h->keep, state, key);
    return WEIR_OK;
}
static size_t do_map_size(weir_ctx *cx, uint32_t state)
{
    struct host *h = host_of(cx);
    return may(h, state, WEIR_MAP, false) ? keep_map_size(h->keep, state) : 0;
}
static bool do_map_next(weir_ctx *cx, uint32_t state, weir_cursor *at, const void **key, const void **value)
{
    struct host *h = host_of(cx);
    return may(h, state, WEIR_MAP, false) && keep_map_next(h->keep, state, at, key, value);
}
static weir_status do_assign(weir_ctx *cx, uint32_t state, weir_str *member, weir_str bytes)
{
    (void)state;
    return keep_assign(host_of(cx)->keep, member, bytes)
               ? WEIR_OK
               : refuse(host_of(cx), "assign of a member of no struct that may be changed");
}
static void *do_resize_bytes(weir_ctx *cx, uint32_t state, weir_str *member, size_t size)
{
    void *p = keep_resize(host_of(cx)->keep, member, size);
    (void)state;
    if (!p) refuse(host_of(cx), "resize_bytes of a member of no struct that may be changed");
    return p;
}

static weir_status do_value_add(weir_ctx *cx, uint32_t state, const void *value)
{
    struct host *h = host_of(cx);
    const weir_state *s = keep_state(h->keep, state);
    bool created, folds = s && (s->kind == WEIR_REDUCING || s->kind == WEIR_AGGREGATING);
    if (!folds || !may(h, state, 0, true)) return refuse(h, "a value was added to another kind of state");
    void *into = keep_value_edit(h->keep, state, &created);
    if (!created || s->kind == WEIR_AGGREGATING) return s->add(h->self, cx, into, value);
    for (uint32_t i = 0; i < s->n_fields; i++) {
        const weir_field *f = (const void *)((const char *)s->fields + (size_t)i * s->field_stride);
        weir_str *to = (void *)((char *)into + f->offset);
        const void *from = (const char *)value + f->offset;
        if (f->type == WEIR_STRING || f->type == WEIR_BYTES || f->type == WEIR_ANY)
            keep_assign(h->keep, to, *(const weir_str *)from);
        else
            memcpy(to, from, f->size);
    }
    return WEIR_OK;
}
static weir_status do_value_result(weir_ctx *cx, uint32_t state, void *out)
{
    struct host *h = host_of(cx);
    const weir_state *s = keep_state(h->keep, state);
    if (!s || s->kind != WEIR_AGGREGATING || !may(h, state, 0, false))
        return refuse(h, "the result was asked of another kind of state");
    const void *acc = keep_value_get(h->keep, state);
    void *nothing = acc ? NULL : calloc(1, s->size);
    weir_status status = s->result(h->self, cx, acc ? acc : nothing, out);
    free(nothing);
    return status;
}

static weir_status do_each_key(weir_ctx *cx, uint32_t state, weir_status (*fn)(void *self, weir_ctx *, void *arg), void *arg)
{
    struct host *h = host_of(cx);
    const weir_state *s = keep_state(h->keep, state);
    struct cell **cells;
    char **identities;
    weir_status status = WEIR_OK;
    if (!h->broadcast || !s || s->kind == WEIR_BROADCAST)
        return refuse(h, "each_key is for keyed states, while rows of a broadcast input are processed");
    keep_end_loans(h->keep);
    size_t n = keep_keys(h->keep, state, &cells, &identities);
    for (size_t i = 0; i < n; i++) {
        if (status == WEIR_OK) {
            host_use_key(h, identities[i], cells[i]);
            status = fn(h->self, cx, arg);
        }
        cells_free(cells[i], h->key.n);
        free(identities[i]);
    }
    free(cells);
    free(identities);
    host_use_key(h, NULL, NULL);
    return status;
}

/* ---- timers ------------------------------------------------------------------------------------------------------ */

static struct timer *find_timer(struct host *h, uint32_t clock, uint64_t ns, int64_t at)
{
    for (size_t i = 0; i < h->n_timers; i++) {
        struct timer *t = &h->timers[i];
        if (t->clock == clock && t->ns == ns && t->at == at && strcmp(t->identity, h->key_identity) == 0) return t;
    }
    return NULL;
}

static weir_status do_set_timer(weir_ctx *cx, uint32_t clock, uint64_t ns, int64_t at)
{
    struct host *h = host_of(cx);
    if (h->window) return refuse(h, "a window function set a timer");
    if (!h->key_cells || clock > WEIR_PROCESSING_TIME) return refuse(h, "a timer was set where no key is current");
    if (find_timer(h, clock, ns, at)) return WEIR_OK;
    h->timers = realloc(h->timers, (h->n_timers + 1) * sizeof *h->timers);
    h->timers[h->n_timers++] = (struct timer){clock, strdup(h->key_identity), cells_copy(h->key_cells, h->key.n), ns, at};
    return WEIR_OK;
}
static weir_status do_drop_timer(weir_ctx *cx, uint32_t clock, uint64_t ns, int64_t at)
{
    struct host *h = host_of(cx);
    struct timer *t = h->key_cells ? find_timer(h, clock, ns, at) : NULL;
    if (!h->key_cells || h->window) return refuse(h, "a timer was dropped where no key is current, or in a window");
    if (!t) return WEIR_OK;
    free(t->identity);
    cells_free(t->cells, h->key.n);
    *t = h->timers[--h->n_timers];
    return WEIR_OK;
}
static int64_t do_now(weir_ctx *cx)
{
    return host_of(cx)->now;
}
static int64_t do_watermark(weir_ctx *cx)
{
    return host_of(cx)->watermark;
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

static const weir_info *do_info(weir_ctx *cx)
{
    return &host_of(cx)->info;
}
static const weir_schema_view *do_input_schema(weir_ctx *cx, uint32_t port)
{
    return port < host_of(cx)->n_in ? &host_of(cx)->in[port].seen.view : NULL;
}
static const weir_schema_view *do_output_schema(weir_ctx *cx, uint32_t port)
{
    return port < host_of(cx)->n_outs ? &host_of(cx)->outs[port].port.written.view : NULL;
}
static weir_status do_export_arrow(weir_ctx *cx, const weir_batch *b, struct ArrowSchema *s, struct ArrowArray *a)
{
    (void)b, (void)s, (void)a;
    return refuse(host_of(cx), "this host has no Arrow");
}
static const void *do_extension(weir_ctx *cx, const char *id)
{
    (void)cx, (void)id;
    return NULL;
}
/* Services of sources: there are none here. */
static weir_status do_split_begin(weir_ctx *cx, uint64_t split)
{
    (void)split;
    return refuse(host_of(cx), "a service of sources");
}
static weir_status do_split_watermark(weir_ctx *cx, uint64_t split, int64_t watermark)
{
    (void)watermark;
    return do_split_begin(cx, split);
}
static weir_status do_split_idle(weir_ctx *cx, uint64_t split, bool idle)
{
    (void)idle;
    return do_split_begin(cx, split);
}
static void do_wake(weir_ctx *cx)
{
    (void)cx;
}
static weir_status do_reject(weir_ctx *cx, weir_str raw, const char *file, int64_t offset, const char *format, ...)
{
    (void)raw, (void)file, (void)offset, (void)format;
    return do_split_begin(cx, 0);
}

void host_end_call(struct host *h)
{
    for (uint32_t i = 0; i < h->n_outs; i++) host_take(h, i);
    keep_end_loans(h->keep);
    for (size_t i = 0; i < h->n_scratch; i++) poison_free(h->scratch[i], h->scratch_sizes[i]);
    h->n_scratch = 0;
    h->cx.full = 0;
}

void host_fill_table(struct host *h)
{
    h->table = (weir_host){.struct_size = sizeof h->table,
                           .abi_major = WEIR_ABI_MAJOR,
                           .abi_minor = WEIR_ABI_NEWEST,
                           .alloc = do_alloc,
                           .resize = do_resize,
                           .release = do_release,
                           .scratch = do_scratch,
                           .blob_reserve = do_blob_reserve,
                           .fail = do_fail,
                           .log = do_log,
                           .flush = do_flush,
                           .reserve_bytes = do_reserve_bytes,
                           .copy = do_copy,
                           .use_key = do_use_key,
                           .key = do_key,
                           .value_get = do_value_get,
                           .value_edit = do_value_edit,
                           .clear = do_clear,
                           .list_add = do_list_add,
                           .list_size = do_list_size,
                           .list_at = do_list_at,
                           .list_update = do_list_update,
                           .map_get = do_map_get,
                           .map_edit = do_map_edit,
                           .map_remove = do_map_remove,
                           .map_size = do_map_size,
                           .map_next = do_map_next,
                           .assign = do_assign,
                           .resize_bytes = do_resize_bytes,
                           .set_timer = do_set_timer,
                           .drop_timer = do_drop_timer,
                           .now = do_now,
                           .watermark = do_watermark,
                           .split_begin = do_split_begin,
                           .split_watermark = do_split_watermark,
                           .split_idle = do_split_idle,
                           .split_done = do_split_begin,
                           .wake = do_wake,
                           .reject = do_reject,
                           .pack_row = do_pack_row,
                           .unpack_row = do_unpack_row,
                           .info = do_info,
                           .input_schema = do_input_schema,
                           .output_schema = do_output_schema,
                           .export_arrow = do_export_arrow,
                           .extension = do_extension,
                           .each_key = do_each_key,
                           .value_add = do_value_add,
                           .value_result = do_value_result};
}
