/* bench/main.c - runs benchmarks: job and hand-written loop in turn, medians, ratios; the results of both must agree.
 *
 *   weir_bench [--short] [--json] [--repeat N] [NAME...]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define MOST_REPEATS 25

struct options {
    bool is_short, json;
    int repeats;
};
struct figures {
    /* seconds; limit / weir; CPU seconds of the job */
    double weir[MOST_REPEATS], limit[MOST_REPEATS], ratio[MOST_REPEATS], cpu[MOST_REPEATS];
    long peak_kb;
};

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
static double median(const double *values, int n)
{
    double sorted[MOST_REPEATS];
    memcpy(sorted, values, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, compare);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static void die(const char *what, const char *why)
{
    fprintf(stderr, "weir_bench: %s: %s\n", what, why);
    exit(1);
}

static void read_result(const char *path, struct bench_sum *sum)
{
    FILE *f = fopen(path, "r");
    if (!f || fscanf(f, "%" SCNu64 " %" SCNu64, &sum->rows, &sum->hash) != 2) die("no result", path);
    fclose(f);
}

static void run_job(const struct bench *b, struct weir_runtime *runtime, int64_t rows, const char *result, const char *input,
                    double *wall, double *cpu)
{
    static struct weir_error_text error;
    struct weir_job *job;
    if (weir_job_create(runtime, "bench", NULL, &job, &error) != WEIR_OK) die(b->name, error.text);
    b->build(job, rows, result, input);
    if (weir_job_check(job, &error) != WEIR_OK) die(b->name, error.text);
    double wall_before = seconds(CLOCK_MONOTONIC), cpu_before = seconds(CLOCK_PROCESS_CPUTIME_ID);
    if (weir_job_start(job, &error) != WEIR_OK) die(b->name, error.text);
    weir_job_wait(job, -1);
    *wall = seconds(CLOCK_MONOTONIC) - wall_before;
    *cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_before;
    if (weir_job_failure(job, &error) != WEIR_OK) die(b->name, error.text);
    weir_job_destroy(job);
}

static void run_pair(const struct bench *b, struct weir_runtime *runtime, int64_t rows, const char *result,
                     const char *input, struct figures *f, int i)
{
    struct bench_sum weir = {0}, limit = {0};
    run_job(b, runtime, rows, result, input, &f->weir[i], &f->cpu[i]);
    read_result(result, &weir);
    double before = seconds(CLOCK_MONOTONIC);
    b->limit(rows, &limit, input);
    f->limit[i] = seconds(CLOCK_MONOTONIC) - before;
    f->ratio[i] = f->limit[i] / f->weir[i];
    if (weir.rows == limit.rows && weir.hash == limit.hash) return;
    fprintf(stderr, "weir: %" PRIu64 " rows, hash %" PRIx64 "; loop: %" PRIu64 " rows, hash %" PRIx64 "\n", weir.rows,
            weir.hash, limit.rows, limit.hash);
    die(b->name, "the results differ");
}

static void print(const struct bench *b, const struct options *o, int64_t rows, const struct figures *f)
{
    double weir = median(f->weir, o->repeats), limit = median(f->limit, o->repeats), ratio = median(f->ratio, o->repeats);
    double cpu = median(f->cpu, o->repeats) / (double)rows * 1e6;
    if (o->json) {
        printf("{\"name\": \"%s\", \"rows\": %" PRId64
               ", \"rows_per_second\": %.0f, \"ns_per_row\": %.3f, \"limit_ns_per_row\": %.3f, \"ratio\": %.3f, "
               "\"cpu_seconds_per_million\": %.5f, \"peak_kb\": %ld}\n",
               b->name, rows, (double)rows / weir, weir / (double)rows * 1e9, limit / (double)rows * 1e9, ratio, cpu,
               f->peak_kb);
    } else {
        printf("%-42s %9.1f M rows/s %8.2f ns/row   loop %8.2f ns/row   ratio %5.2f   %.4f CPU s/M rows   peak %ld MB\n",
               b->title, (double)rows / weir / 1e6, weir / (double)rows * 1e9, limit / (double)rows * 1e9, ratio, cpu,
               f->peak_kb / 1024);
    }
    fflush(stdout);
}

static void run(const struct bench *b, const struct options *o, struct weir_runtime *runtime, const char *folder)
{
    struct figures f = {0};
    struct rusage usage;
    char result[4096], input[4096];
    int64_t rows = o->is_short ? b->rows / 20 : b->rows;
    snprintf(result, sizeof result, "%s/result", folder);
    snprintf(input, sizeof input, "%s/input", folder);
    if (b->prepare) b->prepare(rows, input);
    run_pair(b, runtime, rows, result, input, &f, 0); /* warm-up, not counted */
    for (int i = 0; i < o->repeats; i++) run_pair(b, runtime, rows, result, input, &f, i);
    getrusage(RUSAGE_SELF, &usage);
    f.peak_kb = usage.ru_maxrss;
    print(b, o, rows, &f);
    unlink(result);
    unlink(input);
}

static bool wanted(const char *name, int argc, char **argv)
{
    bool named = false;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-' || strspn(argv[i], "0123456789") == strlen(argv[i])) continue;
        named = true;
        if (strcmp(argv[i], name) == 0) return true;
    }
    return !named;
}

int main(int argc, char **argv)
{
    struct options o = {.repeats = 5};
    static struct weir_error_text error;
    struct weir_runtime *runtime;
    char folder[4000];
    const char *temporary = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/weir-bench-XXXXXX", temporary ? temporary : P_tmpdir);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--short") == 0) o.is_short = true;
        if (strcmp(argv[i], "--json") == 0) o.json = true;
        if (strcmp(argv[i], "--repeat") == 0 && i + 1 < argc) o.repeats = atoi(argv[i + 1]);
    }
    if (o.repeats < 1 || o.repeats > MOST_REPEATS || !mkdtemp(folder)) die("--repeat", "a number from 1 to 25");
    const char *plugins[] = {WEIR_BENCH_PLUGINS, NULL};
    struct weir_runtime_options options = {
        .struct_size = sizeof options, .builtin = WEIR_BUILTIN_PLUGINS, .plugins = plugins};
    if (weir_runtime_create(&options, &runtime, &error) != WEIR_OK) die("runtime", error.text);
    for (const struct bench *b = benches; b->name; b++) {
        if (wanted(b->name, argc, argv)) run(b, &o, runtime, folder);
    }
    weir_runtime_destroy(runtime);
    rmdir(folder);
    return 0;
}
