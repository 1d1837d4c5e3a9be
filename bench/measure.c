/* measure.c - runs job and loop in turn, and compares what came out.
 *
 * Wall time is for rates, CPU time for most ratios: on a machine with other load it is what hardly changes. The
 * ratio is the median of the pairs' ratios, since the two halves of a pair see the same load.
 */
#include "measure.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Peak memory since `begin`: Linux forgets the old peak when asked to; where it does not, it is the process's so far. */
static void forget_peak(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "w");
    if (!f) return;
    fputs("5", f);
    fclose(f);
}
static long peak_kb(void)
{
    char line[256];
    long kb = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "VmHWM: %ld", &kb) == 1) break;
    }
    if (f) fclose(f);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return kb ? kb : usage.ru_maxrss;
}
static void begin(struct weir_bench_spent *t)
{
    forget_peak();
    t->wall = seconds(CLOCK_MONOTONIC);
    t->cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
}
static void end(struct weir_bench_spent *t)
{
    t->wall = seconds(CLOCK_MONOTONIC) - t->wall;
    t->cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - t->cpu;
    t->peak_kb = peak_kb();
}

/* What the sink's instances left. */
static struct bench_sum result_of(const struct weir_bench_run *run)
{
    struct bench_sum sum = {0};
    for (uint32_t i = 0; i == 0 || i < run->bench->slots; i++) {
        struct bench_sum part;
        char path[4200];
        snprintf(path, sizeof path, "%s.%u", run->result, i);
        FILE *f = fopen(path, "r");
        if (!f || fscanf(f, "%" SCNu64 " %" SCNu64, &part.rows, &part.hash) != 2)
            weir_bench_die(path, "the sink left no result");
        fclose(f);
        remove(path);
        sum.rows += part.rows;
        sum.hash += part.hash;
    }
    return sum;
}

static struct bench_sum run_job(const struct weir_bench_run *run, struct weir_bench_spent *spent)
{
    static struct weir_error_text error;
    const char *name = run->bench->name;
    struct weir_job *job;
    char parallelism[16];
    if (weir_job_create(run->runtime, "bench", NULL, &job, &error) != WEIR_OK) weir_bench_die(name, error.text);
    snprintf(parallelism, sizeof parallelism, "%u", run->bench->slots ? run->bench->slots : 1);
    if (weir_job_set(job, "defaults.parallelism", parallelism) != WEIR_OK) weir_bench_die(name, "no parallelism");
    run->bench->job(job, run);
    if (weir_job_check(job, &error) != WEIR_OK) weir_bench_die(name, error.text);
    begin(spent);
    if (weir_job_start(job, &error) != WEIR_OK) weir_bench_die(name, error.text);
    weir_job_wait(job, -1);
    end(spent);
    if (weir_job_failure(job, &error) != WEIR_OK) weir_bench_die(name, error.text);
    weir_job_destroy(job);
    return result_of(run);
}

static void run_pair(const struct weir_bench_run *run, struct weir_bench_spent *job, struct weir_bench_spent *loop)
{
    char what[256];
    struct bench_sum of_loop = {0}, of_job = run_job(run, job);
    begin(loop);
    run->bench->loop(run, &of_loop);
    end(loop);
    if (of_job.rows == of_loop.rows && of_job.hash == of_loop.hash) return;
    snprintf(what, sizeof what,
             "results differ: job %" PRIu64 " rows, hash %" PRIx64 "; loop %" PRIu64 " rows, hash %" PRIx64, of_job.rows,
             of_job.hash, of_loop.rows, of_loop.hash);
    weir_bench_die(run->bench->name, what);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, compare);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}
static struct weir_bench_spent medians(const struct weir_bench_spent *spent, int n)
{
    double wall[WEIR_BENCH_MOST_REPEATS], cpu[WEIR_BENCH_MOST_REPEATS];
    struct weir_bench_spent m = {0};
    for (int i = 0; i < n; i++) {
        wall[i] = spent[i].wall;
        cpu[i] = spent[i].cpu;
        if (spent[i].peak_kb > m.peak_kb) m.peak_kb = spent[i].peak_kb;
    }
    m.wall = median(wall, n);
    m.cpu = median(cpu, n);
    return m;
}

static double least_cpu(const struct weir_bench_spent *spent, int n)
{
    double least = spent[0].cpu;
    for (int i = 1; i < n; i++) least = spent[i].cpu < least ? spent[i].cpu : least;
    return least;
}

void weir_bench_measure(const struct weir_bench_run *run, int repeats, struct weir_bench_figures *f)
{
    struct weir_bench_spent job[WEIR_BENCH_MOST_REPEATS], loop[WEIR_BENCH_MOST_REPEATS];
    double ratio[WEIR_BENCH_MOST_REPEATS];
    run_pair(run, &job[0], &loop[0]); /* warms caches and memory up, and is not counted */
    for (int i = 0; i < repeats; i++) {
        run_pair(run, &job[i], &loop[i]);
        ratio[i] = run->bench->by_wall ? loop[i].wall / job[i].wall : loop[i].cpu / job[i].cpu;
    }
    f->job = medians(job, repeats);
    f->loop = medians(loop, repeats);
    f->ratio = median(ratio, repeats);
    f->best_ratio = least_cpu(loop, repeats) / least_cpu(job, repeats);
}
