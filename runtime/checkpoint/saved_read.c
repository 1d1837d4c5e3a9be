/* saved_read.c - a directory back to a job's state, every byte checked before any is used. */
#include <inttypes.h>
#include <msgpack.h>
#include <string.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/text.h"
#include "checkpoint/saved.h"
#include "checkpoint/saved_internal.h"
#include "data/row_codec.h"

#define MOST_METADATA ((size_t)1 << 30)
#define MOST_STATE    ((size_t)1 << 40)

const char *const weir__kind_names[] = {"checkpoint", "savepoint", "drained", NULL};
const char *const weir__deal_names[] = {"", "split", "union", "copy", NULL};

struct reader {
    const struct weir_platform *platform;
    const char *directory;
    struct weir_error *error;
};

static weir_status refuse(struct reader *r, const char *file, const char *expected)
{
    return weir_error_set(r->error, WEIR_E_DATA,
                          "%s/%s: expected %s, found something else; the file is damaged, or was not written by weir",
                          r->directory, file, expected);
}

/* ---- members of msgpack maps ------------------------------------------------------------------------------------- */

static const msgpack_object *get(const msgpack_object *map, const char *name)
{
    size_t n = strlen(name);
    for (uint32_t i = 0; map->type == MSGPACK_OBJECT_MAP && i < map->via.map.size; i++) {
        const msgpack_object *key = &map->via.map.ptr[i].key;
        if (key->type == MSGPACK_OBJECT_STR && key->via.str.size == n && memcmp(key->via.str.ptr, name, n) == 0)
            return &map->via.map.ptr[i].val;
    }
    return NULL;
}

static bool get_number(const msgpack_object *map, const char *name, uint64_t *v)
{
    const msgpack_object *value = get(map, name);
    if (!value || value->type != MSGPACK_OBJECT_POSITIVE_INTEGER) return false;
    *v = value->via.u64;
    return true;
}

/* The caller frees; NULL: there is none. */
static char *get_text(const msgpack_object *map, const char *name)
{
    const msgpack_object *value = get(map, name);
    return value && value->type == MSGPACK_OBJECT_STR ? weir_strndup(value->via.str.ptr, value->via.str.size) : NULL;
}

static const msgpack_object *get_array(const msgpack_object *map, const char *name)
{
    const msgpack_object *value = get(map, name);
    return value && value->type == MSGPACK_OBJECT_ARRAY ? value : NULL;
}

/* ---- a part ------------------------------------------------------------------------------------------------------ */

static bool copy_bytes(struct weir_key_bytes *to, const char **at, size_t *left, uint64_t n)
{
    if (n > *left) return false;
    to->p = weir_try_alloc(n + 1);
    if (!to->p) return false;
    memcpy(to->p, *at, n);
    to->n = to->capacity = n;
    *at += n;
    *left -= n;
    return true;
}

static bool read_groups(const msgpack_object *groups, struct weir_snapshot *s, uint64_t *total)
{
    size_t at = 0;
    if (!groups) return false;
    for (uint32_t i = 0; i < groups->via.array.size; i++) {
        const msgpack_object *g = &groups->via.array.ptr[i];
        if (g->type != MSGPACK_OBJECT_ARRAY || g->via.array.size != 2 ||
            g->via.array.ptr[0].type != MSGPACK_OBJECT_POSITIVE_INTEGER ||
            g->via.array.ptr[1].type != MSGPACK_OBJECT_POSITIVE_INTEGER || g->via.array.ptr[1].via.u64 > MOST_STATE)
            return false;
        WEIR_GROW(s->groups, s->groups_capacity, s->n_groups + 1);
        s->groups[s->n_groups] = (struct weir_snapshot_group){
            .group = (uint32_t)g->via.array.ptr[0].via.u64, .offset = at, .length = g->via.array.ptr[1].via.u64};
        at += s->groups[s->n_groups++].length;
    }
    *total = at;
    return true;
}

static bool read_list(const msgpack_object *described, struct weir_snapshot *s, const char **at, size_t *left)
{
    uint64_t length, items;
    char *name = get_text(described, "name"), *deal = get_text(described, "deal");
    struct weir_snapshot_list *list = NULL;
    for (int i = WEIR_DEAL_SPLIT; name && deal && i <= WEIR_DEAL_COPY; i++) {
        if (strcmp(deal, weir__deal_names[i]) == 0) list = weir_snapshot_list(s, name, (enum weir_deal)i);
    }
    weir_free(name);
    weir_free(deal);
    if (!list || !get_number(described, "length", &length) || !get_number(described, "items", &items)) return false;
    list->n = items;
    return copy_bytes(&list->bytes, at, left, length);
}

static bool read_content(const msgpack_object *part, const char *bytes, size_t n, struct weir_snapshot *s)
{
    const msgpack_object *lists = get_array(part, "lists");
    uint64_t header, keyed;
    if (!lists || !get_number(part, "header", &header) || !get_number(part, "entries", &s->n_entries) ||
        !read_groups(get_array(part, "groups"), s, &keyed))
        return false;
    if (!copy_bytes(&s->header, &bytes, &n, header) || !copy_bytes(&s->keyed, &bytes, &n, keyed)) return false;
    for (uint32_t i = 0; i < lists->via.array.size; i++) {
        if (!read_list(&lists->via.array.ptr[i], s, &bytes, &n)) return false;
    }
    return n == 0;
}

static bool get_hash(const msgpack_object *hashes, size_t i, uint64_t *hash)
{
    const msgpack_object *h = &hashes->via.array.ptr[i];
    if (h->type != MSGPACK_OBJECT_POSITIVE_INTEGER) return false;
    *hash = h->via.u64;
    return true;
}

static weir_status check_file(struct reader *r, const msgpack_object *hashes, const char *path, const char *bytes, size_t n)
{
    for (size_t i = 0, at = 0; at < n; i++, at += WEIR__SAVED_BLOCK) {
        size_t length = n - at < WEIR__SAVED_BLOCK ? n - at : WEIR__SAVED_BLOCK;
        uint64_t expected, found = XXH3_64bits(bytes + at, length);
        if (!get_hash(hashes, i, &expected)) return refuse(r, WEIR__METADATA, "checksums of a file");
        if (found != expected)
            return weir_error_set(r->error, WEIR_E_DATA,
                                  "%s: bytes %zu to %zu: expected the checksum %016" PRIx64 ", found %016" PRIx64
                                  "; the file is damaged",
                                  path, at, at + length - 1, expected, found);
    }
    return WEIR_OK;
}

static weir_status read_file(struct reader *r, const msgpack_object *part, const char *file, struct weir_snapshot *s)
{
    const msgpack_object *hashes = get_array(part, "xxh3");
    uint64_t length;
    char *path = weir_path_join(r->directory, file), *bytes = NULL;
    size_t n;
    if (!get_number(part, "length", &length) || !hashes ||
        hashes->via.array.size != length / WEIR__SAVED_BLOCK + (length % WEIR__SAVED_BLOCK > 0)) {
        weir_free(path);
        return refuse(r, WEIR__METADATA, "length and checksums of a file");
    }
    weir_status status = weir_read_file(r->platform, path, MOST_STATE, &bytes, &n, r->error);
    if (status == WEIR_OK && n != length)
        status = weir_error_set(r->error, WEIR_E_DATA,
                                "%s: ends at byte %zu, expected %" PRIu64 " bytes; the file is damaged", path, n, length);
    if (status == WEIR_OK) status = check_file(r, hashes, path, bytes, n);
    if (status == WEIR_OK && !read_content(part, bytes, n, s))
        status = refuse(r, WEIR__METADATA, "the places of what is in a file");
    weir_free(bytes);
    weir_free(path);
    return status;
}

/* A name is that of a file beside the metadata, and of nothing elsewhere. */
static weir_status read_part(struct reader *r, const msgpack_object *part, struct weir_saved_operator *op)
{
    uint64_t subtask;
    char *file = get_text(part, "file");
    weir_status status;
    if (!file || strchr(file, '/') || !get_number(part, "subtask", &subtask) || subtask >= op->parallelism)
        status = refuse(r, WEIR__METADATA, "a subtask and its file");
    else
        status = read_file(r, part, file, &op->parts[subtask]);
    weir_free(file);
    return status;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static weir_status read_operator(struct reader *r, const msgpack_object *described, struct weir_saved *s)
{
    uint64_t parallelism, most;
    const msgpack_object *parts = get_array(described, "parts");
    char *id = get_text(described, "id");
    weir_status status = WEIR_OK;
    if (!id || !parts || !get_number(described, "parallelism", &parallelism) ||
        !get_number(described, "max_parallelism", &most) || parallelism == 0 || parallelism > most ||
        most > WEIR_MAX_PARALLELISM) {
        weir_free(id);
        return refuse(r, WEIR__METADATA, "an operator");
    }
    struct weir_saved_operator *op = weir_saved_add(s, id, (uint32_t)parallelism, (uint32_t)most);
    for (uint32_t i = 0; status == WEIR_OK && i < parts->via.array.size; i++)
        status = read_part(r, &parts->via.array.ptr[i], op);
    weir_free(id);
    return status;
}

static bool read_kind(const msgpack_object *root, enum weir_saved_kind *kind)
{
    char *name = get_text(root, "kind");
    int i = 0;
    while (name && weir__kind_names[i] && strcmp(name, weir__kind_names[i]) != 0) i++;
    bool known = name && weir__kind_names[i];
    weir_free(name);
    *kind = (enum weir_saved_kind)i;
    return known;
}

static weir_status read_metadata(struct reader *r, const msgpack_object *root, struct weir_saved *s)
{
    uint64_t version, checkpoint;
    const msgpack_object *operators = get_array(root, "operators"), *taken = get(root, "taken_ms");
    char *format = get_text(root, "format");
    bool ours = format && strcmp(format, WEIR__SAVED_FORMAT) == 0 && get_number(root, "version", &version);
    weir_free(format);
    if (!ours) return refuse(r, WEIR__METADATA, "a savepoint of weir");
    if (version != WEIR__SAVED_VERSION)
        return weir_error_set(r->error, WEIR_E_CONFIG, "%s is of format version %" PRIu64 ", this weir reads %d",
                              r->directory, version, WEIR__SAVED_VERSION);
    s->job = get_text(root, "job");
    if (!read_kind(root, &s->kind) || !operators || !taken || !s->job || !get_number(root, "checkpoint", &checkpoint) ||
        (taken->type != MSGPACK_OBJECT_POSITIVE_INTEGER && taken->type != MSGPACK_OBJECT_NEGATIVE_INTEGER))
        return refuse(r, WEIR__METADATA, "kind, job, checkpoint and operators");
    s->checkpoint = (int64_t)checkpoint;
    s->taken_ms = taken->via.i64;
    weir_status status = WEIR_OK;
    for (uint32_t i = 0; status == WEIR_OK && i < operators->via.array.size; i++)
        status = read_operator(r, &operators->via.array.ptr[i], s);
    return status;
}

static uint64_t read_u64(const uint8_t *bytes)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++) v = v << 8 | bytes[i];
    return v;
}

/* The map, then the checksum of its bytes, then nothing. Nothing is made of the map before the checksum fits. */
static weir_status check_metadata(struct reader *r, const uint8_t *bytes, size_t n, size_t *size)
{
    if (n <= WEIR__CHECKSUM_SIZE)
        return weir_error_set(r->error, WEIR_E_DATA,
                              "%s/%s: ends at byte %zu, expected a map and its checksum; the file is damaged", r->directory,
                              WEIR__METADATA, n);
    *size = n - WEIR__CHECKSUM_SIZE;
    if (bytes[*size] != WEIR__CHECKSUM_TAG)
        return weir_error_set(
            r->error, WEIR_E_DATA,
            "%s/%s: byte %zu: expected 0x%02x, where the checksum begins, found 0x%02x; the file is damaged", r->directory,
            WEIR__METADATA, *size, WEIR__CHECKSUM_TAG, bytes[*size]);
    uint64_t expected = read_u64(bytes + *size + 1), found = XXH3_64bits(bytes, *size);
    if (expected == found) return WEIR_OK;
    return weir_error_set(r->error, WEIR_E_DATA,
                          "%s/%s: bytes 0 to %zu: expected the checksum %016" PRIx64 ", found %016" PRIx64
                          "; the file is damaged",
                          r->directory, WEIR__METADATA, *size - 1, expected, found);
}

static weir_status check_and_read(struct reader *r, const char *bytes, size_t n, struct weir_saved *s)
{
    size_t size;
    msgpack_unpacked root;
    weir_status status = check_metadata(r, (const uint8_t *)bytes, n, &size);
    if (status != WEIR_OK) return status;
    msgpack_unpacked_init(&root);
    bool whole = weir_msgpack_size((const uint8_t *)bytes, size) == size &&
                 msgpack_unpack_next(&root, bytes, size, NULL) == MSGPACK_UNPACK_SUCCESS;
    status = whole ? read_metadata(r, &root.data, s) : refuse(r, WEIR__METADATA, "a map");
    msgpack_unpacked_destroy(&root);
    return status;
}

weir_status weir_saved_read(const struct weir_platform *p, const char *directory, struct weir_saved *s,
                            struct weir_error *error)
{
    struct reader r = {p, directory, error};
    char *path = weir_path_join(directory, WEIR__METADATA), *bytes = NULL;
    size_t n;
    weir_status status = weir_read_file(p, path, MOST_METADATA, &bytes, &n, error);
    if (status != WEIR_OK) weir_error_prefix(error, "no checkpoint or savepoint can be read from %s: ", directory);
    if (status == WEIR_OK) status = check_and_read(&r, bytes, n, s);
    if (status != WEIR_OK) weir_saved_finish(s);
    weir_free(bytes);
    weir_free(path);
    return status;
}
