/* parsing.c - lines of text to counts by page and 10 s: CSV, JSON lines and the combined log of web servers, from files in
 * the page cache; in two slots from two files, each with every other row.
 *
 * The loop is written for these very files: it reads blocks, finds the marks of each with vectors where the CPU has them,
 * takes for granted which mark is which and how numbers look, and counts in a table of its own. The job reads any CSV,
 * JSON or log, checks it, and rejects what is none.
 */
#include "bench.h"
#include "job.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#ifdef __AVX2__
#include <immintrin.h>
#endif

#define PAGES       10000
#define WINDOW_MS   10000
#define FIRST_MS    INT64_C(1700000000000) /* a window begins then */
#define ROWS_PER_MS 8
#define MOST_SLOTS  2
#define BLOCK       ((size_t)256 << 10)
#define LONGEST     512 /* bytes of a line */

struct counter;
struct form {
    const char *format, *url; /* of the source; the column */
    bool schema;              /* the source needs one */
    size_t (*write)(char *to, uint32_t random, int64_t at);
    size_t (*count)(struct counter *, const char *p, size_t n); /* whole lines; returns the bytes they had */
};

/* ---- files ------------------------------------------------------------------------------------------------------- */

static char *put_text(char *to, const char *text)
{
    size_t n = strlen(text);
    memcpy(to, text, n);
    return to + n;
}
static char *put_number(char *to, uint64_t v, int digits)
{
    for (int i = digits - 1; i >= 0; i--, v /= 10) to[i] = (char)('0' + v % 10);
    return to + digits;
}

static size_t write_csv(char *to, uint32_t random, int64_t at)
{
    char *p = put_number(put_text(to, "user"), random % 1000000, 6);
    p = put_number(put_text(p, ",/page/"), bench_mix(random) % PAGES, 5);
    p = put_number(put_text(p, ","), (uint64_t)at, 13);
    return (size_t)(put_text(p, "\n") - to);
}
static size_t write_json(char *to, uint32_t random, int64_t at)
{
    char *p = put_number(put_text(to, "{\"user\":\"user"), random % 1000000, 6);
    p = put_number(put_text(p, "\",\"url\":\"/page/"), bench_mix(random) % PAGES, 5);
    p = put_number(put_text(p, "\",\"at\":"), (uint64_t)at, 13);
    return (size_t)(put_text(p, "}\n") - to);
}
static size_t write_log(char *to, uint32_t random, int64_t at)
{
    static time_t last;
    static char when[64];
    struct tm t;
    time_t s = (time_t)(at / 1000);
    if (s != last) strftime(when, sizeof when, " - - [%d/%b/%Y:%H:%M:%S +0000] \"GET /page/", gmtime_r(&s, &t));
    last = s;
    char *p = put_number(put_text(to, "10."), random >> 8 & 127, 3);
    p = put_number(put_text(p, "."), random & 127, 3);
    p = put_number(put_text(put_text(p, ".1"), when), bench_mix(random) % PAGES, 5);
    p = put_number(put_text(p, " HTTP/1.1\" 200 "), random % 100000, 5);
    return (size_t)(put_text(p, " \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\"\n") - to);
}

static void name_file(char path[4096], const struct weir_bench_run *run, uint32_t slot)
{
    snprintf(path, 4096, "%s.%u", run->input, slot);
}
static uint32_t slots_of(const struct weir_bench_run *run)
{
    return run->bench->slots ? run->bench->slots : 1;
}

static void prepare(struct weir_bench_run *run)
{
    const struct form *form = run->bench->shape;
    FILE *files[MOST_SLOTS];
    char path[4096], line[LONGEST];
    uint32_t slots = slots_of(run);
    for (uint32_t i = 0; i < slots; i++) {
        name_file(path, run, i);
        if (!(files[i] = fopen(path, "w"))) weir_bench_die(path, "cannot be written");
    }
    for (int64_t i = 0; i < run->rows; i++) {
        size_t n = form->write(line, bench_mix((uint32_t)i), FIRST_MS + i / ROWS_PER_MS);
        if (fwrite(line, 1, n, files[i % slots]) != n) weir_bench_die(run->input, "cannot be written");
    }
    for (uint32_t i = 0; i < slots; i++) {
        if (fclose(files[i]) != 0) weir_bench_die(run->input, "cannot be written");
    }
}

/* ---- job --------------------------------------------------------------------------------------------------------- */

static void build(struct weir_job *job, const struct weir_bench_run *run)
{
    const struct form *form = run->bench->shape;
    char path[4096];
    struct weir_node *n = weir_bench_node(job, "lines", NULL);
    snprintf(path, sizeof path, "%s.*", run->input);
    weir_node_set(n, "source.file.path", path);
    weir_node_set(n, "source.file.format", form->format);
    if (form->schema) {
        weir_node_set(n, "schema.user", "string");
        weir_node_set(n, "schema.url", "string");
        weir_node_set(n, "schema.at", "timestamp");
    }
    weir_node_set(n, "time.field", "at");
    weir_node_set(n, "time.monotonous", "true");
    n = weir_bench_node(job, "views", "lines");
    weir_node_set(n, "key_by", form->url);
    weir_bench_set(n, "window.tumbling.size", WINDOW_MS, "ms");
    weir_node_set(n, "aggregate.n", "count");
    n = weir_bench_node(job, "numbered", "views");
    snprintf(path, sizeof path, "cast(substring(%s, 7) as i64)", form->url);
    weir_node_set(n, "select.key", path);
    weir_node_set(n, "select.n", "n");
    weir_bench_sink(job, run, "numbered", "n");
}

/* ---- counting ---------------------------------------------------------------------------------------------------- */

#define CAPACITY 32768 /* of the table: a power of two, at least twice PAGES */

struct seen {
    uint64_t hash; /* 0: free */
    uint32_t length, id;
    char text[16];
};
struct counter {
    struct seen *table;
    uint32_t counts[PAGES], pages[PAGES], n; /* by id: rows of the window, number of the page */
    int64_t window;
    struct bench_sum *sum;
    uint32_t *all; /* instead of sum: by window and page */
};

static void end_window(struct counter *c)
{
    for (uint32_t i = 0; i < c->n; i++) {
        if (c->counts[i] == 0) continue;
        if (c->sum)
            bench_sum_add(c->sum, c->pages[i], c->counts[i]);
        else
            c->all[(c->window - FIRST_MS / WINDOW_MS) * PAGES + c->pages[i]] = c->counts[i];
        c->counts[i] = 0;
    }
}

/* A row; the url is of 8 to 16 bytes. */
static inline void count_row(struct counter *c, const char *url, uint32_t n, int64_t at)
{
    uint64_t first, last;
    if (at / WINDOW_MS != c->window) {
        end_window(c);
        c->window = at / WINDOW_MS;
    }
    memcpy(&first, url, 8);
    memcpy(&last, url + n - 8, 8);
    uint64_t hash = ((first ^ n) * 0x9e3779b97f4a7c15u ^ last) * 0xc2b2ae3d27d4eb4fu | 1;
    for (uint64_t i = hash >> 49;; i = (i + 1) & (CAPACITY - 1)) {
        struct seen *s = &c->table[i];
        if (s->hash == hash && s->length == n && memcmp(s->text, url, n) == 0) {
            c->counts[s->id]++;
            return;
        }
        if (s->hash) continue;
        *s = (struct seen){.hash = hash, .length = n, .id = c->n};
        memcpy(s->text, url, n);
        c->pages[c->n] = (uint32_t)strtoul(s->text + 6, NULL, 10);
        c->counts[c->n++] = 1;
        return;
    }
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

static inline uint64_t eight_digits(const char *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    v -= 0x3030303030303030u;
    v = v * 10 + (v >> 8);
    return ((v & 0x000000FF000000FFu) * 0x000F424000000064u + (v >> 16 & 0x000000FF000000FFu) * 0x0000271000000001u) >> 32;
}
static inline int64_t thirteen_digits(const char *p)
{
    uint64_t v = eight_digits(p);
    for (int i = 8; i < 13; i++) v = v * 10 + (uint64_t)(p[i] - '0');
    return (int64_t)v;
}

/* A bit for each of 64 bytes that is a or b. */
static inline uint64_t marks(const char *p, char a, char b)
{
    uint64_t hit = 0;
#ifdef __AVX512BW__
    __m512i v = _mm512_loadu_si512(p);
    hit = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(a)) | _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(b));
#elif defined __AVX2__
    for (int i = 0; i < 2; i++) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32 * i));
        __m256i x = _mm256_or_si256(_mm256_cmpeq_epi8(v, _mm256_set1_epi8(a)), _mm256_cmpeq_epi8(v, _mm256_set1_epi8(b)));
        hit |= (uint64_t)(uint32_t)_mm256_movemask_epi8(x) << 32 * i;
    }
#else
    for (int i = 0; i < 64; i++) hit |= (uint64_t)(p[i] == a || p[i] == b) << i;
#endif
    return hit;
}

#define CHUNK ((size_t)16 << 10)

/* Where they are in p[0 .. n), n at most CHUNK, behind which 64 bytes can be read. */
static inline uint32_t list_marks(const char *p, size_t n, char a, char b, uint32_t *at)
{
    uint32_t k = 0;
    for (size_t i = 0; i < n; i += 64) {
        uint64_t hit = marks(p + i, a, b);
        if (n - i < 64) hit &= ((uint64_t)1 << (n - i)) - 1;
        for (; hit; hit &= hit - 1) at[k++] = (uint32_t)i + (uint32_t)__builtin_ctzll(hit);
    }
    return k;
}

static size_t count_csv(struct counter *c, const char *p, size_t n)
{
    static _Thread_local uint32_t at[CHUNK];
    size_t done = 0;
    for (uint32_t k = 1; k > 0;) {
        size_t chunk = n - done < CHUNK ? n - done : CHUNK, used = 0;
        k = list_marks(p + done, chunk, ',', '\n', at) / 3;
        for (uint32_t row = 0; row < k; row++) {
            const uint32_t *m = at + 3 * row;
            count_row(c, p + done + m[0] + 1, m[1] - m[0] - 1, thirteen_digits(p + done + m[1] + 1));
            used = m[2] + 1;
        }
        done += used;
    }
    return done;
}

/* Ten quotes and a line end. */
static size_t count_json(struct counter *c, const char *p, size_t n)
{
    static _Thread_local uint32_t at[CHUNK];
    size_t done = 0;
    for (uint32_t k = 1; k > 0;) {
        size_t chunk = n - done < CHUNK ? n - done : CHUNK, used = 0;
        k = list_marks(p + done, chunk, '"', '\n', at) / 11;
        for (uint32_t row = 0; row < k; row++) {
            const uint32_t *m = at + 11 * row;
            count_row(c, p + done + m[6] + 1, m[7] - m[6] - 1, thirteen_digits(p + done + m[9] + 2));
            used = m[10] + 1;
        }
        done += used;
    }
    return done;
}

static int64_t log_time(const char *p)
{
    struct tm t = {0};
    char text[21] = {0};
    memcpy(text, p, 20);
    strptime(text, "%d/%b/%Y:%H:%M:%S", &t);
    return (int64_t)timegm(&t) * 1000;
}
/* Nearly all lines have the time of the line before. */
static size_t count_log(struct counter *c, const char *p, size_t n)
{
    const char *start = p, *end;
    char last[20] = {0};
    int64_t at = 0;
    for (; (end = memchr(p, '\n', n - (size_t)(p - start))) != NULL; p = end + 1) {
        const char *when = (const char *)memchr(p, '[', (size_t)(end - p)) + 1;
        if (memcmp(when, last, 20) != 0) {
            memcpy(last, when, 20);
            at = log_time(when);
        }
        const char *url = (const char *)memchr(when + 28, ' ', (size_t)(end - when - 28)) + 1;
        const char *after = memchr(url, ' ', (size_t)(end - url));
        count_row(c, url, (uint32_t)(after - url), at);
    }
    return (size_t)(p - start);
}

/* ---- loop -------------------------------------------------------------------------------------------------------- */

struct reader {
    const struct form *form;
    char path[4096];
    struct counter counter;
};

static void *read_file(void *arg)
{
    struct reader *r = arg;
    struct counter *c = &r->counter;
    int fd = open(r->path, O_RDONLY);
    char *buffer = calloc(1, BLOCK + LONGEST + 64);
    size_t held = 0;
    c->table = calloc(CAPACITY, sizeof *c->table);
    if (fd < 0 || !buffer || !c->table) weir_bench_die(r->path, "cannot be read");
    for (ssize_t got; (got = read(fd, buffer + held, BLOCK)) > 0;) {
        size_t n = held + (size_t)got, used = r->form->count(c, buffer, n);
        held = n - used;
        memmove(buffer, buffer + used, held);
    }
    end_window(c);
    free(c->table);
    free(buffer);
    close(fd);
    return NULL;
}

static void loop(const struct weir_bench_run *run, struct bench_sum *sum)
{
    static struct reader reader;
    reader = (struct reader){.form = run->bench->shape, .counter.sum = sum};
    name_file(reader.path, run, 0);
    read_file(&reader);
}

/* Both threads see some rows of each window, so that it is known only when both are done. */
static void loop_2(const struct weir_bench_run *run, struct bench_sum *sum)
{
    static struct reader readers[MOST_SLOTS];
    pthread_t threads[MOST_SLOTS];
    size_t counts = (size_t)(run->rows / ROWS_PER_MS / WINDOW_MS + 1) * PAGES;
    for (uint32_t i = 0; i < MOST_SLOTS; i++) {
        readers[i] = (struct reader){.form = run->bench->shape, .counter.all = calloc(counts, sizeof(uint32_t))};
        name_file(readers[i].path, run, i);
        if (!readers[i].counter.all || pthread_create(&threads[i], NULL, read_file, &readers[i]) != 0)
            weir_bench_die("loop", "no memory or no thread");
    }
    for (uint32_t i = 0; i < MOST_SLOTS; i++) pthread_join(threads[i], NULL);
    const uint32_t *a = readers[0].counter.all, *b = readers[1].counter.all;
    for (size_t i = 0; i < counts; i++) {
        if (a[i] + b[i] > 0) bench_sum_add(sum, (int64_t)(i % PAGES), a[i] + b[i]);
    }
    for (uint32_t i = 0; i < MOST_SLOTS; i++) free(readers[i].counter.all);
}

static const struct form csv = {"csv", "url", true, write_csv, count_csv},
                         json = {"json_lines", "url", true, write_json, count_json},
                         web_log = {"apache_combined", "target", false, write_log, count_log};

/* --long: about 1 GB each. */
#define PARSING(name_, title_, rows_, form_)                                                                        \
    {.name = name_,                                                                                                 \
     .title = title_ ", to counts by page and 10 s",                                                                \
     .rows = rows_,                                                                                                 \
     .shape = &form_,                                                                                               \
     .prepare = prepare,                                                                                            \
     .job = build,                                                                                                  \
     .loop = loop},                                                                                                 \
    {                                                                                                               \
        .name = name_ "_2", .title = title_ ", two files in two slots", .rows = rows_, .slots = 2, .shape = &form_, \
        .prepare = prepare, .job = build, .loop = loop_2                                                            \
    }

const struct weir_bench weir_bench_parsing[] = {PARSING("csv_window", "CSV", 7000000, csv),
                                                PARSING("json_window", "JSON lines", 4000000, json),
                                                PARSING("log_window", "Combined log", 2500000, web_log),
                                                {.name = NULL}};
