/* key_texts.c - the hashes of a column of texts: Java's and those of state tables.
 *
 * Java's hash is a polynomial of 31. Sixteen bytes of ASCII are summed at once, by pairs, fours and all: the first block of
 * a text is loaded so that it ends with the text's first one to sixteen bytes, and what lies before the text is masked out.
 * So there is no loop for the rest of a text; but it takes sixteen bytes before the text, which all but a column's first
 * texts have.
 */
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "data/key_internal.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static inline const char *text_at(const weir_column *c, int64_t row, uint32_t *n)
{
    *n = (uint32_t)(c->offsets[row + 1] - c->offsets[row]);
    return (const char *)c->data + c->offsets[row];
}

/* ---- Java's ------------------------------------------------------------------------------------------------------ */

#ifdef __SSE2__
#define POWER_4  923521u /* 31^4, and so on, modulo 2^32 */
#define POWER_8  (POWER_4 * POWER_4)
#define POWER_12 (POWER_8 * POWER_4)
#define POWER_16 (POWER_8 * POWER_8)

/* Sixteen bytes below 128. */
static inline uint32_t hash_block(__m128i bytes)
{
    const __m128i by_two = _mm_set1_epi32(1 << 16 | 31), by_four = _mm_set1_epi32(1 << 16 | 961), zero = _mm_setzero_si128();
    __m128i first = _mm_madd_epi16(_mm_unpacklo_epi8(bytes, zero), by_two);
    __m128i second = _mm_madd_epi16(_mm_unpackhi_epi8(bytes, zero), by_two);
    __m128i fours = _mm_madd_epi16(_mm_packs_epi32(first, second), by_four); /* pairs come to at most 127 * 32 */
    uint64_t four[2];
    _mm_storeu_si128((__m128i *)(void *)four, fours);
    return (uint32_t)four[0] * POWER_12 + (uint32_t)(four[0] >> 32) * POWER_8 + (uint32_t)four[1] * POWER_4 +
           (uint32_t)(four[1] >> 32);
}

static inline __m128i load(const char *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* Sixteen bytes before the text can be read. */
static inline int32_t hash_text_behind(const char *p, uint32_t n)
{
    static const char kept[32] = {[16] = -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
    uint32_t first = n ? (n - 1) % 16 + 1 : 0;
    __m128i block = _mm_and_si128(load(p + first - 16), load(kept + first)), seen = block;
    uint32_t h = hash_block(block);
    for (uint32_t i = first; i < n; i += 16) {
        block = load(p + i);
        seen = _mm_or_si128(seen, block);
        h = h * POWER_16 + hash_block(block);
    }
    return _mm_movemask_epi8(seen) ? weir_java_hash_string(p, n) : (int32_t)h;
}

void weir__java_hash_texts(const weir_column *c, int64_t from, int64_t n, int32_t *to)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t size;
        const char *p = text_at(c, from + i, &size);
        bool behind = c->offsets[from + i] - c->offsets[0] >= 16;
        to[i] = behind ? hash_text_behind(p, size) : weir_java_hash_string(p, size);
    }
}
#else
void weir__java_hash_texts(const weir_column *c, int64_t from, int64_t n, int32_t *to)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t size;
        const char *p = text_at(c, from + i, &size);
        to[i] = weir_java_hash_string(p, size);
    }
}
#endif

/* ---- of state tables --------------------------------------------------------------------------------------------- */

/* weir_key_hash64 of the key of one string field, which is a length and the text: without putting the two together. */
static inline uint64_t hash_text(const char *text, uint32_t n)
{
    if (n == 4) { /* eight bytes with the length */
        uint32_t four;
        memcpy(&four, text, 4);
        return weir__mix64((uint64_t)four << 32 | n);
    }
    return n == 0 ? weir__mix64(0) : XXH3_64bits_withSeed(text, n, n);
}

void weir__hash_texts(const weir_column *c, int64_t n, uint64_t *to)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t size;
        const char *p = text_at(c, i, &size);
        to[i] = hash_text(p, size);
    }
}
