/* weir/json.h - writing JSON into a blob: strings, base64, and the msgpack values of `any` columns.
 *
 * Static inline over weir/host.h, C11 and C++17 clean; not part of the binary contract.
 */
#ifndef WEIR_JSON_H
#define WEIR_JSON_H

#include <weir/host.h>
#include <weir/text.h>

#define WEIR_JSON_DEPTH 64 /* of nested arrays and maps */

static inline weir_status weir_json_escape_(weir_ctx *cx, weir_blob *to, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = {'\\', 'u', '0', '0', 0, 0};
    const char *shorts = "\"\"\\\\\nn\rr\tt\bb\ff";
    for (; *shorts; shorts += 2) {
        if ((unsigned char)*shorts != c) continue;
        text[1] = shorts[1];
        return weir_blob_add(cx, to, text, 2);
    }
    text[4] = hex[c >> 4];
    text[5] = hex[c & 15];
    return weir_blob_add(cx, to, text, 6);
}

/* A quoted string. Bytes that are not UTF-8 become U+FFFD, one for each. */
static inline weir_status weir_json_string(weir_ctx *cx, weir_blob *to, const char *p, size_t n)
{
    size_t good = weir_utf8_prefix(p, n), start = 0;
    weir_status s = weir_blob_add(cx, to, "\"", 1);
    for (size_t i = 0; i < n && s == WEIR_OK; i++) {
        unsigned char c = (unsigned char)p[i];
        if (i == good) {
            s = weir_blob_add(cx, to, p + start, i - start);
            if (s == WEIR_OK) s = weir_blob_add(cx, to, "\xEF\xBF\xBD", 3);
            start = i + 1;
            good = start + weir_utf8_prefix(p + start, n - start);
        } else if (c < 0x20 || c == '"' || c == '\\') {
            s = weir_blob_add(cx, to, p + start, i - start);
            if (s == WEIR_OK) s = weir_json_escape_(cx, to, c);
            start = i + 1;
        }
    }
    if (s == WEIR_OK) s = weir_blob_add(cx, to, p + start, n - start);
    return s == WEIR_OK ? weir_blob_add(cx, to, "\"", 1) : s;
}

/* A quoted string of base64 (RFC 4648, with padding). */
static inline weir_status weir_json_base64(weir_ctx *cx, weir_blob *to, const void *bytes, size_t n)
{
    static const char code[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = (const unsigned char *)bytes;
    weir_status s = weir_blob_add(cx, to, "\"", 1);
    for (size_t i = 0; i < n && s == WEIR_OK; i += 3) {
        size_t left = n - i;
        uint32_t v = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (left > 2 ? p[i + 2] : 0u);
        char four[4] = {code[v >> 18], code[v >> 12 & 63], left > 1 ? code[v >> 6 & 63] : '=',
                        left > 2 ? code[v & 63] : '='};
        s = weir_blob_add(cx, to, four, 4);
    }
    return s == WEIR_OK ? weir_blob_add(cx, to, "\"", 1) : s;
}

/* JSON has no NaN and no infinities: null, as in JavaScript's JSON.stringify. */
static inline weir_status weir_json_f64(weir_ctx *cx, weir_blob *to, double v)
{
    char text[WEIR_TEXT_MAX];
    if (isnan(v) || isinf(v)) return weir_blob_add(cx, to, "null", 4);
    return weir_blob_add(cx, to, text, weir_text_from_f64(text, v));
}
static inline weir_status weir_json_f32(weir_ctx *cx, weir_blob *to, float v)
{
    char text[WEIR_TEXT_MAX];
    if (isnan(v) || isinf(v)) return weir_blob_add(cx, to, "null", 4);
    return weir_blob_add(cx, to, text, weir_text_from_f32(text, v));
}
static inline weir_status weir_json_i64(weir_ctx *cx, weir_blob *to, int64_t v)
{
    char text[WEIR_TEXT_MAX];
    return weir_blob_add(cx, to, text, weir_text_from_i64(text, v));
}

/* ---- msgpack to JSON (https://github.com/msgpack/msgpack/blob/master/spec.md) ------------------------------- */

/* The start of a msgpack value. kind: n(il) b(ool) u(nsigned) i(nteger) f(loat) d(ouble) s(tring) x(bytes) e(xtension)
 * a(rray) m(ap). n: the number, the bits of a float, the bytes of a string that follow, the count of an array or map. */
typedef struct weir_json_head_ {
    char kind;
    uint64_t n;
} weir_json_head_;

/* Big-endian, `bytes` wide; moves *p on. */
static inline bool weir_json_take_(const unsigned char **p, const unsigned char *end, unsigned bytes, uint64_t *n)
{
    if ((size_t)(end - *p) < bytes) return false;
    for (*n = 0; bytes; bytes--) *n = *n << 8 | *(*p)++;
    return true;
}

static inline bool weir_json_head_read_(const unsigned char **p, const unsigned char *end, weir_json_head_ *h)
{
    static const char kinds[] = "n?bbxxxeeefduuuuiiiieeeeesssaamm"; /* of 0xc0 .. 0xdf */
    static const unsigned char widths[] = {0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 4, 8, 1, 2, 4, 8,
                                           1, 2, 4, 8, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4};
    if (*p == end) return false;
    unsigned tag = *(*p)++;
    h->n = tag;
    h->kind = 'u';
    if (tag <= 0x7f) return true;
    if (tag <= 0xbf) {
        h->kind = tag <= 0x8f ? 'm' : tag <= 0x9f ? 'a' : 's';
        h->n = tag & (tag <= 0x9f ? 15 : 31);
    } else if (tag >= 0xe0) {
        h->kind = 'i';
        h->n = (uint64_t)(int64_t)(int8_t)tag;
    } else {
        unsigned width = widths[tag - 0xc0];
        h->kind = kinds[tag - 0xc0];
        if (!weir_json_take_(p, end, width, &h->n)) return false;
        if (h->kind == 'b') h->n = tag == 0xc3;
        if (tag >= 0xd4 && tag <= 0xd8) h->n = (uint64_t)1 << (tag - 0xd4); /* fixext 1, 2, 4, 8, 16 */
        if (h->kind == 'i' && width < 8 && h->n >> (8 * width - 1)) h->n |= UINT64_MAX << (8 * width);
        if (h->kind == 'e') h->n++; /* its type */
    }
    if ((h->kind == 's' || h->kind == 'x' || h->kind == 'e') && h->n > (uint64_t)(end - *p)) return false;
    return h->kind != '?';
}

static inline weir_status weir_json_number_(weir_ctx *cx, weir_blob *to, const weir_json_head_ *h)
{
    char text[WEIR_TEXT_MAX];
    float f;
    double d;
    uint32_t bits = (uint32_t)h->n;
    switch (h->kind) {
    case 'n': return weir_blob_add(cx, to, "null", 4);
    case 'b': return weir_blob_add(cx, to, text, weir_text_from_bool(text, h->n != 0));
    case 'u': return weir_blob_add(cx, to, text, weir_text_from_u64_(text, h->n));
    case 'i': return weir_json_i64(cx, to, (int64_t)h->n);
    case 'f':
        memcpy(&f, &bits, sizeof f);
        return weir_json_f32(cx, to, f);
    default:
        memcpy(&d, &h->n, sizeof d);
        return weir_json_f64(cx, to, d);
    }
}

static inline weir_status weir_json_value_(weir_ctx *cx, weir_blob *to, const unsigned char **p, const unsigned char *end,
                                           int depth);

/* The key of a map: JSON has only strings, so numbers and bools are quoted. */
static inline weir_status weir_json_key_(weir_ctx *cx, weir_blob *to, const unsigned char **p, const unsigned char *end)
{
    const unsigned char *at = *p;
    weir_json_head_ h;
    if (!weir_json_head_read_(&at, end, &h)) return WEIR_E_DATA;
    if (h.kind == 's') return weir_json_value_(cx, to, p, end, 0);
    if (!strchr("nbuifd", h.kind)) return WEIR_E_DATA;
    weir_status s = weir_blob_add(cx, to, "\"", 1);
    if (s == WEIR_OK) s = weir_json_number_(cx, to, &h);
    if (s == WEIR_OK) s = weir_blob_add(cx, to, "\"", 1);
    *p = at;
    return s;
}

static inline weir_status weir_json_items_(weir_ctx *cx, weir_blob *to, const unsigned char **p, const unsigned char *end,
                                           int depth, const weir_json_head_ *h)
{
    bool map = h->kind == 'm';
    if (depth >= WEIR_JSON_DEPTH) return WEIR_E_DATA;
    weir_status s = weir_blob_add(cx, to, map ? "{" : "[", 1);
    for (uint64_t i = 0; i < h->n && s == WEIR_OK; i++) {
        if (i > 0) s = weir_blob_add(cx, to, ",", 1);
        if (s == WEIR_OK && map) s = weir_json_key_(cx, to, p, end);
        if (s == WEIR_OK && map) s = weir_blob_add(cx, to, ":", 1);
        if (s == WEIR_OK) s = weir_json_value_(cx, to, p, end, depth + 1);
    }
    return s == WEIR_OK ? weir_blob_add(cx, to, map ? "}" : "]", 1) : s;
}

static inline weir_status weir_json_value_(weir_ctx *cx, weir_blob *to, const unsigned char **p, const unsigned char *end,
                                           int depth)
{
    weir_json_head_ h;
    if (!weir_json_head_read_(p, end, &h)) return WEIR_E_DATA;
    if (h.kind == 'a' || h.kind == 'm') return weir_json_items_(cx, to, p, end, depth, &h);
    if (h.kind != 's' && h.kind != 'x' && h.kind != 'e') return weir_json_number_(cx, to, &h);
    const unsigned char *bytes = *p;
    *p += h.n;
    if (h.kind == 's') return weir_json_string(cx, to, (const char *)bytes, (size_t)h.n);
    return weir_json_base64(cx, to, bytes, (size_t)h.n);
}

/* One msgpack value as JSON, without spaces. Bytes and extensions (type byte first) are base64. */
static inline weir_status weir_json_any(weir_ctx *cx, weir_blob *to, const void *packed, size_t n)
{
    const unsigned char *p = (const unsigned char *)packed, *end = p + n;
    weir_status s = weir_json_value_(cx, to, &p, end, 0);
    if (s == WEIR_E_DATA || (s == WEIR_OK && p != end)) {
        return weir_fail(cx, WEIR_E_DATA,
                         "a value of type any cannot be written as JSON: it is no msgpack value, is cut short, is nested "
                         "deeper than %d, or has a map key that is no string, number or bool",
                         WEIR_JSON_DEPTH);
    }
    return s;
}

#endif
