/* checkpoint/saved_dump.h - the state of a checkpoint or savepoint as text: a line for each entry.
 *
 * Floor 4. Any one thread. The same state gives the same bytes, whatever the parallelism and the backend that it was saved
 * with: nodes by id; of each its states by name, then its timers, then its lists by name; of those the entries by key, the
 * numbers in it by size, its texts by their bytes, then by namespace. What every subtask has a copy of stands there once.
 *
 * Memory: lines are sorted in at most `memory` bytes (and one entry more). What does not fit waits for another pass over the
 * files: state of N bytes is read at most 1 + 2 N / memory times.
 */
#ifndef WEIR_CHECKPOINT_SAVED_DUMP_H
#define WEIR_CHECKPOINT_SAVED_DUMP_H

#include "checkpoint/saved.h"

struct weir_saved_dump_options {
    const char *node, *state; /* these alone; NULL: all. A state, a list, "event timers", "processing timers" */
    bool csv;                 /* else lines of JSON */
    size_t memory;            /* 0: 256 MiB */
    weir_status (*write)(void *arg, const char *text, size_t n); /* whole lines; not WEIR_OK: it ends */
    void *arg;
};
/* What was written before a failure was right, and is not all. WEIR_E_CONFIG: no such node or state. */
WEIR_CHECKED weir_status weir_saved_dump(struct weir_storage *, const char *checkpoint,
                                         const struct weir_saved_dump_options *, struct weir_error *);

#endif
