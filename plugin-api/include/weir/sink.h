/* weir/sink.h - where records go. */
#ifndef WEIR_SINK_H
#define WEIR_SINK_H

#include <weir/host.h>

/* Required: write. The others may be NULL. close is called also when open failed. */
typedef struct weir_sink {
    uint32_t struct_size, flags; /* flags: 0 */
    weir_status (*open)(void *self, weir_ctx *); /* [task] */

    /* [task] Takes rows *row .. length-1 of a borrowed batch and moves *row past the last one taken. WEIR_MORE: no room
     * now; call again with the same batch, after wake() or 1 ms. */
    weir_status (*write)(void *self, weir_ctx *, const weir_batch *, int64_t *row);

    /* [task] Hand on what is buffered, so that a reader sees it. Called when the input pauses. May be NULL. */
    weir_status (*flush)(void *self, weir_ctx *);

    /* [task] End of input, or an orderly stop: make everything durable and visible. WEIR_MORE: call again. */
    weir_status (*finish)(void *self, weir_ctx *);

    /* [task] The two phases: at barrier `checkpoint` make what was written durable but not visible; once the checkpoint is
     * complete make everything up to it visible. Not called by 0.9 hosts. */
    weir_status (*snapshot)(void *self, weir_ctx *, int64_t checkpoint);
    weir_status (*committed)(void *self, weir_ctx *, int64_t checkpoint);

    void (*close)(void *self, weir_ctx *); /* [task] last call, also after a failure: finish was not called then */
} weir_sink;

#endif
