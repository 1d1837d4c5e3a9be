/* saved_write.c - a job's state to a storage: its files, then the metadata with their checksums; then it is published. */
#include <inttypes.h>
#include <msgpack.h>
#include <string.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "base/text.h"
#include "checkpoint/saved.h"
#include "checkpoint/saved_internal.h"

/* ---- the struct -------------------------------------------------------------------------------------------------- */

struct weir_saved_operator *weir_saved_add(struct weir_saved *s, const char *id, uint32_t parallelism,
                                           uint32_t max_parallelism)
{
    WEIR_GROW(s->operators, s->capacity, s->n + 1);
    struct weir_saved_operator *op = &s->operators[s->n++];
    *op = (struct weir_saved_operator){.id = weir_strdup(id),
                                       .parallelism = parallelism,
                                       .max_parallelism = max_parallelism,
                                       .parts = weir_alloc_array(parallelism, sizeof *op->parts)};
    return op;
}

const struct weir_saved_operator *weir_saved_find(const struct weir_saved *s, const char *id)
{
    for (size_t i = 0; i < s->n; i++) {
        if (strcmp(s->operators[i].id, id) == 0) return &s->operators[i];
    }
    return NULL;
}

void weir_saved_finish(struct weir_saved *s)
{
    for (size_t i = 0; i < s->n; i++) {
        for (uint32_t k = 0; k < s->operators[i].parallelism; k++) weir_snapshot_finish(&s->operators[i].parts[k]);
        weir_free(s->operators[i].parts);
        weir_free(s->operators[i].id);
    }
    weir_free(s->operators);
    weir_free(s->job);
    *s = (struct weir_saved){0};
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

struct file {
    struct weir_storage *storage;
    weir_stored *to;
    XXH3_state_t *hash; /* of the block that is being written */
    size_t in_block;
    uint64_t length;
    uint64_t *hashes; /* of those before; owned by whoever asked */
    size_t n_hashes, capacity;
    struct weir_error *error;
};

static void end_block(struct file *f)
{
    WEIR_GROW(f->hashes, f->capacity, f->n_hashes + 1);
    f->hashes[f->n_hashes++] = XXH3_64bits_digest(f->hash);
    XXH3_64bits_reset(f->hash);
    f->in_block = 0;
}

static void add_to_hashes(struct file *f, const char *bytes, size_t n)
{
    while (n > 0) {
        size_t room = WEIR__SAVED_BLOCK - f->in_block, take = n < room ? n : room;
        XXH3_64bits_update(f->hash, bytes, take);
        f->in_block += take;
        bytes += take;
        n -= take;
        if (f->in_block == WEIR__SAVED_BLOCK) end_block(f);
    }
}

static weir_status add(struct file *f, const void *bytes, size_t n)
{
    if (n == 0) return WEIR_OK;
    add_to_hashes(f, bytes, n);
    f->length += n;
    return weir_storage_write(f->storage, f->to, bytes, n, f->error);
}

static weir_status write_part(struct file *f, const char *name, const struct weir_snapshot *s)
{
    weir_status status = weir_storage_add(f->storage, f->to, name, f->error);
    if (status != WEIR_OK) return status;
    f->hash = XXH3_createState();
    XXH3_64bits_reset(f->hash);
    status = add(f, s->header.p, s->header.n);
    if (status == WEIR_OK) status = add(f, s->keyed.p, s->keyed.n);
    for (size_t i = 0; status == WEIR_OK && i < s->n_lists; i++) status = add(f, s->lists[i].bytes.p, s->lists[i].bytes.n);
    if (f->in_block > 0) end_block(f);
    XXH3_freeState(f->hash);
    return status == WEIR_OK ? weir_storage_finish(f->storage, f->to, f->error) : status;
}

/* ---- metadata ---------------------------------------------------------------------------------------------------- */

static int text(msgpack_packer *pk, const char *s)
{
    size_t n = strlen(s);
    msgpack_pack_str(pk, n);
    return msgpack_pack_str_body(pk, s, n);
}

static void word(msgpack_packer *pk, const char *key, const char *value)
{
    text(pk, key);
    text(pk, value);
}

static void number(msgpack_packer *pk, const char *key, uint64_t value)
{
    text(pk, key);
    msgpack_pack_uint64(pk, value);
}

static void describe_groups(msgpack_packer *pk, const struct weir_saved_part *part)
{
    text(pk, "groups");
    msgpack_pack_array(pk, part->n_groups);
    for (size_t i = 0; i < part->n_groups; i++) {
        msgpack_pack_array(pk, 2);
        msgpack_pack_uint32(pk, part->groups[i].group);
        msgpack_pack_uint64(pk, part->groups[i].length);
    }
}

static void describe_lists(msgpack_packer *pk, const struct weir_saved_part *part)
{
    text(pk, "lists");
    msgpack_pack_array(pk, part->n_lists);
    for (size_t i = 0; i < part->n_lists; i++) {
        msgpack_pack_map(pk, 4);
        word(pk, "name", part->lists[i].name);
        word(pk, "deal", weir__deal_names[part->lists[i].deal]);
        number(pk, "items", part->lists[i].items);
        number(pk, "length", part->lists[i].length);
    }
}

/* Seven members. */
static void describe_file(msgpack_packer *pk, const struct weir_saved_part *part)
{
    word(pk, "file", part->file);
    number(pk, "length", part->length);
    text(pk, "xxh3");
    msgpack_pack_array(pk, part->n_hashes);
    for (size_t i = 0; i < part->n_hashes; i++) msgpack_pack_uint64(pk, part->hashes[i]);
    number(pk, "header", part->header);
    number(pk, "entries", part->entries);
    describe_groups(pk, part);
    describe_lists(pk, part);
}

static void describe_part(msgpack_packer *pk, const struct weir_saved_part *part)
{
    msgpack_pack_map(pk, part->n_earlier ? 9 : 8);
    number(pk, "subtask", part->subtask);
    describe_file(pk, part);
    if (part->n_earlier == 0) return;
    text(pk, "earlier");
    msgpack_pack_array(pk, part->n_earlier);
    for (size_t i = 0; i < part->n_earlier; i++) {
        msgpack_pack_map(pk, 7);
        describe_file(pk, &part->earlier[i]);
    }
}

/* ---- what a part is built on ------------------------------------------------------------------------------------- */

struct base {
    int64_t checkpoint;
    char *name;
    struct weir_saved_index index;
};
struct writing {
    struct weir_storage *storage;
    weir_stored *to; /* what is written */
    struct weir_saved *saved;
    msgpack_packer *pk;
    struct base *bases; /* read so far */
    size_t n_bases, capacity;
    struct weir_error *error;
};

static weir_status lose_base(struct writing *w, weir_status status)
{
    w->saved->lost_base = true;
    return status;
}

static weir_status find_base(struct writing *w, int64_t checkpoint, const struct base **found)
{
    for (size_t i = 0; i < w->n_bases; i++) {
        *found = &w->bases[i];
        if (w->bases[i].checkpoint == checkpoint) return WEIR_OK;
    }
    WEIR_GROW(w->bases, w->capacity, w->n_bases + 1);
    struct base *base = &w->bases[w->n_bases++];
    *base = (struct base){.checkpoint = checkpoint, .name = weir_format(WEIR__CHECKPOINT "%" PRId64, checkpoint)};
    *found = base;
    return weir_saved_index_read(w->storage, base->name, &base->index, w->error);
}

static const struct weir_saved_part *find_part(const struct weir_saved_index *index, const char *id, uint32_t subtask)
{
    for (size_t i = 0; i < index->n; i++) {
        if (strcmp(index->nodes[i].id, id) != 0) continue;
        for (size_t k = 0; k < index->nodes[i].n; k++) {
            if (index->nodes[i].parts[k].subtask == subtask) return &index->nodes[i].parts[k];
        }
    }
    return NULL;
}

/* A storage without second names: the bytes again, each block checked on the way. */
static weir_status copy_file(struct writing *w, const char *from, const struct weir_saved_part *part, const char *name)
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
static weir_status take_file(struct writing *w, const char *from, const struct weir_saved_part *part, const char *name)
{
    weir_status status = weir_storage_link(w->storage, w->to, name, from, part->file, w->error);
    if (status == WEIR_MORE) return copy_file(w, from, part, name);
    return status == WEIR_OK ? WEIR_OK : lose_base(w, status);
}

static void add_earlier(struct weir_saved_part *part, const struct weir_saved_part *earlier, char *name)
{
    struct weir_saved_part *to = &part->earlier[part->n_earlier++];
    *to = *earlier; /* lends its arrays */
    to->file = name;
    to->earlier = NULL;
    to->n_earlier = 0;
}

/* The files that it changes: those of the part it was cut after, under their names, and that part's own, which gets one. */
static weir_status take_base(struct writing *w, const char *id, int64_t checkpoint, struct weir_saved_part *part)
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

/* Names are lent by the snapshot. */
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
        part->lists[part->n_lists] = (struct weir_saved_list){list->name, list->deal, list->n, list->bytes.n};
    }
}

static weir_status save_part(struct writing *w, const char *id, uint32_t subtask, const struct weir_snapshot *s)
{
    struct weir_saved_part part = {.subtask = subtask, .file = weir_format("%s-%u.state", id, subtask)};
    struct file f = {.storage = w->storage, .to = w->to, .error = w->error};
    describe_content(s, &part);
    weir_status status = write_part(&f, part.file, s);
    part.length = f.length;
    part.hashes = f.hashes;
    part.n_hashes = f.n_hashes;
    if (status == WEIR_OK && s->base) status = take_base(w, id, s->base, &part);
    if (status == WEIR_OK) describe_part(w->pk, &part);
    for (size_t i = 0; i < part.n_earlier; i++) weir_free(part.earlier[i].file);
    weir_free(part.earlier);
    weir_free(part.groups);
    weir_free(part.lists);
    weir_free(f.hashes);
    weir_free(part.file);
    return status;
}

static weir_status save_operator(struct writing *w, const struct weir_saved_operator *op)
{
    weir_status status = WEIR_OK;
    uint32_t n = 0;
    for (uint32_t i = 0; i < op->parallelism; i++) n += !is_empty(&op->parts[i]);
    msgpack_pack_map(w->pk, 4);
    word(w->pk, "id", op->id);
    number(w->pk, "parallelism", op->parallelism);
    number(w->pk, "max_parallelism", op->max_parallelism);
    text(w->pk, "parts");
    msgpack_pack_array(w->pk, n);
    for (uint32_t i = 0; status == WEIR_OK && i < op->parallelism; i++) {
        if (!is_empty(&op->parts[i])) status = save_part(w, op->id, i, &op->parts[i]);
    }
    return status;
}

static bool has_changes(const struct weir_saved *s)
{
    bool any = false;
    for (size_t i = 0; i < s->n; i++) {
        for (uint32_t k = 0; k < s->operators[i].parallelism; k++) any |= s->operators[i].parts[k].base != 0;
    }
    return any;
}

static void finish_writing(struct writing *w)
{
    for (size_t i = 0; i < w->n_bases; i++) {
        weir_saved_index_finish(&w->bases[i].index);
        weir_free(w->bases[i].name);
    }
    weir_free(w->bases);
}

static weir_status write_metadata(struct weir_storage *storage, weir_stored *to, const msgpack_sbuffer *bytes,
                                  struct weir_error *error)
{
    weir_status status = weir_storage_add(storage, to, WEIR__METADATA, error);
    if (status == WEIR_OK) status = weir_storage_write(storage, to, bytes->data, bytes->size, error);
    return status == WEIR_OK ? weir_storage_finish(storage, to, error) : status;
}

/* One map, and after it the checksum of the map's bytes. */
static weir_status save_all(struct weir_storage *storage, weir_stored *to, struct weir_saved *s, struct weir_error *error)
{
    msgpack_sbuffer bytes;
    msgpack_packer pk;
    struct writing w = {.storage = storage, .to = to, .saved = s, .pk = &pk, .error = error};
    msgpack_sbuffer_init(&bytes);
    msgpack_packer_init(&pk, &bytes, msgpack_sbuffer_write);
    msgpack_pack_map(&pk, 7);
    word(&pk, "format", WEIR__SAVED_FORMAT);
    number(&pk, "version", has_changes(s) ? WEIR__SAVED_CHANGES : WEIR__SAVED_VERSION);
    word(&pk, "kind", weir__kind_names[s->kind]);
    number(&pk, "checkpoint", (uint64_t)s->checkpoint);
    text(&pk, "taken_ms");
    msgpack_pack_int64(&pk, s->taken_ms);
    word(&pk, "job", s->job);
    text(&pk, "operators");
    msgpack_pack_array(&pk, s->n);
    weir_status status = WEIR_OK;
    for (size_t i = 0; status == WEIR_OK && i < s->n; i++) status = save_operator(&w, &s->operators[i]);
    finish_writing(&w);
    s->checksum = XXH3_64bits(bytes.data, bytes.size);
    msgpack_pack_fix_uint64(&pk, s->checksum);
    if (status == WEIR_OK) status = write_metadata(storage, to, &bytes, error);
    msgpack_sbuffer_destroy(&bytes);
    return status;
}

weir_status weir_saved_write(struct weir_storage *storage, const char *checkpoint, struct weir_saved *s,
                             struct weir_error *error)
{
    weir_stored *to;
    weir_status status = weir_storage_begin(storage, checkpoint, &to, error);
    if (status != WEIR_OK) return status;
    status = save_all(storage, to, s, error);
    if (status == WEIR_OK) return weir_storage_publish(storage, to, error);
    weir_storage_abandon(storage, to);
    return status;
}
