/* What the differential test of windows needs beside the built-in components: rows that come at set times, a window function
 * that shows its pane, a sink that shows timestamps, deltas with a sign.
 */
#include <stdio.h>
#include <stdlib.h>
#include <weir/text.h>
#include <weir/udf.h>

typedef struct nothing {
    char none;
} nothing;

/* ---- rows at set times ------------------------------------------------------------------------------------------- */

#define NS_PER_MS INT64_C(1000000)

/* rows: "clock,at,key,value,gap", value empty for null; clock in ms since the source opened, ascending. It ends half a
 * millisecond after `until`: what the last row of all sources caused has settled then, and no timer of a later
 * millisecond is due. */
typedef struct paced {
    weir_strings rows;
    int64_t until;

    const weir_io *io;
    int64_t began_ns;
    size_t next;
    uint64_t split;
} paced;

static weir_status paced_discover(void *self, weir_ctx *cx, weir_add_split *add, void *to)
{
    (void)self;
    (void)cx;
    weir_split split = {.struct_size = sizeof split, .description = {"paced", 5}};
    return add(to, &split);
}

static weir_status paced_open(void *self, weir_ctx *cx)
{
    paced *me = self;
    me->io = weir_io_of(cx);
    if (!me->io) return weir_fail(cx, WEIR_E_PLUGIN, "this host has no " WEIR_IO);
    me->began_ns = me->io->monotonic_ns(cx);
    return WEIR_OK;
}

static weir_status paced_add_split(void *self, weir_ctx *cx, const weir_split *split, const void *position, size_t n)
{
    (void)cx;
    (void)position;
    (void)n;
    ((paced *)self)->split = split->id;
    return WEIR_OK;
}

static weir_status emit_row(weir_ctx *cx, const char *row)
{
    long long clock, at, value, gap;
    char key[64];
    int value_at = 0;
    if (sscanf(row, "%lld,%lld,%63[^,],%n", &clock, &at, key, &value_at) != 3 || value_at == 0)
        return weir_fail(cx, WEIR_E_CONFIG, "'%s' is no row: clock,at,key,value,gap", row);
    bool null = row[value_at] == ',';
    if (sscanf(row + value_at, null ? ",%lld" : "%lld,%lld", null ? &gap : &value, &gap) != (null ? 1 : 2))
        return weir_fail(cx, WEIR_E_CONFIG, "'%s' is no row: clock,at,key,value,gap", row);
    weir_status s = weir_put_text(cx, 0, 0, (weir_str){key, strlen(key)});
    weir_put_i64(cx, 0, 1, at);
    if (null)
        weir_put_null(cx, 0, 2);
    else
        weir_put_i64(cx, 0, 2, value);
    weir_put_i64(cx, 0, 3, gap);
    return s == WEIR_OK ? weir_emit(cx, 0, at) : s;
}

static bool is_due(const paced *me, int64_t now_ns)
{
    return me->next < me->rows.n && strtoll(me->rows.items[me->next], NULL, 10) * NS_PER_MS <= now_ns;
}

static weir_progress paced_poll(void *self, weir_ctx *cx, int64_t max_rows)
{
    paced *me = self;
    int64_t now_ns = me->io->monotonic_ns(cx) - me->began_ns;
    bool made = false;
    if (cx->host->split_begin(cx, me->split) != WEIR_OK) return WEIR_FAILED;
    for (; max_rows > 0 && !weir_full(cx) && is_due(me, now_ns); max_rows--) {
        if (emit_row(cx, me->rows.items[me->next++]) != WEIR_OK) return WEIR_FAILED;
        made = true;
    }
    if (made) return WEIR_MADE;
    if (me->next < me->rows.n || now_ns < me->until * NS_PER_MS + NS_PER_MS / 2) return WEIR_NONE;
    return cx->host->split_done(cx, me->split) == WEIR_OK ? WEIR_DONE : WEIR_FAILED;
}

static const weir_source paced_vtable = {.struct_size = sizeof(weir_source),
                                         .discover = paced_discover,
                                         .open = paced_open,
                                         .add_split = paced_add_split,
                                         .poll = paced_poll};
static const weir_option paced_options[] = {
    WEIR_OPTION(paced, rows, .def = "[]", .doc = "clock,at,key,value,gap"),
    WEIR_OPTION_OF(paced, until, WEIR_OPT_DURATION, .doc = "when the stream ends"),
};
WEIR_COMPONENT(paced, WEIR_SOURCE, paced_vtable, .id = "paced", .doc = "rows that come when the clock says so",
               .out = "key:string, at:timestamp, value:i64?, gap:i64", WEIR_OPTIONS(paced_options));

/* ---- what a window holds ----------------------------------------------------------------------------------------- */

typedef nothing collect;
static weir_status collect_process(void *self, weir_ctx *cx, const weir_window *w, const weir_batch *rows)
{
    char *text = cx->host->alloc(cx, (size_t)rows->length * (WEIR_TEXT_MAX + 1) + 1);
    size_t n = 0;
    (void)self;
    if (!text) return weir_fail(cx, WEIR_E_MEMORY, "no memory for %lld values", (long long)rows->length);
    for (int64_t i = 0; i < rows->length; i++) {
        weir_row row = {rows, i};
        if (i > 0) text[n++] = ' ';
        if (weir_null(row, 0))
            text[n++] = '-';
        else
            n += weir_text_from_i64(text + n, weir_i64(row, 0));
    }
    weir_put_i64(cx, 0, 0, w->start);
    weir_put_i64(cx, 0, 1, w->end);
    weir_status s = weir_put_text(cx, 0, 2, (weir_str){text, n});
    cx->host->release(cx, text);
    return s == WEIR_OK ? weir_emit(cx, 0, weir_window_last(w)) : s;
}
static const weir_window_function collect_vtable = {.struct_size = sizeof(weir_window_function), .process = collect_process};
WEIR_COMPONENT(collect, WEIR_WINDOW_FUNCTION, collect_vtable, .id = "collect", .doc = "the values of a window, in order",
               .in = "value:i64?", .out = "@key, start:i64, end:i64, values:string");

/* ---- rows with their timestamps ---------------------------------------------------------------------------------- */

typedef struct ledger {
    const char *name;
    const weir_io *io;
} ledger;

static weir_status ledger_open(void *self, weir_ctx *cx)
{
    ledger *me = self;
    me->io = weir_io_of(cx);
    return me->io ? WEIR_OK : weir_fail(cx, WEIR_E_PLUGIN, "this host has no " WEIR_IO);
}

static int write_cell(char *to, size_t room, weir_row row, uint32_t c, uint32_t type)
{
    if (weir_null(row, c)) return snprintf(to, room, "|-");
    if (type != WEIR_STRING) return snprintf(to, room, "|%lld", (long long)weir_i64(row, c));
    weir_str text = weir_text(row, c);
    return snprintf(to, room, "|%.*s", (int)text.n, text.p);
}

/* "name|timestamp|cell|...", null as "-" */
static weir_status ledger_write(void *self, weir_ctx *cx, const weir_batch *batch, int64_t *row)
{
    const ledger *me = self;
    const weir_schema_view *schema = cx->host->input_schema(cx, 0);
    weir_io_error e = {0};
    for (; *row < batch->length; ++*row) {
        char line[4096];
        weir_row r = {batch, *row};
        size_t n = (size_t)snprintf(line, sizeof line, "%.30s|%lld", me->name, (long long)weir_time(r));
        for (uint32_t c = 0; c < schema->n_fields && n < sizeof line; c++)
            n += (size_t)write_cell(line + n, sizeof line - n, r, c, weir_schema_at(schema, c)->type);
        if (n + 1 >= sizeof line) return weir_fail(cx, WEIR_E_DATA, "the row is too long for the ledger");
        line[n++] = '\n';
        weir_status s = me->io->print(cx, WEIR_STDOUT, line, n, &e);
        if (s != WEIR_OK) return weir_fail(cx, s, "cannot print: %s", e.message);
    }
    return WEIR_OK;
}

static const weir_sink ledger_vtable = {.struct_size = sizeof(weir_sink), .open = ledger_open, .write = ledger_write};
static const weir_option ledger_options[] = {WEIR_OPTION(ledger, name, .doc = "begins each line")};
WEIR_COMPONENT(ledger, WEIR_SINK, ledger_vtable, .id = "ledger", .doc = "prints rows with their timestamps", .in = "*",
               WEIR_OPTIONS(ledger_options));

/* ---- deltas with a sign: new - old ------------------------------------------------------------------------------- */

typedef struct rise {
    int64_t threshold;
    int32_t field;
} rise;
typedef struct last_value {
    int64_t value;
} last_value;
static const weir_field last_members[] = {WEIR_MEMBER(last_value, value)};
static const weir_state rise_states[] = {WEIR_VALUE_STATE("last", last_value, last_members)};

static weir_status rise_on_row(void *self, weir_ctx *cx, const weir_window *w, weir_row row, weir_firing *firing)
{
    const rise *me = self;
    const last_value *last = weir_get(cx, 0);
    int64_t value = weir_i64(row, (uint32_t)me->field);
    (void)w;
    if (last && value - last->value <= me->threshold) return WEIR_OK;
    if (last) *firing = WEIR_FIRE;
    last_value *edited = weir_edit(cx, 0);
    if (!edited) return WEIR_E_MEMORY;
    edited->value = value;
    return WEIR_OK;
}
static weir_status rise_on_timer(void *self, weir_ctx *cx, const weir_window *w, const weir_timer *t, weir_firing *firing)
{
    (void)self, (void)cx, (void)w, (void)t, (void)firing;
    return WEIR_OK;
}
static const weir_trigger rise_vtable = {
    .struct_size = sizeof(weir_trigger), .on_row = rise_on_row, .on_timer = rise_on_timer};
static const weir_option rise_options[] = {WEIR_OPTION_OF(rise, field, WEIR_OPT_FIELD, .doc = "field that is watched"),
                                           WEIR_OPTION(rise, threshold, .doc = "fires when it rose by more than this")};
WEIR_COMPONENT(rise, WEIR_TRIGGER, rise_vtable, .id = "rise", .in = "*", .doc = "delta of new - old",
               WEIR_OPTIONS(rise_options), WEIR_STATES(rise_states));

typedef struct below {
    int64_t threshold;
    int32_t field;
    bool after;
} below;

static void drop_below(const below *me, const weir_batch *b, uint8_t *drop)
{
    uint32_t c = (uint32_t)me->field;
    for (int64_t i = 0; i < b->length; i++) {
        int64_t delta = weir_i64((weir_row){b, b->length - 1}, c) - weir_i64((weir_row){b, i}, c);
        if (delta >= me->threshold) drop[i >> 3] |= (uint8_t)(1u << (i & 7));
    }
}
static weir_status below_before(void *self, weir_ctx *cx, const weir_window *w, const weir_batch *b, uint8_t *drop)
{
    (void)cx, (void)w;
    if (!((below *)self)->after) drop_below(self, b, drop);
    return WEIR_OK;
}
static weir_status below_after(void *self, weir_ctx *cx, const weir_window *w, const weir_batch *b, uint8_t *drop)
{
    (void)cx, (void)w;
    if (((below *)self)->after) drop_below(self, b, drop);
    return WEIR_OK;
}
static const weir_evictor below_vtable = {.struct_size = sizeof(weir_evictor), .before = below_before, .after = below_after};
static const weir_option below_options[] = {
    WEIR_OPTION_OF(below, field, WEIR_OPT_FIELD, .doc = "field that is compared with the last row's"),
    WEIR_OPTION(below, threshold, .doc = "rows go that lie below it by this or more"),
    WEIR_OPTION(below, after, .def = "false", .doc = "after the window function instead of before it")};
WEIR_COMPONENT(below, WEIR_EVICTOR, below_vtable, .id = "below", .in = "*", .doc = "delta of last - row",
               WEIR_OPTIONS(below_options));

WEIR_PLUGIN("test.differential", "1.0.0", &paced_component, &collect_component, &ledger_component, &rise_component,
            &below_component);
