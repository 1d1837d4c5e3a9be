/* The first look into the index, eight rows at a time or one by one, against what it says of itself. */
#include <string.h>

#include "base/random.h"
#include "harness/suite.h"
#include "state/heap_internal.h"

#define N_SLOTS 32 /* few, so that pairs are full, and words often those of the neighbor */
#define N_ROWS  200
#define MOST    64

struct stage {
    struct weir_random random;
    struct heap_index_slot slots[N_SLOTS];
    struct heap_index index;
    struct weir_rows rows;
    uint64_t hash[N_ROWS], eight[N_ROWS];
    uint32_t four[N_ROWS], picks[N_ROWS];
};

/* Words are few, and 0, which free slots have too, is one of them. */
static void fill(struct stage *g, enum heap_key_kind kind)
{
    g->index = (struct heap_index){.slots = g->slots, .n_slots = N_SLOTS, .kind = kind};
    for (size_t i = 0; i < N_SLOTS; i++) {
        bool is_free = weir_random_below(&g->random, 4) == 0;
        uintptr_t kept = weir_random_below(&g->random, 2) ? WEIR__KEPT : 0;
        g->slots[i] = (struct heap_index_slot){.word = is_free ? 0 : weir_random_below(&g->random, 3),
                                               .value = is_free ? 0 : (0x100000000u + 16 * i) | kept};
    }
    for (size_t i = 0; i < N_ROWS; i++) {
        g->hash[i] = weir_random_below(&g->random, kind == WEIR__ONE_STRING ? 3 : 1u << 31) | (uint64_t)(i % 2) << 40;
        g->eight[i] = g->four[i] = (uint32_t)weir_random_below(&g->random, 3);
        g->eight[i] |= (uint64_t)(weir_random_below(&g->random, 8) == 0) << 32;
        g->picks[i] = (uint32_t)weir_random_below(&g->random, N_ROWS);
    }
    g->rows.keys.hash = g->hash;
}

static const void *data_of(const struct stage *g)
{
    return g->index.kind == WEIR__FOUR_BYTES ? (const void *)g->four : (const void *)g->eight;
}

/* Of the pair of slots that a row's hash names, the value of the first that has its word. */
static uintptr_t expected_value(const struct stage *g, uint32_t row)
{
    uint64_t word = g->index.kind == WEIR__FOUR_BYTES ? g->four[row] : g->eight[row];
    if (g->index.kind == WEIR__ONE_STRING) word = g->hash[row];
    for (uint64_t i = g->hash[row] % N_SLOTS / 2 * 2, last = i + 1; i <= last; i++) {
        if (g->slots[i].word == word) return g->slots[i].value;
    }
    return 0;
}

static void expect_look(const struct stage *g, const uint32_t *picks, uint32_t first, uint32_t n, uintptr_t known)
{
    static char untouched;
    void *values[MOST + 1];
    values[n] = &untouched;
    uint64_t left = weir__heap_look(&g->index, known, &g->rows, data_of(g), picks, first, n, values);
    CU_ASSERT_PTR_EQUAL(values[n], &untouched);
    CU_ASSERT(n == MOST || left >> n == 0);
    for (uint32_t i = 0; i < n; i++) {
        uintptr_t value = expected_value(g, picks ? picks[first + i] : first + i);
        CU_ASSERT_EQUAL((uintptr_t)values[i], value & ~WEIR__KEPT);
        CU_ASSERT_EQUAL(left >> i & 1, (value & known) == 0);
    }
}

static void looks_alike_eight_at_a_time_and_one_by_one(void)
{
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct stage g = {.random = {seed}};
        fill(&g, (enum heap_key_kind)(seed % 3));
        uint32_t n = (uint32_t)weir_random_below(&g.random, MOST + 1);
        uint32_t first = (uint32_t)weir_random_below(&g.random, N_ROWS - MOST);
        expect_look(&g, NULL, first, n, WEIR__KEPT);
        expect_look(&g, NULL, first, n, UINTPTR_MAX);
        expect_look(&g, g.picks, first, n, WEIR__KEPT);
        expect_look(&g, g.picks, first, n, UINTPTR_MAX);
    }
}

WEIR_SUITE(heap_look) = {
    {"looks alike, eight at a time and one by one", looks_alike_eight_at_a_time_and_one_by_one},
    {NULL, NULL},
};
