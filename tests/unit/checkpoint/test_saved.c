/* A job's state as a directory: what is read is what was written, and damage is told. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "checkpoint/saved.h"
#include "harness/suite.h"

#define DIRECTORY WEIR_BUILD_DIR "/tests/checkpoint/chk-7"

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
    if (p->info(p->self, DIRECTORY, &info, &ignored) == WEIR_OK) (void)!weir_saved_remove(p, DIRECTORY, &ignored);
    if (p->info(p->self, DIRECTORY ".tmp", &info, &ignored) == WEIR_OK)
        (void)!weir_saved_remove(p, DIRECTORY ".tmp", &ignored);
}

static void write_one(void)
{
    struct weir_saved s;
    struct weir_error error = {0};
    make(&s);
    weir_status status = weir_saved_write(weir_platform_os(), DIRECTORY, &s, &error);
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
    CU_ASSERT_EQUAL_FATAL(weir_saved_read(weir_platform_os(), DIRECTORY, &s, &error), WEIR_OK);
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

/* Every byte of every file, changed, is found. */
static void every_changed_byte_is_told(void)
{
    static const char *const files[] = {"_metadata", "totals-0.state", "totals-2.state"};
    const struct weir_platform *p = weir_platform_os();
    clean();
    write_one();
    for (size_t i = 0; i < WEIR_LEN(files); i++) {
        char *path = weir_format("%s/%s", DIRECTORY, files[i]), *bytes;
        struct weir_error error;
        size_t n;
        CU_ASSERT_EQUAL_FATAL(weir_read_file(p, path, 1 << 20, &bytes, &n, &error), WEIR_OK);
        for (size_t k = 0; k < n; k++) {
            struct weir_saved s = {0};
            bytes[k] = (char)(bytes[k] ^ 0x41);
            FILE *f = fopen(path, "w"); /* in place: this test is about reading */
            CU_ASSERT_EQUAL(fwrite(bytes, 1, n, f), n);
            fclose(f);
            CU_ASSERT_NOT_EQUAL(weir_saved_read(p, DIRECTORY, &s, &error), WEIR_OK);
            CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "chk-7"));
            bytes[k] = (char)(bytes[k] ^ 0x41);
        }
        FILE *f = fopen(path, "w");
        CU_ASSERT_EQUAL(fwrite(bytes, 1, n, f), n);
        fclose(f);
        weir_free(bytes);
        weir_free(path);
    }
    clean();
}

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
    CU_ASSERT_NOT_EQUAL(weir_saved_read(weir_platform_os(), DIRECTORY, &s, &error), WEIR_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "no checkpoint or savepoint can be read from"));
}

WEIR_SUITE(saved) = {{"what is read is what was written", what_is_read_is_what_was_written},
                     {"every changed byte is told", every_changed_byte_is_told},
                     {"what a crash left is written over", what_a_crash_left_is_written_over},
                     {"no checkpoint is told", no_checkpoint_is_told},
                     {NULL, NULL}};
