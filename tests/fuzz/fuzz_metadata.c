/* fuzz_metadata.c - any bytes as the `_metadata` of a savepoint. The checksum at their end is made to fit first, which no
 * fuzzer could guess: what is tried is what stands behind it. The state files are there, with the lengths that are told. */
#include <string.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "base/text.h"
#include "checkpoint/saved_dump.h"
#include "checkpoint/saved_internal.h"
#include "checkpoint/saved_look.h"
#include "fuzz/fuzz.h"
#include "harness/folders.h"
#include "harness/memory_disk.h"

#define MOST_FILE 4096

static void put_metadata(struct memory_disk *disk, const uint8_t *data, size_t size)
{
    size_t n = size - WEIR__CHECKSUM_SIZE;
    uint64_t hash = XXH3_64bits(data, n);
    uint8_t *bytes = weir_alloc(size);
    memcpy(bytes, data, n);
    bytes[n] = WEIR__CHECKSUM_TAG;
    for (int i = 0; i < 8; i++) bytes[n + 1 + (size_t)i] = (uint8_t)(hash >> (56 - 8 * i));
    memory_disk_put(disk, "/s/_metadata", bytes, size);
    weir_free(bytes);
}

static void put_files(struct memory_disk *disk, const struct weir_saved_index *index)
{
    static const uint8_t zeros[MOST_FILE];
    for (size_t i = 0; i < index->n; i++) {
        for (size_t k = 0; k < index->nodes[i].n; k++) {
            const struct weir_saved_part *part = &index->nodes[i].parts[k];
            char *path = weir_format("/s/%s", part->file);
            if (part->length <= sizeof zeros && strcmp(part->file, WEIR__METADATA) != 0)
                memory_disk_put(disk, path, zeros, part->length);
            weir_free(path);
        }
    }
}

static void tell(void *arg, const struct weir_saved_check *check)
{
    (void)check;
    ++*(size_t *)arg;
}

static weir_status swallow(void *arg, const char *text, size_t n)
{
    (void)arg, (void)text, (void)n;
    return WEIR_OK;
}

static void look(const struct memory_disk *disk)
{
    struct weir_saved saved = {0};
    struct weir_saved_looks looks = {0};
    struct weir_error error = {0};
    const struct weir_saved_dump_options dump = {.write = swallow};
    size_t told = 0;
    weir_status read = folders_read(&disk->platform, "/s", &saved, &error);
    FUZZ_CHECK(read == WEIR_OK || (error.text[0] && saved.n == 0));
    weir_saved_finish(&saved);
    weir_status whole = folders_verify(&disk->platform, "/s", tell, &told, &error);
    FUZZ_CHECK(told > 0 && !(whole == WEIR_OK && read != WEIR_OK)); /* whatever is whole can be read */
    (void)!folders_dump(&disk->platform, "/s", &dump, &error);
    FUZZ_CHECK(folders_find_all(&disk->platform, "/s", &looks, &error) == WEIR_OK && looks.n == 1);
    weir_saved_looks_finish(&looks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memory_disk disk;
    struct weir_saved_index index = {0};
    struct weir_error error = {0};
    if (size < WEIR__CHECKSUM_SIZE) return 0;
    memory_disk_init(&disk);
    put_metadata(&disk, data, size);
    weir_status s = folders_index(&disk.platform, "/s", &index, &error);
    FUZZ_CHECK(s == WEIR_OK || strstr(error.text, "/s"));
    put_files(&disk, &index);
    weir_saved_index_finish(&index);
    look(&disk);
    memory_disk_finish(&disk);
    return 0;
}
