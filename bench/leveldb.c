/* leveldb.c - keyed state in LevelDB: read, add, write, for each row. The job keeps a running total per key; the loops do
 * the same with LevelDB's own calls and options, without a cache of their own, or behind a hash table whose changes are
 * written when it has as many entries as the job's cache takes.
 */
#include <leveldb/c.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "job.h"
#include "keys.h"
#include "table.h"

#define WRITE_BATCH 4096

/* ---- the job ----------------------------------------------------------------------------------------------------- */

struct shape {
    bool hot;
    const char *cache;
    int64_t entries; /* that the loop's table takes before they are written; 0: it has none */
};

static void build(struct weir_job *job, const struct weir_bench_run *run)
{
    const struct shape *shape = run->bench->shape;
    char directory[4096];
    struct weir_node *n = weir_bench_node(job, "rows", NULL);
    weir_bench_set(n, "source.bench_keys.rows", run->rows, "");
    weir_node_set(n, "source.bench_keys.hot", shape->hot ? "true" : "false");
    weir_node_set(n, "parallelism", "1");
    n = weir_bench_node(job, "totals", "rows");
    weir_node_set(n, "key_by", "key");
    weir_node_set(n, "process", "bench_total");
    weir_node_set(n, "parallelism", "1");
    weir_bench_sink(job, run, "totals", "total");
    snprintf(directory, sizeof directory, "%s/state", run->folder);
    weir_job_set(job, "state.backend.leveldb.sync", "false");
    weir_job_set(job, "state.cache", shape->cache);
    weir_job_set(job, "state.directory", directory);
}

/* ---- the loops --------------------------------------------------------------------------------------------------- */

struct database {
    leveldb_t *db;
    leveldb_cache_t *cache;
    leveldb_filterpolicy_t *filter;
    leveldb_options_t *options;
    leveldb_readoptions_t *read;
    leveldb_writeoptions_t *write;
    char path[4096];
};

static void check(char *why)
{
    if (why) weir_bench_die("LevelDB", why);
}

/* As backend_leveldb opens it. */
static void open_database(struct database *d, const struct weir_bench_run *run)
{
    char *why = NULL;
    snprintf(d->path, sizeof d->path, "%s/leveldb", run->folder);
    d->options = leveldb_options_create();
    d->cache = leveldb_cache_create_lru(8 << 20);
    d->filter = leveldb_filterpolicy_create_bloom(10);
    leveldb_options_set_create_if_missing(d->options, 1);
    leveldb_options_set_paranoid_checks(d->options, 1);
    leveldb_options_set_write_buffer_size(d->options, 4 << 20);
    leveldb_options_set_max_open_files(d->options, 100);
    leveldb_options_set_cache(d->options, d->cache);
    leveldb_options_set_filter_policy(d->options, d->filter);
    leveldb_options_set_compression(d->options, leveldb_snappy_compression);
    d->db = leveldb_open(d->options, d->path, &why);
    check(why);
    d->read = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(d->read, 1);
    d->write = leveldb_writeoptions_create();
}

static void close_database(struct database *d)
{
    char *why = NULL;
    leveldb_close(d->db);
    leveldb_destroy_db(d->options, d->path, &why);
    check(why);
    leveldb_options_destroy(d->options);
    leveldb_filterpolicy_destroy(d->filter);
    leveldb_cache_destroy(d->cache);
    leveldb_readoptions_destroy(d->read);
    leveldb_writeoptions_destroy(d->write);
}

static void encode(int64_t key, char bytes[8])
{
    uint64_t x = __builtin_bswap64((uint64_t)key);
    memcpy(bytes, &x, 8);
}

static struct bench_total get(const struct database *d, const char key[8])
{
    struct bench_total total = {0};
    char *why = NULL;
    size_t n;
    char *value = leveldb_get(d->db, d->read, key, 8, &n, &why);
    check(why);
    if (value) memcpy(&total, value, sizeof total);
    leveldb_free(value);
    return total;
}

static void loop_without_table(const struct weir_bench_run *run, struct bench_sum *sum)
{
    struct database d;
    open_database(&d, run);
    for (int64_t i = 0; i < run->rows; i++) {
        char bytes[8], *why = NULL;
        int64_t key = bench_key_at(i, false);
        encode(key, bytes);
        struct bench_total total = get(&d, bytes);
        bench_sum_add(sum, key, bench_total_add(&total, i));
        leveldb_put(d.db, d.write, bytes, 8, (const char *)&total, sizeof total, &why);
        check(why);
    }
    close_database(&d);
}

struct slot {
    int64_t key; /* + 1; 0: free */
    struct bench_total total;
};

/* What is in the table goes to the database. */
static void write_all(const struct database *d, const struct slot *table, size_t size)
{
    leveldb_writebatch_t *batch = leveldb_writebatch_create();
    char *why = NULL;
    size_t n = 0;
    for (size_t i = 0; i < size; i++) {
        char bytes[8];
        if (table[i].key == 0) continue;
        encode(table[i].key - 1, bytes);
        leveldb_writebatch_put(batch, bytes, 8, (const char *)&table[i].total, sizeof table[i].total);
        if (++n % WRITE_BATCH > 0) continue;
        leveldb_write(d->db, d->write, batch, &why);
        check(why);
        leveldb_writebatch_clear(batch);
    }
    leveldb_write(d->db, d->write, batch, &why);
    check(why);
    leveldb_writebatch_destroy(batch);
}

static void loop_with_table(const struct weir_bench_run *run, struct bench_sum *sum)
{
    const struct shape *shape = run->bench->shape;
    struct database d;
    size_t size = 1, most = (size_t)shape->entries, n = 0;
    while (size < most * 2) size *= 2;
    struct slot *table = bench_pages(size * sizeof *table);
    bool has_written = false;
    open_database(&d, run);
    for (int64_t i = 0; i < run->rows; i++) {
        char bytes[8];
        int64_t key = bench_key_at(i, shape->hot);
        size_t home = ((uint64_t)key * 0x9e3779b97f4a7c15u >> 32) & (size - 1), at = home;
        while (table[at].key && table[at].key != key + 1) at = (at + 1) & (size - 1);
        if (table[at].key == 0 && n++ == most) {
            write_all(&d, table, size);
            memset(table, 0, size * sizeof *table);
            has_written = true;
            at = home;
            n = 1;
        }
        if (table[at].key == 0) {
            encode(key, bytes);
            if (has_written) table[at].total = get(&d, bytes);
            table[at].key = key + 1;
        }
        bench_sum_add(sum, key, bench_total_add(&table[at].total, i));
    }
    close_database(&d);
    munmap(table, size * sizeof *table);
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

static const struct shape uniform = {.cache = "1MiB"}, hot = {true, "8MiB", 131072}, /* about what the cache takes */
    in_memory = {false, "256MiB", 1 << BENCH_KEY_BITS};

/* The job has threads of its store beside its slot, the loop LevelDB's: two slots make the ratio that of the time. */
const struct weir_bench weir_bench_leveldb[] = {{.name = "leveldb_uniform",
                                                 .title = "1e6 keys in LevelDB, uniform, beyond memory",
                                                 .rows = 2000000,
                                                 .shape = &uniform,
                                                 .slots = 2,
                                                 .job = build,
                                                 .loop = loop_without_table},
                                                {.name = "leveldb_hot",
                                                 .title = "1e6 keys in LevelDB, some hot, 1 of 8 in memory",
                                                 .rows = 5000000,
                                                 .shape = &hot,
                                                 .slots = 2,
                                                 .job = build,
                                                 .loop = loop_with_table},
                                                {.name = "leveldb_memory",
                                                 .title = "1e6 keys in LevelDB, uniform, within memory",
                                                 .rows = 10000000,
                                                 .shape = &in_memory,
                                                 .slots = 2,
                                                 .job = build,
                                                 .loop = loop_with_table},
                                                {.name = NULL}};
