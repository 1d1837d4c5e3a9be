/* snapshot_internal.h - between the two halves of the codec: the words of a header. docs/formats/savepoint.md. */
#ifndef WEIR_STATE_SNAPSHOT_INTERNAL_H
#define WEIR_STATE_SNAPSHOT_INTERNAL_H

#include <msgpack.h>

#include "data/schema.h"
#include "state/state.h"

#define WEIR__SNAPSHOT_VERSION 1

/* The second element of an entry: the state's place in the header, or one of these. */
#define WEIR__EVENT_TIMER      (-1)
#define WEIR__PROCESSING_TIMER (-2)

/* What entries are packed of (snapshot_write.c); not 0: no memory. The head is an entry but for its value. */
int weir__pack_entry_head(msgpack_packer *, const struct weir_schema *key, int64_t state, int64_t ns,
                          const struct weir_key_ref *);
int weir__pack_struct(msgpack_packer *, const weir_field *, uint32_t n, const void *value);
int weir__pack_pair(msgpack_packer *, const struct weir_state_layout *, const void *key, const void *value); /* of a map */

#endif
