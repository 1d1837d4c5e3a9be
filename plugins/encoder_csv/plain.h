/* plain.h - texts copied as they are, as far as no quotes are needed around them: sixteen bytes at a time where there is
 * SSE2, else byte by byte; both find the same. No state.
 */
#ifndef ENCODER_CSV_PLAIN_H
#define ENCODER_CSV_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

static inline bool plain_is_special(char c, char delimiter)
{
    return c == delimiter || c == '"' || c == '\n' || c == '\r';
}

/* Copies p[0..n); false: some of it must be within quotes, and what was written is nothing. No byte before or behind either
 * is touched. */
static inline bool plain_copy_bytewise(char *to, const char *p, size_t n, char delimiter)
{
    bool special = false;
    for (size_t i = 0; i < n; i++) {
        to[i] = p[i];
        special |= plain_is_special(p[i], delimiter);
    }
    return !special;
}

#ifdef __x86_64__
static inline __m128i plain_special_sse2(__m128i v, __m128i delimiter)
{
    __m128i marks = _mm_or_si128(_mm_cmpeq_epi8(v, delimiter), _mm_cmpeq_epi8(v, _mm_set1_epi8('"')));
    __m128i ends = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\n')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\r')));
    return _mm_or_si128(marks, ends);
}

/* Of 4 to 15 bytes: two copies that overlap. */
static inline __m128i plain_short_sse2(char *to, const char *p, size_t n)
{
    uint64_t first = 0, last = 0;
    size_t size = n >= 8 ? 8 : 4;
    if (size == 8) {
        memcpy(&first, p, 8);
        memcpy(&last, p + n - 8, 8);
        memcpy(to, &first, 8);
        memcpy(to + n - 8, &last, 8);
    } else {
        memcpy(&first, p, 4);
        memcpy(&last, p + n - 4, 4);
        memcpy(to, &first, 4);
        memcpy(to + n - 4, &last, 4);
    }
    return _mm_set_epi64x((long long)last, (long long)first);
}

static inline bool plain_copy_sse2(char *to, const char *p, size_t n, char delimiter)
{
    const __m128i d = _mm_set1_epi8(delimiter);
    __m128i special = _mm_setzero_si128(), v;
    if (n < 4) return plain_copy_bytewise(to, p, n, delimiter);
    if (n < 16) return _mm_movemask_epi8(plain_special_sse2(plain_short_sse2(to, p, n), d)) == 0;
    for (size_t i = 0; i < n - 16; i += 16) {
        v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        _mm_storeu_si128((__m128i *)(void *)(to + i), v);
        special = _mm_or_si128(special, plain_special_sse2(v, d));
    }
    v = _mm_loadu_si128((const __m128i *)(const void *)(p + n - 16)); /* the last ones, some of them once more */
    _mm_storeu_si128((__m128i *)(void *)(to + n - 16), v);
    return _mm_movemask_epi8(_mm_or_si128(special, plain_special_sse2(v, d))) == 0;
}
#define plain_copy plain_copy_sse2
#else
#define plain_copy plain_copy_bytewise
#endif

#endif
