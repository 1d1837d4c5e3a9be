/* Checkpoints of whole jobs, damaged in every way a disk damages files: keyed windows, timers, two inputs and parts of an
 * exactly-once sink, of both backends. Whatever byte is another one, wherever a file ends, it is told with the file and the
 * place in it, and nothing is restored. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/text.h"
#include "checkpoint/saved_look.h"
#include "harness/folders_job.h"
#include "harness/job_text.h"
#include "harness/memory_disk.h"
#include "harness/sim.h"
#include "harness/suite.h"
#include "job/checkpoints.h"
#include "loader/part.h"

#define FOLDER WEIR_TEST_FOLDER

static const char manifest[] =
    "job: damaged\n"
    "checkpoint: {every: 1ms, directory: " FOLDER "/checkpoints}\n"
    "defaults: {max_parallelism: 16, parallelism: 2, state: %s}\n"
    "nodes:\n"
    "  - id: orders\n"
    "    source: {datagen_orders: {count: 100000, users: 40, step: 2s, seed: 3}}\n"
    "    time: {field: at, out_of_orderness: 0s}\n"
    "  - id: payments\n"
    "    source: {datagen_orders: {count: 100000, users: 40, step: 2s, seed: 4}}\n"
    "    time: {field: at, out_of_orderness: 0s}\n"
    "  - id: sliced\n"
    "    from: orders\n"
    "    key_by: user\n"
    "    window: {sliding: {size: 10min, slide: 2min}}\n"
    "    aggregate: {n: count, last: max(order)}\n"
    "  - {id: merged, from: orders, key_by: user, window: {session: {gap: 3min}}, aggregate: {n: count, item: min(item)}}\n"
    "  - {id: panes, from: orders, key_by: user, window: {tumbling: 1h, trigger: event_time}, aggregate: {n: count}}\n"
    "  - id: near\n"
    "    from: {orders: orders, payments: payments}\n"
    "    key_by: {orders: user, payments: user}\n"
    "    join: {interval: {from: -10s, to: 10s}}\n"
    "    select: {user: orders.user, order: orders.order, payment: payments.order}\n"
    "  - {id: parts, from: merged, sink: {file: {path: " FOLDER "/out/, roll_size: 200B, format: csv}}}\n"
    "  - {id: rest, from: [sliced], sink: discard}\n"
    "  - {id: rest2, from: [panes], sink: discard}\n"
    "  - {id: rest3, from: [near], sink: discard}\n";

static const struct weir_platform *os(void)
{
    return weir_platform_os();
}

/* ---- a checkpoint ------------------------------------------------------------------------------------------------ */

static struct weir_stream_graph *compile(const char *backend, struct weir_registry *registry)
{
    char *yaml = weir_format(manifest, backend);
    struct weir_stream_graph *graph = weir_test_graph(registry, yaml, 0);
    weir_free(yaml);
    graph->batch_rows = 16;
    return graph;
}

static bool enough(struct weir_sim *sim, struct weir_run *run)
{
    (void)sim;
    return weir_run_last_checkpoint(run) >= 2;
}

/* Runs the job until it has made a few, and crashes it. The newest one's directory; the caller frees. */
static char *make_checkpoint(const char *backend)
{
    struct weir_registry *registry;
    struct weir_error error = {0};
    struct weir_sim sim = {0};
    struct weir_run *run = NULL;
    char *path = NULL;
    int64_t number;
    bool own;
    weir_test_remove(FOLDER);
    registry = weir_test_registry(NULL);
    struct weir_stream_graph *graph = compile(backend, registry);
    weir_sim_init(&sim, 11);
    sim.clock.drift_ns = 100000;
    sim.enough = enough;
    struct weir_deploy_options o = {.platform = &sim.platform, .registry = registry, .graph = graph};
    weir_status s = weir_run_deploy(&o, &run, &error);
    if (s == WEIR_OK) s = weir_sim_run(&sim, run, &error);
    if (s < 0) fprintf(stderr, "\n%s\n", error.text);
    CU_ASSERT_EQUAL_FATAL(s, WEIR_MORE);
    weir_run_destroy(run);
    CU_ASSERT_EQUAL_FATAL(folders_newest(os(), FOLDER "/checkpoints", &path, &number, &own, &error), WEIR_OK);
    CU_ASSERT_PTR_NOT_NULL_FATAL(path);
    weir_stream_graph_destroy(graph, weir_part_spec_destroy);
    weir_registry_destroy(registry);
    return path;
}

static weir_status load(void *to, const char *path, bool is_directory, int64_t size)
{
    struct weir_error error;
    char *bytes, *name = weir_format("/chk/%s", weir_path_basename(path));
    size_t n;
    CU_ASSERT_FALSE_FATAL(is_directory);
    CU_ASSERT_EQUAL_FATAL(weir_read_file(os(), path, 1 << 24, &bytes, &n, &error), WEIR_OK);
    CU_ASSERT_EQUAL(n, size);
    memory_disk_put(to, name, bytes, n);
    weir_free(bytes);
    weir_free(name);
    return WEIR_OK;
}

/* The checkpoint as files in memory, in /chk: they are damaged some ten thousand times. */
static void init(struct memory_disk *disk, const char *backend)
{
    struct weir_saved saved = {0};
    struct weir_error error;
    char *path = make_checkpoint(backend);
    memory_disk_init(disk);
    CU_ASSERT_EQUAL_FATAL(os()->list(NULL, path, load, disk, &error), WEIR_OK);
    CU_ASSERT_EQUAL_FATAL(folders_read(&disk->platform, "/chk", &saved, &error), WEIR_OK);
    weir_saved_finish(&saved);
    weir_free(path);
    weir_test_remove(FOLDER);
}

/* ---- damage ------------------------------------------------------------------------------------------------------ */

/* What is said names the file, and a byte or a range that begins at or before this one; and, unless the file was cut,
 * reaches it. */
static bool is_place(const char *text, const char *path, size_t at, bool cut)
{
    size_t first, last;
    const char *told = strstr(text, path), *where = told ? strstr(told, "byte") : NULL;
    if (where && sscanf(where, "bytes %zu to %zu:", &first, &last) == 2) return first <= at && (cut || at <= last);
    return where && sscanf(where, "byte %zu", &first) == 1 && first <= at;
}

static bool is_told(struct memory_disk *disk, const struct memory_file *f, size_t at, bool cut)
{
    struct weir_saved saved = {0};
    struct weir_error error = {0};
    weir_status s = folders_read(&disk->platform, "/chk", &saved, &error);
    bool told = s == WEIR_E_DATA && saved.n == 0 && is_place(error.text, f->path, at, cut);
    if (!told) fprintf(stderr, "\n%s, byte %zu of %zu: %s\n", f->path, at, f->n, error.text);
    weir_saved_finish(&saved);
    return told;
}

static bool is_metadata(const struct memory_file *f)
{
    return strcmp(f->path, "/chk/_metadata") == 0;
}

static bool flip(struct memory_disk *disk, struct memory_file *f, size_t at, uint8_t bits)
{
    /* The last bytes of the metadata are its checksum: what is told to be wrong is what is before it. */
    size_t wrong = is_metadata(f) && at >= f->n - 8 ? 0 : at;
    f->bytes[at] ^= bits;
    bool told = is_told(disk, f, wrong, false);
    f->bytes[at] ^= bits;
    return told;
}

/* Every byte of the metadata in turn, and wherever any of the files may end. */
static void damage_in_turn(struct memory_disk *disk)
{
    for (size_t i = 0; i < disk->n; i++) {
        struct memory_file *f = &disk->files[i];
        size_t whole = f->n, step = is_metadata(f) ? 1 : 1 + whole / 500;
        for (size_t at = 0; is_metadata(f) && at < whole; at++)
            CU_ASSERT_FATAL(flip(disk, f, at, 0xff) && flip(disk, f, at, (uint8_t)(1 << at % 8)));
        for (f->n = 0; f->n < whole; f->n += step) CU_ASSERT_FATAL(is_told(disk, f, f->n, true));
        f->n = whole;
    }
}

static struct memory_file *pick(struct memory_disk *disk, uint64_t *at)
{
    size_t i = 0;
    while (is_metadata(&disk->files[i]) || *at >= disk->files[i].n) {
        if (!is_metadata(&disk->files[i])) *at -= disk->files[i].n;
        i++;
    }
    return &disk->files[i];
}

static void damage_at_random(struct memory_disk *disk)
{
    struct weir_random r = {7};
    struct weir_saved saved = {0};
    struct weir_error error;
    uint64_t bytes = 0;
    for (size_t i = 0; i < disk->n; i++) bytes += is_metadata(&disk->files[i]) ? 0 : disk->files[i].n;
    printf("%zu files, %" PRIu64 " bytes of state ... ", disk->n, bytes);
    CU_ASSERT(disk->n > 8 && bytes > 50000);
    for (int i = 0; i < 10000; i++) {
        uint64_t at = weir_random_below(&r, bytes);
        struct memory_file *f = pick(disk, &at);
        CU_ASSERT_FATAL(flip(disk, f, at, (uint8_t)(1 + weir_random_below(&r, 255))));
    }
    CU_ASSERT_EQUAL(folders_read(&disk->platform, "/chk", &saved, &error), WEIR_OK); /* it was put right each time */
    weir_saved_finish(&saved);
}

/* A file that is another one's, or is not there. */
static void damage_names(struct memory_disk *disk)
{
    const struct weir_platform *p = &disk->platform;
    for (size_t i = 0; i < disk->n; i++) {
        struct memory_file *a = &disk->files[i], *b = &disk->files[(i + 1) % disk->n], kept = *a;
        struct weir_saved saved = {0};
        struct weir_error error = {0};
        char *path = weir_strdup(a->path);
        if (a->n != b->n || memcmp(a->bytes, b->bytes, a->n) != 0) {
            a->bytes = b->bytes, a->n = b->n;
            CU_ASSERT_EQUAL(folders_read(p, "/chk", &saved, &error), WEIR_E_DATA);
            WEIR_ASSERT_CONTAINS(error.text, path);
            a->bytes = kept.bytes, a->n = kept.n;
        }
        CU_ASSERT_EQUAL(p->rename(disk, path, "/lost", &error), WEIR_OK);
        CU_ASSERT_NOT_EQUAL(folders_read(p, "/chk", &saved, &error), WEIR_OK);
        WEIR_ASSERT_CONTAINS(error.text, path);
        CU_ASSERT_EQUAL(p->rename(disk, "/lost", path, &error), WEIR_OK);
        weir_free(path);
    }
}

static void damage(const char *backend)
{
    struct memory_disk disk;
    init(&disk, backend);
    damage_in_turn(&disk);
    damage_at_random(&disk);
    damage_names(&disk);
    memory_disk_finish(&disk);
}

static void checkpoints_of_the_heap(void)
{
    damage("heap");
}
static void checkpoints_of_leveldb(void)
{
    damage("leveldb");
}

WEIR_SUITE(corruption) = {{"damage of checkpoints of the heap is told", checkpoints_of_the_heap},
                          {"damage of checkpoints of leveldb is told", checkpoints_of_leveldb},
                          {NULL, NULL}};
