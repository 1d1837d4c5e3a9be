/* latency.c - an open loop: rows are due at moments of the clock, and a row's delay is from then until the sink has it, also
 * when the source is late. Source on a thread of its own, count by key and sink on the slot's.
 *
 * The limit is two threads and a ring of batches. Its policy: a batch goes when the other side has nothing to do, or when it
 * is full, or old; the other side looks for 50 us before it sleeps. Both run in turn; whatever
 * else the machine does makes delays longer, so the least p50 of all runs is told. p99 says more of the machine than of the
 * program.
 */
#include <inttypes.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "delays.h"
#include "job.h"

#define REPEATS 25

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- the limit --------------------------------------------------------------------------------------------------- */

#define N_BATCHES       64 /* a power of two */
#define BATCH_ROWS      1024
#define OLDEST_NS       500000
#define LONGEST_SPIN_NS 50000

struct batch {
    int64_t n, key[BATCH_ROWS], due[BATCH_ROWS];
};
/* Batches are used in turn: those from head to tail - 1 are the receiver's. */
struct loop {
    _Alignas(128) _Atomic uint64_t tail;
    _Alignas(128) _Atomic uint64_t head;
    _Alignas(128) _Atomic uint32_t asleep;
    _Alignas(128) int64_t rows, rate;
    struct bench_delays *delays;
    struct batch batches[N_BATCHES];
};

static void wake(struct loop *l)
{
    if (atomic_fetch_or(&l->asleep, 0) && atomic_exchange(&l->asleep, 0))
        syscall(SYS_futex, &l->asleep, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void wait_for_row(const struct loop *l, int64_t start, int64_t row)
{
    int64_t due = bench_due_at(start, l->rate, row), now;
    while ((now = now_ns()) < due) {
        const struct timespec t = {.tv_nsec = due - now - 100000};
        if (due - now > 200000)
            nanosleep(&t, NULL);
        else
            __builtin_ia32_pause();
    }
}

static struct batch *next_batch(struct loop *l, uint64_t tail)
{
    while (tail - atomic_load_explicit(&l->head, memory_order_acquire) == N_BATCHES) __builtin_ia32_pause();
    struct batch *b = &l->batches[tail % N_BATCHES];
    b->n = 0;
    return b;
}

static void fill(struct batch *b, const struct loop *l, int64_t start, int64_t first, int64_t n)
{
    for (int64_t i = first; i < first + n; i++, b->n++) {
        b->key[b->n] = i % BENCH_PACE_KEYS;
        b->due[b->n] = bench_due_at(start, l->rate, i);
    }
}

static void *send(void *arg)
{
    struct loop *l = arg;
    int64_t start = now_ns(), oldest = start;
    uint64_t tail = 0;
    struct batch *b = next_batch(l, tail);
    for (int64_t row = 0; row < l->rows || b->n > 0;) {
        if (b->n == 0) wait_for_row(l, start, row);
        int64_t now = now_ns(), due = bench_due_by(start, l->rate, now);
        int64_t n = (due < l->rows ? due : l->rows) - row;
        if (n > BATCH_ROWS - b->n) n = BATCH_ROWS - b->n;
        if (b->n == 0) oldest = now;
        fill(b, l, start, row, n);
        row += n;
        bool dry = atomic_load_explicit(&l->head, memory_order_relaxed) == tail;
        if (b->n == 0 || (b->n < BATCH_ROWS && !dry && now - oldest < OLDEST_NS && row < l->rows)) continue;
        atomic_store_explicit(&l->tail, ++tail, memory_order_release);
        wake(l);
        b = next_batch(l, tail);
    }
    return NULL;
}

/* The next batch's number is there; looks for a while, then sleeps. */
static void wait_for_batch(struct loop *l, uint64_t head)
{
    int64_t idle_since = now_ns();
    while (atomic_load_explicit(&l->tail, memory_order_acquire) == head) {
        if (now_ns() - idle_since < LONGEST_SPIN_NS) {
            __builtin_ia32_pause();
            continue;
        }
        atomic_exchange(&l->asleep, 1);
        if (atomic_load(&l->tail) == head) syscall(SYS_futex, &l->asleep, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0);
        atomic_exchange(&l->asleep, 0);
    }
}

static void run_loop(struct loop *l)
{
    static uint64_t count[BENCH_PACE_KEYS];
    pthread_t sender;
    memset(count, 0, sizeof count);
    if (pthread_create(&sender, NULL, send, l) != 0) weir_bench_die("latency", "cannot start a thread");
    for (uint64_t head = 0; l->delays->rows < (uint64_t)l->rows; head++) {
        wait_for_batch(l, head);
        const struct batch *b = &l->batches[head % N_BATCHES];
        for (int64_t i = 0; i < b->n; i++) l->delays->sum += ++count[b->key[i]];
        int64_t now = now_ns();
        for (int64_t i = 0; i < b->n; i++) bench_delays_add(l->delays, now, b->due[i]);
        atomic_store_explicit(&l->head, head + 1, memory_order_release);
    }
    pthread_join(sender, NULL);
}

static void measure_loop(int64_t rows, int64_t rate, struct bench_delays *delays)
{
    struct loop *l = aligned_alloc(128, (sizeof *l + 127) / 128 * 128);
    if (!l) weir_bench_die("latency", "no memory");
    memset(l, 0, sizeof *l);
    l->rows = rows;
    l->rate = rate;
    l->delays = delays;
    run_loop(l);
    free(l);
}

/* ---- the job ----------------------------------------------------------------------------------------------------- */

static void measure_job(const struct weir_bench_run *run, int64_t rows, int64_t rate, struct bench_delays *delays)
{
    static struct weir_error_text error;
    struct weir_job *job;
    if (weir_job_create(run->runtime, "latency", NULL, &job, &error) != WEIR_OK) weir_bench_die("latency", error.text);
    struct weir_node *source = weir_bench_node(job, "rows", NULL), *tally = weir_bench_node(job, "tally", "rows");
    weir_bench_set(source, "source.bench_pace.rows", rows, "");
    weir_bench_set(source, "source.bench_pace.rate", rate, "");
    weir_node_set(tally, "key_by", "key");
    weir_node_set(tally, "process", "bench_tally");
    weir_bench_set(weir_bench_node(job, "out", "tally"), "sink.bench_delays.delays", (int64_t)(uintptr_t)delays, "");
    if (weir_job_check(job, &error) != WEIR_OK || weir_job_start(job, &error) != WEIR_OK)
        weir_bench_die("latency", error.text);
    weir_job_wait(job, -1);
    if (weir_job_failure(job, &error) != WEIR_OK) weir_bench_die("latency", error.text);
    weir_job_destroy(job);
}

/* ---- both -------------------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct percentiles {
    double p50[REPEATS], p99[REPEATS];
};
static void note(struct percentiles *p, int i, const struct bench_delays *d)
{
    p->p50[i] = bench_delay_at(d, 0.5);
    p->p99[i] = bench_delay_at(d, 0.99);
}
static const double *sorted(double *values)
{
    qsort(values, REPEATS, sizeof *values, compare);
    return values;
}

static void measure_rate(const struct weir_bench_run *run, int64_t rate, const char *name)
{
    struct bench_delays *of_job = calloc(2, sizeof *of_job), *of_loop = of_job + 1;
    struct percentiles job, loop;
    char p50[32], p99[32];
    int64_t rows = run->is_short ? rate / 20 : rate / 5;
    if (!of_job) weir_bench_die("latency", "no memory");
    for (int i = 0; i < REPEATS; i++) {
        memset(of_job, 0, 2 * sizeof *of_job);
        measure_job(run, rows, rate, of_job);
        measure_loop(rows, rate, of_loop);
        if (of_job->rows != (uint64_t)rows || of_job->rows != of_loop->rows || of_job->sum != of_loop->sum)
            weir_bench_die("latency", "results differ");
        note(&job, i, of_job);
        note(&loop, i, of_loop);
    }
    snprintf(p50, sizeof p50, "p50 at %s", name);
    snprintf(p99, sizeof p99, "p99 at %s", name);
    weir_bench_say(run, p50, "us", sorted(job.p50)[0], sorted(loop.p50)[0]);
    weir_bench_say(run, p99, "us", sorted(job.p99)[REPEATS / 2], sorted(loop.p99)[REPEATS / 2]);
    free(of_job);
}

static void measure(const struct weir_bench_run *run)
{
    static const struct {
        int64_t rate;
        const char *name;
    } rates[] = {{1000, "1 K/s"}, {100000, "100 K/s"}, {1000000, "1 M/s"}, {10000000, "10 M/s"}};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) measure_rate(run, rates[i].rate, rates[i].name);
}

const struct weir_bench weir_bench_latency[] = {
    {.name = "latency", .title = "delay in an open loop: source, key_by, sink", .rows = 1, .measure = measure},
    {.name = NULL}};
