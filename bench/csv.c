/* csv.c - CSV lines to typed rows, from a file in the page cache. */
#include "bench.h"
#include "job.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void prepare(struct weir_bench_run *run)
{
    FILE *f = fopen(run->input, "w");
    if (!f) weir_bench_die(run->input, "cannot be written or read");
    for (int64_t i = 0; i < run->rows; i++) {
        struct bench_row row = bench_row_at(i, 1000);
        fprintf(f, "%" PRId64 ",%" PRId64 ",item%" PRId64 ",%.2f\n", row.key, row.at, row.key % 50, row.value / 4);
    }
    if (fclose(f) != 0) weir_bench_die(run->input, "cannot be written or read");
}
static void build(struct weir_job *job, const struct weir_bench_run *run)
{
    struct weir_node *n = weir_bench_node(job, "rows", NULL);
    weir_node_set(n, "source.file.path", run->input);
    weir_node_set(n, "source.file.format", "csv");
    weir_node_set(n, "schema.key", "i64");
    weir_node_set(n, "schema.at", "timestamp");
    weir_node_set(n, "schema.item", "string");
    weir_node_set(n, "schema.value", "f64");
    weir_bench_sink(job, run, "rows", "value");
}

static int64_t parse_i64(const char **p, char end)
{
    int64_t v = 0;
    for (; **p != end; ++*p) v = v * 10 + (**p - '0');
    ++*p;
    return v;
}
static double parse_f64(const char **p, char end)
{
    static const double scale[] = {1, 10, 100, 1000};
    int64_t v = 0;
    int decimals = -1;
    for (; **p != end; ++*p) {
        if (**p == '.')
            decimals = 0;
        else
            v = v * 10 + (**p - '0'), decimals += decimals >= 0;
    }
    ++*p;
    return (double)v / scale[decimals > 0 ? decimals : 0];
}
static void loop(const struct weir_bench_run *run, struct bench_sum *sum)
{
    struct stat info;
    int fd = open(run->input, O_RDONLY);
    if (fd < 0 || fstat(fd, &info) != 0) weir_bench_die(run->input, "cannot be written or read");
    size_t block = 1 << 18, held = 0;
    char *buffer = malloc(2 * block);
    /* reads as the runtime does: in blocks, the tail kept */
    for (ssize_t got; (got = read(fd, buffer + held, block)) > 0;) {
        const char *end = memrchr(buffer, '\n', held + (size_t)got), *p = buffer;
        while (p < end) {
            int64_t key = parse_i64(&p, ',');
            volatile int64_t at = parse_i64(&p, ',');
            (void)at;
            p = (const char *)memchr(p, ',', (size_t)(end - p)) + 1;
            bench_sum_add(sum, key, parse_f64(&p, '\n'));
        }
        held = held + (size_t)got - (size_t)(p - buffer);
        memmove(buffer, p, held);
    }
    free(buffer);
    close(fd);
}

const struct weir_bench weir_bench_csv[] = {{.name = "csv",
                                             .title = "CSV file of four columns to typed rows",
                                             .rows = 10000000,
                                             .prepare = prepare,
                                             .job = build,
                                             .loop = loop},
                                            {.name = NULL}};
