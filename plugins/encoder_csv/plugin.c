/* encoder_csv - records to CSV (RFC 4180; lines end with LF).
 *
 * Fields are quoted only where they must be: with a delimiter, a quote, CR or LF inside, or when a string would read as the
 * null text. So a null and an empty string stay apart: a,,"" is a, null, the empty string.
 */
#include <weir/json.h>
#include <weir/udf.h>

typedef struct csv {
    bool header;
    const char *delimiter, *null;
    int32_t timestamps;

    const weir_schema_view *schema;
    size_t null_length;
} csv;
enum { TIMESTAMPS_EPOCH_MS, TIMESTAMPS_ISO };

static weir_status csv_open(void *self, weir_ctx *cx)
{
    csv *me = self;
    me->schema = cx->host->input_schema(cx, 0);
    if (!me->schema) return weir_fail(cx, WEIR_E_PLUGIN, "the csv encoder was opened by a component without an input");
    if (strlen(me->delimiter) != 1 || strchr("\"\n\r", me->delimiter[0])) {
        return weir_fail(cx, WEIR_E_CONFIG,
                         "delimiter: expected one byte that is neither a quote nor a line end, found '%s'", me->delimiter);
    }
    me->null_length = strlen(me->null);
    return WEIR_OK;
}

/* ---- fields ------------------------------------------------------------------------------------------------- */

static bool must_quote(const csv *me, const char *p, size_t n)
{
    char delimiter = me->delimiter[0];
    if (n == me->null_length && (n == 0 || memcmp(p, me->null, n) == 0)) return true;
    for (size_t i = 0; i < n; i++) {
        if (p[i] == delimiter || p[i] == '"' || p[i] == '\n' || p[i] == '\r') return true;
    }
    return false;
}

static weir_status add_text(const csv *me, weir_ctx *cx, weir_blob *to, const char *p, size_t n)
{
    if (!must_quote(me, p, n)) return weir_blob_add(cx, to, p, n);
    weir_status s = weir_blob_add(cx, to, "\"", 1);
    while (n > 0 && s == WEIR_OK) {
        const char *quote = memchr(p, '"', n);
        size_t run = quote ? (size_t)(quote - p) + 1 : n; /* the quote included, to be doubled */
        s = weir_blob_add(cx, to, p, run);
        if (s == WEIR_OK && quote) s = weir_blob_add(cx, to, "\"", 1);
        p += run;
        n -= run;
    }
    return s == WEIR_OK ? weir_blob_add(cx, to, "\"", 1) : s;
}

/* UTF-8 as it is; otherwise every byte that is not printable ASCII, and the backslash, as \xNN. */
static weir_status add_bytes(const csv *me, weir_ctx *cx, weir_blob *to, weir_str v)
{
    static const char hex[] = "0123456789abcdef";
    if (weir_is_utf8(v.p, v.n)) return add_text(me, cx, to, v.p, v.n);
    char *text = cx->host->alloc(cx, 4 * v.n);
    size_t n = 0;
    if (!text) return weir_fail(cx, WEIR_E_MEMORY, "no memory for a field of %zu bytes", v.n);
    for (size_t i = 0; i < v.n; i++) {
        unsigned char c = (unsigned char)v.p[i];
        if (c >= 0x20 && c < 0x7f && c != '\\') {
            text[n++] = (char)c;
        } else {
            memcpy(text + n, (const char[4]){'\\', 'x', hex[c >> 4], hex[c & 15]}, 4);
            n += 4;
        }
    }
    weir_status s = add_text(me, cx, to, text, n);
    cx->host->release(cx, text);
    return s;
}

/* JSON, quoted as a field. */
static weir_status add_any(const csv *me, weir_ctx *cx, weir_blob *to, weir_str v)
{
    weir_blob json = {0};
    weir_status s = weir_json_any(cx, &json, v.p, v.n);
    if (s == WEIR_OK) s = add_text(me, cx, to, (const char *)json.data, json.length);
    cx->host->release(cx, json.data);
    return s;
}

/* A number never needs quotes, unless the delimiter or the null text is made of its characters. */
static weir_status add_number(const csv *me, weir_ctx *cx, weir_blob *to, uint32_t type, weir_row row, uint32_t column)
{
    char text[WEIR_TEXT_MAX];
    size_t n;
    switch (type) {
    case WEIR_BOOL: n = weir_text_from_bool(text, weir_bool(row, column)); break;
    case WEIR_I32: n = weir_text_from_i64(text, weir_i32(row, column)); break;
    case WEIR_F32: n = weir_text_from_f32(text, weir_f32(row, column)); break;
    case WEIR_F64: n = weir_text_from_f64(text, weir_f64(row, column)); break;
    case WEIR_TIMESTAMP:
        n = me->timestamps == TIMESTAMPS_ISO ? weir_text_from_time(text, weir_i64(row, column))
                                             : weir_text_from_i64(text, weir_i64(row, column));
        break;
    default: n = weir_text_from_i64(text, weir_i64(row, column)); break;
    }
    return add_text(me, cx, to, text, n);
}

static weir_status add_field(const csv *me, weir_ctx *cx, weir_blob *to, weir_row row, uint32_t column)
{
    uint32_t type = row.batch->columns[column].type;
    if (weir_null(row, column)) return weir_blob_add(cx, to, me->null, me->null_length);
    if (type == WEIR_STRING) {
        weir_str v = weir_text(row, column);
        return add_text(me, cx, to, v.p, v.n);
    }
    if (type == WEIR_BYTES) return add_bytes(me, cx, to, weir_text(row, column));
    if (type == WEIR_ANY) return add_any(me, cx, to, weir_text(row, column));
    return add_number(me, cx, to, type, row, column);
}

/* ---- lines -------------------------------------------------------------------------------------------------- */

static weir_status csv_begin(void *self, weir_ctx *cx, weir_blob *to)
{
    const csv *me = self;
    weir_status s = WEIR_OK;
    if (!me->header) return WEIR_OK;
    for (uint32_t i = 0; i < me->schema->n_fields && s == WEIR_OK; i++) {
        const char *name = weir_schema_at(me->schema, i)->name;
        if (i > 0) s = weir_blob_add(cx, to, me->delimiter, 1);
        if (s == WEIR_OK) s = add_text(me, cx, to, name, strlen(name));
    }
    return s == WEIR_OK ? weir_blob_add(cx, to, "\n", 1) : s;
}

static weir_status csv_encode(void *self, weir_ctx *cx, const weir_batch *batch, int64_t from, int64_t until, weir_blob *to)
{
    const csv *me = self;
    for (int64_t i = from; i < until; i++) {
        for (uint32_t c = 0; c < batch->n_columns; c++) {
            weir_status s = c > 0 ? weir_blob_add(cx, to, me->delimiter, 1) : WEIR_OK;
            if (s == WEIR_OK) s = add_field(me, cx, to, (weir_row){batch, i}, c);
            if (s != WEIR_OK) return s;
        }
        weir_status s = weir_blob_add(cx, to, "\n", 1);
        if (s != WEIR_OK) return s;
    }
    return WEIR_OK;
}

static const char *const timestamp_choices[] = {"epoch_ms", "iso", NULL};
static const weir_encoder csv_vtable = {
    .struct_size = sizeof(weir_encoder), .open = csv_open, .begin = csv_begin, .encode = csv_encode};
static const weir_option csv_options[] = {
    WEIR_OPTION(csv, header, .def = "true", .doc = "a first line with the names of the fields"),
    WEIR_OPTION(csv, delimiter, .def = ",", .doc = "one byte between two fields"),
    WEIR_OPTION(csv, null, .def = "", .doc = "text of a null; a string that equals it is quoted"),
    WEIR_OPTION(csv, timestamps, .def = "epoch_ms", .choices = timestamp_choices,
                .doc = "milliseconds since the epoch, or 2024-01-31T12:00:00.000Z"),
};
WEIR_COMPONENT(csv, WEIR_ENCODER, csv_vtable, .id = "csv", .doc = "comma-separated values (RFC 4180)",
               WEIR_OPTIONS(csv_options));
WEIR_PLUGIN("weir.encoder_csv", "0.1.0", &csv_component);
