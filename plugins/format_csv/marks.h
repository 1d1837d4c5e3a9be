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
#define MARKS_WINDOW 2048 /* bytes looked at in one go: their marks and fields stay in the first cache */
#endif

typedef struct marks {
    uint32_t n;
    bool high;                     /* there is a byte above 0x7F */
    uint16_t at[MARKS_WINDOW + 8]; /* ascending; a few more are written than there are */
} marks;

typedef struct marks_of {
    char delimiter, quote; /* quote '\n': none */
} marks_of;

/* The bits of `hit`, the block's first byte being number `from`, onto the list. Eight at a time without looking whether
 * there are as many, or any: how many there are is hard to predict, and a list that is too long costs nothing (G. Langdale
 * and D. Lemire, "Parsing Gigabytes of JSON per Second", VLDB Journal 28, 2019). */
static inline __attribute__((always_inline)) void marks_add(marks *m, uint64_t hit, uint32_t from)
{
    uint16_t *at = m->at + m->n;
    m->n += (uint32_t)__builtin_popcountll(hit);
    do {
        for (int i = 0; i < 8; i++) {
            at[i] = (uint16_t)(from + (uint32_t)__builtin_ctzll(hit | UINT64_C(1) << 63)); /* 63 for none: no branch */
            hit &= hit - 1;
        }
        at += 8;
    } while (hit);
}

/* ---- one block of 64 bytes: a bit for each mark ------------------------------------------------------------------ */

static inline uint64_t block_bytewise(const char *p, marks_of of, bool *high)
{
    uint64_t hit = 0;
    unsigned char above = 0;
    for (int i = 0; i < 64; i++) {
        hit |= (uint64_t)(p[i] == of.delimiter || p[i] == of.quote || p[i] == '\n') << i;
        above |= (unsigned char)p[i];
    }
    *high |= above >= 0x80;
    return hit;
}

#ifdef __x86_64__
static inline uint64_t block_sse2(const char *p, marks_of of, bool *high)
{
    const __m128i d = _mm_set1_epi8(of.delimiter), q = _mm_set1_epi8(of.quote), l = _mm_set1_epi8('\n');
    uint64_t hit = 0, above = 0;
    for (int i = 0; i < 4; i++) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
        __m128i one = _mm_or_si128(_mm_cmpeq_epi8(v, d), _mm_or_si128(_mm_cmpeq_epi8(v, q), _mm_cmpeq_epi8(v, l)));
        hit |= (uint64_t)(uint32_t)_mm_movemask_epi8(one) << 16 * i;
        above |= (uint32_t)_mm_movemask_epi8(v);
    }
    *high |= above != 0;
    return hit;
}

#define MARKS_AVX2 __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))
MARKS_AVX2 static inline uint64_t block_avx2(const char *p, marks_of of, bool *high)
{
    const __m256i d = _mm256_set1_epi8(of.delimiter), q = _mm256_set1_epi8(of.quote), l = _mm256_set1_epi8('\n');
    __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
    __m256i x = _mm256_or_si256(_mm256_cmpeq_epi8(a, d), _mm256_or_si256(_mm256_cmpeq_epi8(a, q), _mm256_cmpeq_epi8(a, l)));
    __m256i y = _mm256_or_si256(_mm256_cmpeq_epi8(b, d), _mm256_or_si256(_mm256_cmpeq_epi8(b, q), _mm256_cmpeq_epi8(b, l)));
    *high |= _mm256_movemask_epi8(_mm256_or_si256(a, b)) != 0;
    return (uint64_t)(uint32_t)_mm256_movemask_epi8(y) << 32 | (uint32_t)_mm256_movemask_epi8(x);
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
        m->n = 0;                                                                                        \
        m->high = false;                                                                                 \
        for (; n - from >= 64; from += 64) marks_add(m, block(p + from, of, &m->high), from);            \
        if (from == n) return;                                                                           \
        memcpy(padded, p + from, n - from);                                                              \
        marks_add(m, block(padded, of, &m->high), from);                                                 \
    }

MARKS_FIND(marks_bytewise, block_bytewise)
#ifdef __x86_64__
MARKS_FIND(marks_sse2, block_sse2)
MARKS_FIND(marks_avx2, block_avx2, MARKS_AVX2)
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
