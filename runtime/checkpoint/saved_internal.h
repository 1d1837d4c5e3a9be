/* saved_internal.h - the words of `_metadata`, between writing and reading; and the checks of a file. */
#ifndef WEIR_CHECKPOINT_SAVED_INTERNAL_H
#define WEIR_CHECKPOINT_SAVED_INTERNAL_H

#include "base/error.h"

#define WEIR__METADATA      "_metadata"
#define WEIR__SAVED_FORMAT  "weir savepoint"
#define WEIR__SAVED_VERSION 1

#define WEIR__SAVED_BLOCK   65536 /* bytes of a file that have a checksum of their own */
#define WEIR__CHECKSUM_SIZE 9     /* at the end of `_metadata`: 0xcf, and the number in eight bytes, the highest first */
#define WEIR__CHECKSUM_TAG  0xcf

extern const char *const weir__kind_names[]; /* by enum weir_saved_kind; NULL-terminated */
extern const char *const weir__deal_names[]; /* by enum weir_deal; NULL-terminated */

/* A block of a file, at most WEIR__SAVED_BLOCK bytes, against its checksum; a file's length. */
WEIR_CHECKED weir_status weir__check_block(const char *path, uint64_t at, const void *bytes, size_t n, uint64_t expected,
                                           struct weir_error *);
WEIR_CHECKED weir_status weir__check_length(const char *path, uint64_t found, uint64_t expected, struct weir_error *);

#endif
