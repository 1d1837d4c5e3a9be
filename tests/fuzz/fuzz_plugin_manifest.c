/* fuzz_plugin_manifest.c - any text as the manifest of a plugin. What is accepted is written and read again: the same comes
 * out. */
#include <string.h>

#include "base/alloc.h"
#include "fuzz/fuzz.h"
#include "loader/plugin_info.h"
#include "loader/plugin_manifest.h"

static char *write(const struct weir_plugin_info *info)
{
    struct weir_text text = {0};
    weir_plugin_manifest_write(info, &text);
    weir_plugin_manifest_write_json(info, &text);
    return weir_text_take(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weir_plugin_info info = {0}, again = {0};
    struct weir_text text = {0};
    struct weir_error error = {0};
    if (weir_plugin_manifest_read((const char *)data, size, "x.weir.yaml", NULL, &info, &error) == WEIR_OK) {
        weir_plugin_manifest_write(&info, &text);
        weir_status s = weir_plugin_manifest_read(weir_text_get(&text), text.n, "again.weir.yaml", NULL, &again, &error);
        if (s != WEIR_OK) fprintf(stderr, "%s\n%s\n", weir_text_get(&text), error.text);
        FUZZ_CHECK(s == WEIR_OK);
        char *first = write(&info), *second = write(&again);
        FUZZ_CHECK(strcmp(first, second) == 0);
        weir_free(first);
        weir_free(second);
    } else {
        FUZZ_CHECK(error.text[0]);
    }
    weir_text_finish(&text);
    weir_plugin_info_finish(&again);
    weir_plugin_info_finish(&info);
    return 0;
}
