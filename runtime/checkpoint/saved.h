/* checkpoint/saved.h - the state of a whole job, as a directory: a checkpoint, or a savepoint.
 *
 * Floor 4. Any one thread; files through the platform. Format: docs/formats/savepoint.md. A directory holds `_metadata`
 * and a file for each operator's subtask that has state; names are relative, so it can be moved. It is written under a
 * name that ends in ".tmp", every file and folder is synced, and then it gets its name: a directory without ".tmp" is
 * whole. Every byte is under a checksum, which reading compares before it makes anything of the byte; what is damaged is
 * told with its file and where in it.
 */
#ifndef WEIR_CHECKPOINT_SAVED_H
#define WEIR_CHECKPOINT_SAVED_H

#include "base/platform.h"
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
    bool lost_base; /* it could not be written for what it was built on */
};
void weir_saved_finish(struct weir_saved *);
/* With its parts zeroed; the id is copied. Valid until the next call. */
struct weir_saved_operator *weir_saved_add(struct weir_saved *, const char *id, uint32_t parallelism,
                                           uint32_t max_parallelism);
const struct weir_saved_operator *weir_saved_find(const struct weir_saved *, const char *id); /* NULL: there is none */

/* What failed has no name that it could be taken for whole by; it is never synced again, but written anew. A part with a
 * `base` is written beside the files that it changes: those of chk-BASE, in the same folder, get names in this directory as
 * well, so that each directory is whole by itself and a file lives as long as a directory has it. */
WEIR_CHECKED weir_status weir_saved_write(const struct weir_platform *, const char *directory, struct weir_saved *,
                                          struct weir_error *);
/* Into a zeroed struct; on failure it is empty. The message names the file, and what was expected and found. */
WEIR_CHECKED weir_status weir_saved_read(const struct weir_platform *, const char *directory, struct weir_saved *,
                                         struct weir_error *);
/* Gives it a name that ends in ".tmp" first, so that what a crash leaves of it is no checkpoint. */
WEIR_CHECKED weir_status weir_saved_remove(const struct weir_platform *, const char *directory, struct weir_error *);

#endif
