/* saved_read_back.c - is what was just published there as it was written? docs/design/014-read-back.md says what is looked
 * at, and why not at all of it. Any one thread, none of a slot.
 *
 * Of the blocks of all files, counted through, each step-th is read, beginning with another one each time, and of every file
 * the first and the last. So a checkpoint of SAMPLE blocks or fewer is read as a whole, and of a file that many checkpoints
 * have every block has its turn.
 */
#include <inttypes.h>

#include "base/alloc.h"
#include "checkpoint/saved.h"
#include "checkpoint/saved_internal.h"

#define SAMPLE 64

struct reading {
    struct weir_storage *storage;
    const char *checkpoint;
    uint64_t step, turn, passed; /* blocks of files that were looked at */
    uint8_t *block;
    struct weir_error *error;
};

static weir_status check_metadata(const struct reading *r, const struct weir_saved_index *index, uint64_t checksum)
{
    if (index->checksum == checksum) return WEIR_OK;
    char *path = weir__object_path(r->storage, r->checkpoint, WEIR__METADATA);
    weir_status status = weir_error_set(r->error, WEIR_E_DATA,
                                        "%s: expected the checksum %016" PRIx64 " that was written, found %016" PRIx64
                                        ", of number %" PRId64 "; the storage gives something else",
                                        path, checksum, index->checksum, index->checkpoint);
    weir_free(path);
    return status;
}

static weir_status read_block(const struct reading *r, const struct weir_saved_part *part, size_t i, const char *path)
{
    uint64_t offset = (uint64_t)i * WEIR__SAVED_BLOCK, left = part->length - offset;
    size_t n = left < WEIR__SAVED_BLOCK ? (size_t)left : WEIR__SAVED_BLOCK, got;
    weir_status status = weir_storage_read(r->storage, r->checkpoint, part->file, offset, r->block, n, &got, r->error);
    if (status == WEIR_OK && got < n) status = weir__check_length(path, offset + got, part->length, r->error);
    return status == WEIR_OK ? weir__check_block(path, offset, r->block, n, part->hashes[i], r->error) : status;
}

static weir_status read_file(struct reading *r, const struct weir_saved_part *part)
{
    char *path = weir__object_path(r->storage, r->checkpoint, part->file);
    weir_status status = weir__check_found(part, path, r->error);
    for (size_t i = 0; status == WEIR_OK && i < part->n_hashes; i++) {
        bool is_end = i == 0 || i + 1 == part->n_hashes;
        if (is_end || (r->passed + i) % r->step == r->turn) status = read_block(r, part, i, path);
    }
    r->passed += part->n_hashes;
    weir_free(path);
    return status;
}

static weir_status read_part(struct reading *r, const struct weir_saved_part *part)
{
    weir_status status = WEIR_OK;
    for (size_t i = 0; status == WEIR_OK && i < part->n_earlier; i++) status = read_file(r, &part->earlier[i]);
    return status == WEIR_OK ? read_file(r, part) : status;
}

static uint64_t count_blocks(const struct weir_saved_index *index)
{
    uint64_t blocks = 0;
    for (size_t i = 0; i < index->n; i++) {
        for (size_t k = 0; k < index->nodes[i].n; k++) {
            const struct weir_saved_part *part = &index->nodes[i].parts[k];
            blocks += part->n_hashes;
            for (size_t e = 0; e < part->n_earlier; e++) blocks += part->earlier[e].n_hashes;
        }
    }
    return blocks;
}

static weir_status read_files(struct reading *r, const struct weir_saved_index *index, bool whole)
{
    weir_status status = WEIR_OK;
    r->step = whole ? 1 : (count_blocks(index) + SAMPLE - 1) / SAMPLE;
    if (r->step == 0) r->step = 1;
    r->turn = (uint64_t)index->checkpoint % r->step;
    r->block = weir_try_alloc(WEIR__SAVED_BLOCK);
    if (!r->block) status = weir_error_set(r->error, WEIR_E_MEMORY, "no memory to read it back");
    for (size_t i = 0; i < index->n; i++) {
        for (size_t k = 0; status == WEIR_OK && k < index->nodes[i].n; k++) status = read_part(r, &index->nodes[i].parts[k]);
    }
    weir_free(r->block);
    return status;
}

weir_status weir_saved_read_back(struct weir_storage *storage, const char *checkpoint, uint64_t checksum, bool whole,
                                 struct weir_error *error)
{
    struct weir_saved_index index = {0};
    struct reading r = {.storage = storage, .checkpoint = checkpoint, .error = error};
    weir_status status = weir_saved_index_read(storage, checkpoint, &index, error);
    if (status == WEIR_OK) status = check_metadata(&r, &index, checksum);
    if (status == WEIR_OK) status = read_files(&r, &index, whole);
    weir_saved_index_finish(&index);
    return status;
}
