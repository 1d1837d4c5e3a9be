/* saved_internal.h - the words of `_metadata`, between writing and reading. */
#ifndef WEIR_CHECKPOINT_SAVED_INTERNAL_H
#define WEIR_CHECKPOINT_SAVED_INTERNAL_H

#define WEIR__METADATA      "_metadata"
#define WEIR__SAVED_FORMAT  "weir savepoint"
#define WEIR__SAVED_VERSION 1

extern const char *const weir__deal_names[]; /* by enum weir_deal; NULL-terminated */

#endif
