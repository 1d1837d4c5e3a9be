/* plain.h - objects as most programs write them, read in one go: all columns in the order of the schema, with at most one
 * blank behind a comma or colon; ASCII without escapes; texts, numbers, truth values and nulls.
 *
 * What is read so is read as plugin.c would have read it. Anything else, a fault as well, is left to that: plain_object
 * returns false, and what it has put into the row is put again, or taken back with a rejected line. So it checks no UTF-8
 * and tells no fault.
 *
 * Functions take the place where a thing begins and return the one behind it; NULL: it is not as it should be.
 */
#ifndef JSON_LINES_PLAIN_H
#define JSON_LINES_PLAIN_H

#include <weir/cells.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define NAME_BYTES 16

typedef struct column {
    const char *name;
    size_t name_n;
    uint32_t type;
    bool nullable;
    uint64_t seen; /* number of the last line that had it */
    /* "name": as most writers put it, in the first `written` of 16 bytes, with ones in `mask` there; 0: no such form. */
    size_t written;
    uint64_t text[2], mask[2];
} column;

typedef struct plain {
    const weir_cell_times *times;
    const column *columns;
    uint32_t n_columns;
    bool never; /* a column is of a type, or has a name, that is not for here */
} plain_form;

static inline bool plain_takes_numbers(const weir_cell_times *times)
{
    return times->style != WEIR_TIME_ISO && times->style != WEIR_TIME_PATTERN;
}

/* ---- tokens ------------------------------------------------------------------------------------------------------ */

static inline const char *plain_blank(const char *p, const char *end)
{
    return p + (p < end && *p == ' ');
}

static inline const char *plain_word(const char *p, const char *end, const char *word, size_t n)
{
    return (size_t)(end - p) >= n && memcmp(p, word, n) == 0 ? p + n : NULL;
}

static inline const char *plain_name(const column *to, const char *p, const char *end)
{
    uint64_t found[2];
    if (end - p < NAME_BYTES) return plain_word(p, end, (const char *)to->text, to->written);
    memcpy(found, p, sizeof found);
    bool is_it = (((found[0] ^ to->text[0]) & to->mask[0]) | ((found[1] ^ to->text[1]) & to->mask[1])) == 0;
    return is_it ? p + to->written : NULL;
}

#ifdef __SSE2__
/* The sixteen bytes of the line from p on. Where fewer are left they are preceded by those before p, which *before counts;
 * the line has sixteen. */
static inline __m128i plain_sixteen(const char *p, const char *end, int *before)
{
    *before = end - p < 16 ? (int)(16 - (end - p)) : 0;
    return _mm_loadu_si128((const __m128i *)(const void *)(p - *before));
}

/* Bits of bytes: a quote, a backslash, a control character, or not ASCII. */
static inline unsigned plain_text_ends(__m128i v)
{
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), blank = _mm_set1_epi8(' ');
    __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(hit, _mm_cmplt_epi8(v, blank))); /* from 128 on: below 0 */
}

static inline unsigned plain_digit_ends(__m128i v)
{
    v = _mm_sub_epi8(v, _mm_set1_epi8('0'));
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(9)), v)) ^ 0xFFFF;
}

/* From p on the first byte that `ends` has a bit for, or the line's end. */
static inline __attribute__((always_inline)) const char *plain_skip(const char *p, const char *end,
                                                                    unsigned (*ends)(__m128i))
{
    int before;
    while (p < end) {
        __m128i v = plain_sixteen(p, end, &before); /* a statement of its own: it sets what is shifted by */
        unsigned bits = ends(v) >> before;
        if (bits) return p + __builtin_ctz(bits);
        p += 16 - before;
    }
    return p;
}
#endif

/* From behind the opening quote to the closing one. */
static inline const char *plain_text(weir_str line, const char *p)
{
    const char *end = line.p + line.n;
#ifdef __SSE2__
    if (line.n >= 16) p = plain_skip(p, end, plain_text_ends);
#endif
    while (p < end && *p != '"' && *p != '\\' && (signed char)*p >= ' ') p++;
    return p < end && *p == '"' ? p : NULL;
}

/* At least one. */
static inline const char *plain_digits(weir_str line, const char *p)
{
    const char *first = p, *end = line.p + line.n;
#ifdef __SSE2__
    if (line.n >= 16) p = plain_skip(p, end, plain_digit_ends);
#endif
    while (p < end && (unsigned char)(*p - '0') < 10) p++;
    return p > first ? p : NULL;
}

/* Without superfluous zeros. */
static inline const char *plain_integer(weir_str line, const char *p)
{
    p += *p == '-';
    const char *behind = plain_digits(line, p);
    return behind && (*p != '0' || behind == p + 1) ? behind : NULL;
}

/* Without an exponent, which few numbers have. */
static inline const char *plain_number(weir_str line, const char *p)
{
    p = plain_integer(line, p);
    return p && p < line.p + line.n && *p == '.' ? plain_digits(line, p + 1) : p;
}

/* ---- values: p is before the line's end -------------------------------------------------------------------------- */

/* A text, or a time in a text. */
static inline const char *plain_quoted(const plain_form *f, weir_ctx *cx, uint32_t c, weir_str line, const char *p)
{
    const char *behind = plain_text(line, ++p);
    if (!behind) return NULL;
    weir_str text = {p, (size_t)(behind - p)};
    int64_t ms;
    if (f->columns[c].type == WEIR_STRING) return weir_put_text(cx, 0, c, text) == WEIR_OK ? behind + 1 : NULL;
    if (f->columns[c].type != WEIR_TIMESTAMP || !weir_cell_to_time(f->times, text.p, text.n, &ms)) return NULL;
    weir_put_i64(cx, 0, c, ms);
    return behind + 1;
}

static inline const char *plain_i64(weir_ctx *cx, uint32_t c, weir_str line, const char *p)
{
    int64_t v;
    const char *behind = plain_integer(line, p);
    if (!behind || !weir_text_to_i64(p, (size_t)(behind - p), &v)) return NULL;
    weir_put_i64(cx, 0, c, v);
    return behind;
}

/* Another number, which ends at `behind`. */
static inline const char *plain_cell(const plain_form *f, weir_ctx *cx, uint32_t c, const char *p, const char *behind)
{
    weir_status s;
    if (!behind) return NULL;
    weir_str text = {p, (size_t)(behind - p)};
    return weir_cell_put(cx, 0, c, f->columns[c].type, f->times, text, true, &s) ? behind : NULL;
}

static inline const char *plain_bool(weir_ctx *cx, uint32_t c, weir_str line, const char *p)
{
    const char *end = line.p + line.n, *behind = plain_word(p, end, "true", 4);
    weir_put_bool(cx, 0, c, behind != NULL);
    return behind ? behind : plain_word(p, end, "false", 5);
}

static inline const char *plain_value(const plain_form *f, weir_ctx *cx, uint32_t c, weir_str line, const char *p)
{
    const column *to = &f->columns[c];
    if (*p == '"') return plain_quoted(f, cx, c, line, p);
    if (*p == 'n' && to->nullable) {
        weir_put_null(cx, 0, c);
        return plain_word(p, line.p + line.n, "null", 4);
    }
    switch (to->type) {
    case WEIR_I64: return plain_i64(cx, c, line, p);
    case WEIR_TIMESTAMP:
        if (f->times->automatic) return plain_i64(cx, c, line, p);
        return plain_takes_numbers(f->times) ? plain_cell(f, cx, c, p, plain_integer(line, p)) : NULL;
    case WEIR_I32: return plain_cell(f, cx, c, p, plain_integer(line, p));
    case WEIR_F32:
    case WEIR_F64: return plain_cell(f, cx, c, p, plain_number(line, p));
    case WEIR_BOOL: return plain_bool(cx, c, line, p);
    default: return NULL;
    }
}

/* ---- the object -------------------------------------------------------------------------------------------------- */

static inline bool plain_object(const plain_form *f, weir_ctx *cx, weir_str line)
{
    const char *p = line.p, *end = p + line.n;
    if (line.n == 0 || *p++ != '{') return false;
    for (uint32_t c = 0; c < f->n_columns; c++) {
        if (c > 0 && (p == end || *p++ != ',')) return false;
        p = plain_name(&f->columns[c], plain_blank(p, end), end);
        if (p) p = plain_blank(p, end);
        if (!p || p == end) return false;
        p = plain_value(f, cx, c, line, p);
        if (!p) return false;
    }
    return end - p == 1 && *p == '}';
}

#endif
