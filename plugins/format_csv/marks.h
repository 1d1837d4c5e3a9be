/* marks.h - where the delimiters, quotes and line ends of a run of bytes are: with AVX2 or SSE2 where there is, else byte by
 * byte; all find the same. No state.
 */
#ifndef FORMAT_CSV_MARKS_H
#define FORMAT_CSV_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

#ifndef MARKS_WINDOW      /* a test has a smaller one */
#define MARKS_WINDOW 8192 /* bytes looked at in one go: their marks and fields stay in the first cache */
#endif

typedef struct marks {
    uint32_t n, lines;             /* lines: so many of them are line ends */
    bool high, quotes;             /* there is a byte above 0x7F, a quote */
    uint16_t at[MARKS_WINDOW + 8]; /* ascending; a few more are written than there are */
} marks;

typedef struct marks_of {
    char delimiter, quote; /* quote '\n': none */
} marks_of;

/* The bits of `hit`, the block's first byte being number `from`, onto the list. Six at a time without looking whether
 * there are as many, or any: how many there are is hard to predict, and a list that is too long costs nothing (G. Langdale
 * and D. Lemire, "Parsing Gigabytes of JSON per Second", VLDB Journal 28, 2019). `lowest` is that of a number's bits, of 0
 * anything. They are written one by one, of which the empty statement assures: several put together in a vector take longer.
 */
#define MARKS_ADD(name, lowest, ...)                                           \
    __VA_ARGS__ static inline void name(marks *m, uint64_t hit, uint32_t from) \
    {                                                                          \
        uint16_t *at = m->at + m->n;                                           \
        m->n += (uint32_t)__builtin_popcountll(hit);                           \
        do {                                                                   \
            for (int i = 0; i < 6; i++) {                                      \
                at[i] = (uint16_t)(from + (uint32_t)(lowest));                 \
                __asm__("" : "+m"(at[i]));                                     \
                hit &= hit - 1;                                                \
            }                                                                  \
            at += 6;                                                           \
        } while (hit);                                                         \
    }
MARKS_ADD(marks_add, __builtin_ctzll(hit | UINT64_C(1) << 63))
#ifdef __x86_64__
#define MARKS_AVX2 __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))
MARKS_ADD(marks_add_avx2, _tzcnt_u64(hit), MARKS_AVX2)
#endif

/* ---- one block of 64 bytes: a bit for each mark ------------------------------------------------------------------ */

/* What else is told of the blocks of a window: not zero for a byte above 0x7F, for a quote; and the number of line ends. */
typedef struct seen {
    uint64_t high, quotes;
    uint32_t lines;
} seen;

static inline uint64_t block_bytewise(const char *p, marks_of of, seen *told)
{
    uint64_t hit = 0;
    for (int i = 0; i < 64; i++) {
        hit |= (uint64_t)(p[i] == of.delimiter || p[i] == of.quote || p[i] == '\n') << i;
        told->high |= (unsigned char)p[i] & 0x80;
        told->quotes |= p[i] == of.quote;
        told->lines += p[i] == '\n';
    }
    return hit;
}

#ifdef __x86_64__
static inline uint64_t block_sse2(const char *p, marks_of of, seen *told)
{
    const __m128i d = _mm_set1_epi8(of.delimiter), q = _mm_set1_epi8(of.quote), l = _mm_set1_epi8('\n');
    uint64_t hit = 0, lines = 0;
    for (int i = 0; i < 4; i++) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
        __m128i quote = _mm_cmpeq_epi8(v, q), line = _mm_cmpeq_epi8(v, l);
        hit |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(v, d), _mm_or_si128(quote, line)))
               << 16 * i;
        lines |= (uint64_t)(uint32_t)_mm_movemask_epi8(line) << 16 * i;
        told->high |= (uint32_t)_mm_movemask_epi8(v);
        told->quotes |= (uint32_t)_mm_movemask_epi8(quote);
    }
    told->lines += (uint32_t)__builtin_popcountll(lines);
    return hit;
}
#endif

/* ---- a window ---------------------------------------------------------------------------------------------------- */

/* Of p[0..n), n at most MARKS_WINDOW. */
typedef void marks_find(marks *, const char *p, size_t n, marks_of);

/* The last block is padded with NULs, which are no marks. */
#define MARKS_FIND(name, block, ...)                                                                     \
    __VA_ARGS__ __attribute__((unused)) static void name(marks *m, const char *p, size_t n, marks_of of) \
    {                                                                                                    \
        char padded[64] = {0};                                                                           \
        uint32_t from = 0;                                                                               \
        seen told = {0};                                                                                 \
        m->n = 0;                                                                                        \
        for (; n - from >= 64; from += 64) marks_add(m, block(p + from, of, &told), from);               \
        if (from < n) {                                                                                  \
            memcpy(padded, p + from, n - from);                                                          \
            marks_add(m, block(padded, of, &told), from);                                                \
        }                                                                                                \
        m->high = told.high != 0;                                                                        \
        m->quotes = told.quotes != 0 && of.quote != '\n';                                                \
        m->lines = told.lines;                                                                           \
    }

MARKS_FIND(marks_bytewise, block_bytewise)
#ifdef __x86_64__
MARKS_FIND(marks_sse2, block_sse2)

/* What is told of a window, as it is added up: line ends by the byte that they are in of a block, which no byte is too small
 * for. */
typedef struct seen_avx2 {
    __m256i high, quotes, low_lines, high_lines;
} seen_avx2;
_Static_assert(MARKS_WINDOW / 64 <= UINT8_MAX, "line ends of a window are counted in bytes");

MARKS_AVX2 static inline uint64_t block_avx2(const char *p, marks_of of, seen_avx2 *told)
{
    const __m256i d = _mm256_set1_epi8(of.delimiter), q = _mm256_set1_epi8(of.quote), l = _mm256_set1_epi8('\n');
    __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
    __m256i line_a = _mm256_cmpeq_epi8(a, l), line_b = _mm256_cmpeq_epi8(b, l);
    __m256i quote_a = _mm256_cmpeq_epi8(a, q), quote_b = _mm256_cmpeq_epi8(b, q);
    told->high = _mm256_or_si256(told->high, _mm256_or_si256(a, b));
    told->quotes = _mm256_or_si256(told->quotes, _mm256_or_si256(quote_a, quote_b));
    told->low_lines = _mm256_sub_epi8(told->low_lines, line_a);
    told->high_lines = _mm256_sub_epi8(told->high_lines, line_b);
    a = _mm256_or_si256(_mm256_cmpeq_epi8(a, d), _mm256_or_si256(quote_a, line_a));
    b = _mm256_or_si256(_mm256_cmpeq_epi8(b, d), _mm256_or_si256(quote_b, line_b));
    return (uint64_t)(uint32_t)_mm256_movemask_epi8(b) << 32 | (uint32_t)_mm256_movemask_epi8(a);
}

MARKS_AVX2 static inline uint32_t sum_avx2(__m256i bytes)
{
    uint64_t sums[4];
    _mm256_storeu_si256((__m256i *)(void *)sums, _mm256_sad_epu8(bytes, _mm256_setzero_si256()));
    return (uint32_t)(sums[0] + sums[1] + sums[2] + sums[3]);
}

MARKS_AVX2 __attribute__((unused)) static void marks_avx2(marks *m, const char *p, size_t n, marks_of of)
{
    char padded[64] = {0};
    uint32_t from = 0;
    __m256i none = _mm256_setzero_si256();
    seen_avx2 told = {none, none, none, none};
    m->n = 0;
    for (; n - from >= 64; from += 64) marks_add_avx2(m, block_avx2(p + from, of, &told), from);
    if (from < n) {
        memcpy(padded, p + from, n - from);
        marks_add_avx2(m, block_avx2(padded, of, &told), from);
    }
    m->high = _mm256_movemask_epi8(told.high) != 0;
    m->quotes = _mm256_movemask_epi8(told.quotes) != 0 && of.quote != '\n';
    m->lines = sum_avx2(told.low_lines) + sum_avx2(told.high_lines);
}
#endif

/* The fastest that this machine has. */
static inline marks_find *marks_best(void)
{
#ifdef __x86_64__
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") ? marks_avx2 : marks_sse2;
#else
    return marks_bytewise;
#endif
}

#endif
