/* fuzz_decoder.h - any bytes through a decoder, in a mock host. The first byte, a digit, chooses the options; the same
 * records and rejected records must come out wherever the rest is cut. */
#ifndef WEIR_TESTS_FUZZ_DECODER_H
#define WEIR_TESTS_FUZZ_DECODER_H

#include <string.h>

#include "base/alloc.h"
#include "fuzz/fuzz.h"
#include "harness/mock_host.h"

struct fuzz_variant {
    const weir_component *component;
    const char *schema;
    const char *const *options; /* name, value, ..., NULL */
};

/* All that came of the bytes. The caller frees. */
static inline char *fuzz_decode(const struct fuzz_variant *v, const uint8_t *data, size_t n, size_t window, int64_t max_rows)
{
    struct weir_text all = {0};
    struct mock_host *h = mock_host_create(&(struct mock_host_config){.component = v->component, .schema = v->schema});
    for (const char *const *o = v->options; *o; o += 2) mock_set(h, o[0], o[1]);
    int status = mock_decode(h, "in", data, n, window, max_rows);
    FUZZ_CHECK(status == WEIR_OK || status == WEIR_E_DATA);
    weir_text_add(&all, "%s--\n%s--\n%d %s", mock_rows(h), weir_text_get(&h->rejects), status, weir_text_get(&h->failure));
    mock_host_destroy(h);
    return weir_text_take(&all);
}

static inline int fuzz_decoder(const struct fuzz_variant *variants, size_t n_variants, const uint8_t *data, size_t size)
{
    static const size_t windows[] = {1, 7, 64};
    if (size == 0) return 0;
    const struct fuzz_variant *v = &variants[(uint8_t)(data[0] - '0') % n_variants];
    char *whole = fuzz_decode(v, data + 1, size - 1, 0, 1000000);
    for (size_t i = 0; i < WEIR_LEN(windows); i++) {
        char *cut = fuzz_decode(v, data + 1, size - 1, windows[i], i == 1 ? 1 : 1000000);
        FUZZ_CHECK(strcmp(whole, cut) == 0);
        weir_free(cut);
    }
    weir_free(whole);
    return 0;
}

#endif
