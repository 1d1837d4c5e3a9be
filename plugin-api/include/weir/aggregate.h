/* weir/aggregate.h - many rows into one value, incrementally.
 *
 * The accumulator is state 0 of the component: a WEIR_VALUE whose struct is the `acc` of the calls, zeroed before the
 * first. The host keeps one per key and window (or per key, or per slice) and moves, copies, merges and snapshots it by its
 * declared members, so it holds plain values and weir_str members set with assign(cx, 0, ...) and resize_bytes(cx, 0, ...).
 */
#ifndef WEIR_AGGREGATE_H
#define WEIR_AGGREGATE_H

#include <weir/host.h>

/* Required: add, result. merge may be there without WEIR_MERGEABLE: windows that merge need only that it exists;
 * WEIR_MERGEABLE says more: that merging parts in any order gives exactly what adding all rows in order gives, errors
 * included, so that overlapping windows may share work by slices. WEIR_MERGEABLE_BUT_FLOATS says it for inputs that are no
 * floats: an integer sum is such, if it is judged at the end whether it fits, not on the way. */
typedef struct weir_aggregate {
    uint32_t struct_size, flags; /* flags: 0; WEIR_MERGEABLE and the like are flags of the component */
    /* open and create: [coordinator] before the job runs, for windows that are restored and did not have this aggregate. */
    weir_status (*open)(void *self, weir_ctx *);             /* [task] may be NULL */
    weir_status (*create)(void *self, weir_ctx *, void *acc); /* [task] NULL: all zero is the empty accumulator */
    weir_status (*add)(void *self, weir_ctx *, void *acc, weir_row); /* [task] */
    /* [task] Row i goes into accs[i], in order of i. Optional: the host calls add where it is NULL. */
    weir_status (*add_rows)(void *self, weir_ctx *, void *const *accs, const weir_batch *);
    weir_status (*merge)(void *self, weir_ctx *, void *acc, const void *other); /* [task] acc + other, in that order */
    weir_status (*subtract)(void *self, weir_ctx *, void *acc, const void *other); /* [task] only when exact */
    /* [task] Puts the one column of "result" at `column` of the row being written on port 0. acc stays valid. */
    weir_status (*result)(void *self, weir_ctx *, const void *acc, uint32_t column);
    void (*close)(void *self, weir_ctx *); /* [task] last call, also when open failed; may be NULL */
} weir_aggregate;

#endif
