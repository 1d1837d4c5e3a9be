/* bench/plugins/functions.c - the map as plain C functions, for `call:`: a shared library like any, not a plugin. */
#include "../work.h"

#define EXPORTED __attribute__((visibility("default")))
EXPORTED double bench_scale_function(double value);
EXPORTED double bench_scale_mixed(double value, int64_t key);

double bench_scale_function(double value)
{
    return bench_scale(value);
}
double bench_scale_mixed(double value, int64_t key) /* of no common signature */
{
    (void)key;
    return bench_scale(value);
}
