/* saved_write.c - a job's state to a storage: its files, then the metadata with their checksums; then it is published.
 *
 * What is in memory of a part is what was read of it and not written yet. What its file will be is known once it is
 * written: lengths and checksums are in the metadata, which come last.
 */
#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "base/text.h"
#include "checkpoint/saved.h"
#include "checkpoint/saved_internal.h"

struct base {
    int64_t checkpoint;
    char *name;
    struct weir_saved_index index;
};
struct weir_saved_writing {
    struct weir_storage *storage;
    weir_stored *to;
    struct weir_saved_index index; /* parts by subtask; without a file: it has no state, or is not written yet */
    struct base *bases;            /* read so far */
    size_t n_bases, bases_capacity;
    bool lost_base;
    struct weir_error *error; /* of the call */

    struct weir_snapshot *from; /* of the part that is being written; NULL: none is */
    const char *id;             /* its operator's */
    struct weir_saved_part *part;
    size_t at;          /* bytes of from->keyed that are written */
    bool streams;       /* what is written of them goes */
    XXH3_state_t *hash; /* of the block that is being written */
    size_t in_block, hashes_capacity;
};

/* ---- beginning --------------------------------------------------------------------------------------------------- */

weir_status weir_saved_begin(struct weir_storage *storage, const char *checkpoint, struct weir_saved_writing **to,
                             struct weir_error *error)
{
    weir_stored *stored;
    *to = NULL;
    weir_status status = weir_storage_begin(storage, checkpoint, &stored, error);
    if (status != WEIR_OK) return status;
    struct weir_saved_writing *w = weir_alloc(sizeof *w);
    *w = (struct weir_saved_writing){.storage = storage, .to = stored, .hash = XXH3_createState()};
    *to = w;
    return WEIR_OK;
}

static struct weir_saved_node *find_node(const struct weir_saved_index *index, const char *id)
{
    for (size_t i = 0; i < index->n; i++) {
        if (strcmp(index->nodes[i].id, id) == 0) return &index->nodes[i];
    }
    return NULL;
}

void weir_saved_declare(struct weir_saved_writing *w, const char *id, uint32_t parallelism, uint32_t max_parallelism)
{
    if (find_node(&w->index, id)) return;
    w->index.nodes = weir_realloc_array(w->index.nodes, w->index.n, w->index.n + 1, sizeof *w->index.nodes);
    struct weir_saved_node *node = &w->index.nodes[w->index.n++];
    *node = (struct weir_saved_node){.id = weir_strdup(id),
                                     .parallelism = parallelism,
                                     .max_parallelism = max_parallelism,
                                     .parts = weir_alloc_array(parallelism, sizeof *node->parts),
                                     .n = parallelism};
    for (uint32_t i = 0; i < parallelism; i++) node->parts[i].subtask = i;
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static void end_block(struct weir_saved_writing *w)
{
    struct weir_saved_part *part = w->part;
    WEIR_GROW(part->hashes, w->hashes_capacity, part->n_hashes + 1);
    part->hashes[part->n_hashes++] = XXH3_64bits_digest(w->hash);
    XXH3_64bits_reset(w->hash);
    w->in_block = 0;
}

static void add_to_hashes(struct weir_saved_writing *w, const uint8_t *bytes, size_t n)
{
    while (n > 0) {
        size_t room = WEIR__SAVED_BLOCK - w->in_block, take = n < room ? n : room;
        XXH3_64bits_update(w->hash, bytes, take);
        w->in_block += take;
        bytes += take;
        n -= take;
        if (w->in_block == WEIR__SAVED_BLOCK) end_block(w);
    }
}

static weir_status add(struct weir_saved_writing *w, const void *bytes, size_t n)
{
    if (n == 0) return WEIR_OK;
    add_to_hashes(w, bytes, n);
    w->part->length += n;
    return weir_storage_write(w->storage, w->to, bytes, n, w->error);
}

/* ---- what a part is built on ------------------------------------------------------------------------------------- */

static weir_status lose_base(struct weir_saved_writing *w, weir_status status)
{
    w->lost_base = true;
    return status;
}

static weir_status find_base(struct weir_saved_writing *w, int64_t checkpoint, const struct base **found)
{
    for (size_t i = 0; i < w->n_bases; i++) {
        *found = &w->bases[i];
        if (w->bases[i].checkpoint == checkpoint) return WEIR_OK;
    }
    WEIR_GROW(w->bases, w->bases_capacity, w->n_bases + 1);
    struct base *base = &w->bases[w->n_bases++];
    *base = (struct base){.checkpoint = checkpoint, .name = weir_format(WEIR__CHECKPOINT "%" PRId64, checkpoint)};
    *found = base;
    return weir_saved_index_read(w->storage, base->name, &base->index, w->error);
}

static const struct weir_saved_part *find_part(const struct weir_saved_index *index, const char *id, uint32_t subtask)
{
    const struct weir_saved_node *node = find_node(index, id);
    for (size_t k = 0; node && k < node->n; k++) {
        if (node->parts[k].subtask == subtask) return &node->parts[k];
    }
    return NULL;
}

/* A storage without second names: the bytes again, each block checked on the way. */
static weir_status copy_file(struct weir_saved_writing *w, const char *from, const struct weir_saved_part *part,
                             const char *name)
{
    struct weir__part_file source = {0};
    struct weir_key_bytes bytes = {0};
    weir_status status = weir__part_file_open(&source, w->storage, from, part, w->error);
    if (status != WEIR_OK) return lose_base(w, status);
    status = weir_storage_add(w->storage, w->to, name, w->error);
    for (uint64_t at = 0; status == WEIR_OK && at < part->length; at += WEIR__SAVED_BLOCK) {
        uint64_t left = part->length - at;
        bytes.n = 0;
        status = weir__part_file_read(&source, at, left < WEIR__SAVED_BLOCK ? left : WEIR__SAVED_BLOCK, &bytes, w->error);
        if (status != WEIR_OK) (void)lose_base(w, status);
        if (status == WEIR_OK) status = weir_storage_write(w->storage, w->to, bytes.p, bytes.n, w->error);
    }
    if (status == WEIR_OK) status = weir_storage_finish(w->storage, w->to, w->error);
    weir__part_file_close(&source);
    weir_key_bytes_finish(&bytes);
    return status;
}

/* A file of another checkpoint in this one as well. */
static weir_status take_file(struct weir_saved_writing *w, const char *from, const struct weir_saved_part *part,
                             const char *name)
{
    weir_status status = weir_storage_link(w->storage, w->to, name, from, part->file, w->error);
    if (status == WEIR_MORE) return copy_file(w, from, part, name);
    return status == WEIR_OK ? WEIR_OK : lose_base(w, status);
}

static void *copy_of(const void *array, size_t n, size_t size)
{
    void *copy = weir_alloc_array(n + 1, size);
    if (n > 0) memcpy(copy, array, n * size);
    return copy;
}

static void add_earlier(struct weir_saved_part *part, const struct weir_saved_part *earlier, char *name)
{
    struct weir_saved_part *to = &part->earlier[part->n_earlier++];
    *to = *earlier;
    to->file = name;
    to->hashes = copy_of(earlier->hashes, earlier->n_hashes, sizeof *to->hashes);
    to->groups = copy_of(earlier->groups, earlier->n_groups, sizeof *to->groups);
    to->lists = copy_of(earlier->lists, earlier->n_lists, sizeof *to->lists);
    for (size_t i = 0; i < to->n_lists; i++) to->lists[i].name = weir_strdup(to->lists[i].name);
    to->earlier = NULL;
    to->n_earlier = 0;
}

/* The files that it changes: those of the part it was cut after, under their names, and that part's own, which gets one. */
static weir_status take_base(struct weir_saved_writing *w, const char *id, int64_t checkpoint, struct weir_saved_part *part)
{
    const struct base *base;
    weir_status status = find_base(w, checkpoint, &base);
    if (status != WEIR_OK) return lose_base(w, status);
    const struct weir_saved_part *before = find_part(&base->index, id, part->subtask);
    if (!before || before->header != part->header)
        return lose_base(w, weir_error_set(w->error, WEIR_E_DATA, "%s: expected state of '%s', subtask %u, to build on",
                                           base->name, id, part->subtask));
    part->earlier = weir_alloc_array(before->n_earlier + 1, sizeof *part->earlier);
    for (size_t i = 0; status == WEIR_OK && i < before->n_earlier; i++) {
        add_earlier(part, &before->earlier[i], weir_strdup(before->earlier[i].file));
        status = take_file(w, base->name, &before->earlier[i], part->earlier[i].file);
    }
    if (status != WEIR_OK) return status;
    add_earlier(part, before, weir_format("%s-%u.%" PRId64 ".state", id, part->subtask, checkpoint));
    return take_file(w, base->name, before, part->earlier[before->n_earlier].file);
}

/* ---- parts ------------------------------------------------------------------------------------------------------- */

static bool is_empty(const struct weir_snapshot *s)
{
    return s->header.n == 0 && s->n_lists == 0;
}

weir_status weir_saved_begin_part(struct weir_saved_writing *w, const char *id, uint32_t subtask, struct weir_snapshot *s,
                                  struct weir_error *error)
{
    struct weir_saved_node *node = find_node(&w->index, id);
    WEIR_ASSERT(!w->from && node && subtask < node->n && !node->parts[subtask].file);
    if (is_empty(s)) return WEIR_OK;
    w->error = error;
    w->from = s;
    w->id = node->id;
    w->part = &node->parts[subtask];
    w->part->file = weir_format("%s-%u.state", id, subtask);
    w->streams = s->pending != NULL;
    w->at = w->in_block = w->hashes_capacity = 0;
    XXH3_64bits_reset(w->hash);
    weir_snapshot_rewind(s);
    weir_status status = weir_storage_add(w->storage, w->to, w->part->file, error);
    return status == WEIR_OK ? add(w, s->header.p, s->header.n) : status;
}

static void describe_content(const struct weir_snapshot *s, struct weir_saved_part *part)
{
    part->header = s->header.n;
    part->entries = s->n_entries;
    part->groups = weir_alloc_array(s->n_groups + 1, sizeof *part->groups);
    part->lists = weir_alloc_array(s->n_lists + 1, sizeof *part->lists);
    for (; part->n_groups < s->n_groups; part->n_groups++)
        part->groups[part->n_groups] =
            (struct weir_saved_group){s->groups[part->n_groups].group, s->groups[part->n_groups].length};
    for (; part->n_lists < s->n_lists; part->n_lists++) {
        const struct weir_snapshot_list *list = &s->lists[part->n_lists];
        part->lists[part->n_lists] = (struct weir_saved_list){weir_strdup(list->name), list->deal, list->n, list->bytes.n};
    }
}

static weir_status end_part(struct weir_saved_writing *w)
{
    struct weir_snapshot *s = w->from;
    weir_status status = WEIR_OK;
    for (size_t i = 0; status == WEIR_OK && i < s->n_lists; i++) status = add(w, s->lists[i].bytes.p, s->lists[i].bytes.n);
    if (w->in_block > 0) end_block(w);
    if (status == WEIR_OK) status = weir_storage_finish(w->storage, w->to, w->error);
    describe_content(s, w->part);
    if (status == WEIR_OK && s->base) status = take_base(w, w->id, s->base, w->part);
    if (w->streams) weir_key_bytes_finish(&s->keyed);
    w->from = NULL;
    return status;
}

/* What was read of it and is not written. */
static weir_status write_rest(struct weir_saved_writing *w)
{
    struct weir_snapshot *s = w->from;
    weir_status status = add(w, s->keyed.p + w->at, s->keyed.n - w->at);
    if (w->streams) s->keyed.n = 0;
    w->at = s->keyed.n;
    return status;
}

weir_status weir_saved_write_on(struct weir_saved_writing *w, uint64_t *room, struct weir_error *error)
{
    weir_status status = WEIR_OK;
    w->error = error;
    while (status == WEIR_OK && w->from && *room > 0) {
        uint64_t before = w->part->length;
        size_t unwritten = w->from->keyed.n - w->at;
        if (weir_snapshot_is_pending(w->from) && unwritten < *room) /* small key groups are written together */
            status = weir_snapshot_read(w->from, error);
        else if (unwritten > 0)
            status = write_rest(w);
        else
            status = end_part(w);
        uint64_t written = w->part->length - before;
        *room -= written < *room ? written : *room;
    }
    return status == WEIR_OK && w->from ? WEIR_MORE : status;
}

/* ---- ending ------------------------------------------------------------------------------------------------------ */

static void destroy(struct weir_saved_writing *w)
{
    for (size_t i = 0; i < w->n_bases; i++) {
        weir_saved_index_finish(&w->bases[i].index);
        weir_free(w->bases[i].name);
    }
    weir_free(w->bases);
    weir_saved_index_finish(&w->index);
    XXH3_freeState(w->hash);
    weir_free(w);
}

bool weir_saved_lost_base(const struct weir_saved_writing *w)
{
    return w->lost_base;
}

void weir_saved_abandon(struct weir_saved_writing *w)
{
    if (!w) return;
    weir_storage_abandon(w->storage, w->to);
    destroy(w);
}

static weir_status write_metadata(struct weir_saved_writing *w, struct weir_error *error)
{
    struct weir_key_bytes bytes = {0};
    weir_status status = WEIR_OK;
    if (!weir__saved_describe(&w->index, &bytes))
        status = weir_error_set(error, WEIR_E_MEMORY, "no memory for " WEIR__METADATA);
    if (status == WEIR_OK) status = weir_storage_add(w->storage, w->to, WEIR__METADATA, error);
    if (status == WEIR_OK) status = weir_storage_write(w->storage, w->to, bytes.p, bytes.n, error);
    if (status == WEIR_OK) status = weir_storage_finish(w->storage, w->to, error);
    weir_key_bytes_finish(&bytes);
    return status;
}

weir_status weir_saved_publish(struct weir_saved_writing *w, const struct weir_saved_about *about, uint64_t *checksum,
                               struct weir_error *error)
{
    WEIR_ASSERT(!w->from);
    w->index.kind = about->kind;
    w->index.checkpoint = about->checkpoint;
    w->index.taken_ms = about->taken_ms;
    w->index.job = weir_strdup(about->job);
    weir_status status = write_metadata(w, error);
    if (status != WEIR_OK) {
        weir_saved_abandon(w);
        return status;
    }
    *checksum = w->index.checksum;
    status = weir_storage_publish(w->storage, w->to, error);
    destroy(w);
    return status;
}
