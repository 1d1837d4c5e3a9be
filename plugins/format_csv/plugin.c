/* weir.format_csv - CSV as RFC 4180 says it, into typed columns.
 *
 * Three steps over some kilobytes at a time. marks.h lists where delimiters, quotes and line ends are; record.h tells
 * records and fields by that list, without touching what is between; columns.h writes the fields of a run of records
 * straight into the output columns, one column after the other. Nothing is allocated per record.
 *
 * Invariants:
 * 1. What a record is depends on the stream alone, never on how it was cut: where the bytes at hand do not decide, nothing
 * is consumed.
 * 2. A record that is broken as CSV (text after a closing quote, a quote never closed) costs exactly its first line: the
 *    quotes of a broken record say nothing about where it ends.
 * 3. A rejected record leaves no trace in the output columns.
 */
#include "columns.h"
#include "csv.h"
#include "record.h"

/* ---- header ------------------------------------------------------------------------------------------------------ */

static weir_status reserve_fields(csv *me, weir_ctx *cx, uint32_t n)
{
    if (n <= me->capacity) return WEIR_OK;
    int32_t *targets = cx->host->resize(cx, me->targets, n * sizeof *targets);
    if (targets) me->targets = targets;
    field *fields = cx->host->resize(cx, me->fields, (n > MOST_FIELDS ? n : MOST_FIELDS) * sizeof *fields);
    if (fields) me->fields = fields;
    if (!targets || !fields) return weir_fail(cx, WEIR_E_MEMORY, "no memory for records of %u fields", n);
    me->capacity = n;
    return WEIR_OK;
}

static int32_t column_named(const csv *me, weir_str name)
{
    for (uint32_t c = 0; c < me->schema->n_fields; c++) {
        const char *n = weir_schema_at(me->schema, c)->name;
        if (strlen(n) == name.n && memcmp(n, name.p, name.n) == 0) return (int32_t)c;
    }
    return -1;
}

/* "'a', 'b'": the columns that no field of the header is bound to. 0: none. */
static size_t list_missing(const csv *me, char *to, size_t size)
{
    size_t n = 0;
    for (uint32_t c = 0; c < me->schema->n_fields; c++) {
        uint32_t i = 0;
        while (i < me->n_fields && me->targets[i] != (int32_t)c) i++;
        if (i < me->n_fields || n + 1 >= size) continue;
        int added = snprintf(to + n, size - n, "%s'%s'", n ? ", " : "", weir_schema_at(me->schema, c)->name);
        n = n + (size_t)added < size ? n + (size_t)added : size - 1;
    }
    return n;
}

static weir_status bind_header(csv *me, weir_ctx *cx, const record *r)
{
    char missing[200];
    if (r->fault) return weir_fail(cx, WEIR_E_DATA, "%s: the header is no CSV: %s", me->name, r->fault);
    me->n_fields = r->n_fields;
    for (uint32_t i = 0; i < r->n_fields; i++) {
        field *f = &me->fields[i];
        weir_status s = f->doubled ? make_single(me, cx, f) : WEIR_OK;
        if (s != WEIR_OK) return s;
        me->targets[i] = column_named(me, (weir_str){f->p, f->n});
        for (uint32_t k = 0; me->targets[i] >= 0 && k < i; k++) {
            if (me->targets[k] != me->targets[i]) continue;
            return weir_fail(cx, WEIR_E_DATA, "%s: the header names column '%s' twice", me->name,
                             weir_schema_at(me->schema, (uint32_t)me->targets[i])->name);
        }
    }
    if (list_missing(me, missing, sizeof missing)) {
        return weir_fail(cx, WEIR_E_DATA, "%s: the header has no column %s; add it, or leave it out of the node's schema",
                         me->name, missing);
    }
    return WEIR_OK;
}

/* The first record is the header; it is read again when it has more fields than there was room for. */
static weir_status take_header(csv *me, weir_ctx *cx, scan *s, bool last, record *r)
{
    if (r->n_fields > me->capacity) {
        weir_status status = reserve_fields(me, cx, r->n_fields);
        if (status != WEIR_OK) return status;
        seek(s, r->start);
        if (!read_record(me, s, r->start, last, me->fields, me->capacity, r)) return WEIR_OK;
    }
    me->needs_header = false;
    return bind_header(me, cx, r);
}

/* A stream read from its middle: the header is in its first bytes. */
static weir_status header_from_head(csv *me, weir_ctx *cx, weir_str head)
{
    scan *s = &me->scan;
    record r;
    size_t at = head.n ? (size_t)weir_bom(head.p, head.n, true) : 0;
    s->data = head.p;
    s->n = head.n;
    seek(s, at);
    while (at < head.n && read_record(me, s, at, false, me->fields, me->capacity, &r)) {
        if (r.end > r.start) return take_header(me, cx, s, false, &r);
        at = r.next;
    }
    return weir_fail(cx, WEIR_E_DATA, "%s: the header is not within the first %zu bytes", me->name, head.n);
}

/* ---- the decoder ------------------------------------------------------------------------------------------------- */

static weir_status csv_check_options(csv *me, weir_ctx *cx)
{
    char d = me->delimiter[0], q = me->quote[0];
    if (!d || me->delimiter[1] || d == '\n' || d == '\r' || (unsigned char)d >= 0x80) {
        return weir_fail(cx, WEIR_E_CONFIG, "option delimiter must be one ASCII character and no line end, found \"%s\"",
                         me->delimiter);
    }
    if (q && (me->quote[1] || q == '\n' || q == '\r' || q == d || (unsigned char)q >= 0x80)) {
        return weir_fail(cx, WEIR_E_CONFIG,
                         "option quote must be empty or one ASCII character, not the delimiter, found \"%s\"", me->quote);
    }
    if (!weir_cell_times_of(me->timestamps, &me->times)) {
        return weir_fail(cx, WEIR_E_CONFIG,
                         "option timestamps must be auto, iso, epoch_ms, epoch_s or a pattern such as "
                         "\"%%Y-%%m-%%d %%H:%%M:%%S\", found \"%s\"",
                         me->timestamps);
    }
    me->scan.of = (marks_of){d, q ? q : '\n'};
    me->scan.find = marks_best();
    me->at_once = digits_at_once();
    me->null_n = strlen(me->null);
    return WEIR_OK;
}

static weir_status csv_open(void *self, weir_ctx *cx)
{
    csv *me = self;
    weir_status s = csv_check_options(me, cx);
    if (s != WEIR_OK) return s;
    me->schema = cx->host->output_schema(cx, 0);
    for (uint32_t c = 0; c < me->schema->n_fields; c++) {
        const weir_schema_field *f = weir_schema_at(me->schema, c);
        if (!weir_cell_takes(f->type)) {
            return weir_fail(cx, WEIR_E_CONFIG, "column '%s': CSV cannot hold type %s", f->name, weir_type_word(f->type));
        }
    }
    return reserve_fields(me, cx, me->schema->n_fields);
}

static weir_status csv_begin(void *self, weir_ctx *cx, const weir_stream *stream)
{
    csv *me = self;
    me->name = stream->name;
    me->offset = stream->offset;
    me->fresh = stream->offset == 0;
    me->needs_header = me->header;
    me->looks = me->fresh && !me->header;
    me->names_end = 0;
    if (me->header) return me->fresh ? WEIR_OK : header_from_head(me, cx, stream->head);
    me->n_fields = me->schema->n_fields;
    for (uint32_t i = 0; i < me->n_fields; i++) me->targets[i] = (int32_t)i;
    return WEIR_OK;
}

/* Reads up to the header's end; blank lines before it are none. */
static weir_status decode_header(csv *me, weir_ctx *cx, size_t *at, bool last)
{
    scan *s = &me->scan;
    weir_status status = WEIR_OK;
    record r;
    while (me->needs_header && *at < s->n && status == WEIR_OK) {
        if (!read_record(me, s, *at, last, me->fields, me->capacity, &r)) return WEIR_OK;
        if (r.end > r.start || r.fault) status = take_header(me, cx, s, last, &r);
        *at = r.next;
    }
    return status;
}

static bool are_names(const csv *me, const record *r)
{
    bool all = !r->fault && r->n_fields == me->n_fields;
    for (uint32_t i = 0; all && i < r->n_fields; i++)
        all = !me->fields[i].doubled && column_named(me, (weir_str){me->fields[i].p, me->fields[i].n}) == (int32_t)i;
    return all;
}

/* A file that sinks of weir wrote begins with the names, and a source does not expect them: that is told, but a record is a
 * record. */
static void look_for_names(csv *me, weir_ctx *cx, size_t at, bool last)
{
    record r;
    bool is_whole = read_record(me, &me->scan, at, last, me->fields, me->capacity, &r), texts = true;
    seek(&me->scan, at);
    if (!is_whole) return;
    me->looks = false;
    if (!are_names(me, &r)) return;
    me->names_end = me->offset + (int64_t)r.end;
    for (uint32_t c = 0; c < me->n_fields; c++) texts = texts && weir_schema_at(me->schema, c)->type == WEIR_STRING;
    if (!texts) return; /* it is rejected, and that says why */
    cx->host->log(
        cx, WEIR_WARN,
        "%s: the first line is the names of the columns, and is taken as a record; `header: true` reads it as such",
        me->name);
}

/* How many records may be taken: as many as there is room for, in the output and in me->fields or me->column. */
static uint32_t most_rows(const csv *me, const weir_ctx *cx, int64_t wanted)
{
    int64_t room = cx->out[0]->capacity - cx->out[0]->length;
    uint32_t most = me->n_fields < MOST_FIELDS ? MOST_FIELDS / me->n_fields : 1;
    if (most > MOST_ROWS || me->scan.plain) most = MOST_ROWS;
    if (wanted > room) wanted = room;
    return wanted < (int64_t)most ? (uint32_t)wanted : most;
}

static weir_status reject_bad(csv *me, weir_ctx *cx, const record *r)
{
    weir_str raw = {me->scan.data + r->start, r->end - r->start};
    int64_t offset = me->offset + (int64_t)r->start;
    if (r->fault) return cx->host->reject(cx, raw, me->name, offset, "%s", r->fault);
    return cx->host->reject(cx, raw, me->name, offset, "expected %u fields, found %u", me->n_fields, r->n_fields);
}

static weir_status decode_rows(csv *me, weir_ctx *cx, size_t *at, bool last, int64_t max_rows)
{
    weir_status status = WEIR_OK;
    gathered found = ENOUGH;
    while (*at < me->scan.n && max_rows > 0 && status == WEIR_OK && found != UNFINISHED && !weir_full(cx)) {
        uint32_t done;
        record r;
        place_window(me, *at);
        uint32_t most = most_rows(me, cx, max_rows);
        found = me->scan.plain ? take_plain(me, at, most) : gather(me, at, last, most, &r);
        status = put_rows(me, cx, &done);
        max_rows -= done;
        if (done < me->n_rows) {
            *at = start_of(me, done);
            return status;
        }
        if (found != BAD) continue;
        if (status != WEIR_OK || weir_full(cx)) return status;
        status = reject_bad(me, cx, &r);
        *at = r.next;
        max_rows--;
    }
    return status;
}

static weir_status csv_decode(void *self, weir_ctx *cx, const void *data, size_t n, bool last, int64_t max_rows,
                              size_t *used)
{
    csv *me = self;
    size_t at = 0;
    *used = 0;
    if (n == 0) return WEIR_OK;
    if (me->fresh) {
        int mark = weir_bom(data, n, last);
        if (mark < 0) return WEIR_OK;
        me->fresh = false;
        at = (size_t)mark;
    }
    me->scan.data = data;
    me->scan.n = n;
    seek(&me->scan, at);
    if (me->looks) look_for_names(me, cx, at, last);
    weir_status status = decode_header(me, cx, &at, last);
    if (status == WEIR_OK && !me->needs_header) status = decode_rows(me, cx, &at, last, max_rows);
    me->offset += (int64_t)at;
    *used = at;
    return status;
}

static bool csv_splittable(const void *self)
{
    const csv *me = self;
    return !me->multiline || !me->quote[0];
}

static void csv_close(void *self, weir_ctx *cx)
{
    csv *me = self;
    cx->host->release(cx, me->targets);
    cx->host->release(cx, me->fields);
    cx->host->release(cx, me->single);
}

static const weir_option csv_options[] = {
    WEIR_OPTION(csv, header, .def = "false",
                .doc =
                    "the first line names the columns: they bind to the schema by name, in any order, others are ignored"),
    WEIR_OPTION(csv, delimiter, .def = ",", .doc = "the character between fields"),
    WEIR_OPTION(csv, quote, .def = "\"",
                .doc = "the character around fields that hold delimiters or line ends; empty: none"),
    WEIR_OPTION(csv, null, .def = "", .doc = "the text that means null; quoted, it is a text in string and bytes columns"),
    WEIR_OPTION(csv, trim, .def = "false", .doc = "drop blanks around fields (not those inside quotes)"),
    WEIR_OPTION(csv, multiline, .def = "true",
                .doc = "quoted fields may hold line ends; false lets one file be read in parallel"),
    WEIR_OPTION(csv, timestamps, .def = "auto",
                .doc = "iso, epoch_ms, epoch_s, a strftime pattern; auto: ISO 8601 or epoch milliseconds"),
};

static const weir_decoder csv_vtable = {.struct_size = sizeof(weir_decoder),
                                        .open = csv_open,
                                        .begin = csv_begin,
                                        .decode = csv_decode,
                                        .splittable = csv_splittable,
                                        .boundary = weir_lines_boundary,
                                        .close = csv_close};
WEIR_COMPONENT(csv, WEIR_DECODER, csv_vtable, .id = "csv", .doc = "comma-separated values (RFC 4180)", .out = "$schema",
               WEIR_OPTIONS(csv_options));

WEIR_PLUGIN("weir.format_csv", "0.1.0", &csv_component);
