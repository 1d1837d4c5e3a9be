/* saved_write.c - a job's state to a directory. The order makes it safe: files, their folder, the name, the folder above. */
#include <inttypes.h>
#include <msgpack.h>
#include <string.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "base/path.h"
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
    const struct weir_platform *platform;
    struct weir_platform_file *handle;
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
    return f->platform->write(f->platform->self, f->handle, bytes, n, f->error);
}

static weir_status write_part(struct file *f, const char *path, const struct weir_snapshot *s)
{
    const struct weir_platform *p = f->platform;
    struct weir_error ignored;
    weir_status status = p->open(p->self, path, WEIR_OPEN_CREATE, &f->handle, f->error);
    if (status != WEIR_OK) return status;
    f->hash = XXH3_createState();
    XXH3_64bits_reset(f->hash);
    status = add(f, s->header.p, s->header.n);
    if (status == WEIR_OK) status = add(f, s->keyed.p, s->keyed.n);
    for (size_t i = 0; status == WEIR_OK && i < s->n_lists; i++) status = add(f, s->lists[i].bytes.p, s->lists[i].bytes.n);
    if (f->in_block > 0) end_block(f);
    if (status == WEIR_OK) status = p->sync(p->self, f->handle, f->error);
    XXH3_freeState(f->hash);
    if (status == WEIR_OK) return p->close(p->self, f->handle, f->error);
    (void)!p->close(p->self, f->handle, &ignored);
    return status;
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
    char *directory;
    struct weir_saved_index index;
};
struct writing {
    const struct weir_platform *platform;
    const char *directory, *beside; /* what is written; the folder of checkpoints */
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
    char *name = weir_format(WEIR__CHECKPOINT "%" PRId64, checkpoint);
    *base = (struct base){.checkpoint = checkpoint, .directory = weir_path_join(w->beside, name)};
    weir_free(name);
    *found = base;
    return weir_saved_index_read(w->platform, base->directory, &base->index, w->error);
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

/* A file system without second names: the bytes again, each block checked on the way. */
static weir_status copy_file(struct writing *w, const char *from, const struct weir_saved_part *part, const char *to)
{
    const struct weir_platform *p = w->platform;
    struct weir__part_file source = {0};
    struct weir_platform_file *file;
    struct weir_key_bytes bytes = {0};
    weir_status status = p->open(p->self, to, WEIR_OPEN_CREATE, &file, w->error), closed;
    if (status != WEIR_OK) return status;
    status = weir__part_file_open(&source, p, from, part, w->error);
    if (status != WEIR_OK) (void)lose_base(w, status);
    for (uint64_t at = 0; status == WEIR_OK && at < part->length; at += WEIR__SAVED_BLOCK) {
        uint64_t left = part->length - at;
        bytes.n = 0;
        status = weir__part_file_read(&source, at, left < WEIR__SAVED_BLOCK ? left : WEIR__SAVED_BLOCK, &bytes, w->error);
        if (status != WEIR_OK) (void)lose_base(w, status);
        if (status == WEIR_OK) status = p->write(p->self, file, bytes.p, bytes.n, w->error);
    }
    if (status == WEIR_OK) status = p->sync(p->self, file, w->error);
    weir__part_file_close(&source);
    weir_key_bytes_finish(&bytes);
    struct weir_error ignored;
    closed = p->close(p->self, file, status == WEIR_OK ? w->error : &ignored);
    return status == WEIR_OK ? closed : status;
}

/* A file of another checkpoint in this one as well. */
static weir_status take_file(struct writing *w, const char *from, const struct weir_saved_part *part, const char *name)
{
    const struct weir_platform *p = w->platform;
    char *old = weir_path_join(from, part->file), *path = weir_path_join(w->directory, name);
    weir_status status = p->link(p->self, old, path, w->error);
    if (status == WEIR_MORE)
        status = copy_file(w, from, part, path);
    else if (status != WEIR_OK)
        (void)lose_base(w, status);
    weir_free(path);
    weir_free(old);
    return status;
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
                                           base->directory, id, part->subtask));
    part->earlier = weir_alloc_array(before->n_earlier + 1, sizeof *part->earlier);
    for (size_t i = 0; status == WEIR_OK && i < before->n_earlier; i++) {
        add_earlier(part, &before->earlier[i], weir_strdup(before->earlier[i].file));
        status = take_file(w, base->directory, &before->earlier[i], part->earlier[i].file);
    }
    if (status != WEIR_OK) return status;
    add_earlier(part, before, weir_format("%s-%u.%" PRId64 ".state", id, part->subtask, checkpoint));
    return take_file(w, base->directory, before, part->earlier[before->n_earlier].file);
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
    struct file f = {.platform = w->platform, .error = w->error};
    char *path = weir_path_join(w->directory, part.file);
    describe_content(s, &part);
    weir_status status = write_part(&f, path, s);
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
    weir_free(path);
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
        weir_free(w->bases[i].directory);
    }
    weir_free(w->bases);
}

/* One map, and after it the checksum of the map's bytes. */
static weir_status save_all(const struct weir_platform *p, const char *directory, const char *beside, struct weir_saved *s,
                            struct weir_error *error)
{
    msgpack_sbuffer bytes;
    msgpack_packer pk;
    struct writing w = {.platform = p, .directory = directory, .beside = beside, .saved = s, .pk = &pk, .error = error};
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
    msgpack_pack_fix_uint64(&pk, XXH3_64bits(bytes.data, bytes.size));
    char *path = weir_path_join(directory, WEIR__METADATA);
    if (status == WEIR_OK) status = weir_write_file(p, path, bytes.data, bytes.size, error); /* syncs the folder as well */
    weir_free(path);
    msgpack_sbuffer_destroy(&bytes);
    return status;
}

weir_status weir_saved_write(const struct weir_platform *p, const char *directory, struct weir_saved *s,
                             struct weir_error *error)
{
    char *temporary = weir_format("%s.tmp", directory), *above = weir_path_dirname(directory);
    int64_t left;
    weir_status status = p->exists(p->self, temporary, &left, error);
    if (status == WEIR_OK && left >= 0) status = weir_saved_remove(p, temporary, error);
    if (status == WEIR_OK) status = p->make_directory(p->self, temporary, error);
    if (status == WEIR_OK) status = save_all(p, temporary, above, s, error);
    if (status == WEIR_OK) status = p->rename(p->self, temporary, directory, error);
    if (status == WEIR_OK) {
        struct weir_error ignored; /* told is why it is not wanted */
        status = p->sync_directory(p->self, above, error);
        if (status != WEIR_OK) (void)!weir_saved_remove(p, directory, &ignored);
    }
    weir_free(above);
    weir_free(temporary);
    return status;
}

/* ---- removing ---------------------------------------------------------------------------------------------------- */

struct names {
    char **paths;
    size_t n, capacity;
};

static weir_status add_name(void *to, const char *path, bool is_directory, int64_t size)
{
    struct names *names = to;
    (void)is_directory;
    (void)size;
    WEIR_GROW(names->paths, names->capacity, names->n + 1);
    names->paths[names->n++] = weir_strdup(path);
    return WEIR_OK;
}

static weir_status remove_all(const struct weir_platform *p, const char *directory, struct weir_error *error)
{
    struct names names = {0};
    weir_status status = p->list(p->self, directory, add_name, &names, error);
    for (size_t i = 0; i < names.n; i++) {
        if (status == WEIR_OK) status = p->remove(p->self, names.paths[i], error);
        weir_free(names.paths[i]);
    }
    if (status == WEIR_OK) status = p->remove(p->self, directory, error);
    weir_free(names.paths);
    return status;
}

weir_status weir_saved_remove(const struct weir_platform *p, const char *directory, struct weir_error *error)
{
    if (weir_path_has_suffix(directory, ".tmp")) return remove_all(p, directory, error);
    int64_t left;
    char *temporary = weir_format("%s.tmp", directory);
    weir_status status = p->exists(p->self, temporary, &left, error);
    if (status == WEIR_OK && left >= 0) status = remove_all(p, temporary, error);
    if (status == WEIR_OK) status = p->rename(p->self, directory, temporary, error);
    if (status == WEIR_OK) status = remove_all(p, temporary, error);
    weir_free(temporary);
    return status;
}
