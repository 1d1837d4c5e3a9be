/* benches.c - the benchmarks: what the job is, and what the hand-written loop is. */
#include "bench.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW_MS 1000000 /* a window per million rows */

static struct weir_node *node(struct weir_job *job, const char *id, const char *from)
{
    struct weir_node *n = weir_job_add_node(job, id);
    if (from) weir_node_set(n, "from", from);
    return n;
}

static void add_source(struct weir_job *job, int64_t rows, int64_t keys, bool time)
{
    char number[32];
    struct weir_node *n = node(job, "rows", NULL);
    snprintf(number, sizeof number, "%" PRId64, rows);
    weir_node_set(n, "source.bench_rows.rows", number);
    snprintf(number, sizeof number, "%" PRId64, keys);
    weir_node_set(n, "source.bench_rows.keys", number);
    if (!time) return;
    weir_node_set(n, "time.field", "at");
    weir_node_set(n, "time.monotonous", "true");
}

static void add_sink(struct weir_job *job, const char *from, const char *value, const char *result)
{
    struct weir_node *n = node(job, "hash", from);
    weir_node_set(n, "sink.bench_hash.path", result);
    weir_node_set(n, "args.value", value);
}

/* ---- map + filter ------------------------------------------------------------------------------------------------ */

static void build_map_filter(struct weir_job *job, int64_t rows, const char *result, const char *map, const char *filter)
{
    add_source(job, rows, 1000, false);
    weir_node_set(node(job, "scaled", "rows"), "map", map);
    weir_node_set(node(job, "kept", "scaled"), "filter", filter);
    add_sink(job, "kept", "scaled", result);
}
static void build_map_filter_batch(struct weir_job *job, int64_t rows, const char *result, const char *input)
{
    (void)input;
    build_map_filter(job, rows, result, "bench_scale_batch", "bench_keep_batch");
}
static void build_map_filter_rows(struct weir_job *job, int64_t rows, const char *result, const char *input)
{
    (void)input;
    build_map_filter(job, rows, result, "bench_scale_rows", "bench_keep_rows");
}
static void limit_map_filter(int64_t rows, struct bench_sum *sum, const char *input)
{
    enum { N = 1024 };
    static int64_t key[N], at[N];
    (void)at;
    static double value[N], scaled[N];
    (void)input;
    for (int64_t from = 0; from < rows; from += N) {
        int64_t n = rows - from < N ? rows - from : N;
        for (int64_t i = 0; i < n; i++) {
            struct bench_row row = bench_row_at(from + i, 1000);
            key[i] = row.key;
            at[i] = row.at;
            value[i] = row.value;
        }
        for (int64_t i = 0; i < n; i++) scaled[i] = bench_scale(value[i]);
        for (int64_t i = 0; i < n; i++) {
            if (bench_keeps(scaled[i])) bench_sum_add(sum, key[i], scaled[i]);
        }
    }
}

/* ---- a C function ------------------------------------------------------------------------------------------------ */

static void build_call(struct weir_job *job, int64_t rows, const char *result, const char *function, const char *signature,
                       const char *second)
{
    char call[512];
    add_source(job, rows, 1000, false);
    struct weir_node *n = node(job, "scaled", "rows");
    snprintf(call, sizeof call, "%s/weir_bench_plugin.so:%s", WEIR_BENCH_PLUGINS, function);
    weir_node_set(n, "map.call", call);
    weir_node_set(n, "map.signature", signature);
    weir_node_append(n, "map.args", "value");
    if (second) weir_node_append(n, "map.args", second);
    weir_node_set(n, "map.into", "scaled");
    add_sink(job, "scaled", "scaled", result);
}
static void build_call_direct(struct weir_job *job, int64_t rows, const char *result, const char *input)
{
    (void)input;
    build_call(job, rows, result, "bench_scale_function", "f64(f64)", NULL);
}
static void build_call_ffi(struct weir_job *job, int64_t rows, const char *result, const char *input)
{
    (void)input;
    build_call(job, rows, result, "bench_scale_mixed", "f64(f64, i64)", "key");
}
static double scale(double value)
{
    return bench_scale(value);
}
static double (*volatile const scale_function)(double) = scale; /* called, not inlined */
static void limit_call(int64_t rows, struct bench_sum *sum, const char *input)
{
    (void)input;
    for (int64_t i = 0; i < rows; i++) {
        struct bench_row row = bench_row_at(i, 1000);
        bench_sum_add(sum, row.key, scale_function(row.value));
    }
}

/* ---- keyed tumbling window sum ----------------------------------------------------------------------------------- */

static void build_window(struct weir_job *job, int64_t rows, const char *result, int64_t keys)
{
    add_source(job, rows, keys, true);
    struct weir_node *n = node(job, "sums", "rows");
    weir_node_set(n, "key_by", "key");
    weir_node_set(n, "window.tumbling.size", "1000000ms");
    weir_node_set(n, "aggregate.total", "sum(value)");
    add_sink(job, "sums", "total", result);
}
static void build_window_1e3(struct weir_job *job, int64_t rows, const char *result, const char *input)
{
    (void)input;
    build_window(job, rows, result, 1000);
}
static void build_window_1e5(struct weir_job *job, int64_t rows, const char *result, const char *input)
{
    (void)input;
    build_window(job, rows, result, 100000);
}

/* A table with linear probing, at most half full; emptied at the end of each window. */
struct slot {
    int64_t key;
    double sum;
    bool used;
};
static void emit_window(struct slot *table, size_t size, struct bench_sum *sum)
{
    for (size_t i = 0; i < size; i++) {
        if (table[i].used) bench_sum_add(sum, table[i].key, table[i].sum);
        table[i] = (struct slot){0};
    }
}
static void limit_window(int64_t rows, struct bench_sum *sum, int64_t keys)
{
    size_t size = 1;
    while (size < (size_t)keys * 2) size *= 2;
    struct slot *table = calloc(size, sizeof *table);
    for (int64_t i = 0; i < rows; i++) {
        struct bench_row row = bench_row_at(i, keys);
        if (i > 0 && i % WINDOW_MS == 0) emit_window(table, size, sum);
        size_t at = ((uint64_t)row.key * 0x9e3779b97f4a7c15u >> 20) & (size - 1);
        while (table[at].used && table[at].key != row.key) at = (at + 1) & (size - 1);
        table[at].used = true;
        table[at].key = row.key;
        table[at].sum += row.value;
    }
    emit_window(table, size, sum);
    free(table);
}
static void limit_window_1e3(int64_t rows, struct bench_sum *sum, const char *input)
{
    (void)input;
    limit_window(rows, sum, 1000);
}
static void limit_window_1e5(int64_t rows, struct bench_sum *sum, const char *input)
{
    (void)input;
    limit_window(rows, sum, 100000);
}

/* ---- keyed sliding window sum of integers, 60 slides ------------------------------------------------------------- */

#define SLIDES 60

static void build_sliding(struct weir_job *job, int64_t rows, const char *result, int64_t keys, int64_t slide)
{
    char text[32];
    add_source(job, rows, keys, true);
    struct weir_node *n = node(job, "sums", "rows");
    weir_node_set(n, "key_by", "key");
    snprintf(text, sizeof text, "%" PRId64 "ms", slide * SLIDES);
    weir_node_set(n, "window.sliding.size", text);
    snprintf(text, sizeof text, "%" PRId64 "ms", slide);
    weir_node_set(n, "window.sliding.slide", text);
    weir_node_set(n, "aggregate.total", "sum(key)");
    add_sink(job, "sums", "total", result);
}
static void build_sliding_1e3(struct weir_job *job, int64_t rows, const char *result, const char *input)
{
    (void)input;
    build_sliding(job, rows, result, 1000, 100000);
}
static void build_sliding_1e5(struct weir_job *job, int64_t rows, const char *result, const char *input)
{
    (void)input;
    build_sliding(job, rows, result, 100000, 1000000);
}

/* Keys get a number; a ring of slices holds a total and a count per number; the running window gains the newest slice and
 * loses the oldest. */
struct total {
    int64_t sum, rows;
};
struct ring {
    struct slot *table; /* sum: the key's number */
    size_t size, keys, n;
    int64_t *key_of;
    struct total *slices, *window;
};
static size_t number_of(struct ring *r, int64_t key)
{
    size_t at = ((uint64_t)key * 0x9e3779b97f4a7c15u >> 20) & (r->size - 1);
    while (r->table[at].used && r->table[at].key != key) at = (at + 1) & (r->size - 1);
    if (r->table[at].used) return (size_t)r->table[at].sum;
    r->table[at] = (struct slot){key, (double)r->n, true};
    r->key_of[r->n] = key;
    return r->n++;
}
static void slide_window(struct ring *r, int64_t slide, struct bench_sum *sum)
{
    const struct total *newest = r->slices + (size_t)(slide % SLIDES) * r->keys;
    struct total *oldest = r->slices + (size_t)((slide + 1) % SLIDES) * r->keys;
    for (size_t i = 0; i < r->n; i++) {
        struct total *w = &r->window[i];
        w->sum += newest[i].sum;
        w->rows += newest[i].rows;
        if (w->rows > 0) bench_sum_add(sum, r->key_of[i], (double)w->sum);
        w->sum -= oldest[i].sum;
        w->rows -= oldest[i].rows;
    }
    memset(oldest, 0, r->keys * sizeof *oldest); /* the next slide's */
}
static void limit_sliding(int64_t rows, struct bench_sum *sum, int64_t keys, int64_t slide)
{
    struct ring r = {.size = 1, .keys = (size_t)keys};
    while (r.size < r.keys * 2) r.size *= 2;
    r.table = calloc(r.size, sizeof *r.table);
    r.key_of = calloc(r.keys, sizeof *r.key_of);
    r.slices = calloc(r.keys * SLIDES, sizeof *r.slices);
    r.window = calloc(r.keys, sizeof *r.window);
    int64_t at = 0;
    struct total *slice = r.slices;
    for (int64_t i = 0; i < rows; i++) {
        struct bench_row row = bench_row_at(i, keys);
        if (i > 0 && i % slide == 0) {
            slide_window(&r, at++, sum);
            slice = r.slices + (size_t)(at % SLIDES) * r.keys;
        }
        size_t number = number_of(&r, row.key);
        slice[number].sum += row.key;
        slice[number].rows++;
    }
    for (int64_t end = at + SLIDES; at < end; at++) slide_window(&r, at, sum);
    free(r.table);
    free(r.key_of);
    free(r.slices);
    free(r.window);
}
static void limit_sliding_1e3(int64_t rows, struct bench_sum *sum, const char *input)
{
    (void)input;
    limit_sliding(rows, sum, 1000, 100000);
}
static void limit_sliding_1e5(int64_t rows, struct bench_sum *sum, const char *input)
{
    (void)input;
    limit_sliding(rows, sum, 100000, 1000000);
}

/* ---- CSV --------------------------------------------------------------------------------------------------------- */

static void prepare_csv(int64_t rows, const char *input)
{
    FILE *f = fopen(input, "w");
    if (!f) exit(1);
    for (int64_t i = 0; i < rows; i++) {
        struct bench_row row = bench_row_at(i, 1000);
        fprintf(f, "%" PRId64 ",%" PRId64 ",item%" PRId64 ",%.2f\n", row.key, row.at, row.key % 50, row.value / 4);
    }
    if (fclose(f) != 0) exit(1);
}
static void build_csv(struct weir_job *job, int64_t rows, const char *result, const char *input)
{
    (void)rows;
    struct weir_node *n = node(job, "rows", NULL);
    weir_node_set(n, "source.file.path", input);
    weir_node_set(n, "source.file.format", "csv");
    weir_node_set(n, "schema.key", "i64");
    weir_node_set(n, "schema.at", "timestamp");
    weir_node_set(n, "schema.item", "string");
    weir_node_set(n, "schema.value", "f64");
    add_sink(job, "rows", "value", result);
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
static void limit_csv(int64_t rows, struct bench_sum *sum, const char *input)
{
    struct stat info;
    int fd = open(input, O_RDONLY);
    (void)rows;
    if (fd < 0 || fstat(fd, &info) != 0) exit(1);
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

const struct bench benches[] = {
    {"map_filter_batch", "map + filter, plugin by the batch", 200000000, build_map_filter_batch, limit_map_filter, NULL},
    {"map_filter_rows", "map + filter, plugin row by row", 100000000, build_map_filter_rows, limit_map_filter, NULL},
    {"call_direct", "map by a C function, f64(f64)", 50000000, build_call_direct, limit_call, NULL},
    {"call_ffi", "map by a C function through libffi, f64(f64, i64)", 20000000, build_call_ffi, limit_call, NULL},
    {"window_1e3", "key_by + tumbling window sum, 1e3 keys", 20000000, build_window_1e3, limit_window_1e3, NULL},
    {"window_1e5", "key_by + tumbling window sum, 1e5 keys", 20000000, build_window_1e5, limit_window_1e5, NULL},
    {"sliding_1e3", "key_by + sliding window of 60 slides, 1e3 keys", 20000000, build_sliding_1e3, limit_sliding_1e3, NULL},
    {"sliding_1e5", "key_by + sliding window of 60 slides, 1e5 keys", 100000000, build_sliding_1e5, limit_sliding_1e5, NULL},
    {"csv", "CSV file of four columns to typed rows", 10000000, build_csv, limit_csv, prepare_csv},
    {NULL, NULL, 0, NULL, NULL, NULL},
};
