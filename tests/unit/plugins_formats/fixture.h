/* fixture.h - a decoder in a mock host, fed with texts: what the tests of this folder share. */
#ifndef WEIR_TEST_FORMATS_FIXTURE_H
#define WEIR_TEST_FORMATS_FIXTURE_H

#include <stdlib.h>
#include <string.h>

#include "harness/mock_host.h"
#include "harness/suite.h"

/* options: name, value, ..., NULL; may be NULL. */
static inline struct mock_host *new_decoder(const weir_component *component, const char *schema, const char *const *options)
{
    struct mock_host *h = mock_host_create(&(struct mock_host_config){.component = component, .schema = schema});
    for (; options && *options; options += 2) mock_set(h, options[0], options[1]);
    return h;
}
#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

static inline void check_text(const char *found, const char *expected, int line)
{
    if (strcmp(found, expected) != 0) fprintf(stderr, "\nline %d: expected\n%s\nfound\n%s\n", line, expected, found);
    CU_assertImplementation(strcmp(found, expected) == 0, (unsigned)line, "texts are equal", __FILE__, "", CU_FALSE);
}

/* Decodes the text and compares the rows and the rejected records, as mock_host.h writes them. */
static inline void check_decoded(struct mock_host *h, const char *text, const char *rows, const char *rejects, int line)
{
    CU_ASSERT_EQUAL(mock_decode(h, "in", text, strlen(text), 0, 1000), WEIR_OK);
    check_text(mock_rows(h), rows, line);
    check_text(weir_text_get(&h->rejects), rejects, line);
    mock_host_destroy(h);
}
#define CHECK_DECODED(h, text, rows, rejects) check_decoded(h, text, rows, rejects, __LINE__)

/* The component fails in open, with a message that holds `part`. */
static inline void check_open_fails(struct mock_host *h, const char *part)
{
    CU_ASSERT_EQUAL(mock_open(h), WEIR_E_CONFIG);
    WEIR_ASSERT_CONTAINS(weir_text_get(&h->failure), part);
    mock_host_destroy(h);
}

/* ---- random texts ------------------------------------------------------------------------------------------------ */

static inline uint32_t next_random(uint64_t *state) /* xorshift64* */
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)(*state * UINT64_C(0x2545F4914F6CDD1D) >> 32);
}

/* At most 300 pieces, NUL-terminated; the caller frees. */
static inline char *random_text(uint64_t *seed, const char *const *pieces, uint32_t n_pieces)
{
    size_t n = 0;
    char *text = calloc(1, 300 * 16 + 1);
    for (uint32_t k = next_random(seed) % 300; k > 0; k--) {
        const char *piece = pieces[next_random(seed) % n_pieces];
        memcpy(text + n, piece, strlen(piece));
        n += strlen(piece);
    }
    return text;
}

/* Everything that decoding gave, as one text; the caller frees. */
static inline char *decoded_all(const weir_component *component, const char *schema, const char *const *options,
                                const char *text, size_t n, size_t window, int64_t max_rows)
{
    char *all = NULL;
    struct mock_host *h = new_decoder(component, schema, options);
    int status = mock_decode(h, "in", text, n, window, max_rows);
    CU_ASSERT_TRUE(status == WEIR_OK || status == WEIR_E_DATA);
    if (asprintf(&all, "%s--\n%s--\n%d %s", mock_rows(h), weir_text_get(&h->rejects), status, weir_text_get(&h->failure)) <
        0)
        abort();
    mock_host_destroy(h);
    return all;
}

/* The same records come out whatever the cuts: whole, byte by byte, in small windows and one record at a time. */
static inline void check_cuts(const weir_component *component, const char *schema, const char *const *options,
                              const char *text, size_t n)
{
    static const size_t windows[] = {1, 2, 7, 64, 100};
    char *whole = decoded_all(component, schema, options, text, n, 0, 1000000);
    for (size_t i = 0; i < WEIR_LEN(windows); i++) {
        char *cut = decoded_all(component, schema, options, text, n, windows[i], i % 2 ? 1 : 1000000);
        if (strcmp(whole, cut) != 0)
            fprintf(stderr, "\nwindow %zu of:\n%s\nwhole:\n%s\ncut:\n%s\n", windows[i], text, whole, cut);
        CU_ASSERT_STRING_EQUAL_FATAL(cut, whole);
        free(cut);
    }
    free(whole);
}

#endif
