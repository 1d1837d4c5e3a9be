/* checkpoint/saved.h - the state of a whole job, in a checkpoint storage: a checkpoint, or a savepoint.
 *
 * Floor 4. Any one thread; files through a storage (checkpoint/storage.h). Format: docs/formats/savepoint.md. It holds
 * `_metadata` and a file for each operator's subtask that has state. It is there with all of them or not at all, which is
 * the storage's part. Every byte is under a checksum, which reading compares before it makes anything of the byte; what is
 * damaged is told with its file and where in it.
 *
 * Neither writing nor reading holds more in memory of a subtask's keyed entries than a key group (state/snapshot.h), but for
 * what was cut at once.
 */
#ifndef WEIR_CHECKPOINT_SAVED_H
#define WEIR_CHECKPOINT_SAVED_H

#include "checkpoint/storage.h"
#include "state/snapshot.h"

/* All subtasks of one operator. */
struct weir_saved_operator {
    char *id; /* of the stream node: "totals", "totals.key" */
    uint32_t parallelism, max_parallelism;
    struct weir_snapshot *parts; /* by subtask; zeroed where it had no state */
};
enum weir_saved_kind {
    WEIR_SAVED_CHECKPOINT = 0, /* the job's */
    WEIR_SAVED_SAVEPOINT,      /* of whoever asked for it */
    WEIR_SAVED_DRAINED         /* the same, of a job whose event time was ended first: its windows have fired */
};

/* Zeroed is empty. */
struct weir_saved {
    enum weir_saved_kind kind;
    int64_t checkpoint, taken_ms; /* its number; wall clock */
    char *job;
    struct weir_saved_operator *operators;
    size_t n, capacity;
};
void weir_saved_finish(struct weir_saved *);
/* With its parts zeroed; the id is copied. Valid until the next call. */
struct weir_saved_operator *weir_saved_add(struct weir_saved *, const char *id, uint32_t parallelism,
                                           uint32_t max_parallelism);
const struct weir_saved_operator *weir_saved_find(const struct weir_saved *, const char *id); /* NULL: there is none */

/* ---- writing: begin, the operators, their parts one after the other in any order, then publish --------------------- */

/* One at a time of a storage. What fails is of no use any more, and is to be abandoned. */
struct weir_saved_writing;
WEIR_CHECKED weir_status weir_saved_begin(struct weir_storage *, const char *checkpoint, struct weir_saved_writing **,
                                          struct weir_error *);
/* An operator; a second one of the same id is the first. The order is that of the metadata. */
void weir_saved_declare(struct weir_saved_writing *, const char *id, uint32_t parallelism, uint32_t max_parallelism);
/* The state of a subtask, each once; it is borrowed until it is written, and what it has pending is read and goes. One
 * with a `base` is written beside the files that it changes: those of chk-BASE, in the same storage, get names in this one
 * as well, or are copied where the storage cannot do that. */
WEIR_CHECKED weir_status weir_saved_begin_part(struct weir_saved_writing *, const char *id, uint32_t subtask,
                                               struct weir_snapshot *, struct weir_error *);
/* Goes on with the part, until *room bytes are written, or a key group beyond; *room is what is left of them. MORE: that is
 * not all of the part. */
WEIR_CHECKED weir_status weir_saved_write_on(struct weir_saved_writing *, uint64_t *room, struct weir_error *);
struct weir_saved_about {
    enum weir_saved_kind kind;
    int64_t checkpoint, taken_ms;
    const char *job;
};
/* When this returns WEIR_OK it is there, and safe; else it is not there. The struct is gone either way. *checksum: of its
 * metadata. */
WEIR_CHECKED weir_status weir_saved_publish(struct weir_saved_writing *, const struct weir_saved_about *, uint64_t *checksum,
                                            struct weir_error *);
bool weir_saved_lost_base(const struct weir_saved_writing *); /* it failed for what it was built on */
void weir_saved_abandon(struct weir_saved_writing *);         /* NULL is fine */

/* Of what was just written: does the storage give it back? Compares the metadata as a whole, and of each file its size,
 * its first and last block and some of the others; whole: every byte. The message names the file, and what was expected and
 * found. */
WEIR_CHECKED weir_status weir_saved_read_back(struct weir_storage *, const char *checkpoint, uint64_t checksum, bool whole,
                                              struct weir_error *);

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* Into a zeroed struct; on failure it is empty. Everything is checked; headers and lists are then in memory, entries are
 * read, and checked once more, when they are asked for: the storage outlives the struct. The message names the file, and
 * what was expected and found. */
WEIR_CHECKED weir_status weir_saved_read(struct weir_storage *, const char *checkpoint, struct weir_saved *,
                                         struct weir_error *);

#endif
