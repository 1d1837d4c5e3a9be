/* state/ttl.h - keyed state that expires: semantics A6.
 *
 * Floor 3. Subtask's thread. An expiring state is laid out with one more member behind the component's, WEIR_TTL_MEMBER:
 * when it was last touched, by processing time. A value has one, each item of a list, each entry of a map. So backends,
 * checkpoints and their format know nothing of it, and a state that gains or loses its time to live is a state that gains
 * or loses a member.
 *
 * What is here stands between a component and its state set, for expiring states alone. It is expired from touched + ttl on
 * (<= now). Creating and writing touch; reading too, with WEIR_TTL_ON_READ. Reading what is expired deletes it: it is not
 * seen, or with WEIR_TTL_SHOWN seen once more. A map's size counts what is there, expired or not.
 *
 * The clock is looked at once for each key that becomes current in each call of the component (a hold), so that what a
 * component sees under a key does not change while it looks.
 *
 * What nobody reads is found by looking at `ttl_sweep` more entries for each access. They are looked at between calls, when
 * nobody has pointers into the set: some at a time where the set walks, a key group at a time elsewhere, as often as makes
 * the same number. Cuts leave out what is expired (snapshot_write.c).
 */
#ifndef WEIR_STATE_TTL_H
#define WEIR_STATE_TTL_H

#include "base/platform.h"
#include "graph/stream_graph.h"
#include "state/state.h"

/* The layouts with a time for each that expires: as rules say, one for each state, or NULL: as the component does. NULL:
 * none expires. Members are shared with `layouts`, which must outlive them. Freed by weir_ttl_layouts_free. */
struct weir_state_layout *weir_ttl_layouts(const struct weir_state_layout *layouts, uint32_t n,
                                           const struct weir_state_ttl *rules);
void weir_ttl_layouts_free(struct weir_state_layout *, uint32_t n); /* NULL is fine */

struct weir_ttl;
struct weir_ttl *weir_ttl_create(const struct weir_state_layout *layouts, uint32_t n, const struct weir_platform *);
void weir_ttl_destroy(struct weir_ttl *); /* NULL is fine */
bool weir_ttl_has(const struct weir_ttl *, uint32_t state);

/* Another key is current, or a call of the component is over. */
void weir_ttl_hold(struct weir_ttl *);
/* Between calls: looks for what has expired, if enough was done meanwhile. The set is settled afterwards. */
void weir_ttl_sweep(struct weir_ttl *, struct weir_state_set *);

/* As those of struct weir_state_ops, in namespace 0; structs are given and taken as the component knows them. */
const void *weir_ttl_value_get(struct weir_ttl *, struct weir_state_set *, uint32_t state, const struct weir_key_ref *);
/* Whether edit would find one. */
bool weir_ttl_value_is_seen(struct weir_ttl *, struct weir_state_set *, uint32_t state, const struct weir_key_ref *);
void *weir_ttl_value_edit(struct weir_ttl *, struct weir_state_set *, uint32_t state, const struct weir_key_ref *);
weir_status weir_ttl_list_add(struct weir_ttl *, struct weir_state_set *, uint32_t state, const struct weir_key_ref *,
                              const void *item);
size_t weir_ttl_list_size(struct weir_ttl *, struct weir_state_set *, uint32_t state, const struct weir_key_ref *);
const void *weir_ttl_list_at(struct weir_ttl *, struct weir_state_set *, uint32_t state, const struct weir_key_ref *,
                             size_t i);
weir_status weir_ttl_list_update(struct weir_ttl *, struct weir_state_set *, uint32_t state, const struct weir_key_ref *,
                                 const void *items, size_t n);
const void *weir_ttl_map_get(struct weir_ttl *, struct weir_state_set *, uint32_t state, const struct weir_key_ref *,
                             const void *key);
void *weir_ttl_map_edit(struct weir_ttl *, struct weir_state_set *, uint32_t state, const struct weir_key_ref *,
                        const void *key);
bool weir_ttl_map_next(struct weir_ttl *, struct weir_state_set *, uint32_t state, const struct weir_key_ref *,
                       weir_cursor *, const void **key, const void **value);

#endif
