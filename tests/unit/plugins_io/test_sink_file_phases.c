/* The file sink exactly once: its phases by hand, and a crash at every call that changes a file (semantics A9). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "harness/lines.h"
#include "harness/mock_host.h"
#include "harness/suite.h"

const weir_plugin *weir_test_sink_file(void);
const weir_plugin *weir_test_encoder_csv(void);
const weir_plugin *weir_test_encoder_json_lines(void);

struct options { /* of one sink; NULL: its default */
    const char *path, *bucket, *bucket_time, *bucket_field, *roll_size, *roll_on_checkpoint, *missing;
    const char *input;
    uint32_t parallelism;
    bool no_checkpoints;
};
#define COLUMNS "a:i64, b:string?, at:timestamp?"
#define SAVED   "\ncsv: a i64, b string, at timestamp"

static struct mock_host *sink(struct mock_machine *m, const struct options *o, uint32_t subtask)
{
    static const weir_component *known[3];
    known[0] = mock_component(weir_test_encoder_csv(), "csv");
    known[1] = mock_component(weir_test_encoder_json_lines(), "json_lines");
    struct mock_host *h =
        mock_host_create(&(struct mock_host_config){.component = mock_component(weir_test_sink_file(), "file"),
                                                    .known = known,
                                                    .machine = m,
                                                    .input = o->input ? o->input : COLUMNS,
                                                    .subtask = subtask,
                                                    .parallelism = o->parallelism,
                                                    .checkpoints = !o->no_checkpoints});
    mock_set(h, "path", o->path ? o->path : "/out/");
    mock_set(h, "format.header", "false");
    if (o->bucket) mock_set(h, "bucket", o->bucket);
    if (o->bucket_time) mock_set(h, "bucket_time", o->bucket_time);
    if (o->bucket_field) mock_set(h, "bucket_field", o->bucket_field);
    if (o->roll_size) mock_set(h, "roll_size", o->roll_size);
    if (o->roll_on_checkpoint) mock_set(h, "roll_on_checkpoint", o->roll_on_checkpoint);
    if (o->missing) mock_set(h, "missing", o->missing);
    return h;
}

/* "NAME: CONTENT" of every file, sorted; hidden ones only with `all`. */
static char *files(const struct mock_machine *m, bool all)
{
    struct weir_text t = {0};
    size_t n = mock_file_count(m);
    const char **paths = weir_alloc_array(n + 1, sizeof *paths);
    for (size_t i = 0; i < n; i++) paths[i] = mock_file_path(m, i);
    qsort(paths, n, sizeof *paths, weir_lines_compare);
    for (size_t i = 0; i < n; i++) {
        if (all || strstr(paths[i], "/.") == NULL)
            weir_text_add(&t, "%s: %s", paths[i] + strlen("/out/"),
                          mock_file_get((struct mock_machine *)(uintptr_t)m, paths[i], NULL));
    }
    weir_free(paths);
    return weir_text_take(&t);
}

static void expect_files(const struct mock_machine *m, bool all, const char *expected)
{
    char *found = files(m, all);
    if (strcmp(found, expected) != 0) fprintf(stderr, "\nfound:\n%s\nexpected:\n%s\n", found, expected);
    CU_ASSERT_STRING_EQUAL(found, expected);
    weir_free(found);
}

/* ---- one subtask ------------------------------------------------------------------------------------------------- */

static void a_part_appears_with_the_checkpoint_after_it_was_rolled(void)
{
    struct mock_machine *m = mock_machine_create();
    struct mock_host *h = sink(m, &(struct options){.roll_size = "9"}, 0);
    struct mock_saved one = {0}, two = {0}, last = {0};
    CU_ASSERT_EQUAL(mock_write(h, "1|x|~\n2|x|~\n3|x|~\n"), WEIR_OK); /* "1,x,\n" each: two fill a part */
    expect_files(m, true, ".part-0-0.csv.inprogress: 1,x,\n2,x,\n.part-0-1.csv.inprogress: ");
    CU_ASSERT_EQUAL(mock_snapshot(h, 1, &one), WEIR_OK);
    CU_ASSERT_EQUAL_FATAL(one.n, 3);
    CU_ASSERT_STRING_EQUAL(one.items[0], "pending 10 part-0-0.csv" SAVED);
    CU_ASSERT_STRING_EQUAL(one.items[1], "open 5 part-0-1.csv" SAVED);
    CU_ASSERT_STRING_EQUAL(one.items[2], "next 2\n../");
    CU_ASSERT_EQUAL(mock_write(h, "4|x|~\n"), WEIR_OK);
    expect_files(m, false, "");
    CU_ASSERT_EQUAL(mock_committed(h, 1), WEIR_OK);
    expect_files(m, false, "part-0-0.csv: 1,x,\n2,x,\n"); /* part 1 was rolled behind the barrier */
    CU_ASSERT_EQUAL(mock_committed(h, 1), WEIR_OK);
    CU_ASSERT_EQUAL(mock_snapshot(h, 2, &two), WEIR_OK);
    CU_ASSERT_STRING_EQUAL(two.items[0], "pending 10 part-0-1.csv" SAVED);
    CU_ASSERT_STRING_EQUAL(two.items[1], "next 2\n"); /* the folder itself: something was renamed in it */
    CU_ASSERT_EQUAL(mock_write(h, "5|x|~\n"), WEIR_OK);
    CU_ASSERT_EQUAL(mock_finish(h), WEIR_OK);
    expect_files(m, false, "part-0-0.csv: 1,x,\n2,x,\n"); /* nobody commits but the last checkpoint */
    CU_ASSERT_EQUAL(mock_snapshot(h, 3, &last), WEIR_OK);
    CU_ASSERT_EQUAL(mock_committed(h, 3), WEIR_OK); /* covers 2, which was never told */
    expect_files(m, true, "part-0-0.csv: 1,x,\n2,x,\npart-0-1.csv: 3,x,\n4,x,\npart-0-2.csv: 5,x,\n");
    mock_host_destroy(h);
    mock_machine_destroy(m);
}

static void what_came_after_the_checkpoint_is_undone(void)
{
    struct mock_machine *m = mock_machine_create();
    struct options o = {.roll_size = "9"};
    struct mock_host *h = sink(m, &o, 0);
    struct mock_saved saved = {0}, last = {0};
    CU_ASSERT_EQUAL(mock_write(h, "1|x|~\n"), WEIR_OK);
    CU_ASSERT_EQUAL(mock_snapshot(h, 1, &saved), WEIR_OK);
    CU_ASSERT_EQUAL(mock_write(h, "2|x|~\n3|x|~\n4|x|~\n5|x|~\n"), WEIR_OK);
    m->crash_after = m->changes; /* nothing more reaches the disk */
    mock_host_destroy(h);
    m->crash_after = -1;
    m->open_handles = 0;
    expect_files(m, true,
                 ".part-0-0.csv.inprogress: 1,x,\n2,x,\n.part-0-1.csv.inprogress: 3,x,\n4,x,\n.part-0-2.csv.inprogress: ");
    h = sink(m, &o, 0);
    CU_ASSERT_EQUAL(mock_restore(h, 1, &saved, NULL), WEIR_OK);
    CU_ASSERT_EQUAL(mock_write(h, "6|x|~\n"), WEIR_OK);
    expect_files(m, true, ".part-0-0.csv.inprogress: 1,x,\n6,x,\n");
    CU_ASSERT_EQUAL(mock_finish(h), WEIR_OK);
    CU_ASSERT_EQUAL(mock_snapshot(h, 2, &last), WEIR_OK);
    CU_ASSERT_EQUAL(mock_committed(h, 2), WEIR_OK);
    expect_files(m, true, "part-0-0.csv: 1,x,\n6,x,\n");
    mock_host_destroy(h);
    mock_machine_destroy(m);
}

/* A file has one header: records of other columns begin a new part, and one file that has no parts refuses them. */
static void records_of_other_columns_begin_a_part(void)
{
    for (int one = 0; one < 2; one++) {
        struct mock_machine *m = mock_machine_create();
        struct options o = {.path = one ? "/out/one.csv" : NULL}, wider = {.path = o.path, .input = COLUMNS ", c:i64"};
        struct mock_host *h = sink(m, &o, 0);
        struct mock_saved saved = {0}, last = {0};
        CU_ASSERT_EQUAL(mock_write(h, "1|x|~\n"), WEIR_OK);
        CU_ASSERT_EQUAL(mock_snapshot(h, 1, &saved), WEIR_OK);
        mock_host_destroy(h);
        h = sink(m, &wider, 0);
        CU_ASSERT_EQUAL(mock_restore(h, 1, &saved, NULL), one ? WEIR_E_CONFIG : WEIR_OK);
        if (one) {
            WEIR_ASSERT_CONTAINS(weir_text_get(&h->failure),
                                 "'/out/one.csv' has records of the format and columns 'csv: a i64, "
                                 "b string, at timestamp', and those that would follow are 'csv: "
                                 "a i64, b string, at timestamp, c i64'");
        } else {
            CU_ASSERT_EQUAL(mock_write(h, "6|x|~|7\n"), WEIR_OK);
            CU_ASSERT_EQUAL(mock_finish(h), WEIR_OK);
            CU_ASSERT_EQUAL(mock_snapshot(h, 2, &last), WEIR_OK);
            CU_ASSERT_EQUAL(mock_committed(h, 2), WEIR_OK);
            expect_files(m, true, "part-0-0.csv: 1,x,\npart-0-1.csv: 6,x,,7\n");
        }
        mock_host_destroy(h);
        mock_machine_destroy(m);
    }
}

/* TRAP: where neither the pending file nor the finished one is there, records are lost: fail, never silently do nothing. */
static void a_commit_that_finds_neither_file_fails(void)
{
    for (int ignored = 0; ignored < 2; ignored++) {
        struct mock_machine *m = mock_machine_create();
        struct options o = {.missing = ignored ? "ignore" : NULL};
        struct mock_saved saved = {.n = 1};
        snprintf(saved.items[0], sizeof saved.items[0], "pending 5 part-0-0.csv");
        struct mock_host *h = sink(m, &o, 0);
        CU_ASSERT_EQUAL(mock_restore(h, 1, &saved, NULL), ignored ? WEIR_OK : WEIR_E_IO);
        if (!ignored) WEIR_ASSERT_CONTAINS(weir_text_get(&h->failure), "/out/part-0-0.csv");
        WEIR_ASSERT_CONTAINS(weir_text_get(ignored ? &h->logs : &h->failure), ignored ? "moved away" : "are gone");
        mock_host_destroy(h);
        mock_file_put_text(m, "/out/.part-0-0.csv.inprogress", "1,x");
        h = sink(m, &o, 0);
        CU_ASSERT_EQUAL(mock_restore(h, 1, &saved, NULL), WEIR_E_IO);
        WEIR_ASSERT_CONTAINS(weir_text_get(&h->failure), "was saved with 5 bytes and has only 3: records are lost");
        mock_host_destroy(h);
        mock_file_put_text(m, "/out/.part-0-0.csv.inprogress", "1,x,\nmore");
        h = sink(m, &o, 0);
        CU_ASSERT_EQUAL(mock_restore(h, 1, &saved, NULL), WEIR_OK);
        expect_files(m, true, "part-0-0.csv: 1,x,\n");
        mock_host_destroy(h);
        mock_machine_destroy(m);
    }
}

static void another_runs_parts_are_not_mixed_with(void)
{
    struct mock_machine *m = mock_machine_create();
    mock_file_put_text(m, "/out/part-1-0.csv", "old\n");
    struct mock_host *h = sink(m, &(struct options){.parallelism = 1}, 0);
    CU_ASSERT_EQUAL(mock_open(h), WEIR_E_CONFIG);
    WEIR_ASSERT_CONTAINS(weir_text_get(&h->failure), "'/out/part-1-0.csv' is of an earlier run");
    mock_host_destroy(h);
    mock_machine_destroy(m);
}

static void one_file_is_gone_on_with(void)
{
    struct mock_machine *m = mock_machine_create();
    struct options o = {.path = "/out/all.csv"};
    struct mock_saved one = {0}, last = {0}, again = {0};
    mock_file_put_text(m, "/out/all.csv", "old\n");
    struct mock_host *h = sink(m, &o, 0);
    CU_ASSERT_EQUAL(mock_write(h, "1|x|~\n"), WEIR_OK);
    CU_ASSERT_EQUAL(mock_snapshot(h, 1, &one), WEIR_OK);
    CU_ASSERT_EQUAL(mock_committed(h, 1), WEIR_OK);
    CU_ASSERT_EQUAL(mock_write(h, "2|x|~\n"), WEIR_OK);
    mock_host_destroy(h); /* cancelled */
    expect_files(m, false, "all.csv: old\n");
    h = sink(m, &o, 0);
    CU_ASSERT_EQUAL(mock_restore(h, 1, &one, NULL), WEIR_OK);
    CU_ASSERT_EQUAL(mock_write(h, "3|x|~\n"), WEIR_OK);
    CU_ASSERT_EQUAL(mock_finish(h), WEIR_OK); /* stopped */
    CU_ASSERT_EQUAL(mock_snapshot(h, 2, &last), WEIR_OK);
    CU_ASSERT_EQUAL(mock_committed(h, 2), WEIR_OK);
    mock_host_destroy(h);
    expect_files(m, true, "all.csv: 1,x,\n3,x,\n");
    h = sink(m, &o, 0); /* restored at its end: nothing more comes, and nothing is lost */
    CU_ASSERT_EQUAL(mock_restore(h, 2, &last, NULL), WEIR_OK);
    CU_ASSERT_EQUAL(mock_snapshot(h, 3, &again), WEIR_OK);
    CU_ASSERT_EQUAL(mock_finish(h), WEIR_OK);
    CU_ASSERT_EQUAL(mock_committed(h, 3), WEIR_OK);
    mock_host_destroy(h);
    expect_files(m, true, "all.csv: 1,x,\n3,x,\n");
    for (int life = 0; life < 2; life++) { /* and more comes: a crash in between changes nothing */
        h = sink(m, &o, 0);
        CU_ASSERT_EQUAL(mock_restore(h, 3, &again, NULL), WEIR_OK);
        CU_ASSERT_EQUAL(mock_write(h, "4|x|~\n"), WEIR_OK);
        if (life == 1) {
            CU_ASSERT_EQUAL(mock_finish(h), WEIR_OK);
            CU_ASSERT_EQUAL(mock_snapshot(h, 4, &last), WEIR_OK);
            CU_ASSERT_EQUAL(mock_committed(h, 4), WEIR_OK);
        }
        mock_host_destroy(h);
    }
    expect_files(m, true, "all.csv: 1,x,\n3,x,\n4,x,\n");
    mock_machine_destroy(m);
}

/* ---- writes and syncs that fail ---------------------------------------------------------------------------------- */

static void after_a_write_that_failed_nothing_is_saved(void)
{
    struct mock_machine *m = mock_machine_create();
    struct mock_host *h = sink(m, &(struct options){0}, 0);
    struct mock_saved saved = {0};
    CU_ASSERT_EQUAL(mock_write(h, "1|x|~\n"), WEIR_OK);
    m->fail_call = "write";
    CU_ASSERT_EQUAL(mock_snapshot(h, 1, &saved), WEIR_E_IO); /* declined: the job may go on */
    m->fail_call = NULL;
    saved.n = 0;
    CU_ASSERT_EQUAL(mock_snapshot(h, 2, &saved), WEIR_E_IO);
    WEIR_ASSERT_CONTAINS(weir_text_get(&h->failure), "has failed before, and what it lost cannot be known");
    CU_ASSERT_EQUAL(mock_write(h, "2|x|~\n"), WEIR_E_IO);
    CU_ASSERT_EQUAL(mock_finish(h), WEIR_E_IO);
    mock_host_destroy(h);
    mock_machine_destroy(m);
}

static void a_sync_that_failed_is_never_taken_for_success(void)
{
    struct mock_machine *m = mock_machine_create();
    struct options o = {.roll_size = "9"};
    struct mock_host *h = sink(m, &o, 0), *aside = sink(m, &o, 0);
    struct mock_saved saved = {0};
    CU_ASSERT_EQUAL(mock_write(h, "1|x|~\n2|x|~\n3|x|~\n"), WEIR_OK);
    CU_ASSERT_EQUAL(mock_snapshot(h, 1, &saved), WEIR_OK);
    CU_ASSERT_EQUAL(mock_persist(aside, &saved), WEIR_OK);
    m->fail_call = "sync";
    m->fail_after = 1;
    CU_ASSERT_EQUAL(mock_persist(aside, &saved), WEIR_E_IO);
    m->fail_call = NULL;
    CU_ASSERT_EQUAL(mock_persist(aside, &saved), WEIR_E_IO);
    mock_host_destroy(aside);
    aside = sink(m, &o, 0);
    CU_ASSERT_EQUAL(mock_committed(h, 1), WEIR_OK);
    CU_ASSERT_EQUAL(mock_persist(aside, &saved), WEIR_OK); /* a part that is committed meanwhile is no failure */
    mock_host_destroy(aside);
    mock_host_destroy(h);
    mock_machine_destroy(m);
}

/* ---- buckets ----------------------------------------------------------------------------------------------------- */

static void rows_go_into_the_folders_of_their_buckets(void)
{
    struct mock_machine *m = mock_machine_create();
    struct options o = {.bucket = "date=%Y-%m-%d/hour=%H", .bucket_time = "at", .bucket_field = "b", .no_checkpoints = true};
    struct mock_host *h = sink(m, &o, 0);
    CU_ASSERT_EQUAL(mock_write(h, "1|x|0\n2|x|3600000\n3|x|3599999\n4|a/b|-1\n5|~|~\n6||0\n"), WEIR_OK);
    expect_files(m, false, "");
    CU_ASSERT_EQUAL(mock_finish(h), WEIR_OK);
    expect_files(m, true,
                 "b=_empty/date=1970-01-01/hour=00/part-0-4.csv: 6,\"\",0\n"
                 "b=_null/_null/part-0-3.csv: 5,,\n"
                 "b=a%2Fb/date=1969-12-31/hour=23/part-0-2.csv: 4,a/b,-1\n"
                 "b=x/date=1970-01-01/hour=00/part-0-0.csv: 1,x,0\n3,x,3599999\n"
                 "b=x/date=1970-01-01/hour=01/part-0-1.csv: 2,x,3600000\n");
    mock_host_destroy(h);
    mock_machine_destroy(m);
}

static void more_folders_than_files_can_be_open(void)
{
    struct mock_machine *m = mock_machine_create();
    struct options o = {.bucket_field = "b"};
    struct mock_host *h = sink(m, &o, 0);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 100; i++) {
            char row[40];
            snprintf(row, sizeof row, "%d|v%d|~\n", i, i);
            CU_ASSERT_EQUAL(mock_write(h, row), WEIR_OK);
            CU_ASSERT(m->open_handles <= 64);
        }
    }
    CU_ASSERT_EQUAL(mock_finish(h), WEIR_OK);
    CU_ASSERT_EQUAL(m->open_handles, 0);
    CU_ASSERT(mock_file_count(m) > 100);
    mock_host_destroy(h);
    mock_machine_destroy(m);
}

static void a_bucket_that_makes_no_sense_is_refused(void)
{
    static const struct {
        struct options o;
        const char *why;
    } cases[] = {{{.bucket = "/abs"}, "does not name folders below"},
                 {{.bucket = "a/../b"}, "does not name folders below"},
                 {{.bucket = "a//b"}, "does not name folders below"},
                 {{.bucket = "day=%j"}, "may have %Y %m %d"},
                 {{.bucket = "%Y", .bucket_time = "a"}, "'a' is not a timestamp"},
                 {{.bucket_time = "at"}, "there is no `bucket:`"},
                 {{.bucket_field = "at"}, "'at' is not a string"},
                 {{.bucket = "%Y", .path = "/out/one.csv"}, "is one file, and buckets are folders"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mock_host *h = sink(NULL, &cases[i].o, 0);
        CU_ASSERT_EQUAL(mock_open(h), WEIR_E_CONFIG);
        WEIR_ASSERT_CONTAINS(weir_text_get(&h->failure), cases[i].why);
        mock_host_destroy(h);
    }
}

/* ---- a crash at every call --------------------------------------------------------------------------------------- */

/* A job by hand: `lives` of sinks read the numbers 0 .. LAST-1 (dealt by number), from the position of the last complete
 * checkpoint on; a checkpoint after every EVERY numbers. The sink's saved transactions, the position and the parallelism
 * are the checkpoint. */
enum { LAST = 24, EVERY = 5, MOST = 4 };

struct world {
    struct mock_machine *m;
    struct options o;
    struct mock_saved saved; /* of the complete checkpoint */
    int64_t checkpoint;
    int at; /* number to read next */
    uint32_t parallelism;
    uint32_t seed;
};

static uint32_t g_items, g_old, g_new; /* how `dealt` deals: the rule of semantics A6 */
static bool dealt(uint32_t subtask, size_t item, uint32_t mine)
{
    if (g_old == g_new) return subtask == mine;
    uint32_t each = g_items / g_new, longer = g_items % g_new;
    size_t first = mine * each + (mine < longer ? mine : longer);
    return item >= first && item < first + each + (mine < longer);
}

static weir_status take_checkpoint(struct world *w, struct mock_host **h, struct mock_host **aside, uint32_t p, int at)
{
    struct mock_saved saved = {0};
    weir_status s = WEIR_OK;
    for (uint32_t i = 0; s == WEIR_OK && i < p; i++) s = mock_snapshot(h[i], w->checkpoint + 1, &saved);
    for (uint32_t i = 0; s == WEIR_OK && i < p; i++) s = mock_persist(aside[i], &saved);
    if (s == WEIR_OK) mock_lose_unsynced(w->m); /* what a complete checkpoint needs is durable, whatever is lost */
    if (s != WEIR_OK) return s;
    if (w->m->crash_after >= 0 && w->m->changes >= w->m->crash_after) return WEIR_E_IO; /* before it is complete */
    w->saved = saved;
    w->checkpoint++;
    w->at = at;
    w->parallelism = p;
    for (uint32_t i = 0; s == WEIR_OK && i < p; i++) s = mock_committed(h[i], w->checkpoint);
    return s;
}

static weir_status live(struct world *w, struct mock_host **h, struct mock_host **aside, uint32_t p)
{
    weir_status s = WEIR_OK;
    g_items = (uint32_t)w->saved.n;
    g_old = w->parallelism;
    g_new = p;
    for (uint32_t i = 0; s == WEIR_OK && w->checkpoint > 0 && i < p; i++)
        s = mock_restore(h[i], w->checkpoint, &w->saved, dealt);
    for (uint32_t i = 0; s == WEIR_OK && w->checkpoint == 0 && i < p; i++) s = mock_open(h[i]);
    for (int at = w->at; s == WEIR_OK && at < LAST; at++) {
        char row[40];
        snprintf(row, sizeof row, "%d|k%d|~\n", 100 + at, at % 3);
        s = mock_write(h[(uint32_t)at % p], row);
        if (s == WEIR_OK && (at + 1) % EVERY == 0) s = take_checkpoint(w, h, aside, p, at + 1);
    }
    for (uint32_t i = 0; s == WEIR_OK && i < p; i++) s = mock_finish(h[i]);
    return s == WEIR_OK ? take_checkpoint(w, h, aside, p, LAST) : s;
}

static weir_status one_life(struct world *w, uint32_t p)
{
    struct mock_host *h[MOST], *aside[MOST];
    for (uint32_t i = 0; i < p; i++) {
        struct options o = w->o;
        o.parallelism = p;
        h[i] = sink(w->m, &o, i);
        aside[i] = sink(w->m, &o, i);
    }
    weir_status s = live(w, h, aside, p);
    for (uint32_t i = 0; i < p; i++) {
        mock_host_destroy(h[i]);
        mock_host_destroy(aside[i]);
    }
    return s;
}

/* The rows of all finished parts, sorted. */
static char *rows_of(struct mock_machine *m)
{
    char *all = files(m, false), *rest = all;
    struct weir_lines rows = {0};
    for (char *line; (line = strsep(&rest, "\n"));) {
        char *content = strstr(line, ": "); /* a part's first row has its name before it */
        if (*line) weir_lines_add(&rows, content ? content + 2 : line);
    }
    weir_free(all);
    return weir_lines_take(&rows, false);
}

static char *every_number_once(void)
{
    struct weir_text t = {0};
    for (int i = 0; i < LAST; i++) weir_text_add(&t, "%d,k%d,\n", 100 + i, i % 3);
    return weir_text_take(&t);
}

/* Crashes after `first` changes, then, in the lives that follow, after `then` more each, at most three times. */
static bool crash_and_recover(const struct options *o, const uint32_t *parallelisms, int64_t first, int64_t then)
{
    struct world w = {.m = mock_machine_create(), .o = *o};
    char *expected = every_number_once();
    bool crashed = false;
    weir_status s = WEIR_E_IO;
    for (int life = 0; s != WEIR_OK && life < 5; life++) {
        int64_t left = life == 0 ? first : life < 4 ? then : -1;
        w.m->crash_after = left < 0 ? -1 : w.m->changes + left;
        s = one_life(&w, parallelisms[life % 3]);
        crashed |= s != WEIR_OK;
        w.m->crash_after = -1;
        w.m->open_handles = 0;
    }
    CU_ASSERT_EQUAL(s, WEIR_OK);
    char *found = rows_of(w.m);
    if (strcmp(found, expected) != 0) fprintf(stderr, "\ncrash after %d, then %d:\n%s", (int)first, (int)then, found);
    CU_ASSERT_STRING_EQUAL_FATAL(found, expected);
    char *seen = files(w.m, true);
    CU_ASSERT_PTR_NULL(strstr(seen, ".inprogress"));
    weir_free(seen);
    weir_free(found);
    weir_free(expected);
    mock_machine_destroy(w.m);
    return crashed;
}

static void crash_everywhere(const struct options *o, const uint32_t *parallelisms)
{
    int64_t n = 0;
    for (; crash_and_recover(o, parallelisms, n, n % 23 + 7); n++) {
    }
    CU_ASSERT(n > 20);
    for (int64_t then = 0; then < 40; then++) crash_and_recover(o, parallelisms, n / 2, then); /* and in the recovery */
}

static void a_crash_at_every_call_loses_and_repeats_nothing(void)
{
    static const uint32_t same[] = {1, 1, 1}, two[] = {2, 2, 2}, four[] = {4, 4, 4};
    const struct options small = {.roll_size = "20"}, buckets = {.bucket_field = "b", .roll_on_checkpoint = "true"};
    crash_everywhere(&(struct options){0}, same);
    crash_everywhere(&(struct options){.path = "/out/one.csv"}, same);
    crash_everywhere(&small, same);
    crash_everywhere(&small, two);
    crash_everywhere(&small, four);
    crash_everywhere(&buckets, two);
    crash_everywhere(&(struct options){.bucket_field = "b"}, two);
}

static void nor_does_a_crash_followed_by_another_parallelism(void)
{
    static const uint32_t up[] = {1, 2, 4}, down[] = {4, 3, 1};
    const struct options small = {.roll_size = "20"}, buckets = {.bucket_field = "b"};
    crash_everywhere(&small, up);
    crash_everywhere(&small, down);
    crash_everywhere(&buckets, up);
    crash_everywhere(&buckets, down);
}

WEIR_SUITE(sink_file_phases) = {
    {"a part appears with the checkpoint after it was rolled", a_part_appears_with_the_checkpoint_after_it_was_rolled},
    {"what came after the checkpoint is undone", what_came_after_the_checkpoint_is_undone},
    {"records of other columns begin a part", records_of_other_columns_begin_a_part},
    {"TRAP: a commit that finds neither the pending nor the finished file fails", a_commit_that_finds_neither_file_fails},
    {"another run's parts are not mixed with", another_runs_parts_are_not_mixed_with},
    {"one file is gone on with", one_file_is_gone_on_with},
    {"after a write that failed nothing is saved", after_a_write_that_failed_nothing_is_saved},
    {"a sync that failed is never taken for success", a_sync_that_failed_is_never_taken_for_success},
    {"rows go into the folders of their buckets", rows_go_into_the_folders_of_their_buckets},
    {"more folders than files can be open", more_folders_than_files_can_be_open},
    {"a bucket that makes no sense is refused", a_bucket_that_makes_no_sense_is_refused},
    {"a crash at every call loses and repeats nothing", a_crash_at_every_call_loses_and_repeats_nothing},
    {"nor does a crash followed by another parallelism", nor_does_a_crash_followed_by_another_parallelism},
    {NULL, NULL},
};
