/* checkpoint/saved.h - the state of a whole job, in a checkpoint storage: a checkpoint, or a savepoint.
 *
 * Floor 4. Any one thread; files through a storage (checkpoint/storage.h). Format: docs/formats/savepoint.md. It holds
 * `_metadata` and a file for each operator's subtask that has state. It is there with all of them or not at all, which is
 * the storage's part. Every byte is under a checksum, which reading compares before it makes anything of the byte; what is
 * damaged is told with its file and where in it.
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
    bool lost_base;    /* it could not be written for what it was built on */
    uint64_t checksum; /* of its metadata, once it is written */
};
void weir_saved_finish(struct weir_saved *);
/* With its parts zeroed; the id is copied. Valid until the next call. */
struct weir_saved_operator *weir_saved_add(struct weir_saved *, const char *id, uint32_t parallelism,
                                           uint32_t max_parallelism);
const struct weir_saved_operator *weir_saved_find(const struct weir_saved *, const char *id); /* NULL: there is none */

/* What failed is not there, and is abandoned. A part with a `base` is written beside the files that it changes: those of
 * chk-BASE, in the same storage, get names in this one as well, or are copied where the storage cannot do that. */
WEIR_CHECKED weir_status weir_saved_write(struct weir_storage *, const char *checkpoint, struct weir_saved *,
                                          struct weir_error *);
/* Of what was just written: does the storage give it back? Compares the metadata as a whole, and of each file its size,
 * its first and last block and some of the others; whole: every byte. The message names the file, and what was expected and
 * found. */
WEIR_CHECKED weir_status weir_saved_read_back(struct weir_storage *, const char *checkpoint,
                                              const struct weir_saved *written, bool whole, struct weir_error *);
/* Into a zeroed struct; on failure it is empty. The message names the file, and what was expected and found. */
WEIR_CHECKED weir_status weir_saved_read(struct weir_storage *, const char *checkpoint, struct weir_saved *,
                                         struct weir_error *);

#endif
