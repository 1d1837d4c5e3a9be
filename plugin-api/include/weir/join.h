/* weir/join.h - joins: what is made of two rows, or of two groups of rows, that have the same key.
 *
 * The component declares .in as an operator with two inputs does: "orders(order:string, amount:f64), payments(paid:f64)".
 * Where a manifest names its inputs alike (`from: {orders: A, payments: B}`), they are bound by name, in whichever order
 * they are written; else the first is the first. In .out and .sides there are fields and "@key"; no "*" and no "@in", since
 * there is no one row that a result comes from. There are no states and no timers.
 */
#ifndef WEIR_JOIN_H
#define WEIR_JOIN_H

#include <weir/window.h>

/* Used by `join: {interval: ...}` and by `join:` beside a window, inner joins both. */
typedef struct weir_join_function {
    uint32_t struct_size, flags;                 /* flags: 0 */
    weir_status (*open)(void *self, weir_ctx *); /* [task] may be NULL */
    /* [task] A row of the first input and one of the second that belong together. Emits any number of rows, on any port, as
     * a rule at `time`: the later of the two, or the last instant of the window. weir_key(cx) is the key of both. MUST NOT
     * return WEIR_MORE. */
    weir_status (*join)(void *self, weir_ctx *, weir_row first, weir_row second, int64_t time);
    void (*close)(void *self, weir_ctx *); /* [task] Last call, also when open failed. May be NULL. */
} weir_join_function;

/* Used by `cogroup:` beside a window. */
typedef struct weir_cogroup_function {
    uint32_t struct_size, flags;                 /* flags: 0 */
    weir_status (*open)(void *self, weir_ctx *); /* [task] may be NULL */
    /* [task] The window fires: its rows of either input, in order of arrival; one of the two may have none. Emits any number
     * of rows, at weir_window_last(window) as a rule. weir_key(cx) is the key of all of them. WEIR_MORE, as a loop does when
     * weir_full(cx): call again with the same window and rows once there is room, with nothing in between; where it goes on
     * is for the instance to remember. */
    weir_status (*process)(void *self, weir_ctx *, const weir_window *, const weir_batch *first, const weir_batch *second);
    void (*close)(void *self, weir_ctx *); /* [task] Last call, also when open failed. May be NULL. */
} weir_cogroup_function;

#endif
