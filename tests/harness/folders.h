/* harness/folders.h - checkpoint/saved.h and saved_look.h by path: through the component `file`, which is compiled in, on
 * any platform. What is done to one checkpoint opens and closes its storage. One thread at a time. */
#ifndef WEIR_HARNESS_FOLDERS_H
#define WEIR_HARNESS_FOLDERS_H

#include "checkpoint/saved_dump.h"
#include "checkpoint/saved_look.h"

/* Folders in a directory, for longer. */
WEIR_CHECKED weir_status folders_open(const struct weir_platform *, const char *directory, struct weir_storage **,
                                      struct weir_error *);
void folders_close(struct weir_storage *); /* NULL is fine */

/* lost_base: it failed for what it was built on; may be NULL. checksum: of the metadata. */
WEIR_CHECKED weir_status folders_write_to(struct weir_storage *, const char *name, struct weir_saved *, bool *lost_base,
                                          uint64_t *checksum, struct weir_error *);
WEIR_CHECKED weir_status folders_write(const struct weir_platform *, const char *path, struct weir_saved *, bool *lost_base,
                                       struct weir_error *);
/* Entries and all. */
WEIR_CHECKED weir_status folders_read(const struct weir_platform *, const char *path, struct weir_saved *,
                                      struct weir_error *);
WEIR_CHECKED weir_status folders_index(const struct weir_platform *, const char *path, struct weir_saved_index *,
                                       struct weir_error *);
WEIR_CHECKED weir_status folders_dump(const struct weir_platform *, const char *path, const struct weir_saved_dump_options *,
                                      struct weir_error *);
WEIR_CHECKED weir_status folders_verify(const struct weir_platform *, const char *path,
                                        void (*tell)(void *arg, const struct weir_saved_check *), void *arg,
                                        struct weir_error *);
WEIR_CHECKED weir_status folders_discard(const struct weir_platform *, const char *path, bool force, struct weir_error *);
WEIR_CHECKED weir_status folders_remove(const struct weir_platform *, const char *path, struct weir_error *);
WEIR_CHECKED weir_status folders_find_all(const struct weir_platform *, const char *directory, struct weir_saved_looks *,
                                          struct weir_error *);

#endif
