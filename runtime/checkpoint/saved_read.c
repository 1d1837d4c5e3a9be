/* saved_read.c - a checkpoint back to a job's state, every byte checked before any is used. */
#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "base/path.h"
#include "checkpoint/saved.h"
#include "checkpoint/saved_index.h"
#include "checkpoint/saved_internal.h"

weir_status weir__check_block(const char *path, uint64_t at, const void *bytes, size_t n, uint64_t expected,
                              struct weir_error *error)
{
    uint64_t found = XXH3_64bits(bytes, n);
    if (found == expected) return WEIR_OK;
    return weir_error_set(error, WEIR_E_DATA,
                          "%s: bytes %" PRIu64 " to %" PRIu64 ": expected the checksum %016" PRIx64 ", found %016" PRIx64
                          "; the file is damaged",
                          path, at, at + n - 1, expected, found);
}

weir_status weir__check_length(const char *path, uint64_t found, uint64_t expected, struct weir_error *error)
{
    if (found == expected) return WEIR_OK;
    return weir_error_set(error, WEIR_E_DATA,
                          "%s: ends at byte %" PRIu64 ", expected %" PRIu64 " bytes; the file is damaged", path, found,
                          expected);
}

weir_status weir__check_found(const struct weir_saved_part *part, const char *path, struct weir_error *error)
{
    if (part->found >= 0) return weir__check_length(path, (uint64_t)part->found, part->length, error);
    return weir_error_set(error, WEIR_E_DATA, "%s: is missing; the checkpoint or savepoint is damaged", path);
}

char *weir__object_path(const struct weir_storage *storage, const char *checkpoint, const char *object)
{
    char *address = weir_storage_address(storage, checkpoint), *path = weir_path_join(address, object);
    weir_free(address);
    return path;
}

static weir_status check_file(const struct weir_saved_part *part, const char *path, const char *bytes, size_t n,
                              struct weir_error *error)
{
    weir_status status = weir__check_length(path, n, part->length, error); /* it had that size a moment ago */
    for (size_t i = 0, at = 0; status == WEIR_OK && at < n; i++, at += WEIR__SAVED_BLOCK) {
        size_t length = n - at < WEIR__SAVED_BLOCK ? n - at : WEIR__SAVED_BLOCK;
        status = weir__check_block(path, at, bytes + at, length, part->hashes[i], error);
    }
    return status;
}

static bool copy_bytes(struct weir_key_bytes *to, const char **at, uint64_t n)
{
    to->p = weir_try_alloc(n + 1);
    if (!to->p) return false;
    memcpy(to->p, *at, n);
    to->n = to->capacity = n;
    *at += n;
    return true;
}

/* The lengths of the index add up to that of the file. */
static bool read_content(const struct weir_saved_part *part, const char *bytes, struct weir_snapshot *s)
{
    size_t keyed = 0;
    s->n_entries = part->entries;
    WEIR_GROW(s->groups, s->groups_capacity, part->n_groups);
    for (size_t i = 0; i < part->n_groups; i++) {
        const struct weir_saved_group *g = &part->groups[i];
        s->groups[s->n_groups++] = (struct weir_snapshot_group){.group = g->group, .offset = keyed, .length = g->length};
        keyed += g->length;
    }
    if (!copy_bytes(&s->header, &bytes, part->header) || !copy_bytes(&s->keyed, &bytes, keyed)) return false;
    for (size_t i = 0; i < part->n_lists; i++) {
        struct weir_snapshot_list *list = weir_snapshot_list(s, part->lists[i].name, part->lists[i].deal);
        list->n = part->lists[i].items;
        if (!copy_bytes(&list->bytes, &bytes, part->lists[i].length)) return false;
    }
    return true;
}

static weir_status no_memory_for(const struct weir_saved_part *part, const char *path, struct weir_error *error)
{
    return weir_error_set(error, WEIR_E_MEMORY, "%s: no memory for %" PRIu64 " bytes", path, part->length);
}

static weir_status read_part(struct weir_storage *storage, const char *checkpoint, const struct weir_saved_part *part,
                             struct weir_snapshot *s, struct weir_error *error)
{
    char *path = weir__object_path(storage, checkpoint, part->file), *bytes = NULL;
    size_t n = 0;
    weir_status status = weir__check_found(part, path, error);
    if (status == WEIR_OK && !(bytes = weir_try_alloc(part->length + 1))) status = no_memory_for(part, path, error);
    if (status == WEIR_OK) status = weir_storage_read(storage, checkpoint, part->file, 0, bytes, part->length, &n, error);
    if (status == WEIR_OK) status = check_file(part, path, bytes, n, error);
    if (status == WEIR_OK && !read_content(part, bytes, s)) status = no_memory_for(part, path, error);
    weir_free(bytes);
    weir_free(path);
    return status;
}

/* ---- a part that holds only what changed ------------------------------------------------------------------------- */

struct collected {
    const struct weir_saved_part *part;
    struct weir_snapshot *to;
};

static weir_status collect(bool added, struct weir_error *error)
{
    return added ? WEIR_OK : weir_error_set(error, WEIR_E_MEMORY, "no memory for its state");
}

static weir_status collect_header(void *arg, const uint8_t *bytes, size_t n, struct weir_error *error)
{
    return collect(weir_key_bytes_add(&((struct collected *)arg)->to->header, bytes, n), error);
}

static weir_status collect_entry(void *arg, uint32_t group, const uint8_t *bytes, size_t n, struct weir_error *error)
{
    struct weir_snapshot *to = ((struct collected *)arg)->to;
    if (to->n_groups == 0 || to->groups[to->n_groups - 1].group != group) {
        WEIR_GROW(to->groups, to->groups_capacity, to->n_groups + 1);
        to->groups[to->n_groups++] = (struct weir_snapshot_group){.group = group, .offset = to->keyed.n};
    }
    to->groups[to->n_groups - 1].length += n;
    to->n_entries++;
    return collect(weir_key_bytes_add(&to->keyed, bytes, n), error);
}

static weir_status collect_item(void *arg, const struct weir_saved_list *list, const uint8_t *bytes, size_t n,
                                struct weir_error *error)
{
    const struct collected *c = arg;
    struct weir_snapshot_list *to = &c->to->lists[list - c->part->lists];
    to->n++;
    return collect(weir_key_bytes_add(&to->bytes, bytes, n), error);
}

/* What is restored of it is what a whole part would be. */
static weir_status read_changes(struct weir_storage *storage, const char *checkpoint, const struct weir_saved_part *part,
                                struct weir_snapshot *s, struct weir_error *error)
{
    static const struct weir_saved_visitor visitor = {collect_header, collect_entry, collect_item};
    struct collected c = {part, s};
    for (size_t i = 0; i < part->n_lists; i++) (void)weir_snapshot_list(s, part->lists[i].name, part->lists[i].deal);
    return weir_saved_scan(storage, checkpoint, part, &visitor, &c, error);
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

weir_status weir_saved_read(struct weir_storage *storage, const char *checkpoint, struct weir_saved *s,
                            struct weir_error *error)
{
    struct weir_saved_index index = {0};
    weir_status status = weir_saved_index_read(storage, checkpoint, &index, error);
    if (status != WEIR_OK) return status;
    s->kind = index.kind;
    s->checkpoint = index.checkpoint;
    s->taken_ms = index.taken_ms;
    s->job = weir_strdup(index.job);
    for (size_t i = 0; status == WEIR_OK && i < index.n; i++) {
        const struct weir_saved_node *node = &index.nodes[i];
        struct weir_saved_operator *op = weir_saved_add(s, node->id, node->parallelism, node->max_parallelism);
        for (size_t k = 0; status == WEIR_OK && k < node->n; k++)
            status = (node->parts[k].n_earlier ? read_changes : read_part)(storage, checkpoint, &node->parts[k],
                                                                           &op->parts[node->parts[k].subtask], error);
    }
    weir_saved_index_finish(&index);
    if (status != WEIR_OK) weir_saved_finish(s);
    return status;
}
