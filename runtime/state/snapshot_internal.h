/* snapshot_internal.h - between the parts of the codec. docs/formats/savepoint.md. */
#ifndef WEIR_STATE_SNAPSHOT_INTERNAL_H
#define WEIR_STATE_SNAPSHOT_INTERNAL_H

#include <msgpack.h>

#include "data/schema.h"
#include "state/snapshot.h"

#define WEIR__SNAPSHOT_VERSION 1

/* The second element of an entry: the state's place in the header, or one of these. */
#define WEIR__EVENT_TIMER      (-1)
#define WEIR__PROCESSING_TIMER (-2)

/* What headers and lists are packed with, into bytes that grow (snapshot_write.c). For entries: pack.h. */
void weir__pack_into(msgpack_packer *, struct weir_key_bytes *to);

/* ---- reading (snapshot_read.c) ----------------------------------------------------------------------------------- */

struct weir_restore {
    struct weir__saved_state *states;
    size_t n_states;
    weir_type *key;
    uint32_t n_key;
};
weir_status weir__not_ours(struct weir_error *, const char *expected); /* WEIR_E_DATA */
/* The value at *at, which moves behind it; a damaged length is found before anything is allocated for it. */
bool weir__next_value(msgpack_unpacked *, const uint8_t *bytes, size_t n, size_t *at);
/* As if these layouts had been saved. */
struct weir_restore *weir__restore_as_it_is(const struct weir_state_layout *, uint32_t n);
/* An item of a list state, or a pair of a map, into the set's state; room: for any struct of the set (restore_entry.c). */
WEIR_CHECKED weir_status weir__restore_item(const struct weir_restore *, struct weir_state_set *, uint32_t state,
                                            const struct weir_key_ref *, weir_str packed, void *room, struct weir_error *);

/* Which subtask gets which item of a split list (unkeyed.c): begun for a list, then asked in order of the items. */
struct weir__deal {
    bool same; /* parallelism: each keeps its own */
    uint32_t parallelism;
    uint64_t total, first;
};
void weir__deal_begin(struct weir__deal *, const struct weir_snapshot *, uint32_t n, uint32_t parallelism, const char *name);
uint32_t weir__deal_owner(const struct weir__deal *, uint32_t subtask, uint64_t index); /* index < total */

#endif
