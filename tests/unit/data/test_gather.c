/* Values by the numbers of their rows, of every width and for every count up to several registers. */
#include "data/gather.h"

#include <string.h>

#include "base/random.h"
#include "harness/suite.h"

#define N_VALUES 300
#define MOST     100

static void gathers_what_was_asked_for_and_no_more(void)
{
    struct weir_random random = {7};
    uint16_t two[N_VALUES], to_two[MOST + 1];
    uint32_t four[N_VALUES], to_four[MOST + 1], rows[MOST];
    uint64_t eight[N_VALUES], to_eight[MOST + 1];
    for (uint32_t i = 0; i < N_VALUES; i++) {
        eight[i] = weir_random_next(&random);
        four[i] = (uint32_t)(eight[i] >> 16);
        two[i] = (uint16_t)eight[i];
    }
    for (int64_t n = 0; n <= MOST; n++) {
        for (int64_t i = 0; i < n; i++) rows[i] = (uint32_t)weir_random_below(&random, N_VALUES);
        to_two[n] = 1, to_four[n] = 2, to_eight[n] = 3;
        weir_gather_2(to_two, two, rows, n);
        weir_gather_4(to_four, four, rows, n);
        weir_gather_8(to_eight, eight, rows, n);
        CU_ASSERT(to_two[n] == 1 && to_four[n] == 2 && to_eight[n] == 3);
        for (int64_t i = 0; i < n; i++)
            CU_ASSERT(to_two[i] == two[rows[i]] && to_four[i] == four[rows[i]] && to_eight[i] == eight[rows[i]]);
    }
}

WEIR_SUITE(gather) = {
    {"gathers what was asked for and no more", gathers_what_was_asked_for_and_no_more},
    {NULL, NULL},
};
