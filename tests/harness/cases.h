/* harness/cases.h - random cases, each from its seed: WEIR_SEED=n is the first one, and the only one unless WEIR_CASES says
 * otherwise; WEIR_CASES=10000 is a long run. A case that differs prints its seed. */
#ifndef WEIR_HARNESS_CASES_H
#define WEIR_HARNESS_CASES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct weir_cases {
    uint64_t first, end; /* seeds */
    bool is_chosen;      /* by WEIR_SEED: a test does not ask then that all cases together have met this and that */
};
/* n of them, where nobody says otherwise. */
static inline struct weir_cases weir_cases(uint64_t n)
{
    const char *seed = getenv("WEIR_SEED"), *cases = getenv("WEIR_CASES");
    uint64_t first = seed ? strtoull(seed, NULL, 10) : 1;
    return (struct weir_cases){first, first + (cases ? strtoull(cases, NULL, 10) : seed ? 1 : n), seed};
}

#endif
