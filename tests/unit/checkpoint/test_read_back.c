/* What was just written is read back: a storage that loses, cuts or changes something is told of, with the file, what was
 * expected and what is there. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/path.h"
#include "harness/folders.h"
#include "harness/suite.h"

#define FOLDER WEIR_TEST_FOLDER
#define BLOCK  65536

struct stage {
    struct weir_storage *storage;
    struct weir_saved saved;
    uint64_t checksum;
    char name[32];
};

static void remove_if_there(const char *name)
{
    struct weir_error ignored;
    struct weir_file_info info;
    char *path = weir_path_join(FOLDER, name);
    if (weir_platform_os()->info(NULL, path, &info, &ignored) == WEIR_OK)
        CU_ASSERT_EQUAL(folders_remove(weir_platform_os(), path, &ignored), WEIR_OK);
    weir_free(path);
}

/* Two parts: one of `size` bytes, one of five. */
static void write_one(struct stage *g, int64_t number, size_t size)
{
    struct weir_error error = {0};
    g->saved = (struct weir_saved){.checkpoint = number, .job = weir_strdup("shop")};
    struct weir_saved_operator *op = weir_saved_add(&g->saved, "totals", 2, 8);
    char *bytes = weir_alloc(size);
    for (size_t i = 0; i < size; i++) bytes[i] = (char)(i * 2654435761u >> 13);
    CU_ASSERT_EQUAL(weir_snapshot_add_bytes(weir_snapshot_list(&op->parts[0], "a", WEIR_DEAL_SPLIT), bytes, size), WEIR_OK);
    CU_ASSERT_EQUAL(weir_snapshot_add_bytes(weir_snapshot_list(&op->parts[1], "b", WEIR_DEAL_SPLIT), "abc", 3), WEIR_OK);
    weir_free(bytes);
    snprintf(g->name, sizeof g->name, "chk-%lld", (long long)number);
    remove_if_there(g->name);
    CU_ASSERT_EQUAL_FATAL(folders_open(weir_platform_os(), FOLDER, &g->storage, &error), WEIR_OK);
    CU_ASSERT_EQUAL_FATAL(folders_write_to(g->storage, g->name, &g->saved, NULL, &g->checksum, &error), WEIR_OK);
}

static void finish(struct stage *g)
{
    folders_close(g->storage);
    weir_saved_finish(&g->saved);
    remove_if_there(g->name);
}

static weir_status look(struct stage *g, bool whole, struct weir_error *error)
{
    *error = (struct weir_error){0};
    return weir_saved_read_back(g->storage, g->name, g->checksum, whole, error);
}

/* What is told names the file, and says this. */
static void check_told(struct stage *g, bool whole, const char *file, const char *said)
{
    struct weir_error error;
    char *path = weir_format(FOLDER "/%s/%s: ", g->name, file);
    weir_status status = look(g, whole, &error);
    if (status != WEIR_E_DATA || !strstr(error.text, path) || !strstr(error.text, said))
        fprintf(stderr, "\nexpected %s ... %s\nfound %s\n", path, said, error.text);
    CU_ASSERT_EQUAL(status, WEIR_E_DATA);
    CU_ASSERT(strstr(error.text, path) && strstr(error.text, said));
    weir_free(path);
}

static char *path_of(const struct stage *g, const char *file)
{
    return weir_format(FOLDER "/%s/%s", g->name, file);
}

static void flip(const struct stage *g, const char *file, off_t at)
{
    char *path = path_of(g, file);
    uint8_t byte;
    int fd = open(path, O_RDWR);
    CU_ASSERT_EQUAL_FATAL(pread(fd, &byte, 1, at), 1);
    byte ^= 4;
    CU_ASSERT_EQUAL_FATAL(pwrite(fd, &byte, 1, at), 1);
    CU_ASSERT_EQUAL(close(fd), 0);
    weir_free(path);
}

static void cut(const struct stage *g, const char *file, off_t length)
{
    char *path = path_of(g, file);
    CU_ASSERT_EQUAL_FATAL(truncate(path, length), 0);
    weir_free(path);
}

static void what_was_written_reads_back(void)
{
    struct stage g;
    struct weir_error error;
    size_t sizes[] = {1, BLOCK - 7, BLOCK, 3 * BLOCK, 200 * BLOCK + 11};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        write_one(&g, 7, sizes[i]);
        CU_ASSERT_EQUAL(look(&g, false, &error), WEIR_OK);
        CU_ASSERT_EQUAL(look(&g, true, &error), WEIR_OK);
        finish(&g);
    }
}

static void lengths_are_compared(void)
{
    static const off_t lengths[] = {0, 1, BLOCK, 3 * BLOCK, 3 * BLOCK + 100, 3 * BLOCK + 500};
    struct stage g;
    char said[64];
    write_one(&g, 7, 3 * BLOCK + 123);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        cut(&g, "totals-0.state", lengths[i]);
        snprintf(said, sizeof said, "ends at byte %lld, expected ", (long long)lengths[i]);
        check_told(&g, false, "totals-0.state", said);
    }
    finish(&g);
    write_one(&g, 7, 3 * BLOCK);
    cut(&g, "totals-1.state", 4);
    check_told(&g, false, "totals-1.state", "ends at byte 4, expected 5 bytes");
    char *path = path_of(&g, "totals-1.state");
    CU_ASSERT_EQUAL(unlink(path), 0);
    check_told(&g, false, "totals-1.state", "is missing");
    weir_free(path);
    finish(&g);
}

static void small_ones_are_compared_as_a_whole(void)
{
    struct stage g;
    struct weir_error error;
    write_one(&g, 7, 9 * BLOCK);
    for (off_t at = 0; at < 9 * BLOCK; at += BLOCK / 3) {
        flip(&g, "totals-0.state", at);
        check_told(&g, false, "totals-0.state", "expected the checksum");
        flip(&g, "totals-0.state", at);
    }
    CU_ASSERT_EQUAL(look(&g, false, &error), WEIR_OK);
    finish(&g);
}

/* 201 blocks (a length stands before the bytes) and another, of which each fourth is read. */
static void of_large_ones_a_sample_is_and_each_block_has_its_turn(void)
{
    static const off_t blocks[] = {0, 17, 18, 19, 20, 150, 200};
    struct weir_error error;
    int found[sizeof blocks / sizeof *blocks] = {0};
    for (int64_t number = 40; number < 44; number++) {
        struct stage g;
        write_one(&g, number, 200 * BLOCK);
        for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
            flip(&g, "totals-0.state", blocks[i] * BLOCK + 3);
            found[i] += look(&g, false, &error) == WEIR_E_DATA;
            check_told(&g, true, "totals-0.state", "expected the checksum");
            flip(&g, "totals-0.state", blocks[i] * BLOCK + 3);
        }
        finish(&g);
    }
    CU_ASSERT(found[0] == 4 && found[6] == 4); /* the ends, always */
    for (size_t i = 1; i < 6; i++) CU_ASSERT_EQUAL(found[i], 1);
}

static void metadata_is_that_which_was_written(void)
{
    struct stage g, other;
    struct weir_error error;
    write_one(&g, 7, 100);
    flip(&g, "_metadata", 20);
    check_told(&g, false, "_metadata", "expected the checksum");
    flip(&g, "_metadata", 20);
    cut(&g, "_metadata", 30);
    CU_ASSERT_EQUAL(look(&g, false, &error), WEIR_E_DATA);
    finish(&g);
    /* Whole by itself, and another one: what a storage gives that does not forget. */
    write_one(&other, 6, 100);
    write_one(&g, 7, 100);
    char *from = path_of(&other, "_metadata"), *to = path_of(&g, "_metadata");
    CU_ASSERT_EQUAL(rename(from, to), 0);
    check_told(&g, false, "_metadata", "of number 6; the storage gives something else");
    weir_free(from);
    weir_free(to);
    finish(&g);
    finish(&other);
}

WEIR_SUITE(read_back) = {
    {"what was written reads back", what_was_written_reads_back},
    {"files that are cut, longer or missing are told", lengths_are_compared},
    {"a small one is compared as a whole", small_ones_are_compared_as_a_whole},
    {"of a large one a sample is, and each block has its turn", of_large_ones_a_sample_is_and_each_block_has_its_turn},
    {"metadata is that which was written", metadata_is_that_which_was_written},
    {NULL, NULL}};
