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
 * millisecond is due.
 *
 * Where it goes on from a checkpoint it prints "again NODE ROWS", the rows that it does not read again; its time goes on. */
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

typedef struct paced_position {
    uint64_t next;
    int64_t began_ns;
} paced_position;

static weir_status print(weir_ctx *cx, const weir_io *io, const char *text, size_t n)
{
    weir_io_error e = {0};
    weir_status s = io->print(cx, WEIR_STDOUT, text, n, &e);
    return s == WEIR_OK ? WEIR_OK : weir_fail(cx, s, "cannot print: %s", e.message);
}

static weir_status paced_add_split(void *self, weir_ctx *cx, const weir_split *split, const void *position, size_t n)
{
    paced *me = self;
    paced_position at;
    char line[128];
    me->split = split->id;
    if (n == 0) return WEIR_OK;
    if (n != sizeof at) return weir_fail(cx, WEIR_E_DATA, "%zu bytes are no position", n);
    memcpy(&at, position, sizeof at);
    me->next = at.next;
    me->began_ns = at.began_ns;
    return print(cx, me->io, line, (size_t)snprintf(line, sizeof line, "again %.64s %zu\n", weir_about(cx)->node, me->next));
}

static weir_status paced_where(void *self, weir_ctx *cx, int64_t checkpoint, const weir_split *split, void *to, size_t cap,
                               size_t *n)
{
    const paced *me = self;
    const paced_position at = {me->next, me->began_ns};
    (void)cx, (void)checkpoint, (void)split;
    *n = sizeof at;
    if (cap >= sizeof at) memcpy(to, &at, sizeof at);
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
                                         .position = paced_where,
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

/* Prints "name|timestamp|cell|..." a row, null as "-". In a job with checkpoints what was written between two of them is a
 * transaction, which is printed once it is committed: "part NAME CHECKPOINT SUBTASK LINES", and its lines. A part that is
 * committed again is printed again, under the same name, as a file would be renamed again: whoever reads them counts it
 * once. */
typedef struct part {
    int64_t checkpoint;
    weir_blob bytes;
} part;

typedef struct ledger {
    const char *name;

    const weir_io *io;
    weir_blob open;
    uint64_t n_lines;
    part *parts; /* not committed, oldest first */
    size_t n_parts;
    uint32_t subtask;
    bool commits;
} ledger;

static weir_status ledger_open(void *self, weir_ctx *cx)
{
    ledger *me = self;
    me->io = weir_io_of(cx);
    me->subtask = weir_about(cx)->subtask;
    me->commits = weir_about(cx)->flags & WEIR_JOB_CHECKPOINTS;
    return me->io ? WEIR_OK : weir_fail(cx, WEIR_E_PLUGIN, "this host has no " WEIR_IO);
}

static int write_cell(char *to, size_t room, weir_row row, uint32_t c, uint32_t type)
{
    if (weir_null(row, c)) return snprintf(to, room, "|-");
    if (type != WEIR_STRING) return snprintf(to, room, "|%lld", (long long)weir_i64(row, c));
    weir_str text = weir_text(row, c);
    return snprintf(to, room, "|%.*s", (int)text.n, text.p);
}

static weir_status write_line(ledger *me, weir_ctx *cx, weir_row row)
{
    const weir_schema_view *schema = cx->host->input_schema(cx, 0);
    char line[4096];
    size_t n = (size_t)snprintf(line, sizeof line, "%.30s|%lld", me->name, (long long)weir_time(row));
    for (uint32_t c = 0; c < schema->n_fields && n < sizeof line; c++)
        n += (size_t)write_cell(line + n, sizeof line - n, row, c, weir_schema_at(schema, c)->type);
    if (n + 1 >= sizeof line) return weir_fail(cx, WEIR_E_DATA, "the row is too long for the ledger");
    line[n++] = '\n';
    if (!me->commits) return print(cx, me->io, line, n);
    me->n_lines++;
    return weir_blob_add(cx, &me->open, line, n);
}

static weir_status ledger_write(void *self, weir_ctx *cx, const weir_batch *batch, int64_t *row)
{
    weir_status s = WEIR_OK;
    for (; s == WEIR_OK && *row < batch->length; ++*row) s = write_line(self, cx, (weir_row){batch, *row});
    return s;
}

/* The open transaction becomes a part. */
static weir_status end_part(ledger *me, weir_ctx *cx, int64_t checkpoint)
{
    char head[128];
    if (me->n_lines == 0) return WEIR_OK;
    part *more = cx->host->resize(cx, me->parts, (me->n_parts + 1) * sizeof *more);
    if (!more) return WEIR_E_MEMORY;
    me->parts = more;
    int n = snprintf(head, sizeof head, "part %.30s %lld %u %llu\n", me->name, (long long)checkpoint, me->subtask,
                     (unsigned long long)me->n_lines);
    part p = {.checkpoint = checkpoint};
    weir_status s = weir_blob_add(cx, &p.bytes, head, (size_t)n);
    if (s == WEIR_OK) s = weir_blob_add(cx, &p.bytes, me->open.data, me->open.length);
    me->parts[me->n_parts++] = p;
    me->open.length = 0;
    me->n_lines = 0;
    return s;
}

static weir_status ledger_snapshot(void *self, weir_ctx *cx, int64_t checkpoint, weir_add_transaction *add, void *to)
{
    ledger *me = self;
    weir_status s = end_part(me, cx, checkpoint);
    for (size_t i = 0; s == WEIR_OK && i < me->n_parts; i++) s = add(to, me->parts[i].bytes.data, me->parts[i].bytes.length);
    return s;
}

static weir_status ledger_committed(void *self, weir_ctx *cx, int64_t checkpoint)
{
    ledger *me = self;
    weir_status s = WEIR_OK;
    size_t n = 0;
    for (; s == WEIR_OK && n < me->n_parts && me->parts[n].checkpoint <= checkpoint; n++) {
        s = print(cx, me->io, (const char *)me->parts[n].bytes.data, me->parts[n].bytes.length);
        cx->host->release(cx, me->parts[n].bytes.data);
    }
    me->n_parts -= n;
    if (n > 0) memmove(me->parts, me->parts + n, me->n_parts * sizeof *me->parts);
    return s;
}

static weir_status ledger_restore(void *self, weir_ctx *cx, const weir_transaction *t)
{
    return t->own ? print(cx, ((ledger *)self)->io, t->bytes, t->n) : WEIR_OK;
}

static void ledger_close(void *self, weir_ctx *cx)
{
    ledger *me = self;
    for (size_t i = 0; i < me->n_parts; i++) cx->host->release(cx, me->parts[i].bytes.data);
    cx->host->release(cx, me->parts);
    cx->host->release(cx, me->open.data);
}

static const weir_sink ledger_vtable = {.struct_size = sizeof(weir_sink),
                                        .open = ledger_open,
                                        .write = ledger_write,
                                        .snapshot = ledger_snapshot,
                                        .committed = ledger_committed,
                                        .close = ledger_close,
                                        .restore = ledger_restore};
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
