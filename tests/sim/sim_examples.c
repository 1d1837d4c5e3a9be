/* Every example job under the seeded scheduler (harness/sim.h): whatever the order in which subtasks run, the
 * parallelism, the size of batches and channels, the sorted output is that of the plain run.
 *
 *   sim_examples NAME            seeds 1 .. WEIR_SIM_SEEDS (200; 20 in a sanitizer build)
 *   sim_examples NAME SEED       that one
 *
 * From a seed follow parallelism, batch_rows, channel_batches, chaining, the cut of files, where state lives, and then the
 * schedule.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "harness/lines.h"
#include "harness/sim_job.h"

#ifdef WEIR_SANITIZED
#define SEEDS 20
#else
#define SEEDS 200
#endif
#define MOST_OVERRIDES 14
#define OPENING_SEED   UINT64_MAX /* its run uses every plugin that any may use */

struct example {
    const char *name, *folder;
    const char *manifest;           /* NULL: job.yaml */
    const char *files[3];           /* variables that name output files */
    struct weir_assignment sets[4]; /* further variables */
    struct weir_assignment overrides[4];
    const char *split_size, *other_split_size; /* paths of the options that cut the input files; NULL: they stay whole */
};
static const struct example examples[] = {
    {.name = "first_map", .folder = "first_map"},
    {.name = "first_keyed", .folder = "first_keyed"},
    {.name = "fraud", .folder = "fraud", .files = {"output"}, .split_size = "nodes.payments.source.file.split_size"},
    /* Periodic watermarks come when the clock says so: nothing must be late by them. */
    {.name = "hot_items",
     .folder = "hot_items",
     .files = {"output", "late"},
     .sets = {{"delay", "3h"}},
     .split_size = "nodes.behaviour.source.file.split_size"},
    /* A watermark after every record of one split: what is late is a matter of the input alone. */
    {.name = "hot_items_late",
     .folder = "hot_items",
     .files = {"output", "late"},
     .sets = {{"delay", "1min"}, {"emit", "every_record"}},
     .overrides = {{"nodes.behaviour.source.file.whole_files", "true"},
                   {"nodes.behaviour.parallelism", "1"},
                   {"nodes.page_views.parallelism", "1"}}},
    {.name = "hot_pages", .folder = "hot_pages", .files = {"output"}, .split_size = "nodes.requests.source.file.split_size"},
    {.name = "login_failures",
     .folder = "login_failures",
     .files = {"output"},
     .split_size = "nodes.logins.source.file.split_size"},
    {.name = "order_timeout",
     .folder = "order_timeout",
     .files = {"output", "timeouts", "unmatched"},
     .split_size = "nodes.orders.source.file.split_size",
     .other_split_size = "nodes.payments.source.file.split_size"},
    {.name = "page_views", .folder = "page_views", .files = {"output"}, .split_size = "nodes.visits.source.file.split_size"},
    {.name = "rules",
     .folder = "rules",
     .files = {"output"},
     .split_size = "nodes.events.source.file.split_size",
     .other_split_size = "nodes.rules.source.file.split_size"},
    {.name = "temperature",
     .folder = "temperature",
     .files = {"output"},
     .split_size = "nodes.readings.source.file.split_size"},
    {.name = "click_sessions",
     .folder = "click_sessions",
     .files = {"output"},
     .split_size = "nodes.clicks.source.file.split_size"},
    {.name = "late_data", .folder = "late_data", .files = {"waited", "updated", "prompt"}},
    {.name = "reconcile",
     .folder = "reconcile",
     .files = {"output", "unpaid", "unordered"},
     .split_size = "nodes.orders.source.file.split_size"},
    {.name = "reconcile_join",
     .folder = "reconcile",
     .manifest = "interval_join.yaml",
     .files = {"output"},
     .split_size = "nodes.payments.source.file.split_size"},
    {.name = "enrich", .folder = "enrich", .files = {"output"}, .split_size = "nodes.orders.source.file.split_size"},
    {.name = "enrich_ordered",
     .folder = "enrich",
     .files = {"output"},
     .sets = {{"order", "ordered"}},
     .overrides = {{"nodes.enriched.capacity", "3"}},
     .split_size = "nodes.orders.source.file.split_size"},
    {.name = "wordcount", .folder = "wordcount", .split_size = "nodes.lines.source.file.split_size"},
    {.name = NULL},
};

struct stage {
    struct weir_sim_stage sim;
    const struct example *example;
    char directory[256]; /* of output files */
};

static void must(weir_status status, const struct weir_error *error)
{
    if (status == WEIR_OK) return;
    fprintf(stderr, "%s\n", error->text);
    exit(1);
}

/* ---- a run's settings ----------------------------------------------------------------------------------------- */

struct settings {
    uint32_t parallelism;
    struct weir_assignment overrides[MOST_OVERRIDES];
    size_t n;
};

static void override(struct settings *s, const char *name, const char *value)
{
    WEIR_ASSERT(s->n < MOST_OVERRIDES);
    s->overrides[s->n++] = (struct weir_assignment){name, value};
}

static const char *draw(struct weir_random *r, const char *const *choices, uint32_t n)
{
    return choices[weir_random_below(r, n)];
}

/* Of this example alone: two of them may run the same job at a time. */
static char state_directory[512];

/* Seed 0: as the manifest says, at parallelism 1. */
static struct settings settings_of(const struct example *e, uint64_t seed)
{
    static const uint32_t parallelisms[] = {1, 2, 4};
    static const char *const rows[] = {"1", "7", "1024"}, *const channels[] = {"1", "2", "8"},
                             *const cuts[] = {"300B", "10KiB", "64MiB"}, *const caches[] = {"4KiB", "256KiB", "1MiB"};
    struct settings s = {.parallelism = 1};
    struct weir_random r = {seed * 0x9e3779b97f4a7c15u};
    for (size_t i = 0; i < 4 && e->overrides[i].name; i++) override(&s, e->overrides[i].name, e->overrides[i].value);
    if (seed == 0) return s;
    s.parallelism = parallelisms[weir_random_below(&r, 3)];
    override(&s, "defaults.batch_rows", draw(&r, rows, 3));
    override(&s, "defaults.channel_batches", draw(&r, channels, 3));
    override(&s, "defaults.chaining", weir_random_below(&r, 4) ? "true" : "false");
    if (e->split_size) override(&s, e->split_size, draw(&r, cuts, 3));
    if (e->other_split_size) override(&s, e->other_split_size, draw(&r, cuts, 3));
    if (weir_random_below(&r, 3) && seed != OPENING_SEED) return s;
    override(&s, "state.backend", "{leveldb: {sync: false, write_buffer: 64KiB}}");
    override(&s, "state.cache", draw(&r, caches, 3)); /* 4KiB: everything goes all the time */
    override(&s, "state.directory", state_directory);
    return s;
}

static void describe(const struct example *e, uint64_t seed)
{
    struct settings s = settings_of(e, seed);
    fprintf(stderr, "  seed %" PRIu64 ": parallelism %u", seed, s.parallelism);
    for (size_t i = 0; i < s.n; i++) fprintf(stderr, ", %s=%s", s.overrides[i].name, s.overrides[i].value);
    fprintf(stderr, "\n  to see it again: sim_examples %s %" PRIu64 "\n", e->name, seed);
}

/* ---- a run ---------------------------------------------------------------------------------------------------- */

/* The lines of what was printed, without "id:2> ", and of the output files; sorted. */
static char *sorted_output(struct stage *g)
{
    struct weir_text all = {0};
    const char *printed = weir_text_get(&g->sim.printed);
    for (size_t n; *printed; printed += n) {
        n = strcspn(printed, "\n") + 1;
        const char *prefix = memchr(printed, '>', n < 24 ? n : 24);
        size_t skip = prefix ? (size_t)(prefix + 2 - printed) : 0;
        weir_text_add_bytes(&all, printed + skip, n - skip);
    }
    for (size_t i = 0; i < 3 && g->example->files[i]; i++) {
        char path[320], *bytes;
        size_t n;
        struct weir_error error;
        snprintf(path, sizeof path, "%s/%s.csv", g->directory, g->example->files[i]);
        must(weir_read_file(weir_platform_os(), path, (size_t)1 << 30, &bytes, &n, &error), &error);
        weir_text_add_bytes(&all, bytes, n);
        weir_free(bytes);
        unlink(path);
    }
    char *sorted = weir_sorted_lines(weir_text_get(&all));
    weir_text_finish(&all);
    return sorted;
}

/* NULL: the run failed, and said why. The caller frees. */
static char *run(struct stage *g, uint64_t seed)
{
    const struct example *e = g->example;
    struct settings settings = settings_of(e, seed);
    struct weir_assignment sets[8];
    char paths[3][320], manifest[512];
    size_t n = 0;
    for (; n < 3 && e->files[n]; n++) {
        snprintf(paths[n], sizeof paths[n], "%s/%s.csv", g->directory, e->files[n]);
        sets[n] = (struct weir_assignment){e->files[n], paths[n]};
    }
    for (size_t i = 0; i < 4 && e->sets[i].name; i++) sets[n++] = e->sets[i];
    snprintf(manifest, sizeof manifest, "%s/examples/%s/%s", WEIR_SOURCE_DIR, e->folder,
             e->manifest ? e->manifest : "job.yaml");
    struct weir_sim_job job = {.manifest = manifest,
                               .seed = seed,
                               .parallelism = settings.parallelism,
                               .sets = sets,
                               .n_sets = n,
                               .overrides = settings.overrides,
                               .n_overrides = settings.n};
    struct weir_text trouble = {0};
    weir_status s = weir_sim_job_run(&g->sim, &job, &trouble);
    char *output = s == WEIR_OK ? sorted_output(g) : NULL;
    if (s != WEIR_OK) fprintf(stderr, "%s: %s", e->name, weir_text_get(&trouble));
    weir_text_finish(&trouble);
    weir_text_finish(&g->sim.printed);
    return output;
}

/* ---- comparing ------------------------------------------------------------------------------------------------ */

static void show_first_difference(const char *expected, const char *found)
{
    while (*expected && *expected == *found) expected++, found++;
    fprintf(stderr, "  first difference, sorted: expected ...%.60s\n                            found ...%.60s\n", expected,
            found);
}

static bool same_as(struct stage *g, const char *expected, uint64_t seed)
{
    char *found = run(g, seed);
    bool same = found && strcmp(found, expected) == 0;
    if (!same) {
        if (found) fprintf(stderr, "%s: another output than the plain run's\n", g->example->name);
        if (found) show_first_difference(expected, found);
        describe(g->example, seed);
    }
    weir_free(found);
    return same;
}

static uint64_t number_of(const char *text, uint64_t otherwise)
{
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static int check(struct stage *g, const char *one_seed)
{
    uint64_t first = one_seed ? number_of(one_seed, 1) : 1,
             last = one_seed ? first : number_of(getenv("WEIR_SIM_SEEDS"), SEEDS);
    unsigned failures = 0;
    size_t blocks = weir_allocated_blocks();
    char *expected = run(g, 0);
    if (!expected) return 1;
    for (uint64_t seed = first; seed <= last && failures < 3; seed++) failures += !same_as(g, expected, seed);
    fprintf(stderr, "%s: seeds %" PRIu64 " to %" PRIu64 ": %s, %zu bytes of output\n", g->example->name, first, last,
            failures ? "FAILED" : "all the same", strlen(expected));
    weir_free(expected);
    if (weir_allocated_blocks() == blocks) return failures > 0;
    fprintf(stderr, "%s: %zd blocks of memory were not given back\n", g->example->name,
            (ssize_t)(weir_allocated_blocks() - blocks));
    return 1;
}

int main(int argc, char **argv)
{
    static const char *const directories[] = {WEIR_BUILD_DIR "/plugins", NULL};
    struct stage g = {.example = examples};
    struct weir_error error;
    while (g.example->name && (argc < 2 || strcmp(g.example->name, argv[1]) != 0)) g.example++;
    if (!g.example->name) {
        fprintf(stderr, "usage: sim_examples NAME [SEED]\n");
        return 2;
    }
    snprintf(g.directory, sizeof g.directory, "%s/tests/sim/out/%s", WEIR_BUILD_DIR, g.example->name);
    snprintf(state_directory, sizeof state_directory, "%s/tests/sim/out/%s.state", WEIR_BUILD_DIR, g.example->name);
    must(weir_platform_os()->make_directory(NULL, g.directory, &error), &error);
    must(weir_sim_stage_init(&g.sim, directories, &error), &error);
    weir_free(run(&g, 0)); /* plugin files stay open, the first runs open them */
    weir_free(run(&g, OPENING_SEED));
    int code = check(&g, argc > 2 ? argv[2] : NULL);
    weir_sim_stage_finish(&g.sim);
    return code;
}
