/* heap_look.c - the first look into the index: what the pair of slots of each row of a chunk has.
 *
 * One thread; no state. Nothing here jumps upon what it finds, for where a search ends is a coin toss that no predictor
 * learns. Rows that follow one another are looked at eight at a time where the machine has AVX-512; the portable loop is the
 * one to read, and both give the same.
 */
#include <weir/cpu.h>

#include "state/heap_internal.h"

/* Of both slots the first that has the word: two texts may have the same. */
static inline __attribute__((always_inline)) uint64_t look(const struct heap_index *x, enum heap_key_kind kind,
                                                           uintptr_t known, const uint64_t *hash, const void *data,
                                                           const uint32_t *picks, int64_t first, uint32_t n,
                                                           void **restrict values)
{
    const struct heap_index_slot *slots = x->slots;
    const uint32_t n_slots = x->n_slots;
    uint64_t left = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = weir__heap_row(picks, first, i);
        const struct heap_index_slot *slot = &slots[weir__heap_first_slot(hash[row], n_slots)];
        uint64_t word = weir__heap_word(kind, hash, data, row);
        slot += slot->word != word;
        uintptr_t value = slot->value & (0 - (uintptr_t)(slot->word == word));
        values[i] = (void *)(value & ~WEIR__KEPT);
        left |= (uint64_t)((value & known) == 0) << i;
    }
    return left;
}

/* A copy for each kind of key: all that a loop needs is in registers then. */
WEIR_FOR_SEVERAL_CPUS
static uint64_t look_portably(const struct heap_index *x, uintptr_t known, const uint64_t *hash, const void *data,
                              const uint32_t *picks, int64_t first, uint32_t n, void **values)
{
    switch (x->kind) {
    case WEIR__FOUR_BYTES: return look(x, WEIR__FOUR_BYTES, known, hash, data, picks, first, n, values);
    case WEIR__EIGHT_BYTES: return look(x, WEIR__EIGHT_BYTES, known, hash, data, picks, first, n, values);
    default: return look(x, WEIR__ONE_STRING, known, hash, data, picks, first, n, values);
    }
}

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define HAS_EIGHT_AT_A_TIME
#define AVX512 __attribute__((target("avx512f,avx512vl")))

/* weir__heap_word of the rows of the mask from `row` on. */
AVX512 static inline __m512i words_at(enum heap_key_kind kind, __m512i hash, const void *data, size_t row, __mmask8 rows)
{
    if (kind == WEIR__EIGHT_BYTES) return _mm512_maskz_loadu_epi64(rows, (const uint64_t *)data + row);
    if (kind == WEIR__ONE_STRING) return hash;
    return _mm512_cvtepu32_epi64(_mm256_maskz_loadu_epi32(rows, (const uint32_t *)data + row));
}

/* The slots as an array of numbers: a slot's word is at twice its place, its value behind that. */
AVX512 static inline __m512i numbers_at(const struct heap_index *x, __mmask8 rows, __m512i at)
{
    return _mm512_mask_i64gather_epi64(_mm512_setzero_si512(), rows, at, (const void *)x->slots, sizeof(uint64_t));
}

AVX512 static uint64_t look_at_eight(const struct heap_index *x, uintptr_t known, const uint64_t *hash, const void *data,
                                     int64_t first, uint32_t n, void **values)
{
    const __m512i one = _mm512_set1_epi64(1), two = _mm512_set1_epi64(2);
    const __m512i places = _mm512_set1_epi64((int64_t)x->n_slots - 2), bits = _mm512_set1_epi64((int64_t)known);
    const __m512i mark = _mm512_set1_epi64((int64_t)WEIR__KEPT);
    uint64_t left = 0;
    for (uint32_t i = 0; i < n; i += 8) {
        size_t row = (size_t)first + i;
        __mmask8 rows = (__mmask8)(n - i >= 8 ? 0xFF : (1u << (n - i)) - 1);
        __m512i hashes = _mm512_maskz_loadu_epi64(rows, hash + row);
        __m512i word = words_at(x->kind, hashes, data, row, rows);
        __m512i at = _mm512_slli_epi64(_mm512_and_si512(hashes, places), 1);
        __mmask8 others = _mm512_mask_cmpneq_epi64_mask(rows, numbers_at(x, rows, at), word);
        at = _mm512_mask_add_epi64(at, others, at, two);
        __mmask8 none = _mm512_mask_cmpneq_epi64_mask(others, numbers_at(x, others, at), word);
        __m512i value = numbers_at(x, rows & (__mmask8)~none, _mm512_add_epi64(at, one));
        _mm512_mask_storeu_epi64(values + i, rows, _mm512_andnot_si512(mark, value));
        left |= (uint64_t)_mm512_mask_testn_epi64_mask(rows, value, bits) << i;
    }
    return left;
}
#endif

uint64_t weir__heap_look(const struct heap_index *x, uintptr_t known, const struct weir_rows *rows, const void *data,
                         const uint32_t *picks, int64_t first, uint32_t n, void **values)
{
#ifdef HAS_EIGHT_AT_A_TIME
    if (!picks && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"))
        return look_at_eight(x, known, rows->keys.hash, data, first, n, values);
#endif
    return look_portably(x, known, rows->keys.hash, data, picks, first, n, values);
}
