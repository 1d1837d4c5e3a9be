/* weir/backend.h - state backends: where keyed state lives that memory shall not hold all of.
 *
 * A backend is an ordered store of byte keys and byte values. What the bytes mean is the host's business: it lays states,
 * key groups, namespaces and keys out so that what belongs together is a range of keys, keeps decoded entries at hand, and
 * collects changes, so that the calls below come with many keys at a time.
 *
 * One instance of the component is one store: of one node in one subtask. The store is scratch. Checkpoints are the host's,
 * in a format of its own; after a crash state comes from them, and what a store left behind is worth nothing.
 *
 * Keys are ordered as memcmp orders them, a shorter one before those it begins. No key is empty. Bytes are borrowed until
 * the call returns, in both directions. A call that fails returns a negative status and writes what is wrong, where and why,
 * into the weir_io_error; the host then fails the job, and only scans of views, release and close follow. A view that
 * cannot be made, or scanned, fails only what it was for: a checkpoint.
 *
 * There is no weir_ctx: a store is used outside of records and keys, and some of it by a second thread.
 */
#ifndef WEIR_BACKEND_H
#define WEIR_BACKEND_H

#include <weir/io.h>

/* The backend's own: a store as it was at one moment. */
typedef struct weir_store_view weir_store_view;

typedef struct weir_store_change { /* array element: frozen */
    weir_str key, value;           /* value.p NULL: the key goes, where it is there */
} weir_store_change;

typedef struct weir_store_stats {
    uint32_t struct_size, reserved;
    int64_t memory_bytes, disk_bytes; /* held now; -1: unknown */
} weir_store_stats;

/* What the host gives to be told of bytes. visit returns WEIR_OK to go on, WEIR_MORE when it has enough, or a failure, which
 * the call then returns. */
typedef weir_status weir_store_found(void *to, size_t i, weir_str value);
typedef weir_status weir_store_visit(void *to, weir_str key, weir_str value);

typedef struct weir_backend {
    uint32_t struct_size, flags;

    /* Opens an empty store. The directory exists and is for it alone; what an earlier store left there, of a process that
     * died, goes first; one that is still in use by another process is a failure, and stays. [coordinator] */
    weir_status (*open)(void *self, const char *directory, weir_io_error *);
    /* The last call, also when open failed. What open put into the directory goes; the host then removes that.
     * The directory's name is borrowed until then. [coordinator] */
    void (*close)(void *self);

    /* Calls found(to, i, value) for each keys[i] that is there, in any order. [task] */
    weir_status (*get)(void *self, const weir_str *keys, size_t n, weir_store_found *found, void *to, weir_io_error *);
    /* All changes, in their order: all or none. [any, one at a time], beside get and scans of views */
    weir_status (*write)(void *self, const weir_store_change *, size_t n, weir_io_error *);
    /* Removes the keys from `from` on that are before `until`, and says how many there were. [task] */
    weir_status (*remove)(void *self, weir_str from, weir_str until, size_t *removed, weir_io_error *);

    /* The same keys in ascending order, as they are now (view NULL) or were when the view was made. visit calls nothing of
     * this store. [task]; with a view [any], beside other calls. */
    weir_status (*scan)(void *self, weir_store_view *, weir_str from, weir_str until, weir_store_visit *visit, void *to,
                        weir_io_error *);
    weir_status (*view)(void *self, weir_store_view **, weir_io_error *); /* [task] */
    void (*release)(void *self, weir_store_view *);                       /* [any] every view, before close */

    /* What was written is on the disk when this returns. May be NULL. [task] */
    weir_status (*flush)(void *self, weir_io_error *);
    /* May be NULL. [any] */
    void (*stats)(void *self, weir_store_stats *);

    /* As get, for keys that ascend, by several threads at a time, beside get, write and scans of views. May be NULL: nothing
     * is read ahead then; else the host reads what a batch will ask for before the batch is processed, and the slot does
     * something else meanwhile. [any] */
    weir_status (*get_beside)(void *self, const weir_str *keys, size_t n, weir_store_found *found, void *to,
                              weir_io_error *);
    /* As view, beside get. May be NULL: the subtask then waits until all that was written for a snapshot is in the store.
     * [any, one at a time, not beside write or remove] */
    weir_status (*view_beside)(void *self, weir_store_view **, weir_io_error *);
} weir_backend;

#endif
