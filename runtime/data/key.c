/* key.c - Java's hash codes, Flink's key groups, and key bytes one row at a time. key_rows.c does whole batches.
 *
 * Sources: java.lang.*.hashCode, Flink's MathUtils.murmurHash and KeyGroupRangeAssignment, Murmur3's 32-bit finaliser,
 * splitmix64's finaliser (Steele, Lea, Flood 2014), XXH3.
 */
#include "data/key.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/alloc.h"
#include "data/builder.h"
#include "data/key_internal.h"

/* ---- Java's hash codes ------------------------------------------------------------------------------------------- */

int32_t weir_java_hash_i64(int64_t v)
{
    return weir__java_fold((uint64_t)v);
}

int32_t weir_java_hash_bool(bool v)
{
    return v ? 1231 : 1237;
}

int32_t weir_java_hash_f32(float v)
{
    return (int32_t)weir__f32_bits(v);
}

int32_t weir_java_hash_f64(double v)
{
    return weir__java_fold(weir__f64_bits(v));
}

static bool is_more(const uint8_t *p, size_t n, size_t i)
{
    return i < n && (p[i] & 0xC0) == 0x80;
}

/* One code point from p[0..n), n > 0; returns its length in bytes. What is not UTF-8 is U+FFFD, cut where Java's decoder
 * cuts it: the longest beginning of a valid sequence, and the whole three bytes of an encoded surrogate. */
static size_t decode(const uint8_t *p, size_t n, uint32_t *code)
{
    uint32_t c = p[0];
    *code = c < 0x80 ? c : 0xFFFD;
    if (c < 0xC2 || c > 0xF4 || !is_more(p, n, 1)) return 1;
    if (c < 0xE0) {
        *code = (c & 0x1F) << 6 | (p[1] & 0x3F);
        return 2;
    }
    if ((c == 0xE0 && p[1] < 0xA0) || (c == 0xF0 && p[1] < 0x90) || (c == 0xF4 && p[1] > 0x8F)) return 1;
    if (!is_more(p, n, 2)) return 2;
    uint32_t low = (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3F);
    if (c < 0xF0) {
        uint32_t v = (c & 0x0F) << 12 | low;
        if (v < 0xD800 || v > 0xDFFF) *code = v;
        return 3;
    }
    if (!is_more(p, n, 3)) return 3;
    *code = (c & 0x07) << 18 | low << 6 | (p[3] & 0x3F);
    return 4;
}

static uint32_t hash_unicode(uint32_t h, const uint8_t *p, size_t n)
{
    uint32_t code;
    for (size_t i = 0; i < n;) {
        i += decode(p + i, n - i, &code);
        if (code > 0xFFFF) {
            h = h * 31 + (0xD7C0 + (code >> 10)); /* high surrogate: 0xD800 + ((code - 0x10000) >> 10) */
            code = 0xDC00 + (code & 0x3FF);
        }
        h = h * 31 + code;
    }
    return h;
}

int32_t weir_java_hash_string(const char *utf8, size_t n)
{
    const uint8_t *p = (const uint8_t *)utf8;
    uint32_t h = 0;
    size_t i = 0;
    for (; n - i >= 8; i += 8) { /* eight ASCII bytes are eight units; the powers of 31 cut the chain of multiplications */
        uint64_t eight;
        memcpy(&eight, p + i, 8);
        if (eight & 0x8080808080808080u) break;
        uint32_t first = p[i] * 29791u + p[i + 1] * 961u + p[i + 2] * 31u + p[i + 3];
        uint32_t second = p[i + 4] * 29791u + p[i + 5] * 961u + p[i + 6] * 31u + p[i + 7];
        h = (h * 923521u + first) * 923521u + second; /* 31^4 */
    }
    return (int32_t)hash_unicode(h, p + i, n - i);
}

/* ---- key groups -------------------------------------------------------------------------------------------------- */

int32_t weir_murmur(int32_t hash)
{
    return weir__murmur(hash);
}

uint32_t weir_default_max_parallelism(uint32_t parallelism)
{
    uint64_t wanted = (uint64_t)parallelism + parallelism / 2;
    uint32_t rounded = 128;
    while (rounded < wanted && rounded < WEIR_MAX_PARALLELISM) rounded *= 2;
    return rounded;
}

uint32_t weir_key_group_of(int32_t java_hash, uint32_t max_parallelism)
{
    return (uint32_t)weir__murmur(java_hash) % max_parallelism;
}

uint32_t weir_key_group_subtask(uint32_t key_group, uint32_t parallelism, uint32_t max_parallelism)
{
    return key_group * parallelism / max_parallelism; /* both are at most 2^15 */
}

void weir_key_group_range(uint32_t subtask, uint32_t parallelism, uint32_t max_parallelism, uint32_t *first, uint32_t *last)
{
    *first = (subtask * max_parallelism + parallelism - 1) / parallelism;
    *last = ((subtask + 1) * max_parallelism - 1) / parallelism;
}

/* ---- key bytes --------------------------------------------------------------------------------------------------- */

bool weir_key_bytes_add(struct weir_key_bytes *key, const void *bytes, size_t n)
{
    uint8_t *room = weir_key_bytes_room(key, n);
    if (!room) return false;
    if (n) memcpy(room, bytes, n);
    key->n += n;
    return true;
}

void weir_key_bytes_finish(struct weir_key_bytes *key)
{
    weir_free(key->p);
    *key = (struct weir_key_bytes){0};
}

bool weir_key_bytes_grow(struct weir_key_bytes *key, size_t more)
{
    size_t capacity = key->capacity ? key->capacity : 64;
    if (more > SIZE_MAX / 4 || key->n > SIZE_MAX / 4) return false;
    while (capacity - key->n < more) capacity *= 2;
    uint8_t *p = weir_try_realloc(key->p, capacity);
    if (!p) return false;
    key->p = p;
    key->capacity = capacity;
    return true;
}

/* Inlined where n is known, so that it is a store and no call. */
static inline __attribute__((always_inline)) weir_status put(struct weir_key_bytes *key, const void *bytes, size_t n)
{
    uint8_t *to = weir_key_bytes_room(key, n);
    if (!to) return WEIR_E_MEMORY;
    if (n) memcpy(to, bytes, n);
    key->n += n;
    return WEIR_OK;
}

static weir_status put_string(struct weir_key_bytes *key, const weir_column *c, int64_t row)
{
    uint32_t n = (uint32_t)(c->offsets[row + 1] - c->offsets[row]);
    weir_status s = put(key, &n, sizeof n);
    return s == WEIR_OK ? put(key, (const char *)c->data + c->offsets[row], n) : s;
}

static weir_status put_field(struct weir_key_bytes *key, const weir_column *c, int64_t row)
{
    uint64_t wide;
    uint32_t narrow;
    uint8_t byte;
    switch ((weir_type)c->type) {
    case WEIR_BOOL: byte = weir_bit(c->data, c->bit_offset + row); return put(key, &byte, 1);
    case WEIR_I32: return put(key, (const int32_t *)c->data + row, 4);
    case WEIR_F32: narrow = weir__f32_bits(((const float *)c->data)[row]); return put(key, &narrow, 4);
    case WEIR_I64:
    case WEIR_TIMESTAMP: return put(key, (const int64_t *)c->data + row, 8);
    case WEIR_F64: wide = weir__f64_bits(((const double *)c->data)[row]); return put(key, &wide, 8);
    case WEIR_STRING: return put_string(key, c, row);
    default: WEIR_ASSERT(!"bytes and any cannot be keys"); return WEIR_E_BUG;
    }
}

static __attribute__((noinline)) weir_status encode_fields(struct weir_key_bytes *key, const weir_batch *batch,
                                                           const uint32_t *fields, uint32_t n_fields, int64_t row)
{
    weir_status s = WEIR_OK;
    for (uint32_t i = 0; s == WEIR_OK && i < n_fields; i++) {
        const weir_column *c = &batch->columns[fields[i]];
        if (c->validity && !weir_bit(c->validity, c->bit_offset + row)) return WEIR_E_DATA;
        s = put_field(key, c, row);
    }
    return s;
}

/* Called for every record of an operator that goes through them one by one; most keys are one number. */
weir_status weir_key_encode(struct weir_key_bytes *key, const weir_batch *batch, const uint32_t *fields, uint32_t n_fields,
                            int64_t row)
{
    const weir_column *c = n_fields == 1 ? &batch->columns[fields[0]] : NULL;
    if (!c || c->type != WEIR_I64 || c->validity || key->capacity - key->n < sizeof(int64_t))
        return encode_fields(key, batch, fields, n_fields, row);
    memcpy(key->p + key->n, (const int64_t *)c->data + row, sizeof(int64_t));
    key->n += sizeof(int64_t);
    return WEIR_OK;
}

/* Bytes of the value at key[0..n), its length prefix included; 0: there are too few. */
static size_t field_bytes(weir_type type, const uint8_t *key, size_t n)
{
    uint32_t length;
    size_t size = type == WEIR_BOOL ? 1 : weir_type_size(type);
    if (type == WEIR_STRING) {
        if (n < sizeof length) return 0;
        memcpy(&length, key, sizeof length);
        size = sizeof length + (size_t)length;
    }
    return size <= n ? size : 0;
}

static weir_status put_back(struct weir_builder *b, uint32_t i, const uint8_t *key, size_t size)
{
    weir_out_column *to = &b->columns[i];
    int64_t at = b->out.length;
    if (to->validity) to->validity[at >> 3] |= (uint8_t)(1u << (at & 7));
    if (to->type == WEIR_STRING) {
        size_t n = size - sizeof(uint32_t);
        weir_status s = weir_builder_reserve_bytes(b, i, n);
        if (s != WEIR_OK) return s;
        if (n) memcpy((uint8_t *)to->data + to->offsets[at], key + sizeof(uint32_t), n);
        to->offsets[at + 1] = to->offsets[at] + (int32_t)n;
    } else if (to->type == WEIR_BOOL) {
        uint8_t bit = (uint8_t)(1u << (at & 7)), *byte = (uint8_t *)to->data + (at >> 3);
        *byte = (uint8_t)(*key ? *byte | bit : *byte & ~bit);
    } else {
        memcpy((uint8_t *)to->data + (size_t)at * size, key, size);
    }
    return WEIR_OK;
}

static weir_status put_fields(const uint8_t *key, size_t n, struct weir_builder *b, uint32_t first, uint32_t n_columns)
{
    for (uint32_t i = first; i < first + n_columns; i++) {
        size_t size = field_bytes((weir_type)b->columns[i].type, key, n);
        if (size == 0) return WEIR_E_DATA;
        weir_status s = put_back(b, i, key, size);
        if (s != WEIR_OK) return s;
        key += size;
        n -= size;
    }
    return n == 0 ? WEIR_OK : WEIR_E_DATA;
}

weir_status weir_key_put(const uint8_t *key, size_t n, struct weir_builder *b, uint32_t first, uint32_t n_columns)
{
    const weir_out_column *to = &b->columns[first];
    WEIR_ASSERT(b->out.length < b->out.capacity);
    if (n_columns != 1 || to->type != WEIR_I64 || n != sizeof(int64_t) || to->validity)
        return put_fields(key, n, b, first, n_columns);
    memcpy((int64_t *)to->data + b->out.length, key, sizeof(int64_t)); /* as most keys are */
    return WEIR_OK;
}

weir_status weir_key_decode(const uint8_t *key, size_t n, struct weir_builder *b)
{
    weir_status s = weir_key_put(key, n, b, 0, b->n_written);
    if (s != WEIR_OK) return s;
    if (b->out.time) b->out.time[b->out.length] = WEIR_NO_TIME;
    if (b->out.origin) b->out.origin[b->out.length] = 0;
    b->out.length++;
    return WEIR_OK;
}

uint64_t weir_key_hash64(const void *key, size_t n)
{
    uint32_t first;
    uint64_t eight;
    if (n < 4) return XXH3_64bits(key, n);
    memcpy(&first, key, 4);
    if (n == 4) return weir__mix64(first);
    if (n != 8) return XXH3_64bits_withSeed((const char *)key + 4, n - 4, first);
    memcpy(&eight, key, 8);
    return weir__mix64(eight);
}
