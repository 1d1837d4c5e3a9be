/* saved_scan.c - one part's file from its first byte to its last, block by block.
 *
 * The window is the bytes that were checked and not given out yet. It grows to the largest value of the file, twice as large
 * each time, so that a value is looked at only a few times before it is whole.
 */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "checkpoint/saved_index.h"
#include "checkpoint/saved_internal.h"
#include "data/msgpack_get.h"

struct scan {
    struct weir_storage *storage;
    const char *checkpoint;
    const struct weir_saved_part *part;
    const char *path;
    const struct weir_saved_visitor *visitor;
    void *arg;
    struct weir_error *error;
    uint8_t *window;
    size_t first, end, capacity; /* of the window, what is there */
    uint64_t at;                 /* of its first byte, in the file */
    size_t block;                /* the next one to be read */
};

static weir_status read_block(struct scan *s)
{
    uint64_t offset = (uint64_t)s->block * WEIR__SAVED_BLOCK, left = s->part->length - offset;
    size_t n = left < WEIR__SAVED_BLOCK ? (size_t)left : WEIR__SAVED_BLOCK, got;
    weir_status status =
        weir_storage_read(s->storage, s->checkpoint, s->part->file, offset, s->window + s->end, n, &got, s->error);
    if (status == WEIR_OK && got < n) status = weir__check_length(s->path, offset + got, s->part->length, s->error);
    if (status == WEIR_OK)
        status = weir__check_block(s->path, offset, s->window + s->end, n, s->part->hashes[s->block], s->error);
    s->block++;
    s->end += n;
    return status;
}

/* At least n bytes more of the file; there are so many. */
static weir_status need(struct scan *s, size_t n)
{
    if (s->end > s->first) memmove(s->window, s->window + s->first, s->end - s->first);
    s->end -= s->first;
    s->first = 0;
    if (n + WEIR__SAVED_BLOCK > s->capacity) {
        uint8_t *larger = weir_try_realloc(s->window, n + WEIR__SAVED_BLOCK);
        if (!larger) return weir_error_set(s->error, WEIR_E_MEMORY, "%s: no memory for a value of %zu bytes", s->path, n);
        s->window = larger;
        s->capacity = n + WEIR__SAVED_BLOCK;
    }
    weir_status status = WEIR_OK;
    while (status == WEIR_OK && s->end < n) status = read_block(s);
    return status;
}

static weir_status refuse(struct scan *s, const char *expected)
{
    return weir_error_set(s->error, WEIR_E_DATA,
                          "%s: byte %" PRIu64
                          ": expected %s, found something else; it was not written by weir, or by another "
                          "version of it",
                          s->path, s->at, expected);
}

/* The next whole value of the `left` bytes of a section: *size bytes from the window's first on. */
static weir_status whole_value(struct scan *s, uint64_t left, const char *expected, size_t *size)
{
    for (size_t wanted = 4096;; wanted *= 2) {
        if (wanted > left) wanted = (size_t)left;
        weir_status status = s->end - s->first < wanted ? need(s, wanted) : WEIR_OK;
        if (status != WEIR_OK) return status;
        size_t there = s->end - s->first < left ? s->end - s->first : (size_t)left;
        *size = weir_msgpack_size(s->window + s->first, there);
        if (*size > 0) return WEIR_OK;
        if (there == left) return refuse(s, expected);
    }
}

static void pass(struct scan *s, size_t size)
{
    s->first += size;
    s->at += size;
}

/* What a visitor refuses gets its place. */
static weir_status visited(struct scan *s, weir_status status)
{
    if (status < 0) return weir_error_prefix(s->error, "%s: byte %" PRIu64 ": ", s->path, s->at);
    return WEIR_OK;
}

static weir_status scan_header(struct scan *s)
{
    size_t size;
    if (s->part->header == 0) return WEIR_OK;
    weir_status status = whole_value(s, s->part->header, "a header", &size);
    if (status == WEIR_OK && size != s->part->header) status = refuse(s, "a header");
    if (status == WEIR_OK && s->visitor->header)
        status = visited(s, s->visitor->header(s->arg, s->window + s->first, size, s->error));
    if (status == WEIR_OK) pass(s, size);
    return status;
}

static weir_status scan_groups(struct scan *s)
{
    uint64_t entries = 0;
    weir_status status = WEIR_OK;
    for (size_t i = 0; status == WEIR_OK && i < s->part->n_groups; i++) {
        size_t size;
        for (uint64_t left = s->part->groups[i].length; status == WEIR_OK && left > 0; left -= size) {
            status = whole_value(s, left, "an entry", &size);
            if (status != WEIR_OK) return status;
            if (s->visitor->entry)
                status =
                    visited(s, s->visitor->entry(s->arg, s->part->groups[i].group, s->window + s->first, size, s->error));
            pass(s, size);
            entries++;
        }
    }
    return status == WEIR_OK && entries != s->part->entries ? refuse(s, "as many entries as the metadata says") : status;
}

static weir_status scan_list(struct scan *s, const struct weir_saved_list *list)
{
    uint64_t items = 0;
    size_t size;
    weir_status status = WEIR_OK;
    for (uint64_t left = list->length; status == WEIR_OK && left > 0; left -= size) {
        status = whole_value(s, left, "an item of a list", &size);
        if (status != WEIR_OK) return status;
        if (s->visitor->item) status = visited(s, s->visitor->item(s->arg, list, s->window + s->first, size, s->error));
        pass(s, size);
        items++;
    }
    return status == WEIR_OK && items != list->items ? refuse(s, "as many items as the metadata says") : status;
}

static weir_status scan_all(struct scan *s)
{
    weir_status status = weir__check_found(s->part, s->path, s->error);
    if (status == WEIR_OK) status = scan_header(s);
    if (status == WEIR_OK) status = scan_groups(s);
    for (size_t i = 0; status == WEIR_OK && i < s->part->n_lists; i++) status = scan_list(s, &s->part->lists[i]);
    return status;
}

weir_status weir__saved_scan_file(struct weir_storage *storage, const char *checkpoint, const struct weir_saved_part *part,
                                  const struct weir_saved_visitor *visitor, void *arg, struct weir_error *error)
{
    char *path = weir__object_path(storage, checkpoint, part->file);
    struct scan s = {.storage = storage,
                     .checkpoint = checkpoint,
                     .part = part,
                     .path = path,
                     .visitor = visitor,
                     .arg = arg,
                     .error = error};
    weir_status status = scan_all(&s);
    weir_free(s.window);
    weir_free(path);
    return status;
}

weir_status weir_saved_scan(struct weir_storage *storage, const char *checkpoint, const struct weir_saved_part *part,
                            const struct weir_saved_visitor *visitor, void *arg, struct weir_error *error)
{
    return part->n_earlier ? weir__saved_scan_chain(storage, checkpoint, part, visitor, arg, error)
                           : weir__saved_scan_file(storage, checkpoint, part, visitor, arg, error);
}
