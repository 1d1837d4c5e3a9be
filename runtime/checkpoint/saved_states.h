/* checkpoint/saved_states.h - the header of a part: the fields of its key, and its states with theirs.
 *
 * Floor 4. Any one thread; plain data. Unlike state/snapshot.h, which reads a header against an operator's states, this says
 * what is there.
 */
#ifndef WEIR_CHECKPOINT_SAVED_STATES_H
#define WEIR_CHECKPOINT_SAVED_STATES_H

#include "base/error.h"
#include "data/schema.h"
#include "state/state.h"

struct weir_saved_field {
    char *name;
    weir_type type;
    bool hidden; /* only an order among keys, numbered as they came: the same state may have other numbers */
};
struct weir_saved_fields {
    struct weir_saved_field *all;
    size_t n;
};
struct weir_saved_state_info {
    char *name, *kind; /* weir_state_kind_name */
    enum weir_state_shape shape;
    bool keyed; /* it has entries; else its items are in a list of its name */
    struct weir_saved_fields key, value; /* key: of a map's entries */
};
/* Zeroed is empty: of state that belongs to no key. */
struct weir_saved_header {
    struct weir_saved_fields key;
    struct weir_saved_state_info *states;
    size_t n;
};
void weir_saved_header_finish(struct weir_saved_header *);
/* Into a zeroed struct; on failure it is empty. */
WEIR_CHECKED weir_status weir_saved_header_read(const uint8_t *bytes, size_t n, struct weir_saved_header *,
                                                struct weir_error *);

#endif
