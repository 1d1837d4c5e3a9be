/* state/pack.h - what state holds as msgpack: the entries of snapshots, written by layout without a generic packer.
 *
 * docs/formats/savepoint.md has the form. Each appends to bytes that grow; false: no memory, and they may hold a part of
 * it. Any thread.
 */
#ifndef WEIR_STATE_PACK_H
#define WEIR_STATE_PACK_H

#include "data/key.h"
#include "data/schema.h"
#include "state/state.h"

WEIR_CHECKED bool weir__pack_array(struct weir_key_bytes *, uint64_t n); /* the head; its n values come next */
WEIR_CHECKED bool weir__pack_integer(struct weir_key_bytes *, int64_t);
WEIR_CHECKED bool weir__pack_nil(struct weir_key_bytes *);
/* An entry but for its value; of a namespace that is gone, but for its key too. */
WEIR_CHECKED bool weir__pack_entry_head(struct weir_key_bytes *, const struct weir_schema *key, int64_t state, int64_t ns,
                                        const struct weir_key_ref *);
WEIR_CHECKED bool weir__pack_namespace_head(struct weir_key_bytes *, uint32_t group, int64_t state, int64_t ns);
WEIR_CHECKED bool weir__pack_struct(struct weir_key_bytes *, const weir_field *, uint32_t n, const void *value);
WEIR_CHECKED bool weir__pack_pair(struct weir_key_bytes *, const struct weir_state_layout *, const void *key,
                                  const void *value); /* of a map */

#endif
