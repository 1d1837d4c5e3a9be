/* instance_internal.h - between the files that make up an instance and its host table. */
#ifndef WEIR_OPERATOR_INSTANCE_INTERNAL_H
#define WEIR_OPERATOR_INSTANCE_INTERNAL_H

#include "operator/instance.h"

/* host_*.c: each fills its slots of the table. */
void weir__host_memory(weir_host *);
void weir__host_output(weir_host *);
void weir__host_state(weir_host *);
void weir__host_source(weir_host *);
/* the weir.metrics/1 table; NULL where nobody looks */
const void *weir__host_metrics(const struct weir_op_env *);
const void *weir__host_async(void); /* weir.async/1, for instances that have it */

void *weir__scratch_take(struct weir_scratch *, size_t size); /* 16-byte aligned; NULL: no memory */
void weir__scratch_reset(struct weir_scratch *);
void weir__scratch_finish(struct weir_scratch *);

/* The rows of a port leave: to the outbox, or to the source operator. */
WEIR_CHECKED weir_status weir__instance_flush(struct weir_instance *, uint32_t port);
/* Fills the '@key' columns of the rows emitted since the last call, from the current key. */
WEIR_CHECKED weir_status weir__instance_fill_keys(struct weir_instance *);
void weir__instance_forget_key(struct weir_instance *); /* no key is current */
/* The current key's fields as a row; batch NULL on failure. */
weir_row weir__instance_key_row(struct weir_instance *);

#endif
