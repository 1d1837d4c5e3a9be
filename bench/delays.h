/* bench/delays.h - how long rows were under way: a histogram of nanoseconds in 64 steps for each power of two. */
#ifndef WEIR_BENCH_DELAYS_H
#define WEIR_BENCH_DELAYS_H

#include <stdint.h>
#include <string.h>

#define BENCH_DELAYS 4096

struct bench_delays {
    uint64_t rows, sum; /* sum: of the keyed counts, so that the work is not left out */
    uint64_t step[BENCH_DELAYS];
};

static inline uint32_t bench_delay_step(uint64_t ns)
{
    if (ns < 64) return (uint32_t)ns;
    uint32_t e = 63 - (uint32_t)__builtin_clzll(ns);
    return (e - 5) * 64 + (uint32_t)((ns >> (e - 6)) & 63);
}
static inline uint64_t bench_delay_of(uint32_t step)
{
    if (step < 64) return step;
    uint32_t e = step / 64 + 5;
    return ((uint64_t)1 << e) + ((uint64_t)(step % 64) << (e - 6));
}
static inline void bench_delays_add(struct bench_delays *d, int64_t now, int64_t due)
{
    d->step[bench_delay_step(now > due ? (uint64_t)(now - due) : 0)]++;
    d->rows++;
}
/* In microseconds. */
static inline double bench_delay_at(const struct bench_delays *d, double part)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < BENCH_DELAYS; i++) {
        n += d->step[i];
        if ((double)n >= part * (double)d->rows) return (double)bench_delay_of(i) / 1e3;
    }
    return 0;
}

/* ---- an open loop ------------------------------------------------------------------------------------------------ */

#define BENCH_PACE_KEYS 1024

/* Row i is due at start + (i + 1) / rate, whatever became of the rows before it. */
static inline int64_t bench_due_at(int64_t start, int64_t rate, int64_t row)
{
    return start + (int64_t)((double)(row + 1) * 1e9 / (double)rate);
}
static inline int64_t bench_due_by(int64_t start, int64_t rate, int64_t now)
{
    return (int64_t)((double)(now - start) * (double)rate / 1e9);
}

#endif
