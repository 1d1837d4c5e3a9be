/* job/checkpoint_files.h - the checkpoints of a job: which there are, which stay, and where it was suspended.
 *
 * Floor 8. Any one thread. In the job's storage there are
 *   chk-N                   checkpoint N; the job owns it
 *   what is not published   half written, or half removed: what a crash left, swept at the next start
 * In folders of this machine there are
 *   JOB-savepoint-N         savepoint N; whoever asked for it owns it
 * And in `checkpoint.directory`, always on this machine,
 *   _held                   the name of the job that runs with it, locked as long as it does
 *   _suspended              "N\nPATH\n", and a checksum: the job was suspended with savepoint N in PATH, and its sinks have
 *                           committed what came before it: this, and no older checkpoint, is what to go on from
 */
#ifndef WEIR_JOB_CHECKPOINT_FILES_H
#define WEIR_JOB_CHECKPOINT_FILES_H

#include "job/storages.h"

/* Checkpoints that the job owns, and a savepoint that it claimed; the oldest first. Zeroed is empty. */
struct weir_kept {
    int64_t number;
    char *path; /* its address */
};
struct weir_kept_list {
    struct weir_kept *all;
    size_t n, capacity;
};
void weir__kept_finish(struct weir_kept_list *);
void weir__kept_add(struct weir_kept_list *, size_t at, int64_t number, char *path); /* takes the path */
bool weir__kept_forget(struct weir_kept_list *, const char *path); /* by its real path; true: it was there */
/* Removes the oldest but for the newest `keep`, and those from number `needed` on. What cannot be removed is told, and
 * forgotten. */
void weir__kept_trim(struct weir_storages *, struct weir_kept_list *, size_t keep, int64_t needed);

/* The complete checkpoints in a storage. */
WEIR_CHECKED weir_status weir__kept_find(struct weir_storage *, struct weir_kept_list *, struct weir_error *);
char *weir__checkpoint_name(int64_t number); /* the caller frees */
/* The first name that is free: JOB-savepoint-N, JOB-savepoint-N-2 ... */
char *weir__savepoint_name(struct weir_storage *, const char *job, int64_t number);
/* Removes what a crash left of checkpoints, and of savepoints of this job. What cannot be removed is told. */
void weir__checkpoints_sweep(struct weir_storage *, const char *job);

/* Refuses what another job left there. */
WEIR_CHECKED weir_status weir__kept_check(struct weir_storage *, const struct weir_kept_list *, const char *job,
                                          struct weir_error *);

/* Refuses to begin beside what the job itself left, and says how to go on: its newest checkpoint (0: none), or the savepoint
 * that it was suspended with, if that is newer. manifest: NULL: it has no name. */
WEIR_CHECKED weir_status weir__refuse_left(const struct weir_storage *, int64_t newest, int64_t suspended,
                                           const char *savepoint, const char *manifest, struct weir_error *);

/* *path NULL with WEIR_OK: it was not suspended. The caller frees. */
WEIR_CHECKED weir_status weir__suspended_read(const struct weir_platform *, const char *directory, int64_t *number,
                                              char **path, struct weir_error *);
WEIR_CHECKED weir_status weir__suspended_write(const struct weir_platform *, const char *directory, int64_t number,
                                               const char *path, struct weir_error *);
void weir__suspended_remove(const struct weir_platform *, const char *directory);

#endif
