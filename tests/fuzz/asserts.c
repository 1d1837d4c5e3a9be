/* asserts.c - CUnit's assertion, of which the mock host makes use, outside of its tests: what does not hold is a crash. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>

CU_BOOL CU_assertImplementation(CU_BOOL holds, unsigned int line, const char *condition, const char *file,
                                const char *function, CU_BOOL fatal)
{
    (void)function, (void)fatal;
    if (holds) return CU_TRUE;
    fprintf(stderr, "%s:%u: does not hold: %s\n", file, line, condition);
    abort();
}
