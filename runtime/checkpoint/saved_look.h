/* checkpoint/saved_look.h - checkpoints and savepoints as things in a storage: which there are, whether they are whole, and
 * removing one without removing anything else.
 *
 * Floor 4. Any one thread. Nothing but weir_saved_discard changes anything.
 */
#ifndef WEIR_CHECKPOINT_SAVED_LOOK_H
#define WEIR_CHECKPOINT_SAVED_LOOK_H

#include "checkpoint/saved_index.h"

enum weir_saved_state {
    WEIR_SAVED_COMPLETE = 0, /* the metadata fits its checksum, every file is there and as long as it says */
    WEIR_SAVED_HALF,         /* not published: half written, or half removed */
    WEIR_SAVED_DAMAGED       /* see why */
};
/* One of them, from its metadata, its name and the sizes of its files; no state is read. */
struct weir_saved_look {
    char *path; /* its address */
    enum weir_saved_state state;
    bool known; /* the metadata could be read; else kind and number are what the name says, and the rest is nothing */
    enum weir_saved_kind kind;
    int64_t number, taken_ms;
    char *job, *why; /* NULL: not known; not damaged */
    size_t n_nodes;
    uint64_t bytes; /* of its files */
    bool newest;    /* the newest complete checkpoint of its storage */
};
struct weir_saved_looks { /* zeroed is empty */
    struct weir_saved_look *all;
    size_t n, capacity;
};
void weir_saved_looks_finish(struct weir_saved_looks *);
void weir_saved_looks_drop(struct weir_saved_looks *, size_t at);
/* All that a storage has, by number. */
WEIR_CHECKED weir_status weir_saved_list(struct weir_storage *, struct weir_saved_looks *, struct weir_error *);

/* How folders are opened: a storage that keeps files, for what is in `directory`. */
struct weir_saved_opener {
    const struct weir_platform *platform;
    weir_status (*open)(void *arg, const char *directory, struct weir_storage **, struct weir_error *);
    void (*close)(void *arg, struct weir_storage *);
    void *arg;
};
/* The directory, if it is a checkpoint or savepoint; else all of those in it and in its folders, at most four levels deep:
 * by folder, then by number. */
WEIR_CHECKED weir_status weir_saved_find_all(const struct weir_saved_opener *, const char *directory,
                                             struct weir_saved_looks *, struct weir_error *);

/* What a file was found to be. */
struct weir_saved_check {
    const char *file;                          /* its name */
    const char *node;                          /* whose state it has; NULL: it is the metadata, or foreign */
    uint32_t subtask;                          /* of the node */
    bool foreign;                              /* nothing of this checkpoint or savepoint: it was not read */
    uint64_t bytes, blocks, entries, n_groups; /* what was checked: blocks have a checksum each */
    uint64_t n_lists, items;
    const char *damage; /* NULL: all is well; valid during the call */
};
/* Reads every byte, and tells of every file. The first damage is the failure; other files are checked all the same. */
WEIR_CHECKED weir_status weir_saved_verify(struct weir_storage *, const char *checkpoint,
                                           void (*tell)(void *arg, const struct weir_saved_check *), void *arg,
                                           struct weir_error *);

/* Removes a checkpoint or savepoint. Refused: what is neither; one with a file in it that is not its own. Unless forced: one
 * that is damaged or half written, and the newest checkpoint of its storage. */
WEIR_CHECKED weir_status weir_saved_discard(struct weir_storage *, const char *checkpoint, bool force, struct weir_error *);

#endif
