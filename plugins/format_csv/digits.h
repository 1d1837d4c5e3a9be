/* digits.h - up to 16 digits at once, whatever their number: no branch depends on how long a number is, which in most files
 * nobody can foresee. With SSE4.1 where there is, four numbers at once with AVX2. No state.
 */
#ifndef FORMAT_CSV_DIGITS_H
#define FORMAT_CSV_DIGITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __x86_64__
#include <immintrin.h>

#define DIGITS_MOST 16 /* and so many bytes before a number's end must be readable */

/* 16 bytes from digits_keep + n on keep the last n of 16. */
static const uint8_t digits_keep[2 * DIGITS_MOST] = {
    [DIGITS_MOST] = 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};

/* The n characters before `end`, the first of which may be '-'. False: they are no number of 1 to 16 digits, which need not
 * mean that they are none at all, and *v is nothing. Pairs, then fours, then eights are put together (W. Mula, "SIMD-ized
 * parsing of unsigned integers", 2014). */
static inline __attribute__((target("sse4.1"))) bool digits_sse41(const char *end, size_t n, int64_t *v)
{
    const __m128i nine = _mm_set1_epi8(9);
    if (n - 1 > DIGITS_MOST) return false;
    size_t minus = end[-(ptrdiff_t)n] == '-', digits = n - minus;
    if (digits - 1 >= DIGITS_MOST) return false;
    __m128i x = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)(const void *)(end - DIGITS_MOST)), _mm_set1_epi8('0'));
    x = _mm_and_si128(x, _mm_loadu_si128((const __m128i *)(const void *)(digits_keep + digits)));
    if (_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(x, nine), x)) != 0xFFFF) return false;
    x = _mm_maddubs_epi16(x, _mm_set1_epi16(0x010A));
    x = _mm_madd_epi16(x, _mm_set1_epi32(0x00010064));
    x = _mm_madd_epi16(_mm_packus_epi32(x, x), _mm_set1_epi32(0x00012710));
    uint64_t halves = (uint64_t)_mm_cvtsi128_si64(x); /* the first eight digits are in the lower one */
    uint64_t value = (halves & 0xFFFFFFFFu) * 100000000 + (halves >> 32);
    *v = (int64_t)((value ^ (0 - (uint64_t)minus)) + minus);
    return true;
}

/* Two times 16 characters, those before `low` and before `high`, as digits of 0 to 9; *fine stays as it is, or some of it
 * becomes 0. */
#define DIGITS_AVX2 __attribute__((target("avx2")))
DIGITS_AVX2 static inline __m256i digits_two(const char *low, uint32_t low_n, const char *high, uint32_t high_n,
                                             __m256i *fine)
{
    const uint8_t *keep = digits_keep;
    __m256i x = _mm256_loadu2_m128i((const __m128i_u *)(const void *)(high - DIGITS_MOST),
                                    (const __m128i_u *)(const void *)(low - DIGITS_MOST));
    __m256i k = _mm256_loadu2_m128i((const __m128i_u *)(const void *)(keep + high_n),
                                    (const __m128i_u *)(const void *)(keep + low_n));
    x = _mm256_and_si256(_mm256_sub_epi8(x, _mm256_set1_epi8('0')), k);
    *fine = _mm256_and_si256(*fine, _mm256_cmpeq_epi8(_mm256_min_epu8(x, _mm256_set1_epi8(9)), x));
    return x;
}

/* Four numbers as digits_sse41 reads one, but without a sign: of n[i] characters before end[i]. */
DIGITS_AVX2 static inline bool digits_avx2(const char *const end[4], const uint32_t n[4], int64_t *v)
{
    __m256i fine = _mm256_set1_epi8(-1);
    if (((n[0] - 1) | (n[1] - 1) | (n[2] - 1) | (n[3] - 1)) >= DIGITS_MOST) return false;
    __m256i a = digits_two(end[0], n[0], end[2], n[2], &fine), b = digits_two(end[1], n[1], end[3], n[3], &fine);
    if (_mm256_movemask_epi8(fine) != -1) return false;
    const __m256i tens = _mm256_set1_epi16(0x010A), hundreds = _mm256_set1_epi32(0x00010064);
    a = _mm256_madd_epi16(_mm256_maddubs_epi16(a, tens), hundreds);
    b = _mm256_madd_epi16(_mm256_maddubs_epi16(b, tens), hundreds);
    a = _mm256_madd_epi16(_mm256_packus_epi32(a, b), _mm256_set1_epi32(0x00012710)); /* in the order of the numbers */
    a = _mm256_add_epi64(_mm256_mul_epu32(a, _mm256_set1_epi64x(100000000)), _mm256_srli_epi64(a, 32));
    _mm256_storeu_si256((__m256i *)(void *)v, a);
    return true;
}
#endif

/* How many numbers this machine reads at once: 0 where it does not read their digits at once. */
static inline uint32_t digits_at_once(void)
{
#ifdef __x86_64__
    return __builtin_cpu_supports("avx2") ? 4 : __builtin_cpu_supports("sse4.1");
#else
    return 0;
#endif
}

#endif
