/* state/store.h - keyed state in a backend's store (weir/backend.h), behind struct weir_state_ops.
 *
 * Floor 3. One thread, that of the operator subtask whose state it is; opened and destroyed by the coordinator. The sets of
 * one operator share a store. Each keeps decoded entries at hand, in memory, and writes changed ones back in batches when
 * they get too many; their images (image.h) are views of the store, for another thread to read. Results are those of the
 * heap backend, order of enumeration included.
 *
 * With a platform, changes are written by a thread of the store (store_writer.h), before the cache is full, so that the
 * operator goes on meanwhile; at most an eighth of the cache, 1 to 8 MiB, is on its way to the disk.
 *
 * The same platform reads what a batch is going to ask for (expect, state.h) on other threads (store_fetch.h), where the
 * backend has get_beside.
 *
 * What the store cannot do is sticky: from then on calls give nothing, and whoever runs the operator asks for the failure
 * after each call, before anything that the operator emitted leaves it.
 */
#ifndef WEIR_STATE_STORE_H
#define WEIR_STATE_STORE_H

#include <weir/backend.h>

#include "base/platform.h"
#include "state/state.h"

struct weir_state_store;

struct weir_state_store_options {
    const weir_backend *backend;
    void *self;            /* of the backend; not opened yet, outlives the store */
    const char *directory; /* exists, for this store alone */
    size_t cache_bytes;    /* of decoded entries of all sets; they are written back and let go when it is more */
    /* NULL: all happens on the caller's thread. With run_later there is no thread that writes, and it runs the reads. */
    const struct weir_platform *platform;
    size_t fetch_least; /* keys that are worth reading ahead; 0: as many as are worth another thread */
};
WEIR_CHECKED weir_status weir_state_store_create(const struct weir_state_store_options *, struct weir_state_store **,
                                                 struct weir_error *);
void weir_state_store_destroy(struct weir_state_store *);       /* after its sets and their images; NULL is fine */
bool weir_state_store_is_read(const struct weir_state_store *); /* [any] there are images of its sets */
/* NULL: all is well. */
const struct weir_error *weir_state_store_failure(const struct weir_state_store *);
void weir_state_store_stats(const struct weir_state_store *, weir_store_stats *); /* [any] */

/* At most 16 sets per store. */
struct weir_state_set *weir_stored_state_create(struct weir_state_store *, const struct weir_state_layout *layouts,
                                                uint32_t n_states, uint32_t first_group, uint32_t last_group);

#endif
