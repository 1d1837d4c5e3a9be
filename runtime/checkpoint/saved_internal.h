/* saved_internal.h - the words of `_metadata`, between writing and reading; and the checks of a file. */
#ifndef WEIR_CHECKPOINT_SAVED_INTERNAL_H
#define WEIR_CHECKPOINT_SAVED_INTERNAL_H

#include "checkpoint/saved_index.h"

#define WEIR__METADATA      "_metadata"
#define WEIR__SAVED_FORMAT  "weir savepoint"
#define WEIR__SAVED_VERSION 1
#define WEIR__SAVED_CHANGES 2 /* the version of one with parts that hold only what changed */
#define WEIR__CHECKPOINT    "chk-"

#define WEIR__SAVED_BLOCK   65536 /* bytes of a file that have a checksum of their own */
#define WEIR__CHECKSUM_SIZE 9     /* at the end of `_metadata`: 0xcf, and the number in eight bytes, the highest first */
#define WEIR__CHECKSUM_TAG  0xcf

extern const char *const weir__kind_names[]; /* by enum weir_saved_kind; NULL-terminated */
extern const char *const weir__deal_names[]; /* by enum weir_deal; NULL-terminated */

/* A block of a file, at most WEIR__SAVED_BLOCK bytes, against its checksum; a file's length. */
WEIR_CHECKED weir_status weir__check_block(const char *path, uint64_t at, const void *bytes, size_t n, uint64_t expected,
                                           struct weir_error *);
WEIR_CHECKED weir_status weir__check_length(const char *path, uint64_t found, uint64_t expected, struct weir_error *);
/* That the part's file is there, with the length it is to have; path: what it is called. */
WEIR_CHECKED weir_status weir__check_found(const struct weir_saved_part *, const char *path, struct weir_error *);
char *weir__object_path(const struct weir_storage *, const char *checkpoint, const char *object); /* for messages */

/* The objects of a checkpoint. Zeroed is empty. */
struct weir__object {
    char *name;
    uint64_t size;
};
struct weir__inventory {
    struct weir__object *all; /* by name */
    size_t n, capacity;
};
WEIR_CHECKED weir_status weir__inventory_read(struct weir_storage *, const char *checkpoint, struct weir__inventory *,
                                              struct weir_error *); /* on failure it is empty */
void weir__inventory_finish(struct weir__inventory *);
int64_t weir__inventory_size(const struct weir__inventory *, const char *name); /* -1: it is missing */

/* Is it the metadata, or a file of some part? */
bool weir__saved_has_file(const struct weir_saved_index *, const char *name);

/* The bytes of `_metadata`, whose checksum the index gets; parts without a file are left out. False: no memory. */
WEIR_CHECKED bool weir__saved_describe(struct weir_saved_index *, struct weir_key_bytes *to);
void weir__saved_part_finish(struct weir_saved_part *);

/* A part's file, read from anywhere; each block is checked before a byte of it is given out. */
struct weir__part_file {
    struct weir_storage *storage;
    const char *checkpoint;
    const struct weir_saved_part *part;
    char *path;
    uint8_t *bytes; /* of a block; NULL: it rests */
    uint64_t block; /* which one; UINT64_MAX: none */
};
WEIR_CHECKED weir_status weir__part_file_open(struct weir__part_file *, struct weir_storage *, const char *checkpoint,
                                              const struct weir_saved_part *, struct weir_error *);
void weir__part_file_close(struct weir__part_file *); /* zeroed is fine */
void weir__part_file_rest(struct weir__part_file *);  /* it keeps nothing in memory until it is read again */
/* Appends n bytes from offset on; they are in the file. */
WEIR_CHECKED weir_status weir__part_file_read(struct weir__part_file *, uint64_t offset, uint64_t n,
                                              struct weir_key_bytes *to, struct weir_error *);

/* Every block of it, in order. */
WEIR_CHECKED weir_status weir__part_file_check(struct weir__part_file *, struct weir_error *);

/* A part with earlier ones, one key group at a time. The part outlives it, and the storage. */
struct weir__chain;
WEIR_CHECKED weir_status weir__chain_open(struct weir_storage *, const char *checkpoint, const struct weir_saved_part *,
                                          struct weir__chain **, struct weir_error *);
void weir__chain_close(struct weir__chain *); /* NULL is fine */
/* What the group stands for, each entry to the visitor; read anew each time. Of one that no file has there is nothing. */
WEIR_CHECKED weir_status weir__chain_read(struct weir__chain *, uint32_t group, const struct weir_saved_visitor *, void *arg,
                                          struct weir_error *);

/* weir_saved_scan of a part with earlier ones, and of a file alone (saved_chain.c, saved_scan.c). */
WEIR_CHECKED weir_status weir__saved_scan_chain(struct weir_storage *, const char *checkpoint,
                                                const struct weir_saved_part *, const struct weir_saved_visitor *, void *arg,
                                                struct weir_error *);
WEIR_CHECKED weir_status weir__saved_scan_file(struct weir_storage *, const char *checkpoint, const struct weir_saved_part *,
                                               const struct weir_saved_visitor *, void *arg, struct weir_error *);

#endif
