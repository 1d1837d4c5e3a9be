/* state/store_fetch.h - reads many keys of a backend on threads of its own, while who asked does something else.
 *
 * Floor 3. One thread creates, begins, takes and destroys; one question at a time. Keys are asked for in the order given, in
 * up to WEIR_STORE_FETCH_PARTS parts side by side, so the backend has get_beside. On a platform with run_later
 * (that of a deterministic test) that runs the parts.
 */
#ifndef WEIR_STATE_STORE_FETCH_H
#define WEIR_STATE_STORE_FETCH_H

#include <weir/backend.h>

#include "base/platform.h"

#define WEIR_STORE_FETCH_PARTS 4

struct weir_store_fetch;
struct weir_store_fetch_options {
    const weir_backend *backend;
    void *self; /* of the backend; open until the fetch is destroyed */
    const struct weir_platform *platform;
};
WEIR_CHECKED weir_status weir_store_fetch_create(const struct weir_store_fetch_options *, struct weir_store_fetch **,
                                                 struct weir_error *);
void weir_store_fetch_destroy(struct weir_store_fetch *); /* waits for what is being read; NULL is fine */
/* n > 0 keys, borrowed until they are taken. `done` is called when they have come, [any]; by then they may have been taken
 * already, and the next ones asked for. False: no memory, nothing was begun. */
WEIR_CHECKED bool weir_store_fetch_begin(struct weir_store_fetch *, const weir_str *keys, size_t n, void (*done)(void *arg),
                                         void *arg);
bool weir_store_fetch_is_done(struct weir_store_fetch *);
/* After that: tells each key in order with its value, p NULL when it is not there, until one is refused. A part that could
 * not be read ends it, with what the backend said. */
WEIR_CHECKED weir_status weir_store_fetch_take(struct weir_store_fetch *, weir_store_found *, void *to, weir_io_error *);

#endif
