/* weir.format_csv - CSV as RFC 4180 says it, into typed columns.
 *
 * One pass. A scanner turns 64 bytes at a time into a bitmap of marks (delimiter, quote, newline); read_record walks the
 * marks and notes where the fields of one record lie, without touching what is between; put_record writes those fields
 * straight into the output columns. Nothing is allocated per record.
 *
 * Invariants:
 * 1. What a record is depends on the stream alone, never on how it was cut: where the bytes at hand do not decide, nothing
 * is consumed.
 * 2. A record that is broken as CSV (text after a closing quote, a quote never closed) costs exactly its first line: the
 *    quotes of a broken record say nothing about where it ends.
 * 3. A rejected record leaves no trace in the output columns.
 */
#include <weir/cells.h>
#include <weir/lines.h>
#include <weir/udf.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

typedef struct field {
    const char *p;
    size_t n;
    bool quoted, doubled; /* doubled: holds quotes written twice */
} field;

typedef struct csv {
    bool header, trim, multiline;
    const char *delimiter, *quote, *null, *timestamps;

    char delimiter_byte, quote_byte; /* quote_byte '\n': no quoting */
    size_t null_n;
    weir_cell_times times;
    const weir_schema_view *schema; /* of the columns written */

    const char *name; /* of the stream */
    int64_t offset;   /* in the stream, of the record at hand */
    bool fresh, needs_header;
    int32_t *targets; /* by field of the file: column, or -1 */
    field *fields;
    uint32_t n_fields, capacity; /* fields of the file; length of both arrays */

    char *single; /* a field with its doubled quotes made single */
    size_t single_size;
} csv;

/* ---- finding marks ----------------------------------------------------------------------------------------------- */

typedef struct scan {
    const char *data;
    size_t n, block;       /* the block of 64 bytes at hand starts at `block` */
    uint64_t marks;        /* of the block, those not yet taken */
    bool block_high, high; /* a byte above 0x7F in the block; ... in any block of the record at hand */
    char delimiter, quote;
} scan;

#ifdef __SSE2__
static inline uint64_t marks_of(const char *p, char delimiter, char quote, bool *high)
{
    const __m128i d = _mm_set1_epi8(delimiter), q = _mm_set1_epi8(quote), l = _mm_set1_epi8('\n');
    uint64_t marks = 0, above = 0;
    for (int i = 0; i < 4; i++) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(v, d), _mm_or_si128(_mm_cmpeq_epi8(v, q), _mm_cmpeq_epi8(v, l)));
        marks |= (uint64_t)(uint32_t)_mm_movemask_epi8(hit) << 16 * i;
        above |= (uint32_t)_mm_movemask_epi8(v);
    }
    *high = above != 0;
    return marks;
}
#else
static inline uint64_t marks_of(const char *p, char delimiter, char quote, bool *high)
{
    uint64_t marks = 0;
    unsigned char above = 0;
    for (int i = 0; i < 64; i++) {
        marks |= (uint64_t)(p[i] == delimiter || p[i] == quote || p[i] == '\n') << i;
        above |= (unsigned char)p[i];
    }
    *high = above >= 0x80;
    return marks;
}
#endif

static void load_last_block(scan *s)
{
    char padded[64] = {0};
    size_t n = s->n - s->block;
    if (n) memcpy(padded, s->data + s->block, n);
    s->marks = marks_of(padded, s->delimiter, s->quote, &s->block_high) & (((uint64_t)1 << n) - 1);
}

static inline void load_block(scan *s)
{
    if (s->n - s->block >= 64) {
        s->marks = marks_of(s->data + s->block, s->delimiter, s->quote, &s->block_high);
    } else {
        load_last_block(s);
    }
    s->high |= s->block_high;
}

/* The next mark is the first at or after `at`. */
static void seek(scan *s, size_t at)
{
    s->block = at & ~(size_t)63;
    load_block(s);
    s->marks &= ~(uint64_t)0 << (at & 63);
}

static inline size_t next_mark(scan *s) /* s->n: there is none */
{
    while (!s->marks) {
        if (s->n - s->block <= 64) return s->n;
        s->block += 64;
        load_block(s);
    }
    size_t at = s->block + (size_t)__builtin_ctzll(s->marks);
    s->marks &= s->marks - 1;
    return at;
}

/* ---- one record -------------------------------------------------------------------------------------------------- */

typedef struct record {
    size_t start, end, next; /* its text is start .. end, the next record starts at next */
    uint32_t n_fields;
    const char *fault; /* why it is no CSV; NULL: it is */
    bool ascii;
} record;

static inline bool is_blank(const csv *me, char c)
{
    return (c == ' ' || c == '\t') && c != me->delimiter_byte;
}

/* A field after its opening quote at `at`. Returns the mark that ends it (s->n: the end of the stream), or SIZE_MAX: the
 * bytes at hand do not say, or r->fault. */
static size_t read_quoted(const csv *me, scan *s, size_t at, bool last, field *f, record *r)
{
    size_t n = s->n, end;
    *f = (field){s->data + at + 1, 0, true, false};
    next_mark(s); /* the opening quote */
    for (;;) {
        end = next_mark(s);
        if (end == n) {
            if (last) r->fault = "a quote is never closed";
            return SIZE_MAX;
        }
        if (s->data[end] == '\n' && !me->multiline) {
            r->fault = "a quote is not closed on its line";
            return SIZE_MAX;
        }
        if (s->data[end] != s->quote) continue;
        if (end + 1 == n || s->data[end + 1] != s->quote) break;
        next_mark(s);
        f->doubled = true;
    }
    f->n = (size_t)(s->data + end - f->p);
    end++;
    while (me->trim && end < n && is_blank(me, s->data[end])) end++;
    if (end < n && s->data[end] == '\r' && (end + 1 == n || s->data[end + 1] == '\n')) end++;
    if (end == n) return last ? n : SIZE_MAX; /* what follows may be a quote, a line end or a fault */
    if (s->data[end] == me->delimiter_byte || s->data[end] == '\n') return next_mark(s);
    r->fault = "there is text after a closing quote";
    return SIZE_MAX;
}

static inline size_t read_plain(const csv *me, scan *s, size_t at, bool last, field *f)
{
    size_t end = next_mark(s);
    while (end < s->n && s->data[end] != me->delimiter_byte && s->data[end] != '\n') end = next_mark(s); /* a quote within */
    if (end == s->n && !last) return SIZE_MAX;
    size_t stop = end;
    if ((end == s->n || s->data[end] == '\n') && stop > at && s->data[stop - 1] == '\r') stop--;
    while (me->trim && stop > at && is_blank(me, s->data[stop - 1])) stop--;
    *f = (field){s->data + at, stop - at, false, false};
    return end;
}

/* The record was broken: it ends with its first line. False: that is not at hand yet. */
static bool skip_line(scan *s, bool last, record *r)
{
    const char *end = memchr(s->data + r->start, '\n', s->n - r->start);
    if (!end && !last) return false;
    r->end = end ? (size_t)(end - s->data) : s->n;
    r->next = end ? r->end + 1 : s->n;
    seek(s, r->next);
    return true;
}

/* Reads the record that starts at `at`, the scanner's place. False: it is not whole yet. Fields beyond the capacity of
 * me->fields are counted only. */
static bool read_record(csv *me, scan *s, size_t at, bool last, record *r)
{
    field unkept;
    *r = (record){.start = at};
    s->high = s->block_high;
    for (;;) {
        field *f = r->n_fields < me->capacity ? &me->fields[r->n_fields] : &unkept;
        size_t end;
        while (me->trim && at < s->n && is_blank(me, s->data[at])) at++;
        if (at < s->n && s->data[at] == me->quote_byte && me->quote_byte != '\n') {
            end = read_quoted(me, s, at, last, f, r);
        } else {
            end = read_plain(me, s, at, last, f);
        }
        if (end == SIZE_MAX) return r->fault && skip_line(s, last, r);
        r->n_fields++;
        at = end + 1;
        if (end == s->n || s->data[end] == '\n') {
            r->end = end - (end > r->start && s->data[end - 1] == '\r');
            r->next = end + (end < s->n);
            r->ascii = !s->high;
            return true;
        }
    }
}

/* ---- a record's fields into columns ------------------------------------------------------------------------------ */

static weir_status make_single(csv *me, weir_ctx *cx, field *f)
{
    size_t n = 0;
    if (f->n > me->single_size) {
        char *more = cx->host->resize(cx, me->single, f->n);
        if (!more) return weir_fail(cx, WEIR_E_MEMORY, "no memory for a field of %zu bytes", f->n);
        me->single = more;
        me->single_size = f->n;
    }
    for (size_t i = 0; i < f->n; i++) {
        me->single[n++] = f->p[i];
        if (f->p[i] == me->quote_byte) i++;
    }
    f->p = me->single;
    f->n = n;
    return WEIR_OK;
}

static weir_status reject(csv *me, weir_ctx *cx, weir_str raw, const weir_schema_field *column, weir_str text,
                          const char *why)
{
    weir_unput(cx, 0);
    if (column->type == WEIR_STRING) {
        return cx->host->reject(cx, raw, me->name, me->offset, "column '%s' (string): %s", column->name, why);
    }
    return cx->host->reject(cx, raw, me->name, me->offset, "column '%s' (%s): \"%.*s\" is %s", column->name,
                            weir_type_word(column->type), weir_cell_shown(text), text.p, why);
}

/* Null is the null text unquoted; for types that no text can be empty in, also quoted, since many writers quote everything.
 */
static inline bool is_null(const csv *me, const field *f, uint32_t type)
{
    if (f->n != me->null_n || (f->quoted && (type == WEIR_STRING || type == WEIR_BYTES))) return false;
    return f->n == 0 || memcmp(f->p, me->null, f->n) == 0;
}

static weir_status put_fields(csv *me, weir_ctx *cx, const record *r, weir_str raw)
{
    for (uint32_t i = 0; i < r->n_fields; i++) {
        weir_status s = WEIR_OK;
        field *f = &me->fields[i];
        if (me->targets[i] < 0) continue;
        uint32_t c = (uint32_t)me->targets[i];
        const weir_schema_field *column = weir_schema_at(me->schema, c);
        if (f->doubled && (s = make_single(me, cx, f)) != WEIR_OK) return s;
        if (is_null(me, f, column->type)) {
            if (column->nullable) {
                weir_put_null(cx, 0, c);
                continue;
            }
            if (column->type != WEIR_STRING && column->type != WEIR_BYTES) {
                return reject(me, cx, raw, column, (weir_str){f->p, f->n}, "null, which the column does not allow");
            }
        }
        weir_str text = {f->p, f->n};
        if (!weir_cell_put(cx, 0, c, column->type, &me->times, text, r->ascii, &s)) {
            return reject(me, cx, raw, column, text, weir_cell_trouble(column->type));
        }
        if (s != WEIR_OK) return s;
    }
    return weir_emit(cx, 0, WEIR_NO_TIME);
}

static weir_status put_record(csv *me, weir_ctx *cx, const char *data, const record *r)
{
    weir_str raw = {data + r->start, r->end - r->start};
    if (r->fault) return cx->host->reject(cx, raw, me->name, me->offset, "%s", r->fault);
    if (r->n_fields != me->n_fields) {
        return cx->host->reject(cx, raw, me->name, me->offset, "expected %u fields, found %u", me->n_fields, r->n_fields);
    }
    return put_fields(me, cx, r, raw);
}

/* ---- header ------------------------------------------------------------------------------------------------------ */

static weir_status reserve_fields(csv *me, weir_ctx *cx, uint32_t n)
{
    if (n <= me->capacity) return WEIR_OK;
    int32_t *targets = cx->host->resize(cx, me->targets, n * sizeof *targets);
    if (targets) me->targets = targets;
    field *fields = cx->host->resize(cx, me->fields, n * sizeof *fields);
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
        if (!read_record(me, s, r->start, last, r)) return WEIR_OK;
    }
    me->needs_header = false;
    return bind_header(me, cx, r);
}

/* A stream read from its middle: the header is in its first bytes. */
static weir_status header_from_head(csv *me, weir_ctx *cx, weir_str head)
{
    scan s = {.data = head.p, .n = head.n, .delimiter = me->delimiter_byte, .quote = me->quote_byte};
    record r;
    size_t at = head.n ? (size_t)weir_bom(head.p, head.n, true) : 0;
    seek(&s, at);
    while (at < head.n && read_record(me, &s, at, false, &r)) {
        if (r.end > r.start) return take_header(me, cx, &s, false, &r);
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
    me->delimiter_byte = d;
    me->quote_byte = q ? q : '\n';
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
    if (me->header) return me->fresh ? WEIR_OK : header_from_head(me, cx, stream->head);
    me->n_fields = me->schema->n_fields;
    for (uint32_t i = 0; i < me->n_fields; i++) me->targets[i] = (int32_t)i;
    return WEIR_OK;
}

/* The record at hand: header, blank line or row. */
static weir_status csv_take(csv *me, weir_ctx *cx, scan *s, bool last, record *r, int64_t *rows)
{
    if (r->end == r->start && !r->fault && (me->needs_header || me->n_fields != 1)) return WEIR_OK;
    if (me->needs_header) return take_header(me, cx, s, last, r);
    ++*rows;
    return put_record(me, cx, s->data, r);
}

static weir_status csv_decode(void *self, weir_ctx *cx, const void *data, size_t n, bool last, int64_t max_rows,
                              size_t *used)
{
    csv *me = self;
    scan s = {.data = data, .n = n, .delimiter = me->delimiter_byte, .quote = me->quote_byte};
    weir_status status = WEIR_OK;
    record r;
    size_t at = 0;
    *used = 0;
    if (n == 0) return WEIR_OK;
    if (me->fresh) {
        int mark = weir_bom(data, n, last);
        if (mark < 0) return WEIR_OK;
        me->fresh = false;
        me->offset += mark;
        at = (size_t)mark;
    }
    seek(&s, at);
    for (int64_t rows = 0; at < n && rows < max_rows && status == WEIR_OK && !weir_full(cx);) {
        if (!read_record(me, &s, at, last, &r)) break;
        status = csv_take(me, cx, &s, last, &r, &rows);
        me->offset += (int64_t)(r.next - at);
        at = r.next;
    }
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
