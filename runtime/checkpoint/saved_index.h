/* checkpoint/saved_index.h - what is in a checkpoint or savepoint, without its state; and its files, read piece by piece.
 *
 * Floor 4. Any one thread. The index is `_metadata`, checked before it is used, so it fits in itself: the lengths of a part
 * add up to that of its file, every file is one beside the metadata, no subtask has two. A scan reads one part's file in
 * blocks, compares the checksum of each before it gives out a byte of it, and holds no more than the largest entry.
 *
 * A part may hold only what changed (docs/formats/savepoint.md, "Changes"): then the files that it changes are there too,
 * and a scan puts them together, one key group at a time, so it tells what a whole part would and holds a key group.
 */
#ifndef WEIR_CHECKPOINT_SAVED_INDEX_H
#define WEIR_CHECKPOINT_SAVED_INDEX_H

#include "checkpoint/saved.h"

struct weir_saved_group {
    uint32_t group;
    uint64_t length;
};
struct weir_saved_list {
    char *name;
    enum weir_deal deal;
    uint64_t items, length;
};
/* The state of one subtask, in one file. */
struct weir_saved_part {
    uint32_t subtask;
    char *file;    /* an object of the checkpoint */
    int64_t found; /* its size in the storage; -1: it is missing */
    uint64_t length, header, entries;
    uint64_t *hashes; /* of its blocks */
    struct weir_saved_group *groups;
    struct weir_saved_list *lists;
    size_t n_hashes, n_groups, n_lists;
    struct weir_saved_part *earlier; /* that this one changes, in order: the first is whole; theirs is NULL */
    size_t n_earlier;
};
struct weir_saved_node {
    char *id;
    uint32_t parallelism, max_parallelism;
    struct weir_saved_part *parts; /* of subtasks that had state, ascending */
    size_t n;
};
/* Zeroed is empty. */
struct weir_saved_index {
    enum weir_saved_kind kind;
    int64_t checkpoint, taken_ms;
    char *job;
    uint64_t length, checksum; /* of the metadata */
    struct weir_saved_node *nodes;
    size_t n;
};
void weir_saved_index_finish(struct weir_saved_index *);
/* Into a zeroed struct; on failure it is empty. */
WEIR_CHECKED weir_status weir_saved_index_read(struct weir_storage *, const char *checkpoint, struct weir_saved_index *,
                                               struct weir_error *);
const char *weir_saved_kind_name(enum weir_saved_kind); /* "checkpoint", "savepoint", "drained" */
const char *weir_deal_name(enum weir_deal);             /* "split", "union", "copy" */

/* Told of a part in the order of its file. What is pointed to is valid during the call; every function may be NULL. */
struct weir_saved_visitor {
    weir_status (*header)(void *arg, const uint8_t *bytes, size_t n, struct weir_error *);
    /* one whole msgpack value each */
    weir_status (*entry)(void *arg, uint32_t group, const uint8_t *bytes, size_t n, struct weir_error *);
    weir_status (*item)(void *arg, const struct weir_saved_list *, const uint8_t *bytes, size_t n, struct weir_error *);
};
/* Reads a part to its end: checksums, and that header, groups and lists are whole msgpack values, as many as the
 * metadata says. The first failure ends it, and the message begins with the file and the byte. */
WEIR_CHECKED weir_status weir_saved_scan(struct weir_storage *, const char *checkpoint, const struct weir_saved_part *,
                                         const struct weir_saved_visitor *, void *arg, struct weir_error *);

#endif
