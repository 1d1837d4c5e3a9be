/* The file source over a machine in memory: pieces, boundaries, compression, resumption, damage. */
#define weir_plugin_v1 weir_test_source_file
#include "plugins/source_file/plugin.c"
#undef weir_plugin_v1

#include <stdlib.h>

#include "base/alloc.h"
#include "harness/mock_host.h"
#include "harness/suite.h"
#include "lines.h"

static const weir_component *const known[] = {&lines_component, NULL};

static struct mock_host *host_with(struct mock_machine *m, uint32_t subtask, uint32_t parallelism)
{
    return mock_host_create(&(struct mock_host_config){.component = &file_source_component, .known = known, .machine = m,
                                                       .subtask = subtask, .parallelism = parallelism});
}

static struct mock_host *host_for(struct mock_machine *m, const char *path)
{
    struct mock_host *h = host_with(m, 0, 1);
    mock_set(h, "path", path);
    mock_set(h, "format", "lines");
    return h;
}

static void check_rows(struct mock_host *h, const char *rows)
{
    weir_progress p = mock_run_source(h, 1024);
    CU_ASSERT_EQUAL(p, WEIR_DONE);
    if (p != WEIR_DONE) fprintf(stderr, "\n%s\n", weir_text_get(&h->failure));
    CU_ASSERT_STRING_EQUAL(mock_rows(h), rows);
    for (size_t i = 0; i < h->n_splits; i++) CU_ASSERT_TRUE(h->splits[i].begun && h->splits[i].done);
}

static void check_failure(struct mock_host *h, const char *part)
{
    CU_ASSERT_EQUAL(mock_run_source(h, 1024), WEIR_FAILED);
    WEIR_ASSERT_CONTAINS(weir_text_get(&h->failure), part);
}

/* ---- one file, several, none -------------------------------------------------------------------------------- */

static void reads_one_file(void)
{
    struct mock_machine *m = mock_machine_create();
    mock_file_put_text(m, "/in/a.txt", "one\ntwo\n\nfour");
    struct mock_host *h = host_for(m, "/in/a.txt");
    check_rows(h, "one\ntwo\n\nfour\n");
    CU_ASSERT_EQUAL(h->n_splits, 1);
    CU_ASSERT_STRING_EQUAL(h->splits[0].description, "bytes 0-13 of /in/a.txt");
    mock_host_destroy(h);
    mock_machine_destroy(m);
}

static void reads_a_directory_in_order_of_names(void)
{
    struct mock_machine *m = mock_machine_create();
    mock_file_put_text(m, "/in/b", "b\n");
    mock_file_put_text(m, "/in/a", "a\n");
    mock_file_put_text(m, "/in/.hidden", "no\n");
    mock_file_put_text(m, "/in/_SUCCESS", "no\n");
    mock_file_put_text(m, "/in/deep/c", "no\n");
    mock_file_put_text(m, "/in/empty", "");
    struct mock_host *h = host_for(m, "/in");
    check_rows(h, "a\nb\n");
    CU_ASSERT_EQUAL(h->n_splits, 3);
    mock_host_destroy(h);
    mock_machine_destroy(m);
}

static void reads_what_a_glob_matches(void)
{
    struct mock_machine *m = mock_machine_create();
    mock_file_put_text(m, "/in/x.log", "x\n");
    mock_file_put_text(m, "/in/_y.log", "y\n");
    mock_file_put_text(m, "/in/z.csv", "no\n");
    struct mock_host *h = host_for(m, "/in/*.log");
    check_rows(h, "y\nx\n");
    mock_host_destroy(h);
    mock_machine_destroy(m);
}

static void says_when_there_is_no_file(void)
{
    struct mock_machine *m = mock_machine_create();
    mock_file_put_text(m, "/in/_only", "x\n");
    const char *paths[] = {"/in/*.log", "/in", "/nowhere"};
    const char *messages[] = {"no file found", "begin with '.' or '_'", "/nowhere"};
    for (int i = 0; i < 3; i++) {
        struct mock_host *h = host_for(m, paths[i]);
        check_failure(h, messages[i]);
        CU_ASSERT_EQUAL(h->failed, WEIR_E_IO);
        mock_host_destroy(h);
    }
    mock_machine_destroy(m);
}

static void keeps_odd_paths(void)
{
    struct mock_machine *m = mock_machine_create();
    mock_file_put_text(m, "/in/ of 5 bytes of ", "x\n");
    struct mock_host *h = host_for(m, "/in/ of 5 bytes of ");
    check_rows(h, "x\n");
    mock_host_destroy(h);
    h = host_for(m, "/in/ of 5 bytes of ");
    mock_set(h, "whole_files", "true");
    check_rows(h, "x\n");
    CU_ASSERT_STRING_EQUAL(h->splits[0].description, "all 2 bytes of /in/ of 5 bytes of ");
    mock_host_destroy(h);
    mock_machine_destroy(m);
}

/* ---- pieces ------------------------------------------------------------------------------------------------- */

static void cuts_a_large_file_by_parallelism(void)
{
    struct mock_machine *m = mock_machine_create();
    size_t n = 5 * 1024 * 1024;
    char *bytes = malloc(n);
    memset(bytes, '\n', n);
    mock_file_put(m, "/big", bytes, n);
    struct mock_host *h = host_with(m, 0, 4);
    mock_set(h, "path", "/big");
    mock_set(h, "format", "lines");
    CU_ASSERT_EQUAL(mock_discover(h), WEIR_OK);
    CU_ASSERT_EQUAL(h->n_splits, 4);
    mock_host_destroy(h);
    h = host_with(m, 0, 100);
    mock_set(h, "path", "/big");
    mock_set(h, "format", "lines");
    CU_ASSERT_EQUAL(mock_discover(h), WEIR_OK);
    CU_ASSERT_EQUAL(h->n_splits, 5); /* of at least 1 MiB */
    mock_host_destroy(h);
    mock_machine_destroy(m);
    free(bytes);
}

static void does_not_cut_what_cannot_be_cut(void)
{
    struct mock_machine *m = mock_machine_create();
    mock_file_put_text(m, "/a", "one\ntwo\n");
    mock_file_put_text(m, "/a.gz", "one\ntwo\n");
    struct mock_host *h = host_for(m, "/a");
    mock_set(h, "split_size", "2B");
    mock_set(h, "format.splittable", "false");
    check_rows(h, "one\ntwo\n");
    CU_ASSERT_EQUAL(h->n_splits, 1);
    mock_host_destroy(h);
    h = host_for(m, "/a.gz");
    mock_set(h, "split_size", "2B");
    mock_set(h, "compression", "none");
    check_rows(h, "one\ntwo\n");
    CU_ASSERT_EQUAL(h->n_splits, 4);
    mock_host_destroy(h);
    mock_machine_destroy(m);
}

/* Rows, then rejects, of each subtask in turn; with one subtask the rows are in the file's order. */
static char *read_all(struct mock_machine *m, uint32_t parallelism, const char *const *options, int64_t max_rows,
                      int64_t batch_rows)
{
    struct weir_text rows = {0}, rejects = {0};
    for (uint32_t i = 0; i < parallelism; i++) {
        struct mock_host *h = mock_host_create(&(struct mock_host_config){.component = &file_source_component,
                                                                          .known = known,
                                                                          .machine = m,
                                                                          .subtask = i,
                                                                          .parallelism = parallelism,
                                                                          .batch_rows = batch_rows});
        mock_set(h, "path", "/f");
        mock_set(h, "format", "lines");
        for (; *options; options += 2) mock_set(h, options[0], options[1]);
        CU_ASSERT_EQUAL(mock_run_source(h, max_rows), WEIR_DONE);
        weir_text_add(&rows, "%s", mock_rows(h));
        weir_text_add(&rejects, "%s", weir_text_get(&h->rejects));
        mock_host_destroy(h);
    }
    weir_text_add(&rows, "%s", weir_text_get(&rejects));
    weir_text_finish(&rejects);
    return weir_text_take(&rows);
}

static uint64_t chance(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

/* Records of up to `longest` letters and '=' (which is inside the third delimiter), some files without a last delimiter. */
static char *random_file(uint64_t *seed, const char *delimiter, uint64_t longest, size_t *n)
{
    struct weir_text t = {0};
    uint64_t records = chance(seed) % 40 + 1;
    for (uint64_t i = 0; i < records; i++) {
        weir_text_add(&t, "a");
        for (uint64_t k = chance(seed) % longest; k > 0; k--) weir_text_add_bytes(&t, "ab=" + chance(seed) % 3, 1);
        if (i + 1 < records || chance(seed) % 2) weir_text_add(&t, "%s", delimiter);
    }
    *n = t.n;
    return weir_text_take(&t);
}

static void no_record_is_lost_or_read_twice_wherever_the_file_is_cut(void)
{
    const char *delimiters[] = {"\n", "\r\n", "<=>"};
    uint64_t seed = 7;
    for (int round = 0; round < 600; round++) {
        size_t n;
        char split[16];
        char *bytes = random_file(&seed, delimiters[round % 3], 20, &n);
        struct mock_machine *m = mock_machine_create();
        mock_file_put(m, "/f", bytes, n);
        snprintf(split, sizeof split, "%d", 1 + round % 29);
        const char *const whole_options[] = {"format.delimiter", delimiters[round % 3], "whole_files", "true", NULL};
        const char *const cut_options[] = {"format.delimiter", delimiters[round % 3], "split_size", split, "format.edge",
                                           round % 2 ? "true" : "false", NULL};
        char *whole = read_all(m, 1, whole_options, 1024, 1024);
        char *cut = read_all(m, 1, cut_options, 1 + round % 5, 1 + round % 3);
        CU_ASSERT_STRING_EQUAL(cut, whole);
        weir_free(whole);
        weir_free(cut);
        weir_free(bytes);
        mock_machine_destroy(m);
    }
}

static void too_long_records_are_rejected_wherever_the_file_is_cut(void)
{
    uint64_t seed = 11;
    for (int round = 0; round < 200; round++) {
        size_t n;
        char split[16];
        char *bytes = random_file(&seed, "\n", 2500, &n);
        struct mock_machine *m = mock_machine_create();
        struct weir_text rows = {0}, rejects = {0};
        mock_file_put(m, "/f", bytes, n);
        for (size_t at = 0; at < n;) {
            const char *end = memchr(bytes + at, '\n', n - at);
            int length = (int)(end ? end + 1 - (bytes + at) : (ptrdiff_t)(n - at));
            if (length <= 1024) weir_text_add(&rows, "%.*s\n", end ? length - 1 : length, bytes + at);
            else weir_text_add(&rejects, "/f:%zu: longer than max_record, 1024 bytes [%.1024s]\n", at, bytes + at);
            at += (size_t)length;
        }
        weir_text_add(&rows, "%s", weir_text_get(&rejects));
        snprintf(split, sizeof split, "%d", 100 + round * 17);
        const char *const options[] = {"max_record", "1KiB", "split_size", split, NULL};
        char *read = read_all(m, 1, options, 1 + round % 5, 1 + round % 3);
        CU_ASSERT_STRING_EQUAL(read, weir_text_get(&rows));
        weir_free(read);
        weir_text_finish(&rows);
        weir_text_finish(&rejects);
        weir_free(bytes);
        mock_machine_destroy(m);
    }
}

static void a_too_long_record_fails_where_the_next_cannot_be_found(void)
{
    struct mock_machine *m = mock_machine_create();
    char bytes[4000];
    memset(bytes, 'x', sizeof bytes);
    mock_file_put(m, "/f", bytes, sizeof bytes);
    struct mock_host *h = host_for(m, "/f");
    mock_set(h, "max_record", "1KiB");
    mock_set(h, "format.splittable", "false");
    check_failure(h, "cannot tell where the next one begins; raise max_record");
    CU_ASSERT_EQUAL(h->n_rejects, 1);
    mock_host_destroy(h);
    mock_machine_destroy(m);
}

static void records_longer_than_a_block_are_read(void)
{
    struct mock_machine *m = mock_machine_create();
    size_t n = 3 * 1024 * 1024;
    char *bytes = malloc(n + 1);
    memset(bytes, 'x', n);
    bytes[n] = 0;
    bytes[1500000] = bytes[n - 1] = '\n';
    mock_file_put(m, "/f", bytes, n);
    const char *const whole[] = {"whole_files", "true", NULL}, *const cut[] = {"split_size", "100KB", NULL};
    char *a = read_all(m, 1, whole, 1024, 1024), *b = read_all(m, 1, cut, 1024, 1024);
    CU_ASSERT_STRING_EQUAL(a, bytes);
    CU_ASSERT_STRING_EQUAL(b, bytes);
    weir_free(a);
    weir_free(b);
    free(bytes);
    mock_machine_destroy(m);
}

/* Records of 8 bytes end where a piece ends and where a block that was read ends, or one byte off. */
static void borders_of_pieces_may_fall_on_borders_of_blocks(void)
{
    const char *const splits[] = {"262143", "262144", "262145", "131072", "131071", "131073"};
    struct mock_machine *m = mock_machine_create();
    struct weir_text bytes = {0};
    for (int i = 0; i < 131072; i++) weir_text_add(&bytes, "%07d\n", i);
    mock_file_put(m, "/f", bytes.p, bytes.n);
    for (size_t i = 0; i < 2 * WEIR_LEN(splits); i++) {
        const char *const options[] = {"split_size", splits[i / 2], "format.edge", i % 2 ? "true" : "false", NULL};
        char *rows = read_all(m, 1, options, 1024, 1024);
        CU_ASSERT_TRUE(strcmp(rows, bytes.p) == 0);
        weir_free(rows);
    }
    weir_text_finish(&bytes);
    mock_machine_destroy(m);
}

static void pieces_after_the_first_are_shown_the_head(void)
{
    struct mock_machine *m = mock_machine_create();
    mock_file_put_text(m, "/f", "head\n1\n2\n3\n4\n5\n6\n");
    const char *const options[] = {"format.header", "true", "split_size", "3", NULL};
    char *rows = read_all(m, 1, options, 2, 2);
    CU_ASSERT_STRING_EQUAL(rows, "1\n2\n3\n4\n5\n6\n");
    weir_free(rows);
    mock_machine_destroy(m);
}

static void rejects_carry_file_and_offset(void)
{
    struct mock_machine *m = mock_machine_create();
    mock_file_put_text(m, "/f", "1\n!bad\n3\n!worse");
    const char *const options[] = {"split_size", "4", NULL};
    char *rows = read_all(m, 1, options, 1024, 1024);
    CU_ASSERT_STRING_EQUAL(rows, "1\n3\n/f:2: begins with ! [!bad]\n/f:9: begins with ! [!worse]\n");
    weir_free(rows);
    struct mock_host *h = mock_host_create(&(struct mock_host_config){
        .component = &file_source_component, .known = known, .machine = m, .on_reject = WEIR_E_DATA});
    mock_set(h, "path", "/f");
    mock_set(h, "format", "lines");
    check_failure(h, "begins with !");
    mock_host_destroy(h);
    mock_machine_destroy(m);
}

/* ---- positions ---------------------------------------------------------------------------------------------- */

static char *compress_with(const char *codec, const char *bytes, size_t n, size_t *made);

/* Reads some, asks for the position of every split, reads on from there in a new instance: nothing twice, nothing lost. */
static void check_resumption(struct mock_machine *m, const char *path, const char *delimiter, const char *split,
                             const char *expected, int polls)
{
    struct mock_host *a = host_for(m, path), *b = host_for(m, path);
    mock_set(a, "format.delimiter", delimiter);
    mock_set(b, "format.delimiter", delimiter);
    mock_set(a, "split_size", split);
    mock_set(b, "split_size", split);
    mock_set(a, "max_record", "1KiB");
    mock_set(b, "max_record", "1KiB");
    CU_ASSERT_EQUAL(mock_discover(a), WEIR_OK);
    CU_ASSERT_EQUAL(mock_discover(b), WEIR_OK);
    CU_ASSERT_EQUAL(mock_open(a), WEIR_OK);
    CU_ASSERT_EQUAL(mock_open(b), WEIR_OK);
    for (size_t i = 0; i < a->n_splits; i++) CU_ASSERT_EQUAL(mock_add_split(a, i, NULL, 0), WEIR_OK);
    for (int i = 0; i < polls; i++) (void)mock_poll(a, 2);
    for (size_t i = 0; i < a->n_splits; i++) {
        char position[64];
        size_t n = 0;
        weir_split split_i = {.struct_size = sizeof split_i, .id = a->splits[i].id};
        CU_ASSERT_EQUAL(file_position(mock_self(a), &a->cx, 1, &split_i, position, sizeof position, &n), WEIR_OK);
        CU_ASSERT_EQUAL(mock_add_split(b, i, position, n), WEIR_OK);
    }
    weir_progress p = WEIR_MADE;
    while (p != WEIR_DONE && p != WEIR_FAILED) p = mock_poll(b, 2);
    CU_ASSERT_EQUAL(p, WEIR_DONE);
    struct weir_text both = {0};
    weir_text_add(&both, "%s%s%s%s", mock_rows(a), mock_rows(b), weir_text_get(&a->rejects), weir_text_get(&b->rejects));
    CU_ASSERT_STRING_EQUAL(weir_text_get(&both), expected);
    weir_text_finish(&both);
    mock_host_destroy(a);
    mock_host_destroy(b);
}

static void reads_on_from_a_position(void)
{
    struct mock_machine *m = mock_machine_create();
    struct weir_text bytes = {0}, expected = {0};
    for (int i = 0; i < 40; i++) weir_text_add(&bytes, i == 17 ? "%02000d\n" : "line %d\n", i);
    for (int i = 0; i < 40; i++) {
        if (i != 17) weir_text_add(&expected, "line %d\n", i);
    }
    char zeros[1025] = "";
    memset(zeros, '0', 1024);
    weir_text_add(&expected, "/f:126: longer than max_record, 1024 bytes [%s]\n", zeros);
    mock_file_put(m, "/f", bytes.p, bytes.n);
    for (int polls = 0; polls < 45; polls++) {
        check_resumption(m, "/f", "\n", "60B", weir_text_get(&expected), polls);
        check_resumption(m, "/f", "\n", "1MB", weir_text_get(&expected), polls);
    }
    const char *at_17 = strstr(weir_text_get(&expected), "/f:126");
    struct weir_text plain = {0};
    weir_text_add_bytes(&plain, expected.p, (size_t)(at_17 - expected.p));
    weir_text_add(&plain, "/f.gz:126%s", at_17 + 6);
    size_t n;
    char *gz = compress_with("gzip", bytes.p, bytes.n, &n);
    mock_file_put(m, "/f.gz", gz, n);
    for (int polls = 0; polls < 25; polls++) check_resumption(m, "/f.gz", "\n", "1MB", weir_text_get(&plain), polls);
    free(gz);
    weir_text_finish(&plain);
    weir_text_finish(&bytes);
    weir_text_finish(&expected);
    mock_machine_destroy(m);
}

static void reads_on_from_a_position_with_a_delimiter_that_cuts_go_through(void)
{
    struct mock_machine *m = mock_machine_create();
    mock_file_put_text(m, "/f", "one<=>two<=><=>three<=>4<=>5<=>six<=>seven");
    for (int size = 1; size < 20; size++) {
        char split[16];
        snprintf(split, sizeof split, "%dB", size);
        for (int polls = 0; polls < 60; polls++) {
            check_resumption(m, "/f", "<=>", split, "one\ntwo\n\nthree\n4\n5\nsix\nseven\n", polls);
        }
    }
    mock_machine_destroy(m);
}

/* ---- compression -------------------------------------------------------------------------------------------- */

static char *compress_with(const char *codec, const char *bytes, size_t n, size_t *made)
{
    size_t capacity = n + n / 10 + 1024;
    char *to = malloc(capacity);
    if (strcmp(codec, "zstd") == 0) {
        *made = ZSTD_compress(to, capacity, bytes, n, 1);
        return to;
    }
    z_stream z = {0};
    CU_ASSERT_EQUAL(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)bytes;
    z.avail_in = (uInt)n;
    z.next_out = (Bytef *)to;
    z.avail_out = (uInt)capacity;
    CU_ASSERT_EQUAL(deflate(&z, Z_FINISH), Z_STREAM_END);
    *made = capacity - z.avail_out;
    deflateEnd(&z);
    return to;
}

static struct weir_text numbers_text(int from, int until)
{
    struct weir_text t = {0};
    for (int i = from; i < until; i++) weir_text_add(&t, "line number %d\n", i);
    return t;
}

static const char *const codecs[] = {"gzip", "zstd"};
static const char *const suffixed[] = {"/f.gz", "/f.zst"};

static void reads_several_members_and_frames(void)
{
    for (int c = 0; c < 2; c++) {
        struct weir_text all = numbers_text(0, 60000), files = {0};
        size_t half = all.n / 2 + 3;
        for (int part = 0; part < 2; part++) {
            size_t n;
            char *packed = compress_with(codecs[c], all.p + (part ? half : 0), part ? all.n - half : half, &n);
            weir_text_add_bytes(&files, packed, n);
            free(packed);
        }
        struct mock_machine *m = mock_machine_create();
        mock_file_put(m, suffixed[c], files.p, files.n);
        struct mock_host *h = host_for(m, suffixed[c]);
        check_rows(h, weir_text_get(&all));
        mock_host_destroy(h);
        mock_file_put(m, "/f.data", files.p, files.n);
        h = host_for(m, "/f.data");
        mock_set(h, "compression", codecs[c]);
        check_rows(h, weir_text_get(&all));
        mock_host_destroy(h);
        mock_machine_destroy(m);
        weir_text_finish(&all);
        weir_text_finish(&files);
    }
}

static void damaged_compressed_data_is_an_error_with_its_place(void)
{
    for (int c = 0; c < 2; c++) {
        struct weir_text all = numbers_text(0, 30000);
        size_t n;
        char *packed = compress_with(codecs[c], all.p, all.n, &n);
        for (int kind = 0; kind < 4; kind++) {
            struct mock_machine *m = mock_machine_create();
            size_t length = kind == 0 ? n / 2 : kind == 1 ? n - 1 : kind == 2 ? 0 : n;
            mock_file_put(m, suffixed[c], packed, length);
            if (kind == 3) {
                struct weir_text garbage = {0};
                weir_text_add_bytes(&garbage, packed, n);
                weir_text_add(&garbage, "and more");
                mock_file_put(m, suffixed[c], garbage.p, garbage.n);
                weir_text_finish(&garbage);
            }
            struct mock_host *h = host_for(m, suffixed[c]);
            check_failure(h, "damaged");
            WEIR_ASSERT_CONTAINS(weir_text_get(&h->failure), suffixed[c]);
            WEIR_ASSERT_CONTAINS(weir_text_get(&h->failure), kind == 3 ? "before byte" : "ends too early");
            mock_host_destroy(h);
            mock_machine_destroy(m);
        }
        free(packed);
        weir_text_finish(&all);
    }
}

/* Any one flipped bit is either found or harmless: never a crash, never a hang, never other rows without an error. */
static void flipped_bits_never_pass_silently_in_gzip(void)
{
    struct weir_text all = numbers_text(0, 300);
    size_t n;
    char *packed = compress_with("gzip", all.p, all.n, &n);
    for (size_t i = 10; i < n; i++) { /* byte 0..9: header, whose time and flags may differ */
        struct mock_machine *m = mock_machine_create();
        packed[i] ^= (char)(1 << i % 8);
        mock_file_put(m, "/f.gz", packed, n);
        packed[i] ^= (char)(1 << i % 8);
        struct mock_host *h = host_for(m, "/f.gz");
        CU_ASSERT_EQUAL(mock_run_source(h, 1024), WEIR_FAILED);
        mock_host_destroy(h);
        mock_machine_destroy(m);
    }
    free(packed);
    weir_text_finish(&all);
}

/* ---- a machine that says no --------------------------------------------------------------------------------- */

static void a_file_cut_while_it_is_read_is_an_error(void)
{
    struct mock_machine *m = mock_machine_create();
    mock_file_put_text(m, "/f", "one\ntwo\nthree\n");
    const char *const kinds[] = {"whole_files", "split_size"}, *const values[] = {"true", "5"};
    for (int k = 0; k < 2; k++) {
        struct mock_host *h = host_for(m, "/f");
        mock_set(h, kinds[k], values[k]);
        m->read_limit = 9;
        check_failure(h, "'/f' was cut while the job was reading it");
        mock_host_destroy(h);
        m->read_limit = 0;
    }
    mock_machine_destroy(m);
}

static void a_file_that_grows_is_read_to_its_listed_end(void)
{
    struct mock_machine *m = mock_machine_create();
    mock_file_put_text(m, "/f", "one\ntw");
    struct mock_host *h = host_for(m, "/f");
    CU_ASSERT_EQUAL(mock_discover(h), WEIR_OK);
    CU_ASSERT_EQUAL(mock_open(h), WEIR_OK);
    CU_ASSERT_EQUAL(mock_add_split(h, 0, NULL, 0), WEIR_OK);
    mock_file_put_text(m, "/f", "one\ntwo\nthree\n"); /* "two" began before the end; "three" is another job's */
    while (mock_poll(h, 1) == WEIR_MADE) {
    }
    CU_ASSERT_STRING_EQUAL(mock_rows(h), "one\ntwo\n");
    mock_host_destroy(h);
    mock_machine_destroy(m);
}

static void failures_of_the_machine_name_the_file(void)
{
    const char *const calls[] = {"open", "read", "list"};
    for (int i = 0; i < 3; i++) {
        struct mock_machine *m = mock_machine_create();
        mock_file_put_text(m, "/in/f", "one\ntwo\n");
        struct mock_host *h = host_for(m, "/in/f");
        m->fail_call = calls[i];
        check_failure(h, "injected fault");
        WEIR_ASSERT_CONTAINS(weir_text_get(&h->failure), "/in/f");
        CU_ASSERT_EQUAL(h->failed, WEIR_E_IO);
        mock_host_destroy(h);
        mock_machine_destroy(m);
    }
}

WEIR_SUITE(source_file) = {
    {"reads one file", reads_one_file},
    {"reads a directory in order of names, without hidden files", reads_a_directory_in_order_of_names},
    {"reads what a glob matches", reads_what_a_glob_matches},
    {"says when there is no file", says_when_there_is_no_file},
    {"keeps odd paths", keeps_odd_paths},
    {"cuts a large file by parallelism", cuts_a_large_file_by_parallelism},
    {"does not cut what cannot be cut", does_not_cut_what_cannot_be_cut},
    {"no record is lost or read twice, wherever the file is cut", no_record_is_lost_or_read_twice_wherever_the_file_is_cut},
    {"too long records are rejected, wherever the file is cut", too_long_records_are_rejected_wherever_the_file_is_cut},
    {"a too long record fails where the next cannot be found", a_too_long_record_fails_where_the_next_cannot_be_found},
    {"records longer than a block are read", records_longer_than_a_block_are_read},
    {"borders of pieces may fall on borders of blocks", borders_of_pieces_may_fall_on_borders_of_blocks},
    {"pieces after the first are shown the head", pieces_after_the_first_are_shown_the_head},
    {"rejects carry file and offset", rejects_carry_file_and_offset},
    {"reads on from a position", reads_on_from_a_position},
    {"reads on from a position with a delimiter that cuts go through",
     reads_on_from_a_position_with_a_delimiter_that_cuts_go_through},
    {"reads several members and frames", reads_several_members_and_frames},
    {"damaged compressed data is an error with its place", damaged_compressed_data_is_an_error_with_its_place},
    {"flipped bits never pass silently in gzip", flipped_bits_never_pass_silently_in_gzip},
    {"a file cut while it is read is an error", a_file_cut_while_it_is_read_is_an_error},
    {"a file that grows is read to its listed end", a_file_that_grows_is_read_to_its_listed_end},
    {"failures of the machine name the file", failures_of_the_machine_name_the_file},
    {NULL, NULL},
};
