/* gather.c - see the header. */
#include "data/gather.h"

#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define HAS_GATHERS
#define AVX512 __attribute__((target("avx512f,avx512vl")))

AVX512 static int64_t gather_sixteens(uint32_t *restrict to, const uint32_t *restrict from, const uint32_t *restrict rows,
                                      int64_t n)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        _mm512_storeu_si512(to + i, _mm512_i32gather_epi32(_mm512_loadu_si512(rows + i), from, sizeof *from));
    return i;
}

AVX512 static int64_t gather_eights(uint64_t *restrict to, const uint64_t *restrict from, const uint32_t *restrict rows,
                                    int64_t n)
{
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm512_storeu_si512(to + i, _mm512_i32gather_epi64(_mm256_loadu_si256((const __m256i *)(const void *)(rows + i)),
                                                           from, sizeof *from));
    return i;
}

/* Numbers of rows are below 2^31, as those instructions take them. */
static inline int has_gathers(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
}
#endif

/* Four are stored at once. */
void weir_gather_2(uint16_t *restrict to, const uint16_t *restrict from, const uint32_t *restrict rows, int64_t n)
{
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
        uint16_t four[4] = {from[rows[i]], from[rows[i + 1]], from[rows[i + 2]], from[rows[i + 3]]};
        memcpy(to + i, four, sizeof four);
    }
    for (; i < n; i++) to[i] = from[rows[i]];
}

void weir_gather_4(uint32_t *restrict to, const uint32_t *restrict from, const uint32_t *restrict rows, int64_t n)
{
    int64_t i = 0;
#ifdef HAS_GATHERS
    if (has_gathers()) i = gather_sixteens(to, from, rows, n);
#endif
    for (; i < n; i++) to[i] = from[rows[i]];
}

void weir_gather_8(uint64_t *restrict to, const uint64_t *restrict from, const uint32_t *restrict rows, int64_t n)
{
    int64_t i = 0;
#ifdef HAS_GATHERS
    if (has_gathers()) i = gather_eights(to, from, rows, n);
#endif
    for (; i < n; i++) to[i] = from[rows[i]];
}
