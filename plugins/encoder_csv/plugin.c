/* encoder_csv - records to CSV (RFC 4180; lines end with LF).
 *
 * Fields are quoted only where they must be: with a delimiter, a quote, CR or LF inside, or when a string would read as the
 * null text. So a null and an empty string stay apart: a,,"" is a, null, the empty string.
 */
#include <weir/json.h>
#include <weir/udf.h>

#include "plain.h"

typedef struct csv {
    bool header;
    const char *delimiter, *null;
    int32_t timestamps;

    const weir_schema_view *schema;
    size_t null_length;
    bool plain_numbers; /* no number needs quotes */
    size_t row_most;    /* bytes of a row, but for the fields that put_plain leaves to others */
} csv;
enum { TIMESTAMPS_EPOCH_MS, TIMESTAMPS_ISO };
enum { PLAIN_MOST = 1024 }; /* bytes of a text that is put in one go */

/* Numbers and times have a digit; what has none is one of these. */
static const char *const words_of_numbers[] = {"true", "false", "NaN", "inf", "-inf"};

static bool numbers_are_plain(const csv *me)
{
    for (size_t i = 0; i < WEIR_LEN(words_of_numbers); i++) {
        if (strcmp(me->null, words_of_numbers[i]) == 0) return false;
    }
    return !strpbrk(me->null, "0123456789") && !strchr("0123456789+-.:TZtruefalsNni", me->delimiter[0]);
}

static size_t most_of(const csv *me, uint32_t type)
{
    size_t most = type == WEIR_STRING ? PLAIN_MOST : WEIR_TEXT_MAX;
    return (most > me->null_length ? most : me->null_length) + 1; /* and what follows it */
}

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
    me->plain_numbers = numbers_are_plain(me);
    me->row_most = 1;
    for (uint32_t i = 0; i < me->schema->n_fields; i++) me->row_most += most_of(me, weir_schema_at(me->schema, i)->type);
    return WEIR_OK;
}

/* ---- fields ------------------------------------------------------------------------------------------------- */

static bool must_quote(const csv *me, const char *p, size_t n)
{
    char delimiter = me->delimiter[0];
    if (n == me->null_length && (n == 0 || memcmp(p, me->null, n) == 0)) return true;
    for (size_t i = 0; i < n; i++) {
        if (plain_is_special(p[i], delimiter)) return true;
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

/* A number, a time or a bool; up to WEIR_TEXT_MAX bytes are written. */
static inline size_t put_number(const csv *me, char *to, uint32_t type, weir_row row, uint32_t column)
{
    switch (type) {
    case WEIR_BOOL: return weir_text_from_bool(to, weir_bool(row, column));
    case WEIR_I32: return weir_text_from_i64(to, weir_i32(row, column));
    case WEIR_F32: return weir_text_from_f32(to, weir_f32(row, column));
    case WEIR_F64: return weir_text_from_f64(to, weir_f64(row, column));
    case WEIR_TIMESTAMP:
        if (me->timestamps == TIMESTAMPS_ISO) return weir_text_from_time(to, weir_i64(row, column));
        return weir_text_from_i64(to, weir_i64(row, column));
    default: return weir_text_from_i64(to, weir_i64(row, column));
    }
}

/* A number never needs quotes, unless the delimiter or the null text is made of its characters. */
static weir_status add_number(const csv *me, weir_ctx *cx, weir_blob *to, uint32_t type, weir_row row, uint32_t column)
{
    char text[WEIR_TEXT_MAX];
    return add_text(me, cx, to, text, put_number(me, text, type, row, column));
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

/* The field as it is, into room for the most that it may take; NULL if it is none of those that can be put so: it must be
 * quoted or converted, or may be, or is long. */
static inline char *put_plain(const csv *me, char *to, weir_row row, uint32_t column)
{
    uint32_t type = row.batch->columns[column].type;
    if (weir_null(row, column)) {
        memcpy(to, me->null, me->null_length);
        return to + me->null_length;
    }
    if (type == WEIR_STRING) {
        weir_str v = weir_text(row, column);
        bool as_null = v.n == me->null_length && (v.n == 0 || memcmp(v.p, me->null, v.n) == 0);
        return !as_null && v.n <= PLAIN_MOST && plain_copy(to, v.p, v.n, me->delimiter[0]) ? to + v.n : NULL;
    }
    if (type == WEIR_BYTES || type == WEIR_ANY || !me->plain_numbers) return NULL;
    return to + put_number(me, to, type, row, column);
}

static weir_status make_room(const csv *me, weir_ctx *cx, weir_blob *to)
{
    return to->capacity - to->length >= me->row_most ? WEIR_OK : cx->host->blob_reserve(cx, to, me->row_most);
}

static weir_status add_row(const csv *me, weir_ctx *cx, weir_row row, weir_blob *to)
{
    weir_status s = make_room(me, cx, to);
    if (s != WEIR_OK) return s;
    char *p = (char *)to->data + to->length;
    for (uint32_t c = 0; c < row.batch->n_columns; c++) {
        if (c > 0) *p++ = me->delimiter[0];
        char *behind = put_plain(me, p, row, c);
        if (!behind) {
            to->length = (size_t)(p - (char *)to->data);
            s = add_field(me, cx, to, row, c);
            if (s == WEIR_OK) s = make_room(me, cx, to);
            if (s != WEIR_OK) return s;
            behind = (char *)to->data + to->length;
        }
        p = behind;
    }
    *p++ = '\n';
    to->length = (size_t)(p - (char *)to->data);
    return WEIR_OK;
}

static weir_status csv_encode(void *self, weir_ctx *cx, const weir_batch *batch, int64_t from, int64_t until, weir_blob *to)
{
    for (int64_t i = from; i < until; i++) {
        weir_status s = add_row(self, cx, (weir_row){batch, i}, to);
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
