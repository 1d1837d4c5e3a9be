/* operator/ahead.h - what an operator is going to ask of its keyed state is read before it asks, on the store's threads.
 *
 * Floor 5. Subtask's thread. For operators whose set may be in a store: each of them has one. On the heap all is at hand,
 * and the calls say OK. An operator that is told MORE returns that, from class->prepare, or from class->watermark and
 * class->processing_time, whose chain then waits (op->is_reading); it is woken, and calls again. All of it is a hint: what
 * was not asked for ahead is read when it is asked for.
 */
#ifndef WEIR_OPERATOR_AHEAD_H
#define WEIR_OPERATOR_AHEAD_H

#include "operator/op.h"
#include "time/timers.h"

#define WEIR_OP_AHEAD 1024 /* timers that are read for together */

struct weir_op_ahead {
    struct weir_state_wanted *wanted;
    size_t n_wanted, wanted_capacity;
    struct weir_key_ref *keys; /* of timers that are due next */
    size_t n_keys, keys_capacity;
    size_t ready; /* timers that are due, whose keys have been read for, and which have not been taken */
    bool is_out;
    bool again; /* set by an operator that asks twice: of what was asked for first, which stays */
};
void weir_op_ahead_finish(struct weir_op_ahead *);
/* In close: nothing is going to be asked for, and nobody is woken any more. The set may be NULL. */
void weir_op_ahead_end(struct weir_op_ahead *, struct weir_state_set *);

/* Whether it is any use to say what is wanted. */
static inline bool weir_op_reads_ahead(const struct weir_op_ahead *a, const struct weir_state_set *set)
{
    return set && set->is_partial && !a->is_out;
}
/* To be said before the rows, or from `want`: of the keys from .. until - 1. Without memory it is not. */
void weir_op_ahead_want(struct weir_op_ahead *, uint32_t state, int64_t ns, int64_t from, int64_t until);

/* What has been said to be wanted, of these rows. For class->prepare. */
WEIR_CHECKED weir_status weir_op_ahead_rows(struct weir_op_ahead *, const struct weir_op *, struct weir_state_set *,
                                            const uint32_t *key_fields, uint32_t n_key_fields, const struct weir_rows *);
/* The same, of namespace 0 of every state. */
WEIR_CHECKED weir_status weir_op_ahead_all_rows(struct weir_op_ahead *, const struct weir_op *, struct weir_state_set *,
                                                const uint32_t *key_fields, uint32_t n_key_fields, const struct weir_rows *);

/* Before a timer is taken: `want` says of the next ones that are due what is asked for when they fire; timer i has key i. */
typedef void weir_op_ahead_timer(struct weir_op_ahead *, const struct weir_due_timer *, int64_t i);
WEIR_CHECKED weir_status weir_op_ahead_timers(struct weir_op_ahead *, struct weir_op *, struct weir_state_set *,
                                              struct weir_timers *, weir_clock, int64_t until, weir_op_ahead_timer *want);
/* The same of others than timers, step by step: whether anything is to be read; whether it is to be said, key by key, and
 * after each what is wanted of it (the number of the key, < 0: without memory it is not); then to be asked. */
static inline bool weir_op_ahead_is_due(const struct weir_op_ahead *a, const struct weir_state_set *set)
{
    return set && set->is_partial && a->ready == 0;
}
bool weir_op_ahead_begin(struct weir_op_ahead *);
int64_t weir_op_ahead_key(struct weir_op_ahead *, const struct weir_key_ref *); /* valid until it is asked */
WEIR_CHECKED weir_status weir_op_ahead_keys(struct weir_op_ahead *, struct weir_op *, struct weir_state_set *);
/* A timer was taken; or there is none that is due. */
static inline void weir_op_ahead_took(struct weir_op_ahead *a, bool one)
{
    a->ready = one && a->ready > 0 ? a->ready - 1 : 0;
}

#endif
