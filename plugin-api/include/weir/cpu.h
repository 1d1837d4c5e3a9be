/* weir/cpu.h - loops that are worth a copy for each instruction set.
 *
 * Plugins are compiled for the oldest machine that they shall run on, so their loops use none of the wider registers of
 * newer ones. A function with WEIR_FOR_SEVERAL_CPUS before it is compiled several times, and the best copy that the machine
 * can run is chosen once, when the plugin is opened:
 *
 *     WEIR_FOR_SEVERAL_CPUS
 *     static void scale(const double *restrict from, int64_t n, double *restrict to)
 *     {
 *         for (int64_t i = 0; i < n; i++) to[i] = from[i] * 1.25;
 *     }
 *
 * For GCC on x86-64 with glibc; elsewhere it means nothing, and under sanitizers neither, whose runtime is not up yet when
 * the choice is made. A choice costs a call that cannot be inlined: for loops over batches, not for single rows.
 */
#ifndef WEIR_CPU_H
#define WEIR_CPU_H

#include <stdint.h>

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && !defined(WEIR_SANITIZED) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if __GNUC__ >= 12 /* by what the machine can do; older ones know no such name, and ask for one model of machine */
#define WEIR_FOR_SEVERAL_CPUS __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define WEIR_FOR_SEVERAL_CPUS __attribute__((target_clones("arch=skylake-avx512", "avx2", "default")))
#endif
#else
#define WEIR_FOR_SEVERAL_CPUS
#endif

#endif
