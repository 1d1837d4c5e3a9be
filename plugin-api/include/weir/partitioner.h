/* weir/partitioner.h - custom partitioners. */
#ifndef WEIR_PARTITIONER_H
#define WEIR_PARTITIONER_H

#include <weir/host.h>

typedef struct weir_partitioner {
    uint32_t struct_size, flags;
    weir_status (*open)(void *self, weir_ctx *); /* [task] may be NULL */
    /* [task] targets[i] in [0, n_targets) for every row i; anything else fails the job. */
    weir_status (*partition)(void *self, weir_ctx *, const weir_batch *, uint32_t n_targets, uint32_t *targets);
    void (*close)(void *self, weir_ctx *); /* [task] last call, also when open failed; may be NULL */
} weir_partitioner;

#endif
