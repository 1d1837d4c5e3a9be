/* backend_leveldb - keyed state in LevelDB: a tree of sorted files on the disk, for state larger than memory.
 *
 * One instance is one database. LevelDB's own compaction runs on a thread of its own, which this file knows nothing of; all
 * else happens on the threads that call: writes on one, reads and views on any. Checksums are verified on every read, and
 * paranoid_checks makes LevelDB stop at the first file that is not as it was written. Writes wait for the disk when
 * `sync` says so.
 *
 * LevelDB opens files by itself: its C API takes no file system of ours, so the "weir.io/1" of tests is not asked.
 */
#include <leveldb/c.h>
#include <stdio.h>
#include <string.h>
#include <weir/udf.h>

#define REMOVE_BATCH 4096 /* deletions that are written together */

typedef struct leveldb {
    int64_t write_buffer, block_cache, block_size, bloom_bits, max_open_files;
    bool sync;
    int32_t compression; /* index of compressions */
    /* The database: */
    const char *directory;
    leveldb_t *db;
    leveldb_cache_t *cache;
    leveldb_filterpolicy_t *filter;
    leveldb_options_t *options;
    leveldb_readoptions_t *hot, *cold; /* single keys; ranges, which are read once and do not push out what is hot */
    leveldb_writeoptions_t *written;
} leveldb;

static weir_status failed(char *why, weir_io_error *error)
{
    if (!why) return WEIR_OK;
    error->status = WEIR_E_IO;
    snprintf(error->message, sizeof error->message, "%s", why);
    leveldb_free(why);
    return WEIR_E_IO;
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static void make_options(leveldb *me)
{
    me->options = leveldb_options_create();
    me->cache = leveldb_cache_create_lru((size_t)me->block_cache);
    leveldb_options_set_create_if_missing(me->options, 1);
    leveldb_options_set_error_if_exists(me->options, 1);
    leveldb_options_set_paranoid_checks(me->options, 1);
    leveldb_options_set_write_buffer_size(me->options, (size_t)me->write_buffer);
    leveldb_options_set_block_size(me->options, (size_t)me->block_size);
    leveldb_options_set_max_open_files(me->options, (int)me->max_open_files);
    leveldb_options_set_cache(me->options, me->cache);
    leveldb_options_set_compression(me->options, me->compression ? leveldb_snappy_compression : leveldb_no_compression);
    if (me->bloom_bits > 0) {
        me->filter = leveldb_filterpolicy_create_bloom((int)me->bloom_bits);
        leveldb_options_set_filter_policy(me->options, me->filter);
    }
    me->hot = leveldb_readoptions_create();
    me->cold = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(me->hot, 1);
    leveldb_readoptions_set_verify_checksums(me->cold, 1);
    leveldb_readoptions_set_fill_cache(me->cold, 0);
    me->written = leveldb_writeoptions_create();
    leveldb_writeoptions_set_sync(me->written, me->sync);
}

/* destroy_db takes the database's lock first: one that another process has open is left alone. */
static weir_status open_database(void *self, const char *directory, weir_io_error *error)
{
    leveldb *me = self;
    char *why = NULL;
    make_options(me);
    leveldb_destroy_db(me->options, directory, &why);
    if (!why) me->db = leveldb_open(me->options, directory, &why);
    if (me->db) me->directory = directory;
    return failed(why, error);
}

/* The directory's name is the host's, and there until close returns. */
static void close_database(void *self)
{
    leveldb *me = self;
    char *why = NULL;
    if (me->db) {
        leveldb_close(me->db);
        leveldb_destroy_db(me->options, me->directory, &why);
        leveldb_free(why); /* what could not be removed goes with the next store */
    }
    if (me->written) leveldb_writeoptions_destroy(me->written);
    if (me->hot) leveldb_readoptions_destroy(me->hot);
    if (me->cold) leveldb_readoptions_destroy(me->cold);
    if (me->options) leveldb_options_destroy(me->options);
    if (me->filter) leveldb_filterpolicy_destroy(me->filter);
    if (me->cache) leveldb_cache_destroy(me->cache);
    me->db = NULL;
}

/* ---- keys -------------------------------------------------------------------------------------------------------- */

static weir_status get(void *self, const weir_str *keys, size_t n, weir_store_found *found, void *to, weir_io_error *error)
{
    leveldb *me = self;
    weir_status s = WEIR_OK;
    for (size_t i = 0; s == WEIR_OK && i < n; i++) {
        char *why = NULL;
        size_t size;
        char *value = leveldb_get(me->db, me->hot, keys[i].p, keys[i].n, &size, &why);
        s = failed(why, error);
        if (s == WEIR_OK && value) s = found(to, i, (weir_str){value, size});
        leveldb_free(value);
    }
    return s;
}

static weir_status write_batch(leveldb *me, leveldb_writebatch_t *batch, weir_io_error *error)
{
    char *why = NULL;
    leveldb_write(me->db, me->written, batch, &why);
    leveldb_writebatch_clear(batch);
    return failed(why, error);
}

static weir_status write_changes(void *self, const weir_store_change *changes, size_t n, weir_io_error *error)
{
    leveldb *me = self;
    leveldb_writebatch_t *batch = leveldb_writebatch_create();
    for (size_t i = 0; i < n; i++) {
        const weir_store_change *c = &changes[i];
        if (c->value.p)
            leveldb_writebatch_put(batch, c->key.p, c->key.n, c->value.p, c->value.n);
        else
            leveldb_writebatch_delete(batch, c->key.p, c->key.n);
    }
    weir_status s = write_batch(me, batch, error);
    leveldb_writebatch_destroy(batch);
    return s;
}

/* ---- ranges ------------------------------------------------------------------------------------------------------ */

static bool is_before(const char *key, size_t n, weir_str until)
{
    int order = memcmp(key, until.p, n < until.n ? n : until.n);
    return order < 0 || (order == 0 && n < until.n);
}

static weir_status iterate(leveldb *me, const leveldb_readoptions_t *how, weir_str from, weir_str until,
                           weir_store_visit *visit, void *to, weir_io_error *error)
{
    leveldb_iterator_t *at = leveldb_create_iterator(me->db, how);
    weir_status s = WEIR_OK;
    char *why = NULL;
    for (leveldb_iter_seek(at, from.p, from.n); s == WEIR_OK && leveldb_iter_valid(at); leveldb_iter_next(at)) {
        weir_str key, value;
        key.p = leveldb_iter_key(at, &key.n);
        if (!is_before(key.p, key.n, until)) break;
        value.p = leveldb_iter_value(at, &value.n);
        s = visit(to, key, value);
    }
    leveldb_iter_get_error(at, &why);
    leveldb_iter_destroy(at);
    weir_status io = failed(why, error);
    if (io < 0) return io;
    return s < 0 ? s : WEIR_OK;
}

static weir_status scan(void *self, weir_store_view *view, weir_str from, weir_str until, weir_store_visit *visit, void *to,
                        weir_io_error *error)
{
    leveldb *me = self;
    if (!view) return iterate(me, me->cold, from, until, visit, to, error);
    leveldb_readoptions_t *then = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(then, 1);
    leveldb_readoptions_set_fill_cache(then, 0);
    leveldb_readoptions_set_snapshot(then, (const leveldb_snapshot_t *)(const void *)view);
    weir_status s = iterate(me, then, from, until, visit, to, error);
    leveldb_readoptions_destroy(then);
    return s;
}

struct removal {
    leveldb *me;
    leveldb_writebatch_t *batch;
    size_t pending, removed;
    weir_io_error *error;
};

static weir_status remove_key(void *to, weir_str key, weir_str value)
{
    struct removal *r = to;
    (void)value;
    leveldb_writebatch_delete(r->batch, key.p, key.n);
    r->removed++;
    if (++r->pending < REMOVE_BATCH) return WEIR_OK;
    r->pending = 0;
    return write_batch(r->me, r->batch, r->error);
}

static weir_status remove_range(void *self, weir_str from, weir_str until, size_t *removed, weir_io_error *error)
{
    struct removal r = {.me = self, .batch = leveldb_writebatch_create(), .error = error};
    weir_status s = iterate(r.me, r.me->cold, from, until, remove_key, &r, error);
    if (s == WEIR_OK && r.pending > 0) s = write_batch(r.me, r.batch, error);
    leveldb_writebatch_destroy(r.batch);
    *removed = r.removed;
    return s;
}

/* ---- views ------------------------------------------------------------------------------------------------------- */

static weir_status make_view(void *self, weir_store_view **view, weir_io_error *error)
{
    (void)error;
    *view = (weir_store_view *)(uintptr_t)leveldb_create_snapshot(((leveldb *)self)->db);
    return WEIR_OK;
}

static void release(void *self, weir_store_view *view)
{
    leveldb_release_snapshot(((leveldb *)self)->db, (const leveldb_snapshot_t *)(const void *)view);
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

/* An empty batch that waits for the disk: the log in front of it is then there too. */
static weir_status flush(void *self, weir_io_error *error)
{
    leveldb *me = self;
    leveldb_writeoptions_t *synced = leveldb_writeoptions_create();
    leveldb_writebatch_t *batch = leveldb_writebatch_create();
    char *why = NULL;
    leveldb_writeoptions_set_sync(synced, 1);
    leveldb_write(me->db, synced, batch, &why);
    leveldb_writebatch_destroy(batch);
    leveldb_writeoptions_destroy(synced);
    return failed(why, error);
}

static void stats(void *self, weir_store_stats *to)
{
    leveldb *me = self;
    static const char first[] = "", last[] = "\xff\xff\xff\xff\xff\xff\xff\xff";
    const char *from = first, *until = last;
    size_t n_from = 0, n_until = sizeof last - 1;
    uint64_t bytes = 0;
    leveldb_approximate_sizes(me->db, 1, &from, &n_from, &until, &n_until, &bytes);
    to->disk_bytes = (int64_t)bytes;
    char *memory = leveldb_property_value(me->db, "leveldb.approximate-memory-usage");
    long long used;
    if (memory && sscanf(memory, "%lld", &used) == 1) to->memory_bytes = used;
    leveldb_free(memory);
}

static const char *const compressions[] = {"none", "snappy", NULL};

static const weir_backend vtable = {.struct_size = sizeof(weir_backend),
                                    .open = open_database,
                                    .close = close_database,
                                    .get = get,
                                    .write = write_changes,
                                    .remove = remove_range,
                                    .scan = scan,
                                    .view = make_view,
                                    .release = release,
                                    .flush = flush,
                                    .stats = stats,
                                    .get_beside = get,
                                    .view_beside = make_view};

static const weir_option options[] = {
    WEIR_OPTION_OF(leveldb, write_buffer, WEIR_OPT_SIZE, .def = "4MiB", .min = "64KiB", .max = "1GiB",
                   .doc = "changes in memory before they become a file; at most twice that is held"),
    WEIR_OPTION_OF(leveldb, block_cache, WEIR_OPT_SIZE, .def = "8MiB", .max = "64GiB",
                   .doc = "blocks of files kept in memory"),
    WEIR_OPTION_OF(leveldb, block_size, WEIR_OPT_SIZE, .def = "4KiB", .min = "1KiB", .max = "4MiB",
                   .doc = "bytes that are read together, before compression"),
    WEIR_OPTION(leveldb, bloom_bits, .def = "10", .min = "0", .max = "30",
                .doc = "bits per key that spare reads of files without the key; 0: none"),
    WEIR_OPTION(leveldb, max_open_files, .def = "100", .min = "20", .max = "10000", .doc = "files kept open"),
    WEIR_OPTION_OF(leveldb, compression, WEIR_OPT_ENUM, .def = "snappy", .choices = compressions, .doc = "of the blocks"),
    WEIR_OPTION(leveldb, sync, .def = "true", .doc = "writes wait for the disk"),
};

WEIR_COMPONENT(leveldb, WEIR_STATE_BACKEND, vtable, .id = "leveldb",
               .doc = "keyed state in LevelDB: sorted files on the disk, for state larger than memory",
               WEIR_OPTIONS(options));

WEIR_PLUGIN("weir.leveldb", "1.0.0", &leveldb_component);
