/* saved_read.c - a checkpoint back to a job's state, every byte checked before any is used.
 *
 * Twice: all of it as it is read, so that damage is told before anything is made of the rest; and what entries are in as
 * they are restored, for which they are read anew, a key group at a time: a state need not fit into memory beside itself.
 */
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

/* ---- where the entries are --------------------------------------------------------------------------------------- */

/* Of one part: a file, or a chain of them. */
struct source {
    struct weir_snapshot_source source; /* first member */
    char *checkpoint;
    struct weir_saved_part part;
    struct weir__part_file file;
    struct weir__chain *chain; /* NULL: the file alone */
};

static struct source *source_of(struct weir_snapshot_source *s)
{
    return (struct source *)(void *)s;
}

static weir_status collect_entry(void *arg, uint32_t group, const uint8_t *bytes, size_t n, struct weir_error *error)
{
    (void)group;
    return weir_key_bytes_add(arg, bytes, n) ? WEIR_OK : weir_error_set(error, WEIR_E_MEMORY, "no memory for its state");
}

static weir_status read_entries(struct weir_snapshot_source *s, const struct weir_snapshot *of, size_t i,
                                struct weir_key_bytes *to, struct weir_error *error)
{
    static const struct weir_saved_visitor visitor = {.entry = collect_entry};
    struct source *source = source_of(s);
    const struct weir_snapshot_group *g = &of->groups[i];
    if (source->chain) return weir__chain_read(source->chain, g->group, &visitor, to, error);
    return weir__part_file_read(&source->file, g->offset, g->length, to, error);
}

static void close_source(struct weir_snapshot_source *s)
{
    struct source *source = source_of(s);
    weir__chain_close(source->chain);
    weir__part_file_close(&source->file);
    weir__saved_part_finish(&source->part);
    weir_free(source->checkpoint);
    weir_free(source);
}

/* Takes what the part has. */
static struct source *create_source(const char *checkpoint, struct weir_saved_part *part)
{
    struct source *source = weir_alloc(sizeof *source);
    *source = (struct source){
        .source = {.read = read_entries, .close = close_source}, .checkpoint = weir_strdup(checkpoint), .part = *part};
    *part = (struct weir_saved_part){0};
    return source;
}

/* ---- a part that is whole ---------------------------------------------------------------------------------------- */

/* The lengths of the index add up to that of the file. */
static weir_status read_content(struct source *source, struct weir_snapshot *s, struct weir_error *error)
{
    const struct weir_saved_part *part = &source->part;
    uint64_t at = part->header;
    s->n_entries = part->entries;
    WEIR_GROW(s->groups, s->groups_capacity, part->n_groups);
    for (size_t i = 0; i < part->n_groups; at += part->groups[i++].length)
        s->groups[s->n_groups++] = (struct weir_snapshot_group){part->groups[i].group, at, part->groups[i].length};
    weir_status status = weir__part_file_read(&source->file, 0, part->header, &s->header, error);
    for (size_t i = 0; status == WEIR_OK && i < part->n_lists; at += part->lists[i++].length) {
        struct weir_snapshot_list *list = weir_snapshot_list(s, part->lists[i].name, part->lists[i].deal);
        list->n = part->lists[i].items;
        status = weir__part_file_read(&source->file, at, part->lists[i].length, &list->bytes, error);
    }
    return status;
}

static weir_status read_file(struct weir_storage *storage, struct source *source, struct weir_snapshot *s,
                             struct weir_error *error)
{
    weir_status status = weir__part_file_open(&source->file, storage, source->checkpoint, &source->part, error);
    if (status == WEIR_OK) status = weir__part_file_check(&source->file, error);
    if (status == WEIR_OK) status = read_content(source, s, error);
    weir__part_file_rest(&source->file);
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

/* Which groups there are, and how many entries, is known once the files are put together. */
static weir_status count_entry(void *arg, uint32_t group, const uint8_t *bytes, size_t n, struct weir_error *error)
{
    struct weir_snapshot *to = ((struct collected *)arg)->to;
    (void)bytes, (void)error;
    if (to->n_groups == 0 || to->groups[to->n_groups - 1].group != group) {
        WEIR_GROW(to->groups, to->groups_capacity, to->n_groups + 1);
        to->groups[to->n_groups++] = (struct weir_snapshot_group){.group = group};
    }
    to->groups[to->n_groups - 1].length += n;
    to->n_entries++;
    return WEIR_OK;
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
static weir_status read_changes(struct weir_storage *storage, struct source *source, struct weir_snapshot *s,
                                struct weir_error *error)
{
    static const struct weir_saved_visitor visitor = {collect_header, count_entry, collect_item};
    const struct weir_saved_part *part = &source->part;
    struct collected c = {part, s};
    for (size_t i = 0; i < part->n_lists; i++) (void)weir_snapshot_list(s, part->lists[i].name, part->lists[i].deal);
    weir_status status = weir_saved_scan(storage, source->checkpoint, part, &visitor, &c, error);
    return status == WEIR_OK ? weir__chain_open(storage, source->checkpoint, part, &source->chain, error) : status;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static weir_status read_part(struct weir_storage *storage, const char *checkpoint, struct weir_saved_part *part,
                             struct weir_snapshot *s, struct weir_error *error)
{
    struct source *source = create_source(checkpoint, part);
    s->source = &source->source;
    return (source->part.n_earlier ? read_changes : read_file)(storage, source, s, error);
}

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
            status = read_part(storage, checkpoint, &node->parts[k], &op->parts[node->parts[k].subtask], error);
    }
    weir_saved_index_finish(&index);
    if (status != WEIR_OK) weir_saved_finish(s);
    return status;
}
