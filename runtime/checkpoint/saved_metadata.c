/* saved_metadata.c - an index as the bytes of `_metadata`. Any one thread. */
#include <msgpack.h>
#include <string.h>
#include <xxhash.h>

#include "checkpoint/saved_internal.h"

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

/* Operators are there with all their subtasks; those without a file had no state. */
static void describe_operator(msgpack_packer *pk, const struct weir_saved_node *node)
{
    size_t n = 0;
    for (size_t i = 0; i < node->n; i++) n += node->parts[i].file != NULL;
    msgpack_pack_map(pk, 4);
    word(pk, "id", node->id);
    number(pk, "parallelism", node->parallelism);
    number(pk, "max_parallelism", node->max_parallelism);
    text(pk, "parts");
    msgpack_pack_array(pk, n);
    for (size_t i = 0; i < node->n; i++) {
        if (node->parts[i].file) describe_part(pk, &node->parts[i]);
    }
}

static bool has_changes(const struct weir_saved_index *s)
{
    bool any = false;
    for (size_t i = 0; i < s->n; i++) {
        for (size_t k = 0; k < s->nodes[i].n; k++) any |= s->nodes[i].parts[k].n_earlier > 0;
    }
    return any;
}

struct sink {
    struct weir_key_bytes *to;
    bool failed; /* there was no memory for some of it */
};

static int append(void *arg, const char *bytes, size_t n)
{
    struct sink *sink = arg;
    sink->failed |= !weir_key_bytes_add(sink->to, bytes, n);
    return sink->failed ? -1 : 0;
}

/* One map, and after it the checksum of the map's bytes. */
bool weir__saved_describe(struct weir_saved_index *s, struct weir_key_bytes *to)
{
    struct sink sink = {.to = to};
    msgpack_packer pk;
    msgpack_packer_init(&pk, &sink, append);
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
    for (size_t i = 0; i < s->n; i++) describe_operator(&pk, &s->nodes[i]);
    s->checksum = XXH3_64bits(to->p, to->n);
    msgpack_pack_fix_uint64(&pk, s->checksum);
    return !sink.failed;
}
