/* digits.h - up to 16 digits at once, whatever their number: no branch depends on how long a number is, which in most files
 * nobody can foresee. With SSE4.1 where there is. No state.
 */
#ifndef FORMAT_CSV_DIGITS_H
#define FORMAT_CSV_DIGITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __x86_64__
#include <immintrin.h>

#define DIGITS_MOST 16 /* and so many bytes before a number's end must be readable */

/* The n characters before `end`, the first of which may be '-'. False: they are no number of 1 to 16 digits, which need not
 * mean that they are none at all, and *v is nothing. Pairs, then fours, then eights are put together (W. Mula, "SIMD-ized
 * parsing of unsigned integers", 2014). */
static inline __attribute__((target("sse4.1"))) bool digits_sse41(const char *end, size_t n, int64_t *v)
{
    static const uint8_t keep[2 * DIGITS_MOST] = {
        [DIGITS_MOST] = 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
    const __m128i nine = _mm_set1_epi8(9);
    if (n - 1 > DIGITS_MOST) return false;
    size_t minus = end[-(ptrdiff_t)n] == '-', digits = n - minus;
    if (digits - 1 >= DIGITS_MOST) return false;
    __m128i x = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)(const void *)(end - DIGITS_MOST)), _mm_set1_epi8('0'));
    x = _mm_and_si128(x, _mm_loadu_si128((const __m128i *)(const void *)(keep + digits)));
    if (_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(x, nine), x)) != 0xFFFF) return false;
    x = _mm_maddubs_epi16(x, _mm_set1_epi16(0x010A));
    x = _mm_madd_epi16(x, _mm_set1_epi32(0x00010064));
    x = _mm_madd_epi16(_mm_packus_epi32(x, x), _mm_set1_epi32(0x00012710));
    uint64_t halves = (uint64_t)_mm_cvtsi128_si64(x); /* the first eight digits are in the lower one */
    uint64_t value = (halves & 0xFFFFFFFFu) * 100000000 + (halves >> 32);
    *v = (int64_t)((value ^ (0 - (uint64_t)minus)) + minus);
    return true;
}
#endif

/* Whether this machine has what it takes. */
static inline bool digits_at_once(void)
{
#ifdef __x86_64__
    return __builtin_cpu_supports("sse4.1");
#else
    return false;
#endif
}

#endif
