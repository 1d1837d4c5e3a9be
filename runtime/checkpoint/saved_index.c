/* saved_index.c - `_metadata` to an index, every byte checked before any is used. */
#include "checkpoint/saved_index.h"

#include <inttypes.h>
#include <msgpack.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "base/text.h"
#include "checkpoint/saved_internal.h"
#include "data/msgpack_get.h"

#define MOST_METADATA (1 << 30)
#define MOST_STATE    ((uint64_t)1 << 40)

const char *const weir__kind_names[] = {"checkpoint", "savepoint", "drained", NULL};
const char *const weir__deal_names[] = {"", "split", "union", "copy", NULL};

const char *weir_saved_kind_name(enum weir_saved_kind kind)
{
    return weir__kind_names[kind];
}

const char *weir_deal_name(enum weir_deal deal)
{
    return weir__deal_names[deal];
}

/* ---- what is there ----------------------------------------------------------------------------------------------- */

static weir_status add_object(void *to, const char *object, uint64_t size)
{
    struct weir__inventory *i = to;
    WEIR_GROW(i->all, i->capacity, i->n + 1);
    i->all[i->n++] = (struct weir__object){weir_strdup(object), size > INT64_MAX ? INT64_MAX : size};
    return WEIR_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct weir__object *)a)->name, ((const struct weir__object *)b)->name);
}

weir_status weir__inventory_read(struct weir_storage *storage, const char *checkpoint, struct weir__inventory *i,
                                 struct weir_error *error)
{
    weir_status status = weir_storage_objects(storage, checkpoint, add_object, i, error);
    if (status != WEIR_OK) weir__inventory_finish(i);
    if (i->n > 1) qsort(i->all, i->n, sizeof *i->all, by_name);
    return status;
}

void weir__inventory_finish(struct weir__inventory *i)
{
    for (size_t k = 0; k < i->n; k++) weir_free(i->all[k].name);
    weir_free(i->all);
    *i = (struct weir__inventory){0};
}

int64_t weir__inventory_size(const struct weir__inventory *i, const char *name)
{
    const struct weir__object wanted = {(char *)(uintptr_t)name, 0};
    const struct weir__object *found = i->n ? bsearch(&wanted, i->all, i->n, sizeof wanted, by_name) : NULL;
    return found ? (int64_t)found->size : -1;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

struct reader {
    const char *directory; /* address of the checkpoint */
    const struct weir__inventory *there;
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

static bool as_number(const msgpack_object *o, uint64_t *v)
{
    if (o->type != MSGPACK_OBJECT_POSITIVE_INTEGER) return false;
    *v = o->via.u64;
    return true;
}

/* Adds a length to *total; false: no file is that long. */
static bool count_length(uint64_t length, uint64_t *total)
{
    if (length > MOST_STATE || *total + length > MOST_STATE) return false;
    *total += length;
    return true;
}

/* Key groups ascend. */
static bool read_groups(const msgpack_object *groups, uint32_t max_parallelism, struct weir_saved_part *part,
                        uint64_t *total)
{
    if (!groups) return false;
    part->groups = weir_alloc_array(groups->via.array.size + 1, sizeof *part->groups);
    for (uint32_t i = 0; i < groups->via.array.size; i++) {
        const msgpack_object *g = &groups->via.array.ptr[i];
        uint64_t group, length;
        if (g->type != MSGPACK_OBJECT_ARRAY || g->via.array.size != 2 || !as_number(&g->via.array.ptr[0], &group) ||
            !as_number(&g->via.array.ptr[1], &length) || group >= max_parallelism || !count_length(length, total) ||
            (i > 0 && group <= part->groups[i - 1].group))
            return false;
        part->groups[part->n_groups++] = (struct weir_saved_group){(uint32_t)group, length};
    }
    return true;
}

static bool read_list(const msgpack_object *described, struct weir_saved_list *list, uint64_t *total)
{
    char *deal = get_text(described, "deal");
    list->name = get_text(described, "name");
    for (int i = WEIR_DEAL_SPLIT; deal && i <= WEIR_DEAL_COPY; i++) {
        if (strcmp(deal, weir__deal_names[i]) == 0) list->deal = (enum weir_deal)i;
    }
    weir_free(deal);
    return list->name && list->deal && get_number(described, "length", &list->length) &&
           get_number(described, "items", &list->items) && count_length(list->length, total);
}

static bool read_lists(const msgpack_object *lists, struct weir_saved_part *part, uint64_t *total)
{
    if (!lists) return false;
    part->lists = weir_alloc_array(lists->via.array.size + 1, sizeof *part->lists);
    while (part->n_lists < lists->via.array.size) {
        size_t i = part->n_lists++;
        if (!read_list(&lists->via.array.ptr[i], &part->lists[i], total)) return false;
    }
    return true;
}

static bool read_hashes(const msgpack_object *hashes, struct weir_saved_part *part)
{
    uint64_t blocks = part->length / WEIR__SAVED_BLOCK + (part->length % WEIR__SAVED_BLOCK > 0);
    if (!hashes || hashes->via.array.size != blocks) return false;
    part->hashes = weir_alloc_array(blocks + 1, sizeof *part->hashes);
    while (part->n_hashes < blocks) {
        if (!as_number(&hashes->via.array.ptr[part->n_hashes], &part->hashes[part->n_hashes])) return false;
        part->n_hashes++;
    }
    return true;
}

/* A name is that of a file beside the metadata, and of nothing elsewhere. */
static weir_status read_file(struct reader *r, const msgpack_object *described, const struct weir_saved_node *node,
                             struct weir_saved_part *part)
{
    uint64_t total = 0;
    part->file = get_text(described, "file");
    if (!part->file || strchr(part->file, '/')) return refuse(r, WEIR__METADATA, "a subtask and its file");
    part->found = weir__inventory_size(r->there, part->file);
    if (!get_number(described, "length", &part->length) || !read_hashes(get_array(described, "xxh3"), part))
        return refuse(r, WEIR__METADATA, "length and checksums of a file");
    if (!get_number(described, "header", &part->header) || !get_number(described, "entries", &part->entries) ||
        !count_length(part->header, &total) ||
        !read_groups(get_array(described, "groups"), node->max_parallelism, part, &total) ||
        !read_lists(get_array(described, "lists"), part, &total) || total != part->length)
        return refuse(r, WEIR__METADATA, "the places of what is in a file");
    return WEIR_OK;
}

static weir_status read_part(struct reader *r, const msgpack_object *described, const struct weir_saved_node *node,
                             struct weir_saved_part *part)
{
    uint64_t subtask;
    const msgpack_object *earlier = get(described, "earlier");
    if (!get_number(described, "subtask", &subtask) || subtask >= node->parallelism ||
        (part > node->parts && subtask <= part[-1].subtask))
        return refuse(r, WEIR__METADATA, "a subtask and its file");
    part->subtask = (uint32_t)subtask;
    weir_status status = read_file(r, described, node, part);
    if (status != WEIR_OK || !earlier) return status;
    if (earlier->type != MSGPACK_OBJECT_ARRAY) return refuse(r, WEIR__METADATA, "a list of earlier files");
    part->earlier = weir_alloc_array(earlier->via.array.size + 1, sizeof *part->earlier);
    while (status == WEIR_OK && part->n_earlier < earlier->via.array.size) {
        size_t i = part->n_earlier++;
        part->earlier[i].subtask = part->subtask;
        status = read_file(r, &earlier->via.array.ptr[i], node, &part->earlier[i]);
    }
    return status;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static weir_status read_node(struct reader *r, const msgpack_object *described, struct weir_saved_node *node)
{
    uint64_t parallelism, most;
    const msgpack_object *parts = get_array(described, "parts");
    weir_status status = WEIR_OK;
    node->id = get_text(described, "id");
    if (!node->id || !parts || !get_number(described, "parallelism", &parallelism) ||
        !get_number(described, "max_parallelism", &most) || parallelism == 0 || parallelism > most ||
        most > WEIR_MAX_PARALLELISM)
        return refuse(r, WEIR__METADATA, "an operator");
    node->parallelism = (uint32_t)parallelism;
    node->max_parallelism = (uint32_t)most;
    node->parts = weir_alloc_array(parts->via.array.size + 1, sizeof *node->parts);
    while (status == WEIR_OK && node->n < parts->via.array.size) {
        size_t i = node->n++;
        status = read_part(r, &parts->via.array.ptr[i], node, &node->parts[i]);
    }
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

static weir_status check_version(struct reader *r, const msgpack_object *root)
{
    uint64_t version;
    char *format = get_text(root, "format");
    bool ours = format && strcmp(format, WEIR__SAVED_FORMAT) == 0 && get_number(root, "version", &version);
    weir_free(format);
    if (!ours) return refuse(r, WEIR__METADATA, "a savepoint of weir");
    if (version == WEIR__SAVED_VERSION || version == WEIR__SAVED_CHANGES) return WEIR_OK;
    return weir_error_set(r->error, WEIR_E_CONFIG, "%s is of format version %" PRIu64 ", this weir reads %d and %d",
                          r->directory, version, WEIR__SAVED_VERSION, WEIR__SAVED_CHANGES);
}

static weir_status read_metadata(struct reader *r, const msgpack_object *root, struct weir_saved_index *s)
{
    uint64_t checkpoint;
    const msgpack_object *nodes = get_array(root, "operators"), *taken = get(root, "taken_ms");
    weir_status status = check_version(r, root);
    if (status != WEIR_OK) return status;
    s->job = get_text(root, "job");
    if (!read_kind(root, &s->kind) || !nodes || !taken || !s->job || !get_number(root, "checkpoint", &checkpoint) ||
        (taken->type != MSGPACK_OBJECT_POSITIVE_INTEGER && taken->type != MSGPACK_OBJECT_NEGATIVE_INTEGER))
        return refuse(r, WEIR__METADATA, "kind, job, checkpoint and operators");
    s->checkpoint = (int64_t)checkpoint;
    s->taken_ms = taken->via.i64;
    s->nodes = weir_alloc_array(nodes->via.array.size + 1, sizeof *s->nodes);
    while (status == WEIR_OK && s->n < nodes->via.array.size) {
        size_t i = s->n++;
        status = read_node(r, &nodes->via.array.ptr[i], &s->nodes[i]);
    }
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

static weir_status check_and_read(struct reader *r, const char *bytes, size_t n, struct weir_saved_index *s)
{
    size_t size = 0;
    msgpack_unpacked root;
    weir_status status = check_metadata(r, (const uint8_t *)bytes, n, &size);
    if (status != WEIR_OK) return status;
    s->length = n;
    s->checksum = read_u64((const uint8_t *)bytes + size + 1);
    msgpack_unpacked_init(&root);
    bool whole = weir_msgpack_size((const uint8_t *)bytes, size) == size &&
                 msgpack_unpack_next(&root, bytes, size, NULL) == MSGPACK_UNPACK_SUCCESS;
    status = whole ? read_metadata(r, &root.data, s) : refuse(r, WEIR__METADATA, "a map");
    msgpack_unpacked_destroy(&root);
    return status;
}

/* One that is not there is read all the same: the storage says best why not. */
static weir_status load_metadata(struct weir_storage *storage, const char *checkpoint, const struct weir__inventory *there,
                                 char **bytes, size_t *n, struct weir_error *error)
{
    int64_t size = weir__inventory_size(there, WEIR__METADATA);
    size_t room = size < 0 ? 0 : (size_t)size;
    if (size > MOST_METADATA)
        return weir_error_set(error, WEIR_E_DATA, WEIR__METADATA " has %" PRId64 " bytes, expected %d at most", size,
                              MOST_METADATA);
    *bytes = weir_try_alloc(room + 1);
    if (!*bytes) return weir_error_set(error, WEIR_E_MEMORY, "no memory for the %zu bytes of " WEIR__METADATA, room);
    weir_status status = weir_storage_read(storage, checkpoint, WEIR__METADATA, 0, *bytes, room + 1, n, error);
    if (status == WEIR_OK && size < 0) status = weir_error_set(error, WEIR_E_IO, "it has no " WEIR__METADATA);
    return status;
}

weir_status weir_saved_index_read(struct weir_storage *storage, const char *checkpoint, struct weir_saved_index *s,
                                  struct weir_error *error)
{
    struct weir__inventory there = {0};
    char *address = weir_storage_address(storage, checkpoint), *bytes = NULL;
    struct reader r = {address, &there, error};
    size_t n = 0;
    weir_status status = weir__inventory_read(storage, checkpoint, &there, error);
    if (status == WEIR_OK) status = load_metadata(storage, checkpoint, &there, &bytes, &n, error);
    if (status != WEIR_OK) weir_error_prefix(error, "no checkpoint or savepoint can be read from %s: ", address);
    if (status == WEIR_OK) status = check_and_read(&r, bytes, n, s);
    if (status != WEIR_OK) weir_saved_index_finish(s);
    weir__inventory_finish(&there);
    weir_free(bytes);
    weir_free(address);
    return status;
}

void weir__saved_part_finish(struct weir_saved_part *part)
{
    for (size_t i = 0; i < part->n_earlier; i++) weir__saved_part_finish(&part->earlier[i]);
    weir_free(part->earlier);
    for (size_t i = 0; i < part->n_lists; i++) weir_free(part->lists[i].name);
    weir_free(part->lists);
    weir_free(part->groups);
    weir_free(part->hashes);
    weir_free(part->file);
}

void weir_saved_index_finish(struct weir_saved_index *s)
{
    for (size_t i = 0; i < s->n; i++) {
        for (size_t k = 0; k < s->nodes[i].n; k++) weir__saved_part_finish(&s->nodes[i].parts[k]);
        weir_free(s->nodes[i].parts);
        weir_free(s->nodes[i].id);
    }
    weir_free(s->nodes);
    weir_free(s->job);
    *s = (struct weir_saved_index){0};
}

bool weir__saved_has_file(const struct weir_saved_index *s, const char *name)
{
    bool found = strcmp(name, WEIR__METADATA) == 0;
    for (size_t i = 0; i < s->n; i++) {
        for (size_t k = 0; !found && k < s->nodes[i].n; k++) {
            const struct weir_saved_part *part = &s->nodes[i].parts[k];
            found = strcmp(part->file, name) == 0;
            for (size_t e = 0; e < part->n_earlier; e++) found |= strcmp(part->earlier[e].file, name) == 0;
        }
    }
    return found;
}
