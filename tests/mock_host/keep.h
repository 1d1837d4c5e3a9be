/* mock_host/keep.h - keyed state that is copied in and out, as a host behind a language boundary would do it.
 *
 * What a component is given is a copy of what is kept; what it changed is copied back. A copy lasts until the callback
 * returns, another key becomes current, or the same state is changed, whichever is first: then it is overwritten and freed,
 * and who goes on using it is found out. Only declared members are copied: padding and others come back as zero.
 *
 * State outlives instances. One thread.
 */
#ifndef MOCK_HOST_KEEP_H
#define MOCK_HOST_KEEP_H

#include "mock_host/cells.h"

struct keep; /* of one component */

struct keep *keep_create(const weir_component *);
void keep_destroy(struct keep *);
const weir_state *keep_state(const struct keep *, uint32_t state); /* NULL: there is none of that number */

void keep_set_clock(struct keep *, int64_t now); /* of processing time, by which states expire; 0 at first */
bool keep_is_unkeyed(const weir_state *);        /* it belongs to no key */
/* The key that the next calls are about; identity is copied; NULL: none. Copies that were lent end. */
void keep_use_key(struct keep *, const char *identity, const struct cell *cells, uint32_t n_cells);
void keep_use_window(struct keep *, int64_t start); /* of the key, until another is used: states of the window are its own */
void keep_clear_window(struct keep *);              /* all that the current one has */
void keep_end_loans(struct keep *);
/* Of the map or list of a broadcast state, whatever the key is. */
const void *keep_value_get(struct keep *, uint32_t state);
void *keep_value_edit(struct keep *, uint32_t state, bool *created);
void keep_clear(struct keep *, uint32_t state);
void keep_list_add(struct keep *, uint32_t state, const void *item);
void keep_clear_raw(struct keep *); /* lists of raw bytes are there from a snapshot to the opening after it */
size_t keep_list_size(struct keep *, uint32_t state);
const void *keep_list_at(struct keep *, uint32_t state, size_t i);
void keep_list_update(struct keep *, uint32_t state, const void *items, size_t n);
const void *keep_map_get(struct keep *, uint32_t state, const void *key);
void *keep_map_edit(struct keep *, uint32_t state, const void *key);
void keep_map_remove(struct keep *, uint32_t state, const void *key);
size_t keep_map_size(struct keep *, uint32_t state);
bool keep_map_next(struct keep *, uint32_t state, weir_cursor *, const void **key, const void **value);
/* False: the member is not of a struct that may be changed. */
bool keep_assign(struct keep *, weir_str *member, weir_str bytes);
void *keep_resize(struct keep *, weir_str *member, size_t size); /* NULL: the same */

/* A struct of state 0 of its own, as an accumulator is; lent for the time of a call. */
void *keep_lend(struct keep *, void **kept);
void keep_drop(struct keep *, void *kept);

/* The keys that have an entry in a state, in the order in which they came: cells are borrowed. */
size_t keep_keys(const struct keep *, uint32_t state, struct cell ***cells, char ***identities); /* the arrays: caller's */

#endif
