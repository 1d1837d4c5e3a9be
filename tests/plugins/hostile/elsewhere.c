/* The library that dependency.c needs and the loader cannot find. */
#include <stdint.h>

int64_t hostile_elsewhere(int64_t n);
int64_t hostile_elsewhere(int64_t n)
{
    return n;
}
