/* window/aggregates.h - the aggregates of a window node: one accumulator per key and window that holds them all.
 *
 * Floor 6. Subtask's thread. The accumulators of the node's aggregate components lie side by side in one value of one state,
 * so a row costs one look-up however many aggregates there are. Layout: component i's struct at offset[i], 16-byte aligned;
 * its declared members, renamed "result.member", make up the state's layout. So a savepoint is restored by the names of
 * results, in whatever order a later job lists its aggregates.
 */
#ifndef WEIR_WINDOW_AGGREGATES_H
#define WEIR_WINDOW_AGGREGATES_H

#include "graph/stream_graph.h"
#include "operator/instance.h"

struct weir_aggregate_slot {
    const struct weir_aggregate_config *config;
    struct weir_instance *instance; /* NULL: window start or end */
    const weir_aggregate *vtable;
    uint32_t offset, column; /* in the accumulator; among the written columns of `results` */
    bool opened;
};

/* What the operator keeps beside the accumulators in the same value, behind them: members of a struct of 8-byte alignment,
 * some of which may be undeclared, and are then zero after a restore. */
struct weir_aggregates_beside {
    const weir_field *fields;
    uint32_t n, size;
};

struct weir_aggregates {
    struct weir_op *op;
    struct weir_aggregate_slot *slots;
    uint32_t n;
    struct weir_state_layout layout; /* of the accumulator */
    struct weir_state_owner *owners; /* of its parts: those that have any */
    uint32_t n_owners;
    bool has_texts;               /* some member of it is a weir_str */
    uint32_t arrival;             /* offset of a uint64_t for slices behind the accumulators; 0: there is none */
    uint32_t beside;              /* offset of what is beside them */
    struct weir_state_set *state; /* the operator's; borrowed */
    uint32_t at;                  /* which of its states */
    struct weir_builder results;  /* the columns behind the key's */
    void **accs;                  /* scratch: accumulators of one component, by row */
    size_t accs_capacity;
};

WEIR_CHECKED weir_status weir_aggregates_init(struct weir_aggregates *, const struct weir_stream_node *, struct weir_op *,
                                              struct weir_registry *, struct weir_error *);
/* The same with room for the number of the row that came first (0 at first), and checked by the caller: */
WEIR_CHECKED weir_status weir_aggregates_init_sliced(struct weir_aggregates *, const struct weir_stream_node *,
                                                     struct weir_op *, struct weir_registry *, struct weir_error *);
/* The same with room for something beside them: */
WEIR_CHECKED weir_status weir_aggregates_init_beside(struct weir_aggregates *, const struct weir_stream_node *,
                                                     struct weir_op *, struct weir_registry *,
                                                     const struct weir_aggregates_beside *, struct weir_error *);
/* Merging the parts of the node's accumulators, in any order, is exactly adding all rows in order. */
bool weir_aggregates_are_mergeable(const struct weir_stream_node *);
/* Where accumulators are: the state `at` of the operator's set, of a->layout. Before anything else. */
void weir_aggregates_keep_in(struct weir_aggregates *, struct weir_state_set *, uint32_t at);
WEIR_CHECKED weir_status weir_aggregates_open(struct weir_aggregates *);
void weir_aggregates_close(struct weir_aggregates *);
void weir_aggregates_finish(struct weir_aggregates *);

/* The rows that the next calls of add are about; end lets them go. */
WEIR_CHECKED weir_status weir_aggregates_begin(struct weir_aggregates *, struct weir_rows *);
WEIR_CHECKED weir_status weir_aggregates_end(struct weir_aggregates *);
/* Row i of the rows goes into values[i]; created (bit i): values[i] is new. */
WEIR_CHECKED weir_status weir_aggregates_add(struct weir_aggregates *, void *const *values, const uint8_t *created);
WEIR_CHECKED weir_status weir_aggregates_add_row(struct weir_aggregates *, void *value, bool created, int64_t row);
/* Rows from .. until - 1 of n, as each of the two would: at once where they are all of them. */
WEIR_CHECKED weir_status weir_aggregates_add_run(struct weir_aggregates *, void *const *values, const uint8_t *created,
                                                 int64_t from, int64_t until, int64_t n);
/* Of those that keep packed rows, as weir_instance_tell_rows. */
WEIR_CHECKED weir_status weir_aggregates_tell_rows(const struct weir_aggregates *, struct weir_snapshot *to);
WEIR_CHECKED weir_status weir_aggregates_check_rows(const struct weir_aggregates *, const struct weir_snapshot *from,
                                                    uint32_t n);
/* Makes a new, zeroed value the empty accumulator. */
WEIR_CHECKED weir_status weir_aggregates_create(struct weir_aggregates *, void *value);
bool weir_aggregates_can_merge(const struct weir_aggregates *); /* all components have merge */
WEIR_CHECKED weir_status weir_aggregates_merge(struct weir_aggregates *, void *value, const void *other);
static inline uint64_t *weir_aggregates_arrival(const struct weir_aggregates *a, void *value)
{
    return (uint64_t *)(void *)((char *)value + a->arrival);
}
/* Into a zeroed value; and back to zero. Their texts belong to `set`, which is a->state or of the same layout. */
WEIR_CHECKED weir_status weir_aggregates_copy(struct weir_aggregates *, struct weir_state_set *set, void *to,
                                              const void *from);
void weir_aggregates_clear(struct weir_aggregates *, struct weir_state_set *set, void *value);
/* The values of the next calls belong to `set`. */
void weir_aggregates_use(struct weir_aggregates *, struct weir_state_set *set);
/* Ends one row of `results` from an accumulator. */
WEIR_CHECKED weir_status weir_aggregates_result(struct weir_aggregates *, const void *value, int64_t window_start,
                                                int64_t window_end, int64_t time);

#endif
