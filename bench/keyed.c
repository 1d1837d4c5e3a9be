/* keyed.c - sums of a tumbling window by key: windows of 4 Mi rows, of which each key has few or many; in one thread, and in
 * two that make rows and give each other those of the other's keys.
 *
 * The loop makes a block of rows, hashes it, and adds it to a table, which is emptied at the end of a window. Two threads
 * have a table each; a batch never holds rows of two windows, so a thread ends a window when it has seen a batch of the next
 * one, or the end, from both.
 */
#include "bench.h"
#include "job.h"
#include "memory.h"
#include "ring.h"
#include "table.h"
#include "texts.h"

#define WINDOW_ROWS ((int64_t)4 << 20) /* as many ms */

static void build(struct weir_job *job, const struct weir_bench_run *run)
{
    weir_bench_source(job, run, true);
    struct weir_node *n = weir_bench_node(job, "sums", "rows");
    weir_node_set(n, "key_by", "key");
    weir_bench_set(n, "window.tumbling.size", WINDOW_ROWS, "ms");
    weir_node_set(n, "aggregate.total", "sum(value)");
    weir_bench_sink(job, run, "sums", "total");
}

/* ---- keys that are numbers, or texts ----------------------------------------------------------------------------- */

struct sums {
    bool of_texts;
    struct bench_table numbers;
    struct bench_text_table texts;
};
static void sums_init(struct sums *s, const struct weir_bench_run *run, int64_t keys)
{
    s->of_texts = run->bench->flags & WEIR_BENCH_TEXTS;
    if (s->of_texts)
        bench_texts_init(&s->texts, run->prepared, keys);
    else
        bench_table_init(&s->numbers, keys);
}
static void sums_finish(struct sums *s)
{
    if (s->of_texts)
        bench_texts_finish(&s->texts);
    else
        bench_table_finish(&s->numbers);
}
static void sums_add(struct sums *s, const int64_t *key, const double *value, int64_t n)
{
    if (s->of_texts)
        bench_texts_add(&s->texts, key, value, n);
    else
        bench_table_add(&s->numbers, key, value, n);
}
static void sums_emit(struct sums *s, struct bench_sum *sum)
{
    if (s->of_texts)
        bench_texts_emit(&s->texts, sum);
    else
        bench_table_emit(&s->numbers, sum);
}

/* ---- one thread -------------------------------------------------------------------------------------------------- */

static void loop(const struct weir_bench_run *run, struct bench_sum *sum)
{
    static struct bench_block block;
    struct sums sums;
    sums_init(&sums, run, run->bench->keys);
    for (int64_t from = 0; from < run->rows; from += BENCH_BLOCK) {
        if (from > 0 && from % WINDOW_ROWS == 0) sums_emit(&sums, sum);
        bench_next_rows(run, from, BENCH_BLOCK, &block);
        sums_add(&sums, block.key, block.value, block.n);
    }
    sums_emit(&sums, sum);
    sums_finish(&sums);
}

/* ---- two threads ------------------------------------------------------------------------------------------------- */

struct worker {
    const struct weir_bench_run *run;
    struct bench_ring *to[2], *from[2];
    struct bench_batch *filling[2]; /* the next of `to`; NULL: to be asked for */
    int64_t next;                   /* row to make */
    bool ended;                     /* all rows are on their way */
    int64_t window;                 /* being summed; INT64_MAX: all are */
    struct sums sums;
    struct bench_sum sum;
    struct bench_block block;
    pthread_t thread;
};

/* Rows go where the lowest bit of the upper half of their hash says; the table uses the upper bits. Both batches get every
 * row, and one of them keeps it: no branch depends on the key. `of_texts`: where a text lies is handed on, not its bytes. */
static inline __attribute__((always_inline)) void
deal_rows(const struct bench_block *rows, const struct bench_memory *of_texts, struct bench_batch *a, struct bench_batch *b)
{
    int64_t n_a = a->n, n_b = b->n;
    for (int64_t i = 0; i < rows->n; i++) {
        int64_t key = rows->key[i];
        uint64_t hash = of_texts ? bench_text_hash(bench_text_at(of_texts, key), bench_text_length(key))
                                 : (uint64_t)key * 0x9e3779b97f4a7c15u;
        int64_t to_b = (int64_t)(hash >> 32 & 1);
        a->key[n_a] = b->key[n_b] = rows->key[i];
        a->value[n_a] = b->value[n_b] = rows->value[i];
        n_a += 1 - to_b;
        n_b += to_b;
    }
    a->n = n_a;
    b->n = n_b;
}
static void split(const struct worker *w, struct bench_batch *a, struct bench_batch *b)
{
    if (w->sums.of_texts)
        deal_rows(&w->block, w->run->prepared, a, b);
    else
        deal_rows(&w->block, NULL, a, b);
}
static void send(struct worker *w, int to)
{
    bench_ring_push(w->to[to]);
    w->filling[to] = NULL;
}
static bool find_room(struct worker *w)
{
    for (int i = 0; i < 2; i++) {
        if (w->filling[i]) continue;
        w->filling[i] = bench_ring_room(w->to[i]);
        if (!w->filling[i]) return false;
        w->filling[i]->n = 0;
        w->filling[i]->window = w->next < w->run->rows ? w->next / WINDOW_ROWS : INT64_MAX;
    }
    return true;
}
/* Makes half a block, so that a batch at most half full has room for it. False: there is nothing to do. */
static bool deal(struct worker *w)
{
    enum { HALF = BENCH_BLOCK / 2 };
    if (w->ended || !find_room(w)) return false;
    bool over = w->next >= w->run->rows;
    w->ended = over;
    if (!over) {
        int64_t window = w->next / WINDOW_ROWS;
        bench_next_rows(w->run, w->next, HALF, &w->block);
        split(w, w->filling[0], w->filling[1]);
        w->next += HALF;
        if (w->next % BENCH_BLOCK == 0) w->next += BENCH_BLOCK; /* that was a block; the next one is the other's */
        over = w->next >= w->run->rows || w->next / WINDOW_ROWS != window;
    }
    for (int i = 0; i < 2; i++) {
        if (over || w->filling[i]->n > HALF) send(w, i);
    }
    return true;
}

/* Takes a batch of the window at hand from each; when both have gone beyond it, ends it. */
static bool take(struct worker *w)
{
    int64_t least = INT64_MAX;
    bool made = false;
    for (int i = 0; i < 2; i++) {
        const struct bench_batch *b = bench_ring_front(w->from[i]);
        int64_t window = b ? b->window : w->window;
        if (window < least) least = window;
        if (!b || window != w->window) continue;
        sums_add(&w->sums, b->key, b->value, b->n);
        bench_ring_pop(w->from[i]);
        made = true;
    }
    if (least == w->window) return made;
    sums_emit(&w->sums, &w->sum);
    w->window = least;
    return true;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    uint32_t idle = 0;
    sums_init(&w->sums, w->run, w->run->bench->keys / 2 + w->run->bench->keys / 8 + 1);
    while (w->window != INT64_MAX) {
        bool dealt = deal(w), taken = take(w);
        if (dealt || taken)
            idle = 0;
        else
            bench_idle(&idle);
    }
    sums_finish(&w->sums);
    return NULL;
}

static void loop_2x2(const struct weir_bench_run *run, struct bench_sum *sum)
{
    static struct worker workers[2];
    struct bench_ring *rings = bench_pages(4 * sizeof *rings);
    for (int i = 0; i < 2; i++) {
        workers[i] = (struct worker){.run = run, .next = i * BENCH_BLOCK};
        for (int j = 0; j < 2; j++) {
            workers[i].to[j] = &rings[2 * i + j];
            workers[i].from[j] = &rings[2 * j + i];
        }
    }
    for (int i = 0; i < 2; i++) {
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) weir_bench_die("loop", "no thread");
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(workers[i].thread, NULL);
        sum->rows += workers[i].sum.rows;
        sum->hash += workers[i].sum.hash;
    }
    munmap(rings, 4 * sizeof *rings);
}

/* ---- table ------------------------------------------------------------------------------------------------------- */

#define MANY      ((int64_t)40000000)
#define FEW       ((int64_t)20000000)
#define ONE       .job = build, .loop = loop
#define TWO       .slots = 2, .by_wall = true, .job = build, .loop = loop_2x2
#define ZIPF      .prepare = weir_bench_remember_zipf, .finish = weir_bench_forget_rows
#define TEXT      .flags = WEIR_BENCH_TEXTS, .prepare = weir_bench_remember_texts, .finish = weir_bench_forget_rows
#define ZIPF_TEXT .flags = WEIR_BENCH_TEXTS, .prepare = weir_bench_remember_zipf_texts, .finish = weir_bench_forget_rows

// clang-format off
const struct weir_bench weir_bench_keyed[] = {
    {.name = "window_1e3", .title = "tumbling window sum, 1e3 keys", .rows = MANY, .keys = 1000,
     .flags = WEIR_BENCH_GATED, ONE},
    {.name = "window_1e3_2x2", .title = "tumbling window sum, 1e3 keys, 2x2", .rows = MANY, .keys = 1000,
     .target = 0.6, TWO},
    {.name = "window_1e5", .title = "tumbling window sum, 1e5 keys", .rows = MANY, .keys = 100000, ONE},
    {.name = "window_1e5_2x2", .title = "tumbling window sum, 1e5 keys, 2x2", .rows = MANY, .keys = 100000, TWO},
    {.name = "window_1e6", .title = "tumbling window sum, 1e6 keys", .rows = FEW, .keys = 1000000, ONE},
    {.name = "window_1e6_2x2", .title = "tumbling window sum, 1e6 keys, 2x2", .rows = FEW, .keys = 1000000,
     .target = 0.65, TWO},
    {.name = "zipf_1e3", .title = "tumbling window sum, 1e3 Zipf keys", .rows = MANY, .keys = 1000, ZIPF, ONE},
    {.name = "zipf_1e3_2x2", .title = "tumbling window sum, 1e3 Zipf keys, 2x2", .rows = MANY, .keys = 1000, ZIPF, TWO},
    {.name = "zipf_1e5", .title = "tumbling window sum, 1e5 Zipf keys", .rows = MANY, .keys = 100000, ZIPF, ONE},
    {.name = "zipf_1e5_2x2", .title = "tumbling window sum, 1e5 Zipf keys, 2x2", .rows = MANY, .keys = 100000, ZIPF, TWO},
    {.name = "zipf_1e6", .title = "tumbling window sum, 1e6 Zipf keys", .rows = FEW, .keys = 1000000, ZIPF, ONE},
    {.name = "zipf_1e6_2x2", .title = "tumbling window sum, 1e6 Zipf keys, 2x2", .rows = FEW, .keys = 1000000, ZIPF, TWO},
    {.name = "window_text_1e3", .title = "tumbling window sum, 1e3 text keys", .rows = MANY, .keys = 1000, TEXT, ONE},
    {.name = "window_text_1e5", .title = "tumbling window sum, 1e5 text keys", .rows = MANY, .keys = 100000, TEXT, ONE},
    {.name = "window_text_1e5_2x2", .title = "tumbling window sum, 1e5 text keys, 2x2", .rows = MANY, .keys = 100000, TEXT,
     TWO},
    {.name = "window_text_1e6", .title = "tumbling window sum, 1e6 text keys", .rows = FEW, .keys = 1000000, TEXT, ONE},
    {.name = "zipf_text_1e5", .title = "tumbling window sum, 1e5 Zipf text keys", .rows = MANY, .keys = 100000,
     ZIPF_TEXT, ONE},
    {.name = NULL}};
