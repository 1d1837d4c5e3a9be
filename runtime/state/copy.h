/* state/copy.h - all of one set of keyed state into another: how state changes its backend while its operator waits.
 *
 * Floor 3. The subtask's thread. A copy goes in steps, so that others get their turn in between; meanwhile nobody touches
 * either set. Only what both backends know is copied, which is what a snapshot would hold: every namespace, keys in order
 * of insertion, items and pairs in theirs. `from` is as it was, whatever comes of it.
 */
#ifndef WEIR_STATE_COPY_H
#define WEIR_STATE_COPY_H

#include "state/state.h"

struct weir_state_copy {
    struct weir_state_set *from, *to; /* of the same layouts and key groups; `to` is empty at first */
    uint64_t entries;                 /* copied so far */
    /* Where it stands. */
    uint32_t state, group;
    int64_t ns;
    bool in_group, in_namespace; /* `ns` was found; some of it is still to be copied */
    weir_cursor at;
};
void weir_state_copy_begin(struct weir_state_copy *, struct weir_state_set *from, struct weir_state_set *to);
/* Some `items` more: entries, items of lists, pairs. MORE until all are there. Otherwise `to` could not take them, for want
 * of memory or as its store says. What `from` could not give is for the caller to ask: it looks like the end. */
WEIR_CHECKED weir_status weir_state_copy_step(struct weir_state_copy *, size_t items);

#endif
