/* weir/operator.h - map, filter, flat_map, process and keyed process; and reducers.
 *
 * One vtable serves them all; the declaration says which it is:
 *   map       WEIR_ONE_TO_ONE: writes row i of the output from row i of the input, for all rows of the batch, on port 0,
 *             advancing out->length itself (the macro WEIR_MAP does); never flushes
 *   filter    has `filter` instead of `process`: says which rows stay
 *   keyed     WEIR_NEEDS_KEY, or has states or on_timer: runs after key_by, calls use_key(row) before touching state
 *   others    emit any number of rows for each row, on any port
 *
 * With two inputs (see .in in weir/component.h) `process` is called for either, port 0 or 1; nothing is said about the order
 * between them, and watermark and end are those of both. Keyed, both are partitioned by keys of the same types, and states
 * and timers are shared: whichever input a row comes from, it finds its key's. A component with a WEIR_BROADCAST state has
 * no key on its second input; weir_each_key reaches the keyed state from there.
 */
#ifndef WEIR_OPERATOR_H
#define WEIR_OPERATOR_H

#include <weir/host.h>

typedef struct weir_operator {
    uint32_t struct_size, flags; /* flags: 0 */

    /* [task] Once, before anything else; restored state is already there. May be NULL. */
    weir_status (*open)(void *self, weir_ctx *);

    /* [task] Handles rows *row .. length-1 of a borrowed batch in order and moves *row past the last one it finished.
     * Returning WEIR_MORE (with *row at the row to go on with) means: call again with the same batch once there is room,
     * with nothing in between. A loop over rows stops when weir_full(cx). */
    weir_status (*process)(void *self, weir_ctx *, uint32_t port, const weir_batch *, int64_t *row);

    /* [task] Filters only: sets bit i of `keep` (zeroed, length bits) for each row that stays. */
    weir_status (*filter)(void *self, weir_ctx *, const weir_batch *, uint8_t *keep);

    /* [task] The timer was removed before the call and its key is current. WEIR_MORE: call again with the same timer. */
    weir_status (*on_timer)(void *self, weir_ctx *, const weir_timer *);

    /* [task] The watermark grew; after the timers, before it is sent on. May emit, not set timers or use keyed state. */
    weir_status (*on_watermark)(void *self, weir_ctx *, int64_t watermark);

    /* [task] End of input, after the last watermark. May emit. WEIR_MORE: call again. */
    weir_status (*finish)(void *self, weir_ctx *);

    /* [task] Barrier `checkpoint`: flush what is outside declared state; and: it is complete, ids up to it are covered. */
    weir_status (*snapshot)(void *self, weir_ctx *, int64_t checkpoint);
    weir_status (*committed)(void *self, weir_ctx *, int64_t checkpoint);

    /* [task] Last call, also after a failure, also when open failed. */
    void (*close)(void *self, weir_ctx *);
} weir_operator;

/* Two records of the same schema into one; must be associative. */
typedef struct weir_reducer {
    uint32_t struct_size, flags;
    weir_status (*open)(void *self, weir_ctx *);
    /* [task] Puts all columns of one row on port 0 (out-schema "@in"); the host emits it. */
    weir_status (*reduce)(void *self, weir_ctx *, weir_row so_far, weir_row next);
    void (*close)(void *self, weir_ctx *);
} weir_reducer;

#endif
