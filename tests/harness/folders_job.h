/* harness/folders_job.h - job/checkpoints.h by the path of a directory that has folders (harness/folders.h). */
#ifndef WEIR_HARNESS_FOLDERS_JOB_H
#define WEIR_HARNESS_FOLDERS_JOB_H

#include "harness/folders.h"
#include "job/checkpoints.h"

static inline weir_status folders_newest(const struct weir_platform *p, const char *directory, char **path, int64_t *number,
                                         bool *own, struct weir_error *error)
{
    struct weir_storage *storage;
    *path = NULL;
    weir_status s = folders_open(p, directory, &storage, error);
    if (s == WEIR_OK) s = weir_checkpoints_newest(p, storage, directory, path, number, own, error);
    folders_close(storage);
    return s;
}

static inline char *folders_before(const struct weir_platform *p, const char *directory, const char *damaged)
{
    struct weir_storage *storage;
    struct weir_error error;
    if (folders_open(p, directory, &storage, &error) != WEIR_OK) return NULL;
    char *path = weir_checkpoints_before(storage, damaged);
    folders_close(storage);
    return path;
}

#endif
