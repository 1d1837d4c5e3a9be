/* join_internal.h - the pieces of joins (semantics A5.7).
 *
 *   interval_join_op.c  rows of two inputs that are near each other in event time: who waits for whom, and how long
 *   join_buffer.c       the rows of one key and input that wait, in order of time
 *   pairs.c             pairs of rows become rows of the output, or go to a join function
 */
#ifndef WEIR_WINDOW_JOIN_INTERNAL_H
#define WEIR_WINDOW_JOIN_INTERNAL_H

#include <weir/join.h>

#include "graph/stream_graph.h"
#include "operator/instance.h"

static inline int64_t weir__time_plus(int64_t time, int64_t by)
{
    int64_t sum;
    if (!__builtin_add_overflow(time, by, &sum)) return sum;
    return by > 0 ? INT64_MAX : INT64_MIN;
}

/* ---- join_buffer.c ---------------------------------------------------------------------------------------------------- */

struct weir__waiting_row { /* an element of weir__join_buffer.index */
    int64_t time;
    uint64_t at, n; /* its packed bytes (data/row_codec.h) in .rows */
};

/* The value of one key and input. Live rows are index[first .. first + n), by time, those of one time in order of arrival.
 * Both texts are memory with room to spare, so that a row costs no allocation but when they grow. */
struct weir__join_buffer {
    int64_t first, n;
    int64_t used, dead; /* bytes of `rows`: written; of which belong to rows that are gone */
    int64_t timer;      /* when its first row is to go; set iff n > 0 */
    weir_str index, rows;
};

WEIR_CHECKED weir_status weir__join_buffer_layout(struct weir_state_layout *, const char *name, struct weir_error *);
static inline const struct weir__waiting_row *weir__join_buffer_row(const struct weir__join_buffer *b, int64_t i)
{
    return (const struct weir__waiting_row *)(const void *)b->index.p + i;
}
/* Adds a row, which is packed. WEIR_E_MEMORY: nothing was added. */
WEIR_CHECKED weir_status weir__join_buffer_add(struct weir__join_buffer *, struct weir_state_set *, uint32_t state,
                                               int64_t time, weir_str row);
/* Index of the first live row at or after `time`; first + n when there is none. */
int64_t weir__join_buffer_find(const struct weir__join_buffer *, int64_t time);
/* Forgets the rows before index `until`. */
void weir__join_buffer_drop(struct weir__join_buffer *, int64_t until);

/* ---- pairs.c ---------------------------------------------------------------------------------------------------------- */

/* One side of n pairs. */
struct weir__pair_side {
    struct weir_rows *rows; /* NULL: the side is missing from all pairs */
    const uint32_t *origin; /* pair i has row origin[i]; NULL: row i */
};

/* How pairs leave the operator. */
struct weir__pairs {
    struct weir_op *op;
    const struct weir_stream_node *node;
    struct weir_instance *function; /* NULL: the fields of both come out */
    const weir_join_function *vtable;
    bool opened;
};

WEIR_CHECKED weir_status weir__pairs_init(struct weir__pairs *, struct weir_op *, const struct weir_stream_node *,
                                          struct weir_registry *, struct weir_error *);
WEIR_CHECKED weir_status weir__pairs_open(struct weir__pairs *);
void weir__pairs_close(struct weir__pairs *);
void weir__pairs_finish(struct weir__pairs *);
/* Pairs 0 .. n-1 as rows with the fields of both, which are the caller's. */
WEIR_CHECKED weir_status weir__pairs_make(struct weir__pairs *, const struct weir__pair_side sides[2], int64_t time,
                                          int64_t n, struct weir_rows **);
#define WEIR__NO_OWN_SIDE UINT32_MAX
/* Pairs *done .. n-1 at `time`, or each at the later of its two times (WEIR_NO_TIME). Without a function all leave as one
 * batch. With one, whose current input is `own` (weir_instance_begin_input, the rows of that side; NO_OWN_SIDE: the first,
 * and the key is set), it is called pair by pair; WEIR_MORE: outputs are full, call again with *done as it is. */
WEIR_CHECKED weir_status weir__pairs_emit(struct weir__pairs *, const struct weir__pair_side sides[2], uint32_t own,
                                          int64_t time, int64_t n, int64_t *done);

#endif
