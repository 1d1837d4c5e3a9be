/* data/pool.h - recycled, 64-byte aligned, reference-counted buffers.
 *
 * A pool is used by one thread at a time, its owner (the slot worker that fills batches, and before it starts and after
 * it ended who deploys it); its buffers may be released on any thread: a release pushes the buffer on the pool's return
 * stack, which the owner empties when its free list runs dry. Released buffers are kept hot, up to a limit; beyond it
 * they are freed. A pool outlives its buffers: weir_pool_close gives up the owner's reference, the last buffer frees the
 * pool.
 */
#ifndef WEIR_DATA_POOL_H
#define WEIR_DATA_POOL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct weir_pool;

struct weir_buffer {
    _Atomic uint32_t refs;
    uint32_t size_class;
    struct weir_pool *home;   /* NULL: plain memory */
    struct weir_buffer *next; /* free list or return stack */
    size_t capacity;          /* bytes */
    uint8_t *bytes;           /* 64-byte aligned; not zeroed */
    void (*finish)(struct weir_buffer *); /* plain memory: called when the last reference goes; mostly NULL */
};

struct weir_pool *weir_pool_create(void);
/* Owner thread, optional: from now on until the close this thread and no other is the owner, and its own releases go
 * straight to the free lists. A thread that hands the pool on must not have adopted it, unless the next owner adopts it
 * in its turn. */
void weir_pool_adopt(struct weir_pool *);
void weir_pool_close(struct weir_pool *);                                     /* owner thread; NULL is fine */
struct weir_buffer *weir_pool_take(struct weir_pool *, size_t at_least); /* owner thread; one reference; NULL: no memory */
struct weir_buffer *weir_buffer_create(size_t at_least);                      /* any thread, no pool; NULL: no memory */
struct weir_buffer *weir_buffer_retain(struct weir_buffer *);                 /* any thread */
void weir_buffer_release(struct weir_buffer *);                               /* any thread; NULL is fine */

#endif
