/* saved_write.c - a job's state to a directory. The order makes it safe: files, their folder, the name, the folder above. */
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

static void describe_lists(msgpack_packer *pk, const struct weir_snapshot *s)
{
    text(pk, "lists");
    msgpack_pack_array(pk, s->n_lists);
    for (size_t i = 0; i < s->n_lists; i++) {
        msgpack_pack_map(pk, 4);
        word(pk, "name", s->lists[i].name);
        word(pk, "deal", weir__deal_names[s->lists[i].deal]);
        number(pk, "items", s->lists[i].n);
        number(pk, "length", s->lists[i].bytes.n);
    }
}

static void describe_part(msgpack_packer *pk, uint32_t subtask, const char *file, const struct weir_snapshot *s,
                          const struct file *f)
{
    msgpack_pack_map(pk, 8);
    number(pk, "subtask", subtask);
    word(pk, "file", file);
    number(pk, "length", f->length);
    text(pk, "xxh3");
    msgpack_pack_array(pk, f->n_hashes);
    for (size_t i = 0; i < f->n_hashes; i++) msgpack_pack_uint64(pk, f->hashes[i]);
    number(pk, "header", s->header.n);
    number(pk, "entries", s->n_entries);
    text(pk, "groups");
    msgpack_pack_array(pk, s->n_groups);
    for (size_t i = 0; i < s->n_groups; i++) {
        msgpack_pack_array(pk, 2);
        msgpack_pack_uint32(pk, s->groups[i].group);
        msgpack_pack_uint64(pk, s->groups[i].length);
    }
    describe_lists(pk, s);
}

static bool is_empty(const struct weir_snapshot *s)
{
    return s->header.n == 0 && s->n_lists == 0;
}

static weir_status save_operator(const struct weir_platform *p, const char *directory, const struct weir_saved_operator *op,
                                 msgpack_packer *pk, struct weir_error *error)
{
    weir_status status = WEIR_OK;
    uint32_t n = 0;
    for (uint32_t i = 0; i < op->parallelism; i++) n += !is_empty(&op->parts[i]);
    msgpack_pack_map(pk, 4);
    word(pk, "id", op->id);
    number(pk, "parallelism", op->parallelism);
    number(pk, "max_parallelism", op->max_parallelism);
    text(pk, "parts");
    msgpack_pack_array(pk, n);
    for (uint32_t i = 0; status == WEIR_OK && i < op->parallelism; i++) {
        if (is_empty(&op->parts[i])) continue;
        char *name = weir_format("%s-%u.state", op->id, i), *path = weir_path_join(directory, name);
        struct file f = {.platform = p, .error = error};
        status = write_part(&f, path, &op->parts[i]);
        if (status == WEIR_OK) describe_part(pk, i, name, &op->parts[i], &f);
        weir_free(f.hashes);
        weir_free(path);
        weir_free(name);
    }
    return status;
}

/* One map, and after it the checksum of the map's bytes. */
static weir_status save_all(const struct weir_platform *p, const char *directory, const struct weir_saved *s,
                            struct weir_error *error)
{
    msgpack_sbuffer bytes;
    msgpack_packer pk;
    msgpack_sbuffer_init(&bytes);
    msgpack_packer_init(&pk, &bytes, msgpack_sbuffer_write);
    msgpack_pack_map(&pk, 7);
    word(&pk, "format", WEIR__SAVED_FORMAT);
    number(&pk, "version", WEIR__SAVED_VERSION);
    word(&pk, "kind", weir__kind_names[s->kind]);
    number(&pk, "checkpoint", (uint64_t)s->checkpoint);
    text(&pk, "taken_ms");
    msgpack_pack_int64(&pk, s->taken_ms);
    word(&pk, "job", s->job);
    text(&pk, "operators");
    msgpack_pack_array(&pk, s->n);
    weir_status status = WEIR_OK;
    for (size_t i = 0; status == WEIR_OK && i < s->n; i++)
        status = save_operator(p, directory, &s->operators[i], &pk, error);
    msgpack_pack_fix_uint64(&pk, XXH3_64bits(bytes.data, bytes.size));
    char *path = weir_path_join(directory, WEIR__METADATA);
    if (status == WEIR_OK) status = weir_write_file(p, path, bytes.data, bytes.size, error); /* syncs the folder as well */
    weir_free(path);
    msgpack_sbuffer_destroy(&bytes);
    return status;
}

weir_status weir_saved_write(const struct weir_platform *p, const char *directory, const struct weir_saved *s,
                             struct weir_error *error)
{
    char *temporary = weir_format("%s.tmp", directory), *above = weir_path_dirname(directory);
    int64_t left;
    weir_status status = p->exists(p->self, temporary, &left, error);
    if (status == WEIR_OK && left >= 0) status = weir_saved_remove(p, temporary, error);
    if (status == WEIR_OK) status = p->make_directory(p->self, temporary, error);
    if (status == WEIR_OK) status = save_all(p, temporary, s, error);
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
