/* state/store_writer.h - a backend whose writes happen on a thread of its own, so that who writes does not wait for it.
 *
 * Floor 3. Stands in front of a backend, with the same calls and the same results: what was written is there for whoever
 * asks next, though the disk may not have it yet. A write copies its changes into a batch and returns; the thread hands one
 * batch after the other to the backend. get looks through the batches that are not written, newest first, and asks the
 * backend for the rest, beside the thread. remove, scans of what is there now, view and flush wait until all is written.
 * Scans of views and release go straight through, from any thread.
 *
 * When more than `limit_bytes` wait, write waits until there is room: the writer is as slow as the disk then. A batch that
 * could not be written fails all later calls with what the backend said.
 *
 * For a snapshot nobody has to wait: what a cut writes has room besides, and a pledge is of a view that the thread makes
 * when it has come that far. Whoever reads it waits for that.
 */
#ifndef WEIR_STATE_STORE_WRITER_H
#define WEIR_STATE_STORE_WRITER_H

#include <weir/backend.h>

#include "base/platform.h"

extern const weir_backend weir_store_writer; /* self: a struct weir_store_writer_self */

struct weir_store_writer_self;
struct weir_store_writer_options {
    const weir_backend *backend;
    void *self;                           /* of the backend; outlives it */
    size_t limit_bytes;                   /* > 0 */
    const struct weir_platform *platform; /* with threads: no run_later */
};
WEIR_CHECKED weir_status weir_store_writer_create(const struct weir_store_writer_options *, struct weir_store_writer_self **,
                                                  struct weir_error *);
void weir_store_writer_cut(struct weir_store_writer_self *, bool is_cut); /* what is written from now on is of a cut */
/* Of what was written by now. Not where the backend has no view_beside: then `view` waits. */
bool weir_store_writer_has_pledges(const struct weir_store_writer_self *);
struct weir_store_pledge;
WEIR_CHECKED weir_status weir_store_writer_pledge(struct weir_store_writer_self *, struct weir_store_pledge **,
                                                  weir_io_error *);
/* [any] Waits for the view, which is there until the pledge is dropped. */
WEIR_CHECKED weir_status weir_store_pledge_view(struct weir_store_pledge *, weir_store_view **, weir_io_error *);
void weir_store_pledge_drop(struct weir_store_pledge *); /* [any] before the writer is closed; NULL is fine */

/* A change of the key waits to be written: get knows it without asking the backend. */
bool weir_store_writer_has(struct weir_store_writer_self *, weir_str key);
void weir_store_writer_destroy(struct weir_store_writer_self *); /* closed, or not opened; NULL is fine */

#endif
