/* weir.format_json_lines - one JSON object per line (RFC 8259), into typed columns.
 *
 * A strict recursive-descent parser that never builds a tree: values go from the text straight into the output columns,
 * those of an `any` column into msgpack. Two buffers, for strings with escapes and for msgpack, live as long as the decoder.
 *
 * A line that is no object, or does not fit the schema, is rejected whole; the reason says where in the line. A name of the
 * schema that stands twice in an object is one of those faults: which of the two values was meant nobody can say.
 */
#include <weir/cells.h>
#include <weir/lines.h>
#include <weir/udf.h>

#include "plain.h"

#define DEPTH        128 /* arrays and objects within each other */
#define MOST_SKIPPED 63  /* lines */

typedef struct buffer {
    char *p;
    size_t n, size;
} buffer;

enum { UNKNOWN_IGNORE, UNKNOWN_REJECT };

typedef struct json_lines {
    int32_t unknown;
    const char *timestamps;

    weir_cell_times times;
    column *columns;
    uint32_t n_columns;
    uint64_t line; /* lines so far */
    plain_form plain;
    uint32_t skips, skipped; /* lines that are not tried as plain ones: from now on; since the last that was tried in vain */
    weir_lines lines;
    buffer text, packed;
} json_lines;

/* The line being read. Functions that return false have set fault or status. */
typedef struct parser {
    json_lines *me;
    weir_ctx *cx;
    const char *start, *p, *end;
    const char *fault;
    const column *column; /* that the fault is about; NULL: the line's form */
    weir_status status;
} parser;

static bool fault(parser *j, const char *why)
{
    j->fault = why;
    return false;
}

/* ---- tokens ------------------------------------------------------------------------------------------------------ */

static bool reserve(parser *j, buffer *b, size_t more)
{
    if (b->size - b->n >= more) return true;
    size_t size = b->size * 2 > b->n + more ? b->size * 2 : b->n + more;
    char *p = j->cx->host->resize(j->cx, b->p, size);
    if (!p) {
        j->status = weir_fail(j->cx, WEIR_E_MEMORY, "no memory for a value of %zu bytes", size);
        return false;
    }
    b->p = p;
    b->size = size;
    return true;
}

static inline void skip_blanks(parser *j)
{
    while (j->p < j->end && (*j->p == ' ' || *j->p == '\t' || *j->p == '\r')) j->p++;
}

/* The next character that is no blank; 0: the line ends. */
static inline char peek(parser *j)
{
    skip_blanks(j);
    return j->p < j->end ? *j->p : 0;
}

static bool literal(parser *j, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(j->end - j->p) < n || memcmp(j->p, word, n) != 0) return fault(j, "expected a value");
    j->p += n;
    return true;
}

static bool digits(parser *j)
{
    const char *first = j->p;
#if WEIR_TEXT_BY_EIGHT_
    for (uint64_t v; j->end - j->p >= 8; j->p += 8) {
        memcpy(&v, j->p, 8);
        v ^= 0x3030303030303030u; /* digits are 0 to 9, and their bytes do not come to 0x80 with 0x76 */
        v = (((v & 0x7F7F7F7F7F7F7F7Fu) + 0x7676767676767676u) | v) & 0x8080808080808080u;
        if (v == 0) continue;
        j->p += __builtin_ctzll(v) / 8;
        return j->p > first || fault(j, "expected a digit");
    }
#endif
    while (j->p < j->end && (unsigned char)(*j->p - '0') < 10) j->p++;
    return j->p > first || fault(j, "expected a digit");
}

static bool number(parser *j, weir_str *text, bool *integer)
{
    const char *first = j->p;
    if (*j->p == '-') j->p++;
    if (j->p < j->end && *j->p == '0')
        j->p++;
    else if (!digits(j))
        return false;
    *integer = true;
    if (j->p < j->end && *j->p == '.') {
        *integer = false;
        j->p++;
        if (!digits(j)) return false;
    }
    if (j->p < j->end && (*j->p | 32) == 'e') {
        *integer = false;
        j->p++;
        if (j->p < j->end && (*j->p == '+' || *j->p == '-')) j->p++;
        if (!digits(j)) return false;
    }
    *text = (weir_str){first, (size_t)(j->p - first)};
    return true;
}

static bool four_hex(parser *j, uint32_t *v)
{
    if (j->end - j->p < 4) return fault(j, "expected four hexadecimal digits");
    *v = 0;
    for (int i = 0; i < 4; i++, j->p++) {
        uint32_t c = (unsigned char)*j->p, letter = (c | 32) - 'a';
        uint32_t digit = c - '0' < 10 ? c - '0' : letter < 6 ? letter + 10 : 16;
        if (digit == 16) return fault(j, "expected four hexadecimal digits");
        *v = *v << 4 | digit;
    }
    return true;
}

/* After "\u". At most four bytes of UTF-8; room is there. */
static bool unicode_escape(parser *j, buffer *b)
{
    uint32_t c, low;
    if (!four_hex(j, &c)) return false;
    if (c >= 0xD800 && c < 0xE000) {
        if (c >= 0xDC00 || j->end - j->p < 2 || j->p[0] != '\\' || j->p[1] != 'u')
            return fault(j, "half of a surrogate pair");
        j->p += 2;
        if (!four_hex(j, &low)) return false;
        if (low < 0xDC00 || low > 0xDFFF) return fault(j, "half of a surrogate pair");
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    }
    if (c < 0x80) {
        b->p[b->n++] = (char)c;
    } else if (c < 0x800) {
        b->p[b->n++] = (char)(0xC0 | c >> 6);
        b->p[b->n++] = (char)(0x80 | (c & 0x3F));
    } else {
        if (c < 0x10000) {
            b->p[b->n++] = (char)(0xE0 | c >> 12);
        } else {
            b->p[b->n++] = (char)(0xF0 | c >> 18);
            b->p[b->n++] = (char)(0x80 | (c >> 12 & 0x3F));
        }
        b->p[b->n++] = (char)(0x80 | (c >> 6 & 0x3F));
        b->p[b->n++] = (char)(0x80 | (c & 0x3F));
    }
    return true;
}

static bool escape(parser *j, buffer *b)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = j->p < j->end ? *j->p++ : 0;
    const char *known = c ? strchr(from, c) : NULL;
    if (c == 'u') return unicode_escape(j, b);
    if (!known) return fault(j, "unknown escape in a string");
    b->p[b->n++] = to[known - from];
    return true;
}

/* Moves p to the quote, backslash or control character that ends a run of plain bytes. */
static inline void plain_run(parser *j)
{
    const char *p = j->p, *end = j->end;
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), last = _mm_set1_epi8(0x1F);
    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash));
        int bits = _mm_movemask_epi8(_mm_or_si128(hit, _mm_cmpeq_epi8(_mm_min_epu8(v, last), v)));
        if (bits == 0) continue;
        j->p = p + __builtin_ctz((unsigned)bits);
        return;
    }
#endif
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20) p++;
    j->p = p;
}

/* A string whose opening quote is at p. Without escapes it lies in the line, with escapes in the buffer `text`. */
static bool string(parser *j, weir_str *s)
{
    buffer *b = &j->me->text;
    const char *first = ++j->p;
    b->n = 0;
    for (;;) {
        plain_run(j);
        if (j->p == j->end) return fault(j, "a string is never closed");
        if (*j->p == '"') break;
        if (*j->p != '\\') return fault(j, "a control character in a string");
        if (!reserve(j, b, (size_t)(j->p - first) + 4)) return false;
        memcpy(b->p + b->n, first, (size_t)(j->p - first));
        b->n += (size_t)(j->p - first);
        j->p++;
        if (!escape(j, b)) return false;
        first = j->p;
    }
    *s = (weir_str){first, (size_t)(j->p++ - first)};
    if (b->n == 0) return true;
    if (!reserve(j, b, s->n)) return false;
    memcpy(b->p + b->n, first, s->n);
    *s = (weir_str){b->p, b->n + s->n};
    return true;
}

/* ---- any value, as msgpack --------------------------------------------------------------------------------------- */

static bool pack_bytes(parser *j, const void *p, size_t n)
{
    buffer *b = &j->me->packed;
    if (!reserve(j, b, n)) return false;
    if (n) memcpy(b->p + b->n, p, n);
    b->n += n;
    return true;
}

/* A type byte and `n` bytes of v, big-endian. */
static bool pack_head(parser *j, int type, uint64_t v, int n)
{
    uint8_t bytes[9] = {(uint8_t)type};
    for (int i = 0; i < n; i++) bytes[1 + i] = (uint8_t)(v >> 8 * (n - 1 - i));
    return pack_bytes(j, bytes, 1 + (size_t)n);
}

static bool pack_unsigned(parser *j, uint64_t v)
{
    if (v < 0x80) return pack_head(j, (int)v, 0, 0);
    if (v <= UINT8_MAX) return pack_head(j, 0xCC, v, 1);
    if (v <= UINT16_MAX) return pack_head(j, 0xCD, v, 2);
    if (v <= UINT32_MAX) return pack_head(j, 0xCE, v, 4);
    return pack_head(j, 0xCF, v, 8);
}

static bool pack_signed(parser *j, int64_t v)
{
    if (v >= 0) return pack_unsigned(j, (uint64_t)v);
    if (v >= -32) return pack_head(j, (uint8_t)v, 0, 0);
    if (v >= INT8_MIN) return pack_head(j, 0xD0, (uint64_t)v, 1);
    if (v >= INT16_MIN) return pack_head(j, 0xD1, (uint64_t)v, 2);
    if (v >= INT32_MIN) return pack_head(j, 0xD2, (uint64_t)v, 4);
    return pack_head(j, 0xD3, (uint64_t)v, 8);
}

/* The whole text as an integer above INT64_MAX. */
static bool to_u64(weir_str text, uint64_t *v)
{
    if (text.n > 20) return false; /* JSON has no leading zeros */
    *v = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (__builtin_mul_overflow(*v, 10u, v) || __builtin_add_overflow(*v, (uint64_t)(text.p[i] - '0'), v)) return false;
    }
    return true;
}

static bool pack_number(parser *j)
{
    weir_str text;
    bool integer;
    int64_t i;
    uint64_t bits;
    double f;
    if (!number(j, &text, &integer)) return false;
    if (integer && weir_text_to_i64(text.p, text.n, &i)) return pack_signed(j, i);
    if (integer && *text.p != '-' && to_u64(text, &bits)) return pack_unsigned(j, bits);
    if (!weir_text_to_f64(text.p, text.n, &f)) return fault(j, "a number too large for a double");
    memcpy(&bits, &f, sizeof bits);
    return pack_head(j, 0xCB, bits, 8);
}

static bool pack_string(parser *j)
{
    weir_str s;
    bool ok = string(j, &s);
    if (!ok) return false;
    if (s.n < 32)
        ok = pack_head(j, 0xA0 | (int)s.n, 0, 0);
    else if (s.n <= UINT8_MAX)
        ok = pack_head(j, 0xD9, s.n, 1);
    else if (s.n <= UINT16_MAX)
        ok = pack_head(j, 0xDA, s.n, 2);
    else
        ok = pack_head(j, 0xDB, s.n, 4);
    return ok && pack_bytes(j, s.p, s.n);
}

/* The head of the array or map whose one-byte place is at `at`, now that its n elements are known. */
static bool finish_container(parser *j, size_t at, uint64_t n, bool map)
{
    buffer *b = &j->me->packed;
    if (n < 16) {
        b->p[at] = (char)((map ? 0x80 : 0x90) | (int)n);
        return true;
    }
    int bytes = n <= UINT16_MAX ? 2 : 4;
    size_t content = b->n - at - 1;
    if (!reserve(j, b, (size_t)bytes)) return false;
    memmove(b->p + at + 1 + bytes, b->p + at + 1, content);
    b->p[at] = (char)((map ? 0xDE : 0xDC) + (bytes == 4));
    for (int i = 0; i < bytes; i++) b->p[at + 1 + (size_t)i] = (char)(n >> 8 * (bytes - 1 - i));
    b->n += (size_t)bytes;
    return true;
}

static bool pack_value(parser *j, int depth);

static bool pack_container(parser *j, int depth, bool map)
{
    size_t at = j->me->packed.n;
    uint64_t n = 0;
    char close = map ? '}' : ']';
    if (depth == DEPTH) return fault(j, "nested too deep");
    if (!pack_head(j, 0, 0, 0)) return false;
    j->p++;
    if (peek(j) == close) {
        j->p++;
        return finish_container(j, at, 0, map);
    }
    for (;; n++) {
        if (map) {
            if (peek(j) != '"') return fault(j, "expected a name in quotes");
            if (!pack_string(j)) return false;
            if (peek(j) != ':') return fault(j, "expected ':'");
            j->p++;
        }
        if (!pack_value(j, depth + 1)) return false;
        char c = peek(j);
        if (c != ',' && c != close) return fault(j, map ? "expected ',' or '}'" : "expected ',' or ']'");
        j->p++;
        if (c == close) return finish_container(j, at, n + 1, map);
    }
}

static bool pack_value(parser *j, int depth)
{
    switch (peek(j)) {
    case '{': return pack_container(j, depth, true);
    case '[': return pack_container(j, depth, false);
    case '"': return pack_string(j);
    case 't': return literal(j, "true") && pack_head(j, 0xC3, 0, 0);
    case 'f': return literal(j, "false") && pack_head(j, 0xC2, 0, 0);
    case 'n': return literal(j, "null") && pack_head(j, 0xC0, 0, 0);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9': return pack_number(j);
    default: return fault(j, "expected a value");
    }
}

/* ---- a value into its column ------------------------------------------------------------------------------------- */

static bool put_text(parser *j, uint32_t c, weir_str s)
{
    j->status = weir_put_text(j->cx, 0, c, s);
    return j->status == WEIR_OK;
}

static bool put_any(parser *j, uint32_t c)
{
    j->me->packed.n = 0;
    return pack_value(j, 1) && put_text(j, c, (weir_str){j->me->packed.p, j->me->packed.n});
}

static bool put_bool(parser *j, uint32_t c)
{
    bool v = *j->p == 't';
    if (!v && *j->p != 'f') return fault(j, "expected true or false");
    if (!literal(j, v ? "true" : "false")) return false;
    weir_put_bool(j->cx, 0, c, v);
    return true;
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648 with padding. */
static bool put_base64(parser *j, uint32_t c, weir_str s)
{
    buffer *b = &j->me->packed;
    size_t pad = 0;
    b->n = 0;
    while (pad < 2 && pad < s.n && s.p[s.n - 1 - pad] == '=') pad++;
    if (s.n % 4 || !reserve(j, b, s.n / 4 * 3 + 1)) return j->status == WEIR_OK && fault(j, "not base64");
    for (size_t i = 0; i < s.n; i += 4) {
        uint32_t v = 0;
        for (size_t k = i; k < i + 4; k++) {
            int d = k >= s.n - pad ? 0 : base64_digit(s.p[k]);
            if (d < 0) return fault(j, "not base64");
            v = v << 6 | (uint32_t)d;
        }
        b->p[b->n++] = (char)(v >> 16);
        b->p[b->n++] = (char)(v >> 8);
        b->p[b->n++] = (char)v;
    }
    return put_text(j, c, (weir_str){b->p, b->n - pad});
}

static bool put_string(parser *j, uint32_t c, uint32_t type)
{
    weir_str s;
    int64_t ms;
    if (*j->p != '"') return fault(j, "expected a string");
    if (!string(j, &s)) return false;
    if (type == WEIR_STRING) return put_text(j, c, s);
    if (type == WEIR_BYTES) return put_base64(j, c, s);
    if (!weir_cell_to_time(&j->me->times, s.p, s.n, &ms)) return fault(j, "not a time as option timestamps says");
    weir_put_i64(j->cx, 0, c, ms);
    return true;
}

static bool put_number(parser *j, uint32_t c, uint32_t type)
{
    const weir_cell_times *times = &j->me->times;
    weir_str s;
    bool integer;
    union {
        int32_t i32;
        int64_t i64;
        float f32;
        double f64;
    } v;
    if (*j->p != '-' && (unsigned char)(*j->p - '0') > 9) return fault(j, "expected a number");
    if (!number(j, &s, &integer)) return false;
    switch (type) {
    case WEIR_I32:
        if (!integer || !weir_text_to_i32(s.p, s.n, &v.i32)) return fault(j, "not an integer of 32 bits");
        weir_put_i32(j->cx, 0, c, v.i32);
        return true;
    case WEIR_I64:
        if (!integer || !weir_text_to_i64(s.p, s.n, &v.i64)) return fault(j, "not an integer of 64 bits");
        weir_put_i64(j->cx, 0, c, v.i64);
        return true;
    case WEIR_F32:
        if (!weir_text_to_f32(s.p, s.n, &v.f32)) return fault(j, "too large for an f32");
        weir_put_f32(j->cx, 0, c, v.f32);
        return true;
    case WEIR_F64:
        if (!weir_text_to_f64(s.p, s.n, &v.f64)) return fault(j, "too large for an f64");
        weir_put_f64(j->cx, 0, c, v.f64);
        return true;
    default: /* timestamp */
        if (!times->automatic && (times->style == WEIR_TIME_ISO || times->style == WEIR_TIME_PATTERN)) {
            return fault(j, "expected a time in a string");
        }
        if (!weir_cell_to_time(times, s.p, s.n, &v.i64)) return fault(j, "not a time as option timestamps says");
        weir_put_i64(j->cx, 0, c, v.i64);
        return true;
    }
}

static bool put_value(parser *j, uint32_t c)
{
    const column *to = &j->me->columns[c];
    char next = peek(j);
    j->column = to;
    if (next == 0) return fault(j, "expected a value");
    if (next == 'n' && (to->nullable || to->type != WEIR_ANY)) {
        if (!literal(j, "null")) return false;
        if (!to->nullable) return fault(j, "must not be null");
        weir_put_null(j->cx, 0, c);
    } else if (to->type == WEIR_ANY) {
        if (!put_any(j, c)) return false;
    } else if (to->type == WEIR_BOOL) {
        if (!put_bool(j, c)) return false;
    } else if (next == '"' || to->type == WEIR_STRING || to->type == WEIR_BYTES) {
        if (to->type != WEIR_STRING && to->type != WEIR_BYTES && to->type != WEIR_TIMESTAMP) {
            return fault(j, "expected a number");
        }
        if (!put_string(j, c, to->type)) return false;
    } else if (!put_number(j, c, to->type)) {
        return false;
    }
    j->column = NULL;
    return true;
}

/* ---- an object into a row ---------------------------------------------------------------------------------------- */

/* Objects of a stream mostly have their names in one order, so the search starts where the last one ended. */
static inline uint32_t column_named(const json_lines *me, weir_str name, uint32_t hint)
{
    for (uint32_t k = 0, c = hint; k < me->n_columns; k++, c++) {
        if (c >= me->n_columns) c = 0;
        if (me->columns[c].name_n == name.n && memcmp(me->columns[c].name, name.p, name.n) == 0) return c;
    }
    return UINT32_MAX;
}

/* The column expected next, its name written without blanks or escapes: p moves behind the colon. */
static inline bool take_expected(parser *j, uint32_t c)
{
    uint64_t found[2];
    if (c >= j->me->n_columns || j->end - j->p < (ptrdiff_t)sizeof found) return false;
    const column *k = &j->me->columns[c];
    memcpy(found, j->p, sizeof found);
    if (((found[0] ^ k->text[0]) & k->mask[0]) | ((found[1] ^ k->text[1]) & k->mask[1])) return false;
    j->p += k->written;
    return k->written > 0;
}

/* The value of column c, behind the colon. */
static bool value_of(parser *j, uint32_t c, uint32_t *hint)
{
    column *to = &j->me->columns[c];
    if (to->seen == j->me->line) {
        j->column = to;
        return fault(j, "the name stands twice");
    }
    to->seen = j->me->line;
    *hint = c + 1;
    return put_value(j, c);
}

static bool member(parser *j, uint32_t *hint)
{
    weir_str name;
    if (take_expected(j, *hint)) return value_of(j, *hint, hint);
    if (peek(j) != '"') return fault(j, "expected a name in quotes");
    if (!string(j, &name)) return false;
    uint32_t c = column_named(j->me, name, *hint);
    if (c == UINT32_MAX && j->me->unknown == UNKNOWN_REJECT) return fault(j, "a name that is not in the schema");
    if (peek(j) != ':') return fault(j, "expected ':'");
    j->p++;
    if (c != UINT32_MAX) return value_of(j, c, hint);
    j->me->packed.n = 0;
    return pack_value(j, 1); /* ignored, but read as strictly as the rest */
}

static bool object(parser *j)
{
    uint32_t hint = 0;
    if (peek(j) != '{') return fault(j, "expected '{'");
    j->p++;
    if (peek(j) == '}') {
        j->p++;
    } else {
        for (char c = ','; c != '}'; j->p++) {
            if (!member(j, &hint)) return false;
            c = peek(j);
            if (c == '}') continue;
            if (c != ',') return fault(j, "expected ',' or '}'");
        }
    }
    return peek(j) == 0 && j->p == j->end ? true : fault(j, "there is text after the object");
}

static bool fill_missing(parser *j)
{
    for (uint32_t c = 0; c < j->me->n_columns; c++) {
        const column *to = &j->me->columns[c];
        if (to->seen == j->me->line) continue;
        if (!to->nullable) {
            j->column = to;
            return fault(j, "is missing, and must not be null");
        }
        weir_put_null(j->cx, 0, c);
    }
    return true;
}

/* Where lines are not plain, few are tried. */
static inline bool is_plain(json_lines *me, weir_ctx *cx, weir_str line)
{
    if (me->plain.never) return false;
    if (me->skips > 0) {
        me->skips--;
        return false;
    }
    if (plain_object(&me->plain, cx, line)) {
        me->skipped = 0;
        return true;
    }
    if (me->skipped < MOST_SKIPPED) me->skipped = me->skipped * 2 + 1;
    me->skips = me->skipped;
    return false;
}

static weir_status json_line(void *self, weir_ctx *cx, weir_str line)
{
    json_lines *me = self;
    if (is_plain(me, cx, line)) return weir_emit(cx, 0, WEIR_NO_TIME);
    parser j = {.me = me, .cx = cx, .start = line.p, .p = line.p, .end = line.p + line.n};
    me->line++;
    if (peek(&j) == 0 && j.p == j.end) return WEIR_OK; /* a blank line holds no record */
    j.p = line.p + weir_utf8_prefix(line.p, line.n);
    if (j.p < j.end) {
        fault(&j, "invalid UTF-8");
    } else {
        j.p = line.p;
        if (object(&j) && fill_missing(&j)) return weir_emit(cx, 0, WEIR_NO_TIME);
    }
    if (j.status != WEIR_OK) return j.status;
    weir_unput(cx, 0);
    if (!j.column) return weir_lines_reject(&me->lines, cx, line, "at byte %zu: %s", (size_t)(j.p - j.start), j.fault);
    return weir_lines_reject(&me->lines, cx, line, "at byte %zu, column '%s' (%s): %s", (size_t)(j.p - j.start),
                             j.column->name, weir_type_word(j.column->type), j.fault);
}

static void write_name(column *c)
{
    char text[NAME_BYTES] = {0}, mask[NAME_BYTES] = {0};
    if (c->name_n + 3 > sizeof text) return;
    for (size_t i = 0; i < c->name_n; i++) {
        if (c->name[i] == '"' || c->name[i] == '\\' || (unsigned char)c->name[i] < 0x20) return;
    }
    c->written = c->name_n + 3;
    text[0] = '"';
    memcpy(text + 1, c->name, c->name_n);
    memcpy(text + 1 + c->name_n, "\":", 2);
    memset(mask, 0xff, c->written);
    memcpy(c->text, text, sizeof text);
    memcpy(c->mask, mask, sizeof mask);
}

/* Names that are not ASCII are left to those who check it. */
static bool is_plain_column(const column *c)
{
    bool ascii = true;
    for (size_t i = 0; i < c->name_n; i++) ascii &= (unsigned char)c->name[i] < 0x80;
    return ascii && c->written > 0 && c->type != WEIR_BYTES && c->type != WEIR_ANY;
}

/* ---- the decoder ------------------------------------------------------------------------------------------------- */

static weir_status json_open(void *self, weir_ctx *cx)
{
    json_lines *me = self;
    const weir_schema_view *schema = cx->host->output_schema(cx, 0);
    if (!weir_cell_times_of(me->timestamps, &me->times)) {
        return weir_fail(cx, WEIR_E_CONFIG,
                         "option timestamps must be auto, iso, epoch_ms, epoch_s or a pattern such as "
                         "\"%%Y-%%m-%%d %%H:%%M:%%S\", found \"%s\"",
                         me->timestamps);
    }
    me->n_columns = schema->n_fields;
    me->columns = cx->host->alloc(cx, me->n_columns * sizeof *me->columns);
    if (!me->columns) return weir_fail(cx, WEIR_E_MEMORY, "no memory for %u columns", me->n_columns);
    me->plain = (plain_form){.times = &me->times, .columns = me->columns, .n_columns = me->n_columns};
    for (uint32_t c = 0; c < me->n_columns; c++) {
        const weir_schema_field *f = weir_schema_at(schema, c);
        me->columns[c] = (column){.name = f->name, .name_n = strlen(f->name), .type = f->type, .nullable = f->nullable != 0};
        write_name(&me->columns[c]);
        me->plain.never |= !is_plain_column(&me->columns[c]);
    }
    return WEIR_OK;
}

static weir_status json_begin(void *self, weir_ctx *cx, const weir_stream *stream)
{
    (void)cx;
    weir_lines_begin(&((json_lines *)self)->lines, stream);
    return WEIR_OK;
}

static weir_status json_decode(void *self, weir_ctx *cx, const void *data, size_t n, bool last, int64_t max_rows,
                               size_t *used)
{
    return weir_lines_decode(&((json_lines *)self)->lines, self, cx, data, n, last, max_rows, used, json_line);
}

static void json_close(void *self, weir_ctx *cx)
{
    json_lines *me = self;
    cx->host->release(cx, me->columns);
    cx->host->release(cx, me->text.p);
    cx->host->release(cx, me->packed.p);
}

static const char *const unknown_choices[] = {"ignore", "reject", NULL};
static const weir_option json_options[] = {
    WEIR_OPTION(json_lines, unknown, .def = "ignore", .choices = unknown_choices,
                .doc = "what to do with a name that is not in the schema: ignore it, or reject the record"),
    WEIR_OPTION(json_lines, timestamps, .def = "auto",
                .doc = "iso, epoch_ms, epoch_s, a strftime pattern; auto: ISO 8601 strings or epoch milliseconds"),
};

static const weir_decoder json_vtable = {.struct_size = sizeof(weir_decoder),
                                         .open = json_open,
                                         .begin = json_begin,
                                         .decode = json_decode,
                                         .splittable = weir_lines_splittable,
                                         .boundary = weir_lines_boundary,
                                         .close = json_close};
WEIR_COMPONENT(json_lines, WEIR_DECODER, json_vtable, .id = "json_lines", .doc = "one JSON object per line",
               .out = "$schema", WEIR_OPTIONS(json_options));

WEIR_PLUGIN("weir.format_json_lines", "0.1.0", &json_lines_component);
