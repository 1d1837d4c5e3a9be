/* job/storages.h - the checkpoint storages of a job, or of whoever looks at checkpoints: which one an address means.
 *
 * Floor 8. One thread at a time, none of a slot. Of addresses (checkpoint/storage.h), those that begin with the job's own
 * place are in the job's storage; all others are folders on this machine, for which the component `file` is opened where
 * they lie. So savepoints are always folders, and so is what --from names, unless it says "NAME:/chk-12" in the words of
 * the job's storage.
 */
#ifndef WEIR_JOB_STORAGES_H
#define WEIR_JOB_STORAGES_H

#include "checkpoint/saved_look.h"
#include "graph/stream_graph.h"
#include "loader/part.h"

/* Checkpoints are folders in the job's directory. NULL, of a job that says nothing: they are. */
bool weir_storages_keeps_files(const struct weir_part_spec *);

struct weir_opened_storage; /* an instance and what it is used through */

/* Zeroed but for platform and registry: of no job. Opens what it is asked for, and keeps it open. */
struct weir_storages {
    const struct weir_platform *platform;
    struct weir_registry *registry;
    const struct weir_stream_graph
        *graph; /* outlives it; NULL, or one without checkpoints: there is no storage of the job's */
    uint32_t attempt;
    struct weir_storage_calls *calls;   /* checkpoint/storage_call.h; NULL: nobody watches them */
    struct weir_opened_storage *opened; /* the job's first */
    size_t n, capacity;
};
void weir_storages_finish(struct weir_storages *);

/* The job's own; the graph has a directory of checkpoints. */
WEIR_CHECKED weir_status weir_storages_own(struct weir_storages *, struct weir_storage **, struct weir_error *);
/* Folders in a directory. */
WEIR_CHECKED weir_status weir_storages_in(struct weir_storages *, const char *directory, struct weir_storage **,
                                          struct weir_error *);
struct weir_saved_opener weir_storages_opener(struct weir_storages *); /* used, and gone, before it */

/* "NAME:/..." is meant for a storage of that name, which only a job can say how to open; "./NAME:/..." is a folder. */
bool weir_storages_is_address(const char *);

/* Where the checkpoint of an address is. */
struct weir_saved_place {
    struct weir_storage *storage;
    char *name;
};
WEIR_CHECKED weir_status weir_storages_find(struct weir_storages *, const char *address, struct weir_saved_place *,
                                            struct weir_error *);
void weir_saved_place_finish(struct weir_saved_place *); /* zeroed is fine */
/* See weir_saved_read: the storages outlive what is read. */
WEIR_CHECKED weir_status weir_storages_read(struct weir_storages *, const char *address, struct weir_saved *,
                                            struct weir_error *);

#endif
