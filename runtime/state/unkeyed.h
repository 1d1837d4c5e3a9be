/* state/unkeyed.h - the states of a component that belong to no key: broadcast states, split and union lists, raw bytes.
 *
 * Floor 3. Subtask's thread. They are in a set of their own, on the heap whatever backend keyed state is in, under one key
 * that is nobody's. In a snapshot each is a list under its name, typed by the snapshot's header; how its items reach the
 * subtasks of another parallelism is semantics A6:
 *
 *   split, raw   all items in the order of the subtasks that had them, in contiguous runs; the first total % parallelism
 *                receivers get one more, and where they start rotates from list to list; unchanged parallelism: its own
 *   union        every subtask gets all, also where the parallelism is the same
 *   broadcast    subtask i gets what subtask i % old parallelism had
 */
#ifndef WEIR_STATE_UNKEYED_H
#define WEIR_STATE_UNKEYED_H

#include "state/snapshot.h"

/* The key of all of them; no encoded key is empty. */
extern const struct weir_key_ref weir_no_key;

/* A set of all these states, of which those that have keys are never used; NULL: all have keys. The layouts outlive it. */
struct weir_state_set *weir_unkeyed_create(const struct weir_state_layout *, uint32_t n_states);

/* With with_header they are described too: for operators whose snapshot has no keyed state. */
WEIR_CHECKED weir_status weir_unkeyed_cut(struct weir_state_set *, bool with_header, struct weir_snapshot *,
                                          struct weir_error *);
/* What subtask `subtask` of `parallelism` gets of what n subtasks had. Members by name, as keyed states are restored; fails
 * on what cannot be read so. */
WEIR_CHECKED weir_status weir_unkeyed_restore(struct weir_state_set *, const struct weir_snapshot *, uint32_t n,
                                              uint32_t subtask, uint32_t parallelism, struct weir_error *);
void weir_unkeyed_forget_raw(struct weir_state_set *); /* raw bytes were read, or are in a snapshot; NULL is fine */

#endif
