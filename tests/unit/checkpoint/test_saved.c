/* A job's state as a directory: what is read is what was written, and damage is told. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/random.h"
#include "checkpoint/saved.h"
#include "harness/folders.h"
#include "harness/suite.h"

#define DIRECTORY WEIR_TEST_FOLDER "/chk-7"

static void add_bytes(struct weir_key_bytes *to, const char *text)
{
    size_t n = strlen(text);
    to->p = weir_alloc(n + 1);
    memcpy(to->p, text, n);
    to->n = to->capacity = n;
}

static void make(struct weir_saved *s)
{
    *s = (struct weir_saved){.checkpoint = 7, .taken_ms = -5, .job = weir_strdup("shop")};
    struct weir_saved_operator *op = weir_saved_add(s, "totals", 3, 128);
    add_bytes(&op->parts[0].header, "header");
    add_bytes(&op->parts[0].keyed, "group three, group five");
    op->parts[0].groups = weir_alloc_array(2, sizeof *op->parts[0].groups);
    op->parts[0].groups[0] = (struct weir_snapshot_group){3, 0, 13};
    op->parts[0].groups[1] = (struct weir_snapshot_group){5, 13, 10};
    op->parts[0].n_groups = op->parts[0].groups_capacity = 2;
    op->parts[0].n_entries = 2;
    struct weir_snapshot_list *list = weir_snapshot_list(&op->parts[2], "rules", WEIR_DEAL_COPY);
    CU_ASSERT_EQUAL(weir_snapshot_add_bytes(list, "abc", 3), WEIR_OK);
    list = weir_snapshot_list(&op->parts[2], WEIR_SPLITS_LIST, WEIR_DEAL_UNION);
    CU_ASSERT_EQUAL(weir_snapshot_add_split(list, &(struct weir_saved_split){11, {"a file", 6}, false, {"position", 8}}),
                    WEIR_OK);
    CU_ASSERT_EQUAL(weir_snapshot_add_split(list, &(struct weir_saved_split){UINT64_MAX, {"", 0}, true, {NULL, 0}}),
                    WEIR_OK);
    weir_saved_add(s, "stateless", 1, 1);
}

static void clean(void)
{
    struct weir_error ignored;
    struct weir_file_info info;
    const struct weir_platform *p = weir_platform_os();
    if (p->info(p->self, DIRECTORY, &info, &ignored) == WEIR_OK) (void)!folders_remove(p, DIRECTORY, &ignored);
    if (p->info(p->self, DIRECTORY ".tmp", &info, &ignored) == WEIR_OK)
        (void)!folders_remove(p, DIRECTORY ".tmp", &ignored);
}

static void write_one(void)
{
    struct weir_saved s;
    struct weir_error error = {0};
    make(&s);
    weir_status status = folders_write(weir_platform_os(), DIRECTORY, &s, NULL, &error);
    if (status != WEIR_OK) fprintf(stderr, "%s\n", error.text);
    CU_ASSERT_EQUAL_FATAL(status, WEIR_OK);
    weir_saved_finish(&s);
}

static weir_status check_split(void *arg, const struct weir_saved_split *split)
{
    if ((*(int *)arg)++ == 0) {
        CU_ASSERT(split->id == 11 && !split->done && split->position.n == 8 && split->description.n == 6);
        CU_ASSERT_EQUAL(memcmp(split->position.p, "position", 8), 0);
    } else {
        CU_ASSERT(split->id == UINT64_MAX && split->done && split->position.n == 0);
    }
    return WEIR_OK;
}

static void what_is_read_is_what_was_written(void)
{
    struct weir_saved s = {0};
    struct weir_error error = {0};
    clean();
    write_one();
    CU_ASSERT_EQUAL_FATAL(folders_read(weir_platform_os(), DIRECTORY, &s, &error), WEIR_OK);
    CU_ASSERT(s.checkpoint == 7 && s.taken_ms == -5 && s.n == 2);
    CU_ASSERT_STRING_EQUAL(s.job, "shop");
    const struct weir_saved_operator *op = weir_saved_find(&s, "totals");
    CU_ASSERT_FATAL(op && op->parallelism == 3 && op->max_parallelism == 128);
    CU_ASSERT(op->parts[0].header.n == 6 && memcmp(op->parts[0].header.p, "header", 6) == 0);
    CU_ASSERT_FATAL(op->parts[0].n_groups == 2 && op->parts[0].groups[1].group == 5);
    CU_ASSERT_EQUAL(memcmp(op->parts[0].keyed.p + op->parts[0].groups[1].offset, "group five", 10), 0);
    CU_ASSERT(op->parts[1].header.n == 0 && op->parts[1].n_lists == 0);
    CU_ASSERT_FATAL(op->parts[2].n_lists == 2 && op->parts[2].lists[0].deal == WEIR_DEAL_COPY);
    bool any;
    int splits = 0;
    CU_ASSERT_EQUAL(weir_restore_splits(op->parts, 3, check_split, &splits, &any, &error), WEIR_OK);
    CU_ASSERT(any && splits == 2);
    CU_ASSERT_EQUAL(weir_restore_splits(op->parts, 2, check_split, &splits, &any, &error), WEIR_OK);
    CU_ASSERT(!any && splits == 2);
    CU_ASSERT_PTR_NOT_NULL(weir_saved_find(&s, "stateless"));
    CU_ASSERT_PTR_NULL(weir_saved_find(&s, "other"));
    weir_saved_finish(&s);
    CU_ASSERT_NOT_EQUAL(access(DIRECTORY ".tmp", F_OK), 0);
    clean();
}

/* ---- damage ------------------------------------------------------------------------------------------------------ */

#define LARGE 200000 /* bytes of keyed state: several blocks, the last one not full */

static void write_large(void)
{
    struct weir_saved s;
    struct weir_error error = {0};
    make(&s);
    struct weir_snapshot *part = &s.operators[0].parts[1];
    add_bytes(&part->header, "header");
    part->keyed.p = weir_alloc(LARGE);
    part->keyed.n = part->keyed.capacity = LARGE;
    for (size_t i = 0; i < LARGE; i++) part->keyed.p[i] = (char)(i * 2654435761u >> 13);
    part->groups = weir_alloc_array(1, sizeof *part->groups);
    part->groups[0] = (struct weir_snapshot_group){1, 0, LARGE};
    part->n_groups = part->groups_capacity = 1;
    CU_ASSERT_EQUAL_FATAL(folders_write(weir_platform_os(), DIRECTORY, &s, NULL, &error), WEIR_OK);
    weir_saved_finish(&s);
}

/* What is said names the file, and where in it: a byte, or a range that it is in; of a file that was cut, before the end. */
static bool is_told(const char *path, size_t at, bool cut)
{
    struct weir_saved s = {0};
    struct weir_error error = {0};
    size_t first, last;
    weir_status status = folders_read(weir_platform_os(), DIRECTORY, &s, &error);
    const char *told = strstr(error.text, path), *where = told ? strstr(told, "byte") : NULL;
    bool right = where && (sscanf(where, "bytes %zu to %zu:", &first, &last) == 2
                               ? first <= at && (cut || at <= last)
                               : sscanf(where, "byte %zu", &first) == 1 && first <= at);
    if (status == WEIR_OK || !right) fprintf(stderr, "\n%s, byte %zu: %s\n", path, at, error.text);
    CU_ASSERT_EQUAL(status, WEIR_E_DATA);
    CU_ASSERT_EQUAL(s.n, 0);
    weir_saved_finish(&s);
    return right;
}

struct victim {
    char *path;
    int fd; /* in place: these tests are about reading */
    char *bytes;
    size_t n;
};

static void open_victim(struct victim *v, const char *name)
{
    struct weir_error error;
    v->path = weir_format("%s/%s", DIRECTORY, name);
    CU_ASSERT_EQUAL_FATAL(weir_read_file(weir_platform_os(), v->path, 1 << 20, &v->bytes, &v->n, &error), WEIR_OK);
    v->fd = open(v->path, O_RDWR);
    CU_ASSERT_FATAL(v->fd >= 0);
}

static void close_victim(struct victim *v)
{
    close(v->fd);
    weir_free(v->bytes);
    weir_free(v->path);
}

static bool flip(struct victim *v, size_t at, unsigned char bits)
{
    char damaged = (char)(v->bytes[at] ^ bits);
    CU_ASSERT_EQUAL(pwrite(v->fd, &damaged, 1, (off_t)at), 1);
    /* Of the metadata the last nine bytes are the checksum: what it says is wrong is what is before it. */
    bool checksum = strstr(v->path, "_metadata") && at >= v->n - 8;
    bool told = is_told(v->path, checksum ? 0 : at, false);
    CU_ASSERT_EQUAL(pwrite(v->fd, &v->bytes[at], 1, (off_t)at), 1);
    return told;
}

static const char *const files[] = {"_metadata", "totals-0.state", "totals-2.state"};

static void every_changed_byte_is_told(void)
{
    clean();
    write_one();
    for (size_t i = 0; i < WEIR_LEN(files); i++) {
        struct victim v;
        open_victim(&v, files[i]);
        for (size_t at = 0; at < v.n; at++) {
            for (int bit = 0; bit < 8; bit++) CU_ASSERT(flip(&v, at, (unsigned char)(1 << bit)));
            CU_ASSERT(flip(&v, at, 0xff));
        }
        close_victim(&v);
    }
    clean();
}

static void every_truncation_is_told(void)
{
    clean();
    write_one();
    for (size_t i = 0; i < WEIR_LEN(files); i++) {
        struct victim v;
        open_victim(&v, files[i]);
        for (size_t n = v.n; n-- > 0;) {
            CU_ASSERT_EQUAL(ftruncate(v.fd, (off_t)n), 0);
            CU_ASSERT(is_told(v.path, n, true));
        }
        CU_ASSERT_EQUAL(pwrite(v.fd, v.bytes, v.n, 0), (ssize_t)v.n);
        CU_ASSERT_EQUAL(pwrite(v.fd, "x", 1, (off_t)v.n), 1); /* nor may anything follow */
        CU_ASSERT(is_told(v.path, v.n + 1, true));
        CU_ASSERT_EQUAL(ftruncate(v.fd, (off_t)v.n), 0);
        close_victim(&v);
    }
    clean();
}

static void ten_thousand_random_changes_are_told(void)
{
    struct weir_random r = {7};
    struct victim v;
    struct weir_saved s = {0};
    struct weir_error error;
    clean();
    write_large();
    open_victim(&v, "totals-1.state");
    CU_ASSERT_EQUAL(v.n, LARGE + 6);
    for (int i = 0; i < 10000; i++) {
        if (!flip(&v, weir_random_below(&r, v.n), (unsigned char)(1 + weir_random_below(&r, 255)))) break;
    }
    CU_ASSERT_EQUAL(folders_read(weir_platform_os(), DIRECTORY, &s, &error), WEIR_OK); /* it was put right each time */
    weir_saved_finish(&s);
    close_victim(&v);
    clean();
}

static void a_missing_file_is_told(void)
{
    struct weir_saved s = {0};
    struct weir_error error;
    clean();
    write_one();
    CU_ASSERT_EQUAL(unlink(DIRECTORY "/totals-2.state"), 0);
    CU_ASSERT_NOT_EQUAL(folders_read(weir_platform_os(), DIRECTORY, &s, &error), WEIR_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "totals-2.state"));
    clean();
}

/* A savepoint can be moved, and a removal that a crash broke off leaves nothing that looks like one. */
static void it_can_be_moved_and_is_removed_under_another_name(void)
{
    const struct weir_platform *p = weir_platform_os();
    struct weir_saved s = {0};
    struct weir_error error;
    clean();
    write_one();
    CU_ASSERT_EQUAL(p->make_directory(p->self, DIRECTORY ".tmp", &error), WEIR_OK); /* of an earlier removal */
    CU_ASSERT_EQUAL(rename(DIRECTORY, DIRECTORY "-moved"), 0);
    CU_ASSERT_EQUAL(folders_read(p, DIRECTORY "-moved", &s, &error), WEIR_OK);
    weir_saved_finish(&s);
    CU_ASSERT_EQUAL(rename(DIRECTORY "-moved", DIRECTORY), 0);
    CU_ASSERT_EQUAL(mkdir(DIRECTORY "/folder", 0777), 0); /* what is in it cannot be removed */
    CU_ASSERT_EQUAL(mkdir(DIRECTORY "/folder/more", 0777), 0);
    CU_ASSERT_NOT_EQUAL(folders_remove(p, DIRECTORY, &error), WEIR_OK);
    CU_ASSERT_NOT_EQUAL(access(DIRECTORY, F_OK), 0);
    CU_ASSERT_EQUAL(access(DIRECTORY ".tmp/folder/more", F_OK), 0);
    CU_ASSERT_EQUAL(rmdir(DIRECTORY ".tmp/folder/more"), 0);
    CU_ASSERT_EQUAL(folders_remove(p, DIRECTORY ".tmp", &error), WEIR_OK);
    CU_ASSERT_NOT_EQUAL(access(DIRECTORY ".tmp", F_OK), 0);
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

static void what_a_crash_left_is_written_over(void)
{
    const struct weir_platform *p = weir_platform_os();
    struct weir_error error;
    clean();
    CU_ASSERT_EQUAL(p->make_directory(p->self, DIRECTORY ".tmp", &error), WEIR_OK);
    FILE *f = fopen(DIRECTORY ".tmp/half-0.state", "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fclose(f);
    write_one();
    CU_ASSERT_NOT_EQUAL(access(DIRECTORY "/half-0.state", F_OK), 0);
    clean();
}

static void no_checkpoint_is_told(void)
{
    struct weir_saved s = {0};
    struct weir_error error;
    clean();
    CU_ASSERT_NOT_EQUAL(folders_read(weir_platform_os(), DIRECTORY, &s, &error), WEIR_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "no checkpoint or savepoint can be read from"));
}

WEIR_SUITE(saved) = {
    {"what is read is what was written", what_is_read_is_what_was_written},
    {"every changed byte is told", every_changed_byte_is_told},
    {"every truncation is told", every_truncation_is_told},
    {"ten thousand random changes are told", ten_thousand_random_changes_are_told},
    {"a missing file is told", a_missing_file_is_told},
    {"it can be moved, and is removed under another name", it_can_be_moved_and_is_removed_under_another_name},
    {"what a crash left is written over", what_a_crash_left_is_written_over},
    {"no checkpoint is told", no_checkpoint_is_told},
    {NULL, NULL}};
