/* Where a job was suspended, damaged in every place; and the older checkpoint that a message names, which nothing goes on
 * from by itself. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/text.h"
#include "checkpoint/saved.h"
#include "harness/folders_job.h"
#include "harness/suite.h"
#include "job/checkpoint_files.h"
#include "job/checkpoints.h"

#define DIRECTORY WEIR_TEST_FOLDER
#define FILE_NAME DIRECTORY "/_suspended"

static const struct weir_platform *os(void)
{
    return weir_platform_os();
}

static void write_one(int64_t number)
{
    struct weir_error error = {0};
    struct weir_saved saved = {.checkpoint = number, .job = weir_strdup("shop")};
    char *name = weir__checkpoint_name(number), *path = weir_path_join(DIRECTORY, name);
    weir_saved_add(&saved, "counts", 1, 8);
    CU_ASSERT_EQUAL_FATAL(folders_write(os(), path, &saved, NULL, &error), WEIR_OK);
    weir_saved_finish(&saved);
    weir_free(path);
    weir_free(name);
}

static void put(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT_EQUAL(fwrite(bytes, 1, n, f), n);
    CU_ASSERT_EQUAL(fclose(f), 0);
}

static void clean(void)
{
    static const char *const names[] = {"/chk-1", "/chk-2", "/chk-3"};
    struct weir_error error;
    CU_ASSERT_EQUAL_FATAL(os()->make_directory(NULL, DIRECTORY, &error), WEIR_OK);
    weir__suspended_remove(os(), DIRECTORY);
    for (size_t i = 0; i < 3; i++) {
        char *path = weir_format("%s%s", DIRECTORY, names[i]);
        (void)!folders_remove(os(), path, &error); /* it need not be there */
        weir_free(path);
    }
}

static bool is_told(const char *bytes, size_t n)
{
    struct weir_error error = {0};
    char *path = NULL;
    int64_t number;
    bool own;
    put(FILE_NAME, bytes, n);
    weir_status s = folders_newest(os(), DIRECTORY, &path, &number, &own, &error);
    bool told = s == WEIR_E_DATA && strstr(error.text, FILE_NAME ": bytes 0 to ") && strstr(error.text, "--from DIRECTORY");
    weir_free(path);
    return told;
}

static void a_damaged_mark_of_a_suspended_job_is_told(void)
{
    struct weir_error error;
    char *bytes, *path;
    size_t n;
    int64_t number;
    bool own;
    clean();
    write_one(2);
    CU_ASSERT_EQUAL_FATAL(weir__suspended_write(os(), DIRECTORY, 7, DIRECTORY "/shop-savepoint-7", &error), WEIR_OK);
    CU_ASSERT_EQUAL(folders_newest(os(), DIRECTORY, &path, &number, &own, &error), WEIR_OK);
    CU_ASSERT(number == 7 && !own && strstr(path, "shop-savepoint-7") != NULL);
    weir_free(path);
    CU_ASSERT_EQUAL_FATAL(weir_read_file(os(), FILE_NAME, 4096, &bytes, &n, &error), WEIR_OK);
    for (size_t at = 0; at < n; at++) {
        for (int bits = 1; bits < 256; bits++) {
            bytes[at] = (char)(bytes[at] ^ bits);
            CU_ASSERT(is_told(bytes, n));
            bytes[at] = (char)(bytes[at] ^ bits);
        }
        CU_ASSERT(is_told(bytes, at));
    }
    weir_free(bytes);
    clean();
}

/* Of three, by number; the newest is damaged, or the newest two are. */
static void the_newest_whole_one_before_is_named(void)
{
    clean();
    CU_ASSERT_PTR_NULL(folders_before(os(), DIRECTORY, DIRECTORY "/chk-3"));
    for (int64_t number = 1; number <= 3; number++) write_one(number);
    char *path = folders_before(os(), DIRECTORY, DIRECTORY "/chk-3");
    CU_ASSERT_STRING_EQUAL(path, DIRECTORY "/chk-2");
    weir_free(path);
    path = folders_before(os(), DIRECTORY, "elsewhere/shop-savepoint-9");
    CU_ASSERT_STRING_EQUAL(path, DIRECTORY "/chk-3");
    weir_free(path);
    put(DIRECTORY "/chk-2/_metadata", "x", 1);
    path = folders_before(os(), DIRECTORY, DIRECTORY "/chk-3");
    CU_ASSERT_STRING_EQUAL(path, DIRECTORY "/chk-1");
    weir_free(path);
    CU_ASSERT_PTR_NULL(folders_before(os(), DIRECTORY, DIRECTORY "/chk-1"));
    clean();
}

WEIR_SUITE(damage) = {{"a damaged mark of a suspended job is told", a_damaged_mark_of_a_suspended_job_is_told},
                      {"the newest whole one before is named", the_newest_whole_one_before_is_named},
                      {NULL, NULL}};
