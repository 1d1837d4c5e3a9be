/* fuzz_plugin_file.c - any bytes as a shared object: its sections, its note and its symbols are read, nothing is mapped. */
#include <string.h>

#include "fuzz/fuzz.h"
#include "harness/memory_disk.h"
#include "loader/plugin_file.h"

#define PATH "/dev/null" /* names are resolved on the machine, where this is a name that resolves to itself */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memory_disk disk;
    struct weir_plugin_file file;
    struct weir_error error = {0};
    memory_disk_init(&disk);
    memory_disk_put(&disk, PATH, data, size);
    weir_status s = weir_plugin_file_check(&disk.platform, PATH, NULL, &file, &error);
    FUZZ_CHECK(s == WEIR_OK ? file.id && file.version && file.build_id : strstr(error.text, PATH) != NULL);
    weir_plugin_file_finish(&file);
    memory_disk_finish(&disk);
    return 0;
}
