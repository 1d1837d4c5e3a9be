/* test_platform_file.c - files and directories of the operating system, in the suite's own folder. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/platform.h"
#include "base/text.h"
#include "harness/suite.h"

#define OS weir_platform_os()
#define CALL(verb, ...) OS->verb(OS->self, __VA_ARGS__)

static void begin(void)
{
    weir_test_remove(WEIR_TEST_FOLDER);
    CU_ASSERT_EQUAL_FATAL(mkdir(WEIR_TEST_FOLDER, 0700), 0);
}

static const char *in_folder(const char *name)
{
    static char path[4][256];
    static unsigned turn;
    char *p = path[turn++ % 4];
    snprintf(p, sizeof path[0], WEIR_TEST_FOLDER "/%s", name);
    return p;
}

static void put_file(const char *name, const char *text)
{
    CU_ASSERT_EQUAL(weir_write_file(OS, in_folder(name), text, strlen(text), NULL), WEIR_OK);
}

static void writes_reads_appends(void)
{
    struct weir_error e = {0};
    struct weir_platform_file *f;
    char buf[16];
    size_t got;
    int64_t size;
    begin();
    const char *path = in_folder("a");
    CU_ASSERT_EQUAL(CALL(open, path, WEIR_OPEN_CREATE, &f, &e), WEIR_OK);
    CU_ASSERT_EQUAL(CALL(write, f, "hello", 5, &e), WEIR_OK);
    CU_ASSERT_EQUAL(CALL(sync, f, &e), WEIR_OK);
    CU_ASSERT_EQUAL(CALL(close, f, &e), WEIR_OK);
    CU_ASSERT_EQUAL(CALL(open, path, WEIR_OPEN_APPEND, &f, &e), WEIR_OK);
    CU_ASSERT_EQUAL(CALL(write, f, " world", 6, &e), WEIR_OK);
    CU_ASSERT_EQUAL(CALL(close, f, &e), WEIR_OK);
    CU_ASSERT_EQUAL(CALL(open, path, WEIR_OPEN_READ, &f, &e), WEIR_OK);
    CU_ASSERT_EQUAL(CALL(size, f, &size, &e), WEIR_OK);
    CU_ASSERT_EQUAL(size, 11);
    CU_ASSERT_EQUAL(CALL(read, f, 6, buf, sizeof buf, &got, &e), WEIR_OK);
    CU_ASSERT_EQUAL(got, 5);
    CU_ASSERT_EQUAL(memcmp(buf, "world", 5), 0);
    CU_ASSERT_EQUAL(CALL(read, f, 11, buf, sizeof buf, &got, &e), WEIR_OK);
    CU_ASSERT_EQUAL(got, 0);
    CU_ASSERT_EQUAL(CALL(close, f, &e), WEIR_OK);
    CU_ASSERT_EQUAL(CALL(close, NULL, &e), WEIR_OK);
    CU_ASSERT_EQUAL(CALL(open, path, WEIR_OPEN_CREATE, &f, &e), WEIR_OK); /* truncates */
    CU_ASSERT_EQUAL(CALL(close, f, &e), WEIR_OK);
    struct weir_file_info info;
    CU_ASSERT_EQUAL(CALL(info, path, &info, &e), WEIR_OK);
    CU_ASSERT_TRUE(info.is_regular && !info.is_directory && info.size_bytes == 0 && info.owner == geteuid() && info.inode);
    CU_ASSERT_EQUAL(CALL(remove, path, &e), WEIR_OK);
}

static void says_what_is_wrong(void)
{
    struct weir_error e = {0};
    struct weir_platform_file *f = (void *)1;
    struct weir_file_info info;
    char expected[400];
    begin();
    const char *missing = in_folder("no/such");
    snprintf(expected, sizeof expected, "cannot open '%s': No such file or directory", missing);
    CU_ASSERT_EQUAL(CALL(open, missing, WEIR_OPEN_READ, &f, &e), WEIR_E_IO);
    CU_ASSERT_STRING_EQUAL(e.text, expected);
    CU_ASSERT_PTR_NULL(f);
    CU_ASSERT_EQUAL(CALL(info, missing, &info, &e), WEIR_E_IO);
    CU_ASSERT_STRING_EQUAL(e.text, expected);
    CU_ASSERT_EQUAL(CALL(open, WEIR_TEST_FOLDER, WEIR_OPEN_READ, &f, &e), WEIR_E_IO);
    WEIR_ASSERT_CONTAINS(e.text, "Is a directory");
    CU_ASSERT_EQUAL(CALL(open, missing, WEIR_OPEN_CREATE, &f, &e), WEIR_E_IO);
    WEIR_ASSERT_CONTAINS(e.text, "cannot create '");
    CU_ASSERT_EQUAL(CALL(remove, missing, &e), WEIR_E_IO);
    CU_ASSERT_EQUAL(CALL(rename, missing, "/x", &e), WEIR_E_IO);
    WEIR_ASSERT_CONTAINS(e.text, "no/such' to '/x': No such file");
    put_file("file", "");
    CU_ASSERT_EQUAL(CALL(make_directory, in_folder("file/below"), &e), WEIR_E_IO);
    WEIR_ASSERT_CONTAINS(e.text, "Not a directory");
    CU_ASSERT_EQUAL(CALL(open, "/dev/full", WEIR_OPEN_APPEND, &f, &e), WEIR_OK);
    CU_ASSERT_EQUAL(CALL(write, f, "x", 1, &e), WEIR_E_IO);
    CU_ASSERT_STRING_EQUAL(e.text, "cannot write '/dev/full': No space left on device");
    CU_ASSERT_EQUAL(CALL(close, f, &e), WEIR_OK);
}

static void makes_directories(void)
{
    struct weir_file_info info;
    begin();
    CU_ASSERT_EQUAL(CALL(make_directory, in_folder("a/b//c/"), NULL), WEIR_OK);
    CU_ASSERT_EQUAL(CALL(make_directory, in_folder("a/b/c"), NULL), WEIR_OK);
    CU_ASSERT_EQUAL(CALL(info, in_folder("a/b/c"), &info, NULL), WEIR_OK);
    CU_ASSERT_TRUE(info.is_directory);
    CU_ASSERT_EQUAL(CALL(sync_directory, in_folder("a"), NULL), WEIR_OK);
    CU_ASSERT_EQUAL(CALL(remove, in_folder("a/b/c"), NULL), WEIR_OK);
}

static weir_status note(void *to, const char *path, bool is_directory, int64_t size)
{
    weir_text_add(to, "%s%s:%lld ", weir_path_basename(path), is_directory ? "/" : "", (long long)size);
    return WEIR_OK;
}

static weir_status stop(void *to, const char *path, bool is_directory, int64_t size)
{
    (void)path, (void)is_directory, (void)size;
    return ++*(int *)to < 2 ? WEIR_OK : WEIR_E_CANCELLED;
}

static void check_list(const char *path, const char *expected)
{
    struct weir_text found = {0};
    struct weir_error e = {0};
    CU_ASSERT_EQUAL(CALL(list, path, note, &found, &e), WEIR_OK);
    CU_ASSERT_STRING_EQUAL(weir_text_get(&found), expected);
    weir_text_finish(&found);
}

static void lists_in_byte_order(void)
{
    struct weir_error e = {0};
    int calls = 0;
    begin();
    put_file("b.csv", "12");
    put_file("B.csv", "1");
    put_file("a.txt", "");
    put_file("a[1]*", "xyz");
    CU_ASSERT_EQUAL(CALL(make_directory, in_folder("c.d"), NULL), WEIR_OK);
    CU_ASSERT_EQUAL(symlink("/no/such", in_folder("link")), 0);
    check_list(WEIR_TEST_FOLDER, "B.csv:1 a.txt:0 a[1]*:3 b.csv:2 c.d/:0 link:0 ");
    check_list(in_folder("*.csv"), "B.csv:1 b.csv:2 ");
    check_list(in_folder("[ab].*"), "a.txt:0 b.csv:2 ");
    check_list(in_folder("*.none"), "");
    check_list(in_folder("b.csv"), "b.csv:2 ");
    check_list(in_folder("a[1]*"), "a[1]*:3 "); /* the file of that very name, not the pattern */
    CU_ASSERT_EQUAL(CALL(list, in_folder("none"), note, NULL, &e), WEIR_E_IO);
    WEIR_ASSERT_CONTAINS(e.text, "none': No such file or directory");
    CU_ASSERT_EQUAL(CALL(list, WEIR_TEST_FOLDER, stop, &calls, &e), WEIR_E_CANCELLED);
    CU_ASSERT_EQUAL(calls, 2);
}

static void reads_whole_files(void)
{
    struct weir_error e = {0};
    char *bytes;
    size_t n;
    begin();
    put_file("empty", "");
    CU_ASSERT_EQUAL(weir_read_file(OS, in_folder("empty"), 10, &bytes, &n, &e), WEIR_OK);
    CU_ASSERT_EQUAL(n, 0);
    CU_ASSERT_STRING_EQUAL(bytes, "");
    weir_free(bytes);
    size_t sizes[] = {1, 16383, 16384, 16385, 100000};
    for (size_t i = 0; i < WEIR_LEN(sizes); i++) {
        char *text = weir_alloc(sizes[i]);
        for (size_t k = 0; k < sizes[i]; k++) text[k] = (char)(k * 7 + 1);
        CU_ASSERT_EQUAL(weir_write_file(OS, in_folder("f"), text, sizes[i], &e), WEIR_OK);
        CU_ASSERT_EQUAL(weir_read_file(OS, in_folder("f"), sizes[i], &bytes, &n, &e), WEIR_OK);
        CU_ASSERT_EQUAL(n, sizes[i]);
        CU_ASSERT_EQUAL(memcmp(bytes, text, n), 0);
        CU_ASSERT_EQUAL(bytes[n], 0);
        weir_free(bytes);
        CU_ASSERT_EQUAL(weir_read_file(OS, in_folder("f"), sizes[i] - 1, &bytes, &n, &e), WEIR_E_IO);
        WEIR_ASSERT_CONTAINS(e.text, "is larger than");
        CU_ASSERT_PTR_NULL(bytes);
        weir_free(text);
    }
    check_list(WEIR_TEST_FOLDER, "empty:0 f:100000 "); /* no temporary is left */
    CU_ASSERT_EQUAL(weir_write_file(OS, in_folder("none/f"), "x", 1, &e), WEIR_E_IO);
}

static void *write_to_fifo(void *path)
{
    FILE *f = fopen(path, "w");
    for (int i = 0; f && i < 1000; i++) {
        fprintf(f, "%05d", i);
        if (i % 100 == 0) fflush(f);
    }
    if (f) fclose(f);
    return NULL;
}

static void reads_pipes_in_order(void)
{
    struct weir_platform_file *f;
    struct weir_error e = {0};
    pthread_t writer;
    char *bytes, fifo[256];
    size_t n;
    int64_t size;
    begin();
    snprintf(fifo, sizeof fifo, "%s", in_folder("fifo"));
    CU_ASSERT_EQUAL(mkfifo(fifo, 0600), 0);
    pthread_create(&writer, NULL, write_to_fifo, fifo);
    CU_ASSERT_EQUAL(weir_read_file(OS, fifo, 10000, &bytes, &n, &e), WEIR_OK);
    CU_ASSERT_EQUAL(n, 5000);
    CU_ASSERT_EQUAL(memcmp(bytes + 4995, "00999", 5), 0);
    weir_free(bytes);
    pthread_join(writer, NULL);
    CU_ASSERT_EQUAL(CALL(exists, fifo, &size, &e), WEIR_E_CONFIG); /* nor is it one that may be replaced */
    WEIR_ASSERT_CONTAINS(e.text, "fifo' is a device, a pipe or a socket, and not a file");
    CU_ASSERT_EQUAL(CALL(open, "/dev/null", WEIR_OPEN_READ, &f, &e), WEIR_OK);
    CU_ASSERT_EQUAL(CALL(size, f, &size, &e), WEIR_E_IO);
    WEIR_ASSERT_CONTAINS(e.text, "'/dev/null' has no size");
    CU_ASSERT_EQUAL(CALL(close, f, &e), WEIR_OK);
}

WEIR_SUITE(platform_file) = {
    {"writes, appends, reads at offsets, truncates", writes_reads_appends},
    {"says which call failed on which path and why", says_what_is_wrong},
    {"makes directories with their parents", makes_directories},
    {"lists directories, files and globs in byte order", lists_in_byte_order},
    {"reads and writes whole files, leaving no temporary", reads_whole_files},
    {"reads pipes in order", reads_pipes_in_order},
    {NULL, NULL},
};
