/* bench/snapshot.c - what a checkpoint of large heap state costs the slot: its synchronous part, and the longest step of the
 * operator while another thread reads the state; and what it takes to restore it, beside a loop that reads the same bytes
 * into a plain table.
 *
 *   weir_bench_snapshot [--mb 1024] [--repeat 20] [--at-once]
 *
 * The state is one i64 and one f64 per i64 key, in 128 key groups; a step is a batch of 1,024 rows with random keys, each
 * changing its key's value. --at-once: the whole snapshot is made on the slot, as the figure to compare with.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/platform.h"
#include "data/builder.h"
#include "state/snapshot.h"

#define MAX_PARALLELISM 128
#define BATCH_ROWS      1024
#define N_BATCHES       256
#define N_TIMERS        1000000
#define MOST_REPEATS    100

struct sum {
    int64_t n;
    double total;
};
static const weir_field members[] = {
    {.name = "n", .type = WEIR_I64, .offset = offsetof(struct sum, n), .size = 8},
    {.name = "total", .type = WEIR_F64, .offset = offsetof(struct sum, total), .size = 8},
};
static const weir_state sums = {.name = "sums",
                                .kind = WEIR_VALUE,
                                .version = 1,
                                .size = sizeof(struct sum),
                                .n_fields = 2,
                                .fields = members,
                                .field_stride = sizeof(weir_field)};

struct spent {
    double wall, cpu; /* ms; cpu of the own thread */
};
static struct spent now(void)
{
    struct timespec wall, cpu;
    clock_gettime(CLOCK_MONOTONIC, &wall);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
    return (struct spent){(double)wall.tv_sec * 1e3 + (double)wall.tv_nsec * 1e-6,
                          (double)cpu.tv_sec * 1e3 + (double)cpu.tv_nsec * 1e-6};
}
static struct spent since(struct spent before)
{
    struct spent t = now();
    return (struct spent){t.wall - before.wall, t.cpu - before.cpu};
}
static void most(struct spent *most, struct spent t)
{
    if (t.wall > most->wall) most->wall = t.wall;
    if (t.cpu > most->cpu) most->cpu = t.cpu;
}

static void check(bool ok, const char *what)
{
    if (ok) return;
    fprintf(stderr, "weir_bench_snapshot: %s failed\n", what);
    exit(1);
}

/* ---- the operator ------------------------------------------------------------------------------------------------ */

struct stage {
    struct weir_schema *schema;
    struct weir_state_layout layout;
    struct weir_state_set *set;
    struct weir_timers *timers;
    int64_t n_keys;
    struct weir_rows *batches[N_BATCHES]; /* of keys that are there */
    uint32_t next;
};

static struct weir_rows *make_rows(struct stage *g, const int64_t *keys)
{
    struct weir_builder b;
    uint32_t field = 0, bad_field;
    int32_t forgotten;
    int64_t bad_row;
    check(weir_builder_init(&b, NULL, g->schema, NULL, 0, BATCH_ROWS, true, false, NULL) == WEIR_OK, "builder");
    memcpy(b.out.columns[0].data, keys, BATCH_ROWS * sizeof *keys);
    memset(b.out.time, 0, BATCH_ROWS * sizeof *b.out.time);
    b.out.length = BATCH_ROWS;
    struct weir_rows *rows = weir_builder_take(&b, 2, NULL, &forgotten);
    check(rows && weir_key_rows(NULL, rows, &field, 1, MAX_PARALLELISM, &bad_row, &bad_field) == WEIR_OK, "keys");
    weir_builder_finish(&b);
    return rows;
}

static void step(struct stage *g, const struct weir_rows *rows)
{
    static void *values[BATCH_ROWS];
    uint32_t field = 0;
    check(g->set->ops->value_edit_rows(g->set, 0, rows, &field, 1, NULL, BATCH_ROWS, 0, values, NULL) == WEIR_OK, "edit");
    for (uint32_t i = 0; i < BATCH_ROWS; i++) {
        struct sum *sum = values[i];
        sum->n++;
        sum->total += i;
    }
    g->set->ops->settle(g->set);
}

static struct spent timed_step(struct stage *g)
{
    struct spent before = now();
    step(g, g->batches[g->next++ % N_BATCHES]);
    return since(before);
}

static uint64_t mixed(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static void fill(struct stage *g, size_t bytes)
{
    int64_t keys[BATCH_ROWS];
    struct weir_schema_builder fields = {0};
    struct weir_error error;
    weir_schema_builder_add(&fields, "key", WEIR_I64, false);
    g->schema = weir_schema_build(&fields);
    check(weir_state_layout_init(&g->layout, &sums, &error) == WEIR_OK, "layout");
    g->set = weir_heap_state_create(&g->layout, 1, 0, MAX_PARALLELISM - 1);
    while (g->set->ops->memory(g->set) < bytes) {
        for (uint32_t i = 0; i < BATCH_ROWS; i++) keys[i] = g->n_keys++;
        struct weir_rows *rows = make_rows(g, keys);
        step(g, rows);
        weir_rows_release(rows);
    }
    for (uint32_t b = 0; b < N_BATCHES; b++) {
        for (uint32_t i = 0; i < BATCH_ROWS; i++) keys[i] = (int64_t)(mixed((uint64_t)b << 32 | i) % (uint64_t)g->n_keys);
        g->batches[b] = make_rows(g, keys);
    }
}

static void set_timers(struct stage *g)
{
    g->timers = weir_timers_create(0, MAX_PARALLELISM - 1);
    for (int64_t i = 0; i < N_TIMERS; i++) {
        struct weir_key_ref key = {(const uint8_t *)&i, 8, (uint32_t)(i % MAX_PARALLELISM), weir_key_hash64(&i, 8)};
        check(weir_timers_set(g->timers, WEIR_EVENT_TIME, &key, 0, (int64_t)(mixed((uint64_t)i) >> 20)) == WEIR_OK, "timer");
    }
}

/* ---- a checkpoint ------------------------------------------------------------------------------------------------ */

struct reader {
    struct weir_snapshot snapshot;
    struct spent spent;
    _Atomic uint32_t done;
};

static void read_all(void *arg)
{
    struct reader *r = arg;
    struct weir_error error;
    struct spent before = now();
    while (r->snapshot.pending) check(weir_snapshot_read(&r->snapshot, &error) == WEIR_OK, "reading");
    r->spent = since(before);
    atomic_store(&r->done, 1);
}

struct figures {
    struct spent cut, step, reading;
    double rows; /* M/s while it is read */
};

static struct figures checkpoint(struct stage *g, bool at_once)
{
    const struct weir_platform *p = weir_platform_os();
    struct reader r = {.snapshot.later = !at_once};
    struct weir_thread *thread;
    struct weir_error error;
    struct figures f = {.rows = 0};
    struct spent before = now();
    check(weir_snapshot_keyed(&r.snapshot, g->set, g->timers, g->schema, 0, MAX_PARALLELISM - 1, &error) == WEIR_OK, "cut");
    f.cut = since(before);
    before = now();
    check(p->start_thread(p->self, "reader", read_all, &r, &thread, &error) == WEIR_OK, "thread");
    while (!atomic_load(&r.done)) {
        most(&f.step, timed_step(g));
        f.rows += BATCH_ROWS;
    }
    f.rows /= since(before).wall * 1e3;
    p->join_thread(p->self, thread);
    f.reading = r.spent;
    check(r.snapshot.n_entries == (uint64_t)g->n_keys + (g->timers ? N_TIMERS : 0), "counting");
    weir_snapshot_finish(&r.snapshot);
    return f;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of one number of all figures: median and greatest. */
static void print(const char *what, const struct figures *f, int n, size_t offset)
{
    double all[MOST_REPEATS];
    for (int i = 0; i < n; i++) memcpy(&all[i], (const char *)&f[i] + offset, sizeof *all);
    qsort(all, (size_t)n, sizeof *all, compare);
    printf("%-34s median %9.3f   most %9.3f\n", what, (all[(n - 1) / 2] + all[n / 2]) / 2, all[n - 1]);
}

static void measure(struct stage *g, const char *title, int repeats, bool at_once)
{
    static struct figures all[MOST_REPEATS];
    struct spent longest = {0}, before = now();
    for (int i = 0; i < 4 * N_BATCHES; i++) most(&longest, timed_step(g));
    double rows = 4.0 * N_BATCHES * BATCH_ROWS / (since(before).wall * 1e3);
    for (int i = 0; i < repeats; i++) all[i] = checkpoint(g, at_once);
    printf("%s, %" PRId64 " keys, %zu MB\n", title, g->n_keys, g->set->ops->memory(g->set) >> 20);
    printf("without a checkpoint: %.2f M rows/s, longest step %.3f ms wall, %.3f ms CPU\n", rows, longest.wall, longest.cpu);
    print("synchronous part, ms wall", all, repeats, offsetof(struct figures, cut.wall));
    print("synchronous part, ms CPU", all, repeats, offsetof(struct figures, cut.cpu));
    if (at_once) return;
    print("longest later step, ms wall", all, repeats, offsetof(struct figures, step.wall));
    print("longest later step, ms CPU", all, repeats, offsetof(struct figures, step.cpu));
    print("reading (other thread), ms wall", all, repeats, offsetof(struct figures, reading.wall));
    print("reading (other thread), ms CPU", all, repeats, offsetof(struct figures, reading.cpu));
    print("M rows/s while it is read", all, repeats, offsetof(struct figures, rows));
}

/* ---- restoring --------------------------------------------------------------------------------------------------- */

static struct spent restore(const struct stage *g, const struct weir_snapshot *from)
{
    struct weir_error error;
    struct weir_state_set *set = weir_heap_state_create(&g->layout, 1, 0, MAX_PARALLELISM - 1);
    struct spent before = now();
    check(weir_restore_keyed(from, 1, set, NULL, &g->layout, 1, g->schema, 0, MAX_PARALLELISM - 1, &error) == WEIR_OK,
          "restoring");
    struct spent spent = since(before);
    check(set->ops->memory(set) > 0, "restoring anything");
    set->ops->destroy(set);
    return spent;
}

struct place {
    int64_t key;
    struct sum sum; /* n == 0: the place is free */
};

/* Of the one form that a key or number has here: a positive msgpack integer. */
static const uint8_t *take_number(const uint8_t *p, int64_t *v)
{
    uint64_t big = 0;
    size_t n = *p < 0x80 ? 0 : (size_t)1 << (*p - 0xcc);
    if (n == 0) {
        *v = *p;
        return p + 1;
    }
    memcpy((uint8_t *)&big + 8 - n, p + 1, n);
    *v = (int64_t)__builtin_bswap64(big);
    return p + 1 + n;
}

/* [group, state, namespace, [key], [n, total]] */
static const uint8_t *take_entry(const uint8_t *p, struct place *e)
{
    int64_t unused;
    uint64_t big;
    p = take_number(take_number(take_number(p + 1, &unused), &unused), &unused);
    p = take_number(take_number(p + 1, &e->key) + 1, &e->sum.n);
    memcpy(&big, p + 1, 8);
    big = __builtin_bswap64(big);
    memcpy(&e->sum.total, &big, 8);
    return p + 9;
}

#define LEAST_ENTRY 16 /* bytes */

/* A table for each key group, as the runtime has them: what is looked into stays in the cache. */
static struct spent restore_by_hand(const struct weir_snapshot *from)
{
    struct place *tables[MAX_PARALLELISM], e;
    struct spent before = now();
    for (size_t g = 0; g < from->n_groups; g++) {
        const uint8_t *p = from->keyed.p + from->groups[g].offset, *end = p + from->groups[g].length;
        size_t n_places = 64;
        while (n_places < from->groups[g].length / LEAST_ENTRY * 2) n_places *= 2;
        struct place *places = tables[g] = weir_try_alloc_table(n_places * sizeof *places);
        check(places, "memory");
        while (p < end) {
            p = take_entry(p, &e);
            size_t at = weir_key_hash64(&e.key, 8) & (n_places - 1);
            while (places[at].sum.n) at = (at + 1) & (n_places - 1);
            places[at] = e;
        }
    }
    struct spent spent = since(before);
    for (size_t g = 0; g < from->n_groups; g++) weir_free(tables[g]);
    return spent;
}

static void measure_restore(struct stage *g, int repeats)
{
    static struct figures all[MOST_REPEATS];
    struct weir_snapshot whole = {.later = false};
    struct weir_error error;
    check(weir_snapshot_keyed(&whole, g->set, NULL, g->schema, 0, MAX_PARALLELISM - 1, &error) == WEIR_OK, "cut");
    for (int i = 0; i < repeats; i++) {
        all[i].cut = restore(g, &whole);
        all[i].step = restore_by_hand(&whole);
    }
    printf("restored: %" PRIu64 " entries of %zu MB packed\n", whole.n_entries, whole.keyed.n >> 20);
    print("restoring, ms wall", all, repeats, offsetof(struct figures, cut.wall));
    print("restoring, ms CPU", all, repeats, offsetof(struct figures, cut.cpu));
    print("the loop, ms wall", all, repeats, offsetof(struct figures, step.wall));
    print("the loop, ms CPU", all, repeats, offsetof(struct figures, step.cpu));
    weir_snapshot_finish(&whole);
}

int main(int argc, char **argv)
{
    struct stage g = {.n_keys = 0};
    size_t mb = 1024;
    int repeats = 20;
    bool at_once = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--at-once") == 0) at_once = true;
        if (strcmp(argv[i], "--mb") == 0 && i + 1 < argc) mb = (size_t)atol(argv[i + 1]);
        if (strcmp(argv[i], "--repeat") == 0 && i + 1 < argc) repeats = atoi(argv[i + 1]);
    }
    check(repeats > 0 && repeats <= MOST_REPEATS && mb > 0, "--repeat, --mb: a number of 1 to 100");
    fill(&g, mb << 20);
    measure(&g, "values", repeats, at_once);
    measure_restore(&g, repeats < 5 ? repeats : 5);
    set_timers(&g);
    measure(&g, "values and a million timers", repeats, at_once);
    for (uint32_t b = 0; b < N_BATCHES; b++) weir_rows_release(g.batches[b]);
    g.set->ops->destroy(g.set);
    weir_timers_destroy(g.timers);
    weir_state_layout_finish(&g.layout);
    weir_schema_release(g.schema);
    return 0;
}
