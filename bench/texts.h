/* bench/texts.h - the hash table of the hand-written loops for keys that are texts: each text has a number from the first
 * time it is seen on, whatever the window, and a window's sums lie side by side by that number. Linear probing in a power of
 * two, at most half full; a slot is half a cache line and holds text and hash, so that a probe touches one line.
 */
#ifndef WEIR_BENCH_TEXTS_H
#define WEIR_BENCH_TEXTS_H

#include "table.h"

struct bench_text_slot {
    uint64_t hash;
    uint32_t length, number; /* length 0: free */
    char text[BENCH_MOST_TEXT];
};
struct bench_text_table {
    const struct bench_memory *memory;
    struct bench_text_slot *slots;
    uint64_t mask;
    int shift; /* the hash's upper bits are the place */
    uint32_t n;
    double *sums;     /* by number; -0.0: no row in this window, which adding any value takes back */
    uint64_t *hashes; /* by number */
};

static inline void bench_texts_init(struct bench_text_table *t, const struct bench_memory *memory, int64_t keys)
{
    uint64_t size = 16;
    *t = (struct bench_text_table){.memory = memory, .shift = 60};
    for (; size < (uint64_t)keys * 2; size *= 2) t->shift--;
    t->mask = size - 1;
    t->slots = bench_pages(size * sizeof *t->slots);
    t->sums = bench_pages(size * sizeof *t->sums);
    t->hashes = bench_pages(size * sizeof *t->hashes);
}
static inline void bench_texts_finish(struct bench_text_table *t)
{
    munmap(t->slots, (t->mask + 1) * sizeof *t->slots);
    munmap(t->sums, (t->mask + 1) * sizeof *t->sums);
    munmap(t->hashes, (t->mask + 1) * sizeof *t->hashes);
}

static inline bool bench_text_is(const struct bench_text_slot *s, uint64_t hash, const char *p, uint32_t n)
{
    uint64_t a[2], b[2];
    if (s->hash != hash || s->length != n) return false;
    memcpy(&a[0], s->text, 8);
    memcpy(&a[1], s->text + n - 8, 8);
    memcpy(&b[0], p, 8);
    memcpy(&b[1], p + n - 8, 8);
    return ((a[0] ^ b[0]) | (a[1] ^ b[1])) == 0;
}
static inline uint32_t bench_text_number(struct bench_text_table *t, uint64_t hash, const char *p, uint32_t n)
{
    for (uint64_t place = hash >> t->shift;; place = (place + 1) & t->mask) {
        struct bench_text_slot *s = &t->slots[place];
        if (bench_text_is(s, hash, p, n)) return s->number;
        if (s->length) continue;
        *s = (struct bench_text_slot){.hash = hash, .length = n, .number = t->n};
        memcpy(s->text, p, n);
        t->sums[t->n] = -0.0;
        t->hashes[t->n] = hash;
        return t->n++;
    }
}

/* Adds the values of at most BENCH_BLOCK rows: hashed first, then fetched ahead where the table is larger than the second
 * cache. */
static inline void bench_texts_add(struct bench_text_table *t, const int64_t *ref, const double *value, int64_t n)
{
    uint64_t hash[BENCH_BLOCK];
    for (int64_t i = 0; i < n; i++) hash[i] = bench_text_hash(bench_text_at(t->memory, ref[i]), bench_text_length(ref[i]));
    if (t->mask >= 1 << 13) {
        for (int64_t i = 0; i < n; i++) __builtin_prefetch(&t->slots[hash[i] >> t->shift]);
    }
    for (int64_t i = 0; i < n; i++) {
        const char *p = bench_text_at(t->memory, ref[i]);
        t->sums[bench_text_number(t, hash[i], p, bench_text_length(ref[i]))] += value[i];
    }
}

/* Gives every key that had rows to the sum, and begins a window. */
static inline void bench_texts_emit(struct bench_text_table *t, struct bench_sum *sum)
{
    for (uint32_t i = 0; i < t->n; i++) {
        uint64_t bits;
        memcpy(&bits, &t->sums[i], sizeof bits);
        if (bits == UINT64_C(1) << 63) continue;
        bench_sum_add(sum, (int64_t)t->hashes[i], t->sums[i]);
        t->sums[i] = -0.0;
    }
}

#endif
